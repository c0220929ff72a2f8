//! The whole pipeline with fake eyes and a fake sink.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::capture::{Candidate, PlateText, Reading, Region, RegionKind};
use crate::frame::tests::{jpeg, picture};
use crate::frame::{Frame, GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Rect};
use crate::jpeg::tests::{TableKind, drawn};
use crate::pseudonym::{Domain, EpochKeys, PseudonymRoot};
use crate::redact::{FILL, Method, restore};
use crate::vault::record::{CaptureRecord, Status};
use crate::vault::{Holding, Origin};
use crate::vision::{Found, Seen};

mod mask;

/// Sees a plate in the top left quarter and a face in the bottom right one.
struct FakeEyes;

const PLATE: Rect = Rect::new(8.0, 8.0, 40.0, 12.0);
const CAPTION: Rect = Rect::new(4.0, 60.0, 50.0, 9.0);
const FACE: Rect = Rect::new(70.0, 50.0, 20.0, 24.0);

impl Look for FakeEyes {
    fn look(&mut self, _frame: &Frame, _stages: &mut Stages) -> Seen {
        let text = |text| PlateText::canonical(text).unwrap();
        let candidates = vec![
            Candidate { text: text("ABC1234"), probability: 0.75 },
            Candidate { text: text("A8C1234"), probability: 0.125 },
        ];
        let regions = [
            Region { kind: RegionKind::Plate, bounds: PLATE, score: 0.9, reading: Some(Reading { candidates }) },
            Region { kind: RegionKind::Face, bounds: FACE, score: 0.8, reading: None },
            // Outside of the picture, or no box at all.
            Region { kind: RegionKind::Face, bounds: Rect::new(500.0, 0.0, 9.0, 9.0), score: 0.1, reading: None },
            Region { kind: RegionKind::Face, bounds: Rect::new(f32::NAN, 0.0, 9.0, 9.0), score: 0.1, reading: None },
        ];
        let found = regions.map(|region| Found { wide: region.bounds.grown(2.0, 2.0), region, oval: false });
        Seen { found: found.into(), lettering: vec![CAPTION] }
    }
}

fn fake_eyes<'e>() -> Box<dyn Look + 'e> {
    Box::new(FakeEyes)
}

/// Keeps what is committed.
#[derive(Default)]
struct FakeSink {
    known: FakeKnown,
    open: Vec<CaptureRecord>,
    waiting: Vec<[u8; 32]>,
    committed: Vec<CaptureRecord>,
    commits: usize,
    /// Appends until the disk is full.
    room: Option<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("no space left")]
struct Full;

/// By capture, the file that was the first, and whether it was unreadable; and the captures that are committed.
#[derive(Clone, Default)]
struct FakeKnown(Arc<Mutex<Firsts>>, Arc<Mutex<HashSet<[u8; 32]>>>);

type Firsts = HashMap<[u8; 32], (Origin, bool)>;

impl FakeKnown {
    fn first(&self, origin: &Origin) -> Option<(Origin, bool)> {
        self.0.lock().unwrap().get(&origin.capture()).cloned()
    }
}

impl Known for FakeKnown {
    fn knows(&self, origin: &Origin) -> bool {
        self.first(origin).is_some()
    }

    fn proves(&self, origin: &Origin) -> bool {
        self.knows(origin)
    }

    fn is_copy(&self, origin: &Origin) -> bool {
        self.first(origin).is_some_and(|(first, _)| first != *origin)
    }

    fn is_durable(&self, origin: &Origin) -> bool {
        self.1.lock().unwrap().contains(&origin.capture())
    }

    fn is_unreadable(&self, origin: &Origin) -> bool {
        self.first(origin).is_some_and(|(_, unreadable)| unreadable)
    }

    fn lost(&self, _: &Origin) -> bool {
        false
    }

    fn is_in_otherwise(&self, _: &Origin) -> bool {
        false
    }

    fn holding(&self, origin: &Origin) -> Holding {
        match self.first(origin) {
            None => Holding::None,
            Some((first, _)) if first != *origin => Holding::Copy,
            Some((_, true)) => Holding::Unreadable,
            Some((_, false)) => Holding::Examined,
        }
    }
}

