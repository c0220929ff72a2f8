//! JPEG without decoding it: pictures are examined and blanked as coefficients.
//!
//! Owns the coefficient domain: parsing, Huffman codes, transforms to luma, and the splice that replaces the MCUs under
//! an area by flat ones while every other MCU keeps its bits. Knows nothing of plates, faces, keys or vaults.
//!
//! | you have | you want | call |
//! |---|---|---|
//! | a JPEG file | to know whether it is whole and of a kind that this module treats | [`Jpeg::parse`], or [`Header::parse`] and [`Jpeg::decode`] |
//! | a progressive file | one of a single scan, coefficient by coefficient the same | [`sequential`] |
//! | a [`Jpeg`] | luma for the detector and the reader | its [`LumaSource`](crate::frame::LumaSource) |
//! | a [`Jpeg`] and areas | a scene without them, and what was removed | [`Jpeg::splice`] |
//! | scene and removed bytes | the original file, byte for byte | [`restore`] |
//! | samples | a file of them | `encode`, in this crate alone |
//!
//! Accepted are sequential Huffman-coded files of 8 bits, grey or YCbCr, in one scan. All else is
//! [`JpegError::Unsupported`]; of such files the module gives [`frame`](crate::frame) the samples, where it decodes them right,
//! which a test shows for every sampling. A file that ends early or contradicts itself is refused, so that nothing incomplete
//! is ever examined as if it were whole.

mod bits;
mod encode;
mod header;
mod huffman;
mod luma;
mod planes;
mod removed;
mod scan;
mod sequential;
mod splice;
mod transform;
mod write;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use encode::encode;
pub use header::Header;
pub(crate) use header::Space;
pub use luma::Reduction;
pub(crate) use planes::Planes;
pub use removed::{RestoreError, restore};
pub(crate) use sequential::{Coded, claims, extent, is_plain};
pub use sequential::{Sequential, sequential};
pub use splice::{Fill, SpliceError, Spliced};
pub(crate) use splice::{Paint, Segment, Tiles};
pub(crate) use write::standard_tables;

use thiserror::Error;

use crate::frame::GrayPlane;
use crate::geometry::Size;
use bits::Entropy;
use luma::LumaDecoder;
use scan::{Decoders, Index};

/// What is accepted at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pixels in a picture. The default of 400 million admits a 20,000 × 20,000 picture; memory is bounded by the file's
    /// length anyhow, since a block takes at least two bits.
    pub max_pixels: u64,
    /// Bytes in a file. The default of 256 MiB keeps bit positions within 32 bits.
    pub max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 400_000_000, max_bytes: 256 << 20 }
    }
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The file does not begin as a JPEG does.
    #[error("not a JPEG file")]
    NotJpeg,
    /// Valid perhaps, but for a pixel decoder.
    #[error("not a JPEG of a usual kind: {0}")]
    Unsupported(#[from] Unsupported),
    /// More pixels or bytes than [`Limits`] admit.
    #[error("JPEG beyond the limits")]
    TooLarge,
    /// The file ends before its picture does.
    #[error("JPEG ends early")]
    Truncated,
    /// The file contradicts itself or the standard.
    #[error("malformed JPEG: {0}")]
    Malformed(Fault),
}

/// Kinds of JPEG that cannot be spliced, or that nobody here decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Progressive coding.
    #[error("progressive coding")]
    Progressive,
    /// Lossless coding.
    #[error("lossless coding")]
    Lossless,
    /// Hierarchical coding.
    #[error("hierarchical coding")]
    Hierarchical,
    /// Arithmetic coding.
    #[error("arithmetic coding")]
    Arithmetic,
    /// Samples of other than 8 bits.
    #[error("{bits}-bit samples")]
    Precision {
        /// Bits a sample.
        bits: u8,
    },
    /// Neither grey nor three components, as CMYK.
    #[error("{count} colour components")]
    Components {
        /// Number of components.
        count: u8,
    },
    /// Luma does not have the most samples, or chroma does not divide them.
    #[error("such sampling factors")]
    Sampling,
    /// RGB or another space without luma.
    #[error("such a colour space")]
    Colour,
    /// Segments that say different things of what the samples mean.
    #[error("a colour space that is told in two ways")]
    Contradiction,
    /// Four inks of which nothing says how they are stored.
    #[error("a picture of four inks (CMYK) without Adobe's segment, which decoders show in different ways,")]
    UnmarkedInks,
    /// A quantisation table that was replaced between two scans of a component.
    #[error("a quantisation table that changes between scans")]
    Requantised,
    /// More than one scan, or scans that no sequential one can stand for.
    #[error("such an order of scans")]
    SeveralScans,
    /// No Huffman tables: the standard's are meant.
    #[error("Huffman tables that are left out")]
    NoTables,
    /// The height is stated after the picture.
    #[error("a height that follows the image")]
    DeferredHeight,
}

