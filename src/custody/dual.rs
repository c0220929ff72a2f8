//! Dual control: private keys of identities, and the keys of pseudonyms, that open only with a first and a second slot together.
//!
//! First slots guard the keyring key, second slots guard the second key. The private keys of identity buckets are sealed to
//! a key pair, the *lock*, whose private half is sealed under the second key and lies in the body, which the keyring key
//! opens. So neither kind of slot gives them out alone, whatever software is used; and packs, which need fresh buckets, are
//! issued with a first slot alone, because the lock's public half does for sealing.
//!
//! The keys of a pseudonym epoch lie under the same lock: plates are few, and whoever has the keys can try them all.

use zeroize::{Zeroize, Zeroizing};

use super::body::{BucketBody, EpochBody, LockBody, LockedKey};
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

impl EpochBody {
    /// Keeps the epoch's keys, under the lock if there is one.
    pub fn keep(
        &mut self,
        keys: &[u8; 64],
        lock: Option<&LockBody>,
        custody: CustodyId,
    ) -> Result<(), InvalidPublicKey> {
        self.keys.zeroize();
        (self.keys, self.locked) = match lock {
            None => (Some(*keys), None),
            Some(lock) => {
                let (to, info, key) =
                    (PublicKey::from_bytes(&lock.public)?, self.info(custody), SectionKey::generate());
                let envelope = Envelope::seal(&key, &to, &info);
                let cipher = cobblestone::Key256::from_bytes(key.expose());
                let sealed = cobblestone::encrypt(&cipher, &info, keys).expect("64 bytes are no limit");
                (None, Some([envelope.enc.as_slice(), &envelope.wrapped, &sealed].concat()))
            }
        };
        Ok(())
    }

    /// The epoch's keys; `None` while they are locked, and after they were destroyed.
    pub fn secret(&self, lock: Option<&OpenLock>, custody: CustodyId) -> Option<Zeroizing<[u8; 64]>> {
        if let Some(keys) = &self.keys {
            return Some(Zeroizing::new(*keys));
        }
        let (enc, rest) = self.locked.as_ref()?.split_first_chunk::<ENC_LEN>()?;
        let (wrapped, sealed) = rest.split_first_chunk::<WRAPPED_LEN>()?;
        let info = self.info(custody);
        let key = Envelope { enc: *enc, wrapped: *wrapped }.open(&lock?.private, &info).ok()?;
        let cipher = cobblestone::Key256::from_bytes(key.expose());
        let keys = Zeroizing::new(cobblestone::decrypt(&cipher, &info, sealed).ok()?);
        Some(Zeroizing::new(keys.as_slice().try_into().ok()?))
    }

    fn info(&self, custody: CustodyId) -> Vec<u8> {
        [b"safelight v1 locked epoch\0".as_slice(), &custody.0, &self.number.to_le_bytes()].concat()
    }
}

fn lock_context(public: &[u8], custody: CustodyId) -> Vec<u8> {
    [b"safelight v1 identity lock\0".as_slice(), &custody.0, public].concat()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::custody::{Keyring, KeyringError, PackRequest, Passphrase, PassphraseCost, Policy, SlotRole, SlotTerms};
    use crate::seal::Capability;

    /// What one holder has who alters the software: the whole body, as CBOR. No private key of an identity is in it.
    #[test]
    fn an_opened_keyring_holds_no_identity_key_before_the_second_slot_is_open() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = Timestamp::now();
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let [one, two] =
            ["the inspector's very own", "the comptroller's very own"].map(|text| Passphrase::new(text.to_owned()));
        let mut keyring = Keyring::create(dir.path(), &one, cost, Policy::default(), now).expect("made");
        let request = PackRequest { site: "North Bridge", valid_days: 90, now };
        keyring.issue_pack(&request, &dir.path().join("site.pack")).expect("issued");
        let privates = |keyring: &Keyring, capability: Capability| -> Vec<[u8; 32]> {
            let of = keyring.body.buckets.iter().filter(|bucket| bucket.capability == capability.tag());
            of.map(|bucket| bucket.private.expect("not locked yet")).collect()
        };
        let epoch = keyring.body.epochs[0].keys.expect("not locked yet");
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
        // Nor can one holder try plates: neither half of an epoch's keys is there, nor anything that they derive from.
        assert!(![&epoch[..32], &epoch[32..]].iter().any(|key| body.windows(32).any(|window| window == *key)));
        assert!(matches!(keyring.search_keys(), Err(KeyringError::SecondSlotNeeded)));
        // A pack needs an epoch's keys, and one holder can issue it: of an epoch of its own.
        let request = PackRequest { site: "South", ..request };
        let alone = keyring.issue_pack(&request, &dir.path().join("south.pack")).expect("issued");
        let again = PackRequest { site: "East", ..request };
        let beside = keyring.issue_pack(&again, &dir.path().join("east.pack")).expect("issued");
        assert_eq!((alone.epoch().number, beside.epoch().number), (2, 2), "one sitting shares an epoch");
        let mut keyring = Keyring::open(dir.path(), &one).expect("opens");
        assert!(keyring.body.epochs.iter().all(|epoch| epoch.keys.is_none() && epoch.locked.is_some()));

        keyring.unlock_second(&two).expect("two holders");
        for (bucket, private) in keyring.body.buckets.iter().filter(|bucket| bucket.locked.is_some()).zip(&identities) {
            let opened = bucket.private(keyring.lock.as_ref(), keyring.custody).expect("opens");
            assert!(opened.expose() == private);
        }
        // And so do both together.
        assert_eq!(keyring.search_keys().expect("two holders").len(), 2);
        let together = keyring.epoch_keys(2).expect("two holders");
        let plate = crate::capture::PlateText::canonical("ABC1234").expect("a plate");
        assert_eq!(together.plate(&plate), alone.epoch_keys().plate(&plate));
        assert_eq!(keyring.body.epochs[0].secret(keyring.lock.as_ref(), keyring.custody).as_deref(), Some(&epoch));
        let shared = keyring.issue_pack(&again, &dir.path().join("shared.pack")).expect("issued");
        assert_eq!(shared.epoch().number, 2, "two holders go on with the epoch that there is");

        // What a keyring of the first format held openly is locked when it is next written.
        let custody = keyring.custody;
        keyring.body.epochs[0].keep(&epoch, None, custody).expect("open");
        keyring.save().expect("written");
        assert!(Keyring::open(dir.path(), &one).expect("opens").body.epochs.iter().all(|epoch| epoch.keys.is_none()));
    }
}
