//! What is known about a store to keep score: which file is which capture, and when each was taken.
//!
//! Attacks never see it; they are asked for guesses, and the guesses are compared with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::truth::Truth;
use crate::capture::CaptureId;
use crate::custody::{OpeningKeys, RecipientKeys};
use crate::files;
use crate::pseudonym::{Canary, CanaryKey};
use crate::seal::KeyId;
use crate::vault::record::CatalogueRecord;
use crate::vault::{FileKind, OpeningVault, StraySegment, Trust, VaultKind, kind_of_file};

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
    /// The stolen folder.
    pub stolen: &'a Path,
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

/// Everything sealed below `stolen`, in the order of names.
pub(super) fn sealed_stores(stolen: &Path) -> Vec<Sealed> {
    let cards = ours(stolen).into_iter().filter(|(kind, _)| *kind == FileKind::Card);
    let store = |(_, path): (FileKind, PathBuf)| {
        let root = path.parent()?.to_owned();
        let kind = OpeningVault::open(&root, Trust::Nobody).ok()?.card().kind;
        Some(Sealed { root, kind })
    };
    cards.filter_map(store).collect()
}

/// Recipients' private keys among the loot.
pub(super) fn recipients_keys(stolen: &Path) -> HashMap<KeyId, OpeningKeys> {
    let keys = ours(stolen).into_iter().filter(|(kind, _)| *kind == FileKind::PrivateKey);
    let keys = keys.filter_map(|(_, path)| RecipientKeys::read(&path).ok());
    keys.map(|keys| (keys.public().id(), keys.into_opening_keys())).collect()
}

fn ours(stolen: &Path) -> Vec<(FileKind, PathBuf)> {
    let files = WalkDir::new(stolen).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    let known = |entry: walkdir::DirEntry| {
        let mut head = [0; 8];
        let mut file = files::open(entry.path()).ok()?.0;
        std::io::Read::read_exact(&mut file, &mut head).ok()?;
        Some((kind_of_file(&head)?, entry.into_path()))
    };
    files.filter_map(known).collect()
}

/// A copy that its recipient's key opens.
pub(super) struct OpenedCopy<'k> {
    pub root: PathBuf,
    pub keys: &'k OpeningKeys,
    /// In the order of segments' names, and in each in the order in which they lie there.
    pub records: Vec<CatalogueRecord>,
}

/// The copies below `stolen` that `keys` open.
pub(super) fn opened_copies<'k>(stolen: &Path, keys: &'k HashMap<KeyId, OpeningKeys>) -> Vec<OpenedCopy<'k>> {
    let exports = sealed_stores(stolen).into_iter().filter(|store| store.kind == VaultKind::Export);
    let opened = |store: Sealed| {
        let vault = OpeningVault::open(&store.root, Trust::Nobody).ok()?;
        let segments = vault.segments().ok()?;
        let first = StraySegment::open(&vault.path_of(*segments.first()?)).ok()?;
        let keys = keys.get(&first.header().entries.first()?.key)?;
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
