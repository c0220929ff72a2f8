//! A JPEG writer for tests: any coefficients, sampling, tables, restart intervals, and oddities that encoders leave out.

use proptest::prelude::*;

use crate::jpeg::bits::{BitWriter, stuff};
use crate::jpeg::huffman::{Encoder, TableSpec, category, value_bits};

/// Coefficients of a block in zigzag order, the DC value itself and not its difference.
pub type Block = [i16; 64];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Codes for every symbol.
    All,
    /// Codes for the symbols that occur, and the reserved one.
    Optimal,
    /// Codes for the symbols that occur, and no room for others.
    Full,
}

#[derive(Clone, Debug)]
pub struct Picture {
    pub size: (u16, u16),
    /// Sampling factors of each component.
    pub sampling: Vec<(u8, u8)>,
    pub restart: usize,
    pub tables: TableKind,
    /// For each MCU its blocks, component by component.
    pub mcus: Vec<Vec<Block>>,
    /// What fills up the last byte of an interval.
    pub padding: bool,
    /// Bytes behind the last MCU of each interval.
    pub behind: Vec<u8>,
    /// Fill bytes in front of the markers in the scan and behind it.
    pub fill: usize,
    /// Segments, comments and garbage everywhere.
    pub dirty: bool,
}

/// Whether of a DC table, table, symbol, the bits behind it and how many they are.
type Code = (bool, usize, u8, u32, u32);

impl Picture {
    pub fn blocks_per_mcu(sampling: &[(u8, u8)]) -> usize {
        match sampling {
            [_] => 1,
            all => all.iter().map(|&(h, v)| usize::from(h) * usize::from(v)).sum(),
        }
    }

    pub fn mcus_across_and_down(size: (u16, u16), sampling: &[(u8, u8)]) -> (usize, usize) {
        let (h, v) = Self::most(sampling);
        (usize::from(size.0).div_ceil(8 * usize::from(h)), usize::from(size.1).div_ceil(8 * usize::from(v)))
    }

    /// The most blocks of one component, across and down.
    pub fn most(sampling: &[(u8, u8)]) -> (u8, u8) {
        match sampling {
            [_] => (1, 1),
            all => all.iter().fold((1, 1), |(h, v), &(ch, cv)| (h.max(ch), v.max(cv))),
        }
    }

    fn component_of(&self, block: usize) -> usize {
        let mut last = 0;
        for (component, &(h, v)) in self.sampling.iter().enumerate() {
            last += usize::from(h) * usize::from(v);
            if self.sampling.len() == 1 || block < last {
                return component;
            }
        }
        unreachable!("a block more than the MCU has")
    }

    /// All codes in order, interval by interval.
    fn codes(&self) -> Vec<Vec<Code>> {
        let per_interval = if self.restart == 0 { self.mcus.len() } else { self.restart };
        let interval = |mcus: &[Vec<Block>]| {
            let mut out = Vec::new();
            let mut before = [0i32; 4];
            for (index, block) in mcus.iter().flat_map(|mcu| mcu.iter().enumerate()) {
                let component = self.component_of(index);
                let table = usize::from(component > 0);
                let difference = i32::from(block[0]) - before[component];
                before[component] = block[0].into();
                let size = category(difference);
                out.push((true, table, size, value_bits(difference, size), size.into()));
                let mut run = 0;
                for &value in &block[1..] {
                    if value == 0 {
                        run += 1;
                        continue;
                    }
                    while run > 15 {
                        out.push((false, table, 0xF0, 0, 0));
                        run -= 16;
                    }
                    let size = category(value.into());
                    out.push((false, table, run << 4 | size, value_bits(value.into(), size), size.into()));
                    run = 0;
                }
                if run > 0 {
                    out.push((false, table, 0, 0, 0));
                }
            }
            out
        };
        self.mcus.chunks(per_interval).map(interval).collect()
    }

