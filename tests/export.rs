//! Copies for partners: what the recipient gets, what it does not, and what two of them can join.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Custodian, SECRET_NAME, SECRET_PIXELS, SECRET_PLATE, capture, files_below};
use safelight::audit::PermittedKeys;
use safelight::capture::CaptureId;
use safelight::custody::RecipientKeys;
use safelight::export::{ExportError, ExportTotals, Manifest, ManifestError, Regions, Request, View, export};
use safelight::vault::record::CatalogueRecord;
use safelight::vault::{
    OpenError, OpeningVault, Query, SealingOptions, SealingVault, Trust, VaultKind, check, check_deep,
};

const CAPTURES: u64 = 40;

fn sealed() -> (Custodian, OpeningVault) {
    let custodian = Custodian::new();
    let options = SealingOptions { segment_bytes: 40_000, ..SealingOptions::default() };
    let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, options).expect("the vault opens");
    for number in 0..CAPTURES {
        vault.append(capture(number, Some("visitor"))).expect("a capture is taken");
    }
    vault.finish().expect("the vault closes");
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");
    (custodian, vault)
}

struct Partner {
    folder: PathBuf,
    keys: PermittedKeys,
    totals: ExportTotals,
}

fn export_to_new_partner(custodian: &Custodian, vault: &OpeningVault, view: View, regions: Regions) -> Partner {
    let keys = RecipientKeys::generate();
    let folder = custodian.folder.path().join(format!("copy-{}", keys.public().id()));
    let request = Request {
        to: &keys.public(),
        view,
        regions,
        purpose: "case 7: stolen vehicles",
        query: &Query::default(),
        now: jiff::Timestamp::now(),
    };
    let totals = export(vault, &custodian.keyring, &request, &folder).expect("exported");
    Partner { folder, keys: PermittedKeys::own_copy(keys), totals }
}

fn records(partner: &Partner) -> Vec<CatalogueRecord> {
    let vault = OpeningVault::open(&partner.folder, Trust::Nobody).expect("the copy opens");
    Query::default()
        .run(&vault, &partner.keys)
        .expect("the copy is read")
        .hits(&partner.keys)
        .expect("its own")
        .into_iter()
        .map(|hit| hit.record)
        .collect()
}

#[test]
fn each_view_holds_what_it_grants_and_nothing_more() {
    let (custodian, vault) = sealed();
    for view in [View::Metadata, View::Scene, View::Full] {
        let partner = export_to_new_partner(&custodian, &vault, view, Regions::All);
        assert_eq!(partner.totals.captures, CAPTURES);
        assert!(check(&partner.folder, Trust::Nobody).expect("checked").is_sound());
        assert!(check_deep(&partner.folder, Trust::Nobody, &partner.keys).expect("checked").is_sound());

        let copy = OpeningVault::open(&partner.folder, Trust::Nobody).expect("the copy opens");
        assert_eq!(copy.card().kind, VaultKind::Export);
        let manifest = Manifest::read(&partner.folder, copy.card().vault, copy.card().custodian, &partner.keys)
            .expect("the manifest opens");
        assert_eq!((manifest.purpose.as_str(), manifest.captures), ("case 7: stolen vehicles", CAPTURES));
        assert_eq!(manifest.view, view.name());
        assert_eq!(manifest.segments.len() as u64, partner.totals.segments);

        let mut originals = HashSet::new();
        for record in records(&partner) {
            let id = CaptureId(record.id);
            assert_eq!(record.lane.is_some(), view == View::Full);
            assert_eq!(record.captured_at.expect("a time") % 3_600_000 == 0, view != View::Full);
            assert_eq!(record.width == 0, view == View::Metadata);
            assert_eq!(record.regions[0].bounds == [0; 4], view == View::Metadata);
            match copy.scene(id, &partner.keys) {
                Ok(scene) => assert!(view != View::Metadata && scene.file.starts_with(b"a scene")),
                Err(error) => assert!(
                    matches!(error, OpenError::NoRecord { .. })
                        && (view == View::Metadata || record.status != safelight::vault::record::Status::Examined)
                ),
            }
            match copy.identity(id, &partner.keys) {
                Ok(identity) => {
                    assert_eq!(view, View::Full);
                    assert!(originals.insert(identity.removed.clone()));
                    assert_eq!(*blake3::hash(&identity.removed).as_bytes(), identity.blake3);
                }
                Err(_) => assert_ne!(view, View::Full),
            }
        }
        assert_eq!(originals.len() as u64, if view == View::Full { CAPTURES } else { 0 });
    }
}

