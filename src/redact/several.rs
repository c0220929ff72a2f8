//! A copy of a file of several pictures, with all of them, in their order and for as long as the original shows each.
//!
//! Owns how animations and pages are coded. Each picture is painted as a viewer would show it, blanked, and coded as what differs
//! from the one before: nothing of the original's own parts comes through, which may hold what no picture shows. Knows nothing of
//! how areas were found.
//!
//! - GIF keeps its colours as far as a picture's new ones are no more than 255; then the rarest become their nearest.
//! - Animated PNG and WebP are lossless, whatever the original was.
//! - TIFF keeps each page's samples in all their bits, upright, without compression.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::rc::Rc;

use gif::Repeat;
use image::codecs::webp::WebPEncoder;
use image::imageops::crop_imm;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgba, RgbaImage};
use tiff::encoder::colortype::{self, ColorType};
use tiff::encoder::{TiffEncoder, TiffValue};
use tiff::tags::Tag;

use super::{Blank, Manner, RedactError, copy, png_colours, profile};
use crate::frame::{Colours, DecodeError, Delay, Format, Limits, Sequence, Shot};
use crate::geometry::{PixelRect, Size};

/// Longest copy: what one decoded picture may take. Pages come out as they are stored, whatever had packed them.
const MAX_BYTES: usize = 1_100_000_000;

/// The copy of `original`, which holds several pictures, without what is under the `blanks` of each.
///
/// # Errors
///
/// When `original` does not hold as many pictures as there are `blanks`, or a copy cannot be coded; then nothing may be shown of it.
pub fn copy_all(original: &[u8], blanks: &[Vec<Blank>], manner: &Manner) -> Result<Vec<u8>, RedactError> {
    // They were decoded within limits before.
    let mut sequence = Sequence::open(original, &Limits::default())?.ok_or(DecodeError::NotAnImage)?;
    let format = sequence.format();
    if sequence.count() != blanks.len() {
        return Err(DecodeError::Truncated { format }.into());
    }
    let mut coder: Box<dyn Coder> = match format {
        Format::Gif => Box::new(Gif::new(&sequence)?),
        Format::Png => Box::new(Png::new(&sequence)?),
        Format::WebP => Box::new(WebP::new(&sequence)),
        Format::Tiff => Box::new(Pages::new()?),
        format => return Err(RedactError::NoCopy(format)),
    };
    let smooth = || Sequence::open_with(original, &Limits::default(), Colours::Smoothed);
    let mut smooth = if format == Format::WebP { smooth()? } else { None };
    let mut blanks = blanks.iter();
    while let Some(Shot { mut image, told, delay, profile }) = sequence.next()? {
        let Some(blanks) = blanks.next() else { return Err(DecodeError::Truncated { format }.into()) };
        if let Some(shot) = smooth.as_mut().map(Sequence::next).transpose()?.flatten() {
            copy::soften(&mut image, shot.image, blanks);
        }
        copy::paint(&mut image, blanks, manner);
        // A canvas has no way up of its own that all viewers heed.
        if format == Format::Tiff {
            image.apply_orientation(told.orientation().into());
        }
        coder.add(image, delay, profile.as_deref().and_then(profile::anew))?;
        if coder.length() > MAX_BYTES {
            return Err(RedactError::TooMuch(MAX_BYTES));
        }
    }
    let file = coder.finish()?;
    Ok(if format == Format::Png { png_colours::carried(original, file) } else { file })
}

/// The copy of a still GIF, of which nothing but pixels is kept.
pub(super) fn still_gif(image: DynamicImage) -> Result<Vec<u8>, RedactError> {
    let mut coder = Gif::of(Size::new(image.width(), image.height()), None)?;
    coder.add(image, Delay::default(), None)?;
    Box::new(coder).finish()
}

/// Takes pictures in order, and gives the file.
trait Coder {
    fn add(&mut self, image: DynamicImage, delay: Delay, profile: Option<Vec<u8>>) -> Result<(), RedactError>;

    /// Bytes so far.
    fn length(&self) -> usize;

    fn finish(self: Box<Self>) -> Result<Vec<u8>, RedactError>;
}

/// The smallest box around pixels that differ; one pixel where none does, for a picture must show something.
fn changed(before: &RgbaImage, now: &RgbaImage) -> PixelRect {
    let (width, height) = now.dimensions();
    let row = |image: &RgbaImage, y: u32| {
        let row = width as usize * 4;
        image.as_raw()[y as usize * row..][..row].to_vec()
    };
    let differs = |y: &u32| row(before, *y) != row(now, *y);
    let Some(top) = (0..height).find(differs) else { return PixelRect::new(0, 0, 1, 1) };
    let bottom = (top..height).rev().find(differs).unwrap_or(top);
    let (mut left, mut right) = (width, 0);
    for y in top..=bottom {
        let differs = |x: &u32| before.get_pixel(*x, y) != now.get_pixel(*x, y);
        left = (0..left).find(differs).unwrap_or(left);
        right = (right..width).rev().find(differs).unwrap_or(right);
    }
    PixelRect::new(left, top, right - left + 1, bottom - top + 1)
}

