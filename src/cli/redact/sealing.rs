//! Originals go into a vault in the same pass in which their copies are made.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::tally::{Made, Tally};
use super::{Args, Job, Target};
use crate::cli::ingest::{self, damage_words};
use crate::cli::site::AtSite;
use crate::cli::target;
use crate::cli::terminal::{Voice, say, shown};
use crate::cli::{Context, Failure};
use crate::pipeline::{
    Examined, Ingest, IngestError, Inspected, Look, Note, Options, Progress, Source, SourceFault, SourceImage,
};
use crate::vault::{Make, SealingOptions, SealingVault, SiteState};

/// A site's vault that takes the originals.
pub(super) struct Sealing {
    site: AtSite,
    vault: SealingVault,
}

/// Says what is met, and keeps in mind whether videos were among it.
struct Heard<'v, 'c> {
    voice: &'v Voice<'c>,
    videos: AtomicBool,
}

impl Progress for Heard<'_, '_> {
    fn image(&self) {
        self.voice.image();
    }

    fn note(&self, path: &Path, note: &Note) {
        if let Note::Skipped(SourceFault::Video(_)) = note {
            self.videos.store(true, Ordering::Relaxed);
        }
        self.voice.note(path, note);
    }
}

impl Sealing {
    /// Opens the vault, where one was given.
    pub(super) fn begin<'s>(
        args: &Args,
        sources: impl Iterator<Item = &'s Source>,
        context: &Context,
    ) -> Result<Option<Self>, Failure> {
        let (Some(vault), Some(pack)) = (&args.vault, &args.pack) else { return Ok(None) };
        let inputs = args.paths.iter().map(PathBuf::as_path);
        for folder in inputs.chain([args.out.as_path()]) {
            if target::lies_in(vault, folder) || target::lies_in(folder, vault) {
                return Err(Failure::usage(
                    format!("the vault {} and {} lie in each other", shown(vault), shown(folder)),
                    "name a vault apart from photographs and copies",
                ));
            }
        }
        let mut site = AtSite::read(pack, &args.pin)?;
        for source in sources {
            ingest::check_classes(source, &site.pack)?;
        }
        let sealing = SealingOptions {
            // The pipeline says when to flush.
            segment_bytes: u64::MAX,
            flush_after: Duration::MAX,
            make: if args.new { Make::Always } else { Make::First },
            state: Some(SiteState::beside(pack)),
            ..SealingOptions::default()
        };
        let vault = site.open(vault, sealing, context)?;
        for damage in vault.damages() {
            say(&format!("{}; what it held is sealed again where it is met", damage_words(damage)));
        }
        Ok(Some(Self { site, vault }))
    }

    /// Seals all photographs of one input and makes their copies.
    pub(super) fn copy(
        &mut self,
        source: &mut Source,
        target: &Target,
        job: &Job<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let voice = Voice::new(job.context, &target.given);
        // A copy that cannot be written ends the run as an interrupt does: what was taken is sealed.
        let received = Mutex::new((tally, Ok(())));
        let beside = |image: &SourceImage, examined: Examined<'_>| {
            let made = target.write(image, job.choice, job.wanted, examined);
            let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
            let (tally, ended) = &mut *received;
            if let Err(failure) =
                tally.receive(Inspected { path: image.path.clone(), result: Ok::<Made, _>(made) }, &voice)
            {
                *ended = Err(failure);
                job.stop.store(true, Ordering::Relaxed);
            }
        };
        // The run's eyes live longer than this input does.
        let eyes = || -> Box<dyn Look + '_> { (job.eyes)() };
        let heard = Heard { voice: &voice, videos: AtomicBool::new(false) };
        // A scene shows no more than the copy does.
        let options = Options { mask: target.own(&job.choice.mask), ..job.options.clone() };
        let ran = Ingest {
            keys: self.site.pack.epoch_keys(),
            site: self.site.pack.site(),
            eyes: &eyes,
            options: &options,
            progress: &heard,
            stop: job.stop,
        }
        .run_beside(source, &mut self.vault, Some(&beside));
        voice.finish();
        if heard.videos.into_inner() {
            say(
                "videos have no copies where originals are sealed: for these, run it without --vault, to another folder",
            );
        }
        let (tally, ended) = received.into_inner().unwrap_or_else(PoisonError::into_inner);
        let summary = match &ran {
            Ok(summary) => summary,
            Err(IngestError::Seal { summary, .. }) => summary,
        };
        *tally.sealed.get_or_insert(0) += summary.sealed;
        tally.failures += summary.failed + summary.unreadable + summary.known_unreadable;
        ended?;
        ran.map(drop).map_err(|IngestError::Seal { source, .. }| Failure::from(source))
    }

    /// Closes the vault.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.vault.finish().map(drop).map_err(Failure::from)
    }
}
