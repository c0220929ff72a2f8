use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;

mod behind;
mod files;
mod tiffs;

/// A picture with slopes, edges and texture.
pub(crate) fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let texture = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 29;
        let edge = if (x / 23 + y / 17) % 2 == 0 { 60 } else { 0 };
        Rgb([(x * 255 / width.max(1)) as u8, (40 + edge + texture) as u8, (y * 255 / height.max(1)) as u8])
    })
}

/// `picture` as a JPEG, with whatever `set` asks of the encoder.
pub(crate) fn jpeg(picture: &RgbImage, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    set(&mut encoder);
    encoder.encode(picture.as_raw(), picture.width() as u16, picture.height() as u16, ColorType::Rgb).unwrap();
    file
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn decode(file: &[u8]) -> Result<Frame, DecodeError> {
    Frame::decode(file, &Limits::default())
}

fn luma_of(picture: &RgbImage) -> Vec<u8> {
    let frame_like = Pixels::Rgb(picture.as_raw().clone());
    luma::reduced(&frame_like, Size::new(picture.width(), picture.height()), 1).data
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
}

/// Every kind of file that must be read, with its name and the luma error that its coding may cause.
fn zoo() -> Vec<(&'static str, Vec<u8>, f64)> {
    let rgb = picture(123, 77);
    let gray: ImageBuffer<Luma<u8>, _> = ImageBuffer::from_raw(123, 77, luma_of(&rgb)).unwrap();
    let deep: ImageBuffer<Rgb<u16>, _> =
        ImageBuffer::from_fn(123, 77, |x, y| Rgb(rgb.get_pixel(x, y).0.map(|v| u16::from(v) * 257)));
    let deep_gray: ImageBuffer<Luma<u16>, _> =
        ImageBuffer::from_fn(123, 77, |x, y| Luma([u16::from(gray.get_pixel(x, y).0[0]) * 257]));
    let clear: ImageBuffer<Rgba<u8>, _> = ImageBuffer::from_fn(123, 77, |x, y| {
        let [r, g, b] = rgb.get_pixel(x, y).0;
        Rgba([r, g, b, 255])
    });
    let clear_gray: ImageBuffer<LumaA<u8>, _> =
        ImageBuffer::from_fn(123, 77, |x, y| LumaA([gray.get_pixel(x, y).0[0], 255]));
    let mut gray_jpeg = Vec::new();
    Encoder::new(&mut gray_jpeg, 90).encode(gray.as_raw(), 123, 77, ColorType::Luma).unwrap();
    let cmyk = |color| {
        // The encoder stores it inverted, as Adobe does and all decoders expect.
        let samples: Vec<u8> = rgb.pixels().flat_map(|p| [255 - p.0[0], 255 - p.0[1], 255 - p.0[2], 0]).collect();
        let mut file = Vec::new();
        Encoder::new(&mut file, 95).encode(&samples, 123, 77, color).unwrap();
        file
    };
    let rgb = &rgb;
    let all = |image| DynamicImage::ImageRgb8(image);
    vec![
        ("444.jpg", jpeg(rgb, |e| e.set_sampling_factor(SamplingFactor::F_1_1)), 3.0),
        ("422.jpg", jpeg(rgb, |e| e.set_sampling_factor(SamplingFactor::F_2_1)), 3.0),
        ("440.jpg", jpeg(rgb, |e| e.set_sampling_factor(SamplingFactor::F_1_2)), 3.0),
        ("420.jpg", jpeg(rgb, |e| e.set_sampling_factor(SamplingFactor::F_2_2)), 3.0),
        ("411.jpg", jpeg(rgb, |e| e.set_sampling_factor(SamplingFactor::F_4_1)), 3.0),
        ("restarts.jpg", jpeg(rgb, |e| e.set_restart_interval(3)), 3.0),
        (
            "optimised.jpg",
            jpeg(rgb, |e| {
                e.set_sampling_factor(SamplingFactor::F_2_1);
                e.set_optimized_huffman_tables(true);
            }),
            3.0,
        ),
        ("progressive.jpg", jpeg(rgb, |e| e.set_progressive(true)), 3.0),
        ("gray.jpg", gray_jpeg, 3.0),
        ("cmyk.jpg", cmyk(ColorType::Cmyk), 3.0),
        ("ycck.jpg", cmyk(ColorType::CmykAsYcck), 3.0),
        ("rgb.png", encoded(&all(rgb.clone()), ImageFormat::Png), 0.0),
        ("deep.png", encoded(&DynamicImage::ImageRgb16(deep.clone()), ImageFormat::Png), 0.0),
        ("deep-gray.png", encoded(&DynamicImage::ImageLuma16(deep_gray), ImageFormat::Png), 1.0),
        ("clear.png", encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png), 0.0),
        ("clear-gray.png", encoded(&DynamicImage::ImageLumaA8(clear_gray), ImageFormat::Png), 1.0),
        ("palette.png", palette_png(), f64::NAN),
        ("lossless.webp", encoded(&all(rgb.clone()), ImageFormat::WebP), 0.0),
        ("rgb.tif", encoded(&all(rgb.clone()), ImageFormat::Tiff), 0.0),
        ("deep.tif", encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Tiff), 0.0),
        ("rgb.bmp", encoded(&all(rgb.clone()), ImageFormat::Bmp), 0.0),
    ]
}

