//! The plan, with a detector that says what it is told and counts how often it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::testing::{Picture, with_text};
use super::super::{Detector, Margin, Reader};
use super::*;
use crate::capture::{Candidate, PlateText, Reading};

const FACE: Detection = Detection { kind: RegionKind::Face, bounds: Rect::new(10.0, 20.0, 30.0, 40.0), score: 0.999 };

/// Sees the same in every view.
#[derive(Default)]
struct Says {
    found: Vec<Detection>,
    glimpsed: Vec<Detection>,
    had_candidates: bool,
    looks: Arc<AtomicUsize>,
    glances: Arc<AtomicUsize>,
}

impl Detector for Says {
    fn detect(&mut self, _: &dyn LumaSource) -> Vec<Detection> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.found.clone()
    }

    fn glance(&mut self, _: &dyn LumaSource) -> Vec<Detection> {
        self.glances.fetch_add(1, Ordering::Relaxed);
        self.glimpsed.clone()
    }

    fn had_candidates(&self) -> bool {
        self.had_candidates
    }
}

struct Illiterate;

impl Reader for Illiterate {
    fn read(&mut self, _: &dyn LumaSource, _: Rect) -> Option<Reading> {
        None
    }
}

/// Looks and glances that `image` takes when `found` is found in each look and `glimpsed` in each glance.
fn taken(image: &dyn LumaSource, found: &[Detection], glimpsed: &[Detection]) -> (usize, usize) {
    taken_with(true, image, found, glimpsed)
}

/// The same where a look has candidates, or none.
fn taken_with(
    had_candidates: bool,
    image: &dyn LumaSource,
    found: &[Detection],
    glimpsed: &[Detection],
) -> (usize, usize) {
    let (looks, glances) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let says = Says {
        found: found.to_vec(),
        glimpsed: glimpsed.to_vec(),
        had_candidates,
        looks: Arc::clone(&looks),
        glances: Arc::clone(&glances),
    };
    let mut eyes = Eyes::new(Box::new(says), Box::new(Illiterate), 0.5);
    Looks::plan(image, &Told::default(), Effort::Normal).find(&mut eyes);
    (looks.load(Ordering::Relaxed), glances.load(Ordering::Relaxed))
}

const SIZE: Size = Size::new(1280, 720);

#[test]
fn the_most_effort_looks_at_every_side_and_in_a_mirror() {
    let mut picture = Picture::flat(SIZE, 90);
    picture.fill(PixelRect::new(100, 50, 400, 200), 180);
    for first in 1..=8 {
        let first = Orientation::from_number(first).unwrap();
        let told = Told::standing(first);
        let looks = Looks::plan(&picture, &told, Effort::Thorough);
        let ways: Vec<Orientation> = looks.views.iter().map(|shown| shown.view().way).collect();
        assert!(looks.views.iter().all(|shown| shown.view().part == Part::Whole));
        assert_eq!(ways[0], first);
        assert_eq!(ways[1], first.mirrored());
        for way in [Orientation::Upright, Orientation::QuarterRight, Orientation::HalfTurn, Orientation::QuarterLeft] {
            assert!(ways.contains(&way), "{first:?}: {way:?}");
        }
        assert_eq!(looks.guessed, 2..ways.len());
        let seen = first.turned(picture.0.clone());
        let mirror = first.mirrored().turned(picture.0.clone());
        let width = seen.size.width as usize;
        assert!(seen.data.chunks(width).zip(mirror.data.chunks(width)).all(|(a, b)| a.iter().eq(b.iter().rev())));
    }
}

/// Sees a plate where the picture is bright, and another thing on its side.
struct Bright {
    upright: Detection,
    aside: Detection,
}

impl Detector for Bright {
    fn detect(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let Size { width, height } = image.size();
        if width < height {
            return vec![self.aside];
        }
        let plane = image.reduced(1);
        let left = plane.data.iter().position(|luma| *luma == 255).expect("a bright place") as u32 % width;
        vec![Detection { bounds: Rect { x: left as f32, ..self.upright.bounds }, ..self.upright }]
    }
}

/// Says whether the plate is bright.
struct Sees;

