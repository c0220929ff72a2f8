//! Finds what a human or a spreadsheet could read: runs of text, JSON, CSV, and tokens that look like hashes.
//!
//! Owns the classification of readable runs. Knows nothing of pictures or truth.

use std::ops::Range;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use crate::capture;

/// Shortest run that counts as text. In random bytes a run of 24 comes about once in 10¹⁰ bytes.
pub const MIN_RUN: usize = 24;

/// Readable: printable ASCII, tab, line ends. Other alphabets come as UTF-8 and are caught by their ASCII parts.
const fn readable(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)
}

/// Runs of at least [`MIN_RUN`] readable bytes that `bytes` random bytes hold on average.
pub fn runs_by_chance(bytes: u64) -> f64 {
    let p = 98.0 / 256.0;
    bytes as f64 * (1.0 - p) * f64::powi(p, MIN_RUN as i32)
}

/// Where the readable runs of `bytes` are that end after `from`.
pub fn runs(bytes: &[u8], from: usize) -> Vec<Range<usize>> {
    runs_of(bytes, from, MIN_RUN)
}

/// What stands in `bytes` as UTF-16 in either order and ends after `from`: runs of at least `least` readable characters of ASCII,
/// each as one byte.
pub fn wide_runs(bytes: &[u8], from: usize, least: usize) -> Vec<Vec<u8>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 1 < bytes.len() {
        let (high, low) = if bytes[at] == 0 { (0, 1) } else { (1, 0) };
        let pairs = bytes[at..].chunks_exact(2).take_while(|pair| pair[high] == 0 && readable(pair[low]));
        let run: Vec<u8> = pairs.map(|pair| pair[low]).collect();
        at += (2 * run.len()).max(1);
        if run.len() >= least && at > from {
            found.push(run);
        }
    }
    found
}

/// The same as [`runs`], of at least `least` bytes.
pub fn runs_of(bytes: &[u8], from: usize, least: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for end in (0..bytes.len()).filter(|&i| !readable(bytes[i])).chain([bytes.len()]) {
        if end - start >= least && end > from {
            found.push(start..end);
        }
        start = end + 1;
    }
    found
}

/// What a readable run holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// JSON objects and arrays, one a line or the run as a whole.
    pub json: u64,
    /// Rows of tables: at least three lines in succession with as many separators.
    pub rows: u64,
}

/// Looks for JSON and tables in a run.
pub fn classify(run: &[u8]) -> Content {
    let is_json = |text: &[u8]| {
        let text = text.trim_ascii();
        matches!(text.first(), Some(b'{' | b'['))
            && text.len() > 2
            && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
    };
    let lines: Vec<&[u8]> = run.split(|&b| b == b'\n').collect();
    let mut content = Content { json: lines.iter().filter(|l| is_json(l)).count() as u64, rows: 0 };
    if content.json == 0 && is_json(run) {
        content.json = 1;
    }
    if content.json == 0 {
        content.rows = [b',', b';', b'\t', b'|'].iter().map(|&sep| table_rows(&lines, sep)).max().unwrap_or(0);
    }
    content
}

fn table_rows(lines: &[&[u8]], separator: u8) -> u64 {
    let columns = |line: &&[u8]| memchr::memchr_iter(separator, line).count();
    let (mut rows, mut run, mut previous) = (0, 0u64, 0);
    for count in lines.iter().map(columns).chain([0]) {
        if count > 0 && count == previous {
            run += 1;
        } else {
            rows += if run >= 3 { run } else { 0 };
            run = u64::from(count > 0);
        }
        previous = count;
    }
    rows
}

/// Something that looks like a digest, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashLike {
    /// 8 to 32 bytes.
    pub bytes: Vec<u8>,
    /// How it was written.
    pub written: Written,
}

/// How a hash-like value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Written {
    /// Hexadecimal.
    Hex,
    /// Base64 in either alphabet.
    Base64,
    /// Crockford's base32.
    Base32,
    /// Bytes of a file that is not text.
    Raw,
}

/// Tokens of a readable run that look like digests of 8 to 32 bytes.
pub fn hash_likes(run: &[u8]) -> Vec<HashLike> {
    let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    run.split(|&b| !token(b)).filter_map(hash_like).collect()
}

