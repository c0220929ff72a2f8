//! `safelight search --plate`: whatever the plate is asked for with, it is found, or it is said why not.

mod common;

use std::process::{Command, Stdio};

use common::site::Ended;
use common::{Custodian, PASSPHRASE, capture};
use safelight::capture::PlateText;
use safelight::custody::{PackRequest, RecipientKeys};
use safelight::pseudonym::EpochKeys;
use safelight::vault::record::{CatalogueRecord, PseudonymRecord};
use safelight::vault::{SealingOptions, SealingVault};
use serde_json::Value;

/// A vault with a capture of each plate.
fn sealed(plates: &[&str]) -> Custodian {
    sealed_with(plates, |_, _, _| ())
}

/// The same, changed before it is sealed.
fn sealed_with(plates: &[&str], change: impl Fn(u64, &EpochKeys, &mut CatalogueRecord)) -> Custodian {
    let custodian = Custodian::new();
    let mut vault =
        SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("the vault opens");
    for (number, plate) in (0..).zip(plates) {
        let mut record = capture(number, None);
        let keys = custodian.keyring.epoch_keys(record.catalogue.epoch).expect("an epoch");
        let value = keys.plate(&PlateText::canonical(plate).expect("a plate")).0;
        record.catalogue.regions[0].pseudonyms = vec![PseudonymRecord { value, probability: 90 }];
        change(number, &keys, &mut record.catalogue);
        vault.append(record).expect("taken");
    }
    vault.finish().expect("closed");
    custodian
}

fn search(custodian: &Custodian, args: &[&str]) -> Ended {
    run(custodian, &[&["search", "--vault", "vault", "--custody", "custody"], args].concat())
}

fn run(custodian: &Custodian, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(args);
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
    assert!(run.stderr.contains("a * as up to 4 characters"), "{run:?}");
    assert!(run.stderr.contains("`safelight open --identity` tells the name of the file"), "{run:?}");
    assert!(run.stdout.contains("read as ABD1234, 90 %"), "{run:?}");
    search(&custodian, &["--plate", "AБ 12"]).failed(2, "'Б' (U+0411)", "Latin letters");
    search(&custodian, &["--plate", "??????"]).failed(2, "more than the 100,000,000 spellings", "more of the plate");
    search(&custodian, &["--plate", "A*", "--fuzzy", "1"]).failed(2, "pattern cannot be fuzzy", "not both");
    search(&custodian, &["--plate", "A*", "--exact"]).failed(2, "pattern has no exact spelling", "not both");
    // Each is one look, and how many spellings it tried is on record; no plate is.
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["audit", "show", "--details", "--custody", "custody", "--json", "--entries", "100"]);
    command.current_dir(custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
    let shown = Ended::of(command.output().expect("the command runs")).stdout;
    assert!(shown.contains("pattern of 36 spellings") && shown.contains("within 1 change"), "{shown}");
    assert!(!shown.contains("ABC123") && !shown.contains("AB?1"), "{shown}");
}

/// All readings of a plate are searched, and of those that fit the likeliest is shown.
#[test]
fn of_all_readings_that_fit_the_likeliest_is_shown() {
    let readings = [("VOV747", 0), ("Y0V747", 7), ("YOV747", 92), ("V0V747", 1)];
    let custodian = sealed_with(&["XYZ9"], |_, keys, record| {
        let read = |(text, probability): (&str, u8)| {
            let value = keys.plate(&PlateText::canonical(text).expect("a plate")).0;
            PseudonymRecord { value, probability }
        };
        record.regions[0].pseudonyms = readings.map(read).to_vec();
    });
    let likeliest = |asked: &[&str], spelling: &str, percent: u64| {
        let run = search(&custodian, &[&["--json", "--plate"], asked].concat());
        assert_eq!(run.code, Some(0), "{asked:?}: {run:?}");
        let answer: Value = serde_json::from_str(&run.stdout).expect("an object");
        let matched = &answer["hits"][0]["matched"];
        assert_eq!(matched["spelling"], spelling, "{asked:?}: {answer}");
        assert_eq!((matched["probability"].as_f64().expect("a share") * 100.0).round() as u64, percent, "{asked:?}");
    };
    for pattern in ["???747", "?OV747", "Y?V747", "Y?V7??", "Y*"] {
        likeliest(&[pattern], "YOV747", 92);
    }
    likeliest(&["V?V747"], "V0V747", 1);
    // The nearest of those that are near; of equally near ones the likeliest.
    likeliest(&["VOV747", "--fuzzy", "1"], "VOV747", 0);
    likeliest(&["7OV747", "--fuzzy", "1"], "YOV747", 92);
    let run = search(&custodian, &["--json", "--plate", "Y?V747"]);
    assert!(
        run.stdout.contains("\"tried\":\"pattern of 36 spellings\"")
            || run.stdout.contains("\"tried\": \"pattern of 36 spellings\""),
        "{run:?}"
    );
}

