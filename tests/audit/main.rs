//! The audit log as its writers, its verifiers and those who would rather it said something else see it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::desk::{Desk, only};
use common::store::{Blow, Fate, FatedStore};
use common::{CHEAP, SECRET_PLATE, files_below, passphrase};
use jiff::{SignedDuration, Timestamp};
use safelight::audit::{
    AuditError, AuditFault, AuditLog, AuditNote, Details, Finding, LogKey, Look, NoteError, TileError, Told, Verb,
    Verdict, Verification, verify,
};
use safelight::custody::{Keyring, Month, Policy};

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// The entries of a bundle, each with its length before it.
fn framed(bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while let Some((len, _)) = rest.split_first_chunk::<2>() {
        let (entry, after) = rest.split_at(2 + usize::from(u16::from_be_bytes(*len)));
        entries.push(entry.to_vec());
        rest = after;
    }
    entries
}

fn edit_bundle(desk: &Desk, path: &str, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    desk.change(path, |bytes| {
        let mut entries = framed(bytes);
        edit(&mut entries);
        *bytes = entries.concat();
    });
}

// Working order.

#[test]
fn a_log_grows_and_verifies_at_every_size() {
    let desk = Desk::new();
    let mut notes = Vec::new();
    for number in 0..300u64 {
        let recorded = desk.look(Verb::Open, number);
        // The first entry says that the log begins.
        assert_eq!(recorded.index, number + 1);
        if number % 60 == 0 || (250..260).contains(&number) {
            let report = desk.verify();
            assert!(report.is_sound() && report.notes.is_empty(), "{number}: {report:?}");
            assert_eq!(report.entries, number + 2);
            notes.push(desk.note());
        }
    }
    for note in notes {
        let report = desk.verify_since(Some(note));
        assert!(report.is_sound(), "{report:?}");
    }
}

#[test]
fn the_files_are_those_of_the_specification() {
    let desk = Desk::with(260);
    let folder = desk.folder();
    let below = |path: &PathBuf| path.strip_prefix(&folder).expect("below").to_string_lossy().into_owned();
    let files: Vec<String> = files_below(&folder).iter().map(below).collect();
    let tile = |kind: &str| (1..=4).map(move |width| format!("tile/{kind}/001.p/{width}")).collect::<Vec<_>>();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let expected = [
        names(&["checkpoint", "keys", "lock", "pending", "tile/0/000"]),
        tile("0"),
        names(&["tile/1/000.p/1", "tile/entries/000"]),
        tile("entries"),
        names(&["vkey"]),
    ];
    assert_eq!(files, expected.concat());

    let note = String::from_utf8(desk.note()).expect("text");
    let lines: Vec<&str> = note.lines().collect();
    let origin = format!("safelight/{}", desk.custodian.keyring.custody());
    assert_eq!((lines[0], lines[1], lines[3], lines.len()), (origin.as_str(), "260", "", 5));
    assert!(lines[4].starts_with(&format!("\u{2014} {origin} ")));
    assert_eq!(LogKey::parse(&desk.key().to_string()), Some(desk.key()));
}

#[test]
fn details_are_read_by_the_custodian_and_by_nobody_else() {
    let desk = Desk::with(3);
    for path in files_below(&desk.folder()) {
        let bytes = fs::read(&path).expect("read");
        for word in [SECRET_PLATE, "a test"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} in {}", path.display());
        }
    }
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    let recordings = desk.log().entries_since(&desk.key(), 0).expect("read");
    assert_eq!(recordings.len(), 3);
    let Told::Details(details) = reader.open(&recordings[2]) else { panic!("the details are closed") };
    assert_eq!((details.purpose.as_str(), details.query.as_str()), ("a test", SECRET_PLATE));

    let other = Desk::with(1);
    let stranger = desk.log().detail_reader(&other.custodian.keyring).expect("a reader");
    assert!(matches!(stranger.open(&recordings[2]), Told::Forgotten(_)));
}

fn month(time: Timestamp) -> Month {
    Month::of(time.to_zoned(jiff::tz::TimeZone::UTC).date())
}

