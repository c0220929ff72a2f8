//! Layers that move or compare numbers and hardly compute: sums, enlargements, joins, maxima.

use pulp::{Simd, WithSimd};

use crate::nn::plane::Layout;

/// A tensor to read: its numbers and where they lie.
pub type Source<'a> = (&'a [f32], &'a Layout);

/// One layer of one image, with what it reads.
pub enum Layer<'a> {
    /// `a + b`, then the activation. With a `shift` of 1 each cell of `b` stands for 2×2.
    Add { a: Source<'a>, b: Source<'a>, shift: u32, relu: bool },
    /// Every cell twice in both directions.
    Upsample2(Source<'a>),
    /// Groups of channels become 2×2 cells.
    DepthToSpace2(Source<'a>),
    /// The channels of the output from `first` on; what a vector has beyond them is zeroed.
    Place { input: Source<'a>, first: usize },
    /// The greatest of each window, channel by channel. Windows lie inside the input.
    MaxPool { input: Source<'a>, kernel: [usize; 2], stride: [usize; 2] },
    /// Luma to the net's input, `luma · scale + offset`, whose cells may be wider than their one channel.
    Feed { luma: &'a [u8], scale: f32, offset: f32 },
}

/// A layer and where its result goes. Not a closure, which would be compiled apart from the set that runs it.
pub struct Job<'a> {
    pub layer: Layer<'a>,
    pub output: &'a mut [f32],
    pub layout: &'a Layout,
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { layer, output, layout } = self;
        match layer {
            Layer::Add { a, b, shift, relu } => add(a, b, shift, relu, output, layout),
            Layer::Upsample2(input) => upsample2(input, output, layout),
            Layer::DepthToSpace2(input) => depth_to_space2(input, output, layout),
            Layer::Place { input, first } => place(input, first, output, layout),
            Layer::MaxPool { input, kernel, stride } => max_pool(input, kernel, stride, output, layout),
            Layer::Feed { luma, scale, offset } => feed(luma, scale, offset, output, layout),
        }
    }
}

/// The elements of row `y`, without the border.
#[inline(always)]
fn row<'a>((data, layout): Source<'a>, y: usize) -> &'a [f32] {
    &data[layout.at(y)..][..layout.width * layout.step]
}

#[inline(always)]
fn row_mut<'a>(data: &'a mut [f32], layout: &Layout, y: usize) -> &'a mut [f32] {
    &mut data[layout.at(y)..][..layout.width * layout.step]
}

#[inline(always)]
fn add(a: Source<'_>, b: Source<'_>, shift: u32, relu: bool, output: &mut [f32], layout: &Layout) {
    let sum = |sums: &mut [f32], a: &[f32], b: &[f32]| {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            let value = a + b;
            *sum = if relu && value < 0.0 { 0.0 } else { value };
        }
    };
    for y in 0..layout.height {
        let sums = row_mut(output, layout, y);
        let (a, b) = (row(a, y), row(b, y >> shift));
        if shift == 0 {
            sum(sums, a, b);
            continue;
        }
        let step = layout.step;
        for ((pair, a), b) in sums.chunks_exact_mut(2 * step).zip(a.chunks_exact(2 * step)).zip(b.chunks_exact(step)) {
            sum(&mut pair[..step], &a[..step], b);
            sum(&mut pair[step..], &a[step..], b);
        }
    }
}

#[inline(always)]
fn upsample2(input: Source<'_>, output: &mut [f32], layout: &Layout) {
    let step = layout.step;
    for y in 0..layout.height {
        let cells = row(input, y / 2);
        for (pair, cell) in row_mut(output, layout, y).chunks_exact_mut(2 * step).zip(cells.chunks_exact(step)) {
            pair[..step].copy_from_slice(cell);
            pair[step..].copy_from_slice(cell);
        }
    }
}

#[inline(always)]
fn depth_to_space2(input: Source<'_>, output: &mut [f32], layout: &Layout) {
    let (step, channels) = (layout.step, layout.channels);
    for y in 0..layout.height {
        let cells = row(input, y / 2).chunks_exact(input.1.step);
        for (pair, cell) in row_mut(output, layout, y).chunks_exact_mut(2 * step).zip(cells) {
            let from = &cell[(y % 2) * 2 * channels..][..2 * channels];
            if step == channels {
                pair.copy_from_slice(from);
                continue;
            }
            for (to, from) in pair.chunks_exact_mut(step).zip(from.chunks_exact(channels)) {
                to[..channels].copy_from_slice(from);
                to[channels..].fill(0.0);
            }
        }
    }
}

#[inline(always)]
fn place(input: Source<'_>, first: usize, output: &mut [f32], layout: &Layout) {
    let channels = input.1.channels;
    for y in 0..layout.height {
        let cells = row(input, y).chunks_exact(input.1.step);
        for (to, from) in row_mut(output, layout, y).chunks_exact_mut(layout.step).zip(cells) {
            to[first..first + channels].copy_from_slice(&from[..channels]);
            to[first + channels..].fill(0.0);
        }
    }
}

#[inline(always)]
fn max_pool(input: Source<'_>, kernel: [usize; 2], stride: [usize; 2], output: &mut [f32], layout: &Layout) {
    let step = layout.step;
    for y in 0..layout.height {
        for (x, best) in row_mut(output, layout, y).chunks_exact_mut(step).enumerate() {
            for ky in 0..kernel[0] {
                let cells = row(input, y * stride[0] + ky);
                for kx in 0..kernel[1] {
                    let cell = &cells[(x * stride[1] + kx) * step..][..step];
                    for (best, &value) in best.iter_mut().zip(cell) {
                        *best = if (ky, kx) == (0, 0) || value > *best { value } else { *best };
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn feed(luma: &[u8], scale: f32, offset: f32, output: &mut [f32], layout: &Layout) {
    let value = |luma: u8| f32::from(luma) * scale + offset;
    for (y, luma) in luma.chunks_exact(layout.width).enumerate() {
        let cells = row_mut(output, layout, y);
        if layout.step == 1 {
            for (cell, &luma) in cells.iter_mut().zip(luma) {
                *cell = value(luma);
            }
        } else {
            for (cell, &luma) in cells.chunks_exact_mut(layout.step).zip(luma) {
                cell[0] = value(luma);
                cell[1..].fill(0.0);
            }
        }
    }
}
