//! JPEG by way of its pixels: structure first, then a decoder in its strict mode.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{DecodeError, Format, Orientation, Picture, Pixels};
use crate::geometry::Size;

/// How a JPEG was coded: enough to code another one with the same losses.
#[derive(Clone)]
pub(crate) struct JpegCoding {
    /// Quantisation of luma, in rows (not zigzag).
    pub(crate) luma: [u16; 64],
    /// Quantisation of the first chroma component, in rows.
    pub(crate) chroma: [u16; 64],
    /// How chroma is reduced.
    pub(crate) sampling: Sampling,
}

/// Luma's sampling factors when chroma's are 1×1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampling {
    /// Across.
    pub(crate) horizontal: u8,
    /// Down.
    pub(crate) vertical: u8,
}

/// What a walk over all segments of the file found. That it exists means that the file runs to its end marker.
pub(super) struct Structure {
    size: Size,
    components: Vec<Component>,
    /// Quantisation tables by number, in rows.
    tables: [Option<[u16; 64]>; 4],
}

struct Component {
    horizontal: u8,
    vertical: u8,
    table: u8,
}

const fn damaged(detail: &'static str) -> DecodeError {
    DecodeError::Damaged { format: Format::Jpeg, detail }
}

const fn unsupported(feature: &'static str) -> DecodeError {
    DecodeError::Unsupported { format: Format::Jpeg, feature }
}

const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Jpeg };

impl Structure {
    /// Walks `file` from marker to marker until its end of image.
    pub(super) fn read(file: &[u8]) -> Result<Self, DecodeError> {
        let mut frame: Option<(Size, Vec<Component>, bool)> = None;
        let mut tables = [None; 4];
        let (mut scans, mut scanned) = (0, 0);
        let mut separate_scans = false;
        let mut rest = file.get(2..).ok_or(TRUNCATED)?;
        loop {
            let marker;
            (marker, rest) = next_marker(rest)?;
            match marker {
                // Restart markers outside of a scan, TEM, and a second SOI stand alone.
                0x01 | 0xD0..=0xD8 => continue,
                0xD9 => break,
                _ => {}
            }
            let length = rest.first_chunk().map(|&bytes| usize::from(u16::from_be_bytes(bytes))).ok_or(TRUNCATED)?;
            let segment = rest
                .get(..length)
                .ok_or(TRUNCATED)?
                .get(2..)
                .ok_or(damaged("a segment shorter than its length field"))?;
            rest = &rest[length..];
            match marker {
                0xC0..=0xC2 if frame.is_some() => return Err(damaged("two frames in one image")),
                0xC0..=0xC2 => {
                    let (size, components) = read_frame(segment)?;
                    frame = Some((size, components, marker == 0xC2));
                }
                0xC3 => return Err(unsupported("lossless coding")),
                0xC5..=0xC7 | 0xCD..=0xCF => return Err(unsupported("hierarchical coding")),
                0xC9..=0xCB => return Err(unsupported("arithmetic coding")),
                0xDB => read_tables(segment, &mut tables)?,
                0xDA => {
                    scans += 1;
                    scanned += segment.first().copied().map_or(0, usize::from);
                    let together = segment.first().copied().map_or(0, usize::from);
                    separate_scans |= frame.as_ref().is_some_and(|(_, components, _)| together < components.len());
                    rest = &rest[scan_length(rest)..];
                }
                _ => {}
            }
        }
        let (size, components, progressive) = frame.ok_or(damaged("no frame header"))?;
        if scans == 0 {
            return Err(damaged("no scan"));
        }
        // Somebody may have put an end marker behind what is left of a file.
        if scanned < components.len() {
            return Err(TRUNCATED);
        }
        // The decoder garbles these without saying so (zune-jpeg 0.5.15; the test that found it is ours).
        if separate_scans && !progressive && components.iter().any(|component| component.vertical > 1) {
            return Err(unsupported("separate scans of colours reduced in height"));
        }
        Ok(Self { size, components, tables })
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Interleaved output, or 16-bit coefficients of the whole image, of which several scans ask for all at once; both, since
    /// what the one decoder leaves alone goes to the other.
    pub(super) fn decoded_bytes(&self) -> u64 {
        let samples = if self.components.len() == 1 { 1 } else { 3 };
        self.size.pixels() * (samples + 2 * self.components.len() as u64)
    }

    pub(super) fn decode(self, file: &[u8]) -> Result<(Orientation, Picture), DecodeError> {
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .set_max_width(self.size.width as usize)
            .set_max_height(self.size.height as usize);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
        decoder.decode_headers().map_err(DecodeError::Jpeg)?;
        let wanted = match decoder.input_colorspace() {
            // Without conversion: the scene is coded from the same components.
            Some(same @ (ColorSpace::Luma | ColorSpace::YCbCr | ColorSpace::RGB)) => same,
            Some(ColorSpace::CMYK | ColorSpace::YCCK) => ColorSpace::RGB,
            _ => return Err(unsupported("this number of colour components")),
        };
        decoder.set_options(options.jpeg_set_out_colorspace(wanted));
        let samples = decoder.decode().map_err(DecodeError::Jpeg)?;
        let channels = if wanted == ColorSpace::Luma { 1 } else { 3 };
        if decoder.dimensions() != Some((self.size.width as usize, self.size.height as usize))
            || samples.len() as u64 != self.size.pixels() * channels
        {
            return Err(damaged("the decoded size differs from the header's"));
        }
        let orientation = decoder.exif().map_or(Orientation::Upright, |exif| Orientation::from_exif(exif));
        let coding = self.coding(wanted);
        let pixels = match wanted {
            ColorSpace::Luma => Pixels::Gray(samples),
            ColorSpace::YCbCr => Pixels::Ycbcr(samples),
            _ => Pixels::Rgb(samples),
        };
        Ok((orientation, Picture { size: self.size, pixels, coding }))
    }

    /// The original's tables and sampling, where a YCbCr or grey JPEG can be coded with the same.
    fn coding(&self, decoded_as: ColorSpace) -> Option<JpegCoding> {
        let table = |component: &Component| self.tables.get(usize::from(component.table)).copied().flatten();
        match (decoded_as, self.components.as_slice()) {
            (ColorSpace::Luma, [gray]) => {
                let luma = table(gray)?;
                Some(JpegCoding { luma, chroma: luma, sampling: Sampling { horizontal: 1, vertical: 1 } })
            }
            (ColorSpace::YCbCr, [luma, cb, _]) => {
                let sampling = Sampling {
                    horizontal: luma.horizontal.checked_div(cb.horizontal)?,
                    vertical: luma.vertical.checked_div(cb.vertical)?,
                };
                Some(JpegCoding { luma: table(luma)?, chroma: table(cb)?, sampling })
            }
            _ => None,
        }
    }
}

/// The next marker's code and what follows it. Bytes between segments that belong to none are passed over, as every
/// decoder does.
fn next_marker(mut rest: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    loop {
        let at = rest.iter().position(|&byte| byte == 0xFF).ok_or(TRUNCATED)?;
        rest = &rest[at + 1..];
        match rest {
            [] => return Err(TRUNCATED),
            // A fill byte, or a stuffed one in garbage.
            [0xFF | 0x00, ..] => {}
            [marker, after @ ..] => return Ok((*marker, after)),
        }
    }
}

/// Length of the entropy-coded data at the head of `rest`: up to the first marker that does not belong to it.
fn scan_length(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = rest[at..].iter().position(|&byte| byte == 0xFF) {
        at += found;
        match rest.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) | None => return at,
        }
    }
    rest.len()
}

