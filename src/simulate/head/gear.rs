//! What people wear on their heads: caps, hats, scarves, turbans, hoods, helmets.

use std::f32::consts::PI;

use super::hair::along;
use super::noise;
use super::skull::{RADIUS, Ring, Skull};
use crate::simulate::person::{Headgear, Person, Rgb, scale};
use crate::simulate::sculpt::{Figure, Light, Mesh, Pose, Shell, Surface, Texture, v3};

/// A tile of cloth: threads and a little unevenness; half its cover is its edge.
pub(in crate::simulate) fn cloth(color: Rgb, rough: f32, seed: u32) -> Surface {
    const SIDE: usize = 32;
    let texels = (0..SIDE * SIDE)
        .map(|i| {
            let (x, y) = (i % SIDE, i / SIDE);
            let n =
                super::hash(x as u32, y as u32, seed) * 0.6 + super::hash(x as u32 / 2, y as u32 / 4, seed ^ 2) * 0.4;
            let [r, g, b] = scale(color, 1.0 + rough * (n - 0.5));
            [r, g, b, 127]
        })
        .collect();
    Surface::Strands(Texture { width: SIDE, height: SIDE, texels })
}

/// A cover over the crown: its thickness and its lower edge by angle.
struct Cover<'a> {
    thick: &'a dyn Fn(f32, f32) -> f32,
    edge: &'a [(f32, f32)],
    open: &'a dyn Fn(f32, f32) -> f32,
    low: f32,
}

fn crown(skull: &Skull, pose: &Pose, light: &Light, gloss: f32, cover: &Cover) -> Mesh {
    let (cols, rows) = if pose.scale > 60.0 { (45, 26) } else { (29, 16) };
    let mut shell = Shell::new(cols, rows, true);
    let fine = (pose.scale * 0.4).clamp(24.0, 120.0);
    for r in 0..rows {
        let y = 0.4995 + (cover.low - 0.4995) * (r as f32 / (rows - 1) as f32).powf(1.2);
        let mut ring = skull.ring_at(y);
        ring.tilt = 0.0;
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
            let thick = (cover.thick)(angle, y);
            let p = ring.grown(thick).at(angle);
            let deep = y - along(cover.edge, angle.abs());
            let fold = ((deep + 0.01) / 0.05).clamp(0.7, 1.0);
            let share = (0.5 + deep / 0.12).clamp(0.0, 1.0);
            shell.push(p, [angle * RADIUS * fine, -y * fine], share, (cover.open)(angle, y) * fold);
        }
    }
    shell.mesh(pose, light, gloss)
}

/// A brim from `from` to `to` (angles), reaching `reach(angle)` beyond the head at height `y`, drooping by `droop`.
fn brim(skull: &Skull, pose: &Pose, light: &Light, y: f32, reach: &dyn Fn(f32) -> f32, half: f32, droop: f32) -> Mesh {
    let (cols, rows) = (25, 4);
    let mut shell = Shell::new(cols, rows, false);
    let ring = skull.ring_at(y);
    for r in 0..rows {
        let t = r as f32 / (rows - 1) as f32;
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * half;
            let out = 0.025 + reach(angle) * t;
            let grown = Ring { w: ring.w + out, front: ring.front + out, back: ring.back + out, ..ring };
            let mut p = grown.at(angle);
            p.y -= droop * t * (1.0 + 1.2 * (angle / half).powi(2));
            shell.push(p, [angle * 30.0, t * 20.0], 1.0, 1.0 - 0.25 * (1.0 - t));
        }
    }
    shell.mesh(pose, light, 0.03)
}

