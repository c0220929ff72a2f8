//! Plates: what is printed on them, how worn they are, and how they look straight from the front.
//!
//! Owns designs, serials and lettering. Knows nothing of vehicles or cameras: a plate is a flat picture that
//! [`warp`] lays onto a quadrilateral.

pub mod design;
mod holder;
pub mod stroke;
pub mod typeface;
pub mod warp;

use tiny_skia::Transform;

use self::design::{Cut, Design, Region, Trim};
use self::holder::{Frame, Sheet};
use self::stroke::Dies;
use self::typeface::{Font, Typeface};
use super::brush::{Rgb, bar, ellipse, fill, flat, gradient, line, polygon, stroke as outline};
use super::chance::Chance;
use super::grain::Grain;
use super::scene::{Canvas, Rng};

/// What carries the plate; decides its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// One line mostly.
    Car,
    /// Two lines mostly, small.
    Motorcycle,
}

/// One plate.
#[derive(Clone, Debug)]
pub struct Plate {
    design: Design,
    serial: String,
    size: (f32, f32),
    typeface: Typeface,
    small_type: Typeface,
    wear: Wear,
    /// Decides stickers, bolts and speckles, so that the plate looks the same whenever it comes back.
    seed: u64,
}

/// What time and owners did to a plate, each 0 to 1.
#[derive(Clone, Copy, Debug)]
struct Wear {
    dirt: f32,
    fade: f32,
    emboss: f32,
    frame: Option<Frame>,
}

/// A drawn plate with room around it for its holder.
pub struct PlateArt {
    /// Straight from the front.
    pub canvas: Canvas,
    /// Width of the room around the plate, in the plate's widths and heights.
    pub margin: (f32, f32),
}

impl Plate {
    /// A plate from `region`.
    pub fn random(rng: &mut Rng, region: Region, carrier: Carrier) -> Self {
        let mut design = Design::random(rng, region);
        let mut serial = design.serial(rng);
        let mut size = design.size;
        let american = size.1 > 140.0;
        match carrier {
            Carrier::Motorcycle => {
                size = if american {
                    (178.0, 102.0)
                } else {
                    *rng.pick(&[(180.0, 200.0), (240.0, 130.0), (220.0, 200.0), (200.0, 170.0), (187.0, 136.0)])
                };
                if !american || rng.odds(0.25) {
                    serial = two_lines(&serial);
                }
                (design.top, design.bottom) = if american { (design.top, "") } else { ("", "") };
            }
            Carrier::Car if !american && rng.odds(0.12) => {
                size = *rng.pick(&[(340.0, 200.0), (280.0, 200.0), (330.0, 170.0), (305.0, 152.0)]);
                serial = two_lines(&serial);
            }
            Carrier::Car => {}
        }
        let typeface = typeface_of(rng, design.cut);
        let wear = Wear {
            dirt: if rng.odds(0.3) { rng.unit().powi(2) } else { 0.06 * rng.unit() },
            fade: if rng.odds(0.25) { rng.between(0.0, 0.45) } else { 0.0 },
            emboss: if design.cut == Cut::Printed { rng.between(0.0, 0.5) } else { rng.between(0.2, 1.0) },
            frame: rng.odds(0.45).then(|| Frame::random(rng, american)),
        };
        Self {
            design,
            serial,
            size,
            typeface,
            small_type: Typeface::any_font(rng),
            wear,
            seed: u64::from(rng.unit().to_bits()),
        }
    }

    /// Letters and digits only, upper case, as the truth states it.
    pub fn text(&self) -> String {
        self.serial.chars().filter(char::is_ascii_alphanumeric).collect()
    }

