//! A slot that a passphrase opens, stretched by Argon2id.

use argon2::{Algorithm, Argon2, Params, Version};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::SlotKey;
use crate::seal::random;

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

/// Parameters of a passphrase slot, CBOR.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Parameters {
    #[n(0)]
    cost: PassphraseCost,
    #[cbor(n(1), with = "minicbor::bytes")]
    salt: [u8; 16],
}

impl Parameters {
    /// With a fresh salt.
    pub fn new(cost: PassphraseCost) -> Self {
        Self { cost, salt: random() }
    }

    /// `None` when the cost is out of range or there is no memory for it.
    pub fn stretch(&self, passphrase: &Passphrase) -> Option<SlotKey> {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.params()?);
        let mut key = Zeroizing::new([0; 32]);
        argon.hash_password_into(passphrase.0.as_bytes(), &self.salt, key.as_mut_slice()).ok()?;
        Some(SlotKey::from_bytes(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_ask_for_the_whole_machine() {
        let cost = PassphraseCost { memory_kib: u32::MAX, passes: 1, lanes: 1 };
        assert!(cost.params().is_none());
        assert!(PassphraseCost { passes: 1000, ..PassphraseCost::default() }.params().is_none());
        assert!(PassphraseCost::default().params().is_some());
    }

    #[test]
    fn the_default_is_at_least_the_second_recommendation() {
        let cost = PassphraseCost::default();
        assert!(cost.memory_kib >= 64 << 10 && cost.passes >= 3 && cost.lanes >= 4);
    }
}
