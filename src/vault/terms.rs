//! Until when the custodian keeps the keys of what a site has sealed, by what the site itself wrote down, and by its clock.
//!
//! A tombstone tells what has expired, and whoever can write to a vault can take tombstones away. So a site does not count on
//! them: past its term nothing is sealed, whatever the vault says. Owns that judgement; knows nothing of files.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::sieve::{Digest, Sieve};
use crate::custody::{Month, Schedule};
use crate::seal::BucketId;

/// The site's clock and the custodian's differ by less; nothing is deleted for the sake of what ends within this.
const MARGIN: SignedDuration = SignedDuration::from_hours(48);

/// Terms are at most a thousand years.
const FIRST_YEAR: u32 = 2020;
const YEARS: u32 = 1100;

/// Whether a bucket's key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// For longer than clocks differ.
    Runs,
    /// It ends in these days, or nothing tells when.
    Uncertain,
    /// It has ended.
    Over,
}

/// The terms of buckets at one moment.
pub(super) struct Terms<'s> {
    schedule: &'s Schedule,
    now: Timestamp,
    /// What was found out. Whose month the first intent does not tell, earlier versions have sealed to: it stays unknown.
    known: RefCell<HashMap<BucketId, Option<Month>>>,
}

impl<'s> Terms<'s> {
    /// By the pack's own buckets, and by what stands beside digests.
    pub fn new(schedule: &'s Schedule, now: Timestamp) -> Self {
        Self { schedule, now, known: RefCell::default() }
    }

    /// Whether the key of a bucket is kept, among whose digests the site has noted until when.
    pub fn of(&self, sieve: &Sieve, bucket: BucketId, digests: &[Digest]) -> Term {
        let Some(month) = self.month(sieve, bucket, digests) else { return Term::Uncertain };
        match month.end() {
            end if self.now >= end => Term::Over,
            end if self.now >= end - MARGIN => Term::Uncertain,
            _ => Term::Runs,
        }
    }

    fn month(&self, sieve: &Sieve, bucket: BucketId, digests: &[Digest]) -> Option<Month> {
        if let Some(month) = self.known.borrow().get(&bucket) {
            return *month;
        }
        let months = (12 * FIRST_YEAR..12 * (FIRST_YEAR + YEARS)).map(Month::from_number);
        let noted = |month: &Month| digests.binary_search(&sieve.term(bucket, *month)).is_ok();
        let month = self.schedule.expiry(bucket).or_else(|| months.into_iter().find(noted));
        self.known.borrow_mut().insert(bucket, month);
        month
    }
}
