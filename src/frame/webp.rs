//! Animated WebP: its chunks, and the parts of its canvas.
//!
//! Owns where frames begin and end. Each is decoded as a still picture of its own and painted here: the decoder's own canvas
//! leaves standing what should go. Transparency is never filled with the colour that the file suggests, as no browser does.

use std::ops::Range;

use image::{DynamicImage, RgbaImage};

use super::canvas::{After, Canvas, Part};
use super::raster::{self, Colours, WebP};
use super::sequence::Claims;
use super::{DecodeError, Delay, Format};
use crate::geometry::{PixelRect, Size};

const FORMAT: Format = Format::WebP;
const TRUNCATED: DecodeError = DecodeError::Truncated { format: FORMAT };

const fn damaged(detail: &'static str) -> DecodeError {
    DecodeError::Damaged { format: FORMAT, detail }
}

/// Name, where the body lies, and where the next one begins, which is padded to an even length.
type Chunk = ([u8; 4], Range<usize>, usize);

/// The first chunk within a part of `file`.
fn chunk(file: &[u8], within: Range<usize>) -> Result<Option<Chunk>, DecodeError> {
    let Some((&[a, b, c, d, l0, l1, l2, l3], _)) = file.get(within.clone()).ok_or(TRUNCATED)?.split_first_chunk::<8>()
    else {
        return Ok(None);
    };
    let start = within.start + 8;
    let end = start.checked_add(u32::from_le_bytes([l0, l1, l2, l3]) as usize).ok_or(TRUNCATED)?;
    if end > within.end {
        return Err(TRUNCATED);
    }
    Ok(Some(([a, b, c, d], start..end, (end + end % 2).min(within.end))))
}

/// The outermost chunk's body behind its name.
fn body(file: &[u8]) -> Result<Range<usize>, DecodeError> {
    let length = file.get(4..).and_then(<[u8]>::first_chunk).ok_or(TRUNCATED)?;
    let end = (u32::from_le_bytes(*length) as usize).checked_add(8).filter(|end| *end <= file.len());
    Ok(12..end.filter(|end| *end >= 12).ok_or(TRUNCATED)?)
}

fn three(file: &[u8], at: usize) -> Result<u32, DecodeError> {
    match file.get(at..).and_then(<[u8]>::first_chunk) {
        Some(&[a, b, c]) => Ok(u32::from_le_bytes([a, b, c, 0])),
        None => Err(TRUNCATED),
    }
}

/// What a frame says before its picture, and where the chunks of that are.
struct Header {
    place: PixelRect,
    milliseconds: u32,
    over: bool,
    after: After,
    chunks: Range<usize>,
}

fn header(file: &[u8], body: Range<usize>) -> Result<Header, DecodeError> {
    let at = body.start;
    if body.len() < 16 {
        return Err(TRUNCATED);
    }
    let flags = file[at + 15];
    let [x, y, w, h] =
        [three(file, at)? * 2, three(file, at + 3)? * 2, three(file, at + 6)? + 1, three(file, at + 9)? + 1];
    Ok(Header {
        place: PixelRect::new(x, y, w, h),
        milliseconds: three(file, at + 12)?,
        over: flags & 2 == 0,
        after: if flags & 1 == 0 { After::Keep } else { After::Clear },
        chunks: at + 16..body.end,
    })
}

/// What `file` claims to hold; `None` when it is a still picture.
pub(super) fn claims(file: &[u8]) -> Result<Option<Claims>, DecodeError> {
    const KNOWN: [&[u8; 4]; 7] = [b"VP8X", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"C2PA"];
    let Ok(within) = body(file) else { return Ok(None) };
    let mut claims = Claims { size: Size::new(0, 0), frames: 0, plays: None, apart: Vec::new() };
    let mut at = within.start;
    let mut stills = 0;
    loop {
        let (name, body, next) = match chunk(file, at..within.end) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // Whether a still picture lacks something is its decoder's to say.
            Err(_) if claims.frames == 0 && claims.plays.is_none() => return Ok(None),
            Err(error) => return Err(error),
        };
        match &name {
            b"VP8X" if body.len() >= 10 => {
                claims.size = Size::new(three(file, body.start + 4)? + 1, three(file, body.start + 7)? + 1);
            }
            // background (4) ‖ plays
            b"ANIM" if body.len() >= 6 => {
                claims.plays = Some(u32::from(u16::from_le_bytes([file[body.start + 4], file[body.start + 5]])));
            }
            b"ANMF" => {
                claims.frames += 1;
                frame_claims(file, body, claims.size, &mut claims.apart)?;
            }
            b"VP8 " | b"VP8L" => stills += 1,
            name if !KNOWN.contains(&name) => claims.apart.push(body),
            _ => {}
        }
        at = next;
    }
    claims.apart.push(within.end..file.len());
    match (claims.frames, stills, claims.plays) {
        (0, ..) => Ok(None),
        (_, 0, Some(_)) => Ok(Some(claims)),
        (_, 0, None) => Err(damaged("frames without an animation")),
        _ => Err(DecodeError::Unsupported { format: FORMAT, feature: "more than one picture" }),
    }
}

