//! Each stage of the pipeline on one core, beside its floor: what the least possible work of that kind costs here.
//!
//! `cargo bench --bench stages`; `SAFELIGHT_BENCH_DIR=folder` takes pictures from a folder instead of the simulator's.

mod common;

use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use common::{Site, capture_record, pictures};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use safelight::capture::{PlateText, Region, RegionKind};
use safelight::frame::{Frame, Limits};
use safelight::geometry::{Rect, Size};
use safelight::nn::{Model, Session};
use safelight::pipeline::face_crop;
use safelight::redact::{Area, Figure, Manner, copy, redact};
use safelight::simulate::picture;
use safelight::simulate::world::{Scenario, World};
use safelight::vault::{SealingOptions, SealingVault};
use safelight::vision::Nets;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

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

/// A file to bytes and their digest, beside bytes alone.
fn read(c: &mut Criterion) {
    let site = Site::new();
    let paths: Vec<_> = pictures()
        .iter()
        .enumerate()
        .map(|(number, (_, file))| {
            let path = site.folder().join(format!("{number}.jpg"));
            std::fs::write(&path, file).expect("written");
            path
        })
        .collect();
    let bytes = |path: &PathBuf| std::fs::read(path).expect("read");
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(paths.len() as u64));
    group.bench_function("bytes and digest", |b| {
        b.iter(|| paths.iter().map(|path| blake3::hash(&bytes(path)).as_bytes()[0]).fold(0, u8::wrapping_add));
    });
    group.bench_function("floor: bytes", |b| b.iter(|| paths.iter().map(|path| bytes(path).len()).sum::<usize>()));
    group.finish();
}