/// GIF. A picture is coded when the next one is known, for that decides whether it goes again.
struct Gif {
    encoder: gif::Encoder<Vec<u8>>,
    /// What is shown before the picture that waits.
    shown: RgbaImage,
    waiting: Option<(RgbaImage, Delay)>,
}

impl Gif {
    fn new(sequence: &Sequence<'_>) -> Result<Self, RedactError> {
        Self::of(sequence.size(), sequence.plays())
    }

    fn of(size: Size, plays: Option<u32>) -> Result<Self, RedactError> {
        let side = |side: u32| u16::try_from(side).map_err(|_| RedactError::TooLong(size));
        let mut encoder = gif::Encoder::new(Vec::new(), side(size.width)?, side(size.height)?, &[])
            .map_err(RedactError::EncodeGif)?;
        let repeat = plays.map(|plays| match u16::try_from(plays) {
            Ok(0) | Err(_) => Repeat::Infinite,
            Ok(plays) => Repeat::Finite(plays),
        });
        if let Some(repeat) = repeat {
            encoder.set_repeat(repeat).map_err(RedactError::EncodeGif)?;
        }
        Ok(Self { encoder, shown: RgbaImage::new(size.width, size.height), waiting: None })
    }

    fn code(&mut self, image: RgbaImage, delay: Delay, next: Option<&RgbaImage>) -> Result<(), RedactError> {
        // What is opaque can be painted over, and never away.
        let is_hole = |(now, next): (&Rgba<u8>, &Rgba<u8>)| now.0[3] != 0 && next.0[3] == 0;
        let goes = next.is_some_and(|next| image.pixels().zip(next.pixels()).any(is_hole));
        let place =
            if goes { PixelRect::new(0, 0, image.width(), image.height()) } else { changed(&self.shown, &image) };
        let mut frame = indexed(&self.shown, &image, place);
        // In hundredths of a second, as GIF counts.
        frame.delay = u16::try_from(delay.count).unwrap_or(u16::MAX);
        frame.dispose = if goes { gif::DisposalMethod::Background } else { gif::DisposalMethod::Keep };
        self.encoder.write_frame(&frame).map_err(RedactError::EncodeGif)?;
        self.shown = if goes { RgbaImage::new(image.width(), image.height()) } else { image };
        Ok(())
    }
}

impl Coder for Gif {
    fn add(&mut self, image: DynamicImage, delay: Delay, _profile: Option<Vec<u8>>) -> Result<(), RedactError> {
        let image = image.into_rgba8();
        if let Some((waiting, its_delay)) = self.waiting.take() {
            self.code(waiting, its_delay, Some(&image))?;
        }
        self.waiting = Some((image, delay));
        Ok(())
    }

    fn length(&self) -> usize {
        self.encoder.get_ref().len()
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, RedactError> {
        if let Some((waiting, delay)) = self.waiting.take() {
            self.code(waiting, delay, None)?;
        }
        self.encoder.into_inner().map_err(RedactError::EncodeGif)
    }
}

/// The part `place` of a picture in up to 255 colours, and transparent where `shown` need not change.
fn indexed(shown: &RgbaImage, image: &RgbaImage, place: PixelRect) -> gif::Frame<'static> {
    /// All but one, which is transparent.
    const COLOURS: usize = 255;
    const TRANSPARENT: u8 = 255;
    let PixelRect { x, y, w, h } = place;
    let wanted = || {
        (y..y + h).flat_map(move |y| (x..x + w).map(move |x| (x, y))).map(|(x, y)| {
            let pixel = *image.get_pixel(x, y);
            let [r, g, b, alpha] = pixel.0;
            (alpha != 0 && pixel != *shown.get_pixel(x, y)).then_some([r, g, b])
        })
    };
    let mut counts: HashMap<[u8; 3], u32> = HashMap::new();
    wanted().flatten().for_each(|color| *counts.entry(color).or_default() += 1);
    let mut colors: Vec<([u8; 3], u32)> = counts.into_iter().collect();
    // Most frequent first, and in one order always.
    colors.sort_unstable_by_key(|(color, count)| (std::cmp::Reverse(*count), *color));
    let rare = colors.split_off(colors.len().min(COLOURS));
    let distance =
        |a: &[u8; 3], b: &[u8; 3]| -> u32 { a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum() };
    let mut numbers: HashMap<[u8; 3], u8> =
        colors.iter().zip(0u8..).map(|((color, _), number)| (*color, number)).collect();
    for (color, _) in rare {
        let nearest = colors.iter().zip(0u8..).min_by_key(|((known, _), _)| distance(known, &color));
        numbers.insert(color, nearest.map_or(0, |(_, number)| number));
    }
    let buffer: Vec<u8> =
        wanted().map(|color| color.map_or(TRANSPARENT, |color| numbers.get(&color).copied().unwrap_or(0))).collect();
    let has_transparent = buffer.contains(&TRANSPARENT);
    let mut palette: Vec<u8> = colors.iter().flat_map(|(color, _)| *color).collect();
    let length = if has_transparent { 3 * 256 } else { palette.len().max(3) };
    palette.resize(length, 0);
    gif::Frame {
        left: x as u16,
        top: y as u16,
        width: w as u16,
        height: h as u16,
        palette: Some(palette),
        transparent: has_transparent.then_some(TRANSPARENT),
        buffer: buffer.into(),
        ..gif::Frame::default()
    }
}

