//! What a blanked area looks like: one colour, or a few means of what was there.
//!
//! Owns how little of a region may show through: at most [`CELLS`] means along its longer side, each over [`LEAST`] pixels or more
//! across and down, in steps of [`STEP`]. A mosaic and a blur are made of the same means, and tell the same. Knows nothing of how a
//! copy is coded.

use super::Area;
use crate::geometry::PixelRect;
use crate::jpeg::{Fill, Tiles};

/// How blanked areas look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// One colour: nothing shows through.
    #[default]
    Solid,
    /// Squares in the mean colours of what was there.
    Pixelate,
    /// The same colours, each passing into the next.
    Blur,
}

/// Means along the longer side of a region. Four by four of a face are light and shade, and the colour of hair, skin and background.
pub const CELLS: u32 = 4;

/// No mean is of fewer pixels across and down.
pub const LEAST: u32 = 16;

/// Means are rounded to multiples of this, from 0 on.
pub const STEP: u8 = 16;

/// Side of what has a colour of its own, in pixels.
pub(super) const TILE: u32 = 8;

/// What is blanked for one region, and what shows through.
#[derive(Clone, Debug)]
pub struct Blank {
    /// Where.
    pub area: Area,
    /// How it looks.
    pub style: Style,
    /// Means along its longer side, where the style shows some: at most [`CELLS`].
    pub cells: u32,
}

/// The tiles of all areas that are not of one colour. `mean` is asked for the mean of a box whose sides are multiples of `unit`, or the
/// picture's.
pub(super) fn tiles<E>(
    blanks: &[Blank],
    unit: (u32, u32),
    mean: impl Fn(PixelRect) -> Result<Fill, E>,
) -> Result<Tiles, E> {
    let mut tiles = Tiles::new();
    for blank in blanks.iter().filter(|blank| blank.style != Style::Solid) {
        let cells = Cells::of(blank, unit, &mean)?;
        for piece in blank.area.pieces() {
            for y in (piece.y..piece.bottom()).step_by(TILE as usize) {
                for x in (piece.x..piece.right()).step_by(TILE as usize) {
                    tiles.insert((x / TILE, y / TILE), cells.at(x, y, blank.style));
                }
            }
        }
    }
    // One colour has the last word.
    for piece in blanks.iter().filter(|blank| blank.style == Style::Solid).flat_map(|blank| blank.area.pieces()) {
        let is_under = |&(x, y): &(u32, u32)| piece.contains(x * TILE, y * TILE);
        tiles.retain(|at, _| !is_under(at));
    }
    Ok(tiles)
}

/// The means of one area.
struct Cells {
    /// Left and top of the first, and the sides of each.
    from: (u32, u32),
    side: (u32, u32),
    across: u32,
    down: u32,
    means: Vec<[f32; 3]>,
}

impl Cells {
    fn of<E>(blank: &Blank, unit: (u32, u32), mean: impl Fn(PixelRect) -> Result<Fill, E>) -> Result<Self, E> {
        let bounds = blank.area.bounds();
        let longer = bounds.w.max(bounds.h).div_ceil(blank.cells.clamp(1, CELLS)).max(LEAST);
        let side = (longer.next_multiple_of(unit.0), longer.next_multiple_of(unit.1));
        // The last cell is at least as large as the others: what is left over is its own.
        let (across, down) = ((bounds.w / side.0).max(1), (bounds.h / side.1).max(1));
        let mut means = Vec::with_capacity((across * down) as usize);
        for row in 0..down {
            for column in 0..across {
                let (left, top) = (bounds.x + column * side.0, bounds.y + row * side.1);
                let right = if column + 1 == across { bounds.right() } else { left + side.0 };
                let bottom = if row + 1 == down { bounds.bottom() } else { top + side.1 };
                let Fill { y, cb, cr } = mean(PixelRect::new(left, top, right - left, bottom - top))?;
                means.push([y, cb, cr].map(|sample| f32::from(rounded(sample))));
            }
        }
        Ok(Self { from: (bounds.x, bounds.y), side, across, down, means })
    }

