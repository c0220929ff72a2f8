//! Pictures of several scans become files of one.

use proptest::prelude::*;

use super::coder::{Block, Picture, pictures};
use super::*;
use crate::jpeg::bits::{BitWriter, stuff};
use crate::jpeg::huffman::{Encoder, TableSpec, category, value_bits};

/// One scan: components, first and last coefficient, the bit stated before plus one (0 for none), and the one stated.
pub type Script = (&'static [usize], usize, usize, u8, u8);

pub const PROGRESSIVE: [Script; 10] = [
    (&[0, 1, 2], 0, 0, 0, 1),
    (&[0], 1, 5, 0, 2),
    (&[2], 1, 63, 0, 1),
    (&[1], 1, 63, 0, 1),
    (&[0], 6, 63, 0, 2),
    (&[0], 1, 63, 2, 1),
    (&[0, 1, 2], 0, 0, 1, 0),
    (&[2], 1, 63, 1, 0),
    (&[1], 1, 63, 1, 0),
    (&[0], 1, 63, 1, 0),
];

pub const SEPARATE: [Script; 4] = [(&[0], 0, 63, 0, 0), (&[1], 0, 63, 0, 0), (&[2], 0, 63, 0, 0), (&[3], 0, 63, 0, 0)];

/// Codes of 9 bits for every symbol.
pub fn codes() -> TableSpec {
    let mut counts = [0; 16];
    (counts[7], counts[8]) = (200, 56);
    TableSpec { counts, symbols: (0..=255).collect() }
}

pub struct Writer<'a> {
    pub picture: &'a Picture,
    pub encoder: Encoder,
}

