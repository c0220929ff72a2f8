//! The dictionary attack on hashes of plates: New York's taxis, 2014.
//!
//! Owns the enumeration of serials against a set of hash-like values. No GPU, no tables: a plate space is small.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::digest::{self, Algorithm, LANES, MESSAGE_WORDS, Words};
use super::evidence::Dictionary;
use super::pattern::{Odometer, Pattern, Spelling};
use super::text::HashLike;
use crate::capture::PlateText;
use crate::pseudonym::EpochKeys;

/// How much a dictionary attack may cost. It is work and not time, so that what is found does not depend on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Hashes computed, in MD5s; any other hash counts as [`Algorithm::cost`] of them.
    pub candidates: u64,
}

impl Default for Budget {
    fn default() -> Self {
        // Half a minute on two cores: every American and most European patterns with MD5.
        Self { candidates: 4_000_000_000 }
    }
}

/// Serials that one task hashes.
const BLOCK: u64 = 1 << 18;

/// Settings of the last slots that are known beforehand, at least.
const TURNS: usize = 500;

/// Share of the budget spent on finding out which hash, spelling and pattern it is before any space is run through.
const PROBE_SHARE: u64 = 8;

/// One space to run through.
#[derive(Clone, Copy)]
struct Job<'a> {
    pattern: &'a Pattern,
    spelling: Spelling,
    algorithm: Algorithm,
}

/// Values recovered: each one's index and the message that it is the hash of.
pub type Recovered = Vec<(usize, String)>;

/// Tries to recover plates from `hashes`, `patterns` in order. Returns the figures and what was recovered, in the
/// order of `hashes`.
pub fn attack(hashes: &[HashLike], patterns: &[Pattern], budget: Budget) -> (Dictionary, Recovered) {
    let targets = Targets::new(hashes);
    let started = Instant::now();
    let mut run = Run { targets: &targets, hashes, left: budget.candidates, tried: 0, found: HashMap::new() };
    let mut done = Dictionary {
        hash_likes: hashes.len() as u64,
        recovered: 0,
        algorithm: None,
        candidates: 0,
        planned: 0,
        finished: true,
        seconds: 0.0,
        per_second: 0.0,
        space: patterns.iter().map(Pattern::space).sum(),
        complete: Vec::new(),
    };
    if hashes.is_empty() {
        return (done, Vec::new());
    }

    // Probe a little of each space, from its middle on; what yields goes first. Digests that were cut short are tried
    // only when no whole ones fell.
    let [whole, cut] = [true, false].map(|whole| jobs(hashes, patterns, whole));
    let mut order: Vec<(u64, Job<'_>)> = Vec::new();
    for jobs in [whole, cut] {
        let some_fell = !run.found.is_empty();
        let probe = (budget.candidates / PROBE_SHARE / jobs.len().max(1) as u64 / 2).min(4 * BLOCK);
        for job in jobs {
            let before = run.found.len();
            if !some_fell {
                let middle = job.pattern.space() / 3;
                let probe = probe / job.algorithm.cost();
                run.space(job, middle, (middle + probe).min(job.pattern.space()));
            }
            order.push(((run.found.len() - before) as u64, job));
        }
    }
    order.sort_by_key(|(yielded, _)| std::cmp::Reverse(*yielded));

    let mut settled: Option<(Algorithm, Spelling)> = None;
    done.planned = order.iter().map(|(_, job)| job.pattern.space()).fold(0, u64::saturating_add);
    for &(_, job) in &order {
        if run.found.len() == hashes.len() {
            break;
        }
        // One folder has one way of hashing: once something fell, other ways are not worth the work.
        if settled.is_some_and(|s| s != (job.algorithm, job.spelling)) {
            continue;
        }
        if run.space(job, 0, job.pattern.space()) {
            done.complete.push(format!("{} {}", job.algorithm.name(), job.pattern.mask()));
        } else {
            done.finished = false;
        }
        if settled.is_none() && !run.found.is_empty() {
            // Found here, or when this job was probed, which is why it comes first.
            settled = Some((job.algorithm, job.spelling));
            let of_this_way = order.iter().filter(|(_, j)| (j.algorithm, j.spelling) == (job.algorithm, job.spelling));
            done.planned = of_this_way.map(|(_, job)| job.pattern.space()).fold(0, u64::saturating_add);
        }
    }

    done.finished |= run.found.len() == hashes.len();
    done.candidates = run.tried;
    done.seconds = started.elapsed().as_secs_f64();
    done.per_second = done.candidates as f64 / done.seconds.max(1e-9);
    let mut found: Vec<(usize, Algorithm, String)> = run.found.into_iter().map(|(i, (a, s))| (i, a, s)).collect();
    found.sort();
    done.recovered = found.len() as u64;
    done.algorithm = found.first().map(|f| f.1);
    (done, found.into_iter().map(|(i, _, s)| (i, s)).collect())
}

/// Every pattern in every spelling with every hash that fits the values' lengths, whole or cut; likely ways before
/// unlikely ones, and all ways of one pattern before the next pattern.
fn jobs<'a>(hashes: &[HashLike], patterns: &'a [Pattern], whole: bool) -> Vec<Job<'a>> {
    let fits = |algorithm: Algorithm| {
        let length =
            |h: &HashLike| if whole { h.bytes.len() == algorithm.size() } else { h.bytes.len() < algorithm.size() };
        // What may be a whole digest of this kind has been tried as one.
        hashes.iter().any(length) && (whole || hashes.iter().all(|h| h.bytes.len() != algorithm.size()))
    };
    let algorithms: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(|&algorithm| fits(algorithm)).collect();
    let ways = Spelling::ALL.into_iter().flat_map(|spelling| algorithms.iter().map(move |&a| (spelling, a)));
    let ways: Vec<(Spelling, Algorithm)> = ways.collect();
    let of = |pattern| ways.iter().map(move |&(spelling, algorithm)| Job { pattern, spelling, algorithm });
    patterns.iter().flat_map(of).collect()
}

