//! Each stage of the pipeline on one core, beside its floor: what the least possible work of that kind costs here.
//!
//! `cargo bench --bench stages`; `SAFELIGHT_BENCH_DIR=folder` takes pictures from a folder instead of the simulator's.

mod common;

use std::hint::black_box;
use std::io::Write;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use common::{Site, capture_record, pictures};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use safelight::capture::{PlateText, Region, RegionKind};
use safelight::frame::{Frame, Limits, LumaSource};
use safelight::geometry::{Rect, Size};
use safelight::pipeline::face_crop;
use safelight::redact::{redact, redaction_area};
use safelight::simulate::picture;
use safelight::simulate::world::{Scenario, World};
use safelight::vault::{SealingOptions, SealingVault};
use safelight::vision::Nets;

/// Drawing a picture, beside encoding one that is already drawn.
fn simulate(c: &mut Criterion) {
    let size = Size::new(1280, 720);
    let world = World::new(7, 1000, Scenario::Mixed, jiff::civil::date(2019, 4, 1));
    let mut group = c.benchmark_group("simulate");
    group.throughput(Throughput::Elements(1));
    let mut index = 0;
    group.bench_function("picture 1280x720", |b| {
        b.iter(|| {
            index = (index + 1) % 1000;
            picture::draw(&world, Scenario::Mixed, size, index, 7).expect("drawn")
        });
    });
    let drawn = image::load_from_memory(&pictures()[0].1).expect("decoded").to_rgb8();
    group.bench_function("floor: encode only", |b| b.iter(|| common::encode(&drawn)));
    group.finish();
}

/// Bytes to pixels within limits, beside the `image` crate's decoder with none.
fn frame(c: &mut Criterion) {
    let pictures = pictures();
    let mut group = c.benchmark_group("frame");
    group.throughput(Throughput::Elements(pictures.len() as u64));
    group.bench_function("decode", |b| {
        b.iter(|| {
            for (_, file) in &pictures {
                black_box(decoded(file));
            }
        });
    });
    group.bench_function("floor: the image crate", |b| {
        b.iter(|| {
            for (_, file) in &pictures {
                black_box(image::load_from_memory(file).expect("decoded"));
            }
        });
    });
    group.finish();
}

fn decoded(file: &[u8]) -> Frame {
    Frame::decode(file, &Limits::default()).expect("decoded")
}

/// Finding regions and reading plates, beside halving the picture, which every detector must do first.
fn eyes(c: &mut Criterion) {
    let frames: Vec<_> = pictures().iter().map(|(_, file)| decoded(file)).collect();
    let mut eyes = Nets::builtin().eyes();
    assert!(frames.iter().any(|frame| !eyes.look(frame).is_empty()), "the pictures show something");
    let mut group = c.benchmark_group("eyes");
    group.throughput(Throughput::Elements(frames.len() as u64));
    group.bench_function("detect and read", |b| {
        b.iter(|| frames.iter().map(|frame| eyes.look(frame).len()).sum::<usize>());
    });
    group.bench_function("floor: half-size luma", |b| {
        b.iter(|| frames.iter().map(|frame| frame.reduced(2).data.len()).sum::<usize>());
    });
    group.finish();
}

/// Text and face to pseudonym, beside the bare hash of one block.
fn pseudonym(c: &mut Criterion) {
    let site = Site::new();
    let text = PlateText::canonical("ABC 1234").expect("a plate");
    let mut group = c.benchmark_group("pseudonym");
    group.throughput(Throughput::Elements(1));
    group.bench_function("plate", |b| b.iter(|| site.pack.epoch_keys().plate(black_box(&text))));
    group.bench_function("floor: BLAKE3 of one block", |b| {
        b.iter(|| blake3::keyed_hash(&[7; 32], black_box(b"ABC1234")));
    });
    let frame = decoded(&pictures()[0].1);
    let bounds = Rect::new(300.0, 200.0, 80.0, 100.0);
    let face = Region { kind: RegionKind::Face, bounds, score: 1.0, reading: None };
    group.bench_function("face of 80x100", |b| {
        b.iter(|| face_crop(&frame, &face).map(|crop| site.pack.epoch_keys().face(&crop)));
    });
    group.finish();
}

/// Blanking regions and coding the scene, beside coding the picture as it is.
fn redaction(c: &mut Criterion) {
    let nets = Nets::builtin();
    let (mut eyes, margins) = (nets.eyes(), nets.margins());
    let prepared: Vec<_> = pictures()
        .into_iter()
        .map(|(_, file)| {
            let frame = decoded(&file);
            let wide = |region: &Region| margins.widen(region.kind, region.bounds);
            let areas: Vec<_> =
                eyes.look(&frame).iter().filter_map(|region| redaction_area(wide(region), &frame)).collect();
            (file, areas)
        })
        .collect();
    let mut group = c.benchmark_group("redact");
    group.throughput(Throughput::Elements(prepared.len() as u64));
    for (name, blank) in [("decode, blank, encode", true), ("floor: decode, encode", false)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                for (file, areas) in &prepared {
                    let areas = if blank { areas.as_slice() } else { &[] };
                    black_box(redact(decoded(file), file, areas).expect("redacted"));
                }
            });
        });
    }
    group.finish();
}

/// Records to a durable vault, beside bare AES-256-GCM and a bare write with fsync of as many bytes.
fn seal(c: &mut Criterion) {
    let files = pictures();
    let plain: Vec<u8> = files.iter().flat_map(|(_, file)| file.iter().chain(file)).copied().collect();
    let site = Site::new();
    let mut group = c.benchmark_group("seal");
    group.throughput(Throughput::Bytes(plain.len() as u64));
    group.bench_function("segment, durable", |b| {
        let mut number = 0;
        b.iter(|| {
            let options = SealingOptions { segment_bytes: u64::MAX, ..SealingOptions::default() };
            let mut vault = SealingVault::open(&site.vault(), &site.pack, options).expect("opened");
            for (_, file) in &files {
                number += 1;
                vault.append(capture_record(number, file)).expect("taken");
            }
            vault.finish().expect("committed")
        });
    });
    let cipher = Aes256Gcm::new(&[7; 32].into());
    let mut buffer = plain.clone();
    group.bench_function("floor: AES-256-GCM in memory", |b| {
        b.iter(|| {
            for chunk in buffer.chunks_mut(16 << 10) {
                black_box(cipher.encrypt_inout_detached(&[1; 12].into(), b"", chunk.into()).expect("sealed"));
            }
        });
    });
    let path = site.folder().join("floor");
    group.bench_function("floor: write and fsync", |b| {
        b.iter(|| {
            let mut file = std::fs::File::create(&path).expect("created");
            file.write_all(&plain).and_then(|()| file.sync_all()).expect("written");
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(std::time::Duration::from_secs(1));
    targets = simulate, frame, eyes, pseudonym, redaction, seal
}
criterion_main!(benches);
