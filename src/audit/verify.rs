//! Whether a log is whole: every entry, every tile, the checkpoint, and the order of things. Needs no key but the public
//! one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;

use super::entry::{Day, Entry, Finding, Verb, hour_of};
use super::head::{self, Head};
use super::keys::{self, DetailKeys};
use super::log::{AuditError, CHECKPOINT, LOCK, LOG_KEY};
use super::note::{Checkpoint, LogKey, NoteError};
use super::pending::Pending;
use super::tiles::{self, TileError, Tiles};
use super::tree::{self, Edge, Hash, TileId, WIDTH, leaf_hash};
use crate::files;
use crate::words::count;

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFault {
    /// The checkpoint is not this custodian's, or was altered.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// There is no checkpoint.
    #[error("the checkpoint is missing")]
    NoCheckpoint,
    /// A file of the tree is missing, has the wrong length, or cannot be read.
    #[error("{0}")]
    Tile(#[from] TileError),
    /// An entry is not the one that its tile has the hash of: changed, moved, repeated, or another one's.
    #[error("entry {index} is not the one that was signed")]
    EntryAltered {
        /// Which.
        index: u64,
    },
    /// A bundle has fewer or more entries than the tree.
    #[error("{} holds {} instead of {expected}", path.display(), count(*found as u64, "entry"))]
    EntryCount {
        /// Which bundle.
        path: PathBuf,
        /// What the tree has.
        expected: usize,
        /// What it holds.
        found: usize,
    },
    /// A tile is not the hash of what is below it.
    #[error("{} was altered", path.display())]
    TileAltered {
        /// Which.
        path: PathBuf,
    },
    /// The entries are not those of the checkpoint.
    #[error("the entries do not give the hash that was signed")]
    Root,
    /// The log has fewer entries than an earlier checkpoint.
    #[error("the log was cut: it has {}, and the earlier checkpoint {earlier}", count(*size, "entry"))]
    Truncated {
        /// What it has.
        size: u64,
        /// What it had.
        earlier: u64,
    },
    /// The log has another history than an earlier checkpoint.
    #[error("the log's history was rewritten: it does not begin as the earlier checkpoint's log of {}", count(*earlier, "entry"))]
    Forked {
        /// The earlier checkpoint's size.
        earlier: u64,
    },
    /// Nothing speaks for some days.
    #[error("nothing is on record from {} to {}, not even silence (before entry {index})", date(*from), date(*to))]
    Gap {
        /// The entry behind the gap.
        index: u64,
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
    /// Time went back, and no entry says so.
    #[error("entry {index} is older than the one before it")]
    ClockBack {
        /// Which.
        index: u64,
    },
    /// An entry is of a time that is yet to come.
    #[error("entry {index} is of the future")]
    Future {
        /// Which.
        index: u64,
    },
    /// A leaf is no entry.
    #[error("entry {index} is malformed")]
    Malformed {
        /// Which.
        index: u64,
    },
    /// The log does not begin with its beginning, or begins anew within.
    #[error("entry {index} is not where a log begins")]
    Beginning {
        /// Which.
        index: u64,
    },
    /// The log begins long after its keyring.
    #[error("the log begins on {}, and its keyring was made on {}: an earlier log is missing", date(*begun), date(*made))]
    LateBeginning {
        /// The day of the first entry.
        begun: Day,
        /// The day of the keyring.
        made: Day,
    },
    /// The file of failed unlocks is missing, altered, or of another time.
    #[error("{}", finding.says())]
    Pending {
        /// What is wrong with it.
        finding: Finding,
    },
    /// A file is not what its name says: cut, overwritten, or something else.
    #[error("{} is not a regular file of the form that belongs to its name", path.display())]
    NotOfItsForm {
        /// Which, below the log's folder.
        path: PathBuf,
    },
    /// The log does not speak for the last days.
    #[error("the log ends on {}: nothing speaks for the time since, {}", date(*last), count(u64::from(*days), "day"))]
    Stale {
        /// The day of the last entry.
        last: Day,
        /// Days since.
        days: Day,
    },
}

/// What is worth telling of a log that may be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditNote {
    /// The clock went back before this entry, which says so.
    ClockBack {
        /// Which.
        index: u64,
    },
    /// A writer found this and signed it.
    Finding {
        /// The entry.
        index: u64,
        /// What was found.
        finding: Finding,
    },
    /// This entry is of a date that somebody confirmed, and its day may have had no budget yet.
    DateConfirmed {
        /// Which.
        index: u64,
        /// The day.
        day: Day,
    },
    /// This file is not there, and need not be: what it holds is not of the log's record.
    Lacking {
        /// Which, below the log's folder.
        file: &'static str,
    },
    /// So many failed unlocks wait to be signed.
    Waiting {
        /// How many.
        entries: usize,
    },
}

/// What a log is held against.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// A checkpoint that was kept elsewhere, as the note that it was.
    pub since: Option<Vec<u8>>,
    /// The log must speak for all but so many days until now.
    pub max_age: Option<Day>,
    /// It is a copy of the log alone: what only the custodian needs may be left out of it, and nothing lies beside it.
    pub alone: bool,
}

