//! Two recipients put their copies together: can they tell which records are of the same capture?
//!
//! Hour and place were granted to both, and so was what a copy is for: which plates and faces a capture shows, under
//! pseudonyms that repeat within the copy. Those narrow it down by themselves; how far they do is measured with the same
//! assignment, and is the chance level. What counts is what all other fields of the records, their order and their
//! lengths add to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::evidence::Game;
use super::loot::Loot;
use super::randomness::{fisher, poisson_at_least};
use super::score::{OpenedCopy, Scorer, StoreKind};
use crate::vault::record::{CatalogueRecord, RegionRecord};

/// Copies that are compared, each with each.
const COPIES: usize = 4;

/// Records of one hour and place that are compared, each with each; more are left out.
const BUCKET: usize = 2000;

/// Other places and hours at which a pseudonym is looked for.
const TRAIL: usize = 64;

/// Milliseconds.
const HOUR: i64 = 3_600_000;

pub(super) fn play(kind: StoreKind, loot: &Loot, copies: &[OpenedCopy<'_>], scorer: Option<&Scorer<'_>>) -> Game {
    if kind != StoreKind::Other {
        return of_files(loot);
    }
    let Some(scorer) = scorer.filter(|_| copies.len() > 1) else {
        return Game::idle(if copies.len() > 1 {
            "needs the custodian to keep score"
        } else {
            "needs two copies with their keys; sealed, they have nothing to compare"
        });
    };
    let copies: Vec<Copy<'_>> = copies.iter().take(COPIES).map(|copy| Copy::new(&copy.records, scorer)).collect();
    let mut joined = Vec::new();
    for (at, a) in copies.iter().enumerate() {
        joined.extend(copies[at + 1..].iter().filter_map(|b| join(a, b)));
    }
    let pairs = joined.len() as f64;
    // Pictures are alike by themselves: copies that need more than that to be joined come first.
    let worst = joined
        .into_iter()
        .min_by(|a, b| a.granted.cmp(&b.granted).then(a.p.total_cmp(&b.p)).then(b.tried.cmp(&a.tried)));
    worst.map_or_else(
        || Game::idle("no two copies have a capture in common"),
        |game| Game { p: (game.p * pairs).min(1.0), ..game },
    )
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

/// Something that capture ids of copies are read as.
type Origin = Option<[u8; 7]>;

/// One recipient's records, and, to keep score, which capture each is of.
struct Copy<'r> {
    records: &'r [CatalogueRecord],
    origins: Vec<Origin>,
    /// Whether times are exact: they and the lane were granted then.
    exact: bool,
    /// Whether it holds pictures, and their sizes and boxes with them.
    pictures: bool,
    /// Kinds of which it has pseudonyms.
    kinds: HashSet<u8>,
}

impl<'r> Copy<'r> {
    fn new(records: &'r [CatalogueRecord], scorer: &Scorer<'_>) -> Self {
        let named = |r: &&RegionRecord| !r.pseudonyms.is_empty();
        Self {
            records,
            origins: records.iter().map(|record| scorer.origin(record)).collect(),
            exact: records.iter().any(|record| record.captured_at.is_some_and(|at| at % HOUR != 0)),
            pictures: records.iter().any(|record| record.width > 0),
            kinds: records.iter().flat_map(|r| &r.regions).filter(named).map(|r| r.kind).collect(),
        }
    }

    /// Records by what both recipients were granted and may compare: when and where.
    fn buckets(&self, exact: bool) -> Buckets<'r> {
        let mut buckets = Buckets::new();
        for (at, record) in self.records.iter().enumerate() {
            let bucket = buckets.entry(place(record, exact)).or_default();
            if bucket.len() < BUCKET {
                bucket.push(at);
            }
        }
        buckets
    }
}

type Place<'r> = (Option<i64>, Option<&'r str>, Option<&'r str>, Option<&'r str>, Option<&'r str>);
type Buckets<'r> = BTreeMap<Place<'r>, Vec<usize>>;

fn place(record: &CatalogueRecord, exact: bool) -> Place<'_> {
    let at = record.captured_at.map(|at| if exact { at } else { at.div_euclid(HOUR) });
    let lane = record.lane.as_deref().filter(|_| exact);
    (at, record.site.as_deref(), record.direction.as_deref(), record.class.as_deref(), lane)
}

