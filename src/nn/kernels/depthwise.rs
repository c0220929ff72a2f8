//! Depthwise convolution: every channel by itself, channels in the lanes.

use pulp::{Simd, WithSimd};

use crate::nn::format::Conv;
use crate::nn::plane::{Buffer, Layout};
use crate::nn::simd::multiply_add;

/// Cells that share one load of a tap's weights.
const CELLS: usize = 8;

/// A depthwise convolution's weights in the order in which the kernel reads them.
pub struct DepthwiseConv {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    relu: bool,
    /// Vectors of channels.
    vectors: usize,
    /// Vector of channels → tap → lanes.
    weights: Buffer,
    bias: Buffer,
}

impl DepthwiseConv {
    /// Packs `conv` for vectors of `lanes`.
    pub fn pack(conv: &Conv, lanes: usize) -> Self {
        let taps = conv.kernel[0] * conv.kernel[1];
        let channels = conv.channels[0];
        let vectors = channels.div_ceil(lanes);
        let mut weights = Vec::with_capacity(taps * vectors * lanes);
        for vector in 0..vectors {
            for tap in 0..taps {
                weights.extend(
                    (vector * lanes..(vector + 1) * lanes)
                        .map(|c| if c < channels { conv.weights[tap * channels + c] } else { 0.0 }),
                );
            }
        }
        let mut bias = conv.bias.clone();
        bias.resize(vectors * lanes, 0.0);
        Self {
            kernel: conv.kernel,
            stride: conv.stride,
            pad: conv.pad,
            relu: conv.relu,
            vectors,
            weights: Buffer::from_values(&weights),
            bias: Buffer::from_values(&bias),
        }
    }
}

/// One depthwise convolution of one image.
pub struct Job<'a> {
    pub conv: &'a DepthwiseConv,
    pub input: &'a [f32],
    pub input_layout: &'a Layout,
    pub output: &'a mut [f32],
    pub output_layout: &'a Layout,
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for y in 0..self.output_layout.height {
            for vector in 0..self.conv.vectors {
                let mut x = 0;
                while self.output_layout.width - x >= CELLS {
                    self.tile::<S, CELLS>(simd, y, vector, x);
                    x += CELLS;
                }
                for x in x..self.output_layout.width {
                    self.tile::<S, 1>(simd, y, vector, x);
                }
            }
        }
    }
}

impl Job<'_> {
    #[inline(always)]
    fn tile<S: Simd, const M: usize>(&mut self, simd: S, y: usize, vector: usize, x: usize) {
        let DepthwiseConv { kernel, stride, pad, relu, .. } = *self.conv;
        let layout = self.input_layout;
        let taps = kernel[0] * kernel[1];
        let weights = &S::as_simd_f32s(self.conv.weights.as_slice()).0[vector * taps..][..taps];
        let top = layout.border.top - pad[0] + y * stride[0];
        let left = (layout.border.left - pad[1] + x * stride[1]) * layout.step + vector * S::F32_LANES;
        let step = stride[1] * layout.step;

        let mut sums = [S::as_simd_f32s(self.conv.bias.as_slice()).0[vector]; M];
        for ky in 0..kernel[0] {
            for kx in 0..kernel[1] {
                let cells = &self.input[(top + ky) * layout.row() + left + kx * layout.step..];
                let w = weights[ky * kernel[1] + kx];
                for (i, sum) in sums.iter_mut().enumerate() {
                    let value = S::as_simd_f32s(&cells[i * step..][..S::F32_LANES]).0[0];
                    *sum = multiply_add(simd, value, w, *sum);
                }
            }
        }

        let zero = simd.splat_f32s(0.0);
        let at = self.output_layout.at(y) + x * self.output_layout.step + vector * S::F32_LANES;
        for (i, &sum) in sums.iter().enumerate() {
            let cell = &mut self.output[at + i * self.output_layout.step..][..S::F32_LANES];
            S::as_mut_simd_f32s(cell).0[0] = if relu { simd.max_f32s(sum, zero) } else { sum };
        }
    }
}
