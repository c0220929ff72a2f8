//! A slot that a token opens: an HSM or a smart card, through PKCS #11.
//!
//! The token makes an AES-256 key that never leaves it and decrypts the slot's key with it. AES and not RSA or an elliptic
//! curve, so that a keyring copied today is not open to a quantum computer later; CBC over two random blocks, because
//! tokens commonly have it, and because what is decrypted is held against a commitment before anything is done with it.

use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::SlotKey;
use crate::seal::{SlotId, random};

/// Parameters of a token slot, CBOR. The key in the token has the slot's id as its own.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Parameters {
    #[cbor(n(0), with = "minicbor::bytes")]
    iv: [u8; 16],
    /// The slot's key, encrypted by AES-256-CBC without padding.
    #[cbor(n(1), with = "minicbor::bytes")]
    wrapped: [u8; 32],
}

/// A token cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The module cannot be loaded.
    #[error("the PKCS #11 module {} cannot be used", module.display())]
    Module {
        /// The library.
        module: PathBuf,
        /// Why.
        #[source]
        source: Error,
    },
    /// No token has that label, or none was given and there are several.
    #[error("which token? The module knows {}", listed(found))]
    NoToken {
        /// Labels of the tokens that there are.
        found: Vec<String>,
    },
    /// The PIN is wrong, or locked after too many tries.
    #[error("the token does not take this PIN")]
    Pin(#[source] Error),
    /// The token cannot make or use the key.
    #[error("the token does not do what a slot needs (AES-256 keys, AES-CBC)")]
    Unable(#[source] Error),
}

fn listed(found: &[String]) -> String {
    if found.is_empty() { "none".to_owned() } else { found.join(", ") }
}

/// A token, logged in.
pub struct Token {
    session: Session,
    label: String,
}

impl Token {
    /// Loads a module and logs in to one of its tokens; the one there is when no label is given.
    ///
    /// A module is code that runs with all rights of this process.
    pub fn open(module: &Path, label: Option<&str>, pin: Zeroizing<String>) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Module { module: module.to_owned(), source };
        let context = Pkcs11::new(module).map_err(failed)?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(source) => return Err(failed(source)),
        }
        let mut found = Vec::new();
        for slot in context.get_slots_with_initialized_token().map_err(failed)? {
            let name = context.get_token_info(slot).map_err(failed)?.label().to_owned();
            found.push((slot, name));
        }
        let wanted = |(_, name): &&(_, String)| label.is_none_or(|label| name == label);
        let mut matching = found.iter().filter(wanted);
        let (Some((slot, name)), None) = (matching.next(), matching.next()) else {
            return Err(TokenError::NoToken { found: found.into_iter().map(|(_, name)| name).collect() });
        };
        let session = context.open_rw_session(*slot).map_err(TokenError::Unable)?;
        session.login(UserType::User, Some(&AuthPin::from(pin.as_str()))).map_err(TokenError::Pin)?;
        Ok(Self { session, label: name.clone() })
    }

    /// The token's name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Makes the slot's key in the token and lets it encrypt `key`.
    pub(super) fn wrap(&self, slot: SlotId, key: &SlotKey) -> Result<Parameters, TokenError> {
        let mut template = identity(slot);
        template.extend([
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Label(b"safelight keyring slot".to_vec()),
        ]);
        let object = self.session.generate_key(&Mechanism::AesKeyGen, &template).map_err(TokenError::Unable)?;
        let iv = random();
        let wrapped = self.session.encrypt(&Mechanism::AesCbc(iv), object, key.expose());
        let wrapped = wrapped.map_err(TokenError::Unable)?;
        let wrapped = wrapped.try_into().map_err(|_| TokenError::Unable(Error::InvalidValue))?;
        Ok(Parameters { iv, wrapped })
    }

    /// Lets the token decrypt the slot's key; `None` when it has no key of that slot, or fails.
    pub(super) fn unwrap(&self, slot: SlotId, parameters: &Parameters) -> Option<SlotKey> {
        let object = self.object(slot)?;
        let Parameters { iv, wrapped } = parameters;
        let key = Zeroizing::new(self.session.decrypt(&Mechanism::AesCbc(*iv), object, wrapped).ok()?);
        Some(SlotKey::from_bytes(key.as_slice().try_into().ok()?))
    }

    /// Destroys a slot's key in the token: the slot never opens again, not even in copies of the keyring.
    pub fn forget(&self, slot: SlotId) -> Result<bool, TokenError> {
        let Some(object) = self.object(slot) else { return Ok(false) };
        self.session.destroy_object(object).map_err(TokenError::Unable)?;
        Ok(true)
    }

    fn object(&self, slot: SlotId) -> Option<ObjectHandle> {
        self.session.find_objects(&identity(slot)).ok()?.into_iter().next()
    }
}

fn identity(slot: SlotId) -> Vec<Attribute> {
    vec![Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Id(slot.0.to_vec())]
}
