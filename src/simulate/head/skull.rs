//! The shape of a head without hair: rings from crown to chin, with a face in relief.
//!
//! Unit: the head's height from crown to chin, which lies between y = 0.5 and y = -0.5.

use std::f32::consts::PI;

use crate::simulate::person::Person;
use crate::simulate::sculpt::{Shell, V3, v3};

/// A level outline: half an ellipse in front, half an ellipse behind.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    /// Height of its foremost point.
    pub y: f32,
    /// Half its width.
    pub w: f32,
    /// How far it reaches forwards and backwards.
    pub front: f32,
    pub back: f32,
    /// How much higher its rearmost point lies than its foremost.
    pub tilt: f32,
}

impl Ring {
    pub const fn new(y: f32, w: f32, front: f32, back: f32, tilt: f32) -> Self {
        Self { y, w, front, back, tilt }
    }

    /// The point `angle` to the picture's right of straight ahead.
    pub fn at(&self, angle: f32) -> V3 {
        let (s, c) = angle.sin_cos();
        // Faces are flatter in front than an ellipse, and flatter above than at the jaw.
        let blunt = if c > 0.0 { self.front * c * (1.22 - 0.22 * c) } else { self.back * c };
        v3(self.w * s, self.y + self.tilt * (1.0 - c) * 0.5, blunt)
    }

    /// The ring grown by `thick` along the surface's normal: sideways below, upwards at the crown.
    pub fn grown(&self, thick: f32) -> Self {
        let rise = smooth((self.y - 0.16) / 0.34);
        let out = thick * (1.0 - rise * rise).max(0.0).sqrt();
        Self {
            y: self.y + thick * rise,
            w: self.w + out,
            front: self.front + out,
            back: self.back + out,
            tilt: self.tilt,
        }
    }

    fn between(a: &Self, b: &Self, share: f32) -> Self {
        let mix = |p: f32, q: f32| p + (q - p) * share;
        Self {
            y: mix(a.y, b.y),
            w: mix(a.w, b.w),
            front: mix(a.front, b.front),
            back: mix(a.back, b.back),
            tilt: mix(a.tilt, b.tilt),
        }
    }
}

/// Width of the texture in arc length on each side of the face's middle, in head heights.
pub(super) const ARC: f32 = 0.66;
/// Radius that turns angles into that arc length.
pub(super) const RADIUS: f32 = 0.31;

const KNOTS: [Ring; 21] = [
    Ring::new(0.500, 0.020, -0.010, 0.050, 0.0),
    Ring::new(0.487, 0.092, 0.085, 0.135, 0.0),
    Ring::new(0.455, 0.168, 0.170, 0.228, 0.0),
    Ring::new(0.400, 0.234, 0.248, 0.317, 0.0),
    Ring::new(0.330, 0.281, 0.308, 0.385, 0.0),
    Ring::new(0.250, 0.307, 0.345, 0.427, 0.0),
    Ring::new(0.170, 0.317, 0.366, 0.445, 0.0),
    Ring::new(0.100, 0.315, 0.373, 0.443, 0.0),
    Ring::new(0.040, 0.308, 0.370, 0.432, 0.0),
    Ring::new(-0.020, 0.303, 0.365, 0.412, 0.0),
    Ring::new(-0.080, 0.299, 0.362, 0.380, 0.0),
    Ring::new(-0.140, 0.292, 0.360, 0.340, 0.01),
    Ring::new(-0.200, 0.282, 0.358, 0.300, 0.03),
    Ring::new(-0.260, 0.270, 0.358, 0.265, 0.06),
    Ring::new(-0.320, 0.256, 0.357, 0.235, 0.09),
    Ring::new(-0.380, 0.238, 0.352, 0.210, 0.12),
    Ring::new(-0.430, 0.220, 0.344, 0.190, 0.15),
    Ring::new(-0.470, 0.200, 0.330, 0.170, 0.17),
    Ring::new(-0.495, 0.175, 0.302, 0.150, 0.18),
    Ring::new(-0.500, 0.135, 0.250, 0.130, 0.17),
    Ring::new(-0.470, 0.010, 0.060, 0.060, 0.1),
];

/// Heights of a face's parts.
#[derive(Clone, Copy)]
pub(super) struct Levels {
    pub brow: f32,
    pub eye: f32,
    pub nose: f32,
    pub mouth: f32,
    /// Where hair begins above the forehead's middle.
    pub hairline: f32,
    /// Half the distance between the pupils.
    pub gap: f32,
}

/// One person's skull.
pub(super) struct Skull<'a> {
    person: &'a Person,
    knots: [Ring; 21],
    pub levels: Levels,
}

