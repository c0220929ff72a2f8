//! What a capture becomes: three records, one for each capability, under one id.
//!
//! Owns the CBOR of docs/vault-format.md. Integer keys are part of the format and are never reused.

use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::capture::Effort;

/// Whether an image could be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Status {
    /// Examined; a scene exists.
    #[n(0)]
    Examined,
    /// Could not be decoded: the original lies whole in `identity`, and there is no scene.
    #[n(1)]
    Unreadable,
}

/// What search needs, and nothing more. Lies in the `catalogue` section.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct CatalogueRecord {
    /// The capture's id, 16 bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// Whether a scene exists.
    #[n(1)]
    pub status: Status,
    /// Milliseconds since 1970 UTC.
    #[n(2)]
    pub captured_at: Option<i64>,
    /// Port of entry or other place.
    #[n(3)]
    pub site: Option<String>,
    /// Lane or booth.
    #[n(4)]
    pub lane: Option<String>,
    /// `in`, `out` or the site's word.
    #[n(5)]
    pub direction: Option<String>,
    /// Retention class.
    #[n(6)]
    pub class: Option<String>,
    /// Width of the stored image in pixels; 0 when unreadable.
    #[n(7)]
    pub width: u32,
    /// Height of the stored image in pixels; 0 when unreadable.
    #[n(8)]
    pub height: u32,
    /// Pseudonym epoch.
    #[n(9)]
    pub epoch: u32,
    /// What was found and blanked.
    #[n(10)]
    pub regions: Vec<RegionRecord>,
    /// The site whose pack sealed it, which a table of captures cannot change. Absent from the first vaults' records, and from
    /// copies that do not hold everything.
    #[n(11)]
    pub sealed_by: Option<String>,
    /// The first 16 bytes of the original's BLAKE3: by it a file that leaked is recognised. Absent from the first vaults'
    /// records and from copies.
    #[n(12)]
    pub original: Option<FileDigest>,
    /// The first 16 bytes of the scene's BLAKE3, likewise; absent also where there is no scene.
    #[n(13)]
    pub scene: Option<FileDigest>,
    /// How hard it was looked at. Absent where it could not be examined, and from records of before there was a choice.
    #[n(14)]
    pub effort: Option<Effort>,
}

/// What a catalogue keeps of a file's BLAKE3.
pub type FileDigest = minicbor::bytes::ByteArray<16>;

/// The first 16 bytes of a file's BLAKE3.
pub fn file_digest(blake3: &[u8; 32]) -> FileDigest {
    FileDigest::from(*blake3.first_chunk::<16>().expect("16 of 32 bytes"))
}

/// One region: where it is and under which pseudonyms it can be found.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct RegionRecord {
    /// 0 plate, 1 face.
    #[n(0)]
    pub kind: u8,
    /// x, y, width, height in whole pixels of the stored image.
    #[n(1)]
    pub bounds: [i32; 4],
    /// Detector's confidence in percent.
    #[n(2)]
    pub score: u8,
    /// Pseudonyms, most probable first: one for each candidate spelling of a plate, one token for a face.
    #[n(3)]
    pub pseudonyms: Vec<PseudonymRecord>,
    /// The smallest box around the pixels that the scene does not show on account of this region, as x, y, width, height: they are
    /// whole coding units of the scene. Absent from the first vaults' records.
    #[n(4)]
    pub blank: Option<[i32; 4]>,
}

/// A pseudonym and how probable the reading behind it is.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct PseudonymRecord {
    /// 128 bits.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub value: [u8; 16],
    /// Probability in percent.
    #[n(1)]
    pub probability: u8,
}

/// The redacted image. Lies in the `scene` section.
#[derive(Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct SceneRecord {
    /// The capture's id, 16 bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// `image/jpeg` and the like.
    #[n(1)]
    pub media_type: String,
    /// The file.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub file: Vec<u8>,
}

/// Everything that the scene must not show. Lies in the `identity` section.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
pub struct IdentityRecord {
    /// The capture's id, 16 bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// The source file's name, as bytes: it need not be UTF-8.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub source_name: Vec<u8>,
    /// BLAKE3 of the original file.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub blake3: [u8; 32],
    /// How `removed` gives back the original: 0, it is the original file whole; 1, spliced JPEG (with the scene).
    #[n(3)]
    pub method: u8,
    /// What was removed, as `method` says.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub removed: Vec<u8>,
    /// Plate texts in the order of the catalogue's regions, candidates most probable first.
    #[n(5)]
    pub plates: Vec<PlateRecord>,
}

/// What one region's plate says.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
pub struct PlateRecord {
    /// Index into the catalogue record's regions.
    #[n(0)]
    pub region: u32,
    /// Canonical spellings, most probable first, as many as the region has pseudonyms.
    #[n(1)]
    pub texts: Vec<String>,
}

/// A capture, ready to be sealed.
pub struct CaptureRecord {
    /// Sealed for `catalogue`.
    pub catalogue: CatalogueRecord,
    /// Sealed for `scene`; absent when the image could not be examined.
    pub scene: Option<SceneRecord>,
    /// Sealed for `identity`.
    pub identity: IdentityRecord,
}
