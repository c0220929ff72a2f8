//! Motorcycles and scooters with who rides them.
//!
//! Owns the machine and what of riders is below the shoulders. Heads are the caller's, who knows who they are.

use super::{DrawSeats, Facing, Marks, Seat, Vehicle};
use crate::simulate::brush::Rgb;
use crate::simulate::chance::{Chance, dice};
use crate::simulate::scene::Rng;
use crate::simulate::view::{Easel, Point3, mirrored, slab};

/// What a rider wears, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Rider {
    jacket: Rgb,
    trousers: Rgb,
    /// What whoever sits behind wears.
    second: Rgb,
    build: Build,
    /// Boxes at both sides, or one on the rack.
    luggage: Luggage,
}

/// How the machine is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    /// A tank between the knees, a round lamp.
    Naked,
    /// A fairing with two lamps and a screen.
    Faired,
    /// A shield before the legs, a broad tail.
    Scooter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Luggage {
    None,
    Sides,
    Rack,
}

const BLACK: Rgb = Rgb(20, 20, 21);

impl Rider {
    /// Some rider; the machine is what `seed` stands for.
    pub fn random(rng: &mut Rng, seed: u64) -> Self {
        const JACKETS: [Rgb; 6] =
            [Rgb(30, 30, 34), Rgb(52, 60, 80), Rgb(120, 40, 36), Rgb(90, 90, 84), Rgb(60, 84, 60), Rgb(190, 188, 180)];
        const TROUSERS: [Rgb; 3] = [Rgb(40, 46, 66), Rgb(26, 26, 28), Rgb(84, 76, 60)];
        let (jacket, trousers) = (*rng.pick(&JACKETS), *rng.pick(&TROUSERS));
        // Once the colour of a painted helmet: everything that is drawn after it stays as it was.
        let _ = rng.pick(&[0; 5]);
        let mut more = dice(seed, "motorcycle", 0);
        Self {
            jacket,
            trousers,
            second: *more.pick(&JACKETS),
            build: *more.weighted(&[(Build::Naked, 0.4), (Build::Faired, 0.25), (Build::Scooter, 0.35)]),
            luggage: *more.weighted(&[(Luggage::None, 0.7), (Luggage::Sides, 0.12), (Luggage::Rack, 0.18)]),
        }
    }
}

/// Draws machine and riders; `seats` draws their heads and shoulders.
pub fn draw(vehicle: &Vehicle, easel: &mut Easel, facing: Facing, rng: &mut Rng, seats: DrawSeats, marks: &mut Marks) {
    let rider = vehicle.rider;
    // The far wheel, and the near one with its mudguard.
    wheel(easel, 1.5);
    legs(easel, rider.trousers);
    wheel(easel, 0.3);
    torso(easel, 0.75, 1.3, rider.jacket);
    let head = |easel: &Easel, [u, y, d]: Point3, coat: Rgb| {
        let at = [u, y, d];
        Some(Seat {
            center: easel.at(at)?,
            height: 0.235 * easel.scale(at),
            coat: Some([coat.0, coat.1, coat.2]),
            away: facing == Facing::Rear,
        })
    };
    marks.seats.extend(head(easel, [0.0, 1.6, 0.75], rider.jacket));
    match facing {
        Facing::Front => {
            seats(easel.canvas, &marks.seats);
            arms(easel, rider.jacket);
            front(vehicle, easel, marks);
        }
        Facing::Rear => {
            arms(easel, rider.jacket);
            // Whoever sits behind is nearer to the camera.
            marks.seats.extend(head(easel, [0.03, 1.62, 0.42], rider.second));
            if seats(easel.canvas, &marks.seats) > 1 {
                torso(easel, 0.42, 1.18, rider.second);
            }
            rear(vehicle, easel, rng, marks);
        }
    }
}

fn wheel(easel: &mut Easel, d: f32) {
    easel.fill(&slab(-0.07, 0.0, 0.14, 0.62, d), 0.5, Rgb(18, 18, 19), 1.0);
    easel.fill(&slab(-0.035, 0.04, 0.07, 0.54, d - 0.01), 0.5, Rgb(34, 34, 35), 1.0);
}

