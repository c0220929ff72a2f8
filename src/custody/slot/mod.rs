//! Key slots: ways to get the keyring key, which opens the keyring's body.
//!
//! Each slot has an X-Wing key pair. The keyring key is wrapped to its public half, which everybody may see; the private
//! half is sealed under the slot's key, which comes from what the slot's holder knows or has. So the keyring key can be
//! exchanged for a fresh one, for all slots, by whoever has opened one of them: nobody else needs to be there.
//!
//! Owns the slots' format and what opens them. Knows nothing of what the keyring key opens.

mod lines;
mod passphrase;
mod share;
mod shares;
#[cfg(feature = "pkcs11")]
mod token;

pub use lines::LineFault;
pub(super) use passphrase::Parameters as PassphraseParameters;
pub use passphrase::{Passphrase, PassphraseCost, PassphraseError};
pub use share::{Share, ShareError};
pub use shares::{Quorum, QuorumError, ShareVerdict};
#[cfg(feature = "pkcs11")]
pub use token::{Token, TokenError};

use std::fmt;

use jiff::Timestamp;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::seal::{CustodyId, ENC_LEN, Envelope, PrivateKey, PublicKey, SectionKey, SlotId, WRAPPED_LEN, secret_key};

secret_key! {
    /// What a slot guards: the keyring key, or the second key.
    pub(super) struct GuardedKey
}

secret_key! {
    /// What a slot's holder brings, as a key: seals the slot's private half.
    pub(super) struct SlotKey
}

impl SlotKey {
    pub(super) fn cipher(&self) -> cobblestone::Key256 {
        cobblestone::Key256::from_bytes(self.expose())
    }
}

/// What somebody brings to open a slot.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// A passphrase.
    Passphrase(&'a Passphrase),
    /// Shares, in any order.
    Shares(&'a [Share]),
    /// A token, logged in.
    #[cfg(feature = "pkcs11")]
    Token(&'a Token),
}

impl<'a> From<&'a Passphrase> for Credential<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Self::Passphrase(passphrase)
    }
}

impl<'a> From<&'a [Share]> for Credential<'a> {
    fn from(shares: &'a [Share]) -> Self {
        Self::Shares(shares)
    }
}

#[cfg(feature = "pkcs11")]
impl<'a> From<&'a Token> for Credential<'a> {
    fn from(token: &'a Token) -> Self {
        Self::Token(token)
    }
}

/// What a slot is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotKind {
    /// A passphrase.
    Passphrase,
    /// Shares.
    Shares(Quorum),
    /// A token, through PKCS #11.
    Token,
    /// Something that this version does not know.
    Unknown(u32),
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase => f.write_str("passphrase"),
            Self::Shares(Quorum { threshold, count }) => write!(f, "shares, {threshold} of {count}"),
            Self::Token => f.write_str("token"),
            Self::Unknown(kind) => write!(f, "kind {kind}, unknown to this version"),
        }
    }
}

/// What a slot opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SlotRole {
    /// The keyring; identities too, unless there is a second slot.
    #[default]
    #[n(0)]
    First,
    /// Nothing by itself: together with a first slot, identities.
    #[n(1)]
    Second,
}

impl SlotRole {
    /// `first` or `second`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }

    const fn tag(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// What may be shown of a slot, to anybody who has the keyring's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSummary {
    /// Its name.
    pub id: SlotId,
    /// What it is opened with.
    pub kind: SlotKind,
    /// What it opens.
    pub role: SlotRole,
    /// Whose it is.
    pub label: Option<String>,
    /// When it was made; slots of the first version do not say.
    pub made: Option<Timestamp>,
}

/// What a new slot is to be, whatever opens it.
#[derive(Clone, Debug)]
pub struct SlotTerms {
    /// What it opens.
    pub role: SlotRole,
    /// Whose it is; shown to everybody who has the keyring's file.
    pub label: Option<String>,
    /// The present.
    pub now: Timestamp,
}

/// A slot that is no keyring's yet.
pub struct SlotDraft(pub(super) Slot);

impl SlotDraft {
    /// A slot that a passphrase opens; `None` when the cost is out of range or there is no memory for it.
    pub(super) fn with_passphrase(
        passphrase: &Passphrase,
        cost: PassphraseCost,
        custody: CustodyId,
        terms: SlotTerms,
    ) -> Option<Self> {
        let parameters = passphrase::Parameters::new(cost);
        let key = parameters.stretch(passphrase)?;
        Some(Self(Slot::new(PASSPHRASE, SlotId::random(), &parameters, terms).paired(&key, custody)))
    }

