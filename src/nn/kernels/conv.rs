//! Dense convolution, direct: no im2col, no copy of the input.
//!
//! Output channels lie in the lanes; a tile of neighbouring output cells times two vectors of channels stays in
//! registers while all taps and input channels pass by. A 1×1 convolution is the same loop with one tap, which is a
//! matrix product.
//!
//! Where the processor multiplies bytes or pairs of bfloat16, the same loop takes four or two elements at a time of a
//! rounded copy of the input; residuals and results are single-precision everywhere.

use pulp::{NullaryFnOnce, Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use crate::nn::bytes::Avx512Vnni;
use crate::nn::format::Conv;
use crate::nn::plane::{Buffer, Layout};
use crate::nn::simd::{Dot, Isa, Operands, Singles};
use crate::nn::{bf16, bytes};

/// Multiplications of a lane that the innermost loop does at once: one bounds check for each cell and this many. The
/// longest that leaves least over is taken: luma's stretches are as short as a kernel is wide.
const CHUNKS: [usize; 4] = [4, 3, 2, 1];

/// Registers from which on a tile may have three vectors of output channels.
const MANY_REGISTERS: usize = 32;

/// A convolution's weights in the order in which the kernel reads them.
pub struct DenseConv {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    relu: bool,
    /// Contiguous stretches of input in each kernel row: one when taps lie side by side without gaps.
    stretches: usize,
    /// Multiplications of a lane for a stretch, a multiple of `chunk`; what goes beyond the real channels has weight zero.
    stretch: usize,
    /// One of [`CHUNKS`].
    chunk: usize,
    operands: Operands,
    /// How the vectors of output channels are split: the first of each block, and how many it has.
    blocks: Vec<(usize, usize)>,
    /// Block of output channels → kernel row → stretch → multiplication → lanes. One number or, as bits, a pair or four.
    weights: Buffer,
    /// What one step of each channel's weights is worth, where they are bytes.
    steps: Buffer,
    bias: Buffer,
}

/// A tensor that is added to the result before the activation.
#[derive(Clone, Copy)]
pub struct Residual<'a> {
    pub data: &'a [f32],
    pub layout: &'a Layout,
    /// 0, or 1 when each of its cells stands for 2×2 of the output.
    pub shift: u32,
}

impl DenseConv {
    /// Packs `conv` for `isa` and an input whose cells are `in_step` elements apart. `activations`: the input is not
    /// negative, and the result passes an activation.
    pub fn pack(conv: &Conv, isa: Isa, in_step: usize, activations: bool) -> Self {
        let (lanes, operands, range) = (isa.lanes(), isa.operands(activations), isa.bytes());
        let elements = operands.elements();
        let [kh, kw] = conv.kernel;
        let [cin, cout] = conv.channels;
        // Elements of a cell that are multiplied; of wide cells a whole number of chunks.
        let each = CHUNKS[0] * elements;
        let used = if in_step < each { in_step } else { cin.next_multiple_of(each) };
        let (stretches, taps) = if used == in_step { (1, kw) } else { (kw, 1) };
        let count = (taps * used).div_ceil(elements);
        let chunk = CHUNKS.into_iter().min_by_key(|chunk| count.next_multiple_of(*chunk)).unwrap_or(1);
        let stretch = count.next_multiple_of(chunk);

        let vectors = cout.div_ceil(lanes);
        let blocks = blocks(vectors, isa.registers());
        let of_channel = |co: usize| conv.weights.iter().skip(co).step_by(cout);
        let mut steps: Vec<f32> =
            (0..cout).map(|co| range.weight_step(of_channel(co).fold(0.0, |most, w| w.abs().max(most)))).collect();
        steps.resize(vectors * lanes, 1.0);
        let mut weights = Vec::with_capacity(kh * stretches * stretch * vectors * lanes);
        for &(first, count) in &blocks {
            let block = count * lanes;
            for ky in 0..kh {
                for s in 0..stretches {
                    for at in 0..stretch {
                        weights.extend((0..block).map(|lane| {
                            let co = first * lanes + lane;
                            let weight = |e: usize| {
                                let (kx, ci) = (s + e / used, e % used);
                                let inside = e / used < taps && ci < cin && co < cout;
                                if inside { conv.weights[((ky * kw + kx) * cin + ci) * cout + co] } else { 0.0 }
                            };
                            match operands {
                                Operands::Singles => weight(at),
                                Operands::Pairs => bf16::pair(weight(2 * at), weight(2 * at + 1)),
                                Operands::Bytes => {
                                    let byte = |i| range.weight_byte(weight(4 * at + i), steps[co]);
                                    f32::from_bits(bytes::four(std::array::from_fn(byte)))
                                }
                            }
                        }));
                    }
                }
            }
        }
        let mut bias = conv.bias.clone();
        bias.resize(vectors * lanes, 0.0);
        Self {
            kernel: conv.kernel,
            stride: conv.stride,
            pad: conv.pad,
            relu: conv.relu,
            stretches,
            stretch,
            chunk,
            operands,
            blocks,
            weights: Buffer::from_values(&weights),
            steps: Buffer::from_values(&steps),
            bias: Buffer::from_values(&bias),
        }
    }

