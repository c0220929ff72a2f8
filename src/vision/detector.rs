//! The detector: luma at one or two scales through the net, heads to boxes, doubles suppressed.

use std::sync::Arc;

use super::grid::{Grid, looks};
use super::meta::DetectorMeta;
use super::nms::suppress;
use super::{Detection, Detector};
use crate::capture::RegionKind;
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::nn::{Output, Session};

/// [`Detector`] by a net of ours.
pub struct NetDetector {
    session: Session,
    meta: Arc<DetectorMeta>,
    grid: Grid,
}

impl NetDetector {
    /// `session` must run a net whose outputs were checked against `meta`.
    pub fn new(session: Session, meta: Arc<DetectorMeta>) -> Self {
        Self { session, meta, grid: Grid::default() }
    }
}

impl Detector for NetDetector {
    fn detect(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        let mut found = Vec::new();
        for look in looks(image.size(), &self.meta.grid) {
            self.grid.fill(image, look, &self.meta.grid);
            let Grid { luma, width, height, scale, .. } = &self.grid;
            self.session.run(luma, *width, *height).expect("a padded grid of bounded size was tried at parsing");
            let candidates = candidates(self.session.output(0), &self.meta);
            found.extend(candidates.into_iter().filter_map(|(kind, bounds, score)| {
                let (sx, sy) = *scale;
                let bounds = Rect::new(bounds.x * sx, bounds.y * sy, bounds.w * sx, bounds.h * sy);
                let bounds = bounds.clipped(image.size());
                (bounds.area() > 0.0).then_some(Detection { kind, bounds, score })
            }));
        }
        suppress(found, self.meta.nms_iou)
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Peaks of the heads as boxes in grid pixels, the best `max_candidates` of them.
fn candidates(heads: Output<'_>, meta: &DetectorMeta) -> Vec<(RegionKind, Rect, f32)> {
    let mut peaks: Vec<(f32, RegionKind, usize, usize)> = Vec::new();
    let classes: Vec<(usize, RegionKind, f32)> = meta
        .classes
        .iter()
        .map(|class| RegionKind::from(*class))
        .enumerate()
        .map(|(channel, kind)| {
            let threshold = meta.threshold.redact.of(kind);
            (channel, kind, (threshold / (1.0 - threshold)).ln())
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
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    peaks.truncate(meta.max_candidates);

    let stride = meta.stride as f32;
    let first = meta.classes.len();
    peaks
        .into_iter()
        .filter_map(|(logit, kind, y, x)| {
            let raw = heads.cell(y, x)[first..].first_chunk::<4>()?;
            let [left, top, right, bottom] = raw.map(|r| r.clamp(meta.raw_min, meta.raw_max).exp() * stride);
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
