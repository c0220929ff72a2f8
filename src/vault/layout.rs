//! Names inside a vault's folder.

use std::path::{Path, PathBuf};

use crate::seal::{JournalId, SegmentId, TombstoneId};

/// A vault's folder: `vault` (the card), `segments/`, `journals/`, `tombstones/`, `incoming/` and `lock`.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub const CARD: &str = "vault";
    pub const SEGMENTS: &str = "segments";
    pub const JOURNALS: &str = "journals";
    pub const TOMBSTONES: &str = "tombstones";
    pub const INCOMING: &str = "incoming";
    pub const LOCK: &str = "lock";
    /// Beside an export's card: what it is, for whom and why.
    pub const MANIFEST: &str = "manifest";

    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn card(&self) -> PathBuf {
        self.root.join(Self::CARD)
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join(Self::LOCK)
    }

    pub fn segments(&self) -> PathBuf {
        self.root.join(Self::SEGMENTS)
    }

    pub fn journals(&self) -> PathBuf {
        self.root.join(Self::JOURNALS)
    }

    pub fn tombstones(&self) -> PathBuf {
        self.root.join(Self::TOMBSTONES)
    }

    pub fn tombstone(&self, id: TombstoneId) -> PathBuf {
        self.tombstones().join(id.to_string())
    }

    pub fn incoming(&self) -> PathBuf {
        self.root.join(Self::INCOMING)
    }

    pub fn segment(&self, id: SegmentId) -> PathBuf {
        self.segments().join(id.to_string())
    }

    pub fn incoming_segment(&self, id: SegmentId) -> PathBuf {
        self.incoming().join(id.to_string())
    }

    pub fn journal(&self, id: JournalId) -> PathBuf {
        self.journals().join(id.to_string())
    }
}