    /// What this convolution multiplies.
    pub fn operands(&self) -> Operands {
        self.operands
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

/// One convolution of one image, whose input has elements of type `E`.
pub struct Job<'a, E> {
    pub conv: &'a DenseConv,
    pub input: &'a [E],
    pub input_layout: &'a Layout,
    /// What a step of bytes is worth; of no meaning for others.
    pub step: f32,
    pub output: &'a mut [f32],
    pub output_layout: &'a Layout,
    pub residual: Option<Residual<'a>>,
    /// Raised to the greatest result.
    pub peak: &'a mut f32,
}

/// A convolution's input, as its operands are.
pub enum Input<'a> {
    Singles(&'a [f32]),
    Pairs(&'a [bf16::Bits]),
    /// And what a step of them is worth.
    Bytes(&'a [u8], f32),
}

/// A convolution of one image, its operands made ready.
pub struct Request<'a> {
    pub conv: &'a DenseConv,
    pub input: Input<'a>,
    pub input_layout: &'a Layout,
    pub output: &'a mut [f32],
    pub output_layout: &'a Layout,
    pub residual: Option<Residual<'a>>,
}

impl Request<'_> {
    /// Does it on `isa`, for which the weights were packed, and returns the greatest result, or 0.
    ///
    /// # Panics
    /// When the input is not what the convolution multiplies.
    pub fn run(self, isa: Isa) -> f32 {
        let Self { conv, input, input_layout, output, output_layout, residual } = self;
        let mut peak = 0.0;
        let step = 1.0;
        match (isa, input) {
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2Bytes(set), Input::Bytes(input, step)) => {
                Job { conv, input, input_layout, step, output, output_layout, residual, peak: &mut peak }.compute(set);
            }
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512Vnni(set), Input::Bytes(input, step)) => {
                Job { conv, input, input_layout, step, output, output_layout, residual, peak: &mut peak }.compute(set);
            }
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512Vnni(Avx512Vnni { pairs, .. }) | Isa::Avx512Bf16(pairs), Input::Pairs(input)) => {
                Job { conv, input, input_layout, step, output, output_layout, residual, peak: &mut peak }
                    .compute(pairs);
            }
            (isa, Input::Singles(input)) => {
                isa.run(Job { conv, input, input_layout, step, output, output_layout, residual, peak: &mut peak });
            }
            _ => unreachable!("operands of another instruction set"),
        }
        peak
    }
}

impl WithSimd for Job<'_, f32> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.compute(Singles(simd));
    }
}

