//! The theft of 2019, tried again: a contractor who may look copies six weeks, by export or record by record, and stops at
//! the budget. Through the command line, as it would be done.

mod common;

use std::path::PathBuf;
use std::process::{Command, Output};

use common::{CHEAP, Custodian, PASSPHRASE, capture};
use safelight::audit::{AuditLog, LogKey, Verb, Verdict};
use safelight::capture::CaptureId;
use safelight::custody::{Egress, Passphrase, Policy, PurposeBudget, RecipientKeys, SlotRole, SlotTerms};
use safelight::vault::{SealingOptions, SealingVault};
use serde_json::Value;

/// Six weeks of one lane, in small: ten records a day.
const CAPTURES: u64 = 420;
const BUDGET: u64 = 50;

struct Agency {
    custodian: Custodian,
}

impl Agency {
    fn new() -> Self {
        let mut custodian = Custodian::new();
        let unstated = PurposeBudget { name: "unstated".to_owned(), records_per_day: 0 };
        let egress = Egress { records_per_day: BUDGET, purposes: vec![unstated] };
        custodian
            .keyring
            .set_policy(Policy { egress: Some(egress), ..Policy::default() }, jiff::Timestamp::now())
            .expect("a sound policy");
        let mut vault =
            SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
        for number in 0..CAPTURES {
            vault.append(capture(number, None)).expect("taken");
        }
        vault.finish().expect("closed");
        let keys = RecipientKeys::generate();
        keys.public().write(&custodian.folder.path().join("contractor.pub")).expect("written");
        Self { custodian }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.custodian.folder.path().join(name)
    }

