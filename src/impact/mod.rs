//! After a theft: what was taken, how many people it concerns, which days, and what the thief can open.
//!
//! Owns the inventory of what was stolen, the counts drawn from catalogues, and the uncertainty of each. It opens
//! catalogues only, and a list for notification only where it is handed identity keys. Knows nothing of how the theft
//! came about, and attacks nothing: that is [`breach`](crate::breach).
//!
//! Catalogues are read in parallel and folded in the order of their names, the vault's before those of copies, so that figures
//! never depend on the number of threads. Memory grows with captures, some dozens of bytes each, and with distinct plates, some
//! hundred; not with pictures.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Instant;

use rayon::prelude::*;

use crate::audit::{Permit, PermitError, Verb};
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::pseudonym::{Canary, CanaryKey};
use crate::seal::{CustodyId, SegmentId, VaultId};
use crate::vault::record::CatalogueRecord;
use crate::vault::{Fault, Gaps, OpenError, OpeningVault, Trust};

mod census;
mod figures;
mod held;
mod inventory;
mod list;
mod notify;
mod tally;

pub use census::Vehicles;
pub use figures::{Cell, Faces, Impact, MIN_CELL, Trace, Uncounted};
pub use held::Held;
pub use inventory::Taken;
pub use notify::{Affected, Notice};

use held::ThiefKeys;
use inventory::Inventory;
use tally::{Sheet, Tally, Unread, sheet};

