use jpeg_encoder::SamplingFactor;
use proptest::prelude::*;

use super::*;
use crate::frame::tests::{jpeg, picture, png};
use crate::frame::{GrayPlane, Limits, LumaSource};
use crate::jpeg::tests::TableKind;

fn frame(file: &[u8]) -> Frame {
    Frame::decode(file, &Limits::default()).unwrap()
}

/// As the pixel decoder has it.
fn luma(file: &[u8]) -> GrayPlane {
    frame(file).into_picture(file).unwrap().reduced(1).into_owned()
}

fn redacted<'o>(file: &'o [u8], areas: &[PixelRect]) -> Redaction<'o> {
    redact(frame(file), file, areas).unwrap()
}

proptest! {
    #[test]
    fn an_area_covers_its_box_and_keeps_to_the_grid(
        x in -20.0f32..200.0, y in -20.0f32..150.0, w in 0.5f32..120.0, h in 0.5f32..90.0,
    ) {
        let size = Size::new(170, 113);
        let wide = Rect::new(x, y, w, h);
        let area = Area::of_units(Figure::Box, wide, size, (16, 8));
        prop_assert_eq!(area.is_some(), wide.pixels(size).is_some());
        if let (Some(area), Some(touched)) = (area, wide.pixels(size)) {
            let &[area] = area.pieces() else { panic!("a box is one") };
            prop_assert!(area.rect().overlap(touched.rect()) == touched.rect().area());
            prop_assert!(keeps_to(area, size, (16, 8)));
            prop_assert!(area.w < touched.w + 32 && area.h < touched.h + 16);
        }
    }

    #[test]
    fn an_oval_is_all_units_that_it_touches_and_no_other(
        x in -20.0f32..200.0, y in -20.0f32..150.0, w in 0.5f32..120.0, h in 0.5f32..90.0, wide_units in any::<bool>(),
    ) {
        let (size, unit) = (Size::new(170, 113), if wide_units { (16, 16) } else { (8, 8) });
        let wide = Rect::new(x, y, w, h);
        let oval = Area::of_units(Figure::Oval, wide, size, unit);
        let pieces = oval.as_ref().map_or(&[][..], Area::pieces);
        let touches = |px: u32, py: u32| {
            // The pixel's nearest point to the middle.
            let near = |from: f32, middle: f32| middle.clamp(from, from + 1.0) - middle;
            let (middle_x, middle_y) = wide.center();
            let (dx, dy) = (near(px as f32, middle_x) / (w / 2.0), near(py as f32, middle_y) / (h / 2.0));
            dx * dx + dy * dy
        };
        for py in 0..size.height {
            for px in 0..size.width {
                let blank = pieces.iter().filter(|piece| piece.contains(px, py)).count();
                prop_assert!(blank <= 1, "pieces overlap");
                // Short of the rim, where rounding decides.
                prop_assert!(blank == 1 || touches(px, py) > 0.999, "{px}, {py} shows");
            }
        }
        for piece in pieces {
            prop_assert!(keeps_to(*piece, size, unit));
            // Every unit of it has a pixel that the oval touches.
            for top in (piece.y..piece.bottom()).step_by(unit.1 as usize) {
                for left in (piece.x..piece.right()).step_by(unit.0 as usize) {
                    let nearest = (top..(top + unit.1).min(size.height))
                        .flat_map(|py| (left..(left + unit.0).min(size.width)).map(move |px| (px, py)))
                        .map(|(px, py)| touches(px, py))
                        .fold(f32::MAX, f32::min);
                    prop_assert!(nearest < 1.001);
                }
            }
        }
        if let Some(oval) = &oval {
            let all = Area::of_units(Figure::Box, wide, size, unit).unwrap().bounds();
            prop_assert!(all.rect().overlap(oval.bounds().rect()) == oval.bounds().rect().area());
            prop_assert_eq!(covered(pieces), pieces.iter().map(|piece| u64::from(piece.w) * u64::from(piece.h)).sum::<u64>());
        }
    }

    #[test]
    fn what_boxes_hide_is_counted_once(boxes in proptest::collection::vec((0u32..20, 0u32..20, 1u32..15, 1u32..15), 0..6)) {
        let boxes: Vec<_> = boxes.into_iter().map(|(x, y, w, h)| PixelRect::new(x, y, w, h)).collect();
        let one_by_one = (0..40u32)
            .flat_map(|y| (0..40u32).map(move |x| (x, y)))
            .filter(|&(x, y)| boxes.iter().any(|piece| piece.contains(x, y)))
            .count();
        prop_assert_eq!(covered(&boxes), one_by_one as u64);
    }
}

