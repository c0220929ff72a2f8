//! Where vehicles stand: lanes at a port of entry, streets, car parks, highways.
//!
//! Owns ground, sky and everything built. Knows nothing of vehicles.

use super::brush::{Rgb, ellipse, flat};
use super::chance::Chance;
use super::decoy::{draw_poster, draw_sign};
use super::grain::Grain;
use super::scene::{Canvas, Conditions, Rng, Weather};
use super::view::{Easel, Place, Point3, View, slab};
use crate::geometry::Rect;

/// What kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Lanes with booths under a canopy.
    Port,
    /// A street between houses.
    Street,
    /// Marked bays and greenery.
    CarPark,
    /// Several lanes in the open.
    Highway,
}

/// Draws everything behind the vehicles.
pub fn draw(canvas: &mut Canvas, view: &View, ground: Ground, conditions: Conditions, rng: &mut Rng) {
    let wet = conditions.weather == Weather::Rain;
    sky(canvas, view, wet, rng);
    {
        let mut easel = Easel { canvas, view, place: Place { x: 0.0, z: 0.0, heading: 0.0 } };
        far(&mut easel, ground, rng);
    }
    surface(canvas, view, ground, wet, rng);
    let mut easel = Easel { canvas, view, place: Place { x: 0.0, z: 0.0, heading: 0.0 } };
    markings(&mut easel, ground, rng);
    match ground {
        Ground::Port => port(&mut easel, rng),
        Ground::Street => street(&mut easel, rng),
        Ground::CarPark => car_park(&mut easel, rng),
        Ground::Highway => highway(&mut easel, rng),
    }
    boards(&mut easel, rng);
}

/// Signs and posters on posts: lettered rectangles that are no plates, faces that are no faces.
fn boards(easel: &mut Easel, rng: &mut Rng) {
    for _ in 0..*rng.weighted(&[(0, 0.3), (1, 0.35), (2, 0.25), (4, 0.1)]) {
        let z = easel.view.position[2] + rng.between(7.0, 30.0);
        let side = if rng.odds(0.5) { -1.0 } else { 1.0 };
        let (x, y) = (side * rng.between(2.6, 3.0 + 0.3 * z), rng.between(0.5, 2.8));
        let (w, h) = (rng.between(0.4, 1.5), rng.between(0.3, 1.0));
        easel.line([x + w / 2.0, 0.0, z], [x + w / 2.0, y, z], Rgb(96, 98, 102), 1.0, 0.07);
        let (Some(a), Some(b)) = (easel.at([x, y + h, z]), easel.at([x + w, y, z])) else { continue };
        let area = Rect::new(a.0, a.1, b.0 - a.0, b.1 - a.1);
        let on_canvas = area.overlap(Rect::new(0.0, 0.0, easel.canvas.width() as f32, easel.canvas.height() as f32));
        if area.w < 10.0 || area.h < 8.0 || area.w > 700.0 || on_canvas <= 0.0 {
            continue;
        }
        if rng.odds(0.75) {
            draw_sign(easel.canvas, area, rng);
        } else {
            draw_poster(easel.canvas, area, rng);
        }
    }
}

fn sky(canvas: &mut Canvas, view: &View, wet: bool, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let horizon = view.horizon().clamp(0.0, h);
    let (high, low) = *if wet {
        &(Rgb(140, 146, 152), Rgb(186, 190, 194))
    } else {
        rng.pick(&[
            (Rgb(92, 140, 202), Rgb(200, 216, 230)),
            (Rgb(150, 160, 170), Rgb(206, 210, 214)),
            (Rgb(118, 160, 210), Rgb(226, 226, 220)),
            (Rgb(188, 194, 200), Rgb(226, 228, 230)),
        ])
    };
    // The horizon tilts with the camera; below it the ground will cover.
    let lowest = (horizon + view.roll.abs() * w / 2.0 + 2.0).clamp(0.0, h) as usize;
    for (y, row) in canvas.data_mut().chunks_exact_mut(w as usize * 4).take(lowest).enumerate() {
        let t = ((y as f32 - horizon) / (0.7 * h) + 1.0).clamp(0.0, 1.0);
        let c = high.mixed(low, t);
        for p in row.chunks_exact_mut(4) {
            p.copy_from_slice(&[c.0, c.1, c.2, 255]);
        }
    }
    if horizon > 40.0 && rng.odds(0.5) {
        for _ in 0..6 {
            let p = (rng.between(0.0, w), rng.between(0.0, horizon * 0.8));
            ellipse(canvas, p, rng.between(60.0, 240.0), rng.between(8.0, 30.0), &flat(Rgb(240, 242, 244), 0.25));
        }
    }
}

