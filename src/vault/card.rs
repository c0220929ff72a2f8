//! The card: which vault this is, of which custodian. 96 bytes in the file `vault`.

use crate::custody::VerifyingKey;
use crate::seal::{SUITE, VaultId};

const MAGIC: &[u8; 8] = b"SLVLT\r\n\x1a";
const VERSION: u16 = 1;
const HASH_LEN: usize = 32;
/// Bytes of a card.
pub(super) const CARD_LEN: usize = 96;

/// What kind of vault a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultKind {
    /// Sealed by sites, each with a journal.
    Site,
    /// A copy made for one recipient, without journals.
    Export,
}

/// A vault's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Site vault or export.
    pub kind: VaultKind,
    /// The vault's random name.
    pub vault: VaultId,
    /// The custodian, pinned when the vault was made: packs of another are refused.
    pub custodian: VerifyingKey,
}

/// A vault's card cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It is some other file.
    #[error("it is not a vault's card")]
    NotACard,
    /// It was written by a later version.
    #[error("it has format {found}, and this version reads format 1")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It is cut or altered.
    #[error("it is damaged")]
    Damaged,
}

impl Card {
    /// The card as stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind: u16 = match self.kind {
            VaultKind::Site => 0,
            VaultKind::Export => 1,
        };
        let mut bytes = Vec::with_capacity(CARD_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.vault.0);
        bytes.extend_from_slice(&self.custodian.0);
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    /// Reads a stored card.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CardError> {
        if !bytes.starts_with(MAGIC) {
            return Err(CardError::NotACard);
        }
        let (content, hash) = bytes.split_last_chunk::<HASH_LEN>().ok_or(CardError::Damaged)?;
        let content: &[u8; CARD_LEN - HASH_LEN] = content.try_into().map_err(|_| CardError::Damaged)?;
        let [found, suite, kind, zero] = [8, 10, 12, 14].map(|at| u16::from_le_bytes([content[at], content[at + 1]]));
        if blake3::hash(content) != *hash {
            return Err(CardError::Damaged);
        }
        if found != VERSION || suite != SUITE || zero != 0 {
            return Err(CardError::Version { found });
        }
        let kind = match kind {
            0 => VaultKind::Site,
            1 => VaultKind::Export,
            _ => return Err(CardError::Version { found }),
        };
        let (vault, custodian) = content[16..].split_at(16);
        Ok(Self {
            kind,
            vault: VaultId(vault.try_into().map_err(|_| CardError::Damaged)?),
            custodian: VerifyingKey(custodian.try_into().map_err(|_| CardError::Damaged)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_comes_back_and_any_altered_byte_is_noticed() {
        for kind in [VaultKind::Site, VaultKind::Export] {
            let card = Card { kind, vault: VaultId([1; 16]), custodian: VerifyingKey([2; 32]) };
            let bytes = card.to_bytes();
            assert_eq!(bytes.len(), CARD_LEN);
            assert_eq!(Card::from_bytes(&bytes), Ok(card));
            for at in 0..bytes.len() {
                let mut altered = bytes.clone();
                altered[at] ^= 1;
                assert!(Card::from_bytes(&altered).is_err(), "byte {at}");
                assert!(Card::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
            }
        }
    }
}