    /// A slot that shares open, and the shares: nobody can make them again.
    pub(super) fn with_shares(quorum: Quorum, custody: CustodyId, terms: SlotTerms) -> (Self, Vec<Share>) {
        let (key, id) = (SlotKey::generate(), SlotId::random());
        let (parameters, shares) = shares::Parameters::split(&key, quorum, custody, id);
        (Self(Slot::new(SHARES, id, &parameters, terms).paired(&key, custody)), shares)
    }

    /// A slot that a token opens; its key is made in the token.
    #[cfg(feature = "pkcs11")]
    pub(super) fn with_token(token: &Token, custody: CustodyId, terms: SlotTerms) -> Result<Self, TokenError> {
        let (key, id) = (SlotKey::generate(), SlotId::random());
        let parameters = token.wrap(id, &key)?;
        Ok(Self(Slot::new(TOKEN, id, &parameters, terms).paired(&key, custody)))
    }

    /// The slot's name.
    pub fn id(&self) -> SlotId {
        SlotId(self.0.id)
    }
}

/// The slot kind that a passphrase opens.
const PASSPHRASE: u32 = 1;
/// The slot kind that shares open.
const SHARES: u32 = 2;
/// The slot kind that a token opens.
const TOKEN: u32 = 3;

/// A slot as stored: CBOR map. Kinds that this version does not know are kept, and what they guard is wrapped for them all
/// the same.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct Slot {
    /// 1: passphrase; 2: shares; 3: token.
    #[n(0)]
    kind: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    id: [u8; 16],
    /// The kind's parameters, CBOR.
    #[cbor(n(2), with = "minicbor::bytes")]
    parameters: Vec<u8>,
    /// What it guards: HPKE's encapsulated key, then the wrapped key.
    ///
    /// The first version had no key pairs (see [`Pair`]): there it is sealed under the slot's key.
    #[cbor(n(3), with = "minicbor::bytes")]
    wrapped: Vec<u8>,
    #[n(4)]
    label: Option<String>,
    #[n(5)]
    pair: Option<Pair>,
    #[n(6)]
    #[cbor(default)]
    role: SlotRole,
    /// Seconds since 1970 UTC.
    #[n(7)]
    made: Option<i64>,
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
    fn new(kind: u32, id: SlotId, parameters: &impl Encode<()>, terms: SlotTerms) -> Self {
        let mut encoded = Vec::new();
        minicbor::encode(parameters, &mut encoded).expect("memory takes every write");
        let SlotTerms { role, label, now } = terms;
        let made = Some(now.as_second());
        Self { kind, id: id.0, parameters: encoded, wrapped: Vec::new(), label, pair: None, role, made }
    }

    /// The slot with a fresh key pair, guarding nothing yet.
    fn paired(mut self, slot_key: &SlotKey, custody: CustodyId) -> Self {
        let private = PrivateKey::generate();
        let public = private.public().to_bytes();
        let context = self.private_context(&public, custody);
        let sealed =
            cobblestone::encrypt(&slot_key.cipher(), &context, private.expose()).expect("32 bytes are no limit");
        self.pair = Some(Pair { public, sealed });
        self
    }

    pub fn id(&self) -> SlotId {
        SlotId(self.id)
    }

    pub fn role(&self) -> SlotRole {
        self.role
    }

    pub fn summary(&self) -> SlotSummary {
        let kind = match self.kind {
            PASSPHRASE => SlotKind::Passphrase,
            SHARES => {
                self.shares().and_then(|shares| shares.quorum()).map_or(SlotKind::Unknown(SHARES), SlotKind::Shares)
            }
            TOKEN => SlotKind::Token,
            kind => SlotKind::Unknown(kind),
        };
        let made = self.made.and_then(|made| Timestamp::from_second(made).ok());
        SlotSummary { id: self.id(), kind, role: self.role, label: self.label.clone(), made }
    }

