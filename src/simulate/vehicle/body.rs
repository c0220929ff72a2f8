//! The body of anything with a hood, a windscreen and a roof, seen from either end.

use tiny_skia::{FillRule, PathBuilder, Transform};

use super::{DrawSeats, Facing, Kind, Marks, Seat, Vehicle};
use crate::simulate::brush::{Rgb, flat};
use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;
use crate::simulate::view::{Easel, Point3, mirrored};

/// One end: the panel nearest to the viewer, the deck behind it (hood or trunk lid), and the glass above. Metres.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Underside of the bumper.
    pub bottom: f32,
    /// Upper edge of the nearest panel.
    pub panel: f32,
    /// Where the deck meets the glass: depth and height.
    pub base: (f32, f32),
    /// Depth of the glass's upper edge.
    pub top: f32,
}

/// Proportions. Metres.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Half of the width.
    pub half_width: f32,
    /// Bumper to bumper.
    pub length: f32,
    /// Roof above the ground.
    pub roof: f32,
    /// Half of the roof's width over half of the whole width.
    pub taper: f32,
    /// Nose.
    pub nose: End,
    /// Tail.
    pub stern: End,
    /// Radius of a wheel.
    pub wheel: f32,
}

impl Shape {
    /// Proportions of some vehicle of `kind`.
    pub fn random(rng: &mut Rng, kind: Kind) -> Self {
        let mut near = |v: f32, by: f32| v * (1.0 + by * (2.0 * rng.unit() - 1.0));
        let nose = |bottom, panel, base, top| End { bottom, panel, base, top };
        let (half_width, length, roof, taper, front, stern, wheel) = match kind {
            Kind::Sedan => {
                (0.89, 4.7, 1.44, 0.66, nose(0.2, 0.74, (1.15, 0.96), 1.85), nose(0.26, 0.96, (0.6, 1.05), 1.25), 0.32)
            }
            Kind::Hatchback => {
                (0.86, 4.1, 1.49, 0.69, nose(0.2, 0.76, (0.95, 0.99), 1.65), nose(0.27, 0.98, (0.1, 1.02), 0.55), 0.31)
            }
            Kind::Suv => {
                (0.95, 4.7, 1.76, 0.73, nose(0.28, 0.98, (1.1, 1.16), 1.75), nose(0.34, 1.12, (0.06, 1.16), 0.4), 0.38)
            }
            Kind::Minivan => {
                (0.96, 5.0, 1.75, 0.75, nose(0.24, 0.86, (0.85, 1.06), 1.75), nose(0.3, 1.08, (0.05, 1.1), 0.3), 0.33)
            }
            Kind::Pickup => {
                (0.99, 5.5, 1.85, 0.69, nose(0.36, 1.08, (1.25, 1.22), 1.85), nose(0.45, 1.12, (1.75, 1.16), 1.95), 0.4)
            }
            Kind::Van => {
                (0.99, 5.4, 2.35, 0.86, nose(0.28, 1.02, (0.6, 1.26), 1.35), nose(0.4, 1.3, (0.03, 1.34), 0.12), 0.35)
            }
            Kind::BoxTruck => {
                (1.1, 7.2, 2.45, 0.82, nose(0.4, 1.2, (0.7, 1.4), 1.2), nose(0.8, 1.3, (0.05, 1.34), 0.1), 0.46)
            }
            Kind::Semitrailer => {
                (1.2, 14.0, 2.95, 0.86, nose(0.42, 1.35, (0.5, 1.65), 0.85), nose(0.9, 1.3, (0.05, 1.34), 0.1), 0.52)
            }
            Kind::Motorcycle => {
                (0.4, 2.1, 1.3, 0.5, nose(0.2, 0.8, (0.5, 0.9), 0.9), nose(0.2, 0.8, (0.5, 0.9), 0.9), 0.3)
            }
        };
        let deck = near(1.0, 0.08);
        Self {
            half_width: near(half_width, 0.04),
            length: near(length, 0.05),
            roof: near(roof, 0.03),
            taper: near(taper, 0.05),
            nose: End { panel: front.panel * near(1.0, 0.04), base: (front.base.0 * deck, front.base.1), ..front },
            stern: End { panel: stern.panel * near(1.0, 0.02), ..stern },
            wheel: near(wheel, 0.06),
        }
    }

