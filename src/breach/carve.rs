//! Finds pictures anywhere in any bytes, by signature, and believes only what it can decode.
//!
//! Owns the signatures, their chance level and the proof by decoding. Knows nothing of where the bytes came from.

use std::io::Cursor;
use std::ops::Range;

use image::{ImageFormat, ImageReader, Limits};
use memchr::memmem;

/// A picture format that the lab carves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `FF D8 FF` and a chain of markers with a frame header and a scan.
    Jpeg,
    /// The eight-byte signature and a header chunk.
    Png,
    /// `RIFF`, a length, `WEBP`.
    Webp,
    /// `II*\0` or `MM\0*` and a directory with an image width.
    Tiff,
    /// `BM` and a header that agrees with itself.
    Bmp,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Tiff, Self::Bmp];

    /// The name in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
        }
    }

    /// Signatures of this format that `bytes` random bytes hold on average.
    pub fn by_chance(self, bytes: u64) -> f64 {
        let signature_bits = match self {
            Self::Jpeg => 24,
            Self::Png | Self::Webp => 64,
            Self::Tiff => 31, // two signatures of 32 bits
            Self::Bmp => 16,
        };
        bytes as f64 / 2f64.powi(signature_bits)
    }

    const fn decoder(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Webp => ImageFormat::WebP,
            Self::Tiff => ImageFormat::Tiff,
            Self::Bmp => ImageFormat::Bmp,
        }
    }
}

/// Where a signature stands in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which one.
    pub format: Format,
    /// Offset of its first byte.
    pub at: usize,
}

/// Every signature in `bytes`, by format and then by offset.
pub fn signatures(bytes: &[u8]) -> Vec<Signature> {
    let mut found = Vec::new();
    let mut all = |format, needle: &[u8], before: usize| {
        let hits = memmem::find_iter(bytes, needle).filter_map(|at| at.checked_sub(before));
        found.extend(hits.map(|at| Signature { format, at }));
    };
    all(Format::Jpeg, b"\xff\xd8\xff", 0);
    all(Format::Png, b"\x89PNG\r\n\x1a\n", 0);
    all(Format::Webp, b"WEBP", 8);
    all(Format::Tiff, b"II*\0", 0);
    all(Format::Tiff, b"MM\0*", 0);
    all(Format::Bmp, b"BM", 0);
    found.retain(|s| s.format != Format::Webp || bytes[s.at..].starts_with(b"RIFF"));
    found
}

/// How far a picture reaches from its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This many bytes.
    Bytes(usize),
    /// Further than the bytes at hand, but plausible so far.
    Beyond,
    /// Not a picture after all.
    Not,
}

/// How far the picture reaches whose signature stands at the start of `bytes`.
pub fn extent(format: Format, bytes: &[u8]) -> Extent {
    match format {
        Format::Jpeg => jpeg_extent(bytes),
        Format::Png => png_extent(bytes),
        Format::Webp => match le32(bytes, 4) {
            Some(len) if (12..1 << 28).contains(&len) => known(len as usize + 8, bytes),
            _ => Extent::Not,
        },
        Format::Tiff => tiff_extent(bytes),
        Format::Bmp => bmp_extent(bytes),
    }
}

/// Where in the picture that `bytes` begin with nothing can be text: all but the parts in which a file keeps words.
pub fn pixels(format: Format, bytes: &[u8]) -> Vec<Range<usize>> {
    match format {
        Format::Jpeg => jpeg_pixels(bytes),
        Format::Png => {
            let mut found = Vec::new();
            let mut at = 8;
            while let (Some(length), Some(kind)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) {
                let end = at + 12 + length as usize;
                if kind == b"IDAT" {
                    found.push(at..end);
                }
                at = end;
            }
            found
        }
        Format::Bmp => le32(bytes, 10).map(|start| start as usize..bytes.len()).into_iter().collect(),
        // Coded as a whole, or with strips anywhere.
        Format::Webp | Format::Tiff => Vec::new(),
    }
}

/// Everything but the segments of applications and comments.
fn jpeg_pixels(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut at, mut start) = (Vec::new(), 2, 2);
    while let (Some(&[lead, marker]), Some(length)) =
        (bytes.get(at..at + 2).and_then(|b| b.first_chunk()), bytes.get(at + 2..at + 4))
    {
        if lead != 0xff || marker == 0xd9 {
            break;
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
        if matches!(marker, 0xe0..=0xef | 0xfe) {
            found.push(start..at);
            start = end;
        }
        at = if marker == 0xda { entropy_end(bytes, end).unwrap_or(bytes.len()) } else { end };
    }
    found.push(start..bytes.len().max(start));
    found
}