/// Whether its sides are those of units, or the image's.
fn keeps_to(area: PixelRect, size: Size, (across, down): (u32, u32)) -> bool {
    area.x.is_multiple_of(across)
        && area.y.is_multiple_of(down)
        && (area.right().is_multiple_of(across) || area.right() == size.width)
        && (area.bottom().is_multiple_of(down) || area.bottom() == size.height)
        && area.right() <= size.width
        && area.bottom() <= size.height
}

/// The one box that is blanked for another.
fn area_of(wide: Rect, frame: &Frame) -> PixelRect {
    let area = Area::new(Figure::Box, wide, frame).unwrap();
    assert_eq!(area.pieces(), [area.bounds()]);
    area.bounds()
}

#[test]
fn areas_are_flat_and_the_rest_stays() {
    let rgb = picture(200, 120);
    let area = PixelRect::new(32, 48, 80, 32);
    let files = [
        jpeg(&rgb, |e| e.set_sampling_factor(SamplingFactor::F_2_2)),
        jpeg(&rgb, |e| e.set_sampling_factor(SamplingFactor::F_1_1)),
        jpeg(&rgb, |e| e.set_progressive(true)),
    ];
    for file in files {
        let before = luma(&file);
        let Redaction { scene, method, .. } = redacted(&file, &[area]);
        let after = luma(&scene);
        let (mut worst, mut sum, mut count) = (0, 0u64, 0u64);
        for (i, (&a, &b)) in before.data.iter().zip(&after.data).enumerate() {
            let (x, y) = (i as u32 % 200, i as u32 / 200);
            if area.contains(x, y) {
                assert_eq!(b, FILL, "({x}, {y}) is not blank");
            } else {
                worst = worst.max(a.abs_diff(b));
                sum += u64::from(a.abs_diff(b));
                count += 1;
            }
        }
        assert!(method == Method::Whole || sum == 0, "a spliced scene keeps its pixels");
        // The same tables once more: only rounding is left.
        assert!(sum as f64 / (count as f64) < 0.5 && worst < 16, "mean {} worst {worst}", sum as f64 / count as f64);
    }
}

#[test]
fn nothing_of_the_original_but_its_picture_reaches_the_scene() {
    let file = jpeg(&picture(64, 64), |e| {
        e.add_exif_metadata(b"MM\0\x2a a camera's serial number").unwrap();
        e.add_app_segment(1, b"http://ns.adobe.com/xap/1.0/\0 an XMP packet".to_vec()).unwrap();
        e.add_icc_profile(b"a colour profile").unwrap();
        e.add_app_segment(13, b"Photoshop 3.0\0 a caption".to_vec()).unwrap();
    });
    let mut file = file;
    for (marker, segment) in [(0xFE, &b"a comment on the traveller"[..]), (0xE0, b"JFXX\0\x10 a thumbnail of a face")] {
        // Behind JFIF's own, which is 18 bytes with its marker.
        file.splice(20..20, [&[0xFF, marker, 0, segment.len() as u8 + 2], segment].concat());
    }
    file.extend(b"a second picture after the first");
    let scene = redacted(&file, &[]).scene;
    for words in ["serial", "XMP", "profile", "caption", "thumbnail", "traveller", "second"] {
        let holds = |bytes: &[u8]| bytes.windows(words.len()).any(|window| window == words.as_bytes());
        assert!(holds(&file) && !holds(&scene), "{words}");
    }
    let mut markers = Vec::new();
    let mut rest = &scene[2..];
    while let [0xFF, marker, l1, l0, ..] = *rest {
        markers.push(marker);
        rest = &rest[2 + usize::from(u16::from_be_bytes([l1, l0]))..];
        if marker == 0xDA {
            break;
        }
    }
    // JFIF's own header, tables, frame and scan; no other application segment, no comment.
    assert!(markers.iter().all(|m| [0xE0, 0xDB, 0xC0, 0xC4, 0xDA].contains(m)), "{markers:x?}");
    assert_eq!(markers.iter().filter(|&&m| m == 0xE0).count(), 1);
    assert!(scene.ends_with(&[0xFF, 0xD9]));
}

