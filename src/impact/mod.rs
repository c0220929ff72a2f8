//! After a theft: what was taken, how many people it concerns, which days, and what the thief can open.
//!
//! Owns the inventory of what was stolen, the counts drawn from catalogues, and the uncertainty of each. It opens
//! catalogues only, and a list for notification only where it is handed identity keys. Knows nothing of how the theft
//! came about, and attacks nothing: that is [`breach`](crate::breach).
//!
//! Catalogues are read in parallel and folded in the order of their names, so that figures never depend on the number of
//! threads. Memory grows with distinct plates, some hundred bytes each, and not with pictures.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use crate::audit::{Permit, PermitError, Verb};
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::pseudonym::{Canary, CanaryKey};
use crate::seal::{Capability, CustodyId, KeyId, SegmentId, VaultId};
use crate::sheet;
use crate::vault::record::{CatalogueRecord, FileDigest, Status};
use crate::vault::{Gaps, OpenError, OpeningVault, StraySegment};

mod census;
mod held;
mod inventory;
mod list;
mod notify;

pub use census::Vehicles;
pub use held::Held;
pub use inventory::Taken;
pub use notify::{Affected, Notice};

use census::Census;
use held::ThiefKeys;
use inventory::Inventory;

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
    #[error("{named} segments are known by name or hash only")]
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

/// How many captures were taken in one lane on one day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cell {
    /// UTC; `None` for captures without a time.
    pub day: Option<String>,
    /// Port of entry or other place.
    pub site: Option<String>,
    /// Lane or booth.
    pub lane: Option<String>,
    /// Captures.
    pub captures: u64,
}

/// Faces found, with what their tokens tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faces {
    /// Faces found on the captures.
    pub appearances: u64,
    /// Distinct tokens: appearances less exact copies of a picture. An upper bound of people, because a token links
    /// exact copies and nothing else.
    pub tokens: u64,
    /// Most faces on one capture: so many people at least.
    pub most_at_once: u64,
}

/// What could not be counted, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Uncounted {
    /// Segments sealed to keys that neither the custodian nor the thief holds: expired, or copies for recipients.
    pub closed: u64,
    /// Segments that were cut before their catalogue's end and are in no vault that was given.
    pub cut: u64,
    /// Segments that do not open: altered or damaged.
    pub damaged: u64,
    /// Names and hashes that no segment of the vault answers to.
    pub unknown: u64,
    /// Pictures that are neither an original nor a scene of the vault that was given, or none was given: changed since, or
    /// never in it.
    pub pictures: u64,
    /// Captures that were sealed before catalogues knew originals and scenes by their digests, where such pictures are left: they
    /// may be among them.
    pub undigested: u64,
    /// What the vault itself lacks: segments that its journals name and that are not there, and what is damaged in it. What was
    /// named only, and not brought, may be in there.
    pub lacking: u64,
}

/// A copy for a recipient that was recognised by the ids in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Trace {
    /// The first three bytes of the recipient's key id.
    pub recipient: String,
    /// The export's own three bytes.
    pub export: String,
    /// Ids that name it.
    pub ids: u64,
    /// Of these, such whose capture is in the vault.
    pub confirmed: u64,
}

/// The whole assessment. It carries no plate text and no pseudonym.
#[derive(Clone, Debug, Serialize)]
pub struct Impact {
    /// What was stolen, as files.
    pub taken: Taken,
    /// Captures in it.
    pub captures: u64,
    /// Of these, such as could not be examined: their originals lie whole in the identity section.
    pub unexamined: u64,
    /// The earliest and the latest, RFC 3339.
    pub first: Option<String>,
    /// The latest.
    pub last: Option<String>,
    /// By day, site and lane.
    pub cells: Vec<Cell>,
    /// Distinct vehicles.
    pub vehicles: Vehicles,
    /// Faces.
    pub faces: Faces,
    /// Keys that the thief holds, and what they open.
    pub held: Vec<Held>,
    /// Captures of which the thief can open the catalogue, the scene and the identity with those keys.
    pub openable: [u64; 3],
    /// Copies recognised by their ids.
    pub traces: Vec<Trace>,
    /// What could not be counted.
    pub uncounted: Uncounted,
    /// Wall time.
    pub seconds: f64,
}