impl RecordSink for FakeSink {
    type Error = Full;
    type Known = FakeKnown;

    fn known(&self) -> Self::Known {
        self.known.clone()
    }

    fn append(&mut self, record: CaptureRecord, origin: &Origin) -> Result<(), Full> {
        if self.room.is_some_and(|room| self.committed.len() + self.open.len() >= room) {
            return Err(Full);
        }
        let unreadable = record.catalogue.status == Status::Unreadable;
        self.known.0.lock().unwrap().entry(origin.capture()).or_insert_with(|| (origin.clone(), unreadable));
        self.open.push(record);
        self.waiting.push(origin.capture());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Full> {
        self.commits += 1;
        self.committed.append(&mut self.open);
        self.known.1.lock().unwrap().extend(self.waiting.drain(..));
        Ok(())
    }

    fn committed(&self) -> u64 {
        self.committed.len() as u64
    }
}

impl FakeSink {
    fn names(&self) -> Vec<String> {
        self.committed.iter().map(|r| String::from_utf8_lossy(&r.identity.source_name).into_owned()).collect()
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn note(&self, path: &Path, note: &Note) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        self.0.lock().unwrap().push(format!("{name}: {note}"));
    }
}

struct Run {
    keys: EpochKeys,
    options: Options,
    heard: Heard,
    stop: AtomicBool,
}

impl Run {
    fn new(workers: usize) -> Self {
        let keys = PseudonymRoot::from_bytes(&[7; 32]).keys(Domain::HOME, 3);
        let options = Options { workers: NonZeroUsize::new(workers).unwrap(), ..Options::default() };
        Self { keys, options, heard: Heard::default(), stop: AtomicBool::new(false) }
    }

    fn ingest<'a>(
        &'a self,
        folder: &Path,
        sink: &mut FakeSink,
        eyes: &'a EyesFactory<'a>,
    ) -> Result<Summary, IngestError<Full>> {
        let Self { keys, options, heard, stop } = self;
        let mut source = Source::open(folder, None).unwrap();
        Ingest { keys, site: "SITE", eyes, options, progress: heard, stop }.run(&mut source, sink)
    }

