//! Logs that only the holder of the key can make: well signed, and wrong. And one of a million entries.

use std::time::Instant;

use jiff::SignedDuration;
use tempfile::TempDir;

use super::super::egress::Budget;
use super::super::entry::month_of;
use super::super::keys::DetailKey;
use super::super::note::LogKey;
use super::super::tiles::Tiles;
use super::super::verify::{AuditFault, AuditReport, Verification, verify};
use super::*;
use crate::custody::{Egress, Passphrase, PassphraseCost, Policy, PurposeBudget};
use crate::seal::CustodyId;

struct Forger {
    folder: TempDir,
    keyring: Keyring,
    now: Timestamp,
}

impl Forger {
    fn new() -> Self {
        Self::with(Policy::default())
    }

    fn with(policy: Policy) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = Passphrase::new("correct horse battery staple".to_owned());
        let now = Timestamp::now();
        let keyring = Keyring::create(folder.path(), &passphrase, cost, policy, now).expect("made");
        Self { folder, keyring, now }
    }

    fn log(&self) -> AuditLog {
        AuditLog::of(self.folder.path())
    }

    /// Signs these leaves behind the log's beginning, whatever they say.
    fn sign(&self, leaves: impl IntoIterator<Item = Vec<u8>>) {
        let log = self.log();
        let (_lock, _) = log.lock(None).expect("locked");
        let mut writer = Writer::open(&log, &self.keyring, self.now, false).expect("opened");
        writer.new.extend(leaves);
        writer.finish().expect("signed");
    }

    fn verify(&self) -> AuditReport {
        let key = LogKey::of(self.keyring.verifying_key());
        let later = self.now + SignedDuration::from_hours(24 * 100);
        verify(self.log().folder(), &key, &Verification::default(), later).expect("verified")
    }

    fn faults_of(leaves: impl IntoIterator<Item = Vec<u8>>) -> Vec<AuditFault> {
        let forger = Self::new();
        forger.sign(leaves);
        forger.verify().faults
    }
}

fn open(hour: u32) -> Vec<u8> {
    Entry::new(Verb::Open, hour).bare()
}

#[test]
fn a_day_without_a_word_is_a_gap() {
    let hour = hour_of(Timestamp::now());
    let faults = Forger::faults_of([open(hour + 24), open(hour + 72)]);
    let [AuditFault::Gap { index: 2, from, to }] = faults[..] else { panic!("{faults:?}") };
    assert_eq!((from, to), (hour / 24 + 2, hour / 24 + 2));

    // A word that speaks of other days is none.
    let quiet = |first, last| Entry { quiet: Some((first, last)), ..Entry::new(Verb::Quiet, hour + 96) }.bare();
    let today = hour / 24;
    assert!(Forger::faults_of([quiet(today + 1, today + 3)]).is_empty());
    assert!(matches!(Forger::faults_of([quiet(today + 2, today + 3)])[..], [AuditFault::Gap { .. }]));
    assert!(matches!(Forger::faults_of([quiet(today + 1, today + 2)])[..], [AuditFault::Gap { .. }]));
}

#[test]
fn time_goes_back_only_where_an_entry_says_so() {
    let hour = hour_of(Timestamp::now());
    assert!(matches!(Forger::faults_of([open(hour + 2), open(hour + 1)])[..], [AuditFault::ClockBack { index: 2 }]));
    let said = Entry::new(Verb::Clock, hour + 1).bare();
    assert!(Forger::faults_of([open(hour + 2), said]).is_empty());
}

#[test]
fn a_leaf_that_is_no_entry_and_a_second_beginning_are_named() {
    assert!(matches!(Forger::faults_of([b"nonsense".to_vec()])[..], [AuditFault::Malformed { index: 1 }]));
    let begin = Entry::new(Verb::Begin, hour_of(Timestamp::now())).bare();
    assert!(matches!(Forger::faults_of([begin])[..], [AuditFault::Beginning { index: 1 }]));
}

/// Tags of earlier versions are of purposes folded without look-alikes: another day's budget must not come with a new version.
#[test]
fn what_an_earlier_version_wrote_today_counts_towards_its_purpose() {
    let purposes = vec![PurposeBudget { name: "Audit".to_owned(), records_per_day: 100 }];
    let egress = Egress { records_per_day: 500, purposes, listed_per_day: None };
    let forger = Forger::with(Policy { egress: Some(egress), ..Policy::default() });
    let log = forger.log();
    {
        let _lock = log.lock(None).expect("locked");
        let mut writer = Writer::open(&log, &forger.keyring, forger.now, false).expect("opened");
        let purpose = Some(writer.key.tag("audit"));
        let before = Entry { records: 100, purpose, ..Entry::new(Verb::Open, hour_of(forger.now)) };
        writer.new.push(before.bare());
        writer.finish().expect("signed");
    }
    let look = |records: u64, purpose| {
        let details = Details::default();
        let look =
            Look { verb: Verb::Open, records: records.into(), purpose: Some(purpose), details, over_budget: false };
        log.record(&forger.keyring, &look).expect("recorded").verdict
    };
    assert_eq!(
        [look(1, "audit"), look(1, "AUDIT"), look(1, "case 7")],
        [Verdict::Refused, Verdict::Refused, Verdict::Done]
    );
}

