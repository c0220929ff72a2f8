//! A segment's header: for which vault it is, and where each capability's section lies under which key.
//!
//! Parsing is strict: sections follow the header and each other without a gap up to the trailer, so that nothing can
//! hide in a segment.

use crate::seal::{
    BODY_OVERHEAD, BucketId, Capability, ENC_LEN, Envelope, KeyId, SUITE, SegmentId, VaultId, WRAPPED_LEN,
};

const MAGIC: &[u8; 8] = b"SLSEG\r\n\x1a";
const VERSION: u16 = 1;

/// Bytes before the entries.
pub const FIXED_LEN: usize = 48;
/// Bytes of one entry.
pub const ENTRY_LEN: usize = 8 + 16 + 16 + ENC_LEN + WRAPPED_LEN + 8 + 8;
/// Bytes of the BLAKE3 that ends a segment.
pub const TRAILER_LEN: usize = 32;

/// The header of one segment.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The vault that it was sealed for.
    pub vault: VaultId,
    /// Its own name.
    pub segment: SegmentId,
    /// One to three entries in [`Capability`]'s order.
    pub entries: Vec<Entry>,
}

/// One section: its bucket, its key in an envelope, and its place in the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the section holds.
    pub capability: Capability,
    /// The bucket that decides how long it can be opened.
    pub bucket: BucketId,
    /// The public key that the envelope is sealed to.
    pub key: KeyId,
    /// The section's key.
    pub envelope: Envelope,
    /// Where the section begins in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// A file's head is no header that this version reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It is some other file.
    #[error("it is not a segment")]
    NotASegment,
    /// It was written by a later version.
    #[error("it has format {version} and suite {suite}, and this version reads format 1 and suite 1")]
    Version {
        /// The file's format version.
        version: u16,
        /// The file's suite.
        suite: u16,
    },
    /// The file ends within the header.
    #[error("it ends within its header")]
    Truncated,
    /// A field has a value that no writer writes.
    #[error("its header is malformed: {field}")]
    Malformed {
        /// The first such field.
        field: &'static str,
    },
}

impl Header {
    /// No header is longer.
    pub const MAX_LEN: usize = Self::len_with(3);

    /// Length of a header with that many entries.
    pub const fn len_with(entries: usize) -> usize {
        FIXED_LEN + entries * ENTRY_LEN
    }

    /// The whole file's length.
    pub fn file_len(&self) -> u64 {
        let sections: u64 = self.entries.iter().map(|e| e.length).sum();
        (Self::len_with(self.entries.len()) + TRAILER_LEN) as u64 + sections
    }

    /// The entry of a capability, when the segment has one.
    pub fn entry(&self, capability: Capability) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.capability == capability)
    }

    /// What HPKE binds an envelope to: it opens nowhere else.
    pub fn envelope_info(
        vault: VaultId,
        segment: SegmentId,
        capability: Capability,
        bucket: BucketId,
        key: KeyId,
    ) -> Vec<u8> {
        let mut info = b"safelight v1 envelope\0".to_vec();
        info.extend_from_slice(&SUITE.to_le_bytes());
        info.extend_from_slice(&vault.0);
        info.extend_from_slice(&segment.0);
        info.push(capability.tag());
        info.extend_from_slice(&bucket.0);
        info.extend_from_slice(&key.0);
        info
    }

    /// What a section's chunks are bound to: this header, byte for byte, and their capability.
    pub fn section_context(header_bytes: &[u8], capability: Capability) -> Vec<u8> {
        let mut context = b"safelight v1 section\0".to_vec();
        context.push(capability.tag());
        context.extend_from_slice(blake3::hash(header_bytes).as_bytes());
        context
    }

    /// The header as stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = Self::len_with(self.entries.len());
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(len).expect("three entries are short").to_le_bytes());
        bytes.push(u8::try_from(self.entries.len()).expect("at most three entries"));
        bytes.push(0);
        bytes.extend_from_slice(&self.vault.0);
        bytes.extend_from_slice(&self.segment.0);
        for entry in &self.entries {
            bytes.push(entry.capability.tag());
            bytes.extend_from_slice(&[0; 7]);
            bytes.extend_from_slice(&entry.bucket.0);
            bytes.extend_from_slice(&entry.key.0);
            bytes.extend_from_slice(&entry.envelope.enc);
            bytes.extend_from_slice(&entry.envelope.wrapped);
            bytes.extend_from_slice(&entry.offset.to_le_bytes());
            bytes.extend_from_slice(&entry.length.to_le_bytes());
        }
        bytes
    }

    /// The whole header's length, told by its first 48 bytes.
    pub fn len_from(fixed: &[u8]) -> Result<usize, HeaderError> {
        if !fixed.starts_with(&MAGIC[..fixed.len().min(8)]) || fixed.is_empty() {
            return Err(HeaderError::NotASegment);
        }
        if fixed.len() < FIXED_LEN {
            return Err(HeaderError::Truncated);
        }
        let mut fields = Fields(&fixed[8..]);
        let (version, suite, len) = (fields.u16()?, fields.u16()?, fields.u16()?);
        if version != VERSION || suite != SUITE {
            return Err(HeaderError::Version { version, suite });
        }
        let [count, zero] = fields.take()?;
        if !(1..=3).contains(&count) {
            return Err(HeaderError::Malformed { field: "number of sections" });
        }
        if zero != 0 {
            return Err(HeaderError::Malformed { field: "reserved byte" });
        }
        let expected = Self::len_with(count.into());
        if usize::from(len) != expected {
            return Err(HeaderError::Malformed { field: "length" });
        }
        Ok(expected)
    }

    /// Reads a stored header: exactly its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeaderError> {
        let len = Self::len_from(bytes.get(..FIXED_LEN).unwrap_or(bytes))?;
        if bytes.len() < len {
            return Err(HeaderError::Truncated);
        }
        let mut fields = Fields(&bytes[16..len]);
        let (vault, segment) = (VaultId(fields.take()?), SegmentId(fields.take()?));
        let mut entries: Vec<Entry> = Vec::with_capacity(3);
        let mut end = len as u64;
        while !fields.0.is_empty() {
            let [tag, reserved @ ..] = fields.take::<8>()?;
            let capability = Capability::from_tag(tag).ok_or(HeaderError::Malformed { field: "capability" })?;
            if reserved != [0; 7] {
                return Err(HeaderError::Malformed { field: "reserved bytes" });
            }
            if entries.last().is_some_and(|last| last.capability >= capability) {
                return Err(HeaderError::Malformed { field: "order of capabilities" });
            }
            let entry = Entry {
                capability,
                bucket: BucketId(fields.take()?),
                key: KeyId(fields.take()?),
                envelope: Envelope { enc: fields.take()?, wrapped: fields.take()? },
                offset: fields.u64()?,
                length: fields.u64()?,
            };
            if entry.offset != end {
                return Err(HeaderError::Malformed { field: "offset" });
            }
            if entry.length < BODY_OVERHEAD {
                return Err(HeaderError::Malformed { field: "section length" });
            }
            end = end.checked_add(entry.length).ok_or(HeaderError::Malformed { field: "section length" })?;
            entries.push(entry);
        }
        if end.checked_add(TRAILER_LEN as u64).is_none() {
            return Err(HeaderError::Malformed { field: "section length" });
        }
        Ok(Self { vault, segment, entries })
    }
}

/// Takes fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(HeaderError::Truncated)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u16(&mut self) -> Result<u16, HeaderError> {
        self.take().map(u16::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, HeaderError> {
        self.take().map(u64::from_le_bytes)
    }
}
