//! The vault's writer on a faulty disk, and `check` as the judge of what is left.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use safelight::capture::CaptureId;
use safelight::custody::OpeningKeys;
use safelight::redact::restore;
use safelight::seal::Capability;
use safelight::vault::{
    CheckReport, Fault as Wrong, OpenError, OpeningVault, SealError, SealingOptions, SealingVault, Trust, check,
    check_deep,
};
use tempfile::TempDir;

use crate::common::{Custodian, SECRET_NAME, SECRET_PIXELS, SECRET_PLATE, capture, files_below, openly};
use crate::disk::{Fault, FaultyDisk, Plan};
use crate::{stride, told};

const CAPTURES: u64 = 6;

/// A custodian, and folders for one vault after the other.
struct Bench {
    custodian: Custodian,
    vaults: TempDir,
}

impl Bench {
    fn new() -> Self {
        let custodian = Custodian::new();
        Self { custodian, vaults: tempfile::tempdir().expect("a folder") }
    }

    fn keys(&self) -> OpeningKeys {
        self.custodian.keyring.opening_keys(&Capability::ALL)
    }

    fn vault(&self) -> PathBuf {
        self.vaults.path().join("vault")
    }

    /// A new vault's place.
    fn clear(&self) {
        _ = fs::remove_dir_all(self.vault());
    }

    /// Two classes, several segments, a commit in between. Says through `safe` how many captures were promised to be durable.
    fn ingest(&self, disk: &Arc<FaultyDisk>, safe: &mut u64) -> Result<(), SealError> {
        let options = SealingOptions { segment_bytes: 9_000, ..SealingOptions::default() };
        let mut vault = SealingVault::open_on(disk.store(), &self.vault(), &self.custodian.pack, options)?;
        for number in 0..CAPTURES {
            vault.append(capture(number, [None, Some("visitor")][number as usize % 2]))?;
            if number == CAPTURES / 2 {
                vault.commit()?;
                *safe = (*safe).max(number + 1);
            }
        }
        vault.finish()?;
        *safe = CAPTURES;
        Ok(())
    }

    /// Operations and looks at the clock of an ingest without a fault.
    fn healthy(&self) -> (usize, usize) {
        self.clear();
        let disk = FaultyDisk::new(Plan::default());
        self.ingest(&disk, &mut 0).expect("a healthy run ends");
        (disk.operations(), disk.looks())
    }

    /// How often each capture can be opened and restored.
    fn restored(&self, folder: &Path) -> BTreeMap<u64, usize> {
        let vault = OpeningVault::open(folder, Trust::Nobody).expect("the vault opens");
        let keys = openly(&self.custodian.keyring, folder, &Capability::ALL);
        let mut found = BTreeMap::new();
        for segment in vault.segments().expect("listed") {
            let Ok(records) = vault.catalogue(segment, &keys) else { continue };
            for record in records {
                let identity = vault.identity_in(segment, CaptureId(record.id), &keys).expect("the identity opens");
                restore(identity.method, None, &identity.removed, &identity.blake3).expect("the original comes back");
                *found.entry(u64::from_be_bytes(*record.id.first_chunk().expect("8 of 16 bytes"))).or_default() += 1;
            }
        }
        found
    }

    /// Nothing lost of what was `safe`, nothing twice, nothing plain; `check` says so. Then a healthy run completes all.
    fn judge(&self, safe: u64, context: &str) {
        assert_nothing_plain(self.vaults.path(), context);
        match check_deep(&self.vault(), Trust::Nobody, &self.keys()) {
            Ok(report) => {
                assert!(report.is_sound(), "{context}: {:?}", report.faults);
                let left = self.restored(&self.vault());
                assert!((0..safe).all(|number| left.get(&number) == Some(&1)), "{context}: {safe} safe, {left:?}");
                assert!(left.values().all(|&times| times == 1), "{context}: {left:?}");
            }
            // It died before there was a vault.
            Err(OpenError::NotAVault { .. } | OpenError::Io { .. }) => assert_eq!(safe, 0, "{context}"),
            Err(error) => panic!("{context}: {error}"),
        }
        let again = self.ingest(&FaultyDisk::new(Plan::default()), &mut 0);
        again.unwrap_or_else(|error| panic!("{context}: the next run: {error}"));
        let left = self.restored(&self.vault());
        assert!(left.len() as u64 == CAPTURES && left.values().all(|&times| times == 1), "{context}: {left:?}");
        let report = check(&self.vault(), Trust::Nobody).expect("checked");
        assert!(report.is_sound() && report.notes.is_empty(), "{context}: {report:?}");
        self.clear();
    }
}

