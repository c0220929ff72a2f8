//! What people wear on their faces: glasses and masks.

use std::f32::consts::{PI, TAU};

use super::gear::cloth;
use super::skull::Skull;
use crate::simulate::person::{Glasses, Mask, Person, mix, scale};
use crate::simulate::sculpt::{Figure, Light, Pose, Shell, Surface, V3, v3};

/// A strip along `line`, `width` wide along `across`.
fn ribbon(line: &[V3], across: V3, width: f32) -> Shell {
    let mut shell = Shell::new(line.len(), 2, false);
    for half in [0.5, -0.5] {
        for &p in line {
            shell.push(p.plus(across.times(width * half)), [0.0, 0.0], 1.0, 1.0);
        }
    }
    shell
}

/// Adds glasses. They come last: lenses let through what is behind them.
pub(super) fn add_glasses(figure: &mut Figure, person: &Person, skull: &Skull, pose: &Pose, light: &Light) {
    let Some(g) = &person.glasses else { return };
    // Too thin a rim would flicker away on a small picture.
    let rim = g.rim.max(0.5 / pose.scale);
    let l = skull.levels;
    let (rx, ry) = (0.078 + 0.024 * g.size, 0.052 + 0.026 * g.size + 0.01 * (1.0 - g.square));
    let (cx, cy) = (l.gap + 0.006, l.eye - 0.012);
    let bow = |x: f32| 0.378 - 0.75 * x * x;
    let edge = |turn: f32, grow: f32, side: f32| -> V3 {
        let (s, c) = turn.sin_cos();
        // Between an ellipse and a rounded square.
        let k = 1.0 - 0.45 * g.square;
        let x = c.signum() * c.abs().powf(k) * (rx + grow);
        let y = s.signum() * s.abs().powf(k) * (ry + grow);
        let x = cx + x;
        v3(x * side, cy + y, bow(x))
    };
    let steps = 24;
    for side in [-1.0f32, 1.0] {
        lens(figure, g, pose, light, &|turn, share| {
            // Mirrored, so that both lenses face outwards.
            let p = edge(if side > 0.0 { turn } else { PI - turn }, 0.0, 1.0);
            let p = v3(p.x * side, p.y, p.z);
            let middle = v3(cx * side, cy, bow(cx));
            middle.towards(p, share)
        });
        let mut ring = Shell::new(steps + 1, 2, true);
        for grow in [rim, 0.0] {
            for i in 0..=steps {
                let turn = -(i as f32) / steps as f32 * TAU * side;
                ring.push(edge(turn, grow, side).plus(v3(0.0, 0.0, 0.004)), [0.0, 0.0], 1.0, 1.0);
            }
        }
        figure.add_sheet(ring.mesh(pose, light, 0.25), Surface::Plain(g.frame));
        let ear = skull.ring_at(0.02);
        let hinge = edge(0.35, rim * 0.5, side);
        let line = [
            hinge,
            v3((hinge.x.abs() + 0.02).max(ear.w * 0.96) * side, cy + 0.03, 0.14),
            v3((ear.w + 0.012) * side, 0.02, -0.05),
        ];
        figure.add_sheet(ribbon(&line, v3(0.0, 1.0, 0.0), rim * 1.3).mesh(pose, light, 0.2), Surface::Plain(g.frame));
    }
    let inner = cx - rx;
    let bridge: Vec<V3> = (0..5)
        .map(|i| {
            let k = i as f32 / 2.0 - 1.0;
            v3(inner * k, cy + 0.022 + 0.012 * (1.0 - k * k), bow(0.0) + 0.012 * (1.0 - k * k))
        })
        .collect();
    figure
        .add_sheet(ribbon(&bridge, v3(0.0, 1.0, 0.0), rim.max(0.012)).mesh(pose, light, 0.3), Surface::Plain(g.frame));
}

