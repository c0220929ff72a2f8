//! The audit log as its writers, its verifiers and those who would rather it said something else see it.

mod budget;
#[path = "../common/mod.rs"]
mod common;
mod tampering;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::desk::{Desk, only};
use common::store::{Blow, Fate, FatedStore};
use common::{CHEAP, SECRET_PLATE, files_below, passphrase};
use jiff::{SignedDuration, Timestamp};
use safelight::audit::{
    AuditError, AuditFault, AuditLog, AuditNote, Details, Finding, LogKey, Look, NoteError, Records, TileError, Told,
    Verb, Verdict, Verification, verify,
};
use safelight::capture::CaptureId;
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
    let look = Look { verb: Verb::Search, records: 0.into(), purpose: None, details, over_budget: false };
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    desk.log().confirming(Some(today)).record(&desk.custodian.keyring, &look).expect("recorded");
    assert!(matches!(forget(month(now)), Err(AuditError::Kept { .. })), "the policy keeps a year");
    assert_eq!(forget(kept).expect("forgotten"), 1);

    let report =
        verify(&desk.folder(), &desk.key(), &Verification { since: Some(before), max_age: Some(0), alone: false }, now);
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

    let against = Verification { max_age: Some(3), ..Verification::default() };
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
                    let look = Look { verb: Verb::Open, records: 1.into(), purpose: None, details, over_budget: false };
                    AuditLog::of(&custody).record(keyring, &look).expect("recorded");
                }
            });
        }
    });
    let report = desk.verify();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.entries, 42);
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
    let look =
        || Look { verb: Verb::Open, records: 1.into(), purpose: None, details: Details::default(), over_budget: false };
    log(&healthy).record(&desk.custodian.keyring, &look()).expect("recorded");
    assert!(healthy.operations() > 30, "{}", healthy.operations());

    let ways = [(Blow::Halfway, false), (Blow::Before, true), (Blow::After, true)];
    for (at, (blow, power_cut)) in (0..healthy.operations()).flat_map(|at| ways.map(|way| (at, way))) {
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