fn far(easel: &mut Easel, ground: Ground, rng: &mut Rng) {
    let mut hills = vec![[-160.0, 0.0, 150.0]];
    for i in 0..=10 {
        hills.push([-160.0 + 32.0 * i as f32, rng.between(3.0, 22.0), 150.0]);
    }
    hills.push([160.0, 0.0, 150.0]);
    easel.fill(&hills, 0.5, *rng.pick(&[Rgb(126, 142, 150), Rgb(116, 132, 116), Rgb(160, 150, 136)]), 1.0);
    let houses = match ground {
        Ground::Street => 7,
        Ground::Port => 4,
        Ground::CarPark => 5,
        Ground::Highway => 2,
    };
    for _ in 0..houses {
        let z = rng.between(28.0, 80.0);
        building(easel, rng.between(-0.75, 0.75) * z, z, rng.between(6.0, 18.0), rng.between(4.0, 14.0), rng);
    }
    for _ in 0..rng.below(14) {
        let z = rng.between(20.0, 70.0);
        tree(easel, rng.between(-0.8, 0.8) * z, z, rng.between(2.0, 5.5), rng);
    }
}

fn building(easel: &mut Easel, x: f32, z: f32, w: f32, h: f32, rng: &mut Rng) {
    let wall = *rng.pick(&[
        Rgb(176, 160, 140),
        Rgb(150, 120, 104),
        Rgb(196, 196, 190),
        Rgb(128, 132, 138),
        Rgb(204, 186, 150),
        Rgb(110, 96, 90),
    ]);
    easel.shade(&slab(x, 0.0, w, h, z), 0.0, [x, h, z], [x, 0.0, z], &[(0.0, wall, 1.0), (1.0, wall.times(0.8), 1.0)]);
    let (columns, rows) = ((w / 2.2) as usize, (h / 3.0) as usize);
    let glass = *rng.pick(&[Rgb(70, 84, 96), Rgb(52, 60, 70), Rgb(150, 166, 180)]);
    for i in 0..columns.min(8) {
        for j in 0..rows.min(4) {
            let (wx, wy) = (x + 0.6 + 2.2 * i as f32, 1.0 + 3.0 * j as f32);
            easel.fill(&slab(wx, wy, 1.1, 1.4, z - 0.01), 0.0, glass, 0.95);
        }
    }
}

fn tree(easel: &mut Easel, x: f32, z: f32, size: f32, rng: &mut Rng) {
    easel.line([x, 0.0, z], [x, size * 0.8, z], Rgb(74, 60, 48), 1.0, 0.2);
    let leaf = *rng.pick(&[Rgb(58, 84, 46), Rgb(76, 100, 56), Rgb(50, 70, 48), Rgb(104, 108, 60), Rgb(120, 96, 56)]);
    for _ in 0..9 {
        let at = [x + rng.bell() * size * 0.25, size + rng.bell() * size * 0.25, z];
        let r = size * rng.between(0.2, 0.42);
        easel.disc(at, r, r * 0.85, leaf.times(rng.between(0.7, 1.25)), 0.95);
    }
}

