//! Files of several pictures: animations, and TIFF files of several pages.
//!
//! Owns which files these are, how many pictures one may hold, and their order. Pictures come one at a time, as a viewer shows
//! them, so that no more than two are in memory. Knows nothing of what is found on them, nor of how copies are coded.

use image::{ColorType, DynamicImage, ImageDecoder};

use super::raster::Colours;
use super::{DecodeError, Format, Frame, Kind, Limits, Orientation, Told, apng, gif, raster, tiff, trailing, webp};
use crate::geometry::Size;

/// How long a picture is shown: `count` parts of which `per_second` are a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delay {
    pub(crate) count: u32,
    pub(crate) per_second: u32,
}

/// One picture of several.
pub(crate) struct Shot {
    /// All samples, as they are stored; of an animation, what the canvas shows.
    pub(crate) image: DynamicImage,
    /// How it is to be seen.
    pub(crate) told: Told,
    /// For how long; pages stay.
    pub(crate) delay: Delay,
    /// Its colour profile.
    pub(crate) profile: Option<Vec<u8>>,
}

/// The pictures of a file that holds several, in order.
pub(crate) struct Sequence<'f> {
    file: &'f [u8],
    format: Format,
    size: Size,
    count: usize,
    plays: Option<u32>,
    decoded_bytes: u64,
    further: u32,
    /// How an animation's pictures are to be seen; pages say it themselves.
    told: Told,
    profile: Option<Vec<u8>>,
    pictures: Pictures<'f>,
    taken: usize,
    limits: Limits,
}

