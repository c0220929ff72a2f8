//! The whole pipeline, from a folder to a durable vault, in images a second and a day, beside decoding alone.
//!
//! `cargo bench --bench pipeline`; `SAFELIGHT_BENCH_DIR=folder` takes pictures from a folder instead of the simulator's.

mod common;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use common::{Site, pictures};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use safelight::pipeline::{Ingest, Look, Note, Options, Progress, Source, Summary, TrainedEyes};
use safelight::vault::{SealingOptions, SealingVault};
use safelight::vision::Nets;

struct Silent;

impl Progress for Silent {
    fn image(&self) {}
    fn note(&self, _path: &Path, _note: &Note) {}
}

fn ingest(folder: &Path, site: &Site, nets: &Nets, workers: NonZeroUsize) -> Summary {
    let vault = tempfile::tempdir_in(site.folder()).expect("a folder");
    let options = Options { workers, ..Options::default() };
    let sealing = SealingOptions { segment_bytes: u64::MAX, flush_after: Duration::MAX, ..SealingOptions::default() };
    let mut sink = SealingVault::open(&vault.path().join("vault"), &site.pack, sealing).expect("a vault");
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(nets)) };
    let run = Ingest {
        keys: site.pack.epoch_keys(),
        site: site.pack.site(),
        eyes: &eyes,
        options: &options,
        progress: &Silent,
        stop: &AtomicBool::new(false),
    };
    let mut source = Source::open(folder, None).expect("a folder");
    run.run(&mut source, &mut sink).expect("sealed")
}

fn pipeline(c: &mut Criterion) {
    let (site, nets) = (Site::new(), Nets::builtin());
    let folder = site.folder().join("pictures");
    std::fs::create_dir(&folder).expect("made");
    let files: Vec<_> = pictures().into_iter().map(|(_, file)| file).collect();
    for (number, file) in files.iter().enumerate() {
        std::fs::write(folder.join(format!("{number:04}.jpg")), file).expect("written");
    }

    let mut group = c.benchmark_group("pipeline");
    group.sample_size(10).throughput(Throughput::Elements(files.len() as u64));
    for workers in [1, 2] {
        let workers = NonZeroUsize::new(workers).expect("not zero");
        let (mut images, mut time) = (0, Duration::ZERO);
        group.bench_function(BenchmarkId::new("folder to durable vault, workers", workers), |b| {
            b.iter_custom(|times| {
                let start = Instant::now();
                for _ in 0..times {
                    images += ingest(&folder, &site, &nets, workers).sealed;
                }
                time += start.elapsed();
                start.elapsed()
            });
        });
        if images > 0 {
            let rate = images as f64 / time.as_secs_f64();
            println!("{workers} workers: {rate:.1} images/s, {:.1} million images/day", rate * 0.0864);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers.get()).build().expect("threads");
        group.bench_function(BenchmarkId::new("floor: decode and encode, workers", workers), |b| {
            b.iter(|| pool.install(|| files.par_iter().map(|file| decode_and_encode(file)).sum::<usize>()));
        });
    }
    group.finish();
}

/// What any tool must do that changes pixels and writes a JPEG: with the crates' own decoder and encoder.
fn decode_and_encode(file: &[u8]) -> usize {
    common::encode(&image::load_from_memory(file).expect("decoded").to_rgb8()).len()
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
