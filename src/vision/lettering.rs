//! What somebody wrote into the picture itself: rows of letters, and which of them spell a plate that was read on it.
//!
//! Cameras burn what they recognised into a corner, so that a blanked plate stands there again. Owns where rows of letters lie, where
//! words begin and end in them, and when two spellings are one text. Knows no net: what a word says, it is told.

mod rows;

use crate::capture::{Effort, Reading};
use crate::frame::LumaSource;
use crate::geometry::{PixelRect, Rect};

use rows::{Edges, Row};

/// Long side, in pixels, of the plane on which rows are looked for first. Letters are then a few pixels high, or some dozens.
const LOOKED_AT: u32 = 1024;

/// Height in pixels of the coarser plane from which a row is taken there: what is lower was found on the usual one.
const LEAST_AGAIN: u32 = 7;

/// Words of a row that are read as one: plates are written with gaps.
const JOINED: usize = 3;

/// A word is between so many times as long as it is high; a longer run of letters is read in pieces of this length, which begin so far
/// apart.
const ASPECT: (f32, f32) = (1.6, 8.0);
const PIECE: f32 = 6.0;
/// A letter is at most so many times as wide as it is high, with the edge of a box beside it.
const ONE_LETTER: f32 = 1.4;
const STEP: f32 = 3.0;

/// Letters of fewer pixels in height cannot be read.
const LEAST_HEIGHT: u32 = 8;

/// Strokes that a level line through four letters crosses, at least, and so many at most on a length of the letters' height.
const STROKES: (f32, f32) = (4.0, 5.0);

/// Words that are read in a picture at most, with effort and with the most of it.
const MOST: usize = 40;
const MOST_THOROUGH: usize = 200;

/// A word of which this share is hidden need not be read.
const HIDDEN: f32 = 0.8;

/// Plates of fewer characters are spelt by too much.
const LEAST_LENGTH: usize = 4;

/// What is written on an image.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Where it spells a plate, and which.
    pub spelt: Vec<(Rect, usize)>,
    /// Rows in which something could be read, whatever it says.
    pub rows: Vec<Rect>,
}

/// What is written on `image`, and where that spells one of `plates`; looked for with so much `effort`, and not in `hidden`. What a box says,
/// `read` tells.
pub(super) fn look(
    image: &dyn LumaSource,
    plates: &[&Reading],
    hidden: &[Rect],
    effort: Effort,
    mut read: impl FnMut(Rect) -> Option<Reading>,
) -> Written {
    let mut written = Written::default();
    if effort == Effort::Fast || plates.iter().all(|plate| best(plate).len() < LEAST_LENGTH) {
        return written;
    }
    let mut left = if effort == Effort::Thorough { MOST_THOROUGH } else { MOST };
    for row in rows_of(image, effort) {
        let mut is_legible = false;
        for word in words(image, row) {
            if hidden.iter().any(|area| area.overlap(word) > HIDDEN * word.area()) {
                continue;
            }
            if left == 0 {
                return written;
            }
            left -= 1;
            let Some(said) = read(word) else { continue };
            if !is_legible && best(&said).len() >= LEAST_LENGTH {
                is_legible = true;
                written.rows.push(row);
            }
            let Some(plate) = plates.iter().position(|plate| is_spelt(best(plate), best(&said))) else { continue };
            match written.spelt.iter_mut().find(|(known, other)| *other == plate && known.overlap(word) > 0.0) {
                Some((known, _)) => *known = known.union(word),
                None => written.spelt.push((word, plate)),
            }
        }
    }
    written
}

fn best(reading: &Reading) -> &str {
    reading.candidates.first().map_or("", |candidate| candidate.text.expose())
}

/// What looks like a row of letters, in pixels of the image. With the most effort on a finer plane, too; last, for it shows most that is none.
fn rows_of(image: &dyn LumaSource, effort: Effort) -> Vec<Rect> {
    let size = image.size();
    let fits = |denominator: &u32| size.width.max(size.height) <= denominator * LOOKED_AT;
    let usual = [1, 2, 4, 8].into_iter().find(fits).unwrap_or(8);
    let in_image = |denominator: u32, rows: Vec<Row>| {
        let scaled = move |Row { x, y, width, height }| {
            PixelRect::new(x * denominator, y * denominator, width * denominator, height * denominator).rect()
        };
        rows.into_iter().map(move |row| scaled(row).clipped(size))
    };
    let plane = image.reduced(usual);
    let mut found: Vec<Rect> = in_image(usual, rows::find(&plane)).collect();
    let mut coarser = rows::find(&rows::halved(&plane));
    coarser.retain(|row| row.height >= LEAST_AGAIN);
    found.extend(in_image(2 * usual, coarser));
    if effort == Effort::Thorough && usual > 1 {
        found.extend(in_image(usual / 2, rows::find(&image.reduced(usual / 2))));
    }
    found
}

