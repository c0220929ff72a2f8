//! The product's own nets at the pipeline's seam.

use super::examine::Look;
use super::summary::{Stages, timed};
use crate::capture::Effort;
use crate::frame::Frame;
use crate::vision::{Eyes, Looks, Margins, Nets, Seen};

/// Eyes from trained nets, with the margins that their training measured.
pub struct TrainedEyes {
    eyes: Eyes,
    margins: Margins,
    effort: Effort,
}

impl TrainedEyes {
    /// Eyes for one thread.
    pub fn new(nets: &Nets) -> Self {
        Self { eyes: nets.eyes(), margins: nets.margins(), effort: nets.effort() }
    }
}

impl Look for TrainedEyes {
    fn look(&mut self, frame: &Frame, stages: &mut Stages) -> Seen {
        let looks = timed(&mut stages.detect, || {
            let mut looks = Looks::plan(frame, frame.told(), self.effort);
            looks.find(&mut self.eyes);
            looks
        });
        timed(&mut stages.read_plates, || looks.read(&mut self.eyes, &self.margins))
    }
}

#[cfg(test)]
mod tests;
