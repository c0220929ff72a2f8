//! Luma from decoded samples: reduced by whole factors, or a piece at full size.
//!
//! Every look begins here, so the loops are written for vectors and compiled for those of the processor.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{GrayPlane, Pixels};
use crate::geometry::{PixelRect, Size};
use crate::simd;

/// Luma at 1/`denominator` of `size`, or at the next smaller of the reductions that there are: 1, 2, 4 and 8.
pub(super) fn reduced(pixels: &Pixels, size: Size, denominator: u32) -> GrayPlane {
    simd::run(Reduce { pixels, size, denominator })
}

/// Luma of `area` at full size.
pub(super) fn crop(pixels: &Pixels, size: Size, area: PixelRect) -> GrayPlane {
    simd::run(Crop { pixels, size, area })
}

// Not closures, which would be compiled apart from the set that runs them.
struct Reduce<'a> {
    pixels: &'a Pixels,
    size: Size,
    denominator: u32,
}

impl WithSimd for Reduce<'_> {
    type Output = GrayPlane;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> GrayPlane {
        let Self { pixels, size, denominator } = self;
        match denominator {
            0 | 1 => rows(pixels, size, PixelRect { x: 0, y: 0, w: size.width, h: size.height }),
            2 | 3 => means::<2>(pixels, size),
            4..=7 => means::<4>(pixels, size),
            _ => means::<8>(pixels, size),
        }
    }
}

struct Crop<'a> {
    pixels: &'a Pixels,
    size: Size,
    area: PixelRect,
}

impl WithSimd for Crop<'_> {
    type Output = GrayPlane;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> GrayPlane {
        rows(self.pixels, self.size, self.area)
    }
}

#[inline(always)]
fn rows(pixels: &Pixels, size: Size, area: PixelRect) -> GrayPlane {
    let mut data = vec![0; area.w as usize * area.h as usize];
    for (y, row) in (area.y..area.bottom()).zip(data.chunks_exact_mut(area.w as usize)) {
        luma_row(pixels, size, y, area.x..area.right(), row);
    }
    GrayPlane { size: Size::new(area.w, area.h), data }
}

/// The mean of each block of `D` × `D` pixels; at the right and the lower edge of what there is of it.
#[inline(always)]
fn means<const D: usize>(pixels: &Pixels, size: Size) -> GrayPlane {
    // Sums of a block must fit 16 bits.
    const { assert!(D * D * 255 <= u16::MAX as usize) };
    let (width, height) = (size.width as usize, size.height as usize);
    let (columns, lines) = (width.div_ceil(D), height.div_ceil(D));
    let mut data = vec![0; columns * lines];
    let mut row = vec![0; width];
    let mut sums = vec![0u16; columns];
    for (top, means) in (0..height).step_by(D).zip(data.chunks_exact_mut(columns)) {
        let bottom = (top + D).min(height);
        sums.fill(0);
        for y in top..bottom {
            luma_row(pixels, size, y as u32, 0..size.width, &mut row);
            let (blocks, rest) = row.as_chunks::<D>();
            for (sum, block) in sums.iter_mut().zip(blocks) {
                *sum += block.iter().map(|v| u16::from(*v)).sum::<u16>();
            }
            if let (Some(last), false) = (sums.last_mut(), rest.is_empty()) {
                *last += rest.iter().map(|v| u16::from(*v)).sum::<u16>();
            }
        }
        let mean = |sum: u16, count: usize| ((usize::from(sum) + count / 2) / count) as u8;
        if bottom - top == D {
            for (mean, sum) in means.iter_mut().zip(&sums) {
                // A division by a constant power of two: no division at all.
                *mean = ((u32::from(*sum) + (D * D / 2) as u32) / (D * D) as u32) as u8;
            }
        } else {
            for (to, sum) in means.iter_mut().zip(&sums) {
                *to = mean(*sum, (bottom - top) * D);
            }
        }
        // The last block of a row may be narrower.
        if let (Some(to), Some(sum)) = (means.last_mut(), sums.last()) {
            *to = mean(*sum, (bottom - top) * (width - (columns - 1) * D));
        }
    }
    GrayPlane { size: Size::new(columns as u32, lines as u32), data }
}

/// JPEG's luma of red, green and blue (BT.601, full range) in 1/65536.
#[inline(always)]
pub(super) fn of(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8
}

/// Luma of columns `xs` of row `y`, into `out` of the same length.
#[inline(always)]
fn luma_row(pixels: &Pixels, size: Size, y: u32, xs: Range<u32>, out: &mut [u8]) {
    let start = y as usize * size.width as usize;
    let range = start + xs.start as usize..start + xs.end as usize;
    match pixels {
        Pixels::Gray(samples) => out.copy_from_slice(&samples[range]),
        Pixels::Ycbcr(samples) => {
            let (pixels, _) = samples[range.start * 3..range.end * 3].as_chunks::<3>();
            for (luma, [y, _, _]) in out.iter_mut().zip(pixels) {
                *luma = *y;
            }
        }
        Pixels::Rgb(samples) => {
            let (pixels, _) = samples[range.start * 3..range.end * 3].as_chunks::<3>();
            for (luma, pixel) in out.iter_mut().zip(pixels) {
                *luma = of(*pixel);
            }
        }
    }
}
