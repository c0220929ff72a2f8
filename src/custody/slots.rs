//! A keyring's slots: added, removed, tried. None of it touches a segment.

use std::path::Path;

use super::body::LockBody;
use super::file::{self, FileError, Remains};
use super::keyring::{Keyring, KeyringError, read_keyring};
use super::layout::Parts;
use super::slot::{
    Credential, GuardedKey, Passphrase, PassphraseCost, Quorum, Share, ShareVerdict, Slot, SlotDraft, SlotKind,
    SlotRole, SlotSummary, SlotTerms,
};
#[cfg(feature = "pkcs11")]
use super::slot::{Token, TokenError};
use crate::seal::{CustodyId, SlotId};

/// What a drill found: nothing was opened.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Whose keyring it is.
    pub custody: CustodyId,
    /// The slots that would have opened.
    pub opens: Vec<SlotSummary>,
    /// What each share is, in the order given, and to which slot it belongs.
    pub shares: Vec<(ShareVerdict, Option<SlotSummary>)>,
}

impl Keyring {
    /// The slots of a keyring that need not be opened for it: whoever writes to the file can write this, too.
    pub fn slots_in(folder: &Path) -> Result<(CustodyId, Vec<SlotSummary>), KeyringError> {
        let (_, bytes) = read_keyring(folder)?;
        let parts = Parts::parse(&bytes)?;
        Ok((parts.custody, parts.slots.iter().map(Slot::summary).collect()))
    }

    /// The slots.
    pub fn slots(&self) -> impl Iterator<Item = SlotSummary> {
        self.slots.iter().map(Slot::summary)
    }

    /// The slot that opened the keyring; none when it was just made.
    pub fn opened_by(&self) -> Option<SlotId> {
        self.opened_by
    }

