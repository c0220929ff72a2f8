//! Areas become flat while all else keeps its bits.
//!
//! Owns the choice of MCUs, the mended DC differences and the scene's file. Knows nothing of why an area must go.

use std::collections::HashMap;
use std::ops::Range;

use thiserror::Error;

use super::bits::{BitReader, BitWriter, stuff};
use super::huffman::{DcDecoder, Encoder, TableSpec, category, value_bits};
use super::removed::{Edit, ListedInterval, Piece, RemovedWriter, restore};
use super::scan::Tables;
use super::write::Segments;
use super::{Jpeg, JpegError};
use crate::geometry::PixelRect;

/// The colour of flat areas, as stored: luma and the two of chroma, 128 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Brightness.
    pub y: u8,
    /// Blueness.
    pub cb: u8,
    /// Redness.
    pub cr: u8,
}

impl Fill {
    /// Without light.
    pub const BLACK: Self = Self { y: 0, cb: 128, cr: 128 };

    /// The nearest to an RGB colour (ITU-R BT.601, full range, as JFIF has it).
    pub fn from_rgb([r, g, b]: [u8; 3]) -> Self {
        let [r, g, b] = [r, g, b].map(f32::from);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        let sample = |value: f32| value.round().clamp(0.0, 255.0) as u8;
        Self { y: sample(y), cb: sample(128.0 + (b - y) / 1.772), cr: sample(128.0 + (r - y) / 1.402) }
    }
}

/// Colours of blocks of 8 × 8 pixels, by their place across and down.
pub(crate) type Tiles = HashMap<(u32, u32), Fill>;

/// What takes the place of the original's MCUs.
#[derive(Clone, Copy)]
pub(crate) struct Paint<'p> {
    /// One colour …
    pub fill: Fill,
    /// … but for blocks that have one of their own.
    pub tiles: Option<&'p Tiles>,
}

/// A segment of a JPEG file: the second byte of its marker, and its body.
pub(crate) type Segment<'a> = (u8, &'a [u8]);

/// A scene and what it lacks.
pub struct Spliced {
    /// A JPEG file: the picture with flat areas, without metadata, comments and trailing bytes.
    pub scene: Vec<u8>,
    /// What [`restore`] needs to give back the original; `None` when it cannot be given back from the scene, so that
    /// the original must be kept whole.
    pub removed: Option<Vec<u8>>,
    /// What became flat: the areas widened to whole MCUs, inside the picture; row by row, those of a row merged.
    pub flat: Vec<PixelRect>,
}

/// Why a splice is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpliceError {
    /// The bytes given are not those that were parsed.
    #[error("not the file that was parsed")]
    AnotherFile,
    /// A Huffman table lacks a needed code and has no room for it, or there is none for a difference so large: the pixel
    /// path must take the file.
    #[error("no Huffman code for a flat area or its border")]
    NoCode,
    /// The scan could not be read again.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
}

/// What stands for codes of the original in one interval of the scene.
struct Patch {
    /// MCUs that become flat.
    flat: Range<usize>,
    /// Whether the MCU behind them stays, with DC differences to what is now before it.
    seam: bool,
}

impl Jpeg {
    /// Makes the MCUs under `areas` flat and drops everything that is not picture. `file` must be what was parsed.
    /// Areas or parts of them outside the picture are ignored.
    pub fn splice(&self, file: &[u8], areas: &[PixelRect], fill: Fill) -> Result<Spliced, SpliceError> {
        self.splice_with(file, areas, fill, &[])
    }

