//! The theft of 2019, tried again: a contractor who may look copies six weeks, by export or record by record, and stops at
//! the budget. Through the command line, as it would be done.

#[path = "../common/mod.rs"]
mod common;
mod older;
mod record;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::store::{Fate, FatedStore};
use common::{CHEAP, Custodian, PASSPHRASE, capture, files_below};
use safelight::audit::{AuditError, AuditLog, Details, LogKey, Look, PermitError, Recorded, Records, Verb, Verdict};
use safelight::capture::CaptureId;
use safelight::custody::{Egress, EpochLength, Passphrase, Policy, PurposeBudget, RecipientKeys, SlotRole, SlotTerms};
use safelight::seal::Capability;
use safelight::vault::{OpenError, OpeningVault, Query, SealingOptions, SealingVault, Trust};
use serde_json::Value;

/// Six weeks of one lane, in small: ten records a day.
const CAPTURES: u64 = 420;
const BUDGET: u64 = 50;

fn id(number: u64) -> CaptureId {
    let mut id = [0xc0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    CaptureId(id)
}

struct Agency {
    custodian: Custodian,
}

impl Agency {
    /// With a second holder, whose passphrase is in the file `second`.
    fn with_second() -> Self {
        let mut agency = Self::new();
        let terms = SlotTerms { role: SlotRole::Second, label: None, now: jiff::Timestamp::now() };
        let second = Passphrase::new("the comptroller's own".to_owned());
        let draft = agency.custodian.keyring.draft_passphrase_slot(&second, CHEAP, terms).expect("drafted");
        agency.custodian.keyring.add_slot(draft).expect("added");
        std::fs::write(agency.at("second"), "the comptroller's own\n").expect("written");
        agency
    }

    fn new() -> Self {
        let mut custodian = Custodian::new();
        let unstated = PurposeBudget { name: "unstated".to_owned(), records_per_day: 0 };
        let egress = Egress { records_per_day: BUDGET, purposes: vec![unstated], listed_per_day: None };
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
        let id = id(number).to_string();
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

/// Several records take one entry, which counts them all; one that is not there stops all of them before there is an entry.
#[test]
fn several_records_are_opened_by_one_entry() {
    let agency = Agency::new();
    let open = |numbers: &[u64], to: &str| {
        let ids: Vec<String> = numbers.iter().map(|&number| id(number).to_string()).collect();
        let mut args = vec!["open", "--vault", "vault", "--custody", "custody", "--purpose", "case 7", "--identity"];
        args.extend(["-o", to]);
        args.extend(ids.iter().map(String::as_str));
        agency.custodian(&args)
    };
    let (code, said) = open(&[0, CAPTURES, 1], "never");
    assert!(code == 2 && said.contains(&id(CAPTURES).to_string()) && !agency.at("never").exists(), "{code}: {said}");
    assert!(!agency.custodian.custody().join("audit").exists(), "nothing was given out, and nothing is on record");
    let (code, said) = open(&[0, CAPTURES - 1, 1, 0], "pictures");
    assert_eq!(code, 0, "{said}");
    let entries = agency.entries();
    assert_eq!(entries[1..], [(Verb::Identity, 3, Verdict::Done)], "{entries:?}");
    let written = files_below(&agency.at("pictures")).into_iter().map(|path| std::fs::read(path).expect("read"));
    let written: std::collections::BTreeSet<Vec<u8>> = written.collect();
    assert_eq!(written, [0, 1, CAPTURES - 1].map(|number| capture(number, None).identity.removed.clone()).into());
    let (code, said) = open(&[0, 1], "pictures");
    assert_eq!(code, 2, "a folder that holds something is none for pictures: {said}");
}

#[test]
fn six_weeks_stop_at_the_budget() {
    let agency = Agency::new();
    let gone = |name: &str| !agency.at(name).exists();

    // All at once.
    let (code, said) = agency.export(CAPTURES, "maintenance", "everything");
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("50 records a day") && said.contains("50 of them are left") && !said.contains("420"),
        "{said}"
    );
    assert!(gone("everything"));

    // What an investigation needs is no trouble.
    let (code, said) = agency.export(BUDGET - 3, "case 7", "case-7");
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
        (Export, 1, Refused),
        (Export, 47, Done),
        (Open, 1, Done),
        (Open, 1, Done),
        (Open, 0, Refused),
        (Open, 0, Refused),
        (Open, 0, Refused),
    ];
    assert_eq!(agency.entries(), expected);
    let today = agency.today();
    assert_eq!((&today["exported"], &today["opened"], &today["refused"]), (&47.into(), &2.into(), &4.into()));
    // Each on a line of its own.
    let shown = agency.run("", &["audit", "show", "--custody", "custody", "--days", "2"]).stdout;
    let shown = String::from_utf8(shown).expect("text");
    assert!(shown.contains("\n                ! 4 refused\n") && !shown.contains("\\n"), "{shown}");
    let (code, said) = agency.custodian(&["audit", "verify", "--custody", "custody", "--max-age", "0"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn two_holders_go_on_beyond_the_budget_and_the_log_says_so() {
    let agency = Agency::with_second();
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

// Permits.

#[test]
fn a_permit_opens_what_its_entry_says_and_nothing_else() {
    let agency = Agency::new();
    let (keyring, vault) = (
        &agency.custodian.keyring,
        OpeningVault::open(&agency.custodian.vault(), Trust::Nobody).expect("the vault opens"),
    );
    let look = |verb, records: u64, named: &[u64], vault: Option<[u8; 16]>| {
        let details = Details { vault, ..Details::default() };
        let records = if named.is_empty() { records.into() } else { Records::of(named.iter().map(|&n| id(n))) };
        let look = Look { verb, records, purpose: Some("case 7"), details, over_budget: false };
        AuditLog::of(keyring.folder()).record(keyring, &look).expect("recorded")
    };
    let of = |recorded: Recorded| {
        let permit = recorded.permit().expect("within the budget");
        permit.with(keyring.opening_keys(&Capability::ALL)).expect("its own keys")
    };
    let here = Some(vault.card().vault.0);

    let one = of(look(Verb::Open, 1, &[1], here));
    assert!(vault.scene(id(1), &one).is_ok() && vault.scene(id(1), &one).is_ok());
    assert!(matches!(vault.scene(id(2), &one), Err(OpenError::Permit(PermitError::Record))));
    assert!(matches!(vault.identity(id(1), &one), Err(OpenError::Permit(PermitError::Verb { verb: Verb::Open }))));
    let elsewhere = of(look(Verb::Open, 1, &[1], Some([7; 16])));
    assert!(matches!(vault.scene(id(1), &elsewhere), Err(OpenError::Permit(PermitError::Vault))));
    let nowhere = of(look(Verb::Identity, 1, &[1], None));
    assert!(matches!(vault.identity(id(1), &nowhere), Err(OpenError::Permit(PermitError::Vault))));
    // Many that are not named are counted, each once.
    let three = of(look(Verb::Identity, 3, &[], here));
    assert!([1, 2, 3, 2, 1].iter().all(|&number| vault.identity(id(number), &three).is_ok()));
    assert!(matches!(vault.identity(id(4), &three), Err(OpenError::Permit(PermitError::Count { records: 3 }))));
    // Hits of a search likewise.
    let found = Query::default().run(&vault, &three).expect("searched");
    let listing = of(look(Verb::Search, CAPTURES - 1, &[], here));
    assert!(matches!(found.hits(&listing), Err(OpenError::Permit(PermitError::Count { .. }))));
    // What was refused permits nothing.
    assert!(look(Verb::Export, BUDGET, &[], here).permit().is_none());
    // Another custodian's entry is no entry, nor is one in another folder.
    let other = Custodian::new();
    let permit = look(Verb::Open, 1, &[1], here).permit().expect("within the budget");
    assert!(matches!(permit.with(other.keyring.opening_keys(&Capability::ALL)), Err(PermitError::Custodian)));
    let look =
        Look { verb: Verb::Open, records: 1.into(), purpose: None, details: Details::default(), over_budget: false };
    let aside = AuditLog::of(agency.custodian.folder.path()).record(keyring, &look);
    assert!(matches!(aside, Err(AuditError::Elsewhere { .. })));
    assert!(!agency.at("audit").exists());
}

/// The library's inner doors, which give out without a permit of their own, are not the command line's.
#[test]
fn the_command_line_goes_through_the_gate() {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
    let doors = ["read_catalogue", "read_several", "read_in", "places()", "StraySegment", ".identities(", ".scenes("];
    for path in files_below(&cli) {
        let text = std::fs::read_to_string(&path).expect("read");
        let named: Vec<_> = doors.iter().filter(|door| text.contains(**door)).collect();
        assert!(named.is_empty(), "{}: {named:?}", path.display());
    }
}

#[test]
fn lists_after_a_theft_and_listings_count_as_what_is_opened() {
    let agency = Agency::new();
    let impact = |more: &[&str]| {
        let base = ["impact", "vault", "--custody", "custody", "--vault", "vault"];
        agency.custodian(&[&base[..], more].concat())
    };
    // The assessment itself gives nobody out.
    assert_eq!(impact(&[]).0, 0);
    let (code, said) = impact(&["--captures", "captures.csv"]);
    assert!(code == 3 && said.contains("would be more") && !said.contains("420"), "{said}");
    assert!(!agency.at("captures.csv").exists());
    // 420 captures show one plate.
    let (code, said) = impact(&["--notify", "plates.csv"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = agency.export(BUDGET, "case 7", "copy");
    assert!(code == 3 && said.contains("48 of them are left"), "{said}");

    let list = ["search", "--vault", "vault", "--custody", "custody", "--json"];
    let (code, said) = agency.custodian(&list);
    assert_eq!(code, 0, "{said}");
    let second = agency.run(PASSPHRASE, &list);
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("500 records a day be listed") && second.stdout.is_empty(), "{said}");
}

/// Whether the plates of a truth are in the vault, which a score tells, is what a search tells.
#[test]
fn a_score_takes_what_a_search_for_plates_takes() {
    let agency = Agency::with_second();
    assert_eq!(agency.custodian(&["simulate", "--out", "photos", "-n", "3", "--size", "64x64"]).0, 0);
    let truth = std::fs::read_to_string(agency.at("photos/truth.jsonl")).expect("a truth");
    let score = |more: &[&str]| {
        let args =
            ["breach", "vault", "site.pack", "--truth", "photos/truth.jsonl", "--tries", "1", "--custody", "custody"];
        let output = agency.run(PASSPHRASE, &[&args[..], more].concat());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code().expect("an exit code"), said)
    };
    let (code, said) = score(&[]);
    assert!(code == 3 && said.contains("second") && !said.contains("pseudonym"), "{truth} {said}");
    let both = ["--second-passphrase-file", "second"];
    let (code, said) = score(&both);
    assert_eq!(code, 0, "{said}");
    assert_eq!(agency.entries().last(), Some(&(Verb::Search, CAPTURES, Verdict::Done)));
    let (code, said) = score(&both);
    assert!(code == 3 && said.contains("500 records a day be listed") && !said.contains("pseudonym"), "{said}");
}

/// A refusal that says how many there would have been answers what was asked.
#[test]
fn what_is_refused_tells_nothing_of_what_was_asked_for() {
    let mut agency = Agency::new();
    let egress = Egress { records_per_day: 3, purposes: Vec::new(), listed_per_day: Some(3) };
    let policy = Policy { egress: Some(egress), ..agency.custodian.keyring.policy().clone() };
    agency.custodian.keyring.set_policy(policy, jiff::Timestamp::now()).expect("a sound policy");
    let time = |ms: i64| jiff::Timestamp::from_millisecond(1_700_000_000_000 + ms).expect("a time").to_string();
    let (start, many, all, never) = (time(0), time(7), time(420), time(-9));
    let base = ["search", "--vault", "vault", "--custody", "custody", "--to"];
    let search = |to: &str, more: &[&str]| agency.custodian(&[&base[..], &[to], more].concat());
    let export = |until: &str, name: &str| {
        let asked =
            ["--to", "contractor.pub", "--view", "metadata", "--purpose", "case 7", "--until", until, "-o", name];
        agency.custodian(&[&["export", "--vault", "vault", "--custody", "custody"][..], &asked].concat())
    };
    let spent = || agency.entries().last().map(|&(_, records, _)| records);

    // While something is left, all that is more than that is told in the same words.
    let (code, said) = search(&many, &[]);
    assert!(code == 3 && said.contains("3 of them are left") && spent() == Some(1), "{said}");
    let (_, second) = search(&all, &[]);
    assert_eq!(second, said.replace("3 of them are", "2 of them are"));
    assert_eq!(search(&all, &["--site", "North Bridge"]).0, 3);
    // When nothing is, it is refused before anything is looked up: what there is, and whether, makes no difference.
    let (code, nothing_left) = search(&all, &[]);
    assert!(code == 3 && nothing_left.contains("none of them is left today") && spent() == Some(0), "{nothing_left}");
    for more in [&[][..], &["--plate", "SECRETPLATE7"], &["--plate", "S*"], &["--site", "nowhere"], &["--json"]] {
        for to in [&never, &start, &many] {
            assert_eq!(search(to, more), (3, nothing_left.clone()), "{to} {more:?}");
        }
    }

    // An export that finds nothing was told so, which counts as one.
    assert_eq!(export(&never, "a").0, 2);
    assert_eq!(agency.entries().last(), Some(&(Verb::Export, 0, Verdict::Done)));
    assert!(export(&never, "a").1.contains("no capture matches"));
    let (code, said) = export(&all, "a");
    assert!(code == 3 && said.contains("1 of them is left today") && !said.contains("420"), "{said}");
    let (code, nothing_left) = export(&never, "a");
    assert!(code == 3 && nothing_left.contains("none of them is left today"), "{nothing_left}");
    assert_eq!(export(&many, "a"), (3, nothing_left.clone()));
    // Nor do lists after a theft, and a vault of which nothing can be read makes no difference.
    std::fs::rename(agency.at("vault/segments"), agency.at("elsewhere")).expect("moved");
    std::fs::create_dir(agency.at("vault/segments")).expect("made");
    assert_eq!(export(&all, "a"), (3, nothing_left));
    assert!(search(&all, &[]).1.contains("none of them is left today"));
    for (option, to) in [("--captures", "captures.csv"), ("--notify", "plates.csv")] {
        let impact = ["impact", "vault", "--custody", "custody", "--vault", "vault", option, to];
        let (code, said) = agency.custodian(&impact);
        assert!(code == 3 && said.contains("none of them is left today") && !agency.at(to).exists(), "{said}");
    }
}

#[test]
fn one_of_two_holders_loosens_no_limit_and_forgets_nothing() {
    let agency = Agency::with_second();
    let policy = agency.run(PASSPHRASE, &["custody", "policy", "--custody", "custody"]).stdout;
    let policy = String::from_utf8(policy).expect("text");
    assert!(policy.contains("\nrecords_per_day = 50\n") && policy.contains("\nlisted_per_day = 500\n"), "{policy}");
    let set = |name: &str, from: &str, to: &str, more: &[&str]| {
        assert!(policy.contains(from), "{from}");
        std::fs::write(agency.at(name), policy.replace(from, to)).expect("written");
        agency.custodian(&[&["custody", "policy", "--custody", "custody", "--set", name][..], more].concat())
    };
    assert_eq!(agency.open(1, Some("case 7"), "first.jpg").0, 0);
    let before = agency.entries().len();
    for (from, to) in [
        ("\nrecords_per_day = 50\n", "\nrecords_per_day = 5000\n"),
        ("listed_per_day = 500", "listed_per_day = 501"),
        ("records_per_day = 0", "records_per_day = 1"),
        ("details_kept = \"1 year\"", "details_kept = \"1 day\""),
        ("epoch = \"month\"", "epoch = \"never\""),
    ] {
        let (code, said) = set("loose", from, to, &[]);
        assert_eq!(code, 3, "{to}: {said}");
    }
    assert_eq!(agency.entries().len(), before);
    assert_eq!(agency.export(BUDGET + 1, "case 7", "copy").0, 3);
    // Whoever tightens needs nobody; both loosen, and what was and is goes on record.
    let (code, said) = set("tight", "listed_per_day = 500", "listed_per_day = 400", &[]);
    assert_eq!(code, 0, "{said}");
    let both = ["--second-passphrase-file", "second"];
    let (code, said) = set("loose", "\nrecords_per_day = 50\n", "\nrecords_per_day = 5000\n", &both);
    assert_eq!(code, 0, "{said}");
    let shown = agency.run(PASSPHRASE, &["audit", "show", "--custody", "custody", "--details", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let entries = shown["entries"].as_array().expect("entries");
    let told: Vec<_> =
        entries.iter().filter(|entry| entry["verb"] == "policy").map(|entry| &entry["details"]).collect();
    assert_eq!(told[0]["query"], "listed: 500 → 400");
    assert_eq!(told[1]["query"], "egress: 50 → 5000; listed: 400 → 500");
    let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("there"));
    assert_eq!(told[1]["user_id"], user);

    let forget = ["audit", "forget", "--custody", "custody", "--before", "2020-01"];
    let (code, said) = agency.custodian(&forget);
    assert_eq!(code, 3, "{said}");
    let (code, said) = agency.custodian(&[&forget[..], &both].concat());
    assert_eq!(code, 0, "{said}");
    let too_young = ["audit", "forget", "--custody", "custody", "--before", "2999-01"];
    let (code, said) = agency.custodian(&[&too_young[..], &both].concat());
    assert!(code == 2 && said.contains("details_kept"), "{said}");
}

#[test]
fn a_purpose_spelt_otherwise_has_no_other_budget() {
    let mut agency = Agency::new();
    let press = PurposeBudget { name: "Press Office".to_owned(), records_per_day: 1 };
    let egress = Egress { records_per_day: BUDGET, purposes: vec![press], listed_per_day: None };
    let policy = Policy { egress: Some(egress), ..agency.custodian.keyring.policy().clone() };
    agency.custodian.keyring.set_policy(policy, jiff::Timestamp::now()).expect("a sound policy");
    assert_eq!(agency.open(1, Some("press office"), "1.jpg").0, 0);
    for (number, spelt) in [
        "PRESS  office",
        "ｐｒｅｓｓ office",
        " Press\u{a0}Office",
        "press-office.",
        "(Press) Office!",
        "press offiᴄe",
        "press officeʹ",
    ]
    .into_iter()
    .enumerate()
    {
        let (code, said) = agency.open(number as u64 % 4 + 2, Some(spelt), "2.jpg");
        assert!(code == 3 && said.contains("none of them is left today"), "{spelt:?}: {said}");
    }
    let before = agency.entries();
    for spelt in ["press\u{200b} office", "press\u{ad} office", "\u{feff}press office"] {
        let (code, said) = agency.open(9, Some(spelt), "9.jpg");
        assert!(code == 2 && said.contains("invisible"), "{spelt:?}: {said}");
        let (code, said) = agency.export(1, spelt, "copy");
        assert!(code == 2 && said.contains("invisible"), "{spelt:?}: {said}");
    }
    let (code, said) = agency.open(9, Some("υ press"), "9.jpg");
    assert!(code == 2 && said.contains("U+03C5"), "{said}");
    assert_eq!(agency.entries(), before);
}
