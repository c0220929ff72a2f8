//! Where labels go: beside what they belong to, and not on each other.

use crate::geometry::{PixelRect, Size};

/// Places on a picture, some of them taken.
pub struct Places {
    picture: Size,
    /// Boxes that labels should leave free.
    boxes: Vec<PixelRect>,
    taken: Vec<PixelRect>,
}

impl Places {
    /// All of `picture`, where `boxes` are better left free.
    pub fn new(picture: Size, boxes: impl Iterator<Item = PixelRect>) -> Self {
        Self { picture, boxes: boxes.collect(), taken: Vec::new() }
    }

    /// Takes a place of `size` for the label of `owner`: above it if that is free, else below, at a side, or where it
    /// hides least. Always inside the picture, where it may have to be smaller than asked.
    pub fn take(&mut self, owner: PixelRect, size: Size) -> PixelRect {
        let (w, h) = (size.width.min(self.picture.width), size.height.min(self.picture.height));
        let (left, right) = (owner.x, owner.right().saturating_sub(w));
        let middle = (owner.y + owner.h / 2).saturating_sub(h / 2);
        // Where a corner would lie outside, the label moves in, onto its owner if need be.
        let inside =
            |x: u32, y: u32| PixelRect::new(x.min(self.picture.width - w), y.min(self.picture.height - h), w, h);
        let above = owner.y.saturating_sub(h);
        let candidates = [
            inside(left, above),
            inside(right, above),
            inside(left, owner.bottom()),
            inside(right, owner.bottom()),
            inside(owner.right(), middle),
            inside(owner.x.saturating_sub(w), middle),
            // Second rows above and below.
            inside(left, above.saturating_sub(h)),
            inside(left, owner.bottom().saturating_add(h)),
        ];
        let covered = |place: PixelRect, others: &[PixelRect]| -> f32 {
            others.iter().map(|other| other.rect().overlap(place.rect())).sum()
        };
        // A label under a label says nothing; a box under one is still there.
        let harm = |place: &PixelRect| 4.0 * covered(*place, &self.taken) + covered(*place, &self.boxes);
        let best = candidates.into_iter().min_by(|a, b| harm(a).total_cmp(&harm(b)));
        let place = best.unwrap_or_else(|| inside(left, above));
        self.taken.push(place);
        place
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABEL: Size = Size::new(60, 20);

    #[test]
    fn a_label_stands_above_or_below_at_the_top() {
        let owner = PixelRect::new(100, 100, 80, 40);
        assert_eq!(
            Places::new(Size::new(640, 480), [owner].into_iter()).take(owner, LABEL),
            PixelRect::new(100, 80, 60, 20)
        );
        let top = PixelRect::new(100, 5, 80, 40);
        assert_eq!(
            Places::new(Size::new(640, 480), [top].into_iter()).take(top, LABEL),
            PixelRect::new(100, 45, 60, 20)
        );
        let corner = PixelRect::new(630, 470, 10, 10);
        assert_eq!(
            Places::new(Size::new(640, 480), [corner].into_iter()).take(corner, LABEL),
            PixelRect::new(580, 450, 60, 20)
        );
    }

    #[test]
    fn neighbours_get_places_of_their_own() {
        let owners: Vec<PixelRect> = (0..6).map(|i| PixelRect::new(100 + 45 * i, 100, 40, 50)).collect();
        let mut places = Places::new(Size::new(640, 480), owners.iter().copied());
        let taken: Vec<PixelRect> = owners.iter().map(|owner| places.take(*owner, LABEL)).collect();
        for (at, label) in taken.iter().enumerate() {
            for other in taken[..at].iter().chain(&owners) {
                assert_eq!(label.rect().overlap(other.rect()), 0.0, "{taken:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn labels_stay_inside(
            width in 1u32..300, height in 1u32..300, label in (1u32..400, 1u32..400),
            owners in prop::collection::vec((0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0), 1..20),
        ) {
            let owner = |&(x, y, w, h): &(f32, f32, f32, f32)| {
                let (x, y) = ((x * width as f32) as u32, (y * height as f32) as u32);
                let most = |left: u32, share: f32| ((left as f32 * share) as u32).max(1);
                PixelRect::new(x, y, most(width - x, w), most(height - y, h))
            };
            let owners: Vec<PixelRect> = owners.iter().map(owner).collect();
            let mut places = Places::new(Size::new(width, height), owners.iter().copied());
            for owner in owners {
                let place = places.take(owner, Size::new(label.0, label.1));
                prop_assert!(place.right() <= width && place.bottom() <= height, "{place:?}");
            }
        }
    }
}
