//! Every image of a source is examined, redacted, pseudonymised and handed to a sink, once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use thiserror::Error;

use super::Options;
use super::consume::ConsumeError;
use super::examine::{Examined, EyesFactory, Observer, Unreadable};
use super::lanes::{self, Arrival, Bounds, Budget, lock};
use super::record::Clerk;
use super::sink::{Known, RecordSink};
use super::source::{LoadError, Loaded, Source, SourceFault, SourceImage, Stamp};
use super::summary::{Awaited, Counted, Stages, Summary, timed};
use crate::geometry::{Rect, Size};
use crate::pseudonym::EpochKeys;
use crate::vault::Origin;
use crate::vault::record::CaptureRecord;
use crate::words::count;

/// Hears how a run goes. All methods are called on the thread that called [`Ingest::run`], in the source's order.
pub trait Progress: Sync {
    /// One image more is done, in whatever way.
    fn image(&self) {}

    /// Something about the file or folder at `path` that the operator should know.
    fn note(&self, path: &Path, note: &Note);
}

/// What an operator should know about a file or folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Note {
    /// An image of which nothing may be shown. An ingest seals it whole.
    #[error("cannot be examined")]
    Unreadable(#[source] Unreadable),
    /// An image that is not in the vault.
    #[error("not sealed")]
    NotLoaded(#[source] LoadError),
    /// Something that the walk met.
    #[error("skipped")]
    Skipped(#[source] SourceFault),
    /// A file that was sealed but was not deleted.
    #[error("sealed, but not deleted")]
    NotConsumed(#[source] ConsumeError),
    /// A file that is not sealed: the vault holds its bytes under another name, and nothing tells whether it is another
    /// capture.
    #[error("not sealed again: a file of another name has the same bytes, and no row tells them apart")]
    Copy,
    /// An image that an earlier run sealed whole, because it could not be examined.
    #[error("sealed before, and could not be examined then")]
    KnownUnreadable,
}

/// Why a run ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError<E: std::error::Error + 'static> {
    /// The sink refused a record or a commit. What was committed before is safe, and the rest is untouched.
    #[error("sealing failed behind {}", count(*committed, "committed capture"))]
    Seal {
        /// Captures of this run that are durable.
        committed: u64,
        /// What the run did until then.
        summary: Box<Summary>,
        /// What the sink says.
        #[source]
        source: E,
    },
}

/// Makes something else of each image in the same pass: it is handed what was seen, on the worker that saw it. Images that cannot be
/// examined it never hears of.
pub type Beside<'b> = dyn Fn(&SourceImage, Examined<'_>) + Sync + 'b;

/// All that a run needs beside its source and its sink.
pub struct Ingest<'i> {
    /// The epoch's pseudonym keys.
    pub keys: &'i EpochKeys,
    /// Where images were taken whose circumstances do not say.
    pub site: &'i str,
    /// Makes each worker's eyes.
    pub eyes: &'i EyesFactory<'i>,
    /// How.
    pub options: &'i Options,
    /// Who hears.
    pub progress: &'i dyn Progress,
    /// When this becomes true, no further image is taken; what is under way is committed.
    pub stop: &'i AtomicBool,
}

/// What one worker keeps from image to image.
struct Worker<'e> {
    observer: Observer<'e>,
    /// When the last image was handed over.
    free_since: Instant,
}

/// What became of an image.
struct Done {
    path: PathBuf,
    name: PathBuf,
    unlisted: bool,
    /// Whether it is the first one, of a film's frame.
    film: Option<bool>,
    end: End,
    stages: Stages,
    bytes_in: u64,
}

enum End {
    Record {
        turn: u64,
        origin: Origin,
        stamp: Stamp,
        record: Box<CaptureRecord>,
        regions: u64,
        further: bool,
        lettering: Option<(Size, Vec<Rect>)>,
        fault: Option<Unreadable>,
    },
    Duplicate {
        origin: Origin,
        stamp: Stamp,
        /// Why nothing could be made of it beside.
        fault: Option<Unreadable>,
    },
    NotLoaded(LoadError),
}

impl Done {
    /// Bytes that wait for being sealed.
    fn weight(&self) -> u64 {
        match &self.end {
            End::Record { record, .. } => {
                let scene = record.scene.as_ref().map_or(0, |scene| scene.file.len());
                (scene + record.identity.removed.len()) as u64
            }
            End::Duplicate { .. } | End::NotLoaded(_) => 0,
        }
    }
}