#[test]
fn a_forgotten_month_still_verifies_and_says_nothing() {
    let desk = Desk::with(4);
    let before = desk.note();
    let last_month = desk.log().entries_since(&desk.key(), 0).expect("read");
    let kept = month(Timestamp::now() + days(33));
    let forget = |month| desk.log().forget(&desk.custodian.keyring, month, Details::default());
    // A clock set ahead forgets nothing: the log has not come so far, and one that leaps does not take it there.
    desk.fate.turn_clock(days(400));
    for _ in 0..2 {
        let refused = forget(kept);
        assert!(matches!(refused, Err(AuditError::Kept { before, .. }) if before == kept), "{refused:?}");
        desk.look(Verb::Search, 0);
    }
    let now = Timestamp::now() + days(400);
    let details = Details::default();
    let look = Look { verb: Verb::Search, records: 0, purpose: None, details, over_budget: false };
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    desk.log().confirming(Some(today)).record(&desk.custodian.keyring, &look).expect("recorded");
    assert!(matches!(forget(month(now)), Err(AuditError::Kept { .. })), "the policy keeps a year");
    assert_eq!(forget(kept).expect("forgotten"), 1);

    let report = verify(&desk.folder(), &desk.key(), &Verification { since: Some(before), max_age: Some(0) }, now);
    let report = report.expect("verified");
    assert!(report.is_sound(), "{report:?}");
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    assert!(matches!(reader.open(&last_month[1]), Told::Forgotten(_)));
    let all = desk.log().entries_since(&desk.key(), 0).expect("read");
    assert!(matches!(reader.open(all.last().expect("the forgetting")), Told::Details(_)));
}

#[test]
fn one_of_two_holders_forgets_nothing() {
    let mut desk = Desk::limited().with_second();
    let past = Month::of(jiff::civil::date(2020, 1, 1));
    let forget = |desk: &Desk| desk.log().forget(&desk.custodian.keyring, past, Details::default());
    assert_eq!(forget(&desk).expect("both are there"), 0);
    desk.custodian.keyring = Keyring::open(&desk.custodian.custody(), &passphrase()).expect("opens");
    let before = desk.verify().entries;
    assert!(matches!(forget(&desk), Err(AuditError::SecondNeeded)));
    assert_eq!(desk.verify().entries, before);
}

#[test]
fn an_entry_says_who_it_was_by_the_kernel() {
    let desk = Desk::with(2);
    desk.fail();
    desk.look(Verb::Search, 0);
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    let user = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("there"));
    let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
    for recording in &entries {
        let Told::Details(details) = reader.open(recording) else { panic!("the details are closed") };
        assert_eq!((details.user, details.login), (Some(user), login.filter(|&login| login != u32::MAX)));
    }
    assert_eq!(entries.len(), 4);
}

#[test]
fn silence_is_signed_and_a_log_that_ends_too_early_is_stale() {
    let desk = Desk::with(2);
    desk.fate.turn_clock(days(10));
    desk.log().renew(&desk.custodian.keyring).expect("renewed");
    let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
    let quiet: Vec<_> = entries.iter().filter_map(|recording| recording.entry.quiet).collect();
    let today = entries[0].entry.day();
    assert_eq!(quiet, [(today + 1, today + 9), (today + 10, today + 10)]);
    assert!(desk.verify_later().is_sound());

    let against = Verification { since: None, max_age: Some(3) };
    let report = verify(&desk.folder(), &desk.key(), &against, Timestamp::now() + days(14)).expect("verified");
    assert!(matches!(only(report), AuditFault::Stale { days: 4, .. }));
}

#[test]
fn a_failed_unlock_waits_and_is_signed_by_the_next_that_succeeds() {
    let desk = Desk::with(2);
    desk.fail();
    desk.fail();
    let report = desk.verify();
    assert!(report.is_sound());
    assert_eq!(report.notes, [AuditNote::Waiting { entries: 2 }]);
    assert_eq!(desk.log().waiting().expect("read").len(), 2);

    desk.look(Verb::Search, 0);
    let report = desk.verify();
    assert!(report.is_sound() && report.notes.is_empty(), "{report:?}");
    let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
    let verbs: Vec<_> = entries.iter().map(|recording| recording.entry.verb).collect();
    assert_eq!(verbs[2..], [Verb::UnlockFailed, Verb::UnlockFailed, Verb::Search]);
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    let Told::Details(details) = reader.open(&entries[2]) else { panic!("the details are closed") };
    assert_eq!(details.query, "open");
}

