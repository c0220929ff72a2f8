//! Which captures of a vault match: by pseudonym, time, place.
//!
//! Opens catalogue sections and nothing else. Of what matches, no more is kept than where it lies, some fifty bytes each: a vault
//! has more records than memory. They are read again when they are shown, a window at a time.

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
use crate::seal::{Capability, SectionKey, SegmentId};

/// What to look for; what is `None` matches everything.
#[derive(Default)]
pub struct Query {
    /// Pseudonyms by epoch; for each, how far its spelling is from the one asked for (0: the very one).
    pub pseudonyms: Option<HashMap<u32, HashMap<Pseudonym, usize>>>,
    /// With a plate of one of these spellings, in any of these epochs.
    pub spelt: Option<(Spellings, Vec<EpochKeys>)>,
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
/// them after that, by [`Found::hits`] or [`Found::each`].
pub struct Found {
    vault: OpeningVault,
    /// The segments whose catalogue opened.
    sources: Vec<Source>,
    /// Captures in the order of their times, then segments; such without a time come first.
    places: Vec<Place>,
    /// Segments whose catalogue has expired; most of them are removed.
    pub expired: HashSet<SegmentId>,
    /// What is missing, damaged, or not opened by these keys: captures in it may match as well.
    pub gaps: Gaps,
    /// Whether a catalogue has a capture of the site that was asked for, whatever else was.
    site_met: bool,
    /// What matches but for a time that nobody noted, where one was asked for.
    untimed: Vec<Place>,
    /// Captures of that time and place that could not be examined: what plates and faces they show nobody knows.
    unexamined: u64,
}

/// A segment, and the key of its catalogue: taking that out again would cost more than reading it.
struct Source {
    segment: SegmentId,
    key: SectionKey,
}

/// A capture that matches, as far as it is kept.
pub(crate) struct Place {
    captured_at: Option<i64>,
    pub id: CaptureId,
    /// Its segment, among the sources.
    pub source: u32,
    /// Where it stands in that one's catalogue.
    at: u32,
    /// What whoever asked noted of it.
    pub note: u8,
    /// The best match and its spelling, where plates were asked for, and so of few.
    matched: Option<Box<(Match, Option<PlateText>)>>,
}

const _: () = assert!(size_of::<Place>() <= 56, "a vault has millions");

/// As many are read again at once: few enough for memory, and so many that a segment is seldom met twice.
const WINDOW: usize = 1 << 16;

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
        self.places.iter().map(|place| place.id)
    }

    /// The captures that match and what is known of them, with keys that an entry permits to be used for it. All at once: see
    /// [`Self::each`].
    ///
    /// # Errors
    ///
    /// When it is not what is on record.
    pub fn hits(self, keys: &PermittedKeys) -> Result<Vec<Hit>, OpenError> {
        let mut hits = Vec::with_capacity(self.places.len());
        let take = |hit| -> Result<(), OpenError> {
            hits.push(hit);
            Ok(())
        };
        self.each(keys, |hit| hit, take)?;
        Ok(hits)
    }

    /// Hands over what is made of each capture that matches, in their order. `make` runs on all cores.
    ///
    /// # Errors
    ///
    /// When it is not what is on record, and then nothing was handed over; when a segment cannot be read again; and what `take`
    /// returns.
    pub fn each<T: Send, E: From<OpenError>>(
        self,
        keys: &PermittedKeys,
        make: impl Fn(Hit) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        for id in self.captures() {
            keys.admit(Capability::Catalogue, self.vault.card().vault, id).map_err(OpenError::from)?;
        }
        let hit = |place: &Place, record| {
            let (matched, spelling) = place.matched.as_deref().cloned().unzip();
            Hit { segment: self.segment_of(place), record, matched, spelling: spelling.flatten() }
        };
        for window in self.places.chunks(WINDOW) {
            self.read(window, |place, record| make(hit(place, record)))?.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    /// Puts nearer matches before farther ones; equally near ones stay in the order of their times.
    pub fn nearest_first(&mut self) {
        self.places.sort_by_key(|place| place.matched.as_ref().map_or(0, |matched| matched.0.rank));
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

    /// Reads the records of these places again, each segment once and on all cores. What is made of them is in the order of
    /// `places`.
    fn read<T: Send>(
        &self,
        places: &[Place],
        make: impl Fn(&Place, CatalogueRecord) -> T + Sync,
    ) -> Result<Vec<T>, OpenError> {
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_unstable_by_key(|&number| (places[number].source, places[number].at));
        let by_source: Vec<&[usize]> = order.chunk_by(|&a, &b| places[a].source == places[b].source).collect();
        let read_one = |numbers: &&[usize]| -> Result<Vec<(usize, T)>, OpenError> {
            let records = self.read_in(numbers.iter().map(|&number| &places[number]))?;
            Ok(numbers.iter().zip(records).map(|(&number, record)| (number, make(&places[number], record))).collect())
        };
        let read: Result<Vec<_>, OpenError> = by_source.par_iter().map(read_one).collect();
        let mut made: Vec<(usize, T)> = read?.into_iter().flatten().collect();
        made.sort_unstable_by_key(|(number, _)| *number);
        Ok(made.into_iter().map(|(_, made)| made).collect())
    }

    /// Reads the records of places that are all in one segment again.
    pub(crate) fn read_in<'p>(
        &self,
        places: impl IntoIterator<Item = &'p Place>,
    ) -> Result<Vec<CatalogueRecord>, OpenError> {
        let mut section = None;
        let read = |place: &Place| {
            let section = match &mut section {
                Some(section) => section,
                free => {
                    let Source { segment, key } = &self.sources[place.source as usize];
                    free.insert(self.vault.segment(*segment)?.section_by(Capability::Catalogue, key)?)
                }
            };
            section.decode(place.at as usize, place.id)
        };
        places.into_iter().map(read).collect()
    }

    /// In which segment a place is.
    pub(crate) fn segment_of(&self, place: &Place) -> SegmentId {
        self.sources[place.source as usize].segment
    }

    /// Where what matches lies, for what has a permit of its own. Not for `cli`.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Leaves out what somebody does not want.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Place) -> bool) {
        self.places.retain(keep);
    }

    /// Keeps what has a plate of one of these spellings. Of a capture the nearest reading counts, and of equally near ones the
    /// likeliest.
    fn narrow(&mut self, wanted: &Wanted) -> Result<(), OpenError> {
        let best = |_: &Place, record| wanted.best(&record).map(Box::new);
        let matched = [self.read(&self.places, best)?, self.read(&self.untimed, best)?];
        for (places, matched) in [&mut self.places, &mut self.untimed].into_iter().zip(matched) {
            let mut matched = matched.into_iter();
            places.retain_mut(|place| {
                place.matched = matched.next().flatten();
                place.matched.is_some()
            });
        }
        Ok(())
    }
}

