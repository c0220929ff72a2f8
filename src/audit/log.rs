//! The log itself: one writer at a time, and an entry is durable before its verb gives anything out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::egress::Allowance;
use super::entry::{Details, Entry, Finding, Verb, Verdict, hour_of, month_of};
use super::keys::{self, DetailKey, DetailKeys, PurposeTag};
use super::note::{Checkpoint, LogKey, NoteError};
use super::pending::{self, Pending};
use super::permit::Permit;
use super::tiles::{TileError, Tiles, bundle_bytes};
use super::tree::{self, Edge, TileId, WIDTH, leaf_hash, merkle};
use crate::custody::{Keyring, Month};
use crate::files;
use crate::seal::CustodyId;
use crate::vault::{Disk, Store};

/// The log's folder inside a custody folder.
const FOLDER: &str = "audit";
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The key that a verifier needs, beside the log for convenience: the verifier should have it from elsewhere.
pub(super) const LOG_KEY: &str = "vkey";
/// The purpose of records that leave without a stated one; a budget may name it.
pub const UNSTATED: &str = "unstated";
const LOCK: &str = "lock";
const INCOMING: &str = "incoming";

/// The log cannot be written or read. Nothing was put on record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// A file or folder cannot be read or written.
    #[error("the audit log: {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A part of the tree is missing or altered.
    #[error("the audit log: {0}")]
    Tile(#[from] TileError),
    /// The checkpoint is not this custodian's.
    #[error("the audit log: {0}")]
    Checkpoint(#[from] NoteError),
    /// The checkpoint is gone, and other files show that there was one.
    #[error("the audit log's checkpoint is missing")]
    NoCheckpoint,
    /// There is no log.
    #[error("there is no audit log in {}", path.display())]
    NoLog {
        /// The folder that was looked in.
        path: PathBuf,
    },
    /// The log once had more entries than it has now.
    #[error("the audit log was rolled back: it has {size} entries and once had {once}")]
    RolledBack {
        /// What it has.
        size: u64,
        /// What it had when failed unlocks were last signed in.
        once: u64,
    },
    /// The log is not the one beside the keyring.
    #[error("{} is not the log of this keyring, which is {}", path.display(), expected.display())]
    Elsewhere {
        /// Where the keyring's log is.
        expected: PathBuf,
        /// Where this one is.
        path: PathBuf,
    },
    /// A leaf of the tree is no entry.
    #[error("entry {index} of the audit log is not one that this version reads")]
    Entry {
        /// Which.
        index: u64,
    },
}

/// What is to be put on record.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// What is about to be done.
    pub verb: Verb,
    /// How many records it finds, opens, exports or removes.
    pub records: u64,
    /// Why; nothing for verbs that need no reason.
    pub purpose: Option<&'a str>,
    /// What only the custodian may read of it; time, purpose and generation are filled in.
    pub details: Details,
    /// Go on beyond the policy's budget. That takes a second slot, open.
    pub over_budget: bool,
}

/// What was put on record.
pub struct Recorded {
    /// The entry's place in the log.
    pub index: u64,
    /// Whether the verb may go on, and how.
    pub verdict: Verdict,
    /// What the policy allows, where it limits the verb.
    pub allowance: Option<Allowance>,
    /// Records that left on this day before, for this purpose.
    pub spent: u64,
    /// And for all purposes together.
    pub spent_in_total: u64,
    /// The log began anew on this day, so that nobody knows what left before: nothing more does without a second slot.
    pub began_anew: bool,
    permit: Permit,
}

impl Recorded {
    /// The right to go on; `None` when it was refused.
    pub fn permit(self) -> Option<Permit> {
        (self.verdict != Verdict::Refused).then_some(self.permit)
    }
}

/// A custodian's audit log.
pub struct AuditLog {
    store: Box<dyn Store>,
    folder: PathBuf,
}

impl AuditLog {
    /// The log of a custody folder.
    pub fn of(custody: &Path) -> Self {
        Self::on(Box::new(Disk), custody)
    }

    /// The same on another store.
    pub fn on(store: Box<dyn Store>, custody: &Path) -> Self {
        Self { store, folder: custody.join(FOLDER) }
    }