/// Captures that are under way, each with the first place in the order at which it was met. Spares the work on
/// duplicates; that only the first is sealed, the receiving end makes sure of.
#[derive(Default)]
struct Claims(Mutex<HashMap<[u8; 32], u64>>);

impl Claims {
    /// Claims a capture for `turn`; false when an earlier one has it.
    fn claim(&self, digest: [u8; 32], turn: u64) -> bool {
        match lock(&self.0).entry(digest) {
            Entry::Vacant(free) => {
                free.insert(turn);
                true
            }
            // Workers overtake each other; the order of names decides all the same.
            Entry::Occupied(mut claimed) => {
                let first = turn <= *claimed.get();
                if first {
                    claimed.insert(turn);
                }
                first
            }
        }
    }

    /// Ends what was claimed for `turn`.
    fn release(&self, digest: &[u8; 32], turn: u64) {
        let mut claims = lock(&self.0);
        if claims.get(digest) == Some(&turn) {
            claims.remove(digest);
        }
    }
}

impl Ingest<'_> {
    /// Runs until `source` is exhausted or [`Ingest::stop`] is set; all that was taken is then committed to `sink`.
    ///
    /// # Errors
    ///
    /// When the sink fails. Images that cannot be read or examined are no errors: they are counted and noted.
    pub fn run<S: RecordSink>(&self, source: &mut Source, sink: &mut S) -> Result<Summary, IngestError<S::Error>> {
        self.run_beside(source, sink, None)
    }

    /// The same, and `beside` hears of every image that can be examined, those that the sink has already too.
    ///
    /// # Errors
    ///
    /// As [`Ingest::run`].
    pub fn run_beside<S: RecordSink>(
        &self,
        source: &mut Source,
        sink: &mut S,
        beside: Option<&Beside<'_>>,
    ) -> Result<Summary, IngestError<S::Error>> {
        let start = Instant::now();
        let (known, before) = (sink.known(), sink.committed());
        let claims = Claims::default();
        let budget = Budget::new(self.options.decoded_bytes);
        let bounds = Bounds { workers: self.options.workers, window: self.options.window_bytes };
        let base = source.base().to_owned();
        let mut sealing = Sealing::new(self, sink, &known, &claims, base);
        let received = lanes::run(
            source,
            &bounds,
            self.stop,
            || Worker { observer: Observer::new(self.eyes), free_since: Instant::now() },
            |worker, turn, image| self.process(worker, turn, image, (&known, &claims), &budget, beside),
            Done::weight,
            |arrival| sealing.receive(arrival),
        )
        .and_then(|()| sealing.commit());
        sealing.count();
        let Sealing { mut summary, sink, .. } = sealing;
        summary.sealed = sink.committed() - before;
        summary.ignored = source.ignored();
        summary.elapsed = start.elapsed();
        summary.interrupted = self.stop.load(Ordering::Relaxed);
        match received {
            Ok(()) => Ok(summary),
            Err(source) => Err(IngestError::Seal { committed: summary.sealed, summary: Box::new(summary), source }),
        }
    }

    /// One image, from file to record, on one worker.
    fn process(
        &self,
        worker: &mut Worker,
        turn: u64,
        image: SourceImage,
        (known, claims): (&impl Known, &Claims),
        budget: &Budget,
        beside: Option<&Beside<'_>>,
    ) -> Done {
        let mut stages = Stages { hand_over: worker.free_since.elapsed(), ..Stages::default() };
        let (path, name, unlisted) = (image.place(), image.name.clone(), image.unlisted);
        let film = image.frame.as_ref().map(|frame| frame.begins);
        let loaded = timed(&mut stages.read, || {
            let loaded = image.load(self.options.max_file_bytes)?;
            let digest = *blake3::hash(&loaded.bytes).as_bytes();
            Ok((loaded, digest))
        });
        let (end, bytes_in) = match loaded {
            Err(error) => (End::NotLoaded(error), 0),
            Ok((Loaded { bytes, stamp }, digest)) => {
                let length = bytes.len() as u64;
                let origin = Origin::new(digest, &image.circumstances, name.as_os_str().as_encoded_bytes());
                // Whoever is to delete the file wants to know it for certain.
                let is_in =
                    || if self.options.consume.is_some() { known.proves(&origin) } else { known.knows(&origin) };
                let wanted = self.options.allow_duplicates || (!is_in() && claims.claim(origin.capture(), turn));
                let end = if wanted {
                    self.capture(worker, turn, image, (bytes, digest, origin), stamp, budget, &mut stages, beside)
                } else {
                    let fault = beside.and_then(|beside| {
                        let heard = |examined: Examined<'_>, _: &mut Stages| {
                            beside(&image, examined);
                            Ok(())
                        };
                        worker.observer.examine(&bytes, &self.options.limits, budget, &mut stages, heard).err()
                    });
                    End::Duplicate { origin, stamp, fault }
                };
                (end, length)
            }
        };
        worker.free_since = Instant::now();
        Done { path, name, unlisted, film, end, stages, bytes_in }
    }

    #[expect(clippy::too_many_arguments, reason = "one image's belongings on their way, used once")]
    fn capture(
        &self,
        worker: &mut Worker,
        turn: u64,
        image: SourceImage,
        (bytes, digest, origin): (Vec<u8>, [u8; 32], Origin),
        stamp: Stamp,
        budget: &Budget,
        stages: &mut Stages,
        beside: Option<&Beside<'_>>,
    ) -> End {
        let mask = self.options.mask.of(image.listed());
        let clerk = Clerk { keys: self.keys, site: self.site, effort: self.options.effort, mask };
        let sight = worker.observer.examine(&bytes, &self.options.limits, budget, stages, |examined, stages| {
            if let Some(beside) = beside {
                // First, so that the samples are the record's alone when it is made.
                beside(&image, examined.clone());
            }
            clerk.sight(examined, stages)
        });
        let (mut sight, fault) = match sight {
            Ok(sight) => (Some(sight), None),
            Err(unreadable) => (None, Some(unreadable)),
        };
        let regions = sight.as_ref().map_or(0, |sight| sight.regions());
        let further = sight.as_ref().is_some_and(|sight| sight.has_further());
        let lettering = sight.as_mut().and_then(|sight| sight.lettering());
        let record = Box::new(clerk.record(image, bytes, digest, sight));
        End::Record { turn, origin, stamp, record, regions, further, lettering, fault }
    }
}

