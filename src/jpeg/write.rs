//! Coefficients become a file: sequential, one scan, the standard's own tables, no metadata.
//!
//! Owns the order in which blocks are coded, and markers. Knows nothing of where the coefficients come from.

use pulp::{Simd, WithSimd};

use super::bits::stuff;
use super::header::{Component, QuantTable};
use super::huffman::{Encoder, TableSpec, category, value_bits};
use crate::geometry::Size;
use crate::simd;

/// A block's coefficients in the order in which a file states them; the DC value itself, not its difference.
pub(super) type Block = [i16; 64];

/// The blocks of one component.
pub(super) struct Blocks {
    /// Blocks in a row, as many as whole MCUs have.
    pub across: usize,
    /// Row by row.
    pub blocks: Vec<Block>,
}

/// A picture as coefficients.
pub(super) struct Coefficients<'a> {
    pub size: Size,
    /// One, or luma and two of chroma.
    pub components: &'a [Component],
    pub quant: &'a [Option<QuantTable>; 4],
    pub blocks: &'a [Blocks],
}

/// DC codes: how many of each length, and sizes of differences (ITU-T T.81, tables K.3 and K.4).
const DC: [[u8; 16]; 2] =
    [[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]];

/// AC codes: how many of each length (tables K.5 and K.6).
const AC: [[u8; 16]; 2] =
    [[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125], [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119]];

/// AC symbols of luma, shortest codes first (table K.5).
#[rustfmt::skip]
const AC_LUMA: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
    0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
    0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
    0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
    0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
    0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

/// AC symbols of chroma, shortest codes first (table K.6).
#[rustfmt::skip]
const AC_CHROMA: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
    0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
    0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
    0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
    0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
    0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
    0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

/// Segments of a file being written.
pub(super) struct Segments(pub Vec<u8>);

impl Segments {
    /// A file with its JFIF segment, which says how the components are to be taken: version 1.01, no density, no thumbnail.
    pub fn new() -> Self {
        let mut segments = Self(vec![0xFF, 0xD8]);
        segments.add(0xE0, &[b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
        segments
    }

    /// Adds a segment. Every body written by this module is far below 64 KiB.
    pub fn add(&mut self, marker: u8, body: &[u8]) {
        self.0.extend_from_slice(&[0xFF, marker]);
        self.0.extend_from_slice(&((body.len() + 2) as u16).to_be_bytes());
        self.0.extend_from_slice(body);
    }

    /// Adds a quantisation table as number `number`.
    pub fn quant(&mut self, number: u8, QuantTable { steps, wide, .. }: &QuantTable) {
        let bytes = steps.iter().flat_map(|step| step.to_be_bytes().into_iter().skip(usize::from(!wide)));
        let body: Vec<u8> = std::iter::once(u8::from(*wide) << 4 | number).chain(bytes).collect();
        self.add(0xDB, &body);
    }

    /// Adds the frame header.
    pub fn frame(&mut self, marker: u8, size: Size, components: &[Component]) {
        let ([.., h1, h0], [.., w1, w0]) = (size.height.to_be_bytes(), size.width.to_be_bytes());
        let mut body = vec![8, h1, h0, w1, w0, components.len() as u8];
        for c in components {
            body.extend_from_slice(&[c.id, c.sampling.0 << 4 | c.sampling.1, c.quant as u8]);
        }
        self.add(marker, &body);
    }

    /// Adds a Huffman table of `class` 0 (DC) or 1 (AC) as number `number`.
    pub fn huffman(&mut self, class: u8, number: u8, spec: &TableSpec) {
        self.add(0xC4, &[&[class << 4 | number][..], &spec.counts, &spec.symbols].concat());
    }

    /// Adds the header of a scan of all components.
    pub fn scan(&mut self, components: &[Component]) {
        let mut body = vec![components.len() as u8];
        body.extend(components.iter().flat_map(|c| [c.id, (c.dc << 4 | c.ac) as u8]));
        body.extend_from_slice(&[0, 63, 0]);
        self.add(0xDA, &body);
    }
}

/// The standard's tables of luma (0) or chroma (1), for DC and AC.
pub(super) fn specs(chroma: usize) -> [TableSpec; 2] {
    let ac = if chroma == 0 { AC_LUMA } else { AC_CHROMA };
    [
        TableSpec { counts: DC[chroma], symbols: (0..12).collect() },
        TableSpec { counts: AC[chroma], symbols: ac.to_vec() },
    ]
}

/// The segments that define the standard's tables, for luma as number 0 and for chroma as number 1: what is meant by files
/// that leave theirs out.
pub(crate) fn standard_tables() -> Vec<u8> {
    let mut segments = Segments(Vec::with_capacity(432));
    for (number, chroma) in [(0, 0), (1, 1)] {
        for (class, spec) in (0u8..).zip(specs(chroma)) {
            segments.huffman(class, number, &spec);
        }
    }
    segments.0
}

impl Coefficients<'_> {
    /// The file; `None` when a coefficient is greater than 8-bit samples make it, and has no code.
    pub fn write(&self) -> Option<Vec<u8>> {
        // The standard's names for the components, and one set of tables for luma and one for chroma.
        let components: Vec<Component> = (0..)
            .zip(self.components)
            .map(|(number, c)| Component { id: number as u8 + 1, dc: number.min(1), ac: number.min(1), ..*c })
            .collect();
        let mut file = Segments::new();
        for (number, table) in (0u8..).zip(self.quant) {
            if let Some(table) = table.as_ref().filter(|_| components.iter().any(|c| c.quant == usize::from(number))) {
                file.quant(number, table);
            }
        }
        let wide = components.iter().any(|c| self.quant[c.quant].as_ref().is_some_and(|table| table.wide));
        file.frame(if wide { 0xC1 } else { 0xC0 }, self.size, &components);
        let specs = [specs(0), specs(1)];
        for (number, specs) in (0u8..).zip(&specs).take(components.len().min(2)) {
            for (class, spec) in (0u8..).zip(specs) {
                file.huffman(class, number, spec);
            }
        }
        file.scan(&components);
        let mut coder = Coder::new(file.0);
        // Photographs take a fifth of a byte a pixel.
        coder.reserve(self.size.pixels() as usize / 5);
        let codes = specs.map(|specs| specs.map(|spec| Codes::new(&spec)));
        simd::run(Scan { components: &components, blocks: self.blocks, codes: &codes, coder: &mut coder });
        (!coder.lacks()).then(|| coder.finish())
    }
}

/// By run and size (32 × run + size): how many bits the symbol's code takes with those of the value behind it in the low five
/// bits, and above them the code, with room for the value. [`Codes::MISSING`] where there is none.
pub(super) struct Codes([u32; 512]);

impl Codes {
    /// Above the longest code and value.
    const MISSING: u32 = 1 << 31;