    /// The log whose files are in `folder` itself: a copy, to be read.
    pub fn at(folder: &Path) -> Self {
        Self { store: Box::new(Disk), folder: folder.to_owned() }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a look on record, durably; begins the log when there is none. Failed unlocks that wait are signed in before
    /// it, and days without any entry are signed for.
    ///
    /// # Errors
    ///
    /// See [`AuditError`]. Nothing may be given out then.
    pub fn record(&self, keyring: &Keyring, look: &Look<'_>) -> Result<Recorded, AuditError> {
        self.must_be_of(keyring)?;
        let (_lock, now) = self.lock()?;
        let mut writer = Writer::open(self, keyring, now)?;
        let purpose = look.purpose.or(look.verb.gives_out().then_some(UNSTATED));
        let tag = purpose.map(|purpose| writer.key.tag(purpose));
        let allowance = Allowance::of(keyring.policy(), look.verb, purpose);
        let overridden = look.over_budget && keyring.has_second();
        let (spent, spent_in_total) = allowance.map_or(Ok((0, 0)), |allowance| writer.spent(allowance, tag))?;
        let began_anew = allowance.is_some() && writer.began_anew()?;
        let verdict = match allowance {
            None => Verdict::Done,
            Some(_) if began_anew => Verdict::Refused,
            Some(allowance) => allowance.judge(spent, spent_in_total, look.records),
        };
        let verdict = if verdict == Verdict::Refused && overridden { Verdict::Overridden } else { verdict };
        let entry = Entry { records: look.records, verdict, purpose: tag, ..Entry::new(look.verb, hour_of(now)) };
        let mut details = look.details.clone();
        details.purpose = purpose.unwrap_or_default().to_owned();
        writer.add(entry, Some(details));
        let checkpoint = writer.finish()?;
        let permit = Permit::of(keyring, look);
        Ok(Recorded { index: checkpoint.size - 1, verdict, allowance, spent, spent_in_total, began_anew, permit })
    }

    /// An entry elsewhere than beside the keyring is none.
    fn must_be_of(&self, keyring: &Keyring) -> Result<(), AuditError> {
        let expected = keyring.folder().join(FOLDER);
        let real = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
        let same = expected == self.folder || (real(&expected).is_some() && real(&expected) == real(&self.folder));
        if same { Ok(()) } else { Err(AuditError::Elsewhere { expected, path: self.folder.clone() }) }
    }

    /// Signs what waits and the days without any entry, so that the log speaks until now.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn renew(&self, keyring: &Keyring) -> Result<Checkpoint, AuditError> {
        let (_lock, now) = self.lock()?;
        let mut writer = Writer::open(self, keyring, now)?;
        let today = hour_of(now) / 24;
        let quiet = Entry { quiet: Some((today, today)), ..Entry::new(Verb::Quiet, hour_of(now)) };
        // On a day that has an entry there is nothing to say.
        if writer.last.as_ref().is_some_and(|last| last.day() != today) {
            writer.add(quiet, None);
        }
        writer.finish()
    }

    /// Destroys the keys of the details of all months before one, and puts that on record. Says of how many months.
    ///
    /// Copies of the log's file `keys` that were made before still hold them.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn forget(&self, keyring: &Keyring, before: Month, details: Details) -> Result<usize, AuditError> {
        let (_lock, now) = self.lock()?;
        let mut writer = Writer::open(self, keyring, now)?;
        // What is needed to write on stays.
        let months = writer.keys.forget(before.min(month_of(now)));
        writer.keys_changed = months > 0;
        writer.add(Entry { records: months as u64, ..Entry::new(Verb::Forget, hour_of(now)) }, Some(details));
        writer.finish()?;
        Ok(months)
    }

    /// Puts a failed unlock on record, for the next unlock to sign. Without a log there is nothing to write to.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn record_failure(&self, details: &Details) -> Result<(), AuditError> {
        if !self.folder.is_dir() {
            return Err(AuditError::NoLog { path: self.folder.clone() });
        }
        let (_lock, now) = self.lock()?;
        let pending = Pending::read(&self.folder)?;
        let pending = pending.ok_or_else(|| TileError::Altered { path: pending::FILE_NAME.into() })?;
        let details = Details { time: now.as_millisecond(), ..details.clone() };
        Ok(pending.append(&*self.store, &self.folder, hour_of(now), &details)?)
    }

    /// The newest checkpoint as it is on disk: a signed note.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn note(&self) -> Result<Vec<u8>, AuditError> {
        match files::read(&self.folder.join(CHECKPOINT), files::MAX_NOTE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(AuditError::NoLog { path: self.folder.clone() })
            }
            read => read.map_err(|source| self.failed(CHECKPOINT, source)),
        }
    }

    fn failed(&self, path: impl AsRef<Path>, source: io::Error) -> AuditError {
        AuditError::Io { path: self.folder.join(path), source }
    }

    /// Waits for other writers to end, and then looks at the clock: their entries are not of a later time.
    fn lock(&self) -> Result<(File, Timestamp), AuditError> {
        let failed = |source| self.failed(LOCK, source);
        if !self.folder.is_dir() {
            self.store.create_folder(&self.folder).map_err(failed)?;
            let above = self.folder.parent().filter(|above| !above.as_os_str().is_empty());
            self.store.sync_folder(above.unwrap_or(Path::new("."))).map_err(failed)?;
        }
        let file = files::open_lock(&self.folder.join(LOCK)).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok((file, self.store.now()))
    }

    /// Replaces a file below the log's folder, whole and durably.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), AuditError> {
        let (incoming, target) = (self.folder.join(INCOMING), self.folder.join(path));
        let parent = target.parent().unwrap_or(&self.folder);
        let put = || {
            match self.store.remove(&incoming) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = self.store.create(&incoming)?;
            file.write_all(bytes)?;
            file.sync()?;
            drop(file);
            let new_folders = !parent.is_dir();
            self.store.create_folder(parent)?;
            self.store.rename(&incoming, &target)?;
            let above = parent.ancestors().skip(1).take_while(|above| new_folders && above.starts_with(&self.folder));
            std::iter::once(parent).chain(above).try_for_each(|folder| self.store.sync_folder(folder))
        };
        put().map_err(|source| self.failed(path, source))
    }
}