    /// The same, with segments more in the scene: each a marker's second byte and a body of at most 65,533 bytes.
    pub(crate) fn splice_with(
        &self,
        file: &[u8],
        areas: &[PixelRect],
        fill: Fill,
        segments: &[Segment<'_>],
    ) -> Result<Spliced, SpliceError> {
        if file.len() != self.file_len {
            return Err(SpliceError::AnotherFile);
        }
        let mask = self.mask(areas);
        let (scene, scan_start, listed) = self.scene_of(&mask, Paint { fill, tiles: None }, segments)?;
        let pieces = self.head_pieces(file, &scene);
        let tail = &file[self.header.scan_start + self.entropy.stuffed_len..];
        let removed = RemovedWriter::new(file.len(), scene.file.0.len(), scan_start, &pieces).finish(&listed, tail);
        // Nothing but this comparison knows that a file can be given back.
        let same = restore(&scene.file.0, &removed).is_ok_and(|restored| restored == file);
        Ok(Spliced { scene: scene.file.0, removed: same.then_some(removed), flat: self.flat_areas(&mask) })
    }

    /// The scene alone, for whom the original need not be given back.
    pub(crate) fn scene(
        &self,
        areas: &[PixelRect],
        paint: Paint<'_>,
        segments: &[Segment<'_>],
    ) -> Result<Vec<u8>, SpliceError> {
        Ok(self.scene_of(&self.mask(areas), paint, segments)?.0.file.0)
    }

    /// The mean of each MCU that `area` touches, row by row: luma, and two of chroma, 128 where there is none.
    pub(crate) fn means(&self, area: PixelRect) -> Result<Vec<Fill>, SpliceError> {
        let writer = SceneWriter::new(self, Paint { fill: Fill::BLACK, tiles: None });
        let mask = self.mask(&[area]);
        let touched = mask.iter().enumerate().filter(|(_, touched)| **touched);
        let mean = |(mcu, _): (usize, &bool)| {
            let (mut values, mut sums, mut counts) = (writer.predictors(mcu), [0.0f32; 3], [0.0f32; 3]);
            writer.blocks(mcu, |component, _, _, difference| {
                values[component] += difference;
                sums[component] += values[component] as f32;
                counts[component] += 1.0;
            })?;
            let sample = |index: usize| {
                if counts[index] == 0.0 {
                    return 128;
                }
                let step = f32::from(self.header.steps(index)[0]);
                (sums[index] / counts[index] * step / 8.0 + 128.0).round().clamp(0.0, 255.0) as u8
            };
            Ok(Fill { y: sample(0), cb: sample(1), cr: sample(2) })
        };
        touched.map(mean).collect()
    }

    /// The scene, where its scan begins, and what stands in place of the original's codes.
    fn scene_of(
        &self,
        mask: &[bool],
        paint: Paint<'_>,
        segments: &[Segment<'_>],
    ) -> Result<(Scene, usize, Vec<ListedInterval<'_>>), SpliceError> {
        let writer = SceneWriter::new(self, paint);
        let needed = writer.needed_codes(mask)?;
        let codes = Codes::new(self, &needed)?;
        let mut scene = self.scene_head(&codes, segments);
        let scan_start = scene.file.0.len();
        let listed = writer.scan(mask, &codes, &mut scene.file.0)?;
        scene.file.0.extend_from_slice(&[0xFF, 0xD9]);
        Ok((scene, scan_start, listed))
    }

    /// Which MCUs lie under an area, row by row.
    fn mask(&self, areas: &[PixelRect]) -> Vec<bool> {
        let (across, down) = self.header.mcus();
        let (width, height) = self.header.mcu_pixels();
        let mut mask = vec![false; across * down];
        let span = |from: u32, length: u32, unit: u32, most: usize| {
            let end = u64::from(from) + u64::from(length);
            let end = end.div_ceil(unit.into()).min(most as u64) as usize;
            ((from / unit) as usize).min(end)..end
        };
        for area in areas.iter().filter(|area| area.w > 0 && area.h > 0) {
            let columns = span(area.x, area.w, width, across);
            for row in span(area.y, area.h, height, down) {
                mask[row * across..][columns.clone()].fill(true);
            }
        }
        mask
    }

    fn flat_areas(&self, mask: &[bool]) -> Vec<PixelRect> {
        let (across, _) = self.header.mcus();
        let (width, height) = self.header.mcu_pixels();
        let mut flat = Vec::new();
        for (row, mcus) in (0u32..).zip(mask.chunks(across)) {
            for run in runs(mcus) {
                let (x, y) = (run.start as u32 * width, row * height);
                let right = (run.end as u32 * width).min(self.header.size.width);
                let bottom = (y + height).min(self.header.size.height);
                flat.push(PixelRect::new(x, y, right - x, bottom - y));
            }
        }
        flat
    }

    /// The scene up to its scan: only what is needed to decode it.
    fn scene_head(&self, codes: &Codes, segments: &[Segment<'_>]) -> Scene {
        let header = &self.header;
        let mut scene = Scene { file: Segments::new(), tables: Vec::new() };
        for (marker, body) in segments {
            scene.file.add(*marker, body);
        }
        for (number, table) in (0u8..).zip(&header.quant) {
            if let Some(table) =
                table.as_ref().filter(|_| header.components.iter().any(|c| c.quant == usize::from(number)))
            {
                scene.table(&table.at, |file| file.quant(number, table));
            }
        }
        scene.file.frame(header.frame_marker, header.size, &header.components);
        for (class, specs, tables) in [(0u8, &codes.dc, &header.dc), (1, &codes.ac, &header.ac)] {
            for (number, (spec, table)) in (0u8..).zip(specs.iter().zip(tables)) {
                if let (Some(codes), Some(table)) = (spec, table) {
                    scene.table(&table.at, |file| file.huffman(class, number, &codes.spec));
                }
            }
        }
        if header.restart > 0 {
            scene.file.add(0xDD, &(header.restart as u16).to_be_bytes());
        }
        scene.file.scan(&header.components);
        scene
    }

    /// The original's bytes before its scan: tables that the scene has too, and the rest.
    fn head_pieces<'a>(&self, file: &'a [u8], scene: &Scene) -> Vec<Piece<'a>> {
        let mut tables: Vec<&(Range<usize>, usize)> = scene.tables.iter().collect();
        tables.sort_by_key(|(at, _)| at.start);
        let (mut pieces, mut done) = (Vec::new(), 0);
        for (at, offset) in tables {
            if scene.file.0.get(*offset..offset + at.len()) != Some(&file[at.clone()]) {
                continue;
            }
            pieces.push(Piece::Literal(&file[done..at.start]));
            pieces.push(Piece::Copied { offset: *offset, length: at.len() });
            done = at.end;
        }
        pieces.push(Piece::Literal(&file[done..self.header.scan_start]));
        pieces
    }
}

/// Maximal ranges of set flags.
fn runs(flags: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + flags[at..].iter().position(|&flag| flag)?;
        at = start + flags[start..].iter().position(|&flag| !flag).unwrap_or(flags.len() - start);
        Some(start..at)
    })
}