#[test]
fn writers_at_the_same_time_wait_for_each_other() {
    let desk = Desk::with(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (custody, keyring) = (desk.custodian.custody(), &desk.custodian.keyring);
            scope.spawn(move || {
                for _ in 0..10 {
                    let details = Details::default();
                    let look = Look { verb: Verb::Open, records: 1, purpose: None, details, over_budget: false };
                    AuditLog::of(&custody).record(keyring, &look).expect("recorded");
                }
            });
        }
    });
    let report = desk.verify();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.entries, 42);
}

// Tampering: each is detected, and named as what it is.

#[test]
fn tampering_an_entry_is_changed() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| *entries[4].last_mut().expect("a byte") ^= 1);
    assert!(matches!(desk.only_fault(), AuditFault::EntryAltered { index: 4 }));
}

#[test]
fn tampering_two_entries_change_places() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| entries.swap(3, 6));
    let faults = desk.verify().faults;
    let places: Vec<_> =
        faults.iter().map(|fault| matches!(fault, AuditFault::EntryAltered { index: 3 | 6 })).collect();
    // And the clock may seem to go back between them, when the hour has changed meanwhile.
    assert!(places.len() >= 2 && places[0] && places[1], "{faults:?}");
}

#[test]
fn tampering_an_entry_is_left_out() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| _ = entries.remove(8));
    let faults = desk.verify().faults;
    assert!(matches!(&faults[0], AuditFault::EntryCount { expected: 9, found: 8, .. }), "{faults:?}");
}

#[test]
fn tampering_an_entry_is_repeated() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| entries.push(entries[8].clone()));
    let faults = desk.verify().faults;
    assert!(matches!(&faults[0], AuditFault::EntryCount { expected: 9, found: 10, .. }), "{faults:?}");
}

#[test]
fn tampering_an_entry_and_its_hash_are_changed() {
    use sha2::{Digest, Sha256};
    let desk = Desk::with(9);
    let mut leaf = [0; 32];
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| {
        entries[4] = entries[3].clone();
        leaf = Sha256::new().chain_update([0]).chain_update(&entries[4][2..]).finalize().into();
    });
    desk.change("tile/0/000.p/9", |bytes| bytes[4 * 32..5 * 32].copy_from_slice(&leaf));
    assert!(matches!(desk.only_fault(), AuditFault::Root));
    // Nor does a writer sign such a tree.
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::Tile(TileError::Altered { .. }))));
}

#[test]
fn tampering_a_tile_of_hashes_is_changed() {
    let desk = Desk::with(300);
    desk.change("tile/1/000.p/1", |bytes| bytes[5] ^= 1);
    let path = desk.folder().join("tile/1/000.p/1");
    assert!(matches!(desk.only_fault(), AuditFault::TileAltered { path: found } if path.ends_with(&found)));
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::Tile(TileError::Altered { .. }))));
}

#[test]
fn tampering_files_are_missing() {
    for file in ["tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let desk = Desk::with(300);
        fs::remove_file(desk.folder().join(file)).expect("removed");
        let faults = desk.verify().faults;
        let named = |fault: &AuditFault| matches!(fault, AuditFault::Tile(TileError::Missing { path }) if path == Path::new(file));
        assert!(faults.iter().any(named), "{file}: {faults:?}");
    }
}

#[test]
fn tampering_the_checkpoint_is_changed() {
    let desk = Desk::with(9);
    let good = desk.note();
    for (old, new) in [("\n9\n", "\n8\n"), ("\n9\n", "\n09\n"), ("=\n\n", "=\nx\n\n")] {
        let text = String::from_utf8(good.clone()).expect("text").replacen(old, new, 1);
        desk.change("checkpoint", |bytes| *bytes = text.into_bytes());
        let fault = desk.only_fault();
        assert!(matches!(fault, AuditFault::Checkpoint(NoteError::Signature | NoteError::Malformed)), "{fault:?}");
    }
    desk.change("checkpoint", |bytes| *bytes = good.clone());
    assert!(desk.verify().is_sound());
    fs::remove_file(desk.folder().join("checkpoint")).expect("removed");
    assert!(matches!(desk.only_fault(), AuditFault::NoCheckpoint));
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::NoCheckpoint)));
}