/// Where the Huffman tables of JPEGs are, in whole files and in pieces: many of their symbols are readable.
pub fn huffman_tables(bytes: &[u8]) -> Vec<Range<usize>> {
    let tables = |at: usize| {
        let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
        let (mut next, end) = (at + 4, at + 2 + length);
        while next < end {
            let counts = bytes.get(next + 1..next + 17)?;
            let symbols: usize = counts.iter().map(|&count| usize::from(count)).sum();
            if bytes[next] & 0xec != 0 || symbols == 0 || symbols > 256 {
                return None;
            }
            next += 17 + symbols;
        }
        (next == end && end > at + 4).then_some(at..end)
    };
    memmem::find_iter(bytes, b"\xff\xc4").filter_map(tables).collect()
}

/// Width and height of the picture in `bytes`, when it really decodes to pixels.
pub fn decode(format: Format, bytes: &[u8]) -> Option<(u32, u32)> {
    // A picture of 12,000 × 9,000 still fits; a bomb that claims 60,000 × 60,000 does not.
    let mut limits = Limits::default();
    limits.max_alloc = Some(512 << 20);
    limits.max_image_width = Some(32_768);
    limits.max_image_height = Some(32_768);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.decoder());
    reader.limits(limits);
    let picture = reader.decode().ok()?;
    // Smaller ones carry no face and no plate, and are what noise decodes to when it decodes at all.
    (picture.width() >= 8 && picture.height() >= 8).then(|| (picture.width(), picture.height()))
}

fn known(len: usize, bytes: &[u8]) -> Extent {
    if len <= bytes.len() { Extent::Bytes(len) } else { Extent::Beyond }
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Follows the marker chain: segments by their lengths, entropy-coded data by its stuffing, until EOI.
fn jpeg_extent(bytes: &[u8]) -> Extent {
    let mut at = 2;
    let mut framed = false;
    loop {
        let Some(&lead) = bytes.get(at) else { return Extent::Beyond };
        if lead != 0xff {
            return Extent::Not;
        }
        let Some(&marker) = bytes.get(at + 1) else { return Extent::Beyond };
        match marker {
            0xff => at += 1,
            0xd9 => return if framed { Extent::Bytes(at + 2) } else { Extent::Not },
            // Stuffing, restarts, a second SOI and reserved markers have no place between segments.
            0x00..=0x01 | 0xd0..=0xd8 | 0x02..=0xbf => return Extent::Not,
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4) else { return Extent::Beyond };
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                if length < 2 || (marker == 0xda && !framed) {
                    return Extent::Not;
                }
                framed |= matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf);
                at += 2 + length;
                if marker == 0xda {
                    match entropy_end(bytes, at) {
                        Some(end) => at = end,
                        None => return Extent::Beyond,
                    }
                }
            }
        }
    }
}

/// The first marker from `at` on that is neither stuffing nor a restart.
fn entropy_end(bytes: &[u8], at: usize) -> Option<usize> {
    let coded = bytes.get(at..)?;
    memchr::memchr_iter(0xff, coded)
        .find(|&i| coded.get(i + 1).is_some_and(|m| !matches!(m, 0x00 | 0xd0..=0xd7 | 0xff)))
        .map(|i| at + i)
}

/// Follows the chunks until IEND.
fn png_extent(bytes: &[u8]) -> Extent {
    if bytes.len() < 33 {
        return Extent::Not;
    }
    if bytes[8..16] != *b"\0\0\0\x0dIHDR" {
        return Extent::Not;
    }
    let mut at = 8;
    loop {
        let (Some(length), Some(kind)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) else { return Extent::Beyond };
        if length > 1 << 28 || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Extent::Not;
        }
        at += 12 + length as usize;
        if kind == b"IEND" {
            return known(at, bytes);
        }
    }
}

