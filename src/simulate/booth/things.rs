//! What stands around travellers: luggage, bags, counters, barriers.

use rand::RngExt;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Shader, Stroke, Transform};

use super::Setting;
use crate::geometry::{Rect, Size};
use crate::simulate::head::HeadView;
use crate::simulate::person::{Person, Rgb, mix, scale};
use crate::simulate::scene::{Canvas, Rng};

pub(super) fn flat(rgb: Rgb, alpha: f32) -> Paint<'static> {
    let [r, g, b] = rgb;
    let color = Color::from_rgba8(r, g, b, (alpha.clamp(0.0, 1.0) * 255.0) as u8);
    Paint { shader: Shader::SolidColor(color), ..Paint::default() }
}

pub(super) fn fill(canvas: &mut Canvas, area: Rect, paint: &Paint) {
    if let Some(rect) = tiny_skia::Rect::from_xywh(area.x, area.y, area.w.max(0.01), area.h.max(0.01)) {
        canvas.fill_rect(rect, paint, Transform::identity(), None);
    }
}

/// Fills `area` from one colour above to another below, or from left to right. What walls and floors are made of: a
/// general gradient over a whole picture would cost more than everybody in it.
pub(super) fn wash(canvas: &mut Canvas, area: Rect, across: bool, a: Rgb, b: Rgb) {
    let size = Size::new(canvas.width(), canvas.height());
    let Some(p) = area.pixels(size) else { return };
    let tone = |at: f32| {
        let [r, g, b] = mix(a, b, at);
        [r, g, b, 255]
    };
    let stride = size.width as usize * 4;
    let row: Vec<u8> = (p.x..p.right()).flat_map(|x| tone(((x as f32 - area.x) / area.w).clamp(0.0, 1.0))).collect();
    for y in p.y..p.bottom() {
        let from = y as usize * stride + p.x as usize * 4;
        let line = &mut canvas.data_mut()[from..from + row.len()];
        if across {
            line.copy_from_slice(&row);
        } else {
            let pixel = tone(((y as f32 - area.y) / area.h).clamp(0.0, 1.0));
            line.chunks_exact_mut(4).for_each(|to| to.copy_from_slice(&pixel));
        }
    }
}

pub(super) fn polygon(canvas: &mut Canvas, points: &[(f32, f32)], paint: &Paint) {
    let mut builder = PathBuilder::new();
    for (i, p) in points.iter().enumerate() {
        if i == 0 { builder.move_to(p.0, p.1) } else { builder.line_to(p.0, p.1) }
    }
    builder.close();
    if let Some(path) = builder.finish() {
        canvas.fill_path(&path, paint, FillRule::Winding, Transform::identity(), None);
    }
}

pub(super) fn line(canvas: &mut Canvas, from: (f32, f32), to: (f32, f32), width: f32, paint: &Paint) {
    let mut builder = PathBuilder::new();
    builder.move_to(from.0, from.1);
    builder.line_to(to.0, to.1);
    if let Some(path) = builder.finish() {
        let stroke = Stroke { width: width.max(0.4), ..Stroke::default() };
        canvas.stroke_path(&path, paint, &stroke, Transform::identity(), None);
    }
}

pub(super) fn oval(canvas: &mut Canvas, area: Rect, paint: &Paint) {
    let rect = tiny_skia::Rect::from_xywh(area.x, area.y, area.w.max(0.01), area.h.max(0.01));
    if let Some(path) = rect.and_then(PathBuilder::from_oval) {
        canvas.fill_path(&path, paint, FillRule::Winding, Transform::identity(), None);
    }
}

/// What lies behind a person: the shadow on the ground.
pub(super) fn behind(canvas: &mut Canvas, view: HeadView, person: &Person) {
    {
        let h = view.height;
        let feet = view.center.1 + (person.stature() - 0.5) * h;
        for (grow, alpha) in [(1.0, 0.14), (0.7, 0.2)] {
            let (rx, ry) = (1.5 * h * grow, 0.32 * h * grow);
            oval(canvas, Rect::new(view.center.0 - rx, feet - ry, 2.0 * rx, 2.0 * ry), &flat([20, 20, 24], alpha));
        }
    }
}

/// A telephone at some point with the fingers that hold it, before a person. Returns what it hides.
pub(super) fn telephone(
    canvas: &mut Canvas,
    (x, y): (f32, f32),
    view: HeadView,
    person: &Person,
    rng: &mut Rng,
) -> Rect {
    let (w, tall) = (0.3 * view.height, 0.58 * view.height);
    let lean = rng.random_range(-0.35f32..0.35);
    let at = |u: f32, v: f32| {
        let (s, c) = lean.sin_cos();
        (x + u * w * c - v * tall * s, y + u * w * s + v * tall * c)
    };
    let case = scale([36, 37, 41], rng.random_range(0.6..5.0));
    polygon(canvas, &[at(-0.5, -0.5), at(0.5, -0.5), at(0.5, 0.5), at(-0.5, 0.5)], &flat(case, 1.0));
    polygon(canvas, &[at(-0.3, -0.44), at(0.05, -0.44), at(0.05, -0.3), at(-0.3, -0.3)], &flat(scale(case, 0.5), 1.0));
    for finger in 0..4 {
        let v = -0.12 + 0.15 * finger as f32;
        let skin = scale(person.skin, 0.84 + 0.04 * finger as f32);
        line(canvas, at(0.62, v + 0.05), at(0.1, v), 0.09 * view.height, &flat(skin, 1.0));
    }
    line(canvas, at(-0.55, 0.3), at(-0.4, -0.05), 0.1 * view.height, &flat(scale(person.skin, 0.9), 1.0));
    Rect::around([at(-0.5, -0.5), at(0.5, -0.5), at(0.5, 0.5), at(-0.5, 0.5)])
}