/// The receiving end: one thread appends, commits, deletes and counts.
struct Sealing<'s, S: RecordSink> {
    options: &'s Options,
    progress: &'s dyn Progress,
    sink: &'s mut S,
    known: &'s S::Known,
    claims: &'s Claims,
    summary: Summary,
    /// Captures, bytes and files since the last commit.
    captures: u64,
    bytes: u64,
    since: Option<Instant>,
    files: Vec<Sealed>,
    /// What is to be counted once it is durable.
    awaited: Vec<(Origin, Awaited)>,
    /// Below which the files have their names.
    base: PathBuf,
}

/// A file that may be deleted once all before it is durable.
struct Sealed {
    path: PathBuf,
    name: PathBuf,
    stamp: Stamp,
    origin: Origin,
    unlisted: bool,
}

impl<'s, S: RecordSink> Sealing<'s, S> {
    fn new(ingest: &'s Ingest<'_>, sink: &'s mut S, known: &'s S::Known, claims: &'s Claims, base: PathBuf) -> Self {
        let Ingest { options, progress, .. } = *ingest;
        Self {
            options,
            progress,
            sink,
            known,
            claims,
            summary: Summary::default(),
            captures: 0,
            bytes: 0,
            since: None,
            files: Vec::new(),
            awaited: Vec::new(),
            base,
        }
    }

    fn receive(&mut self, arrival: Arrival<Done>) -> Result<(), S::Error> {
        match arrival {
            Arrival::Idle => {}
            Arrival::Fault(path, fault) => {
                self.summary.failed += u64::from(fault.is_loss());
                self.progress.note(&path, &Note::Skipped(fault));
            }
            Arrival::Image(done) => {
                self.image(done)?;
                self.progress.image();
            }
        }
        let options = self.options;
        if self.bytes >= options.commit_bytes
            || self.since.is_some_and(|since| since.elapsed() >= options.commit_interval)
        {
            self.commit()?;
        }
        Ok(())
    }

