//! What stands in a file beside its picture, most often behind the end of what is decoded.
//!
//! Owns the rule that another picture, or a film, may not be passed over in silence: either the file says itself that it is a
//! variant of its picture, as telephones do with gain maps, depths, previews and the seconds around the moment, or the
//! file is refused. Padding and makers' own notes are passed. Knows nothing of pixels, nor of where a format leaves room.

use std::ops::Range;

use memchr::memmem;

use super::{DecodeError, Format, Kind};
use crate::geometry::Size;
use crate::jpeg;

/// How many further pictures and films `file` holds in those parts that its picture does not take, each declared by it as a
/// variant of that. Of a JPEG, the one such part is what follows it.
///
/// # Errors
///
/// When there is one of which the file says nothing.
pub(super) fn further(file: &[u8], apart: &[Range<usize>], format: Format, picture: Size) -> Result<u32, DecodeError> {
    let mut count = 0;
    for part in apart {
        count += within(file, part.clone(), format, picture)?;
    }
    Ok(count)
}

/// How many there are in one `part` of `file`.
fn within(file: &[u8], part: Range<usize>, format: Format, picture: Size) -> Result<u32, DecodeError> {
    let start = part.start;
    let rest = file.get(part).unwrap_or_default();
    // Nothing, or an end marker: as nearly always.
    if rest.len() <= 2 {
        return Ok(0);
    }
    let refused = |what| Err(DecodeError::Followed { format, what });
    let mut declared = None;
    let (mut at, mut count) = (first_of_anything(rest), 0);
    while let Some((found, media)) = next_media(&rest[at..]) {
        at += found;
        let piece = &rest[at..];
        let declared = declared.get_or_insert_with(|| match format {
            Format::Jpeg => Declared::by(&file[..start]),
            _ => Declared::default(),
        });
        let length = match media {
            Media::Jpeg => match jpeg::extent(piece) {
                Some((length, size))
                    if size.pixels() <= picture.pixels() && declared.names(start + at, &piece[..length]) =>
                {
                    length
                }
                _ => return refused("another picture (JPEG)"),
            },
            Media::Film => {
                if !declared.film && memmem::find(&rest[..at], b"MotionPhoto_Data").is_none() {
                    return refused("a video (MP4 or QuickTime)");
                }
                boxes(piece)
            }
            Media::Other(what) => return refused(what),
        };
        count += 1;
        at += length;
    }
    Ok(count)
}

/// Where padding and end markers are over.
fn first_of_anything(rest: &[u8]) -> usize {
    let padding = |byte: &u8| matches!(byte, 0 | 0xFF | 0xD9 | b'\r' | b'\n' | b' ');
    let first = rest.iter().position(|byte| !padding(byte)).unwrap_or(rest.len());
    // What begins with such a byte: a JPEG, a box, a stream of video.
    first.saturating_sub(4)
}

enum Media {
    Jpeg,
    Film,
    Other(&'static str),
}

/// The next thing in `bytes` that may show somebody, and where it begins.
fn next_media(bytes: &[u8]) -> Option<(usize, Media)> {
    let jpegs = memmem::find_iter(bytes, &[0xFF, 0xD8, 0xFF]).find(|at| begins_jpeg(&bytes[*at..]));
    let films = memmem::find_iter(bytes, b"ftyp").filter_map(|at| at.checked_sub(4)).find(|at| {
        // A box as long as its few names.
        matches!(bytes[*at..], [0, 0, 0, 8..=255, ..] | [0, 0, 1, _, ..])
    });
    let riffs = memmem::find_iter(bytes, b"RIFF").filter_map(|at| match bytes[at..].get(8..12)? {
        b"WEBP" => Some((at, "another picture (WebP)")),
        b"AVI " => Some((at, "a video (AVI)")),
        _ => None,
    });
    const SIGNATURES: [(&[u8], &str); 8] = [
        (b"\x89PNG\r\n\x1A\n", "another picture (PNG)"),
        (b"GIF87a", "another picture (GIF)"),
        (b"GIF89a", "another picture (GIF)"),
        (b"\0\0\0\x0CJXL \r\n\x87\n", "another picture (JPEG XL)"),
        (b"\0\0\0\x0CjP  \r\n\x87\n", "another picture (JPEG 2000)"),
        (b"PK\x03\x04", "an archive (ZIP)"),
        (b"7z\xBC\xAF\x27\x1C", "an archive (7z)"),
        (b"Rar!\x1A\x07", "an archive (RAR)"),
    ];
    let others = SIGNATURES.iter().filter_map(|(signature, what)| Some((memmem::find(bytes, signature)?, *what)));
    let others = others.chain(riffs.take(1)).chain(at_once(bytes));
    let all = [jpegs.map(|at| (at, Media::Jpeg)), films.map(|at| (at, Media::Film))];
    let all = all.into_iter().flatten().chain(others.map(|(at, what)| (at, Media::Other(what))));
    all.min_by_key(|(at, _)| *at)
}

/// Bytes of the longer of TIFF's headers.
const TIFF_HEADER: usize = 16;

/// What is known by its first bytes only, which are too few to be looked for everywhere, and where it begins.
fn at_once(bytes: &[u8]) -> Option<(usize, &'static str)> {
    (0..8.min(bytes.len())).find_map(|at| {
        let what = match Kind::sniff(&bytes[at..]) {
            // Of a header alone, as some writers leave before each page, nothing can be seen.
            Kind::Image(Format::Tiff) if bytes.len() - at <= TIFF_HEADER => return None,
            Kind::Image(Format::Tiff) => "another picture (TIFF)",
            Kind::Image(Format::Bmp) => "another picture (BMP)",
            // Two letters of text.
            Kind::Foreign("PNM") => return None,
            Kind::Foreign(name) => name,
            Kind::Video("MP4 or QuickTime") => return None,
            Kind::Video(name) => name,
            _ => return None,
        };
        Some((at, what))
    })
}

/// Whether a JPEG begins here: its first segment is followed by another.
fn begins_jpeg(bytes: &[u8]) -> bool {
    match bytes {
        [_, _, _, 0xC0..=0xCF | 0xDB..=0xEF | 0xFE, high, low, after @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            // Cut off, it may still have been one.
            length >= 2 && after.get(length - 2).is_none_or(|marker| *marker == 0xFF)
        }
        _ => false,
    }
}

/// How long the boxes are at the front of `bytes`.
fn boxes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&[a, b, c, d, name @ ..]) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let known = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"mpvd", b"meta", b"udta", b"moof"];
        if !known.contains(&&name) {
            break;
        }
        let length = match u32::from_be_bytes([a, b, c, d]) {
            0 => bytes.len() - at,
            1 => match bytes.get(at + 8..).and_then(<[u8]>::first_chunk::<8>) {
                Some(long) => usize::try_from(u64::from_be_bytes(*long)).unwrap_or(usize::MAX),
                None => break,
            },
            short => short as usize,
        };
        at = at.saturating_add(length.max(8)).min(bytes.len());
    }
    at.max(8).min(bytes.len())
}

