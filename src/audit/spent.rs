//! What one day has spent, as far as the log's entries add up to it.
//!
//! A sum is of entries that nobody can alter any more: it is kept in `log-head`, which says of which tree, so that a look reads the
//! entries since and not all of its day. Without it, or where it is of another tree or day, they are read.

use minicbor::{Decode, Encode};

use super::egress::{Budget, counts};
use super::entry::{Day, Entry, Verb};
use super::keys::PurposeTag;

/// More purposes of one day are not kept: the file is a short one.
const MOST: usize = 1000;

/// What counts at the end of a log towards the budgets of a day: all entries behind the last one of an earlier day.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Spent {
    #[n(0)]
    pub day: Day,
    #[n(1)]
    sums: Vec<Sum>,
}

/// What counts of one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Sum {
    /// 0 egress, 1 listing.
    #[n(0)]
    of: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    purpose: Option<[u8; 8]>,
    #[n(2)]
    records: u64,
}

impl Spent {
    pub fn on(day: Day) -> Self {
        Self { day, sums: Vec::new() }
    }

    pub fn add(&mut self, entry: &Entry) {
        if let Some((of, records)) = counts(entry) {
            self.add_sum(&Sum { of: code(of), purpose: entry.purpose.map(|tag| tag.0), records });
        }
    }

    /// Adds what counts before.
    pub fn extend(&mut self, before: &Self) {
        before.sums.iter().for_each(|sum| self.add_sum(sum));
    }

    fn add_sum(&mut self, new: &Sum) {
        match self.sums.iter_mut().find(|sum| (sum.of, sum.purpose) == (new.of, new.purpose)) {
            Some(sum) => sum.records = sum.records.saturating_add(new.records),
            None => self.sums.push(new.clone()),
        }
    }

    /// What counts of these purposes, and of all.
    pub fn of(&self, budget: Budget, purposes: &[Option<PurposeTag>]) -> (u64, u64) {
        let sums = || self.sums.iter().filter(|sum| sum.of == code(budget));
        let sum = |sums: &mut dyn Iterator<Item = &Sum>| sums.fold(0, |sum: u64, of| sum.saturating_add(of.records));
        let own = sum(&mut sums().filter(|sum| purposes.contains(&sum.purpose.map(PurposeTag))));
        (own, sum(&mut sums()))
    }

    pub fn is_short(&self) -> bool {
        self.sums.len() <= MOST
    }
}

const fn code(budget: Budget) -> u8 {
    match budget {
        Budget::Egress => 0,
        Budget::Listing => 1,
    }
}

/// Whether an entry's day tells of which day what lies before it is. The times of failed unlocks are anybody's words, and what follows
/// one may have to speak of it.
pub(super) const fn is_dated(entry: &Entry) -> bool {
    !matches!(entry.verb, Verb::UnlockFailed | Verb::Clock | Verb::Quiet | Verb::Finding)
}
