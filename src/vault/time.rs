//! A site's time: its clock, held against the latest time at which it has sealed.
//!
//! A clock that falls back (a flat battery, a wrong setting) makes an old pack valid again and old terms run again, and what is
//! then deleted as held was destroyed by its custodian long ago. So what ends is judged by the later of both, and nothing is
//! deleted by a clock that is known to be behind. Owns that judgement; knows nothing of files.

use jiff::{SignedDuration, Timestamp};

use super::sealing::SealError;
use crate::custody::{PackError, Schedule};

/// A clock that is behind by no more is drifting, and is put right without a word.
const DRIFT: SignedDuration = SignedDuration::from_hours(24);

/// A clock says less than its site knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockBehind {
    /// What it says.
    pub clock: Timestamp,
    /// When the site has sealed already.
    pub latest: Timestamp,
}

/// The time at one moment.
#[derive(Clone, Copy)]
pub(super) struct SiteTime {
    clock: Timestamp,
    latest: Timestamp,
}

impl SiteTime {
    pub fn new(clock: Timestamp, latest: Option<Timestamp>) -> Self {
        Self { clock, latest: latest.map_or(clock, |latest| latest.max(clock)) }
    }

    /// The later of what the clock says and what was seen: by this, packs and terms end.
    pub fn now(self) -> Timestamp {
        self.latest
    }

    /// Whether the clock is behind by more than clocks drift.
    pub fn behind(self) -> Option<ClockBehind> {
        let Self { clock, latest } = self;
        (latest.duration_since(clock) > DRIFT).then_some(ClockBehind { clock, latest })
    }

    /// Whether a pack may be used: it has begun by the clock, and has not ended by either.
    pub fn check_usable(self, schedule: &Schedule) -> Result<(), SealError> {
        let Self { clock, latest } = self;
        schedule.check_usable(clock)?;
        schedule.check_usable(latest).map_err(|source: PackError| SealError::Outlived { source, clock, latest })
    }
}
