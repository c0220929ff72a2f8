//! One view of an image: a part of it, in another tone, the other way up.
//!
//! Owns how pixels become the view and how boxes on it lead back to the stored image. Knows nothing of nets, nor of which views
//! are worth a look.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::netting::{self, Lines};
use crate::frame::{GrayPlane, LumaSource, Orientation, Picture};
use crate::geometry::{PixelRect, Rect, Size};

/// What a view shows of the stored image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// This many columns of the right edge, a multiple of eight, and as many of the left one beside them: where a picture that
    /// goes round was cut.
    Seam(u32),
    /// All of it with every row twice: a field of an interlaced video is half as high as what it shows.
    Doubled,
    /// The even rows (0) or the odd ones (1), and the means of their neighbours in place of the others: one of the two moments
    /// that an interlaced picture mixes.
    Field(u32),
    /// All of another layer of it, see [`LumaSource::layer`].
    Layer(usize),
    /// All of it without thin lines that lie over it; of a large picture, a smaller one.
    Cleared(Lines),
}

/// What becomes of the luma.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Stored,
    /// From these two values the whole range is made.
    Stretched(u8, u8),
    /// Dark is bright and bright is dark.
    Negative,
}

/// A way to look at an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub part: Part,
    pub tone: Tone,
    pub way: Orientation,
}

/// An image as one view shows it.
pub struct Shown<'a> {
    ground: Ground<'a>,
    stored: Size,
    view: View,
    /// The plane that costs the image nothing, made once.
    at_hand: OnceCell<GrayPlane>,
}

/// The part before it is toned and turned.
enum Ground<'a> {
    Stored(&'a dyn LumaSource),
    Made(Box<Picture>),
}

impl<'a> Shown<'a> {
    /// `image` as `view` shows it. Pixels are turned and toned when they are asked for; a part is cut out now.
    pub fn new(image: &'a dyn LumaSource, view: View) -> Self {
        let stored = image.size();
        let ground = match view.part {
            Part::Whole => Ground::Stored(image),
            Part::Layer(number) => Ground::Stored(image.layer(number).unwrap_or(image)),
            Part::Seam(side) => Ground::Made(Box::new(seam(image, side))),
            Part::Doubled => Ground::Made(Box::new(doubled(image))),
            Part::Field(parity) => Ground::Made(Box::new(field(image, parity as usize))),
            Part::Cleared(lines) => {
                let GrayPlane { size, data } = netting::cleared(image, lines);
                Ground::Made(Box::new(Picture::gray(size, data)))
            }
        };
        Self { ground, stored, view, at_hand: OnceCell::new() }
    }

    pub fn view(&self) -> View {
        self.view
    }

    fn ground(&self) -> &dyn LumaSource {
        match &self.ground {
            Ground::Stored(image) => *image,
            Ground::Made(picture) => &**picture,
        }
    }

    /// Whether the view is the part as it is.
    fn is_plain(&self) -> bool {
        self.view.tone == Tone::Stored && self.view.way == Orientation::Upright
    }

    fn made(&self, mut plane: GrayPlane) -> GrayPlane {
        self.view.tone.apply(&mut plane.data);
        self.view.way.turned(plane)
    }

    /// The box of a view of the whole that shows what lies in `stored` of the stored image.
    pub fn to_shown(&self, stored: Rect) -> Rect {
        self.view.way.box_to_seen(stored, self.stored)
    }

    /// The boxes of the stored image that show what `seen` shows of the view; two where it lies across a seam.
    pub fn to_stored(&self, seen: Rect) -> (Rect, Option<Rect>) {
        let ground = self.view.way.box_to_stored(seen, self.ground().size());
        match self.view.part {
            Part::Whole | Part::Layer(_) | Part::Field(_) => (ground, None),
            Part::Cleared(_) => (ground.scaled(netting::denominator(self.stored) as f32), None),
            Part::Doubled => (Rect::new(ground.x, ground.y / 2.0, ground.w, ground.h / 2.0), None),
            Part::Seam(side) => {
                let seam = side as f32;
                let right = ground.moved(self.stored.width as f32 - seam, 0.0);
                let left = ground.moved(-seam, 0.0);
                if ground.right() <= seam {
                    (right, None)
                } else if ground.x >= seam {
                    (left, None)
                } else {
                    // Each half ends where the picture does; what is cut off is the other one.
                    (right, Some(left))
                }
            }
        }
    }
}

