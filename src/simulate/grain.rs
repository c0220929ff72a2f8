//! Tables of smooth and of bell-shaped noise, made once and read by everything that is not flat.

use std::sync::OnceLock;

use super::chance::{Chance, dice};

/// Smooth noise on a torus of `SIDE`×`SIDE`, 0 to 255 with mean near 128.
pub struct Grain(Vec<u8>);

/// Side of the smooth noise, a power of two.
const SIDE: usize = 256;

impl Grain {
    /// The table.
    pub fn shared() -> &'static Self {
        static TABLE: OnceLock<Grain> = OnceLock::new();
        TABLE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let mut rng = dice(0, "grain", 0);
        let mut sum = vec![0.0f32; SIDE * SIDE];
        let mut weight = 1.0;
        for cells in [8usize, 16, 32, 64, 128, 256] {
            let lattice: Vec<f32> = (0..cells * cells).map(|_| rng.unit() - 0.5).collect();
            let step = SIDE / cells;
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let (cx, cy) = (x / step, y / step);
                    let smooth = |t: usize| {
                        let t = t as f32 / step as f32;
                        t * t * (3.0 - 2.0 * t)
                    };
                    let (fx, fy) = (smooth(x % step), smooth(y % step));
                    let at = |i: usize, j: usize| lattice[(j % cells) * cells + i % cells];
                    let top = at(cx, cy) * (1.0 - fx) + at(cx + 1, cy) * fx;
                    let low = at(cx, cy + 1) * (1.0 - fx) + at(cx + 1, cy + 1) * fx;
                    sum[y * SIDE + x] += weight * (top * (1.0 - fy) + low * fy);
                }
            }
            weight *= 0.62;
        }
        Self(sum.iter().map(|v| (128.0 + v * 150.0).clamp(0.0, 255.0) as u8).collect())
    }

    /// The noise at whole coordinates, wrapped around.
    pub fn at(&self, x: usize, y: usize) -> u8 {
        self.0[(y & (SIDE - 1)) * SIDE + (x & (SIDE - 1))]
    }

    /// One row of the noise, `SIDE` long.
    pub fn row(&self, y: usize) -> &[u8] {
        let start = (y & (SIDE - 1)) * SIDE;
        &self.0[start..start + SIDE]
    }
}

/// Bell-shaped noise with a standard deviation of 32, for the sensor; a power of two long.
pub fn bell_table() -> &'static [i8] {
    static TABLE: OnceLock<Vec<i8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut rng = dice(0, "bell", 0);
        (0..1 << 16).map(|_| (rng.bell() * 32.0).clamp(-127.0, 127.0) as i8).collect()
    })
}
