//! From an image to a net's input: scaled to fit, at the top left, background around it.

use super::super::grid::{Grid, Tile};
use super::super::meta::GridMeta;
use crate::frame::LumaSource;
use crate::geometry::{PixelRect, Size};

/// All formats halve their input five times.
pub const MULTIPLE: u32 = 32;

/// Longest side of an input: at that size a net takes seconds an image.
pub const MAX_SIDE: u32 = 4096;

/// Columns and rows of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    pub width: usize,
    pub height: usize,
}

/// How large a net's input is.
#[derive(Clone, Copy, Debug)]
pub enum Canvas {
    /// As the file says.
    Fixed(Sides),
    /// As the image's shape wants it, with a longer side of so many pixels.
    Adapted { long_side: u32 },
}

impl Canvas {
    /// The input for an image of `size`.
    pub fn sides(self, size: Size) -> Sides {
        match self {
            Self::Fixed(sides) => sides,
            Self::Adapted { long_side } => {
                let side = |side: u32| {
                    let exact = f64::from(side) * f64::from(long_side) / f64::from(size.width.max(size.height).max(1));
                    ((exact.round() as u32).next_multiple_of(MULTIPLE)).clamp(MULTIPLE, long_side) as usize
                };
                Sides { width: side(size.width), height: side(size.height) }
            }
        }
    }
}

/// Lays `image` on a canvas of `sides`: luma times `factor` on three planes, luma `background` around it. Returns the
/// canvas, and the image's pixels in one of its pixels, across and down.
pub fn lay(image: &dyn LumaSource, sides: Sides, factor: f32, background: u8) -> (Vec<f32>, (f32, f32)) {
    let size = image.size();
    // As the built-in net, no more than twice as large as it is: there is nothing more to see.
    let zoom = (sides.width as f64 / f64::from(size.width)).min(sides.height as f64 / f64::from(size.height)).min(2.0);
    let fit = |side: u32, most: usize| ((f64::from(side) * zoom).round() as u32).clamp(1, most as u32);
    let fitted = Size::new(fit(size.width, sides.width), fit(size.height, sides.height));
    // The smallest plane that is still no smaller than what is wanted.
    let enough = |d: &u32| size.width.div_ceil(*d) >= fitted.width && size.height.div_ceil(*d) >= fitted.height;
    let denominator = [8, 4, 2].into_iter().find(enough).unwrap_or(1);
    let mut grid = Grid::default();
    // The canvas itself does the padding.
    let unpadded = GridMeta { most: 0, least: 0, multiple: 1, pad_value: background };
    let reduced = image.reduced(denominator);
    let area = PixelRect::new(0, 0, reduced.size.width, reduced.size.height);
    grid.fill(&reduced, &Tile { denominator, area, size: fitted, own: area.rect() }, &unpadded);

    let plane = sides.width * sides.height;
    let mut canvas = vec![f32::from(background) * factor; 3 * plane];
    for (to, from) in canvas.chunks_exact_mut(sides.width).zip(grid.luma.chunks_exact(grid.width)) {
        to.iter_mut().zip(from).for_each(|(to, luma)| *to = f32::from(*luma) * factor);
    }
    let (first, others) = canvas.split_at_mut(plane);
    others.chunks_exact_mut(plane).for_each(|other| other.copy_from_slice(first));
    (canvas, grid.scale)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Picture;
    use super::*;

    #[test]
    fn the_canvas_has_the_images_shape() {
        let sides = |width, height| {
            let Sides { width, height } = Canvas::Adapted { long_side: 640 }.sides(Size::new(width, height));
            (width, height)
        };
        assert_eq!(sides(1280, 720), (640, 384));
        assert_eq!(sides(720, 1280), (384, 640));
        assert_eq!(sides(640, 640), (640, 640));
        assert_eq!(sides(1, 1), (640, 640));
        assert_eq!(sides(60_000, 1), (640, 32));
    }

    #[test]
    fn the_image_lies_at_the_top_left_and_its_scale_leads_back() {
        for (size, sides, fitted) in [
            (Size::new(1280, 720), Sides { width: 640, height: 640 }, (640, 360)),
            (Size::new(720, 1280), Sides { width: 640, height: 320 }, (180, 320)),
            (Size::new(20, 10), Sides { width: 96, height: 64 }, (40, 20)),
            (Size::new(3000, 3), Sides { width: 96, height: 96 }, (96, 1)),
            (Size::new(333, 217), Sides { width: 96, height: 64 }, (96, 63)),
        ] {
            let mut white = Picture::flat(size, 0);
            white.fill(PixelRect::new(0, 0, size.width, size.height), 255);
            let (canvas, (across, down)) = lay(&white, sides, 0.5, 7);
            assert_eq!(canvas.len(), 3 * sides.width * sides.height);
            for (at, value) in canvas.iter().enumerate() {
                let (x, y) = (at % sides.width, at / sides.width % sides.height);
                let expected = if x < fitted.0 && y < fitted.1 { 127.5 } else { 3.5 };
                assert_eq!(*value, expected, "{size:?} ({x}, {y})");
            }
            let close = |scale: f32, fitted: usize, side: u32| (scale * fitted as f32 - side as f32).abs() < 8.0;
            assert!(close(across, fitted.0, size.width) && close(down, fitted.1, size.height), "{size:?}");
        }
    }
}
