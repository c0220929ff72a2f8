//! Rectangles in image coordinates: top left origin, x to the right, y down.
//!
//! Owns the arithmetic of boxes. Knows nothing of pixels' values, plates or faces.

/// Width and height in whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// A size of `width` × `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels; cannot overflow.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

/// A box with sub-pixel edges, in pixels of the stored image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width, ≥ 0.
    pub w: f32,
    /// Height, ≥ 0.
    pub h: f32,
}

impl Rect {
    /// A box from its top left corner and its extent.
    pub const fn new(x: f32, y: f32, w: f32, h: f32) -> Self {
        Self { x, y, w, h }
    }

    /// The smallest box around `points`; an empty box at the origin for none.
    pub fn around(points: impl IntoIterator<Item = (f32, f32)>) -> Self {
        let mut edges: Option<(f32, f32, f32, f32)> = None;
        for (x, y) in points {
            edges = Some(match edges {
                None => (x, y, x, y),
                Some((l, t, r, b)) => (l.min(x), t.min(y), r.max(x), b.max(y)),
            });
        }
        edges.map_or(Self::new(0.0, 0.0, 0.0, 0.0), |(l, t, r, b)| Self::new(l, t, r - l, b - t))
    }

    /// Right edge.
    pub fn right(self) -> f32 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(self) -> f32 {
        self.y + self.h
    }

    /// Centre.
    pub fn center(self) -> (f32, f32) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Area in square pixels.
    pub fn area(self) -> f32 {
        self.w * self.h
    }

    /// Area shared with `other`.
    pub fn overlap(self, other: Self) -> f32 {
        let w = self.right().min(other.right()) - self.x.max(other.x);
        let h = self.bottom().min(other.bottom()) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }

    /// Intersection over union, 0 to 1.
    pub fn iou(self, other: Self) -> f32 {
        let shared = self.overlap(other);
        let all = self.area() + other.area() - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }

    /// The smallest box around both.
    pub fn union(self, other: Self) -> Self {
        Self::around([
            (self.x, self.y),
            (self.right(), self.bottom()),
            (other.x, other.y),
            (other.right(), other.bottom()),
        ])
    }

    /// The box with each side pushed outwards: `dx` to the left and right, `dy` up and down.
    pub fn grown(self, dx: f32, dy: f32) -> Self {
        Self::new(self.x - dx, self.y - dy, (self.w + 2.0 * dx).max(0.0), (self.h + 2.0 * dy).max(0.0))
    }

    /// The box with all coordinates multiplied by `factor`.
    pub fn scaled(self, factor: f32) -> Self {
        Self::new(self.x * factor, self.y * factor, self.w * factor, self.h * factor)
    }

    /// The box moved by (`dx`, `dy`).
    pub fn moved(self, dx: f32, dy: f32) -> Self {
        Self::new(self.x + dx, self.y + dy, self.w, self.h)
    }

    /// The part inside an image of `size`; empty when nothing is, or when a coordinate is not a number.
    pub fn clipped(self, size: Size) -> Self {
        // Not `clamp`, which panics at bounds that are not numbers; `max` and `min` pass them over.
        let (width, height) = (size.width as f32, size.height as f32);
        let x = self.x.max(0.0).min(width);
        let y = self.y.max(0.0).min(height);
        let right = self.right().max(x).min(width);
        let bottom = self.bottom().max(y).min(height);
        Self::new(x, y, right - x, bottom - y)
    }

    /// The whole pixels that the box touches inside an image of `size`; `None` when it touches none.
    pub fn pixels(self, size: Size) -> Option<PixelRect> {
        // Also refuses NaN, which compares false with everything.
        if !(self.w > 0.0 && self.h > 0.0) {
            return None;
        }
        let clipped = self.clipped(size);
        let (x, y) = (clipped.x.floor() as u32, clipped.y.floor() as u32);
        let right = (clipped.right().ceil() as u32).min(size.width);
        let bottom = (clipped.bottom().ceil() as u32).min(size.height);
        (right > x && bottom > y).then(|| PixelRect { x, y, w: right - x, h: bottom - y })
    }
}

/// A non-empty box of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelRect {
    /// Left column.
    pub x: u32,
    /// Top row.
    pub y: u32,
    /// Columns, ≥ 1.
    pub w: u32,
    /// Rows, ≥ 1.
    pub h: u32,
}

impl PixelRect {
    /// A box from its top left pixel and its extent.
    pub const fn new(x: u32, y: u32, w: u32, h: u32) -> Self {
        Self { x, y, w, h }
    }

    /// First column right of the box.
    pub const fn right(self) -> u32 {
        self.x + self.w
    }

    /// First row below the box.
    pub const fn bottom(self) -> u32 {
        self.y + self.h
    }

    /// Whether the pixel at (`x`, `y`) lies inside.
    pub const fn contains(self, x: u32, y: u32) -> bool {
        x >= self.x && x < self.right() && y >= self.y && y < self.bottom()
    }

    /// The same box with sub-pixel coordinates.
    pub fn rect(self) -> Rect {
        Rect::new(self.x as f32, self.y as f32, self.w as f32, self.h as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rects() -> impl Strategy<Value = Rect> {
        (-50.0f32..150.0, -50.0f32..150.0, 0.0f32..100.0, 0.0f32..100.0).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_bounded(a in rects(), b in rects()) {
            prop_assert_eq!(a.overlap(b), b.overlap(a));
            prop_assert!((0.0..=1.0).contains(&a.iou(b)));
            prop_assert!(a.overlap(b) <= a.area().min(b.area()) * 1.001 + 0.01);
        }

        #[test]
        fn touched_pixels_lie_inside_and_cover_the_box(a in rects()) {
            let size = Size::new(100, 80);
            if let Some(p) = a.pixels(size) {
                prop_assert!(p.right() <= size.width && p.bottom() <= size.height);
                let inside = a.clipped(size);
                prop_assert!(p.rect().overlap(inside) >= inside.area() * 0.999);
            } else {
                prop_assert_eq!(a.clipped(size).area(), 0.0);
            }
        }
    }

    #[test]
    fn a_box_that_is_not_a_number_touches_nothing() {
        let size = Size::new(10, 10);
        for place in 0..4 {
            let mut sides = [1.0, 1.0, 5.0, 5.0];
            sides[place] = f32::NAN;
            let [x, y, w, h] = sides;
            assert_eq!(Rect::new(x, y, w, h).clipped(size).pixels(size), None);
            assert_eq!(Rect::new(x, y, w, h).pixels(size), None);
        }
    }
}
