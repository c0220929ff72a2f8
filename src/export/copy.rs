//! Making a copy: every record read once more, written as the view shows it, in an order of its own.
//!
//! The order is drawn over the whole copy before anything is read. As much of it as memory takes is read at once, each segment
//! once and on all cores, so that a vault is not opened anew for every record.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::{Bundle, ExportError, ExportPlan, ExportTotals, Regions, Request, View};
use crate::capture::{CaptureId, RegionKind};
use crate::custody::SealingKey;
use crate::pseudonym::{Canary, CanaryKey, EpochKeys, Pseudonym};
use crate::seal::{BucketId, Capability, SegmentId};
use crate::vault::record::{CatalogueRecord, IdentityRecord, RegionRecord, SceneRecord};
use crate::vault::{Drafted, OpenError, Place, SegmentDraft};

/// A segment is flushed at this many bytes: large enough that envelopes cost nothing, small enough to hold in memory.
const SEGMENT_BYTES: u64 = 32 << 20;

/// So many bytes are read at once. What is read in several goes opens its segments several times.
const READ_BYTES: u64 = 100 << 20;

/// What a record takes in memory, at most, beside scene and identity: its catalogue record, and places and lengths of buffers.
const fn record_bytes(view: View) -> u64 {
    match view {
        // Of one region, and without a box.
        View::Metadata => 256,
        View::Scene | View::Full => 400,
    }
}

/// What becomes a record of the copy: a capture, or, of metadata, one of its pseudonyms.
#[derive(Clone, Copy)]
struct Part {
    /// The capture, among those that the plan found.
    place: u32,
    /// 0 for a capture's first or only part.
    number: u8,
}

/// What all records of one copy have in common.
struct Making<'a> {
    plan: &'a ExportPlan<'a>,
    domain: ExportDomain,
    canaries: CanaryKey,
    /// The export's, in its canaries.
    number: [u8; 3],
}

impl ExportPlan<'_> {
    /// Makes the copy in `folder`.
    pub(super) fn make(&self, folder: &Path) -> Result<ExportTotals, ExportError> {
        let Self { keyring, request, found, lengths, .. } = self;
        let mut totals = self.left_out;
        let parts = |(place, of): (u32, &Place)| (0..of.note).map(move |number| Part { place, number });
        let mut parts: Vec<Part> = (0..).zip(found.places()).flat_map(parts).collect();
        // The order of sealing tells neighbours in time apart, and would join two copies of the same hour.
        parts.shuffle(&mut rand::rng());
        let making = Making {
            plan: self,
            domain: ExportDomain::default(),
            canaries: keyring.canaries(),
            number: crate::seal::random(),
        };
        let mut bundle = Bundle::create(folder, keyring, sealing_keys(request))?;
        let mut draft = SegmentDraft::default();
        let mut rest = parts.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |part: &&Part| {
                bytes += record_bytes(request.view) + lengths[part.place as usize];
                bytes <= READ_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            rest = later;
            for (part, copy) in now.iter().zip(making.copies(now)?) {
                totals.captures += u64::from(part.number == 0);
                totals.without_scene += u64::from(request.view != View::Metadata && !copy.has_scene());
                draft.push(copy);
                if draft.plain_len() >= SEGMENT_BYTES {
                    bundle.write(&std::mem::take(&mut draft))?;
                }
            }
        }
        if !draft.is_empty() {
            bundle.write(&draft)?;
        }
        let (segments, bytes) = bundle.finish(keyring, request, &totals)?;
        Ok(ExportTotals { segments, bytes, ..totals })
    }
}

