//! What a splice took out of a file, and how it is put back.
//!
//! Owns the format of `removed` (method 1 of docs/vault-format.md), version 1. Restoring needs no Huffman decoding: it moves
//! bytes and bits about. Knows nothing of MCUs.
//!
//! Numbers are LEB128 varints of at most 64 bits, in their shortest form. "Bits" are those of a scan without byte
//! stuffing and markers, most significant first. In order:
//!
//! | field | meaning |
//! |---|---|
//! | byte | 1, the version |
//! | number | length of the original file |
//! | number | length of the scene |
//! | number | where the scene's entropy-coded data begins; it ends two bytes before the scene does |
//! | number | head pieces, then each: |
//! | – number | 2 × length + 1 when it is copied from the scene, 2 × length when it follows here |
//! | – number or bytes | offset into the scene, or the bytes |
//! | number | intervals of the original's scan that differ, then each, in order: |
//! | – number | intervals between this one and the one listed before |
//! | – number | edits, then for each: bits that are the same since the last edit, scene's bits left out, original's bits put in |
//! | – number | bits that are the same behind the last edit |
//! | – number | bits of the original behind these, up to the marker |
//! | – number | fill bytes 0xFF in front of the marker |
//! | – bytes | the bits put in by all edits and those behind, one after another, the last byte filled up with zeros |
//! | bytes | the original from the marker behind its scan on, to the end |
//!
//! Intervals are what lies between restart markers, without them; those not listed are the scene's, byte for byte.
//! Between them stand RST0 to RST7 in turn.

use memchr::memchr;
use thiserror::Error;

use super::bits::{BitWriter, stuff};

const VERSION: u8 = 1;

/// No original is longer. Beyond any camera's file, and within what a 32-bit machine can hold.
const MAX_ORIGINAL: u64 = 1 << 30;

/// Why removed bytes do not give back an original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Written by a version that this one does not know.
    #[error("removed bytes of unknown version {0}")]
    Version(u8),
    /// The removed bytes end early, contradict themselves, or state more than they can hold.
    #[error("removed bytes are malformed")]
    Malformed,
    /// The scene is not the one from which these bytes were removed.
    #[error("removed bytes do not belong to this scene")]
    Scene,
}

/// A part of the original's head.
pub(super) enum Piece<'a> {
    /// Bytes that the scene has too, from `offset` on.
    Copied { offset: usize, length: usize },
    /// Bytes that it does not have.
    Literal(&'a [u8]),
}

/// Bits of the scene replaced by bits of the original. Positions count from the interval's first bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit {
    /// Where the scene's bits begin and end.
    pub scene: (usize, usize),
    /// Where the original's bits begin and end.
    pub original: (usize, usize),
}

/// An interval that the scene does not have byte for byte.
pub(super) struct ListedInterval<'a> {
    /// Its number.
    pub number: usize,
    /// The original's bytes (with at least 9 behind them where there are any) and how many bits they have.
    pub original: &'a [u8],
    pub original_bits: usize,
    /// In order, without overlap.
    pub edits: Vec<Edit>,
    /// Where the scene's last MCU ends.
    pub scene_end: usize,
    /// Where the original's last MCU ends.
    pub original_end: usize,
    /// Fill bytes in front of the marker.
    pub fill: usize,
}

/// Writes removed bytes.
pub(super) struct RemovedWriter {
    out: Vec<u8>,
}

