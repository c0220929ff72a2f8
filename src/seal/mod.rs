//! From bytes and a public key to bytes that only the private key opens.
//!
//! Owns the choice of primitives (suite 1: X-Wing, HKDF-SHA256 and AES-256-GCM in HPKE for envelopes, Cobblestone-256
//! for bodies), key types, identifiers and padding. Knows nothing of images, records, folders or who may hold what.
//!
//! Every key is a type of its own that is wiped on drop and can be neither printed nor copied.

mod body;
mod envelope;
mod ids;
mod keys;
mod padding;

pub use body::{BODY_OVERHEAD, BodyError, BodyReader, BodyWriter, sealed_len};
pub use envelope::{ENC_LEN, Envelope, EnvelopeError, WRAPPED_LEN};
pub use ids::{BucketId, Capability, CustodyId, JournalId, KeyId, SegmentId, SlotId, TombstoneId, VaultId};
pub use keys::{InvalidPublicKey, PRIVATE_KEY_LEN, PUBLIC_KEY_LEN, PrivateKey, PublicKey, SectionKey};
pub(crate) use keys::{Opener, assert_secret, secret_key};
pub use padding::{GRANULE, padded_len, padme};

/// Number of the suite of primitives, stored in every file: X-Wing, HKDF-SHA256, AES-256-GCM; Cobblestone-256; BLAKE3.
pub const SUITE: u16 = 1;

/// Fresh bytes from the operating system.
///
/// # Panics
///
/// When the operating system has no random numbers; there is no safe way to go on.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}
