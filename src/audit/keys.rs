//! The keys of the details: a random one for each month, wrapped by the keyring.
//!
//! They lie in a file of their own, so that a look need not write the keyring. Destroying a month's key leaves its
//! entries in the tree, verifiable and mute.

use std::path::Path;

use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::tiles::{self, TileError};
use crate::custody::{AuditKey, Month};
use crate::files;
use crate::seal::{PrivateKey, PublicKey, SUITE, secret_key};

const MAGIC: &[u8; 8] = b"SLAUD\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 12;
const CONTEXT: &[u8] = b"safelight v1 audit keys\0";
/// A month and its key, in CBOR.
const MONTH_LEN: u64 = 40;

/// The file's name in the log's folder.
pub(super) const FILE_NAME: &str = "keys";

secret_key! {
    /// Opens the details of one month's entries.
    pub(super) struct DetailKey
}

/// Equal for equal purposes under one month's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PurposeTag(pub [u8; 8]);

impl DetailKey {
    /// For entries made while the keyring is open.
    pub fn cipher(&self) -> cobblestone::Key256 {
        let key = Zeroizing::new(blake3::derive_key("safelight v1 audit details", self.expose()));
        cobblestone::Key256::from_bytes(&key)
    }

    /// For entries made by who cannot open it.
    pub fn private(&self) -> PrivateKey {
        PrivateKey::from_bytes(self.expose())
    }

    pub fn public(&self) -> PublicKey {
        self.private().public()
    }

    /// The tag of a purpose.
    pub fn tag(&self, purpose: &str) -> PurposeTag {
        let key = Zeroizing::new(blake3::derive_key("safelight v1 audit purposes", self.expose()));
        let digest = blake3::keyed_hash(&key, purpose.as_bytes());
        PurposeTag(*digest.as_bytes().first_chunk().expect("8 of 32 bytes"))
    }

    /// Authenticates the head of the file of failed unlocks.
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        let key = Zeroizing::new(blake3::derive_key("safelight v1 audit pending", self.expose()));
        *blake3::keyed_hash(&key, message).as_bytes()
    }
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
struct MonthKey {
    #[n(0)]
    #[zeroize(skip)]
    month: Month,
    #[cbor(n(1), with = "minicbor::bytes")]
    key: [u8; 32],
}

/// All months' keys.
#[derive(Default)]
pub(super) struct DetailKeys(Vec<MonthKey>);

impl DetailKeys {
    /// Reads the file; `None` when it is missing, altered, or wrapped by another keyring.
    pub fn read(folder: &Path, wrap: &AuditKey) -> Result<Option<Self>, TileError> {
        let bytes = match tiles::read(folder, FILE_NAME.into(), files::MAX_SETTINGS) {
            Ok(bytes) => bytes,
            Err(TileError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((head, sealed)) = bytes.split_first_chunk::<HEAD_LEN>() else { return Ok(None) };
        if *head != Self::head() {
            return Ok(None);
        }
        let cipher = cobblestone::Key256::from_bytes(wrap.expose());
        let plain = cobblestone::decrypt(&cipher, &[CONTEXT, head].concat(), sealed).map(Zeroizing::new);
        Ok(plain.ok().and_then(|plain| minicbor::decode(&plain).ok()).map(Self))
    }

    /// Whether these bytes may be such a file, by their beginning and their length: what anybody can tell without a key.
    pub fn may_be(bytes: &[u8]) -> bool {
        let Some((head, sealed)) = bytes.split_first_chunk::<HEAD_LEN>() else { return false };
        let Ok(plain) = cobblestone::plaintext_size(sealed.len() as u64) else { return false };
        // A list of months, 40 bytes each, with its length in CBOR before them.
        let months = plain / MONTH_LEN;
        let before = match months {
            0..24 => 1,
            24..256 => 2,
            _ => 3,
        };
        *head == Self::head() && months > 0 && plain == before + months * MONTH_LEN
    }

    /// The file's bytes.
    pub fn to_bytes(&self, wrap: &AuditKey) -> Vec<u8> {
        let head = Self::head();
        // Sized so that it never grows: growing would leave a copy behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(16 + 64 * self.0.len()));
        minicbor::encode(&self.0, &mut *plain).expect("memory takes every write");
        let cipher = cobblestone::Key256::from_bytes(wrap.expose());
        let sealed = cobblestone::encrypt(&cipher, &[CONTEXT, &head].concat(), &plain).expect("keys are no petabyte");
        [head.as_slice(), &sealed].concat()
    }

    /// The key of a month, when it is kept.
    pub fn of(&self, month: Month) -> Option<DetailKey> {
        self.0.iter().find(|found| found.month == month).map(|found| DetailKey::from_bytes(&found.key))
    }

    /// Adds a month's key.
    pub fn add(&mut self, month: Month) -> DetailKey {
        let key = DetailKey::generate();
        self.0.push(MonthKey { month, key: *key.expose() });
        key
    }

    /// Destroys the keys of all months before one. Says of how many.
    pub fn forget(&mut self, before: Month) -> usize {
        let had = self.0.len();
        self.0.retain(|found| found.month >= before);
        had - self.0.len()
    }

    fn head() -> [u8; HEAD_LEN] {
        let mut head = [0; HEAD_LEN];
        head[..8].copy_from_slice(MAGIC);
        head[8..10].copy_from_slice(&VERSION.to_le_bytes());
        head[10..].copy_from_slice(&SUITE.to_le_bytes());
        head
    }
}
