//! A vault as its users see it: sealed, opened, checked.

mod common;

use std::fs;
use std::path::Path;

use common::store::{Blow, Fate, FatedStore};
use common::{Custodian, SECRET_NAME, SECRET_PIXELS, SECRET_PLATE, capture, files_below, openly, snapshot, spliced};
use proptest::collection::vec;
use proptest::prelude::*;
use safelight::capture::CaptureId;
use safelight::seal::Capability;
use safelight::vault::record::CaptureRecord;
use safelight::vault::{OpenError, OpeningVault, SealError, SealingOptions, SealingVault, Trust, check, check_deep};

const CLASSES: [Option<&str>; 4] = [None, Some("citizen"), Some("visitor"), Some("transit")];

fn seal(custodian: &Custodian, numbers: std::ops::Range<u64>) -> safelight::vault::SealTotals {
    let options = SealingOptions { segment_bytes: 40_000, ..SealingOptions::default() };
    let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, options).expect("the vault opens");
    for number in numbers {
        vault.append(capture(number, CLASSES[number as usize % 4])).expect("a capture is taken");
    }
    vault.finish().expect("the vault closes")
}

#[test]
fn what_a_site_seals_the_custodian_opens() {
    let custodian = Custodian::new();
    let totals = seal(&custodian, 0..60);
    assert_eq!((totals.captures, totals.duplicates), (60, 0));
    assert!(totals.segments >= 3, "three sets of buckets: {totals:?}");

    let keys = custodian.openly();
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");
    let mut found = Vec::new();
    for segment in vault.segments().expect("listed") {
        for record in vault.catalogue(segment, &keys).expect("the catalogue opens") {
            let number = u64::from_be_bytes(*record.id.first_chunk().expect("8 of 16 bytes"));
            let expected = capture(number, CLASSES[number as usize % 4]);
            assert!(record == expected.catalogue);
            let id = CaptureId(record.id);
            match expected.scene {
                Some(scene) => {
                    assert!(vault.scene(id, &keys).expect("the scene opens") == scene);
                    assert!(vault.scene_in(segment, id, &keys).expect("the scene opens") == scene);
                }
                None => assert!(matches!(vault.scene(id, &keys), Err(OpenError::NoRecord { .. }))),
            }
            let identity = vault.identity_in(segment, id, &keys).expect("the identity opens");
            assert_eq!(identity.removed, expected.identity.removed);
            assert_eq!(identity.source_name, SECRET_NAME);
            assert_eq!(identity.plates[0].texts, [SECRET_PLATE]);
            found.push(number);
        }
    }
    found.sort_unstable();
    assert_eq!(found, (0..60).collect::<Vec<_>>());

    let report = check_deep(&custodian.vault(), Trust::Nobody, &keys).expect("checked");
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!((report.captures, report.notes.len()), (60, 0));
}

