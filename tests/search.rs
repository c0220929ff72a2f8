//! `safelight search --plate`: whatever the plate is asked for with, it is found, or it is said why not.

mod common;

use std::process::{Command, Stdio};

use common::site::Ended;
use common::{Custodian, PASSPHRASE, capture};
use safelight::capture::PlateText;
use safelight::vault::record::PseudonymRecord;
use safelight::vault::{SealingOptions, SealingVault};
use serde_json::Value;

/// A vault with a capture of each plate.
fn sealed(plates: &[&str]) -> Custodian {
    let custodian = Custodian::new();
    let mut vault =
        SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("the vault opens");
    for (number, plate) in (0..).zip(plates) {
        let mut record = capture(number, None);
        let keys = custodian.keyring.epoch_keys(record.catalogue.epoch).expect("an epoch");
        let value = keys.plate(&PlateText::canonical(plate).expect("a plate")).0;
        record.catalogue.regions[0].pseudonyms = vec![PseudonymRecord { value, probability: 90 }];
        vault.append(record).expect("taken");
    }
    vault.finish().expect("closed");
    custodian
}

fn search(custodian: &Custodian, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["search", "--vault", "vault", "--custody", "custody"]).args(args);
    command.current_dir(custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
    Ended::of(command.output().expect("the command runs"))
}

/// The spellings that were found, each once.
fn found(custodian: &Custodian, args: &[&str]) -> Vec<String> {
    let run = search(custodian, &[args, &["--json"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let answer: Value = serde_json::from_str(&run.stdout).expect("an object");
    let hits = answer["hits"].as_array().expect("hits");
    let mut found: Vec<_> =
        hits.iter().map(|hit| hit["matched"]["spelling"].as_str().expect("text").to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_plate_is_found_however_it_is_written_and_by_what_is_known_of_it() {
    let custodian = sealed(&["BAO123", "ABC1234", "ABD1234", "ABC123", "XYZ9"]);
    for written in ["bäö-123", "ВАО 123", "ＢＡＯ１２３"] {
        assert_eq!(found(&custodian, &["--plate", written, "--exact"]), ["BAO123"], "{written}");
    }
    assert_eq!(found(&custodian, &["--plate", "AB?1234"]), ["ABC1234", "ABD1234"]);
    assert_eq!(found(&custodian, &["--plate", "AB?123*"]), ["ABC123", "ABC1234", "ABD1234"]);
    assert_eq!(found(&custodian, &["--plate", "*Z9"]), ["XYZ9"]);
    assert_eq!(found(&custodian, &["--plate", "ABC123", "--fuzzy", "1"]), ["ABC123", "ABC1234"]);
    assert_eq!(found(&custodian, &["--plate", "ABC123", "--fuzzy", "2"]), ["ABC123", "ABC1234", "ABD1234"]);
    assert_eq!(found(&custodian, &["--plate", "Q????"]), Vec::<String>::new());
    let run = search(&custodian, &["--plate", "AB?123*"]);
    assert!(run.stderr.contains("a * as up to 3 characters"), "{run:?}");
    assert!(run.stderr.contains("`safelight open --identity` tells the name of the file"), "{run:?}");
    assert!(run.stdout.contains("read as ABD1234, 90 %"), "{run:?}");
    search(&custodian, &["--plate", "AБ 12"]).failed(2, "'Б' (U+0411)", "Latin letters");
    search(&custodian, &["--plate", "?????"]).failed(2, "more than the 10,000,000 spellings", "more of the plate");
    search(&custodian, &["--plate", "A*", "--fuzzy", "1"]).failed(2, "pattern cannot be fuzzy", "not both");
    // Each is one look, and how many spellings it tried is on record; no plate is.
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["audit", "show", "--details", "--custody", "custody", "--json", "--entries", "100"]);
    command.current_dir(custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
    let shown = Ended::of(command.output().expect("the command runs")).stdout;
    assert!(shown.contains("pattern of 36 spellings") && shown.contains("within 1 change"), "{shown}");
    assert!(!shown.contains("ABC123") && !shown.contains("AB?1"), "{shown}");
}