#[test]
fn tampering_the_log_is_signed_with_another_key() {
    let desk = Desk::with(9);
    let forger = Desk::with(9);
    desk.restore(forger.copy().path());
    assert!(matches!(desk.only_fault(), AuditFault::Checkpoint(NoteError::Origin)));
    // Under the right name, with the wrong signature.
    let (right, wrong) = (desk.key().origin().to_owned(), forger.key().origin().to_owned());
    desk.change("checkpoint", |bytes| {
        *bytes = String::from_utf8(bytes.clone()).expect("text").replace(&wrong, &right).into_bytes();
    });
    assert!(matches!(desk.only_fault(), AuditFault::Checkpoint(NoteError::Unsigned)));
    assert!(AuditLog::key_beside(&desk.folder(), desk.custodian.keyring.custody()).is_none());
    assert!(desk.try_look(Verb::Open, 1, false).is_err());
}

#[test]
fn tampering_the_end_is_cut_off_with_an_older_checkpoint() {
    let desk = Desk::with(5);
    let old = desk.copy();
    desk.look(Verb::Export, 184_000);
    let kept_elsewhere = desk.note();
    desk.restore(old.path());
    // The copy is a whole log of that time: only who kept a later checkpoint can tell.
    assert!(desk.verify().is_sound());
    let fault = only(desk.verify_since(Some(kept_elsewhere)));
    assert!(matches!(fault, AuditFault::Truncated { size: 5, earlier: 6 }), "{fault:?}");
}

#[test]
fn tampering_the_end_is_cut_off_and_the_file_of_failed_unlocks_is_not() {
    let desk = Desk::with(5);
    let old = desk.copy();
    desk.look(Verb::Export, 184_000);
    fs::copy(desk.folder().join("pending"), old.path().join("audit/pending")).expect("copied");
    desk.restore(old.path());
    assert!(matches!(desk.only_fault(), AuditFault::Truncated { size: 5, earlier: 6 }));
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::RolledBack { size: 5, once: 6 })));
}

#[test]
fn tampering_history_is_rewritten_by_the_holder_of_the_key() {
    let desk = Desk::with(5);
    let before = desk.copy();
    desk.look(Verb::Export, 184_000);
    desk.look(Verb::Open, 1);
    let kept_elsewhere = desk.note();
    desk.restore(before.path());
    for _ in 0..3 {
        desk.look(Verb::Open, 1);
    }
    assert!(desk.verify().is_sound());
    assert!(matches!(only(desk.verify_since(Some(kept_elsewhere))), AuditFault::Forked { earlier: 7 }));
}

#[test]
fn tampering_the_log_is_removed_and_a_new_one_begins() {
    let desk = Desk::with(5);
    fs::remove_dir_all(desk.folder()).expect("removed");
    desk.fate.turn_clock(days(3));
    desk.look(Verb::Open, 1);
    let faults = desk.verify_later().faults;
    let [AuditFault::LateBeginning { begun, made }] = faults[..] else { panic!("{faults:?}") };
    assert_eq!(begun - made, 3);
}

#[test]
fn tampering_the_file_of_failed_unlocks_is_removed() {
    let desk = Desk::with(5);
    desk.fail();
    fs::remove_file(desk.folder().join("pending")).expect("removed");
    assert!(matches!(desk.only_fault(), AuditFault::Pending { finding: Finding::PendingMissing }));
    // The next unlock signs what it found.
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 5, finding: Finding::PendingMissing }]);
}

