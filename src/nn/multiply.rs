//! How each instruction set multiplies bytes and words and adds the products up: in whole numbers, of which every set makes the same.
//!
//! Owns what a lane does. Activations are at most [`BYTES`](super::quantise::BYTES) or [`WORDS`](super::quantise::WORDS), so that no sum
//! outgrows the sixteen bits that AVX2 makes of a pair of bytes, twice, nor the 32 of a lane.

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, Scalar128b, Simd, WithSimd, cast};

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx512Vnni, AvxVnni};

/// A register of whole numbers of 32 bits.
pub type Whole<S> = <S as Simd>::i32s;

/// An instruction set, as it multiplies.
pub trait Multiply: Copy {
    type Simd: Simd;
    fn simd(self) -> Self::Simd;

    /// Calls `f` compiled for this set.
    fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output;

    /// In each lane `sums` and four products, of bytes without a sign and bytes with one.
    fn bytes(self, values: Whole<Self::Simd>, weights: Whole<Self::Simd>, sums: Whole<Self::Simd>)
    -> Whole<Self::Simd>;

    /// [`Multiply::bytes`], twice.
    #[inline(always)]
    fn two_bytes(
        self,
        values: [Whole<Self::Simd>; 2],
        weights: [Whole<Self::Simd>; 2],
        sums: Whole<Self::Simd>,
    ) -> Whole<Self::Simd> {
        self.bytes(values[1], weights[1], self.bytes(values[0], weights[0], sums))
    }

    /// In each lane `sums` and two products, of words with a sign.
    fn words(self, values: Whole<Self::Simd>, weights: Whole<Self::Simd>, sums: Whole<Self::Simd>)
    -> Whole<Self::Simd>;

    /// The nearest singles, of two the even one.
    fn singles(self, whole: Whole<Self::Simd>) -> <Self::Simd as Simd>::f32s;

    /// Writes each lane's lowest byte, or word: of numbers that it has room for.
    fn store_bytes(self, whole: Whole<Self::Simd>, to: &mut [u8]);
    fn store_words(self, whole: Whole<Self::Simd>, to: &mut [i16]);
}

/// A function that already knows its set.
struct Plain<F>(F);

impl<F: NullaryFnOnce> WithSimd for Plain<F> {
    type Output = F::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> F::Output {
        self.0.call()
    }
}

impl Multiply for Scalar128b {
    type Simd = Self;

    #[inline(always)]
    fn simd(self) -> Self {
        self
    }

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.vectorize(Plain(f))
    }

    #[inline(always)]
    fn bytes(self, values: Whole<Self>, weights: Whole<Self>, sums: Whole<Self>) -> Whole<Self> {
        let (values, weights): ([[u8; 4]; 4], [[i8; 4]; 4]) = (cast(values), cast(weights));
        let mut sums: [i32; 4] = cast(sums);
        for ((sum, values), weights) in sums.iter_mut().zip(values).zip(weights) {
            for (value, weight) in values.into_iter().zip(weights) {
                *sum += i32::from(value) * i32::from(weight);
            }
        }
        cast(sums)
    }

    #[inline(always)]
    fn words(self, values: Whole<Self>, weights: Whole<Self>, sums: Whole<Self>) -> Whole<Self> {
        let (values, weights): ([[i16; 2]; 4], [[i16; 2]; 4]) = (cast(values), cast(weights));
        let mut sums: [i32; 4] = cast(sums);
        for ((sum, values), weights) in sums.iter_mut().zip(values).zip(weights) {
            for (value, weight) in values.into_iter().zip(weights) {
                *sum += i32::from(value) * i32::from(weight);
            }
        }
        cast(sums)
    }

    #[inline(always)]
    fn singles(self, whole: Whole<Self>) -> <Self as Simd>::f32s {
        let whole: [i32; 4] = cast(whole);
        cast(whole.map(|whole| whole as f32))
    }

    #[inline(always)]
    fn store_bytes(self, whole: Whole<Self>, to: &mut [u8]) {
        let whole: [i32; 4] = cast(whole);
        to.copy_from_slice(&whole.map(|whole| whole as u8));
    }

    #[inline(always)]
    fn store_words(self, whole: Whole<Self>, to: &mut [i16]) {
        let whole: [i32; 4] = cast(whole);
        to.copy_from_slice(&whole.map(|whole| whole as i16));
    }
}

#[cfg(target_arch = "x86_64")]
impl Multiply for V3 {
    type Simd = Self;