impl Reader for Sees {
    fn read(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Reading> {
        let bright = image.crop(plate.pixels(image.size())?).data.iter().all(|luma| *luma == 255);
        let text = PlateText::canonical(if bright { "BRIGHT" } else { "DARK" })?;
        Some(Reading { candidates: vec![Candidate { text, probability: 1.0 }] })
    }
}

#[test]
fn what_a_mirror_shows_is_one_with_what_was_there_and_read_as_it_stands() {
    let mut picture = Picture::flat(SIZE, 0);
    picture.fill(PixelRect::new(100, 300, 80, 20), 255);
    let plate = Detection { kind: RegionKind::Plate, bounds: Rect::new(0.0, 300.0, 80.0, 20.0), score: 0.9 };
    let says = Bright { upright: plate, aside: Detection { score: 0.95, ..plate } };
    let mut eyes = Eyes::new(Box::new(says), Box::new(Sees), 0.5);
    let mut looks = Looks::plan(&picture, &Told::default(), Effort::Thorough);
    looks.find(&mut eyes);
    assert!(looks.sightings.iter().any(|sighting| sighting.view == 1));
    let margin = Margin { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 };
    let margins = Margins::of_all(margin);
    let found = looks.read(&mut eyes, &margins).found;
    let plates: Vec<_> =
        found.iter().filter(|found| found.region.bounds.iou(Rect::new(100.0, 300.0, 80.0, 20.0)) > 0.99).collect();
    assert_eq!(plates.len(), 1);
    assert!(found.is_sorted_by(|a, b| a.region.score >= b.region.score) && found[0].region.score > 0.9);
    let reading = plates[0].region.reading.as_ref().expect("read");
    assert_eq!(reading.candidates[0].text.expose(), "BRIGHT");
}

/// Turns whatever it is given, unless it is told that letters stand upright.
struct Turning;

impl Reader for Turning {
    fn read(&mut self, _: &dyn LumaSource, _: Rect) -> Option<Reading> {
        let text = PlateText::canonical("AB123CD")?;
        Some(Reading { candidates: vec![Candidate { text, probability: 1.0 }] })
    }

