//! YuNet's outputs: for each stride, for each cell, the confidence that it is a face, that it is anything, a box and
//! landmarks. The landmarks are of no use here and may be missing.

use super::{Candidate, OnnxError, Outputs, Sides};
use crate::capture::RegionKind;
use crate::geometry::Rect;

const STRIDES: [usize; 3] = [8, 16, 32];

pub fn decode(outputs: &mut Outputs<'_>, sides: Sides, least: f32) -> Result<Vec<Candidate>, OnnxError> {
    let mut found = Vec::new();
    for stride in STRIDES {
        let (columns, rows) = (sides.width / stride, sides.height / stride);
        let mut of = |what: &str, numbers: usize| {
            let at = outputs.position(&format!("{what}_{stride}"))?;
            let (shape, data) = outputs.take::<3>(at)?;
            let due = [1, rows * columns, numbers];
            if shape == due { Ok(data) } else { Err(outputs.wrong_shape(at, &shape, format!("{due:?}"))) }
        };
        let (classes, objects, boxes) = (of("cls", 1)?, of("obj", 1)?, of("bbox", 4)?);
        for (cell, ((class, object), numbers)) in classes.iter().zip(&objects).zip(boxes.chunks_exact(4)).enumerate() {
            // Checked first: clamping would make a number of what is none.
            if !class.is_finite() || !object.is_finite() {
                return Err(OnnxError::NotFinite);
            }
            let score = (class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0)).sqrt();
            if score < least {
                continue;
            }
            let pixels = stride as f32;
            let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
            let (cx, cy) = ((x + numbers[0]) * pixels, (y + numbers[1]) * pixels);
            let (w, h) = (numbers[2].exp() * pixels, numbers[3].exp() * pixels);
            let bounds = Rect::new(cx - w / 2.0, cy - h / 2.0, w, h);
            found.push(Candidate { kind: RegionKind::Face, bounds, score });
        }
    }
    Ok(found)
}