/// What a JPEG says of the pictures behind it.
#[derive(Default)]
struct Declared {
    /// Where the index of several pictures (CIPA DC-007) says that variants begin.
    places: Vec<usize>,
    /// Where it says that something begins, and not what.
    unnamed: Vec<usize>,
    /// How many gain maps and depths a packet of XMP names.
    maps: usize,
    /// Whether one says that the seconds around the moment follow.
    film: bool,
}

/// Words by which packets name a picture that holds what another one's pixels are worth: one for each.
const NAMED_MAPS: [&[u8]; 6] = [
    b"Semantic=\"GainMap\"",
    b"Semantic=\"Depth\"",
    b"Semantic=\"Confidence\"",
    b"Semantic>GainMap<",
    b"Semantic>Depth<",
    b"Semantic>Confidence<",
];

/// Words by which such a picture says itself what it is, and its packet without naming it: gain maps of Adobe's kind and of ISO
/// 21496-1, and all that Apple's telephones add, which are gain maps, depths and mattes.
const OWN_MAPS: [&[u8]; 4] = [b"hdrgm:Version", b"urn:iso:std:iso:ts:21496", b"hdrgainmap", b"pixeldatainfo/1.0/"];

impl Declared {
    fn by(picture: &[u8]) -> Self {
        let mut declared = Self::default();
        let base = picture.as_ptr() as usize;
        super::told::jpeg_segments(picture, |segment| {
            let says = |words: &[&[u8]]| words.iter().any(|words| memmem::find(segment, words).is_some());
            if let Some(index) = segment.strip_prefix(b"MPF\0") {
                // Offsets count from the byte order.
                let _ = declared.index(index, index.as_ptr() as usize - base);
            } else if segment.starts_with(b"http://ns.adobe.com/x") {
                let named = NAMED_MAPS.iter().map(|words| memmem::find_iter(segment, words).count()).sum();
                let unnamed = usize::from(says(&OWN_MAPS));
                declared.maps = declared.maps.max(unnamed.max(named));
                declared.film |= says(&[
                    b"MotionPhoto=\"1\"",
                    b"MotionPhoto>1<",
                    b"MicroVideo=\"1\"",
                    b"MicroVideo>1<",
                    b"Semantic=\"MotionPhoto\"",
                    b"Semantic>MotionPhoto<",
                ]);
            }
        });
        declared
    }

    /// Takes up an index of several pictures; `None` where it is no such thing.
    fn index(&mut self, index: &[u8], base: usize) -> Option<()> {
        const ENTRIES: u32 = 0xB002;
        let little = index.starts_with(b"II");
        let number = |at: usize, width: usize| -> Option<u32> {
            let bytes = index.get(at..at.checked_add(width)?)?;
            let join = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
            Some(if little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) })
        };
        let directory = number(4, 4)? as usize;
        for entry in (0..number(directory, 2)? as usize).map(|n| directory + 2 + 12 * n) {
            if number(entry, 2)? != ENTRIES {
                continue;
            }
            let (length, list) = (number(entry + 4, 4)? as usize, number(entry + 8, 4)? as usize);
            // The first is the picture itself.
            for place in (1..(length / 16).min(64)).map(|n| list + 16 * n) {
                let at = base + number(place + 8, 4)? as usize;
                match number(place, 4)? & 0x00FF_FFFF {
                    // Previews of several sizes, a gain map.
                    0x01_0001..=0x01_0005 | 0x05_0000 => self.places.push(at),
                    0 => self.unnamed.push(at),
                    // A part of a panorama, the other eye's view, another angle: another picture.
                    _ => {}
                }
            }
        }
        Some(())
    }

    /// Whether the picture that begins at `at` is a variant of the first one. Of those that are named and not placed, each is
    /// due once.
    fn names(&mut self, at: usize, picture: &[u8]) -> bool {
        if self.places.contains(&at) {
            return true;
        }
        let own = || OWN_MAPS.iter().any(|words| memmem::find(&picture[..picture.len().min(1 << 16)], words).is_some());
        let due = self.maps > 0;
        self.maps = self.maps.saturating_sub(1);
        due || (self.unnamed.contains(&at) && own())
    }
}
