//! The face of a vehicle: lamps, grille, bumper, front plate.

use super::{Facing, Kind, Marks, Vehicle};
use crate::simulate::brush::Rgb;
use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;
use crate::simulate::view::{Easel, Point3, mirrored, slab};

/// What makes one model's face differ from another's.
#[derive(Clone, Copy, Debug)]
pub struct Face {
    grille: Grille,
    chrome: bool,
    /// Half width of the grille over the vehicle's.
    grille_width: f32,
    /// Its height in metres.
    grille_height: f32,
    /// Inner end of the headlamp over half of the width, its height and slant in metres.
    lamp: (f32, f32, f32),
    round_lamps: bool,
    fogs: bool,
    dark_bumper: bool,
}

#[derive(Clone, Copy, Debug)]
enum Grille {
    Bars(usize),
    Slats(usize),
    Mesh,
    Kidneys,
    Closed,
}

impl Face {
    /// Some face for a vehicle of `kind`.
    pub fn random(rng: &mut Rng, kind: Kind) -> Self {
        let large = matches!(kind, Kind::Suv | Kind::Pickup | Kind::BoxTruck | Kind::Semitrailer);
        let grille = match rng.below(8) {
            0..=2 => Grille::Bars(3 + rng.below(4)),
            3 | 4 => Grille::Slats(6 + rng.below(6)),
            5 => Grille::Mesh,
            6 => Grille::Kidneys,
            _ if large => Grille::Bars(3),
            _ => Grille::Closed,
        };
        Self {
            grille,
            chrome: rng.odds(0.6),
            grille_width: rng.between(0.3, 0.56),
            grille_height: if large { rng.between(0.22, 0.36) } else { rng.between(0.11, 0.22) },
            lamp: (rng.between(0.5, 0.64), rng.between(0.1, 0.19), rng.between(-0.03, 0.09)),
            round_lamps: rng.odds(0.12),
            fogs: rng.odds(0.5),
            dark_bumper: large && rng.odds(0.45) || rng.odds(0.08),
        }
    }
}

/// Draws the face over a drawn body.
pub fn draw(vehicle: &Vehicle, easel: &mut Easel, rng: &mut Rng, marks: &mut Marks) {
    let face = vehicle.front;
    let nose = vehicle.shape.nose;
    let w = vehicle.shape.half_width;
    let top = nose.panel - 0.05;
    let height = nose.panel - nose.bottom;
    let bumper = nose.bottom + height * 0.5;
    if face.dark_bumper {
        let skirt = mirrored(&[
            [0.0, bumper, -0.03],
            [w * 0.8, bumper, 0.03],
            [w * 0.98, bumper - 0.03, 0.28],
            [w * 0.95, nose.bottom, 0.25],
            [0.0, nose.bottom - 0.01, 0.0],
        ]);
        easel.shade(
            &skirt,
            0.15,
            [0.0, bumper, 0.0],
            [0.0, nose.bottom, 0.0],
            &[(0.0, Rgb(74, 75, 78), 1.0), (1.0, Rgb(36, 36, 38), 1.0)],
        );
    }
    grille(easel, &face, w, top);
    lamps(vehicle, easel, &face, w, top, marks);
    // Bumper: its edge, the lower intake, fog lamps.
    easel.line([-w * 0.8, bumper, 0.01], [w * 0.8, bumper, 0.01], Rgb(10, 10, 11), 0.35, 0.012);
    let intake = nose.bottom + height * 0.1;
    let intake_height = height * 0.2;
    let mouth = mirrored(&[
        [0.0, intake + intake_height, -0.01],
        [w * 0.5, intake + intake_height, 0.02],
        [w * 0.58, intake, 0.04],
        [0.0, intake, 0.0],
    ]);
    easel.fill(&mouth, 0.15, Rgb(15, 15, 16), 1.0);
    for i in 1..3 {
        let y = intake + intake_height * i as f32 / 3.0;
        easel.line([-w * 0.5, y, 0.0], [w * 0.5, y, 0.0], Rgb(60, 60, 62), 0.8, 0.01);
    }
    for side in [-1.0, 1.0] {
        let at = [side * w * 0.74, intake + intake_height * 0.7, 0.0];
        if face.fogs {
            easel.wrapped_disc(at, 0.1, 0.06, w, Rgb(24, 24, 25), 1.0);
            easel.wrapped_disc(at, 0.05, 0.05, w, Rgb(176, 182, 188), 1.0);
            easel.wrapped_disc(at, 0.03, 0.03, w, Rgb(230, 234, 238), 1.0);
        }
    }
    vehicle.extras.on_nose(easel, &vehicle.shape);
    // The plate and its holder's shade.
    let y = match vehicle.kind {
        Kind::BoxTruck | Kind::Semitrailer => nose.bottom + 0.18,
        _ => bumper - 0.03,
    };
    if let Some(plate) = vehicle.plate(Facing::Front) {
        let (pw, ph) = plate.size();
        let u = vehicle.hang.0;
        easel.fill(
            &slab(u - pw / 2.0 - 0.012, y - ph / 2.0 - 0.02, pw + 0.024, ph + 0.02, -0.02),
            0.05,
            Rgb(14, 14, 15),
            0.75,
        );
    } else if rng.odds(0.5) {
        // No plate: an empty holder, which must not be taken for one.
        easel.fill(&slab(-0.16, y - 0.08, 0.32, 0.16, -0.02), 0.1, Rgb(30, 30, 32), 0.85);
    }
    vehicle.hang_plate(easel, Facing::Front, [0.0, y, -0.04], 0.0, rng, marks);
}

