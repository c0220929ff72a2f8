//! Private keys taken out of a keyring or a recipient's file for one task.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::pack::JournalKey;
use crate::seal::{CustodyId, JournalId, KeyId, Opener, PrivateKey};

/// Private keys by their ids: all that an opening vault can open with them.
///
/// They alone give nothing out: that takes an entry in the audit log ([`crate::audit::PermittedKeys`]). Search is given
/// catalogue keys only, so that a fault in it cannot show a picture.
#[derive(Default)]
pub struct OpeningKeys {
    keys: HashMap<KeyId, (PrivateKey, OnceLock<Opener>)>,
    custody: Option<CustodyId>,
    /// Keys that were destroyed when their time was over.
    destroyed: HashSet<KeyId>,
    /// Those of sites' journals, for whoever verifies them.
    journals: HashMap<JournalId, JournalKey>,
}

impl OpeningKeys {
    /// None yet of this custodian's.
    pub(super) fn of(custody: CustodyId) -> Self {
        Self { custody: Some(custody), ..Self::default() }
    }

    /// Adds a key under its id.
    pub(super) fn insert(&mut self, id: KeyId, key: PrivateKey) {
        self.keys.insert(id, (key, OnceLock::new()));
    }

    /// The key of that id, if it was given.
    pub(crate) fn key(&self, id: KeyId) -> Option<&PrivateKey> {
        self.keys.get(&id).map(|(key, _)| key)
    }

    /// The same, ready for all the segments whose envelopes it opens.
    pub(crate) fn opener(&self, id: KeyId) -> Option<&Opener> {
        self.keys.get(&id).map(|(key, opener)| opener.get_or_init(|| Opener::from(key)))
    }

    /// Of whose keyring they are; `None` for a recipient's.
    pub fn custody(&self) -> Option<CustodyId> {
        self.custody
    }

    /// Tells of a key that it was destroyed when its time was over.
    pub fn destroyed(&mut self, id: KeyId) {
        self.destroyed.insert(id);
    }

    /// Whether that key was destroyed: what it sealed has expired, and is not merely somebody else's.
    pub fn is_destroyed(&self, id: KeyId) -> bool {
        self.destroyed.contains(&id)
    }

    /// Adds the key with which a site authenticates its journal.
    pub fn insert_journal(&mut self, id: JournalId, key: JournalKey) {
        self.journals.insert(id, key);
    }

    /// The key of that journal, if it was given.
    pub fn journal(&self, id: JournalId) -> Option<&JournalKey> {
        self.journals.get(&id)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
