//! A folder of photographs goes in, sealed captures come out: in parallel, in bounded memory, in the order of names.
//!
//! Owns the way of an image through all stages, duplicates, interrupts, and the deletion of consumed files. Knows
//! neither how regions are found nor how records are sealed: [`Look`] and [`RecordSink`] are the seams. Prints nothing:
//! whoever calls hears through [`Progress`].
//!
//! No plaintext is ever written: an image is read, held in memory by one worker until it is a record, and handed to the
//! sink. What cannot be examined is handed over whole, without a scene, as [`Unreadable`].

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::capture::Effort;
use crate::frame::Limits;

mod captures;
mod choice;
mod consume;
mod doubts;
mod examine;
mod examiner;
mod eyes;
mod film;
mod ingest;
mod inspect;
mod lanes;
mod lettering;
mod record;
mod several;
mod sink;
mod source;
mod summary;
mod tables;
mod taken;
mod texts;
mod unread;

pub use captures::{CAPTURES_FILE, COLUMNS, Captures, CapturesError};
pub use choice::{Boxes, Choice, Copied};
pub use consume::{Consume, ConsumeError};
pub use examine::{Examined, EyesFactory, Look, Unreadable};
pub use examiner::{Examiner, Examiners};
pub use eyes::TrainedEyes;
pub use film::{Film, FilmError, Filmed, FrameFault, copy_avi, copy_via};
pub use ingest::{Beside, Ingest, IngestError, Note, Progress};
pub use inspect::{Inspected, inspect, inspect_one};
pub use lettering::{Lettered, Lettering};
pub use record::face_crop;
pub use several::Looked;
pub use sink::{Known, RecordSink};
pub use source::{LoadError, Source, SourceError, SourceFault, SourceImage};
pub use summary::{Stages, Summary, peak_rss_bytes};
pub use tables::{Named, Tables};
pub(crate) use texts::picture_in;
pub use unread::UnreadTable;

/// How wide the pipeline is and what it does with what it meets.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that read, decode, look and redact. Sealing has one more.
    pub workers: NonZeroUsize,
    /// How large an image may be.
    pub limits: Limits,
    /// Longest file that is taken into memory.
    pub max_file_bytes: u64,
    /// Most bytes of decoded pixels at once, over all workers. One image may exceed it alone.
    pub decoded_bytes: u64,
    /// Most bytes of files and records between reading and sealing. One image may exceed it alone.
    pub window_bytes: u64,
    /// Records are committed when they hold this many bytes …
    pub commit_bytes: u64,
    /// … or when the oldest of them has waited this long.
    pub commit_interval: Duration,
    /// Seal what was sealed before once more.
    pub allow_duplicates: bool,
    /// What scenes do not show, beside what is found.
    pub mask: Boxes,
    /// How hard the eyes look, for the record; `None` where nobody can say.
    pub effort: Option<Effort>,
    /// Delete each file when its record is committed.
    pub consume: Option<Consume>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            limits: Limits::default(),
            // Uncompressed, the largest picture within the limits has 600 MB.
            max_file_bytes: 1 << 30,
            // Sixty pictures of 720p, or five of 12 megapixels: more workers than any machine has, yet little memory.
            decoded_bytes: 192 << 20,
            // As much as comes in while a commit waits half a second for a disk, at six hundred images a second.
            window_bytes: 64 << 20,
            // A segment of this size writes in one go and holds some hundred captures.
            commit_bytes: 64 << 20,
            // What a crash may cost is what arrived in this time, and it is read again.
            commit_interval: Duration::from_secs(3),
            allow_duplicates: false,
            mask: Boxes::default(),
            effort: None,
            consume: None,
        }
    }
}

#[cfg(test)]
mod tests;