    fn read_level(&mut self, _: &dyn LumaSource, _: Rect) -> Option<Reading> {
        let text = PlateText::canonical("NOTHING")?;
        Some(Reading { candidates: vec![Candidate { text, probability: 1.0 }] })
    }
}

#[test]
fn what_is_written_is_read_as_it_stands_and_a_plate_however_it_leans() {
    let (picture, area) = with_text("LANE 2 AB123CD", 700, 20, 24.0, true);
    let plate = Detection { kind: RegionKind::Plate, bounds: Rect::new(300.0, 500.0, 80.0, 20.0), score: 0.9 };
    let says = Says { found: vec![plate], ..Says::default() };
    let mut eyes = Eyes::new(Box::new(says), Box::new(Turning), 0.5);
    let mut looks = Looks::plan(&picture, &Told::default(), Effort::Normal);
    looks.find(&mut eyes);
    let seen = looks.read(&mut eyes, &Margins::of_all(Margin { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 }));
    let [Found { region, .. }] = &seen.found[..] else { panic!("what is written passes for a plate") };
    assert_eq!(region.reading.as_ref().expect("read").candidates[0].text.expose(), "AB123CD");
    assert!(seen.lettering.iter().any(|row| row.overlap(area) > 0.5 * area.area()));
}

/// Reads the same everywhere.
struct Same;

impl Reader for Same {
    fn read(&mut self, _: &dyn LumaSource, _: Rect) -> Option<Reading> {
        let text = PlateText::canonical("AB123CD")?;
        Some(Reading { candidates: vec![Candidate { text, probability: 1.0 }] })
    }
}

#[test]
fn letters_on_a_plate_are_the_plate_and_those_elsewhere_are_written() {
    let (picture, area) = with_text("AB123CD", 700, 320, 40.0, true);
    let found = |plate: Rect| {
        let says =
            Says { found: vec![Detection { kind: RegionKind::Plate, bounds: plate, score: 0.9 }], ..Says::default() };
        let mut eyes = Eyes::new(Box::new(says), Box::new(Same), 0.5);
        let mut looks = Looks::plan(&picture, &Told::default(), Effort::Normal);
        looks.find(&mut eyes);
        looks.read(&mut eyes, &Margins::of_all(Margin { left: 0.0, top: 0.0, right: 0.0, bottom: 0.0 })).found.len()
    };
    // The detector's box holds the middle of what is written, or lies elsewhere.
    assert_eq!(found(Rect::new(area.x + 0.3 * area.w, area.y, 0.5 * area.w, area.h)), 1);
    assert_eq!(found(Rect::new(100.0, 100.0, 150.0, 40.0)), 2);
}

#[test]
fn a_guessed_side_counts_where_it_is_sure_or_nothing_else_is() {
    let mut picture = Picture::flat(SIZE, 0);
    picture.fill(PixelRect::new(100, 300, 80, 20), 255);
    let kept = |upright, aside| {
        let says = Bright { upright: Detection { score: upright, ..FACE }, aside: Detection { score: aside, ..FACE } };
        let mut eyes = Eyes::new(Box::new(says), Box::new(Illiterate), 0.5);
        let mut looks = Looks::plan(&picture, &Told::default(), Effort::Thorough);
        looks.find(&mut eyes);
        looks.sightings.iter().filter(|sighting| sighting.detection.score == aside).count()
    };
    assert_eq!((kept(0.995, 0.85), kept(0.995, 0.95), kept(0.7, 0.6), kept(0.7, 0.4)), (0, 2, 2, 0));
}

#[test]
fn all_that_shows_on_the_side_that_a_picture_stands_on_counts() {
    let picture = Picture::gradient(SIZE);
    let mut looks = Looks::plan(&picture, &Told::default(), Effort::Thorough);
    let seen =
        |view, score| Sighting { view, legible: view, detection: Detection { score, ..FACE }, stored: FACE.bounds };
    let quarter = looks.guessed.start;
    let scores = |looks: &Looks<'_>| -> Vec<f32> { looks.sightings.iter().map(|seen| seen.detection.score).collect() };
    let all =
        || vec![seen(0, 0.3), seen(quarter, 0.8), seen(quarter, 0.2), seen(quarter + 1, 0.6), seen(quarter + 1, 0.1)];
    looks.sightings = all();
    looks.doubt();
    assert_eq!(scores(&looks), [0.3, 0.8, 0.2, 0.6]);
    looks.sightings = all();
    looks.sightings.push(seen(0, 0.995));
    looks.doubt();
    assert_eq!(scores(&looks), [0.3, 0.995]);
}

#[test]
fn a_usual_picture_takes_one_look() {
    assert_eq!(taken(&Picture::gradient(SIZE), &[FACE], &[]), (1, 0));
    let plate = Detection { kind: RegionKind::Plate, score: 0.6, ..FACE };
    assert_eq!(taken(&Picture::gradient(SIZE), &[plate], &[]), (1, 0));
}

#[test]
fn one_that_shows_nothing_takes_three_glances_more_and_one_without_candidates_none() {
    assert_eq!(taken(&Picture::gradient(SIZE), &[], &[]), (1, 3));
    assert_eq!(taken_with(false, &Picture::gradient(SIZE), &[], &[FACE]), (1, 0));
}

#[test]
fn an_unsure_one_takes_glances_and_another_look_where_they_show_more() {
    let unsure = Detection { score: 0.4, ..FACE };
    assert_eq!(taken(&Picture::gradient(SIZE), &[unsure], &[]), (1, 4));
    assert_eq!(taken(&Picture::gradient(SIZE), &[unsure], &[unsure]), (1, 4));
    assert_eq!(taken(&Picture::gradient(SIZE), &[unsure], &[FACE]), (2, 4));
    assert_eq!(taken(&Picture::gradient(SIZE), &[], &[FACE]), (2, 3));
}

/// Stripes of single rows.
fn combed(size: Size) -> Picture {
    let mut picture = Picture::flat(size, 20);
    for y in (0..size.height).step_by(2) {
        picture.fill(PixelRect::new(0, y, size.width, 1), 220);
    }
    picture
}

/// Thin upright lines.
fn behind_bars(size: Size, value: u8) -> Picture {
    let mut picture = Picture::flat(size, 120);
    for x in (8..size.width - 8).step_by(16) {
        picture.fill(PixelRect::new(x, 0, 3, size.height), value);
    }
    picture
}

#[test]
fn odd_pictures_take_looks_of_their_own() {
    let pale = {
        let mut picture = Picture::gradient(SIZE);
        picture.0.data.iter_mut().for_each(|v| *v = 100 + *v / 8);
        picture
    };
    assert_eq!(taken(&pale, &[FACE], &[]).0, 2, "pale");
    assert_eq!(taken(&combed(SIZE), &[FACE], &[]).0, 3, "interlaced");
    assert_eq!(taken(&behind_bars(SIZE, 220), &[FACE], &[]).0, 2, "bright netting");
    assert_eq!(taken(&behind_bars(SIZE, 10), &[FACE], &[]).0, 2, "dark netting");
    assert_eq!(taken(&Picture::flat(Size::new(1280, 288), 90), &[FACE], &[]).0, 2, "a field");
    assert_eq!(taken(&Picture::flat(Size::new(2048, 1024), 90), &[FACE], &[]).0, 2, "a panorama");
    assert_eq!(taken(&Picture::flat(SIZE, 90), &[FACE], &[]).0, 1, "nothing at all");
    for size in [Size::new(1, 1), Size::new(3, 700), Size::new(900, 2), Size::new(64, 32)] {
        taken(&Picture::gradient(size), &[], &[]);
    }
}

/// A picture of which all but the upper tenths is pale, and the rest goes from dark to bright.
fn under_a_bar(tenths: u32) -> Picture {
    let mut picture = Picture::gradient(SIZE);
    for (at, v) in (0..).zip(&mut picture.0.data) {
        *v = if at / SIZE.width < SIZE.height * tenths / 10 { (at % SIZE.width / 5) as u8 } else { 100 + *v / 8 };
    }
    picture
}

#[test]
fn what_lies_over_a_pale_picture_does_not_keep_it_from_another_look() {
    for tenths in [1, 2, 3] {
        assert_eq!(taken(&under_a_bar(tenths), &[FACE], &[]).0, 2, "{tenths} tenths");
    }
    assert_eq!(taken(&under_a_bar(8), &[FACE], &[]).0, 1);
}

#[test]
fn every_layer_takes_a_look_of_its_own() {
    struct Layered(Vec<Picture>);
    impl LumaSource for Layered {
        fn size(&self) -> Size {
            SIZE
        }
        fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
            self.0[0].reduced(denominator)
        }
        fn crop(&self, area: PixelRect) -> GrayPlane {
            self.0[0].crop(area)
        }
        fn layer(&self, number: usize) -> Option<&dyn LumaSource> {
            self.0.get(number + 1).map(|layer| layer as &dyn LumaSource)
        }
    }
    let layers = |count: usize| Layered((0..=count).map(|_| Picture::gradient(SIZE)).collect());
    for count in [0, 1, 3] {
        assert_eq!(taken(&layers(count), &[FACE], &[]).0, 1 + count);
    }
    // A pale one is looked at once, stretched.
    let pale = Layered(vec![Picture::gradient(SIZE), under_a_bar(0)]);
    assert_eq!(taken(&pale, &[FACE], &[]).0, 2);
    let tones: Vec<Tone> =
        Looks::plan(&pale, &Told::default(), Effort::Normal).views.iter().map(|shown| shown.view().tone).collect();
    assert!(matches!(tones[..], [Tone::Stored, Tone::Stretched(..)]));
}

