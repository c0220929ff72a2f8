//! Any image file becomes a [`Frame`], within limits, or a [`DecodeError`] that says why not.
//!
//! Owns decoding, its limits, and the rule that a file which ends early is refused, never shown in part. Knows nothing
//! of plates, faces, keys or vaults.
//!
//! Decoding has two steps, so that a caller can make room before any pixel is allocated: [`Header::read`] looks at the
//! structure only, [`Header::decode`] does the work.
//!
//! A JPEG of the usual kind is held as its coefficients ([`crate::jpeg`]): luma is decoded as far as it is asked for, and
//! colour never. All others are held as pixels.

use std::borrow::Cow;
use std::sync::Arc;

use image::DynamicImage;
use thiserror::Error;

use crate::geometry::{PixelRect, Size};
use crate::jpeg::{Jpeg, JpegError};

mod apng;
mod canvas;
mod coefficients;
mod colours;
mod deep;
mod format;
mod gif;
#[cfg(feature = "heif")]
mod heif;
mod jpeg;
mod jxl;
mod luma;
mod picture;
pub(crate) mod range;
mod raster;
mod sequence;
mod tiff;
mod told;
mod trailing;
mod upright;
mod veiled;
mod webp;

pub use format::{Format, Kind};
pub(crate) use jpeg::{JpegCoding, Sampling};
pub(crate) use picture::{Picture, Pixels};
pub(crate) use raster::Colours;
pub(crate) use raster::Profiled;
pub(crate) use sequence::{Delay, Sequence, Shot};
pub use told::Told;
pub(crate) use told::{exif, xmp};
pub use upright::{Orientation, Upright};

/// 8-bit luma, rows top down without gaps.
#[derive(Clone, PartialEq, Eq)]
pub struct GrayPlane {
    /// Pixels across and down.
    pub size: Size,
    /// `width × height` bytes.
    pub data: Vec<u8>,
}

impl GrayPlane {
    /// A piece of it. `area` must lie inside.
    pub fn crop(&self, area: PixelRect) -> Self {
        let (left, width) = (area.x as usize, area.w as usize);
        let mut data = Vec::with_capacity(width * area.h as usize);
        for row in self.data.chunks_exact(self.size.width as usize).skip(area.y as usize).take(area.h as usize) {
            data.extend_from_slice(&row[left..left + width]);
        }
        Self { size: Size::new(area.w, area.h), data }
    }
}

/// What the eyes may ask of an image. An image held as pixels answers from these; one held as coefficients decodes no more
/// than what is asked for.
pub trait LumaSource {
    /// Size of the stored image.
    fn size(&self) -> Size;

    /// Luma at 1/`denominator` of the size (1, 2, 4 or 8), each pixel the mean of those it stands for, or nearly that; an
    /// edge that does not divide is rounded up.
    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane>;

    /// A denominator for which [`Self::reduced`] has a plane at hand that costs nothing; 1 when there is none.
    fn at_hand(&self) -> u32 {
        1
    }

    /// Luma of `area` at full size. `area` must lie inside the image.
    fn crop(&self, area: PixelRect) -> GrayPlane;

    /// What else the image shows to somebody, in the same places: layer `number` of those that there are, from 0 on.
    fn layer(&self, _number: usize) -> Option<&dyn LumaSource> {
        None
    }
}

/// How large an image may be. Checked against the header, before anything is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most pixels.
    pub max_pixels: u64,
    /// Most bytes that decoding may hold at once.
    pub max_decoded_bytes: u64,
}

impl Limits {
    /// No side may be longer: it is the longest that a JPEG scene can have.
    pub const MAX_SIDE: u32 = 65_535;

    /// Most pictures of one file: an animation of a minute and a half, a book.
    pub const MAX_PICTURES: usize = 2_000;

    /// Most pixels of all pictures of one file: half a minute of one core's work. A few bytes claim a million pictures.
    pub const MAX_PIXELS_IN_ALL: u64 = 2_000_000_000;
}

impl Limits {
    fn admit_size(&self, format: Format, size: Size) -> Result<(), DecodeError> {
        if size.width == 0 || size.height == 0 {
            return Err(DecodeError::Damaged { format, detail: "a side of zero pixels" });
        }
        if size.pixels() > self.max_pixels || size.width.max(size.height) > Self::MAX_SIDE {
            return Err(DecodeError::TooLarge { format, size, limit: self.max_pixels });
        }
        Ok(())
    }

