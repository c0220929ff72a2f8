//! An examined image becomes the three records of a capture.

use std::borrow::Cow;

use super::examine::{Examined, Unreadable};
use super::several::{self, Sheet};
use super::source::SourceImage;
use super::summary::{Stages, timed};
use super::taken::taken;
use crate::capture::{Effort, Region, RegionKind};
use crate::frame::LumaSource;
use crate::geometry::{PixelRect, Rect, Size};
use crate::pseudonym::EpochKeys;
use crate::redact::{Area, Figure, Method, RedactError, pieces, redact};
use crate::vault::record::{
    CaptureRecord, CatalogueRecord, IdentityRecord, PlateRecord, PseudonymRecord, RegionRecord, SceneRecord, Status,
    file_digest,
};

/// Under which keys and for which site records are made.
pub(super) struct Clerk<'k> {
    pub(super) keys: &'k EpochKeys,
    pub(super) site: &'k str,
    /// How hard the eyes look.
    pub(super) effort: Option<Effort>,
    /// What is blank on every picture of the file, beside what was found.
    pub(super) mask: &'k [Rect],
}

/// A scene and the catalogue's and identity's share of what was seen. The original's bytes are added by
/// [`Clerk::record`], so that they outlive a breakdown here.
pub(super) struct Sight {
    width: u32,
    height: u32,
    regions: Vec<RegionRecord>,
    plates: Vec<PlateRecord>,
    scene: Vec<u8>,
    media_type: &'static str,
    method: Method,
    /// Variants of the picture behind it in its file.
    further: u32,
    /// `None` when it is the original itself.
    removed: Option<Vec<u8>>,
    /// Rows of letters on it, if it was searched for such.
    lettering: Option<Vec<Rect>>,
}

impl Sight {
    pub(super) fn regions(&self) -> u64 {
        self.regions.len() as u64
    }

    /// The picture's size and its rows of letters, if it was searched for such.
    pub(super) fn lettering(&mut self) -> Option<(Size, Vec<Rect>)> {
        Some((Size::new(self.width, self.height), self.lettering.take()?))
    }

    /// Whether its file holds more than the scene shows.
    pub(super) fn has_further(&self) -> bool {
        self.further > 0
    }
}

