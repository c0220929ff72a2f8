//! Rows of letters and their words, by nothing but edges: letters are many upright strokes side by side, all as high as each other.

use crate::frame::GrayPlane;
use crate::geometry::Size;

/// Pixels side by side that are looked at together: one byte each of a word of 64 bits.
const CELL: usize = 8;

/// From one pixel to the next, so many steps of luma are an edge of something written on the picture.
const EDGE: i16 = 18;

/// The same in words of a row that was found, where the scale is finer.
const FINE_EDGE: i16 = 12;

/// A row's line has at least so many cells with edges up and down, gaps of no more than so many cells, and this share of its cells full.
const LEAST_CELLS: usize = 3;
const GAP: usize = 2;
const FULL: f32 = 0.55;

/// A row is so high, in pixels of the plane, so many times as wide, and of its cells this share has edges.
const HEIGHTS: std::ops::RangeInclusive<u32> = 5..=60;
const LEAST_ASPECT: f32 = 1.8;
const FILLED: f32 = 0.5;

/// Lines that are missing in a row at most: a letter's waist may show no edge.
const MISSING: usize = 2;

/// The gap between words, in shares of the row's height.
const WORD_GAP: f32 = 0.28;

/// A part of a plane: a row of letters, or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Row {
    /// What reaches around all of `parts`, which are some.
    pub fn around(parts: &[Self]) -> Self {
        let least = |of: fn(&Self) -> u32| parts.iter().map(of).min().unwrap_or(0);
        let most = |of: fn(&Self) -> u32| parts.iter().map(of).max().unwrap_or(0);
        let (x, y) = (least(|part| part.x), least(|part| part.y));
        Self { x, y, width: most(|part| part.x + part.width) - x, height: most(|part| part.y + part.height) - y }
    }
}

/// Lines one below the other that are becoming a row: cells across, lines down, and how many cells of them are full.
#[derive(Clone, Copy)]
struct Growing {
    cells: (usize, usize),
    lines: (usize, usize),
    full: usize,
}

/// What looks like a row of letters on a plane.
pub(super) fn find(plane: &GrayPlane) -> Vec<Row> {
    let width = plane.size.width;
    let mut cells = Vec::new();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let (mut growing, mut done): (Vec<Growing>, Vec<Growing>) = (Vec::new(), Vec::new());
    for (y, line) in plane.data.chunks_exact(width as usize).enumerate() {
        edges(line, EDGE, &mut up, &mut down);
        cells.clear();
        cells.extend(up.chunks_exact(CELL).zip(down.chunks_exact(CELL)).map(|(up, down)| any(up) && any(down)));
        for (start, end) in runs(&cells, GAP) {
            let full = cells[start..end].iter().filter(|full| **full).count();
            if end - start < LEAST_CELLS || (full as f32) < FULL * (end - start) as f32 {
                continue;
            }
            let mut row = Growing { cells: (start, end), lines: (y, y + 1), full };
            growing.retain(|other| {
                let meets = other.cells.0 < end && start < other.cells.1;
                if meets {
                    row.cells = (row.cells.0.min(other.cells.0), row.cells.1.max(other.cells.1));
                    row.lines.0 = row.lines.0.min(other.lines.0);
                    row.full += other.full;
                }
                !meets
            });
            growing.push(row);
        }
        growing.retain(|row| {
            let goes_on = y - (row.lines.1 - 1) <= MISSING;
            if !goes_on {
                done.push(*row);
            }
            goes_on
        });
    }
    done.append(&mut growing);
    let rows = done.into_iter().filter_map(|Growing { cells: (start, end), lines: (top, bottom), full }| {
        let (x, right) = ((start * CELL) as u32, ((end * CELL) as u32).min(width));
        let row = Row { x, y: top as u32, width: right.saturating_sub(x), height: (bottom - top) as u32 };
        let is_row = HEIGHTS.contains(&row.height)
            && row.width as f32 >= LEAST_ASPECT * row.height as f32
            && full as f32 >= FILLED * ((end - start) * (bottom - top)) as f32;
        is_row.then_some(row)
    });
    rows.collect()
}

