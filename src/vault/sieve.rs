//! Which originals are sealed already: keyed digests only, so that a copy of the journal tells nothing.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::custody::JournalKey;
use crate::seal::secret_key;

/// A keyed digest of an original file. Random to whoever lacks the site's journal key.
pub(super) type Digest = [u8; 16];

secret_key! {
    struct DigestKey
}

/// What a site has sealed, and what lies in memory to be sealed. Cheap to clone; clones share their content.
#[derive(Clone)]
pub struct Sieve {
    shared: Arc<Shared>,
}

struct Shared {
    key: DigestKey,
    known: RwLock<HashSet<Digest>>,
}

impl Sieve {
    pub(super) fn new(key: &JournalKey) -> Self {
        let key = DigestKey::from_bytes(&blake3::derive_key("safelight v1 journal digests", key.expose()));
        Self { shared: Arc::new(Shared { key, known: RwLock::default() }) }
    }

    /// Whether the original with this BLAKE3 is sealed or about to be.
    ///
    /// "About to be" counts so that a duplicate within one run is skipped too; whoever wants to delete a source waits for
    /// [`SealingVault::commit`](super::SealingVault::commit).
    pub fn knows(&self, original_blake3: &[u8; 32]) -> bool {
        let digest = self.digest(original_blake3);
        // A set of plain bytes stays sound if a thread died holding the lock.
        self.shared.known.read().unwrap_or_else(PoisonError::into_inner).contains(&digest)
    }

    pub(super) fn digest(&self, original_blake3: &[u8; 32]) -> Digest {
        let digest = blake3::keyed_hash(self.shared.key.expose(), original_blake3);
        *digest.as_bytes().first_chunk().expect("16 of 32 bytes")
    }

    /// Whether the digest is new.
    pub(super) fn insert(&self, digest: Digest) -> bool {
        self.shared.known.write().unwrap_or_else(PoisonError::into_inner).insert(digest)
    }

    pub(super) fn extend(&self, digests: &[Digest]) {
        self.shared.known.write().unwrap_or_else(PoisonError::into_inner).extend(digests);
    }
}
