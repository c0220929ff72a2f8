//! Connectionist temporal classification: from probabilities of symbols, step by step, to texts.
//!
//! Owns the arithmetic over paths. Symbol 0 is the blank; equal neighbours are one symbol unless a blank parts them.

use std::cmp::Ordering;

/// Longer texts are no plates; their paths are dropped.
pub const MAX_LENGTH: usize = crate::capture::PlateText::MAX_LEN;

/// Prefixes kept from step to step. Readers are sure at most steps, so that few are alive at all.
const BEAM: usize = 16;

/// A symbol below this probability at a step is not tried: it could not lift a text into the first few.
const NEGLIGIBLE: f64 = 1e-4;

/// A prefix this much less probable than the best is dropped: what becomes of it is no spelling that anybody would try.
const HOPELESS: f64 = 1e-6;

/// A text as symbols, and the probability of all its paths that were followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Text {
    symbols: [u8; MAX_LENGTH],
    length: usize,
    pub probability: f64,
}

impl Text {
    /// The symbols, each ≥ 1.
    pub fn symbols(&self) -> &[u8] {
        &self.symbols[..self.length]
    }
}

/// A prefix of a text while the steps go by.
#[derive(Clone, Copy)]
struct Prefix {
    symbols: [u8; MAX_LENGTH],
    length: usize,
    /// Probability of the paths that end in a blank, and of those that do not.
    blank: f64,
    symbol: f64,
}

impl Prefix {
    const EMPTY: Self = Self { symbols: [0; MAX_LENGTH], length: 0, blank: 0.0, symbol: 0.0 };

    fn text(&self) -> &[u8] {
        &self.symbols[..self.length]
    }

    fn probability(&self) -> f64 {
        self.blank + self.symbol
    }
}

/// Turns logits into probabilities, in place; what is not a number becomes improbable.
pub fn softmax(logits: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in logits.iter_mut() {
        let exp = libm::exp(*value - largest);
        *value = if exp.is_finite() { exp } else { 0.0 };
        sum += *value;
    }
    for value in logits.iter_mut() {
        *value = if sum > 0.0 { *value / sum } else { 0.0 };
    }
}

/// The most probable texts, best first, at most `count`, by prefix beam search over steps of `symbols` probabilities.
/// The empty text may be among them.
pub fn best_texts(probabilities: &[f64], symbols: usize, count: usize) -> Vec<Text> {
    let mut beam = vec![Prefix { blank: 1.0, ..Prefix::EMPTY }];
    let mut next: Vec<Prefix> = Vec::new();
    let mut likely: Vec<(u8, f64)> = Vec::new();
    for step in probabilities.chunks_exact(symbols) {
        likely.clear();
        likely.extend((0u8..).zip(step.iter().copied()).skip(1).filter(|(_, p)| *p >= NEGLIGIBLE));
        if likely.is_empty() {
            // Most steps lie between characters, and change no text.
            for prefix in &mut beam {
                let last = prefix.text().last().copied();
                let blank = prefix.probability() * step[0];
                let repeated = last.map_or(0.0, |last| prefix.symbol * step[last as usize]);
                (prefix.blank, prefix.symbol) = (blank, repeated);
            }
            continue;
        }
        next.clear();
        // A text stays: by a blank, or by its last symbol once more.
        next.extend(beam.iter().map(|prefix| {
            let repeated = prefix.text().last().map_or(0.0, |last| prefix.symbol * step[*last as usize]);
            Prefix { blank: prefix.probability() * step[0], symbol: repeated, ..*prefix }
        }));
        for prefix in beam.iter().filter(|prefix| prefix.length < MAX_LENGTH) {
            let last = prefix.text().last().copied();
            for &(symbol, p) in &likely {
                // The last symbol again is a new one only after a blank.
                let before = if last == Some(symbol) { prefix.blank } else { prefix.probability() };
                if before <= 0.0 {
                    continue;
                }
                let mut longer = Prefix { length: prefix.length + 1, blank: 0.0, symbol: before * p, ..*prefix };
                longer.symbols[prefix.length] = symbol;
                // Of two texts that grow, none becomes the other, so that only one which stays can be the same. What lies
                // beyond a text's end is 0 and no symbol: whole arrays of one size are compared.
                match next[..beam.len()].iter_mut().find(|stays| stays.symbols == longer.symbols) {
                    Some(stays) => stays.symbol += longer.symbol,
                    None => next.push(longer),
                }
            }
        }
        if next.len() > BEAM {
            next.select_nth_unstable_by(BEAM - 1, better);
            next.truncate(BEAM);
        }
        next.sort_unstable_by(better);
        let least = next.first().map_or(0.0, |best| best.probability() * HOPELESS);
        next.truncate(next.partition_point(|prefix| prefix.probability() >= least));
        std::mem::swap(&mut beam, &mut next);
    }
    beam.sort_unstable_by(better);
    beam.iter()
        .filter(|prefix| prefix.probability() > 0.0)
        .take(count)
        .map(|p| Text { symbols: p.symbols, length: p.length, probability: p.probability() })
        .collect()
}

