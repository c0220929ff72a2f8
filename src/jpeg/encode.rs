//! Samples become a file: sequential, one scan, the standard's own Huffman tables, no metadata but what is given.
//!
//! Owns the way from samples to coefficients: luma and chroma, fewer samples of chroma, the forward cosine transform and
//! quantisation. Knows nothing of what a picture shows.
//!
//! [`LANES`] MCUs side by side are treated at once, from samples to codes, in buffers that stay in the first caches. Blocks
//! are the lanes of a vector, as in [`super::transform`]: every processor writes the same bytes.

use std::array;

use pulp::{Simd, WithSimd};

use super::header::{Component, QuantTable};
use super::scan::ZIGZAG;
use super::splice::Segment;
use super::transform::LANES;
use super::write::{Coder, Codes, Run, Segments, specs};
use crate::frame::{JpegCoding, Pixels, Sampling};
use crate::geometry::Size;
use crate::simd;

/// Steps of luma and chroma at quality 50, in rows (ITU-T T.81, tables K.1 and K.2).
#[rustfmt::skip]
const STEPS: [[u8; 64]; 2] = [
    [
        16, 11, 10, 16,  24,  40,  51,  61,   12, 12, 14, 19,  26,  58,  60,  55,
        14, 13, 16, 24,  40,  57,  69,  56,   14, 17, 22, 29,  51,  87,  80,  62,
        18, 22, 37, 56,  68, 109, 103,  77,   24, 35, 55, 64,  81, 104, 113,  92,
        49, 64, 78, 87, 103, 121, 120, 101,   72, 92, 95, 98, 112, 100, 103,  99,
    ],
    [
        17, 18, 24, 47,  99,  99,  99,  99,   18, 21, 26, 66,  99,  99,  99,  99,
        24, 26, 56, 99,  99,  99,  99,  99,   47, 66, 99, 99,  99,  99,  99,  99,
        99, 99, 99, 99,  99,  99,  99,  99,   99, 99, 99, 99,  99,  99,  99,  99,
        99, 99, 99, 99,  99,  99,  99,  99,   99, 99, 99, 99,  99,  99,  99,  99,
    ],
];

/// Blocks that an MCU may have (ITU-T T.81, B.2.3).
const MOST_BLOCKS: u8 = 10;

impl JpegCoding {
    /// The coding of `quality` 1 to 100, as encoders have counted it since the first.
    pub(crate) fn of_quality(quality: u8, sampling: Sampling) -> Self {
        let quality = u16::from(quality.clamp(1, 100));
        let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
        let [luma, chroma] = STEPS
            .map(|steps| steps.map(|step| ((u32::from(step) * u32::from(percent) + 50) / 100).clamp(1, 255) as u16));
        Self { luma, chroma, sampling }
    }
}

/// A file of `pixels`, a picture of `size` with no side of 0 nor above 65,535, coded as `coding` says: steps above 255 become
/// 255, and chroma is whole where an MCU of such a sampling would have too many blocks. `segments` stand behind JFIF's own.
pub(crate) fn encode(size: Size, pixels: &Pixels, coding: &JpegCoding, segments: &[Segment<'_>]) -> Vec<u8> {
    simd::run(Encode { size, pixels, coding, segments })
}

/// The job, so that it is compiled for the processor's vectors.
pub(super) struct Encode<'a> {
    pub size: Size,
    pub pixels: &'a Pixels,
    pub coding: &'a JpegCoding,
    pub segments: &'a [Segment<'a>],
}

impl WithSimd for Encode<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<u8> {
        match self.pixels {
            Pixels::Gray(samples) => self.write::<S, 1>(simd, samples, |[y]| [y; 3]),
            Pixels::Ycbcr(samples) => self.write::<S, 3>(simd, samples, |ycbcr| ycbcr),
            Pixels::Rgb(samples) => self.write::<S, 3>(simd, samples, of_rgb),
        }
    }
}

