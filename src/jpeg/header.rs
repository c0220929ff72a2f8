//! Everything in a JPEG file that is not entropy-coded: markers, tables, the frame and the scan.
//!
//! Owns which files the coefficient path accepts. Knows nothing of coefficients.

use std::borrow::Cow;
use std::ops::Range;

use super::huffman::TableSpec;
use super::write::specs;
use super::{Fault, JpegError, Limits, Unsupported};
use crate::geometry::Size;

/// A quantisation table.
#[derive(Clone)]
pub(super) struct QuantTable {
    /// Steps in zigzag order, none of them 0.
    pub steps: [u16; 64],
    /// Whether the file states them with 16 bits.
    pub wide: bool,
    /// Where in the file the steps stand.
    pub at: Range<usize>,
}

/// A Huffman table and where in the file its counts and symbols stand.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    pub spec: TableSpec,
    pub at: Range<usize>,
}

/// One component of the frame, and which tables the scan gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub id: u8,
    /// Sampling factors as stated.
    pub sampling: (u8, u8),
    /// Blocks in an MCU, across and down.
    pub blocks: (u32, u32),
    pub quant: usize,
    pub dc: usize,
    pub ac: usize,
}

/// What stands before the entropy-coded data: enough to know whether a file is for the coefficient path, and how large
/// its picture is.
#[derive(Clone)]
pub struct Header {
    pub(super) size: Size,
    /// SOF0 or SOF1.
    pub(super) frame_marker: u8,
    /// One (luma) or three (luma and two of chroma, luma with the most samples).
    pub(super) components: Vec<Component>,
    pub(super) quant: [Option<QuantTable>; 4],
    pub(super) dc: [Option<HuffmanTable>; 4],
    pub(super) ac: [Option<HuffmanTable>; 4],
    /// MCUs between restart markers; 0 for none.
    pub(super) restart: usize,
    /// First byte of the entropy-coded data.
    pub(super) scan_start: usize,
    /// Where the EXIF block lies, behind its six leading bytes.
    exif: Option<Range<usize>>,
}

/// What an EXIF segment begins with.
const EXIF: &[u8] = b"Exif\0\0";

/// Reads `N` bytes at the front of a segment.
fn take<'a, const N: usize>(segment: &mut &'a [u8]) -> Result<&'a [u8; N], JpegError> {
    let (head, rest) = segment.split_first_chunk::<N>().ok_or(JpegError::Malformed(Fault::SegmentLength))?;
    *segment = rest;
    Ok(head)
}

/// Walks marker segments.
#[derive(Clone)]
pub(super) struct Segments<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// Begins at `at`.
    pub fn new(file: &'a [u8], at: usize) -> Self {
        Self { file, at }
    }

    /// The next marker's code. What stands before it and is no marker is passed over, as every decoder does.
    pub fn marker(&mut self) -> Result<u8, JpegError> {
        loop {
            let rest = self.file.get(self.at..).unwrap_or_default();
            self.at += memchr::memchr(0xFF, rest).ok_or(JpegError::Truncated)? + 1;
            while self.file.get(self.at) == Some(&0xFF) {
                self.at += 1;
            }
            match self.file.get(self.at) {
                None => return Err(JpegError::Truncated),
                Some(0) => self.at += 1,
                Some(&code) => {
                    self.at += 1;
                    return Ok(code);
                }
            }
        }
    }

    /// Where the walk stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Passes over `length` bytes that belong to no segment.
    pub fn skip(&mut self, length: usize) {
        self.at += length;
    }

    /// The body of the frame header whose marker was just read. Where it leaves the height to be stated behind the first scan,
    /// it says it now.
    pub fn frame_body(&mut self) -> Result<Cow<'a, [u8]>, JpegError> {
        let body = self.body()?;
        if !matches!(body, [_, 0, 0, ..]) {
            return Ok(body.into());
        }
        let mut ahead = self.clone();
        loop {
            match ahead.marker()? {
                0xDA => {
                    ahead.body()?;
                    break;
                }
                0xC0..=0xC2 | 0xD9 => return Err(JpegError::Malformed(Fault::Frame)),
                0x01 | 0xD0..=0xD7 => {}
                _ => drop(ahead.body()?),
            }
        }
        // Stuffed bytes are no markers; restart markers stand in the scan.
        let mut marker = ahead.marker()?;
        while matches!(marker, 0xD0..=0xD7) {
            marker = ahead.marker()?;
        }
        match (marker, ahead.body()?) {
            (0xDC, &[high, low]) if (high, low) != (0, 0) => {
                let mut body = body.to_vec();
                body[1..3].copy_from_slice(&[high, low]);
                Ok(body.into())
            }
            _ => Err(Unsupported::DeferredHeight.into()),
        }
    }

    /// The body of the segment whose marker was just read.
    pub fn body(&mut self) -> Result<&'a [u8], JpegError> {
        let length = self.file.get(self.at..).and_then(<[u8]>::first_chunk::<2>).ok_or(JpegError::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length < 2 {
            return Err(JpegError::Malformed(Fault::SegmentLength));
        }
        let body = self.file.get(self.at + 2..self.at + length).ok_or(JpegError::Truncated)?;
        self.at += length;
        Ok(body)
    }
}

