//! What resembles a plate or a face and is none: signs, posters, stickers, screens, lettering, lamps.
//!
//! Owns things with letters or ovals on them that must not be blanked. Knows nothing of where they hang.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, OutlineCurve};
use rand::RngExt;
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Point, RadialGradient, Shader, SpreadMode,
    Stroke, Transform,
};

use crate::geometry::Rect;
use crate::simulate::person::{Rgb, mix, scale};
use crate::simulate::scene::{Canvas, Rng};

/// The faces that signs are lettered in.
static FONTS: LazyLock<Vec<FontRef<'static>>> = LazyLock::new(|| {
    let files: [&'static [u8]; 5] = [
        dejavu::sans::bold(),
        dejavu::sans_condensed::bold(),
        notosans::BOLD_TTF,
        notosans::REGULAR_TTF,
        epaint_default_fonts::HACK_REGULAR,
    ];
    files.iter().filter_map(|bytes| FontRef::try_from_slice(bytes).ok()).collect()
});

const WORDS: [&str; 40] = [
    "ARRIVALS",
    "EXIT",
    "PASSPORTS",
    "CUSTOMS",
    "NO ENTRY",
    "STOP",
    "WAIT HERE",
    "CITIZENS",
    "VISITORS",
    "ALL OTHER",
    "BAGGAGE",
    "INFORMATION",
    "TOILETS",
    "TAXI",
    "BUS",
    "GATE",
    "LANE",
    "OPEN",
    "CLOSED",
    "DECLARE",
    "NOTHING TO",
    "WELCOME",
    "BIENVENIDOS",
    "WILLKOMMEN",
    "DUTY FREE",
    "COFFEE",
    "EXCHANGE",
    "RENT A CAR",
    "FREIGHT",
    "EXPRESS",
    "LOGISTICS",
    "TRANSPORT",
    "PLUMBING",
    "BAKERY",
    "CALL NOW",
    "DRIVE SAFE",
    "BABY ON BOARD",
    "HOW AM I DRIVING",
    "I BRAKE FOR",
    "NO SMOKING",
];

fn flat(rgb: Rgb, alpha: f32) -> Paint<'static> {
    let [r, g, b] = rgb;
    let color = Color::from_rgba8(r, g, b, (alpha.clamp(0.0, 1.0) * 255.0) as u8);
    Paint { shader: Shader::SolidColor(color), ..Paint::default() }
}

fn graded(area: Rect, a: Rgb, b: Rgb) -> Paint<'static> {
    let stop = |at: f32, [r, g, b]: Rgb| GradientStop::new(at, Color::from_rgba8(r, g, b, 255));
    let (p, q) = (Point::from_xy(area.x, area.y), Point::from_xy(area.x + area.w * 0.2, area.bottom()));
    let shader = LinearGradient::new(p, q, vec![stop(0.0, a), stop(1.0, b)], SpreadMode::Pad, Transform::identity());
    Paint { shader: shader.unwrap_or(Shader::SolidColor(Color::from_rgba8(a[0], a[1], a[2], 255))), ..Paint::default() }
}

fn fill(canvas: &mut Canvas, path: Option<Path>, paint: &Paint) {
    if let Some(path) = path {
        canvas.fill_path(&path, paint, FillRule::Winding, Transform::identity(), None);
    }
}

fn block(area: Rect) -> Option<Path> {
    tiny_skia::Rect::from_xywh(area.x, area.y, area.w.max(0.01), area.h.max(0.01)).map(PathBuilder::from_rect)
}

fn round(area: Rect) -> Option<Path> {
    tiny_skia::Rect::from_xywh(area.x, area.y, area.w.max(0.01), area.h.max(0.01)).and_then(PathBuilder::from_oval)
}

/// `area` without a border of `share` of its smaller side.
fn within(area: Rect, share: f32) -> Rect {
    let d = -share * area.w.min(area.h);
    area.grown(d, d)
}

