//! What a copy keeps of its original's EXIF, when it is asked to: values that the standard defines, written anew.
//!
//! Owns which tags are kept, in which group and up to which length, and that nothing else gets through: no thumbnail, no maker note,
//! no tag that nobody knows, no bytes between values. Knows nothing of pixels, nor of why somebody wants to keep what.
//!
//! A block is read with bounds and without following anything but the three pointers that the standard has; each value is taken
//! apart by its type and written again, big-endian, in a block that is laid out by this module alone.

use std::collections::BTreeMap;

use crate::geometry::Size;

mod tags;

use tags::{Kind, TAGS, Tag};

/// What precedes the TIFF structure in a JPEG's segment.
pub const SIGNATURE: &[u8] = b"Exif\0\0";

/// Which values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// When the picture was taken.
    pub time: bool,
    /// Where, and in which direction.
    pub gps: bool,
    /// With what: make, model, lens and exposure; no serial number and no owner.
    pub camera: bool,
    /// All that the standard defines: texts, names and serial numbers, too.
    pub everything: bool,
}

impl Keep {
    /// All of it.
    pub const EVERYTHING: Self = Self { time: true, gps: true, camera: true, everything: true };

    fn keeps(self, group: Group) -> bool {
        self.everything
            || match group {
                Group::Time => self.time,
                Group::Place => self.gps,
                Group::Camera => self.camera,
                Group::Other | Group::Coordinates => false,
            }
    }
}

/// What a tag is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Time,
    Place,
    Camera,
    Other,
    /// Places in the stored picture, which mean something else once that is turned.
    Coordinates,
}

/// The directories of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Directory {
    Image,
    Photo,
    Gps,
    Interoperability,
}

/// Pointers from one directory to another.
const PHOTO: u16 = 0x8769;
const GPS: u16 = 0x8825;
const INTEROPERABILITY: u16 = 0xA005;

const ORIENTATION: u16 = 0x0112;
const WIDTH: u16 = 0xA002;
const HEIGHT: u16 = 0xA003;

/// Most entries of a directory that are looked at. Cameras write some eighty.
const MOST_ENTRIES: usize = 512;
/// Most bytes of all values: with their entries, they fit a segment of a JPEG.
const MOST_BYTES: usize = 48 << 10;

/// How the copy stands.
#[derive(Clone, Copy, Debug)]
pub struct Stand {
    /// EXIF's number for its way up, 1 to 8: 1 says nothing needs to be done.
    pub orientation: u8,
    /// Its size as stored.
    pub size: Size,
    /// Whether its pixels were turned or mirrored against the original's.
    pub turned: bool,
}

/// The block of `tiff`, a TIFF structure as EXIF has it, with nothing in it but what `keep` names, for a copy that stands as `stand`
/// says. `None` when there is nothing to keep.
pub fn anew(tiff: &[u8], keep: Keep, stand: Stand) -> Option<Vec<u8>> {
    let mut kept = read(tiff, keep, stand.turned);
    if kept.is_empty() {
        return None;
    }
    if kept.keys().any(|(directory, _)| *directory == Directory::Photo) && keep.everything {
        kept.insert((Directory::Photo, WIDTH), Value::long(stand.size.width));
        kept.insert((Directory::Photo, HEIGHT), Value::long(stand.size.height));
    }
    kept.insert((Directory::Image, ORIENTATION), Value::short(u16::from(stand.orientation)));
    Some(write(&kept))
}

type Kept = BTreeMap<(Directory, u16), Value>;

/// A value as it is written: big-endian.
#[derive(Debug, PartialEq, Eq)]
struct Value {
    code: u16,
    count: u32,
    bytes: Vec<u8>,
}

impl Value {
    fn short(number: u16) -> Self {
        Self { code: SHORT, count: 1, bytes: number.to_be_bytes().to_vec() }
    }

    fn long(number: u32) -> Self {
        Self { code: LONG, count: 1, bytes: number.to_be_bytes().to_vec() }
    }
}

/// Types of values (TIFF 6.0; EXIF 3.0 for UTF-8).
const BYTE: u16 = 1;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;
const SIGNED_SHORT: u16 = 8;
const SIGNED_LONG: u16 = 9;
const SIGNED_RATIONAL: u16 = 10;
const UTF8: u16 = 129;

/// Bytes of one value of a type, and of one number in it, which the byte order turns round.
fn sizes(code: u16) -> Option<(usize, usize)> {
    match code {
        BYTE | ASCII | UNDEFINED | UTF8 => Some((1, 1)),
        SHORT | SIGNED_SHORT => Some((2, 2)),
        LONG | SIGNED_LONG => Some((4, 4)),
        RATIONAL | SIGNED_RATIONAL => Some((8, 4)),
        _ => None,
    }
}

