//! Any image file becomes a [`Frame`], within limits, or a [`DecodeError`] that says why not.
//!
//! Owns decoding and its limits. Knows nothing of plates, faces, keys or vaults.

use std::borrow::Cow;

use crate::geometry::{PixelRect, Size};

/// 8-bit luma, rows top down without gaps.
#[derive(Clone, PartialEq, Eq)]
pub struct GrayPlane {
    /// Pixels across and down.
    pub size: Size,
    /// `width × height` bytes.
    pub data: Vec<u8>,
}

/// What the eyes may ask of an image. The pixel path answers from decoded pixels; a coefficient-domain path can answer
/// without ever decoding what nobody asks for.
pub trait LumaSource {
    /// Size of the stored image.
    fn size(&self) -> Size;

    /// Luma at 1/`denominator` of the size (1, 2, 4 or 8), each pixel the mean of those it stands for; an edge that does
    /// not divide is rounded up.
    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane>;

    /// Luma of `area` at full size. `area` must lie inside the image.
    fn crop(&self, area: PixelRect) -> GrayPlane;
}
