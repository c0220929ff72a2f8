//! The budgets: how many records may leave, and how many may be listed, on one day.
//!
//! What has left is counted from the log itself, so that there is nothing beside it to reset. A refusal is an answer, too: it
//! tells that there is more than was left. So it costs one where anything was left, tells no number, and where nothing was
//! left it comes before anything is looked up: who asks on learns no more in a day than the budget allows.

use super::entry::{Entry, Verb, Verdict};
use crate::custody::{Policy, fold_purpose};

/// What a verb's records count towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Records that leave the vault: opened, exported, listed after a theft.
    Egress,
    /// Records that a search shows. A search that shows none counts as one: it tells that something is not there.
    Listing,
}

/// What a day's records may be, for one purpose and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Of what.
    pub of: Budget,
    /// Records a day for this purpose; `None` is no limit of its own.
    pub purpose: Option<u64>,
    /// Records a day for all purposes together.
    pub total: u64,
}

impl Allowance {
    /// What the policy allows a verb for a purpose, as [`fold_purpose`] has it; `None` when it limits nothing.
    pub fn of(policy: &Policy, verb: Verb, purpose: Option<&str>) -> Option<Self> {
        let (of, egress) = (verb.budget()?, policy.egress.as_ref()?);
        match of {
            Budget::Listing => Some(Self { of, purpose: None, total: egress.listed_per_day() }),
            Budget::Egress => {
                let is = |name: &str| fold_purpose(name).is_ok_and(|name| Some(name.as_str()) == purpose);
                // Of several spellings in a policy of an earlier version, the least counts.
                let own = egress.purposes.iter().filter(|budget| is(&budget.name)).map(|budget| budget.records_per_day);
                Some(Self { of, purpose: own.min(), total: egress.records_per_day })
            }
        }
    }

    /// How many more records may leave, after what left today for this purpose and for all.
    pub(super) fn left(self, spent: u64, spent_in_total: u64) -> u64 {
        let total = self.total.saturating_sub(spent_in_total);
        self.purpose.map_or(total, |limit| limit.saturating_sub(spent).min(total))
    }
}

/// What an entry counts as, and towards what, when it counts towards anything.
pub(super) fn counts(entry: &Entry) -> Option<(Budget, u64)> {
    let records = match entry.verdict {
        // Earlier versions put there what had been asked for.
        Verdict::Refused => entry.records.min(1),
        Verdict::Done | Verdict::Overridden => weight(entry.verb, entry.records),
    };
    Some((entry.verb.budget()?, records))
}

/// What so many records of a verb count as. Whoever asks and finds nothing was told that, which counts as one.
pub(super) fn weight(verb: Verb, records: u64) -> u64 {
    match verb {
        Verb::Search | Verb::Export => records.max(1),
        _ => records,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::custody::{Egress, PurposeBudget};

    #[test]
    fn a_purpose_without_a_limit_of_its_own_has_that_of_all() {
        let purposes = vec![PurposeBudget { name: "unstated".to_owned(), records_per_day: 0 }];
        let egress = Egress { records_per_day: 7, purposes, listed_per_day: None };
        let policy = Policy { egress: Some(egress), ..Policy::default() };
        let of = |purpose| Allowance::of(&policy, Verb::Open, Some(purpose)).expect("a limit");
        assert_eq!((of("unstated").purpose, of("case 7").purpose, of("case 7").total), (Some(0), None, 7));
        assert_eq!(Allowance::of(&Policy::default(), Verb::Open, Some("case 7")), None);
        assert_eq!(Allowance::of(&policy, Verb::Pack, None), None);
        assert_eq!(of("unstated").left(0, 0), 0);
        assert_eq!(of("case 7").left(6, 6), 1);
    }

    #[test]
    fn a_search_that_shows_nothing_counts_as_one() {
        let egress = Egress { records_per_day: 7, purposes: Vec::new(), listed_per_day: Some(3) };
        let policy = Policy { egress: Some(egress), ..Policy::default() };
        let listing = Allowance::of(&policy, Verb::Search, None).expect("a limit");
        assert_eq!((listing.of, listing.total), (Budget::Listing, 3));
        assert_eq!((listing.left(2, 2), weight(Verb::Search, 0), weight(Verb::Export, 0)), (1, 1, 1));
        let entry = |records, verdict| Entry { records, verdict, ..Entry::new(Verb::Search, 0) };
        let listed = |records, verdict| match counts(&entry(records, verdict)) {
            Some((Budget::Listing, records)) => Some(records),
            _ => None,
        };
        assert_eq!([listed(0, Verdict::Done), listed(7, Verdict::Done)], [Some(1), Some(7)]);
        assert_eq!([listed(0, Verdict::Refused), listed(420, Verdict::Refused)], [Some(0), Some(1)]);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_a_day_stays_within_the_limit(limit in 0u64..1000, asked in prop::collection::vec(0u64..400, 0..40)) {
            let allowance = Allowance { of: Budget::Egress, purpose: None, total: limit };
            let mut spent = 0;
            for records in asked {
                let left = allowance.left(0, spent);
                spent += if records <= left { records } else { left.min(1) };
            }
            prop_assert!(spent <= limit);
        }
    }
}
