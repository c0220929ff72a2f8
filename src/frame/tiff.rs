//! The pages of a TIFF file, and which of them is its picture, or that it holds several.
//!
//! A TIFF file may hold many pictures, and a camera's raw data in a TIFF's clothes holds a thumbnail first. A file counts as one
//! picture when all other pages say of themselves that they are the picture in reduced size, and are smaller than it and of its
//! proportions; else each page is a picture of its own. Whether they show it their pixels tell, of which this knows nothing.

use std::borrow::Cow;
use std::ops::Range;

use super::{DecodeError, Format};
use crate::jpeg;

mod kinds;
mod pieces;
mod reach;

use kinds::Edit;
pub(super) use kinds::{Kind, Retold};
pub(super) use pieces::JpegDecoder;
pub(super) use reach::unreached;

/// Pages, sub-pages among them. Scans of books have hundreds; they are refused anyway.
const MAX_PAGES: usize = 256;

/// What one page says of itself.
#[derive(Default)]
struct Page {
    /// Where its directory lies.
    at: u64,
    width: u64,
    height: u64,
    compression: u64,
    photometric: u64,
    reduced: bool,
    /// Directories below it.
    below: Vec<u64>,
    /// Offsets of its strips or tiles, and their lengths.
    pieces: Vec<u64>,
    lengths: Vec<u64>,
    /// Rows of a strip, columns and rows of a tile.
    rows: Option<u64>,
    tile: (Option<u64>, Option<u64>),
    /// Where a JPEG lies in the old way, and how long it is.
    old_jpeg: (Vec<u64>, Vec<u64>),
    /// Where the tables of its JPEGs lie, and its colour profile.
    jpeg_tables: Option<Range<usize>>,
    profile: Option<Range<usize>>,
    /// The palette's numbers.
    colours: Vec<u64>,
    /// The entries that are read here.
    entries: Vec<Entry>,
    /// Whether it has a DNG version.
    dng: bool,
    /// Tags that say what its samples mean, with their values, as often as they are stated.
    meanings: Vec<(u64, Vec<u64>)>,
}

/// Where an entry of a directory stands.
#[derive(Clone, Copy)]
struct Entry {
    tag: u64,
    at: u64,
}

/// Tags on which the meaning of a picture's bits depends.
const MEANINGS: [u64; 11] =
    [BITS, FILL_ORDER, SAMPLES, PLANES, PREDICTOR, INKS, DOTS, EXTRA, FORMAT, OLD_FORMAT, DEPTH];
const WIDTH: u64 = 256;
const BITS: u64 = 258;
const PHOTOMETRIC: u64 = 262;
const TILE_WIDTH: u64 = 322;
const FILL_ORDER: u64 = 266;
const SAMPLES: u64 = 277;
const PLANES: u64 = 284;
const PREDICTOR: u64 = 317;
const INKS: u64 = 332;
const DOTS: u64 = 336;
const EXTRA: u64 = 338;
const FORMAT: u64 = 339;
const OLD_FORMAT: u64 = 32_996;
const DEPTH: u64 = 32_997;

/// Tags that are read besides, and may be stated once.
const READ: [u64; 13] = [WIDTH, 257, 259, PHOTOMETRIC, 273, 278, 279, 320, TILE_WIDTH, 323, 324, 325, 347];

/// Compressions, by what may be done to the samples before.
const PLAIN: [u64; 2] = [1, 32_773];
const FAX: u64 = 4;
const JPEG: u64 = 7;
const PREDICTED: [u64; 3] = [5, 8, 32_946];

impl Page {
    /// The values of a tag, or what they are where it is left out.
    fn meaning(&self, tag: u64, default: &'static [u64]) -> &[u64] {
        self.meanings.iter().find(|(of, _)| *of == tag).map_or(default, |(_, values)| values)
    }

