use proptest::prelude::*;

use super::*;

/// Tag, type, count and value.
type Field = (u16, u16, u32, Vec<u8>);

/// A block in which every kind of thing is: kept tags, a thumbnail, a maker note, unknown tags.
struct Block {
    big: bool,
    directories: Vec<Vec<Field>>,
}

impl Block {
    /// A block whose directories 1 to 3 hang on the first one, and the thumbnail's on its end.
    fn bytes(&self) -> Vec<u8> {
        let long = |n: u32| if self.big { n.to_be_bytes() } else { n.to_le_bytes() };
        let short = |n: u16| if self.big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut block = if self.big { b"MM\0\x2a".to_vec() } else { b"II\x2a\0".to_vec() };
        block.extend(long(8));
        let mut pointers = Vec::new();
        let places: Vec<u32> = (0..self.directories.len()).map(|n| 8 + 2000 * n as u32).collect();
        for (directory, place) in self.directories.iter().zip(&places) {
            block.resize(*place as usize, 0);
            let mut values = *place + 1000;
            let mut behind: Vec<u8> = Vec::new();
            block.extend(short(directory.len() as u16));
            for (tag, code, count, bytes) in directory {
                block.extend(short(*tag));
                block.extend(short(*code));
                block.extend(long(*count));
                if let Some(of) = [PHOTO, GPS, INTEROPERABILITY].iter().position(|pointer| pointer == tag) {
                    pointers.push(of);
                    block.extend(long(places[of + 1]));
                } else if bytes.len() <= 4 {
                    block.extend(bytes.iter().copied().chain([0; 4]).take(4));
                } else {
                    block.extend(long(values));
                    values += bytes.len() as u32;
                    behind.extend(bytes);
                }
            }
            block.extend(long(places.last().copied().unwrap_or(0)));
            block.resize(*place as usize + 1000, 0);
            block.extend(behind);
        }
        block
    }

    fn short(&self, n: u16) -> Vec<u8> {
        if self.big { n.to_be_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
    }

    fn long(&self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| if self.big { n.to_be_bytes() } else { n.to_le_bytes() }).collect()
    }
}

const STAND: Stand = Stand { orientation: 1, size: Size::new(640, 480), turned: false };

fn usual(big: bool) -> Vec<u8> {
    let text = |text: &str| (text.len() as u32 + 1, [text.as_bytes(), &[0]].concat());
    let mut block = Block { big, directories: Vec::new() };
    let ascii = |tag, words: &str| {
        let (count, bytes) = text(words);
        (tag, ASCII, count, bytes)
    };
    let latitude = block.long(&[52, 1, 30, 1, 1234, 100]);
    block.directories = vec![
        vec![
            ascii(0x010F, "Acme"),
            (ORIENTATION, SHORT, 1, block.short(6)),
            ascii(0x0132, "2024:05:06 07:08:09"),
            ascii(0x013B, "Jane Roe"),
            // Unknown, and a picture within a picture.
            (0xC634, UNDEFINED, 8, b"PRIVATE1".to_vec()),
            (0x014A, LONG, 2, block.long(&[7777, 8888])),
            (PHOTO, LONG, 1, Vec::new()),
            (GPS, LONG, 1, Vec::new()),
        ],
        vec![
            (0x829A, RATIONAL, 1, block.long(&[1, 250])),
            (0x9000, UNDEFINED, 4, b"0300".to_vec()),
            ascii(0x9003, "2024:05:06 07:08:09"),
            (0x9214, SHORT, 2, [block.short(10), block.short(20)].concat()),
            (0x927C, UNDEFINED, 9, b"MAKERNOTE".to_vec()),
            (0x9286, UNDEFINED, 13, b"ASCII\0\0\0hello".to_vec()),
            (WIDTH, LONG, 1, block.long(&[4000])),
            ascii(0xA431, "SN-0815"),
            (INTEROPERABILITY, LONG, 1, Vec::new()),
        ],
        vec![(0x01, ASCII, 2, b"N\0".to_vec()), (0x02, RATIONAL, 3, latitude)],
        vec![ascii(0x01, "R98")],
        // The thumbnail's.
        vec![(0x0201, LONG, 1, block.long(&[9000])), ascii(0x010F, "THUMBNAIL")],
    ];
    block.bytes()
}

fn field(block: &[u8], tag: exif::Tag) -> Option<String> {
    let read = exif::Reader::new().read_raw(block.to_vec()).expect("another reader takes it");
    read.get_field(tag, exif::In::PRIMARY).map(|field| field.display_value().to_string())
}

use ::exif;

