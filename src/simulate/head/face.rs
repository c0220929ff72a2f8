//! The face as flat paint, to be stretched over the skull: skin, eyes, brows, mouth, wrinkles, stubble.
//!
//! Everything is drawn in the skull's own measure: x is arc length from the face's middle, y height, in head heights.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, Paint, Path, PathBuilder, Pixmap, Point, RadialGradient, Shader,
    SpreadMode, Stroke, Transform,
};

use super::skull::{ARC, Skull};
use super::{Mood, noise};
use crate::simulate::person::{BeardStyle, HairStyle, Person, Rgb, mix, scale};
use crate::simulate::sculpt::Texture;

/// A brush over a texture in the skull's measure.
struct Brush {
    map: Pixmap,
    place: Transform,
    /// Texels for each head height.
    fine: f32,
}

fn color(rgb: Rgb, alpha: f32) -> Color {
    let [r, g, b] = rgb;
    Color::from_rgba8(r, g, b, (alpha.clamp(0.0, 1.0) * 255.0) as u8)
}

impl Brush {
    fn new(fine: f32) -> Option<Self> {
        let (w, h) = ((2.0 * ARC * fine).ceil() as u32, fine.ceil() as u32);
        let map = Pixmap::new(w.max(4), h.max(4))?;
        Some(Self { map, place: Transform::from_row(fine, 0.0, 0.0, -fine, ARC * fine, 0.5 * fine), fine })
    }

    fn fill(&mut self, path: Option<Path>, rgb: Rgb, alpha: f32) {
        if let Some(path) = path {
            let paint = Paint { shader: Shader::SolidColor(color(rgb, alpha)), ..Paint::default() };
            self.map.fill_path(&path, &paint, FillRule::Winding, self.place, None);
        }
    }

    fn stroke(&mut self, points: &[(f32, f32)], width: f32, rgb: Rgb, alpha: f32) {
        // A line thinner than a texel fades instead.
        let least = 0.8 / self.fine;
        let alpha = alpha * (width / least).min(1.0);
        if alpha < 0.02 {
            return;
        }
        if let Some(path) = curve(points, false) {
            let paint = Paint { shader: Shader::SolidColor(color(rgb, alpha)), ..Paint::default() };
            let stroke = Stroke { width: width.max(least), line_cap: LineCap::Round, ..Stroke::default() };
            self.map.stroke_path(&path, &paint, &stroke, self.place, None);
        }
    }

    /// A soft blot.
    fn glow(&mut self, (x, y): (f32, f32), (rx, ry): (f32, f32), rgb: Rgb, alpha: f32) {
        if alpha < 0.01 {
            return;
        }
        let stops = vec![
            GradientStop::new(0.0, color(rgb, alpha)),
            GradientStop::new(0.45, color(rgb, alpha * 0.62)),
            GradientStop::new(1.0, color(rgb, 0.0)),
        ];
        // Drawn as a unit circle that the transform stretches.
        let place = self.place.pre_concat(Transform::from_row(rx, 0.0, 0.0, ry, x, y));
        let center = Point::from_xy(0.0, 0.0);
        let shader = RadialGradient::new(center, 0.0, center, 1.0, stops, SpreadMode::Pad, Transform::identity());
        if let (Some(shader), Some(path)) = (shader, PathBuilder::from_circle(0.0, 0.0, 1.0)) {
            let paint = Paint { shader, ..Paint::default() };
            self.map.fill_path(&path, &paint, FillRule::Winding, place, None);
        }
    }

    fn oval(&mut self, (x, y): (f32, f32), (rx, ry): (f32, f32), rgb: Rgb, alpha: f32) {
        let path = tiny_skia::Rect::from_xywh(x - rx, y - ry, 2.0 * rx, 2.0 * ry).and_then(PathBuilder::from_oval);
        self.fill(path, rgb, alpha);
    }
}

/// A smooth line through `points`.
fn curve(points: &[(f32, f32)], close: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    builder.move_to(first.0, first.1);
    for (i, p) in rest.iter().enumerate() {
        match rest.get(i + 1) {
            Some(next) => builder.quad_to(p.0, p.1, (p.0 + next.0) / 2.0, (p.1 + next.1) / 2.0),
            None => builder.line_to(p.0, p.1),
        }
    }
    if close {
        builder.close();
    }
    builder.finish()
}

