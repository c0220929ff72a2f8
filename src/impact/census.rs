//! How many vehicles? Counted from plate pseudonyms, which the catalogue has, and not from texts, which it has not.
//!
//! Counting distinct most probable pseudonyms errs in two ways. A misreading makes a second vehicle of one; a plate that
//! was found and could not be read makes none. Both are estimated from the catalogue itself:
//!
//! 1. *Who was it?* Every unsure reading has several candidate pseudonyms with probabilities. One that other photographs
//!    show too is far likelier than one that nobody ever saw, because plates in use are few among plates possible. So
//!    each reading's probabilities are weighted by how often its candidates are seen elsewhere, and again with the
//!    weights that follow, until they settle (expectation maximisation of a mixture with a small prior for newcomers).
//!    A pseudonym counts as a vehicle with the probability that at least one reading really was it. What the detector
//!    was unsure of counts as the share of a plate that the detector took it for.
//! 2. *Who was not read at all?* Reading a plate is like catching an animal: from how many vehicles were read once,
//!    twice, three times follows how many would have been met for the first time among the unread ones. With *t* unread
//!    plates for each read one and *f*ᵣ vehicles read *r* times, that is −Σ (−*t*)ʳ *f*ᵣ (Good and Toulmin, 1956), which
//!    holds for *t* ≤ 1, and has the variance Σ *t*²ʳ *f*ᵣ.
//!
//! The interval is 95 % of the sampling error plus half of both corrections, because the model behind them is a model.
//! Vehicles whose plate was not found on any photograph are in no catalogue and in no figure.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::figures::{MIN_CELL, is_told};
use super::tally::Token;
use crate::seal::VaultId;
use crate::vault::record::RegionRecord;

/// The prior weight of a plate that no other photograph shows, beside 1 for each that does. Measured on drawn
/// photographs, anything between a hundredth and a tenth gives the same count within one in a hundred.
const NEWCOMER: f64 = 0.02;

/// Rounds of reweighting; they settle after three or four.
const ROUNDS: usize = 8;

/// Normal quantile of a two-sided 95 % interval.
const QUANTILE: f64 = 1.96;

/// Distinct vehicles, with what the figure is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Vehicles {
    /// Plates found, front and rear and every time anew.
    pub plates: u64,
    /// Of these, such as could not be read.
    pub unread: u64,
    /// Distinct most probable pseudonyms: what mere counting gives.
    pub pseudonyms: u64,
    /// Of these, how many are estimated to be misreadings of others.
    pub misread: f64,
    /// Vehicles estimated to have been met unread only.
    pub never_read: f64,
    /// The estimate: pseudonyms less misreadings, and those never read.
    pub estimate: u64,
    /// Lower end of the 95 % interval.
    pub low: u64,
    /// Its upper end.
    pub high: u64,
    /// Pseudonym epochs and copies in which vehicles were counted separately, such of [`MIN_CELL`](super::MIN_CELL) captures and
    /// more: one that was seen in two of them is in the estimate twice, and the lower end is that of the largest alone.
    pub counted_separately: u64,
}

/// One space of pseudonyms: a vault, or a copy, in one epoch.
#[derive(Default)]
struct Space {
    captures: HashSet<Token>,
    numbers: HashMap<[u8; 16], u32>,
    /// Readings as certain as they come, by pseudonym.
    sure: Vec<u32>,
    /// How often each is the most probable.
    first: Vec<u32>,
    /// Candidates of unsure readings, one reading after another.
    candidates: Vec<(u32, f32)>,
    /// Where each unsure reading's candidates end, and how sure the detector was that it is a plate at all.
    ends: Vec<(u32, f32)>,
    plates: u64,
    unread: u64,
    /// Expected number of real plates among those without any reading: what the detector thought of each.
    unread_weight: f64,
}

/// Readings, gathered record by record.
#[derive(Default)]
pub(super) struct Census {
    spaces: HashMap<(VaultId, u32), Space>,
}

impl Census {
    /// Adds a plate on a capture, by a record of `vault` in `epoch`.
    pub fn plate(&mut self, vault: VaultId, epoch: u32, capture: Token, region: &RegionRecord) {
        let space = self.spaces.entry((vault, epoch)).or_default();
        space.captures.insert(capture);
        space.add(region);
    }

    /// The estimate over all spaces; `None` where so few captures show a plate that nothing is told of them.
    pub fn vehicles(&self) -> Option<Vehicles> {
        let captures: HashSet<_> = self.spaces.values().flat_map(|space| &space.captures).collect();
        is_told(captures.len() as u64).then(|| self.estimate())
    }

