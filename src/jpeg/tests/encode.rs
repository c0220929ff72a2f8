//! Files made of samples, beside those of a public encoder.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, QuantizationTableType, SamplingFactor};
#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use pulp::{Scalar128b, Simd};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::*;
use crate::frame::{JpegCoding, Pixels, Sampling};
use crate::jpeg::encode::{Encode, encode};

fn coding(quality: u8, horizontal: u8, vertical: u8) -> JpegCoding {
    JpegCoding::of_quality(quality, Sampling { horizontal, vertical })
}

/// Slopes, edges and grain in all colours.
fn drawn(width: usize, height: usize) -> Vec<u8> {
    let mut noise = 99u32;
    let mut out = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (noise >> 28) as usize;
        let edge = if x / 13 % 2 == y / 9 % 2 { 90 } else { 0 };
        out.extend([x * 2 % 200 + grain, 20 + edge + grain, (y * 3 + x) % 230].map(|sample| sample as u8));
    }
    out
}

fn size(width: usize, height: usize) -> Size {
    Size::new(width as u32, height as u32)
}

fn factor(h: u8, v: u8) -> Option<SamplingFactor> {
    SamplingFactor::from_factors(h, v)
}

/// What the public encoder makes of the same.
fn peer(samples: &[u8], (width, height): (usize, usize), color: ColorType, coding: &JpegCoding) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    let table = |steps: &[u16; 64]| QuantizationTableType::Custom(Box::new(*steps));
    encoder.set_quantization_tables(table(&coding.luma), table(&coding.chroma));
    let Sampling { horizontal, vertical } = coding.sampling;
    encoder.set_sampling_factor(factor(horizontal, vertical).unwrap());
    encoder.encode(samples, width as u16, height as u16, color).unwrap();
    out
}

fn decoded(file: &[u8], space: ColorSpace) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    JpegDecoder::new_with_options(ZCursor::new(file), options).decode().unwrap()
}

/// How far `a` is from `b`: the mean of differences, and the noise that they are, in decibels below full scale.
fn off(a: &[u8], b: &[u8]) -> (f64, f64) {
    assert_eq!(a.len(), b.len());
    let mean =
        |by: fn(f64) -> f64| a.iter().zip(b).map(|(a, b)| by(f64::from(a.abs_diff(*b)))).sum::<f64>() / a.len() as f64;
    (
        mean(|difference| difference),
        10.0 * (255.0 * 255.0 / mean(|difference| difference * difference).max(1e-9)).log10(),
    )
}

#[test]
fn a_picture_is_as_near_to_its_source_as_another_encoders() {
    let (width, height) = (403, 277);
    let rgb = drawn(width, height);
    let grey: Vec<u8> = rgb.chunks_exact(3).map(|pixel| pixel[1]).collect();
    for quality in [60, 85, 95] {
        let all = (1..=2).flat_map(|h| (1..=2).map(move |v| (h, v)));
        for (h, v) in all {
            let coding = coding(quality, h, v);
            let compared = |source: &[u8], space: ColorSpace, ours: &[u8], theirs: &[u8]| {
                let [(mean, noise), (their_mean, their_noise)] =
                    [ours, theirs].map(|file| off(&decoded(file, space), source));
                assert!(mean <= their_mean + 0.01, "{quality} {h}x{v}: {mean} for {their_mean}");
                assert!(noise >= their_noise - 0.02, "{quality} {h}x{v}: {noise} dB for {their_noise}");
                assert!(ours.len() <= theirs.len() + theirs.len() / 100, "{quality} {h}x{v}: {}", ours.len());
            };
            let ours = encode(size(width, height), &Pixels::Rgb(rgb.clone()), &coding, &[]);
            compared(&rgb, ColorSpace::RGB, &ours, &peer(&rgb, (width, height), ColorType::Rgb, &coding));
            if (h, v) == (1, 1) {
                let ours = encode(size(width, height), &Pixels::Gray(grey.clone()), &coding, &[]);
                compared(&grey, ColorSpace::Luma, &ours, &peer(&grey, (width, height), ColorType::Luma, &coding));
            }
        }
    }
}

/// Luma and chroma of a file by our own decoder, which repeats chroma.
fn components(file: &[u8]) -> (Size, Vec<u8>) {
    let planes = Coded::read(file, &Limits::default()).unwrap().planes().unwrap();
    let (width, height) = (planes.size.width as usize, planes.size.height as usize);
    let samples = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
    let pixel = |(y, x)| planes.planes.iter().map(move |plane| plane.row(y)[x / plane.repeat.0]);
    (planes.size, samples.flat_map(pixel).collect())
}