/// A scene's file, and where the original's tables stand in it.
struct Scene {
    file: Segments,
    /// (where in the original, where it begins here).
    tables: Vec<(Range<usize>, usize)>,
}

impl Scene {
    /// Adds the segment of one table, which `original` has behind its class and number, too.
    fn table(&mut self, original: &Range<usize>, add: impl FnOnce(&mut Segments)) {
        /// Marker, length, class and number.
        const BEFORE: usize = 5;
        let begin = self.file.0.len() + BEFORE;
        add(&mut self.file);
        self.tables.push((original.clone(), begin));
    }
}

/// A table as the scene has it.
struct TableCodes {
    spec: TableSpec,
    encoder: Encoder,
}

/// The scene's Huffman tables, by number: the original's, with codes added where they lack needed ones.
struct Codes {
    dc: [Option<TableCodes>; 4],
    ac: [Option<TableCodes>; 4],
}

/// Symbols that mended and flat blocks need, by table number: one bit for each size of a DC difference, and whether an
/// end of block.
#[derive(Default)]
struct Needed {
    dc: [u16; 4],
    end_of_block: [bool; 4],
}

const MAX_SIZE: u8 = DcDecoder::MAX_SIZE;

impl Codes {
    fn new(jpeg: &Jpeg, needed: &Needed) -> Result<Self, SpliceError> {
        let mut codes = Self { dc: [const { None }; 4], ac: [const { None }; 4] };
        for (index, component) in jpeg.header.components.iter().enumerate() {
            let sizes = needed.dc[component.dc];
            if sizes >> (MAX_SIZE + 1) != 0 {
                // From an extreme DC value to the fill: decoders need not take such a difference.
                return Err(SpliceError::NoCode);
            }
            let symbols = (0..=MAX_SIZE).filter(|size| sizes >> size & 1 == 1);
            codes.dc[component.dc] = Some(TableCodes::with(jpeg.header.dc_spec(index), symbols)?);
            let symbols = needed.end_of_block[component.ac].then_some(0).into_iter();
            codes.ac[component.ac] = Some(TableCodes::with(jpeg.header.ac_spec(index), symbols)?);
        }
        Ok(codes)
    }
}

