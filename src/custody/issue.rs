//! Issuing: what a site is given, made ahead of time and written into the keyring first.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::body::{BucketBody, SiteBody};
use super::file::FileError;
use super::keyring::{Keyring, KeyringError};
use super::pack::{IssuedBucket, JournalKey, PackContents, SealingKey, SitePack};
use super::policy::{ClassPolicy, Month};
use super::purpose::{PurposeError, fold_purpose};
use crate::seal::{BucketId, Capability, JournalId, PrivateKey, random};

/// What a new pack is for.
pub struct PackRequest<'a> {
    /// The site's name.
    pub site: &'a str,
    /// For how many days from `now` it may be used.
    pub valid_days: u32,
    /// When it is issued.
    pub now: Timestamp,
}

/// A pack that is yet to be written, after the keyring that has its private keys.
pub struct PackDraft(PackContents);

impl PackDraft {
    /// Writes the pack to a file that must not exist.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(self, keyring: &Keyring, to: &Path) -> Result<SitePack, KeyringError> {
        Ok(SitePack::create(to, self.0, &keyring.signing_key())?)
    }
}

/// Whether any site may be called so; the name folded as purposes are.
///
/// # Errors
///
/// When it is empty or too long, or holds what nobody sees or what can be taken for two letters.
pub fn check_site_name(name: &str) -> Result<String, KeyringError> {
    if name.chars().count() > 100 {
        return Err(KeyringError::SiteName);
    }
    let folded = fold_purpose(name).map_err(|error| match error {
        PurposeError::Invisible { character } => KeyringError::SiteInvisible { character },
        PurposeError::Ambiguous { character } => KeyringError::SiteAmbiguous { character },
    })?;
    if folded.is_empty() { Err(KeyringError::SiteName) } else { Ok(folded) }
}

impl Keyring {
    /// Issues a site pack, with the buckets that the site will need until the pack expires, and writes it to `to`.
    ///
    /// The keyring is written first: no pack exists whose private keys could be lost.
    ///
    /// It is valid for the current pseudonym epoch only, so that whoever steals it can enumerate plates of that epoch and
    /// no other: its term ends with the epoch at the latest. Under dual control the epoch's keys are locked: a pack that is
    /// issued without the second slot gets an epoch of its own, in which plates have pseudonyms of their own.
    pub fn issue_pack(&mut self, request: &PackRequest<'_>, to: &Path) -> Result<SitePack, KeyringError> {
        self.issue(request, false, to)
    }

    /// As [`Self::issue_pack`], for the epoch that follows the current one: a site that has it before it needs it loses no
    /// time. It may be used from a day before that epoch on, as clocks drift.
    pub fn issue_next_pack(&mut self, request: &PackRequest<'_>, to: &Path) -> Result<SitePack, KeyringError> {
        self.issue(request, true, to)
    }

    /// Whether a site may be called so: like one that there is, or so that it cannot be taken for one. Names are compared as
    /// purposes are.
    ///
    /// # Errors
    ///
    /// When it is empty or too long, holds what nobody sees or what can be taken for two letters, or is another site's in another
    /// spelling.
    pub fn check_site_name(&self, name: &str) -> Result<(), KeyringError> {
        if self.has_site(name) {
            return Ok(());
        }
        let folded = check_site_name(name)?;
        let alike = |known: &&SiteBody| fold_purpose(&known.name).is_ok_and(|known| known == folded);
        match self.body.sites.iter().find(alike) {
            Some(known) => Err(KeyringError::SiteAlike { name: name.to_owned(), known: known.name.clone() }),
            None => Ok(()),
        }
    }

    fn issue(&mut self, request: &PackRequest<'_>, next: bool, to: &Path) -> Result<SitePack, KeyringError> {
        if to.symlink_metadata().is_ok() {
            return Err(FileError::on("create", to)(std::io::Error::new(
                std::io::ErrorKind::AlreadyExists,
                "it exists already",
            ))
            .into());
        }
        let draft = self.draft_pack(request, next)?;
        self.save()?;
        draft.write(self, to)
    }