/// Everything by which two copies could be joined differs: ids, pseudonyms, order, vault and segment names.
#[test]
fn two_copies_cannot_be_joined() {
    let (custodian, vault) = sealed();
    let keys = custodian.openly();
    let home: Vec<_> = Query::default()
        .run(&vault, &keys)
        .expect("read")
        .hits(&keys)
        .expect("permitted")
        .into_iter()
        .map(|hit| hit.record)
        .collect();
    let copies = [(); 2].map(|()| records(&export_to_new_partner(&custodian, &vault, View::Metadata, Regions::All)));
    let names = |records: &[CatalogueRecord]| -> HashSet<[u8; 16]> {
        records
            .iter()
            .flat_map(|r| std::iter::once(r.id).chain(r.regions[0].pseudonyms.iter().map(|p| p.value)))
            .collect()
    };
    let [a, b] = &copies;
    let sets = [names(&home), names(a), names(b)];
    for (at, set) in sets.iter().enumerate() {
        assert_eq!(set.len() as u64, 2 * CAPTURES, "ids and pseudonyms are distinct, as in the vault");
        assert!(sets[at + 1..].iter().all(|other| set.is_disjoint(other)));
    }
}

/// The same vehicle twice is the same pseudonym twice, within one copy.
#[test]
fn a_copy_links_what_the_vault_links() {
    let custodian = Custodian::new();
    let mut vault =
        SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("the vault opens");
    for number in 0..6 {
        let mut record = capture(number, None);
        record.catalogue.regions[0].pseudonyms[0].value = [(number % 2) as u8; 16];
        vault.append(record).expect("taken");
    }
    vault.finish().expect("the vault closes");
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");
    let partner = export_to_new_partner(&custodian, &vault, View::Metadata, Regions::Plates);
    let mut counts = std::collections::HashMap::new();
    for record in records(&partner) {
        *counts.entry(record.regions[0].pseudonyms[0].value).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [3, 3]);
}

#[test]
fn a_copy_of_faces_has_no_plates() {
    let (custodian, vault) = sealed();
    let keys = RecipientKeys::generate();
    let request = Request {
        to: &keys.public(),
        view: View::Metadata,
        regions: Regions::Faces,
        purpose: "statistics",
        query: &Query::default(),
        now: jiff::Timestamp::now(),
    };
    // The captures show plates only: there is nothing to export, and nothing is left behind.
    let folder = custodian.folder.path().join("faces");
    assert!(matches!(export(&vault, &custodian.keyring, &request, &folder), Err(ExportError::Nothing { .. })));
    assert!(!folder.exists());

    let full = export_to_new_partner(&custodian, &vault, View::Full, Regions::Faces);
    let copy = OpeningVault::open(&full.folder, Trust::Nobody).expect("the copy opens");
    for record in records(&full) {
        assert!(record.regions.is_empty());
        let identity = copy.identity(CaptureId(record.id), &full.keys).expect("opens");
        assert!(identity.plates.is_empty(), "no plate text for a region that is not in the copy");
    }
}

