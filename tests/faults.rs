//! A site's process, disk or power may die at any moment: nothing is lost that was committed, nothing is sealed twice,
//! nothing plain is left, and `check` tells the truth.
//!
//! The store counts its operations; each run strikes at another one, before, in the middle of, or after it.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::site::photo;
use common::store::{Blow, Fate, FatedStore};
use common::{Custodian, SECRET_NAME, SECRET_PIXELS, SECRET_PLATE, capture, files_below, openly};
use jiff::SignedDuration;
use safelight::capture::{Region, RegionKind};
use safelight::custody::{Keyring, PackError};
use safelight::frame::Frame;
use safelight::geometry::Rect;
use safelight::pipeline::{Ingest, IngestError, Look, Note, Options, Progress, Source, Stages};
use safelight::seal::Capability;
use safelight::vault::record::Status;
use safelight::vault::{
    OpenError, OpeningVault, SealError, SealTotals, SealingOptions, SealingVault, Trust, check, check_deep,
};

const CAPTURES: u64 = 9;

/// One ingest: all captures, two classes, a commit in between. Says how many captures were committed for certain.
fn ingest(
    folder: &Path,
    custodian: &Custodian,
    fate: &std::sync::Arc<Fate>,
    safe: &mut u64,
) -> Result<SealTotals, SealError> {
    let options = SealingOptions { segment_bytes: 12_000, ..SealingOptions::default() };
    let store = Box::new(FatedStore(std::sync::Arc::clone(fate)));
    let mut vault = SealingVault::open_on(store, folder, &custodian.pack, options)?;
    for number in 0..CAPTURES {
        vault.append(capture(number, [None, Some("visitor")][number as usize % 2]))?;
        if number == CAPTURES / 2 {
            vault.commit()?;
            *safe = number + 1;
        }
    }
    let totals = vault.finish()?;
    *safe = CAPTURES;
    Ok(totals)
}

/// How often each capture lies in the vault.
fn sealed(folder: &Path, keyring: &Keyring) -> BTreeMap<u64, usize> {
    let keys = openly(keyring, folder, &[Capability::Catalogue]);
    let vault = OpeningVault::open(folder, Trust::Nobody).expect("the vault opens");
    let mut found = BTreeMap::new();
    for segment in vault.segments().expect("listed") {
        for id in vault.captures(segment, &keys).expect("the catalogue opens") {
            *found.entry(u64::from_be_bytes(*id.0.first_chunk().expect("8 of 16 bytes"))).or_default() += 1;
        }
    }
    found
}

fn assert_nothing_plain(folder: &Path, context: &str) {
    for path in files_below(folder) {
        let bytes = fs::read(&path).expect("read");
        for needle in [SECRET_PLATE.as_bytes(), SECRET_NAME, SECRET_PIXELS] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{context}: {}", path.display());
        }
    }
}

