//! Areas become blank, and what was removed gives the original back.
//!
//! Owns what takes the place of blanked pixels, the grid to which areas keep, and how a scene is coded. Knows nothing of
//! keys, vaults or files, nor of how areas were found.
//!
//! This is the pixel path: decode, fill, encode. A scene is always a JPEG without any metadata segment, whatever the
//! original was: it is for looking at, and the original lies whole in [`Redaction::removed`]. A scene of a JPEG is
//! coded with the original's own quantisation tables and chroma sampling, which loses next to nothing; others are coded
//! at quality 95 with full chroma, which is visually lossless at a tenth of a PNG's size and time.

use std::borrow::Cow;

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, QuantizationTableType, SamplingFactor};
use thiserror::Error;

use crate::frame::{Frame, JpegCoding, LumaSource, Pixels};
use crate::geometry::{PixelRect, Rect, Size};

/// What takes the place of blanked pixels: middle grey, whose blocks are all zero in every JPEG table, and which is
/// told apart from both night and glare.
pub const FILL: u8 = 128;

/// Sides of blanked areas are multiples of this: the largest coding unit of a usual JPEG (4:2:0). A block is then blank
/// as a whole or not at all, and nothing of a region is left in the coefficients of a block it shares.
pub const GRID: u32 = 16;

/// Quality of scenes whose original was not a JPEG.
const LOSSLESS_SOURCE_QUALITY: u8 = 95;

/// The pixels to blank on an image of `size` for a box that reaches as far as must be hidden, margins included: widened
/// to [`GRID`]. `None` when the box touches no pixel.
pub fn redaction_area(wide: Rect, size: Size) -> Option<PixelRect> {
    let PixelRect { x, y, w, h } = wide.pixels(size)?;
    let left = x / GRID * GRID;
    let top = y / GRID * GRID;
    let right = (x + w).next_multiple_of(GRID).min(size.width);
    let bottom = (y + h).next_multiple_of(GRID).min(size.height);
    Some(PixelRect::new(left, top, right - left, bottom - top))
}

/// A redacted image and what was taken from it.
pub struct Redaction<'o> {
    /// The scene: a file of its own, without metadata.
    pub scene: Vec<u8>,
    /// The scene's media type.
    pub media_type: &'static str,
    /// How `removed` gives the original back.
    pub method: Method,
    /// What the scene does not show; borrowed where it is the original itself.
    pub removed: Cow<'o, [u8]>,
}

/// How the original is restored. The numbers are part of the vault's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// What was removed is the original file whole.
    Whole = 0,
}

impl Method {
    /// The format's number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The method of a number that a record holds; `None` when this version does not know it.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Whole),
            _ => None,
        }
    }
}

/// Why a scene could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedactError {
    /// The encoder refused.
    #[error("the scene could not be encoded")]
    Encode(#[source] EncodingError),
    /// A side longer than a JPEG can have.
    #[error("an image of {}x{} pixels is too long for a JPEG", .0.width, .0.height)]
    TooLong(Size),
}

/// Blanks `areas` of `frame` and encodes what is left. `original` is the file that `frame` was decoded from.
///
/// # Errors
///
/// When the scene cannot be encoded; then nothing may be shown of the image.
pub fn redact<'o>(mut frame: Frame, original: &'o [u8], areas: &[PixelRect]) -> Result<Redaction<'o>, RedactError> {
    for &area in areas {
        frame.fill(area, FILL);
    }
    Ok(Redaction { scene: encode(&frame)?, media_type: "image/jpeg", method: Method::Whole, removed: original.into() })
}

fn encode(frame: &Frame) -> Result<Vec<u8>, RedactError> {
    let size = frame.size();
    let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height)) else {
        return Err(RedactError::TooLong(size));
    };
    // A fifth of a byte a pixel is what photographs of usual quality take.
    let mut scene = Vec::with_capacity(size.pixels() as usize / 5 + 1024);
    let mut encoder = Encoder::new(&mut scene, LOSSLESS_SOURCE_QUALITY);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    match frame.coding() {
        Some(JpegCoding { luma, chroma, sampling }) => {
            // The encoder writes 8-bit tables.
            let table = |values: &[u16; 64]| QuantizationTableType::Custom(Box::new(values.map(|v| v.clamp(1, 255))));
            encoder.set_quantization_tables(table(luma), table(chroma));
            let factor = SamplingFactor::from_factors(sampling.horizontal, sampling.vertical);
            encoder.set_sampling_factor(factor.unwrap_or(SamplingFactor::F_1_1));
        }
        None => encoder.set_sampling_factor(SamplingFactor::F_1_1),
    }
    let (samples, color) = match frame.pixels() {
        Pixels::Gray(samples) => (samples, ColorType::Luma),
        Pixels::Ycbcr(samples) => (samples, ColorType::Ycbcr),
        Pixels::Rgb(samples) => (samples, ColorType::Rgb),
    };
    encoder.encode(samples, width, height, color).map_err(RedactError::Encode)?;
    Ok(scene)
}

/// Why an original could not be restored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The record was written by a later version.
    #[error("the restore method {0} is not known to this version")]
    UnknownMethod(u8),
    /// What came out is not what went in.
    #[error("the restored file does not have the recorded BLAKE3")]
    Digest,
}

/// Gives back the original file byte for byte, from what an identity record holds: the `method`'s number, what was
/// `removed`, and the original's `blake3`, which is checked.
///
/// # Errors
///
/// When the method is unknown or the digest differs.
pub fn restore(method: u8, removed: Vec<u8>, blake3: &[u8; 32]) -> Result<Vec<u8>, RestoreError> {
    let original = match Method::from_code(method).ok_or(RestoreError::UnknownMethod(method))? {
        Method::Whole => removed,
    };
    if blake3::hash(&original) == *blake3 { Ok(original) } else { Err(RestoreError::Digest) }
}

#[cfg(test)]
mod tests;
