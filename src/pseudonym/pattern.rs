//! Spellings that a pattern stands for, or that are few changes away from one.
//!
//! A catalogue holds keyed hashes of spellings, so whoever looks for a pattern must try every spelling that fits. Owns which
//! these are, and refuses patterns that stand for more than anybody should try.

use std::collections::HashMap;

use rayon::prelude::*;
use thiserror::Error;

use crate::capture::{PlateError, PlateText};

/// What a plate is spelt with.
const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A pattern stands for more spellings than are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the pattern stands for more than the {most} spellings that are tried for it")]
pub struct TooWide {
    /// How many may be tried.
    pub most: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Letter(u8),
    /// `?`: any one character.
    One,
    /// `*`: any number of them.
    Any,
}

/// A plate of which not all is known: `?` stands for one character, `*` for any number.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

impl Pattern {
    /// Reads a pattern; `None` when there is neither `?` nor `*` in it.
    ///
    /// # Errors
    ///
    /// On a character that is none of a plate.
    pub fn parse(text: &str) -> Result<Option<Self>, PlateError> {
        if !text.contains(['?', '*']) {
            return Ok(None);
        }
        let mut pieces = Vec::new();
        for c in text.chars() {
            match c {
                '?' => pieces.push(Piece::One),
                '*' if pieces.last() == Some(&Piece::Any) => {}
                '*' => pieces.push(Piece::Any),
                c => pieces.extend(PlateText::letters(c)?.map(|letter| Piece::Letter(letter as u8))),
            }
        }
        if pieces.iter().filter(|&&piece| piece != Piece::Any).count() > PlateText::MAX_LEN {
            return Err(PlateError::Length);
        }
        Ok(Some(Self(pieces)))
    }

    /// The spellings, at most `most`. Each `*` is tried with as many characters as that allows.
    ///
    /// # Errors
    ///
    /// When not even one character for each `*` can be tried.
    pub fn candidates(&self, most: u64) -> Result<Candidates, TooWide> {
        let stars = self.0.iter().filter(|&&piece| piece == Piece::Any).count();
        let mut found: Option<Candidates> = None;
        for reach in 0..=PlateText::MAX_LEN {
            let mut shapes = vec![Vec::new()];
            for &piece in &self.0 {
                let ends: Vec<Vec<Option<u8>>> = match piece {
                    Piece::Letter(letter) => vec![vec![Some(letter)]],
                    Piece::One => vec![vec![None]],
                    Piece::Any => (0..=reach).map(|len| vec![None; len]).collect(),
                };
                shapes =
                    shapes.iter().flat_map(|shape| ends.iter().map(move |end| [&shape[..], end].concat())).collect();
                shapes.retain(|shape: &Vec<_>| shape.len() <= PlateText::MAX_LEN);
            }
            shapes.retain(|shape| !shape.is_empty());
            shapes.sort();
            shapes.dedup();
            let sum = shapes.iter().try_fold(0u64, |sum, shape| sum.checked_add(spellings_of(shape)?));
            match sum.filter(|&sum| sum <= most) {
                Some(count) => found = Some(Candidates { shapes, count, reach: (stars > 0).then_some(reach) }),
                None => break,
            }
            if stars == 0 {
                break;
            }
        }
        found.filter(|found| found.reach != Some(0)).ok_or(TooWide { most })
    }
}

/// How many spellings a shape has.
fn spellings_of(shape: &[Option<u8>]) -> Option<u64> {
    (ALPHABET.len() as u64).checked_pow(shape.iter().filter(|place| place.is_none()).count() as u32)
}

/// The spellings that a pattern stands for.
pub struct Candidates {
    /// Letters, and places for any.
    shapes: Vec<Vec<Option<u8>>>,
    /// How many spellings there are.
    pub count: u64,
    /// How many characters each `*` was tried with at most, where there is one.
    pub reach: Option<usize>,
}

impl Candidates {
    /// Those of whose letters `known` holds, tried on all processors, in order.
    pub fn matching(&self, known: impl Fn(&[u8]) -> bool + Sync) -> Vec<PlateText> {
        let known = &known;
        let of_shape = |shape: &Vec<Option<u8>>| -> Vec<PlateText> {
            let spelt = |number: u64| {
                let letters = &spelling(shape, number)[..shape.len()];
                known(letters).then(|| PlateText::canonical(&String::from_utf8_lossy(letters))).flatten()
            };
            (0..spellings_of(shape).unwrap_or(0)).into_par_iter().filter_map(spelt).collect()
        };
        let mut found: Vec<_> = self.shapes.iter().flat_map(of_shape).collect();
        found.sort_by(|a, b| a.expose().cmp(b.expose()));
        found.dedup();
        found
    }
}

/// The letters of the spelling with this number among those of a shape. There are many, and few are known: none is allocated.
fn spelling(shape: &[Option<u8>], mut number: u64) -> [u8; PlateText::MAX_LEN] {
    let base = ALPHABET.len() as u64;
    let mut letters = [0; PlateText::MAX_LEN];
    for (letter, place) in letters.iter_mut().zip(shape) {
        *letter = place.unwrap_or_else(|| {
            let letter = ALPHABET[(number % base) as usize];
            number /= base;
            letter
        });
    }
    letters
}

