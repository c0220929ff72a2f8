//! What is due is destroyed and stays destroyed; what is not due is touched by nothing, wherever expiry dies.
//!
//! Everything is sealed in January 2024 by a clock that was turned back, so that terms are over today.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::site::Ended;
use common::store::{Blow, Fate, FatedStore};
use common::{CHEAP, PASSPHRASE, capture, endless, files_below, openly, passphrase};
use jiff::{SignedDuration, Timestamp};
use safelight::capture::{CaptureId, Circumstances};
use safelight::custody::{Keyring, KeyringError, PackRequest, Remains, SitePack};
use safelight::seal::Capability;
use safelight::vault::{
    ExpireError, ExpiringVault, Fault, Holding, Note, OpenError, OpeningVault, Origin, Query, SealError,
    SealingOptions, SealingVault, Trust, check, check_deep, expire,
};
use serde_json::Value;
use tempfile::TempDir;

const SEALED: &str = "2024-01-10T12:00:00Z";
/// Identities of all, and everything of transit, are due when February is over.
const DUE: &str = "2024-03-01T00:00:00Z";
const CAPTURES: u64 = 9;

fn at(time: &str) -> Timestamp {
    time.parse().expect("a timestamp")
}

/// A capture of number `n` has this class.
fn class(number: u64) -> Option<&'static str> {
    [None, Some("visitor"), Some("citizen")][number as usize % 3]
}

fn is_transit(number: u64) -> bool {
    class(number).is_none()
}

/// Records' ids do not tell their numbers: [`capture`] is told the number.
fn id(number: u64) -> CaptureId {
    CaptureId(capture(number, None).catalogue.id)
}

struct Scene {
    folder: TempDir,
    pack: SitePack,
}

