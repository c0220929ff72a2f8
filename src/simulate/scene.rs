//! Words that everything drawn shares: light, weather, the canvas, the source of chance.
//!
//! Everything is drawn in daylight colours; the camera grades the finished canvas to what [`Conditions`] say.

/// What lights the scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illumination {
    /// Sun or bright cloud.
    Day,
    /// Low light, still colours.
    Dusk,
    /// Lamps only.
    Night,
    /// An infrared flash: grey, bright plates, dark background.
    Infrared,
}

/// What stands between the scene and the lens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Clear,
    /// Streaks, a wet ground, low contrast.
    Rain,
    /// A low sun or a lamp into the lens.
    Glare,
}

/// Light and weather of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// What lights the scene.
    pub illumination: Illumination,
    /// What stands between the scene and the lens.
    pub weather: Weather,
}

/// The source of chance: portable, so that the same seed gives the same picture everywhere.
pub type Rng = rand_chacha::ChaCha8Rng;

/// What is drawn on: premultiplied RGBA, anti-aliased paths.
pub type Canvas = tiny_skia::Pixmap;
