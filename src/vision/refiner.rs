//! Refiners: a window around a candidate through a net of its class, which says what it is worth and where its edges are.

use std::sync::Arc;

use super::meta::RefinerMeta;
use super::window::Window;
use super::{Detection, sigmoid};
use crate::capture::RegionKind;
use crate::frame::LumaSource;
use crate::geometry::{Rect, Size};
use crate::nn::Session;

/// The refiner of one class.
pub struct Refiner {
    session: Session,
    meta: Arc<RefinerMeta>,
    window: Window,
}

/// What the net says of a window: a logit, and left, top, right and bottom in shares of the window.
#[derive(Clone, Copy)]
struct Opinion {
    logit: f32,
    edges: [f32; 4],
}

impl Refiner {
    /// `session` must run a net whose output was checked against `meta`.
    pub fn new(session: Session, meta: Arc<RefinerMeta>) -> Self {
        Self { session, meta, window: Window::default() }
    }

    /// The candidate with tighter bounds and the confidence of detector and refiner together; where that leaves a doubt, from a
    /// closer look. A box that the refiner would shrink to nothing stays.
    pub fn refine(&mut self, image: &dyn LumaSource, candidate: Detection) -> Detection {
        let meta = Arc::clone(&self.meta);
        let shown = self.around(candidate.bounds);
        let Some(seen) = self.opinion(image, shown) else { return candidate };
        let bounds = seen.bounds(shown, image.size()).unwrap_or(candidate.bounds);
        let first = Detection {
            bounds,
            score: together(meta.fuse, meta.by_size, candidate.score, seen.logit, bounds),
            ..candidate
        };
        let Some(doubt) = meta.doubt.filter(|doubt| (doubt.from..doubt.until).contains(&first.score)) else {
            return first;
        };
        self.closer(image, candidate, bounds, (doubt.fuse, doubt.by_size)).unwrap_or(first)
    }

    /// Where the edges of what lies about there are; `None` outside the image.
    pub fn edges(&mut self, image: &dyn LumaSource, about: Rect) -> Option<Rect> {
        let shown = self.around(about);
        self.opinion(image, shown)?.bounds(shown, image.size())
    }

    /// Whether the candidate, which is at `bounds` if it is a face, is a head; `score` is what it is worth as a face.
    pub fn head(
        &mut self,
        image: &dyn LumaSource,
        candidate: Detection,
        bounds: Rect,
        score: f32,
    ) -> Option<Detection> {
        let meta = Arc::clone(&self.meta);
        let head = meta.head.filter(|head| score >= head.from)?;
        let found = self.closer(image, candidate, bounds, (meta.fuse, meta.by_size))?;
        (found.score >= head.threshold).then_some(Detection { kind: RegionKind::Head, ..found })
    }

    /// The candidate as it is seen in a window around `bounds` and in its mirror image, both weighed like this.
    fn closer(
        &mut self,
        image: &dyn LumaSource,
        candidate: Detection,
        bounds: Rect,
        (fuse, by_size): ([f32; 3], f32),
    ) -> Option<Detection> {
        let shown = self.around(bounds);
        let (plain, mirrored) = self.opinion(image, shown).zip(self.mirrored())?;
        let seen = plain.mean(mirrored);
        let bounds = seen.bounds(shown, image.size()).unwrap_or(bounds);
        Some(Detection { bounds, score: together(fuse, by_size, candidate.score, seen.logit, bounds), ..candidate })
    }

    /// What the window around `bounds` shows.
    fn around(&self, bounds: Rect) -> Rect {
        let [grow_x, grow_y] = self.meta.grow;
        bounds.grown(bounds.w * grow_x, bounds.h * grow_y)
    }

    /// What the net says of what is `shown`; `None` outside the image.
    fn opinion(&mut self, image: &dyn LumaSource, shown: Rect) -> Option<Opinion> {
        let [rows, columns] = self.meta.size;
        self.window.cut(image, shown, columns, rows)?;
        self.of_window()
    }

    /// What the net says of the last window in a mirror, edges as they lie without one.
    fn mirrored(&mut self) -> Option<Opinion> {
        self.window.mirror(self.meta.size[1]);
        let Opinion { logit, edges: [left, top, right, bottom] } = self.of_window()?;
        Some(Opinion { logit, edges: [1.0 - right, top, 1.0 - left, bottom] })
    }

    fn of_window(&mut self) -> Option<Opinion> {
        let [rows, columns] = self.meta.size;
        self.session.run(self.window.pixels(), columns, rows).expect("the window's size was tried at parsing");
        let &[logit, left, top, right, bottom] = self.session.output(0).cell(0, 0).first_chunk::<5>()?;
        Some(Opinion { logit, edges: [left, top, right, bottom] })
    }
}

impl Opinion {
    /// The box in an image of `size`, of which the window showed `shown`; `None` where nothing would be left of it.
    fn bounds(&self, shown: Rect, size: Size) -> Option<Rect> {
        let [left, top, right, bottom] = self.edges;
        let (x, y) = (shown.x + left * shown.w, shown.y + top * shown.h);
        let refined = Rect::new(x, y, (right - left) * shown.w, (bottom - top) * shown.h).clipped(size);
        (refined.w >= 1.0 && refined.h >= 1.0).then_some(refined)
    }

    fn mean(self, other: Self) -> Self {
        let edges = std::array::from_fn(|edge| self.edges[edge].midpoint(other.edges[edge]));
        Self { logit: self.logit.midpoint(other.logit), edges }
    }
}

/// The probability of the detector's `score`, the refiner's `logit` and the size of the box `bounds` together.
fn together([detector, refiner, constant]: [f32; 3], by_size: f32, score: f32, logit: f32, bounds: Rect) -> f32 {
    // A certain candidate's logit has no end, and a weight of nothing would make no number of it.
    let score = score.clamp(f32::EPSILON, 1.0 - f32::EPSILON);
    let size = libm::logf(bounds.w.min(bounds.h).max(1.0));
    sigmoid(detector * libm::logf(score / (1.0 - score)) + refiner * logit + constant + by_size * size)
}
