//! The log itself: one writer at a time, and an entry is durable before its verb gives anything out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::egress::{Allowance, weight};
use super::entry::{Day, Details, Entry, Verb, Verdict, hour_of};
use super::head::{self, Leap};
use super::keys;
use super::note::{Checkpoint, LogKey, NoteError};
use super::pending::{self, Pending};
use super::permit::Permit;
use super::records::Records;
use super::tiles::TileError;
use super::tree::TileId;
use super::who::Who;
use super::writer::Writer;
use crate::capture::{from_base32, to_base32};
use crate::custody::{Keyring, KeyringError, Month, PurposeError, fold_of_before, fold_purpose};
use crate::files;
use crate::seal::random;
use crate::vault::{Disk, Store};
use crate::words::count;

/// The log's folder inside a custody folder.
const FOLDER: &str = "audit";
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The key that a verifier needs, beside the log for convenience: the verifier should have it from elsewhere.
pub(super) const LOG_KEY: &str = "vkey";
/// The purpose of records that leave without a stated one; a budget may name it.
pub const UNSTATED: &str = "unstated";
pub(super) const LOCK: &str = "lock";
/// Before an id, what is being written. A name that nothing has: what lies there is nobody's to replace.
const INCOMING: &str = "incoming-";

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
    #[error("the audit log was rolled back: it has {} and once had {once}", count(*size, "entry"))]
    RolledBack {
        /// What it has.
        size: u64,
        /// What it had when it was last written.
        once: u64,
    },
    /// The log's history is not the one that it had.
    #[error("the audit log was rewritten: its beginning is not what it was, at {}", count(*once, "entry"))]
    Rewritten {
        /// How many it had when it was last written.
        once: u64,
    },
    /// The keyring is an older copy, put in the place of the one that the log knows.
    #[error(
        "this keyring is an older copy: it has generation {generation}, and the audit log knows of generation {once}"
    )]
    OlderKeyring {
        /// The keyring's.
        generation: u64,
        /// The latest that there was.
        once: u64,
    },
    /// Something else bears a name that is the log's: a folder, a link or a device in place of a file, a link in place of a
    /// folder.
    #[error("the audit log: {} is not the log's own: it is a link, or neither a regular file nor a folder where one belongs", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// The log is not the one beside the keyring.
    #[error("{} is not the log of this keyring, which is {}", path.display(), expected.display())]
    Elsewhere {
        /// Where the keyring's log is.
        expected: PathBuf,
        /// Where this one is.
        path: PathBuf,
    },
    /// The purpose cannot be used.
    #[error(transparent)]
    Purpose(#[from] PurposeError),
    /// It takes both holders.
    #[error("under dual control, what the log says is forgotten by two holders only")]
    SecondNeeded,
    /// The policy keeps what should be forgotten.
    #[error("the policy keeps the details of {earliest} and later, by the time that the log has reached")]
    Kept {
        /// What was asked: all months before this one.
        before: Month,
        /// The first month that is kept.
        earliest: Month,
    },
    /// The keyring that should know of the log cannot be written.
    #[error(transparent)]
    Keyring(Box<KeyringError>),
    /// A leaf of the tree is no entry.
    #[error("entry {index} of the audit log is not one that this version reads")]
    Entry {
        /// Which.
        index: u64,
    },
}

/// What is to be put on record.
#[derive(Clone)]
pub struct Look<'a> {
    /// What is about to be done.
    pub verb: Verb,
    /// How many records it finds, opens, exports or removes, and which.
    pub records: Records,
    /// Why; nothing for verbs that need no reason.
    pub purpose: Option<&'a str>,
    /// What only the custodian may read of it; time, purpose, records and generation are filled in.
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
    /// What it counts as.
    pub cost: u64,
    /// What counted on this day before, for this purpose.
    pub spent: u64,
    /// And for all purposes together.
    pub spent_in_total: u64,
    /// The log began anew on this day, so that nobody knows what left before: nothing more does without a second slot.
    pub began_anew: bool,
    /// The clock is ahead of all that is known, so that nobody knows whether this is another day: nothing leaves that is
    /// counted by the day, and nothing is dated by it, until the date is confirmed.
    pub leap: Option<Leap>,
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
    pub(super) store: Box<dyn Store>,
    pub(super) folder: PathBuf,
    /// The date that somebody confirmed.
    confirmed: Option<Day>,
}

