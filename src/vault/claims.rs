//! What a vault's journals say should be there, and what of it is not.
//!
//! Owns how journals are turned into claims, for whoever checks a vault and for whoever answers from it: both then say the same.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::BufReader;

use super::card::VaultKind;
use super::check::{Fault, names};
use super::header::TRAILER_LEN;
use super::journal::{self, Deed, JournalError, MacKey};
use super::layout::Layout;
use super::opening::{OpenError, OpeningVault};
use super::tombstone::Tombstones;
use crate::custody::{JournalKey, OpeningKeys};
use crate::files;
use crate::seal::{Capability, JournalId, KeyId, SegmentId};

/// What journals say of a segment.
pub(super) struct Claim {
    pub trailer: [u8; TRAILER_LEN],
    /// False for an intent that nothing followed: its segment may never have got its name.
    certain: bool,
}

/// What all journals of a vault say.
#[derive(Default)]
pub(super) struct Claims {
    pub segments: HashMap<SegmentId, Claim>,
    /// All that were read.
    pub journals: Vec<JournalId>,
    /// Those whose last run was interrupted.
    pub interrupted: Vec<JournalId>,
    /// Those of which every frame was written with their site's key.
    pub verified: Vec<JournalId>,
    /// Those that cannot be trusted.
    pub faults: Vec<Fault>,
}

impl Claims {
    /// Reads all journals. With a custodian's `keys` every frame's MAC is verified: without them anybody can write a journal that
    /// holds together, of a site that there never was, too.
    pub fn read(vault: &OpeningVault, layout: &Layout, keys: Option<&OpeningKeys>) -> Result<Self, OpenError> {
        let keys = keys.filter(|keys| keys.custody().is_some());
        let mut claims = Self::default();
        for name in names(&layout.journals())? {
            let Some(id) = JournalId::parse(&name).filter(|id| id.to_string() == name) else { continue };
            claims.journals.push(id);
            match claims.add(vault, layout, id) {
                Ok(end) if end.torn || end.pending.is_some() => claims.interrupted.push(id),
                Ok(_) => {}
                Err(source) => {
                    claims.faults.push(Fault::Journal { journal: id, source });
                    continue;
                }
            }
            match keys.map(|keys| keys.journal(id).map(|key| verify(vault, layout, id, key, None))) {
                None => {}
                Some(None) => claims.faults.push(Fault::UnknownJournal { journal: id }),
                Some(Some(Ok(_))) => claims.verified.push(id),
                Some(Some(Err(source))) => claims.faults.push(Fault::Journal { journal: id, source }),
            }
        }
        Ok(claims)
    }

    fn add(&mut self, vault: &OpeningVault, layout: &Layout, id: JournalId) -> Result<journal::End, JournalError> {
        let (file, len) = files::open_own(&layout.journal(id))?;
        let mut last_intent = None;
        journal::read(BufReader::new(file), len, vault.card().vault, id, None, None, |frame| {
            // Whatever follows an intent is written after the segment got its name, unless it says otherwise.
            if let Some(before) = last_intent.take().filter(|_| frame.deed != Deed::Withdrawn) {
                let claim: Option<&mut Claim> = self.segments.get_mut(&before);
                claim.into_iter().for_each(|claim| claim.certain = true);
            }
            let claim = |certain| Claim { trailer: frame.trailer, certain };
            match frame.deed {
                Deed::Intent => {
                    last_intent = Some(frame.segment);
                    self.segments.insert(frame.segment, claim(false));
                }
                Deed::Committed | Deed::Adopted => _ = self.segments.insert(frame.segment, claim(true)),
                Deed::Withdrawn => _ = self.segments.remove(&frame.segment),
            }
        })
    }

    /// Segments that were committed, are not among `present`, and were not removed by their custodian's word; sorted.
    pub fn missing(&self, present: &HashSet<SegmentId>, layout: &Layout, tombstones: &Tombstones) -> Vec<SegmentId> {
        let certain = self.segments.iter().filter(|(_, claim)| claim.certain).map(|(&segment, _)| segment);
        let gone = |segment: &SegmentId| {
            // Looked for again: it may have come since the listing.
            !present.contains(segment)
                && !tombstones.removed.contains_key(segment)
                && !layout.segment(*segment).exists()
        };
        let mut missing: Vec<_> = certain.filter(gone).collect();
        missing.sort_unstable();
        missing
    }
}

/// Reads a journal with its site's key.
pub(super) fn verify(
    vault: &OpeningVault,
    layout: &Layout,
    id: JournalId,
    key: &JournalKey,
    mark: Option<u64>,
) -> Result<journal::End, JournalError> {
    let (file, len) = files::open_own(&layout.journal(id))?;
    journal::read(BufReader::new(file), len, vault.card().vault, id, Some(&MacKey::new(key)), mark, |_| {})
}

