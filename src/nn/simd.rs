//! Which vector instructions this processor has, chosen once when a model is loaded.
//!
//! Owns the choice and nothing else: the kernels are written once over [`pulp::Simd`] and compiled for each set.

#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, Scalar128b, Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use super::bf16::Avx512Bf16;
use super::bytes::Range;
#[cfg(target_arch = "x86_64")]
use super::bytes::{Avx2Bytes, Avx512Vnni};

/// The environment variable by which tests and benches see the nets on processors that have less than this one: `portable` or `avx2`.
pub const INSTRUCTIONS: &str = "SAFELIGHT_INSTRUCTIONS";

/// How exactly a net is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Single precision throughout: within rounding of any other engine.
    Single,
    /// What a convolution multiplies is rounded where the processor then multiplies faster: to bytes, in steps of a 255th of
    /// the greatest activation of its input and a 127th of a channel's greatest weight (with AVX2, of a 127th and a 63rd), or to bfloat16 (8 bits). Sums and
    /// results stay single. Elsewhere the same as [`Precision::Single`].
    #[default]
    Fast,
}

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
    /// 8 lanes; a convolution's operands are quantised to bytes, where its input is not negative and an activation follows.
    #[cfg(target_arch = "x86_64")]
    Avx2Bytes(Avx2Bytes),
    /// 16 lanes; a convolution's operands are rounded to bfloat16 and multiplied in pairs, twice as many at a time.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(Avx512Bf16),
    /// 16 lanes; a convolution's operands are quantised to bytes and multiplied in fours, where its input is not negative
    /// and an activation follows. Others as with bfloat16.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    /// 4 lanes with fused multiply-add.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Isa {
    /// The fastest that this processor has, or the fastest of those that do not round. [`INSTRUCTIONS`] may hold it back.
    pub fn detect(precision: Precision) -> Self {
        let most = std::env::var(INSTRUCTIONS).unwrap_or_default();
        let within = |isa: &Self| match most.as_str() {
            "portable" => matches!(isa, Self::Portable),
            "avx2" => isa.name().starts_with("avx2") || matches!(isa, Self::Portable),
            _ => true,
        };
        let fits = |isa: &Self| within(isa) && (precision == Precision::Fast || !isa.rounds());
        Self::available().into_iter().rfind(fits).unwrap_or(Self::Portable)
    }

    /// All that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        let found = [
            Some(Self::Portable),
            #[cfg(target_arch = "aarch64")]
            Neon::try_new().map(Self::Neon),
            #[cfg(target_arch = "x86_64")]
            V3::try_new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            V4::try_new().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx2Bytes::try_new().map(Self::Avx2Bytes),
            #[cfg(target_arch = "x86_64")]
            Avx512Bf16::try_new().map(Self::Avx512Bf16),
            #[cfg(target_arch = "x86_64")]
            Avx512Vnni::try_new().map(Self::Avx512Vnni),
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
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Bytes(_) => "avx2-bytes",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16(_) => "avx512-bf16",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
        }
    }

    /// What a convolution multiplies here. `activations`: its input is not negative, and its result passes an activation.
    pub const fn operands(self, activations: bool) -> Operands {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Bytes(_) | Self::Avx512Vnni(_) if activations => Operands::Bytes,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16(_) | Self::Avx512Vnni(_) => Operands::Pairs,
            _ => Operands::Singles,
        }
    }

    /// The greatest bytes, where it multiplies such.
    pub const fn bytes(self) -> Range {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Bytes(_) => Range::NARROW,
            _ => Range::WIDE,
        }
    }

    /// Whether convolutions round what they multiply.
    pub const fn rounds(self) -> bool {
        !matches!(self.operands(true), Operands::Singles)
    }

    /// Single-precision numbers in a register.
    pub const fn lanes(self) -> usize {
        match self {
            Self::Portable => <Scalar128b as Simd>::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::Avx2Bytes(_) => <V3 as Simd>::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) | Self::Avx512Bf16(_) | Self::Avx512Vnni(_) => <V4 as Simd>::F32_LANES,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => <Neon as Simd>::F32_LANES,
        }
    }

    /// Vector registers.
    pub const fn registers(self) -> usize {
        match self {
            Self::Portable => <Scalar128b as Simd>::REGISTER_COUNT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) | Self::Avx2Bytes(_) => <V3 as Simd>::REGISTER_COUNT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) | Self::Avx512Bf16(_) | Self::Avx512Vnni(_) => <V4 as Simd>::REGISTER_COUNT,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => <Neon as Simd>::REGISTER_COUNT,
        }
    }

    /// Runs `job` compiled for this set.
    pub fn run<J: WithSimd>(self, job: J) -> J::Output {
        match self {
            Self::Portable => Simd::vectorize(Scalar128b, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) | Self::Avx2Bytes(Avx2Bytes(simd)) => Simd::vectorize(simd, job),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd)
            | Self::Avx512Bf16(Avx512Bf16 { singles: simd, .. })
            | Self::Avx512Vnni(Avx512Vnni { pairs: Avx512Bf16 { singles: simd, .. }, .. }) => {
                Simd::vectorize(simd, job)
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, job),
        }
    }
}

