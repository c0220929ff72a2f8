//! The properties of the fuzz targets, tried on stable Rust: on damaged and crossed files, and on every input that ever
//! failed, which `regressions/` keeps by the name of its property.
//!
//! `SAFELIGHT_FUZZ_CORPUS=fuzz/corpus cargo test --test fuzz corpus` writes small files for libFuzzer to begin with;
//! `PROPTEST_CASES=100000 cargo test --release --test fuzz` tries for longer; `fuzz/README.md` says how to let libFuzzer.

mod properties;

use std::path::Path;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;
use proptest::sample::Index;

/// How a seed is cut into scans.
#[derive(Clone, Copy, Debug)]
enum Scans {
    /// One, with restart intervals of so many MCUs.
    One(u16),
    /// One for each component, with optimised tables.
    Each,
    /// So many progressive ones.
    Progressive(u8),
}

/// A small file to begin with.
fn coded((width, height): (u16, u16), factor: SamplingFactor, scans: Scans, grey: bool) -> Vec<u8> {
    let channels = if grey { 1 } else { 3 };
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height) * channels).map(|i| (i * i / 7) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 60);
    encoder.set_sampling_factor(factor);
    match scans {
        Scans::One(interval) => encoder.set_restart_interval(interval),
        Scans::Each => encoder.set_optimized_huffman_tables(true),
        Scans::Progressive(count) => encoder.set_progressive_scans(count),
    }
    encoder.add_app_segment(1, b"Exif\0\0MM\0\x2a".to_vec()).expect("a short segment");
    encoder.encode(&pixels, width, height, if grey { ColorType::Luma } else { ColorType::Rgb }).expect("encoded");
    file
}

/// A TIFF file of two pages: a small copy first, and the picture behind it.
fn two_pages() -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    for (side, kind) in [(4u32, 1u32), (9, 0)] {
        let at = file.len() as u32;
        let strip = at + 2 + 12 * 9 + 4;
        let next = if kind == 1 { strip + side * side } else { 0 };
        file.extend(9u16.to_le_bytes());
        let entries = [
            (254, kind),
            (256, side),
            (257, side),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, strip),
            (278, side),
            (279, side * side),
        ];
        for (tag, value) in entries {
            file.extend((tag as u16).to_le_bytes());
            file.extend([4, 0, 1, 0, 0, 0]);
            file.extend(value.to_le_bytes());
        }
        file.extend(next.to_le_bytes());
        file.extend((0..side * side).map(|i| i as u8));
    }
    file
}

/// Files that are not JPEGs alone.
fn containers() -> impl Strategy<Value = Vec<u8>> {
    use image::ImageFormat::{Bmp, Png, Tiff, WebP};
    let encoded = |format| {
        let mut file = std::io::Cursor::new(Vec::new());
        image::RgbaImage::from_fn(9, 7, |x, y| image::Rgba([x as u8, y as u8, 9, 255]))
            .write_to(&mut file, format)
            .expect("encoded");
        file.into_inner()
    };
    let mut files: Vec<Vec<u8>> = [Bmp, Png, Tiff, WebP].map(encoded).to_vec();
    files.push(two_pages());
    let part = b"--part\r\nContent-Type: image/jpeg\r\n\r\n".as_slice();
    files.push([part, &coded((9, 7), SamplingFactor::F_2_2, Scans::One(0), false), b"\r\n--part--\r\n"].concat());
    prop::sample::select(files)
}

