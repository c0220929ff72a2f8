//! The nets on one core, beside what the processor could do at best.
//!
//! `cargo bench --bench eyes`; elements are multiply-adds. `SAFELIGHT_INSTRUCTIONS=avx2` or another set that the processor has
//! shows what processors that have no more than that do. `benches/stages` has what looks through the nets, and
//! `benches/peers` the same nets in another engine.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pulp::{Simd, WithSimd};
use safelight::nn::{Model, Session};
use safelight::simd::{self, Isa};

/// Independent sums: enough that none waits for the one before it, and no more than the registers of the oldest set hold beside operands.
const SUMS: usize = 12;

/// Rounds of the floors' loops.
const ROUNDS: usize = 10_000;

/// Fused multiply-adds of registers, as many as the processor can: the floor of single precision.
struct MultiplyAdds;

impl WithSimd for MultiplyAdds {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (black_box(simd.splat_f32s(1.0)), black_box(simd.splat_f32s(1.0)));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

/// Products of bytes of registers, multiplied and summed as the nets do it, as many as the processor can: the floor of whole numbers.
#[cfg(target_arch = "x86_64")]
mod products {
    use std::hint::black_box;

    use pulp::x86::{V3, V4};
    use pulp::{NullaryFnOnce, Simd, WithSimd, cast};
    use safelight::simd::{Avx512Vnni, AvxVnni, Isa};

    use super::{ROUNDS, SUMS};

    struct Floor<X>(X);

    /// Independent sums, each of which one operation adds products to.
    macro_rules! rounds {
        ($simd:expr, |$values:ident, $weights:ident, $sum:ident| $next:expr) => {{
            let simd = $simd;
            let ($values, $weights) =
                (black_box(simd.splat_i32s(0x0101_0101)), black_box(simd.splat_i32s(0x0101_0101)));
            let mut sums = [simd.splat_i32s(0); SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    let $sum = *sum;
                    *sum = $next;
                }
            }
            black_box(sums);
        }};
    }

    impl WithSimd for Floor<V3> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let V3 { avx, avx2, .. } = self.0;
            rounds!(self.0, |values, weights, sum| {
                // Each with the sum, or one of both would be made once for all.
                let first = avx2._mm256_maddubs_epi16(cast(values), cast(sum));
                let pairs = avx2._mm256_add_epi16(first, avx2._mm256_maddubs_epi16(cast(weights), cast(sum)));
                cast(avx2._mm256_add_epi32(cast(sum), avx2._mm256_madd_epi16(pairs, avx._mm256_set1_epi16(1))))
            });
        }
    }

    impl WithSimd for Floor<V4> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            let V4 { avx512f, avx512bw, .. } = self.0;
            rounds!(self.0, |values, weights, sum| {
                let first = avx512bw._mm512_maddubs_epi16(cast(values), cast(sum));
                let pairs = avx512bw._mm512_add_epi16(first, avx512bw._mm512_maddubs_epi16(cast(weights), cast(sum)));
                cast(
                    avx512f
                        ._mm512_add_epi32(cast(sum), avx512bw._mm512_madd_epi16(pairs, avx512f._mm512_set1_epi16(1))),
                )
            });
        }
    }

    impl NullaryFnOnce for Floor<AvxVnni> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            rounds!(self.0.simd(), |values, weights, sum| self.0.add_bytes(values, weights, sum));
        }
    }

    impl NullaryFnOnce for Floor<Avx512Vnni> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            rounds!(self.0.simd(), |values, weights, sum| self.0.add_bytes(values, weights, sum));
        }
    }

    /// How many products [`run`] makes; none where bytes are multiplied one by one.
    pub fn count(isa: Isa) -> Option<usize> {
        let each = match isa {
            Isa::Portable => return None,
            Isa::Avx2(_) | Isa::Avx512(_) => 8,
            Isa::AvxVnni(_) | Isa::Avx512Vnni(_) => 4,
        };
        Some(each * isa.lanes() * SUMS * ROUNDS)
    }

    pub fn run(isa: Isa) {
        match isa {
            Isa::Portable => {}
            Isa::Avx2(set) => Simd::vectorize(set, Floor(set)),
            Isa::Avx512(set) => Simd::vectorize(set, Floor(set)),
            Isa::AvxVnni(set) => set.enter(Floor(set)),
            Isa::Avx512Vnni(set) => set.enter(Floor(set)),
        }
    }
}

/// Single-precision numbers in a register of the set that is chosen.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// A net alone.
fn net(c: &mut Criterion, name: &str, file: &[u8], width: usize, height: usize) {
    let luma: Vec<u8> = (0..width * height).map(|at| ((at * 7919) % 251) as u8).collect();
    let mut group = c.benchmark_group(name);
    let model = Arc::new(Model::parse(file).expect("a net"));
    let mut session = Session::new(Arc::clone(&model));
    session.run(&luma, width, height).expect("run");
    group.throughput(Throughput::Elements(session.multiply_adds()));
    group.bench_function(format!("{width}x{height}, {}", model.instruction_set()), |b| {
        b.iter(|| session.run(black_box(&luma), width, height).expect("run"));
    });
    group.finish();
}

fn nets(c: &mut Criterion) {
    net(c, "detector", include_bytes!("../models/detector.slnn"), 640, 384);
    net(c, "refiner of plates", include_bytes!("../models/refine-plate.slnn"), 96, 48);
    net(c, "refiner of faces", include_bytes!("../models/refine-face.slnn"), 64, 64);
    net(c, "reader", include_bytes!("../models/reader.slnn"), 144, 48);

    let mut group = c.benchmark_group("floor");
    group.throughput(Throughput::Elements((simd::run(Lanes) * SUMS * ROUNDS) as u64));
    let name = format!("fused multiply-adds of singles, {}", Isa::chosen().name());
    group.bench_function(name, |b| b.iter(|| simd::run(MultiplyAdds)));
    #[cfg(target_arch = "x86_64")]
    if let Some(count) = products::count(Isa::chosen()) {
        group.throughput(Throughput::Elements(count as u64));
        let name = format!("products of bytes, {}", Isa::chosen().name());
        group.bench_function(name, |b| b.iter(|| products::run(Isa::chosen())));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(std::time::Duration::from_secs(1));
    targets = nets
}
criterion_main!(benches);
