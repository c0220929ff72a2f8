//! Key types: one for each role.

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};

use super::KeyId;

/// Length of an X-Wing public key in bytes.
pub const PUBLIC_KEY_LEN: usize = 1216;
/// Length of an X-Wing private key (its seed) in bytes.
pub const PRIVATE_KEY_LEN: usize = 32;

/// Declares a 32-byte secret of one role: wiped on drop, and neither printable nor clonable, which is asserted when
/// the crate is compiled.
macro_rules! secret_key {
    ($(#[$doc:meta])* $vis:vis struct $name:ident) => {
        $(#[$doc])*
        #[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        $vis struct $name([u8; 32]);

        #[allow(dead_code, reason = "not every role needs every constructor")]
        impl $name {
            /// A fresh random key.
            $vis fn generate() -> Self {
                Self($crate::seal::random())
            }

            /// The key that these bytes are. The caller wipes its own copy.
            $vis fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self(*bytes)
            }

            /// The key itself. It must reach neither a log nor an unsealed file.
            $vis fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        $crate::seal::assert_secret!($name);
    };
}

/// Fails to compile when the type is `Clone`, `Copy`, `Debug`, `Display` or comparable in variable time.
macro_rules! assert_secret {
    ($name:ty) => {
        const _: fn() = || {
            // Were the type to implement one of them, `witness` would have two candidates and inference would fail.
            trait Ambiguous<A> {
                fn witness() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct IsClone;
            impl<T: ?Sized + Clone> Ambiguous<IsClone> for T {}
            struct IsDebug;
            impl<T: ?Sized + std::fmt::Debug> Ambiguous<IsDebug> for T {}
            struct IsDisplay;
            impl<T: ?Sized + std::fmt::Display> Ambiguous<IsDisplay> for T {}
            struct IsEq;
            impl<T: ?Sized + PartialEq> Ambiguous<IsEq> for T {}
            struct IsSerialize;
            impl<T: ?Sized + serde::Serialize> Ambiguous<IsSerialize> for T {}
            let _ = <$name as Ambiguous<_>>::witness;
            fn wiped<T: zeroize::ZeroizeOnDrop>() {}
            wiped::<$name>();
        };
    };
}

pub(crate) use {assert_secret, secret_key};

secret_key! {
    /// Seals one section of one segment and nothing else.
    pub struct SectionKey
}

secret_key! {
    /// The private half of a bucket's or a recipient's X-Wing key pair, as its 32-byte seed.
    ///
    /// Destroying it is the only deletion that counts, so it is always random and never derived from anything.
    pub struct PrivateKey
}

impl PrivateKey {
    /// The public half. Costs about as much as opening an envelope.
    pub fn public(&self) -> PublicKey {
        PublicKey(XWing::sk_to_pk(&self.expanded()))
    }

    pub(super) fn expanded(&self) -> <XWing as Kem>::PrivateKey {
        Deserializable::from_bytes(&self.0).expect("an X-Wing seed is any 32 bytes")
    }
}

/// A private key that opens many envelopes: what comes of its seed is computed once, which is a third of opening one. Its seed
/// is wiped on drop by the crate whose type it is.
pub(crate) struct Opener(pub(super) <XWing as Kem>::PrivateKey);

impl From<&PrivateKey> for Opener {
    fn from(key: &PrivateKey) -> Self {
        Self(key.expanded())
    }
}

/// The public half of an X-Wing key pair: seals, and cannot open.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(pub(super) <XWing as Kem>::PublicKey);

/// The bytes are not an X-Wing public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are not an X-Wing public key")]
pub struct InvalidPublicKey;

impl PublicKey {
    /// Reads the 1216 bytes that [`Self::to_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPublicKey> {
        Deserializable::from_bytes(bytes).map(Self).map_err(|_| InvalidPublicKey)
    }

    /// The key as 1216 bytes: ML-KEM-768, then X25519.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// The key's fingerprint.
    pub fn id(&self) -> KeyId {
        let digest = blake3::derive_key("safelight v1 key id", &self.to_bytes());
        KeyId(*digest.first_chunk().expect("16 of 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_survives_its_bytes() {
        let public = PrivateKey::generate().public();
        let bytes = public.to_bytes();
        assert_eq!(bytes.len(), PUBLIC_KEY_LEN);
        let again = PublicKey::from_bytes(&bytes).expect("own bytes");
        assert!(again == public);
        assert_eq!(again.id(), public.id());
    }

    #[test]
    fn garbage_is_no_public_key() {
        assert_eq!(PublicKey::from_bytes(&[0; 12]).err(), Some(InvalidPublicKey));
        // Coefficients above the modulus: ML-KEM's input check must see them.
        assert_eq!(PublicKey::from_bytes(&[0xff; PUBLIC_KEY_LEN]).err(), Some(InvalidPublicKey));
    }
}
