//! Which vector instructions this program uses: the best that the processor has, unless it is asked for less.
//!
//! Owns the choice and nothing else: what is computed is written once, over [`pulp::Simd`], and compiled for each set. Every set gives
//! the same answers, bit for bit.

#[cfg(target_arch = "x86_64")]
mod vnni;

use std::sync::LazyLock;

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Scalar128b, Simd, WithSimd};
use thiserror::Error;

#[cfg(target_arch = "x86_64")]
pub use vnni::{Avx512Vnni, AvxVnni};

/// The environment variable by which tests and benches see the program on processors that have less than this one: a [`Isa::name`].
pub const INSTRUCTIONS: &str = "SAFELIGHT_INSTRUCTIONS";

/// A set of vector instructions that this processor has: a value of this type is the proof.
#[derive(Clone, Copy, Debug)]
pub enum Isa {
    /// What every processor of the target has, four lanes.
    Portable,
    /// 8 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    /// 8 lanes, and products of bytes in fours.
    #[cfg(target_arch = "x86_64")]
    AvxVnni(AvxVnni),
    /// 16 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512(V4),
    /// 16 lanes, and products of bytes in fours.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
}

/// [`INSTRUCTIONS`] names none that this processor has.
#[derive(Clone, Debug, Error)]
#[error("{INSTRUCTIONS} is \"{asked}\"; this processor has {}", had.join(", "))]
pub struct NoSuchInstructions {
    asked: String,
    had: Vec<&'static str>,
}

static CHOSEN: LazyLock<Result<Isa, NoSuchInstructions>> = LazyLock::new(|| {
    let mut available = Isa::available();
    match std::env::var_os(INSTRUCTIONS).filter(|asked| !asked.is_empty()) {
        None => Ok(available.pop().unwrap_or(Isa::Portable)),
        Some(asked) => available.iter().find(|isa| asked == isa.name()).copied().ok_or_else(|| NoSuchInstructions {
            asked: asked.to_string_lossy().into_owned(),
            had: available.iter().map(|isa| isa.name()).collect(),
        }),
    }
});

impl Isa {
    /// The one that this program uses.
    ///
    /// # Errors
    ///
    /// When [`INSTRUCTIONS`] asks for what the processor does not have.
    pub fn try_chosen() -> Result<Self, NoSuchInstructions> {
        CHOSEN.clone()
    }

    /// The one that this program uses.
    ///
    /// # Panics
    ///
    /// Where [`Isa::try_chosen`] fails.
    pub fn chosen() -> Self {
        match &*CHOSEN {
            Ok(isa) => *isa,
            Err(error) => panic!("{error}"),
        }
    }

    /// All that this processor has, the best last.
    pub fn available() -> Vec<Self> {
        let found = [
            Some(Self::Portable),
            #[cfg(target_arch = "x86_64")]
            V3::try_new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            AvxVnni::try_new().map(Self::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            V4::try_new().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx512Vnni::try_new().map(Self::Avx512Vnni),
        ];
        found.into_iter().flatten().collect()
    }

    /// As [`INSTRUCTIONS`], benches and diagnostics name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => "avx512-vnni",
        }
    }

    /// Numbers of 32 bits in a register.
    pub const fn lanes(self) -> usize {
        match self {
            Self::Portable => <Scalar128b as Simd>::I32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::AvxVnni(_) => <V3 as Simd>::I32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) | Self::Avx512Vnni(_) => <V4 as Simd>::I32_LANES,
        }
    }

    /// Runs `job` compiled for this set.
    pub fn run<J: WithSimd>(self, job: J) -> J::Output {
        match self {
            Self::Portable => Simd::vectorize(Scalar128b, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(set) => Simd::vectorize(set.simd(), job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(set) => Simd::vectorize(set.simd(), job),
        }
    }
}

/// Runs `job` compiled for the set that this program uses.
pub fn run<J: WithSimd>(job: J) -> J::Output {
    Isa::chosen().run(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_used() {
        let isa = Isa::chosen();
        match std::env::var(INSTRUCTIONS) {
            Ok(asked) if !asked.is_empty() => assert_eq!(isa.name(), asked),
            _ => assert_eq!(isa.name(), Isa::available().last().unwrap().name()),
        }
    }

    #[test]
    fn lanes_are_those_of_the_job() {
        struct Lanes;
        impl WithSimd for Lanes {
            type Output = usize;
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::I32_LANES
            }
        }
        for isa in Isa::available() {
            assert_eq!(isa.run(Lanes), isa.lanes(), "{}", isa.name());
        }
    }
}