/// Adds what `person` wears over the hair.
pub(super) fn add(figure: &mut Figure, person: &Person, skull: &Skull, pose: &Pose, light: &Light) {
    let seed = person.seed as u32 ^ 21;
    match person.headgear {
        Headgear::None => {}
        Headgear::Cap { color, backwards } => {
            let ahead = if backwards {
                [(0.0, 0.14), (1.2, 0.14), (3.2, 0.21)]
            } else {
                [(0.0, 0.2), (1.2, 0.16), (3.2, 0.02)]
            };
            let seams =
                |angle: f32, _: f32| 1.0 - 0.22 * (1.0 - ((angle * 3.0 / PI).fract().abs() - 0.5).abs() * 2.0).powi(12);
            let thick = |_: f32, y: f32| 0.036 + 0.012 * ((y - 0.2) / 0.2).clamp(0.0, 1.0);
            let cover = Cover { thick: &thick, edge: &ahead, open: &seams, low: -0.02 };
            figure.add_sheet(crown(skull, pose, light, 0.03, &cover), cloth(color, 0.16, seed));
            if !backwards {
                let reach = |a: f32| 0.29 * (1.0 - (a / 1.1).powi(2)).max(0.0).sqrt() + 0.01;
                figure.add_sheet(
                    brim(skull, pose, light, 0.205, &reach, 1.1, 0.105),
                    cloth(scale(color, 0.85), 0.1, seed),
                );
            }
        }
        Headgear::Hat { color, brim: wide } => {
            let edge = [(0.0, 0.22), (3.2, 0.16)];
            let band = |_: f32, y: f32| if y < 0.285 { 0.5 } else { 1.0 };
            let thick = |_: f32, y: f32| 0.045 + 0.12 * ((y - 0.3) / 0.2).clamp(0.0, 1.0);
            let cover = Cover { thick: &thick, edge: &edge, open: &band, low: 0.1 };
            figure.add_sheet(crown(skull, pose, light, 0.02, &cover), cloth(color, 0.22, seed));
            let reach = |_: f32| wide;
            figure.add_sheet(brim(skull, pose, light, 0.21, &reach, PI, 0.03), cloth(color, 0.22, seed));
        }
        Headgear::Beanie { color } => {
            let edge = [(0.0, 0.2), (1.2, 0.13), (1.8, 0.03), (3.2, -0.1)];
            let knit = |angle: f32, y: f32| {
                let rib = 0.86 + 0.14 * (angle * 26.0).sin();
                rib * if (y - 0.25).abs() < 0.012 { 0.65 } else { 1.0 }
            };
            let thick = |_: f32, y: f32| 0.05 + if y < 0.25 { 0.012 } else { 0.03 * ((y - 0.3) / 0.2).max(0.0) };
            let cover = Cover { thick: &thick, edge: &edge, open: &knit, low: -0.14 };
            figure.add_sheet(crown(skull, pose, light, 0.0, &cover), cloth(color, 0.35, seed));
        }
        Headgear::Turban { color } => {
            let edge = [(0.0, 0.235), (0.7, 0.2), (1.3, 0.06), (1.8, 0.0), (3.2, -0.1)];
            let wraps = |angle: f32, y: f32| {
                let lap = (y * 2.2 + angle.abs() * 0.16) * 38.0;
                0.72 + 0.3 * (lap.sin() * 0.5 + 0.5).sqrt()
            };
            let thick = |angle: f32, y: f32| {
                let bulge = ((y + 0.1) / 0.25).clamp(0.0, 1.0) * (1.0 - ((y - 0.34) / 0.3).clamp(0.0, 0.35));
                (0.13 + 0.03 * (angle * 2.0).cos()) * bulge + 0.02
            };
            let cover = Cover { thick: &thick, edge: &edge, open: &wraps, low: -0.14 };
            figure.add_sheet(crown(skull, pose, light, 0.01, &cover), cloth(color, 0.12, seed));
        }
        Headgear::Band { color } => {
            let edge = [(0.0, 0.25), (1.3, 0.17), (3.2, 0.0)];
            let thick = |_: f32, _: f32| 0.07;
            let cover = Cover { thick: &thick, edge: &edge, open: &|_, _| 1.0, low: -0.04 };
            figure.add_sheet(crown(skull, pose, light, 0.02, &cover), cloth(color, 0.2, seed));
        }
        Headgear::Hijab { color } => scarf(figure, skull, pose, light, color, seed, false),
        Headgear::Hood { color } => scarf(figure, skull, pose, light, color, seed, true),
        Headgear::Helmet { color, closed, visor } => helmet(figure, skull, pose, light, color, closed, visor),
    }
}

