//! The sealing vault: a site's side. It seals and cannot open, not even what it wrote a second ago.
//!
//! The order of writes makes every capture sealed exactly once, wherever the process or the power dies:
//!
//! 1. the segment, under `incoming/`, synced;
//! 2. the journal's intent with its digests, synced;
//! 3. the rename into `segments/`, which is the commit;
//! 4. the folder, synced;
//! 5. the journal's note that it happened, made durable with the next intent.
//!
//! Recovery counts an intent if and only if its segment exists. After any failed write the vault refuses to go on: what
//! is on the disk is then valid, and a new run finds out what that is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::card::CardError;
use super::files::{Entered, Files, Traces};
use super::head::{Departure, SiteState, StateError};
use super::journal::{self, Deed, Frame, JournalError, MAX_CAPTURES};
use super::layout::Layout;
use super::lock::Lock;
use super::record::{CaptureRecord, Status};
use super::recovery::JournalWriter;
use super::segment::{Drafted, SealedSegment, SegmentDraft};
use super::sieve::{Digest, Holder, Origin, Sieve};
use super::store::{Disk, Store};
use super::time::{ClockBehind, SiteTime};
use crate::capture::Circumstances;
use crate::custody::{PackError, Schedule, SealingKey, SitePack};
use crate::seal::{Capability, CustodyId, JournalId, SegmentId, VaultId};
use crate::words;

/// Whether a vault is made where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Make {
    /// Never: a mistyped path is refused.
    Never,
    /// Unless the site's state knows of a vault: one that is gone is not begun anew.
    #[default]
    First,
    /// Whatever the state knows.
    Always,
}

/// When a segment is full, and what else a site may choose.
#[derive(Clone, Debug)]
pub struct SealingOptions {
    /// A flush follows when the captures in memory reach this many bytes. 64 MiB: two fsyncs then cost nothing beside the
    /// encryption, and memory stays small.
    pub segment_bytes: u64,
    /// A flush follows when a capture has waited this long and another comes. Five seconds: what a power cut may undo.
    pub flush_after: Duration,
    /// Seal an original again although the journal knows it.
    pub allow_duplicates: bool,
    /// Go on in a vault whose journals do not name all of its segments, as after the loss of a journal. What those hold
    /// may then be sealed twice.
    pub adopt_unjournalled: bool,
    /// Whether to make the vault when there is none.
    pub make: Make,
    /// Where the site keeps how far it has sealed into which vault: a vault that does not hold all of it is refused, unless
    /// [`Self::adopt_unjournalled`]. Packs and terms end by the later of the clock and the time that stands there. `None` keeps
    /// nothing.
    pub state: Option<PathBuf>,
    /// The date (UTC) that somebody says is today's, where the clock says so too and is behind the state's time: that is then
    /// forgotten.
    pub confirmed: Option<Date>,
}

impl Default for SealingOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            flush_after: Duration::from_secs(5),
            allow_duplicates: false,
            adopt_unjournalled: false,
            make: Make::First,
            state: None,
            confirmed: None,
        }
    }
}

