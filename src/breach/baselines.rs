//! The two stores that people really build, made from the same pictures, so that the attacks can be seen to work.
//!
//! Owns `plain` (photographs named by plate and time, as stolen in 2019) and `naive` (blurred photographs that keep
//! their metadata, and a table of unkeyed hashes, as published in 2014). Nothing here protects anybody; never use it
//! on photographs of real people.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, RgbImage};
use jiff::Timestamp;
use rayon::prelude::*;
use thiserror::Error;

use super::digest::Algorithm;
use super::exif::Exif;
use super::truth::{KnownCapture, Truth};
use crate::capture::RegionKind;
use crate::geometry::{PixelRect, Size};

/// Longer side of the thumbnail that the naive tool leaves in: common telephones write 512 × 288, which fits the 64 KB that EXIF
/// may have.
const THUMBNAIL_SIDE: u32 = 512;

/// Where the simulated port of entry stands; EXIF would say the real one.
const PORT: (f64, f64) = (31.7646, -106.4510);

/// Why a baseline could not be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// A picture of the truth cannot be read.
    #[error("cannot read the picture {path}")]
    Picture {
        /// The picture.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A picture of the truth does not decode.
    #[error("cannot decode the picture {path}")]
    Decode {
        /// The picture.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A picture is too large for a JPEG.
    #[error("cannot encode a picture")]
    Encode(#[source] jpeg_encoder::EncodingError),
    /// The store cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The table of hashes cannot be written.
    #[error("cannot write the table of hashes")]
    Table(#[source] csv::Error),
}

/// Copies `pictures` into `store`, each named by its first plate and its time, as the contractor of 2019 had them.
/// Returns the names in the order of the truth.
pub fn plain(pictures: &Path, truth: &Truth, store: &Path) -> Result<Vec<String>, BaselineError> {
    fs::create_dir_all(store).map_err(|source| BaselineError::Write { path: store.to_owned(), source })?;
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(truth.captures.len());
    for (i, capture) in truth.captures.iter().enumerate() {
        let plate = capture.regions.iter().find_map(|r| r.text.as_ref()).map_or("NOPLATE", |t| t.expose());
        let time = capture.captured_at.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y%m%dT%H%M%SZ");
        let extension = Path::new(&capture.path).extension().and_then(|e| e.to_str()).unwrap_or("jpg");
        let mut name = format!("{plate}_{time}.{extension}");
        if !taken.insert(name.clone()) {
            name = format!("{plate}_{time}_{i}.{extension}");
        }
        let source = picture(pictures, capture)?;
        let bytes = fs::read(&source).map_err(|e| BaselineError::Picture { path: source, source: e })?;
        write(&store.join(&name), &bytes)?;
        names.push(name);
    }
    Ok(names)
}

/// Blurs the regions of `pictures` into `store`, keeps each one's metadata with the thumbnail taken before blurring, and
/// writes `plates.csv` with an MD5 in the place of each plate. Returns the names in the order of the truth.
pub fn naive(pictures: &Path, truth: &Truth, store: &Path) -> Result<Vec<String>, BaselineError> {
    fs::create_dir_all(store).map_err(|source| BaselineError::Write { path: store.to_owned(), source })?;
    let names: Vec<String> = (0..truth.captures.len()).map(|i| format!("blurred-{:06}.jpg", i + 1)).collect();
    truth.captures.par_iter().zip(&names).try_for_each(|(capture, name)| {
        let blurred = blurred_with_metadata(&picture(pictures, capture)?, capture)?;
        write(&store.join(name), &blurred)
    })?;
    let mut table = csv::Writer::from_path(store.join("plates.csv")).map_err(BaselineError::Table)?;
    table.write_record(["file", "plate_md5"]).map_err(BaselineError::Table)?;
    for (capture, name) in truth.captures.iter().zip(&names) {
        for plate in capture.regions.iter().filter_map(|r| r.text.as_ref()) {
            let digest = Algorithm::Md5.digest(plate.expose().as_bytes());
            let hex = data_encoding::HEXLOWER.encode(&digest[..Algorithm::Md5.size()]);
            table.write_record([name.as_str(), &hex]).map_err(BaselineError::Table)?;
        }
    }
    table.flush().map_err(|source| BaselineError::Write { path: store.join("plates.csv"), source })?;
    Ok(names)
}

/// The length of what the naive tool makes of one photograph: an attacker who has the tool can run it, too.
pub(super) fn naive_len(pictures: &Path, capture: &KnownCapture) -> Result<u64, BaselineError> {
    Ok(blurred_with_metadata(&picture(pictures, capture)?, capture)?.len() as u64)
}

/// A picture of the truth, which must lie in its folder.
fn picture(folder: &Path, capture: &KnownCapture) -> Result<PathBuf, BaselineError> {
    capture.picture(folder).ok_or_else(|| BaselineError::Picture {
        path: folder.join(&capture.path),
        source: io::ErrorKind::NotFound.into(),
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BaselineError> {
    fs::write(path, bytes).map_err(|source| BaselineError::Write { path: path.to_owned(), source })
}

fn blurred_with_metadata(path: &Path, capture: &KnownCapture) -> Result<Vec<u8>, BaselineError> {
    let unreadable = |source| BaselineError::Picture { path: path.to_owned(), source };
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(unreadable)?;
    let picture = reader.decode().map_err(|source| BaselineError::Decode { path: path.to_owned(), source })?;
    let time = capture.captured_at.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y:%m:%d %H:%M:%S").to_string();
    let block = exif_block(&time, PORT, &thumbnail(&picture)?);

    let mut picture = picture.to_rgb8();
    let size = Size::new(picture.width(), picture.height());
    for region in &capture.regions {
        // A face is an oval in its box, a plate fills it; both get a little margin, as tools do.
        let margin = if region.kind == RegionKind::Face { 0.05 } else { 0.02 };
        let bounds = region.bounds.grown(region.bounds.w * margin, region.bounds.h * margin);
        if let Some(area) = bounds.pixels(size) {
            blur(&mut picture, area);
        }
    }
    jpeg(&picture, 88, Some(&block))
}

/// The picture made small, with the best quality that a segment has room for.
fn thumbnail(picture: &DynamicImage) -> Result<Vec<u8>, BaselineError> {
    const ROOM: usize = 60_000;
    let small = picture.resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, FilterType::Triangle).to_rgb8();
    let mut file = Vec::new();
    for quality in [80, 60, 40, 20, 5] {
        file = jpeg(&small, quality, None)?;
        if file.len() <= ROOM {
            break;
        }
    }
    Ok(file)
}

/// Gaussian blur of one region with a radius in proportion to its height, as anonymisers do by default.
fn blur(picture: &mut RgbImage, area: PixelRect) {
    let crop = image::imageops::crop_imm(picture, area.x, area.y, area.w, area.h).to_image();
    let blurred = DynamicImage::ImageRgb8(crop).fast_blur((area.h as f32 / 5.0).max(3.0)).to_rgb8();
    image::imageops::replace(picture, &blurred, i64::from(area.x), i64::from(area.y));
}

fn jpeg(picture: &RgbImage, quality: u8, metadata: Option<&[u8]>) -> Result<Vec<u8>, BaselineError> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    if let Some(block) = metadata {
        encoder.add_app_segment(1, [Exif::SIGNATURE, block].concat()).map_err(BaselineError::Encode)?;
    }
    let (width, height) = (picture.width().min(65_535) as u16, picture.height().min(65_535) as u16);
    encoder.encode(picture, width, height, jpeg_encoder::ColorType::Rgb).map_err(BaselineError::Encode)?;
    Ok(file)
}

/// A TIFF block as cameras write it: a time (`YYYY:MM:DD HH:MM:SS`), a position in degrees north and east, and a
/// thumbnail file.
pub(super) fn exif_block(time: &str, (north, east): (f64, f64), thumbnail: &[u8]) -> Vec<u8> {
    // Layout: header 8, IFD0 at 8 with 3 entries, GPS at 50 with 4, IFD1 at 104 with 2, then values.
    const IFD0: u32 = 8;
    const GPS: u32 = IFD0 + 2 + 3 * 12 + 4;
    const IFD1: u32 = GPS + 2 + 4 * 12 + 4;
    const VALUES: u32 = IFD1 + 2 + 2 * 12 + 4;
    const MODEL: &[u8] = b"Lane camera\0";
    let time_at = VALUES;
    let model_at = time_at + time.len() as u32 + 1;
    let north_at = model_at + MODEL.len() as u32;
    let thumbnail_at = north_at + 48;

    let mut block = b"II*\0".to_vec();
    let word = |block: &mut Vec<u8>, v: u32| block.extend(v.to_le_bytes());
    let directory = |block: &mut Vec<u8>, entries: &[(u16, u16, u32, [u8; 4])], next: u32| {
        block.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            block.extend(tag.to_le_bytes());
            block.extend(kind.to_le_bytes());
            block.extend(count.to_le_bytes());
            block.extend(value);
        }
        word(block, next);
    };
    word(&mut block, IFD0);
    let long = u32::to_le_bytes;
    directory(
        &mut block,
        &[
            (0x0110, 2, MODEL.len() as u32, long(model_at)),
            (0x0132, 2, time.len() as u32 + 1, long(time_at)),
            (0x8825, 4, 1, long(GPS)),
        ],
        IFD1,
    );
    let side = |positive: bool, yes, no| [if positive { yes } else { no }, 0, 0, 0];
    directory(
        &mut block,
        &[
            (1, 2, 2, side(north >= 0.0, b'N', b'S')),
            (2, 5, 3, long(north_at)),
            (3, 2, 2, side(east >= 0.0, b'E', b'W')),
            (4, 5, 3, long(north_at + 24)),
        ],
        0,
    );
    directory(&mut block, &[(0x0201, 4, 1, long(thumbnail_at)), (0x0202, 4, 1, long(thumbnail.len() as u32))], 0);
    block.extend(time.as_bytes());
    block.push(0);
    block.extend(MODEL);
    for angle in [north.abs(), east.abs()] {
        let (degrees, minutes) = (angle.floor(), angle.fract() * 60.0);
        let seconds = (minutes.fract() * 60.0 * 1000.0).round();
        for (n, d) in [(degrees as u32, 1u32), (minutes as u32, 1), (seconds as u32, 1000)] {
            word(&mut block, n);
            word(&mut block, d);
        }
    }
    block.extend(thumbnail);
    block
}
