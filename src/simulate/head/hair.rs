//! Hair and beards: shells around the skull whose edges dissolve into strands.

use super::noise;
use super::skull::{RADIUS, Ring, Skull};
use crate::simulate::person::{BeardStyle, HairStyle, Headgear, Person, Rgb};
use crate::simulate::sculpt::{Figure, Light, Pose, Shell, Surface, Texture, v3};

/// What hair looks like from near.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Lay {
    /// Strands that run downwards.
    Straight,
    /// Tufts.
    Curled,
    /// Cords with gaps between them.
    Corded,
}

const TILE: usize = 64;

/// A tile of hair; its alpha is the order in which strands vanish towards an edge.
pub(super) fn strands(color: Rgb, lay: Lay, seed: u32) -> Texture {
    let mut texels = Vec::with_capacity(TILE * TILE);
    for y in 0..TILE {
        for x in 0..TILE {
            let (u, v) = (x as f32, y as f32);
            // Periods divide the tile's side, so that it repeats without a seam.
            let value = match lay {
                Lay::Straight => {
                    0.65 * wrapped(u, v / 16.0, 64, 4, seed) + 0.35 * wrapped(u / 4.0, v / 32.0, 16, 2, seed ^ 3)
                }
                Lay::Curled => {
                    0.6 * wrapped(u / 4.0, v / 4.0, 16, 16, seed) + 0.4 * wrapped(u / 2.0, v / 2.0, 32, 32, seed ^ 5)
                }
                Lay::Corded => {
                    let across = ((u / 8.0 + 0.12 * wrapped(u / 8.0, v / 8.0, 8, 8, seed)).fract() * 2.0 - 1.0).abs();
                    (1.0 - across * across) * (0.8 + 0.2 * wrapped(u / 2.0, v / 4.0, 32, 16, seed))
                }
            };
            let light = 0.52 + 0.72 * value;
            let [r, g, b] = color.map(|c| (f32::from(c) * light + 10.0 * value).clamp(0.0, 255.0) as u8);
            let order = 0.65 * noise(u * 0.49, 0.5, seed ^ 9) + 0.35 * noise(u * 0.9, v * 0.2, seed ^ 8);
            texels.push([r, g, b, (order * 254.0) as u8]);
        }
    }
    Texture { width: TILE, height: TILE, texels }
}

/// Noise that repeats after `px` and `py` cells.
fn wrapped(x: f32, y: f32, px: u32, py: u32, seed: u32) -> f32 {
    let (xi, yi) = (x.floor(), y.floor());
    let (fx, fy) = (x - xi, y - yi);
    let at = |dx: u32, dy: u32| super::hash((xi as u32 + dx) % px, (yi as u32 + dy) % py, seed);
    let (s, t) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let top = at(0, 0) * (1.0 - s) + at(1, 0) * s;
    let low = at(0, 1) * (1.0 - s) + at(1, 1) * s;
    top * (1.0 - t) + low * t
}

/// Height on a line of (angle, height) pairs.
pub(super) fn along(line: &[(f32, f32)], angle: f32) -> f32 {
    let after = line.iter().position(|p| p.0 >= angle);
    match after {
        None => line.last().map_or(0.0, |p| p.1),
        Some(0) => line[0].1,
        Some(i) => {
            let (a, b) = (line[i - 1], line[i]);
            a.1 + (b.1 - a.1) * (angle - a.0) / (b.0 - a.0).max(1e-4)
        }
    }
}

/// How one style grows.
struct Cut {
    lay: Lay,
    /// Thickness at the crown and at the sides.
    top: f32,
    sides: f32,
    /// How uneven its surface is.
    lumps: f32,
    /// Where it ends below; skull hair ends at the nape.
    fall: Option<f32>,
    /// How much higher the line over the temples is.
    recede: f32,
    /// Height to which a fringe hangs, above the brows.
    fringe: Option<f32>,
}

