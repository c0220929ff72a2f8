//! Plates that hang or are seen at an angle: along which line their letters stand, and what they look like upright.
//!
//! Owns the estimate of the angle and the turning. Knows nothing of nets or texts.

use std::borrow::Cow;
use std::f32::consts::SQRT_2;

use super::window::shrink;
use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Rect, Size};

/// Degrees; what leans less is read as it is.
const LEAST: i32 = 5;
/// A box with a shorter side of fewer pixels says nothing of angles.
const SMALLEST: f32 = 14.0;
/// Wider boxes hold plates that hardly lean: one of 520 by 110 millimetres that leans by [`LEAST`] fills one of 3.3.
const WIDEST: f32 = 3.4;
/// Pixels of the long side at which angles are estimated, at most twice that.
const FINE: u32 = 96;
/// Pixels across and down of what is turned, at most.
const MOST: f32 = 400.0;
/// So many times as high as the plate is what is turned: its edges are looked for in 2.4 times its height.
const HIGH: f32 = 3.0;
/// A box as high as this many times its width may hold a plate that stands on end, and one of so many hardly one that does not.
const STEEP: std::ops::RangeInclusive<f32> = 0.85..=1.2;

/// A plate's surroundings, turned so that its letters stand upright.
pub struct Turned {
    plane: GrayPlane,
    /// About where the plate is on it.
    pub plate: Rect,
    /// By more than a right angle: letters upside down spell others, now and then.
    pub overhead: bool,
}

/// The surroundings of what `plate` of the image holds, for each angle at which its letters may stand, but for upright; the likelier first.
pub fn turned(image: &dyn LumaSource, plate: Rect) -> impl Iterator<Item = Turned> {
    let large = plate.w.min(plate.h) >= SMALLEST;
    let area = plate.pixels(image.size()).filter(|_| large);
    let lean = area.and_then(|area| angle(image.crop(area)));
    let (leans, ratio) = (plate.w <= WIDEST * plate.h, plate.h / plate.w);
    let possible = move |degrees: &i32| match degrees.abs() {
        0..LEAST => false,
        LEAST..=45 => leans && ratio <= *STEEP.end(),
        46..=134 => ratio >= *STEEP.start(),
        _ => ratio <= *STEEP.end(),
    };
    let angles = lean.into_iter().flat_map(|lean| [lean, lean - 90, lean + 90, lean - 180]);
    angles.filter(possible).filter_map(move |degrees| turn(image, plate, degrees))
}

/// By how many degrees, -45 to 44, clockwise, the strokes of what `plane` shows lean: the angle at which gradients lie most often,
/// quarters taken together, for letters are strokes across and down. `None` where there are none.
fn angle(plane: GrayPlane) -> Option<i32> {
    let factor = (plane.size.width.max(plane.size.height) / FINE).max(1) as usize;
    let plane = shrink(plane, factor, factor);
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    let mut often = [0u64; 90];
    for y in 1..height.saturating_sub(1) {
        for x in 1..width - 1 {
            let at = |dx: usize, dy: usize| i32::from(plane.data[(y + dy - 1) * width + x + dx - 1]);
            // Sobel's operator.
            let across = at(2, 0) + 2 * at(2, 1) + at(2, 2) - at(0, 0) - 2 * at(0, 1) - at(0, 2);
            let down = at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0);
            // In a box around what leans the corners are surroundings.
            let (u, v) = (x as f32 / width as f32 - 0.5, y as f32 / height as f32 - 0.5);
            let inside = (1.2 - 3.0 * (u * u + v * v)).clamp(0.0, 1.0);
            let steepness = ((across * across + down * down) as f32).sqrt();
            let degrees = libm::atan2f(down as f32, across as f32).to_degrees().round() as i32;
            often[degrees.rem_euclid(90) as usize] += (steepness * inside) as u64;
        }
    }
    // Three running sums over seven degrees are nearly a bell.
    for _ in 0..3 {
        let before = often;
        often = std::array::from_fn(|at| (at + 87..=at + 93).map(|near| before[near % 90]).sum());
    }
    let (at, most) = (0..90).map(|at| (at, often[(at + 45) % 90])).rev().max_by_key(|(_, count)| *count)?;
    (most > 0).then(|| at as i32 - 45)
}

