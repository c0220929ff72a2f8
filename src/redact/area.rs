//! What is blanked for one region: a box, or an oval in it, of whole coding units.

use crate::frame::{Content, Frame, LumaSource};
use crate::geometry::{PixelRect, Rect, Size};

/// Scenes of images that are no JPEG are coded in blocks of so many pixels.
const BLOCK: u32 = 8;

/// What is blanked: boxes of whole coding units of the scene, top down, which do not overlap. A unit is blank as a whole or not at
/// all, and nothing of a region is left in the coefficients of a block that it shares. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area(Vec<PixelRect>);

/// The figure that is blanked around a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// All of the box.
    Box,
    /// The oval that touches the box's sides.
    Oval,
}

impl Area {
    /// The units of `frame` that `figure` touches in the box `wide`, which reaches as far as must be hidden, margins included. `None`
    /// when it touches none.
    pub fn new(figure: Figure, wide: Rect, frame: &Frame) -> Option<Self> {
        Self::of_units(figure, wide, frame.size(), unit(frame))
    }

    /// The same on an image that is no JPEG, whose scenes are coded in units of 8 × 8 pixels.
    pub fn on_pixels(figure: Figure, wide: Rect, size: Size) -> Option<Self> {
        Self::of_units(figure, wide, size, (BLOCK, BLOCK))
    }

    /// The area on a larger image, of which its own begins at (`x`, `y`): a multiple of the coding unit.
    pub(crate) fn moved(mut self, x: u32, y: u32) -> Self {
        for piece in &mut self.0 {
            (piece.x, piece.y) = (piece.x + x, piece.y + y);
        }
        self
    }

    pub(super) fn of_units(figure: Figure, wide: Rect, size: Size, unit: (u32, u32)) -> Option<Self> {
        let all = widened(wide, size, unit)?;
        if figure == Figure::Box {
            return Some(Self(vec![all]));
        }
        let (x, y) = wide.center();
        let (across, down) = (wide.w / 2.0, wide.h / 2.0);
        let mut pieces: Vec<PixelRect> = Vec::with_capacity((all.h / unit.1 + 1) as usize);
        for top in (all.y..all.bottom()).step_by(unit.1 as usize) {
            let bottom = (top + unit.1).min(all.bottom());
            // From the middle to the nearest of these rows, in radii: where the oval is widest among them.
            let off = (top as f32 - y).max(y - bottom as f32).max(0.0) / down;
            let half = across * (1.0 - off * off).max(0.0).sqrt();
            let row = Rect::new(x - half, top as f32, 2.0 * half, (bottom - top) as f32);
            let Some(row) = widened(row, size, unit) else { continue };
            match pieces.last_mut() {
                Some(last) if (last.x, last.w) == (row.x, row.w) => last.h += row.h,
                _ => pieces.push(row),
            }
        }
        (!pieces.is_empty()).then_some(Self(pieces))
    }

    /// Its boxes.
    pub fn pieces(&self) -> &[PixelRect] {
        &self.0
    }

    /// The smallest box around it.
    pub fn bounds(&self) -> PixelRect {
        let Self(pieces) = self;
        let left = pieces.iter().map(|piece| piece.x).min().unwrap_or_default();
        let right = pieces.iter().map(|piece| piece.right()).max().unwrap_or_default();
        let top = pieces.first().map_or(0, |piece| piece.y);
        let bottom = pieces.last().map_or(0, |piece| piece.bottom());
        PixelRect::new(left, top, right - left, bottom - top)
    }
}

/// All boxes of several.
pub fn pieces(areas: &[Area]) -> Vec<PixelRect> {
    areas.iter().flat_map(Area::pieces).copied().collect()
}

/// Pixels that boxes hide, each counted once.
pub fn covered(boxes: &[PixelRect]) -> u64 {
    // A sweep over the columns at which a box begins or ends.
    let mut columns: Vec<u32> = boxes.iter().flat_map(|piece| [piece.x, piece.right()]).collect();
    columns.sort_unstable();
    columns.dedup();
    let mut sum = 0;
    let mut rows = Vec::new();
    for pair in columns.windows(2) {
        rows.clear();
        let here = boxes.iter().filter(|piece| piece.x <= pair[0] && piece.right() >= pair[1]);
        rows.extend(here.map(|piece| (piece.y, piece.bottom())));
        rows.sort_unstable();
        let (mut end, mut high) = (0, 0);
        for &(top, bottom) in &rows {
            high += u64::from(bottom.max(end) - top.max(end));
            end = end.max(bottom);
        }
        sum += high * u64::from(pair[1] - pair[0]);
    }
    sum
}

/// The box in whole units.
fn widened(wide: Rect, size: Size, (across, down): (u32, u32)) -> Option<PixelRect> {
    let PixelRect { x, y, w, h } = wide.pixels(size)?;
    let left = x / across * across;
    let top = y / down * down;
    let right = (x + w).next_multiple_of(across).min(size.width);
    let bottom = (y + h).next_multiple_of(down).min(size.height);
    Some(PixelRect::new(left, top, right - left, bottom - top))
}

/// The units in which the scene of `frame` is coded, across and down.
fn unit(frame: &Frame) -> (u32, u32) {
    let (across, down) = match frame.content() {
        Content::Coefficients(jpeg, _) => jpeg.mcu_pixels(),
        Content::Pixels(picture) => picture.unit,
    };
    // 1 or 2 pixels, or 8, 16, 24 or 32.
    (across.next_multiple_of(BLOCK), down.next_multiple_of(BLOCK))
}