/// Ground: asphalt, concrete or cobbles with grain in perspective, right up to the horizon.
fn surface(canvas: &mut Canvas, view: &View, ground: Ground, wet: bool, rng: &mut Rng) {
    let grain = Grain::shared();
    let base = match ground {
        Ground::CarPark => *rng.pick(&[Rgb(112, 112, 112), Rgb(140, 136, 128), Rgb(124, 130, 104), Rgb(96, 96, 98)]),
        Ground::Port => *rng.pick(&[Rgb(150, 148, 142), Rgb(120, 120, 118), Rgb(136, 132, 124)]),
        _ => *rng.pick(&[Rgb(98, 98, 100), Rgb(116, 114, 112), Rgb(82, 83, 86)]),
    };
    let strength = rng.between(0.12, 0.4) * if wet { 1.4 } else { 1.0 };
    let base = if wet { base.times(0.75) } else { base };
    let (ox, oz) = (rng.unit() * 200.0, rng.unit() * 200.0);
    let w = canvas.width() as usize;
    const STEP: usize = 16;
    // The ground's colour for each value of the grain, fading into haze in eight steps.
    let lit: Vec<[[u8; 4]; 256]> = (0..8)
        .map(|haze| {
            std::array::from_fn(|n| {
                let c = base.times(1.0 + (n as f32 - 128.0) / 128.0 * strength);
                let c = c.mixed(Rgb::grey(176), haze as f32 * 0.08);
                [c.0, c.1, c.2, 255]
            })
        })
        .collect();
    let eye = (view.position[0], view.position[2]);
    for (y, row) in canvas.data_mut().chunks_exact_mut(w * 4).enumerate() {
        let mut left = ray(view, 0.5, y as f32 + 0.5);
        for start in (0..w).step_by(STEP) {
            let end = (start + STEP).min(w);
            let right = ray(view, end as f32 + 0.5, y as f32 + 0.5);
            if left[1] < 0.0 || right[1] < 0.0 {
                let hit = |r: Point3| {
                    // Beyond 400 m it is haze.
                    let t = view.position[1] / (-r[1]).max(view.position[1] / 400.0);
                    (eye.0 + r[0] * t, eye.1 + r[2] * t)
                };
                let (from, to) = (hit(left), hit(right));
                let away = (from.0 - eye.0).hypot(from.1 - eye.1);
                // Grain of about 2 cm near by; coarser far away, where it would only flicker.
                let scale = 55.0 / (1.0 + (away / 9.0).floor());
                let colors = &lit[((away / 13.0) as usize).min(7)];
                let fixed = |v: f32| (v * 65536.0) as i64;
                let n = (end - start) as i64;
                let step = |a: f32, b: f32, scale: f32| (fixed(a * scale), (fixed(b * scale) - fixed(a * scale)) / n);
                let (x0, x1) = (from.0 + ox, to.0 + ox);
                let (z0, z1) = (from.1 + oz, to.1 + oz);
                let ((mut fx, dfx), (mut fz, dfz)) = (step(x0, x1, scale), step(z0, z1, scale));
                let ((mut bx, dbx), (mut bz, dbz)) = (step(x0, x1, 6.0), step(z0, z1, 6.0));
                for p in row[start * 4..end * 4].chunks_exact_mut(4) {
                    let fine = grain.at((fx >> 16) as usize, (fz >> 16) as usize);
                    let broad = grain.at((bx >> 16) as usize, (bz >> 16) as usize);
                    p.copy_from_slice(&colors[(usize::from(fine) + usize::from(broad)) / 2]);
                    fx += dfx;
                    fz += dfz;
                    bx += dbx;
                    bz += dbz;
                }
            }
            left = right;
        }
    }
}

/// Direction of the ray through a pixel, its length along the axis 1.
fn ray(view: &View, px: f32, py: f32) -> Point3 {
    let (dx, dy) = (px - view.center.0, py - view.center.1);
    let (sr, cr) = view.roll.sin_cos();
    let (x, y, z) = ((dx * cr + dy * sr) / view.focal, -(dy * cr - dx * sr) / view.focal, 1.0f32);
    let (sp, cp) = view.pitch.sin_cos();
    let (y, z) = (y * cp - z * sp, z * cp + y * sp);
    let (sy, cy) = view.yaw.sin_cos();
    [x * cy + z * sy, y, z * cy - x * sy]
}

fn markings(easel: &mut Easel, ground: Ground, rng: &mut Rng) {
    let near = easel.view.position[2] + 0.8;
    let mut stripe = |easel: &mut Easel, x: f32, w: f32, from: f32, to: f32, color: Rgb| {
        let from = from.max(near);
        if to > from {
            easel.fill(
                &[[x, 0.0, from], [x + w, 0.0, from], [x + w, 0.0, to], [x, 0.0, to]],
                0.0,
                color,
                rng.between(0.55, 0.9),
            );
        }
    };
    let white = Rgb(214, 214, 210);
    let yellow = Rgb(206, 166, 60);
    match ground {
        Ground::Port => {
            for x in [-1.75, 1.65] {
                stripe(easel, x, 0.12, 0.0, 60.0, if x < 0.0 { yellow } else { white });
            }
            stripe(easel, -1.6, 3.2, 11.0, 11.4, white);
        }
        Ground::Street | Ground::Highway => {
            for i in 0..14 {
                let z = i as f32 * 6.0;
                for x in [-1.8, 1.8, 5.4] {
                    stripe(easel, x, 0.12, z, z + 3.0, white);
                }
            }
            stripe(easel, -5.4, 0.14, 0.0, 90.0, yellow);
        }
        Ground::CarPark => {
            for i in -3..4 {
                stripe(easel, i as f32 * 2.7 - 1.35, 0.1, 2.0, 9.5, white);
            }
        }
    }
}