    fn estimate(&self) -> Vehicles {
        let mut spaces: Vec<_> = self.spaces.iter().collect();
        spaces.sort_by_key(|(key, _)| **key);
        let counted = spaces.iter().filter(|(_, space)| space.captures.len() as u64 >= MIN_CELL);
        let mut all = Vehicles { counted_separately: counted.count() as u64, ..Vehicles::default() };
        for vehicles in spaces.into_iter().map(|(_, space)| space.vehicles()) {
            all.plates += vehicles.plates;
            all.unread += vehicles.unread;
            all.pseudonyms += vehicles.pseudonyms;
            all.misread += vehicles.misread;
            all.never_read += vehicles.never_read;
            all.estimate += vehicles.estimate;
            all.low = all.low.max(vehicles.low);
            all.high += vehicles.high;
        }
        all
    }
}

impl Space {
    fn add(&mut self, region: &RegionRecord) {
        /// From here on a reading is taken for certain.
        const CERTAIN: u8 = 99;
        self.plates += 1;
        let Some(best) = region.pseudonyms.first() else {
            self.unread += 1;
            self.unread_weight += f64::from(region.score) / 100.0;
            return;
        };
        let number = self.number(best.value);
        self.first[number as usize] += 1;
        if best.probability >= CERTAIN {
            self.sure[number as usize] += 1;
            return;
        }
        for pseudonym in &region.pseudonyms {
            let number = self.number(pseudonym.value);
            // What is shown as 0 % is less than half a per cent.
            self.candidates.push((number, f32::from(pseudonym.probability).max(0.25) / 100.0));
        }
        self.ends.push((self.candidates.len() as u32, f32::from(region.score) / 100.0));
    }

    fn number(&mut self, pseudonym: [u8; 16]) -> u32 {
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(pseudonym).or_insert(next);
        if number == next {
            self.sure.push(0);
            self.first.push(0);
        }
        number
    }

