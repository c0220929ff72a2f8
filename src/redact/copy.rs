//! A redacted copy of an image file in the file's own format, for whoever may see it.
//!
//! Owns how a copy is coded and what it keeps of the file beside the picture: which way up it is and its colour profile, and
//! nothing else. Knows nothing of folders and names, nor of how areas were found.
//!
//! - A JPEG's copy has the original's own coefficients but for flat areas, as far as its tables have codes for these.
//! - PNG, TIFF and BMP keep every sample outside the areas, in all their bits, and stand upright. So does WebP, whose copy is
//!   always a lossless one.

use std::io::Cursor;

use image::codecs::bmp::BmpEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageBuffer, ImageEncoder, Pixel, Primitive};

use super::{APP1, APP2, RedactError, encode, profile};
use crate::frame::{Content, Format, Frame, Orientation, Profiled};
use crate::geometry::PixelRect;
use crate::jpeg::{Fill, Segment};

/// What precedes a part of a colour profile in a JPEG's segment, its number and how many there are.
const ICC_PROFILE: &[u8] = b"ICC_PROFILE\0";

/// The copy of `frame`, which was decoded from `original`, with `areas` in the colour `fill` (RGB). Areas that
/// [`super::Area::new`] gave are filled to the pixel; others are widened to the original's coding units.
///
/// # Errors
///
/// When the copy cannot be encoded; then nothing may be shown of the image.
pub fn copy(frame: Frame, original: &[u8], areas: &[PixelRect], fill: [u8; 3]) -> Result<Vec<u8>, RedactError> {
    match frame.format() {
        Format::Jpeg => jpeg(frame, original, areas, Fill::from_rgb(fill)),
        format => {
            let orientation = frame.orientation();
            let Profiled { mut image, profile } = frame.into_image(original)?;
            blank(&mut image, areas, fill);
            image.apply_orientation(orientation.into());
            raster(image, profile.as_deref().and_then(profile::anew), format)
        }
    }
}

fn jpeg(frame: Frame, original: &[u8], areas: &[PixelRect], fill: Fill) -> Result<Vec<u8>, RedactError> {
    let exif = frame.orientation().exif();
    let profile = frame.profile(original).as_deref().and_then(profile::anew);
    // In one part: what is kept is short.
    let profile = profile.map(|profile| [ICC_PROFILE, &[1, 1], &profile].concat());
    let segments: Vec<Segment<'_>> = exif
        .iter()
        .map(|exif| (APP1, exif.as_slice()))
        .chain(profile.iter().map(|part| (APP2, part.as_slice())))
        .collect();
    if let Content::Coefficients(jpeg, _) = frame.content()
        && let Ok(scene) = jpeg.scene(areas, fill, &segments)
    {
        return Ok(scene);
    }
    let mut picture = frame.into_picture(original)?;
    for &area in areas {
        picture.fill(area, fill);
    }
    encode(&picture, &segments)
}

fn raster(image: DynamicImage, profile: Option<Vec<u8>>, format: Format) -> Result<Vec<u8>, RedactError> {
    use image::ColorType::{L8, L16, La8, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
    let mut file = Vec::with_capacity(image.as_bytes().len() / 2 + 1024);
    let written = match format {
        Format::Png => {
            // A photograph's PNG is as small by the fast way as by the slow ones, within some per cent.
            let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
            write(&image, encoder, profile)
        }
        Format::WebP => {
            let image = within(image, &[L8, La8, Rgb8, Rgba8]);
            write(&image, WebPEncoder::new_lossless(&mut file), profile)
        }
        Format::Tiff => {
            let image = within(image, &[L8, Rgb8, Rgba8, L16, Rgb16, Rgba16, Rgb32F, Rgba32F]);
            write(&image, TiffEncoder::new(Cursor::new(&mut file)), profile)
        }
        Format::Bmp => {
            let image = within(image, &[L8, Rgb8, Rgba8]);
            write(&image, BmpEncoder::new(&mut file), None)
        }
        _ => return Err(RedactError::NoCopy(format)),
    };
    written.map_err(RedactError::EncodeRaster)?;
    Ok(file)
}

fn write(image: &DynamicImage, mut encoder: impl ImageEncoder, profile: Option<Vec<u8>>) -> image::ImageResult<()> {
    // An encoder that has no place for a profile says so; the picture is then what it can write.
    if let Some(profile) = profile {
        let _ = encoder.set_icc_profile(profile);
    }
    encoder.write_image(image.as_bytes(), image.width(), image.height(), image.color().into())
}

/// The image in a colour type that an encoder has: as it is, or with as many samples of eight bits or sixteen.
fn within(image: DynamicImage, known: &[image::ColorType]) -> DynamicImage {
    let color = image.color();
    if known.contains(&color) {
        return image;
    }
    let deep = u32::from(color.bits_per_pixel()) > 8 * u32::from(color.channel_count());
    match (deep && known.contains(&image::ColorType::Rgba16), color.has_alpha()) {
        (true, true) => image.into_rgba16().into(),
        (true, false) => image.into_rgb16().into(),
        (false, true) => image.into_rgba8().into(),
        (false, false) => image.into_rgb8().into(),
    }
}

/// Fills `areas` with an opaque colour.
fn blank(image: &mut DynamicImage, areas: &[PixelRect], rgb: [u8; 3]) {
    let y = Fill::from_rgb(rgb).y;
    let wide = |value: u8| u16::from(value) * 257;
    let real = |value: u8| f32::from(value) / 255.0;
    let [r, g, b] = rgb;
    for &area in areas {
        match &mut *image {
            DynamicImage::ImageLuma8(image) => fill(image, area, [y].into()),
            DynamicImage::ImageLumaA8(image) => fill(image, area, [y, u8::MAX].into()),
            DynamicImage::ImageRgb8(image) => fill(image, area, rgb.into()),
            DynamicImage::ImageRgba8(image) => fill(image, area, [r, g, b, u8::MAX].into()),
            DynamicImage::ImageLuma16(image) => fill(image, area, [wide(y)].into()),
            DynamicImage::ImageLumaA16(image) => fill(image, area, [wide(y), u16::MAX].into()),
            DynamicImage::ImageRgb16(image) => fill(image, area, rgb.map(wide).into()),
            DynamicImage::ImageRgba16(image) => fill(image, area, [wide(r), wide(g), wide(b), u16::MAX].into()),
            DynamicImage::ImageRgb32F(image) => fill(image, area, rgb.map(real).into()),
            DynamicImage::ImageRgba32F(image) => fill(image, area, [real(r), real(g), real(b), 1.0].into()),
            // Colour types that may come: in eight bits, whatever they are.
            other => {
                *other = std::mem::take(other).into_rgba8().into();
                blank(other, &[area], rgb);
            }
        }
    }
}

fn fill<P>(image: &mut ImageBuffer<P, Vec<P::Subpixel>>, area: PixelRect, color: P)
where
    P: Pixel<Subpixel: Primitive>,
{
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            image.put_pixel(x, y, color);
        }
    }
}

impl From<Orientation> for image::metadata::Orientation {
    fn from(orientation: Orientation) -> Self {
        Self::from_exif(orientation.number()).expect("the numbers of EXIF")
    }
}
