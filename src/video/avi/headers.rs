//! What stands before the frames: the file's header, and one for each stream.

use std::fmt;

use super::MAX_STREAMS;
use super::read::AviError;
use crate::geometry::Size;

/// Four bytes that name a chunk, a kind of stream or a codec.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// Whether it may name a chunk.
    pub(super) fn is_name(self) -> bool {
        self.0.iter().all(|byte| matches!(byte, b' '..=b'~'))
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It comes from a file, and may be anything.
        let shown = |byte: u8| if matches!(byte, b'!'..=b'~') { char::from(byte) } else { '?' };
        self.0.iter().try_for_each(|&byte| fmt::Write::write_char(f, shown(byte)))
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a stream holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Pictures.
    Video {
        /// How they are coded.
        codec: FourCc,
        /// Pixels of each, as the header states them. Each frame has its own word on it.
        size: Size,
    },
    /// Sound.
    Audio {
        /// How it is coded: a `WAVEFORMATEX` with what belongs to it.
        format: Vec<u8>,
    },
    /// Something else: texts, notes, a maker's own.
    Other(FourCc),
}

/// One stream of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// What it holds.
    pub kind: Kind,
    /// Ticks a second, as a fraction: `rate / scale`. A frame takes one tick. Neither is 0.
    pub rate: u32,
    /// See [`Stream::rate`].
    pub scale: u32,
    /// Ticks before the first chunk.
    pub start: u32,
    /// Bytes a tick of a stream of equal samples; 0 where a chunk is a tick.
    pub sample_size: u32,
}

impl Stream {
    /// Codecs whose chunks are JPEGs.
    const MOTION_JPEG: [&[u8; 4]; 8] = [b"MJPG", b"mjpg", b"JPEG", b"jpeg", b"AVRn", b"dmb1", b"IJPG", b"ijpg"];

    /// Whether its chunks are JPEGs.
    pub fn is_motion_jpeg(&self) -> bool {
        matches!(&self.kind, Kind::Video { codec, .. } if Self::MOTION_JPEG.iter().any(|known| codec.0 == **known))
    }

    /// Whether it holds sound.
    pub fn is_audio(&self) -> bool {
        matches!(self.kind, Kind::Audio { .. })
    }

    /// Whether a chunk of this type holds what the stream is of.
    pub(super) fn takes(&self, kind: [u8; 2]) -> bool {
        match self.kind {
            // Some cameras call compressed frames uncompressed.
            Kind::Video { .. } => matches!(&kind, b"dc" | b"db"),
            Kind::Audio { .. } => kind == *b"wb",
            Kind::Other(_) => false,
        }
    }
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}

fn name(bytes: &[u8], at: usize) -> Option<FourCc> {
    Some(FourCc(*bytes.get(at..)?.first_chunk::<4>()?))
}

/// The chunks of a list that is in memory: name and body. What does not fit ends it with an error.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<(FourCc, &'a [u8]), AviError>;

    fn next(&mut self) -> Option<Self::Item> {
        // A byte of padding may be all that is left.
        let (name, length) = (name(self.0, 0)?, long(self.0, 4)?);
        let Some(body) = self.0.get(8..8 + length as usize) else {
            self.0 = &[];
            return Some(Err(AviError::Damaged("a header that does not fit its list")));
        };
        self.0 = self.0.get(8 + length as usize + (length & 1) as usize..).unwrap_or_default();
        Some(Ok((name, body)))
    }
}

/// The streams that a list of headers names, `hdrl` without its name.
pub(super) fn streams(list: &[u8]) -> Result<Vec<Stream>, AviError> {
    let mut micros_a_frame = 0;
    let mut streams = Vec::new();
    for chunk in Chunks(list) {
        let (name, body) = chunk?;
        match (&name.0, body) {
            (b"avih", body) => micros_a_frame = long(body, 0).ok_or(AviError::Damaged("a header that is too short"))?,
            (b"LIST", [b's', b't', b'r', b'l', list @ ..]) => {
                if streams.len() == MAX_STREAMS {
                    return Err(AviError::TooManyStreams);
                }
                streams.push(stream(list, micros_a_frame)?);
            }
            _ => {}
        }
    }
    Ok(streams)
}

fn stream(list: &[u8], micros_a_frame: u32) -> Result<Stream, AviError> {
    const SHORT: AviError = AviError::Damaged("a stream's header that is too short");
    let (mut header, mut format) = (None, None);
    for chunk in Chunks(list) {
        let (name, body) = chunk?;
        match &name.0 {
            b"strh" => header = header.or(Some(body)),
            b"strf" => format = format.or(Some(body)),
            _ => {}
        }
    }
    let (header, format) = header.zip(format).ok_or(AviError::Damaged("a stream without a header"))?;
    let number = |at| long(header, at).ok_or(SHORT);
    let (scale, rate) = (number(20)?, number(24)?);
    let kind = match &name(header, 0).ok_or(SHORT)?.0 {
        b"vids" => {
            let side = |at| long(format, at).map(|side| side.cast_signed().unsigned_abs()).ok_or(SHORT);
            let codec = name(format, 16).ok_or(SHORT)?;
            Kind::Video { codec, size: Size::new(side(4)?, side(8)?) }
        }
        b"auds" => Kind::Audio { format: sound(format).ok_or(SHORT)? },
        other => Kind::Other(FourCc(*other)),
    };
    let (rate, scale) = match &kind {
        _ if rate > 0 && scale > 0 => (rate, scale),
        Kind::Video { .. } if micros_a_frame > 0 => (1_000_000, micros_a_frame),
        // Nothing of it is carried over.
        Kind::Other(_) => (1, 1),
        _ => return Err(AviError::Damaged("a stream without a rate")),
    };
    Ok(Stream { kind, rate, scale, start: number(28)?, sample_size: number(44)? })
}

/// The format of a sound, without what stands behind it.
fn sound(format: &[u8]) -> Option<Vec<u8>> {
    /// What every format has, and how many bytes more there are.
    const WHOLE: usize = 18;
    let length = match format.get(16..WHOLE) {
        Some(&[low, high]) => WHOLE + usize::from(u16::from_le_bytes([low, high])),
        _ => 16,
    };
    // Of more than there is, what there is: so do all readers.
    (format.len() >= 16).then(|| format[..length.min(format.len())].to_vec())
}