impl TableCodes {
    fn with(spec: &TableSpec, symbols: impl Iterator<Item = u8>) -> Result<Self, SpliceError> {
        let encoder = Encoder::new(spec);
        let missing: Vec<u8> = symbols.filter(|&symbol| encoder.code(symbol).is_none()).collect();
        if missing.is_empty() {
            return Ok(Self { spec: spec.clone(), encoder });
        }
        let spec = spec.extended(&missing).ok_or(SpliceError::NoCode)?;
        let encoder = Encoder::new(&spec);
        Ok(Self { spec, encoder })
    }
}

/// Writes the scene's scan.
struct SceneWriter<'a, 'p> {
    jpeg: &'a Jpeg,
    tables: Vec<Tables<'a>>,
    /// Each component's DC value of the fill.
    fill: [i32; 3],
    tiles: Option<&'p Tiles>,
}

impl<'a, 'p> SceneWriter<'a, 'p> {
    fn new(jpeg: &'a Jpeg, Paint { fill, tiles }: Paint<'p>) -> Self {
        let mut dc = [0; 3];
        for (index, slot) in dc.iter_mut().enumerate().take(jpeg.header.components.len()) {
            *slot = dc_of(jpeg, index, [fill.y, fill.cb, fill.cr][index].into());
        }
        Self { jpeg, tables: jpeg.decoders.by_component(&jpeg.header), fill: dc, tiles }
    }

    /// The DC value that block `block` of a component has in MCU `mcu`.
    fn value(&self, component: usize, mcu: usize, block: u32) -> i32 {
        let Some(tiles) = self.tiles else { return self.fill[component] };
        let header = &self.jpeg.header;
        let (most, own) = (header.components[0].blocks, header.components[component].blocks);
        let (across, _) = header.mcus();
        let (left, top) = ((mcu % across) as u32 * most.0, (mcu / across) as u32 * most.1);
        // Blocks of luma that this one lies over.
        let (wide, high) = ((most.0 / own.0).max(1), (most.1 / own.1).max(1));
        let (left, top) = (left + block % own.0 * wide, top + block / own.0 * high);
        let under = (top..top + high).flat_map(|y| (left..left + wide).map(move |x| (x, y)));
        let (sum, count) = under.filter_map(|at| tiles.get(&at)).fold((0.0f32, 0.0f32), |(sum, count), tile| {
            (sum + f32::from([tile.y, tile.cb, tile.cr][component]), count + 1.0)
        });
        if count > 0.0 { dc_of(self.jpeg, component, sum / count) } else { self.fill[component] }
    }