/// What comes of an option.
#[derive(Clone, Copy)]
enum Then {
    /// So many captures.
    Found(usize),
    /// Nothing, which is no answer: exit code 1.
    Unknown,
    /// Refused with this exit code; the remedy names what to use.
    Refused(i32, &'static str),
    /// Not tried here: it needs what this custodian has not.
    Elsewhere,
}

/// Every option of `search` acts or is refused, whoever holds the key: one that is taken and passed over gives innocent captures
/// as hits.
#[test]
fn every_option_of_search_acts_or_is_refused() {
    use Then::{Elsewhere, Found, Refused, Unknown};
    const DAY: i64 = 86_400_000;
    let custodian = sealed_with(&["ABC1234", "ABD1234", "XYZ9", "BAO123"], |number, _, record| {
        record.captured_at = Some(1_700_006_400_000 + number as i64 * DAY);
        record.site = Some(if number == 3 { "South" } else { "North Bridge" }.to_owned());
    });
    let done = |args: &[&str]| {
        let ended = run(&custodian, args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.stdout
    };
    done(&["custody", "recipient", "-o", "par.key", "--unencrypted"]);
    let export = ["export", "--vault", "vault", "--custody", "custody", "--view", "scene", "--purpose", "p"];
    let export = [&export[..], &["--to", "par.pub", "--json"]].concat();
    done(&[&export[..], &["-o", "copy"]].concat());
    done(&[&export[..], &["-o", "faces", "--regions", "faces"]].concat());

    let custodians = ["search", "--vault", "vault", "--custody", "custody", "--json"];
    let recipients = ["search", "--vault", "copy", "--key", "par.key", "--json"];
    let hits = |stdout: &str| -> Vec<Value> {
        let answer: Value = serde_json::from_str(stdout).expect("an object");
        answer["hits"].as_array().expect("hits").clone()
    };
    let id = custodian.keyring.custody().to_string();
    let pseudonyms = [&custodians[..], &recipients].map(|holder| {
        let first = &hits(&done(holder))[0];
        first["regions"][0]["pseudonyms"][0].as_str().expect("one").to_owned()
    });
    assert_ne!(pseudonyms[0], pseudonyms[1]);

    let instead = Refused(2, "--pseudonym");
    let keys = Refused(2, "leave it out");
    let none = "PL-00000000000000000000000000";
    let table: Vec<(Vec<&str>, [Then; 2])> = vec![
        (vec![], [Found(4), Found(4)]),
        (vec!["--plate", "ABC1234"], [Found(1), instead]),
        (vec!["--plate", "ZZZ99999"], [Found(0), instead]),
        (vec!["--plate", "AB?1234"], [Found(2), instead]),
        (vec!["--plate", "8AO123", "--exact"], [Found(0), instead]),
        (vec!["--plate", "ABX1234", "--fuzzy", "1"], [Found(2), instead]),
        (vec!["--pseudonym", none], [Found(0), Found(0)]),
        (vec!["--from", "2023-11-17"], [Found(2), Found(2)]),
        (vec!["--to", "2023-11-17"], [Found(2), Found(2)]),
        (vec!["--site", "South"], [Found(1), Found(1)]),
        (vec!["--site", "Nowhere"], [Unknown, Unknown]),
        (vec!["--custodian", &id], [Found(4), Found(4)]),
        (vec!["--custodian", "00000000000000000000000000"], [Refused(3, ""), Refused(3, "")]),
        (vec!["--over-budget"], [Elsewhere, keys]),
        (vec!["--confirm-date", "2023-11-17"], [Elsewhere, keys]),
        (vec!["--second-passphrase-file", "par.pub"], [Elsewhere, keys]),
        (vec!["--second-share", "par.pub"], [Elsewhere, keys]),
        (vec!["--share", "par.pub"], [Elsewhere, keys]),
        (vec!["--passphrase-file", "par.pub"], [Elsewhere, Elsewhere]),
    ];
    // Whoever adds an option adds what comes of it.
    let help = done(&["search", "--help"]);
    let listed = help.lines().filter(|line| line.starts_with("  ") && line.trim_start().starts_with('-'));
    let options = listed.filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--")));
    let always = ["--vault", "--custody", "--key", "--json", "--quiet", "--help", "--version"];
    let always = [&always[..], &["--pkcs11", "--token", "--pin-file"]].concat();
    for option in options.filter(|option| !always.contains(option)) {
        assert!(table.iter().any(|(args, _)| args.contains(&option)), "{option} is not in the table");
    }

    for (args, thens) in &table {
        for (holder, then) in [&custodians[..], &recipients].into_iter().zip(thens) {
            let ended = run(&custodian, &[holder, args].concat());
            match *then {
                Found(count) => {
                    assert_eq!(ended.code, Some(0), "{holder:?} {args:?}: {ended:?}");
                    assert_eq!(hits(&ended.stdout).len(), count, "{holder:?} {args:?}: {ended:?}");
                }
                Unknown => {
                    assert_eq!(ended.code, Some(1), "{holder:?} {args:?}: {ended:?}");
                    assert!(hits(&ended.stdout).is_empty(), "{holder:?} {args:?}: {ended:?}");
                }
                Refused(code, remedy) => {
                    ended.failed(code, "", remedy);
                    assert!(ended.stdout.is_empty(), "{holder:?} {args:?}: {ended:?}");
                }
                Elsewhere => {}
            }
        }
    }
    for (holder, pseudonym) in [&custodians[..], &recipients].into_iter().zip(&pseudonyms) {
        assert_eq!(hits(&done(&[holder, &["--pseudonym", pseudonym]].concat())).len(), 1);
    }
    // A copy without plates is not searched for one: nothing found there would say nothing.
    let faces = ["search", "--vault", "faces", "--key", "par.key", "--pseudonym", none];
    run(&custodian, &faces).failed(2, "no pseudonyms of plates", "--regions all");
    // The same keys, and the same refusals, of `open`; and what the custodian selects for a copy.
    let record = hits(&done(&recipients))[0]["record"].as_str().expect("an id").to_owned();
    let purpose = (vec!["--purpose", "p"], [Elsewhere, keys]);
    for (args, [_, then]) in table.iter().chain([&purpose]) {
        let Refused(2, remedy @ "leave it out") = *then else { continue };
        let open = ["open", &record, "--vault", "copy", "--key", "par.key", "-o", "never.jpg"];
        run(&custodian, &[&open[..], args].concat()).failed(2, "", remedy);
        assert!(!custodian.folder.path().join("never.jpg").exists());
    }
    for (at, (args, count)) in [(["--site", "South"], 1), (["--from", "2023-11-17"], 2), (["--until", "2023-11-17"], 2)]
        .into_iter()
        .enumerate()
    {
        let copy = format!("copy-{at}");
        let made = done(&[&export[..], &args, &["-o", &copy]].concat());
        let made: Value = serde_json::from_str(&made).expect("an object");
        assert_eq!(made["captures"], count, "{args:?}");
    }
    for (args, remedy) in [(["--site", "Nowhere"], "the site's pack"), (["--from", "2033-11-16"], "widen")] {
        run(&custodian, &[&export[..], &args, &["-o", "nothing"]].concat()).failed(2, "", remedy);
    }
}

/// What may be what was looked for is not passed over in silence: captures of which nobody noted the time, and such as could not be
/// examined.
#[test]
fn what_may_match_and_is_not_looked_at_is_counted() {
    let custodian = sealed_with(&["ABC1234", "ABC1234", "XYZ9", "BAO123"], |number, _, record| {
        record.captured_at = (number > 0).then_some(1_700_006_400_000);
        if number == 3 {
            (record.status, record.regions) = (safelight::vault::record::Status::Unreadable, Vec::new());
        }
    });
    let told = |args: &[&str]| {
        let run = search(&custodian, &[&["--json"], args].concat());
        let answer: Value = serde_json::from_str(&run.stdout).expect("an object");
        let count = |name: &str| answer[name].as_u64().expect("a number");
        (run.code, answer["hits"].as_array().expect("hits").len(), count("without_time"), count("unexamined"))
    };
    assert_eq!(told(&[]), (Some(0), 4, 0, 0));
    assert_eq!(told(&["--from", "2023-11-01"]), (Some(1), 3, 1, 0));
    assert_eq!(told(&["--plate", "ABC1234"]), (Some(1), 2, 0, 1));
    assert_eq!(told(&["--plate", "ABC1234", "--from", "2023-11-01"]), (Some(1), 1, 1, 1));
    assert_eq!(told(&["--plate", "AB?1234", "--from", "2033-11-01"]), (Some(1), 0, 1, 0));
    assert_eq!(told(&["--plate", "XYZ9", "--to", "2023-11-01"]), (Some(0), 0, 0, 0));
    let said = search(&custodian, &["--plate", "ABC1234", "--from", "2023-11-01"]);
    assert!(said.stderr.contains("for want of a time: 1 capture"), "{said:?}");
    assert!(said.stderr.contains("what 1 further capture shows nobody knows"), "{said:?}");

    let export =
        ["export", "--vault", "vault", "--custody", "custody", "--view", "metadata", "--purpose", "p", "--json"];
    assert_eq!(run(&custodian, &["custody", "recipient", "-o", "par.key", "--unencrypted"]).code, Some(0));
    let copy = run(&custodian, &[&export[..], &["--to", "par.pub", "--from", "2023-11-01", "-o", "copy"]].concat());
    let answer: Value = serde_json::from_str(&copy.stdout).expect("an object");
    assert_eq!((copy.code, answer["left_out_without_time"].as_u64()), (Some(1), Some(1)), "{copy:?}");
    assert!(copy.stderr.contains("for want of a time: 1 capture"), "{copy:?}");
}

/// "Nothing" of a site that nobody knows is no answer.
#[test]
fn a_site_that_nobody_knows_is_named() {
    let custodian = sealed(&["ABC1234"]);
    for site in ["north bridge", "North Brigde"] {
        let run = search(&custodian, &["--site", site, "--json"]);
        let said = format!("no site {site:?} is known to this keyring; known: \"North Bridge\"");
        assert!(run.code == Some(1) && run.stderr.contains(&said), "{run:?}");
        let answer: Value = serde_json::from_str(&run.stdout).expect("an object");
        assert_eq!(answer["unknown_site"], true, "{run:?}");
    }
    let none = search(&custodian, &["--site", "North Bridge", "--to", "2001-01-01"]);
    assert!(none.code == Some(0) && !none.stderr.contains("no site"), "{none:?}");
    RecipientKeys::generate().public().write(&custodian.folder.path().join("partner.pub")).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["export", "--vault", "vault", "--custody", "custody", "--to", "partner.pub", "--view", "scene"]);
    command.args(["--purpose", "a test", "--site", "north bridge", "-o", "copy"]);
    command.current_dir(custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
    let run = Ended::of(command.output().expect("the command runs"));
    run.failed(2, "no site \"north bridge\" is known to this keyring; known: \"North Bridge\"", "the site's pack");
    assert!(!custodian.folder.path().join("copy").exists());
}

/// A keyring from before a rotation opens what was sealed before it. Whatever else there is, no verb passes over in silence.
#[test]
fn what_an_older_keyring_does_not_open_is_said_by_every_verb() {
    let mut custodian = sealed(&["ABC1234"]);
    let folder = custodian.folder.path().to_owned();
    for path in common::files_below(&custodian.custody()) {
        let to = folder.join("older").join(path.strip_prefix(custodian.custody()).expect("below"));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        std::fs::copy(path, to).expect("copied");
    }
    let now = jiff::Timestamp::now();
    custodian.keyring.rotate(None, now).expect("rotated");
    let request = PackRequest { site: "North Bridge", valid_days: 30, now };
    let pack = custodian.keyring.issue_pack(&request, &folder.join("later.pack")).expect("issued");
    let mut vault = SealingVault::open(&custodian.vault(), &pack, SealingOptions::default()).expect("opens");
    let later = capture(1, None);
    let record = safelight::capture::CaptureId(later.catalogue.id).to_string();
    vault.append(later).expect("taken");
    vault.finish().expect("closed");
    assert_eq!(run(&custodian, &["custody", "recipient", "-o", "partner.key"]).code, Some(0));

    let closed = "1 segment not opened: their keys are elsewhere";
    for custody in ["older", "custody"] {
        let older = custody == "older";
        let copy = format!("copy-{custody}");
        let picture = format!("{custody}.jpg");
        let verbs: [&[&str]; 6] = [
            &["search"],
            &["--quiet", "search"],
            &["export", "--to", "partner.pub", "--view", "scene", "--purpose", "a test", "-o", &copy],
            &["impact", "vault"],
            &["expire", "--dry-run"],
            &["open", &record, "-o", &picture],
        ];
        for verb in verbs {
            let ended = run(&custodian, &[verb, &["--vault", "vault", "--custody", custody]].concat());
            assert_eq!(ended.stderr.contains(closed), older, "{verb:?}: {ended:?}");
            let code = if !older {
                0
            } else if verb[0] == "open" {
                2
            } else {
                1
            };
            assert_eq!(ended.code, Some(code), "{verb:?}: {ended:?}");
        }
    }
    // And where nothing is left to be copied.
    let export = [
        "export",
        "--to",
        "partner.pub",
        "--view",
        "scene",
        "--purpose",
        "a test",
        "-o",
        "none",
        "--site",
        "Elsewhere",
    ];
    let ended = run(&custodian, &[&export[..], &["--vault", "vault", "--custody", "older"]].concat());
    assert!(ended.code == Some(2) && ended.stderr.contains(closed), "{ended:?}");
}
