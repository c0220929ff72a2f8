//! What a new policy changes, in words for the audit log, and whether it allows more than the old one.
//!
//! A limit that one holder may raise, use and lower again limits nobody: loosening one takes the second holder, where there
//! is one. Tightening takes nobody.

use std::fmt;

use super::policy::{ClassPolicy, Egress, EpochLength, Policy};
use crate::seal::Capability;

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// Which, in the policy file's words.
    pub what: String,
    /// What it was; `none` where it was not there.
    pub from: String,
    /// What it is.
    pub to: String,
    /// Whether more is allowed, shown or kept than before.
    pub loosens: bool,
}

impl fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.what, self.from, self.to)
    }
}

impl Policy {
    /// What differs in `new`.
    pub fn changes(&self, new: &Self) -> Vec<PolicyChange> {
        let mut changes = Changes(Vec::new());
        changes.add("dual_control", self.dual_control, new.dual_control, self.dual_control && !new.dual_control);
        let length = |epoch: EpochLength| EpochLength::ALL.iter().position(|&known| known == epoch);
        changes.add("epoch", self.epoch.name(), new.epoch.name(), length(new.epoch) > length(self.epoch));
        let [kept, keeps] = [self, new].map(Self::details_kept);
        changes.add("details_kept", kept, keeps, keeps.approximate_days() < kept.approximate_days());
        let [least, now] = [self, new].map(Self::effort);
        changes.add("effort", least.name(), now.name(), now < least);
        changes.classes(self, new);
        changes.budgets(self.egress.as_ref(), new.egress.as_ref());
        changes.0
    }
}

struct Changes(Vec<PolicyChange>);

impl Changes {
    fn add(&mut self, what: impl Into<String>, from: impl fmt::Display, to: impl fmt::Display, loosens: bool) {
        let (from, to) = (from.to_string(), to.to_string());
        if from != to {
            self.0.push(PolicyChange { what: what.into(), from, to, loosens });
        }
    }

    /// A term may become longer than that of its class was, or, of a new class, than all terms of old ones.
    fn classes(&mut self, old: &Policy, new: &Policy) {
        let days = |class: &ClassPolicy, part| class.retention(part).approximate_days();
        let terms = |class: Option<&ClassPolicy>| {
            class.map_or_else(
                || "none".to_owned(),
                |class| Capability::ALL.map(|part| class.retention(part).to_string()).join(", "),
            )
        };
        let default = |policy: &Policy| policy.class(None).cloned();
        let longer = Capability::ALL.iter().any(|&part| {
            let of = |policy| default(policy).map_or(u64::MAX, |class| days(&class, part));
            of(new) > of(old)
        });
        self.add("default_class", &old.default_class, &new.default_class, longer);
        let names = old.classes.iter().chain(&new.classes).map(|class| class.name.as_str());
        let names: std::collections::BTreeSet<&str> = names.collect();
        for name in names {
            let of = |policy: &Policy| policy.classes.iter().find(|class| class.name == name).cloned();
            let (was, is) = (of(old), of(new));
            let longer = is.as_ref().is_some_and(|is| {
                Capability::ALL.iter().any(|&part| {
                    let longest = || old.classes.iter().map(|class| days(class, part)).max().unwrap_or(0);
                    days(is, part) > was.as_ref().map_or_else(longest, |was| days(was, part))
                })
            });
            self.add(format!("class {name:?}"), terms(was.as_ref()), terms(is.as_ref()), longer);
        }
    }

    fn budgets(&mut self, old: Option<&Egress>, new: Option<&Egress>) {
        let mut limit = |what: String, from: Option<u64>, to: Option<u64>| {
            let shown = |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
            let loosens = to.unwrap_or(u64::MAX) > from.unwrap_or(u64::MAX);
            self.add(what, shown(from), shown(to), loosens);
        };
        limit("egress".to_owned(), old.map(|e| e.records_per_day), new.map(|e| e.records_per_day));
        limit("listed".to_owned(), old.map(Egress::listed_per_day), new.map(Egress::listed_per_day));
        let purposes = old.into_iter().chain(new).flat_map(|egress| &egress.purposes).map(|own| own.name.as_str());
        let purposes: std::collections::BTreeSet<&str> = purposes.collect();
        for purpose in purposes {
            let own = |egress: Option<&Egress>| {
                egress?.purposes.iter().find(|own| own.name == purpose).map(|own| own.records_per_day)
            };
            limit(format!("purpose {purpose:?}"), own(old), own(new));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Effort;
    use crate::custody::{PurposeBudget, Retention};

    fn limited(records_per_day: u64, own: Option<u64>, listed_per_day: Option<u64>) -> Policy {
        let budget = |records_per_day| PurposeBudget { name: "press".to_owned(), records_per_day };
        let purposes = own.map(budget).into_iter().collect();
        Policy { egress: Some(Egress { records_per_day, purposes, listed_per_day }), ..Policy::default() }
    }

    /// Each pair, one way loosens and the other does not; both say what was and what is.
    #[test]
    fn every_limit_is_loosened_one_way_and_tightened_the_other() {
        let base = Policy::default();
        let mut longer = base.clone();
        longer.classes[2].scene = Retention::Days(31);
        longer.classes[2].catalogue = Retention::Days(31);
        let mut default = base.clone();
        default.default_class = "visitor".to_owned();
        let mut more = base.clone();
        more.classes.push(ClassPolicy {
            name: "archive".to_owned(),
            scene: Retention::Years(100),
            ..base.classes[1].clone()
        });
        let pairs = [
            (limited(50, None, None), limited(51, None, Some(500)), "egress: 50 → 51"),
            (limited(50, None, None), base.clone(), "egress: 50 → none"),
            (limited(50, None, None), limited(50, None, Some(501)), "listed: 500 → 501"),
            (limited(50, Some(0), None), limited(50, Some(1), None), "purpose \"press\": 0 → 1"),
            (limited(50, Some(0), None), limited(50, None, None), "purpose \"press\": 0 → none"),
            (Policy { dual_control: true, ..base.clone() }, base.clone(), "dual_control: true → false"),
            (base.clone(), Policy { epoch: EpochLength::Never, ..base.clone() }, "epoch: month → never"),
            (
                Policy { effort: Some(Effort::Thorough), ..base.clone() },
                Policy { effort: Some(Effort::Normal), ..base.clone() },
                "effort: thorough → normal",
            ),
            (
                base.clone(),
                Policy { details_kept: Some(Retention::Days(30)), ..base.clone() },
                "details_kept: 1 year → 30 days",
            ),
            (base.clone(), longer, "class \"transit\": 30 days, 30 days, 30 days → 31 days, 31 days, 30 days"),
            (base.clone(), default, "default_class: transit → visitor"),
            (base.clone(), more, "class \"archive\": none → 75 years, 100 years, 30 days"),
        ];
        for (tight, loose, said) in pairs {
            let changes = tight.changes(&loose);
            let said_so = |change: &PolicyChange| change.loosens && change.to_string() == said;
            assert!(changes.iter().any(said_so), "{said}: {changes:?}");
            let back = loose.changes(&tight);
            assert!(!back.is_empty() && back.iter().all(|change| !change.loosens), "{said}: {back:?}");
        }
        assert!(base.changes(&base).is_empty());
    }
}