/// What an answer from a vault lacks: an answer that has gaps is not the whole one.
#[derive(Debug, Default)]
pub struct Gaps {
    /// Segments that a journal names and that are not there.
    pub missing: Vec<Fault>,
    /// Segments that are there, and that no journal names: a journal is missing, and whatever else it names.
    pub unknown: Vec<Fault>,
    /// Segments of other vaults, or under other names than their own, which nothing claims. They take nothing away.
    pub foreign: Vec<Fault>,
    /// What is there and damaged, cannot be read, or is a journal that its site did not write.
    pub damaged: Vec<Fault>,
    /// Segments that these keys do not open, and that did not expire: they were sealed for another holder, or to keys that a later
    /// keyring has.
    pub closed: BTreeSet<SegmentId>,
}

impl Gaps {
    /// What is missing from a vault of which these segments were listed; damage is added by whoever meets it. An export has no
    /// journals: its manifest says what belongs to it.
    pub(super) fn of(
        vault: &OpeningVault,
        layout: &Layout,
        listed: &[SegmentId],
        tombstones: &Tombstones,
        keys: &OpeningKeys,
    ) -> Result<(Self, Claims), OpenError> {
        if vault.card().kind == VaultKind::Export {
            return Ok((Self::default(), Claims::default()));
        }
        let mut claims = Claims::read(vault, layout, Some(keys))?;
        let present: HashSet<_> = listed.iter().copied().collect();
        let missing = claims.missing(&present, layout, tombstones);
        let mut gaps = Self::default();
        gaps.missing.extend(missing.into_iter().map(|segment| Fault::Missing { segment }));
        gaps.damaged.append(&mut claims.faults);
        let unnamed = listed.iter().filter(|segment| !claims.segments.contains_key(segment));
        for &segment in unnamed {
            match vault.header(segment) {
                Err(error) if error.is_of_a_stranger() => gaps.foreign.push(Fault::Segment(error)),
                _ => gaps.unknown.push(Fault::Unjournalled { segment }),
            }
        }
        Ok((gaps, claims))
    }

    /// Adds a segment that gave less than all it holds.
    pub(super) fn add(&mut self, segment: SegmentId, error: OpenError, claims: &Claims) {
        let stranger = error.is_of_a_stranger() && !claims.segments.contains_key(&segment);
        // It is named once.
        self.unknown.retain(|fault| !matches!(fault, Fault::Unjournalled { segment: named } if *named == segment));
        self.foreign.retain(|fault| !fault.is_of(segment));
        if stranger { &mut self.foreign } else { &mut self.damaged }.push(Fault::Segment(error));
    }

    /// Adds what did not open on the way to an answer.
    pub fn add_damage(&mut self, error: OpenError) {
        self.damaged.push(Fault::Segment(error));
    }

    /// Whether nothing is missing, unknown, foreign, damaged or closed.
    pub fn is_empty(&self) -> bool {
        self.faults().next().is_none() && self.foreign.is_empty() && self.closed.is_empty()
    }

    /// What may have taken something from the answer, each by name: what is missing, unknown, and damaged.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.missing.iter().chain(&self.unknown).chain(&self.damaged)
    }
}

impl OpeningVault {
    /// What is missing from the vault, journals that cannot be trusted, or that their sites did not write by a custodian's
    /// `keys`, and segments whose catalogue these do not open. No segment is opened.
    ///
    /// # Errors
    ///
    /// When the vault cannot be listed.
    pub fn gaps(&self, keys: &OpeningKeys) -> Result<Gaps, OpenError> {
        let segments = self.segments()?;
        let tombstones = self.tombstones()?;
        let (mut gaps, _) = Gaps::of(self, self.layout(), &segments, &tombstones, keys)?;
        gaps.closed = segments.into_iter().filter(|&segment| self.is_closed(segment, &tombstones, keys)).collect();
        Ok(gaps)
    }

    /// Whether a segment's catalogue is sealed to a key that is not among these, and that nobody destroyed.
    fn is_closed(&self, segment: SegmentId, tombstones: &Tombstones, keys: &OpeningKeys) -> bool {
        let header = self.header(segment).ok().filter(|_| !tombstones.removed.contains_key(&segment));
        let key = header.and_then(|header| header.entry(Capability::Catalogue).map(|entry| entry.key));
        key.is_some_and(|key| keys.key(key).is_none() && !has_ended(key, tombstones, keys))
    }

    /// Whether what this key sealed has expired, by the keyring or by the tombstones.
    pub(crate) fn has_expired(&self, key: KeyId, keys: &OpeningKeys) -> Result<bool, OpenError> {
        Ok(has_ended(key, &self.tombstones()?, keys))
    }
}

/// Whether a key was destroyed: what it sealed has expired, and is not merely somebody else's.
pub(super) fn has_ended(key: KeyId, tombstones: &Tombstones, keys: &OpeningKeys) -> bool {
    tombstones.keys.contains_key(&key) || keys.is_destroyed(key)
}
