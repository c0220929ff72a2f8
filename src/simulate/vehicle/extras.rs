//! What owners add: racks, signs, bull bars, spare wheels, stickers on the glass.

use super::Kind;
use crate::simulate::brush::Rgb;
use crate::simulate::chance::Chance;
use crate::simulate::plate::typeface::{Font, Typeface};
use crate::simulate::scene::Rng;
use crate::simulate::vehicle::body::{End, Shape};
use crate::simulate::vehicle::rear::lettering;
use crate::simulate::view::{Easel, slab};

/// What one vehicle has beyond its model.
#[derive(Clone, Copy, Debug)]
pub struct Extras {
    rack: bool,
    roof_sign: Option<&'static str>,
    light_bar: bool,
    bull_bar: bool,
    spare: bool,
    /// Darkens the glass, 0 to 1.
    pub tint: f32,
    /// Roof in another colour than the body.
    pub roof: Option<Rgb>,
    glass_stickers: u32,
}

impl Extras {
    /// Some extras for a vehicle of `kind`.
    pub fn random(rng: &mut Rng, kind: Kind) -> Self {
        let tall = matches!(kind, Kind::Suv | Kind::Minivan | Kind::Pickup);
        let car = matches!(kind, Kind::Sedan | Kind::Hatchback | Kind::Minivan);
        Self {
            rack: tall && rng.odds(0.35) || car && rng.odds(0.06),
            roof_sign: (car && rng.odds(0.06)).then(|| ["TAXI", "CAB 42", "TAXI 7B", "ECOLE", "PIZZA"][rng.below(5)]),
            light_bar: car && rng.odds(0.02) || kind == Kind::Pickup && rng.odds(0.08),
            bull_bar: matches!(kind, Kind::Suv | Kind::Pickup) && rng.odds(0.12),
            spare: kind == Kind::Suv && rng.odds(0.15),
            tint: if rng.odds(0.25) { rng.between(0.3, 0.8) } else { rng.between(0.0, 0.25) },
            roof: rng.odds(0.08).then(|| *rng.pick(&[Rgb(24, 24, 26), Rgb(236, 236, 234), Rgb(150, 152, 156)])),
            glass_stickers: if rng.odds(0.5) { (rng.unit() * 1e6) as u32 } else { 0 },
        }
    }

    /// What stands on the roof, after the roof is drawn.
    pub fn on_roof(&self, easel: &mut Easel, shape: &Shape, near: &End, far: &End) {
        let r = shape.half_width * shape.taper;
        let (front, back) = (near.top + 0.2, shape.length - far.top - 0.2);
        if self.rack {
            for side in [-1.0, 1.0] {
                let u = side * r * 0.9;
                easel.line([u, shape.roof + 0.07, front], [u, shape.roof + 0.07, back], Rgb(60, 61, 64), 1.0, 0.03);
                easel.line([u, shape.roof, front], [u, shape.roof + 0.07, front], Rgb(40, 41, 44), 1.0, 0.03);
            }
            easel.line(
                [-r * 0.9, shape.roof + 0.07, front + 0.3],
                [r * 0.9, shape.roof + 0.07, front + 0.3],
                Rgb(70, 71, 74),
                1.0,
                0.03,
            );
        }
        let d = front + 0.2;
        if let Some(words) = self.roof_sign {
            easel.fill(&slab(-0.26, shape.roof + 0.01, 0.52, 0.15, d), 0.2, Rgb(240, 206, 60), 1.0);
            let at = [0.0, shape.roof + 0.085, d - 0.01];
            lettering(easel, &Typeface::Font(Font::NotoBold), words, at, 0.085, 0.0, Rgb(24, 24, 26));
        } else if self.light_bar {
            for (u, color) in [(-0.45, Rgb(40, 70, 200)), (0.02, Rgb(200, 40, 40))] {
                easel.fill(&slab(u, shape.roof + 0.02, 0.43, 0.12, d), 0.2, color, 1.0);
                easel.fill(&slab(u + 0.04, shape.roof + 0.08, 0.35, 0.03, d - 0.01), 0.2, Rgb(255, 255, 255), 0.4);
            }
        }
    }

    /// Stickers inside the windscreen.
    pub fn on_glass(&self, easel: &mut Easel, shape: &Shape, near: &End) {
        if self.glass_stickers == 0 {
            return;
        }
        let w = shape.half_width;
        let side = if self.glass_stickers.is_multiple_of(2) { 1.0 } else { -1.0 };
        let color = [Rgb(60, 140, 80), Rgb(220, 200, 70), Rgb(60, 90, 180), Rgb(220, 220, 216)]
            [(self.glass_stickers / 2 % 4) as usize];
        let (u, y) = (side * w * 0.62, near.base.1 + 0.1);
        easel.fill(&slab(u - 0.035, y, 0.07, 0.07, near.base.0 + 0.02), 0.15, color, 0.9);
        if self.glass_stickers.is_multiple_of(3) {
            easel.fill(
                &slab(-side * w * 0.55 - 0.06, y, 0.12, 0.05, near.base.0 + 0.02),
                0.1,
                Rgb(230, 230, 226),
                0.85,
            );
        }
    }

    /// A bull bar before the grille, before the plate is hung.
    pub fn on_nose(&self, easel: &mut Easel, shape: &Shape) {
        if !self.bull_bar {
            return;
        }
        let (w, nose) = (shape.half_width, shape.nose);
        let (low, high) = (nose.bottom + 0.1, nose.panel - 0.05);
        for y in [high, (low + high) * 0.55] {
            easel.line([-w * 0.62, y, -0.12], [w * 0.62, y, -0.12], Rgb(44, 45, 48), 1.0, 0.055);
            easel.line([-w * 0.62, y + 0.012, -0.125], [w * 0.62, y + 0.012, -0.125], Rgb(150, 152, 156), 0.6, 0.015);
        }
        for side in [-1.0, 1.0] {
            easel.line([side * w * 0.4, low, -0.12], [side * w * 0.4, high, -0.12], Rgb(40, 41, 44), 1.0, 0.05);
        }
    }

    /// A spare wheel on the tail gate; says how far the plate must move aside for it.
    pub fn on_tail(&self, easel: &mut Easel, shape: &Shape) -> f32 {
        if !self.spare {
            return 0.0;
        }
        let y = (shape.stern.panel + shape.stern.bottom) * 0.58;
        easel.disc([0.12, y, -0.2], 0.37, 0.37, Rgb(20, 20, 21), 1.0);
        easel.disc([0.12, y, -0.22], 0.27, 0.27, Rgb(104, 106, 110), 1.0);
        easel.disc([0.12, y, -0.23], 0.2, 0.2, Rgb(60, 61, 64), 1.0);
        easel.disc([0.12, y, -0.24], 0.06, 0.06, Rgb(150, 152, 156), 1.0);
        -0.52
    }
}
