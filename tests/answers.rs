//! What the commands answer where a vault has gaps, damage, strangers' files or another's keys: what they have, by name what
//! they have not, and never "nothing" or "whole" of what they could not look at.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::site::{Ended, Site, photo};
use common::{PASSPHRASE, files_below};
use safelight::audit::{AuditLog, LogKey, Verb};
use safelight::custody::{Keyring, PackRequest, RecipientKeys};
use safelight::vault::{Fault, OpenError, OpeningVault, Query, Trust, check_deep};

/// A site's vault with two segments, and whoever runs commands beside it.
struct Place {
    site: Site,
}

impl Place {
    fn new() -> Self {
        let place = Self { site: Site::new() };
        for number in 0..2 {
            place.site.put(&format!("{number}.jpg"), &photo(number));
            let run = place.site.ingest(&[]);
            assert_eq!(run.code, Some(0), "{run:?}");
        }
        let keys = RecipientKeys::generate();
        keys.public().write(&place.at("partner.pub")).expect("written");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.site.custodian.folder.path().join(name)
    }

    fn segments(&self) -> Vec<PathBuf> {
        files_below(&self.at("vault/segments"))
    }

    /// Runs a command in the custodian's folder; it has a minute.
    fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(self.site.custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        command.env_remove("SAFELIGHT_SECOND_PASSPHRASE").stdin(Stdio::null());
        within_a_minute(&mut command)
    }

    fn ingest(&self) -> Ended {
        within_a_minute(&mut self.site.command())
    }
}

