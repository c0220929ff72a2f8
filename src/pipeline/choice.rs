//! An examined image becomes a blanked copy: what of it is blanked, and how.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::examine::Examined;
use super::record::masked;
use super::several::{self, Looked};
use crate::capture::{PlateText, Region, RegionKind};
use crate::frame::{Format, LumaSource, Orientation};
use crate::geometry::{Rect, Size};
use crate::redact::{self, Area, Blank, CELLS, Figure, Manner, RedactError, Style, covered};

/// What is blanked on copies, and how. By default everything, in the grey of scenes.
#[derive(Clone, Default)]
pub struct Choice {
    /// This kind only; whoever wants faces wants heads.
    pub only: Option<RegionKind>,
    /// Plates that stay legible where they are read as one of these.
    pub legible: Vec<PlateText>,
    /// Regions that are less sure than this stay as they are.
    pub threshold: f32,
    /// Blank too, in one colour.
    pub mask: Boxes,
    /// What lies in these for the most part stays as it is.
    pub except: Boxes,
    /// How faces look where they are blank, on pictures that do not move. Plates, of which a few means may be telling, show one at most.
    pub style: Style,
    /// The rest of a copy's looks, and what it keeps beside the picture.
    pub manner: Manner,
}

/// Boxes in pixels of the stored image.
#[derive(Clone, Debug, PartialEq)]
pub enum Boxes {
    /// On every image.
    Everywhere(Vec<Rect>),
    /// On images of these names, which are paths below what the source is made of.
    ByName(HashMap<PathBuf, Vec<Rect>>),
}

impl Default for Boxes {
    fn default() -> Self {
        Self::Everywhere(Vec::new())
    }
}

impl Boxes {
    /// The images that they name.
    pub fn names(&self) -> impl Iterator<Item = &Path> {
        let named = match self {
            Self::Everywhere(_) => None,
            Self::ByName(boxes) => Some(boxes.keys().map(PathBuf::as_path)),
        };
        named.into_iter().flatten()
    }

    /// Those on the image `name`.
    pub fn of(&self, name: &Path) -> &[Rect] {
        match self {
            Self::Everywhere(boxes) => boxes,
            Self::ByName(boxes) => boxes.get(name).map_or(&[], Vec::as_slice),
        }
    }
}

/// A blanked copy.
pub struct Copied {
    /// The file, in the original's format.
    pub bytes: Vec<u8>,
    /// The image's size, as it is stored.
    pub size: Size,
    /// Which way up the original is. A copy of a JPEG is stored as it is, with a tag.
    pub orientation: Orientation,
    /// Whether the copy is stored upright, whatever the original is.
    pub turned: bool,
    /// What was found and is blanked, in pixels of the original as it is stored; of a file of several pictures, each plate and face
    /// once, where it was seen first.
    pub blanked: Vec<Region>,
    /// Pixels of all pictures of the file, and how many of them are blank.
    pub pixels: u64,
    /// See [`Copied::pixels`].
    pub blank: u64,
    /// Regions that were left legible, as was asked for.
    pub legible: u64,
    /// Rows of letters on the original, in pixels of the stored picture, if it was searched for such.
    pub lettering: Option<Vec<Rect>>,
}

impl Copied {
    /// The copy's size as it is stored.
    pub fn copy_size(&self) -> Size {
        if self.turned { self.orientation.seen_size(self.size) } else { self.size }
    }

    /// A box of the original, as it is stored, on the copy as that is stored.
    pub fn on_copy(&self, stored: Rect) -> Rect {
        if self.turned { self.orientation.box_to_seen(stored, self.size) } else { stored }
    }
}

/// What is blanked of one picture.
struct Chosen {
    /// Regions, whose blanks come first and in their order.
    blanked: Vec<Region>,
    blanks: Vec<Blank>,
    legible: u64,
}

/// Pixels of one picture that are blank.
fn hidden(blanks: &[Blank]) -> u64 {
    let pieces: Vec<_> = blanks.iter().flat_map(|blank| blank.area.pieces()).copied().collect();
    covered(&pieces)
}

impl Choice {
    /// Makes the copy of the examined image `name`.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded, or a mask touches no pixel of it; then nothing of it may be shown.
    pub fn copy(&self, name: &Path, examined: Examined<'_>) -> Result<Copied, RedactError> {
        let moves = !examined.further.is_empty() && several::moves(examined.frame.format());
        self.copy_in(if moves { Style::Solid } else { self.style }, name, examined)
    }