    fn heard(self) -> Vec<String> {
        self.heard.0.into_inner().unwrap()
    }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// A different picture for each `n`.
fn photo(n: u32) -> Vec<u8> {
    jpeg(&picture(100 + n, 80), |_| {})
}

fn luma(file: &[u8]) -> GrayPlane {
    Frame::decode(file, &crate::frame::Limits::default()).unwrap().reduced(1).into_owned()
}

#[test]
fn a_capture_holds_what_was_seen_and_gives_back_the_original() {
    let original = photo(0);
    let table = "file,lane,timestamp\nlane/a.jpg,7,2019-05-13T08:00:00.5Z\n";
    let folder = folder(&[("lane/a.jpg", &original), ("captures.csv", table.as_bytes())]);
    let (run, mut sink) = (Run::new(1), FakeSink::default());
    let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((summary.images, summary.sealed, summary.regions, summary.ignored), (1, 1, 2, 0));
    assert!(summary.all_went_well() && summary.bytes_in == original.len() as u64);

    let CaptureRecord { catalogue, scene, identity } = sink.committed.pop().unwrap();
    let scene = scene.unwrap();
    assert!(catalogue.id == scene.id && catalogue.id == identity.id);
    assert_eq!((catalogue.status, catalogue.width, catalogue.height, catalogue.epoch), (Status::Examined, 100, 80, 3));
    assert_eq!((catalogue.site.as_deref(), catalogue.lane.as_deref()), (Some("SITE"), Some("7")));
    assert_eq!(catalogue.captured_at, Some(1_557_734_400_500));

    let [plate, face] = catalogue.regions.as_slice() else { panic!("two regions") };
    assert_eq!((plate.kind, plate.bounds, plate.score), (0, [8, 8, 40, 12], 90));
    let texts = ["ABC1234", "A8C1234"].map(|text| run.keys.plate(&PlateText::canonical(text).unwrap()).0);
    assert_eq!(
        plate.pseudonyms.iter().map(|p| (p.value, p.probability)).collect::<Vec<_>>(),
        [(texts[0], 75), (texts[1], 13)]
    );
    assert_eq!((face.kind, face.bounds, face.pseudonyms.len()), (1, [70, 50, 20, 24], 1));
    assert_eq!((identity.plates.len(), identity.plates[0].region), (1, 0));
    assert_eq!(identity.plates[0].texts, ["ABC1234", "A8C1234"]);
    assert_eq!(identity.source_name, b"lane/a.jpg");

    let shown = luma(&scene.file);
    for (x, y) in [(8, 8), (47, 19), (70, 50), (89, 73)] {
        assert_eq!(shown.data[y * 100 + x], FILL);
    }
    let digest = *blake3::hash(&original).as_bytes();
    assert_eq!(identity.blake3, digest);
    let shown = Some(scene.file.as_slice());
    assert!(restore(identity.method, shown, &identity.removed, &digest).unwrap() == original);
}

/// What is blank on account of the regions of a record.
fn blank(record: &CaptureRecord) -> Vec<PixelRect> {
    let area = |[x, y, w, h]: [i32; 4]| PixelRect::new(x as u32, y as u32, w as u32, h as u32);
    record.catalogue.regions.iter().map(|region| area(region.blank.unwrap())).collect()
}

#[test]
fn jpegs_of_every_kind_keep_their_other_pixels_and_come_back() {
    use jpeg_encoder::SamplingFactor::*;
    let rgb = picture(131, 93);
    let mut photos = Vec::new();
    for (name, factor) in [("444", F_1_1), ("422", F_2_1), ("440", F_1_2), ("420", F_2_2)] {
        for interval in [0, 1, 5] {
            let file = jpeg(&rgb, |e| {
                e.set_sampling_factor(factor);
                e.set_restart_interval(interval);
                e.set_quality(if interval == 5 { 35 } else { 92 });
                e.add_exif_metadata(b"MM\0\x2a a camera's serial number").unwrap();
            });
            photos.push((format!("{name}-{interval}.jpg"), [&file[..], b"behind the end"].concat()));
        }
    }
    for (name, sampling) in
        [("411", vec![(4, 1), (1, 1), (1, 1)]), ("420", vec![(2, 2), (1, 1), (1, 1)]), ("400", vec![(1, 1)])]
    {
        for (kind, tables) in [("standard", TableKind::All), ("optimised", TableKind::Optimal)] {
            photos.push((format!("{name}-{kind}.jpg"), drawn((131, 93), &sampling, 3, tables)));
        }
    }
    let spliced = photos.len();
    photos.push(("progressive.jpg".to_owned(), jpeg(&rgb, |e| e.set_progressive(true))));
    photos.push(("scans.jpg".to_owned(), {
        jpeg(&picture(128, 90), |e| {
            e.set_sampling_factor(F_2_1);
            e.set_optimized_huffman_tables(true);
        })
    }));
    photos.sort();
    let files: Vec<(&str, &[u8])> = photos.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let folder = folder(&files);
    let (run, mut sink) = (Run::new(2), FakeSink::default());
    let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((summary.spliced, summary.recoded, summary.unreadable), (spliced as u64, 2, 0));
    for (record, (name, original)) in sink.committed.iter().zip(&files) {
        let scene = &record.scene.as_ref().unwrap().file;
        let identity = &record.identity;
        let restored = restore(identity.method, Some(scene), &identity.removed, &identity.blake3).unwrap();
        assert!(restored == *original, "{name}");
        assert!(!scene.windows(6).any(|w| w == b"camera"), "{name}");
        let areas = blank(record);
        assert_eq!(areas.len(), 2);
        if identity.method == Method::Whole.code() {
            continue;
        }
        let decoded = |file: &[u8]| {
            let frame = Frame::decode(file, &crate::frame::Limits::default()).unwrap();
            frame.into_picture(file).unwrap().reduced(1).into_owned()
        };
        let (before, after) = (decoded(original), decoded(scene));
        for (i, (&was, &is)) in before.data.iter().zip(&after.data).enumerate() {
            let (x, y) = (i as u32 % before.size.width, i as u32 / before.size.width);
            let expected = if areas.iter().any(|area| area.contains(x, y)) { FILL } else { was };
            assert_eq!(is, expected, "{name} at {x}, {y}");
        }
    }
}

#[test]
fn a_face_token_links_exact_copies_of_the_crop() {
    let plain = photo(0);
    let with_trailer = [plain.as_slice(), b"another file, the same picture"].concat();
    let folder = folder(&[("a.jpg", &plain), ("b.jpg", &with_trailer), ("c.jpg", &photo(1))]);
    let (run, mut sink) = (Run::new(2), FakeSink::default());
    run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    let token = |i: usize| sink.committed[i].catalogue.regions[1].pseudonyms[0].value;
    assert!(token(0) == token(1) && token(0) != token(2));
}

#[test]
fn one_worker_and_many_give_the_same() {
    let photos: Vec<(String, Vec<u8>)> = (0..24).map(|n| (format!("{n:02}.jpg"), photo(n % 20))).collect();
    let files: Vec<(&str, &[u8])> = photos.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let folder = folder(&files);
    let results = [1, 2, 5].map(|workers| {
        let (run, mut sink) = (Run::new(workers), FakeSink::default());
        let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
        assert_eq!((summary.images, summary.sealed, summary.skipped), (24, 20, 4), "{workers} workers");
        let records = sink.committed.into_iter();
        records
            .map(|r| (r.identity.source_name.clone(), r.scene.unwrap().file, r.catalogue.regions))
            .collect::<Vec<_>>()
    });
    assert!(results[0] == results[1] && results[0] == results[2]);
    assert!(results[0].iter().map(|(name, ..)| name).is_sorted());
}

#[test]
fn what_cannot_be_examined_is_sealed_whole_and_shows_nothing() {
    let good = photo(0);
    let files: [(&str, &[u8]); 4] =
        [("cut.jpg", &good[..good.len() / 2]), ("empty.png", b""), ("good.jpg", &good), ("text.jpg", b"a letter")];
    let folder = folder(&files);
    let (run, mut sink) = (Run::new(2), FakeSink::default());
    let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((summary.sealed, summary.unreadable, summary.failed), (4, 3, 0));
    assert!(!summary.all_went_well());
    for (record, (name, bytes)) in sink.committed.iter().zip(files) {
        assert_eq!(record.identity.source_name, name.as_bytes());
        if name != "good.jpg" {
            assert_eq!(record.identity.removed, bytes);
            assert_eq!((record.catalogue.status, record.catalogue.width), (Status::Unreadable, 0));
            assert!(record.scene.is_none() && record.catalogue.regions.is_empty());
        }
    }
    let names = run.heard();
    assert_eq!(names, ["cut.jpg", "empty.png", "text.jpg"].map(|name| format!("{name}: cannot be examined")));
}

#[test]
fn a_panic_of_the_eyes_costs_one_scene_and_nothing_else() {
    struct Fragile(Cell<bool>);
    impl Look for Fragile {
        fn look(&mut self, frame: &Frame, stages: &mut Stages) -> Seen {
            assert!(!self.0.get(), "used after it broke");
            self.0.set(frame.size().width == 101);
            assert!(!self.0.get(), "breaks on this picture");
            FakeEyes.look(frame, stages)
        }
    }
    let folder = folder(&[("0.jpg", &photo(0)), ("1.jpg", &photo(1)), ("2.jpg", &photo(2))]);
    let (run, mut sink) = (Run::new(1), FakeSink::default());
    let summary = run.ingest(folder.path(), &mut sink, &|| Box::new(Fragile(Cell::new(false)))).unwrap();
    assert_eq!((summary.sealed, summary.unreadable), (3, 1));
    assert!(sink.committed[1].scene.is_none() && sink.committed[1].identity.removed == photo(1));
    assert!(sink.committed[2].scene.is_some());
}

#[test]
fn a_second_run_skips_what_the_first_committed() {
    let folder = folder(&[("a.jpg", &photo(0)), ("b.jpg", &photo(1)), ("copy-of-a.jpg", &photo(0))]);
    let mut sink = FakeSink::default();
    let first = Run::new(3).ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((first.sealed, first.skipped), (2, 1));
    fs::write(folder.path().join("c.jpg"), photo(2)).unwrap();
    let second = Run::new(3).ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((second.images, second.sealed, second.skipped), (4, 1, 3));
    assert_eq!(sink.names(), ["a.jpg", "b.jpg", "c.jpg"]);

    let mut again = Run::new(2);
    again.options.allow_duplicates = true;
    assert_eq!(again.ingest(folder.path(), &mut sink, &fake_eyes).unwrap().sealed, 4);
}

fn left(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| PathBuf::from(e.unwrap().file_name())).collect();
    names.sort();
    names
}