impl RemovedWriter {
    /// Begins with the lengths and the head.
    pub fn new(original_len: usize, scene_len: usize, scan_start: usize, head: &[Piece<'_>]) -> Self {
        let mut writer = Self { out: vec![VERSION] };
        for number in [original_len, scene_len, scan_start, head.len()] {
            writer.number(number);
        }
        for piece in head {
            match *piece {
                Piece::Copied { offset, length } => {
                    writer.number(2 * length + 1);
                    writer.number(offset);
                }
                Piece::Literal(bytes) => {
                    writer.number(2 * bytes.len());
                    writer.out.extend_from_slice(bytes);
                }
            }
        }
        writer
    }

    /// Adds all listed intervals and the original's bytes behind its scan.
    pub fn finish(mut self, listed: &[ListedInterval<'_>], tail: &[u8]) -> Vec<u8> {
        self.number(listed.len());
        let mut next = 0;
        let mut bits = BitWriter::default();
        for interval in listed {
            self.number(interval.number - next);
            next = interval.number + 1;
            self.number(interval.edits.len());
            let mut at = 0;
            bits.clear();
            for edit in &interval.edits {
                self.number(edit.scene.0 - at);
                self.number(edit.scene.1 - edit.scene.0);
                self.number(edit.original.1 - edit.original.0);
                at = edit.scene.1;
                bits.copy(interval.original, edit.original.0, edit.original.1);
            }
            self.number(interval.scene_end - at);
            self.number(interval.original_bits - interval.original_end);
            self.number(interval.fill);
            bits.copy(interval.original, interval.original_end, interval.original_bits);
            bits.align(false);
            self.out.extend_from_slice(bits.bytes());
        }
        self.out.extend_from_slice(tail);
        self.out
    }

    fn number(&mut self, number: usize) {
        let mut left = number as u64;
        while left >= 0x80 {
            self.out.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.out.push(left as u8);
    }
}

/// Reads removed bytes front to back.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Result<u8, RestoreError> {
        let (&byte, rest) = self.rest.split_first().ok_or(RestoreError::Malformed)?;
        self.rest = rest;
        Ok(byte)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], RestoreError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(RestoreError::Malformed)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number, at most [`MAX_ORIGINAL`] times the bits of a byte: nothing counted here is more.
    fn number(&mut self) -> Result<usize, RestoreError> {
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                let shortest = byte > 0 || shift == 0;
                let number = usize::try_from(number).ok().filter(|_| shortest && number <= 8 * MAX_ORIGINAL);
                return number.ok_or(RestoreError::Malformed);
            }
        }
        Err(RestoreError::Malformed)
    }
}

/// The original file: `scene` with what was `removed` from it put back.
///
/// Whether it is the file that was spliced, and not one that damaged input describes, its digest tells.
pub fn restore(scene: &[u8], removed: &[u8]) -> Result<Vec<u8>, RestoreError> {
    let mut cursor = Cursor { rest: removed };
    match cursor.byte()? {
        VERSION => {}
        other => return Err(RestoreError::Version(other)),
    }
    let original_len = cursor.number()?;
    // Nothing is counted twice but the head's copies, which are checked against this as they are made.
    if original_len as u64 > MAX_ORIGINAL {
        return Err(RestoreError::Malformed);
    }
    if cursor.number()? != scene.len() {
        return Err(RestoreError::Scene);
    }
    let scan_start = cursor.number()?;
    let scan_end = scene.len().checked_sub(2).ok_or(RestoreError::Scene)?;
    let scan = scene.get(scan_start..scan_end).ok_or(RestoreError::Scene)?;

    let mut out = Vec::with_capacity(original_len.min(scene.len() + removed.len()));
    for _ in 0..cursor.number()? {
        let length = cursor.number()?;
        let piece = if length % 2 == 0 {
            cursor.bytes(length / 2)?
        } else {
            let offset = cursor.number()?;
            scene.get(offset..).and_then(|from| from.get(..length / 2)).ok_or(RestoreError::Scene)?
        };
        if piece.len() > original_len - out.len() {
            return Err(RestoreError::Malformed);
        }
        out.extend_from_slice(piece);
    }

    let mut intervals = StuffedIntervals { rest: Some(scan), number: 0 };
    let mut scratch = Scratch::default();
    for _ in 0..cursor.number()? {
        for _ in 0..cursor.number()? {
            intervals.copy_next(&mut out)?;
        }
        let stuffed = intervals.next(&mut out)?;
        scratch.interval(stuffed, &mut cursor, original_len, &mut out)?;
    }
    while intervals.rest.is_some() {
        intervals.copy_next(&mut out)?;
    }
    out.extend_from_slice(cursor.rest);
    if out.len() == original_len { Ok(out) } else { Err(RestoreError::Malformed) }
}

/// The scene's intervals as they stand in it.
struct StuffedIntervals<'a> {
    /// What follows; `None` behind the last one.
    rest: Option<&'a [u8]>,
    number: usize,
}

