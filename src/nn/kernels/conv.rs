//! Dense convolution, direct: no im2col, no copy of the input.
//!
//! Output channels lie in the lanes; a tile of neighbouring output cells times two vectors of channels stays in
//! registers while all taps and input channels pass by. A 1×1 convolution is the same loop with one tap, which is a
//! matrix product.
//!
//! Owns sums of products, which are whole; what becomes of them is [`super::finish`]'s business.

use pulp::{NullaryFnOnce, Scalar128b, Simd};

use crate::nn::format::Conv;
use crate::nn::multiply::{Element, Multiply};
use crate::nn::plane::{Buffer, Layout};
use crate::nn::quantise::{Kept, weight, weight_unit};
use crate::simd::Isa;

/// Registers from which on a tile may have three vectors of output channels.
const MANY_REGISTERS: usize = 32;

/// A convolution's weights in the order in which the kernel reads them.
pub struct DenseConv {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    /// Contiguous stretches of input in each kernel row: one when taps lie side by side without gaps.
    stretches: usize,
    /// Multiplications of a lane for a stretch, a multiple of [`Element::LANES`]; what goes beyond the real channels has weight zero.
    stretch: usize,
    /// How the vectors of output channels are split: the first of each block, and how many it has.
    blocks: Vec<(usize, usize)>,
    /// Block of output channels → kernel row → stretch → multiplication → lanes, each four bytes or two words.
    weights: Buffer<i32>,
    /// What one step of each channel's weights is worth.
    pub units: Vec<f32>,
}

impl DenseConv {
    /// Packs `conv` for `isa` and an input that is `kept` so, whose cells are `in_step` elements apart.
    pub fn pack(conv: &Conv, isa: Isa, kept: Kept, in_step: usize) -> Self {
        let lanes = isa.lanes();
        let bytes = matches!(kept, Kept::Bytes { .. });
        let (elements, chunk) = if bytes { (u8::EACH, u8::LANES) } else { (i16::EACH, i16::LANES) };
        let [kh, kw] = conv.kernel;
        let [cin, cout] = conv.channels;
        // Elements of a cell that are multiplied; of wide cells a whole number of chunks.
        let each = chunk * elements;
        let used = if in_step < each { in_step } else { cin.next_multiple_of(each) };
        let (stretches, taps) = if used == in_step { (1, kw) } else { (kw, 1) };
        let stretch = (taps * used).div_ceil(elements).next_multiple_of(chunk);

        let vectors = cout.div_ceil(lanes);
        let blocks = blocks(vectors, registers(isa));
        let most = kept.weights(kh * kw * cin);
        let of_channel = |co: usize| conv.weights.iter().skip(co).step_by(cout);
        let units: Vec<f32> =
            (0..cout).map(|co| weight_unit(of_channel(co).fold(0.0, |most, w| w.abs().max(most)), most)).collect();
        let mut weights = Vec::with_capacity(kh * stretches * stretch * vectors * lanes);
        for &(first, count) in &blocks {
            let block = count * lanes;
            for ky in 0..kh {
                for s in 0..stretches {
                    for at in 0..stretch {
                        weights.extend((0..block).map(|lane| {
                            let co = first * lanes + lane;
                            let steps = |e: usize| {
                                let (kx, ci) = (s + e / used, e % used);
                                let inside = e / used < taps && ci < cin && co < cout;
                                let value = |co| conv.weights[((ky * kw + kx) * cin + ci) * cout + co];
                                if inside { weight(value(co), units[co], most) } else { 0 }
                            };
                            if bytes {
                                i32::from_le_bytes(std::array::from_fn(|i| steps(4 * at + i) as u8))
                            } else {
                                i16::lane(&[steps(2 * at), steps(2 * at + 1)])
                            }
                        }));
                    }
                }
            }
        }
        Self {
            kernel: conv.kernel,
            stride: conv.stride,
            pad: conv.pad,
            stretches,
            stretch,
            blocks,
            weights: Buffer::from_values(&weights),
            units,
        }
    }
}

const fn registers(isa: Isa) -> usize {
    match isa {
        Isa::Portable => <Scalar128b as Simd>::REGISTER_COUNT,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) | Isa::AvxVnni(_) => <pulp::x86::V3 as Simd>::REGISTER_COUNT,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) | Isa::Avx512Vnni(_) => <pulp::x86::V4 as Simd>::REGISTER_COUNT,
    }
}

/// Splits vectors into blocks of two, whose tiles fill the registers best; where one would be left over, into three.
fn blocks(vectors: usize, registers: usize) -> Vec<(usize, usize)> {
    let mut blocks = Vec::new();
    let mut first = 0;
    while first < vectors {
        let left = vectors - first;
        let count = if left % 2 == 1 && left >= 3 && registers >= MANY_REGISTERS { 3 } else { left.min(2) };
        blocks.push((first, count));
        first += count;
    }
    blocks
}

