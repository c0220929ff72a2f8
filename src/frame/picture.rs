//! An image as pixels.

use std::borrow::Cow;

use image::{DynamicImage, GrayImage, RgbImage};

use super::{GrayPlane, JpegCoding, LumaSource, luma};
use crate::geometry::{PixelRect, Size};
use crate::jpeg::Fill;

/// Samples, rows top down without gaps.
#[derive(Clone)]
pub(crate) enum Pixels {
    Gray(Vec<u8>),
    Ycbcr(Vec<u8>),
    Rgb(Vec<u8>),
}

impl Pixels {
    /// Luma and chroma to colours: JPEG's inverse (BT.601, full range) in 1/65536.
    pub(crate) fn to_rgb(pixel: &mut [u8; 3]) {
        let [y, cb, cr] = pixel.map(i32::from);
        let (cb, cr) = (cb - 128, cr - 128);
        let rgb = [91_881 * cr, -22_554 * cb - 46_802 * cr, 116_130 * cb];
        *pixel = rgb.map(|delta| (y + ((delta + 32_768) >> 16)).clamp(0, 255) as u8);
    }
}

/// All pixels of an image.
#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) size: Size,
    /// Pixels across and down whose samples are their own: what a unit shows does not depend on its neighbours.
    pub(crate) unit: (u32, u32),
    pub(crate) pixels: Pixels,
    /// What the eyes see where that is something else: the luma of a picture that uses a small part of its range.
    pub(crate) seen: Option<Pixels>,
    /// What the eyes see beside that: see [`LumaSource::layer`].
    pub(crate) layers: Vec<Picture>,
    /// How it was coded where it was a JPEG, so that its scene can be coded alike.
    pub(crate) coding: Option<JpegCoding>,
    /// Whether the samples are all that the file holds of its picture, so that a copy need not decode it again.
    pub(crate) stored: bool,
}

impl Picture {
    /// A picture of luma alone.
    pub(crate) fn gray(size: Size, luma: Vec<u8>) -> Self {
        let pixels = Pixels::Gray(luma);
        Self { size, unit: (1, 1), pixels, seen: None, layers: Vec::new(), coding: None, stored: false }
    }

    /// As an image of `image`'s.
    pub(super) fn into_image(self) -> DynamicImage {
        let Size { width, height } = self.size;
        match self.pixels {
            Pixels::Gray(samples) => {
                GrayImage::from_raw(width, height, samples).expect("as many samples as pixels").into()
            }
            Pixels::Rgb(_) | Pixels::Ycbcr(_) => self.into_rgb().into(),
        }
    }

    fn looked_at(&self) -> &Pixels {
        self.seen.as_ref().unwrap_or(&self.pixels)
    }

    /// In colour, for showing.
    pub(crate) fn into_rgb(self) -> RgbImage {
        let Size { width, height } = self.size;
        let samples = match self.pixels {
            Pixels::Gray(gray) => gray.iter().flat_map(|&v| [v, v, v]).collect(),
            Pixels::Rgb(samples) => samples,
            Pixels::Ycbcr(mut samples) => {
                let (pixels, _) = samples.as_chunks_mut::<3>();
                pixels.iter_mut().for_each(Pixels::to_rgb);
                samples
            }
        };
        RgbImage::from_raw(width, height, samples).expect("as many samples as pixels")
    }

    /// The mean colour of `area`.
    pub(crate) fn mean(&self, area: PixelRect) -> Fill {
        let width = self.size.width as usize;
        let (samples, count) = match &self.pixels {
            Pixels::Gray(samples) => (samples, 1),
            Pixels::Ycbcr(samples) | Pixels::Rgb(samples) => (samples, 3),
        };
        let mut sums = [0u64; 3];
        for row in samples.chunks_exact(width * count).take(area.bottom() as usize).skip(area.y as usize) {
            for pixel in row[area.x as usize * count..area.right() as usize * count].chunks_exact(count) {
                sums.iter_mut().zip(pixel).for_each(|(sum, sample)| *sum += u64::from(*sample));
            }
        }
        let pixels = (u64::from(area.w) * u64::from(area.h)).max(1);
        let [first, second, third] = sums.map(|sum| (sum / pixels) as u8);
        match &self.pixels {
            Pixels::Gray(_) => Fill { y: first, cb: 128, cr: 128 },
            Pixels::Ycbcr(_) => Fill { y: first, cb: second, cr: third },
            Pixels::Rgb(_) => Fill::from_rgb([first, second, third]),
        }
    }

    /// Makes `area` one colour.
    pub(crate) fn fill(&mut self, area: PixelRect, Fill { y, cb, cr }: Fill) {
        let width = self.size.width as usize;
        let mut rgb = [y, cb, cr];
        Pixels::to_rgb(&mut rgb);
        let (samples, color): (&mut [u8], &[u8]) = match &mut self.pixels {
            Pixels::Gray(samples) => (samples, &[y]),
            Pixels::Ycbcr(samples) => (samples, &[y, cb, cr]),
            Pixels::Rgb(samples) => (samples, &rgb),
        };
        for row in samples.chunks_exact_mut(width * color.len()).take(area.bottom() as usize).skip(area.y as usize) {
            for pixel in
                row[area.x as usize * color.len()..area.right() as usize * color.len()].chunks_exact_mut(color.len())
            {
                pixel.copy_from_slice(color);
            }
        }
    }
}

impl LumaSource for Picture {
    fn size(&self) -> Size {
        self.size
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        Cow::Owned(luma::reduced(self.looked_at(), self.size, denominator))
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        luma::crop(self.looked_at(), self.size, area)
    }

    fn layer(&self, number: usize) -> Option<&dyn LumaSource> {
        self.layers.get(number).map(|layer| layer as &dyn LumaSource)
    }
}