impl AuditLog {
    /// The log of a custody folder.
    pub fn of(custody: &Path) -> Self {
        Self::on(Box::new(Disk), custody)
    }

    /// The same on another store.
    pub fn on(store: Box<dyn Store>, custody: &Path) -> Self {
        Self { store, folder: custody.join(FOLDER), confirmed: None }
    }

    /// The log whose files are in `folder` itself: a copy, to be read.
    pub fn at(folder: &Path) -> Self {
        Self { store: Box::new(Disk), folder: folder.to_owned(), confirmed: None }
    }

    /// The same, with a date (UTC) that somebody says is today's, against a clock that has leapt. Under dual control that
    /// takes both holders.
    pub fn confirming(self, today: Option<jiff::civil::Date>) -> Self {
        let day = |date: jiff::civil::Date| hour_of(date.to_zoned(TimeZone::UTC).ok()?.timestamp()).checked_div(24);
        Self { confirmed: today.and_then(day), ..self }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins the log of a keyring that was just made, and lets the keyring know: from then on a log that is gone is one that
    /// was removed.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn begin(&self, keyring: &mut Keyring) -> Result<(), AuditError> {
        self.must_be_of(keyring)?;
        self.renew(keyring)?;
        keyring.remember_log().map_err(|error| AuditError::Keyring(Box::new(error)))
    }

    /// Puts a look on record, durably; begins the log when there is none. Failed unlocks that wait are signed in before
    /// it, and days without any entry are signed for.
    ///
    /// # Errors
    ///
    /// See [`AuditError`]. Nothing may be given out then.
    pub fn record(&self, keyring: &Keyring, look: &Look<'_>) -> Result<Recorded, AuditError> {
        Ok(self.put_on_record(keyring, look, false)?.expect("an entry, whatever is left"))
    }

    /// Puts a refusal on record where nothing is left of the day's budget, before anything is looked up: a later one would
    /// tell whether there was anything to find. `None`, and no entry, where something is left.
    ///
    /// # Errors
    ///
    /// See [`AuditError`]. Nothing may be looked up then.
    pub fn refuse_at_once(&self, keyring: &Keyring, look: &Look<'_>) -> Result<Option<Recorded>, AuditError> {
        self.put_on_record(keyring, look, true)
    }

    fn put_on_record(
        &self,
        keyring: &Keyring,
        look: &Look<'_>,
        where_nothing_is_left: bool,
    ) -> Result<Option<Recorded>, AuditError> {
        self.must_be_of(keyring)?;
        let purpose = look.purpose.or(look.verb.gives_out().then_some(UNSTATED));
        let folded = purpose.map(fold_purpose).transpose()?;
        let overridden = look.over_budget && keyring.has_second();
        let (_lock, clock) = self.lock(Some(keyring))?;
        let mut writer = Writer::open(self, keyring, clock, overridden)?;
        let now = writer.now();
        let tag = folded.as_deref().map(|purpose| writer.key.tag(purpose));
        // What an earlier version wrote today counts too.
        let tag_of_before = purpose.map(|purpose| writer.key.tag(&fold_of_before(purpose)));
        // An assessment that lists nobody counts towards nothing.
        let counts = look.verb != Verb::Impact || look.records.count() > 0;
        let allowance = Allowance::of(keyring.policy(), look.verb, folded.as_deref()).filter(|_| counts);
        let leap = writer.leap();
        let (spent, spent_in_total) =
            allowance.map_or(Ok((0, 0)), |allowance| writer.spent(allowance.of, &[tag, tag_of_before]))?;
        let began_anew = allowance.is_some() && writer.began_anew()?;
        let barred = began_anew || leap.is_some_and(|_| allowance.is_some() || look.verb.writes_dates());
        let left = match allowance {
            _ if barred => 0,
            None => u64::MAX,
            Some(allowance) => allowance.left(spent, spent_in_total),
        };
        if where_nothing_is_left && (left > 0 || overridden) {
            return Ok(None);
        }
        let verdict = match weight(look.verb, look.records.count()) <= left && !(where_nothing_is_left || barred) {
            true => Verdict::Done,
            false if overridden => Verdict::Overridden,
            false => Verdict::Refused,
        };
        let mut details = look.details.clone();
        // Of a refusal what it cost, and not what was found: an entry is read, too.
        let records = match verdict {
            Verdict::Refused => {
                details.set_records(&[]);
                left.min(1)
            }
            Verdict::Done | Verdict::Overridden => {
                details.set_records(look.records.ids());
                look.records.count()
            }
        };
        let entry = Entry { records, verdict, purpose: tag, ..Entry::new(look.verb, hour_of(now)) };
        details.purpose = purpose.unwrap_or_default().to_owned();
        writer.add(entry, Some(details));
        let checkpoint = writer.finish()?;
        let permit = Permit::of(keyring, look);
        let index = checkpoint.size - 1;
        let cost = if verdict == Verdict::Refused { records } else { weight(look.verb, records) };
        Ok(Some(Recorded { index, verdict, allowance, cost, spent, spent_in_total, began_anew, leap, permit }))
    }