    /// What of it is of a kind that the decoder does not read, or reads without heeding what the tags say of it, so that what it
    /// gives is not what a viewer shows. Whatever is not known to be read right is one.
    fn unread(&self) -> Option<&'static str> {
        let all = |tag, default, read: &[u64]| self.meaning(tag, default).iter().all(|value| read.contains(value));
        let samples = self.meaning(SAMPLES, &[1]);
        let bits = self.meaning(BITS, &[1]);
        let extra = self.meaning(EXTRA, &[]);
        let colours = match self.photometric {
            0 | 1 => 1,
            2 => 3,
            3 if self.compression == JPEG => return Some("a palette of JPEGs"),
            3 => 1,
            5 => 4,
            6 if self.compression == JPEG => 3,
            6 => return Some("colours as luma and chroma (YCbCr)"),
            8..=10 => return Some("colours as CIELAB"),
            _ => return Some("such a colour space"),
        };
        let mut tags: Vec<u64> = self.entries.iter().map(|entry| entry.tag).collect();
        tags.sort_unstable();
        if tags.windows(2).any(|pair| pair[0] == pair[1]) {
            return Some("a tag that is stated twice");
        }
        if !all(FILL_ORDER, &[1], &[1]) {
            return Some("bits in reverse order (FillOrder)");
        }
        if !all(FORMAT, &[1], &[1]) || !all(OLD_FORMAT, &[1], &[1, 2]) {
            return Some("samples other than whole numbers without sign (SampleFormat)");
        }
        if !all(DEPTH, &[1], &[1]) {
            return Some("more than one picture");
        }
        // Viewers take a fourth sample of which nothing is said for transparency.
        let unsaid = colours == 3 && *samples == [4] && extra.is_empty();
        if !unsaid && (*samples != [colours + extra.len() as u64] || !matches!(extra, [] | [1 | 2])) {
            return Some("channels beside those of colour and transparency");
        }
        // Differences begin anew with each tile.
        let differs_in_tiles = *self.meaning(PREDICTOR, &[1]) == [2] && self.tile.0.is_some();
        let grey = self.photometric == 1 && self.compression != JPEG && !differs_in_tiles;
        if colours != 3 && !extra.is_empty() && !(grey && bits.first() != Some(&1)) {
            return Some("transparency without colours as RGB");
        }
        if *samples != [1] && !all(PLANES, &[1], &[1]) {
            return Some("colours in planes of their own (PlanarConfiguration)");
        }
        if colours == 4 && (!all(INKS, &[1], &[1]) || !matches!(self.meaning(DOTS, &[]), [] | [0, 255 | 65_535])) {
            return Some("inks other than those of CMYK, or in another range");
        }
        // With one value for all samples, or one for each.
        let depth = bits.first().copied().unwrap_or(0);
        let known = matches!(depth, 8 | 16) || depth == 1 && *samples == [1];
        if !known || bits.iter().any(|bits| *bits != depth) {
            return Some("samples of other than 1, 8 or 16 bits");
        }
        match (self.meaning(PREDICTOR, &[1]), self.compression) {
            ([1], FAX) if depth == 1 => None,
            ([1], JPEG) if depth == 8 => None,
            ([1], compression) if PLAIN.contains(&compression) || PREDICTED.contains(&compression) => None,
            // Where samples are compressed otherwise, viewers take no heed of it.
            ([2], compression) if PREDICTED.contains(&compression) && depth > 1 => None,
            ([1], _) => Some("such a compression"),
            _ => Some("such a predictor"),
        }
    }

    fn pixels(&self) -> u64 {
        self.width.saturating_mul(self.height)
    }

    /// Whether it has the other's proportions, and fewer pixels. Each of its sides may be rounded, up or down.
    fn is_smaller_than(&self, picture: &Self) -> bool {
        let across = self.width.saturating_mul(picture.height);
        let down = self.height.saturating_mul(picture.width);
        self.pixels() < picture.pixels() && across.abs_diff(down) <= picture.width.saturating_add(picture.height)
    }

    /// Whether it holds what a sensor saw, not yet a picture: colour filters' cells, linear raw, or a maker's own coding.
    fn is_raw(&self) -> bool {
        const FILTERS: u64 = 32_803;
        const LINEAR: u64 = 34_892;
        const MAKERS: [u64; 9] = [32_767, 32_769, 32_770, 32_867, 34_713, 34_892, 65_000, 65_024, 65_535];
        self.dng || matches!(self.photometric, FILTERS | LINEAR) || MAKERS.contains(&self.compression)
    }
}

const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Tiff };

const fn unsupported(feature: &'static str) -> DecodeError {
    DecodeError::Unsupported { format: Format::Tiff, feature }
}

fn little(file: &[u8]) -> bool {
    file.starts_with(b"II")
}

fn big(file: &[u8]) -> bool {
    matches!(file, [_, _, 43, ..] | [_, _, _, 43, ..])
}

/// A TIFF file's numbers.
struct Reader<'f> {
    file: &'f [u8],
    little: bool,
    big: bool,
}

