//! A copy for a partner: sealed to its key, in the view it was granted, under pseudonyms of a domain of its own.
//!
//! | view | the recipient opens | not in the copy at all |
//! |---|---|---|
//! | [`View::Metadata`] | when (to the hour), where, pseudonyms | boxes, sizes, lanes, confidence, second readings, pictures, texts |
//! | [`View::Scene`] | the same, boxes, and the redacted pictures | lanes, confidence, second readings, texts, originals |
//! | [`View::Full`] | everything, the original included | – |
//!
//! A copy of metadata has one record for each pseudonym, so that not even how many plates and faces a picture shows tells it
//! from others; which of them were on one picture is not in it. Ids are new (and are canaries, which name the copy to the custodian if they ever leak), order is shuffled, and pseudonyms are derived again under a key of this export alone: two copies cannot
//! be joined by them, nor can a copy of the plates and a copy of the faces of the same hour. What is equal by nature stays
//! equal: two recipients of the same *scene* can compare pictures.
//!
//! Owns what goes into a copy. Knows nothing of how the original was made; the copy is a vault of
//! docs/vault-format.md with a manifest beside it.

mod bundle;
mod error;
mod manifest;

use std::collections::HashMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom;
use rayon::prelude::*;

use crate::audit::{AuditLog, Details, Look, Permit, PermitError, Records, Verb};
use crate::capture::{CaptureId, RegionKind};
use crate::custody::{Keyring, OpeningKeys, RecipientPublicKey, SealingKey, fold_purpose};
use crate::pseudonym::{Canary, EpochKeys, Pseudonym};
use crate::seal::{BucketId, Capability, SegmentId};
use crate::vault::record::{CatalogueRecord, IdentityRecord, RegionRecord};
use crate::vault::{Gaps, Hit, OpenError, OpeningVault, Query, SegmentDraft};

use bundle::Bundle;
pub use error::ExportError;
pub use manifest::{Manifest, ManifestError};

/// A segment is flushed at this many bytes: large enough that envelopes cost nothing, small enough to hold in memory.
const SEGMENT_BYTES: u64 = 32 << 20;

/// What a recipient is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Times, places and pseudonyms.
    Metadata,
    /// And the redacted pictures.
    Scene,
    /// And the originals.
    Full,
}

impl View {
    /// `metadata`, `scene` or `full`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Scene => "scene",
            Self::Full => "full",
        }
    }

    /// The capabilities that the copy holds, and that the exporter must open to make it.
    pub const fn capabilities(self) -> &'static [Capability] {
        match self {
            Self::Metadata => &[Capability::Catalogue],
            Self::Scene => &[Capability::Catalogue, Capability::Scene],
            Self::Full => &Capability::ALL,
        }
    }
}

/// Which regions' pseudonyms a copy carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regions {
    /// Plates and faces.
    All,
    /// Plates only.
    Plates,
    /// Faces only.
    Faces,
}

impl Regions {
    /// `all`, `plates` or `faces`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Plates => "plates",
            Self::Faces => "faces",
        }
    }

    const fn include(self, kind: RegionKind) -> bool {
        match self {
            Self::All => true,
            Self::Plates => matches!(kind, RegionKind::Plate),
            Self::Faces => matches!(kind, RegionKind::Face),
        }
    }
}

/// What to export, to whom, and why.
pub struct Request<'a> {
    /// The recipient's public key.
    pub to: &'a RecipientPublicKey,
    /// What the recipient is granted.
    pub view: View,
    /// Which pseudonyms it gets.
    pub regions: Regions,
    /// Why. It is sealed into the manifest.
    pub purpose: &'a str,
    /// Which captures.
    pub query: &'a Query,
    /// The present.
    pub now: Timestamp,
}

