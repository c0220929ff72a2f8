//! CenterFace's outputs, at a quarter of the input's size: where faces' centres are, how large they are, and where in
//! the cell the centre is. The landmarks after them are of no use here and may be missing.

use super::{Candidate, OnnxError, Outputs, Sides};
use crate::capture::RegionKind;
use crate::geometry::Rect;

const STRIDE: usize = 4;

pub fn decode(outputs: &mut Outputs<'_>, sides: Sides, least: f32) -> Result<Vec<Candidate>, OnnxError> {
    let (columns, rows) = (sides.width / STRIDE, sides.height / STRIDE);
    // Known by their order: the published file numbers them only.
    let mut of = |at: usize, channels: usize| {
        let (shape, data) = outputs.take::<4>(at)?;
        let due = [1, channels, rows, columns];
        if shape == due { Ok(data) } else { Err(outputs.wrong_shape(at, &shape, format!("{due:?}"))) }
    };
    let (heat, scale, offset) = (of(0, 1)?, of(1, 2)?, of(2, 2)?);
    let cells = rows * columns;
    let mut found = Vec::new();
    for (cell, &score) in heat.iter().enumerate() {
        if !score.is_finite() {
            return Err(OnnxError::NotFinite);
        }
        if score < least {
            continue;
        }
        let pixels = STRIDE as f32;
        // Down first, across second, in both.
        let (h, w) = (scale[cell].exp() * pixels, scale[cells + cell].exp() * pixels);
        let (x, y) = ((cell % columns) as f32, (cell / columns) as f32);
        let (cy, cx) = ((y + offset[cell] + 0.5) * pixels, (x + offset[cells + cell] + 0.5) * pixels);
        let bounds = Rect::new(cx - w / 2.0, cy - h / 2.0, w, h);
        found.push(Candidate { kind: RegionKind::Face, bounds, score: score.min(1.0) });
    }
    Ok(found)
}