/// The surroundings of `plate`, whose letters lean by so many degrees clockwise.
fn turn(image: &dyn LumaSource, plate: Rect, degrees: i32) -> Option<Turned> {
    let lean = (degrees as f32).to_radians();
    let (sin, cos) = (libm::sinf(lean), libm::cosf(lean));
    let (cx, cy) = plate.center();
    let reach = 1.25 * plate.w.max(plate.h) + 8.0;
    let side = (2.0 * reach).min(MOST).floor();
    let step = 2.0 * reach / side;
    let touched = Rect::new(cx, cy, 0.0, 0.0).grown(SQRT_2 * reach, SQRT_2 * reach).pixels(image.size())?;
    let factor = (step as usize).max(1);
    let source = shrink(image.crop(touched), factor, factor);
    let (last_x, last_y) = (source.size.width as usize - 1, source.size.height as usize - 1);
    let luma = |x: f32, y: f32| {
        let (x, y) = (x / factor as f32 - 0.5, y / factor as f32 - 0.5);
        let (x, y) = (x.clamp(0.0, last_x as f32), y.clamp(0.0, last_y as f32));
        let (left, top) = (x as usize, y as usize);
        let at = |x: usize, y: usize| f32::from(source.data[y.min(last_y) * (last_x + 1) + x.min(last_x)]);
        let (right, low) = (x - left as f32, y - top as f32);
        let upper = at(left, top) * (1.0 - right) + at(left + 1, top) * right;
        let lower = at(left, top + 1) * (1.0 - right) + at(left + 1, top + 1) * right;
        (upper * (1.0 - low) + lower * low + 0.5) as u8
    };
    let (w, h) = unboxed(plate, sin.abs(), cos.abs());
    let (w, h) = (w / step, h / step);
    let (columns, rows) = (side, (HIGH * h + 16.0).min(side).floor());
    let from_middle = |at: u32, count: f32| (at as f32 + 0.5 - count / 2.0) * step;
    let data = (0..rows as u32)
        .flat_map(|row| (0..columns as u32).map(move |column| (from_middle(column, columns), from_middle(row, rows))))
        .map(|(u, v)| {
            let (x, y) = (cx + u * cos - v * sin, cy + u * sin + v * cos);
            luma(x - touched.x as f32, y - touched.y as f32)
        })
        .collect();
    Some(Turned {
        plane: GrayPlane { size: Size::new(columns as u32, rows as u32), data },
        plate: Rect::new((columns - w) / 2.0, (rows - h) / 2.0, w, h),
        overhead: degrees.abs() > 134,
    })
}

/// Width and height of what leans, of which the box is known: width · cos + height · sin across, width · sin + height · cos down.
fn unboxed(around: Rect, sin: f32, cos: f32) -> (f32, f32) {
    let apart = cos * cos - sin * sin;
    if apart.abs() > 0.15 {
        let (w, h) = ((around.w * cos - around.h * sin) / apart, (around.h * cos - around.w * sin) / apart);
        if w > 8.0 && h > 5.0 && (0.8..8.0).contains(&(w / h)) {
            return (w, h);
        }
    }
    // At half a right angle the box says nothing of the ratio.
    let long = around.w.max(around.h);
    (0.9 * long, 0.4 * long)
}

