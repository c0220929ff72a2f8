//! The detector: the image on grids through the net, heads to candidates, each refined, doubles suppressed.

use std::sync::Arc;

use super::grid::{Grid, Tile, enlarged, glance, tiles};
use super::meta::{DetectorMeta, PerClass};
use super::nms::suppress;
use super::refiner::Refiner;
use super::{Detection, Detector, sigmoid};
use crate::capture::{Effort, RegionKind};
use crate::frame::LumaSource;
use crate::geometry::{Rect, Size};
use crate::nn::{Output, Session};

/// [`Detector`] by nets of ours: one proposes, one for each class refines.
pub struct NetDetector {
    session: Session,
    meta: Arc<DetectorMeta>,
    refiners: PerClass<Refiner>,
    heads: Option<Refiner>,
    effort: Effort,
    grid: Grid,
    had_candidates: bool,
}

impl NetDetector {
    /// `session` must run a net whose outputs were checked against `meta`.
    pub fn new(session: Session, meta: Arc<DetectorMeta>, refiners: PerClass<Refiner>, effort: Effort) -> Self {
        Self { session, meta, refiners, heads: None, effort, grid: Grid::default(), had_candidates: false }
    }

    /// The same, finding heads of which no face is seen, too.
    pub fn with_heads(self, heads: Option<Refiner>) -> Self {
        Self { heads, ..self }
    }

    /// All that might be a plate or a face on these tiles, unsure ones included. The last one is the whole image, and is looked at
    /// reduced further, too, where `coarse` says with how much effort: for what is large there.
    fn propose(&mut self, image: &dyn LumaSource, all: &[Tile], coarse: Option<Effort>) -> Vec<Detection> {
        let (size, mut found) = (image.size(), Vec::new());
        let meta = Arc::clone(&self.meta);
        for level in all.chunk_by(|a, b| a.denominator == b.denominator) {
            // Once for all tiles of a scale: it may have to be decoded.
            let plane = image.reduced(level[0].denominator);
            for tile in level {
                self.grid.fill(&plane, tile, &meta.grid);
                self.see(tile, size, NO_LEAST, &mut found);
            }
            let (Some(whole), Some(effort), Some(coarse)) = (all.last(), coarse, &meta.coarse) else { continue };
            if level.last() != Some(whole) {
                continue;
            }
            for factor in coarse.factors(effort) {
                self.grid.fill(&plane, whole, &meta.grid);
                self.grid.coarsen(whole, *factor, &meta.grid);
                self.see(whole, size, coarse.least, &mut found);
            }
        }
        suppress(found, self.meta.nms_iou)
    }

    /// What the net finds on the grid, which shows `tile` of an image of `size`, if its shorter side has `least` pixels of the grid.
    fn see(&mut self, tile: &Tile, size: Size, least: PerClass<f32>, found: &mut Vec<Detection>) {
        let Grid { luma, width, height, scale, .. } = &self.grid;
        self.session.run(luma, *width, *height).expect("a padded grid of bounded size was tried at parsing");
        found.extend(candidates(self.session.output(0), &self.meta).into_iter().filter_map(|(kind, bounds, score)| {
            if bounds.w.min(bounds.h) < least.of(kind) {
                return None;
            }
            let bounds = tile.place_of(bounds, *scale, size)?;
            (bounds.w >= LEAST_SIDE && bounds.h >= LEAST_SIDE).then_some(Detection { kind, bounds, score })
        }));
    }
}

/// Pixels of the image. Nothing can be told from less, and a window around it would show nothing but its edge.
const LEAST_SIDE: f32 = 2.0;

/// Every candidate counts.
const NO_LEAST: PerClass<f32> = PerClass { plate: 0.0, face: 0.0 };

impl Detector for NetDetector {
    fn detect(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let mut all = tiles(image.size(), &self.meta.grid);
        if self.effort == Effort::Thorough {
            all.splice(..0, enlarged(image.size(), &self.meta.grid));
        }
        let found = self.propose(image, &all, Some(self.effort));
        self.had_candidates = !found.is_empty();
        self.refine(image, found, true)
    }