    pub fn new(spec: &TableSpec) -> Self {
        let encoder = Encoder::new(spec);
        let mut codes = [Self::MISSING; 512];
        for symbol in 0..=255 {
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            // Of sequential coding, none is longer, whatever the table.
            if let Some((code, length)) = encoder.code(symbol).filter(|(_, length)| length + size <= 26) {
                codes[run << 5 | size as usize] = (code << size) << 5 | (length + size);
            }
        }
        Self(codes)
    }

    #[inline(always)]
    fn entry(&self, run: u32, size: u8) -> u32 {
        self.0[(run << 5 | u32::from(size)) as usize % 512]
    }
}

/// All blocks in the order of MCUs. A job, so that it is compiled for the processor's vectors.
struct Scan<'a> {
    components: &'a [Component],
    blocks: &'a [Blocks],
    /// Of luma and chroma, each DC and AC.
    codes: &'a [[Codes; 2]; 2],
    coder: &'a mut Coder,
}

impl WithSimd for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { components, blocks, codes, coder } = self;
        let mut before = [0; 3];
        let (first, luma) = (&components[0], &blocks[0]);
        let (across, per_row) = (first.blocks.0 as usize, luma.across * first.blocks.1 as usize);
        for row in 0..luma.blocks.len() / per_row {
            for column in 0..luma.across / across {
                coder.run(|run| {
                    for (index, (c, blocks)) in components.iter().zip(blocks).enumerate() {
                        let (across, down) = (c.blocks.0 as usize, c.blocks.1 as usize);
                        for y in 0..down {
                            let start = (row * down + y) * blocks.across + column * across;
                            for block in &blocks.blocks[start..start + across] {
                                run.block(block, &mut before[index], &codes[index.min(1)]);
                            }
                        }
                    }
                });
            }
        }
    }
}

/// Writes codes with byte stuffing, run by run.
pub(super) struct Coder {
    out: Vec<u8>,
    /// What a run writes, before its stuffing.
    room: Vec<u8>,
    /// Bits not yet in `out`, right aligned below others; fewer than eight.
    pending: u64,
    count: u32,
    /// Of all symbols, see [`Codes`].
    entries: u32,
}

impl Coder {
    /// Writes behind `out`.
    pub fn new(out: Vec<u8>) -> Self {
        Self { out, room: vec![0; Run::ROOM + 8], pending: 0, count: 0, entries: 0 }
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Appends what `write` gives: at most [`Run::BLOCKS`] blocks.
    #[inline(always)]
    pub fn run(&mut self, write: impl FnOnce(&mut Run<'_>)) {
        let Self { room, pending, count, entries, .. } = self;
        let room = room.first_chunk_mut().expect("as long as a run may be");
        // By itself, so that it stays in registers.
        let mut run = Run { room, at: 0, pending: *pending, count: *count, entries: *entries };
        write(&mut run);
        let at = run.at;
        (*pending, *count, *entries) = (run.pending, run.count, run.entries);
        stuff(&self.room[..at], &mut self.out);
    }

    /// Whether a symbol had no code.
    pub fn lacks(&self) -> bool {
        self.entries & Codes::MISSING != 0
    }

    /// The file, its last byte filled with ones.
    pub fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            let spare = 8 - self.count;
            stuff(&[(self.pending << spare) as u8 | ((1 << spare) - 1)], &mut self.out);
        }
        self.out.extend_from_slice(&[0xFF, 0xD9]);
        self.out
    }
}

