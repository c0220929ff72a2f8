//! Files of several pictures: each is looked at, as though it were alone, and what was found is put together.
//!
//! Owns three rules. In an animation, what is found on one picture is blanked on those around it, too: what moves is missed now
//! and then, and nobody stops at the picture where it was seen. What stays in its place and is read alike is one plate or face, and
//! is told once. A file has one scene: an animation's first picture, or all pages on one sheet. Knows nothing of how pictures are
//! decoded or coded.

use image::{Rgb, RgbImage};

use super::examine::{Examined, Look, Unreadable, see};
use super::lanes::{Budget, Held};
use super::record::{face_crop, masked};
use super::summary::{Stages, timed};
use crate::capture::{Region, RegionKind};
use crate::frame::{DecodeError, Format, Frame, Limits, LumaSource, Sequence};
use crate::geometry::{Rect, Size};
use crate::redact::{Area, Blank, FILL, Figure, RedactError};

/// One of the pictures behind a file's first one.
#[derive(Clone)]
pub struct Looked {
    /// As it is stored.
    pub size: Size,
    /// What was found on it.
    pub regions: Vec<Region>,
    /// What must be blanked on it, one area for each region, in their order.
    pub areas: Vec<Area>,
}

/// How many pictures of an animation before and behind the one on which something was found are blanked as well. At ten a second,
/// the usual pace, it is half a second to either side: what moves is seldom turned away or smeared for longer.
const AROUND: usize = 5;

/// How much of two boxes is shared by both when they are of one thing.
const SAME: f32 = 0.3;

/// Most regions on all pictures of a file. More than any honest one has, and a record of them still fits.
const MAX_REGIONS: usize = 20_000;

/// Looks at all pictures of a file, one after the other.
pub(super) fn look<'f, 'b>(
    file: &'f [u8],
    mut sequence: Sequence<'f>,
    eyes: &mut dyn Look,
    budget: &'b Budget,
    stages: &mut Stages,
) -> Result<(Examined<'f>, Held<'b>), Unreadable> {
    // The first one stays, and one of the others is there.
    let held = timed(&mut stages.hand_over, || budget.hold(sequence.decoded_bytes().saturating_mul(2)));
    let mut first: Option<(Frame, Vec<Region>, Vec<Area>)> = None;
    let mut further = Vec::with_capacity(sequence.count());
    let mut regions_in_all = 0;
    while let Some(shot) = timed(&mut stages.decode, || sequence.next())? {
        let frame = timed(&mut stages.decode, || sequence.frame(shot))?;
        let (regions, areas) = see(&frame, eyes, stages);
        regions_in_all += regions.len();
        if regions_in_all > MAX_REGIONS {
            let feature = "more plates and faces than a record holds";
            return Err(DecodeError::Unsupported { format: sequence.format(), feature }.into());
        }
        match first {
            None => first = Some((frame, regions, areas)),
            Some(_) => further.push(Looked { size: frame.size(), regions, areas }),
        }
    }
    let (frame, regions, areas) = first.ok_or(DecodeError::Truncated { format: sequence.format() })?;
    Ok((Examined { file, frame, regions, areas, lettering: Vec::new(), further }, held))
}

/// Whether a file's pictures follow each other in time.
pub(super) fn moves(format: Format) -> bool {
    format != Format::Tiff
}

/// What is blanked on each picture: of an animation, also what is on those around it.
pub(super) fn around(pictures: Vec<Vec<Blank>>, format: Format) -> Vec<Vec<Blank>> {
    if !moves(format) {
        return pictures;
    }
    (0..pictures.len())
        .map(|at| {
            let near = at.saturating_sub(AROUND)..(at + AROUND + 1).min(pictures.len());
            let mut blanks: Vec<Blank> = Vec::new();
            for blank in pictures[near].iter().flatten() {
                // What stands still is the same on all of them.
                if blanks.iter().all(|known| known.area != blank.area) {
                    blanks.push(blank.clone());
                }
            }
            blanks
        })
        .collect()
}

