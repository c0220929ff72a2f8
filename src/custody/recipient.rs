//! A partner's own key pair, to which exports are sealed.
//!
//! Two small binary files (docs/vault-format.md): the public one is given to the custodian, the private one stays, sealed by
//! a passphrase unless it is to be used where nobody types one.

use std::path::Path;

use zeroize::Zeroizing;

use super::file::{self, FileError};
use super::opening::OpeningKeys;
use super::slot::{Passphrase, PassphraseCost, PassphraseError, PassphraseParameters};
use crate::seal::{KeyId, PRIVATE_KEY_LEN, PUBLIC_KEY_LEN, PrivateKey, PublicKey, SUITE};

const PUBLIC_MAGIC: &[u8; 8] = b"SLPUB\r\n\x1a";
const PRIVATE_MAGIC: &[u8; 8] = b"SLSEC\r\n\x1a";
const VERSION: u16 = 1;
/// Of a private file that a passphrase seals.
const SEALED: u16 = 2;
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
    #[error("this key file has format {found}, and this version reads formats 1 and 2")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It is cut or altered.
    #[error("this key file is damaged")]
    Damaged,
    /// A passphrase seals it.
    #[error("this private key is sealed by a passphrase")]
    Sealed,
    /// The passphrase is not the one that seals it.
    #[error("the passphrase does not open this private key")]
    WrongPassphrase,
    /// The passphrase is too weak for a new key.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The passphrase cost is out of range, or there is not enough memory for it.
    #[error("the passphrase cannot be stretched at this cost on this machine")]
    Cost,
}

/// A private file as it lies there.
pub enum RecipientFile {
    /// Anybody who has the file has the key.
    Plain(RecipientKeys),
    /// A passphrase opens it.
    Sealed(SealedRecipient),
}

/// A private key that a passphrase seals.
pub struct SealedRecipient {
    id: KeyId,
    parameters: PassphraseParameters,
    sealed: Vec<u8>,
}

impl SealedRecipient {
    /// The fingerprint of the public half, as the file claims it until it is opened.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// [`RecipientError::WrongPassphrase`]; a file whose claim is not the key's is damaged.
    pub fn open(&self, passphrase: &Passphrase) -> Result<RecipientKeys, RecipientError> {
        let context = sealed_context(self.id);
        let opened = self
            .parameters
            .stretch_all(passphrase)
            .find_map(|key| cobblestone::decrypt(&key.cipher(), &context, &self.sealed).ok().map(Zeroizing::new));
        let seed = opened.ok_or(RecipientError::WrongPassphrase)?;
        let seed: &[u8; PRIVATE_KEY_LEN] = seed.as_slice().try_into().map_err(|_| RecipientError::Damaged)?;
        let private = PrivateKey::from_bytes(seed);
        if private.public().id() != self.id { Err(RecipientError::Damaged) } else { Ok(RecipientKeys { private }) }
    }
}

/// Binds a sealed seed to its use and to the public half.
fn sealed_context(id: KeyId) -> Vec<u8> {
    [b"safelight v1 recipient key\0".as_slice(), &SEALED.to_le_bytes(), &SUITE.to_le_bytes(), &id.0].concat()
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

    /// Writes the private file, which must not exist, readable by its owner only. Whoever has the file has the key.
    pub fn write(&self, path: &Path) -> Result<(), RecipientError> {
        Ok(file::create_private(path, &framed(PRIVATE_MAGIC, VERSION, self.private.expose()))?)
    }

    /// Writes the private file, sealed by a passphrase as a keyring's slot is.
    ///
    /// # Errors
    ///
    /// When the passphrase is weak, the cost is out of range, or the file exists.
    pub fn write_sealed(
        &self,
        path: &Path,
        passphrase: &Passphrase,
        cost: PassphraseCost,
    ) -> Result<(), RecipientError> {
        passphrase.check_strength(path, None)?;
        let (id, parameters) = (self.public().id(), PassphraseParameters::new(cost));
        let key = parameters.stretch(passphrase).ok_or(RecipientError::Cost)?;
        let mut content = id.0.to_vec();
        let parameters = minicbor::to_vec(&parameters).map_err(|_| RecipientError::Cost)?;
        content.extend((parameters.len() as u16).to_le_bytes());
        content.extend(parameters);
        content.extend(
            cobblestone::encrypt(&key.cipher(), &sealed_context(id), self.private.expose())
                .expect("32 bytes are no limit"),
        );
        Ok(file::create_private(path, &framed(PRIVATE_MAGIC, SEALED, &content))?)
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`RecipientError::Sealed`] when a passphrase seals it: see [`Self::read_file`].
    pub fn read(path: &Path) -> Result<Self, RecipientError> {
        match Self::read_file(path)? {
            RecipientFile::Plain(keys) => Ok(keys),
            RecipientFile::Sealed(_) => Err(RecipientError::Sealed),
        }
    }

    /// Reads a private file of either kind.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is none, or is damaged.
    pub fn read_file(path: &Path) -> Result<RecipientFile, RecipientError> {
        let bytes = file::read_secret(path)?;
        let (version, content) = unframed(PRIVATE_MAGIC, "private", &bytes)?;
        if version == VERSION {
            let key: &[u8; PRIVATE_KEY_LEN] = content.try_into().map_err(|_| RecipientError::Damaged)?;
            return Ok(RecipientFile::Plain(Self { private: PrivateKey::from_bytes(key) }));
        }
        let sealed = || {
            let (id, rest) = content.split_first_chunk::<16>()?;
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (parameters, sealed) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            let parameters = minicbor::decode(parameters).ok()?;
            Some(SealedRecipient { id: KeyId(*id), parameters, sealed: sealed.to_vec() })
        };
        sealed().map(RecipientFile::Sealed).ok_or(RecipientError::Damaged)
    }
}

