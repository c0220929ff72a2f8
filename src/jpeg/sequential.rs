//! Files of several scans, progressive ones above all, become files of one: the same coefficients, coded in sequence.
//!
//! Owns the scans' order and what they add to each coefficient. A file that ends within a scan is refused, and so is one that a
//! component is missing from. A progressive file that says with a scan's end that it ends there is the coarse picture which
//! every viewer shows. Knows nothing of samples.

use std::ops::Range;

use super::bits::{BitReader, Entropy};
use super::header::{Component, Gathered, QuantTable, Segments, Space, most_blocks, sequences};
use super::huffman::{SymbolDecoder, extend};
use super::planes::Planes;
use super::write::{Block, Blocks, Coefficients};
use super::{Fault, JpegError, Limits, Unsupported};
use crate::geometry::Size;

/// Scans of one file. Encoders write about ten; each costs a pass over the picture, however short it is.
const MAX_SCANS: usize = 100;

/// The greatest AC coefficient of 8-bit samples.
const MAX_AC: i32 = 1023;

/// The greatest DC value that is taken, as in files of one scan.
const MAX_DC: i32 = 2047;

/// Behind a coefficient of which no scan has said anything.
const UNKNOWN: u8 = 0xFF;

/// A file of one scan, and what of the original it does not say.
pub struct Sequential {
    /// The file: the original's coefficients under the original's quantisation tables, without metadata.
    pub file: Vec<u8>,
    /// Where in the original its EXIF block lies, behind its six leading bytes.
    pub exif: Option<Range<usize>>,
}

/// Codes the picture of `file`, a progressive JPEG or one with a scan for each component, in one sequential scan. Outside
/// of what becomes blank there, it is the same picture, coefficient by coefficient.
///
/// # Errors
///
/// [`JpegError::Unsupported`] when only its samples can be had; others when it is damaged or incomplete.
pub fn sequential(file: &[u8], limits: &Limits) -> Result<Sequential, JpegError> {
    Coded::read(file, limits)?.sequential()
}

/// Size of the picture in `file` and most bytes that [`Coded`] and [`Planes`] hold of it, as its frame header claims.
///
/// # Errors
///
/// When there is none, or nobody here decodes its kind.
pub(crate) fn claims(file: &[u8], limits: &Limits) -> Result<(Size, u64), JpegError> {
    if !file.starts_with(&[0xFF, 0xD8]) {
        return Err(JpegError::NotJpeg);
    }
    let mut segments = Segments::new(file, 2);
    let mut gathered = Gathered::default();
    loop {
        match segments.marker()? {
            0xD9 | 0xDA => return Err(JpegError::Malformed(Fault::Frame)),
            marker @ 0xC0..=0xC2 => {
                let (_, size, components) = gathered.frame(marker, &segments.frame_body()?, limits)?;
                return Ok((*size, Planes::bytes(*size, components)));
            }
            marker => gathered.segment(marker, &mut segments)?,
        }
    }
}

/// Whether the stream at the front of `file` is sequential, of one scan that nothing but its end follows, and has a sample of
/// each component for every pixel: what every decoder decodes alike. False when it does not say.
pub(crate) fn is_plain(file: &[u8]) -> bool {
    let plain = |file: &[u8]| {
        let mut segments = Segments::new(file, 2);
        let mut gathered = Gathered::default();
        loop {
            match segments.marker().ok()? {
                marker @ 0xC0..=0xC1 => {
                    let limits = Limits { max_pixels: u64::MAX, max_bytes: usize::MAX };
                    let (_, _, components) = gathered.frame(marker, segments.body().ok()?, &limits).ok()?;
                    let most = most_blocks(components);
                    if components.iter().any(|c| c.blocks != most) {
                        return None;
                    }
                }
                0xDA => {
                    let components = gathered.frame.as_ref()?.2.len();
                    if usize::from(*segments.body().ok()?.first()?) != components {
                        return None;
                    }
                    break;
                }
                0xC2 | 0xD9 => return None,
                marker => gathered.segment(marker, &mut segments).ok()?,
            }
        }
        loop {
            match segments.marker().ok()? {
                0xD0..=0xD7 => {}
                marker => return Some(marker == 0xD9),
            }
        }
    };
    file.starts_with(&[0xFF, 0xD8]) && plain(file) == Some(true)
}