fn kerb(easel: &mut Easel, x: f32, w: f32, from: f32, to: f32, color: Rgb) {
    let from = from.max(easel.view.position[2] + 0.8);
    if to <= from {
        return;
    }
    let h = 0.16;
    let face = if x > easel.view.position[0] { x } else { x + w };
    easel.fill(&[[face, 0.0, from], [face, h, from], [face, h, to], [face, 0.0, to]], 0.0, color.times(0.7), 1.0);
    easel.fill(&[[x, h, from], [x + w, h, from], [x + w, h, to], [x, h, to]], 0.0, color, 1.0);
}

fn port(easel: &mut Easel, rng: &mut Rng) {
    let concrete = Rgb(178, 174, 166);
    let structure = *rng.pick(&[Rgb(196, 198, 200), Rgb(120, 130, 140), Rgb(186, 180, 164), Rgb(74, 92, 120)]);
    // A canopy over all lanes, with its fascia and columns.
    if rng.odds(0.7) {
        let (z, y) = (rng.between(13.0, 22.0), rng.between(4.6, 6.0));
        easel.shade(
            &slab(-30.0, y, 60.0, 1.3, z),
            0.0,
            [0.0, y + 1.3, z],
            [0.0, y, z],
            &[(0.0, structure.times(1.1), 1.0), (1.0, structure.times(0.8), 1.0)],
        );
        easel.fill(
            &[[-30.0, y, z], [30.0, y, z], [30.0, y, z + 12.0], [-30.0, y, z + 12.0]],
            0.0,
            Rgb(66, 68, 70),
            1.0,
        );
        for i in -4..=4 {
            let x = i as f32 * 3.6;
            easel.fill(&slab(x - 0.5, y + 0.25, 1.0, 0.8, z - 0.05), 0.05, Rgb(24, 26, 28), 1.0);
            let green = rng.odds(0.6);
            easel.disc(
                [x, y + 0.65, z - 0.06],
                0.24,
                0.24,
                if green { Rgb(70, 200, 110) } else { Rgb(210, 60, 50) },
                1.0,
            );
        }
    }
    for (i, lane) in [-3.6, 0.0, 3.6, 7.2].iter().enumerate() {
        let x = lane + 1.95;
        kerb(easel, x, 1.5, 3.0, 26.0, concrete);
        let z = 12.0 + i as f32 * 0.4;
        booth(easel, x + 0.2, z, structure, rng);
        for d in [7.0, 8.2, 9.4] {
            bollard(easel, x + 0.2, d, *rng.pick(&[Rgb(226, 186, 50), Rgb(190, 60, 50)]));
        }
    }
    kerb(easel, -3.2, 1.4, 3.0, 26.0, concrete);
    for d in [6.0, 8.0, 10.0] {
        bollard(easel, -2.1, d, Rgb(226, 186, 50));
    }
    if rng.odds(0.5) {
        barrier(easel, rng.between(9.0, 14.0));
    }
}

fn booth(easel: &mut Easel, x: f32, z: f32, color: Rgb, rng: &mut Rng) {
    let (w, h, depth) = (1.15, 2.7, 2.4);
    let face = if easel.view.position[0] < x { x } else { x + w };
    easel.fill(
        &[[face, 0.0, z], [face, h, z], [face, h, z + depth], [face, 0.0, z + depth]],
        0.0,
        color.times(0.72),
        1.0,
    );
    easel.fill(
        &[[face, 1.1, z + 0.3], [face, 2.1, z + 0.3], [face, 2.1, z + depth - 0.3], [face, 1.1, z + depth - 0.3]],
        0.0,
        Rgb(52, 64, 74),
        1.0,
    );
    easel.fill(&slab(x, 0.0, w, h, z), 0.0, color, 1.0);
    easel.shade(
        &slab(x + 0.15, 1.1, w - 0.3, 1.0, z - 0.01),
        0.0,
        [x, 2.1, z],
        [x + w, 1.1, z],
        &[(0.0, Rgb(110, 130, 146), 1.0), (1.0, Rgb(46, 56, 66), 1.0)],
    );
    easel.fill(&slab(x - 0.15, h, w + 0.3, 0.16, z - 0.15), 0.0, color.times(0.85), 1.0);
    easel.fill(
        &slab(x, 0.25, w, 0.3, z - 0.015),
        0.0,
        *rng.pick(&[Rgb(220, 180, 50), Rgb(50, 80, 140), Rgb(170, 50, 46)]),
        0.9,
    );
}

