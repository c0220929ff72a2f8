//! Clothes as flat paint, to be wrapped around the chest: collars, lapels, buttons, stripes, prints.
//!
//! Unit: head heights; x from the chest's middle, y downwards from the collar.

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Shader, Stroke, Transform};

use crate::simulate::head::noise;
use crate::simulate::person::{Garment, Person, Rgb, mix, scale};
use crate::simulate::sculpt::Texture;

/// Width of the whole wrap.
pub(super) const WIDE: f32 = 3.4;
const HIGH: f32 = 2.9;

struct Loom {
    map: Pixmap,
    place: Transform,
}

impl Loom {
    fn paint(rgb: Rgb, alpha: f32) -> Paint<'static> {
        let [r, g, b] = rgb;
        let color = Color::from_rgba8(r, g, b, (alpha.clamp(0.0, 1.0) * 255.0) as u8);
        Paint { shader: Shader::SolidColor(color), ..Paint::default() }
    }

    fn shape(&mut self, points: &[(f32, f32)], rgb: Rgb, alpha: f32) {
        let mut builder = PathBuilder::new();
        for (i, p) in points.iter().enumerate() {
            if i == 0 { builder.move_to(p.0, p.1) } else { builder.line_to(p.0, p.1) }
        }
        builder.close();
        if let Some(path) = builder.finish() {
            self.map.fill_path(&path, &Self::paint(rgb, alpha), FillRule::Winding, self.place, None);
        }
    }

    /// The shape and its mirror image.
    fn pair(&mut self, points: &[(f32, f32)], rgb: Rgb, alpha: f32) {
        self.shape(points, rgb, alpha);
        let mirrored: Vec<_> = points.iter().map(|p| (-p.0, p.1)).collect();
        self.shape(&mirrored, rgb, alpha);
    }

    fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, rgb: Rgb, alpha: f32) {
        let mut builder = PathBuilder::new();
        builder.move_to(from.0, from.1);
        builder.line_to(to.0, to.1);
        if let Some(path) = builder.finish() {
            let stroke = Stroke { width, ..Stroke::default() };
            self.map.stroke_path(&path, &Self::paint(rgb, alpha), &stroke, self.place, None);
        }
    }

    fn dot(&mut self, (x, y): (f32, f32), r: f32, rgb: Rgb) {
        if let Some(path) = PathBuilder::from_circle(x, y, r) {
            self.map.fill_path(&path, &Self::paint(rgb, 1.0), FillRule::Winding, self.place, None);
        }
    }
}

