//! TIFF files of several pages, and of all that their tags say: decoded right or refused by name.

use super::files::{luma_of_file, refused};
use super::*;

/// A page of a TIFF file: a grey picture of one strip, the same at every size.
#[derive(Clone)]
pub(super) struct Page {
    size: (u16, u16),
    /// NewSubfileType, where it is stated.
    kind: Option<u32>,
    photometric: u16,
    compression: u16,
    /// The strip.
    pub(super) strip: Vec<u8>,
    dng: bool,
    below: Vec<Page>,
    /// Further tags, and those that stand in place of the usual ones: number, type, count, value.
    tags: Vec<(u16, u16, u32, u32)>,
}

impl Page {
    pub(super) fn gray(width: u16, height: u16) -> Self {
        let row = |i: u32| i / u32::from(width) * 200 / u32::from(height);
        let strip = (0..u32::from(width) * u32::from(height)).map(|i| row(i) as u8).collect();
        Self {
            size: (width, height),
            kind: None,
            photometric: 1,
            compression: 1,
            strip,
            dng: false,
            below: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// With further tags, or other ones in place of the usual: number, type, count, value.
    pub(super) fn with_tags(width: u16, height: u16, tags: &[(u16, u16, u32, u32)]) -> Self {
        Self { tags: tags.to_vec(), ..Self::gray(width, height) }
    }

    /// A copy in reduced size, as this JPEG.
    pub(super) fn jpeg_copy(width: u16, height: u16, file: Vec<u8>) -> Self {
        Self { kind: Some(1), compression: 7, strip: file, ..Self::gray(width, height) }
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
        entries.retain(|(tag, ..)| !self.tags.iter().any(|(of, ..)| of == tag));
        // One of no type leaves out what is usual.
        entries.extend(self.tags.iter().filter(|(_, kind, ..)| *kind != 0));
        entries.sort_by_key(|(tag, ..)| *tag);
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

pub(super) fn tiff(pages: &[Page]) -> Vec<u8> {
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
    let small = Page::reduced(81, 63);
    let below = Page { below: vec![Page::gray(90, 70)], ..small.clone() };
    let above = Page { below: vec![small.clone(), Page::reduced(40, 30)], ..Page::gray(90, 70) };
    for pages in [vec![small.clone(), Page::gray(90, 70)], vec![Page::gray(90, 70), small], vec![below], vec![above]] {
        let luma = luma_of_file(&tiff(&pages));
        assert!(luma.size == alone.size && luma.data == alone.data);
    }
}

/// What a page says of itself anybody can write.
#[test]
fn a_reduced_page_that_shows_something_else_is_another_picture() {
    use image::imageops::FilterType::{CatmullRom, Lanczos3, Nearest, Triangle};
    let full = image::imageops::grayscale(&picture(640, 360));
    let scaled = |width: u32, height: u32, filter| image::imageops::resize(&full, width, height, filter).into_raw();
    let page = |width: u16, height: u16, strip: Vec<u8>| Page { strip, ..Page::gray(width, height) };
    let picture = page(640, 360, full.clone().into_raw());
    let with = |small: Page| decode(&tiff(&[picture.clone(), Page { kind: Some(1), ..small }]));
    for filter in [Triangle, CatmullRom, Lanczos3] {
        for (width, height) in [(320, 180), (160, 90), (107, 60), (40, 23)] {
            let small = page(width, height, scaled(width.into(), height.into(), filter));
            assert!(with(small).is_ok(), "{width}x{height} by {filter:?}");
        }
    }
    assert!(with(page(320, 180, scaled(320, 180, Nearest))).is_ok(), "every second pixel");
    let small = || scaled(160, 90, Triangle);
    let mut face = small();
    for y in 30..50 {
        face[y * 160 + 60..][..20].fill(255);
    }
    let mut mirrored = small();
    mirrored.chunks_mut(160).for_each(<[u8]>::reverse);
    for (what, other) in [
        ("another picture", page(160, 90, vec![90; 160 * 90])),
        ("something on it", page(160, 90, face)),
        ("mirrored", page(160, 90, mirrored)),
        ("of other proportions", page(160, 120, scaled(160, 120, Triangle))),
        ("a part of it", page(160, 90, image::imageops::crop_imm(&full, 0, 0, 160, 90).to_image().into_raw())),
        ("what is not decoded", Page { compression: 34_712, ..page(160, 90, small()) }),
        ("cut", page(160, 90, small()[..90].to_vec())),
    ] {
        let error = with(other).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("more than one picture"), "{what}: {error}");
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

/// A JPEG without the segments that say what its samples mean, its tables as a file of their own, and itself without them.
fn parted(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut tables, mut piece) = (vec![0xFF, 0xD8], vec![0xFF, 0xD8]);
    let mut at = 2;
    while file[at + 1] != 0xDA {
        let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        match file[at + 1] {
            0xC4 | 0xDB => tables.extend(&file[at..end]),
            0xE0..=0xEF => {}
            _ => piece.extend(&file[at..end]),
        }
        at = end;
    }
    tables.extend([0xFF, 0xD9]);
    piece.extend(&file[at..]);
    (tables, piece)
}

/// A TIFF page of JPEGs, with their tables beside them or not; of strips as high as `pieces` are, or of tiles.
fn of_jpegs(
    size: (u16, u16),
    pieces: &[Vec<u8>],
    tables: &[u8],
    photometric: u16,
    tile: Option<(u32, u32)>,
) -> Vec<u8> {
    let count = pieces.len() as u32;
    let mut strip: Vec<u8> = pieces.concat();
    // The strip begins behind the header, at eight.
    let starts = pieces.iter().scan(8u32, |at, piece| Some(std::mem::replace(at, *at + piece.len() as u32)));
    let lists: Vec<u8> = starts.chain(pieces.iter().map(|p| p.len() as u32)).flat_map(u32::to_le_bytes).collect();
    let place = 8 + strip.len() as u32;
    strip.extend(lists);
    let (offsets, lengths) = if count == 1 { (8, pieces[0].len() as u32) } else { (place, place + 4 * count) };
    let tables_at = 8 + strip.len() as u32;
    strip.extend(tables);
    let samples = if photometric == 1 { 1 } else { 3 };
    let mut tags = vec![(258, 3, 1, 8), (277, 3, 1, samples), (262, 3, 1, photometric.into()), (259, 3, 1, 7)];
    match tile {
        Some((width, height)) => {
            tags.extend([(322, 3, 1, width), (323, 3, 1, height), (324, 4, count, offsets), (325, 4, count, lengths)]);
            // Strips are none, then.
            tags.extend([(273, 0, 0, 0), (278, 0, 0, 0), (279, 0, 0, 0)]);
        }
        None => {
            let rows = u32::from(size.1).div_ceil(count);
            tags.extend([(273, 4, count, offsets), (278, 3, 1, rows), (279, 4, count, lengths)]);
        }
    }
    if !tables.is_empty() {
        tags.push((347, 7, tables.len() as u32, tables_at));
    }
    tiff(&[Page { strip, tags, ..Page::gray(size.0, size.1) }])
}

#[test]
fn jpegs_in_a_tiff_are_decoded_as_they_are_by_themselves() {
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2};
    let whole = picture(64, 96);
    let part = |x, y, w, h| image::imageops::crop_imm(&whole, x, y, w, h).to_image();
    let rgb_of = |file: &[u8]| decode(file).unwrap().into_picture(file).unwrap().into_rgb();
    for factor in [F_1_1, F_2_1, F_1_2, F_2_2] {
        let coded = |piece: &RgbImage| jpeg(piece, |e| e.set_sampling_factor(factor));
        let file = coded(&whole);
        let expected = rgb_of(&file);
        let (tables, piece) = parted(&file);
        // Whole, as one strip with tables of its own or not; and in strips.
        assert!(rgb_of(&of_jpegs((64, 96), std::slice::from_ref(&file), &[], 6, None)) == expected);
        assert!(rgb_of(&of_jpegs((64, 96), &[piece], &tables, 6, None)) == expected);
        let strips: Vec<RgbImage> = (0..3).map(|n| part(0, 32 * n, 64, 32)).collect();
        let pieces: Vec<Vec<u8>> = strips.iter().map(|strip| parted(&coded(strip)).1).collect();
        let in_strips = rgb_of(&of_jpegs((64, 96), &pieces, &tables, 6, None));
        for (n, strip) in (0u32..).zip(&strips) {
            let found = image::imageops::crop_imm(&in_strips, 0, 32 * n, 64, 32).to_image();
            assert!(found == rgb_of(&coded(strip)), "{factor:?}, strip {n}");
        }
        // Tiles reach beyond the picture.
        let tile = |n: u32| {
            RgbImage::from_fn(48, 48, |x, y| *whole.get_pixel((48 * (n % 2) + x).min(63), (48 * (n / 2) + y).min(95)))
        };
        let pieces: Vec<Vec<u8>> = (0..4).map(|n| parted(&coded(&tile(n))).1).collect();
        let in_tiles = rgb_of(&of_jpegs((64, 96), &pieces, &tables, 6, Some((48, 48))));
        let found = image::imageops::crop_imm(&in_tiles, 48, 48, 16, 48).to_image();
        assert!(found == image::imageops::crop_imm(&rgb_of(&coded(&tile(3))), 0, 0, 16, 48).to_image(), "{factor:?}");
        for cut in [file.len() / 2, file.len() - 40] {
            assert!(decode(&of_jpegs((64, 96), &[file[..cut].to_vec()], &[], 6, None)).is_err(), "{cut}");
        }
    }
    // Grey, and colours that nothing but the tag names.
    let gray: GrayImage = image::imageops::grayscale(&whole);
    let mut file = Vec::new();
    Encoder::new(&mut file, 90).encode(gray.as_raw(), 64, 96, ColorType::Luma).unwrap();
    assert!(luma_of_file(&of_jpegs((64, 96), std::slice::from_ref(&file), &[], 1, None)) == luma_of_file(&file));
    let mut samples = Vec::new();
    let mut encoder = Encoder::new(&mut samples, 95);
    encoder.set_sampling_factor(F_1_1);
    // Not converted, as a TIFF's writer leaves them.
    encoder.encode(whole.as_raw(), 64, 96, ColorType::Ycbcr).unwrap();
    let (tables, piece) = parted(&samples);
    let found = rgb_of(&of_jpegs((64, 96), &[piece], &tables, 2, None));
    assert!(mean_difference(found.as_raw(), whole.as_raw()) < 3.0);
    // With a segment that says something else than the tag.
    for (file, photometric) in [(&samples, 2), (&file, 6)] {
        let said = decode(&of_jpegs((64, 96), std::slice::from_ref(file), &[], photometric, None)).err();
        assert!(said.is_some(), "{photometric}");
    }
}

#[test]
fn jpegs_that_do_not_make_up_the_picture_are_refused() {
    let file = jpeg(&picture(64, 48), |e| e.set_sampling_factor(SamplingFactor::F_2_2));
    for (what, tiff) in [
        ("another size", of_jpegs((64, 96), std::slice::from_ref(&file), &[], 6, None)),
        ("another size", of_jpegs((60, 48), std::slice::from_ref(&file), &[], 6, None)),
        ("more or fewer", of_jpegs((64, 96), std::slice::from_ref(&file), &[], 6, Some((64, 48)))),
        ("another size", of_jpegs((64, 96), &[file.clone(), file.clone()], &[], 6, Some((48, 96)))),
    ] {
        let said = refused(&tiff);
        assert!(said.contains(what), "{what}: {said}");
    }
    // Strips of 24 rows, whose coding units have 16.
    let short = jpeg(&picture(64, 24), |e| e.set_sampling_factor(SamplingFactor::F_2_2));
    assert!(decode(&of_jpegs((64, 48), &[short.clone(), short], &[], 6, None)).is_err());
}

#[test]
fn palettes_and_grey_with_transparency_are_what_viewers_show() {
    let short = |tag, value| (tag, 3, 1, value);
    let colour = |n: u32| [n * 255 / 255, 255 - n, n ^ 0x55].map(|v| v as u16);
    // Reds, greens, blues, in sixteen bits, or eight of them.
    let map = |scale: u16| -> Vec<u8> {
        (0..3).flat_map(|c| (0..256).map(move |n| colour(n)[c] * scale)).flat_map(u16::to_le_bytes).collect()
    };
    for scale in [257, 1] {
        let gray = Page::gray(90, 70);
        let numbers = gray.strip.clone();
        let strip = [numbers.clone(), map(scale)].concat();
        let page = Page { photometric: 3, tags: vec![(320, 3, 768, 8 + 6300)], strip, ..gray };
        let file = tiff(std::slice::from_ref(&page));
        let found = decode(&file).unwrap().into_picture(&file).unwrap().into_rgb();
        let expected = numbers.iter().flat_map(|n| colour(u32::from(*n)).map(|v| v as u8));
        assert!(found.as_raw().iter().copied().eq(expected));
        // Behind a smaller copy, too.
        let behind = tiff(&[Page::reduced(40, 30), Page { tags: Vec::new(), photometric: 1, ..page.clone() }]);
        assert!(decode(&behind).is_ok());
        let few = Page { tags: vec![(320, 3, 48, 8 + 6300)], ..page };
        assert!(refused(&tiff(&[few])).contains("a palette"));
    }
    // One bit: the first colour, and the second.
    let two: Vec<u8> = [10u16, 200, 20, 100, 30, 50].iter().flat_map(|v| (v * 257).to_le_bytes()).collect();
    let bits = Page { photometric: 3, strip: [vec![0x0F; 8], two].concat(), ..Page::gray(8, 8) };
    let file = tiff(&[Page { tags: vec![short(258, 1), (320, 3, 6, 16)], ..bits }]);
    let found = decode(&file).unwrap().into_picture(&file).unwrap().into_rgb();
    assert_eq!(found.as_raw()[..24], [[10, 20, 30].repeat(4), [200, 100, 50].repeat(4)].concat());

    // Grey and how opaque it is, as it is and as differences.
    let pixels: Vec<[u8; 2]> = (0..20 * 12u32).map(|i| [(i * 7) as u8, if i % 20 < 5 { 0 } else { 255 }]).collect();
    let expected: Vec<u8> = pixels.iter().map(|[luma, alpha]| if *alpha == 0 { 255 } else { *luma }).collect();
    let strip = pixels.concat();
    let with = |strip: Vec<u8>, more: &[(u16, u16, u32, u32)]| {
        let mut tags = vec![(258, 3, 2, 0x0008_0008), short(277, 2), short(338, 2)];
        tags.retain(|(tag, ..)| more.iter().all(|(of, ..)| of != tag));
        tags.extend(more);
        tiff(&[Page { strip, tags, ..Page::gray(20, 12) }])
    };
    let plain = with(strip.clone(), &[]);
    assert!(luma_of_file(&plain).data == expected);
    assert!(decode(&plain).unwrap().layer(0).is_some());
    let differences: Vec<u8> = strip
        .chunks(40)
        .flat_map(|row| (0..40).map(move |at| if at < 2 { row[at] } else { row[at].wrapping_sub(row[at - 2]) }))
        .collect();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &differences).unwrap();
    let predicted = with(packed.finish().unwrap(), &[short(259, 8), short(317, 2)]);
    assert!(luma_of_file(&predicted).data == expected);
    let deep: Vec<u8> = pixels.iter().flatten().flat_map(|v| (u16::from(*v) * 257).to_le_bytes()).collect();
    assert!(luma_of_file(&with(deep, &[(258, 3, 2, 0x0010_0010)])).data == expected);
    // White is zero, and so is opaque: decoders differ.
    assert!(refused(&with(strip, &[short(262, 0)])).contains("transparency without colours"));
}

/// Whatever a tag says of the bits' meaning is heeded, or the file is refused by that name.
#[test]
fn what_a_tiff_says_of_its_bits_is_heeded_or_refused() {
    let short = |tag, value| (tag, 3, 1, value);
    let with = |tags: &[(u16, u16, u32, u32)]| tiff(&[Page { tags: tags.to_vec(), ..Page::gray(90, 70) }]);
    let plain = luma_of_file(&with(&[]));
    for tags in [
        vec![short(266, 1)],
        vec![short(284, 1)],
        // Of one colour, there is one plane.
        vec![short(284, 2)],
        vec![short(339, 1)],
        vec![short(317, 1)],
        vec![(266, 4, 1, 1), (258, 1, 1, 8)],
    ] {
        assert!(luma_of_file(&with(&tags)) == plain, "{tags:?}");
    }
    for (tags, why) in [
        (vec![short(266, 2)], "reverse order"),
        (vec![(266, 8, 1, 1)], "reverse order"),
        (vec![short(266, 1), short(266, 2)], "stated twice"),
        (vec![short(266, 2), short(266, 1)], "stated twice"),
        (vec![short(258, 4)], "1, 8 or 16 bits"),
        (vec![short(258, 2)], "1, 8 or 16 bits"),
        (vec![short(258, 12)], "1, 8 or 16 bits"),
        (vec![short(258, 32)], "1, 8 or 16 bits"),
        (vec![short(339, 2)], "SampleFormat"),
        (vec![short(339, 3), short(258, 32)], "SampleFormat"),
        (vec![short(262, 3)], "a palette"),
        (vec![short(262, 4)], "such a colour space"),
        (vec![short(262, 6)], "YCbCr"),
        (vec![short(262, 8)], "CIELAB"),
        (vec![short(262, 32_844)], "such a colour space"),
        (vec![short(277, 2), short(338, 0)], "channels beside"),
        (vec![short(277, 2)], "channels beside"),
        (vec![short(277, 2), short(338, 2), short(258, 1)], "transparency without colours"),
        (vec![short(277, 2), short(338, 2), short(262, 0)], "transparency without colours"),
        (vec![short(317, 2)], "predictor"),
        (vec![short(317, 3), short(259, 8)], "predictor"),
        (vec![short(259, 2)], "compression"),
        (vec![short(259, 6)], "compression"),
        (vec![short(259, 34_712)], "compression"),
    ] {
        let said = refused(&with(&tags));
        assert!(said.contains(why) && said.contains("TIFF"), "{tags:?}: {said}");
    }
}

#[test]
fn colours_of_a_tiff_are_heeded_or_refused() {
    let colour = picture(16, 12);
    let short = |tag, value| (tag, 3, 1, value);
    let with = |strip: Vec<u8>, tags: &[(u16, u16, u32, u32)]| {
        decode(&tiff(&[Page { strip, tags: tags.to_vec(), ..Page::gray(16, 12) }]))
    };
    let same = |frame: Result<Frame, DecodeError>| {
        let file = encoded(&DynamicImage::ImageRgb8(colour.clone()), ImageFormat::Png);
        frame.unwrap_or_else(|error| panic!("{error}")).reduced(1).data == decode(&file).unwrap().reduced(1).data
    };
    let rgb: Vec<u8> = colour.as_raw().clone();
    let rgba: Vec<u8> = colour.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2], 255]).collect();
    let cmyk: Vec<u8> = colour.pixels().flat_map(|p| [255 - p.0[0], 255 - p.0[1], 255 - p.0[2], 0]).collect();
    let planes: Vec<u8> = (0..3).flat_map(|c| colour.pixels().map(move |p| p.0[c])).collect();
    assert!(same(with(rgb.clone(), &[short(262, 2), short(277, 3)])));
    assert!(same(with(rgba.clone(), &[short(262, 2), short(277, 4), short(338, 1)])));
    assert!(same(with(rgba.clone(), &[short(262, 2), short(277, 4), short(338, 2)])));
    assert!(same(with(rgba.clone(), &[short(262, 2), short(277, 4)])));
    assert!(same(with(cmyk.clone(), &[short(262, 5), short(277, 4), short(332, 1)])));
    for (strip, tags, why) in [
        (&planes, vec![short(262, 2), short(277, 3), short(284, 2)], "planes of their own"),
        (&rgba, vec![short(262, 2), short(277, 4), short(338, 0)], "channels beside"),
        (&rgba, vec![short(262, 2), short(277, 3), short(338, 2)], "channels beside"),
        (&rgb, vec![short(262, 2), short(277, 3), short(317, 2)], "predictor"),
        (&cmyk, vec![short(262, 5), short(277, 4), short(332, 2)], "inks"),
        (&cmyk, vec![short(262, 5), short(277, 4), (336, 1, 2, 0x0000_F010)], "inks"),
    ] {
        let said = with(strip.clone(), &tags).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(why), "{tags:?}: {said}");
    }
}

