//! Lays a flat picture onto a quadrilateral of the canvas.

use imageproc::geometric_transformations::Projection;

use super::PlateArt;
use crate::geometry::Rect;
use crate::simulate::scene::Canvas;

/// Four corners in canvas pixels: top left, top right, bottom right, bottom left, as the plate is read.
pub type Quad = [(f32, f32); 4];

/// Lays `art` onto the canvas so that the plate itself (without its holder's margin) fills `quad`; `light` multiplies its
/// colours at the top and the bottom edge. Does nothing for a degenerate quad.
pub fn lay(canvas: &mut Canvas, art: &PlateArt, quad: &Quad, light: (f32, f32)) {
    let (tw, th) = (art.canvas.width() as f32, art.canvas.height() as f32);
    let (mx, my) = art.margin;
    // The plate's corners inside its picture.
    let (left, right) = (tw * mx / (1.0 + 2.0 * mx), tw * (1.0 + mx) / (1.0 + 2.0 * mx));
    let (top, low) = (th * my / (1.0 + 2.0 * my), th * (1.0 + my) / (1.0 + 2.0 * my));
    let Some(to_canvas) =
        Projection::from_control_points([(left, top), (right, top), (right, low), (left, low)], *quad)
    else {
        return;
    };
    let around = Rect::around([(0.0, 0.0), (tw, 0.0), (tw, th), (0.0, th)].map(|p| to_canvas * p));
    let size = crate::geometry::Size::new(canvas.width(), canvas.height());
    let Some(area) = around.pixels(size) else { return };
    if around.w > 20.0 * size.width as f32 || around.h > 20.0 * size.height as f32 {
        return;
    }
    let back = to_canvas.invert();
    let plate_width = (quad[1].0 - quad[0].0).hypot(quad[1].1 - quad[0].1).max(1.0);
    let plate_height = (quad[3].0 - quad[0].0).hypot(quad[3].1 - quad[0].1).max(1.0);
    let taps_x = (((right - left) / plate_width).ceil() as usize).clamp(1, 6);
    let taps_y = (((low - top) / plate_height).ceil() as usize).clamp(1, 6);
    let source = art.canvas.data();
    let stride = art.canvas.width() as usize * 4;
    let canvas_stride = size.width as usize * 4;
    let (last_x, last_y) = (art.canvas.width() as i32 - 1, art.canvas.height() as i32 - 1);
    let share = 1.0 / (taps_x * taps_y) as f32;
    let target = canvas.data_mut();
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            let mut sum = [0.0f32; 4];
            let mut down = 0.0;
            for j in 0..taps_y {
                for i in 0..taps_x {
                    let p = (x as f32 + (i as f32 + 0.5) / taps_x as f32, y as f32 + (j as f32 + 0.5) / taps_y as f32);
                    let (u, v) = back * p;
                    down += v;
                    let (fu, fv) = (u - 0.5, v - 0.5);
                    if !(fu > -1.0 && fv > -1.0 && fu < tw && fv < th) {
                        continue;
                    }
                    let (x0, y0) = (fu.floor() as i32, fv.floor() as i32);
                    let (ax, ay) = (fu - x0 as f32, fv - y0 as f32);
                    for (dy, wy) in [(0, 1.0 - ay), (1, ay)] {
                        for (dx, wx) in [(0, 1.0 - ax), (1, ax)] {
                            let (sx, sy) = (x0 + dx, y0 + dy);
                            if sx < 0 || sy < 0 || sx > last_x || sy > last_y {
                                continue;
                            }
                            let at = sy as usize * stride + sx as usize * 4;
                            for (s, &c) in sum.iter_mut().zip(&source[at..at + 4]) {
                                *s += wx * wy * f32::from(c);
                            }
                        }
                    }
                }
            }
            let down = (down * share / th).clamp(0.0, 1.0);
            let lit = light.0 + (light.1 - light.0) * down;
            let alpha = sum[3] * share / 255.0;
            if alpha <= 0.0 {
                continue;
            }
            let at = y as usize * canvas_stride + x as usize * 4;
            for (t, s) in target[at..at + 3].iter_mut().zip(sum) {
                *t = (s * share * lit + f32::from(*t) * (1.0 - alpha)).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// The box around a quad.
pub fn around(quad: &Quad) -> Rect {
    Rect::around(quad.iter().copied())
}