impl Clerk<'_> {
    /// Pseudonymises and redacts.
    pub(super) fn sight(&self, examined: Examined<'_>, stages: &mut Stages) -> Result<Sight, Unreadable> {
        let file = examined.file;
        let (further, lettering) = (examined.frame.further(), examined.searched());
        let (frame, regions, areas, masked, crops) = if examined.further.is_empty() {
            let Examined { frame, regions, areas, .. } = examined;
            let masked = masked(self.mask, frame.size(), |mask| Area::new(Figure::Box, mask, &frame))?;
            (frame, regions, areas, masked, None)
        } else {
            let sheet = timed(&mut stages.decode, || several::sheet(examined, self.mask))?;
            let Sheet { frame, regions, areas, masked, crops } = sheet;
            (frame, regions, areas, masked, Some(crops))
        };
        let size = frame.size();
        let crop = |index: usize| match &crops {
            Some(crops) => crops.get(index).cloned().flatten(),
            None => regions.get(index).and_then(|region| face_crop(&frame, region)),
        };
        let (records, plates) = timed(&mut stages.pseudonym, || self.regions(size, &regions, &areas, crop));
        let blank = [areas, masked].concat();
        let redaction = timed(&mut stages.redact, || redact(frame, file, &pieces(&blank)))?;
        Ok(Sight {
            width: size.width,
            height: size.height,
            regions: records,
            plates,
            further,
            scene: redaction.scene,
            media_type: redaction.media_type,
            method: redaction.method,
            lettering,
            removed: match redaction.removed {
                Cow::Borrowed(_) => None,
                Cow::Owned(removed) => Some(removed),
            },
        })
    }

    /// The records of `regions` on an image of this `size`, of which each is blanked by one of `areas`. `crop` gives what the token of
    /// a face is made of, by its number.
    fn regions(
        &self,
        size: Size,
        regions: &[Region],
        areas: &[Area],
        crop: impl Fn(usize) -> Option<Vec<u8>>,
    ) -> (Vec<RegionRecord>, Vec<PlateRecord>) {
        let mut plates = Vec::new();
        let records = (0u32..)
            .zip(regions.iter().zip(areas))
            .map(|(index, (region, area))| {
                let candidates = region.reading.iter().flat_map(|reading| &reading.candidates);
                let pseudonyms = match region.kind {
                    RegionKind::Face => crop(index as usize)
                        .map(|crop| PseudonymRecord { value: self.keys.face(&crop).0, probability: 100 })
                        .into_iter()
                        .collect(),
                    RegionKind::Head => Vec::new(),
                    RegionKind::Plate => candidates
                        .clone()
                        .map(|candidate| PseudonymRecord {
                            value: self.keys.plate(&candidate.text).0,
                            probability: percent(candidate.probability),
                        })
                        .collect(),
                };
                if region.reading.is_some() {
                    let texts = candidates.map(|candidate| candidate.text.expose().to_owned()).collect();
                    plates.push(PlateRecord { region: index, texts });
                }
                RegionRecord {
                    kind: region.kind.code(),
                    bounds: region.bounds.pixels(size).map_or([0; 4], numbers),
                    score: percent(region.score),
                    pseudonyms,
                    blank: Some(numbers(area.bounds())),
                }
            })
            .collect();
        (records, plates)
    }

    /// The capture of `file`, whose BLAKE3 is `digest`: as seen, or whole and unseen.
    pub(super) fn record(
        &self,
        image: SourceImage,
        file: Vec<u8>,
        digest: [u8; 32],
        sight: Option<Sight>,
    ) -> CaptureRecord {
        let id = crate::seal::random();
        let captured_at = image.circumstances.captured_at.or_else(|| taken(&file));
        let SourceImage { name, circumstances, .. } = image;
        let (status, width, height) = match &sight {
            Some(sight) => (Status::Examined, sight.width, sight.height),
            None => (Status::Unreadable, 0, 0),
        };
        let shown = sight.as_ref().map(|sight| file_digest(blake3::hash(&sight.scene).as_bytes()));
        let (regions, plates, scene, method, removed) = match sight {
            Some(sight) => {
                let scene = SceneRecord { id, media_type: sight.media_type.to_owned(), file: sight.scene };
                (sight.regions, sight.plates, Some(scene), sight.method, sight.removed.unwrap_or(file))
            }
            None => (Vec::new(), Vec::new(), None, Method::Whole, file),
        };
        CaptureRecord {
            catalogue: CatalogueRecord {
                id,
                status,
                captured_at: captured_at.map(|time| time.as_millisecond()),
                site: Some(circumstances.site.unwrap_or_else(|| self.site.to_owned())),
                lane: circumstances.lane,
                direction: circumstances.direction,
                class: circumstances.class,
                width,
                height,
                epoch: self.keys.epoch(),
                regions,
                sealed_by: Some(self.site.to_owned()),
                original: Some(file_digest(&digest)),
                scene: shown,
                effort: self.effort.filter(|_| status == Status::Examined),
            },
            scene,
            identity: IdentityRecord {
                id,
                source_name: name.into_os_string().into_encoded_bytes(),
                blake3: digest,
                method: method.code(),
                removed,
                plates,
            },
        }
    }
}

/// What is masked of a picture of this `size`, where `on` gives a mask's area.
///
/// # Errors
///
/// When a mask touches no pixel: what it was to hide may be anywhere.
pub(super) fn masked(mask: &[Rect], size: Size, on: impl Fn(Rect) -> Option<Area>) -> Result<Vec<Area>, RedactError> {
    mask.iter().map(|&area| on(area).ok_or(RedactError::Outside { area, size })).collect()
}

/// What a face token is the keyed hash of: width and height of the whole pixels that the tight box touches (as 32-bit
/// little-endian integers), then their luma at full size, rows top down. It links exact copies of a picture that were
/// looked at by the same eyes, and nothing else: not a second photograph, not the same one compressed again.
///
/// `None` when the box touches no pixel.
pub fn face_crop(image: &dyn LumaSource, region: &Region) -> Option<Vec<u8>> {
    let area = region.bounds.pixels(image.size())?;
    let mut crop = Vec::with_capacity(8 + area.w as usize * area.h as usize);
    crop.extend(area.w.to_le_bytes());
    crop.extend(area.h.to_le_bytes());
    crop.extend(image.crop(area).data);
    Some(crop)
}

/// A box as records have it. Sides are at most 65,535.
fn numbers(area: PixelRect) -> [i32; 4] {
    [area.x, area.y, area.w, area.h].map(|v| v as i32)
}

fn percent(probability: f32) -> u8 {
    (probability.clamp(0.0, 1.0) * 100.0).round() as u8
}