/// What samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// Luma alone.
    Gray,
    /// Luma and the two of chroma.
    Ycbcr,
    /// Red, green and blue.
    Rgb,
    /// Four inks, stored inverted as Adobe does and all decoders expect: 255 is none.
    Cmyk,
    /// The inverse of [`Space::Ycbcr`] for three inks, and black.
    Ycck,
}

impl Space {
    /// Whether the first component is luma.
    pub(super) fn has_luma(self) -> bool {
        matches!(self, Self::Gray | Self::Ycbcr)
    }
}

/// A frame's marker, size and components.
pub(super) type Frame = (u8, Size, Vec<Component>);

/// Whether a scan of these components can be spliced: grey, or luma and two of chroma that divide its samples evenly.
pub(super) fn sequences(components: &[Component]) -> Result<(), Unsupported> {
    if !matches!(components.len(), 1 | 3) {
        return Err(Unsupported::Components { count: components.len() as u8 });
    }
    let luma = components[0].blocks;
    // Else what one MCU covers is another matter, and luma is not all that the eyes need.
    if !all_divide(components, luma) {
        return Err(Unsupported::Sampling);
    }
    // One scan has no more of them in an MCU.
    if components.iter().map(|c| c.blocks.0 * c.blocks.1).sum::<u32>() > 10 {
        return Err(Unsupported::Sampling);
    }
    Ok(())
}

/// Whether every component's samples stand for whole pixels of a component of `most` blocks.
pub(super) fn all_divide(components: &[Component], most: (u32, u32)) -> bool {
    components.iter().all(|c| most.0.is_multiple_of(c.blocks.0) && most.1.is_multiple_of(c.blocks.1))
}

/// The most blocks of one component in an MCU, across and down: its samples are the picture's pixels.
pub(super) fn most_blocks(components: &[Component]) -> (u32, u32) {
    components.iter().fold((1, 1), |most, c| (most.0.max(c.blocks.0), most.1.max(c.blocks.1)))
}

/// What is gathered while walking the segments.
#[derive(Default)]
pub(super) struct Gathered {
    pub frame: Option<Frame>,
    pub quant: [Option<QuantTable>; 4],
    pub dc: [Option<HuffmanTable>; 4],
    pub ac: [Option<HuffmanTable>; 4],
    pub restart: usize,
    /// See [`Header::exif`].
    pub exif: Option<Range<usize>>,
    jfif: bool,
    /// The colour transform that an Adobe segment states.
    adobe: Option<u8>,
}