/// Animated PNG.
struct Png {
    writer: png::Writer<Shared>,
    shown: Option<RgbaImage>,
    file: Shared,
}

impl Png {
    fn new(sequence: &Sequence<'_>) -> Result<Self, RedactError> {
        let size = sequence.size();
        let mut info = png::Info::with_size(size.width, size.height);
        info.color_type = png::ColorType::Rgba;
        info.bit_depth = png::BitDepth::Eight;
        info.icc_profile = sequence.profile().and_then(profile::anew).map(Into::into);
        let file = Shared::default();
        let mut encoder = png::Encoder::with_info(file.clone(), info).map_err(RedactError::EncodePng)?;
        encoder.set_compression(png::Compression::Fast);
        encoder.set_filter(png::Filter::Adaptive);
        encoder.set_animated(sequence.count() as u32, sequence.plays().unwrap_or(0)).map_err(RedactError::EncodePng)?;
        let writer = encoder.write_header().map_err(RedactError::EncodePng)?;
        Ok(Self { writer, shown: None, file })
    }

    fn code(&mut self, image: &RgbaImage, delay: Delay) -> Result<(), png::EncodingError> {
        let place = match &self.shown {
            Some(shown) => changed(shown, image),
            None => PixelRect::new(0, 0, image.width(), image.height()),
        };
        let part = crop_imm(image, place.x, place.y, place.w, place.h).to_image();
        if self.shown.is_some() {
            self.writer.reset_frame_position()?;
            self.writer.set_frame_dimension(place.w, place.h)?;
            self.writer.set_frame_position(place.x, place.y)?;
        }
        let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        self.writer.set_frame_delay(short(delay.count), short(delay.per_second))?;
        self.writer.set_blend_op(png::BlendOp::Source)?;
        self.writer.set_dispose_op(png::DisposeOp::None)?;
        self.writer.write_image_data(part.as_raw())
    }
}

impl Coder for Png {
    fn add(&mut self, image: DynamicImage, delay: Delay, _profile: Option<Vec<u8>>) -> Result<(), RedactError> {
        let image = image.into_rgba8();
        self.code(&image, delay).map_err(RedactError::EncodePng)?;
        self.shown = Some(image);
        Ok(())
    }

    fn length(&self) -> usize {
        self.file.length()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, RedactError> {
        let Self { writer, file, .. } = *self;
        writer.finish().map_err(RedactError::EncodePng)?;
        Ok(file.into_bytes())
    }
}

/// Animated WebP: each part is a lossless still picture in a frame.
struct WebP {
    size: Size,
    plays: u16,
    profile: Option<Vec<u8>>,
    shown: Option<RgbaImage>,
    frames: Vec<u8>,
    alpha: bool,
}

impl WebP {
    fn new(sequence: &Sequence<'_>) -> Self {
        Self {
            size: sequence.size(),
            plays: u16::try_from(sequence.plays().unwrap_or(0)).unwrap_or(0),
            profile: sequence.profile().and_then(profile::anew),
            shown: None,
            frames: Vec::new(),
            alpha: false,
        }
    }
}

/// name ‖ length ‖ body, to an even length
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    file.extend(name);
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file.resize(file.len() + body.len() % 2, 0);
}