/// One of so many colours that signs are painted in, and one that can be read on it.
fn pair(rng: &mut Rng) -> (Rgb, Rgb) {
    const PAIRS: [(Rgb, Rgb); 10] = [
        ([24, 66, 140], [240, 240, 240]),
        ([20, 100, 64], [240, 242, 236]),
        ([236, 190, 30], [24, 24, 24]),
        ([178, 30, 34], [244, 240, 236]),
        ([238, 238, 234], [28, 30, 34]),
        ([238, 238, 234], [170, 30, 36]),
        ([30, 32, 36], [236, 236, 230]),
        ([30, 32, 36], [244, 196, 40]),
        ([90, 56, 36], [236, 228, 210]),
        ([220, 110, 30], [24, 22, 20]),
    ];
    let (ground, ink) = PAIRS[rng.random_range(0..PAIRS.len())];
    if rng.random_bool(0.15) { (ink, ground) } else { (ground, ink) }
}

/// A word of the kind that stands on signs, now and then with a number.
fn word(rng: &mut Rng) -> String {
    let base = WORDS[rng.random_range(0..WORDS.len())];
    match rng.random_range(0..6) {
        0 => format!("{base} {}", rng.random_range(1..60)),
        1 => format!(
            "{}-{:03}-{:04}",
            rng.random_range(200..990),
            rng.random_range(200..990),
            rng.random_range(0..10_000)
        ),
        _ => base.to_owned(),
    }
}

/// Writes `text` as large as fits into `area`, in the middle of it.
pub fn draw_lettering(canvas: &mut Canvas, area: Rect, text: &str, ink: [u8; 3], rng: &mut Rng) {
    let Some(font) = FONTS.get(rng.random_range(0..FONTS.len().max(1))) else { return };
    if let Some(path) = lettering(font, text, area) {
        canvas.fill_path(&path, &flat(ink, 1.0), FillRule::Winding, Transform::identity(), None);
    }
}

fn lettering(font: &FontRef, text: &str, area: Rect) -> Option<Path> {
    let unit = font.units_per_em()?;
    let mut builder = PathBuilder::new();
    let mut pen = 0.0;
    for c in text.chars() {
        let id = font.glyph_id(c);
        if let Some(outline) = font.outline(id) {
            let at = |p: ab_glyph::Point| ((p.x + pen) / unit, -p.y / unit);
            let mut last = None;
            for curve in &outline.curves {
                let (start, end) = match curve {
                    OutlineCurve::Line(a, b) | OutlineCurve::Quad(a, _, b) | OutlineCurve::Cubic(a, _, _, b) => (a, b),
                };
                if last != Some(*start) {
                    builder.close();
                    let (x, y) = at(*start);
                    builder.move_to(x, y);
                }
                let (x, y) = at(*end);
                match curve {
                    OutlineCurve::Line(..) => builder.line_to(x, y),
                    OutlineCurve::Quad(_, m, _) => {
                        let m = at(*m);
                        builder.quad_to(m.0, m.1, x, y);
                    }
                    OutlineCurve::Cubic(_, m, n, _) => {
                        let (m, n) = (at(*m), at(*n));
                        builder.cubic_to(m.0, m.1, n.0, n.1, x, y);
                    }
                }
                last = Some(*end);
            }
            builder.close();
        }
        pen += font.h_advance_unscaled(id);
    }
    let path = builder.finish()?;
    let b = path.bounds();
    let k = (area.w / b.width()).min(area.h / b.height());
    let (cx, cy) = area.center();
    let place = Transform::from_row(
        k,
        0.0,
        0.0,
        k,
        cx - k * (b.left() + b.right()) / 2.0,
        cy - k * (b.top() + b.bottom()) / 2.0,
    );
    path.transform(place)
}