impl Uncounted {
    /// Whether everything that was taken is counted.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Impact {
    /// Captures by day.
    pub fn days(&self) -> BTreeMap<Option<&str>, u64> {
        let mut days = BTreeMap::new();
        for cell in &self.cells {
            *days.entry(cell.day.as_deref()).or_default() += cell.captures;
        }
        days
    }

    /// Captures by site and lane.
    pub fn lanes(&self) -> BTreeMap<(Option<&str>, Option<&str>), u64> {
        let mut lanes = BTreeMap::new();
        for cell in &self.cells {
            *lanes.entry((cell.site.as_deref(), cell.lane.as_deref())).or_default() += cell.captures;
        }
        lanes
    }
}

/// A segment that was stolen, and the file in which it can be read.
pub(crate) struct StolenSegment {
    pub vault: VaultId,
    pub segment: SegmentId,
    pub path: PathBuf,
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
        Ok(loot)
    }

    /// What the vault lacks in which names and pictures are looked up: it may lack what was taken.
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
                let path = copy.path.clone();
                self.segments.push(StolenSegment { vault: copy.vault, segment: copy.segment, path });
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
        self.gaps = vault.gaps()?;
        let (by_hash, matched) = list::segments_with(&list.hashes, vault, &present, &mut self.gaps)?;
        inventory.uncounted.unknown += list.hashes.len().saturating_sub(matched) as u64;
        found.extend(by_hash);
        inventory.taken.by_name = found.len() as u64;
        for segment in found {
            if seen.insert((id, segment)) || named.contains(&segment) {
                self.segments.push(StolenSegment { vault: id, segment, path: vault.path_of(segment) });
            }
        }
        self.segments.sort_by_key(|s| (s.vault, s.segment));
        self.segments.dedup_by_key(|s| (s.vault, s.segment));
        self.wanted = list.ids.iter().filter(|id| !present.contains(&SegmentId(id.0))).copied().collect();
        self.marks = self.wanted.iter().filter_map(|&id| custodian.canaries.read(id)).map(|c| c.capture).collect();
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
        Ok(rest.map(|segment| StolenSegment { vault: id, segment, path: vault.path_of(segment) }).collect())
    }

    fn wants(&self, record: &CatalogueRecord) -> bool {
        let mut files = [record.original, record.scene].into_iter().flatten();
        self.wanted.contains(&CaptureId(record.id))
            || files.any(|file| self.inventory.others.contains_key(&file))
            || self.marks.contains(&Canary::trace_of(CaptureId(record.id)))
    }
}

/// What came of one segment.
struct Sheet {
    records: Vec<CatalogueRecord>,
    /// Which capabilities the thief's own keys open.
    openable: [Option<KeyId>; 3],
    fault: Option<Fault>,
}

enum Fault {
    Closed,
    Damaged,
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
) -> Result<Impact, ImpactError> {
    assess_into(loot, custodian, None, progress)
}

/// Writes a line for each capture that [`assess`] counted, under a heading: id, time, site, lane. What is counted must be
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
) -> Result<Impact, ImpactError> {
    permit.covers(Verb::Impact, custodian.custody, None, 0, [])?;
    writeln!(captures, "capture,captured_at,site,lane").map_err(ImpactError::Captures)?;
    assess_into(loot, custodian, Some((captures, permit.records())), progress)
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
    let mut done = 0;
    let all = loot.segments.iter().map(|s| (s, true)).chain(searched.iter().map(|s| (s, false)));
    let all: Vec<_> = all.collect();
    for part in all.chunks(batch) {
        let sheets: Vec<Sheet> = part.par_iter().map(|(stolen, _)| sheet(stolen, custodian.keys, &thief)).collect();
        for ((stolen, whole), mut sheet) in part.iter().zip(sheets) {
            tally.recognise(loot, &sheet.records);
            if !whole {
                // The vault's own: by name it was not taken.
                let own = sheet.fault.take_if(|fault| matches!(fault, Fault::Damaged));
                tally.uncounted.lacking += u64::from(own.is_some());
                sheet.records.retain(|record| loot.wants(record));
                tally.met.extend(sheet.records.iter().map(|record| CaptureId(record.id)));
            }
            tally.add(stolen.vault, sheet)?;
        }
        done += part.len() as u64;
        progress(done, total);
    }
    tally.finish(loot, custodian, thief, started)
}

