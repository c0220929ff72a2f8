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
mod copy;
mod error;
mod manifest;

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use rayon::prelude::*;

use crate::audit::{AuditLog, Details, Look, Permit, PermitError, Records, Verb};
use crate::capture::{CaptureId, RegionKind};
use crate::custody::{Keyring, OpeningKeys, RecipientPublicKey, fold_purpose};
use crate::seal::{Capability, SectionKey, SegmentId};
use crate::vault::record::CatalogueRecord;
use crate::vault::{Found, Gaps, OpenError, OpeningVault, Query, Readable};

use bundle::Bundle;
pub use error::ExportError;
pub use manifest::{Manifest, ManifestError};

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
            Self::Faces => kind.is_person(),
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
    found: Found,
    /// For each of these, how many bytes of scene and identity the copy will take from the vault.
    lengths: Vec<u64>,
    sections: Sections,
    /// What is left out of the copy; nothing is in it yet.
    left_out: ExportTotals,
    gaps: Gaps,
    /// How many of these there were.
    faults: usize,
    /// Whether no catalogue has the site that was asked for.
    lacks_site: bool,
}

/// Keys of sections, by which what was read to its end is read again.
type Sections = HashMap<(SegmentId, Capability), SectionKey>;

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
        // How many records of the copy each is: none where it carries no region and has nothing to say.
        let parts = |record: &CatalogueRecord| copy::parts_of(record, request).len() as u8;
        let mut found = request.query.run_noting(vault, &keys, parts)?;
        let mut gaps = std::mem::take(&mut found.gaps);
        let (lacks_site, without_time) = (found.lacks_site(), found.passed_over().untimed);
        let expired_segments = found.expired.len() as u64;
        let matching = found.places().len();
        found.retain(|place| place.note > 0);
        let without_regions = (matching - found.places().len()) as u64;
        let Judged { fates, mut lengths, sections } = judge(vault, &keys, request.view, &found, &mut gaps)?;
        let count = |fate| fates.iter().filter(|&&found| found == fate).count() as u64;
        let [expired, damaged, closed] = [Fate::Expired, Fate::Damaged, Fate::Closed].map(count);
        let given = || fates.iter().map(|&fate| fate == Fate::Given);
        let (mut of_places, mut of_lengths) = (given(), given());
        found.retain(|_| of_places.next() == Some(true));
        lengths.retain(|_| of_lengths.next() == Some(true));
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
        Ok(Self { vault, keyring, request, found, lengths, sections, left_out, gaps, faults, lacks_site })
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
        self.found.places().iter().map(|place| place.id)
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
        let Self { keyring, request, found, left_out, faults, lacks_site, .. } = &self;
        if found.places().is_empty() {
            return Err(match &request.query.site {
                _ if *faults > 0 => ExportError::NothingWhole { damaged: left_out.damaged, gaps: *faults },
                Some(name) if *lacks_site && !keyring.has_site(name) => {
                    let known = keyring.sites().map(|(_, known)| format!("{known:?}")).collect();
                    ExportError::UnknownSite { name: name.clone(), known }
                }
                _ => ExportError::Nothing { without_time: left_out.without_time },
            });
        }
        self.make(folder)
    }
}

/// What is known of the captures that were found, once all that the copy will take of them was read.
struct Judged {
    /// What becomes of each.
    fates: Vec<Fate>,
    lengths: Vec<u64>,
    sections: Sections,
}

/// Judges each capture; what does not open is added to `gaps`.
fn judge(
    vault: &OpeningVault,
    keys: &OpeningKeys,
    view: View,
    found: &Found,
    gaps: &mut Gaps,
) -> Result<Judged, OpenError> {
    let places = found.places();
    let mut by_segment: HashMap<SegmentId, Vec<usize>> = HashMap::new();
    for (at, place) in places.iter().enumerate() {
        by_segment.entry(found.segment_of(place)).or_default().push(at);
    }
    let by_segment: Vec<_> = by_segment.into_iter().collect();
    let judged: Result<Vec<_>, OpenError> = by_segment
        .par_iter()
        .map(|(segment, numbers)| {
            let ids: Vec<_> = numbers.iter().map(|&at| places[at].id).collect();
            judge_in(vault, keys, view, *segment, &ids)
        })
        .collect();
    let (count, mut sections) = (places.len(), HashMap::new());
    let (mut fates, mut lengths) = (vec![Fate::Given; count], vec![0; count]);
    for ((segment, numbers), (judged, opened, fault)) in by_segment.iter().zip(judged?) {
        if judged.iter().any(|(fate, _)| *fate == Fate::Closed) {
            gaps.closed.insert(*segment);
        }
        numbers.iter().zip(judged).for_each(|(&at, judged)| (fates[at], lengths[at]) = judged);
        sections.extend(opened.into_iter().map(|(capability, key)| ((*segment, capability), key)));
        fault.into_iter().for_each(|fault| gaps.add_damage(fault));
    }
    Ok(Judged { fates, lengths, sections })
}

/// The fate of each capture and how long what the copy takes of it is, the keys of the sections, and what did not open.
type JudgedSegment = (Vec<(Fate, u64)>, Vec<(Capability, SectionKey)>, Option<OpenError>);

fn judge_in(
    vault: &OpeningVault,
    keys: &OpeningKeys,
    view: View,
    segment: SegmentId,
    ids: &[CaptureId],
) -> Result<JudgedSegment, OpenError> {
    let (mut judged, mut opened, mut fault) = (vec![(Fate::Given, 0); ids.len()], Vec::new(), None);
    for &capability in view.capabilities().iter().filter(|&&capability| capability != Capability::Catalogue) {
        let readable = vault.readable(segment, capability, keys);
        let kept = match &readable {
            Err(OpenError::NoKey { key, .. }) if !vault.has_expired(*key, keys)? => Fate::Closed,
            _ => Fate::Expired,
        };
        for ((fate, length), &id) in judged.iter_mut().zip(ids) {
            match &readable {
                Ok(Readable { records, .. }) => match records.get(&id) {
                    Some(Some(of_record)) => *length += of_record,
                    // An image that could not be examined has no scene.
                    None if capability == Capability::Scene => {}
                    Some(None) | None => {
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
            Ok(Readable { key, .. }) => opened.push((capability, key)),
            Err(OpenError::NoKey { .. }) => {}
            Err(error) => fault = Some(error),
        }
    }
    Ok((judged, opened, fault))
}
