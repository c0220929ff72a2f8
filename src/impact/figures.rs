//! What an assessment says: captures by day and lane, people, keys, and what could not be counted.
//!
//! Who asks may choose what is assessed: a list of three ids is a question about three people. So no figure is of fewer than
//! [`MIN_CELL`] captures, and none can be had by taking those that are told from their sum: small cells are told as one sum, and
//! where that would give them away, the next greater cell goes into it as well (primary and secondary suppression, as offices of
//! statistics call it). Which captures they are, when and where, is what [`list_captures`](super::list_captures) tells, by a
//! permit.

use std::collections::BTreeMap;

use serde::Serialize;

use super::census::Vehicles;
use super::held::Held;
use super::inventory::Taken;

/// Of fewer captures nothing is told but their number.
///
/// Published tables commonly withhold cells of fewer than three to eleven. This is at the upper end of it, because who asks
/// knows some of the captures already: of ten that share a cell, it takes nine to single out the last.
pub const MIN_CELL: u64 = 10;

/// How many captures were taken in one lane on one day: [`MIN_CELL`] or more.
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
    /// So many faces at once, or more, are on [`MIN_CELL`] captures: so many people at least.
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
    /// Hashes of kinds by which no segment is known: neither BLAKE3 nor SHA-256.
    pub hashes: u64,
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

/// The whole assessment. It carries no plate text and no pseudonym, and no figure of fewer than [`MIN_CELL`] captures but their
/// number.
#[derive(Clone, Debug, Serialize)]
pub struct Impact {
    /// What was stolen, as files.
    pub taken: Taken,
    /// Distinct captures in it, whether a vault, copies or several of them hold it; a copy of metadata has each in several records.
    pub captures: u64,
    /// Of these, such as could not be examined: their originals lie whole in the identity section. `None` where these or the
    /// others are too few.
    pub unexamined: Option<u64>,
    /// The first day of a cell that is told, UTC.
    pub first: Option<String>,
    /// The last one.
    pub last: Option<String>,
    /// By day, site and lane.
    pub cells: Vec<Cell>,
    /// Captures in no cell that is told.
    pub untold: u64,
    /// Distinct vehicles; `None` where too few captures show a plate.
    pub vehicles: Option<Vehicles>,
    /// Faces; `None` where they are on too few captures.
    pub faces: Option<Faces>,
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

/// Whether a figure may be told that is of so many captures: of none, all are known not to be in it.
pub(super) fn is_told(captures: u64) -> bool {
    captures == 0 || captures >= MIN_CELL
}

/// A part of the captures, where neither it nor the rest is too small to be told.
pub(super) fn part(of: u64, all: u64) -> Option<u64> {
    (all >= MIN_CELL && is_told(of) && is_told(all - of)).then_some(of)
}

/// Keeps the cells that may be told, and says how many captures are in the others: none, or [`MIN_CELL`] and more, of two cells at
/// least; or all, where there are fewer.
pub(super) fn suppress<K: Ord>(cells: BTreeMap<K, u64>) -> (BTreeMap<K, u64>, u64) {
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
    let mut untold = 0;
    // A sum that is too small is one cell that could be told from the total, or several that could nearly.
    while let Some((_, captures)) = cells.pop_if(|cell| cell.1 < MIN_CELL || !is_told(untold)) {
        untold += captures;
    }
    (cells.into_iter().collect(), untold)
}

impl Impact {
    /// Captures by day, of the cells that are told.
    pub fn days(&self) -> BTreeMap<Option<&str>, u64> {
        let mut days = BTreeMap::new();
        for cell in &self.cells {
            *days.entry(cell.day.as_deref()).or_default() += cell.captures;
        }
        days
    }

    /// Captures by site and lane, of the cells that are told.
    pub fn lanes(&self) -> BTreeMap<(Option<&str>, Option<&str>), u64> {
        let mut lanes = BTreeMap::new();
        for cell in &self.cells {
            *lanes.entry((cell.site.as_deref(), cell.lane.as_deref())).or_default() += cell.captures;
        }
        lanes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_single_small_cell_takes_the_next_one_with_it() {
        let told = |cells: &[u64]| {
            let (told, untold) = suppress(cells.iter().copied().enumerate().collect());
            (told.into_values().collect::<Vec<_>>(), untold)
        };
        assert_eq!(told(&[10, 25, 11]), (vec![10, 25, 11], 0));
        assert_eq!(told(&[100, 3, 12, 50]), (vec![100, 50], 15), "one alone is the total less the rest");
        assert_eq!(told(&[100, 3, 6, 12]), (vec![100], 21), "two that are nearly known");
        assert_eq!(told(&[100, 4, 6, 12]), (vec![100, 12], 10));
        assert_eq!(told(&[9]), (vec![], 9));
        assert_eq!(told(&[4, 5]), (vec![], 9));
        assert_eq!(told(&[5, 5]), (vec![], 10));
        assert_eq!(told(&[100, 9]), (vec![], 109));
        assert_eq!(told(&[]), (vec![], 0));
        let parts = [(0, 9), (0, 10), (1, 20), (10, 20), (11, 20), (20, 20), (10, 10)];
        let told = parts.map(|(of, all)| part(of, all));
        assert_eq!(told, [None, Some(0), None, Some(10), None, Some(20), Some(10)]);
    }

    proptest! {
        /// Whatever is taken from the total: what is left is of no capture, or of ten, in two cells at least.
        #[test]
        fn no_small_cell_is_told_or_left_over(cells in prop::collection::vec(1u64..40, 0..30)) {
            let total: u64 = cells.iter().sum();
            let all = cells.len();
            let (told, untold) = suppress(cells.into_iter().enumerate().collect());
            prop_assert_eq!(told.values().sum::<u64>() + untold, total);
            prop_assert!(told.values().all(|&captures| captures >= MIN_CELL));
            prop_assert!(is_told(untold) || (untold == total && told.is_empty()));
            prop_assert!(untold == 0 || all - told.len() >= 2 || untold == total);
        }
    }
}