    /// Issuer, as the truth states it.
    pub fn issuer(&self) -> &'static str {
        self.design.issuer
    }

    /// Width and height in metres.
    pub fn size(&self) -> (f32, f32) {
        (self.size.0 / 1000.0, self.size.1 / 1000.0)
    }

    /// Height of the serial's letters over the plate's height.
    pub fn letter_height(&self) -> f32 {
        self.serial_area().1
    }

    /// Draws the plate about `width` pixels wide.
    pub fn draw(&self, width: f32) -> Option<PlateArt> {
        let mut rng = super::chance::dice(self.seed, "plate", 0);
        let scale = (width / self.size.0).max(0.05);
        let room = self.wear.frame.map_or(2.0, |f| f.outside + 1.0);
        let (w, h) = ((self.size.0 + 2.0 * room) * scale, (self.size.1 + 2.0 * room) * scale);
        let mut canvas = Canvas::new(w.ceil() as u32 + 1, h.ceil() as u32 + 1)?;
        let sheet = Sheet { x: room * scale, y: room * scale, scale, size: self.size };
        if let Some(frame) = self.wear.frame {
            let o = frame.outside;
            fill(
                &mut canvas,
                sheet.rounded(-o, -o, self.size.0 + 2.0 * o, self.size.1 + 2.0 * o, 9.0).as_ref(),
                &flat(frame.color, 1.0),
            );
        }
        self.draw_ground(&mut canvas, &sheet, &mut rng);
        self.draw_legends(&mut canvas, &sheet);
        self.draw_serial(&mut canvas, &sheet);
        self.draw_furniture(&mut canvas, &sheet, &mut rng);
        if let Some(frame) = self.wear.frame {
            frame.draw(&mut canvas, &sheet, &self.small_type);
        }
        self.weather(&mut canvas, &mut rng);
        Some(PlateArt { margin: (room / self.size.0, room / self.size.1), canvas })
    }

    /// Top of the serial, its height (both over the plate's), and how much of the width it may take.
    fn serial_area(&self) -> (f32, f32, f32) {
        let two = self.serial.contains('\n');
        let american = self.size.1 > 140.0 && self.size.1 < 155.0 || self.size.1 < 105.0;
        match self.design.trim {
            Trim::Mercosur(_) if two => (0.27, 0.29, 0.86),
            Trim::Mercosur(_) => (0.34, 0.52, 0.9),
            Trim::Town if two => (0.22, 0.34, 0.86),
            Trim::Town => (0.31, 0.52, 0.92),
            Trim::EuroBand(_) | Trim::EuroBands(_) if two => (0.1, 0.36, 0.78),
            Trim::EuroBand(_) => (0.16, 0.68, 0.84),
            Trim::EuroBands(_) => (0.16, 0.68, 0.8),
            _ if two => (0.13, 0.34, 0.86),
            _ if american => (0.26, 0.47, 0.9),
            _ => (0.16, 0.68, 0.93),
        }
    }

    fn draw_ground(&self, canvas: &mut Canvas, sheet: &Sheet, rng: &mut Rng) {
        let (w, h) = self.size;
        let fade = |c: Rgb| c.mixed(Rgb(206, 204, 196), self.wear.fade * 0.6);
        let (top, low) = (fade(self.design.ground.0), fade(self.design.ground.1));
        let (from, to) = (sheet.at(0.0, 0.0), sheet.at(0.0, h));
        let paint = gradient(from, to, &[(0.0, top, 1.0), (1.0, low, 1.0)]);
        let body = sheet.rounded(0.0, 0.0, w, h, 9.0);
        fill(canvas, body.as_ref(), &paint);
        let strip = |canvas: &mut Canvas, x: f32, y: f32, ww: f32, hh: f32, color: Rgb| {
            fill(canvas, sheet.rounded(x, y, ww, hh, 6.0).as_ref(), &flat(fade(color), 1.0));
        };
        match self.design.trim {
            Trim::Plain | Trim::Town => {}
            Trim::TopBar(c) => strip(canvas, 1.5, 1.5, w - 3.0, h * 0.2, c),
            Trim::BottomBar(c) => strip(canvas, 1.5, h * 0.84, w - 3.0, h * 0.16 - 1.5, c),
            Trim::Bars(c) => {
                strip(canvas, 1.5, h * 0.22, w - 3.0, h * 0.03, c);
                strip(canvas, 1.5, h * 0.8, w - 3.0, h * 0.03, c);
            }
            Trim::Hills(c) => {
                let base = rng.between(0.6, 0.75);
                let mut points = vec![sheet.at(1.5, h - 2.0)];
                for i in 0..=9 {
                    let y = base + rng.between(-0.12, 0.16);
                    points.push(sheet.at(1.5 + (w - 3.0) * i as f32 / 9.0, h * y.min(0.97)));
                }
                points.push(sheet.at(w - 1.5, h - 2.0));
                fill(canvas, polygon(&points).as_ref(), &flat(fade(c), 0.55));
            }
            Trim::Picture(c) => {
                let middle = sheet.at(w * rng.between(0.3, 0.7), h * rng.between(0.4, 0.6));
                ellipse(canvas, middle, w * 0.16 * sheet.scale, h * 0.3 * sheet.scale, &flat(fade(c), 0.4));
                for _ in 0..5 {
                    let p = sheet.at(w * rng.between(0.1, 0.9), h * rng.between(0.3, 0.95));
                    ellipse(
                        canvas,
                        p,
                        w * rng.between(0.03, 0.12) * sheet.scale,
                        h * rng.between(0.03, 0.12) * sheet.scale,
                        &flat(fade(c), 0.22),
                    );
                }
            }
            Trim::EuroBand(_) | Trim::EuroBands(_) => {
                let band = if self.serial.contains('\n') { w * 0.13 } else { 42.0f32.min(w * 0.09) };
                strip(canvas, 1.5, 1.5, band, h - 3.0, Rgb(16, 52, 150));
                if matches!(self.design.trim, Trim::EuroBands(_)) {
                    strip(canvas, w - band - 1.5, 1.5, band, h - 3.0, Rgb(16, 52, 150));
                }
            }
            Trim::Mercosur(_) => strip(canvas, 1.5, 1.5, w - 3.0, h * 0.23, Rgb(18, 50, 140)),
        }
        // The pressed rim.
        let rim = if self.design.ground.0.lightness() > 0.4 {
            self.design.ink.mixed(Rgb::grey(120), 0.2)
        } else {
            self.design.ink
        };
        let alpha = if matches!(self.design.trim, Trim::EuroBand(_) | Trim::Mercosur(_)) { 0.85 } else { 0.25 };
        outline(canvas, sheet.rounded(2.5, 2.5, w - 5.0, h - 5.0, 8.0).as_ref(), &flat(rim, alpha), 1.6 * sheet.scale);
        outline(canvas, body.as_ref(), &flat(Rgb::grey(60), 0.35), 1.2 * sheet.scale);
    }

    fn draw_legends(&self, canvas: &mut Canvas, sheet: &Sheet) {
        let (w, h) = self.size;
        let small = |canvas: &mut Canvas, words: &str, x: f32, y: f32, height: f32, room: f32, color: Rgb| {
            let text = self.small_type.fit(words, height * sheet.scale, room * sheet.scale, 0.08, 0.35);
            let (px, py) = sheet.at(x, y);
            let place = Transform::from_translate(px - text.width / 2.0, py);
            fill(canvas, text.path.and_then(|p| p.transform(place)).as_ref(), &flat(color, 0.92));
        };
        let top_ink = match self.design.trim {
            Trim::TopBar(c) if c.lightness() < 0.5 => Rgb(236, 236, 236),
            _ => self.design.small,
        };
        small(canvas, self.design.top, w * 0.5, h * 0.055, h * 0.12, w * 0.56, top_ink);
        let bottom_ink = match self.design.trim {
            Trim::BottomBar(c) if c.lightness() < 0.5 => Rgb(236, 236, 236),
            _ => self.design.small,
        };
        small(canvas, self.design.bottom, w * 0.5, h * 0.86, h * 0.085, w * 0.6, bottom_ink);
        match self.design.trim {
            Trim::EuroBand(code) | Trim::EuroBands(code) => {
                let band = if self.serial.contains('\n') { w * 0.13 } else { 42.0f32.min(w * 0.09) };
                small(canvas, code, 1.5 + band / 2.0, h * 0.66, h * 0.18, band * 0.8, Rgb(240, 240, 240));
                for i in 0..12 {
                    let a = i as f32 * std::f32::consts::TAU / 12.0;
                    let p = sheet.at(1.5 + band / 2.0 + band * 0.3 * a.cos(), h * 0.32 + band * 0.3 * a.sin());
                    ellipse(
                        canvas,
                        p,
                        band * 0.05 * sheet.scale,
                        band * 0.05 * sheet.scale,
                        &flat(Rgb(250, 214, 60), 1.0),
                    );
                }
            }
            Trim::Mercosur(country) => {
                small(canvas, country, w * 0.5, h * 0.07, h * 0.12, w * 0.5, Rgb(240, 240, 240));
                let (x, y) = sheet.at(w * 0.88, h * 0.05);
                bar(canvas, x, y, w * 0.08 * sheet.scale, h * 0.14 * sheet.scale, &flat(Rgb(30, 140, 70), 1.0));
                small(canvas, "BR", w * 0.06, h * 0.74, h * 0.1, w * 0.07, self.design.ink);
            }
            Trim::Town => {
                const TOWNS: &[&str] = &[
                    "SP SAO PAULO",
                    "RJ NITEROI",
                    "PR CURITIBA",
                    "MG CONTAGEM",
                    "BA SALVADOR",
                    "RS CANOAS",
                    "SC LAGES",
                    "GO ANAPOLIS",
                    "DF BRASILIA",
                    "CE SOBRAL",
                ];
                let town = TOWNS[(self.seed % TOWNS.len() as u64) as usize];
                small(canvas, town, w * 0.5, h * 0.075, h * 0.13, w * 0.6, self.design.ink);
            }
            _ => {}
        }
    }

    fn draw_serial(&self, canvas: &mut Canvas, sheet: &Sheet) {
        let (w, h) = self.size;
        let (top, height, room) = self.serial_area();
        let ink = self.design.ink.mixed(self.design.ground.0, self.wear.fade * 0.55);
        let left = match self.design.trim {
            Trim::EuroBand(_) => w * (1.0 - room) * 0.75,
            _ => w * (1.0 - room) * 0.5,
        };
        let lines = self.serial.split('\n').count();
        for (i, words) in self.serial.split('\n').enumerate() {
            let gap = if self.size.1 > 140.0 { 0.34 } else { 0.42 };
            let text = self.typeface.fit(words, h * height * sheet.scale, w * room * sheet.scale, 0.14, gap);
            let step = if lines > 1 { (1.0 - top - 0.08) / lines as f32 } else { 0.0 };
            let (x, y) = sheet.at(left + w * room / 2.0, h * (top + step * i as f32));
            let Some(path) = text.path.and_then(|p| p.transform(Transform::from_translate(x - text.width / 2.0, y)))
            else {
                continue;
            };
            // Stamped metal: lit from above on one flank, in shade on the other.
            let depth = 1.7 * sheet.scale;
            let shifted = |d: f32| path.clone().transform(Transform::from_translate(d * 0.6, d));
            let emboss = self.wear.emboss;
            fill(canvas, shifted(depth).as_ref(), &flat(Rgb::grey(20), 0.30 * emboss));
            fill(canvas, shifted(-depth).as_ref(), &flat(Rgb::grey(255), 0.55 * emboss));
            fill(canvas, Some(&path), &flat(ink, 0.97));
        }
    }

    fn draw_furniture(&self, canvas: &mut Canvas, sheet: &Sheet, rng: &mut Rng) {
        let (w, h) = self.size;
        let american = h > 140.0 && h < 155.0;
        if american && rng.odds(0.7) {
            let corners = [(0.035, 0.06), (0.86, 0.06), (0.035, 0.8), (0.86, 0.8)];
            let count = 1 + rng.below(2);
            for i in 0..count {
                let (fx, fy) = corners[(rng.below(4) + i) % 4];
                let color = *rng.pick(&[
                    Rgb(220, 200, 60),
                    Rgb(200, 60, 50),
                    Rgb(60, 110, 180),
                    Rgb(70, 150, 90),
                    Rgb(230, 230, 226),
                    Rgb(230, 130, 40),
                ]);
                let (x, y) = sheet.at(w * fx, h * fy);
                let (sw, sh) = (w * 0.105 * sheet.scale, h * 0.15 * sheet.scale);
                bar(canvas, x, y, sw, sh, &flat(color, 1.0));
                let digits = format!("{:02}", rng.below(24));
                let text = self.small_type.fit(&digits, sh * 0.6, sw * 0.7, 0.05, 0.3);
                let place = Transform::from_translate(x + (sw - text.width) / 2.0, y + sh * 0.2);
                fill(canvas, text.path.and_then(|p| p.transform(place)).as_ref(), &flat(Rgb::grey(20), 0.9));
            }
        }
        if self.design.issuer == "DE" && !self.serial.contains('\n') {
            // The inspection and registration seals stand in the first gap; where it falls depends on the serial.
            for fy in [0.3, 0.62] {
                let p = sheet.at(w * rng.between(0.30, 0.34), h * fy);
                ellipse(
                    canvas,
                    p,
                    h * 0.11 * sheet.scale,
                    h * 0.11 * sheet.scale,
                    &flat(*rng.pick(&[Rgb(170, 190, 210), Rgb(120, 180, 120), Rgb(210, 150, 90)]), 0.35),
                );
            }
        }
        let holes: &[(f32, f32)] = if american || h < 105.0 {
            &[(0.21, 0.075), (0.79, 0.075), (0.21, 0.925), (0.79, 0.925)]
        } else if h > 150.0 {
            &[(0.5, 0.06), (0.5, 0.94)]
        } else {
            &[(0.16, 0.5), (0.84, 0.5)]
        };
        let used = if american && rng.odds(0.5) { 2 } else { holes.len() };
        let metal = *rng.pick(&[Rgb::grey(70), Rgb::grey(160), Rgb::grey(200), Rgb(120, 90, 60), Rgb::grey(30)]);
        // European bolts mostly hide under caps in the ground's or the ink's colour.
        let show = if american { 0.9 } else { 0.4 };
        for (i, &(fx, fy)) in holes.iter().enumerate() {
            if i < used && rng.odds(show) {
                let r = if american { 5.0 } else { 6.0 };
                let p = sheet.at(w * fx, h * fy);
                ellipse(
                    canvas,
                    (p.0 + 0.8 * sheet.scale, p.1 + 1.2 * sheet.scale),
                    r * sheet.scale,
                    r * sheet.scale,
                    &flat(Rgb::grey(10), 0.4),
                );
                ellipse(canvas, p, r * sheet.scale, r * sheet.scale, &flat(metal, 1.0));
                ellipse(
                    canvas,
                    (p.0 - sheet.scale, p.1 - sheet.scale),
                    r * 0.4 * sheet.scale,
                    r * 0.4 * sheet.scale,
                    &flat(Rgb::grey(240), 0.5),
                );
            } else if american {
                let p = sheet.at(w * fx, h * fy);
                ellipse(canvas, p, 7.0 * sheet.scale, 3.2 * sheet.scale, &flat(Rgb::grey(30), 0.75));
            }
        }
        if rng.odds(0.12) {
            for _ in 0..1 + rng.below(3) {
                let (a, b) = (sheet.at(w * rng.unit(), h * rng.unit()), sheet.at(w * rng.unit(), h * rng.unit()));
                line(
                    canvas,
                    a,
                    (a.0 + (b.0 - a.0) * 0.3, a.1 + (b.1 - a.1) * 0.3),
                    &flat(Rgb::grey(90), 0.5),
                    1.2 * sheet.scale,
                );
            }
        }
    }

    /// Dirt: splashes by the noise table, heavier towards the bottom.
    fn weather(&self, canvas: &mut Canvas, rng: &mut Rng) {
        let grain = Grain::shared();
        let (ox, oy) = (rng.below(256), rng.below(256));
        let dirt = self.wear.dirt;
        let (width, height) = (canvas.width() as usize, canvas.height() as usize);
        let step = 420.0 / width.max(1) as f32;
        let soil =
            *rng.pick(&[(96.0f32, 82.0f32, 64.0f32), (70.0, 66.0, 60.0), (150.0, 140.0, 120.0), (200.0, 198.0, 194.0)]);
        for (y, row) in canvas.data_mut().chunks_exact_mut(width * 4).enumerate() {
            let low = y as f32 / height as f32;
            let amount = dirt * (0.35 + 0.65 * low * low);
            for (x, p) in row.chunks_exact_mut(4).enumerate() {
                let n = f32::from(grain.at(ox + (x as f32 * step) as usize, oy + (y as f32 * step) as usize)) / 255.0;
                let cover = ((n - 0.62 + amount * 0.55) * 2.2).clamp(0.0, 0.85) * (amount * 1.6).min(1.0);
                // Metal is never quite flat.
                let ripple = 1.0 + (n - 0.5) * 0.10;
                let alpha = f32::from(p[3]) / 255.0;
                for (v, s) in p.iter_mut().zip([soil.0, soil.1, soil.2]) {
                    let c = f32::from(*v) * ripple * (1.0 - cover) + s * cover * alpha;
                    *v = c.clamp(0.0, 255.0 * alpha) as u8;
                }
            }
        }
    }
}

