//! Counting: each segment's records in turn, and the figures in the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::time::Instant;

use jiff::Timestamp;

use super::census::Census;
use super::figures::{Cell, Faces, Impact, MIN_CELL, Trace, Uncounted, is_told, part, suppress};
use super::held::{Opened, ThiefKeys};
use super::inventory::Taken;
use super::{Custodian, ImpactError, Loot, StolenSegment};
use crate::audit::PermitError;
use crate::capture::CaptureId;
use crate::pseudonym::Canary;
use crate::seal::{Capability, CustodyId, KeyId, VaultId};
use crate::sheet;
use crate::vault::record::{CatalogueRecord, FileDigest, Status};
use crate::vault::{OpenError, StraySegment};

/// What came of one segment.
pub(super) struct Sheet {
    pub records: Vec<CatalogueRecord>,
    /// Which capabilities the thief's own keys open.
    openable: [Option<KeyId>; 3],
    pub fault: Option<Unread>,
}

pub(super) enum Unread {
    Closed,
    /// A copy that the custodian made, for a recipient's key.
    Copy,
    Damaged,
}

/// Reads one segment; `copies` are those whose cards lie in the loot.
pub(super) fn sheet(
    stolen: &StolenSegment,
    custodian: &Custodian<'_>,
    thief: &ThiefKeys,
    copies: &HashMap<VaultId, CustodyId>,
) -> Sheet {
    let mut sheet = Sheet { records: Vec::new(), openable: [None; 3], fault: None };
    let Ok(segment) = StraySegment::open(&stolen.path) else {
        sheet.fault = Some(Unread::Damaged);
        return sheet;
    };
    for (openable, capability) in sheet.openable.iter_mut().zip(Capability::ALL) {
        let entry = segment.header().entry(capability);
        *openable = entry.map(|entry| entry.key).filter(|&key| thief.keys.contains_key(&key));
    }
    let entry = segment.header().entry(Capability::Catalogue);
    let key = entry.map(|entry| entry.key);
    let own = key.and_then(|key| thief.keys.get(&key)).unwrap_or(custodian.keys);
    match segment.catalogue(own, |record| sheet.records.push(record)) {
        Ok(()) => {}
        Err(OpenError::NoKey { .. } | OpenError::NoSection { .. }) => {
            let copied = copies.get(&stolen.vault) == Some(&custodian.custody);
            sheet.fault = Some(if copied { Unread::Copy } else { Unread::Closed });
        }
        // What was authentic before the damage counts: the thief may have it whole.
        Err(_) => sheet.fault = Some(Unread::Damaged),
    }
    sheet
}

/// Day since 1970, site and lane.
type Lane = (Option<i64>, Option<String>, Option<String>);

/// What tells a capture from others, in a vault and in every copy.
pub(super) type Token = [u8; 7];

