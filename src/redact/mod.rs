//! Areas become blank, and what was removed gives the original back.
//!
//! Owns what takes the place of blanked pixels, the grid to which areas keep, and how a scene is coded. Knows nothing of
//! keys, vaults or files, nor of how areas were found.
//!
//! A scene is always a JPEG, whatever the original was: it is for looking at. Of metadata it has nothing but the one tag that
//! says which way up it is, where the original was not stored upright.
//!
//! - An image that is held as coefficients is *spliced*: its scene is the original's own bits but for flat areas, and
//!   scene and [`Redaction::removed`] together give back the original.
//! - A JPEG of several scans is made sequential first; its scene, too, has the original's coefficients but for flat areas,
//!   and the original lies whole in [`Redaction::removed`].
//! - Any other is decoded, filled and coded anew, and the original lies whole in [`Redaction::removed`]. A JPEG's scene is
//!   then coded with the original's own quantisation tables and chroma sampling, which loses next to nothing; others are
//!   coded at quality 95 with full chroma, which is visually lossless at a tenth of a PNG's size and time.

use std::borrow::Cow;

use thiserror::Error;

use crate::frame::{Content, DecodeError, Frame, JpegCoding, Limits, Picture, Pixels, Sampling};
use crate::geometry::{PixelRect, Rect, Size};
use crate::jpeg::{self, Fill, Jpeg, Segment, Spliced};

mod area;
mod copy;
pub mod exif;
mod metadata;
pub mod panorama;
mod png_colours;
mod profile;
mod several;
mod style;

pub use area::{Area, Figure, covered, pieces};
pub use copy::{Manner, copy};
pub use metadata::{Words, published};
pub use several::copy_all;
pub use style::{Blank, CELLS, LEAST, STEP, Style};

/// What takes the place of blanked pixels: middle grey, whose blocks are all zero in every JPEG table, and which is
/// told apart from both night and glare.
pub const FILL: u8 = 128;

/// Markers of application segments.
const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;

/// Quality of scenes whose original was not a JPEG.
const LOSSLESS_SOURCE_QUALITY: u8 = 95;

/// A redacted image and what was taken from it.
pub struct Redaction<'o> {
    /// The scene: a file of its own, without metadata but which way up it is.
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
    /// What was removed gives the original back together with the scene, see [`crate::jpeg::restore`].
    Spliced = 1,
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
            1 => Some(Self::Spliced),
            _ => None,
        }
    }
}

/// Why a scene could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedactError {
    /// An image whose coefficients cannot be spliced gives no samples.
    #[error("the scene could not be made from pixels")]
    Decode(#[from] DecodeError),
    /// The encoder of another format refused.
    #[error("the copy could not be encoded")]
    EncodeRaster(#[source] image::ImageError),
    /// The encoder of JPEG XL refused, as it does where a side is one pixel.
    #[error("the copy of {width}x{height} pixels could not be encoded")]
    EncodeJpegXl {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The encoder of GIF refused.
    #[error("the copy could not be encoded")]
    EncodeGif(#[source] gif::EncodingError),
    /// The encoder of animated PNG refused.
    #[error("the copy could not be encoded")]
    EncodePng(#[source] png::EncodingError),
    /// The encoder of TIFF pages refused.
    #[error("the copy could not be encoded")]
    EncodeTiff(#[source] tiff::TiffError),
    /// A copy of many pictures that swells beyond what memory is meant for.
    #[error("the copy would be longer than {0} bytes")]
    TooMuch(usize),
    /// A format of which no copy can be written.
    #[error("no copy can be written in the format {0}")]
    NoCopy(crate::frame::Format),
    /// An area that was to be blanked touches no pixel: what it was to hide may be anywhere.
    #[error(
        "the area [{}, {}, {}, {}] lies outside of the picture of {}x{} pixels",
        .area.x, .area.y, .area.w, .area.h, .size.width, .size.height
    )]
    Outside {
        /// As given.
        area: Rect,
        /// The picture's.
        size: Size,
    },
    /// Pages that one scene cannot show.
    #[error(
        "its pages take a sheet of {width}x{height} pixels; a scene has {} a side and {} in all",
        Limits::MAX_SIDE, Limits::default().max_pixels
    )]
    Sheet {
        /// Pixels across.
        width: u64,
        /// Pixels down.
        height: u64,
    },
    /// A side longer than a JPEG can have.
    #[error("an image of {}x{} pixels is too long for a JPEG", .0.width, .0.height)]
    TooLong(Size),
}

/// Blanks `areas` of `frame` and encodes what is left. `original` is the file that `frame` was decoded from. Areas that
/// [`Area::new`] gave are blanked to the pixel; others are widened to the original's coding units.
///
/// # Errors
///
/// When the scene cannot be encoded; then nothing may be shown of the image.
pub fn redact<'o>(frame: Frame, original: &'o [u8], areas: &[PixelRect]) -> Result<Redaction<'o>, RedactError> {
    const MEDIA_TYPE: &str = "image/jpeg";
    let exif = frame.orientation().exif();
    let exif = exif.as_ref().map(|exif| (APP1, exif.as_slice()));
    let segments = exif.as_slice();
    let grey = Fill { y: FILL, cb: 128, cr: 128 };
    if let Content::Coefficients(jpeg, sequential) = frame.content()
        && let Some((scene, removed)) = spliced(jpeg, sequential.as_deref().unwrap_or(original), areas, grey, segments)
    {
        // What was removed gives back the file that was spliced.
        let (method, removed) = match sequential {
            None => (Method::Spliced, removed.into()),
            Some(_) => (Method::Whole, original.into()),
        };
        return Ok(Redaction { scene, media_type: MEDIA_TYPE, method, removed });
    }
    let mut picture = frame.into_picture(original)?;
    for &area in areas {
        picture.fill(area, grey);
    }
    let scene = encode(&picture, segments)?;
    Ok(Redaction { scene, media_type: MEDIA_TYPE, method: Method::Whole, removed: original.into() })
}

