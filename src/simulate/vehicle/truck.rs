//! Box trucks and semitrailers: doors, lettering, underride guard.

use super::rear::lettering;
use super::{Facing, Kind, Marks, Vehicle};
use crate::simulate::brush::Rgb;
use crate::simulate::chance::Chance;
use crate::simulate::plate::typeface::{Font, Typeface};
use crate::simulate::scene::Rng;
use crate::simulate::view::{Easel, slab};

/// What is written on a truck's box.
#[derive(Clone, Copy, Debug)]
pub struct Freight {
    ground: Rgb,
    ink: Rgb,
    name: &'static str,
    phone: u32,
    /// How far right of the middle the plate hangs.
    plate: f32,
    ribs: bool,
}

impl Freight {
    /// Some carrier's livery.
    pub fn random(rng: &mut Rng) -> Self {
        const NAMES: &[&str] = &[
            "TRANSPORTES DEL NORTE",
            "NORDFRACHT",
            "BLUE MESA LINES",
            "FRESCO FOODS",
            "K&R MOVERS",
            "AGRO VALLE",
            "POLAR FREIGHT",
            "LOGISTIK 24",
            "EASTERN CARGO",
            "MUDANZAS SOL",
        ];
        let ground = *rng.weighted(&[
            (Rgb(226, 227, 226), 0.6),
            (Rgb(176, 180, 184), 0.2),
            (Rgb(52, 74, 120), 0.07),
            (Rgb(150, 44, 40), 0.07),
            (Rgb(60, 104, 76), 0.06),
        ]);
        let ink = if ground.lightness() > 0.5 {
            *rng.pick(&[Rgb(28, 50, 120), Rgb(160, 30, 34), Rgb(24, 24, 26), Rgb(20, 96, 60)])
        } else {
            Rgb(236, 236, 232)
        };
        Self {
            ground,
            ink,
            name: NAMES[rng.below(NAMES.len())],
            phone: (rng.unit() * 1e7) as u32,
            plate: *rng.pick(&[-0.6, 0.0, 0.0, 0.55]),
            ribs: rng.odds(0.5),
        }
    }
}

/// Height of a box's roof and half of its width.
fn box_size(vehicle: &Vehicle) -> (f32, f32) {
    match vehicle.kind {
        Kind::Semitrailer => (4.05, 1.29),
        _ => (3.4, 1.18),
    }
}

/// The box that stands behind a cab, seen from the front.
pub fn draw_box_behind(vehicle: &Vehicle, easel: &mut Easel) {
    let (roof, w) = box_size(vehicle);
    let ground = vehicle.freight.ground;
    let (viewer, _) = easel.viewer();
    let (near, far) = (2.1, vehicle.shape.length);
    for side in [-1.0, 1.0] {
        if viewer * side > w {
            side_wall(vehicle, easel, side * w, roof, near, far);
        }
    }
    easel.shade(
        &slab(-w, 1.0, 2.0 * w, roof - 1.0, near),
        0.02,
        [0.0, roof, near],
        [0.0, 1.0, near],
        &[(0.0, ground.times(0.96), 1.0), (1.0, ground.times(0.72), 1.0)],
    );
    lettering(
        easel,
        &Typeface::Font(Font::DejaVuCondensedBold),
        vehicle.freight.name,
        [0.0, roof - 0.3, near - 0.01],
        0.2,
        0.0,
        vehicle.freight.ink,
    );
}

fn side_wall(vehicle: &Vehicle, easel: &mut Easel, u: f32, roof: f32, near: f32, far: f32) {
    let ground = vehicle.freight.ground.times(0.8);
    let wall = [[u, roof, near], [u, roof, far], [u, 1.05, far], [u, 1.05, near]];
    easel.shade(&wall, 0.0, [u, roof, near], [u, 1.05, near], &[(0.0, ground, 1.0), (1.0, ground.times(0.8), 1.0)]);
    let along = if u > 0.0 { std::f32::consts::FRAC_PI_2 } else { -std::f32::consts::FRAC_PI_2 };
    lettering(
        easel,
        &Typeface::Font(Font::NotoItalic),
        vehicle.freight.name,
        [u * 1.001, 2.4, (near + far) / 2.0],
        0.42,
        along,
        vehicle.freight.ink,
    );
    easel.fill(&[[u, 1.05, near], [u, 1.05, far], [u, 0.75, far], [u, 0.75, near]], 0.0, Rgb(34, 34, 36), 1.0);
    for d in [near + 0.6, far - 1.2, far - 2.4] {
        easel.wheel([u, 0.5, d], 0.5, Rgb(18, 18, 19));
        easel.wheel([u * 1.005, 0.5, d], 0.28, Rgb(130, 131, 134));
    }
}

