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

/// Signs the cards of vaults: a fresh key, and the custodian's word that it may. A site makes its vault with what its pack
/// holds, so that a card proves whose it is to whoever knows the custodian.
pub(crate) struct CardSigner {
    key: SigningKey,
    certificate: Signature,
}

/// For what a custodian's word about a card's signer is: so that a site's cannot sign for exports.
pub(crate) const SITE_CARDS: &str = "safelight v1 signer of site cards";
pub(crate) const EXPORT_CARDS: &str = "safelight v1 signer of export cards";
const CARD: &str = "safelight v1 card";

/// What a card carries to prove whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CardProof {
    pub signer: VerifyingKey,
    pub certificate: Signature,
    pub signature: Signature,
}

impl CardSigner {
    /// A fresh signer of the custodian, for one kind of cards.
    pub(super) fn issue(custodian: &SigningKey, kind: &str) -> Self {
        let key = SigningKey::generate();
        let certificate = custodian.sign(kind, &key.verifying().0);
        Self { key, certificate }
    }

    /// A custodian's key, and a signer of that custodian's.
    #[cfg(test)]
    pub(crate) fn for_tests(seed: u8, kind: &str) -> (VerifyingKey, Self) {
        let custodian = SigningKey::from_bytes(&[seed; 32]);
        (custodian.verifying(), Self::issue(&custodian, kind))
    }

    /// As a pack holds it.
    pub(super) fn from_parts(key: &[u8; 32], certificate: [u8; 64]) -> Self {
        Self { key: SigningKey::from_bytes(key), certificate: Signature(certificate) }
    }

    /// The same the other way: the seed, which is secret, and the certificate.
    pub(super) fn parts(&self) -> (&[u8; 32], [u8; 64]) {
        (self.key.expose(), self.certificate.0)
    }

    /// The signer's key, and the custodian's word for it.
    pub(crate) fn introduction(&self) -> (VerifyingKey, Signature) {
        (self.key.verifying(), self.certificate)
    }

    /// Signs a card's content, which names the signer.
    pub(crate) fn sign(&self, content: &[u8]) -> Signature {
        self.key.sign(CARD, content)
    }
}

impl CardProof {
    /// Whether it proves that a signer of the custodian's signed `content`.
    pub(crate) fn holds(&self, custodian: VerifyingKey, kind: &str, content: &[u8]) -> bool {
        custodian.verifies(kind, &self.signer.0, &self.certificate)
            && self.signer.verifies(CARD, content, &self.signature)
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