impl Making<'_> {
    /// The records of these parts as the recipient gets them, in the order of the parts.
    fn copies(&self, parts: &[Part]) -> Result<Vec<Drafted>, ExportError> {
        let places = self.plan.found.places();
        let source = |&at: &usize| places[parts[at].place as usize].source;
        let mut order: Vec<usize> = (0..parts.len()).collect();
        // In the order of the vault, so that each chunk of it is opened once.
        order.sort_unstable_by_key(|at| (source(at), parts[*at].place, parts[*at].number));
        let by_segment: Vec<&[usize]> = order.chunk_by(|a, b| source(a) == source(b)).collect();
        let copied: Result<Vec<Vec<Drafted>>, OpenError> = by_segment
            .par_iter()
            .map(|ats| self.copies_of_segment(&ats.iter().map(|&at| parts[at]).collect::<Vec<_>>()))
            .collect();
        let mut copies: Vec<_> = order.into_iter().zip(copied?.into_iter().flatten()).collect();
        copies.sort_unstable_by_key(|(at, _)| *at);
        Ok(copies.into_iter().map(|(_, copy)| copy).collect())
    }

    /// The same of parts of one segment, of which those of one capture follow each other.
    fn copies_of_segment(&self, parts: &[Part]) -> Result<Vec<Drafted>, OpenError> {
        let found = &self.plan.found;
        let captures: Vec<&[Part]> = parts.chunk_by(|a, b| a.place == b.place).collect();
        let places: Vec<&Place> = captures.iter().map(|parts| &found.places()[parts[0].place as usize]).collect();
        let Some(segment) = places.first().map(|place| found.segment_of(place)) else { return Ok(Vec::new()) };
        let records = found.read_in(places.iter().copied())?;
        let ids: Vec<CaptureId> = places.iter().map(|place| place.id).collect();
        let scenes: Vec<Option<SceneRecord>> = self.read(segment, Capability::Scene, &ids)?;
        let identities: Vec<Option<IdentityRecord>> = self.read(segment, Capability::Identity, &ids)?;
        let mut copies = Vec::with_capacity(parts.len());
        for (((parts, record), mut scene), mut identity) in
            captures.into_iter().zip(records).zip(scenes).zip(identities)
        {
            let regions = parts_of(&record, self.plan.request);
            for part in parts {
                let regions = regions.get(usize::from(part.number)).map(Vec::as_slice).unwrap_or_default();
                copies.push(self.copy(&record, regions, part.number, scene.take(), identity.take()));
            }
        }
        Ok(copies)
    }

    /// What a view that shows it gives of these captures.
    fn read<T>(
        &self,
        segment: SegmentId,
        capability: Capability,
        ids: &[CaptureId],
    ) -> Result<Vec<Option<T>>, OpenError>
    where
        T: for<'b> minicbor::Decode<'b, ()> + crate::vault::HasId,
    {
        match self.plan.sections.get(&(segment, capability)) {
            Some(key) => self.plan.vault.read_several(segment, capability, key, ids),
            None => Ok(ids.iter().map(|_| None).collect()),
        }
    }

    fn copy(
        &self,
        record: &CatalogueRecord,
        regions: &[usize],
        number: u8,
        mut scene: Option<SceneRecord>,
        mut identity: Option<IdentityRecord>,
    ) -> Drafted {
        let request = self.plan.request;
        let canary = Canary::new(request.to.id(), self.number, CaptureId(record.id));
        let id = self.canaries.mark_part(canary, number);
        let catalogue = self.catalogue(record, regions, id, &mut identity);
        if let Some(scene) = &mut scene {
            scene.id = id.0;
        }
        if let Some(identity) = &mut identity {
            identity.id = id.0;
        }
        Drafted::new(&catalogue, scene.as_ref(), identity.as_ref())
    }

    /// The catalogue record as the view shows it. Leaving regions out renumbers those that `identity` speaks of.
    fn catalogue(
        &self,
        record: &CatalogueRecord,
        carried: &[usize],
        id: CaptureId,
        identity: &mut Option<IdentityRecord>,
    ) -> CatalogueRecord {
        let request = self.plan.request;
        let mut numbers = HashMap::new();
        let mut regions = Vec::new();
        for &at in carried {
            let region = &record.regions[at];
            numbers.insert(at as u32, regions.len() as u32);
            let kind = kind_of(region);
            let mut copy = region.clone();
            if request.view != View::Full {
                // How sure the eyes were, and of how many readings, tells captures apart as a fingerprint does.
                copy.score = 0;
                copy.pseudonyms.truncate(1);
                copy.pseudonyms.iter_mut().for_each(|pseudonym| pseudonym.probability = 0);
            }
            for pseudonym in &mut copy.pseudonyms {
                pseudonym.value = self.domain.rederive(record.epoch, kind, pseudonym.value);
            }
            if request.view == View::Metadata {
                // So does a box, to the pixel.
                (copy.bounds, copy.blank) = ([0; 4], None);
            }
            regions.push(copy);
        }
        if let Some(identity) = identity {
            identity.plates.retain_mut(|plate| {
                let number = numbers.get(&plate.region);
                plate.region = number.copied().unwrap_or_default();
                number.is_some()
            });
        }
        // Digests would tell two recipients' copies of one capture by.
        let mut copy = CatalogueRecord { id: id.0, regions, original: None, scene: None, ..record.clone() };
        if request.view != View::Full {
            copy.captured_at = copy.captured_at.map(to_the_hour);
            (copy.lane, copy.sealed_by) = (None, None);
        }
        if request.view == View::Metadata {
            (copy.width, copy.height) = (0, 0);
        }
        copy
    }
}