/// Legs and boots on their pegs.
fn legs(easel: &mut Easel, trousers: Rgb) {
    for side in [-1.0, 1.0] {
        let leg = [
            [side * 0.12, 0.87, 0.8],
            [side * 0.27, 0.84, 0.82],
            [side * 0.34, 0.7, 0.85],
            [side * 0.32, 0.3, 0.85],
            [side * 0.2, 0.3, 0.85],
            [side * 0.2, 0.66, 0.82],
        ];
        easel.shade(
            &leg,
            0.3,
            [side * 0.1, 0.7, 0.8],
            [side * 0.34, 0.7, 0.85],
            &[(0.0, trousers.times(0.6), 1.0), (1.0, trousers.times(1.15), 1.0)],
        );
        let boot =
            [[side * 0.18, 0.34, 0.8], [side * 0.34, 0.34, 0.8], [side * 0.35, 0.2, 0.75], [side * 0.18, 0.2, 0.75]];
        easel.fill(&boot, 0.3, Rgb(24, 22, 20), 1.0);
    }
}

/// From the chest, at some height, to the hips.
fn torso(easel: &mut Easel, d: f32, top: f32, jacket: Rgb) {
    let outline = mirrored(&[
        [0.0, top, d],
        [0.2, top - 0.02, d],
        [0.23, 1.1, d],
        [0.2, 0.95, d - 0.05],
        [0.21, 0.8, d - 0.05],
        [0.0, 0.76, d - 0.05],
    ]);
    easel.shade(
        &outline,
        0.25,
        [-0.1, top, d],
        [0.12, 0.78, d],
        &[(0.0, jacket.times(1.1), 1.0), (1.0, jacket.times(0.7), 1.0)],
    );
}

/// Forearms to the grips, levers and mirrors.
fn arms(easel: &mut Easel, jacket: Rgb) {
    for side in [-1.0, 1.0] {
        let arm = [
            [side * 0.2, 1.3, 0.75],
            [side * 0.3, 1.26, 0.78],
            [side * 0.43, 1.06, 1.0],
            [side * 0.36, 1.02, 1.0],
            [side * 0.22, 1.12, 0.78],
        ];
        easel.fill(&arm, 0.35, jacket.times(0.85), 1.0);
        easel.line([side * 0.2, 1.04, 1.1], [side * 0.44, 1.08, 1.1], Rgb(30, 30, 31), 1.0, 0.04);
        easel.disc([side * 0.4, 1.06, 1.08], 0.05, 0.045, Rgb(26, 24, 23), 1.0);
        easel.line([side * 0.36, 1.08, 1.1], [side * 0.44, 1.25, 1.1], Rgb(30, 30, 31), 1.0, 0.015);
        easel.disc([side * 0.45, 1.28, 1.1], 0.07, 0.05, BLACK, 1.0);
        easel.disc([side * 0.45, 1.28, 1.09], 0.06, 0.04, Rgb(120, 130, 140), 1.0);
    }
}

fn front(vehicle: &Vehicle, easel: &mut Easel, marks: &mut Marks) {
    let paint = vehicle.paint;
    let (light, shine) = (Rgb(214, 220, 226), Rgb(255, 248, 232));
    match vehicle.rider.build {
        Build::Naked => {
            for side in [-1.0, 1.0] {
                easel.line([side * 0.09, 0.95, 0.3], [side * 0.08, 0.35, 0.3], Rgb(130, 132, 134), 1.0, 0.05);
            }
            let tank = mirrored(&[[0.0, 1.05, 0.5], [0.15, 1.02, 0.5], [0.18, 0.9, 0.5], [0.0, 0.82, 0.5]]);
            easel.fill(&tank, 0.35, paint, 1.0);
            easel.disc([0.0, 0.94, 0.28], 0.12, 0.12, BLACK, 1.0);
            easel.disc([0.0, 0.94, 0.25], 0.1, 0.1, light, 1.0);
            vehicle.lamp(easel, [0.0, 0.94, 0.25], 0.08, shine, marks);
        }
        Build::Faired => {
            let screen = mirrored(&[[0.0, 1.28, 0.45], [0.12, 1.22, 0.42], [0.16, 1.06, 0.38], [0.0, 1.04, 0.36]]);
            easel.fill(&screen, 0.3, Rgb(70, 84, 92), 0.45);
            let fairing = mirrored(&[
                [0.0, 1.12, 0.3],
                [0.16, 1.08, 0.35],
                [0.24, 0.88, 0.4],
                [0.12, 0.6, 0.35],
                [0.0, 0.54, 0.3],
            ]);
            easel.shade(
                &fairing,
                0.25,
                [0.0, 1.1, 0.3],
                [0.0, 0.56, 0.3],
                &[(0.0, paint.times(1.15), 1.0), (1.0, paint.times(0.75), 1.0)],
            );
            for side in [-1.0, 1.0] {
                easel.disc([side * 0.08, 0.93, 0.25], 0.06, 0.04, light, 1.0);
                vehicle.lamp(easel, [side * 0.08, 0.93, 0.25], 0.05, shine, marks);
            }
        }
        Build::Scooter => {
            let shield = mirrored(&[
                [0.0, 1.0, 0.4],
                [0.2, 0.94, 0.42],
                [0.27, 0.7, 0.45],
                [0.22, 0.38, 0.45],
                [0.0, 0.34, 0.42],
            ]);
            easel.shade(
                &shield,
                0.3,
                [0.0, 1.0, 0.4],
                [0.0, 0.36, 0.4],
                &[(0.0, paint.times(1.15), 1.0), (1.0, paint.times(0.8), 1.0)],
            );
            let guard = mirrored(&[[0.0, 0.66, 0.2], [0.09, 0.62, 0.2], [0.1, 0.4, 0.25], [0.0, 0.38, 0.25]]);
            easel.fill(&guard, 0.4, paint.times(0.85), 1.0);
            let cowl = mirrored(&[[0.0, 1.14, 0.3], [0.14, 1.1, 0.35], [0.13, 0.98, 0.35], [0.0, 0.96, 0.3]]);
            easel.fill(&cowl, 0.35, paint, 1.0);
            easel.disc([0.0, 1.05, 0.25], 0.09, 0.055, light, 1.0);
            vehicle.lamp(easel, [0.0, 1.05, 0.25], 0.07, shine, marks);
        }
    }
}