impl AuditLog {
    /// Removes the narrower versions of a tile that is full. They are of no use, and harmless where they stay.
    fn remove_partials(&self, tile: TileId) {
        let paths = [Some(tile.path()), (tile.level == 0).then(|| tile.bundle_path())];
        for path in paths.into_iter().flatten() {
            let folder = self.folder.join(TileId::partials(path));
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let _ = self.store.remove(&entry.path());
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

/// The log, locked and proven, about to grow.
struct Writer<'l> {
    log: &'l AuditLog,
    keyring: &'l Keyring,
    custody: CustodyId,
    now: Timestamp,
    keys: DetailKeys,
    month: Month,
    key: DetailKey,
    tree: Tiles<'l>,
    checkpoint: Checkpoint,
    /// The last entry of the log, the new ones included.
    last: Option<Entry>,
    new: Vec<Vec<u8>>,
    /// Whether months' keys are to be destroyed, which is done when that is on record.
    keys_changed: bool,
}

impl<'l> Writer<'l> {
    fn open(log: &'l AuditLog, keyring: &'l Keyring, now: Timestamp) -> Result<Self, AuditError> {
        let wrap = keyring.audit_key();
        let (custody, month) = (keyring.custody(), month_of(now));
        let found = DetailKeys::read(&log.folder, &wrap)?;
        let keys_lost = found.is_none();
        let mut keys = found.unwrap_or_default();
        let key = match keys.of(month) {
            Some(key) => key,
            None => {
                let key = keys.add(month);
                log.put(Path::new(keys::FILE_NAME), &keys.to_bytes(&wrap))?;
                key
            }
        };
        let pending = match Pending::read(&log.folder) {
            Err(TileError::Missing { .. }) => Err(Finding::PendingMissing),
            read => read?.ok_or(Finding::PendingAltered),
        };
        let begun = match log.note() {
            Ok(note) => Some(Checkpoint::verify(&note, &LogKey::of(keyring.verifying_key()))?),
            Err(AuditError::NoLog { .. }) if pending.as_ref().is_ok_and(|pending| pending.size > 0) => {
                return Err(AuditError::NoCheckpoint);
            }
            Err(AuditError::NoLog { .. }) => None,
            Err(error) => return Err(error),
        };
        let checkpoint = begun.unwrap_or(Checkpoint { size: 0, root: merkle(&[]) });
        let tree = Tiles::open(&log.folder, checkpoint)?;
        let mut writer = Self {
            log,
            keyring,
            custody,
            now,
            keys,
            month,
            key,
            tree,
            checkpoint,
            last: None,
            new: Vec::new(),
            keys_changed: false,
        };
        if begun.is_none() {
            writer.begin()?;
        } else {
            writer.last = Some(writer.entry(checkpoint.size - 1)?);
            writer.fold(pending, keys_lost)?;
        }
        Ok(writer)
    }

    fn begin(&mut self) -> Result<(), AuditError> {
        let key = LogKey::of(self.keyring.verifying_key());
        self.log.put(Path::new(LOG_KEY), format!("{key}\n").as_bytes())?;
        self.leave_pending(self.checkpoint)?;
        let made = hour_of(self.keyring.created()) / 24;
        let begin = Entry { keyring_made: Some(made), ..Entry::new(Verb::Begin, hour_of(self.now)) };
        self.add(begin, Some(Details::default()));
        Ok(())
    }

    /// Takes in the failed unlocks that wait, and what is wrong with the files beside the tree.
    fn fold(&mut self, pending: Result<Pending, Finding>, keys_lost: bool) -> Result<(), AuditError> {
        let mut findings = Vec::new();
        findings.extend(keys_lost.then_some(Finding::KeysLost));
        match pending {
            Err(finding) => findings.push(finding),
            Ok(pending) => match self.signed_of(&pending, keys_lost)? {
                Err(finding) => findings.push(finding),
                Ok(signed) => {
                    let mut whole = pending.whole;
                    for bytes in pending.entries.into_iter().skip(signed) {
                        let entry = Entry::from_bytes(&bytes).filter(|entry| self.could_have_waited(entry));
                        match entry {
                            Some(entry) => self.push(entry, bytes),
                            None => whole = false,
                        }
                    }
                    findings.extend((!whole).then_some(Finding::PendingAltered));
                }
            },
        }
        for finding in findings {
            self.add(Entry { finding: Some(finding), ..Entry::new(Verb::Finding, hour_of(self.now)) }, None);
        }
        Ok(())
    }

    /// How many of the file's entries are in the tree already, or why the file is not to be taken.
    ///
    /// Some are when the last writer died after it signed, before it left a new file.
    fn signed_of(&self, pending: &Pending, keys_lost: bool) -> Result<Result<usize, Finding>, AuditError> {
        let size = self.checkpoint.size;
        let root = if pending.size <= size { self.tree.root_at(pending.size)? } else { merkle(&[]) };
        let key = self.keys.of(pending.month);
        let ours = key.is_some_and(|key| pending.is_ours(&key, &root) || pending.size > size);
        if pending.custody != self.custody || !(ours || keys_lost) {
            return Ok(Err(Finding::PendingAltered));
        }
        if pending.size > size {
            return Err(AuditError::RolledBack { size, once: pending.size });
        }
        let mut signed = 0;
        let mut looks = 0;
        for index in pending.size..size {
            let leaf = self.leaf(index)?;
            match Entry::from_bytes(&leaf).map(|entry| entry.verb) {
                Some(Verb::UnlockFailed) if looks == 0 && pending.entries.get(signed) == Some(&leaf) => signed += 1,
                Some(Verb::Begin | Verb::Quiet | Verb::Clock | Verb::Finding) if looks == 0 => {}
                _ => looks += 1,
            }
            // One writer signs one look. Several have left files of their own since.
            if looks > 1 {
                return Ok(Err(Finding::PendingReplayed));
            }
        }
        Ok(Ok(signed))
    }

    /// Anybody can write into that file: nothing in it may set the log's clock.
    fn could_have_waited(&self, entry: &Entry) -> bool {
        let earliest = self.last.as_ref().map_or(0, |last| last.hour);
        entry.verb == Verb::UnlockFailed && (earliest..=hour_of(self.now)).contains(&entry.hour)
    }

    /// Makes an entry of now, with details under this month's key.
    fn add(&mut self, entry: Entry, details: Option<Details>) {
        let Some(mut details) = details else { return self.push(entry.clone(), entry.bare()) };
        details.time = self.now.as_millisecond();
        details.generation = self.keyring.generation();
        let entry = Entry { month: Some(self.month), ..entry };
        let bytes = entry.sealed(&details, &self.key, self.custody);
        self.push(entry, bytes);
    }

    /// Adds an entry, and before it what makes the sequence speak for every day, and of a clock that went back.
    fn push(&mut self, entry: Entry, bytes: Vec<u8>) {
        if let Some(last) = &self.last {
            if entry.hour < last.hour {
                self.new.push(Entry::new(Verb::Clock, entry.hour).bare());
            } else if entry.day() > last.day() + 1 {
                let quiet = Some((last.day() + 1, entry.day() - 1));
                self.new.push(Entry { quiet, ..Entry::new(Verb::Quiet, entry.hour) }.bare());
            }
        }
        self.new.push(bytes);
        self.last = Some(entry);
    }

    /// Records that went out today with this purpose's tag, and with any. Entries that claim a later day count too, so
    /// that a clock set forward and back again gives nobody a second budget.
    fn spent(&self, allowance: Allowance, tag: Option<PurposeTag>) -> Result<(u64, u64), AuditError> {
        let today = hour_of(self.now) / 24;
        let (mut spent, mut total) = (0u64, 0u64);
        for index in (0..self.checkpoint.size.div_ceil(WIDTH as u64)).rev() {
            let bundle = self.tree.bundle(index)?;
            for (at, leaf) in bundle.iter().enumerate().rev() {
                let index = index * WIDTH as u64 + at as u64;
                let entry = Entry::from_bytes(leaf).ok_or(AuditError::Entry { index })?;
                if entry.day() < today {
                    return Ok((spent, total));
                }
                if let Some(records) = allowance.counts(&entry) {
                    total = total.saturating_add(records);
                    spent = spent.saturating_add(if entry.purpose == tag { records } else { 0 });
                }
            }
        }
        Ok((spent, total))
    }

    /// Whether the log began today, or later, for a keyring that is older: who removes a log gets no second budget.
    fn began_anew(&self) -> Result<bool, AuditError> {
        let made = hour_of(self.keyring.created()) / 24;
        let begun = if self.checkpoint.size == 0 { hour_of(self.now) / 24 } else { self.entry(0)?.day() };
        Ok(begun >= hour_of(self.now) / 24 && begun > made.saturating_add(1))
    }

    fn leaf(&self, index: u64) -> Result<Vec<u8>, AuditError> {
        let mut bundle = self.tree.bundle(index / WIDTH as u64)?;
        // A proven bundle is as long as its tile.
        Ok(bundle.swap_remove((index % WIDTH as u64) as usize))
    }

    fn entry(&self, index: u64) -> Result<Entry, AuditError> {
        Entry::from_bytes(&self.leaf(index)?).ok_or(AuditError::Entry { index })
    }

    /// Writes the tree, then its checkpoint; what is only on its way to the tree when the power is cut is not in it.
    fn finish(self) -> Result<Checkpoint, AuditError> {
        let old = self.checkpoint;
        if self.new.is_empty() {
            return Ok(old);
        }
        let mut edge = self.tree.edge().clone();
        let mut bundle = self.tree.bundle(old.size / WIDTH as u64)?;
        let mut filled = Vec::new();
        for entry in &self.new {
            bundle.push(entry.clone());
            let tiles = edge.push(leaf_hash(entry));
            if let Some((tile, _)) = tiles.first() {
                self.log.put(&tile.bundle_path(), &bundle_bytes(&std::mem::take(&mut bundle)))?;
            }
            for (tile, hashes) in tiles {
                self.log.put(&tile.path(), hashes.as_flattened())?;
                filled.push(tile);
            }
        }
        self.write_partials(old.size, &edge, &bundle)?;

        let new = Checkpoint { size: edge.size, root: edge.root() };
        // Nothing is signed that contradicts what was signed before. Read back from the disk, by another implementation.
        if !Tiles::open(&self.log.folder, new)?.extends(old)? {
            return Err(TileError::Altered { path: CHECKPOINT.into() }.into());
        }
        self.log.put(Path::new(CHECKPOINT), new.sign(self.keyring).as_bytes())?;

        // From here on the entries are in the log, whatever happens.
        if self.keys_changed {
            self.log.put(Path::new(keys::FILE_NAME), &self.keys.to_bytes(&self.keyring.audit_key()))?;
        }
        self.leave_pending(new)?;
        for tile in filled {
            self.log.remove_partials(tile);
        }
        Ok(new)
    }

    fn write_partials(&self, old_size: u64, edge: &Edge, bundle: &[Vec<u8>]) -> Result<(), AuditError> {
        for (level, hashes) in (0..).zip(&edge.levels) {
            let count = tree::complete(edge.size, level);
            let tile = TileId::of(edge.size, level, count / WIDTH as u64);
            if hashes.is_empty() || count == tree::complete(old_size, level) {
                continue;
            }
            if level == 0 {
                self.log.put(&tile.bundle_path(), &bundle_bytes(bundle))?;
            }
            self.log.put(&tile.path(), hashes.as_flattened())?;
        }
        Ok(())
    }

    fn leave_pending(&self, checkpoint: Checkpoint) -> Result<(), AuditError> {
        let head = Pending::head(checkpoint, self.month, &self.key, self.custody);
        self.log.put(Path::new(pending::FILE_NAME), &head)
    }
}

#[cfg(test)]
mod tests;