/// Paints `person`'s upper garment at `fine` texels a head height.
pub(super) fn paint(person: &Person, fine: f32) -> Option<Texture> {
    let map = Pixmap::new(((WIDE * fine) as u32).max(4), ((HIGH * fine) as u32).max(4))?;
    let place = Transform::from_row(fine, 0.0, 0.0, fine, WIDE / 2.0 * fine, 0.0);
    let mut l = Loom { map, place };
    let (main, second) = (person.outfit.main, person.outfit.second);
    let dark = scale(main, 0.6);
    l.shape(&[(-2.0, -1.0), (2.0, -1.0), (2.0, 3.0), (-2.0, 3.0)], main, 1.0);
    let chance = (person.seed >> 20) as u32;
    match person.outfit.garment {
        Garment::Tee => {
            neck(&mut l, person, 0.30, 0.16, scale(main, 0.8));
            print(&mut l, second, chance);
        }
        Garment::Stripes => {
            for i in 0..12 {
                let y = 0.2 + 0.24 * i as f32;
                l.shape(&[(-2.0, y), (2.0, y), (2.0, y + 0.11), (-2.0, y + 0.11)], second, 1.0);
            }
            neck(&mut l, person, 0.28, 0.13, dark);
        }
        Garment::Shirt => {
            if chance & 1 == 0 {
                for i in -8..=8 {
                    let x = 0.2 * i as f32;
                    l.line((x, -1.0), (x, 3.0), 0.05, second, 0.4);
                    l.line((-2.0, x + 1.2), (2.0, x + 1.2), 0.05, second, 0.4);
                }
            }
            l.shape(&[(-0.1, 0.0), (0.1, 0.0), (0.0, 0.26)], person.skin, 1.0);
            l.pair(&[(0.34, -0.1), (0.08, 0.0), (0.0, 0.14), (0.13, 0.34), (0.36, 0.08)], scale(main, 1.12), 1.0);
            l.line((0.13, 0.34), (0.36, 0.08), 0.02, dark, 0.7);
            l.line((-0.13, 0.34), (-0.36, 0.08), 0.02, dark, 0.7);
            l.line((0.05, 0.25), (0.05, 2.9), 0.018, dark, 0.6);
            for i in 0..7 {
                l.dot((0.0, 0.42 + 0.36 * i as f32), 0.022, scale(main, if main[0] > 120 { 0.6 } else { 1.8 }));
            }
        }
        Garment::Suit => {
            let shirt = mix([236, 236, 234], second, if chance & 1 == 0 { 0.0 } else { 0.35 });
            l.shape(&[(-0.34, -0.1), (0.34, -0.1), (0.0, 1.3)], shirt, 1.0);
            l.pair(&[(0.30, -0.1), (0.06, -0.02), (0.0, 0.10), (0.12, 0.24)], scale(shirt, 1.05), 1.0);
            if chance & 6 != 0 {
                l.shape(&[(-0.055, 0.07), (0.055, 0.07), (0.035, 0.2), (-0.035, 0.2)], scale(second, 0.75), 1.0);
                l.shape(&[(-0.035, 0.2), (0.035, 0.2), (0.075, 1.25), (-0.075, 1.25)], second, 1.0);
            }
            l.pair(
                &[(0.36, -0.1), (0.46, 0.32), (0.34, 0.42), (0.40, 0.5), (0.02, 1.35), (0.20, 0.35)],
                scale(main, 0.82),
                1.0,
            );
            l.line((0.0, 1.3), (0.05, 2.9), 0.02, dark, 0.8);
            l.dot((0.04, 1.5), 0.03, dark);
            l.shape(&[(0.42, 0.72), (0.66, 0.70), (0.66, 0.75), (0.42, 0.77)], shirt, 0.8);
        }
        Garment::Hoodie => {
            l.pair(&[(0.0, 0.30), (0.40, -0.1), (0.52, 0.05), (0.2, 0.38)], scale(main, 0.75), 1.0);
            l.shape(&[(-0.18, 0.0), (0.18, 0.0), (0.0, 0.26)], second, 1.0);
            l.line((0.11, 0.28), (0.12, 0.75), 0.025, [224, 224, 220], 0.9);
            l.line((-0.11, 0.28), (-0.10, 0.68), 0.025, [224, 224, 220], 0.9);
            l.shape(&[(-0.45, 2.0), (0.45, 2.0), (0.6, 2.6), (-0.6, 2.6)], scale(main, 0.88), 1.0);
            print(&mut l, second, chance | 1);
        }
        Garment::Jacket => {
            l.shape(&[(-0.20, -0.1), (0.20, -0.1), (0.06, 0.5), (-0.06, 0.5)], second, 1.0);
            l.pair(&[(0.40, -0.1), (0.10, 0.05), (0.04, 0.36), (0.42, 0.20)], scale(main, 0.82), 1.0);
            l.line((0.0, 0.3), (0.0, 2.9), 0.035, [150, 150, 150], 0.9);
            for i in 1..5 {
                let y = 0.5 * i as f32 + 0.1;
                l.line((-1.7, y), (1.7, y), 0.03, dark, if chance & 1 == 0 { 0.55 } else { 0.0 });
            }
            l.line((0.35, 1.6), (0.65, 1.9), 0.03, dark, 0.8);
            l.line((-0.35, 1.6), (-0.65, 1.9), 0.03, dark, 0.8);
        }
        Garment::Coat => {
            l.shape(&[(-0.22, -0.1), (0.22, -0.1), (0.0, 0.55)], second, 1.0);
            l.pair(&[(0.38, -0.1), (0.55, 0.3), (0.06, 0.9), (0.02, 0.55), (0.2, 0.0)], scale(main, 0.85), 1.0);
            l.line((0.06, 0.8), (0.06, 2.9), 0.025, dark, 0.8);
            for i in 0..4 {
                let y = 1.0 + 0.45 * i as f32;
                l.dot((-0.08, y), 0.035, dark);
                l.dot((0.20, y), 0.035, dark);
            }
        }
        Garment::Vest => {
            let bright = [[216, 226, 60], [240, 130, 40]][(chance & 1) as usize];
            l.shape(&[(-0.7, -1.0), (0.7, -1.0), (0.78, 3.0), (-0.78, 3.0)], bright, 1.0);
            l.shape(&[(-1.7, 0.5), (1.7, 0.5), (1.7, 3.0), (-1.7, 3.0)], bright, 1.0);
            l.shape(&[(-0.22, -0.1), (0.22, -0.1), (0.0, 0.6)], second, 1.0);
            for y in [1.1, 1.7] {
                l.shape(&[(-1.7, y), (1.7, y), (1.7, y + 0.2), (-1.7, y + 0.2)], [206, 208, 210], 1.0);
            }
            for x in [-0.48, 0.48] {
                l.line((x, -0.2), (x, 1.1), 0.17, [206, 208, 210], 1.0);
            }
            l.line((0.0, 0.5), (0.0, 2.9), 0.02, scale(bright, 0.5), 0.8);
        }
        Garment::Robe => {
            l.line((0.0, 0.0), (0.0, 1.2), 0.10, second, 0.55);
            l.line((0.0, 0.0), (0.0, 1.1), 0.02, dark, 0.9);
            neck(&mut l, person, 0.20, 0.05, scale(second, 0.9));
        }
    }
    let seed = person.seed as u32 ^ 99;
    let width = l.map.width() as usize;
    let height = l.map.height() as usize;
    let texels = (l.map.pixels().iter().enumerate())
        .map(|(i, p)| {
            let (x, y) = ((i % width) as f32 / fine, (i / width) as f32 / fine);
            // Folds run down and outwards.
            let bend = (x - WIDE / 2.0).abs();
            let fold =
                noise(x * 3.0 + y * 0.8, y * 1.1 + bend, seed) * 0.55 + noise(x * 7.0 - y, y * 3.0, seed ^ 4) * 0.45;
            let light = 0.82 + 0.36 * fold;
            let [r, g, b] = [p.red(), p.green(), p.blue()].map(|c| (f32::from(c) * light).min(255.0) as u8);
            [r, g, b, 0]
        })
        .collect();
    Some(Texture { width, height, texels })
}

