//! What a file is, by its content. Names lie; first bytes seldom do.

use std::fmt;

/// A format that can be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// JPEG: baseline and progressive, grey, colour, CMYK.
    Jpeg,
    /// PNG, 8 and 16 bits, with palette or alpha; animated (APNG) with 8.
    Png,
    /// WebP, lossy and lossless, still and animated.
    WebP,
    /// TIFF of one picture, whose copies in reduced size are left out, or of several.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// GIF, still and animated.
    Gif,
    /// JPEG XL, still.
    JpegXl,
    /// HEIC of one picture, where the build has the feature `heif`.
    Heic,
    /// AVIF of one picture, likewise.
    Avif,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A picture of a format that can be examined.
    Image(Format),
    /// A picture, by name, that nobody here decodes.
    Foreign(&'static str),
    /// Moving pictures, by name.
    Video(&'static str),
    /// Nothing to be seen: nothing at all, or what operating systems write beside pictures.
    Beside,
    /// What this program writes, by its first bytes: what follows them, nobody knows without its keys.
    Own,
    /// Text, which may hold pictures further on.
    Text,
    /// Something else, which may hold pictures or not.
    Unknown,
}

impl Format {
    /// As mail and the web call it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
            Self::JpegXl => "image/jxl",
            Self::Heic => "image/heic",
            Self::Avif => "image/avif",
        }
    }

    /// Recognises a file by its first bytes, [`Kind::SNIFFED_BYTES`] of them or more.
    pub fn sniff(file: &[u8]) -> Option<Self> {
        match Kind::sniff(file) {
            Kind::Image(format) => Some(format),
            _ => None,
        }
    }

    /// What names of its files end in, without the dot; the first is the usual one.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png", "apng"],
            Self::WebP => &["webp"],
            Self::Tiff => &["tif", "tiff"],
            Self::Bmp => &["bmp", "dib"],
            Self::Gif => &["gif"],
            Self::JpegXl => &["jxl"],
            Self::Heic => &["heic", "heif", "hif"],
            Self::Avif => &["avif"],
        }
    }

    /// The format of a copy: the same, where there is an encoder.
    pub const fn of_copy(self) -> Self {
        match self {
            Self::Heic | Self::Avif => Self::Jpeg,
            other => other,
        }
    }

    /// Whether a file of this extension (any case, without the dot) is meant to be an image, whatever it holds.
    pub fn claims(extension: &str) -> bool {
        const EXTENSIONS: [&str; 31] = [
            "jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "dib", "gif",
            "jxl", // what is decoded
            "heic", "heif", "hif", "avif", "jp2", "j2k", "apng", "psd", // what is not
            "dng", "nef", "cr2", "cr3", "arw", "raf", "orf", "rw2", "pef", "srw", "x3f", // raw
        ];
        EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
    }
}

impl Kind {
    /// How many first bytes [`Kind::sniff`] looks at.
    pub const SNIFFED_BYTES: usize = 4096;

