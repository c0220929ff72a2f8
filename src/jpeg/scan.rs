//! The scan: blocks of coefficients as codes, and the index of where each MCU begins.
//!
//! Owns the order of blocks and the prediction of DC values. Knows nothing of samples.

use std::cell::RefCell;
use std::sync::Arc;

use super::bits::BitReader;
use super::header::Header;
use super::huffman::{AcDecoder, DcDecoder, END_OF_BLOCK, TableSpec};
use super::{Fault, JpegError};

/// Row and column (8 × row + column) of each coefficient in the order in which a file states them.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The largest DC value taken. Those of 8-bit samples are within ±1024; rounding and edited files are given twice that.
const MAX_DC: i32 = 2047;

/// Where decoding stands when an MCU begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct McuStart {
    /// Position of its first bit.
    pub bit: u32,
    /// DC value of each component's block before it.
    pub dc: [i16; 3],
}

/// Where every MCU begins and every interval's last one ends.
#[derive(Default)]
pub(super) struct Index {
    /// One for each MCU, row by row.
    pub mcus: Vec<McuStart>,
    /// One for each interval: the bit behind its last MCU.
    pub ends: Vec<u32>,
}

/// The decoders that the scan uses, by table number.
pub(super) struct Decoders {
    dc: [Option<Arc<DcDecoder>>; 4],
    ac: [Option<Arc<AcDecoder>>; 4],
}

/// The decoders that a thread made last. A camera's pictures have the same tables, and making their decoders takes as long
/// as decoding some thousand codes.
#[derive(Default)]
struct Made {
    dc: Vec<(TableSpec, Arc<DcDecoder>)>,
    ac: Vec<(TableSpec, Arc<AcDecoder>)>,
}

impl Made {
    /// Two pictures' worth, should two cameras take turns.
    const MOST: usize = 4;

    /// The decoder of `spec` among `made`, or a new one, which displaces the oldest.
    fn find<D>(made: &mut Vec<(TableSpec, Arc<D>)>, spec: &TableSpec, make: fn(&TableSpec) -> D) -> Arc<D> {
        if let Some((_, decoder)) = made.iter().find(|(known, _)| known == spec) {
            return Arc::clone(decoder);
        }
        if made.len() == Self::MOST {
            made.remove(0);
        }
        let decoder = Arc::new(make(spec));
        made.push((spec.clone(), Arc::clone(&decoder)));
        decoder
    }
}

thread_local! {
    static MADE: RefCell<Made> = RefCell::default();
}

/// What decodes one component.
#[derive(Clone, Copy)]
pub(super) struct Tables<'a> {
    pub dc: &'a DcDecoder,
    pub ac: &'a AcDecoder,
    /// Blocks in an MCU, across and down.
    pub blocks: (u32, u32),
}

impl Decoders {
    /// Builds those that `header`'s components name.
    pub fn new(header: &Header) -> Self {
        let mut decoders = Self { dc: [const { None }; 4], ac: [const { None }; 4] };
        MADE.with_borrow_mut(|made| {
            for (index, component) in header.components.iter().enumerate() {
                decoders.dc[component.dc]
                    .get_or_insert_with(|| Made::find(&mut made.dc, header.dc_spec(index), DcDecoder::new));
                decoders.ac[component.ac]
                    .get_or_insert_with(|| Made::find(&mut made.ac, header.ac_spec(index), AcDecoder::new));
            }
        });
        decoders
    }

    /// Those of each component of the same `header`, luma first.
    pub fn by_component<'a>(&'a self, header: &Header) -> Vec<Tables<'a>> {
        let tables = |c: &super::header::Component| {
            Some(Tables { dc: self.dc[c.dc].as_deref()?, ac: self.ac[c.ac].as_deref()?, blocks: c.blocks })
        };
        header.components.iter().filter_map(tables).collect()
    }
}

