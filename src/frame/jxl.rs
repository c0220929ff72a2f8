//! JPEG XL: where the codestream lies in its file, and its picture.
//!
//! Owns what of a codestream counts as its picture: one frame that is shown, in colours as sRGB and as it stands upright, with its
//! transparency. What else a file holds is either no picture (EXIF, how to make the JPEG again that it was), or is counted as a
//! variant (a gain map, a preview, depth), or refused.

use std::borrow::Cow;
use std::ops::Range;

use image::error::{DecodingError, ImageError, ImageFormatHint};
use image::{ColorType, DynamicImage, ImageBuffer};
use jxl_oxide::image::BitDepth;
use jxl_oxide::{
    AllocTracker, EnumColourEncoding, ExtraChannelType, InitializeResult, JxlImage, JxlThreadPool, RenderingIntent,
};

use super::{DecodeError, Format, Limits};
use crate::geometry::Size;

const FORMAT: Format = Format::JpegXl;
const TRUNCATED: DecodeError = DecodeError::Truncated { format: FORMAT };

const fn unsupported(feature: &'static str) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, feature }
}

/// What a file holds.
struct Parts<'f> {
    codestream: Cow<'f, [u8]>,
    /// Boxes of which nothing is known.
    apart: Vec<Range<usize>>,
    /// Gain maps.
    variants: u32,
}

/// The codestream of `file`, which may be in one box or several.
fn parts(file: &[u8]) -> Result<Parts<'_>, DecodeError> {
    const BARE: &[u8] = &[0xFF, 0x0A];
    if file.starts_with(BARE) {
        return Ok(Parts { codestream: file.into(), apart: Vec::new(), variants: 0 });
    }
    let mut parts = Parts { codestream: Cow::default(), apart: Vec::new(), variants: 0 };
    let mut at = 0;
    while at < file.len() {
        let (name, body) = one_box(file, at)?;
        at = body.end;
        match &name {
            b"jxlc" if parts.codestream.is_empty() => parts.codestream = file[body].into(),
            // number ‖ a part of it
            b"jxlp" if body.len() >= 4 => parts.codestream.to_mut().extend(&file[body.start + 4..body.end]),
            b"jxlc" | b"jxlp" => return Err(unsupported("more than one picture")),
            b"jhgm" => parts.variants += 1,
            b"JXL " | b"ftyp" | b"jxll" | b"jxli" | b"jbrd" | b"Exif" | b"xml " | b"jumb" | b"brob" => {}
            _ => parts.apart.push(body),
        }
    }
    if parts.codestream.is_empty() { Err(TRUNCATED) } else { Ok(parts) }
}

/// The name of the box at `at`, and where its body lies.
fn one_box(file: &[u8], at: usize) -> Result<([u8; 4], Range<usize>), DecodeError> {
    let head = file.get(at..).and_then(<[u8]>::first_chunk::<8>).ok_or(TRUNCATED)?;
    let &[a, b, c, d, ref name @ ..] = head;
    let (head, length) = match u32::from_be_bytes([a, b, c, d]) {
        // To the end.
        0 => (8, (file.len() - at) as u64),
        1 => {
            let long = file.get(at + 8..).and_then(<[u8]>::first_chunk).ok_or(TRUNCATED)?;
            (16, u64::from_be_bytes(*long))
        }
        length => (8, u64::from(length)),
    };
    let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length)).ok_or(TRUNCATED)?;
    if end > file.len() || end < at + head {
        return Err(TRUNCATED);
    }
    Ok((*name, at + head..end))
}

/// Reads the header, and the frames as they are coded.
fn open(codestream: &[u8], limits: &Limits) -> Result<JxlImage, DecodeError> {
    let most = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    // A worker is one thread.
    let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(most));
    let mut reader = builder.build_uninit();
    reader.feed_bytes(codestream).map_err(refused)?;
    match reader.try_init().map_err(refused)? {
        InitializeResult::NeedMoreData(_) => Err(TRUNCATED),
        InitializeResult::Initialized(image) => Ok(image),
    }
}

/// Size, and samples, as the header claims them.
pub(super) fn claims(file: &[u8], limits: &Limits) -> Result<(Size, ColorType), DecodeError> {
    let parts = parts(file)?;
    let image = open(&parts.codestream, limits)?;
    let header = &image.image_header().metadata;
    if header.animation.is_some() {
        return Err(unsupported("an animation"));
    }
    let deep = match header.bit_depth {
        BitDepth::IntegerSample { bits_per_sample: ..=8 } => false,
        BitDepth::IntegerSample { bits_per_sample: ..=16 } => true,
        BitDepth::IntegerSample { .. } => return Err(unsupported("more than sixteen bits a sample")),
        BitDepth::FloatSample { .. } => return Err(unsupported("samples as floating point numbers")),
    };
    let mut alpha = false;
    for channel in &header.ec_info {
        match channel.ty {
            ExtraChannelType::Alpha { alpha_associated: false } if !alpha => alpha = true,
            ExtraChannelType::Alpha { alpha_associated: true } => {
                return Err(unsupported("colours multiplied by transparency"));
            }
            ExtraChannelType::Depth | ExtraChannelType::Thermal | ExtraChannelType::SelectionMask => {}
            _ => return Err(unsupported("channels beside those of colour and transparency")),
        }
    }
    let color = match (header.grayscale(), alpha, deep) {
        (true, false, false) => ColorType::L8,
        (true, true, false) => ColorType::La8,
        (false, false, false) => ColorType::Rgb8,
        (false, true, false) => ColorType::Rgba8,
        (true, false, true) => ColorType::L16,
        (true, true, true) => ColorType::La16,
        (false, false, true) => ColorType::Rgb16,
        (false, true, true) => ColorType::Rgba16,
    };
    Ok((Size::new(image.width(), image.height()), color))
}