    pub fn write(&self) -> Vec<u8> {
        let codes = self.codes();
        let mut file = vec![0xFF, 0xD8];
        let segment = |file: &mut Vec<u8>, marker: u8, body: &[u8]| {
            if self.dirty {
                file.extend_from_slice(&[7, 0xFF, 0, 9, 0xFF, 0xFF, 0xFE, 0, 5, b'p', b'l', b't', 0xFF, 0xFF]);
            }
            file.extend_from_slice(&[0xFF, marker]);
            file.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
            file.extend_from_slice(body);
        };
        if self.dirty {
            segment(&mut file, 0xE1, b"Exif\0\0secret");
            segment(&mut file, 0xDB, &[&[1u8][..], &[99; 64]].concat());
            segment(&mut file, 0xEE, b"Adobe\0d\0\0\0\0\x01");
        }
        if self.sampling.len() == 4 {
            segment(&mut file, 0xEE, b"Adobe\0d\0\0\0\0\0");
        }
        let steps: Vec<u8> = (0..64).map(|k| 3 + k / 2).collect();
        segment(&mut file, 0xDB, &[&[0][..], &steps, &[1], &steps].concat());
        let mut frame = vec![8];
        frame.extend_from_slice(&self.size.1.to_be_bytes());
        frame.extend_from_slice(&self.size.0.to_be_bytes());
        frame.push(self.sampling.len() as u8);
        for (id, &(h, v)) in (1u8..).zip(&self.sampling) {
            frame.extend_from_slice(&[id, h << 4 | v, u8::from(id > 1)]);
        }
        segment(&mut file, 0xC1, &frame);
        let tables = [(true, 0), (false, 0), (true, 1), (false, 1)].map(|(dc, table)| {
            let mut counts = [0u32; 256];
            for &(.., symbol, _, _) in codes.iter().flatten().filter(|code| (code.0, code.1) == (dc, table)) {
                counts[usize::from(symbol)] += 1;
            }
            let spec = match self.tables {
                TableKind::Optimal => optimal(&counts, true),
                TableKind::Full => optimal(&counts, false),
                TableKind::All => all(dc),
            };
            let class = u8::from(!dc) << 4 | table as u8;
            segment(&mut file, 0xC4, &[&[class][..], &spec.counts, &spec.symbols].concat());
            Encoder::new(&spec)
        });
        if self.restart > 0 {
            segment(&mut file, 0xDD, &(self.restart as u16).to_be_bytes());
        }
        let mut scan = vec![self.sampling.len() as u8];
        for id in 1..=self.sampling.len() as u8 {
            scan.extend_from_slice(&[id, u8::from(id > 1) * 0x11]);
        }
        scan.extend_from_slice(&[0, 63, 0]);
        segment(&mut file, 0xDA, &scan);
        for (number, codes) in codes.iter().enumerate() {
            if number > 0 {
                file.extend(std::iter::repeat_n(0xFF, self.fill + 1));
                file.push(0xD0 + ((number - 1) % 8) as u8);
            }
            let mut bits = BitWriter::default();
            for &(dc, table, symbol, value, count) in codes {
                let (code, length) = tables[2 * table + usize::from(!dc)].code(symbol).expect("tables have it");
                bits.put(code, length);
                bits.put(value, count);
            }
            bits.align(self.padding);
            let bytes = [bits.bytes(), &self.behind].concat();
            stuff(&bytes, &mut file);
        }
        file.extend(std::iter::repeat_n(0xFF, self.fill));
        if self.dirty {
            file.extend_from_slice(b"\xFF\xED\0\x11behind the scan\0garbage\xFF\0");
        }
        file.extend_from_slice(&[0xFF, 0xD9]);
        if self.dirty {
            file.extend_from_slice(b"trailing \xFF\xD8\xFF\xDA bytes");
        }
        file
    }
}

