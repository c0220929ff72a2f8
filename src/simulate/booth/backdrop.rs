//! Walls, floors, windows, screens and streets behind travellers.

use rand::RngExt;

use super::things::{fill, flat, line, oval, polygon, wash};
use super::{Lens, Setting};
use crate::geometry::Rect;
use crate::simulate::head::hash;
use crate::simulate::person::{Rgb, mix, scale};
use crate::simulate::scene::{Canvas, Conditions, Illumination, Rng, Weather};

/// Covers the whole canvas.
pub(super) fn draw(canvas: &mut Canvas, setting: Setting, lens: &Lens, conditions: &Conditions, rng: &mut Rng) {
    match setting {
        Setting::Street => street(canvas, lens, conditions, rng),
        Setting::Counter | Setting::Group if rng.random_bool(0.5) => wall(canvas, rng),
        _ => hall(canvas, lens, conditions, rng),
    }
    let grain = rng.random_range(3..8);
    roughen(canvas, grain, rng.random());
}

/// Flat colour does not exist: a little unevenness everywhere, coarse and fine.
fn roughen(canvas: &mut Canvas, grain: i32, seed: u32) {
    const SIDE: usize = 128;
    // As bytes of pixels, alpha untouched.
    let tile: Vec<i8> = (0..SIDE * SIDE)
        .flat_map(|i| {
            let (x, y) = ((i % SIDE) as u32, (i / SIDE) as u32);
            let n = hash(x, y, seed) * 0.4 + hash(x / 4, y / 4, seed ^ 1) * 0.6 - 0.5;
            let n = (n * 2.0 * grain as f32) as i8;
            [n, n, n, 0]
        })
        .collect();
    let width = canvas.width() as usize;
    for (y, row) in canvas.data_mut().chunks_exact_mut(width * 4).enumerate() {
        // Each band of the tile starts elsewhere, so that no grid shows.
        let shift = (hash((y / SIDE) as u32, 3, seed) * SIDE as f32) as usize * 4;
        let line = &tile[(y % SIDE) * SIDE * 4..(y % SIDE + 1) * SIDE * 4];
        let (head, rest) = row.split_at_mut((SIDE * 4 - shift).min(width * 4));
        let add = |to: &mut [u8], from: &[i8]| {
            to.iter_mut().zip(from).for_each(|(c, n)| *c = c.saturating_add_signed(*n));
        };
        add(head, &line[shift..]);
        rest.chunks_mut(SIDE * 4).for_each(|part| add(part, line));
    }
}

fn paint_color(rng: &mut Rng) -> Rgb {
    const WALLS: [Rgb; 9] = [
        [206, 204, 196],
        [188, 196, 200],
        [164, 170, 172],
        [122, 134, 144],
        [196, 186, 164],
        [142, 150, 138],
        [92, 102, 116],
        [176, 158, 140],
        [226, 226, 222],
    ];
    scale(WALLS[rng.random_range(0..WALLS.len())], rng.random_range(0.82..1.12))
}