/// Strikes at every operation and looks at what is left, then lets a healthy run go on.
fn campaign(blow: Blow, power_cut: bool) {
    let custodian = Custodian::new();
    let keys = custodian.keyring.opening_keys(&Capability::ALL);
    let healthy = Fate::kind();
    let reference = custodian.folder.path().join("reference");
    ingest(&reference, &custodian, &healthy, &mut 0).expect("a healthy run ends");
    assert_eq!(sealed(&reference, &custodian.keyring).len() as u64, CAPTURES);
    assert!(healthy.operations() > 40);

    for at in 0..healthy.operations() {
        let context = format!("{blow:?} operation {at}, power cut: {power_cut}");
        let folder = custodian.folder.path().join(format!("vault-{at}"));
        let fate = Fate::strike(at, blow);
        let mut safe = 0;
        let died = ingest(&folder, &custodian, &fate, &mut safe);
        assert!(died.is_err() && fate.struck(), "{context}");
        if power_cut {
            fate.cut_power();
        }
        assert_nothing_plain(custodian.folder.path(), &context);

        match check_deep(&folder, Trust::Nobody, &keys) {
            Ok(report) => {
                assert!(report.is_sound(), "{context}: {:?}", report.faults);
                let left = sealed(&folder, &custodian.keyring);
                assert!((0..safe).all(|number| left.get(&number) == Some(&1)), "{context}: {safe} safe, {left:?}");
                assert!(left.values().all(|&times| times == 1), "{context}: {left:?}");
            }
            // It died before there was a vault.
            Err(OpenError::NotAVault { .. } | OpenError::Io { .. }) => assert_eq!(safe, 0, "{context}"),
            Err(error) => panic!("{context}: {error}"),
        }

        ingest(&folder, &custodian, &Fate::kind(), &mut 0).unwrap_or_else(|error| panic!("{context}: {error}"));
        let left = sealed(&folder, &custodian.keyring);
        assert!(left.len() as u64 == CAPTURES && left.values().all(|&times| times == 1), "{context}: {left:?}");
        let report = check(&folder, Trust::Nobody).expect("checked");
        assert!(report.is_sound() && report.notes.is_empty(), "{context}: {report:?}");
        assert!(files_below(&folder.join("incoming")).is_empty(), "{context}");
        fs::remove_dir_all(&folder).expect("removed");
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
fn killed_after_any_operation() {
    campaign(Blow::After, false);
}

#[test]
fn power_cut_before_any_operation() {
    campaign(Blow::Before, true);
}

#[test]
fn power_cut_after_any_operation() {
    campaign(Blow::After, true);
}

#[test]
fn a_run_that_recovers_may_die_too() {
    let custodian = Custodian::new();
    // First deaths around a commit: after the intent, after the rename, after the folder's sync.
    let healthy = Fate::kind();
    let reference = custodian.folder.path().join("reference");
    ingest(&reference, &custodian, &healthy, &mut 0).expect("a healthy run ends");
    for first in (20..healthy.operations()).step_by(7) {
        for second in (0..20).step_by(3) {
            let folder = custodian.folder.path().join(format!("vault-{first}-{second}"));
            for (at, blow) in [(first, Blow::After), (second, Blow::Halfway)] {
                let fate = Fate::strike(at, blow);
                let ended = ingest(&folder, &custodian, &fate, &mut 0);
                // A second run that had next to nothing to do may end before its time.
                assert_eq!(ended.is_err(), fate.struck(), "{first}, {second}");
                fate.cut_power();
            }
            ingest(&folder, &custodian, &Fate::kind(), &mut 0).expect("the third run ends");
            let left = sealed(&folder, &custodian.keyring);
            assert!(left.len() as u64 == CAPTURES && left.values().all(|&times| times == 1), "{first}, {second}");
            fs::remove_dir_all(&folder).expect("removed");
        }
    }
}

#[test]
fn a_full_disk_says_so_and_the_vault_stays_valid() {
    let custodian = Custodian::new();
    let healthy = Fate::kind();
    ingest(&custodian.folder.path().join("reference"), &custodian, &healthy, &mut 0).expect("a healthy run ends");
    for at in (0..healthy.operations()).step_by(5) {
        let folder = custodian.folder.path().join(format!("vault-{at}"));
        let fate = Fate::with_kind(at, Blow::Halfway, io::ErrorKind::StorageFull);
        let error = ingest(&folder, &custodian, &fate, &mut 0).expect_err("the disk is full");
        assert!(
            matches!(&error, SealError::Store { source, .. } if source.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
        ingest(&folder, &custodian, &Fate::kind(), &mut 0).expect("there is room again");
        assert!(check(&folder, Trust::Nobody).expect("checked").is_sound());
    }
}

/// A full disk after five captures says five, not none: what is durable counts, whatever fails behind it.
#[test]
fn what_is_durable_is_counted_whatever_fails_after_it() {
    let custodian = Custodian::new();
    let (mut behind_a_name, options) = (0, SealingOptions { segment_bytes: 4_000, ..SealingOptions::default() });
    for at in 0.. {
        let folder = custodian.folder.path().join(format!("vault-{at}"));
        let fate = Fate::with_kind(at, Blow::Before, io::ErrorKind::StorageFull);
        let store = Box::new(FatedStore(std::sync::Arc::clone(&fate)));
        let Ok(mut vault) = SealingVault::open_on(store, &folder, &custodian.pack, options.clone()) else { continue };
        let run = |vault: &mut SealingVault| {
            (0..CAPTURES).try_for_each(|number| vault.append(capture(number, None)))?;
            vault.commit()
        };
        let ended = run(&mut vault);
        let counted = vault.totals().captures;
        drop(vault);
        let found = sealed(&folder, &custodian.keyring).len() as u64;
        match &ended {
            // Named, and nobody knows whether the name is durable.
            Err(SealError::Store { deed: "sync", path, .. }) if path.ends_with("segments") => assert!(counted <= found),
            _ => assert_eq!(counted, found, "operation {at}: {ended:?}"),
        }
        behind_a_name += u64::from(ended.is_err() && counted > 0);
        if !fate.struck() {
            break;
        }
    }
    assert!(behind_a_name > 3);
}

/// Sees a face in the same place of every picture.
struct Staring;

impl Look for Staring {
    fn look(&mut self, _: &Frame, _: &mut Stages) -> safelight::vision::Seen {
        let bounds = Rect::new(16.0, 16.0, 32.0, 32.0);
        let region = Region { kind: RegionKind::Face, bounds, score: 0.9, reading: None };
        vec![safelight::vision::Found { wide: bounds, region, oval: false }].into()
    }
}

impl Progress for Staring {
    fn note(&self, _: &Path, _: &Note) {}
}

/// A commit writes a segment for each class, and the disk may be full between them: every count is of what is in the vault.
#[test]
fn a_summary_counts_what_is_durable_and_nothing_else() {
    let custodian = Custodian::new();
    let photos = custodian.folder.path().join("photos");
    fs::create_dir(&photos).expect("a folder");
    let mut table = "file,class,timestamp\n".to_owned();
    for number in 0..4 {
        fs::write(photos.join(format!("{number}.jpg")), photo(number)).expect("written");
        let time = ["", "2019-05-13T08:00:00Z"][number as usize / 2];
        table += &format!("{number}.jpg,{},{time}\n", ["", "visitor"][number as usize % 2]);
    }
    fs::write(photos.join("broken.jpg"), b"?").expect("written");
    fs::write(photos.join("captures.csv"), table).expect("written");
    let mut halves = 0;
    for at in 0.. {
        let folder = custodian.folder.path().join(format!("vault-{at}"));
        let fate = Fate::with_kind(at, Blow::Before, io::ErrorKind::StorageFull);
        let store = Box::new(FatedStore(std::sync::Arc::clone(&fate)));
        let options = SealingOptions {
            segment_bytes: u64::MAX,
            flush_after: std::time::Duration::MAX,
            ..SealingOptions::default()
        };
        let Ok(mut vault) = SealingVault::open_on(store, &folder, &custodian.pack, options) else { continue };
        let mut source = Source::open(&photos, None).expect("a folder");
        let ingest = Ingest {
            keys: custodian.pack.epoch_keys(),
            site: custodian.pack.site(),
            eyes: &|| Box::new(Staring),
            options: &Options::default(),
            progress: &Staring,
            stop: &AtomicBool::new(false),
        };
        let (summary, named) = match ingest.run(&mut source, &mut vault) {
            Ok(summary) => (summary, false),
            Err(IngestError::Seal { summary, source, .. }) => {
                let named =
                    matches!(&source, SealError::Store { deed: "sync", path, .. } if path.ends_with("segments"));
                (*summary, named)
            }
            Err(error) => panic!("{error}"),
        };
        drop(vault);
        let opened = OpeningVault::open(&folder, Trust::Nobody).expect("the vault opens");
        let keys = openly(&custodian.keyring, &folder, &[Capability::Catalogue]);
        let mut found = Vec::new();
        for segment in opened.segments().expect("listed") {
            found.extend(opened.catalogue(segment, &keys).expect("the catalogue opens"));
        }
        let context = format!("operation {at}: {summary:?}");
        if !named {
            let mut classes = BTreeMap::new();
            found.iter().for_each(|record| *classes.entry(record.class.clone()).or_default() += 1);
            assert_eq!((summary.sealed, &summary.classes), (found.len() as u64, &classes), "{context}");
            let of = |is: &dyn Fn(&&safelight::vault::record::CatalogueRecord) -> bool| {
                found.iter().filter(|record| is(record)).count() as u64
            };
            let unreadable = of(&|record| record.status == Status::Unreadable);
            assert_eq!(summary.unreadable, unreadable, "{context}");
            assert_eq!(summary.spliced + summary.recoded, summary.sealed - unreadable, "{context}");
            assert_eq!(summary.without_time, of(&|record| record.captured_at.is_none()), "{context}");
            let regions: usize = found.iter().map(|record| record.regions.len()).sum();
            assert_eq!(summary.regions, regions as u64, "{context}");
        }
        halves += u64::from(summary.classes.len() == 1);
        if !fate.struck() {
            break;
        }
    }
    assert!(halves > 1, "the disk was full between two segments");
}

#[test]
fn after_a_failed_write_nothing_more_is_sealed_in_this_run() {
    let custodian = Custodian::new();
    let fate = Fate::strike(30, Blow::Before);
    let store = Box::new(FatedStore(std::sync::Arc::clone(&fate)));
    let options = SealingOptions { segment_bytes: 1, ..SealingOptions::default() };
    let mut vault =
        SealingVault::open_on(store, &custodian.vault(), &custodian.pack, options).expect("the vault opens");
    let mut number = 0;
    let first = loop {
        number += 1;
        if let Err(error) = vault.append(capture(number, None)) {
            break error;
        }
    };
    assert!(matches!(first, SealError::Store { .. }));
    assert!(matches!(vault.append(capture(99, None)), Err(SealError::Halted)));
    assert!(matches!(vault.commit(), Err(SealError::Halted)));
    assert!(matches!(vault.finish(), Err(SealError::Halted)));
}

#[test]
fn a_pack_that_expires_during_a_run_stops_it_and_a_clock_that_jumps_back_does_too() {
    let custodian = Custodian::new();
    let fate = Fate::kind();
    let store = Box::new(FatedStore(std::sync::Arc::clone(&fate)));
    let mut vault = SealingVault::open_on(store, &custodian.vault(), &custodian.pack, SealingOptions::default())
        .expect("the vault opens");
    vault.append(capture(1, None)).expect("taken");
    fate.turn_clock(SignedDuration::from_hours(24 * 31));
    assert!(matches!(vault.append(capture(2, None)), Err(SealError::Pack(PackError::Expired { .. }))));
    fate.turn_clock(-SignedDuration::from_hours(24 * 3));
    assert!(matches!(vault.append(capture(2, None)), Err(SealError::Pack(PackError::NotYetValid { .. }))));
    fate.turn_clock(-SignedDuration::from_hours(20));
    vault.append(capture(2, None)).expect("clocks drift");
    assert_eq!(vault.finish().expect("closed").captures, 2, "what was taken before is sealed");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let custodian = Custodian::new();
    let file = custodian.folder.path().join("a-file");
    fs::write(&file, b"").expect("written");
    let below = SealingVault::open(&file.join("vault"), &custodian.pack, SealingOptions::default());
    assert!(matches!(below, Err(SealError::Store { .. })));

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let folder = custodian.folder.path().join("read-only");
        fs::create_dir(&folder).expect("a folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("read-only");
        if fs::write(folder.join("probe"), b"").is_ok() {
            eprintln!("skipped: permissions do not bind this user");
            return;
        }
        let refused = SealingVault::open(&folder.join("vault"), &custodian.pack, SealingOptions::default());
        assert!(
            matches!(refused, Err(SealError::Store { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied)
        );
    }
}