impl Reader<'_> {
    /// The number of `width` bytes at `at`.
    fn number(&self, at: u64, width: u64) -> Result<u64, DecodeError> {
        let end = at.checked_add(width).and_then(|end| usize::try_from(end).ok()).ok_or(TRUNCATED)?;
        let bytes = self.file.get(end - width as usize..end).ok_or(TRUNCATED)?;
        let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Ok(if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) })
    }

    /// Bytes of an offset.
    fn offset(&self) -> u64 {
        if self.big { 8 } else { 4 }
    }

    /// Bytes of a directory before its entries, and of each of these.
    fn entry(&self) -> (u64, u64) {
        if self.big { (8, 20) } else { (2, 12) }
    }

    /// Where the first page's offset stands.
    fn first(&self) -> u64 {
        if self.big { 8 } else { 4 }
    }

    /// The whole numbers of an entry; none when it has others.
    fn values(&self, entry: u64) -> Result<Vec<u64>, DecodeError> {
        let width = match self.number(entry + 2, 2)? {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return Ok(Vec::new()),
        };
        let count = self.number(entry + 4, self.offset())?;
        let place = entry + 4 + self.offset();
        let length = count.saturating_mul(width);
        let at = if length <= self.offset() { place } else { self.number(place, self.offset())? };
        if length > self.file.len() as u64 {
            return Err(TRUNCATED);
        }
        (0..count).map(|n| self.number(at.saturating_add(n * width), width)).collect()
    }

    /// Where the bytes of an entry lie whose values are bytes; `None` where they do not.
    fn bytes(&self, entry: u64) -> Option<Range<usize>> {
        let count = self.number(entry + 4, self.offset()).ok()?;
        let place = entry + 4 + self.offset();
        let at = if count <= self.offset() { place } else { self.number(place, self.offset()).ok()? };
        let range = usize::try_from(at).ok()?..usize::try_from(at.checked_add(count)?).ok()?;
        (matches!(self.number(entry + 2, 2), Ok(1 | 7)) && range.end <= self.file.len()).then_some(range)
    }

    /// The page at `at`, and where the next one's offset stands.
    fn page(&self, at: u64) -> Result<(Page, u64), DecodeError> {
        let (head, entry) = self.entry();
        let count = self.number(at, head)?;
        if count.saturating_mul(entry) > self.file.len() as u64 {
            return Err(TRUNCATED);
        }
        let mut page = Page { at, ..Page::default() };
        for n in 0..count {
            let entry = at.saturating_add(head + n * entry);
            let values = || self.values(entry);
            let one = || Ok::<_, DecodeError>(values()?.first().copied().unwrap_or(0));
            let tag = self.number(entry, 2)?;
            if READ.contains(&tag) || MEANINGS.contains(&tag) {
                page.entries.push(Entry { tag, at: entry });
            }
            if MEANINGS.contains(&tag) {
                let mut values = values()?;
                if values.is_empty() {
                    // Of a type that nobody expects.
                    values.push(u64::MAX);
                }
                page.meanings.push((tag, values));
            }
            match tag {
                254 => page.reduced |= one()? == 1,
                255 => page.reduced |= one()? == 2,
                WIDTH => page.width = one()?,
                257 => page.height = one()?,
                259 => page.compression = one()?,
                PHOTOMETRIC => page.photometric = one()?,
                273 | 324 => page.pieces = values()?,
                279 | 325 => page.lengths = values()?,
                278 => page.rows = Some(one()?),
                TILE_WIDTH => page.tile.0 = Some(one()?),
                323 => page.tile.1 = Some(one()?),
                513 => page.old_jpeg.0 = values()?,
                514 => page.old_jpeg.1 = values()?,
                320 => page.colours = values()?,
                330 => page.below = values()?,
                347 => page.jpeg_tables = self.bytes(entry),
                34_675 => page.profile = self.bytes(entry),
                50_706 => page.dng = true,
                _ => {}
            }
        }
        Ok((page, at.saturating_add(head + count * entry)))
    }

    /// Every page, in the order of the chain, each before those below it.
    fn pages(&self) -> Result<Vec<Page>, DecodeError> {
        let mut pages: Vec<Page> = Vec::new();
        let mut next = self.number(self.first(), self.offset())?;
        let mut waiting = Vec::new();
        loop {
            let (at, chained) = match waiting.pop() {
                Some(at) => (at, false),
                None if next != 0 => (next, true),
                None => return Ok(pages),
            };
            if pages.len() == MAX_PAGES || pages.iter().any(|page| page.at == at) {
                return Err(unsupported("such an order of pages"));
            }
            let (page, link) = self.page(at)?;
            if chained {
                next = self.number(link, self.offset())?;
            }
            waiting.extend(page.below.iter().rev());
            pages.push(page);
        }
    }
}