fn sheet(stolen: &StolenSegment, keys: &OpeningKeys, thief: &ThiefKeys) -> Sheet {
    let mut sheet = Sheet { records: Vec::new(), openable: [None; 3], fault: None };
    let Ok(segment) = StraySegment::open(&stolen.path) else {
        sheet.fault = Some(Fault::Damaged);
        return sheet;
    };
    for (openable, capability) in sheet.openable.iter_mut().zip(Capability::ALL) {
        let entry = segment.header().entry(capability);
        *openable = entry.map(|entry| entry.key).filter(|&key| thief.keys.contains_key(&key));
    }
    let entry = segment.header().entry(Capability::Catalogue);
    let key = entry.map(|entry| entry.key);
    let own = key.and_then(|key| thief.keys.get(&key)).unwrap_or(keys);
    match segment.catalogue(own, |record| sheet.records.push(record)) {
        Ok(()) => {}
        Err(OpenError::NoKey { .. } | OpenError::NoSection { .. }) => sheet.fault = Some(Fault::Closed),
        // What was authentic before the damage counts: the thief may have it whole.
        Err(_) => sheet.fault = Some(Fault::Damaged),
    }
    sheet
}

/// Day since 1970, site and lane.
type Lane = (Option<i64>, Option<String>, Option<String>);

