//! Files that hold more, less or other than one whole picture: each is decoded right or refused by name.

use super::*;
use crate::frame::Kind;

fn refused(file: &[u8]) -> String {
    let Err(error) = decode(file) else { panic!("{:?} was taken", Kind::sniff(file)) };
    error.to_string()
}

fn luma_of_file(file: &[u8]) -> GrayPlane {
    decode(file).unwrap_or_else(|error| panic!("{error}")).reduced(1).into_owned()
}

/// A page of a TIFF file: a grey picture of one strip.
#[derive(Clone)]
struct Page {
    size: (u16, u16),
    /// NewSubfileType, where it is stated.
    kind: Option<u32>,
    photometric: u16,
    compression: u16,
    /// The strip.
    strip: Vec<u8>,
    dng: bool,
    below: Vec<Page>,
}

impl Page {
    fn gray(width: u16, height: u16) -> Self {
        let strip = (0..u32::from(width) * u32::from(height)).map(|i| (i * 7 / u32::from(width)) as u8).collect();
        Self { size: (width, height), kind: None, photometric: 1, compression: 1, strip, dng: false, below: Vec::new() }
    }

    fn reduced(width: u16, height: u16) -> Self {
        Self { kind: Some(1), ..Self::gray(width, height) }
    }

    /// Appends the page and returns where its directory lies and where the next one's offset stands.
    fn write(&self, file: &mut Vec<u8>) -> (u32, usize) {
        let below: Vec<u32> = self.below.iter().map(|page| page.write(file).0).collect();
        let strip = file.len() as u32;
        file.extend(&self.strip);
        let list = file.len() as u32;
        file.extend(below.iter().flat_map(|at| at.to_le_bytes()));
        if file.len() % 2 == 1 {
            file.push(0);
        }
        let at = file.len() as u32;
        let mut entries: Vec<(u16, u16, u32, u32)> = Vec::new();
        entries.extend(self.kind.map(|kind| (254, 4, 1, kind)));
        entries.extend([
            (256, 3, 1, self.size.0.into()),
            (257, 3, 1, self.size.1.into()),
            (258, 3, 1, 8),
            (259, 3, 1, self.compression.into()),
            (262, 3, 1, self.photometric.into()),
            (273, 4, 1, strip),
            (277, 3, 1, 1),
            (278, 3, 1, self.size.1.into()),
            (279, 4, 1, self.strip.len() as u32),
        ]);
        match below[..] {
            [] => {}
            [one] => entries.push((330, 4, 1, one)),
            _ => entries.push((330, 4, below.len() as u32, list)),
        }
        if self.dng {
            entries.push((50_706, 1, 4, 0x0000_0401));
        }
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        let next = file.len();
        file.extend([0; 4]);
        (at, next)
    }
}

fn tiff(pages: &[Page]) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in pages {
        let (at, next) = page.write(&mut file);
        file[link..link + 4].copy_from_slice(&at.to_le_bytes());
        link = next;
    }
    file
}

#[test]
fn the_largest_page_is_the_picture_and_copies_of_it_are_left_out() {
    let alone = luma_of_file(&tiff(&[Page::gray(90, 70)]));
    assert_eq!(alone.size, Size::new(90, 70));
    let small = Page::reduced(80, 60);
    let below = Page { below: vec![Page::gray(90, 70)], ..small.clone() };
    let above = Page { below: vec![small.clone(), Page::reduced(40, 30)], ..Page::gray(90, 70) };
    for pages in [vec![small.clone(), Page::gray(90, 70)], vec![Page::gray(90, 70), small], vec![below], vec![above]] {
        let luma = luma_of_file(&tiff(&pages));
        assert!(luma.size == alone.size && luma.data == alone.data);
    }
}

