//! After a whole run nothing that was plain is on any disk: not in the vault, the site's pack, an export or a report; and there
//! is no temporary folder at all. The same search finds everything in the plain folder, so it can find things.
//!
//! What is written on the way, and removed again, `tests/campaign` looks at.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aho_corasick::AhoCorasick;
use common::{PASSPHRASE, files_below};
use serde_json::Value;

const IMAGES: usize = 24;

fn safelight(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_safelight"))
        .current_dir(folder)
        .env("SAFELIGHT_PASSPHRASE", PASSPHRASE)
        // There is none: whoever wants to write there fails.
        .env("TMPDIR", folder.join("tmp"))
        .args(arguments)
        .output()
        .expect("started");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What must not be found: plates, file names, times, places, and three pieces of each picture's file, of which one is its head.
fn secrets(pictures: &Path) -> BTreeSet<Vec<u8>> {
    let truth = fs::read_to_string(pictures.join("truth.jsonl")).expect("the truth");
    let mut secrets = BTreeSet::new();
    for line in truth.lines() {
        let row: Value = serde_json::from_str(line).expect("a line of JSON");
        let path = row["path"].as_str().expect("a path");
        secrets.insert(path.as_bytes().to_vec());
        let name = Path::new(path).file_stem().expect("a name").to_string_lossy();
        secrets.insert(name.as_bytes().to_vec());
        secrets.insert(name.encode_utf16().flat_map(u16::to_le_bytes).collect());
        for plate in row["regions"].as_array().expect("regions").iter().filter_map(|region| region["text"].as_str()) {
            // Four characters turn up in random bytes by chance; five do so once in a terabyte.
            if plate.len() >= 5 {
                secrets.insert(plate.as_bytes().to_vec());
                secrets.insert(plate.to_lowercase().into_bytes());
                secrets.insert(data_encoding::HEXLOWER.encode(plate.as_bytes()).into_bytes());
            }
        }
        let file = fs::read(pictures.join(path)).expect("the picture");
        for at in [0, file.len() / 3, file.len() / 2] {
            secrets.insert(file[at..at + 24].to_vec());
        }
    }
    let mut table = csv::Reader::from_path(pictures.join("captures.csv")).expect("the table");
    let columns = table.headers().expect("a header").clone();
    for row in table.records().map(|row| row.expect("a row")) {
        let cell = |name: &str| columns.iter().position(|column| column == name).map(|at| &row[at]).expect("a column");
        secrets.insert(cell("site").as_bytes().to_vec());
        let time: jiff::Timestamp = cell("timestamp").parse().expect("a time");
        let milliseconds = time.as_millisecond();
        secrets.insert(cell("timestamp").as_bytes().to_vec());
        secrets.insert(time.strftime("%Y-%m-%d").to_string().into_bytes());
        secrets.insert(time.strftime("%Y:%m:%d").to_string().into_bytes());
        secrets.insert(milliseconds.to_string().into_bytes());
        secrets.insert(milliseconds.to_le_bytes()[..6].to_vec());
        secrets.insert(milliseconds.to_be_bytes()[2..].to_vec());
        secrets.insert(time.as_second().to_string().into_bytes());
    }
    secrets
}

fn found_in(folder: &Path, search: &AhoCorasick) -> Vec<(PathBuf, usize)> {
    let mut found = Vec::new();
    for path in files_below(folder) {
        let name = path.file_name().expect("a name").as_encoded_bytes().to_vec();
        let bytes = fs::read(&path).expect("read");
        for haystack in [&name, &bytes] {
            found.extend(search.find_overlapping_iter(haystack).map(|m| (path.clone(), m.pattern().as_usize())));
        }
    }
    found
}

#[test]
fn nothing_plain_is_left_on_any_disk() {
    let root = tempfile::tempdir().expect("a folder");
    let at = root.path();
    let count = IMAGES.to_string();
    safelight(at, &["simulate", "--out", "pictures", "-n", &count, "--seed", "11", "--size", "640x360"]);
    safelight(at, &["custody", "init", "--custody", "custody"]);
    safelight(at, &["custody", "pack", "--custody", "custody", "--site", "Test Port", "-o", "site.pack"]);
    safelight(at, &["custody", "recipient", "-o", "partner.key"]);
    safelight(at, &["ingest", "pictures", "--vault", "vault", "--pack", "site.pack", "--commit-bytes", "300000"]);
    let export = [
        "export",
        "--vault",
        "vault",
        "--custody",
        "custody",
        "--to",
        "partner.pub",
        "--view",
        "full",
        "--purpose",
        "a test",
        "-o",
        "copy",
    ];
    safelight(at, &export);
    safelight(at, &["search", "--vault", "vault", "--custody", "custody"]);
    safelight(at, &["check", "--vault", "vault", "--deep", "--custody", "custody"]);
    safelight(at, &["breach", "vault", "--truth", "pictures/truth.jsonl", "--report", "report.html"]);

    let secrets = secrets(&at.join("pictures"));
    let search = AhoCorasick::builder().build(&secrets).expect("a search");
    let shown: Vec<_> = secrets.iter().map(|secret| String::from_utf8_lossy(secret)).collect();
    assert!(!at.join("tmp").exists(), "somebody made a temporary folder");
    for place in ["vault", "copy", "custody"] {
        let found = found_in(&at.join(place), &search);
        assert!(found.is_empty(), "{place}: {:?}", found.iter().map(|(p, s)| (p, &shown[*s])).collect::<Vec<_>>());
    }
    for file in ["site.pack", "partner.key", "partner.pub", "report.html"] {
        let bytes = fs::read(at.join(file)).expect("read");
        let found: Vec<_> = search.find_overlapping_iter(&bytes).map(|m| &shown[m.pattern().as_usize()]).collect();
        assert!(found.is_empty(), "{file}: {found:?}");
    }

    // The search works: in the plain folder it finds every single one of them that is there.
    let plain: BTreeSet<usize> = found_in(&at.join("pictures"), &search).into_iter().map(|(_, s)| s).collect();
    let pieces = secrets.iter().enumerate().filter(|(_, secret)| secret.len() == 24).map(|(at, _)| at);
    assert!(pieces.clone().count() >= 2 * IMAGES && pieces.clone().all(|piece| plain.contains(&piece)));
    // And the days in the cameras' own notes.
    let is_day = |word: &str| word.len() == 10 && word.as_bytes()[4] == b':';
    assert!(shown.iter().enumerate().any(|(at, word)| is_day(word) && plain.contains(&at)));
}