    /// An entry elsewhere than beside the keyring is none.
    fn must_be_of(&self, keyring: &Keyring) -> Result<(), AuditError> {
        let expected = keyring.folder().join(FOLDER);
        let real = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
        let same = expected == self.folder || (real(&expected).is_some() && real(&expected) == real(&self.folder));
        if same { Ok(()) } else { Err(AuditError::Elsewhere { expected, path: self.folder.clone() }) }
    }

    /// Whether the clock is so far ahead of all that is known that its date should be confirmed before anything is done by
    /// it that cannot be undone.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn leap(&self, keyring: &Keyring) -> Result<Option<Leap>, AuditError> {
        if !self.folder.is_dir() && keyring.known_log().is_none() {
            return Ok(None);
        }
        let (_lock, now) = self.lock(Some(keyring))?;
        Ok(Writer::open(self, keyring, now, false)?.leap())
    }

    /// Signs what waits, the days without any entry, and that the clock was once ahead, so that the log speaks until now.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn renew(&self, keyring: &Keyring) -> Result<Checkpoint, AuditError> {
        let (_lock, clock) = self.lock(Some(keyring))?;
        let mut writer = Writer::open(self, keyring, clock, false)?;
        let now = writer.now();
        let today = hour_of(now) / 24;
        let quiet = Entry { quiet: Some((today, today)), ..Entry::new(Verb::Quiet, hour_of(now)) };
        match writer.last.as_ref() {
            Some(last) if last.hour > hour_of(now) => writer.add(Entry::new(Verb::Clock, hour_of(now)), None),
            Some(last) if last.day() != today => writer.add(quiet, None),
            // On a day that has an entry there is nothing to say.
            _ => {}
        }
        writer.finish()
    }

    /// Takes note that the keyring was changed, so that an older copy put in its place is noticed from now on, and not only from
    /// the next entry on.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn keep_up(&self, keyring: &Keyring) -> Result<(), AuditError> {
        self.must_be_of(keyring)?;
        let (_lock, clock) = self.lock(Some(keyring))?;
        Writer::open(self, keyring, clock, false)?.keep_up()
    }

    /// Destroys the keys of the details of all months before one, and puts that on record. Says of how many months.
    ///
    /// Under dual control it takes both holders: a log is there against each of them. Months that the policy keeps stay,
    /// by the time that the log itself has reached: a clock set ahead forgets nothing.
    ///
    /// Copies of the log's file `keys` that were made before still hold them.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn forget(&self, keyring: &Keyring, before: Month, details: Details) -> Result<usize, AuditError> {
        self.must_be_of(keyring)?;
        if keyring.dual_barrier().is_some() {
            return Err(AuditError::SecondNeeded);
        }
        let (_lock, clock) = self.lock(Some(keyring))?;
        let mut writer = Writer::open(self, keyring, clock, false)?;
        let now = writer.now();
        let earliest = writer.kept_from();
        if before > earliest {
            return Err(AuditError::Kept { before, earliest });
        }
        let months = writer.keys.forget(before);
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
        let (_lock, now) = self.lock(None)?;
        let pending = Pending::read(&self.folder)?;
        let pending = pending.ok_or_else(|| TileError::Altered { path: pending::FILE_NAME.into() })?;
        let Who { user, login } = Who::now();
        let details = Details { time: now.as_millisecond(), user, login, ..details.clone() };
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

    pub(super) fn failed(&self, path: impl AsRef<Path>, source: io::Error) -> AuditError {
        AuditError::Io { path: self.folder.join(path), source }
    }

    /// Looks at the folder and at every name in it that a writer gives, before anything is made: what is refused has changed
    /// nothing, and nothing is written through a link or in place of something else.
    fn look(&self, keyring: Option<&Keyring>) -> Result<(), AuditError> {
        let tree = self.folder.join("tile");
        for folder in [&self.folder, &tree] {
            if files::is_folder(folder).map_err(|source| AuditError::Io { path: folder.clone(), source })?
                == Some(false)
            {
                return Err(AuditError::Foreign { path: folder.clone() });
            }
        }
        let names = [CHECKPOINT, LOG_KEY, LOCK, keys::FILE_NAME, pending::FILE_NAME].map(|name| self.folder.join(name));
        for path in names.into_iter().chain([head::path_beside(&self.folder)]) {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if !metadata.is_file() => return Err(AuditError::Foreign { path }),
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(AuditError::Io { path, source }),
                Ok(_) | Err(_) => {}
            }
        }
        let Some(keyring) = keyring else { return Ok(()) };
        match self.note() {
            Ok(note) => Ok(Checkpoint::verify(&note, &LogKey::of(keyring.verifying_key())).map(drop)?),
            Err(AuditError::NoLog { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits for other writers to end, and then looks at the clock: their entries are not of a later time.
    fn lock(&self, keyring: Option<&Keyring>) -> Result<(File, Timestamp), AuditError> {
        self.look(keyring)?;
        let failed = |source| self.failed(LOCK, source);
        if !self.folder.is_dir() {
            self.store.create_folder(&self.folder).map_err(failed)?;
            let above = self.folder.parent().filter(|above| !above.as_os_str().is_empty());
            self.store.sync_folder(above.unwrap_or(Path::new("."))).map_err(failed)?;
        }
        let file = files::open_lock(&self.folder.join(LOCK)).map_err(failed)?;
        file.lock().map_err(failed)?;
        self.clear_incoming();
        Ok((file, self.store.now()))
    }

    /// Removes what a writer that died left: regular files under the names that writers give. They are never read, and
    /// harmless where they stay.
    fn clear_incoming(&self) {
        let ours = |name: &str| name.strip_prefix(INCOMING).and_then(from_base32).is_some();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let named = entry.file_name().to_str().is_some_and(ours);
            if named && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let _ = self.store.remove(&entry.path());
            }
        }
    }

    /// Replaces a file below the log's folder, whole and durably.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), AuditError> {
        let incoming = self.folder.join(format!("{INCOMING}{}", to_base32(&random())));
        let target = self.folder.join(path);
        let parent = target.parent().unwrap_or(&self.folder);
        let put = || {
            let mut file = self.store.create(&incoming)?;
            file.write_all(bytes)?;
            file.sync()?;
            drop(file);
            let new_folders = !parent.is_dir();
            self.store.create_folder(parent)?;
            if fs::symlink_metadata(&target).is_ok_and(|there| !there.is_file()) {
                // Only a file is replaced: the bytes of one whose name it was, and never somebody's link.
                self.store.remove(&incoming)?;
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.store.rename(&incoming, &target)?;
            let above = parent.ancestors().skip(1).take_while(|above| new_folders && above.starts_with(&self.folder));
            std::iter::once(parent).chain(above).try_for_each(|folder| self.store.sync_folder(folder))
        };
        put().map_err(|source| self.failed(path, source))
    }
}

impl AuditLog {
    /// Removes the narrower versions of a tile that is full. They are of no use, and harmless where they stay.
    pub(super) fn remove_partials(&self, tile: TileId) {
        let paths = [Some(tile.path()), (tile.level == 0).then(|| tile.bundle_path())];
        for path in paths.into_iter().flatten() {
            let folder = self.folder.join(TileId::partials(path));
            let ours = |name: &str| name.parse::<u64>().is_ok_and(|width| width.to_string() == name);
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let named = entry.file_name().to_str().is_some_and(ours);
                if named && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                    let _ = self.store.remove(&entry.path());
                }
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

impl AuditLog {
    pub(super) fn confirms(&self, day: Day) -> bool {
        self.confirmed == Some(day)
    }
}

#[cfg(test)]
mod tests;
