//! What the first version wrote, today's code opens: `fixtures/compat-v1` is never regenerated.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{files_below, openly};
use safelight::audit::PermittedKeys;
use safelight::capture::CaptureId;
use safelight::custody::{Keyring, Passphrase, RecipientKeys};
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
    for path in files_below(&fixture("custody")) {
        let to = copy.path().join(path.strip_prefix(fixture("custody")).expect("below"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(&path, to).expect("copied");
    }
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
