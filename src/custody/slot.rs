//! Key slots: ways to get the keyring key, which opens the keyring's body.
//!
//! Each slot wraps the same random keyring key. One kind exists: a passphrase, stretched by Argon2id.

use argon2::{Algorithm, Argon2, Params, Version};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::seal::{CustodyId, random, secret_key};

secret_key! {
    /// Opens the keyring's body. Random; every slot wraps it.
    pub(super) struct KeyringKey
}

/// Shorter passphrases are refused when a slot is made.
const MIN_LEN: usize = 8;

/// What a file may ask of this machine to open a slot: 4 GiB for 64 passes. Beyond it the file is hostile.
const MAX_MEMORY_KIB: u32 = 4 << 20;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

/// A passphrase. Wiped on drop; neither printable nor clonable.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

crate::seal::assert_secret!(Passphrase);

/// A passphrase is too weak to protect a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase has fewer than {MIN_LEN} characters")]
pub struct PassphraseError;

impl Passphrase {
    /// The passphrase as typed. Line ends at its end do not count.
    pub fn new(mut typed: String) -> Self {
        let end = typed.trim_end_matches(['\n', '\r']).len();
        typed.truncate(end);
        Self(typed)
    }

    /// Refuses what is too short for a new slot.
    pub fn check_strength(&self) -> Result<(), PassphraseError> {
        if self.0.chars().count() < MIN_LEN { Err(PassphraseError) } else { Ok(()) }
    }

    /// Whether both are the same, for the prompt's confirmation.
    pub fn matches(&self, other: &Self) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(other.0.as_bytes())
    }
}

/// What a guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PassphraseCost {
    /// Argon2id's memory in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over it.
    #[n(1)]
    pub passes: u32,
    /// Lanes.
    #[n(2)]
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// RFC 9106's second recommendation (three passes, four lanes, 64 MiB) with four times its memory: a keyring is
    /// opened seldom and guards records for decades.
    fn default() -> Self {
        Self { memory_kib: 256 << 10, passes: 3, lanes: 4 }
    }
}

impl PassphraseCost {
    /// `None` when the parameters are out of Argon2's range or beyond what a machine should be asked for.
    fn params(self) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        if memory_kib > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            return None;
        }
        Params::new(memory_kib, passes, lanes, Some(32)).ok()
    }
}

/// A slot as stored: CBOR map. Kinds that this version does not know are kept as they are.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct Slot {
    /// 1: passphrase.
    #[n(0)]
    pub kind: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The kind's parameters, CBOR.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub parameters: Vec<u8>,
    /// The keyring key, sealed (Cobblestone-256) under the slot's key.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct PassphraseParameters {
    #[n(0)]
    cost: PassphraseCost,
    #[cbor(n(1), with = "minicbor::bytes")]
    salt: [u8; 16],
}

secret_key! {
    /// What a passphrase stretches to.
    struct SlotKey
}

impl SlotKey {
    fn cipher(&self) -> cobblestone::Key256 {
        cobblestone::Key256::from_bytes(self.expose())
    }
}

/// The slot kind that a passphrase opens.
const PASSPHRASE: u32 = 1;

impl Slot {
    /// Makes a slot that a passphrase opens; `None` when the cost is out of range or there is no memory for it.
    pub fn with_passphrase(
        passphrase: &Passphrase,
        cost: PassphraseCost,
        key: &KeyringKey,
        custody: CustodyId,
    ) -> Option<Self> {
        let parameters = PassphraseParameters { cost, salt: random() };
        let slot_key = parameters.stretch(passphrase)?;
        let mut encoded = Vec::new();
        minicbor::encode(&parameters, &mut encoded).expect("memory takes every write");
        let mut slot = Self { kind: PASSPHRASE, id: random(), parameters: encoded, wrapped: Vec::new() };
        slot.wrapped = cobblestone::encrypt(&slot_key.cipher(), &slot.context(custody), key.expose())
            .expect("32 bytes are no limit");
        Some(slot)
    }

    /// Tries a passphrase. `None` when it is not this slot's, or the slot is of another kind or damaged: those cannot
    /// be told apart.
    pub fn open(&self, passphrase: &Passphrase, custody: CustodyId) -> Option<KeyringKey> {
        if self.kind != PASSPHRASE {
            return None;
        }
        let parameters: PassphraseParameters = minicbor::decode(&self.parameters).ok()?;
        let slot_key = parameters.stretch(passphrase)?;
        let opened = cobblestone::decrypt(&slot_key.cipher(), &self.context(custody), &self.wrapped).ok()?;
        let opened = Zeroizing::new(opened);
        Some(KeyringKey::from_bytes(opened.as_slice().try_into().ok()?))
    }

    /// Binds a wrapped key to its custodian and to its slot's kind, id and parameters.
    fn context(&self, custody: CustodyId) -> Vec<u8> {
        let mut context = b"safelight v1 keyring slot\0".to_vec();
        context.extend_from_slice(&custody.0);
        context.extend_from_slice(&self.kind.to_le_bytes());
        context.extend_from_slice(&self.id);
        context.extend_from_slice(&self.parameters);
        context
    }
}

impl PassphraseParameters {
    fn stretch(&self, passphrase: &Passphrase) -> Option<SlotKey> {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.params()?);
        let mut key = Zeroizing::new([0; 32]);
        argon.hash_password_into(passphrase.0.as_bytes(), &self.salt, key.as_mut_slice()).ok()?;
        Some(SlotKey::from_bytes(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quick to compute; never used for a real keyring.
    const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
    const CUSTODY: CustodyId = CustodyId([5; 16]);

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    #[test]
    fn a_slot_opens_with_its_passphrase_only() {
        let key = KeyringKey::generate();
        let slot = Slot::with_passphrase(&passphrase("correct horse"), CHEAP, &key, CUSTODY).expect("in range");
        let opened = slot.open(&passphrase("correct horse\r\n"), CUSTODY).expect("the right passphrase");
        assert!(opened.expose() == key.expose());
        assert!(slot.open(&passphrase("correct house"), CUSTODY).is_none());
        assert!(slot.open(&passphrase("correct horse"), CustodyId([6; 16])).is_none());
        for at in 0..slot.parameters.len() {
            let mut altered = slot.clone();
            altered.parameters[at] ^= 1;
            assert!(altered.open(&passphrase("correct horse"), CUSTODY).is_none(), "parameter byte {at}");
        }
    }

    #[test]
    fn a_file_cannot_ask_for_the_whole_machine() {
        let cost = PassphraseCost { memory_kib: u32::MAX, passes: 1, lanes: 1 };
        assert!(cost.params().is_none());
        assert!(PassphraseCost { passes: 1000, ..CHEAP }.params().is_none());
        assert!(PassphraseCost::default().params().is_some());
    }

    #[test]
    fn the_default_is_at_least_the_second_recommendation() {
        let cost = PassphraseCost::default();
        assert!(cost.memory_kib >= 64 << 10 && cost.passes >= 3 && cost.lanes >= 4);
    }
}
