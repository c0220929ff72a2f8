//! Windows: what a part of an image shows, at the size that a net wants.
//!
//! Owns the resampling of training/FORMAT.md, *Reader*; refiners and reader see through the same windows.

use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::{Rect, Size};

/// Resamples what `area` shows of the image to `columns` × `rows`; `None` when it lies outside. What lies beyond the
/// image's edge repeats it.
pub fn cut(image: &dyn LumaSource, area: Rect, columns: usize, rows: usize, crop: &mut Vec<u8>) -> Option<()> {
    let touched = area.pixels(image.size())?;
    let fx = ((area.w / columns as f32) as usize).max(1);
    let fy = ((area.h / rows as f32) as usize).max(1);
    let plane = shrink(image.crop(touched), fx, fy);
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    // Where output pixel `at` of `count` lies in the shrunk plane: a neighbour on each side and the second's weight.
    let tap = |at: usize, count: usize, start: f32, extent: f32, first: u32, factor: usize, size: usize| {
        let exact = (start + (at as f32 + 0.5) * extent / count as f32 - first as f32) / factor as f32 - 0.5;
        let floor = exact.floor();
        let last = size - 1;
        ((floor.max(0.0) as usize).min(last), ((floor + 1.0).max(0.0) as usize).min(last), exact - floor)
    };
    // The same in every row.
    let taps: Vec<_> = (0..columns).map(|at| tap(at, columns, area.x, area.w, touched.x, fx, width)).collect();
    crop.clear();
    for row in 0..rows {
        let (upper, lower, down) = tap(row, rows, area.y, area.h, touched.y, fy, height);
        let upper = &plane.data[upper * width..][..width];
        let lower = &plane.data[lower * width..][..width];
        crop.extend(taps.iter().map(|&(left, right, across)| {
            let mix = |line: &[u8]| f32::from(line[left]) * (1.0 - across) + f32::from(line[right]) * across;
            (mix(upper) * (1.0 - down) + mix(lower) * down + 0.5) as u8
        }));
    }
    Some(())
}

/// Blocks of `fx` × `fy` pixels become their means; a last partial block that of what it has.
fn shrink(plane: GrayPlane, fx: usize, fy: usize) -> GrayPlane {
    if fx == 1 && fy == 1 {
        return plane;
    }
    let width = plane.size.width as usize;
    let (to_width, to_height) = (width.div_ceil(fx), (plane.size.height as usize).div_ceil(fy));
    let mut data = Vec::with_capacity(to_width * to_height);
    let mut sums = vec![0u32; to_width];
    for band in plane.data.chunks(fy * width) {
        sums.fill(0);
        for line in band.chunks_exact(width) {
            for (sum, block) in sums.iter_mut().zip(line.chunks(fx)) {
                *sum += block.iter().map(|v| u32::from(*v)).sum::<u32>();
            }
        }
        let lines = band.len() / width;
        data.extend(sums.iter().enumerate().map(|(i, sum)| {
            let count = (lines * fx.min(width - i * fx)) as u32;
            ((sum + count / 2) / count) as u8
        }));
    }
    GrayPlane { size: Size::new(to_width as u32, to_height as u32), data }
}
