//! What a picture with transparency shows to who does not see it on white.
//!
//! A scene is on white, and a viewer may show it on black, or take no heed of transparency. Owns what of that the eyes must see
//! besides, as layers of luma; opaque pictures have none. Knows nothing of how a picture was coded.

use super::Picture;
use super::colours::{COLOURED, FLAT, Range};
use super::luma;
use crate::geometry::Size;

/// Above, what is shown on white keeps half of its contrast.
const HIDDEN: u8 = 128;

/// Steps between samples that still are one, as after rounding.
const ONE: u8 = 8;

/// What there is beside the picture on white.
#[derive(Default)]
pub(super) struct Veiled {
    pub(super) layers: Vec<Picture>,
    /// Whether any pixel is not opaque.
    pub(super) any: bool,
    /// Whether what is hidden differs in colour alone, which the eyes do not see.
    pub(super) colours_alone: bool,
}

/// What of a picture of `size` transparency hides on white, of whose `pixels` each is red, green, blue and how opaque.
pub(super) fn veiled(size: Size, pixels: impl Iterator<Item = [u8; 4]> + Clone) -> Veiled {
    let mut opaque = Range::NONE;
    let (mut hidden, mut hidden_luma) = ([Range::NONE; 3], Range::NONE);
    for [r, g, b, alpha] in pixels.clone() {
        opaque.take(alpha);
        if alpha < HIDDEN {
            hidden.iter_mut().zip([r, g, b]).for_each(|(range, sample)| range.take(sample));
            hidden_luma.take(luma::of([r, g, b]));
        }
    }
    let mut layers = Vec::new();
    if hidden.iter().any(|range| !range.is_within(ONE)) {
        layers.push(Picture::gray(size, pixels.clone().map(|[r, g, b, _]| luma::of([r, g, b])).collect()));
    }
    // White with its shapes in transparency is nothing on white.
    if !opaque.is_within(ONE) {
        let on_black = |[r, g, b, alpha]: [u8; 4]| (u32::from(luma::of([r, g, b])) * u32::from(alpha) / 255) as u8;
        layers.push(Picture::gray(size, pixels.map(on_black).collect()));
    }
    let colours_alone = hidden_luma.is_within(FLAT) && hidden.iter().any(|range| !range.is_within(COLOURED));
    Veiled { layers, any: opaque.0 < u8::MAX, colours_alone }
}