    /// The end that `facing` shows and the other one.
    pub fn ends(&self, facing: Facing) -> (End, End) {
        match facing {
            Facing::Front => (self.nose, self.stern),
            Facing::Rear => (self.stern, self.nose),
        }
    }
}

/// The dark under and around the vehicle.
pub fn shadow(easel: &mut Easel, shape: &Shape) {
    let (w, l) = (shape.half_width, shape.length);
    // So many that no edge of any of them shows.
    const LAYERS: usize = 27;
    for i in 0..LAYERS {
        let deep = i as f32 / (LAYERS - 1) as f32;
        let grow = 0.5 - 0.6 * deep;
        let (a, b) = (w * 0.9 + grow, l + grow * 0.5);
        let corners = [[-a, 0.0, -grow * 0.8], [a, 0.0, -grow * 0.8], [a, 0.0, b], [-a, 0.0, b]];
        easel.fill(&corners, 0.25, Rgb(12, 13, 16), (0.06 + 0.112 * deep) * 9.0 / LAYERS as f32);
    }
}

/// Draws sides, roof, glass, deck and the nearest panel, without lamps.
pub fn draw(vehicle: &Vehicle, easel: &mut Easel, facing: Facing, glare: f32, seats: DrawSeats, marks: &mut Marks) {
    let shape = &vehicle.shape;
    let (near, far) = shape.ends(facing);
    let paint = vehicle.paint;
    let w = shape.half_width;
    near_wheels(easel, shape);
    let glass = glass_outline(shape, &near);
    let (low, high) = ([0.0, near.base.1, near.base.0], [0.0, shape.roof, near.top]);
    easel.shade(&glass, 0.08, high, low, &[(0.0, Rgb(18, 22, 27), 1.0), (1.0, Rgb(44, 52, 60), 1.0)]);
    if facing == Facing::Front {
        interior(easel, shape, &near);
        let places = seat_places(easel, shape, &near);
        seats(easel.canvas, &places);
        marks.seats = places;
    } else {
        backs_of_seats(easel, shape, &near);
    }
    vehicle.extras.on_glass(easel, shape, &near);
    easel.fill(&glass, 0.08, Rgb(8, 10, 12), vehicle.extras.tint * 0.6);
    reflections(easel, shape, &near, &glass, glare);
    // The sides hide what of the people inside would stick out beside the glass.
    let (viewer, _) = easel.viewer();
    for side in [-1.0, 1.0] {
        if viewer * side > w {
            draw_side(vehicle, easel, side, &near, &far);
        }
    }
    // Roof.
    let roof = vehicle.extras.roof.unwrap_or(paint);
    let r = w * shape.taper;
    let far_top = shape.length - far.top;
    easel.shade(
        &[
            [-r, shape.roof, near.top],
            [r, shape.roof, near.top],
            [r * 0.96, shape.roof + 0.02, far_top],
            [-r * 0.96, shape.roof + 0.02, far_top],
        ],
        0.1,
        [0.0, shape.roof, near.top],
        [0.0, shape.roof, far_top],
        &[(0.0, roof, 1.0), (1.0, roof.times(1.18), 1.0)],
    );
    vehicle.extras.on_roof(easel, shape, &near, &far);
    pillars(easel, shape, &near, &glass, paint);
    mirrors(easel, shape, facing, &near, paint);
    deck(easel, shape, &near, paint);
    panel(easel, shape, &near, paint, vehicle.clean);
}

