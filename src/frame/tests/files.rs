//! Files that hold more, less or other than one whole picture: each is decoded right or refused by name.

use super::*;
use crate::frame::Kind;

pub(super) fn refused(file: &[u8]) -> String {
    let Err(error) = decode(file) else { panic!("{:?} was taken", Kind::sniff(file)) };
    error.to_string()
}

pub(super) fn luma_of_file(file: &[u8]) -> GrayPlane {
    decode(file).unwrap_or_else(|error| panic!("{error}")).reduced(1).into_owned()
}

#[test]
fn a_bitmap_says_where_its_pixels_begin_and_which_way_up_they_are() {
    let colour = picture(20, 10);
    let file = encoded(&DynamicImage::ImageRgb8(colour.clone()), ImageFormat::Bmp);
    let plain = luma_of_file(&file);
    let offset = u32::from_le_bytes(file[10..14].try_into().unwrap()) as usize;
    let mut apart = [&file[..offset], &[0xAA; 7], &file[offset..]].concat();
    apart[10..14].copy_from_slice(&(offset as u32 + 7).to_le_bytes());
    assert!(luma_of_file(&apart) == plain);
    let mut down = file;
    down[22..26].copy_from_slice(&(-10i32).to_le_bytes());
    let down = luma_of_file(&down);
    assert!(down.data.chunks(20).eq(plain.data.chunks(20).rev()));
}

/// A still picture of two chunks' worth, and the chunks `more` behind its header.
fn png_with(more: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let whole = encoded(&DynamicImage::ImageRgb8(picture(20, 10)), ImageFormat::Png);
    let extra = png(more);
    // signature ‖ IHDR (13 bytes and 12)
    [&whole[..33], &extra[8..], &whole[33..]].concat()
}

#[test]
fn animations_are_refused() {
    assert!(refused(&png_with(&[(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]), (b"fdAT", &[0; 8])])).contains("an animation"));
    let still = encoded(&DynamicImage::ImageRgb8(picture(20, 10)), ImageFormat::WebP);
    let frame = [b"ANMF".as_slice(), &4u32.to_le_bytes(), &[0; 4]].concat();
    let mut moving = [still.as_slice(), &frame].concat();
    let length = (moving.len() - 8) as u32;
    moving[4..8].copy_from_slice(&length.to_le_bytes());
    assert!(decode(&still).is_ok());
    assert!(refused(&moving).contains("an animation"));
}

#[test]
fn a_wrong_checksum_of_what_is_no_picture_does_not_matter() {
    let plain = luma_of_file(&png_with(&[]));
    let chunks: [(&[u8; 4], &[u8]); 4] = [
        (b"tEXt", b"Comment\0by a camera"),
        (b"tIME", &[7, 0xE3, 5, 13, 8, 0, 0]),
        (b"gAMA", &[0, 0, 0xB1, 0x8F]),
        (b"juNk", b"?"),
    ];
    for chunk in chunks {
        let mut file = png_with(&[chunk]);
        assert!(luma_of_file(&file) == plain);
        // The last byte of the chunk's checksum.
        file[33 + 11 + chunk.1.len()] ^= 1;
        assert!(luma_of_file(&file) == plain, "{:?}", chunk.0);
    }
    let mut file = png_with(&[]);
    let at = file.windows(4).position(|w| w == b"IDAT").unwrap();
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    file[at + 4 + length] ^= 1;
    assert!(decode(&file).is_err(), "the picture's own checksum does matter");
}

#[test]
fn reserved_bytes_of_a_bitmap_may_be_anything() {
    let mut file = encoded(&DynamicImage::ImageRgb8(picture(20, 10)), ImageFormat::Bmp);
    let plain = luma_of_file(&file);
    file[6..10].copy_from_slice(b"0017");
    assert!(luma_of_file(&file) == plain);
}

type Set = fn(&mut Encoder<&mut Vec<u8>>);

