//! Inverse cosine transforms of one block to 8 × 8, 4 × 4, 2 × 2 or 1 × 1 samples.
//!
//! Owns the arithmetic. Smaller outputs are means of the samples that they stand for, computed from the low frequencies
//! alone: those of the mean over `8 / N` neighbours are the block's own, each damped by a factor of its frequency, which
//! costs nothing as it is folded into the quantisation steps. Knows nothing of codes.
//!
//! In f32, since every x86-64 and every aarch64 has vectors of it; the loops over lanes are plain, so that compilers
//! make vector code of them.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

use super::scan::{Coefficients, ZIGZAG};

/// Samples of one block, row by row without gaps: the first N × N of them.
pub(super) type Samples = [u8; 64];

/// Multipliers for the coefficients in [`Coefficients`]' order.
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

/// Samples of a block without other coefficients than `dc`.
#[inline(always)]
pub(super) fn flat(dc: i16, scale: &Scale) -> u8 {
    to_sample(f32::from(dc) * scale[0])
}

/// Nearest sample to a value around 0.
#[inline(always)]
fn to_sample(value: f32) -> u8 {
    // Added to 2^23, a number's fraction is rounded away and its whole part is in the low bits.
    const MAGIC: f32 = 8_388_608.0;
    ((value + 128.0).clamp(0.0, 255.0) + MAGIC).to_bits() as u8
}

/// N × N samples of one block.
#[inline(always)]
pub(super) fn inverse<const N: usize>(coefficients: &Coefficients, scale: &Scale, samples: &mut Samples) {
    match N {
        1 => samples[0] = flat(coefficients[0], scale),
        2 => two(coefficients, scale, samples),
        4 => four(coefficients, scale, samples),
        _ => eight(coefficients, scale, samples),
    }
}

/// `N` vectors of `N` lanes: scaled coefficients, horizontal frequency by horizontal frequency.
#[inline(always)]
fn vectors<const N: usize>(coefficients: &Coefficients, scale: &Scale) -> [[f32; N]; N] {
    let mut out = [[0.0; N]; N];
    for (u, vector) in out.iter_mut().enumerate() {
        for (v, lane) in vector.iter_mut().enumerate() {
            *lane = f32::from(coefficients[N * u + v]) * scale[N * u + v];
        }
    }
    out
}

#[inline(always)]
fn transposed<const N: usize>(m: [[f32; N]; N]) -> [[f32; N]; N] {
    let mut out = [[0.0; N]; N];
    for (i, row) in m.iter().enumerate() {
        for (j, &value) in row.iter().enumerate() {
            out[j][i] = value;
        }
    }
    out
}

#[inline(always)]
fn map<const N: usize>(mut f: impl FnMut(usize) -> f32) -> [f32; N] {
    let mut out = [0.0; N];
    for (lane, value) in out.iter_mut().enumerate() {
        *value = f(lane);
    }
    out
}

#[inline(always)]
fn store<const N: usize>(rows: [[f32; N]; N], samples: &mut Samples) {
    for (row, out) in rows.iter().zip(samples.chunks_exact_mut(N)) {
        for (value, sample) in row.iter().zip(out) {
            *sample = to_sample(*value);
        }
    }
}

fn two(coefficients: &Coefficients, scale: &Scale, samples: &mut Samples) {
    let pass = |a: [[f32; 2]; 2]| [map(|l| a[0][l] + a[1][l]), map(|l| a[0][l] - a[1][l])];
    store(pass(transposed(pass(vectors(coefficients, scale)))), samples);
}

/// cos(n π / 16).
const COS: [f32; 8] =
    [1.0, 0.980_785_25, 0.923_879_5, 0.831_469_6, 0.707_106_77, 0.555_570_24, 0.382_683_43, 0.195_090_32];

fn four(coefficients: &Coefficients, scale: &Scale, samples: &mut Samples) {
    #[inline(always)]
    fn pass(a: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
        let even0: [f32; 4] = map(|l| a[0][l] + a[2][l]);
        let even1: [f32; 4] = map(|l| a[0][l] - a[2][l]);
        let odd0: [f32; 4] = map(|l| COS[2] * a[1][l] + COS[6] * a[3][l]);
        let odd1: [f32; 4] = map(|l| COS[6] * a[1][l] - COS[2] * a[3][l]);
        [
            map(|l| even0[l] + odd0[l]),
            map(|l| even1[l] + odd1[l]),
            map(|l| even1[l] - odd1[l]),
            map(|l| even0[l] - odd0[l]),
        ]
    }
    store(pass(transposed(pass(vectors(coefficients, scale)))), samples);
}

fn eight(coefficients: &Coefficients, scale: &Scale, samples: &mut Samples) {
    /// The odd frequencies' cosines (1, 3, 5, 7) at the first four samples.
    const ODD: [[f32; 4]; 4] = [
        [COS[1], COS[3], COS[5], COS[7]],
        [COS[3], -COS[7], -COS[1], -COS[5]],
        [COS[5], -COS[1], COS[7], COS[3]],
        [COS[7], -COS[5], COS[3], -COS[1]],
    ];
    #[inline(always)]
    fn pass(a: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
        let mut out = [[0.0; 8]; 8];
        for (x, [c1, c3, c5, c7]) in ODD.into_iter().enumerate() {
            // Frequencies 0, 4 and 2, 6 repeat with the signs of these.
            let (sign, c2, c6) =
                [(1.0, COS[2], COS[6]), (-1.0, COS[6], -COS[2]), (-1.0, -COS[6], COS[2]), (1.0, -COS[2], -COS[6])][x];
            let even: [f32; 8] = map(|l| a[0][l] + sign * a[4][l] + c2 * a[2][l] + c6 * a[6][l]);
            let odd: [f32; 8] = map(|l| c1 * a[1][l] + c3 * a[3][l] + c5 * a[5][l] + c7 * a[7][l]);
            out[x] = map(|l| even[l] + odd[l]);
            out[7 - x] = map(|l| even[l] - odd[l]);
        }
        out
    }
    store(pass(transposed(pass(vectors(coefficients, scale)))), samples);
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
        let (mut coefficients, mut natural) = ([0; 128], [0.0; 64]);
        for ((&place, &step), &value) in ZIGZAG.iter().zip(steps).zip(values) {
            let (row, column) = (usize::from(place / 8), usize::from(place % 8));
            if row < N && column < N {
                coefficients[N * column + row] = value;
                natural[usize::from(place)] = f32::from(value) * f32::from(step);
            }
        }
        let full = reference(&natural);
        let mut samples = [0; 64];
        inverse::<N>(&coefficients, &scale::<N>(steps), &mut samples);
        let span = 8 / N;
        let mean = |at: usize| {
            let (y, x) = (at / N * span, at % N * span);
            let cells = (0..span * span).map(|i| full[8 * (y + i / span) + x + i % span]);
            (cells.sum::<f32>() / (span * span) as f32 + 128.0).clamp(0.0, 255.0)
        };
        (0..N * N).map(|at| (mean(at) - f32::from(samples[at])).abs()).fold(0.0, f32::max)
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
