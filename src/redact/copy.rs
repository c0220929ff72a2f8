//! A redacted copy of an image file in the file's own format, for whoever may see it.
//!
//! Owns how a copy is coded and what it keeps of the file beside the picture: which way up it is and its colour profile, and
//! nothing else. Knows nothing of folders and names, nor of how areas were found.
//!
//! - A JPEG's copy has the original's own coefficients but for flat areas, as far as its tables have codes for these.
//! - PNG, TIFF and BMP keep every sample outside the areas, in all their bits, and stand upright. So does WebP, whose copy is
//!   always a lossless one, and JPEG XL. HEIC and AVIF become JPEG: there is no encoder.
//! - GIF keeps its colours, as [`several`] says.

use std::convert::Infallible;
use std::io::Cursor;

use image::codecs::bmp::BmpEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageBuffer, ImageEncoder, Pixel, Primitive};

use super::exif::{self, Stand};
use super::style::{self, TILE};
use super::{APP1, APP2, Blank, RedactError, Words, encode, metadata, png_colours, profile, several};
use crate::frame::{self, Content, Format, Frame, LumaSource, Orientation, Pixels, Profiled};
use crate::geometry::{PixelRect, Size};
use crate::jpeg::{Fill, Paint, Segment};

/// What precedes a part of a colour profile in a JPEG's segment, its number and how many there are.
const ICC_PROFILE: &[u8] = b"ICC_PROFILE\0";

/// What a copy looks like where it is blank, and what it keeps beside the picture.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Colour of what is of one colour, RGB.
    pub fill: [u8; 3],
    /// What is kept of the original's EXIF and XMP, beside which way up it is.
    pub words: Words,
}

impl Default for Manner {
    fn default() -> Self {
        Self { fill: [super::FILL; 3], words: Words::default() }
    }
}

/// The copy of `frame`, which was decoded from `original`, without what is under `blanks`: just their pixels change.
///
/// # Errors
///
/// When the copy cannot be encoded; then nothing may be shown of the image.
pub fn copy(frame: Frame, original: &[u8], blanks: &[Blank], manner: &Manner) -> Result<Vec<u8>, RedactError> {
    match frame.format() {
        format if format.of_copy() == Format::Jpeg => jpeg(frame, original, blanks, manner),
        format => {
            let orientation = frame.orientation();
            let Profiled { mut image, profile } = frame.into_image(original)?;
            if let Some(smooth) = Frame::smoothed(original, format)? {
                soften(&mut image, smooth, blanks);
            }
            paint(&mut image, blanks, manner);
            image.apply_orientation(orientation.into());
            let stand = Stand {
                orientation: Orientation::Upright.number(),
                size: Size::new(image.width(), image.height()),
                turned: orientation != Orientation::Upright,
            };
            let exif = frame::exif(original, format).and_then(|block| exif::anew(block, manner.words.exif, stand));
            let file = raster(image, profile.as_deref().and_then(profile::anew), exif, format)?;
            Ok(if format == Format::Png { png_colours::carried(original, file) } else { file })
        }
    }
}

/// Makes an image what viewers show of it, whose colours are `smooth`, but where those reach out of what is blanked.
pub(super) fn soften(image: &mut DynamicImage, smooth: DynamicImage, blanks: &[Blank]) {
    const REACH: u32 = 1;
    let size = Size::new(image.width(), image.height());
    let plain = std::mem::replace(image, smooth);
    for PixelRect { x, y, w, h } in boxes(blanks) {
        let (left, top) = (x.saturating_sub(REACH), y.saturating_sub(REACH));
        let (right, bottom) = ((x + w + REACH).min(size.width), (y + h + REACH).min(size.height));
        let part = plain.crop_imm(left, top, right - left, bottom - top);
        image::imageops::replace(image, &part, left.into(), top.into());
    }
}

/// Makes `blanks` of an image as it is stored what `manner` says.
pub(super) fn paint(image: &mut DynamicImage, blanks: &[Blank], manner: &Manner) {
    let means = |area| Ok::<_, Infallible>(mean_of(image, area));
    let tiles = style::tiles(blanks, (TILE, TILE), means).unwrap_or_default();
    blank(image, &boxes(blanks), manner.fill);
    let size = Size::new(image.width(), image.height());
    for ((x, y), Fill { y: luma, cb, cr }) in tiles {
        let mut rgb = [luma, cb, cr];
        Pixels::to_rgb(&mut rgb);
        blank(image, &[tile(x, y, size)], rgb);
    }
}

fn jpeg(frame: Frame, original: &[u8], blanks: &[Blank], manner: &Manner) -> Result<Vec<u8>, RedactError> {
    let fill = Fill::from_rgb(manner.fill);
    let stand = Stand { orientation: frame.orientation().number(), size: frame.size(), turned: false };
    let [exif, packet] = metadata::bodies(original, frame.format(), manner.words, stand);
    let exif = exif.or_else(|| frame.orientation().exif().map(Into::into));
    let profile = frame.profile(original).as_deref().and_then(profile::anew);
    // In one part: what is kept is short.
    let profile = profile.map(|profile| [ICC_PROFILE, &[1, 1], &profile].concat());
    let words = [(APP1, exif), (APP1, packet), (APP2, profile)];
    let segments: Vec<Segment<'_>> =
        words.iter().filter_map(|(marker, body)| Some((*marker, body.as_deref()?))).collect();
    let boxes = boxes(blanks);
    if let Content::Coefficients(jpeg, _) = frame.content() {
        let means = |area| jpeg.means(area).map(|means| mean(&means));
        let scene = style::tiles(blanks, jpeg.mcu_pixels(), means).and_then(|tiles| {
            jpeg.scene(&boxes, Paint { fill, tiles: Some(&tiles).filter(|tiles| !tiles.is_empty()) }, &segments)
        });
        if let Ok(scene) = scene {
            return Ok(scene);
        }
    }
    let mut picture = frame.into_picture(original)?;
    let tiles = style::tiles(blanks, picture.unit, |area| Ok::<_, Infallible>(picture.mean(area)));
    for &area in &boxes {
        picture.fill(area, fill);
    }
    for ((x, y), fill) in tiles.unwrap_or_default() {
        picture.fill(tile(x, y, picture.size), fill);
    }
    encode(&picture, &segments)
}