    /// Tries what somebody has at hand: opens slots, and neither the keyring's body nor anything in it. A keyring key is
    /// held against what the sealed body commits to.
    pub fn rehearse<'a>(folder: &Path, with: impl Into<Credential<'a>>) -> Result<Rehearsal, KeyringError> {
        let (_, bytes) = read_keyring(folder)?;
        let mut parts = Parts::parse(&bytes)?;
        let (custody, with) = (parts.custody, with.into());
        let shares =
            if let Credential::Shares(shares) = with { judge(&parts.slots, shares, custody) } else { Vec::new() };
        let mut opens = Vec::new();
        for slot in &mut parts.slots {
            let Some(key) = slot.open(with, custody) else { continue };
            opens.push(slot.summary());
            if slot.role() == SlotRole::First && !parts.sealed.is_under(&key) {
                return Err(KeyringError::Damaged);
            }
        }
        Ok(Rehearsal { custody, opens, shares })
    }

    /// A slot that a passphrase will open. It is none of the keyring's before [`Self::add_slot`].
    pub fn draft_passphrase_slot(
        &self,
        passphrase: &Passphrase,
        cost: PassphraseCost,
        terms: SlotTerms,
    ) -> Result<SlotDraft, KeyringError> {
        passphrase.check_strength(self.folder(), terms.label.as_deref())?;
        // Whoever knows it would be two holders.
        let mut others: Vec<Slot> = self.slots.iter().filter(|slot| slot.role() != terms.role).cloned().collect();
        if others.iter_mut().any(|slot| slot.open(passphrase.into(), self.custody).is_some()) {
            return Err(KeyringError::OtherHolders);
        }
        SlotDraft::with_passphrase(passphrase, cost, self.custody, terms).ok_or(KeyringError::Cost)
    }

    /// A slot that shares will open, and the shares, to be handed out before [`Self::add_slot`]: they are nowhere else.
    pub fn draft_shares_slot(&self, quorum: Quorum, terms: SlotTerms) -> (SlotDraft, Vec<Share>) {
        SlotDraft::with_shares(quorum, self.custody, terms)
    }

    /// A slot that a token will open, with a key made in it now. When the slot is not added after all, let the token
    /// forget the key.
    #[cfg(feature = "pkcs11")]
    pub fn draft_token_slot(&self, token: &Token, terms: SlotTerms) -> Result<SlotDraft, TokenError> {
        SlotDraft::with_token(token, self.custody, terms)
    }

    /// Adds a slot and writes the keyring. The first second slot locks the private keys of all identities.
    pub fn add_slot(&mut self, draft: SlotDraft) -> Result<SlotId, KeyringError> {
        let id = self.put_in(draft)?;
        self.save()?;
        Ok(id)
    }

    /// The same, not written yet.
    pub(super) fn put_in(&mut self, draft: SlotDraft) -> Result<SlotId, KeyringError> {
        let mut slot = draft.0;
        let id = slot.id();
        match slot.role() {
            SlotRole::First => guard(&mut slot, &self.key, self.custody)?,
            SlotRole::Second => {
                if self.body.identity_lock.is_none() {
                    self.lock_identities()?;
                }
                let lock = self.lock.as_ref().ok_or(KeyringError::SecondSlotNeeded)?;
                guard(&mut slot, &lock.second, self.custody)?;
            }
        }
        self.slots.push(slot);
        Ok(id)
    }

    /// Removes a slot, exchanges what it guarded, and writes the keyring. Copies of the file made before still open with
    /// it: whoever wants it to be worthless destroys them. To remove a second slot takes one.
    pub fn remove_slot(&mut self, id: SlotId) -> Result<(), KeyringError> {
        self.take_out(id)?;
        self.save().map(drop)
    }

    /// The same, not written yet.
    pub(super) fn take_out(&mut self, id: SlotId) -> Result<(), KeyringError> {
        let at = self.slots.iter().position(|slot| slot.id() == id).ok_or(KeyringError::NoSlot { slot: id })?;
        let role = self.slots[at].role();
        let others = self.slots.iter().filter(|slot| slot.role() == role).count() - 1;
        match role {
            SlotRole::First if others == 0 => return Err(KeyringError::LastSlot),
            SlotRole::First => {
                self.slots.remove(at);
            }
            SlotRole::Second => {
                if self.lock.is_none() {
                    return Err(KeyringError::SecondSlotNeeded);
                }
                if others == 0 && self.body.policy.dual_control {
                    return Err(KeyringError::DualControl);
                }
                self.slots.remove(at);
                if others == 0 { self.unlock_identities()? } else { self.lock_identities()? }
            }
        }
        self.exchange_key()
    }

    /// What stands between this keyring, as it is opened, and all that dual control guards (identities, the search for a
    /// plate, loosening a limit, forgetting): [`KeyringError::SecondSlotNeeded`] until a second slot is opened, where there is
    /// one; [`KeyringError::NoSecondSlot`] where the policy asks for dual control and there is none yet.
    pub fn dual_barrier(&self) -> Option<KeyringError> {
        match (&self.body.identity_lock, &self.lock) {
            (Some(_), None) => Some(KeyringError::SecondSlotNeeded),
            (None, _) if self.body.policy.dual_control => Some(KeyringError::NoSecondSlot),
            _ => None,
        }
    }

    /// Whether there is a second slot, and the private keys of identities are locked with it.
    pub fn has_dual_control(&self) -> bool {
        self.body.identity_lock.is_some()
    }

    /// Whether a second slot was opened: two holders are there.
    pub fn has_second(&self) -> bool {
        self.lock.is_some()
    }

    /// Opens a second slot, after which identities can be opened.
    pub fn unlock_second<'a>(&mut self, with: impl Into<Credential<'a>>) -> Result<(), KeyringError> {
        let (with, custody) = (with.into(), self.custody);
        let lock = self.body.identity_lock.as_ref().ok_or(KeyringError::NoSecondSlot)?;
        let mut seconds = self.slots.iter_mut().filter(|slot| slot.role() == SlotRole::Second);
        let key = seconds.find_map(|slot| slot.open(with, custody)).ok_or(KeyringError::WrongSecond)?;
        self.lock = Some(lock.open(key, custody).ok_or(KeyringError::Damaged)?);
        Ok(())
    }

    /// Puts the private keys of all identities, and the keys of all epochs, under a fresh lock, which all second slots guard.
    fn lock_identities(&mut self) -> Result<(), KeyringError> {
        let custody = self.custody;
        let (lock, open) = LockBody::generate(custody);
        for bucket in &mut self.body.buckets {
            let private = bucket.private(self.lock.as_ref(), custody).ok_or(KeyringError::Damaged)?;
            bucket.keep(&private, Some(&lock), custody).map_err(|_| KeyringError::Damaged)?;
        }
        for epoch in self.body.epochs.iter_mut().filter(|epoch| epoch.destroyed.is_none()) {
            let keys = epoch.secret(self.lock.as_ref(), custody).ok_or(KeyringError::Damaged)?;
            epoch.keep(&keys, Some(&lock), custody).map_err(|_| KeyringError::Damaged)?;
        }
        for slot in self.slots.iter_mut().filter(|slot| slot.role() == SlotRole::Second) {
            guard(slot, &open.second, custody)?;
        }
        (self.body.identity_lock, self.lock) = (Some(lock), Some(open));
        Ok(())
    }

    fn unlock_identities(&mut self) -> Result<(), KeyringError> {
        let custody = self.custody;
        for bucket in &mut self.body.buckets {
            let private = bucket.private(self.lock.as_ref(), custody).ok_or(KeyringError::Damaged)?;
            bucket.keep(&private, None, custody).map_err(|_| KeyringError::Damaged)?;
        }
        for epoch in self.body.epochs.iter_mut().filter(|epoch| epoch.destroyed.is_none()) {
            let keys = epoch.secret(self.lock.as_ref(), custody).ok_or(KeyringError::Damaged)?;
            epoch.keep(&keys, None, custody).map_err(|_| KeyringError::Damaged)?;
        }
        (self.body.identity_lock, self.lock) = (None, None);
        Ok(())
    }

    /// Exchanges the keyring key for a fresh one, guarded by every first slot, and writes the keyring. Needs no slot's
    /// secret. An older copy of the file still opens as before: whoever wants to be rid of what it holds destroys it. Says what
    /// became of the file before.
    pub fn rotate_key(&mut self) -> Result<Remains, KeyringError> {
        self.exchange_key()?;
        self.save()
    }

    fn exchange_key(&mut self) -> Result<(), KeyringError> {
        let key = GuardedKey::generate();
        let mut slots = self.slots.clone();
        for slot in slots.iter_mut().filter(|slot| slot.role() == SlotRole::First) {
            guard(slot, &key, self.custody)?;
        }
        (self.key, self.slots) = (key, slots);
        Ok(())
    }
}