/// Plates whose pseudonyms under `keys` are among `targets`, tried in the order of `patterns`, at most `candidates` of
/// them; with how many were tried, and of how many.
pub(super) fn enumerate(
    keys: &EpochKeys,
    targets: &HashSet<[u8; 16]>,
    patterns: &[Pattern],
    candidates: u64,
) -> (Vec<String>, u64, u64) {
    let space = patterns.iter().map(Pattern::space).fold(0, u64::saturating_add);
    let (mut found, mut tried) = (Vec::new(), 0);
    if targets.is_empty() {
        return (found, 0, 0);
    }
    for pattern in patterns {
        let count = pattern.space().min(candidates - tried);
        let block = |i: u64| {
            let (start, mut hits) = (i * BLOCK, Vec::new());
            let Some(mut odometer) = Odometer::at(pattern, Spelling::Upper, start) else { return hits };
            for _ in 0..BLOCK.min(count - start) {
                let text = std::str::from_utf8(odometer.message()).ok().and_then(PlateText::canonical);
                hits.extend(text.filter(|text| targets.contains(&keys.plate(text).0)));
                odometer.advance();
            }
            hits
        };
        let hits: Vec<Vec<PlateText>> = (0..count.div_ceil(BLOCK)).into_par_iter().map(block).collect();
        found.extend(hits.into_iter().flatten().map(|text| text.expose().to_owned()));
        tried += count;
        if found.len() >= targets.len() || tried == candidates {
            break;
        }
    }
    (found, tried, space)
}

/// The values sought, behind a filter that almost every candidate fails.
struct Targets {
    by_head: HashMap<u64, Vec<u32>>,
    filter: Vec<u64>,
    mask: u32,
}

impl Targets {
    fn new(hashes: &[HashLike]) -> Self {
        // 64 bits of filter for each value: fewer than 2 % of the candidates pass it.
        let bits = (hashes.len() as u64 * 64).next_power_of_two().clamp(1 << 16, 1 << 27);
        let (mut by_head, mut filter) = (HashMap::<u64, Vec<u32>>::new(), vec![0u64; (bits / 64) as usize]);
        let mask = (bits - 1) as u32;
        for (i, hash) in hashes.iter().enumerate() {
            let head = head(&hash.bytes);
            by_head.entry(head).or_default().push(i as u32);
            let bit = head as u32 & mask;
            filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        Self { by_head, filter, mask }
    }

    /// Whether a digest with these first 32 bits may be sought.
    fn may_hold(&self, word: u32) -> bool {
        let bit = word & self.mask;
        self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }
}

fn head(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    for (out, b) in head.iter_mut().zip(bytes) {
        *out = *b;
    }
    u64::from_le_bytes(head)
}

struct Run<'a> {
    targets: &'a Targets,
    hashes: &'a [HashLike],
    /// In MD5s.
    left: u64,
    tried: u64,
    found: HashMap<usize, (Algorithm, String)>,
}