impl Header {
    /// Reads `file` up to the entropy-coded data. Whether that is whole, [`Jpeg::decode`](super::Jpeg::decode) finds out.
    ///
    /// # Errors
    ///
    /// When the file is of another kind, beyond `limits`, or wrong in its first part.
    pub fn parse(file: &[u8], limits: &Limits) -> Result<Self, JpegError> {
        if file.len() > limits.max_bytes {
            return Err(JpegError::TooLarge);
        }
        match file {
            [0xFF, 0xD8, ..] => {}
            [] | [0xFF] => return Err(JpegError::Truncated),
            _ => return Err(JpegError::NotJpeg),
        }
        let mut segments = Segments::new(file, 2);
        let mut gathered = Gathered::default();
        loop {
            match segments.marker()? {
                marker @ (0xC0 | 0xC1) => {
                    let (_, _, components) = gathered.frame(marker, segments.body()?, limits)?;
                    sequences(components)?;
                }
                0xC2 => return Err(Unsupported::Progressive.into()),
                0xDA => return gathered.scan(segments.body()?, segments.at()),
                marker => gathered.segment(marker, &mut segments)?,
            }
        }
    }

    /// Size of the picture.
    pub fn size(&self) -> Size {
        self.size
    }

    /// MCUs in the picture.
    pub fn mcu_count(&self) -> usize {
        let (across, down) = self.mcus();
        across * down
    }

    /// The EXIF block of the same `file`, without its six leading bytes.
    pub fn exif<'f>(&self, file: &'f [u8]) -> Option<&'f [u8]> {
        file.get(self.exif.clone()?)
    }

    /// Pixels across and down that one MCU covers.
    pub fn mcu_pixels(&self) -> (u32, u32) {
        let (across, down) = self.components[0].blocks;
        (8 * across, 8 * down)
    }

    /// MCUs across and down.
    pub(super) fn mcus(&self) -> (usize, usize) {
        let (width, height) = self.mcu_pixels();
        (self.size.width.div_ceil(width) as usize, self.size.height.div_ceil(height) as usize)
    }

    /// Blocks in one MCU, of all components.
    pub(super) fn blocks_per_mcu(&self) -> usize {
        self.components.iter().map(|c| (c.blocks.0 * c.blocks.1) as usize).sum()
    }

    /// Steps of component `index`'s quantisation table, in zigzag order.
    pub(super) fn steps(&self, index: usize) -> &[u16; 64] {
        // `Gathered::scan` has refused components without their tables.
        &self.quant[self.components[index].quant].as_ref().expect("checked with the scan").steps
    }

    /// Component `index`'s DC table.
    pub(super) fn dc_spec(&self, index: usize) -> &TableSpec {
        &self.dc[self.components[index].dc].as_ref().expect("checked with the scan").spec
    }

    /// Component `index`'s AC table.
    pub(super) fn ac_spec(&self, index: usize) -> &TableSpec {
        &self.ac[self.components[index].ac].as_ref().expect("checked with the scan").spec
    }
}

impl Gathered {
    /// Takes up what segment `marker` says, or passes over it. Frames and scans are the caller's.
    pub fn segment(&mut self, marker: u8, segments: &mut Segments<'_>) -> Result<(), JpegError> {
        // Position of the segment's body, after its length.
        let at = segments.at + 2;
        match marker {
            0xC3 => return Err(Unsupported::Lossless.into()),
            0xC4 => self.huffman_tables(segments.body()?, at)?,
            0xC5..=0xC7 | 0xDE | 0xDF => return Err(Unsupported::Hierarchical.into()),
            0xC8..=0xCF => return Err(Unsupported::Arithmetic.into()),
            0xDB => self.quant_tables(segments.body()?, at)?,
            0xDC => return Err(Unsupported::DeferredHeight.into()),
            0xDD => match *segments.body()? {
                [high, low] => self.restart = usize::from(u16::from_be_bytes([high, low])),
                _ => return Err(JpegError::Malformed(Fault::SegmentLength)),
            },
            0xE0 => {
                let body = segments.body()?;
                self.jfif |= body.len() >= 14 && body.starts_with(b"JFIF\0");
            }
            0xEE => {
                if let [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..] = segments.body()? {
                    // Of two that differ, neither.
                    let differs = self.adobe.is_some_and(|before| before != *transform);
                    self.adobe = Some(if differs { u8::MAX } else { *transform });
                }
            }
            0xE1 => {
                let body = segments.body()?;
                // Of several, the last: so do the decoders of the pixel path.
                if body.len() > EXIF.len() && body.starts_with(EXIF) {
                    self.exif = Some(at + EXIF.len()..at + body.len());
                }
            }
            0xE2..=0xED | 0xEF | 0xFE => drop(segments.body()?),
            0x01 | 0xD0..=0xD7 => {}
            _ => return Err(JpegError::Malformed(Fault::Marker)),
        }
        Ok(())
    }