#[test]
fn areas_keep_to_the_units_of_the_original() {
    use jpeg_encoder::SamplingFactor::*;
    let rgb = picture(200, 120);
    let wide = Rect::new(70.0, 50.0, 3.0, 3.0);
    for (factor, expected) in [
        (F_1_1, PixelRect::new(64, 48, 16, 8)),
        (F_2_2, PixelRect::new(64, 48, 16, 16)),
        (F_4_1, PixelRect::new(64, 48, 32, 8)),
    ] {
        for progressive in [false, true] {
            let file = jpeg(&rgb, |e| {
                e.set_sampling_factor(factor);
                e.set_progressive(progressive);
            });
            assert!(matches!(frame(&file).content(), Content::Coefficients(..)));
            let area = area_of(wide, &frame(&file));
            assert_eq!(area, expected, "{factor:?}");
            let shown = luma(&redacted(&file, &[area]).scene);
            for (i, &sample) in shown.data.iter().enumerate() {
                let inside = area.contains(i as u32 % 200, i as u32 / 200);
                assert!(!inside || sample == FILL, "{factor:?}");
            }
        }
    }
    let wide_units = crate::jpeg::tests::drawn((200, 120), &[(4, 1), (1, 1), (1, 1)], 0, TableKind::All);
    let frame = frame(&wide_units);
    assert!(matches!(frame.content(), Content::Coefficients(..)));
    assert_eq!(area_of(wide, &frame), PixelRect::new(64, 48, 32, 8));
}

#[test]
fn what_cannot_be_spliced_takes_the_pixel_path() {
    // Two files of one length: what is removed from the first does not give back the second.
    let [file, other] =
        [100, 101].map(|gray| jpeg(&image::RgbImage::from_pixel(32, 16, image::Rgb([gray; 3])), |_| {}));
    assert_eq!(file.len(), other.len());
    let area = PixelRect::new(16, 0, 16, 16);
    let Redaction { method, removed, scene, .. } = redact(frame(&file), &other, &[area]).unwrap();
    assert!(method == Method::Whole && *removed == other);
    let shown = luma(&scene);
    assert!(shown.data.iter().enumerate().all(|(i, &sample)| (sample == FILL) == (i % 32 >= 16)));

    // No room in the tables for flat blocks' codes.
    let file = crate::jpeg::tests::full_tables();
    let Redaction { method, removed, scene, .. } = redacted(&file, &[area]);
    assert!(method == Method::Whole && *removed == file);
    assert!(luma(&scene).data.iter().enumerate().all(|(i, &sample)| sample == FILL || i % 32 < 16));
}

/// Scenes of pictures that differ only under what is blanked are the same, byte for byte, whatever the format.
#[test]
fn what_was_blanked_is_nowhere_in_a_scene_of_pixels() {
    let area = PixelRect::new(32, 16, 48, 32);
    let [picture, other] = [0, 1].map(|number| {
        let mut picture = picture(120, 77);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if number == 1 && area.contains(x, y) {
                *pixel = image::Rgb([255 - pixel.0[0], (x * 5) as u8, (y * 3) as u8]);
            }
        }
        image::DynamicImage::ImageRgb8(picture)
    });
    use image::ImageFormat::{Bmp, Png, Tiff, WebP};
    for format in [Png, Bmp, Tiff, WebP] {
        let scenes = [&picture, &other].map(|picture| {
            let mut file = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut file, format).unwrap();
            redacted(file.get_ref(), &[area]).scene
        });
        assert!(scenes[0] == scenes[1], "{format:?}");
    }
    // JPEGs that are not spliced: CMYK, YCCK, RGB, and luma coarser than chroma.
    let four = [(2, 2), (1, 1), (1, 1), (2, 2)];
    for (sampling, adobe) in [
        (&four[..], None),
        (&four, Some(2)),
        (&[(2, 1), (1, 1), (1, 1), (1, 2)], Some(0)),
        (&[(3, 1), (1, 1), (1, 1), (3, 1)], Some(2)),
        (&[(2, 2), (1, 1), (1, 1)], Some(0)),
        (&[(1, 1), (2, 1), (2, 1)], None),
        (&[(1, 2), (2, 1), (1, 1)], None),
    ] {
        let (files, changed) = crate::jpeg::tests::drawn_twice(sampling, adobe);
        let scenes = files.map(|file| {
            let frame = frame(&file);
            assert!(matches!(frame.content(), Content::Pixels(..)), "{sampling:?}");
            let area = area_of(changed.rect(), &frame);
            redact(frame, &file, &[area]).unwrap().scene
        });
        assert!(scenes[0] == scenes[1], "{sampling:?} {adobe:?}");
    }
}

