//! Key slots: ways to get the keyring key, which opens the keyring's body.
//!
//! Each slot has an X-Wing key pair. The keyring key is wrapped to its public half, which everybody may see; the private
//! half is sealed under the slot's key, which comes from what the slot's holder knows or has. So the keyring key can be
//! exchanged for a fresh one, for all slots, by whoever has opened one of them: nobody else needs to be there.
//!
//! Owns the slots' format and what opens them. Knows nothing of what the keyring key opens.

mod passphrase;

pub use passphrase::{Passphrase, PassphraseCost, PassphraseError};

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::seal::{CustodyId, ENC_LEN, Envelope, PrivateKey, PublicKey, SectionKey, WRAPPED_LEN, random, secret_key};

secret_key! {
    /// Opens the keyring's body. Random; every slot wraps it.
    pub(super) struct KeyringKey
}

secret_key! {
    /// What a slot's holder brings, as a key: seals the slot's private half.
    struct SlotKey
}

impl SlotKey {
    fn cipher(&self) -> cobblestone::Key256 {
        cobblestone::Key256::from_bytes(self.expose())
    }
}

/// What somebody brings to open a keyring.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// A passphrase.
    Passphrase(&'a Passphrase),
}

impl<'a> From<&'a Passphrase> for Credential<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Self::Passphrase(passphrase)
    }
}

/// The slot kind that a passphrase opens.
const PASSPHRASE: u32 = 1;

/// A slot as stored: CBOR map. Kinds that this version does not know are kept, and the keyring key is wrapped for them
/// all the same.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct Slot {
    /// 1: passphrase.
    #[n(0)]
    pub kind: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The kind's parameters, CBOR.
    #[cbor(n(2), with = "minicbor::bytes")]
    parameters: Vec<u8>,
    /// The keyring key: HPKE's encapsulated key, then the wrapped key.
    ///
    /// The first version had no key pairs (see [`Pair`]): there it is sealed under the slot's key.
    #[cbor(n(3), with = "minicbor::bytes")]
    wrapped: Vec<u8>,
    /// Whose it is, as its maker named it. Not secret.
    #[n(4)]
    pub label: Option<String>,
    #[n(5)]
    pair: Option<Pair>,
}

/// A slot's key pair.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
struct Pair {
    #[cbor(n(0), with = "minicbor::bytes")]
    public: Vec<u8>,
    /// The private half's seed, sealed (Cobblestone-256) under the slot's key.
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

impl Slot {
    /// Makes a slot that a passphrase opens; `None` when the cost is out of range or there is no memory for it.
    pub fn with_passphrase(
        passphrase: &Passphrase,
        cost: PassphraseCost,
        key: &KeyringKey,
        custody: CustodyId,
    ) -> Option<Self> {
        let parameters = passphrase::Parameters::new(cost);
        let slot_key = parameters.stretch(passphrase)?;
        Some(Self::new(PASSPHRASE, &parameters, &slot_key, key, custody))
    }

    fn new(kind: u32, parameters: &impl Encode<()>, slot_key: &SlotKey, key: &KeyringKey, custody: CustodyId) -> Self {
        let mut encoded = Vec::new();
        minicbor::encode(parameters, &mut encoded).expect("memory takes every write");
        let slot = Self { kind, id: random(), parameters: encoded, wrapped: Vec::new(), label: None, pair: None };
        slot.paired(slot_key, key, custody)
    }

    /// The slot with a fresh key pair.
    fn paired(mut self, slot_key: &SlotKey, key: &KeyringKey, custody: CustodyId) -> Self {
        let private = PrivateKey::generate();
        let public = private.public();
        let context = self.private_context(&public.to_bytes(), custody);
        let sealed =
            cobblestone::encrypt(&slot_key.cipher(), &context, private.expose()).expect("32 bytes are no limit");
        self.pair = Some(Pair { public: public.to_bytes(), sealed });
        self.wrapped = self.wrap(&public, key, custody);
        self
    }

    /// Tries a credential. `None` when it is not this slot's, or the slot is of another kind or damaged: those cannot
    /// be told apart. A slot of the first version gets its key pair now, to be stored when the keyring is next written.
    pub fn open(&mut self, credential: Credential<'_>, custody: CustodyId) -> Option<KeyringKey> {
        let slot_key = self.slot_key(credential)?;
        if self.pair.is_some() {
            return self.unwrap(&slot_key, custody);
        }
        let opened = cobblestone::decrypt(&slot_key.cipher(), &self.first_version_context(custody), &self.wrapped);
        let key = KeyringKey::from_bytes(Zeroizing::new(opened.ok()?).as_slice().try_into().ok()?);
        *self = self.clone().paired(&slot_key, &key, custody);
        Some(key)
    }

    /// Wraps another keyring key, without the slot's secret. `None` for a slot of the first version that was not
    /// opened, and a damaged one.
    #[must_use]
    pub fn rewrap(&mut self, key: &KeyringKey, custody: CustodyId) -> Option<()> {
        let public = PublicKey::from_bytes(&self.pair.as_ref()?.public).ok()?;
        self.wrapped = self.wrap(&public, key, custody);
        Some(())
    }

    fn slot_key(&self, credential: Credential<'_>) -> Option<SlotKey> {
        match (self.kind, credential) {
            (PASSPHRASE, Credential::Passphrase(passphrase)) => {
                let parameters: passphrase::Parameters = minicbor::decode(&self.parameters).ok()?;
                parameters.stretch(passphrase)
            }
            _ => None,
        }
    }

