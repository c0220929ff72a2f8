//! Luma of a parsed JPEG, reduced or in part, for the eyes.
//!
//! Owns the walk over the MCUs and the placing of samples. Chroma is passed over.

use std::borrow::Cow;

use super::bits::{BitReader, Entropy};
use super::header::Header;
use super::scan::{Coefficients, Decoders, Index, McuStart, Tables};
use super::transform::{self, Samples, Scale};
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
        let (width, height) = header.mcu_pixels();
        let (width, height) = (i64::from(width) * N as i64 / 8, i64::from(height) * N as i64 / 8);
        let (mut column, mut row) = (0usize, 0usize);
        for interval in &entropy.intervals {
            let mut walk = Walk::new(self, tables, &entropy.bytes, 8 * interval.start, [0; 3]);
            let last = if header.restart == 0 { count } else { count.min(index.mcus.len() + header.restart) };
            while index.mcus.len() < last {
                index.mcus.push(walk.start()?);
                let walked = walk.mcu::<N>(&mut plane, (column as i64 * width, row as i64 * height));
                // Behind the end are zeros, which may be a fault as codes: the fault is that nothing is there.
                if walk.reader.position() > 8 * interval.end {
                    return Err(JpegError::Truncated);
                }
                walked?;
                column += 1;
                if column == across {
                    (column, row) = (0, row + 1);
                }
            }
            index.ends.push(walk.start()?.bit);
        }
        Ok((index, plane))
    }
}

/// Decoding from some MCU on.
struct Walk<'a> {
    reader: BitReader<'a>,
    predictors: [i32; 3],
    luma: Tables<'a>,
    chroma: &'a [Tables<'a>],
    decoder: &'a LumaDecoder,
    coefficients: Coefficients,
    samples: Samples,
}

impl<'a> Walk<'a> {
    fn new(
        decoder: &'a LumaDecoder,
        tables: &'a [Tables<'a>],
        bytes: &'a [u8],
        bit: usize,
        predictors: [i32; 3],
    ) -> Self {
        let reader = BitReader::new(bytes, bit);
        let (luma, chroma) = (tables[0], &tables[1..]);
        Self { reader, predictors, luma, chroma, decoder, coefficients: [0; 128], samples: [0; 64] }
    }

    /// Where the next MCU begins.
    fn start(&self) -> Result<McuStart, JpegError> {
        // Each DC value was checked to be small as it was decoded.
        let dc = self.predictors.map(|predictor| predictor as i16);
        // Bits are fewer than 2^32: `Limits::max_bytes` has been applied to the file, and again here.
        let bit = u32::try_from(self.reader.position()).map_err(|_| JpegError::TooLarge)?;
        Ok(McuStart { bit, dc })
    }

    /// Decodes one MCU and places its luma, N × N samples a block, from (left, top) of `plane` on.
    #[inline(always)]
    fn mcu<const N: usize>(&mut self, plane: &mut GrayPlane, (left, top): (i64, i64)) -> Result<(), JpegError> {
        let (across, down) = self.luma.blocks;
        let scale = self.decoder.scale::<N>();
        for y in 0..i64::from(down) {
            for x in 0..i64::from(across) {
                let luma = &self.luma;
                let (x, y) = (left + N as i64 * x, top + N as i64 * y);
                if !touches::<N>(plane, (x, y)) {
                    luma.skip(&mut self.reader, &mut self.predictors[0])?;
                    continue;
                }
                let flat = luma.decode::<N>(&mut self.reader, &mut self.predictors[0], &mut self.coefficients)?;
                if flat {
                    self.samples[..N * N].fill(transform::flat(self.coefficients[0], scale));
                } else {
                    transform::inverse::<N>(&self.coefficients, scale, &mut self.samples);
                }
                place::<N>(plane, (x, y), &self.samples);
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

/// Whether any of N × N samples at (x, y) lies on `plane`.
#[inline(always)]
fn touches<const N: usize>(plane: &GrayPlane, (x, y): (i64, i64)) -> bool {
    let within = |at: i64, side: u32| at < i64::from(side) && at + N as i64 > 0;
    within(x, plane.size.width) && within(y, plane.size.height)
}

/// Writes the part of N × N samples at (x, y) that lies on `plane`.
#[inline(always)]
fn place<const N: usize>(plane: &mut GrayPlane, (x, y): (i64, i64), samples: &Samples) {
    let (width, height) = (i64::from(plane.size.width), i64::from(plane.size.height));
    if x >= 0 && y >= 0 && x + N as i64 <= width && y + N as i64 <= height {
        let start = (y * width + x) as usize;
        let rows = plane.data[start..].chunks_mut(width as usize);
        for (row, source) in rows.zip(samples.chunks_exact(N)).take(N) {
            row[..N].copy_from_slice(source);
        }
        return;
    }
    let (left, right) = (x.max(0), (x + N as i64).min(width));
    let (top, bottom) = (y.max(0), (y + N as i64).min(height));
    if left >= right {
        return;
    }
    for to in top..bottom {
        let source = &samples[((to - y) * N as i64 + left - x) as usize..][..(right - left) as usize];
        plane.data[(to * width + left) as usize..][..source.len()].copy_from_slice(source);
    }
}

fn blank(size: Size) -> GrayPlane {
    GrayPlane { size, data: vec![0; size.pixels() as usize] }
}

fn reduced(size: Size, denominator: u32) -> Size {
    Size::new(size.width.div_ceil(denominator), size.height.div_ceil(denominator))
}

/// Means of `factor` × `factor` pixels; of fewer at edges that do not divide.
pub(super) fn means(plane: &GrayPlane, size: Size, factor: usize) -> GrayPlane {
    let mut out = Vec::with_capacity(size.pixels() as usize);
    let width = plane.size.width as usize;
    for rows in plane.data.chunks(width * factor) {
        for x in 0..size.width as usize {
            let (from, to) = (x * factor, width.min((x + 1) * factor));
            let (mut sum, mut count) = (0, 0);
            for cell in rows.chunks(width).flat_map(|row| &row[from..to]) {
                sum += u32::from(*cell);
                count += 1;
            }
            out.push(((sum + count / 2) / count) as u8);
        }
    }
    GrayPlane { size, data: out }
}

/// A piece of a plane.
fn cut(plane: &GrayPlane, area: PixelRect) -> GrayPlane {
    let (left, width) = (area.x as usize, area.w as usize);
    let mut data = Vec::with_capacity(width * area.h as usize);
    for row in plane.data.chunks_exact(plane.size.width as usize).skip(area.y as usize).take(area.h as usize) {
        data.extend_from_slice(&row[left..left + width]);
    }
    GrayPlane { size: Size::new(area.w, area.h), data }
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

    fn crop(&self, area: PixelRect) -> GrayPlane {
        if self.reduction == Reduction::Full {
            return cut(&self.plane, area);
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
        for row in rows {
            let mut walk: Option<Walk<'_>> = None;
            for column in columns.clone() {
                let mcu = row * across + column;
                let resumes = self.header.restart == 0 || mcu % self.header.restart != 0;
                let start = self.index.mcus[mcu];
                let from_index = || {
                    let bytes = &self.entropy.bytes;
                    Walk::new(&self.luma, &tables, bytes, start.bit as usize, start.dc.map(i32::from))
                };
                let walk = match &mut walk {
                    Some(walk) if resumes => walk,
                    other => other.insert(from_index()),
                };
                let left = column as i64 * i64::from(width) - i64::from(area.x);
                let top = row as i64 * i64::from(height) - i64::from(area.y);
                walk.mcu::<8>(plane, (left, top))?;
            }
        }
        Ok(())
    }
}