/// Paints `person`'s face at `fine` texels a head height.
pub(super) fn paint(person: &Person, skull: &Skull, mood: &Mood, fine: f32) -> Option<Texture> {
    let mut b = Brush::new(fine)?;
    let skin = person.skin;
    b.map.fill(color(skin, 1.0));
    complexion(&mut b, person, skull);
    if fine > 40.0 {
        wrinkles(&mut b, person, skull, mood);
    }
    for side in [-1.0, 1.0] {
        eye(&mut b, person, skull, mood, side);
        brow(&mut b, person, skull, mood, side);
    }
    nose(&mut b, person, skull);
    stubble(&mut b, person, skull);
    mouth(&mut b, person, skull, mood);
    scalp(&mut b, person, skull);
    let (width, height) = (b.map.width() as usize, b.map.height() as usize);
    let seed = person.seed as u32;
    let rough = 6.0 + 8.0 * person.worn();
    let texels = (b.map.pixels().iter().enumerate())
        .map(|(i, p)| {
            // Pores and blotches: two octaves of noise.
            let (x, y) = ((i % width) as f32 / fine, (i / width) as f32 / fine);
            let n =
                (noise(x * 22.0, y * 22.0, seed) - 0.5) * rough + (noise(x * 90.0, y * 90.0, seed ^ 7) - 0.5) * rough;
            [p.red(), p.green(), p.blue()].map(|c| (f32::from(c) + n * f32::from(c) / 190.0).clamp(0.0, 255.0) as u8)
        })
        .map(|[r, g, b]| [r, g, b, 0])
        .collect();
    Some(Texture { width, height, texels })
}

fn complexion(b: &mut Brush, person: &Person, skull: &Skull) {
    let skin = person.skin;
    let l = skull.levels;
    let (shadow, ruddy) = (mix(scale(skin, 0.62), [90, 30, 24], 0.22), mix(skin, [196, 70, 62], 0.5));
    let blush = 0.16 + 0.16 * person.make_up + 0.12 * person.childlike();
    b.glow((0.0, 0.24), (0.26, 0.12), scale(skin, 1.06), 0.5);
    for side in [-1.0, 1.0] {
        let at = |x: f32, y: f32| (skull.arc(x * side, y), y);
        b.glow(at(0.19, -0.15), (0.13, 0.11), ruddy, blush);
        // Sockets, the sides of the nose, the temples, the jaw's edge.
        b.glow(at(l.gap, l.eye + 0.02), (0.11, 0.085), shadow, 0.42);
        b.glow(at(0.068, l.eye + 0.03), (0.05, 0.08), shadow, 0.38);
        b.glow(at(0.085, (l.eye + l.nose) / 2.0 - 0.04), (0.045, 0.10), shadow, 0.22);
        b.glow(at(0.30, -0.30), (0.14, 0.2), shadow, 0.30);
        b.glow(at(0.295, 0.1), (0.10, 0.16), shadow, 0.16);
        b.glow(at(0.19, -0.075), (0.08, 0.05), scale(skin, 1.12), 0.4);
    }
    b.glow((0.0, l.nose + 0.02), (0.06, 0.05), ruddy, 0.18);
    b.glow((0.0, l.nose - 0.035), (0.09, 0.035), shadow, 0.42);
    b.glow((0.0, l.mouth - 0.068), (0.10, 0.03), shadow, 0.38);
    b.glow((0.0, -0.52), (0.3, 0.08), shadow, 0.5);
    if person.features.freckles > 0.0 && b.fine > 60.0 {
        let count = (90.0 * person.features.freckles) as u32;
        for i in 0..count {
            let (x, y) = (noise(i as f32 + 0.5, 3.5, 11) - 0.5, noise(i as f32 + 0.5, 9.5, 12));
            let at = (x * 0.5, l.eye - 0.02 - y * 0.2);
            b.oval(at, (0.004, 0.004), mix(skin, [120, 66, 36], 0.6), 0.5);
        }
    }
    let moles = person.seed % 4;
    for i in 0..moles {
        let k = i as f32 * 3.7 + (person.seed % 97) as f32;
        let at = ((noise(k, 1.5, 5) - 0.5) * 0.6, (noise(k, 7.5, 6) - 0.6) * 0.6);
        b.oval(at, (0.006, 0.006), scale(skin, 0.5), 0.7);
    }
}