fn cut(person: &Person) -> Option<Cut> {
    let v = person.hair.volume;
    let plain = Cut { lay: Lay::Straight, top: 0.05, sides: 0.03, lumps: 0.25, fall: None, recede: 0.0, fringe: None };
    Some(match person.hair.style {
        HairStyle::Bald | HairStyle::Shaved => return None,
        HairStyle::Horseshoe => Cut { top: 0.0, sides: 0.03 * v, ..plain },
        HairStyle::Receding => Cut { top: 0.028, sides: 0.024, recede: 0.085, ..plain },
        HairStyle::Crop => Cut { lay: Lay::Curled, top: 0.022, sides: 0.012, lumps: 0.1, ..plain },
        HairStyle::Short => Cut { top: 0.055 * v, sides: 0.026, ..plain },
        HairStyle::SidePart => Cut { top: 0.075 * v, sides: 0.032, ..plain },
        HairStyle::Quiff => Cut { top: 0.10 * v, sides: 0.022, ..plain },
        HairStyle::Curly => Cut { lay: Lay::Curled, top: 0.11 * v, sides: 0.085 * v, lumps: 0.7, ..plain },
        HairStyle::Afro => Cut { lay: Lay::Curled, top: 0.21 * v, sides: 0.2 * v, lumps: 0.3, ..plain },
        HairStyle::Bob => Cut { top: 0.055, sides: 0.06 * v, fall: Some(-0.42), ..plain },
        HairStyle::Fringe if person.build > 0.5 => Cut { top: 0.06, sides: 0.045, fringe: Some(0.035), ..plain },
        HairStyle::Fringe => {
            Cut { top: 0.055, sides: 0.05 * v, fall: Some(-0.5 - 0.5 * (v - 0.6)), fringe: Some(0.03), ..plain }
        }
        HairStyle::Long => Cut { top: 0.045, sides: 0.045 * v, fall: Some(-0.75 - 0.3 * v), ..plain },
        HairStyle::Waves => {
            Cut { lay: Lay::Straight, top: 0.07, sides: 0.085 * v, lumps: 0.8, fall: Some(-0.55 - 0.3 * v), ..plain }
        }
        HairStyle::Tail | HairStyle::Bun => Cut { top: 0.026, sides: 0.02, lumps: 0.1, ..plain },
        HairStyle::Locs => {
            Cut { lay: Lay::Corded, top: 0.06, sides: 0.06 * v, lumps: 0.3, fall: Some(-0.35 - 0.4 * v), ..plain }
        }
    })
}

/// Adds the hair that `person`'s headgear leaves to be seen.
pub(super) fn add(figure: &mut Figure, person: &Person, skull: &Skull, pose: &Pose, light: &Light) {
    let covered = match person.headgear {
        Headgear::Hijab { .. } | Headgear::Hood { .. } | Headgear::Turban { .. } => return,
        Headgear::Helmet { closed: true, .. } => return,
        Headgear::None | Headgear::Band { .. } => false,
        _ => true,
    };
    let Some(cut) = cut(person) else { return };
    let fine = (pose.scale * 0.7).clamp(48.0, 200.0);
    let seed = person.seed as u32;
    let tile = || Surface::Strands(strands(person.hair.color, cut.lay, seed));
    let line = hairline(person, skull, &cut);
    let cols = ((22.0 + pose.scale * 0.12) as usize).min(52) | 1;
    let angles: Vec<f32> =
        (0..cols).map(|i| (i as f32 / (cols - 1) as f32 * 2.0 - 1.0) * std::f32::consts::PI).collect();
    let rows = rings(person, skull, &cut, covered, if pose.scale > 60.0 { 30 } else { 18 });
    let mut shell = Shell::new(cols, rows.len(), true);
    let bottom = cut.fall.unwrap_or(-1.0);
    for (ring, rise) in &rows {
        for &angle in &angles {
            let a = angle.abs();
            let h = along(&line, a);
            let deep = ring.y - h;
            let grown = ((deep + 0.01) / 0.10).clamp(0.0, 1.0);
            let part = parting(person, &cut, angle, ring.y);
            let n = noise(angle * 4.0 + 20.0, ring.y * 5.0 + 20.0, seed) - 0.5;
            let fine_n = noise(angle * 11.0 + 50.0, ring.y * 12.0 + 50.0, seed ^ 1) - 0.5;
            // At the pole all directions meet, and must agree.
            let calm = ((0.5 - ring.y) / 0.12).clamp(0.0, 1.0);
            let part = 1.0 + (part - 1.0) * calm;
            let lumps = 1.0 + cut.lumps * calm * (1.3 * n + 0.9 * fine_n);
            let thick = (rise * grown.sqrt() * lumps * part).max(if deep > -0.02 { 0.004 } else { -0.01 });
            let grown_ring = Ring { w: ring.w + thick, front: ring.front + thick, back: ring.back + thick, ..*ring };
            let mut p = grown_ring.at(angle);
            p.y += thick * (ring.y * 2.2).clamp(0.0, 1.0);
            let below = ((bottom + 0.08 - ring.y) / 0.16).clamp(0.0, 0.75);
            let cover = (0.5 + deep / 0.045).clamp(0.0, 1.0) - below;
            let under = if ring.y < -0.1 { 0.75 } else { 1.0 };
            let open = (0.80 + 0.45 * n + 0.25 * fine_n) * under * (0.72 + 0.28 * grown);
            shell.push(p, [angle * RADIUS * fine, -ring.y * fine], cover, open.clamp(0.3, 1.15));
        }
    }
    let gloss = if cut.lay == Lay::Straight { 0.16 } else { 0.05 };
    figure.add_sheet(shell.mesh(pose, light, gloss), tile());
    if !covered || person.hair.style == HairStyle::Tail {
        knot(figure, person, pose, light, fine, tile);
    }
}