/// What became of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportTotals {
    /// Captures in the copy.
    pub captures: u64,
    /// Of these, such as could not be examined and therefore have no scene.
    pub without_scene: u64,
    /// Captures whose scene or identity has expired, and which were therefore left out.
    pub expired: u64,
    /// Captures that match and were left out, because their scene or identity is damaged.
    pub damaged: u64,
    /// Captures that match and were left out, because their scene or identity is sealed to keys that are elsewhere.
    pub closed: u64,
    /// Captures that match and were left out of a copy of metadata, because none of the regions that it carries is on them.
    pub without_regions: u64,
    /// Segments of the vault whose catalogue has expired: nobody knows what in them matched.
    pub expired_segments: u64,
    /// Captures that are not in the copy because nobody noted their time, and times were asked for.
    pub without_time: u64,
    /// Segments written.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl<'a> Request<'a> {
    /// What is to be put on record of it before anything is looked up in a vault.
    pub fn look(&self, vault: &OpeningVault) -> Look<'a> {
        let details = Details {
            vault: Some(vault.card().vault.0),
            query: format!("view {}", self.view.name()),
            recipient: Some(self.to.id().0),
            ..Details::default()
        };
        Look { verb: Verb::Export, records: 0.into(), purpose: Some(self.purpose.trim()), details, over_budget: false }
    }
}

/// Makes the copy in `folder`, which must not exist or be empty. It appears there whole or not at all, after an entry in
/// the log of the keyring's folder, within the policy's budget.
///
/// # Errors
///
/// See [`ExportError`].
pub fn export(
    vault: &OpeningVault,
    keyring: &Keyring,
    request: &Request<'_>,
    folder: &Path,
) -> Result<ExportTotals, ExportError> {
    ExportPlan::check_target(folder)?;
    let (log, asking) = (AuditLog::of(keyring.folder()), request.look(vault));
    fold_purpose(request.purpose)?;
    if log.refuse_at_once(keyring, &asking)?.is_some() {
        return Err(ExportError::Budget);
    }
    let plan = ExportPlan::new(vault, keyring, request)?;
    let recorded = log.record(keyring, &plan.look())?;
    plan.write(recorded.permit().ok_or(ExportError::Budget)?, folder)
}

/// A copy that is about to be made: which captures go into it, and whether there are any, can be put on record, and nothing of
/// it is written or told.
pub struct ExportPlan<'a> {
    vault: &'a OpeningVault,
    keyring: &'a Keyring,
    request: &'a Request<'a>,
    keys: OpeningKeys,
    found: Vec<Hit>,
    /// What is left out of the copy; nothing is in it yet.
    left_out: ExportTotals,
    gaps: Gaps,
    /// How many of these there were.
    faults: usize,
    /// Whether no catalogue has the site that was asked for.
    lacks_site: bool,
}

/// What becomes of a capture that matches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Given,
    /// What the view needs of it has expired.
    Expired,
    /// What the view needs of it does not open.
    Damaged,
    /// What the view needs of it is sealed to a key that is not here, and that nobody destroyed.
    Closed,
}

impl<'a> ExportPlan<'a> {
    /// Finds what matches, and of that what can be given: everything that the copy will hold is read to its end, so that whoever
    /// counts it before it leaves counts what leaves, and nothing else.
    ///
    /// # Errors
    ///
    /// See [`ExportError`].
    pub fn new(vault: &'a OpeningVault, keyring: &'a Keyring, request: &'a Request<'a>) -> Result<Self, ExportError> {
        if request.purpose.trim().is_empty() {
            return Err(ExportError::NoPurpose);
        }
        fold_purpose(request.purpose)?;
        let keys = keyring.opening_keys(request.view.capabilities());
        let mut matching = request.query.run(vault, &keys)?;
        let mut gaps = std::mem::take(&mut matching.gaps);
        let (lacks_site, without_time) = (matching.lacks_site(), matching.passed_over().untimed);
        let expired_segments = matching.expired.len() as u64;
        let mut found = matching.into_hits();
        let matching = found.len();
        found.retain(|hit| request.view != View::Metadata || carried(&hit.record, request.regions).next().is_some());
        let without_regions = (matching - found.len()) as u64;
        let fates = fates(vault, &keys, request.view, &found, &mut gaps)?;
        let count = |fate| fates.iter().filter(|&&found| found == fate).count() as u64;
        let [expired, damaged, closed] = [Fate::Expired, Fate::Damaged, Fate::Closed].map(count);
        let mut fates = fates.iter();
        found.retain(|_| fates.next() == Some(&Fate::Given));
        let faults = gaps.faults().count();
        let left_out = ExportTotals {
            expired,
            damaged,
            closed,
            without_regions,
            without_time,
            expired_segments,
            ..ExportTotals::default()
        };
        Ok(Self { vault, keyring, request, keys, found, left_out, gaps, faults, lacks_site })
    }