    /// Calls `each` with component and DC difference of each block of MCUs that become flat; returns the last values.
    fn flat_differences(&self, mcus: &Range<usize>, mut each: impl FnMut(usize, i32)) -> [i32; 3] {
        let mut before = self.predictors(mcus.start);
        for mcu in mcus.clone() {
            for (index, c) in self.jpeg.header.components.iter().enumerate() {
                for block in 0..c.blocks.0 * c.blocks.1 {
                    let value = self.value(index, mcu, block);
                    each(index, value - before[index]);
                    before[index] = value;
                }
            }
        }
        before
    }

    /// The MCUs of interval `number`.
    fn mcus(&self, number: usize) -> Range<usize> {
        let count = self.jpeg.index.mcus.len();
        match self.jpeg.header.restart {
            0 => 0..count,
            restart => number * restart..count.min((number + 1) * restart),
        }
    }

    /// What changes in interval `number`.
    fn patches(&self, mask: &[bool], number: usize) -> impl Iterator<Item = Patch> {
        let mcus = self.mcus(number);
        runs(&mask[mcus.clone()]).map(move |run| {
            let flat = mcus.start + run.start..mcus.start + run.end;
            let seam = flat.end < mcus.end;
            Patch { flat, seam }
        })
    }

    /// DC values in front of MCU `mcu`, as the original's codes have it.
    fn predictors(&self, mcu: usize) -> [i32; 3] {
        // At the start of an interval the index has zeros.
        self.jpeg.index.mcus[mcu].dc.map(i32::from)
    }

    /// The DC values of the first block of each component in MCU `mcu`.
    fn first_values(&self, mcu: usize) -> Result<[i32; 3], JpegError> {
        let mut values = self.predictors(mcu);
        self.blocks(mcu, |component, first, _, difference| {
            if first {
                values[component] += difference;
            }
        })?;
        Ok(values)
    }

    /// Calls `each` with component, whether it is its first block, the bits from the DC code's begin over its end to the
    /// block's end, and the DC difference, for each block of MCU `mcu`.
    fn blocks(&self, mcu: usize, mut each: impl FnMut(usize, bool, [usize; 3], i32)) -> Result<(), JpegError> {
        let mut reader = BitReader::new(&self.jpeg.entropy.bytes, self.jpeg.index.mcus[mcu].bit as usize);
        for (component, tables) in self.tables.iter().enumerate() {
            for block in 0..tables.blocks.0 * tables.blocks.1 {
                reader.ensure();
                let begin = reader.position();
                let difference = tables.dc.decode(&mut reader)?;
                let ac = reader.position();
                tables.skip_ac(&mut reader)?;
                each(component, block == 0, [begin, ac, reader.position()], difference);
            }
        }
        Ok(())
    }

    /// Which codes flat and mended blocks will need.
    fn needed_codes(&self, mask: &[bool]) -> Result<Needed, JpegError> {
        let mut needed = Needed::default();
        let components = &self.jpeg.header.components;
        for number in 0..self.jpeg.entropy.intervals.len() {
            for patch in self.patches(mask, number) {
                let last = self.flat_differences(&patch.flat, |index, difference| {
                    needed.dc[components[index].dc] |= 1 << category(difference);
                });
                let behind = if patch.seam { Some(self.first_values(patch.flat.end)?) } else { None };
                for (index, c) in components.iter().enumerate() {
                    if let Some(behind) = behind {
                        needed.dc[c.dc] |= 1 << category(behind[index] - last[index]);
                    }
                    needed.end_of_block[c.ac] = true;
                }
            }
        }
        Ok(needed)
    }

