//! Attacks on a stolen folder, whatever it holds: the claim that a copied disk is worth nothing, put to the test.
//!
//! Owns the attacks, the figures that they yield beside their chance level, and the two baselines on which they must
//! succeed. Knows no key but those that lie in the loot: it gets what a thief gets, and, to keep score, optionally the truth behind the pictures.
//!
//! Files are read in windows, all threads at once; memory stays at a few windows for each thread, whatever was stolen.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use thiserror::Error;

mod attack;
mod battery;
mod carve;
mod dictionary;
mod digest;
mod epochs;
mod evidence;
mod exif;
mod keys;
mod known;
mod linking;
mod loot;
mod order;
mod pattern;
mod plates;
mod randomness;
mod residual;
mod scan;
mod score;
mod sizes;
mod suite;
mod tampering;
mod text;
mod truth;
mod unseen;
mod words;

pub mod baselines;

pub use crate::words::{count as counted, grouped};
pub use attack::Attack;
pub use carve::Format;
pub use dictionary::Budget;
pub use digest::Algorithm;
pub use evidence::{
    Dictionary, Evidence, Finding, Game, KeyUse, Known, Metadata, Pictures, Randomness, Rate, SIGNIFICANCE, Sample,
    Seen, Text, Verdict,
};
pub use known::{Form, SecretKind};
pub use score::{Scorer, StoreKind, Target};
pub use suite::{AttackResult, Suite, results};
pub use text::Written;
pub use truth::{KnownCapture, KnownRegion, Truth};
pub use unseen::Unseen;
pub use words::approx;

use keys::{LootKeys, Opened};
use known::Needles;
use loot::Loot;
use pattern::Pattern;
use scan::{Carved, Scanner};
use text::HashLike;

use crate::custody::SitePack;
use crate::pseudonym::EpochKeys;

