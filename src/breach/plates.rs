//! Plates that stand in text as they are: lists, tables, logs.
//!
//! Owns the words that look like plates, and the signs by which many of them are a list and neither program text, digests nor keys.
//! The thresholds were set on some 75,000 files of program text, documents and test data, of which four kinds of part numbers are
//! taken for plates. Keeps the words of one file only as long as it is counted.

use std::collections::{HashMap, HashSet};

use super::pattern::{Pattern, public_patterns};

/// Fewer readable characters in a row hold no list of plates.
pub const MIN_RUN: usize = 16;

/// Longest plate; shorter ones end in zeros.
type Word = [u8; 8];

/// Longest plate as it is written with blanks.
const SPACED: usize = 10;

/// Shortest plate.
const MIN_WORD: usize = 4;

/// Fewer plates are no list.
const FEWEST: usize = 3;

/// Of so many plates, no more different letters are asked for: some places put few of them on all.
const LETTERS: usize = 20;

/// Serials in use that are not worth enumerating, or too short for it.
const MASKS: [&str; 12] = [
    "LLDD", "LDDDD", "LLDDD", "LLLDD", "LDDDDD", "LLDDDL", "DDLLDD", "LDDDLL", "LLDDLL", "LDDDLLL", "DDLLLD", "LLLDLDD",
];

/// What stands before digits in names of methods, standards and files.
const NAMES: [&str; 22] = [
    "AES", "AVX", "CAM", "COL", "CRC", "CVE", "DES", "DSC", "ECC", "ED", "HMAC", "IMG", "ISO", "LANE", "MD", "PIC",
    "RFC", "ROW", "RSA", "SHA", "SSE", "UTF",
];

/// What was counted of a file's words.
#[derive(Default)]
pub struct Words {
    lines: u64,
    /// Lines with a word that looks like a plate.
    marked: u64,
    words: u64,
    /// Words of letters and digits that are as long as plates.
    mixed: u64,
    /// Of these, such as look like plates.
    hits: u64,
    /// Of these, such as are no hexadecimal digits.
    beyond_hex: u64,
    /// By mask, how many look like plates.
    masks: HashMap<Word, u64>,
    plates: HashSet<Word>,
    /// Their letters.
    letters: HashSet<Word>,
}

/// Knows which words look like plates.
pub struct Reader {
    masks: HashSet<Word>,
    names: HashSet<Word>,
}

impl Default for Reader {
    fn default() -> Self {
        let public =
            public_patterns().iter().map(Pattern::mask).filter_map(|mask| word(mask.bytes())).collect::<Vec<_>>();
        Self {
            masks: MASKS.iter().filter_map(|mask| word(mask.bytes())).chain(public).collect(),
            names: NAMES.iter().filter_map(|name| word(name.bytes())).collect(),
        }
    }
}

/// At most eight characters.
fn word(characters: impl Iterator<Item = u8>) -> Option<Word> {
    let mut word = Word::default();
    for (at, character) in characters.enumerate() {
        *word.get_mut(at)? = character;
    }
    Some(word)
}

impl Reader {
    /// Adds readable text to what was counted of its file.
    pub fn read(&self, text: &[u8], into: &mut Words) {
        // Times, addresses and paths are words of their own, and none of plates.
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || b".:_/+-=".contains(byte);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let before = into.hits;
            let tokens = || line.split(|byte| !part(byte)).filter(|token| !token.is_empty());
            // `ABC 1234`, `B-AB 1234`: a plate with a blank, alone on its line.
            if let (2..=3, true) = (tokens().count(), line.trim_ascii().len() <= SPACED) {
                into.words += 1;
                self.token(&tokens().collect::<Vec<_>>().concat(), into);
            } else {
                for token in tokens() {
                    into.words += 1;
                    self.token(token, into);
                }
            }
            into.lines += 1;
            into.marked += u64::from(into.hits > before);
        }
    }

    fn token(&self, token: &[u8], into: &mut Words) {
        let ends = |byte: &u8| !byte.is_ascii_alphanumeric();
        let start = token.iter().position(|byte| !ends(byte)).unwrap_or(token.len());
        let end = token.iter().rposition(|byte| !ends(byte)).map_or(start, |last| last + 1);
        let token = &token[start..end];
        // `ABC-1234`, `AB-12-CD`.
        let gaps = token.iter().filter(|byte| **byte == b'-').count();
        let letters = || token.iter().copied().filter(move |byte| gaps > 2 || *byte != b'-');
        let is = |of: fn(&u8) -> bool| letters().any(|byte| of(&byte));
        let one_case = !(is(u8::is_ascii_lowercase) && is(u8::is_ascii_uppercase));
        let mixed = is(u8::is_ascii_digit) && is(u8::is_ascii_alphabetic) && !is(|byte| !byte.is_ascii_alphanumeric());
        let Some(plate) = word(letters().map(|byte| byte.to_ascii_uppercase())) else { return };
        if !mixed || !one_case || plate[MIN_WORD - 1] == 0 {
            return;
        }
        into.mixed += 1;
        let used = || plate.into_iter().filter(|byte| *byte != 0);
        let mask = word(used().map(|byte| if byte.is_ascii_digit() { b'D' } else { b'L' })).unwrap_or_default();
        let letters = word(used().filter(u8::is_ascii_alphabetic)).unwrap_or_default();
        if self.masks.contains(&mask) && !self.names.contains(&letters) {
            into.hits += 1;
            into.beyond_hex += u64::from(letters.iter().any(|letter| *letter > b'F'));
            *into.masks.entry(mask).or_default() += 1;
            into.plates.insert(plate);
            into.letters.insert(letters);
        }
    }
}