fn wrinkles(b: &mut Brush, person: &Person, skull: &Skull, mood: &Mood) {
    let l = skull.levels;
    let dark = mix(scale(person.skin, 0.55), [70, 24, 18], 0.2);
    let pale = scale(person.skin, 1.12);
    let worn = person.worn();
    let mut fold = |points: &[(f32, f32)], width: f32, alpha: f32| {
        let below: Vec<_> = points.iter().map(|p| (p.0, p.1 - width * 0.9)).collect();
        b.stroke(&below, width, pale, alpha * 0.5);
        b.stroke(points, width, dark, alpha);
    };
    for i in 0..4 {
        let y = l.brow + 0.055 + 0.038 * i as f32;
        let bend = 0.012 * ((person.seed >> i) & 1) as f32;
        let reach = 0.19 - 0.02 * i as f32;
        fold(&[(-reach, y - 0.015), (-0.07, y + bend), (0.07, y + bend), (reach, y - 0.015)], 0.008, worn * 0.5);
    }
    for side in [-1.0f32, 1.0] {
        let s = |x: f32, y: f32| (skull.arc(x * side, y), y);
        let nasal = 0.16 + 0.5 * worn + 0.45 * mood.smile.max(0.0) - 0.12 * person.childlike();
        let reach = 0.02 * mood.smile.max(0.0);
        fold(&[s(0.07, l.nose + 0.03), s(0.115 + reach, l.nose - 0.03), s(0.14 + reach, l.mouth - 0.01)], 0.011, nasal);
        fold(&[s(0.118, l.mouth - 0.03), s(0.13, l.mouth - 0.075), s(0.122, l.mouth - 0.12)], 0.009, worn * 0.5);
        // Bags beneath the eyes, crow's feet beside them.
        let bag = l.eye - 0.055;
        fold(&[s(0.075, bag + 0.012), s(l.gap, bag - 0.012), s(0.195, bag + 0.014)], 0.009, 0.1 + worn * 0.55);
        for i in 0..3 {
            let k = i as f32 - 1.0;
            fold(
                &[s(0.215, l.eye + 0.012 * k), s(0.235, l.eye + 0.02 * k), s(0.26, l.eye + 0.04 * k - 0.005)],
                0.006,
                (worn * 1.1 - 0.2 + 0.3 * mood.smile.max(0.0)).clamp(0.0, 0.6),
            );
        }
        if worn > 0.5 {
            fold(&[s(0.2, -0.2), s(0.225, -0.28), s(0.215, -0.36)], 0.008, (worn - 0.5) * 0.7);
        }
    }
    fold(&[(-0.012, l.brow - 0.01), (-0.016, l.brow + 0.03)], 0.006, worn * 0.5);
    fold(&[(0.014, l.brow - 0.01), (0.016, l.brow + 0.035)], 0.006, worn * 0.45);
}

