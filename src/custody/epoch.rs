//! Pseudonym epochs and rotations: for how long, and at which sites, a plate has the same pseudonym.
//!
//! Epochs follow the calendar as the policy says, and a rotation begins another one at once. A site has the rotation of all
//! sites or, when its own was later, that; sites with the same rotation share epochs and buckets.
//!
//! An epoch's keys are random, drawn when it begins, and destroyed with its last catalogue: search tries all that are left.
//! Under dual control they are locked, and a pack that one holder issues alone gets an epoch of its own.

use jiff::Timestamp;

use super::body::{Body, EpochBody};
use super::keyring::{Keyring, KeyringError};
use crate::pseudonym::{Domain, EpochKeys, PseudonymRoot};
use crate::seal::Capability;

/// A pseudonym epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, which captures carry in their catalogue.
    pub number: u32,
    /// Its first moment.
    pub since: Timestamp,
    /// The first moment after it; `None` when it ends with a rotation only.
    pub until: Option<Timestamp>,
}

/// What a rotation did.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The epoch that began.
    pub epoch: Epoch,
    /// Sites whose pack is still valid and should be replaced now.
    pub superseded: Vec<String>,
}

impl EpochBody {
    fn until(&self) -> Option<Timestamp> {
        self.until.map(super::time)
    }

    fn covers(&self, at: Timestamp) -> bool {
        super::time(self.since) <= at && self.until().is_none_or(|until| at < until)
    }

    pub(super) fn shown(&self) -> Epoch {
        Epoch { number: self.number, since: super::time(self.since), until: self.until() }
    }
}

impl Body {
    /// The first format derived all keys from one root. From now on each epoch has its own, so that it can be destroyed, and
    /// nothing is left from which another one's follow.
    pub(super) fn take_root_apart(&mut self) {
        let Some(mut root) = self.pseudonym_root.take() else { return };
        let old = PseudonymRoot::from_bytes(&root);
        zeroize::Zeroize::zeroize(&mut root);
        for epoch in &mut self.epochs {
            epoch.keys = Some(*old.keys(Domain::HOME, epoch.number).secret());
            (epoch.generation, epoch.made) = (1, self.created);
        }
        self.canary_key = Some(*old.canaries().expose());
    }
}

impl Keyring {
    /// All epochs so far, oldest first. One that was issued ahead may be yet to begin.
    pub fn epochs(&self) -> impl Iterator<Item = u32> {
        self.body.epochs.iter().map(|epoch| epoch.number)
    }

    /// The pseudonym keys of an epoch.
    ///
    /// # Errors
    ///
    /// [`KeyringError::SecondSlotNeeded`] while they are locked, [`KeyringError::EpochExpired`] when they were destroyed, and
    /// [`KeyringError::UnknownEpoch`].
    pub fn epoch_keys(&self, epoch: u32) -> Result<EpochKeys, KeyringError> {
        if let Some(drawn) = self.drawn.iter().find(|drawn| drawn.epoch() == epoch) {
            return Ok(EpochKeys::from_secret(epoch, &drawn.secret()));
        }
        let body = self.body.epochs.iter().find(|body| body.number == epoch);
        let body = body.ok_or(KeyringError::UnknownEpoch { epoch })?;
        if let Some(destroyed) = body.destroyed {
            return Err(KeyringError::EpochExpired { epoch, destroyed: super::time(destroyed) });
        }
        if body.keys.is_none() && self.lock.is_none() {
            return Err(KeyringError::SecondSlotNeeded);
        }
        let secret = body.secret(self.lock.as_ref(), self.custody).ok_or(KeyringError::Damaged)?;
        Ok(EpochKeys::from_secret(epoch, &secret))
    }

    /// The pseudonym keys of all epochs that have some, oldest first: what the search for a plate must try.
    ///
    /// # Errors
    ///
    /// What dual control has in the way ([`Self::dual_barrier`]): what is missing from an answer must not look like an answer.
    pub fn search_keys(&self) -> Result<Vec<EpochKeys>, KeyringError> {
        if let Some(barrier) = self.dual_barrier() {
            return Err(barrier);
        }
        let left = self.body.epochs.iter().filter(|epoch| epoch.destroyed.is_none());
        left.map(|epoch| self.epoch_keys(epoch.number)).collect()
    }

    /// The epochs whose keys are due: over at `before`, as is the month of the last catalogue that any site sealed in them.
    pub fn due_epochs(&self, before: Timestamp) -> Vec<u32> {
        let due = self.body.epochs.iter().filter(|epoch| self.is_epoch_due(epoch, before));
        due.map(|epoch| epoch.number).collect()
    }

    pub(super) fn is_epoch_due(&self, epoch: &EpochBody, before: Timestamp) -> bool {
        let Some(until) = epoch.until().filter(|&until| until <= before && epoch.destroyed.is_none()) else {
            return false;
        };
        match epoch.last {
            Some(month) => month.end() <= before,
            // Not noted: any catalogue of these sites may be of this epoch whose key was made before it ended.
            None => !self.body.buckets.iter().any(|bucket| {
                bucket.capability == Capability::Catalogue.tag()
                    && bucket.rotation == epoch.rotation
                    && super::time(bucket.created) < until
                    && bucket.expiry.end() > before
            }),
        }
    }

    /// Puts under the lock whatever is not yet, where there is one.
    pub(super) fn lock_epochs(&mut self) -> Result<(), KeyringError> {
        let Some(lock) = &self.body.identity_lock else { return Ok(()) };
        for epoch in &mut self.body.epochs {
            if let Some(keys) = epoch.keys.map(zeroize::Zeroizing::new) {
                epoch.keep(&keys, Some(lock), self.custody).map_err(|_| KeyringError::Damaged)?;
            }
        }
        Ok(())
    }