    /// What is missing from the vault, damaged in it, or not opened because its keys are elsewhere, and therefore not in the copy.
    /// It may name what matches, and takes the permit for that.
    ///
    /// # Errors
    ///
    /// When it is not what is on record.
    pub fn take_gaps(&mut self, permit: &Permit) -> Result<Gaps, PermitError> {
        self.check(permit)?;
        Ok(std::mem::take(&mut self.gaps))
    }

    fn check(&self, permit: &Permit) -> Result<(), PermitError> {
        let (custody, vault) = (self.keyring.custody(), self.vault.card().vault);
        permit.covers(Verb::Export, custody, Some(vault), self.captures().len() as u64, self.captures())
    }

    fn captures(&self) -> impl ExactSizeIterator<Item = CaptureId> {
        self.found.iter().map(|hit| CaptureId(hit.record.id))
    }

    /// What is to be put on record before the copy is made. That there is nothing to give is an answer, and an entry, too.
    pub fn look(&self) -> Look<'a> {
        Look { records: Records::of(self.captures()), ..self.request.look(self.vault) }
    }

    /// Whether the copy could be made in `folder`, which must not exist or be empty.
    ///
    /// # Errors
    ///
    /// See [`ExportError`].
    pub fn check_target(folder: &Path) -> Result<(), ExportError> {
        Ok(Bundle::check_target(folder)?)
    }

    /// Makes the copy in `folder`, which must not exist or be empty. It appears there whole or not at all.
    ///
    /// # Errors
    ///
    /// See [`ExportError`]; that there is nothing to give is told here and not before.
    pub fn write(self, permit: Permit, folder: &Path) -> Result<ExportTotals, ExportError> {
        self.check(&permit)?;
        let Self { vault, keyring, request, keys, found, left_out, faults, lacks_site, .. } = self;
        if found.is_empty() {
            return Err(match &request.query.site {
                _ if faults > 0 => ExportError::NothingWhole { damaged: left_out.damaged, gaps: faults },
                Some(name) if lacks_site && !keyring.has_site(name) => {
                    let known = keyring.sites().map(|(_, known)| format!("{known:?}")).collect();
                    ExportError::UnknownSite { name: name.clone(), known }
                }
                _ => ExportError::Nothing { without_time: left_out.without_time },
            });
        }
        let mut parts: Vec<Part<'_>> = found.iter().flat_map(|hit| Part::of(hit, request)).collect();
        // The order of sealing tells neighbours in time apart, and would join two copies of the same hour.
        parts.shuffle(&mut rand::rng());
        make(vault, keyring, request, &keys, &parts, left_out, folder)
    }
}

