//! PNG, WebP, TIFF, BMP, GIF, JPEG XL and, in some builds, HEIC and AVIF by way of their decoders, with the completeness checks that these do not make.

use std::io::Cursor;
use std::ops::Range;

use image::codecs::{bmp::BmpDecoder, png::PngDecoder, tiff::TiffDecoder};
use image::error::{DecodingError, ImageFormatHint};
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageResult};
use image_webp::{UpsamplingMethod, WebPDecoder};

use super::deep::{self, Stretched};
use super::gif;
#[cfg(feature = "heif")]
use super::heif;
use super::jxl;
use super::tiff::{self, JpegDecoder, Kind, Retold};
use super::veiled::{self, Veiled};
use super::{DecodeError, Format, Limits, Orientation, Picture, Pixels};
use crate::geometry::Size;

/// Size, and most bytes held while decoding, as the header claims them.
pub(super) fn claims(file: &[u8], format: Format, limits: &Limits) -> Result<(Size, u64), DecodeError> {
    match format {
        Format::Png => drop(check_png(file)?),
        Format::WebP => drop(check_webp(file)?),
        // Their decoders fail when a row is missing: there is no end marker to look for.
        Format::Tiff | Format::Bmp | Format::Jpeg => {}
        Format::Gif => {
            let claims = gif::claims(file)?;
            if claims.frames > 1 {
                return Err(several_frames(format));
            }
            return Ok((claims.size, decoded_bytes(claims.size, ColorType::Rgba8)));
        }
        #[cfg(feature = "heif")]
        Format::Heic | Format::Avif => {
            let (size, color) = heif::claims(file, format)?;
            return Ok((size, decoded_bytes(size, color).saturating_add(heif::bytes_beside(size, color))));
        }
        #[cfg(not(feature = "heif"))]
        Format::Heic | Format::Avif => return Err(DecodeError::NotAnImage),
        Format::JpegXl => {
            let (size, color) = jxl::claims(file, limits)?;
            return Ok((size, decoded_bytes(size, color).saturating_add(jxl::bytes_beside(size, color))));
        }
    }
    let decoder = open(file, format, limits)?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    let beside = match format {
        Format::Tiff => tiff::picture(file)?.bytes_beside(file),
        _ => 0,
    };
    Ok((size, decoded_bytes(size, decoder.color_type()).saturating_add(beside)))
}

/// Most bytes held while a picture of these samples is decoded, and becomes what the eyes see.
pub(super) fn decoded_bytes(size: Size, color: ColorType) -> u64 {
    // What the decoder fills, and what it is converted to where that is something else.
    let converted = match color {
        ColorType::L8 | ColorType::Rgb8 => 0,
        _ if color.has_color() => 3,
        _ => 1,
    };
    // And what the eyes see of it, where its range is stretched for them, or transparency hides something.
    let deep = color.bytes_per_pixel() > 4 || color == ColorType::L16 || color == ColorType::La16;
    let converted = converted + u64::from(deep) + if color.has_alpha() { 2 } else { 0 };
    size.pixels().saturating_mul(u64::from(color.bytes_per_pixel()) + converted)
}

pub(super) fn decode(file: &[u8], format: Format, limits: &Limits) -> Result<(Orientation, Picture), DecodeError> {
    let refused = |source| refusal(format, source);
    if let Some(image) = by_others(file, format, limits)? {
        return Ok((Orientation::Upright, picture(image, format)?));
    }
    let mut decoder = open(file, format, limits)?;
    // An orientation that cannot be read is none: it only helps the eyes.
    let orientation = decoder.orientation().map_or(Orientation::Upright, Orientation::from);
    let image = DynamicImage::from_decoder(decoder).map_err(refused)?;
    if format == Format::Tiff {
        holds_copies_only(file, &image, limits)?;
    }
    Ok((orientation, picture(image, format)?))
}

/// An image of a format whose decoder is no part of `image`: without a profile, and upright.
fn by_others(file: &[u8], format: Format, limits: &Limits) -> Result<Option<DynamicImage>, DecodeError> {
    match format {
        Format::Gif => Ok(Some(gif::still(file)?.into())),
        Format::JpegXl => jxl::decode(file, limits).map(Some),
        #[cfg(feature = "heif")]
        Format::Heic | Format::Avif => heif::decode(file, format).map(Some),
        _ => Ok(None),
    }
}