/// Codes of equal length for every symbol.
fn all(dc: bool) -> TableSpec {
    let mut counts = [0; 16];
    let symbols: Vec<u8> = if dc {
        (0..12).collect()
    } else {
        let sized = (0..=255u8).filter(|s| (1..=10).contains(&(s & 15)));
        [0, 0xF0].into_iter().chain(sized).collect()
    };
    counts[if dc { 3 } else { 7 }] = symbols.len() as u8;
    TableSpec { counts, symbols }
}

/// Huffman's own construction, with one more symbol that gets the code of all ones when it is `reserved`.
fn optimal(counts: &[u32; 256], reserved: bool) -> TableSpec {
    let mut trees: Vec<(u64, Vec<u16>)> = if reserved { vec![(0, vec![256])] } else { Vec::new() };
    let used = (0u16..256).filter(|&s| counts[usize::from(s)] > 0);
    trees.extend(used.map(|s| (counts[usize::from(s)].into(), vec![s])));
    let mut lengths = [0u8; 257];
    if let [(_, symbols)] = &trees[..] {
        lengths[usize::from(symbols[0])] = 1;
    }
    while trees.len() > 1 {
        trees.sort_by_key(|tree| std::cmp::Reverse(tree.0));
        let (a, b) = (trees.pop().expect("two"), trees.pop().expect("two"));
        let symbols = [a.1, b.1].concat();
        for &symbol in &symbols {
            lengths[usize::from(symbol)] += 1;
        }
        trees.push((a.0 + b.0, symbols));
    }
    let mut spec = TableSpec { counts: [0; 16], symbols: Vec::new() };
    for length in 1..=16u8 {
        let symbols = (0u16..256).filter(|&s| lengths[usize::from(s)] == length).map(|s| s as u8);
        let before = spec.symbols.len();
        spec.symbols.extend(symbols);
        spec.counts[usize::from(length) - 1] = (spec.symbols.len() - before) as u8;
    }
    assert_eq!(spec.symbols.len(), counts.iter().filter(|&&c| c > 0).count(), "a code longer than 16 bits");
    spec
}

/// A block with a few coefficients, a full one now and then.
pub fn blocks() -> impl Strategy<Value = Block> {
    let values = prop::collection::vec((1usize..64, -80i16..80), 0..12);
    let full = prop::array::uniform32(-20i16..20);
    (-120i16..120, values, full, prop::bool::weighted(0.1)).prop_map(|(dc, values, full, is_full)| {
        let mut block = [0; 64];
        if is_full {
            block = std::array::from_fn(|k| full[k / 2] | 1);
        }
        for (k, value) in values {
            block[k] = value;
        }
        block[0] = dc;
        block
    })
}

pub const SAMPLINGS: [&[(u8, u8)]; 11] = [
    &[(1, 1)],
    &[(2, 2)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(4, 1), (1, 1), (1, 1)],
    &[(2, 2), (2, 1), (1, 2)],
    &[(3, 1), (1, 1), (1, 1)],
    &[(3, 2), (3, 1), (1, 1)],
    &[(1, 4), (1, 2), (1, 1)],
];

/// Small pictures of every kind that the coefficient path accepts.
pub fn pictures() -> impl Strategy<Value = Picture> {
    let kind = prop_oneof![4 => Just(TableKind::All), 4 => Just(TableKind::Optimal), 1 => Just(TableKind::Full)];
    let odd = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..3), 0usize..3, any::<bool>());
    ((1u16..70, 1u16..50), prop::sample::select(&SAMPLINGS[..]), 0usize..6, kind, odd).prop_flat_map(
        |(size, sampling, restart, tables, (padding, behind, fill, dirty))| {
            let (across, down) = Picture::mcus_across_and_down(size, sampling);
            let mcu = prop::collection::vec(blocks(), Picture::blocks_per_mcu(sampling));
            prop::collection::vec(mcu, across * down).prop_map(move |mcus| Picture {
                size,
                sampling: sampling.to_vec(),
                restart,
                tables,
                mcus,
                padding,
                behind: behind.clone(),
                fill,
                dirty,
            })
        },
    )
}
