//! Pictures whose shapes are in their colours alone, which eyes that see luma cannot see.
//!
//! Owns the test for them: nearly nothing in luma, a lot in chroma. It ends at the first edge, so that others take no time.

use super::{Frame, Picture, Pixels};
use crate::frame::{Content, LumaSource};
use crate::geometry::PixelRect;

/// Luma that stays within so many levels shows nothing.
pub(super) const FLAT: u8 = 16;

/// Colours that differ by more show something; noise in the dark does not.
pub(super) const COLOURED: u8 = 48;

/// Rows that are looked at at once.
const ROWS: u32 = 16;

/// The least and the most of values so far.
#[derive(Clone, Copy)]
pub(super) struct Range(pub u8, pub u8);

impl Range {
    pub const NONE: Self = Self(u8::MAX, 0);

    pub fn take(&mut self, value: u8) {
        *self = Self(self.0.min(value), self.1.max(value));
    }

    pub fn is_within(self, levels: u8) -> bool {
        self.1.saturating_sub(self.0) <= levels
    }
}

/// Whether luma shows nothing of `frame`, and colours do. `colours` decodes them, where that is yet to be done.
pub(super) fn hold_the_picture(frame: &Frame, colours: impl FnOnce() -> Option<Picture>) -> bool {
    if matches!(frame.content(), Content::Pixels(picture) if matches!(picture.pixels, Pixels::Gray(_)))
        || !is_flat(frame)
    {
        return false;
    }
    match frame.content() {
        Content::Pixels(picture) => is_coloured(&picture.pixels),
        Content::Coefficients(..) => colours().is_some_and(|picture| is_coloured(&picture.pixels)),
    }
}

fn is_flat(frame: &Frame) -> bool {
    let mut range = Range::NONE;
    let mut within = |luma: &[u8]| {
        luma.chunks(64).all(|luma| {
            luma.iter().for_each(|luma| range.take(*luma));
            range.is_within(FLAT)
        })
    };
    match frame.at_hand() {
        1 => {
            let size = frame.size();
            (0..size.height)
                .step_by(ROWS as usize)
                .all(|y| within(&frame.crop(PixelRect::new(0, y, size.width, ROWS.min(size.height - y))).data))
        }
        at_hand => within(&frame.reduced(at_hand).data),
    }
}

fn is_coloured(pixels: &Pixels) -> bool {
    let (samples, from) = match pixels {
        Pixels::Gray(_) => return false,
        // Without luma.
        Pixels::Ycbcr(samples) => (samples, 1),
        Pixels::Rgb(samples) => (samples, 0),
    };
    let mut ranges = [Range::NONE; 3];
    for pixel in samples.as_chunks::<3>().0 {
        ranges.iter_mut().zip(pixel).for_each(|(range, sample)| range.take(*sample));
    }
    ranges[from..].iter().any(|range| !range.is_within(COLOURED))
}