    /// A pack whose keys are in the keyring, which is not written yet.
    pub(super) fn draft_pack(&mut self, request: &PackRequest<'_>, next: bool) -> Result<PackDraft, KeyringError> {
        let PackRequest { site, valid_days, now } = *request;
        let days = valid_days;
        if days == 0 || days > 3660 {
            return Err(KeyringError::Term { days });
        }
        match self.check_site_name(site) {
            // Who embeds the crate may go on with what an earlier version took.
            Ok(()) | Err(KeyringError::SiteInvisible { .. } | KeyringError::SiteAmbiguous { .. }) => {}
            Err(error) => return Err(error),
        }
        let own = self.body.sites.iter().find(|known| known.name == site).map_or(0, |known| known.rotation);
        let rotation = own.max(self.body.rotation);
        let current = self.epoch_at(rotation, now, now)?;
        let (epoch, from) = match (next, current.until) {
            (false, _) => (current, now),
            (true, Some(end)) => (self.epoch_at(rotation, end, now)?, end),
            (true, None) => return Err(KeyringError::NoNextEpoch { epoch: current.number }),
        };
        let term = from.checked_add(SignedDuration::from_hours(24 * i64::from(days)));
        let term = term.map_err(|_| KeyringError::Term { days })?;
        let until = epoch.until.map_or(term, |end| end.min(term));
        if until <= epoch.since {
            return Err(KeyringError::EpochAhead { epoch: epoch.number, since: epoch.since });
        }
        let (epoch, epoch_keys) = match self.epoch_keys(epoch.number) {
            // One holder alone cannot open the epoch's keys, and needs some to give away: fresh ones, which then are locked.
            Err(KeyringError::SecondSlotNeeded) => {
                let own = self.begin_epoch(rotation, from.max(epoch.since), epoch.until, now)?;
                (own, self.epoch_keys(own.number)?)
            }
            keys => (epoch, keys?),
        };

        let policy = self.body.policy.clone();
        let mut buckets = Vec::new();
        for class in &policy.classes {
            for capability in Capability::ALL {
                for expiry in months_needed(class, capability, from, until) {
                    buckets.push(self.bucket(class, capability, expiry, rotation, now)?);
                }
            }
        }
        let catalogues = buckets.iter().filter(|bucket| bucket.sealing.capability == Capability::Catalogue);
        let last = catalogues.map(|bucket| bucket.expiry).max();
        if let Some(body) = self.body.epochs.iter_mut().find(|body| body.number == epoch.number) {
            body.last = body.last.max(last);
        }
        let at = self.site(site);
        let record = &mut self.body.sites[at];
        (record.issued, record.until) = (now.as_second(), until.as_second());
        (record.pack_epoch, record.pack_rotation) = (epoch.number, rotation);
        record.packs += 1;
        let (journal, journal_key) = (JournalId(record.journal), JournalKey::from_bytes(&record.journal_key));
        Ok(PackDraft(PackContents {
            site: site.to_owned(),
            issued: now,
            until,
            epoch,
            epoch_keys,
            journal,
            journal_key,
            policy,
            buckets,
        }))
    }

    /// The newest bucket of that class, capability, month and rotation; made when there is none.
    fn bucket(
        &mut self,
        class: &ClassPolicy,
        capability: Capability,
        expiry: Month,
        rotation: u32,
        now: Timestamp,
    ) -> Result<IssuedBucket, KeyringError> {
        let found = self.body.buckets.iter().rposition(|bucket| {
            bucket.class == class.name
                && bucket.capability == capability.tag()
                && bucket.expiry == expiry
                && bucket.rotation == rotation
        });
        let at = match found {
            Some(at) => at,
            None => {
                let private = PrivateKey::generate();
                let mut bucket = BucketBody {
                    bucket: random(),
                    key: private.public().id().0,
                    class: class.name.clone(),
                    expiry,
                    capability: capability.tag(),
                    private: None,
                    created: now.as_second(),
                    generation: self.generation + 1,
                    rotation,
                    locked: None,
                };
                let lock = self.body.identity_lock.as_ref();
                bucket.keep(&private, lock, self.custody).map_err(|_| KeyringError::Damaged)?;
                self.body.buckets.push(bucket);
                self.body.buckets.len() - 1
            }
        };
        let bucket = &self.body.buckets[at];
        let key = bucket.public().map_err(|_| KeyringError::Damaged)?;
        let sealing = SealingKey { capability, bucket: BucketId(bucket.bucket), key };
        Ok(IssuedBucket { class: class.name.clone(), expiry, sealing })
    }

    /// Where the site stands in the list; a new one is given a journal, which it keeps from pack to pack.
    fn site(&mut self, name: &str) -> usize {
        let found = self.body.sites.iter().position(|site| site.name == name);
        found.unwrap_or_else(|| {
            self.body.sites.push(SiteBody {
                name: name.to_owned(),
                journal: JournalId::random().0,
                journal_key: *JournalKey::generate().expose(),
                issued: 0,
                until: 0,
                packs: 0,
                rotation: 0,
                pack_epoch: 0,
                pack_rotation: 0,
            });
            self.body.sites.len() - 1
        })
    }
}

/// Every expiry month that a record sealed within the pack's term may get. A day is added at both ends for clocks that
/// are off.
fn months_needed(class: &ClassPolicy, capability: Capability, from: Timestamp, until: Timestamp) -> Vec<Month> {
    let day = SignedDuration::from_hours(24);
    let retention = class.retention(capability);
    let first = retention.expiry(from.checked_sub(day).unwrap_or(from));
    let last = retention.expiry(until.checked_add(day).unwrap_or(until));
    let mut months = vec![first];
    while let Some(&month) = months.last().filter(|&&month| month < last) {
        months.push(month.next());
    }
    months
}
