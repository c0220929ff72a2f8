//! What stands behind a picture, and pictures that luma does not show.

use super::files::{luma_of_file, refused};
use super::tiffs::{Page, tiff};
use super::*;

/// An index of several pictures: for each of the further ones its kind, and where it begins behind the index.
fn index(kinds_and_places: &[(u32, u32)]) -> Vec<u8> {
    let count = kinds_and_places.len() as u32 + 1;
    let mut index = b"MM\0\x2a\0\0\0\x08\0\x01\xB0\x02\0\x07".to_vec();
    index.extend((16 * count).to_be_bytes());
    index.extend([0, 0, 0, 26, 0, 0, 0, 0]);
    index.extend([&0x0003_0000u32.to_be_bytes()[..], &[0; 12]].concat());
    for (kind, place) in kinds_and_places {
        index.extend([kind.to_be_bytes(), [0; 4], place.to_be_bytes(), [0; 4]].concat());
    }
    [b"MPF\0", index.as_slice()].concat()
}

/// `file` with a segment behind its first two bytes.
fn with_segment(file: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    [&file[..2], &[0xFF, marker], &(body.len() as u16 + 2).to_be_bytes(), body, &file[2..]].concat()
}

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const FILM: &[u8] = b"\0\0\0\x14ftypmp42\0\0\0\0mp42\0\0\0\x0Cmdat\xFF\xD8\xFF\xE0";