/// What stands before a person: a suitcase at the feet. Returns what it hides.
pub(super) fn beside(canvas: &mut Canvas, view: HeadView, person: &Person, rng: &mut Rng) -> Option<Rect> {
    if !rng.random_bool(0.4) {
        return None;
    }
    let h = view.height;
    let color = scale(person.outfit.second, rng.random_range(0.6..1.0));
    let feet = view.center.1 + (person.stature() - 0.5) * h;
    let side: f32 = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let (w, tall) = (rng.random_range(1.3..1.9) * h, rng.random_range(2.0..2.9) * h);
    let x = view.center.0 + side * rng.random_range(1.1..1.7) * h - w / 2.0;
    let case = Rect::new(x, feet - tall - 0.1 * h, w, tall);
    line(
        canvas,
        (case.x + 0.3 * w, case.y),
        (case.x + 0.3 * w, case.y - 1.2 * h),
        0.06 * h,
        &flat([120, 120, 124], 1.0),
    );
    line(
        canvas,
        (case.x + 0.7 * w, case.y),
        (case.x + 0.7 * w, case.y - 1.2 * h),
        0.06 * h,
        &flat([120, 120, 124], 1.0),
    );
    line(
        canvas,
        (case.x + 0.26 * w, case.y - 1.2 * h),
        (case.x + 0.74 * w, case.y - 1.2 * h),
        0.12 * h,
        &flat([40, 40, 44], 1.0),
    );
    wash(canvas, case, true, scale(color, 1.15), scale(color, 0.6));
    for i in 1..5 {
        let x = case.x + w * i as f32 / 5.0;
        line(canvas, (x, case.y + 0.1 * h), (x, case.bottom() - 0.1 * h), 0.05 * h, &flat(scale(color, 0.55), 0.8));
    }
    for i in [0.12, 0.88] {
        oval(
            canvas,
            Rect::new(case.x + w * i - 0.1 * h, case.bottom() - 0.06 * h, 0.2 * h, 0.2 * h),
            &flat([24, 24, 26], 1.0),
        );
    }
    Some(case)
}

/// What stands between everybody and the camera. Returns what it hides.
pub(super) fn foreground(canvas: &mut Canvas, setting: Setting, rng: &mut Rng) -> Option<Rect> {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    match setting {
        Setting::Counter => {
            let top = h * rng.random_range(0.80..0.94);
            let tone: Rgb = [[96, 74, 56], [70, 76, 84], [180, 178, 172]][rng.random_range(0..3)];
            wash(canvas, Rect::new(0.0, top, w, h - top), false, tone, scale(tone, 0.7));
            fill(canvas, Rect::new(0.0, top, w, 4.0), &flat(scale(tone, 1.3), 1.0));
            // Papers and a passport on the counter.
            for _ in 0..rng.random_range(0..4) {
                let (x, y) = (rng.random_range(0.1..0.9) * w, top + rng.random_range(0.15..0.6) * (h - top));
                let (dx, dy) = (rng.random_range(0.03..0.06) * w, rng.random_range(0.02..0.05) * h);
                let tone: Rgb = [[230, 228, 220], [110, 30, 40], [30, 40, 80], [236, 236, 236]][rng.random_range(0..4)];
                polygon(
                    canvas,
                    &[(x, y), (x + dx, y - dy * 0.2), (x + dx * 1.2, y + dy), (x + 0.1 * dx, y + dy * 1.2)],
                    &flat(tone, 1.0),
                );
            }
            if rng.random_bool(0.6) {
                let tilt = rng.random_range(-0.2..0.2) * w;
                let x = rng.random_range(0.0..0.8) * w;
                let sheen = [(x, 0.0), (x + 0.16 * w, 0.0), (x + 0.16 * w + tilt, top), (x + tilt, top)];
                polygon(canvas, &sheen, &flat([255, 255, 255], rng.random_range(0.03..0.10)));
            }
            Some(Rect::new(0.0, top, w, h - top))
        }
        Setting::Queue => {
            let y = h * rng.random_range(0.66..0.85);
            let belt: Rgb = [[30, 60, 130], [130, 30, 36], [40, 40, 44]][rng.random_range(0..3)];
            let post = rng.random_range(0.2..0.35) * w;
            let shift = rng.random_range(0.0..post);
            let mut x = shift - post;
            while x < w {
                wash(canvas, Rect::new(x, y, post, 0.035 * h), false, scale(belt, 1.15), scale(belt, 0.75));
                wash(canvas, Rect::new(x - 0.008 * w, y - 0.02 * h, 0.016 * w, h), true, [200, 202, 204], [86, 88, 92]);
                x += post;
            }
            Some(Rect::new(0.0, y, w, 0.035 * h))
        }
        Setting::Group | Setting::Hall | Setting::Street => None,
    }
}