/// Where the first `marker` stands.
fn at_marker(file: &[u8], marker: u8) -> usize {
    file.windows(2).position(|w| w == [0xFF, marker]).unwrap()
}

#[test]
fn what_stands_before_a_jpeg_is_passed_over() {
    let file = jpeg(&picture(64, 48), |_| {});
    let plain = luma_of_file(&file);
    let part = b"--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 4711\r\n\r\n";
    for before in [&part[..], b"\r\n", b"\r\n\r\n", b"\xFF\xD8", b"\xFF\xD8\xFF\xD8", b"HTTP/1.0 200 OK\n\n"] {
        let found = decode(&[before, &file].concat()).unwrap_or_else(|error| panic!("{before:?}: {error}"));
        assert_eq!(found.format(), Format::Jpeg);
        assert!(*found.reduced(1) == plain);
    }
    let closed = [part.as_slice(), &file, b"\r\n--myboundary--\r\n"].concat();
    assert!(luma_of_file(&closed) == plain);
    let two = [part.as_slice(), &file, b"\r\n", part, &file].concat();
    assert!(refused(&two).contains("several pictures"));
    // Not every file that holds a picture is one.
    for before in [b"%PDF-1.4 a document \n".as_slice(), b"\0\x01\x02\x03", b"Dear traveller,\nthis is a letter: "] {
        assert!(matches!(decode(&[before, &file].concat()), Err(DecodeError::NotAnImage)));
    }
}

#[test]
fn an_end_marker_may_be_left_out_but_no_bit_of_the_picture() {
    let sets: [Set; 3] = [|_| {}, |e| e.set_progressive(true), |e| e.set_restart_interval(3)];
    for set in sets {
        let file = jpeg(&picture(64, 48), set);
        let plain = luma_of_file(&file);
        assert!(luma_of_file(&file[..file.len() - 2]) == plain);
        assert!(luma_of_file(&file[..file.len() - 1]) == plain);
        for cut in 3..40 {
            assert!(decode(&file[..file.len() - cut]).is_err(), "{cut} bytes less");
        }
        // What was never written reads as zeros, which are codes, or as ones.
        for part in 1..60 {
            let at = 700 + (file.len() - 702) * part / 60;
            for fill in [0, 0xFF] {
                let filled: Vec<u8> = (0..file.len()).map(|i| if i < at { file[i] } else { fill }).collect();
                for end in [at + 2, at + 20, at + 700, file.len()] {
                    let end = end.min(file.len());
                    let decoded = decode(&filled[..end]).map(|frame| frame.reduced(1).into_owned());
                    assert!(decoded.is_err(), "{fill} from {at} of {}", file.len());
                }
            }
        }
    }
}

#[test]
fn a_progressive_jpeg_may_end_with_a_scan_and_says_so() {
    let file = jpeg(&picture(64, 48), |e| e.set_progressive(true));
    let whole = luma_of_file(&file);
    let scans: Vec<usize> = (0..file.len() - 1).filter(|&at| file[at..at + 2] == [0xFF, 0xDA]).collect();
    assert!(scans.len() > 3);
    let ended = |at: usize| decode(&[&file[..at], &[0xFF, 0xD9]].concat());
    assert!(ended(scans[0]).is_err(), "no scan at all");
    let mut before = f64::INFINITY;
    for &next in &scans[1..] {
        // Without its last byte, a scan is not whole, and without an end marker nobody knows.
        assert!(ended(next - 20).is_err() && decode(&file[..next]).is_err());
        let Ok(coarse) = ended(next) else {
            // The first scans are those of one component each.
            assert!(before.is_infinite());
            continue;
        };
        let difference = mean_difference(&coarse.reduced(1).data, &whole.data);
        assert!(difference <= before + 0.1 && difference < 20.0, "{difference} after {before}");
        before = difference;
    }
    assert!(before < 5.0);
}

