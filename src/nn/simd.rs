//! Which vector instructions this processor has, chosen once when a model is loaded.
//!
//! Owns the choice and nothing else: the kernels are written once over [`pulp::Simd`] and compiled for each set.

#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Scalar128b, Simd, WithSimd};

/// A set of vector instructions that this processor has: a value of this type is the proof.
#[derive(Clone, Copy, Debug)]
pub enum Isa {
    /// What every processor of the target has; four lanes, multiplication and addition apart.
    Portable,
    /// 8 lanes with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    /// 16 lanes with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
    /// 4 lanes with fused multiply-add.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Isa {
    /// The widest that this processor has.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// All that this processor has, the widest last.
    pub fn available() -> Vec<Self> {
        let found = [
            Some(Self::Portable),
            #[cfg(target_arch = "aarch64")]
            Neon::try_new().map(Self::Neon),
            #[cfg(target_arch = "x86_64")]
            V3::try_new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            V4::try_new().map(Self::Avx512),
        ];
        found.into_iter().flatten().collect()
    }

    /// As benches and diagnostics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
        }
    }

    /// Single-precision numbers in a register.
    pub const fn lanes(self) -> usize {
        match self {
            Self::Portable => <Scalar128b as Simd>::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => <V3 as Simd>::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => <V4 as Simd>::F32_LANES,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => <Neon as Simd>::F32_LANES,
        }
    }

    /// Vector registers.
    pub const fn registers(self) -> usize {
        match self {
            Self::Portable => <Scalar128b as Simd>::REGISTER_COUNT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => <V3 as Simd>::REGISTER_COUNT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => <V4 as Simd>::REGISTER_COUNT,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => <Neon as Simd>::REGISTER_COUNT,
        }
    }

    /// Runs `job` compiled for this set.
    pub fn run<J: WithSimd>(self, job: J) -> J::Output {
        match self {
            Self::Portable => Simd::vectorize(Scalar128b, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, job),
        }
    }
}

/// `a · b + c`; fused where the set can.
#[inline(always)]
pub fn multiply_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    // Without the instruction, a fused operation is a call into the mathematics library for every lane.
    if std::any::TypeId::of::<S>() == std::any::TypeId::of::<Scalar128b>() {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_e_f32s(a, b, c)
    }
}
