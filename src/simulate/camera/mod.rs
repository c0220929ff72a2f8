//! The camera: what light, glass, sensor and file format do to a finished canvas.
//!
//! Owns grading, glow, blur, noise and encoding. Knows nothing of what the picture shows beyond lamps and mirrors.

pub mod encode;
mod exif;
mod light;
mod optics;
mod sensor;

pub use self::exif::Position;
pub use self::light::{Glow, Reflector};
pub use self::optics::Lens;

use super::chance::Chance;
use super::scene::{Canvas, Conditions, Illumination, Rng, Weather};

/// An exposed picture: 8-bit RGB, rows top down without gaps.
pub struct Exposure {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width × height × 3` bytes.
    pub data: Vec<u8>,
}

/// Everything about one exposure that is not in the scene.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What lights the scene and what stands before it.
    pub conditions: Conditions,
    /// Distortion; most lenses have none worth drawing.
    pub lens: Option<Lens>,
    /// Standard deviation of the focus blur in pixels.
    pub blur: f32,
    /// Smear by movement, in pixels.
    pub motion: (f32, f32),
    /// Sensor and development.
    pub tone: sensor::Tone,
    /// Seeds light pools, streaks and noise.
    pub seed: u64,
}

impl Settings {
    /// A camera that may have any of the usual defects; `scale` is the picture's height over 720.
    pub fn random(rng: &mut Rng, conditions: Conditions, scale: f32) -> Self {
        let dark = matches!(conditions.illumination, Illumination::Night | Illumination::Dusk);
        let blur = if rng.odds(0.55) { 0.0 } else { rng.unit().powi(2) * if dark { 2.0 } else { 1.6 } };
        let motion = if rng.odds(if dark { 0.16 } else { 0.07 }) {
            let length = rng.between(1.5, if dark { 8.0 } else { 6.0 });
            let angle = rng.bell() * 0.5;
            (length * angle.cos() * scale, length * angle.sin() * scale)
        } else {
            (0.0, 0.0)
        };
        Self {
            lens: rng.odds(0.1).then(|| Lens::random(rng)),
            blur: blur * scale,
            motion,
            tone: sensor::Tone::random(rng, conditions),
            seed: (u64::from(rng.unit().to_bits()) << 32) | u64::from(rng.unit().to_bits()),
            conditions,
        }
        .under_lamps()
    }

    /// Some lamps flicker, by night and at dusk above all.
    fn under_lamps(mut self) -> Self {
        let mut rng = super::chance::dice(self.seed, "lamps", 0);
        let often = match self.conditions.illumination {
            Illumination::Day | Illumination::Infrared => 0.02,
            Illumination::Dusk | Illumination::Night => 0.07,
        };
        self.tone.flicker = rng.odds(often).then(|| sensor::Flicker {
            period: rng.between(0.08, 0.5),
            phase: rng.unit(),
            depth: rng.between(0.2, 0.6),
        });
        self
    }

    /// Spread of a point in pixels by blur and movement together: what decides whether small letters can be read.
    pub fn smear(&self) -> f32 {
        2.0 * self.blur + self.motion.0.hypot(self.motion.1)
    }

    /// Where a canvas point lies on the exposed picture of `width`×`height`.
    pub fn moved(&self, point: (f32, f32), width: f32, height: f32) -> (f32, f32) {
        self.lens.map_or(point, |lens| lens.image_of(point, width, height))
    }

    /// Exposes the canvas, which serves as scratch and is left in no useful state.
    pub fn expose(&self, canvas: &mut Canvas, glows: &[Glow], reflectors: &[Reflector]) -> Exposure {
        let mut rng = super::chance::dice(self.seed, "expose", 0);
        self.light(canvas, glows, reflectors, &mut rng);
        sensor::develop(canvas, &self.tone, &mut rng)
    }

    /// Exposes frame `number` of a film: light, weather and glass are those of all its frames, noise is its own.
    pub fn expose_frame(&self, canvas: &mut Canvas, glows: &[Glow], reflectors: &[Reflector], number: u64) -> Exposure {
        self.light(canvas, glows, reflectors, &mut super::chance::dice(self.seed, "expose", 0));
        sensor::develop(canvas, &self.tone, &mut super::chance::dice(self.seed, "noise", number))
    }

    fn light(&self, canvas: &mut Canvas, glows: &[Glow], reflectors: &[Reflector], rng: &mut Rng) {
        light::grade(canvas, self.conditions, reflectors, rng);
        light::glow(canvas, self.conditions, glows);
        match self.conditions.weather {
            Weather::Rain => light::rain(canvas, rng),
            Weather::Glare => light::glare(canvas, self.conditions, rng),
            Weather::Clear => {}
        }
        if let Some(lens) = self.lens {
            lens.distort(canvas);
        }
        if self.blur > 0.25 {
            optics::blur(canvas, self.blur);
        }
        if self.motion.0.hypot(self.motion.1) > 1.0 {
            optics::smear(canvas, self.motion);
        }
    }
}