#[test]
fn bilevel_negative_and_tiled_tiffs_are_what_viewers_show() {
    let short = |tag, value| (tag, 3, 1, value);
    let with = |page: Page| luma_of_file(&tiff(&[page])).data;
    let negative = with(Page { photometric: 0, ..Page::gray(90, 70) });
    assert!(negative.iter().zip(&with(Page::gray(90, 70))).all(|(a, b)| 255 - a == *b));
    // Four pixels of each, the first ones as the bit 0.
    let halves = |dark: [u8; 2]| [[dark[0]; 4], [dark[1]; 4]].concat().repeat(8);
    let bits = Page { strip: vec![0x0F; 8], tags: vec![short(258, 1)], ..Page::gray(8, 8) };
    assert_eq!(with(bits.clone()), halves([0, 255]));
    assert_eq!(with(Page { photometric: 0, ..bits.clone() }), halves([255, 0]));
    // Group 4: four white, four black, then rows that are the same, and the end.
    let fax = Page { compression: 4, strip: vec![0x36, 0xFF, 0xFF, 0x00, 0x10, 0x01], ..bits };
    assert_eq!(with(Page { photometric: 0, ..fax.clone() }), halves([255, 0]));
    assert_eq!(with(Page { photometric: 1, ..fax }), halves([0, 255]));
    // Two tiles side by side, the first one of 20, the second of 90; offsets and lengths behind the pixels.
    let pixels = [[20; 256], [90; 256]].concat();
    let lists: Vec<u8> = [8u32, 264, 256, 256].iter().flat_map(|number| number.to_le_bytes()).collect();
    let tiled = Page {
        strip: [pixels, lists].concat(),
        tags: vec![short(322, 16), short(323, 16), (324, 4, 2, 520), (325, 4, 2, 528)],
        ..Page::gray(32, 16)
    };
    let mut file = tiff(&[tiled]);
    // Strips are none, then.
    for tag in [273u16, 278, 279] {
        let at = file.windows(2).rposition(|w| w == tag.to_le_bytes()).unwrap();
        file[at..at + 2].copy_from_slice(&(60_000 + tag).to_le_bytes());
    }
    assert_eq!(luma_of_file(&file).data, [[20; 16], [90; 16]].concat().repeat(16));
}