/// A TIFF may keep its parts anywhere, so a plausible first directory is all that can be asked before decoding.
fn tiff_extent(bytes: &[u8]) -> Extent {
    let big_endian = bytes.starts_with(b"MM");
    let word = |at: usize| {
        let two = [*bytes.get(at)?, *bytes.get(at + 1)?];
        Some(if big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    };
    let Some(first) = (if big_endian { be32(bytes, 4) } else { le32(bytes, 4) }) else { return Extent::Not };
    let first = first as usize;
    if !(8..1 << 28).contains(&first) {
        return Extent::Not;
    }
    let Some(count) = word(first) else { return Extent::Beyond };
    let tags: Option<Vec<u16>> = (0..usize::from(count)).map(|i| word(first + 2 + 12 * i)).collect();
    match tags {
        // ImageWidth, ImageLength and where the strips or tiles are: what EXIF's own directories lack.
        Some(tags) if [256, 257].iter().all(|t| tags.contains(t)) && (tags.contains(&273) || tags.contains(&324)) => {
            Extent::Bytes(bytes.len())
        }
        _ => Extent::Not,
    }
}

/// Trusts the header when its parts agree.
fn bmp_extent(bytes: &[u8]) -> Extent {
    let header = || {
        let (len, reserved) = (le32(bytes, 2)?, le32(bytes, 6)?);
        let (pixels, header) = (le32(bytes, 10)?, le32(bytes, 14)?);
        let (width, height) = (le32(bytes, 18)? as i32, (le32(bytes, 22)? as i32).unsigned_abs());
        let (planes, depth) = (le32(bytes, 26)? & 0xffff, le32(bytes, 26)? >> 16);
        let sound = reserved == 0
            && matches!(header, 40 | 52 | 56 | 108 | 124)
            && planes == 1
            && matches!(depth, 1 | 4 | 8 | 16 | 24 | 32)
            && (1..=32_768).contains(&width)
            && (1..=32_768).contains(&height)
            && pixels >= 14 + header
            && len >= pixels
            && len < 1 << 30;
        sound.then_some(len as usize)
    };
    header().map_or(Extent::Not, |len| known(len, bytes))
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn picture() -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_fn(48, 32, |x, y| image::Rgb([(x * 5) as u8, (y * 7) as u8, 90])))
    }

    #[test]
    fn every_format_is_found_in_the_middle_of_noise() {
        for format in Format::ALL {
            let mut file = Vec::new();
            picture().write_to(&mut Cursor::new(&mut file), format.decoder()).expect("encodes");
            let mut haystack = vec![0; 5000];
            ChaCha8Rng::seed_from_u64(3).fill_bytes(&mut haystack);
            let noise = haystack.clone();
            haystack.splice(2000..2000, file.iter().copied());
            let hit = Signature { format, at: 2000 };
            assert!(signatures(&haystack).contains(&hit), "{format:?}");
            let rest = &haystack[2000..];
            let end = match extent(format, rest) {
                Extent::Bytes(end) => end,
                other => panic!("{format:?}: {other:?}"),
            };
            if format != Format::Tiff {
                assert_eq!(end, file.len(), "{format:?}");
                assert_eq!(extent(format, &rest[..file.len() / 2]), Extent::Beyond, "{format:?}");
            }
            assert_eq!(decode(format, &rest[..end]), Some((48, 32)), "{format:?}");
            assert!(signatures(&noise).iter().all(|s| extent(s.format, &noise[s.at..]) == Extent::Not));
        }
    }

    #[test]
    fn tables_and_pixels_are_no_text() {
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 90);
        encoder.add_app_segment(15, b"readable bytes of a comment".to_vec()).expect("room");
        encoder.encode(&[90; 32 * 32 * 3], 32, 32, jpeg_encoder::ColorType::Rgb).expect("encodes");
        let readable = |bytes: &[u8], hidden: &[Range<usize>]| -> Vec<String> {
            let runs = crate::breach::text::runs(bytes, 0).into_iter();
            let shown = runs.filter(|run| !hidden.iter().any(|r| r.start <= run.start && run.end <= r.end));
            shown.map(|run| String::from_utf8_lossy(&bytes[run]).into_owned()).collect()
        };
        assert!(readable(&jpeg, &[]).len() > 1, "its tables look readable");
        assert_eq!(readable(&jpeg, &huffman_tables(&jpeg)), ["readable bytes of a comment"]);
        assert_eq!(readable(&jpeg, &pixels(Format::Jpeg, &jpeg)), ["readable bytes of a comment"]);
        // A piece of a file, that decodes no more.
        let piece = &jpeg[jpeg.len() / 4..];
        assert!(readable(piece, &huffman_tables(piece)).iter().all(|text| text.contains("comment")));

        let grey = RgbImage::from_pixel(64, 64, image::Rgb([65, 66, 67]));
        let mut bmp = Vec::new();
        DynamicImage::ImageRgb8(grey).write_to(&mut Cursor::new(&mut bmp), ImageFormat::Bmp).expect("encodes");
        assert!(!readable(&bmp, &[]).is_empty());
        assert_eq!(readable(&bmp, &pixels(Format::Bmp, &bmp)), [""; 0]);
    }

    #[test]
    fn a_signature_alone_is_not_a_picture() {
        let mut bytes = vec![0; 1 << 20];
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        rng.fill_bytes(&mut bytes);
        for start in (0..bytes.len() - 16).step_by(4096) {
            bytes[start..start + 3].copy_from_slice(b"\xff\xd8\xff");
        }
        let hits = signatures(&bytes);
        assert!(hits.iter().filter(|s| s.format == Format::Jpeg).count() >= 256);
        for hit in hits {
            let rest = &bytes[hit.at..];
            let believed = match extent(hit.format, rest) {
                Extent::Bytes(end) => decode(hit.format, &rest[..end]).is_some(),
                Extent::Beyond => decode(hit.format, rest).is_some(),
                Extent::Not => false,
            };
            assert!(!believed, "{hit:?}");
        }
    }
}
