//! Pictures that use a small part of their range, and how much of it.
//!
//! Owns which values of an image are looked at, and what is little of eight bits. By which rules a picture is told from what was
//! laid over it: [`range`].

use super::shown::Tone;
use crate::frame::{LumaSource, range};
use crate::geometry::{PixelRect, Size};

/// Luma that keeps to fewer levels than this is stretched: where all but the darkest and the brightest hundredth do, or all in
/// most places.
const PALE: u8 = 64;

/// How to stretch the luma of an image that uses a small part of its range, everywhere or in most places.
pub fn stretch(image: &dyn LumaSource) -> Option<Tone> {
    let mut counts = [0u32; 256];
    let mut tiles = range::Tiles::new();
    rows(image, |row, y, height| {
        // Every pixel would tell no more.
        row.iter().step_by(3).for_each(|v| counts[usize::from(*v)] += 1);
        tiles.take(row, y, height);
    });
    if let Some((dark, bright)) = used(&counts) {
        return Some(Tone::Stretched(dark, bright));
    }
    let mut most = tiles.most(PALE.into())?;
    rows(image, |row, _, _| most.take(row));
    let (dark, bright) = most.range()?;
    Some(Tone::Stretched(dark as u8, bright.min(255) as u8))
}

/// Gives `each` some rows of `image`, or of what costs nothing of it, with the number of the row and of all that there are.
fn rows(image: &dyn LumaSource, mut each: impl FnMut(&[u8], usize, usize)) {
    let step = |height: usize| (height / range::ROWS).max(1);
    match image.at_hand() {
        1 => {
            let Size { width, height } = image.size();
            for y in (0..height).step_by(step(height as usize)) {
                each(&image.crop(PixelRect::new(0, y, width, 1)).data, y as usize, height as usize);
            }
        }
        at_hand => {
            let plane = image.reduced(at_hand);
            let height = plane.size.height as usize;
            let rows = plane.data.chunks_exact(plane.size.width as usize).enumerate();
            rows.step_by(step(height)).for_each(|(y, row)| each(row, y, height));
        }
    }
}

/// The range of values that have these `counts`, where it is small.
fn used(counts: &[u32; 256]) -> Option<(u8, u8)> {
    let hundredth = counts.iter().sum::<u32>() / 100;
    let end = |value: &u8, beyond: &mut u32| {
        *beyond += counts[usize::from(*value)];
        *beyond > hundredth
    };
    let (mut below, mut above) = (0, 0);
    let mut dark = (0..=255).find(|value| end(value, &mut below))?;
    let mut bright = (0..=255).rev().find(|value| end(value, &mut above))?;
    if bright.saturating_sub(dark) >= PALE {
        // What was laid over the picture is no part of its range.
        let (low, high) = range::body(counts, usize::from(PALE) / 2)?;
        (dark, bright) = (low as u8, high as u8);
    }
    // One value alone shows nothing.
    (dark < bright && bright - dark < PALE).then_some((dark, bright))
}