fn eye(b: &mut Brush, person: &Person, skull: &Skull, mood: &Mood, side: f32) {
    let f = &person.features;
    let l = skull.levels;
    let child = person.childlike();
    let cx = l.gap;
    let half = 0.064 * (1.0 + 0.08 * f.eye_size + 0.08 * child);
    let open = (0.034
        * (1.0 + 0.22 * f.eye_size + 0.3 * child - 0.25 * person.worn() - 0.2 * f.eyelid)
        * (1.0 - 0.25 * mood.smile.max(0.0))
        * mood.eyes)
        .max(0.002);
    let tilt = 0.10 * f.eye_tilt + 0.05;
    // The almond: highest a little inside the middle, lowest a little outside. k runs from the inner to the outer corner.
    let upper = |k: f32| l.eye + tilt * k * half + open * (1.0 - k * k) * (1.0 - 0.16 * k);
    let lower = |k: f32| l.eye + tilt * k * half - open * 0.62 * (1.0 - k * k) * (1.0 + 0.2 * k);
    let at = |k: f32, y: f32| (skull.arc((cx + k * half) * side, y), y);
    let steps: Vec<f32> = (0..=10).map(|i| i as f32 / 5.0 - 1.0).collect();
    let lid = scale(person.skin, 0.9);
    if person.make_up > 0.35 {
        let shade = [[120, 84, 96], [96, 84, 72], [84, 96, 128], [130, 90, 70]][(person.seed % 4) as usize];
        b.glow(at(0.05, l.eye + 0.035), (0.085, 0.045), shade, 0.5 * person.make_up);
    }
    let mut almond: Vec<_> = steps.iter().map(|&k| at(k, upper(k))).collect();
    almond.extend(steps.iter().rev().map(|&k| at(k, lower(k))));
    let white = mix([226, 222, 218], scale(person.skin, 1.05), 0.18);
    b.fill(curve(&almond, true), white, 1.0);
    // The lid's shadow falls on the ball.
    let shadowed: Vec<_> = (steps.iter().map(|&k| at(k, upper(k))))
        .chain(steps.iter().rev().map(|&k| at(k, upper(k) + (lower(k) - upper(k)) * 0.35)))
        .collect();
    b.fill(curve(&shadowed, true), [70, 54, 50], 0.45);
    b.oval(at(-0.93, lower(-0.93) + 0.004), (0.006, 0.005), [190, 120, 110], 0.6);
    let (gx, gy) = mood.gaze;
    let iris = 0.0285 * (1.0 + 0.1 * child);
    let (ix, iy) = (gx * side * 0.45, l.eye + 0.004 + gy * 0.012);
    let mut disc = |radius: f32, rgb: Rgb, alpha: f32| {
        let round: Vec<_> = (0..16)
            .map(|i| {
                let (s, c) = (i as f32 / 16.0 * std::f32::consts::TAU).sin_cos();
                let k = (ix + c * radius / half).clamp(-0.98, 0.98);
                at(k, (iy + s * radius).clamp(lower(k), upper(k)))
            })
            .collect();
        let mut builder = PathBuilder::new();
        builder.move_to(round[0].0, round[0].1);
        round[1..].iter().for_each(|p| builder.line_to(p.0, p.1));
        builder.close();
        b.fill(builder.finish(), rgb, alpha);
    };
    disc(iris, scale(f.iris, 0.45), 1.0);
    disc(iris * 0.86, f.iris, 1.0);
    disc(iris * 0.6, scale(f.iris, 0.75), 0.8);
    disc(iris * 0.42, [12, 10, 10], 1.0);
    if mood.eyes > 0.4 {
        let spark = at(ix - 0.12 * side, iy + 0.010);
        b.oval(spark, (0.006, 0.006), [250, 250, 250], 0.9);
    }
    // Lashes and lids.
    let lash = mix(person.hair.color, [24, 18, 16], 0.75);
    let weight = 0.009 + 0.008 * person.make_up + 0.003 * (1.0 - person.build);
    let line: Vec<_> = steps.iter().map(|&k| at(k, upper(k) + 0.002)).collect();
    b.stroke(&line, weight, lash, 0.92);
    let below: Vec<_> = steps.iter().map(|&k| at(k, lower(k) - 0.001)).collect();
    b.stroke(&below, 0.006, mix(lash, person.skin, 0.35), 0.5 + 0.3 * person.make_up);
    if person.make_up > 0.2 {
        b.stroke(&[at(0.85, upper(0.85)), at(1.2, upper(0.9) + 0.014)], 0.008, lash, 0.8);
    }
    let rise = 0.022 - 0.014 * f.eyelid;
    let crease: Vec<_> = steps.iter().map(|&k| at(k * 1.05, upper(k * 0.98) + rise * (1.15 - 0.5 * k * k))).collect();
    b.stroke(&crease, 0.008, scale(person.skin, 0.58), 0.65 - 0.4 * f.eyelid);
    let highlight: Vec<_> = steps.iter().map(|&k| at(k * 0.7, upper(k * 0.7) + rise * 0.5)).collect();
    b.stroke(&highlight, 0.009, scale(lid, 1.12), 0.3);
}

