//! What a copy is, for whom and why: sealed to the recipient and signed by the custodian.
//!
//! Layout (docs/vault-format.md): magic ‖ version ‖ suite ‖ vault id ‖ key id ‖ HPKE enc ‖ wrapped key ‖ sealed body. The
//! body is a signature of 64 bytes, then CBOR, then zeroes up to the padded length.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::{ExportTotals, Request, View};
use crate::capture::RegionKind;
use crate::custody::{Keyring, OpeningKeys, Signature, VerifyingKey};
use crate::files;
use crate::seal::{
    BodyReader, BodyWriter, ENC_LEN, Envelope, KeyId, PublicKey, SUITE, SectionKey, SegmentId, VaultId, WRAPPED_LEN,
    padded_len,
};
use crate::vault::{Layout, OpenError, OpeningVault};

const MAGIC: &[u8; 8] = b"SLMAN\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 12 + 16 + 16;
const SIGNATURE_LEN: usize = 64;
const SIGNATURE_CONTEXT: &str = "safelight v1 export manifest";

/// A manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It cannot be read.
    #[error("the manifest cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is some other file.
    #[error("the file is no manifest")]
    NotAManifest,
    /// It was written by a later version.
    #[error("the manifest has format {found}, and this version reads format 1")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// The copy was made for another recipient.
    #[error("the copy was sealed to the key {key}, which is not among those given")]
    NoKey {
        /// The key that would open it.
        key: KeyId,
    },
    /// It is cut or altered, or its custodian did not sign it.
    #[error("the manifest is damaged, or its custodian did not sign it")]
    Damaged,
    /// The copy is not what the manifest lists.
    #[error("segment {segment} is missing, exchanged or one too many")]
    Incomplete {
        /// The first such segment.
        segment: SegmentId,
    },
    /// The copy's segments cannot be read.
    #[error(transparent)]
    Vault(#[from] OpenError),
}

/// What a copy is, as its recipient reads it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Manifest {
    /// Why the copy was made.
    #[n(0)]
    pub purpose: String,
    /// `metadata`, `scene` or `full`.
    #[n(1)]
    pub view: String,
    /// `all`, `plates` or `faces`.
    #[n(2)]
    pub regions: String,
    /// When, in seconds since 1970 UTC.
    #[n(3)]
    pub created: i64,
    /// Number of captures.
    #[n(4)]
    pub captures: u64,
    /// The segments that belong to the copy, with their trailers: none can be lost or exchanged unnoticed.
    #[n(5)]
    pub segments: Vec<ListedSegment>,
}

/// A segment of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ListedSegment {
    /// Its id, 16 bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// Its trailer, 32 bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub trailer: [u8; 32],
}

impl Manifest {
    /// Its name in the copy's folder.
    pub const FILE_NAME: &str = Layout::MANIFEST;

    pub(super) fn new(
        request: &Request<'_>,
        totals: &ExportTotals,
        segments: impl IntoIterator<Item = (SegmentId, [u8; 32])>,
    ) -> Self {
        let listed = |(id, trailer): (SegmentId, _)| ListedSegment { id: id.0, trailer };
        Self {
            purpose: request.purpose.trim().to_owned(),
            view: request.view.name().to_owned(),
            regions: request.regions.name().to_owned(),
            created: request.now.as_second(),
            captures: totals.captures,
            segments: segments.into_iter().map(listed).collect(),
        }
    }

    /// Whether each record stands for one pseudonym: then nothing in the copy tells which records are of one capture.
    pub fn is_by_pseudonym(&self) -> bool {
        self.view == View::Metadata.name()
    }

    /// When the copy was made.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_second(self.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Whether the copy carries pseudonyms of a kind.
    pub fn carries(&self, kind: RegionKind) -> bool {
        match self.regions.as_str() {
            "plates" => kind == RegionKind::Plate,
            "faces" => kind.is_person(),
            _ => true,
        }
    }

    /// Compares the copy's segments, by name and trailer, with those listed. Files of other vaults that lie among them take
    /// nothing away, and are left to whoever answers.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Incomplete`] names the first that differs.
    pub fn check(&self, copy: &OpeningVault) -> Result<(), ManifestError> {
        let mut listed: HashMap<_, _> = self.segments.iter().map(|s| (SegmentId(s.id), s.trailer)).collect();
        for segment in copy.segments()? {
            match (listed.remove(&segment), copy.trailer(segment)) {
                (None, Err(error)) if error.is_of_a_stranger() => {}
                (Some(listed), Ok(found)) if listed == found => {}
                (_, Ok(_)) => return Err(ManifestError::Incomplete { segment }),
                (_, Err(error)) => return Err(error.into()),
            }
        }
        match listed.into_keys().min() {
            Some(segment) => Err(ManifestError::Incomplete { segment }),
            None => Ok(()),
        }
    }