#[test]
fn every_sampling_and_size_comes_back() {
    let sizes = [(1, 1), (1, 9), (8, 8), (9, 1), (15, 16), (16, 15), (17, 33), (33, 17), (129, 7), (300, 40)];
    for (h, v) in (1..=4).flat_map(|h| (1..=4).map(move |v| (h, v))) {
        for (width, height) in sizes {
            // Chroma that fewer samples hold as well.
            let slopes: Vec<u8> = (0..height)
                .flat_map(|y| (0..width).map(move |x| [(x * 7 + y * 5) % 256, 90 + x / 4 % 40, 160 - y]))
                .flat_map(|pixel| pixel.map(|sample| sample as u8))
                .collect();
            let coding = coding(98, h, v);
            let file = encode(size(width, height), &Pixels::Ycbcr(slopes.clone()), &coding, &[]);
            let (found, samples) = components(&file);
            assert_eq!(found, size(width, height));
            let (mean, _) = off(&samples, &slopes);
            assert!(mean < 1.5, "{h}x{v} {width}x{height}: {mean}");
            let fits = h * v + 2 <= 10;
            assert_eq!(
                Jpeg::parse(&file, &Limits::default(), Reduction::Half).unwrap().mcu_pixels(),
                match fits {
                    true => (8 * u32::from(h), 8 * u32::from(v)),
                    false => (8, 8),
                }
            );
        }
    }
}

/// The segments of a file up to its scan: the byte behind 0xFF, and the body.
fn segments(file: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = &file[2..];
    let mut segments = Vec::new();
    while let [0xFF, marker, l1, l0, ..] = *rest {
        let length = usize::from(u16::from_be_bytes([l1, l0]));
        segments.push((marker, &rest[4..2 + length]));
        rest = &rest[2 + length..];
        if marker == 0xDA {
            segments.push((0, rest));
            break;
        }
    }
    segments
}

#[test]
fn beyond_its_edges_a_picture_goes_on_as_it_ends() {
    for (h, v) in [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (4, 2)] {
        for (width, height) in [(1, 1), (17, 33), (131, 5)] {
            let rgb = drawn(width, height);
            let whole = |pixels: usize, factor: u8| pixels.next_multiple_of(8 * usize::from(factor));
            let (across, down) = (whole(width, h), whole(height, v));
            let at = |x: usize, y: usize| 3 * (y.min(height - 1) * width + x.min(width - 1));
            let pixels = (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
            let grown: Vec<u8> = pixels.flat_map(|(x, y)| rgb[at(x, y)..][..3].iter().copied()).collect();
            let file = |(width, height), rgb: &[u8]| {
                encode(size(width, height), &Pixels::Rgb(rgb.to_vec()), &coding(90, h, v), &[])
            };
            let [a, b] = [file((width, height), &rgb), file((across, down), &grown)];
            assert_eq!(segments(&a).last(), segments(&b).last(), "{h}x{v} {width}x{height}");
        }
    }
}

#[test]
fn every_processor_writes_the_same_bytes() {
    let rgb = drawn(283, 75);
    let pixels = [Pixels::Rgb(rgb.clone()), Pixels::Ycbcr(rgb.clone()), Pixels::Gray(rgb[..283 * 75].to_vec())];
    for (pixels, (h, v)) in pixels.iter().flat_map(|pixels| [(1, 1), (2, 1), (2, 2), (3, 2)].map(|f| (pixels, f))) {
        let (size, coding) = (size(283, 75), coding(93, h, v));
        let job = || Encode { size, pixels, coding: &coding, segments: &[] };
        let portable = Some(Simd::vectorize(Scalar128b, job()));
        #[cfg(target_arch = "x86_64")]
        let vectors = [
            V3::try_new().map(|set| Simd::vectorize(set, job())),
            V4::try_new().map(|set| Simd::vectorize(set, job())),
        ];
        #[cfg(target_arch = "aarch64")]
        let vectors = [Neon::try_new().map(|set| Simd::vectorize(set, job()))];
        let files: Vec<Vec<u8>> = std::iter::once(portable).chain(vectors).flatten().collect();
        assert!(files.iter().all(|file| *file == files[0]), "{h}x{v}");
        assert!(files[0] == encode(size, pixels, &coding, &[]));
    }
}

#[test]
fn the_tables_are_those_that_others_write_at_a_quality() {
    let quant = |file: &[u8]| -> Vec<Vec<u8>> {
        segments(file).iter().filter(|(marker, _)| *marker == 0xDB).map(|(_, body)| body.to_vec()).collect()
    };
    let huffman = |file: &[u8]| -> Vec<Vec<u8>> {
        let mut tables: Vec<_> =
            segments(file).iter().filter(|(marker, _)| *marker == 0xC4).map(|(_, body)| body.to_vec()).collect();
        tables.sort();
        tables
    };
    for quality in [1, 10, 49, 50, 75, 90, 95, 99, 100] {
        let mut theirs = Vec::new();
        Encoder::new(&mut theirs, quality).encode(&[9; 12], 2, 2, ColorType::Rgb).unwrap();
        let ours = encode(size(2, 2), &Pixels::Rgb(vec![9; 12]), &coding(quality, 1, 1), &[]);
        assert_eq!(quant(&ours), quant(&theirs), "{quality}");
        assert_eq!(huffman(&ours), huffman(&theirs));
    }
    // Steps that a table of bytes cannot hold.
    let mut wide = coding(50, 1, 1);
    (wide.luma[0], wide.chroma[63]) = (300, 0);
    let file = encode(size(2, 2), &Pixels::Rgb(vec![9; 12]), &wide, &[]);
    let tables = quant(&file);
    assert_eq!((tables[0][1], tables[1][64]), (255, 1));
}

#[test]
fn segments_follow_the_files_own() {
    let more: [(u8, &[u8]); 2] = [(0xE1, b"Exif"), (0xE5, b"")];
    let file = encode(size(9, 9), &Pixels::Gray(vec![1; 81]), &coding(95, 2, 2), &more);
    let segments = segments(&file);
    assert_eq!(segments[0].0, 0xE0);
    assert!(segments[0].1.starts_with(b"JFIF\0"));
    assert_eq!(segments[1..3], more);
    // One component and its tables alone.
    let markers: Vec<u8> = segments[3..].iter().map(|(marker, _)| *marker).collect();
    assert_eq!(markers, [0xDB, 0xC0, 0xC4, 0xC4, 0xDA, 0]);
}

#[test]
fn one_colour_stays_one_colour() {
    for value in 0..=255u8 {
        for (h, v) in [(1, 1), (2, 2)] {
            let grey = encode(size(37, 21), &Pixels::Rgb(vec![value; 3 * 37 * 21]), &coding(95, h, v), &[]);
            let (_, samples) = components(&grey);
            let step = i32::from(coding(95, h, v).luma[0]);
            for pixel in samples.chunks_exact(3) {
                assert_eq!(pixel[0], samples[0]);
                // Half a step of the mean, of which the transform has eight.
                assert!(8 * i32::from(pixel[0].abs_diff(value)) <= step / 2 + 8);
                assert_eq!(pixel[1..], [128, 128]);
            }
            assert!(value != 128 || samples[0] == 128);
        }
    }
}

#[test]
fn colours_are_converted_to_the_nearest() {
    let levels: Vec<u8> = (0..=255).step_by(15).collect();
    let colours: Vec<[u8; 3]> =
        levels.iter().flat_map(|&r| levels.iter().flat_map(move |&g| (0..18).map(move |b| [r, g, b * 15]))).collect();
    // Steps of 1 and blocks of one colour: nothing is lost but in the conversion.
    let (width, height) = (8 * colours.len() / 18, 8 * 18);
    let colour = |x: usize, y: usize| colours[y / 8 * (colours.len() / 18) + x / 8];
    let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y))).collect();
    let (_, samples) = components(&encode(size(width, height), &Pixels::Rgb(rgb), &coding(100, 1, 1), &[]));
    for (at, found) in samples.chunks_exact(3).enumerate() {
        let [r, g, b] = colour(at % width, at / width).map(f64::from);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        for (sample, exact) in found.iter().zip([y, 128.0 + (b - y) / 1.772, 128.0 + (r - y) / 1.402]) {
            assert!((f64::from(*sample) - exact).abs() < 0.52, "{found:?} of {:?}", [r, g, b]);
        }
    }
}

