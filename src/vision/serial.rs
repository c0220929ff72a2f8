//! What serials look like: a prior over patterns of letters and digits, never a filter.
//!
//! On many plates O and 0, and I and 1, are drawn alike; issuers leave it to the pattern which is meant. Owns that
//! knowledge and how far it weighs. It chooses between spellings that the net itself holds possible and adds none: a plate
//! that follows no pattern in use is read as it looks.

use crate::capture::Candidate;

mod patterns;

/// Whose plates are expected. What is not expected is still found and read, whatever its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlateRegion {
    /// The United States.
    Us,
    /// Canada.
    Ca,
    /// Mexico.
    Mx,
    /// Brazil.
    Br,
    /// Argentina.
    Ar,
    /// The United Kingdom.
    Uk,
    /// The European Union's members, and the United Kingdom.
    Eu,
}

impl PlateRegion {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Us, Self::Ca, Self::Mx, Self::Br, Self::Ar, Self::Uk, Self::Eu];

    /// Two letters, as operators write it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Ca => "ca",
            Self::Mx => "mx",
            Self::Br => "br",
            Self::Ar => "ar",
            Self::Uk => "uk",
            Self::Eu => "eu",
        }
    }

    fn issues(self, text: &str) -> bool {
        let agrees = |(kind, character): (u8, u8)| (kind == b'D') == character.is_ascii_digit();
        let fits = |pattern: &&str| pattern.len() == text.len() && pattern.bytes().zip(text.bytes()).all(agrees);
        patterns::of(self).iter().copied().flatten().any(fits)
    }
}

/// How much less probable than a pattern in use one is that nobody issues: vanity plates and the rest of the world exist.
///
/// It also says what a sure reading is: one above 1 / (1 + 0.15) = 87 % outweighs all others together, whatever their
/// patterns.
const UNUSED: f32 = 0.15;

/// How much less probable than a pattern of the expected regions one from elsewhere is: half way, in proportion, to one
/// that nobody issues. Vehicles cross borders.
const ELSEWHERE: f32 = 0.39;

/// `expected` empty: from anywhere.
fn prior(text: &str, expected: &[PlateRegion]) -> f32 {
    let from = |regions: &[PlateRegion]| regions.iter().any(|region| region.issues(text));
    if from(expected) {
        1.0
    } else if !from(&PlateRegion::ALL) {
        UNUSED
    } else if expected.is_empty() {
        1.0
    } else {
        ELSEWHERE
    }
}

