//! From plate text or a face's pixels to a pseudonym, and to the spellings that search must try.
//!
//! A pseudonym is 128 bits of BLAKE3 under a secret key: equal inputs give equal pseudonyms, and without the key nobody
//! can tell which input it was, although plates are few enough to try them all. Keys differ by kind and epoch, and each
//! export has its own; all are random. Owns what keys make of inputs; knows nothing of who holds the keys.

mod canary;
mod pattern;
mod spelling;

use std::fmt;

use zeroize::Zeroizing;

use crate::capture::{PlateText, RegionKind, to_base32};
use crate::seal::secret_key;

pub use canary::{Canary, CanaryKey};
pub use pattern::{Candidates, Pattern, TooWide, within};
pub use spelling::{MAX_SPELLINGS, spellings};

/// What stands for a plate or a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pseudonym(pub [u8; 16]);

impl Pseudonym {
    /// `PL-…` for a plate, `FC-…` for a face, with 26 characters of Crockford's base32.
    pub fn show(&self, kind: RegionKind) -> impl fmt::Display {
        let prefix = match kind {
            RegionKind::Plate => "PL",
            RegionKind::Face => "FC",
            // Nothing links heads: none has one.
            RegionKind::Head => "HD",
        };
        format!("{prefix}-{}", to_base32(&self.0))
    }
}

/// A space of pseudonyms of its own, among those that derive from one root: nothing in it can be linked to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Domain(pub [u8; 16]);

impl Domain {
    /// The custodian's own.
    pub const HOME: Self = Self([0; 16]);
}

secret_key! {
    /// What the pseudonym keys of a custodian derive from whose keyring is of the first format.
    pub struct PseudonymRoot
}

secret_key! {
    /// Turns plates of one domain and epoch into pseudonyms.
    pub(crate) struct PlateKey
}

secret_key! {
    /// Turns faces of one domain and epoch into pseudonyms.
    pub(crate) struct FaceKey
}

impl PseudonymRoot {
    /// The keys of one domain and epoch.
    pub fn keys(&self, domain: Domain, epoch: u32) -> EpochKeys {
        let mut material = Zeroizing::new([0u8; 32 + 16 + 4]);
        material[..32].copy_from_slice(self.expose());
        material[32..48].copy_from_slice(&domain.0);
        material[48..].copy_from_slice(&epoch.to_le_bytes());
        let derive = |context| Zeroizing::new(blake3::derive_key(context, material.as_slice()));
        EpochKeys {
            epoch,
            plate: PlateKey::from_bytes(&derive("safelight v1 plate pseudonyms")),
            face: FaceKey::from_bytes(&derive("safelight v1 face pseudonyms")),
        }
    }
}

impl PseudonymRoot {
    /// The key that marks the ids of copies.
    pub fn canaries(&self) -> CanaryKey {
        CanaryKey::from_bytes(&Zeroizing::new(blake3::derive_key("safelight v1 export canaries", self.expose())))
    }
}

/// Keys of one domain and epoch: all that a site gets.
pub struct EpochKeys {
    epoch: u32,
    plate: PlateKey,
    face: FaceKey,
}

impl EpochKeys {
    pub(crate) fn new(epoch: u32, plate: PlateKey, face: FaceKey) -> Self {
        Self { epoch, plate, face }
    }

    /// Random ones: they derive from nothing that survives them.
    pub(crate) fn random(epoch: u32) -> Self {
        Self { epoch, plate: PlateKey::generate(), face: FaceKey::generate() }
    }

    /// The keys for plates and faces, one after the other, as a keyring holds them.
    pub(crate) fn from_secret(epoch: u32, secret: &[u8; 64]) -> Self {
        let [plate, face] = [0, 32].map(|at| secret[at..].first_chunk().expect("32 of 64 bytes"));
        Self { epoch, plate: PlateKey::from_bytes(plate), face: FaceKey::from_bytes(face) }
    }

    /// The same the other way.
    pub(crate) fn secret(&self) -> Zeroizing<[u8; 64]> {
        let mut secret = Zeroizing::new([0; 64]);
        secret[..32].copy_from_slice(self.plate.expose());
        secret[32..].copy_from_slice(self.face.expose());
        secret
    }

    pub(crate) fn parts(&self) -> (u32, &PlateKey, &FaceKey) {
        (self.epoch, &self.plate, &self.face)
    }

    /// The epoch's number.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The pseudonym of a plate.
    pub fn plate(&self, text: &PlateText) -> Pseudonym {
        self.plate_of(text.expose().as_bytes())
    }

    /// The same of letters and digits as [`PlateText`] has them.
    pub(crate) fn plate_of(&self, letters: &[u8]) -> Pseudonym {
        prf(self.plate.expose(), letters)
    }

    /// The token of a face: links exact copies of the crop and nothing else. It does not recognise a person.
    pub fn face(&self, canonical_crop: &[u8]) -> Pseudonym {
        prf(self.face.expose(), canonical_crop)
    }

    /// What stands in this domain for a pseudonym of the custodian's own, so that an export needs no text. Equal stays
    /// equal; nobody without this key can tell which pseudonym it was. A text of 16 characters can be a pseudonym's
    /// bytes: domains of exports are never used for texts, nor the custodian's own for pseudonyms.
    pub fn rederive(&self, kind: RegionKind, home: Pseudonym) -> Pseudonym {
        match kind {
            RegionKind::Plate => prf(self.plate.expose(), &home.0),
            RegionKind::Face | RegionKind::Head => prf(self.face.expose(), &home.0),
        }
    }
}

fn prf(key: &[u8; 32], input: &[u8]) -> Pseudonym {
    let digest = blake3::keyed_hash(key, input);
    Pseudonym(*digest.as_bytes().first_chunk().expect("16 of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(text: &str) -> PlateText {
        PlateText::canonical(text).expect("a plate")
    }

    #[test]
    fn pseudonyms_differ_by_kind_domain_epoch_root_and_input() {
        let root = PseudonymRoot::from_bytes(&[7; 32]);
        let home = root.keys(Domain::HOME, 3);
        let text = plate("ABC 1234");
        let mut seen = vec![
            home.plate(&text),
            home.face(b"ABC1234"),
            home.plate(&plate("ABC1235")),
            root.keys(Domain::HOME, 4).plate(&text),
            root.keys(Domain([1; 16]), 3).plate(&text),
            PseudonymRoot::from_bytes(&[8; 32]).keys(Domain::HOME, 3).plate(&text),
        ];
        assert_eq!(home.plate(&text), root.keys(Domain::HOME, 3).plate(&plate("abc-1234")));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 6);
    }

    /// Values computed with another implementation (Python's blake3).
    #[test]
    fn the_derivation_never_changes() {
        let keys = PseudonymRoot::from_bytes(&[7; 32]).keys(Domain([9; 16]), 3);
        assert_eq!(keys.plate(&plate("ABC1234")).show(RegionKind::Plate).to_string(), "PL-9M0VV1A226K4H5PGBBRBSW6QN0");
        assert_eq!(keys.face(b"crop").show(RegionKind::Face).to_string(), "FC-E83CWCQ92KTCXE5FG3HDCT9MPW");
    }
}