/// One row of a convolution's output.
pub struct Job<'a, E> {
    pub conv: &'a DenseConv,
    pub input: &'a [E],
    pub layout: &'a Layout,
    /// Which row of the output.
    pub y: usize,
    /// Cells of that row.
    pub width: usize,
    /// Their sums, each cell's `step` apart.
    pub sums: &'a mut [i32],
    pub step: usize,
}

impl<E: Element> Job<'_, E> {
    /// Does it on `isa`, for which the weights were packed.
    pub fn run(self, isa: Isa) {
        match isa {
            Isa::Portable => self.compute(Scalar128b),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(set) => self.compute(set),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni(set) => self.compute(set),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(set) => self.compute(set),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni(set) => self.compute(set),
        }
    }

    #[inline(always)]
    fn compute<X: Multiply>(self, set: X) {
        let Self { conv, input, layout, y, width, sums, step } = self;
        let lanes = X::Simd::I32_LANES;
        let depth = conv.kernel[0] * conv.stretches * conv.stretch;
        let left = (layout.border.left - conv.pad[1]) * layout.step;
        let top = layout.border.top - conv.pad[0] + y * conv.stride[0];
        // Rows outside, channels inside: the input rows stay in the nearest cache, the weights in the second.
        for &(first, count) in &conv.blocks {
            let row = Row {
                conv,
                input: &input[top * layout.row() + left..],
                input_row: layout.row(),
                input_step: conv.stride[1] * layout.step,
                tap_step: layout.step,
                weights: &conv.weights.as_slice()[first * lanes * depth..],
                sums: &mut sums[first * lanes..],
                step,
                width,
            };
            match count {
                1 => set.enter(Block::<X, E, 1>(set, row)),
                2 => set.enter(Block::<X, E, 2>(set, row)),
                _ => set.enter(Block::<X, E, 3>(set, row)),
            }
        }
    }
}

/// One row of output cells and one block of output channels. All slices begin at the row's first cell.
struct Row<'a, E> {
    conv: &'a DenseConv,
    input: &'a [E],
    input_row: usize,
    /// Input elements from one output cell to the next.
    input_step: usize,
    /// Input elements from one tap to the next.
    tap_step: usize,
    weights: &'a [i32],
    sums: &'a mut [i32],
    step: usize,
    width: usize,
}

/// A row whose block has `N` vectors of output channels.
struct Block<'a, X, E, const N: usize>(X, Row<'a, E>);

impl<X: Multiply, E: Element, const N: usize> NullaryFnOnce for Block<'_, X, E, N> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(set, mut row) = self;
        // As many cells at once as registers hold, with room left for weights and broadcasts.
        let mut x = 0;
        if X::Simd::REGISTER_COUNT >= MANY_REGISTERS {
            x = row.tiles::<X, N, 8>(set, x);
        }
        x = row.tiles::<X, N, 4>(set, x);
        row.tiles::<X, N, 1>(set, x);
    }
}

impl<E: Element> Row<'_, E> {
    /// Computes cells from `x` on while `M` of them are left; returns the first that is not done.
    #[inline(always)]
    fn tiles<X: Multiply, const N: usize, const M: usize>(&mut self, set: X, mut x: usize) -> usize {
        while self.width - x >= M {
            self.tile::<X, N, M>(set, x);
            x += M;
        }
        x
    }

    #[inline(always)]
    fn tile<X: Multiply, const N: usize, const M: usize>(&mut self, set: X, x: usize) {
        let mut sums = [[set.simd().splat_i32s(0); N]; M];
        let DenseConv { kernel, stretches, stretch, .. } = *self.conv;
        let count = stretch / E::LANES;
        let mut weights = X::Simd::as_simd_i32s(self.weights).0;
        for ky in 0..kernel[0] {
            for s in 0..stretches {
                let input = &self.input[ky * self.input_row + s * self.tap_step + x * self.input_step..];
                // Cut to the same length here, so that the loop has nothing to check.
                let mut cells: [&[E::Some]; M] = [&[]; M];
                for (i, cell) in cells.iter_mut().enumerate() {
                    *cell = &E::some(&input[i * self.input_step..][..stretch * E::EACH])[..count];
                }
                let (here, rest) = weights.split_at(stretch * N);
                weights = rest;
                for at in 0..count {
                    let weights = &here[at * E::LANES * N..][..E::LANES * N];
                    for i in 0..M {
                        E::add(set, &cells[i][at], weights, &mut sums[i]);
                    }
                }
            }
        }
        for (i, cell) in sums.iter().enumerate() {
            let output = &mut self.sums[(x + i) * self.step..][..N * X::Simd::I32_LANES];
            X::Simd::as_mut_simd_i32s(output).0[..N].copy_from_slice(cell);
        }
    }
}