/// How long the JPEG at the front of `file` is, to its end marker, and its size as its frame claims it. `None` when it does
/// not say.
pub(crate) fn extent(file: &[u8]) -> Option<(usize, Size)> {
    let mut segments = Segments::new(file, 2);
    let mut size = None;
    loop {
        match segments.marker().ok()? {
            0x01 | 0xD0..=0xD8 => {}
            0xD9 => return Some((segments.at(), size?)),
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let &[_, h1, h0, w1, w0, ..] = segments.body().ok()? else { return None };
                size = Some(Size::new(u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into()));
            }
            // Behind a scan's header, its data are no markers.
            _ => drop(segments.body().ok()?),
        }
    }
}

/// Every coefficient of a file, in whatever way it was coded.
pub(crate) struct Coded {
    picture: Picture,
    /// The tables that its components name.
    quant: [Option<QuantTable>; 4],
    space: Space,
    /// See [`Sequential::exif`].
    exif: Option<Range<usize>>,
    /// Where the last scan ends.
    end: usize,
}

impl Coded {
    /// Reads all scans of `file`.
    ///
    /// # Errors
    ///
    /// [`JpegError::Unsupported`] when the file is of a kind that nobody here decodes; others when it is damaged or
    /// incomplete.
    pub(crate) fn read(file: &[u8], limits: &Limits) -> Result<Self, JpegError> {
        if file.len() > limits.max_bytes {
            return Err(JpegError::TooLarge);
        }
        if !file.starts_with(&[0xFF, 0xD8]) {
            return Err(JpegError::NotJpeg);
        }
        let mut segments = Segments::new(file, 2);
        let mut gathered = Gathered::default();
        let mut picture: Option<Picture> = None;
        let mut space = None;
        let (mut scans, mut end, mut ended) = (0, 0, false);
        loop {
            let marker = match segments.marker() {
                // The end may be left out where the scans stated all.
                Ok(0xD9) => {
                    ended = true;
                    break;
                }
                Err(JpegError::Truncated) if picture.is_some() => break,
                marker => marker?,
            };
            match marker {
                0xDC => match (&picture, segments.body()?) {
                    (Some(picture), &[h, l]) if picture.size.height == u32::from(u16::from_be_bytes([h, l])) => {}
                    _ => return Err(JpegError::Malformed(Fault::Frame)),
                },
                marker @ 0xC0..=0xC2 => {
                    let (_, size, components) = gathered.frame(marker, &segments.frame_body()?, limits)?;
                    picture = Some(Picture::new(marker == 0xC2, *size, components.clone(), file.len())?);
                }
                0xDA => {
                    let picture = picture.as_mut().ok_or(JpegError::Malformed(Fault::Scan))?;
                    if gathered.lacks_tables() {
                        gathered.standard_tables();
                    }
                    // What follows the first scan says nothing of what the samples mean.
                    if space.is_none() {
                        space = Some(gathered.space(&picture.components));
                    }
                    scans += 1;
                    if scans > MAX_SCANS {
                        return Err(Unsupported::SeveralScans.into());
                    }
                    let scan = Scan::parse(segments.body()?, picture)?;
                    let data = file.get(segments.at()..).ok_or(JpegError::Truncated)?;
                    let length = picture.scan(&scan, &gathered, data)?;
                    segments.skip(length);
                    end = segments.at();
                }
                marker => gathered.segment(marker, &mut segments)?,
            }
        }
        let picture = picture.ok_or(JpegError::Malformed(Fault::Frame))?;
        // Somebody may have put an end marker behind what is left of a file: no scan of it lacks a bit, then, and every block has
        // its mean at least.
        let all = |stated: &[u8; 64]| stated.iter().all(|bits| *bits == 0);
        let coarse = |stated: &[u8; 64]| picture.progressive && ended && stated[0] != UNKNOWN;
        if !picture.stated.iter().all(|stated| all(stated) || coarse(stated)) {
            return Err(JpegError::Truncated);
        }
        let space = space.ok_or(JpegError::Truncated)??;
        let mut picture = picture;
        let quant = picture.tables()?;
        Ok(Self { picture, quant, space, exif: gathered.exif, end })
    }

    /// The file of one scan.
    ///
    /// # Errors
    ///
    /// [`JpegError::Unsupported`] when no such file can be spliced.
    pub(crate) fn sequential(&self) -> Result<Sequential, JpegError> {
        let Self { picture: Picture { size, components, blocks, .. }, quant, space, exif, .. } = self;
        sequences(components)?;
        if !space.has_luma() {
            return Err(Unsupported::Colour.into());
        }
        let written = Coefficients { size: *size, components, quant, blocks }.write();
        let file = written.ok_or(Unsupported::SeveralScans)?;
        Ok(Sequential { file, exif: exif.clone() })
    }

