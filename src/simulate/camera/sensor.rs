//! The sensor: exposure, contrast, white balance, vignette, noise.

use super::super::chance::Chance;
use super::super::grain::bell_table;
use super::super::scene::{Canvas, Conditions, Illumination, Rng, Weather};
use super::Exposure;

/// How a picture is developed.
#[derive(Clone, Debug)]
pub struct Tone {
    /// Factor on everything.
    pub gain: f32,
    /// Exponent.
    pub gamma: f32,
    /// Black point, 0 to 0.2: haze lifts it.
    pub lift: f32,
    /// 0 grey, 1 as it is, more is gaudy.
    pub saturation: f32,
    /// Factor on red; blue gets its inverse.
    pub warmth: f32,
    /// Loss of light in the corners, 0 to 1.
    pub vignette: f32,
    /// Standard deviation of the noise, 0 to 255.
    pub noise: f32,
    /// Whether the noise is coloured.
    pub colored: bool,
}

impl Tone {
    /// A sensor that suits the light, more or less.
    pub fn random(rng: &mut Rng, conditions: Conditions) -> Self {
        let (gain, noise) = match conditions.illumination {
            Illumination::Day => (rng.between(0.8, 1.2), rng.between(0.5, 4.5)),
            Illumination::Dusk => (rng.between(1.0, 1.7), rng.between(1.5, 9.0)),
            Illumination::Night => (rng.between(1.0, 2.2), rng.between(3.0, 15.0)),
            Illumination::Infrared => (rng.between(0.9, 1.5), rng.between(2.0, 11.0)),
        };
        let hazy = conditions.weather != Weather::Clear;
        Self {
            gain,
            gamma: rng.between(0.82, 1.18),
            lift: if hazy || rng.odds(0.2) { rng.between(0.0, 0.14) } else { 0.0 },
            saturation: match conditions.illumination {
                Illumination::Infrared => 0.0,
                // Some cameras have no colour at all.
                _ if rng.odds(0.04) => 0.0,
                _ => rng.between(0.6, 1.15),
            },
            warmth: 1.0 + rng.bell() * 0.05,
            vignette: if rng.odds(0.5) { rng.between(0.0, 0.35) } else { 0.0 },
            noise,
            colored: conditions.illumination != Illumination::Infrared && rng.odds(0.5),
        }
    }

    fn curve(&self, factor: f32) -> [u8; 256] {
        let mut table = [0; 256];
        for (i, v) in table.iter_mut().enumerate() {
            let x = (i as f32 / 255.0 * self.gain * factor).max(0.0);
            // A shoulder, as sensors have: highlights bend before they clip.
            let x = if x > 0.8 { 0.8 + (x - 0.8) / (1.0 + 1.6 * (x - 0.8)) } else { x };
            let x = self.lift + (1.0 - self.lift) * x.powf(self.gamma);
            *v = (x * 255.0).clamp(0.0, 255.0) as u8;
        }
        table
    }
}

/// Develops the canvas into the exposed picture.
pub fn develop(canvas: &Canvas, tone: &Tone, rng: &mut Rng) -> Exposure {
    let (w, h) = (canvas.width() as usize, canvas.height() as usize);
    let curves = [tone.curve(tone.warmth), tone.curve(1.0), tone.curve(1.0 / tone.warmth)];
    let saturation = (tone.saturation * 256.0) as i32;
    let noise: Vec<i16> = bell_table().iter().map(|&n| (f32::from(n) * tone.noise / 32.0 * 16.0) as i16).collect();
    let mask = noise.len() - 1;
    // Loss of light towards the corners, of 65536, as a sum of a column's and a row's share.
    let loss = |i: usize, n: usize| {
        let t = 2.0 * i as f32 / n as f32 - 1.0;
        (t * t * 0.5 * tone.vignette * 65536.0) as i32
    };
    let columns: Vec<i32> = (0..w).map(|x| loss(x, w)).collect();
    let mut data = vec![0u8; w * h * 3];
    for (y, (row, out)) in canvas.data().chunks_exact(w * 4).zip(data.chunks_exact_mut(w * 3)).enumerate() {
        let row_loss = loss(y, h);
        let first = rng.below(1 << 16);
        let chroma = if tone.colored { (7919, 15_101) } else { (0, 0) };
        let pixels = row.chunks_exact(4).zip(out.chunks_exact_mut(3)).zip(&columns);
        for (at, ((p, out), &column)) in (first..).zip(pixels) {
            let light = 65536 - column - row_loss;
            let (r, g, b) = (
                i32::from(curves[0][usize::from(p[0])]),
                i32::from(curves[1][usize::from(p[1])]),
                i32::from(curves[2][usize::from(p[2])]),
            );
            let grey = (77 * r + 150 * g + 29 * b) >> 8;
            let n = [noise[at & mask], noise[(at + chroma.0) & mask], noise[(at + chroma.1) & mask]];
            for ((o, v), n) in out.iter_mut().zip([r, g, b]).zip(n) {
                let v = grey + (((v - grey) * saturation) >> 8);
                // Noise in sixteenths; shot noise grows with the light, but less than the light.
                let shot = 160 + (v >> 1);
                *o = (((v * light) >> 16) + ((i32::from(n) * shot) >> 12)).clamp(0, 255) as u8;
            }
        }
    }
    Exposure { width: w, height: h, data }
}
