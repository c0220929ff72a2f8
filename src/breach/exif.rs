//! The part of EXIF that betrays: when, where, with what, and the thumbnail.
//!
//! Owns a forgiving reader of TIFF directories. Knows nothing of the picture around them.

use std::ops::Range;

/// What an EXIF block says. Nothing in it is trusted beyond its own bytes.
#[derive(Debug, Default, PartialEq)]
pub struct Exif {
    /// `DateTimeOriginal` or `DateTime`, as written.
    pub time: Option<String>,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// Make and model of the camera.
    pub camera: Option<String>,
    /// Where the thumbnail lies, in bytes from the start of the TIFF header.
    pub thumbnail: Option<Range<usize>>,
}

impl Exif {
    /// What precedes the TIFF header in an APP1 segment.
    pub const SIGNATURE: &'static [u8] = b"Exif\0\0";

    /// Reads the block that begins with a TIFF header; `None` when it holds no directory with entries.
    pub fn parse(tiff: &[u8]) -> Option<Self> {
        let reader = TiffReader::open(tiff)?;
        let first = reader.u32(4)? as usize;
        let (entries, next) = reader.directory(first)?;
        let mut exif = Self::default();
        let mut camera = Vec::new();
        for entry in &entries {
            match entry.tag {
                0x010f | 0x0110 => camera.extend(reader.text(entry)),
                0x0132 => exif.time = exif.time.or_else(|| reader.text(entry)),
                0x8769 => {
                    let inner = reader.u32(entry.value).and_then(|at| reader.directory(at as usize));
                    let original = inner.and_then(|(inner, _)| inner.into_iter().find(|e| e.tag == 0x9003));
                    exif.time = original.and_then(|e| reader.text(&e)).or(exif.time);
                }
                0x8825 => exif.position = reader.u32(entry.value).and_then(|at| reader.position(at as usize)),
                _ => {}
            }
        }
        exif.camera = (!camera.is_empty()).then(|| camera.join(" "));
        if let Some((entries, _)) = (next != 0).then(|| reader.directory(next)).flatten() {
            let long =
                |tag| entries.iter().find(|e| e.tag == tag).and_then(|e| reader.u32(e.value)).map(|v| v as usize);
            exif.thumbnail = long(0x0201)
                .zip(long(0x0202))
                .and_then(|(start, len)| Some(start..start.checked_add(len)?))
                .filter(|r| !r.is_empty() && r.end <= tiff.len());
        }
        Some(exif)
    }
}

struct Entry {
    tag: u16,
    kind: u16,
    count: usize,
    /// Offset of the four bytes of value or offset.
    value: usize,
}

struct TiffReader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> TiffReader<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        Some(Self { bytes, big_endian })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let two: [u8; 2] = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    /// Entries of the directory at `at`, and the offset of the next one. Random bytes rarely hold a plausible one:
    /// every entry must have one of the twelve types.
    fn directory(&self, at: usize) -> Option<(Vec<Entry>, usize)> {
        let count = usize::from(self.u16(at)?);
        if !(1..=200).contains(&count) {
            return None;
        }
        let entry = |i: usize| {
            let base = at + 2 + 12 * i;
            let (tag, kind) = (self.u16(base)?, self.u16(base + 2)?);
            let count = self.u32(base + 4)? as usize;
            (1..=13).contains(&kind).then_some(Entry { tag, kind, count, value: base + 8 })
        };
        let entries = (0..count).map(entry).collect::<Option<Vec<_>>>()?;
        Some((entries, self.u32(at + 2 + 12 * count).unwrap_or(0) as usize))
    }

    fn text(&self, entry: &Entry) -> Option<String> {
        if entry.kind != 2 || entry.count == 0 || entry.count > 256 {
            return None;
        }
        let start = if entry.count <= 4 { entry.value } else { self.u32(entry.value)? as usize };
        let bytes = self.bytes.get(start..start.checked_add(entry.count)?)?;
        let text = bytes.split(|&b| b == 0).next()?;
        let text = std::str::from_utf8(text).ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn position(&self, at: usize) -> Option<(f64, f64)> {
        let (entries, _) = self.directory(at)?;
        let find = |tag| entries.iter().find(|e| e.tag == tag);
        let angle = |reference: u16, negative: u8| {
            let sign = if self.bytes.get(find(reference)?.value)? == &negative { -1.0 } else { 1.0 };
            let start = self.u32(find(reference + 1)?.value)? as usize;
            let part = |i: usize| {
                let (n, d) = (self.u32(start + 8 * i)?, self.u32(start + 8 * i + 4)?);
                (d != 0).then(|| f64::from(n) / f64::from(d))
            };
            Some(sign * (part(0)? + part(1)? / 60.0 + part(2)? / 3600.0))
        };
        Some((angle(1, b'S')?, angle(3, b'W')?)).filter(|(n, e)| n.abs() <= 90.0 && e.abs() <= 180.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::breach::baselines::exif_block;

    #[test]
    fn what_a_camera_wrote_is_read_back() {
        let block = exif_block("2019:05:03 14:22:05", (31.6, -106.5), b"\xff\xd8thumb\xff\xd9");
        let exif = Exif::parse(&block).expect("a block");
        assert_eq!(exif.time.as_deref(), Some("2019:05:03 14:22:05"));
        let (north, east) = exif.position.expect("position");
        assert!((north - 31.6).abs() < 1e-4 && (east + 106.5).abs() < 1e-4);
        assert_eq!(&block[exif.thumbnail.expect("thumbnail")], b"\xff\xd8thumb\xff\xd9");
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(mut bytes in prop::collection::vec(any::<u8>(), 0..300), big in any::<bool>()) {
            if bytes.len() >= 8 {
                bytes[..8].copy_from_slice(if big { b"MM\0*\0\0\0\x08" } else { b"II*\0\x08\0\0\0" });
            }
            let _ = Exif::parse(&bytes);
        }
    }
}
