//! The dictionary attack on hashes of plates: New York's taxis, 2014.
//!
//! Owns the enumeration of serials against a set of hash-like values. No GPU, no tables: a plate space is small.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::digest::{self, Algorithm, LANES, MESSAGE_WORDS};
use super::evidence::Dictionary;
use super::pattern::{Odometer, Pattern, Spelling};
use super::text::HashLike;

/// How much a dictionary attack may cost. It stops at whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Wall time.
    pub time: Duration,
    /// Hashes computed.
    pub candidates: u64,
}

impl Default for Budget {
    fn default() -> Self {
        // Half a minute on two cores runs through every American and most European patterns with MD5.
        Self { time: Duration::from_secs(30), candidates: u64::MAX }
    }
}

/// Serials that one task hashes between two looks at the clock.
const BLOCK: u64 = 1 << 18;

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
    let mut run = Run {
        targets: &targets,
        hashes,
        deadline: started + budget.time,
        left: budget.candidates,
        found: HashMap::new(),
    };
    let mut done = Dictionary {
        hash_likes: hashes.len() as u64,
        recovered: 0,
        algorithm: None,
        candidates: 0,
        seconds: 0.0,
        per_second: 0.0,
        space: patterns.iter().map(Pattern::space).sum(),
        complete: Vec::new(),
    };
    if hashes.is_empty() {
        return (done, Vec::new());
    }

    let mut jobs = jobs(hashes, patterns);
    // Probe a little of each space, spread over it; those that yield go first.
    let probe = (run.left / PROBE_SHARE / jobs.len() as u64).min(4 * BLOCK);
    let mut yields: Vec<u64> = Vec::with_capacity(jobs.len());
    let probe_end = started + budget.time / PROBE_SHARE as u32;
    for job in &jobs {
        let before = run.found.len();
        if Instant::now() < probe_end {
            let middle = job.pattern.space() / 3;
            run.space(*job, middle, (middle + probe).min(job.pattern.space()));
        }
        yields.push((run.found.len() - before) as u64);
    }
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(yields[i]));
    jobs = order.iter().map(|&i| jobs[i]).collect();

    let mut settled: Option<(Algorithm, Spelling)> = None;
    for job in jobs {
        if run.found.len() == hashes.len() || run.exhausted() {
            break;
        }
        // One folder has one way of hashing: once something fell, other ways are not worth the time.
        if settled.is_some_and(|s| s != (job.algorithm, job.spelling)) {
            continue;
        }
        let before = run.found.len();
        let complete = run.space(job, 0, job.pattern.space());
        if run.found.len() > before || settled.is_none() && !run.found.is_empty() {
            settled = Some((job.algorithm, job.spelling));
        }
        if complete {
            done.complete.push(format!("{} {}", job.algorithm.name(), job.pattern.mask()));
        }
    }

    done.candidates = budget.candidates - run.left;
    done.seconds = started.elapsed().as_secs_f64();
    done.per_second = done.candidates as f64 / done.seconds.max(1e-9);
    let mut found: Vec<(usize, Algorithm, String)> = run.found.into_iter().map(|(i, (a, s))| (i, a, s)).collect();
    found.sort();
    done.recovered = found.len() as u64;
    done.algorithm = found.first().map(|f| f.1);
    (done, found.into_iter().map(|(i, _, s)| (i, s)).collect())
}

/// Every pattern in every spelling with every hash that fits the values' lengths; likely ways before unlikely ones.
fn jobs<'a>(hashes: &[HashLike], patterns: &'a [Pattern]) -> Vec<Job<'a>> {
    let lengths = |a: Algorithm, whole: bool| {
        hashes.iter().any(|h| if whole { h.bytes.len() == a.size() } else { h.bytes.len() < a.size() })
    };
    let mut ways = Vec::new();
    for whole in [true, false] {
        for spelling in Spelling::ALL {
            let fits = Algorithm::ALL.into_iter().filter(|&a| lengths(a, whole));
            ways.extend(fits.map(|algorithm| (spelling, algorithm)).filter(|w| !ways.contains(w)).collect::<Vec<_>>());
        }
    }
    let job = |(spelling, algorithm)| patterns.iter().map(move |pattern| Job { pattern, spelling, algorithm });
    ways.into_iter().flat_map(job).collect()
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
    deadline: Instant,
    left: u64,
    found: HashMap<usize, (Algorithm, String)>,
}

impl Run<'_> {
    fn exhausted(&self) -> bool {
        self.left == 0 || Instant::now() >= self.deadline
    }

    /// Hashes the serials `from..to` of a job; false when the budget ended it.
    fn space(&mut self, job: Job<'_>, from: u64, to: u64) -> bool {
        let end = to.min(from.saturating_add(self.left));
        let blocks = (end - from).div_ceil(BLOCK);
        let (targets, hashes, deadline) = (self.targets, self.hashes, self.deadline);
        let results: Vec<Option<(u64, Recovered)>> = (0..blocks)
            .into_par_iter()
            .map(|i| {
                let start = from + i * BLOCK;
                let count = BLOCK.min(end - start);
                (Instant::now() < deadline).then(|| (count, block(job, start, count, targets, hashes)))
            })
            .collect();
        let whole = end == to && results.iter().all(Option::is_some);
        for (count, found) in results.into_iter().flatten() {
            self.left -= count;
            self.found.extend(found.into_iter().map(|(i, s)| (i, (job.algorithm, s))));
        }
        whole
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
        for (hit, head) in pulp::Arch::new().dispatch(run) {
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
        let Some(mut odometer) = at(start) else { return passed };
        let length = odometer.message().len();
        let padding = 0x80u128 << (8 * length);
        for done in (0..count).step_by(LANES) {
            let mut message = [[0u32; LANES]; MESSAGE_WORDS];
            // Lanes beyond `count` hash serials of the next block, or wrap around; they are not looked at.
            for lane in 0..LANES {
                let block = u128::from_le_bytes(*odometer.block()) | padding;
                for (w, words) in message.iter_mut().enumerate() {
                    words[lane] = (block >> (32 * w)) as u32;
                }
                odometer.advance();
            }
            let [low, high] = digest::md5_lanes(simd, &message, length);
            let lanes = (count - done).min(LANES as u64) as usize;
            for lane in (0..lanes).filter(|&l| targets.may_hold(low[l])) {
                let head = u64::from(high[lane]) << 32 | u64::from(low[lane]);
                passed.extend(at(start + done + lane as u64).map(|hit| (hit, head)));
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::text::Written;

    const SMALL: Budget = Budget { time: Duration::from_secs(3600), candidates: 60_000_000 };

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
        let budget = Budget { candidates: 1_000_000, ..SMALL };
        let patterns: Vec<Pattern> = super::super::pattern::public_patterns();
        let (done, found) = attack(&hashes, &patterns, budget);
        assert!(found.is_empty() && done.candidates <= budget.candidates);
        assert!(done.space > 1_000_000_000);
        let (none, _) = attack(&[], &patterns, SMALL);
        assert_eq!(none.candidates, 0);
    }
}