fn bollard(easel: &mut Easel, x: f32, z: f32, color: Rgb) {
    if z < easel.view.position[2] + 1.5 {
        return;
    }
    easel.shade(
        &slab(x, 0.0, 0.18, 1.0, z),
        0.1,
        [x, 0.5, z],
        [x + 0.18, 0.5, z],
        &[(0.0, color.times(0.7), 1.0), (0.4, color.times(1.15), 1.0), (1.0, color.times(0.6), 1.0)],
    );
    easel.fill(&slab(x, 0.7, 0.18, 0.1, z - 0.005), 0.0, Rgb(230, 230, 226), 0.9);
}

fn barrier(easel: &mut Easel, z: f32) {
    for i in 0..10 {
        let x = -1.7 + 0.36 * i as f32;
        easel.fill(
            &slab(x, 1.0, 0.36, 0.1, z),
            0.0,
            if i % 2 == 0 { Rgb(206, 44, 40) } else { Rgb(232, 232, 228) },
            1.0,
        );
    }
    easel.fill(&slab(1.85, 0.0, 0.35, 1.15, z), 0.05, Rgb(214, 170, 50), 1.0);
}

fn street(easel: &mut Easel, rng: &mut Rng) {
    for side in [-1.0f32, 1.0] {
        let x = if side < 0.0 { -9.4 } else { 7.2 };
        kerb(easel, x, 2.2, 1.0, 90.0, Rgb(166, 162, 156));
        for _ in 0..3 {
            let z = rng.between(8.0, 40.0);
            let px = if side < 0.0 { -7.6 } else { 7.6 };
            easel.line([px, 0.0, z], [px, 6.5, z], Rgb(70, 72, 76), 1.0, 0.13);
            easel.line([px, 6.5, z], [px - side * 1.4, 6.8, z], Rgb(70, 72, 76), 1.0, 0.08);
        }
        for _ in 0..3 {
            let z = rng.between(12.0, 50.0);
            let (w, h) = (rng.between(5.0, 10.0), rng.between(4.0, 9.0));
            building(easel, if side < 0.0 { -9.8 - w } else { 9.8 }, z, w, h, rng);
        }
    }
}

fn car_park(easel: &mut Easel, rng: &mut Rng) {
    easel.fill(
        &[[-40.0, 0.0, 11.0], [40.0, 0.0, 11.0], [40.0, 0.0, 15.0], [-40.0, 0.0, 15.0]],
        0.0,
        *rng.pick(&[Rgb(86, 104, 60), Rgb(110, 116, 74), Rgb(140, 136, 128)]),
        1.0,
    );
    for i in -8..8 {
        let x = i as f32 * 1.6 + rng.between(-0.4, 0.4);
        let r = rng.between(0.5, 1.1);
        easel.disc([x, r * 0.7, 12.5], r, r * 0.8, Rgb(58, 80, 46).times(rng.between(0.7, 1.2)), 1.0);
    }
}

fn highway(easel: &mut Easel, rng: &mut Rng) {
    for x in [-7.6, 9.4] {
        let from = easel.view.position[2].max(0.0) + 2.0;
        easel.fill(&[[x, 0.45, from], [x, 0.8, from], [x, 0.8, 90.0], [x, 0.45, 90.0]], 0.0, Rgb(150, 154, 158), 1.0);
        for i in 0..12 {
            let z = from + i as f32 * 3.0;
            easel.line([x, 0.0, z], [x, 0.8, z], Rgb(110, 112, 116), 1.0, 0.1);
        }
    }
    if rng.odds(0.5) {
        let z = rng.between(25.0, 45.0);
        easel.line([-8.0, 0.0, z], [-8.0, 7.5, z], Rgb(130, 134, 138), 1.0, 0.25);
        easel.line([-8.0, 7.2, z], [6.0, 7.2, z], Rgb(130, 134, 138), 1.0, 0.2);
        easel.fill(&slab(-3.0, 6.0, 5.5, 2.2, z - 0.1), 0.03, Rgb(24, 100, 66), 1.0);
        easel.edge(&slab(-2.9, 6.1, 5.3, 2.0, z - 0.11), 0.03, Rgb(232, 234, 232), 0.9, 0.08);
    }
}
