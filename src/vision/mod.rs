//! Finds plates and faces and reads plates.
//!
//! Owns detectors, readers, thresholds and redaction margins. Knows nothing about keys, vaults or files.
//!
//! [`Nets`] is parsed once; each worker takes [`Eyes`] from it, which share the weights and own their scratch memory.
//! [`Detector`] and [`Reader`] are the seam at which other eyes may be fitted.

use crate::capture::{Reading, RegionKind};
use crate::frame::LumaSource;
use crate::geometry::Rect;

mod beside;
mod ctc;
mod detector;
mod eyes;
mod grid;
mod lettering;
mod looks;
mod margins;
mod meta;
mod netting;
mod nms;
#[cfg(feature = "onnx")]
mod onnx;
mod pale;
mod reader;
mod refiner;
mod serial;
mod shown;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tilt;
mod window;

pub use beside::Second;
pub use eyes::{Eyes, NetFiles, Nets, NetsError};
pub use looks::{Found, Looks, Seen};
pub use margins::{Margin, Margins};
#[cfg(feature = "onnx")]
pub use onnx::{OnnxDetector, OnnxError, OnnxFormat, OnnxModel, OnnxOptions};
pub use serial::PlateRegion;

/// A candidate region with the detector's confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Plate or face.
    pub kind: RegionKind,
    /// Tight box in pixels of the stored image.
    pub bounds: Rect,
    /// Confidence, 0 to 1.
    pub score: f32,
}

/// Finds plates and faces. One instance serves one thread; scratch memory lives inside and weights are shared.
pub trait Detector: Send {
    /// Every region above the redaction threshold, overlaps already merged, best first.
    fn detect(&mut self, image: &dyn LumaSource) -> Vec<Detection>;

    /// The same of an image that is looked at otherwise, too: turned, or in a mirror. Less is enough.
    fn detect_aside(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.detect(image)
    }

    /// What is surest of it at half the scale, where it is large: less than a quarter of the work.
    fn glance(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.detect(image)
    }

    /// Whether the last [`Detector::detect`] had any candidate, be it that a closer look dropped it: where it had none, the
    /// image shows nothing like a plate or a face on any side. True where a detector cannot tell.
    fn had_candidates(&self) -> bool {
        true
    }
}

/// Reads plates. One instance serves one thread.
pub trait Reader: Send {
    /// What the plate in the tight box `plate` says, however it leans, or `None` when it cannot be read.
    fn read(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Reading>;

    /// [`Reader::read`] of letters that stand upright.
    fn read_level(&mut self, image: &dyn LumaSource, letters: Rect) -> Option<Reading> {
        self.read(image, letters)
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-logit))
}
