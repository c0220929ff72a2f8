//! Two recipients put their copies together: can they tell which records are of the same capture?
//!
//! Hour and place were granted to both, and narrow it down by themselves; that is the chance level. What counts is what
//! ids, pseudonyms, the order of records and their sizes add to it.

use std::collections::{HashMap, HashSet};

use super::evidence::Game;
use super::loot::Loot;
use super::randomness::poisson_at_least;
use super::score::{OpenedCopy, Scorer, StoreKind};
use crate::vault::record::CatalogueRecord;

pub(super) fn play(kind: StoreKind, loot: &Loot, copies: &[OpenedCopy<'_>], scorer: Option<&Scorer<'_>>) -> Game {
    if kind != StoreKind::Other {
        return of_files(loot);
    }
    match (copies, scorer) {
        ([a, b, ..], Some(scorer)) => of_copies(a, b, scorer),
        ([_, _, ..], None) => Game::idle("needs the custodian to keep score"),
        _ => Game::idle("needs two copies with their keys; sealed, they have nothing to compare"),
    }
}

/// Two recipients of such a store hold the same files: names and lengths join them.
fn of_files(loot: &Loot) -> Game {
    let n = loot.files.len() as u64;
    let distinct: HashSet<(&[u8], u64)> = loot.files.iter().map(|file| (file.name.as_slice(), file.len)).collect();
    let won = distinct.len() as u64;
    let chance = 1.0 / n.max(1) as f64;
    let p = poisson_at_least(won, 1.0);
    Game { won, tried: n, chance, p, granted: false, about: "files of the same name and length".to_owned() }
}

/// What both recipients were granted, and may compare.
fn granted(record: &CatalogueRecord) -> (Option<i64>, Option<&str>, Option<&str>, Option<&str>) {
    (record.captured_at, record.site.as_deref(), record.direction.as_deref(), record.class.as_deref())
}

type Buckets<'r> = HashMap<(Option<i64>, Option<&'r str>, Option<&'r str>, Option<&'r str>), Vec<usize>>;

fn buckets(records: &[CatalogueRecord]) -> Buckets<'_> {
    let mut buckets = Buckets::new();
    for (at, record) in records.iter().enumerate() {
        buckets.entry(granted(record)).or_default().push(at);
    }
    buckets
}

fn of_copies(a: &OpenedCopy<'_>, b: &OpenedCopy<'_>, scorer: &Scorer<'_>) -> Game {
    let origins: Vec<_> = b.records.iter().map(|record| scorer.origin(record)).collect();
    let same = |i: usize, j: usize| scorer.origin(&a.records[i]).is_some_and(|origin| origins[j] == Some(origin));
    let shared: HashSet<_> = origins.iter().flatten().collect();
    let common = a.records.iter().filter_map(|record| scorer.origin(record)).filter(|o| shared.contains(o)).count();
    if common == 0 {
        return Game::idle("the two copies have no capture in common");
    }
    let (theirs, mut methods) = (buckets(&b.records), Vec::new());

    // Ids and pseudonyms: any value that both copies hold.
    let ids: HashMap<[u8; 16], usize> = b.records.iter().enumerate().map(|(j, r)| (r.id, j)).collect();
    let by_id = a.records.iter().enumerate().filter(|(i, r)| ids.get(&r.id).is_some_and(|&j| same(*i, j))).count();
    methods.push(("ids", by_id as u64, 1e-9));
    let mut values: HashMap<[u8; 16], usize> = HashMap::new();
    for (j, record) in b.records.iter().enumerate() {
        values.extend(record.regions.iter().flat_map(|r| &r.pseudonyms).map(|p| (p.value, j)));
    }
    let matched = |record: &CatalogueRecord| {
        record.regions.iter().flat_map(|r| &r.pseudonyms).find_map(|p| values.get(&p.value).copied())
    };
    let by_value = (0..a.records.len()).filter(|&i| matched(&a.records[i]).is_some_and(|j| same(i, j))).count();
    methods.push(("pseudonyms", by_value as u64, 1e-9));

    // Within what was granted: the n-th of an hour in one copy is the n-th of that hour in the other; or the one whose
    // record is as long.
    let mine = buckets(&a.records);
    let (mut by_order, mut by_size, mut expected) = (0, 0, 0.0);
    for (key, ours) in &mine {
        let Some(others) = theirs.get(key) else { continue };
        let mut ours_by_size = ours.clone();
        ours_by_size.sort_by_key(|&i| weight(&a.records[i]));
        let mut others_by_size = others.clone();
        others_by_size.sort_by_key(|&j| weight(&b.records[j]));
        for (rank, &i) in ours.iter().enumerate() {
            expected += others.iter().filter(|&&j| same(i, j)).count() as f64 / others.len() as f64;
            by_order += u64::from(others.get(rank).is_some_and(|&j| same(i, j)));
        }
        for (rank, &i) in ours_by_size.iter().enumerate() {
            by_size += u64::from(others_by_size.get(rank).is_some_and(|&j| same(i, j)));
        }
    }
    methods.push(("order", by_order, expected));
    methods.push(("size", by_size, expected));

    let tried = common as u64;
    let trials = methods.len() as f64;
    let judged = methods
        .into_iter()
        .map(|(name, won, by_chance)| (name, won, (poisson_at_least(won, by_chance) * trials).min(1.0)));
    let best = judged.min_by(|a, b| a.2.total_cmp(&b.2).then(b.1.cmp(&a.1)));
    let (name, won, p) = best.unwrap_or(("nothing", 0, 1.0));
    let about = format!(
        "best of ids, pseudonyms, order and size: {name}; the granted hour and place alone join the chance level"
    );
    Game { won, tried, chance: expected / tried as f64, p, granted: false, about }
}

/// Something like a record's length, as far as regions make it.
fn weight(record: &CatalogueRecord) -> usize {
    record.regions.iter().map(|region| 16 + 20 * region.pseudonyms.len()).sum()
}
