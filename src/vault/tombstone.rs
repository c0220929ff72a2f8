//! Tombstones: what expired in a vault, by the custodian's signed word.
//!
//! They tell "expired" from "never there": which keys no longer exist, which segments were removed because nothing in them
//! can be opened any more, and, as short digests, which captures were in those. Anybody can verify them by the key on the
//! vault's card; whoever removes a segment without one is found out by `check`.
//!
//! Layout (docs/vault-format.md): magic ‖ version ‖ suite ‖ length ‖ vault id ‖ tombstone id ‖ CBOR ‖ signature.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;

use jiff::Timestamp;
use minicbor::{Decode, Encode};

use super::card::Card;
use super::check::Fault;
use super::header::TRAILER_LEN;
use super::layout::Layout;
use super::opening::OpenError;
use crate::capture::CaptureId;
use crate::custody::Signature;
use crate::files;
use crate::seal::{KeyId, SUITE, SegmentId, TombstoneId, VaultId, padme, random};

const MAGIC: &[u8; 8] = b"SLTMB\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 8 + 2 + 2 + 4 + 16 + 16;
const SIGNATURE_LEN: usize = 64;
/// What a signature is for.
pub(super) const SIGNATURE_CONTEXT: &str = "safelight v1 tombstone";
/// The digests' number is padded to at least this, so that few captures show nothing.
const MIN_DIGESTS: u64 = 64;

/// Tells whether a capture was in a vault, to whoever knows its random id.
pub(super) type CaptureDigest = [u8; 8];

/// A tombstone cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TombstoneError {
    /// It is some other file.
    #[error("it is not a tombstone")]
    NotATombstone,
    /// It was written by a later version.
    #[error("it has format {found}, and this version reads format 1")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It is cut or altered, of another vault, or not by the vault's custodian.
    #[error("it is damaged, or the vault's custodian did not sign it")]
    Damaged,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// One tombstone's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Tombstone {
    /// When it was written, in seconds since 1970 UTC, as all times here; and when the captures in it expired.
    #[n(0)]
    pub made: i64,
    /// Keys that no longer exist.
    #[n(1)]
    pub keys: Vec<LostKey>,
    /// Segments whose catalogue went with them.
    #[n(2)]
    pub segments: Vec<Buried>,
    /// Eight bytes for each of their captures, sorted, among random ones.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub captures: Vec<u8>,
}

/// A key that no longer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub(super) struct LostKey {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: [u8; 16],
    #[n(1)]
    pub destroyed: i64,
}

/// A segment whose catalogue cannot be opened any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Buried {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub segment: [u8; 16],
    #[cbor(n(1), with = "minicbor::bytes")]
    pub trailer: [u8; TRAILER_LEN],
    /// Whether nothing else in it can be opened either: then it is removed.
    #[n(2)]
    pub removed: bool,
}

impl Tombstone {
    /// The digest of a capture.
    pub fn digest(vault: VaultId, capture: CaptureId) -> CaptureDigest {
        let mut hasher = blake3::Hasher::new_derive_key("safelight v1 expired capture");
        hasher.update(&vault.0).update(&capture.0);
        *hasher.finalize().as_bytes().first_chunk().expect("8 of 32 bytes")
    }

    /// Puts captures in, padded and sorted.
    pub fn with_captures(mut self, mut digests: Vec<CaptureDigest>) -> Self {
        if !digests.is_empty() {
            let padded = padme(digests.len() as u64).max(MIN_DIGESTS);
            digests.resize_with(usize::try_from(padded).expect("digests fit into memory"), random);
            digests.sort_unstable();
        }
        self.captures = digests.into_flattened();
        self
    }

    /// Whether a capture is among those.
    pub fn holds(&self, digest: CaptureDigest) -> bool {
        self.captures.as_chunks::<8>().0.binary_search(&digest).is_ok()
    }

    /// The file, signed.
    pub fn to_bytes(&self, vault: VaultId, id: TombstoneId, sign: impl FnOnce(&[u8]) -> Signature) -> Vec<u8> {
        let mut body = Vec::new();
        minicbor::encode(self, &mut body).expect("memory takes every write");
        let mut bytes = Vec::with_capacity(HEAD_LEN + body.len() + SIGNATURE_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(body.len()).expect("bounded by its writer").to_le_bytes());
        bytes.extend_from_slice(&vault.0);
        bytes.extend_from_slice(&id.0);
        bytes.extend_from_slice(&body);
        let signature = sign(&bytes);
        bytes.extend_from_slice(&signature.0);
        bytes
    }

    /// The tombstone that these bytes are, if the custodian on the vault's card signed them.
    pub fn from_bytes(bytes: &[u8], card: &Card, id: TombstoneId) -> Result<Self, TombstoneError> {
        if !bytes.starts_with(MAGIC) {
            return Err(TombstoneError::NotATombstone);
        }
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(TombstoneError::Damaged)?;
        let (head, body) = signed.split_first_chunk::<HEAD_LEN>().ok_or(TombstoneError::Damaged)?;
        let [found, suite] = [8, 10].map(|at| u16::from_le_bytes([head[at], head[at + 1]]));
        if found != VERSION || suite != SUITE {
            return Err(TombstoneError::Version { found });
        }
        let stated = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        let whole = usize::try_from(stated).ok() == Some(body.len()) && head[16..32] == card.vault.0;
        if !whole || head[32..] != id.0 || !card.custodian.verifies(SIGNATURE_CONTEXT, signed, &Signature(*signature)) {
            return Err(TombstoneError::Damaged);
        }
        minicbor::decode(body).map_err(|_| TombstoneError::Damaged)
    }
}

