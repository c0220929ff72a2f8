//! The keyring's file, byte for byte: magic ‖ version ‖ suite ‖ slots' length ‖ custody id ‖ generation ‖ slots as CBOR ‖
//! the body, sealed under the keyring key with all before it as context (docs/vault-format.md).

use zeroize::Zeroizing;

use super::keyring::KeyringError;
use super::slot::{GuardedKey, Slot};
use crate::seal::{CustodyId, SUITE};

const MAGIC: &[u8; 8] = b"SLKEY\r\n\x1a";
/// What is written. The first format derived pseudonym keys from a root in the body; it is read and never written.
const VERSION: u16 = 2;
const FIRST_VERSION: u16 = 1;
const HEAD_LEN: usize = 40;
/// Salt and commitment at the head of a Cobblestone-256 body.
const COMMITMENT_LEN: usize = 56;

/// A keyring's file.
pub(super) fn assemble(custody: CustodyId, generation: u64, slots: &[Slot], key: &GuardedKey, body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    minicbor::encode(slots, &mut encoded).expect("memory takes every write");

    let mut bytes = Vec::new();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&SUITE.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(encoded.len()).expect("slots are small").to_le_bytes());
    bytes.extend_from_slice(&custody.0);
    bytes.extend_from_slice(&generation.to_le_bytes());
    bytes.extend_from_slice(&encoded);
    let cipher = cobblestone::Key256::from_bytes(key.expose());
    let sealed = cobblestone::encrypt(&cipher, &context(&bytes), body).expect("a keyring is no petabyte");
    bytes.extend_from_slice(&sealed);
    bytes
}

/// A keyring file's parts.
pub(super) struct Parts<'a> {
    pub custody: CustodyId,
    pub generation: u64,
    pub slots: Vec<Slot>,
    pub sealed: SealedBody<'a>,
}

/// The body as it lies in the file.
pub(super) struct SealedBody<'a> {
    /// All before it.
    head: &'a [u8],
    sealed: &'a [u8],
}

impl SealedBody<'_> {
    /// Opens it; `None` when the key is another's, or a byte of the file was altered.
    pub fn open(&self, key: &GuardedKey) -> Option<Zeroizing<Vec<u8>>> {
        let cipher = cobblestone::Key256::from_bytes(key.expose());
        cobblestone::decrypt(&cipher, &context(self.head), self.sealed).ok().map(Zeroizing::new)
    }

    /// Whether it is sealed under that key, by the commitment at its head: nothing is decrypted.
    pub fn is_under(&self, key: &GuardedKey) -> bool {
        let cipher = cobblestone::Key256::from_bytes(key.expose());
        let commitment = self.sealed.get(..COMMITMENT_LEN).unwrap_or_default();
        // The commitment is checked first. That no chunk follows it here is what is complained about when it holds.
        cobblestone::decrypt(&cipher, &context(self.head), commitment) == Err(cobblestone::Error::Truncated)
            && commitment.len() == COMMITMENT_LEN
    }
}

impl<'a> Parts<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, KeyringError> {
        if !bytes.starts_with(MAGIC) {
            return Err(KeyringError::NotAKeyring);
        }
        let head = bytes.first_chunk::<HEAD_LEN>().ok_or(KeyringError::Damaged)?;
        let [found, suite] = [8, 10].map(|at| u16::from_le_bytes([head[at], head[at + 1]]));
        if ![FIRST_VERSION, VERSION].contains(&found) || suite != SUITE {
            return Err(KeyringError::Version { found });
        }
        let slots_len = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        let slots_end = usize::try_from(slots_len).ok().and_then(|len| len.checked_add(HEAD_LEN));
        let (head_and_slots, sealed) =
            slots_end.and_then(|end| bytes.split_at_checked(end)).ok_or(KeyringError::Damaged)?;
        let (custody, generation) = head[16..].split_first_chunk::<16>().ok_or(KeyringError::Damaged)?;
        let generation = generation.first_chunk::<8>().ok_or(KeyringError::Damaged)?;
        Ok(Self {
            custody: CustodyId(*custody),
            generation: u64::from_le_bytes(*generation),
            slots: minicbor::decode(&head_and_slots[HEAD_LEN..]).map_err(|_| KeyringError::Damaged)?,
            sealed: SealedBody { head: head_and_slots, sealed },
        })
    }
}

fn context(head: &[u8]) -> Vec<u8> {
    [b"safelight v1 keyring body\0".as_slice(), blake3::hash(head).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_file_is_a_panic(slots_len in 0_u32..64, rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parts::parse(&rest);
            let mut bytes = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &SUITE.to_le_bytes()].concat();
            bytes.extend_from_slice(&slots_len.to_le_bytes());
            bytes.extend_from_slice(&rest);
            if let Ok(parts) = Parts::parse(&bytes) {
                prop_assert!(parts.slots.is_empty() || parts.slots.iter().all(|slot| !slot.summary().kind.to_string().is_empty()));
                prop_assert!(!parts.sealed.is_under(&GuardedKey::generate()));
            }
        }
    }
}