impl<'a> StuffedIntervals<'a> {
    /// The next interval. The marker in front of it goes to `out`.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<&'a [u8], RestoreError> {
        let rest = self.rest.ok_or(RestoreError::Malformed)?;
        if self.number > 0 {
            out.extend_from_slice(&[0xFF, 0xD0 + ((self.number - 1) % 8) as u8]);
        }
        self.number += 1;
        let mut at = 0;
        while let Some(found) = memchr(0xFF, &rest[at..]) {
            at += found;
            match rest.get(at + 1) {
                Some(0) => at += 2,
                Some(0xD0..=0xD7) => {
                    self.rest = Some(&rest[at + 2..]);
                    return Ok(&rest[..at]);
                }
                _ => return Err(RestoreError::Scene),
            }
        }
        self.rest = None;
        Ok(rest)
    }

    fn copy_next(&mut self, out: &mut Vec<u8>) -> Result<(), RestoreError> {
        let interval = self.next(out)?;
        out.extend_from_slice(interval);
        Ok(())
    }
}

/// Memory that intervals share.
#[derive(Default)]
struct Scratch {
    scene: Vec<u8>,
    edits: Vec<(usize, usize, usize)>,
    bits: BitWriter,
}

impl Scratch {
    /// Puts back one listed interval.
    fn interval(
        &mut self,
        stuffed: &[u8],
        cursor: &mut Cursor<'_>,
        original_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RestoreError> {
        self.scene.clear();
        self.scene.reserve(stuffed.len());
        let mut rest = stuffed;
        while let Some(found) = memchr(0xFF, rest) {
            self.scene.extend_from_slice(&rest[..=found]);
            // `StuffedIntervals` has seen the zero.
            rest = rest.get(found + 2..).unwrap_or_default();
        }
        self.scene.extend_from_slice(rest);
        let scene_bits = 8 * self.scene.len();

        self.edits.clear();
        let (mut at, mut bits_here) = (0usize, 0usize);
        for _ in 0..cursor.number()? {
            let (same, left_out, original) = (cursor.number()?, cursor.number()?, cursor.number()?);
            self.edits.push((same, left_out, original));
            at = at.saturating_add(same).saturating_add(left_out);
            bits_here = bits_here.saturating_add(original);
            if at > scene_bits {
                return Err(RestoreError::Scene);
            }
        }
        let (same, behind, fill) = (cursor.number()?, cursor.number()?, cursor.number()?);
        if at.saturating_add(same) > scene_bits {
            return Err(RestoreError::Scene);
        }
        let original = cursor.bytes(bits_here.saturating_add(behind).div_ceil(8))?;

        self.bits.clear();
        self.bits.reserve(self.scene.len() + original.len());
        let (mut scene_at, mut original_at) = (0, 0);
        for &(same, left_out, put_in) in self.edits.iter().chain([&(same, 0, behind)]) {
            self.bits.copy(&self.scene, scene_at, scene_at + same);
            self.bits.copy(original, original_at, original_at + put_in);
            scene_at += same + left_out;
            original_at += put_in;
        }
        if !self.bits.position().is_multiple_of(8) {
            return Err(RestoreError::Malformed);
        }
        stuff(self.bits.bytes(), out);
        if out.len().saturating_add(fill) > original_len {
            return Err(RestoreError::Malformed);
        }
        out.resize(out.len() + fill, 0xFF);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        let read = |bytes: &[u8]| Cursor { rest: bytes }.number();
        for number in [0, 1, 127, 128, 300, 1 << 20, 1 << 33] {
            let mut writer = RemovedWriter { out: Vec::new() };
            writer.number(number);
            assert_eq!(read(&writer.out), Ok(number));
        }
        assert_eq!(read(&[0x80, 0]), Err(RestoreError::Malformed));
        assert_eq!(read(&[0x80]), Err(RestoreError::Malformed));
        assert_eq!(read(&[0xFF; 12]), Err(RestoreError::Malformed));
        assert_eq!(read(&[0x81, 0x80, 0x80, 0x80, 0x20]), Err(RestoreError::Malformed));
    }

    #[test]
    fn strangers_are_refused() {
        assert_eq!(restore(&[], &[]), Err(RestoreError::Malformed));
        assert_eq!(restore(&[0; 4], &[2, 0]), Err(RestoreError::Version(2)));
        assert_eq!(restore(&[0; 4], &[1, 4, 5]), Err(RestoreError::Scene));
        assert_eq!(restore(&[0; 4], &[1, 0x81, 0x80, 0x80, 0x80, 4, 4]), Err(RestoreError::Malformed));
        assert_eq!(restore(&[0; 4], &[1, 4, 4, 3, 0]), Err(RestoreError::Scene));
    }
}