impl<E: Copy> Job<'_, E> {
    #[inline(always)]
    fn compute<D: Dot<Element = E>>(self, dot: D) {
        let Self { conv, input, input_layout, step, output, output_layout, residual, peak } = self;
        let lanes = D::Simd::F32_LANES;
        let depth = conv.kernel[0] * conv.stretches * conv.stretch;
        let left = (input_layout.border.left - conv.pad[1]) * input_layout.step;
        for y in 0..output_layout.height {
            let top = input_layout.border.top - conv.pad[0] + y * conv.stride[0];
            // Rows outside, channels inside: the input rows stay in the nearest cache, the weights in the second.
            for &(first, count) in &conv.blocks {
                let row = Row {
                    conv,
                    input: &input[top * input_layout.row() + left..],
                    input_row: input_layout.row(),
                    input_step: conv.stride[1] * input_layout.step,
                    tap_step: input_layout.step,
                    weights: &conv.weights.as_slice()[first * lanes * depth..],
                    bias: &conv.bias.as_slice()[first * lanes..],
                    step,
                    steps: &conv.steps.as_slice()[first * lanes..],
                    output: &mut output[output_layout.at(y) + first * lanes..],
                    output_step: output_layout.step,
                    width: output_layout.width,
                    residual: residual.map(|r| ResidualRow {
                        data: &r.data[r.layout.at(y >> r.shift) + first * lanes..],
                        step: r.layout.step,
                        shift: r.shift,
                    }),
                };
                let greatest = match (count, conv.chunk) {
                    (1, 1) => dot.enter(Block::<D, 1, 1>(dot, row)),
                    (2, 1) => dot.enter(Block::<D, 2, 1>(dot, row)),
                    (_, 1) => dot.enter(Block::<D, 3, 1>(dot, row)),
                    (1, 2) => dot.enter(Block::<D, 1, 2>(dot, row)),
                    (2, 2) => dot.enter(Block::<D, 2, 2>(dot, row)),
                    (_, 2) => dot.enter(Block::<D, 3, 2>(dot, row)),
                    (1, 3) => dot.enter(Block::<D, 1, 3>(dot, row)),
                    (2, 3) => dot.enter(Block::<D, 2, 3>(dot, row)),
                    (_, 3) => dot.enter(Block::<D, 3, 3>(dot, row)),
                    (1, _) => dot.enter(Block::<D, 1, 4>(dot, row)),
                    (2, _) => dot.enter(Block::<D, 2, 4>(dot, row)),
                    _ => dot.enter(Block::<D, 3, 4>(dot, row)),
                };
                *peak = peak.max(greatest);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct ResidualRow<'a> {
    data: &'a [f32],
    step: usize,
    shift: u32,
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
    weights: &'a [f32],
    bias: &'a [f32],
    /// What a step of the input, and of each channel's weights, is worth.
    step: f32,
    steps: &'a [f32],
    output: &'a mut [f32],
    output_step: usize,
    width: usize,
    residual: Option<ResidualRow<'a>>,
}

/// A row whose block has `N` vectors of output channels, doing `C` multiplications of a lane at once.
struct Block<'a, D: Dot, const N: usize, const C: usize>(D, Row<'a, D::Element>);

impl<D: Dot, const N: usize, const C: usize> NullaryFnOnce for Block<'_, D, N, C> {
    /// The greatest result, or 0.
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let Self(dot, mut row) = self;
        let simd = dot.simd();
        let mut peak = simd.splat_f32s(0.0);
        if D::WHOLE && C == CHUNKS[0] {
            // The distances of our nets: known, they cost neither registers nor checks.
            match row.input_step {
                16 => row.cells::<D, N, C, 16>(dot, &mut peak),
                32 => row.cells::<D, N, C, 32>(dot, &mut peak),
                64 => row.cells::<D, N, C, 64>(dot, &mut peak),
                96 => row.cells::<D, N, C, 96>(dot, &mut peak),
                128 => row.cells::<D, N, C, 128>(dot, &mut peak),
                _ => row.cells::<D, N, C, 0>(dot, &mut peak),
            }
        } else if D::ELEMENTS > 1 && C < CHUNKS[0] {
            match row.input_step {
                2 => row.cells::<D, N, C, 2>(dot, &mut peak),
                4 => row.cells::<D, N, C, 4>(dot, &mut peak),
                _ => row.cells::<D, N, C, 0>(dot, &mut peak),
            }
        } else {
            row.cells::<D, N, C, 0>(dot, &mut peak);
        }
        simd.reduce_max_f32s(peak)
    }
}

/// A register of single-precision numbers.
type Vector<D> = <<D as Dot>::Simd as Simd>::f32s;