fn boxes(blanks: &[Blank]) -> Vec<PixelRect> {
    blanks.iter().flat_map(|blank| blank.area.pieces()).copied().collect()
}

/// The pixels of a tile.
fn tile(x: u32, y: u32, size: Size) -> PixelRect {
    let (x, y) = (x * TILE, y * TILE);
    PixelRect::new(x, y, TILE.min(size.width - x), TILE.min(size.height - y))
}

/// The mean colour of a part of an image, as it is stored.
fn mean_of(image: &DynamicImage, area: PixelRect) -> Fill {
    let part = image.crop_imm(area.x, area.y, area.w, area.h).into_rgb8();
    let count = u64::from(area.w) * u64::from(area.h);
    let sums = part.pixels().fold([0u64; 3], |sums, pixel| std::array::from_fn(|at| sums[at] + u64::from(pixel.0[at])));
    Fill::from_rgb(sums.map(|sum| (sum / count) as u8))
}

/// The mean colour of several.
fn mean(colors: &[Fill]) -> Fill {
    let count = colors.len().max(1) as u64;
    let mean = |sample: fn(&Fill) -> u8| {
        ((colors.iter().map(|color| u64::from(sample(color))).sum::<u64>() + count / 2) / count) as u8
    };
    Fill { y: mean(|color| color.y), cb: mean(|color| color.cb), cr: mean(|color| color.cr) }
}

fn raster(
    image: DynamicImage,
    profile: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
    format: Format,
) -> Result<Vec<u8>, RedactError> {
    use image::ColorType::{L8, La8, Rgb8, Rgba8};
    let mut file = Vec::with_capacity(image.as_bytes().len() / 2 + 1024);
    let written = match format {
        Format::Png => {
            // A photograph's PNG is as small by the fast way as by the slow ones, within some per cent.
            let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
            write(&image, encoder, profile, exif)
        }
        Format::WebP => {
            let image = within(image, &[L8, La8, Rgb8, Rgba8]);
            write(&image, WebPEncoder::new_lossless(&mut file), profile, exif)
        }
        Format::Tiff => {
            let image = within_tiff(image);
            write(&image, TiffEncoder::new(Cursor::new(&mut file)), profile, exif)
        }
        Format::Bmp => {
            let image = within(image, &[L8, Rgb8, Rgba8]);
            write(&image, BmpEncoder::new(&mut file), None, None)
        }
        Format::Gif => return several::still_gif(image),
        Format::JpegXl => return jpeg_xl(&image),
        _ => return Err(RedactError::NoCopy(format)),
    };
    written.map_err(RedactError::EncodeRaster)?;
    Ok(file)
}

/// Lossless, in the colours of sRGB, in which it was decoded.
fn jpeg_xl(image: &DynamicImage) -> Result<Vec<u8>, RedactError> {
    use zune_core::bit_depth::BitDepth;
    use zune_core::colorspace::ColorSpace;
    let color = image.color();
    let depth = if color.bytes_per_pixel() == color.channel_count() { BitDepth::Eight } else { BitDepth::Sixteen };
    let space = match color.channel_count() {
        1 => ColorSpace::Luma,
        2 => ColorSpace::LumaA,
        3 => ColorSpace::RGB,
        _ => ColorSpace::RGBA,
    };
    let (width, height) = (image.width() as usize, image.height() as usize);
    let options = zune_core::options::EncoderOptions::new(width, height, space, depth).set_num_threads(1);
    let mut file = Vec::new();
    let encoder = zune_jpegxl::JxlSimpleEncoder::new(image.as_bytes(), options);
    encoder
        .encode(&mut file)
        .map_err(|_| RedactError::EncodeJpegXl { width: image.width(), height: image.height() })?;
    Ok(file)
}

fn write(
    image: &DynamicImage,
    mut encoder: impl ImageEncoder,
    profile: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
) -> image::ImageResult<()> {
    // An encoder that has no place for a profile or for EXIF says so; the picture is then what it can write.
    if let Some(profile) = profile {
        let _ = encoder.set_icc_profile(profile);
    }
    if let Some(exif) = exif {
        let _ = encoder.set_exif_metadata(exif);
    }
    encoder.write_image(image.as_bytes(), image.width(), image.height(), image.color().into())
}

/// The image in a colour type that TIFF's encoder has.
pub(super) fn within_tiff(image: DynamicImage) -> DynamicImage {
    use image::ColorType::{L8, L16, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
    within(image, &[L8, Rgb8, Rgba8, L16, Rgb16, Rgba16, Rgb32F, Rgba32F])
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