/// What becomes of each capture that was found; what does not open is added to `gaps`.
fn fates(
    vault: &OpeningVault,
    keys: &OpeningKeys,
    view: View,
    found: &[Hit],
    gaps: &mut Gaps,
) -> Result<Vec<Fate>, OpenError> {
    let mut by_segment: HashMap<SegmentId, Vec<usize>> = HashMap::new();
    for (at, hit) in found.iter().enumerate() {
        by_segment.entry(hit.segment).or_default().push(at);
    }
    let by_segment: Vec<_> = by_segment.into_iter().collect();
    let judged: Result<Vec<_>, OpenError> = by_segment
        .par_iter()
        .map(|(segment, places)| {
            let records: Vec<_> = places.iter().map(|&at| &found[at].record).collect();
            fates_in(vault, keys, view, *segment, &records)
        })
        .collect();
    let mut fates = vec![Fate::Given; found.len()];
    for ((segment, places), (judged, fault)) in by_segment.iter().zip(judged?) {
        if judged.contains(&Fate::Closed) {
            gaps.closed.insert(*segment);
        }
        places.iter().zip(judged).for_each(|(&at, fate)| fates[at] = fate);
        fault.into_iter().for_each(|fault| gaps.add_damage(fault));
    }
    Ok(fates)
}

fn fates_in(
    vault: &OpeningVault,
    keys: &OpeningKeys,
    view: View,
    segment: SegmentId,
    records: &[&CatalogueRecord],
) -> Result<(Vec<Fate>, Option<OpenError>), OpenError> {
    let (mut fates, mut fault) = (vec![Fate::Given; records.len()], None);
    for &capability in view.capabilities().iter().filter(|&&capability| capability != Capability::Catalogue) {
        let readable = vault.readable(segment, capability, keys);
        let kept = match &readable {
            Err(OpenError::NoKey { key, .. }) if !vault.has_expired(*key, keys)? => Fate::Closed,
            _ => Fate::Expired,
        };
        for (fate, record) in fates.iter_mut().zip(records) {
            let id = CaptureId(record.id);
            match &readable {
                Ok(readable) => match readable.get(&id) {
                    Some(true) => {}
                    // An image that could not be examined has no scene.
                    None if capability == Capability::Scene => {}
                    Some(false) | None => {
                        *fate = Fate::Damaged;
                        fault = fault.or(Some(OpenError::Record { segment, capability, id }));
                    }
                },
                Err(OpenError::NoKey { .. }) if *fate == Fate::Given => *fate = kept,
                Err(OpenError::NoKey { .. }) => {}
                Err(_) => *fate = Fate::Damaged,
            }
        }
        match readable {
            Ok(_) | Err(OpenError::NoKey { .. }) => {}
            Err(error) => fault = Some(error),
        }
    }
    Ok((fates, fault))
}

fn make(
    vault: &OpeningVault,
    keyring: &Keyring,
    request: &Request<'_>,
    keys: &OpeningKeys,
    parts: &[Part<'_>],
    mut totals: ExportTotals,
    folder: &Path,
) -> Result<ExportTotals, ExportError> {
    let mut domain = ExportDomain::default();
    let mut bundle = Bundle::create(folder, keyring, sealing_keys(request))?;
    let mut draft = SegmentDraft::default();
    let (canaries, number) = (keyring.canaries(), crate::seal::random());
    for part in parts {
        let canary = Canary::new(request.to.id(), number, CaptureId(part.hit.record.id));
        let id = canaries.mark_part(canary, part.number);
        let Some(copy) = copy_of(vault, keys, part, id, request, &mut domain)? else {
            totals.expired += 1;
            continue;
        };
        totals.captures += u64::from(part.number == 0);
        totals.without_scene += u64::from(request.view != View::Metadata && copy.scene.is_none());
        draft.push(&copy.catalogue, copy.scene.as_ref(), copy.identity.as_ref());
        if draft.plain_len() >= SEGMENT_BYTES {
            bundle.write(&std::mem::take(&mut draft))?;
        }
    }
    if totals.captures == 0 {
        return Err(ExportError::Nothing { without_time: totals.without_time });
    }
    if !draft.is_empty() {
        bundle.write(&draft)?;
    }
    let (segments, bytes) = bundle.finish(keyring, request, &totals)?;
    Ok(ExportTotals { segments, bytes, ..totals })
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
    epochs: HashMap<u32, EpochKeys>,
}

impl ExportDomain {
    fn rederive(&mut self, epoch: u32, kind: RegionKind, home: [u8; 16]) -> [u8; 16] {
        let keys = self.epochs.entry(epoch).or_insert_with(|| EpochKeys::random(epoch));
        keys.rederive(kind, Pseudonym(home)).0
    }
}

/// What becomes a record of the copy: a capture, or, of metadata, one of its pseudonyms.
struct Part<'h> {
    hit: &'h Hit,
    /// Numbers of the regions that it carries.
    regions: Vec<usize>,
    /// 0 for a capture's first or only part.
    number: u8,
}