    fn admit_bytes(&self, format: Format, needed: u64) -> Result<(), DecodeError> {
        match needed > self.max_decoded_bytes {
            true => Err(DecodeError::TooCostly { format, needed, limit: self.max_decoded_bytes }),
            false => Ok(()),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // The largest cameras in the field make 150 megapixels; a "bomb" claims thousands.
            max_pixels: 200_000_000,
            // 108 megapixels in 16-bit colour, the costliest picture that sites are known to send, need 1,080 MB.
            max_decoded_bytes: 1_100_000_000,
        }
    }
}

/// Why a file cannot be examined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are those of no supported format.
    #[error("not a JPEG, PNG, WebP, TIFF, BMP, GIF or JPEG XL image")]
    NotAnImage,
    /// A picture of a format that nobody here decodes.
    #[error("{} {} file: such pictures are not decoded", article(.0), .0)]
    Foreign(&'static str),
    /// A picture of a format that other builds decode.
    #[error(
        "{} {} file: this build does not read such; one with the feature heif and libheif 1.17 or later does",
        article(.0), .0
    )]
    NotBuiltIn(&'static str),
    /// Moving pictures, whatever the name says.
    #[error("a video ({0}), which is not looked at as a picture")]
    Video(&'static str),
    /// The structure ends before the image does.
    #[error("the {format} file ends early")]
    Truncated {
        /// Format by content.
        format: Format,
    },
    /// The header claims more pixels than the limit.
    #[error("the {format} header claims {}x{} pixels; the limit is {limit} in all and {} a side", size.width, size.height, Limits::MAX_SIDE)]
    TooLarge {
        /// Format by content.
        format: Format,
        /// Size as claimed.
        size: Size,
        /// [`Limits::max_pixels`].
        limit: u64,
    },
    /// The pixels would take more memory than the limit.
    #[error("decoding the {format} image needs {needed} bytes; the limit is {limit}")]
    TooCostly {
        /// Format by content.
        format: Format,
        /// Bytes that decoding would hold.
        needed: u64,
        /// [`Limits::max_decoded_bytes`].
        limit: u64,
    },
    /// More pictures than one file may hold, or more pixels on them.
    #[error(
        "the {format} file holds {pictures} pictures of {pixels} pixels in all; the limits are {} and {}",
        Limits::MAX_PICTURES,
        Limits::MAX_PIXELS_IN_ALL
    )]
    TooMany {
        /// Format by content.
        format: Format,
        /// How many, at least.
        pictures: usize,
        /// Pixels on them.
        pixels: u64,
    },
    /// A variant of the format that nobody here decodes.
    #[error("{feature} in a {format} file is not supported")]
    Unsupported {
        /// Format by content.
        format: Format,
        /// What it is.
        feature: &'static str,
    },
    /// Something to be seen stands behind the picture, and the file does not call it a variant of that.
    #[error("the {format} picture is followed by {what}, which nobody here examines")]
    Followed {
        /// Format by content.
        format: Format,
        /// What it is.
        what: &'static str,
    },
    /// The structure contradicts the format's rules.
    #[error("the {format} structure is damaged: {detail}")]
    Damaged {
        /// Format by content.
        format: Format,
        /// Which rule is broken.
        detail: &'static str,
    },
    /// A kind of JPEG that nobody here decodes.
    #[error("{0} in a JPEG file is not supported")]
    UnsupportedJpeg(crate::jpeg::Unsupported),
    /// The JPEG decoder refused.
    #[error("the JPEG data is damaged")]
    Coefficients(#[source] JpegError),
    /// The decoder of another format does not know such files, which may be sound.
    #[error("a kind of {format} file that is not supported")]
    UnsupportedKind {
        /// Format by content.
        format: Format,
        /// What the decoder says.
        #[source]
        source: image::ImageError,
    },
    /// The decoder of another format refused.
    #[error("the {format} data is damaged")]
    Raster {
        /// Format by content.
        format: Format,
        /// What the decoder says.
        #[source]
        source: image::ImageError,
    },
}

/// The indefinite article of a format's name as it is spoken.
fn article(name: &str) -> &'static str {
    if name.starts_with(['A', 'O', 'S']) && name != "Sigma raw (X3F)" { "an" } else { "a" }
}

/// What is known of an image before a pixel is decoded.
pub struct Header {
    format: Format,
    size: Size,
    decoded_bytes: u64,
    /// Where the image begins in its file.
    start: usize,
    way: Way,
}

/// How an image is going to be decoded.
enum Way {
    Coefficients(Box<coefficients::Header>),
    OtherJpeg,
    Raster,
}