    /// Whether no Huffman table was stated so far: frames of films (MJPEG) leave out the standard's.
    pub fn lacks_tables(&self) -> bool {
        self.dc.iter().chain(&self.ac).all(Option::is_none)
    }

    /// Takes up the standard's Huffman tables.
    pub fn standard_tables(&mut self) {
        for (number, [dc, ac]) in [specs(0), specs(1)].into_iter().enumerate() {
            self.dc[number] = Some(HuffmanTable { spec: dc, at: 0..0 });
            self.ac[number] = Some(HuffmanTable { spec: ac, at: 0..0 });
        }
    }

    /// What the samples of `components` mean, as all decoders take it.
    ///
    /// # Errors
    ///
    /// Where they differ: one goes by JFIF's segment, another by Adobe's or by the components' names, and without either
    /// nobody knows whether four inks are stored inverted.
    pub fn space(&self, components: &[Component]) -> Result<Space, Unsupported> {
        let named_rgb = components.iter().map(|c| c.id).eq(*b"RGB");
        match (components.len(), self.adobe) {
            (1, _) => Ok(Space::Gray),
            (4, Some(0)) => Ok(Space::Cmyk),
            (4, Some(2)) => Ok(Space::Ycck),
            (4, None) => Err(Unsupported::UnmarkedInks),
            (3, Some(1)) => Ok(Space::Ycbcr),
            (3, Some(0)) if !self.jfif => Ok(Space::Rgb),
            (3, None) if named_rgb && !self.jfif => Ok(Space::Rgb),
            (3, None) if !named_rgb => Ok(Space::Ycbcr),
            _ => Err(Unsupported::Contradiction),
        }
    }

