//! Bodies below the head.
//!
//! Owns necks, clothes, limbs and how they stand. Knows nothing of faces or scenes.

mod cloth;

use std::f32::consts::{FRAC_PI_2, PI};

use rand::RngExt;

use crate::simulate::head::gear::cloth as woven;
use crate::simulate::head::{HeadView, noise};
use crate::simulate::person::{Garment, Person, Rgb, scale};
use crate::simulate::scene::Rng;
use crate::simulate::sculpt::{Figure, Light, Pose, Shell, Surface, V3, v3};

/// The neck's lower end in the body's measure: head heights from the head's middle.
const COLLAR: V3 = v3(0.0, -0.95, -0.19);

/// How somebody stands or walks.
#[derive(Clone, Copy)]
pub(super) struct Stance {
    /// Where the body faces: to the picture's right, in radians.
    pub yaw: f32,
    /// Length of the step, 0 standing to 1 striding, and where in the step the legs are, in radians.
    pub stride: f32,
    pub phase: f32,
    /// How far each forearm is raised, 0 hanging to 1 in front of the chest: the picture's left, its right.
    pub arms: [f32; 2],
    /// A telephone in the hand at the picture's right, and where.
    pub telephone: Option<Telephone>,
}

/// Where somebody holds a telephone, in the body's measure: head heights from the head's middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Telephone {
    hand: V3,
}

impl Telephone {
    /// At the ear, before the mouth, or before the face to take a picture, by chance.
    pub fn random(rng: &mut Rng) -> Self {
        const PLACES: [V3; 3] = [v3(0.36, -0.12, 0.12), v3(0.12, -0.3, 0.62), v3(0.22, -0.05, 0.85)];
        Self { hand: PLACES[rng.random_range(0..PLACES.len())] }
    }

    /// Where the hand is on the picture.
    pub fn seen(&self, view: &HeadView, stance: &Stance) -> (f32, f32) {
        let [x, y, _] = Pose::new(view.center, view.height, stance.yaw, 0.0, view.roll * 0.15).project(self.hand);
        (x, y)
    }
}

/// Widths and heights that clothes and limbs share.
struct Build {
    /// Half the shoulders' width.
    shoulders: f32,
    /// Everything below the shoulders is stretched by this.
    long: f32,
    heavy: f32,
    /// Height of the soles.
    soles: f32,
}

impl Build {
    fn of(person: &Person) -> Self {
        let child = person.childlike();
        let stature = person.stature();
        Self {
            shoulders: (0.76 + 0.2 * person.build) * (1.0 - 0.24 * child) + 0.08 * person.features.weight,
            long: (stature - 1.6) / 5.8,
            heavy: person.features.weight,
            soles: 0.5 - stature,
        }
    }

    /// A height below the shoulders, given for somebody of 7.4 heads.
    fn down(&self, y: f32) -> f32 {
        -1.1 + (y + 1.1) * self.long
    }
}

/// Adds neck, shoulders, chest and upper arms beneath a head.
pub(super) fn add_bust(figure: &mut Figure, person: &Person, view: &HeadView, light: &Light) {
    let head = Pose::new(view.center, view.height, view.yaw, view.pitch, view.roll);
    // Shoulders follow a head only so far; of who looks away they are seen from behind.
    let behind = if view.yaw.abs() > FRAC_PI_2 { PI.copysign(view.yaw) } else { 0.0 };
    let body = Pose::new(view.center, view.height, behind + (view.yaw - behind) * 0.4, 0.0, view.roll * 0.15);
    let build = Build::of(person);
    add_neck(figure, person, &head, &body, light);
    let fit = Fit { person, build: &build, body: &body, light };
    fit.torso(figure, -1.9);
    for side in [-1.0, 1.0] {
        let s = build.shoulders;
        let arm = [
            (v3(0.56 * s, -0.84, -0.15), 0.05),
            (v3(0.72 * s, -0.93, -0.15), 0.13),
            (v3(0.84 * s, -1.06, -0.15), 0.18),
            (v3(0.97 * s, -1.5, -0.15), 0.19),
            (v3(1.03 * s, -2.0, -0.08), 0.17),
        ];
        fit.limb(figure, &arm, side, sleeve(person));
    }
}