/// Draws a sign into `area`: a board with words, an arrow or a pictogram.
pub fn draw_sign(canvas: &mut Canvas, area: Rect, rng: &mut Rng) {
    let (ground, ink) = pair(rng);
    let disc = (area.w / area.h.max(0.1)) < 1.4 && rng.random_bool(0.5);
    if disc {
        let side = area.w.min(area.h);
        let (cx, cy) = area.center();
        let board = Rect::new(cx - side / 2.0, cy - side / 2.0, side, side);
        fill(canvas, round(board), &flat(mix(ink, [180, 30, 30], 0.5), 1.0));
        fill(canvas, round(within(board, 0.1)), &flat(ground, 1.0));
        let inner = within(board, 0.28);
        if rng.random_bool(0.5) {
            let number = format!("{}", rng.random_range(1..13) * 10);
            draw_lettering(canvas, inner, &number, ink, rng);
        } else {
            fill(canvas, block(Rect::new(inner.x, cy - side * 0.07, inner.w, side * 0.14)), &flat(ink, 1.0));
        }
        return;
    }
    fill(canvas, block(area), &graded(area, scale(ground, 1.05), scale(ground, 0.88)));
    if rng.random_bool(0.5)
        && let Some(path) = block(within(area, 0.07))
    {
        let stroke = Stroke { width: (0.03 * area.h).max(0.6), ..Stroke::default() };
        canvas.stroke_path(&path, &flat(ink, 1.0), &stroke, Transform::identity(), None);
    }
    let mut room = within(area, 0.16);
    if rng.random_bool(0.4) && room.w > 2.0 * room.h {
        let side = room.h;
        if rng.random_bool(0.5) {
            arrow(canvas, Rect::new(room.x, room.y, side, side), ink, rng)
        } else {
            emblem(canvas, Rect::new(room.x, room.y, side, side), ink, ground, rng)
        }
        room = Rect::new(room.x + side * 1.2, room.y, room.w - side * 1.2, room.h);
    }
    let lines = if room.h > 0.6 * room.w {
        3
    } else if room.h > 0.3 * room.w {
        2
    } else {
        1
    };
    let each = room.h / lines as f32;
    for i in 0..lines {
        let row = Rect::new(room.x, room.y + each * (i as f32 + 0.1), room.w, each * 0.8);
        let text = word(rng);
        draw_lettering(canvas, row, &text, ink, rng);
    }
}

fn arrow(canvas: &mut Canvas, area: Rect, ink: Rgb, rng: &mut Rng) {
    let mut builder = PathBuilder::new();
    let outline = [(0.0, 0.35), (0.55, 0.35), (0.55, 0.1), (1.0, 0.5), (0.55, 0.9), (0.55, 0.65), (0.0, 0.65)];
    for (i, (x, y)) in outline.into_iter().enumerate() {
        if i == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
    }
    builder.close();
    let turn = 90.0 * rng.random_range(0..4) as f32;
    let place = Transform::from_row(area.w, 0.0, 0.0, area.h, area.x, area.y)
        .pre_concat(Transform::from_rotate_at(turn, 0.5, 0.5));
    fill(canvas, builder.finish().and_then(|p| p.transform(place)), &flat(ink, 1.0));
}

/// Ovals, stars and rings that a careless eye takes for a head.
fn emblem(canvas: &mut Canvas, area: Rect, ink: Rgb, ground: Rgb, rng: &mut Rng) {
    let (cx, cy) = area.center();
    let side = area.w.min(area.h);
    match rng.random_range(0..5) {
        // A pictogram of a person: a disc over a trunk.
        0 => {
            fill(canvas, round(Rect::new(cx - side * 0.13, area.y, side * 0.26, side * 0.26)), &flat(ink, 1.0));
            let trunk = Rect::new(cx - side * 0.2, area.y + side * 0.3, side * 0.4, side * 0.68);
            fill(canvas, block(trunk), &flat(ink, 1.0));
        }
        1 => {
            for (i, share) in [0.0, 0.14, 0.3].into_iter().enumerate() {
                let paint = flat(if i % 2 == 0 { ink } else { ground }, 1.0);
                fill(canvas, round(within(Rect::new(cx - side / 2.0, cy - side / 2.0, side, side), share)), &paint);
            }
        }
        2 => {
            let points = rng.random_range(5..9);
            let mut builder = PathBuilder::new();
            for i in 0..points * 2 {
                let (s, c) = (i as f32 * std::f32::consts::PI / points as f32).sin_cos();
                let r = side * if i % 2 == 0 { 0.5 } else { 0.22 };
                if i == 0 { builder.move_to(cx + s * r, cy - c * r) } else { builder.line_to(cx + s * r, cy - c * r) }
            }
            builder.close();
            fill(canvas, builder.finish(), &flat(ink, 1.0));
        }
        3 => {
            fill(canvas, round(Rect::new(cx - side * 0.36, cy - side * 0.5, side * 0.72, side)), &flat(ink, 1.0));
            fill(
                canvas,
                round(Rect::new(cx - side * 0.2, cy - side * 0.36, side * 0.4, side * 0.55)),
                &flat(mix(ink, ground, 0.5), 1.0),
            );
        }
        // A globe.
        _ => {
            let ball = Rect::new(cx - side / 2.0, cy - side / 2.0, side, side);
            fill(canvas, round(ball), &flat(ink, 1.0));
            let stroke = Stroke { width: (side * 0.04).max(0.5), ..Stroke::default() };
            for share in [1.0, 0.6, 0.2] {
                let ring = Rect::new(cx - side * share / 2.0, cy - side / 2.0, side * share, side);
                if let Some(path) = round(ring) {
                    canvas.stroke_path(&path, &flat(ground, 1.0), &stroke, Transform::identity(), None);
                }
            }
        }
    }
}