/// Weighs `candidates` by their patterns and sorts them anew, best first. The total probability stays what it was.
///
/// Patterns of the `expected` regions weigh most; when there are none, all patterns in use weigh the same.
pub fn weigh(candidates: &mut [Candidate], expected: &[PlateRegion]) {
    let total: f32 = candidates.iter().map(|candidate| candidate.probability).sum();
    candidates.iter_mut().for_each(|candidate| candidate.probability *= prior(candidate.text.expose(), expected));
    let weighed: f32 = candidates.iter().map(|candidate| candidate.probability).sum();
    if weighed > 0.0 {
        candidates.iter_mut().for_each(|candidate| candidate.probability *= total / weighed);
    }
    candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::PlateText;

    fn weighed(read: &[(&str, f32)], expected: &[PlateRegion]) -> Vec<(String, f32)> {
        let candidate = |&(text, probability): &(&str, f32)| Candidate {
            text: PlateText::canonical(text).expect("a plate"),
            probability,
        };
        let mut candidates: Vec<_> = read.iter().map(candidate).collect();
        weigh(&mut candidates, expected);
        candidates.iter().map(|c| (c.text.expose().to_owned(), c.probability)).collect()
    }

    fn best(read: &[(&str, f32)], expected: &[PlateRegion]) -> String {
        weighed(read, expected).swap_remove(0).0
    }

    #[test]
    fn between_spellings_that_look_alike_the_pattern_decides() {
        assert_eq!(best(&[("854I1N", 0.6), ("854IIN", 0.3)], &[]), "854IIN");
        assert_eq!(best(&[("169U0Z", 0.6), ("169UOZ", 0.2)], &[]), "169UOZ");
    }

    #[test]
    fn between_patterns_that_are_both_in_use_the_expected_region_decides() {
        // Brazil's current series against its earlier one, which Germany and the United States issue too.
        let unsure = [("ABO1D23", 0.5), ("ABO1023", 0.4)];
        assert_eq!(best(&unsure, &[]), "ABO1D23");
        assert_eq!(best(&unsure, &[PlateRegion::Br]), "ABO1D23");
        assert_eq!(best(&unsure, &[PlateRegion::Us]), "ABO1023");
        // Great Britain's current series has letters last; in Sweden's the digit is possible.
        let unsure = [("AB12CD0", 0.55), ("AB12CDO", 0.4)];
        assert_eq!(best(&unsure, &[PlateRegion::Uk]), "AB12CDO");
        assert_eq!(best(&unsure, &[PlateRegion::Us, PlateRegion::Eu]), "AB12CDO");
        let unsure = [("XYZ12O", 0.5), ("XYZ120", 0.35)];
        assert_eq!(best(&unsure, &[PlateRegion::Ar]), "XYZ120");
        assert_eq!(best(&unsure, &[PlateRegion::Uk, PlateRegion::Ar]), "XYZ12O");
    }

    #[test]
    fn a_clear_reading_is_left_alone_whatever_its_pattern() {
        assert_eq!(best(&[("G0AWAY5X", 0.8), ("GOA1234", 0.01)], &[]), "G0AWAY5X");
        assert_eq!(weighed(&[("AOC1034", 0.9)], &[PlateRegion::Br]), [("AOC1034".to_owned(), 0.9)]);
        // A plate from elsewhere is still read as it is.
        assert_eq!(best(&[("YG9X2G", 0.7), ("YG9X26", 0.1)], &[PlateRegion::Br]), "YG9X2G");
        assert_eq!(best(&[("1ABC234", 0.88), ("IABC234", 0.12)], &[PlateRegion::Br]), "1ABC234");
    }

    #[test]
    fn the_total_stays_and_the_best_comes_first() {
        let found = weighed(&[("0BH8817", 0.6), ("QBH8817", 0.2), ("0BH881I", 0.1)], &[]);
        let total: f32 = found.iter().map(|(_, probability)| probability).sum();
        assert!((total - 0.9).abs() < 1e-5, "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
    }

    #[test]
    fn patterns_are_patterns_and_no_region_lists_one_twice() {
        for region in PlateRegion::ALL {
            for list in patterns::of(region) {
                for (at, pattern) in list.iter().enumerate() {
                    assert!(!pattern.is_empty() && pattern.len() <= PlateText::MAX_LEN, "{region:?} {pattern}");
                    assert!(pattern.bytes().all(|kind| kind == b'L' || kind == b'D'), "{region:?} {pattern}");
                    assert!(!list[..at].contains(pattern), "{region:?} {pattern}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_sure_reading_is_never_changed(
            texts in prop::collection::vec("[A-C0-2]{2,8}", 2..6), sure in 0.871f32..1.0, shares in prop::array::uniform5(0.0f32..1.0),
            expected in prop::sample::subsequence(PlateRegion::ALL.to_vec(), 0..7),
        ) {
            let rest: f32 = shares[..texts.len() - 1].iter().sum::<f32>().max(1.0);
            let others = texts[1..].iter().zip(shares).map(|(text, share)| (text.as_str(), (1.0 - sure) * share / rest));
            let read: Vec<_> = std::iter::once((texts[0].as_str(), sure)).chain(others).collect();
            prop_assert_eq!(&best(&read, &expected), &texts[0]);
        }
    }
}
