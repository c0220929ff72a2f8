//! A second detector beside the built-in one: what either finds is found.
//!
//! Owns how their findings are put together. Knows nothing of what the second detector is made of.

use super::{Detection, Detector};
use crate::capture::RegionKind;
use crate::frame::LumaSource;

/// From this overlap on, both mean the same plate or face. Their boxes need not agree well: they were trained apart.
const SAME: f32 = 0.4;

/// A detector of the operator's own, to be put beside the built-in one in every pair of eyes.
pub struct Second {
    /// Makes one for each thread.
    make: Box<dyn Fn() -> Box<dyn Detector> + Send + Sync>,
    /// What is its business alone.
    alone_on: Vec<RegionKind>,
    /// Its plates' confidence from which reading pays.
    read_from: f32,
}

impl Second {
    /// A second detector that `make` makes for each thread. Its plates are read from the confidence `read_from` on.
    ///
    /// Nothing that the built-in detector finds is lost by it: a detector brought along may know one kind of region only,
    /// and a region blanked in vain harms nobody.
    pub fn new(make: impl Fn() -> Box<dyn Detector> + Send + Sync + 'static, read_from: f32) -> Self {
        Self { make: Box::new(make), alone_on: Vec::new(), read_from }
    }

    /// The same, but with the last word on regions of these `kinds`: the built-in detector is not asked for them.
    #[must_use]
    pub fn alone_on(self, kinds: &[RegionKind]) -> Self {
        Self { alone_on: kinds.to_vec(), ..self }
    }

    pub(super) fn read_from(&self) -> f32 {
        self.read_from
    }

    /// `built_in` with one of these beside it.
    pub(super) fn join(&self, built_in: Box<dyn Detector>) -> Box<dyn Detector> {
        Box::new(Beside { second: (self.make)(), built_in, alone_on: self.alone_on.clone() })
    }
}

struct Beside {
    second: Box<dyn Detector>,
    built_in: Box<dyn Detector>,
    alone_on: Vec<RegionKind>,
}

impl Beside {
    /// Whether what is of this kind is left to the second; whoever finds faces answers for heads.
    fn is_left(&self, kind: RegionKind) -> bool {
        self.alone_on.iter().any(|other| other.is_person() == kind.is_person())
    }
}

impl Detector for Beside {
    fn detect(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let mut found = self.second.detect(image);
        let mut more = self.built_in.detect(image);
        // Confidences of two nets cannot be compared: where both found the same, the operator's choice of a net counts.
        more.retain(|more| {
            let known = |other: &Detection| other.kind == more.kind && other.bounds.iou(more.bounds) >= SAME;
            !self.is_left(more.kind) && !found.iter().any(known)
        });
        found.append(&mut more);
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found
    }

    fn detect_aside(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let mut found = self.built_in.detect_aside(image);
        found.retain(|found| !self.is_left(found.kind));
        found
    }

    fn glance(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.built_in.glance(image)
    }

    fn had_candidates(&self) -> bool {
        self.built_in.had_candidates()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Picture;
    use super::*;
    use crate::geometry::{Rect, Size};

    const PLATE: Detection = Detection { kind: RegionKind::Plate, bounds: Rect::new(0.0, 0.0, 40.0, 10.0), score: 0.5 };
    const FACE: Detection = Detection { kind: RegionKind::Face, bounds: Rect::new(0.0, 0.0, 40.0, 10.0), score: 0.7 };

    struct Says(Vec<Detection>);

    impl Detector for Says {
        fn detect(&mut self, _: &dyn LumaSource) -> Vec<Detection> {
            self.0.clone()
        }
    }

    fn together(second: &'static [Detection], built_in: &[Detection], alone_on: &[RegionKind]) -> Vec<Detection> {
        let second = Second::new(|| Box::new(Says(second.to_vec())), 0.5).alone_on(alone_on);
        second.join(Box::new(Says(built_in.to_vec()))).detect(&Picture::flat(Size::new(64, 64), 0))
    }

    #[test]
    fn what_either_finds_is_found_best_first() {
        assert_eq!(together(&[PLATE], &[FACE], &[]), [FACE, PLATE]);
        assert_eq!(together(&[], &[PLATE], &[]), [PLATE]);
        assert_eq!(together(&[PLATE], &[], &[]), [PLATE]);
    }

    #[test]
    fn what_both_find_is_found_once_as_the_second_sees_it() {
        let surer = Detection { bounds: Rect::new(0.0, 0.0, 40.0, 12.0), score: 0.99, ..PLATE };
        assert_eq!(together(&[PLATE], &[surer, FACE], &[]), [FACE, PLATE]);
        let apart = Detection { bounds: Rect::new(30.0, 0.0, 40.0, 10.0), score: 0.4, ..PLATE };
        assert_eq!(together(&[PLATE], &[apart], &[]), [PLATE, apart]);
    }

    #[test]
    fn alone_it_has_the_last_word_on_its_kinds_only() {
        assert_eq!(together(&[], &[PLATE, FACE], &[RegionKind::Plate]), [FACE]);
        assert!(together(&[], &[PLATE, FACE], &[RegionKind::Plate, RegionKind::Face]).is_empty());
    }
}