    /// The colour of the tile that begins at (`x`, `y`).
    fn at(&self, x: u32, y: u32, style: Style) -> Fill {
        let along = |at: u32, from: u32, side: u32, count: u32| {
            let cell = (at + TILE / 2 - from) as f32 / side as f32;
            match style {
                Style::Blur => (cell - 0.5).clamp(0.0, (count - 1) as f32),
                _ => cell.floor().min((count - 1) as f32),
            }
        };
        let column = along(x, self.from.0, self.side.0, self.across);
        let row = along(y, self.from.1, self.side.1, self.down);
        let mean = |column: u32, row: u32| {
            self.means[(row.min(self.down - 1) * self.across + column.min(self.across - 1)) as usize]
        };
        let (left, top) = (column as u32, row as u32);
        let (right, below) = (column.fract(), row.fract());
        let [y, cb, cr] = std::array::from_fn(|index| {
            let [here, beside, under, across] =
                [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| mean(left + dx, top + dy)[index]);
            let upper = here + (beside - here) * right;
            let lower = under + (across - under) * right;
            (upper + (lower - upper) * below).round().clamp(0.0, 255.0) as u8
        });
        Fill { y, cb, cr }
    }
}

/// The nearest step.
fn rounded(sample: u8) -> u8 {
    let step = u16::from(STEP);
    ((u16::from(sample) + step / 2) / step * step).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Rect, Size};
    use crate::redact::Figure;
    use std::cell::RefCell;
    use std::convert::Infallible;

    fn blank(x: f32, y: f32, w: f32, h: f32, style: Style, cells: u32) -> Blank {
        let area = Area::of_units(Figure::Box, Rect::new(x, y, w, h), Size::new(640, 480), (16, 16)).unwrap();
        Blank { area, style, cells }
    }

    /// What a copy shows is a function of no more means than the floor allows, each of enough pixels.
    #[test]
    fn few_means_of_many_pixels_are_asked_for() {
        for (w, h) in [(16.0, 16.0), (40.0, 40.0), (200.0, 120.0), (64.0, 300.0), (600.0, 20.0), (630.0, 470.0)] {
            for (cells, style) in [(1, Style::Pixelate), (4, Style::Blur), (99, Style::Pixelate)] {
                let asked = RefCell::new(Vec::new());
                let blank = blank(3.0, 5.0, w, h, style, cells);
                let tiles = tiles::<Infallible>(std::slice::from_ref(&blank), (16, 16), |area| {
                    asked.borrow_mut().push(area);
                    Ok(Fill { y: 77, cb: 130, cr: 120 })
                });
                let asked = asked.into_inner();
                let most = cells.min(CELLS);
                assert!(asked.len() as u32 <= most * most, "{} means of {w} x {h}", asked.len());
                assert!(asked.iter().all(|area| area.w >= LEAST && area.h >= LEAST));
                let sum: u32 = asked.iter().map(|area| area.w * area.h).sum();
                assert_eq!(sum, blank.area.bounds().w * blank.area.bounds().h);
                let tiles = tiles.unwrap();
                assert_eq!(tiles.len() as u32, sum / (TILE * TILE));
                // Of one colour, all tiles are, in steps.
                assert!(tiles.values().all(|tile| *tile == Fill { y: 80, cb: 128, cr: 128 }));
            }
        }
    }

    #[test]
    fn a_mosaic_has_steps_and_a_blur_has_none() {
        let rising = |area: PixelRect| Ok::<_, Infallible>(Fill { y: (area.x / 2) as u8, cb: 128, cr: 128 });
        let row = |style| {
            let tiles = tiles(&[blank(0.0, 0.0, 256.0, 64.0, style, 4)], (16, 16), rising).unwrap();
            (0..32).map(|x| tiles[&(x, 0)].y).collect::<Vec<_>>()
        };
        let mosaic = row(Style::Pixelate);
        assert!(mosaic.chunks(8).zip([0, 32, 64, 96]).all(|(cell, y)| cell.iter().all(|tile| *tile == y)));
        let blur = row(Style::Blur);
        assert!(blur.is_sorted() && blur.windows(2).all(|pair| pair[1] - pair[0] <= 5), "{blur:?}");
        assert_eq!((blur[0], blur[31]), (0, 96));
    }

    #[test]
    fn one_colour_has_the_last_word() {
        let bright = |_| Ok::<_, Infallible>(Fill { y: 200, cb: 128, cr: 128 });
        let blanks = [blank(0.0, 0.0, 64.0, 64.0, Style::Blur, 4), blank(32.0, 32.0, 64.0, 64.0, Style::Solid, 1)];
        let tiles = tiles(&blanks, (16, 16), bright).unwrap();
        assert!(tiles.contains_key(&(0, 0)) && !tiles.contains_key(&(4, 4)) && !tiles.contains_key(&(7, 7)));
    }
}