/// A PNG of these chunks.
pub(crate) fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        file.extend((data.len() as u32).to_be_bytes());
        let start = file.len();
        file.extend(*kind);
        file.extend(*data);
        let crc = file[start..].iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
        });
        file.extend((!crc).to_be_bytes());
    }
    file
}

/// Four pixels, two colours, one bit each: a stored (uncompressed) deflate block of two rows.
fn palette_png() -> Vec<u8> {
    let rows = [0, 0b0100_0000, 0, 0b1000_0000];
    let adler = rows.iter().fold((1u32, 0u32), |(a, b), &v: &u8| (a + u32::from(v), b + a + u32::from(v)));
    let mut stream = vec![0x78, 0x01, 1, 4, 0, 0xFB, 0xFF];
    stream.extend(rows);
    stream.extend((adler.1 << 16 | adler.0).to_be_bytes());
    png(&[
        (b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 2, 1, 3, 0, 0, 0]),
        (b"PLTE", &[0, 0, 0, 255, 255, 255]),
        (b"IDAT", &stream),
        (b"IEND", &[]),
    ])
}

#[test]
fn every_kind_of_image_is_read() {
    let truth = luma_of(&picture(123, 77));
    for (name, file, tolerance) in zoo() {
        let frame = decode(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let luma = frame.reduced(1).into_owned();
        if name == "palette.png" {
            assert_eq!(luma.data, [0, 255, 255, 0]);
            continue;
        }
        assert_eq!((luma.size.width, luma.size.height), (123, 77), "{name}");
        let difference = mean_difference(&luma.data, &truth);
        assert!(difference <= tolerance, "{name}: luma differs by {difference}");
    }
}

#[test]
fn our_luma_is_the_decoders_luma() {
    for (name, file, _) in zoo().into_iter().filter(|(name, ..)| name.ends_with(".jpg")) {
        let theirs = image::load_from_memory(&file).unwrap().into_rgb8();
        let ours = decode(&file).unwrap().reduced(1).into_owned();
        let difference = mean_difference(&ours.data, &luma_of(&theirs));
        assert!(difference < 1.0, "{name}: {difference}");
    }
}

#[test]
fn our_colours_are_the_decoders_colours() {
    for (name, file, _) in zoo().into_iter().filter(|(name, ..)| *name != "palette.png") {
        let theirs = image::load_from_memory(&file).unwrap().into_rgb8();
        let ours = decode(&file).unwrap().into_picture(&file).unwrap().into_rgb();
        let difference = mean_difference(ours.as_raw(), theirs.as_raw());
        // The other decoder smooths between samples of chroma, where ours repeats them.
        let reduced = ["422.jpg", "440.jpg", "420.jpg", "411.jpg", "restarts.jpg", "optimised.jpg", "progressive.jpg"];
        let most = if reduced.contains(&name) { 4.0 } else { 1.0 };
        assert!(difference < most, "{name}: {difference}");
    }
}

/// Those of the zoo that are one sequential scan. The encoder writes a scan for each component of the others.
const SEQUENTIAL: [&str; 6] = ["444.jpg", "422.jpg", "440.jpg", "420.jpg", "restarts.jpg", "gray.jpg"];

/// Those that are made one.
const SEVERAL: [&str; 3] = ["411.jpg", "optimised.jpg", "progressive.jpg"];

#[test]
fn usual_jpegs_are_held_as_coefficients_and_all_else_as_pixels() {
    for (name, file, _) in zoo() {
        let usual = matches!(decode(&file).unwrap().content(), Content::Coefficients(..));
        assert_eq!(usual, SEQUENTIAL.contains(&name) || SEVERAL.contains(&name), "{name}");
    }
}

#[test]
fn coefficients_show_what_pixels_show() {
    // A small picture, and some that are not decoded in full at first.
    for (width, height) in [(123, 77), (1101, 93), (2101, 45), (4101, 33)] {
        let rgb = picture(width, height);
        for factor in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2] {
            let file = jpeg(&rgb, |e| e.set_sampling_factor(factor));
            let (frame, pixels) = (decode(&file).unwrap(), decode(&file).unwrap().into_picture(&file).unwrap());
            for area in
                [PixelRect::new(0, 0, width, height), PixelRect::new(37, 11, 64, 20), PixelRect::new(120, 29, 3, 4)]
            {
                let (ours, theirs) = (frame.crop(area), pixels.crop(area));
                assert!(ours.size == theirs.size);
                let worst = ours.data.iter().zip(&theirs.data).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(worst <= Some(1), "{factor:?}: {worst:?}");
            }
            // The picture has texture of a pixel's size, which the low frequencies of a block leave out.
            for (denominator, most) in [(1, 0.5), (2, 1.5), (4, 1.0), (8, 1.0)] {
                let (ours, theirs) = (frame.reduced(denominator), pixels.reduced(denominator));
                assert!(ours.size == theirs.size);
                let difference = mean_difference(&ours.data, &theirs.data);
                assert!(difference < most, "{factor:?} 1/{denominator}: {difference}");
            }
        }
    }
}