fn assert_nothing_plain(folder: &Path, context: &str) {
    for path in files_below(folder) {
        let bytes = fs::read(&path).expect("read");
        for needle in [SECRET_PLATE.as_bytes(), SECRET_NAME, SECRET_PIXELS] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{context}: {}", path.display());
        }
    }
}

#[test]
fn each_operation_fails_once() {
    let bench = Bench::new();
    let (operations, _) = bench.healthy();
    let mut faults = 0;
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for cut in [None, Some(0), Some(1)] {
            for at in (0..operations).step_by(stride(5)) {
                bench.clear();
                let context = format!("{kind:?} at operation {at}, power cut {cut:?}");
                let disk = FaultyDisk::new(Plan::at(at, Fault::Error(kind)));
                let mut safe = 0;
                let ended = bench.ingest(&disk, &mut safe);
                let told = matches!(&ended, Err(SealError::Store { source, .. }) if source.kind() == kind);
                assert!(told, "{context}: {ended:?}");
                cut.into_iter().for_each(|seed| disk.cut_power(seed));
                bench.judge(safe, &context);
                faults += disk.injected();
            }
        }
    }
    told("an operation failed once, as with EIO and ENOSPC", faults);
}

#[test]
fn short_writes_change_nothing() {
    let bench = Bench::new();
    bench.clear();
    let disk = FaultyDisk::new(Plan::all_short());
    let mut safe = 0;
    bench.ingest(&disk, &mut safe).expect("a short write is none that fails");
    let mut faults = disk.injected();
    bench.judge(safe, "all writes short");
    let (operations, _) = bench.healthy();
    for at in (0..operations).step_by(stride(7)) {
        bench.clear();
        let disk = FaultyDisk::new(Plan::at(at, Fault::Short));
        bench.ingest(&disk, &mut safe).expect("a short write is none that fails");
        faults += disk.injected();
        bench.judge(safe, &format!("a short write at operation {at}"));
    }
    told("a write took half of its bytes", faults);
}

#[test]
fn the_power_goes_at_any_operation_and_keeps_any_part() {
    let bench = Bench::new();
    let (operations, _) = bench.healthy();
    let (mut faults, seeds) = (0, 24 / stride(12) as u64);
    for blow in [Fault::DeathHalfway, Fault::DeathAfter] {
        for at in (0..operations).step_by(stride(2)) {
            for seed in 0..=seeds {
                bench.clear();
                let disk = FaultyDisk::new(Plan::at(at, blow));
                let mut safe = 0;
                assert!(bench.ingest(&disk, &mut safe).is_err());
                disk.cut_power(seed * 1000 + at as u64 * u64::from(seed > 0));
                bench.judge(safe, &format!("{blow:?} at operation {at}, power cut {seed}"));
                faults += disk.injected();
            }
        }
    }
    told("death of the process or the power, any part of what was not synced kept or torn", faults);
}

#[test]
fn a_process_dies_another_resumes_and_then_the_power_goes() {
    let bench = Bench::new();
    let (operations, _) = bench.healthy();
    let mut faults = 0;
    for first in (0..operations).step_by(stride(7)) {
        for second in (0..operations).step_by(stride(7)) {
            bench.clear();
            let disk = FaultyDisk::new(Plan::at(first, Fault::DeathAfter));
            let mut safe = 0;
            assert!(bench.ingest(&disk, &mut safe).is_err());
            disk.restart(Plan::at(second, Fault::DeathAfter));
            // A second run that had next to nothing to do may end before its time.
            _ = bench.ingest(&disk, &mut safe);
            disk.cut_power((first * 31 + second) as u64 % 5);
            bench.judge(safe, &format!("deaths at operations {first} and {second}"));
            faults += disk.injected();
        }
    }
    told("two deaths and a power cut in one vault", faults);
}

#[test]
fn the_clock_jumps() {
    let bench = Bench::new();
    let (_, looks) = bench.healthy();
    let mut faults = 0;
    for look in 0..looks {
        for hours in [-1, -24 * 2, -24 * 400, 24 * 29, 24 * 400] {
            bench.clear();
            let context = format!("the clock {hours} hours off from look {look} on");
            let disk = FaultyDisk::new(Plan::clock(look, SignedDuration::from_hours(hours)));
            let mut safe = 0;
            match bench.ingest(&disk, &mut safe) {
                Ok(()) => {}
                // Never later than the first append that saw it.
                Err(SealError::Pack(_)) => assert!(hours.abs() > 24, "{context}: clocks drift"),
                Err(error) => panic!("{context}: {error}"),
            }
            faults += disk.injected();
            if bench.vault().exists() {
                bench.judge(safe, &context);
            }
        }
    }
    told("a jump of the clock, back or ahead", faults);
}