#[test]
fn a_tiff_of_several_pictures_is_refused() {
    let page = Page::gray(90, 70);
    let below = Page { below: vec![page.clone()], ..page.clone() };
    // As large as the picture, it is no smaller copy, whatever it says; a mask says what is seen of a picture.
    let equal = Page { kind: Some(1), ..page.clone() };
    let mask = Page { kind: Some(4), ..Page::gray(9, 7) };
    for pages in [
        vec![page.clone(), page.clone()],
        vec![Page::gray(80, 60), page.clone()],
        vec![below],
        vec![page.clone(), equal],
        vec![page.clone(), mask],
    ] {
        assert!(refused(&tiff(&pages)).contains("more than one picture"));
    }
    // A page that follows itself.
    let mut round = tiff(&[page]);
    let (first, end) = (round[4..8].to_vec(), round.len() - 4);
    round[end..].copy_from_slice(&first);
    assert!(refused(&round).contains("order of pages"));
}

/// A TIFF file whose offsets have eight bytes, of one grey page; some of what it says may be told otherwise.
fn big_tiff(width: u16, height: u16, little: bool, pages: usize) -> Vec<u8> {
    let number = |value: u64, len: usize| {
        let bytes = value.to_le_bytes()[..len].to_vec();
        if little { bytes } else { bytes.into_iter().rev().collect() }
    };
    let Page { strip, .. } = Page::gray(width, height);
    let mut file = if little { b"II".to_vec() } else { b"MM".to_vec() };
    file.extend([number(43, 2), number(8, 2), number(0, 2), number(16 + strip.len() as u64, 8)].concat());
    file.extend(&strip);
    for page in 0..pages {
        let entries: [(u64, u64, u64); 9] = [
            (256, 3, width.into()),
            (257, 3, height.into()),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 16, 16),
            (277, 3, 1),
            (278, 3, height.into()),
            (279, 16, strip.len() as u64),
        ];
        file.extend(number(entries.len() as u64, 8));
        for (tag, kind, value) in entries {
            let wide = if kind == 3 { 2 } else { 8 };
            file.extend(
                [number(tag, 2), number(kind, 2), number(1, 8), number(value, wide), vec![0; 8 - wide]].concat(),
            );
        }
        let next = if page + 1 < pages { file.len() as u64 + 8 } else { 0 };
        file.extend(number(next, 8));
    }
    file
}

#[test]
fn a_big_tiff_is_read_as_a_tiff_is() {
    let plain = luma_of_file(&tiff(&[Page::gray(90, 70)]));
    for little in [true, false] {
        let file = big_tiff(90, 70, little, 1);
        let luma = luma_of_file(&file);
        assert!(luma.size == plain.size && luma.data == plain.data);
        assert!(refused(&big_tiff(90, 70, little, 2)).contains("more than one picture"));
        for cut in (0..file.len()).step_by(97) {
            assert!(decode(&file[..cut]).is_err(), "{cut}");
        }
    }
}

