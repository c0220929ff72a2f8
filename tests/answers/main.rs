//! What the commands answer where a vault has gaps, damage, strangers' files or another's keys: what they have, by name what
//! they have not, and never "nothing" or "whole" of what they could not look at.

#[path = "../common/mod.rs"]
mod common;
mod copies;
mod irregular;
mod journals;
mod outputs;

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
    let found = Query::default().run(&vault, &keys).map(drop);
    assert!(matches!(found, Err(OpenError::NothingOpens { closed: 2 })));
    let report = check_deep(&place.at("vault"), Trust::Nobody, &keys).expect("checked");
    assert!(report.faults.iter().any(|fault| matches!(fault, Fault::NothingOpens { sections: 6 })), "{report:?}");
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
    // An output may lie beside a keyring; a vault may not, nor a copy.
    let copy = ["export", "--to", "partner.pub", "--view", "scene", "--purpose", "x", "-o", "custody/copy"];
    place.run(&[&copy[..], &own].concat()).failed(2, "lies in a custody folder", "outside");
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
