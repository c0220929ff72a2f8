//! JPEG held as coefficients: which files are, and how their refusals are told.

use std::sync::Arc;

use super::{Content, DecodeError, Format, Orientation};
use crate::geometry::Size;
use crate::jpeg::{Coded, Jpeg, JpegError, Limits, Reduction, Sequential};

pub(super) use crate::jpeg::Header;

/// Pictures with a long side from here on are decoded at half their size along with the index. It is what the eyes ask for
/// first; should other eyes ask for more, it is decoded for them then.
const HALVED_FROM: u32 = 1280;

/// How many pixels there may be is checked with all other formats'.
const LIMITS: Limits = Limits { max_pixels: u64::MAX, max_bytes: 256 << 20 };

/// The header of a file that is held as its coefficients; `None` when it is a JPEG of another kind, for the decoder of all others.
pub(super) fn header(file: &[u8]) -> Result<Option<Header>, DecodeError> {
    match Header::parse(file, &LIMITS) {
        Ok(header) => Ok(Some(header)),
        // Too many bytes for the index; the other way has no such bound.
        Err(JpegError::Unsupported(_) | JpegError::TooLarge) => Ok(None),
        Err(error) => Err(refusal(error)),
    }
}

fn reduction(size: Size) -> Reduction {
    if size.width.max(size.height) < HALVED_FROM { Reduction::Full } else { Reduction::Half }
}

/// Most bytes that decoding and looking hold at once: the coefficients' bits, their index, and two planes of luma.
pub(super) fn decoded_bytes(header: &Header, file: &[u8]) -> u64 {
    let denominator = u64::from(reduction(header.size()).denominator());
    let plane = header.size().pixels() / (denominator * denominator);
    let index = header.mcu_count() * Jpeg::INDEX_BYTES_PER_MCU;
    (file.len() + index) as u64 + 2 * plane
}

/// The way up and the coefficients; `None` for these when a file turns out to have more than one scan: such a file is seldom,
/// and its pixels are then in nobody's count of memory but its own.
pub(super) fn decode(header: Header, file: &[u8]) -> Result<(Orientation, Option<Jpeg>), DecodeError> {
    let orientation = header.exif(file).map_or(Orientation::Upright, Orientation::from_exif);
    let reduction = reduction(header.size());
    match Jpeg::decode(header, file, reduction) {
        Ok(jpeg) => Ok((orientation, Some(jpeg))),
        Err(JpegError::Unsupported(_)) => Ok((orientation, None)),
        Err(error) => Err(refusal(error)),
    }
}

/// A file that is not one sequential scan, made one: held as coefficients, beside the sequential file that says the same; or
/// else as pixels. And where its last scan ends.
pub(super) fn several_scans(file: &[u8]) -> Result<(Orientation, Content, usize), DecodeError> {
    let coded = Coded::read(file, &super::jpeg::LIMITS).map_err(refusal)?;
    let exif = coded.exif().and_then(|range| file.get(range));
    let orientation = exif.map_or(Orientation::Upright, Orientation::from_exif);
    let end = coded.end();
    let made = coded.sequential().and_then(|Sequential { file: sequential, .. }| {
        // Too many bytes for the index; samples have no such bound.
        let header = Header::parse(&sequential, &LIMITS)?;
        let reduction = reduction(header.size());
        Ok((Jpeg::decode(header, &sequential, reduction)?, sequential))
    });
    match made {
        Ok((jpeg, sequential)) => Ok((orientation, Content::Coefficients(Arc::new(jpeg), Some(sequential)), end)),
        Err(JpegError::Unsupported(_) | JpegError::TooLarge) => {
            Ok((orientation, Content::Pixels(Box::new(super::jpeg::picture(coded)?)), end))
        }
        Err(error) => Err(refusal(error)),
    }
}

pub(super) fn refusal(error: JpegError) -> DecodeError {
    match error {
        JpegError::Truncated => DecodeError::Truncated { format: Format::Jpeg },
        JpegError::Unsupported(kind) => DecodeError::UnsupportedJpeg(kind),
        error => DecodeError::Coefficients(error),
    }
}