impl Writer<'_> {
    /// Component `c`'s blocks in an MCU.
    fn factors(&self, c: usize) -> (usize, usize) {
        let (h, v) = if self.picture.sampling.len() == 1 { (1, 1) } else { self.picture.sampling[c] };
        (h.into(), v.into())
    }

    /// The block of component `c` at (column, row).
    fn block(&self, c: usize, column: usize, row: usize) -> &Block {
        let (h, v) = self.factors(c);
        let across = Picture::mcus_across_and_down(self.picture.size, &self.picture.sampling).0;
        let before: usize = (0..c).map(|c| self.factors(c)).map(|(h, v)| h * v).sum();
        &self.picture.mcus[row / v * across + column / h][before + row % v * h + column % h]
    }

    /// The blocks of component `c` that show a part of the picture, across and down.
    fn shown(&self, c: usize) -> (usize, usize) {
        let ((h, v), most) = (self.factors(c), Picture::most(&self.picture.sampling));
        let (most_h, most_v) = (usize::from(most.0), usize::from(most.1));
        let (width, height) = self.picture.size;
        ((usize::from(width) * h).div_ceil(8 * most_h), (usize::from(height) * v).div_ceil(8 * most_v))
    }

    /// The units of a scan: for each, components and their blocks.
    fn units(&self, components: &[usize]) -> Vec<Vec<(usize, &Block)>> {
        if let [c] = *components {
            let (across, down) = self.shown(c);
            let place = |at: usize| vec![(c, self.block(c, at % across, at / across))];
            return (0..across * down).map(place).collect();
        }
        let (across, down) = Picture::mcus_across_and_down(self.picture.size, &self.picture.sampling);
        let unit = |at: usize| {
            let (column, row) = (at % across, at / across);
            let blocks = components.iter().flat_map(|&c| {
                let (h, v) = self.factors(c);
                (0..h * v).map(move |b| (c, self.block(c, column * h + b % h, row * v + b / h)))
            });
            blocks.collect()
        };
        (0..across * down).map(unit).collect()
    }

    fn symbol(&self, symbol: u8, bits: &mut BitWriter) {
        let (code, length) = self.encoder.code(symbol).expect("every symbol has a code");
        bits.put(code, length);
    }

    /// Ends `run` bands.
    fn ends(&self, run: &mut u32, bits: &mut BitWriter) {
        if *run > 0 {
            let size = run.ilog2();
            self.symbol((size << 4) as u8, bits);
            bits.put(*run & !(1 << size), size);
            *run = 0;
        }
    }

    fn sized(&self, zeros: u8, value: i32, bits: &mut BitWriter) {
        let size = category(value);
        self.symbol(zeros << 4 | size, bits);
        bits.put(value_bits(value, size), size.into());
    }

    fn first(&self, block: &Block, (from, to, low): (usize, usize, u8), run: &mut u32, bits: &mut BitWriter) {
        let mut zeros = 0;
        for &value in &block[from..=to] {
            // Towards zero, unlike a DC value.
            let value = i32::from(value) / (1 << low);
            if value == 0 {
                zeros += 1;
                continue;
            }
            self.ends(run, bits);
            while zeros > 15 {
                self.symbol(0xF0, bits);
                zeros -= 16;
            }
            self.sized(zeros, value, bits);
            zeros = 0;
        }
        *run += u32::from(zeros > 0);
    }

    fn refined(&self, block: &Block, (from, to, low): (usize, usize, u8), bits: &mut BitWriter) {
        let at = |k: usize| i32::from(block[k]) / (1 << low);
        let last_new = (from..=to).rev().find(|&k| at(k).abs() == 1);
        let (mut zeros, mut corrections) = (0, Vec::new());
        let correct = |corrections: &mut Vec<u32>, bits: &mut BitWriter| {
            corrections.drain(..).for_each(|bit| bits.put(bit, 1));
        };
        for k in from..=to {
            match at(k).abs() {
                0 => zeros += 1,
                1 => {
                    self.symbol(zeros << 4 | 1, bits);
                    bits.put(u32::from(at(k) > 0), 1);
                    correct(&mut corrections, bits);
                    zeros = 0;
                }
                magnitude => corrections.push(magnitude as u32 & 1),
            }
            if zeros == 16 && last_new.is_some_and(|last| last > k) {
                self.symbol(0xF0, bits);
                correct(&mut corrections, bits);
                zeros = 0;
            }
        }
        if zeros > 0 || !corrections.is_empty() {
            self.symbol(0, bits);
            correct(&mut corrections, bits);
        }
    }

    fn scan(&self, &(components, from, to, high, low): &Script) -> Vec<Vec<u8>> {
        let units = self.units(components);
        let per_interval = if self.picture.restart == 0 { units.len() } else { self.picture.restart };
        let interval = |units: &[Vec<(usize, &Block)>]| {
            let (mut bits, mut before, mut run) = (BitWriter::default(), [0; 4], 0);
            for &(c, block) in units.iter().flatten() {
                if from == 0 && high == 0 {
                    let value = i32::from(block[0]) >> low;
                    self.sized(0, value - before[c], &mut bits);
                    before[c] = value;
                } else if from == 0 {
                    bits.put((block[0] >> low) as u32 & 1, 1);
                }
                match (to, high) {
                    (0, _) => {}
                    (_, 0) => self.first(block, (from.max(1), to, low), &mut run, &mut bits),
                    _ => self.refined(block, (from, to, low), &mut bits),
                }
                if from == 0 {
                    self.ends(&mut run, &mut bits);
                }
            }
            self.ends(&mut run, &mut bits);
            bits.align(true);
            bits.bytes().to_vec()
        };
        units.chunks(per_interval).map(interval).collect()
    }

    pub fn write(&self, scripts: &[Script]) -> Vec<u8> {
        let Picture { size: (width, height), sampling, restart, .. } = self.picture;
        let progressive = scripts.iter().any(|script| (script.1, script.2) != (0, 63));
        let mut file = vec![0xFF, 0xD8];
        let segment = |file: &mut Vec<u8>, marker: u8, body: &[u8]| {
            file.extend_from_slice(&[0xFF, marker]);
            file.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
            file.extend_from_slice(body);
        };
        segment(&mut file, 0xE1, b"Exif\0\0MM\0\x2a");
        segment(&mut file, 0xDB, &[&[0][..], &[3; 64], &[1], &[5; 64]].concat());
        let mut frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[sampling.len() as u8]].concat();
        for (id, &(h, v)) in (1u8..).zip(sampling) {
            frame.extend_from_slice(&[id, h << 4 | v, u8::from(id > 1)]);
        }
        segment(&mut file, if progressive { 0xC2 } else { 0xC1 }, &frame);
        let spec = codes();
        for class in [0, 0x10] {
            segment(&mut file, 0xC4, &[&[class][..], &spec.counts, &spec.symbols].concat());
        }
        segment(&mut file, 0xDD, &(*restart as u16).to_be_bytes());
        for script in scripts {
            let components: Vec<usize> = script.0.iter().copied().filter(|c| *c < sampling.len()).collect();
            if components.is_empty() {
                continue;
            }
            let named = components.iter().flat_map(|c| [*c as u8 + 1, 0]);
            let mut body = vec![components.len() as u8];
            body.extend(named);
            body.extend_from_slice(&[script.1 as u8, script.2 as u8, script.3 << 4 | script.4]);
            segment(&mut file, 0xDA, &body);
            let all: &[usize] = &[0, 1, 2, 3];
            let present = (&all[..components.len()], script.1, script.2, script.3, script.4);
            let intervals = self.scan(if components.len() == script.0.len() { script } else { &present });
            for (number, bytes) in intervals.iter().enumerate() {
                if number > 0 {
                    file.extend_from_slice(&[0xFF, 0xD0 + ((number - 1) % 8) as u8]);
                }
                stuff(bytes, &mut file);
            }
        }
        file.extend_from_slice(&[0xFF, 0xD9]);
        file
    }

    /// What can be known of the picture: blocks beyond it have a DC value at most.
    fn expected(&self, dc_too: bool) -> Vec<Vec<Block>> {
        let (across, down) = Picture::mcus_across_and_down(self.picture.size, &self.picture.sampling);
        let mcu = |at: usize| {
            let (column, row) = (at % across, at / across);
            let blocks = (0..self.picture.sampling.len()).flat_map(|c| {
                let ((h, v), shown) = (self.factors(c), self.shown(c));
                (0..h * v).map(move |b| {
                    let (x, y) = (column * h + b % h, row * v + b / h);
                    let mut block = *self.block(c, x, y);
                    if x >= shown.0 || y >= shown.1 {
                        block[if dc_too { 0 } else { 1 }..].fill(0);
                    }
                    block
                })
            });
            blocks.collect()
        };
        (0..across * down).map(mcu).collect()
    }
}