/// One plate or face, and where it was seen first.
pub(super) struct Sighting {
    /// Number of the picture, from 0 on.
    pub picture: usize,
    /// Where it was on that picture, and the best that was seen of it on any.
    pub region: Region,
    /// What is blanked there.
    pub area: Area,
}

/// The plates and faces of all pictures, each once.
pub(super) fn distinct(pictures: impl IntoIterator<Item = (Vec<Region>, Vec<Area>)>, format: Format) -> Vec<Sighting> {
    let mut sightings: Vec<Sighting> = Vec::new();
    // Of what was seen lately: its number, where and when.
    let mut lately: Vec<(usize, Rect, usize)> = Vec::new();
    for (picture, (regions, areas)) in pictures.into_iter().enumerate() {
        lately.retain(|(.., seen)| moves(format) && picture - seen <= AROUND);
        let mut taken = Vec::new();
        for (region, area) in regions.into_iter().zip(areas) {
            let known = lately.iter_mut().filter(|(number, bounds, seen)| {
                *seen < picture
                    && !taken.contains(number)
                    && bounds.iou(region.bounds) >= SAME
                    && is_one(&sightings[*number].region, &region)
            });
            let closest = known.max_by(|a, b| a.1.iou(region.bounds).total_cmp(&b.1.iou(region.bounds)));
            match closest {
                Some((number, bounds, seen)) => {
                    (*bounds, *seen) = (region.bounds, picture);
                    taken.push(*number);
                    better(&mut sightings[*number].region, region);
                }
                None => {
                    lately.push((sightings.len(), region.bounds, picture));
                    sightings.push(Sighting { picture, region, area });
                }
            }
        }
    }
    sightings
}

/// Whether two regions may show one thing: both faces, or plates of which neither reading denies the other.
fn is_one(a: &Region, b: &Region) -> bool {
    let best =
        |region: &Region| region.reading.as_ref().and_then(|reading| Some(reading.candidates.first()?.text.clone()));
    let may_be = |region: &Region, text: &crate::capture::PlateText| {
        let candidates = region.reading.iter().flat_map(|reading| &reading.candidates);
        candidates.into_iter().any(|candidate| candidate.text.expose() == text.expose())
    };
    a.kind == b.kind
        && match (best(a), best(b)) {
            (Some(of_a), Some(of_b)) => may_be(a, &of_b) || may_be(b, &of_a),
            _ => true,
        }
}

/// What was seen better takes the place of what is known, but for where it was.
fn better(known: &mut Region, now: Region) {
    let sure = |region: &Region| {
        region.reading.as_ref().and_then(|reading| reading.candidates.first()).map_or(0.0, |best| best.probability)
    };
    if sure(&now) > sure(known) {
        known.reading = now.reading;
    }
    known.score = known.score.max(now.score);
}

/// What a record is made of.
pub(super) struct Sheet {
    pub frame: Frame,
    pub regions: Vec<Region>,
    pub areas: Vec<Area>,
    /// What is masked on it.
    pub masked: Vec<Area>,
    /// What each face's token is made of.
    pub crops: Vec<Option<Vec<u8>>>,
}