/// A near wall: plain, panelled, tiled or of glass, with what hangs on it.
fn wall(canvas: &mut Canvas, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let tone = paint_color(rng);
    let (a, b) = (scale(tone, 1.1), scale(tone, 0.72));
    let (a, b) = if rng.random_bool(0.5) { (a, b) } else { (b, a) };
    wash(canvas, Rect::new(0.0, 0.0, w, h), rng.random_bool(0.7), a, b);
    match rng.random_range(0..4) {
        0 => {
            let step = rng.random_range(0.1..0.3) * w;
            let mut x = rng.random_range(0.0..step);
            while x < w {
                line(canvas, (x, 0.0), (x, h), 2.0, &flat(scale(tone, 0.6), 0.8));
                line(canvas, (x + 2.0, 0.0), (x + 2.0, h), 1.0, &flat(scale(tone, 1.25), 0.6));
                x += step;
            }
        }
        1 => {
            let (bw, bh) = (rng.random_range(40.0..90.0), rng.random_range(18.0..40.0));
            let mut y = 0.0;
            let mut row = 0;
            while y < h {
                line(canvas, (0.0, y), (w, y), 1.5, &flat(scale(tone, 0.62), 0.7));
                let mut x = if row % 2 == 0 { 0.0 } else { bw / 2.0 };
                while x < w {
                    line(canvas, (x, y), (x, y + bh), 1.5, &flat(scale(tone, 0.62), 0.7));
                    x += bw;
                }
                y += bh;
                row += 1;
            }
        }
        2 => windows(canvas, Rect::new(0.0, 0.0, w, h * 0.7), rng),
        _ => {}
    }
    for _ in 0..rng.random_range(0..4) {
        let (pw, ph) = (rng.random_range(0.06..0.2) * w, rng.random_range(0.12..0.4) * h);
        let area = Rect::new(rng.random_range(0.0..0.95) * w, rng.random_range(0.0..0.5) * h, pw, ph);
        hanging(canvas, area, rng);
    }
}

/// A poster, a sign or a screen.
fn hanging(canvas: &mut Canvas, area: Rect, rng: &mut Rng) {
    match rng.random_range(0..3) {
        0 => crate::simulate::decoy::draw_poster(canvas, area, rng),
        1 => crate::simulate::decoy::draw_sign(canvas, area, rng),
        _ => crate::simulate::decoy::draw_screen(canvas, area, rng),
    }
}

fn windows(canvas: &mut Canvas, area: Rect, rng: &mut Rng) {
    let sky: Rgb = mix([196, 214, 230], [232, 234, 232], rng.random_range(0.0..1.0));
    wash(canvas, area, false, sky, mix(sky, [150, 156, 150], 0.6));
    for _ in 0..rng.random_range(2..7) {
        let tone = mix([110, 120, 116], sky, rng.random_range(0.2..0.8));
        let bw = rng.random_range(0.05..0.25) * area.w;
        let x = area.x + rng.random_range(-0.1..1.0) * area.w;
        let top = area.y + rng.random_range(0.3..0.8) * area.h;
        fill(canvas, Rect::new(x, top, bw, area.bottom() - top), &flat(tone, 0.8));
    }
    let panes = rng.random_range(3..9);
    let frame: Rgb = [[60, 64, 70], [180, 182, 184], [96, 92, 86]][rng.random_range(0..3)];
    for i in 0..=panes {
        let x = area.x + area.w * i as f32 / panes as f32;
        line(canvas, (x, area.y), (x, area.bottom()), rng.random_range(5.0..10.0), &flat(frame, 1.0));
    }
    for k in [0.45, 1.0] {
        let y = area.y + area.h * k;
        line(canvas, (area.x, y), (area.right(), y), 7.0, &flat(frame, 1.0));
    }
}

