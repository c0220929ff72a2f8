//! The card: which vault this is, of which custodian, in the file `vault`. 256 bytes, signed by what a site's pack or the
//! keyring holds; the first format has 96 bytes, and nothing on it proves anything.

use crate::custody::{CardProof, CardSigner, EXPORT_CARDS, SITE_CARDS, Signature, VerifyingKey};
use crate::seal::{SUITE, VaultId};

const MAGIC: &[u8; 8] = b"SLVLT\r\n\x1a";
const UNSIGNED: u16 = 1;
const SIGNED: u16 = 2;
const HASH_LEN: usize = 32;
/// Bytes that both formats have.
const CONTENT_LEN: usize = 64;
/// Where the signature of a signed one begins: what is before is signed.
const SIGNED_LEN: usize = CONTENT_LEN + 32 + 64;
/// Bytes of the longest card.
pub(super) const CARD_LEN: usize = SIGNED_LEN + 64 + HASH_LEN;

/// What kind of vault a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultKind {
    /// Sealed by sites, each with a journal.
    Site,
    /// A copy made for one recipient, without journals.
    Export,
}

impl VaultKind {
    /// For what a signer of such cards is named by the custodian.
    fn signers(self) -> &'static str {
        match self {
            Self::Site => SITE_CARDS,
            Self::Export => EXPORT_CARDS,
        }
    }
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
    proof: Option<CardProof>,
}

/// A vault's card cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It is some other file.
    #[error("it is not a vault's card")]
    NotACard,
    /// It was written by a later version.
    #[error("it has format {found}, and this version reads formats 1 and 2")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It is cut or altered.
    #[error("it is damaged")]
    Damaged,
    /// Nobody whom the custodian on it named for that has signed it.
    #[error("it is forged: its signature is not one for the custodian that it names")]
    Forged,
}

impl Card {
    /// Bytes of the longest card.
    pub(crate) const MAX_LEN: u64 = CARD_LEN as u64;

    /// A card that proves nothing, as the first packs make it.
    pub(super) fn unsigned(kind: VaultKind, vault: VaultId, custodian: VerifyingKey) -> Self {
        Self { kind, vault, custodian, proof: None }
    }

    /// A card that proves whose it is to whoever knows the custodian.
    pub(crate) fn signed(kind: VaultKind, vault: VaultId, custodian: VerifyingKey, by: &CardSigner) -> Self {
        let (signer, certificate) = by.introduction();
        let mut card = Self::unsigned(kind, vault, custodian);
        let signature = by.sign(&card.signed_bytes(signer, &certificate));
        card.proof = Some(CardProof { signer, certificate, signature });
        card
    }

    /// Whether it carries a signature, which was verified when it was read. That shows that the custodian named whoever
    /// made the vault, if the custodian on the card is the right one.
    pub fn is_signed(&self) -> bool {
        self.proof.is_some()
    }