fn hairline(person: &Person, skull: &Skull, cut: &Cut) -> Vec<(f32, f32)> {
    let top = cut.fringe.map_or(skull.levels.hairline, |lift| skull.levels.brow + lift);
    let r = cut.recede;
    let mut line = match cut.fringe {
        Some(_) => vec![(0.0, top), (0.5, top - 0.005), (0.85, top - 0.03), (1.02, top - 0.08)],
        None => vec![(0.0, top + r * 0.3), (0.35, top + 0.004 + r), (0.72, top - 0.05 + r), (0.98, 0.12 + r)],
    };
    if cut.top == 0.0 {
        // A bald crown over a wreath.
        line = vec![(0.0, 0.6), (0.9, 0.6), (1.05, 0.2)];
    }
    match cut.fall {
        Some(_) => line.extend([(1.08, 0.0), (1.14, -0.2), (1.22, -3.0), (3.2, -3.0)]),
        None if person.hair.style == HairStyle::Afro || person.hair.style == HairStyle::Curly => {
            line.extend([(1.06, 0.05), (1.14, -0.06), (1.35, -0.08), (1.9, -0.16), (2.2, -0.28), (3.2, -0.3)]);
        }
        None => line.extend([
            (1.10, -0.03),
            (1.28, -0.06),
            (1.38, 0.05),
            (1.80, 0.045),
            (1.95, -0.12),
            (2.2, -0.25),
            (3.2, -0.28),
        ]),
    }
    line
}

/// The rings that hair grows on, with its thickness there.
fn rings(person: &Person, skull: &Skull, cut: &Cut, covered: bool, count: usize) -> Vec<(Ring, f32)> {
    let end = if cut.fall.is_some() { -0.14 } else { -0.30 };
    let mut rows = Vec::with_capacity(count + 12);
    for i in 0..count {
        let y = 0.4995 + (end - 0.4995) * (i as f32 / (count - 1) as f32).powf(1.25);
        let mut ring = skull.ring_at(y);
        ring.tilt = 0.0;
        let crown = ((y - 0.1) / 0.3).clamp(0.0, 1.0);
        let mut rise = cut.sides + (cut.top - cut.sides) * crown;
        if covered {
            // Pressed flat by what is worn over it, and swelling only below it.
            rise = rise.min(0.02 + 0.12 * (0.02 - y).max(0.0));
        }
        if cut.top == 0.0 {
            rise = cut.sides;
        }
        if person.hair.style == HairStyle::Quiff {
            ring.front += 0.04 * crown;
        }
        rows.push((ring, rise));
    }
    if let (Some(fall), Some(&(last, rise))) = (cut.fall, rows.last()) {
        let steps = 10;
        let spread = if cut.lay == Lay::Corded { 0.05 } else { 0.03 } * person.hair.volume;
        for i in 1..=steps {
            let t = i as f32 / steps as f32;
            let y = last.y + (fall - last.y) * t;
            let wide = last.w + spread * (t * 3.0).min(1.0) + 0.06 * ((-y - 0.5) / 0.4).clamp(0.0, 1.0);
            let back = (last.back - 0.06 * (t * 2.0).min(1.0)).max(0.22) + 0.08 * ((-y - 0.5) / 0.4).clamp(0.0, 1.0);
            rows.push((Ring::new(y, wide, 0.30, back, 0.0), rise));
        }
    }
    rows
}

/// Hair lies flat along its parting and high beside it.
fn parting(person: &Person, cut: &Cut, angle: f32, y: f32) -> f32 {
    if cut.lay != Lay::Straight || y < 0.2 {
        return 1.0;
    }
    let at = match person.hair.style {
        HairStyle::SidePart => 0.75 * person.hair.parting.signum(),
        HairStyle::Long | HairStyle::Waves | HairStyle::Bob => 0.35 * person.hair.parting,
        _ => return 1.0,
    };
    let away = ((angle - at).abs() / 0.35).min(1.0);
    0.45 + 0.65 * away
}

