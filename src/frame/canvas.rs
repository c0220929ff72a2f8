//! What a viewer of an animation shows: parts are painted over what was there, and some go again.
//!
//! Owns painting and what becomes of a part once it was shown, in the words of GIF, animated PNG and animated WebP alike. Knows
//! nothing of how parts are coded.

use image::{Rgba, RgbaImage};

use crate::geometry::{PixelRect, Size};

/// What becomes of a part before the next one is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It stays.
    Keep,
    /// Its place is transparent.
    Clear,
    /// Its place is as it was before.
    Restore,
}

/// A part of the canvas. Its place lies inside.
pub(super) struct Part {
    pub place: PixelRect,
    pub pixels: RgbaImage,
    /// Whether what was there shows through; else it is replaced, its transparency too.
    pub over: bool,
    pub after: After,
}

/// What is shown, and what is due before the next part.
pub(super) struct Canvas {
    shown: RgbaImage,
    due: Option<Due>,
}

enum Due {
    Clear(PixelRect),
    Restore(PixelRect, RgbaImage),
}

impl Canvas {
    /// Transparent all over.
    pub fn new(size: Size) -> Self {
        Self { shown: RgbaImage::new(size.width, size.height), due: None }
    }

    /// What is shown once `part` is painted.
    pub fn paint(&mut self, part: &Part) -> &RgbaImage {
        match self.due.take() {
            None => {}
            Some(Due::Clear(place)) => fill(&mut self.shown, place, |_, _| Rgba([0; 4])),
            Some(Due::Restore(place, before)) => {
                fill(&mut self.shown, place, |x, y| *before.get_pixel(x - place.x, y - place.y));
            }
        }
        let PixelRect { x, y, w, h } = part.place;
        self.due = match part.after {
            After::Keep => None,
            After::Clear => Some(Due::Clear(part.place)),
            After::Restore => {
                Some(Due::Restore(part.place, image::imageops::crop_imm(&self.shown, x, y, w, h).to_image()))
            }
        };
        for (dx, dy, pixel) in part.pixels.enumerate_pixels() {
            let there = self.shown.get_pixel_mut(x + dx, y + dy);
            *there = if part.over { over(*pixel, *there) } else { *pixel };
        }
        &self.shown
    }
}

fn fill(image: &mut RgbaImage, place: PixelRect, color: impl Fn(u32, u32) -> Rgba<u8>) {
    for y in place.y..place.bottom() {
        for x in place.x..place.right() {
            image.put_pixel(x, y, color(x, y));
        }
    }
}

/// One colour over another, neither multiplied by how opaque it is.
fn over(top: Rgba<u8>, below: Rgba<u8>) -> Rgba<u8> {
    let (a, b) = (u32::from(top.0[3]), u32::from(below.0[3]));
    match (a, b) {
        (255, _) => return top,
        (0, _) => return below,
        (_, 0) => return top,
        _ => {}
    }
    // In 1/255²: what the top leaves of what is below.
    let left = b * (255 - a);
    let sum = a * 255 + left;
    let mixed = |channel: usize| {
        let (top, below) = (u32::from(top.0[channel]), u32::from(below.0[channel]));
        ((top * a * 255 + below * left + sum / 2) / sum) as u8
    };
    Rgba([mixed(0), mixed(1), mixed(2), ((sum + 127) / 255) as u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const NONE: [u8; 4] = [0; 4];

    fn part(x: u32, color: [u8; 4], over: bool, after: After) -> Part {
        Part { place: PixelRect::new(x, 0, 2, 1), pixels: RgbaImage::from_pixel(2, 1, Rgba(color)), over, after }
    }

    fn row(shown: &RgbaImage) -> Vec<[u8; 4]> {
        shown.pixels().map(|pixel| pixel.0).collect()
    }

    #[test]
    fn a_part_stays_goes_or_gives_back_what_was_there() {
        for (after, expected) in [
            (After::Keep, [RED, BLUE, BLUE, RED]),
            (After::Clear, [RED, NONE, NONE, RED]),
            (After::Restore, [RED, RED, NONE, RED]),
        ] {
            let mut canvas = Canvas::new(Size::new(4, 1));
            canvas.paint(&part(0, RED, true, After::Keep));
            assert_eq!(row(canvas.paint(&part(1, BLUE, true, after))), [RED, BLUE, BLUE, NONE]);
            let last = Part {
                place: PixelRect::new(3, 0, 1, 1),
                pixels: RgbaImage::from_pixel(1, 1, Rgba(RED)),
                over: true,
                after: After::Keep,
            };
            assert_eq!(row(canvas.paint(&last)), expected, "{after:?}");
        }
    }

    #[test]
    fn what_is_transparent_shows_what_was_there_or_takes_its_place() {
        for (over, expected) in [(true, [RED, RED]), (false, [NONE, NONE])] {
            let mut canvas = Canvas::new(Size::new(2, 1));
            canvas.paint(&part(0, RED, true, After::Keep));
            assert_eq!(row(canvas.paint(&part(0, NONE, over, After::Keep))), expected);
        }
        let half = over(Rgba([255, 255, 255, 128]), Rgba([0, 0, 0, 255]));
        assert_eq!(half, Rgba([128, 128, 128, 255]));
        assert_eq!(over(Rgba([200, 0, 0, 100]), Rgba(NONE)), Rgba([200, 0, 0, 100]));
        // Half over half: three quarters, in which the upper one weighs twice.
        let both = over(Rgba([255, 0, 0, 128]), Rgba([0, 0, 255, 128]));
        assert!(
            both.0[3].abs_diff(191) <= 1 && both.0[0].abs_diff(170) <= 2 && both.0[2].abs_diff(85) <= 2,
            "{both:?}"
        );
    }
}
