//! Dice: sources of chance derived from (seed, purpose, index), and a few throws.
//!
//! Owns how chance is derived, so that no picture depends on which thread drew it or what was drawn before it.

use rand::{RngExt, SeedableRng};

use super::scene::Rng;

/// The source of chance for one thing: the same `seed`, `purpose` and `index` always give the same throws, and none of
/// them says anything about another's.
pub fn dice(seed: u64, purpose: &str, index: u64) -> Rng {
    let mut hasher = blake3::Hasher::new_derive_key("safelight simulate v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher.update(purpose.as_bytes());
    Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Throws that drawing needs.
pub trait Chance {
    /// Uniform in 0..1.
    fn unit(&mut self) -> f32;

    /// Uniform between `low` and `high`.
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    fn odds(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Uniform in 0..`n`; 0 for `n` = 0.
    fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f32) as usize).min(n.saturating_sub(1))
    }

    /// One of `choices`, which must not be empty.
    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// One of `choices` by weight; they must not be empty.
    fn weighted<'a, T>(&mut self, choices: &'a [(T, f32)]) -> &'a T {
        let mut left = self.unit() * choices.iter().map(|c| c.1).sum::<f32>();
        for (choice, weight) in choices {
            left -= weight;
            if left < 0.0 {
                return choice;
            }
        }
        &choices[choices.len() - 1].0
    }

    /// Bell-shaped around 0 with a standard deviation of about 1, never beyond ±3.5 (so that nothing drawn explodes).
    fn bell(&mut self) -> f32 {
        (0..6).map(|_| self.unit()).sum::<f32>() * std::f32::consts::SQRT_2 - 3.0 * std::f32::consts::SQRT_2
    }
}

impl Chance for Rng {
    fn unit(&mut self) -> f32 {
        self.random::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_told_apart_by_each_part_of_their_name() {
        let first = |s, p, i| dice(s, p, i).random::<u64>();
        let base = first(1, "a", 1);
        assert_eq!(base, first(1, "a", 1));
        assert!([first(2, "a", 1), first(1, "b", 1), first(1, "a", 2)].iter().all(|&other| other != base));
    }

    #[test]
    fn throws_stay_in_bounds() {
        let mut rng = dice(7, "bounds", 0);
        for _ in 0..1000 {
            assert!(rng.bell().abs() <= 4.3);
            assert!(rng.below(3) < 3);
            assert!(*rng.weighted(&[(false, 0.0), (true, 1.0)]));
        }
    }
}