fn near_wheels(easel: &mut Easel, shape: &Shape) {
    let w = shape.half_width;
    let r = shape.wheel;
    for side in [-1.0f32, 1.0] {
        let (a, b) = (side * (w - 0.02), side * (w - 0.24));
        let d = 0.45;
        easel.fill(&[[a, 0.0, d], [a, r * 1.6, d], [b, r * 1.6, d], [b, 0.0, d]], 0.25, Rgb(20, 20, 22), 1.0);
        easel.fill(
            &[
                [a, 0.0, shape.length - 0.6],
                [a, r * 1.4, shape.length - 0.6],
                [b, r * 1.4, shape.length - 0.6],
                [b, 0.0, shape.length - 0.6],
            ],
            0.25,
            Rgb(16, 16, 18),
            1.0,
        );
    }
    easel.fill(
        &[[-w * 0.8, 0.16, 0.5], [w * 0.8, 0.16, 0.5], [w * 0.8, 0.5, 0.5], [-w * 0.8, 0.5, 0.5]],
        0.1,
        Rgb(14, 14, 15),
        1.0,
    );
}

fn draw_side(vehicle: &Vehicle, easel: &mut Easel, side: f32, near: &End, far: &End) {
    let shape = &vehicle.shape;
    let paint = vehicle.paint.times(0.82);
    let (w, l) = (shape.half_width, shape.length);
    let u = side * w;
    let g = side * w * 0.9;
    let r = side * w * shape.taper;
    let (near_deck, far_deck) = (near.base.0, l - far.base.0);
    let belt = near.base.1.max(far.base.1) - 0.04;
    // Greenhouse, then its windows.
    let house = [[g, belt, near_deck], [r, shape.roof, near.top], [r, shape.roof, l - far.top], [g, belt, far_deck]];
    easel.fill(&house, 0.1, paint.times(0.9), 1.0);
    let inset = |t: f32, v: f32| {
        let top = near.top + (l - far.top - near.top) * t;
        let low = near_deck + (far_deck - near_deck) * t;
        [g + (r - g) * v, belt + (shape.roof - belt) * v, low + (top - low) * v]
    };
    let cuts: &[(f32, f32)] = match vehicle.kind {
        Kind::Van | Kind::BoxTruck | Kind::Semitrailer => &[(0.06, 0.3)],
        Kind::Pickup => &[(0.08, 0.5), (0.54, 0.92)],
        Kind::Minivan | Kind::Suv => &[(0.06, 0.38), (0.42, 0.68), (0.72, 0.93)],
        _ => &[(0.08, 0.46), (0.51, 0.88)],
    };
    for &(a, b) in cuts {
        easel.fill(&[inset(a, 0.1), inset(a, 0.88), inset(b, 0.88), inset(b, 0.1)], 0.12, Rgb(26, 31, 37), 1.0);
        easel.fill(&[inset(a, 0.55), inset(a, 0.88), inset(b, 0.88), inset(b, 0.7)], 0.0, Rgb(150, 165, 180), 0.22);
    }
    // Flank.
    let flank = [
        [u, 0.3, 0.35],
        [u, near.panel * 0.8, 0.3],
        [u * 0.97, near.panel, 0.45],
        [u * 0.98, belt, near_deck],
        [u * 0.98, belt, far_deck],
        [u * 0.97, far.panel, l - 0.25],
        [u, far.panel * 0.8, l - 0.05],
        [u, 0.3, l - 0.15],
    ];
    easel.shade(
        &flank,
        0.12,
        [u, belt, l / 2.0],
        [u, 0.25, l / 2.0],
        &[(0.0, paint.times(1.15), 1.0), (0.35, paint, 1.0), (1.0, paint.times(0.55), 1.0)],
    );
    easel.line([u, belt * 0.72, 0.6], [u, belt * 0.75, l - 0.4], paint.times(1.35), 0.5, 0.02);
    for &(a, _) in cuts {
        let d = near_deck + (far_deck - near_deck) * a;
        easel.line([u, 0.32, d], [u, belt, d], Rgb(10, 10, 10), 0.5, 0.012);
    }
    for d in [0.85, l - 0.95] {
        easel.wheel([u, shape.wheel * 1.02, d], shape.wheel * 1.22, Rgb(10, 10, 11));
        easel.wheel([u * 1.005, shape.wheel, d], shape.wheel, Rgb(24, 24, 26));
        easel.wheel([u * 1.01, shape.wheel, d], shape.wheel * 0.64, Rgb(150, 152, 156));
        easel.wheel([u * 1.012, shape.wheel, d], shape.wheel * 0.5, Rgb(84, 86, 90));
        easel.wheel([u * 1.015, shape.wheel, d], shape.wheel * 0.14, Rgb(170, 172, 176));
    }
}