/// What a camera or a scanner writes: a small picture first, the full one below it, as it is or as a JPEG. The small one never
/// stands for it.
#[test]
fn a_thumbnail_is_never_taken_for_the_picture_below_it() {
    let mut coded = Vec::new();
    let gray = Page::gray(320, 240);
    jpeg_encoder::Encoder::new(&mut coded, 90).encode(&gray.strip, 320, 240, jpeg_encoder::ColorType::Luma).unwrap();
    let coded = Page { compression: 7, strip: coded, ..gray.clone() };
    let old = Page { compression: 6, ..coded.clone() };
    let mut sizes = Vec::new();
    for full in [gray, coded, old] {
        for (kind, dng) in [(Some(1), true), (Some(1), false), (None, true), (None, false)] {
            let thumbnail = Page { kind, dng, below: vec![full.clone()], ..Page::gray(80, 60) };
            for pages in [vec![thumbnail.clone()], vec![thumbnail.clone(), Page::reduced(40, 30)]] {
                match decode(&tiff(&pages)) {
                    Ok(frame) => sizes.push(frame.size()),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
    assert!(!sizes.is_empty() && sizes.iter().all(|size| *size == Size::new(320, 240)), "{sizes:?}");
}

#[test]
fn raw_data_is_refused_by_name() {
    let thumbnail = Page::reduced(80, 60);
    let cells = Page { photometric: 32_803, ..Page::gray(90, 70) };
    let nikon = Page { compression: 34_713, ..cells.clone() };
    for pages in [
        // DNG, NEF and the like: a thumbnail first, the sensor's cells below it.
        vec![Page { below: vec![cells.clone()], dng: true, ..thumbnail.clone() }],
        vec![Page { below: vec![cells.clone(), Page::reduced(40, 30)], ..thumbnail.clone() }],
        vec![Page { below: vec![nikon], ..thumbnail.clone() }],
        vec![cells],
        vec![Page { dng: true, ..Page::gray(90, 70) }],
        vec![thumbnail, Page { photometric: 34_892, ..Page::gray(90, 70) }],
    ] {
        assert!(refused(&tiff(&pages)).contains("raw data"));
    }
}

#[test]
fn jpeg_in_tiff_is_taken_where_no_colour_is_reduced() {
    let page = |factor| {
        let file = jpeg(&picture(64, 48), |e| e.set_sampling_factor(factor));
        let page = Page { compression: 7, photometric: 6, strip: file, ..Page::gray(64, 48) };
        // Three samples a pixel.
        let mut file = tiff(&[page]);
        let at = file.windows(4).rposition(|w| w == [0x15, 1, 3, 0]).unwrap();
        file[at + 8] = 3;
        file
    };
    for factor in [SamplingFactor::F_2_2, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_4_1] {
        assert!(refused(&page(factor)).contains("reduced colours"));
    }
    let plain = decode(&page(SamplingFactor::F_1_1)).err().map(|error| error.to_string());
    assert!(!plain.is_some_and(|error| error.contains("reduced colours")));
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
    use Kind::{Beside, Foreign, Unknown, Video};
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
        (b"GIF89a".to_vec(), Foreign("GIF")),
        (b"\xFF\x0A\xFA".to_vec(), Foreign("JPEG XL")),
        (b"\0\0\0\x0CJXL \r\n\x87\n".to_vec(), Foreign("JPEG XL")),
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
        (b"file,lane\na.jpg,3\n".to_vec(), Beside),
        (Vec::new(), Beside),
        ("Übergang Süd".as_bytes()[..13].to_vec(), Beside),
        (b"\0\x05\x16\x07\0\x02".to_vec(), Beside),
        (b"\0\0\0\x01Bud1\0".to_vec(), Beside),
        (b"SLSEG\r\n\x1A\x01".to_vec(), Beside),
        (b"PK\x03\x04\x14\0".to_vec(), Unknown),
        (b"RIFF\0\0\0\0WAVE".to_vec(), Unknown),
        (vec![0; 5000], Unknown),
    ] {
        assert_eq!(Kind::sniff(&head), kind, "{:?}", head.escape_ascii().to_string());
    }
}

#[test]
fn transparency_may_hide_one_colour_and_no_more() {
    let rgb = picture(40, 30);
    let clear = |alpha: &dyn Fn(u32, u32) -> u8, hidden: &dyn Fn(u32, u32) -> [u8; 3]| {
        ImageBuffer::from_fn(40, 30, |x, y| {
            let [r, g, b] = hidden(x, y);
            Rgba([r, g, b, alpha(x, y)])
        })
    };
    let shown = |x: u32, y: u32| rgb.get_pixel(x, y).0;
    let left = |x: u32, _: u32| if x < 20 { 0 } else { 255 };
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let file = |image| encoded(&DynamicImage::ImageRgba8(image), format);
        let alphas: [&dyn Fn(u32, u32) -> u8; 3] = [&|_: u32, _: u32| 0, &|_: u32, _: u32| 100, &left];
        for alpha in alphas {
            let error = refused(&file(clear(alpha, &shown)));
            assert!(error.contains("transparency that hides a part of the picture"), "{error}");
        }
        // What a program leaves where nothing was drawn.
        let blank = decode(&file(clear(&left, &|x: u32, y: u32| if x < 20 { [0; 3] } else { shown(x, y) })))
            .unwrap()
            .into_picture(&[]);
        let plane = blank.unwrap().reduced(1).into_owned();
        assert!((0..30).all(|y| (0..20).all(|x| plane.data[y * 40 + x] == 255)));
        assert!(decode(&file(clear(&|_: u32, _: u32| 200, &shown))).is_ok());
    }
}