/// A set of all that [`V4`] has, without which its operations would not be compiled into the same loop, and one more.
#[cfg(target_arch = "x86_64")]
macro_rules! v4_and {
    ($field:ident: $feature:tt) => {
        pulp::simd_type! {
            struct Set {
                sse: "sse",
                sse2: "sse2",
                fxsr: "fxsr",
                sse3: "sse3",
                ssse3: "ssse3",
                sse4_1: "sse4.1",
                sse4_2: "sse4.2",
                popcnt: "popcnt",
                avx: "avx",
                avx2: "avx2",
                bmi1: "bmi1",
                bmi2: "bmi2",
                fma: "fma",
                lzcnt: "lzcnt",
                avx512f: "avx512f",
                avx512bw: "avx512bw",
                avx512cd: "avx512cd",
                avx512dq: "avx512dq",
                avx512vl: "avx512vl",
                $field: $feature,
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use v4_and;

/// What a convolution multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// Single-precision numbers.
    Singles,
    /// Pairs of bfloat16.
    Pairs,
    /// Bytes in fours: activations without a sign, weights with one.
    Bytes,
}

impl Operands {
    /// Input elements that each lane multiplies at once.
    pub const fn elements(self) -> usize {
        match self {
            Self::Singles => 1,
            Self::Pairs => 2,
            Self::Bytes => 4,
        }
    }
}

/// How a convolution multiplies and sums.
pub trait Dot: Copy {
    /// Registers of single-precision numbers, as which all others pass.
    type Simd: Simd;
    /// An element of the input.
    type Element: Copy;
    /// Input elements that each lane multiplies at once.
    const ELEMENTS: usize;
    /// Whether sums are whole numbers, of which [`Dot::singles`] makes singles, to be scaled. All bits zero is zero.
    const WHOLE: bool = false;

    fn simd(self) -> Self::Simd;

    /// Calls `f` compiled for this set.
    fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output;

    /// The first [`Self::ELEMENTS`] of `elements` in every lane.
    fn splat(self, elements: &[Self::Element]) -> <Self::Simd as Simd>::f32s;

    /// In each lane `sums` and the products of its elements.
    fn add_products(
        self,
        values: <Self::Simd as Simd>::f32s,
        weights: <Self::Simd as Simd>::f32s,
        sums: <Self::Simd as Simd>::f32s,
    ) -> <Self::Simd as Simd>::f32s;

    /// Whether two multiplications at once are faster.
    const TWO: bool = false;

    /// In each lane `sums` and the products of its elements, twice.
    #[inline(always)]
    fn add_both(
        self,
        values: [<Self::Simd as Simd>::f32s; 2],
        weights: [<Self::Simd as Simd>::f32s; 2],
        sums: <Self::Simd as Simd>::f32s,
    ) -> <Self::Simd as Simd>::f32s {
        self.add_products(values[1], weights[1], self.add_products(values[0], weights[0], sums))
    }

    /// Sums as single-precision numbers.
    #[inline(always)]
    fn singles(self, sums: <Self::Simd as Simd>::f32s) -> <Self::Simd as Simd>::f32s {
        sums
    }
}

/// Single-precision products, one a lane.
#[derive(Clone, Copy)]
pub struct Singles<S>(pub S);

impl<S: Simd> Dot for Singles<S> {
    type Simd = S;
    type Element = f32;
    const ELEMENTS: usize = 1;

    #[inline(always)]
    fn simd(self) -> S {
        self.0
    }

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(self, f: F) -> F::Output {
        self.0.vectorize(Plain(f))
    }

    #[inline(always)]
    fn splat(self, elements: &[f32]) -> S::f32s {
        self.0.splat_f32s(elements[0])
    }

    #[inline(always)]
    fn add_products(self, values: S::f32s, weights: S::f32s, sums: S::f32s) -> S::f32s {
        multiply_add(self.0, values, weights, sums)
    }
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