/// Adds the whole body beneath a head.
pub(super) fn add_whole(figure: &mut Figure, person: &Person, view: &HeadView, stance: &Stance, light: &Light) {
    let head = Pose::new(view.center, view.height, view.yaw, view.pitch, view.roll);
    let body = Pose::new(view.center, view.height, stance.yaw, 0.0, view.roll * 0.15);
    let build = Build::of(person);
    add_neck(figure, person, &head, &body, light);
    let fit = Fit { person, build: &build, body: &body, light };
    let robe = person.outfit.garment == Garment::Robe;
    let coat = person.outfit.garment == Garment::Coat;
    fit.torso(figure, -3.1);
    for (side, raised, swing) in [(-1.0, stance.arms[0], 0.0), (1.0, stance.arms[1], PI)] {
        let swing = 0.45 * stance.stride * (stance.phase + swing).sin();
        let hand = stance.telephone.filter(|_| side > 0.0).map(|telephone| telephone.hand);
        fit.arm(figure, (side, raised, swing), hand);
    }
    if robe || coat || person.outfit.skirt {
        let end = if robe { build.soles + 0.25 } else { build.down(-5.0) };
        let color = if robe || coat { person.outfit.main } else { person.outfit.legs };
        fit.hips(figure, (-2.7, end), color);
    }
    if !robe {
        fit.hips(figure, (-2.85, build.down(-3.62)), person.outfit.legs);
        for (side, turn) in [(-1.0, PI), (1.0, 0.0)] {
            fit.leg(figure, side, stance.stride * (stance.phase + turn).sin());
        }
    }
}

fn add_neck(figure: &mut Figure, person: &Person, head: &Pose, body: &Pose, light: &Light) {
    let (cols, rows) = (21, 7);
    let mut shell = Shell::new(cols, rows, true);
    let girth = 0.158 + 0.035 * person.build - 0.03 * person.childlike() + 0.03 * person.features.weight;
    for r in 0..rows {
        let t = r as f32 / (rows - 1) as f32;
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
            let (s, k) = angle.sin_cos();
            let upper = head.turn(v3(s * girth, -0.14, -0.10 + k * girth * 1.02));
            let flare = 1.0 + 0.75 * (t - 0.55).max(0.0);
            let lower = body.turn(COLLAR.plus(v3(s * girth * 1.12 * flare, 0.0, k * girth * 1.12 * flare)));
            let p = upper.towards(lower, t);
            // The chin's shadow.
            let open = 0.40 + 0.48 * ((t - 0.42) / 0.45).clamp(0.0, 1.0);
            shell.push(p, [0.0, 0.0], 1.0, open);
        }
    }
    let flat = Pose::new(body.center, body.scale, 0.0, 0.0, 0.0);
    figure.add(shell.mesh(&flat, light, 0.03), Surface::Plain(scale(person.skin, 0.96)));
}

/// What covers the upper arms.
fn sleeve(person: &Person) -> Rgb {
    match person.outfit.garment {
        Garment::Vest => person.outfit.second,
        _ => person.outfit.main,
    }
}

/// What everything below the neck shares.
struct Fit<'a> {
    person: &'a Person,
    build: &'a Build,
    body: &'a Pose,
    light: &'a Light,
}

