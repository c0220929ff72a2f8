//! The budget: how many records may leave on one day.
//!
//! What has left is counted from the log itself, so that there is nothing beside it to reset.

use super::entry::Verdict;
use crate::custody::{Egress, Policy};

/// What a day's egress may be, for one purpose and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Records a day for this purpose; `None` is no limit of its own.
    pub purpose: Option<u64>,
    /// Records a day for all purposes together.
    pub total: u64,
    /// Whether a second slot has said that it may be more.
    pub overridden: bool,
}

impl Allowance {
    /// What the policy allows a purpose; `None` when it limits nothing.
    pub fn of(policy: &Policy, purpose: &str, overridden: bool) -> Option<Self> {
        let Egress { records_per_day, purposes } = policy.egress.as_ref()?;
        let own = purposes.iter().find(|budget| budget.name == purpose);
        Some(Self { purpose: own.map(|budget| budget.records_per_day), total: *records_per_day, overridden })
    }

    /// Whether so many more records may leave, after what left today for this purpose and for all.
    pub(super) fn judge(self, spent: u64, spent_in_total: u64, records: u64) -> Verdict {
        let within = |spent: u64, limit: u64| spent.saturating_add(records) <= limit;
        match self.purpose.is_none_or(|limit| within(spent, limit)) && within(spent_in_total, self.total) {
            true => Verdict::Done,
            false if self.overridden => Verdict::Overridden,
            false => Verdict::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::custody::PurposeBudget;

    #[test]
    fn a_purpose_without_a_limit_of_its_own_has_that_of_all() {
        let purposes = vec![PurposeBudget { name: "unstated".to_owned(), records_per_day: 0 }];
        let policy = Policy { egress: Some(Egress { records_per_day: 7, purposes }), ..Policy::default() };
        let of = |purpose| Allowance::of(&policy, purpose, false).expect("a limit");
        assert_eq!((of("unstated").purpose, of("case 7").purpose, of("case 7").total), (Some(0), None, 7));
        assert_eq!(Allowance::of(&Policy::default(), "case 7", false), None);
        assert_eq!(of("unstated").judge(0, 0, 1), Verdict::Refused);
        assert_eq!(of("case 7").judge(6, 6, 1), Verdict::Done);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_a_day_stays_within_the_limit(limit in 0u64..1000, asked in prop::collection::vec(0u64..400, 0..40)) {
            let allowance = Allowance { purpose: None, total: limit, overridden: false };
            let mut spent = 0;
            for records in asked {
                if allowance.judge(0, spent, records) == Verdict::Done {
                    spent += records;
                }
            }
            prop_assert!(spent <= limit);
        }
    }
}