    /// Recognises a file by its first bytes.
    pub fn sniff(file: &[u8]) -> Self {
        let head = &file[..file.len().min(Self::SNIFFED_BYTES)];
        match head {
            [0xFF, 0xD8, 0xFF, ..] => Self::Image(Format::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Self::Image(Format::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, form @ ..] => match form {
                [b'W', b'E', b'B', b'P', ..] => Self::Image(Format::WebP),
                [b'A', b'V', b'I', b' ', ..] => Self::Video("AVI"),
                _ => Self::Unknown,
            },
            [b'I', b'I', 42, 0, _, _, _, _, b'C', b'R', ..] => Self::Foreign("Canon raw (CR2)"),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Image(Format::Tiff),
            [b'I', b'I', b'R', b'O' | b'S', ..] | [b'M', b'M', b'O', b'R', ..] => Self::Foreign("Olympus raw (ORF)"),
            [b'I', b'I', b'U', 0, ..] => Self::Foreign("Panasonic raw (RW2)"),
            [b'I', b'I', 0xBC, ..] => Self::Foreign("JPEG XR"),
            // Reserved bytes may be anything: some cameras count frames in them.
            [b'B', b'M', _, _, _, _, _, _, _, _, _, _, _, _, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
                Self::Image(Format::Bmp)
            }
            [0, 0, 0, _, b'f', b't', b'y', b'p', brands @ ..] => iso_media(brands),
            [_, _, _, _, b'm', b'o', b'o', b'v' | b'f', ..] | [_, _, _, _, b'm', b'd', b'a', b't', ..] => {
                Self::Video("QuickTime")
            }
            // What this program writes: vaults, keys, packs, logs.
            [b'S', b'L', _, _, _, b'\r', b'\n', 0x1A, ..] => Self::Own,
            // What a Mac keeps of a folder.
            [0, 0, 0, 1, b'B', b'u', b'd', b'1', ..] => Self::Beside,
            [0, 0, 1, 0xB0..=0xBF, ..] => Self::Video("MPEG"),
            [0, 0, 0, 1, 0x40 | 0x41 | 0x42 | 0x44 | 0x46 | 0x06 | 0x09 | 0x27 | 0x47 | 0x67, ..] => {
                Self::Video("H.264 or H.265")
            }
            _ => Self::by_signature(head),
        }
    }

    fn by_signature(head: &[u8]) -> Self {
        const SIGNATURES: [(&[u8], Kind); 24] = [
            (b"GIF87a", Kind::Image(Format::Gif)),
            (b"GIF89a", Kind::Image(Format::Gif)),
            (b"\0\0\0\x0CJXL \r\n\x87\n", Kind::Image(Format::JpegXl)),
            (b"\xFF\x0A", Kind::Image(Format::JpegXl)),
            (b"\0\0\0\x0CjP  \r\n\x87\n", Kind::Foreign("JPEG 2000")),
            (b"\xFF\x4F\xFF\x51", Kind::Foreign("JPEG 2000")),
            (b"FUJIFILMCCD-RAW", Kind::Foreign("Fujifilm raw (RAF)")),
            (b"FOVb", Kind::Foreign("Sigma raw (X3F)")),
            (b"\0MRM", Kind::Foreign("Minolta raw (MRW)")),
            (b"8BPS", Kind::Foreign("Photoshop")),
            (b"qoif", Kind::Foreign("QOI")),
            (b"BPG\xFB", Kind::Foreign("BPG")),
            (b"\x76\x2F\x31\x01", Kind::Foreign("OpenEXR")),
            (b"DDS ", Kind::Foreign("DDS")),
            (b"\xC5\xD0\xD3\xC6", Kind::Foreign("EPS")),
            (b"%!PS", Kind::Foreign("PostScript")),
            (b"%PDF", Kind::Unknown),
            (b"\x1A\x45\xDF\xA3", Kind::Video("Matroska or WebM")),
            (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", Kind::Video("Windows Media")),
            (b"FLV\x01", Kind::Video("Flash")),
            (b"OggS", Kind::Video("Ogg")),
            (b"DHAV", Kind::Video("Dahua")),
            (b"IMKH", Kind::Video("Hikvision")),
            // What a Mac keeps beside a file.
            (b"\0\x05\x16\x07", Kind::Beside),
        ];
        if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
            return *kind;
        }
        // Packets of 188 bytes, with or without four bytes of time before each.
        let packets = |first: usize, length: usize| (0..3).all(|n| head.get(first + n * length) == Some(&0x47));
        if packets(0, 188) || packets(4, 192) {
            return Self::Video("MPEG transport stream");
        }
        match head {
            [b'P', b'1'..=b'7', b'\n' | b' ' | b'\r' | b'\t', ..] => Self::Foreign("PNM"),
            _ if jpeg_start(head).is_some_and(|start| start > 0) => Self::Image(Format::Jpeg),
            [] => Self::Beside,
            _ if memchr::memmem::find(head, b"<svg").is_some() => Self::Foreign("SVG"),
            _ if memchr::memmem::find(head, b"/* XPM */").is_some() => Self::Foreign("XPM"),
            // Text that says how it is coded.
            [0xEF, 0xBB, 0xBF, ..] | [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Self::Text,
            _ if is_text(head) && is_bitmap_in_c(head) => Self::Foreign("XBM"),
            _ if is_text(head) => Self::Text,
            _ => Self::Unknown,
        }
    }
}

/// What a file is whose first box names these brands.
fn iso_media(brands: &[u8]) -> Kind {
    let mut names = brands.chunks_exact(4);
    // Between the first and the compatible ones stands a version.
    let first = names.next().unwrap_or_default();
    let all = || std::iter::once(first).chain(brands.chunks_exact(4).skip(2).take(8));
    let is = |known: &[&[u8; 4]]| all().any(|brand| known.iter().any(|known| brand == known.as_slice()));
    if is(&[b"avif", b"avis"]) {
        if cfg!(feature = "heif") { Kind::Image(Format::Avif) } else { Kind::Foreign("AVIF") }
    } else if first == b"crx " {
        Kind::Foreign("Canon raw (CR3)")
    } else if is(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) {
        if cfg!(feature = "heif") { Kind::Image(Format::Heic) } else { Kind::Foreign("HEIC") }
    } else if first == b"jp2 " {
        Kind::Foreign("JPEG 2000")
    } else {
        Kind::Video("MP4 or QuickTime")
    }
}

/// Where the JPEG in `file` begins: at once, or behind what cameras send before it over HTTP, which is the head of a MIME part
/// (text that ends with an empty line) or line ends.
pub(super) fn jpeg_start(file: &[u8]) -> Option<usize> {
    const SOI: &[u8] = &[0xFF, 0xD8];
    let head = &file[..file.len().min(Kind::SNIFFED_BYTES)];
    let start = memchr::memmem::find(head, &[0xFF, 0xD8, 0xFF])?;
    let before = &head[..start];
    let blank = before.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n' | b' '));
    let part = is_text(before) && (before.ends_with(b"\r\n\r\n") || before.ends_with(b"\n\n"));
    if !blank && !part {
        return None;
    }
    // Of a start that is stated twice, the second.
    let mut start = start;
    while file[start + 2..].starts_with(SOI) {
        start += 2;
    }
    Some(start)
}

/// Whether what `file` holds before `start` is the head of a MIME part, and another part with a picture follows.
pub(super) fn has_more_parts(file: &[u8], start: usize) -> bool {
    let line = file[..start].split(|byte| *byte == b'\n').find(|line| line.starts_with(b"--"));
    let Some(boundary) = line.map(<[u8]>::trim_ascii_end).filter(|boundary| boundary.len() > 2) else { return false };
    let rest = &file[start..];
    let next = memchr::memmem::find_iter(rest, boundary).find(|at| !rest[at + boundary.len()..].starts_with(b"--"));
    next.is_some_and(|at| memchr::memmem::find(&rest[at..], &[0xFF, 0xD8, 0xFF]).is_some())
}

/// Whether a text is a bitmap as the X Window System writes them: a program's lines.
fn is_bitmap_in_c(text: &[u8]) -> bool {
    [b"#define".as_slice(), b"_width ", b"_bits[]"].iter().all(|words| memchr::memmem::find(text, words).is_some())
}

/// Whether bytes are text without control characters; a character may be cut off at the end.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    whole && bytes.iter().all(|byte| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::JpegXl => "JPEG XL",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
        })
    }
}
