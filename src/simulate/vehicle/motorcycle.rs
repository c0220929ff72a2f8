//! Motorcycles and scooters with their riders, helmeted: no face shows.

use super::{Facing, Marks, Vehicle};
use crate::simulate::brush::Rgb;
use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;
use crate::simulate::view::{Easel, mirrored, slab};

/// What a rider wears.
#[derive(Clone, Copy, Debug)]
pub struct Rider {
    jacket: Rgb,
    trousers: Rgb,
    helmet: Rgb,
}

impl Rider {
    /// Some rider.
    pub fn random(rng: &mut Rng) -> Self {
        const JACKETS: [Rgb; 6] =
            [Rgb(30, 30, 34), Rgb(52, 60, 80), Rgb(120, 40, 36), Rgb(90, 90, 84), Rgb(60, 84, 60), Rgb(190, 188, 180)];
        const TROUSERS: [Rgb; 3] = [Rgb(40, 46, 66), Rgb(26, 26, 28), Rgb(84, 76, 60)];
        const HELMETS: [Rgb; 5] =
            [Rgb(20, 20, 22), Rgb(220, 220, 218), Rgb(160, 30, 32), Rgb(40, 60, 120), Rgb(180, 182, 186)];
        Self { jacket: *rng.pick(&JACKETS), trousers: *rng.pick(&TROUSERS), helmet: *rng.pick(&HELMETS) }
    }
}

/// Draws machine and rider.
pub fn draw(vehicle: &Vehicle, easel: &mut Easel, facing: Facing, rng: &mut Rng, marks: &mut Marks) {
    let paint = vehicle.paint;
    let Rider { jacket, trousers, helmet } = vehicle.rider;
    // Far wheel, near wheel.
    easel.fill(&slab(-0.06, 0.0, 0.12, 0.6, 1.5), 0.5, Rgb(18, 18, 19), 1.0);
    // Legs and boots on their pegs.
    for side in [-1.0, 1.0] {
        easel.fill(
            &[[side * 0.14, 0.85, 0.8], [side * 0.34, 0.72, 0.85], [side * 0.32, 0.3, 0.85], [side * 0.2, 0.3, 0.85]],
            0.35,
            trousers,
            1.0,
        );
        easel.fill(
            &[[side * 0.18, 0.34, 0.8], [side * 0.34, 0.34, 0.8], [side * 0.35, 0.2, 0.75], [side * 0.18, 0.2, 0.75]],
            0.3,
            Rgb(24, 22, 20),
            1.0,
        );
    }
    easel.fill(&slab(-0.075, 0.0, 0.15, 0.62, 0.3), 0.55, Rgb(20, 20, 21), 1.0);
    // Torso and arms.
    let torso = mirrored(&[
        [0.0, 1.46, 0.75],
        [0.17, 1.42, 0.75],
        [0.25, 1.3, 0.75],
        [0.22, 0.95, 0.7],
        [0.16, 0.8, 0.7],
        [0.0, 0.78, 0.7],
    ]);
    easel.shade(
        &torso,
        0.25,
        [-0.1, 1.45, 0.75],
        [0.1, 0.8, 0.7],
        &[(0.0, jacket.times(1.25), 1.0), (1.0, jacket.times(0.75), 1.0)],
    );
    for side in [-1.0, 1.0] {
        easel.fill(
            &[
                [side * 0.19, 1.38, 0.75],
                [side * 0.28, 1.3, 0.78],
                [side * 0.42, 1.06, 1.0],
                [side * 0.36, 1.02, 1.0],
                [side * 0.21, 1.15, 0.78],
            ],
            0.35,
            jacket.times(0.85),
            1.0,
        );
        easel.line([side * 0.2, 1.04, 1.1], [side * 0.44, 1.08, 1.1], Rgb(30, 30, 31), 1.0, 0.04);
        easel.line([side * 0.36, 1.08, 1.1], [side * 0.44, 1.25, 1.1], Rgb(30, 30, 31), 1.0, 0.015);
        easel.disc([side * 0.45, 1.28, 1.1], 0.07, 0.05, Rgb(60, 64, 70), 1.0);
    }
    easel.disc([0.0, 1.6, 0.75], 0.135, 0.155, helmet, 1.0);
    easel.disc([-0.04, 1.65, 0.73], 0.05, 0.05, Rgb(255, 255, 255), 0.25);
    if facing == Facing::Front {
        easel.fill(&slab(-0.1, 1.53, 0.2, 0.1, 0.7), 0.4, Rgb(24, 28, 34), 1.0);
        let fairing =
            mirrored(&[[0.0, 1.12, 0.3], [0.14, 1.08, 0.35], [0.2, 0.86, 0.4], [0.1, 0.66, 0.35], [0.0, 0.62, 0.3]]);
        easel.fill(&fairing, 0.3, paint, 1.0);
        easel.disc([0.0, 0.88, 0.25], 0.1, 0.09, Rgb(214, 220, 226), 1.0);
        vehicle.lamp(easel, [0.0, 0.88, 0.25], 0.08, Rgb(255, 248, 232), marks);
        return;
    }
    // Seat, tail, lamp and the plate on its bracket.
    let tail = mirrored(&[[0.0, 0.95, 0.25], [0.14, 0.92, 0.3], [0.12, 0.76, 0.2], [0.0, 0.74, 0.15]]);
    easel.fill(&tail, 0.3, paint, 1.0);
    easel.fill(&slab(-0.09, 0.78, 0.18, 0.07, 0.1), 0.3, Rgb(170, 24, 26), 1.0);
    for side in [-1.0, 1.0] {
        easel.line([side * 0.08, 0.72, 0.12], [side * 0.2, 0.72, 0.12], Rgb(20, 20, 20), 1.0, 0.02);
        easel.disc([side * 0.21, 0.72, 0.12], 0.04, 0.025, Rgb(224, 140, 40), 1.0);
    }
    vehicle.lamp(easel, [0.0, 0.81, 0.1], 0.05, Rgb(255, 60, 40), marks);
    let (_, ph) = vehicle.rear_plate.size();
    let y = 0.7 - ph / 2.0;
    easel.fill(&slab(-0.06, y - ph / 2.0 + 0.02, 0.12, ph + 0.08, 0.06), 0.1, Rgb(18, 18, 19), 1.0);
    vehicle.hang_plate(easel, Facing::Rear, [0.0, y, 0.05], rng.between(0.05, 0.35), rng, marks);
}
