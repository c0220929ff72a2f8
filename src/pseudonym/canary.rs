//! Canaries: a capture's id in a copy, by which the custodian, and nobody else, can tell whose copy it came from.
//!
//! Without the key they are random ids: a keyed permutation of 128 bits, so that they neither repeat within a copy nor
//! can be joined across copies. With it, one id out of a leaked list names the recipient, the export and the capture.

use crate::capture::CaptureId;
use crate::seal::{KeyId, secret_key};

secret_key! {
    /// Marks the ids of copies, and reads the marks.
    pub struct CanaryKey
}

/// What an id in a copy says to the custodian. All parts are short, and long enough to tell copies and captures apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Canary {
    /// The beginning of the recipient's key id.
    pub recipient: [u8; 3],
    /// Random, one for each export: two copies for the same recipient share no id.
    pub export: [u8; 3],
    /// What stands for the capture in the vault: see [`Canary::trace_of`].
    pub capture: [u8; 7],
}

/// Four rounds of a Feistel network with a keyed hash make a permutation that nobody can tell from a random one
/// (Luby and Rackoff, 1988).
const ROUNDS: u8 = 4;

impl CanaryKey {
    /// The id under which a capture appears in a copy.
    pub fn mark(&self, canary: Canary) -> CaptureId {
        self.mark_part(canary, 0)
    }

    /// The id of one of the records into which a copy parts a capture; below [`Canary::PARTS`].
    pub fn mark_part(&self, canary: Canary, part: u8) -> CaptureId {
        let mut block = [0; 16];
        block[..3].copy_from_slice(&canary.recipient);
        block[3..6].copy_from_slice(&canary.export);
        block[6..13].copy_from_slice(&canary.capture);
        block[13] = part;
        let (mut left, mut right) = halves(&block);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        CaptureId(joined(left, right))
    }

    /// What `id` says; `None` for an id that is not from a copy. Of random ids, one in 2¹⁸ seems to say something: only
    /// what agrees with the vault, or several that agree with each other, are evidence.
    pub fn read(&self, id: CaptureId) -> Option<Canary> {
        let (mut left, mut right) = halves(&id.0);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        let block = joined(left, right);
        let (recipient, rest) = block.split_first_chunk::<3>()?;
        let (export, rest) = rest.split_first_chunk::<3>()?;
        let (capture, zeros) = rest.split_first_chunk::<7>()?;
        let [part, 0, 0] = zeros else { return None };
        (*part < Canary::PARTS).then_some(Canary { recipient: *recipient, export: *export, capture: *capture })
    }

    fn round(&self, round: u8, half: u64) -> u64 {
        let mut input = [round; 9];
        input[1..].copy_from_slice(&half.to_le_bytes());
        let digest = blake3::keyed_hash(self.expose(), &input);
        u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("8 of 32 bytes"))
    }
}

impl Canary {
    /// Records into which a capture can be parted, each with an id of its own.
    pub const PARTS: u8 = 64;

    /// What marks `capture` in an export with that random number for the holder of the key `recipient`.
    pub fn new(recipient: KeyId, export: [u8; 3], capture: CaptureId) -> Self {
        let [a, b, c, ..] = recipient.0;
        Self { recipient: [a, b, c], export, capture: Self::trace_of(capture) }
    }

    /// The first seven bytes of a capture's id, hashed: short, and distinct however ids were chosen.
    pub fn trace_of(capture: CaptureId) -> [u8; 7] {
        *blake3::hash(&capture.0).as_bytes().first_chunk().expect("7 of 32 bytes")
    }

    /// Whether the copy was made for the holder of that key.
    pub fn is_for(&self, recipient: KeyId) -> bool {
        recipient.0.starts_with(&self.recipient)
    }
}

fn halves(block: &[u8; 16]) -> (u64, u64) {
    let [left, right] = [0, 8].map(|at| *block[at..].first_chunk().expect("8 of 16 bytes"));
    (u64::from_le_bytes(left), u64::from_le_bytes(right))
}

fn joined(left: u64, right: u64) -> [u8; 16] {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&left.to_le_bytes());
    block[8..].copy_from_slice(&right.to_le_bytes());
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mark_is_read_by_its_key_and_by_no_other(key: [u8; 32], recipient: [u8; 3], export: [u8; 3], capture: [u8; 7]) {
            let canary = Canary { recipient, export, capture };
            let key = CanaryKey::from_bytes(&key);
            let id = key.mark(canary);
            prop_assert_eq!(key.read(id), Some(canary));
            prop_assert_eq!(key.read(key.mark_part(canary, Canary::PARTS - 1)), Some(canary));
            prop_assert_eq!(key.read(key.mark_part(canary, Canary::PARTS)), None);
            // One in 2¹⁸ would be read by another key; of these cases none.
            prop_assert_eq!(CanaryKey::from_bytes(&[0x5a; 32]).read(id), None);
        }
    }

    /// Fixed, so that a copy that leaks in decades is still recognised.
    #[test]
    fn the_permutation_never_changes() {
        let canary = Canary { recipient: [1, 2, 3], export: [4, 5, 6], capture: [7; 7] };
        let id = CanaryKey::from_bytes(&[7; 32]).mark(canary);
        assert_eq!(id.to_string(), "YDGMJ1GKZY933ZK223YPNFKNHM");
        assert!(canary.is_for(KeyId(*b"\x01\x02\x03 and whatever")));
    }
}