/// A round neck opening with its seam.
fn neck(l: &mut Loom, person: &Person, wide: f32, deep: f32, seam: Rgb) {
    let arc = |grow: f32| -> Vec<(f32, f32)> {
        (0..=10)
            .map(|i| {
                let k = i as f32 / 5.0 - 1.0;
                (k * (wide + grow), (deep + grow) * (1.0 - k * k).max(0.0).sqrt() - 0.02)
            })
            .chain([(wide + grow, -0.5), (-wide - grow, -0.5)])
            .collect()
    };
    l.shape(&arc(0.05), seam, 1.0);
    l.shape(&arc(0.0), person.skin, 1.0);
}

/// Something printed on the chest.
fn print(l: &mut Loom, color: Rgb, chance: u32) {
    match chance % 5 {
        0 => {
            for (i, w) in [0.34, 0.26, 0.3].iter().enumerate() {
                let y = 0.7 + 0.14 * i as f32;
                l.shape(&[(-w, y), (*w, y), (*w, y + 0.08), (-w, y + 0.08)], color, 0.9);
            }
        }
        2 => {
            l.dot((0.0, 0.95), 0.3, color);
            l.dot((0.0, 0.95), 0.2, scale(color, 0.6));
            l.shape(&[(-0.26, 0.9), (0.26, 0.9), (0.26, 1.0), (-0.26, 1.0)], [230, 230, 226], 1.0);
        }
        4 => l.shape(&[(0.25, 0.62), (0.45, 0.62), (0.45, 0.72), (0.25, 0.72)], color, 1.0),
        _ => {}
    }
}
