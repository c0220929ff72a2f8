//! The product's own nets at the pipeline's seam.

use super::examine::Look;
use super::summary::{Stages, timed};
use crate::capture::Region;
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::vision::{Eyes, Margins, Nets};

/// Eyes from trained nets, with the margins that their training measured.
pub struct TrainedEyes {
    eyes: Eyes,
    margins: Margins,
}

impl TrainedEyes {
    /// Eyes for one thread.
    pub fn new(nets: &Nets) -> Self {
        Self { eyes: nets.eyes(), margins: nets.margins() }
    }
}

impl Look for TrainedEyes {
    fn look(&mut self, image: &dyn LumaSource, stages: &mut Stages) -> Vec<Region> {
        let found = timed(&mut stages.detect, || self.eyes.find(image));
        timed(&mut stages.read_plates, || found.into_iter().map(|found| self.eyes.read(image, found)).collect())
    }

    fn cover(&self, region: &Region) -> Rect {
        self.margins.widen(region.kind, region.bounds)
    }
}