#[test]
fn a_jpeg_without_huffman_tables_has_the_standards() {
    let sets: [Set; 2] = [|_| {}, |e| e.set_sampling_factor(SamplingFactor::F_2_2)];
    for set in sets {
        let whole = jpeg(&picture(64, 48), set);
        let plain = luma_of_file(&whole);
        let mut file = whole;
        while let Some(at) = file.windows(2).position(|w| w == [0xFF, 0xC4]) {
            let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
            file.drain(at..at + 2 + length);
        }
        assert!(luma_of_file(&file) == plain);
    }
}

#[test]
fn a_height_may_follow_the_picture() {
    let sets: [Set; 3] = [|_| {}, |e| e.set_restart_interval(2), |e| e.set_progressive(true)];
    for set in sets {
        let whole = jpeg(&picture(64, 43), set);
        let plain = luma_of_file(&whole);
        let frame = if whole.windows(2).any(|w| w == [0xFF, 0xC2]) { 0xC2 } else { 0xC0 };
        let (frame, scan) = (at_marker(&whole, frame), at_marker(&whole, 0xDA));
        // Behind the first scan: the first marker that is no restart.
        let end = scan
            + 2
            + whole[scan + 2..].windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0 | 0xD0..=0xD7)).unwrap();
        let with = |height: u16, stated: u16| {
            let mut file = [&whole[..end], &[0xFF, 0xDC, 0, 4], &stated.to_be_bytes(), &whole[end..]].concat();
            file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
            file
        };
        assert!(luma_of_file(&with(0, 43)) == plain);
        // Stated twice, it must be the same.
        assert!(luma_of_file(&with(43, 43)) == plain);
        for (height, stated) in [(43, 40), (0, 0), (0, 400)] {
            assert!(decode(&with(height, stated)).is_err(), "{height}, then {stated}");
        }
    }
}

#[test]
fn content_decides_what_a_file_is() {
    use Kind::{Beside, Foreign, Own, Text, Unknown, Video};
    let boxed = |brands: &[u8]| [b"\0\0\0\x20ftyp".as_slice(), brands].concat();
    let packets: Vec<u8> = (0..600).map(|i| if i % 188 == 0 { 0x47 } else { 0x80 }).collect();
    for (head, kind) in [
        (boxed(b"heic\0\0\0\0mif1heic"), Foreign("HEIC")),
        (boxed(b"mif1\0\0\0\0mif1heix"), Foreign("HEIC")),
        (boxed(b"avif\0\0\0\0avifmif1"), Foreign("AVIF")),
        (boxed(b"mif1\0\0\0\0avifmif1"), Foreign("AVIF")),
        (boxed(b"crx \0\0\0\x01crx isom"), Foreign("Canon raw (CR3)")),
        (boxed(b"mp42\0\0\0\0isommp42"), Video("MP4 or QuickTime")),
        (boxed(b"qt  \0\0\0\0"), Video("MP4 or QuickTime")),
        (b"GIF89a".to_vec(), Kind::Image(Format::Gif)),
        (b"\xFF\x0A\xFA".to_vec(), Kind::Image(Format::JpegXl)),
        (b"\0\0\0\x0CJXL \r\n\x87\n".to_vec(), Kind::Image(Format::JpegXl)),
        (b"II*\0\x10\0\0\0CR\x02\0".to_vec(), Foreign("Canon raw (CR2)")),
        (b"IIRO\x08\0\0\0".to_vec(), Foreign("Olympus raw (ORF)")),
        (b"IIU\0\x18\0\0\0".to_vec(), Foreign("Panasonic raw (RW2)")),
        (b"FUJIFILMCCD-RAW 0201".to_vec(), Foreign("Fujifilm raw (RAF)")),
        (b"FOVb".to_vec(), Foreign("Sigma raw (X3F)")),
        (b"P6\n320 192\n255\n".to_vec(), Foreign("PNM")),
        (b"<?xml version=\"1.0\"?><svg/>".to_vec(), Foreign("SVG")),
        (b"RIFF\0\0\0\0AVI LIST".to_vec(), Video("AVI")),
        (b"\x1A\x45\xDF\xA3\x9F".to_vec(), Video("Matroska or WebM")),
        (b"\0\0\x01\xBA\x44".to_vec(), Video("MPEG")),
        (b"\0\0\0\x01\x67\x42".to_vec(), Video("H.264 or H.265")),
        (packets, Video("MPEG transport stream")),
        (b"file,lane\na.jpg,3\n".to_vec(), Text),
        (b"\xFF\xFEf\0i\0".to_vec(), Text),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n".to_vec(), Foreign("PostScript")),
        (b"\xC5\xD0\xD3\xC6\x20\0\0\0".to_vec(), Foreign("EPS")),
        (b"/* XPM */\nstatic char *face[] = {".to_vec(), Foreign("XPM")),
        (b"#define face_width 16\n#define face_height 7\nstatic char face_bits[] = {".to_vec(), Foreign("XBM")),
        (b"%PDF-1.7\n".to_vec(), Unknown),
        (Vec::new(), Beside),
        ("Übergang Süd".as_bytes()[..13].to_vec(), Text),
        (b"\0\x05\x16\x07\0\x02".to_vec(), Beside),
        (b"\0\0\0\x01Bud1\0".to_vec(), Beside),
        (b"SLSEG\r\n\x1A\x01".to_vec(), Own),
        (b"PK\x03\x04\x14\0".to_vec(), Unknown),
        (b"RIFF\0\0\0\0WAVE".to_vec(), Unknown),
        (vec![0; 5000], Unknown),
    ] {
        assert_eq!(Kind::sniff(&head), kind, "{:?}", head.escape_ascii().to_string());
    }
}