impl LumaSource for Turned {
    fn size(&self) -> Size {
        self.plane.size
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        match denominator {
            1 => Cow::Borrowed(&self.plane),
            _ => Cow::Owned(shrink(self.plane.clone(), denominator as usize, denominator as usize)),
        }
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        self.plane.crop(area)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vision::testing::Picture;

    /// Dark strokes on a light plate of `w` × `h`, four across, which leans by so many degrees in the middle of a grey picture.
    fn leaning(w: f32, h: f32, degrees: f32) -> (Picture, Rect) {
        let size = Size::new(320, 320);
        let mut picture = Picture::flat(size, 110);
        let (sin, cos) = degrees.to_radians().sin_cos();
        let luma = |x: f32, y: f32| {
            let (dx, dy) = (x - 160.0, y - 160.0);
            let (u, v) = ((dx * cos + dy * sin) / w + 0.5, (dy * cos - dx * sin) / h + 0.5);
            let letter = (0.2..0.8).contains(&v) && (u * 8.0) as u32 % 2 == 1;
            match (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
                true if letter => 30,
                true => 220,
                false => 110,
            }
        };
        // As a lens draws it: each pixel the mean of what lies in it.
        for (at, pixel) in picture.0.data.iter_mut().enumerate() {
            let (x, y) = ((at as u32 % size.width) as f32, (at as u32 / size.width) as f32);
            let inside = (0..16).map(|n| luma(x + (n % 4) as f32 / 4.0 + 0.125, y + (n / 4) as f32 / 4.0 + 0.125));
            *pixel = (inside.sum::<u32>() / 16) as u8;
        }
        let (across, down) = (w * cos.abs() + h * sin.abs(), w * sin.abs() + h * cos.abs());
        (picture, Rect::new(160.0 - across / 2.0, 160.0 - down / 2.0, across, down))
    }

    proptest! {
        #[test]
        fn what_leans_is_stood_upright(w in 60.0f32..150.0, ratio in 1.8f32..3.2, degrees in -38.0f32..38.0) {
            prop_assume!(degrees.abs() > 8.0);
            let (picture, around) = leaning(w, w / ratio, degrees);
            let found: Vec<_> = turned(&picture, around).filter(|one| !one.overhead).collect();
            let [upright, ..] = &found[..] else { return Err(TestCaseError::fail("no turn")) };
            let still = angle(upright.plane.crop(upright.plate.pixels(upright.size()).unwrap())).unwrap();
            prop_assert!(still.abs() <= 3, "still leans by {still}");
            let step = (2.5 * around.w.max(around.h) + 16.0) / upright.plane.size.width as f32;
            let middle = upright.plate.center();
            let Size { width, height } = upright.plane.size;
            prop_assert!((middle.0 - width as f32 / 2.0).abs() < 1.0 && (middle.1 - height as f32 / 2.0).abs() < 1.0);
            prop_assert!((upright.plate.w * step / w - 1.0).abs() < 0.25, "{} for {w} wide", upright.plate.w * step);
        }

        #[test]
        fn nothing_panics_whatever_a_box_is(
            x in -400.0f32..400.0, y in -400.0f32..400.0, w in 0.0f32..500.0, h in 0.0f32..500.0, seed in any::<u64>(),
        ) {
            let size = Size::new(150, 90);
            let picture = Picture(GrayPlane { size, data: crate::nn::testing::luma(seed, size.pixels() as usize) });
            for one in turned(&picture, Rect::new(x, y, w, h)) {
                prop_assert!(one.plane.data.len() == one.plane.size.pixels() as usize);
            }
        }
    }

    #[test]
    fn what_stands_upright_or_is_empty_is_left_alone() {
        let (picture, around) = leaning(120.0, 50.0, 0.0);
        assert!(turned(&picture, around).all(|one| one.overhead));
        assert_eq!(turned(&Picture::flat(Size::new(90, 90), 7), Rect::new(10.0, 10.0, 60.0, 40.0)).count(), 0);
    }

    #[test]
    fn what_stands_on_end_is_turned_to_both_sides() {
        let (picture, around) = leaning(120.0, 50.0, 90.0);
        assert_eq!(turned(&picture, around).count(), 2);
    }
}