fn brow(b: &mut Brush, person: &Person, skull: &Skull, mood: &Mood, side: f32) {
    let f = &person.features;
    let l = skull.levels;
    let lift = 0.014 * mood.brows + 0.006 * (1.0 - person.build);
    let y = l.brow + lift;
    let thick = (0.016 + 0.007 * f.brow_weight + 0.004 * person.build - 0.005 * person.childlike()).max(0.007);
    let arch = 0.012 + 0.010 * (1.0 - person.build);
    let frown = -0.012 * mood.brows.min(0.0);
    let middle = |k: f32| y + arch * (1.0 - (2.0 * k - 1.2) * (2.0 * k - 1.2)) - frown * (1.0 - k);
    let reach = |k: f32| 0.045 + 0.175 * k;
    let at = |k: f32, dy: f32| (skull.arc(reach(k) * side, y), middle(k) + dy);
    let tone = mix(person.hair.color, scale(person.skin, 0.42), if person.hair.color[0] > 150 { 0.45 } else { 0.12 });
    let width = |k: f32| thick * (1.0 - k * k * 0.8) * (0.75 + 1.2 * k).min(1.0);
    let steps = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
    let outline: Vec<_> =
        (steps.iter().map(|&k| at(k, width(k)))).chain(steps.iter().rev().map(|&k| at(k, -width(k) * 0.8))).collect();
    b.fill(curve(&outline, true), tone, 0.62 + 0.12 * f.brow_weight);
    if b.fine > 70.0 {
        for i in 0..22 {
            let k = i as f32 / 21.0;
            let jitter = noise(i as f32 + 0.5, side + 4.5, person.seed as u32) - 0.5;
            let from = at(k, -width(k) * 0.9 + jitter * 0.006);
            let to = at((k + 0.10).min(1.06), width(k) * (0.9 - 0.9 * k) + jitter * 0.008);
            b.stroke(&[from, to], 0.005, tone, 0.7);
        }
    }
}

fn nose(b: &mut Brush, person: &Person, skull: &Skull) {
    let f = &person.features;
    let l = skull.levels;
    let dark = mix(scale(person.skin, 0.36), [60, 16, 12], 0.3);
    let small = 1.0 - 0.25 * person.childlike();
    for side in [-1.0f32, 1.0] {
        let at = |x: f32, y: f32| (skull.arc(x * side, y), y);
        let x = 0.030 * (1.0 + 0.22 * f.nose_width) * small;
        b.glow(at(x, l.nose - 0.010), (0.028, 0.018), dark, 0.7);
        b.oval(at(x, l.nose - 0.010), (0.017, 0.0085), scale(dark, 0.7), 0.85);
        let wing = 0.068 * (1.0 + 0.22 * f.nose_width) * small;
        b.stroke(
            &[at(wing - 0.012, l.nose + 0.05), at(wing + 0.004, l.nose + 0.02), at(wing - 0.008, l.nose - 0.012)],
            0.010,
            dark,
            0.42,
        );
        b.stroke(&[at(0.012, l.nose - 0.028), at(0.014, l.mouth + 0.036)], 0.008, dark, 0.2);
    }
    b.glow((0.0, l.nose + 0.028), (0.032, 0.03), scale(person.skin, 1.2), 0.45);
    b.glow((0.0, (l.nose + l.eye) / 2.0 + 0.02), (0.022, 0.085), scale(person.skin, 1.15), 0.35);
}

fn mouth(b: &mut Brush, person: &Person, skull: &Skull, mood: &Mood) {
    let f = &person.features;
    let y = skull.levels.mouth;
    let half = 0.098 + 0.009 * f.mouth + 0.024 * mood.smile.max(0.0) - 0.016 * person.childlike();
    let full = 1.0 + 0.35 * f.lips - 0.35 * person.worn();
    let natural = mix(person.skin, mix(scale(person.skin, 0.6), [168, 60, 64], 0.55), 0.62);
    let painted = [[176, 36, 52], [150, 50, 66], [196, 88, 96], [110, 30, 48]][(person.seed / 4 % 4) as usize];
    let lip = mix(natural, painted, if person.make_up > 0.3 { 0.75 * person.make_up } else { 0.0 });
    let curl = 0.022 * mood.smile;
    let gape = 0.055 * mood.speak;
    let at = |k: f32, dy: f32| {
        let line = y + curl * k * k - 0.004 * (1.0 - k * k);
        (skull.arc(k * half, y), line + dy)
    };
    let ks: Vec<f32> = (0..=8).map(|i| i as f32 / 4.0 - 1.0).collect();
    let bow = |k: f32| {
        let peak = (1.0 - ((k.abs() - 0.22) / 0.78).powi(2)).max(0.0);
        0.020 * full * peak * if k.abs() < 0.1 { 0.82 } else { 1.0 }
    };
    let top = |k: f32| gape * 0.35 * (1.0 - k * k);
    let low = |k: f32| -gape * 0.65 * (1.0 - k * k);
    let upper: Vec<_> =
        ks.iter().map(|&k| at(k, top(k) + bow(k))).chain(ks.iter().rev().map(|&k| at(k, top(k)))).collect();
    let lower: Vec<_> = (ks.iter().map(|&k| at(k, low(k))))
        .chain(ks.iter().rev().map(|&k| at(k, low(k) - 0.030 * full * (1.0 - k * k).max(0.0).sqrt())))
        .collect();
    if gape > 0.006 {
        let hole: Vec<_> = ks.iter().map(|&k| at(k, top(k))).chain(ks.iter().rev().map(|&k| at(k, low(k)))).collect();
        b.fill(curve(&hole, true), [58, 22, 22], 1.0);
        let teeth: Vec<_> = (ks.iter().map(|&k| at(k * 0.86, top(k))))
            .chain(ks.iter().rev().map(|&k| at(k * 0.86, (top(k) - 0.024 * (1.0 - k * k)).max(low(k)))))
            .collect();
        b.fill(curve(&teeth, true), [232, 226, 214], 0.95);
    }
    b.fill(curve(&upper, true), scale(lip, 0.86), 0.88);
    b.fill(curve(&lower, true), lip, 0.88);
    b.glow(at(0.0, low(0.0) - 0.013 * full), (0.05, 0.011), scale(lip, 1.3), 0.5);
    let seam: Vec<_> = ks.iter().map(|&k| at(k * 1.04, (top(k) + low(k)) / 2.0)).collect();
    if gape <= 0.006 {
        b.stroke(&seam, 0.009, mix(scale(lip, 0.35), [40, 8, 8], 0.4), 0.85);
    }
    for side in [-1.0, 1.0] {
        b.glow(at(1.08 * side, 0.0), (0.026, 0.022), scale(person.skin, 0.55), 0.5);
    }
}