    #[inline(always)]
    fn simd(self) -> Self {
        self
    }

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
        Simd::vectorize(self, Plain(f))
    }

    #[inline(always)]
    fn bytes(self, values: Whole<Self>, weights: Whole<Self>, sums: Whole<Self>) -> Whole<Self> {
        let pairs = self.avx2._mm256_maddubs_epi16(cast(values), cast(weights));
        let fours = self.avx2._mm256_madd_epi16(pairs, self.avx._mm256_set1_epi16(1));
        cast(self.avx2._mm256_add_epi32(cast(sums), fours))
    }

    #[inline(always)]
    fn two_bytes(self, values: [Whole<Self>; 2], weights: [Whole<Self>; 2], sums: Whole<Self>) -> Whole<Self> {
        // No closures: they would be compiled without this set.
        let first = self.avx2._mm256_maddubs_epi16(cast(values[0]), cast(weights[0]));
        let second = self.avx2._mm256_maddubs_epi16(cast(values[1]), cast(weights[1]));
        let pairs = self.avx2._mm256_add_epi16(first, second);
        let fours = self.avx2._mm256_madd_epi16(pairs, self.avx._mm256_set1_epi16(1));
        cast(self.avx2._mm256_add_epi32(cast(sums), fours))
    }

    #[inline(always)]
    fn words(self, values: Whole<Self>, weights: Whole<Self>, sums: Whole<Self>) -> Whole<Self> {
        let products = self.avx2._mm256_madd_epi16(cast(values), cast(weights));
        cast(self.avx2._mm256_add_epi32(cast(sums), products))
    }

    #[inline(always)]
    fn singles(self, whole: Whole<Self>) -> <Self as Simd>::f32s {
        cast(self.avx._mm256_cvtepi32_ps(cast(whole)))
    }

    #[inline(always)]
    fn store_bytes(self, whole: Whole<Self>, to: &mut [u8]) {
        let words = self.avx2._mm256_packs_epi32(cast(whole), cast(whole));
        // Each half has its four bytes, twice.
        let bytes: [[u8; 4]; 8] = cast(self.avx2._mm256_packus_epi16(words, words));
        to[..4].copy_from_slice(&bytes[0]);
        to[4..].copy_from_slice(&bytes[4]);
    }

    #[inline(always)]
    fn store_words(self, whole: Whole<Self>, to: &mut [i16]) {
        let words: [[i16; 4]; 4] = cast(self.avx2._mm256_packs_epi32(cast(whole), cast(whole)));
        to[..4].copy_from_slice(&words[0]);
        to[4..].copy_from_slice(&words[2]);
    }
}

#[cfg(target_arch = "x86_64")]
impl Multiply for V4 {
    type Simd = Self;

    #[inline(always)]
    fn simd(self) -> Self {
        self
    }

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
        Simd::vectorize(self, Plain(f))
    }

    #[inline(always)]
    fn bytes(self, values: Whole<Self>, weights: Whole<Self>, sums: Whole<Self>) -> Whole<Self> {
        let pairs = self.avx512bw._mm512_maddubs_epi16(cast(values), cast(weights));
        let fours = self.avx512bw._mm512_madd_epi16(pairs, self.avx512f._mm512_set1_epi16(1));
        cast(self.avx512f._mm512_add_epi32(cast(sums), fours))
    }

    #[inline(always)]
    fn two_bytes(self, values: [Whole<Self>; 2], weights: [Whole<Self>; 2], sums: Whole<Self>) -> Whole<Self> {
        let first = self.avx512bw._mm512_maddubs_epi16(cast(values[0]), cast(weights[0]));
        let second = self.avx512bw._mm512_maddubs_epi16(cast(values[1]), cast(weights[1]));
        let pairs = self.avx512bw._mm512_add_epi16(first, second);
        let fours = self.avx512bw._mm512_madd_epi16(pairs, self.avx512f._mm512_set1_epi16(1));
        cast(self.avx512f._mm512_add_epi32(cast(sums), fours))
    }

    #[inline(always)]
    fn words(self, values: Whole<Self>, weights: Whole<Self>, sums: Whole<Self>) -> Whole<Self> {
        let products = self.avx512bw._mm512_madd_epi16(cast(values), cast(weights));
        cast(self.avx512f._mm512_add_epi32(cast(sums), products))
    }

    #[inline(always)]
    fn singles(self, whole: Whole<Self>) -> <Self as Simd>::f32s {
        cast(self.avx512f._mm512_cvtepi32_ps(cast(whole)))
    }

    #[inline(always)]
    fn store_bytes(self, whole: Whole<Self>, to: &mut [u8]) {
        let bytes: [u8; 16] = cast(self.avx512f._mm512_cvtepi32_epi8(cast(whole)));
        to.copy_from_slice(&bytes);
    }

    #[inline(always)]
    fn store_words(self, whole: Whole<Self>, to: &mut [i16]) {
        let words: [i16; 16] = cast(self.avx512f._mm512_cvtepi32_epi16(cast(whole)));
        to.copy_from_slice(&words);
    }
}

