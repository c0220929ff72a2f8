//! JPEG XL, bare and in boxes.

use super::*;

pub fn jpeg_xl(picture: &RgbImage) -> Vec<u8> {
    use zune_core::{bit_depth::BitDepth, colorspace::ColorSpace, options::EncoderOptions};
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut file = Vec::new();
    let options = EncoderOptions::new(width, height, ColorSpace::RGB, BitDepth::Eight);
    let encoded = zune_jpegxl::JxlSimpleEncoder::new(picture.as_raw(), options).encode(&mut file);
    assert!(encoded.is_ok());
    file
}

/// A codestream in a container, in two parts behind `more`.
fn boxed(codestream: &[u8], more: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\0\0\0\x0CJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ".to_vec();
    let (first, second) = codestream.split_at(codestream.len() / 2);
    let parts = [[&[0, 0, 0, 0], first].concat(), [&[0x80, 0, 0, 1], second].concat()];
    let parts = parts.iter().map(|part| (b"jxlp", part.as_slice()));
    for (name, body) in more.iter().copied().chain(parts) {
        file.extend((body.len() as u32 + 8).to_be_bytes());
        file.extend(name);
        file.extend(body);
    }
    file
}

fn jpeg_xl_decoded(file: &[u8]) -> RgbImage {
    let image = jxl_oxide::JxlImage::builder().read(file).expect("a JPEG XL file");
    let shown = image.render_frame(0).expect("rendered");
    let mut samples = shown.stream();
    let mut all = vec![0u8; (samples.width() * samples.height() * samples.channels()) as usize];
    samples.write_to_buffer(&mut all);
    RgbImage::from_raw(samples.width(), samples.height(), all).expect("RGB")
}

#[test]
fn a_jpeg_xl_picture_stays_one_and_keeps_its_samples() {
    let picture = picture(WIDTH, HEIGHT, 0);
    let bare = jpeg_xl(&picture);
    let exif: (&[u8; 4], &[u8]) = (b"Exif", b"\0\0\0\0MM\0\x2a\0\0\0\x08\0\0SECRETS");
    let behind = common::site::photo(3);
    let whole = boxed(&bare, &[]);
    let files = [
        ("bare.jxl", bare.clone()),
        ("boxed.jxl", boxed(&bare, &[exif, (b"jhgm", b"SECRETS")])),
        ("with-another.jxl", boxed(&bare, &[(b"what", &behind)])),
        ("followed.jxl", [bare.as_slice(), &behind].concat()),
        ("cut.jxl", bare[..bare.len() - 60].to_vec()),
        ("cut-boxed.jxl", whole[..whole.len() - 60].to_vec()),
    ];
    let desk = Desk::with(&files);
    let run = desk.redact(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for (name, _) in &files[2..] {
        assert!(run.stderr.contains(name) && !desk.0.path().join("out").join(name).exists(), "{name}: {run:?}");
    }
    assert!(run.stderr.contains("followed by another picture (JPEG)"), "{run:?}");
    for (name, _) in &files[..2] {
        let copy = desk.copy(name);
        assert!(copy.starts_with(&[0xFF, 0x0A]) && !has(&copy, b"SECRETS"), "{name}");
        let shown = jpeg_xl_decoded(&copy);
        let mut blank = 0;
        for (x, y, pixel) in shown.enumerate_pixels() {
            if pixel != picture.get_pixel(x, y) {
                assert_eq!(pixel.0, [128; 3], "{name} at {x}, {y}");
                blank += 1;
            }
        }
        assert!(blank >= 2 * 16 * 16, "{name}: {blank}");
        assert!(shown.pixels().all(|pixel| pixel.0[0] < 200), "{name}");
    }
    let site = Site::new();
    site.put("boxed.jxl", &files[1].1);
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("further")), (Some(0), 1), "{run:?}");
    let opened = site.opened();
    assert!(opened[0].original == files[1].1 && opened[0].scene.is_some());
}