#[test]
fn a_second_run_seals_only_what_is_new() {
    let custodian = Custodian::new();
    seal(&custodian, 0..10);
    let totals = seal(&custodian, 5..15);
    assert_eq!((totals.captures, totals.duplicates), (5, 5));
    assert!(check(&custodian.vault(), Trust::Nobody).expect("checked").is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the records hold, and however large they are, they come back.
    #[test]
    fn any_records_come_back(
        pictures in vec((vec(any::<u8>(), 0..40_000), vec(any::<u8>(), 0..3_000), "\\PC{0,40}"), 1..6),
    ) {
        let custodian = shared_custodian();
        let folder = tempfile::tempdir().expect("a folder");
        let options = SealingOptions { allow_duplicates: true, ..SealingOptions::default() };
        let mut vault = SealingVault::open(folder.path(), &custodian.pack, options).expect("the vault opens");
        let records = || pictures.iter().enumerate().map(|(number, (original, scene, word))| {
            let mut record = capture(number as u64, None);
            record.identity.removed.clone_from(original);
            record.identity.blake3 = *blake3::hash(original).as_bytes();
            record.identity.source_name = word.clone().into_bytes();
            record.identity.plates[0].texts = vec![word.clone(); 3];
            record.catalogue.lane = Some(word.clone());
            record.scene.iter_mut().for_each(|s| s.file.clone_from(scene));
            record
        });
        for record in records() {
            vault.append(record).expect("a capture is taken");
        }
        vault.finish().expect("the vault closes");

        let keys = openly(&custodian.keyring, folder.path(), &Capability::ALL);
        prop_assert!(check_deep(folder.path(), Trust::Nobody, &keys).expect("checked").is_sound());
        let vault = OpeningVault::open(folder.path(), Trust::Nobody).expect("the vault opens");
        let segment = vault.segments().expect("listed")[0];
        let catalogue = vault.catalogue(segment, &keys).expect("the catalogue opens");
        prop_assert_eq!(catalogue.len(), pictures.len());
        for (found, expected) in catalogue.into_iter().zip(records()) {
            let id = CaptureId(found.id);
            prop_assert!(found == expected.catalogue);
            let identity = vault.identity_in(segment, id, &keys).expect("the identity opens");
            prop_assert_eq!(&identity.removed, &expected.identity.removed);
            prop_assert_eq!(&identity.source_name, &expected.identity.source_name);
            prop_assert_eq!(&identity.plates[0].texts, &expected.identity.plates[0].texts);
            prop_assert!(vault.scene_in(segment, id, &keys).ok() == expected.scene);
        }
    }
}

/// Making a custodian takes longer than sealing: the cases share one.
fn shared_custodian() -> &'static Custodian {
    static SHARED: std::sync::OnceLock<Custodian> = std::sync::OnceLock::new();
    SHARED.get_or_init(Custodian::new)
}

#[test]
fn keys_of_one_capability_open_no_other() {
    let custodian = Custodian::new();
    // One: captures of other classes are in other segments, of which any may be the first.
    seal(&custodian, 1..2);
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");
    let segment = vault.segments().expect("listed")[0];
    let id = CaptureId(capture(1, None).catalogue.id);
    for own in Capability::ALL {
        let keys = openly(&custodian.keyring, &custodian.vault(), &[own]);
        let opened = [
            (Capability::Catalogue, vault.catalogue(segment, &keys).err()),
            (Capability::Scene, vault.scene_in(segment, id, &keys).err()),
            (Capability::Identity, vault.identity_in(segment, id, &keys).err()),
        ];
        for (capability, error) in opened {
            match error {
                None => assert_eq!(capability, own),
                Some(error) => assert!(capability != own && matches!(error, OpenError::NoKey { .. }), "{own}: {error}"),
            }
        }
    }
}

#[test]
fn nothing_plain_reaches_the_disk() {
    let custodian = Custodian::new();
    seal(&custodian, 0..40);
    let plain = capture(0, None);
    let pseudonym = [7u8; 16];
    let needles: [&[u8]; 8] = [
        SECRET_PLATE.as_bytes(),
        SECRET_NAME,
        SECRET_PIXELS,
        b"a scene without plates",
        b"image/jpeg",
        b"North Bridge",
        &pseudonym,
        &plain.identity.blake3,
    ];
    let files = files_below(&custodian.vault());
    assert!(files.len() > 5);
    for path in files {
        let bytes = fs::read(&path).expect("read");
        for needle in needles {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{needle:?} in {}", path.display());
        }
    }
}

#[test]
fn a_segments_length_does_not_tell_its_captures_apart() {
    let sizes: Vec<u64> = [1, 2, 3]
        .map(|number| {
            let custodian = Custodian::new();
            seal(&custodian, number..number + 1);
            let segment = files_below(&custodian.vault().join("segments")).remove(0);
            fs::metadata(segment).expect("metadata").len()
        })
        .to_vec();
    assert_eq!(sizes[0], sizes[1]);
    assert_eq!(sizes[0], sizes[2]);
}