/// The more probable first; of two that are as probable always the same.
fn better(a: &Prefix, b: &Prefix) -> Ordering {
    b.probability().total_cmp(&a.probability()).then_with(|| a.symbols.cmp(&b.symbols))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// The text that a path of symbols spells.
    fn collapse(path: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        for (i, &symbol) in path.iter().enumerate() {
            if symbol != 0 && (i == 0 || path[i - 1] != symbol) {
                text.push(symbol);
            }
        }
        text
    }

    /// Every text with the sum over all of its paths, best first.
    fn brute_force(probabilities: &[f64], symbols: usize) -> Vec<(Vec<u8>, f64)> {
        let steps = probabilities.len() / symbols;
        let mut texts: HashMap<Vec<u8>, f64> = HashMap::new();
        for number in 0..symbols.pow(steps as u32) {
            let path: Vec<u8> = (0..steps).map(|t| (number / symbols.pow(t as u32) % symbols) as u8).collect();
            let p: f64 = path.iter().enumerate().map(|(t, &s)| probabilities[t * symbols + s as usize]).product();
            *texts.entry(collapse(&path)).or_default() += p;
        }
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.sort_by(|a, b| b.1.total_cmp(&a.1));
        texts
    }

    proptest! {
        // With two symbols and three steps no more than eleven texts exist, so that the beam loses nothing.
        #[test]
        fn agrees_with_all_paths(logits in prop::collection::vec(-4.0f64..4.0, 9)) {
            let mut probabilities = logits;
            probabilities.chunks_exact_mut(3).for_each(softmax);
            let all = brute_force(&probabilities, 3);
            let found = best_texts(&probabilities, 3, 5);
            prop_assert_eq!(found.len(), 5);
            for (text, (_, p)) in found.iter().zip(&all) {
                prop_assert!((text.probability - p).abs() < 2e-3, "{} {}", text.probability, p);
                let same = all.iter().find(|(symbols, _)| symbols == text.symbols()).unwrap();
                prop_assert!((text.probability - same.1).abs() < 2e-3);
            }
        }

        #[test]
        fn probabilities_are_sorted_and_sum_to_one_at_most(logits in prop::collection::vec(-9.0f64..9.0, 37 * 12)) {
            let mut probabilities = logits;
            probabilities.chunks_exact_mut(37).for_each(softmax);
            let found = best_texts(&probabilities, 37, 5);
            prop_assert!(found.is_sorted_by(|a, b| a.probability >= b.probability));
            prop_assert!(found.iter().map(|t| t.probability).sum::<f64>() <= 1.0 + 1e-9);
            prop_assert!(found.iter().all(|t| t.symbols().iter().all(|s| (1..37).contains(s))));
        }
    }

    #[test]
    fn a_blank_parts_equal_letters() {
        let sure = |symbol: usize| (0..3).map(move |s| if s == symbol { 1.0 } else { 0.0 });
        let steps: Vec<f64> = [1, 1, 0, 1, 2, 2].into_iter().flat_map(sure).collect();
        let found = best_texts(&steps, 3, 5);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].symbols(), [1, 1, 2]);
        assert_eq!(found[0].probability, 1.0);
    }

    #[test]
    fn endless_texts_are_dropped() {
        let steps: Vec<f64> = (0..100).flat_map(|t| if t % 2 == 0 { [0.0, 1.0] } else { [1.0, 0.0] }).collect();
        assert!(best_texts(&steps, 2, 5).is_empty());
    }

    #[test]
    fn numbers_that_are_none_do_no_harm() {
        let mut logits = [f64::NAN, f64::INFINITY, 0.0];
        softmax(&mut logits);
        assert!(logits.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(best_texts(&[f64::NAN; 6], 3, 5).is_empty());
    }
}
