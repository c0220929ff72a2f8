//! What is known about a store to keep score: which file is which capture, and when each was taken.
//!
//! Attacks never see it; they are asked for guesses, and the guesses are compared with it.

use std::collections::HashMap;
use std::path::PathBuf;

use super::keys::LootKeys;
use super::loot::{Loot, StolenFile};
use super::truth::Truth;
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::pseudonym::{Canary, CanaryKey};
use crate::vault::record::CatalogueRecord;
use crate::vault::{FileKind, OpeningVault, StraySegment, Trust, VaultKind};

/// What was made of the photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// [`baselines::plain`](super::baselines::plain).
    Plain,
    /// [`baselines::naive`](super::baselines::naive).
    Naive,
    /// Whatever else: a vault, exports, any folder.
    Other,
}

/// A store as the suite attacks it.
pub struct Target<'a> {
    /// The stolen folders and files, which are one loot.
    pub stolen: &'a [PathBuf],
    /// What it is.
    pub kind: StoreKind,
    /// Of a baseline, the file name of each capture in the truth's order.
    pub names: &'a [String],
}

/// The custodian's help in keeping score. Without it, games on sealed stores are not scored and not played.
pub struct Scorer<'a> {
    /// Catalogue keys.
    pub keys: &'a OpeningKeys,
    /// Reads whose capture an id of a copy is.
    pub canaries: &'a CanaryKey,
    /// The vault that copies were made from.
    pub vault: &'a OpeningVault,
}

/// A sealed store among the loot.
pub(super) struct Sealed {
    pub root: PathBuf,
    pub kind: VaultKind,
}

/// Everything sealed in the loot, in the order of names.
pub(super) fn sealed_stores(loot: &Loot) -> Vec<Sealed> {
    let cards = loot.files.iter().filter(|file| file.kind == Some(FileKind::Card));
    let store = |card: &StolenFile| {
        let root = card.path().parent()?.to_owned();
        let kind = OpeningVault::open(&root, Trust::Nobody).ok()?.card().kind;
        Some(Sealed { root, kind })
    };
    cards.filter_map(store).collect()
}

/// A copy that its recipient's key opens.
pub(super) struct OpenedCopy<'k> {
    pub root: PathBuf,
    pub keys: &'k OpeningKeys,
    /// In the order of segments' names, and in each in the order in which they lie there.
    pub records: Vec<CatalogueRecord>,
}

/// The copies in the loot that recipients' keys in the loot open.
pub(super) fn opened_copies<'k>(loot: &Loot, keys: &'k LootKeys) -> Vec<OpenedCopy<'k>> {
    let exports = sealed_stores(loot).into_iter().filter(|store| store.kind == VaultKind::Export);
    let opened = |store: Sealed| {
        let vault = OpeningVault::open(&store.root, Trust::Nobody).ok()?;
        let segments = vault.segments().ok()?;
        let first = StraySegment::open(&vault.path_of(*segments.first()?)).ok()?;
        let keys = keys.of_copy(&first)?;
        let records = segments.into_iter().flat_map(|segment| vault.read_catalogue(segment, keys).unwrap_or_default());
        Some(OpenedCopy { records: records.collect(), root: store.root, keys })
    };
    exports.filter_map(opened).collect()
}

impl Scorer<'_> {
    /// When the captures of a segment were taken, in milliseconds: the middle one's time.
    pub(super) fn time_of(&self, segment: &StraySegment) -> Option<i64> {
        let mut times = Vec::new();
        segment.catalogue(self.keys, |record| times.extend(record.captured_at)).ok()?;
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// The captures of the vault that copies were made from, by their traces.
    pub(super) fn home(&self) -> HashMap<[u8; 7], CatalogueRecord> {
        let segments = self.vault.segments().unwrap_or_default();
        let records = segments.into_iter().flat_map(|s| self.vault.read_catalogue(s, self.keys).unwrap_or_default());
        records.map(|record| (Canary::trace_of(CaptureId(record.id)), record)).collect()
    }

    /// Which capture a record of a copy was made from.
    pub(super) fn origin(&self, copy: &CatalogueRecord) -> Option<[u8; 7]> {
        self.canaries.read(CaptureId(copy.id)).map(|canary| canary.capture)
    }
}

/// Captures of the truth by when they were taken, where no other was taken then.
pub(super) fn by_time(truth: &Truth) -> HashMap<i64, usize> {
    let mut times: HashMap<i64, Option<usize>> = HashMap::new();
    for (i, capture) in truth.captures.iter().enumerate() {
        if let Some(at) = capture.captured_at {
            times.entry(at.as_millisecond()).and_modify(|known| *known = None).or_insert(Some(i));
        }
    }
    times.into_iter().filter_map(|(at, capture)| Some((at, capture?))).collect()
}

/// `n` indices below `of`, spread evenly.
pub(super) fn spread(of: usize, n: usize) -> impl Iterator<Item = usize> {
    let n = n.min(of);
    (0..n).map(move |i| i * of / n.max(1))
}