enum Pictures<'f> {
    Gif(Box<gif::Frames<'f>>),
    Png(Box<apng::Frames<'f>>),
    WebP(webp::Frames<'f>),
    Tiff(std::vec::IntoIter<tiff::Picture>),
}

/// What an animation claims to hold.
pub(super) struct Claims {
    pub size: Size,
    pub frames: usize,
    /// How often they are shown, as the format counts; `None` where the file does not say.
    pub plays: Option<u32>,
    /// Parts of the file that take no part in showing the pictures.
    pub apart: Vec<std::ops::Range<usize>>,
}

impl<'f> Sequence<'f> {
    /// The pictures of `file`; `None` when it is of another kind or holds one, which [`Frame::decode`] decodes.
    ///
    /// # Errors
    ///
    /// When there are too many, when some of them is of a kind that nobody here reads, or when the file is damaged.
    pub(crate) fn open(file: &'f [u8], limits: &Limits) -> Result<Option<Self>, DecodeError> {
        Self::open_with(file, limits, Colours::Repeated)
    }

    /// The same with colours as they are wanted, where the format leaves it open.
    ///
    /// # Errors
    ///
    /// As [`Sequence::open`].
    pub(crate) fn open_with(file: &'f [u8], limits: &Limits, colours: Colours) -> Result<Option<Self>, DecodeError> {
        let format = match Kind::sniff(file) {
            Kind::Image(format @ (Format::Gif | Format::Png | Format::WebP | Format::Tiff)) => format,
            _ => return Ok(None),
        };
        if format == Format::Tiff {
            return Self::pages(file, limits);
        }
        let claims = match format {
            Format::Gif => Some(gif::claims(file)?).filter(|claims| claims.frames > 1),
            Format::Png => apng::claims(file)?,
            _ => webp::claims(file)?,
        };
        let Some(Claims { size, frames, plays, apart }) = claims else { return Ok(None) };
        // The canvas, what it was before, a part of it, and the picture that is taken from it.
        let decoded_bytes =
            raster::decoded_bytes(size, ColorType::Rgba8).saturating_add(size.pixels().saturating_mul(12));
        fits(format, std::iter::repeat_n(size, frames), decoded_bytes, limits)?;
        let pictures = match format {
            Format::Gif => Pictures::Gif(Box::new(gif::Frames::new(file, size)?)),
            Format::Png => Pictures::Png(Box::new(apng::Frames::new(file, size)?)),
            _ => Pictures::WebP(webp::Frames::new(file, size, colours)),
        };
        let profile = match format {
            Format::Gif => None,
            _ => raster::profile(file, format)?,
        };
        let further = trailing::further(file, &apart, format, size)?;
        let limits = *limits;
        Ok(Some(Self {
            file,
            format,
            size,
            count: frames,
            plays,
            decoded_bytes,
            further,
            told: Told::by(file, format, Orientation::Upright),
            profile,
            pictures,
            taken: 0,
            limits,
        }))
    }

    fn pages(file: &'f [u8], limits: &Limits) -> Result<Option<Self>, DecodeError> {
        let format = Format::Tiff;
        let Some(pages) = tiff::pages(file)? else { return Ok(None) };
        let mut sizes = Vec::with_capacity(pages.len());
        let mut decoded_bytes = 0;
        for page in &pages {
            let decoder = raster::page(file, page, limits)?;
            let size = Size::new(decoder.dimensions().0, decoder.dimensions().1);
            let own = raster::decoded_bytes(size, decoder.color_type());
            // And all samples once more, as they are stored.
            let stored = size.pixels().saturating_mul(u64::from(decoder.color_type().bytes_per_pixel()));
            decoded_bytes = decoded_bytes.max(own.saturating_add(stored).saturating_add(page.bytes_beside(file)));
            sizes.push(size);
        }
        let Some(&size) = sizes.first() else { return Ok(None) };
        fits(format, sizes.iter().copied(), decoded_bytes, limits)?;
        let further = trailing::further(file, &tiff::unreached(file), format, size)?;
        Ok(Some(Self {
            file,
            format,
            size,
            count: pages.len(),
            plays: None,
            decoded_bytes,
            further,
            told: Told::default(),
            profile: None,
            pictures: Pictures::Tiff(pages.into_iter()),
            taken: 0,
            limits: *limits,
        }))
    }

    /// Format by content.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Of the canvas, or the first page.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// How many pictures there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How often they are shown, as the format counts; `None` where the file does not say.
    pub(crate) fn plays(&self) -> Option<u32> {
        self.plays
    }

    /// The colour profile of an animation.
    pub(crate) fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    /// Most bytes that taking a picture and making a frame of it hold at once, the file itself not counted.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.decoded_bytes
    }

    /// The next picture; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// When its data is damaged, or there are fewer pictures than the file claims.
    pub(crate) fn next(&mut self) -> Result<Option<Shot>, DecodeError> {
        let format = self.format;
        let (file, limits) = (self.file, self.limits);
        let shown = match &mut self.pictures {
            Pictures::Gif(frames) => frames.next()?,
            Pictures::Png(frames) => frames.next()?,
            Pictures::WebP(frames) => frames.next()?,
            Pictures::Tiff(pages) => {
                let Some(page) = pages.next() else { return Ok(None) };
                let told = page.told(file);
                let (mut decoder, said) = (raster::page(file, &page, &limits)?, told.as_ref());
                let way = decoder.orientation().map_or(Orientation::Upright, Orientation::from);
                let told = Told::by(said, format, way);
                let profile = decoder.icc_profile().ok().flatten();
                let image = DynamicImage::from_decoder(decoder).map_err(|source| raster::refusal(format, source))?;
                self.taken += 1;
                return Ok(Some(Shot { image, told, delay: Delay::default(), profile }));
            }
        };
        let Some((image, delay)) = shown else {
            // A file that claims more than it holds was cut, and one that holds more was not counted.
            return if self.taken == self.count { Ok(None) } else { Err(DecodeError::Truncated { format }) };
        };
        self.taken += 1;
        if self.taken > self.count {
            return Err(DecodeError::Damaged { format, detail: "more frames than were counted" });
        }
        Ok(Some(Shot { image: image.into(), told: self.told.clone(), delay, profile: self.profile.clone() }))
    }

    /// What the eyes see of a picture that was taken.
    ///
    /// # Errors
    ///
    /// When they would not see what it shows.
    pub(crate) fn frame(&self, shot: Shot) -> Result<Frame, DecodeError> {
        Frame::of_image(shot.image, self.format, shot.told, self.further)
    }
}

/// Refuses what is too large or too much.
fn fits(
    format: Format,
    sizes: impl Iterator<Item = Size> + Clone,
    needed: u64,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let (pictures, pixels) =
        sizes.clone().fold((0, 0u64), |(count, sum), size| (count + 1, sum.saturating_add(size.pixels())));
    if pictures > Limits::MAX_PICTURES || pixels > Limits::MAX_PIXELS_IN_ALL {
        return Err(DecodeError::TooMany { format, pictures, pixels });
    }
    for size in sizes {
        limits.admit_size(format, size)?;
    }
    limits.admit_bytes(format, needed)
}
