//! Coefficients become a file: sequential, one scan, the standard's own tables, no metadata.
//!
//! Owns the order in which blocks are coded, and markers. Knows nothing of where the coefficients come from.

use pulp::{Arch, Simd, WithSimd};

use super::header::{Component, QuantTable};
use super::huffman::{Encoder, TableSpec, category, value_bits};
use crate::geometry::Size;

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
        let mut coder = Coder { out: file.0, pending: 0, count: 0, missing: false };
        // Photographs take a fifth of a byte a pixel.
        coder.out.reserve(self.size.pixels() as usize / 5);
        let codes = specs.map(|specs| specs.map(|spec| Codes::new(&spec)));
        Arch::new().dispatch(Scan { components: &components, blocks: self.blocks, codes: &codes, coder: &mut coder });
        (!coder.missing).then(|| coder.finish())
    }
}

/// Codes by symbol: the length in the low byte, 0 for none.
struct Codes([u32; 256]);

impl Codes {
    fn new(spec: &TableSpec) -> Self {
        let encoder = Encoder::new(spec);
        let mut codes = [0; 256];
        for (symbol, entry) in (0u8..=255).zip(&mut codes) {
            *entry = encoder.code(symbol).map_or(0, |(code, length)| code << 8 | length);
        }
        Self(codes)
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
                for (index, (c, blocks)) in components.iter().zip(blocks).enumerate() {
                    let (across, down) = (c.blocks.0 as usize, c.blocks.1 as usize);
                    for y in 0..down {
                        let start = (row * down + y) * blocks.across + column * across;
                        for block in &blocks.blocks[start..start + across] {
                            coder.block(block, &mut before[index], &codes[index.min(1)]);
                        }
                    }
                }
            }
        }
    }
}

/// Writes codes with byte stuffing.
struct Coder {
    out: Vec<u8>,
    /// Bits not yet in `out`, right aligned; fewer than 32 between calls.
    pending: u64,
    count: u32,
    /// Whether a symbol had no code.
    missing: bool,
}

impl Coder {
    /// Appends a symbol and the `size` bits behind it.
    #[inline(always)]
    fn put(&mut self, entry: u32, bits: u32, size: u32) {
        let length = entry & 0xFF;
        self.missing |= length == 0;
        self.pending = self.pending << (length + size) | u64::from(entry >> 8) << size | u64::from(bits);
        self.count += length + size;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.pending >> self.count) as u32;
            // Whether none of the four bytes is 0xFF.
            if (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0 {
                self.out.extend_from_slice(&word.to_be_bytes());
            } else {
                self.stuffed(word);
            }
        }
    }

    #[cold]
    fn stuffed(&mut self, word: u32) {
        for byte in word.to_be_bytes() {
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    #[inline(always)]
    fn block(&mut self, block: &Block, before: &mut i32, [dc, ac]: &[Codes; 2]) {
        let difference = i32::from(block[0]) - *before;
        *before = block[0].into();
        let size = category(difference);
        self.put(dc.0[usize::from(size)], value_bits(difference, size), size.into());

        let mut left = 0u64;
        for (at, &value) in block.iter().enumerate() {
            left |= u64::from(value != 0) << at;
        }
        left &= !1;
        let mut last = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            let mut run = at - last - 1;
            while run > 15 {
                self.put(ac.0[0xF0], 0, 0);
                run -= 16;
            }
            let value = i32::from(block[at as usize & 63]);
            let size = category(value);
            self.missing |= size > 10;
            self.put(ac.0[(run << 4) as usize | usize::from(size) & 15], value_bits(value, size), size.into());
            last = at;
            left &= left - 1;
        }
        if last != 63 {
            self.put(ac.0[0], 0, 0);
        }
    }

    /// The file, its last byte filled with ones.
    fn finish(mut self) -> Vec<u8> {
        let spare = (8 - self.count % 8) % 8;
        let bits = self.pending << spare | ((1 << spare) - 1);
        let bytes = (self.count + spare) / 8;
        for at in (0..bytes).rev() {
            let byte = (bits >> (8 * at)) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
        self.out.extend_from_slice(&[0xFF, 0xD9]);
        self.out
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
}
