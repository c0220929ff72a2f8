//! Files of public encoders, real photographs, and a public decoder for comparison.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;
use crate::frame::LumaSource;

/// A picture with smooth parts, edges and noise, 3 bytes a pixel.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let mut noise = 12_345u32;
    let mut out = Vec::new();
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 27) as u8;
            let edge = if x / 11 % 2 == y / 7 % 2 && x > 30 { 90 } else { 0 };
            let hill = (((x * x + y * y * 2) / 64) % 120) as u8;
            out.extend_from_slice(&[hill + grain, 40 + edge + grain, (x * 2 % 200) as u8 / 2 + edge]);
        }
    }
    out
}

/// A file of `jpeg-encoder`, 4:2:0 at quality 80 unless `set` says otherwise.
pub fn file(width: u16, height: u16, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 80);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    set(&mut encoder);
    encoder.encode(&pixels(width, height), width, height, ColorType::Rgb).unwrap();
    out
}

fn grey_file(width: u16, height: u16, quality: u8) -> Vec<u8> {
    let grey: Vec<u8> = pixels(width, height).chunks(3).map(|p| p[1]).collect();
    let mut out = Vec::new();
    Encoder::new(&mut out, quality).encode(&grey, width, height, ColorType::Luma).unwrap();
    out
}

/// Two areas that lie anywhere in a picture of this size.
fn some_areas(width: u32, height: u32) -> [PixelRect; 2] {
    [
        PixelRect::new(width / 3, height / 4, width / 4 + 1, height / 3 + 1),
        PixelRect::new(width - 1, height / 2, 9, height),
    ]
}

/// Compares the scene with the original as `image` decodes them: equal outside, flat inside, chroma's upsampling over
/// MCU borders left out.
fn check_pixels(file: &[u8], spliced: &Spliced, fill: Fill) {
    let decode = |bytes| image::load_from_memory_with_format(bytes, image::ImageFormat::Jpeg).unwrap().to_rgb8();
    let (before, after) = (decode(file), decode(&spliced.scene));
    assert_eq!(before.dimensions(), after.dimensions());
    let within = |x: u32, y: u32, by: i64| {
        spliced.flat.iter().any(|a| {
            let (x, y) = (i64::from(x), i64::from(y));
            x >= i64::from(a.x) - by
                && x < i64::from(a.right()) + by
                && y >= i64::from(a.y) - by
                && y < i64::from(a.bottom()) + by
        })
    };
    // A row of flat areas lies on the next: only the outer borders of their union matter.
    let deep = |x: u32, y: u32| {
        [(-4i64, -4i64), (-4, 4), (4, -4), (4, 4), (0, 0)].iter().all(|(dx, dy)| {
            let x = (i64::from(x) + dx).clamp(0, i64::from(before.width()) - 1) as u32;
            let y = (i64::from(y) + dy).clamp(0, i64::from(before.height()) - 1) as u32;
            within(x, y, 0)
        })
    };
    let grey = i32::from(fill.y);
    for (x, y, pixel) in after.enumerate_pixels() {
        if !within(x, y, 4) {
            assert_eq!(pixel, before.get_pixel(x, y), "outside at {x}, {y}");
        } else if deep(x, y) {
            // The DC step of these encoders is at most 80 at the lowest quality used: half of an eighth of it.
            assert!(pixel.0.iter().all(|&c| (i32::from(c) - grey).abs() <= 6), "inside at {x}, {y}: {pixel:?}");
        }
    }
}

/// Luma against `image`'s: full size, and means for the reduced planes.
fn check_luma(file: &[u8]) {
    let jpeg = parse(file);
    let frame = crate::frame::Frame::decode(file, &crate::frame::Limits::default()).unwrap();
    let reference = frame.into_picture(file).unwrap();
    let difference = |denominator| {
        let (ours, theirs) = (jpeg.reduced(denominator), reference.reduced(denominator));
        assert_eq!(ours.size, theirs.size);
        let each = ours.data.iter().zip(&theirs.data).map(|(&a, &b)| u32::from(a.abs_diff(b)));
        (each.clone().max().unwrap(), f64::from(each.sum::<u32>()) / ours.data.len() as f64)
    };
    let (worst, mean) = difference(1);
    assert!(worst <= 3 && mean < 0.5, "full: {worst} {mean}");
    let (_, mean) = difference(2);
    // The test picture is all noise and edges; what the low frequencies leave out is most at the highest quality.
    assert!(mean < 4.0, "half: {mean}");
    let (_, mean) = difference(8);
    assert!(mean < 0.8, "eighth: {mean}");
}

