//! What a file says of how its picture is to be seen: which way up, and whether it goes round.
//!
//! Owns the places where files say so: EXIF blocks, XMP packets, the tags of TIFF. Everything said counts, in whatever type of
//! number, since nobody knows which of it a viewer will believe. Knows nothing of pixels.

use memchr::memmem;

use super::{Format, Orientation};

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    ways: Vec<Orientation>,
    panorama: bool,
}

impl Told {
    /// What `file` says; `decoder` is the way up that its decoder found.
    pub(super) fn by(file: &[u8], format: Format, decoder: Orientation) -> Self {
        let mut heard = Heard::default();
        match format {
            Format::Jpeg => jpeg_segments(file, |segment| {
                heard.tiff(segment.strip_prefix(EXIF));
                heard.xmp(segment);
            }),
            Format::Png => png_chunks(file, |name, body| match name {
                b"eXIf" => heard.tiff(Some(body.strip_prefix(EXIF).unwrap_or(body))),
                b"iTXt" | b"tEXt" => heard.xmp(body),
                _ => {}
            }),
            Format::WebP => riff_chunks(file, |name, body| match name {
                b"EXIF" => heard.tiff(Some(body.strip_prefix(EXIF).unwrap_or(body))),
                b"XMP " => heard.xmp(body),
                _ => {}
            }),
            Format::Tiff => {
                heard.tiff(Some(file));
                heard.xmp(file);
            }
            _ => {}
        }
        heard.concluded(decoder)
    }

    /// What a JPEG says in its segments.
    pub(crate) fn of_jpeg(file: &[u8]) -> Self {
        Self::by(jpeg_part(file), Format::Jpeg, Orientation::Upright)
    }

    /// Which way up viewers most likely show it.
    pub fn orientation(&self) -> Orientation {
        self.ways.first().copied().unwrap_or_default()
    }

    /// Every way up in which the picture must be looked at, each once, [`Told::orientation`] first. More than one as soon as
    /// anything but "as stored" was said anywhere: tags are wrong, and viewers differ in which they follow.
    pub fn ways(&self) -> &[Orientation] {
        &self.ways
    }

    /// Whether the picture was called a panorama, whose right edge may go on at its left one.
    pub fn panorama(&self) -> bool {
        self.panorama
    }
}

#[cfg(test)]
impl Told {
    /// That the picture stands this way, and nothing else.
    pub(crate) fn standing(way: Orientation) -> Self {
        Self { ways: vec![way], panorama: false }
    }
}

impl Default for Told {
    /// Nothing.
    fn default() -> Self {
        Self { ways: vec![Orientation::Upright], panorama: false }
    }
}

/// What precedes the TIFF structure in a JPEG's segment, and sometimes where it should not.
const EXIF: &[u8] = b"Exif\0\0";

/// All that was said, in the order of the file. `None` is a number that is no way up.
#[derive(Default)]
struct Heard {
    tags: Vec<Option<Orientation>>,
    packets: Vec<Option<Orientation>>,
    panorama: bool,
}

