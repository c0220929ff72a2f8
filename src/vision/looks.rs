//! The plan of looks at an image: which views of it are worth one, and how what they show becomes one answer.
//!
//! Owns the tests that tell interlaced, panoramic and turned pictures, which are cheap beside a look, and the merging. What a view
//! is: [`super::shown`]; which pictures are pale: [`super::pale`].

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use super::lettering;
use super::margins::is_oval;
use super::netting;
use super::pale::stretch;
use super::shown::{Part, Shown, Tone, View};
use super::{Detection, Eyes, Margins};
use crate::capture::{Effort, Reading, Region, RegionKind};
use crate::frame::{GrayPlane, LumaSource, Orientation, Told};
use crate::geometry::{PixelRect, Rect, Size};

/// A region, and the box that must be blanked so that nothing of it is left. Both in pixels of the stored image; the second may
/// reach beyond it.
pub struct Found {
    /// The region.
    pub region: Region,
    /// Its box, and whatever the eyes may have missed of it.
    pub wide: Rect,
    /// Whether the oval that touches the sides of `wide` is enough.
    pub oval: bool,
}

/// What was seen on an image.
#[derive(Default)]
pub struct Seen {
    /// What must be blanked.
    pub found: Vec<Found>,
    /// Rows of letters beside plates, in pixels of the stored image: looked for where plates were read, and not with the least effort.
    pub lettering: Vec<Rect>,
}

impl From<Vec<Found>> for Seen {
    fn from(found: Vec<Found>) -> Self {
        Self { found, lettering: Vec::new() }
    }
}

/// From this overlap on, two views show the same plate or face.
const SAME: f32 = 0.4;

/// Where neither a plate nor a face is as sure as this, the picture may lie on its side or be a negative. Measured on
/// photographs of the training sets, turned and as they were: of those on their sides 93 % show no surer face, of upright ones 1 %.
const SURE_PLATE: f32 = 0.5;
const SURE_FACE: f32 = 0.99;

/// What a glance sees less surely than this is no reason to look.
const GLIMPSED: f32 = 0.5;

/// Where something was seen surely, what a guessed side shows counts from here on: a picture that stands on its feet shows much there
/// that is nothing. Where nothing was, from [`GLIMPSED`] on.
const GUESSED_FROM: f32 = 0.9;

/// All looks at one image.
pub struct Looks<'a> {
    image: &'a dyn LumaSource,
    effort: Effort,
    views: Vec<Shown<'a>>,
    first: Orientation,
    /// The view that shows the first one in a mirror.
    mirrored: Option<usize>,
    /// Views of sides on which nothing says that the picture stands.
    guessed: Range<usize>,
    sightings: Vec<Sighting>,
    had_candidates: bool,
}

/// What was found on one view.
struct Sighting {
    view: usize,
    /// The view on whose pixels `detection` is, and which can be read: a mirrored one cannot.
    legible: usize,
    detection: Detection,
    /// Tight, in the stored image.
    stored: Rect,
}

impl<'a> Looks<'a> {
    /// What is planned for `image`, of whose file this was `told`, with so much `effort`.
    pub fn plan(image: &'a dyn LumaSource, told: &Told, effort: Effort) -> Self {
        let first = told.orientation();
        let mut views: Vec<View> = told.ways().iter().map(|&way| View { way, ..View::default() }).collect();
        if let Some(tone) = stretch(image) {
            views.push(View { tone, way: first, part: Part::Whole });
        }
        for (number, layer) in (0..).map_while(|number| Some((number, image.layer(number)?))) {
            // A pale layer shows more when it is stretched, and nothing less.
            let tone = stretch(layer).unwrap_or_default();
            views.extend(told.ways().iter().map(|&way| View { part: Part::Layer(number), tone, way }));
        }
        let mut parts = parts(image, told.panorama());
        // A comb is full of thin lines, which its fields do not have.
        if !parts.iter().any(|part| matches!(part, Part::Field(_))) {
            parts.extend(netting::test(image, effort).into_iter().map(Part::Cleared));
        }
        // The seam, the fields, the rows and the lines are those of the stored picture.
        views.extend(parts.into_iter().map(|part| View { part, way: first, tone: Tone::Stored }));
        let turned = |way| View { way, ..View::default() };
        let (mut mirrored, mut guessed) = (None, 0..0);
        if effort == Effort::Thorough {
            mirrored = Some(views.len());
            views.push(turned(first.mirrored()));
            guessed.start = views.len();
            let turns =
                [Orientation::Upright, Orientation::QuarterRight, Orientation::HalfTurn, Orientation::QuarterLeft];
            views.extend(turns.into_iter().filter(|way| !told.ways().contains(way)).map(turned));
            guessed.end = views.len();
        }
        let views = views.into_iter().map(|view| Shown::new(image, view)).collect();
        Self { image, effort, views, first, mirrored, guessed, sightings: Vec::new(), had_candidates: false }
    }