/// The sets that have one instruction for it.
#[cfg(target_arch = "x86_64")]
macro_rules! vnni {
    ($set:ty, $simd:ty) => {
        impl Multiply for $set {
            type Simd = $simd;

            #[inline(always)]
            fn simd(self) -> $simd {
                self.simd()
            }

            #[inline(always)]
            fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
                self.enter(f)
            }

            #[inline(always)]
            fn bytes(self, values: Whole<$simd>, weights: Whole<$simd>, sums: Whole<$simd>) -> Whole<$simd> {
                self.add_bytes(values, weights, sums)
            }

            #[inline(always)]
            fn words(self, values: Whole<$simd>, weights: Whole<$simd>, sums: Whole<$simd>) -> Whole<$simd> {
                self.simd().words(values, weights, sums)
            }

            #[inline(always)]
            fn singles(self, whole: Whole<$simd>) -> <$simd as Simd>::f32s {
                self.simd().singles(whole)
            }

            #[inline(always)]
            fn store_bytes(self, whole: Whole<$simd>, to: &mut [u8]) {
                self.simd().store_bytes(whole, to);
            }

            #[inline(always)]
            fn store_words(self, whole: Whole<$simd>, to: &mut [i16]) {
                self.simd().store_words(whole, to);
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
vnni!(AvxVnni, V3);
#[cfg(target_arch = "x86_64")]
vnni!(Avx512Vnni, V4);

/// Activations as a convolution multiplies them.
pub trait Element: Copy + Default {
    /// How many of them each lane multiplies at once.
    const EACH: usize;
    /// Those that a step of the innermost loop takes.
    type Some: Copy;
    /// How many multiplications of a lane that is.
    const LANES: usize;

    /// The elements, so many at a time; what is left over is left out.
    fn some(elements: &[Self]) -> &[Self::Some];

    /// The first [`Self::EACH`] of `elements`, as the bits of a lane.
    fn lane(elements: &[Self]) -> i32;

    /// Adds the products of `values`, in every lane, with [`Self::LANES`] times `N` vectors of weights.
    fn add<X: Multiply, const N: usize>(
        set: X,
        values: &Self::Some,
        weights: &[Whole<X::Simd>],
        sums: &mut [Whole<X::Simd>; N],
    );
}

impl Element for u8 {
    const EACH: usize = 4;
    type Some = [Self; 8];
    const LANES: usize = 2;

    #[inline(always)]
    fn some(elements: &[Self]) -> &[Self::Some] {
        elements.as_chunks().0
    }

    #[inline(always)]
    fn lane(elements: &[Self]) -> i32 {
        i32::from_le_bytes([elements[0], elements[1], elements[2], elements[3]])
    }

    #[inline(always)]
    fn add<X: Multiply, const N: usize>(
        set: X,
        values: &Self::Some,
        weights: &[Whole<X::Simd>],
        sums: &mut [Whole<X::Simd>; N],
    ) {
        let simd = set.simd();
        let values = [simd.splat_i32s(Self::lane(&values[..4])), simd.splat_i32s(Self::lane(&values[4..]))];
        for v in 0..N {
            sums[v] = set.two_bytes(values, [weights[v], weights[N + v]], sums[v]);
        }
    }
}

impl Element for i16 {
    const EACH: usize = 2;
    type Some = [Self; 2];
    const LANES: usize = 1;

    #[inline(always)]
    fn some(elements: &[Self]) -> &[Self::Some] {
        elements.as_chunks().0
    }

    #[inline(always)]
    fn lane(elements: &[Self]) -> i32 {
        let [a, b] = [elements[0], elements[1]].map(Self::to_le_bytes);
        i32::from_le_bytes([a[0], a[1], b[0], b[1]])
    }

    #[inline(always)]
    fn add<X: Multiply, const N: usize>(
        set: X,
        values: &Self::Some,
        weights: &[Whole<X::Simd>],
        sums: &mut [Whole<X::Simd>; N],
    ) {
        let value = set.simd().splat_i32s(Self::lane(values));
        for v in 0..N {
            sums[v] = set.words(value, weights[v], sums[v]);
        }
    }
}
