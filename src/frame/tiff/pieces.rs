//! TIFF pictures whose strips or tiles are JPEGs.
//!
//! Owns how tables and pieces become whole JPEG files, which are decoded as files of their own are, whatever their sampling, and how
//! these become the picture again. What their tags mean: [`super`].

use std::ops::Range;

use image::error::{DecodingError, ImageFormatHint};
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};

use super::{Page, Reader, TRUNCATED, unsupported};
use crate::frame::{DecodeError, Pixels, jpeg, told};
use crate::geometry::Size;

/// Where the pieces lie, and what they are pieces of.
#[derive(Clone)]
pub(in crate::frame) struct Pieces {
    size: Size,
    /// Columns and rows of a piece; strips are as wide as the picture, and the last may have fewer rows.
    piece: Size,
    tiles: bool,
    photometric: u64,
    /// Tables that the pieces leave out, as a file without a picture.
    tables: Option<Range<usize>>,
    ranges: Vec<Range<usize>>,
    profile: Option<Range<usize>>,
    /// Most bytes that decoding one piece holds.
    bytes: u64,
}

impl Pieces {
    pub(super) fn of(page: &Page, reader: &Reader<'_>) -> Result<Self, DecodeError> {
        let side = |side: u64| u32::try_from(side).ok().filter(|side| *side > 0).ok_or(TRUNCATED);
        let size = Size::new(side(page.width)?, side(page.height)?);
        let (piece, tiles) = match page.tile {
            (Some(width), Some(height)) => (Size::new(side(width)?, side(height)?), true),
            _ => (Size::new(size.width, side(page.rows.unwrap_or(page.height))?.min(size.height)), false),
        };
        let count = u64::from(size.width.div_ceil(piece.width)) * u64::from(size.height.div_ceil(piece.height));
        if page.pieces.len() as u64 != count || page.lengths.len() as u64 != count {
            return Err(unsupported("more or fewer strips or tiles than the picture has"));
        }
        let range = |(at, length): (&u64, &u64)| {
            let range = usize::try_from(*at).ok()?..usize::try_from(at.checked_add(*length)?).ok()?;
            (range.end <= reader.file.len()).then_some(range)
        };
        let ranges = page.pieces.iter().zip(&page.lengths).map(range).collect::<Option<Vec<_>>>().ok_or(TRUNCATED)?;
        let (tables, profile) = (page.jpeg_tables.clone(), page.profile.clone());
        let mut pieces = Self { size, piece, tiles, photometric: page.photometric, tables, ranges, profile, bytes: 0 };
        let (first, bytes) = jpeg::claims(&pieces.stream(reader.file, 0))?;
        pieces.bytes = bytes + pieces.ranges.iter().map(|range| range.len() as u64).max().unwrap_or(0);
        pieces.fits(0, first)?;
        Ok(pieces)
    }

    pub(in crate::frame) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The top left corner of piece `number`.
    fn corner(&self, number: usize) -> (u32, u32) {
        let across = self.size.width.div_ceil(self.piece.width);
        (number as u32 % across * self.piece.width, number as u32 / across * self.piece.height)
    }

    /// Whether piece `number` is of the size that it must have: strips at the lower edge may end with the picture.
    fn fits(&self, number: usize, size: Size) -> Result<(), DecodeError> {
        let rest = Size::new(self.piece.width, self.size.height - self.corner(number).1);
        if size == self.piece || (!self.tiles && size == rest && rest.height < self.piece.height) {
            return Ok(());
        }
        Err(unsupported("JPEGs of another size than that of their strips or tiles"))
    }

    /// Piece `number` as a JPEG file.
    fn stream(&self, file: &[u8], number: usize) -> Vec<u8> {
        let piece = &file[self.ranges[number].clone()];
        let tables = self.tables.as_ref().and_then(|tables| file.get(tables.clone())).unwrap_or_default();
        match (tables.strip_suffix(&[0xFF, 0xD9]), piece.strip_prefix(&[0xFF, 0xD8])) {
            (Some(tables), Some(piece)) => [tables, piece].concat(),
            _ => piece.to_vec(),
        }
    }

    /// Piece `number` in the colours that the tags say it has, one sample or three a pixel.
    fn samples(&self, file: &[u8], number: usize) -> Result<(Size, Vec<u8>), DecodeError> {
        let stream = self.stream(file, number);
        self.fits(number, jpeg::claims(&stream)?.0)?;
        let mut marked = false;
        told::jpeg_segments(&stream, |body| marked |= body.starts_with(b"JFIF\0") || body.starts_with(b"Adobe"));
        let picture = jpeg::decode(&stream)?;
        // What is blanked keeps to units of sixteen pixels, and so must what was coded together.
        let (across, down) = picture.unit;
        let alone = |piece: u32, all: u32, unit: u32| piece >= all || piece.is_multiple_of(unit);
        if !16u32.is_multiple_of(across)
            || !16u32.is_multiple_of(down)
            || !alone(self.piece.width, self.size.width, across)
            || !alone(self.piece.height, self.size.height, down)
        {
            return Err(unsupported("JPEGs whose coding units go across strips or tiles"));
        }
        let samples = match (self.photometric, picture.pixels) {
            (1, Pixels::Gray(samples)) | (2, Pixels::Rgb(samples)) => samples,
            // Nothing but the tag says what they are.
            (2, Pixels::Ycbcr(samples)) if !marked => samples,
            (6, Pixels::Ycbcr(mut samples)) => {
                samples.as_chunks_mut::<3>().0.iter_mut().for_each(Pixels::to_rgb);
                samples
            }
            _ => return Err(unsupported("colours that are told in two ways")),
        };
        Ok((picture.size, samples))
    }
}

/// Decodes all pieces of a file.
pub(in crate::frame) struct JpegDecoder<'f> {
    pub file: &'f [u8],
    pub pieces: Pieces,
}

impl ImageDecoder for JpegDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        (self.pieces.size.width, self.pieces.size.height)
    }

    fn color_type(&self) -> ColorType {
        if self.pieces.photometric == 1 { ColorType::L8 } else { ColorType::Rgb8 }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.pieces.profile.clone().and_then(|profile| Some(self.file.get(profile)?.to_vec())))
    }

    fn read_image(self, samples: &mut [u8]) -> ImageResult<()> {
        let Self { file, pieces } = &self;
        let depth = usize::from(self.color_type().bytes_per_pixel());
        let row = pieces.size.width as usize * depth;
        for number in 0..pieces.ranges.len() {
            let (size, piece) = pieces.samples(file, number).map_err(|error| {
                ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::Tiff), error))
            })?;
            let (x, y) = pieces.corner(number);
            let width = size.width.min(pieces.size.width - x) as usize * depth;
            let rows = samples.chunks_exact_mut(row).skip(y as usize);
            for (to, from) in rows.zip(piece.chunks_exact(size.width as usize * depth)) {
                to[x as usize * depth..][..width].copy_from_slice(&from[..width]);
            }
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}