/// Why an attack could not be carried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BreachError {
    /// The stolen folder cannot be read.
    #[error("cannot read the stolen folder {path}")]
    Stolen {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The truth cannot be read.
    #[error("cannot read the truth {path}")]
    Truth {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of the truth is not what it should be.
    #[error("line {line} of {path} is not a line of truth")]
    TruthLine {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The truth names nothing.
    #[error("the truth {path} is empty: it names no picture")]
    EmptyTruth {
        /// The file.
        path: PathBuf,
    },
    /// None of what the truth names is there.
    #[error("the truth {path} is about something else: it names {}, and nothing of that is there", counted(*named, "picture"))]
    StrangeTruth {
        /// The file.
        path: PathBuf,
        /// How many it names.
        named: u64,
    },
    /// A path in the truth leads out of the truth's folder.
    #[error("line {line} of {path} names a file outside of the truth's folder, or through a link")]
    TruthOutside {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// What lies beside the truth under the name of its table is none.
    #[error("{path} is not a regular file")]
    TruthTable {
        /// The table.
        path: PathBuf,
    },
    /// The captures.csv beside the truth is damaged.
    #[error("cannot read {path}")]
    Captures {
        /// The file.
        path: PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// The truth names more than an automaton can hold.
    #[error("the truth is too large to search for")]
    Automaton(#[source] aho_corasick::BuildError),
}

/// What an attacker brings along.
pub struct Plan<'a> {
    /// What is known about the pictures, to keep score; never needed to attack.
    pub truth: Option<&'a Truth>,
    /// How much the dictionary attack may cost.
    pub budget: Budget,
    /// Seed of the decoys.
    pub seed: u64,
    /// Things obtained that are kept as samples, for each attack.
    pub samples: usize,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self { truth: None, budget: Budget::default(), seed: 1, samples: 6 }
    }
}

/// Everything that was tried on one store.
pub struct Assessment {
    /// Files stolen.
    pub files: u64,
    /// Bytes stolen.
    pub bytes: u64,
    /// Entries that are not regular files or could not be read.
    pub skipped: u64,
    /// Archives and compressed files: what they hold was not looked into.
    pub archives: u64,
    /// Files of which the content was not looked into, archives among them.
    pub unseen: Vec<Unseen>,
    /// Wall time of all attacks.
    pub seconds: f64,
    /// One for each attack, in the order of [`Attack`].
    pub findings: Vec<Finding>,
}

impl Assessment {
    /// Whether any attack obtained anything identifying.
    pub fn is_breached(&self) -> bool {
        self.findings.iter().any(|f| f.verdict == Verdict::Success)
    }

    /// The finding of `attack`.
    pub fn finding(&self, attack: Attack) -> Option<&Finding> {
        self.findings.iter().find(|f| f.attack == attack)
    }

    /// Pictures obtained, thumbnails not counted.
    pub fn pictures(&self) -> u64 {
        let pictures = |f: &Finding| match &f.evidence {
            Evidence::Pictures(p) => p.decoded,
            Evidence::Keys(k) => k.pictures(),
            _ => 0,
        };
        self.findings.iter().map(pictures).sum()
    }

    /// Captures' records that keys in the loot opened.
    pub fn records(&self) -> u64 {
        self.findings.iter().map(|f| if let Evidence::Keys(k) = &f.evidence { k.captures } else { 0 }).sum()
    }

    /// Values and rows of readable text.
    fn texts(&self) -> u64 {
        self.findings.iter().map(|f| if let Evidence::Text(t) = &f.evidence { t.json + t.rows } else { 0 }).sum()
    }

    /// What was obtained, in words; empty when nothing was.
    pub fn took(&self) -> String {
        let all = [
            (self.pictures(), "picture"),
            (self.thumbnails(), "thumbnail"),
            (self.plates(), "plate"),
            (self.records(), "record"),
            (self.texts(), "readable value"),
        ];
        let took: Vec<String> = all.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| counted(n, what)).collect();
        took.join(", ")
    }

    /// `what 1 archive there holds was not looked into`; `None` when all was.
    pub fn unseen_in_words(&self) -> Option<String> {
        unseen::in_words(&self.unseen)
    }

    /// Thumbnails and previews obtained from inside other pictures.
    pub fn thumbnails(&self) -> u64 {
        self.findings.iter().map(|f| if let Evidence::Pictures(p) = &f.evidence { p.embedded } else { 0 }).sum()
    }

    /// Plates obtained by the most successful way: reading them or cracking them.
    pub fn plates(&self) -> u64 {
        let plates = |f: &Finding| match &f.evidence {
            Evidence::Known(k) if k.kind == SecretKind::Plate && f.verdict == Verdict::Success => k.found,
            Evidence::Dictionary(d) => d.recovered,
            Evidence::Text(t) => t.plates,
            Evidence::Keys(k) => k.plates + k.enumerated,
            Evidence::Seen(s) if f.verdict == Verdict::Success => s.plates,
            _ => 0,
        };
        self.findings.iter().map(plates).max().unwrap_or(0)
    }
}

/// Tries everything on `stolen`, folders and files that are one loot. `progress` hears bytes examined and bytes in all.
///
/// # Errors
///
/// See [`BreachError`].
pub fn attack<P: AsRef<Path>>(
    stolen: &[P],
    plan: &Plan<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Assessment, BreachError> {
    let loot = Loot::survey(stolen)?;
    Ok(examine(&loot, &LootKeys::find(&loot), plan, progress)?.0)
}

/// Uses the keys that lie in `stolen`, folders and files that are one loot, and says what they opened.
///
/// # Errors
///
/// When what was stolen cannot be read.
pub fn use_keys<P: AsRef<Path>>(stolen: &[P]) -> Result<KeyUse, BreachError> {
    let loot = Loot::survey(stolen)?;
    Ok(LootKeys::find(&loot).use_on(&loot, &[], &[], 0).0)
}

/// The findings; and, to look at, the pictures carved, and where those are that keys opened.
type Examined = (Assessment, Vec<Carved>, Vec<Opened>);

/// All that is tried on bytes and with keys.
fn examine(
    loot: &Loot,
    keys: &LootKeys,
    plan: &Plan<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Examined, BreachError> {
    let started = Instant::now();
    let no_truth = Truth::default();
    let truth = plan.truth.unwrap_or(&no_truth);
    let epochs: Vec<&EpochKeys> = keys.packs.iter().map(SitePack::epoch_keys).collect();
    let needles = Needles::compile(truth, &epochs, plan.seed)?;
    for file in &loot.files {
        needles.search_name(&file.name);
    }
    let scanner = Scanner::new(loot, &needles);
    let scan = scanner.run(progress);

    let hashes: Vec<HashLike> = scan.hashes.iter().cloned().collect();
    let mut budget = plan.budget;
    if hashes.iter().all(|h| h.written == Written::Raw) {
        // Nothing was written as a hash: bytes that might be one are worth a quarter of the effort.
        budget.candidates /= 4;
    }
    let patterns = patterns(truth);
    let (dictionary, cracked) = dictionary::attack(&hashes, &patterns, budget);
    let cracked = cracked.into_iter().take(plan.samples).map(|(_, plate)| Sample::Text(plate)).collect();

    let written: Vec<HashLike> = hashes.into_iter().filter(|h| h.written != Written::Raw).collect();
    let enumerated = plan.budget.candidates / Algorithm::Blake3.cost();
    let (used, opened) = keys.use_on(loot, &written, &patterns, enumerated);

    let bytes = loot.bytes();
    let known = |kind| {
        // Which of many plates a site pack's key finds is what that key opens.
        let samples = if kind == SecretKind::Pseudonym { 0 } else { plan.samples };
        let (known, shown) = needles.result(kind, bytes, samples);
        (Evidence::Known(known), shown.into_iter().map(Sample::Text).collect())
    };
    let pictures = scan.pictures(plan.samples, loot);
    let readable = (Evidence::Text(scan.text.clone()), scan.readable(plan.samples));
    let evidence: [(Attack, (Evidence, Vec<Sample>)); 11] = [
        (Attack::Pictures, pictures),
        (Attack::Metadata, (Evidence::Metadata(scan.metadata.clone()), scan.places(plan.samples))),
        (Attack::Text, readable),
        (Attack::Plates, known(SecretKind::Plate)),
        (Attack::FileNames, known(SecretKind::FileName)),
        (Attack::Moments, known(SecretKind::Moment)),
        (Attack::PlateDigests, known(SecretKind::PlateDigest)),
        (Attack::Dictionary, (Evidence::Dictionary(dictionary), cracked)),
        (Attack::Pseudonyms, known(SecretKind::Pseudonym)),
        (Attack::Keys, (Evidence::Keys(used), Vec::new())),
        (Attack::Randomness, (Evidence::Randomness(scan.randomness(loot)), Vec::new())),
    ];
    let findings = evidence.into_iter().map(|(attack, (evidence, samples))| Finding {
        attack,
        verdict: evidence.verdict(),
        evidence,
        samples,
    });
    let assessment = Assessment {
        files: loot.files.len() as u64,
        bytes,
        skipped: loot.skipped + scan.unreadable,
        archives: loot.archives(),
        unseen: unseen::of(loot, &scan.decoded()),
        findings: findings.collect(),
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((assessment, scan.carved(), opened))
}

/// Serial patterns to enumerate: those of the region in question first, which everybody who has stood at a road there
/// knows, then what is in use elsewhere.
fn patterns(truth: &Truth) -> Vec<Pattern> {
    let mut local: BTreeMap<String, (u64, Pattern)> = BTreeMap::new();
    for pattern in truth.plates().iter().filter_map(|p| Pattern::of(p.expose())) {
        local.entry(pattern.mask()).or_insert_with(|| (0, pattern)).0 += 1;
    }
    let mut local: Vec<(u64, Pattern)> = local.into_values().collect();
    // Most plates for the effort first: a space of ten million with three plates comes before one of a billion with ten.
    let effort = |(plates, pattern): &(u64, Pattern)| pattern.space() as f64 / *plates as f64;
    local.sort_by(|a, b| effort(a).total_cmp(&effort(b)));
    let mut seen = HashSet::new();
    let all = local.into_iter().map(|(_, pattern)| pattern).chain(pattern::public_patterns());
    all.filter(|p| seen.insert(p.mask())).collect()
}

#[cfg(test)]
mod tests;