impl RecipientPublicKey {
    /// The key's fingerprint, to be compared over another channel.
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// Writes the public file, which must not exist.
    pub fn write(&self, path: &Path) -> Result<(), RecipientError> {
        Ok(file::create_public(path, &framed(PUBLIC_MAGIC, VERSION, &self.key.to_bytes()))?)
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, RecipientError> {
        let bytes = file::read_secret(path)?;
        let (version, key) = unframed(PUBLIC_MAGIC, "public", &bytes)?;
        if version != VERSION || key.len() != PUBLIC_KEY_LEN {
            return Err(RecipientError::Damaged);
        }
        Ok(Self { key: PublicKey::from_bytes(key).map_err(|_| RecipientError::Damaged)? })
    }
}

/// magic ‖ version ‖ suite ‖ content ‖ BLAKE3 of all before.
fn framed(magic: &[u8; 8], version: u16, key: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD_LEN + key.len() + HASH_LEN));
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&SUITE.to_le_bytes());
    bytes.extend_from_slice(key);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// The version and the content.
fn unframed<'a>(magic: &[u8; 8], expected: &'static str, bytes: &'a [u8]) -> Result<(u16, &'a [u8]), RecipientError> {
    if !bytes.starts_with(magic) {
        return Err(RecipientError::NotAKey { expected });
    }
    let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>().ok_or(RecipientError::Damaged)?;
    let found = u16::from_le_bytes([head[8], head[9]]);
    if !matches!(found, VERSION | SEALED) || u16::from_le_bytes([head[10], head[11]]) != SUITE {
        return Err(RecipientError::Version { found });
    }
    let (key, hash) = rest.split_last_chunk::<HASH_LEN>().ok_or(RecipientError::Damaged)?;
    if blake3::hash(&bytes[..bytes.len() - HASH_LEN]) != *hash {
        return Err(RecipientError::Damaged);
    }
    Ok((found, key))
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
        let bytes = framed(PRIVATE_MAGIC, VERSION, &[3; 32]);
        assert!(unframed(PRIVATE_MAGIC, "private", &bytes).is_ok());
        for at in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[at] ^= 0x20;
            assert!(unframed(PRIVATE_MAGIC, "private", &altered).is_err(), "byte {at}");
            assert!(unframed(PRIVATE_MAGIC, "private", &bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_sealed_key_opens_with_its_passphrase_only() {
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = |text: &str| Passphrase::new(text.to_owned());
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("partner.key");
        let keys = RecipientKeys::generate();
        let weak = keys.write_sealed(&path, &passphrase("partner1"), cost);
        assert!(matches!(weak, Err(RecipientError::Passphrase(_))) && !path.exists());
        keys.write_sealed(&path, &passphrase("correct horse battery staple"), cost).expect("written");
        assert!(matches!(RecipientKeys::read(&path), Err(RecipientError::Sealed)));
        let bytes = std::fs::read(&path).expect("read");
        assert!(!bytes.windows(32).any(|window| window == keys.private.expose()));
        let RecipientFile::Sealed(sealed) = RecipientKeys::read_file(&path).expect("read") else { panic!("sealed") };
        assert_eq!(sealed.id(), keys.public().id());
        let opened = sealed.open(&passphrase("correct horse battery staple")).expect("opens");
        assert!(opened.private.expose() == keys.private.expose());
        assert!(matches!(sealed.open(&passphrase("correct horse")), Err(RecipientError::WrongPassphrase)));
        // A file that was made to claim another key, with its checksum: found out.
        let mut altered = bytes[..bytes.len() - HASH_LEN].to_vec();
        altered[HEAD_LEN] ^= 1;
        altered.extend_from_slice(blake3::hash(&altered).as_bytes());
        std::fs::write(&path, altered).expect("written");
        let RecipientFile::Sealed(sealed) = RecipientKeys::read_file(&path).expect("read") else { panic!("sealed") };
        assert!(sealed.open(&passphrase("correct horse battery staple")).is_err());
    }
}
