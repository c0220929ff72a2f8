//! From sums to what is kept: scaled, another tensor added, activated, rounded.
//!
//! Owns the only arithmetic of a net that is not whole. Each operation is rounded by itself, none is fused with another, and none
//! reorders sums, so that every instruction set gives the same bits.

use pulp::{NullaryFnOnce, Scalar128b, Simd, WithSimd};

use crate::nn::multiply::Multiply;
use crate::nn::plane::Layout;
use crate::nn::quantise::{self, BYTES, WHOLE, WORDS};
use crate::simd::Isa;

/// A tensor's numbers, as they are kept.
#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    Bytes(&'a [u8]),
    Words(&'a [i16]),
    Singles(&'a [f32]),
}

/// Room for a tensor's numbers.
pub enum Room<'a> {
    Bytes(&'a mut [u8]),
    Words(&'a mut [i16]),
    Singles(&'a mut [f32]),
}

impl Numbers<'_> {
    /// Row `y`, without the border.
    pub fn row(self, layout: &Layout, y: usize) -> Self {
        match self {
            Self::Bytes(numbers) => Self::Bytes(layout.cells(numbers, y)),
            Self::Words(numbers) => Self::Words(layout.cells(numbers, y)),
            Self::Singles(numbers) => Self::Singles(layout.cells(numbers, y)),
        }
    }
}

impl Room<'_> {
    /// Row `y`, without the border.
    pub fn row(&mut self, layout: &Layout, y: usize) -> Room<'_> {
        match self {
            Self::Bytes(room) => Room::Bytes(layout.cells_mut(room, y)),
            Self::Words(room) => Room::Words(layout.cells_mut(room, y)),
            Self::Singles(room) => Room::Singles(layout.cells_mut(room, y)),
        }
    }
}

/// A row of sums, whose cells are `step` apart like those of all that goes with them, and what is made of them.
pub struct Finish<'a> {
    pub sums: &'a [i32],
    /// Whole vectors.
    pub step: usize,
    /// For each channel, in steps of the output.
    pub scales: &'a [f32],
    pub bias: &'a [f32],
    /// What is added, in steps of the output.
    pub addend: Option<&'a [f32]>,
    pub relu: bool,
    pub output: Room<'a>,
}

impl Finish<'_> {
    /// Does it on `isa`, of whose vectors the cells are made.
    pub fn run(self, isa: Isa) {
        match isa {
            Isa::Portable => self.run_on(Scalar128b),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(set) => self.run_on(set),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni(set) => self.run_on(set.simd()),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(set) => self.run_on(set),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni(set) => self.run_on(set.simd()),
        }
    }

    fn run_on<X: Multiply>(self, set: X) {
        set.enter(Finishing(set, self));
    }
}

struct Finishing<'a, X>(X, Finish<'a>);

impl<X: Multiply> NullaryFnOnce for Finishing<'_, X> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(set, mut finish) = self;
        match std::mem::replace(&mut finish.output, Room::Bytes(&mut [])) {
            Room::Bytes(output) => finish.cells(set, output),
            Room::Words(output) => finish.cells(set, output),
            Room::Singles(output) => finish.cells(set, output),
        }
    }
}

impl Finish<'_> {
    #[inline(always)]
    fn cells<X: Multiply, T: Stored>(&self, set: X, output: &mut [T]) {
        let simd = set.simd();
        let zero = simd.splat_f32s(0.0);
        let (scales, bias) = (X::Simd::as_simd_f32s(self.scales).0, X::Simd::as_simd_f32s(self.bias).0);
        let vectors = self.step / X::Simd::F32_LANES;
        let constants = scales.iter().zip(bias).take(vectors);
        let cells = output.chunks_exact_mut(self.step).zip(self.sums.chunks_exact(self.step)).enumerate();
        for (x, (output, sums)) in cells {
            let output = output.chunks_exact_mut(X::Simd::F32_LANES);
            let sums = X::Simd::as_simd_i32s(sums).0;
            match self.addend {
                None => {
                    for ((to, &sum), (&scale, &bias)) in output.zip(sums).zip(constants.clone()) {
                        let value = simd.add_f32s(simd.mul_f32s(set.singles(sum), scale), bias);
                        T::store(set, if self.relu { simd.max_f32s(value, zero) } else { value }, to);
                    }
                }
                Some(addend) => {
                    let addend = X::Simd::as_simd_f32s(&addend[x * self.step..][..self.step]).0;
                    for (((to, &sum), (&scale, &bias)), &more) in output.zip(sums).zip(constants.clone()).zip(addend) {
                        let value = simd.add_f32s(simd.mul_f32s(set.singles(sum), scale), bias);
                        let value = simd.add_f32s(value, more);
                        T::store(set, if self.relu { simd.max_f32s(value, zero) } else { value }, to);
                    }
                }
            }
        }
    }
}

/// A number as it is kept.
trait Stored: Copy {
    /// Writes a vector of them, rounded to what there is.
    fn store<X: Multiply>(set: X, values: <X::Simd as Simd>::f32s, to: &mut [Self]);

    fn single(self) -> f32;
}

/// The nearest whole numbers from `least` to `most`, of two the even one.
#[inline(always)]
fn whole<S: Simd>(simd: S, values: S::f32s, least: f32, most: f32) -> S::i32s {
    let values = simd.min_f32s(simd.max_f32s(values, simd.splat_f32s(least)), simd.splat_f32s(most));
    let bits = simd.transmute_u32s_f32s(simd.add_f32s(values, simd.splat_f32s(WHOLE)));
    simd.transmute_i32s_u32s(simd.sub_u32s(bits, simd.splat_u32s(WHOLE.to_bits())))
}