    /// The samples of each component, as [`Planes`].
    ///
    /// # Errors
    ///
    /// [`JpegError::Unsupported`] when the components' samples do not divide one another.
    pub(crate) fn planes(self) -> Result<Planes, JpegError> {
        let Self { picture: Picture { size, components, blocks, .. }, quant, space, .. } = self;
        Planes::new(size, &components, blocks, &quant, space)
    }

    /// Where in the file its last scan ends.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Where in the file its EXIF block lies, behind its six leading bytes.
    pub(crate) fn exif(&self) -> Option<Range<usize>> {
        self.exif.clone()
    }
}

/// A scan's header.
struct Scan {
    /// Each component's place in the frame, and its DC and AC tables.
    components: Vec<(usize, usize, usize)>,
    /// First and last coefficient.
    from: usize,
    to: usize,
    /// The bit that was stated before, plus one, or 0 when none was; and the one that this scan states.
    high: u8,
    low: u8,
}

impl Scan {
    fn parse(body: &[u8], picture: &Picture) -> Result<Self, JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::Scan);
        let (&count, rest) = body.split_first().ok_or(FAULT)?;
        let (named, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(FAULT)?;
        let &[from, to, approximation] = rest else { return Err(FAULT) };
        let mut components: Vec<(usize, usize, usize)> = Vec::with_capacity(3);
        for pair in named.chunks_exact(2) {
            let index = picture.components.iter().position(|c| c.id == pair[0]).ok_or(FAULT)?;
            // In the frame's order, so that none comes twice.
            if components.last().is_some_and(|(last, ..)| *last >= index) {
                return Err(FAULT);
            }
            components.push((index, usize::from(pair[1] >> 4), usize::from(pair[1] & 15)));
        }
        let (from, to) = (usize::from(from), usize::from(to));
        let (high, low) = (approximation >> 4, approximation & 15);
        let possible = if picture.progressive {
            // DC alone, or AC of one component.
            (from == 0 && to == 0 || 0 < from && from <= to && to < 64 && components.len() == 1) && low <= 13
        } else {
            (from, to, approximation) == (0, 63, 0)
        };
        let blocks: u32 =
            components.iter().map(|(index, ..)| picture.components[*index].blocks).map(|(h, v)| h * v).sum();
        if !possible || components.is_empty() || components.len() > 1 && blocks > 10 {
            return Err(FAULT);
        }
        Ok(Self { components, from, to, high, low })
    }
}

/// A picture while its scans come in.
struct Picture {
    progressive: bool,
    size: Size,
    components: Vec<Component>,
    blocks: Vec<Blocks>,
    /// For each component's coefficients, which bit was stated last, or [`UNKNOWN`].
    stated: Vec<[u8; 64]>,
    /// For each component, the quantisation table that was in force when its first scan began: what is stated later is not
    /// about it.
    quant: Vec<Option<QuantTable>>,
    /// MCUs across and down.
    mcus: (usize, usize),
}

impl Picture {
    fn new(progressive: bool, size: Size, components: Vec<Component>, file_len: usize) -> Result<Self, JpegError> {
        let (h, v) = most_blocks(&components);
        let mcus = (size.width.div_ceil(8 * h) as usize, size.height.div_ceil(8 * v) as usize);
        let count = |c: &Component| mcus.0 * mcus.1 * (c.blocks.0 * c.blocks.1) as usize;
        // A DC value takes a bit at least, and blocks beyond the picture, which may have none, are fewer than the others or
        // few: no small file makes this program allocate a large picture.
        if components.iter().map(count).sum::<usize>() > 16 * file_len + 1024 {
            return Err(JpegError::Truncated);
        }
        let blocks = |c: &Component| Blocks { across: mcus.0 * c.blocks.0 as usize, blocks: vec![[0; 64]; count(c)] };
        let blocks = components.iter().map(blocks).collect();
        let stated = vec![[UNKNOWN; 64]; components.len()];
        let quant = vec![None; components.len()];
        Ok(Self { progressive, size, components, blocks, stated, quant, mcus })
    }