#[test]
fn tampering_a_failed_unlock_is_changed_or_taken_out_of_the_middle() {
    let frame = |bytes: &[u8], head: usize| {
        let len = u32::from_le_bytes(*bytes[head..].first_chunk().expect("a length")) as usize;
        4 + len + 32
    };
    for tampering in 0..3 {
        let desk = Desk::with(5);
        let head = fs::read(desk.folder().join("pending")).expect("read").len();
        for _ in 0..3 {
            desk.fail();
        }
        desk.change("pending", |bytes| match tampering {
            0 => bytes[head + 200] ^= 1,
            1 => {
                let first = frame(bytes, head);
                bytes.drain(head + first..head + first + frame(bytes, head + first));
            }
            _ => bytes.truncate(bytes.len() - 7),
        });
        assert!(matches!(desk.only_fault(), AuditFault::Pending { finding: Finding::PendingAltered }), "{tampering}");
        desk.look(Verb::Open, 1);
        let left = [0, 1, 2][tampering];
        let note = AuditNote::Finding { index: 5 + left as u64, finding: Finding::PendingAltered };
        assert_eq!(desk.verify().notes, [note], "{tampering}");
    }
}

#[test]
fn tampering_the_file_of_failed_unlocks_is_an_earlier_one() {
    let desk = Desk::with(5);
    let old = fs::read(desk.folder().join("pending")).expect("read");
    desk.look(Verb::Open, 1);
    desk.look(Verb::Open, 1);
    desk.fail();
    fs::write(desk.folder().join("pending"), old).expect("written");
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 7, finding: Finding::PendingReplayed }]);
}

#[test]
fn tampering_the_head_of_the_file_of_failed_unlocks_is_forged() {
    let desk = Desk::with(5);
    // Another public key, so that the custodian could not read who failed.
    desk.change("pending", |bytes| bytes[100] ^= 1);
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 5, finding: Finding::PendingAltered }]);
}

#[test]
fn tampering_the_clock_is_set_forward_and_back_again() {
    let desk = Desk::with(2);
    desk.fate.turn_clock(days(2));
    desk.look(Verb::Open, 1);
    let faults = desk.verify().faults;
    assert!(faults.iter().any(|fault| matches!(fault, AuditFault::Future { .. })), "{faults:?}");
    desk.fate.turn_clock(SignedDuration::ZERO);
    desk.look(Verb::Open, 1);
    // The writer cannot help saying so.
    let report = desk.verify();
    assert!(report.is_sound(), "{report:?}");
    assert!(matches!(report.notes[..], [AuditNote::ClockBack { .. }]), "{report:?}");
}

/// Whose clock was once ahead is not accused of anything.
#[test]
fn a_clock_that_was_once_ahead_is_told_from_tampering() {
    // A wrong passphrase after the clock was put right, and one before.
    for failing_at in [days(0), days(2)] {
        let desk = Desk::with(2);
        desk.fate.turn_clock(days(2));
        desk.look(Verb::Open, 1);
        desk.fate.turn_clock(failing_at);
        desk.fail();
        desk.fate.turn_clock(SignedDuration::ZERO);
        desk.look(Verb::Open, 1);
        let report = desk.verify();
        assert!(report.is_sound(), "{report:?}");
        assert!(report.notes.iter().all(|note| matches!(note, AuditNote::ClockBack { .. })), "{report:?}");
        let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
        assert!(entries.iter().any(|recording| recording.entry.verb == Verb::UnlockFailed));
    }
    // It can be said on record at once, within a day, too.
    let desk = Desk::with(2);
    desk.fate.turn_clock(SignedDuration::from_hours(5));
    desk.look(Verb::Open, 1);
    desk.fate.turn_clock(SignedDuration::ZERO);
    assert!(desk.verify().faults.iter().all(|fault| matches!(fault, AuditFault::Future { .. })));
    desk.log().renew(&desk.custodian.keyring).expect("renewed");
    let report = desk.verify();
    assert!(report.is_sound() && report.notes.len() == 1, "{report:?}");
    // What no clock explains is told apart.
    let desk = Desk::with(2);
    desk.fate.turn_clock(days(60));
    desk.fail();
    desk.fate.turn_clock(SignedDuration::ZERO);
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 2, finding: Finding::PendingTimes }]);
}

/// Failed unlocks are written by people without keys: their times renew nobody's budget.
#[test]
fn a_failed_unlock_of_another_day_renews_no_budget() {
    let desk = Desk::limited();
    let look = |records| desk.try_look(Verb::Export, records, false).expect("recorded").verdict;
    // A log that begins days after its keyring would be one that was lost.
    assert_eq!(look(1), Verdict::Done);
    desk.fate.turn_clock(days(3));
    assert_eq!(look(100), Verdict::Done);
    desk.fate.turn_clock(days(1));
    desk.fail();
    desk.fate.turn_clock(days(3));
    assert_eq!(look(1), Verdict::Refused);
    assert_eq!(look(1), Verdict::Refused);
}