fn grille(easel: &mut Easel, face: &Face, w: f32, top: f32) {
    let (gw, gh) = (w * face.grille_width, face.grille_height);
    let d = -0.005;
    if matches!(face.grille, Grille::Closed) {
        easel.line([-gw, top - 0.04, d], [gw, top - 0.04, d], Rgb(16, 16, 17), 0.8, 0.03);
        badge(easel, top - 0.09, d);
        return;
    }
    let outline = mirrored(&[
        [0.0, top, d],
        [gw, top - 0.005, d + 0.02],
        [gw * 0.9, top - gh, d + 0.02],
        [0.0, top - gh - 0.015, d],
    ]);
    if matches!(face.grille, Grille::Kidneys) {
        for side in [-1.0, 1.0] {
            let half: Vec<Point3> = [[0.02, top], [gw * 0.6, top], [gw * 0.52, top - gh], [0.05, top - gh]]
                .iter()
                .map(|&[u, y]| [side * u, y, d])
                .collect();
            easel.fill(&half, 0.3, Rgb(18, 18, 19), 1.0);
            for i in 1..6 {
                let u = side * (0.03 + gw * 0.55 * i as f32 / 6.0);
                easel.line([u, top - 0.015, d], [u, top - gh + 0.015, d], Rgb(120, 122, 126), 0.8, 0.01);
            }
            easel.edge(&half, 0.3, Rgb(206, 208, 212), 0.95, 0.018);
        }
        return;
    }
    easel.fill(&outline, 0.15, Rgb(17, 17, 18), 1.0);
    let metal = if face.chrome { Rgb(196, 199, 204) } else { Rgb(62, 63, 66) };
    match face.grille {
        Grille::Bars(n) => {
            for i in 1..n {
                let y = top - gh * i as f32 / n as f32;
                easel.line([-gw * 0.93, y, d], [gw * 0.93, y, d], metal, 0.9, 0.014);
            }
        }
        Grille::Slats(n) => {
            for i in 1..n {
                let u = gw * 0.95 * (2.0 * i as f32 / n as f32 - 1.0);
                easel.line([u, top - 0.02, d], [u * 0.94, top - gh + 0.01, d], metal, 0.9, 0.016);
            }
        }
        _ => {
            for i in -6..=6 {
                let u = gw * i as f32 / 6.5;
                easel.line([u, top - 0.01, d], [u * 0.6 + 0.06, top - gh, d], Rgb(74, 75, 78), 0.7, 0.007);
                easel.line([u, top - 0.01, d], [u * 0.6 - 0.06, top - gh, d], Rgb(74, 75, 78), 0.7, 0.007);
            }
        }
    }
    if face.chrome {
        easel.edge(&outline, 0.15, Rgb(206, 208, 212), 0.9, 0.02);
    }
    badge(easel, top - gh * 0.5, d - 0.01);
}

fn badge(easel: &mut Easel, y: f32, d: f32) {
    easel.disc([0.0, y, d], 0.07, 0.055, Rgb(196, 198, 204), 1.0);
    easel.disc([0.0, y, d], 0.05, 0.038, Rgb(44, 52, 74), 1.0);
}

fn lamps(vehicle: &Vehicle, easel: &mut Easel, face: &Face, w: f32, top: f32, marks: &mut Marks) {
    let (inner, height, slant) = face.lamp;
    for side in [-1.0f32, 1.0] {
        let middle = [side * w * (inner + 0.97) * 0.5, top - height * 0.45, 0.06];
        if face.round_lamps {
            let middle = [middle[0], middle[1], 0.0];
            easel.wrapped_disc(middle, 0.12, 0.12, w, Rgb(60, 62, 66), 1.0);
            easel.wrapped_disc(middle, 0.105, 0.105, w, Rgb(206, 212, 218), 1.0);
            easel.wrapped_disc([middle[0], middle[1] + 0.02, 0.0], 0.06, 0.05, w, Rgb(244, 247, 250), 1.0);
        } else {
            let u = |f: f32| side * w * f;
            let outline = [
                [u(inner), top - 0.03, 0.0],
                [u(0.8), top + slant * 0.5, 0.1],
                [u(0.97), top + slant - 0.02, 0.32],
                [u(0.985), top - height * 0.6, 0.32],
                [u(0.8), top - height, 0.08],
                [u(inner + 0.02), top - height * 0.85, 0.0],
            ];
            easel.shade(
                &outline,
                0.25,
                [u(0.8), top, 0.1],
                [u(0.8), top - height, 0.1],
                &[(0.0, Rgb(120, 126, 132), 1.0), (0.5, Rgb(214, 219, 224), 1.0), (1.0, Rgb(136, 142, 148), 1.0)],
            );
            for f in [inner + 0.12, inner + 0.27] {
                let at = [u(f), top - height * 0.48, 0.0];
                easel.wrapped_disc(at, height * 0.36, height * 0.36, w, Rgb(78, 82, 88), 1.0);
                easel.wrapped_disc(at, height * 0.26, height * 0.26, w, Rgb(222, 228, 234), 1.0);
                easel.wrapped_disc(
                    [at[0] - 0.01, at[1] + 0.015, 0.0],
                    height * 0.1,
                    height * 0.1,
                    w,
                    Rgb(255, 255, 255),
                    1.0,
                );
            }
            let amber = [
                [u(0.9), top + slant * 0.6 - 0.01, 0.2],
                [u(0.965), top + slant - 0.03, 0.3],
                [u(0.975), top - height * 0.5, 0.3],
                [u(0.91), top - height * 0.6, 0.2],
            ];
            easel.fill(&amber, 0.2, Rgb(222, 150, 60), 0.85);
            easel.edge(&outline, 0.25, Rgb(20, 20, 22), 0.8, 0.012);
        }
        vehicle.lamp(easel, middle, height * 0.5, Rgb(255, 248, 232), marks);
    }
}
