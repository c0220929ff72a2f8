//! What is thin and lies over a picture: netting, railings, streaks.
//!
//! Owns the test whether a picture is full of thin lines, and what it looks like without them. Morphological opening takes away what is
//! brighter than its surroundings and thin, closing what is darker (Serra, Image Analysis and Mathematical Morphology, 1982).

use std::borrow::Cow;

use crate::capture::Effort;
use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Size};

/// Which lines are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Brighter than what they lie over.
    Bright,
    /// Darker.
    Dark,
}

/// A line is up to twice this and one pixel thick, for so many pixels of the picture's long side.
const LONG_SIDE_PER_RADIUS: u32 = 640;
const MOST_RADIUS: u32 = 8;

/// By so many steps of luma a pixel changes that lay under a line.
const STEP: u8 = 20;

/// A picture in which this share of the pixels does is looked at without its lines: in nine of ten photographs of the training sets it is
/// less. Looking so at more of them finds more that is none than it finds faces.
const SHARE: f32 = 0.08;

/// Pictures whose long side has more pixels are looked at reduced: lines are as thin in them as in others, and what is proposed there
/// is seen at this scale at most.
const MOST_LONG_SIDE: u32 = 2560;

/// So many strips of so many rows are tested: a sixth of a plane of 360 rows.
const STRIP: u32 = 8;
const STRIPS: u32 = 8;

/// Of which lines `image` is so full that it is worth a look without them.
pub fn test(image: &dyn LumaSource, effort: Effort) -> Vec<Lines> {
    if effort == Effort::Fast {
        return Vec::new();
    }
    let strips = strips(image);
    [Lines::Bright, Lines::Dark].into_iter().filter(|lines| changed(&strips, *lines) > SHARE).collect()
}

/// Strips of what is at hand of `image`, from top to bottom.
fn strips(image: &dyn LumaSource) -> Vec<GrayPlane> {
    let at_hand = image.at_hand();
    let plane = (at_hand > 1).then(|| image.reduced(at_hand));
    let Size { width, height } = plane.as_ref().map_or(image.size(), |plane| plane.size);
    let rows = STRIP.min(height);
    let count = (height / rows).min(STRIPS);
    let area = |at: u32| PixelRect::new(0, (height - rows) / count * at, width, rows);
    (0..count)
        .map(|at| match &plane {
            Some(plane) => plane.crop(area(at)),
            None => image.crop(area(at)),
        })
        .collect()
}

/// The share of the strips' pixels that lie under lines.
fn changed(strips: &[GrayPlane], lines: Lines) -> f32 {
    let (mut changed, mut all) = (0, 0);
    for strip in strips {
        let without = without(strip, lines, radius(strip.size.width));
        let pixels = strip.data.iter().zip(&without.data);
        changed += pixels.filter(|(before, after)| before.abs_diff(**after) > STEP).count();
        all += strip.data.len();
    }
    changed as f32 / all.max(1) as f32
}

fn radius(long: u32) -> u32 {
    (long / LONG_SIDE_PER_RADIUS).clamp(1, MOST_RADIUS)
}

/// How many pixels of an image of `size` become one, across and down, before its lines are taken away.
pub fn denominator(size: Size) -> u32 {
    let long = size.width.max(size.height);
    [1, 2, 4].into_iter().find(|denominator| long <= denominator * MOST_LONG_SIDE).unwrap_or(8)
}

/// All of `image` without its lines, reduced by [`denominator`].
pub fn cleared(image: &dyn LumaSource, lines: Lines) -> GrayPlane {
    let (size, reduced) = (image.size(), denominator(image.size()));
    let plane = match reduced {
        1 => Cow::Owned(image.crop(PixelRect::new(0, 0, size.width, size.height))),
        _ => image.reduced(reduced),
    };
    without(&plane, lines, radius(plane.size.width.max(plane.size.height)))
}

