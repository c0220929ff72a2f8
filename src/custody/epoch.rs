//! Pseudonym epochs and rotations: for how long, and at which sites, a plate has the same pseudonym.
//!
//! Epochs follow the calendar as the policy says, and a rotation begins another one at once. A site has the rotation of all
//! sites or, when its own was later, that; sites with the same rotation share epochs and buckets. No epoch's key is ever
//! forgotten: search tries all of them.

use jiff::Timestamp;

use super::body::EpochBody;
use super::keyring::{Keyring, KeyringError};

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

impl Keyring {
    /// All epochs so far, oldest first: search must try them all. One that was issued ahead may be yet to begin.
    pub fn epochs(&self) -> impl Iterator<Item = u32> {
        self.body.epochs.iter().map(|epoch| epoch.number)
    }

    /// Begins a new epoch, with new bucket keys, for all sites or for one, and writes the keyring. Nothing that is sealed
    /// is touched, and packs that are out go on working until they expire: a site cannot know.
    pub fn rotate(&mut self, site: Option<&str>, now: Timestamp) -> Result<Rotation, KeyringError> {
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
        let epoch = self.begin_epoch(next, now, until);
        self.save()?;
        let superseded =
            self.body.sites.iter().filter(|site| {
                super::time(site.until) > now && site.pack_rotation < site.rotation.max(self.body.rotation)
            });
        Ok(Rotation { epoch, superseded: superseded.map(|site| site.name.clone()).collect() })
    }

    /// The epoch of a rotation at a time; begins it when need be.
    pub(super) fn epoch_at(&mut self, rotation: u32, at: Timestamp) -> Epoch {
        if let Some(epoch) = self.known_epoch_at(rotation, at) {
            return epoch;
        }
        let ends = self.body.epochs.iter().filter(|epoch| epoch.rotation == rotation).filter_map(EpochBody::until);
        let before = ends.filter(|&until| until <= at).max();
        let period = self.body.policy.epoch.period(at);
        let since = before.max(period.map(|(since, _)| since)).unwrap_or(at);
        self.begin_epoch(rotation, since, period.map(|(_, until)| until))
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

    fn begin_epoch(&mut self, rotation: u32, since: Timestamp, until: Option<Timestamp>) -> Epoch {
        let number = 1 + self.body.epochs.iter().map(|epoch| epoch.number).max().unwrap_or(0);
        let (since, until) = (since.as_second(), until.map(Timestamp::as_second));
        let epoch = EpochBody { number, since, until, rotation };
        self.body.epochs.push(epoch);
        epoch.shown()
    }
}
