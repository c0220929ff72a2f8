//! The JPEGs of Motion JPEG: one in a chunk, or two where each is a field of an interlaced frame, often without their Huffman
//! tables.
//!
//! Owns where each picture of a chunk begins and ends, and what is added so that it is a JPEG file by itself. Knows nothing of
//! coefficients.

use std::ops::Range;

use thiserror::Error;

use crate::jpeg::standard_tables;

/// Why a chunk's pictures are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MjpegError {
    /// It does not begin as a JPEG does.
    #[error("the frame is no JPEG")]
    NotJpeg,
    /// A picture of it does not end.
    #[error("the frame ends early")]
    Truncated,
    /// A frame has two fields, and no third.
    #[error("more than two pictures in a frame")]
    Several,
}

/// A picture of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it lies in its chunk, from its first marker to its last.
    pub range: Range<usize>,
    /// Whether it has Huffman tables of its own.
    has_tables: bool,
    /// Which rows of a frame it holds, as AVI's own segment says: 1 for those with odd numbers, 2 for even ones.
    polarity: Option<u8>,
}

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: u8 = 0xD9;
const DHT: u8 = 0xC4;
const APP0: u8 = 0xE0;

/// The pictures in a chunk: one, or two fields. What stands behind them is padding to everybody, and belongs to none.
///
/// # Errors
///
/// When it holds none, or one of them has no end.
pub fn fields(chunk: &[u8]) -> Result<Vec<Field>, MjpegError> {
    let mut fields = Vec::with_capacity(2);
    let mut at = 0;
    if !chunk.starts_with(&SOI) {
        return Err(MjpegError::NotJpeg);
    }
    while let Some(start) = memchr::memmem::find(&chunk[at..], &SOI).map(|found| at + found) {
        if fields.len() == 2 {
            return Err(MjpegError::Several);
        }
        let field = field(chunk, start).ok_or(MjpegError::Truncated)?;
        at = field.range.end;
        fields.push(field);
    }
    Ok(fields)
}

/// The picture that begins at `start`; `None` when it does not end.
fn field(chunk: &[u8], start: usize) -> Option<Field> {
    let (mut has_tables, mut polarity) = (false, None);
    let mut at = start + SOI.len();
    loop {
        at += memchr::memchr(0xFF, chunk.get(at..)?)? + 1;
        let code = *chunk.get(at)?;
        match code {
            EOI => return Some(Field { range: start..at + 1, has_tables, polarity }),
            // Filling, stuffing, and what stands alone. Bytes of a scan are walked over like this, too.
            0xFF => {}
            0 | 0x01 | 0xD0..=0xD8 => at += 1,
            _ => {
                let length = usize::from(u16::from_be_bytes(*chunk.get(at + 1..)?.first_chunk::<2>()?));
                let body = chunk.get(at + 3..at + 1 + length)?;
                match (code, body) {
                    (DHT, _) => has_tables = true,
                    (APP0, [b'A', b'V', b'I', b'1', rows, ..]) => polarity = Some(*rows),
                    _ => {}
                }
                at += 1 + length;
            }
        }
    }
}

impl Field {
    /// The picture as a file of its own, with the standard's Huffman tables where it has none: whoever leaves them out means
    /// them.
    pub fn file(&self, chunk: &[u8]) -> Vec<u8> {
        let picture = &chunk[self.range.clone()];
        if self.has_tables {
            return picture.to_vec();
        }
        [&SOI, standard_tables().as_slice(), &picture[SOI.len()..]].concat()
    }
}

/// Puts pictures into a chunk again: of two, each says which rows of the frame it holds, as `fields` did.
pub fn chunk(mut pictures: Vec<Vec<u8>>, fields: &[Field]) -> Vec<u8> {
    if pictures.len() == 1 {
        return pictures.swap_remove(0);
    }
    let mut chunk = Vec::new();
    for (number, picture) in (1u8..).zip(pictures) {
        let told = fields.get(usize::from(number) - 1).and_then(|field| field.polarity);
        let rows = told.filter(|rows| matches!(rows, 1 | 2)).unwrap_or(number);
        const SEGMENT: usize = 18;
        let long = ((picture.len() + SEGMENT) as u32).to_be_bytes();
        chunk.extend(SOI);
        chunk.extend([0xFF, APP0, 0, SEGMENT as u8 - 2]);
        chunk.extend(b"AVI1");
        // Which rows, 0, the length with padding and without.
        chunk.extend([rows, 0]);
        chunk.extend(long);
        chunk.extend(long);
        chunk.extend(&picture[SOI.len()..]);
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Limits};
    use crate::geometry::Size;
    use crate::jpeg::{self, Jpeg, JpegError, Reduction, Unsupported};
    use crate::redact::flat;

    fn encoded() -> Vec<u8> {
        flat(Size::new(40, 24), [90, 120, 30]).expect("encoded")
    }

    fn without_tables(file: &[u8]) -> Vec<u8> {
        let mut bare = SOI.to_vec();
        let mut at = 2;
        loop {
            let (code, length) = (file[at + 1], usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]])));
            // The scan's header ends them.
            if code == 0xDA {
                return [bare, file[at..].to_vec()].concat();
            }
            if code != DHT {
                bare.extend(&file[at..at + 2 + length]);
            }
            at += 2 + length;
        }
    }

    #[test]
    fn a_picture_without_tables_gets_the_standards() {
        let file = encoded();
        let bare = without_tables(&file);
        let parsed = |file: &[u8]| Jpeg::parse(file, &jpeg::Limits::default(), Reduction::Eighth).map(drop);
        assert_eq!(parsed(&bare), Err(JpegError::Unsupported(Unsupported::NoTables)));
        let fields = fields(&bare).expect("one picture");
        assert_eq!(fields.len(), 1);
        assert_eq!(parsed(&fields[0].file(&bare)), Ok(()));
    }

    #[test]
    fn two_fields_are_told_apart_and_put_together() {
        let (a, b) = (encoded(), encoded());
        let both = [a.as_slice(), &[0; 7], &b, &[0; 3]].concat();
        let found = fields(&both).expect("two pictures");
        assert_eq!(found.iter().map(|field| field.file(&both)).collect::<Vec<_>>(), [a.clone(), b.clone()]);
        let again = chunk(vec![a, b], &found);
        let found = fields(&again).expect("two pictures");
        assert_eq!(found.iter().map(|field| field.polarity).collect::<Vec<_>>(), [Some(1), Some(2)]);
        assert!(found.iter().all(|field| Frame::decode(&field.file(&again), &Limits::default()).is_ok()));
        let three = [again.as_slice(), &again].concat();
        assert_eq!(fields(&three), Err(MjpegError::Several));
    }

    #[test]
    fn what_does_not_end_is_no_picture() {
        let file = encoded();
        for cut in [2, 3, 30, file.len() - 2, file.len() - 1] {
            assert_eq!(fields(&file[..cut]), Err(MjpegError::Truncated), "{cut}");
        }
        assert_eq!(fields(b""), Err(MjpegError::NotJpeg));
        assert_eq!(fields(&[&file[..], &file[..50]].concat()), Err(MjpegError::Truncated));
    }
}