/// Bytes to what the eyes look at, beside decoders of pixels: the best to luma alone, and one to colours.
fn decode(c: &mut Criterion) {
    let pictures = pictures();
    let luma = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(pictures.len() as u64));
    group.bench_function("frame", |b| {
        b.iter(|| {
            for (_, file) in &pictures {
                black_box(decoded(file));
            }
        });
    });
    group.bench_function("floor: zune-jpeg, luma alone", |b| {
        b.iter(|| {
            for (_, file) in &pictures {
                black_box(JpegDecoder::new_with_options(ZCursor::new(file), luma).decode().expect("decoded"));
            }
        });
    });
    group.bench_function("floor: the image crate, colours", |b| {
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

/// A net of ours on nothing, once.
fn net(file: &[u8], width: usize, height: usize) -> impl FnMut() {
    let mut session = Session::new(Arc::new(Model::parse(file).expect("a net")));
    let luma = vec![0; width * height];
    move || session.run(black_box(&luma), width, height).expect("run")
}

/// Finding regions and reading plates, beside the nets alone that every picture and every plate goes through at least once.
fn eyes(c: &mut Criterion) {
    let frames: Vec<_> = pictures().iter().map(|(_, file)| decoded(file)).collect();
    let mut eyes = Nets::builtin().eyes();
    let mut group = c.benchmark_group("detect");
    group.throughput(Throughput::Elements(frames.len() as u64));
    group.bench_function("plates and faces", |b| {
        b.iter(|| frames.iter().map(|frame| eyes.find(frame).len()).sum::<usize>());
    });
    let mut detector = net(include_bytes!("../models/detector.slnn"), 640, 384);
    group.bench_function("floor: the detector's net at 640x384", |b| b.iter(|| frames.iter().for_each(|_| detector())));
    group.finish();

    let plates: Vec<_> = frames
        .iter()
        .flat_map(|frame| eyes.find(frame).into_iter().map(move |found| (frame, found)))
        .filter(|(_, found)| found.kind == RegionKind::Plate && found.score > 0.5)
        .collect();
    assert!(!plates.is_empty(), "the pictures show plates");
    let mut group = c.benchmark_group("read plates");
    group.throughput(Throughput::Elements(plates.len() as u64));
    group.bench_function("plate", |b| {
        b.iter(|| plates.iter().filter(|(frame, found)| eyes.read(*frame, *found).reading.is_some()).count());
    });
    let mut reader = net(include_bytes!("../models/reader.slnn"), 144, 48);
    group.bench_function("floor: the reader's net, once", |b| b.iter(|| plates.iter().for_each(|_| reader())));
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

/// Blanking regions of a decoded picture, beside copying its file.
fn redaction(c: &mut Criterion) {
    let nets = Nets::builtin();
    let (mut eyes, margins) = (nets.eyes(), nets.margins());
    let prepared: Vec<_> = pictures()
        .into_iter()
        .map(|(_, file)| {
            let frame = decoded(&file);
            let wide = |region: &Region| margins.widen(region.kind, region.bounds, region.score);
            let areas: Vec<_> = eyes
                .look(&frame)
                .iter()
                .filter_map(|region| Some(Area::new(Figure::Box, wide(region), &frame)?.bounds()))
                .collect();
            (file, areas)
        })
        .collect();
    let mut group = c.benchmark_group("redact");
    group.throughput(Throughput::Elements(prepared.len() as u64));
    group.bench_function("scene and what is removed", |b| {
        let frames = || prepared.iter().map(|(file, _)| decoded(file)).collect::<Vec<_>>();
        let blank = |frames: Vec<Frame>| {
            for (frame, (file, areas)) in frames.into_iter().zip(&prepared) {
                black_box(redact(frame, file, areas).expect("redacted"));
            }
        };
        b.iter_batched(frames, blank, BatchSize::PerIteration);
    });
    group.bench_function("floor: copy the file", |b| {
        b.iter(|| prepared.iter().map(|(file, _)| black_box(file.clone()).len()).sum::<usize>());
    });
    group.finish();
}

/// A picture that is held as pixels, from a PNG to a scene, beside its decoder and another encoder alone.
fn pixels(c: &mut Criterion) {
    let drawn = image::load_from_memory(&pictures()[0].1).expect("decoded").to_rgb8();
    let mut png = std::io::Cursor::new(Vec::new());
    drawn.write_to(&mut png, image::ImageFormat::Png).expect("encoded");
    let png = png.into_inner();
    let scene = |frame: Frame| redact(frame, &png, &[]).expect("redacted").scene;
    let peer = || {
        let mut file = Vec::with_capacity(1 << 19);
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 95);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
        let (width, height) = (drawn.width() as u16, drawn.height() as u16);
        encoder.encode(&drawn, width, height, jpeg_encoder::ColorType::Rgb).expect("encoded");
        file
    };
    let off = |file: &[u8]| {
        let shown = image::load_from_memory(file).expect("decoded").to_rgb8();
        shown.iter().zip(drawn.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
    };
    let (ours, theirs) = (off(&scene(decoded(&png))), off(&peer()));
    assert!(ours <= theirs + theirs / 100, "what is timed must be as good: {ours} for {theirs}");
    let mut group = c.benchmark_group("pixels");
    group.throughput(Throughput::Elements(1));
    group.bench_function("frame of a PNG", |b| b.iter(|| decoded(black_box(&png))));
    group.bench_function("floor: the image crate, of a PNG", |b| {
        b.iter(|| image::load_from_memory(black_box(&png)).expect("decoded"));
    });
    group.bench_function("scene of its pixels", |b| {
        b.iter_batched(|| decoded(&png), |frame| black_box(scene(frame)), BatchSize::PerIteration);
    });
    group.bench_function("copy of a PNG, decoded and coded", |b| {
        b.iter(|| copy(decoded(black_box(&png)), &png, &[], &Manner::default()).expect("copied"));
    });
    group.bench_function("floor: the image crate, of a PNG and as one", |b| {
        b.iter(|| {
            let image = image::load_from_memory(black_box(&png)).expect("decoded");
            let mut file = Vec::with_capacity(1 << 20);
            let (fast, adaptive) = (CompressionType::Fast, FilterType::Adaptive);
            image.write_with_encoder(PngEncoder::new_with_quality(&mut file, fast, adaptive)).expect("encoded");
            file
        });
    });
    group.bench_function("floor: jpeg-encoder, of its pixels", |b| b.iter(|| black_box(peer())));
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
    targets = simulate, read, decode, eyes, pseudonym, redaction, pixels, seal
}
criterion_main!(benches);
