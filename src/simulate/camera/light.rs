//! Light: daylight colours become dusk, night or infrared; lamps glow, rain streaks, glare washes out.

use super::super::brush::Rgb;
use super::super::chance::Chance;
use super::super::plate::warp::{Quad, around};
use super::super::scene::{Canvas, Conditions, Illumination, Rng};
use crate::geometry::Size;

/// A lamp that shines into the camera.
#[derive(Clone, Copy, Debug)]
pub struct Glow {
    /// Its middle.
    pub center: (f32, f32),
    /// Radius of the lamp itself in pixels.
    pub radius: f32,
    /// Its light.
    pub color: Rgb,
    /// 0 off, 1 full.
    pub strength: f32,
}

/// Something retroreflective: at night and in infrared it is as bright as its `gain` says, whatever lies around.
#[derive(Clone, Copy, Debug)]
pub struct Reflector {
    /// Its corners.
    pub quad: Quad,
    /// 1 is as bright as in daylight.
    pub gain: f32,
}

/// Cells of the light map, pixels.
const CELL: usize = 32;

/// Brightness of the scene on a coarse grid, 256 is daylight.
struct LightMap {
    columns: usize,
    values: Vec<f32>,
}

impl LightMap {
    fn new(width: usize, height: usize, ambient: f32) -> Self {
        let (columns, rows) = (width / CELL + 2, height / CELL + 2);
        Self { columns, values: vec![ambient; columns * rows] }
    }

    fn pool(&mut self, center: (f32, f32), radius: (f32, f32), strength: f32) {
        for (i, v) in self.values.iter_mut().enumerate() {
            let (x, y) = ((i % self.columns * CELL) as f32, (i / self.columns * CELL) as f32);
            let (dx, dy) = ((x - center.0) / radius.0, (y - center.1) / radius.1);
            *v += strength / (1.0 + dx * dx + dy * dy).powi(2);
        }
    }

    /// The map at row `y` for every `CELL`th column.
    fn row(&self, y: usize, out: &mut Vec<f32>) {
        let (j, t) = (y / CELL, (y % CELL) as f32 / CELL as f32);
        out.clear();
        out.extend((0..self.columns).map(|i| {
            let (a, b) = (self.values[j * self.columns + i], self.values[(j + 1) * self.columns + i]);
            a + (b - a) * t
        }));
    }
}

/// Dims the canvas to what `conditions` give.
pub fn grade(canvas: &mut Canvas, conditions: Conditions, reflectors: &[Reflector], rng: &mut Rng) {
    let (w, h) = (canvas.width() as usize, canvas.height() as usize);
    let (fw, fh) = (w as f32, h as f32);
    let mut map;
    let tint = match conditions.illumination {
        Illumination::Day => {
            // Clouds and canopies: a slow change over the picture.
            if rng.odds(0.5) {
                return;
            }
            map = LightMap::new(w, h, rng.between(0.45, 0.8));
            map.pool((rng.between(0.0, fw), rng.between(0.0, fh)), (fw * 0.9, fh * 0.9), rng.between(0.2, 0.5));
            (1.0, 1.0, 1.0)
        }
        Illumination::Dusk => {
            map = LightMap::new(w, h, rng.between(0.26, 0.5));
            map.pool(
                (rng.between(0.2, 0.8) * fw, rng.between(0.3, 0.8) * fh),
                (fw * 0.4, fh * 0.4),
                rng.between(0.0, 0.3),
            );
            let t = rng.unit();
            (1.0 - 0.15 * t, 0.96, 0.92 + 0.2 * t)
        }
        Illumination::Night => {
            map = LightMap::new(w, h, rng.between(0.03, 0.12));
            for _ in 0..1 + rng.below(4) {
                let at = (rng.between(0.1, 0.9) * fw, rng.between(0.2, 0.9) * fh);
                map.pool(at, (rng.between(0.15, 0.5) * fw, rng.between(0.2, 0.6) * fh), rng.between(0.12, 0.55));
            }
            *rng.pick(&[(1.0, 0.86, 0.62), (1.0, 0.95, 0.85), (0.9, 0.98, 1.0), (1.0, 0.8, 0.5)])
        }
        Illumination::Infrared => {
            map = LightMap::new(w, h, rng.between(0.05, 0.16));
            let at = (rng.between(0.35, 0.65) * fw, rng.between(0.4, 0.75) * fh);
            map.pool(at, (rng.between(0.35, 0.7) * fw, rng.between(0.5, 0.9) * fh), rng.between(0.3, 0.8));
            (1.0, 1.0, 1.0)
        }
    };
    let infrared = conditions.illumination == Illumination::Infrared;
    let kept: Vec<_> = reflectors.iter().filter_map(|r| Kept::new(canvas, r)).collect();
    let mut lights = Vec::new();
    let tint = [tint.0, tint.1, tint.2].map(|t: f32| (t * 256.0) as u32);
    for (y, row) in canvas.data_mut().chunks_exact_mut(w * 4).enumerate() {
        map.row(y, &mut lights);
        for (i, cell) in row.chunks_mut(CELL * 4).enumerate() {
            let (a, b) = ((lights[i] * 256.0) as i32, (lights[i + 1] * 256.0) as i32);
            let slope = (b - a) * 256 / CELL as i32;
            let mut factor = a * 256;
            for p in cell.chunks_exact_mut(4) {
                let f = (factor >> 8).max(0) as u32;
                if infrared {
                    let g = (infrared_grey(p) * f) >> 8;
                    p[..3].fill(g.min(255) as u8);
                } else {
                    for c in 0..3 {
                        p[c] = ((u32::from(p[c]) * ((f * tint[c]) >> 8)) >> 8).min(255) as u8;
                    }
                }
                factor += slope;
            }
        }
    }
    if conditions.illumination != Illumination::Day {
        for one in kept {
            one.restore(canvas, infrared, tint);
        }
    }
}

