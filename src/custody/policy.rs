//! What a custodian has decided: how long what is kept, how long pseudonyms stay comparable, how much may be looked at.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use minicbor::{Decode, Encode};

use crate::capture::Effort;
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

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        let (year, month) = self.year_month();
        let date = i16::try_from(year).ok().zip(i8::try_from(month).ok()).and_then(|(y, m)| Date::new(y, m, 1).ok());
        let begin = date.unwrap_or(Date::MAX).to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
        begin.unwrap_or(Timestamp::MAX)
    }

    /// The first moment after it: from here on it is over.
    pub fn end(self) -> Timestamp {
        self.next().begin()
    }

    /// 12 × year + month − 1, as files have it.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// What [`Self::number`] gave.
    pub(crate) fn from_number(number: u32) -> Self {
        Self(number)
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
    /// That many calendar months.
    #[n(2)]
    Months(#[n(0)] u32),
}

impl Retention {
    /// The month at whose end a record sealed at `sealed` is due: it is kept at least for the term, and at most for
    /// the rest of a month longer.
    pub fn expiry(self, sealed: Timestamp) -> Month {
        let date = sealed.to_zoned(TimeZone::UTC).date();
        let span = match self {
            Self::Days(days) => Span::new().days(days.min(MAX_DAYS)),
            Self::Months(months) => Span::new().months(months.min(MAX_YEARS * 12)),
            Self::Years(years) => Span::new().years(years.min(MAX_YEARS)),
        };
        // Out of the calendar's range: kept to its end.
        Month::of(date.checked_add(span).unwrap_or(Date::MAX))
    }
}

impl Retention {
    /// The first month that is still kept at `now`: all before it ended longer ago than the term.
    pub(crate) fn kept_from(self, now: Timestamp) -> Month {
        let date = now.to_zoned(TimeZone::UTC).date();
        let span = match self {
            Self::Days(days) => Span::new().days(days.min(MAX_DAYS)),
            Self::Months(months) => Span::new().months(months.min(MAX_YEARS * 12)),
            Self::Years(years) => Span::new().years(years.min(MAX_YEARS)),
        };
        Month::of(date.checked_sub(span).unwrap_or(Date::MIN))
    }

    /// To compare terms of different units.
    pub(super) fn approximate_days(self) -> u64 {
        match self {
            Self::Days(days) => days.into(),
            Self::Months(months) => u64::from(months) * 61 / 2,
            Self::Years(years) => u64::from(years) * 366,
        }
    }
}

/// Longer terms are cut to a thousand years, which the calendar can hold.
const MAX_YEARS: u32 = 1000;
const MAX_DAYS: u32 = MAX_YEARS * 365;

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = match *self {
            Self::Days(days) => (days, "day"),
            Self::Months(months) => (months, "month"),
            Self::Years(years) => (years, "year"),
        };
        write!(f, "{number} {unit}{}", if number == 1 { "" } else { "s" })
    }
}

/// The text is no term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no term: a whole number from 1 on, then days, months or years, at most 1000 years")]
pub struct InvalidTerm;

impl FromStr for Retention {
    type Err = InvalidTerm;

    /// Reads what its `Display` writes: `30 days`, `6 months`, `1 year`.
    fn from_str(text: &str) -> Result<Self, InvalidTerm> {
        let (number, unit) = text.trim().split_once(' ').ok_or(InvalidTerm)?;
        let number = number.parse::<u32>().ok().filter(|&number| number > 0).ok_or(InvalidTerm)?;
        let (term, most) = match unit.trim() {
            "day" | "days" => (Self::Days(number), MAX_DAYS),
            "month" | "months" => (Self::Months(number), MAX_YEARS * 12),
            "year" | "years" => (Self::Years(number), MAX_YEARS),
            _ => return Err(InvalidTerm),
        };
        if number > most { Err(InvalidTerm) } else { Ok(term) }
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

/// For how long a plate keeps its pseudonym. A stolen site pack can enumerate plates for one such epoch; search tries
/// the keys of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EpochLength {
    /// A day of the UTC calendar.
    #[n(0)]
    Day,
    /// A week, from Monday on.
    #[n(1)]
    Week,
    /// A calendar month.
    #[n(2)]
    Month,
    /// Until the custodian rotates. So it was before policies said anything about it.
    #[default]
    #[n(3)]
    Never,
}

impl EpochLength {
    /// All, from the shortest on.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Never];

    /// `day`, `week`, `month` or `never`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Never => "never",
        }
    }

    /// Begin and end of the calendar's period that `now` lies in; `None` when there are no periods.
    pub fn period(self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let (first, length) = match self {
            Self::Day => (today, Span::new().days(1)),
            Self::Week => {
                let since_monday = today.weekday().to_monday_zero_offset();
                (today.checked_sub(Span::new().days(since_monday)).ok()?, Span::new().days(7))
            }
            Self::Month => (today.first_of_month(), Span::new().months(1)),
            Self::Never => return None,
        };
        let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        Some((midnight(first)?, midnight(first.checked_add(length).ok()?)?))
    }
}

