//! Inverse cosine transforms of blocks to 8 × 8, 4 × 4, 2 × 2 or 1 × 1 samples, many blocks at a time.
//!
//! Owns the arithmetic. Smaller outputs are means of the samples that they stand for, computed from the low frequencies
//! alone: those of the mean over `8 / N` neighbours are the block's own, each damped by a factor of its frequency, which
//! costs nothing as it is folded into the quantisation steps. Knows nothing of codes.
//!
//! Coefficients lie frequency by frequency, so that the lanes of a vector are blocks and nothing is ever shuffled. In f32,
//! without fused operations: every processor computes the same samples.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use pulp::{Simd, WithSimd};

use crate::simd;

use super::scan::ZIGZAG;

/// Blocks come in multiples of this: the lanes of the widest vectors.
pub(super) const LANES: usize = 16;

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
    let mean: f32 = (0..span).map(|x| libm::cosf((2 * x + 1) as f32 * f * PI / 16.0)).sum::<f32>() / span as f32;
    let middle = libm::cosf(span as f32 * f * PI / 16.0);
    // The middle frequency's cosines are all ±1/√2.
    let folded = if 2 * frequency == N { FRAC_1_SQRT_2 } else { 1.0 };
    0.5 * mean / middle * folded
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
        simd::run(self);
    }
}

impl<const N: usize> WithSimd for BlockRow<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { coefficients, blocks, scale, samples } = self;
        let zero = simd.splat_f32s(0.0);
        let mut words = [0u64; LANES];
        for first in (0..blocks).step_by(S::F32_LANES) {
            // Horizontal frequencies become columns, then vertical ones rows.
            let mut columns = [[zero; N]; N];
            for v in 0..N {
                let mut across = [zero; N];
                for (u, vector) in across.iter_mut().enumerate() {
                    let from = &coefficients[(N * u + v) * blocks + first..][..S::F32_LANES];
                    *vector = simd.mul_f32s(widened(simd, from), simd.splat_f32s(scale[N * u + v]));
                }
                across = pass(simd, across);
                for (column, vector) in columns.iter_mut().zip(across) {
                    column[v] = vector;
                }
            }
            for column in &mut columns {
                *column = pass(simd, *column);
            }
            for y in 0..N {
                let mut halves = [simd.splat_u32s(0); 2];
                for (x, column) in columns.iter().enumerate() {
                    let sample =
                        simd.wrapping_dyn_shl_u32s(to_samples(simd, column[y]), simd.splat_u32s(8 * (x as u32 % 4)));
                    halves[x / 4] = simd.or_u32s(halves[x / 4], sample);
                }
                // A block's row is a word, made of its samples in the same lane.
                let words = &mut words[..S::F32_LANES];
                let [low, high] = pulp::bytemuck::cast_slice::<_, u32>(&halves).split_at(S::F32_LANES).into();
                for ((word, low), high) in words.iter_mut().zip(low).zip(high) {
                    *word = u64::from(*low) | u64::from(*high) << 32;
                }
                let row = &mut samples[(y * blocks + first) * N..][..S::F32_LANES * N];
                for (block, word) in row.chunks_exact_mut(N).zip(words) {
                    block.copy_from_slice(&word.to_le_bytes()[..N]);
                }
            }
        }
    }
}

/// A vector of coefficients.
#[inline(always)]
fn widened<S: Simd>(_: S, from: &[i16]) -> S::f32s {
    let mut lanes = [0.0; LANES];
    for (lane, &coefficient) in lanes[..S::F32_LANES].iter_mut().zip(from) {
        *lane = f32::from(coefficient);
    }
    S::as_simd_f32s(&lanes).0[0]
}

/// Nearest samples to values around 0.
#[inline(always)]
fn to_samples<S: Simd>(simd: S, values: S::f32s) -> S::u32s {
    // Added to 2^23, a number's fraction is rounded away and its whole part is in the low bits.
    const MAGIC: f32 = 8_388_608.0;
    let positive = simd.max_f32s(simd.add_f32s(values, simd.splat_f32s(128.0)), simd.splat_f32s(0.0));
    let clamped = simd.min_f32s(positive, simd.splat_f32s(255.0));
    simd.and_u32s(simd.transmute_u32s_f32s(simd.add_f32s(clamped, simd.splat_f32s(MAGIC))), simd.splat_u32s(0xFF))
}

/// Frequencies to samples in one direction.
#[inline(always)]
fn pass<S: Simd, const N: usize>(simd: S, a: [S::f32s; N]) -> [S::f32s; N] {
    let mut out = a;
    match N {
        1 => {}
        2 => (out[0], out[1]) = (simd.add_f32s(a[0], a[1]), simd.sub_f32s(a[0], a[1])),
        4 => four(simd, &a, &mut out),
        _ => eight(simd, &a, &mut out),
    }
    out
}

/// cos(n π / 16).
const COS: [f32; 8] =
    [1.0, 0.980_785_25, 0.923_879_5, 0.831_469_6, 0.707_106_77, 0.555_570_24, 0.382_683_43, 0.195_090_32];

/// `values` times numbers, summed. Not fused: every processor computes the same.
#[inline(always)]
fn sum<S: Simd, const M: usize>(simd: S, values: [S::f32s; M], by: [f32; M]) -> S::f32s {
    let mut sum = simd.mul_f32s(values[0], simd.splat_f32s(by[0]));
    for at in 1..M {
        sum = simd.add_f32s(sum, simd.mul_f32s(values[at], simd.splat_f32s(by[at])));
    }
    sum
}

#[inline(always)]
fn four<S: Simd>(simd: S, a: &[S::f32s], out: &mut [S::f32s]) {
    let even = [simd.add_f32s(a[0], a[2]), simd.sub_f32s(a[0], a[2])];
    let odd = [sum(simd, [a[1], a[3]], [COS[2], COS[6]]), sum(simd, [a[1], a[3]], [COS[6], -COS[2]])];
    for x in 0..2 {
        out[x] = simd.add_f32s(even[x], odd[x]);
        out[3 - x] = simd.sub_f32s(even[x], odd[x]);
    }
}

#[inline(always)]
fn eight<S: Simd>(simd: S, a: &[S::f32s], out: &mut [S::f32s]) {
    /// The odd frequencies' cosines (1, 3, 5, 7) at the first four samples.
    const ODD: [[f32; 4]; 4] = [
        [COS[1], COS[3], COS[5], COS[7]],
        [COS[3], -COS[7], -COS[1], -COS[5]],
        [COS[5], -COS[1], COS[7], COS[3]],
        [COS[7], -COS[5], COS[3], -COS[1]],
    ];
    let mean = [simd.add_f32s(a[0], a[4]), simd.sub_f32s(a[0], a[4])];
    let slope = [sum(simd, [a[2], a[6]], [COS[2], COS[6]]), sum(simd, [a[2], a[6]], [COS[6], -COS[2]])];
    for (x, odd) in ODD.into_iter().enumerate() {
        // Frequencies 0, 4 and 2, 6 repeat with these signs.
        let [mean, slope] = if x % 3 == 0 { [mean[0], slope[0]] } else { [mean[1], slope[1]] };
        let even = if x < 2 { simd.add_f32s(mean, slope) } else { simd.sub_f32s(mean, slope) };
        let odd = sum(simd, [a[1], a[3], a[5], a[7]], odd);
        out[x] = simd.add_f32s(even, odd);
        out[7 - x] = simd.sub_f32s(even, odd);
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