/// What in a row may be a word, or several that make one text, in pixels of the image.
fn words(image: &dyn LumaSource, row: Rect) -> Vec<Rect> {
    let Some(area) = row.pixels(image.size()) else { return Vec::new() };
    let edges = Edges::of(&image.crop(area));
    let words = edges.words();
    let joined = (0..words.len()).flat_map(|first| (1..=JOINED).map(move |count| first..first + count));
    let mut parts: Vec<Row> = Vec::new();
    for part in joined.filter_map(|which| Some(Row::around(words.get(which)?))) {
        let aspect = part.width as f32 / part.height as f32;
        if (ASPECT.0..=ASPECT.1).contains(&aspect) {
            parts.push(part);
        } else if aspect > ASPECT.1 && words.contains(&part) {
            parts.extend(pieces(part));
        }
    }
    for run in words.chunk_by(|a, b| is_letter(a) && is_letter(b)).filter(|run| run.len() > JOINED) {
        let spaced = Row::around(run);
        if spaced.width as f32 > ASPECT.1 * spaced.height as f32 {
            parts.extend(pieces(spaced));
        } else {
            parts.push(spaced);
        }
    }
    parts.retain(|part| part.height >= LEAST_HEIGHT && is_lettering(&edges, *part));
    let in_image = |Row { x, y, width, height }| PixelRect::new(area.x + x, area.y + y, width, height).rect();
    parts.into_iter().map(in_image).collect()
}

/// Whether a word is of one letter: some write them far apart.
fn is_letter(word: &Row) -> bool {
    word.width as f32 <= ONE_LETTER * word.height as f32
}

/// A long run of letters in pieces that overlap.
fn pieces(run: Row) -> impl Iterator<Item = Row> {
    let length = (PIECE * run.height as f32) as u32;
    let room = run.width - length;
    let steps = (room as f32 / (STEP * run.height as f32)).ceil().max(1.0) as u32;
    // A picture may be millions of pixels wide.
    let begins = move |step| run.x + (u64::from(room) * u64::from(step) / u64::from(steps)) as u32;
    (0..=steps).map(move |step| Row { x: begins(step), width: length, ..run })
}

/// Whether level lines through a part of a row cross about as many strokes as they would in letters.
fn is_lettering(edges: &Edges, part: Row) -> bool {
    let (least, most) = STROKES;
    (least..=most * part.width as f32 / part.height as f32).contains(&edges.strokes(part))
}

/// Whether a part of what is `said` is `plate`, but for some characters: the reader knows plates, and this may be any typeface.
fn is_spelt(plate: &str, said: &str) -> bool {
    if plate.len().min(said.len()) < LEAST_LENGTH {
        return false;
    }
    let off = if plate.len() < 6 { 1 } else { plate.len() / 3 };
    // Least number of edits from the plate's first characters to what ends at each place of what is said.
    let mut edits = vec![0; said.len() + 1];
    for (at, wanted) in plate.bytes().map(folded).enumerate() {
        let mut before = std::mem::replace(&mut edits[0], at + 1);
        for (place, character) in said.bytes().map(folded).enumerate() {
            let replaced = before + usize::from(character != wanted);
            before = edits[place + 1];
            edits[place + 1] = replaced.min(before + 1).min(edits[place] + 1);
        }
    }
    edits.into_iter().min().is_some_and(|least| least <= off)
}

/// One character for those that many typefaces draw alike.
fn folded(character: u8) -> u8 {
    match character {
        b'O' | b'Q' | b'D' => b'0',
        b'I' => b'1',
        b'Z' => b'2',
        b'S' => b'5',
        b'G' => b'6',
        b'B' => b'8',
        other => other,
    }
}

#[cfg(test)]
mod tests;