pub(super) struct Tally<'a, 'o> {
    custodian: &'a Custodian<'a>,
    /// The list, and how many captures may be on it.
    out: Option<(&'o mut dyn Write, u64)>,
    captures: HashSet<Token>,
    unexamined: u64,
    cells: BTreeMap<Lane, u64>,
    census: Census,
    face_tokens: HashSet<[u8; 16]>,
    appearances: u64,
    /// Most faces at once on each capture that shows any.
    at_once: HashMap<Token, u64>,
    openable: [HashSet<Token>; 3],
    opened_by: Opened,
    traces: BTreeMap<([u8; 3], [u8; 3]), (u64, u64)>,
    home: HashSet<Token>,
    marks: Vec<Canary>,
    /// Captures that a list named.
    pub met: HashSet<CaptureId>,
    /// Files that are originals or scenes.
    originals: HashSet<FileDigest>,
    scenes: HashSet<FileDigest>,
    undigested: u64,
    pub uncounted: Uncounted,
}

const DAY: i64 = 86_400_000;

impl<'a, 'o> Tally<'a, 'o> {
    pub fn new(custodian: &'a Custodian<'a>, out: Option<(&'o mut dyn Write, u64)>) -> Self {
        Self {
            custodian,
            out,
            captures: HashSet::new(),
            unexamined: 0,
            cells: BTreeMap::new(),
            census: Census::default(),
            face_tokens: HashSet::new(),
            appearances: 0,
            at_once: HashMap::new(),
            openable: Default::default(),
            opened_by: Opened::new(),
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

    pub fn add(&mut self, vault: VaultId, sheet: Sheet) -> Result<(), ImpactError> {
        match sheet.fault {
            Some(Unread::Closed) => self.uncounted.closed += 1,
            Some(Unread::Copy) => self.uncounted.copies += 1,
            Some(Unread::Damaged) => self.uncounted.damaged += 1,
            None => {}
        }
        for record in &sheet.records {
            let token = self.record(vault, record)?;
            for (openable, _) in self.openable.iter_mut().zip(sheet.openable).filter(|(_, key)| key.is_some()) {
                openable.insert(token);
            }
            if let Some(key) = sheet.openable.into_iter().flatten().next() {
                self.opened_by.entry(key).or_default().insert(token);
            }
        }
        Ok(())
    }

    /// Notes which files of the loot came out of these captures.
    pub fn recognise(&mut self, loot: &Loot, records: &[CatalogueRecord]) {
        let others = &loot.inventory.others;
        for record in records.iter().filter(|_| !others.is_empty()) {
            self.originals.extend(record.original.filter(|file| others.contains_key(file)));
            self.scenes.extend(record.scene.filter(|file| others.contains_key(file)));
            self.undigested += u64::from(record.original.is_none());
        }
    }

    /// Counts one record, and says which capture it is of.
    fn record(&mut self, vault: VaultId, record: &CatalogueRecord) -> Result<Token, ImpactError> {
        let id = CaptureId(record.id);
        let token = match self.custodian.canaries.read(id) {
            Some(mark) => {
                self.marks.push(mark);
                mark.capture
            }
            None => {
                self.home.insert(Canary::trace_of(id));
                Canary::trace_of(id)
            }
        };
        let mut at_once = 0;
        for region in &record.regions {
            if region.kind == 0 {
                self.census.plate(vault, record.epoch, token, region);
            } else {
                at_once += 1;
                self.face_tokens.extend(region.pseudonyms.iter().map(|p| p.value));
            }
        }
        self.appearances += at_once;
        if at_once > 0 {
            let most = self.at_once.entry(token).or_default();
            *most = at_once.max(*most);
        }
        // A copy of metadata has a capture in several records, and several copies may have it.
        if !self.captures.insert(token) {
            return Ok(token);
        }
        self.unexamined += u64::from(record.status == Status::Unreadable);
        let day = record.captured_at.map(|at| at.div_euclid(DAY));
        *self.cells.entry((day, record.site.clone(), record.lane.clone())).or_default() += 1;
        if let Some((out, permitted)) = &mut self.out {
            if self.captures.len() as u64 > *permitted {
                return Err(PermitError::Count { records: *permitted }.into());
            }
            let time = record.captured_at.and_then(|at| Timestamp::from_millisecond(at).ok());
            let time = time.map(|time| time.to_string()).unwrap_or_default();
            let word = |word: &Option<String>| sheet::cell(word.as_deref().unwrap_or_default());
            let (site, lane) = (word(&record.site), word(&record.lane));
            writeln!(out, "{id},{time},{site},{lane}").map_err(ImpactError::Captures)?;
        }
        Ok(token)
    }

    /// What may be told of faces: all of it, or nothing where they are on too few captures.
    fn faces(&self) -> Option<Faces> {
        let mut at_once: Vec<_> = self.at_once.values().copied().collect();
        at_once.sort_unstable_by(|a, b| b.cmp(a));
        is_told(at_once.len() as u64).then(|| Faces {
            appearances: self.appearances,
            tokens: self.face_tokens.len() as u64,
            // The most on any one capture would be that capture's.
            most_at_once: at_once.get(MIN_CELL as usize - 1).copied().unwrap_or_default(),
        })
    }

    pub fn finish(
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
        let day = |day: i64| {
            let time = Timestamp::from_millisecond(day * DAY).ok();
            time.map(|time| time.strftime("%Y-%m-%d").to_string())
        };
        let captures = self.captures.len() as u64;
        let (faces, vehicles) = match captures < MIN_CELL {
            true => (None, None),
            false => (self.faces(), self.census.vehicles()),
        };
        let (told, untold) = suppress(self.cells);
        let cells =
            told.into_iter().map(|((at, site, lane), captures)| Cell { day: at.and_then(day), site, lane, captures });
        let cells: Vec<_> = cells.collect();
        let days = || cells.iter().filter_map(|cell| cell.day.clone());
        let recognised = |file: &FileDigest| self.originals.contains(file) || self.scenes.contains(file);
        let pictures = loot.inventory.others.iter().filter(|(file, picture)| **picture && !recognised(file));
        let pictures = pictures.count() as u64;
        let files =
            loot.inventory.others.iter().filter(|(file, picture)| !**picture && !recognised(file)).count() as u64;
        let Uncounted { closed, cut, damaged, irregular, unknown, .. } = loot.inventory.uncounted;
        let uncounted = Uncounted {
            closed: closed + self.uncounted.closed,
            copies: self.uncounted.copies,
            cut: cut + self.uncounted.cut,
            damaged: damaged + self.uncounted.damaged,
            irregular,
            unknown: unknown + self.uncounted.unknown,
            hashes: loot.inventory.list.others,
            pictures,
            files,
            undigested: if pictures > 0 { self.undigested } else { 0 },
            lacking: self.uncounted.lacking + loot.gaps.faults().count() as u64,
        };
        let (originals, scenes) = (self.originals.len() as u64, self.scenes.len() as u64);
        Ok(Impact {
            taken: Taken { originals, scenes, ..loot.inventory.taken },
            captures,
            unexamined: part(self.unexamined, captures),
            first: days().min(),
            last: days().max(),
            cells,
            untold,
            vehicles,
            faces,
            held: thief.held(&loot.inventory, custodian.custody, &self.opened_by),
            openable: self.openable.map(|captures| captures.len() as u64),
            traces: traces.collect(),
            uncounted,
            seconds: started.elapsed().as_secs_f64(),
        })
    }
}