#[test]
fn what_several_views_show_is_one_region_blanked_as_far_as_any_shows_it() {
    let picture = Picture::gradient(SIZE);
    let mut looks = Looks::plan(&picture, &Told::default(), Effort::Normal);
    looks.views.push(Shown::new(&picture, View { tone: Tone::Negative, ..View::default() }));
    let moved = Rect::new(14.0, 20.0, 30.0, 40.0);
    looks.sightings = vec![
        Sighting { view: 0, legible: 0, detection: FACE, stored: FACE.bounds },
        Sighting { view: 1, legible: 1, detection: Detection { bounds: moved, score: 0.9, ..FACE }, stored: moved },
    ];
    let nets = super::super::Nets::builtin();
    let found = looks.read(&mut nets.eyes(), &nets.margins()).found;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].region.bounds, FACE.bounds);
    for (bounds, score) in [(FACE.bounds, FACE.score), (moved, 0.9)] {
        let wide = nets.margins().widen(RegionKind::Face, bounds, score);
        assert!(found[0].wide.overlap(wide) > 0.999 * wide.area());
    }
}

#[test]
fn a_head_whose_face_was_found_is_not_told() {
    let found = |kind, x, side| Found {
        region: Region { kind, bounds: Rect::new(x, 10.0, side, side), score: 0.5, reading: None },
        wide: Rect::new(x, 10.0, side, side),
        oval: false,
    };
    let mut all = vec![
        found(RegionKind::Face, 100.0, 20.0),
        // Around it, in it, beside it.
        found(RegionKind::Head, 90.0, 60.0),
        found(RegionKind::Head, 102.0, 10.0),
        found(RegionKind::Head, 115.0, 20.0),
        found(RegionKind::Plate, 100.0, 20.0),
    ];
    drop_seen_heads(&mut all);
    let kept: Vec<_> = all.iter().map(|found| (found.region.kind, found.region.bounds.x)).collect();
    assert_eq!(kept, [(RegionKind::Face, 100.0), (RegionKind::Head, 115.0), (RegionKind::Plate, 100.0)]);
}
