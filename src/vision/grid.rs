//! From an image to the planes that the detector looks at.
//!
//! Owns the choice of scales, the tiles of large pictures, resampling and padding (training/FORMAT.md, *Detector*):
//! training sees the same grids.

use super::meta::GridMeta;
use crate::frame::GrayPlane;
use crate::geometry::{PixelRect, Rect, Size};

/// The coarsest plane that a [`LumaSource`](crate::frame::LumaSource) has.
const COARSEST: u32 = 8;

/// The scale at which small faces and plates are found in pictures that need no tiles: that of 720p. Larger pictures are
/// seen at it, too, however large they are.
const FINEST_IN_TILES: u32 = 2;

/// Tiles overlap by this share of [`GridMeta::most`]. What is larger is cut by every tile, and seen whole at the next
/// coarser scale, where it is large still.
const OVERLAP: u32 = 8;

/// Cells of the grid by which neighbouring tiles' own areas overlap, so that what lies on the line between two has a middle
/// in one of them although each places it a little differently. Doubles are suppressed with all others.
const SLACK: f32 = 8.0;

/// One run of the net: a part of a reduced plane, and the size it is resampled to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tile {
    /// The plane is the image at 1/`denominator` of its size.
    pub denominator: u32,
    /// Part of the plane, in its pixels.
    pub area: PixelRect,
    /// What that part is resampled to.
    pub size: Size,
    /// Where the middle of what is found must lie, in pixels of the plane: the neighbours see the rest better.
    pub own: Rect,
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
    /// Sums of the columns of a row of blocks.
    sums: Vec<u16>,
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

/// How an image of `size` is looked at, finest first. One that the net takes whole at the scale of small faces is looked at
/// once, enlarged where it is small. A larger one is looked at in tiles at that scale, and at each coarser scale until it
/// is seen whole.
pub fn tiles(size: Size, meta: &GridMeta) -> Vec<Tile> {
    let whole = |denominator, to| {
        let plane = divided(size, denominator);
        let area = PixelRect::new(0, 0, plane.width, plane.height);
        Tile { denominator, area, size: to, own: area.rect() }
    };
    if long(size) <= meta.most || long(size) < 2 * meta.least {
        return vec![whole(1, resampled(size, meta))];
    }
    let mut all = Vec::new();
    for denominator in [FINEST_IN_TILES, 4, COARSEST] {
        let plane = divided(size, denominator);
        if long(plane) <= meta.most || denominator == COARSEST {
            all.push(whole(denominator, plane));
            break;
        }
        let overlap = meta.most / OVERLAP;
        let (columns, rows) = (cuts(plane.width, meta.most, overlap), cuts(plane.height, meta.most, overlap));
        for &(y, h, top, bottom) in &rows {
            for &(x, w, left, right) in &columns {
                all.push(Tile {
                    denominator,
                    area: PixelRect::new(x, y, w, h),
                    size: Size::new(w, h),
                    own: Rect::new(left, top, right - left, bottom - top),
                });
            }
        }
    }
    all
}

/// A look at the whole of an image at one and a half times its usual scale, of one that needs no tiles: they show what is small
/// already.
pub fn enlarged(size: Size, meta: &GridMeta) -> Option<Tile> {
    let [Tile { denominator, size: usual, .. }] = tiles(size, meta)[..] else { return None };
    let denominator = (denominator / 2).max(1);
    let plane = divided(size, denominator);
    let area = PixelRect::new(0, 0, plane.width, plane.height);
    let larger = |side: u32| side + side.div_ceil(2);
    Some(Tile { denominator, area, size: Size::new(larger(usual.width), larger(usual.height)), own: area.rect() })
}

/// A look at the whole of an image at half the scale of its coarsest look in [`tiles`].
pub fn glance(size: Size, meta: &GridMeta) -> Tile {
    let Tile { denominator, size: usual, .. } = tiles(size, meta).pop().expect("no image without a look");
    let denominator = (2 * denominator).min(COARSEST);
    let plane = divided(size, denominator);
    let area = PixelRect::new(0, 0, plane.width, plane.height);
    let half = divided(usual, 2);
    Tile { denominator, area, size: half, own: area.rect() }
}

