//! Which image format a file is, by its content. Names lie; first bytes seldom do.

use std::fmt;

/// A format that can be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// JPEG: baseline and progressive, grey, colour, CMYK.
    Jpeg,
    /// PNG, 8 and 16 bits, with palette or alpha.
    Png,
    /// WebP, lossy and lossless; the first picture of an animation.
    WebP,
    /// TIFF; the first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
}

impl Format {
    /// How many first bytes [`Format::sniff`] looks at.
    pub const SNIFFED_BYTES: usize = 12;

    /// Recognises a file by its first bytes.
    pub fn sniff(file: &[u8]) -> Option<Self> {
        match file {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some(Self::Bmp),
            _ => None,
        }
    }

    /// Whether a file of this extension (any case, without the dot) is meant to be an image, whatever it holds.
    pub fn claims(extension: &str) -> bool {
        const EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "dib"];
        EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
        })
    }
}