/// What was found out about a log.
#[derive(Debug)]
#[non_exhaustive]
pub struct AuditReport {
    /// What the checkpoint says, when it is the custodian's.
    pub checkpoint: Option<Checkpoint>,
    /// Number of entries verified.
    pub entries: u64,
    /// Times of the first and the last, to the hour.
    pub period: Option<(Timestamp, Timestamp)>,
    /// What is wrong, in the order of the log.
    pub faults: Vec<AuditFault>,
    /// What is worth telling.
    pub notes: Vec<AuditNote>,
}

impl AuditReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Faults beyond these say nothing new.
const MAX_FAULTS: usize = 100;
/// Hours that the auditor's clock may be behind the custodian's.
const TOLERANCE: u32 = 1;

/// Verifies the log in `folder`, from its first entry to its last.
///
/// # Errors
///
/// Only when `folder` holds no log at all or a file of it cannot be read; what is wrong with it is in the report.
pub fn verify(folder: &Path, key: &LogKey, against: &Verification, now: Timestamp) -> Result<AuditReport, AuditError> {
    let mut report = AuditReport { checkpoint: None, entries: 0, period: None, faults: Vec::new(), notes: Vec::new() };
    let checkpoint = match files::read(&folder.join(CHECKPOINT), files::MAX_NOTE) {
        Ok(note) => Checkpoint::verify(&note, key).map_err(AuditFault::from),
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(reading(TileError::Io { path: CHECKPOINT.into(), source })?)
        }
        Err(_) if folder.join("tile").is_dir() || folder.join(super::pending::FILE_NAME).exists() => {
            Err(AuditFault::NoCheckpoint)
        }
        Err(_) => return Err(AuditError::NoLog { path: folder.to_owned() }),
    };
    let checkpoint = match checkpoint {
        Ok(checkpoint) => checkpoint,
        Err(fault) => {
            report.faults.push(fault);
            return Ok(report);
        }
    };
    report.checkpoint = Some(checkpoint);
    let entries = check_tree(folder, checkpoint, &mut report)?;
    check_sequence(&entries, now, against.max_age, &mut report);
    if let Some(note) = &against.since {
        check_since(folder, checkpoint, note, key, &mut report)?;
    }
    check_pending(folder, checkpoint, &mut report)?;
    check_beside(folder, key, against.alone, &mut report)?;
    report.faults.truncate(MAX_FAULTS);
    Ok(report)
}

/// One bundle and its tile of hashes.
struct Piece {
    /// The hash of each entry that the bundle holds.
    leaves: Vec<Hash>,
    /// Each entry, when it is one.
    entries: Vec<Option<Entry>>,
    faults: Vec<AuditFault>,
}

/// Hashes every entry, compares every tile, and gives the entries.
fn check_tree(
    folder: &Path,
    checkpoint: Checkpoint,
    report: &mut AuditReport,
) -> Result<Vec<Option<Entry>>, AuditError> {
    let Checkpoint { size, root } = checkpoint;
    let bundles: Vec<TileId> = TileId::all(size, 0).collect();
    let pieces: Vec<Piece> = bundles.par_iter().map(|&tile| check_bundle(folder, tile)).collect::<Result<_, _>>()?;
    let mut entries = Vec::new();
    let mut edge = Edge::empty();
    let mut above = Vec::new();
    for piece in pieces {
        report.faults.extend(piece.faults);
        entries.extend(piece.entries);
        for leaf in piece.leaves {
            above.extend(edge.push(leaf).into_iter().filter(|(tile, _)| tile.level > 0));
        }
    }
    report.entries = entries.len() as u64;
    if edge.size != size || edge.root() != root {
        // What is altered or missing was named, and says more.
        report.faults.extend(report.faults.is_empty().then_some(AuditFault::Root));
        return Ok(entries);
    }
    // Level 0 was compared with the entries; the levels above are compared with what the entries give.
    for (level, hashes) in (1..).zip(edge.levels.into_iter().skip(1)) {
        let tile = TileId::of(size, level, tree::complete(size, level) / WIDTH as u64);
        above.extend((!hashes.is_empty()).then_some((tile, hashes)));
    }
    for (tile, hashes) in above {
        match tiles::read_tile(folder, tile) {
            Ok(found) if found == hashes => {}
            Ok(_) => report.faults.push(AuditFault::TileAltered { path: tile.path() }),
            Err(error) => report.faults.push(reading(error)?),
        }
    }
    Ok(entries)
}