/// Beard shadow, and the ground under a beard.
fn stubble(b: &mut Brush, person: &Person, skull: &Skull) {
    let l = skull.levels;
    let alpha = match person.beard.style {
        BeardStyle::None if person.build > 0.5 && person.age > 17.0 => 0.10,
        BeardStyle::None => return,
        BeardStyle::Stubble => 0.34,
        BeardStyle::Moustache | BeardStyle::Goatee => 0.12,
        BeardStyle::Short | BeardStyle::Full | BeardStyle::Long => 0.55,
    };
    let tone = mix(person.beard.color, scale(person.skin, 0.5), 0.35);
    for side in [-1.0f32, 1.0] {
        let at = |x: f32, y: f32| (skull.arc(x * side, y), y);
        b.glow(at(0.21, -0.36), (0.14, 0.17), tone, alpha);
        b.glow(at(0.285, -0.22), (0.07, 0.17), tone, alpha * 0.7);
        b.glow(at(0.09, -0.43), (0.16, 0.11), tone, alpha);
        b.glow(at(0.06, l.mouth + 0.05), (0.075, 0.035), tone, alpha);
    }
}

/// Shaved hair shows on the scalp as a shadow.
fn scalp(b: &mut Brush, person: &Person, skull: &Skull) {
    let alpha = match person.hair.style {
        HairStyle::Bald => return,
        HairStyle::Shaved => 0.5,
        _ => 0.6,
    };
    let line = skull.levels.hairline;
    let tone = mix(person.hair.color, scale(person.skin, 0.6), 0.3);
    let high = match person.hair.style {
        HairStyle::Receding => 0.07,
        HairStyle::Horseshoe => return,
        _ => 0.0,
    };
    // From behind over the nape, around the ear, down the sideburn and up the temple.
    let points = [
        (-0.75, 0.6),
        (-0.75, -0.30),
        (-0.62, -0.28),
        (-0.58, -0.06),
        (-0.50, 0.07),
        (-0.42, 0.06),
        (-0.40, -0.07),
        (-0.345, -0.06),
        (-0.325, 0.10),
        (-0.27, line - 0.05 + high),
    ];
    let mut outline: Vec<_> = points.to_vec();
    outline.extend([(-0.16, line + high * 1.2), (0.0, line + high * 0.2), (0.16, line + high * 1.2)]);
    outline.extend(points.iter().rev().map(|p| (-p.0, p.1)));
    for (grow, share) in [(0.012, 0.3), (0.0, 0.4), (-0.014, 0.6)] {
        let soft: Vec<_> = outline.iter().map(|p| (p.0, p.1 - grow)).collect();
        b.fill(curve(&soft, true), tone, alpha * share);
    }
}