/// A bun or a tail.
fn knot(figure: &mut Figure, person: &Person, pose: &Pose, light: &Light, fine: f32, tile: impl Fn() -> Surface) {
    let (cols, rows) = (15, 11);
    let mut shell = Shell::new(cols, rows, true);
    let v = person.hair.volume;
    let (root, length, thick) = match person.hair.style {
        HairStyle::Bun => (v3(0.0, 0.40, -0.36), 0.24 * v, 0.13 * v),
        HairStyle::Tail => (v3(0.0, 0.20, -0.47), 0.95 * v, 0.085 * v),
        _ => return,
    };
    for r in 0..rows {
        let t = r as f32 / (rows - 1) as f32;
        let girth = thick * (t.clamp(0.02, 0.98) * std::f32::consts::PI).sin().powf(0.5);
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * std::f32::consts::PI;
            let (s, k) = angle.sin_cos();
            let lump = 1.0 + 0.3 * (noise(angle * 2.0 + 9.0, t * 4.0, person.seed as u32) - 0.5);
            let out = 0.07 * (t * 3.0).min(1.0);
            let p = root.plus(v3(
                girth * s * lump,
                (0.5 - t) * length - if length > 0.5 { length * 0.4 } else { 0.0 },
                girth * k * lump - out,
            ));
            shell.push(p, [angle * 0.12 * fine, t * length * fine], 1.0, 0.9);
        }
    }
    figure.add_sheet(shell.mesh(pose, light, 0.1), tile());
}

/// Adds beard and moustache that stand off the skin.
pub(super) fn add_beard(figure: &mut Figure, person: &Person, skull: &Skull, pose: &Pose, light: &Light) {
    let (thick, jaw, goatee) = match person.beard.style {
        BeardStyle::None | BeardStyle::Stubble => return,
        BeardStyle::Moustache => (0.02, false, false),
        BeardStyle::Goatee => (0.025, false, true),
        BeardStyle::Short => (0.016, true, true),
        BeardStyle::Full => (0.06, true, true),
        BeardStyle::Long => (0.10, true, true),
    };
    let l = skull.levels;
    let seed = person.seed as u32 ^ 77;
    let (cols, rows) = if pose.scale > 60.0 { (41, 24) } else { (25, 14) };
    let fine = (pose.scale * 0.7).clamp(48.0, 200.0);
    let mut shell = Shell::new(cols, rows, false);
    let half = 0.098 + 0.009 * person.features.mouth;
    for r in 0..rows {
        let v = 0.50 + 0.48 * r as f32 / (rows - 1) as f32;
        let y = skull.ring(v).y;
        for c in 0..cols {
            let angle = (c as f32 / (cols - 1) as f32 * 2.0 - 1.0) * 1.42;
            let p = skull.skin(angle, v);
            let side = p.x.abs();
            // Distance inside the moustache, the chin and the jaw.
            let arch = l.mouth + 0.047 - 0.24 * side * side / half;
            let lip = (0.026 - (y - arch).abs()).min(half * 1.15 - side);
            let chin = if goatee { (l.mouth - 0.045 - y).min(0.115 - side) } else { -1.0 };
            let corner = if goatee { (0.03 - (side - half * 1.12).abs()).min(l.mouth + 0.03 - y) } else { -1.0 };
            let cheek_line = -0.10 - 0.20 * (1.0 - (angle.abs() / 1.25).min(1.0)).powf(0.8);
            let burn = 0.11 * ((angle.abs() - 0.95) / 0.3).clamp(0.0, 1.0);
            let mouth = ((side / (half * 1.08)).powi(2) + ((y - l.mouth + 0.004) / 0.042).powi(2)).sqrt() - 1.0;
            let whole =
                if jaw { (cheek_line + burn - y).min(mouth * 0.06).min((1.38 - angle.abs()) * 0.3) } else { -1.0 };
            let deep = lip.max(chin).max(corner).max(whole).min(mouth.max(-0.2) * 0.06);
            let grown = (deep / 0.05 + 0.1).clamp(0.0, 1.0);
            let low = ((l.mouth - y) / 0.2).clamp(0.15, 1.0);
            let n = noise(angle * 9.0 + 30.0, y * 12.0 + 30.0, seed) - 0.5;
            let out = thick * grown * low * (1.0 + 0.7 * n) + 0.003;
            let n_dir = v3(angle.sin() * 0.8, -0.9 * low * if thick > 0.03 { 1.0 } else { 0.3 }, angle.cos()).unit();
            let long = if person.beard.style == BeardStyle::Long { 2.2 * low } else { 1.0 };
            let p = p.plus(v3(n_dir.x * out, n_dir.y * out * long, n_dir.z * out));
            let cover = (0.5 + deep / 0.03).clamp(0.0, 1.0);
            shell.push(p, [angle * RADIUS * fine, -y * fine], cover, 0.82 + 0.5 * n);
        }
    }
    let lay = if person.skin_tone() >= 7 { Lay::Curled } else { Lay::Straight };
    figure.add_sheet(shell.mesh(pose, light, 0.03), Surface::Strands(strands(person.beard.color, lay, seed)));
}
