//! Every way in which a vault can be damaged or tampered with, by name, and the layer that must notice.
//!
//! *Noticed without keys* is what a fault of the disk or of a copy must meet. *Mended* cases have their trailer computed
//! anew, as somebody with bad intent would: the journal still notices without keys, and the named layer with them.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Custodian, capture, openly};
use safelight::audit::PermittedKeys;
use safelight::capture::Circumstances;
use safelight::custody::OpeningKeys;
use safelight::seal::{BodyError, Capability, SegmentId};
use safelight::vault::{
    Fault, HeaderError, JournalError, Note, OpenError, OpeningVault, Origin, SealError, SealingOptions, SealingVault,
    SectionError, Trust, check, check_deep,
};

const FIXED: usize = 48;
const ENTRY: usize = 1224;
const HEADER: usize = FIXED + 3 * ENTRY;

/// A vault with two segments of the same buckets and equal layout.
struct Sealed {
    custodian: Custodian,
    segments: [PathBuf; 2],
}

impl Sealed {
    fn new() -> Self {
        let custodian = Custodian::new();
        let mut vault =
            SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
        for number in [1, 2] {
            vault.append(capture(number, None)).expect("taken");
            vault.commit().expect("committed");
        }
        vault.finish().expect("closed");
        let files = common::files_below(&custodian.vault().join("segments"));
        let segments = files.try_into().expect("two segments");
        Self { custodian, segments }
    }

    fn vault(&self) -> PathBuf {
        self.custodian.vault()
    }

    fn keys(&self) -> OpeningKeys {
        self.custodian.keyring.opening_keys(&Capability::ALL)
    }

    fn openly(&self) -> PermittedKeys {
        openly(&self.custodian.keyring, &self.vault(), &Capability::ALL)
    }

    fn journal(&self) -> PathBuf {
        common::files_below(&self.vault().join("journals")).remove(0)
    }

    fn id(&self, segment: usize) -> SegmentId {
        let name = self.segments[segment].file_name().and_then(|name| name.to_str()).expect("a name");
        SegmentId::parse(name).expect("an id")
    }

    fn faults(&self) -> Vec<Fault> {
        check(&self.vault(), Trust::Nobody).expect("checked").faults
    }

    fn deep_faults(&self) -> Vec<Fault> {
        check_deep(&self.vault(), Trust::Nobody, &self.keys()).expect("checked").faults
    }
}

