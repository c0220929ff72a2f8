//! What a picture with transparency shows to who does not see it on white.
//!
//! A scene is on white, and a viewer may show it on black, or take no heed of transparency. Owns what of that the eyes must see
//! besides, as layers of luma; opaque pictures have none. Knows nothing of how a picture was coded.

use super::Picture;
use crate::geometry::Size;

/// Above, what is shown on white keeps half of its contrast.
const HIDDEN: u8 = 128;

/// Steps between samples that still are one, as after rounding.
const ONE: u8 = 8;

/// Luma that stays within so many levels shows nothing; colours that differ by more do.
const FLAT: u8 = 16;
const COLOURED: u8 = 48;

/// What there is beside the picture on white.
#[derive(Default)]
pub(super) struct Veiled {
    pub(super) layers: Vec<Picture>,
    /// Whether any pixel is not opaque.
    pub(super) any: bool,
    /// Whether what is hidden differs in colour alone, which the eyes do not see.
    pub(super) colours_alone: bool,
}

/// The least and the most of some samples.
#[derive(Clone, Copy)]
struct Span(u8, u8);

impl Span {
    const NONE: Self = Self(u8::MAX, 0);

    fn take(&mut self, sample: u8) {
        *self = Self(self.0.min(sample), self.1.max(sample));
    }

    fn exceeds(self, steps: u8) -> bool {
        self.1.saturating_sub(self.0) > steps
    }
}

/// What of a picture of `size` transparency hides on white, of whose `pixels` each is red, green, blue and how opaque.
pub(super) fn veiled(size: Size, pixels: impl Iterator<Item = [u8; 4]> + Clone) -> Veiled {
    let mut opaque = Span::NONE;
    let (mut hidden, mut hidden_luma) = ([Span::NONE; 3], Span::NONE);
    for [r, g, b, alpha] in pixels.clone() {
        opaque.take(alpha);
        if alpha < HIDDEN {
            hidden.iter_mut().zip([r, g, b]).for_each(|(span, sample)| span.take(sample));
            hidden_luma.take(luma([r, g, b]));
        }
    }
    let mut layers = Vec::new();
    if hidden.iter().any(|span| span.exceeds(ONE)) {
        layers.push(Picture::gray(size, pixels.clone().map(|[r, g, b, _]| luma([r, g, b])).collect()));
    }
    // White with its shapes in transparency is nothing on white.
    if opaque.exceeds(ONE) {
        let on_black = |[r, g, b, alpha]: [u8; 4]| (u32::from(luma([r, g, b])) * u32::from(alpha) / 255) as u8;
        layers.push(Picture::gray(size, pixels.map(on_black).collect()));
    }
    let colours_alone = !hidden_luma.exceeds(FLAT) && hidden.iter().any(|span| span.exceeds(COLOURED));
    Veiled { layers, any: opaque.0 < u8::MAX, colours_alone }
}

/// JPEG's luma (BT.601, full range) in 1/65536.
fn luma(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8
}
