//! Whatever a thief carried away: what keys in it open is looked at like what lies open, and "nothing" is said of what was looked
//! into only.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::site::photo;
use common::{Custodian, PASSPHRASE, files_below};

/// Base64 as mail has it.
fn wrapped(bytes: &[u8]) -> String {
    data_encoding::BASE64_MIME.encode(bytes)
}

fn safelight(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_safelight")).current_dir(folder).args(arguments).output();
    let output = output.expect("started");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn breach(folder: &Path, loot: &[&str]) -> serde_json::Value {
    let said = safelight(folder, &[&["breach", "--json", "--tries", "40"], loot].concat());
    serde_json::from_str(&said).expect("one object")
}

fn found<'v>(told: &'v serde_json::Value, attack: &str) -> &'v serde_json::Value {
    let attacks = told["attacks"].as_array().expect("attacks");
    let found = attacks.iter().find(|found| found["attack"] == attack).expect("tried");
    assert!(found["rate"].is_null(), "no rate without a truth: {found}");
    found
}

/// The same pictures show the same, whether they lie there or keys that lie there open them.
#[test]
fn originals_that_keys_in_the_loot_open_are_looked_at() {
    let custodian = Custodian::new();
    let folder = custodian.folder.path();
    safelight(folder, &["simulate", "--out", "photos", "-n", "8", "--seed", "9", "--quiet"]);
    safelight(folder, &["ingest", "photos", "--vault", "vault", "--pack", "site.pack", "--quiet"]);
    fs::create_dir(folder.join("open")).expect("made");
    for path in files_below(&folder.join("photos")).into_iter().filter(|path| path.extension() == Some("jpg".as_ref()))
    {
        fs::copy(&path, folder.join("open").join(path.file_name().expect("a name"))).expect("copied");
    }
    let open = breach(folder, &["open"]);
    let seen = &found(&open, "residual")["evidence"]["seen"];
    let faces = seen["faces"].as_u64().expect("a count");
    assert!(faces > 1 && seen["plates"].as_u64() > Some(1), "{seen}");

    // Sealed, without a passphrase: nothing comes out.
    let sealed = breach(folder, &["vault", "custody"]);
    assert_eq!((&sealed["breached"], &found(&sealed, "residual")["verdict"]), (&false.into(), &"nothing".into()));
    fs::write(folder.join("note.txt"), format!("vault: {PASSPHRASE}\n")).expect("written");
    let opened = breach(folder, &["vault", "custody", "note.txt"]);
    let residual = found(&opened, "residual");
    let by_keys = &residual["evidence"]["seen"];
    assert_eq!((&residual["verdict"], &by_keys["granted"]), (&"success".into(), &false.into()), "{residual}");
    assert_eq!((by_keys["pictures"].as_u64(), by_keys["looked_at"].as_u64()), (Some(8), Some(8)), "{by_keys}");
    // A thumbnail beside its picture shows what that shows.
    let plates = by_keys["plates"].as_u64();
    assert!(plates > Some(1) && plates <= seen["plates"].as_u64(), "{by_keys}");
    assert!(by_keys["faces"].as_u64() > Some(1) && by_keys["faces"].as_u64() <= Some(faces), "{by_keys}");
    // What lies open beside them does not keep anybody from looking.
    let both = breach(folder, &["vault", "custody", "note.txt", "open"]);
    let all = &found(&both, "residual")["evidence"]["seen"];
    assert_eq!(all["pictures"].as_u64(), seen["pictures"].as_u64().map(|open| open + 8), "{all}");
    // Which plates they are, keys do not tell.
    let shown = safelight(folder, &["breach", "vault", "custody", "note.txt", "--tries", "1", "--show-findings"]);
    let line = shown.lines().skip_while(|line| !line.contains("See plates and faces")).nth(1).expect("a line");
    assert!(!line.contains(" > "), "{shown}");
    // With a truth, its plates and faces are what is to be found.
    let told = safelight(
        folder,
        &["breach", "vault", "custody", "note.txt", "--json", "--tries", "40", "--truth", "photos/truth.jsonl"],
    );
    let told: serde_json::Value = serde_json::from_str(&told).expect("one object");
    let attacks = told["attacks"].as_array().expect("attacks");
    let residual = attacks.iter().find(|found| found["attack"] == "residual").expect("tried");
    assert_eq!((&residual["verdict"], &residual["evidence"]["game"]["granted"]), (&"success".into(), &false.into()));
    assert!(residual["rate"]["success"].as_f64() > Some(0.2), "{residual}");
}

