//! GIF: its blocks, and the parts of its canvas.
//!
//! Owns which blocks there are and how many pictures they make before any of them is decoded. A part that reaches out of the
//! canvas is refused: viewers do not agree on what they show of it.

use std::io::Cursor;

use image::RgbaImage;
use image::error::{DecodingError, ImageError, ImageFormatHint};

use super::canvas::{After, Canvas, Part};
use super::sequence::Claims;
use super::{DecodeError, Delay, Format};
use crate::geometry::{PixelRect, Size};

const FORMAT: Format = Format::Gif;
const TRUNCATED: DecodeError = DecodeError::Truncated { format: FORMAT };

const fn damaged(detail: &'static str) -> DecodeError {
    DecodeError::Damaged { format: FORMAT, detail }
}

/// Reads the blocks of `file`, all of which must be there, to the trailer.
pub(super) fn claims(file: &[u8]) -> Result<Claims, DecodeError> {
    const IMAGE: u8 = 0x2C;
    const EXTENSION: u8 = 0x21;
    const CONTROL: u8 = 0xF9;
    const TRAILER: u8 = 0x3B;
    let byte = |at: usize| file.get(at).copied().ok_or(TRUNCATED);
    let short = |at: usize| Ok::<_, DecodeError>(u32::from(u16::from_le_bytes([byte(at)?, byte(at + 1)?])));
    // Colours of three bytes, two for each bit of a number.
    let colours = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    // length ‖ bytes, until a length of nothing; where they end.
    let blocks = |mut at: usize| loop {
        match byte(at)? {
            0 => return Ok::<_, DecodeError>(at + 1),
            length => at += 1 + usize::from(length),
        }
    };
    // signature (6) ‖ width ‖ height ‖ flags ‖ background ‖ proportions ‖ colours
    let size = Size::new(short(6)?, short(8)?);
    let mut at = 13 + colours(byte(10)?);
    let mut claims = Claims { size, frames: 0, plays: None, apart: Vec::new() };
    loop {
        match byte(at)? {
            IMAGE => {
                // left ‖ top ‖ width ‖ height ‖ flags ‖ colours ‖ bits ‖ blocks
                let (x, y, w, h) = (short(at + 1)?, short(at + 3)?, short(at + 5)?, short(at + 7)?);
                if w == 0 || h == 0 || x + w > size.width || y + h > size.height {
                    return Err(damaged("a frame without pixels, or out of the picture"));
                }
                at = blocks(at + 11 + colours(byte(at + 9)?))?;
                claims.frames += 1;
            }
            EXTENSION => {
                let end = blocks(at + 2)?;
                if byte(at + 1)? != CONTROL {
                    claims.apart.push(at..end);
                }
                // length (11) ‖ name ‖ length (3) ‖ 1 ‖ how often again
                if file[at..end].get(2..).is_some_and(|body| {
                    body.starts_with(b"\x0bNETSCAPE2.0\x03\x01") || body.starts_with(b"\x0bANIMEXTS1.0\x03\x01")
                }) {
                    claims.plays = Some(short(at + 16)?);
                }
                at = end;
            }
            TRAILER if claims.frames == 0 => return Err(damaged("no picture")),
            TRAILER => {
                claims.apart.push(at + 1..file.len());
                return Ok(claims);
            }
            _ => return Err(damaged("an unknown block")),
        }
    }
}

/// The one picture of a file that holds no more.
pub(super) fn still(file: &[u8]) -> Result<RgbaImage, DecodeError> {
    let (image, _) = Frames::new(file, claims(file)?.size)?.next()?.ok_or(TRUNCATED)?;
    Ok(image)
}

/// The pictures of a file whose blocks were read, one after the other.
pub(super) struct Frames<'f> {
    decoder: gif::Decoder<Cursor<&'f [u8]>>,
    canvas: Canvas,
}

impl<'f> Frames<'f> {
    pub fn new(file: &'f [u8], size: Size) -> Result<Self, DecodeError> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        // A part is no larger than the canvas.
        options
            .set_memory_limit(gif::MemoryLimit::Bytes(std::num::NonZeroU64::new(size.pixels() * 4 + 1).expect("more")));
        options.check_frame_consistency(true);
        let decoder = options.read_info(Cursor::new(file)).map_err(refused)?;
        Ok(Self { decoder, canvas: Canvas::new(size) })
    }

    /// The next picture as it is shown, and for how long.
    pub fn next(&mut self) -> Result<Option<(RgbaImage, Delay)>, DecodeError> {
        let Some(frame) = self.decoder.read_next_frame().map_err(refused)? else { return Ok(None) };
        let [x, y, w, h] = [frame.left, frame.top, frame.width, frame.height].map(u32::from);
        let pixels = RgbaImage::from_raw(w, h, frame.buffer.to_vec()).ok_or(TRUNCATED)?;
        let after = match frame.dispose {
            gif::DisposalMethod::Any | gif::DisposalMethod::Keep => After::Keep,
            gif::DisposalMethod::Background => After::Clear,
            gif::DisposalMethod::Previous => After::Restore,
        };
        let delay = Delay { count: u32::from(frame.delay), per_second: 100 };
        let part = Part { place: PixelRect::new(x, y, w, h), pixels, over: true, after };
        Ok(Some((self.canvas.paint(&part).clone(), delay)))
    }
}

fn refused(error: gif::DecodingError) -> DecodeError {
    match error {
        gif::DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => TRUNCATED,
        error => {
            let hint = ImageFormatHint::Exact(image::ImageFormat::Gif);
            DecodeError::Raster { format: FORMAT, source: ImageError::Decoding(DecodingError::new(hint, error)) }
        }
    }
}
