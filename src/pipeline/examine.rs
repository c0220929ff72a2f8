//! Bytes of a file become a decoded image and the regions on it, or the reason why nothing of it may be shown.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;

use super::lanes::{Budget, Held};
use super::several::{self, Looked};
use super::summary::{Stages, timed};
use crate::capture::Region;
use crate::frame::{DecodeError, Frame, Header, Limits, LumaSource, Sequence};
use crate::geometry::Rect;
use crate::redact::{Area, Figure, RedactError};
use crate::vision::{Found, Seen};

/// Eyes: find plates and faces, and read plates. One instance serves one thread.
pub trait Look {
    /// Every region that must be blanked, the plates among them read where that is possible. Adds the time it took to
    /// `stages`.
    fn look(&mut self, frame: &Frame, stages: &mut Stages) -> Seen;
}

/// Makes a thread's own eyes.
pub type EyesFactory<'e> = dyn Fn() -> Box<dyn Look + 'e> + Sync + 'e;

/// An image that was looked at.
#[derive(Clone)]
pub struct Examined<'f> {
    /// The file that holds it.
    pub file: &'f [u8],
    /// The image.
    pub frame: Frame,
    /// What was found on it, inside the stored image.
    pub regions: Vec<Region>,
    /// What must be blanked, one area for each region, in their order.
    pub areas: Vec<Area>,
    /// Rows of letters on it, where the eyes look for such. Of a file that holds several pictures, none.
    pub lettering: Vec<Rect>,
    /// The pictures behind it, of a file that holds several. Its scene and what else is shown of it is that of the first alone, but
    /// for [`super::Choice::copy`], which has all of them.
    pub further: Vec<Looked>,
}

impl Examined<'_> {
    /// Its rows of letters, if it was searched for such: eyes do so where they have read a plate.
    pub(super) fn searched(&self) -> Option<Vec<Rect>> {
        let is_read = self.further.is_empty() && self.regions.iter().any(|region| region.reading.is_some());
        is_read.then(|| self.lettering.clone())
    }
}

/// Why nothing of an image may be shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its scene cannot be made.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// A stage broke down on it.
    #[error("examining it hit a fault of this program; please report it, with the file if you may")]
    Fault,
}

/// A worker's eyes, renewed after a breakdown.
pub(super) struct Observer<'e> {
    factory: &'e EyesFactory<'e>,
    eyes: Option<Box<dyn Look + 'e>>,
}

impl<'e> Observer<'e> {
    pub(super) fn new(factory: &'e EyesFactory<'e>) -> Self {
        Self { factory, eyes: None }
    }

    /// Decodes and looks at `file`, then lets `then` make something of it, all within `budget`. A panic in any of it,
    /// decoders and eyes included, ends as [`Unreadable::Fault`].
    pub(super) fn examine<'f, T>(
        &mut self,
        file: &'f [u8],
        limits: &Limits,
        budget: &Budget,
        stages: &mut Stages,
        then: impl FnOnce(Examined<'f>, &mut Stages) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        self.guarded(|eyes| {
            let (examined, held) = look(file, eyes, limits, budget, stages)?;
            let result = then(examined, stages);
            drop(held);
            result
        })
    }

    /// Decodes and looks at `file`: everything that must be blanked on it.
    pub(super) fn find(&mut self, file: &[u8], limits: &Limits, budget: &Budget) -> Result<Vec<Found>, Unreadable> {
        let mut stages = Stages::default();
        self.guarded(|eyes| {
            let (frame, _held) = decode(file, limits, budget, &mut stages)?;
            Ok(eyes.look(&frame, &mut stages).found)
        })
    }

    fn guarded<T>(&mut self, work: impl FnOnce(&mut dyn Look) -> Result<T, Unreadable>) -> Result<T, Unreadable> {
        // Nothing that the closure borrows is looked at after a panic, but `stages`, which is only numbers.
        let done = catch_unwind(AssertUnwindSafe(|| work(self.eyes.get_or_insert_with(self.factory).as_mut())));
        done.unwrap_or_else(|_panic| {
            self.eyes = None;
            Err(Unreadable::Fault)
        })
    }
}

fn look<'f, 'b>(
    file: &'f [u8],
    eyes: &mut dyn Look,
    limits: &Limits,
    budget: &'b Budget,
    stages: &mut Stages,
) -> Result<(Examined<'f>, Held<'b>), Unreadable> {
    if let Some(sequence) = timed(&mut stages.decode, || Sequence::open(file, limits))? {
        return several::look(file, sequence, eyes, budget, stages);
    }
    let (frame, held) = decode(file, limits, budget, stages)?;
    let Seen { found, lettering } = eyes.look(&frame, stages);
    Ok((Examined { lettering, ..placed(file, frame, found) }, held))
}

fn decode<'b>(
    file: &[u8],
    limits: &Limits,
    budget: &'b Budget,
    stages: &mut Stages,
) -> Result<(Frame, Held<'b>), Unreadable> {
    let header = timed(&mut stages.decode, || Header::read(file, limits))?;
    let held = timed(&mut stages.hand_over, || budget.hold(header.decoded_bytes()));
    let frame = timed(&mut stages.decode, || header.decode(file, limits))?;
    Ok((frame, held))
}

/// The image with what was found on it.
fn placed(file: &[u8], frame: Frame, found: Vec<Found>) -> Examined<'_> {
    let (regions, areas) = on_picture(&frame, found);
    Examined { file, frame, regions, areas, lettering: Vec::new(), further: Vec::new() }
}

/// What is on a picture, and what is blanked on it.
pub(super) fn see(frame: &Frame, eyes: &mut dyn Look, stages: &mut Stages) -> (Vec<Region>, Vec<Area>) {
    on_picture(frame, eyes.look(frame, stages).found)
}

fn on_picture(frame: &Frame, found: Vec<Found>) -> (Vec<Region>, Vec<Area>) {
    let size = frame.size();
    let (mut regions, mut areas) = (Vec::new(), Vec::new());
    for Found { mut region, wide, oval } in found {
        region.bounds = region.bounds.clipped(size);
        // Eyes may guess at what lies outside. There is nothing to blank there, but what reaches inside is blanked.
        if let Some(area) = Area::new(if oval { Figure::Oval } else { Figure::Box }, wide, frame) {
            regions.push(region);
            areas.push(area);
        }
    }
    (regions, areas)
}

/// Decodes `file` and lets `then` make something of it and of what was `found` on it before.
pub(super) fn recall<'f, T>(
    file: &'f [u8],
    found: Vec<Found>,
    limits: &Limits,
    budget: &Budget,
    then: impl FnOnce(Examined<'f>) -> Result<T, Unreadable>,
) -> Result<T, Unreadable> {
    let recalled = catch_unwind(AssertUnwindSafe(|| {
        let (frame, held) = decode(file, limits, budget, &mut Stages::default())?;
        let result = then(placed(file, frame, found));
        drop(held);
        result
    }));
    recalled.unwrap_or(Err(Unreadable::Fault))
}