/// Paints and cloth mirror near infrared more evenly than visible light; blue least.
fn infrared_grey(p: &[u8]) -> u32 {
    (u32::from(p[0]) * 140 + u32::from(p[1]) * 90 + u32::from(p[2]) * 26) / 256
}

/// A reflector's pixels as they were in daylight.
struct Kept {
    area: crate::geometry::PixelRect,
    pixels: Vec<u8>,
    quad: Quad,
    gain: f32,
}

impl Kept {
    fn new(canvas: &Canvas, reflector: &Reflector) -> Option<Self> {
        let area = around(&reflector.quad).pixels(Size::new(canvas.width(), canvas.height()))?;
        let stride = canvas.width() as usize * 4;
        let mut pixels = Vec::with_capacity((area.w * area.h * 4) as usize);
        for y in area.y..area.bottom() {
            let start = y as usize * stride + area.x as usize * 4;
            pixels.extend_from_slice(&canvas.data()[start..start + area.w as usize * 4]);
        }
        Some(Self { area, pixels, quad: reflector.quad, gain: reflector.gain })
    }

    fn restore(&self, canvas: &mut Canvas, infrared: bool, tint: [u32; 3]) {
        let stride = canvas.width() as usize * 4;
        let gain = (self.gain * 256.0) as u32;
        let data = canvas.data_mut();
        for (j, row) in self.pixels.chunks_exact(self.area.w as usize * 4).enumerate() {
            let y = self.area.y as usize + j;
            for (i, p) in row.chunks_exact(4).enumerate() {
                let x = self.area.x as usize + i;
                let cover = coverage(&self.quad, (x as f32 + 0.5, y as f32 + 0.5));
                if cover == 0 {
                    continue;
                }
                let at = y * stride + x * 4;
                let value = |c: usize| if infrared { infrared_grey(p) } else { (u32::from(p[c]) * tint[c]) >> 8 };
                for c in 0..3 {
                    let (dim, bright) = (u32::from(data[at + c]), ((value(c) * gain) >> 8).min(255));
                    data[at + c] = (dim + ((bright.saturating_sub(dim) * cover) >> 8)) as u8;
                }
            }
        }
    }
}

/// How much of the pixel around `p` lies inside, of 256: edges are soft over a pixel.
fn coverage(quad: &Quad, p: (f32, f32)) -> u32 {
    let inmost = (0..4)
        .map(|i| {
            let (a, b) = (quad[i], quad[(i + 1) % 4]);
            let length = (b.0 - a.0).hypot(b.1 - a.1).max(1e-3);
            ((b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0)) / length
        })
        .fold(f32::INFINITY, f32::min);
    ((inmost + 0.5).clamp(0.0, 1.0) * 256.0) as u32
}