/// The glass, from the lower left around.
fn glass_outline(shape: &Shape, near: &End) -> Vec<Point3> {
    let (g, r) = (shape.half_width * 0.86, shape.half_width * shape.taper);
    let lift = 0.03;
    mirrored(&[
        [0.0, shape.roof - 0.045, near.top - 0.01],
        [r - 0.09, shape.roof - 0.065, near.top],
        [g - 0.09, near.base.1 + lift, near.base.0],
        [0.0, near.base.1 + lift - 0.02, near.base.0 - 0.05],
    ])
}

fn pillars(easel: &mut Easel, shape: &Shape, near: &End, glass: &[Point3], paint: Rgb) {
    let (g, r) = (shape.half_width * 0.9, shape.half_width * shape.taper);
    let frame = mirrored(&[
        [0.0, shape.roof + 0.02, near.top - 0.02],
        [r, shape.roof - 0.005, near.top],
        [g, near.base.1 - 0.05, near.base.0],
        [0.0, near.base.1 - 0.06, near.base.0 - 0.04],
    ]);
    let (Some(outer), Some(inner)) = (easel.shape(&frame, 0.1), easel.shape(glass, 0.1)) else { return };
    let mut both = PathBuilder::new();
    both.push_path(&outer);
    both.push_path(&inner);
    if let Some(path) = both.finish() {
        easel.canvas.fill_path(&path, &flat(paint.times(0.86), 1.0), FillRule::EvenOdd, Transform::identity(), None);
    }
    easel.edge(glass, 0.1, Rgb(12, 12, 13), 0.9, 0.022);
}

fn interior(easel: &mut Easel, shape: &Shape, near: &End) {
    let d = near.base.0 + 1.25;
    let top = (shape.roof - 0.2).min(near.base.1 + 0.62);
    for u in [-0.37, 0.37] {
        let u = u * shape.half_width / 0.9;
        easel.fill(
            &[
                [u - 0.24, near.base.1 - 0.3, d],
                [u + 0.24, near.base.1 - 0.3, d],
                [u + 0.2, top - 0.22, d],
                [u - 0.2, top - 0.22, d],
            ],
            0.4,
            Rgb(46, 46, 50),
            1.0,
        );
        easel.fill(
            &[[u - 0.13, top - 0.2, d], [u + 0.13, top - 0.2, d], [u + 0.12, top, d], [u - 0.12, top, d]],
            0.5,
            Rgb(56, 56, 60),
            1.0,
        );
    }
    // Light through the rear window.
    let far = shape.length * 0.72;
    easel.fill(
        &[
            [-0.45, near.base.1 + 0.12, far],
            [0.45, near.base.1 + 0.12, far],
            [0.4, shape.roof - 0.16, far],
            [-0.4, shape.roof - 0.16, far],
        ],
        0.3,
        Rgb(120, 130, 138),
        0.35,
    );
    easel.fill(
        &[
            [-0.11, shape.roof - 0.13, near.top],
            [0.11, shape.roof - 0.13, near.top],
            [0.1, shape.roof - 0.2, near.top],
            [-0.1, shape.roof - 0.2, near.top],
        ],
        0.4,
        Rgb(14, 14, 15),
        1.0,
    );
}

