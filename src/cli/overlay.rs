//! Copies of photographs with what was found drawn on them, for an operator's eyes.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use ab_glyph::{FontRef, PxScale};
use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_rect_mut, draw_hollow_rect_mut, draw_text_mut, text_size};
use imageproc::rect::Rect as DrawnRect;
use jpeg_encoder::{ColorType, Encoder, EncodingError};
use thiserror::Error;

use super::inspect::plate_words;
use crate::capture::{Region, RegionKind};
use crate::frame::{DecodeError, Frame};
use crate::geometry::PixelRect;

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
    /// It cannot be encoded.
    #[error("a copy cannot be encoded")]
    Encode(#[source] EncodingError),
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

/// Plates amber, faces cyan: told apart by any eye, on night and snow.
const fn color(kind: RegionKind) -> Rgb<u8> {
    match kind {
        RegionKind::Plate => Rgb([255, 176, 0]),
        RegionKind::Face => Rgb([0, 214, 255]),
    }
}

const INK: Rgb<u8> = Rgb([16, 16, 16]);

/// Good enough to judge by.
const QUALITY: u8 = 88;

impl Overlay {
    /// Copies go into the folder `out`, under the names of their originals.
    pub fn new(out: &Path) -> Self {
        let font = FontRef::try_from_slice(dejavu::sans::bold()).expect("a font that was tested");
        Self { out: out.to_owned(), font }
    }

    /// Draws `regions` and the blanked `areas` on `frame`, decoded from `file`, and writes the copy of the image `name`.
    pub fn draw(
        &self,
        name: &Path,
        file: &[u8],
        frame: Frame,
        regions: &[Region],
        areas: &[PixelRect],
    ) -> Result<(), OverlayError> {
        let mut copy = frame.into_picture(file)?.into_rgb();
        // Readable when the copy is as wide as a screen.
        let text_height = (copy.width().max(copy.height()) as f32 / 64.0).max(12.0);
        for (region, &area) in regions.iter().zip(areas) {
            shade(&mut copy, area, color(region.kind));
        }
        for (region, &area) in regions.iter().zip(areas) {
            self.mark(&mut copy, region, area, text_height);
        }
        let mut file = Vec::new();
        let (width, height) = (copy.width() as u16, copy.height() as u16);
        Encoder::new(&mut file, QUALITY)
            .encode(copy.as_raw(), width, height, ColorType::Rgb)
            .map_err(OverlayError::Encode)?;
        let path = self.out.join(copy_name(name));
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, file));
        written.map_err(|source| OverlayError::Write { path, source })
    }

    fn mark(&self, copy: &mut RgbImage, region: &Region, area: PixelRect, text_height: f32) {
        let color = color(region.kind);
        let label = match region.kind {
            RegionKind::Plate => plate_words(region),
            RegionKind::Face => format!("{} %", (region.score * 100.0).round()),
        };
        // The tight box, as many lines thick as the picture is large.
        if let Some(tight) = region.bounds.pixels(crate::geometry::Size::new(copy.width(), copy.height())) {
            for inset in 0..((text_height / 8.0) as u32).max(1) {
                let (w, h) = (tight.w.saturating_sub(2 * inset), tight.h.saturating_sub(2 * inset));
                if w > 0 && h > 0 {
                    let at = DrawnRect::at((tight.x + inset) as i32, (tight.y + inset) as i32);
                    draw_hollow_rect_mut(copy, at.of_size(w, h), color);
                }
            }
        }
        let scale = PxScale::from(text_height);
        let (width, height) = text_size(scale, &self.font, &label);
        let (width, height) = (width + height / 2, height + height / 2);
        // Above the blanked area, or below it at the picture's top; inside the picture in any case.
        let y =
            if area.y >= height { area.y - height } else { area.bottom().min(copy.height().saturating_sub(height)) };
        let x = area.x.min(copy.width().saturating_sub(width));
        draw_filled_rect_mut(copy, DrawnRect::at(x as i32, y as i32).of_size(width.max(1), height.max(1)), color);
        draw_text_mut(copy, INK, (x + height / 6) as i32, (y + height / 8) as i32, scale, &self.font, &label);
    }
}

/// Diagonal stripes over what will be blanked: it shows how far the grey will reach, and what is under it.
fn shade(copy: &mut RgbImage, area: PixelRect, color: Rgb<u8>) {
    let stripe = (copy.width().max(copy.height()) / 160).max(3);
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            let strength = if ((x + y) / stripe).is_multiple_of(2) { 110 } else { 40 };
            let pixel = copy.get_pixel_mut(x, y);
            for (sample, ink) in pixel.0.iter_mut().zip(color.0) {
                let mixed = u32::from(*sample) * (256 - strength) + u32::from(ink) * strength;
                *sample = (mixed >> 8) as u8;
            }
        }
    }
}

/// The original's name, with an extension that tells the copy's format.
fn copy_name(name: &Path) -> PathBuf {
    // Names come from a walk, but nothing may lead out of the folder.
    let mut path: PathBuf = name.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let is_jpeg = path.extension().is_some_and(|extension| extension == "jpg" || extension == "jpeg");
    if !is_jpeg {
        path.as_mut_os_string().push(".jpg");
    }
    path
}