    /// Looks: everything that must be blanked.
    pub fn find(&mut self, eyes: &mut Eyes) {
        for at in 0..self.views.len() {
            self.look(eyes, at);
        }
        self.doubt();
        self.again(eyes);
    }

    /// Drops what guessed sides show unsurely. Where nothing was seen surely, the one that shows most is taken for how the picture
    /// stands, and all that it shows counts.
    fn doubt(&mut self) {
        let (guessed, is_sure) = (self.guessed.clone(), self.is_sure());
        let aside = self.sightings.iter().filter(|sighting| guessed.contains(&sighting.view));
        let most = aside.max_by(|a, b| a.detection.score.total_cmp(&b.detection.score));
        let known = self.best(RegionKind::Plate).max(self.best(RegionKind::Face));
        let stands = most.filter(|most| !is_sure && most.detection.score > known.max(GLIMPSED)).map(|most| most.view);
        let least = if is_sure { GUESSED_FROM } else { GLIMPSED };
        self.sightings.retain(|Sighting { view, detection, .. }| {
            !guessed.contains(view) || Some(*view) == stands || detection.score >= least
        });
    }

    /// The best score of a kind on views that show the picture as it may well stand.
    fn best(&self, kind: RegionKind) -> f32 {
        let of_kind = |sighting: &&Sighting| sighting.detection.kind == kind && !self.guessed.contains(&sighting.view);
        self.sightings.iter().filter(of_kind).map(|sighting| sighting.detection.score).fold(0.0, f32::max)
    }

    /// Whether something was seen so surely that the picture stands as it was looked at.
    fn is_sure(&self) -> bool {
        self.best(RegionKind::Plate) >= SURE_PLATE || self.best(RegionKind::Face) >= SURE_FACE
    }

    /// Where nothing was seen surely, glances at what the picture would be on its other sides and as a negative, and a look at
    /// the one that shows more. A glance is a quarter of a look. Without any candidate there is nothing on the other sides: of
    /// 1,940 photographs of the training sets that lay on a side and showed something in a glance, each had one.
    fn again(&mut self, eyes: &mut Eyes) {
        if self.is_sure() || !self.had_candidates {
            return;
        }
        let best = self.best(RegionKind::Plate).max(self.best(RegionKind::Face));
        let turned = |way| View { way, ..View::default() };
        let mut seen: Option<(f32, View)> = None;
        let small = Small { image: self.image, plane: OnceCell::new() };
        let mut glance = |view: View| {
            if self.views.iter().any(|shown| shown.view() == view) {
                return;
            }
            let glimpsed = eyes.glance(&Shown::new(&small, view));
            let score = glimpsed.iter().map(|detection| detection.score).fold(0.0, f32::max);
            if seen.is_none_or(|(most, _)| score > most) {
                seen = Some((score, view));
            }
        };
        for way in [Orientation::QuarterRight, Orientation::QuarterLeft, Orientation::HalfTurn] {
            glance(turned(way));
        }
        // Of a negative the first look shows a little.
        if best > 0.0 {
            glance(View { tone: Tone::Negative, way: self.first, part: Part::Whole });
        }
        if let Some((score, view)) = seen
            && score > best.max(GLIMPSED)
        {
            self.views.push(Shown::new(self.image, view));
            self.look(eyes, self.views.len() - 1);
        }
    }