/// Spellings that plates in the vault have, out of all that were asked for.
struct Wanted {
    texts: Vec<PlateText>,
    far: Vec<usize>,
    pseudonyms: HashMap<u32, HashMap<Pseudonym, usize>>,
}

impl Wanted {
    /// Of every spelling the pseudonym is looked up among `plates`, by epoch.
    fn among(spellings: &Spellings, epochs: &[EpochKeys], plates: &HashMap<u32, HashSet<Pseudonym>>) -> Self {
        let keys: Vec<_> = epochs.iter().filter_map(|keys| Some((keys, plates.get(&keys.epoch())?))).collect();
        let known = |letters: &[u8]| keys.iter().any(|(keys, known)| known.contains(&keys.plate_of(letters)));
        let texts = match spellings {
            Spellings::Fitting(candidates) => candidates.matching(known).into_iter().map(|text| (text, 0)).collect(),
            Spellings::Listed(texts) => {
                let known = texts.iter().filter(|(text, _)| known(text.expose().as_bytes()));
                known.cloned().collect::<Vec<_>>()
            }
        };
        let (texts, far): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        let pseudonyms = pseudonyms_of(&texts, epochs);
        Self { texts, far, pseudonyms }
    }

    fn best(&self, record: &CatalogueRecord) -> Option<(Match, Option<PlateText>)> {
        let wanted = self.pseudonyms.get(&record.epoch)?;
        let (matched, at) = best_match(record, wanted, |at| self.far[at])?;
        Some((matched, Some(self.texts[at].clone())))
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
        self.run_noting(vault, keys, |_| 0)
    }