impl Encode<'_> {
    /// The file, of pixels of `N` samples that `convert` makes luma and chroma of.
    #[inline(always)]
    fn write<S: Simd, const N: usize>(
        &self,
        simd: S,
        samples: &[u8],
        convert: impl Fn([u16; N]) -> [u16; 3],
    ) -> Vec<u8> {
        let (size, components) = (self.size, self.components());
        let mut coder = Coder::new(self.head(&components));
        // More than photographs of high quality take; what stays empty costs nothing.
        coder.reserve(size.pixels() as usize / 2);
        let codes = [0, 1].map(|chroma| specs(chroma).map(|spec| Codes::new(&spec)));
        let scales = [scale(&self.coding.luma), scale(&self.coding.chroma)];
        let (h, v) = (components[0].blocks.0 as usize, components[0].blocks.1 as usize);
        let across = LANES * 8 * h;
        let mut lines = vec![0; N * across * 8 * v];
        let mut bytes = vec![[0; LANES]; N * 64];
        let mut lanes = [[0.0; LANES]; 64];
        let mut chroma = [(); 2].map(|()| vec![[[0u16; LANES]; 64]; h]);
        let mut groups: Vec<Vec<Group>> =
            components.iter().map(|c| vec![Group::ZERO; (c.blocks.0 * c.blocks.1) as usize]).collect();
        let mut before = [0; 3];
        for top in (0..size.height as usize).step_by(8 * v) {
            for left in (0..size.width as usize).step_by(across) {
                let (width, height) = (size.width as usize, size.height as usize);
                let (pixels, stride) = if left + across <= width && top + 8 * v <= height {
                    (&samples[N * (top * width + left)..], N * width)
                } else {
                    repeat::<N>(samples, size, (left, top), &mut lines, across);
                    (&lines[..], N * across)
                };
                for (at, group) in groups[0].iter_mut().enumerate() {
                    let (column, row) = (at % h, at / h);
                    by_lane::<N>(&pixels[8 * (row * stride + column * N * LANES)..], stride, &mut bytes);
                    let [cb, cr] = &mut chroma;
                    colours(&bytes, &convert, &mut lanes, [&mut cb[column], &mut cr[column]], (8 * row, v));
                    transform(simd, &lanes, &scales[0], group);
                }
                for (groups, sums) in groups[1..].iter_mut().zip(&chroma) {
                    match h {
                        1 => means::<1>(sums, v, &mut lanes),
                        2 => means::<2>(sums, v, &mut lanes),
                        3 => means::<3>(sums, v, &mut lanes),
                        _ => means::<4>(sums, v, &mut lanes),
                    }
                    transform(simd, &lanes, &scales[1], &mut groups[0]);
                }
                let mcus = (size.width as usize - left).div_ceil(8 * h).min(LANES);
                coder.run(|run| {
                    for mcu in 0..mcus {
                        for (index, (component, groups)) in components.iter().zip(&groups).enumerate() {
                            let (wide, codes) = (component.blocks.0 as usize, &codes[index.min(1)]);
                            for row in 0..component.blocks.1 as usize {
                                for block in mcu * wide..(mcu + 1) * wide {
                                    let group = &groups[row * wide + block / LANES];
                                    group.write(block % LANES, &mut before[index], codes, run);
                                }
                            }
                        }
                    }
                });
            }
        }
        coder.finish()
    }

    /// Luma, and chroma where there is any.
    fn components(&self) -> Vec<Component> {
        let Sampling { horizontal: h, vertical: v } = self.coding.sampling;
        let (count, luma) = match self.pixels {
            Pixels::Gray(_) => (1, (1, 1)),
            _ if (1..=4).contains(&h) && (1..=4).contains(&v) && h * v + 2 <= MOST_BLOCKS => (3, (h, v)),
            _ => (3, (1, 1)),
        };
        let component = |number: u8| {
            let sampling = if number == 0 { luma } else { (1, 1) };
            let table = number.min(1).into();
            let blocks = (sampling.0.into(), sampling.1.into());
            Component { id: number + 1, sampling, blocks, quant: table, dc: table, ac: table }
        };
        (0..count).map(component).collect()
    }

    /// The file up to its scan.
    fn head(&self, components: &[Component]) -> Vec<u8> {
        let mut file = Segments::new();
        for (marker, body) in self.segments {
            file.add(*marker, body);
        }
        let tables = components.len().min(2);
        for (number, steps) in (0..).zip([&self.coding.luma, &self.coding.chroma]).take(tables) {
            let steps = ZIGZAG.map(|place| step(steps[usize::from(place)]));
            file.quant(number, &QuantTable { steps, wide: false, at: 0..0 });
        }
        file.frame(0xC0, self.size, components);
        for (number, chroma) in (0..).zip(0..tables) {
            for (class, spec) in (0..).zip(specs(chroma)) {
                file.huffman(class, number, &spec);
            }
        }
        file.scan(components);
        file.0
    }
}