/// What the eyes see of an image, and its samples in eight bits without transparency.
pub(super) fn picture(picture: DynamicImage, format: Format) -> Result<Picture, DecodeError> {
    let stored = matches!(picture, DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_));
    let size = Size::new(picture.width(), picture.height());
    let stretched = deep::stretched(&picture);
    let mut veiled = None;
    let pixels = match picture {
        DynamicImage::ImageLuma8(gray) => Pixels::Gray(gray.into_raw()),
        DynamicImage::ImageRgb8(rgb) => Pixels::Rgb(rgb.into_raw()),
        deep @ DynamicImage::ImageLuma16(_) => Pixels::Gray(deep.into_luma8().into_raw()),
        clear @ (DynamicImage::ImageLumaA8(_) | DynamicImage::ImageLumaA16(_)) => {
            let clear = clear.into_luma_alpha8();
            let pixels = clear.pixels().map(|pixel| pixel.0);
            if is_opaque::<2>(&clear) {
                Pixels::Gray(without_last::<2, 1>(&clear))
            } else {
                veiled = Some(veiled::veiled(size, pixels.clone().map(|[luma, alpha]| [luma, luma, luma, alpha])));
                Pixels::Gray(pixels.map(|[luma, alpha]| on_white(luma, alpha)).collect())
            }
        }
        clear if clear.color().has_alpha() => {
            let clear = clear.into_rgba8();
            let pixels = clear.pixels().map(|pixel| pixel.0);
            if is_opaque::<4>(&clear) {
                Pixels::Rgb(without_last::<4, 3>(&clear))
            } else {
                veiled = Some(veiled::veiled(size, pixels.clone()));
                let mut rgb = Vec::with_capacity(size.pixels() as usize * 3);
                for [r, g, b, alpha] in pixels {
                    rgb.extend([r, g, b].map(|sample| on_white(sample, alpha)));
                }
                Pixels::Rgb(rgb)
            }
        }
        other => Pixels::Rgb(other.into_rgb8().into_raw()),
    };
    let Veiled { mut layers, any, colours_alone } = veiled.unwrap_or_default();
    if colours_alone {
        return Err(DecodeError::Unsupported { format, feature: "transparency that hides colours of one brightness" });
    }
    let seen = match stretched {
        Some(Stretched::All(luma)) if !any => Some(Pixels::Gray(luma)),
        // Without heed of transparency, or beside something else.
        Some(Stretched::All(luma) | Stretched::Most(luma)) => {
            layers.push(Picture::gray(size, luma));
            None
        }
        None => None,
    };
    // Lossy WebP has colours for two by two pixels.
    let unit = if format == Format::WebP { (2, 2) } else { (1, 1) };
    Ok(Picture { size, unit, pixels, seen, layers, coding: None, stored })
}

/// All of an image that the decoder of its format gives, and its colour profile.
pub(crate) struct Profiled {
    pub(crate) image: DynamicImage,
    pub(crate) profile: Option<Vec<u8>>,
}

/// The samples as they are stored, in all their bits and with what makes them transparent.
pub(super) fn image(file: &[u8], format: Format) -> Result<Profiled, DecodeError> {
    let refused = |source| refusal(format, source);
    if let Some(image) = by_others(file, format, &Limits::default())? {
        return Ok(Profiled { image, profile: profile(file, format)? });
    }
    // The same file was decoded within limits before.
    let mut decoder = open(file, format, &Limits::default())?;
    // A profile that cannot be read is none.
    let profile = decoder.icc_profile().ok().flatten();
    Ok(Profiled { image: DynamicImage::from_decoder(decoder).map_err(refused)?, profile })
}

/// The colour profile alone.
pub(super) fn profile(file: &[u8], format: Format) -> Result<Option<Vec<u8>>, DecodeError> {
    match format {
        Format::Gif | Format::JpegXl => Ok(None),
        #[cfg(feature = "heif")]
        Format::Heic | Format::Avif => Ok(heif::profile(file, format)),
        _ => Ok(open(file, format, &Limits::default())?.icc_profile().ok().flatten()),
    }
}

/// Whether all pixels of `N` samples are opaque, as the last sample of each says. Most pictures that could be transparent are not.
fn is_opaque<const N: usize>(samples: &[u8]) -> bool {
    let (pixels, _) = samples.as_chunks::<N>();
    // Without a look at each, so that many are looked at in one go.
    pixels.chunks(4096).all(|some| some.iter().fold(u8::MAX, |all, pixel| all & pixel[N - 1]) == u8::MAX)
}