/// All spellings that `changes` letters put in, left out or exchanged make of `text`, with how many it took; the text first,
/// nearer ones before farther ones.
///
/// # Errors
///
/// When they are more than `most`.
pub fn within(text: &PlateText, changes: usize, most: u64) -> Result<Vec<(PlateText, usize)>, TooWide> {
    let mut found = vec![(text.clone(), 0)];
    let mut places = HashMap::from([(text.clone(), 0)]);
    let mut from = 0;
    for distance in 1..=changes {
        let until = found.len();
        for at in from..until {
            let text = found[at].0.clone();
            for near in one_change(text.expose()) {
                let Some(near) = PlateText::canonical(&near) else { continue };
                if let std::collections::hash_map::Entry::Vacant(free) = places.entry(near) {
                    found.push((free.key().clone(), distance));
                    free.insert(distance);
                }
            }
            if found.len() as u64 > most {
                return Err(TooWide { most });
            }
        }
        from = until;
    }
    Ok(found)
}

fn one_change(text: &str) -> impl Iterator<Item = String> + '_ {
    let with = move |at: usize, len: usize, letter: &str| format!("{}{letter}{}", &text[..at], &text[at + len..]);
    (0..=text.len()).flat_map(move |at| {
        let letters = ALPHABET.iter().map(|&letter| char::from(letter).to_string());
        let inserted = letters.clone().map(move |letter| with(at, 0, &letter));
        let exchanged = letters.filter(move |_| at < text.len()).map(move |letter| with(at, 1, &letter));
        let left_out = (at < text.len()).then(|| with(at, 1, ""));
        inserted.chain(exchanged).chain(left_out)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).ok().flatten().expect("a pattern")
    }

    fn all(text: &str, most: u64) -> Vec<String> {
        let found = pattern(text).candidates(most).expect("not too wide").matching(|_| true);
        found.iter().map(|text| text.expose().to_owned()).collect()
    }

    /// As people who know globs would match.
    fn fits(pieces: &[char], text: &[char]) -> bool {
        match (pieces.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                fits(rest, text) || text.split_first().is_some_and(|(_, tail)| fits(pieces, tail))
            }
            (Some(('?', rest)), Some((_, tail))) => fits(rest, tail),
            (Some((a, rest)), Some((b, tail))) => a == b && fits(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn a_mark_is_one_character_and_a_star_any_number() {
        assert_eq!(all("a?-1", 100).len(), 36);
        assert!(all("A?1", 100).contains(&"AQ1".to_owned()));
        let found = pattern("AB*").candidates(1 + 36 + 36 * 36).expect("not too wide");
        assert_eq!((found.count, found.reach), (1 + 36 + 36 * 36, Some(2)));
        assert_eq!(pattern("AB??").candidates(1295).err(), Some(TooWide { most: 1295 }));
        assert!(pattern("*").candidates(35).is_err());
        assert!(Pattern::parse("ABC123").expect("a plate").is_none());
        assert!(matches!(Pattern::parse("AB?Ж"), Err(PlateError::Character { character: 'Ж' })));
        assert!(matches!(Pattern::parse("?????????????????"), Err(PlateError::Length)));
        assert!(pattern("**A**") == pattern("*A*"));
    }

    #[test]
    fn changes_are_counted() {
        let text = PlateText::canonical("AB1").expect("a plate");
        let near = within(&text, 1, 1000).expect("not too wide");
        assert_eq!(near[0].0.expose(), "AB1");
        for (other, is_near) in
            [("AB", true), ("B1", true), ("AB17", true), ("XAB1", true), ("AC1", true), ("BA1", false)]
        {
            assert_eq!(near.iter().any(|(text, _)| text.expose() == other), is_near, "{other}");
        }
        let two = within(&text, 2, 100_000).expect("not too wide");
        assert!(two.iter().any(|(text, distance)| text.expose() == "BA1" && *distance == 2));
        assert!(within(&text, 2, 1000).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_fits_is_tried_and_nothing_else(text in "[A-Z0-9]{1,5}", pieces in "[AB1?*]{1,3}[?*]") {
            let Ok(found) = pattern(&pieces).candidates(60_000) else { return Ok(()) };
            let tried = found.matching(|_| true);
            let pieces: Vec<char> = pieces.chars().collect();
            for one in tried.iter().step_by(97) {
                prop_assert!(fits(&pieces, &one.expose().chars().collect::<Vec<_>>()));
            }
            let stars = pieces.iter().filter(|&&piece| piece == '*').count();
            let reach = found.reach.unwrap_or(0);
            if fits(&pieces, &text.chars().collect::<Vec<_>>()) && text.len() <= pieces.len() - stars + reach {
                prop_assert!(tried.iter().any(|one| one.expose() == text));
            }
        }
    }
}