fn seat_places(easel: &Easel, shape: &Shape, near: &End) -> Vec<Seat> {
    let d = near.base.0 + 1.05;
    let y = (shape.roof - 0.3).min(near.base.1 + 0.55);
    // Seen from the front, a left-hand drive's driver sits on the viewer's right.
    [0.36, -0.36]
        .iter()
        .filter_map(|&u| {
            let at = [u * shape.half_width / 0.9, y, d];
            Some(Seat { center: easel.at(at)?, height: 0.235 * easel.scale(at), coat: None, away: false })
        })
        .collect()
}

/// Headrests and heads from behind: no face shows.
fn backs_of_seats(easel: &mut Easel, shape: &Shape, near: &End) {
    let d = near.base.0 + (shape.length * 0.3);
    let y = (shape.roof - 0.32).min(near.base.1 + 0.4);
    for (u, tone) in [(-0.36, Rgb(52, 40, 34)), (0.36, Rgb(34, 34, 38))] {
        let u = u * shape.half_width / 0.9;
        easel.fill(
            &[[u - 0.15, y - 0.5, d], [u + 0.15, y - 0.5, d], [u + 0.12, y + 0.02, d], [u - 0.12, y + 0.02, d]],
            0.5,
            Rgb(40, 40, 44),
            1.0,
        );
        easel.disc([u, y + 0.06, d + 0.2], 0.09, 0.12, tone, 1.0);
    }
    easel.fill(
        &[
            [-0.5, near.base.1, d + 1.2],
            [0.5, near.base.1, d + 1.2],
            [0.46, shape.roof - 0.15, d + 1.2],
            [-0.46, shape.roof - 0.15, d + 1.2],
        ],
        0.2,
        Rgb(130, 140, 148),
        0.25,
    );
}

fn reflections(easel: &mut Easel, shape: &Shape, near: &End, glass: &[Point3], glare: f32) {
    let (low, high) = ([0.0, near.base.1, near.base.0], [0.0, shape.roof, near.top]);
    easel.shade(
        glass,
        0.08,
        high,
        low,
        &[
            (0.0, Rgb(196, 208, 220), 0.05 + 0.3 * glare),
            (0.6, Rgb(170, 182, 194), 0.04 + 0.5 * glare),
            (1.0, Rgb(120, 130, 140), 0.1 + 0.2 * glare),
        ],
    );
    let g = shape.half_width * 0.7;
    easel.fill(
        &[
            [-g, near.base.1 + 0.06, near.base.0],
            [-g * 0.55, near.base.1 + 0.06, near.base.0],
            [-g * 0.1, shape.roof - 0.1, near.top],
            [-g * 0.5, shape.roof - 0.1, near.top],
        ],
        0.05,
        Rgb(225, 232, 240),
        0.05 + 0.12 * glare,
    );
    // Dashboard and wipers at the foot of the glass.
    easel.line(
        [-g, near.base.1 + 0.04, near.base.0 - 0.02],
        [0.05, near.base.1 + 0.06, near.base.0],
        Rgb(10, 10, 10),
        0.8,
        0.02,
    );
    easel.line(
        [0.1, near.base.1 + 0.04, near.base.0 - 0.02],
        [g, near.base.1 + 0.08, near.base.0],
        Rgb(10, 10, 10),
        0.8,
        0.02,
    );
}

fn mirrors(easel: &mut Easel, shape: &Shape, facing: Facing, near: &End, paint: Rgb) {
    let d = match facing {
        Facing::Front => near.base.0 + 0.25,
        Facing::Rear => shape.length - shape.nose.base.0 - 0.25,
    };
    let y = shape.nose.base.1 + 0.06;
    for side in [-1.0, 1.0] {
        let u = side * (shape.half_width + 0.06);
        easel.disc([u, y, d], 0.13, 0.085, paint.times(0.75), 1.0);
        if facing == Facing::Rear {
            easel.disc([u, y, d - 0.02], 0.105, 0.065, Rgb(130, 140, 150), 1.0);
        }
    }
}

