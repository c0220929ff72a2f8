//! Do names, numbers in them or times of change put a store's files in order of time?

use std::collections::HashMap;

use super::evidence::Game;
use super::loot::{Loot, StolenFile};
use super::randomness::two_sided;
use super::score::{Scorer, StoreKind, Target, spread};
use super::truth::Truth;
use crate::vault::StraySegment;
use crate::words::count as counted;

/// Files that are compared pair by pair.
const FILES: usize = 2000;

/// Below this many, the exact distribution of inversions is used.
const EXACT: usize = 40;

pub(super) fn play(target: &Target<'_>, loot: &Loot, truth: &Truth, scorer: Option<&Scorer<'_>>) -> Game {
    let dated = match target.kind {
        StoreKind::Other => match scorer {
            Some(scorer) => segments(loot, scorer),
            None => return Game::idle("needs the custodian to keep score"),
        },
        StoreKind::Plain | StoreKind::Naive => pictures(target, loot, truth),
    };
    let dated: Vec<_> = spread(dated.len(), FILES).map(|i| dated[i]).collect();
    if dated.len() < 4 {
        return Game::idle(format!("{} whose time is known", counted(dated.len() as u64, "file")));
    }
    let keys: [(&str, Key); 3] = [("names", by_name), ("numbers in names", by_number), ("times of change", by_change)];
    let mut best: Option<Game> = None;
    for (name, key) in keys {
        let keyed: Vec<(Vec<u8>, i64)> = dated.iter().filter_map(|(file, at)| Some((key(file)?, *at))).collect();
        let Some((won, tried, p)) = concordance(&keyed) else { continue };
        let p = (p * keys.len() as f64).min(1.0);
        if best.as_ref().is_none_or(|game| p < game.p) {
            let about = format!("pairs of {} in the right order, by {name}", counted(dated.len() as u64, "file"));
            best = Some(Game { won, tried, chance: 0.5, p, granted: false, about });
        }
    }
    best.unwrap_or_else(|| Game::idle("nothing differs by which files could be put in order"))
}

type Key = fn(&StolenFile) -> Option<Vec<u8>>;

fn by_name(file: &StolenFile) -> Option<Vec<u8>> {
    Some(file.name.clone())
}

/// The digits behind the last underscore or dash: where tools write times and running numbers.
fn by_number(file: &StolenFile) -> Option<Vec<u8>> {
    let start = file.name.iter().rposition(|b| matches!(b, b'_' | b'-'))?;
    let digits: Vec<u8> = file.name[start..].iter().copied().filter(u8::is_ascii_digit).collect();
    (digits.len() >= 4).then_some(digits)
}

fn by_change(file: &StolenFile) -> Option<Vec<u8>> {
    let changed = file.changed?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(changed.as_nanos().to_be_bytes().to_vec())
}

fn pictures<'l>(target: &Target<'_>, loot: &'l Loot, truth: &Truth) -> Vec<(&'l StolenFile, i64)> {
    let times: HashMap<&[u8], i64> = target
        .names
        .iter()
        .zip(&truth.captures)
        .filter_map(|(name, capture)| Some((name.as_bytes(), capture.captured_at?.as_millisecond())))
        .collect();
    let base = |file: &StolenFile| file.name.rsplit(|&b| b == b'/').next().map(<[u8]>::to_vec).unwrap_or_default();
    loot.files.iter().filter_map(|file| Some((file, *times.get(base(file).as_slice())?))).collect()
}

fn segments<'l>(loot: &'l Loot, scorer: &Scorer<'_>) -> Vec<(&'l StolenFile, i64)> {
    let time = |file: &'l StolenFile| Some((file, scorer.time_of(&StraySegment::open(file.path()).ok()?)?));
    loot.files.iter().filter_map(time).collect()
}

/// Pairs in the order that the keys say, pairs that differ in both, and the probability that independent keys agree (or
/// disagree) so often. `None` when hardly any keys differ.
fn concordance(keyed: &[(Vec<u8>, i64)]) -> Option<(u64, u64, f64)> {
    let (mut same, mut opposite) = (0u64, 0u64);
    for (i, (key, at)) in keyed.iter().enumerate() {
        for (other, when) in &keyed[..i] {
            match (key.cmp(other), at.cmp(when)) {
                (std::cmp::Ordering::Equal, _) | (_, std::cmp::Ordering::Equal) => {}
                (a, b) if a == b => same += 1,
                _ => opposite += 1,
            }
        }
    }
    let (pairs, n) = (same + opposite, keyed.len());
    if n < 4 || pairs * 4 < (n * (n - 1)) as u64 {
        return None;
    }
    let won = same.max(opposite);
    let p = if n < EXACT && pairs == (n * (n - 1) / 2) as u64 {
        (2.0 * inversions_at_most(n, (pairs - won) as usize)).min(1.0)
    } else {
        let n = n as f64;
        // Kendall's statistic: its variance under independence, without ties, which is the larger one.
        two_sided((2.0 * won as f64 - pairs as f64) / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt())
    };
    Some((won, pairs, p))
}

/// The probability that a random permutation of `n` has at most `k` inversions.
fn inversions_at_most(n: usize, k: usize) -> f64 {
    // Inserting the i-th element adds 0 to i − 1 inversions, each as likely.
    let mut shares = vec![1.0f64];
    for i in 2..=n {
        let mut next = vec![0.0; shares.len() + i - 1];
        for (at, share) in shares.iter().enumerate() {
            for added in 0..i {
                next[at + added] += share / i as f64;
            }
        }
        shares = next;
    }
    shares.iter().take(k + 1).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_told_from_disorder() {
        let keyed = |order: &[i64]| order.iter().enumerate().map(|(i, at)| (vec![i as u8], *at)).collect::<Vec<_>>();
        let sorted = concordance(&keyed(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).expect("keys differ");
        assert_eq!((sorted.0, sorted.1), (45, 45));
        assert!(sorted.2 < 1e-5);
        let mixed = concordance(&keyed(&[5, 2, 9, 1, 7, 3, 10, 6, 4, 8])).expect("keys differ");
        assert!(mixed.2 > 0.05);
        let equal: Vec<_> = (0..10).map(|at| (vec![0], at)).collect();
        assert!(concordance(&equal).is_none());
        // Of six permutations of three, one has none, three have at most one.
        assert!((inversions_at_most(3, 0) - 1.0 / 6.0).abs() < 1e-12);
        assert!((inversions_at_most(3, 1) - 0.5).abs() < 1e-12);
    }
}
