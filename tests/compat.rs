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

/// The first format derived pseudonym keys from a root. They are the same when they are read, and when they are written
/// each by itself.
#[test]
fn plates_of_the_first_version_are_found_by_its_keyring_and_by_what_becomes_of_it() {
    let passphrase = Passphrase::new("correct horse battery staple".to_owned());
    let scratch = tempfile::tempdir().expect("a folder");
    fs::copy(fixture("custody").join("keyring"), scratch.path().join("keyring")).expect("copied");
    let found = |keyring: &Keyring| {
        let keys = openly(keyring, &fixture("vault"), &Capability::ALL);
        let vault = OpeningVault::open(&fixture("vault"), Trust::from(keyring)).expect("the vault opens");
        assert!(!vault.card().is_signed(), "the first format is not");
        let mut found = 0;
        let hits = Query::default().run(&vault, &keys).expect("the catalogue opens").hits(&keys).expect("permitted");
        for hit in hits {
            let identity = vault.identity_in(hit.segment, CaptureId(hit.record.id), &keys).expect("opens");
            for plate in &identity.plates {
                let text = safelight::capture::PlateText::canonical(&plate.texts[0]).expect("a plate");
                let pseudonym = keyring.epoch_keys(hit.record.epoch).expect("an epoch").plate(&text);
                assert_eq!(hit.record.regions[plate.region as usize].pseudonyms[0].value, pseudonym.0);
                found += 1;
            }
        }
        found
    };
    let mut keyring = Keyring::open(scratch.path(), &passphrase).expect("the keyring opens");
    let plates = found(&keyring);
    assert!(plates > 0);
    let canaries =
        keyring.canaries().mark(safelight::pseudonym::Canary { recipient: [1; 3], export: [2; 3], capture: [3; 7] });
    keyring.rotate(None, jiff::Timestamp::now()).expect("written");
    let keyring = Keyring::open(scratch.path(), &passphrase).expect("the keyring opens");
    assert_eq!(fs::read(scratch.path().join("keyring")).expect("read")[8], 2, "it is of the second format now");
    assert_eq!(found(&keyring), plates);
    let again =
        keyring.canaries().mark(safelight::pseudonym::Canary { recipient: [1; 3], export: [2; 3], capture: [3; 7] });
    assert_eq!(again, canaries);
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