impl Stored for u8 {
    #[inline(always)]
    fn store<X: Multiply>(set: X, values: <X::Simd as Simd>::f32s, to: &mut [Self]) {
        set.store_bytes(whole(set.simd(), values, 0.0, BYTES), to);
    }

    #[inline(always)]
    fn single(self) -> f32 {
        f32::from(self)
    }
}

impl Stored for i16 {
    #[inline(always)]
    fn store<X: Multiply>(set: X, values: <X::Simd as Simd>::f32s, to: &mut [Self]) {
        set.store_words(whole(set.simd(), values, -WORDS, WORDS), to);
    }

    #[inline(always)]
    fn single(self) -> f32 {
        f32::from(self)
    }
}

impl Stored for f32 {
    #[inline(always)]
    fn store<X: Multiply>(_: X, values: <X::Simd as Simd>::f32s, to: &mut [Self]) {
        X::Simd::as_mut_simd_f32s(to).0[0] = values;
    }

    #[inline(always)]
    fn single(self) -> f32 {
        self
    }
}

/// A row of one tensor as singles, to be added to another.
pub struct Expand<'a> {
    pub numbers: Numbers<'a>,
    /// Elements from one cell to the next, of both.
    pub step: usize,
    /// What its steps are worth in steps of the output.
    pub scale: f32,
    /// Whether each cell stands for two side by side.
    pub twice: bool,
    pub singles: &'a mut [f32],
}

impl WithSimd for Expand<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.numbers {
            Numbers::Bytes(numbers) => expand(numbers, self.step, self.scale, self.twice, self.singles),
            Numbers::Words(numbers) => expand(numbers, self.step, self.scale, self.twice, self.singles),
            Numbers::Singles(numbers) => expand(numbers, self.step, self.scale, self.twice, self.singles),
        }
    }
}

#[inline(always)]
fn expand<T: Stored>(numbers: &[T], step: usize, scale: f32, twice: bool, singles: &mut [f32]) {
    if !twice {
        for (single, &number) in singles.iter_mut().zip(numbers) {
            *single = number.single() * scale;
        }
        return;
    }
    for (pair, cell) in singles.chunks_exact_mut(2 * step).zip(numbers.chunks_exact(step)) {
        let (first, second) = pair.split_at_mut(step);
        for ((first, second), &number) in first.iter_mut().zip(second).zip(cell) {
            *first = number.single() * scale;
            *second = *first;
        }
    }
}

/// A row of whole numbers as sums, of which [`Finish`] then makes something else.
pub fn widen(numbers: Numbers<'_>, sums: &mut [i32]) {
    fn cells<T: Copy + Into<i32>>(numbers: &[T], sums: &mut [i32]) {
        for (sum, &number) in sums.iter_mut().zip(numbers) {
            *sum = number.into();
        }
    }
    match numbers {
        Numbers::Bytes(numbers) => cells(numbers, sums),
        Numbers::Words(numbers) => cells(numbers, sums),
        Numbers::Singles(_) => unreachable!("checked when the net was read: sums begin with whole numbers"),
    }
}

/// Luma as words around `centre`, [`LUMA_STEPS`] to a step of luma.
pub struct Feed<'a> {
    pub luma: &'a [u8],
    pub centre: f32,
    pub output: &'a mut [i16],
    pub layout: &'a Layout,
}

/// As fine as words have room for: 255 steps of luma make 8,160.
pub const LUMA_STEPS: f32 = 32.0;

impl WithSimd for Feed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { luma, centre, output, layout } = self;
        for (y, luma) in luma.chunks_exact(layout.width).enumerate() {
            for (word, &luma) in output[layout.at(y)..][..layout.width].iter_mut().zip(luma) {
                *word = quantise::word((f32::from(luma) - centre) * LUMA_STEPS);
            }
        }
    }
}

/// Groups of channels become 2×2 cells.
pub fn depth_to_space2<T: Copy + Default>(input: (&[T], &Layout), output: &mut [T], layout: &Layout) {
    let (step, channels) = (layout.step, layout.channels);
    for y in 0..layout.height {
        let cells = input.1.cells(input.0, y / 2).chunks_exact(input.1.step);
        for (pair, cell) in layout.cells_mut(output, y).chunks_exact_mut(2 * step).zip(cells) {
            let from = &cell[(y % 2) * 2 * channels..][..2 * channels];
            if step == channels {
                pair.copy_from_slice(from);
                continue;
            }
            for (to, from) in pair.chunks_exact_mut(step).zip(from.chunks_exact(channels)) {
                to[..channels].copy_from_slice(from);
                to[channels..].fill(T::default());
            }
        }
    }
}

/// Every cell twice in both directions.
pub fn upsample2<T: Copy>(input: (&[T], &Layout), output: &mut [T], layout: &Layout) {
    let step = layout.step;
    for y in 0..layout.height {
        let cells = input.1.cells(input.0, y / 2).chunks_exact(input.1.step);
        for (pair, cell) in layout.cells_mut(output, y).chunks_exact_mut(2 * step).zip(cells) {
            let (first, second) = pair.split_at_mut(step);
            let both = step.min(cell.len());
            first[..both].copy_from_slice(&cell[..both]);
            second[..both].copy_from_slice(&cell[..both]);
        }
    }
}
