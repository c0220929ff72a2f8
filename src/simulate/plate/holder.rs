//! The holder around a plate, and millimetres on a canvas.

use tiny_skia::{Path, PathBuilder, Transform};

use super::typeface::Typeface;
use crate::simulate::brush::{Rgb, fill, flat, gradient};
use crate::simulate::chance::Chance;
use crate::simulate::scene::{Canvas, Rng};

/// A holder around the plate.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Plastic or chrome.
    pub color: Rgb,
    /// Millimetres outside the plate.
    pub outside: f32,
    /// Millimetres of the plate that it hides above and below, and at the sides.
    inside: (f32, f32, f32),
    words: &'static str,
}

impl Frame {
    /// Some holder, of a size that suits `american` plates or the others.
    pub fn random(rng: &mut Rng, american: bool) -> Self {
        const DEALERS: &[&str] = &[
            "TOYOTA OF LAREDO",
            "SMITH FORD",
            "MY OTHER CAR IS A BROOM",
            "ALUMNI",
            "AUTOHAUS WEBER",
            "CITY MOTORS",
            "VALLEY CHEVROLET",
            "BEST DAD",
            "WWW.AUTOS.EXAMPLE",
            "HONDA",
            "GO TIGERS",
            "",
        ];
        let color = *rng.pick(&[
            Rgb::grey(22),
            Rgb::grey(28),
            Rgb::grey(34),
            Rgb::grey(180),
            Rgb::grey(205),
            Rgb(120, 120, 124),
            Rgb(40, 50, 90),
        ]);
        let hides = if american { rng.between(2.0, 12.0) } else { rng.between(0.0, 3.0) };
        Self {
            color,
            outside: rng.between(2.0, 9.0),
            inside: (hides, if rng.odds(0.6) { hides * 1.2 } else { 2.0 }, rng.between(1.0, 4.0)),
            words: DEALERS[rng.below(DEALERS.len())],
        }
    }

    /// Draws what of the holder lies over the plate.
    pub fn draw(self, canvas: &mut Canvas, sheet: &Sheet, typeface: &Typeface) {
        let (w, h) = sheet.size;
        let (top, low, side) = self.inside;
        let o = self.outside;
        let paint = gradient(
            sheet.at(0.0, -o),
            sheet.at(0.0, h + o),
            &[(0.0, self.color.times(1.25), 1.0), (1.0, self.color.times(0.8), 1.0)],
        );
        let piece = |canvas: &mut Canvas, x: f32, y: f32, ww: f32, hh: f32| {
            fill(canvas, sheet.rounded(x, y, ww, hh, 3.0).as_ref(), &paint);
        };
        piece(canvas, -o, -o, w + 2.0 * o, o + top);
        piece(canvas, -o, h - low, w + 2.0 * o, o + low);
        piece(canvas, -o, -o, o + side, h + 2.0 * o);
        piece(canvas, w - side, -o, o + side, h + 2.0 * o);
        let ink = if self.color.lightness() > 0.5 { Rgb::grey(20) } else { Rgb::grey(225) };
        let band = o + low;
        if band > 9.0 {
            let text = typeface.fit(self.words, band * 0.5 * sheet.scale, w * 0.7 * sheet.scale, 0.1, 0.4);
            let (x, y) = sheet.at(w / 2.0, h - low + band * 0.22);
            let place = Transform::from_translate(x - text.width / 2.0, y);
            fill(canvas, text.path.and_then(|p| p.transform(place)).as_ref(), &flat(ink, 0.9));
        }
    }
}

/// Millimetres of a plate on a canvas.
pub struct Sheet {
    /// The plate's left edge in pixels.
    pub x: f32,
    /// The plate's upper edge in pixels.
    pub y: f32,
    /// Pixels per millimetre.
    pub scale: f32,
    /// The plate in millimetres.
    pub size: (f32, f32),
}

impl Sheet {
    /// Pixel of a point in millimetres from the plate's corner.
    pub fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y + y * self.scale)
    }

    /// A rectangle with round corners, all in millimetres.
    pub fn rounded(&self, x: f32, y: f32, w: f32, h: f32, radius: f32) -> Option<Path> {
        let (l, t) = self.at(x, y);
        let (r, b) = self.at(x + w, y + h);
        let radius = (radius * self.scale).min((r - l) / 2.0).min((b - t) / 2.0).max(0.0);
        let mut builder = PathBuilder::new();
        builder.move_to(l + radius, t);
        builder.line_to(r - radius, t);
        builder.quad_to(r, t, r, t + radius);
        builder.line_to(r, b - radius);
        builder.quad_to(r, b, r - radius, b);
        builder.line_to(l + radius, b);
        builder.quad_to(l, b, l, b - radius);
        builder.line_to(l, t + radius);
        builder.quad_to(l, t, l + radius, t);
        builder.close();
        builder.finish()
    }
}