fn lens(figure: &mut Figure, g: &Glasses, pose: &Pose, light: &Light, at: &dyn Fn(f32, f32) -> V3) {
    let (cols, rows) = (17, 2);
    let mut shell = Shell::new(cols, rows, true);
    for r in 0..rows {
        for c in 0..cols {
            let turn = PI / 2.0 - c as f32 / (cols - 1) as f32 * TAU;
            let share = 1.0 - r as f32 * 0.97;
            // The sky is mirrored in the upper half.
            let sky = 0.5 + 0.5 * turn.sin() * share;
            shell.push(at(turn, share), [0.0, 0.0], 1.0, 0.55 + 0.9 * sky);
        }
    }
    let dark = g.tint > 0.5;
    let color = if dark { [34, 32, 34] } else { [214, 222, 230] };
    let opacity = if dark { g.tint } else { 0.06 + g.tint };
    figure.add_sheet(shell.mesh(pose, light, if dark { 0.35 } else { 0.5 }), Surface::Glass(color, opacity));
}

/// Adds a mask over mouth and nose, with its straps.
pub(super) fn add_mask(figure: &mut Figure, person: &Person, skull: &Skull, pose: &Pose, light: &Light) {
    let Some(mask) = &person.mask else { return };
    let (cols, rows) = if pose.scale > 60.0 { (37, 26) } else { (25, 16) };
    let mut shell = Shell::new(cols, rows, false);
    let l = skull.levels;
    let fine = (pose.scale * 0.4).clamp(24.0, 120.0);
    let top_middle = if mask.low { l.nose - 0.02 } else { l.eye - 0.075 };
    for r in 0..rows {
        let v = 0.44 + 0.54 * r as f32 / (rows - 1) as f32;
        let ring = skull.ring(v);
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * 1.35;
            let a = angle.abs();
            let bare = skull.skin(angle, v);
            // The cloth spans from nose to chin instead of following the lips.
            let tent = ring.at(angle).z + 0.125 * bump(bare.x, ring.y - l.nose + 0.02, 0.2, 0.24);
            let p = v3(bare.x * 1.03, bare.y, bare.z.max(tent) + 0.02);
            let top = top_middle - 0.085 * (a / 0.9).min(1.0).powf(1.2);
            let sides = (1.13 - a) * 0.3;
            let deep = (top - ring.y).min(sides).min(if v > 0.95 { 0.1 * (0.985 - v) } else { 1.0 });
            let depth = ((ring.y - top_middle) / (-0.5 - top_middle)).clamp(0.0, 1.0);
            let pleat = if mask.pleated {
                let lap = (depth * 4.0 + 0.35).fract();
                if (0.15..0.85).contains(&depth) { 0.80 + 0.24 * lap } else { 1.0 }
            } else {
                1.0 - 0.16 * (1.0 - (a / 0.06).min(1.0))
            };
            let hem = if deep < 0.018 { 0.9 } else { 1.0 };
            shell.push(p, [angle * 0.31 * fine, -ring.y * fine], (0.5 + deep / 0.09).clamp(0.0, 1.0), pleat * hem);
        }
    }
    figure.add_sheet(shell.mesh(pose, light, 0.02), cloth(mask.color, 0.07, 4));
    straps(figure, mask, skull, pose, light);
}

fn bump(dx: f32, dy: f32, rx: f32, ry: f32) -> f32 {
    let d = (dx / rx) * (dx / rx) + (dy / ry) * (dy / ry);
    (1.0 - d).max(0.0)
}

fn straps(figure: &mut Figure, mask: &Mask, skull: &Skull, pose: &Pose, light: &Light) {
    let width = 0.012f32.max(0.4 / pose.scale);
    let color = mix(scale(mask.color, 0.92), [240, 240, 240], 0.25);
    for side in [-1.0f32, 1.0] {
        for (from, to) in [(-0.17f32, 0.03f32), (-0.38, -0.14)] {
            let ring = skull.ring_at(from);
            let start = ring.at(1.02);
            let end_ring = skull.ring_at(to.max(-0.1));
            let end = v3(end_ring.w + 0.02, to, -0.06);
            let middle = start.towards(end, 0.5).plus(v3(0.022, 0.0, 0.0));
            let line = [start, middle, end].map(|p| v3(p.x * side, p.y, p.z + 0.008));
            figure.add_sheet(ribbon(&line, v3(0.0, 1.0, 0.0), width).mesh(pose, light, 0.0), Surface::Plain(color));
        }
    }
}
