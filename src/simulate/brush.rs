//! Colours, gradients and polygons on the canvas.
//!
//! Owns the thin layer over the path rasteriser that everything here draws with. Knows nothing of what is drawn.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Paint, Path, PathBuilder, Point, RadialGradient,
    Shader, SpreadMode, Stroke, Transform,
};

use super::scene::Canvas;

/// Opaque sRGB, 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// The colour times `factor`, clamped.
    pub fn times(self, factor: f32) -> Self {
        let f = |v: u8| (f32::from(v) * factor).clamp(0.0, 255.0) as u8;
        Self(f(self.0), f(self.1), f(self.2))
    }

    /// `share` of `other` mixed in, 0 to 1.
    pub fn mixed(self, other: Self, share: f32) -> Self {
        let f = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share) as u8;
        Self(f(self.0, other.0), f(self.1, other.1), f(self.2, other.2))
    }

    /// A grey.
    pub const fn grey(v: u8) -> Self {
        Self(v, v, v)
    }

    /// Perceived lightness, 0 to 1.
    pub fn lightness(self) -> f32 {
        (0.299 * f32::from(self.0) + 0.587 * f32::from(self.1) + 0.114 * f32::from(self.2)) / 255.0
    }

    /// The rasteriser's colour, `alpha` 0 to 1.
    pub fn color(self, alpha: f32) -> Color {
        Color::from_rgba8(self.0, self.1, self.2, (alpha.clamp(0.0, 1.0) * 255.0) as u8)
    }
}

/// A flat paint.
pub fn flat(color: Rgb, alpha: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(color.color(alpha));
    paint.anti_alias = true;
    paint
}

/// A linear gradient from `from` to `to` with (position, colour, alpha) stops; flat where the points coincide.
pub fn gradient(from: (f32, f32), to: (f32, f32), stops: &[(f32, Rgb, f32)]) -> Paint<'static> {
    let shader = LinearGradient::new(
        Point::from_xy(from.0, from.1),
        Point::from_xy(to.0, to.1),
        stops.iter().map(|&(at, color, alpha)| GradientStop::new(at, color.color(alpha))).collect(),
        SpreadMode::Pad,
        Transform::identity(),
    );
    shaded(shader, stops)
}

/// A radial gradient around `center`.
pub fn radial(center: (f32, f32), radius: f32, stops: &[(f32, Rgb, f32)]) -> Paint<'static> {
    let middle = Point::from_xy(center.0, center.1);
    let shader = RadialGradient::new(
        middle,
        0.0,
        middle,
        radius.max(0.01),
        stops.iter().map(|&(at, color, alpha)| GradientStop::new(at, color.color(alpha))).collect(),
        SpreadMode::Pad,
        Transform::identity(),
    );
    shaded(shader, stops)
}

fn shaded(shader: Option<Shader<'static>>, stops: &[(f32, Rgb, f32)]) -> Paint<'static> {
    let mut paint = stops.first().map_or_else(Paint::default, |&(_, color, alpha)| flat(color, alpha));
    if let Some(shader) = shader {
        paint.shader = shader;
    }
    paint
}

/// A closed polygon; `None` for fewer than three points or any that is not finite.
pub fn polygon(points: &[(f32, f32)]) -> Option<Path> {
    if points.len() < 3 || points.iter().any(|p| !p.0.is_finite() || !p.1.is_finite()) {
        return None;
    }
    let mut builder = PathBuilder::new();
    builder.move_to(points[0].0, points[0].1);
    for p in &points[1..] {
        builder.line_to(p.0, p.1);
    }
    builder.close();
    builder.finish()
}

/// A closed shape through `points` with every corner rounded: `roundness` 0 is the polygon, 1 a curve that touches each
/// side only in its middle.
pub fn rounded(points: &[(f32, f32)], roundness: f32) -> Option<Path> {
    if points.len() < 3 || points.iter().any(|p| !p.0.is_finite() || !p.1.is_finite()) {
        return None;
    }
    let n = points.len();
    let reach = roundness.clamp(0.0, 1.0) * 0.5;
    let toward = |a: (f32, f32), b: (f32, f32)| (a.0 + (b.0 - a.0) * reach, a.1 + (b.1 - a.1) * reach);
    let mut builder = PathBuilder::new();
    for i in 0..n {
        let (before, here, after) = (points[(i + n - 1) % n], points[i], points[(i + 1) % n]);
        let (enter, leave) = (toward(here, before), toward(here, after));
        if i == 0 {
            builder.move_to(enter.0, enter.1);
        } else {
            builder.line_to(enter.0, enter.1);
        }
        builder.quad_to(here.0, here.1, leave.0, leave.1);
    }
    builder.close();
    builder.finish()
}

/// Fills `path`, if there is one.
pub fn fill(canvas: &mut Canvas, path: Option<&Path>, paint: &Paint) {
    if let Some(path) = path {
        canvas.fill_path(path, paint, FillRule::Winding, Transform::identity(), None);
    }
}

/// Strokes `path`, if there is one.
pub fn stroke(canvas: &mut Canvas, path: Option<&Path>, paint: &Paint, width: f32) {
    if let Some(path) = path {
        let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        canvas.stroke_path(path, paint, &stroke, Transform::identity(), None);
    }
}

/// An axis-parallel rectangle.
pub fn bar(canvas: &mut Canvas, x: f32, y: f32, w: f32, h: f32, paint: &Paint) {
    if let Some(rect) = tiny_skia::Rect::from_xywh(x, y, w, h) {
        canvas.fill_rect(rect, paint, Transform::identity(), None);
    }
}

/// An ellipse.
pub fn ellipse(canvas: &mut Canvas, center: (f32, f32), rx: f32, ry: f32, paint: &Paint) {
    let path =
        tiny_skia::Rect::from_xywh(center.0 - rx, center.1 - ry, 2.0 * rx, 2.0 * ry).and_then(PathBuilder::from_oval);
    fill(canvas, path.as_ref(), paint);
}

/// A line.
pub fn line(canvas: &mut Canvas, from: (f32, f32), to: (f32, f32), paint: &Paint, width: f32) {
    let mut builder = PathBuilder::new();
    builder.move_to(from.0, from.1);
    builder.line_to(to.0, to.1);
    stroke(canvas, builder.finish().as_ref(), paint, width);
}