#[test]
fn a_second_writer_is_refused_at_any_moment() {
    let bench = Arc::new(Bench::new());
    bench.clear();
    let (judge, attempts) = (Arc::clone(&bench), Arc::new(Mutex::new(0)));
    let count = Arc::clone(&attempts);
    let thinned = stride(3);
    // The lock is taken after the vault's folder is made.
    let disk = FaultyDisk::watched(move |operation| {
        if operation == 0 || operation % thinned != 0 {
            return;
        }
        let second = SealingVault::open(&judge.vault(), &judge.custodian.pack, SealingOptions::default());
        assert!(matches!(second, Err(SealError::Locked { .. })), "operation {operation}: a second writer");
        *count.lock().expect("no panic") += 1;
    });
    let mut safe = 0;
    bench.ingest(&disk, &mut safe).expect("the first writer goes on");
    drop(disk);
    bench.judge(safe, "a second writer tried at every operation");
    told("a second writer tried to open the vault", *attempts.lock().expect("no panic"));
}

/// Copies a vault as a backup does that does not know of vaults: folder after folder, file after file.
struct Backup {
    from: PathBuf,
    to: PathBuf,
}

impl Backup {
    fn folder(&self, name: &str) {
        let (from, to) = (self.from.join(name), self.to.join(name));
        fs::create_dir_all(&to).expect("made");
        let Ok(entries) = fs::read_dir(from) else { return };
        for entry in entries {
            let entry = entry.expect("listed");
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                // It may have gone meanwhile.
                _ = fs::copy(entry.path(), to.join(entry.file_name()));
            }
        }
    }
}

/// A copy is sound only when all is there that was sealed when copying began, and if not it lacks segments or journals.
fn judge_copy(bench: &Bench, to: &Path, sealed: &BTreeMap<u64, usize>, context: &str) {
    assert_nothing_plain(to, context);
    let report: CheckReport = match check_deep(to, Trust::Nobody, &bench.keys()) {
        Ok(report) => report,
        Err(OpenError::NotAVault { .. } | OpenError::Io { .. }) => return assert!(sealed.is_empty(), "{context}"),
        Err(error) => panic!("{context}: {error}"),
    };
    let found = bench.restored(to);
    let all = sealed.keys().all(|number| found.contains_key(number));
    assert!(all || !report.is_sound(), "{context}: {sealed:?} were sealed, {found:?} are here, and it is called sound");
    for fault in &report.faults {
        // A copy lacks things; nothing in it is damaged.
        let lacking = matches!(fault, Wrong::Missing { .. } | Wrong::Unjournalled { .. });
        assert!(lacking, "{context}: {fault}");
    }
}

#[test]
fn a_vault_is_copied_while_it_is_written() {
    let bench = Arc::new(Bench::new());
    let (operations, _) = bench.healthy();
    let mut copies = 0;
    let thinned = stride(6);
    for orders in [["segments", "journals"], ["journals", "segments"]] {
        for at in (0..operations).step_by(thinned) {
            for pause in (0..12).step_by(thinned) {
                bench.clear();
                let target = tempfile::tempdir().expect("a folder");
                let backup = Arc::new(Backup { from: bench.vault(), to: target.path().to_owned() });
                let copier = Arc::clone(&backup);
                let sealed = Arc::new(Mutex::new(BTreeMap::new()));
                let (seen, judge) = (Arc::clone(&sealed), Arc::clone(&bench));
                // The folders are copied at two moments, and meanwhile the writer goes on.
                let disk = FaultyDisk::watched(move |operation| {
                    if operation == at {
                        if OpeningVault::open(&judge.vault(), Trust::Nobody).is_ok() {
                            *seen.lock().expect("no panic") = judge.restored(&judge.vault());
                        }
                        copier.folder("");
                        copier.folder(orders[0]);
                    }
                    if operation == at + pause {
                        copier.folder(orders[1]);
                    }
                });
                bench.ingest(&disk, &mut 0).expect("a copy does not disturb");
                if at + pause >= disk.operations() {
                    backup.folder(orders[1]);
                }
                drop(disk);
                let context = format!("{orders:?} copied at operation {at} and {pause} later");
                judge_copy(&bench, target.path(), &sealed.lock().expect("no panic"), &context);
                copies += 1;
            }
        }
    }
    told("a copy was made of a vault that was written", copies);
}
