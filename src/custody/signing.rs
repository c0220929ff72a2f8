//! The custodian's signature: who issued a pack or an export.

use ed25519_dalek::{Signer, SigningKey as DalekKey};

use crate::seal::{CustodyId, secret_key};

secret_key! {
    /// The custodian's Ed25519 signing key, as its seed.
    pub(super) struct SigningKey
}

/// An Ed25519 signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// The public half: tells whether the custodian signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(pub [u8; 32]);

impl SigningKey {
    pub(super) fn verifying(&self) -> VerifyingKey {
        VerifyingKey(DalekKey::from_bytes(self.expose()).verifying_key().to_bytes())
    }

    /// Signs `message` for one purpose: no signature can be taken for one with another `context`.
    pub(super) fn sign(&self, context: &str, message: &[u8]) -> Signature {
        Signature(DalekKey::from_bytes(self.expose()).sign(&framed(context, message)).to_bytes())
    }

    /// Signs the text of a C2SP note, which that format wants unframed. A framed message has a zero byte after its
    /// context, and a note's text has none, so that neither can be taken for the other.
    pub(super) fn sign_note(&self, text: &str) -> Signature {
        debug_assert!(!text.contains('\0'));
        Signature(DalekKey::from_bytes(self.expose()).sign(text.as_bytes()).to_bytes())
    }
}

impl VerifyingKey {
    /// The fingerprint that names the custodian.
    pub fn custody(&self) -> CustodyId {
        let digest = blake3::derive_key("safelight v1 custody id", &self.0);
        CustodyId(*digest.first_chunk().expect("16 of 32 bytes"))
    }

    /// Whether the custodian signed `message` for that purpose.
    pub fn verifies(&self, context: &str, message: &[u8], signature: &Signature) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&self.0) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&framed(context, message), &signature).is_ok()
    }

    /// Whether the custodian signed the text of a C2SP note.
    pub fn verifies_note(&self, text: &str, signature: &Signature) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&self.0) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        !text.contains('\0') && key.verify_strict(text.as_bytes(), &signature).is_ok()
    }
}

/// Purpose, a zero byte, then the message's BLAKE3: contexts hold no zero byte, so the parts cannot shift.
fn framed(context: &str, message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(context.len() + 33);
    framed.extend_from_slice(context.as_bytes());
    framed.push(0);
    framed.extend_from_slice(blake3::hash(message).as_bytes());
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_purpose_and_message() {
        let key = SigningKey::generate();
        let signature = key.sign("a", b"message");
        assert!(key.verifying().verifies("a", b"message", &signature));
        assert!(!key.verifying().verifies("b", b"message", &signature));
        assert!(!key.verifying().verifies("a", b"massage", &signature));
        assert!(!SigningKey::generate().verifying().verifies("a", b"message", &signature));
    }

    #[test]
    fn a_note_is_no_framed_message() {
        let key = SigningKey::generate();
        let signature = key.sign_note("a note\n");
        assert!(key.verifying().verifies_note("a note\n", &signature));
        assert!(!key.verifying().verifies_note("a mote\n", &signature));
        assert!(!key.verifying().verifies("a note", b"", &signature));
    }
}
