//! Budgets: nobody has a day's twice.

use super::*;

#[test]
fn a_budget_holds_for_a_day_and_every_refusal_is_on_record() {
    let desk = Desk::limited().with_second();
    let look = |records, both| desk.try_look(Verb::Export, records, both).expect("recorded");
    assert_eq!(look(60, false).verdict, Verdict::Done);
    let refused = look(41, false);
    assert_eq!((refused.verdict, refused.spent, refused.spent_in_total), (Verdict::Refused, 60, 60));
    // What was refused did not leave; that there is more than was left was told, which counts as one.
    assert_eq!((refused.cost, look(40, false).verdict), (1, Verdict::Refused));
    assert_eq!(look(38, false).verdict, Verdict::Done);
    assert_eq!(look(1, false).verdict, Verdict::Refused);
    assert_eq!(look(1, true).verdict, Verdict::Overridden);
    // Searching takes nothing out, and has a budget of its own; a search that finds nothing counts as one.
    let search = |records| desk.try_look(Verb::Search, records, false).expect("recorded").verdict;
    assert_eq!([6, 3, 0, 0].map(search), [Verdict::Refused, Verdict::Done, Verdict::Done, Verdict::Refused]);

    // Midnight renews it, and a clock that is set back does not.
    desk.fate.turn_clock(days(1));
    assert_eq!(look(100, false).verdict, Verdict::Done);
    desk.fate.turn_clock(SignedDuration::ZERO);
    assert_eq!(look(1, false).verdict, Verdict::Refused);
    let report = desk.verify_later();
    assert!(report.is_sound(), "{report:?}");
}

/// Whoever asks for more and more until it is refused learns how much there is: that is bounded as all else is.
#[test]
fn refusals_tell_no_number_and_are_bounded_by_the_budget() {
    let desk = Desk::limited();
    let ask = |records: u64| {
        let details = Details::default();
        let records = Records::of((0..records).map(|number| CaptureId(u128::from(number).to_be_bytes())));
        let look = Look { verb: Verb::Search, records, purpose: None, details, over_budget: false };
        match desk.log().refuse_at_once(&desk.custodian.keyring, &look).expect("judged") {
            Some(refused) => (refused.verdict, refused.cost, false),
            None => {
                let answer = desk.log().record(&desk.custodian.keyring, &look).expect("recorded");
                (answer.verdict, answer.cost, true)
            }
        }
    };
    // Of five: each answer costs, also the answer that there are more; then nothing is looked up any more.
    let told = [60, 7, 6, 420, 8].map(ask);
    assert_eq!(told, [(Verdict::Refused, 1, true); 5]);
    assert_eq!([0, 1, 420, u64::MAX >> 40].map(ask), [(Verdict::Refused, 0, false); 4]);
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    let refused = desk.log().entries_since(&desk.key(), 0).expect("read");
    let refused: Vec<_> = refused.iter().filter(|recording| recording.entry.verdict == Verdict::Refused).collect();
    assert_eq!(refused.iter().map(|r| r.entry.records).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0, 0, 0, 0]);
    for recording in refused {
        let Told::Details(details) = reader.open(recording) else { panic!("details") };
        assert!(details.records.is_empty() && details.digest.is_none());
    }
}

#[test]
fn another_purpose_has_a_budget_of_its_own_within_that_of_all() {
    let desk = Desk::limited();
    let look = |purpose, records: u64| {
        let look = Look {
            verb: Verb::Open,
            records: records.into(),
            purpose: Some(purpose),
            details: Details::default(),
            over_budget: false,
        };
        desk.log().record(&desk.custodian.keyring, &look).expect("recorded").verdict
    };
    assert_eq!(look("one", 100), Verdict::Done);
    assert_eq!(look("one", 1), Verdict::Refused);
    assert_eq!(look("two", 50), Verdict::Done);
    assert_eq!(look("two", 1), Verdict::Refused);
    assert_eq!(look("three", 1), Verdict::Refused);
}

