//! Whom to tell: the plates on what was stolen, from their sealed identities.

use std::collections::HashMap;

use jiff::Timestamp;
use rayon::prelude::*;

use super::{Custodian, ImpactError, Loot, StolenSegment};
use crate::audit::{Permit, PermitError, Records, Verb};
use crate::capture::{CaptureId, PlateText};
use crate::seal::{Capability, CustodyId};
use crate::vault::record::CatalogueRecord;
use crate::vault::{OpenError, StraySegment};

/// One plate that was taken. Identifying: wiped on drop, without `Debug`.
pub struct Affected {
    /// The most probable spelling.
    pub plate: PlateText,
    /// The best probability with which it was read, in percent.
    pub probability: u8,
    /// Captures that show it.
    pub captures: u64,
    /// Milliseconds since 1970 UTC of the first.
    pub first: Option<i64>,
    /// And of the last.
    pub last: Option<i64>,
}

/// A list for notification. How long it is can be put on record; what it says comes after that.
pub struct Notice {
    /// By plate.
    affected: Vec<Affected>,
    custody: CustodyId,
    /// Captures whose identity was opened.
    pub opened: u64,
    /// Captures whose identity cannot be opened any more, or is not there.
    pub closed: u64,
}

impl Notice {
    /// As many records as plates are listed, to be put on record.
    pub fn records(&self) -> Records {
        self.plates().into()
    }

    fn plates(&self) -> u64 {
        self.affected.len() as u64
    }

    /// The plates, by plate, when an entry permits so many.
    ///
    /// # Errors
    ///
    /// When it is not what is on record.
    pub fn affected(self, permit: Permit) -> Result<Vec<Affected>, PermitError> {
        permit.covers(Verb::Impact, self.custody, None, self.plates(), [])?;
        Ok(self.affected)
    }
}

impl Affected {
    /// When it was first and last seen, as RFC 3339.
    pub fn span(&self) -> [Option<String>; 2] {
        [self.first, self.last].map(|at| at.and_then(|at| Timestamp::from_millisecond(at).ok()).map(|t| t.to_string()))
    }
}

struct Sighting {
    plate: PlateText,
    probability: u8,
    at: Option<i64>,
}

#[derive(Default)]
struct Sheet {
    sightings: Vec<Sighting>,
    opened: u64,
    closed: u64,
}

pub(super) fn list(
    loot: &Loot,
    custodian: &Custodian<'_>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Notice, ImpactError> {
    let searched = loot.searched(custodian)?;
    let all = loot.segments.iter().map(|s| (s, true)).chain(searched.iter().map(|s| (s, false)));
    let all: Vec<_> = all.collect();
    let mut plates: HashMap<PlateText, Affected> = HashMap::new();
    let mut notice = Notice { affected: Vec::new(), custody: custodian.custody, opened: 0, closed: 0 };
    let mut done = 0;
    for part in all.chunks(rayon::current_num_threads() * 2) {
        let sheets: Vec<Sheet> =
            part.par_iter().map(|(stolen, whole)| sheet(stolen, loot, *whole, custodian)).collect();
        for sheet in sheets {
            notice.opened += sheet.opened;
            notice.closed += sheet.closed;
            for Sighting { plate, probability, at } in sheet.sightings {
                let known = plates.entry(plate.clone()).or_insert_with(|| Affected {
                    plate,
                    probability: 0,
                    captures: 0,
                    first: at,
                    last: at,
                });
                known.captures += 1;
                known.probability = known.probability.max(probability);
                known.first = known.first.into_iter().chain(at).min();
                known.last = known.last.max(at);
            }
        }
        done += part.len() as u64;
        progress(done, all.len() as u64);
    }
    notice.affected = plates.into_values().collect();
    notice.affected.sort_by(|a, b| a.plate.expose().cmp(b.plate.expose()));
    Ok(notice)
}

fn sheet(stolen: &StolenSegment, loot: &Loot, whole: bool, custodian: &Custodian<'_>) -> Sheet {
    let mut sheet = Sheet::default();
    // The copy may have been cut before its identities; the vault's own file has them.
    let own = custodian.vault.filter(|vault| vault.card().vault == stolen.vault);
    let own = own.map(|vault| vault.path_of(stolen.segment));
    let copies = std::iter::once(stolen.path.clone()).chain(own);
    let mut catalogue: HashMap<CaptureId, CatalogueRecord> = HashMap::new();
    for path in copies {
        let Ok(segment) = StraySegment::open(&path) else { continue };
        catalogue.clear();
        let read = segment.catalogue(custodian.keys, |record| {
            if whole || loot.wants(&record) {
                catalogue.insert(CaptureId(record.id), record);
            }
        });
        if read.is_err() {
            continue;
        }
        if !segment.holds(Capability::Identity) {
            continue;
        }
        let opened = segment.identities(custodian.keys, |identity| {
            let Some(record) = catalogue.remove(&CaptureId(identity.id)) else { return };
            sheet.opened += 1;
            for plate in &identity.plates {
                let text = plate.texts.first().and_then(|text| PlateText::canonical(text));
                let region = record.regions.get(plate.region as usize);
                let probability = region.and_then(|region| region.pseudonyms.first()).map_or(0, |p| p.probability);
                sheet.sightings.extend(text.map(|plate| Sighting { plate, probability, at: record.captured_at }));
            }
        });
        match opened {
            Ok(()) | Err(OpenError::NoKey { .. }) => break,
            Err(_) => {}
        }
    }
    sheet.closed += catalogue.len() as u64;
    sheet
}