/// Of pixels of `N` samples the first `M`.
fn without_last<const N: usize, const M: usize>(samples: &[u8]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<N>();
    let mut first = vec![0; M * pixels.len()];
    for (first, pixel) in first.as_chunks_mut::<M>().0.iter_mut().zip(pixels) {
        first.copy_from_slice(&pixel[..M]);
    }
    first
}

/// A transparent picture is kept as most viewers show it. What others show, the eyes see in layers.
fn on_white(sample: u8, alpha: u8) -> u8 {
    let [sample, alpha] = [sample, alpha].map(u32::from);
    ((sample * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn open<'f>(file: &'f [u8], format: Format, limits: &Limits) -> Result<Box<dyn ImageDecoder + 'f>, DecodeError> {
    let refused = |source| refusal(format, source);
    Ok(match format {
        Format::Png => {
            let mut allowed = image::Limits::no_limits();
            allowed.max_alloc = Some(png_bytes(file).min(limits.max_decoded_bytes));
            Box::new(PngDecoder::with_limits(Cursor::new(file), allowed).map_err(refused)?)
        }
        Format::WebP => Box::new(WebP::new(file, Colours::Repeated).map_err(refused)?),
        Format::Tiff => page(file, &tiff::picture(file)?, limits)?,
        Format::Bmp => Box::new(BmpDecoder::new(Cursor::new(file)).map_err(refused)?),
        Format::Jpeg | Format::Gif | Format::JpegXl | Format::Heic | Format::Avif => {
            return Err(DecodeError::NotAnImage);
        }
    })
}

/// Most bytes that a PNG's decoder may hold beside the picture: a row of it, the chunks as they lie in the file, and of what it
/// unpacks on its way, a colour profile, a few megabytes: one that swells beyond is none.
pub(super) fn png_bytes(file: &[u8]) -> u64 {
    /// Of the longest row of a picture that is taken, in its deepest colours.
    const ROW: u64 = Limits::MAX_SIDE as u64 * 8;
    /// The largest profiles, of printers, have three.
    const PROFILE: u64 = 4 << 20;
    // A chunk's buffer doubles until it is long enough; then text is copied out of it.
    ROW + PROFILE + 4 * file.len() as u64
}

/// The decoder of a page of a TIFF file.
pub(super) fn page<'f>(
    file: &'f [u8],
    page: &tiff::Picture,
    limits: &Limits,
) -> Result<Box<dyn ImageDecoder + 'f>, DecodeError> {
    let refused = |source: image::ImageError| refusal(Format::Tiff, source);
    if let Kind::Jpeg(pieces) = &page.kind {
        return Ok(Box::new(JpegDecoder { file, pieces: pieces.clone() }));
    }
    let mut decoder = TiffDecoder::new(Cursor::new(page.told(file))).map_err(refused)?;
    // Its limits are on buffers beside the picture; a picture above them is refused by its header's claims.
    if decoder.total_bytes() <= limits.max_decoded_bytes {
        let mut allowed = image::Limits::no_limits();
        allowed.max_alloc = Some(limits.max_decoded_bytes);
        decoder.set_limits(allowed).map_err(refused)?;
    }
    Ok(Box::new(Retold { decoder, kind: page.kind.clone() }))
}

/// Refuses a TIFF file of which a page that says that it is the `picture` in reduced size shows something else.
fn holds_copies_only(file: &[u8], picture: &DynamicImage, limits: &Limits) -> Result<(), DecodeError> {
    for copy in tiff::picture(file)?.copies {
        let small = DynamicImage::from_decoder(page(file, &copy, limits)?);
        // As small as it is, so that the edges of parts lie where its lie.
        let own = |small: &DynamicImage| cells(&picture.thumbnail_exact(small.width(), small.height()));
        if !small.is_ok_and(|small| are_alike(&own(&small), &cells(&small))) {
            return Err(tiff::SEVERAL);
        }
    }
    Ok(())
}

/// The mean luma of each of 16 by 16 parts of a picture.
fn cells(picture: &DynamicImage) -> Vec<u8> {
    picture.thumbnail_exact(16, 16).into_luma8().into_raw()
}

