//! Which captures of a vault match: by pseudonym, time, place.
//!
//! Opens catalogue sections and nothing else.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rayon::prelude::*;

use super::claims::{Gaps, has_ended};
use super::opening::{OpenError, OpeningVault};
use super::record::{CatalogueRecord, Status};
use crate::audit::{PermittedKeys, Records};
use crate::capture::{CaptureId, PlateText, RegionKind};
use crate::custody::OpeningKeys;
use crate::pseudonym::{Candidates, EpochKeys, Pseudonym};
use crate::seal::{Capability, SegmentId, VaultId};

/// What to look for; what is `None` matches everything.
#[derive(Default)]
pub struct Query {
    /// Pseudonyms by epoch; for each, how far its spelling is from the one asked for (0: the very one).
    pub pseudonyms: Option<HashMap<u32, HashMap<Pseudonym, usize>>>,
    /// With this very pseudonym.
    pub shown: Option<(RegionKind, Pseudonym)>,
    /// Captured at this time or later.
    pub from: Option<Timestamp>,
    /// Captured before this time.
    pub to: Option<Timestamp>,
    /// At this site.
    pub site: Option<String>,
}

/// A capture that matches.
pub struct Hit {
    /// The segment that holds it.
    pub segment: SegmentId,
    /// Its catalogue record.
    pub record: CatalogueRecord,
    /// The best match, when pseudonyms were asked for.
    pub matched: Option<Match>,
    /// What the match is spelt like, when spellings were looked for.
    pub spelling: Option<PlateText>,
}

/// Spellings to look for among what was found.
pub enum Spellings {
    /// All that a pattern stands for.
    Fitting(Candidates),
    /// These, each with how far it is from the one asked for.
    Listed(Vec<(PlateText, usize)>),
}

/// Which of a capture's pseudonyms matched, and how well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The region, as an index into the record's.
    pub region: usize,
    /// How far the matching spelling is from the one asked for, 0 for the very one: its place in the order of search, or changes.
    /// All that fit a pattern are equally near.
    pub rank: usize,
    /// Probability of the reading in percent.
    pub probability: u8,
}

/// What a query gave. That, how many captures match and which, can be put on record by [`Found::records`]; anybody is told of
/// them after that, by [`Found::hits`].
pub struct Found {
    /// Captures in the order of their times, then segments; such without a time come first.
    hits: Vec<Hit>,
    vault: VaultId,
    /// Segments whose catalogue has expired; most of them are removed.
    pub expired: HashSet<SegmentId>,
    /// What is missing, damaged, or not opened by these keys: captures in it may match as well.
    pub gaps: Gaps,
    /// Whether a catalogue has a capture of the site that was asked for, whatever else was.
    site_met: bool,
    /// What matches but for a time that nobody noted, where one was asked for.
    untimed: Vec<Hit>,
    /// Captures of that time and place that could not be examined: what plates and faces they show nobody knows.
    unexamined: u64,
}

/// What a query passed over although it may be what was looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Captures that match but for a time that nobody noted.
    pub untimed: u64,
    /// Captures of that time and place that could not be examined.
    pub unexamined: u64,
}

impl Found {
    /// The captures that match, to be put on record.
    pub fn records(&self) -> Records {
        Records::of(self.captures())
    }

    fn captures(&self) -> impl Iterator<Item = CaptureId> {
        self.hits.iter().map(|hit| CaptureId(hit.record.id))
    }

    /// The captures that match and what is known of them, with keys that an entry permits to be used for it.
    ///
    /// # Errors
    ///
    /// When it is not what is on record.
    pub fn hits(self, keys: &PermittedKeys) -> Result<Vec<Hit>, OpenError> {
        for id in self.captures() {
            keys.admit(Capability::Catalogue, self.vault, id)?;
        }
        Ok(self.hits)
    }