/// Blocks of EXIF in either order of bytes, with two directories, and a panorama's packet.
fn spoken() -> impl Strategy<Value = Vec<u8>> {
    let block = |big: bool| {
        let short = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let long = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut block = [if big { b"MM" } else { b"II" }, &short(42)[..], &long(8)].concat();
        let entries: [&[(u16, u16, u32, u32)]; 2] = [
            &[(0x010F, 2, 9, 200), (0x0112, 3, 1, 6), (0x8769, 4, 1, 80), (0x8825, 4, 1, 8), (0x9C9B, 1, 8, 220)],
            &[(0x829A, 5, 1, 230), (0x9003, 2, 20, 200), (0x9214, 3, 2, 7), (0x927C, 7, 40, 200), (0x9286, 7, 12, 210)],
        ];
        for (at, entries) in [8, 80].into_iter().zip(entries) {
            block.resize(at, 0);
            block.extend(short(entries.len() as u16));
            for (tag, kind, count, value) in entries {
                block.extend([short(*tag), short(*kind)].as_flattened());
                block.extend([long(*count), long(*value)].as_flattened());
            }
        }
        block.resize(200, 0);
        block.extend(b"Acme Cam\0\0ASCII\0\0\0good a\0b\0c\0\0\0\0\0\0\x01\0\0\0\xfa".iter().chain(&[7; 40]));
        block
    };
    let packet = b"<x xmlns:GPano='http://ns.google.com/photos/1.0/panorama/' GPano:ProjectionType='cylindrical' \
        GPano:PosePitchDegrees='-0.0000001'><GPano:FullPanoWidthPixels> 12 </GPano:FullPanoWidthPixels></x>";
    prop::sample::select(vec![block(true), block(false), packet.to_vec()])
}

/// A film of three frames, one of them of two fields and one of no bytes, with sound or without.
fn clip(sound: bool, fields: bool) -> Vec<u8> {
    use safelight::video::avi::{FourCc, Kind, Stream, Writer};
    let size = safelight::geometry::Size::new(9, 7);
    let video = Kind::Video { codec: FourCc(*b"MJPG"), size };
    let audio = Kind::Audio { format: vec![1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0] };
    let stream = |kind, rate, sample_size| Stream { kind, rate, scale: 1, start: 0, sample_size };
    let mut streams = vec![stream(video, 10, 0)];
    streams.extend(sound.then(|| stream(audio, 8000, 1)));
    let mut writer = Writer::begin(std::io::Cursor::new(Vec::new()), &streams).expect("begun");
    let picture = coded((9, 7), SamplingFactor::F_2_2, Scans::One(0), false);
    let both = [picture.as_slice(), &picture].concat();
    for frame in [&picture[..], if fields { &both } else { &picture }, b""] {
        writer.chunk(0, frame).expect("written");
        if sound {
            writer.chunk(1, &[7; 11]).expect("written");
        }
    }
    writer.finish().expect("finished").into_inner()
}

fn clips() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<bool>()).prop_map(|(sound, fields)| clip(sound, fields))
}

/// Animations, pages, and a JPEG XL picture.
fn several() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(of_several())
}