/// Whether two pictures' cells are those of one, resampled in two ways. Of thirty drawn photographs at 40 pixels across and more
/// averaging filters move a cell by up to 26 levels, and all by 4 in the mean; of two different ones, some differ by 55 and all by 10.
fn are_alike(a: &[u8], b: &[u8]) -> bool {
    const MOST: u8 = 32;
    const MEAN: usize = 8;
    let differences = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    differences().all(|difference| difference <= MOST)
        && differences().map(usize::from).sum::<usize>() <= MEAN * a.len()
}

/// How colours become as fine as brightness, of which they have a quarter of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// Each for four pixels: none reaches further.
    Repeated,
    /// As viewers do it: each reaches one pixel further.
    Smoothed,
}

/// A lossy WebP's picture with smoothed colours.
pub(super) fn smoothed(file: &[u8]) -> Result<Option<DynamicImage>, DecodeError> {
    let refused = |source| refusal(Format::WebP, source);
    let mut decoder = WebP::new(file, Colours::Smoothed).map_err(refused)?;
    if !decoder.0.is_lossy() {
        return Ok(None);
    }
    DynamicImage::from_decoder(decoder).map(Some).map_err(refused)
}

/// The decoder beneath `image`'s, of which it can be told how to treat colours.
pub(super) struct WebP<'f>(WebPDecoder<Cursor<&'f [u8]>>);

impl<'f> WebP<'f> {
    pub(super) fn new(file: &'f [u8], colours: Colours) -> ImageResult<Self> {
        let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(webp_error)?;
        decoder.set_lossy_upsampling(match colours {
            Colours::Repeated => UpsamplingMethod::Simple,
            Colours::Smoothed => UpsamplingMethod::Bilinear,
        });
        Ok(Self(decoder))
    }
}

impl ImageDecoder for WebP<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn color_type(&self) -> ColorType {
        if self.0.has_alpha() { ColorType::Rgba8 } else { ColorType::Rgb8 }
    }

    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        self.0.exif_metadata().map_err(webp_error)
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        self.0.icc_profile().map_err(webp_error)
    }

    fn read_image(mut self, samples: &mut [u8]) -> ImageResult<()> {
        self.0.read_image(samples).map_err(webp_error)
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

fn webp_error(error: image_webp::DecodingError) -> ImageError {
    match error {
        image_webp::DecodingError::IoError(error) => ImageError::IoError(error),
        error => ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::WebP), error)),
    }
}

pub(super) fn refusal(format: Format, source: ImageError) -> DecodeError {
    match source {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        source @ ImageError::Unsupported(_) => DecodeError::UnsupportedKind { format, source },
        source => DecodeError::Raster { format, source },
    }
}

/// The parts of `file` that its picture, which was decoded, does not take, nor what is known to describe it.
pub(super) fn apart(file: &[u8], format: Format) -> Vec<Range<usize>> {
    match format {
        Format::Png => check_png(file).unwrap_or_default(),
        Format::WebP => check_webp(file).unwrap_or_default(),
        Format::Bmp => bmp_apart(file).unwrap_or_default(),
        Format::Tiff => tiff::unreached(file),
        Format::Gif => gif::claims(file).map_or_else(|_| Vec::new(), |claims| claims.apart),
        Format::JpegXl => jxl::apart(file),
        #[cfg(feature = "heif")]
        Format::Heic | Format::Avif => heif::apart(file),
        _ => Vec::new(),
    }
}

/// What stands between a bitmap's headers and its pixels, and behind these.
fn bmp_apart(file: &[u8]) -> Option<Vec<Range<usize>>> {
    let number = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let short = |at: usize| Some(u32::from(u16::from_le_bytes(*file.get(at..)?.first_chunk()?)));
    let (pixels, header) = (number(10)?, number(14)?);
    let (width, height, bits, compression, colours) = match header {
        12 => (short(18)?, short(20)?, short(24)?, 0, 0),
        16 => (number(18)?, number(22)?, short(28)?, 0, 0),
        _ => {
            let height = number(22)?.cast_signed().unsigned_abs();
            (number(18)?, height, short(28)?, number(30)?, number(46)?)
        }
    };
    let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
    let length = match compression {
        // As they are, rows of whole words.
        0 | 3 | 6 => row.saturating_mul(height.into()),
        // In runs: of single pixels, and an end for each row, at worst.
        _ => {
            let most = (2 * u64::from(width) + 2).saturating_mul(height.into()).saturating_add(2);
            Some(u64::from(number(34)?)).filter(|length| *length > 0).unwrap_or(most).min(most)
        }
    };
    let palette = match bits {
        1..=8 if colours == 0 => 1 << bits,
        _ => colours.min(256),
    };
    // Masks stand behind the shortest of the headers that have them.
    let masks = if header == 40 && matches!(compression, 3 | 6) { 16 } else { 0 };
    let headers = 14 + u64::from(header) + masks + u64::from(palette) * if header == 12 { 3 } else { 4 };
    let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(file.len());
    let (headers, pixels, end) = (within(headers), within(pixels.into()), within(u64::from(pixels) + length));
    Some([headers..pixels, end..file.len()].into_iter().filter(|range| !range.is_empty()).collect())
}