/// A smooth hill: 1 at the middle, 0 from one radius on.
fn hill(dx: f32, dy: f32, rx: f32, ry: f32) -> f32 {
    let d = (dx / rx) * (dx / rx) + (dy / ry) * (dy / ry);
    if d < 1.0 { (1.0 - d) * (1.0 - d) } else { 0.0 }
}

fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

impl<'a> Skull<'a> {
    pub fn new(person: &'a Person) -> Self {
        let f = &person.features;
        let child = person.childlike();
        let lower = 0.055 * child;
        let levels = Levels {
            brow: 0.085 - 0.95 * lower - 0.008 * f.brow,
            eye: -0.005 - lower,
            nose: -0.205 - 0.3 * lower - 0.014 * f.nose_length * (1.0 - child),
            mouth: -0.305 - 0.15 * lower - 0.008 * f.nose_length * (1.0 - child),
            hairline: 0.315 + 0.015 * f.chin - 0.02 * child,
            gap: 0.134 + 0.009 * f.eye_gap,
        };
        let mut knots = KNOTS;
        for ring in &mut knots {
            // 0 at the eyes, 1 at the chin.
            let low = ((-ring.y - 0.02) / 0.48).clamp(0.0, 1.0);
            let jaw = smooth(low) * (0.085 * f.jaw - 0.10 * child) - 0.05 * (1.0 - f.jaw) * smooth((low - 0.6) * 2.5);
            let cheek = hill(0.0, ring.y + 0.16, 1.0, 0.22) * (0.05 * f.cheeks + 0.09 * child + 0.08 * f.weight);
            ring.w *= f.width * (1.0 + jaw + cheek + 0.10 * f.weight * low);
            if ring.y > 0.0 {
                ring.w *= 1.0 + 0.03 * child;
                ring.front *= 1.0 + 0.03 * child;
            }
            ring.front += low * low * (0.018 * f.chin - 0.025 * child);
        }
        Self { person, knots, levels }
    }

    /// The outline at `v`: 0 the crown, 1 beneath the chin.
    pub fn ring(&self, v: f32) -> Ring {
        let x = v.clamp(0.0, 1.0) * 20.0;
        let i = (x as usize).min(19);
        Ring::between(&self.knots[i], &self.knots[i + 1], x - i as f32)
    }

    /// The outline whose front lies at height `y`.
    pub fn ring_at(&self, y: f32) -> Ring {
        let i = (1..19).find(|&i| self.knots[i].y <= y).unwrap_or(19);
        let (a, b) = (&self.knots[i - 1], &self.knots[i]);
        Ring::between(a, b, ((a.y - y) / (a.y - b.y).max(1e-3)).clamp(0.0, 1.0))
    }

    /// Where on the texture (arc length from the face's middle) a feature lies that is `x` from the middle.
    pub fn arc(&self, x: f32, y: f32) -> f32 {
        (x / self.ring_at(y).w).clamp(-1.0, 1.0).asin() * RADIUS
    }

    /// How far the face stands out from its ring, at `x` from the middle and height `y`.
    fn relief(&self, x: f32, y: f32) -> f32 {
        let f = &self.person.features;
        let child = self.person.childlike();
        let l = &self.levels;
        let side = x.abs();
        let small = 1.0 - 0.45 * child;
        let mut z = 0.0;
        // The nose: a ridge from between the eyes that widens and rises to its tip, and falls steeply beneath it.
        let root = l.eye + 0.045;
        let down = ((root - y) / (root - l.nose)).clamp(0.0, 1.4);
        if down > 0.0 && down < 1.4 && side < 0.16 {
            let height =
                (0.022 + 0.016 * f.bridge.max(-1.0) + (0.112 + 0.018 * f.nose_height) * down.powf(1.25)) * small;
            let end = 1.0 - smooth((down - 0.93) / 0.2);
            let width = (0.034 + 0.024 * down) * (1.0 + 0.18 * f.nose_width);
            let start = smooth(down * 5.0);
            z += height * end * start * hill(side, 0.0, width * 1.75, 1.0);
            let wing = 0.052 * (1.0 + 0.22 * f.nose_width);
            z += 0.062 * small * hill(side - wing, y - l.nose - 0.012, 0.045, 0.042);
        }
        // Eye sockets, and the ball within.
        z -= 0.052 * hill(side - l.gap, y - l.eye - 0.012, 0.115, 0.075);
        z += 0.03 * hill(side - l.gap, y - l.eye, 0.066, 0.05);
        // The brow's edge, the cheek bones, the hollows of temple and cheek.
        z += (0.016 + 0.012 * f.brow).max(0.0) * hill(side - 0.10, y - l.brow, 0.17, 0.055);
        z += 0.022 * hill(side - 0.20, y + 0.10, 0.11, 0.10);
        z -= 0.018 * (1.0 - f.weight) * hill(side - 0.2, y + 0.26, 0.09, 0.12) * (1.0 - child);
        // Muzzle, lips, the fold above the chin, the chin.
        z += 0.016 * hill(side, y - l.mouth, 0.17, 0.12);
        let full = (1.0 + 0.4 * f.lips) * (1.0 - 0.35 * self.person.worn());
        z += 0.017 * full * hill(side, y - l.mouth - 0.018, 0.10, 0.026);
        z += 0.019 * full * hill(side, y - l.mouth + 0.022, 0.09, 0.03);
        z -= 0.02 * hill(side, y - l.mouth + 0.066, 0.11, 0.035);
        z += 0.024 * hill(side, y + 0.44, 0.12, 0.07);
        z
    }