/// A log that an earlier version wrote today told some look-alikes apart, and its tags are of that form.
#[test]
fn what_was_spent_on_a_purpose_is_spent_however_it_is_spelt() {
    let desk = Desk::limited();
    let look = |purpose, records: u64| {
        let details = Details::default();
        let look =
            Look { verb: Verb::Open, records: records.into(), purpose: Some(purpose), details, over_budget: false };
        desk.log().record(&desk.custodian.keyring, &look).expect("recorded").verdict
    };
    assert_eq!(look("tᴡo", 100), Verdict::Done);
    for spelling in ["two", "TWO", "tw0", "two\u{2b9}", "twо", "ᴛᴡᴏ"] {
        assert_eq!(look(spelling, 1), Verdict::Refused, "{spelling}");
    }
    assert_eq!(look("one", 1), Verdict::Done);
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

/// The keyring knows of its log from the first moment on, and of what the log was whenever it was itself written.
#[test]
fn who_removes_all_that_the_folder_knows_of_the_log_gets_no_second_budget() {
    let mut desk = Desk::limited();
    desk.log().begin(&mut desk.custodian.keyring).expect("begun");
    let reopen = |desk: &mut Desk| {
        desk.custodian.keyring = Keyring::open(&desk.custodian.custody(), &passphrase()).expect("opens");
    };
    let export = |desk: &Desk, records| desk.try_look(Verb::Export, records, false).expect("recorded");
    assert_eq!(export(&desk, 100).verdict, Verdict::Done);
    for _ in 0..2 {
        fs::remove_dir_all(desk.folder()).expect("removed");
        fs::remove_file(desk.head()).expect("removed");
        reopen(&mut desk);
        for _ in 0..2 {
            let refused = export(&desk, 1);
            assert!(refused.verdict == Verdict::Refused && refused.began_anew);
        }
        assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 1, finding: Finding::LogGone }]);
    }
    // On record, that is over on the next day; and the keyring knows the new log when it is written.
    desk.fate.turn_clock(days(1));
    reopen(&mut desk);
    assert_eq!(export(&desk, 1).verdict, Verdict::Done);
    let morning = desk.copy();
    assert_eq!(export(&desk, 100).verdict, Verdict::Refused);
    assert_eq!(export(&desk, 90).verdict, Verdict::Done);
    desk.custodian.keyring.rotate(None, Timestamp::now()).expect("written");
    desk.restore(morning.path());
    reopen(&mut desk);
    assert!(matches!(desk.try_look(Verb::Export, 1, false), Err(AuditError::RolledBack { .. })));
    // Not even the time is forgotten with the log.
    fs::remove_dir_all(desk.folder()).expect("removed");
    fs::remove_file(desk.head()).expect("removed");
    desk.fate.turn_clock(days(60));
    assert!(desk.log().leap(&desk.custodian.keyring).expect("looked at").is_some());
    assert!(export(&desk, 1).leap.is_some());
}

/// What nobody believes dates nothing: no pack, no epoch, no entry.
#[test]
fn a_clock_that_leapt_dates_nothing() {
    use Verb::{Check, Expire, Export, Pack, Policy, Rotate, Show, Slot};
    let desk = Desk::new();
    let try_on = |verb, date: Option<i64>| {
        let today = date.map(|ahead| (Timestamp::now() + days(ahead)).to_zoned(jiff::tz::TimeZone::UTC).date());
        let look =
            Look { verb, records: 0.into(), purpose: Some("a test"), details: Details::default(), over_budget: false };
        desk.log().confirming(today).record(&desk.custodian.keyring, &look).expect("recorded")
    };
    desk.fate.run_for(1, 100);
    assert_eq!(try_on(Pack, None).verdict, Verdict::Done);
    desk.fate.turn_clock(days(395));
    for verb in [Pack, Rotate, Policy, Slot, Expire, Export] {
        let refused = try_on(verb, None);
        assert!(refused.verdict == Verdict::Refused && refused.leap.is_some(), "{verb:?}");
    }
    assert_eq!([Show, Check].map(|verb| try_on(verb, None).verdict), [Verdict::Done; 2]);
    assert!(try_on(Rotate, Some(394)).permit().is_none(), "another date is none");
    // Put right, all is as it was: no entry is of a time that is yet to come.
    desk.fate.turn_clock(SignedDuration::ZERO);
    assert_eq!(try_on(Rotate, None).verdict, Verdict::Done);
    let report = desk.verify();
    assert!(report.is_sound() && report.notes.is_empty(), "{report:?}");
    let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
    let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
    let claimed = |recording| matches!(reader.open(recording), Told::Details(details) if details.clock.is_some());
    assert_eq!(entries.iter().filter(|&recording| claimed(recording)).count(), 9);
    // Confirmed, it is the time.
    desk.fate.turn_clock(days(395));
    assert_eq!(try_on(Pack, Some(395)).verdict, Verdict::Done);
    assert!(desk.verify_later().is_sound());
}