/// Captures cannot be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The pack is expired or not valid yet.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The pack is usable by the clock alone: the site has sealed when it had expired.
    #[error("{source}; this machine's clock says {clock:.0}, and the site has sealed on {latest:.0}")]
    Outlived {
        /// Why not.
        source: PackError,
        /// What the clock says.
        clock: Timestamp,
        /// When the site has sealed already.
        latest: Timestamp,
    },
    /// The vault belongs to another custodian than the pack.
    #[error("this vault belongs to custodian {vault}, and the site pack was issued by {pack}")]
    ForeignPack {
        /// Whose the vault is.
        vault: CustodyId,
        /// Who issued the pack.
        pack: CustodyId,
    },
    /// The folder holds something that is not a vault.
    #[error("{} exists and is not a vault", path.display())]
    NotAVault {
        /// The folder.
        path: PathBuf,
    },
    /// There is no vault, and none is to be made.
    #[error("there is no vault in {}", path.display())]
    NoVault {
        /// The folder.
        path: PathBuf,
    },
    /// There is no vault, and the site has sealed into one before.
    #[error("there is no vault in {}, and this site has sealed into another vault before", path.display())]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// The vault would lie in another vault, or beside a keyring.
    #[error("{} lies in a vault or in a custody folder", path.display())]
    Inside {
        /// The folder.
        path: PathBuf,
    },
    /// In the vault's folder, a link or a file has the name of one of its folders.
    #[error("{} is not a folder of this vault", path.display())]
    NotOurs {
        /// What is in its place.
        path: PathBuf,
    },
    /// The folder is an export, which nobody adds to.
    #[error("this vault is an export and takes no captures")]
    Export,
    /// The vault's card is unreadable.
    #[error("the vault's card cannot be used: {0}")]
    Card(#[from] CardError),
    /// Another process is writing into the vault.
    #[error("another process is writing into {}", path.display())]
    Locked {
        /// The vault.
        path: PathBuf,
    },
    /// A journal cannot be trusted.
    #[error("journal {journal} cannot be used: {source}")]
    Journal {
        /// Which.
        journal: JournalId,
        /// What is wrong with it.
        source: JournalError,
    },
    /// Segments exist that no journal names: a journal was lost or cut.
    #[error("{} in no journal, such as {example}", words::count(*count as u64, "segment"))]
    Unjournalled {
        /// How many.
        count: usize,
        /// One of them.
        example: SegmentId,
    },
    /// The class is not in the custodian's policy.
    #[error("the custodian's policy has no retention class {class:?}")]
    UnknownClass {
        /// The class.
        class: String,
    },
    /// The pack has no key for this class and time.
    #[error("the site pack has no {capability} key for class {class:?} at this time")]
    NoBucket {
        /// The class.
        class: String,
        /// For what.
        capability: Capability,
    },
    /// The vault does not hold what this site has sealed into it.
    #[error(transparent)]
    Departed(#[from] Departure),
    /// What this site has sealed cannot be looked up or kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file or folder cannot be written. The vault stays valid.
    #[error("cannot {deed} {}: {source}", path.display())]
    Store {
        /// What was to be done.
        deed: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An earlier write failed.
    #[error("an earlier write failed, and this run cannot seal any more")]
    Halted,
}

/// A segment that a site's journal names, and that does not hold what it should: its captures do not count as sealed, unless
/// it is only that it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is not there, and no tombstone says why.
    Missing(SegmentId),
    /// It is cut, altered, or another.
    Altered(SegmentId),
    /// The system does not let it be read. Its captures count as sealed, and no file is deleted for its sake.
    Unreadable(SegmentId),
}

impl Damage {
    /// Which segment.
    pub fn segment(&self) -> SegmentId {
        let (Self::Missing(segment) | Self::Altered(segment) | Self::Unreadable(segment)) = *self;
        segment
    }
}

/// What was sealed in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealTotals {
    /// Segments committed.
    pub segments: u64,
    /// Captures committed.
    pub captures: u64,
    /// Captures that were dropped because the vault has them.
    pub duplicates: u64,
    /// Bytes of the segments.
    pub bytes: u64,
}

/// A vault for writing.
pub struct SealingVault {
    files: Files,
    _lock: Lock,
    made: bool,
    vault: VaultId,
    schedule: Arc<Schedule>,
    journal: JournalWriter,
    state: Option<SiteState>,
    /// Whether the state begins with a vault that holds something already.
    unknown: bool,
    sieve: Sieve,
    damages: Vec<Damage>,
    strangers: Vec<PathBuf>,
    options: SealingOptions,
    pending: Vec<Pending>,
    totals: SealTotals,
    halted: bool,
}

/// Captures of one class that wait for their segment.
struct Pending {
    keys: Vec<SealingKey>,
    draft: SegmentDraft,
    digests: Vec<Digest>,
    since: Instant,
}

impl SealingVault {
    /// Opens the vault in `folder` for a site, or makes it where there is nothing. Cleans up after an interrupted run.
    ///
    /// # Errors
    ///
    /// See [`SealError`]. A folder that is refused stays as it was.
    pub fn open(folder: &Path, pack: &SitePack, options: SealingOptions) -> Result<Self, SealError> {
        Self::open_on(Box::new(Disk), folder, pack, options)
    }