    /// The point on the skin in direction `angle` at `v`.
    pub fn skin(&self, angle: f32, v: f32) -> V3 {
        let ring = self.ring(v);
        let mut p = ring.at(angle);
        let ahead = angle.cos();
        if ahead > 0.0 {
            p.z += self.relief(p.x, ring.y) * smooth(ahead * 2.5);
        }
        p
    }

    /// Directions of the columns: dense ahead, sparse behind; from behind over the left to behind.
    pub fn angles(cols: usize) -> Vec<f32> {
        (0..cols)
            .map(|i| {
                let k = i as f32 / (cols - 1) as f32 * 2.0 - 1.0;
                k * (0.42 + 0.58 * k * k) * PI
            })
            .collect()
    }

    /// The whole head; u and v in head heights on the texture (arc length from the middle, height).
    pub fn shell(&self, detail: f32) -> Shell {
        let cols = ((18.0 + detail * 0.22) as usize).min(60) | 1;
        let rows = ((16.0 + detail * 0.18) as usize).min(52);
        let angles = Self::angles(cols);
        let mut shell = Shell::new(cols, rows, true);
        for r in 0..rows {
            // Denser from brow to mouth.
            let k = r as f32 / (rows - 1) as f32;
            let v = k + 0.045 * (2.0 * PI * k).sin();
            let ring = self.ring(v);
            for &angle in &angles {
                let p = self.skin(angle, v);
                let under = if ring.y < -0.44 { 1.0 - 0.5 * smooth((v - 0.86) * 8.0) } else { 1.0 };
                shell.push(p, [angle * RADIUS, ring.y], 1.0, under);
            }
        }
        shell
    }

    /// An ear: `side` is -1 at the picture's left of a face that looks at the viewer, 1 at its right.
    pub fn ear(&self, side: f32) -> Shell {
        let size = 1.0 + 0.12 * self.person.features.ears + 0.1 * self.person.worn();
        let (cols, rows) = (9, 11);
        let mut shell = Shell::new(cols, rows, false);
        let ring = self.ring_at(-0.04);
        let root = v3(ring.w * 0.95, -0.06 - 0.03 * self.person.childlike(), -0.05);
        for r in 0..rows {
            // From the top of the ear (1) to the lobe (-1).
            let t = 1.0 - 2.0 * r as f32 / (rows - 1) as f32;
            let outline = (1.0 - t * t).max(0.0).sqrt();
            let half = 0.060 * size * outline * (1.0 + 0.28 * t) + 0.002;
            for c in 0..cols {
                // From its rear edge (-1) to where it meets the cheek (1).
                let k = 2.0 * c as f32 / (cols - 1) as f32 - 1.0;
                let reach = (k * k + t * t).sqrt().min(1.0);
                // Stands off behind, is rolled at the rim and hollow within.
                let stand = 0.052 * (0.5 - 0.5 * k) * (0.35 + 0.65 * outline);
                let rim = 0.012 * hill(reach - 0.85, 0.0, 0.35, 1.0) - 0.014 * hill(k - 0.15, t + 0.15, 0.6, 0.7);
                let p = root.plus(v3(stand + rim + 0.008, t * 0.112 * size, half * k + 0.012 * t));
                let hollow = 1.0 - 0.5 * hill(k - 0.2, t + 0.1, 0.75, 0.8) - 0.15 * (0.5 + 0.5 * k);
                shell.push(v3(p.x * side, p.y, p.z), [0.0, 0.0], 1.0, 0.9 * hollow);
            }
        }
        if side > 0.0 {
            mirror_columns(&mut shell);
        }
        shell
    }
}

/// Reverses each row, so that a mirrored sheet still faces outwards.
fn mirror_columns(shell: &mut Shell) {
    let cols = shell.cols;
    for row in shell.points.chunks_mut(cols) {
        row.reverse();
    }
    for row in shell.open.chunks_mut(cols) {
        row.reverse();
    }
}