    pub(super) fn seal(&self, keyring: &Keyring, vault: VaultId, to: &PublicKey) -> Vec<u8> {
        let cbor = Zeroizing::new(minicbor::to_vec(self).expect("memory takes every write"));
        let signature = keyring.sign(SIGNATURE_CONTEXT, &bound(vault, to.id(), &cbor));
        let used = SIGNATURE_LEN + cbor.len();
        let mut plain = Zeroizing::new(Vec::with_capacity(padded_len(used as u64) as usize));
        plain.extend_from_slice(&signature.0);
        plain.extend_from_slice(&cbor);
        plain.resize(padded_len(used as u64) as usize, 0);

        let (key, head) = (SectionKey::generate(), head_bytes(vault, to.id()));
        let envelope = Envelope::seal(&key, to, &head);
        let mut bytes = head;
        bytes.extend_from_slice(&envelope.enc);
        bytes.extend_from_slice(&envelope.wrapped);
        let context = bytes.clone();
        let mut body = BodyWriter::new(&key, &context, &mut bytes);
        std::io::Write::write_all(&mut body, &plain).expect("memory takes every write");
        body.finish().expect("memory takes every write");
        bytes
    }

    /// Reads the manifest of the copy in `folder`, whose card names `vault` and `custodian`.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`]; a manifest that another custodian signed is [`ManifestError::Damaged`].
    pub fn read(
        folder: &Path,
        vault: VaultId,
        custodian: VerifyingKey,
        keys: &OpeningKeys,
    ) -> Result<Self, ManifestError> {
        Self::open(&files::read(&folder.join(Self::FILE_NAME), files::MAX_LIST)?, vault, custodian, keys)
    }

    fn open(bytes: &[u8], vault: VaultId, custodian: VerifyingKey, keys: &OpeningKeys) -> Result<Self, ManifestError> {
        if !bytes.starts_with(MAGIC) {
            return Err(ManifestError::NotAManifest);
        }
        let context = bytes.get(..HEAD_LEN + ENC_LEN + WRAPPED_LEN).ok_or(ManifestError::Damaged)?;
        let (head, rest) = bytes.split_at(HEAD_LEN);
        let found = u16::from_le_bytes([head[8], head[9]]);
        if found != VERSION || head[10..12] != SUITE.to_le_bytes() {
            return Err(ManifestError::Version { found });
        }
        let key = KeyId(head[28..44].try_into().map_err(|_| ManifestError::Damaged)?);
        if head != head_bytes(vault, key) {
            return Err(ManifestError::Damaged);
        }
        let private = keys.key(key).ok_or(ManifestError::NoKey { key })?;
        let (enc, rest) = rest.split_first_chunk::<ENC_LEN>().ok_or(ManifestError::Damaged)?;
        let (wrapped, sealed) = rest.split_first_chunk::<WRAPPED_LEN>().ok_or(ManifestError::Damaged)?;
        let envelope = Envelope { enc: *enc, wrapped: *wrapped };
        let section_key = envelope.open(private, head).map_err(|_| ManifestError::Damaged)?;
        let mut body =
            BodyReader::new(&section_key, context, std::io::Cursor::new(sealed)).map_err(|_| ManifestError::Damaged)?;
        let len = usize::try_from(body.plain_len()).map_err(|_| ManifestError::Damaged)?;
        let mut plain = Zeroizing::new(vec![0; len]);
        body.read_at(&mut plain, 0).map_err(|_| ManifestError::Damaged)?;

        let (signature, padded) = plain.split_first_chunk::<SIGNATURE_LEN>().ok_or(ManifestError::Damaged)?;
        let mut decoder = minicbor::Decoder::new(padded);
        let manifest: Self = decoder.decode().map_err(|_| ManifestError::Damaged)?;
        let (cbor, padding) = padded.split_at(decoder.position());
        let signed = bound(vault, key, cbor);
        if padding.iter().any(|&byte| byte != 0)
            || !custodian.verifies(SIGNATURE_CONTEXT, &signed, &Signature(*signature))
        {
            return Err(ManifestError::Damaged);
        }
        Ok(manifest)
    }
}

fn head_bytes(vault: VaultId, key: KeyId) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD_LEN);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&SUITE.to_le_bytes());
    head.extend_from_slice(&vault.0);
    head.extend_from_slice(&key.0);
    head
}

/// What is signed: for which copy, for whom, and the content.
fn bound(vault: VaultId, key: KeyId, cbor: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32 + cbor.len()));
    bytes.extend_from_slice(&vault.0);
    bytes.extend_from_slice(&key.0);
    bytes.extend_from_slice(cbor);
    bytes
}
