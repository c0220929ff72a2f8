//! Glass: distortion, focus, movement.

use super::super::chance::Chance;
use super::super::scene::{Canvas, Rng};

/// Radial distortion and a tilt of the whole picture.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Share by which the corners move: positive pulls them in (barrel).
    barrel: f32,
    /// Radians clockwise.
    tilt: f32,
}

impl Lens {
    /// Some lens.
    pub fn random(rng: &mut Rng) -> Self {
        Self { barrel: rng.between(-0.02, 0.09), tilt: rng.bell() * 0.03 }
    }

    /// The canvas point that shows at an image point.
    fn source_of(self, (x, y): (f32, f32), w: f32, h: f32) -> (f32, f32) {
        let (dx, dy) = (x - w / 2.0, y - h / 2.0);
        let (s, c) = self.tilt.sin_cos();
        let (dx, dy) = (dx * c + dy * s, dy * c - dx * s);
        let r = 4.0 * (dx * dx + dy * dy) / (w * w + h * h);
        let k = 1.0 + self.barrel * (r - 0.35);
        (w / 2.0 + dx * k, h / 2.0 + dy * k)
    }

    /// The image point at which a canvas point shows: the inverse of `source_of`, by iteration.
    pub fn image_of(self, point: (f32, f32), w: f32, h: f32) -> (f32, f32) {
        let mut guess = point;
        for _ in 0..12 {
            let at = self.source_of(guess, w, h);
            guess = (guess.0 + (point.0 - at.0) * 0.9, guess.1 + (point.1 - at.1) * 0.9);
        }
        guess
    }

    /// Bends the canvas; what comes from outside repeats the edge.
    pub fn distort(self, canvas: &mut Canvas) {
        let (w, h) = (canvas.width() as usize, canvas.height() as usize);
        let (fw, fh) = (w as f32, h as f32);
        let source = canvas.data().to_vec();
        let stride = w * 4;
        const STEP: usize = 16;
        for (y, row) in canvas.data_mut().chunks_exact_mut(stride).enumerate() {
            let mut left = self.source_of((0.5, y as f32 + 0.5), fw, fh);
            for (i, part) in row.chunks_mut(STEP * 4).enumerate() {
                let right = self.source_of(((i + 1) as f32 * STEP as f32 + 0.5, y as f32 + 0.5), fw, fh);
                let step = ((right.0 - left.0) / STEP as f32, (right.1 - left.1) / STEP as f32);
                let (mut x, mut v) = (left.0 - 0.5, left.1 - 0.5);
                for p in part.chunks_exact_mut(4) {
                    let (cx, cy) = (x.clamp(0.0, fw - 1.001), v.clamp(0.0, fh - 1.001));
                    let (x0, y0) = (cx as usize, cy as usize);
                    let (ax, ay) = (((cx - x0 as f32) * 256.0) as u32, ((cy - y0 as f32) * 256.0) as u32);
                    let at = y0 * stride + x0 * 4;
                    for c in 0..3 {
                        let top = u32::from(source[at + c]) * (256 - ax) + u32::from(source[at + 4 + c]) * ax;
                        let low = u32::from(source[at + stride + c]) * (256 - ax)
                            + u32::from(source[at + stride + 4 + c]) * ax;
                        p[c] = ((top * (256 - ay) + low * ay) >> 16) as u8;
                    }
                    x += step.0;
                    v += step.1;
                }
                left = right;
            }
        }
    }
}