/// Deletes at once, whatever the age.
fn at_once(unreadable: bool) -> Option<Consume> {
    Some(Consume { min_age: std::time::Duration::ZERO, unreadable })
}

#[test]
fn consuming_deletes_exactly_what_is_committed_and_examined() {
    let files: [(&str, &[u8]); 5] =
        [("a.jpg", &photo(0)), ("b.jpg", &photo(1)), ("c.jpg", &photo(0)), ("d.jpg", b"?"), ("notes.txt", b"keep")];
    for (unreadable, stay) in [(false, ["c.jpg", "d.jpg", "notes.txt"].as_slice()), (true, &["c.jpg", "notes.txt"])] {
        let folder = folder(&files);
        let mut run = Run::new(2);
        run.options.consume = at_once(unreadable);
        let mut sink = FakeSink::default();
        let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
        let gone = 5 - stay.len() as u64;
        assert_eq!((summary.sealed, summary.consumed, summary.not_consumed), (3, gone, 4 - gone));
        assert_eq!(summary.copies, 1);
        assert_eq!(left(folder.path()), stay.iter().map(PathBuf::from).collect::<Vec<_>>());
    }
}

#[test]
fn the_same_bytes_in_two_rows_are_two_captures() {
    let table = "file,lane,timestamp\n\
        a.jpg,1,2019-05-13T08:00:00Z\nb.jpg,1,2019-05-13T08:00:07Z\nc.jpg,2,2019-05-13T08:00:00Z\n";
    let same = photo(0);
    let folder = folder(&[("a.jpg", &same), ("b.jpg", &same), ("c.jpg", &same), ("captures.csv", table.as_bytes())]);
    for workers in [1, 3] {
        let (run, mut sink) = (Run::new(workers), FakeSink::default());
        let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
        assert_eq!((summary.sealed, summary.skipped, summary.copies), (3, 0, 0), "{workers} workers");
        let again = Run::new(workers).ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
        assert_eq!((again.sealed, again.skipped, again.copies), (0, 3, 0), "{workers} workers");
    }
}