    /// The same in another style. What moves has one colour: means of what is there would add up over the pictures.
    pub(super) fn copy_in(&self, style: Style, name: &Path, examined: Examined<'_>) -> Result<Copied, RedactError> {
        let lettering = examined.searched();
        let Examined { file, frame, regions, areas, further, .. } = examined;
        let on = |mask| Area::new(Figure::Box, mask, &frame);
        let first = self.chosen((name, style), regions, areas, frame.size(), on);
        let Chosen { blanked, blanks, legible } = first?;
        let (size, orientation) = (frame.size(), frame.orientation());
        if further.is_empty() {
            let turned = frame.format().of_copy() != Format::Jpeg && orientation != Orientation::Upright;
            let (pixels, blank) = (size.pixels(), hidden(&blanks));
            let bytes = redact::copy(frame, file, &blanks, &self.manner)?;
            return Ok(Copied { bytes, size, orientation, turned, blanked, pixels, blank, legible, lettering });
        }
        let format = frame.format();
        drop(frame);
        // Pages are turned, and canvases are not.
        let turned = !several::moves(format) && orientation != Orientation::Upright;
        let (bytes, blanked_once) = (Vec::new(), Vec::new());
        let pixels = size.pixels() + further.iter().map(|looked| looked.size.pixels()).sum::<u64>();
        let mut copied =
            Copied { bytes, size, orientation, turned, blanked: blanked_once, pixels, blank: 0, legible, lettering };
        let area_of = |blank: &Blank| blank.area.clone();
        let mut seen = vec![(blanked, blanks.iter().map(area_of).collect::<Vec<_>>())];
        let mut pictures = vec![blanks];
        for Looked { size, regions, areas } in further {
            let on = |mask| Area::on_pixels(Figure::Box, mask, size);
            let Chosen { blanked, blanks, legible } = self.chosen((name, style), regions, areas, size, on)?;
            // Of an animation, one that stays is on many pictures.
            copied.legible =
                if several::moves(format) { copied.legible.max(legible) } else { copied.legible + legible };
            seen.push((blanked, blanks.iter().map(area_of).collect()));
            pictures.push(blanks);
        }
        let pictures = several::around(pictures, format);
        copied.blank = pictures.iter().map(|blanks| hidden(blanks)).sum();
        copied.blanked = several::distinct(seen, format).into_iter().map(|sighting| sighting.region).collect();
        copied.bytes = redact::copy_all(file, &pictures, &self.manner)?;
        Ok(copied)
    }

    /// What is blanked of one picture of the image `name`, which has this `size` and whose masks' areas `on` gives.
    fn chosen(
        &self,
        (name, style): (&Path, Style),
        regions: Vec<Region>,
        areas: Vec<Area>,
        size: Size,
        on: impl Fn(Rect) -> Option<Area>,
    ) -> Result<Chosen, RedactError> {
        let mask = self.mask.of(name);
        let mut chosen = Chosen { blanked: Vec::new(), blanks: Vec::new(), legible: 0 };
        for (region, area) in regions.into_iter().zip(areas) {
            if self.passes_over(&region) || self.leaves(name, &region) {
                let masked = mask.iter().any(|mask| mask.overlap(region.bounds) > 0.0);
                chosen.legible += u64::from(!masked);
                continue;
            }
            let cells = if region.kind.is_person() { CELLS } else { 1 };
            chosen.blanked.push(region);
            chosen.blanks.push(Blank { area, style, cells });
        }
        let blank = |area| Blank { area, style: Style::Solid, cells: 0 };
        chosen.blanks.extend(masked(mask, size, on)?.into_iter().map(blank));
        Ok(chosen)
    }

    /// Whether a region is none of those that are asked for.
    pub(super) fn passes_over(&self, region: &Region) -> bool {
        let is_other = |only: RegionKind| only.is_person() != region.kind.is_person();
        self.only.is_some_and(is_other) || region.score < self.threshold
    }

    /// Whether a region of the image `name` stays legible.
    pub(super) fn leaves(&self, name: &Path, region: &Region) -> bool {
        let within = |except: &Rect| except.overlap(region.bounds) > 0.5 * region.bounds.area();
        self.except.of(name).iter().any(within) || self.spares(region)
    }

    /// Whether a plate is one of those that stay. One that might be read otherwise does not.
    fn spares(&self, region: &Region) -> bool {
        let best = region.reading.as_ref().and_then(|reading| reading.candidates.first());
        best.is_some_and(|best| self.legible.iter().any(|text| text.expose() == best.text.expose()))
    }
}