/// Another month has budgets of its own, and one that is over has them no more.
#[test]
fn a_clock_set_back_gives_no_earlier_months_budget() {
    let desk = Desk::limited();
    assert_eq!(desk.look(Verb::Export, 100).verdict, Verdict::Done);
    for back in [29, 40, 80, 125] {
        desk.fate.turn_clock(days(-back));
        let refused = desk.look(Verb::Export, 1);
        assert!(refused.verdict == Verdict::Refused && refused.leap.is_some(), "{back} days");
        assert_eq!(desk.look(Verb::Rotate, 0).verdict, Verdict::Refused, "{back} days");
        assert_eq!(desk.look(Verb::Check, 0).verdict, Verdict::Done);
    }
    // Put right, nobody is accused, and what was spent is spent.
    desk.fate.turn_clock(SignedDuration::ZERO);
    let refused = desk.look(Verb::Export, 1);
    assert!(refused.verdict == Verdict::Refused && refused.leap.is_none());
    assert_eq!(desk.look(Verb::Rotate, 0).verdict, Verdict::Done);
    assert!(desk.verify().is_sound());
    // Within a day nobody minds: summer time, a time zone.
    let desk = Desk::limited();
    desk.look(Verb::Open, 1);
    desk.fate.turn_clock(SignedDuration::from_hours(-12));
    assert_eq!(desk.look(Verb::Export, 1).verdict, Verdict::Done);
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

/// Nor who takes away what the folder knows of the log, as long as the keyring knows of it.
#[test]
fn who_puts_back_this_mornings_log_without_what_is_known_of_it_gets_no_second_budget() {
    let mut desk = Desk::limited();
    desk.log().begin(&mut desk.custodian.keyring).expect("begun");
    let morning = desk.copy();
    assert_eq!(desk.try_look(Verb::Export, 100, false).expect("recorded").verdict, Verdict::Done);
    desk.restore_log(morning.path());
    fs::remove_file(desk.head()).expect("removed");
    for _ in 0..2 {
        let refused = desk.try_look(Verb::Export, 1, false).expect("recorded");
        assert!(refused.verdict == Verdict::Refused && refused.began_anew);
    }
    let report = desk.verify();
    assert!(report.is_sound(), "{report:?}");
    assert!(matches!(report.notes[..], [AuditNote::Finding { finding: Finding::HeadMissing, .. }]), "{report:?}");
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
    let look = |desk: &Desk, records: u64, confirmed: Option<i64>, both| {
        let today = confirmed.map(|ahead| (Timestamp::now() + days(ahead)).to_zoned(jiff::tz::TimeZone::UTC).date());
        let details = Details::default();
        let look =
            Look { verb: Verb::Export, records: records.into(), purpose: Some("a test"), details, over_budget: both };
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
    // Whoever has no key sees that, too: in the entry, and in the notes of a verification.
    let plain: Vec<_> = entries.iter().filter(|recording| recording.entry.date_confirmed).collect();
    assert!(matches!(plain[..], [one] if confirmed(one)));
    let noted = |note: &&AuditNote| matches!(note, AuditNote::DateConfirmed { .. });
    let verified = desk.verify();
    let notes: Vec<_> = verified.notes.iter().filter(noted).collect();
    let (index, day) = (plain[0].index.expect("signed"), plain[0].entry.day());
    assert_eq!(notes, [&AuditNote::DateConfirmed { index, day }]);

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
