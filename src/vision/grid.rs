//! From an image to the plane that the detector looks at.
//!
//! Owns the choice of scale, resampling and padding (training/FORMAT.md, *Detector*): training sees the same grids.

use super::meta::GridMeta;
use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::Size;

/// What the reduced planes of a [`LumaSource`] may be divided by.
const DENOMINATORS: [u32; 4] = [1, 2, 4, 8];

/// One look at an image: which reduction, and the size it is resampled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub denominator: u32,
    pub size: Size,
}

/// A plane for the net, padded, with what leads back to the image.
#[derive(Default)]
pub struct Grid {
    pub luma: Vec<u8>,
    pub width: usize,
    pub height: usize,
    /// Image pixels in a grid pixel, across and down.
    pub scale: (f32, f32),
    columns: Vec<Tap>,
}

/// Where a resampled pixel comes from: two neighbours, and the weight of the second in 1/2048.
#[derive(Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    weight: i32,
}

fn long(size: Size) -> u32 {
    size.width.max(size.height)
}

fn divided(size: Size, denominator: u32) -> Size {
    Size::new(size.width.div_ceil(denominator), size.height.div_ceil(denominator))
}

/// How an image of `size` is looked at: halved until its long side is short enough for the detector, or enlarged where
/// the whole image is small.
pub fn look(size: Size, meta: &GridMeta) -> Look {
    let denominator = DENOMINATORS.into_iter().find(|d| long(divided(size, *d)) <= meta.most).unwrap_or(8);
    let reduced = divided(size, denominator);
    if 4 * u64::from(long(reduced)) >= 3 * u64::from(meta.least) {
        return Look { denominator, size: reduced };
    }
    let wanted = meta.least.min(2 * long(reduced));
    let scaled = |side: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(long(reduced));
        (exact.round() as u32).max(1)
    };
    Look { denominator, size: Size::new(scaled(reduced.width), scaled(reduced.height)) }
}

impl Grid {
    /// Fills the grid with `look` at `image`. Reuses its memory.
    pub fn fill(&mut self, image: &dyn LumaSource, look: Look, meta: &GridMeta) {
        let plane = image.reduced(look.denominator);
        let (width, height) = (look.size.width as usize, look.size.height as usize);
        let multiple = meta.multiple as usize;
        self.width = width.next_multiple_of(multiple);
        self.height = height.next_multiple_of(multiple);
        // From the reduced plane, not from the image: where an edge did not divide, its last pixel alone is narrower.
        let across = |from: u32, to: usize| (f64::from(from) * f64::from(look.denominator) / to as f64) as f32;
        self.scale = (across(plane.size.width, width), across(plane.size.height, height));
        self.luma.resize(self.width * self.height, meta.pad_value);
        if plane.size == look.size {
            for (to, from) in self.luma.chunks_exact_mut(self.width).zip(plane.data.chunks_exact(width)) {
                to[..width].copy_from_slice(from);
            }
        } else {
            self.resample(&plane, width, height);
        }
        for row in self.luma.chunks_exact_mut(self.width).take(height) {
            row[width..].fill(meta.pad_value);
        }
        self.luma[height * self.width..].fill(meta.pad_value);
    }

    /// Bilinear, half-pixel centres, edges repeated.
    fn resample(&mut self, plane: &GrayPlane, width: usize, height: usize) {
        let (from_width, from_height) = (plane.size.width as usize, plane.size.height as usize);
        self.columns.clear();
        self.columns.extend((0..width).map(|x| Tap::at(x, from_width, width)));
        for (y, to) in self.luma.chunks_exact_mut(self.width).take(height).enumerate() {
            let row = Tap::at(y, from_height, height);
            let upper = &plane.data[row.first * from_width..][..from_width];
            let lower = &plane.data[row.second * from_width..][..from_width];
            for (to, column) in to.iter_mut().zip(&self.columns) {
                let across = |line: &[u8]| {
                    i32::from(line[column.first]) * (Tap::ONE - column.weight)
                        + i32::from(line[column.second]) * column.weight
                };
                let sum = across(upper) * (Tap::ONE - row.weight) + across(lower) * row.weight;
                *to = ((sum + (1 << 21)) >> 22) as u8;
            }
        }
    }
}

impl Tap {
    /// 11 bits a direction: both together and a luma step fit 31 bits.
    const ONE: i32 = 1 << 11;

