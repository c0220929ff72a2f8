//! PNG, WebP, TIFF and BMP by way of the `image` crate, with the completeness checks that it does not make.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::{ColorType, DynamicImage, ImageDecoder, ImageError};

use super::{DecodeError, Format, Limits, Orientation, Picture, Pixels};
use crate::geometry::Size;

/// Size, and most bytes held while decoding, as the header claims them.
pub(super) fn claims(file: &[u8], format: Format, limits: &Limits) -> Result<(Size, u64), DecodeError> {
    let whole = match format {
        Format::Png => png_is_whole(file),
        Format::WebP => webp_is_whole(file),
        // Their decoders fail when a row is missing: there is no end marker to look for.
        Format::Tiff | Format::Bmp | Format::Jpeg => true,
    };
    if !whole {
        return Err(DecodeError::Truncated { format });
    }
    let decoder = open(file, format, limits)?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    let color = decoder.color_type();
    // What the decoder fills, and what it is converted to where that is something else.
    let converted = match color {
        ColorType::L8 | ColorType::Rgb8 => 0,
        _ if color.has_color() => 3,
        _ => 1,
    };
    Ok((size, size.pixels().saturating_mul(u64::from(color.bytes_per_pixel()) + converted)))
}

pub(super) fn decode(file: &[u8], format: Format, limits: &Limits) -> Result<(Orientation, Picture), DecodeError> {
    let refused = |source| refusal(format, source);
    let mut decoder = open(file, format, limits)?;
    // An orientation that cannot be read is none: it only helps the eyes.
    let orientation = decoder.orientation().map_or(Orientation::Upright, Orientation::from);
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    let size = Size::new(picture.width(), picture.height());
    let pixels = match picture {
        DynamicImage::ImageLuma8(gray) => Pixels::Gray(gray.into_raw()),
        DynamicImage::ImageRgb8(rgb) => Pixels::Rgb(rgb.into_raw()),
        deep @ DynamicImage::ImageLuma16(_) => Pixels::Gray(deep.into_luma8().into_raw()),
        clear @ (DynamicImage::ImageLumaA8(_) | DynamicImage::ImageLumaA16(_)) => {
            Pixels::Gray(clear.into_luma_alpha8().pixels().map(|p| on_white(p.0[0], p.0[1])).collect())
        }
        clear if clear.color().has_alpha() => {
            let clear = clear.into_rgba8();
            let mut rgb = Vec::with_capacity(size.pixels() as usize * 3);
            for pixel in clear.pixels() {
                let [r, g, b, alpha] = pixel.0;
                rgb.extend([r, g, b].map(|sample| on_white(sample, alpha)));
            }
            Pixels::Rgb(rgb)
        }
        other => Pixels::Rgb(other.into_rgb8().into_raw()),
    };
    Ok((orientation, Picture { size, pixels, coding: None }))
}

/// A transparent picture is examined and kept as a viewer shows it: what lies under full transparency is never shown.
fn on_white(sample: u8, alpha: u8) -> u8 {
    let [sample, alpha] = [sample, alpha].map(u32::from);
    ((sample * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn open<'f>(file: &'f [u8], format: Format, limits: &Limits) -> Result<Box<dyn ImageDecoder + 'f>, DecodeError> {
    let refused = |source| refusal(format, source);
    let cursor = Cursor::new(file);
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(limits.max_decoded_bytes);
    Ok(match format {
        Format::Png => Box::new(PngDecoder::with_limits(cursor, allowed).map_err(refused)?),
        Format::WebP => Box::new(WebPDecoder::new(cursor).map_err(refused)?),
        Format::Tiff => {
            let mut decoder = TiffDecoder::new(cursor).map_err(refused)?;
            // Its limits are on buffers beside the picture; a picture above them is refused by its header's claims.
            if decoder.total_bytes() <= limits.max_decoded_bytes {
                decoder.set_limits(allowed).map_err(refused)?;
            }
            Box::new(decoder)
        }
        Format::Bmp => Box::new(BmpDecoder::new(cursor).map_err(refused)?),
        Format::Jpeg => return Err(DecodeError::NotAnImage),
    })
}

fn refusal(format: Format, source: ImageError) -> DecodeError {
    match source {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        source => DecodeError::Raster { format, source },
    }
}

/// Whether the chunks run to `IEND`.
fn png_is_whole(file: &[u8]) -> bool {
    let mut rest = &file[8..];
    // length ‖ type ‖ data ‖ CRC
    while let Some((&[l3, l2, l1, l0, a, b, c, d], after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        let Some(next) = length.checked_add(4).and_then(|skip| after.get(skip..)) else { return false };
        if [a, b, c, d] == *b"IEND" {
            return true;
        }
        rest = next;
    }
    false
}

/// Whether the file is as long as its outermost chunk says.
fn webp_is_whole(file: &[u8]) -> bool {
    match file {
        [_, _, _, _, l0, l1, l2, l3, after @ ..] => {
            after.len() as u64 >= u64::from(u32::from_le_bytes([*l0, *l1, *l2, *l3]))
        }
        _ => false,
    }
}
