//! Plates alone, as a detector would cut them out: what a reader learns from.

use tiny_skia::Color;

use super::brush::{Rgb, bar, flat, gradient};
use super::camera::Settings;
use super::camera::encode::{EncodeError, File, Format, Sampling};
use super::camera::{Exposure, Reflector};
use super::chance::{Chance, dice};
use super::picture::contrast;
use super::plate::design::Region;
use super::plate::warp::{Quad, around, lay};
use super::plate::{Carrier, Plate};
use super::scene::{Canvas, Conditions, Illumination, Rng, Weather};
use crate::geometry::{Rect, Size};

/// A plate's crop.
pub struct Crop {
    /// The picture.
    pub exposure: Exposure,
    /// What it says: letters and digits, upper case.
    pub text: String,
    /// Tight box of the plate within the crop.
    pub bounds: Rect,
    /// Its corners within the crop.
    pub quad: Quad,
}

/// Draws one readable plate, number `index` of `seed`: any issuer, any light, 40 to 320 pixels wide, in perspective.
pub fn draw(seed: u64, index: u64) -> Option<Crop> {
    // Some throws are too dark or too blurred to read: throw again, a bounded number of times.
    (0..24).find_map(|attempt| attempt_one(&mut dice(seed, "crop", index * 32 + attempt)))
}

fn attempt_one(rng: &mut Rng) -> Option<Crop> {
    let conditions = Conditions {
        illumination: *rng.weighted(&[
            (Illumination::Day, 0.6),
            (Illumination::Dusk, 0.14),
            (Illumination::Night, 0.12),
            (Illumination::Infrared, 0.14),
        ]),
        weather: *rng.weighted(&[(Weather::Clear, 0.9), (Weather::Glare, 0.1)]),
    };
    let carrier = if rng.odds(0.14) { Carrier::Motorcycle } else { Carrier::Car };
    let plate = Plate::random(rng, Region::World, carrier);
    let (pw, ph) = plate.size();
    let width = 40.0 * (rng.unit() * 8.0f32.ln()).exp();
    let height = width * ph / pw * rng.between(0.82, 1.12);
    let room = (width * rng.between(0.06, 0.35), height * rng.between(0.1, 0.6));
    let size = Size::new((width + 2.0 * room.0) as u32 + 1, (height + 2.0 * room.1) as u32 + 1);
    let mut canvas = Canvas::new(size.width, size.height)?;
    surroundings(&mut canvas, rng);
    let quad = perspective(rng, (size.width as f32 / 2.0, size.height as f32 / 2.0), width, height);
    let art = plate.draw((width * 1.25).clamp(72.0, 600.0))?;
    let light = rng.between(0.6, 1.05);
    let lip = if rng.odds(0.3) { rng.between(0.45, 0.9) } else { 1.0 };
    lay(&mut canvas, &art, &quad, (light * lip, light));
    if rng.odds(0.08) {
        cast_shadow(&mut canvas, rng);
    }
    let letters = height * plate.letter_height();
    // Defects are drawn for whole pictures: here they are scaled so that the letters survive.
    let mut settings = Settings::random(rng, conditions, 1.0);
    settings.lens = None;
    let smear = settings.smear();
    if smear > 0.2 * letters {
        let factor = 0.2 * letters / smear;
        settings.blur *= factor;
        settings.motion = (settings.motion.0 * factor, settings.motion.1 * factor);
    }
    let reflector = Reflector { quad, gain: rng.between(0.45, 1.6) };
    let exposure = settings.expose(&mut canvas, &[], &[reflector]);
    let bounds = around(&quad).clipped(size);
    let clear = letters > 7.0 && contrast(&exposure, bounds) > 26.0 + 2.4 * settings.tone.noise;
    clear.then(|| Crop { exposure, text: plate.text(), bounds, quad })
}

/// A quad about `width`×`height` around `center`: turned, sheared, farther on one side.
fn perspective(rng: &mut Rng, center: (f32, f32), width: f32, height: f32) -> Quad {
    let strong = rng.odds(0.3);
    let amount = if strong { 0.14 } else { 0.04 };
    let (turn, shear) = (rng.bell() * if strong { 0.14 } else { 0.035 }, rng.bell() * amount);
    let (far_x, far_y) = (rng.bell() * amount * 0.5, rng.bell() * amount * 0.4);
    let (s, c) = turn.sin_cos();
    [(-0.5f32, -0.5f32), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(u, v)| {
        let near = 1.0 + far_x * u * 2.0 + far_y * v * 2.0;
        let (x, y) = ((u + shear * v) * width * (1.0 + far_y * v), v * height * near);
        (center.0 + x * c - y * s, center.1 + x * s + y * c)
    })
}

fn surroundings(canvas: &mut Canvas, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let mut tone = || {
        let v = rng.between(10.0, 235.0);
        let mut near = || (v + rng.bell() * 14.0).clamp(0.0, 255.0) as u8;
        Rgb(near(), near(), near())
    };
    let (a, b, c) = (tone(), tone(), tone());
    canvas.fill(Color::from_rgba8(a.0, a.1, a.2, 255));
    bar(canvas, 0.0, 0.0, w, h, &gradient((0.0, 0.0), (w * 0.2, h), &[(0.0, a, 1.0), (1.0, a.mixed(b, 0.5), 1.0)]));
    // Bumper edges, grilles, recesses.
    for _ in 0..rng.below(4) {
        let y = rng.between(-0.1, 1.0) * h;
        bar(
            canvas,
            0.0,
            y,
            w,
            rng.between(0.02, 0.25) * h,
            &flat(if rng.odds(0.5) { b } else { c }, rng.between(0.3, 1.0)),
        );
    }
    if rng.odds(0.4) {
        bar(canvas, w * 0.04, h * 0.06, w * 0.92, h * 0.88, &flat(c, 0.8));
    }
}

fn cast_shadow(canvas: &mut Canvas, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let (x, slope) = (rng.between(0.2, 0.8) * w, rng.between(-0.5, 0.5) * h);
    let side = if rng.odds(0.5) { 0.0 } else { w };
    let points = [(side, 0.0), (x + slope, 0.0), (x - slope, h), (side, h)];
    super::brush::fill(canvas, super::brush::polygon(&points).as_ref(), &flat(Rgb::grey(0), rng.between(0.2, 0.5)));
}

impl Crop {
    /// The crop as a JPEG of some quality.
    pub fn encode(&self, seed: u64, index: u64) -> Result<Vec<u8>, EncodeError> {
        let mut rng = dice(seed, "crop file", index);
        let quality = 50 + rng.below(46) as u8;
        let file = File::Jpeg { quality, sampling: Sampling::Quarter, progressive: false, restart: 0 };
        Format { file, exif: None }.encode(&self.exposure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_come_at_every_number_and_come_again() {
        for index in 0..60 {
            let crop = draw(9, index).expect("a readable plate within a few throws");
            let again = draw(9, index).expect("the same");
            assert_eq!(crop.text, again.text);
            assert_eq!(crop.exposure.data, again.exposure.data);
            assert!(crop.bounds.w >= 20.0 && (2..=10).contains(&crop.text.len()));
        }
    }
}