/// A step as a table of bytes holds it.
fn step(step: u16) -> u16 {
    step.clamp(1, 255)
}

/// Fills `lines` of `across` pixels with those that begin at `(left, top)`. Behind the picture's edges, its last ones are
/// repeated.
#[inline(always)]
fn repeat<const N: usize>(samples: &[u8], size: Size, (left, top): (usize, usize), lines: &mut [u8], across: usize) {
    let (width, height) = (size.width as usize, size.height as usize);
    let there = N * across.min(width - left);
    for (y, line) in (top..).zip(lines.chunks_exact_mut(N * across)) {
        let (line, behind) = line.split_at_mut(there);
        line.copy_from_slice(&samples[N * (y.min(height - 1) * width + left)..][..there]);
        behind.chunks_exact_mut(N).for_each(|pixel| pixel.copy_from_slice(&line[there - N..]));
    }
}

/// JPEG's luma and chroma of red, green and blue (BT.601, full range), by products in 1/256 that lose less than one of them.
#[inline(always)]
fn of_rgb(rgb: [u16; 3]) -> [u16; 3] {
    /// The upper half of a product, which processors have for 16 bits.
    #[inline(always)]
    fn part(sample: u16, factor: u16) -> u16 {
        ((u32::from(sample) * u32::from(factor)) >> 16) as u16
    }
    let [r, g, b] = rgb.map(|sample| sample << 8);
    // What the two products lose makes up for the half that chroma's sums lack.
    [
        (part(r, 19_595) + part(g, 38_470) + part(b, 7_471) + 129) >> 8,
        (32_895 + (b >> 1) - part(r, 11_059) - part(g, 21_709)) >> 8,
        (32_895 + (r >> 1) - part(g, 27_439) - part(b, 5_329)) >> 8,
    ]
}

/// Takes the blocks side by side whose lines begin with `samples`, one every `stride` bytes: for each of their pixels, row by
/// row, `N` samples, those of all blocks beside each other.
#[inline(always)]
fn by_lane<const N: usize>(samples: &[u8], stride: usize, lanes: &mut [[u8; LANES]]) {
    for (half, part) in (0..LANES / 8).flat_map(|half| (0..N).map(move |part| (half, part))) {
        // Word `words[b][y]` is a part of row y of block b.
        let mut words = [[0u64; 8]; 8];
        for y in 0..8 {
            let (row, _) = samples[y * stride + 64 * N * half..][..64 * N].as_chunks::<8>();
            for (words, bytes) in words.iter_mut().zip(row.iter().skip(part).step_by(N)) {
                words[y] = u64::from_le_bytes(*bytes);
            }
        }
        // Blocks and columns change places: by fours, twos and ones.
        swap::<4>(&mut words, 0x0000_0000_FFFF_FFFF);
        swap::<2>(&mut words, 0x0000_FFFF_0000_FFFF);
        swap::<1>(&mut words, 0x00FF_00FF_00FF_00FF);
        for y in 0..8 {
            for (lanes, column) in lanes[8 * (N * y + part)..][..8].iter_mut().zip(&words) {
                lanes[8 * half..][..8].copy_from_slice(&column[y].to_le_bytes());
            }
        }
    }
}

/// The bytes of words without bit `N` in their number that `mask` does not name change places with those of words with it
/// that `mask` names.
#[inline(always)]
fn swap<const N: usize>(words: &mut [[u64; 8]; 8], mask: u64) {
    for low in (0..8).filter(|word| word & N == 0) {
        let (without, with) = words.split_at_mut(low + N);
        for (a, b) in without[low].iter_mut().zip(&mut with[0]) {
            let changed = ((*a >> (8 * N)) ^ *b) & mask;
            *a ^= changed << (8 * N);
            *b ^= changed;
        }
    }
}

/// Samples of [`LANES`] blocks, row by row, those at one place of each beside each other.
type Lanes = [[f32; LANES]; 64];