    fn run(&self, passphrase: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(self.custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", passphrase);
        command.env_remove("SAFELIGHT_SECOND_PASSPHRASE").stdin(std::process::Stdio::null());
        command.output().expect("safelight runs")
    }

    /// Runs a verb of the custodian; its exit code and what it said.
    fn custodian(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(PASSPHRASE, args);
        (output.status.code().expect("an exit code"), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Exports what was captured in the first so many milliseconds, one record each.
    fn export(&self, captures: u64, purpose: &str, to: &str) -> (i32, String) {
        self.export_with(captures, purpose, to, &[])
    }

    fn export_with(&self, captures: u64, purpose: &str, to: &str, more: &[&str]) -> (i32, String) {
        let until = jiff::Timestamp::from_millisecond(1_700_000_000_000 + captures as i64).expect("a time").to_string();
        let mut args = vec!["export", "--vault", "vault", "--custody", "custody", "--to", "contractor.pub"];
        args.extend(["--view", "scene", "--purpose", purpose, "--until", &until, "-o", to]);
        args.extend(more);
        self.custodian(&args)
    }

    fn open(&self, number: u64, purpose: Option<&str>, to: &str) -> (i32, String) {
        let mut id = [0xc0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let id = CaptureId(id).to_string();
        let mut args = vec!["open", &id, "--vault", "vault", "--custody", "custody", "-o", to];
        args.extend(purpose.map(|purpose| ["--purpose", purpose]).into_iter().flatten());
        self.custodian(&args)
    }

    fn entries(&self) -> Vec<(Verb, u64, Verdict)> {
        let key = LogKey::of(self.custodian.keyring.verifying_key());
        let recordings = AuditLog::of(&self.custodian.custody()).entries_since(&key, 0).expect("read");
        recordings.iter().map(|r| (r.entry.verb, r.entry.records, r.entry.verdict)).collect()
    }

    fn today(&self) -> Value {
        let shown = self.run("", &["audit", "show", "--custody", "custody", "--json", "--days", "2"]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        shown["days"].as_array().and_then(|days| days.last()).expect("today").clone()
    }
}

#[test]
fn six_weeks_stop_at_the_budget() {
    let agency = Agency::new();
    let gone = |name: &str| !agency.at(name).exists();

    // All at once.
    let (code, said) = agency.export(CAPTURES, "maintenance", "everything");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("50 records a day") && said.contains("420 more"), "{said}");
    assert!(gone("everything"));

    // What an investigation needs is no trouble.
    let (code, said) = agency.export(BUDGET - 2, "case 7", "case-7");
    assert_eq!(code, 0, "{said}");

    // Then record by record: two more, and no third, whatever it is said to be for.
    for (number, expected) in [(100, 0), (101, 0), (102, 3), (103, 3)] {
        let file = format!("{number}.jpg");
        let (code, said) = agency.open(number, Some(&format!("errand {number}")), &file);
        assert_eq!(code, expected, "{number}: {said}");
        assert_eq!(gone(&file), expected != 0, "{number}");
    }
    // Without a reason nothing leaves at all.
    let (code, said) = agency.open(105, None, "105.jpg");
    assert!(code == 3 && said.contains("for the purpose \"unstated\"") && gone("105.jpg"), "{said}");

    use Verb::{Begin, Export, Open};
    use Verdict::{Done, Refused};
    let expected = [
        (Begin, 0, Done),
        (Export, 420, Refused),
        (Export, 48, Done),
        (Open, 1, Done),
        (Open, 1, Done),
        (Open, 1, Refused),
        (Open, 1, Refused),
        (Open, 1, Refused),
    ];
    assert_eq!(agency.entries(), expected);
    let today = agency.today();
    assert_eq!((&today["exported"], &today["opened"], &today["refused"]), (&48.into(), &2.into(), &423.into()));
    let (code, said) = agency.custodian(&["audit", "verify", "--custody", "custody", "--max-age", "0"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn two_holders_go_on_beyond_the_budget_and_the_log_says_so() {
    let mut agency = Agency::new();
    let terms = SlotTerms { role: SlotRole::Second, label: None, now: jiff::Timestamp::now() };
    let second = Passphrase::new("the comptroller's own".to_owned());
    let draft = agency.custodian.keyring.draft_passphrase_slot(&second, CHEAP, terms).expect("drafted");
    agency.custodian.keyring.add_slot(draft).expect("added");
    std::fs::write(agency.at("second"), "the comptroller's own\n").expect("written");
    std::fs::write(agency.at("first"), PASSPHRASE).expect("written");

    // A second holder who is there for another reason has not agreed to this.
    let there = ["--second-passphrase-file", "second"];
    let (code, said) = agency.export_with(CAPTURES, "evacuation", "refused", &there);
    assert!(code == 3 && said.contains("--over-budget"), "{said}");
    // Nor can one holder agree alone, or twice.
    for alone in [&["--over-budget"][..], &["--over-budget", "--second-passphrase-file", "first"]] {
        let (code, said) = agency.export_with(CAPTURES, "evacuation", "refused", alone);
        assert_eq!(code, 3, "{said}");
    }
    assert!(!agency.at("refused").exists());

    let both = ["--over-budget", "--second-passphrase-file", "second"];
    let (code, said) = agency.export_with(CAPTURES, "evacuation", "copy", &both);
    assert_eq!(code, 0, "{said}");
    assert!(agency.at("copy").join("manifest").exists());
    assert_eq!(agency.entries().last(), Some(&(Verb::Export, CAPTURES, Verdict::Overridden)));
    assert_eq!(agency.today()["overridden"], CAPTURES);
}

#[test]
fn a_look_that_cannot_be_put_on_record_does_not_take_place() {
    let agency = Agency::new();
    let (code, _) = agency.open(1, Some("case 7"), "first.jpg");
    assert_eq!(code, 0);
    // A log that does not authenticate is not written on.
    let bundle = agency.at("custody/audit/tile/0/000.p/2");
    std::fs::write(&bundle, [7; 64]).expect("written");
    let (code, said) = agency.open(2, Some("case 7"), "second.jpg");
    assert!(code == 3 && said.contains("audit log"), "{said}");
    assert!(!agency.at("second.jpg").exists());
    let search = agency.run(PASSPHRASE, &["search", "--vault", "vault", "--custody", "custody"]);
    assert!(!search.status.success() && search.stdout.is_empty());
}

#[test]
fn a_wrong_passphrase_is_on_record_and_outsiders_verify_a_copy() {
    let agency = Agency::new();
    let (code, _) = agency.open(1, Some("case 7"), "first.jpg");
    assert_eq!(code, 0);
    let failed = agency.run("correct horse battery stable", &["search", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(failed.status.code(), Some(3));
    assert_eq!(agency.today()["failed_unlocks"], 1);
    let (code, _) = agency.custodian(&["audit", "checkpoint", "--custody", "custody", "--renew", "-o", "monday"]);
    assert_eq!(code, 0);
    assert_eq!(agency.entries().last(), Some(&(Verb::UnlockFailed, 0, Verdict::Done)));

    let (code, _) = agency.custodian(&["search", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(code, 0);
    let key = agency.run("", &["audit", "key", "--custody", "custody"]).stdout;
    std::fs::write(agency.at("vkey"), key).expect("written");
    let copied = Command::new("cp").args(["-r", "custody/audit", "copy"]).current_dir(agency.at("")).status();
    assert!(copied.expect("cp runs").success());
    let verify = ["audit", "verify", "--log", "copy", "--key", "vkey", "--since", "monday"];
    let verified = agency.run("", &verify);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    std::fs::write(agency.at("monday"), "not a note").expect("written");
    assert_eq!(agency.run("", &verify).status.code(), Some(3));
}