fn within_a_minute(command: &mut Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let begun = Instant::now();
    while child.try_wait().expect("waited").is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().expect("killed");
            panic!("it waits for ever: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ended::of(child.wait_with_output().expect("ended"))
}

/// Puts a FIFO where a file is, or was to be; gives the file's bytes.
fn fifo_at(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok();
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
    bytes
}

fn put_back(path: &Path, bytes: Option<Vec<u8>>) {
    fs::remove_file(path).expect("removed");
    bytes.into_iter().for_each(|bytes| fs::write(path, bytes).expect("written"));
}

#[test]
fn a_fifo_in_place_of_any_file_is_said_and_not_waited_for() {
    let place = Place::new();
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let tombstone = place.at("vault/tombstones").join("0".repeat(26));
    fs::create_dir_all(place.at("vault/tombstones")).expect("made");
    let search = ["search", "--vault", "vault", "--custody", "custody"];
    let check = ["check", "--vault", "vault"];
    assert_eq!(place.run(&search).code, Some(0));
    let cases: [(PathBuf, &[&[&str]]); 11] = [
        (place.segments().remove(0), &[&check, &search]),
        (journal, &[&check]),
        (tombstone, &[&check]),
        (place.at("vault/vault"), &[&check, &search]),
        (place.at("custody/keyring"), &[&search]),
        (place.at("custody/audit/checkpoint"), &[&["audit", "verify", "--custody", "custody"], &search]),
        (place.at("custody/audit/keys"), &[&search]),
        (place.at("custody/audit/pending"), &[&search]),
        (place.at("custody/log-head"), &[&search]),
        (place.at("policy.toml"), &[&["custody", "policy", "--custody", "custody", "--set", "policy.toml"]]),
        (
            place.at("partner.pub"),
            &[&[
                "export",
                "--vault",
                "vault",
                "--custody",
                "custody",
                "--to",
                "partner.pub",
                "--view",
                "scene",
                "--purpose",
                "test",
                "-o",
                "copy",
            ]],
        ),
    ];
    for (path, commands) in cases {
        let bytes = fifo_at(&path);
        for command in commands {
            let ended = place.run(command);
            assert!(matches!(ended.code, Some(1..=3)), "{}: {ended:?}", path.display());
            assert!([&ended.stdout, &ended.stderr].iter().any(|said| said.contains("regular")), "{ended:?}");
        }
        put_back(&path, bytes);
    }
    for name in ["site.pack", "site.pack.state", "safelight-custodians", "vault/vault", "vault/lock"] {
        let bytes = fifo_at(&place.at(name));
        let ended = place.ingest();
        assert!(matches!(ended.code, Some(2 | 3)), "{name}: {ended:?}");
        put_back(&place.at(name), bytes);
    }
    assert_eq!(place.ingest().code, Some(0));
}

/// Each of these names a file of three terabytes, none of which is on the disk.
#[test]
fn a_sparse_file_in_place_of_any_file_is_refused_before_it_is_read() {
    let place = Place::new();
    assert_eq!(place.run(&["search", "--vault", "vault", "--custody", "custody"]).code, Some(0));
    assert_eq!(place.run(&export("scene", "copy")).code, Some(0));
    RecipientKeys::generate().write(&place.at("partner.key")).expect("written");
    let bundle = files_below(&place.at("custody/audit/tile/entries")).pop().expect("the newest");
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let cases: [(&str, &[&str]); 9] = [
        ("custody/keyring", &["search", "--vault", "vault", "--custody", "custody"]),
        ("vault/vault", &["check", "--vault", "vault"]),
        ("custody/audit/checkpoint", &["audit", "verify", "--custody", "custody"]),
        (bundle.to_str().expect("a name"), &["audit", "verify", "--custody", "custody"]),
        ("custody/log-head", &["search", "--vault", "vault", "--custody", "custody"]),
        (journal.to_str().expect("a name"), &["check", "--vault", "vault"]),
        ("copy/manifest", &["search", "--vault", "copy", "--key", "partner.key"]),
        ("site.pack.state", &["check", "--vault", "vault", "--pack", "site.pack"]),
        ("policy.toml", &["custody", "policy", "--custody", "custody", "--set", "policy.toml"]),
    ];
    for (name, command) in cases {
        let path = place.at(name);
        let bytes = fs::read(&path).ok();
        assert!(bytes.is_some() || name == "policy.toml", "{name}");
        fs::File::create(&path).and_then(|file| file.set_len(3 << 40)).expect("made");
        let mut command = {
            let mut limited = Command::new("sh");
            // Two gigabytes of address space: who takes memory for it fails.
            limited.args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_safelight")]);
            limited.args(command).current_dir(place.site.custodian.folder.path());
            limited.env("SAFELIGHT_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
            limited
        };
        let ended = within_a_minute(&mut command);
        assert!(matches!(ended.code, Some(2 | 3)), "{name}: {ended:?}");
        put_back(&path, bytes);
    }
}

const SEARCH: [&str; 6] = ["search", "--vault", "vault", "--custody", "custody", "--json"];

fn export<'a>(view: &'a str, to: &'a str) -> Vec<&'a str> {
    let mut args = vec!["export", "--vault", "vault", "--custody", "custody", "--to", "partner.pub", "--json"];
    args.extend(["--view", view, "--purpose", "test", "-o", to]);
    args
}

fn field(ended: &Ended, name: &str) -> serde_json::Value {
    let object: serde_json::Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("no summary: {ended:?}"));
    object[name].clone()
}

fn len(ended: &Ended, name: &str) -> usize {
    field(ended, name).as_array().unwrap_or_else(|| panic!("no {name}: {ended:?}")).len()
}

/// Records that the audit log says were exported so far.
fn exported(place: &Place) -> u64 {
    let key = LogKey::of(place.site.custodian.keyring.verifying_key());
    let entries = AuditLog::of(&place.at("custody")).entries_since(&key, 0).unwrap_or_default();
    entries.iter().filter(|found| found.entry.verb == Verb::Export).map(|found| found.entry.records).sum()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a name")
}

#[test]
fn a_missing_segment_is_named_by_every_answer() {
    let place = Place::new();
    let whole = place.run(&SEARCH);
    assert_eq!((whole.code, len(&whole, "hits"), len(&whole, "missing")), (Some(0), 2, 0), "{whole:?}");
    let gone = place.segments().remove(0);
    fs::remove_file(&gone).expect("removed");
    let search = place.run(&SEARCH);
    assert_eq!((search.code, len(&search, "hits"), len(&search, "missing")), (Some(1), 1, 1), "{search:?}");
    let copy = place.run(&export("scene", "copy"));
    assert_eq!((copy.code, copy.number("captures"), len(&copy, "missing")), (Some(1), 1, 1), "{copy:?}");
    fs::write(place.at("list.txt"), name_of(&gone)).expect("written");
    let impact = place.run(&["impact", "list.txt", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(impact.code, Some(1), "{impact:?}");
    assert!(!impact.stdout.contains("0 to 0"), "a zero would be an answer: {impact:?}");
    for ended in [search, copy, impact] {
        assert!(ended.stderr.contains(name_of(&gone)), "{ended:?}");
    }
}

#[test]
fn one_damaged_segment_does_not_keep_the_others_from_an_answer() {
    let place = Place::new();
    let damaged = place.segments().remove(0);
    let bytes = fs::read(&damaged).expect("read");
    // The catalogue's first chunk; then the header.
    for at in [48 + 3 * 1224 + 60, 20] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&damaged, &altered).expect("written");
        let search = place.run(&SEARCH);
        assert_eq!((search.code, len(&search, "hits"), len(&search, "damaged")), (Some(3), 1, 1), "{at}: {search:?}");
        assert!(search.stderr.contains(name_of(&damaged)), "{search:?}");
        let copy = place.run(&export("metadata", &format!("copy-{at}")));
        assert_eq!((copy.code, copy.number("captures"), len(&copy, "damaged")), (Some(3), 1, 1), "{at}: {copy:?}");
        assert!(copy.stderr.contains(name_of(&damaged)), "{copy:?}");
        // A stolen copy of it, too: what is left is counted, and that some is not.
        let impact = place.run(&["impact", "vault", "--vault", "vault", "--custody", "custody", "--json"]);
        assert_eq!((impact.code, impact.number("captures")), (Some(1), 1), "{at}: {impact:?}");
        let uncounted = field(&impact, "uncounted");
        assert!(uncounted["damaged"] == 1 || uncounted["cut"] == 1, "{at}: {impact:?}");
    }
    fs::write(&damaged, &bytes).expect("written");
    assert_eq!(place.run(&SEARCH).code, Some(0));
    // A segment of another vault takes nothing away, and is named.
    let other = Place::new();
    let foreign = other.segments().remove(0);
    let there = place.at("vault/segments").join(name_of(&foreign));
    fs::copy(&foreign, &there).expect("copied");
    let search = place.run(&SEARCH);
    assert_eq!((search.code, len(&search, "hits")), (Some(1), 2), "{search:?}");
    assert!(search.stderr.contains(name_of(&foreign)), "{search:?}");
    fs::remove_file(there).expect("removed");
    // A journal that cannot be read may name segments that are missing.
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let whole = fs::read(&journal).expect("read");
    let mut altered = whole.clone();
    altered[100] ^= 1;
    fs::write(&journal, altered).expect("written");
    let search = place.run(&SEARCH);
    assert_eq!((search.code, len(&search, "hits")), (Some(3), 2), "{search:?}");
    fs::write(&journal, whole).expect("written");
    assert_eq!(place.run(&SEARCH).code, Some(0));
}

/// What cannot be given is not counted as given: the budget is spent on what leaves.
#[test]
fn an_export_counts_what_it_gives_and_names_what_is_damaged() {
    let place = Place::new();
    assert_eq!(exported(&place), 0);
    let [first, second] = <[PathBuf; 2]>::try_from(place.segments()).expect("two segments");
    let sound = [&first, &second].map(|path| fs::read(path).expect("read"));
    let damage = |path: &Path, bytes: &[u8]| {
        // In the scenes: the catalogue still finds the capture.
        let section = (bytes.len() - 48 - 3 * 1224 - 32) / 3;
        let mut altered = bytes.to_vec();
        altered[48 + 3 * 1224 + section + 60] ^= 1;
        fs::write(path, altered).expect("written");
    };
    damage(&first, &sound[0]);
    let copy = place.run(&export("scene", "copy"));
    assert_eq!((copy.code, copy.number("captures"), copy.number("left_out_damaged")), (Some(3), 1, 1), "{copy:?}");
    assert!(copy.stderr.contains(name_of(&first)), "{copy:?}");
    assert_eq!(exported(&place), 1);
    // Nothing is left to give: no copy, no entry that counts.
    damage(&second, &sound[1]);
    let none = place.run(&export("scene", "none"));
    assert_eq!((none.code, exported(&place)), (Some(3), 1), "{none:?}");
    assert!(!place.at("none").exists());
    // The catalogues are whole.
    let metadata = place.run(&export("metadata", "metadata"));
    assert_eq!((metadata.code, metadata.number("captures"), exported(&place)), (Some(0), 2, 3), "{metadata:?}");
}

#[test]
fn another_custodians_keyring_is_no_answer() {
    let (place, other) = (Place::new(), Place::new());
    let custody = other.at("custody");
    let custody = custody.to_str().expect("a name");
    let search = place.run(&["search", "--vault", "vault", "--custody", custody]);
    search.failed(3, "", "");
    let to = ["--to", "partner.pub", "--view", "metadata", "--purpose", "test", "-o", "copy"];
    place.run(&[&["export", "--vault", "vault", "--custody", custody][..], &to].concat()).failed(3, "", "");
    assert!(!place.at("copy").exists());
    let check = place.run(&["check", "--vault", "vault", "--deep", "--custody", custody]);
    check.failed(3, "", "");
    assert!(!check.stdout.contains("whole"), "{check:?}");
    let impact = place.run(&["impact", "vault", "--custody", custody]);
    impact.failed(3, "nothing of what was taken opens", "keyring");
    assert!(!impact.stdout.contains("0 to 0"), "{impact:?}");

    // By the library, whoever vouches for what.
    let vault = OpeningVault::open(&place.at("vault"), Trust::Nobody).expect("opens");
    let keys = other.site.custodian.keyring.checking_keys();
    let found = Query::default().run(&vault, &keys).map(|found| found.captures().len());
    assert!(matches!(found, Err(OpenError::NothingOpens { closed: 2 })));
    let report = check_deep(&place.at("vault"), Trust::Nobody, &keys).expect("checked");
    assert!(report.faults.iter().any(|fault| matches!(fault, Fault::NothingOpens { sections: 6 })), "{report:?}");
}

/// A journal as somebody writes it who can write to the vault and has no key: its frames but those that `change` takes out, the
/// chain computed anew, and any MACs.
fn rewritten(journal: &[u8], change: impl Fn(u32, &[u8]) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = journal[..80].to_vec();
    let mut chain = *blake3::hash(&bytes).as_bytes();
    for ends in frames(journal).windows(2) {
        let frame = &journal[ends[0]..ends[1] - 64];
        let kind = u32::from_le_bytes(*frame.first_chunk().expect("a frame"));
        for frame in change(kind, frame) {
            chain = *blake3::Hasher::new().update(&chain).update(&frame).finalize().as_bytes();
            bytes.extend([frame.as_slice(), &chain, &[0x5a; 32]].concat());
        }
    }
    bytes
}

/// A theft that a journal written anew hides from whoever has no key.
#[test]
fn a_journal_written_anew_is_noticed_by_every_verb_with_the_keyring() {
    let place = Place::new();
    let found = place.run(&SEARCH);
    let hits: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    let records: Vec<&str> =
        hits["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["record"].as_str()).collect();
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let whole = fs::read(&journal).expect("read");
    let (gone, stays) = (place.segments().remove(0), place.segments().remove(1));
    let id = safelight::seal::SegmentId::parse(name_of(&gone)).expect("an id").0;
    fs::remove_file(&gone).expect("removed");
    let left_out = |_: u32, frame: &[u8]| if frame[8..24] == id { vec![] } else { vec![frame.to_vec()] };
    let withdrawn = |kind: u32, frame: &[u8]| match (frame[8..24] == id, kind) {
        (true, 1) => vec![frame.to_vec(), [&[3, 0, 0, 0, 0, 0, 0, 0], &frame[8..56]].concat()],
        (true, _) => vec![],
        (false, _) => vec![frame.to_vec()],
    };
    fs::write(place.at("list.txt"), name_of(&stays)).expect("written");
    let alone = ["check", "--vault", "vault"];
    for (at, forged) in [rewritten(&whole, left_out), rewritten(&whole, withdrawn)].iter().enumerate() {
        fs::write(&journal, forged).expect("written");
        let check = place.run(&alone);
        assert!(check.code == Some(0) && !check.stdout.to_lowercase().contains("whole"), "without a key: {check:?}");
        let id = place.site.custodian.keyring.custody().to_string();
        let check = place.run(&[&alone[..], &["--custodian", &id]].concat());
        assert!(check.code == Some(0) && !check.stdout.to_lowercase().contains("whole"), "with the id: {check:?}");
        assert!(check.stdout.contains("nothing vouches for the segments"), "{check:?}");

        let search = place.run(&SEARCH);
        assert_eq!((len(&search, "hits"), len(&search, "damaged")), (1, 1), "{search:?}");
        let copy = format!("copy{at}");
        let own = ["--vault", "vault", "--custody", "custody"];
        let with = |verb: &[&str]| place.run(&[verb, &own].concat());
        let outputs: Vec<String> = (0..2).map(|number| format!("open{at}{number}")).collect();
        let opened: Vec<Ended> =
            records.iter().zip(&outputs).map(|(record, out)| with(&["open", record, "-o", out])).collect();
        assert_eq!(outputs.iter().filter(|out| place.at(out).exists()).count(), 1, "{opened:?}");
        let opened = opened.into_iter().find(|ended| ended.stderr.contains("damaged: ")).expect("one is there");
        let ended = [
            search,
            opened,
            place.run(&export("scene", &copy)),
            with(&["impact", "list.txt"]),
            with(&["expire", "--dry-run"]),
            with(&["expire"]),
        ];
        for ended in ended {
            assert_eq!(ended.code, Some(3), "{ended:?}");
            assert!(ended.stderr.contains("not written with this site's key"), "{ended:?}");
        }
        assert!(place.at(&copy).exists(), "it gives what it has");
        for more in [&["--custody", "custody"][..], &["--deep", "--custody", "custody"], &["--pack", "site.pack"]] {
            let check = place.run(&[&alone[..], more].concat());
            assert_eq!(check.code, Some(3), "{more:?}: {check:?}");
        }
    }
    fs::write(&journal, whole).expect("written");
    assert_eq!(place.run(&SEARCH).code, Some(1), "the segment is missing now");
}

/// "Whole" is said of what was verified: by which site's journal, and of nothing where nothing is.
#[test]
fn a_check_says_what_it_has_verified_and_what_not() {
    let place = Place::new();
    let mut keyring = Keyring::open(&place.at("custody"), &common::passphrase()).expect("opens");
    let request = PackRequest { site: "South Gate", valid_days: 30, now: jiff::Timestamp::now() };
    let pack = keyring.issue_pack(&request, &place.at("south.pack")).expect("issued");
    let (journals, segments) = (files_below(&place.at("vault/journals")), place.segments());
    let whole = |more: &[&str]| {
        let ended = place.run(&[&["check", "--vault", "vault"], more].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let deep = ["--deep", "--custody", "custody"];
    let before = whole(&deep);
    assert!(before.contains("Whole by the journal of \"North Bridge\": "), "{before}");
    assert!(before.contains("No journal is in it of \"South Gate\""), "{before}");
    place.site.put("3.jpg", &photo(3));
    let south = Ended::of(place.site.command_with(&place.at("south.pack"), &place.at("vault")).output().expect("runs"));
    assert_eq!(south.code, Some(0), "{south:?}");
    let both = whole(&deep);
    assert!(both.contains("The vault is whole, by the journals of \"North Bridge\", \"South Gate\": "), "{both}");
    for (pack, own) in [("site.pack", "North Bridge"), ("south.pack", "South Gate")] {
        let said = whole(&["--pack", pack]);
        assert!(said.contains(&format!("Whole by the journal of {own:?}: ")), "{said}");
        assert!(said.contains("nothing vouches for what other sites have sealed: 1 journal not verified"), "{said}");
        assert!(!said.contains("The vault is whole"), "{said}");
    }
    // One site's journal forged: the other's pack does not vouch for it.
    let journal = place.at("vault/journals").join(pack.journal().to_string());
    let bytes = fs::read(&journal).expect("read");
    fs::write(&journal, rewritten(&bytes, |_, frame| vec![frame.to_vec()])).expect("written");
    let said = whole(&["--pack", "site.pack"]);
    assert!(said.contains("1 journal not verified") && !said.contains("The vault is whole"), "{said}");
    // All that it sealed is gone, and its journal.
    fs::remove_file(&journal).expect("removed");
    place
        .segments()
        .iter()
        .filter(|path| !segments.contains(path))
        .for_each(|path| fs::remove_file(path).expect("removed"));
    let said = whole(&["--pack", "site.pack"]);
    assert!(
        said.contains("Nothing vouches for what other sites may have sealed") && !said.contains("The vault is whole"),
        "{said}"
    );
    let said = whole(&deep);
    assert!(said.contains("No journal is in it of \"South Gate\"") && !said.contains("The vault is whole"), "{said}");

    // Of nothing nothing is whole.
    assert_eq!(place.run(&export("metadata", "copy")).code, Some(0));
    files_below(&place.at("copy/segments")).iter().for_each(|path| fs::remove_file(path).expect("removed"));
    segments.iter().chain(&journals).for_each(|path| fs::remove_file(path).expect("removed"));
    let id = keyring.custody().to_string();
    for args in [&["--vault", "copy", "--custodian", &id][..], &["--vault", "vault", "--custodian", &id]] {
        let ended = place.run(&[&["check"], args].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("Nothing is in it."), "{ended:?}");
        assert!(!ended.stdout.to_lowercase().contains("whole"), "{ended:?}");
    }
    let said = whole(&deep);
    assert!(said.contains("Nothing is in it.") && !said.to_lowercase().contains("whole"), "{said}");
}

/// What is made in a vault is copied with it, and is a stranger in it; a vault beside a keyring is copied with that.
#[test]
fn nothing_is_made_in_a_vault_and_no_vault_in_a_custody_folder() {
    let place = Place::new();
    let found = place.run(&SEARCH);
    let hits: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    let record = hits["hits"][0]["record"].as_str().expect("a record").to_owned();
    #[cfg(unix)]
    std::os::unix::fs::symlink(place.at("vault/segments"), place.at("link")).expect("linked");
    let before = common::snapshot(&place.at("vault"));
    let own = ["--vault", "vault", "--custody", "custody"];
    let outputs: [&[&str]; 10] = [
        &["open", &record, "--vault", "vault", "--custody", "custody", "-o"],
        &[
            "export",
            "--to",
            "partner.pub",
            "--view",
            "scene",
            "--purpose",
            "x",
            "--vault",
            "vault",
            "--custody",
            "custody",
            "-o",
        ],
        &["custody", "recipient", "--unencrypted", "-o"],
        &["custody", "pack", "--custody", "custody", "--site", "x", "-o"],
        &["audit", "checkpoint", "--custody", "custody", "-o"],
        &["impact", "vault", "--custody", "custody", "--report"],
        &["impact", "vault", "--custody", "custody", "--captures"],
        &["breach", "vault", "--report"],
        &["simulate", "--count", "1", "--out"],
        &["inspect", "partner.pub", "--format", "overlay", "--out"],
    ];
    for output in outputs {
        for name in
            ["vault/x", "vault/segments/x.jpg", "vault/new/x", "link/x"].iter().take(if cfg!(unix) { 4 } else { 3 })
        {
            let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
            command.args(output).arg(name).current_dir(place.at("")).stdin(Stdio::null());
            // Before anybody is asked for a secret.
            command.env_remove("SAFELIGHT_PASSPHRASE");
            within_a_minute(&mut command).failed(2, "lies in the vault", "outside");
        }
    }
    assert_eq!(common::snapshot(&place.at("vault")), before);
    assert_eq!(place.run(&[&["check", "--deep"][..], &own].concat()).code, Some(0));
    // An output may lie beside a keyring; a vault may not.
    for name in ["custody/vault", "vault/inner", "vault/segments/inner"] {
        let pack = place.at("site.pack");
        let run = place.site.command_with(&pack, &place.at(name)).arg("--new").output().expect("runs");
        Ended::of(run).failed(2, "lies in a vault or in a custody folder", "elsewhere");
        assert!(!place.at(name).exists());
    }
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused() {
    let place = Place::new();
    let export = export("scene", "copy");
    let verbs: [(&[&str], &str); 2] = [(&SEARCH, "--to"), (&export, "--until")];
    for (verb, end) in verbs {
        for (from, to) in [("2027-01-01", "2020-01-01"), ("2027-01-01", "2027-01-01")] {
            let ended = place.run(&[verb, &["--from", from, end, to]].concat());
            ended.failed(2, "does not begin before", end);
        }
    }
}

/// The verdict is the exit code's, too, where nothing can be written.
#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_does_not_hide_a_fault() {
    let place = Place::new();
    fs::remove_file(&place.segments()[0]).expect("removed");
    for more in [&[][..], &["--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("opened");
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(["check", "--vault"]).arg(place.at("vault")).args(more).stdout(full);
        assert_eq!(command.output().expect("runs").status.code(), Some(3));
    }
}

/// What is no regular file is not looked at, and not passed over in silence.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_named_and_counted() {
    let place = Place::new();
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
    fs::create_dir(place.at("photos")).expect("made");
    for path in ["photos/p.jpg", "photos/plain", "alone.jpg", "alone"] {
        fifo(&place.at(path));
    }
    std::os::unix::fs::symlink(place.at("alone"), place.at("linked.jpg")).expect("linked");
    let models = common::site::tiny_nets().to_string_lossy().into_owned();
    for path in ["photos", "alone.jpg", "alone", "linked.jpg", "/dev/zero"] {
        let ingest = ["ingest", path, "--vault", "vault", "--pack", "site.pack", "--models", &models];
        for verb in [&ingest[..], &["inspect", path, "--models", &models]] {
            let ended = place.run(verb);
            assert_eq!(ended.code, Some(1), "{verb:?}: {ended:?}");
            assert!(ended.stderr.contains("not a regular file"), "{verb:?}: {ended:?}");
            let name = if path == "photos" { "plain" } else { path };
            assert!(ended.stderr.contains(name), "{verb:?}: {ended:?}");
        }
    }
    // A link in a segment's place is none of the vault's, for whoever reads as for whoever writes.
    let segment = place.segments().remove(0);
    fs::rename(&segment, place.at("aside")).expect("moved");
    std::os::unix::fs::symlink(place.at("aside"), &segment).expect("linked");
    let check = place.run(&["check", "--vault", "vault"]);
    assert!(check.code == Some(3) && check.stdout.contains("it is a symbolic link"), "{check:?}");
    fs::remove_file(&segment).expect("removed");
    fifo(&segment);
    let impact = place.run(&["impact", "vault", "--custody", "custody"]);
    assert_eq!(impact.code, Some(1), "{impact:?}");
    assert!(impact.stdout.contains("1 link, FIFO or other special file not opened"), "{impact:?}");
}

/// A state that was being written when its writer was killed goes with the next run; what only looks like one stays.
#[test]
fn an_unfinished_state_is_removed_by_the_next_run() {
    let place = Place::new();
    let state = fs::read(place.at("site.pack.state")).expect("a state");
    let mut foreign = state.clone();
    foreign[16] ^= 1;
    let cases =
        [(".safelight-7FIx98", &state[..], false), (".safelight-aaaaaa", &foreign, true), ("7FIx98", &state, true)];
    for (name, bytes, _) in cases {
        fs::write(place.at(name), bytes).expect("written");
    }
    assert_eq!(place.ingest().code, Some(0));
    for (name, _, stays) in cases {
        assert_eq!(place.at(name).exists(), stays, "{name}");
    }
}

/// A keyring from before a rotation: what was sealed since is whole by its hash, and nobody says more of it.
#[test]
fn what_a_deep_check_cannot_open_is_not_called_whole() {
    let place = Place::new();
    let copied = Command::new("cp").args(["-r", "custody", "earlier"]).current_dir(place.at("")).status();
    assert!(copied.expect("cp runs").success());
    let mut keyring = Keyring::open(&place.at("custody"), &common::passphrase()).expect("opens");
    keyring.rotate(None, jiff::Timestamp::now()).expect("rotated");
    let request = PackRequest { site: "North Bridge", valid_days: 30, now: jiff::Timestamp::now() };
    keyring.issue_pack(&request, &place.at("next.pack")).expect("issued");
    place.site.put("3.jpg", &photo(3));
    let next = place.site.command_with(&place.at("next.pack"), &place.at("vault")).output().expect("runs");
    assert_eq!(Ended::of(next).code, Some(0));

    let deep = |custody| place.run(&["check", "--deep", "--vault", "vault", "--custody", custody]);
    let all = deep("custody");
    assert!(all.code == Some(0) && all.stdout.contains("The vault is whole"), "{all:?}");
    let part = deep("earlier");
    assert_eq!(part.code, Some(1), "{part:?}");
    assert!(part.stdout.contains("What was opened is whole") && !part.stdout.contains("vault is whole"), "{part:?}");
    assert!(part.stdout.contains("3 sections not opened"), "{part:?}");
    let json = place.run(&["check", "--deep", "--vault", "vault", "--custody", "earlier", "--json"]);
    let told = ["captures", "opened_sections", "unopened_sections"].map(|name| json.number(name));
    assert_eq!((json.code, told), (Some(1), [2, 6, 3]), "{json:?}");
}

/// Whoever can write to the vault can write a journal that holds together; only the site's key makes one that is the site's.
#[test]
fn a_forged_journal_is_found_with_the_keyring() {
    let place = Place::new();
    let deep = ["check", "--vault", "vault", "--deep", "--custody", "custody"];
    assert_eq!(place.run(&deep).code, Some(0));
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let whole = fs::read(&journal).expect("read");
    // The first frame's MAC: 32 bytes behind its chain.
    let mut forged = whole.clone();
    forged[80 + 56 + 64 * 16 + 32] ^= 1;
    fs::write(&journal, &forged).expect("written");
    assert_eq!(place.run(&["check", "--vault", "vault"]).code, Some(0), "nobody can tell without a key");
    let ended = place.run(&deep);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("not written with this site's key"), "{ended:?}");
    // Under a name of its own, as of a site that there never was.
    fs::remove_file(&journal).expect("removed");
    let id = safelight::seal::JournalId([7; 16]);
    let mut header = whole[..80].to_vec();
    header[32..48].copy_from_slice(&id.0);
    let hash = *blake3::hash(&header[..48]).as_bytes();
    header[48..].copy_from_slice(&hash);
    fs::write(place.at("vault/journals").join(id.to_string()), header).expect("written");
    let ended = place.run(&deep);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("of no site that this keyring knows"), "{ended:?}");
}

#[test]
fn a_leaked_original_and_a_leaked_scene_are_recognised() {
    let place = Place::new();
    let loot = place.at("loot");
    fs::create_dir(&loot).expect("made");
    let impact = |more: &[&str]| {
        let args = ["impact", "loot", "--custody", "custody", "--json"];
        place.run(&args.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let with_vault = ["--vault", "vault"];
    let opened = place.site.opened();
    fs::write(loot.join("a.jpg"), photo(0)).expect("written");
    let original = impact(&with_vault);
    assert_eq!((original.code, original.number("captures")), (Some(0), 1), "{original:?}");
    assert_eq!(field(&original, "taken")["originals"], 1, "{original:?}");
    fs::write(loot.join("b.jpg"), &opened[1].scene.as_ref().expect("a scene").file).expect("written");
    let both = impact(&with_vault);
    assert_eq!((both.code, both.number("captures")), (Some(0), 2), "{both:?}");
    assert_eq!(field(&both, "taken")["scenes"], 1, "{both:?}");
    // A picture that is neither may be one that was changed: what is not counted is said.
    fs::write(loot.join("c.jpg"), photo(99)).expect("written");
    let more = impact(&with_vault);
    assert_eq!((more.code, more.number("captures")), (Some(1), 2), "{more:?}");
    assert_eq!(field(&more, "uncounted")["pictures"], 1, "{more:?}");
    // Without the vault nothing is known, and that is what is said.
    let unknown = impact(&[]);
    assert_eq!((unknown.code, unknown.number("captures")), (Some(1), 0), "{unknown:?}");
    let words = place.run(&["impact", "loot", "--custody", "custody"]);
    assert!(!words.stdout.contains("0 to 0"), "{words:?}");
    // A copy's catalogue must not tell a recipient which original it is of.
    let copy = place.run(&export("full", "copy"));
    assert_eq!(copy.code, Some(0), "{copy:?}");
}

const CHECK: [&str; 5] = ["check", "--vault", "vault", "--pack", "site.pack"];

/// The lengths at which a journal's frames end.
fn frames(journal: &[u8]) -> Vec<usize> {
    let mut ends = vec![80];
    while let Some(head) = journal[*ends.last().expect("one")..].first_chunk::<8>() {
        let digests = u32::from_le_bytes(*head[4..].first_chunk().expect("4 of 8 bytes")) as usize;
        ends.push(ends.last().expect("one") + 56 + 16 * digests + 64);
    }
    ends
}

/// What the vault alone cannot tell: its newest segment is gone, and with it all that its journal says of it.
#[test]
fn a_vault_that_lost_its_end_is_noticed_by_its_site() {
    let place = Place::new();
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let first = fs::read(&journal).expect("read");
    let before: Vec<_> = place.segments();
    place.site.put("3.jpg", &photo(3));
    assert_eq!(place.ingest().code, Some(0));
    let sound = place.run(&CHECK);
    assert_eq!(sound.code, Some(0), "{sound:?}");
    let newest = place.segments().into_iter().find(|path| !before.contains(path)).expect("a third segment");
    let (bytes, whole) = (fs::read(&newest).expect("read"), fs::read(&journal).expect("read"));
    fs::remove_file(&newest).expect("removed");
    // Cut before its intent, and right behind it: as if the last run had died before the segment got its name.
    let ends = frames(&whole);
    assert_eq!(ends.last(), Some(&whole.len()));
    for end in [first.len(), ends[ends.len() - 2]] {
        fs::write(&journal, &whole[..end]).expect("written");
        let alone = place.run(&["check", "--vault", "vault"]);
        assert_eq!(alone.code, Some(0), "the vault alone cannot tell");
        assert!(alone.stdout.contains("--pack"), "and says so: {alone:?}");
        let check = place.run(&CHECK);
        assert_eq!(check.code, Some(3), "{end}: {check:?}");
        assert!(check.stdout.contains(name_of(&newest)), "{check:?}");
        let ingest = place.ingest();
        ingest.failed(3, name_of(&newest), "--adopt");
        assert_eq!(fs::read(&journal).expect("read"), &whole[..end], "nothing was written");
    }
    // Put back, it is as before; and whoever knows goes on without.
    fs::write(&newest, &bytes).expect("written");
    fs::write(&journal, &whole).expect("written");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
    fs::remove_file(&newest).expect("removed");
    fs::write(&journal, &first).expect("written");
    let adopted = place.site.ingest(&["--adopt"]);
    assert_eq!((adopted.code, adopted.number("sealed")), (Some(0), 1), "{adopted:?}");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
}

#[test]
fn a_vault_that_was_rolled_back_or_forked_is_noticed_by_its_site() {
    let place = Place::new();
    let copy = place.at("earlier");
    let clone = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-r").args([from, to]).status().expect("cp runs").success());
    };
    clone(&place.at("vault"), &copy);
    place.site.put("3.jpg", &photo(3));
    assert_eq!(place.ingest().code, Some(0));
    fs::rename(place.at("vault"), place.at("newer")).expect("moved");
    clone(&copy, &place.at("vault"));
    place.ingest().failed(3, "behind", "--adopt");
    // Somebody goes on in the earlier copy without the state: its journal is then another, however long.
    let state = place.at("site.pack.state");
    let kept = fs::read(&state).expect("the state is beside the pack");
    fs::remove_file(&state).expect("removed");
    for number in 4..6 {
        place.site.put(&format!("{number}.jpg"), &photo(number));
        let run = place.site.ingest(&[]);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    fs::write(&state, &kept).expect("written");
    place.ingest().failed(3, "parts from", "--adopt");
    assert_eq!(place.run(&CHECK).code, Some(3));
    // The newer one is whole, and ahead of an older state: no alarm.
    fs::rename(place.at("vault"), place.at("forked")).expect("moved");
    fs::rename(place.at("newer"), place.at("vault")).expect("moved");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
    fs::write(&state, &kept).expect("written");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
}

#[test]
fn a_state_is_kept_by_its_owner_only_and_its_loss_and_damage_are_said() {
    let place = Place::new();
    let state = place.at("site.pack.state");
    let bytes = fs::read(&state).expect("the state is beside the pack");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&state).expect("there").permissions()) & 0o777,
        0o600
    );
    let mut altered = bytes.clone();
    altered[40] ^= 1;
    fs::write(&state, altered).expect("written");
    place.ingest().failed(3, "was altered", "backup");
    fs::remove_file(&state).expect("removed");
    let check = place.run(&CHECK);
    assert!(check.code == Some(0) && check.stdout.contains("keeps no state"), "{check:?}");
    let begun = place.site.ingest(&[]);
    assert!(begun.code == Some(0) && field(&begun, "state_begun") == true, "{begun:?}");
    let again = place.site.ingest(&[]);
    assert!(again.code == Some(0) && field(&again, "state_begun") == false, "{again:?}");
    // The next pack of the same site carries on, whatever it is called.
    let mut keyring = Keyring::open(&place.at("custody"), &common::passphrase()).expect("opens");
    let request = PackRequest { site: "North Bridge", valid_days: 30, now: jiff::Timestamp::now() };
    keyring.issue_pack(&request, &place.at("next.pack")).expect("issued");
    let next = Ended::of(place.site.command_with(&place.at("next.pack"), &place.at("vault")).output().expect("runs"));
    assert!(next.code == Some(0) && field(&next, "state_begun") == false, "{next:?}");
    assert!(place.at("next.pack.state").exists());
}

/// A table may say what it likes; which site sealed a capture is what its pack says.
#[test]
fn captures_of_another_site_are_counted_and_named() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    site.put("b.jpg", &photo(1));
    site.put("captures.csv", b"file,site\na.jpg,South Gate\nb.jpg,\n");
    let run = site.ingest(&[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(field(&run, "other_sites"), serde_json::json!({"South Gate": 1}), "{run:?}");
    assert!(run.stderr.contains("South Gate"), "{run:?}");
    let sites: Vec<_> =
        site.opened().iter().map(|o| (o.catalogue.site.clone(), o.catalogue.sealed_by.clone())).collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(sites, [(named("South Gate"), named("North Bridge")), (named("North Bridge"), named("North Bridge"))]);
    // A search says so where it is not the site that the table claims.
    let search = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(["search", "--vault", "vault", "--custody", "custody"]).args(more);
        command.current_dir(site.custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        within_a_minute(&mut command)
    };
    let words = search(&[]);
    let said: Vec<_> = words.stdout.lines().filter(|line| line.contains("sealed by North Bridge")).collect();
    assert!(said.len() == 1 && said[0].contains("South Gate"), "{words:?}");
    let hits = field(&search(&["--json"]), "hits");
    let hits = hits.as_array().expect("hits");
    assert!(hits.len() == 2 && hits.iter().all(|hit| hit["sealed_by"] == "North Bridge"), "{hits:?}");
}

#[test]
fn no_keyring_is_made_in_a_vault_or_beside_another_log() {
    let place = Place::new();
    let names = |folder: &str| {
        let mut names: Vec<_> =
            walkdir::WalkDir::new(place.at(folder)).into_iter().map(|e| e.expect("read").into_path()).collect();
        names.sort();
        names
    };
    let vault = names("vault");
    for folder in ["vault", "vault/keys", "vault/segments/keys"] {
        place.run(&["custody", "init", "--custody", folder]).failed(2, "lies in the vault", "elsewhere");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(place.at("vault/segments"), place.at("link")).expect("linked");
        place.run(&["custody", "init", "--custody", "link/keys"]).failed(2, "lies in the vault", "elsewhere");
    }
    assert_eq!(names("vault"), vault);
    // A log whose keyring is gone.
    assert_eq!(place.run(&SEARCH).code, Some(0));
    fs::create_dir(place.at("other")).expect("made");
    fs::rename(place.at("custody/audit"), place.at("other/audit")).expect("moved");
    let before = names("other");
    place.run(&["custody", "init", "--custody", "other"]).failed(2, "audit log", "another folder");
    assert_eq!(names("other"), before);
}
