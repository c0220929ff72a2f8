//! How long what is kept.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use minicbor::{Decode, Encode};

use crate::seal::Capability;

/// A month of the UTC calendar, counted from year 0: the grain of expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Month(#[n(0)] u32);

impl Month {
    /// The month of a date; years before 0 count as year 0.
    pub fn of(date: Date) -> Self {
        let year = u32::try_from(date.year()).unwrap_or(0);
        let month = u32::try_from(date.month()).unwrap_or(1);
        Self(year * 12 + month - 1)
    }

    /// The month that follows.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Year and month, 1 to 12.
    pub fn year_month(self) -> (u32, u32) {
        (self.0 / 12, self.0 % 12 + 1)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = self.year_month();
        write!(f, "{year:04}-{month:02}")
    }
}

/// A term of retention. It counts from sealing, which a site does within seconds of the capture, and not from what a
/// file claims about its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Retention {
    /// That many days.
    #[n(0)]
    Days(#[n(0)] u32),
    /// That many calendar years.
    #[n(1)]
    Years(#[n(0)] u32),
}

impl Retention {
    /// The month at whose end a record sealed at `sealed` is due: it is kept at least for the term, and at most for
    /// the rest of a month longer.
    pub fn expiry(self, sealed: Timestamp) -> Month {
        let date = sealed.to_zoned(TimeZone::UTC).date();
        let span = match self {
            Self::Days(days) => Span::new().days(days.min(MAX_DAYS)),
            Self::Years(years) => Span::new().years(years.min(MAX_YEARS)),
        };
        // Out of the calendar's range: kept to its end.
        Month::of(date.checked_add(span).unwrap_or(Date::MAX))
    }
}

/// Longer terms are cut to a thousand years, which the calendar can hold.
const MAX_YEARS: u32 = 1000;
const MAX_DAYS: u32 = MAX_YEARS * 365;

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
            Self::Years(1) => f.write_str("1 year"),
            Self::Years(years) => write!(f, "{years} years"),
        }
    }
}

/// Terms of one retention class.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClassPolicy {
    /// The class's name, as in `captures.csv`.
    #[n(0)]
    pub name: String,
    /// How long search finds it.
    #[n(1)]
    pub catalogue: Retention,
    /// How long the redacted image can be seen.
    #[n(2)]
    pub scene: Retention,
    /// How long the original can be restored. That of a JPEG takes the scene, too: it lasts no longer than that.
    #[n(3)]
    pub identity: Retention,
}

impl ClassPolicy {
    /// The term of one capability.
    pub fn retention(&self, capability: Capability) -> Retention {
        match capability {
            Capability::Catalogue => self.catalogue,
            Capability::Scene => self.scene,
            Capability::Identity => self.identity,
        }
    }
}

/// What is kept for how long, by class.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Policy {
    /// The classes, each with a name of its own.
    #[n(0)]
    pub classes: Vec<ClassPolicy>,
    /// The class of a capture that names none.
    #[n(1)]
    pub default_class: String,
}

impl Default for Policy {
    /// US practice for scenes (15 years for citizens, 75 for visitors) and 30 days for what identifies: not keeping it
    /// is the best protection. A capture without a class gets the shortest terms, for it may show anybody.
    fn default() -> Self {
        let class = |name: &str, scene| ClassPolicy {
            name: name.to_owned(),
            catalogue: scene,
            scene,
            identity: Retention::Days(30),
        };
        Self {
            classes: vec![
                class("citizen", Retention::Years(15)),
                class("visitor", Retention::Years(75)),
                class("transit", Retention::Days(30)),
            ],
            default_class: "transit".to_owned(),
        }
    }
}

impl Policy {
    /// The class of that name, or of none.
    pub fn class(&self, name: Option<&str>) -> Option<&ClassPolicy> {
        let name = name.unwrap_or(&self.default_class);
        self.classes.iter().find(|class| class.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(retention: Retention, sealed: &str) -> String {
        retention.expiry(sealed.parse().expect("a timestamp")).to_string()
    }

    #[test]
    fn expiry_is_a_month_never_before_the_term() {
        assert_eq!(expiry(Retention::Days(30), "2026-01-01T00:00:00Z"), "2026-01");
        assert_eq!(expiry(Retention::Days(30), "2026-01-02T00:00:00Z"), "2026-02");
        assert_eq!(expiry(Retention::Days(30), "2026-12-31T23:59:59Z"), "2027-01");
        assert_eq!(expiry(Retention::Years(75), "2024-02-29T12:00:00Z"), "2099-02");
        assert_eq!(expiry(Retention::Years(u32::MAX), "2024-02-29T12:00:00Z"), "3024-02");
        assert_eq!(expiry(Retention::Days(u32::MAX), "2024-02-29T12:00:00Z").len(), 7);
    }

    #[test]
    fn no_class_means_the_default_and_a_misspelt_one_is_none() {
        let policy = Policy::default();
        assert_eq!(policy.class(None).map(|c| c.name.as_str()), Some("transit"));
        assert_eq!(policy.class(Some("visitor")).map(|c| c.scene), Some(Retention::Years(75)));
        assert_eq!(policy.class(Some("vistor")), None);
    }
}