/// The size at which a picture is seen whose long side is below twice `least`. Small ones are enlarged, at most twofold; those
/// above `most` are reduced the more, the larger they are, until they meet those that are halved.
fn resampled(size: Size, meta: &GridMeta) -> Size {
    let long = long(size);
    let wanted = if long > meta.most {
        // From `most` at `most` to `least` at twice `least`.
        let way = f64::from(long - meta.most) / f64::from(2 * meta.least - meta.most);
        (f64::from(meta.most) - way * f64::from(meta.most - meta.least)).round() as u32
    } else if 4 * u64::from(long) >= 3 * u64::from(meta.least) {
        return size;
    } else {
        meta.least.min(2 * long)
    };
    let scaled = |side: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(long);
        (exact.round() as u32).max(1)
    };
    Size::new(scaled(size.width), scaled(size.height))
}

/// Cuts a side of `length` into equal parts of at most `most` that overlap by at least `overlap`: where each begins, how long
/// it is, and from where to where it is the one that counts.
fn cuts(length: u32, most: u32, overlap: u32) -> Vec<(u32, u32, f32, f32)> {
    if length <= most {
        return vec![(0, length, 0.0, length as f32)];
    }
    let count = (length - overlap).div_ceil(most - overlap);
    let part = (length + (count - 1) * overlap).div_ceil(count);
    let begin = |at: u32| (u64::from(length - part) * u64::from(at) / u64::from(count - 1)) as u32;
    (0..count)
        .map(|at| {
            // The line between two neighbours lies in the middle of what both see.
            let line = |left: u32| (begin(left + 1) + begin(left) + part) as f32 / 2.0;
            let from = if at == 0 { 0.0 } else { line(at - 1) - SLACK };
            let to = if at + 1 == count { length as f32 } else { line(at) + SLACK };
            (begin(at), part, from, to)
        })
        .collect()
}

impl Tile {
    /// The box of the image that shows what `found` shows of a grid of this tile with `scale`, if it is this tile's own.
    pub fn place_of(&self, found: Rect, (sx, sy): (f32, f32), image: Size) -> Option<Rect> {
        let denominator = self.denominator as f32;
        let bounds = Rect::new(found.x * sx, found.y * sy, found.w * sx, found.h * sy)
            .moved(self.area.x as f32 * denominator, self.area.y as f32 * denominator)
            .clipped(image);
        let (x, y) = bounds.center();
        let (x, y) = (x / denominator, y / denominator);
        let own = self.own;
        (own.x <= x && x <= own.right() && own.y <= y && y <= own.bottom()).then_some(bounds)
    }
}

impl Grid {
    /// Fills the grid with what `tile` shows of the `plane` that it is cut from. Reuses its memory.
    pub fn fill(&mut self, plane: &GrayPlane, tile: &Tile, meta: &GridMeta) {
        let (width, height) = (tile.size.width as usize, tile.size.height as usize);
        let multiple = meta.multiple as usize;
        self.width = width.next_multiple_of(multiple);
        self.height = height.next_multiple_of(multiple);
        // From the reduced plane, not from the image: where an edge did not divide, its last pixel alone is narrower.
        let across = |from: u32, to: usize| (f64::from(from) * f64::from(tile.denominator) / to as f64) as f32;
        self.scale = (across(tile.area.w, width), across(tile.area.h, height));
        self.luma.resize(self.width * self.height, meta.pad_value);
        if (tile.area.w, tile.area.h) == (tile.size.width, tile.size.height) {
            let from = plane.data.chunks_exact(plane.size.width as usize).skip(tile.area.y as usize);
            for (to, from) in self.luma.chunks_exact_mut(self.width).zip(from).take(height) {
                to[..width].copy_from_slice(&from[tile.area.x as usize..][..width]);
            }
        } else {
            self.resample(plane, width, height);
        }
        for row in self.luma.chunks_exact_mut(self.width).take(height) {
            row[width..].fill(meta.pad_value);
        }
        self.luma[height * self.width..].fill(meta.pad_value);
    }

