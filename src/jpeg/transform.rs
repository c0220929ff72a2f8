//! Inverse cosine transforms of blocks to 8 × 8, 4 × 4, 2 × 2 or 1 × 1 samples, many blocks at a time.
//!
//! Owns the arithmetic. Smaller outputs are means of the samples that they stand for, computed from the low frequencies
//! alone: those of the mean over `8 / N` neighbours are the block's own, each damped by a factor of its frequency, which
//! costs nothing as it is folded into the quantisation steps. Knows nothing of codes.
//!
//! Coefficients lie frequency by frequency, so that the lanes of a vector are blocks and nothing is ever shuffled. In f32,
//! without fused operations: every processor computes the same samples.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use pulp::{Arch, Simd, WithSimd};

use super::scan::ZIGZAG;

/// Blocks that are transformed at once.
pub(super) const LANES: usize = 8;

/// Multipliers for the coefficients: that of horizontal frequency u and vertical frequency v stands at N·u + v.
pub(super) type Scale = [f32; 64];

/// The multipliers for N × N samples under quantisation `steps` (in zigzag order).
pub(super) fn scale<const N: usize>(steps: &[u16; 64]) -> Scale {
    let mut scale = [0.0; 64];
    for (&place, &step) in ZIGZAG.iter().zip(steps) {
        let (row, column) = (usize::from(place / 8), usize::from(place % 8));
        if row < N && column < N {
            scale[N * column + row] = f32::from(step) * weight::<N>(row) * weight::<N>(column);
        }
    }
    scale
}

/// What one frequency is multiplied by in each direction.
fn weight<const N: usize>(frequency: usize) -> f32 {
    let f = frequency as f32;
    if frequency == 0 {
        // 1/√8, the orthonormal transform's weight.
        return FRAC_1_SQRT_2 / 2.0;
    }
    // Mean of the cosine over 8/N neighbours, over the cosine in their middle.
    let span = 8 / N;
    let mean: f32 = (0..span).map(|x| ((2 * x + 1) as f32 * f * PI / 16.0).cos()).sum::<f32>() / span as f32;
    let middle = (span as f32 * f * PI / 16.0).cos();
    // The middle frequency's cosines are all ±1/√2.
    let folded = if 2 * frequency == N { FRAC_1_SQRT_2 } else { 1.0 };
    0.5 * mean / middle * folded
}

/// Nearest sample to a value around 0, in the lowest byte.
#[inline(always)]
fn to_sample(value: f32) -> u32 {
    // Added to 2^23, a number's fraction is rounded away and its whole part is in the low bits.
    const MAGIC: f32 = 8_388_608.0;
    ((value + 128.0).clamp(0.0, 255.0) + MAGIC).to_bits() & 0xFF
}

/// A row of blocks on its way to samples.
pub(super) struct BlockRow<'a, const N: usize> {
    /// For each of N × N frequencies, in [`Scale`]'s order, the coefficients of all blocks.
    pub coefficients: &'a [i16],
    /// Blocks, a multiple of [`LANES`].
    pub blocks: usize,
    pub scale: &'a Scale,
    /// N rows of N samples a block.
    pub samples: &'a mut [u8],
}

impl<const N: usize> BlockRow<'_, N> {
    /// Computes the samples.
    pub fn transform(self) {
        Arch::new().dispatch(self);
    }
}

impl<const N: usize> WithSimd for BlockRow<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { coefficients, blocks, scale, samples } = self;
        for first in (0..blocks).step_by(LANES) {
            // Horizontal frequencies become columns, then vertical ones rows.
            let mut columns = [[[0.0; LANES]; N]; N];
            for v in 0..N {
                let mut across = [[0.0; LANES]; N];
                for (u, lanes) in across.iter_mut().enumerate() {
                    let from = &coefficients[(N * u + v) * blocks + first..][..LANES];
                    *lanes = map(|lane| f32::from(from[lane]) * scale[N * u + v]);
                }
                for (x, lanes) in pass(across).into_iter().enumerate() {
                    columns[x][v] = lanes;
                }
            }
            let columns = columns.map(pass);
            for y in 0..N {
                let row = &mut samples[(y * blocks + first) * N..][..LANES * N];
                // A block's row is a word, made of its samples in the same lane.
                let half = |from: usize| -> [u32; LANES] {
                    std::array::from_fn(|lane| {
                        (from..N.min(from + 4))
                            .fold(0, |word, x| word | to_sample(columns[x][y][lane]) << (8 * (x - from)))
                    })
                };
                let low = half(0);
                if N == 8 {
                    let high = half(4);
                    for ((block, low), high) in row.chunks_exact_mut(8).zip(low).zip(high) {
                        block.copy_from_slice(&(u64::from(low) | u64::from(high) << 32).to_le_bytes());
                    }
                } else {
                    for (block, low) in row.chunks_exact_mut(N).zip(low) {
                        block.copy_from_slice(&low.to_le_bytes()[..N]);
                    }
                }
            }
        }
    }
}

/// One vector of blocks for each of `N` frequencies or samples.
type Vectors<const N: usize> = [[f32; LANES]; N];

#[inline(always)]
fn map(f: impl FnMut(usize) -> f32) -> [f32; LANES] {
    std::array::from_fn(f)
}

