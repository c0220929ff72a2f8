//! What an entry is about, handed to the log unread.

use super::entry::Id;
use crate::capture::CaptureId;

/// How many records an entry is about, and which, where that is known.
///
/// Whatever has found something says in it what is to be put on record before it is given out. The log reads it, and nobody
/// else: it has neither a number nor an id to show.
///
/// ```compile_fail
/// fn count(found: &safelight::vault::Found) -> u64 {
///     found.records().count()
/// }
/// ```
#[derive(Clone, Default)]
pub struct Records {
    count: u64,
    ids: Vec<Id>,
}

impl Records {
    /// These records.
    pub fn of(ids: impl IntoIterator<Item = CaptureId>) -> Self {
        let ids: Vec<_> = ids.into_iter().map(|id| Id(id.0)).collect();
        Self { count: ids.len() as u64, ids }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn ids(&self) -> &[Id] {
        &self.ids
    }
}

/// So many records, whichever they are.
impl From<u64> for Records {
    fn from(count: u64) -> Self {
        Self { count, ids: Vec::new() }
    }
}