fn read_frame(segment: &[u8]) -> Result<(Size, Vec<Component>), DecodeError> {
    let (&[precision, h1, h0, w1, w0, count], components) =
        segment.split_first_chunk().ok_or(damaged("a frame header without its fields"))?;
    if precision != 8 {
        return Err(unsupported("more than 8 bits a sample"));
    }
    let size = Size::new(u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into());
    if size.height == 0 {
        return Err(unsupported("a height that follows the image"));
    }
    if components.len() != 3 * usize::from(count) {
        return Err(damaged("a frame header that contradicts its number of components"));
    }
    let components = components
        .chunks_exact(3)
        .map(|c| Component { horizontal: c[1] >> 4, vertical: c[1] & 15, table: c[2] })
        .collect();
    Ok((size, components))
}

/// Rows and columns of the zigzag order: entry `i` is the place of the `i`-th stored coefficient.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

fn read_tables(mut segment: &[u8], tables: &mut [Option<[u16; 64]>; 4]) -> Result<(), DecodeError> {
    while let [head, rest @ ..] = segment {
        let bytes = if head >> 4 == 0 { 1 } else { 2 };
        let (values, after) = rest.split_at_checked(64 * bytes).ok_or(damaged("a quantisation table cut short"))?;
        let table = tables.get_mut(usize::from(head & 15)).ok_or(damaged("a quantisation table numbered above 3"))?;
        let rows = table.insert([0; 64]);
        for (&place, value) in ZIGZAG.iter().zip(values.chunks_exact(bytes)) {
            rows[usize::from(place)] = value.iter().fold(0, |sum, &byte| sum << 8 | u16::from(byte));
        }
        segment = after;
    }
    Ok(())
}