    fn wrap(&self, to: &PublicKey, key: &KeyringKey, custody: CustodyId) -> Vec<u8> {
        let envelope = Envelope::seal(&SectionKey::from_bytes(key.expose()), to, &self.envelope_info(custody));
        [envelope.enc.as_slice(), &envelope.wrapped].concat()
    }

    fn unwrap(&self, slot_key: &SlotKey, custody: CustodyId) -> Option<KeyringKey> {
        let pair = self.pair.as_ref()?;
        let context = self.private_context(&pair.public, custody);
        let seed = Zeroizing::new(cobblestone::decrypt(&slot_key.cipher(), &context, &pair.sealed).ok()?);
        let private = PrivateKey::from_bytes(seed.as_slice().try_into().ok()?);
        let (enc, wrapped) = self.wrapped.split_first_chunk::<ENC_LEN>()?;
        let wrapped: [u8; WRAPPED_LEN] = wrapped.try_into().ok()?;
        let opened = Envelope { enc: *enc, wrapped }.open(&private, &self.envelope_info(custody)).ok()?;
        Some(KeyringKey::from_bytes(opened.expose()))
    }

    /// Binds a wrapped key to its custodian and its slot.
    fn envelope_info(&self, custody: CustodyId) -> Vec<u8> {
        let mut info = b"safelight v1 slot envelope\0".to_vec();
        info.extend_from_slice(&self.name(custody));
        info
    }

    /// Binds a sealed private half to its custodian, its slot, the slot's parameters and the public half: whoever
    /// exchanges one of them gets a slot that does not open.
    fn private_context(&self, public: &[u8], custody: CustodyId) -> Vec<u8> {
        let mut context = b"safelight v1 slot private half\0".to_vec();
        context.extend_from_slice(&self.name(custody));
        context.extend_from_slice(public);
        context.extend_from_slice(&self.parameters);
        context
    }

    fn first_version_context(&self, custody: CustodyId) -> Vec<u8> {
        let mut context = b"safelight v1 keyring slot\0".to_vec();
        context.extend_from_slice(&self.name(custody));
        context.extend_from_slice(&self.parameters);
        context
    }

    fn name(&self, custody: CustodyId) -> Vec<u8> {
        [custody.0.as_slice(), &self.kind.to_le_bytes(), &self.id].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quick to compute; never used for a real keyring.
    const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
    const CUSTODY: CustodyId = CustodyId([5; 16]);

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    fn slot(key: &KeyringKey) -> Slot {
        Slot::with_passphrase(&passphrase("correct horse"), CHEAP, key, CUSTODY).expect("in range")
    }

    fn open(slot: &Slot, text: &str) -> Option<KeyringKey> {
        slot.clone().open((&passphrase(text)).into(), CUSTODY)
    }

    #[test]
    fn a_slot_opens_with_its_passphrase_only() {
        let key = KeyringKey::generate();
        let slot = slot(&key);
        assert!(open(&slot, "correct horse\r\n").expect("the right passphrase").expose() == key.expose());
        assert!(open(&slot, "correct house").is_none());
        assert!(slot.clone().open((&passphrase("correct horse")).into(), CustodyId([6; 16])).is_none());
    }

    #[test]
    fn any_altered_byte_of_a_slot_keeps_it_shut() {
        let slot = slot(&KeyringKey::generate());
        let bytes: [fn(&mut Slot) -> &mut [u8]; 5] = [
            |slot| &mut slot.id,
            |slot| &mut slot.parameters,
            |slot| &mut slot.wrapped,
            |slot| &mut slot.pair.as_mut().expect("a pair").public,
            |slot| &mut slot.pair.as_mut().expect("a pair").sealed,
        ];
        for (part, bytes) in bytes.iter().enumerate() {
            let len = bytes(&mut slot.clone()).len();
            for at in (0..len).step_by(if len > 200 { 61 } else { 1 }).chain([len - 1]) {
                let mut altered = slot.clone();
                bytes(&mut altered)[at] ^= 1;
                assert!(open(&altered, "correct horse").is_none(), "part {part}, byte {at}");
            }
        }
    }

    #[test]
    fn another_keyring_key_is_wrapped_without_the_passphrase() {
        let (old, new) = (KeyringKey::generate(), KeyringKey::generate());
        let mut slot = slot(&old);
        let before = slot.clone();
        slot.rewrap(&new, CUSTODY).expect("a sound slot");
        assert!(open(&slot, "correct horse").expect("opens").expose() == new.expose());
        assert!(open(&before, "correct horse").expect("opens").expose() == old.expose(), "a backup keeps its own");
    }

    #[test]
    fn a_slot_of_the_first_version_opens_and_gets_its_key_pair() {
        let key = KeyringKey::generate();
        let mut slot = slot(&key);
        let slot_key = slot.slot_key((&passphrase("correct horse")).into()).expect("a passphrase slot");
        slot.pair = None;
        slot.wrapped = cobblestone::encrypt(&slot_key.cipher(), &slot.first_version_context(CUSTODY), key.expose())
            .expect("32 bytes");
        assert!(slot.rewrap(&key, CUSTODY).is_none());
        assert!(slot.open((&passphrase("correct horse")).into(), CUSTODY).expect("opens").expose() == key.expose());
        let new = KeyringKey::generate();
        slot.rewrap(&new, CUSTODY).expect("it has a pair now");
        assert!(open(&slot, "correct horse").expect("opens").expose() == new.expose());
    }
}