    fn quant_tables(&mut self, mut body: &[u8], at: usize) -> Result<(), JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::QuantTable);
        let end = at + body.len();
        while !body.is_empty() {
            let &[kind] = take(&mut body)?;
            let start = end - body.len();
            let slot = self.quant.get_mut(usize::from(kind & 15)).ok_or(FAULT)?;
            let wide = match kind >> 4 {
                0 => false,
                1 => true,
                _ => return Err(FAULT),
            };
            let mut steps = [0; 64];
            for step in &mut steps {
                *step = if wide { u16::from_be_bytes(*take(&mut body)?) } else { take::<1>(&mut body)?[0].into() };
                if *step == 0 {
                    return Err(FAULT);
                }
            }
            *slot = Some(QuantTable { steps, wide, at: start..end - body.len() });
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut body: &[u8], at: usize) -> Result<(), JpegError> {
        let end = at + body.len();
        while !body.is_empty() {
            let &[kind] = take(&mut body)?;
            let start = end - body.len();
            let tables = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(JpegError::Malformed(Fault::HuffmanTable)),
            };
            let slot = tables.get_mut(usize::from(kind & 15)).ok_or(JpegError::Malformed(Fault::HuffmanTable))?;
            let (spec, rest) = TableSpec::parse(body)?;
            body = rest;
            *slot = Some(HuffmanTable { spec, at: start..end - body.len() });
        }
        Ok(())
    }

    /// Takes up the frame of any kind that the standard allows; whether its coefficients can be spliced, [`sequences`]
    /// says.
    pub fn frame(&mut self, marker: u8, mut body: &[u8], limits: &Limits) -> Result<&Frame, JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::Frame);
        if self.frame.is_some() {
            return Err(FAULT);
        }
        let &[precision, h1, h0, w1, w0, count] = take(&mut body)?;
        if precision != 8 {
            return Err(Unsupported::Precision { bits: precision }.into());
        }
        let size = Size::new(u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into());
        if size.height == 0 {
            return Err(Unsupported::DeferredHeight.into());
        }
        if size.width == 0 {
            return Err(FAULT);
        }
        if size.pixels() > limits.max_pixels {
            return Err(JpegError::TooLarge);
        }
        if body.len() != 3 * usize::from(count) {
            return Err(FAULT);
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(Unsupported::Components { count }.into());
        }
        let mut components = Vec::with_capacity(4);
        while !body.is_empty() {
            let &[id, factors, quant] = take(&mut body)?;
            let sampling = (factors >> 4, factors & 15);
            let possible = 1..=4;
            if !possible.contains(&sampling.0) || !possible.contains(&sampling.1) || quant > 3 {
                return Err(FAULT);
            }
            // The blocks of a single component are not interleaved, whatever its sampling factors say.
            let blocks = if count == 1 { (1, 1) } else { (sampling.0.into(), sampling.1.into()) };
            components.push(Component { id, sampling, blocks, quant: quant.into(), dc: 0, ac: 0 });
        }
        Ok(self.frame.insert((marker, size, components)))
    }

    fn scan(self, mut body: &[u8], scan_start: usize) -> Result<Header, JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::Scan);
        let no_tables = self.lacks_tables();
        let space = self.frame.as_ref().map(|(_, _, components)| self.space(components));
        let (frame_marker, size, mut components) = self.frame.ok_or(FAULT)?;
        let &[count] = take(&mut body)?;
        if usize::from(count) != components.len() {
            // Sequential files with one scan for each component.
            return Err(Unsupported::SeveralScans.into());
        }
        if no_tables {
            return Err(Unsupported::NoTables.into());
        }
        for component in &mut components {
            let &[id, tables] = take(&mut body)?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            if id != component.id {
                return Err(FAULT);
            }
            if dc > 3 || ac > 3 || self.dc[dc].is_none() || self.ac[ac].is_none() {
                return Err(FAULT);
            }
            if self.quant[component.quant].is_none() {
                return Err(FAULT);
            }
            (component.dc, component.ac) = (dc, ac);
        }
        if *body != [0, 63, 0] {
            return Err(FAULT);
        }
        let blocks: u32 = components.iter().map(|c| c.blocks.0 * c.blocks.1).sum();
        if blocks > 10 {
            return Err(FAULT);
        }
        // The first component must be luma.
        if !space.ok_or(FAULT)??.has_luma() {
            return Err(Unsupported::Colour.into());
        }
        let Gathered { quant, dc, ac, restart, exif, .. } = self;
        Ok(Header { size, frame_marker, components, quant, dc, ac, restart, scan_start, exif })
    }
}

/// Passes over the segments from `at` (behind the entropy-coded data) to the end-of-image marker. A file may lack that: its
/// one scan says itself whether it is whole.
pub(super) fn expect_end(file: &[u8], at: usize) -> Result<(), JpegError> {
    let mut segments = Segments::new(file, at);
    loop {
        match segments.marker() {
            Ok(0xD9) | Err(JpegError::Truncated) => return Ok(()),
            Ok(0xC4 | 0xDA | 0xDB | 0xDD) => return Err(Unsupported::SeveralScans.into()),
            Ok(0xDC) => return Err(Unsupported::DeferredHeight.into()),
            Ok(0xE0..=0xEF | 0xFE) => {
                if let Err(error) = segments.body() {
                    return if error == JpegError::Truncated { Ok(()) } else { Err(error) };
                }
            }
            _ => return Err(JpegError::Malformed(Fault::Marker)),
        }
    }
}
