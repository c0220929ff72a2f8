//! Animated PNG: its chunks, and the parts of its canvas.
//!
//! Owns which chunks make frames. A picture that stands before the animation and is no part of it is refused: who does not know
//! animations sees it, and it would have neither a place in the order nor in a copy. So are sixteen bits, of which the canvas keeps
//! eight.

use std::io::Cursor;

use image::RgbaImage;
use png::{BlendOp, ColorType, DisposeOp, Transformations};

use super::canvas::{After, Canvas, Part};
use super::raster::{check_png_chunks, png_bytes};
use super::sequence::Claims;
use super::{DecodeError, Delay, Format};
use crate::geometry::{PixelRect, Size};

const FORMAT: Format = Format::Png;
const TRUNCATED: DecodeError = DecodeError::Truncated { format: FORMAT };

/// What `file` claims to hold; `None` when it is a still picture.
pub(super) fn claims(file: &[u8]) -> Result<Option<Claims>, DecodeError> {
    let (apart, frames) = check_png_chunks(file)?;
    if !frames {
        return Ok(None);
    }
    let unsupported = |feature| Err(DecodeError::Unsupported { format: FORMAT, feature });
    let number = |body: &[u8], at: usize| {
        body.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_be_bytes(*bytes)).ok_or(TRUNCATED)
    };
    let (mut size, mut bits, mut claimed) = (Size::new(0, 0), 0, None);
    let (mut controls, mut pictured) = (0, false);
    let mut apart_of_it = false;
    let mut fault = None;
    super::told::png_chunks(file, |name, body| {
        let mut heed = || -> Result<(), DecodeError> {
            match name {
                b"IHDR" => {
                    size = Size::new(number(body, 0)?, number(body, 4)?);
                    bits = body.get(8).copied().unwrap_or(0);
                }
                b"acTL" => claimed = Some((number(body, 0)?, number(body, 4)?)),
                b"fcTL" => controls += 1,
                b"IDAT" if !pictured => (pictured, apart_of_it) = (true, controls == 0),
                _ => {}
            }
            Ok(())
        };
        if let Err(error) = heed() {
            fault = Some(error);
        }
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    match claimed {
        Some((frames, plays)) if frames as usize == controls && !apart_of_it => {
            if bits == 16 {
                return unsupported("an animation of sixteen bits a sample");
            }
            Ok(Some(Claims { size, frames: controls, plays: Some(plays), apart }))
        }
        Some(_) if apart_of_it => unsupported("a picture beside an animation"),
        _ => unsupported("an animation that does not say how many pictures it has"),
    }
}

/// The pictures of a file whose chunks were read, one after the other.
pub(super) struct Frames<'f> {
    reader: png::Reader<Cursor<&'f [u8]>>,
    canvas: Canvas,
    left: u32,
}

impl<'f> Frames<'f> {
    pub fn new(file: &'f [u8], size: Size) -> Result<Self, DecodeError> {
        let bytes = usize::try_from(png_bytes(file)).unwrap_or(usize::MAX);
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes });
        decoder.set_transformations(Transformations::normalize_to_color8());
        let reader = decoder.read_info().map_err(refused)?;
        let left = reader.info().animation_control().map_or(0, |control| control.num_frames);
        Ok(Self { reader, canvas: Canvas::new(size), left })
    }

    /// The next picture as it is shown, and for how long.
    pub fn next(&mut self) -> Result<Option<(RgbaImage, Delay)>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let mut samples = vec![0; self.reader.output_buffer_size().ok_or(TRUNCATED)?];
        let info = self.reader.next_frame(&mut samples).map_err(refused)?;
        samples.truncate(info.buffer_size());
        let control = *self.reader.info().frame_control().ok_or(TRUNCATED)?;
        let pixels = match info.color_type {
            ColorType::Rgba => samples,
            ColorType::Rgb => samples.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, u8::MAX]).collect(),
            ColorType::GrayscaleAlpha => samples.as_chunks::<2>().0.iter().flat_map(|&[y, a]| [y, y, y, a]).collect(),
            ColorType::Grayscale | ColorType::Indexed => samples.iter().flat_map(|&y| [y, y, y, u8::MAX]).collect(),
        };
        let place = PixelRect::new(control.x_offset, control.y_offset, control.width, control.height);
        let part = Part {
            place,
            pixels: RgbaImage::from_raw(place.w, place.h, pixels).ok_or(TRUNCATED)?,
            over: control.blend_op == BlendOp::Over,
            after: match control.dispose_op {
                DisposeOp::None => After::Keep,
                DisposeOp::Background => After::Clear,
                DisposeOp::Previous => After::Restore,
            },
        };
        let per_second = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
        let delay = Delay { count: u32::from(control.delay_num), per_second };
        Ok(Some((self.canvas.paint(&part).clone(), delay)))
    }
}

fn refused(error: png::DecodingError) -> DecodeError {
    use image::error::{DecodingError, ImageError, ImageFormatHint};
    match error {
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => TRUNCATED,
        error => {
            let hint = ImageFormatHint::Exact(image::ImageFormat::Png);
            DecodeError::Raster { format: FORMAT, source: ImageError::Decoding(DecodingError::new(hint, error)) }
        }
    }
}