/// Doors, guard, lamps, lettering and plate from behind.
pub fn draw_rear(vehicle: &Vehicle, easel: &mut Easel, rng: &mut Rng, marks: &mut Marks) {
    let (roof, w) = box_size(vehicle);
    let freight = vehicle.freight;
    let ground = freight.ground;
    let (viewer, _) = easel.viewer();
    for side in [-1.0, 1.0] {
        if viewer * side > w {
            side_wall(vehicle, easel, side * w, roof, 0.0, vehicle.shape.length - 2.0);
        }
    }
    for side in [-1.0f32, 1.0] {
        for shift in [0.0, 0.3] {
            let u = side * (w - 0.14 - shift);
            easel.fill(&slab(u - 0.13, 0.0, 0.26, 0.9, 0.5), 0.25, Rgb(19, 19, 20), 1.0);
        }
        easel.fill(&slab(side * (w - 0.3) - 0.32, 0.28, 0.64, 0.5, 0.25), 0.05, Rgb(26, 26, 27), 1.0);
    }
    easel.shade(
        &slab(-w, 0.95, 2.0 * w, roof - 0.95, 0.0),
        0.01,
        [0.0, roof, 0.0],
        [0.0, 0.95, 0.0],
        &[(0.0, ground.times(1.04), 1.0), (0.5, ground.times(0.95), 1.0), (1.0, ground.times(0.74), 1.0)],
    );
    easel.edge(&slab(-w + 0.03, 0.98, 2.0 * w - 0.06, roof - 1.01, -0.005), 0.0, ground.times(0.5), 0.8, 0.05);
    if freight.ribs {
        for i in 1..9 {
            let y = 0.98 + (roof - 1.0) * i as f32 / 9.0;
            easel.line([-w + 0.06, y, 0.0], [w - 0.06, y, 0.0], ground.times(0.75), 0.7, 0.02);
        }
    } else {
        easel.line([0.0, 0.98, -0.005], [0.0, roof - 0.04, -0.005], ground.times(0.4), 0.9, 0.02);
        for u in [-0.5, -0.12, 0.12, 0.5] {
            easel.line([u * w, 1.0, -0.02], [u * w, roof - 0.08, -0.02], Rgb(120, 122, 126), 0.9, 0.03);
            for y in [1.15, 1.5, roof - 0.3] {
                easel.fill(&slab(u * w - 0.05, y, 0.1, 0.06, -0.03), 0.1, Rgb(80, 82, 86), 1.0);
            }
        }
    }
    lettering(
        easel,
        &Typeface::Font(Font::DejaVuCondensedBold),
        freight.name,
        [0.0, roof * 0.72, -0.03],
        0.17,
        0.0,
        freight.ink,
    );
    let phone = format!("{:03}-{:04}", freight.phone / 10_000, freight.phone % 10_000);
    lettering(easel, &Typeface::Font(Font::NotoBold), &phone, [0.0, roof * 0.6, -0.03], 0.16, 0.0, freight.ink);
    // Reflector tape and lamps.
    for i in 0..8 {
        let u = -w + 0.05 + (2.0 * w - 0.1) * i as f32 / 8.0;
        easel.fill(
            &slab(u, 0.98, (2.0 * w - 0.1) / 8.0, 0.05, -0.01),
            0.0,
            if i % 2 == 0 { Rgb(190, 30, 34) } else { Rgb(228, 228, 226) },
            0.95,
        );
    }
    easel.fill(&slab(-w * 0.96, 0.5, w * 1.92, 0.14, -0.02), 0.05, Rgb(58, 59, 62), 1.0);
    easel.fill(&slab(-w * 0.96, 0.76, w * 1.92, 0.2, 0.02), 0.02, Rgb(30, 30, 32), 1.0);
    for side in [-1.0, 1.0] {
        let at = [side * w * 0.8, 0.85, -0.01];
        easel.fill(&slab(at[0] - 0.18, 0.79, 0.36, 0.13, -0.01), 0.1, Rgb(158, 22, 24), 1.0);
        easel.fill(&slab(at[0] - 0.06, 0.8, 0.1, 0.11, -0.015), 0.1, Rgb(224, 150, 60), 1.0);
        vehicle.lamp(easel, at, 0.08, Rgb(255, 60, 40), marks);
    }
    let (pw, ph) = vehicle.rear_plate.size();
    let y = 0.58;
    easel.fill(
        &slab(freight.plate * w - pw / 2.0 - 0.03, y - ph / 2.0 - 0.03, pw + 0.06, ph + 0.06, -0.03),
        0.1,
        Rgb(24, 24, 25),
        1.0,
    );
    vehicle.hang_plate(easel, Facing::Rear, [freight.plate * w, y, -0.04], 0.0, rng, marks);
}
