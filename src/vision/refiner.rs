//! Refiners: a window around a candidate through a net of its class, which says what it is worth and where its edges are.

use std::sync::Arc;

use super::meta::RefinerMeta;
use super::window::Window;
use super::{Detection, sigmoid};
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::nn::Session;

/// The refiner of one class.
pub struct Refiner {
    session: Session,
    meta: Arc<RefinerMeta>,
    window: Window,
}

impl Refiner {
    /// `session` must run a net whose output was checked against `meta`.
    pub fn new(session: Session, meta: Arc<RefinerMeta>) -> Self {
        Self { session, meta, window: Window::default() }
    }

    /// The candidate with tighter bounds and the confidence of detector and refiner together. A box that the refiner
    /// would shrink to nothing stays.
    pub fn refine(&mut self, image: &dyn LumaSource, candidate: Detection) -> Detection {
        let [grow_x, grow_y] = self.meta.grow;
        let [rows, columns] = self.meta.size;
        let Detection { kind, bounds, score } = candidate;
        let shown = bounds.grown(bounds.w * grow_x, bounds.h * grow_y);
        let Some(window) = self.window.cut(image, shown, columns, rows) else { return candidate };
        self.session.run(window, columns, rows).expect("the window's size was tried at parsing");
        let Some(&[logit, left, top, right, bottom]) = self.session.output(0).cell(0, 0).first_chunk::<5>() else {
            return candidate;
        };
        let refined = Rect::new(
            shown.x + left * shown.w,
            shown.y + top * shown.h,
            (right - left) * shown.w,
            (bottom - top) * shown.h,
        );
        let refined = refined.clipped(image.size());
        let bounds = if refined.w >= 1.0 && refined.h >= 1.0 { refined } else { bounds };
        let [detector, refiner, constant] = self.meta.fuse;
        // A certain candidate's logit has no end, and a weight of nothing would make no number of it.
        let score = score.clamp(f32::EPSILON, 1.0 - f32::EPSILON);
        let size = libm::logf(bounds.w.min(bounds.h).max(1.0));
        let logit =
            detector * libm::logf(score / (1.0 - score)) + refiner * logit + constant + self.meta.by_size * size;
        let score = sigmoid(logit);
        Detection { kind, bounds, score }
    }
}