/// Frequencies to samples in one direction.
#[inline(always)]
fn pass<const N: usize>(a: Vectors<N>) -> Vectors<N> {
    let mut out = a;
    match N {
        1 => {}
        2 => (out[0], out[1]) = (map(|l| a[0][l] + a[1][l]), map(|l| a[0][l] - a[1][l])),
        4 => four(&a, &mut out),
        _ => eight(&a, &mut out),
    }
    out
}

/// cos(n π / 16).
const COS: [f32; 8] =
    [1.0, 0.980_785_25, 0.923_879_5, 0.831_469_6, 0.707_106_77, 0.555_570_24, 0.382_683_43, 0.195_090_32];

#[inline(always)]
fn four<const N: usize>(a: &Vectors<N>, out: &mut Vectors<N>) {
    let even0 = map(|l| a[0][l] + a[2][l]);
    let even1 = map(|l| a[0][l] - a[2][l]);
    let odd0 = map(|l| COS[2] * a[1][l] + COS[6] * a[3][l]);
    let odd1 = map(|l| COS[6] * a[1][l] - COS[2] * a[3][l]);
    out[0] = map(|l| even0[l] + odd0[l]);
    out[1] = map(|l| even1[l] + odd1[l]);
    out[2] = map(|l| even1[l] - odd1[l]);
    out[3] = map(|l| even0[l] - odd0[l]);
}

#[inline(always)]
fn eight<const N: usize>(a: &Vectors<N>, out: &mut Vectors<N>) {
    /// The odd frequencies' cosines (1, 3, 5, 7) at the first four samples.
    const ODD: [[f32; 4]; 4] = [
        [COS[1], COS[3], COS[5], COS[7]],
        [COS[3], -COS[7], -COS[1], -COS[5]],
        [COS[5], -COS[1], COS[7], COS[3]],
        [COS[7], -COS[5], COS[3], -COS[1]],
    ];
    for (x, [c1, c3, c5, c7]) in ODD.into_iter().enumerate() {
        // Frequencies 0, 4 and 2, 6 repeat with the signs of these.
        let (sign, c2, c6) =
            [(1.0, COS[2], COS[6]), (-1.0, COS[6], -COS[2]), (-1.0, -COS[6], COS[2]), (1.0, -COS[2], -COS[6])][x];
        let even = map(|l| a[0][l] + sign * a[4][l] + c2 * a[2][l] + c6 * a[6][l]);
        let odd = map(|l| c1 * a[1][l] + c3 * a[3][l] + c5 * a[5][l] + c7 * a[7][l]);
        out[x] = map(|l| even[l] + odd[l]);
        out[7 - x] = map(|l| even[l] - odd[l]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: sums over all frequencies at each sample.
    fn reference(natural: &[f32; 64]) -> [f32; 64] {
        let weight = |f: usize| if f == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
        let cos = |x: usize, f: usize| ((2 * x + 1) as f32 * f as f32 * PI / 16.0).cos();
        let mut out = [0.0; 64];
        for (at, sample) in out.iter_mut().enumerate() {
            for (place, value) in natural.iter().enumerate() {
                let (v, u) = (place / 8, place % 8);
                *sample += value * weight(u) * weight(v) * cos(at % 8, u) * cos(at / 8, v);
            }
        }
        out
    }

    /// The largest difference between N × N samples and the means of the reference, for a block that has only the
    /// frequencies below `N`.
    fn worst<const N: usize>(values: &[i16], steps: &[u16; 64]) -> f32 {
        let (mut coefficients, mut natural) = (vec![0; 64 * LANES], [0.0; 64]);
        // Another lane has other values, whatever the first has.
        let lane = values[0].unsigned_abs() as usize % LANES;
        for ((&place, &step), &value) in ZIGZAG.iter().zip(steps).zip(values) {
            let (row, column) = (usize::from(place / 8), usize::from(place % 8));
            if row < N && column < N {
                coefficients[(N * column + row) * LANES + lane] = value;
                natural[usize::from(place)] = f32::from(value) * f32::from(step);
            }
        }
        let full = reference(&natural);
        let mut samples = [0; 64 * LANES];
        let scale = scale::<N>(steps);
        BlockRow::<N> { coefficients: &coefficients, blocks: LANES, scale: &scale, samples: &mut samples }.transform();
        let sample = |at: usize| samples[(at / N * LANES + lane) * N + at % N];
        let span = 8 / N;
        let mean = |at: usize| {
            let (y, x) = (at / N * span, at % N * span);
            let cells = (0..span * span).map(|i| full[8 * (y + i / span) + x + i % span]);
            (cells.sum::<f32>() / (span * span) as f32 + 128.0).clamp(0.0, 255.0)
        };
        (0..N * N).map(|at| (mean(at) - f32::from(sample(at))).abs()).fold(0.0, f32::max)
    }

    proptest! {
        #[test]
        fn samples_are_means_of_the_definition(
            values in prop::collection::vec(-60i16..60, 64),
            steps in prop::array::uniform32(1u16..12),
        ) {
            let steps: [u16; 64] = std::array::from_fn(|i| steps[i / 2]);
            prop_assert!(worst::<8>(&values, &steps) < 0.51);
            prop_assert!(worst::<4>(&values, &steps) < 0.51);
            prop_assert!(worst::<2>(&values, &steps) < 0.51);
            prop_assert!(worst::<1>(&values, &steps) < 0.51);
        }
    }
}