#[test]
fn a_copy_opens_for_its_recipient_alone() {
    let (custodian, vault) = sealed();
    let partner = export_to_new_partner(&custodian, &vault, View::Full, Regions::All);
    let copy = OpeningVault::open(&partner.folder, Trust::Nobody).expect("the copy opens");
    let stranger = PermittedKeys::own_copy(RecipientKeys::generate());
    let custodians = custodian.openly();
    for keys in [&stranger, &custodians] {
        for segment in copy.segments().expect("listed") {
            assert!(matches!(copy.catalogue(segment, keys), Err(OpenError::NoKey { .. })));
        }
        let manifest = Manifest::read(&partner.folder, copy.card().vault, copy.card().custodian, keys);
        assert!(matches!(manifest, Err(ManifestError::NoKey { .. })));
    }
    // And the recipient's key opens nothing of the vault.
    for segment in vault.segments().expect("listed") {
        assert!(matches!(vault.catalogue(segment, &partner.keys), Err(OpenError::NoKey { .. })));
    }
}

#[test]
fn an_altered_or_foreign_manifest_is_refused() {
    let (custodian, vault) = sealed();
    let partner = export_to_new_partner(&custodian, &vault, View::Metadata, Regions::All);
    let copy = OpeningVault::open(&partner.folder, Trust::Nobody).expect("the copy opens");
    let (card, path) = (copy.card(), partner.folder.join(Manifest::FILE_NAME));
    let bytes = fs::read(&path).expect("read");
    let read = || Manifest::read(&partner.folder, card.vault, card.custodian, &partner.keys);
    assert!(read().is_ok());
    for at in (0..bytes.len()).step_by(61) {
        let mut altered = bytes.clone();
        altered[at] ^= 4;
        fs::write(&path, &altered).expect("written");
        assert!(read().is_err(), "byte {at}");
        fs::write(&path, &bytes[..at]).expect("written");
        assert!(read().is_err(), "cut at {at}");
    }
    fs::write(&path, &bytes).expect("written");
    let other = Custodian::new().keyring.verifying_key();
    let foreign = Manifest::read(&partner.folder, card.vault, other, &partner.keys);
    assert!(matches!(foreign, Err(ManifestError::Damaged)));
}

#[test]
fn an_export_needs_a_purpose_and_an_empty_place() {
    let (custodian, vault) = sealed();
    let keys = RecipientKeys::generate();
    let mut request = Request {
        to: &keys.public(),
        view: View::Metadata,
        regions: Regions::All,
        purpose: " ",
        query: &Query::default(),
        now: jiff::Timestamp::now(),
    };
    let folder = custodian.folder.path().join("copy");
    assert!(matches!(export(&vault, &custodian.keyring, &request, &folder), Err(ExportError::NoPurpose)));
    request.purpose = "case 8";
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("letter.txt"), "not ours").expect("written");
    assert!(matches!(export(&vault, &custodian.keyring, &request, &folder), Err(ExportError::File(_))));
    assert_eq!(files_below(&folder), [folder.join("letter.txt")]);
    fs::remove_file(folder.join("letter.txt")).expect("removed");
    assert!(export(&vault, &custodian.keyring, &request, &folder).is_ok(), "an empty folder will do");
}

#[test]
fn nothing_plain_is_in_a_copy_or_beside_it() {
    let (custodian, vault) = sealed();
    let partner = export_to_new_partner(&custodian, &vault, View::Full, Regions::All);
    let purpose: &[u8] = b"stolen vehicles";
    for path in files_below(custodian.folder.path()) {
        let bytes = fs::read(&path).expect("read");
        for secret in [SECRET_PLATE.as_bytes(), SECRET_NAME, SECRET_PIXELS, purpose, b"a scene without"] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{}", shown(&path, custodian.folder.path()));
        }
    }
    let staged = fs::read_dir(partner.folder.parent().expect("a parent")).expect("listed");
    let left = staged.filter(|e| e.as_ref().expect("entry").file_name().to_string_lossy().starts_with(".safelight"));
    assert_eq!(left.count(), 0);
}

fn shown<'a>(path: &'a Path, root: &Path) -> std::path::Display<'a> {
    path.strip_prefix(root).expect("below the root").display()
}
