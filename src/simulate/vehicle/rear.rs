//! The tail of a vehicle: lamps, lid, bumper, stickers, rear plate.

use super::{Facing, Kind, Marks, Vehicle};
use crate::simulate::brush::Rgb;
use crate::simulate::chance::Chance;
use crate::simulate::plate::typeface::{Font, Typeface};
use crate::simulate::scene::Rng;
use crate::simulate::view::{Easel, mirrored, slab};

/// What makes one model's tail differ from another's.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    lamps: Lamps,
    /// Inner end of a horizontal lamp over half of the width.
    inner: f32,
    height: f32,
    /// The plate hangs on the bumper and not on the lid.
    low_plate: bool,
    chrome: bool,
    exhausts: usize,
    wiper: bool,
    stickers: usize,
    name: &'static str,
    dark_bumper: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lamps {
    Wide,
    Columns,
    Round,
    Blocks,
}

impl Tail {
    /// Some tail for a vehicle of `kind`.
    pub fn random(rng: &mut Rng, kind: Kind) -> Self {
        const NAMES: &[&str] = &[
            "CORVAN",
            "ALTURA",
            "MERIDIAN",
            "XLT",
            "2.0 TDI",
            "SE-V6",
            "RANCHERO 4X4",
            "GLIDE",
            "TERRA",
            "LX",
            "HYBRID",
            "1500",
            "VISTA",
        ];
        let tall = matches!(kind, Kind::Suv | Kind::Minivan | Kind::Van | Kind::Pickup | Kind::Hatchback);
        let lamps = if tall {
            *rng.weighted(&[(Lamps::Columns, 0.6), (Lamps::Wide, 0.25), (Lamps::Blocks, 0.15)])
        } else {
            *rng.weighted(&[(Lamps::Wide, 0.6), (Lamps::Blocks, 0.25), (Lamps::Round, 0.15)])
        };
        Self {
            lamps,
            inner: rng.between(0.5, 0.72),
            height: rng.between(0.13, 0.24),
            low_plate: match kind {
                Kind::Pickup => rng.odds(0.8),
                Kind::Sedan => rng.odds(0.25),
                _ => rng.odds(0.35),
            },
            chrome: rng.odds(0.35),
            exhausts: rng.below(3),
            wiper: matches!(kind, Kind::Suv | Kind::Hatchback | Kind::Minivan) && rng.odds(0.75),
            stickers: if rng.odds(0.3) { 1 + rng.below(3) } else { 0 },
            name: NAMES[rng.below(NAMES.len())],
            dark_bumper: rng.odds(0.3),
        }
    }
}