/// Bell-shaped blur with standard deviation `sigma` pixels.
pub fn blur(canvas: &mut Canvas, sigma: f32) {
    let reach = (sigma * 2.4).ceil().clamp(1.0, 12.0) as i32;
    let weights: Vec<f32> = (-reach..=reach).map(|i| (-((i * i) as f32) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let mut taps: Vec<(i32, u32)> = (-reach..=reach).zip(weights.iter().map(|w| (w / sum * 256.0) as u32)).collect();
    // What rounding down lost goes to the middle: the weights must sum to 256 exactly, or sums overflow.
    taps[reach as usize].1 += 256 - taps.iter().map(|t| t.1).sum::<u32>();
    let across: Vec<_> = taps.iter().map(|&(i, w)| ((i, 0), w)).collect();
    let down: Vec<_> = taps.iter().map(|&(i, w)| ((0, i), w)).collect();
    convolve(canvas, &across);
    convolve(canvas, &down);
}

/// Smear along `motion` pixels.
pub fn smear(canvas: &mut Canvas, motion: (f32, f32)) {
    let n = (motion.0.hypot(motion.1).ceil() as i32).clamp(2, 12);
    let weight = (256 / n) as u32;
    let taps: Vec<_> = (0..n)
        .map(|i| {
            let t = (i as f32 + 0.5) / n as f32 - 0.5;
            (((motion.0 * t).round() as i32, (motion.1 * t).round() as i32), weight)
        })
        .collect();
    convolve(canvas, &taps);
}

/// Sums shifted copies; weights are of 256 and add up to no more. Edges repeat.
fn convolve(canvas: &mut Canvas, taps: &[((i32, i32), u32)]) {
    let (w, h) = (canvas.width() as usize, canvas.height() as usize);
    let total: u32 = taps.iter().map(|t| t.1).sum::<u32>().max(1);
    let scale = (256 * 256 / total) as u16;
    let reach = taps.iter().map(|t| t.0.0.unsigned_abs() as usize).max().unwrap_or(0);
    let stride = w * 4;
    // Rows with their edges repeated, so that the inner loop has no conditions.
    let padded = stride + reach * 8;
    let mut source = vec![0u8; padded * h];
    for (row, out) in canvas.data().chunks_exact(stride).zip(source.chunks_exact_mut(padded)) {
        out[reach * 4..reach * 4 + stride].copy_from_slice(row);
        for i in 0..reach {
            out.copy_within(reach * 4..reach * 4 + 4, i * 4);
            out.copy_within(reach * 4 + stride - 4..reach * 4 + stride, (reach + w + i) * 4);
        }
    }
    let mut sums = vec![0u16; stride];
    for (y, row) in canvas.data_mut().chunks_exact_mut(stride).enumerate() {
        sums.fill(0);
        for &((dx, dy), weight) in taps {
            let from = (y as i32 + dy).clamp(0, h as i32 - 1) as usize * padded + ((reach as i32 + dx) * 4) as usize;
            let weight = weight as u16;
            for (s, &v) in sums.iter_mut().zip(&source[from..from + stride]) {
                *s += u16::from(v) * weight;
            }
        }
        for (v, &s) in row.iter_mut().zip(&sums) {
            *v = ((u32::from(s) * u32::from(scale)) >> 16).min(255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lens_maps_points_back() {
        let lens = Lens { barrel: 0.08, tilt: 0.05 };
        for point in [(10.0, 20.0), (640.0, 360.0), (1200.0, 700.0)] {
            let image = lens.image_of(point, 1280.0, 720.0);
            let back = lens.source_of(image, 1280.0, 720.0);
            assert!((back.0 - point.0).hypot(back.1 - point.1) < 0.05, "{point:?} {back:?}");
        }
    }

    #[test]
    fn blur_and_smear_keep_a_flat_picture_flat() {
        let mut canvas = Canvas::new(40, 30).expect("small");
        for value in [0u8, 100, 255] {
            for sigma in [0.3, 0.5, 0.8, 1.0, 1.7, 3.0, 4.5] {
                for motion in [(2.0, 0.0), (5.0, -3.0), (7.3, 2.0), (0.0, 11.5)] {
                    canvas.data_mut().fill(value);
                    blur(&mut canvas, sigma);
                    smear(&mut canvas, motion);
                    let off = canvas.data().iter().map(|v| v.abs_diff(value)).max();
                    assert!(off <= Some(3), "{value} {sigma} {motion:?}: off by {off:?}");
                }
            }
        }
    }
}
