//! HEIC and AVIF by way of the system's libheif: the feature `heif`.
//!
//! Owns which of a file's items is its picture: the one top-level image, as it stands once its grid is put together and it is cut and
//! turned as the file says. A file of several, or of a sequence, is refused. Gain maps, depths and whatever else helps another image
//! are counted. Every line that is not safe Rust lies in `libheif-rs`, and in the C++ library beneath it.

use std::ops::Range;

use image::error::{DecodingError, ImageError, ImageFormatHint};
use image::{ColorType, DynamicImage, ImageBuffer};
use libheif_rs::{
    AuxiliaryImagesFilter, ColorSpace, DecodingOptions, HeifContext, HeifError, HeifErrorCode, ImageHandle, LibHeif,
    RgbChroma,
};

use super::{DecodeError, Format};
use crate::geometry::Size;

const fn unsupported(format: Format, feature: &'static str) -> DecodeError {
    DecodeError::Unsupported { format, feature }
}

/// The one picture of `file`.
fn open(file: &[u8], format: Format) -> Result<ImageHandle, DecodeError> {
    /// Brands of files whose pictures follow each other.
    const SEQUENCES: [&[u8]; 6] = [b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"];
    let boxes = boxes(file).ok_or(DecodeError::Truncated { format })?;
    let brands =
        boxes.iter().find(|(name, _)| name == b"ftyp").map(|(_, body)| &file[body.clone()]).unwrap_or_default();
    let names = brands.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1);
    if names.map(|(_, name)| name).any(|name| SEQUENCES.contains(&name))
        || boxes.iter().any(|(name, _)| name == b"moov")
    {
        return Err(unsupported(format, "a sequence of pictures"));
    }
    let mut context = HeifContext::read_from_bytes(file).map_err(|error| refused(error, format))?;
    // A worker is one thread.
    context.set_max_decoding_threads(0);
    if context.image_ids().len() != 1 {
        return Err(unsupported(format, "more than one picture"));
    }
    let handle = context.primary_image_handle().map_err(|error| refused(error, format))?;
    if handle.has_alpha_channel() && handle.is_premultiplied_alpha() {
        return Err(unsupported(format, "colours multiplied by transparency"));
    }
    Ok(handle)
}

/// Size, and samples, as the file claims them.
pub(super) fn claims(file: &[u8], format: Format) -> Result<(Size, ColorType), DecodeError> {
    let handle = open(file, format)?;
    let color = match (handle.luma_bits_per_pixel(), handle.has_alpha_channel()) {
        (..=8, false) => ColorType::Rgb8,
        (..=8, true) => ColorType::Rgba8,
        (_, false) => ColorType::Rgb16,
        (_, true) => ColorType::Rgba16,
    };
    Ok((Size::new(handle.width(), handle.height()), color))
}

/// Most bytes that the library holds beside the samples that it gives: luma and chroma of the whole and of a tile, and their copy when
/// the picture is turned.
pub(super) fn bytes_beside(size: Size, color: ColorType) -> u64 {
    size.pixels().saturating_mul(u64::from(color.bytes_per_pixel()) * 3)
}

/// The picture, upright.
pub(super) fn decode(file: &[u8], format: Format) -> Result<DynamicImage, DecodeError> {
    let (size, color) = claims(file, format)?;
    let handle = open(file, format)?;
    let chroma = match color {
        ColorType::Rgb8 => RgbChroma::Rgb,
        ColorType::Rgba8 => RgbChroma::Rgba,
        ColorType::Rgb16 => RgbChroma::HdrRgbLe,
        _ => RgbChroma::HdrRgbaLe,
    };
    let mut options = DecodingOptions::new();
    if let Some(options) = &mut options {
        options.set_strict_decoding(true);
    }
    let image =
        LibHeif::new().decode(&handle, ColorSpace::Rgb(chroma), options).map_err(|error| refused(error, format))?;
    let truncated = DecodeError::Truncated { format };
    let Some(plane) = image.planes().interleaved else { return Err(truncated) };
    if (plane.width, plane.height) != (size.width, size.height) {
        return Err(DecodeError::Damaged { format, detail: "a picture of another size than it claims" });
    }
    let length = size.width as usize * usize::from(color.bytes_per_pixel());
    let mut samples = Vec::with_capacity(length * size.height as usize);
    for row in plane.data.chunks(plane.stride.max(1)).take(size.height as usize) {
        samples.extend_from_slice(row.get(..length).ok_or(DecodeError::Truncated { format })?);
    }
    let wide = || -> Vec<u16> {
        // Of ten or twelve bits, to sixteen: the first ones again behind the last.
        let bits = u32::from(plane.bits_per_pixel.clamp(9, 16));
        let widened = |sample: u16| {
            let sample = u32::from(sample) << (16 - bits);
            (sample | sample >> bits) as u16
        };
        samples.as_chunks::<2>().0.iter().map(|bytes| widened(u16::from_le_bytes(*bytes))).collect()
    };
    let Size { width, height } = size;
    let image = match color {
        ColorType::Rgb8 => ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgb8),
        ColorType::Rgba8 => ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgba8),
        ColorType::Rgb16 => ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageRgb16),
        _ => ImageBuffer::from_raw(width, height, wide()).map(DynamicImage::ImageRgba16),
    };
    image.ok_or(truncated)
}

/// The colour profile.
pub(super) fn profile(file: &[u8], format: Format) -> Option<Vec<u8>> {
    Some(open(file, format).ok()?.color_profile_raw()?.data)
}

/// How many images of a file that was decoded belong to its picture and are not shown with it: gain maps, depths, mattes.
pub(super) fn variants(file: &[u8], format: Format) -> Result<u32, DecodeError> {
    let handle = open(file, format)?;
    let beside = AuxiliaryImagesFilter::new().omit_alpha().omit_depth();
    Ok(handle.auxiliary_images(beside).len() as u32 + handle.number_of_depth_images().max(0).cast_unsigned())
}

/// Boxes of which nothing is known.
pub(super) fn apart(file: &[u8]) -> Vec<Range<usize>> {
    const KNOWN: [&[u8; 4]; 6] = [b"ftyp", b"meta", b"mdat", b"free", b"skip", b"wide"];
    let unknown = boxes(file).unwrap_or_default().into_iter().filter(|(name, _)| !KNOWN.contains(&name));
    unknown.map(|(_, body)| body).collect()
}

/// Names and bodies of the outermost boxes, which must reach to the end; `None` when they do not.
fn boxes(file: &[u8]) -> Option<Vec<([u8; 4], Range<usize>)>> {
    let mut boxes = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let &[a, b, c, d, ref name @ ..] = file.get(at..)?.first_chunk::<8>()?;
        let (head, length) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, (file.len() - at) as u64),
            1 => (16, u64::from_be_bytes(*file.get(at + 8..)?.first_chunk()?)),
            length => (8, u64::from(length)),
        };
        let end =
            at.checked_add(usize::try_from(length).ok()?).filter(|end| *end >= at + head && *end <= file.len())?;
        boxes.push((*name, at + head..end));
        at = end;
    }
    Some(boxes)
}

fn refused(error: HeifError, format: Format) -> DecodeError {
    let missing = matches!(
        error.code,
        HeifErrorCode::UnsupportedFileType | HeifErrorCode::UnsupportedFeature | HeifErrorCode::PluginLoadingError
    );
    let hint = ImageFormatHint::Name(format.to_string());
    let source = ImageError::Decoding(DecodingError::new(hint, error));
    if missing { DecodeError::UnsupportedKind { format, source } } else { DecodeError::Raster { format, source } }
}