#[test]
fn tampering_the_keys_of_the_details_are_lost() {
    let desk = Desk::with(5);
    fs::remove_file(desk.folder().join("keys")).expect("removed");
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 5, finding: Finding::KeysLost }]);
}

// Budgets.

#[test]
fn a_budget_holds_for_a_day_and_every_refusal_is_on_record() {
    let desk = Desk::limited().with_second();
    let look = |records, both| desk.try_look(Verb::Export, records, both).expect("recorded");
    assert_eq!(look(60, false).verdict, Verdict::Done);
    let refused = look(41, false);
    assert_eq!((refused.verdict, refused.spent, refused.spent_in_total), (Verdict::Refused, 60, 60));
    // What was refused did not leave.
    assert_eq!(look(40, false).verdict, Verdict::Done);
    assert_eq!(look(1, false).verdict, Verdict::Refused);
    assert_eq!(look(1, true).verdict, Verdict::Overridden);
    // Searching takes nothing out, and has a budget of its own; a search that finds nothing counts as one.
    let search = |records| desk.try_look(Verb::Search, records, false).expect("recorded").verdict;
    assert_eq!([6, 4, 0, 0].map(search), [Verdict::Refused, Verdict::Done, Verdict::Done, Verdict::Refused]);

    // Midnight renews it, and a clock that is set back does not.
    desk.fate.turn_clock(days(1));
    assert_eq!(look(100, false).verdict, Verdict::Done);
    desk.fate.turn_clock(SignedDuration::ZERO);
    assert_eq!(look(1, false).verdict, Verdict::Refused);
    let report = desk.verify_later();
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn another_purpose_has_a_budget_of_its_own_within_that_of_all() {
    let desk = Desk::limited();
    let look = |purpose, records| {
        let look =
            Look { verb: Verb::Open, records, purpose: Some(purpose), details: Details::default(), over_budget: false };
        desk.log().record(&desk.custodian.keyring, &look).expect("recorded").verdict
    };
    assert_eq!(look("one", 100), Verdict::Done);
    assert_eq!(look("one", 1), Verdict::Refused);
    assert_eq!(look("two", 50), Verdict::Done);
    assert_eq!(look("two", 1), Verdict::Refused);
    assert_eq!(look("three", 1), Verdict::Refused);
}

#[test]
fn who_removes_the_log_gets_no_second_budget() {
    let desk = Desk::limited().with_second();
    desk.fate.turn_clock(days(3));
    _ = desk.try_look(Verb::Export, 100, false).expect("recorded");
    fs::remove_dir_all(desk.folder()).expect("removed");
    for _ in 0..2 {
        let refused = desk.try_look(Verb::Export, 1, false).expect("recorded");
        assert!(refused.verdict == Verdict::Refused && refused.began_anew);
    }
    let overridden = desk.try_look(Verb::Export, 1, true);
    assert_eq!(overridden.expect("recorded").verdict, Verdict::Overridden);
    desk.fate.turn_clock(days(4));
    assert_eq!(desk.try_look(Verb::Export, 1, false).expect("recorded").verdict, Verdict::Done);
}

#[test]
fn who_removes_the_log_on_its_first_day_gets_no_second_budget() {
    let mut desk = Desk::limited();
    assert_eq!(desk.try_look(Verb::Export, 100, false).expect("recorded").verdict, Verdict::Done);
    fs::remove_dir_all(desk.folder()).expect("removed");
    for _ in 0..2 {
        let refused = desk.try_look(Verb::Export, 1, false).expect("recorded");
        assert!(refused.verdict == Verdict::Refused && refused.began_anew);
    }
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 1, finding: Finding::LogGone }]);
    desk = desk.with_second();
    assert_eq!(desk.try_look(Verb::Export, 1, true).expect("recorded").verdict, Verdict::Overridden);
    desk.fate.turn_clock(days(1));
    assert_eq!(desk.try_look(Verb::Export, 1, false).expect("recorded").verdict, Verdict::Done);
}