impl Run<'_> {
    /// Hashes the serials `from..to` of a job; false when the budget ended it.
    fn space(&mut self, job: Job<'_>, from: u64, to: u64) -> bool {
        let end = to.min(from.saturating_add(self.left / job.algorithm.cost()));
        let blocks = (end - from).div_ceil(BLOCK);
        let (targets, hashes) = (self.targets, self.hashes);
        let results: Vec<Recovered> = (0..blocks)
            .into_par_iter()
            .map(|i| {
                let start = from + i * BLOCK;
                block(job, start, BLOCK.min(end - start), targets, hashes)
            })
            .collect();
        self.left -= (end - from) * job.algorithm.cost();
        self.tried += end - from;
        for found in results {
            self.found.extend(found.into_iter().map(|(i, s)| (i, (job.algorithm, s))));
        }
        end == to
    }
}

/// Hashes `count` serials from number `start` on.
fn block(job: Job<'_>, start: u64, count: u64, targets: &Targets, hashes: &[HashLike]) -> Recovered {
    let mut found = Vec::new();
    let mut check = |message: &[u8], head: u64| {
        let Some(candidates) = targets.by_head.get(&head) else { return };
        let digest = job.algorithm.digest(message);
        for &i in candidates {
            let sought = &hashes[i as usize].bytes;
            if sought.len() <= job.algorithm.size() && digest.starts_with(sought) {
                found.push((i as usize, String::from_utf8_lossy(message).into_owned()));
            }
        }
    };
    if job.algorithm == Algorithm::Md5 {
        // Compiled once for each set of vector instructions; the widest that this processor has is taken.
        let run = Md5Run { job, start, count, targets };
        for (hit, head) in crate::simd::run(run) {
            check(hit.message(), head);
        }
        return found;
    }
    let Some(mut odometer) = Odometer::at(job.pattern, job.spelling, start) else { return found };
    for _ in 0..count {
        let digest = job.algorithm.digest(odometer.message());
        let head = head(&digest);
        if targets.may_hold(head as u32) {
            check(odometer.message(), head);
        }
        odometer.advance();
    }
    found
}

/// The serials `start..start + count` of a job whose hash is MD5.
struct Md5Run<'a> {
    job: Job<'a>,
    start: u64,
    count: u64,
    targets: &'a Targets,
}