/// Where each coefficient index belongs among those needed for N × N samples: that of horizontal frequency u and vertical
/// frequency v at (N·u + v) · stride, what is not needed at N·N · stride. Indices behind the 64th come from ends of block
/// and from malformed runs.
pub(super) struct Places([u32; 256]);

impl Places {
    /// For the coefficients of each frequency `stride` apart.
    pub fn new<const N: usize>(stride: usize) -> Self {
        let mut places = [(N * N * stride) as u32; 256];
        for (place, at) in places.iter_mut().zip(ZIGZAG) {
            let (row, column) = (usize::from(at / 8), usize::from(at % 8));
            if row < N && column < N {
                *place = ((N * column + row) * stride) as u32;
            }
        }
        Self(places)
    }
}

/// One more than the last coefficient index that N × N samples need.
const fn needed(n: usize) -> u32 {
    match n {
        1 => 1,
        2 => 5,
        4 => 25,
        _ => 64,
    }
}

impl Tables<'_> {
    /// Decodes a block's coefficients for N × N samples (1, 2, 4 or 8) and passes over the others. Those that are not zero
    /// are written to `coefficients`, at `places`; see [`Places`].
    #[inline(always)]
    pub fn decode<const N: usize>(
        &self,
        reader: &mut BitReader<'_>,
        predictor: &mut i32,
        coefficients: &mut [i16],
        places: &Places,
    ) -> Result<(), JpegError> {
        // Copies, which stay in registers.
        let (mut local, mut dc) = (reader.clone(), *predictor);
        let decoded = self.decode_from::<N>(&mut local, &mut dc, coefficients, places);
        (*reader, *predictor) = (local, dc);
        decoded
    }

    #[inline(always)]
    fn decode_from<const N: usize>(
        &self,
        reader: &mut BitReader<'_>,
        predictor: &mut i32,
        coefficients: &mut [i16],
        places: &Places,
    ) -> Result<(), JpegError> {
        self.predict(reader, predictor)?;
        coefficients[0] = *predictor as i16;
        let mut k = 1;
        while k < needed(N) {
            reader.ensure();
            let pair = self.ac.decode_pair(reader, k)?;
            for at in 0..2 {
                k += pair.advance(at);
                coefficients[places.0[(k - 1) as usize & 255] as usize] = pair.value(at);
            }
        }
        self.skip_from(reader, k)
    }

    /// Passes over a block; only its DC value is kept, in `predictor`.
    #[inline(always)]
    pub fn skip(&self, reader: &mut BitReader<'_>, predictor: &mut i32) -> Result<(), JpegError> {
        let (mut local, mut dc) = (reader.clone(), *predictor);
        let skipped = self.predict(&mut local, &mut dc).and_then(|()| self.skip_from(&mut local, 1));
        (*reader, *predictor) = (local, dc);
        skipped
    }

    /// Decodes a DC difference and adds it to `predictor`.
    #[inline(always)]
    fn predict(&self, reader: &mut BitReader<'_>, predictor: &mut i32) -> Result<(), JpegError> {
        reader.ensure();
        *predictor += self.dc.decode(reader)?;
        if predictor.abs() > MAX_DC { Err(JpegError::Malformed(Fault::Coefficients)) } else { Ok(()) }
    }

    #[inline(always)]
    fn skip_from(&self, reader: &mut BitReader<'_>, mut k: u32) -> Result<(), JpegError> {
        while k < 64 {
            reader.ensure();
            k = self.ac.skip(reader, k)?;
        }
        // Either the 64th coefficient was the last one, or an end of block came before it.
        if k > 64 && k <= END_OF_BLOCK {
            return Err(JpegError::Malformed(Fault::Coefficients));
        }
        Ok(())
    }

    /// Passes over one block's AC coefficients.
    pub fn skip_ac(&self, reader: &mut BitReader<'_>) -> Result<(), JpegError> {
        self.skip_from(reader, 1)
    }
}