    /// Begins a new epoch, with new bucket keys, for all sites or for one, and writes the keyring. Nothing that is sealed
    /// is touched, and packs that are out go on working until they expire: a site cannot know.
    pub fn rotate(&mut self, site: Option<&str>, now: Timestamp) -> Result<Rotation, KeyringError> {
        let rotation = self.turn(site, now)?;
        self.save()?;
        Ok(rotation)
    }

    /// The same, not written yet.
    pub(super) fn turn(&mut self, site: Option<&str>, now: Timestamp) -> Result<Rotation, KeyringError> {
        let rotations = self.body.sites.iter().map(|site| site.rotation);
        let next = 1 + rotations.max().unwrap_or(0).max(self.body.rotation);
        match site {
            Some(name) => {
                let found = self.body.sites.iter_mut().find(|site| site.name == name);
                found.ok_or_else(|| KeyringError::UnknownSite { name: name.to_owned() })?.rotation = next;
            }
            None => {
                self.body.rotation = next;
                for epoch in &mut self.body.epochs {
                    // One that was issued ahead ends before it begins.
                    let end = epoch.since.max(now.as_second());
                    epoch.until = Some(epoch.until.map_or(end, |until| until.min(end)));
                }
            }
        }
        let until = self.body.policy.epoch.period(now).map(|(_, until)| until);
        let epoch = self.begin_epoch(next, now, until, now)?;
        let superseded =
            self.body.sites.iter().filter(|site| {
                super::time(site.until) > now && site.pack_rotation < site.rotation.max(self.body.rotation)
            });
        Ok(Rotation { epoch, superseded: superseded.map(|site| site.name.clone()).collect() })
    }

    /// The epoch of a rotation at a time; begins it when need be.
    pub(super) fn epoch_at(&mut self, rotation: u32, at: Timestamp, now: Timestamp) -> Result<Epoch, KeyringError> {
        if let Some(epoch) = self.known_epoch_at(rotation, at) {
            return Ok(epoch);
        }
        let ends = self.body.epochs.iter().filter(|epoch| epoch.rotation == rotation).filter_map(EpochBody::until);
        let before = ends.filter(|&until| until <= at).max();
        let period = self.body.policy.epoch.period(at);
        let since = before.max(period.map(|(since, _)| since)).unwrap_or(at);
        self.begin_epoch(rotation, since, period.map(|(_, until)| until), now)
    }

    /// The same, when it has begun or was issued ahead.
    pub(super) fn known_epoch_at(&self, rotation: u32, at: Timestamp) -> Option<Epoch> {
        let mut of_rotation = self.body.epochs.iter().filter(|epoch| epoch.rotation == rotation);
        let covering = of_rotation.clone().rfind(|epoch| epoch.covers(at));
        // Before all of them: this machine's clock was set back.
        let first = || of_rotation.next().filter(|epoch| at < super::time(epoch.since));
        covering.or_else(first).map(|epoch| epoch.shown())
    }

    /// Ends the current epochs where the policy's calendar says, and no later.
    pub(super) fn shorten_epochs(&mut self, now: Timestamp) {
        let Some((_, end)) = self.body.policy.epoch.period(now) else { return };
        for epoch in self.body.epochs.iter_mut().filter(|epoch| epoch.covers(now)) {
            let end = end.as_second();
            epoch.until = Some(epoch.until.map_or(end, |until| until.min(end)));
        }
    }

    /// Begins an epoch and draws its keys. It is not written yet.
    pub(super) fn begin_epoch(
        &mut self,
        rotation: u32,
        since: Timestamp,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Epoch, KeyringError> {
        let number = 1 + self.body.epochs.iter().map(|epoch| epoch.number).max().unwrap_or(0);
        let (since, until) = (since.as_second(), until.map(Timestamp::as_second));
        let mut epoch = EpochBody {
            number,
            since,
            until,
            rotation,
            keys: None,
            generation: self.generation + 1,
            made: now.as_second(),
            last: None,
            destroyed: None,
            locked: None,
        };
        let keys = EpochKeys::random(number);
        let lock = self.body.identity_lock.as_ref();
        epoch.keep(&keys.secret(), lock, self.custody).map_err(|_| KeyringError::Damaged)?;
        self.drawn.push(keys);
        let shown = epoch.shown();
        self.body.epochs.push(epoch);
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::PlateText;
    use crate::custody::{Keyring, Passphrase, PassphraseCost, Policy};

    /// A keyring of the first format has a root in place of keys.
    #[test]
    fn a_root_is_taken_apart_into_the_keys_that_it_gave() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = Timestamp::now();
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = Passphrase::new("correct horse battery staple".to_owned());
        let mut keyring = Keyring::create(dir.path(), &passphrase, cost, Policy::default(), now).expect("made");
        keyring.rotate(None, now).expect("a second epoch begins");
        for epoch in &mut keyring.body.epochs {
            epoch.keys = None;
        }
        (keyring.body.pseudonym_root, keyring.body.canary_key) = (Some([7; 32]), None);
        keyring.drawn.clear();
        keyring.body.take_root_apart();
        let root = PseudonymRoot::from_bytes(&[7; 32]);
        let plate = PlateText::canonical("ABC1234").expect("a plate");
        for epoch in [1, 2] {
            let keys = keyring.epoch_keys(epoch).expect("derived");
            assert_eq!(keys.plate(&plate), root.keys(Domain::HOME, epoch).plate(&plate));
            assert_eq!(keys.face(b"crop"), root.keys(Domain::HOME, epoch).face(b"crop"));
        }
        assert!(keyring.body.pseudonym_root.is_none(), "nothing is left that gives the next one");
        assert_eq!(keyring.body.canary_key, Some(*root.canaries().expose()));
    }
}