/// Most bytes that the decoder holds beside the samples that it gives: planes of real numbers, and as many while filters run.
pub(super) fn bytes_beside(size: Size, color: ColorType) -> u64 {
    size.pixels().saturating_mul(u64::from(color.channel_count()).max(3) * 2 * 4)
}

/// The picture, upright.
pub(super) fn decode(file: &[u8], limits: &Limits) -> Result<DynamicImage, DecodeError> {
    let (size, color) = claims(file, limits)?;
    let parts = parts(file)?;
    let mut image = open(&parts.codestream, limits)?;
    if !image.is_loading_done() {
        return Err(TRUNCATED);
    }
    if image.num_loaded_keyframes() != 1 {
        return Err(unsupported("more than one picture"));
    }
    let intent = RenderingIntent::Relative;
    image.request_color_encoding(match color.has_color() {
        true => EnumColourEncoding::srgb(intent),
        false => EnumColourEncoding::gray_srgb(intent),
    });
    let shown = image.render_frame(0).map_err(refused)?;
    let mut samples = shown.stream();
    if (samples.width(), samples.height(), samples.channels())
        != (size.width, size.height, color.channel_count().into())
    {
        return Err(unsupported("channels beside those of colour and transparency"));
    }
    let count = size.pixels() as usize * usize::from(color.channel_count());
    let image = if color.bytes_per_pixel() == color.channel_count() {
        let mut all = vec![0u8; count];
        samples.write_to_buffer(&mut all);
        match color {
            ColorType::L8 => image_of(size, all).map(DynamicImage::ImageLuma8),
            ColorType::La8 => image_of(size, all).map(DynamicImage::ImageLumaA8),
            ColorType::Rgb8 => image_of(size, all).map(DynamicImage::ImageRgb8),
            _ => image_of(size, all).map(DynamicImage::ImageRgba8),
        }
    } else {
        let mut all = vec![0u16; count];
        samples.write_to_buffer(&mut all);
        match color {
            ColorType::L16 => image_of(size, all).map(DynamicImage::ImageLuma16),
            ColorType::La16 => image_of(size, all).map(DynamicImage::ImageLumaA16),
            ColorType::Rgb16 => image_of(size, all).map(DynamicImage::ImageRgb16),
            _ => image_of(size, all).map(DynamicImage::ImageRgba16),
        }
    };
    image.ok_or(TRUNCATED)
}

fn image_of<P: image::Pixel>(size: Size, samples: Vec<P::Subpixel>) -> Option<ImageBuffer<P, Vec<P::Subpixel>>> {
    ImageBuffer::from_raw(size.width, size.height, samples)
}

/// Boxes of which nothing is known.
pub(super) fn apart(file: &[u8]) -> Vec<Range<usize>> {
    parts(file).map_or_else(|_| Vec::new(), |parts| parts.apart)
}

/// How many variants of its picture a file that was decoded holds: gain maps, a preview, depths and the like, and what follows in the
/// codestream that the codestream calls one.
///
/// # Errors
///
/// When something to be seen follows there.
pub(super) fn variants(file: &[u8], picture: Size) -> Result<u32, DecodeError> {
    let parts = parts(file)?;
    let image = open(&parts.codestream, &Limits::default())?;
    let header = &image.image_header().metadata;
    let layers = header.ec_info.iter().filter(|channel| !matches!(channel.ty, ExtraChannelType::Alpha { .. })).count();
    // The last frame's data; a few bytes of it may be taken for what follows.
    let last = image.num_loaded_frames().checked_sub(1);
    let end = last.and_then(|last| image.frame_offset(last)?.checked_add(image.frame(last)?.toc().total_byte_size()));
    let behind = end.unwrap_or(0).min(parts.codestream.len())..parts.codestream.len();
    let behind = super::trailing::further(&parts.codestream, &[behind], FORMAT, picture)?;
    Ok(parts.variants + u32::from(header.preview.is_some()) + layers as u32 + behind)
}

fn refused(error: Box<dyn std::error::Error + Send + Sync>) -> DecodeError {
    let hint = ImageFormatHint::Name("JPEG XL".to_owned());
    DecodeError::Raster { format: FORMAT, source: ImageError::Decoding(DecodingError::new(hint, error)) }
}