proptest! {
    #[test]
    fn coefficients_are_the_nearest_to_the_definition(
        samples in prop::collection::vec(any::<u8>(), 64),
        steps in prop::array::uniform32(1u16..90),
        block in 0usize..20,
    ) {
        let steps: [u16; 64] = std::array::from_fn(|at| steps[at / 2]);
        let mut grey = vec![7; 8 * 8 * 20];
        for (row, samples) in samples.chunks_exact(8).enumerate() {
            grey[8 * (20 * row + block)..][..8].copy_from_slice(samples);
        }
        let coding = JpegCoding { luma: steps, chroma: steps, ..coding(50, 1, 1) };
        let file = encode(size(160, 8), &Pixels::Gray(grey), &coding, &[]);
        let found = coefficients(&parse(&file))[block][0];
        for (at, place) in scan::ZIGZAG.into_iter().map(usize::from).enumerate() {
            let weight = |f: usize| if f == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
            let cos = |x: usize, f: usize| ((2 * x + 1) as f64 * f as f64 * PI / 16.0).cos();
            let sum: f64 = (0..64)
                .map(|i| (f64::from(samples[i]) - 128.0) * cos(i % 8, place % 8) * cos(i / 8, place / 8))
                .sum();
            let exact = sum * weight(place % 8) * weight(place / 8) / f64::from(steps[place]);
            prop_assert!((f64::from(found[at]) - exact).abs() < 0.501, "{at}: {} for {exact}", found[at]);
        }
    }
}

/// The most bits that there are: every coefficient at its greatest.
#[test]
fn the_greatest_coefficients_have_codes() {
    let checked: Vec<u8> = (0..64 * 64).map(|at| if (at % 64 + at / 64) % 2 == 0 { 0 } else { 255 }).collect();
    let mut noise = 1u32;
    let wild: Vec<u8> = (0..64 * 64)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if noise >> 31 == 0 { 0 } else { 255 }
        })
        .collect();
    for grey in [checked, wild, [vec![0; 32 * 64], vec![255; 32 * 64]].concat()] {
        let file = encode(size(64, 64), &Pixels::Gray(grey.clone()), &coding(100, 1, 1), &[]);
        let (mean, _) = off(&components(&file).1, &grey);
        assert!(mean < 0.5, "{mean}");
    }
}