/// A hall with floor, far wall, ceiling lamps, columns, booths.
fn hall(canvas: &mut Canvas, lens: &Lens, conditions: &Conditions, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let deep = rng.random_range(14.0..30.0);
    let floor_line = lens.horizon + lens.focal * lens.high / deep;
    let ceiling_line = lens.horizon - lens.focal * (rng.random_range(3.2f32..6.0) - lens.high) / deep;
    let tone = paint_color(rng);
    let ceiling = scale(tone, rng.random_range(0.7..1.15));
    wash(canvas, Rect::new(0.0, 0.0, w, ceiling_line.max(1.0)), false, ceiling, scale(ceiling, 0.78));
    wash(canvas, Rect::new(0.0, ceiling_line, w, floor_line - ceiling_line), true, tone, scale(tone, 0.8));
    if rng.random_bool(0.4) {
        windows(canvas, Rect::new(0.0, ceiling_line, w, (floor_line - ceiling_line) * 0.8), rng);
    }
    let lamp = if conditions.illumination == Illumination::Day { 0.75 } else { 1.0 };
    let vanish = w * rng.random_range(0.3..0.7);
    for i in 0..7 {
        let t = 1.0 - 1.0 / (1.0 + i as f32 * 0.55);
        let y = ceiling_line * t;
        let half = w * 0.06 * (1.0 - t) + 6.0;
        for k in [-0.34, 0.0, 0.34] {
            let x = vanish + (w * k * 2.0) * (1.0 - t) + k * 60.0;
            polygon(
                canvas,
                &[
                    (x - half, y),
                    (x + half, y),
                    (x + half * 0.8, y + 5.0 + 12.0 * (1.0 - t)),
                    (x - half * 0.8, y + 5.0 + 12.0 * (1.0 - t)),
                ],
                &flat([250, 250, 244], lamp * 0.8),
            );
        }
    }
    let ground = scale(paint_color(rng), rng.random_range(0.65..1.05));
    wash(canvas, Rect::new(0.0, floor_line, w, h - floor_line), false, scale(ground, 1.12), scale(ground, 0.8));
    if rng.random_bool(0.75) {
        let seam = flat(scale(ground, 0.75), 0.55);
        let step = rng.random_range(0.6..1.6);
        for i in 0..22 {
            let d = 1.2 + step * i as f32;
            let y = lens.horizon + lens.focal * lens.high / d;
            if y > floor_line {
                line(canvas, (0.0, y), (w, y), (3.0 / d).max(0.6), &seam);
            }
        }
        for i in -14..=14 {
            let x = i as f32 * step * lens.focal;
            line(
                canvas,
                (vanish + x / deep, floor_line),
                (vanish + x / 1.2, lens.horizon + lens.focal * lens.high / 1.2),
                1.2,
                &seam,
            );
        }
    }
    // Lamps mirrored by a polished floor.
    for _ in 0..rng.random_range(0..5) {
        let x = rng.random_range(0.0..1.0) * w;
        let y = rng.random_range(floor_line..h);
        oval(canvas, Rect::new(x - 60.0, y - 14.0, 120.0, 28.0), &flat([255, 255, 250], 0.10));
    }
    booths(canvas, lens, floor_line, rng);
    for _ in 0..rng.random_range(0..4) {
        let d = rng.random_range(5.0..deep);
        let x = rng.random_range(0.0..1.0) * w;
        let half = lens.focal * 0.3 / d;
        let base = lens.horizon + lens.focal * lens.high / d;
        let stone = scale(tone, 0.9);
        wash(canvas, Rect::new(x - half, 0.0, half * 2.0, base), true, scale(stone, 1.1), scale(stone, 0.6));
    }
    for _ in 0..rng.random_range(1..5) {
        let d = rng.random_range(5.0..deep);
        let (pw, ph) = (lens.focal * rng.random_range(0.6..2.4) / d, lens.focal * rng.random_range(0.3..0.8) / d);
        let y = lens.horizon - lens.focal * (rng.random_range(2.2f32..3.2) - lens.high) / d - ph;
        hanging(canvas, Rect::new(rng.random_range(0.0..1.0) * w, y, pw, ph), rng);
    }
}

/// A row of inspection booths at the far end.
fn booths(canvas: &mut Canvas, lens: &Lens, floor_line: f32, rng: &mut Rng) {
    if rng.random_bool(0.4) {
        return;
    }
    let w = canvas.width() as f32;
    let d = rng.random_range(9.0..14.0f32);
    let unit = lens.focal / d;
    let base = (lens.horizon + unit * lens.high).max(floor_line);
    let tone: Rgb = [[70, 86, 104], [150, 152, 150], [112, 92, 74]][rng.random_range(0..3)];
    let mut x = rng.random_range(-1.0..0.0) * unit;
    while x < w {
        let bw = 1.8 * unit;
        wash(canvas, Rect::new(x, base - 2.4 * unit, bw, 2.4 * unit), true, scale(tone, 1.1), scale(tone, 0.75));
        wash(
            canvas,
            Rect::new(x + 0.15 * unit, base - 2.1 * unit, bw - 0.3 * unit, 1.0 * unit),
            false,
            [60, 72, 84],
            [140, 156, 166],
        );
        let sign = Rect::new(x + 0.4 * unit, base - 2.75 * unit, unit, 0.3 * unit);
        crate::simulate::decoy::draw_sign(canvas, sign, rng);
        x += rng.random_range(2.6..3.4) * unit;
    }
}

