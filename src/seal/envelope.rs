//! The envelope: one section key, sealed to one public key by HPKE in base mode.

use hpke::aead::AesGcm256;
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use super::keys::Opener;
use super::{PrivateKey, PublicKey, SectionKey};

/// Length of HPKE's encapsulated key in bytes.
pub const ENC_LEN: usize = 1120;
/// Length of a wrapped section key in bytes: the key and AES-GCM's tag.
pub const WRAPPED_LEN: usize = 48;

/// A section key that only the holder of a private key can take out.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// HPKE's encapsulated key.
    pub enc: [u8; ENC_LEN],
    /// The section key's ciphertext and tag.
    pub wrapped: [u8; WRAPPED_LEN],
}

/// The envelope does not open: another key, another place, or altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the envelope does not open with this key at this place")]
pub struct EnvelopeError;

impl Envelope {
    /// Seals `key` to `to`. `info` is not stored; opening needs the same.
    pub fn seal(key: &SectionKey, to: &PublicKey, info: &[u8]) -> Self {
        let mut wrapped = [0; WRAPPED_LEN];
        let (ciphertext, tag_bytes) = wrapped.split_at_mut(32);
        ciphertext.copy_from_slice(key.expose());
        let (enc, tag) = hpke::single_shot_seal_inout_detached::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &to.0,
            info,
            InOutBuf::from(ciphertext),
            b"",
        )
        .expect("a valid public key takes an envelope, and 32 bytes are no limit");
        tag_bytes.copy_from_slice(&tag.to_bytes());
        let mut enc_bytes = [0; ENC_LEN];
        enc_bytes.copy_from_slice(&enc.to_bytes());
        Self { enc: enc_bytes, wrapped }
    }

    /// Takes the section key out.
    pub fn open(&self, with: &PrivateKey, info: &[u8]) -> Result<SectionKey, EnvelopeError> {
        self.open_by(&Opener::from(with), info)
    }

    /// The same with a key that opens many.
    pub(crate) fn open_by(&self, with: &Opener, info: &[u8]) -> Result<SectionKey, EnvelopeError> {
        let enc = <XWing as Kem>::EncappedKey::from_bytes(&self.enc).map_err(|_| EnvelopeError)?;
        let mut key = Zeroizing::new([0; 32]);
        let (ciphertext, tag_bytes) = self.wrapped.split_at(32);
        key.copy_from_slice(ciphertext);
        let tag = Deserializable::from_bytes(tag_bytes).map_err(|_| EnvelopeError)?;
        hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &with.0,
            &enc,
            info,
            InOutBuf::from(key.as_mut_slice()),
            b"",
            &tag,
        )
        .map_err(|_| EnvelopeError)?;
        Ok(SectionKey::from_bytes(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_key_its_info_and_unaltered() {
        let (private, key) = (PrivateKey::generate(), SectionKey::generate());
        let envelope = Envelope::seal(&key, &private.public(), b"here");
        assert!(envelope.open(&private, b"here").expect("the right key").expose() == key.expose());
        assert!(envelope.open(&private, b"there").is_err());
        assert!(envelope.open(&PrivateKey::generate(), b"here").is_err());
        for byte in [0, 31, 32, 47] {
            let mut altered = envelope.clone();
            altered.wrapped[byte] ^= 1;
            assert!(altered.open(&private, b"here").is_err(), "wrapped byte {byte}");
        }
        for byte in [0, 1087, 1088, 1119] {
            let mut altered = envelope.clone();
            altered.enc[byte] ^= 1;
            assert!(altered.open(&private, b"here").is_err(), "enc byte {byte}");
        }
    }
}
