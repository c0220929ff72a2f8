//! What serials look like: a prior over patterns of letters and digits, never a filter.
//!
//! On many plates O and 0, and I and 1, are drawn alike; issuers leave it to the pattern which is meant. Owns that
//! knowledge and how far it weighs. It chooses between spellings that the net itself holds possible and adds none: a plate
//! that follows no pattern in use is read as it looks.

use crate::capture::Candidate;

/// Patterns of serials in common use: `L` a letter, `D` a digit. From the issuers' public descriptions.
#[rustfmt::skip]
const PATTERNS: &[&str] = &[
    // United States and Canada
    "LLLDDD", "LLLDDDD", "DDDLLL", "DLLLDDD", "LLDDDDD", "DDDDLLL", "LLLLDDD", "DDDDLL", "LLLDDL", "DLLDDD", "DDDLLD",
    "LLDDDD", "DDLLDD", "DDDDDD", "DDDDDDD", "LDDDDD", "LDDDDDD", "DDLDDDD", "DLDDDDD", "LDDLLL", "LDDDLL",
    // Mexico, Brazil, Argentina
    "LLLDDDL", "LLLDLDD", "LLDDDLL", "LDDDLLL",
    // Europe
    "LLDDLLL", "LLDDDL", "DLLDDDD", "DDDLLDD", "LLDDLL", "DDLLLD", "LLDDDLLL", "LDDDDDLL", "DDDDDLL", "LLDDDDLL",
    "LLLDDDDD", "DDLDDDDD", "DLLDDDDD", "LLLDDDLL", "LLLLDDDD", "LLLLDD", "LLLDD", "LLDD", "LLDDD", "LLLLD", "LDDD",
    "LDDDD", "LLLLLDD", "LLLLLDDD", "DDLLLDDD",
];

/// How much less probable than a pattern in use one is that nobody issues: vanity plates and the rest of the world exist.
const UNUSED: f32 = 0.15;

fn prior(text: &str) -> f32 {
    let agrees = |(kind, character): (u8, u8)| (kind == b'D') == character.is_ascii_digit();
    let fits = |pattern: &&str| pattern.len() == text.len() && pattern.bytes().zip(text.bytes()).all(agrees);
    if PATTERNS.iter().any(fits) { 1.0 } else { UNUSED }
}

/// Weighs `candidates` by their patterns and sorts them anew, best first. The total probability stays what it was.
pub fn weigh(candidates: &mut [Candidate]) {
    let total: f32 = candidates.iter().map(|candidate| candidate.probability).sum();
    candidates.iter_mut().for_each(|candidate| candidate.probability *= prior(candidate.text.expose()));
    let weighed: f32 = candidates.iter().map(|candidate| candidate.probability).sum();
    if weighed > 0.0 {
        candidates.iter_mut().for_each(|candidate| candidate.probability *= total / weighed);
    }
    candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::PlateText;

    fn weighed(read: &[(&str, f32)]) -> Vec<(String, f32)> {
        let candidate = |&(text, probability): &(&str, f32)| Candidate {
            text: PlateText::canonical(text).expect("a plate"),
            probability,
        };
        let mut candidates: Vec<_> = read.iter().map(candidate).collect();
        weigh(&mut candidates);
        candidates.iter().map(|c| (c.text.expose().to_owned(), c.probability)).collect()
    }

    #[test]
    fn between_spellings_that_look_alike_the_pattern_decides() {
        assert_eq!(weighed(&[("854I1N", 0.6), ("854IIN", 0.3)])[0].0, "854IIN");
        assert_eq!(weighed(&[("169U0Z", 0.6), ("169UOZ", 0.2)])[0].0, "169UOZ");
    }

    #[test]
    fn a_clear_reading_is_left_alone_whatever_its_pattern() {
        assert_eq!(weighed(&[("G0AWAY5X", 0.8), ("GOA1234", 0.01)])[0].0, "G0AWAY5X");
        assert_eq!(weighed(&[("AOC1034", 0.9)]), [("AOC1034".to_owned(), 0.9)]);
    }

    #[test]
    fn the_total_stays_and_the_best_comes_first() {
        let found = weighed(&[("0BH8817", 0.6), ("QBH8817", 0.2), ("0BH881I", 0.1)]);
        let total: f32 = found.iter().map(|(_, probability)| probability).sum();
        assert!((total - 0.9).abs() < 1e-5, "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
    }
}
