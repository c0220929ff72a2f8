//! Checkpoints: what a log's signer says of its tree, as C2SP's `tlog-checkpoint` in a `signed-note`.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use sha2::{Digest, Sha256};

use super::tree::Hash;
use crate::custody::{Keyring, Signature, VerifyingKey};
use crate::seal::CustodyId;

/// The signature type of Ed25519 in a note's key hash.
const ED25519: u8 = 1;
/// A note is a few hundred bytes; what is longer is none of ours.
const MAX_LEN: usize = 16 << 10;
/// A look a second for a century. A verifier should not set out to read what cannot be.
const MAX_SIZE: u64 = 1 << 32;

/// A note is no checkpoint of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It is not a signed note whose text is a checkpoint.
    #[error("this is not a checkpoint in a signed note")]
    Malformed,
    /// It is the checkpoint of another log.
    #[error("this is the checkpoint of another log")]
    Origin,
    /// It bears no signature by this key.
    #[error("this checkpoint is not signed by the custodian's key")]
    Unsigned,
    /// It bears a signature by this key that does not hold.
    #[error("this checkpoint was altered after it was signed")]
    Signature,
}

/// The key that a log's checkpoints are signed with, and its name, which is the log's origin too.
///
/// Written as in Go's `note` package: `name+hash+key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    name: String,
    key: VerifyingKey,
}

impl LogKey {
    /// The key of a custodian's log.
    pub fn of(key: VerifyingKey) -> Self {
        Self { name: format!("safelight/{}", key.custody()), key }
    }

    /// The custodian.
    pub fn custody(&self) -> CustodyId {
        self.key.custody()
    }

    /// The origin line of the log's checkpoints.
    pub fn origin(&self) -> &str {
        &self.name
    }

    /// Reads what `Display` shows; the name must be the one that belongs to the key.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = BASE64.decode(key.as_bytes()).ok()?;
        let (&ED25519, key) = key.split_first()? else { return None };
        let found = Self::of(VerifyingKey(key.try_into().ok()?));
        let hash = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok()?;
        (found.name == name && hash == found.hash()).then_some(found)
    }

    fn hash(&self) -> [u8; 4] {
        let digest: Hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.0)
            .finalize()
            .into();
        *digest.first_chunk().expect("4 of 32 bytes")
    }
}

impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519], self.key.0.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER_PERMISSIVE.encode(&self.hash()), BASE64.encode(&key))
    }
}

/// A tree's size and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of entries.
    pub size: u64,
    /// The tree's hash.
    pub root: Hash,
}

impl Checkpoint {
    fn text(&self, origin: &str) -> String {
        format!("{origin}\n{}\n{}\n", self.size, BASE64.encode(&self.root))
    }

    /// The note: text, blank line, signature.
    pub(super) fn sign(&self, keyring: &Keyring) -> String {
        let key = LogKey::of(keyring.verifying_key());
        let text = self.text(&key.name);
        let signature = keyring.sign_note(&text);
        let stamped = [key.hash().as_slice(), &signature.0].concat();
        format!("{text}\n\u{2014} {} {}\n", key.name, BASE64.encode(&stamped))
    }

    /// Reads a note and verifies its signature.
    ///
    /// # Errors
    ///
    /// See [`NoteError`].
    pub fn verify(note: &[u8], key: &LogKey) -> Result<Self, NoteError> {
        let note = std::str::from_utf8(note).ok().filter(|note| note.len() <= MAX_LEN).ok_or(NoteError::Malformed)?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Malformed);
        }
        let end = note.rfind("\n\n").ok_or(NoteError::Malformed)? + 1;
        let (text, signatures) = (&note[..end], &note[end + 1..]);
        let (origin, checkpoint) = Self::parse(text).ok_or(NoteError::Malformed)?;
        if origin != key.name {
            return Err(NoteError::Origin);
        }
        let mut signed = false;
        for line in signatures.strip_suffix('\n').ok_or(NoteError::Malformed)?.split('\n') {
            let (name, stamped) = line
                .strip_prefix("\u{2014} ")
                .and_then(|rest| rest.split_once(' '))
                .filter(|(name, _)| !name.is_empty() && !name.contains('+'))
                .ok_or(NoteError::Malformed)?;
            let stamped = BASE64.decode(stamped.as_bytes()).map_err(|_| NoteError::Malformed)?;
            let (id, signature) = stamped.split_first_chunk::<4>().ok_or(NoteError::Malformed)?;
            // Signatures of others, such as witnesses, are theirs to check.
            if name == key.name && *id == key.hash() {
                let signature = signature.try_into().map(Signature).map_err(|_| NoteError::Signature)?;
                if !key.key.verifies_note(text, &signature) {
                    return Err(NoteError::Signature);
                }
                signed = true;
            }
        }
        if signed { Ok(checkpoint) } else { Err(NoteError::Unsigned) }
    }

    /// Origin and checkpoint of a note's text. Lines beyond the third are extensions, and we write none.
    fn parse(text: &str) -> Option<(&str, Self)> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let plain = size == "0" || (size.bytes().all(|b| b.is_ascii_digit()) && !size.starts_with('0'));
        let root = BASE64.decode(root.as_bytes()).ok()?.try_into().ok()?;
        let known = !origin.is_empty() && plain && lines.next().is_none();
        let size = size.parse().ok().filter(|&size| size <= MAX_SIZE)?;
        known.then_some((origin, Self { size, root }))
    }
}