#[test]
fn a_cut_jpeg_is_truncated_whatever_stands_behind_the_cut() {
    for (name, file, _) in zoo().into_iter().filter(|(name, ..)| SEQUENTIAL.contains(name)) {
        let scan = file.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap() + 14;
        for part in 1..8 {
            let cut = &file[..scan + (file.len() - scan) * part / 8];
            // Not in the middle of a stuffed byte or a marker.
            let cut = if cut.ends_with(&[0xFF]) { &cut[..cut.len() - 1] } else { cut };
            let result = decode(&[cut, &[0xFF, 0xD9]].concat());
            let error = result.err().unwrap_or_else(|| panic!("{name}, {part}/8 of it, was taken for a whole picture"));
            let restarts = name == "restarts.jpg";
            assert!(restarts || matches!(error, DecodeError::Truncated { format: Format::Jpeg }), "{name}: {error}");
        }
    }
}

#[test]
fn a_jpeg_without_all_its_scans_is_truncated() {
    let file = jpeg(&picture(64, 48), |e| {
        e.set_sampling_factor(SamplingFactor::F_2_1);
        e.set_optimized_huffman_tables(true);
    });
    let scans: Vec<usize> = (0..file.len() - 1).filter(|&at| file[at..at + 2] == [0xFF, 0xDA]).collect();
    assert_eq!(scans.len(), 3);
    for &scan in &scans[1..] {
        let cut = [&file[..scan], &[0xFF, 0xD9]].concat();
        assert!(matches!(decode(&cut), Err(DecodeError::Truncated { format: Format::Jpeg })));
    }
}

#[test]
fn what_ends_early_is_refused_at_every_length() {
    for (name, file, _) in zoo() {
        // All lengths near both ends, and every 5 %.
        let near = (0..64).chain(file.len() - 64.min(file.len())..file.len());
        for length in near.chain((0..20).map(|part| file.len() * part / 20)).filter(|&length| length < file.len()) {
            let result = decode(&file[..length]);
            // BMP pads, and JPEG says once more that it ends: nothing of the image is missing when the last bytes are.
            let missing = file.len() - length;
            if name.ends_with(".jpg") && missing <= 2 {
                assert!(result.is_ok_and(|frame| *frame.reduced(1) == *decode(&file).unwrap().reduced(1)), "{name}");
            } else if !(name.ends_with(".bmp") && missing < 4) {
                assert!(result.is_err(), "{name} cut to {length} of {} bytes was read", file.len());
            }
        }
    }
}

#[test]
fn scans_of_their_own_show_what_one_scan_shows() {
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2, F_4_1};
    for factor in [F_1_1, F_1_2, F_2_1, F_2_2, F_4_1] {
        let coded = |each| {
            let file = jpeg(&picture(61, 47), |e| {
                e.set_sampling_factor(factor);
                // The encoder then writes a scan for each component.
                e.set_optimized_huffman_tables(each);
            });
            decode(&file).unwrap().into_picture(&file).unwrap().into_rgb()
        };
        assert!(coded(true) == coded(false), "{factor:?}");
    }
}

#[test]
fn bytes_after_the_end_do_not_matter() {
    let mut file = jpeg(&picture(40, 30), |_| {});
    file.extend(b"trailing data, as some cameras add");
    assert!(decode(&file).is_ok());
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    let header = [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60, 8, 2, 0, 0, 0];
    let bomb = png(&[(b"IHDR", &header), (b"IDAT", &[0x78, 0x01, 3, 0, 0, 0, 0, 1]), (b"IEND", &[])]);
    let Err(DecodeError::TooLarge { size, .. }) = decode(&bomb) else { panic!("a bomb must be refused") };
    assert_eq!(size, Size::new(60_000, 60_000));
}

