//! How far beyond a detected box pixels are blanked, and in which figure.

use super::meta::{DetectorMeta, PerClass};
use crate::capture::RegionKind;
use crate::geometry::{Rect, Size};

/// What is added on each side of a tight box, in shares of its width (left, right) and height (top, bottom).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    /// Share of the width.
    pub left: f32,
    /// Share of the height.
    pub top: f32,
    /// Share of the width.
    pub right: f32,
    /// Share of the height.
    pub bottom: f32,
}

/// Plates lower than this have so many pixels more on each side: at that size a pixel is a large share of what is to be seen.
const LOW_PLATE: f32 = 16.0;
const LOW_PLATE_MORE: f32 = 8.0;

/// Pixels more around any other plate.
const PLATE_MORE: f32 = 1.0;

/// Faces up to a shorter side, with the share of the margins that is enough where they are sure, and the pixels more on each side. Around
/// a large face margins cost most of a picture and hide nothing; around a small one they cost little, and hide what is missed beside it.
const FACES: [(f32, f32, f32); 4] = [(32.0, 1.0, 8.0), (48.0, 1.0, 6.0), (96.0, 0.6, 3.0), (f32::INFINITY, 0.3, 3.0)];

/// A face that is less sure than this has all of its margins, and pixels more.
const SURE_FACE: f32 = 0.9;
const UNSURE_MORE: f32 = 8.0;

/// Faces with a shorter side than this are boxes.
const OVAL_FROM: f32 = 48.0;

/// A region that is so near to the edge may go on beyond it: then its corners are part of it.
const EDGE: f32 = 2.0;

/// The margins that the detector's training measured: wide enough that at least 98 % of a region are covered.
#[derive(Clone, Copy, Debug)]
pub struct Margins {
    margin: PerClass<Margin>,
}

impl Margins {
    pub(super) fn of(meta: &DetectorMeta) -> Self {
        let margin = |[left, top, right, bottom]: [f32; 4]| Margin { left, top, right, bottom };
        Self { margin: PerClass { plate: margin(meta.margin.plate), face: margin(meta.margin.face) } }
    }

    #[cfg(test)]
    pub(super) fn of_all(margin: Margin) -> Self {
        Self { margin: PerClass { plate: margin, face: margin } }
    }

    /// What is added for a region of `kind`.
    pub fn of_kind(&self, kind: RegionKind) -> Margin {
        self.margin.of(kind)
    }

    /// The box to blank around the tight box `bounds` of a region that is as sure as `score`: the shares, and some pixels. It may
    /// reach beyond the image.
    ///
    /// Chosen on photographs of the training sets (2,335 with 10,379 faces; plates on 61 that training was not given): with areas of 8 × 8
    /// pixels a sixth of the faces that were left less than half covered are covered now, and of a picture of a group 23 % less is
    /// blank than with all margins and areas of 16 × 16.
    pub fn widen(&self, kind: RegionKind, bounds: Rect, score: f32) -> Rect {
        let (share, more) = match kind {
            RegionKind::Plate => (1.0, if bounds.h < LOW_PLATE { LOW_PLATE_MORE } else { PLATE_MORE }),
            RegionKind::Face | RegionKind::Head => {
                let side = bounds.w.min(bounds.h);
                let (_, share, more) = FACES.into_iter().find(|(below, ..)| side < *below).unwrap_or(FACES[0]);
                if score > SURE_FACE { (share, more) } else { (1.0, more + UNSURE_MORE) }
            }
        };
        let Margin { left, top, right, bottom } = self.of_kind(kind);
        let [left, top, right, bottom] = [left, top, right, bottom].map(|margin| margin * share);
        let x = bounds.x - bounds.w * left;
        let y = bounds.y - bounds.h * top;
        Rect::new(x, y, bounds.w * (1.0 + left + right), bounds.h * (1.0 + top + bottom)).grown(more, more)
    }
}

/// Whether the oval in the wide box hides a region: a face that is large enough for its corners to matter, and whole inside an
/// image of `size`.
pub(super) fn is_oval(kind: RegionKind, bounds: Rect, size: Size) -> bool {
    kind == RegionKind::Face
        && bounds.w.min(bounds.h) >= OVAL_FROM
        && bounds.x > EDGE
        && bounds.y > EDGE
        && bounds.right() < size.width as f32 - EDGE
        && bounds.bottom() < size.height as f32 - EDGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sure_face_has_less_around_it_and_a_small_one_more() {
        let margin = Margin { left: 0.25, top: 0.25, right: 0.25, bottom: 0.25 };
        let margins = Margins::of_all(margin);
        let cases = [(20.0, 0.95), (20.0, 0.5), (40.0, 0.95), (60.0, 0.95), (60.0, 0.5), (100.0, 0.95), (100.0, 0.5)];
        let widths =
            cases.map(|(side, score)| margins.widen(RegionKind::Face, Rect::new(100.0, 100.0, side, side), score).w);
        assert_eq!(widths.map(f32::round), [46.0, 62.0, 72.0, 84.0, 112.0, 121.0, 172.0]);
    }

    #[test]
    fn what_goes_on_beyond_the_edge_is_no_oval() {
        let size = Size::new(200, 100);
        let oval = |x, y, side| is_oval(RegionKind::Face, Rect::new(x, y, side, side), size);
        assert!(oval(50.0, 30.0, 50.0) && !oval(50.0, 30.0, 40.0));
        assert!(
            !oval(1.0, 30.0, 50.0) && !oval(50.0, 1.0, 50.0) && !oval(149.0, 30.0, 50.0) && !oval(50.0, 49.0, 50.0)
        );
        assert!(!is_oval(RegionKind::Plate, Rect::new(50.0, 30.0, 50.0, 50.0), size));
    }

    #[test]
    fn every_side_has_its_own_share() {
        let plate = Margin { left: 0.1, top: 0.2, right: 0.3, bottom: 0.4 };
        let margins = Margins { margin: PerClass { plate, face: plate } };
        let wide = margins.widen(RegionKind::Plate, Rect::new(100.0, 50.0, 40.0, 20.0), 0.5);
        let expected = [95.0, 45.0, 58.0, 34.0];
        for (found, expected) in [wide.x, wide.y, wide.w, wide.h].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{wide:?}");
        }
    }
}