/// The one picture that stands for all, with all regions on it.
///
/// # Errors
///
/// When pages do not fit on a sheet, or `mask` touches no pixel of one of them.
pub(super) fn sheet(examined: Examined<'_>, mask: &[Rect]) -> Result<Sheet, Unreadable> {
    let Examined { file, frame, regions, areas, further, .. } = examined;
    let format = frame.format();
    let sizes: Vec<Size> = [frame.size()].into_iter().chain(further.iter().map(|looked| looked.size)).collect();
    let pictures = further.into_iter().map(|looked| (looked.regions, looked.areas));
    let sightings = distinct([(regions, areas)].into_iter().chain(pictures), format);
    let mut sequence = Sequence::open(file, &Limits::default())?.ok_or(DecodeError::NotAnImage)?;
    if moves(format) {
        let mut crops = Vec::with_capacity(sightings.len());
        let mut due = sightings.iter().peekable();
        let mut picture = 0;
        // They come in the order of pictures.
        while due.peek().is_some()
            && let Some(shot) = sequence.next()?
        {
            let frame = sequence.frame(shot)?;
            while let Some(sighting) = due.next_if(|sighting| sighting.picture == picture) {
                let is_face = sighting.region.kind == RegionKind::Face;
                crops.push(is_face.then(|| face_crop(&frame, &sighting.region)).flatten());
            }
            picture += 1;
        }
        let (regions, areas) = sightings.into_iter().map(|sighting| (sighting.region, sighting.area)).unzip();
        let masked = masked(mask, frame.size(), |mask| Area::new(Figure::Box, mask, &frame))?;
        return Ok(Sheet { frame, regions, areas, masked, crops });
    }
    drop(frame);
    let (size, places) = places(&sizes)?;
    let mut rgb = RgbImage::from_pixel(size.width, size.height, Rgb([FILL; 3]));
    for &(x, y) in &places {
        let shot = sequence.next()?.ok_or(DecodeError::Truncated { format })?;
        let page = sequence.frame(shot)?.into_picture(file)?.into_rgb();
        image::imageops::replace(&mut rgb, &page, x.into(), y.into());
    }
    let frame = Frame::sheet(rgb, format);
    let mut blank = Vec::new();
    for (&size, &(x, y)) in sizes.iter().zip(&places) {
        let on_page = masked(mask, size, |mask| Area::on_pixels(Figure::Box, mask, size))?;
        blank.extend(on_page.into_iter().map(|area| area.moved(x, y)));
    }
    let (mut regions, mut areas, mut crops) = (Vec::new(), Vec::new(), Vec::new());
    for Sighting { picture, mut region, area } in sightings {
        let (x, y) = places[picture];
        region.bounds = region.bounds.moved(x as f32, y as f32);
        crops.push((region.kind == RegionKind::Face).then(|| face_crop(&frame, &region)).flatten());
        regions.push(region);
        areas.push(area.moved(x, y));
    }
    Ok(Sheet { frame, regions, areas, masked: blank, crops })
}

