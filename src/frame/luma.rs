//! Luma from decoded samples: reduced by whole factors, or a piece at full size.

use super::{GrayPlane, Pixels};
use crate::geometry::{PixelRect, Size};

/// Luma at 1/`denominator` of `size`.
pub(super) fn reduced(pixels: &Pixels, size: Size, denominator: u32) -> GrayPlane {
    let out_size = Size::new(size.width.div_ceil(denominator), size.height.div_ceil(denominator));
    let mut data = Vec::with_capacity(out_size.pixels() as usize);
    if denominator == 1 {
        data.resize(out_size.pixels() as usize, 0);
        for (y, row) in (0..).zip(data.chunks_exact_mut(size.width as usize)) {
            luma_row(pixels, size, y, 0..size.width, row);
        }
        return GrayPlane { size, data };
    }
    let mut row = vec![0u8; size.width as usize];
    let mut sums = vec![0u32; out_size.width as usize];
    for top in (0..size.height).step_by(denominator as usize) {
        let bottom = (top + denominator).min(size.height);
        sums.fill(0);
        for y in top..bottom {
            luma_row(pixels, size, y, 0..size.width, &mut row);
            for (sum, group) in sums.iter_mut().zip(row.chunks(denominator as usize)) {
                *sum += group.iter().map(|&v| u32::from(v)).sum::<u32>();
            }
        }
        let rows = bottom - top;
        let whole = rows * denominator;
        // The last group of a row may be narrower.
        let last = rows * (size.width - (out_size.width - 1) * denominator);
        let (tail, groups) = sums.split_last().expect("an image has at least one column");
        data.extend(groups.iter().map(|sum| ((sum + whole / 2) / whole) as u8));
        data.push(((tail + last / 2) / last) as u8);
    }
    GrayPlane { size: out_size, data }
}

/// Luma of `area` at full size.
pub(super) fn crop(pixels: &Pixels, size: Size, area: PixelRect) -> GrayPlane {
    let mut data = vec![0; area.w as usize * area.h as usize];
    for (y, row) in (area.y..area.bottom()).zip(data.chunks_exact_mut(area.w as usize)) {
        luma_row(pixels, size, y, area.x..area.right(), row);
    }
    GrayPlane { size: Size::new(area.w, area.h), data }
}

/// Luma of columns `xs` of row `y`, into `out` of the same length.
fn luma_row(pixels: &Pixels, size: Size, y: u32, xs: std::ops::Range<u32>, out: &mut [u8]) {
    let start = y as usize * size.width as usize;
    let range = start + xs.start as usize..start + xs.end as usize;
    match pixels {
        Pixels::Gray(samples) => out.copy_from_slice(&samples[range]),
        Pixels::Ycbcr(samples) => {
            for (luma, pixel) in out.iter_mut().zip(samples[range.start * 3..range.end * 3].chunks_exact(3)) {
                *luma = pixel[0];
            }
        }
        Pixels::Rgb(samples) => {
            for (luma, pixel) in out.iter_mut().zip(samples[range.start * 3..range.end * 3].chunks_exact(3)) {
                // JPEG's luma (BT.601, full range) in 1/65536.
                let [r, g, b] = [0, 1, 2].map(|i| u32::from(pixel[i]));
                *luma = ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8;
            }
        }
    }
}