    /// Appends the scan to `scene`; returns the intervals that are not the original's byte for byte.
    fn scan(&self, mask: &[bool], codes: &Codes, scene: &mut Vec<u8>) -> Result<Vec<ListedInterval<'a>>, SpliceError> {
        let mut listed = Vec::new();
        let entropy = &self.jpeg.entropy;
        let longest = entropy.intervals.iter().map(|interval| interval.end - interval.start).max();
        let mut bits = BitWriter::with_capacity(longest.unwrap_or(0) + 64);
        for (number, interval) in entropy.intervals.iter().enumerate() {
            if number > 0 {
                scene.extend_from_slice(&[0xFF, 0xD0 + ((number - 1) % 8) as u8]);
            }
            let start = 8 * interval.start;
            let end = self.jpeg.index.ends[number] as usize;
            let mut edits = Vec::new();
            let mut copied = start;
            bits.clear();
            for patch in self.patches(mask, number) {
                let from = self.jpeg.index.mcus[patch.flat.start].bit as usize;
                bits.copy(&entropy.bytes, copied, from);
                let scene_from = bits.position();
                let last = self.flat(&patch.flat, codes, &mut bits)?;
                copied = if patch.seam { self.seam(patch.flat.end, last, codes, &mut bits)? } else { end };
                edits.push(Edit { scene: (scene_from, bits.position()), original: (from - start, copied - start) });
            }
            bits.copy(&entropy.bytes, copied, end);
            let scene_end = bits.position();
            bits.align(true);

            let original = &entropy.bytes[interval.start..];
            let length = interval.end - interval.start;
            if !edits.is_empty() || interval.fill > 0 || bits.bytes() != &original[..length] {
                listed.push(ListedInterval {
                    number,
                    original,
                    original_bits: 8 * length,
                    edits,
                    scene_end,
                    original_end: end - start,
                    fill: interval.fill,
                });
            }
            stuff(bits.bytes(), scene);
        }
        Ok(listed)
    }

    /// Writes a DC difference.
    fn difference(&self, component: usize, value: i32, codes: &Codes, bits: &mut BitWriter) -> Result<(), SpliceError> {
        let table = codes.dc[self.jpeg.header.components[component].dc].as_ref();
        let size = category(value);
        let (code, length) = table.and_then(|table| table.encoder.code(size)).ok_or(SpliceError::NoCode)?;
        bits.put(code, length);
        bits.put(value_bits(value, size), size.into());
        Ok(())
    }

    /// Writes flat MCUs; returns their last DC values.
    fn flat(&self, mcus: &Range<usize>, codes: &Codes, bits: &mut BitWriter) -> Result<[i32; 3], SpliceError> {
        let mut ends = [(0, 0); 3];
        for (c, end) in self.jpeg.header.components.iter().zip(&mut ends) {
            let table = codes.ac[c.ac].as_ref();
            *end = table.and_then(|table| table.encoder.code(0)).ok_or(SpliceError::NoCode)?;
        }
        let mut written = Ok(());
        let last = self.flat_differences(mcus, |index, difference| {
            if written.is_ok() {
                written = self.difference(index, difference, codes, bits);
                let (end, length) = ends[index];
                bits.put(end, length);
            }
        });
        written.map(|()| last)
    }

    /// Writes the MCU behind flat ones: each component's first DC difference is now one to the `last` of these. Returns where the
    /// original's bits go on unchanged.
    fn seam(&self, mcu: usize, last: [i32; 3], codes: &Codes, bits: &mut BitWriter) -> Result<usize, SpliceError> {
        let predictors = self.predictors(mcu);
        let mut end = self.jpeg.index.mcus[mcu].bit as usize;
        let mut written = Ok(());
        self.blocks(mcu, |component, first, [begin, ac, block_end], difference| {
            if first {
                let value = predictors[component] + difference - last[component];
                if written.is_ok() {
                    written = self.difference(component, value, codes, bits);
                }
            }
            bits.copy(&self.jpeg.entropy.bytes, if first { ac } else { begin }, block_end);
            end = block_end;
        })?;
        written.map(|()| end)
    }
}

/// The DC value of a block whose samples have this mean: eight times it.
fn dc_of(jpeg: &Jpeg, component: usize, mean: f32) -> i32 {
    let step = f32::from(jpeg.header.steps(component)[0]);
    ((mean - 128.0) * 8.0 / step).round() as i32
}
