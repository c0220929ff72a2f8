//! Gates, railings and fences between the camera and everything else.
//!
//! Owns what they look like. What they hide is found out by whoever compares the picture before and after.

use super::brush::{Rgb, flat, line};
use super::chance::{Chance, dice};
use super::scene::{Canvas, Rng};

/// Share of pictures that are taken through something.
const OFTEN: f32 = 0.04;

/// Draws a barrier before one picture in twenty-five of those that `seed` stands for.
pub fn draw(canvas: &mut Canvas, seed: u64, index: u64) {
    let rng = &mut dice(seed, "barrier", index);
    if !rng.odds(OFTEN) {
        return;
    }
    let metal = *rng.pick(&[Rgb(26, 27, 28), Rgb(58, 62, 60), Rgb(128, 132, 134), Rgb(196, 198, 196), Rgb(92, 60, 44)]);
    match *rng.weighted(&[("bars", 0.4), ("mesh", 0.4), ("railing", 0.2)]) {
        "bars" => bars(canvas, metal, rng),
        "mesh" => mesh(canvas, metal, rng),
        _ => railing(canvas, metal, rng),
    }
}

/// Upright bars with rails across, from edge to edge.
fn bars(canvas: &mut Canvas, metal: Rgb, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let pitch = h * rng.between(0.06, 0.2);
    let thick = pitch * rng.between(0.14, 0.3);
    let lean = rng.bell() * 0.02 * h;
    for y in [rng.between(0.02, 0.2), rng.between(0.75, 0.98)] {
        line(canvas, (0.0, y * h), (w, y * h + lean), &flat(metal.times(0.8), 1.0), 1.3 * thick);
    }
    let mut x = -pitch * rng.unit();
    while x < w + pitch {
        bar(canvas, (x, 0.0), (x + lean, h), thick, metal);
        x += pitch;
    }
}

/// A round bar: its shaded side, itself, and where light falls on it.
fn bar(canvas: &mut Canvas, from: (f32, f32), to: (f32, f32), thick: f32, metal: Rgb) {
    line(canvas, from, to, &flat(metal.times(0.6), 1.0), thick);
    let shifted = |(x, y): (f32, f32), by: f32| (x - by * thick, y);
    line(canvas, shifted(from, 0.08), shifted(to, 0.08), &flat(metal, 1.0), 0.7 * thick);
    line(canvas, shifted(from, 0.2), shifted(to, 0.2), &flat(metal.times(1.35), 0.8), 0.2 * thick);
}

/// Wire in diamonds or squares, often out of focus.
fn mesh(canvas: &mut Canvas, metal: Rgb, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let pitch = h * rng.between(0.035, 0.12);
    let thick = (pitch * rng.between(0.05, 0.12)).max(1.0);
    let paints = if rng.odds(0.4) {
        // Near the lens a wire is a broad faint line.
        [(flat(metal, 0.35), 3.0), (flat(metal, 0.35), 1.8)]
    } else {
        [(flat(metal.times(0.7), 1.0), 1.0), (flat(metal.times(1.2), 0.7), 0.4)]
    };
    let square = rng.odds(0.35);
    let (across, down) = (rng.unit() * pitch, rng.unit() * pitch);
    for (paint, wide) in &paints {
        let mut at = -h;
        while at < w + h {
            if square {
                line(canvas, (at + across, 0.0), (at + across, h), paint, wide * thick);
                line(canvas, (0.0, at + down), (w, at + down), paint, wide * thick);
            } else {
                line(canvas, (at + across, 0.0), (at + across + h, h), paint, wide * thick);
                line(canvas, (at + across, h), (at + across + h, 0.0), paint, wide * thick);
            }
            at += pitch;
        }
    }
}

/// A railing across the lower part.
fn railing(canvas: &mut Canvas, metal: Rgb, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let (top, pitch) = (h * rng.between(0.35, 0.75), h * rng.between(0.08, 0.25));
    let thick = pitch * rng.between(0.12, 0.25);
    let mut x = -pitch * rng.unit();
    while x < w + pitch {
        bar(canvas, (x, top), (x, h), 0.8 * thick, metal);
        x += pitch;
    }
    for y in [top, top + (h - top) * rng.between(0.4, 0.8)] {
        line(canvas, (0.0, y), (w, y + rng.bell() * 0.01 * h), &flat(metal, 1.0), 1.4 * thick);
        line(canvas, (0.0, y - 0.35 * thick), (w, y - 0.35 * thick), &flat(metal.times(1.3), 0.7), 0.3 * thick);
    }
}
