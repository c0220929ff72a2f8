//! Private keys taken out of a keyring or a recipient's file for one task.

use std::collections::HashMap;

use crate::seal::{KeyId, PrivateKey};

/// Private keys by their ids: what an opening vault is given, and all that it can open.
///
/// Search is given catalogue keys only, so that a fault in it cannot show a picture.
#[derive(Default)]
pub struct OpeningKeys {
    keys: HashMap<KeyId, PrivateKey>,
}

impl OpeningKeys {
    /// Adds a key under its id.
    pub fn insert(&mut self, id: KeyId, key: PrivateKey) {
        self.keys.insert(id, key);
    }

    /// The key of that id, if it was given.
    pub fn key(&self, id: KeyId) -> Option<&PrivateKey> {
        self.keys.get(&id)
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
