//! Copies of photographs with what was found drawn on them, for an operator's eyes.
//!
//! Stripes show what will be blanked, a frame shows the box that was found, a label what a plate says and how sure that
//! is. Owns colours, sizes and the places of labels.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use ab_glyph::{FontRef, PxScale};
use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_rect_mut, draw_text_mut, text_size};
use imageproc::rect::Rect as DrawnRect;
use thiserror::Error;

use super::inspect::plate_words;
use crate::capture::{Region, RegionKind};
use crate::files;
use crate::frame::{DecodeError, Frame, JpegCoding, Pixels, Sampling};
use crate::geometry::{PixelRect, Size};
use crate::jpeg;
use crate::redact::Area;

mod labels;

use labels::Places;

/// A folder that gets the copies.
pub struct Overlay {
    out: PathBuf,
    font: FontRef<'static>,
}

/// Why a copy was not written.
#[derive(Debug, Error)]
pub enum OverlayError {
    /// Its pixels cannot be decoded.
    #[error("a copy cannot be decoded")]
    Decode(#[from] DecodeError),
    /// It cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Plates amber, faces cyan, heads violet: told apart by any eye, on night and snow.
const fn color(kind: RegionKind) -> Rgb<u8> {
    match kind {
        RegionKind::Plate => Rgb([255, 176, 0]),
        RegionKind::Face => Rgb([0, 214, 255]),
        RegionKind::Head => Rgb([214, 160, 255]),
    }
}

const INK: Rgb<u8> = Rgb([16, 16, 16]);

/// Good enough to judge by.
const QUALITY: u8 = 88;

/// Copies of smaller pictures are enlarged by whole factors up to this long side: labels are legible then and do not hide
/// the picture.
const LEGIBLE: u32 = 960;
const MAX_ENLARGEMENT: u32 = 8;

/// Sizes on a copy, in its pixels.
#[derive(Clone, Copy)]
struct Measures {
    /// Of an original pixel.
    enlargement: u32,
    /// Height of plates' labels, and the most that faces' have.
    text: f32,
    /// The least that a label of a small face has.
    small_text: f32,
    /// Width of frames.
    line: u32,
    /// Width of stripes.
    stripe: u32,
}

impl Measures {
    /// Of the copy of an image of `size`, so that all is well seen when the copy is as wide as a screen.
    fn of(size: Size) -> Self {
        let long = size.width.max(size.height);
        let enlargement = LEGIBLE.div_ceil(long).min(MAX_ENLARGEMENT);
        // Larger ones are looked at piece by piece, where labels of the same share would hide what they stand beside.
        let screen = ((long * enlargement) as f32 / 1280.0).clamp(0.75, 2.0);
        let scaled = |pixels: f32| (pixels * screen).round() as u32;
        Self { enlargement, text: 20.0 * screen, small_text: 12.0 * screen, line: scaled(2.0), stripe: scaled(7.0) }
    }

    fn enlarged(self, area: PixelRect) -> PixelRect {
        let PixelRect { x, y, w, h } = area;
        PixelRect::new(x * self.enlargement, y * self.enlargement, w * self.enlargement, h * self.enlargement)
    }
}

impl Overlay {
    /// Copies go into the folder `out`, under the names of their originals.
    pub fn new(out: &Path) -> Self {
        let font = FontRef::try_from_slice(dejavu::sans::bold()).expect("a font that was tested");
        Self { out: out.to_owned(), font }
    }

    /// Draws `regions` and the blanked `areas` on `frame`, decoded from `file`, and writes the copy of the image `name`, which
    /// lies at `source`.
    pub fn draw(
        &self,
        name: &Path,
        source: &Path,
        file: &[u8],
        frame: Frame,
        regions: &[Region],
        areas: &[Area],
    ) -> Result<(), OverlayError> {
        let copy = self.copy(frame.into_picture(file)?.into_rgb(), regions, areas);
        // A copy is no larger than an image may be. Thin lines in colour need all chroma.
        let size = Size::new(copy.width(), copy.height());
        let coding = JpegCoding::of_quality(QUALITY, Sampling { horizontal: 1, vertical: 1 });
        let file = jpeg::encode(size, &Pixels::Rgb(copy.into_raw()), &coding, &[]);
        let path = self.out.join(copy_name(name, source));
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| std::io::Write::write_all(&mut files::create_private(&path)?, &file));
        written.map_err(|source| OverlayError::Write { path, source })
    }

    fn copy(&self, picture: RgbImage, regions: &[Region], areas: &[Area]) -> RgbImage {
        let size = Size::new(picture.width(), picture.height());
        let measures = Measures::of(size);
        let mut copy = match measures.enlargement {
            1 => picture,
            times => resize(&picture, size.width * times, size.height * times, FilterType::Triangle),
        };
        let mut shaded = Vec::new();
        for (region, area) in regions.iter().zip(areas) {
            let area: Vec<PixelRect> = area.pieces().iter().map(|piece| measures.enlarged(*piece)).collect();
            shade(&mut copy, &area, &shaded, color(region.kind), measures.stripe);
            shaded.extend(area);
        }
        let tight: Vec<(&Region, PixelRect)> = regions
            .iter()
            .filter_map(|region| Some((region, measures.enlarged(region.bounds.pixels(size)?))))
            .collect();
        for (region, bounds) in &tight {
            frame_mut(&mut copy, *bounds, measures.line, color(region.kind));
        }
        let mut places = Places::new(Size::new(copy.width(), copy.height()), tight.iter().map(|(_, bounds)| *bounds));
        // Plates first: their labels are longer, and say more.
        let (plates, faces): (Vec<_>, Vec<_>) =
            tight.into_iter().partition(|(region, _)| region.kind == RegionKind::Plate);
        for (region, bounds) in plates.into_iter().chain(faces) {
            self.label(&mut copy, region, bounds, measures, &mut places);
        }
        copy
    }

    fn label(&self, copy: &mut RgbImage, region: &Region, bounds: PixelRect, measures: Measures, places: &mut Places) {
        let (label, height) = match region.kind {
            RegionKind::Plate => (plate_words(region), measures.text),
            RegionKind::Face | RegionKind::Head => {
                let height = (bounds.h as f32 / 3.0).clamp(measures.small_text, measures.text);
                (format!("{} %", (region.score * 100.0).round()), height)
            }
        };
        let scale = PxScale::from(height);
        let (width, height) = text_size(scale, &self.font, &label);
        let place = places.take(bounds, Size::new(width + height / 2, height + height / 2));
        let PixelRect { x, y, w, h } = place;
        draw_filled_rect_mut(copy, drawn(x, y, w, h), color(region.kind));
        draw_text_mut(copy, INK, (x + height / 5) as i32, (y + height / 8) as i32, scale, &self.font, &label);
    }
}

fn drawn(x: u32, y: u32, w: u32, h: u32) -> DrawnRect {
    DrawnRect::at(x as i32, y as i32).of_size(w.max(1), h.max(1))
}

/// A frame of `line` pixels inside `bounds`, with a dark edge on either side: seen on night and snow.
fn frame_mut(copy: &mut RgbImage, bounds: PixelRect, line: u32, color: Rgb<u8>) {
    let edge = line.div_ceil(2);
    let (x, y) = (bounds.x.saturating_sub(edge), bounds.y.saturating_sub(edge));
    let right = (bounds.right() + edge).min(copy.width());
    let bottom = (bounds.bottom() + edge).min(copy.height());
    strips(copy, PixelRect::new(x, y, right - x, bottom - y), line + 2 * edge, INK);
    strips(copy, bounds, line, color);
}

/// The four sides of `bounds`, `thick` pixels of them.
fn strips(copy: &mut RgbImage, bounds: PixelRect, thick: u32, color: Rgb<u8>) {
    let PixelRect { x, y, w, h } = bounds;
    let (across, down) = (thick.min(w), thick.min(h));
    for side in [
        drawn(x, y, w, down),
        drawn(x, bounds.bottom() - down, w, down),
        drawn(x, y, across, h),
        drawn(bounds.right() - across, y, across, h),
    ] {
        draw_filled_rect_mut(copy, side, color);
    }
}

/// Diagonal stripes over the boxes of one `area`, which will be blanked: they show how far the grey will reach, and what is
/// under it. What an `earlier` one has striped stays as it is, so that a crowd is not painted over.
fn shade(copy: &mut RgbImage, area: &[PixelRect], earlier: &[PixelRect], color: Rgb<u8>, stripe: u32) {
    for piece in area {
        let meets = |other: &&PixelRect| other.rect().overlap(piece.rect()) > 0.0;
        let earlier: Vec<&PixelRect> = earlier.iter().filter(meets).collect();
        let is_in = |x: u32, y: u32| piece.contains(x, y) || area.iter().any(|other| other.contains(x, y));
        for y in piece.y..piece.bottom() {
            for x in piece.x..piece.right() {
                if earlier.iter().any(|other| other.contains(x, y)) {
                    continue;
                }
                let before = x > 0 && is_in(x - 1, y) && y > 0 && is_in(x, y - 1);
                let strength = match (x + y) / stripe % 2 {
                    _ if !(before && is_in(x + 1, y) && is_in(x, y + 1)) => 200,
                    0 => 96,
                    _ => 28,
                };
                let pixel = copy.get_pixel_mut(x, y);
                for (sample, ink) in pixel.0.iter_mut().zip(color.0) {
                    let mixed = u32::from(*sample) * (256 - strength) + u32::from(ink) * strength;
                    *sample = (mixed >> 8) as u8;
                }
            }
        }
    }
}

/// The original's name, with an extension that tells the copy's format; no other image of the folder has the same: where the
/// copy of `a.png` is `a.png.jpg`, that of an image of this name has the extension once more, and so on.
fn copy_name(name: &Path, source: &Path) -> PathBuf {
    // Names come from a walk, but nothing may lead out of the folder.
    let mut path: PathBuf = name.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let is_jpeg = path.extension().is_some_and(|extension| extension == "jpg" || extension == "jpeg");
    let is_anothers =
        path.extension().is_some_and(|extension| extension == "jpg") && source.with_extension("").is_file();
    if !is_jpeg || is_anothers {
        path.as_mut_os_string().push(".jpg");
    }
    // Nor is a folder of images called so.
    while path.file_name().is_some_and(|copy| source.with_file_name(copy).is_dir()) {
        path.as_mut_os_string().push(".jpg");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use crate::redact::Figure;

    fn region(kind: RegionKind, x: f32, y: f32, w: f32, h: f32) -> Region {
        Region { kind, bounds: Rect::new(x, y, w, h), score: 0.5, reading: None }
    }

    fn copy(size: Size, regions: &[Region]) -> RgbImage {
        let picture = RgbImage::from_pixel(size.width, size.height, Rgb([90, 90, 90]));
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, image::ImageFormat::Png).expect("encodes");
        let frame = Frame::decode(file.get_ref(), &crate::frame::Limits::default()).expect("decodes");
        let area = |region: &Region| {
            let margin = region.bounds.w / 2.0;
            let figure = if region.kind == RegionKind::Face { Figure::Oval } else { Figure::Box };
            Area::new(figure, region.bounds.grown(margin, margin), &frame).expect("inside")
        };
        let areas: Vec<Area> = regions.iter().map(area).collect();
        Overlay::new(Path::new("nowhere")).copy(picture, regions, &areas)
    }

    #[test]
    fn small_pictures_are_enlarged_and_large_ones_stay() {
        let side = |width, height| copy(Size::new(width, height), &[]).width();
        assert_eq!(
            [side(1280, 720), side(960, 20), side(612, 408), side(90, 160), side(1, 1)],
            [1280, 960, 1224, 540, 8]
        );
    }

    #[test]
    fn labels_do_not_grow_with_large_pictures() {
        let text = |side| Measures::of(Size::new(side, side * 3 / 4)).text;
        assert!(text(2560) > text(1280) && text(12_000) == text(2560));
    }

    #[test]
    fn anything_can_be_drawn_on_anything() {
        for size in [Size::new(1, 1), Size::new(3, 200), Size::new(200, 3), Size::new(64, 48), Size::new(2000, 40)] {
            let (w, h) = (size.width as f32, size.height as f32);
            let mut regions: Vec<Region> =
                (0..40).map(|i| region(RegionKind::Face, w * i as f32 / 50.0, h / 3.0, w / 9.0, h / 3.0)).collect();
            regions.push(region(RegionKind::Plate, 0.0, 0.0, w, h));
            regions.push(region(RegionKind::Plate, w - 0.5, h - 0.5, 0.5, 0.5));
            copy(size, &regions);
        }
    }

    #[test]
    fn what_overlaps_is_striped_once() {
        let striped = |areas: &[PixelRect]| {
            let mut copy = RgbImage::from_pixel(100, 80, Rgb([90, 90, 90]));
            (0..areas.len()).for_each(|at| shade(&mut copy, &areas[at..=at], &areas[..at], color(RegionKind::Face), 7));
            copy
        };
        let (area, beside) = (PixelRect::new(10, 10, 50, 40), PixelRect::new(30, 20, 50, 40));
        let alone = striped(&[area]);
        assert_eq!(striped(&[area, area]), alone);
        let both = striped(&[area, beside]);
        assert_eq!(both.get_pixel(40, 30), alone.get_pixel(40, 30));
        assert_ne!(both.get_pixel(70, 30), alone.get_pixel(70, 30));
        assert_eq!(both.get_pixel(90, 70), &Rgb([90, 90, 90]));
    }
}
