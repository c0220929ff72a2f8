//! Wycheproof's test vectors, run through the primitives that we use, as we use them.
//!
//! They are third-party data and not part of this repository: `../shared/data/vectors`, or the folder that
//! `SAFELIGHT_VECTORS` names. Without them the tests say so and pass.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use data_encoding::HEXLOWER;
use safelight::seal::{BodyError, BodyReader, SectionKey};
use serde_json::Value;
use sha2::{Digest, Sha512};

fn vectors(name: &str) -> Option<Value> {
    let folder = std::env::var_os("SAFELIGHT_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vectors"), PathBuf::from);
    let Ok(text) = fs::read(folder.join(name)) else {
        eprintln!("skipped: no {name}");
        return None;
    };
    Some(serde_json::from_slice(&text).expect("JSON"))
}

fn bytes(test: &Value, field: &str) -> Vec<u8> {
    HEXLOWER.decode(test[field].as_str().expect("a hexadecimal field").as_bytes()).expect("hexadecimal")
}

fn tests(vectors: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = vectors["testGroups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["tests"].as_array().expect("tests").iter().map(move |test| (group, test)))
}

/// Opens a whole body through the reader that opens sections.
fn open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut reader = BodyReader::new(&SectionKey::from_bytes(key), context, Cursor::new(sealed))?;
    let mut plain = vec![0; usize::try_from(reader.plain_len()).expect("it is in memory")];
    reader.read_at(&mut plain, 0)?;
    Ok(plain)
}

#[test]
fn chunked_encryption() {
    let Some(vectors) = vectors("c2sp_chunked_encryption_aes_256_gcm_test.json") else { return };
    let mut run = 0;
    for (_, test) in tests(&vectors) {
        let name = format!("{} {}", test["tcId"], test["comment"]);
        let flags: Vec<&str> = test["flags"].as_array().expect("flags").iter().filter_map(Value::as_str).collect();
        let Ok(key) = <[u8; 32]>::try_from(bytes(test, "key")) else {
            // Our key type has no other size.
            assert!(flags.contains(&"InvalidKeySize"), "{name}");
            continue;
        };
        let mut sealed = Vec::new();
        let deflated = bytes(test, "ct");
        flate2::read::ZlibDecoder::new(&deflated[..]).read_to_end(&mut sealed).expect("deflated");
        let opened = open(&key, &bytes(test, "ctx"), &sealed);
        if test["result"] == "valid" {
            let plain = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(HEXLOWER.encode(&Sha512::digest(&plain)), test["msgSha512"].as_str().expect("a hash"), "{name}");
        } else {
            let error = opened.expect_err(&name);
            let in_head = flags.contains(&"HeaderFailure") && !flags.contains(&"Truncation");
            assert_eq!(matches!(error, BodyError::Commitment), in_head, "{name}: {error}");
        }
        run += 1;
    }
    assert_eq!(run, 33);
}

#[test]
fn aes_256_gcm() {
    let Some(vectors) = vectors("aes_gcm_test.json") else { return };
    let mut run = 0;
    for (group, test) in tests(&vectors) {
        if (&group["keySize"], &group["ivSize"], &group["tagSize"]) != (&256.into(), &96.into(), &128.into()) {
            continue;
        }
        let cipher = aes_gcm::Aes256Gcm::new_from_slice(&bytes(test, "key")).expect("32 bytes");
        let nonce: [u8; 12] = bytes(test, "iv").try_into().expect("12 bytes");
        let (aad, message) = (bytes(test, "aad"), bytes(test, "msg"));
        let sealed = [bytes(test, "ct"), bytes(test, "tag")].concat();
        let opened = cipher.decrypt(&nonce.into(), Payload { msg: &sealed, aad: &aad });
        if test["result"] == "valid" {
            assert_eq!(opened.expect("valid"), message, "{}", test["tcId"]);
            let ours = cipher.encrypt(&nonce.into(), Payload { msg: &message, aad: &aad }).expect("sealed");
            assert_eq!(ours, sealed, "{}", test["tcId"]);
        } else {
            assert!(opened.is_err(), "{}", test["tcId"]);
        }
        run += 1;
    }
    assert_eq!(run, 66);
}