impl Header {
    /// Recognises `file` by its content and checks its structure and its claims against `limits`.
    ///
    /// # Errors
    ///
    /// Whatever makes the file unreadable and can be seen without decoding.
    pub fn read(file: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        if file.is_empty() {
            return Err(DecodeError::Empty);
        }
        let format = match Kind::sniff(file) {
            Kind::Image(format) => format,
            Kind::Foreign(name @ ("HEIC" | "AVIF")) => return Err(DecodeError::NotBuiltIn(name)),
            Kind::Foreign(name) => return Err(DecodeError::Foreign(name)),
            Kind::Video(name) => return Err(DecodeError::Video(name)),
            Kind::Beside | Kind::Own | Kind::Text | Kind::Unknown => return Err(DecodeError::NotAnImage),
        };
        let start = match format {
            Format::Jpeg => format::jpeg_start(file).unwrap_or(0),
            _ => 0,
        };
        if start > 0 && format::has_more_parts(file, start) {
            return Err(DecodeError::Unsupported { format, feature: "a stream of several pictures" });
        }
        let file = &file[start..];
        let header = match format {
            Format::Jpeg => match coefficients::header(file)? {
                Some(header) => {
                    let (size, decoded_bytes) = (header.size(), coefficients::decoded_bytes(&header, file));
                    Self { format, size, decoded_bytes, start, way: Way::Coefficients(Box::new(header)) }
                }
                None => {
                    let (size, decoded_bytes) = jpeg::claims(file)?;
                    Self { format, size, decoded_bytes, start, way: Way::OtherJpeg }
                }
            },
            _ => {
                let (size, decoded_bytes) = raster::claims(file, format, limits)?;
                Self { format, size, decoded_bytes, start, way: Way::Raster }
            }
        };
        header.within(limits)
    }

    fn within(self, limits: &Limits) -> Result<Self, DecodeError> {
        limits.admit_size(self.format, self.size)?;
        limits.admit_bytes(self.format, self.decoded_bytes)?;
        Ok(self)
    }

    /// Size of the stored image.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Format by content.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Most bytes that [`Header::decode`] holds at once, the file itself not counted.
    pub fn decoded_bytes(&self) -> u64 {
        self.decoded_bytes
    }

    /// Decodes the `file` that this header was read from.
    ///
    /// # Errors
    ///
    /// When the compressed data is damaged or ends early. Nothing is ever decoded in part.
    pub fn decode(self, file: &[u8], limits: &Limits) -> Result<Frame, DecodeError> {
        let Self { format, size, start, .. } = self;
        let whole = file;
        let file = file.get(start..).unwrap_or_default();
        let behind = |end: usize| std::iter::once(end..file.len()).collect::<Vec<_>>();
        let (orientation, content, apart) = match self.way {
            Way::Coefficients(header) => match coefficients::decode(*header, file)? {
                (orientation, Some(jpeg)) => {
                    // What stands before the picture, its scene does not give back: it is spliced from the picture alone.
                    let alone = (start > 0).then(|| file.to_vec());
                    let apart = behind(jpeg.scan_end());
                    (orientation, Content::Coefficients(Arc::new(jpeg), alone), apart)
                }
                // The header did not tell: what it takes is asked again.
                (_, None) => {
                    let (_, decoded_bytes) = jpeg::claims(file)?;
                    let again = Self { format, size, decoded_bytes, start, way: Way::OtherJpeg };
                    return again.within(limits)?.decode(whole, limits);
                }
            },
            Way::OtherJpeg => {
                let (orientation, content, end) = coefficients::several_scans(file)?;
                (orientation, content, behind(end))
            }
            Way::Raster => {
                let (orientation, picture) = raster::decode(file, format, limits)?;
                (orientation, Content::Pixels(Box::new(picture)), raster::apart(file, format))
            }
        };
        let further = trailing::further(file, &apart, format, size)?;
        let further = further + raster::variants(file, format, size)?;
        let told = Told::by(file, format, orientation);
        let frame = Frame { size, format, told, content: Arc::new(content), further };
        frame.checked(|| jpeg::decode(file).ok())
    }
}

impl Frame {
    /// Refused where the eyes would not see what it shows. `colours` decodes them, where that is yet to be done.
    fn checked(self, colours: impl FnOnce() -> Option<Picture>) -> Result<Self, DecodeError> {
        if colours::hold_the_picture(&self, colours) {
            let feature = "a picture in colours of one brightness";
            return Err(DecodeError::Unsupported { format: self.format, feature });
        }
        Ok(self)
    }

    /// One of several pictures of a file of this `format`.
    fn of_image(image: DynamicImage, format: Format, told: Told, further: u32) -> Result<Self, DecodeError> {
        let picture = raster::picture(image, format)?;
        let frame =
            Self { size: picture.size, format, told, content: Arc::new(Content::Pixels(Box::new(picture))), further };
        frame.checked(|| None)
    }