/// Adds the lamps' light to what is around them.
pub fn glow(canvas: &mut Canvas, conditions: Conditions, glows: &[Glow]) {
    let spread = match conditions.illumination {
        Illumination::Day => 2.5,
        Illumination::Dusk => 6.0,
        Illumination::Night => 9.0,
        Illumination::Infrared => 5.0,
    };
    let grey = conditions.illumination == Illumination::Infrared;
    for glow in glows {
        let color =
            if grey { [255.0; 3] } else { [f32::from(glow.color.0), f32::from(glow.color.1), f32::from(glow.color.2)] };
        add_glow(
            canvas,
            glow.center,
            glow.radius.max(1.0),
            spread * glow.radius.clamp(2.0, 40.0),
            color,
            glow.strength,
        );
    }
}

fn add_glow(canvas: &mut Canvas, center: (f32, f32), core: f32, reach: f32, color: [f32; 3], strength: f32) {
    let size = Size::new(canvas.width(), canvas.height());
    let square = crate::geometry::Rect::new(center.0 - reach, center.1 - reach, 2.0 * reach, 2.0 * reach);
    let Some(area) = square.pixels(size) else { return };
    let stride = size.width as usize * 4;
    let data = canvas.data_mut();
    let inverse = 1.0 / (reach * reach);
    for y in area.y..area.bottom() {
        let dy = y as f32 + 0.5 - center.1;
        let row = &mut data[y as usize * stride..][..stride];
        for x in area.x..area.right() {
            let dx = x as f32 + 0.5 - center.0;
            let d = (dx * dx + dy * dy) * inverse;
            if d >= 1.0 {
                continue;
            }
            let fall = (1.0 - d) * (1.0 - d);
            let near = core * core * inverse;
            let light = strength * (fall * fall * 0.35 + 1.4 * near / (near + d) * fall);
            let p = &mut row[x as usize * 4..x as usize * 4 + 3];
            for (v, c) in p.iter_mut().zip(color) {
                *v = (f32::from(*v) + c * light).min(255.0) as u8;
            }
        }
    }
}

/// Streaks of falling rain and the haze between them.
pub fn rain(canvas: &mut Canvas, rng: &mut Rng) {
    let (w, h) = (canvas.width() as usize, canvas.height() as usize);
    let haze = rng.between(0.04, 0.2);
    let (keep, add) = ((256.0 * (1.0 - haze)) as u32, (150.0 * haze) as u32);
    for v in canvas.data_mut().iter_mut() {
        *v = (((u32::from(*v) * keep) >> 8) + add).min(255) as u8;
    }
    let slope = rng.between(-0.25, 0.25);
    let data = canvas.data_mut();
    let count = 120 + rng.below(420);
    for _ in 0..count {
        let (mut x, y0) = (rng.between(0.0, w as f32), rng.below(h));
        let length = (rng.between(0.02, 0.08) * h as f32) as usize;
        let light = rng.between(10.0, 46.0) as u8;
        for y in y0..(y0 + length).min(h) {
            if x >= 0.0 && x < w as f32 {
                let at = (y * w + x as usize) * 4;
                for v in &mut data[at..at + 3] {
                    *v = v.saturating_add(light);
                }
            }
            x += slope;
        }
    }
}

/// A low sun or a lamp into the lens: a wash of light, and ghosts opposite to it.
pub fn glare(canvas: &mut Canvas, conditions: Conditions, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let warm = *rng.pick(&[[255.0, 236.0, 200.0], [255.0, 250.0, 240.0], [240.0, 246.0, 255.0]]);
    let color = if conditions.illumination == Illumination::Infrared { [250.0; 3] } else { warm };
    let at = (rng.between(-0.05, 1.05) * w, rng.between(-0.1, 0.5) * h);
    add_glow(canvas, at, rng.between(0.02, 0.08) * w, rng.between(0.4, 1.0) * w, color, rng.between(0.25, 0.75));
    for t in [0.5, 1.3, 1.7] {
        let ghost = (at.0 + (w / 2.0 - at.0) * t, at.1 + (h / 2.0 - at.1) * t);
        add_glow(
            canvas,
            ghost,
            6.0,
            rng.between(0.02, 0.06) * w,
            [color[0] * 0.7, color[1] * 0.9, color[2]],
            rng.between(0.04, 0.16),
        );
    }
}