fn three(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

impl Coder for WebP {
    fn add(&mut self, image: DynamicImage, delay: Delay, _profile: Option<Vec<u8>>) -> Result<(), RedactError> {
        const REPLACES: u8 = 2;
        let image = image.into_rgba8();
        let place = match &self.shown {
            Some(shown) => changed(shown, &image),
            None => PixelRect::new(0, 0, self.size.width, self.size.height),
        };
        // Places count by two.
        let (x, y) = (place.x / 2 * 2, place.y / 2 * 2);
        let (w, h) = (place.right() - x, place.bottom() - y);
        let part = crop_imm(&image, x, y, w, h).to_image();
        self.alpha |= part.pixels().any(|pixel| pixel.0[3] != u8::MAX);
        let mut still = Vec::new();
        WebPEncoder::new_lossless(&mut still)
            .write_image(part.as_raw(), w, h, ExtendedColorType::Rgba8)
            .map_err(RedactError::EncodeRaster)?;
        let picture = still.get(12..).unwrap_or_default();
        let body =
            [&three(x / 2)[..], &three(y / 2), &three(w - 1), &three(h - 1), &three(delay.count), &[REPLACES], picture];
        chunk(&mut self.frames, b"ANMF", &body.concat());
        self.shown = Some(image);
        Ok(())
    }

    fn length(&self) -> usize {
        self.frames.len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, RedactError> {
        const ANIMATION: u8 = 0x02;
        const ALPHA: u8 = 0x10;
        const PROFILE: u8 = 0x20;
        let mut body = b"WEBP".to_vec();
        let flags = ANIMATION | if self.alpha { ALPHA } else { 0 } | if self.profile.is_some() { PROFILE } else { 0 };
        let sides = [three(self.size.width - 1), three(self.size.height - 1)].concat();
        chunk(&mut body, b"VP8X", &[&[flags, 0, 0, 0][..], &sides].concat());
        if let Some(profile) = &self.profile {
            chunk(&mut body, b"ICCP", profile);
        }
        // On white where a viewer has no ground of its own, as scenes are.
        chunk(&mut body, b"ANIM", &[&[0xFF; 4][..], &self.plays.to_le_bytes()].concat());
        body.extend(&self.frames);
        Ok([b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat())
    }
}

/// Pages of a TIFF file.
struct Pages {
    encoder: TiffEncoder<Shared>,
    file: Shared,
}

impl Pages {
    fn new() -> Result<Self, RedactError> {
        let file = Shared::default();
        Ok(Self { encoder: TiffEncoder::new(file.clone()).map_err(RedactError::EncodeTiff)?, file })
    }

    fn page<C: ColorType>(
        &mut self,
        size: Size,
        samples: &[C::Inner],
        profile: Option<&[u8]>,
    ) -> Result<(), tiff::TiffError>
    where
        [C::Inner]: TiffValue,
    {
        let mut page = self.encoder.new_image::<C>(size.width, size.height)?;
        if let Some(profile) = profile {
            page.encoder().write_tag(Tag::IccProfile, profile)?;
        }
        page.write_data(samples)
    }
}

impl Coder for Pages {
    fn add(&mut self, image: DynamicImage, _delay: Delay, profile: Option<Vec<u8>>) -> Result<(), RedactError> {
        let image = copy::within_tiff(image);
        let size = Size::new(image.width(), image.height());
        let profile = profile.as_deref();
        let written = match &image {
            DynamicImage::ImageLuma8(image) => self.page::<colortype::Gray8>(size, image, profile),
            DynamicImage::ImageLuma16(image) => self.page::<colortype::Gray16>(size, image, profile),
            DynamicImage::ImageRgb8(image) => self.page::<colortype::RGB8>(size, image, profile),
            DynamicImage::ImageRgb16(image) => self.page::<colortype::RGB16>(size, image, profile),
            DynamicImage::ImageRgba8(image) => self.page::<colortype::RGBA8>(size, image, profile),
            DynamicImage::ImageRgba16(image) => self.page::<colortype::RGBA16>(size, image, profile),
            DynamicImage::ImageRgb32F(image) => self.page::<colortype::RGB32Float>(size, image, profile),
            other => self.page::<colortype::RGBA32Float>(size, &other.to_rgba32f(), profile),
        };
        written.map_err(RedactError::EncodeTiff)
    }

    fn length(&self) -> usize {
        self.file.length()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>, RedactError> {
        let Self { encoder, file } = *self;
        drop(encoder);
        Ok(file.into_bytes())
    }
}

/// A file in memory whose encoder does not give it back.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Cursor<Vec<u8>>>>);

impl Shared {
    fn length(&self) -> usize {
        self.0.borrow().get_ref().len()
    }

    fn into_bytes(self) -> Vec<u8> {
        self.0.take().into_inner()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.borrow_mut().seek(to)
    }
}