/// Seat, tail, lamp, luggage and the plate on its bracket.
fn rear(vehicle: &Vehicle, easel: &mut Easel, rng: &mut Rng, marks: &mut Marks) {
    let Rider { build, luggage, .. } = vehicle.rider;
    let paint = vehicle.paint;
    let broad = if build == Build::Scooter { 0.24 } else { 0.14 };
    let tail = mirrored(&[
        [0.0, 0.97, 0.25],
        [0.8 * broad, 0.95, 0.3],
        [broad, 0.86, 0.3],
        [0.86 * broad, 0.72, 0.2],
        [0.0, 0.68, 0.15],
    ]);
    easel.shade(
        &tail,
        0.3,
        [0.0, 0.97, 0.25],
        [0.0, 0.7, 0.2],
        &[(0.0, paint.times(1.1), 1.0), (1.0, paint.times(0.7), 1.0)],
    );
    match luggage {
        Luggage::None => {}
        Luggage::Sides => {
            for side in [-1.0, 1.0] {
                easel.fill(&slab(side * 0.36 - 0.12, 0.55, 0.24, 0.36, 0.2), 0.2, Rgb(46, 47, 50), 1.0);
                easel.fill(&slab(side * 0.36 - 0.09, 0.66, 0.18, 0.05, 0.19), 0.2, Rgb(150, 24, 26), 1.0);
            }
        }
        Luggage::Rack => {
            easel.fill(&slab(-0.22, 0.98, 0.44, 0.32, 0.1), 0.2, Rgb(38, 39, 42), 1.0);
            easel.fill(&slab(-0.16, 1.05, 0.32, 0.05, 0.09), 0.2, Rgb(150, 24, 26), 1.0);
        }
    }
    easel.fill(&slab(-0.09, 0.78, 0.18, 0.07, 0.1), 0.3, Rgb(170, 24, 26), 1.0);
    for side in [-1.0, 1.0] {
        easel.line([side * 0.08, 0.72, 0.12], [side * 0.2, 0.72, 0.12], BLACK, 1.0, 0.02);
        easel.disc([side * 0.21, 0.72, 0.12], 0.04, 0.025, Rgb(224, 140, 40), 1.0);
    }
    vehicle.lamp(easel, [0.0, 0.81, 0.1], 0.05, Rgb(255, 60, 40), marks);
    let (_, ph) = vehicle.rear_plate.size();
    let y = 0.7 - ph / 2.0;
    easel.fill(&slab(-0.06, y - ph / 2.0 + 0.02, 0.12, ph + 0.08, 0.06), 0.1, Rgb(18, 18, 19), 1.0);
    vehicle.hang_plate(easel, Facing::Rear, [0.0, y, 0.05], rng.between(0.05, 0.35), rng, marks);
}