fn of_several() -> Vec<Vec<u8>> {
    const SIDE: u32 = 24;
    let pictures: Vec<image::RgbaImage> = (0..3u8)
        .map(|number| {
            image::RgbaImage::from_fn(SIDE, SIDE, |x, y| {
                let clear = number == 1 && x > 17;
                image::Rgba([10 * x as u8, 10 * y as u8, 70 * number, if clear { 0 } else { 255 }])
            })
        })
        .collect();
    let mut gif = Vec::new();
    let mut encoder = gif::Encoder::new(&mut gif, SIDE as u16, SIDE as u16, &[0, 0, 0, 255, 255, 255]).expect("begun");
    encoder.set_repeat(gif::Repeat::Infinite).expect("set");
    for number in 0..4u16 {
        use gif::DisposalMethod::{Any, Background, Keep, Previous};
        encoder
            .write_frame(&gif::Frame {
                left: number,
                top: 2 * number,
                width: 11,
                height: 9,
                delay: number,
                dispose: [Keep, Background, Previous, Any][usize::from(number)],
                transparent: (number == 2).then_some(1),
                interlaced: number == 1,
                buffer: (0..99).map(|at| u8::from(at % 3 == 0)).collect::<Vec<u8>>().into(),
                ..gif::Frame::default()
            })
            .expect("written");
    }
    drop(encoder);
    let mut apng = Vec::new();
    let mut encoder = png::Encoder::new(&mut apng, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(3, 0).expect("set");
    let mut writer = encoder.write_header().expect("begun");
    pictures.iter().for_each(|picture| writer.write_image_data(picture.as_raw()).expect("written"));
    writer.finish().expect("ended");
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let mut chunk = [&name[..], &(body.len() as u32).to_le_bytes(), body].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    let sides = [SIDE as u8 - 1, 0, 0, SIDE as u8 - 1, 0, 0];
    let mut body = b"WEBP".to_vec();
    body.extend(chunk(b"VP8X", &[&[0x12, 0, 0, 0][..], &sides].concat()));
    body.extend(chunk(b"ANIM", &[0; 6]));
    for picture in &pictures {
        let mut still = Vec::new();
        let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut still);
        encoder.encode(picture, SIDE, SIDE, image::ExtendedColorType::Rgba8).expect("encoded");
        body.extend(chunk(b"ANMF", &[&[0; 6][..], &sides, &[9, 0, 0, 1], &still[12..]].concat()));
    }
    let webp = [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat();
    let mut pages = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut pages).expect("begun");
    for picture in &pictures {
        encoder.write_image::<tiff::encoder::colortype::RGBA8>(SIDE, SIDE, picture).expect("written");
    }
    let mut jxl = Vec::new();
    let (space, depth) = (zune_core::colorspace::ColorSpace::RGBA, zune_core::bit_depth::BitDepth::Eight);
    let options = zune_core::options::EncoderOptions::new(SIDE as usize, SIDE as usize, space, depth);
    assert!(zune_jpegxl::JxlSimpleEncoder::new(pictures[1].as_raw(), options).encode(&mut jxl).is_ok());
    vec![gif, apng, webp, pages.into_inner(), jxl]
}

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2, F_4_1};
    let factors = prop::sample::select(vec![F_1_1, F_1_2, F_2_1, F_2_2, F_4_1]);
    let scans = prop_oneof![
        4 => (0u16..4).prop_map(Scans::One),
        1 => Just(Scans::Each),
        2 => (2u8..12).prop_map(Scans::Progressive),
    ];
    (factors, scans, any::<bool>()).prop_map(|(factor, scans, grey)| coded((40, 25), factor, scans, grey))
}

/// What is done to a seed.
#[derive(Clone, Debug)]
enum Damage {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cross(Index, Index, Vec<u8>),
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let bytes = prop::collection::vec(prop_oneof![any::<u8>(), Just(0xFF), Just(0), Just(0xD9), Just(0xDA)], 0..9);
    let damage = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => at().prop_map(Damage::Cut),
        2 => (at(), bytes).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (at(), 1usize..40).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (at(), at(), seeds()).prop_map(|(at, from, other)| Damage::Cross(at, from, other)),
    ];
    prop::collection::vec(damage, 0..4)
}

fn damaged(seeds: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (seeds, damages()).prop_map(|(mut file, damages)| {
        for damage in damages {
            let length = file.len();
            if length == 0 {
                break;
            }
            match damage {
                Damage::Set(at, byte) => file[at.index(length)] = byte,
                Damage::Flip(at, bit) => file[at.index(length)] ^= 1 << bit,
                Damage::Cut(at) => file.truncate(at.index(length)),
                Damage::Insert(at, bytes) => drop(file.splice(at.index(length)..at.index(length), bytes)),
                Damage::Remove(at, count) => drop(file.drain(at.index(length)..(at.index(length) + count).min(length))),
                Damage::Cross(at, from, other) => {
                    file.truncate(at.index(length));
                    file.extend_from_slice(&other[from.index(other.len())..]);
                }
            }
        }
        file
    })
}

