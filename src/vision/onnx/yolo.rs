//! YOLO's one output: for each anchor a box (centre and extent in pixels of the input) and a confidence for each class.
//!
//! Two layouts are told apart by their extents alone: with a confidence that there is anything at all (version 5 and
//! its kin: `[1, anchors, 5 + classes]`) and without (version 8 and after: `[1, 4 + classes, anchors]`, or the other way
//! round). The number of anchors must be that of the input's cells, so that a file with suppression built in, whose rows
//! mean something else, is refused and not misread.

use super::{Candidate, OnnxError, Outputs, Sides};
use crate::capture::RegionKind;
use crate::geometry::Rect;

/// Levels that nets look at: the usual ones, with one more for small things, with one more for large ones.
const LEVELS: [&[usize]; 3] = [&[8, 16, 32], &[4, 8, 16, 32], &[8, 16, 32, 64]];

/// Boxes that a cell of a level may have.
const ANCHORS: [usize; 2] = [1, 3];

/// How the numbers of one anchor lie in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    anchors: usize,
    /// Numbers of one anchor.
    numbers: usize,
    /// Whether the anchors lie together, number by number.
    by_number: bool,
}

impl Layout {
    fn of([batch, a, b]: [usize; 3], classes: usize, sides: Sides) -> Option<Self> {
        let possible = |anchors: usize, numbers: usize| {
            batch == 1 && (numbers == 4 + classes || numbers == 5 + classes) && has_anchors(sides, anchors)
        };
        let by_anchor = possible(a, b).then_some(Self { anchors: a, numbers: b, by_number: false });
        let by_number = possible(b, a).then_some(Self { anchors: b, numbers: a, by_number: true });
        // Both only on inputs of a few cells.
        by_anchor.xor(by_number)
    }

    fn number(self, data: &[f32], anchor: usize, number: usize) -> f32 {
        data[if self.by_number { number * self.anchors + anchor } else { anchor * self.numbers + number }]
    }
}

fn has_anchors(sides: Sides, found: usize) -> bool {
    LEVELS.iter().any(|strides| {
        let cells: usize = strides.iter().map(|s| sides.width.div_ceil(*s) * sides.height.div_ceil(*s)).sum();
        ANCHORS.iter().any(|boxes| boxes * cells == found)
    })
}

pub fn decode(
    outputs: &mut Outputs<'_>,
    sides: Sides,
    least: f32,
    classes: &[Option<RegionKind>],
) -> Result<Vec<Candidate>, OnnxError> {
    // Exports of version 5 add what training needs as further outputs.
    let (shape, data) = outputs.take::<3>(0)?;
    let layout = Layout::of(shape, classes.len(), sides).ok_or_else(|| {
        let numbers = 4 + classes.len();
        let due = format!(
            "{numbers} or {} numbers for each cell of {}x{} pixels (4 of the box, perhaps 1 for any object, {} of classes)",
            numbers + 1,
            sides.width,
            sides.height,
            classes.len(),
        );
        outputs.wrong_shape(0, &shape, due)
    })?;
    let mut found = Vec::new();
    for anchor in 0..layout.anchors {
        let number = |at: usize| layout.number(&data, anchor, at);
        let (any, first) = if layout.numbers == 5 + classes.len() { (number(4), 5) } else { (1.0, 4) };
        for (class, kind) in classes.iter().enumerate() {
            let score = any * number(first + class);
            if !score.is_finite() {
                return Err(OnnxError::NotFinite);
            }
            if let Some(kind) = *kind
                && score >= least
            {
                let [cx, cy, w, h] = [0, 1, 2, 3].map(number);
                let bounds = Rect::new(cx - w / 2.0, cy - h / 2.0, w, h);
                found.push(Candidate { kind, bounds, score: score.min(1.0) });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDES: Sides = Sides { width: 640, height: 640 };

    fn layout(shape: [usize; 3], classes: usize) -> Option<(usize, usize, bool)> {
        Layout::of(shape, classes, SIDES).map(|l| (l.anchors, l.numbers, l.by_number))
    }

    #[test]
    fn published_layouts_are_known() {
        assert_eq!(layout([1, 25_200, 85], 80), Some((25_200, 85, false)));
        assert_eq!(layout([1, 84, 8400], 80), Some((8400, 84, true)));
        assert_eq!(layout([1, 8400, 6], 2), Some((8400, 6, false)));
        assert_eq!(layout([1, 5, 8400], 1), Some((8400, 5, true)));
        assert_eq!(layout([1, 5, 34_000], 1), Some((34_000, 5, true)));
    }

    #[test]
    fn what_means_something_else_is_refused() {
        // Suppression built in: corners, confidence, class.
        assert_eq!(layout([1, 300, 6], 2), None);
        assert_eq!(layout([1, 84, 8400], 2), None);
        assert_eq!(layout([2, 6, 8400], 2), None);
        assert_eq!(layout([1, 0, 6], 2), None);
    }
}
