//! Looks at pictures one by one, for as long as there are any: what a service needs.

use std::path::{Path, PathBuf};

use super::Options;
use super::examine::{Examined, EyesFactory, Observer, Unreadable};
use super::lanes::Budget;
use super::record::Clerk;
use super::source::SourceImage;
use super::summary::Stages;
use crate::capture::Circumstances;
use crate::pseudonym::EpochKeys;
use crate::redact::RedactError;
use crate::vault::record::CaptureRecord;

/// What the examiners of all threads have in common: the eyes' maker, limits, and one budget of decoded bytes.
pub struct Examiners<'e> {
    eyes: &'e EyesFactory<'e>,
    options: &'e Options,
    budget: Budget,
}

impl<'e> Examiners<'e> {
    /// Examiners with eyes that `eyes` makes, within the limits and the budget of `options`.
    pub fn new(eyes: &'e EyesFactory<'e>, options: &'e Options) -> Self {
        Self { eyes, options, budget: Budget::new(options.decoded_bytes) }
    }

    /// One for a thread. Its eyes are made with its first picture, and kept.
    pub fn examiner(&self) -> Examiner<'_, 'e> {
        Examiner { common: self, observer: Observer::new(self.eyes) }
    }
}

/// A thread's own examiner.
pub struct Examiner<'c, 'e> {
    common: &'c Examiners<'e>,
    observer: Observer<'e>,
}

impl Examiner<'_, '_> {
    /// Examines the image `file`, and lets `show` make something of it. Waits while other threads hold the budget.
    ///
    /// # Errors
    ///
    /// When nothing of it may be shown. A panic, also in `show`, ends as [`Unreadable::Fault`].
    pub fn examine<T>(&mut self, file: &[u8], show: impl FnOnce(Examined<'_>) -> T) -> Result<T, Unreadable> {
        let Examiners { options, budget, .. } = self.common;
        let mut stages = Stages::default();
        self.observer.examine(file, &options.limits, budget, &mut stages, |examined, _| Ok(show(examined)))
    }

    /// Examines the image `file`, lets `show` make something of it, and makes the records of a capture of it, under `keys` and for
    /// `site`. Of the capture nothing is known but what the file says itself.
    ///
    /// # Errors
    ///
    /// When nothing of it may be shown. Then there is no capture either: whoever sent it is told, and still has it.
    pub fn capture<T>(
        &mut self,
        file: &[u8],
        (keys, site): (&EpochKeys, &str),
        show: impl FnOnce(Examined<'_>) -> Result<T, RedactError>,
    ) -> Result<(T, CaptureRecord), Unreadable> {
        let Examiners { options, budget, .. } = self.common;
        let clerk = Clerk { keys, site, effort: options.effort, mask: options.mask.of(Path::new("")) };
        let mut stages = Stages::default();
        let look = |examined: Examined<'_>, stages: &mut Stages| {
            // First, so that the samples are the record's alone when it is made.
            let shown = show(examined.clone())?;
            Ok((shown, clerk.sight(examined, stages)?))
        };
        let (shown, sight) = self.observer.examine(file, &options.limits, budget, &mut stages, look)?;
        let image = SourceImage {
            path: PathBuf::new(),
            name: PathBuf::new(),
            circumstances: Circumstances::default(),
            length: file.len() as u64,
            unlisted: false,
            frame: None,
        };
        let digest = *blake3::hash(file).as_bytes();
        Ok((shown, clerk.record(image, file.to_vec(), digest, Some(sight))))
    }
}