fn check(file: &[u8], fill: Fill) {
    let size = parse(file).size();
    let spliced = check_splice(file, &some_areas(size.width, size.height), fill).unwrap();
    check_pixels(file, &spliced, fill);
    check_splice(file, &[], fill).unwrap();
    let all = check_splice(file, &[PixelRect::new(0, 0, size.width, size.height)], fill).unwrap();
    check_pixels(file, &all, fill);
}

#[test]
fn every_sampling_quality_and_interval() {
    use SamplingFactor::*;
    for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, R_4_4_4, R_4_4_0, R_4_2_2, R_4_2_0] {
        for (quality, interval) in [(20, 0), (75, 1), (90, 5), (100, 0)] {
            let file = file(131, 77, |encoder| {
                encoder.set_quality(quality);
                encoder.set_sampling_factor(sampling);
                encoder.set_restart_interval(interval);
            });
            check(&file, Fill { y: 128, cb: 128, cr: 128 });
            check_luma(&file);
        }
    }
}

#[test]
fn every_size() {
    for (width, height) in [(1, 1), (1, 40), (40, 1), (7, 9), (8, 8), (15, 17), (16, 16), (17, 33), (64, 64), (200, 3)]
    {
        check(&file(width, height, |_| {}), Fill::BLACK);
        check(&grey_file(width, height, 60), Fill::BLACK);
        check_luma(&file(width, height, |_| {}));
    }
}

#[test]
fn image_crate_files() {
    for quality in [40, 95] {
        let mut out = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality);
        let picture = image::RgbImage::from_raw(90, 70, pixels(90, 70)).unwrap();
        picture.write_with_encoder(encoder).unwrap();
        check(&out, Fill::BLACK);
        check_luma(&out);
    }
}

#[test]
fn metadata_leaves_the_scene() {
    let secret = b"the thumbnail of a face";
    let file = file(50, 40, |encoder| {
        encoder.add_exif_metadata(secret).unwrap();
        encoder.add_icc_profile(secret).unwrap();
        encoder.add_app_segment(1, secret.to_vec()).unwrap();
    });
    let mut file = file;
    file.extend_from_slice(secret);
    let spliced = check_splice(&file, &[], Fill::BLACK).unwrap();
    assert!(!spliced.scene.windows(secret.len()).any(|window| window == secret));
}

#[test]
fn other_kinds_are_left_to_the_pixel_path() {
    let refused = |file: &[u8]| Jpeg::parse(file, &Limits::default(), Reduction::Half).err();
    let several = file(40, 40, |encoder| encoder.set_optimized_huffman_tables(true));
    assert_eq!(refused(&several), Some(Unsupported::SeveralScans.into()));
    let progressive = file(40, 40, |encoder| encoder.set_progressive(true));
    assert_eq!(refused(&progressive), Some(Unsupported::Progressive.into()));
    let mut cmyk = Vec::new();
    Encoder::new(&mut cmyk, 80).encode(&[9; 256], 8, 8, ColorType::Cmyk).unwrap();
    assert_eq!(refused(&cmyk), Some(Unsupported::Components { count: 4 }.into()));
}

/// Not in the repository: photographs as cameras made them.
#[test]
fn photographs_come_back() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/plates-dev");
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("skipped: no photographs");
        return;
    };
    let mut taken = 0;
    for path in files.flatten().map(|entry| entry.path()) {
        let file = std::fs::read(&path).unwrap();
        let jpeg = match Jpeg::parse(&file, &Limits::default(), Reduction::Half) {
            Ok(jpeg) => jpeg,
            Err(JpegError::NotJpeg | JpegError::Unsupported(_)) => continue,
            Err(error) => panic!("a photograph was refused: {error}"),
        };
        let size = jpeg.size();
        let spliced = jpeg.splice(&file, &some_areas(size.width, size.height), Fill::BLACK).unwrap();
        assert!(restore(&spliced.scene, &spliced.removed.unwrap()).unwrap() == file);
        parse(&spliced.scene);
        // The low frequencies are nearly all of a photograph's means.
        let means = luma::means(&jpeg.reduced(1), jpeg.plane.size, 2);
        let each = means.data.iter().zip(&jpeg.plane.data).map(|(a, b)| u64::from(a.abs_diff(*b)));
        assert!(each.sum::<u64>() < 5 * means.data.len() as u64 / 2);
        taken += 1;
    }
    assert!(taken > 0, "a folder of photographs without one");
}
