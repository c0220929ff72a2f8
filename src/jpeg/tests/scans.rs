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

    fn scan(&self, &(components, from, to, high, low): &Script, restart: usize) -> Vec<Vec<u8>> {
        let units = self.units(components);
        let per_interval = if restart == 0 { units.len() } else { restart };
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
        self.write_with(scripts, |_| Vec::new(), |_| self.picture.restart)
    }

    /// With other segments before each of the scans that there are (and behind the last one), and restart intervals of their
    /// own.
    fn write_with(
        &self,
        scripts: &[Script],
        before: impl Fn(usize) -> Vec<u8>,
        restart: impl Fn(usize) -> usize,
    ) -> Vec<u8> {
        let Picture { size: (width, height), sampling, .. } = self.picture;
        let progressive = scripts.iter().any(|script| (script.1, script.2) != (0, 63));
        let mut file = vec![0xFF, 0xD8];
        let segment = |file: &mut Vec<u8>, marker: u8, body: &[u8]| {
            file.extend_from_slice(&[0xFF, marker]);
            file.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
            file.extend_from_slice(body);
        };
        segment(&mut file, 0xE1, b"Exif\0\0MM\0\x2a");
        if sampling.len() == 4 {
            segment(&mut file, 0xEE, b"Adobe\0d\0\0\0\0\0");
        }
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
        let mut scans = 0;
        for script in scripts {
            let components: Vec<usize> = script.0.iter().copied().filter(|c| *c < sampling.len()).collect();
            if components.is_empty() {
                continue;
            }
            file.extend(before(scans));
            let restart = restart(scans);
            scans += 1;
            segment(&mut file, 0xDD, &(restart as u16).to_be_bytes());
            let named = components.iter().flat_map(|c| [*c as u8 + 1, 0]);
            let mut body = vec![components.len() as u8];
            body.extend(named);
            body.extend_from_slice(&[script.1 as u8, script.2 as u8, script.3 << 4 | script.4]);
            segment(&mut file, 0xDA, &body);
            let all: &[usize] = &[0, 1, 2, 3];
            let present = (&all[..components.len()], script.1, script.2, script.3, script.4);
            let intervals = self.scan(if components.len() == script.0.len() { script } else { &present }, restart);
            for (number, bytes) in intervals.iter().enumerate() {
                if number > 0 {
                    file.extend_from_slice(&[0xFF, 0xD0 + ((number - 1) % 8) as u8]);
                }
                stuff(bytes, &mut file);
            }
        }
        file.extend(before(scans));
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

    /// Wherever a file ends, it is not whole without an end marker; and with one behind it, where a scan is not.
    #[test]
    fn what_is_cut_is_refused(picture in pictures(), at in 0.0f64..1.0) {
        let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
        let file = writer.write(&PROGRESSIVE);
        let at = 2 + (at * (file.len() - 4) as f64) as usize;
        let mut cut = file[..at].to_vec();
        prop_assert!(made(&cut).is_err());
        cut.extend_from_slice(&[0xFF, 0xD9]);
        let scan = (0..at - 1).rev().find(|&start| file[start..].starts_with(&[0xFF, 0xDA]));
        let whole = scan.is_some_and(|scan| {
            let data = scan + 2 + usize::from(file[scan + 3]);
            let length = file[data..].windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0 | 0xD0..=0xD7));
            at >= data + length.unwrap()
        });
        prop_assert!(whole || made(&cut).is_err());
    }

    /// What ends with a scan, and says so, is what its scans say.
    #[test]
    fn a_progressive_file_may_end_with_any_of_its_scans(picture in pictures(), scans in 1usize..10) {
        let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
        let file = writer.write(&PROGRESSIVE[..scans]);
        let mut stated = [[None; 64]; 4];
        for &(components, from, to, _, low) in &PROGRESSIVE[..scans] {
            for &c in components {
                stated[c][from..=to].fill(Some(low));
            }
        }
        let one = picture.sampling.len() == 1;
        // The fourth component has no scan.
        if picture.sampling.len() == 4 {
            prop_assert!(made(&file).is_err());
            return Ok(());
        }
        let factors = (0..picture.sampling.len()).flat_map(|c| {
            let (h, v) = writer.factors(c);
            std::iter::repeat_n(c, h * v)
        });
        let components: Vec<usize> = factors.collect();
        let mut expected = writer.expected(one);
        for (block, &c) in expected.iter_mut().flat_map(|mcu| mcu.iter_mut().zip(&components)) {
            for (k, value) in block.iter_mut().enumerate() {
                *value = match stated[c][k] {
                    None => 0,
                    // Of a DC value downwards, of others towards zero.
                    Some(low) if k == 0 => *value >> low << low,
                    Some(low) => *value / (1 << low) * (1 << low),
                };
            }
        }
        let Sequential { file: one_scan, .. } = made(&file).unwrap();
        prop_assert!(coefficients(&parse(&one_scan)) == expected);
        // The end is stated, or nobody knows whether more was to come.
        prop_assert!(made(&file[..file.len() - 2]).is_err());
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

/// A quantisation table of equal steps.
fn table(number: u8, step: u8) -> Vec<u8> {
    [&[0xFF, 0xDB, 0, 67, number][..], &[step; 64]].concat()
}

/// Luma as its samples say; where the file can be made one of a single scan, that says the same.
fn luma(file: &[u8]) -> Result<Vec<u8>, JpegError> {
    let limits = Limits::default();
    let planes = Coded::read(file, &limits).and_then(Coded::planes)?;
    let Size { width, height } = planes.size;
    let samples: Vec<u8> =
        (0..height).flat_map(|y| planes.planes[0].row(y as usize)[..width as usize].to_vec()).collect();
    if let Ok(made) = made(file) {
        let jpeg = Jpeg::parse(&made.file, &limits, Reduction::Full).unwrap();
        let again = crate::frame::LumaSource::reduced(&jpeg, 1).data.clone();
        assert!(again.iter().zip(&samples).all(|(a, b)| a.abs_diff(*b) <= 1), "two ways, two pictures");
    }
    Ok(samples)
}

/// Blocks of middling coefficients, so that no sample is clipped and steps tell.
fn some_picture() -> Picture {
    let sampling = vec![(1, 1); 3];
    let block = |at: usize| std::array::from_fn(|k| if k < 4 { ((at * 7 + k * 5) % 23) as i16 - 11 } else { 0 });
    let mcus = (0..12).map(|at| (0..3).map(|c| block(3 * at + c)).collect()).collect();
    Picture { size: (32, 24), sampling, mcus, ..a_picture() }
}

/// The kinds of segments that have a meaning for what follows, each before every scan and behind the last.
#[test]
fn tables_are_about_what_follows_them_or_the_file_is_refused() {
    let picture = some_picture();
    let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
    let restart = |_| 0;
    for (scripts, firsts) in [(&SEPARATE[..], [0, 1, 2]), (&PROGRESSIVE, [0, 0, 0])] {
        let plain = writer.write(scripts);
        let known = luma(&plain).unwrap();
        let scans = if scripts.len() == 4 { 3 } else { scripts.len() };
        for place in 0..=scans {
            for step in [1, 5, 255] {
                // Luma's table; chroma's is 1.
                let file =
                    writer.write_with(scripts, |at| if at == place { table(0, step) } else { Vec::new() }, restart);
                let shown = luma(&file);
                let later = scripts.iter().enumerate().any(|(at, script)| at >= place && script.0.contains(&0));
                match (place <= firsts[0], later) {
                    // In force when luma's first scan begins.
                    (true, _) => {
                        assert!(step == 255 || shown.as_ref().unwrap() != &known, "{step} before scan {place}");
                        let again =
                            writer.write_with(scripts, |at| if at == 0 { table(0, step) } else { Vec::new() }, restart);
                        assert!(shown == luma(&again));
                    }
                    (false, true) => {
                        let error = shown.err();
                        assert_eq!(error, Some(Unsupported::Requantised.into()), "{step} before scan {place}");
                    }
                    (false, false) => assert!(shown.unwrap() == known, "{step} before scan {place}"),
                }
            }
        }
    }
}

#[test]
fn components_keep_their_tables_when_the_number_is_used_again() {
    let picture = some_picture();
    let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
    // All three components name the same number.
    let one_number = |mut file: Vec<u8>| {
        let frame = file.windows(2).position(|w| w == [0xFF, 0xC1]).unwrap();
        (0..3).for_each(|c| file[frame + 12 + 3 * c] = 0);
        file
    };
    for steps in [[3, 9, 1], [1, 5, 9], [7, 7, 2], [2, 2, 2]] {
        let before = |at: usize| steps.get(at).map_or(table(0, 99), |step| table(0, *step));
        let file = one_number(writer.write_with(&SEPARATE, before, |_| 0));
        let reference = super::reference::decode(&file);
        let planes = Coded::read(&file, &Limits::default()).and_then(Coded::planes).unwrap();
        for (plane, reference) in planes.planes.iter().zip(&reference) {
            let ours: Vec<u8> = (0..24).flat_map(|y| plane.row(y).to_vec()).collect();
            assert!(ours.iter().zip(reference).all(|(a, b)| a.abs_diff(*b) <= 1), "{steps:?}");
        }
        // The file of one scan says the same.
        let made = made(&file).unwrap();
        let again = super::reference::decode(&made.file);
        assert!(again == reference, "{steps:?}");
    }
}

#[test]
fn restart_intervals_and_codes_are_those_of_each_scan() {
    let picture = some_picture();
    let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
    // A Huffman table of other codes behind the last scan; one that is the same between.
    let spec = codes();
    let same = [&[0xFF, 0xC4, 1, 19, 0][..], &spec.counts, &spec.symbols].concat();
    for scripts in [&SEPARATE[..], &PROGRESSIVE] {
        let known = luma(&writer.write(scripts)).unwrap();
        for restarts in [[1, 0, 3, 2, 5], [0, 2, 0, 4, 1], [4, 4, 1, 0, 0]] {
            let file = writer.write_with(scripts, |_| same.clone(), |at| restarts[at % 5]);
            assert!(luma(&file).unwrap() == known, "{restarts:?}");
            if scripts.len() == 4 {
                assert!(super::reference::decode(&file) == super::reference::decode(&writer.write(scripts)));
            }
        }
        let behind = |at: usize, last: usize| {
            let few = [&[0xFF, 0xC4, 0, 20, 0][..], &[1], &[0; 15], &[0]].concat();
            if at == last { [few, b"\xFF\xDD\0\x04\0\x05".to_vec()].concat() } else { Vec::new() }
        };
        let scans = if scripts.len() == 4 { 3 } else { scripts.len() };
        let file = writer.write_with(scripts, |at| behind(at, scans), |_| 0);
        assert!(luma(&file).unwrap() == known);
    }
}

#[test]
fn tables_behind_the_one_scan_of_a_sequential_file_are_about_nothing() {
    let file = super::encoders::file(64, 48, |_| {});
    let limits = Limits::default();
    let known = luma(&file).unwrap();
    let end = file.len() - 2;
    for behind in
        [table(0, 255), table(1, 1), b"\xFF\xDD\0\x04\0\x05".to_vec(), b"\xFF\xEE\0\x0EAdobe\0d\0\0\0\0\0".to_vec()]
    {
        let file = [&file[..end], &behind, &file[end..]].concat();
        assert!(luma(&file).unwrap() == known);
        let shown = match Jpeg::parse(&file, &limits, Reduction::Full) {
            Ok(jpeg) => jpeg,
            Err(_) => Jpeg::parse(&made(&file).unwrap().file, &limits, Reduction::Full).unwrap(),
        };
        let plain = Jpeg::parse(&super::encoders::file(64, 48, |_| {}), &limits, Reduction::Full).unwrap();
        assert!(*crate::frame::LumaSource::reduced(&shown, 1) == *crate::frame::LumaSource::reduced(&plain, 1));
    }
    // Arithmetic coding's conditioning belongs to no file that is taken.
    let file = [&file[..end], b"\xFF\xCC\0\x04\0\x10", &file[end..]].concat();
    assert!(Jpeg::parse(&file, &limits, Reduction::Full).is_err() && made(&file).is_err());
}

/// What the samples mean, all decoders must agree on.
#[test]
fn a_colour_space_that_is_told_in_two_ways_is_refused() {
    const JFIF: &[u8] = b"\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
    let adobe = |transform: u8| [&b"\xFF\xEE\0\x0EAdobe\0d\0\0\0\0"[..], &[transform]].concat();
    let picture = some_picture();
    let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
    let space = |segments: &[u8], ids: &[u8; 3]| {
        let mut file = writer.write_with(&SEPARATE, |at| if at == 0 { segments.to_vec() } else { adobe(0) }, |_| 0);
        let frame = file.windows(2).position(|w| w == [0xFF, 0xC1]).unwrap();
        (0..3).for_each(|c| file[frame + 10 + 3 * c] = ids[c]);
        let scans: Vec<usize> = memchr::memmem::find_iter(&file, b"\xFF\xDA\0\x08\x01").collect();
        for (c, at) in scans.into_iter().enumerate() {
            file[at + 5] = ids[c];
        }
        Coded::read(&file, &Limits::default()).map(|coded| coded.planes().unwrap().space)
    };
    let (numbers, letters) = (b"\x01\x02\x03", b"RGB");
    assert_eq!(space(b"", numbers), Ok(Space::Ycbcr));
    assert_eq!(space(b"", letters), Ok(Space::Rgb));
    assert_eq!(space(JFIF, numbers), Ok(Space::Ycbcr));
    assert_eq!(space(&adobe(1), letters), Ok(Space::Ycbcr));
    assert_eq!(space(&adobe(0), numbers), Ok(Space::Rgb));
    let refused = Err(Unsupported::Contradiction.into());
    for (segments, ids) in [
        ([JFIF, &adobe(0)].concat(), numbers),
        (JFIF.to_vec(), letters),
        (adobe(2), numbers),
        (adobe(7), numbers),
        ([adobe(0), adobe(1)].concat(), numbers),
    ] {
        assert_eq!(space(&segments, ids), refused, "{}", segments.escape_ascii());
    }
}

#[test]
fn four_inks_are_refused_where_nothing_says_how_they_are_stored() {
    let picture = Picture { sampling: vec![(1, 1); 4], mcus: vec![vec![[3; 64]; 4]], ..a_picture() };
    let file = Writer { picture: &picture, encoder: Encoder::new(&codes()) }.write(&SEPARATE);
    assert!(Coded::read(&file, &Limits::default()).is_ok());
    let at = file.windows(2).position(|w| w == [0xFF, 0xEE]).unwrap();
    let unmarked = [&file[..at], &file[at + 16..]].concat();
    assert_eq!(Coded::read(&unmarked, &Limits::default()).err(), Some(Unsupported::UnmarkedInks.into()));
}