fn street(canvas: &mut Canvas, lens: &Lens, conditions: &Conditions, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let sky: Rgb = match conditions.weather {
        Weather::Rain => [150, 154, 158],
        _ => mix([148, 184, 222], [222, 226, 228], rng.random_range(0.0..1.0)),
    };
    wash(canvas, Rect::new(0.0, 0.0, w, lens.horizon + 2.0), false, scale(sky, 0.92), scale(sky, 1.06));
    let mut x = -0.1 * w;
    while x < w {
        let d = rng.random_range(14.0..40.0);
        let bw = lens.focal * rng.random_range(5.0..14.0) / d;
        let top = lens.horizon - lens.focal * (rng.random_range(5.0f32..16.0) - lens.high) / d;
        let base = lens.horizon + lens.focal * lens.high / d;
        let tone = paint_color(rng);
        wash(canvas, Rect::new(x, top, bw, base - top), true, tone, scale(tone, 0.75));
        let cell = lens.focal * 1.6 / d;
        let mut y = top + cell * 0.4;
        while y < base - cell {
            let mut wx = x + cell * 0.4;
            while wx + cell * 0.5 < x + bw {
                let glass = mix([52, 62, 74], [176, 196, 210], rng.random_range(0.0..0.7));
                fill(canvas, Rect::new(wx, y, cell * 0.5, cell * 0.7), &flat(glass, 0.95));
                wx += cell;
            }
            y += cell * 1.3;
        }
        x += bw * rng.random_range(0.8..1.2);
    }
    let ground = scale([128, 128, 126], rng.random_range(0.6..1.1));
    let line_y = lens.horizon + lens.focal * lens.high / 40.0;
    wash(canvas, Rect::new(0.0, line_y, w, h - line_y), false, scale(ground, 1.1), scale(ground, 0.85));
    let kerb = rng.random_range(-0.4..1.4) * w;
    let vanish = rng.random_range(0.2..0.8) * w;
    polygon(
        canvas,
        &[(vanish, line_y), (vanish + 6.0, line_y), (kerb + 60.0, h), (kerb, h)],
        &flat(scale(ground, 1.3), 1.0),
    );
    for _ in 0..rng.random_range(1..5) {
        let d = rng.random_range(8.0..26.0);
        let x = rng.random_range(0.0..1.0) * w;
        let base = lens.horizon + lens.focal * lens.high / d;
        let unit = lens.focal / d;
        line(canvas, (x, base), (x, base - 2.6 * unit), 0.25 * unit, &flat([74, 60, 48], 1.0));
        for _ in 0..14 {
            let (dx, dy) = (rng.random_range(-1.2..1.2) * unit, rng.random_range(2.2f32..4.4) * unit);
            let r = rng.random_range(0.4..0.9) * unit;
            let green = scale([70, 96, 52], rng.random_range(0.6..1.3));
            oval(canvas, Rect::new(x + dx - r, base - dy - r, 2.0 * r, 2.0 * r), &flat(green, 0.85));
        }
    }
    for _ in 0..rng.random_range(0..3) {
        let d = rng.random_range(6.0..18.0);
        let unit = lens.focal / d;
        let x = rng.random_range(0.0..1.0) * w;
        let base = lens.horizon + lens.focal * lens.high / d;
        line(canvas, (x, base), (x, base - 2.6 * unit), 0.08 * unit, &flat([110, 112, 116], 1.0));
        let sign = Rect::new(x - 0.35 * unit, base - 2.9 * unit, 0.7 * unit, 0.7 * unit);
        crate::simulate::decoy::draw_sign(canvas, sign, rng);
    }
}