    fn image(&mut self, done: Done) -> Result<(), S::Error> {
        let weight = done.weight();
        let Done { path, name, unlisted, film, end, stages, bytes_in } = done;
        self.summary.images += 1;
        self.summary.bytes_in += bytes_in;
        self.summary.stages.add(&stages);
        let (origin, stamp) = match end {
            End::NotLoaded(error) => {
                self.summary.failed += 1;
                self.progress.note(&path, &Note::NotLoaded(error));
                return Ok(());
            }
            End::Duplicate { origin, stamp, fault } => {
                if let Some(fault) = fault.filter(|_| !self.known.is_unreadable(&origin)) {
                    self.summary.failed += 1;
                    self.progress.note(&path, &Note::Unreadable(fault));
                }
                self.skip(&path, &origin, film != Some(false));
                (origin, stamp)
            }
            End::Record { turn, origin, stamp, record, regions, further, lettering, fault } => {
                let wanted = self.options.allow_duplicates || !self.known.knows(&origin);
                if let Some((size, rows)) = &lettering {
                    self.summary.lettering.add(*size, rows);
                }
                if wanted {
                    let otherwise = self.known.is_in_otherwise(&origin);
                    let counted = Counted {
                        again: self.known.lost(&origin),
                        otherwise: otherwise.then(|| name.to_string_lossy().into_owned()),
                        regions,
                        further,
                        unreadable: fault.is_some(),
                        ..Counted::of(&record)
                    };
                    // What is there already and sealed once more was taken only where the sink says so.
                    let held = self.known.is_durable(&origin);
                    let taken = timed(&mut self.summary.stages.seal, || self.sink.append(*record, &origin));
                    if taken.is_ok() || !held {
                        self.awaited.push((origin.clone(), Awaited::Capture(Box::new(counted))));
                    }
                    taken?;
                    self.captures += 1;
                    self.bytes += weight;
                    if let Some(fault) = fault {
                        self.progress.note(&path, &Note::Unreadable(fault));
                    }
                } else {
                    self.skip(&path, &origin, film != Some(false));
                }
                self.claims.release(&origin.capture(), turn);
                (origin, stamp)
            }
        };
        if self.options.consume.is_some() && film == Some(true) {
            // Between its frames there is more, and its sound.
            self.summary.not_consumed += 1;
            self.progress.note(&path, &Note::NotConsumed(ConsumeError::Film));
        } else if self.options.consume.is_some() && film.is_none() {
            self.files.push(Sealed { path, name, stamp, origin, unlisted });
        }
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// An image that the vault holds already. Of a film's frames, one is named for all.
    fn skip(&mut self, path: &Path, origin: &Origin, aloud: bool) {
        let (copy, unreadable) = (self.known.is_copy(origin), self.known.is_unreadable(origin));
        // Where it is to be deleted, it is said there why it is not.
        if aloud && copy && self.options.consume.is_none() {
            self.progress.note(path, &Note::Copy);
        }
        if unreadable {
            self.progress.note(path, &Note::KnownUnreadable);
        }
        let duplicate = Awaited::Duplicate { copy, unreadable };
        if self.known.is_durable(origin) {
            self.summary.add(duplicate);
        } else {
            self.awaited.push((origin.clone(), duplicate));
        }
    }

    /// Counts what has become durable of all that was taken, whatever failed behind it. The rest was never sealed.
    fn count(&mut self) {
        for (origin, awaited) in self.awaited.drain(..) {
            if self.known.is_durable(&origin) {
                self.summary.add(awaited);
            }
        }
    }

    /// Makes durable what was appended, and only then deletes the files that it came from.
    fn commit(&mut self) -> Result<(), S::Error> {
        if self.captures > 0 {
            timed(&mut self.summary.stages.seal, || self.sink.commit())?;
        }
        (self.captures, self.bytes, self.since) = (0, 0, None);
        self.count();
        let Some(consume) = &self.options.consume else { return Ok(()) };
        for Sealed { path, name, stamp, origin, unlisted } in self.files.drain(..) {
            let allowed = match unlisted {
                true => Err(ConsumeError::Unlisted),
                false => consume.allows(self.known.holding(&origin), &stamp),
            };
            match allowed.and_then(|()| consume.delete(&self.base, &name, &stamp)) {
                Ok(()) => self.summary.consumed += 1,
                Err(error) => {
                    match &error {
                        ConsumeError::Young => self.summary.young += 1,
                        _ => self.summary.not_consumed += 1,
                    }
                    self.progress.note(&path, &Note::NotConsumed(error));
                }
            }
        }
        Ok(())
    }
}