fn deck(easel: &mut Easel, shape: &Shape, near: &End, paint: Rgb) {
    let w = shape.half_width;
    let (dd, dy) = near.base;
    let shoulders = mirrored(&[
        [0.0, dy - 0.02, dd],
        [w * 0.93, dy - 0.05, dd],
        [w, (dy + near.panel) * 0.5 - 0.05, dd * 0.55],
        [w * 0.97, near.panel - 0.05, 0.3],
        [w * 0.8, near.panel - 0.02, 0.06],
        [0.0, near.panel - 0.02, 0.02],
    ]);
    easel.shade(
        &shoulders,
        0.15,
        [0.0, dy, dd],
        [0.0, near.panel, 0.0],
        &[(0.0, paint.times(0.95), 1.0), (1.0, paint.times(0.8), 1.0)],
    );
    let lid = mirrored(&[
        [0.0, dy + 0.01, dd],
        [w * 0.8, dy - 0.02, dd],
        [w * 0.82, near.panel + 0.01, 0.12],
        [0.0, near.panel + 0.04, 0.04],
    ]);
    easel.shade(
        &lid,
        0.12,
        [0.0, dy, dd],
        [0.0, near.panel, 0.0],
        &[
            (0.0, paint.mixed(Rgb(214, 224, 234), 0.34), 1.0),
            (0.55, paint.mixed(Rgb(214, 224, 234), 0.16), 1.0),
            (1.0, paint.times(0.98), 1.0),
        ],
    );
    if dd > 0.4 {
        for side in [-1.0, 1.0] {
            easel.line(
                [side * w * 0.5, near.panel + 0.02, 0.12],
                [side * w * 0.58, dy, dd],
                paint.times(0.7),
                0.5,
                0.012,
            );
            easel.line(
                [side * w * 0.52, near.panel + 0.025, 0.12],
                [side * w * 0.6, dy + 0.005, dd],
                Rgb(255, 255, 255),
                0.18,
                0.012,
            );
        }
    }
}

fn panel(easel: &mut Easel, shape: &Shape, near: &End, paint: Rgb, clean: f32) {
    let w = shape.half_width;
    let (b, t) = (near.bottom, near.panel);
    let outline = mirrored(&[
        [0.0, t + 0.01, 0.0],
        [w * 0.78, t, 0.06],
        [w * 0.96, t - 0.06, 0.26],
        [w, (b + t) * 0.5, 0.34],
        [w * 0.97, b + 0.12, 0.28],
        [w * 0.82, b, 0.1],
        [0.0, b - 0.01, 0.02],
    ]);
    let soil = Rgb(110, 98, 80);
    let low = paint.times(0.52).mixed(soil, 0.25 * (1.0 - clean));
    easel.shade(
        &outline,
        0.2,
        [0.0, t, 0.0],
        [0.0, b, 0.0],
        &[
            (0.0, paint.times(1.12), 1.0),
            (0.3, paint.times(0.92), 1.0),
            (0.62, paint.times(0.82), 1.0),
            (1.0, low, 1.0),
        ],
    );
    // Round corners turn away from the light; the upper edge catches it.
    let dark = Rgb(6, 7, 9);
    easel.shade(
        &outline,
        0.2,
        [-w, t, 0.2],
        [w, t, 0.2],
        &[(0.0, dark, 0.34), (0.18, dark, 0.0), (0.82, dark, 0.0), (1.0, dark, 0.34)],
    );
    easel.line([-w * 0.8, t - 0.03, 0.02], [w * 0.8, t - 0.03, 0.02], Rgb(255, 255, 255), 0.16, 0.025);
}