#[test]
fn an_original_that_its_scene_does_not_give_back_is_found() {
    let faults = |change: fn(&mut CaptureRecord)| {
        let custodian = Custodian::new();
        let mut vault =
            SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
        vault.append(spliced(0, None)).expect("taken");
        let mut record = spliced(1, None);
        change(&mut record);
        vault.append(record).expect("taken");
        vault.finish().expect("closed");
        let check = |capabilities| {
            let keys = custodian.keyring.opening_keys(capabilities);
            check_deep(&custodian.vault(), Trust::Nobody, &keys).expect("checked").faults
        };
        // Without the scenes' keys it cannot be known.
        assert!(check(&[Capability::Catalogue, Capability::Identity]).is_empty());
        check(&Capability::ALL).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(faults(|_| {}), [] as [&str; 0]);
    for (change, complaint) in [
        ((|record| record.scene = None) as fn(&mut CaptureRecord), "needs its scene, and no scene"),
        (|record| record.scene.as_mut().expect("a scene").file.push(0), "cannot be restored from the scene"),
        (|record| *record.identity.removed.last_mut().expect("bytes") ^= 1, "hash does not match"),
    ] {
        let found = faults(change);
        assert!(found.len() == 1 && found[0].contains(complaint), "{complaint}: {found:?}");
    }
    // Another version's method is nobody's fault.
    assert_eq!(faults(|record| record.identity.method = 200), [] as [&str; 0]);
}

#[test]
fn two_writers_do_not_meet() {
    let custodian = Custodian::new();
    let first = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
    let second = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default());
    assert!(matches!(second, Err(SealError::Locked { .. })));
    drop(first);
    assert!(SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).is_ok());
}

#[test]
fn a_misspelt_class_is_refused_and_the_vault_goes_on() {
    let custodian = Custodian::new();
    let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
    let refused = vault.append(capture(1, Some("vistor")));
    assert!(matches!(refused, Err(SealError::UnknownClass { class }) if class == "vistor"));
    vault.append(capture(1, Some("visitor"))).expect("the right class is taken");
    assert_eq!(vault.finish().expect("closed").captures, 1);
}

#[test]
fn a_folder_that_is_something_else_is_left_alone() {
    let custodian = Custodian::new();
    fs::create_dir(custodian.vault()).expect("a folder");
    fs::write(custodian.vault().join("holiday.jpg"), b"mine").expect("a file");
    let refused = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default());
    assert!(matches!(refused, Err(SealError::NotAVault { .. })));
    assert!(matches!(OpeningVault::open(&custodian.vault(), Trust::Nobody), Err(OpenError::NotAVault { .. })));
}

#[test]
fn a_pack_of_another_custodian_is_refused() {
    let (ours, theirs) = (Custodian::new(), Custodian::new());
    seal(&ours, 0..1);
    let refused = SealingVault::open(&ours.vault(), &theirs.pack, SealingOptions::default());
    assert!(matches!(refused, Err(SealError::ForeignPack { .. })));
}