impl Scene {
    /// A keyring, a pack and a vault of January 2024.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let custody = folder.path().join("custody");
        let now = at(SEALED);
        let mut keyring = Keyring::create(&custody, &passphrase(), CHEAP, endless(), now).expect("a keyring");
        let request = PackRequest { site: "North Bridge", valid_days: 20, now };
        let pack = keyring.issue_pack(&request, &folder.path().join("site.pack")).expect("a pack");
        let scene = Self { folder, pack };
        scene.seal(0..CAPTURES, SEALED);
        scene
    }

    fn seal(&self, numbers: std::ops::Range<u64>, when: &str) -> u64 {
        let fate = Fate::kind();
        fate.turn_clock(at(when).duration_since(Timestamp::now()));
        let store = Box::new(FatedStore(fate));
        let mut vault = SealingVault::open_on(store, &self.vault(), &self.pack, SealingOptions::default())
            .expect("the vault opens");
        for number in numbers {
            vault.append(capture(number, class(number))).expect("taken");
        }
        vault.finish().expect("sealed").captures
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn vault(&self) -> PathBuf {
        self.path("vault")
    }

    fn keyring(&self, custody: &str) -> Keyring {
        Keyring::open(&self.path(custody), &passphrase()).expect("the keyring opens")
    }

    /// A copy of a folder, as a backup or a thief makes it.
    fn copy(&self, from: &str, to: &str) {
        copy(&self.path(from), &self.path(to));
    }

    fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(self.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        Ended::of(command.output().expect("the command runs"))
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(&[args, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.stdout).expect("JSON")
    }

    fn expire(&self) -> safelight::vault::Expired {
        let mut vaults = [ExpiringVault::open(&self.vault(), Trust::Nobody).expect("the vault is free")];
        expire(&mut self.keyring("custody"), &mut vaults, at(DUE), at(DUE)).expect("expired")
    }
}

fn copy(from: &Path, to: &Path) {
    for path in files_below(from) {
        let target = to.join(path.strip_prefix(from).expect("below"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("made");
        fs::copy(path, target).expect("copied");
    }
}

/// Whether a part of a capture opens.
fn opens(folder: &Path, keyring: &Keyring, number: u64, capability: Capability) -> Result<(), OpenError> {
    let vault = OpeningVault::open(folder, Trust::Nobody).expect("the vault opens");
    let keys = openly(keyring, folder, &Capability::ALL);
    match capability {
        Capability::Scene => vault.scene(id(number), &keys).map(|_| ()),
        Capability::Identity => vault.identity(id(number), &keys).map(|_| ()),
        Capability::Catalogue => {
            let found = Query::default().run(&vault, &keys)?.hits(&keys)?;
            let there = found.iter().any(|found| CaptureId(found.record.id) == id(number));
            if there { Ok(()) } else { Err(OpenError::NoRecord { id: id(number), capability }) }
        }
    }
}

/// Captures that have a scene: one in seven is unreadable.
fn readable() -> impl Iterator<Item = u64> {
    (0..CAPTURES).filter(|number| number % 7 != 6)
}

#[test]
fn after_expiry_an_old_record_opens_with_a_keyring_from_before_and_with_none_from_after() {
    let scene = Scene::new();
    scene.copy("custody", "custody-before");
    scene.copy("vault", "vault-before");
    let arguments = ["expire", "--vault", "vault", "--custody", "custody", "--before"];
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();

    // Nothing is due on February's last day, and nothing is written.
    let early = scene.json(&[&arguments[..], &["2024-02-29", "--confirm-date", &today]].concat());
    assert_eq!(early["keys"].as_array().map(Vec::len), Some(0));
    assert_eq!(scene.keyring("custody").generation(), scene.keyring("custody-before").generation());

    let forecast = scene.json(&[&arguments[..], &["2024-03-01", "--dry-run"]].concat());
    assert_eq!(forecast["keys"].as_array().map(Vec::len), Some(5), "{forecast}");
    assert_eq!(scene.keyring("custody").generation(), scene.keyring("custody-before").generation());
    assert!(!scene.path("vault/tombstones").exists());

    // What is destroyed is dated, which takes a date that is confirmed, whatever day is named.
    let unconfirmed = scene.run(&[&arguments[..], &["2024-03-01"]].concat());
    unconfirmed.failed(2, "clock says", "--confirm-date");
    let done = scene.json(&[&arguments[..], &["2024-03-01", "--confirm-date", &today]].concat());
    assert_eq!(done["keys"], forecast["keys"]);
    assert_eq!(done["vaults"][0]["segments_removed"], 1);
    assert_eq!(done["vaults"][0]["segments_partly_expired"], 2);
    assert_eq!(done["vaults"][0]["captures_buried"], 3);
    let (before, after) = (scene.keyring("custody-before"), scene.keyring("custody"));
    assert_eq!(done["backups"]["generations"][1], before.generation());
    assert_eq!(done["backups"]["generation"], after.generation());

    for number in readable() {
        // The vault as it was, for those who kept a copy of it, and as it is.
        let (old, new) = (scene.path("vault-before"), scene.vault());
        opens(&old, &before, number, Capability::Scene).expect("a backup of the keyring opens what it opened");
        let scene_after = opens(&old, &after, number, Capability::Scene);
        assert_eq!(scene_after.is_ok(), !is_transit(number), "{number}: {scene_after:?}");
        assert!(opens(&old, &after, number, Capability::Identity).is_err(), "{number}");
        assert_eq!(opens(&new, &before, number, Capability::Identity).is_ok(), !is_transit(number), "{number}");
        let identity = opens(&new, &after, number, Capability::Identity);
        assert!(matches!(identity, Err(OpenError::Expired { .. })), "{number}: {identity:?}");
        assert_eq!(opens(&new, &after, number, Capability::Scene).is_ok(), !is_transit(number), "{number}");
        assert_eq!(opens(&new, &after, number, Capability::Catalogue).is_ok(), !is_transit(number), "{number}");
    }
}

#[test]
fn expired_is_told_from_never_there() {
    let scene = Scene::new();
    scene.expire();
    let open = |record: CaptureId, more: &[&str]| {
        let record = record.to_string();
        let arguments = ["open", &record, "--vault", "vault", "--custody", "custody", "-o", "out"];
        scene.run(&[&arguments[..], more].concat())
    };
    // All of it, a part of it, an unreadable one, and nothing.
    open(id(0), &[]).failed(2, "the scene record", "not to be kept");
    open(id(1), &["--identity"]).failed(2, "has expired: its key was destroyed on 2024-03-01", "not to be kept");
    open(id(6), &["--identity"]).failed(2, "has expired", "not to be kept");
    open(CaptureId([1; 16]), &[]).failed(2, "can be found", "check the record's id");
    assert!(!scene.path("out").exists());

    let found = scene.json(&["search", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(found["hits"].as_array().map(Vec::len), Some(6));
    assert_eq!((&found["expired_segments"], &found["closed_segments"]), (&Value::from(1), &Value::from(0)));
    let checked = scene.json(&["check", "--deep", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(checked["expired_segments"], 1);
    assert_eq!((&checked["expired_sections"], &checked["unopened_sections"]), (&Value::from(2), &Value::from(0)));
}

#[test]
fn a_vault_after_expiry_is_whole_and_takes_more() {
    let scene = Scene::new();
    let before = files_below(&scene.path("vault/segments")).len();
    scene.expire();
    assert_eq!(files_below(&scene.path("vault/segments")).len(), before - 1);
    let report = check(&scene.vault(), Trust::Nobody).expect("checked");
    assert!(report.is_sound() && report.notes.is_empty() && report.expired == 1, "{report:?}");

    // What nobody can open any more is not sealed: where its original is met again, it is sealed again.
    assert_eq!(scene.seal(0..CAPTURES, "2024-01-20T00:00:00Z"), CAPTURES / 3);
    assert_eq!(scene.seal(10..11, "2024-01-20T00:00:00Z"), 1);
    assert!(check(&scene.vault(), Trust::Nobody).expect("checked").is_sound());

    // Nothing is due twice.
    let again = scene.expire();
    assert!(again.due.is_empty() && again.destroyed.is_none());
    assert_eq!(again.vaults[0].captures, 0);
}

#[test]
fn what_has_expired_counts_as_held_by_nobody() {
    let scene = Scene::new();
    let ask = |scene: &Scene| {
        let fate = Fate::kind();
        fate.turn_clock(at("2024-01-20T00:00:00Z").duration_since(Timestamp::now()));
        let store = Box::new(FatedStore(fate));
        let vault =
            SealingVault::open_on(store, &scene.vault(), &scene.pack, SealingOptions::default()).expect("opens");
        assert!(vault.damages().is_empty(), "{:?}", vault.damages());
        let sieve = vault.sieve();
        let answer = |number| {
            let identity = capture(number, class(number)).identity;
            let origin = Origin::new(identity.blake3, &Circumstances::default(), &identity.source_name);
            (sieve.knows(&origin), sieve.lost(&origin), sieve.holding(&origin))
        };
        (0..CAPTURES).map(answer).collect::<Vec<_>>()
    };
    for (number, answer) in (0..).zip(ask(&scene)) {
        let held = if number % 7 == 6 { Holding::Unreadable } else { Holding::Examined };
        assert_eq!(answer, (true, false, held), "{number}");
    }
    scene.expire();
    for (number, answer) in (0..).zip(ask(&scene)) {
        // Of the others the catalogue and the scene are left, and no original.
        let expected = (!is_transit(number), is_transit(number), Holding::None);
        assert_eq!(answer, expected, "{number}");
    }
}

/// What counts as sealed without a tombstone: only what its custodian has the keys of still, by the terms that were sealed
/// with it. Each capture: known, lost, held.
#[test]
fn what_is_past_its_term_counts_as_held_by_nobody_whoever_took_the_tombstones_away() {
    let scene = Scene::new();
    scene.copy("vault", "copy");
    // The custodian expires on a copy, and on the vault, whose tombstones somebody removes.
    let mut vaults = [ExpiringVault::open(&scene.path("copy"), Trust::Nobody).expect("the vault is free")];
    expire(&mut scene.keyring("custody"), &mut vaults, at(DUE), at(DUE)).expect("expired");
    drop(vaults);
    let mut keyring = scene.keyring("custody");
    let request = PackRequest { site: "North Bridge", valid_days: 20, now: at(DUE) };
    let next = keyring.issue_pack(&request, &scene.path("next.pack")).expect("a pack");
    let ask = |vault: &str, pack: &SitePack, when: &str| {
        let fate = Fate::kind();
        fate.turn_clock(at(when).duration_since(Timestamp::now()));
        let store = Box::new(FatedStore(fate));
        let vault = SealingVault::open_on(store, &scene.path(vault), pack, SealingOptions::default()).expect("opens");
        let sieve = vault.sieve();
        let answer = |number| {
            let identity = capture(number, class(number)).identity;
            let origin = Origin::new(identity.blake3, &Circumstances::default(), &identity.source_name);
            (sieve.knows(&origin), sieve.lost(&origin), sieve.holding(&origin))
        };
        (0..CAPTURES).map(answer).collect::<Vec<_>>()
    };
    let held = |number: u64| if number % 7 == 6 { Holding::Unreadable } else { Holding::Examined };
    for (number, answer) in (0..).zip(ask("vault", &scene.pack, "2024-01-29T00:00:00Z")) {
        assert_eq!(answer, (true, false, held(number)), "{number}, within its term");
    }
    // Near its end nothing is deleted for it any more: clocks differ.
    for (number, answer) in (0..).zip(ask("vault", &next, "2024-02-29T12:00:00Z")) {
        assert_eq!(answer, (true, false, Holding::None), "{number}, at the end of its term");
    }
    for vault in ["vault", "copy"] {
        fs::remove_dir_all(scene.path(vault).join("tombstones"))
            .or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .expect("removed");
        for (number, answer) in (0..).zip(ask(vault, &next, DUE)) {
            // Of the others the catalogue and the scene are left, and no original.
            let expected = (!is_transit(number), is_transit(number), Holding::None);
            assert_eq!(answer, expected, "{number} in {vault}");
        }
    }
}

/// Nor does it run again when the site's clock falls back: by that an old pack would be valid, and old terms would run.
#[test]
fn what_has_ended_stays_ended_when_the_clock_falls_back() {
    let scene = Scene::new();
    // The custodian expires on a copy: in the vault no tombstone tells.
    scene.copy("vault", "copy");
    let mut vaults = [ExpiringVault::open(&scene.path("copy"), Trust::Nobody).expect("the vault is free")];
    expire(&mut scene.keyring("custody"), &mut vaults, at(DUE), at(DUE)).expect("expired");
    drop(vaults);
    let request = PackRequest { site: "North Bridge", valid_days: 20, now: at(DUE) };
    let next = scene.keyring("custody").issue_pack(&request, &scene.path("next.pack")).expect("a pack");
    let open = |pack: &SitePack, when: Timestamp| {
        let fate = Fate::kind();
        fate.turn_clock(when.duration_since(Timestamp::now()));
        let options = SealingOptions { state: Some(scene.path("state")), ..SealingOptions::default() };
        SealingVault::open_on(Box::new(FatedStore(fate)), &scene.vault(), pack, options)
    };
    let origin = |number| {
        let identity = capture(number, class(number)).identity;
        Origin::new(identity.blake3, &Circumstances::default(), &identity.source_name)
    };
    drop(open(&next, at(DUE)).expect("opens"));
    let refused = open(&scene.pack, at("2024-01-29T00:00:00Z"));
    assert!(matches!(refused, Err(SealError::Outlived { latest, .. }) if latest >= at(DUE)), "an old pack");
    // An hour back, in the month before: what was over is over.
    let vault = open(&next, at("2024-02-29T23:00:00Z")).expect("opens");
    assert!(vault.clock_behind().is_none());
    for number in 0..CAPTURES {
        let sieve = vault.sieve();
        let answer = (sieve.knows(&origin(number)), sieve.lost(&origin(number)));
        assert_eq!(answer, (!is_transit(number), is_transit(number)), "{number}");
    }
    drop(vault);
    // Two weeks back: nobody knows what runs still, neither of what was sealed before nor of what is sealed now.
    let in_a_while = at(DUE) + SignedDuration::from_hours(14 * 24);
    drop(open(&next, in_a_while).expect("opens"));
    let mut vault = open(&next, at(DUE)).expect("opens");
    assert!(vault.clock_behind().is_some_and(|behind| behind.latest >= in_a_while));
    vault.append_as(capture(CAPTURES, None), &origin(CAPTURES)).expect("taken");
    vault.commit().expect("sealed");
    let held: Vec<_> = (0..=CAPTURES).map(|number| vault.sieve().holding(&origin(number))).collect();
    assert!(vault.knows(&origin(CAPTURES)) && held.iter().all(|&held| held == Holding::None), "{held:?}");
    drop(vault);
    let vault = open(&next, in_a_while).expect("opens");
    assert_eq!(vault.sieve().holding(&origin(CAPTURES)), Holding::Examined, "the clock is right again");
}

#[test]
fn a_removed_segment_needs_its_tombstone() {
    let scene = Scene::new();
    scene.copy("vault/segments", "segments-before");
    scene.expire();
    let tombstones = files_below(&scene.path("vault/tombstones"));
    assert_eq!(tombstones.len(), 1);
    let bytes = fs::read(&tombstones[0]).expect("read");
    for damage in [bytes.len() / 2, bytes.len() - 1, 50] {
        let mut damaged = bytes.clone();
        damaged[damage] ^= 1;
        fs::write(&tombstones[0], damaged).expect("written");
        let faults = check(&scene.vault(), Trust::Nobody).expect("checked").faults;
        assert!(matches!(faults[..], [Fault::Tombstone { .. }, Fault::Missing { .. }]), "{faults:?}");
    }
    fs::remove_file(&tombstones[0]).expect("removed");
    let faults = check(&scene.vault(), Trust::Nobody).expect("checked").faults;
    assert!(matches!(faults[..], [Fault::Missing { .. }]), "{faults:?}");
    fs::write(&tombstones[0], bytes).expect("written");

    // A backup of the vault is put back: known for what it is, and removed without any key.
    copy(&scene.path("segments-before"), &scene.path("vault/segments"));
    let report = check(&scene.vault(), Trust::Nobody).expect("checked");
    assert!(report.is_sound() && matches!(report.notes[..], [Note::Unremoved { .. }]), "{report:?}");
    // On the word of the custodian of the site's pack, and not on that of whoever the card names.
    scene.run(&["expire", "--buried", "--vault", "vault"]).failed(2, "nobody vouches", "--pack");
    let removed = scene.json(&["expire", "--buried", "--vault", "vault", "--pack", "site.pack"]);
    assert_eq!(removed["segments_removed"], 1);
    assert!(check(&scene.vault(), Trust::Nobody).expect("checked").notes.is_empty());
}

/// Strikes at every operation on the vault; what is not due must open, and a second run must finish.
fn campaign(blow: Blow, power_cut: bool) {
    let scene = Scene::new();
    scene.copy("vault", "vault-0");
    scene.copy("custody", "custody-0");
    let run = |fate: &Arc<Fate>| {
        let store = Box::new(FatedStore(Arc::clone(fate)));
        let mut vaults = [ExpiringVault::open_on(store, &scene.vault(), Trust::Nobody)?];
        expire(&mut scene.keyring("custody"), &mut vaults, at(DUE), at(DUE))
    };
    let healthy = Fate::kind();
    run(&healthy).expect("a healthy run ends");
    let operations = healthy.operations();
    assert!(operations >= 10, "{operations}");
    for step in 0..operations {
        let context = format!("{blow:?} operation {step}, power cut: {power_cut}");
        for name in ["vault", "custody"] {
            fs::remove_dir_all(scene.path(name)).expect("removed");
            scene.copy(&format!("{name}-0"), name);
        }
        let fate = Fate::strike(step, blow);
        assert!(run(&fate).is_err() && fate.struck(), "{context}");
        if power_cut {
            fate.cut_power();
        }
        let keyring = scene.keyring("custody");
        let report =
            check_deep(&scene.vault(), Trust::Nobody, &keyring.opening_keys(&Capability::ALL)).expect("checked");
        assert!(report.is_sound(), "{context}: {:?}", report.faults);
        for number in readable().filter(|&number| !is_transit(number)) {
            opens(&scene.vault(), &keyring, number, Capability::Scene).unwrap_or_else(|e| panic!("{context}: {e}"));
        }

        run(&Fate::kind()).unwrap_or_else(|error| panic!("{context}: {error}"));
        let keyring = scene.keyring("custody");
        assert!(keyring.due(at(DUE)).is_empty(), "{context}");
        let report =
            check_deep(&scene.vault(), Trust::Nobody, &keyring.opening_keys(&Capability::ALL)).expect("checked");
        let noted = |note: &Note| !matches!(note, Note::Expired { .. });
        assert!(report.is_sound() && !report.notes.iter().any(noted), "{context}: {report:?}");
        assert_eq!((report.segments, report.expired), (2, 1), "{context}");
        let lost = opens(&scene.vault(), &keyring, 0, Capability::Scene);
        assert!(matches!(lost, Err(OpenError::Expired { .. })), "{context}: {lost:?}");
    }
}

#[test]
fn killed_before_any_operation() {
    campaign(Blow::Before, false);
}

#[test]
fn killed_in_the_middle_of_any_operation() {
    campaign(Blow::Halfway, false);
}

#[test]
fn power_cut_after_any_operation() {
    campaign(Blow::After, true);
}

/// The last catalogue of an epoch takes the epoch's keys with it, and no catalogue before it does.
#[test]
fn an_epochs_keys_are_destroyed_with_its_last_catalogue() {
    let folder = tempfile::tempdir().expect("a folder");
    let custody = folder.path().join("custody");
    let mut policy = safelight::custody::Policy::default();
    policy.classes.retain(|class| class.name == policy.default_class);
    let start = at("2024-01-05T00:00:00Z");
    let mut keyring = Keyring::create(&custody, &passphrase(), CHEAP, policy, start).expect("a keyring");
    for (name, now) in [("1.pack", "2024-01-05T00:00:00Z"), ("2.pack", "2024-02-05T00:00:00Z")] {
        let request = PackRequest { site: "North Bridge", valid_days: 90, now: at(now) };
        keyring.issue_pack(&request, &folder.path().join(name)).expect("a pack");
    }
    copy(&custody, &folder.path().join("backup"));
    // Thirty days after January's last day is in March.
    let catalogue = |keyring: &Keyring, before| {
        keyring.due(at(before)).iter().filter(|due| due.capability == Capability::Catalogue).count()
    };
    assert!(catalogue(&keyring, "2024-03-01T00:00:00Z") > 0);
    let first = keyring.destroy_due(at("2024-03-01T00:00:00Z"), at("2024-03-01T00:00:00Z")).expect("written");
    assert_eq!(first.expect("some are due").epochs, [] as [u32; 0]);
    assert!(keyring.epoch_keys(1).is_ok());
    assert_eq!(keyring.due_epochs(at("2024-04-01T00:00:00Z")), [1]);
    let second = keyring.destroy_due(at("2024-04-01T00:00:00Z"), at("2024-04-01T00:00:00Z")).expect("written");
    let second = second.expect("some are due");
    assert_eq!((second.epochs, *second.backups.start()), (vec![1], 1), "a backup of the first generation holds them");

    let keyring = Keyring::open(&custody, &passphrase()).expect("opens");
    assert!(matches!(keyring.epoch_keys(1), Err(KeyringError::EpochExpired { epoch: 1, .. })));
    assert_eq!(keyring.search_keys().expect("nothing is locked").len(), 1);
    assert_eq!(keyring.epochs().collect::<Vec<_>>(), [1, 2]);
    let backup = Keyring::open(&folder.path().join("backup"), &passphrase()).expect("opens");
    assert!(backup.epoch_keys(1).is_ok(), "a backup from before holds them");
    assert_eq!(keyring.summary().epochs[0].destroyed, Some(at("2024-04-01T00:00:00Z")));
}

#[test]
fn a_keyring_that_cannot_be_written_keeps_its_keys() {
    let scene = Scene::new();
    let mut keyring = scene.keyring("custody");
    let mut vaults = [ExpiringVault::open(&scene.vault(), Trust::Nobody).expect("the vault is free")];
    fs::rename(scene.path("custody"), scene.path("away")).expect("the disk is pulled");
    let error = expire(&mut keyring, &mut vaults, at(DUE), at(DUE)).expect_err("nowhere to write");
    assert!(matches!(error, ExpireError::Keyring(KeyringError::File(_))), "{error}");
    drop(vaults);
    fs::rename(scene.path("away"), scene.path("custody")).expect("and put back");

    let keyring = scene.keyring("custody");
    assert_eq!(keyring.due(at(DUE)).len(), 5);
    for number in readable() {
        opens(&scene.vault(), &keyring, number, Capability::Identity).expect("nothing is lost yet");
    }
    assert!(check(&scene.vault(), Trust::Nobody).expect("checked").is_sound());
    assert_eq!(scene.expire().vaults[0].removed, 1);
    assert!(check(&scene.vault(), Trust::Nobody).expect("checked").notes.is_empty());
}

#[test]
fn a_copy_of_the_keyring_by_another_name_is_not_overwritten() {
    let scene = Scene::new();
    fs::create_dir(scene.path("backup")).expect("made");
    fs::hard_link(scene.path("custody/keyring"), scene.path("backup/keyring")).expect("linked");
    let destroyed = scene.expire().destroyed.expect("due");
    // It is said that they are not gone.
    assert_eq!(destroyed.remains, Remains::OtherNames(1));
    let backup = scene.keyring("backup");
    assert_eq!(backup.due(at(DUE)).len(), 5);
    assert!(scene.keyring("custody").due(at(DUE)).is_empty());
}

/// A link that became a file would leave the keys where they were.
#[cfg(unix)]
#[test]
fn a_keyring_behind_a_link_is_replaced_where_it_lies_and_its_keys_are_gone() {
    use std::io::Read;

    let scene = Scene::new();
    fs::create_dir(scene.path("safe")).expect("made");
    fs::rename(scene.path("custody/keyring"), scene.path("safe/keyring")).expect("moved");
    std::os::unix::fs::symlink("../safe/keyring", scene.path("custody/keyring")).expect("linked");
    let mut opened = fs::File::open(scene.path("custody/keyring")).expect("opened");
    let is_link = || fs::symlink_metadata(scene.path("custody/keyring")).expect("metadata").is_symlink();

    let destroyed = scene.expire().destroyed.expect("due");
    assert_eq!(destroyed.remains, Remains::Nothing);
    assert!(is_link() && scene.keyring("safe").due(at(DUE)).is_empty());
    assert_eq!(scene.keyring("safe").generation(), destroyed.generation);
    let mut left = Vec::new();
    opened.read_to_end(&mut left).expect("read");
    assert!(!left.is_empty() && left.iter().all(|&byte| byte == 0), "the file that was opened holds nothing");

    let rotated = scene.run(&["custody", "rotate", "--custody", "custody"]);
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert!(is_link() && scene.keyring("safe").generation() > destroyed.generation);
}

#[test]
fn a_vault_that_comes_later_gets_its_tombstones_too() {
    let scene = Scene::new();
    scene.copy("vault", "second");
    scene.expire();
    let mut vaults = [ExpiringVault::open(&scene.path("second"), Trust::Nobody).expect("the vault is free")];
    let late =
        expire(&mut scene.keyring("custody"), &mut vaults, at(DUE), at("2024-04-01T00:00:00Z")).expect("expired");
    assert!(late.destroyed.is_none());
    assert_eq!((late.vaults[0].removed, late.vaults[0].partly, late.vaults[0].captures), (1, 2, 0));
    assert!(check(&scene.path("second"), Trust::Nobody).expect("checked").is_sound());
}

#[test]
fn what_should_not_expire_is_refused() {
    let scene = Scene::new();
    let expiry = |before: &str| scene.run(&["expire", "--vault", "vault", "--custody", "custody", "--before", before]);
    expiry("2999-01-01").failed(2, "is in the future", "--dry-run");
    // A clock that is years ahead of all that the keyring knows may be wrong.
    scene.run(&["expire", "--vault", "vault", "--custody", "custody"]).failed(2, "clock says", "--confirm-date");
    scene.run(&["expire", "--vault", "custody", "--custody", "custody"]).failed(2, "", "");
    let other = Scene::new();
    let mut vaults = [ExpiringVault::open(&other.vault(), Trust::Nobody).expect("the vault is free")];
    let foreign = expire(&mut scene.keyring("custody"), &mut vaults, at(DUE), at(DUE));
    assert!(matches!(foreign, Err(ExpireError::Foreign { .. })));
    assert!(matches!(ExpiringVault::open(&other.vault(), Trust::Nobody), Err(ExpireError::Locked { .. })));
    assert_eq!(scene.keyring("custody").due(at(DUE)).len(), 5, "nothing was destroyed");
}