#[test]
fn what_could_not_be_examined_is_named_whenever_it_is_met() {
    let folder = folder(&[("a.jpg", &photo(0)), ("b.jpg", b"?")]);
    let mut sink = FakeSink::default();
    Run::new(1).ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    let again = Run::new(1);
    let summary = again.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((summary.skipped, summary.known_unreadable, summary.all_went_well()), (2, 1, false));
    assert_eq!(again.heard(), ["b.jpg: sealed before, and could not be examined then"]);
}

#[test]
fn a_full_sink_ends_the_run_and_no_uncommitted_file_is_deleted() {
    let photos: Vec<(String, Vec<u8>)> = (0..12).map(|n| (format!("{n:02}.jpg"), photo(n))).collect();
    let files: Vec<(&str, &[u8])> = photos.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let folder = folder(&files);
    let mut run = Run::new(3);
    run.options.consume = at_once(true);
    // A commit after every image.
    run.options.commit_bytes = 1;
    let mut sink = FakeSink { room: Some(5), ..FakeSink::default() };
    let Err(IngestError::Seal { committed, summary, .. }) = run.ingest(folder.path(), &mut sink, &fake_eyes) else {
        panic!("a full sink must end the run")
    };
    assert_eq!((committed, summary.sealed, summary.consumed, sink.committed.len()), (5, 5, 5, 5));
    let all = left(folder.path());
    assert_eq!(all.len(), 7);
    assert_eq!(all[0], Path::new("05.jpg"));
}

