//! An examined image becomes a blanked copy: what of it is blanked, and how.

use super::examine::Examined;
use crate::capture::{PlateText, Region, RegionKind};
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::redact::{self, Area, Figure, RedactError};

/// What is blanked on copies, and how. By default everything, in the grey of scenes.
#[derive(Clone)]
pub struct Choice {
    /// This kind only.
    pub only: Option<RegionKind>,
    /// Plates that stay legible where they are read as one of these.
    pub legible: Vec<PlateText>,
    /// Blank on every image, too, in pixels of the stored image.
    pub mask: Vec<Rect>,
    /// Colour of what is blank, RGB.
    pub fill: [u8; 3],
}

impl Default for Choice {
    fn default() -> Self {
        Self { only: None, legible: Vec::new(), mask: Vec::new(), fill: [redact::FILL; 3] }
    }
}

/// A blanked copy.
pub struct Copied {
    /// The file, in the original's format.
    pub bytes: Vec<u8>,
    /// What was found and is blanked.
    pub blanked: Vec<Region>,
    /// Plates that were left legible, as was asked for.
    pub legible: u64,
}

impl Choice {
    /// Makes the copy of an examined image.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded, or a mask touches no pixel of it; then nothing of it may be shown.
    pub fn copy(&self, examined: Examined<'_>) -> Result<Copied, RedactError> {
        let Examined { file, frame, regions, areas } = examined;
        let mut legible = 0;
        let mut blanked = Vec::with_capacity(regions.len());
        let mut blank = Vec::with_capacity(areas.len() + self.mask.len());
        for (region, area) in regions.into_iter().zip(areas) {
            if self.only.is_some_and(|only| only != region.kind) {
                continue;
            }
            if self.spares(&region) {
                let masked = self.mask.iter().any(|mask| mask.iou(region.bounds) > 0.0);
                legible += u64::from(!masked);
                continue;
            }
            blanked.push(region);
            blank.extend_from_slice(area.pieces());
        }
        for &area in &self.mask {
            let outside = RedactError::Outside { area, size: frame.size() };
            blank.extend_from_slice(Area::new(Figure::Box, area, &frame).ok_or(outside)?.pieces());
        }
        Ok(Copied { bytes: redact::copy(frame, file, &blank, self.fill)?, blanked, legible })
    }

    /// Whether a plate is one of those that stay. One that might be read otherwise does not.
    fn spares(&self, region: &Region) -> bool {
        let best = region.reading.as_ref().and_then(|reading| reading.candidates.first());
        best.is_some_and(|best| self.legible.iter().any(|text| text.expose() == best.text.expose()))
    }
}