    /// The pseudonyms of plates that they carry, by epoch.
    fn plates(&self) -> HashMap<u32, HashSet<Pseudonym>> {
        let mut plates = HashMap::<u32, HashSet<Pseudonym>>::new();
        for Hit { record, .. } in self.hits.iter().chain(&self.untimed) {
            let regions = record.regions.iter().filter(|region| region.kind == 0);
            let values = regions.flat_map(|region| &region.pseudonyms).map(|pseudonym| Pseudonym(pseudonym.value));
            plates.entry(record.epoch).or_default().extend(values);
        }
        plates
    }

    /// Keeps what has a plate of one of these spellings, in any epoch whose keys are given. Of every spelling the pseudonym is
    /// looked up among those that were found. Of a capture the nearest reading counts, and of equally near ones the likeliest.
    pub fn narrow(&mut self, spellings: Spellings, epochs: &[EpochKeys]) {
        let plates = self.plates();
        let keys: Vec<_> = epochs.iter().filter_map(|keys| Some((keys, plates.get(&keys.epoch())?))).collect();
        let known = |letters: &[u8]| keys.iter().any(|(keys, known)| known.contains(&keys.plate_of(letters)));
        let texts = match spellings {
            Spellings::Fitting(candidates) => candidates.matching(known).into_iter().map(|text| (text, 0)).collect(),
            Spellings::Listed(texts) => {
                texts.into_iter().filter(|(text, _)| known(text.expose().as_bytes())).collect::<Vec<_>>()
            }
        };
        let (texts, far): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        let wanted = pseudonyms_of(&texts, epochs);
        let narrow = |hit: &mut Hit| {
            let best = wanted.get(&hit.record.epoch).and_then(|wanted| best_match(&hit.record, wanted, |at| far[at]));
            (hit.matched, hit.spelling) = best.map(|(matched, at)| (matched, texts[at].clone())).unzip();
            hit.matched.is_some()
        };
        self.hits.retain_mut(narrow);
        self.untimed.retain_mut(narrow);
    }

    /// Whether no capture in any catalogue that opened is of the site that was asked for, be there no such site or nothing
    /// of it. Whoever tells it has an entry for it.
    pub fn lacks_site(&self) -> bool {
        !self.site_met
    }

    /// What may be what was looked for, and is not among the hits. Whoever tells it has an entry for it.
    pub fn passed_over(&self) -> PassedOver {
        PassedOver { untimed: self.untimed.len() as u64, unexamined: self.unexamined }
    }

    /// The same for what has a permit of its own. Not for `cli`.
    pub(crate) fn into_hits(self) -> Vec<Hit> {
        self.hits
    }
}

impl Query {
    /// Looks through the whole vault, segments in parallel.
    ///
    /// # Errors
    ///
    /// When the vault cannot be listed, and when no catalogue in it opens though some have not expired: that is no answer.
    /// What is missing or damaged is in the answer by name.
    pub fn run(&self, vault: &OpeningVault, keys: &OpeningKeys) -> Result<Found, OpenError> {
        let segments = vault.segments()?;
        let by_segment: Vec<_> = segments
            .par_iter()
            .map(|&segment| {
                let read = vault.readable_catalogue(segment, keys);
                let met = |records: &[CatalogueRecord]| {
                    self.site.is_none() || records.iter().any(|record| record.site == self.site)
                };
                (segment, read.map(|(records, fault)| (met(&records), self.matches(segment, records), fault)))
            })
            .collect();
        // After the segments: one that was removed meanwhile had its tombstone before.
        let tombstones = vault.tombstones()?;
        let expired = tombstones.buried.keys().copied().collect();
        let (gaps, claims) = Gaps::of(vault, vault.layout(), &segments, &tombstones, keys)?;
        let mut found = Found {
            hits: Vec::new(),
            vault: vault.card().vault,
            expired,
            gaps,
            site_met: self.site.is_none(),
            untimed: Vec::new(),
            unexamined: 0,
        };
        let mut opened = 0;
        for (segment, read) in by_segment {
            match read {
                Ok((met, matching, fault)) => {
                    opened += 1;
                    found.site_met |= met;
                    found.hits.extend(matching.hits);
                    found.untimed.extend(matching.untimed);
                    found.unexamined += matching.unexamined;
                    fault.into_iter().for_each(|fault| found.gaps.add(segment, fault, &claims));
                }
                Err(_) if tombstones.removed.contains_key(&segment) => {}
                Err(OpenError::NoKey { key, .. }) if has_ended(key, &tombstones, keys) => {
                    found.expired.insert(segment);
                }
                Err(OpenError::NoKey { .. }) => _ = found.gaps.closed.insert(segment),
                Err(error) => found.gaps.add(segment, error, &claims),
            }
        }
        if opened == 0 && !found.gaps.closed.is_empty() {
            return Err(OpenError::NothingOpens { closed: found.gaps.closed.len() });
        }
        // Stable: equal times keep the order of sealing.
        found.hits.sort_by_key(|hit| hit.record.captured_at);
        Ok(found)
    }

