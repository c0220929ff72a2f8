//! Expiry: private keys that are due are destroyed, which is the only deletion that counts.
//!
//! A key is due when the month of its bucket is over, and never before. What was destroyed is remembered by name, so that
//! "expired" can be told from "never there". Older copies of the keyring still hold what they held: the outcome names them.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroize;

use super::body::{Body, BucketBody, ExpiredBody};
use super::file::{self, Remains};
use super::keyring::{Keyring, KeyringError};
use super::layout::Parts;
use super::policy::Month;
use crate::seal::{BucketId, Capability, KeyId};

/// A private key that is due, or was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueKey {
    /// The public key's name, as segments carry it.
    pub key: KeyId,
    /// Its bucket.
    pub bucket: BucketId,
    /// The retention class.
    pub class: String,
    /// What it opens.
    pub capability: Capability,
    /// The month at whose end it is due.
    pub expiry: Month,
}

/// What was destroyed, and what else must be.
#[derive(Clone, Debug)]
pub struct Destroyed {
    /// The keys.
    pub keys: Vec<DueKey>,
    /// Pseudonym epochs whose keys were destroyed: nobody can ask for a plate in them any more.
    pub epochs: Vec<u32>,
    /// The keyring's generation that is the first without them: to be backed up now.
    pub generation: u64,
    /// Backups of these generations hold some of them.
    pub backups: RangeInclusive<u64>,
    /// When the oldest of these was written; the youngest is from before now.
    pub since: Timestamp,
    /// What became of the file that held them.
    pub remains: Remains,
}

/// A clock that is further ahead of all that the keyring remembers is rather wrong than right.
const LEAP: SignedDuration = SignedDuration::from_hours(24 * 400);

impl Keyring {
    /// The keys whose month was over at `before`, by month.
    pub fn due(&self, before: Timestamp) -> Vec<DueKey> {
        let due = self.body.buckets.iter().filter(|bucket| is_due(bucket, before));
        let mut due: Vec<DueKey> = due.filter_map(BucketBody::due).collect();
        due.sort_by(|a, b| (a.expiry, &a.class, a.capability).cmp(&(b.expiry, &b.class, b.capability)));
        due
    }

    /// The keys that were destroyed, and when.
    pub fn expired(&self) -> impl Iterator<Item = (KeyId, Timestamp)> {
        self.body.expired.iter().map(|expired| (KeyId(expired.key), super::time(expired.destroyed)))
    }

    /// The last time that the keyring remembers, when `now` is so far beyond it that the clock should be looked at before
    /// anything is destroyed by it.
    pub fn clock_leap(&self, now: Timestamp) -> Option<Timestamp> {
        let body = &self.body;
        let known = [body.created].into_iter();
        let known = known.chain(body.buckets.iter().map(|b| b.created)).chain(body.sites.iter().map(|s| s.issued));
        let last = super::time(known.chain(body.expired.iter().map(|e| e.destroyed)).max().unwrap_or(0));
        last.checked_add(LEAP).is_ok_and(|latest| now > latest).then_some(last)
    }

    /// Destroys the keys whose month was over at `before`, and writes the keyring under a fresh keyring key. `None` when
    /// none is due; the keyring is not written then.
    ///
    /// The file's old bytes are overwritten where nothing else bears them. On flash and on copying file systems they may
    /// survive that, as ciphertext that the slots of that time open.
    ///
    /// # Errors
    ///
    /// When the keyring cannot be written; the file is then as it was, and this keyring should not be used further.
    pub fn destroy_due(&mut self, before: Timestamp, now: Timestamp) -> Result<Option<Destroyed>, KeyringError> {
        let (keys, epochs) = (self.due(before), self.due_epochs(before));
        let generation = self.generation;
        let of_buckets = self.body.buckets.iter().filter(|bucket| is_due(bucket, before));
        let of_epochs = self.body.epochs.iter().filter(|epoch| epochs.contains(&epoch.number));
        let held = of_buckets.map(|b| (b.generation, b.created)).chain(of_epochs.map(|e| (e.generation, e.made)));
        let Some((first, since)) = held.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))) else { return Ok(None) };
        for bucket in &mut self.body.buckets {
            if is_due(bucket, before) {
                self.body.expired.push(bucket.tombstone(now));
                // Here, where it lies: what is moved when the list closes up leaves no copy behind.
                bucket.private.zeroize();
                bucket.locked = None;
            }
        }
        for epoch in self.body.epochs.iter_mut().filter(|epoch| epochs.contains(&epoch.number)) {
            epoch.keys.zeroize();
            (epoch.keys, epoch.locked, epoch.destroyed) = (None, None, Some(now.as_second()));
        }
        self.drawn.retain(|drawn| !epochs.contains(&drawn.epoch()));
        self.body.buckets.retain(|bucket| !is_due(bucket, before));
        let remains = self.rotate_key()?;
        self.prove_destroyed(&keys, &epochs)?;
        let backups = first.max(1).min(generation)..=generation;
        let since = super::time(since);
        Ok(Some(Destroyed { keys, epochs, generation: self.generation, backups, since, remains }))
    }

    /// Reads the keyring back: it is the one that was just written, and holds none of these keys.
    fn prove_destroyed(&self, keys: &[DueKey], epochs: &[u32]) -> Result<(), KeyringError> {
        let bytes = file::read_secret(&self.path)?;
        let Parts { generation, sealed, .. } = Parts::parse(&bytes)?;
        let plain = sealed.open(&self.key).ok_or(KeyringError::NotDestroyed)?;
        let body: Body = minicbor::decode(&plain).map_err(|_| KeyringError::NotDestroyed)?;
        let held = body.buckets.iter().any(|bucket| keys.iter().any(|due| due.key == KeyId(bucket.key)));
        let mut closed = body.epochs.iter().filter(|epoch| epochs.contains(&epoch.number));
        let held = held || closed.any(|epoch| epoch.keys.is_some() || epoch.locked.is_some());
        if held || generation != self.generation { Err(KeyringError::NotDestroyed) } else { Ok(()) }
    }
}

fn is_due(bucket: &BucketBody, before: Timestamp) -> bool {
    bucket.expiry.end() <= before
}

impl BucketBody {
    /// `None` for a capability of a later version.
    fn due(&self) -> Option<DueKey> {
        Some(DueKey {
            key: KeyId(self.key),
            bucket: BucketId(self.bucket),
            class: self.class.clone(),
            capability: Capability::from_tag(self.capability)?,
            expiry: self.expiry,
        })
    }

    fn tombstone(&self, now: Timestamp) -> ExpiredBody {
        ExpiredBody {
            bucket: self.bucket,
            key: self.key,
            class: self.class.clone(),
            expiry: self.expiry,
            capability: self.capability,
            destroyed: now.as_second(),
        }
    }
}