/// Draws a poster into `area`: a picture of sky, hills, a sun, fruit or an emblem, and lettering.
pub fn draw_poster(canvas: &mut Canvas, area: Rect, rng: &mut Rng) {
    let (ground, ink) = pair(rng);
    fill(canvas, block(area.grown(1.5, 1.5)), &flat([40, 40, 42], 0.6));
    fill(canvas, block(area), &graded(area, mix(ground, [255, 255, 255], 0.2), scale(ground, 0.8)));
    let picture = Rect::new(area.x + area.w * 0.08, area.y + area.h * 0.06, area.w * 0.84, area.h * 0.58);
    let sky = mix([120, 170, 214], [240, 200, 160], rng.random_range(0.0..1.0));
    match rng.random_range(0..3) {
        0 => {
            fill(canvas, block(picture), &graded(picture, sky, mix(sky, [250, 244, 230], 0.7)));
            let r = picture.w * 0.14;
            let sun = Rect::new(
                picture.x + rng.random_range(0.1..0.7) * picture.w,
                picture.y + picture.h * 0.12,
                2.0 * r,
                2.0 * r,
            );
            fill(canvas, round(sun), &flat([252, 232, 170], 1.0));
            for i in 0..3 {
                let y = picture.bottom() - picture.h * (0.42 - 0.13 * i as f32);
                let green = scale([96, 120, 84], 1.1 - 0.25 * i as f32);
                let mut builder = PathBuilder::new();
                builder.move_to(picture.x, picture.bottom());
                builder.line_to(picture.x, y);
                let m = picture.x + picture.w * rng.random_range(0.2..0.8);
                builder.quad_to(m, y - picture.h * rng.random_range(0.05..0.4), picture.right(), y);
                builder.line_to(picture.right(), picture.bottom());
                builder.close();
                fill(canvas, builder.finish(), &flat(green, 1.0));
            }
        }
        1 => {
            fill(canvas, block(picture), &graded(picture, scale(ground, 0.7), scale(ground, 1.1)));
            for _ in 0..rng.random_range(1..4) {
                let r = picture.w * rng.random_range(0.14..0.28);
                let ball = Rect::new(
                    picture.x + rng.random_range(0.0..1.0) * (picture.w - 2.0 * r).max(1.0),
                    picture.y + rng.random_range(0.0..1.0) * (picture.h - 2.2 * r).max(1.0),
                    2.0 * r,
                    2.2 * r,
                );
                let tone: Rgb =
                    [[214, 150, 110], [200, 60, 50], [226, 190, 90], [150, 170, 90]][rng.random_range(0..4)];
                fill(canvas, round(ball), &flat(tone, 1.0));
                let shine = Rect::new(ball.x + 0.2 * ball.w, ball.y + 0.15 * ball.h, 0.25 * ball.w, 0.2 * ball.h);
                fill(canvas, round(shine), &flat([255, 250, 240], 0.45));
            }
        }
        _ => emblem(canvas, within(picture, 0.05), ink, ground, rng),
    }
    for (top, high) in [(0.68, 0.12), (0.83, 0.06), (0.91, 0.05)] {
        let row = Rect::new(area.x + area.w * 0.1, area.y + area.h * top, area.w * 0.8, area.h * high);
        let text = word(rng);
        draw_lettering(canvas, row, &text, ink, rng);
    }
}