/// Where from one pixel to the next luma rises or falls by more than `least`; each padded to whole cells.
fn edges(line: &[u8], least: i16, up: &mut Vec<u8>, down: &mut Vec<u8>) {
    up.clear();
    down.clear();
    let steps = || line.iter().zip(&line[1..]).map(|(before, after)| i16::from(*after) - i16::from(*before));
    up.extend(steps().map(|step| u8::from(step > least)));
    down.extend(steps().map(|step| u8::from(step < -least)));
    let padded = line.len().next_multiple_of(CELL);
    up.resize(padded, 0);
    down.resize(padded, 0);
}

fn any(cell: &[u8]) -> bool {
    cell.iter().fold(0, |sum, edge| sum | edge) != 0
}

/// Where `full` is, from and to, across gaps of up to `gap`.
fn runs(full: &[bool], gap: usize) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for at in full.iter().enumerate().filter(|(_, full)| **full).map(|(at, _)| at) {
        match found.last_mut() {
            Some((_, end)) if at - *end <= gap => *end = at + 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

/// A plane of half the size; a last odd row or column is left out.
pub(super) fn halved(plane: &GrayPlane) -> GrayPlane {
    let Size { width, height } = plane.size;
    if width < 2 || height < 2 {
        return GrayPlane { size: Size::new(1, 1), data: plane.data[..1].to_vec() };
    }
    let (size, width) = (Size::new(width / 2, height / 2), width as usize);
    let pairs = plane.data.chunks_exact(2 * width);
    let data = pairs.flat_map(|pair| {
        let (upper, lower) = pair.split_at(width);
        let blocks = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        blocks.map(|([a, b], [c, d])| ((u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d) + 2) / 4) as u8)
    });
    GrayPlane { size, data: data.collect() }
}

/// The edges of a row, at the scale of the image.
pub(super) struct Edges {
    size: Size,
    /// Where luma rises from left to right, and where it rises or falls; rows without gaps.
    up: Vec<bool>,
    any: Vec<bool>,
}

impl Edges {
    /// Those of a plane.
    pub fn of(plane: &GrayPlane) -> Self {
        let size = plane.size;
        let (mut up, mut any) = (Vec::new(), Vec::new());
        for line in plane.data.chunks_exact(size.width as usize) {
            let steps = || line.iter().zip(line[1..].iter().chain(line.last()));
            let step = |(before, after): (&u8, &u8)| i16::from(*after) - i16::from(*before);
            up.extend(steps().map(|pair| step(pair) > EDGE));
            any.extend(steps().map(|pair| step(pair).abs() > FINE_EDGE));
        }
        Self { size, up, any }
    }

    /// What gaps part, each as high as its own edges are.
    pub fn words(&self) -> Vec<Row> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut counts = vec![0; width];
        for line in self.any.chunks_exact(width) {
            counts.iter_mut().zip(line).for_each(|(count, edge)| *count += usize::from(*edge));
        }
        let full: Vec<bool> = counts.iter().map(|count| *count >= (height / 10).max(1)).collect();
        let gap = ((WORD_GAP * height as f32) as usize).max(2);
        runs(&full, gap).into_iter().filter_map(|(start, end)| self.lowered(start, end)).collect()
    }

    /// The columns from `start` to `end`, as high as the tallest run of lines in which they have edges.
    fn lowered(&self, start: usize, end: usize) -> Option<Row> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let least = 1 + (end - start) / (3 * height);
        let lines = self.any.chunks_exact(width);
        let full: Vec<bool> =
            lines.map(|line| line[start..end].iter().filter(|edge| **edge).count() >= least).collect();
        let (top, bottom) = runs(&full, (height / 12).max(1)).into_iter().max_by_key(|(top, bottom)| bottom - top)?;
        // An edge lies between its pixel and the next.
        let width = (end + 1).min(width) - start;
        Some(Row { x: start as u32, y: top as u32, width: width as u32, height: (bottom - top) as u32 })
    }

    /// How many strokes a level line through the middle of `part` crosses, on average.
    pub fn strokes(&self, part: Row) -> f32 {
        let (x, right) = (part.x as usize, (part.x + part.width) as usize);
        let (margin, width) = ((part.height / 5) as usize, self.size.width as usize);
        let (y, bottom) = (part.y as usize + margin, (part.y + part.height) as usize - margin);
        let lines = self.up.chunks_exact(width).take(bottom).skip(y);
        let begins = |line: &[bool]| line[x..right].windows(2).filter(|pair| !pair[0] && pair[1]).count();
        lines.map(|line| begins(line) as f32).sum::<f32>() / (bottom - y).max(1) as f32
    }
}
