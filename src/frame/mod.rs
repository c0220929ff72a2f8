//! Any image file becomes a [`Frame`], within limits, or a [`DecodeError`] that says why not.
//!
//! Owns decoding, its limits, and the rule that a file which ends early is refused, never shown in part. Knows nothing
//! of plates, faces, keys or vaults.
//!
//! Decoding has two steps, so that a caller can make room before any pixel is allocated: [`Header::read`] looks at the
//! structure only, [`Header::decode`] does the work.

use std::borrow::Cow;

use image::RgbImage;
use thiserror::Error;

use crate::geometry::{PixelRect, Size};

mod format;
mod jpeg;
mod luma;
mod raster;
mod upright;

pub use format::Format;
pub use jpeg::{JpegCoding, Sampling};
pub use upright::{Orientation, Upright};

/// 8-bit luma, rows top down without gaps.
#[derive(Clone, PartialEq, Eq)]
pub struct GrayPlane {
    /// Pixels across and down.
    pub size: Size,
    /// `width × height` bytes.
    pub data: Vec<u8>,
}

/// What the eyes may ask of an image. The pixel path answers from decoded pixels; a coefficient-domain path can answer
/// without ever decoding what nobody asks for.
pub trait LumaSource {
    /// Size of the stored image.
    fn size(&self) -> Size;

    /// Luma at 1/`denominator` of the size (1, 2, 4 or 8), each pixel the mean of those it stands for; an edge that does
    /// not divide is rounded up.
    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane>;

    /// Luma of `area` at full size. `area` must lie inside the image.
    fn crop(&self, area: PixelRect) -> GrayPlane;
}

/// How large an image may be. Checked against the header, before anything is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most pixels.
    pub max_pixels: u64,
    /// Most bytes that decoding may hold at once.
    pub max_decoded_bytes: u64,
}

impl Limits {
    /// No side may be longer: it is the longest that a JPEG scene can have.
    pub const MAX_SIDE: u32 = 65_535;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The largest cameras in the field make 150 megapixels; a "bomb" claims thousands.
            max_pixels: 200_000_000,
            // 108 megapixels in 16-bit colour, the costliest picture that sites are known to send, need 972 MB.
            max_decoded_bytes: 1 << 30,
        }
    }
}

/// Why a file cannot be examined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are those of no supported format.
    #[error("not a JPEG, PNG, WebP, TIFF or BMP image")]
    NotAnImage,
    /// The structure ends before the image does.
    #[error("the {format} file ends early")]
    Truncated {
        /// Format by content.
        format: Format,
    },
    /// The header claims more pixels than the limit.
    #[error("the {format} header claims {}x{} pixels; the limit is {limit} in all and {} a side", size.width, size.height, Limits::MAX_SIDE)]
    TooLarge {
        /// Format by content.
        format: Format,
        /// Size as claimed.
        size: Size,
        /// [`Limits::max_pixels`].
        limit: u64,
    },
    /// The pixels would take more memory than the limit.
    #[error("decoding the {format} image needs {needed} bytes; the limit is {limit}")]
    TooCostly {
        /// Format by content.
        format: Format,
        /// Bytes that decoding would hold.
        needed: u64,
        /// [`Limits::max_decoded_bytes`].
        limit: u64,
    },
    /// A variant of the format that nobody here decodes.
    #[error("{feature} in a {format} file is not supported")]
    Unsupported {
        /// Format by content.
        format: Format,
        /// What it is.
        feature: &'static str,
    },
    /// The structure contradicts the format's rules.
    #[error("the {format} structure is damaged: {detail}")]
    Damaged {
        /// Format by content.
        format: Format,
        /// Which rule is broken.
        detail: &'static str,
    },
    /// The JPEG decoder refused.
    #[error("the JPEG data is damaged")]
    Jpeg(#[source] zune_jpeg::errors::DecodeErrors),
    /// The decoder of another format refused.
    #[error("the {format} data is damaged")]
    Raster {
        /// Format by content.
        format: Format,
        /// What the decoder says.
        #[source]
        source: image::ImageError,
    },
}

/// What is known of an image before a pixel is decoded. The file's structure has been walked to its end.
pub struct Header {
    format: Format,
    size: Size,
    decoded_bytes: u64,
    jpeg: Option<jpeg::Structure>,
}