/// What of a record is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    /// What was granted beside hour and place.
    Granted,
    /// Everything that the record holds.
    All,
    /// Everything, and the order in which the records lie.
    Order,
}

fn join(a: &Copy<'_>, b: &Copy<'_>) -> Option<Game> {
    let theirs: HashSet<_> = b.origins.iter().flatten().collect();
    // Records, of which a copy of metadata has several of one capture.
    let tried = a.origins.iter().flatten().filter(|origin| theirs.contains(origin)).count() as u64;
    if tried == 0 {
        return None;
    }
    let pair = Pair::new(a, b);
    let by_place = pair.chance();
    let granted = pair.won(Fields::Granted);
    let methods = [("every field", Fields::All), ("every field and the order", Fields::Order)];
    let trials = methods.len() as f64;
    // The assignment breaks ties at random: what was granted would by itself have joined as many, give or take.
    let judged = methods.map(|(name, fields)| {
        let won = pair.won(fields);
        (name, won, (fisher(won, tried, granted, tried) * trials).min(1.0))
    });
    let (name, won, p) = judged.into_iter().min_by(|x, y| x.2.total_cmp(&y.2).then(y.1.cmp(&x.1)))?;
    let pictures = a.pictures && b.pictures;
    let about = format!(
        "records of two copies joined by {name}{}; the granted hours and places alone join {:.1} %, with the granted \
         pseudonyms, how many there are and when they recur {:.1} %",
        if pictures { ", of pictures, which both were granted and which are alike by themselves" } else { "" },
        by_place / tried as f64 * 100.0,
        granted as f64 / tried as f64 * 100.0
    );
    Some(Game { won, tried, chance: granted as f64 / tried as f64, p, granted: pictures, about })
}

/// Two copies and their records by hour and place.
struct Pair<'p, 'r> {
    a: &'p Copy<'r>,
    b: &'p Copy<'r>,
    /// Places with records in both.
    shared: Vec<(Vec<usize>, Vec<usize>)>,
    /// For each copy, where each pseudonym occurs.
    trails: [Trails; 2],
    /// Kinds of which both have pseudonyms.
    kinds: HashSet<u8>,
    exact: bool,
}

/// By pseudonym, the digests of the hours and places at which it occurs.
type Trails = HashMap<[u8; 16], HashSet<u64>>;

impl<'p, 'r> Pair<'p, 'r> {
    fn new(a: &'p Copy<'r>, b: &'p Copy<'r>) -> Self {
        let exact = a.exact && b.exact;
        let (ours, mut theirs) = (a.buckets(exact), b.buckets(exact));
        let shared = ours.into_iter().filter_map(|(place, ours)| Some((ours, theirs.remove(&place)?))).collect();
        let trails = [a, b].map(|copy| {
            let mut trails = Trails::new();
            for record in copy.records {
                for pseudonym in record.regions.iter().flat_map(|region| &region.pseudonyms) {
                    let trail = trails.entry(pseudonym.value).or_default();
                    if trail.len() < TRAIL {
                        trail.insert(digest(place(record, exact)));
                    }
                }
            }
            trails
        });
        let kinds = a.kinds.intersection(&b.kinds).copied().collect();
        Self { a, b, shared, trails, kinds, exact }
    }

    fn same(&self, i: usize, j: usize) -> bool {
        self.a.origins[i].is_some() && self.a.origins[i] == self.b.origins[j]
    }

    /// Joins that somebody makes on average who knows hour and place only.
    fn chance(&self) -> f64 {
        let of = |(ours, theirs): &(Vec<usize>, Vec<usize>)| {
            let right: usize = ours.iter().map(|&i| theirs.iter().filter(|&&j| self.same(i, j)).count()).sum();
            right as f64 / theirs.len().max(ours.len()) as f64
        };
        self.shared.iter().map(of).sum()
    }

