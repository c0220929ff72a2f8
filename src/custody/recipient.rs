//! A partner's own key pair, to which exports are sealed.
//!
//! Two small binary files (docs/vault-format.md): the public one is given to the custodian, the private one stays.

use std::path::Path;

use zeroize::Zeroizing;

use super::file::{self, FileError};
use super::opening::OpeningKeys;
use crate::seal::{KeyId, PRIVATE_KEY_LEN, PUBLIC_KEY_LEN, PrivateKey, PublicKey, SUITE};

const PUBLIC_MAGIC: &[u8; 8] = b"SLPUB\r\n\x1a";
const PRIVATE_MAGIC: &[u8; 8] = b"SLSEC\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 12;
const HASH_LEN: usize = 32;

/// A recipient's key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is some other file.
    #[error("this is not a recipient's {expected} key")]
    NotAKey {
        /// `public` or `private`.
        expected: &'static str,
    },
    /// It was written by a later version.
    #[error("this key file has format {found}, and this version reads format 1")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It is cut or altered.
    #[error("this key file is damaged")]
    Damaged,
}

/// A recipient's key pair.
pub struct RecipientKeys {
    private: PrivateKey,
}

/// The half that the custodian gets.
#[derive(Clone)]
pub struct RecipientPublicKey {
    /// The sealing key.
    pub key: PublicKey,
}

impl RecipientKeys {
    /// A fresh key pair.
    pub fn generate() -> Self {
        Self { private: PrivateKey::generate() }
    }

    /// The half that the custodian gets.
    pub fn public(&self) -> RecipientPublicKey {
        RecipientPublicKey { key: self.private.public() }
    }

    /// The keys with which an opening vault opens what was exported to this recipient.
    pub fn into_opening_keys(self) -> OpeningKeys {
        let mut keys = OpeningKeys::default();
        keys.insert(self.private.public().id(), self.private);
        keys
    }

    /// Writes the private file, which must not exist, readable by its owner only.
    pub fn write(&self, path: &Path) -> Result<(), RecipientError> {
        Ok(file::create_private(path, &framed(PRIVATE_MAGIC, self.private.expose()))?)
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, RecipientError> {
        let bytes = file::read_secret(path)?;
        let key = unframed(PRIVATE_MAGIC, "private", &bytes)?;
        let key: &[u8; PRIVATE_KEY_LEN] = key.try_into().map_err(|_| RecipientError::Damaged)?;
        Ok(Self { private: PrivateKey::from_bytes(key) })
    }
}

impl RecipientPublicKey {
    /// The key's fingerprint, to be compared over another channel.
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// Writes the public file, which must not exist.
    pub fn write(&self, path: &Path) -> Result<(), RecipientError> {
        Ok(file::create_public(path, &framed(PUBLIC_MAGIC, &self.key.to_bytes()))?)
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, RecipientError> {
        let bytes = file::read_secret(path)?;
        let key = unframed(PUBLIC_MAGIC, "public", &bytes)?;
        if key.len() != PUBLIC_KEY_LEN {
            return Err(RecipientError::Damaged);
        }
        Ok(Self { key: PublicKey::from_bytes(key).map_err(|_| RecipientError::Damaged)? })
    }
}

/// magic ‖ version ‖ suite ‖ key ‖ BLAKE3 of all before.
fn framed(magic: &[u8; 8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD_LEN + key.len() + HASH_LEN));
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&SUITE.to_le_bytes());
    bytes.extend_from_slice(key);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

fn unframed<'a>(magic: &[u8; 8], expected: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], RecipientError> {
    if !bytes.starts_with(magic) {
        return Err(RecipientError::NotAKey { expected });
    }
    let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>().ok_or(RecipientError::Damaged)?;
    let found = u16::from_le_bytes([head[8], head[9]]);
    if found != VERSION || u16::from_le_bytes([head[10], head[11]]) != SUITE {
        return Err(RecipientError::Version { found });
    }
    let (key, hash) = rest.split_last_chunk::<HASH_LEN>().ok_or(RecipientError::Damaged)?;
    if blake3::hash(&bytes[..bytes.len() - HASH_LEN]) != *hash {
        return Err(RecipientError::Damaged);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_files_come_back_and_are_never_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let (private, public) = (dir.path().join("partner.key"), dir.path().join("partner.pub"));
        let keys = RecipientKeys::generate();
        keys.write(&private).expect("written");
        keys.public().write(&public).expect("written");
        assert_eq!(RecipientPublicKey::read(&public).expect("read").id(), keys.public().id());
        assert_eq!(RecipientKeys::read(&private).expect("read").public().id(), keys.public().id());
        assert!(matches!(keys.write(&private), Err(RecipientError::File(_))));
        assert!(matches!(RecipientKeys::read(&public), Err(RecipientError::NotAKey { expected: "private" })));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&private).expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn any_altered_or_missing_byte_is_noticed() {
        let bytes = framed(PRIVATE_MAGIC, &[3; 32]);
        assert!(unframed(PRIVATE_MAGIC, "private", &bytes).is_ok());
        for at in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[at] ^= 0x20;
            assert!(unframed(PRIVATE_MAGIC, "private", &altered).is_err(), "byte {at}");
            assert!(unframed(PRIVATE_MAGIC, "private", &bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
