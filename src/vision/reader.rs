//! The reader: a crop around the plate through the net, symbols to texts.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Reader;
use super::ctc::{best_texts, softmax};
use super::meta::ReaderMeta;
use super::serial::weigh;
use crate::capture::{Candidate, PlateText, Reading};
use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::Rect;
use crate::nn::Session;

/// Spellings that a reading holds: what search is likely to need, and few enough to show.
const CANDIDATES: usize = 5;

/// [`Reader`] by a net of ours.
pub struct NetReader {
    session: Session,
    meta: Arc<ReaderMeta>,
    crop: Vec<u8>,
    probabilities: Vec<f64>,
}

impl NetReader {
    /// `session` must run a net whose outputs were checked against `meta`.
    pub fn new(session: Session, meta: Arc<ReaderMeta>) -> Self {
        Self { session, meta, crop: Vec::new(), probabilities: Vec::new() }
    }
}

impl Reader for NetReader {
    fn read(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Reading> {
        let [grow_x, grow_y] = self.meta.grow;
        let [rows, columns] = self.meta.size;
        cut(image, plate.grown(plate.w * grow_x, plate.h * grow_y), columns, rows, &mut self.crop)?;
        self.session.run(&self.crop, columns, rows).expect("the crop's size was tried at parsing");

        let symbols = self.session.output(0);
        self.probabilities.clear();
        for y in 0..symbols.height() {
            self.probabilities.extend(symbols.row(y).flatten().map(|logit| f64::from(*logit)));
        }
        self.probabilities.chunks_exact_mut(symbols.channels()).for_each(softmax);
        // One more than wanted: the empty text may be among them and is none.
        let texts = best_texts(&self.probabilities, symbols.channels(), CANDIDATES + 1);
        let mut candidates: Vec<Candidate> = texts
            .iter()
            .filter_map(|text| {
                let letters = text.symbols().iter().map(|s| char::from(self.meta.alphabet.as_bytes()[*s as usize - 1]));
                let spelt: Zeroizing<String> = Zeroizing::new(letters.collect());
                let text_probability = text.probability as f32;
                Some(Candidate { text: PlateText::canonical(&spelt)?, probability: text_probability })
            })
            .take(CANDIDATES)
            .collect();
        let sure = candidates.first().is_some_and(|best| best.probability >= self.meta.min_probability);
        weigh(&mut candidates);
        candidates.truncate(CANDIDATES);
        sure.then_some(Reading { candidates })
    }
}

/// Resamples what `area` shows of the image to `columns` × `rows`; `None` when it lies outside. What lies beyond the
/// image's edge repeats it.
fn cut(image: &dyn LumaSource, area: Rect, columns: usize, rows: usize, crop: &mut Vec<u8>) -> Option<()> {
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
    crop.clear();
    for row in 0..rows {
        let (upper, lower, down) = tap(row, rows, area.y, area.h, touched.y, fy, height);
        let upper = &plane.data[upper * width..][..width];
        let lower = &plane.data[lower * width..][..width];
        crop.extend((0..columns).map(|column| {
            let (left, right, across) = tap(column, columns, area.x, area.w, touched.x, fx, width);
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
    GrayPlane { size: crate::geometry::Size::new(to_width as u32, to_height as u32), data }
}
