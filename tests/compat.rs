//! What the first version wrote, today's code opens and goes on with: `fixtures/compat-v1` is never regenerated.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::site::{Ended, photo, tiny_nets};
use common::{files_below, openly};
use safelight::audit::PermittedKeys;
use safelight::capture::CaptureId;
use safelight::custody::{Keyring, PackRequest, Passphrase, RecipientKeys};
use safelight::export::Manifest;
use safelight::redact::restore;
use safelight::seal::Capability;
use safelight::vault::{OpeningVault, Query, Trust, check_deep};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/compat-v1").join(name)
}

fn originals() -> BTreeSet<String> {
    let listed = fs::read_to_string(fixture("originals.txt")).expect("the list of originals");
    listed.lines().map(str::to_owned).collect()
}

/// A copy of a part of the fixture, which stays as it is.
fn copied(name: &str, to: &Path) {
    for path in files_below(&fixture(name)) {
        let to = to.join(path.strip_prefix(fixture(name)).expect("below"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(&path, to).expect("copied");
    }
}

/// Restores everything in a vault and returns the digests.
fn restored(folder: &Path, keys: &PermittedKeys) -> BTreeSet<String> {
    let vault = OpeningVault::open(folder, Trust::Nobody).expect("the vault opens");
    let restore_one = |hit: &safelight::vault::Hit| {
        let id = CaptureId(hit.record.id);
        let scene = vault.scene_in(hit.segment, id, keys).expect("the scene opens");
        assert!(scene.file.starts_with(&[0xff, 0xd8]));
        let identity = vault.identity_in(hit.segment, id, keys).expect("the identity opens");
        let original = restore(identity.method, Some(&scene.file), &identity.removed, &identity.blake3);
        blake3::hash(&original.expect("the original comes back")).to_string()
    };
    let found = Query::default().run(&vault, keys).expect("the catalogue opens");
    found.hits(keys).expect("permitted").iter().map(restore_one).collect()
}

#[test]
fn a_vault_of_the_first_version_opens() {
    let passphrase = Passphrase::new("correct horse battery staple".to_owned());
    // A look is put on record beside the keyring, and the fixture stays as it is.
    let copy = tempfile::tempdir().expect("a folder");
    copied("custody", copy.path());
    let keyring = Keyring::open(copy.path(), &passphrase).expect("the keyring opens");
    let keys = openly(&keyring, &fixture("vault"), &Capability::ALL);
    assert_eq!(restored(&fixture("vault"), &keys), originals());
    let report = check_deep(&fixture("vault"), Trust::Nobody, &keys).expect("checked");
    assert!(report.is_sound(), "{:?}", report.faults);
}

/// The first format derived pseudonym keys from a root. What it says of plates and of exports' ids stays the same when each
/// key is written by itself.
#[test]
fn a_keyring_of_the_first_version_says_the_same_of_plates_when_it_is_written_in_the_second() {
    let passphrase = Passphrase::new("correct horse battery staple".to_owned());
    let scratch = tempfile::tempdir().expect("a folder");
    let file = scratch.path().join("keyring");
    fs::copy(fixture("custody").join("keyring"), &file).expect("copied");
    let plate = safelight::capture::PlateText::canonical("ABC 1234").expect("a plate");
    let canary = safelight::pseudonym::Canary { recipient: [1; 3], export: [2; 3], capture: [3; 7] };
    let says = |keyring: &Keyring| {
        let pseudonym = keyring.epoch_keys(1).expect("its first epoch").plate(&plate);
        (pseudonym, keyring.canaries().mark(canary))
    };
    let mut keyring = Keyring::open(scratch.path(), &passphrase).expect("the keyring opens");
    let vault = OpeningVault::open(&fixture("vault"), Trust::from(&keyring)).expect("it is that custodian's");
    assert!(!vault.card().is_signed(), "cards of the first format are not");
    let before = says(&keyring);
    assert_eq!(fs::read(&file).expect("read")[8], 1);
    keyring.rotate(None, jiff::Timestamp::now()).expect("written");
    let keyring = Keyring::open(scratch.path(), &passphrase).expect("the keyring opens");
    assert_eq!((says(&keyring), fs::read(&file).expect("read")[8]), (before, 2));
}

#[test]
fn an_export_of_the_first_version_opens() {
    let keys = PermittedKeys::own_copy(RecipientKeys::read(&fixture("partner.key")).expect("the key is read"));
    let copy = OpeningVault::open(&fixture("copy"), Trust::Nobody).expect("the copy opens");
    let card = copy.card();
    let manifest = Manifest::read(&fixture("copy"), card.vault, card.custodian, &keys).expect("the manifest opens");
    manifest.check(&copy).expect("nothing is missing");
    assert_eq!(manifest.purpose, "compatibility");
    assert_eq!(restored(&fixture("copy"), &keys), originals());
}

/// A site goes on in a vault of the first version, whose journal does not name its originals as today's does: what is new is sealed
/// behind what was there, what was there is known, and no source is deleted on the word of a journal that does not know its name.
#[test]
fn an_ingest_goes_on_in_a_vault_of_the_first_version() {
    let scratch = tempfile::tempdir().expect("a folder");
    let at = |name: &str| scratch.path().join(name);
    for name in ["custody", "vault"] {
        copied(name, &at(name));
    }
    let passphrase = Passphrase::new("correct horse battery staple".to_owned());
    let mut keyring = Keyring::open(&at("custody"), &passphrase).expect("the keyring opens");
    let sites = keyring.summary().sites;
    let [site] = &sites[..] else { panic!("{} sites", sites.len()) };
    let request = PackRequest { site: &site.name, valid_days: 30, now: jiff::Timestamp::now() };
    keyring.issue_pack(&request, &at("site.pack")).expect("a pack of today for the site of then");

    // An original of then, and a new photograph.
    let keys = openly(&keyring, &at("vault"), &Capability::ALL);
    let vault = OpeningVault::open(&at("vault"), Trust::from(&keyring)).expect("the vault opens");
    let found = Query::default().run(&vault, &keys).expect("the catalogue opens").hits(&keys).expect("permitted");
    let (hit, id) = (&found[0], CaptureId(found[0].record.id));
    let (scene, identity) = (vault.scene_in(hit.segment, id, &keys), vault.identity_in(hit.segment, id, &keys));
    let (scene, identity) = (scene.expect("opens"), identity.expect("opens"));
    let original = restore(identity.method, Some(&scene.file), &identity.removed, &identity.blake3).expect("restored");
    fs::create_dir(at("photos")).expect("made");
    fs::write(at("photos/old.jpg"), &*original).expect("written");
    fs::write(at("photos/new.jpg"), photo(1)).expect("written");

    let journals = || files_below(&at("vault/journals"));
    let before = fs::read(&journals()[0]).expect("a journal");
    let ingest = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.current_dir(scratch.path()).args([
            "ingest",
            "photos",
            "--vault",
            "vault",
            "--pack",
            "site.pack",
            "--json",
        ]);
        command.arg("--models").arg(tiny_nets()).args(more);
        Ended::of(command.output().expect("the command runs"))
    };
    let run = ingest(&[]);
    let numbers = ["sealed", "skipped"].map(|field| run.number(field));
    assert_eq!((run.code, numbers), (Some(0), [1, 1]), "{run:?}");
    assert_eq!(journals().len(), 1, "the site's own journal goes on");
    assert!(fs::read(&journals()[0]).expect("a journal").starts_with(&before));
    let again = ingest(&["--consume", "--min-age", "0"]);
    assert_eq!((again.code, again.number("sealed"), again.number("consumed")), (Some(1), 0, 1), "{again:?}");
    assert!(at("photos/old.jpg").is_file() && !at("photos/new.jpg").exists());
    assert!(again.stderr.contains("earlier version"), "{again:?}");

    let keys = openly(&keyring, &at("vault"), &Capability::ALL);
    let report = check_deep(&at("vault"), Trust::from(&keyring), &keyring.checking_keys()).expect("checked");
    assert!(report.is_sound() && report.notes.is_empty(), "{report:?}");
    let mut expected = originals();
    expected.insert(blake3::hash(&photo(1)).to_string());
    assert_eq!(restored(&at("vault"), &keys), expected);
}
