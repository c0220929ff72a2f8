//! JPEG by way of its samples: what cannot be spliced as coefficients.
//!
//! Both ways share one decoder of coefficients ([`crate::jpeg`]), which a test holds against two others for every sampling
//! that the standard allows. What it does not decode right is refused.

use super::{DecodeError, Picture, Pixels, coefficients};
use crate::geometry::Size;
use crate::jpeg::{self, Coded, Limits, Planes, Space};

/// How a JPEG was coded: enough to code another one with the same losses.
#[derive(Clone)]
pub(crate) struct JpegCoding {
    /// Quantisation of luma, in rows (not zigzag).
    pub(crate) luma: [u16; 64],
    /// Quantisation of the first chroma component, in rows.
    pub(crate) chroma: [u16; 64],
    /// How chroma is reduced.
    pub(crate) sampling: Sampling,
}

/// Luma's sampling factors when chroma's are 1×1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampling {
    /// Across.
    pub(crate) horizontal: u8,
    /// Down.
    pub(crate) vertical: u8,
}

/// Not bounded here: how many pixels there may be is checked with all other formats', and how long a file, before it is read.
pub(super) const LIMITS: Limits = Limits { max_pixels: u64::MAX, max_bytes: usize::MAX };

/// Size, and most bytes held while decoding, as the header claims them.
pub(super) fn claims(file: &[u8]) -> Result<(Size, u64), DecodeError> {
    let (size, planes) = jpeg::claims(file, &LIMITS).map_err(coefficients::refusal)?;
    // The picture's samples are put together while the planes' are still there.
    Ok((size, planes + 3 * size.pixels()))
}

/// All samples of `file`, whatever its kind.
pub(super) fn decode(file: &[u8]) -> Result<Picture, DecodeError> {
    picture(Coded::read(file, &LIMITS).map_err(coefficients::refusal)?)
}

/// All samples of what was read.
pub(super) fn picture(coded: Coded) -> Result<Picture, DecodeError> {
    let planes = coded.planes().map_err(coefficients::refusal)?;
    let coding = coding(&planes);
    let pixels = match planes.space {
        Space::Gray => Pixels::Gray(pixels(&planes, |[y]| [y])),
        // Without conversion: the scene is coded from the same components.
        Space::Ycbcr => Pixels::Ycbcr(pixels(&planes, |ycbcr: [u8; 3]| ycbcr)),
        Space::Rgb => Pixels::Rgb(pixels(&planes, |rgb: [u8; 3]| rgb)),
        Space::Cmyk => Pixels::Rgb(pixels(&planes, |[c, m, y, k]| on_paper([c, m, y], k))),
        Space::Ycck => Pixels::Rgb(pixels(&planes, |[y, cb, cr, k]| {
            let mut inks = [y, cb, cr];
            Pixels::to_rgb(&mut inks);
            on_paper(inks.map(|ink| 255 - ink), k)
        })),
    };
    Ok(Picture { size: planes.size, unit: planes.unit, pixels, seen: None, layers: Vec::new(), coding, stored: false })
}

/// Light from paper under three inks and black, stored inverted.
fn on_paper(inks: [u8; 3], black: u8) -> [u8; 3] {
    inks.map(|ink| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8)
}

/// One pixel after another, made of what lies at it in each of `N` planes.
fn pixels<const N: usize, const C: usize>(planes: &Planes, pixel: impl Fn([u8; N]) -> [u8; C]) -> Vec<u8> {
    let (width, height) = (planes.size.width as usize, planes.size.height as usize);
    let mut out = Vec::with_capacity(width * height * C);
    for y in 0..height {
        let rows: [(&[u8], usize); N] = std::array::from_fn(|c| (planes.planes[c].row(y), planes.planes[c].repeat.0));
        for x in 0..width {
            out.extend_from_slice(&pixel(rows.map(|(row, repeat)| row[x / repeat])));
        }
    }
    out
}

/// The original's tables and sampling, where a YCbCr or grey JPEG can be coded with the same.
fn coding(Planes { space, planes, .. }: &Planes) -> Option<JpegCoding> {
    match (space, planes.as_slice()) {
        (Space::Gray, [gray]) => {
            let sampling = Sampling { horizontal: 1, vertical: 1 };
            Some(JpegCoding { luma: gray.steps, chroma: gray.steps, sampling })
        }
        (Space::Ycbcr, [luma, cb, cr]) => {
            // Where chroma is not simply fewer samples than luma, it is coded whole.
            let (horizontal, vertical) =
                if luma.repeat == (1, 1) && cb.repeat == cr.repeat { cb.repeat } else { (1, 1) };
            let sampling = Sampling { horizontal: horizontal as u8, vertical: vertical as u8 };
            Some(JpegCoding { luma: luma.steps, chroma: cb.steps, sampling })
        }
        _ => None,
    }
}
