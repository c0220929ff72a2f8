use proptest::prelude::*;

use super::*;
use crate::frame::tests::{jpeg, picture, png};
use crate::frame::{GrayPlane, Limits};
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
        let area = widened(wide, size, (GRID, GRID));
        prop_assert_eq!(area.is_some(), wide.pixels(size).is_some());
        if let (Some(area), Some(touched)) = (area, wide.pixels(size)) {
            prop_assert!(area.rect().overlap(touched.rect()) == touched.rect().area());
            prop_assert!(area.x % GRID == 0 && area.y % GRID == 0);
            prop_assert!(area.right() % GRID == 0 || area.right() == size.width);
            prop_assert!(area.bottom() % GRID == 0 || area.bottom() == size.height);
            prop_assert!(area.right() <= size.width && area.bottom() <= size.height);
            prop_assert!(area.w < touched.w + 2 * GRID && area.h < touched.h + 2 * GRID);
        }
    }
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
    file.extend(b"a second picture after the first");
    let scene = redacted(&file, &[]).scene;
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
        (F_1_1, PixelRect::new(64, 48, 16, 16)),
        (F_2_2, PixelRect::new(64, 48, 16, 16)),
        (F_4_1, PixelRect::new(64, 48, 32, 16)),
    ] {
        for progressive in [false, true] {
            let file = jpeg(&rgb, |e| {
                e.set_sampling_factor(factor);
                e.set_progressive(progressive);
            });
            assert!(matches!(frame(&file).content(), Content::Coefficients(..)));
            let area = redaction_area(wide, &frame(&file)).unwrap();
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
    assert_eq!(redaction_area(wide, &frame), Some(PixelRect::new(64, 48, 32, 16)));
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

    // No room in the tables for flat blocks' codes, and pixel decoders refuse such tables.
    let file = crate::jpeg::tests::full_tables();
    assert!(matches!(redact(frame(&file), &file, &[area]), Err(RedactError::Decode(_))));
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