    /// The card as stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = match &self.proof {
            None => self.content(UNSIGNED),
            Some(CardProof { signer, certificate, signature }) => {
                let mut bytes = self.signed_bytes(*signer, certificate);
                bytes.extend_from_slice(&signature.0);
                bytes
            }
        };
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    fn content(&self, version: u16) -> Vec<u8> {
        let kind: u16 = match self.kind {
            VaultKind::Site => 0,
            VaultKind::Export => 1,
        };
        let mut bytes = Vec::with_capacity(CARD_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.vault.0);
        bytes.extend_from_slice(&self.custodian.0);
        bytes
    }

    fn signed_bytes(&self, signer: VerifyingKey, certificate: &Signature) -> Vec<u8> {
        let mut bytes = self.content(SIGNED);
        bytes.extend_from_slice(&signer.0);
        bytes.extend_from_slice(&certificate.0);
        bytes
    }

    /// Reads a stored card, and verifies the signature on it by the custodian on it. Who that is, it cannot prove.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CardError> {
        if !bytes.starts_with(MAGIC) {
            return Err(CardError::NotACard);
        }
        let (content, hash) = bytes.split_last_chunk::<HASH_LEN>().ok_or(CardError::Damaged)?;
        let (head, rest) = content.split_first_chunk::<CONTENT_LEN>().ok_or(CardError::Damaged)?;
        let [found, suite, kind, zero] = [8, 10, 12, 14].map(|at| u16::from_le_bytes([head[at], head[at + 1]]));
        if blake3::hash(content) != *hash {
            return Err(CardError::Damaged);
        }
        if ![UNSIGNED, SIGNED].contains(&found) || suite != SUITE || zero != 0 {
            return Err(CardError::Version { found });
        }
        let kind = match kind {
            0 => VaultKind::Site,
            1 => VaultKind::Export,
            _ => return Err(CardError::Version { found }),
        };
        let (vault, custodian) = head[16..].split_at(16);
        let vault = VaultId(vault.try_into().map_err(|_| CardError::Damaged)?);
        let mut card = Self::unsigned(kind, vault, VerifyingKey(custodian.try_into().map_err(|_| CardError::Damaged)?));
        if found == UNSIGNED {
            return if rest.is_empty() { Ok(card) } else { Err(CardError::Damaged) };
        }
        let proof: &[u8; 32 + 64 + 64] = rest.try_into().map_err(|_| CardError::Damaged)?;
        let (signer, signatures) = proof.split_first_chunk::<32>().ok_or(CardError::Damaged)?;
        let (certificate, signature) = signatures.split_first_chunk::<64>().ok_or(CardError::Damaged)?;
        let signature = Signature(signature.try_into().map_err(|_| CardError::Damaged)?);
        let proof = CardProof { signer: VerifyingKey(*signer), certificate: Signature(*certificate), signature };
        if !proof.holds(card.custodian, kind.signers(), &content[..SIGNED_LEN]) {
            return Err(CardError::Forged);
        }
        card.proof = Some(proof);
        Ok(card)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The custodian's key, and a signer of that custodian's for one kind of cards.
    fn signer(seed: u8, kind: VaultKind) -> (VerifyingKey, CardSigner) {
        CardSigner::for_tests(seed, kind.signers())
    }

    #[test]
    fn a_card_comes_back_and_any_altered_byte_is_noticed() {
        for kind in [VaultKind::Site, VaultKind::Export] {
            let (custodian, signer) = signer(2, kind);
            let unsigned = Card::unsigned(kind, VaultId([1; 16]), custodian);
            let signed = Card::signed(kind, VaultId([1; 16]), custodian, &signer);
            for (card, len) in [(unsigned, 96), (signed, CARD_LEN)] {
                let bytes = card.to_bytes();
                assert_eq!(bytes.len(), len);
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

    /// Whoever has no signer of the custodian's can compute the hash anew, and nothing else.
    #[test]
    fn a_signed_card_cannot_be_altered_by_whoever_makes_the_hash_fit() {
        let (custodian, site) = signer(2, VaultKind::Site);
        let (stranger, other) = signer(3, VaultKind::Site);
        let bytes = Card::signed(VaultKind::Site, VaultId([1; 16]), custodian, &site).to_bytes();
        for at in 12..bytes.len() - HASH_LEN {
            let mut altered = bytes[..bytes.len() - HASH_LEN].to_vec();
            altered[at] ^= 1;
            let hash = blake3::hash(&altered);
            altered.extend_from_slice(hash.as_bytes());
            assert!(Card::from_bytes(&altered).is_err(), "byte {at}");
        }
        // Another custodian's signer, and the custodian's own for other cards.
        let forged = Card::signed(VaultKind::Site, VaultId([1; 16]), custodian, &other).to_bytes();
        assert_eq!(Card::from_bytes(&forged), Err(CardError::Forged));
        let export = Card::signed(VaultKind::Export, VaultId([1; 16]), custodian, &site).to_bytes();
        assert_eq!(Card::from_bytes(&export), Err(CardError::Forged));
        assert!(
            Card::from_bytes(&Card::signed(VaultKind::Site, VaultId([1; 16]), stranger, &other).to_bytes()).is_ok()
        );
    }
}
