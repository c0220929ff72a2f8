//! Private keys taken out of a keyring or a recipient's file for one task.

use std::collections::HashMap;

use crate::seal::{CustodyId, KeyId, PrivateKey};

/// Private keys by their ids: all that an opening vault can open with them.
///
/// They alone give nothing out: that takes an entry in the audit log ([`crate::audit::PermittedKeys`]). Search is given
/// catalogue keys only, so that a fault in it cannot show a picture.
#[derive(Default)]
pub struct OpeningKeys {
    keys: HashMap<KeyId, PrivateKey>,
    custody: Option<CustodyId>,
}

impl OpeningKeys {
    /// None yet of this custodian's.
    pub(super) fn of(custody: CustodyId) -> Self {
        Self { keys: HashMap::new(), custody: Some(custody) }
    }

    /// Adds a key under its id.
    pub(super) fn insert(&mut self, id: KeyId, key: PrivateKey) {
        self.keys.insert(id, key);
    }

    /// The key of that id, if it was given.
    pub(crate) fn key(&self, id: KeyId) -> Option<&PrivateKey> {
        self.keys.get(&id)
    }

    /// Of whose keyring they are; `None` for a recipient's.
    pub fn custody(&self) -> Option<CustodyId> {
        self.custody
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