/// Where a malformed file is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// A marker where it cannot stand.
    #[error("marker out of place")]
    Marker,
    /// A segment's length does not fit its content.
    #[error("segment length")]
    SegmentLength,
    /// A quantisation table.
    #[error("quantisation table")]
    QuantTable,
    /// A Huffman table.
    #[error("Huffman table")]
    HuffmanTable,
    /// The frame header.
    #[error("frame header")]
    Frame,
    /// The scan header.
    #[error("scan header")]
    Scan,
    /// A byte behind 0xFF that is neither stuffing nor a marker.
    #[error("byte stuffing")]
    Stuffing,
    /// Restart markers out of order, too many, or where none belong.
    #[error("restart markers")]
    Restart,
    /// A bit pattern that is no code.
    #[error("Huffman code")]
    Code,
    /// More coefficients than a block has, or a value that no sample can have.
    #[error("coefficients")]
    Coefficients,
}

/// A JPEG file whose every coefficient was walked over once: known to be whole, and ready to be looked at and spliced.
///
/// It keeps the entropy-coded data and an index of it, not the file.
pub struct Jpeg {
    header: Header,
    entropy: Entropy,
    decoders: Decoders,
    index: Index,
    luma: LumaDecoder,
    /// Luma as decoded along with the index.
    plane: GrayPlane,
    reduction: Reduction,
    file_len: usize,
}

impl Jpeg {
    /// Reads `file`, which must be complete, and decodes its luma at `reduction` in the same pass.
    pub fn parse(file: &[u8], limits: &Limits, reduction: Reduction) -> Result<Self, JpegError> {
        Self::decode(Header::parse(file, limits)?, file, reduction)
    }

    /// The second half of [`Jpeg::parse`]: what follows the `header` of the same `file`.
    ///
    /// # Errors
    ///
    /// When the picture is damaged or incomplete. A second scan is found here, too.
    pub fn decode(header: Header, file: &[u8], reduction: Reduction) -> Result<Self, JpegError> {
        let mcus = header.mcu_count();
        let intervals = if header.restart == 0 { 1 } else { mcus.div_ceil(header.restart) };
        let scan = file.get(header.scan_start..).ok_or(JpegError::Truncated)?;
        let entropy = Entropy::unstuff(scan, intervals)?;
        header::expect_end(file, header.scan_start + entropy.stuffed_len)?;
        // Each block takes a DC code and an AC code at least. This bounds all memory by the file's length.
        if intervals != entropy.intervals.len() || entropy.bits() < 2 * mcus * header.blocks_per_mcu() {
            return Err(JpegError::Truncated);
        }
        let decoders = Decoders::new(&header);
        let luma = LumaDecoder::new(&header);
        let (index, plane) = luma.index(&header, &entropy, &decoders, reduction)?;
        if !index.ends.last().is_some_and(|&end| entropy.ends_at(end as usize)) {
            return Err(JpegError::Truncated);
        }
        Ok(Self { header, entropy, decoders, index, luma, plane, reduction, file_len: file.len() })
    }

    /// Size of the picture.
    pub fn size(&self) -> Size {
        self.header.size
    }

    /// Where in the file its entropy-coded data ends.
    pub(crate) fn scan_end(&self) -> usize {
        self.header.scan_start + self.entropy.stuffed_len
    }

    /// Bytes that the index takes for each MCU.
    pub const INDEX_BYTES_PER_MCU: usize = size_of::<scan::McuStart>();

    /// Pixels across and down that one MCU covers: the grid to which flat areas are widened.
    pub fn mcu_pixels(&self) -> (u32, u32) {
        self.header.mcu_pixels()
    }
}
