//! A film becomes a blanked film: every frame is looked at, what was found is followed between frames, every frame is blanked.
//!
//! Owns the two passes and what is shown of a frame that could not be examined: nothing. Knows neither terminals nor names. In
//! the first pass, frames are decoded and looked at in parallel, and what was seen is kept, some bytes a frame, and no pixel. In
//! the second, each frame is decoded once more and blanked, and handed on in order.
//!
//! No frame is written anywhere but into the copy.

use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use super::Options;
use super::choice::Choice;
use super::examine::{EyesFactory, Observer, Unreadable, recall};
use super::lanes::{self, Arrival, Bounds, Budget, Supply};
use super::source::Found as Step;
use crate::capture::{Region, RegionKind};
use crate::geometry::Size;
use crate::redact::{self, RedactError, Style};
use crate::video::avi::{AviError, FourCc};
use crate::video::mjpeg::{self, MjpegError};
use crate::video::track::{Sighting, Tracker};
use crate::video::via::ViaError;
use crate::vision::Found;
use crate::words::count;

mod avi;
mod captures;
mod via;

pub use avi::copy_avi;
pub(super) use captures::{Captures, labelled};
pub use via::copy_via;

/// Most pixels of a film's frames: 8192 × 8192. Cameras have half of it, and a frame of one colour must fit into memory.
const MAX_PIXELS: u64 = 1 << 26;

/// How a film is copied.
pub struct Film<'f, 'e> {
    /// What it is called in its source.
    pub name: &'f Path,
    /// Makes each worker's eyes.
    pub eyes: &'e EyesFactory<'e>,
    /// What is blanked, and how.
    pub choice: &'f Choice,
    /// How.
    pub options: &'f Options,
    /// When this becomes true, the copy is given up.
    pub stop: &'f AtomicBool,
    /// Called after each frame that was looked at, from the calling thread.
    pub progress: &'f (dyn Fn() + Sync),
}

/// What a film's copy has become.
#[derive(Debug, Default)]
pub struct Filmed {
    /// Frames, and how many of them repeat the one before.
    pub frames: u64,
    /// See [`Filmed::frames`].
    pub repeated: u64,
    /// Plates that were seen and are blanked, counted on each frame.
    pub plates: u64,
    /// Faces, likewise.
    pub faces: u64,
    /// Areas that are blanked because frames before or after show something.
    pub followed: u64,
    /// Plates that were left legible, as was asked for, counted on each frame.
    pub legible: u64,
    /// Frames that could not be examined and are one colour, and the first of them with the reason.
    pub dark: u64,
    /// See [`Filmed::dark`].
    pub first_dark: Option<(u64, FrameFault)>,
    /// Streams that are not carried over: texts, a maker's own, covers.
    pub left_out: u64,
    /// Films beside the first that are not carried over.
    pub films_left_out: u64,
    /// Whether the film breaks off in the middle. All whole frames are in the copy.
    pub ends_early: bool,
    /// What `ffmpeg` had to say of it all the same: frames may be missing.
    pub complaint: Option<String>,
}

/// Why nothing of a frame is shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FrameFault {
    /// Its pictures cannot be told apart.
    #[error(transparent)]
    Chunk(#[from] MjpegError),
    /// A picture of it cannot be examined.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It is another one than was looked at.
    #[error("it changed while the film was read")]
    Changed,
}

/// Why a film has no copy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FilmError {
    /// The container.
    #[error(transparent)]
    Avi(#[from] AviError),
    /// Its frames are no JPEGs.
    #[error(
        "an AVI file whose pictures are coded as {0}, which is not Motion JPEG: it is copied with --via ffmpeg only"
    )]
    Codec(FourCc),
    /// A container that is not read here.
    #[error("a video ({0}), which is copied with --via ffmpeg only")]
    Unsupported(String),
    /// `ffmpeg`.
    #[error(transparent)]
    Via(ViaError),
    /// Nothing to be seen.
    #[error("it has no frame")]
    NoFrames,
    /// A size that no camera's frames have.
    #[error("frames of {}x{} pixels: the limit is {MAX_PIXELS} in all", .0.width, .0.height)]
    Size(Size),
    /// A frame that no camera writes.
    #[error("a frame of {}", count(u64::from(*.0), "byte"))]
    FrameTooLong(u32),
    /// It was written to while it was read.
    #[error("it changed while it was read")]
    Changed,
    /// What was asked for cannot be done on its frames.
    #[error(transparent)]
    Redact(RedactError),
    /// It cannot be read.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The copy cannot be written.
    #[error("the copy cannot be written")]
    Write(#[source] io::Error),
    /// [`Film::stop`] was set.
    #[error("interrupted")]
    Interrupted,
}