    /// Each unsure reading's candidates, and how probably it is a plate.
    fn unsure(&self) -> impl Iterator<Item = (std::ops::Range<usize>, f64)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end.0));
        starts.zip(&self.ends).map(|(start, &(end, plate))| (start as usize..end as usize, f64::from(plate)))
    }

    fn vehicles(&self) -> Vehicles {
        // Expected readings of each pseudonym, and each unsure reading's share in them.
        let mut weights: Vec<f64> = self.sure.iter().map(|&count| f64::from(count)).collect();
        let mut shares: Vec<f64> = self.candidates.iter().map(|&(_, p)| f64::from(p)).collect();
        for (reading, plate) in self.unsure() {
            shares[reading].iter_mut().for_each(|share| *share *= plate);
        }
        for (&(number, _), share) in self.candidates.iter().zip(&shares) {
            weights[number as usize] += share;
        }
        // Expected number of plates whose reading is none of its candidates: as good as unread.
        let mut none_of_them = 0.0;
        for _ in 0..ROUNDS {
            let mut next: Vec<f64> = self.sure.iter().map(|&count| f64::from(count)).collect();
            let mut unread = 0.0;
            for (reading, plate) in self.unsure() {
                let candidates = &self.candidates[reading.clone()];
                let shares = &mut shares[reading];
                let none = 1.0 - candidates.iter().map(|&(_, p)| f64::from(p)).sum::<f64>();
                let mut total = none.max(0.0) * NEWCOMER;
                for (&(number, p), share) in candidates.iter().zip(shares.iter_mut()) {
                    let elsewhere = (weights[number as usize] - *share).max(0.0);
                    *share = f64::from(p) * (elsewhere + NEWCOMER);
                    total += *share;
                }
                let mut none = plate;
                for (&(number, _), share) in candidates.iter().zip(shares) {
                    *share *= plate / total;
                    none -= *share;
                    next[number as usize] += *share;
                }
                unread += none.max(0.0);
            }
            (weights, none_of_them) = (next, unread);
        }

        // The probability that nobody was it, for each pseudonym.
        let mut absent: Vec<f64> = self.sure.iter().map(|&count| f64::from(u8::from(count == 0))).collect();
        for (&(number, _), share) in self.candidates.iter().zip(&shares) {
            absent[number as usize] *= 1.0 - share.min(1.0);
        }
        let unread = self.unread_weight + none_of_them;
        let read: f64 = weights.iter().sum();
        let real: f64 = absent.iter().map(|absent| 1.0 - absent).sum();
        let doubt: f64 = absent.iter().map(|absent| absent * (1.0 - absent)).sum();

        // Good and Toulmin hold up to as many unread plates as read ones.
        let t = if read > 0.0 { (unread / read).min(1.0) } else { 0.0 };
        let (mut never_read, mut variance) = (0.0, doubt);
        for (weight, absent) in weights.iter().zip(&absent) {
            let times = weight.round().clamp(1.0, 64.0) as i32;
            never_read -= (1.0 - absent) * (-t).powi(times);
            variance += (1.0 - absent) * t.powi(2 * times);
        }
        // Not fewer than none, and not more than there are; where nothing could be read, nothing better is known.
        let never_read = if read > 0.0 { never_read.clamp(0.0, unread) } else { unread };
        let pseudonyms = self.first.iter().filter(|&&count| count > 0).count() as u64;
        let misread = pseudonyms as f64 - real;
        let estimate = real + never_read;
        let slack = QUANTILE * variance.sqrt() + (misread.abs() + never_read) / 2.0;
        Vehicles {
            plates: self.plates,
            unread: self.unread,
            pseudonyms,
            misread,
            never_read,
            estimate: estimate.round() as u64,
            low: (estimate - slack).max(0.0).floor() as u64,
            high: (estimate + slack).ceil() as u64,
            counted_separately: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::vault::record::PseudonymRecord;

    fn plate(candidates: &[(u64, u8)]) -> RegionRecord {
        let pseudonym = |&(vehicle, probability): &(u64, u8)| {
            let mut value = [0; 16];
            value[..8].copy_from_slice(&vehicle.to_le_bytes());
            PseudonymRecord { value, probability }
        };
        let pseudonyms = candidates.iter().map(pseudonym).collect();
        RegionRecord { kind: 0, bounds: [0; 4], score: 100, pseudonyms, blank: None }
    }

    fn counted(plates: &[RegionRecord]) -> Vehicles {
        let mut census = Census::default();
        for (number, plate) in (0u64..).zip(plates) {
            census.plate(VaultId([1; 16]), 1, *number.to_be_bytes().last_chunk().expect("7 of 8 bytes"), plate);
        }
        census.vehicles().expect("enough to be told")
    }

    #[test]
    fn sure_readings_are_merely_counted() {
        let plates: Vec<_> = (0..100).map(|i| plate(&[(i % 30, 100)])).collect();
        let vehicles = counted(&plates);
        assert_eq!((vehicles.estimate, vehicles.low, vehicles.high), (30, 30, 30));
    }

    #[test]
    fn a_misreading_of_a_vehicle_that_is_seen_elsewhere_makes_no_new_one() {
        let mut plates: Vec<_> = (0..20).map(|i| plate(&[(i, 100)])).collect();
        // The reader was rather sure of a plate that nobody ever saw; its second guess is a regular.
        plates.push(plate(&[(999, 80), (7, 15)]));
        let vehicles = counted(&plates);
        assert_eq!((vehicles.pseudonyms, vehicles.estimate), (21, 20));
        assert!(vehicles.low <= 20 && vehicles.high >= 20);
    }

    #[test]
    fn nothing_read_leaves_everything_open() {
        let plates: Vec<_> = (0..50).map(|_| plate(&[])).collect();
        let vehicles = counted(&plates);
        assert!(vehicles.estimate == 50 && vehicles.low <= 25 && vehicles.high >= 50, "{vehicles:?}");
        assert_eq!(counted(&[]).high, 0);
    }

    #[test]
    fn the_truth_lies_in_the_interval_for_many_worlds() {
        let mut inside = 0;
        for world in 0..60 {
            let mut rng = ChaCha8Rng::seed_from_u64(world);
            let fleet = rng.random_range(50..3000u64);
            let passages = fleet * rng.random_range(1..5u64);
            let (unsure, unread) = (rng.random_range(0.0..0.3), rng.random_range(0.0..0.4));
            let mut met = std::collections::HashSet::new();
            let mut plates = Vec::new();
            for passage in 0..passages {
                let vehicle = (fleet as f64 * rng.random::<f64>().powf(1.35)) as u64;
                met.insert(vehicle);
                plates.push(if rng.random_bool(unread) {
                    plate(&[])
                } else if rng.random_bool(unsure) {
                    // As unsure as it says: the first is right in six of ten cases, the second in three.
                    let other = |n: u64| n * 1_000_000 + passage;
                    match rng.random_range(0..10) {
                        0..6 => plate(&[(vehicle, 60), (other(1), 30)]),
                        6..9 => plate(&[(other(1), 60), (vehicle, 30)]),
                        _ => plate(&[(other(1), 60), (other(2), 30)]),
                    }
                } else {
                    plate(&[(vehicle, 97), (3_000_000 + passage, 3)])
                });
            }
            let vehicles = counted(&plates);
            inside += u32::from((vehicles.low..=vehicles.high).contains(&(met.len() as u64)));
        }
        assert!(inside >= 57, "the truth lay in {inside} of 60 intervals");
    }
}