    /// The components' tables under numbers that the components name from now on: those that they named, but where another
    /// component's table had the same number at another time.
    fn tables(&mut self) -> Result<[Option<QuantTable>; 4], JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::QuantTable);
        let mut tables: [Option<QuantTable>; 4] = [const { None }; 4];
        for (component, table) in self.components.iter_mut().zip(&self.quant) {
            let table = table.as_ref().ok_or(FAULT)?;
            let fits = |taken: &Option<QuantTable>| taken.as_ref().is_none_or(|taken| taken.steps == table.steps);
            if !fits(&tables[component.quant]) {
                // There are no more components than tables.
                component.quant = tables.iter().position(fits).ok_or(FAULT)?;
            }
            tables[component.quant].get_or_insert_with(|| table.clone());
        }
        Ok(tables)
    }

    /// Decodes the scan at the front of `data`; returns its length.
    fn scan(&mut self, scan: &Scan, gathered: &Gathered, data: &[u8]) -> Result<usize, JpegError> {
        let Scan { from, to, high, low, .. } = *scan;
        for (index, ..) in &scan.components {
            let in_force = gathered.quant[self.components[*index].quant].as_ref();
            let in_force = in_force.ok_or(JpegError::Malformed(Fault::QuantTable))?;
            let first = self.quant[*index].get_or_insert_with(|| in_force.clone());
            // Decoders differ in which of two they take.
            if first.steps != in_force.steps {
                return Err(Unsupported::Requantised.into());
            }
            for stated in &mut self.stated[*index][from..=to] {
                // Each scan takes up where the one before it ended, a bit at a time.
                let follows = if high == 0 { *stated == UNKNOWN } else { *stated == high && high == low + 1 };
                if !follows {
                    return Err(Unsupported::SeveralScans.into());
                }
                *stated = low;
            }
        }
        let interleaved = scan.components.len() > 1;
        let units = if interleaved {
            self.mcus
        } else {
            // A single component's scan has no blocks beyond the picture.
            let (c, (h, v)) = (&self.components[scan.components[0].0], most_blocks(&self.components));
            let side = |pixels: u32, own: u32, most: u32| (pixels * own).div_ceil(8 * most) as usize;
            (side(self.size.width, c.blocks.0, h), side(self.size.height, c.blocks.1, v))
        };
        let count = units.0 * units.1;
        let per_interval = if gathered.restart == 0 { count } else { gathered.restart };
        let entropy = Entropy::unstuff(data, count.div_ceil(per_interval))?;
        if entropy.intervals.len() != count.div_ceil(per_interval) {
            return Err(JpegError::Truncated);
        }
        let mut coders = Vec::with_capacity(scan.components.len());
        for (_, dc, ac) in &scan.components {
            let table = |tables: &[Option<super::header::HuffmanTable>; 4], number: usize, used: bool| {
                let spec = tables.get(number).and_then(Option::as_ref).map(|table| &table.spec);
                match (spec, used) {
                    (_, false) => Ok(None),
                    (Some(spec), true) => Ok(Some(SymbolDecoder::new(spec))),
                    (None, true) => Err(JpegError::Malformed(Fault::Scan)),
                }
            };
            let dc = table(&gathered.dc, *dc, from == 0 && high == 0)?;
            let ac = table(&gathered.ac, *ac, to > 0)?;
            coders.push(Coder { dc, ac, from: from.max(1), to, high, low, before: 0, run: 0 });
        }
        let (mut done, mut end) = (0, 0);
        for interval in &entropy.intervals {
            let mut reader = BitReader::new(&entropy.bytes, 8 * interval.start);
            coders.iter_mut().for_each(|coder| (coder.before, coder.run) = (0, 0));
            for unit in done..count.min(done + per_interval) {
                let (row, column) = (unit / units.0, unit % units.0);
                for ((index, ..), coder) in scan.components.iter().zip(&mut coders) {
                    let blocks = &mut self.blocks[*index];
                    let (h, v) = if interleaved { self.components[*index].blocks } else { (1, 1) };
                    let (h, v) = (h as usize, v as usize);
                    for y in 0..v {
                        for x in 0..h {
                            let at = (row * v + y) * blocks.across + column * h + x;
                            let decoded = coder.block(&mut reader, &mut blocks.blocks[at]);
                            // Behind the end are zeros: the fault is then that nothing is there.
                            if reader.position() > 8 * interval.end {
                                return Err(JpegError::Truncated);
                            }
                            decoded?;
                        }
                    }
                }
            }
            done += per_interval;
            end = reader.position();
        }
        if !entropy.ends_at(end) {
            return Err(JpegError::Truncated);
        }
        Ok(entropy.stuffed_len)
    }
}

/// What decodes the blocks of one component in one scan.
struct Coder {
    /// Where DC values are stated for the first time.
    dc: Option<SymbolDecoder>,
    ac: Option<SymbolDecoder>,
    from: usize,
    to: usize,
    high: u8,
    low: u8,
    /// DC value of the block before.
    before: i32,
    /// Blocks whose band has ended already.
    run: u32,
}