/// Lossy WebP: red on the left, grey on the right, with half as many samples of chroma as of luma.
#[rustfmt::skip]
const RED_AND_GREY: [u8; 98] = [
    0x52, 0x49, 0x46, 0x46, 0x5A, 0x00, 0x00, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x20, 0x4E, 0x00, 0x00, 0x00,
    0xF0, 0x03, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x00, 0x20, 0x00, 0x3E, 0x31, 0x16, 0x89, 0x43, 0x22, 0x21, 0x21, 0x16, 0x0D,
    0x54, 0x00, 0x20, 0x03, 0x04, 0xB1, 0x80, 0x66, 0x7F, 0x40, 0x3F, 0x00, 0x00, 0x20, 0xC6, 0x2A, 0xD2, 0xBC, 0xB1, 0x00,
    0x00, 0xFE, 0xF5, 0xE6, 0x7F, 0xFF, 0xA3, 0x0F, 0xE1, 0x87, 0xF0, 0xC3, 0xFB, 0xE9, 0x7F, 0xFF, 0x6D, 0x03, 0xFB, 0x52,
    0xCF, 0xDA, 0x96, 0x7F, 0xDB, 0x11, 0xB7, 0xC9, 0x82, 0x02, 0xE8, 0x80, 0x7C, 0x59, 0x0A, 0x00, 0x00, 0x00,
];

#[test]
fn no_colour_of_a_blanked_area_reaches_the_pixels_beside_it() {
    let scene = redacted(&RED_AND_GREY, &[PixelRect::new(0, 0, 32, 32)]).scene;
    let shown = frame(&scene).into_picture(&scene).unwrap().into_rgb();
    for (x, y, pixel) in shown.enumerate_pixels().filter(|(x, ..)| *x >= 32) {
        let [r, g, b] = pixel.0;
        // A decoder that smooths makes it 27.
        assert!(r.abs_diff(g) <= 8 && b.abs_diff(g) <= 8, "{pixel:?} at {x}, {y}");
    }
}

/// Beside that, a copy is what viewers show.
#[test]
fn a_copy_of_a_lossy_webp_is_what_viewers_show() {
    let shown = image::load_from_memory(&RED_AND_GREY).unwrap().into_rgb8();
    let frame = frame(&RED_AND_GREY);
    let area = Area::on_pixels(Figure::Box, Rect::new(0.0, 0.0, 32.0, 32.0), frame.size()).unwrap();
    let blank = Blank { area, style: Style::Solid, cells: 0 };
    let copied = copy(frame, &RED_AND_GREY, &[blank], &Manner::default()).unwrap();
    let copied = image::load_from_memory(&copied).unwrap().into_rgb8();
    let mut smooth = false;
    for (x, y, pixel) in copied.enumerate_pixels() {
        let original = shown.get_pixel(x, y).0;
        let [r, g, b] = pixel.0;
        match x {
            ..32 => assert_eq!(pixel.0, [super::FILL; 3]),
            32 => {
                smooth |= original[0].abs_diff(original[1]) > 8;
                assert!(r.abs_diff(g) <= 8 && b.abs_diff(g) <= 8, "{pixel:?} at {x}, {y}");
            }
            _ => assert_eq!(pixel.0, original, "{x}, {y}"),
        }
    }
    assert!(smooth, "a viewer shows colour there");
}

