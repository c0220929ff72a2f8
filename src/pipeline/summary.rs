//! What a run did and what it took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::lettering::Lettering;
use super::tables::Named;
use crate::redact::Method;
use crate::vault::record::{CaptureRecord, CatalogueRecord};

/// Time spent in each stage, summed over all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Reading files and hashing them.
    pub read: Duration,
    /// Headers, and pixels or coefficients with reduced luma.
    pub decode: Duration,
    /// Finding regions.
    pub detect: Duration,
    /// Reading plates.
    pub read_plates: Duration,
    /// Deriving pseudonyms.
    pub pseudonym: Duration,
    /// Blanking and splicing or encoding scenes.
    pub redact: Duration,
    /// Waiting for the next image or for room.
    pub hand_over: Duration,
    /// Sealing and committing.
    pub seal: Duration,
}

impl Stages {
    /// All stages with their names, in the order in which an image passes them.
    pub fn all(&self) -> [(&'static str, Duration); 8] {
        [
            ("read", self.read),
            ("decode", self.decode),
            ("detect", self.detect),
            ("read_plates", self.read_plates),
            ("pseudonym", self.pseudonym),
            ("redact", self.redact),
            ("hand_over", self.hand_over),
            ("seal", self.seal),
        ]
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.decode += other.decode;
        self.detect += other.detect;
        self.read_plates += other.read_plates;
        self.pseudonym += other.pseudonym;
        self.redact += other.redact;
        self.hand_over += other.hand_over;
        self.seal += other.seal;
    }
}

/// Runs `work` and adds its time to `stage`.
pub(super) fn timed<T>(stage: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *stage += start.elapsed();
    result
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Image files met.
    pub images: u64,
    /// Captures committed, unreadable ones among them.
    pub sealed: u64,
    /// Images that the vault held already, or that the run had met already.
    pub skipped: u64,
    /// Of these, files whose bytes are sealed under another name, and that no row tells from those.
    pub copies: u64,
    /// Of these, captures that were sealed whole because they could not be examined.
    pub known_unreadable: u64,
    /// Captures sealed although an earlier segment held them: it is missing, damaged or expired.
    pub again: u64,
    /// Captures sealed although their bytes were sealed already, when the table said nothing of them or they could not be
    /// examined: nobody removes what was sealed then.
    pub otherwise: Named,
    /// Captures whose scene is the original's own bits but for flat areas.
    pub spliced: u64,
    /// Captures whose scene was decoded, filled and coded anew.
    pub recoded: u64,
    /// Captures sealed whole because they could not be examined.
    pub unreadable: u64,
    /// Captures in whose files the picture is followed by variants of it, which the scene does not show.
    pub further: u64,
    /// Files and folders that could not be read from disk, and files that are not treated: videos, and what is neither a picture
    /// nor text. They are not in the vault.
    pub failed: u64,
    /// Files that show nobody: text, and what systems and this program keep beside images.
    pub ignored: u64,
    /// Files deleted after their records were committed.
    pub consumed: u64,
    /// Files that should have been deleted and were not.
    pub not_consumed: u64,
    /// Files that were changed too recently to be deleted.
    pub young: u64,
    /// Captures whose table names another site than that of the pack, by that name.
    pub other_sites: BTreeMap<String, u64>,
    /// Regions blanked.
    pub regions: u64,
    /// Rows of letters on captures on which a plate was read, by place.
    pub lettering: Lettering,
    /// Captures whose time neither a table nor the camera tells.
    pub without_time: u64,
    /// Captures by the retention class that a table names for them.
    pub classes: BTreeMap<Option<String>, u64>,
    /// Bytes of all image files that were read.
    pub bytes_in: u64,
    /// Wall-clock time.
    pub elapsed: Duration,
    /// Time by stage, over all threads.
    pub stages: Stages,
    /// Whether the run was stopped before its source was exhausted.
    pub interrupted: bool,
}

/// What there is to count of an image that was handed to the sink, or is a duplicate of one, once that is durable: what never
/// becomes so was not sealed.
pub(super) enum Awaited {
    Capture(Box<Counted>),
    Duplicate { copy: bool, unreadable: bool },
}

/// A capture's share in the summary.
#[derive(Default)]
pub(super) struct Counted {
    pub again: bool,
    /// The file's name, where its bytes were sealed under other circumstances.
    pub otherwise: Option<String>,
    pub regions: u64,
    pub further: bool,
    pub unreadable: bool,
    pub class: Option<String>,
    /// The site by the table, where it is another than the pack's.
    pub other_site: Option<String>,
    pub timeless: bool,
    /// How its scene was made, if it has one.
    pub scene: Option<Method>,
}

impl Counted {
    pub fn of(record: &CaptureRecord) -> Self {
        let CatalogueRecord { site, sealed_by, class, captured_at, .. } = &record.catalogue;
        let method = Method::from_code(record.identity.method).unwrap_or(Method::Whole);
        Self {
            class: class.clone(),
            other_site: site.clone().filter(|_| site != sealed_by),
            timeless: captured_at.is_none(),
            scene: record.scene.as_ref().map(|_| method),
            ..Self::default()
        }
    }
}

impl Summary {
    /// Adds what is durable. How many captures were sealed, the sink says.
    pub(super) fn add(&mut self, awaited: Awaited) {
        let counted = match awaited {
            Awaited::Capture(counted) => *counted,
            Awaited::Duplicate { copy, unreadable } => {
                self.skipped += 1;
                self.copies += u64::from(copy);
                self.known_unreadable += u64::from(unreadable);
                return;
            }
        };
        let Counted { again, otherwise, regions, further, unreadable, class, other_site, timeless, scene } = counted;
        self.again += u64::from(again);
        otherwise.iter().for_each(|name| self.otherwise.add(name));
        self.regions += regions;
        self.further += u64::from(further);
        self.unreadable += u64::from(unreadable);
        *self.classes.entry(class).or_default() += 1;
        other_site.into_iter().for_each(|site| *self.other_sites.entry(site).or_default() += 1);
        self.without_time += u64::from(timeless);
        match scene {
            Some(Method::Spliced) => self.spliced += 1,
            Some(Method::Whole) => self.recoded += 1,
            None => {}
        }
    }

    /// Images looked at in a second: what was skipped or could not be read says nothing about that.
    pub fn images_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        let looked_at = self.images.saturating_sub(self.skipped + self.failed);
        if seconds > 0.0 { looked_at as f64 / seconds } else { 0.0 }
    }

    /// The same rate over a day.
    pub fn images_per_day(&self) -> f64 {
        self.images_per_second() * 86_400.0
    }

    /// Whether everything that was met is in the vault, examined, and gone from the source if it should be.
    pub fn all_went_well(&self) -> bool {
        self.unreadable == 0 && self.known_unreadable == 0 && self.failed == 0 && self.not_consumed == 0
    }
}

/// The most memory that this process has held, in bytes, where the system tells (Linux).
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    kilobytes.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