    /// As [`Self::open`], writing through a store of the caller's choice.
    pub fn open_on(
        store: Box<dyn Store>,
        folder: &Path,
        pack: &SitePack,
        options: SealingOptions,
    ) -> Result<Self, SealError> {
        let files = Files { store, layout: Layout::new(folder) };
        let clock = files.store.now();
        pack.check_usable(clock)?;
        options.state.as_deref().map_or(Ok(()), |path| SiteState::check_place(path, folder))?;
        let mut state = options.state.as_deref().map(|path| SiteState::read(path, pack)).transpose()?;
        if options.confirmed == Some(clock.to_zoned(TimeZone::UTC).date())
            && let Some(state) = state.as_mut().filter(|state| state.latest() > Some(clock))
        {
            state.set_time(clock);
        }
        let time = SiteTime::new(clock, state.as_ref().and_then(SiteState::latest));
        time.check_usable(pack.schedule())?;
        let gone = options.make == Make::First && state.as_ref().is_some_and(|state| !state.is_empty());
        let mut traces = Traces::default();
        let entered = files.enter(pack, options.make != Make::Never && !gone, &mut traces).and_then(|entered| {
            let recovered = files.recover(&entered.card, pack, options.adopt_unjournalled, state.as_ref(), time)?;
            Ok((entered, recovered))
        });
        let (Entered { mut lock, card, made, strangers }, (sieve, journal, damages)) = match entered {
            Ok(entered) => entered,
            Err(error) => {
                traces.remove();
                return Err(match error {
                    SealError::NoVault { path } if gone => SealError::Gone { path },
                    error => error,
                });
            }
        };
        let unknown = !made && state.as_ref().is_some_and(|state| !state.knows(card.vault));
        if let Some(state) = &mut state {
            state.keep(card.vault, journal.head(), time.now()).inspect_err(|_| traces.remove())?;
            state.clear_strays();
        }
        lock.keep();
        Ok(Self {
            files,
            _lock: lock,
            made,
            vault: card.vault,
            schedule: Arc::clone(pack.schedule()),
            journal,
            state,
            unknown,
            sieve,
            damages,
            strangers,
            options,
            pending: Vec::new(),
            totals: SealTotals::default(),
            halted: false,
        })
    }

    /// Whether this run has made it.
    pub fn is_new(&self) -> bool {
        self.made
    }

    /// Whether the vault was there before and this site's state knew nothing of it: it was lost, or is kept from now on. What was
    /// cut off before, be it all, cannot be told.
    pub fn is_unknown_to_site(&self) -> bool {
        self.unknown
    }

    /// Whether the clock is behind what the site knows, by more than clocks drift: nothing counts as held then, so that no source
    /// is deleted.
    pub fn clock_behind(&self) -> Option<ClockBehind> {
        self.time().behind()
    }

    /// The time by the clock and by the state.
    fn time(&self) -> SiteTime {
        SiteTime::new(self.files.store.now(), self.state.as_ref().and_then(SiteState::latest))
    }

    /// Which vault it is.
    pub fn id(&self) -> VaultId {
        self.vault
    }

    /// Whether a capture is sealed or about to be.
    pub fn knows(&self, origin: &Origin) -> bool {
        self.sieve.knows(origin)
    }

    /// Segments that do not hold what they should: known from the beginning, or found when they were read back.
    pub fn damages(&self) -> Vec<Damage> {
        let found = self.sieve.disproven().into_iter().map(Damage::Altered);
        self.damages.iter().copied().chain(found).collect()
    }

    /// What lies in the vault's folder `incoming` and is not known to be the vault's: it stays.
    pub fn strangers(&self) -> &[PathBuf] {
        &self.strangers
    }

    /// A handle with which other threads ask the same.
    pub fn sieve(&self) -> Sieve {
        self.sieve.clone()
    }

    /// Takes a capture of which no table says anything; see [`Self::append_as`].
    pub fn append(&mut self, record: CaptureRecord) -> Result<(), SealError> {
        let origin = Origin::new(record.identity.blake3, &Circumstances::default(), &record.identity.source_name);
        self.append_as(record, &origin)
    }

    /// Takes a capture. It is durable after the next flush, of which [`Self::commit`] makes sure. A duplicate is counted
    /// and dropped.
    ///
    /// # Errors
    ///
    /// After [`SealError::UnknownClass`] the vault can go on; the capture was not taken.
    pub fn append_as(&mut self, record: CaptureRecord, origin: &Origin) -> Result<(), SealError> {
        if self.halted {
            return Err(SealError::Halted);
        }
        let time = self.time();
        time.check_usable(&self.schedule)?;
        let keys = self.keys_for(record.catalogue.class.as_deref(), time.now())?;
        let unreadable = record.catalogue.status == Status::Unreadable;
        let Some(digests) = self.sieve.admit(origin, unreadable, self.options.allow_duplicates) else {
            self.totals.duplicates += 1;
            return Ok(());
        };
        let same = |pending: &Pending| pending.keys.iter().map(|k| k.bucket).eq(keys.iter().map(|k| k.bucket));
        let at = self.pending.iter().position(same).unwrap_or_else(|| {
            let since = Instant::now();
            self.pending.push(Pending { keys, draft: SegmentDraft::default(), digests: Vec::new(), since });
            self.pending.len() - 1
        });
        let pending = &mut self.pending[at];
        pending.draft.push(Drafted::new(&record.catalogue, record.scene.as_ref(), Some(&record.identity)));
        pending.digests.extend(digests);
        self.flush_due()
    }