    /// The tap of pixel `at` of `to` when `from` pixels become `to`.
    fn at(at: usize, from: usize, to: usize) -> Self {
        let exact = (at as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let floor = exact.floor();
        let last = from - 1;
        let first = (floor.max(0.0) as usize).min(last);
        let second = ((floor + 1.0).max(0.0) as usize).min(last);
        Self { first, second, weight: ((exact - floor) * f64::from(Self::ONE)).round() as i32 }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::geometry::PixelRect;
    use crate::vision::testing::Picture;

    const META: GridMeta = GridMeta { most: 1024, least: 640, multiple: 32, pad_value: 114 };

    fn looked(width: u32, height: u32) -> (u32, u32, u32) {
        let Look { denominator, size } = look(Size::new(width, height), &META);
        (denominator, size.width, size.height)
    }

    #[test]
    fn scales_are_those_of_training() {
        assert_eq!(looked(1280, 720), (2, 640, 360));
        assert_eq!(looked(1024, 768), (1, 1024, 768));
        assert_eq!(looked(640, 480), (1, 640, 480));
        assert_eq!(looked(500, 375), (1, 500, 375));
        // Small pictures are enlarged, at most twofold.
        assert_eq!(looked(400, 300), (1, 640, 480));
        assert_eq!(looked(100, 60), (1, 200, 120));
        assert_eq!(looked(1, 1), (1, 2, 2));
        assert_eq!(looked(1920, 1080), (2, 960, 540));
        assert_eq!(looked(4000, 3000), (4, 1000, 750));
        assert_eq!(looked(12_000, 9_000), (8, 1500, 1125));
        assert_eq!(looked(1, 60_000), (8, 1, 7500));
    }

    #[test]
    fn an_unresized_grid_is_the_reduced_plane_with_padding() {
        let picture = Picture::gradient(Size::new(1279, 717));
        let mut grid = Grid::default();
        let look = look(picture.size(), &META);
        grid.fill(&picture, look, &META);
        assert_eq!((grid.width, grid.height, grid.scale), (640, 384, (2.0, 2.0)));
        let reduced = picture.reduced(2);
        for y in 0..384 {
            let row = &grid.luma[y * 640..][..640];
            if y < 359 {
                assert_eq!(row, &reduced.data[y * 640..][..640]);
            } else {
                assert!(row.iter().all(|v| *v == 114));
            }
        }
    }

    /// A picture of which only one plane is ever asked.
    struct Plane(GrayPlane);

    impl LumaSource for Plane {
        fn size(&self) -> Size {
            self.0.size
        }

        fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
            assert_eq!(denominator, 1);
            Cow::Borrowed(&self.0)
        }

        fn crop(&self, _: PixelRect) -> GrayPlane {
            unreachable!("a grid needs no crops")
        }
    }

    proptest! {
        #[test]
        fn resampling_is_bilinear(
            width in 1u32..40, height in 1u32..40, to_width in 1u32..80, to_height in 1u32..80, seed in any::<u64>(),
        ) {
            let data = crate::nn::testing::luma(seed, (width * height) as usize);
            let plane = GrayPlane { size: Size::new(width, height), data };
            let pixel = |x: f64, y: f64| {
                let x = x.clamp(0.0, f64::from(width - 1)) as usize;
                let y = y.clamp(0.0, f64::from(height - 1)) as usize;
                f64::from(plane.data[y * width as usize + x])
            };
            let mut grid = Grid::default();
            let look = Look { denominator: 1, size: Size::new(to_width, to_height) };
            grid.fill(&Plane(plane.clone()), look, &META);
            for y in 0..to_height {
                for x in 0..to_width {
                    let sx = (f64::from(x) + 0.5) * f64::from(width) / f64::from(to_width) - 0.5;
                    let sy = (f64::from(y) + 0.5) * f64::from(height) / f64::from(to_height) - 0.5;
                    let (fx, fy) = (sx.floor(), sy.floor());
                    let upper = pixel(fx, fy) * (1.0 - sx + fx) + pixel(fx + 1.0, fy) * (sx - fx);
                    let lower = pixel(fx, fy + 1.0) * (1.0 - sx + fx) + pixel(fx + 1.0, fy + 1.0) * (sx - fx);
                    let want = upper * (1.0 - sy + fy) + lower * (sy - fy);
                    let found = f64::from(grid.luma[y as usize * grid.width + x as usize]);
                    prop_assert!((found - want).abs() < 0.8, "({x}, {y}): {found}, not {want}");
                }
            }
        }
    }
}