/// The scene and what was removed; `None` when the original's tables have no room for the codes that flat areas need, or
/// could not be given back: the pixel path then serves.
fn spliced(
    jpeg: &Jpeg,
    original: &[u8],
    areas: &[PixelRect],
    fill: Fill,
    segments: &[Segment<'_>],
) -> Option<(Vec<u8>, Vec<u8>)> {
    let Spliced { scene, removed, .. } = jpeg.splice_with(original, areas, fill, segments).ok()?;
    Some((scene, removed?))
}

/// A JPEG of one colour: what stands for a picture of a film of which nothing may be shown.
///
/// # Errors
///
/// When a side is longer than a JPEG can have.
pub fn flat(size: Size, rgb: [u8; 3]) -> Result<Vec<u8>, RedactError> {
    let Fill { y, cb, cr } = Fill::from_rgb(rgb);
    let samples = [y, cb, cr].repeat(size.pixels() as usize);
    let picture = Picture { pixels: Pixels::Ycbcr(samples), ..Picture::gray(size, Vec::new()) };
    encode(&picture, &[])
}

fn encode(picture: &Picture, segments: &[Segment<'_>]) -> Result<Vec<u8>, RedactError> {
    let size = picture.size;
    if size.width.max(size.height) > Limits::MAX_SIDE {
        return Err(RedactError::TooLong(size));
    }
    let whole = Sampling { horizontal: 1, vertical: 1 };
    let coding = picture.coding.clone().unwrap_or_else(|| JpegCoding::of_quality(LOSSLESS_SOURCE_QUALITY, whole));
    Ok(jpeg::encode(size, &picture.pixels, &coding, segments))
}

/// Why an original could not be restored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The record was written by a later version.
    #[error("the restore method {0} is not known to this version")]
    UnknownMethod(u8),
    /// The original is restored from its scene too, and there is none.
    #[error("the original cannot be restored without its scene")]
    NoScene,
    /// Scene and removed bytes do not belong together.
    #[error("the original cannot be restored from this scene")]
    Spliced(#[from] jpeg::RestoreError),
    /// What came out is not what went in.
    #[error("the restored file does not have the recorded BLAKE3")]
    Digest,
}

/// Gives back the original file byte for byte, from what an identity record holds: the `method`'s number, what was
/// `removed`, and the original's `blake3`, which is checked; and from the `scene`, which all methods but
/// [`Method::Whole`] need.
///
/// # Errors
///
/// When the method is unknown, the scene is missing or another, or the digest differs.
pub fn restore<'r>(
    method: u8,
    scene: Option<&[u8]>,
    removed: &'r [u8],
    blake3: &[u8; 32],
) -> Result<Cow<'r, [u8]>, RestoreError> {
    let original = match Method::from_code(method).ok_or(RestoreError::UnknownMethod(method))? {
        Method::Whole => Cow::Borrowed(removed),
        Method::Spliced => jpeg::restore(scene.ok_or(RestoreError::NoScene)?, removed)?.into(),
    };
    if blake3::hash(&original) == *blake3 { Ok(original) } else { Err(RestoreError::Digest) }
}

/// Whether the original of the `method` of that number is restored from its scene, too.
pub const fn needs_scene(method: u8) -> bool {
    matches!(Method::from_code(method), Some(Method::Spliced))
}

#[cfg(test)]
mod tests;