impl Fit<'_> {
    /// Chest and belly from the collar down to `hem`.
    fn torso(&self, figure: &mut Figure, hem: f32) {
        let Self { person, build, body, light } = *self;
        let (s, h) = (build.shoulders, build.heavy);
        let woman = 1.0 - person.build;
        // Height, half width, front and back, beneath the head's middle.
        let rings = [
            (-0.51, 0.19, 0.20, 0.20),
            (-0.57, 0.235, 0.23, 0.24),
            (-0.63, 0.36 * s, 0.26, 0.27),
            (-0.70, 0.53 * s, 0.28, 0.30),
            (-0.78, 0.72 * s, 0.30, 0.32),
            (-0.88, 0.86 * s, 0.31, 0.34),
            (-1.02, 0.92 * s, 0.32, 0.36),
            (-1.20, 0.86 * s, 0.36 + 0.02 * woman, 0.37),
            (-1.50, 0.80 * s, 0.39 + 0.06 * woman + 0.05 * h, 0.36),
            (-1.80, 0.74 * s, 0.36 + 0.10 * h, 0.34),
            (-2.20, (0.70 - 0.05 * woman) * s, 0.34 + 0.18 * h, 0.31),
            (-2.60, 0.73 * s, 0.35 + 0.18 * h, 0.33),
            (-3.00, 0.80 * s, 0.38 + 0.1 * h, 0.40),
        ];
        let cols = 33;
        let seed = person.seed as u32 ^ 5;
        let kept: Vec<_> = rings.iter().filter(|r| r.0 >= hem).collect();
        let mut shell = Shell::new(cols, kept.len(), true);
        let fine = (body.scale * 0.7).clamp(10.0, 110.0);
        for &&(level, w, front, back) in &kept {
            let y = if level < -1.1 { build.down(level) } else { level };
            for c in 0..cols {
                let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
                let (sin, cos) = angle.sin_cos();
                let z = if cos > 0.0 { front } else { back } * cos.abs().powf(0.8) * cos.signum();
                let n = noise(angle * 2.5 + 10.0, level * 3.0 + 10.0, seed) - 0.5;
                // The neck hole lies lower in front.
                let dip = 0.19 * cos.max(0.0) * ((level + 0.85) / 0.25).clamp(0.0, 1.0);
                let p = v3(w * sin, y - dip, z - 0.15 + 0.03 * n);
                let uv = [(angle / (2.0 * PI) + 0.5) * cloth::WIDE * fine, (-0.51 - level) * fine];
                shell.push(p, uv, 1.0, 0.92 + 0.3 * n);
            }
        }
        let mesh = shell.mesh(body, light, 0.0);
        match cloth::paint(person, fine) {
            Some(texture) => figure.add(mesh, Surface::Painted(texture)),
            None => figure.add(mesh, Surface::Plain(person.outfit.main)),
        }
    }

    /// An arm: `raised` as in [`Stance`], `swing` forwards.
    fn arm(&self, figure: &mut Figure, (side, raised, swing): (f32, f32, f32), hand: Option<V3>) {
        let Self { person, build, .. } = *self;
        let s = build.shoulders;
        let k = build.long;
        let shoulder = v3(0.83 * s, -0.98, -0.15);
        let elbow =
            shoulder.plus(v3(0.20 * s, -1.18 * k * (1.0 - 0.15 * raised), (swing * 0.9 - 0.12 + 0.2 * raised) * k));
        let hanging = v3(0.02, -k, (swing + 0.2).max(0.0) * 0.9 * k);
        let bent = v3(-0.55 * s, 0.32 * k, 0.75 * k);
        let wrist = elbow.plus(hanging.towards(bent, raised));
        let (elbow, wrist) = match hand {
            // The limb's other side is mirrored; a hand that holds something is on this one.
            Some(hand) => (v3(0.95 * s, -1.55, 0.35), hand.plus(v3(0.06, -0.28, 0.0))),
            None => (elbow, wrist),
        };
        let thin = 1.0 - 0.3 * person.childlike();
        let upper = [
            (v3(0.56 * s, -0.84, -0.15), 0.05),
            (v3(0.72 * s, -0.93, -0.15), 0.13 * thin),
            (shoulder.towards(elbow, 0.12), 0.2 * thin),
            (shoulder.towards(elbow, 0.5), 0.185 * thin),
            (elbow, 0.155 * thin),
        ];
        let lower = [(elbow, 0.152 * thin), (elbow.towards(wrist, 0.5), 0.135 * thin), (wrist, 0.09 * thin)];
        self.limb(figure, &upper, side, sleeve(person));
        let bare = matches!(person.outfit.garment, Garment::Tee | Garment::Stripes);
        self.limb(figure, &lower, side, if bare { person.skin } else { sleeve(person) });
        let reach = wrist.minus(elbow).unit();
        let hand = [
            (wrist.plus(reach.times(-0.03)), 0.075 * thin),
            (wrist.plus(reach.times(0.12)), 0.105 * thin),
            (wrist.plus(reach.times(0.26)), 0.085 * thin),
            (wrist.plus(reach.times(0.36)), 0.02),
        ];
        self.limb(figure, &hand, side, person.skin);
    }

    /// A leg, `step` forwards.
    fn leg(&self, figure: &mut Figure, side: f32, step: f32) {
        let Self { person, build, .. } = *self;
        let s = build.shoulders;
        let hip = v3(0.36 * s, build.down(-3.15), -0.15);
        let length = hip.y - build.soles - 0.12;
        let knee = hip.plus(v3(0.0, -0.5 * length, 0.22 * length * step + 0.05));
        let back = if step < 0.0 { 0.30 } else { 0.12 };
        let ankle = knee.plus(v3(0.0, -0.5 * length * (1.0 - 0.12 * step.abs()), back * length * step - 0.02));
        let wide = 1.0 + 0.2 * build.heavy - 0.25 * person.childlike();
        let leg = [
            (hip.plus(v3(0.0, 0.15, 0.0)), 0.36 * wide),
            (hip.towards(knee, 0.4), 0.33 * wide),
            (knee, 0.24 * wide),
            (knee.towards(ankle, 0.4), 0.23 * wide),
            (ankle, 0.17 * wide),
        ];
        let bare = person.outfit.skirt;
        self.limb(figure, &leg, side, if bare { person.skin } else { person.outfit.legs });
        let shoe = [
            (ankle.plus(v3(0.0, 0.05, -0.12)), 0.06),
            (ankle.plus(v3(0.0, -0.02, -0.06)), 0.15 * wide),
            (ankle.plus(v3(0.02, -0.07, 0.2)), 0.13 * wide),
            (ankle.plus(v3(0.03, -0.09, 0.46)), 0.10 * wide),
            (ankle.plus(v3(0.03, -0.10, 0.54)), 0.02),
        ];
        self.limb(figure, &shoe, side, person.outfit.shoes);
    }

    /// Cloth around the hips: trousers' upper part, a skirt, or a robe's or a coat's lower part.
    fn hips(&self, figure: &mut Figure, (start, end): (f32, f32), color: Rgb) {
        let Self { person, build, body, light } = *self;
        let (cols, rows) = (27, 7);
        let mut shell = Shell::new(cols, rows, true);
        let top = build.down(start);
        let short = end > build.down(-4.0);
        for r in 0..rows {
            let t = r as f32 / (rows - 1) as f32;
            for c in 0..cols {
                let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
                let (sin, cos) = angle.sin_cos();
                let fold = if short { 0.0 } else { (angle * 7.0 + (person.seed % 7) as f32).sin() * 0.04 * t };
                let w = build.shoulders * if short { 0.77 } else { 0.80 + 0.12 * t } + fold;
                let p = v3(
                    w * sin,
                    top + (end - top) * t,
                    (if short { 0.36 } else { 0.42 + 0.14 * t } + fold) * cos - 0.15,
                );
                shell.push(p, [angle * 12.0, t * 40.0], 1.0, 0.9 + fold * 3.0);
            }
        }
        figure.add(shell.mesh(body, light, 0.0), woven(color, 0.1, person.seed as u32));
    }

    /// A round limb along `path` (points at the picture's right side of the body, radii); `side` -1 mirrors it.
    fn limb(&self, figure: &mut Figure, path: &[(V3, f32)], side: f32, color: Rgb) {
        let Self { person, body, light, .. } = *self;
        let cols = if body.scale > 50.0 { 15 } else { 9 };
        let mut shell = Shell::new(cols, path.len(), true);
        let seed = person.seed as u32 ^ 31;
        for (i, &(p, radius)) in path.iter().enumerate() {
            let (from, to) = (path[i.saturating_sub(1)].0, path[(i + 1).min(path.len() - 1)].0);
            let flip = |p: V3| v3(p.x * side, p.y, p.z);
            let along = flip(to).minus(flip(from)).unit();
            let right = v3(0.0, 0.0, 1.0).cross(along);
            let right = if right.dot(right) < 0.02 { v3(1.0, 0.0, 0.0) } else { right.unit() };
            let ahead = along.cross(right);
            for c in 0..cols {
                let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * PI;
                let (s, k) = angle.sin_cos();
                let n = noise(angle * 1.5 + 8.0, p.y * 5.0 + 30.0, seed) - 0.5;
                let r = radius * (1.0 + 0.12 * n);
                shell.push(
                    flip(p).plus(right.times(s * r)).plus(ahead.times(k * r)),
                    [angle * 10.0, p.y * 30.0],
                    1.0,
                    0.92 + 0.35 * n,
                );
            }
        }
        figure.add(shell.mesh(body, light, 0.0), woven(color, 0.08, seed));
    }
}
