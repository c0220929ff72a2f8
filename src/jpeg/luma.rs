//! Luma of a parsed JPEG, reduced or in part, for the eyes.
//!
//! Owns the walk over the MCUs and the placing of samples. Chroma is passed over.

use std::borrow::Cow;

use super::bits::{BitReader, Entropy};
use super::header::Header;
use super::scan::{Decoders, Index, McuStart, Places, Tables};
use super::transform::{self, BlockRow, LANES, Scale};
use super::{Jpeg, JpegError};
use crate::frame::{GrayPlane, LumaSource};
use crate::geometry::{PixelRect, Size};

/// How much smaller a plane of luma is than the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// All pixels.
    Full,
    /// One for 2 × 2.
    Half,
    /// One for 4 × 4.
    Quarter,
    /// One for 8 × 8; needs hardly more than Huffman decoding.
    Eighth,
}

impl Reduction {
    /// Pixels of the picture for one of the plane, in each direction.
    pub const fn denominator(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }

    /// The reduction by `denominator`, or the next smaller one there is.
    const fn by(denominator: u32) -> Self {
        match denominator {
            0 | 1 => Self::Full,
            2 | 3 => Self::Half,
            4..8 => Self::Quarter,
            _ => Self::Eighth,
        }
    }
}

/// The multipliers of luma's quantisation table for each size of output.
pub(super) struct LumaDecoder {
    eight: Scale,
    four: Scale,
    two: Scale,
    one: Scale,
}

impl LumaDecoder {
    /// For `header`'s first component.
    pub fn new(header: &Header) -> Self {
        let steps = header.steps(0);
        Self {
            eight: transform::scale::<8>(steps),
            four: transform::scale::<4>(steps),
            two: transform::scale::<2>(steps),
            one: transform::scale::<1>(steps),
        }
    }

    fn scale<const N: usize>(&self) -> &Scale {
        match N {
            1 => &self.one,
            2 => &self.two,
            4 => &self.four,
            _ => &self.eight,
        }
    }

    /// Walks over all MCUs: where each begins, and luma at `reduction`.
    pub fn index(
        &self,
        header: &Header,
        entropy: &Entropy,
        decoders: &Decoders,
        reduction: Reduction,
    ) -> Result<(Index, GrayPlane), JpegError> {
        let tables = decoders.by_component(header);
        match reduction {
            Reduction::Full => self.index_at::<8>(header, entropy, &tables),
            Reduction::Half => self.index_at::<4>(header, entropy, &tables),
            Reduction::Quarter => self.index_at::<2>(header, entropy, &tables),
            Reduction::Eighth => self.index_at::<1>(header, entropy, &tables),
        }
    }

    fn index_at<const N: usize>(
        &self,
        header: &Header,
        entropy: &Entropy,
        tables: &[Tables<'_>],
    ) -> Result<(Index, GrayPlane), JpegError> {
        let mut plane = blank(reduced(header.size, 8 / N as u32));
        let (across, down) = header.mcus();
        let count = across * down;
        let mut index = Index { mcus: Vec::with_capacity(count), ends: Vec::with_capacity(entropy.intervals.len()) };
        let mut band = Band::<N>::new(across, tables[0].blocks);
        let mut column = 0;
        let mut top = 0;
        for interval in &entropy.intervals {
            let mut walk = Walk::new(tables, &entropy.bytes, 8 * interval.start, [0; 3]);
            let last = if header.restart == 0 { count } else { count.min(index.mcus.len() + header.restart) };
            while index.mcus.len() < last {
                index.mcus.push(walk.start()?);
                let walked = walk.mcu(&mut band, column);
                // Behind the end are zeros, which may be a fault as codes: the fault is that nothing is there.
                if walk.reader.position() > 8 * interval.end {
                    return Err(JpegError::Truncated);
                }
                walked?;
                column += 1;
                if column == across {
                    band.place(self.scale::<N>(), &mut plane, (0, top));
                    top += i64::from(band.height());
                    column = 0;
                }
            }
            index.ends.push(walk.start()?.bit);
        }
        Ok((index, plane))
    }
}

/// The luma of a row of MCUs, or of a part of one: coefficients first, N × N samples a block in the end.
struct Band<const N: usize> {
    /// Blocks of an MCU, across and down.
    mcu: (usize, usize),
    /// Blocks side by side, rounded up to whole vectors.
    blocks: usize,
    /// For each row of blocks N × N coefficients as [`BlockRow`] wants them, and one more that nobody needs.
    coefficients: Vec<i16>,
    places: Places,
    samples: Vec<u8>,
}

impl<const N: usize> Band<N> {
    /// Room for `mcus` side by side with `blocks` each.
    fn new(mcus: usize, (across, down): (u32, u32)) -> Self {
        let mcu = (across as usize, down as usize);
        let blocks = (mcus * mcu.0).next_multiple_of(LANES);
        let coefficients = vec![0; mcu.1 * (N * N + 1) * blocks];
        Self { mcu, blocks, coefficients, places: Places::new::<N>(blocks), samples: vec![0; N * N * blocks] }
    }