/// How the picture's page becomes one that the decoder reads right, which looks at the first alone.
pub(super) struct Picture {
    pub kind: Kind,
    edits: Vec<Edit>,
    pixels: u64,
    /// Pages that say that they are this one in reduced size.
    pub copies: Vec<Picture>,
}

/// A file that holds another picture, or a page of which nobody can tell.
pub(super) const SEVERAL: DecodeError = unsupported("more than one picture");

impl Picture {
    /// `file`, or a copy whose first page is the picture's, told as the decoder knows it.
    pub fn told<'f>(&self, file: &'f [u8]) -> Cow<'f, [u8]> {
        if self.edits.is_empty() {
            return file.into();
        }
        let mut copy = file.to_vec();
        for (place, edit) in &self.edits {
            copy[*place..place + edit.len()].copy_from_slice(edit);
        }
        copy.into()
    }

    /// Bytes that decoding holds beside `file` and the picture's samples.
    pub fn bytes_beside(&self, file: &[u8]) -> u64 {
        let copy = if self.edits.is_empty() { 0 } else { file.len() as u64 };
        let own = match &self.kind {
            Kind::Usual | Kind::Veiled { .. } => copy,
            Kind::Palette(_) => copy.saturating_add(self.pixels),
            Kind::Jpeg(pieces) => pieces.bytes(),
        };
        // One at a time, in their deepest colours.
        let smaller =
            self.copies.iter().map(|copy| copy.pixels.saturating_mul(8).saturating_add(copy.bytes_beside(file)));
        own.saturating_add(smaller.max().unwrap_or(0))
    }
}

/// Which page of `file` is its picture.
///
/// # Errors
///
/// When there are several, when it is raw data or of a kind that nobody here reads, or when the file ends early.
pub(super) fn picture(file: &[u8]) -> Result<Picture, DecodeError> {
    let reader = Reader { file, little: little(file), big: big(file) };
    let pages = reader.pages()?;
    if pages.iter().any(Page::is_raw) {
        return Err(unsupported("raw data of a camera"));
    }
    let picture = principal(&pages).ok_or(if pages.is_empty() { TRUNCATED } else { SEVERAL })?;
    let others = || pages.iter().filter(|page| page.at != picture.at);
    // Of what nobody here reads nobody can tell what it shows.
    let copies = others().map(|page| reader.picture(page).map_err(|_| SEVERAL)).collect::<Result<_, _>>()?;
    Ok(Picture { copies, ..reader.picture(picture)? })
}

/// The page of which all others say that they are it in reduced size.
fn principal(pages: &[Page]) -> Option<&Page> {
    // Of equal ones, the first.
    let picture = pages.iter().rev().max_by_key(|page| page.pixels())?;
    let mut others = pages.iter().filter(|page| page.at != picture.at);
    others.all(|page| page.reduced && page.is_smaller_than(picture)).then_some(picture)
}

/// Every page of `file`, each as a picture, in their order; `None` when it holds one picture and copies of it, which is
/// [`picture`]'s to read or to refuse.
///
/// # Errors
///
/// When any of several is raw data or of a kind that nobody here reads, or when the file ends early.
pub(super) fn pages(file: &[u8]) -> Result<Option<Vec<Picture>>, DecodeError> {
    let reader = Reader { file, little: little(file), big: big(file) };
    let pages = reader.pages()?;
    if pages.iter().any(Page::is_raw) || pages.is_empty() || principal(&pages).is_some() {
        return Ok(None);
    }
    pages.iter().map(|page| reader.picture(page)).collect::<Result<_, _>>().map(Some)
}

impl Reader<'_> {
    /// `page` as the picture.
    fn picture(&self, page: &Page) -> Result<Picture, DecodeError> {
        let plain = |&piece: &u64| {
            let piece = usize::try_from(piece).ok().and_then(|at| self.file.get(at..));
            piece.is_some_and(jpeg::is_plain)
        };
        // The decoder of these mixes neighbours' colours, and garbles some samplings and orders of scans without saying so.
        if matches!((page.compression, page.photometric), (JPEG, 0 | 5)) && !page.pieces.iter().all(plain) {
            return Err(unsupported("JPEG compression with reduced colours or in several scans"));
        }
        if let Some(feature) = page.unread() {
            return Err(unsupported(feature));
        }
        let (kind, mut edits) = page.kind(self)?;
        if self.number(self.first(), self.offset())? != page.at {
            let mut offset = page.at.to_be_bytes()[8 - self.offset() as usize..].to_vec();
            if self.little {
                offset.reverse();
            }
            edits.push((self.first() as usize, offset));
        }
        Ok(Picture { kind, edits, pixels: page.pixels(), copies: Vec::new() })
    }
}
