//! Files as cameras write them: JPEG of several kinds, now and then PNG.

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use super::Exposure;
use super::exif::{self, Position};
use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;

/// How an exposure is stored.
#[derive(Clone, Debug)]
pub struct Format {
    /// Kind of file.
    pub file: File,
    /// Camera's metadata with a thumbnail of the whole picture.
    pub exif: Option<Exif>,
}

/// Kind of file.
#[derive(Clone, Copy, Debug)]
pub enum File {
    /// Lossless.
    Png,
    /// Lossy.
    Jpeg {
        /// 1 to 100.
        quality: u8,
        /// Chroma.
        sampling: Sampling,
        /// Several scans.
        progressive: bool,
        /// MCUs between restart markers; 0 for none.
        restart: u16,
    },
}

/// How much chroma is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// 4:2:0.
    Quarter,
    /// 4:2:2.
    Half,
    /// 4:4:4.
    Full,
    /// No chroma at all: a grey file.
    Grey,
}

/// What the camera notes about itself.
#[derive(Clone, Debug)]
pub struct Exif {
    /// `2019:04:01 12:00:00`.
    pub taken: String,
    /// Where it hangs.
    pub position: Option<Position>,
}

/// Why a picture could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The JPEG encoder refused.
    #[error("cannot encode a JPEG")]
    Jpeg(#[from] EncodingError),
    /// The PNG encoder refused.
    #[error("cannot encode a PNG")]
    Png(#[from] image::ImageError),
    /// JPEG knows no such size.
    #[error("a picture of {width}×{height} is too large for JPEG")]
    TooLarge {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
    },
}

impl Format {
    /// Some camera's format; `grey` for a sensor without colour.
    pub fn random(rng: &mut Rng, exif: Exif, grey: bool) -> Self {
        let sampling = if grey && rng.odds(0.4) {
            Sampling::Grey
        } else {
            *rng.weighted(&[(Sampling::Quarter, 0.68), (Sampling::Half, 0.2), (Sampling::Full, 0.12)])
        };
        let jpeg = File::Jpeg {
            quality: 60 + rng.below(36) as u8,
            sampling,
            progressive: rng.odds(0.05),
            restart: if rng.odds(0.06) { 40 } else { 0 },
        };
        Self { file: if rng.odds(0.015) { File::Png } else { jpeg }, exif: rng.odds(0.7).then_some(exif) }
    }

    /// The file's extension.
    pub fn extension(&self) -> &'static str {
        match self.file {
            File::Png => "png",
            File::Jpeg { .. } => "jpg",
        }
    }

    /// The file's bytes.
    pub fn encode(&self, exposure: &Exposure) -> Result<Vec<u8>, EncodeError> {
        match self.file {
            File::Png => {
                use image::ImageEncoder as _;
                use image::codecs::png::{CompressionType, FilterType, PngEncoder};
                let mut out = Vec::new();
                PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Up).write_image(
                    &exposure.data,
                    exposure.width as u32,
                    exposure.height as u32,
                    image::ExtendedColorType::Rgb8,
                )?;
                Ok(out)
            }
            File::Jpeg { quality, sampling, progressive, restart } => {
                let too_large = || EncodeError::TooLarge { width: exposure.width, height: exposure.height };
                let width = u16::try_from(exposure.width).map_err(|_| too_large())?;
                let height = u16::try_from(exposure.height).map_err(|_| too_large())?;
                let mut out = Vec::with_capacity(160 * 1024);
                let mut encoder = Encoder::new(&mut out, quality);
                encoder.set_progressive(progressive);
                if restart > 0 && !progressive {
                    encoder.set_restart_interval(restart);
                }
                if let Some(notes) = &self.exif {
                    encoder.add_app_segment(1, exif::segment(notes, &thumbnail(exposure)?))?;
                }
                if sampling == Sampling::Grey {
                    let grey: Vec<u8> = exposure.data.chunks_exact(3).map(|p| p[1]).collect();
                    encoder.encode(&grey, width, height, ColorType::Luma)?;
                } else {
                    encoder.set_sampling_factor(match sampling {
                        Sampling::Full => SamplingFactor::R_4_4_4,
                        Sampling::Half => SamplingFactor::R_4_2_2,
                        _ => SamplingFactor::R_4_2_0,
                    });
                    encoder.encode(&exposure.data, width, height, ColorType::Rgb)?;
                }
                Ok(out)
            }
        }
    }
}

/// The whole picture 160 pixels wide, as JPEG: what 2019's cameras hid in every file.
fn thumbnail(exposure: &Exposure) -> Result<Vec<u8>, EncodeError> {
    let width = exposure.width.min(160);
    let height = (exposure.height * width / exposure.width.max(1)).max(1);
    let mut small = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            let (x0, y0) = (x * exposure.width / width, y * exposure.height / height);
            let (x1, y1) =
                (((x + 1) * exposure.width / width).max(x0 + 1), ((y + 1) * exposure.height / height).max(y0 + 1));
            // Every other pixel is enough for a mean.
            let mut sum = [0u32; 3];
            let mut n = 0;
            for sy in (y0..y1).step_by(2) {
                for sx in (x0..x1).step_by(2) {
                    let at = (sy * exposure.width + sx) * 3;
                    for (s, &v) in sum.iter_mut().zip(&exposure.data[at..at + 3]) {
                        *s += u32::from(v);
                    }
                    n += 1;
                }
            }
            small.extend(sum.map(|s| (s / n) as u8));
        }
    }
    let mut out = Vec::with_capacity(6 * 1024);
    let mut encoder = Encoder::new(&mut out, 70);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.encode(&small, width as u16, height as u16, ColorType::Rgb)?;
    Ok(out)
}