impl LumaSource for Shown<'_> {
    fn size(&self) -> Size {
        self.view.way.seen_size(self.ground().size())
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        let ground = self.ground();
        if self.is_plain() {
            return ground.reduced(denominator);
        }
        let make = || self.made(ground.reduced(denominator).into_owned());
        if denominator > 1 && denominator == ground.at_hand() {
            Cow::Borrowed(self.at_hand.get_or_init(make))
        } else {
            Cow::Owned(make())
        }
    }

    fn at_hand(&self) -> u32 {
        self.ground().at_hand()
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        if self.is_plain() {
            return self.ground().crop(area);
        }
        let Rect { x, y, w, h } = self.view.way.box_to_stored(area.rect(), self.ground().size());
        self.made(self.ground().crop(PixelRect::new(x as u32, y as u32, w as u32, h as u32)))
    }
}

impl Tone {
    fn apply(self, luma: &mut [u8]) {
        let table: [u8; 256] = match self {
            Self::Stored => return,
            Self::Negative => std::array::from_fn(|value| 255 - value as u8),
            Self::Stretched(dark, bright) => {
                let range = i32::from(bright.saturating_sub(dark)).max(1);
                std::array::from_fn(|value| ((value as i32 - i32::from(dark)) * 255 / range).clamp(0, 255) as u8)
            }
        };
        for value in luma {
            *value = table[usize::from(*value)];
        }
    }
}

fn all_of(image: &dyn LumaSource) -> GrayPlane {
    let Size { width, height } = image.size();
    image.crop(PixelRect::new(0, 0, width, height))
}

fn seam(image: &dyn LumaSource, side: u32) -> Picture {
    let Size { width, height } = image.size();
    let right = image.crop(PixelRect::new(width - side, 0, side, height));
    let left = image.crop(PixelRect::new(0, 0, side, height));
    let rows = right.data.chunks_exact(side as usize).zip(left.data.chunks_exact(side as usize));
    Picture::gray(Size::new(2 * side, height), rows.flat_map(|(right, left)| [right, left].concat()).collect())
}

fn doubled(image: &dyn LumaSource) -> Picture {
    let GrayPlane { size, data } = all_of(image);
    let rows = data.chunks_exact(size.width as usize);
    Picture::gray(Size::new(size.width, 2 * size.height), rows.flat_map(|row| [row, row].concat()).collect())
}