/// Sums of them.
type Sums = [[u16; LANES]; 64];

/// Luma of `pixels`, and chroma into its sums: each row of theirs takes `v` of the MCU's, which come in order, and of which
/// `first` is the first here.
#[inline(always)]
fn colours<const N: usize>(
    pixels: &[[u8; LANES]],
    convert: impl Fn([u16; N]) -> [u16; 3],
    luma: &mut Lanes,
    [cb, cr]: [&mut Sums; 2],
    (first, v): (usize, usize),
) {
    let (pixels, _) = pixels.as_chunks::<N>();
    for (y, (pixels, luma)) in (first..).zip(pixels.chunks_exact(8).zip(luma.chunks_exact_mut(8))) {
        let (row, fresh) = (y / v * 8, y % v == 0);
        let chroma = cb[row..row + 8].iter_mut().zip(&mut cr[row..row + 8]);
        for ((pixels, luma), (cb, cr)) in pixels.iter().zip(luma).zip(chroma) {
            for lane in 0..LANES {
                let [y, b, r] = convert(array::from_fn(|sample| pixels[sample][lane].into()));
                luma[lane] = y.into();
                cb[lane] = if fresh { b } else { cb[lane] + b };
                cr[lane] = if fresh { r } else { cr[lane] + r };
            }
        }
    }
}

/// The nearest whole numbers to the means of `H` by `v` samples, whose sums over `v` rows are given for `H` times as many
/// blocks. Halves become the lower in one column and the upper in the next, so that no colour shifts.
#[inline(always)]
fn means<const H: usize>(sums: &[Sums], v: usize, means: &mut Lanes) {
    if H * v == 1 {
        for (mean, sum) in means.as_flattened_mut().iter_mut().zip(sums[0].as_flattened()) {
            *mean = (*sum).into();
        }
        return;
    }
    let count = (H * v) as u32;
    // The next 65,536th above: exact for so few samples.
    let part = 65_536_u32.div_ceil(count);
    for (place, means) in means.iter_mut().enumerate() {
        let (row, column) = (place / 8 * 8, place % 8);
        let mut all = [(count - 1 + column as u32 % 2) / 2; LANES];
        for x in H * column..H * (column + 1) {
            for (lane, sum) in all.iter_mut().enumerate() {
                let block = H * lane + x / 8;
                *sum += u32::from(sums[block / LANES][row + x % 8][block % LANES]);
            }
        }
        for (mean, sum) in means.iter_mut().zip(all) {
            *mean = ((sum * part) >> 16) as f32;
        }
    }
}

/// Quantised coefficients of [`LANES`] blocks.
#[derive(Clone)]
struct Group {
    /// In the order in which a file states them.
    values: [[i32; LANES]; 64],
    /// Which of them are not zero, the first in the lowest bit; the lower half, then the upper.
    some: [[u32; LANES]; 2],
}

impl Group {
    const ZERO: Self = Self { values: [[0; LANES]; 64], some: [[0; LANES]; 2] };

    #[inline(always)]
    fn write(&self, lane: usize, before: &mut i32, codes: &[Codes; 2], run: &mut Run<'_>) {
        let lane = lane % LANES;
        let [low, high] = self.some;
        let left = u64::from(low[lane]) | u64::from(high[lane]) << 32;
        run.coefficients(left, |at| self.values[at][lane], before, codes);
    }
}

/// Multipliers for what [`forward`] makes twice, in rows.
type Scale = [f32; 64];

/// The multipliers that quantise by `steps` (in rows).
fn scale(steps: &[u16; 64]) -> Scale {
    /// √2 · cos(f π / 16), by which frequency f comes out too great, and 1.
    const GROWN: [f64; 8] = [
        1.0,
        1.387_039_845_322_147_5,
        1.306_562_964_876_376_4,
        1.175_875_602_419_358_6,
        1.0,
        0.785_694_958_387_102_2,
        0.541_196_100_146_196_9,
        0.275_899_379_282_943_06,
    ];
    array::from_fn(|place| (1.0 / (8.0 * GROWN[place / 8] * GROWN[place % 8] * f64::from(step(steps[place])))) as f32)
}