impl WithSimd for Md5Run<'_> {
    /// Serials that passed the filter, with the first 64 bits of their digests.
    type Output = Vec<(Odometer, u64)>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { job, start, count, targets } = self;
        let mut passed = Vec::new();
        let at = |index| Odometer::at(job.pattern, job.spelling, index);
        let Some(first) = at(0) else { return passed };
        let length = first.message().len();
        let padding = 0x80u128 << (8 * length);
        // The last slots turn much more often than the others: what each of their settings adds is known beforehand.
        let turns = first.turns(TURNS);
        let added: [Vec<Words>; MESSAGE_WORDS] = std::array::from_fn(|word| {
            let of = |turns: &[u128]| std::array::from_fn(|lane| (turns.get(lane).unwrap_or(&0) >> (32 * word)) as u32);
            turns.chunks(LANES).map(of).collect()
        });
        let radix = turns.len() as u64;
        let wanted = start..start + count;
        for outer in (start - start % radix..wanted.end).step_by(turns.len()) {
            let Some(odometer) = at(outer) else { break };
            let block = u128::from_le_bytes(*odometer.block()) | padding;
            for (group, from) in (outer..outer + radix).step_by(LANES).enumerate() {
                let mut message = [[0u32; LANES]; MESSAGE_WORDS];
                for (w, words) in message.iter_mut().enumerate() {
                    let word = (block >> (32 * w)) as u32;
                    for (lane, added) in words.iter_mut().zip(&added[w][group]) {
                        *lane = word + added;
                    }
                }
                let [low, high] = digest::md5_lanes(simd, &message, length);
                // Lanes beyond the last setting show the first again; they are not looked at.
                let lanes = (outer + radix - from).min(LANES as u64) as usize;
                for lane in (0..lanes).filter(|&lane| targets.may_hold(low[lane])) {
                    let index = from + lane as u64;
                    if wanted.contains(&index) {
                        let head = u64::from(high[lane]) << 32 | u64::from(low[lane]);
                        passed.extend(at(index).map(|hit| (hit, head)));
                    }
                }
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::text::Written;
    use crate::pseudonym::{Domain, PseudonymRoot};

    const SMALL: Budget = Budget { candidates: 600_000_000 };

    fn hashed(algorithm: Algorithm, keep: usize, messages: &[&str]) -> Vec<HashLike> {
        let hash =
            |m: &&str| HashLike { bytes: algorithm.digest(m.as_bytes())[..keep].to_vec(), written: Written::Hex };
        messages.iter().map(hash).collect()
    }

    fn patterns() -> Vec<Pattern> {
        ["LDD-DD", "DD-LLD"].iter().filter_map(|m| Pattern::parse(m)).collect()
    }

    #[test]
    fn every_hash_whole_or_truncated_falls() {
        for algorithm in Algorithm::ALL {
            for keep in [8, algorithm.size()] {
                let hashes = hashed(algorithm, keep, &["A1234", "12AB3", "Z9999"]);
                let (done, found) = attack(&hashes, &patterns(), SMALL);
                assert_eq!(done.recovered, 3, "{algorithm:?} {keep}");
                assert_eq!(found[1], (1, "12AB3".to_owned()));
                assert_eq!(done.algorithm, Some(algorithm));
            }
        }
    }

    #[test]
    fn every_spelling_falls() {
        for message in ["A1234", "A12-34", "A12 34", "a1234"] {
            let (done, found) = attack(&hashed(Algorithm::Md5, 16, &[message]), &patterns(), SMALL);
            assert_eq!(done.recovered, 1, "{message}");
            assert_eq!(found[0].1, message);
        }
    }

    #[test]
    fn random_values_do_not_fall_and_the_budget_holds() {
        let hashes: Vec<HashLike> = (0..500u32)
            .map(|i| HashLike {
                bytes: blake3::hash(&i.to_le_bytes()).as_bytes()[..16].to_vec(),
                written: Written::Hex,
            })
            .collect();
        let budget = Budget { candidates: 1_000_000 };
        let patterns: Vec<Pattern> = super::super::pattern::public_patterns();
        let (done, found) = attack(&hashes, &patterns, budget);
        assert!(found.is_empty() && done.candidates <= budget.candidates);
        assert!(!done.finished && done.candidates < done.planned, "it says how far it came");
        assert!(done.space > 1_000_000_000);
        let (none, _) = attack(&[], &patterns, SMALL);
        assert_eq!(none.candidates, 0);
    }

    #[test]
    fn what_falls_depends_on_the_work_and_not_on_the_clock() {
        let hashes = hashed(Algorithm::Sha256, 32, &["A1234", "12AB3", "Z9999"]);
        let budget = Budget { candidates: 30_000_000 };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let (done, found) = pool.install(|| attack(&hashes, &patterns(), budget));
            (done.candidates, done.planned, done.finished, found)
        };
        assert_eq!(run(1), run(5));
        let (done, _) = attack(&hashes, &patterns(), SMALL);
        assert!(done.finished && done.recovered == 3, "{done:?}");
    }

    #[test]
    fn a_packs_key_enumerates_plates_up_to_the_limit() {
        let keys = |epoch| PseudonymRoot::from_bytes(&[5; 32]).keys(Domain::HOME, epoch);
        let plate = |text| PlateText::canonical(text).expect("canonical");
        let targets = ["A1234", "12AB3"].map(|text| keys(2).plate(&plate(text)).0).into_iter().collect();
        let (found, tried, space) = enumerate(&keys(2), &targets, &patterns(), u64::MAX);
        assert_eq!((found, tried == space), (vec!["A1234".to_owned(), "12AB3".to_owned()], true));
        assert_eq!(enumerate(&keys(3), &targets, &patterns(), u64::MAX).0.len(), 0, "another epoch's");
        let (found, tried, space) = enumerate(&keys(2), &targets, &patterns(), 1000);
        assert!(found.is_empty() && tried == 1000 && space == 26 * 10_000 + 10 * 10 * 26 * 26 * 10);
    }
}