    /// Pictures on one sheet, which has a scene and is no file's.
    pub(crate) fn sheet(rgb: image::RgbImage, format: Format) -> Self {
        let size = Size::new(rgb.width(), rgb.height());
        let picture = Picture { pixels: Pixels::Rgb(rgb.into_raw()), ..Picture::gray(size, Vec::new()) };
        Self { size, format, told: Told::default(), content: Arc::new(Content::Pixels(Box::new(picture))), further: 0 }
    }
}

/// All samples of a JPEG that this crate wrote.
pub(crate) fn jpeg_picture(file: &[u8]) -> Result<Picture, DecodeError> {
    jpeg::decode(file)
}

/// The size of a JPEG that this crate wrote.
pub(crate) fn jpeg_size(file: &[u8]) -> Result<Size, DecodeError> {
    jpeg::claims(file).map(|(size, _)| size)
}

/// A decoded image: 8 bits a sample, no alpha, no metadata but the way up. Its clones share the samples.
#[derive(Clone)]
pub struct Frame {
    size: Size,
    format: Format,
    told: Told,
    content: Arc<Content>,
    further: u32,
}

/// How an image is held.
#[derive(Clone)]
pub(crate) enum Content {
    /// As it was coded; luma is decoded where it is asked for, colour never. Where the file is not one sequential scan and
    /// nothing before it, beside the file that is.
    Coefficients(Arc<Jpeg>, Option<Vec<u8>>),
    /// As pixels.
    Pixels(Box<Picture>),
}

impl Frame {
    /// Reads the header of `file`, then decodes it.
    ///
    /// # Errors
    ///
    /// See [`Header::read`] and [`Header::decode`].
    pub fn decode(file: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Header::read(file, limits)?.decode(file, limits)
    }

    /// Format by content.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Which way up the camera was held. Boxes and pixels are those of the *stored* image all the same.
    pub fn orientation(&self) -> Orientation {
        self.told.orientation()
    }

    /// Everything that the file says of how it is to be seen.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// How many variants of the picture the file holds behind it, which a scene does not show: gain maps, previews, depths, the
    /// seconds around the moment.
    pub fn further(&self) -> u32 {
        self.further
    }

    /// How the image is held.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// All pixels, in colour. `file` is what the frame was decoded from.
    ///
    /// # Errors
    ///
    /// When `file` is another one.
    pub(crate) fn into_picture(self, file: &[u8]) -> Result<Picture, DecodeError> {
        match Arc::unwrap_or_clone(self.content) {
            Content::Coefficients(..) => jpeg::decode(&file[format::jpeg_start(file).unwrap_or(0)..]),
            Content::Pixels(picture) => Ok(*picture),
        }
    }
}

impl Frame {
    /// The samples of an image that is no JPEG, as they are stored. `file` is what the frame was decoded from.
    ///
    /// # Errors
    ///
    /// When `file` is another one.
    pub(crate) fn into_image(self, file: &[u8]) -> Result<Profiled, DecodeError> {
        let format = self.format;
        if matches!(&*self.content, Content::Pixels(picture) if picture.stored) {
            let profile = raster::profile(file, format)?;
            return Ok(Profiled { image: self.into_picture(file)?.into_image(), profile });
        }
        // One at a time in memory.
        drop(self);
        raster::image(file, format)
    }

    /// What viewers show of a lossy WebP, with colours that reach one pixel further than those of [`Frame::into_image`]; `None` of all
    /// else.
    ///
    /// # Errors
    ///
    /// When `file` is damaged.
    pub(crate) fn smoothed(file: &[u8], format: Format) -> Result<Option<image::DynamicImage>, DecodeError> {
        if format == Format::WebP { raster::smoothed(file) } else { Ok(None) }
    }

    /// The colour profile of what becomes a JPEG.
    pub(crate) fn profile(&self, file: &[u8]) -> Option<Vec<u8>> {
        match self.format {
            Format::Jpeg => told::profile(&file[format::jpeg_start(file).unwrap_or(0)..]),
            format => raster::profile(file, format).ok().flatten(),
        }
    }
}

impl LumaSource for Frame {
    fn size(&self) -> Size {
        self.size
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        match &*self.content {
            Content::Coefficients(jpeg, _) => jpeg.reduced(denominator),
            Content::Pixels(picture) => picture.reduced(denominator),
        }
    }

    fn at_hand(&self) -> u32 {
        match &*self.content {
            Content::Coefficients(jpeg, _) => jpeg.at_hand(),
            Content::Pixels(_) => 1,
        }
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        match &*self.content {
            Content::Coefficients(jpeg, _) => jpeg.crop(area),
            Content::Pixels(picture) => picture.crop(area),
        }
    }

    fn layer(&self, number: usize) -> Option<&dyn LumaSource> {
        match &*self.content {
            Content::Coefficients(..) => None,
            Content::Pixels(picture) => picture.layer(number),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