/// The same of a picture that is held as pixels: its words, its own EXIF block and its colour profile stay behind.
#[test]
fn nothing_of_a_png_but_its_picture_reaches_the_scene() {
    let mut file = std::io::Cursor::new(Vec::new());
    picture(64, 64).write_to(&mut file, image::ImageFormat::Png).unwrap();
    let mut file = file.into_inner();
    // A file of one chunk, without its signature.
    let chunk = |kind: &[u8; 4], data: &[u8]| png(&[(kind, data)])[8..].to_vec();
    let words = [
        chunk(b"tEXt", b"Comment\0a comment on the traveller"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0 an XMP packet"),
        chunk(b"eXIf", b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0 a camera's serial number"),
    ];
    // Behind the header, which is 33 bytes with the signature.
    file.splice(33..33, words.concat());
    file.extend(b"a second picture after the first");
    let Redaction { scene, .. } = redacted(&file, &[]);
    for words in ["traveller", "XMP", "serial", "second"] {
        let holds = |bytes: &[u8]| bytes.windows(words.len()).any(|window| window == words.as_bytes());
        assert!(holds(&file) && !holds(&scene), "{words}");
    }
    assert!(scene.ends_with(&[0xFF, 0xD9]));
}

#[test]
fn a_scene_stands_the_way_its_original_does() {
    let upright = redacted(&jpeg(&picture(48, 32), |_| {}), &[]).scene;
    assert!(!upright.windows(4).any(|w| w == b"Exif"));
    for value in 1..=8u8 {
        let exif = |more: &[u8]| {
            [b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", [value, 0, 0, 0, 0, 0, 0].as_slice(), more]
                .concat()
        };
        // One spliced, one made sequential first, one of pixels.
        type Set = fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>);
        let kinds: [Set; 2] = [|_| {}, |e| e.set_progressive(true)];
        let mut files: Vec<Vec<u8>> = kinds
            .iter()
            .map(|set| {
                jpeg(&picture(48, 32), |e| {
                    set(e);
                    e.add_app_segment(1, exif(b"a camera's serial number")).unwrap();
                })
            })
            .collect();
        let (mut pixels, _) = crate::jpeg::tests::drawn_twice(&[(1, 1), (2, 1), (2, 1)], None);
        let body = exif(&[]);
        let segment = [&[0xFF, 0xE1, 0, body.len() as u8 + 2], body.as_slice()].concat();
        pixels[0].splice(2..2, segment);
        files.push(std::mem::take(&mut pixels[0]));
        for file in files {
            let original = frame(&file);
            let orientation = original.orientation();
            let Redaction { scene, method, removed, .. } =
                redact(original, &file, &[PixelRect::new(0, 0, 16, 16)]).unwrap();
            assert_eq!(frame(&scene).orientation(), orientation, "EXIF {value}");
            // The one tag, in the fewest bytes that say it, or none.
            let segments: Vec<usize> = (0..scene.len() - 1).filter(|&at| scene[at..at + 2] == [0xFF, 0xE1]).collect();
            match segments[..] {
                [] => assert_eq!(value, 1),
                [at] => assert!(value > 1 && scene[at + 2..][..2] == [0, 34] && scene[at + 4..][..32] == body),
                _ => panic!("{segments:?}"),
            }
            assert!(!scene.windows(6).any(|w| w == b"serial"));
            let digest = *blake3::hash(&file).as_bytes();
            assert!(*restore(method.code(), Some(&scene), &removed, &digest).unwrap() == file);
        }
    }
}

#[test]
fn what_stands_before_a_picture_comes_back_with_it() {
    let file =
        [b"--part\r\nContent-Type: image/jpeg\r\n\r\n".as_slice(), &jpeg(&picture(48, 32), |_| {}), b"\r\n"].concat();
    let Redaction { scene, method, removed, .. } = redacted(&file, &[PixelRect::new(0, 0, 16, 16)]);
    assert!(method == Method::Whole && *removed == file);
    assert!(scene.starts_with(&[0xFF, 0xD8, 0xFF, 0xE0]) && !scene.windows(7).any(|w| w == b"Content"));
    assert!(luma(&scene).crop(PixelRect::new(0, 0, 16, 16)).data.iter().all(|&sample| sample == FILL));
}

#[test]
fn the_original_comes_back_byte_for_byte() {
    let mut file = jpeg(&picture(50, 50), |_| {});
    file.extend(b"trailing");
    let digest = *blake3::hash(&file).as_bytes();
    let Redaction { method, removed, scene, .. } = redacted(&file, &[PixelRect::new(0, 0, 16, 16)]);
    assert_eq!(method, Method::Spliced);
    let restored =
        |scene: Option<&[u8]>, removed: &[u8]| restore(method.code(), scene, removed, &digest).map(Cow::into_owned);
    assert_eq!(restored(Some(&scene), &removed).unwrap(), file);
    assert!(matches!(restored(None, &removed), Err(RestoreError::NoScene)));
    assert!(matches!(restored(Some(&scene[1..]), &removed), Err(RestoreError::Spliced(_))));
    let mut other = removed.to_vec();
    *other.last_mut().unwrap() ^= 1;
    assert!(matches!(restored(Some(&scene), &other), Err(RestoreError::Digest)));

    let whole = |file: &[u8]| restore(Method::Whole.code(), None, file, &digest).is_ok();
    assert!(whole(&file) && !whole(b"other"));
    assert!(matches!(restore(9, Some(&scene), &file, &digest), Err(RestoreError::UnknownMethod(9))));
}

#[test]
fn a_picture_of_another_format_becomes_a_fine_jpeg() {
    // One white pixel: a stored deflate block.
    let white = [0x78, 0x01, 1, 4, 0, 0xFB, 0xFF, 0, 255, 255, 255, 0x08, 0xFA, 0x02, 0xFE];
    let file = png(&[(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]), (b"IDAT", &white), (b"IEND", &[])]);
    let scene = luma(&redacted(&file, &[]).scene);
    assert_eq!((scene.size, scene.data.as_slice()), (Size::new(1, 1), [255].as_slice()));
}