#[test]
fn limits_are_checked_for_every_format() {
    let limits = Limits { max_pixels: 123 * 77 - 1, ..Limits::default() };
    let costs = Limits { max_decoded_bytes: 123 * 77 - 1, ..Limits::default() };
    for (name, file, _) in zoo().into_iter().filter(|(name, ..)| *name != "palette.png") {
        assert!(matches!(Header::read(&file, &limits), Err(DecodeError::TooLarge { .. })), "{name}");
        assert!(Header::read(&file, &costs).is_err(), "{name}");
    }
}

#[test]
fn what_is_no_image_is_named_so() {
    assert!(matches!(decode(b""), Err(DecodeError::Empty)));
    assert!(matches!(decode(b"a text file named .jpg"), Err(DecodeError::NotAnImage)));
    assert!(matches!(decode(b"\xFF\xD8\xFF"), Err(DecodeError::Truncated { format: Format::Jpeg })));
}

#[test]
fn one_pixel_is_an_image() {
    let frame = decode(&jpeg(&picture(1, 1), |_| {})).unwrap();
    assert_eq!(frame.size(), Size::new(1, 1));
    for denominator in [1, 2, 4, 8] {
        assert_eq!(frame.reduced(denominator).size, Size::new(1, 1));
    }
    assert_eq!(frame.crop(PixelRect::new(0, 0, 1, 1)).data.len(), 1);
}

#[test]
fn the_upright_view_is_what_a_viewer_shows() {
    let stored = picture(48, 32);
    for (value, orientation) in (1u8..).zip([
        Orientation::Upright,
        Orientation::Mirrored,
        Orientation::HalfTurn,
        Orientation::Flipped,
        Orientation::Transposed,
        Orientation::QuarterRight,
        Orientation::Transversed,
        Orientation::QuarterLeft,
    ]) {
        let exif =
            [b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[value, 0, 0, 0, 0, 0, 0]]
                .concat();
        let frame = decode(&jpeg(&stored, |e| e.add_app_segment(1, exif).unwrap())).unwrap();
        assert_eq!(frame.orientation(), orientation, "EXIF {value}");

        let plane = frame.reduced(1).into_owned();
        let mut shown = DynamicImage::ImageLuma8(ImageBuffer::from_raw(48, 32, plane.data).unwrap());
        shown.apply_orientation(image::metadata::Orientation::from_exif(value).unwrap());
        let upright = Upright::new(&frame);
        assert_eq!(upright.size(), Size::new(shown.width(), shown.height()));
        assert!(upright.reduced(1).data == shown.as_bytes(), "EXIF {value}");

        let area = PixelRect::new(3, 5, 11, 7);
        let piece = shown.crop_imm(3, 5, 11, 7);
        assert!(upright.crop(area).data == piece.as_bytes(), "EXIF {value}, a piece");
        let back = upright.to_stored(area.rect());
        assert_eq!(back.area(), 77.0);
        assert!(back.right() <= 48.0 && back.bottom() <= 32.0);
        assert_eq!(orientation.box_to_seen(back, Size::new(48, 32)), area.rect());
    }
}

proptest! {
    #[test]
    fn a_reduced_plane_is_the_mean_of_what_it_stands_for(width in 1u32..40, height in 1u32..40, shift in 0u32..4) {
        let rgb = picture(width, height);
        let denominator = 1 << shift;
        let size = Size::new(width, height);
        let full = luma_of(&rgb);
        let reduced = luma::reduced(&Pixels::Rgb(rgb.into_raw()), size, denominator);
        prop_assert_eq!(reduced.size, Size::new(width.div_ceil(denominator), height.div_ceil(denominator)));
        for y in 0..reduced.size.height {
            for x in 0..reduced.size.width {
                let (mut sum, mut count) = (0u32, 0u32);
                for yy in y * denominator..((y + 1) * denominator).min(height) {
                    for xx in x * denominator..((x + 1) * denominator).min(width) {
                        sum += u32::from(full[(yy * width + xx) as usize]);
                        count += 1;
                    }
                }
                let mean = f64::from(sum) / f64::from(count);
                let got = f64::from(reduced.data[(y * reduced.size.width + x) as usize]);
                prop_assert!((got - mean).abs() <= 0.5, "{} instead of {}", got, mean);
            }
        }
    }

    #[test]
    fn no_damage_makes_it_panic(which in 0usize..21, place in 0.0f64..1.0, byte in any::<u8>(), cut in 0.0f64..1.0) {
        thread_local!(static ZOO: Vec<(&'static str, Vec<u8>, f64)> = zoo());
        ZOO.with(|zoo| {
            let mut file = zoo[which].1.clone();
            let at = ((file.len() as f64 * place) as usize).min(file.len() - 1);
            file[at] = byte;
            let tight = Limits { max_pixels: 100_000, max_decoded_bytes: 1_000_000 };
            let _ = Frame::decode(&file, &tight);
            let length = (file.len() as f64 * cut) as usize;
            let _ = Frame::decode(&file[..length], &tight);
        });
    }
}
