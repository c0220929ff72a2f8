//! Making a segment: records go in, sealed sections and a trailer come out.
//!
//! Knows which public key seals which section and nothing about why. Sites seal for their custodian and exports for
//! their recipient with the same code.

use std::io::{self, Write};

use minicbor::Encode;
use zeroize::Zeroizing;

use super::header::{Entry, Header, TRAILER_LEN};
use super::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use super::section::SectionDraft;
use crate::custody::SealingKey;
use crate::seal::{BodyWriter, Capability, Envelope, SectionKey, SegmentId, VaultId, sealed_len};

/// Records that will become one segment. Wiped on drop.
#[derive(Default)]
pub struct SegmentDraft {
    catalogue: SectionDraft,
    scene: SectionDraft,
    identity: SectionDraft,
}

/// A record as it will lie in a section, under its id. Wiped on drop.
type Encoded = ([u8; 16], Zeroizing<Vec<u8>>);

/// A capture as it will lie in a segment. Made on any core, while a segment takes one after the other.
pub struct Drafted {
    catalogue: Encoded,
    scene: Option<Encoded>,
    identity: Option<Encoded>,
}

impl Drafted {
    /// What is left out cannot be opened later by anybody.
    pub fn new(catalogue: &CatalogueRecord, scene: Option<&SceneRecord>, identity: Option<&IdentityRecord>) -> Self {
        let scene_capacity = |scene: &SceneRecord| scene.file.len() + scene.media_type.len() + 64;
        Self {
            catalogue: (catalogue.id, encoded(catalogue, catalogue_capacity(catalogue))),
            scene: scene.map(|scene| (scene.id, encoded(scene, scene_capacity(scene)))),
            identity: identity.map(|identity| (identity.id, encoded(identity, identity_capacity(identity)))),
        }
    }

    /// Whether there is a scene.
    pub fn has_scene(&self) -> bool {
        self.scene.is_some()
    }
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    /// Its name.
    pub id: SegmentId,
    /// Its last 32 bytes: BLAKE3 of all before.
    pub trailer: [u8; TRAILER_LEN],
    /// Its length in bytes.
    pub bytes: u64,
    /// The captures in it.
    pub captures: usize,
}

impl SegmentDraft {
    /// Adds a capture.
    pub fn push(&mut self, Drafted { catalogue, scene, identity }: Drafted) {
        let parts = [(&mut self.catalogue, Some(catalogue)), (&mut self.scene, scene), (&mut self.identity, identity)];
        for (section, record) in parts {
            if let Some((id, bytes)) = record {
                section.push(id, bytes);
            }
        }
    }

    /// Number of captures.
    pub fn captures(&self) -> usize {
        self.catalogue.records()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.captures() == 0
    }

    /// Bytes of all records.
    pub fn plain_len(&self) -> u64 {
        Capability::ALL.iter().map(|&capability| self.section(capability).plain_len()).sum()
    }

    /// Seals the sections for which `keys` has a key and writes the segment.
    ///
    /// # Errors
    ///
    /// What `out` returns; what was written then is no segment.
    ///
    /// # Panics
    ///
    /// When `keys` is empty or names a capability twice.
    pub fn seal(
        &self,
        id: SegmentId,
        vault: VaultId,
        keys: &[SealingKey],
        out: &mut dyn Write,
    ) -> io::Result<SealedSegment> {
        let mut offset = Header::len_with(keys.len()) as u64;
        let mut section_keys = Vec::with_capacity(keys.len());
        let mut entries: Vec<Entry> = Vec::with_capacity(keys.len());
        for capability in Capability::ALL {
            for key in keys.iter().filter(|key| key.capability == capability) {
                let (section_key, key_id) = (SectionKey::generate(), key.key.id());
                let info = Header::envelope_info(vault, id, capability, key.bucket, key_id);
                let length = sealed_len(self.section(capability).padded_len())
                    .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
                entries.push(Entry {
                    capability,
                    bucket: key.bucket,
                    key: key_id,
                    envelope: Envelope::seal(&section_key, &key.key, &info),
                    offset,
                    length,
                });
                section_keys.push(section_key);
                offset += length;
            }
        }
        assert!(!entries.is_empty() && entries.is_sorted_by(|a, b| a.capability < b.capability), "one key a section");

        let header = Header { vault, segment: id, entries };
        let header_bytes = header.to_bytes();
        let mut out = Hashing { out, hasher: blake3::Hasher::new() };
        out.write_all(&header_bytes)?;
        for (entry, key) in header.entries.iter().zip(&section_keys) {
            let context = Header::section_context(&header_bytes, entry.capability);
            let mut body = BodyWriter::new(key, &context, &mut out);
            self.section(entry.capability).write(&mut body)?;
            body.finish()?;
        }
        let trailer = *out.hasher.finalize().as_bytes();
        out.out.write_all(&trailer)?;
        Ok(SealedSegment { id, trailer, bytes: header.file_len(), captures: self.captures() })
    }

    fn section(&self, capability: Capability) -> &SectionDraft {
        match capability {
            Capability::Catalogue => &self.catalogue,
            Capability::Scene => &self.scene,
            Capability::Identity => &self.identity,
        }
    }
}

/// `capacity` is above the encoding's length, so that no plaintext is left behind by a buffer that grew. What is kept of short
/// records is as long as they are: there are many.
fn encoded<T: Encode<()>>(record: &T, capacity: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    minicbor::encode(record, &mut *bytes).expect("memory takes every write");
    debug_assert!(bytes.len() <= capacity, "{} > {capacity}", bytes.len());
    if bytes.len() > SHORT { bytes } else { Zeroizing::new(bytes.to_vec()) }
}

/// Of longer records what their buffers have too much does not count.
const SHORT: usize = 4 << 10;

fn catalogue_capacity(record: &CatalogueRecord) -> usize {
    let words = [&record.site, &record.lane, &record.direction, &record.class];
    let words: usize = words.into_iter().flatten().map(String::len).sum();
    let regions: usize = record.regions.iter().map(|region| 48 + 32 * region.pseudonyms.len()).sum();
    128 + words + regions
}

fn identity_capacity(record: &IdentityRecord) -> usize {
    let plates: usize = record.plates.iter().flat_map(|plate| &plate.texts).map(|text| text.len() + 16).sum();
    160 + record.source_name.len() + record.removed.len() + plates + 24 * record.plates.len()
}

/// Hashes what passes through.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