fn sealing_keys(request: &Request<'_>) -> Vec<SealingKey> {
    // A copy has no retention of its own: its one bucket is its recipient.
    let bucket = BucketId(request.to.id().0);
    let seal = |&capability| SealingKey { capability, bucket, key: request.to.key.clone() };
    request.view.capabilities().iter().map(seal).collect()
}

/// Pseudonyms of one export. They derive from those of the vault and not from texts, so that a copy of pseudonyms can be
/// made without opening a single identity.
/// Their keys are random and kept nowhere.
#[derive(Default)]
struct ExportDomain {
    epochs: Mutex<HashMap<u32, Arc<EpochKeys>>>,
}

impl ExportDomain {
    fn rederive(&self, epoch: u32, kind: RegionKind, home: [u8; 16]) -> [u8; 16] {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = Arc::clone(epochs.entry(epoch).or_insert_with(|| Arc::new(EpochKeys::random(epoch))));
        drop(epochs);
        keys.rederive(kind, Pseudonym(home)).0
    }
}

/// The regions that each of a capture's records in the copy carries, by their numbers. There is none where a copy of metadata
/// carries none of its regions.
pub(super) fn parts_of(record: &CatalogueRecord, request: &Request<'_>) -> Vec<Vec<usize>> {
    let mut carried = carried(record, request.regions).peekable();
    if request.view != View::Metadata {
        return vec![carried.map(|(at, _)| at).collect()];
    }
    if carried.peek().is_none() {
        return Vec::new();
    }
    // Without box and pseudonym, a region would be no more than a number.
    let named: Vec<usize> = carried.filter(|(_, region)| !region.pseudonyms.is_empty()).map(|(at, _)| at).collect();
    let (single, rest) = named.split_at(named.len().min(usize::from(Canary::PARTS) - 1));
    let mut regions: Vec<Vec<usize>> = single.iter().map(|&at| vec![at]).collect();
    if regions.is_empty() || !rest.is_empty() {
        regions.push(rest.to_vec());
    }
    regions
}

fn carried(record: &CatalogueRecord, regions: Regions) -> impl Iterator<Item = (usize, &RegionRecord)> {
    record.regions.iter().enumerate().filter(move |(_, region)| regions.include(kind_of(region)))
}

fn kind_of(region: &RegionRecord) -> RegionKind {
    RegionKind::from_code(region.kind)
}

/// Milliseconds, rounded down to the hour.
fn to_the_hour(milliseconds: i64) -> i64 {
    let hour = SignedDuration::from_hours(1).as_millis() as i64;
    milliseconds.div_euclid(hour) * hour
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_down_also_before_1970() {
        assert_eq!(to_the_hour(3_600_000 * 5 + 1), 3_600_000 * 5);
        assert_eq!(to_the_hour(-1), -3_600_000);
        assert_eq!(to_the_hour(0), 0);
    }
}
