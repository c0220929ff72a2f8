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
    /// Bands of less light, where lamps flicker while the rows are read out.
    pub flicker: Option<Flicker>,
}

/// A lamp that flickers.
#[derive(Clone, Copy, Debug)]
pub struct Flicker {
    /// From one dark band to the next, in shares of the picture's height.
    pub period: f32,
    /// Where the first one lies, in shares of the period.
    pub phase: f32,
    /// Loss of light in a band's middle, 0 to 1.
    pub depth: f32,
}

impl Flicker {
    /// Factor on the light of row `y` of `h`, of 32768.
    fn light(&self, y: usize, h: usize) -> i32 {
        let turn = std::f32::consts::TAU * (y as f32 / h as f32 / self.period + self.phase);
        // Driven by pulses, a lamp is on or off; the rows' exposure rounds the edges.
        let dark = (2.5 * turn.cos()).clamp(-1.0, 1.0) * 0.5 + 0.5;
        ((1.0 - self.depth * dark) * 32768.0) as i32
    }
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
        // Automatic exposure errs.
        let gain = if rng.odds(0.07) { gain * rng.pick(&[0.55, 0.7, 1.45, 1.8]) } else { gain };
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
            flicker: None,
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
    // Noise in sixteenths, a value for each of a pixel's three channels, repeated so that a row may begin anywhere.
    let bells = bell_table();
    let spread = if tone.colored { [0, 7919, 15_101] } else { [0; 3] };
    let scale = tone.noise / 32.0 * 16.0;
    let scaled: Vec<i16> = bells.iter().map(|&n| (f32::from(n) * scale) as i16).collect();
    let period = 1 << 13;
    let noise: Vec<i16> =
        (0..period + w).flat_map(|i| spread.map(|s| scaled[((i % period) * 5 + s) % scaled.len()])).collect();
    // Loss of light towards the corners, of 32768, as a sum of a column's and a row's share.
    let loss = |i: usize, n: usize| {
        let t = 2.0 * i as f32 / n as f32 - 1.0;
        (t * t * 0.5 * tone.vignette * 32768.0) as i32
    };
    let columns: Vec<i32> = (0..w).flat_map(|x| [32768 - loss(x, w); 3]).collect();
    let mut data = vec![0u8; w * h * 3];
    let mut curved = vec![0i32; w * 3];
    for (y, (row, out)) in canvas.data().chunks_exact(w * 4).zip(data.chunks_exact_mut(w * 3)).enumerate() {
        for (p, v) in row.chunks_exact(4).zip(curved.chunks_exact_mut(3)) {
            let rgb: [i32; 3] = std::array::from_fn(|c| i32::from(curves[c][usize::from(p[c])]));
            let grey = (77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2]) >> 8;
            for (v, c) in v.iter_mut().zip(rgb) {
                *v = grey + (((c - grey) * saturation) >> 8);
            }
        }
        let dark = loss(y, h);
        let lamp = tone.flicker.map_or(32768, |flicker| flicker.light(y, h));
        let first = rng.below(period) * 3;
        // Straight lines of arithmetic without a table: the compiler makes vectors of it.
        for (((o, &v), &light), &n) in out.iter_mut().zip(&curved).zip(&columns).zip(&noise[first..first + w * 3]) {
            // Shot noise grows with the light, but less than the light.
            let shot = 160 + (v >> 1);
            let lit = (v * (light - dark)) >> 15;
            *o = (((lit * lamp) >> 15) + ((i32::from(n) * shot) >> 12)).clamp(0, 255) as u8;
        }
    }
    Exposure { width: w, height: h, data }
}
