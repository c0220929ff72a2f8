//! Windows: what a part of an image shows, at the size that a net wants.
//!
//! Owns the resampling of training/FORMAT.md, *Reader*; refiners and reader see through the same windows.

use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Rect, Size};

/// A window's pixels, and the memory that is kept from window to window.
#[derive(Default)]
pub struct Window {
    pixels: Vec<u8>,
    /// Where each column lies in the shrunk plane: the neighbour on each side, and the second's weight.
    taps: Vec<(usize, usize, f32)>,
    /// A row between two rows of the shrunk plane.
    line: Vec<f32>,
}

impl Window {
    /// Resamples what `area` shows of the image to `columns` × `rows`; `None` when it lies outside. What lies beyond the
    /// image's edge repeats it.
    pub fn cut(&mut self, image: &dyn LumaSource, area: Rect, columns: usize, rows: usize) -> Option<&[u8]> {
        let at_hand = image.at_hand();
        let (across, down) = (area.w / columns as f32, area.h / rows as f32);
        if at_hand > 1 && across.min(down) >= at_hand as f32 {
            // Pixels that would be averaged anyhow are there as means.
            let plane = image.reduced(at_hand);
            let scale = 1.0 / at_hand as f32;
            let area = Rect::new(area.x * scale, area.y * scale, area.w * scale, area.h * scale);
            let touched = area.pixels(plane.size)?;
            self.resample(plane.crop(touched), touched, area, columns, rows);
        } else {
            let touched = area.pixels(image.size())?;
            self.resample(image.crop(touched), touched, area, columns, rows);
        }
        Some(&self.pixels)
    }

    /// The last window, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Makes of the last window, of so many `columns`, its mirror image.
    pub fn mirror(&mut self, columns: usize) {
        self.pixels.chunks_exact_mut(columns).for_each(<[u8]>::reverse);
    }

    /// Fills the window from `plane`, which is `touched` of the pixels in whose measure `area` is given.
    fn resample(&mut self, plane: GrayPlane, touched: PixelRect, area: Rect, columns: usize, rows: usize) {
        let fx = ((area.w / columns as f32) as usize).max(1);
        let fy = ((area.h / rows as f32) as usize).max(1);
        let plane = shrink(plane, fx, fy);
        let (width, height) = (plane.size.width as usize, plane.size.height as usize);
        let tap = |at: usize, count: usize, start: f32, extent: f32, first: u32, factor: usize, size: usize| {
            let exact = (start + (at as f32 + 0.5) * extent / count as f32 - first as f32) / factor as f32 - 0.5;
            let floor = exact.floor();
            let last = size - 1;
            ((floor.max(0.0) as usize).min(last), ((floor + 1.0).max(0.0) as usize).min(last), exact - floor)
        };
        self.taps.clear();
        self.taps.extend((0..columns).map(|at| tap(at, columns, area.x, area.w, touched.x, fx, width)));
        self.pixels.clear();
        for row in 0..rows {
            let (upper, lower, down) = tap(row, rows, area.y, area.h, touched.y, fy, height);
            let upper = &plane.data[upper * width..][..width];
            let lower = &plane.data[lower * width..][..width];
            let mix = |upper: u8, lower: u8| f32::from(upper) * (1.0 - down) + f32::from(lower) * down;
            self.line.clear();
            self.line.extend(upper.iter().zip(lower).map(|(upper, lower)| mix(*upper, *lower)));
            let line = &self.line[..];
            self.pixels.extend(
                self.taps
                    .iter()
                    .map(|&(left, right, across)| (line[left] * (1.0 - across) + line[right] * across + 0.5) as u8),
            );
        }
    }
}

/// Blocks of `fx` × `fy` pixels become their means; a last partial block that of what it has.
pub(super) fn shrink(plane: GrayPlane, fx: usize, fy: usize) -> GrayPlane {
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
