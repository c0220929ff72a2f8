//! Keys among the loot, and what each is worth to the thief.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use super::inventory::Inventory;
use crate::custody::{OpeningKeys, RecipientFile, RecipientKeys, SitePack};
use crate::files;
use crate::seal::{CustodyId, KeyId};
use crate::vault::FileKind;

/// A key that the thief holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "key", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Held {
    /// A site pack: it opens nothing. Its pseudonym key could turn every plate into its pseudonym of one epoch, which is
    /// worth something only to who can open a catalogue of that epoch; its journal key tells whether a given original
    /// was sealed, when the journal was stolen too; and false captures can be sealed with it until it expires.
    SitePack {
        /// The site's name.
        site: String,
        /// Whether it is this custodian's.
        ours: bool,
        /// The pseudonym epoch that its key is of.
        epoch: u32,
        /// Until when it can be used to seal, RFC 3339.
        until: String,
        /// Whether the journal that its key is for may be in the loot.
        with_journal: bool,
    },
    /// A recipient's private key: it opens the copies that were made for that recipient.
    Recipient {
        /// Its key id.
        id: String,
        /// Captures in the loot that it opens, in the view of their copies.
        captures: u64,
    },
    /// A recipient's private key that a passphrase seals: it opens those copies once somebody guesses that.
    SealedRecipient {
        /// The key id that it claims.
        id: String,
    },
    /// A keyring: it opens everything that has not expired, once one of its slots is opened.
    Keyring {
        /// Whether it is this custodian's.
        ours: bool,
        /// How often it had been written: keys made later are not in it.
        generation: u64,
    },
    /// A key file that is damaged.
    Damaged {
        /// What it was.
        what: &'static str,
    },
}

/// The captures that each recipient's key opened.
pub(super) type Opened = HashMap<KeyId, HashSet<[u8; 7]>>;

/// The thief's keys, ready to be used.
pub(super) struct ThiefKeys {
    pub keys: HashMap<KeyId, OpeningKeys>,
}

impl ThiefKeys {
    pub fn gather(inventory: &Inventory) -> Self {
        let mut keys = HashMap::new();
        for (_, path) in inventory.keys.iter().filter(|(kind, _)| *kind == FileKind::PrivateKey) {
            if let Ok(recipient) = RecipientKeys::read(path) {
                keys.insert(recipient.public().id(), recipient.into_opening_keys());
            }
        }
        Self { keys }
    }

    /// What each key file is worth; `opened` says how many captures each recipient's key opened.
    pub fn held(&self, inventory: &Inventory, custody: CustodyId, opened: &Opened) -> Vec<Held> {
        let held = |(kind, path): &(FileKind, std::path::PathBuf)| match kind {
            FileKind::SitePack => site_pack(path, custody, inventory.taken.journals > 0),
            FileKind::Keyring => keyring(path, custody),
            _ => recipient(path, opened),
        };
        inventory.keys.iter().map(held).collect()
    }
}

fn site_pack(path: &Path, custody: CustodyId, with_journal: bool) -> Held {
    match SitePack::read(path) {
        Ok(pack) => Held::SitePack {
            site: pack.site().to_owned(),
            ours: pack.custody() == custody,
            epoch: pack.epoch_keys().epoch(),
            until: pack.schedule().until().to_string(),
            with_journal,
        },
        Err(_) => Held::Damaged { what: "site pack" },
    }
}

fn recipient(path: &Path, opened: &Opened) -> Held {
    match RecipientKeys::read_file(path) {
        Ok(RecipientFile::Sealed(key)) => Held::SealedRecipient { id: key.id().to_string() },
        Ok(RecipientFile::Plain(keys)) => {
            let id = keys.public().id();
            Held::Recipient {
                id: id.to_string(),
                captures: opened.get(&id).map_or(0, |captures| captures.len() as u64),
            }
        }
        Err(_) => Held::Damaged { what: "recipient's key" },
    }
}

/// Reads what is not sealed of a keyring: whose it is, and its generation (docs/vault-format.md).
fn keyring(path: &Path, custody: CustodyId) -> Held {
    let head = files::begin(path, 40).ok().and_then(|bytes| bytes.first_chunk::<40>().copied());
    let Some(head) = head else { return Held::Damaged { what: "keyring" } };
    let generation = head[32..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Held::Keyring { ours: head[16..32] == custody.0, generation }
}
