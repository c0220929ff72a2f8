//! What an assessment says: captures by day and lane, people, keys, and what could not be counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::census::Vehicles;
use super::held::Held;
use super::inventory::Taken;

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
    /// Segments sealed to keys that neither the custodian nor the thief holds: expired, or somebody else's.
    pub closed: u64,
    /// Segments of copies that this custodian made for recipients, sealed to their keys, which the thief does not hold: neither
    /// opens them.
    pub copies: u64,
    /// Segments that were cut before their catalogue's end and are in no vault that was given.
    pub cut: u64,
    /// Segments that do not open: altered or damaged.
    pub damaged: u64,
    /// Links, FIFOs and devices, which are not opened.
    pub irregular: u64,
    /// Names and hashes that no segment of the vault answers to.
    pub unknown: u64,
    /// Pictures that are neither an original nor a scene of the vault that was given, or none was given: changed since, or
    /// never in it.
    pub pictures: u64,
    /// Files that are none of ours and no pictures, and name nothing: archives, containers and whatever else may hold what was
    /// taken in another form.
    pub files: u64,
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
    /// Distinct captures in it, whether a vault, copies or several of them hold it; a copy of metadata has each in several records.
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