/// Breaks a serial at the gap nearest to its middle, or in its middle.
fn two_lines(serial: &str) -> String {
    let chars: Vec<char> = serial.chars().collect();
    let middle = chars.len() / 2;
    let is_gap = |c: char| !c.is_ascii_alphanumeric();
    let cut = (1..chars.len().saturating_sub(1)).filter(|&i| is_gap(chars[i])).min_by_key(|&i| i.abs_diff(middle));
    let (first, second) = match cut {
        Some(at) => (&chars[..at], &chars[at + 1..]),
        None => chars.split_at(middle),
    };
    first.iter().chain(['\n'].iter()).chain(second).collect()
}

fn typeface_of(rng: &mut Rng, cut: Cut) -> Typeface {
    let dies = |rng: &mut Rng, width: (f32, f32), weight: (f32, f32), roundness: (f32, f32)| {
        let mut dies = Dies::random(rng);
        dies.width = rng.between(width.0, width.1);
        dies.weight = rng.between(weight.0, weight.1);
        dies.roundness = rng.between(roundness.0, roundness.1);
        Typeface::Dies(dies)
    };
    const PLAIN: [Font; 6] = [
        Font::DejaVuBold,
        Font::DejaVuCondensedBold,
        Font::DejaVuMonoBold,
        Font::NotoBold,
        Font::NotoRegular,
        Font::Hack,
    ];
    match cut {
        Cut::American if rng.odds(0.85) => dies(rng, (0.42, 0.54), (0.10, 0.15), (0.35, 0.95)),
        Cut::German if rng.odds(0.7) => dies(rng, (0.56, 0.66), (0.115, 0.15), (0.5, 0.8)),
        Cut::Din if rng.odds(0.75) => dies(rng, (0.5, 0.62), (0.125, 0.165), (0.6, 1.0)),
        Cut::British if rng.odds(0.75) => dies(rng, (0.58, 0.66), (0.16, 0.19), (0.6, 0.95)),
        Cut::Any if rng.odds(0.75) => Typeface::Dies(Dies::random(rng)),
        Cut::Any => Typeface::any_font(rng),
        _ => Typeface::Font(*rng.pick(&PLAIN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::dice;

    #[test]
    fn two_lines_break_at_the_middle_gap_and_keep_every_character() {
        assert_eq!(two_lines("AB-123-CD"), "AB\n123-CD");
        assert_eq!(two_lines("ABC1234"), "ABC\n1234");
    }

    #[test]
    fn plates_draw_at_every_size() {
        let mut rng = dice(5, "plates", 0);
        for i in 0..60 {
            let carrier = if i % 4 == 0 { Carrier::Motorcycle } else { Carrier::Car };
            let plate = Plate::random(&mut rng, Region::World, carrier);
            for width in [8.0, 24.0, 300.0] {
                assert!(plate.draw(width).is_some());
            }
            assert!(!plate.text().is_empty());
        }
    }
}
