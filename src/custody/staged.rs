//! Changes of a keyring that were made and are yet to be written.
//!
//! What is about to be done goes on record before it is done, and what is on record should have been done. So a change is made
//! whole in memory first, with everything that can be refused about it; what can fail after that is the disk.

use jiff::Timestamp;

use super::epoch::Rotation;
use super::file;
use super::issue::{PackDraft, PackRequest};
use super::keyring::{Keyring, KeyringError};
use super::policy::Policy;
use super::slot::SlotDraft;
use crate::seal::SlotId;

/// A keyring that was changed and not written. Dropped, it was not changed.
#[must_use = "nothing is changed until it is written"]
pub struct Staged<T> {
    keyring: Keyring,
    told: T,
}

impl<T> Staged<T> {
    /// The keyring as it will be, of the generation that it is of.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Writes the keyring.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or was by another command meanwhile; it is then as it was.
    pub fn write(mut self) -> Result<(Keyring, T), KeyringError> {
        self.keyring.save()?;
        Ok((self.keyring, self.told))
    }
}

impl Keyring {
    /// As [`Self::add_slot`].
    ///
    /// # Errors
    ///
    /// As there, as of all that follow.
    pub fn stage_slot(self, draft: SlotDraft) -> Result<Staged<SlotId>, KeyringError> {
        self.stage(|keyring| keyring.put_in(draft))
    }

    /// As [`Self::remove_slot`].
    pub fn stage_slot_removal(self, id: SlotId) -> Result<Staged<()>, KeyringError> {
        self.stage(|keyring| keyring.take_out(id))
    }

    /// As [`Self::set_policy`].
    pub fn stage_policy(self, policy: Policy, now: Timestamp) -> Result<Staged<()>, KeyringError> {
        self.stage(|keyring| keyring.decide(policy, now))
    }

    /// As [`Self::rotate`].
    pub fn stage_rotation(self, site: Option<&str>, now: Timestamp) -> Result<Staged<Rotation>, KeyringError> {
        self.stage(|keyring| keyring.turn(site, now))
    }

    /// As [`Self::issue_pack`], or with `next` as [`Self::issue_next_pack`]; the pack's file is written after the keyring.
    pub fn stage_pack(self, request: &PackRequest<'_>, next: bool) -> Result<Staged<PackDraft>, KeyringError> {
        self.stage(|keyring| keyring.draft_pack(request, next))
    }

    fn stage<T>(
        mut self,
        change: impl FnOnce(&mut Self) -> Result<T, KeyringError>,
    ) -> Result<Staged<T>, KeyringError> {
        let told = change(&mut self)?;
        self.lock_epochs()?;
        self.check_writable()?;
        Ok(Staged { keyring: self, told })
    }

    /// Whether the keyring could be written now: nobody else has written it since it was opened, and its place takes it.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn check_writable(&self) -> Result<(), KeyringError> {
        let (found, expected) = (self.generation_on_disk()?, self.generation);
        if found != expected {
            return Err(KeyringError::Changed { found, expected });
        }
        Ok(file::check_replaceable(&self.path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::{Passphrase, PassphraseCost};

    #[test]
    fn what_cannot_be_written_or_was_refused_is_not_staged_and_what_is_dropped_was_not_done() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = Timestamp::now();
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = Passphrase::new("correct horse battery staple".to_owned());
        drop(Keyring::create(dir.path(), &passphrase, cost, Policy::default(), now).expect("made"));
        let open = || Keyring::open(dir.path(), &passphrase).expect("opens");
        let bytes = || std::fs::read(dir.path().join("keyring")).expect("read");
        let before = bytes();
        drop(open().stage_rotation(None, now).expect("staged"));
        assert!(matches!(open().stage_rotation(Some("nowhere"), now), Err(KeyringError::UnknownSite { .. })));
        let only = open().slots().next().expect("a slot").id;
        assert!(matches!(open().stage_slot_removal(only), Err(KeyringError::LastSlot)));
        assert!(bytes() == before);

        let stale = open();
        let (keyring, rotation) = open().stage_rotation(None, now).expect("staged").write().expect("written");
        assert_eq!((rotation.epoch.number, keyring.generation(), bytes() == before), (2, 2, false));
        assert!(matches!(stale.stage_rotation(None, now), Err(KeyringError::Changed { found: 2, expected: 1 })));
        // One that somebody else writes between the two is not undone.
        let late = open().stage_rotation(None, now).expect("staged");
        let (_, rotation) = open().stage_rotation(None, now).expect("staged").write().expect("written");
        assert_eq!(rotation.epoch.number, 3);
        assert!(matches!(late.write(), Err(KeyringError::Changed { found: 3, expected: 2 })));
    }
}
