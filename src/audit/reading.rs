//! Entries read back: by anybody in plain, and with their details by the custodian.

use std::path::Path;

use super::entry::{Day, Details, Entry, Opened, open_details};
use super::keys::DetailKeys;
use super::log::{AuditError, AuditLog};
use super::note::{Checkpoint, LogKey};
use super::pending::Pending;
use super::tiles::{TileError, Tiles};
use super::tree::WIDTH;
use crate::custody::{Keyring, Month};
use crate::files;
use crate::seal::CustodyId;

/// An entry as it lies in the log, proven to be in the signed tree.
pub struct Recording {
    /// Its place; `None` while it waits to be signed.
    pub index: Option<u64>,
    /// What anybody can read of it.
    pub entry: Entry,
    bytes: Vec<u8>,
}

/// What became of an entry's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It has none.
    Nothing,
    /// The key of its month was destroyed, or is lost.
    Forgotten(Month),
    /// They do not open with the key of their month: they are not this entry's.
    Altered,
    /// What they say.
    Details(Box<Details>),
}

/// Opens details.
pub struct DetailReader {
    keys: DetailKeys,
    custody: CustodyId,
}

impl AuditLog {
    /// The signed entries from a day on, oldest first, without reading what is before.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn entries_since(&self, key: &LogKey, day: Day) -> Result<Vec<Recording>, AuditError> {
        let checkpoint = Checkpoint::verify(&self.note()?, key)?;
        let tree = Tiles::open(self.folder(), checkpoint)?;
        let mut recordings = Vec::new();
        for at in (0..checkpoint.size.div_ceil(WIDTH as u64)).rev() {
            let first = at * WIDTH as u64;
            let mut bundle = Vec::new();
            for (index, bytes) in (first..).zip(tree.bundle(at)?) {
                let entry = Entry::from_bytes(&bytes).ok_or(AuditError::Entry { index })?;
                bundle.push(Recording { index: Some(index), entry, bytes });
            }
            let reached = bundle.iter().all(|recording| recording.entry.day() < day);
            recordings.extend(bundle.into_iter().rev().filter(|recording| recording.entry.day() >= day));
            if reached {
                break;
            }
        }
        recordings.reverse();
        Ok(recordings)
    }

    /// The failed unlocks that wait to be signed.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn waiting(&self) -> Result<Vec<Recording>, AuditError> {
        let pending = match Pending::read(self.folder()) {
            Ok(pending) => pending,
            Err(TileError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let entries = pending.map(|pending| pending.entries).unwrap_or_default();
        let recording = |bytes: Vec<u8>| Some(Recording { index: None, entry: Entry::from_bytes(&bytes)?, bytes });
        Ok(entries.into_iter().filter_map(recording).collect())
    }

    /// What opens details.
    ///
    /// # Errors
    ///
    /// See [`AuditError`].
    pub fn detail_reader(&self, keyring: &Keyring) -> Result<DetailReader, AuditError> {
        let keys = DetailKeys::read(self.folder(), &keyring.audit_key())?.unwrap_or_default();
        Ok(DetailReader { keys, custody: keyring.custody() })
    }

    /// The key beside the log, if it is the one of this custodian: an auditor has it from elsewhere.
    pub fn key_beside(folder: &Path, custody: CustodyId) -> Option<LogKey> {
        let text = files::read_text(&folder.join(super::log::LOG_KEY), files::MAX_NOTE).ok()?;
        LogKey::parse(&text).filter(|key| key.custody() == custody)
    }
}

impl DetailReader {
    /// Opens an entry's details.
    pub fn open(&self, recording: &Recording) -> Told {
        let Some(month) = recording.entry.month else { return Told::Nothing };
        let Some(key) = self.keys.of(month) else { return Told::Forgotten(month) };
        match open_details(&recording.bytes, &key, self.custody) {
            Opened::None => Told::Nothing,
            Opened::Closed => Told::Altered,
            Opened::Details(details) => Told::Details(details),
        }
    }
}