/// What stands in chunks of which nothing is known, and behind the last one. The chunks must run to `IEND` and hold one picture.
fn check_png(file: &[u8]) -> Result<Vec<Range<usize>>, DecodeError> {
    match check_png_chunks(file)? {
        (_, true) => Err(several_frames(Format::Png)),
        (apart, false) => Ok(apart),
    }
}

/// The same for one picture or several, and whether there are several.
pub(super) fn check_png_chunks(file: &[u8]) -> Result<(Vec<Range<usize>>, bool), DecodeError> {
    /// Of the standard and its extensions, and those of frames, which are counted, and of a picture's history.
    const KNOWN: [&[u8; 4]; 31] = [
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV",
        b"cLLI", b"tEXt", b"zTXt", b"iTXt", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"eXIf", b"tIME", b"acTL", b"fcTL",
        b"oFFs", b"pCAL", b"sCAL", b"sTER", b"gIFg", b"gIFx", b"caBX",
    ];
    let format = Format::Png;
    let mut rest = &file[8..];
    let mut frames = false;
    let mut apart = Vec::new();
    // length ‖ type ‖ data ‖ CRC
    while let Some((&[l3, l2, l1, l0, a, b, c, d], after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        let next = length.checked_add(4).and_then(|skip| after.get(skip..));
        let at = file.len() - after.len();
        rest = next.ok_or(DecodeError::Truncated { format })?;
        let name = [a, b, c, d];
        frames |= name == *b"fdAT";
        if !KNOWN.contains(&&name) {
            apart.push(at..at + length);
        }
        if name == *b"IEND" {
            apart.push(file.len() - rest.len()..file.len());
            return Ok((apart, frames));
        }
    }
    Err(DecodeError::Truncated { format })
}

/// What stands in chunks of which nothing is known, and behind the outermost chunk, of which all must be there, and which must
/// hold one picture.
fn check_webp(file: &[u8]) -> Result<Vec<Range<usize>>, DecodeError> {
    const KNOWN: [&[u8; 4]; 8] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"C2PA"];
    let format = Format::WebP;
    let truncated = DecodeError::Truncated { format };
    let Some((&[_, _, _, _, l0, l1, l2, l3], after)) = file.split_first_chunk::<8>() else { return Err(truncated) };
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let mut rest = after.get(4..length).ok_or(truncated)?;
    let inside = 8 + length;
    let mut pictures = 0;
    let mut apart = Vec::new();
    // type ‖ length ‖ data, padded to an even length
    while let Some((&[a, b, c, d, l0, l1, l2, l3], data)) = rest.split_first_chunk::<8>() {
        let name = [a, b, c, d];
        match &name {
            b"ANIM" | b"ANMF" => return Err(several_frames(format)),
            b"VP8 " | b"VP8L" => pictures += 1,
            _ => {}
        }
        if pictures > 1 {
            return Err(DecodeError::Unsupported { format, feature: "more than one picture" });
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if !KNOWN.contains(&&name) {
            let at = inside - data.len();
            apart.push(at..at + length.min(data.len()));
        }
        rest = length.checked_next_multiple_of(2).and_then(|skip| data.get(skip..)).unwrap_or_default();
    }
    apart.push(inside.saturating_add(length % 2).min(file.len())..file.len());
    Ok(apart)
}

const fn several_frames(format: Format) -> DecodeError {
    DecodeError::Unsupported { format, feature: "an animation" }
}

/// How many images of a file that was decoded belong to its picture and are not shown with it, by its own words.
pub(super) fn variants(file: &[u8], format: Format, picture: Size) -> Result<u32, DecodeError> {
    match format {
        Format::JpegXl => jxl::variants(file, picture),
        #[cfg(feature = "heif")]
        Format::Heic | Format::Avif => heif::variants(file, format),
        _ => Ok(0),
    }
}