fn read(tiff: &[u8], keep: Keep, turned: bool) -> Kept {
    let mut kept = Kept::new();
    let Some(reader) = Reader::new(tiff) else { return kept };
    let mut left = MOST_BYTES;
    let mut places = vec![(Directory::Image, reader.long(4))];
    while let Some((directory, at)) = places.pop() {
        let Some(at) = at else { continue };
        reader.entries(at, |entry| {
            let pointed = match (directory, entry.tag) {
                (Directory::Image, PHOTO) => Some(Directory::Photo),
                (Directory::Image, GPS) => Some(Directory::Gps),
                (Directory::Photo, INTEROPERABILITY) => Some(Directory::Interoperability),
                _ => None,
            };
            if let Some(pointed) = pointed {
                // Each once, and only downwards: no way leads round.
                if places.iter().all(|(known, _)| *known != pointed) {
                    places.push((pointed, reader.pointer(&entry)));
                }
                return;
            }
            let Some(tag) = TAGS.iter().find(|tag| (tag.directory, tag.number) == (directory, entry.tag)) else {
                return;
            };
            if !keep.keeps(tag.group) || turned && tag.group == Group::Coordinates {
                return;
            }
            let Some(value) = reader.value(&entry).and_then(|raw| tag.value(entry.code, raw, reader.big)) else {
                return;
            };
            if value.bytes.len() <= left && !kept.contains_key(&(directory, entry.tag)) {
                left -= value.bytes.len();
                kept.insert((directory, entry.tag), value);
            }
        });
    }
    kept
}

/// One entry of a directory.
struct Entry {
    tag: u16,
    code: u16,
    count: u32,
    /// Where its four bytes of value, or of offset, stand.
    field: usize,
}

struct Reader<'t> {
    tiff: &'t [u8],
    big: bool,
}

impl<'t> Reader<'t> {
    fn new(tiff: &'t [u8]) -> Option<Self> {
        let big = match tiff {
            [b'I', b'I', 42, 0, ..] => false,
            [b'M', b'M', 0, 42, ..] => true,
            _ => return None,
        };
        Some(Self { tiff, big })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let &bytes = self.tiff.get(at..)?.first_chunk()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let &bytes = self.tiff.get(at..)?.first_chunk()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// The entries of the directory at `at`, as far as they lie in the block.
    fn entries(&self, at: u32, mut each: impl FnMut(Entry)) {
        let at = at as usize;
        let Some(count) = self.short(at) else { return };
        for number in 0..usize::from(count).min(MOST_ENTRIES) {
            let start = at + 2 + 12 * number;
            let (Some(tag), Some(code), Some(count), Some(_)) =
                (self.short(start), self.short(start + 2), self.long(start + 4), self.long(start + 8))
            else {
                return;
            };
            each(Entry { tag, code, count, field: start + 8 });
        }
    }

    /// Where another directory is.
    fn pointer(&self, entry: &Entry) -> Option<u32> {
        (matches!(entry.code, LONG | 13) && entry.count == 1).then(|| self.long(entry.field)).flatten()
    }

    /// The bytes of a value.
    fn value(&self, entry: &Entry) -> Option<&'t [u8]> {
        let (each, _) = sizes(entry.code)?;
        let length = each.checked_mul(entry.count as usize)?;
        let start = if length <= 4 { entry.field } else { self.long(entry.field)? as usize };
        self.tiff.get(start..start.checked_add(length)?)
    }
}

impl Tag {
    /// The value of type `code` in `raw`, if it is of this tag's kind.
    fn value(&self, code: u16, raw: &[u8], big: bool) -> Option<Value> {
        let (each, number) = sizes(code)?;
        match self.kind {
            Kind::Text(most) | Kind::Clock(most) if matches!(code, ASCII | UTF8 | BYTE | UNDEFINED) => {
                let text = plain_text(raw)?;
                if matches!(self.kind, Kind::Clock(_))
                    && text.chars().any(|c| !c.is_ascii_digit() && !" :+-.".contains(c))
                {
                    return None;
                }
                let mut bytes = text.into_bytes();
                bytes.push(0);
                (bytes.len() <= most + 1).then_some(Value { code: ASCII, count: bytes.len() as u32, bytes })
            }
            Kind::Coded(most) if code == UNDEFINED && raw.len() <= most => coded_text(raw),
            Kind::Wide(most) if matches!(code, BYTE | UNDEFINED) && raw.len() <= most => wide_text(raw),
            Kind::Numbers(most)
                if matches!(code, BYTE | SHORT | LONG | RATIONAL | SIGNED_SHORT | SIGNED_LONG | SIGNED_RATIONAL) =>
            {
                let count = raw.len() / each;
                (1..=most).contains(&count).then(|| Value {
                    code,
                    count: count as u32,
                    bytes: turned_round(raw, number, big),
                })
            }
            Kind::Undefined(most) if matches!(code, UNDEFINED | BYTE) && (1..=most).contains(&raw.len()) => {
                Some(Value { code, count: raw.len() as u32, bytes: raw.to_vec() })
            }
            _ => None,
        }
    }
}