    fn detect_aside(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let found = self.propose(image, &tiles(image.size(), &self.meta.grid), None);
        self.refine(image, found, false)
    }

    fn glance(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let whole = glance(image.size(), &self.meta.grid);
        let mut found = self.propose(image, &[whole], None);
        found.retain(|candidate| candidate.score >= GLANCED_FROM);
        found.truncate(GLANCED);
        self.refine(image, found, false)
    }

    fn had_candidates(&self) -> bool {
        self.had_candidates
    }
}

/// A glance refines so many candidates, from this score on: whether a picture is the right way up, its best ones tell. Of
/// training photographs, the right way up, 19 of 20 show a better one, and of drawn ones the wrong way up one in two.
const GLANCED: usize = 3;
const GLANCED_FROM: f32 = 0.25;

impl NetDetector {
    /// What candidates are worth; what is no face may be a head where `heads` are asked for.
    fn refine(&mut self, image: &dyn LumaSource, mut found: Vec<Detection>, heads: bool) -> Vec<Detection> {
        let threshold = self.meta.threshold.redact(self.effort);
        found.retain_mut(|candidate| {
            let refined = self.refiners.of_mut(candidate.kind).refine(image, *candidate);
            if refined.score >= threshold.of(candidate.kind) {
                *candidate = refined;
                return true;
            }
            let heads = self.heads.as_mut().filter(|_| heads && candidate.kind == RegionKind::Face);
            let head = heads.and_then(|heads| heads.head(image, *candidate, refined.bounds, refined.score));
            head.map(|head| *candidate = head).is_some()
        });
        suppress(found, self.meta.refined_iou)
    }
}

/// Peaks of the heads as boxes in grid pixels: all of them, since a crowd has as many as there are people in it. The cells bound
/// the work.
fn candidates(heads: Output<'_>, meta: &DetectorMeta) -> Vec<(RegionKind, Rect, f32)> {
    let mut peaks: Vec<(f32, RegionKind, usize, usize)> = Vec::new();
    let classes: Vec<(usize, RegionKind, f32)> = meta
        .classes
        .iter()
        .map(|class| RegionKind::from(*class))
        .enumerate()
        .map(|(channel, kind)| {
            let threshold = meta.propose.of(kind);
            (channel, kind, libm::logf(threshold / (1.0 - threshold)))
        })
        .collect();
    for y in 0..heads.height() {
        for (x, cell) in heads.row(y).enumerate() {
            for &(channel, kind, least) in &classes {
                let logit = cell[channel];
                if logit >= least && is_peak(heads, y, x, channel) {
                    peaks.push((logit, kind, y, x));
                }
            }
        }
    }
    let stride = meta.stride as f32;
    let first = meta.classes.len();
    peaks
        .into_iter()
        .filter_map(|(logit, kind, y, x)| {
            let raw = heads.cell(y, x)[first..].first_chunk::<4>()?;
            let [left, top, right, bottom] = raw.map(|r| libm::expf(r.clamp(meta.raw_min, meta.raw_max)) * stride);
            let (cx, cy) = ((x as f32 + 0.5) * stride, (y as f32 + 0.5) * stride);
            Some((kind, Rect::new(cx - left, cy - top, left + right, top + bottom), sigmoid(logit)))
        })
        .collect()
}

/// Whether no neighbour of the cell has a greater logit.
fn is_peak(heads: Output<'_>, y: usize, x: usize, channel: usize) -> bool {
    let logit = heads.cell(y, x)[channel];
    let columns = x.saturating_sub(1)..=(x + 1).min(heads.width() - 1);
    (y.saturating_sub(1)..=(y + 1).min(heads.height() - 1))
        .all(|y| columns.clone().all(|x| heads.cell(y, x)[channel] <= logit))
}