#[test]
fn who_puts_back_this_mornings_log_gets_no_second_budget() {
    let desk = Desk::limited();
    desk.look(Verb::Pack, 0);
    let morning = desk.copy();
    assert_eq!(desk.try_look(Verb::Export, 100, false).expect("recorded").verdict, Verdict::Done);
    desk.restore_log(morning.path());
    assert!(matches!(desk.try_look(Verb::Export, 1, false), Err(AuditError::RolledBack { .. })));
}

#[test]
fn a_log_with_another_history_than_the_folder_knows_is_not_written_on() {
    let desk = Desk::limited();
    desk.look(Verb::Pack, 0);
    let morning = desk.copy();
    desk.look(Verb::Export, 100);
    let head = fs::read(desk.head()).expect("read");
    desk.restore(morning.path());
    for _ in 0..3 {
        desk.look(Verb::Pack, 0);
    }
    fs::write(desk.head(), head).expect("written");
    assert!(matches!(desk.try_look(Verb::Export, 1, false), Err(AuditError::Rewritten { .. })));
}

#[test]
fn who_alters_what_the_folder_knows_of_the_log_gets_no_second_budget() {
    let desk = Desk::limited();
    desk.look(Verb::Pack, 0);
    let mut bytes = fs::read(desk.head()).expect("read");
    bytes[40] ^= 1;
    fs::write(desk.head(), bytes).expect("written");
    let refused = desk.try_look(Verb::Export, 1, false).expect("recorded");
    assert!(refused.verdict == Verdict::Refused && refused.began_anew);
    assert!(matches!(desk.verify().notes[..], [AuditNote::Finding { finding: Finding::HeadAltered, .. }]));
}

/// `faketime` and `date -s` change the clock and not the seconds that the machine counts.
#[test]
fn a_clock_set_ahead_gives_no_other_days_budget() {
    let mut desk = Desk::limited();
    let day = 24 * 60;
    let look = |desk: &Desk, records, confirmed: Option<i64>, both| {
        let today = confirmed.map(|ahead| (Timestamp::now() + days(ahead)).to_zoned(jiff::tz::TimeZone::UTC).date());
        let details = Details::default();
        let look = Look { verb: Verb::Export, records, purpose: Some("a test"), details, over_budget: both };
        desk.log().confirming(today).record(&desk.custodian.keyring, &look).expect("recorded")
    };
    desk.fate.run_for(1, 100);
    assert_eq!(look(&desk, 100, None, false).verdict, Verdict::Done);
    for ahead in 1..=6 {
        desk.fate.turn_clock(days(ahead));
        desk.fate.run_for(1, 100 + ahead);
        let refused = look(&desk, 1, None, false);
        assert!(refused.verdict == Verdict::Refused && refused.leap.is_some() && !refused.began_anew, "{ahead}");
    }
    // Put right, it is today again; the day that comes by itself is another.
    desk.fate.turn_clock(SignedDuration::ZERO);
    desk.fate.run_for(1, 200);
    let refused = look(&desk, 1, None, false);
    assert!(refused.verdict == Verdict::Refused && refused.leap.is_none());
    desk.fate.turn_clock(days(8));
    desk.fate.run_for(1, 200 + 8 * day);
    assert_eq!(look(&desk, 100, None, false).verdict, Verdict::Done);

    // One holder confirms the right date, on record; another date is none.
    desk.fate.turn_clock(days(10));
    desk.fate.run_for(1, 210 + 8 * day);
    assert_eq!(look(&desk, 1, Some(9), false).verdict, Verdict::Refused);
    assert_eq!(look(&desk, 1, Some(10), false).verdict, Verdict::Done);
    assert_eq!(look(&desk, 1, None, false).verdict, Verdict::Done);
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
    let confirmed = |recording| matches!(reader.open(recording), Told::Details(details) if details.confirmed.is_some());
    assert_eq!(entries.iter().filter(|&recording| confirmed(recording)).count(), 1);

    // Where there are two, one alone confirms nothing.
    desk = desk.with_second();
    let alone = Keyring::open(&desk.custodian.custody(), &passphrase()).expect("opens");
    let both = std::mem::replace(&mut desk.custodian.keyring, alone);
    desk.fate.turn_clock(days(12));
    assert_eq!(look(&desk, 1, Some(12), false).verdict, Verdict::Refused);
    assert_eq!(look(&desk, 1, Some(12), true).verdict, Verdict::Refused);
    desk.custodian.keyring = both;
    assert_eq!(look(&desk, 1, Some(12), false).verdict, Verdict::Done);
    // After another start, or long silence, only much is too much.
    desk.fate.run_for(2, 1);
    desk.fate.turn_clock(days(40));
    assert_eq!(look(&desk, 1, None, false).verdict, Verdict::Done);
    desk.fate.run_for(3, 1);
    desk.fate.turn_clock(days(90));
    assert_eq!(look(&desk, 1, None, false).verdict, Verdict::Refused);
    assert_eq!(look(&desk, 1, None, true).verdict, Verdict::Overridden);
}