/// Writes a share's page to a new file that only its owner may read; fails when it exists.
pub fn write_share_file(path: &Path, page: &str) -> Result<(), FileError> {
    file::create_private(path, page.as_bytes())
}

fn guard(slot: &mut Slot, key: &GuardedKey, custody: CustodyId) -> Result<(), KeyringError> {
    slot.guard(key, custody).ok_or(KeyringError::Slot { slot: slot.id() })
}

/// What each share is to the slot that it belongs to.
fn judge(slots: &[Slot], shares: &[Share], custody: CustodyId) -> Vec<(ShareVerdict, Option<SlotSummary>)> {
    let mut judged: Vec<_> = shares
        .iter()
        .map(|share| (if share.is_of(custody) { ShareVerdict::OtherSlot } else { ShareVerdict::OtherCustodian }, None))
        .collect();
    for slot in slots {
        for (judged, verdict) in judged.iter_mut().zip(slot.judge(shares, custody).unwrap_or_default()) {
            if !matches!(verdict, ShareVerdict::OtherSlot | ShareVerdict::OtherCustodian) {
                *judged = (verdict, Some(slot.summary()));
            }
        }
    }
    judged
}

/// Why no slot opened.
pub(super) fn unopened(slots: &[Slot], with: Credential<'_>, custody: CustodyId) -> KeyringError {
    let shares = match with {
        Credential::Passphrase(_) => return KeyringError::WrongPassphrase,
        Credential::Shares(shares) => shares,
        #[cfg(feature = "pkcs11")]
        Credential::Token(_) => return KeyringError::WrongToken,
    };
    let good = |slot: &Slot| {
        let SlotKind::Shares(quorum) = slot.summary().kind else { return None };
        let verdicts = slot.judge(shares, custody)?;
        let good = verdicts.iter().filter(|&&verdict| verdict == ShareVerdict::Good).count();
        (good > 0 && slot.role() == SlotRole::First).then_some((good, quorum.threshold))
    };
    match slots.iter().filter_map(good).max() {
        Some((good, needed)) => KeyringError::TooFewShares { good, needed },
        None => KeyringError::ForeignShares,
    }
}