fn made(file: &[u8]) -> Result<Sequential, JpegError> {
    sequential(file, &Limits::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_coefficient_comes_through(picture in pictures()) {
        let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
        for (scripts, alone) in [(&PROGRESSIVE[..], false), (&SEPARATE, true)] {
            let alone = alone || picture.sampling.len() == 1;
            let file = writer.write(scripts);
            let Sequential { file: one_scan, exif } = made(&file).unwrap();
            prop_assert_eq!(&file[exif.unwrap()], b"MM\0\x2a");
            let jpeg = parse(&one_scan);
            prop_assert_eq!((jpeg.size().width, jpeg.size().height), (picture.size.0.into(), picture.size.1.into()));
            prop_assert!(coefficients(&jpeg) == writer.expected(alone));
        }
    }

    /// Wherever a file ends, with or without an end marker behind, it is not whole.
    #[test]
    fn what_is_cut_is_refused(picture in pictures(), at in 0.0f64..1.0) {
        let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
        let file = writer.write(&PROGRESSIVE);
        let mut cut = file[..2 + (at * (file.len() - 4) as f64) as usize].to_vec();
        prop_assert!(made(&cut).is_err());
        cut.extend_from_slice(&[0xFF, 0xD9]);
        prop_assert!(made(&cut).is_err());
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic(
        picture in pictures(), at in prop::collection::vec((0.0f64..1.0, any::<u8>()), 1..6),
    ) {
        let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
        let mut file = writer.write(&PROGRESSIVE);
        for (place, byte) in at {
            let place = (place * file.len() as f64) as usize;
            file[place] = byte;
        }
        if let Ok(Sequential { file, .. }) = made(&file) {
            prop_assert!(Jpeg::parse(&file, &Limits::default(), Reduction::Half).is_ok());
        }
    }
}

#[test]
fn a_claim_of_a_large_picture_is_refused_before_memory_is_taken() {
    let picture = Picture { size: (8, 8), ..a_picture() };
    let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
    let mut file = writer.write(&PROGRESSIVE);
    let frame = file.windows(2).position(|w| w == [0xFF, 0xC2]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    assert_eq!(made(&file).err(), Some(JpegError::Truncated));
}

/// Grey, of one block.
fn a_picture() -> Picture {
    Picture {
        size: (8, 8),
        sampling: vec![(1, 1)],
        restart: 0,
        tables: TableKind::All,
        mcus: vec![vec![[3; 64]]],
        padding: true,
        behind: Vec::new(),
        fill: 0,
        dirty: false,
    }
}
