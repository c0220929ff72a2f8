//! Whatever stands in a vault, a table, a name or a label: none of it steers the terminal of whoever looks, hides there,
//! or passes for a line of ours.

#![cfg(unix)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::site::{jpeg, photo, picture, tiny_nets};
use common::{CHEAP, Custodian, PASSPHRASE, capture};
use safelight::capture::CaptureId;
use safelight::custody::{PackRequest, Passphrase, RecipientKeys, SlotRole, SlotTerms};
use safelight::vault::{SealingOptions, SealingVault};

/// Erases a line, writes one of ours, colours by an 8-bit control, reverses, separates and hides.
const STEERS: &str = "x\u{1b}[2K\r\nThe vault is whole.\nThe log is whole.\u{9b}31m\u{202e}\u{2066}\u{2028}\u{200b}\u{ad}\u{7f}\u{feff}\u{e0041}z";

/// The same, without what a file's name or an argument cannot hold.
const SEGMENT: &str = "00.slv\u{1b}[1A\nThe vault is whole.\n\u{9b}2J\u{202e}\u{2029}\u{200d}";

fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || "\u{ad}\u{61c}\u{feff}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c)
        || matches!(u32::from(c), 0x202a..=0x202e | 0x2060..=0x206f | 0xe0000..=0xe0fff)
}

struct Hostile {
    custodian: Custodian,
    id: String,
}

impl Hostile {
    /// A custodian of whom every name that somebody else may choose is hostile.
    fn new() -> Self {
        let mut custodian = Custodian::new();
        let now = jiff::Timestamp::now();
        let folder = custodian.folder.path().to_owned();
        let request = PackRequest { site: STEERS, valid_days: 30, now };
        let pack = custodian.keyring.issue_pack(&request, &folder.join("hostile.pack")).expect("a pack");
        let terms = SlotTerms { role: SlotRole::First, label: Some(STEERS.to_owned()), now };
        let other = Passphrase::new("another one, and long".to_owned());
        let draft = custodian.keyring.draft_passphrase_slot(&other, CHEAP, terms).expect("a slot");
        custodian.keyring.add_slot(draft).expect("added");
        let mut vault = SealingVault::open(&custodian.vault(), &pack, SealingOptions::default()).expect("opens");
        let mut record = capture(1, None);
        record.catalogue.site = Some(STEERS.to_owned());
        record.catalogue.lane = Some(STEERS.to_owned());
        record.catalogue.direction = Some(STEERS.to_owned());
        record.identity.source_name = STEERS.as_bytes().to_vec();
        record.identity.plates[0].texts[0] = STEERS.to_owned();
        let original = photo(1);
        record.identity.blake3 = *blake3::hash(&original).as_bytes();
        record.identity.removed = original;
        let id = CaptureId(record.catalogue.id).to_string();
        vault.append(record).expect("taken");
        vault.finish().expect("closed");
        // Whoever can write to the vault's folders chooses these.
        for place in ["segments", "segments/00", "journals", ""] {
            let place = custodian.vault().join(place);
            fs::create_dir_all(&place).expect("a folder");
            fs::write(place.join(SEGMENT), b"").expect("written");
        }
        let keys = RecipientKeys::generate();
        keys.public().write(&folder.join("partner.pub")).expect("written");
        keys.write(&folder.join("partner.key")).expect("written");
        let photos = folder.join("photos");
        fs::create_dir_all(photos.join(SEGMENT)).expect("a folder");
        let name = |end: &str| photos.join(SEGMENT).join(format!("{SEGMENT}{end}"));
        fs::write(name(".jpg"), jpeg(&picture(320, 192, 3))).expect("written");
        fs::write(name("cut.jpg"), &photo(4)[..500]).expect("written");
        Self { custodian, id }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.custodian.folder.path().join(name)
    }

    /// Runs a verb; what it said on both streams, in which nothing may steer.
    fn says(&self, args: &[&str]) -> String {
        let mut said = String::new();
        for json in [false, true] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
            command.current_dir(self.custodian.folder.path()).args(args).args(json.then_some("--json"));
            command.env("SAFELIGHT_PASSPHRASE", PASSPHRASE).env("USER", STEERS).env("LOGNAME", STEERS);
            command.env_remove("SAFELIGHT_SECOND_PASSPHRASE").stdin(Stdio::null());
            let output = command.output().expect("safelight runs");
            for stream in [output.stdout, output.stderr] {
                let text = String::from_utf8(stream).expect("UTF-8");
                assert!(!text.chars().any(steers), "{args:?}: {text:?}");
                assert!(!text.lines().any(|line| line == "The vault is whole."), "{args:?}: {text}");
                said += &text;
            }
        }
        said
    }
}