    /// Tries a credential. `None` when it is not this slot's, or the slot is of another kind or damaged: those cannot
    /// be told apart. A slot of the first version gets its key pair now, to be stored when the keyring is next written.
    pub fn open(&mut self, credential: Credential<'_>, custody: CustodyId) -> Option<GuardedKey> {
        if let (PASSPHRASE, Credential::Passphrase(passphrase)) = (self.kind, credential) {
            let parameters: passphrase::Parameters = minicbor::decode(&self.parameters).ok()?;
            return parameters.stretch_all(passphrase).find_map(|key| self.open_with(&key, custody));
        }
        self.open_with(&self.slot_key(credential, custody)?, custody)
    }

    fn open_with(&mut self, slot_key: &SlotKey, custody: CustodyId) -> Option<GuardedKey> {
        if self.pair.is_some() {
            return self.unwrap(slot_key, custody);
        }
        let opened = cobblestone::decrypt(&slot_key.cipher(), &self.first_version_context(custody), &self.wrapped);
        let key = GuardedKey::from_bytes(Zeroizing::new(opened.ok()?).as_slice().try_into().ok()?);
        let mut paired = self.clone().paired(slot_key, custody);
        paired.guard(&key, custody)?;
        *self = paired;
        Some(key)
    }

    /// Guards another key from now on: needs no secret. `None` for a slot of the first version that was not opened, and
    /// a damaged one.
    #[must_use]
    pub fn guard(&mut self, key: &GuardedKey, custody: CustodyId) -> Option<()> {
        let public = PublicKey::from_bytes(&self.pair.as_ref()?.public).ok()?;
        let envelope = Envelope::seal(&SectionKey::from_bytes(key.expose()), &public, &self.envelope_info(custody));
        self.wrapped = [envelope.enc.as_slice(), &envelope.wrapped].concat();
        Some(())
    }

    /// What each of these shares is to this slot; `None` when it is not one of shares.
    pub fn judge(&self, shares: &[Share], custody: CustodyId) -> Option<Vec<ShareVerdict>> {
        Some(self.shares()?.judge(shares, custody, self.id()))
    }

    fn shares(&self) -> Option<shares::Parameters> {
        if self.kind == SHARES { minicbor::decode(&self.parameters).ok() } else { None }
    }

    fn slot_key(&self, credential: Credential<'_>, custody: CustodyId) -> Option<SlotKey> {
        match (self.kind, credential) {
            #[cfg(feature = "pkcs11")]
            (TOKEN, Credential::Token(token)) => token.unwrap(self.id(), &minicbor::decode(&self.parameters).ok()?),
            (SHARES, Credential::Shares(shares)) => self.shares()?.combine(shares, custody, self.id()),
            _ => None,
        }
    }

    fn unwrap(&self, slot_key: &SlotKey, custody: CustodyId) -> Option<GuardedKey> {
        let pair = self.pair.as_ref()?;
        let context = self.private_context(&pair.public, custody);
        let seed = Zeroizing::new(cobblestone::decrypt(&slot_key.cipher(), &context, &pair.sealed).ok()?);
        let private = PrivateKey::from_bytes(seed.as_slice().try_into().ok()?);
        let (enc, wrapped) = self.wrapped.split_first_chunk::<ENC_LEN>()?;
        let wrapped: [u8; WRAPPED_LEN] = wrapped.try_into().ok()?;
        let opened = Envelope { enc: *enc, wrapped }.open(&private, &self.envelope_info(custody)).ok()?;
        Some(GuardedKey::from_bytes(opened.expose()))
    }

    /// Binds a wrapped key to its custodian and its slot.
    fn envelope_info(&self, custody: CustodyId) -> Vec<u8> {
        let name = self.name(custody);
        [b"safelight v1 slot envelope\0".as_slice(), &name, &[self.role.tag()]].concat()
    }

