//! A segment's file that is read: its header, its sections, and records out of them.
//!
//! Knows how a section is opened and nothing of vaults: whose segment it is, its callers compare.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minicbor::Decode;
use zeroize::Zeroizing;

use super::card::Card;
use super::header::{FIXED_LEN, Header};
use super::opening::OpenError;
use super::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use super::section::{SectionError, SectionReader};
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::files;
use crate::seal::{BodyReader, Capability, SectionKey, SegmentId};

/// A segment's file with its header read and its structure verified.
pub(super) struct SegmentFile {
    pub path: PathBuf,
    pub file: File,
    pub header: Header,
    pub header_bytes: Vec<u8>,
    /// All of it, where it was read at once.
    pub held: Option<Arc<[u8]>>,
}

impl SegmentFile {
    pub fn open(path: &Path, segment: SegmentId, card: &Card) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        let malformed = |source| OpenError::Header { segment, source };
        let (mut file, found) = files::open_own(path).map_err(failed)?;
        let mut header_bytes = Vec::with_capacity(Header::len_with(3));
        file.by_ref().take(FIXED_LEN as u64).read_to_end(&mut header_bytes).map_err(failed)?;
        let rest = Header::len_from(&header_bytes).map_err(malformed)? - FIXED_LEN;
        file.by_ref().take(rest as u64).read_to_end(&mut header_bytes).map_err(failed)?;
        let header = Header::from_bytes(&header_bytes).map_err(malformed)?;
        if header.segment != segment {
            return Err(OpenError::Misnamed { named: segment, segment: header.segment });
        }
        if header.vault != card.vault {
            return Err(OpenError::ForeignSegment { segment });
        }
        let expected = header.file_len();
        if found != expected {
            return Err(OpenError::Length { segment, expected, found });
        }
        Ok(Self { path: path.to_owned(), file, header, header_bytes, held: None })
    }

    /// Reads all of it into memory, from where its sections are then read.
    pub fn hold(&mut self) -> io::Result<&[u8]> {
        let mut bytes = vec![0; usize::try_from(self.header.file_len()).map_err(|_| io::ErrorKind::FileTooLarge)?];
        self.file.rewind()?;
        self.file.read_exact(&mut bytes)?;
        Ok(self.held.insert(bytes.into()))
    }

    /// One record of a section.
    pub fn record<T: for<'b> Decode<'b, ()> + HasId>(
        &self,
        id: CaptureId,
        capability: Capability,
        keys: &OpeningKeys,
    ) -> Result<T, OpenError> {
        let mut section = self.section(capability, keys)?;
        let at = section.reader.ids().position(|found| found == id);
        section.decode(at.ok_or(OpenError::NoRecord { id, capability })?, id)
    }

    /// Opens one section.
    pub fn section(&self, capability: Capability, keys: &OpeningKeys) -> Result<Section, OpenError> {
        self.section_by(capability, &self.section_key(capability, keys)?)
    }

    /// Takes the key of one section out of its envelope, which costs more than reading a hundred records.
    pub fn section_key(&self, capability: Capability, keys: &OpeningKeys) -> Result<SectionKey, OpenError> {
        let segment = self.header.segment;
        let entry = self.header.entry(capability).ok_or(OpenError::NoSection { segment, capability })?;
        let (bucket, key) = (entry.bucket, entry.key);
        let opener = keys.opener(key).ok_or(OpenError::NoKey { segment, capability, bucket, key })?;
        let info = Header::envelope_info(self.header.vault, segment, capability, bucket, key);
        entry.envelope.open_by(opener, &info).map_err(|_| OpenError::Envelope { segment, capability })
    }

    /// Opens one section by its key.
    pub fn section_by(&self, capability: Capability, key: &SectionKey) -> Result<Section, OpenError> {
        let segment = self.header.segment;
        let entry = self.header.entry(capability).ok_or(OpenError::NoSection { segment, capability })?;
        let source = match &self.held {
            Some(held) => Source::Memory(Arc::clone(held)),
            None => {
                Source::File(self.file.try_clone().map_err(|source| OpenError::Io { path: self.path.clone(), source })?)
            }
        };
        let window = Window { source, start: entry.offset, len: entry.length, at: 0 };
        let context = Header::section_context(&self.header_bytes, capability);
        let reader = BodyReader::new(key, &context, window)
            .map_err(SectionError::from)
            .and_then(SectionReader::new)
            .map_err(|source| OpenError::Section { segment, capability, source })?;
        Ok(Section { segment, capability, reader })
    }
}

/// An open section that knows where it is.
pub(super) struct Section {
    segment: SegmentId,
    capability: Capability,
    pub reader: SectionReader<Window>,
}

impl Section {
    /// Reads and decodes one record; its own id must be the index's.
    pub fn decode<T: for<'b> Decode<'b, ()> + HasId>(&mut self, at: usize, id: CaptureId) -> Result<T, OpenError> {
        let Self { segment, capability, .. } = *self;
        let failed = |source| OpenError::Section { segment, capability, source };
        let bytes: Zeroizing<Vec<u8>> = self.reader.record_at(at).map_err(failed)?;
        match minicbor::decode::<T>(&bytes) {
            Ok(record) if record.id() == id => Ok(record),
            _ => Err(OpenError::Record { segment, capability, id }),
        }
    }
}

/// A record says which capture it is of.
pub trait HasId {
    fn id(&self) -> CaptureId;
}

impl HasId for CatalogueRecord {
    fn id(&self) -> CaptureId {
        CaptureId(self.id)
    }
}

impl HasId for SceneRecord {
    fn id(&self) -> CaptureId {
        CaptureId(self.id)
    }
}

impl HasId for IdentityRecord {
    fn id(&self) -> CaptureId {
        CaptureId(self.id)
    }
}

/// A part of a file that behaves like a file of its own.
pub(super) struct Window {
    source: Source,
    start: u64,
    len: u64,
    at: u64,
}

enum Source {
    File(File),
    Memory(Arc<[u8]>),
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let begin = self.start + self.at;
        let read = match &mut self.source {
            Source::File(file) => {
                file.seek(SeekFrom::Start(begin))?;
                file.read(&mut buffer[..wanted])?
            }
            Source::Memory(held) => {
                let rest = usize::try_from(begin).ok().and_then(|begin| held.get(begin..)).unwrap_or_default();
                (&rest[..wanted.min(rest.len())]).read(buffer)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