#[test]
fn details_moved_to_another_entry_do_not_open() {
    use super::super::Told;
    let forger = Forger::new();
    let log = forger.log();
    let lock = log.lock(None).expect("locked");
    let mut writer = Writer::open(&log, &forger.keyring, forger.now, false).expect("opened");
    let hour = hour_of(forger.now);
    let [one, two] = [1, 2].map(|records| Entry { records, month: Some(writer.month), ..Entry::new(Verb::Open, hour) });
    let genuine = one.sealed(&Details::default(), &writer.key, writer.custody);
    // The plain part of one with the sealed part of the other: both begin with the same bytes up to there.
    let other = two.sealed(&Details::default(), &writer.key, writer.custody);
    let plain = |bytes: &[u8]| bytes.len() - 256 - 72;
    let moved = [&genuine[..plain(&genuine)], &other[plain(&other)..]].concat();
    writer.new.extend([genuine, moved]);
    writer.finish().expect("signed");
    drop(lock);

    let reader = log.detail_reader(&forger.keyring).expect("a reader");
    let key = LogKey::of(forger.keyring.verifying_key());
    let told: Vec<_> = log.entries_since(&key, 0).expect("read").iter().map(|entry| reader.open(entry)).collect();
    assert!(matches!(told[1], Told::Details(_)) && told[2] == Told::Altered, "{told:?}");
}

#[test]
fn proofs_hold_between_all_sizes_of_a_small_tree_and_for_no_other_root() {
    let forger = Forger::new();
    let log = forger.log();
    let key = LogKey::of(forger.keyring.verifying_key());
    let hour = hour_of(forger.now);
    let mut earlier = Vec::new();
    for step in [1, 1, 2, 3, 7, 100, 141, 1, 1, 255, 300] {
        forger.sign((0..step).map(|_| open(hour)));
        let checkpoint = Checkpoint::verify(&log.note().expect("a note"), &key).expect("ours");
        let tree = Tiles::open(log.folder(), checkpoint).expect("whole");
        earlier.push(checkpoint);
        for &Checkpoint { size, root } in &earlier {
            assert!(tree.extends(Checkpoint { size, root }).expect("read"), "{size} of {}", checkpoint.size);
            assert_eq!(tree.root_at(size).expect("read"), root);
            let mut other = root;
            other[0] ^= 1;
            assert!(!tree.extends(Checkpoint { size, root: other }).expect("read"), "{size} of {}", checkpoint.size);
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2000), cut in 0usize..1400) {
        let key = DetailKey::generate();
        let checkpoint = Checkpoint { size: 1, root: [0; 32] };
        let head = Pending::head(checkpoint, Month::from_number(24_000), &key, CustodyId([1; 16]));
        let _ = Pending::parse(&bytes);
        let _ = Pending::parse(&[&head[..cut.min(head.len())], bytes.as_slice()].concat());
        let _ = Entry::from_bytes(&bytes);
        let _ = super::super::tiles::parse_bundle(&bytes);
        let _ = super::super::entry::open_details(&bytes, &key, CustodyId([1; 16]));
        let text = String::from_utf8_lossy(&bytes);
        let _ = LogKey::parse(&text);
        let _ = LogKey::parse(&format!("safelight/x+00000000+{text}"));
        let forger = super::super::note::LogKey::of(crate::custody::VerifyingKey([7; 32]));
        let _ = Checkpoint::verify(&bytes, &forger);
        let _ = Checkpoint::verify(format!("{}\n{text}\n\n\u{2014} {text}\n", forger.origin()).as_bytes(), &forger);
    }
}