/// A scarf or a hood: cloth around everything but the face.
fn scarf(figure: &mut Figure, skull: &Skull, pose: &Pose, light: &Light, color: Rgb, seed: u32, hood: bool) {
    let thick = if hood { 0.085 } else { 0.045 };
    let (rx, ry, cy) = if hood { (0.30, 0.44, -0.12) } else { (0.262, 0.395, -0.115) };
    let mut rings: Vec<Ring> = (0..16)
        .map(|i| {
            let y = 0.4995 - 0.92 * (i as f32 / 15.0).powf(1.2);
            let low = ((-y) / 0.4).clamp(0.0, 1.0);
            let r = Ring { tilt: 0.0, ..skull.ring_at(y) }.grown(thick);
            Ring {
                w: r.w.max(0.25 * low + thick),
                front: r.front - thick * 0.3,
                back: r.back.max(0.30 * low + thick),
                ..r
            }
        })
        .collect();
    let drape: &[(f32, f32, f32, f32)] = if hood {
        &[(-0.5, 0.33, 0.33, 0.36), (-0.6, 0.36, 0.30, 0.36), (-0.72, 0.45, 0.28, 0.36)]
    } else {
        &[
            (-0.50, 0.30, 0.35, 0.36),
            (-0.58, 0.29, 0.33, 0.35),
            (-0.70, 0.36, 0.33, 0.36),
            (-0.85, 0.58, 0.37, 0.38),
            (-1.0, 0.76, 0.42, 0.42),
            (-1.18, 0.80, 0.46, 0.44),
        ]
    };
    rings.extend(drape.iter().map(|&(y, w, front, back)| Ring::new(y, w, front, back, 0.0)));
    let cols = 45;
    let mut shell = Shell::new(cols, rings.len(), true);
    let fine = (pose.scale * 0.4).clamp(24.0, 120.0);
    for ring in &rings {
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
            let mut p = ring.at(angle);
            let arc = angle.abs().min(1.8) * RADIUS;
            let away = ((arc / rx).powi(2) + ((ring.y - cy) / ry).powi(2)).sqrt() - 1.0;
            let n = noise(angle * 3.5 + 40.0, ring.y * 6.0 + 40.0, seed) - 0.5;
            let fold = (angle * 5.0 + ring.y * 14.0 + n * 4.0).sin();
            let out = 0.012 * fold + 0.03 * n;
            p = p.plus(v3(angle.sin() * out, 0.0, angle.cos() * out));
            let rim = (away / 0.12).clamp(0.0, 1.0);
            let open = (0.88 + 0.10 * fold + 0.25 * n) * (0.62 + 0.38 * rim);
            shell.push(p, [angle * RADIUS * fine, -ring.y * fine], (0.5 + away * 3.0).clamp(0.0, 1.0), open);
        }
    }
    figure.add_sheet(shell.mesh(pose, light, 0.02), cloth(color, 0.14, seed));
}

fn helmet(figure: &mut Figure, skull: &Skull, pose: &Pose, light: &Light, color: Rgb, closed: bool, visor: f32) {
    let edge: &[(f32, f32)] = if closed {
        &[(0.0, -3.0), (3.2, -3.0)]
    } else {
        &[(0.0, 0.16), (0.9, 0.12), (1.15, -0.2), (1.8, -0.28), (3.2, -0.3)]
    };
    let (cols, rows) = (45, 26);
    let window = |angle: f32, y: f32| (1.12 - angle.abs()).min((0.19 - y) * 3.0).min((y + 0.17) * 3.0);
    let mut shell = Shell::new(cols, rows, true);
    let mut pane = Shell::new(cols, rows, true);
    for r in 0..rows {
        let y = 0.4995 - (if closed { 0.99 } else { 0.82 }) * (r as f32 / (rows - 1) as f32).powf(1.15);
        let ring = skull.ring_at(y);
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
            let low = ((-y - 0.05) / 0.4).clamp(0.0, 1.0);
            let jut = 0.07 * low * angle.cos().max(0.0);
            let grow = 0.115 - 0.02 * low;
            let mut grown = Ring { y, tilt: 0.0, ..ring }.grown(grow);
            if y < 0.1 {
                // Open below, so it must not narrow with the jaw.
                grown.w = grown.w.max(0.27 + grow);
                grown.back = grown.back.max(0.3 + grow);
            }
            grown.front += jut;
            let p = grown.at(angle);
            let hole = window(angle, y);
            let deep = if closed { -hole } else { y - along(edge, angle.abs()) };
            let lip = (deep / 0.08).clamp(0.0, 1.0);
            shell.push(p, [angle * 20.0, y * 20.0], (0.5 + deep * 6.0).clamp(0.0, 1.0), 0.45 + 0.55 * lip);
            let share = if closed && hole > 0.0 { 1.0 } else { 0.0 };
            pane.push(p.plus(v3(0.0, 0.0, -0.01)), [0.0, 0.0], share, 1.0);
        }
    }
    figure.add_sheet(shell.mesh(pose, light, 0.75), cloth(color, 0.04, 1));
    if closed && visor > 0.0 {
        figure.add_sheet(pane.mesh(pose, light, 0.5), Surface::Glass([40, 46, 56], 0.12 + 0.8 * visor));
    }
}
