//! Spellings that a reader confuses.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use zeroize::Zeroizing;

use crate::capture::PlateText;

/// Search tries at most this many spellings: enough for every single and most double confusions of a plate, few enough
/// to stay specific.
pub const MAX_SPELLINGS: usize = 128;

/// Characters that look alike on a plate, and how far apart they are: 1 is what any reader confuses, 3 what dirt adds.
const CONFUSIONS: [(u8, u8, u32); 19] = [
    (b'O', b'0', 1),
    (b'I', b'1', 1),
    (b'B', b'8', 1),
    (b'S', b'5', 1),
    (b'Z', b'2', 1),
    (b'G', b'6', 1),
    (b'D', b'0', 2),
    (b'Q', b'0', 2),
    (b'D', b'O', 2),
    (b'Q', b'O', 2),
    (b'L', b'1', 2),
    (b'I', b'L', 2),
    (b'T', b'7', 2),
    (b'1', b'7', 3),
    (b'U', b'V', 3),
    (b'C', b'G', 3),
    (b'A', b'4', 3),
    (b'8', b'6', 3),
    (b'E', b'F', 3),
];

/// The text and what it may have been read as, nearest first, at most [`MAX_SPELLINGS`].
pub fn spellings(text: &PlateText) -> Vec<PlateText> {
    let mut found = Vec::new();
    let mut done = HashSet::new();
    // Dijkstra over spellings. Ties are broken by order of discovery, so that the result never depends on hashing.
    let mut discovered = vec![text.clone()];
    let mut queue = BinaryHeap::from([Reverse((0, 0))]);
    while let Some(Reverse((distance, index))) = queue.pop() {
        let current = discovered[index].clone();
        if !done.insert(current.clone()) {
            continue;
        }
        for (at, alike, step) in neighbours(&current) {
            let next = with_character(&current, at, alike);
            if !done.contains(&next) {
                queue.push(Reverse((distance + step, discovered.len())));
                discovered.push(next);
            }
        }
        found.push(current);
        if found.len() == MAX_SPELLINGS {
            break;
        }
    }
    found
}

fn neighbours(text: &PlateText) -> impl Iterator<Item = (usize, u8, u32)> {
    text.expose().bytes().enumerate().flat_map(|(at, byte)| {
        CONFUSIONS.into_iter().filter_map(move |(a, b, step)| match byte {
            _ if byte == a => Some((at, b, step)),
            _ if byte == b => Some((at, a, step)),
            _ => None,
        })
    })
}

fn with_character(text: &PlateText, at: usize, character: u8) -> PlateText {
    let mut changed = Zeroizing::new(String::with_capacity(PlateText::MAX_LEN));
    for (i, byte) in text.expose().bytes().enumerate() {
        changed.push(char::from(if i == at { character } else { byte }));
    }
    PlateText::canonical(&changed).expect("letters and digits were replaced by letters and digits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<String> {
        let text = PlateText::canonical(text).expect("a plate");
        spellings(&text).iter().map(|t| t.expose().to_owned()).collect()
    }

    #[test]
    fn nearest_come_first() {
        assert_eq!(of("XY9"), ["XY9"]);
        let found = of("B0W");
        assert_eq!(found[0], "B0W");
        assert_eq!(found[1..3], ["80W", "BOW"]);
        assert!(found.contains(&"8OW".to_owned()));
        assert!(found.contains(&"BQW".to_owned()));
        let both = found.iter().position(|t| t == "8OW");
        assert!(both < found.iter().position(|t| t == "6QW"));
    }

    proptest! {
        #[test]
        fn bounded_distinct_and_of_the_same_length(text in "[A-Z0-9]{1,16}") {
            let found = of(&text);
            prop_assert!(found.len() <= MAX_SPELLINGS);
            prop_assert_eq!(&found[0], &text);
            prop_assert!(found.iter().all(|t| t.len() == text.len()));
            let distinct: HashSet<_> = found.iter().collect();
            prop_assert_eq!(distinct.len(), found.len());
        }

        /// Whatever a reader confused once, search finds from either side.
        #[test]
        fn one_confusion_is_found_from_both_sides(text in "[A-Z0-9]{1,8}", pick in any::<usize>()) {
            let text = PlateText::canonical(&text).expect("a plate");
            let near: Vec<_> = neighbours(&text).filter(|&(_, _, step)| step <= 2).collect();
            prop_assume!(!near.is_empty());
            let (at, alike, _) = near[pick % near.len()];
            let misread = with_character(&text, at, alike);
            prop_assert!(spellings(&misread).contains(&text));
        }
    }
}