#[test]
fn what_transparency_hides_is_a_layer_of_its_own() {
    let rgb = picture(40, 30);
    let shown = |x: u32, y: u32| rgb.get_pixel(x, y).0;
    let luma = luma_of(&rgb);
    let clear = |alpha: &dyn Fn(u32, u32) -> u8, colour: &dyn Fn(u32, u32) -> [u8; 3]| {
        ImageBuffer::from_fn(40, 30, |x, y| {
            let [r, g, b] = colour(x, y);
            Rgba([r, g, b, alpha(x, y)])
        })
    };
    let layers = |frame: &Frame| -> Vec<Vec<u8>> {
        (0..).map_while(|number| Some(frame.layer(number)?.reduced(1).data.clone())).collect()
    };
    let left = |x: u32, _: u32| if x < 20 { 0 } else { 255 };
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let frame = |alpha: &dyn Fn(u32, u32) -> u8, colour: &dyn Fn(u32, u32) -> [u8; 3]| {
            decode(&encoded(&DynamicImage::ImageRgba8(clear(alpha, colour)), format)).unwrap()
        };
        // All of it, or a part: the colours beneath.
        for alpha in [0, 100] {
            assert!(layers(&frame(&|_, _| alpha, &shown)) == [luma.clone()], "{alpha}");
        }
        let half = frame(&left, &shown);
        let [beneath, on_black] = &layers(&half)[..] else { panic!("two layers") };
        assert!(*beneath == luma);
        assert!((0..1200).all(|at| on_black[at] == if at % 40 < 20 { 0 } else { luma[at] }));
        // A small corner, as of a logo's round edge, which hides the black that a program leaves.
        let corner = |x: u32, y: u32| if x + y < 6 { 0 } else { 255 };
        let black = |x: u32, y: u32| if x + y < 6 { [0; 3] } else { shown(x, y) };
        let frame_of_corner = frame(&corner, &black);
        assert_eq!(layers(&frame_of_corner).len(), 1);
        let plane = frame_of_corner.reduced(1).into_owned();
        assert!((0..1200).all(|at| plane.data[at] == if at % 40 + at / 40 < 6 { 255 } else { luma[at] }));
        // White, with the picture in transparency.
        let in_alpha = frame(&|x, y| luma[(y * 40 + x) as usize], &|_, _| [255; 3]);
        assert!(in_alpha.reduced(1).data.iter().all(|value| *value == 255));
        assert!(layers(&in_alpha) == [luma.clone()]);
        // A veil that is even and thin, or none, hides nothing.
        assert!(layers(&frame(&|_, _| 200, &shown)).is_empty() && layers(&frame(&|_, _| 255, &shown)).is_empty());
        // The eyes see no colours.
        let coloured = |x: u32, _: u32| {
            let mut pixel = [120, if (x / 4).is_multiple_of(2) { 60 } else { 190 }, 128];
            Pixels::to_rgb(&mut pixel);
            pixel
        };
        let said = refused(&encoded(&DynamicImage::ImageRgba8(clear(&left, &coloured)), format));
        assert!(said.contains("hides colours of one brightness"), "{said}");
    }
}