    /// Right joins of an assignment by what `fields` have in common.
    fn won(&self, fields: Fields) -> u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(0x10);
        let of = |(ours, theirs): &(Vec<usize>, Vec<usize>)| {
            let features = |copy: usize, records: &[usize]| -> Vec<HashMap<u64, u32>> {
                let features = |(rank, &at): (usize, &usize)| self.features(copy, at, rank, fields);
                records.iter().enumerate().map(features).collect()
            };
            let joined = assign(&features(0, ours), &features(1, theirs), &mut rng);
            joined.into_iter().filter(|&(i, j)| self.same(ours[i], theirs[j])).count() as u64
        };
        self.shared.iter().map(of).sum()
    }

    /// Digests of all that can be compared of a record, with how often each occurs in it.
    fn features(&self, copy: usize, at: usize, rank: usize, fields: Fields) -> HashMap<u64, u32> {
        let record = &if copy == 0 { self.a } else { self.b }.records[at];
        let mut features = HashMap::new();
        let mut add = |feature: u64| *features.entry(feature).or_default() += 1;
        for &kind in &self.kinds {
            let mine = record.regions.iter().filter(|r| r.kind == kind && !r.pseudonyms.is_empty());
            add(digest(("named", kind, mine.clone().count())));
            let here = digest(place(record, self.exact));
            for region in mine {
                // The first one only: further readings are no grant, and are compared below.
                let trail = self.trails[copy].get(&region.pseudonyms[0].value).into_iter().flatten();
                trail.filter(|&&there| there != here).for_each(|there| add(digest(("recurs", kind, there))));
            }
        }
        if fields == Fields::Granted {
            return features;
        }
        add(digest(("id", record.id)));
        add(digest(("status", record.status as u8)));
        add(digest(("lane", &record.lane)));
        add(digest(("time", record.captured_at)));
        add(digest(("size", record.width, record.height)));
        add(digest(("epoch", record.epoch)));
        add(digest(("length", minicbor::to_vec(record).map_or(0, |bytes| bytes.len()))));
        add(digest(("regions", record.regions.len())));
        let kinds: Vec<u8> = record.regions.iter().map(|region| region.kind).collect();
        add(digest(("kinds", &kinds)));
        for region in &record.regions {
            let kind = region.kind;
            add(digest(("bounds", kind, region.bounds)));
            add(digest(("coarse", kind, region.bounds.map(|edge| edge / 16))));
            add(digest(("blank", kind, region.blank)));
            add(digest(("score", kind, region.score)));
            add(digest(("about", kind, region.score / 10)));
            add(digest(("readings", kind, region.pseudonyms.len())));
            let sure: Vec<u8> = region.pseudonyms.iter().map(|p| p.probability).collect();
            add(digest(("sure", kind, &sure)));
            add(digest(("all", kind, region.score, sure, region.bounds)));
            for (n, pseudonym) in region.pseudonyms.iter().enumerate() {
                add(digest(("value", kind, pseudonym.value)));
                add(digest(("probability", kind, n, pseudonym.probability)));
                add(digest(("probable", kind, n, pseudonym.probability / 10)));
            }
        }
        if fields == Fields::Order {
            add(digest(("rank", rank)));
        }
        features
    }
}

fn digest(feature: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    feature.hash(&mut hasher);
    hasher.finish()
}

/// Pairs of ours and theirs, the most similar ones first and each taken once. What few have counts more than what many
/// have; equals are taken in any order.
fn assign(ours: &[HashMap<u64, u32>], theirs: &[HashMap<u64, u32>], rng: &mut ChaCha8Rng) -> Vec<(usize, usize)> {
    let mut holders: HashMap<u64, Vec<(usize, u32)>> = HashMap::new();
    for (j, features) in theirs.iter().enumerate() {
        features.iter().for_each(|(&feature, &times)| holders.entry(feature).or_default().push((j, times)));
    }
    let mut pairs = Vec::with_capacity(ours.len() * theirs.len());
    for (i, features) in ours.iter().enumerate() {
        let mut alike = vec![0u64; theirs.len()];
        for (feature, &times) in features {
            for &(j, others) in holders.get(feature).into_iter().flatten() {
                let rare = (theirs.len() as f64 / holders[feature].len() as f64).log2();
                // Whole thousandths of a bit: sums that do not depend on the order of addition.
                alike[j] += (rare * 1000.0).round() as u64 * u64::from(times.min(others));
            }
        }
        pairs.extend(alike.into_iter().enumerate().map(|(j, alike)| (alike, rng.random::<u32>(), i, j)));
    }
    pairs.sort_unstable_by(|x, y| y.cmp(x));
    let (mut taken, mut given) = (vec![false; ours.len()], vec![false; theirs.len()]);
    let mut joined = Vec::new();
    for (_, _, i, j) in pairs {
        if !taken[i] && !given[j] {
            (taken[i], given[j]) = (true, true);
            joined.push((i, j));
        }
    }
    joined
}