/// Blocks one after the other.
pub(super) struct Run<'a> {
    room: &'a mut [u8; Run::ROOM + 8],
    /// Bytes written.
    at: usize,
    pending: u64,
    count: u32,
    entries: u32,
}

impl Run<'_> {
    /// As many as one may have: 16 MCUs of as many blocks as the standard allows.
    pub const BLOCKS: usize = 160;

    /// More than all of them take: 64 symbols each, of at most 16 bits and 10 of their value. A power of two, so that no place
    /// needs to be compared with it.
    const ROOM: usize = 1 << 16;

    /// Appends a symbol and the bits of the value behind it.
    #[inline(always)]
    fn put(&mut self, entry: u32, bits: u32) {
        const { assert!(Self::BLOCKS * 64 * 26 / 8 < Self::ROOM) };
        self.entries |= entry;
        let length = entry & 31;
        self.pending = self.pending << length | u64::from(entry >> 5) | u64::from(bits);
        self.count += length;
        // Eight bytes, whether they are needed or not: that is faster than to know.
        let at = self.at % Self::ROOM;
        let left_aligned = self.pending.wrapping_shl(64 - self.count);
        self.room[at..at + 8].copy_from_slice(&left_aligned.to_be_bytes());
        self.at = at + (self.count / 8) as usize;
        self.count %= 8;
    }

    #[inline(always)]
    fn block(&mut self, block: &Block, before: &mut i32, codes: &[Codes; 2]) {
        let mut left = 0u64;
        for (at, &value) in block.iter().enumerate() {
            left |= u64::from(value != 0) << at;
        }
        self.coefficients(left, |at| block[at].into(), before, codes);
    }

    /// Appends a block: `values` gives its coefficients 0 to 63, of which `left` has a bit for those that are not zero. The DC
    /// value is coded as its difference from that `before`, whose place it takes.
    #[inline(always)]
    pub fn coefficients(&mut self, left: u64, values: impl Fn(usize) -> i32, before: &mut i32, [dc, ac]: &[Codes; 2]) {
        let first = values(0);
        let difference = first - *before;
        *before = first;
        let size = category(difference);
        self.put(dc.entry(0, size), value_bits(difference, size));

        let mut left = left & !1;
        let mut last = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            let mut run = at - last - 1;
            while run > 15 {
                self.put(ac.entry(15, 0), 0);
                run -= 16;
            }
            let value = values(at as usize & 63);
            let size = category(value);
            self.put(ac.entry(run, size), value_bits(value, size));
            last = at;
            left &= left - 1;
        }
        if last != 63 {
            self.put(ac.entry(0, 0), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole() {
        for chroma in 0..2 {
            let [dc, ac] = specs(chroma);
            let symbols = |spec: &TableSpec| {
                let mut symbols = spec.symbols.clone();
                symbols.sort_unstable();
                symbols
            };
            assert_eq!(symbols(&dc), (0..12).collect::<Vec<u8>>());
            let mut every: Vec<u8> = (0..16).flat_map(|run| (1..=10).map(move |size| run << 4 | size)).collect();
            every.extend([0x00, 0xF0]);
            every.sort_unstable();
            assert_eq!(symbols(&ac), every);
            for spec in [dc, ac] {
                let stated = [&spec.counts[..], &spec.symbols].concat();
                assert_eq!(TableSpec::parse(&stated).unwrap().0, spec);
                assert_eq!(spec.counts.iter().map(|n| usize::from(*n)).sum::<usize>(), spec.symbols.len());
            }
        }
    }

    #[test]
    fn what_has_no_code_is_not_written() {
        let component = Component { id: 1, sampling: (1, 1), blocks: (1, 1), quant: 0, dc: 0, ac: 0 };
        let quant = [Some(QuantTable { steps: [1; 64], wide: false, at: 0..0 }), None, None, None];
        let written = |values: [(usize, i16); 2]| {
            let mut block = [0; 64];
            values.into_iter().for_each(|(at, value)| block[at] = value);
            let blocks = [Blocks { across: 1, blocks: vec![block] }];
            Coefficients { size: Size::new(8, 8), components: &[component], quant: &quant, blocks: &blocks }.write()
        };
        for at in [1, 17, 63] {
            assert!(written([(0, 2047), (at, -1023)]).is_some() && written([(0, -2047), (at, 1023)]).is_some());
            for value in [1024, -1024, i16::MAX, i16::MIN] {
                assert!(written([(0, 0), (at, value)]).is_none(), "{at}: {value}");
            }
        }
        for value in [2048, -2048, i16::MAX, i16::MIN] {
            assert!(written([(0, value), (1, 1)]).is_none(), "{value}");
        }
    }
}
