//! The opening vault: the custodian's and the recipient's side. It reads and cannot write.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use minicbor::Decode;
use zeroize::Zeroizing;

use super::card::{Card, CardError};
use super::header::{FIXED_LEN, Header, HeaderError, TRAILER_LEN};
use super::layout::Layout;
use super::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use super::section::{SectionError, SectionReader};
use super::tombstone::Tombstones;
use super::trust::Trust;
use crate::audit::{PermitError, PermittedKeys};
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::files;
use crate::redact::{RestoreError, needs_scene, restore};
use crate::seal::{BodyReader, BucketId, Capability, CustodyId, KeyId, SegmentId};
use crate::words::count;

/// A vault or a record in it cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder holds no vault.
    #[error("{} is not a vault", path.display())]
    NotAVault {
        /// The folder.
        path: PathBuf,
    },
    /// The vault's card is unreadable.
    #[error("the vault's card cannot be used: {0}")]
    Card(#[from] CardError),
    /// The vault's card names another custodian than the one who is trusted: it is another vault, or its card is forged.
    #[error("the vault's card names custodian {card}, and you trust custodian {trusted}")]
    ForeignCustodian {
        /// Whom the card names.
        card: CustodyId,
        /// Whom the opener trusts.
        trusted: CustodyId,
    },
    /// A segment's header is unreadable.
    #[error("segment {segment}: {source}")]
    Header {
        /// The segment.
        segment: SegmentId,
        /// What is wrong with its header.
        source: HeaderError,
    },
    /// A file bears the name of another segment.
    #[error("the file named {named} is segment {segment}")]
    Misnamed {
        /// The file's name.
        named: SegmentId,
        /// What its header says.
        segment: SegmentId,
    },
    /// A segment was sealed for another vault.
    #[error("segment {segment} belongs to another vault")]
    ForeignSegment {
        /// The segment.
        segment: SegmentId,
    },
    /// A segment is shorter or longer than its header says.
    #[error("segment {segment} has {} instead of {expected}", count(*found, "byte"))]
    Length {
        /// The segment.
        segment: SegmentId,
        /// What its header says.
        expected: u64,
        /// The file's length.
        found: u64,
    },
    /// The segment has no section for this capability.
    #[error("segment {segment} holds no {capability} section")]
    NoSection {
        /// The segment.
        segment: SegmentId,
        /// What was asked for.
        capability: Capability,
    },
    /// The key is not among those given: expired, or never this holder's.
    #[error("no key opens the {capability} section of segment {segment}: bucket {bucket} is expired or not yours")]
    NoKey {
        /// The segment.
        segment: SegmentId,
        /// What was asked for.
        capability: Capability,
        /// The bucket.
        bucket: BucketId,
        /// The key that would open it.
        key: KeyId,
    },
    /// The envelope does not open.
    #[error("the {capability} envelope of segment {segment} is altered or was moved here")]
    Envelope {
        /// The segment.
        segment: SegmentId,
        /// Which envelope.
        capability: Capability,
    },
    /// The section does not open.
    #[error("the {capability} section of segment {segment} does not open: {source}")]
    Section {
        /// The segment.
        segment: SegmentId,
        /// Which section.
        capability: Capability,
        /// What is wrong with it.
        source: SectionError,
    },
    /// An authentic record is not what its section should hold.
    #[error("record {id} in the {capability} section of segment {segment} is malformed")]
    Record {
        /// The segment.
        segment: SegmentId,
        /// Which section.
        capability: Capability,
        /// The capture.
        id: CaptureId,
    },
    /// It was there, and its time is over.
    #[error("the {capability} record {id} has expired: its key was destroyed on {}", destroyed.strftime("%Y-%m-%d"))]
    Expired {
        /// The capture.
        id: CaptureId,
        /// What was asked for.
        capability: Capability,
        /// When.
        destroyed: Timestamp,
    },
    /// It is not on record that this is given out.
    #[error("nothing is given out without an entry: {0}")]
    Permit(#[from] PermitError),
    /// Not a single catalogue opens: whatever is asked of this vault, these keys cannot answer.
    #[error("no segment opens with these keys, of {closed}")]
    NothingOpens {
        /// How many there are.
        closed: usize,
    },
    /// No section that these keys open has such a record.
    #[error("no {capability} record {id} can be found with these keys")]
    NoRecord {
        /// The capture.
        id: CaptureId,
        /// What was asked for.
        capability: Capability,
    },
}

impl OpenError {
    /// Whether a file under a segment's name is none of this vault's. Where nothing claims that name, it takes nothing away.
    pub(crate) const fn is_of_a_stranger(&self) -> bool {
        matches!(self, Self::ForeignSegment { .. } | Self::Misnamed { .. })
    }
}

/// A capture cannot be given out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its original does not come back from what was sealed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// A vault for reading.
pub struct OpeningVault {
    layout: Layout,
    card: Card,
    vouched: bool,
}

impl OpeningVault {
    /// Opens the vault in `folder`, whose custodian must be the one who is trusted.
    ///
    /// # Errors
    ///
    /// When the card is not his, and when the vault cannot be listed: whoever asks learns that before anything is on record.
    pub fn open(folder: &Path, trust: Trust) -> Result<Self, OpenError> {
        let layout = Layout::new(folder);
        let card = trust.card(&layout)?;
        for path in [layout.segments(), layout.journals(), layout.tombstones()] {
            match fs::read_dir(&path) {
                // A copy has no journals, and a vault in which nothing expired no tombstones.
                Err(error) if error.kind() == io::ErrorKind::NotFound && path != layout.segments() => {}
                listed => _ = listed.map_err(|source| OpenError::Io { path, source })?,
            }
        }
        Ok(Self { layout, card, vouched: trust.is_somebody() })
    }

    /// Whether the opener knew the custodian. If not, what the card and the tombstones say is the word of whoever wrote
    /// them.
    pub fn is_vouched(&self) -> bool {
        self.vouched
    }

    /// Which vault it is.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The segments' names, sorted. Files of other names are not segments.
    pub fn segments(&self) -> Result<Vec<SegmentId>, OpenError> {
        let path = self.layout.segments();
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let mut segments = Vec::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(SegmentId::parse);
            segments.extend(id.filter(|id| *name == *id.to_string()));
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// The file of a segment.
    pub fn path_of(&self, segment: SegmentId) -> PathBuf {
        self.layout.segment(segment)
    }

    /// A segment's header.
    pub fn header(&self, segment: SegmentId) -> Result<Header, OpenError> {
        Ok(self.segment(segment)?.header)
    }

    /// A segment's last 32 bytes, which should be the BLAKE3 of all before; [`super::check`] tells whether they are.
    pub fn trailer(&self, segment: SegmentId) -> Result<[u8; TRAILER_LEN], OpenError> {
        let SegmentFile { path, mut file, .. } = self.segment(segment)?;
        let mut trailer = [0; TRAILER_LEN];
        file.seek(SeekFrom::End(-(TRAILER_LEN as i64)))
            .and_then(|_| file.read_exact(&mut trailer))
            .map_err(|source| OpenError::Io { path, source })?;
        Ok(trailer)
    }

    /// All catalogue records of a segment, in the order in which they were sealed.
    pub fn catalogue(&self, segment: SegmentId, keys: &PermittedKeys) -> Result<Vec<CatalogueRecord>, OpenError> {
        let records = self.read_catalogue(segment, keys)?;
        for record in &records {
            keys.admit(Capability::Catalogue, self.card.vault, record.id())?;
        }
        Ok(records)
    }

    /// What the catalogue says of a capture, wherever it lies.
    pub fn record(&self, id: CaptureId, keys: &PermittedKeys) -> Result<CatalogueRecord, OpenError> {
        keys.admit(Capability::Catalogue, self.card.vault, id)?;
        self.find(id, Capability::Catalogue, keys)
    }

    /// A capture's redacted image, wherever it lies.
    pub fn scene(&self, id: CaptureId, keys: &PermittedKeys) -> Result<SceneRecord, OpenError> {
        keys.admit(Capability::Scene, self.card.vault, id)?;
        self.find(id, Capability::Scene, keys)
    }

    /// What gives back a capture's original, wherever it lies.
    pub fn identity(&self, id: CaptureId, keys: &PermittedKeys) -> Result<IdentityRecord, OpenError> {
        keys.admit(Capability::Identity, self.card.vault, id)?;
        self.find(id, Capability::Identity, keys)
    }

    /// A capture's redacted image, when its segment is known: one envelope and a few chunks are opened.
    pub fn scene_in(&self, segment: SegmentId, id: CaptureId, keys: &PermittedKeys) -> Result<SceneRecord, OpenError> {
        keys.admit(Capability::Scene, self.card.vault, id)?;
        self.read_scene(segment, id, keys)
    }

    /// What gives back a capture's original, when its segment is known.
    pub fn identity_in(
        &self,
        segment: SegmentId,
        id: CaptureId,
        keys: &PermittedKeys,
    ) -> Result<IdentityRecord, OpenError> {
        keys.admit(Capability::Identity, self.card.vault, id)?;
        self.read_identity(segment, id, keys)
    }

    /// Whether a capture's original, or its redacted image, can be given out, byte for byte: what is damaged or expired
    /// is told before anybody is asked for anything. Gives nothing out.
    pub fn probe(&self, id: CaptureId, capability: Capability, keys: &OpeningKeys) -> Result<(), ProbeError> {
        match capability {
            Capability::Catalogue => {}
            Capability::Scene => _ = self.find::<SceneRecord>(id, capability, keys)?,
            Capability::Identity => {
                let IdentityRecord { method, removed, blake3, .. } = &self.find(id, capability, keys)?;
                let scene: Option<SceneRecord> =
                    if needs_scene(*method) { Some(self.find(id, Capability::Scene, keys)?) } else { None };
                restore(*method, scene.as_ref().map(|scene| scene.file.as_slice()), removed, blake3)?;
            }
        }
        Ok(())
    }

    /// [`Self::catalogue`] for what counts and plans and gives nothing out. Not for `cli`.
    pub(crate) fn read_catalogue(
        &self,
        segment: SegmentId,
        keys: &OpeningKeys,
    ) -> Result<Vec<CatalogueRecord>, OpenError> {
        let mut section = self.segment(segment)?.section(Capability::Catalogue, keys)?;
        let ids: Vec<_> = section.reader.ids().collect();
        ids.into_iter().enumerate().map(|(at, id)| section.decode(at, id)).collect()
    }

    /// The catalogue records of a segment that can be read, and the first fault that kept others from it.
    pub(super) fn readable_catalogue(
        &self,
        segment: SegmentId,
        keys: &OpeningKeys,
    ) -> Result<(Vec<CatalogueRecord>, Option<OpenError>), OpenError> {
        let mut section = self.segment(segment)?.section(Capability::Catalogue, keys)?;
        let ids: Vec<_> = section.reader.ids().collect();
        let (mut records, mut fault) = (Vec::with_capacity(ids.len()), None);
        for (at, id) in ids.into_iter().enumerate() {
            match section.decode(at, id) {
                Ok(record) => records.push(record),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Ok((records, fault))
    }

    /// Which records of one capability a segment gives: each is read to its end and nothing is kept. False for such as are
    /// damaged.
    pub(crate) fn readable(
        &self,
        segment: SegmentId,
        capability: Capability,
        keys: &OpeningKeys,
    ) -> Result<HashMap<CaptureId, bool>, OpenError> {
        let mut section = self.segment(segment)?.section(capability, keys)?;
        let ids: Vec<_> = section.reader.ids().collect();
        let mut readable = |(at, id)| {
            let read = match capability {
                Capability::Catalogue => section.decode::<CatalogueRecord>(at, id).map(drop),
                Capability::Scene => section.decode::<SceneRecord>(at, id).map(drop),
                Capability::Identity => section.decode::<IdentityRecord>(at, id).map(drop),
            };
            (id, read.is_ok())
        };
        Ok(ids.into_iter().enumerate().map(&mut readable).collect())
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// [`Self::scene_in`] for what has a permit of its own. Not for `cli`.
    pub(crate) fn read_scene(
        &self,
        segment: SegmentId,
        id: CaptureId,
        keys: &OpeningKeys,
    ) -> Result<SceneRecord, OpenError> {
        self.segment(segment)?.record(id, Capability::Scene, keys)
    }

    /// [`Self::identity_in`] for what has a permit of its own. Not for `cli`.
    pub(crate) fn read_identity(
        &self,
        segment: SegmentId,
        id: CaptureId,
        keys: &OpeningKeys,
    ) -> Result<IdentityRecord, OpenError> {
        self.segment(segment)?.record(id, Capability::Identity, keys)
    }

    /// The captures of a segment, in the order in which they were sealed, by its catalogue's index.
    pub fn captures(&self, segment: SegmentId, keys: &PermittedKeys) -> Result<Vec<CaptureId>, OpenError> {
        let ids = self.read_captures(segment, keys)?;
        ids.iter().try_for_each(|&id| keys.admit(Capability::Catalogue, self.card.vault, id))?;
        Ok(ids)
    }

    /// [`Self::captures`] for what gives nothing out. Not for `cli`.
    pub(crate) fn read_captures(&self, segment: SegmentId, keys: &OpeningKeys) -> Result<Vec<CaptureId>, OpenError> {
        Ok(self.segment(segment)?.section(Capability::Catalogue, keys)?.reader.ids().collect())
    }

    /// When a part of a capture expired; `None` when it did not, or these keys and the tombstones cannot tell: then it
    /// never was in this vault, or expired before the vault was told of it.
    pub fn expiry(
        &self,
        id: CaptureId,
        capability: Capability,
        keys: &OpeningKeys,
    ) -> Result<Option<Timestamp>, OpenError> {
        let tombstones = self.tombstones()?;
        for segment in self.segments()? {
            let Ok(file) = self.segment(segment) else { continue };
            let destroyed = file.header.entry(capability).and_then(|entry| tombstones.keys.get(&entry.key));
            let Some(destroyed) = destroyed else { continue };
            // The part is gone; another one may still know the capture.
            let others = Capability::ALL.into_iter().filter(|&other| other != capability);
            let mut open = others.filter_map(|other| file.section(other, keys).ok());
            if open.any(|section| section.reader.ids().any(|found| found == id)) {
                return Ok(Some(*destroyed));
            }
        }
        Tombstones::when_buried(&self.layout, &self.card, id)
    }

    pub(super) fn tombstones(&self) -> Result<Tombstones, OpenError> {
        Tombstones::read(&self.layout, &self.card)
    }

    fn find<T: for<'b> Decode<'b, ()> + HasId>(
        &self,
        id: CaptureId,
        capability: Capability,
        keys: &OpeningKeys,
    ) -> Result<T, OpenError> {
        let mut damage = None;
        for segment in self.segments()? {
            match self.segment(segment).and_then(|segment| segment.record(id, capability, keys)) {
                Ok(found) => return Ok(found),
                // Not here, or in what these keys do not open: it may be in another segment.
                Err(OpenError::NoRecord { .. } | OpenError::NoSection { .. } | OpenError::NoKey { .. }) => {}
                Err(error) => damage = damage.or(Some(error)),
            }
        }
        // It may be in what is damaged.
        if let Some(error) = damage {
            return Err(error);
        }
        Err(match self.expiry(id, capability, keys)? {
            Some(destroyed) => OpenError::Expired { id, capability, destroyed },
            None => OpenError::NoRecord { id, capability },
        })
    }

    pub(super) fn segment(&self, segment: SegmentId) -> Result<SegmentFile, OpenError> {
        SegmentFile::open(&self.layout.segment(segment), segment, &self.card)
    }
}

/// A segment's file with its header read and its structure verified.
pub(super) struct SegmentFile {
    pub path: PathBuf,
    pub file: File,
    pub header: Header,
    pub header_bytes: Vec<u8>,
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
        Ok(Self { path: path.to_owned(), file, header, header_bytes })
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
        let segment = self.header.segment;
        let entry = self.header.entry(capability).ok_or(OpenError::NoSection { segment, capability })?;
        let (bucket, key) = (entry.bucket, entry.key);
        let private = keys.key(key).ok_or(OpenError::NoKey { segment, capability, bucket, key })?;
        let info = Header::envelope_info(self.header.vault, segment, capability, bucket, key);
        let section_key =
            entry.envelope.open(private, &info).map_err(|_| OpenError::Envelope { segment, capability })?;
        let file = self.file.try_clone().map_err(|source| OpenError::Io { path: self.path.clone(), source })?;
        let window = Window { file, start: entry.offset, len: entry.length, at: 0 };
        let context = Header::section_context(&self.header_bytes, capability);
        let reader = BodyReader::new(&section_key, &context, window)
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
pub(super) trait HasId {
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
    file: File,
    start: u64,
    len: u64,
    at: u64,
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.file.seek(SeekFrom::Start(self.start + self.at))?;
        let read = self.file.read(&mut buffer[..wanted])?;
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
