//! Inside a section, once it is open: an index, then the records, then padding.
//!
//! ```text
//! count u32 ‖ zero u32 ‖ count × (id 16 ‖ offset u64 ‖ length u64) ‖ records ‖ zeros
//! ```
//!
//! Offsets count from the section's first byte. The index lets one record be read without the rest.

use std::io::{self, Read, Seek, Write};

use zeroize::Zeroizing;

use crate::capture::CaptureId;
use crate::seal::{BodyError, BodyReader, padded_len};

const HEAD_LEN: u64 = 8;
const INDEX_ENTRY_LEN: u64 = 32;

/// Encoded records of one section, in memory.
#[derive(Default)]
pub(super) struct SectionDraft {
    records: Vec<([u8; 16], Zeroizing<Vec<u8>>)>,
    records_len: u64,
}

impl SectionDraft {
    pub fn push(&mut self, id: [u8; 16], record: Zeroizing<Vec<u8>>) {
        self.records_len += record.len() as u64;
        self.records.push((id, record));
    }

    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// Length with the index, without padding.
    pub fn plain_len(&self) -> u64 {
        self.index_len() + self.records_len
    }

    pub fn padded_len(&self) -> u64 {
        padded_len(self.plain_len())
    }

    fn index_len(&self) -> u64 {
        HEAD_LEN + INDEX_ENTRY_LEN * self.records.len() as u64
    }

    /// Writes exactly [`Self::padded_len`] bytes.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let count = u32::try_from(self.records.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        out.write_all(&count.to_le_bytes())?;
        out.write_all(&[0; 4])?;
        let mut offset = self.index_len();
        for (id, record) in &self.records {
            let length = record.len() as u64;
            out.write_all(id)?;
            out.write_all(&offset.to_le_bytes())?;
            out.write_all(&length.to_le_bytes())?;
            offset += length;
        }
        for (_, record) in &self.records {
            out.write_all(record)?;
        }
        let padding = self.padded_len() - self.plain_len();
        io::copy(&mut io::repeat(0).take(padding), out)?;
        Ok(())
    }
}

/// Why an authentic section cannot be read: its writer was at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SectionError {
    /// The chunks do not open.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The index contradicts itself or the section's length.
    #[error("its index contradicts itself")]
    Index,
    /// Something other than zeros follows the records.
    #[error("its padding is not zero")]
    Padding,
}

/// Where a record lies in its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    id: [u8; 16],
    offset: u64,
    length: u64,
}

/// An open section.
pub(super) struct SectionReader<R: Read + Seek> {
    body: BodyReader<R>,
    index: Vec<Place>,
    records_end: u64,
}

impl<R: Read + Seek> SectionReader<R> {
    pub fn new(mut body: BodyReader<R>) -> Result<Self, SectionError> {
        let mut head = [0; HEAD_LEN as usize];
        body.read_at(&mut head, 0)?;
        let [c0, c1, c2, c3, zeros @ ..] = head;
        let count = u64::from(u32::from_le_bytes([c0, c1, c2, c3]));
        // Checked before memory is taken: the count is the writer's word.
        let records_start = HEAD_LEN + INDEX_ENTRY_LEN * count;
        if zeros != [0; 4] || records_start > body.plain_len() {
            return Err(SectionError::Index);
        }
        let index_len = usize::try_from(records_start - HEAD_LEN).map_err(|_| SectionError::Index)?;
        let mut bytes = vec![0; index_len];
        body.read_at(&mut bytes, HEAD_LEN)?;
        let mut index = Vec::with_capacity(index_len / INDEX_ENTRY_LEN as usize);
        let mut end = records_start;
        for entry in bytes.as_chunks::<{ INDEX_ENTRY_LEN as usize }>().0 {
            let place = Place::from_bytes(entry);
            if place.offset != end {
                return Err(SectionError::Index);
            }
            end = end.checked_add(place.length).ok_or(SectionError::Index)?;
            index.push(place);
        }
        if end > body.plain_len() {
            return Err(SectionError::Index);
        }
        Ok(Self { body, index, records_end: end })
    }

    /// The captures that have a record here, in order.
    pub fn ids(&self) -> impl Iterator<Item = CaptureId> {
        self.index.iter().map(|place| CaptureId(place.id))
    }

    /// The length of each record, in order.
    pub fn lengths(&self) -> impl Iterator<Item = u64> {
        self.index.iter().map(|place| place.length)
    }

    /// The CBOR of the record at that position of the index.
    pub fn record_at(&mut self, at: usize) -> Result<Zeroizing<Vec<u8>>, SectionError> {
        let Place { offset, length, .. } = *self.index.get(at).ok_or(SectionError::Index)?;
        let mut record = Zeroizing::new(vec![0; usize::try_from(length).map_err(|_| SectionError::Index)?]);
        self.body.read_at(&mut record, offset)?;
        Ok(record)
    }

    /// Reads what follows the records: zeros, as many as the rule for padding says.
    pub fn check_padding(&mut self) -> Result<(), SectionError> {
        if self.body.plain_len() != padded_len(self.records_end) {
            return Err(SectionError::Padding);
        }
        let mut at = self.records_end;
        let mut buffer = [0; 16 * 1024];
        while at < self.body.plain_len() {
            let len = (self.body.plain_len() - at).min(buffer.len() as u64);
            let part = &mut buffer[..len as usize];
            self.body.read_at(part, at)?;
            if part.iter().any(|&byte| byte != 0) {
                return Err(SectionError::Padding);
            }
            at += len;
        }
        Ok(())
    }
}

impl Place {
    fn from_bytes(bytes: &[u8; INDEX_ENTRY_LEN as usize]) -> Self {
        let (id, rest) = bytes.split_first_chunk::<16>().expect("16 of 32 bytes");
        let (offset, length) = rest.split_first_chunk::<8>().expect("8 of 16 bytes");
        let length = length.first_chunk::<8>().expect("8 of 8 bytes");
        Self { id: *id, offset: u64::from_le_bytes(*offset), length: u64::from_le_bytes(*length) }
    }
}