struct Tally<'a, 'o> {
    custodian: &'a Custodian<'a>,
    /// The list, and how many captures may be on it.
    out: Option<(&'o mut dyn Write, u64)>,
    captures: u64,
    unexamined: u64,
    span: Option<(i64, i64)>,
    cells: BTreeMap<Lane, u64>,
    census: Census,
    face_tokens: HashSet<[u8; 16]>,
    faces: Faces,
    openable: [u64; 3],
    opened_by: HashMap<KeyId, u64>,
    traces: BTreeMap<([u8; 3], [u8; 3]), (u64, u64)>,
    home: HashSet<[u8; 7]>,
    marks: Vec<Canary>,
    /// Captures that a list named.
    met: HashSet<CaptureId>,
    /// Files that are originals or scenes.
    originals: HashSet<FileDigest>,
    scenes: HashSet<FileDigest>,
    undigested: u64,
    uncounted: Uncounted,
}

const DAY: i64 = 86_400_000;

impl<'a, 'o> Tally<'a, 'o> {
    fn new(custodian: &'a Custodian<'a>, out: Option<(&'o mut dyn Write, u64)>) -> Self {
        Self {
            custodian,
            out,
            captures: 0,
            unexamined: 0,
            span: None,
            cells: BTreeMap::new(),
            census: Census::default(),
            face_tokens: HashSet::new(),
            faces: Faces::default(),
            openable: [0; 3],
            opened_by: HashMap::new(),
            traces: BTreeMap::new(),
            home: HashSet::new(),
            marks: Vec::new(),
            met: HashSet::new(),
            originals: HashSet::new(),
            scenes: HashSet::new(),
            undigested: 0,
            uncounted: Uncounted::default(),
        }
    }

    fn add(&mut self, vault: VaultId, sheet: Sheet) -> Result<(), ImpactError> {
        match sheet.fault {
            Some(Fault::Closed) => self.uncounted.closed += 1,
            Some(Fault::Damaged) => self.uncounted.damaged += 1,
            None => {}
        }
        let captures = sheet.records.len() as u64;
        for (openable, key) in self.openable.iter_mut().zip(sheet.openable) {
            *openable += key.map_or(0, |_| captures);
        }
        if let Some(key) = sheet.openable.into_iter().flatten().next() {
            *self.opened_by.entry(key).or_default() += captures;
        }
        for record in sheet.records {
            self.record(vault, &record)?;
        }
        Ok(())
    }

    /// Notes which files of the loot came out of these captures.
    fn recognise(&mut self, loot: &Loot, records: &[CatalogueRecord]) {
        let others = &loot.inventory.others;
        for record in records.iter().filter(|_| !others.is_empty()) {
            self.originals.extend(record.original.filter(|file| others.contains_key(file)));
            self.scenes.extend(record.scene.filter(|file| others.contains_key(file)));
            self.undigested += u64::from(record.original.is_none());
        }
    }

    fn record(&mut self, vault: VaultId, record: &CatalogueRecord) -> Result<(), ImpactError> {
        self.captures += 1;
        self.unexamined += u64::from(record.status == Status::Unreadable);
        let day = record.captured_at.map(|at| at.div_euclid(DAY));
        if let Some(at) = record.captured_at {
            let (first, last) = self.span.get_or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
        *self.cells.entry((day, record.site.clone(), record.lane.clone())).or_default() += 1;
        let mut at_once = 0;
        for region in &record.regions {
            if region.kind == 0 {
                self.census.plate(vault, record.epoch, region);
            } else {
                at_once += 1;
                self.face_tokens.extend(region.pseudonyms.iter().map(|p| p.value));
            }
        }
        self.faces.appearances += at_once;
        self.faces.most_at_once = self.faces.most_at_once.max(at_once);
        match self.custodian.canaries.read(CaptureId(record.id)) {
            Some(mark) => self.marks.push(mark),
            None => _ = self.home.insert(Canary::trace_of(CaptureId(record.id))),
        }
        if let Some((out, permitted)) = &mut self.out {
            if self.captures > *permitted {
                return Err(PermitError::Count { records: *permitted }.into());
            }
            let time = record.captured_at.and_then(|at| Timestamp::from_millisecond(at).ok());
            let time = time.map(|time| time.to_string()).unwrap_or_default();
            let word = |word: &Option<String>| sheet::cell(word.as_deref().unwrap_or_default());
            let (site, lane) = (word(&record.site), word(&record.lane));
            writeln!(out, "{},{time},{site},{lane}", CaptureId(record.id)).map_err(ImpactError::Captures)?;
        }
        Ok(())
    }

    fn finish(
        mut self,
        loot: &Loot,
        custodian: &Custodian<'_>,
        thief: ThiefKeys,
        started: Instant,
    ) -> Result<Impact, ImpactError> {
        for &id in &loot.wanted {
            match custodian.canaries.read(id) {
                Some(mark) => self.marks.push(mark),
                None => self.uncounted.unknown += u64::from(!self.met.contains(&id)),
            }
        }
        for mark in &self.marks {
            let (ids, confirmed) = self.traces.entry((mark.recipient, mark.export)).or_default();
            *ids += 1;
            *confirmed += u64::from(self.home.contains(&mark.capture));
        }
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        // One id in 2¹⁸ seems to be from a copy and is not: one alone must be of a capture that is known.
        let traces = self.traces.iter().filter(|(_, (ids, confirmed))| *ids > 1 || *confirmed > 0);
        let traces = traces.map(|((recipient, export), &(ids, confirmed))| Trace {
            recipient: hex(recipient),
            export: hex(export),
            ids,
            confirmed,
        });
        let time = |at: i64| Timestamp::from_millisecond(at).ok().map(|time| time.to_string());
        let day = |day: i64| {
            let time = Timestamp::from_millisecond(day * DAY).ok();
            time.map(|time| time.strftime("%Y-%m-%d").to_string())
        };
        let cells = self.cells.into_iter().map(|((at, site, lane), captures)| Cell {
            day: at.and_then(day),
            site,
            lane,
            captures,
        });
        let recognised = |file: &FileDigest| self.originals.contains(file) || self.scenes.contains(file);
        let pictures = loot.inventory.others.iter().filter(|(file, picture)| **picture && !recognised(file));
        let pictures = pictures.count() as u64;
        let Uncounted { closed, cut, damaged, unknown, .. } = loot.inventory.uncounted;
        let uncounted = Uncounted {
            closed: closed + self.uncounted.closed,
            cut: cut + self.uncounted.cut,
            damaged: damaged + self.uncounted.damaged,
            unknown: unknown + self.uncounted.unknown,
            pictures,
            undigested: if pictures > 0 { self.undigested } else { 0 },
            lacking: self.uncounted.lacking + loot.gaps.faults().count() as u64,
        };
        let (originals, scenes) = (self.originals.len() as u64, self.scenes.len() as u64);
        Ok(Impact {
            taken: Taken { originals, scenes, ..loot.inventory.taken },
            captures: self.captures,
            unexamined: self.unexamined,
            first: self.span.and_then(|span| time(span.0)),
            last: self.span.and_then(|span| time(span.1)),
            cells: cells.collect(),
            vehicles: self.census.vehicles(),
            faces: Faces { tokens: self.face_tokens.len() as u64, ..self.faces },
            held: thief.held(&loot.inventory, custodian.custody, &self.opened_by),
            openable: self.openable,
            traces: traces.collect(),
            uncounted,
            seconds: started.elapsed().as_secs_f64(),
        })
    }
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