/// Sums of what is in the log are kept, so that a look does not read all of its day; they say what reading it says, whatever
/// days entries claim.
#[test]
fn what_a_day_has_spent_is_the_same_with_its_sum_and_without() {
    let forger = Forger::new();
    let log = forger.log();
    let spent = |with_sum: bool| {
        let _lock = log.lock(None).expect("locked");
        let mut writer = Writer::open(&log, &forger.keyring, forger.now, false).expect("opened");
        let tags = [Some(writer.key.tag("a")), None];
        let kept = writer.spent.is_some();
        writer.spent = writer.spent.take().filter(|_| with_sum);
        let of = [Budget::Egress, Budget::Listing].map(|of| writer.spent(of, &tags).expect("added up"));
        (of, kept)
    };
    let tag = |purpose: &str| {
        let _lock = log.lock(None).expect("locked");
        Some(Writer::open(&log, &forger.keyring, forger.now, false).expect("opened").key.tag(purpose))
    };
    // With the month's key.
    forger.sign([]);
    let hour = hour_of(forger.now);
    let entry = |verb, hour, purpose, records| Entry { purpose, records, ..Entry::new(verb, hour) }.bare();
    let (a, b) = (tag("a"), tag("b"));
    let steps = [
        vec![entry(Verb::Open, hour - 24, a, 1000)],
        vec![entry(Verb::Open, hour, a, 1), entry(Verb::Export, hour, b, 20), entry(Verb::Search, hour, None, 0)],
        vec![entry(Verb::UnlockFailed, hour - 48, None, 1), entry(Verb::Identity, hour, a, 300)],
        vec![entry(Verb::Check, hour, None, 0)],
        vec![entry(Verb::UnlockFailed, hour - 48, None, 1)],
        vec![entry(Verb::Search, hour, None, 7)],
        // More than a bundle.
        vec![entry(Verb::Open, hour, b, 1); 300],
        // By a clock that was ahead, and put back: what claims a later day counts.
        vec![entry(Verb::Open, hour + 24, a, 5000), entry(Verb::Open, hour, a, 1)],
        vec![entry(Verb::Open, hour - 24, a, 1)],
        vec![entry(Verb::Open, hour, a, 2)],
    ];
    let mut sums = Vec::new();
    for step in steps {
        // As a look does under a budget.
        {
            let _lock = log.lock(None).expect("locked");
            let mut writer = Writer::open(&log, &forger.keyring, forger.now, false).expect("opened");
            writer.spent(Budget::Egress, &[]).expect("added up");
            writer.new.extend(step);
            writer.finish().expect("signed");
        }
        let (with, kept) = spent(true);
        assert_eq!(with, spent(false).0, "step {}", sums.len());
        sums.push((with, kept));
    }
    assert_eq!(sums[1].0, [(1, 21), (1, 1)]);
    assert_eq!(sums[6].0, [(301, 621), (8, 8)]);
    assert_eq!(sums[7].0[0], (5302, 5622));
    // An entry of no day, or of an earlier one, ends no sum of this day, nor does the first behind such a one.
    let kept: Vec<usize> = (0..sums.len()).filter(|&step| sums[step].1).collect();
    assert_eq!(kept, [2, 3, 5, 6, 7]);
}

#[test]
#[ignore = "measures: run with --ignored --nocapture"]
fn a_day_of_many_entries() {
    let egress = Egress { records_per_day: u64::MAX, purposes: Vec::new(), listed_per_day: None };
    let forger = Forger::with(Policy { egress: Some(egress), ..Policy::default() });
    let key = DetailKey::generate();
    for count in [0, 10_000, 90_000] {
        let entry =
            Entry { month: Some(month_of(forger.now)), records: 1, ..Entry::new(Verb::Open, hour_of(forger.now)) };
        let leaf = entry.sealed(&Details::default(), &key, forger.keyring.custody());
        forger.sign(std::iter::repeat_n(leaf, count));
        let look = Look {
            verb: Verb::Open,
            records: 1.into(),
            purpose: Some("x"),
            details: Details::default(),
            over_budget: false,
        };
        forger.log().record(&forger.keyring, &look).expect("recorded");
        let began = Instant::now();
        for _ in 0..100 {
            forger.log().record(&forger.keyring, &look).expect("recorded");
        }
        println!("append under a budget after {count} more: {:.2} ms", began.elapsed().as_secs_f64() * 10.0);
    }
}

#[test]
#[ignore = "measures: run with --ignored --nocapture"]
fn a_million_entries() {
    let forger = Forger::new();
    let hour = hour_of(forger.now);
    let began = Instant::now();
    let key = DetailKey::generate();
    let custody = forger.keyring.custody();
    let entry = Entry { month: Some(month_of(forger.now)), records: 1, ..Entry::new(Verb::Open, hour - 24) };
    let leaf = entry.sealed(&Details::default(), &key, custody);
    let first = Forger { now: forger.now - SignedDuration::from_hours(24), ..forger };
    first.sign(std::iter::repeat_n(leaf, 1_000_000));
    println!("written in one go: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    for _ in 0..100 {
        let details = Details::default();
        let look = Look { verb: Verb::Open, records: 1.into(), purpose: Some("x"), details, over_budget: false };
        first.log().record(&first.keyring, &look).expect("recorded");
    }
    println!("append, each: {:.2} ms", began.elapsed().as_secs_f64() * 10.0);
    let began = Instant::now();
    let report = first.verify();
    assert!(report.is_sound(), "{report:?}");
    println!("verify {} entries: {:.2} s", report.entries, began.elapsed().as_secs_f64());
}
