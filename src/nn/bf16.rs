//! bfloat16: the upper half of a single, and the processor's instruction that multiplies pairs of them.
//!
//! Owns rounding to it, and an `unsafe` of the two that the crate has: one instruction that no crate wraps. Its operands are registers, so
//! that all it asks for is a processor that has it, and a value of [`Avx512Bf16`] is the proof.
#![cfg_attr(target_arch = "x86_64", allow(unsafe_code))]

#[cfg(target_arch = "x86_64")]
pub use paired::Avx512Bf16;

/// A bfloat16's bits.
pub type Bits = u16;

/// The nearest bfloat16, of two the even one. Not a number stays none.
#[inline(always)]
pub fn round(value: f32) -> Bits {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if value.is_nan() { 0x7fc0 } else { rounded as Bits }
}

/// Rounds the beginning of `singles`, as much as `rounded` has room for.
#[cfg(target_arch = "x86_64")]
pub struct RoundAll<'a> {
    pub singles: &'a [f32],
    pub rounded: &'a mut [Bits],
}

#[cfg(target_arch = "x86_64")]
impl pulp::WithSimd for RoundAll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for (to, &from) in self.rounded.iter_mut().zip(self.singles) {
            *to = round(from);
        }
    }
}

/// A pair as a lane holds it, the first in its lower half. For finite numbers a single with the same bits is finite, and
/// keeps them.
pub fn pair(first: f32, second: f32) -> f32 {
    f32::from_bits(u32::from(round(first)) | u32::from(round(second)) << 16)
}

#[cfg(target_arch = "x86_64")]
mod paired {
    use std::arch::x86_64::_mm512_dpbf16_ps;

    use pulp::core_arch::x86::Avx512bf16;
    use pulp::x86::V4;
    use pulp::{NullaryFnOnce, Simd, cast};

    use super::Bits;
    use crate::nn::simd::Dot;

    crate::nn::simd::v4_and!(avx512bf16: "avx512bf16");

    /// AVX-512 with products of pairs of bfloat16. A value is the proof that the processor has both.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx512Bf16 {
        /// For all that is not such a product.
        pub singles: V4,
        set: Set,
    }

    impl Avx512Bf16 {
        pub fn try_new() -> Option<Self> {
            Some(Self { singles: V4::try_new()?, set: Set::try_new()? })
        }
    }

    /// `sums + a₀·b₀ + a₁·b₁` in each lane, the pairs being [`super::pair`]s.
    #[inline(always)]
    fn add_products(
        _proof: Avx512bf16,
        a: <V4 as Simd>::f32s,
        b: <V4 as Simd>::f32s,
        sums: <V4 as Simd>::f32s,
    ) -> <V4 as Simd>::f32s {
        // SAFETY: the instruction touches registers only; that this processor has it is what a value of `Avx512bf16`
        // stands for, which pulp makes after asking the processor and not otherwise.
        cast(unsafe { _mm512_dpbf16_ps(cast(sums), cast(a), cast(b)) })
    }

    impl Dot for Avx512Bf16 {
        type Simd = V4;
        type Element = Bits;
        const ELEMENTS: usize = 2;

        #[inline(always)]
        fn simd(self) -> V4 {
            self.singles
        }

        #[inline(always)]
        fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
            self.set.vectorize(f)
        }

        #[inline(always)]
        fn splat(self, elements: &[Bits]) -> <V4 as Simd>::f32s {
            let pair: u32 = cast([elements[0], elements[1]]);
            self.singles.transmute_f32s_u32s(self.singles.splat_u32s(pair))
        }

        #[inline(always)]
        fn add_products(
            self,
            values: <V4 as Simd>::f32s,
            weights: <V4 as Simd>::f32s,
            sums: <V4 as Simd>::f32s,
        ) -> <V4 as Simd>::f32s {
            add_products(self.set.avx512bf16, values, weights, sums)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(bits: Bits) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }

    #[test]
    fn ties_go_to_the_even_and_whole_numbers_to_256_stay() {
        for (single, rounded) in [(1.0 + 1.0 / 256.0, 1.0), (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0), (-0.0, -0.0)] {
            assert_eq!(value(round(single)).to_bits(), f32::to_bits(rounded));
        }
        assert!((-256i16..=256).map(f32::from).all(|n| value(round(n)) == n));
        assert!(value(round(f32::NAN)).is_nan() && value(round(f32::from_bits(0x7fff_ffff))).is_nan());
        assert_eq!(value(round(f32::NEG_INFINITY)), f32::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn no_other_is_nearer(single in -1e30f32..1e30) {
            let bits = round(single);
            let error = |bits| (f64::from(value(bits)) - f64::from(single)).abs();
            prop_assert!(error(bits) <= error(bits.wrapping_add(1)) && error(bits) <= error(bits.wrapping_sub(1)));
        }

        #[test]
        fn a_pair_keeps_both(first in -1e30f32..1e30, second in -1e30f32..1e30) {
            let bits = pair(first, second).to_bits();
            prop_assert_eq!([bits as Bits, (bits >> 16) as Bits], [round(first), round(second)]);
        }
    }
}
