//! Kinds of TIFF pictures that the usual decoder does not read: of a palette, and grey with transparency.
//!
//! Owns how a page is told otherwise so that it is read all the same, and what its samples are made into. Which pages there are:
//! [`super`]; JPEGs in strips or tiles: [`super::pieces`].

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageResult};

use super::pieces::Pieces;
use super::{BITS, EXTRA, Entry, JPEG, PHOTOMETRIC, PREDICTOR, Page, Reader, SAMPLES, TILE_WIDTH, WIDTH, unsupported};
use crate::frame::DecodeError;

/// How a page's samples become a picture.
#[derive(Clone)]
pub(in crate::frame) enum Kind {
    /// As the decoder has them.
    Usual,
    /// Each is the number of a colour.
    Palette(Vec<[u8; 3]>),
    /// Grey and how opaque it is, read as grey of twice the width. Whether each is stated as what it is more than the one before.
    Veiled { predicted: bool },
    /// Each strip or tile is a JPEG.
    Jpeg(Pieces),
}

/// Where in a file something else must stand, and what.
pub(super) type Edit = (usize, Vec<u8>);

impl Page {
    /// The kind of the page, and what must be told otherwise for the decoder to read it.
    pub(super) fn kind(&self, reader: &Reader<'_>) -> Result<(Kind, Vec<Edit>), DecodeError> {
        let mut edits = Vec::new();
        let entry = |tag: u64| self.entries.iter().find(|entry| entry.tag == tag);
        let mut tell = |tag: u64, value: u64| edits.extend(entry(tag).map(|entry| reader.told(*entry, value)));
        let kind = match (self.photometric, self.compression, self.meaning(EXTRA, &[])) {
            (1 | 2 | 6, JPEG, []) => Kind::Jpeg(Pieces::of(self, reader)?),
            (3, ..) => {
                tell(PHOTOMETRIC, 1);
                Kind::Palette(self.palette()?)
            }
            (1, _, [_]) => {
                tell(WIDTH, 2 * self.width);
                tell(TILE_WIDTH, 2 * self.tile.0.unwrap_or(0));
                tell(BITS, self.meaning(BITS, &[1]).first().copied().unwrap_or(1));
                tell(SAMPLES, 1);
                tell(PREDICTOR, 1);
                edits.extend(entry(EXTRA).map(|entry| reader.hidden(*entry)));
                Kind::Veiled { predicted: *self.meaning(PREDICTOR, &[1]) == [2] }
            }
            _ => Kind::Usual,
        };
        Ok((kind, edits))
    }

    /// The colours of a palette: all reds, all greens and all blues, in sixteen bits.
    fn palette(&self) -> Result<Vec<[u8; 3]>, DecodeError> {
        let depth = self.meaning(BITS, &[1]).first().copied().unwrap_or(1);
        let count = 1usize << depth.min(8);
        if self.colours.len() != 3 * count {
            return Err(unsupported("a palette of more or fewer colours than its samples can name"));
        }
        // Some writers take eight bits.
        let shift = if self.colours.iter().all(|value| *value < 256) { 0 } else { 8 };
        let eight = |at: usize| (self.colours[at] >> shift).min(255) as u8;
        Ok((0..count).map(|n| [eight(n), eight(count + n), eight(2 * count + n)]).collect())
    }
}

impl Reader<'_> {
    /// `entry` with one number of 32 bits as its value.
    fn told(&self, entry: Entry, value: u64) -> Edit {
        let number = |value: u64, width: u64| {
            let bytes = value.to_le_bytes();
            let bytes = bytes[..width as usize].iter().copied();
            if self.little { bytes.collect::<Vec<u8>>() } else { bytes.rev().collect() }
        };
        let mut edit = [number(4, 2), number(1, self.offset()), number(value, 4)].concat();
        edit.resize(2 + 2 * self.offset() as usize, 0);
        (entry.at as usize + 2, edit)
    }

    /// `entry` under a number of which nobody knows anything.
    fn hidden(&self, entry: Entry) -> Edit {
        let tag = if self.little { 65_001u16.to_le_bytes() } else { 65_001u16.to_be_bytes() };
        (entry.at as usize, tag.to_vec())
    }
}

/// The decoder of a page that was told otherwise.
pub(in crate::frame) struct Retold<D> {
    pub decoder: D,
    pub kind: Kind,
}

impl<D: ImageDecoder> ImageDecoder for Retold<D> {
    fn dimensions(&self) -> (u32, u32) {
        let (width, height) = self.decoder.dimensions();
        if matches!(self.kind, Kind::Veiled { .. }) { (width / 2, height) } else { (width, height) }
    }

    fn color_type(&self) -> ColorType {
        match (&self.kind, self.decoder.color_type()) {
            (Kind::Palette(_), _) => ColorType::Rgb8,
            (Kind::Veiled { .. }, ColorType::L16) => ColorType::La16,
            (Kind::Veiled { .. }, _) => ColorType::La8,
            (_, usual) => usual,
        }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        self.decoder.icc_profile()
    }

    fn orientation(&mut self) -> ImageResult<Orientation> {
        self.decoder.orientation()
    }

    fn read_image(self, samples: &mut [u8]) -> ImageResult<()> {
        let row = self.dimensions().0 as usize * usize::from(self.color_type().bytes_per_pixel());
        match self.kind {
            Kind::Palette(colours) => {
                let mut numbers = vec![0; self.decoder.total_bytes() as usize];
                self.decoder.read_image(&mut numbers)?;
                // Of one bit, the decoder makes black and white.
                let white = if colours.len() == 2 { 255 } else { 1 };
                for (pixel, number) in samples.as_chunks_mut::<3>().0.iter_mut().zip(numbers) {
                    *pixel = colours[usize::from(number / white)];
                }
            }
            Kind::Veiled { predicted } => {
                let deep = self.decoder.color_type() == ColorType::L16;
                self.decoder.read_image(samples)?;
                if predicted {
                    samples.chunks_exact_mut(row).for_each(if deep { added_16 } else { added_8 });
                }
            }
            Kind::Usual | Kind::Jpeg(_) => self.decoder.read_image(samples)?,
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

/// Adds to each sample of a row the one before of its kind.
fn added_8(row: &mut [u8]) {
    for at in 2..row.len() {
        row[at] = row[at].wrapping_add(row[at - 2]);
    }
}

fn added_16(row: &mut [u8]) {
    let (samples, _) = row.as_chunks_mut::<2>();
    for at in 2..samples.len() {
        let sum = u16::from_ne_bytes(samples[at]).wrapping_add(u16::from_ne_bytes(samples[at - 2]));
        samples[at] = sum.to_ne_bytes();
    }
}
