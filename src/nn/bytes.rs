//! Bytes: activations and weights in eighths of a single's room, and the processor's instruction that multiplies them in
//! fours, or that multiply them in pairs.
//!
//! With AVX2, activations have seven bits and weights six and a sign, so that four products fit sixteen bits: sums of two pairs are
//! added before they are widened.
//!
//! Owns quantisation, and the other `unsafe` of the two that the crate has: like [`super::bf16`]'s, an instruction on
//! registers that no crate wraps, behind a proof that the processor has it.
#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

#[cfg(target_arch = "x86_64")]
pub use fours::Avx512Vnni;
#[cfg(target_arch = "x86_64")]
pub use pairs::Avx2Bytes;

/// The greatest bytes: of activations, which are not negative, and of weights by magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub activation: f32,
    pub weight: f32,
}

/// Four products of the greatest bytes fit sixteen bits.
const _: () = assert!(4.0 * Range::NARROW.activation * Range::NARROW.weight <= i16::MAX as f32);

impl Range {
    /// All that a byte has.
    pub const WIDE: Self = Self { activation: 255.0, weight: 127.0 };
    /// Seven bits for activations; for weights six and a sign.
    pub const NARROW: Self = Self { activation: 127.0, weight: 63.0 };

    /// What one step of a channel's weights is worth, when `greatest` is the largest of them by magnitude.
    pub fn weight_step(self, greatest: f32) -> f32 {
        if greatest > 0.0 { greatest / self.weight } else { 1.0 }
    }

    /// A weight in steps.
    pub fn weight_byte(self, value: f32, step: f32) -> i8 {
        /// Above it there is no room for a fraction: adding it rounds, ties to even, as no library call has to.
        const WHOLE: f32 = 12_582_912.0;
        let steps = (value / step).clamp(-self.weight, self.weight);
        (steps + WHOLE - WHOLE) as i8
    }
}

/// Four weights as a lane holds them, the first in its lowest byte: bits, not a number.
pub fn four(weights: [i8; 4]) -> u32 {
    u32::from_le_bytes(weights.map(|weight| weight as u8))
}

/// Activations from 0 to `peak` in steps of `peak / most`, as many as `bytes` has room for.
#[cfg(target_arch = "x86_64")]
pub struct Quantise<'a> {
    pub singles: &'a [f32],
    pub peak: f32,
    /// [`Range::activation`].
    pub most: f32,
    pub bytes: &'a mut [u8],
}

#[cfg(target_arch = "x86_64")]
impl pulp::WithSimd for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let steps = if self.peak > 0.0 { self.most / self.peak } else { 0.0 };
        for (byte, &value) in self.bytes.iter_mut().zip(self.singles) {
            // Adding 2²³ leaves a whole number, rounded, in the lowest bits: an addition instead of a conversion.
            *byte = (value * steps + 8_388_608.0).to_bits() as u8;
        }
    }
}

/// The greatest of `singles`, or 0.
#[cfg(target_arch = "x86_64")]
pub struct Peak<'a>(pub &'a [f32]);

#[cfg(target_arch = "x86_64")]
impl pulp::WithSimd for Peak<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) -> f32 {
        let (vectors, rest) = S::as_simd_f32s(self.0);
        let greatest = vectors.iter().fold(simd.splat_f32s(0.0), |greatest, &v| simd.max_f32s(greatest, v));
        rest.iter().fold(simd.reduce_max_f32s(greatest), |greatest, &value| greatest.max(value))
    }
}