    /// Makes of a grid that `tile` filled one at 1/`factor` of its size: the means of its blocks, a last partial block's that of what it
    /// has.
    pub fn coarsen(&mut self, tile: &Tile, factor: u32, meta: &GridMeta) {
        let (width, height) = (tile.size.width as usize, tile.size.height as usize);
        let (multiple, factor) = (meta.multiple as usize, factor as usize);
        let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
        let to_width = columns.next_multiple_of(multiple);
        for row in 0..rows {
            // Of columns first: that is one loop without a step.
            self.sums.clear();
            self.sums.resize(width, 0);
            let lines = factor.min(height - row * factor);
            for line in self.luma.chunks_exact(self.width).skip(row * factor).take(lines) {
                for (sum, luma) in self.sums.iter_mut().zip(line) {
                    *sum += u16::from(*luma);
                }
            }
            // In place: what is written lies before what is still to be read, for a row is no longer than it was.
            let to = &mut self.luma[row * to_width..][..to_width];
            for (to, block) in to.iter_mut().zip(self.sums.chunks(factor)) {
                let count = (lines * block.len()) as u32;
                let sum: u32 = block.iter().map(|sum| u32::from(*sum)).sum();
                *to = ((sum + count / 2) / count) as u8;
            }
            to[columns..].fill(meta.pad_value);
        }
        self.width = to_width;
        self.height = rows.next_multiple_of(multiple);
        self.luma.truncate(rows * to_width);
        self.luma.resize(self.width * self.height, meta.pad_value);
        let factor = factor as f32;
        self.scale = (self.scale.0 * factor, self.scale.1 * factor);
    }

    /// The whole plane. Bilinear, half-pixel centres, edges repeated.
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
    use proptest::prelude::*;

    use super::*;
    use crate::frame::LumaSource;
    use crate::vision::testing::Picture;

    const META: GridMeta = GridMeta { most: 1024, least: 640, multiple: 32, pad_value: 114 };

    fn looked(width: u32, height: u32) -> (u32, u32, u32) {
        let all = tiles(Size::new(width, height), &META);
        let Tile { denominator, size, .. } = *all.last().expect("at least one");
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
        // The coarsest look at large ones.
        assert_eq!(looked(4000, 3000), (4, 1000, 750));
        assert_eq!(looked(12_000, 9_000), (8, 1500, 1125));
        assert_eq!(looked(1, 60_000), (8, 1, 7500));
    }

    #[test]
    fn a_picture_that_fits_is_looked_at_once() {
        for (width, height) in [(1, 1), (640, 480), (1024, 1024), (1100, 700), (1280, 720), (1920, 1080), (2048, 2048)]
        {
            assert_eq!(tiles(Size::new(width, height), &META).len(), 1, "{width}x{height}");
        }
    }

    #[test]
    fn no_pixel_more_changes_the_scale_of_the_finest_look_by_much() {
        let finest = |long: u32| {
            let tile = tiles(Size::new(long, long / 16 * 9), &META)[0];
            f64::from(tile.denominator * tile.area.w) / f64::from(tile.size.width)
        };
        // Below, small pictures are enlarged.
        for long in META.least / 4 * 3..15_000 {
            let (here, next) = (finest(long), finest(long + 1));
            assert!(next / here < 1.01 && here / next < 1.01, "{long}: {here}, then {next}");
            assert!(here < 2.02, "{long}: {here}");
        }
    }

    proptest! {
        #[test]
        fn tiles_cover_every_scale_and_each_place_has_an_owner_that_sees_around_it(
            width in 1u32..20_000, height in 1u32..20_000, x in 0.0f32..1.0, y in 0.0f32..1.0,
        ) {
            let size = Size::new(width, height);
            let all = tiles(size, &META);
            for denominator in [1, 2, 4, 8] {
                let plane = divided(size, denominator);
                let (x, y) = (x * plane.width as f32, y * plane.height as f32);
                let level: Vec<&Tile> = all.iter().filter(|tile| tile.denominator == denominator).collect();
                let owner = |tile: &&&Tile| {
                    let own = tile.own;
                    own.x <= x && x <= own.right() && own.y <= y && y <= own.bottom()
                };
                prop_assert_eq!(level.is_empty(), level.iter().filter(owner).count() == 0, "1/{}", denominator);
                for tile in level.iter().filter(owner) {
                    // A good half of the overlap, or the plane's edge.
                    let room = 50.0;
                    let area = tile.area.rect();
                    prop_assert!(area.x == 0.0 || x - area.x >= room);
                    prop_assert!(area.y == 0.0 || y - area.y >= room);
                    prop_assert!(tile.area.right() == plane.width || area.right() - x >= room);
                    prop_assert!(tile.area.bottom() == plane.height || area.bottom() - y >= room);
                    prop_assert!(tile.area.right() <= plane.width && tile.area.bottom() <= plane.height);
                }
            }
            let area: u64 = all.iter().map(|tile| tile.size.pixels()).sum();
            // The work grows with the picture: 1/4 for the tiles, 1/16 and 1/64 for what is coarser, and the overlaps.
            prop_assert!(area <= size.pixels() * 6 / 10 + 2 * 1024 * 1024 + 200 * u64::from(width + height));
        }
    }