impl Words {
    /// Adds what was counted elsewhere in the same file.
    pub fn merge(&mut self, other: Self) {
        let Self { lines, marked, words, mixed, hits, beyond_hex, masks, plates, letters } = other;
        self.lines += lines;
        self.marked += marked;
        self.words += words;
        self.mixed += mixed;
        self.hits += hits;
        self.beyond_hex += beyond_hex;
        masks.into_iter().for_each(|(mask, number)| *self.masks.entry(mask).or_default() += number);
        self.plates.extend(plates);
        self.letters.extend(letters);
    }

    /// The distinct plates, if there are any; of what is no list of them, none.
    pub fn plates(&self) -> impl Iterator<Item = &Word> {
        self.plates.iter().filter(|_| self.is_list())
    }

    /// Whether plates stand in at least every fifth line, or are half of all words; and the words that might be plates are, most of
    /// one pattern, most beyond hexadecimal digits, and with other letters each.
    fn is_list(&self) -> bool {
        let (plates, letters) = (self.plates.len(), self.letters.len());
        let common = self.masks.values().max().copied().unwrap_or(0);
        plates >= FEWEST
            && letters >= plates.div_ceil(2).clamp(FEWEST, LETTERS)
            && self.hits * 2 >= self.mixed
            && common * 2 >= self.hits
            && self.beyond_hex * 2 >= self.hits
            && (self.marked * 5 >= self.lines || self.hits * 2 >= self.words)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn plates(text: &[u8]) -> usize {
        let mut words = Words::default();
        Reader::default().read(text, &mut words);
        words.plates().count()
    }

    #[test]
    fn lists_tables_and_logs_are_plates_in_clear() {
        for list in [
            "ABC1234\nGWT2180\nHPM9362",
            "time,lane,plate\n2026-05-01T08:00:00Z,3,ABC1234\n2026-05-01T08:00:01Z,lane-3,GWT2180\n2026-05-01T08:00:05Z,3,HPM9362\n",
            "plates: ABC1234, GWT2180, HPM9362, ABC1234\n",
            "08:00 open\nseen abc-1234\nnothing\nseen gwt-2180\nclosed\nseen hpm-9362\n",
            "<tr>\n<td>1</td>\n<td>ABC1234</td>\n</tr>\n<tr>\n<td>GWT2180</td>\n</tr>\n<tr>\n<td>HPM9362</td>\n</tr>\n",
            "AB-12-CD\r\nGW-18-PT\r\nHP-62-XY\r\n",
        ] {
            assert!(plates(list.as_bytes()) >= 3, "{list}");
        }
    }

    #[test]
    fn names_digests_and_keys_are_none() {
        for text in [
            "sha256, aes256, rsa2048, hmac512\nsha512\naes128\n",
            "RFC7539\nRFC8032\nRFC5869\nISO8601\n",
            "IMG2041.jpg\nDSC0123.jpg\n",
            "ABC1234\nABC1235\nABC1236\nABC1237\nABC1238\nABC1239\nABC1240\n",
            "x25519\ned25519\nblake3\n",
        ] {
            assert_eq!(plates(text.as_bytes()), 0, "{text}");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for round in 0..400 {
            let mut key = vec![0; if round % 2 == 0 { 64 } else { 3000 }];
            rng.fill_bytes(&mut key);
            let hex = data_encoding::HEXLOWER.encode(&key);
            let codes = [
                hex.clone(),
                data_encoding::BASE64.encode(&key),
                data_encoding::BASE32.encode(&key),
                data_encoding::BASE64_MIME.encode(&key),
            ];
            for code in &codes {
                assert_eq!(plates(code.as_bytes()), 0, "{code}");
                for length in 4..=8 {
                    let groups: Vec<&[u8]> = code.as_bytes().chunks(length).collect();
                    assert_eq!(plates(&groups.join(&b' ')) + plates(&groups.join(&b'\n')), 0, "{code} by {length}");
                }
            }
        }
    }

    /// This program's own sources, tests with plates in them included, and what it is built of.
    #[test]
    fn program_text_is_none() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = 0;
        for folder in
            ["src", "tests", "benches", "docs", "training", "Cargo.lock", "Cargo.toml", "README.md", "SECURITY.md"]
        {
            for entry in walkdir::WalkDir::new(root.join(folder)).into_iter().filter_map(Result::ok) {
                let ends = entry.path().extension().and_then(|end| end.to_str());
                if ends.is_some_and(|end| ["rs", "md", "toml", "lock", "py", "css", "trycmd"].contains(&end)) {
                    let text = std::fs::read(entry.path()).expect("read");
                    assert_eq!(plates(&text), 0, "{}", entry.path().display());
                    files += 1;
                }
            }
        }
        assert!(files > 200);
    }
}