proptest! {
    #[test]
    fn parse(file in damaged(seeds())) {
        properties::parse(&file);
    }

    #[test]
    fn splice_and_restore(places in any::<[u8; 8]>(), file in damaged(seeds())) {
        properties::splice_and_restore(&[&places, &file[..]].concat());
    }

    #[test]
    fn frame(file in damaged(prop_oneof![2 => containers(), 1 => seeds()])) {
        properties::frame(&file);
    }

    #[test]
    fn words(data in damaged(spoken())) {
        properties::words(&data);
    }

    #[test]
    fn avi(file in damaged(clips())) {
        properties::avi(&file);
    }

    #[test]
    fn copies(file in damaged(prop_oneof![3 => several(), 1 => containers()])) {
        properties::copies(&file);
    }

    #[test]
    fn luma(head in any::<[u8; 5]>(), samples in prop::collection::vec(any::<u8>(), 1..400)) {
        properties::luma(&[&head, &samples[..]].concat());
    }
}

#[test]
fn the_seeds_are_sound() {
    let limits = safelight::frame::Limits::default();
    let size = |file: &[u8]| safelight::frame::Header::read(file, &limits).expect("sound").size();
    assert_eq!(size(&two_pages()), safelight::geometry::Size::new(9, 9));
}

#[test]
fn regressions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/regressions");
    for (name, property) in [
        ("jpeg_parse", properties::parse as fn(&[u8])),
        ("jpeg_splice", properties::splice_and_restore),
        ("frame", properties::frame),
        ("copies", properties::copies),
        ("jpeg_luma", properties::luma),
        ("words", properties::words),
        ("avi", properties::avi),
    ] {
        // None yet is none.
        let Ok(inputs) = std::fs::read_dir(folder.join(name)) else { continue };
        for input in inputs {
            property(&std::fs::read(input.expect("listed").path()).expect("read"));
        }
    }
}

/// Every sampling, with and without restart intervals, progressive, grey and in colour, odd sizes. Where `SAFELIGHT_FUZZ_CORPUS` names a
/// folder, they are written there for the fuzz targets.
#[test]
fn corpus() {
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2, F_4_1};
    let folder = std::env::var_os("SAFELIGHT_FUZZ_CORPUS").map(std::path::PathBuf::from);
    let keep = |target: &str, number: usize, parts: &[&[u8]]| {
        if let Some(folder) = folder.as_ref().map(|folder| folder.join(target)) {
            std::fs::create_dir_all(&folder).expect("made");
            std::fs::write(folder.join(format!("seed-{number:03}")), parts.concat()).expect("written");
        }
    };
    for (number, (sound, fields)) in
        [(false, false), (true, false), (false, true), (true, true)].into_iter().enumerate()
    {
        properties::avi(&clip(sound, fields));
        keep("avi", number, &[&clip(sound, fields)]);
    }
    for (number, file) in of_several().into_iter().enumerate() {
        properties::copies(&file);
        keep("copies", number, &[&file]);
        keep("frame", number, &[&file]);
    }
    let mut number = 0;
    for (factor, size) in [(F_1_1, (9, 17)), (F_1_2, (16, 33)), (F_2_1, (40, 25)), (F_2_2, (1, 1)), (F_4_1, (65, 8))] {
        use Scans::{Each, One, Progressive};
        for scans in [One(0), One(1), One(3), Each, Progressive(4), Progressive(10)] {
            for grey in [false, true] {
                let file = coded(size, factor, scans, grey);
                properties::parse(&file);
                keep("jpeg_parse", number, &[&file]);
                let places = [0, 0, 2, 2, number as u8, 1, 4, 3];
                properties::splice_and_restore(&[&places, &file[..]].concat());
                keep("jpeg_splice", number, &[&places, &file]);
                let head = [size.0 as u8, size.1 as u8, 60, number as u8, number as u8 % 4];
                properties::luma(&[&head, &file[..]].concat());
                keep("jpeg_luma", number, &[&head, &file]);
                number += 1;
            }
        }
    }
}
