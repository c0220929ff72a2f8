//! Samples of a JPEG whose coefficients cannot be spliced: each component's own, as many as were coded.
//!
//! Owns the transform of all blocks and where a pixel's samples lie. Chroma is repeated, not smoothed, where it has fewer
//! samples than the picture has pixels: no sample then reaches into a coding unit that is not its own. Knows nothing of
//! colours.

use super::header::{Component, QuantTable, Space, all_divide, most_blocks};
use super::scan::ZIGZAG;
use super::transform::{self, BlockRow, LANES};
use super::write::Blocks;
use super::{JpegError, Unsupported};
use crate::geometry::Size;

/// The samples of one component.
pub(crate) struct Plane {
    /// Samples in a row; those behind the picture's right edge included.
    width: usize,
    /// Row by row.
    samples: Vec<u8>,
    /// How many pixels a sample stands for, across and down.
    pub(crate) repeat: (usize, usize),
    /// Steps of its quantisation table, in rows (not zigzag).
    pub(crate) steps: [u16; 64],
}

impl Plane {
    /// Row `y` of the picture: one sample for every `repeat.0` pixels.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        &self.samples[y / self.repeat.1 * self.width..][..self.width]
    }
}

/// A picture's components.
pub(crate) struct Planes {
    pub(crate) size: Size,
    pub(crate) space: Space,
    pub(crate) planes: Vec<Plane>,
    /// Pixels across and down that one coding unit covers.
    pub(crate) unit: (u32, u32),
}

impl Planes {
    /// Most bytes that reading and transforming hold: coefficients of two bytes, and the first planes beside the last
    /// coefficients.
    pub(super) fn bytes(size: Size, components: &[Component]) -> u64 {
        let (h, v) = most_blocks(components);
        let mcus = u64::from(size.width.div_ceil(8 * h)) * u64::from(size.height.div_ceil(8 * v));
        let samples = |c: &Component| 64 * mcus * u64::from(c.blocks.0 * c.blocks.1);
        2 * components.iter().map(samples).sum::<u64>() + components.iter().map(samples).max().unwrap_or(0)
    }

    pub(super) fn new(
        size: Size,
        components: &[Component],
        blocks: Vec<Blocks>,
        quant: &[Option<QuantTable>; 4],
        space: Space,
    ) -> Result<Self, JpegError> {
        let most = most_blocks(components);
        // What stands for one and a half pixels, nobody shows.
        if !all_divide(components, most) {
            return Err(Unsupported::Sampling.into());
        }
        let mut planes = Vec::with_capacity(components.len());
        for (component, blocks) in components.iter().zip(blocks) {
            let table = quant[component.quant].as_ref().ok_or(JpegError::Malformed(super::Fault::QuantTable))?;
            let mut steps = [0; 64];
            for (&place, &step) in ZIGZAG.iter().zip(&table.steps) {
                steps[usize::from(place)] = step;
            }
            let repeat = ((most.0 / component.blocks.0) as usize, (most.1 / component.blocks.1) as usize);
            let samples = samples(&blocks, &table.steps);
            planes.push(Plane { width: 8 * blocks.across, samples, repeat, steps });
        }
        Ok(Self { size, space, planes, unit: (8 * most.0, 8 * most.1) })
    }
}

/// The samples of all blocks, row by row.
fn samples(blocks: &Blocks, steps: &[u16; 64]) -> Vec<u8> {
    let scale = transform::scale::<8>(steps);
    let lanes = blocks.across.next_multiple_of(LANES);
    let mut coefficients = vec![0; 64 * lanes];
    let mut row = vec![0; 64 * lanes];
    let mut samples = Vec::with_capacity(64 * blocks.blocks.len());
    for blocks_of_row in blocks.blocks.chunks_exact(blocks.across) {
        for (at, block) in blocks_of_row.iter().enumerate() {
            for (&place, &value) in ZIGZAG.iter().zip(block) {
                let (v, u) = (usize::from(place / 8), usize::from(place % 8));
                coefficients[(8 * u + v) * lanes + at] = value;
            }
        }
        BlockRow::<8> { coefficients: &coefficients, blocks: lanes, scale: &scale, samples: &mut row }.transform();
        for line in row.chunks_exact(8 * lanes) {
            samples.extend_from_slice(&line[..8 * blocks.across]);
        }
    }
    samples
}