    fn look(&mut self, eyes: &mut Eyes, at: usize) {
        let Some(view) = self.views.get(at) else { return };
        let mirrored = self.mirrored == Some(at);
        let found = if mirrored || self.guessed.contains(&at) {
            eyes.find_aside(view)
        } else {
            let found = eyes.find(view);
            self.had_candidates |= eyes.had_candidates();
            found
        };
        let legible = if mirrored { 0 } else { at };
        self.sightings.extend(found.into_iter().flat_map(|mut detection| {
            if mirrored {
                detection.bounds.x = view.size().width as f32 - detection.bounds.right();
            }
            let (stored, other) = self.views[legible].to_stored(detection.bounds);
            let sighting = move |stored| Sighting { view: at, legible, detection, stored };
            [Some(sighting(stored)), other.map(sighting)].into_iter().flatten()
        }));
    }

    /// What was found, best first and each thing once, plates with what they say. What several views show is blanked as far as
    /// any of them shows it.
    pub fn read(self, eyes: &mut Eyes, margins: &Margins) -> Seen {
        let Self { image, effort, views, mirrored, guessed, mut sightings, .. } = self;
        // Boxes are best where the picture stands as it was taken and nothing was taken away: what else shows the same adds to what
        // is blanked.
        let is_cleared = |view: usize| matches!(views[view].view().part, Part::Cleared(_));
        let aside = |view: usize| Some(view) == mirrored || guessed.contains(&view) || is_cleared(view);
        sightings.sort_by(|a, b| {
            let first = aside(a.view).cmp(&aside(b.view));
            first.then(b.detection.score.total_cmp(&a.detection.score))
        });
        let mut kept: Vec<(Found, Rect, usize)> = Vec::new();
        for Sighting { view: at, legible, detection, stored } in sightings {
            let view = &views[legible];
            let (wide, other) = view.to_stored(margins.widen(detection.kind, detection.bounds, detection.score));
            // The half that this sighting is about.
            let wide = match other {
                Some(other) if other.overlap(stored) > wide.overlap(stored) => other,
                _ => wide,
            };
            let same = |(found, bounds, seen): &&mut (Found, Rect, usize)| {
                *seen != at && found.region.kind == detection.kind && bounds.iou(stored) > SAME
            };
            match kept.iter_mut().find(same) {
                Some((found, ..)) => {
                    let both = found.wide.union(wide);
                    // The oval in the box around two boxes may leave out what the oval in one of them hides.
                    found.oval &= both == found.wide;
                    found.wide = both;
                    found.region.score = found.region.score.max(detection.score);
                }
                None => {
                    let region = Region { bounds: stored, ..eyes.read(view, detection) };
                    let oval = is_oval(detection.kind, stored, image.size());
                    kept.push((Found { region, wide, oval }, stored, at));
                }
            }
        }
        let mut found: Vec<Found> = kept.into_iter().map(|(found, ..)| found).collect();
        drop_seen_heads(&mut found);
        let written = views.first().map(|view| written(view, &found, effort, eyes, margins)).unwrap_or_default();
        found.extend(written.found);
        found.sort_by(|a, b| b.region.score.total_cmp(&a.region.score));
        Seen { found, lettering: written.lettering }
    }
}

/// A head is told where no face of it is: of both boxes, so much of the smaller one lies in the other.
const SAME_HEAD: f32 = 0.4;

/// What spells a plate is the plate itself, and no writing, where so much of the smaller of both boxes lies in the other.
const ON_THE_PLATE: f32 = 0.3;

/// Drops heads whose faces were found.
fn drop_seen_heads(found: &mut Vec<Found>) {
    let of = |found: &Found| found.region.bounds;
    let faces: Vec<Rect> = found.iter().filter(|found| found.region.kind == RegionKind::Face).map(of).collect();
    found.retain(|found| {
        let head = of(found);
        let is_its = |face: &Rect| face.overlap(head) > SAME_HEAD * face.area().min(head.area());
        found.region.kind != RegionKind::Head || !faces.iter().any(is_its)
    });
}