fn field(image: &dyn LumaSource, parity: usize) -> Picture {
    let GrayPlane { size, mut data } = all_of(image);
    let (width, height) = (size.width as usize, size.height as usize);
    for y in (1 - parity..height).step_by(2) {
        // At an edge there is one neighbour, and none in a picture of a single row.
        let near = |y: usize| (y < height).then_some(y);
        let above = y.checked_sub(1).or(near(y + 1)).unwrap_or(y);
        let below = near(y + 1).unwrap_or(above);
        for x in 0..width {
            data[y * width + x] = data[above * width + x].midpoint(data[below * width + x]);
        }
    }
    Picture::gray(size, data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vision::testing;

    #[test]
    fn a_large_picture_without_its_lines_is_a_smaller_one() {
        for (size, scale) in
            [(Size::new(2560, 64), 1), (Size::new(2561, 64), 2), (Size::new(64, 5200), 4), (Size::new(30_000, 16), 8)]
        {
            let picture = testing::Picture::flat(size, 90);
            let shown = Shown::new(&picture, View { part: Part::Cleared(Lines::Dark), ..View::default() });
            assert_eq!(shown.size(), Size::new(size.width.div_ceil(scale), size.height.div_ceil(scale)));
            let seen = Rect::new(1.0, 1.0, 3.0, 1.0);
            assert_eq!(shown.to_stored(seen), (seen.scaled(scale as f32), None));
        }
    }

    fn views() -> impl Strategy<Value = View> {
        let part = prop_oneof![
            Just(Part::Whole),
            Just(Part::Seam(8)),
            Just(Part::Seam(16)),
            Just(Part::Doubled),
            Just(Part::Field(0)),
            Just(Part::Field(1))
        ];
        let tone = prop_oneof![Just(Tone::Stored), Just(Tone::Negative), Just(Tone::Stretched(40, 90))];
        let way = prop_oneof![
            Just(Orientation::Upright),
            Just(Orientation::Mirrored),
            Just(Orientation::HalfTurn),
            Just(Orientation::Flipped),
            Just(Orientation::Transposed),
            Just(Orientation::QuarterRight),
            Just(Orientation::Transversed),
            Just(Orientation::QuarterLeft)
        ];
        (part, tone, way).prop_map(|(part, tone, way)| View { part, tone, way })
    }

    proptest! {
        #[test]
        fn a_crop_of_a_view_is_a_part_of_the_view(
            view in views(), width in 40u32..80, height in 40u32..80, x in 0u32..20, y in 0u32..20, w in 1u32..16, h in 1u32..16,
        ) {
            let picture = testing::Picture::gradient(Size::new(width, height));
            let shown = Shown::new(&picture, view);
            let whole = shown.reduced(1);
            prop_assert_eq!(whole.size, shown.size());
            let area = PixelRect::new(x.min(shown.size().width - w), y.min(shown.size().height - h), w, h);
            prop_assert_eq!(shown.crop(area).data, whole.crop(area).data);
        }

        #[test]
        fn what_a_view_shows_lies_where_it_says(
            view in views(), width in 40u32..80, height in 40u32..80, x in 0u32..80, y in 0u32..80,
        ) {
            // One bright pixel, found on the view again.
            let size = Size::new(width, height);
            let (x, y) = (x % width, y % height);
            let mut picture = testing::Picture::flat(size, 40);
            picture.fill(PixelRect::new(x, y, 1, 1), 90);
            let shown = Shown::new(&picture, View { tone: Tone::Stored, ..view });
            let whole = shown.reduced(1);
            let across = whole.size.width;
            for at in (0u32..).zip(&whole.data).filter(|(_, v)| **v == 90).map(|(at, _)| at) {
                let (stored, other) = shown.to_stored(PixelRect::new(at % across, at / across, 1, 1).rect());
                prop_assert!(other.is_none());
                let (cx, cy) = stored.center();
                prop_assert!((cx - x as f32 - 0.5).abs() < 0.01 && (cy - y as f32 - 0.5).abs() < 1.01, "{:?}", stored);
            }
        }
    }

    #[test]
    fn what_lies_across_the_seam_is_at_both_edges() {
        let picture = testing::Picture::gradient(Size::new(100, 50));
        let shown = Shown::new(&picture, View { part: Part::Seam(16), ..View::default() });
        assert_eq!(shown.size(), Size::new(32, 50));
        let (right, left) = shown.to_stored(Rect::new(10.0, 5.0, 10.0, 8.0));
        assert_eq!(right.clipped(picture.size()), Rect::new(94.0, 5.0, 6.0, 8.0));
        assert_eq!(left.expect("two parts").clipped(picture.size()), Rect::new(0.0, 5.0, 4.0, 8.0));
        assert_eq!(shown.to_stored(Rect::new(2.0, 5.0, 10.0, 8.0)), (Rect::new(86.0, 5.0, 10.0, 8.0), None));
        assert_eq!(shown.to_stored(Rect::new(20.0, 5.0, 10.0, 8.0)), (Rect::new(4.0, 5.0, 10.0, 8.0), None));
    }

    #[test]
    fn a_field_is_one_moment_and_stretching_uses_the_whole_range() {
        let mut picture = testing::Picture::flat(Size::new(8, 8), 40);
        for y in [1, 3, 5, 7] {
            picture.fill(PixelRect::new(0, y, 8, 1), 90);
        }
        let luma = |part, tone| {
            let shown = Shown::new(&picture, View { part, tone, way: Orientation::Upright });
            shown.reduced(1).data.clone()
        };
        assert!(luma(Part::Field(0), Tone::Stored).iter().all(|v| *v == 40));
        assert!(luma(Part::Field(1), Tone::Stored).iter().all(|v| *v == 90));
        let stretched = luma(Part::Whole, Tone::Stretched(40, 90));
        assert!(stretched[..8].iter().all(|v| *v == 0) && stretched[8..16].iter().all(|v| *v == 255));
    }
}