/// Frames from a film's first to its last. An empty one repeats the one before.
trait Reel: Send {
    fn next(&mut self) -> Option<io::Result<Vec<u8>>>;
}

/// What was seen on a frame.
struct Seen {
    /// Of its bytes.
    digest: [u8; 32],
    sightings: Vec<Sighting>,
    legible: u64,
    fault: Option<FrameFault>,
}

/// A frame and what the pass needs to know of it.
struct Shot<T> {
    bytes: io::Result<Vec<u8>>,
    known: T,
}

/// Frames with what is known of each.
struct Shots<'r, R, I> {
    reel: &'r mut R,
    known: I,
}

impl<R: Reel, T: Send, I: Iterator<Item = T> + Send> Supply for Shots<'_, R, I> {
    type Item = Shot<T>;

    fn next(&mut self) -> Option<Step<Self::Item>> {
        let bytes = self.reel.next()?;
        Some(Step::Image(Shot { bytes, known: self.known.next()? }))
    }

    fn length(shot: &Self::Item) -> u64 {
        shot.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
    }
}

impl<'e> Film<'_, 'e> {
    fn bounds(&self) -> Bounds {
        Bounds { workers: self.options.workers, window: self.options.window_bytes }
    }

    fn must_go_on(&self) -> Result<(), FilmError> {
        if self.stop.load(Ordering::Relaxed) { Err(FilmError::Interrupted) } else { Ok(()) }
    }

    /// The first pass: what is to be seen on each frame.
    fn watch(&self, reel: &mut impl Reel) -> Result<Vec<Seen>, FilmError> {
        let budget = Budget::new(self.options.decoded_bytes);
        let mut seen = Vec::new();
        lanes::run(
            &mut Shots { reel, known: std::iter::repeat(()) },
            &self.bounds(),
            self.stop,
            || Observer::new(self.eyes),
            |observer: &mut Observer<'e>, _, shot| shot.bytes.map(|bytes| self.look(observer, &bytes, &budget)),
            |_| 0,
            |arrival| {
                if let Arrival::Image(looked) = arrival {
                    seen.push(looked.map_err(FilmError::Read)?);
                    (self.progress)();
                }
                Ok::<_, FilmError>(())
            },
        )?;
        self.must_go_on()?;
        Ok(seen)
    }

    fn look(&self, observer: &mut Observer<'e>, chunk: &[u8], budget: &Budget) -> Seen {
        let digest = *blake3::hash(chunk).as_bytes();
        let mut seen = Seen { digest, sightings: Vec::new(), legible: 0, fault: None };
        if chunk.is_empty() {
            return seen;
        }
        let looked = mjpeg::fields(chunk).map_err(FrameFault::from).and_then(|fields| {
            // What is in one field is about there in the other.
            for field in fields {
                let found = observer.find(&field.file(chunk), &self.options.limits, budget)?;
                for Found { region, wide, oval } in found {
                    if self.choice.passes_over(&region) {
                        continue;
                    }
                    if self.choice.leaves(self.name, &region) {
                        seen.legible += 1;
                        continue;
                    }
                    let Region { kind, bounds, score, .. } = region;
                    seen.sightings.push(Sighting { kind, bounds, wide, oval, score });
                }
            }
            Ok(())
        });
        if let Err(fault) = looked {
            seen = Seen { sightings: Vec::new(), legible: 0, fault: Some(fault), ..seen };
        }
        seen
    }

    /// What is blanked on each frame: what was seen there, and what is followed there from other frames of its stream.
    fn follow(seen: &mut [Seen], stream_of: impl Fn(usize) -> usize, rates: &[f64], filmed: &mut Filmed) {
        for (stream, &rate) in rates.iter().enumerate() {
            let own: Vec<usize> = (0..seen.len()).filter(|&frame| stream_of(frame) == stream).collect();
            let sightings: Vec<_> = own.iter().map(|&frame| seen[frame].sightings.clone()).collect();
            let added = Tracker::of_rate(rate).added(&sightings);
            for (&frame, added) in own.iter().zip(added) {
                filmed.followed += added.len() as u64;
                seen[frame].sightings.extend(added);
            }
        }
    }

    /// The second pass: hands on every frame blanked, in order. `size` is that of frames which cannot be shown.
    fn blank(
        &self,
        reel: &mut impl Reel,
        seen: Vec<Seen>,
        size: Size,
        filmed: &mut Filmed,
        mut receive: impl FnMut(usize, Vec<u8>) -> Result<(), FilmError>,
    ) -> Result<(), FilmError> {
        if size.width == 0 || size.height == 0 || size.pixels() > MAX_PIXELS {
            return Err(FilmError::Size(size));
        }
        let budget = Budget::new(self.options.decoded_bytes);
        let flat = OnceLock::new();
        let flat = || -> Result<Vec<u8>, FilmError> {
            let made = flat.get_or_init(|| redact::flat(size, self.choice.manner.fill).ok());
            made.clone().ok_or(FilmError::Size(size))
        };
        let work = |(): &mut (), number: u64, shot: Shot<Seen>| {
            let (bytes, Seen { digest, sightings, fault, .. }) = (shot.bytes.map_err(FilmError::Read)?, shot.known);
            let fault = match fault {
                Some(fault) => fault,
                None if *blake3::hash(&bytes).as_bytes() != digest => FrameFault::Changed,
                None => match self.copy(&bytes, &sightings, &budget) {
                    Ok(copy) => return Ok((copy, None)),
                    // That is wrong on all of them.
                    Err(FrameFault::Unreadable(Unreadable::Redact(error @ RedactError::Outside { .. }))) => {
                        return Err(FilmError::Redact(error));
                    }
                    Err(fault) => fault,
                },
            };
            Ok((flat()?, Some((number, fault))))
        };
        let (count, mut done) = (seen.len(), 0);
        lanes::run(
            &mut Shots { reel, known: seen.into_iter() },
            &self.bounds(),
            self.stop,
            || (),
            work,
            |blanked| blanked.as_ref().map_or(0, |(copy, _)| copy.len() as u64),
            |arrival| {
                let Arrival::Image(blanked) = arrival else { return Ok::<_, FilmError>(()) };
                let (copy, fault) = blanked?;
                if let Some(fault) = fault {
                    filmed.dark += 1;
                    filmed.first_dark.get_or_insert(fault);
                }
                filmed.repeated += u64::from(copy.is_empty());
                receive(done, copy)?;
                done += 1;
                Ok(())
            },
        )?;
        self.must_go_on()?;
        filmed.frames = done as u64;
        if done == count { Ok(()) } else { Err(FilmError::Changed) }
    }

    /// A frame's chunk, blanked.
    fn copy(&self, chunk: &[u8], sightings: &[Sighting], budget: &Budget) -> Result<Vec<u8>, FrameFault> {
        if chunk.is_empty() {
            return Ok(Vec::new());
        }
        let fields = mjpeg::fields(chunk)?;
        let pictures: Result<Vec<_>, Unreadable> = fields
            .iter()
            .map(|field| {
                let found = sightings.iter().map(|&Sighting { kind, bounds, wide, oval, score }| Found {
                    region: Region { kind, bounds, score, reading: None },
                    wide,
                    oval,
                });
                let file = field.file(chunk);
                recall(&file, found.collect(), &self.options.limits, budget, |examined| {
                    Ok(self.choice.copy_in(Style::Solid, self.name, examined)?.bytes)
                })
            })
            .collect();
        Ok(mjpeg::chunk(pictures?, &fields))
    }
}

impl Filmed {
    /// Counts what was seen, before anything is added.
    fn count(&mut self, seen: &[Seen]) {
        for Seen { sightings, legible, .. } in seen {
            let plates = sightings.iter().filter(|sighting| sighting.kind == RegionKind::Plate).count();
            self.plates += plates as u64;
            // Heads, too: as moving pictures are told of, they are somebody all the same.
            self.faces += (sightings.len() - plates) as u64;
            self.legible += legible;
        }
    }
}