/// Folders that are somebody's, by what stands in them: a name, and what makes it below the folder that is offered as a vault.
#[cfg(unix)]
type Tree = (&'static str, fn(&Path));

#[cfg(unix)]
const NO_VAULTS: [Tree; 9] = [
    ("photographs in a folder named incoming", |folder| put(&folder.join("incoming/a.jpg"), b"mine")),
    ("an id's name in a folder named incoming", |folder| put(&folder.join("incoming").join(AN_ID), &[7; 5000])),
    ("a link named incoming", |folder| {
        put(&folder.join("../elsewhere/a.jpg"), b"mine");
        std::os::unix::fs::symlink("../elsewhere", folder.join("incoming")).expect("linked");
    }),
    ("a link named segments", |folder| {
        fs::create_dir_all(folder.join("../elsewhere")).expect("made");
        std::os::unix::fs::symlink("../elsewhere", folder.join("segments")).expect("linked");
    }),
    ("files in a folder named segments", |folder| put(&folder.join("segments/a"), b"mine")),
    ("a folder in a folder named journals", |folder| fs::create_dir_all(folder.join("journals/a")).expect("made")),
    ("a file named lock", |folder| put(&folder.join("lock"), b"the combination")),
    ("a link named lock", |folder| {
        put(&folder.join("../elsewhere/a.jpg"), b"");
        std::os::unix::fs::symlink("../elsewhere/a.jpg", folder.join("lock")).expect("linked");
    }),
    ("a folder named vault", |folder| put(&folder.join("vault/a.jpg"), b"mine")),
];

#[cfg(unix)]
const AN_ID: &str = "0123456789ABCDEFGHJKMNPQR0";

#[cfg(unix)]
fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

#[cfg(unix)]
#[test]
fn no_vault_is_made_in_somebodys_folder_and_nothing_is_left_behind() {
    for (what, make) in NO_VAULTS {
        let scene = tempfile::tempdir().expect("a folder");
        let folder = scene.path().join("data");
        fs::create_dir(&folder).expect("made");
        make(&folder);
        let before = snapshot(scene.path());
        let pack = &shared_custodian().pack;
        let refused = SealingVault::open(&folder, pack, SealingOptions::default()).err();
        assert!(matches!(refused, Some(SealError::NotAVault { .. })), "{what}: {refused:?}");
        assert_eq!(snapshot(scene.path()), before, "{what}");
    }
}

#[cfg(unix)]
#[test]
fn only_what_an_interrupted_run_left_is_removed() {
    let custodian = Custodian::new();
    seal(&custodian, 0..3);
    let (vault, folder) = (custodian.vault(), custodian.folder.path());
    put(&folder.join("mine.jpg"), b"mine");
    let ids: Vec<String> = (0..3).map(|_| safelight::seal::SegmentId::random().to_string()).collect();
    // What a run leaves is a sealed file, whole or cut anywhere, or what a power cut makes of one.
    let card = fs::read(vault.join("vault")).expect("a card");
    let segment = fs::read(&files_below(&vault.join("segments"))[0]).expect("a segment");
    let journal = fs::read(&files_below(&vault.join("journals"))[0]).expect("a journal");
    let left = |of: &[u8], at: std::ops::Range<usize>, len: usize| {
        let id = safelight::seal::SegmentId::random();
        let mut bytes = of.to_vec();
        bytes[at].copy_from_slice(&id.0);
        put(&vault.join("incoming").join(id.to_string()), &bytes[..len.min(of.len())]);
        id.to_string()
    };
    let mut gone = vec![left(&card, 16..32, usize::MAX), left(&card, 16..32, 128), left(&journal, 32..48, 40)];
    gone.extend([0, 3, 8, 20, 32, 47, 48, 5000, usize::MAX].map(|len| left(&segment, 32..48, len)));
    let zeros = safelight::seal::SegmentId::random().to_string();
    put(&vault.join("incoming").join(&zeros), &[0; 40_000]);
    gone.push(zeros);
    // What bears such a name by chance is somebody's: whatever it is, and sealed files of other vaults and names.
    let stays = [b"\xff\xd8\xff\xe0 a photograph of mine, longer than a header is".as_slice(), b"mine", b"SLmine"];
    for bytes in
        stays.into_iter().chain([segment.as_slice(), &card, b"SLSEG\r\n\x1a and more of mine, as long as a header is"])
    {
        put(&vault.join("incoming").join(safelight::seal::SegmentId::random().to_string()), bytes);
    }
    let mut foreign = segment.clone();
    foreign[16] ^= 1;
    left(&foreign, 32..48, usize::MAX);
    put(&vault.join("incoming/a.jpg"), b"mine");
    put(&vault.join("incoming").join(ids[0].to_lowercase()), b"not a name that a vault gives");
    std::os::unix::fs::symlink(folder.join("mine.jpg"), vault.join("incoming").join(&ids[1])).expect("linked");
    put(&vault.join("incoming").join(&ids[2]).join("a.jpg"), b"mine");
    let mut expected = snapshot(&vault.join("incoming"));
    gone.iter().for_each(|name| _ = expected.remove(Path::new(name)).expect("it was there"));
    assert_eq!(expected.values().filter(|what| !what.starts_with("link")).count(), 7 + 4);
    seal(&custodian, 3..4);
    assert_eq!(snapshot(&vault.join("incoming")), expected);
    // What stays is named.
    let opened = SealingVault::open(&vault, &custodian.pack, SealingOptions::default()).expect("opens");
    assert_eq!(opened.strangers().len(), expected.len() - 1, "{:?}", opened.strangers());
    assert_eq!(fs::read(folder.join("mine.jpg")).expect("read"), b"mine");
}

#[cfg(unix)]
#[test]
fn a_vault_whose_folders_or_files_are_links_is_refused_and_stays_as_it_is() {
    for name in ["incoming", "segments", "journals", "tombstones", "lock", "vault", "journal"] {
        let custodian = Custodian::new();
        seal(&custodian, 0..3);
        let (vault, aside) = (custodian.vault(), custodian.folder.path().join("aside"));
        let place = match name {
            "journal" => files_below(&vault.join("journals")).remove(0),
            name => vault.join(name),
        };
        match place.exists() {
            true => fs::rename(&place, &aside).expect("moved"),
            false => fs::create_dir(&aside).expect("made"),
        }
        std::os::unix::fs::symlink(&aside, &place).expect("linked");
        if aside.is_dir() {
            put(&aside.join(AN_ID), b"mine");
        }
        let before = snapshot(custodian.folder.path());
        let sealing = SealingVault::open(&vault, &custodian.pack, SealingOptions::default()).err();
        assert!(sealing.is_some(), "{name}");
        // Nor is it called sound by whoever only looks.
        let checked = check(&vault, Trust::Nobody);
        assert!(checked.is_err() || checked.is_ok_and(|report| !report.is_sound()), "{name}");
        assert_eq!(snapshot(custodian.folder.path()), before, "{name}: {sealing:?}");
        if name == "journal" {
            continue;
        }
        let expiring = safelight::vault::ExpiringVault::open(&vault, (&custodian.keyring).into())
            .map(|mut vault| vault.remove_buried())
            .err();
        assert!(expiring.is_some(), "{name}");
        assert_eq!(snapshot(custodian.folder.path()), before, "{name}: {expiring:?}");
    }
}

#[test]
fn a_vault_that_is_refused_or_cannot_be_made_leaves_nothing_behind() {
    let (ours, theirs) = (Custodian::new(), Custodian::new());
    seal(&ours, 0..2);
    fs::remove_file(ours.vault().join("lock")).expect("as copying tools do");
    let before = snapshot(ours.folder.path());
    let refused = SealingVault::open(&ours.vault(), &theirs.pack, SealingOptions::default()).err();
    assert!(matches!(refused, Some(SealError::ForeignPack { .. })));
    assert_eq!(snapshot(ours.folder.path()), before);

    let scene = tempfile::tempdir().expect("a folder");
    for at in 0..9 {
        let store = Box::new(FatedStore(Fate::strike(at, Blow::Before)));
        let folder = scene.path().join("new/folders/vault");
        let died = SealingVault::open_on(store, &folder, &ours.pack, SealingOptions::default()).err();
        let card = folder.join("vault").exists();
        assert!(matches!(died, Some(SealError::Store { .. })), "{at}: {died:?}");
        assert!(card || snapshot(scene.path()).is_empty(), "{at}: {:?}", snapshot(scene.path()));
        _ = fs::remove_dir_all(scene.path().join("new"));
    }
}
