//! Copies of a vault's files outside of it: what a thief carried away and somebody brought back.
//!
//! Nothing is assumed of such a file but its bytes: it may bear any name, belong to any vault, and be cut anywhere.

use std::io::{self, Read};
use std::path::Path;

use minicbor::Decode;

use super::header::{FIXED_LEN, Header, HeaderError, TRAILER_LEN};
use super::opening::OpenError;
use super::reading::{HasId, SegmentFile};
use super::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::files;
use crate::seal::Capability;

/// What a file is by its first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A segment.
    Segment,
    /// A vault's card.
    Card,
    /// A site's journal.
    Journal,
    /// What has expired, by the custodian's word.
    Tombstone,
    /// An export's manifest.
    Manifest,
    /// A site pack.
    SitePack,
    /// A custodian's keyring.
    Keyring,
    /// A recipient's private key.
    PrivateKey,
    /// A recipient's public key.
    PublicKey,
}

/// What a file that begins with `head` is; `None` when it is none of ours.
pub fn kind_of_file(head: &[u8]) -> Option<FileKind> {
    let [b'S', b'L', kind @ .., b'\r', b'\n', 0x1a] = head.first_chunk::<8>()? else { return None };
    Some(match kind {
        b"SEG" => FileKind::Segment,
        b"VLT" => FileKind::Card,
        b"JRN" => FileKind::Journal,
        b"TMB" => FileKind::Tombstone,
        b"MAN" => FileKind::Manifest,
        b"PCK" => FileKind::SitePack,
        b"KEY" => FileKind::Keyring,
        b"SEC" => FileKind::PrivateKey,
        b"PUB" => FileKind::PublicKey,
        _ => return None,
    })
}

/// A copy of a segment, perhaps cut.
pub struct StraySegment {
    file: SegmentFile,
    found: u64,
}

impl StraySegment {
    /// Reads the header of the copy at `path`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or when it ends within its header or is no segment: such a copy yields nothing to
    /// anybody.
    pub fn open(path: &Path) -> io::Result<Self> {
        let malformed = |error: HeaderError| io::Error::new(io::ErrorKind::InvalidData, error);
        let (mut file, found) = files::open(path)?;
        let mut header_bytes = Vec::with_capacity(Header::len_with(3));
        file.by_ref().take(FIXED_LEN as u64).read_to_end(&mut header_bytes)?;
        let rest = Header::len_from(&header_bytes).map_err(malformed)? - FIXED_LEN;
        file.by_ref().take(rest as u64).read_to_end(&mut header_bytes)?;
        let header = Header::from_bytes(&header_bytes).map_err(malformed)?;
        Ok(Self { file: SegmentFile { path: path.to_owned(), file, header, header_bytes, held: None }, found })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.file.header
    }

    /// Bytes of the file.
    pub fn len(&self) -> u64 {
        self.found
    }

    /// Whether there is nothing; never, as it has a header.
    pub fn is_empty(&self) -> bool {
        self.found == 0
    }

    /// Whether every byte that the header speaks of is there.
    pub fn is_whole(&self) -> bool {
        self.found >= self.file.header.file_len()
    }

    /// Whether the section of that capability was copied to its end.
    pub fn holds(&self, capability: Capability) -> bool {
        let entry = self.file.header.entry(capability);
        entry.is_some_and(|entry| entry.offset + entry.length <= self.found)
    }

    /// The trailer; `None` when it was cut off.
    pub fn trailer(&self) -> Option<[u8; TRAILER_LEN]> {
        use std::io::{Seek, SeekFrom};
        if !self.is_whole() {
            return None;
        }
        let mut file = self.file.file.try_clone().ok()?;
        let mut trailer = [0; TRAILER_LEN];
        file.seek(SeekFrom::Start(self.file.header.file_len() - TRAILER_LEN as u64)).ok()?;
        file.read_exact(&mut trailer).ok()?;
        Some(trailer)
    }

    /// Hands every catalogue record to `each`, one at a time. Gives nothing out by itself, and is not for `cli`.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; what was handed over before stays true.
    pub(crate) fn catalogue(&self, keys: &OpeningKeys, each: impl FnMut(CatalogueRecord)) -> Result<(), OpenError> {
        self.records(Capability::Catalogue, keys, each)
    }

    /// Hands every scene to `each`, one at a time.
    ///
    /// # Errors
    ///
    /// As [`Self::catalogue`].
    pub(crate) fn scenes(&self, keys: &OpeningKeys, each: impl FnMut(SceneRecord)) -> Result<(), OpenError> {
        self.records(Capability::Scene, keys, each)
    }

    /// Hands every identity to `each`, one at a time.
    ///
    /// # Errors
    ///
    /// As [`Self::catalogue`].
    pub(crate) fn identities(&self, keys: &OpeningKeys, each: impl FnMut(IdentityRecord)) -> Result<(), OpenError> {
        self.records(Capability::Identity, keys, each)
    }

    /// One scene.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn scene(&self, keys: &OpeningKeys, id: CaptureId) -> Result<SceneRecord, OpenError> {
        self.file.record(id, Capability::Scene, keys)
    }

    /// One identity.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn identity(&self, keys: &OpeningKeys, id: CaptureId) -> Result<IdentityRecord, OpenError> {
        self.file.record(id, Capability::Identity, keys)
    }

    fn records<T: for<'b> Decode<'b, ()> + HasId>(
        &self,
        capability: Capability,
        keys: &OpeningKeys,
        mut each: impl FnMut(T),
    ) -> Result<(), OpenError> {
        let mut section = self.file.section(capability, keys)?;
        let ids: Vec<_> = section.reader.ids().collect();
        for (at, id) in ids.into_iter().enumerate() {
            each(section.decode(at, id)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        assert_eq!(kind_of_file(b"SLSEG\r\n\x1a and more"), Some(FileKind::Segment));
        assert_eq!(kind_of_file(b"SLKEY\r\n\x1a"), Some(FileKind::Keyring));
        assert_eq!(kind_of_file(b"SLXXX\r\n\x1a"), None);
        assert_eq!(kind_of_file(b"SLSEG\n"), None);
    }
}