/// The numbers of `raw` in big-endian order.
fn turned_round(raw: &[u8], number: usize, big: bool) -> Vec<u8> {
    let mut bytes = raw.to_vec();
    if !big {
        bytes.chunks_exact_mut(number).for_each(<[u8]>::reverse);
    }
    bytes
}

/// What stands before the first NUL, if it is text: UTF-8, or Latin-1 as old cameras write it.
fn plain_text(raw: &[u8]) -> Option<String> {
    let end = raw.iter().position(|byte| *byte == 0).unwrap_or(raw.len());
    let raw = raw[..end].trim_ascii_end();
    let text = str::from_utf8(raw).map_or_else(|_| raw.iter().map(|byte| char::from(*byte)).collect(), str::to_owned);
    is_text(&text).then_some(text)
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// A text behind eight bytes that name its coding: ASCII or none, written as ASCII's.
fn coded_text(raw: &[u8]) -> Option<Value> {
    let (coding, text) = raw.split_first_chunk::<8>()?;
    if coding != b"ASCII\0\0\0" && coding != &[0; 8] {
        return None;
    }
    let text = plain_text(text).filter(|text| text.is_ascii())?;
    let bytes = [b"ASCII\0\0\0", text.as_bytes()].concat();
    Some(Value { code: UNDEFINED, count: bytes.len() as u32, bytes })
}

/// Windows' texts: UTF-16, little-endian whatever the block.
fn wide_text(raw: &[u8]) -> Option<Value> {
    let (units, rest) = raw.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    let text = char::decode_utf16(units).collect::<Result<String, _>>().ok()?;
    if !rest.is_empty() || !is_text(&text) {
        return None;
    }
    let bytes: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    Some(Value { code: BYTE, count: bytes.len() as u32, bytes })
}

/// Header, then each directory with its values behind it.
fn write(kept: &Kept) -> Vec<u8> {
    let has = |directory| kept.keys().any(|(of, _)| *of == directory);
    let inner = has(Directory::Interoperability);
    let mut block = b"MM\0\x2A\0\0\0\x08".to_vec();
    // Where the offset of a directory is to be put when it is known.
    let mut pointers: Vec<(Directory, usize)> = Vec::new();
    for directory in [Directory::Image, Directory::Photo, Directory::Gps, Directory::Interoperability] {
        let wanted = directory == Directory::Image || has(directory) || directory == Directory::Photo && inner;
        if !wanted {
            continue;
        }
        let start = block.len() as u32;
        for (_, place) in pointers.iter().filter(|(of, _)| *of == directory) {
            block[*place..*place + 4].copy_from_slice(&start.to_be_bytes());
        }
        let further = match directory {
            Directory::Image => vec![
                (PHOTO, Directory::Photo, has(Directory::Photo) || inner),
                (GPS, Directory::Gps, has(Directory::Gps)),
            ],
            Directory::Photo => vec![(INTEROPERABILITY, Directory::Interoperability, inner)],
            _ => Vec::new(),
        };
        let mut entries: Vec<(u16, Result<&Value, Directory>)> = kept
            .iter()
            .filter(|((of, _), _)| *of == directory)
            .map(|((_, tag), value)| (*tag, Ok(value)))
            .chain(further.iter().filter(|(.., there)| *there).map(|(tag, to, _)| (*tag, Err(*to))))
            .collect();
        entries.sort_by_key(|(tag, _)| *tag);
        let mut values = Vec::new();
        // Behind the entries and the offset of the next directory, which there is not.
        let behind = block.len() + 2 + 12 * entries.len() + 4;
        block.extend((entries.len() as u16).to_be_bytes());
        for (tag, entry) in entries {
            block.extend(tag.to_be_bytes());
            match entry {
                Ok(Value { code, count, bytes }) => {
                    block.extend(code.to_be_bytes());
                    block.extend(count.to_be_bytes());
                    if bytes.len() <= 4 {
                        block.extend(bytes.iter().copied().chain([0; 4]).take(4));
                    } else {
                        block.extend(((behind + values.len()) as u32).to_be_bytes());
                        values.extend(bytes);
                        // Values begin at even places.
                        values.resize(values.len().next_multiple_of(2), 0);
                    }
                }
                Err(to) => {
                    block.extend(LONG.to_be_bytes());
                    block.extend(1u32.to_be_bytes());
                    pointers.push((to, block.len()));
                    block.extend([0; 4]);
                }
            }
        }
        block.extend([0; 4]);
        block.extend(values);
    }
    block
}

#[cfg(test)]
mod tests;