impl<'h> Part<'h> {
    fn of(hit: &'h Hit, request: &Request<'_>) -> Vec<Self> {
        let carried = carried(&hit.record, request.regions);
        if request.view != View::Metadata {
            return vec![Self { hit, regions: carried.map(|(at, _)| at).collect(), number: 0 }];
        }
        // Without box and pseudonym, a region would be no more than a number.
        let named: Vec<usize> = carried.filter(|(_, region)| !region.pseudonyms.is_empty()).map(|(at, _)| at).collect();
        let (single, rest) = named.split_at(named.len().min(usize::from(Canary::PARTS) - 1));
        let mut regions: Vec<Vec<usize>> = single.iter().map(|&at| vec![at]).collect();
        if regions.is_empty() || !rest.is_empty() {
            regions.push(rest.to_vec());
        }
        (0..).zip(regions).map(|(number, regions)| Self { hit, regions, number }).collect()
    }
}

/// A capture as the recipient gets it.
struct Copy {
    catalogue: CatalogueRecord,
    scene: Option<crate::vault::record::SceneRecord>,
    identity: Option<IdentityRecord>,
}

/// `None` when what the view needs has expired.
fn copy_of(
    vault: &OpeningVault,
    keys: &crate::custody::OpeningKeys,
    part: &Part<'_>,
    id: CaptureId,
    request: &Request<'_>,
    domain: &mut ExportDomain,
) -> Result<Option<Copy>, ExportError> {
    let (segment, record) = (part.hit.segment, &part.hit.record);
    let home = CaptureId(record.id);
    let mut scene = None;
    if request.view != View::Metadata {
        match vault.read_scene(segment, home, keys) {
            Ok(found) => scene = Some(found),
            // An image that could not be examined has none.
            Err(OpenError::NoRecord { .. }) => {}
            Err(OpenError::NoKey { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let mut identity = None;
    if request.view == View::Full {
        match vault.read_identity(segment, home, keys) {
            Ok(found) => identity = Some(found),
            Err(OpenError::NoKey { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let catalogue = catalogue_for(part, id, request, domain, &mut identity);
    if let Some(scene) = &mut scene {
        scene.id = id.0;
    }
    if let Some(identity) = &mut identity {
        identity.id = id.0;
    }
    Ok(Some(Copy { catalogue, scene, identity }))
}

/// The catalogue record as the view shows it. Leaving regions out renumbers those that `identity` speaks of.
fn catalogue_for(
    part: &Part<'_>,
    id: CaptureId,
    request: &Request<'_>,
    domain: &mut ExportDomain,
    identity: &mut Option<IdentityRecord>,
) -> CatalogueRecord {
    let record = &part.hit.record;
    let mut numbers = HashMap::new();
    let mut regions = Vec::new();
    for &at in &part.regions {
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
            pseudonym.value = domain.rederive(record.epoch, kind, pseudonym.value);
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

fn carried(record: &CatalogueRecord, regions: Regions) -> impl Iterator<Item = (usize, &RegionRecord)> {
    record.regions.iter().enumerate().filter(move |(_, region)| regions.include(kind_of(region)))
}

fn kind_of(region: &RegionRecord) -> RegionKind {
    if region.kind == 0 { RegionKind::Plate } else { RegionKind::Face }
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
