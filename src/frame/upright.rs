//! Pictures that the camera stored lying on their side, shown to the eyes as they stood.
//!
//! Owns the eight ways in which a picture may be stored. Where files say which it is: [`super::told`].

use std::borrow::Cow;

use super::{Frame, GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Rect, Size};

/// What has to be done to the stored picture before it stands as it was seen. The eight values of EXIF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// Nothing.
    #[default]
    Upright,
    /// Mirror left to right.
    Mirrored,
    /// Turn by 180°.
    HalfTurn,
    /// Mirror top to bottom.
    Flipped,
    /// Mirror along the diagonal from the top left.
    Transposed,
    /// Turn right by 90°.
    QuarterRight,
    /// Mirror along the diagonal from the top right.
    Transversed,
    /// Turn left by 90°.
    QuarterLeft,
}

impl Orientation {
    /// All of them, in the order of EXIF's numbers, which begin at 1.
    const ALL: [Self; 8] = [
        Self::Upright,
        Self::Mirrored,
        Self::HalfTurn,
        Self::Flipped,
        Self::Transposed,
        Self::QuarterRight,
        Self::Transversed,
        Self::QuarterLeft,
    ];

    /// The one with EXIF's number, 1 to 8.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get((number as usize).checked_sub(1)?).copied()
    }

    /// EXIF's number, 1 to 8.
    pub(crate) const fn number(self) -> u8 {
        // The values of EXIF are one to eight, in this order.
        self as u8 + 1
    }

    /// From the EXIF block of a file, without its six leading bytes; upright when it does not say.
    pub(super) fn from_exif(exif: &[u8]) -> Self {
        image::metadata::Orientation::from_exif_chunk(exif).map_or(Self::Upright, Self::from)
    }

    /// The body of an APP1 segment that says this and nothing else; `None` for upright, which needs none.
    pub(crate) fn exif(self) -> Option<[u8; 32]> {
        let mut body = *b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
        body[25] = self.number();
        (self != Self::Upright).then_some(body)
    }

    /// Whether width and height change places.
    pub(crate) fn swaps_sides(self) -> bool {
        matches!(self, Self::Transposed | Self::QuarterRight | Self::Transversed | Self::QuarterLeft)
    }

    /// The way that shows this one's picture in a mirror.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Upright => Self::Mirrored,
            Self::Mirrored => Self::Upright,
            Self::HalfTurn => Self::Flipped,
            Self::Flipped => Self::HalfTurn,
            Self::Transposed => Self::QuarterRight,
            Self::QuarterRight => Self::Transposed,
            Self::Transversed => Self::QuarterLeft,
            Self::QuarterLeft => Self::Transversed,
        }
    }

    /// The size of the upright picture where the stored one's is `stored`.
    pub fn seen_size(self, stored: Size) -> Size {
        if self.swaps_sides() { Size::new(stored.height, stored.width) } else { stored }
    }

    /// The box of the stored picture that shows what `seen` shows of the upright one.
    pub(crate) fn box_to_stored(self, seen: Rect, stored: Size) -> Rect {
        let stored = (stored.width as f32, stored.height as f32);
        let corners = [(seen.x, seen.y), (seen.right(), seen.bottom())];
        Rect::around(corners.map(|corner| self.to_stored(corner, stored)))
    }

    /// The box of the upright picture that shows what `stored` shows of the stored one, of size `size`.
    pub(crate) fn box_to_seen(self, stored: Rect, size: Size) -> Rect {
        let back = match self {
            Self::QuarterRight => Self::QuarterLeft,
            Self::QuarterLeft => Self::QuarterRight,
            same => same,
        };
        back.box_to_stored(stored, self.seen_size(size))
    }

    /// The stored plane as it was seen.
    pub(crate) fn turned(self, stored: GrayPlane) -> GrayPlane {
        if self == Self::Upright {
            return stored;
        }
        GrayPlane { size: self.seen_size(stored.size), data: self.turned_samples::<1>(&stored.data, stored.size) }
    }

    /// Pixels of `N` samples, a picture of `stored` size, as they were seen.
    pub(crate) fn turned_samples<const N: usize>(self, samples: &[u8], stored: Size) -> Vec<u8> {
        let size = self.seen_size(stored);
        let extent = (stored.width as f32, stored.height as f32);
        // The way is affine: the first pixel and the steps along a row and down a column say all. Middles of pixels, so
        // that turning is exact; sides are at most 65,535, which `f32` holds exactly with a half.
        let place = |x: f32, y: f32| {
            let (sx, sy) = self.to_stored((x + 0.5, y + 0.5), extent);
            sy.floor() as isize * stored.width as isize + sx.floor() as isize
        };
        let origin = place(0.0, 0.0);
        let across = place(1.0, 0.0) - origin;
        let down = place(0.0, 1.0) - origin;
        let (pixels, _) = samples.as_chunks::<N>();
        let mut turned: Vec<[u8; N]> = Vec::with_capacity(pixels.len());
        let width = size.width as usize;
        for y in 0..size.height as isize {
            let row = origin + y * down;
            let first = row.min(row + (width as isize - 1) * across) as usize;
            let cells = pixels[first..].iter().step_by(across.unsigned_abs()).take(width);
            if across > 0 {
                turned.extend(cells);
            } else {
                turned.extend(cells.rev());
            }
        }
        turned.into_flattened()
    }

    /// Where the point (`x`, `y`) of the upright picture lies in the stored one of `stored` width and height.
    fn to_stored(self, (x, y): (f32, f32), stored: (f32, f32)) -> (f32, f32) {
        let (w, h) = stored;
        match self {
            Self::Upright => (x, y),
            Self::Mirrored => (w - x, y),
            Self::HalfTurn => (w - x, h - y),
            Self::Flipped => (x, h - y),
            Self::Transposed => (y, x),
            Self::QuarterRight => (y, h - x),
            Self::Transversed => (w - y, h - x),
            Self::QuarterLeft => (w - y, x),
        }
    }
}