fn hash_like(token: &[u8]) -> Option<HashLike> {
    // A tag such as `PL-` or `md5=` may stand before the value.
    let value = |t: &[u8]| {
        let mixed = t.iter().any(u8::is_ascii_digit) && t.iter().any(u8::is_ascii_alphabetic);
        if !mixed {
            return None;
        }
        let hex = t.len().is_multiple_of(2) && (16..=64).contains(&t.len());
        if let Some(bytes) = hex.then(|| HEXLOWER_PERMISSIVE.decode(t).ok()).flatten() {
            return Some(HashLike { bytes, written: Written::Hex });
        }
        // 16, 20 and 32 bytes; other lengths are too often words and paths.
        let both_cases = t.iter().any(u8::is_ascii_lowercase) && t.iter().any(u8::is_ascii_uppercase);
        if both_cases && matches!(t.len(), 22 | 24 | 27 | 28 | 43 | 44) {
            let decoded = BASE64.decode(t).or_else(|_| BASE64_NOPAD.decode(t)).or_else(|_| BASE64URL_NOPAD.decode(t));
            if let Some(bytes) = decoded.ok().filter(|b| matches!(b.len(), 16 | 20 | 32)) {
                return Some(HashLike { bytes, written: Written::Base64 });
            }
        }
        if t.len() == 26 && !both_cases {
            let bytes = capture::from_base32(std::str::from_utf8(t).ok()?)?.to_vec();
            return Some(HashLike { bytes, written: Written::Base32 });
        }
        None
    };
    let after_tag = |sep: u8| {
        let at = token.iter().position(|&b| b == sep).filter(|&at| at <= 8)?;
        value(&token[at + 1..])
    };
    value(token).or_else(|| after_tag(b'-')).or_else(|| after_tag(b'='))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn runs_are_found_between_noise_and_not_in_it() {
        let mut bytes = vec![0; 1 << 20];
        ChaCha8Rng::seed_from_u64(5).fill_bytes(&mut bytes);
        assert_eq!(runs(&bytes, 0).len(), 0);
        bytes.splice(777..777, *b"\0here are thirty readable bytes\0");
        let found = runs(&bytes, 0);
        assert_eq!((found.len(), found.first()), (1, Some(&(778..808))));
        assert_eq!(runs(&bytes, 900).len(), 0);
    }

    #[test]
    fn wide_text_is_found_in_both_orders_and_wherever_it_begins() {
        let text = "time;plate\n1;ABC1234\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for wide in [little, big] {
            for before in [&b""[..], b"\0", b"\xff", b"\xff\xfe", b"\0\0\0", b"noise "] {
                let found = wide_runs(&[before, &wide, b"\xff"].concat(), 0, 16);
                assert_eq!(found.len(), 1, "{before:?}");
                // Of a byte too many before it, the last character may not be told from it.
                let read = String::from_utf8_lossy(&found[0]);
                assert!(read.contains(text[1..].trim_end()), "{before:?}: {read:?}");
            }
        }
        assert!(wide_runs(text.as_bytes(), 0, 16).is_empty());
    }

    #[test]
    fn json_and_tables_are_told_from_prose() {
        assert_eq!(classify(b"{\"a\":1}\n{\"b\":2}\n"), Content { json: 2, rows: 0 });
        assert_eq!(classify(b"{\n \"a\": [1,\n 2]\n}"), Content { json: 1, rows: 0 });
        assert_eq!(classify(b"file,plate\n1.jpg,A\n2.jpg,B\n"), Content { json: 0, rows: 3 });
        assert_eq!(classify(b"Nothing to see here, move along.\nReally, nothing.\n"), Content::default());
    }

    #[test]
    fn hashes_are_recognised_in_every_spelling() {
        let digest: Vec<u8> = (0..16u8).map(|i| i.wrapping_mul(17).wrapping_add(3)).collect();
        let hex = data_encoding::HEXUPPER.encode(&digest);
        let b64 = BASE64.encode(&digest);
        let b32 = capture::to_base32(&digest.clone().try_into().expect("16"));
        let line = format!("x.jpg,{hex},\"{b64}\", PL-{b32} word 20190503142205 lane-3");
        let found = hash_likes(line.as_bytes());
        assert_eq!(
            found.iter().map(|h| h.written).collect::<Vec<_>>(),
            [Written::Hex, Written::Base64, Written::Base32]
        );
        assert!(found.iter().all(|h| h.bytes == digest));
    }
}