/// What is written into the picture that `view` shows; in the words of plates that were `found` on it, it is as much a plate as those.
fn written(view: &Shown, found: &[Found], effort: Effort, eyes: &mut Eyes, margins: &Margins) -> Seen {
    let plates: Vec<(&Region, &Reading)> =
        found.iter().filter_map(|found| Some((&found.region, found.region.reading.as_ref()?))).collect();
    let readings: Vec<&Reading> = plates.iter().map(|(_, reading)| *reading).collect();
    let hidden: Vec<Rect> = found.iter().map(|found| view.to_shown(found.wide)).collect();
    let written = lettering::look(view, &readings, &hidden, effort, |row| eyes.read_level(view, row));
    let as_found = written.spelt.into_iter().filter_map(|(bounds, which)| {
        let (region, reading) = plates[which];
        let (stored, _) = view.to_stored(bounds);
        let is_the_plate = stored.overlap(region.bounds) > ON_THE_PLATE * stored.area().min(region.bounds.area());
        if is_the_plate {
            return None;
        }
        let (wide, _) = view.to_stored(margins.widen(RegionKind::Plate, bounds, region.score));
        let region = Region { bounds: stored, reading: Some(reading.clone()), ..*region };
        Some(Found { region, wide, oval: false })
    });
    Seen { found: as_found.collect(), lettering: written.rows.into_iter().map(|row| view.to_stored(row).0).collect() }
}

/// An image whose smaller plane is made once for all glances.
struct Small<'a> {
    image: &'a dyn LumaSource,
    plane: OnceCell<(u32, GrayPlane)>,
}

impl LumaSource for Small<'_> {
    fn size(&self) -> Size {
        self.image.size()
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        let (known, plane) = self.plane.get_or_init(|| (denominator, self.image.reduced(denominator).into_owned()));
        if *known == denominator { Cow::Borrowed(plane) } else { self.image.reduced(denominator) }
    }

    fn at_hand(&self) -> u32 {
        self.image.at_hand()
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        self.image.crop(area)
    }
}

/// Long sides of pictures whose seam is looked at: smaller ones are no panoramas, unless somebody says so.
const PANORAMA_FROM: u32 = 1024;

/// A picture this many times as wide as high, and of no more rows than a field of the largest interlaced video, may be a field.
const FIELD_ASPECT: f32 = 2.3;
const FIELD_ROWS: u32 = 544;

/// What beside the whole of `image` is worth a look.
fn parts(image: &dyn LumaSource, panorama: bool) -> Vec<Part> {
    let Size { width, height } = image.size();
    let mut parts = Vec::new();
    if (panorama && width >= 64) || (width >= PANORAMA_FROM && width.abs_diff(2 * height) <= width / 100) {
        parts.push(Part::Seam((width / 8).next_multiple_of(8)));
    }
    if height <= FIELD_ROWS && width as f32 >= FIELD_ASPECT * height as f32 {
        parts.push(Part::Doubled);
    }
    if is_interlaced(image) {
        parts.extend([Part::Field(0), Part::Field(1)]);
    }
    parts
}

/// Spots at which combs are looked for, across and down; each is a unit of 16 × 16 pixels, which a JPEG decodes by itself.
const SPOTS: (u32, u32) = (8, 6);
const SPOT: u32 = 16;

/// So many spots must be combed.
const COMBED: usize = 2;

/// Whether rows that are not neighbours are more alike than neighbours are: what moved between the two moments of an interlaced
/// picture has a comb for an edge.
fn is_interlaced(image: &dyn LumaSource) -> bool {
    let Size { width, height } = image.size();
    let (across, down) = (width / SPOT, height / SPOT);
    if across < SPOTS.0 || down < SPOTS.1 {
        return false;
    }
    let spots = (0..SPOTS.1).flat_map(|y| (0..SPOTS.0).map(move |x| (x, y)));
    let combed = spots.filter(|(x, y)| {
        // Shifted from row to row, so that a column of things does not stand for the whole picture.
        let x = (2 * x + 1 + y % 2) * across / (2 * SPOTS.0 + 1);
        let y = (2 * y + 1) * down / (2 * SPOTS.1);
        is_combed(&image.crop(PixelRect::new(x * SPOT, y * SPOT, SPOT, SPOT)))
    });
    combed.count() >= COMBED
}

fn is_combed(spot: &GrayPlane) -> bool {
    let rows: Vec<&[u8]> = spot.data.chunks_exact(spot.size.width as usize).collect();
    let apart = |distance: usize| -> u32 {
        let pairs = rows.iter().zip(&rows[distance..]);
        let sum: u32 = pairs.flat_map(|(a, b)| a.iter().zip(*b)).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        // As many pairs for both distances.
        sum * 14 / (16 - distance as u32)
    };
    let (next, second) = (apart(1), apart(2));
    // More than eight levels a pixel: less is noise.
    next > 14 * SPOT * 8 && 10 * next > 14 * second
}

#[cfg(test)]
mod tests;
