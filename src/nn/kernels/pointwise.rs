//! Layers that move or compare numbers and hardly compute: sums, enlargements, joins, maxima.

use crate::nn::plane::Layout;

/// A tensor to read: its numbers and where they lie.
pub type Source<'a> = (&'a [f32], &'a Layout);

/// The elements of row `y`, without the border.
fn row<'a>((data, layout): Source<'a>, y: usize) -> &'a [f32] {
    &data[layout.at(y)..][..layout.width * layout.step]
}

fn row_mut<'a>(data: &'a mut [f32], layout: &Layout, y: usize) -> &'a mut [f32] {
    &mut data[layout.at(y)..][..layout.width * layout.step]
}

/// `a + b`, then the activation. With a `shift` of 1 each cell of `b` stands for 2×2.
#[inline(always)]
pub fn add(a: Source<'_>, b: Source<'_>, shift: u32, relu: bool, output: &mut [f32], layout: &Layout) {
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

/// Every cell twice in both directions.
#[inline(always)]
pub fn upsample2(input: Source<'_>, output: &mut [f32], layout: &Layout) {
    let step = layout.step;
    for y in 0..layout.height {
        let cells = row(input, y / 2);
        for (pair, cell) in row_mut(output, layout, y).chunks_exact_mut(2 * step).zip(cells.chunks_exact(step)) {
            pair[..step].copy_from_slice(cell);
            pair[step..].copy_from_slice(cell);
        }
    }
}

/// Groups of channels become 2×2 cells.
#[inline(always)]
pub fn depth_to_space2(input: Source<'_>, output: &mut [f32], layout: &Layout) {
    let (step, channels) = (layout.step, layout.channels);
    for y in 0..layout.height {
        let cells = row(input, y / 2).chunks_exact(input.1.step);
        for (pair, cell) in row_mut(output, layout, y).chunks_exact_mut(2 * step).zip(cells) {
            let from = &cell[(y % 2) * 2 * channels..][..2 * channels];
            for (to, from) in pair.chunks_exact_mut(step).zip(from.chunks_exact(channels)) {
                to[..channels].copy_from_slice(from);
                to[channels..].fill(0.0);
            }
        }
    }
}

/// `input` becomes the channels of the output from `first` on; what a vector has beyond them is zeroed.
#[inline(always)]
pub fn place(input: Source<'_>, first: usize, output: &mut [f32], layout: &Layout) {
    let channels = input.1.channels;
    for y in 0..layout.height {
        let cells = row(input, y).chunks_exact(input.1.step);
        for (to, from) in row_mut(output, layout, y).chunks_exact_mut(layout.step).zip(cells) {
            to[first..first + channels].copy_from_slice(&from[..channels]);
            to[first + channels..].fill(0.0);
        }
    }
}

/// The largest of each window, channel by channel. Windows lie inside the input.
#[inline(always)]
pub fn max_pool(input: Source<'_>, kernel: [usize; 2], stride: [usize; 2], output: &mut [f32], layout: &Layout) {
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

/// Luma to the net's input, `luma · scale + offset`, whose cells may be wider than their one channel.
#[inline(always)]
pub fn feed(luma: &[u8], scale: f32, offset: f32, output: &mut [f32], layout: &Layout) {
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