/// Where pages of these `sizes` lie on a sheet, in rows, and its size.
fn places(sizes: &[Size]) -> Result<(Size, Vec<(u32, u32)>), Unreadable> {
    /// Between pages, so that nobody takes two for one. A whole number of coding units, as are the pages' places.
    const GAP: u32 = 16;
    const UNIT: u32 = 8;
    let widest = sizes.iter().map(|size| size.width).max().unwrap_or(0);
    let highest = sizes.iter().map(|size| size.height).max().unwrap_or(0);
    let (across, down) = (widest.next_multiple_of(UNIT) + GAP, highest.next_multiple_of(UNIT) + GAP);
    let count = sizes.len() as u32;
    // About as wide as high, for so it fits best into the longest sides.
    let square = (f64::from(count) * f64::from(down) / f64::from(across)).sqrt().round() as u32;
    let columns = square.clamp(1, count.max(1)).min((Limits::MAX_SIDE / across).max(1));
    let rows = count.div_ceil(columns);
    let [width, height] = [u64::from(columns) * u64::from(across), u64::from(rows) * u64::from(down)];
    let fits = width.max(height) <= u64::from(Limits::MAX_SIDE) && width * height <= Limits::default().max_pixels;
    if !fits {
        return Err(RedactError::Sheet { width, height }.into());
    }
    let places = (0..count).map(|number| (number % columns * across, number / columns * down)).collect();
    Ok((Size::new(width as u32, height as u32), places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Candidate, PlateText, Reading};
    use crate::geometry::PixelRect;

    const SIZE: Size = Size::new(200, 100);

    fn area(x: f32) -> Area {
        Area::on_pixels(Figure::Box, Rect::new(x, 16.0, 16.0, 16.0), SIZE).expect("inside")
    }

    fn plate(x: f32, texts: &[(&str, f32)]) -> Region {
        let candidates = texts.iter().map(|(text, probability)| Candidate {
            text: PlateText::canonical(text).expect("a plate"),
            probability: *probability,
        });
        let reading = (!texts.is_empty()).then(|| Reading { candidates: candidates.collect() });
        Region { kind: RegionKind::Plate, bounds: Rect::new(x, 16.0, 40.0, 12.0), score: 0.5, reading }
    }

    fn of(pictures: Vec<Vec<Region>>, format: Format) -> Vec<(usize, Option<String>)> {
        let pictures = pictures.into_iter().map(|regions| {
            let areas = regions.iter().map(|region| area(region.bounds.x)).collect();
            (regions, areas)
        });
        let told = |sighting: Sighting| {
            let best = sighting.region.reading.map(|reading| reading.candidates[0].text.expose().to_owned());
            (sighting.picture, best)
        };
        distinct(pictures, format).into_iter().map(told).collect()
    }

    #[test]
    fn a_plate_that_moves_along_is_told_once_as_it_was_read_best() {
        let seen = vec![
            vec![plate(10.0, &[("ABC123", 0.4)])],
            vec![plate(16.0, &[])],
            vec![],
            vec![plate(22.0, &[("ABC123", 0.9)]), plate(120.0, &[("XYZ789", 0.8)])],
            vec![plate(30.0, &[("ABC128", 0.5), ("ABC123", 0.4)])],
        ];
        let told = of(seen, Format::Gif);
        assert_eq!(told, [(0, Some("ABC123".to_owned())), (3, Some("XYZ789".to_owned()))]);
    }

    #[test]
    fn another_plate_in_the_same_place_is_another_plate() {
        let seen = |gap: usize| {
            let mut pictures = vec![vec![plate(10.0, &[("ABC123", 0.9)])]];
            pictures.extend((0..gap).map(|_| Vec::new()));
            pictures.push(vec![plate(10.0, &[("XYZ789", 0.9)])]);
            pictures
        };
        assert_eq!(of(seen(0), Format::WebP).len(), 2);
        // Long gone, or on another page, the same reading is told again.
        let again = |gap: usize, format| {
            let mut pictures = vec![vec![plate(10.0, &[("ABC123", 0.9)])]];
            pictures.extend((0..gap).map(|_| Vec::new()));
            pictures.push(vec![plate(10.0, &[("ABC123", 0.9)])]);
            of(pictures, format).len()
        };
        assert_eq!([again(AROUND - 1, Format::Gif), again(AROUND, Format::Gif), again(0, Format::Tiff)], [1, 2, 2]);
        // Two in one picture are never one.
        assert_eq!(of(vec![vec![plate(10.0, &[]), plate(12.0, &[])]], Format::Gif).len(), 2);
    }

    #[test]
    fn what_is_found_on_one_picture_is_blanked_on_those_around_it() {
        let blank = |x| Blank { area: area(x), style: crate::redact::Style::Solid, cells: 0 };
        let mut pictures = vec![Vec::new(); 14];
        pictures[6] = vec![blank(40.0)];
        pictures[7] = vec![blank(40.0), blank(80.0)];
        let counts = |format| -> Vec<usize> { around(pictures.clone(), format).iter().map(Vec::len).collect() };
        assert_eq!(counts(Format::Gif), [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0]);
        assert_eq!(counts(Format::Tiff), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn pages_lie_side_by_side_and_a_book_is_too_much() {
        let (size, at) = places(&[Size::new(90, 70), Size::new(33, 200), Size::new(90, 10)]).expect("fits");
        for (number, (x, y)) in at.iter().enumerate() {
            assert!(x % 8 == 0 && y % 8 == 0);
            let own = |(x, y): (u32, u32)| PixelRect::new(x, y, 96, 200);
            assert!(x + 96 <= size.width && y + 200 <= size.height);
            assert!(at[..number].iter().all(|other| own(*other).rect().overlap(own((*x, *y)).rect()) == 0.0));
        }
        let book = places(&vec![Size::new(2480, 3508); 40]);
        assert!(matches!(book, Err(Unreadable::Redact(RedactError::Sheet { .. }))));
    }
}