    /// Binds a sealed private half to its custodian, its slot, the slot's parameters and the public half: whoever
    /// exchanges one of them gets a slot that does not open.
    fn private_context(&self, public: &[u8], custody: CustodyId) -> Vec<u8> {
        let mut context = b"safelight v1 slot private half\0".to_vec();
        context.extend_from_slice(&self.name(custody));
        context.push(self.role.tag());
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

    fn terms() -> SlotTerms {
        SlotTerms { role: SlotRole::First, label: Some("board".to_owned()), now: Timestamp::UNIX_EPOCH }
    }

    fn slot(key: &GuardedKey) -> Slot {
        let draft = SlotDraft::with_passphrase(&passphrase("correct horse"), CHEAP, CUSTODY, terms());
        let mut slot = draft.expect("in range").0;
        slot.guard(key, CUSTODY).expect("a sound slot");
        slot
    }

    fn open(slot: &Slot, text: &str) -> Option<GuardedKey> {
        slot.clone().open((&passphrase(text)).into(), CUSTODY)
    }

    #[test]
    fn a_slot_opens_with_its_passphrase_only() {
        let key = GuardedKey::generate();
        let slot = slot(&key);
        assert!(open(&slot, "correct horse\r\n").expect("the right passphrase").expose() == key.expose());
        assert!(open(&slot, "correct house").is_none());
        assert!(slot.clone().open((&passphrase("correct horse")).into(), CustodyId([6; 16])).is_none());
    }

    #[test]
    fn any_altered_byte_of_a_slot_keeps_it_shut() {
        let slot = slot(&GuardedKey::generate());
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
    fn a_slot_of_one_role_is_none_of_the_other() {
        let mut slot = slot(&GuardedKey::generate());
        slot.role = SlotRole::Second;
        assert!(open(&slot, "correct horse").is_none());
    }

    #[test]
    fn shares_open_their_slot_and_a_passphrase_does_not() {
        let key = GuardedKey::generate();
        let (draft, shares) = SlotDraft::with_shares(Quorum { threshold: 2, count: 3 }, CUSTODY, terms());
        let mut slot = draft.0;
        slot.guard(&key, CUSTODY).expect("a sound slot");
        assert_eq!(slot.summary().kind.to_string(), "shares, 2 of 3");
        assert!(slot.open(shares[1..].into(), CUSTODY).expect("opens").expose() == key.expose());
        assert!(slot.open(shares[1..2].into(), CUSTODY).is_none());
        assert!(open(&slot, "correct horse").is_none());
        assert_eq!(slot.judge(&shares[..1], CUSTODY), Some(vec![ShareVerdict::Good]));
        slot.parameters[3] ^= 1;
        assert!(slot.open(shares[1..].into(), CUSTODY).is_none());
    }

    #[test]
    fn another_keyring_key_is_wrapped_without_the_passphrase() {
        let (old, new) = (GuardedKey::generate(), GuardedKey::generate());
        let mut slot = slot(&old);
        let before = slot.clone();
        slot.guard(&new, CUSTODY).expect("a sound slot");
        assert!(open(&slot, "correct horse").expect("opens").expose() == new.expose());
        assert!(open(&before, "correct horse").expect("opens").expose() == old.expose(), "a backup keeps its own");
    }

    #[test]
    fn a_slot_of_the_first_version_opens_and_gets_its_key_pair() {
        let key = GuardedKey::generate();
        let mut slot = slot(&key);
        let parameters: PassphraseParameters = minicbor::decode(&slot.parameters).expect("a passphrase slot");
        let slot_key = parameters.stretch(&passphrase("correct horse")).expect("a key");
        slot.pair = None;
        slot.wrapped = cobblestone::encrypt(&slot_key.cipher(), &slot.first_version_context(CUSTODY), key.expose())
            .expect("32 bytes");
        assert!(slot.guard(&key, CUSTODY).is_none());
        assert!(slot.open((&passphrase("correct horse")).into(), CUSTODY).expect("opens").expose() == key.expose());
        let new = GuardedKey::generate();
        slot.guard(&new, CUSTODY).expect("it has a pair now");
        assert!(open(&slot, "correct horse").expect("opens").expose() == new.expose());
    }
}