    /// [`Self::run`] for whoever must know something of each capture before it is shown.
    pub(crate) fn run_noting(
        &self,
        vault: &OpeningVault,
        keys: &OpeningKeys,
        note: impl Fn(&CatalogueRecord) -> u8 + Sync,
    ) -> Result<Found, OpenError> {
        let segments = vault.segments()?;
        let mut plates = HashMap::new();
        let mut by_segment = Vec::with_capacity(segments.len());
        for batch in segments.chunks(BATCH) {
            let read = batch.par_iter().map(|&segment| (segment, self.look(vault, segment, keys, &note)));
            let mut read: Vec<_> = read.collect();
            for (_, read) in &mut read {
                for (epoch, plate) in read.iter_mut().flat_map(|looked| looked.plates.drain(..)) {
                    plates.entry(epoch).or_insert_with(HashSet::new).insert(plate);
                }
            }
            by_segment.append(&mut read);
        }
        // After the segments: one that was removed meanwhile had its tombstone before.
        let tombstones = vault.tombstones()?;
        let expired = tombstones.buried.keys().copied().collect();
        let (gaps, claims) = Gaps::of(vault, vault.layout(), &segments, &tombstones, keys)?;
        let mut found = Found {
            vault: vault.clone(),
            sources: Vec::new(),
            places: Vec::new(),
            expired,
            gaps,
            site_met: self.site.is_none(),
            untimed: Vec::new(),
            unexamined: 0,
        };
        for (segment, read) in by_segment {
            match read {
                Ok(Looked { key, fault, met, places, untimed, unexamined, .. }) => {
                    let source = found.sources.len() as u32;
                    found.sources.push(Source { segment, key });
                    found.site_met |= met;
                    found.places.extend(places.into_iter().map(|place| Place { source, ..place }));
                    found.untimed.extend(untimed.into_iter().map(|place| Place { source, ..place }));
                    found.unexamined += unexamined;
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
        if found.sources.is_empty() && !found.gaps.closed.is_empty() {
            return Err(OpenError::NothingOpens { closed: found.gaps.closed.len() });
        }
        if let Some((spellings, epochs)) = &self.spelt {
            found.narrow(&Wanted::among(spellings, epochs, &plates))?;
        }
        // Stable: equal times keep the order of sealing.
        found.places.sort_by_key(|place| place.captured_at);
        Ok(found)
    }

    /// Looks through one segment.
    fn look(
        &self,
        vault: &OpeningVault,
        segment: SegmentId,
        keys: &OpeningKeys,
        note: &(impl Fn(&CatalogueRecord) -> u8 + Sync),
    ) -> Result<Looked, OpenError> {
        let (mut places, mut untimed, mut plates) = (Vec::new(), Vec::new(), Vec::new());
        let (mut met, mut unexamined) = (self.site.is_none(), 0);
        let (key, fault) = vault.readable_catalogue(segment, keys, |at, record| {
            met |= record.site == self.site;
            let in_time = record.captured_at.map(|at| {
                self.from.is_none_or(|from| at >= from.as_millisecond())
                    && self.to.is_none_or(|to| at < to.as_millisecond())
            });
            let timeless = in_time.is_none() && (self.from.is_some() || self.to.is_some());
            if in_time == Some(false) || (self.site.is_some() && self.site != record.site) {
                return;
            }
            unexamined += u64::from(record.status == Status::Unreadable);
            let Some(matched) = self.matched(&record) else { return };
            if self.spelt.is_some() {
                let regions = record.regions.iter().filter(|region| region.kind == 0);
                let values = regions.flat_map(|region| &region.pseudonyms);
                plates.extend(values.map(|pseudonym| (record.epoch, Pseudonym(pseudonym.value))));
            }
            let (id, note) = (CaptureId(record.id), note(&record));
            let matched = matched.map(|matched| Box::new((matched, None)));
            let place = Place { captured_at: record.captured_at, id, source: 0, at: at as u32, note, matched };
            if timeless { &mut untimed } else { &mut places }.push(place);
        })?;
        Ok(Looked { key, fault, met, places, untimed, unexamined, plates })
    }

    /// Whether a record of that time and place is one of those that were asked for, and how it matches where it was a plate.
    fn matched(&self, record: &CatalogueRecord) -> Option<Option<Match>> {
        if !self.shown.is_none_or(|(kind, wanted)| has_pseudonym(record, kind, wanted)) {
            return None;
        }
        match &self.pseudonyms {
            None => Some(None),
            Some(epochs) => Some(Some(best_match(record, epochs.get(&record.epoch)?, |at| at)?.0)),
        }
    }
}

/// So many segments are looked through before what they showed is put together.
const BATCH: usize = 256;

/// What a look through one segment gave.
struct Looked {
    key: SectionKey,
    fault: Option<OpenError>,
    met: bool,
    places: Vec<Place>,
    untimed: Vec<Place>,
    unexamined: u64,
    /// Pseudonyms of plates with their epochs, where spellings are asked for.
    plates: Vec<(u32, Pseudonym)>,
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