impl Header {
    /// Recognises `file` by its content and checks its structure and its claims against `limits`.
    ///
    /// # Errors
    ///
    /// Whatever makes the file unreadable and can be seen without decoding, truncation above all.
    pub fn read(file: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        if file.is_empty() {
            return Err(DecodeError::Empty);
        }
        let format = Format::sniff(file).ok_or(DecodeError::NotAnImage)?;
        let header = match format {
            Format::Jpeg => {
                let jpeg = jpeg::Structure::read(file)?;
                Self { format, size: jpeg.size(), decoded_bytes: jpeg.decoded_bytes(), jpeg: Some(jpeg) }
            }
            Format::Png | Format::WebP | Format::Tiff | Format::Bmp => {
                let (size, decoded_bytes) = raster::claims(file, format, limits)?;
                Self { format, size, decoded_bytes, jpeg: None }
            }
        };
        header.within(limits)
    }

    fn within(self, limits: &Limits) -> Result<Self, DecodeError> {
        let Self { format, size, decoded_bytes: needed, .. } = self;
        if size.width == 0 || size.height == 0 {
            return Err(DecodeError::Damaged { format, detail: "a side of zero pixels" });
        }
        if size.pixels() > limits.max_pixels || size.width.max(size.height) > Limits::MAX_SIDE {
            return Err(DecodeError::TooLarge { format, size, limit: limits.max_pixels });
        }
        if needed > limits.max_decoded_bytes {
            return Err(DecodeError::TooCostly { format, needed, limit: limits.max_decoded_bytes });
        }
        Ok(self)
    }

    /// Size of the stored image.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Format by content.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Most bytes that [`Header::decode`] holds at once, the file itself not counted.
    pub fn decoded_bytes(&self) -> u64 {
        self.decoded_bytes
    }

    /// Decodes the `file` that this header was read from.
    ///
    /// # Errors
    ///
    /// When the compressed data is damaged or ends early. Nothing is ever decoded in part.
    pub fn decode(self, file: &[u8], limits: &Limits) -> Result<Frame, DecodeError> {
        match self.jpeg {
            Some(structure) => structure.decode(file),
            None => raster::decode(file, self.format, limits),
        }
    }
}

/// A decoded image: 8 bits a sample, no alpha, no metadata but the way up.
pub struct Frame {
    size: Size,
    format: Format,
    orientation: Orientation,
    pixels: Pixels,
    coding: Option<JpegCoding>,
}

/// Samples, rows top down without gaps.
pub(crate) enum Pixels {
    Gray(Vec<u8>),
    Ycbcr(Vec<u8>),
    Rgb(Vec<u8>),
}

impl Frame {
    /// Reads the header of `file`, then decodes it.
    ///
    /// # Errors
    ///
    /// See [`Header::read`] and [`Header::decode`].
    pub fn decode(file: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Header::read(file, limits)?.decode(file, limits)
    }

    /// Format by content.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Which way up the camera was held. Boxes and pixels are those of the *stored* image all the same.
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// How a JPEG was coded, so that its scene can be coded alike.
    pub(crate) fn coding(&self) -> Option<&JpegCoding> {
        self.coding.as_ref()
    }

    pub(crate) fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// The picture in colour, for showing.
    pub(crate) fn into_rgb(self) -> RgbImage {
        let Size { width, height } = self.size;
        let samples = match self.pixels {
            Pixels::Gray(gray) => gray.iter().flat_map(|&v| [v, v, v]).collect(),
            Pixels::Rgb(samples) => samples,
            Pixels::Ycbcr(mut samples) => {
                for pixel in samples.chunks_exact_mut(3) {
                    let [y, cb, cr] = [0, 1, 2].map(|i| i32::from(pixel[i]));
                    let (cb, cr) = (cb - 128, cr - 128);
                    // JPEG's inverse (BT.601, full range) in 1/65536.
                    let rgb = [91_881 * cr, -22_554 * cb - 46_802 * cr, 116_130 * cb];
                    for (sample, delta) in pixel.iter_mut().zip(rgb) {
                        *sample = (y + ((delta + 32_768) >> 16)).clamp(0, 255) as u8;
                    }
                }
                samples
            }
        };
        RgbImage::from_raw(width, height, samples).expect("as many samples as pixels")
    }

    /// Makes `area` one flat grey.
    pub(crate) fn fill(&mut self, area: PixelRect, gray: u8) {
        let width = self.size.width as usize;
        let (samples, color): (&mut [u8], &[u8]) = match &mut self.pixels {
            Pixels::Gray(samples) => (samples, &[gray]),
            // Luma, and chroma at its middle.
            Pixels::Ycbcr(samples) => (samples, &[gray, 128, 128]),
            Pixels::Rgb(samples) => (samples, &[gray, gray, gray]),
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

impl LumaSource for Frame {
    fn size(&self) -> Size {
        self.size
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        Cow::Owned(luma::reduced(&self.pixels, self.size, denominator))
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        luma::crop(&self.pixels, self.size, area)
    }
}

#[cfg(test)]
pub(crate) mod tests;