#[cfg(target_arch = "x86_64")]
mod pairs {
    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, Simd, cast};

    use crate::nn::simd::Dot;

    /// AVX2, whose products of bytes are of pairs, in sixteen bits.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx2Bytes(pub V3);

    /// Sums of integers that pass as singles: their bits are kept, nothing computes with them in between.
    type Sums = <V3 as Simd>::f32s;

    impl Avx2Bytes {
        pub fn try_new() -> Option<Self> {
            V3::try_new().map(Self)
        }

        /// Sums of sixteen bits, two by two, on top of `sums`.
        #[inline(always)]
        fn widen(self, pairs: std::arch::x86_64::__m256i, sums: Sums) -> Sums {
            let Self(V3 { avx, avx2, .. }) = self;
            let fours = avx2._mm256_madd_epi16(pairs, avx._mm256_set1_epi16(1));
            cast(avx2._mm256_add_epi32(cast(sums), fours))
        }
    }

    impl Dot for Avx2Bytes {
        type Simd = V3;
        type Element = u8;
        const ELEMENTS: usize = 4;
        const WHOLE: bool = true;
        const TWO: bool = true;

        #[inline(always)]
        fn simd(self) -> V3 {
            self.0
        }

        #[inline(always)]
        fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
            self.0.vectorize(f)
        }

        #[inline(always)]
        fn splat(self, elements: &[u8]) -> Sums {
            let four: u32 = cast([elements[0], elements[1], elements[2], elements[3]]);
            self.0.transmute_f32s_u32s(self.0.splat_u32s(four))
        }

        #[inline(always)]
        fn add_products(self, values: Sums, weights: Sums, sums: Sums) -> Sums {
            self.widen(self.0.avx2._mm256_maddubs_epi16(cast(values), cast(weights)), sums)
        }

        #[inline(always)]
        fn add_both(self, values: [Sums; 2], weights: [Sums; 2], sums: Sums) -> Sums {
            // No closures: they would be compiled without this set.
            let avx2 = self.0.avx2;
            let first = avx2._mm256_maddubs_epi16(cast(values[0]), cast(weights[0]));
            let second = avx2._mm256_maddubs_epi16(cast(values[1]), cast(weights[1]));
            self.widen(avx2._mm256_add_epi16(first, second), sums)
        }

        #[inline(always)]
        fn singles(self, sums: Sums) -> Sums {
            cast(self.0.avx._mm256_cvtepi32_ps(cast(sums)))
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod fours {
    use std::arch::x86_64::_mm512_dpbusd_epi32;

    use pulp::core_arch::x86::Avx512vnni;
    use pulp::x86::V4;
    use pulp::{NullaryFnOnce, Simd, cast};

    use crate::nn::bf16::Avx512Bf16;
    use crate::nn::simd::Dot;

    crate::nn::simd::v4_and!(avx512vnni: "avx512vnni");

    /// AVX-512 with products of bytes in fours, and of pairs of bfloat16 for what must not be quantised.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx512Vnni {
        pub pairs: Avx512Bf16,
        set: Set,
    }

    impl Avx512Vnni {
        pub fn try_new() -> Option<Self> {
            Some(Self { pairs: Avx512Bf16::try_new()?, set: Set::try_new()? })
        }
    }

    /// Four sums of integers that pass as singles: their bits are kept, nothing computes with them in between.
    type Sums = <V4 as Simd>::f32s;

    #[inline(always)]
    fn add_products(_proof: Avx512vnni, values: Sums, weights: Sums, sums: Sums) -> Sums {
        // SAFETY: the instruction touches registers only; that this processor has it is what a value of `Avx512vnni`
        // stands for, which pulp makes after asking the processor and not otherwise.
        cast(unsafe { _mm512_dpbusd_epi32(cast(sums), cast(values), cast(weights)) })
    }

    impl Dot for Avx512Vnni {
        type Simd = V4;
        type Element = u8;
        const ELEMENTS: usize = 4;
        const WHOLE: bool = true;

        #[inline(always)]
        fn simd(self) -> V4 {
            self.pairs.singles
        }

        #[inline(always)]
        fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
            self.set.vectorize(f)
        }

        #[inline(always)]
        fn splat(self, elements: &[u8]) -> Sums {
            let four: u32 = cast([elements[0], elements[1], elements[2], elements[3]]);
            self.simd().transmute_f32s_u32s(self.simd().splat_u32s(four))
        }

        #[inline(always)]
        fn add_products(self, values: Sums, weights: Sums, sums: Sums) -> Sums {
            add_products(self.set.avx512vnni, values, weights, sums)
        }

        #[inline(always)]
        fn singles(self, sums: Sums) -> Sums {
            cast(self.set.avx512f._mm512_cvtepi32_ps(cast(sums)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_round_ties_to_even() {
        for range in [Range::WIDE, Range::NARROW] {
            for eighths in -2_000..=2_000 {
                let value = eighths as f32 / 8.0;
                let expected = value.round_ties_even().clamp(-range.weight, range.weight) as i8;
                assert_eq!(range.weight_byte(value, 1.0), expected, "{value}");
                assert_eq!(range.weight_byte(value * 0.5, 0.5), expected, "{value}");
            }
            assert_eq!(range.weight_byte(f32::INFINITY, 1.0), range.weight as i8);
            assert_eq!(range.weight_byte(f32::NAN, 1.0), 0);
        }
    }
}