/// How many records may be opened or exported on one day of the UTC calendar.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Egress {
    /// For all purposes together.
    #[n(0)]
    pub records_per_day: u64,
    /// Purposes with a tighter limit of their own.
    #[n(1)]
    pub purposes: Vec<PurposeBudget>,
    /// Records that searches may show; `None` is ten times `records_per_day`.
    #[n(2)]
    pub listed_per_day: Option<u64>,
}

impl Egress {
    /// Records that searches may show on one day. A search for a plate shows a handful; who lists a whole vault has the
    /// movements of everybody in it.
    pub fn listed_per_day(&self) -> u64 {
        self.listed_per_day.unwrap_or(self.records_per_day.saturating_mul(10))
    }
}

/// The limit of one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PurposeBudget {
    /// The purpose, as it is given when records are opened or exported.
    #[n(0)]
    pub name: String,
    /// Records a day.
    #[n(1)]
    pub records_per_day: u64,
}

/// What a custodian has decided.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Policy {
    /// The classes, each with a name of its own.
    #[n(0)]
    pub classes: Vec<ClassPolicy>,
    /// The class of a capture that names none.
    #[n(1)]
    pub default_class: String,
    /// How long a pseudonym epoch is.
    #[n(2)]
    #[cbor(default)]
    pub epoch: EpochLength,
    /// Whether identities are opened, and plates searched, with two slots only.
    #[n(3)]
    #[cbor(default)]
    pub dual_control: bool,
    /// How much may leave; `None` is no limit.
    #[n(4)]
    pub egress: Option<Egress>,
    /// For how long the details of the audit log are kept at least; `None` is a year.
    #[n(5)]
    pub details_kept: Option<Retention>,
    /// How hard sites look at photographs at least; `None` asks for nothing.
    #[n(6)]
    pub effort: Option<Effort>,
}

impl Default for Policy {
    /// US practice for scenes (15 years for citizens, 75 for visitors) and 30 days for what identifies: not keeping it
    /// is the best protection. A capture without a class gets the shortest terms, for it may show anybody. Pseudonyms
    /// change every month: a site fetches a pack that often without trouble.
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
            epoch: EpochLength::Month,
            dual_control: false,
            egress: None,
            details_kept: None,
            effort: None,
        }
    }
}

impl Policy {
    /// For how long the details of the audit log are kept at least.
    pub fn details_kept(&self) -> Retention {
        self.details_kept.unwrap_or(Retention::Years(1))
    }

    /// How hard sites look at least.
    pub fn effort(&self) -> Effort {
        self.effort.unwrap_or(Effort::Fast)
    }

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
    fn a_month_is_kept_until_it_ended_longer_ago_than_the_term() {
        let kept = |term: Retention, now: &str| term.kept_from(now.parse().expect("a timestamp")).to_string();
        assert_eq!(kept(Retention::Years(1), "2026-11-28T00:00:00Z"), "2025-11");
        assert_eq!(kept(Retention::Months(1), "2026-12-31T00:00:00Z"), "2026-11");
        assert_eq!(kept(Retention::Days(30), "2026-12-01T00:00:00Z"), "2026-11");
        assert_eq!(kept(Retention::Years(1000), "0002-11-28T00:00:00Z"), "0000-11");
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let december = Month::of("2026-12-31".parse().expect("a date"));
        assert_eq!(december.begin().to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(december.end().to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(Month(u32::MAX - 1).end(), Timestamp::MAX);
    }

    #[test]
    fn terms_are_read_as_they_are_written() {
        for term in [Retention::Days(1), Retention::Days(30), Retention::Months(6), Retention::Years(75)] {
            assert_eq!(term.to_string().parse(), Ok(term));
        }
        for text in ["", "30", "0 days", "-1 days", "1001 years", "30 d", "days 30", "1.5 years", "4294967296 days"] {
            assert_eq!(text.parse::<Retention>(), Err(InvalidTerm), "{text:?}");
        }
    }

    #[test]
    fn epochs_are_periods_of_the_calendar() {
        let period = |epoch: EpochLength, now: &str| {
            epoch.period(now.parse().expect("a timestamp")).map(|(from, to)| format!("{from} {to}"))
        };
        let some = |text: &str| Some(text.to_owned());
        let sunday = "2026-11-22T23:59:59Z";
        assert_eq!(period(EpochLength::Day, sunday), some("2026-11-22T00:00:00Z 2026-11-23T00:00:00Z"));
        assert_eq!(period(EpochLength::Week, sunday), some("2026-11-16T00:00:00Z 2026-11-23T00:00:00Z"));
        assert_eq!(period(EpochLength::Month, sunday), some("2026-11-01T00:00:00Z 2026-12-01T00:00:00Z"));
        assert_eq!(period(EpochLength::Never, sunday), None);
        assert_eq!(
            period(EpochLength::Week, "2026-11-23T00:00:00Z"),
            some("2026-11-23T00:00:00Z 2026-11-30T00:00:00Z")
        );
    }

    #[test]
    fn no_class_means_the_default_and_a_misspelt_one_is_none() {
        let policy = Policy::default();
        assert_eq!(policy.class(None).map(|c| c.name.as_str()), Some("transit"));
        assert_eq!(policy.class(Some("visitor")).map(|c| c.scene), Some(Retention::Years(75)));
        assert_eq!(policy.class(Some("vistor")), None);
    }
}