/// What all tombstones of a vault say together.
#[derive(Default)]
pub(super) struct Tombstones {
    /// Keys that no longer exist, and since when.
    pub keys: HashMap<KeyId, Timestamp>,
    /// Segments whose catalogue is closed for ever.
    pub buried: HashMap<SegmentId, [u8; TRAILER_LEN]>,
    /// Those of them that are removed.
    pub removed: HashMap<SegmentId, [u8; TRAILER_LEN]>,
    /// Those that cannot be trusted, and of which nothing is in here.
    pub faults: Vec<Fault>,
}

impl Tombstones {
    /// Reads all that can be trusted. Others count for nothing, so that nobody stops a search or an expiry by damaging one, and are
    /// named by whoever goes by tombstones.
    pub fn read(layout: &Layout, card: &Card) -> Result<Self, OpenError> {
        let mut all = Self::default();
        for id in ids(layout)? {
            match read(layout, card, id) {
                Ok(tombstone) => all.add(&tombstone),
                Err(source) => all.faults.push(Fault::Tombstone { id, source }),
            }
        }
        Ok(all)
    }

    /// When the capture's segment was buried; `None` when no tombstone knows of it. Tombstones are read one by one: all
    /// digests of a vault may be too many at once.
    pub fn when_buried(layout: &Layout, card: &Card, capture: CaptureId) -> Result<Option<Timestamp>, OpenError> {
        let digest = Tombstone::digest(card.vault, capture);
        let sound = ids(layout)?.into_iter().filter_map(|id| read(layout, card, id).ok());
        Ok(sound.filter(|tombstone| tombstone.holds(digest)).map(|tombstone| time(tombstone.made)).next())
    }

    pub fn add(&mut self, tombstone: &Tombstone) {
        self.keys.extend(tombstone.keys.iter().map(|lost| (KeyId(lost.key), time(lost.destroyed))));
        for &Buried { segment, trailer, removed } in &tombstone.segments {
            self.buried.insert(SegmentId(segment), trailer);
            if removed {
                self.removed.insert(SegmentId(segment), trailer);
            }
        }
    }
}

/// The tombstones' names, sorted; a vault in which nothing expired has none.
pub(super) fn ids(layout: &Layout) -> Result<BTreeSet<TombstoneId>, OpenError> {
    let path = layout.tombstones();
    let failed = |source| OpenError::Io { path: path.clone(), source };
    let entries = match fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut ids = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let id = name.to_str().and_then(TombstoneId::parse);
        ids.extend(id.filter(|id| *name == *id.to_string()));
    }
    Ok(ids)
}

/// One tombstone, verified.
pub(super) fn read(layout: &Layout, card: &Card, id: TombstoneId) -> Result<Tombstone, TombstoneError> {
    Tombstone::from_bytes(&files::read_own(&layout.tombstone(id), files::MAX_LIST)?, card, id)
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::VerifyingKey;
    use crate::vault::VaultKind;

    const ID: TombstoneId = TombstoneId([9; 16]);

    fn signed() -> (Vec<u8>, Card, Tombstone) {
        use ed25519_dalek::{Signer, SigningKey};
        let key = SigningKey::from_bytes(&[7; 32]);
        let custodian = VerifyingKey(key.verifying_key().to_bytes());
        let card = Card::unsigned(VaultKind::Site, VaultId([1; 16]), custodian);
        let buried = Buried { segment: [3; 16], trailer: [4; 32], removed: true };
        let content = Tombstone {
            made: 86_400,
            keys: vec![LostKey { key: [2; 16], destroyed: 0 }],
            segments: vec![buried],
            captures: vec![],
        };
        let content = content.with_captures(vec![Tombstone::digest(card.vault, CaptureId([5; 16]))]);
        let sign = |message: &[u8]| {
            let framed = [SIGNATURE_CONTEXT.as_bytes(), &[0], blake3::hash(message).as_bytes()].concat();
            Signature(key.sign(&framed).to_bytes())
        };
        (content.to_bytes(card.vault, ID, sign), card, content)
    }

    #[test]
    fn a_tombstone_comes_back_and_any_altered_byte_is_noticed() {
        let (bytes, card, content) = signed();
        assert_eq!(Tombstone::from_bytes(&bytes, &card, ID).expect("its own"), content);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(Tombstone::from_bytes(&altered, &card, ID).is_err(), "byte {at}");
            assert!(Tombstone::from_bytes(&bytes[..at], &card, ID).is_err(), "cut at {at}");
        }
        assert!(Tombstone::from_bytes(&bytes, &card, TombstoneId([8; 16])).is_err(), "another's name");
        let elsewhere = Card::unsigned(VaultKind::Site, VaultId([2; 16]), card.custodian);
        assert!(Tombstone::from_bytes(&bytes, &elsewhere, ID).is_err(), "another vault");
    }

    #[test]
    fn captures_are_known_by_their_id_and_not_counted() {
        let (_, card, content) = signed();
        assert!(content.holds(Tombstone::digest(card.vault, CaptureId([5; 16]))));
        assert!(!content.holds(Tombstone::digest(card.vault, CaptureId([6; 16]))));
        assert!(!content.holds(Tombstone::digest(VaultId([2; 16]), CaptureId([5; 16]))));
        assert_eq!(content.captures.len(), 64 * 8);
    }
}