fn alter(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("read");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

/// As [`alter`], and computes the trailer anew.
fn alter_and_mend(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    alter(path, |bytes| {
        change(bytes);
        let content = bytes.len() - 32;
        let hash = blake3::hash(&bytes[..content]);
        bytes[content..].copy_from_slice(hash.as_bytes());
    });
}

/// Asserts that exactly one fault is found and that it is the expected one.
macro_rules! assert_fault {
    ($faults:expr, $name:expr, $pattern:pat) => {
        let faults = $faults;
        assert!(matches!(&faults[..], [$pattern]), "{}: {faults:?}", $name);
    };
}

#[test]
fn the_undamaged_vault_is_sound() {
    let sealed = Sealed::new();
    assert!(sealed.faults().is_empty());
    assert!(sealed.deep_faults().is_empty());
}

#[test]
fn any_flipped_bit_of_a_segment_is_noticed_without_keys() {
    let sealed = Sealed::new();
    let path = &sealed.segments[0];
    let len = fs::metadata(path).expect("metadata").len() as usize;
    let section = (len - HEADER - 32) / 3;
    // Every byte of the fixed part, some of each field of each entry, each section's salt, commitment, chunks and tags.
    let mut places: Vec<usize> = (0..FIXED).collect();
    for entry in 0..3 {
        let fields = [0, 1, 7, 8, 23, 24, 39, 40, 1159, 1160, 1207, 1208, 1215, 1216, 1223];
        places.extend(fields.map(|field| FIXED + entry * ENTRY + field));
        let start = HEADER + entry * section;
        places.extend([0, 23, 24, 55, 56, 16_000, 16_440, section - 17, section - 1].map(|at| start + at));
    }
    places.extend([len - 32, len - 1]);
    for at in places {
        alter(path, |bytes| bytes[at] ^= 0x10);
        assert_eq!(sealed.faults().len(), 1, "byte {at}");
        alter(path, |bytes| bytes[at] ^= 0x10);
    }
    assert!(sealed.faults().is_empty());
}

#[test]
fn a_segment_cut_or_extended_anywhere_is_noticed_without_keys() {
    let sealed = Sealed::new();
    let path = &sealed.segments[0];
    let whole = fs::read(path).expect("read");
    for len in [0, 1, 7, 8, 47, 48, 1000, HEADER - 1, HEADER, HEADER + 100, whole.len() - 32, whole.len() - 1] {
        fs::write(path, &whole[..len]).expect("written");
        let faults = sealed.faults();
        assert!(
            matches!(&faults[..], [Fault::Segment(OpenError::Header { .. } | OpenError::Length { .. })]),
            "{len}: {faults:?}"
        );
    }
    fs::write(path, [&whole[..], b"x"].concat()).expect("written");
    assert_fault!(sealed.faults(), "trailing byte", Fault::Segment(OpenError::Length { .. }));
}

#[test]
fn header_fields_are_judged_by_the_header_layer() {
    type Expected = fn(&HeaderError) -> bool;
    let cases: [(&str, usize, u8, Expected); 8] = [
        ("magic", 0, b'X', |e| matches!(e, HeaderError::NotASegment)),
        ("version", 8, 2, |e| matches!(e, HeaderError::Version { version: 2, suite: 1 })),
        ("suite", 10, 9, |e| matches!(e, HeaderError::Version { version: 1, suite: 9 })),
        ("header length", 12, 0, |e| matches!(e, HeaderError::Malformed { field: "length" })),
        ("no sections", 14, 0, |e| matches!(e, HeaderError::Malformed { field: "number of sections" })),
        ("four sections", 14, 4, |e| matches!(e, HeaderError::Malformed { field: "number of sections" })),
        ("unknown capability", FIXED, 3, |e| matches!(e, HeaderError::Malformed { field: "capability" })),
        ("repeated capability", FIXED + ENTRY, 0, |e| {
            matches!(e, HeaderError::Malformed { field: "order of capabilities" })
        }),
    ];
    let sealed = Sealed::new();
    for (name, at, value, expected) in cases {
        let before = fs::read(&sealed.segments[0]).expect("read");
        alter_and_mend(&sealed.segments[0], |bytes| bytes[at] = value);
        let faults = sealed.faults();
        let [Fault::Segment(OpenError::Header { source, .. })] = &faults[..] else { panic!("{name}: {faults:?}") };
        assert!(expected(source), "{name}: {source}");
        fs::write(&sealed.segments[0], before).expect("written");
    }
    // A gap or an overlap between sections could hide bytes or show one section as another.
    let offset = FIXED + ENTRY + 1208;
    alter_and_mend(&sealed.segments[0], |bytes| bytes[offset] ^= 1);
    assert_fault!(
        sealed.faults(),
        "offset",
        Fault::Segment(OpenError::Header { source: HeaderError::Malformed { field: "offset" }, .. })
    );
}

#[test]
fn a_mended_segment_is_replaced_to_the_journal_and_refused_by_the_right_layer() {
    type Expected = fn(&OpenError) -> bool;
    let envelope: Expected = |e| matches!(e, OpenError::Envelope { .. });
    let commitment: Expected =
        |e| matches!(e, OpenError::Section { source: SectionError::Body(BodyError::Commitment), .. });
    let altered: Expected =
        |e| matches!(e, OpenError::Section { source: SectionError::Body(BodyError::Altered { .. }), .. });
    let identity = FIXED + 2 * ENTRY;
    let cases: [(&str, usize, Expected); 8] = [
        ("bucket id", identity + 8, envelope),
        ("encapsulated key", identity + 40, envelope),
        ("wrapped key", identity + 1160, envelope),
        ("wrapped key's tag", identity + 1207, envelope),
        ("salt of the first section", HEADER, commitment),
        ("commitment of the first section", HEADER + 24, commitment),
        ("first chunk of the first section", HEADER + 60, altered),
        ("second chunk of the first section", HEADER + 56 + 16_400 + 5, altered),
    ];
    let sealed = Sealed::new();
    for (name, at, expected) in cases {
        let before = fs::read(&sealed.segments[0]).expect("read");
        alter_and_mend(&sealed.segments[0], |bytes| bytes[at] ^= 1);
        assert_fault!(sealed.faults(), name, Fault::Replaced { .. });
        let faults = sealed.deep_faults();
        assert!(
            faults.iter().any(|fault| matches!(fault, Fault::Segment(error) if expected(error))),
            "{name}: {faults:?}"
        );
        fs::write(&sealed.segments[0], before).expect("written");
    }
}

#[test]
fn a_key_id_that_was_altered_names_a_key_that_nobody_has() {
    let sealed = Sealed::new();
    alter_and_mend(&sealed.segments[0], |bytes| bytes[FIXED + 24] ^= 1);
    let opened =
        OpeningVault::open(&sealed.vault(), Trust::Nobody).expect("opens").captures(sealed.id(0), &sealed.openly());
    assert!(matches!(opened, Err(OpenError::NoKey { .. })));
}

#[test]
fn nothing_opens_at_another_place() {
    let sealed = Sealed::new();
    let [first, second] = sealed.segments.each_ref().map(|path| fs::read(path).expect("read"));
    assert_eq!(first.len(), second.len(), "the test moves parts between segments of one layout");
    let section = (first.len() - HEADER - 32) / 3;
    let sections = |capability: usize| HEADER + capability * section..HEADER + (capability + 1) * section;
    let keyed_part = |capability: usize| FIXED + capability * ENTRY + 8..FIXED + capability * ENTRY + 1208;

    type Move<'a> = Box<dyn Fn(&mut Vec<u8>) + 'a>;
    type Expected = fn(&OpenError) -> bool;
    let commitment: Expected =
        |e| matches!(e, OpenError::Section { source: SectionError::Body(BodyError::Commitment), .. });
    let cases: [(&str, Move<'_>, Expected); 4] = [
        (
            "sections swapped",
            Box::new(|bytes| {
                bytes[sections(0)].copy_from_slice(&first[sections(1)]);
                bytes[sections(1)].copy_from_slice(&first[sections(0)]);
            }),
            commitment,
        ),
        (
            "envelopes swapped between capabilities",
            Box::new(|bytes| {
                bytes[keyed_part(0)].copy_from_slice(&first[keyed_part(1)]);
                bytes[keyed_part(1)].copy_from_slice(&first[keyed_part(0)]);
            }),
            |e| matches!(e, OpenError::Envelope { .. }),
        ),
        (
            "envelope of another segment",
            Box::new(|bytes| bytes[keyed_part(0)].copy_from_slice(&second[keyed_part(0)])),
            |e| matches!(e, OpenError::Envelope { .. }),
        ),
        (
            "section of another segment",
            Box::new(|bytes| bytes[sections(0)].copy_from_slice(&second[sections(0)])),
            commitment,
        ),
    ];
    for (name, change, expected) in cases {
        alter_and_mend(&sealed.segments[0], |bytes| change(bytes));
        assert_fault!(sealed.faults(), name, Fault::Replaced { .. });
        let opened =
            OpeningVault::open(&sealed.vault(), Trust::Nobody).expect("opens").captures(sealed.id(0), &sealed.openly());
        let error = opened.expect_err(name);
        assert!(expected(&error), "{name}: {error}");
        fs::write(&sealed.segments[0], &first).expect("written");
    }
}

#[test]
fn segments_that_went_or_came_are_named() {
    let sealed = Sealed::new();
    let [first, second] = &sealed.segments;
    let elsewhere = sealed.custodian.folder.path().join("elsewhere");

    fs::rename(first, &elsewhere).expect("moved away");
    let gone = sealed.id(0);
    assert!(matches!(&sealed.faults()[..], [Fault::Missing { segment }] if *segment == gone));
    fs::copy(&elsewhere, first).expect("brought back");
    assert!(sealed.faults().is_empty());

    // One under the other's name: nothing is missing, and yet a segment is.
    fs::copy(second, first).expect("copied over");
    let first_id = sealed.id(0);
    assert!(matches!(&sealed.faults()[..], [Fault::Segment(OpenError::Misnamed { named, .. })] if *named == first_id));
    fs::copy(&elsewhere, first).expect("brought back");

    let invented = sealed.vault().join("segments").join(SegmentId([7; 16]).to_string());
    fs::copy(second, &invented).expect("copied");
    let faults = sealed.faults();
    assert!(
        matches!(&faults[..], [Fault::Unjournalled { .. }, Fault::Segment(OpenError::Misnamed { .. })]),
        "{faults:?}"
    );
    fs::remove_file(&invented).expect("removed");

    let stranger = sealed.vault().join("segments").join("notes.txt");
    fs::write(&stranger, b"hello").expect("written");
    assert_fault!(sealed.faults(), "stranger", Fault::Stranger { .. });
    fs::remove_file(&stranger).expect("removed");

    let other = Sealed::new();
    let theirs = sealed.vault().join("segments").join(other.id(0).to_string());
    fs::copy(&other.segments[0], &theirs).expect("copied");
    let faults = sealed.faults();
    assert!(
        matches!(&faults[..], [Fault::Unjournalled { .. }, Fault::Segment(OpenError::ForeignSegment { .. })]),
        "{faults:?}"
    );
}

#[test]
fn a_journal_that_was_altered_cut_or_lost_is_named() {
    let sealed = Sealed::new();
    let journal = sealed.journal();
    let whole = fs::read(&journal).expect("read");
    let reopened =
        || SealingVault::open(&sealed.vault(), &sealed.custodian.pack, SealingOptions::default()).map(|_| ());

    // In the first frame: anybody notices, and the site refuses to go on.
    for at in [80, 84, 90, 110, 140, 80 + 56 + 64 * 16] {
        alter(&journal, |bytes| bytes[at] ^= 1);
        let faults = sealed.faults();
        let noticed = faults.iter().any(|fault| {
            matches!(fault, Fault::Journal { source: JournalError::Damaged { .. }, .. } | Fault::Unjournalled { .. })
        });
        assert!(noticed, "byte {at}: {faults:?}");
        assert!(matches!(reopened(), Err(SealError::Journal { .. } | SealError::Unjournalled { .. })), "byte {at}");
        fs::write(&journal, &whole).expect("written");
    }

    // Only the site notices that a MAC is wrong: the first frame's is the 32 bytes after its chain.
    let mac = 80 + 56 + 64 * 16 + 32;
    alter(&journal, |bytes| bytes[mac] ^= 1);
    assert!(sealed.faults().is_empty());
    assert!(matches!(reopened(), Err(SealError::Journal { source: JournalError::Forged { at: 80 }, .. })));
    fs::write(&journal, &whole).expect("written");

    // An earlier state put back: the second segment is in no journal any more.
    let first_two_frames = 80 + (56 + 64 * 16 + 64) + (56 + 64);
    fs::write(&journal, &whole[..first_two_frames]).expect("written");
    assert_fault!(sealed.faults(), "rolled back", Fault::Unjournalled { .. });
    assert!(matches!(reopened(), Err(SealError::Unjournalled { count: 1, .. })));

    fs::remove_file(&journal).expect("removed");
    assert!(matches!(&sealed.faults()[..], [Fault::Unjournalled { .. }, Fault::Unjournalled { .. }]));
    let options = SealingOptions { adopt_unjournalled: true, ..SealingOptions::default() };
    let vault = SealingVault::open(&sealed.vault(), &sealed.custodian.pack, options).expect("adopted");
    vault.finish().expect("closed");
    assert!(sealed.faults().is_empty());
    assert!(sealed.deep_faults().is_empty());
}

#[test]
fn a_torn_end_of_the_journal_is_a_note_and_the_next_run_cuts_it() {
    let sealed = Sealed::new();
    let journal = sealed.journal();
    let whole = fs::read(&journal).expect("read");
    // A note of a commit and the intent behind it are synced together: a power cut may take of the first and leave the other.
    let (note, intent) = (&whole[1224..1344], &whole[1344..2488]);
    let two = [[note, intent].concat(), [&note[..56], &[0; 64], &intent[..700]].concat()];
    let garbage = b"\x01\0\0\0\x40\0\0\0 and then garbage";
    // Its last bytes may be a sector of their own.
    fs::write(&journal, [&whole[..whole.len() - 16], &[0; 16]].concat()).expect("written");
    let vault = SealingVault::open(&sealed.vault(), &sealed.custodian.pack, SealingOptions::default());
    vault.expect("the torn end is cut").finish().expect("closed");
    assert_eq!(fs::read(&journal).expect("read"), whole, "what became of the segment is noted again");
    for torn in [&b"\x01"[..], &[0; 200], &whole[80..1000], garbage, &two[0], &two[1]] {
        fs::write(&journal, [&whole[..], torn].concat()).expect("written");
        let report = check(&sealed.vault(), Trust::Nobody).expect("checked");
        assert!(report.is_sound(), "{:?}", report.faults);
        assert!(matches!(&report.notes[..], [Note::Interrupted { .. }]), "{:?}", report.notes);
        let vault = SealingVault::open(&sealed.vault(), &sealed.custodian.pack, SealingOptions::default());
        let vault = vault.expect("the torn end is cut");
        let known = capture(1, None).identity;
        assert!(vault.knows(&Origin::new(known.blake3, &Circumstances::default(), &known.source_name)));
        vault.finish().expect("closed");
        assert!(check(&sealed.vault(), Trust::Nobody).expect("checked").notes.is_empty());
        assert_eq!(fs::read(&journal).expect("read"), whole);
    }
}

#[test]
fn a_damaged_card_is_refused_by_every_door() {
    let sealed = Sealed::new();
    let card = sealed.vault().join("vault");
    for at in [0, 9, 12, 20, 40, 95] {
        alter(&card, |bytes| bytes[at] ^= 4);
        assert!(matches!(check(&sealed.vault(), Trust::Nobody), Err(OpenError::Card(_))), "byte {at}");
        let reopened = SealingVault::open(&sealed.vault(), &sealed.custodian.pack, SealingOptions::default());
        assert!(matches!(reopened, Err(SealError::Card(_))), "byte {at}");
        alter(&card, |bytes| bytes[at] ^= 4);
    }
}

#[test]
fn keys_of_another_custodian_open_nothing() {
    let (sealed, other) = (Sealed::new(), Sealed::new());
    let vault = OpeningVault::open(&sealed.vault(), Trust::Nobody).expect("opens");
    assert!(matches!(vault.captures(sealed.id(0), &other.openly()), Err(OpenError::NoKey { .. })));
    let report = check_deep(&sealed.vault(), Trust::Nobody, &other.keys()).expect("checked");
    // Nothing is known of what was not opened.
    let faults = &report.faults[..];
    assert!(matches!(faults, [Fault::UnknownJournal { .. }, Fault::NothingOpens { sections: 6 }]), "{faults:?}");
    assert_eq!((report.captures, report.notes.len()), (0, 6));
}