/// Draws a screen into `area`: rows of destinations and times, or a queue number.
pub fn draw_screen(canvas: &mut Canvas, area: Rect, rng: &mut Rng) {
    fill(canvas, block(area.grown(0.03 * area.w, 0.03 * area.w)), &flat([26, 26, 28], 1.0));
    let glow: Rgb = [[16, 26, 54], [12, 14, 16], [226, 232, 238], [20, 60, 90]][rng.random_range(0..4)];
    fill(canvas, block(area), &graded(area, scale(glow, 1.25), glow));
    let ink = if glow[0] > 120 {
        [30, 40, 60]
    } else {
        [[244, 214, 90], [230, 236, 240], [120, 230, 150]][rng.random_range(0..3)]
    };
    if rng.random_bool(0.3) {
        let number = format!("{}{:02}", char::from(b'A' + rng.random_range(0..6)), rng.random_range(0..100));
        draw_lettering(canvas, within(area, 0.2), &number, ink, rng);
        return;
    }
    let rows = rng.random_range(4..9);
    let each = area.h / rows as f32;
    for i in 0..rows {
        let y = area.y + each * (i as f32 + 0.25);
        for (x, wide) in [(0.04, 0.14), (0.24, rng.random_range(0.2..0.4)), (0.74, 0.2)] {
            let cell = Rect::new(area.x + area.w * x, y, area.w * wide, each * 0.5);
            if each > 9.0 {
                let text = if x > 0.1 && x < 0.5 {
                    word(rng)
                } else {
                    format!("{:02}:{:02}", rng.random_range(0..24), rng.random_range(0..60))
                };
                draw_lettering(canvas, cell, &text, ink, rng);
            } else {
                fill(canvas, block(cell), &flat(ink, 0.75));
            }
        }
    }
}

/// Draws a bumper sticker into `area`: words, an emblem, an oval country sign.
pub fn draw_sticker(canvas: &mut Canvas, area: Rect, rng: &mut Rng) {
    let (ground, ink) = pair(rng);
    match rng.random_range(0..3) {
        0 => {
            fill(canvas, round(area), &flat([24, 24, 24], 1.0));
            fill(canvas, round(within(area, 0.05)), &flat([240, 240, 238], 1.0));
            let letters: String =
                (0..rng.random_range(1..4)).map(|_| char::from(b'A' + rng.random_range(0..26))).collect();
            draw_lettering(canvas, within(area, 0.25), &letters, [20, 20, 20], rng);
        }
        1 => {
            fill(canvas, block(area), &flat(ground, 1.0));
            let text = word(rng);
            draw_lettering(canvas, within(area, 0.18), &text, ink, rng);
        }
        _ => emblem(canvas, area, ink, ground, rng),
    }
}

/// Draws a lamp into `area`: a bright disc with a halo.
pub fn draw_lamp(canvas: &mut Canvas, area: Rect, tint: [u8; 3]) {
    let (cx, cy) = area.center();
    let center = Point::from_xy(cx, cy);
    let radius = area.w.min(area.h) / 2.0;
    let [r, g, b] = tint;
    let stops = vec![
        GradientStop::new(0.0, Color::from_rgba8(255, 255, 255, 255)),
        GradientStop::new(0.35, Color::from_rgba8(255, 255, 250, 240)),
        GradientStop::new(0.5, Color::from_rgba8(r, g, b, 120)),
        GradientStop::new(1.0, Color::from_rgba8(r, g, b, 0)),
    ];
    if let Some(shader) =
        RadialGradient::new(center, 0.0, center, radius.max(0.1), stops, SpreadMode::Pad, Transform::identity())
    {
        fill(canvas, round(area), &Paint { shader, ..Paint::default() });
    }
}

/// Draws a pair of headlamps or tail lamps into `area`, and what of a grille lies between them: two eyes and a mouth to
/// a careless detector.
pub fn draw_lamp_pair(canvas: &mut Canvas, area: Rect, tint: [u8; 3]) {
    let side = area.h.min(area.w * 0.35);
    for x in [area.x, area.right() - side] {
        draw_lamp(canvas, Rect::new(x, area.y, side, side), tint);
    }
    let bar = Rect::new(area.x + side * 1.2, area.y + area.h * 0.7, (area.w - 2.4 * side).max(0.0), area.h * 0.2);
    fill(canvas, block(bar), &flat([30, 30, 32], 0.8));
}