    /// Rows of samples.
    fn height(&self) -> u32 {
        (self.mcu.1 * N) as u32
    }

    /// Transforms what was decoded and writes the part that lies on `plane` when the band begins at (left, top). The band
    /// is empty then.
    fn place(&mut self, scale: &Scale, plane: &mut GrayPlane, (left, top): (i64, i64)) {
        let (width, height) = (i64::from(plane.size.width), i64::from(plane.size.height));
        let row = N * self.blocks;
        let (from, to) = (left.max(0), width.min(left + row as i64));
        for (y, coefficients) in self.coefficients.chunks_exact((N * N + 1) * self.blocks).enumerate() {
            let top = top + (N * y) as i64;
            if top + N as i64 <= 0 || top >= height || from >= to {
                continue;
            }
            let samples = &mut self.samples[..];
            BlockRow::<N> { coefficients, blocks: self.blocks, scale, samples }.transform();
            for (y, samples) in (top..).zip(self.samples.chunks_exact(row)) {
                if (0..height).contains(&y) {
                    let samples = &samples[(from - left) as usize..(to - left) as usize];
                    plane.data[(y * width + from) as usize..][..samples.len()].copy_from_slice(samples);
                }
            }
        }
        self.coefficients.fill(0);
    }
}

/// Decoding from some MCU on.
struct Walk<'a> {
    reader: BitReader<'a>,
    predictors: [i32; 3],
    luma: Tables<'a>,
    chroma: &'a [Tables<'a>],
}

impl<'a> Walk<'a> {
    fn new(tables: &'a [Tables<'a>], bytes: &'a [u8], bit: usize, predictors: [i32; 3]) -> Self {
        Self { reader: BitReader::new(bytes, bit), predictors, luma: tables[0], chroma: &tables[1..] }
    }

    /// Where the next MCU begins.
    fn start(&self) -> Result<McuStart, JpegError> {
        // Each DC value was checked to be small as it was decoded.
        let dc = self.predictors.map(|predictor| predictor as i16);
        // Bits are fewer than 2^32: `Limits::max_bytes` has been applied to the file, and again here.
        let bit = u32::try_from(self.reader.position()).map_err(|_| JpegError::TooLarge)?;
        Ok(McuStart { bit, dc })
    }

    /// Decodes the luma of one MCU into `band`, where it is number `column`.
    #[inline(always)]
    fn mcu<const N: usize>(&mut self, band: &mut Band<N>, column: usize) -> Result<(), JpegError> {
        let (across, down) = band.mcu;
        for y in 0..down {
            for x in 0..across {
                let first = y * (N * N + 1) * band.blocks + column * across + x;
                let (coefficients, places) = (&mut band.coefficients[first..], &band.places);
                self.luma.decode::<N>(&mut self.reader, &mut self.predictors[0], coefficients, places)?;
            }
        }
        for (tables, predictor) in self.chroma.iter().zip(&mut self.predictors[1..]) {
            for _ in 0..tables.blocks.0 * tables.blocks.1 {
                tables.skip(&mut self.reader, predictor)?;
            }
        }
        Ok(())
    }
}

fn blank(size: Size) -> GrayPlane {
    GrayPlane { size, data: vec![0; size.pixels() as usize] }
}

fn reduced(size: Size, denominator: u32) -> Size {
    Size::new(size.width.div_ceil(denominator), size.height.div_ceil(denominator))
}