    /// Makes everything durable that was appended.
    pub fn commit(&mut self) -> Result<(), SealError> {
        while let Some(pending) = self.pending.pop() {
            self.flush(pending)?;
        }
        if self.halted { Err(SealError::Halted) } else { Ok(()) }
    }

    /// Commits and closes the vault.
    pub fn finish(mut self) -> Result<SealTotals, SealError> {
        self.commit()?;
        self.journal.sync()?;
        self.keep_head()?;
        Ok(self.totals)
    }

    fn keep_head(&mut self) -> Result<(), SealError> {
        // A clock that leaps while a run goes on does not outlast its pack.
        let (head, now) = (self.journal.head(), self.time().now().min(self.schedule.until()));
        self.state.as_mut().map_or(Ok(()), |state| Ok(state.keep(self.vault, head, now)?))
    }

    /// What this run has committed so far.
    pub fn totals(&self) -> SealTotals {
        self.totals
    }

    fn keys_for(&self, class: Option<&str>, now: Timestamp) -> Result<Vec<SealingKey>, SealError> {
        let class = self
            .schedule
            .class(class)
            .ok_or_else(|| SealError::UnknownClass { class: class.unwrap_or_default().to_owned() })?;
        let key = |capability| {
            let key = self.schedule.sealing_key(class, capability, now);
            key.cloned().ok_or_else(|| SealError::NoBucket { class: class.name.clone(), capability })
        };
        Capability::ALL.into_iter().map(key).collect()
    }

    /// Flushes what is full or has waited too long.
    fn flush_due(&mut self) -> Result<(), SealError> {
        loop {
            let total: u64 = self.pending.iter().map(|pending| pending.draft.plain_len()).sum();
            let due = if total >= self.options.segment_bytes {
                // The largest: it frees the most memory for one segment.
                (0..self.pending.len()).max_by_key(|&at| self.pending[at].draft.plain_len())
            } else {
                self.pending.iter().position(|pending| {
                    pending.since.elapsed() >= self.options.flush_after || pending.draft.captures() >= MAX_CAPTURES
                })
            };
            let Some(at) = due else { return Ok(()) };
            let pending = self.pending.swap_remove(at);
            self.flush(pending)?;
        }
    }

    /// Commits one segment. If that fails the vault is halted: what became of it, the next opening finds out.
    fn flush(&mut self, pending: Pending) -> Result<(), SealError> {
        if self.halted {
            return Err(SealError::Halted);
        }
        self.halted = true;
        let Pending { keys, draft, digests, .. } = pending;
        let sealed = self.files.write_segment(&draft, self.vault, &keys)?;
        drop(draft);
        let SealedSegment { id, trailer, bytes, captures } = sealed;
        let terms = keys.iter().filter_map(|key| Some(self.sieve.term(key.bucket, self.schedule.expiry(key.bucket)?)));
        let noted = digests.iter().copied().chain([self.sieve.mark(id)]).chain(terms).collect();
        let intent = Frame { deed: Deed::Intent, segment: id, trailer, digests: journal::padded(noted) };
        self.journal.append(&intent)?;
        self.journal.sync()?;
        self.files.name_segment(id)?;
        // Now that it has its name, and not before: the state is never ahead of the vault.
        self.keep_head()?;
        // From here on it is durable, whatever becomes of the note that says so.
        let originals = self.clock_behind().is_none();
        self.sieve.settle(Holder::found(id, trailer, originals, true), &digests);
        self.totals.segments += 1;
        self.totals.captures += captures as u64;
        self.totals.bytes += bytes;
        self.journal.append(&Frame::bare(Deed::Committed, id, trailer))?;
        self.halted = false;
        Ok(())
    }
}