    fn matches(&self, segment: SegmentId, records: Vec<CatalogueRecord>) -> Matching {
        let mut matching = Matching::default();
        for record in records {
            let in_time = record.captured_at.map(|at| {
                self.from.is_none_or(|from| at >= from.as_millisecond())
                    && self.to.is_none_or(|to| at < to.as_millisecond())
            });
            let timeless = in_time.is_none() && (self.from.is_some() || self.to.is_some());
            if in_time == Some(false) || (self.site.is_some() && self.site != record.site) {
                continue;
            }
            matching.unexamined += u64::from(record.status == Status::Unreadable);
            let place = if timeless { &mut matching.untimed } else { &mut matching.hits };
            place.extend(self.hit(segment, record));
        }
        matching
    }

    /// The record of that time and place, when it is one of those that were asked for.
    fn hit(&self, segment: SegmentId, record: CatalogueRecord) -> Option<Hit> {
        if !self.shown.is_none_or(|(kind, wanted)| has_pseudonym(&record, kind, wanted)) {
            return None;
        }
        let matched = match &self.pseudonyms {
            None => None,
            Some(epochs) => Some(best_match(&record, epochs.get(&record.epoch)?, |at| at)?.0),
        };
        Some(Hit { segment, record, matched, spelling: None })
    }
}

/// What matches in a segment.
#[derive(Default)]
struct Matching {
    hits: Vec<Hit>,
    untimed: Vec<Hit>,
    unexamined: u64,
}

/// The pseudonyms of all spellings in all epochs, with each spelling's place.
pub fn pseudonyms_of(texts: &[PlateText], epochs: &[EpochKeys]) -> HashMap<u32, HashMap<Pseudonym, usize>> {
    let of_epoch = |keys: &EpochKeys| {
        (keys.epoch(), texts.iter().enumerate().map(|(rank, text)| (keys.plate(text), rank)).collect())
    };
    epochs.iter().map(of_epoch).collect()
}

fn has_pseudonym(record: &CatalogueRecord, kind: RegionKind, wanted: Pseudonym) -> bool {
    let code = u8::from(kind == RegionKind::Face);
    record.regions.iter().any(|r| r.kind == code && r.pseudonyms.iter().any(|p| p.value == wanted.0))
}

/// The nearest reading, as `far` has it, and of those the likeliest, with its spelling's place.
fn best_match(
    record: &CatalogueRecord,
    wanted: &HashMap<Pseudonym, usize>,
    far: impl Fn(usize) -> usize,
) -> Option<(Match, usize)> {
    let far = &far;
    let matches = record.regions.iter().enumerate().flat_map(|(region, found)| {
        found.pseudonyms.iter().filter_map(move |pseudonym| {
            let at = *wanted.get(&Pseudonym(pseudonym.value))?;
            Some((Match { region, rank: far(at), probability: pseudonym.probability }, at))
        })
    });
    matches.min_by_key(|(found, at)| (found.rank, u8::MAX - found.probability, *at))
}
