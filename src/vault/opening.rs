//! The opening vault: the custodian's and the recipient's side. It reads and cannot write.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use minicbor::Decode;
use rayon::prelude::*;

use super::card::{Card, CardError};
use super::header::{Header, HeaderError, TRAILER_LEN};
use super::layout::Layout;
use super::reading::{HasId, Section, SegmentFile};
use super::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use super::section::SectionError;
use super::tombstone::Tombstones;
use super::trust::Trust;
use crate::audit::{PermitError, PermittedKeys};
use crate::capture::CaptureId;
use crate::custody::OpeningKeys;
use crate::redact::{RestoreError, needs_scene, restore};
use crate::seal::{BucketId, Capability, CustodyId, KeyId, SectionKey, SegmentId, VaultId};
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
#[derive(Clone)]
pub struct OpeningVault {
    layout: Layout,
    card: Card,
    vouched: bool,
    /// Where captures were found before: a part of one lies where another part does.
    met: Arc<Mutex<HashMap<CaptureId, SegmentId>>>,
}

/// Segments that are looked into at once for each thread, before the next ones are.
const ABREAST: usize = 8;

/// What a section gives, and its key, by which it is read again.
pub(crate) struct Readable {
    pub key: SectionKey,
    /// The length of each record; `None` for such as are damaged.
    pub records: HashMap<CaptureId, Option<u64>>,
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
        Ok(Self { layout, card, vouched: trust.is_somebody(), met: Arc::default() })
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
        self.segment(segment)?.record(id, Capability::Scene, keys)
    }

    /// What gives back a capture's original, when its segment is known.
    pub fn identity_in(
        &self,
        segment: SegmentId,
        id: CaptureId,
        keys: &PermittedKeys,
    ) -> Result<IdentityRecord, OpenError> {
        keys.admit(Capability::Identity, self.card.vault, id)?;
        self.segment(segment)?.record(id, Capability::Identity, keys)
    }

    /// The redacted images of a segment, for who wants many of them: its envelope is opened once.
    pub fn scenes_in<'k>(
        &self,
        segment: SegmentId,
        keys: &'k PermittedKeys,
    ) -> Result<RecordsOf<'k, SceneRecord>, OpenError> {
        RecordsOf::open(self, segment, Capability::Scene, keys)
    }

    /// The same for what gives back originals.
    pub fn identities_in<'k>(
        &self,
        segment: SegmentId,
        keys: &'k PermittedKeys,
    ) -> Result<RecordsOf<'k, IdentityRecord>, OpenError> {
        RecordsOf::open(self, segment, Capability::Identity, keys)
    }

    /// Looks for many captures at once, so that what is then asked of each need not look through the vault for it. What is not found is
    /// told when it is asked for.
    ///
    /// # Errors
    ///
    /// When the vault cannot be listed.
    pub fn locate(&self, ids: &[CaptureId], capability: Capability, keys: &OpeningKeys) -> Result<(), OpenError> {
        let mut left: HashSet<CaptureId> = ids.iter().copied().collect();
        for abreast in self.segments()?.chunks(ABREAST * rayon::current_num_threads()) {
            let look = |&segment: &SegmentId| -> Result<Vec<(CaptureId, SegmentId)>, OpenError> {
                let section = self.segment(segment)?.section(capability, keys)?;
                Ok(section.reader.ids().filter(|id| left.contains(id)).map(|id| (id, segment)).collect())
            };
            let found: Vec<_> = abreast.par_iter().filter_map(|segment| look(segment).ok()).flatten().collect();
            for (id, segment) in found {
                if left.remove(&id) {
                    self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(id, segment);
                }
            }
            if left.is_empty() {
                break;
            }
        }
        Ok(())
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

    /// Hands over the catalogue records of a segment that can be read, each with its place. Gives the key by which they can be read
    /// again, and the first fault that kept others from it.
    pub(super) fn readable_catalogue(
        &self,
        segment: SegmentId,
        keys: &OpeningKeys,
        mut each: impl FnMut(usize, CatalogueRecord),
    ) -> Result<(SectionKey, Option<OpenError>), OpenError> {
        let file = self.segment(segment)?;
        let key = file.section_key(Capability::Catalogue, keys)?;
        let mut section = file.section_by(Capability::Catalogue, &key)?;
        let ids: Vec<_> = section.reader.ids().collect();
        let mut fault = None;
        for (at, id) in ids.into_iter().enumerate() {
            match section.decode(at, id) {
                Ok(record) => each(at, record),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Ok((key, fault))
    }

    /// Which records of one capability a segment gives: each is read to its end and nothing is kept.
    pub(crate) fn readable(
        &self,
        segment: SegmentId,
        capability: Capability,
        keys: &OpeningKeys,
    ) -> Result<Readable, OpenError> {
        let file = self.segment(segment)?;
        let key = file.section_key(capability, keys)?;
        let mut section = file.section_by(capability, &key)?;
        let index: Vec<_> = section.reader.ids().zip(section.reader.lengths()).collect();
        let mut readable = |(at, (id, length))| {
            let read = match capability {
                Capability::Catalogue => section.decode::<CatalogueRecord>(at, id).map(drop),
                Capability::Scene => section.decode::<SceneRecord>(at, id).map(drop),
                Capability::Identity => section.decode::<IdentityRecord>(at, id).map(drop),
            };
            (id, read.ok().map(|()| length))
        };
        let records = index.into_iter().enumerate().map(&mut readable).collect();
        Ok(Readable { key, records })
    }

    /// The records of these captures in one section, in the order of the captures, and `None` for each that has none there. For what
    /// has a permit of its own, by the key that [`Self::readable`] took out. Not for `cli`.
    pub(crate) fn read_several<T: for<'b> Decode<'b, ()> + HasId>(
        &self,
        segment: SegmentId,
        capability: Capability,
        key: &SectionKey,
        ids: &[CaptureId],
    ) -> Result<Vec<Option<T>>, OpenError> {
        let mut section = self.segment(segment)?.section_by(capability, key)?;
        let places: HashMap<CaptureId, usize> = section.reader.ids().zip(0..).collect();
        let place = |(number, id)| places.get(id).map(|&at| (at, number));
        let mut wanted: Vec<(usize, usize)> =
            ids.iter().enumerate().filter_map(|(number, id)| place((number, id))).collect();
        // Each chunk is opened once.
        wanted.sort_unstable();
        let mut found: Vec<Option<T>> = ids.iter().map(|_| None).collect();
        for (at, number) in wanted {
            found[number] = Some(section.decode(at, ids[number])?);
        }
        Ok(found)
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
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

    fn find<T: for<'b> Decode<'b, ()> + HasId + Send>(
        &self,
        id: CaptureId,
        capability: Capability,
        keys: &OpeningKeys,
    ) -> Result<T, OpenError> {
        let met = || self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |segment| self.segment(segment)?.record(id, capability, keys);
        let known = met().get(&id).copied();
        if let Some(Ok(found)) = known.map(read) {
            return Ok(found);
        }
        let mut damage = None;
        // The first that has it counts, whichever thread comes upon it first.
        for abreast in self.segments()?.chunks(ABREAST * rayon::current_num_threads()) {
            let read: Vec<_> = abreast.par_iter().map(|&segment| (segment, read(segment))).collect();
            for (segment, read) in read {
                match read {
                    Ok(found) => {
                        met().insert(id, segment);
                        return Ok(found);
                    }
                    // Not here, or in what these keys do not open: it may be in another segment.
                    Err(OpenError::NoRecord { .. } | OpenError::NoSection { .. } | OpenError::NoKey { .. }) => {}
                    Err(error) => damage = damage.or(Some(error)),
                }
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

/// One section of a segment, open for many of its records.
pub struct RecordsOf<'k, T> {
    section: Section,
    places: HashMap<CaptureId, usize>,
    capability: Capability,
    vault: VaultId,
    keys: &'k PermittedKeys,
    record: PhantomData<T>,
}

impl<'k, T: for<'b> Decode<'b, ()> + HasId> RecordsOf<'k, T> {
    fn open(
        vault: &OpeningVault,
        segment: SegmentId,
        capability: Capability,
        keys: &'k PermittedKeys,
    ) -> Result<Self, OpenError> {
        let section = vault.segment(segment)?.section(capability, keys)?;
        let places = section.reader.ids().zip(0..).collect();
        Ok(Self { section, places, capability, vault: vault.card.vault, keys, record: PhantomData })
    }

    /// A capture's record.
    ///
    /// # Errors
    ///
    /// When it is not what is on record, or not here, or damaged.
    pub fn record(&mut self, id: CaptureId) -> Result<T, OpenError> {
        self.keys.admit(self.capability, self.vault, id)?;
        let at = self.places.get(&id).ok_or(OpenError::NoRecord { id, capability: self.capability })?;
        self.section.decode(*at, id)
    }
}