    #[test]
    fn what_lies_on_a_line_between_tiles_is_somebodys_and_in_its_place() {
        let size = Size::new(6000, 4000);
        for tile in tiles(size, &META).iter().filter(|tile| tile.denominator == 2) {
            let scale = (2.0, 2.0);
            let middle = Rect::new(tile.size.width as f32 / 2.0, tile.size.height as f32 / 2.0, 10.0, 6.0);
            let found = tile.place_of(middle, scale, size).expect("its own middle");
            assert_eq!(found.x, 2.0 * (tile.area.x as f32 + middle.x));
            assert_eq!(found.y, 2.0 * (tile.area.y as f32 + middle.y));
            let corner = tile.place_of(Rect::new(0.0, 0.0, 10.0, 6.0), scale, size);
            assert_eq!(corner.is_some(), (tile.area.x, tile.area.y) == (0, 0));
        }
    }

    #[test]
    fn an_unresized_grid_is_the_reduced_plane_with_padding() {
        let picture = Picture::gradient(Size::new(1281, 717));
        let mut grid = Grid::default();
        let tile = tiles(picture.size(), &META)[0];
        grid.fill(&picture.reduced(2), &tile, &META);
        assert_eq!((grid.width, grid.height, grid.scale), (672, 384, (2.0, 2.0)));
        let reduced = picture.reduced(2);
        for y in 0..384 {
            let row = &grid.luma[y * 672..][..672];
            if y < 359 {
                assert_eq!(row[..641], reduced.data[y * 641..][..641]);
                assert!(row[641..].iter().all(|v| *v == 114));
            } else {
                assert!(row.iter().all(|v| *v == 114));
            }
        }
    }

    #[test]
    fn a_tile_is_its_part_of_the_plane() {
        let picture = Picture::gradient(Size::new(2600, 1500));
        let (plane, mut grid) = (picture.reduced(2), Grid::default());
        let all = tiles(picture.size(), &META);
        let tile = all[1];
        assert!(tile.denominator == 2 && tile.area.x > 0);
        grid.fill(&plane, &tile, &META);
        for y in 0..tile.area.h {
            let row = &grid.luma[y as usize * grid.width..][..tile.area.w as usize];
            assert_eq!(row, &plane.crop(tile.area).data[(y * tile.area.w) as usize..][..tile.area.w as usize]);
        }
    }

    proptest! {
        #[test]
        fn a_coarser_grid_has_the_means_of_blocks(
            width in 1u32..80, height in 1u32..80, factor in 2u32..6, seed in any::<u64>(),
        ) {
            let size = Size::new(width, height);
            let plane = GrayPlane { size, data: crate::nn::testing::luma(seed, (width * height) as usize) };
            let area = PixelRect::new(0, 0, width, height);
            let tile = Tile { denominator: 1, area, size, own: area.rect() };
            let mut grid = Grid::default();
            grid.fill(&plane, &tile, &META);
            grid.coarsen(&tile, factor, &META);
            let wanted = Picture(plane).reduced(factor).into_owned();
            prop_assert_eq!((grid.width % 32, grid.height % 32), (0, 0));
            prop_assert_eq!(grid.scale, (factor as f32, factor as f32));
            prop_assert_eq!(grid.luma.len(), grid.width * grid.height);
            for (at, luma) in grid.luma.iter().enumerate() {
                let (x, y) = (at % grid.width, at / grid.width);
                let inside = x < wanted.size.width as usize && y < wanted.size.height as usize;
                let due = if inside { wanted.data[y * wanted.size.width as usize + x] } else { META.pad_value };
                prop_assert_eq!(*luma, due, "{}, {}", x, y);
            }
        }

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
            let area = PixelRect::new(0, 0, width, height);
            let tile = Tile { denominator: 1, area, size: Size::new(to_width, to_height), own: area.rect() };
            grid.fill(&plane, &tile, &META);
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