fn without(plane: &GrayPlane, lines: Lines, radius: u32) -> GrayPlane {
    let radius = radius as usize;
    match lines {
        Lines::Bright => filtered(&filtered(plane, radius, |a, b| a.min(b)), radius, |a, b| a.max(b)),
        Lines::Dark => filtered(&filtered(plane, radius, |a, b| a.max(b)), radius, |a, b| a.min(b)),
    }
}

/// The best of the square around each pixel, as far as it lies on the plane.
fn filtered(plane: &GrayPlane, radius: usize, best: impl Fn(u8, u8) -> u8) -> GrayPlane {
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    let mut across = plane.data.clone();
    for (to, from) in across.chunks_exact_mut(width).zip(plane.data.chunks_exact(width)) {
        for step in 1..=radius.min(width - 1) {
            to[step..].iter_mut().zip(from).for_each(|(to, from)| *to = best(*to, *from));
            to[..width - step].iter_mut().zip(&from[step..]).for_each(|(to, from)| *to = best(*to, *from));
        }
    }
    let mut data = across.clone();
    for (y, to) in data.chunks_exact_mut(width).enumerate() {
        for from in y.saturating_sub(radius)..(y + radius + 1).min(height) {
            let from = &across[from * width..][..width];
            to.iter_mut().zip(from).for_each(|(to, from)| *to = best(*to, *from));
        }
    }
    GrayPlane { size: plane.size, data }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vision::testing::Picture;

    /// A grey picture with upright lines of `value`, so many pixels wide, every twelve.
    fn lined(value: u8, wide: u32) -> Picture {
        let size = Size::new(640, 360);
        let mut picture = Picture::flat(size, 120);
        for x in (6..size.width - 12).step_by(12) {
            picture.fill(PixelRect::new(x, 0, wide, size.height), value);
        }
        picture
    }

    #[test]
    fn lines_are_seen_and_taken_away_and_what_is_broad_stays() {
        for (value, lines) in [(220, Lines::Bright), (20, Lines::Dark)] {
            let picture = lined(value, 2);
            assert_eq!(test(&picture, Effort::Normal), [lines]);
            assert!(test(&picture, Effort::Fast).is_empty());
            assert!(cleared(&picture, lines).data.iter().all(|luma| *luma == 120));
            let broad = lined(value, 6);
            assert!(test(&broad, Effort::Thorough).is_empty());
            assert_eq!(cleared(&broad, lines).data, broad.0.data);
        }
        assert!(test(&Picture::flat(Size::new(1, 1), 7), Effort::Thorough).is_empty());
    }

    proptest! {
        #[test]
        fn the_square_is_that_around_each_pixel(
            width in 1u32..20, height in 1u32..20, radius in 1usize..5, seed in any::<u64>(),
        ) {
            let size = Size::new(width, height);
            let plane = GrayPlane { size, data: crate::nn::testing::luma(seed, size.pixels() as usize) };
            let found = filtered(&plane, radius, |a, b| a.max(b));
            let (width, height) = (width as usize, height as usize);
            for (at, found) in found.data.iter().enumerate() {
                let (x, y) = (at % width, at / width);
                let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
                let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
                let wanted = rows.flat_map(|y| columns.clone().map(move |x| (x, y))).map(|(x, y)| plane.data[y * width + x]).max();
                prop_assert_eq!(Some(*found), wanted);
            }
        }

        #[test]
        fn opening_only_darkens_and_closing_only_brightens(width in 1u32..40, height in 1u32..40, seed in any::<u64>()) {
            let size = Size::new(width, height);
            let plane = GrayPlane { size, data: crate::nn::testing::luma(seed, size.pixels() as usize) };
            let opened = without(&plane, Lines::Bright, 1);
            let closed = without(&plane, Lines::Dark, 1);
            prop_assert!(opened.data.iter().zip(&plane.data).all(|(after, before)| after <= before));
            prop_assert!(closed.data.iter().zip(&plane.data).all(|(after, before)| after >= before));
            // Once is enough.
            prop_assert_eq!(without(&opened, Lines::Bright, 1).data, opened.data);
        }
    }
}