fn wide(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn plates_in_clear_are_counted_in_any_encoding() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = "ABC1234\nGWT2180\nHPM9362";
    let table = "time,lane,plate\r\n2026-05-01T08:00:00Z,3,ABC1234\r\n2026-05-01T08:00:04Z,1,GWT2180\r\n\
        2026-05-01T08:00:09Z,3,HPM9362\r\n";
    let marked = |text: &str, unit: fn(u16) -> [u8; 2]| wide(&format!("\u{feff}{text}"), unit);
    for loot in [
        list.as_bytes().to_vec(),
        b"ABC 1234\nGWT 2180\nHPM 9362\n".to_vec(),
        table.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", table.as_bytes()].concat(),
        marked(list, u16::to_le_bytes),
        marked(table, u16::to_le_bytes),
        marked(table, u16::to_be_bytes),
        wide(table, u16::to_le_bytes),
        wide(table, u16::to_be_bytes),
    ] {
        fs::write(folder.path().join("loot"), &loot).expect("written");
        let told = breach(folder.path(), &["loot"]);
        let text = found(&told, "text");
        assert_eq!(text["evidence"]["text"]["plates"], 3, "{}: {text}", loot.escape_ascii());
        assert_eq!(
            (&text["verdict"], &told["breached"], &told["plates"]),
            (&"success".into(), &true.into(), &3.into())
        );
        let said = safelight(folder.path(), &["breach", "--tries", "40", "loot"]);
        assert!(said.contains("3 plates in clear") && said.contains("BREACHED: 3 plates"), "{said}");
    }
    // Of what looks like them, nothing is said.
    for text in [
        "sha256 sha384 sha512 aes256 hmac512 rsa4096\n",
        "RFC7539, RFC8032, RFC5869\n",
        "May 2019\nJun 2020\nJul 2021\n",
        "nothing at all",
    ] {
        fs::write(folder.path().join("loot"), text).expect("written");
        let told = breach(folder.path(), &["loot"]);
        assert_eq!(found(&told, "text")["evidence"]["text"]["plates"], 0, "{text}");
    }
}

#[test]
fn nothing_is_said_of_what_nobody_looked_into() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |offset: usize, sign: &[u8]| [&vec![7; offset], sign, &[9; 600]].concat();
    let jpeg = photo(1);
    let loot = [
        (at(0, b"SQLite format 3\0"), "1 database (SQLite)"),
        (at(4, b"Standard ACE DB\0"), "1 database (Access)"),
        (at(0, b"PGDMP"), "1 database (PostgreSQL)"),
        (at(0, b"%PDF-1.7\n"), "1 document (PDF)"),
        (at(0, b"GIF89a"), "1 picture (GIF, not decoded)"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf".to_vec(), "1 picture (AVIF)"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), "1 picture (HEIC)"),
        (at(0, b"\xff\x0a\xfa\x7f\x01"), "1 picture (JPEG XL, not decoded)"),
        (at(0, b"P6\n40 30\n255\n"), "1 picture (PNM)"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42isom".to_vec(), "1 video (MP4 or QuickTime)"),
        (at(0, b"\xff\xd8\xff\xe0\0\x10JFIF"), "1 picture (JPEG, not decoded)"),
        (wrapped(&jpeg).into_bytes(), "1 text with a picture in base64 (JPEG)"),
        (wide(&wrapped(&jpeg), u16::to_le_bytes), "1 text with a picture in base64 (JPEG)"),
    ];
    for (bytes, named) in &loot {
        fs::write(folder.path().join("loot"), bytes).expect("written");
        let said = safelight(folder.path(), &["breach", "--tries", "40", "loot"]);
        let ends = format!(
            "Nothing usable was obtained, but what {named} there holds was not looked into: unpack or convert first."
        );
        assert!(said.contains(&ends), "{named}: {said}");
        let told = breach(folder.path(), &["loot"]);
        assert_eq!(told["not_looked_into"][0]["files"], 1, "{named}: {told}");
    }
    // Several, and beside what was obtained.
    fs::create_dir(folder.path().join("all")).expect("made");
    for (number, (bytes, _)) in loot.iter().enumerate().chain([(20, &loot[0]), (21, &(jpeg, ""))]) {
        fs::write(folder.path().join(format!("all/{number}")), bytes).expect("written");
    }
    let said = safelight(folder.path(), &["breach", "--tries", "40", "all", "--report", "page.html"]);
    assert!(said.contains("BREACHED: 1 picture") && said.contains("2 databases (SQLite)"), "{said}");
    assert!(said.contains("2 texts with a picture in base64 (JPEG)"), "{said}");
    let page = fs::read_to_string(folder.path().join("page.html")).expect("a report");
    assert!(page.contains("2 databases (SQLite)"));
}