/// Means of `factor` × `factor` pixels, which is 2, 4 or 8; of fewer at edges that do not divide.
pub(super) fn means(plane: &GrayPlane, size: Size, factor: usize) -> GrayPlane {
    // With the factor known, sums and divisions take a cycle or two.
    match factor {
        2 => means_by::<2>(plane, size),
        4 => means_by::<4>(plane, size),
        _ => means_by::<8>(plane, size),
    }
}

fn means_by<const N: usize>(plane: &GrayPlane, size: Size) -> GrayPlane {
    let mut out = Vec::with_capacity(size.pixels() as usize);
    let width = plane.size.width as usize;
    let mut sums = vec![0u16; size.width as usize];
    for rows in plane.data.chunks(width * N) {
        sums.fill(0);
        for row in rows.chunks_exact(width) {
            let (whole, rest) = row.as_chunks::<N>();
            for (sum, cells) in sums.iter_mut().zip(whole) {
                *sum += cells.iter().map(|cell| u16::from(*cell)).sum::<u16>();
            }
            if let Some(last) = sums.get_mut(whole.len()) {
                *last += rest.iter().map(|cell| u16::from(*cell)).sum::<u16>();
            }
        }
        let high = (rows.len() / width) as u16;
        let mean = |sum: u16, count: u16| ((sum + count / 2) / count) as u8;
        let (whole, last) = sums.split_at(width / N);
        if usize::from(high) == N {
            out.extend(whole.iter().map(|sum| mean(*sum, (N * N) as u16)));
        } else {
            out.extend(whole.iter().map(|sum| mean(*sum, high * N as u16)));
        }
        out.extend(last.iter().map(|sum| mean(*sum, high * (width % N) as u16)));
    }
    GrayPlane { size, data: out }
}

impl LumaSource for Jpeg {
    fn size(&self) -> Size {
        self.header.size
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        let wanted = Reduction::by(denominator);
        let (have, want) = (self.reduction.denominator(), wanted.denominator());
        if have == want {
            return Cow::Borrowed(&self.plane);
        }
        let size = reduced(self.header.size, want);
        if have < want {
            return Cow::Owned(means(&self.plane, size, (want / have) as usize));
        }
        let again = self.luma.index(&self.header, &self.entropy, &self.decoders, wanted);
        // The same bits were walked over when the file was parsed.
        debug_assert!(again.is_ok());
        Cow::Owned(again.map_or_else(|_| blank(size), |(_, plane)| plane))
    }

    fn at_hand(&self) -> u32 {
        self.reduction.denominator()
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        if self.reduction == Reduction::Full {
            return self.plane.crop(area);
        }
        let mut plane = blank(Size::new(area.w, area.h));
        let whole = self.crop_into(area, &mut plane);
        debug_assert!(whole.is_ok());
        plane
    }
}

impl Jpeg {
    /// Decodes the MCUs under `area` again, from where the index says that they begin.
    fn crop_into(&self, area: PixelRect, plane: &mut GrayPlane) -> Result<(), JpegError> {
        let tables = self.decoders.by_component(&self.header);
        let (width, height) = self.header.mcu_pixels();
        let (across, down) = self.header.mcus();
        let rows = (area.y / height) as usize..(area.bottom().div_ceil(height) as usize).min(down);
        let columns = (area.x / width) as usize..(area.right().div_ceil(width) as usize).min(across);
        let mut band = Band::<8>::new(columns.len(), tables[0].blocks);
        let left = columns.start as i64 * i64::from(width) - i64::from(area.x);
        for row in rows {
            let mut walk: Option<Walk<'_>> = None;
            for (at, column) in columns.clone().enumerate() {
                let mcu = row * across + column;
                let resumes = self.header.restart == 0 || mcu % self.header.restart != 0;
                let start = self.index.mcus[mcu];
                let from_index =
                    || Walk::new(&tables, &self.entropy.bytes, start.bit as usize, start.dc.map(i32::from));
                let walk = match &mut walk {
                    Some(walk) if resumes => walk,
                    other => other.insert(from_index()),
                };
                walk.mcu(&mut band, at)?;
            }
            let top = row as i64 * i64::from(height) - i64::from(area.y);
            band.place(self.luma.scale::<8>(), plane, (left, top));
        }
        Ok(())
    }
}
