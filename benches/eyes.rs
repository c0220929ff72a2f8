//! The nets on one core, beside what the processor could do at best.
//!
//! `cargo bench --bench eyes`; elements are multiply-adds. `SAFELIGHT_INSTRUCTIONS=avx2` or another set that the processor has
//! shows what processors that have no more than that do. `benches/stages` has what looks through the nets, and
//! `benches/peers` the same nets in another engine.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pulp::{Arch, Simd, WithSimd};
use safelight::nn::{Model, Session};

/// Independent sums: enough that none waits for the one before it.
const SUMS: usize = 16;

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

/// Single-precision numbers in a register of the set that [`Arch`] chooses.
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
    let arch = Arch::new();
    group.throughput(Throughput::Elements((arch.dispatch(Lanes) * SUMS * ROUNDS) as u64));
    group.bench_function("fused multiply-adds of singles", |b| b.iter(|| arch.dispatch(MultiplyAdds)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(std::time::Duration::from_secs(1));
    targets = nets
}
criterion_main!(benches);
