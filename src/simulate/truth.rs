//! What a picture shows, as the lines of `truth.jsonl` and `captures.csv` state it.

use serde::Serialize;

use crate::geometry::Rect;

/// One line of `truth.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// Relative to the simulation's folder.
    pub path: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Plates, faces and heads that can be made out.
    pub regions: Vec<Region>,
    /// Boxes of such that are there but too small, too dark or too hidden to be asked for.
    pub ignore: Vec<[f32; 4]>,
    /// `vehicle`, `travellers`, `empty` or `plate`.
    pub scene: &'static str,
    /// How the picture was taken.
    pub conditions: Taken,
}

/// One plate, face or head.
#[derive(Clone, Debug, Serialize)]
pub struct Region {
    /// `plate`, `face`, or `head`: one of which no face is to be seen, from behind or behind a dark visor.
    pub kind: &'static str,
    /// x, y, width, height in pixels: tight.
    #[serde(rename = "box")]
    pub bounds: [f32; 4],
    /// What a plate says, where it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The plate's corners: top left, top right, bottom right, bottom left as read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quad: Option<[[f32; 2]; 4]>,
    /// Who issued the plate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<&'static str>,
    /// The vehicle, the same whenever it comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle_id: Option<String>,
    /// The person, the same whenever they come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
    /// Monk scale, 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skin_tone: Option<u8>,
    /// How far a face or head is turned to a side, in degrees: 0 looks into the camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yaw: Option<i16>,
}

/// How the picture was taken.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// `day`, `dusk`, `night` or `infrared`.
    pub illumination: &'static str,
    /// `clear`, `rain` or `glare`.
    pub weather: &'static str,
    /// Focus blur and smear together, pixels.
    pub smear: f32,
    /// Noise, standard deviation of 255.
    pub noise: f32,
}

/// One row of `captures.csv`.
#[derive(Clone, Debug, Serialize)]
pub struct CaptureRow {
    /// Relative to the simulation's folder.
    pub file: String,
    /// Port of entry.
    pub site: &'static str,
    /// Lane or booth.
    pub lane: String,
    /// `in` or `out`.
    pub direction: &'static str,
    /// RFC 3339.
    pub timestamp: String,
    /// Retention class.
    pub class: &'static str,
}

/// A box rounded to tenths of pixels.
pub fn tenths(rect: Rect) -> [f32; 4] {
    [rect.x, rect.y, rect.w, rect.h].map(|v| (v * 10.0).round() / 10.0)
}