impl<E: Copy> Row<'_, E> {
    /// Computes all cells. `STEP` is the distance between the inputs of neighbours, or 0 where only [`Row::input_step`]
    /// knows it.
    #[inline(always)]
    fn cells<D: Dot<Element = E>, const N: usize, const C: usize, const STEP: usize>(
        &mut self,
        dot: D,
        peak: &mut Vector<D>,
    ) {
        // As many at once as registers hold, with room left for the weights and a broadcast.
        let mut x = 0;
        if D::Simd::REGISTER_COUNT >= MANY_REGISTERS {
            x = self.tiles::<D, N, C, 8, STEP>(dot, x, peak);
        } else if !D::TWO {
            // Two multiplications at once take more registers themselves.
            x = self.tiles::<D, N, C, 6, STEP>(dot, x, peak);
        }
        x = self.tiles::<D, N, C, 4, STEP>(dot, x, peak);
        x = self.tiles::<D, N, C, 2, STEP>(dot, x, peak);
        self.tiles::<D, N, C, 1, STEP>(dot, x, peak);
    }

    /// Computes cells from `x` on while `M` of them are left; returns the first that is not done.
    #[inline(always)]
    fn tiles<D: Dot<Element = E>, const N: usize, const C: usize, const M: usize, const STEP: usize>(
        &mut self,
        dot: D,
        mut x: usize,
        peak: &mut Vector<D>,
    ) -> usize {
        while self.width - x >= M {
            self.tile::<D, N, C, M, STEP>(dot, x, peak);
            x += M;
        }
        x
    }

    #[inline(always)]
    fn tile<D: Dot<Element = E>, const N: usize, const C: usize, const M: usize, const STEP: usize>(
        &mut self,
        dot: D,
        x: usize,
        peak: &mut Vector<D>,
    ) {
        let simd = dot.simd();
        let zero = simd.splat_f32s(0.0);
        let [bias, steps] = [self.bias, self.steps].map(|numbers| &D::Simd::as_simd_f32s(numbers).0[..N]);
        // Of whole sums the bias is added in the end, when they have become singles.
        let first: [Vector<D>; N] = std::array::from_fn(|v| if D::WHOLE { zero } else { bias[v] });
        let mut sums = [first; M];
        let DenseConv { kernel, stretches, stretch, relu, .. } = *self.conv;
        let step = if STEP > 0 { STEP } else { self.input_step };
        let mut weights = D::Simd::as_simd_f32s(self.weights).0;
        for ky in 0..kernel[0] {
            for s in 0..stretches {
                let input = &self.input[ky * self.input_row + s * self.tap_step + x * step..];
                for at in (0..stretch).step_by(C) {
                    let used = C * D::ELEMENTS;
                    let mut cells: [&[E]; M] = [&[]; M];
                    if STEP > 0 {
                        // One check for all, of a length that the compiler knows.
                        let window = &input[at * D::ELEMENTS..][..(M - 1) * STEP + used];
                        for (i, cell) in cells.iter_mut().enumerate() {
                            *cell = &window[i * STEP..][..used];
                        }
                    } else {
                        for (i, cell) in cells.iter_mut().enumerate() {
                            *cell = &input[i * step + at * D::ELEMENTS..][..used];
                        }
                    }
                    let (chunk, rest) = weights.split_at(C * N);
                    weights = rest;
                    let pairs = if D::TWO { C / 2 } else { 0 };
                    for c in (0..2 * pairs).step_by(2) {
                        for i in 0..M {
                            let next = &cells[i][c * D::ELEMENTS..];
                            let values = [dot.splat(next), dot.splat(&next[D::ELEMENTS..])];
                            for v in 0..N {
                                let weights = [chunk[c * N + v], chunk[(c + 1) * N + v]];
                                sums[i][v] = dot.add_both(values, weights, sums[i][v]);
                            }
                        }
                    }
                    for c in 2 * pairs..C {
                        let w: [Vector<D>; N] = std::array::from_fn(|v| chunk[c * N + v]);
                        for i in 0..M {
                            let value = dot.splat(&cells[i][c * D::ELEMENTS..]);
                            for v in 0..N {
                                sums[i][v] = dot.add_products(value, w[v], sums[i][v]);
                            }
                        }
                    }
                }
            }
        }

        if D::WHOLE {
            let step = simd.splat_f32s(self.step);
            for v in 0..N {
                let step = simd.mul_f32s(steps[v], step);
                for cell in &mut sums {
                    cell[v] = simd.mul_add_e_f32s(dot.singles(cell[v]), step, bias[v]);
                }
            }
        }
        if let Some(residual) = self.residual {
            for (i, cell) in sums.iter_mut().enumerate() {
                let at = ((x + i) >> residual.shift) * residual.step;
                let values = &D::Simd::as_simd_f32s(&residual.data[at..]).0[..N];
                for v in 0..N {
                    cell[v] = simd.add_f32s(cell[v], values[v]);
                }
            }
        }
        for (i, cell) in sums.iter().enumerate() {
            let output = &mut self.output[(x + i) * self.output_step..][..N * D::Simd::F32_LANES];
            let output = &mut D::Simd::as_mut_simd_f32s(output).0[..N];
            for v in 0..N {
                output[v] = if relu { simd.max_f32s(cell[v], zero) } else { cell[v] };
                *peak = simd.max_f32s(*peak, output[v]);
            }
        }
    }
}
