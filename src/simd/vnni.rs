//! Products of bytes in fours: the instructions that no crate wraps.
//!
//! Owns the only `unsafe` of this crate. The instructions touch registers only; all that they ask for is a processor that has them, and
//! a value of [`AvxVnni`] or [`Avx512Vnni`] is the proof: there is no way to one but `try_new`, which asks the processor.
#![allow(unsafe_code)]

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{_mm256_dpbusd_avx_epi32, _mm512_dpbusd_epi32};

use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, Simd, cast};

/// AVX2 with products of bytes in fours.
#[derive(Clone, Copy, Debug)]
pub struct AvxVnni {
    simd: V3,
}

/// AVX-512 with products of bytes in fours.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Vnni {
    simd: V4,
}

type Eight = <V3 as Simd>::i32s;
type Sixteen = <V4 as Simd>::i32s;

impl AvxVnni {
    /// The set, where this processor has it.
    pub fn try_new() -> Option<Self> {
        let simd = V3::try_new()?;
        is_x86_feature_detected!("avxvnni").then_some(Self { simd })
    }

    /// The set for all that is not such a product.
    #[inline(always)]
    pub fn simd(self) -> V3 {
        self.simd
    }

    /// Calls `f` compiled for this set.
    #[inline]
    pub fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
        // What V3 has, and one more: the operations of both are compiled into the same loops.
        #[target_feature(enable = "avx2,bmi1,bmi2,fma,fxsr,lzcnt,popcnt,avxvnni")]
        fn inside<F: NullaryFnOnce>(f: F) -> F::Output {
            f.call()
        }
        // SAFETY: `self` is the proof that the processor has every one of these.
        unsafe { inside(f) }
    }

    /// In each lane `sum` and four products, of bytes without a sign and bytes with one.
    #[inline(always)]
    pub fn add_bytes(self, values: Eight, weights: Eight, sums: Eight) -> Eight {
        // SAFETY: `self` is the proof that the processor has the instruction.
        cast(unsafe { _mm256_dpbusd_avx_epi32(cast(sums), cast(values), cast(weights)) })
    }
}

impl Avx512Vnni {
    /// The set, where this processor has it.
    pub fn try_new() -> Option<Self> {
        let simd = V4::try_new()?;
        is_x86_feature_detected!("avx512vnni").then_some(Self { simd })
    }

    /// The set for all that is not such a product.
    #[inline(always)]
    pub fn simd(self) -> V4 {
        self.simd
    }

    /// Calls `f` compiled for this set.
    #[inline]
    pub fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
        // What V4 has, and one more: the operations of both are compiled into the same loops.
        #[target_feature(
            enable = "avx2,bmi1,bmi2,fma,fxsr,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni"
        )]
        fn inside<F: NullaryFnOnce>(f: F) -> F::Output {
            f.call()
        }
        // SAFETY: `self` is the proof that the processor has every one of these.
        unsafe { inside(f) }
    }

    /// In each lane `sum` and four products, of bytes without a sign and bytes with one.
    #[inline(always)]
    pub fn add_bytes(self, values: Sixteen, weights: Sixteen, sums: Sixteen) -> Sixteen {
        // SAFETY: `self` is the proof that the processor has the instruction.
        cast(unsafe { _mm512_dpbusd_epi32(cast(sums), cast(values), cast(weights)) })
    }
}