#[test]
fn what_follows_a_picture_is_no_secret() {
    let image = |format| encoded(&DynamicImage::ImageRgb8(picture(64, 48)), format);
    let file = jpeg(&picture(64, 48), |_| {});
    let progressive = jpeg(&picture(64, 48), |e| e.set_progressive(true));
    let (png, webp, bmp) = (image(ImageFormat::Png), image(ImageFormat::WebP), image(ImageFormat::Bmp));
    let tiff = tiff(&[Page::gray(9, 7)]);
    let all: [(&str, &[u8]); 5] = [("1", &file), ("2", &progressive), ("3", &png), ("4", &webp), ("5", &bmp)];
    let notes = [b"\0\0\x01\x0A\x0E\0\0\0Image_UTC_Data1556872925000SEFHj\0\0\0".as_slice(), b"SEFT"].concat();
    for (name, first) in all {
        let plain = luma_of_file(first);
        for behind in
            [b"".as_slice(), &[0; 5000], &[0xFF; 40], b"\r\n", &notes, b"camera 7, lane 3", &[0xFF, 0xD9, 0xFF, 0xD9]]
        {
            let frame = decode(&[first, behind].concat()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(*frame.reduced(1) == plain && frame.further() == 0);
        }
        for (second, what) in [
            (&file[..], "another picture (JPEG)"),
            (&progressive, "another picture (JPEG)"),
            (&file[..400], "another picture (JPEG)"),
            (&png, "another picture (PNG)"),
            (&webp, "another picture (WebP)"),
            (&bmp, "another picture (BMP)"),
            (&tiff, "another picture (TIFF)"),
            (FILM, "a video (MP4 or QuickTime)"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "an archive (ZIP)"),
            (b"GIF89a\x40\x01\xC0\0", "another picture (GIF)"),
        ] {
            for between in [b"".as_slice(), &[0; 300], b"\r\n", &notes] {
                // Too short to be known but at once.
                if between == notes && (what.contains("BMP") || what.contains("TIFF")) {
                    continue;
                }
                let said = refused(&[first, between, second].concat());
                assert!(said.contains("is followed by") && said.contains(what), "{name}, {what}: {said}");
            }
        }
        // A film of frames, and a picture behind a film.
        assert!(refused(&[first, &file, &file, &file].concat()).contains("(JPEG)"));
    }
}

#[test]
fn variants_of_a_picture_that_it_names_are_counted_and_others_refused() {
    let first = jpeg(&picture(64, 48), |_| {});
    let small = jpeg(&picture(32, 24), |_| {});
    let map = with_segment(&small, 0xE1, &[XMP, b"<x hdrgm:Version=\"1.0\"/>"].concat());
    let large = jpeg(&picture(80, 60), |_| {});
    // The index begins 2 + 4 + 4 bytes behind the start.
    let indexed = |kind: u32, off: u32, second: &[u8]| {
        let place = |length: usize| length as u32 - 10 + off;
        let length = with_segment(&first, 0xE2, &index(&[(kind, 0)])).len();
        [with_segment(&first, 0xE2, &index(&[(kind, place(length))])), second.to_vec()].concat()
    };
    let further = |file: &[u8]| decode(file).map(|frame| frame.further()).map_err(|error| error.to_string());
    for kind in [0x01_0001, 0x01_0002, 0x05_0000, 0x4001_0001] {
        assert_eq!(further(&indexed(kind, 0, &small)), Ok(1), "{kind:x}");
    }
    // Telephones leave the kind of a gain map out; it says itself what it is.
    assert_eq!(further(&indexed(0, 0, &map)), Ok(1));
    for (file, what) in [
        (indexed(0, 0, &small), "says nothing"),
        (indexed(0x02_0001, 0, &small), "a panorama's part"),
        (indexed(0x02_0002, 0, &small), "the other eye's view"),
        (indexed(0x02_0003, 0, &small), "another angle"),
        (indexed(0x01_0001, 1, &small), "another place"),
        (indexed(0x01_0001, 0, &large), "larger than the picture"),
        ([indexed(0x01_0001, 0, &small), small.clone()].concat(), "one more than is named"),
        ([indexed(0x01_0001, 0, &small), FILM.to_vec()].concat(), "a film that is not"),
    ] {
        assert!(further(&file).is_err_and(|said| said.contains("is followed by")), "{what}");
    }
    let packet = |words: &[u8]| with_segment(&first, 0xE1, &[XMP, words].concat());
    for words in [
        &b"<x GCamera:MotionPhoto=\"1\"/>"[..],
        b"<G:MicroVideo>1</G:MicroVideo>",
        b"<x Item:Semantic=\"MotionPhoto\"/>",
    ] {
        assert_eq!(further(&[&packet(words), FILM].concat()), Ok(1));
        assert!(further(&[&packet(words), FILM, &small].concat()).is_err());
    }
    let samsung = b"\0\0\x30\x0A\x10\0\0\0MotionPhoto_Data";
    assert_eq!(further(&[&first, &samsung[..], FILM, b"SEFHj\0\0\0SEFT"].concat()), Ok(1));
    assert_eq!(further(&[&packet(b"<x Item:Semantic=\"GainMap\"/>"), &small[..]].concat()), Ok(1));
    assert!(further(&[&packet(b"<x GCamera:MotionPhoto=\"0\"/>"), FILM].concat()).is_err());
    // As many as are named, and no more.
    let two = packet(b"<x Item:Semantic=\"GainMap\"/><x Item:Semantic=\"Depth\"/>");
    assert_eq!(further(&[&two[..], &small, &small].concat()), Ok(2));
    assert!(further(&[&two[..], &small, &small, &small].concat()).is_err());
    let adobe = packet(b"<x hdrgm:Version=\"1.0\"/>");
    assert_eq!(further(&[&adobe[..], &map].concat()), Ok(1));
    assert!(further(&[&adobe[..], &map, &small].concat()).is_err());
    // ISO's gain maps and Apple's say themselves what they are.
    let iso = with_segment(&small, 0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0");
    let apple =
        [XMP, b"<x xmlns:apdi=\"http://ns.apple.com/pixeldatainfo/1.0/\" apdi:AuxiliaryImageType=\"disparity\"/>"];
    for own in [iso, with_segment(&small, 0xE1, &apple.concat())] {
        assert_eq!(further(&indexed(0, 0, &own)), Ok(1));
        assert!(further(&[indexed(0, 0, &own), own].concat()).is_err());
    }
}

/// A file of each format that leaves room beside its picture, with something in that room.
fn with_room(what: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let image = |format| encoded(&DynamicImage::ImageRgb8(picture(64, 48)), format);
    let page = |tags: &[(u16, u16, u32, u32)]| Page::with_tags(90, 70, tags);
    let plain = tiff(&[page(&[])]);
    // Between the pixels and their directory, where a note's value would lie, and behind the end.
    let at = u32::from_le_bytes(plain[4..8].try_into().unwrap()) as usize;
    let mut inside = [&plain[..at], what, &plain[at..]].concat();
    inside[4..8].copy_from_slice(&((at + what.len()) as u32).to_le_bytes());
    let (more, length) = (plain.len() as u32, what.len() as u32);
    let bmp = image(ImageFormat::Bmp);
    let pixels = u32::from_le_bytes(bmp[10..14].try_into().unwrap()) as usize;
    let mut before = [&bmp[..pixels], what, &bmp[pixels..]].concat();
    before[10..14].copy_from_slice(&((pixels + what.len()) as u32).to_le_bytes());
    let png = image(ImageFormat::Png);
    let chunk = super::png(&[(b"prIV", what)]);
    let webp = image(ImageFormat::WebP);
    let riff = [b"priv".as_slice(), &length.to_le_bytes(), what, &vec![0; what.len() % 2]].concat();
    let mut riffed = [webp.as_slice(), &riff].concat();
    let whole = (riffed.len() - 8) as u32;
    riffed[4..8].copy_from_slice(&whole.to_le_bytes());
    vec![
        ("a TIFF file, behind it", [&plain, what].concat()),
        ("a TIFF file, before its directory", inside),
        // As many bytes as the file has are claimed by the strip.
        ("a TIFF file, in its strip", [&tiff(&[page(&[(279, 4, 1, more + length - 8)])]), what].concat()),
        ("a bitmap, before its pixels", before),
        ("a bitmap, behind them", [&bmp, what].concat()),
        ("a PNG's chunk", [&png[..33], &chunk[8..], &png[33..]].concat()),
        ("a WebP's chunk", riffed),
    ]
}

#[test]
fn what_stands_beside_a_picture_is_no_secret() {
    let image = |format| encoded(&DynamicImage::ImageRgb8(picture(64, 48)), format);
    let second = tiff(&[Page::gray(9, 7)]);
    for (what, name) in [
        (jpeg(&picture(64, 48), |_| {}), "another picture (JPEG)"),
        (jpeg(&picture(64, 48), |e| e.set_progressive(true)), "another picture (JPEG)"),
        (image(ImageFormat::Png), "another picture (PNG)"),
        (image(ImageFormat::WebP), "another picture (WebP)"),
        (image(ImageFormat::Bmp), "another picture (BMP)"),
        (second, "another picture (TIFF)"),
        (FILM.to_vec(), "a video (MP4 or QuickTime)"),
    ] {
        for (place, file) in with_room(&what) {
            let said = refused(&file);
            assert!(said.contains("is followed by") && said.contains(name), "{place}, {name}: {said}");
        }
    }
    for what in [b"nothing but words of a maker, and a number: 4711".to_vec(), vec![0; 5000], vec![0xFF; 64]] {
        for (place, file) in with_room(&what) {
            assert!(decode(&file).is_ok_and(|frame| frame.further() == 0), "{place}");
        }
    }
}

#[test]
fn what_a_picture_says_of_itself_is_not_taken_for_another_one() {
    let thumbnail = jpeg(&picture(16, 12), |_| {});
    // A note of a TIFF file: here the tag of Photoshop's resources, which hold a thumbnail; and a directory of notes.
    let plain = tiff(&[Page::gray(90, 70)]);
    let at = plain.len() as u32;
    let noted = |tag: u16, kind: u16, count: u32, behind: &[u8]| {
        let tagged = |value| tiff(&[Page::with_tags(90, 70, &[(tag, kind, count, value)])]);
        let file = tagged(tagged(at).len() as u32);
        [file.as_slice(), behind].concat()
    };
    let resources = noted(34_377, 1, thumbnail.len() as u32, &thumbnail);
    assert!(decode(&resources).is_ok());
    let base = noted(34_665, 4, 1, &[]).len() as u32;
    // One entry, a maker's note of so many bytes behind the directory.
    let entry = |length: u32| {
        let fields = [&37_500u16.to_le_bytes()[..], &7u16.to_le_bytes(), &length.to_le_bytes()].concat();
        [&1u16.to_le_bytes()[..], &fields, &(base + 18).to_le_bytes(), &[0; 4]].concat()
    };
    let note = |length: usize| noted(34_665, 4, 1, &[entry(length as u32), thumbnail.clone()].concat());
    assert!(decode(&note(thumbnail.len())).is_ok());
    assert!(refused(&note(4)).contains("another picture (JPEG)"));
    // A smaller copy of the picture, coded as a JPEG, is a page of it.
    let mut coded = Vec::new();
    let gray = Page::gray(45, 35);
    Encoder::new(&mut coded, 90).encode(&gray.strip, 45, 35, ColorType::Luma).unwrap();
    let copy = Page::jpeg_copy(45, 35, coded.clone());
    assert!(decode(&tiff(&[Page::gray(90, 70), copy.clone()])).is_ok());
    // What stands behind the end of that JPEG is not.
    let longer = Page::jpeg_copy(45, 35, [coded, thumbnail].concat());
    assert!(refused(&tiff(&[Page::gray(90, 70), longer])).contains("another picture (JPEG)"));
}

#[test]
fn a_webp_of_two_pictures_is_refused() {
    let webp = encoded(&DynamicImage::ImageRgb8(picture(64, 48)), ImageFormat::WebP);
    let mut two = [webp.as_slice(), &webp[12..]].concat();
    let length = (two.len() - 8) as u32;
    two[4..8].copy_from_slice(&length.to_le_bytes());
    assert!(refused(&two).contains("more than one picture"));
}

#[test]
fn a_picture_in_colours_of_one_brightness_is_refused() {
    // Shapes in blue-difference alone, in every way that a picture is held.
    let colour = |x: u32, y: u32| if (x / 12 + y / 12).is_multiple_of(2) { 60u8 } else { 190 };
    let ycbcr: Vec<u8> = (0..96 * 72).flat_map(|i| [120, colour(i % 96, i / 96), 128]).collect();
    let encode = |samples: &[u8], progressive| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 90);
        encoder.set_progressive(progressive);
        encoder.encode(samples, 96, 72, ColorType::Ycbcr).unwrap();
        file
    };
    let rgb = RgbImage::from_fn(96, 72, |x, y| {
        let mut pixel = [120, colour(x, y), 128];
        Pixels::to_rgb(&mut pixel);
        Rgb(pixel)
    });
    let png = encoded(&DynamicImage::ImageRgb8(rgb), ImageFormat::Png);
    for file in [encode(&ycbcr, false), encode(&ycbcr, true), png] {
        assert!(refused(&file).contains("colours of one brightness"));
    }
    // One colour, the dark with its noise, and an edge in luma are all pictures.
    let one: Vec<u8> = (0..96 * 72).flat_map(|_| [120, 60, 190]).collect();
    let dark: Vec<u8> = (0..96 * 72u32).flat_map(|i| [16 + (i * 7 % 9) as u8, 118 + (i * 5 % 21) as u8, 128]).collect();
    let mut edge = ycbcr;
    edge[0] = 200;
    edge[3] = 200;
    for samples in [one, dark, edge] {
        assert!(decode(&encode(&samples, false)).is_ok());
    }
}