fn check_bundle(folder: &Path, tile: TileId) -> Result<Piece, AuditError> {
    let mut piece = Piece { leaves: Vec::new(), entries: Vec::new(), faults: Vec::new() };
    let bundle = tiles::read_bundle(folder, tile);
    let read = bundle.is_ok();
    match bundle {
        Ok(bundle) => {
            piece.leaves = bundle.iter().map(|entry| leaf_hash(entry)).collect();
            piece.entries = bundle.iter().map(|entry| Entry::from_bytes(entry)).collect();
        }
        Err(error) => piece.faults.push(reading(error)?),
    }
    let hashes = match tiles::read_tile(folder, tile) {
        Ok(hashes) => hashes,
        Err(error) => {
            piece.faults.push(reading(error)?);
            return Ok(piece);
        }
    };
    let first = tile.index * WIDTH as u64;
    let altered = piece.leaves.iter().zip(&hashes).zip(first..).filter(|((leaf, hash), _)| leaf != hash);
    piece.faults.extend(altered.map(|(_, index)| AuditFault::EntryAltered { index }));
    if read && piece.leaves.len() != hashes.len() {
        let (path, expected, found) = (tile.bundle_path(), hashes.len(), piece.leaves.len());
        piece.faults.push(AuditFault::EntryCount { path, expected, found });
    }
    Ok(piece)
}

/// A file that is missing or has the wrong form is a fault, and so is what is no file, or larger than any of its name; one that
/// cannot be read is a reason to stop.
fn reading(error: TileError) -> Result<AuditFault, AuditError> {
    match error {
        TileError::Io { path, source } if is_something_else(&source) => Ok(AuditFault::NotOfItsForm { path }),
        TileError::Io { .. } => Err(error.into()),
        TileError::Missing { .. } | TileError::Altered { .. } => Ok(error.into()),
    }
}

fn is_something_else(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::FileTooLarge | ErrorKind::InvalidInput | ErrorKind::IsADirectory)
}

/// Order, time, and that no day is without a word.
fn check_sequence(entries: &[Option<Entry>], now: Timestamp, max_age: Option<Day>, report: &mut AuditReport) {
    // A clock that was once ahead is no tampering where a later entry says that it went back.
    let acknowledged = entries.iter().rposition(|entry| {
        entry.as_ref().is_some_and(|entry| entry.verb == Verb::Clock && entry.hour <= hour_of(now) + TOLERANCE)
    });
    let acknowledged = acknowledged.map_or(0, |index| index as u64);
    let mut last: Option<&Entry> = None;
    for (index, entry) in (0..).zip(entries) {
        let Some(entry) = entry else {
            report.faults.push(AuditFault::Malformed { index });
            continue;
        };
        if (entry.verb == Verb::Begin) != (index == 0) {
            report.faults.push(AuditFault::Beginning { index });
        }
        if let Some(made) = entry.keyring_made.filter(|&made| index == 0 && entry.day() > made.saturating_add(1)) {
            report.faults.push(AuditFault::LateBeginning { begun: entry.day(), made });
        }
        if entry.hour > hour_of(now) + TOLERANCE && index >= acknowledged {
            report.faults.push(AuditFault::Future { index });
        }
        if let Some(finding) = entry.finding {
            report.notes.push(AuditNote::Finding { index, finding });
        }
        if entry.date_confirmed {
            report.notes.push(AuditNote::DateConfirmed { index, day: entry.day() });
        }
        if let Some(last) = last {
            if entry.hour < last.hour {
                match entry.verb {
                    Verb::Clock => report.notes.push(AuditNote::ClockBack { index }),
                    _ => report.faults.push(AuditFault::ClockBack { index }),
                }
            }
            // Days strictly between the two, of which a quiet entry may speak.
            let (from, to) = (last.day() + 1, entry.day().saturating_sub(1));
            if from <= to && entry.quiet.is_none_or(|(first, until)| first > from || until < to) {
                report.faults.push(AuditFault::Gap { index, from, to });
            }
        }
        last = Some(entry);
    }
    let first = entries.iter().flatten().next();
    report.period = first.zip(last).map(|(first, last)| (first.time(), last.time()));
    if let (Some(last), Some(max_age)) = (last, max_age) {
        let days = (hour_of(now) / 24).saturating_sub(last.day());
        if days > max_age {
            report.faults.push(AuditFault::Stale { last: last.day(), days });
        }
    }
}

