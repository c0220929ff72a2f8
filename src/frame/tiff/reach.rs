//! What of a TIFF file its directories reach, and what nothing in it does.
//!
//! Owns how far a page's pixels can go, whatever their lengths claim. Knows nothing of what lies there.

use std::ops::Range;

use super::{FAX, JPEG, Page, Reader, big, little};
use crate::jpeg;

/// Directories of notes, whose values count and whose pictures do not: nobody shows them.
const NOTES: [u64; 3] = [34_665, 34_853, 40_965];

/// So many are followed.
const MAX_NOTES: usize = 64;

/// The parts of `file` that neither its header nor the directories of its pages reach, nor what these say lies where, but for the
/// shortest. All of a file whose directories cannot be read.
pub(in crate::frame) fn unreached(file: &[u8]) -> Vec<Range<usize>> {
    let reader = Reader { file, little: little(file), big: big(file) };
    let mut reached = Reached { reader, ranges: Vec::new(), notes: Vec::new() };
    reached.ranges.push(0..if big(file) { 16 } else { 8 });
    for page in reached.reader.pages().unwrap_or_default() {
        reached.directory(page.at);
        reached.pieces(&page);
    }
    let mut followed = 0;
    while let Some(at) = reached.notes.pop()
        && followed < MAX_NOTES
    {
        followed += 1;
        reached.directory(at);
    }
    reached.rest(file.len())
}

struct Reached<'f> {
    reader: Reader<'f>,
    ranges: Vec<Range<u64>>,
    /// Directories of notes yet to be followed.
    notes: Vec<u64>,
}

impl Reached<'_> {
    /// A directory's entries, and their values where they lie elsewhere. What cannot be read reaches nothing.
    fn directory(&mut self, at: u64) {
        let reader = &self.reader;
        let (head, length) = reader.entry();
        let Ok(count) = reader.number(at, head) else { return };
        let end = at.saturating_add(head).saturating_add(count.saturating_mul(length)).saturating_add(reader.offset());
        if end > reader.file.len() as u64 + reader.offset() {
            return;
        }
        self.ranges.push(at..end);
        for entry in (0..count).map(|n| at + head + n * length) {
            let (Ok(tag), Ok(kind), Ok(count)) =
                (reader.number(entry, 2), reader.number(entry + 2, 2), reader.number(entry + 4, reader.offset()))
            else {
                return;
            };
            let place = entry + 4 + reader.offset();
            let width = match kind {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16..=18 => 8,
                _ => 1,
            };
            let size = count.saturating_mul(width);
            let Ok(value) = reader.number(place, reader.offset()) else { return };
            if size > reader.offset() {
                self.ranges.push(value..value.saturating_add(size));
            }
            if NOTES.contains(&tag) {
                self.notes.push(value);
            }
        }
    }

    /// A page's strips or tiles, each as far as it can go.
    fn pieces(&mut self, page: &Page) {
        let most = page.most_bytes();
        for (&at, &length) in page.pieces.iter().zip(&page.lengths) {
            let length = match page.compression {
                JPEG => {
                    let whole = usize::try_from(at).ok().and_then(|at| self.reader.file.get(at..));
                    whole.and_then(jpeg::extent).map_or(length, |(end, _)| length.min(end as u64))
                }
                _ => length.min(most),
            };
            self.ranges.push(at..at.saturating_add(length));
        }
        // A thumbnail in the old way.
        if let (6, [at], [length]) = (page.compression, &page.old_jpeg.0[..], &page.old_jpeg.1[..]) {
            self.ranges.push(*at..at.saturating_add(*length));
        }
    }

    /// What is left of a file of `length` bytes.
    fn rest(mut self, length: usize) -> Vec<Range<usize>> {
        /// No picture is shorter.
        const SHORTEST: usize = 16;
        self.ranges.sort_unstable_by_key(|range| range.start);
        let ends = self.ranges.iter().map(|range| (range.start, range.end)).chain([(length as u64, length as u64)]);
        let mut rest = Vec::new();
        let mut done = 0;
        for (start, end) in ends {
            if start > done {
                rest.push(done as usize..(start as usize).min(length));
            }
            done = done.max(end).min(length as u64);
        }
        rest.retain(|range| range.len() >= SHORTEST);
        rest
    }
}

impl Page {
    /// Most bytes that a strip or a tile of the page takes, when it is not a JPEG.
    fn most_bytes(&self) -> u64 {
        let one = |tag: Option<u64>, default: u64| tag.filter(|value| *value > 0).unwrap_or(default);
        let (width, rows) = match self.tile {
            (Some(width), Some(rows)) => (width, rows),
            _ => (self.width, one(self.rows, self.height).min(self.height)),
        };
        let bits = self.meaning(super::BITS, &[1]).iter().copied().max().unwrap_or(1);
        let samples = self.meaning(super::SAMPLES, &[1]).first().copied().unwrap_or(1);
        let row = width.saturating_mul(bits).saturating_mul(samples).div_ceil(8);
        let plain = row.saturating_mul(rows);
        match self.compression {
            0 | 1 => plain,
            // A code for each edge, where there may be one at each pixel.
            2..=FAX => plain.saturating_mul(8).saturating_add(64),
            // What cannot be compressed gets longer by less than a half, and every row may be a stream's end.
            _ => (plain / 2).saturating_add(plain).saturating_add(1024),
        }
    }
}