/// Checks one frame, of which one picture is shown.
fn frame_claims(file: &[u8], body: Range<usize>, size: Size, apart: &mut Vec<Range<usize>>) -> Result<(), DecodeError> {
    let Header { place, chunks, .. } = header(file, body)?;
    if place.x + place.w > size.width || place.y + place.h > size.height {
        return Err(damaged("a frame out of the picture"));
    }
    let mut pictures = 0;
    let mut at = chunks.start;
    while let Some((name, body, next)) = chunk(file, at..chunks.end)? {
        match &name {
            b"VP8 " | b"VP8L" => pictures += 1,
            b"ALPH" => {}
            _ => apart.push(body),
        }
        at = next;
    }
    if pictures == 1 { Ok(()) } else { Err(damaged("a frame of other than one picture")) }
}

/// The pictures of a file whose chunks were read, one after the other.
pub(super) struct Frames<'f> {
    file: &'f [u8],
    at: usize,
    canvas: Canvas,
    colours: Colours,
}

impl<'f> Frames<'f> {
    pub fn new(file: &'f [u8], size: Size, colours: Colours) -> Self {
        Self { file, at: 12, canvas: Canvas::new(size), colours }
    }

    /// The next picture as it is shown, and for how long.
    pub fn next(&mut self) -> Result<Option<(RgbaImage, Delay)>, DecodeError> {
        let file = self.file;
        let end = body(file)?.end;
        while let Some((name, body, next)) = chunk(file, self.at..end)? {
            self.at = next;
            if name != *b"ANMF" {
                continue;
            }
            let Header { place, milliseconds, over, after, chunks } = header(file, body)?;
            let still = still(file, chunks, place)?;
            let refused = |source| raster::refusal(FORMAT, source);
            let decoder = WebP::new(&still, self.colours).map_err(refused)?;
            let pixels = DynamicImage::from_decoder(decoder).map_err(refused)?.into_rgba8();
            if pixels.dimensions() != (place.w, place.h) {
                return Err(damaged("a frame of another size than it claims"));
            }
            let delay = Delay { count: milliseconds, per_second: 1000 };
            return Ok(Some((self.canvas.paint(&Part { place, pixels, over, after }).clone(), delay)));
        }
        Ok(None)
    }
}

/// A frame's chunks as a file of their own.
fn still(file: &[u8], chunks: Range<usize>, place: PixelRect) -> Result<Vec<u8>, DecodeError> {
    const ALPHA: u8 = 0x10;
    let mut body = b"WEBP".to_vec();
    let mut at = chunks.start;
    let mut extended = false;
    while let Some((name, inner, next)) = chunk(file, at..chunks.end)? {
        if name == *b"ALPH" && !extended {
            extended = true;
            body.extend(b"VP8X\x0a\0\0\0");
            body.extend([ALPHA, 0, 0, 0]);
            body.extend(&(place.w - 1).to_le_bytes()[..3]);
            body.extend(&(place.h - 1).to_le_bytes()[..3]);
        }
        if matches!(&name, b"ALPH" | b"VP8 " | b"VP8L") {
            body.extend(name);
            body.extend((inner.len() as u32).to_le_bytes());
            body.extend(&file[inner.clone()]);
            body.resize(body.len().next_multiple_of(2), 0);
        }
        at = next;
    }
    Ok([b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat())
}
