//! The coefficient path on one core, part by part, beside copying the file. `benches/stages` has it beside pixel decoders.
//!
//! `cargo bench --bench jpeg`; `SAFELIGHT_BENCH_DIR=folder` takes pictures from a folder instead of the simulator's.
//! Those that belong to the pixel path are left out everywhere.

mod common;

use std::hint::black_box;

use common::pictures;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use safelight::frame::LumaSource;
use safelight::geometry::PixelRect;
use safelight::jpeg::{Fill, Jpeg, Limits, Reduction, Spliced, restore};

fn parsed(file: &[u8], reduction: Reduction) -> Option<Jpeg> {
    Jpeg::parse(file, &Limits::default(), reduction).ok()
}

/// The areas of two plates and two faces.
fn areas(jpeg: &Jpeg) -> [PixelRect; 4] {
    let size = jpeg.size();
    let at = |x, y, w, h| PixelRect::new(size.width * x / 16, size.height * y / 16, w, h);
    [at(3, 11, 128, 48), at(10, 12, 112, 48), at(5, 5, 64, 80), at(9, 6, 64, 80)]
}

fn jpeg(c: &mut Criterion) {
    let files: Vec<_> =
        pictures().into_iter().map(|(_, file)| file).filter(|file| parsed(file, Reduction::Eighth).is_some()).collect();
    assert!(!files.is_empty(), "no picture is of the coefficient path");
    let jpegs: Vec<_> = files.iter().filter_map(|file| parsed(file, Reduction::Half)).collect();
    let fill = Fill { y: 128, cb: 128, cr: 128 };
    let splice = |jpeg: &Jpeg, file: &[u8]| jpeg.splice(file, &areas(jpeg), fill).expect("spliced");
    let spliced: Vec<Spliced> = jpegs.iter().zip(&files).map(|(jpeg, file)| splice(jpeg, file)).collect();

    let mut group = c.benchmark_group("jpeg");
    group.throughput(Throughput::Elements(files.len() as u64));
    for (name, reduction) in [
        ("parse and half-size luma", Reduction::Half),
        ("parse and eighth-size luma", Reduction::Eighth),
        ("parse and full luma", Reduction::Full),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| files.iter().filter_map(|file| parsed(file, reduction)).count());
        });
    }
    group.bench_function("four crops", |b| {
        b.iter(|| jpegs.iter().map(|jpeg| areas(jpeg).map(|area| black_box(jpeg.crop(area))).len()).sum::<usize>());
    });
    group.bench_function("splice four areas", |b| {
        b.iter(|| jpegs.iter().zip(&files).map(|(jpeg, file)| splice(jpeg, file).scene.len()).sum::<usize>());
    });
    for (Spliced { scene, removed, .. }, file) in spliced.iter().zip(&files) {
        let removed = removed.as_ref().expect("restorable");
        assert!(restore(scene, removed).expect("restored") == *file, "what is timed must be right");
    }
    group.bench_function("restore", |b| {
        b.iter(|| {
            let restored = |s: &Spliced| restore(&s.scene, s.removed.as_deref().unwrap_or_default()).map(|f| f.len());
            spliced.iter().filter_map(|spliced| restored(spliced).ok()).sum::<usize>()
        });
    });
    group.bench_function("floor: copy the file", |b| {
        b.iter(|| files.iter().map(|file| black_box(file.clone()).len()).sum::<usize>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(std::time::Duration::from_secs(1));
    targets = jpeg
}
criterion_main!(benches);