#[test]
fn stopping_commits_what_was_taken() {
    let photos: Vec<(String, Vec<u8>)> = (0..30).map(|n| (format!("{n:02}.jpg"), photo(n))).collect();
    let files: Vec<(&str, &[u8])> = photos.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let folder = folder(&files);
    let run = Run::new(2);
    let seen = AtomicU32::new(0);
    struct Stopping<'s>(&'s AtomicU32, &'s AtomicBool);
    impl Look for Stopping<'_> {
        fn look(&mut self, frame: &Frame, stages: &mut Stages) -> Seen {
            if self.0.fetch_add(1, Ordering::SeqCst) == 7 {
                self.1.store(true, Ordering::SeqCst);
            }
            FakeEyes.look(frame, stages)
        }
    }
    let mut sink = FakeSink::default();
    let summary = run.ingest(folder.path(), &mut sink, &|| Box::new(Stopping(&seen, &run.stop))).unwrap();
    assert!(summary.interrupted && (8..=10).contains(&summary.sealed), "{}", summary.sealed);
    assert_eq!(sink.committed.len() as u64, summary.sealed);
    // The rest follows when it is run again.
    let rest = Run::new(2).ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    assert_eq!((rest.sealed + summary.sealed, rest.skipped), (30, summary.sealed));
    assert!(!rest.interrupted);
}

#[cfg(unix)]
#[test]
fn odd_folders_are_walked_with_care() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let folder = folder(&[
        ("dir.jpg/inside.JPG", &photo(0)),
        ("no-extension", &photo(1)),
        ("readme.md", b"text"),
        ("truth.jsonl", br#"{"path":"a.jpg","width":8,"height":8,"regions":[],"ignore":[]}"#),
    ]);
    let path = folder.path();
    fs::write(path.join(OsStr::from_bytes(b"not-\xFF-utf8.jpg")), photo(2)).unwrap();
    symlink("..", path.join("dir.jpg/loop")).unwrap();
    symlink("nowhere", path.join("broken.jpg")).unwrap();
    let _socket = UnixListener::bind(path.join("socket.jpg")).unwrap();
    let (run, mut sink) = (Run::new(2), FakeSink::default());
    let summary = run.ingest(path, &mut sink, &fake_eyes).unwrap();
    assert_eq!((summary.images, summary.sealed, summary.failed, summary.ignored), (3, 3, 2, 1));
    assert_eq!(run.heard(), ["broken.jpg: skipped", "loop: skipped", "socket.jpg: skipped"]);
    let names: Vec<&[u8]> = sink.committed.iter().map(|r| r.identity.source_name.as_slice()).collect();
    assert_eq!(names, [b"dir.jpg/inside.JPG".as_slice(), b"no-extension", b"not-\xFF-utf8.jpg"]);
}

#[test]
fn a_file_longer_than_the_limit_is_left_where_it_is() {
    let folder = folder(&[("long.jpg", &photo(0)), ("short.jpg", b"?")]);
    let mut run = Run::new(1);
    run.options.max_file_bytes = 10;
    run.options.consume = at_once(true);
    let summary = run.ingest(folder.path(), &mut FakeSink::default(), &fake_eyes).unwrap();
    assert_eq!((summary.failed, summary.sealed), (1, 1));
    assert_eq!(left(folder.path()), [Path::new("long.jpg")]);
    assert_eq!(run.heard(), ["long.jpg: not sealed", "short.jpg: cannot be examined"]);
}

#[test]
fn inspecting_keeps_the_order_and_reports_faults() {
    let folder = folder(&[("a.jpg", &photo(3)), ("b.jpg", b"?"), ("c.jpg", &photo(4))]);
    let mut source = Source::open(folder.path(), None).unwrap();
    let mut seen = Vec::new();
    let stop = AtomicBool::new(false);
    inspect(
        &mut source,
        &fake_eyes,
        &Options::default(),
        &stop,
        |_, examined| examined.frame.size().width,
        |inspected| {
            seen.push(inspected.result.map_err(|note| note.to_string()));
            Ok::<_, Full>(())
        },
    )
    .unwrap();
    assert_eq!(seen, [Ok(103), Err("cannot be examined".to_owned()), Ok(104)]);
}