/// A theft cannot be assessed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImpactError {
    /// What was stolen cannot be read.
    #[error("cannot read {}", path.display())]
    Stolen {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The vault cannot be opened.
    #[error(transparent)]
    Vault(#[from] OpenError),
    /// Names or hashes cannot be looked up without the vault that they are of.
    #[error("segments are known by name or hash only: {named}")]
    NeedsVault {
        /// How many.
        named: u64,
    },
    /// It is not what is on record.
    #[error("nothing is listed without an entry: {0}")]
    Permit(#[from] PermitError),
    /// The list of captures cannot be written.
    #[error("the list of captures cannot be written")]
    Captures(#[source] io::Error),
}

/// What the custodian brings to the assessment.
pub struct Custodian<'a> {
    /// Catalogue keys; identity keys too for a list for notification.
    pub keys: &'a OpeningKeys,
    /// Reads the marks in ids of copies.
    pub canaries: &'a CanaryKey,
    /// Whose custodian it is.
    pub custody: CustodyId,
    /// The vault that was copied, where names and hashes are looked up.
    pub vault: Option<&'a OpeningVault>,
}

/// A segment that was stolen, and the file in which it can be read.
pub(crate) struct StolenSegment {
    pub vault: VaultId,
    pub segment: SegmentId,
    pub path: PathBuf,
    /// Whether its catalogue is sealed to the custodian: a copy for a recipient is not.
    pub home: bool,
}

/// The stolen segments, found and looked up: what [`assess`] counts and [`notify()`] lists.
pub struct Loot {
    segments: Vec<StolenSegment>,
    /// Segments of the vault of which only these captures were taken.
    wanted: HashSet<CaptureId>,
    marks: HashSet<[u8; 7]>,
    inventory: Inventory,
    gaps: Gaps,
}

impl Loot {
    /// Walks what was stolen, and looks names and hashes up in the vault.
    ///
    /// # Errors
    ///
    /// See [`ImpactError`].
    pub fn survey(stolen: &Path, custodian: &Custodian<'_>) -> Result<Self, ImpactError> {
        let inventory = Inventory::take(stolen)?;
        let mut loot = Self {
            segments: Vec::new(),
            wanted: HashSet::new(),
            marks: HashSet::new(),
            inventory,
            gaps: Gaps::default(),
        };
        loot.find(custodian)?;
        loot.find_gaps(custodian)?;
        // What a capture says of itself counts before what a copy has left of it.
        loot.segments.sort_by_key(|segment| !segment.home);
        Ok(loot)
    }

    /// What the vault lacks in which names and pictures are looked up, and what the custodian's vaults lack that lie in the loot, by
    /// their own journals: it may be what was taken.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    fn find(&mut self, custodian: &Custodian<'_>) -> Result<(), ImpactError> {
        let inventory = &mut self.inventory;
        let mut seen = HashSet::new();
        let mut named: Vec<SegmentId> = Vec::new();
        for copy in &inventory.segments {
            if !seen.insert((copy.vault, copy.segment)) {
                inventory.taken.repeated += 1;
            } else if copy.countable {
                let home = copy.catalogue_key.is_some_and(|key| custodian.keys.key(key).is_some());
                let path = copy.path.clone();
                self.segments.push(StolenSegment { vault: copy.vault, segment: copy.segment, path, home });
            } else {
                named.push(copy.segment);
            }
        }
        let list = &inventory.list;
        let by_name = list.hashes.len() + list.ids.len() + named.len();
        let Some(vault) = custodian.vault else {
            // Without the vault, ids of copies are still worth reading; segments known by name only are not.
            if self.segments.is_empty() && !list.hashes.is_empty() {
                return Err(ImpactError::NeedsVault { named: by_name as u64 });
            }
            inventory.uncounted.cut += named.len() as u64;
            inventory.uncounted.unknown += list.hashes.len() as u64;
            self.wanted = list.ids.clone();
            return Ok(());
        };
        let id = vault.card().vault;
        let present: HashSet<SegmentId> = vault.segments()?.into_iter().collect();
        let listed = list.ids.iter().map(|id| SegmentId(id.0)).filter(|id| present.contains(id));
        let mut found: Vec<SegmentId> = listed.chain(named.iter().copied().filter(|id| present.contains(id))).collect();
        inventory.uncounted.cut += named.iter().filter(|id| !present.contains(id)).count() as u64;
        self.gaps = vault.gaps(custodian.keys)?;
        let (by_hash, matched) = list::segments_with(&list.hashes, vault, &present, &mut self.gaps)?;
        inventory.uncounted.unknown += list.hashes.len().saturating_sub(matched) as u64;
        found.extend(by_hash);
        inventory.taken.by_name = found.len() as u64;
        for segment in found {
            if seen.insert((id, segment)) || named.contains(&segment) {
                self.segments.push(StolenSegment { vault: id, segment, path: vault.path_of(segment), home: true });
            }
        }
        self.segments.sort_by_key(|s| (s.vault, s.segment));
        self.segments.dedup_by_key(|s| (s.vault, s.segment));
        self.wanted = list.ids.iter().filter(|id| !present.contains(&SegmentId(id.0))).copied().collect();
        self.marks = self.wanted.iter().filter_map(|&id| custodian.canaries.read(id)).map(|c| c.capture).collect();
        Ok(())
    }

    /// Adds what is missing by the journals of vaults that lie in the loot, and is nowhere else in it.
    fn find_gaps(&mut self, custodian: &Custodian<'_>) -> Result<(), ImpactError> {
        let found: HashSet<(VaultId, SegmentId)> =
            self.inventory.segments.iter().map(|copy| (copy.vault, copy.segment)).collect();
        let ours = self.inventory.vaults.iter().filter(|(_, custody)| *custody == custodian.custody);
        for (root, _) in ours {
            // A card alone, or under another name, is no vault.
            let Ok(vault) = OpeningVault::open(root, Trust::Nobody) else { continue };
            let id = vault.card().vault;
            let gaps = vault.gaps(custodian.keys)?;
            let named: HashSet<String> = self.gaps.faults().map(ToString::to_string).collect();
            let is_new = |fault: &Fault| !named.contains(&fault.to_string());
            let elsewhere =
                |fault: &Fault| matches!(fault, Fault::Missing { segment } if found.contains(&(id, *segment)));
            self.gaps.missing.extend(gaps.missing.into_iter().filter(|fault| is_new(fault) && !elsewhere(fault)));
            self.gaps.damaged.extend(gaps.damaged.into_iter().filter(is_new));
        }
        Ok(())
    }

    /// Segments of the vault that must be looked through for single captures.
    fn searched(&self, custodian: &Custodian<'_>) -> Result<Vec<StolenSegment>, ImpactError> {
        let Some(vault) = custodian.vault.filter(|_| !self.wanted.is_empty() || !self.inventory.others.is_empty())
        else {
            return Ok(Vec::new());
        };
        let id = vault.card().vault;
        let taken: HashSet<SegmentId> = self.segments.iter().filter(|s| s.vault == id).map(|s| s.segment).collect();
        let rest = vault.segments()?.into_iter().filter(|segment| !taken.contains(segment));
        let own = |segment| StolenSegment { vault: id, segment, path: vault.path_of(segment), home: true };
        Ok(rest.map(own).collect())
    }

    fn wants(&self, record: &CatalogueRecord) -> bool {
        let mut files = [record.original, record.scene].into_iter().flatten();
        self.wanted.contains(&CaptureId(record.id))
            || files.any(|file| self.inventory.others.contains_key(&file))
            || self.marks.contains(&Canary::trace_of(CaptureId(record.id)))
    }
}

/// What was counted. How many captures it is can be put on record; what else it says comes after that.
pub struct Assessment {
    found: Impact,
    custody: CustodyId,
}

impl Assessment {
    /// How many captures were taken, each counted once.
    pub fn captures(&self) -> u64 {
        self.found.captures
    }

    /// The figures, when an assessment is on record: whoever compares several learns what each of them withholds.
    ///
    /// # Errors
    ///
    /// When it is not what is on record.
    pub fn figures(self, permit: Permit) -> Result<Impact, PermitError> {
        permit.covers(Verb::Impact, self.custody, None, 0, [])?;
        Ok(self.found)
    }
}

/// Counts everything. `progress` hears segments done and in all.
///
/// # Errors
///
/// See [`ImpactError`].
pub fn assess(
    loot: &Loot,
    custodian: &Custodian<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Assessment, ImpactError> {
    let found = assess_into(loot, custodian, None, progress)?;
    Ok(Assessment { found, custody: custodian.custody })
}

/// Writes a line for each capture that [`assess`] counted, under a heading: id, time, site, lane. How many they are must be
/// on record first, so that this reads once more.
///
/// # Errors
///
/// See [`ImpactError`]; nothing is written that is not on record.
pub fn list_captures(
    loot: &Loot,
    custodian: &Custodian<'_>,
    permit: Permit,
    captures: &mut dyn Write,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<(), ImpactError> {
    permit.covers(Verb::Impact, custodian.custody, None, 0, [])?;
    writeln!(captures, "capture,captured_at,site,lane").map_err(ImpactError::Captures)?;
    assess_into(loot, custodian, Some((captures, permit.records())), progress).map(drop)
}

fn assess_into(
    loot: &Loot,
    custodian: &Custodian<'_>,
    captures: Option<(&mut dyn Write, u64)>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Impact, ImpactError> {
    let started = Instant::now();
    let thief = ThiefKeys::gather(&loot.inventory);
    let mut tally = Tally::new(custodian, captures);
    let searched = loot.searched(custodian)?;
    let total = (loot.segments.len() + searched.len()) as u64;
    // As many at once as keep the threads busy: only their records are in memory.
    let batch = rayon::current_num_threads() * 2;
    let all = loot.segments.iter().map(|s| (s, true)).chain(searched.iter().map(|s| (s, false)));
    let all: Vec<_> = all.collect();
    let thief_keys = &thief;
    let read = |part: &[(&StolenSegment, bool)]| -> Vec<Sheet> {
        part.par_iter().map(|(stolen, _)| sheet(stolen, custodian, thief_keys, &loot.inventory.copies)).collect()
    };
    // Counted on this thread, one after the other, while what comes next is read.
    std::thread::scope(|scope| {
        let (send, sheets) = mpsc::sync_channel(1);
        let parts = all.chunks(batch);
        scope.spawn({
            let parts = parts.clone();
            move || parts.map(read).try_for_each(|sheets| send.send(sheets))
        });
        let mut done = 0;
        for (part, sheets) in parts.zip(sheets) {
            for ((stolen, whole), mut sheet) in part.iter().zip(sheets) {
                tally.recognise(loot, &sheet.records);
                if !whole {
                    // The vault's own: by name it was not taken.
                    let own = sheet.fault.take_if(|fault| matches!(fault, Unread::Damaged));
                    tally.uncounted.lacking += u64::from(own.is_some());
                    sheet.records.retain(|record| loot.wants(record));
                    tally.met.extend(sheet.records.iter().map(|record| CaptureId(record.id)));
                }
                tally.add(stolen.vault, sheet)?;
            }
            done += part.len() as u64;
            progress(done, total);
        }
        Ok::<_, ImpactError>(())
    })?;
    tally.finish(loot, custodian, thief, started)
}

/// Finds the plates in what was stolen, from their identities: whom to tell. The notice gives them out by a permit.
///
/// # Errors
///
/// See [`ImpactError`].
pub fn notify(
    loot: &Loot,
    custodian: &Custodian<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Notice, ImpactError> {
    notify::list(loot, custodian, progress)
}
