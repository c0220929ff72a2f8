//! Dual control: private keys of identities that open only with a first and a second slot together.
//!
//! First slots guard the keyring key, second slots guard the second key. The private keys of identity buckets are sealed to
//! a key pair, the *lock*, whose private half is sealed under the second key and lies in the body, which the keyring key
//! opens. So neither kind of slot gives them out alone, whatever software is used; and packs, which need fresh buckets, are
//! issued with a first slot alone, because the lock's public half does for sealing.

use zeroize::Zeroizing;

use super::body::{BucketBody, LockBody, LockedKey};
use super::slot::GuardedKey;
use crate::seal::{
    Capability, CustodyId, ENC_LEN, Envelope, InvalidPublicKey, PrivateKey, PublicKey, SectionKey, WRAPPED_LEN,
};

/// The lock, opened by a second slot.
pub(super) struct OpenLock {
    /// What second slots guard.
    pub second: GuardedKey,
    private: PrivateKey,
}

impl LockBody {
    /// A fresh lock with a fresh second key.
    pub fn generate(custody: CustodyId) -> (Self, OpenLock) {
        let (second, private) = (GuardedKey::generate(), PrivateKey::generate());
        let public = private.public().to_bytes();
        let cipher = cobblestone::Key256::from_bytes(second.expose());
        let sealed = cobblestone::encrypt(&cipher, &lock_context(&public, custody), private.expose());
        (Self { public, sealed: sealed.expect("32 bytes are no limit") }, OpenLock { second, private })
    }

    /// Opens it; `None` when the key is another lock's.
    pub fn open(&self, second: GuardedKey, custody: CustodyId) -> Option<OpenLock> {
        let cipher = cobblestone::Key256::from_bytes(second.expose());
        let seed = cobblestone::decrypt(&cipher, &lock_context(&self.public, custody), &self.sealed).ok()?;
        let private = PrivateKey::from_bytes(Zeroizing::new(seed).as_slice().try_into().ok()?);
        Some(OpenLock { second, private })
    }
}

impl BucketBody {
    /// Keeps the private half of a bucket's key, under the lock if there is one and the bucket is one of identities.
    pub fn keep(
        &mut self,
        private: &PrivateKey,
        lock: Option<&LockBody>,
        custody: CustodyId,
    ) -> Result<(), InvalidPublicKey> {
        let lock = lock.filter(|_| self.capability == Capability::Identity.tag());
        (self.private, self.locked) = match lock {
            None => (Some(*private.expose()), None),
            Some(lock) => {
                let to = PublicKey::from_bytes(&lock.public)?;
                let envelope = Envelope::seal(&SectionKey::from_bytes(private.expose()), &to, &self.info(custody));
                let sealed = [envelope.enc.as_slice(), &envelope.wrapped].concat();
                (None, Some(LockedKey { public: private.public().to_bytes(), sealed }))
            }
        };
        Ok(())
    }

    /// The private half; `None` while it is locked.
    pub fn private(&self, lock: Option<&OpenLock>, custody: CustodyId) -> Option<PrivateKey> {
        if let Some(private) = &self.private {
            return Some(PrivateKey::from_bytes(private));
        }
        let (enc, wrapped) = self.locked.as_ref()?.sealed.split_first_chunk::<ENC_LEN>()?;
        let wrapped: [u8; WRAPPED_LEN] = wrapped.try_into().ok()?;
        let opened = Envelope { enc: *enc, wrapped }.open(&lock?.private, &self.info(custody)).ok()?;
        Some(PrivateKey::from_bytes(opened.expose()))
    }

    /// The public half, locked or not.
    pub fn public(&self) -> Result<PublicKey, InvalidPublicKey> {
        match (&self.private, &self.locked) {
            (Some(private), _) => Ok(PrivateKey::from_bytes(private).public()),
            (None, Some(locked)) => PublicKey::from_bytes(&locked.public),
            (None, None) => Err(InvalidPublicKey),
        }
    }

    fn info(&self, custody: CustodyId) -> Vec<u8> {
        [b"safelight v1 locked bucket\0".as_slice(), &custody.0, &self.bucket, &self.key].concat()
    }
}

fn lock_context(public: &[u8], custody: CustodyId) -> Vec<u8> {
    [b"safelight v1 identity lock\0".as_slice(), &custody.0, public].concat()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::custody::{Keyring, PackRequest, Passphrase, PassphraseCost, Policy, SlotRole, SlotTerms};
    use crate::seal::Capability;

    /// What one holder has who alters the software: the whole body, as CBOR. No private key of an identity is in it.
    #[test]
    fn an_opened_keyring_holds_no_identity_key_before_the_second_slot_is_open() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = Timestamp::now();
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let [one, two] = ["first holder", "second holder"].map(|text| Passphrase::new(text.to_owned()));
        let mut keyring = Keyring::create(dir.path(), &one, cost, Policy::default(), now).expect("made");
        let request = PackRequest { site: "North Bridge", valid_days: 90, now };
        keyring.issue_pack(&request, &dir.path().join("site.pack")).expect("issued");
        let privates = |keyring: &Keyring, capability: Capability| -> Vec<[u8; 32]> {
            let of = keyring.body.buckets.iter().filter(|bucket| bucket.capability == capability.tag());
            of.map(|bucket| bucket.private.expect("not locked yet")).collect()
        };
        let identities = privates(&keyring, Capability::Identity);
        let scenes = privates(&keyring, Capability::Scene);
        assert!(!identities.is_empty() && !scenes.is_empty());

        let terms = SlotTerms { role: SlotRole::Second, label: None, now };
        let draft = keyring.draft_passphrase_slot(&two, cost, terms).expect("drafted");
        keyring.add_slot(draft).expect("added");
        let mut keyring = Keyring::open(dir.path(), &one).expect("opens");
        let mut body = Vec::new();
        minicbor::encode(&keyring.body, &mut body).expect("encoded");
        let holds = |key: &[u8; 32]| body.windows(32).any(|window| window == key);
        assert!(scenes.iter().all(holds), "the search finds what is there");
        assert!(!identities.iter().any(holds));

        keyring.unlock_second(&two).expect("two holders");
        for (bucket, private) in keyring.body.buckets.iter().filter(|bucket| bucket.locked.is_some()).zip(&identities) {
            let opened = bucket.private(keyring.lock.as_ref(), keyring.custody).expect("opens");
            assert!(opened.expose() == private);
        }
    }
}