impl From<image::metadata::Orientation> for Orientation {
    fn from(orientation: image::metadata::Orientation) -> Self {
        use image::metadata::Orientation as Exif;
        match orientation {
            Exif::NoTransforms => Self::Upright,
            Exif::FlipHorizontal => Self::Mirrored,
            Exif::Rotate180 => Self::HalfTurn,
            Exif::FlipVertical => Self::Flipped,
            Exif::Rotate90FlipH => Self::Transposed,
            Exif::Rotate90 => Self::QuarterRight,
            Exif::Rotate270FlipH => Self::Transversed,
            Exif::Rotate270 => Self::QuarterLeft,
        }
    }
}

/// A frame as it was seen. Boxes found on it go through [`Upright::to_stored`].
///
/// Where a side does not divide by the reduction, the narrower group of pixels is the stored image's last, which may be
/// the upright one's first: boxes from reduced planes may then lie up to `denominator` - 1 pixels off.
pub struct Upright<'f> {
    frame: &'f Frame,
}

impl<'f> Upright<'f> {
    /// The upright view of `frame`, turned only where it is asked for pixels.
    pub fn new(frame: &'f Frame) -> Self {
        Self { frame }
    }

    /// The box of the stored image that shows what `seen` shows of the upright one.
    pub fn to_stored(&self, seen: Rect) -> Rect {
        self.frame.orientation().box_to_stored(seen, self.frame.size())
    }
}

impl LumaSource for Upright<'_> {
    fn size(&self) -> Size {
        self.frame.orientation().seen_size(self.frame.size())
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        match self.frame.orientation() {
            Orientation::Upright => self.frame.reduced(denominator),
            way => Cow::Owned(way.turned(self.frame.reduced(denominator).into_owned())),
        }
    }

    fn at_hand(&self) -> u32 {
        match self.frame.orientation() {
            Orientation::Upright => self.frame.at_hand(),
            _ => 1,
        }
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        let Rect { x, y, w, h } = self.to_stored(area.rect());
        let stored = PixelRect::new(x as u32, y as u32, w as u32, h as u32);
        self.frame.orientation().turned(self.frame.crop(stored))
    }
}