/// Draws the tail over a drawn body.
pub fn draw(vehicle: &Vehicle, easel: &mut Easel, rng: &mut Rng, marks: &mut Marks) {
    let tail = vehicle.tail;
    let stern = vehicle.shape.stern;
    let w = vehicle.shape.half_width;
    let paint = vehicle.paint;
    let (top, low) = (stern.panel - 0.05, stern.bottom);
    let bumper = low + (top - low) * 0.42;
    // Bumper.
    let skin = mirrored(&[
        [0.0, bumper, -0.05],
        [w * 0.84, bumper, 0.0],
        [w * 0.99, bumper - 0.02, 0.25],
        [w * 0.97, low + 0.04, 0.22],
        [w * 0.84, low, 0.02],
        [0.0, low, -0.02],
    ]);
    let (hi, lo) = match (tail.dark_bumper, vehicle.kind) {
        (_, Kind::Pickup) if tail.chrome => (Rgb(222, 225, 230), Rgb(96, 98, 104)),
        (true, _) => (Rgb(74, 75, 78), Rgb(34, 34, 36)),
        _ => (paint.times(1.1), paint.times(0.6)),
    };
    easel.shade(
        &skin,
        0.15,
        [0.0, bumper, 0.0],
        [0.0, low, 0.0],
        &[(0.0, hi, 1.0), (0.35, hi.mixed(lo, 0.4), 1.0), (1.0, lo, 1.0)],
    );
    easel.line([-w * 0.84, bumper, -0.04], [w * 0.84, bumper, -0.04], Rgb(8, 8, 9), 0.5, 0.014);
    easel.fill(&slab(-w * 0.7, low, w * 1.4, 0.07, -0.02), 0.1, Rgb(20, 20, 21), 0.9);
    for side in [-1.0, 1.0] {
        easel.fill(&slab(side * w * 0.72 - 0.09, low + 0.1, 0.18, 0.045, -0.03), 0.1, Rgb(150, 26, 26), 0.9);
    }
    for i in 0..tail.exhausts {
        let u = if i == 0 { -0.55 } else { 0.55 } * w;
        easel.disc([u, low - 0.01, 0.05], 0.045, 0.04, Rgb(150, 150, 152), 1.0);
        easel.disc([u, low - 0.01, 0.05], 0.032, 0.028, Rgb(12, 12, 12), 1.0);
    }
    // Lid: shut lines, and the recess for the plate.
    for side in [-1.0, 1.0] {
        easel.line([side * w * 0.72, bumper, 0.0], [side * w * 0.76, top, 0.05], Rgb(8, 8, 9), 0.45, 0.01);
    }
    lamps(vehicle, easel, w, top, bumper, marks);
    let aside = vehicle.extras.on_tail(easel, &vehicle.shape);
    let y = if tail.low_plate { (low + bumper) * 0.5 } else { bumper + (top - bumper) * 0.44 };
    let d = if tail.low_plate { -0.06 } else { -0.01 };
    let (pw, ph) = vehicle.rear_plate.size();
    let recess = mirrored(&[
        [0.0, y + ph / 2.0 + 0.05, d + 0.005],
        [pw / 2.0 + 0.1, y + ph / 2.0 + 0.045, d + 0.005],
        [pw / 2.0 + 0.07, y - ph / 2.0 - 0.03, d + 0.005],
        [0.0, y - ph / 2.0 - 0.035, d + 0.005],
    ]);
    let recess: Vec<_> = recess.into_iter().map(|[u, y, d]| [u + aside, y, d]).collect();
    easel.shade(
        &recess,
        0.12,
        [0.0, y + ph, d],
        [0.0, y - ph, d],
        &[(0.0, paint.times(0.35), 1.0), (1.0, paint.times(0.75), 1.0)],
    );
    if tail.chrome && !tail.low_plate {
        easel.line(
            [-pw * 0.7, y + ph / 2.0 + 0.06, d],
            [pw * 0.7, y + ph / 2.0 + 0.06, d],
            Rgb(212, 214, 218),
            0.95,
            0.03,
        );
    }
    if tail.wiper {
        let (a, b) = ([0.05, stern.base.1 + 0.06, stern.base.0], [-0.32, stern.base.1 + 0.13, stern.base.0]);
        easel.line(a, b, Rgb(8, 8, 8), 0.95, 0.02);
    }
    words(vehicle, easel, tail.name, [w * 0.62, top - 0.07, -0.005], 0.05, Rgb(190, 192, 196));
    easel.disc([0.0, top - 0.05, -0.005], 0.05, 0.045, Rgb(196, 198, 204), 1.0);
    stickers(vehicle, easel, w, bumper, low, rng);
    vehicle.hang_plate(easel, Facing::Rear, [aside, y, d - 0.01], 0.0, rng, marks);
}