fn check_since(
    folder: &Path,
    checkpoint: Checkpoint,
    note: &[u8],
    key: &LogKey,
    report: &mut AuditReport,
) -> Result<(), AuditError> {
    let earlier = match Checkpoint::verify(note, key) {
        Ok(earlier) => earlier,
        Err(error) => {
            report.faults.push(AuditFault::Checkpoint(error));
            return Ok(());
        }
    };
    if earlier.size > checkpoint.size {
        report.faults.push(AuditFault::Truncated { size: checkpoint.size, earlier: earlier.size });
        return Ok(());
    }
    match Tiles::open(folder, checkpoint).and_then(|tiles| tiles.extends(earlier)) {
        Ok(true) => {}
        Ok(false) => report.faults.push(AuditFault::Forked { earlier: earlier.size }),
        // What is missing or altered was named already.
        Err(TileError::Missing { .. } | TileError::Altered { .. }) if !report.is_sound() => {}
        Err(error) => report.faults.push(reading(error)?),
    }
    Ok(())
}

fn check_pending(folder: &Path, checkpoint: Checkpoint, report: &mut AuditReport) -> Result<(), AuditError> {
    let finding = match Pending::read(folder) {
        Ok(Some(pending)) if !pending.whole => Finding::PendingAltered,
        Ok(Some(pending)) if pending.size > checkpoint.size => {
            report.faults.push(AuditFault::Truncated { size: checkpoint.size, earlier: pending.size });
            return Ok(());
        }
        Ok(Some(pending)) => {
            let entries = pending.entries.len();
            report.notes.extend((entries > 0).then_some(AuditNote::Waiting { entries }));
            return Ok(());
        }
        Ok(None) => Finding::PendingAltered,
        Err(TileError::Missing { .. }) => Finding::PendingMissing,
        Err(error) => {
            report.faults.push(reading(error)?);
            return Ok(());
        }
    };
    report.faults.push(AuditFault::Pending { finding });
    Ok(())
}

/// The files beside the tree: each is there, and of its form as far as that can be told without a key.
fn check_beside(folder: &Path, key: &LogKey, alone: bool, report: &mut AuditReport) -> Result<(), AuditError> {
    type Form<'a> = &'a dyn Fn(&[u8]) -> bool;
    let is_key = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(LogKey::parse).as_ref() == Some(key);
    // What it holds, and whether it may be left out: of a copy, or at all.
    let files: [(&'static str, u64, Form<'_>, bool); 3] = [
        (keys::FILE_NAME, files::MAX_SETTINGS, &DetailKeys::may_be, alone),
        (LOG_KEY, files::MAX_NOTE, &is_key, alone),
        (LOCK, files::MAX_NOTE, &|bytes| bytes.is_empty(), true),
    ];
    for (file, most, form, may_lack) in files {
        match files::read_own(&folder.join(file), most) {
            Err(error) if error.kind() == ErrorKind::NotFound && may_lack => {
                report.notes.push(AuditNote::Lacking { file });
            }
            read => report.faults.extend(of_its_form(file.into(), read, form)?),
        }
    }
    if !alone {
        let read = files::read_own(&head::path_beside(folder), files::MAX_NOTE);
        report.faults.extend(of_its_form(Path::new("..").join(head::FILE_NAME), read, &Head::may_be)?);
    }
    Ok(())
}

/// What is wrong with a file, if anything is. One that cannot be read is a reason to stop.
fn of_its_form(
    path: PathBuf,
    read: std::io::Result<Vec<u8>>,
    form: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<AuditFault>, AuditError> {
    match read {
        Ok(bytes) if form(&bytes) => Ok(None),
        Ok(_) => Ok(Some(AuditFault::NotOfItsForm { path })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some(TileError::Missing { path }.into())),
        Err(source) => Ok(Some(reading(TileError::Io { path, source })?)),
    }
}

fn date(day: Day) -> String {
    let time = Timestamp::from_second(i64::from(day) * 86_400).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%d").to_string()
}
