//! A slot that any *m* of *n* shares open.
//!
//! Shamir's scheme itself is the crate `blahaj`, the fork of `sharks` in which RUSTSEC-2024-0398 (biased coefficients) is
//! mended.

use blahaj::Sharks;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::{Share, SlotKey};
use crate::seal::{CustodyId, SlotId};
use crate::words;

/// How many shares a slot may have: people whom somebody can call together.
const MAX_COUNT: u8 = 32;

/// How many shares there are, and how many of them open the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// That many open it.
    pub threshold: u8,
    /// That many are made.
    pub count: u8,
}

/// A quorum makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{threshold} of {} is no quorum: at least 2 must be needed, and there are at most {MAX_COUNT}", words::count((*count).into(), "share"))]
pub struct QuorumError {
    threshold: u8,
    count: u8,
}

impl Quorum {
    /// `threshold` of `count` shares, from 2 of 2 to 32 of 32. One share that opens a slot alone would be a passphrase on
    /// paper.
    pub fn new(threshold: u8, count: u8) -> Result<Self, QuorumError> {
        if threshold < 2 || threshold > count || count > MAX_COUNT {
            return Err(QuorumError { threshold, count });
        }
        Ok(Self { threshold, count })
    }
}

/// What a share is to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareVerdict {
    /// One of those that open it.
    Good,
    /// A good one that was given before.
    Again,
    /// Of the slot, and not as it was made: its checksums are right, so that it was altered on purpose.
    Altered,
    /// Of another slot, perhaps one that was removed.
    OtherSlot,
    /// Of another custodian's keyring.
    OtherCustodian,
}