#[test]
fn another_reader_finds_what_the_standard_defines_and_nothing_else() {
    for big in [false, true] {
        let block = anew(&usual(big), Keep::EVERYTHING, STAND).expect("something is kept");
        for (tag, value) in [
            (exif::Tag::Make, "\"Acme\""),
            (exif::Tag::Orientation, "row 0 at top and column 0 at left"),
            (exif::Tag::DateTimeOriginal, "2024-05-06 07:08:09"),
            (exif::Tag::Artist, "\"Jane Roe\""),
            (exif::Tag::ExposureTime, "1/250"),
            (exif::Tag::GPSLatitude, "52 deg 30 min 12.34 sec"),
            (exif::Tag::BodySerialNumber, "\"SN-0815\""),
            (exif::Tag::PixelXDimension, "640"),
            (exif::Tag::PixelYDimension, "480"),
            (exif::Tag::InteroperabilityIndex, "\"R98\""),
        ] {
            assert_eq!(field(&block, tag).as_deref(), Some(value), "{tag}, big-endian {big}");
        }
        for gone in [&b"MAKERNOTE"[..], b"PRIVATE1", b"THUMBNAIL"] {
            assert!(memchr::memmem::find(&block, gone).is_none());
        }
        let read = exif::Reader::new().read_raw(block).expect("another reader takes it");
        assert!(read.fields().all(|field| field.ifd_num == exif::In::PRIMARY));
    }
}

#[test]
fn groups_are_kept_by_themselves() {
    let block = usual(true);
    let kept = |keep| {
        let block = anew(&block, keep, STAND);
        block.map(|block| read(&block, Keep::EVERYTHING, false).into_keys().map(|(_, tag)| tag).collect::<Vec<_>>())
    };
    let none = Keep::default();
    assert_eq!(kept(none), None);
    assert_eq!(kept(Keep { time: true, ..none }), Some(vec![0x0132, 0x9003]));
    assert_eq!(kept(Keep { gps: true, ..none }), Some(vec![0x01, 0x02]));
    assert_eq!(kept(Keep { camera: true, ..none }), Some(vec![0x010F, 0x829A]));
}

#[test]
fn places_in_the_stored_picture_go_when_it_is_turned() {
    let block = usual(true);
    let area = |turned| {
        let block = anew(&block, Keep::EVERYTHING, Stand { turned, ..STAND }).expect("something is kept");
        field(&block, exif::Tag::SubjectArea)
    };
    assert!(area(false).is_some());
    assert_eq!(area(true), None);
}

#[test]
fn what_was_written_is_read_again() {
    let once = anew(&usual(false), Keep::EVERYTHING, STAND).expect("something is kept");
    assert_eq!(anew(&once, Keep::EVERYTHING, STAND), Some(once.clone()));
}

#[test]
fn bytes_that_are_no_text_are_not_kept() {
    let block = Block {
        big: true,
        directories: vec![vec![
            (0x010E, ASCII, 3000, vec![b'A'; 3000]),
            (0x0131, ASCII, 6, b"\x01\x02\x03\x04\x05\x06".to_vec()),
            (0x9C9B, BYTE, 5, b"abcde".to_vec()),
            (0x9C9C, BYTE, 6, b"h\0i\0\0\0".to_vec()),
        ]],
    };
    let block = anew(&block.bytes(), Keep::EVERYTHING, STAND).expect("something is kept");
    assert_eq!(read(&block, Keep::EVERYTHING, false).into_keys().map(|(_, tag)| tag).collect::<Vec<_>>(), [0x9C9C]);
}

#[test]
fn directories_that_point_at_each_other_end() {
    let mut block = usual(true);
    // The Exif directory's place becomes that of the first directory.
    let pointer = memchr::memmem::find(&block, &PHOTO.to_be_bytes()).expect("a pointer");
    block[pointer + 8..pointer + 12].copy_from_slice(&8u32.to_be_bytes());
    assert!(anew(&block, Keep::EVERYTHING, STAND).is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_grow(
        big in any::<bool>(),
        changes in prop::collection::vec((0usize..6000, any::<u8>()), 0..40),
        cut in 0usize..12_000,
    ) {
        let mut block = usual(big);
        for (at, byte) in changes {
            if let Some(place) = block.get_mut(at) {
                *place = byte;
            }
        }
        block.truncate(cut);
        if let Some(written) = anew(&block, Keep::EVERYTHING, STAND) {
            prop_assert!(written.len() <= 60_000);
            prop_assert!(exif::Reader::new().read_raw(written).is_ok());
        }
    }
}
