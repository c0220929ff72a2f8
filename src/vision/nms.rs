//! Non-maximum suppression: of boxes that mean the same thing, the best stays.

use std::collections::BTreeMap;

use super::Detection;

/// Keeps, best first, each detection that overlaps no better one of its kind by more than `iou`.
pub fn suppress(mut found: Vec<Detection>, iou: f32) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    // By the line on which a box has its middle, with half of the greatest height there: of a hundred thousand, few lie at one height.
    let mut bands: BTreeMap<i64, (f32, Vec<Detection>)> = BTreeMap::new();
    for candidate in found {
        let (_, middle) = candidate.bounds.center();
        let half = candidate.bounds.h / 2.0;
        let band = (middle / BAND).floor();
        let reaches =
            |band: i64, tallest: f32| ((band as f32 + 0.5) * BAND - middle).abs() <= BAND / 2.0 + half + tallest;
        let near = bands.iter().filter(|(band, (tallest, _))| reaches(**band, *tallest));
        let doubled = near
            .flat_map(|(_, (_, there))| there)
            .any(|best| best.kind == candidate.kind && best.bounds.iou(candidate.bounds) > iou);
        if !doubled {
            let (tallest, there) = bands.entry(band as i64).or_default();
            *tallest = tallest.max(half);
            there.push(candidate);
            kept.push(candidate);
        }
    }
    kept
}

/// Pixels in height of what shares a band.
const BAND: f32 = 64.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::RegionKind;
    use crate::geometry::Rect;

    fn detections() -> impl Strategy<Value = Vec<Detection>> {
        let one = (any::<bool>(), 0.0f32..30.0, 0.0f32..150.0, 1.0f32..30.0, 1.0f32..200.0, 0.0f32..1.0).prop_map(
            |(plate, x, y, w, h, score)| Detection {
                kind: if plate { RegionKind::Plate } else { RegionKind::Face },
                bounds: Rect::new(x, y, w, h),
                score,
            },
        );
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        #[test]
        fn what_stays_is_apart_and_what_goes_had_a_better_double(found in detections(), iou in 0.1f32..0.9) {
            let kept = suppress(found.clone(), iou);
            prop_assert!(kept.is_sorted_by(|a, b| a.score >= b.score));
            for (i, a) in kept.iter().enumerate() {
                for b in &kept[i + 1..] {
                    prop_assert!(a.kind != b.kind || a.bounds.iou(b.bounds) <= iou);
                }
            }
            for gone in found.iter().filter(|d| !kept.contains(d)) {
                let better = |best: &Detection| {
                    best.kind == gone.kind && best.score >= gone.score && best.bounds.iou(gone.bounds) > iou
                };
                prop_assert!(kept.iter().any(better));
            }
        }
    }
}