/// The next `count` (0 to 16) bits.
#[inline(always)]
fn bits(reader: &mut BitReader<'_>, count: u32) -> u32 {
    if count == 0 {
        return 0;
    }
    reader.ensure();
    let bits = reader.peek(count);
    reader.consume(count);
    bits
}

const FAULT: JpegError = JpegError::Malformed(Fault::Coefficients);

impl Coder {
    #[inline(always)]
    fn block(&mut self, reader: &mut BitReader<'_>, block: &mut Block) -> Result<(), JpegError> {
        // A copy, which stays in registers.
        let mut local = reader.clone();
        let decoded = self.parts(&mut local, block);
        *reader = local;
        decoded
    }

    #[inline(always)]
    fn parts(&mut self, reader: &mut BitReader<'_>, block: &mut Block) -> Result<(), JpegError> {
        match &self.dc {
            Some(dc) => {
                reader.ensure();
                let size = u32::from(dc.decode(reader)?);
                if size > 11 {
                    return Err(FAULT);
                }
                self.before += extend(bits(reader, size), size);
                let value = self.before << self.low;
                if value.abs() > MAX_DC {
                    return Err(FAULT);
                }
                block[0] = value as i16;
            }
            None if self.to == 0 => block[0] |= (bits(reader, 1) as i16) << self.low,
            None => {}
        }
        match (&self.ac, self.high) {
            (None, _) => Ok(()),
            (Some(ac), 0) => {
                Self::first(ac, self.dc.is_none(), (self.from, self.to, self.low), &mut self.run, reader, block)
            }
            (Some(ac), _) => Self::refined(ac, (self.from, self.to, self.low), &mut self.run, reader, block),
        }
    }

    /// A band of coefficients for the first time.
    #[inline(always)]
    fn first(
        ac: &SymbolDecoder,
        runs: bool,
        (from, to, low): (usize, usize, u8),
        run: &mut u32,
        reader: &mut BitReader<'_>,
        block: &mut Block,
    ) -> Result<(), JpegError> {
        if *run > 0 {
            *run -= 1;
            return Ok(());
        }
        let mut k = from;
        while k <= to {
            reader.ensure();
            let symbol = ac.decode(reader)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    // Only progressive scans end more than one block at once.
                    if zeros > 0 && !runs {
                        return Err(FAULT);
                    }
                    *run = (1 << zeros) - 1 + bits(reader, zeros as u32);
                    return Ok(());
                }
                k += 16;
                continue;
            }
            k += zeros;
            let value = extend(bits(reader, size), size) << low;
            if k > to || value.abs() > MAX_AC {
                return Err(FAULT);
            }
            block[k] = value as i16;
            k += 1;
        }
        // A run of zeros may not go on behind the band.
        if k == to + 1 { Ok(()) } else { Err(FAULT) }
    }

    /// One bit more of a band of coefficients (ITU-T T.81, G.1.2.3).
    #[inline(always)]
    fn refined(
        ac: &SymbolDecoder,
        (from, to, low): (usize, usize, u8),
        run: &mut u32,
        reader: &mut BitReader<'_>,
        block: &mut Block,
    ) -> Result<(), JpegError> {
        let bit = 1i16 << low;
        // A coefficient that is not zero grows by a bit, away from zero.
        let refine = |reader: &mut BitReader<'_>, value: &mut i16| {
            if bits(reader, 1) == 1 {
                *value += if *value > 0 { bit } else { -bit };
            }
        };
        let mut k = from;
        if *run == 0 {
            while k <= to {
                reader.ensure();
                let symbol = ac.decode(reader)?;
                let (mut zeros, size) = (symbol >> 4, symbol & 15);
                let mut value = 0;
                match size {
                    0 if zeros < 15 => {
                        *run = (1 << zeros) + bits(reader, zeros.into());
                        break;
                    }
                    0 => {}
                    1 => value = if bits(reader, 1) == 1 { bit } else { -bit },
                    _ => return Err(FAULT),
                }
                loop {
                    if k > to {
                        return Err(FAULT);
                    }
                    if block[k] != 0 {
                        refine(reader, &mut block[k]);
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                block[k] = value;
                k += 1;
            }
        }
        if *run > 0 {
            for value in block[k..=to].iter_mut().filter(|value| **value != 0) {
                refine(reader, value);
            }
            *run -= 1;
        }
        let large = |value: &i16| i32::from(*value).abs() > MAX_AC;
        if block[from..=to].iter().any(large) { Err(FAULT) } else { Ok(()) }
    }
}