fn lamps(vehicle: &Vehicle, easel: &mut Easel, w: f32, top: f32, bumper: f32, marks: &mut Marks) {
    let tail = vehicle.tail;
    const RED: Rgb = Rgb(168, 22, 24);
    const DEEP: Rgb = Rgb(104, 10, 14);
    let stern = vehicle.shape.stern;
    for side in [-1.0f32, 1.0] {
        let u = |f: f32| side * w * f;
        let middle = match tail.lamps {
            Lamps::Wide => {
                let h = tail.height;
                let outline = [
                    [u(tail.inner), top - 0.02, 0.0],
                    [u(0.84), top, 0.06],
                    [u(0.985), top - 0.02, 0.3],
                    [u(0.99), top - h, 0.3],
                    [u(0.84), top - h - 0.02, 0.05],
                    [u(tail.inner), top - h * 0.85, 0.0],
                ];
                easel.shade(
                    &outline,
                    0.2,
                    [u(0.8), top, 0.0],
                    [u(0.8), top - h, 0.0],
                    &[(0.0, RED.times(1.25), 1.0), (1.0, DEEP, 1.0)],
                );
                easel.fill(
                    &[
                        [u(tail.inner + 0.03), top - h * 0.4, -0.005],
                        [u(0.8), top - h * 0.4, 0.04],
                        [u(0.8), top - h * 0.68, 0.04],
                        [u(tail.inner + 0.03), top - h * 0.66, -0.005],
                    ],
                    0.2,
                    Rgb(226, 216, 210),
                    0.85,
                );
                easel.edge(&outline, 0.2, Rgb(20, 8, 8), 0.7, 0.012);
                [u(0.85), top - h * 0.5, 0.05]
            }
            Lamps::Columns => {
                let high = (stern.base.1 + 0.28).min(vehicle.shape.roof - 0.2);
                let foot = bumper + 0.06;
                let outline = [
                    [u(0.76), high, stern.base.0 * 0.9 + 0.02],
                    [u(0.9), high, stern.base.0 + 0.12],
                    [u(0.985), foot + 0.05, 0.26],
                    [u(0.96), foot, 0.2],
                    [u(0.78), foot, 0.03],
                ];
                easel.shade(
                    &outline,
                    0.15,
                    [u(0.9), high, 0.1],
                    [u(0.9), foot, 0.1],
                    &[
                        (0.0, RED.times(1.2), 1.0),
                        (0.55, RED, 1.0),
                        (0.6, Rgb(214, 180, 160), 1.0),
                        (0.74, Rgb(226, 216, 206), 1.0),
                        (0.78, DEEP, 1.0),
                        (1.0, DEEP, 1.0),
                    ],
                );
                easel.edge(&outline, 0.15, Rgb(20, 8, 8), 0.7, 0.012);
                [u(0.88), (high + foot) * 0.5 + 0.1, 0.1]
            }
            Lamps::Round => {
                for f in [0.62, 0.84] {
                    easel.wrapped_disc([u(f), top - 0.13, 0.0], 0.09, 0.09, w, Rgb(30, 12, 12), 1.0);
                    easel.wrapped_disc([u(f), top - 0.13, 0.0], 0.078, 0.078, w, RED, 1.0);
                    easel.disc([u(f), top - 0.12, -0.01], 0.03, 0.03, Rgb(240, 150, 140), 0.8);
                }
                [u(0.73), top - 0.13, 0.0]
            }
            Lamps::Blocks => {
                let h = tail.height + 0.08;
                let outline = [
                    [u(0.74), top - 0.01, 0.0],
                    [u(0.97), top - 0.02, 0.2],
                    [u(0.98), top - h, 0.2],
                    [u(0.75), top - h, 0.0],
                ];
                easel.fill(&outline, 0.12, RED, 1.0);
                easel.fill(
                    &[
                        [u(0.76), top - h * 0.55, -0.005],
                        [u(0.9), top - h * 0.55, 0.1],
                        [u(0.9), top - h * 0.9, 0.1],
                        [u(0.77), top - h * 0.9, -0.005],
                    ],
                    0.1,
                    Rgb(228, 168, 80),
                    0.9,
                );
                easel.edge(&outline, 0.12, Rgb(20, 8, 8), 0.7, 0.012);
                [u(0.85), top - h * 0.4, 0.05]
            }
        };
        vehicle.lamp(easel, middle, 0.07, Rgb(255, 60, 40), marks);
    }
}