/// Parameters of a slot of shares, CBOR.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Parameters {
    #[n(0)]
    threshold: u8,
    /// A fingerprint for each share, so that each can be tried alone. A share is random: its fingerprint tells nothing.
    #[n(1)]
    fingerprints: Vec<Fingerprint>,
}

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
struct Fingerprint(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

impl Fingerprint {
    fn of(share: &Share, custody: CustodyId, slot: SlotId) -> Self {
        let mut material = Zeroizing::new(Vec::with_capacity(65));
        material.extend_from_slice(&custody.0);
        material.extend_from_slice(&slot.0);
        material.push(share.index());
        material.extend_from_slice(share.value());
        let digest = blake3::derive_key("safelight v1 share fingerprint", &material);
        Self(*digest.first_chunk().expect("16 of 32 bytes"))
    }
}

impl Parameters {
    /// Splits a slot's key.
    pub fn split(key: &SlotKey, quorum: Quorum, custody: CustodyId, slot: SlotId) -> (Self, Vec<Share>) {
        let Quorum { threshold, count } = quorum;
        let mut random = rand::rng();
        let dealt = Sharks(threshold).dealer_rng(key.expose(), &mut random).take(usize::from(count));
        let share = |dealt: blahaj::Share| {
            let mut value = Zeroizing::new([0; 32]);
            value.iter_mut().zip(&dealt.y).for_each(|(byte, element)| *byte = element.0);
            Share::new([threshold, count, dealt.x.0], custody, slot, &value)
        };
        let shares: Vec<_> = dealt.map(share).collect();
        let fingerprints = shares.iter().map(|share| Fingerprint::of(share, custody, slot)).collect();
        (Self { threshold, fingerprints }, shares)
    }

    /// How many of how many; `None` when a file says what cannot be.
    pub fn quorum(&self) -> Option<Quorum> {
        Quorum::new(self.threshold, u8::try_from(self.fingerprints.len()).ok()?).ok()
    }

    /// What each share is to the slot.
    pub fn judge(&self, shares: &[Share], custody: CustodyId, slot: SlotId) -> Vec<ShareVerdict> {
        let judged = shares.iter().enumerate().map(|(at, share)| {
            if !share.is_of(custody) {
                ShareVerdict::OtherCustodian
            } else if !share.is_of_slot(slot) {
                ShareVerdict::OtherSlot
            } else if !self.made(share, custody, slot) {
                ShareVerdict::Altered
            } else if shares[..at]
                .iter()
                .any(|before| before.index() == share.index() && self.made(before, custody, slot))
            {
                ShareVerdict::Again
            } else {
                ShareVerdict::Good
            }
        });
        judged.collect()
    }

    fn made(&self, share: &Share, custody: CustodyId, slot: SlotId) -> bool {
        let place = usize::from(share.index()).checked_sub(1).and_then(|at| self.fingerprints.get(at));
        share.is_of(custody) && share.is_of_slot(slot) && place == Some(&Fingerprint::of(share, custody, slot))
    }

    /// Puts the key together; `None` with too few good shares.
    pub fn combine(&self, shares: &[Share], custody: CustodyId, slot: SlotId) -> Option<SlotKey> {
        let Quorum { threshold, .. } = self.quorum()?;
        let verdicts = self.judge(shares, custody, slot);
        let good = shares.iter().zip(verdicts).filter(|(_, verdict)| *verdict == ShareVerdict::Good);
        let parts: Vec<_> = good.take(usize::from(threshold)).map(|(share, _)| dealt(share)).collect();
        let key = Zeroizing::new(Sharks(threshold).recover(&parts).ok()?);
        Some(SlotKey::from_bytes(key.as_slice().try_into().ok()?))
    }
}

fn dealt(share: &Share) -> blahaj::Share {
    let mut bytes = Zeroizing::new([0; 33]);
    bytes[0] = share.index();
    bytes[1..].copy_from_slice(share.value());
    blahaj::Share::try_from(bytes.as_slice()).expect("33 bytes are a share")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CUSTODY: CustodyId = CustodyId([5; 16]);

    fn split(threshold: u8, count: u8) -> (SlotKey, SlotId, Parameters, Vec<Share>) {
        let (key, slot) = (SlotKey::generate(), SlotId::random());
        let quorum = Quorum::new(threshold, count).expect("a quorum");
        let (parameters, shares) = Parameters::split(&key, quorum, CUSTODY, slot);
        (key, slot, parameters, shares)
    }

    fn copies(shares: &[Share], indices: &[usize]) -> Vec<Share> {
        indices.iter().map(|&at| Share::parse(&shares[at].lines()).expect("a share")).collect()
    }

    #[test]
    fn quorums_are_sensible() {
        assert!(Quorum::new(2, 2).is_ok() && Quorum::new(3, 5).is_ok() && Quorum::new(32, 32).is_ok());
        for (threshold, count) in [(0, 0), (0, 3), (1, 1), (1, 3), (4, 3), (2, 33), (255, 255)] {
            assert_eq!(Quorum::new(threshold, count), Err(QuorumError { threshold, count }));
        }
    }

    #[test]
    fn any_three_of_five_give_the_key_and_no_two_do() {
        let (key, slot, parameters, shares) = split(3, 5);
        let (mut triples, mut pairs) = (0, 0);
        for a in 0..5 {
            for b in a + 1..5 {
                pairs += 1;
                assert!(parameters.combine(&copies(&shares, &[a, b]), CUSTODY, slot).is_none());
                assert!(parameters.combine(&copies(&shares, &[a, b, a]), CUSTODY, slot).is_none(), "one twice");
                for c in b + 1..5 {
                    triples += 1;
                    let given = copies(&shares, &[c, a, b]);
                    let opened = parameters.combine(&given, CUSTODY, slot).expect("three are enough");
                    assert!(opened.expose() == key.expose());
                }
            }
        }
        assert_eq!((triples, pairs), (10, 10));
        let all = copies(&shares, &[4, 3, 2, 1, 0, 0]);
        assert!(parameters.combine(&all, CUSTODY, slot).expect("more than enough").expose() == key.expose());
    }

    #[test]
    fn two_shares_recombined_without_the_slot_s_leave_are_not_the_key() {
        // What a thief does who ignores the threshold: the scheme, not the check, must withhold the key.
        let (key, _, _, shares) = split(3, 5);
        for (a, b) in [(0, 1), (1, 4), (2, 3)] {
            let parts = [dealt(&shares[a]), dealt(&shares[b])];
            assert!(Sharks(2).recover(&parts).expect("two points make a line") != key.expose());
        }
    }

    #[test]
    fn shares_are_told_apart() {
        let (_, slot, parameters, shares) = split(2, 3);
        let (_, _, _, other) = split(2, 3);
        let altered = Share::new([2, 3, 2], CUSTODY, slot, &[1; 32]);
        let beyond = Share::new([2, 3, 4], CUSTODY, slot, shares[0].value());
        let zero = Share::new([2, 3, 0], CUSTODY, slot, shares[0].value());
        let foreign = Share::new([2, 3, 1], CustodyId([6; 16]), slot, shares[0].value());
        let mut given = copies(&shares, &[0, 0, 2]);
        given.extend([altered, beyond, zero, foreign]);
        given.extend(copies(&other, &[1]));
        use ShareVerdict::*;
        let verdicts = parameters.judge(&given, CUSTODY, slot);
        assert_eq!(verdicts, [Good, Again, Good, Altered, Altered, Altered, OtherCustodian, OtherSlot]);
    }

    #[test]
    fn shares_of_two_splits_do_not_mix() {
        let (_, slot, parameters, shares) = split(3, 5);
        let (_, other_slot, other_parameters, other) = split(3, 5);
        let mut mixed = copies(&shares, &[0, 1]);
        mixed.extend(copies(&other, &[2]));
        assert!(parameters.combine(&mixed, CUSTODY, slot).is_none());
        assert!(other_parameters.combine(&mixed, CUSTODY, other_slot).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_quorum_gives_the_key_and_one_less_does_not(count in 2_u8..=32, of in 0_u8..=30, seed: u64) {
            let threshold = 2 + of % (count - 1);
            let (key, slot, parameters, shares) = split(threshold, count);
            // Some order of all shares.
            let mut order: Vec<usize> = (0..usize::from(count)).collect();
            order.sort_by_key(|at| blake3::hash(&[&seed.to_le_bytes()[..], &[*at as u8]].concat()).to_hex().to_string());
            let enough = copies(&shares, &order[..usize::from(threshold)]);
            prop_assert!(parameters.combine(&enough, CUSTODY, slot).expect("enough").expose() == key.expose());
            prop_assert!(parameters.combine(&enough[1..], CUSTODY, slot).is_none());
        }
    }
}