// Deaths.

#[test]
fn a_writer_may_die_at_any_moment() {
    // The log before: one entry short of a full bundle, so that tiles fill too.
    let desk = Desk::with(255);
    desk.fail();
    // Narrower tiles are of no use any more; removing hundreds of them is no moment to die at.
    for path in files_below(&desk.folder().join("tile")) {
        if !path.ends_with("255") {
            fs::remove_file(path).expect("removed");
        }
    }
    let before = desk.copy();
    let healthy = Fate::kind();
    let log = |fate: &Arc<Fate>| AuditLog::on(Box::new(FatedStore(Arc::clone(fate))), &desk.custodian.custody());
    let look = || Look { verb: Verb::Open, records: 1, purpose: None, details: Details::default(), over_budget: false };
    log(&healthy).record(&desk.custodian.keyring, &look()).expect("recorded");
    assert!(healthy.operations() > 30, "{}", healthy.operations());

    for at in 0..healthy.operations() {
        // One way to die at each operation, in turn; `tests/faults.rs` tries all of them on vaults.
        let (blow, power_cut) = [(Blow::Halfway, false), (Blow::Before, true), (Blow::After, true)][at % 3];
        let context = format!("{blow:?} operation {at}, power cut: {power_cut}");
        desk.restore(before.path());
        let fate = Fate::strike(at, blow);
        let died = log(&fate).record(&desk.custodian.keyring, &look());
        if power_cut {
            fate.cut_power();
        }
        let report = desk.verify();
        assert!(report.is_sound(), "{context}: {report:?}");
        assert!([255, 257].contains(&report.entries), "{context}: {}", report.entries);
        // What was given out is on record.
        assert!(died.is_err() || report.entries == 257, "{context}");
        // And the next one goes on, with the failed unlock signed once.
        desk.look(Verb::Open, 1);
        let report = desk.verify();
        assert!(report.is_sound() && report.notes.is_empty(), "{context}: {report:?}");
        let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
        let failed = entries.iter().filter(|recording| recording.entry.verb == Verb::UnlockFailed).count();
        assert_eq!(failed, 1, "{context}");
    }
}

#[test]
fn the_first_entry_may_die_at_any_moment_too() {
    let root = tempfile::tempdir().expect("a folder");
    let custody = root.path().join("custody");
    let now = Timestamp::now();
    let keyring = Keyring::create(&custody, &passphrase(), CHEAP, Policy::default(), now).expect("made");
    let key = LogKey::of(keyring.verifying_key());
    let healthy = Fate::kind();
    let log = |fate: &Arc<Fate>| AuditLog::on(Box::new(FatedStore(Arc::clone(fate))), &custody);
    log(&healthy).renew(&keyring).expect("begun");
    for at in 0..healthy.operations() {
        fs::remove_dir_all(custody.join("audit")).expect("removed");
        // The run before may have died ahead of it.
        let _ = fs::remove_file(custody.join("log-head"));
        let fate = Fate::strike(at, Blow::Halfway);
        let died = log(&fate).renew(&keyring);
        log(&Fate::kind()).renew(&keyring).expect("begun");
        let report = verify(log(&healthy).folder(), &key, &Verification::default(), now).expect("verified");
        assert!(report.is_sound() && report.notes.is_empty(), "operation {at}, {died:?}: {report:?}");
        assert_eq!(report.entries, 1, "operation {at}");
    }
}