/// Lettering on the body, facing the viewer; `at` is its middle, `height` in metres.
pub fn words(vehicle: &Vehicle, easel: &mut Easel, text: &str, at: [f32; 3], height: f32, color: Rgb) {
    let scale = easel.scale(at);
    if height * scale < 2.0 {
        return;
    }
    let font = if vehicle.kind == Kind::Van { Font::NotoItalic } else { Font::DejaVuOblique };
    lettering(easel, &Typeface::Font(font), text, at, height, 0.0, color);
}

/// Lays text into the cross plane (`along` 0) with its middle at `at`; glyph outlines are projected point by point.
pub fn lettering(
    easel: &mut Easel,
    typeface: &Typeface,
    text: &str,
    at: [f32; 3],
    height: f32,
    along: f32,
    color: Rgb,
) {
    let laid = typeface.lay_out(text, 1.0, 1.0, 0.08, 0.4);
    let Some(path) = laid.path else { return };
    let (s, c) = along.sin_cos();
    let place = |x: f32, y: f32| {
        let x = (x - laid.width / 2.0) * height;
        easel.at([at[0] + x * c, at[1] + (0.5 - y) * height, at[2] + x * s])
    };
    let mut builder = tiny_skia::PathBuilder::new();
    for segment in path.segments() {
        use tiny_skia::PathSegment as S;
        let done = match segment {
            S::MoveTo(p) => place(p.x, p.y).map(|p| builder.move_to(p.0, p.1)),
            S::LineTo(p) => place(p.x, p.y).map(|p| builder.line_to(p.0, p.1)),
            S::QuadTo(a, p) => place(a.x, a.y).zip(place(p.x, p.y)).map(|(a, p)| builder.quad_to(a.0, a.1, p.0, p.1)),
            S::CubicTo(a, b, p) => place(a.x, a.y)
                .zip(place(b.x, b.y))
                .zip(place(p.x, p.y))
                .map(|((a, b), p)| builder.cubic_to(a.0, a.1, b.0, b.1, p.0, p.1)),
            S::Close => {
                builder.close();
                Some(())
            }
        };
        if done.is_none() {
            return;
        }
    }
    crate::simulate::brush::fill(easel.canvas, builder.finish().as_ref(), &crate::simulate::brush::flat(color, 0.92));
}

/// Bumper stickers: small, lettered, and no plates.
fn stickers(vehicle: &Vehicle, easel: &mut Easel, w: f32, bumper: f32, low: f32, rng: &mut Rng) {
    const LINES: &[&str] = &[
        "BABY ON BOARD",
        "HONK IF 73",
        "COEXIST",
        "KEEP TAHOE BLUE",
        "26.2",
        "MY KID ROCKS",
        "VOTE 2020",
        "OBX",
        "I BRAKE 4 CATS",
        "NO FEAR",
        "RADIO 98.5",
        "SAVE THE BAY",
    ];
    for _ in 0..vehicle.tail.stickers {
        let side = if rng.odds(0.5) { 1.0 } else { -1.0 };
        let (sw, sh) = (rng.between(0.14, 0.34), rng.between(0.07, 0.1));
        let u = side * rng.between(w * 0.4, w * 0.66);
        let y = if rng.odds(0.6) { rng.between(low + 0.12, bumper - 0.08) } else { bumper + rng.between(0.08, 0.2) };
        let ground = *rng.pick(&[
            Rgb(235, 235, 230),
            Rgb(30, 40, 110),
            Rgb(200, 40, 40),
            Rgb(240, 210, 60),
            Rgb(24, 24, 26),
            Rgb(40, 120, 70),
        ]);
        let ink = if ground.lightness() > 0.5 { Rgb(20, 20, 24) } else { Rgb(240, 240, 236) };
        easel.fill(&slab(u - sw / 2.0, y - sh / 2.0, sw, sh, -0.055), 0.04, ground, 0.95);
        let text = rng.pick(LINES);
        let height = (sw / (text.len() as f32 * 0.95)).min(sh * 0.6);
        lettering(easel, &Typeface::Font(Font::NotoBold), text, [u, y, -0.056], height, 0.0, ink);
    }
}