#[test]
fn nothing_that_others_wrote_steers_the_terminal() {
    let hostile = Hostile::new();
    let models = tiny_nets().to_string_lossy().into_owned();
    let own = ["--vault", "vault", "--custody", "custody"];
    let says = |verb: &[&str], rest: &[&str]| hostile.says(&[verb, rest].concat());
    let told = says(&["check"], &own[..2]);
    assert!(told.contains("\\u{202e}") && told.contains("\\nThe vault is whole.\\n"), "{told}");
    says(&["check", "--deep"], &own);
    let told = says(&["search"], &own);
    assert!(told.contains("The vault is whole."), "the site and the lane are shown: {told}");
    let told = says(&["open", &hostile.id, "--identity", "-o", "new.jpg", "--purpose", STEERS], &own);
    assert!(told.contains("the purpose holds an invisible character"), "{told}");
    let told = says(&["open", &hostile.id, "--identity", "-o", "new.jpg", "--purpose", "case 7"], &own);
    assert!(told.contains("The vault is whole."), "the source's name is shown: {told}");
    says(&["export", "--to", "partner.pub", "--view", "full", "--purpose", STEERS, "-o", "copy"], &own);
    says(&["export", "--to", "partner.pub", "--view", "full", "--purpose", "case 7", "-o", "copy"], &own);
    let told = says(&["search", "--vault", "copy", "--key", "partner.key"], &[]);
    assert!(told.contains("The vault is whole."), "the site and the lane are shown: {told}");
    says(&["open", &hostile.id, "--vault", SEGMENT, "--custody", SEGMENT, "-o", SEGMENT], &[]);
    says(&["custody", "show", "--custody", "custody"], &[]);
    says(&["custody", "pack", "--custody", "custody", "--site", STEERS, "-o", "other.pack"], &[]);
    says(&["custody", "rotate", "--custody", "custody", "--site", STEERS], &[]);
    let told = says(&["custody", "slot", "list", "--custody", "custody"], &[]);
    assert!(told.contains("The vault is whole."), "the label is shown: {told}");
    says(&["custody", "rehearse", "--custody", "custody"], &[]);
    let told = says(&["audit", "show", "--details", "--custody", "custody"], &[]);
    assert!(told.contains("The log is whole."), "the operator is shown: {told}");
    says(&["audit", "verify", "--custody", "custody"], &[]);
    says(&["expire", "--dry-run"], &own);
    fs::create_dir(hostile.at("stolen")).expect("a folder");
    for (at, file) in common::files_below(&hostile.custodian.vault().join("segments")).into_iter().enumerate() {
        fs::copy(file, hostile.at("stolen").join(format!("{SEGMENT}{at}"))).expect("copied");
    }
    fs::copy(hostile.at("hostile.pack"), hostile.at("stolen").join(SEGMENT)).expect("copied");
    let told = says(&["impact", "stolen"], &own);
    assert!(told.contains("The vault is whole."), "the site is shown: {told}");
    says(&["breach", "stolen", "--tries", "1"], &[]);
    for format in ["table", "jsonl"] {
        says(&["inspect", "photos", "--models", &models, "--format", format], &[]);
    }
    fs::write(hostile.at("captures.csv"), format!("file,site\n{SEGMENT:?},\"{STEERS}\"\n")).expect("written");
    let run = ["ingest", "photos", "--pack", "site.pack", "--vault", "other", "--models", &models];
    let told = says(&run, &["--captures", "captures.csv"]);
    assert!(told.contains("has a control character in `site` at line"), "{told}");
    let hides: String = STEERS.chars().filter(|c| !c.is_control()).collect();
    fs::write(hostile.at("captures.csv"), format!("file,site\n{SEGMENT:?},\"{hides}\"\n")).expect("written");
    let told = says(&run, &["--captures", "captures.csv"]);
    assert!(told.contains("cut.jpg"), "{told}");
    fs::write(hostile.at("captures.csv"), format!("file,class\na.jpg,\"{hides}\"\n")).expect("written");
    let told = says(&run, &["--captures", "captures.csv"]);
    assert!(told.contains("does not have"), "{told}");
    // The rest of the verbs, and their refusals.
    says(&["custody", "init", "--custody", "custody"], &[]);
    says(&["custody", "policy", "--custody", "custody"], &[]);
    fs::write(hostile.at("policy.toml"), format!("default_class = {STEERS:?}\n")).expect("written");
    says(&["custody", "policy", "--custody", "custody", "--set", "policy.toml"], &[]);
    says(&["custody", "recipient", "--unencrypted", "-o", SEGMENT], &[]);
    let slot = ["custody", "slot", "add", "--custody", "custody", "--shares", "2/2", "--label", STEERS];
    says(&slot, &["-o", "a.txt", "-o", SEGMENT]);
    says(&["custody", "slot", "remove", "--custody", "custody", SEGMENT], &[]);
    says(&["audit", "checkpoint", "--custody", "custody", "-o", SEGMENT], &[]);
    says(&["audit", "key", "--custody", SEGMENT], &[]);
    says(&["audit", "forget", "--custody", "custody", "--before", SEGMENT], &[]);
    says(&["simulate", "--out", SEGMENT, "-n", "1", "--size", "64x64"], &[]);
    says(&["demo", "--out", "photos"], &[]);
    says(&["generate", "man", "--out", SEGMENT], &[]);
    // Arguments come from folders' contents, too: `safelight check *`.
    says(&["check", SEGMENT], &[]);
    says(&[&format!("--{STEERS}")], &[]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_ordinary_failure() {
    let custodian = Custodian::new();
    let full = fs::File::options().write(true).open("/dev/full").expect("a device that is full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["custody", "show", "--custody", "custody"]).current_dir(custodian.folder.path());
    let ended = command.env("SAFELIGHT_PASSPHRASE", PASSPHRASE).stdout(full).stderr(Stdio::piped()).spawn();
    let ended = ended.and_then(std::process::Child::wait_with_output).expect("safelight runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot write the result") && said.contains("make room"), "{said}");
}
