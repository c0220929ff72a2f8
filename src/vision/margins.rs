//! How far beyond a detected box pixels are blanked.

use super::meta::{DetectorMeta, PerClass};
use crate::capture::RegionKind;
use crate::geometry::Rect;

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

    /// What is added for a region of `kind`.
    pub fn of_kind(&self, kind: RegionKind) -> Margin {
        self.margin.of(kind)
    }

    /// The box to blank around the tight box `bounds`: the shares, and one pixel. It may reach beyond the image.
    pub fn widen(&self, kind: RegionKind, bounds: Rect) -> Rect {
        let Margin { left, top, right, bottom } = self.of_kind(kind);
        let x = bounds.x - bounds.w * left;
        let y = bounds.y - bounds.h * top;
        Rect::new(x, y, bounds.w * (1.0 + left + right), bounds.h * (1.0 + top + bottom)).grown(1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_has_its_own_share() {
        let plate = Margin { left: 0.1, top: 0.2, right: 0.3, bottom: 0.4 };
        let margins = Margins { margin: PerClass { plate, face: plate } };
        let wide = margins.widen(RegionKind::Plate, Rect::new(100.0, 50.0, 40.0, 10.0));
        let expected = [95.0, 47.0, 58.0, 18.0];
        for (found, expected) in [wide.x, wide.y, wide.w, wide.h].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{wide:?}");
        }
    }
}