/// Where in a file the coefficient of each row and column stands.
const ORDER: [usize; 64] = {
    let mut order = [0; 64];
    let mut at = 0;
    while at < 64 {
        order[ZIGZAG[at] as usize] = at;
        at += 1;
    }
    order
};

/// Samples to quantised coefficients.
#[inline(always)]
fn transform<S: Simd>(simd: S, samples: &Lanes, scale: &Scale, group: &mut Group) {
    /// Added to it, a number's fraction is rounded away and its whole part, of either sign, is in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    /// What samples of 128 add up to.
    const LEVEL: f32 = 64.0 * 128.0;
    let zero = simd.splat_u32s(0);
    for first in (0..LANES).step_by(S::F32_LANES) {
        let mut columns = [[simd.splat_f32s(0.0); 8]; 8];
        for y in 0..8 {
            let row = array::from_fn(|x| S::as_simd_f32s(&samples[8 * y + x][first..][..S::F32_LANES]).0[0]);
            for (column, value) in columns.iter_mut().zip(forward(simd, row)) {
                column[y] = value;
            }
        }
        for (u, column) in columns.into_iter().enumerate() {
            for (v, mut value) in forward(simd, column).into_iter().enumerate() {
                let place = 8 * v + u;
                if place == 0 {
                    value = simd.sub_f32s(value, simd.splat_f32s(LEVEL));
                }
                let scaled = simd.mul_f32s(value, simd.splat_f32s(scale[place]));
                let rounded = simd.transmute_u32s_f32s(simd.add_f32s(scaled, simd.splat_f32s(MAGIC)));
                let whole = simd.sub_u32s(rounded, simd.splat_u32s(MAGIC.to_bits()));
                let to = &mut group.values[ORDER[place]][first..][..S::F32_LANES];
                S::as_mut_simd_i32s(to).0[0] = simd.transmute_i32s_u32s(whole);
            }
        }
        // By themselves, so that they stay in registers.
        for (values, to) in group.values.as_chunks::<32>().0.iter().zip(&mut group.some) {
            let mut some = zero;
            for (at, values) in values.iter().enumerate() {
                let values = simd.transmute_u32s_i32s(S::as_simd_i32s(&values[first..][..S::F32_LANES]).0[0]);
                let bit = simd.splat_u32s(1 << at);
                some = simd.or_u32s(some, simd.select_u32s(simd.equal_u32s(values, zero), zero, bit));
            }
            S::as_mut_simd_u32s(&mut to[first..][..S::F32_LANES]).0[0] = some;
        }
    }
}

/// Samples to frequencies in one direction, with five multiplications (Arai, Agui and Nakajima 1988): frequency f times
/// 2√2, times [`scale`]'s factor of it. Of equal samples, all frequencies but the first are exactly zero. Not fused: every
/// processor computes the same.
#[inline(always)]
fn forward<S: Simd>(simd: S, a: [S::f32s; 8]) -> [S::f32s; 8] {
    let add = |a, b| simd.add_f32s(a, b);
    let sub = |a, b| simd.sub_f32s(a, b);
    let times = |a, by: f32| simd.mul_f32s(a, simd.splat_f32s(by));
    let sums: [S::f32s; 4] = array::from_fn(|x| add(a[x], a[7 - x]));
    let differences: [S::f32s; 4] = array::from_fn(|x| sub(a[x], a[7 - x]));

    let [outer, inner] = [add(sums[0], sums[3]), add(sums[1], sums[2])];
    let [outer_slope, inner_slope] = [sub(sums[0], sums[3]), sub(sums[1], sums[2])];
    let turned = times(add(inner_slope, outer_slope), 0.707_106_77);

    let [d0, d1, d2, d3] = differences;
    let [low, middle, high] = [add(d3, d2), add(d2, d1), add(d1, d0)];
    let common = times(sub(low, high), 0.382_683_43);
    let low = add(times(low, 0.541_196_1), common);
    let high = add(times(high, 1.306_563), common);
    let middle = times(middle, 0.707_106_77);
    let [near, far] = [add(d0, middle), sub(d0, middle)];
    [
        add(outer, inner),
        add(near, high),
        add(outer_slope, turned),
        sub(far, low),
        sub(outer, inner),
        add(far, low),
        sub(outer_slope, turned),
        sub(near, high),
    ]
}