impl Heard {
    fn concluded(self, decoder: Orientation) -> Told {
        let Self { tags, packets, panorama } = self;
        let upright = Some(Orientation::Upright);
        // Of several blocks the last: so do the decoders. Packets are read by few viewers.
        let of_tags = tags.iter().rev().find_map(|way| *way).unwrap_or_default();
        let shown = if decoder == Orientation::Upright { of_tags } else { decoder };
        let mut ways = vec![shown];
        if shown != Orientation::Upright || tags.iter().chain(&packets).any(|way| *way != upright) {
            for way in tags.into_iter().chain(packets).flatten().chain([decoder, Orientation::Upright]) {
                if !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        Told { ways, panorama }
    }

    /// The first directory of a TIFF structure, which is what an EXIF block is.
    fn tiff(&mut self, structure: Option<&[u8]>) {
        let Some(tiff) = structure else { return };
        let big = match tiff {
            [b'I', b'I', ..] => false,
            [b'M', b'M', ..] => true,
            _ => return,
        };
        let short = |at: usize| -> Option<u32> {
            let &bytes = tiff.get(at..)?.first_chunk::<2>()?;
            Some(u32::from(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }))
        };
        let long = |at: usize| -> Option<u32> {
            let &bytes = tiff.get(at..)?.first_chunk::<4>()?;
            Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
        };
        let Some((directory, count)) = long(4).and_then(|at| Some((at as usize, short(at as usize)? as usize))) else {
            return;
        };
        for entry in (0..count).map(|number| directory + 2 + 12 * number) {
            let Some(tag) = short(entry) else { return };
            if tag != ORIENTATION {
                continue;
            }
            let number = match short(entry + 2) {
                // Bytes, 16 and 32 bits, with and without sign: what is written in four bytes.
                Some(1 | 6 | 7) => tiff.get(entry + 8).map(|byte| u32::from(*byte)),
                Some(3 | 8) => short(entry + 8),
                Some(4 | 9 | 13) => long(entry + 8),
                _ => None,
            };
            self.tags.push(number.and_then(Orientation::from_number));
        }
    }

    /// Packets of XMP anywhere in `bytes`. Prefixes of names are free, so any will do.
    fn xmp(&mut self, bytes: &[u8]) {
        self.panorama |= memmem::find(bytes, b":ProjectionType").is_some();
        for at in memmem::find_iter(bytes, b":Orientation") {
            let (before, after) = (&bytes[..at], &bytes[at + b":Orientation".len()..]);
            let name = before.iter().rev().find(|byte| !byte.is_ascii_alphanumeric());
            let mut after = after.trim_ascii_start();
            match (name, after) {
                // The end of an element.
                (Some(b'/'), _) => continue,
                (_, [b'>', rest @ ..]) => after = rest.trim_ascii_start(),
                (_, [b'=', rest @ ..]) => {
                    after = rest.trim_ascii_start();
                    after = after.strip_prefix(b"\"").or(after.strip_prefix(b"'")).unwrap_or(after).trim_ascii_start();
                }
                _ => continue,
            }
            let digits = after.iter().take_while(|byte| byte.is_ascii_digit());
            let number = digits.fold(0u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
            self.packets.push(Orientation::from_number(number));
        }
    }
}

/// The tag of TIFF and EXIF.
const ORIENTATION: u32 = 0x0112;

/// The segments before the first scan.
pub(super) fn jpeg_segments<'f>(file: &'f [u8], mut each: impl FnMut(&'f [u8])) {
    let mut rest = file.get(2..).unwrap_or_default();
    loop {
        match rest {
            [0xFF, 0xFF, ..] => rest = &rest[1..],
            [0xFF, 0x01 | 0xD0..=0xD8, after @ ..] => rest = after,
            [0xFF, 0xD9 | 0xDA, ..] => return,
            [0xFF, marker, after @ ..] => {
                let Some((&length, _)) = after.split_first_chunk::<2>() else { return };
                let Some((body, next)) = after.split_at_checked(usize::from(u16::from_be_bytes(length)).max(2)) else {
                    return;
                };
                if matches!(marker, 0xE0..=0xEF | 0xFE) {
                    each(&body[2..]);
                }
                rest = next;
            }
            // Bytes between segments, which some decoders pass over.
            [_, after @ ..] => rest = after,
            [] => return,
        }
    }
}

/// What precedes a part of a colour profile in a JPEG's segment.
const ICC_PROFILE: &[u8] = b"ICC_PROFILE\0";

/// A JPEG's colour profile; `None` where there is none, or not all of its parts, once each.
pub(super) fn profile(file: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    jpeg_segments(file, |segment| {
        if let Some([number, count, part @ ..]) = segment.strip_prefix(ICC_PROFILE) {
            parts.push((*number, *count, part));
        }
    });
    parts.sort_unstable_by_key(|(number, ..)| *number);
    let whole = (1..).zip(&parts).all(|(at, (number, count, _))| *number == at && usize::from(*count) == parts.len());
    (whole && !parts.is_empty()).then(|| parts.into_iter().flat_map(|(.., part)| part).copied().collect())
}

/// What precedes an XMP packet in a JPEG's segment.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// The first EXIF block of `file`: a TIFF structure, which a TIFF file is itself.
pub(crate) fn exif(file: &[u8], format: Format) -> Option<&[u8]> {
    let mut found = None;
    let bare = |body: &'_ [u8]| body.strip_prefix(EXIF).map_or(0, |_| EXIF.len());
    match format {
        Format::Jpeg => jpeg_segments(jpeg_part(file), |segment| found = found.or(segment.strip_prefix(EXIF))),
        Format::Png => png_chunks(file, |name, body| {
            if name == b"eXIf" {
                found = found.or(Some(&body[bare(body)..]));
            }
        }),
        Format::WebP => riff_chunks(file, |name, body| {
            if name == b"EXIF" {
                found = found.or(Some(&body[bare(body)..]));
            }
        }),
        Format::Tiff => found = Some(file),
        // The last ones' pictures come upright.
        Format::Bmp | Format::Gif | Format::JpegXl | Format::Heic | Format::Avif => {}
    }
    found
}

/// The first XMP packet of `file`, where the format has a place of its own for it.
pub(crate) fn xmp(file: &[u8], format: Format) -> Option<&[u8]> {
    let mut found = None;
    match format {
        Format::Jpeg => jpeg_segments(jpeg_part(file), |segment| found = found.or(segment.strip_prefix(XMP))),
        // keyword ‖ NUL ‖ whether compressed ‖ how ‖ language ‖ NUL ‖ keyword ‖ NUL ‖ packet
        Format::Png => png_chunks(file, |name, body| {
            if name == b"iTXt" && found.is_none() {
                found = body.strip_prefix(b"XML:com.adobe.xmp\0\0\0\0\0");
            }
        }),
        Format::WebP => riff_chunks(file, |name, body| {
            if name == b"XMP " {
                found = found.or(Some(body));
            }
        }),
        Format::Tiff | Format::Bmp | Format::Gif | Format::JpegXl | Format::Heic | Format::Avif => {}
    }
    found
}

/// A JPEG from its own first byte on.
fn jpeg_part(file: &[u8]) -> &[u8] {
    &file[super::format::jpeg_start(file).unwrap_or(0)..]
}

/// length ‖ name ‖ body ‖ CRC
pub(super) fn png_chunks<'f>(file: &'f [u8], mut each: impl FnMut(&'f [u8; 4], &'f [u8])) {
    let mut rest = file.get(8..).unwrap_or_default();
    while let Some((&length, after)) = rest.split_first_chunk::<4>() {
        let Some((name, after)) = after.split_first_chunk::<4>() else { return };
        let Some((body, after)) = after.split_at_checked(u32::from_be_bytes(length) as usize) else { return };
        each(name, body);
        rest = after.get(4..).unwrap_or_default();
    }
}

/// name ‖ length ‖ body, to an even length
fn riff_chunks<'f>(file: &'f [u8], mut each: impl FnMut(&'f [u8; 4], &'f [u8])) {
    let mut rest = file.get(12..).unwrap_or_default();
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        let Some((&length, after)) = after.split_first_chunk::<4>() else { return };
        let length = u32::from_le_bytes(length) as usize;
        let Some(body) = after.get(..length) else { return };
        each(name, body);
        rest = after.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An EXIF block whose one directory has these entries of tag, type, count and value.
    fn exif(entries: &[(u16, u16, u32, [u8; 4])]) -> Vec<u8> {
        let mut block = b"MM\0\x2a\0\0\0\x08".to_vec();
        block.extend((entries.len() as u16).to_be_bytes());
        for (tag, kind, count, value) in entries {
            block.extend(tag.to_be_bytes().iter().chain(&kind.to_be_bytes()).chain(&count.to_be_bytes()));
            block.extend(value);
        }
        block.extend([0; 4]);
        block
    }

    fn short(number: u8) -> Vec<u8> {
        exif(&[(0x0112, 3, 1, [0, number, 0, 0])])
    }

    fn segment(body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16 + 2).to_be_bytes();
        [&[0xFF, 0xE1], &length[..], body].concat()
    }

    fn told(segments: &[Vec<u8>], decoder: Orientation) -> Told {
        let file = [&[0xFF, 0xD8][..], &segments.concat(), &[0xFF, 0xDA]].concat();
        Told::by(&file, Format::Jpeg, decoder)
    }

    fn of_exif(blocks: &[Vec<u8>]) -> Vec<Orientation> {
        let segments: Vec<Vec<u8>> = blocks.iter().map(|block| segment(&[EXIF, block].concat())).collect();
        told(&segments, Orientation::Upright).ways().to_vec()
    }

    fn of_xmp(packet: &str) -> Vec<Orientation> {
        told(&[segment(packet.as_bytes())], Orientation::Upright).ways().to_vec()
    }

    use Orientation::{HalfTurn, QuarterLeft, QuarterRight, Upright};

    #[test]
    fn a_picture_of_which_nothing_is_said_is_looked_at_once() {
        assert_eq!(told(&[], Upright).ways(), [Upright]);
        assert_eq!(of_exif(&[short(1)]), [Upright]);
        assert_eq!(of_exif(&[exif(&[(0x010F, 2, 1, [0; 4])])]), [Upright]);
        assert_eq!(of_xmp("<x tiff:Orientation=\"1\"/>"), [Upright]);
    }

    #[test]
    fn a_picture_that_is_said_to_be_turned_is_looked_at_as_stored_too() {
        assert_eq!(told(&[], QuarterRight).ways(), [QuarterRight, Upright]);
        assert_eq!(of_exif(&[short(3)]), [HalfTurn, Upright]);
    }

    #[test]
    fn a_number_of_any_type_is_heard() {
        for (kind, value) in [(1, [6, 0, 0, 0]), (4, [0, 0, 0, 6]), (9, [0, 0, 0, 6]), (8, [0, 6, 0, 0])] {
            assert_eq!(of_exif(&[exif(&[(0x0112, kind, 1, value)])]), [QuarterRight, Upright], "type {kind}");
        }
        // What is no way up leaves the stored one.
        for (kind, value) in [(3, [0, 0, 0, 0]), (3, [0, 9, 0, 0]), (5, [0, 0, 0, 8]), (4, [0, 6, 0, 0])] {
            assert_eq!(of_exif(&[exif(&[(0x0112, kind, 1, value)])]), [Upright], "type {kind}");
        }
    }

    #[test]
    fn every_block_and_every_entry_is_heard() {
        assert_eq!(of_exif(&[short(1), short(8)]), [QuarterLeft, Upright]);
        assert_eq!(of_exif(&[short(6), short(1)]), [Upright, QuarterRight]);
        assert_eq!(of_exif(&[short(6), short(8)]), [QuarterLeft, QuarterRight, Upright]);
        let twice = exif(&[(0x0112, 3, 1, [0, 3, 0, 0]), (0x0112, 3, 1, [0, 6, 0, 0])]);
        assert_eq!(of_exif(&[twice]), [QuarterRight, HalfTurn, Upright]);
    }

    #[test]
    fn packets_are_heard_however_they_are_written() {
        for packet in [
            "<rdf:Description tiff:Orientation=\"6\"/>",
            "<rdf:Description t:Orientation = '6'/>",
            "<tiff:Orientation>6</tiff:Orientation>",
            "<tiff:Orientation> 6 </tiff:Orientation>",
        ] {
            assert_eq!(of_xmp(packet), [Upright, QuarterRight], "{packet}");
        }
        assert_eq!(of_xmp("<tiff:Orientation>six</tiff:Orientation>"), [Upright]);
    }

    #[test]
    fn other_formats_say_it_elsewhere() {
        let chunk = |name: &[u8], body: &[u8]| [&(body.len() as u32).to_be_bytes(), name, body, &[0; 4]].concat();
        let png = [&[0; 8][..], &chunk(b"IHDR", &[0; 13]), &chunk(b"eXIf", &short(6))].concat();
        assert_eq!(Told::by(&png, Format::Png, Upright).ways(), [QuarterRight, Upright]);
        let png = [&[0; 8][..], &chunk(b"iTXt", b"<a tiff:Orientation='8'/>")].concat();
        assert_eq!(Told::by(&png, Format::Png, Upright).ways(), [Upright, QuarterLeft]);
        let chunk = |name: &[u8], body: &[u8]| [name, &(body.len() as u32).to_le_bytes(), body].concat();
        let webp = [&[0; 12][..], &chunk(b"VP8 ", &[0; 4]), &chunk(b"EXIF", &short(6))].concat();
        assert_eq!(Told::by(&webp, Format::WebP, Upright).ways(), [QuarterRight, Upright]);
        assert_eq!(Told::by(&short(6), Format::Tiff, Upright).ways(), [QuarterRight, Upright]);
    }

    #[test]
    fn a_panorama_is_known_by_its_packet() {
        assert!(!told(&[segment(b"<x/>")], Upright).panorama());
        assert!(told(&[segment(b"<x GPano:ProjectionType=\"equirectangular\"/>")], Upright).panorama());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), which in 0usize..5) {
            let format = [Format::Jpeg, Format::Png, Format::WebP, Format::Tiff, Format::Bmp][which];
            let _ = Told::by(&bytes, format, Upright);
            let _ = told(&[segment(&[EXIF, b"II*\0", &bytes].concat())], Upright);
        }
    }
}