/// Opaque pictures are not looked at pixel by pixel, whatever could be transparent in them.
#[test]
fn one_pixel_anywhere_makes_a_picture_transparent() {
    let rgb = picture(67, 91);
    let pixels = |file: &[u8]| {
        let Ok(picture) = decode(file).unwrap().into_picture(file) else { panic!("decoded before") };
        match picture.pixels {
            Pixels::Rgb(samples) | Pixels::Gray(samples) | Pixels::Ycbcr(samples) => samples,
        }
    };
    let at = |place: Option<usize>, x: u32, y: u32| if place == Some((y * 67 + x) as usize) { 0 } else { 255 };
    for place in [None, Some(0), Some(4095), Some(4096), Some(67 * 91 - 1)] {
        let colours: ImageBuffer<Rgba<u8>, _> = ImageBuffer::from_fn(67, 91, |x, y| {
            let [r, g, b] = rgb.get_pixel(x, y).0;
            Rgba([r, g, b, at(place, x, y)])
        });
        let grey: ImageBuffer<LumaA<u8>, _> =
            ImageBuffer::from_fn(67, 91, |x, y| LumaA([rgb.get_pixel(x, y).0[1], at(place, x, y)]));
        let mut expected = rgb.clone();
        if let Some(place) = place {
            expected.put_pixel(place as u32 % 67, place as u32 / 67, Rgb([255; 3]));
        }
        assert!(pixels(&encoded(&DynamicImage::ImageRgba8(colours), ImageFormat::Png)) == *expected.as_raw());
        let expected: Vec<u8> = expected.pixels().map(|pixel| pixel.0[1]).collect();
        assert!(pixels(&encoded(&DynamicImage::ImageLumaA8(grey), ImageFormat::Png)) == expected, "{place:?}");
    }
}

#[test]
fn sixteen_bits_beneath_transparency_are_seen() {
    let deep = |alpha: u16| -> ImageBuffer<LumaA<u16>, _> {
        ImageBuffer::from_fn(64, 48, |x, y| LumaA([((x * 16) ^ (y * 5)) as u16, alpha]))
    };
    let frame = |alpha| decode(&encoded(&DynamicImage::ImageLumaA16(deep(alpha)), ImageFormat::Png)).unwrap();
    let spread = |plane: &GrayPlane| plane.data.iter().max().unwrap() - plane.data.iter().min().unwrap();
    assert!(spread(&frame(u16::MAX).reduced(1)) > 200 && frame(u16::MAX).layer(0).is_none());
    let hidden = frame(0);
    assert!(spread(&hidden.reduced(1)) == 0);
    assert!(spread(&hidden.layer(0).expect("ten bits beneath").reduced(1)) > 200);
}

#[test]
fn a_kind_that_is_not_supported_is_not_called_damaged() {
    let mut file = encoded(&DynamicImage::ImageRgb8(picture(20, 10)), ImageFormat::Bmp);
    assert!(decode(&file).is_ok());
    // Compressed as JPEG.
    file[28..34].copy_from_slice(&[0, 0, 4, 0, 0, 0]);
    let said = refused(&file);
    assert!(said.contains("BMP") && said.contains("not supported") && !said.contains("damaged"), "{said}");
}
