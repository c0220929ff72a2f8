//! Text that holds pictures: letters, pages of the web, drawings.
//!
//! Owns the signs by which a picture in a text is known: as an address that holds its data, as an attachment, or as the first
//! characters of its bytes in base64. Nothing is decoded. The whole text is looked through, in bounded memory, of which nothing is
//! left: it may be a list of plates.

use std::io::{self, Read};
use std::path::Path;

use memchr::memmem;
use zeroize::Zeroizing;

use crate::files;

/// How much is looked at at once, and how much of it again with what follows, so that no sign is cut.
const STEP: usize = 1 << 18;
const AGAIN: usize = 512;

type Sign = (&'static [u8], &'static str);

/// Signs in any case of letters.
const WORDS: [Sign; 7] = [
    (b"<svg", "a drawing (SVG)"),
    (b":svg", "a drawing (SVG)"),
    (b"data:image/", "a picture in an address (data:)"),
    (b"content-type: image/", "an attached picture"),
    (b"{\\pict", "a picture (RTF)"),
    (b"begin-base64 ", "a file in base64"),
    (b"=ybegin ", "a file in yEnc"),
];

/// Pictures' first bytes.
const BYTES: [Sign; 6] = [
    (b"\xFF\xD8\xFF\xE0", JPEG),
    (b"\xFF\xD8\xFF\xE1", JPEG),
    (b"\xFF\xD8\xFF\xDB", JPEG),
    (b"\xFF\xD8\xFF\xEE", JPEG),
    (b"\x89PNG\r\n\x1A\n", "a picture (PNG)"),
    (b"<~s4IA", "a picture in Ascii85 (JPEG)"),
];
const JPEG: &str = "a picture (JPEG)";

/// The same, and archives', in base64, where they begin a run of its characters.
const BASE64: [Sign; 22] = [
    (b"/9j/2", BASE64_JPEG),
    (b"/9j/4", BASE64_JPEG),
    (b"/9j/5", BASE64_JPEG),
    (b"/9j/6", BASE64_JPEG),
    (b"/9j/7", BASE64_JPEG),
    (b"/9j/w", BASE64_JPEG),
    (b"/9j/x", BASE64_JPEG),
    (b"/9j//", BASE64_JPEG),
    (b"iVBORw0KGgo", "a picture in base64 (PNG)"),
    (b"R0lGODlh", "a picture in base64 (GIF)"),
    (b"R0lGODdh", "a picture in base64 (GIF)"),
    (b"UklGR", "a picture in base64 (WebP)"),
    (b"SUkqA", "a picture in base64 (TIFF)"),
    (b"TU0AK", "a picture in base64 (TIFF)"),
    (b"UEsDB", "an archive in base64 (ZIP)"),
    (b"H4sIA", "an archive in base64 (gzip)"),
    (b"JVBERi0", "pages in base64 (PDF)"),
    (b"AAAADEpYTCAN", "a picture in base64 (JPEG XL)"),
    (b"77MP7YA", "a picture in base32 (JPEG)"),
    (b"77MP7YI", "a picture in base32 (JPEG)"),
    (b"77MP7WY", "a picture in base32 (JPEG)"),
    (b"RFIE4RYNBINAU", "a picture in base32 (PNG)"),
];
const BASE64_JPEG: &str = "a picture in base64 (JPEG)";

/// The same in hexadecimal digits with nothing between them.
const HEX: [Sign; 13] = [
    (b"ffd8ffe0", HEX_JPEG),
    (b"ffd8ffe1", HEX_JPEG),
    (b"ffd8ffdb", HEX_JPEG),
    (b"ffd8ffee", HEX_JPEG),
    // As words of two bytes, the other way about.
    (b"d8ffe0ff", HEX_JPEG),
    (b"d8ffe1ff", HEX_JPEG),
    (b"d8ffdbff", HEX_JPEG),
    (b"89504e470d0a1a0a", "a picture in hexadecimal (PNG)"),
    (b"474946383961", "a picture in hexadecimal (GIF)"),
    (b"474946383761", "a picture in hexadecimal (GIF)"),
    (b"49492a0008000000", "a picture in hexadecimal (TIFF)"),
    (b"4d4d002a00000008", "a picture in hexadecimal (TIFF)"),
    (b"504b03041400", "an archive in hexadecimal (ZIP)"),
];
const HEX_JPEG: &str = "a picture in hexadecimal (JPEG)";

/// The same as a list of numbers without spaces, of bytes with a sign, too.
const NUMBERS: [Sign; 6] = [
    (b"255,216,255,224,", LISTED_JPEG),
    (b"255,216,255,225,", LISTED_JPEG),
    (b"255,216,255,219,", LISTED_JPEG),
    (b"-1,-40,-1,-", LISTED_JPEG),
    (b"137,80,78,71,13,10,26,10,", "a picture as numbers (PNG)"),
    (b"-119,80,78,71,13,10,26,10,", "a picture as numbers (PNG)"),
];
const LISTED_JPEG: &str = "a picture as numbers (JPEG)";

/// By name, the first picture of which the text at `path` has a sign.
pub(crate) fn picture_in(path: &Path) -> io::Result<Option<&'static str>> {
    let (mut file, _) = files::open(path)?;
    // With room for the reader to see that there is no more, so that it does not move.
    let mut bytes = Zeroizing::new(Vec::with_capacity(STEP + 2 * AGAIN));
    loop {
        let before = bytes.len();
        file.by_ref().take(STEP as u64).read_to_end(&mut bytes)?;
        if bytes.len() == before {
            return Ok(None);
        }
        // Of characters of two bytes, the one that is not zero.
        bytes.retain(|byte| *byte != 0);
        if let Some(what) = sign(&bytes) {
            return Ok(Some(what));
        }
        let done = bytes.len().saturating_sub(AGAIN);
        bytes.drain(..done);
    }
}

fn sign(bytes: &[u8]) -> Option<&'static str> {
    let lower = Zeroizing::new(bytes.to_ascii_lowercase());
    words(&lower).or_else(|| found(&BYTES, bytes)).or_else(|| base64(bytes)).or_else(|| coded(&lower))
}

fn found(signs: &[Sign], text: &[u8]) -> Option<&'static str> {
    signs.iter().find(|(sign, _)| memmem::find(text, sign).is_some()).map(|(_, what)| *what)
}

fn words(lower: &[u8]) -> Option<&'static str> {
    // `begin 644 car.jpg`, on a line of its own.
    let begins = |at: usize| {
        let on_line = at.checked_sub(1).is_none_or(|before| matches!(lower[before], b'\n' | b'\r'));
        on_line && matches!(lower[at + 6..], [b'0'..=b'7', b'0'..=b'7', b'0'..=b'7', b' ', ..])
    };
    found(&WORDS, lower).or_else(|| memmem::find_iter(lower, b"begin ").any(begins).then_some("a file in uuencode"))
}

/// In either alphabet, and with slashes that JSON hides.
fn base64(bytes: &[u8]) -> Option<&'static str> {
    let usual = bytes.iter().filter(|byte| **byte != b'\\').map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => *byte,
    });
    // As long as the bytes, so that it is not moved.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len()));
    text.extend(usual);
    let coded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let begins = |at: usize, sign: &[u8]| {
        let after = text[at + sign.len()..].get(..8);
        at.checked_sub(1).is_none_or(|before| !coded(&text[before]))
            && after.is_some_and(|after| after.iter().all(coded))
    };
    // Bitmaps and what phones write have their signs further on.
    let marked = |begin: &[u8], at: usize, mark: &[u8]| {
        memmem::find_iter(&text, begin).any(|start| begins(start, begin) && text[start + at..].starts_with(mark))
    };
    let first = BASE64.iter().find(|(sign, _)| memmem::find_iter(&text, sign).any(|at| begins(at, sign)));
    first.map(|(_, what)| *what).or_else(|| {
        let boxes = marked(b"AAAA", 6, b"Z0eX");
        let bitmap = marked(b"Qk", 8, b"AAAA");
        if boxes {
            Some("a picture or film in base64 (HEIC, AVIF, MP4)")
        } else {
            bitmap.then_some("a picture in base64 (BMP)")
        }
    })
}

/// As digits, however they are set apart: `ffd8`, `FF D8`, `0xff, 0xd8`, `\\xff\\xd8`, `%FF%D8`, `=FF=D8`, `255, 216`.
fn coded(lower: &[u8]) -> Option<&'static str> {
    let between =
        |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'\\' | b'%' | b'=' | b':' | b'"' | b'\'');
    let mut digits = Zeroizing::new(Vec::with_capacity(lower.len()));
    let mut numbers = Zeroizing::new(Vec::with_capacity(lower.len()));
    for (at, &byte) in lower.iter().enumerate() {
        let prefix = byte == b'x' || (byte == b'0' && lower.get(at + 1) == Some(&b'x'));
        if !between(byte) && !prefix {
            digits.push(byte);
        }
        if !byte.is_ascii_whitespace() {
            numbers.push(byte);
        }
    }
    // What is a picture goes on.
    let goes_on = |at: usize, sign: &[u8]| {
        digits[at + sign.len()..].get(..4).is_some_and(|after| after.iter().all(u8::is_ascii_hexdigit))
    };
    let hex = HEX.iter().find(|(sign, _)| memmem::find_iter(&digits, sign).any(|at| goes_on(at, sign)));
    hex.map(|(_, what)| *what).or_else(|| found(&NUMBERS, &numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> Option<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, text).unwrap();
        picture_in(&path).unwrap()
    }

    #[test]
    fn pictures_are_found_however_they_are_written_and_wherever() {
        let signs: [(&[u8], &str); 31] = [
            (b"<img src=\"DATA:image/jpeg;base64,AAAA\">", "data:"),
            (b"Content-Type: image/jpeg; name=x\r\n", "attached"),
            (b"PHOTO;ENCODING=b:/9j/4AAQSkZJRgABAQEA", "JPEG"),
            (b"\n/9j/2wBDAAgGBgcGBQgHBwcJCQgK", "JPEG"),
            (b"\"iVBORw0KGgoAAAANSUhEUgAA\"", "PNG"),
            (b"\nUklGRiQAAABXRUJQVlA4", "WebP"),
            (b"<SVG xmlns=\"\"/>", "SVG"),
            (b"{\\rtf1 {\\pict\\jpegblip", "RTF"),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF", "JPEG"),
            (b"{\"a\":\"\\/9j\\/4AAQSkZJRgABAQEA\"}", "JPEG"),
            (b"\n_9j_4AAQSkZJRgABAQEA", "JPEG"),
            (b"\nQk02DAAAAAAAADYAAAAoAAAA", "BMP"),
            (b"\nAAAAHGZ0eXBhdmlmAAAAAGF2aWY", "AVIF"),
            (b"\nAAAAGGZ0eXBoZWljAAAAAG1pZjE", "HEIC"),
            (b"\nH4sIAAAAAAAAA+3BMQEAAAD", "gzip"),
            (b"INSERT INTO p VALUES (X'FFD8FFE000104A46494600010101')", "JPEG"),
            (b"\\xffd8ffe000104a46494600010101", "JPEG"),
            (b"00000000: ffd8 ffe0 0010 4a46 4946 0001 ", "JPEG"),
            (b"{0xFF, 0xD8, 0xFF, 0xE1, 0x00, 0x18, 0x45, 0x78}", "JPEG"),
            (b"\\xff\\xd8\\xff\\xdb\\x00\\x43\\x00\\x08", "JPEG"),
            (b"%FF%D8%FF%E0%00%10%4A%46%49%46", "JPEG"),
            (b"=FF=D8=FF=E0=00=10=4A=46=49=46", "JPEG"),
            (b"89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49", "PNG"),
            (b"[255, 216, 255, 224, 0, 16, 74, 70, 73, 70]", "JPEG"),
            (b"[-1, -40, -1, -32, 0, 16, 74, 70, 73, 70]", "JPEG"),
            (b"\nbegin 644 car.jpg\nM_]C_X``02D9)1@`!`0$`", "uuencode"),
            (b"\n77MP7YAACBFEMSKGAAAQ", "JPEG"),
            (b"<~s4IA0!\"_al8O`", "JPEG"),
            (b"=FF=D8=FF=E0=00=10JFIF=00=01", "JPEG"),
            (b"\nbegin-base64 644 car.jpg\n", "base64"),
            (b"0000000 d8ff e0ff 1000 464a 4649 0100", "JPEG"),
        ];
        for (sign, what) in signs {
            for before in [0, 7, 5000, STEP - 3, STEP + 1, 3 * STEP - 9] {
                let mut text = "Dear traveller. ".repeat(before.div_ceil(16) + 1).into_bytes();
                text.truncate(before);
                let text = [&text, &b" "[..], sign, b" and so on"].concat();
                assert!(of(&text).is_some_and(|said| said.contains(what)), "{what} behind {before}");
            }
            let wide: Vec<u8> = [b"\xFF\xFE".to_vec(), sign.iter().flat_map(|byte| [*byte, 0]).collect()].concat();
            assert!(of(&wide).is_some(), "{what} in UTF-16");
        }
    }

    #[test]
    fn plain_text_holds_none() {
        for text in [
            b"file,lane\na.jpg,3\n".as_slice(),
            b"",
            b"see https://example.org/9j/4AAQSkZJRgABAQEA and image/jpeg",
            b"The key: MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A/9j/4AAQSkZJRg",
            "Grüße aus der Straße, data: none".as_bytes(),
            b"a palette: 255, 216, 255; 255, 216, 0; #ffd8ff, #ffd8fe",
            b"begin 6 months after\nbegin 644\nto begin 644 x; 474946383961 is a number",
            b"BLAKE3 af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        ] {
            assert_eq!(of(text), None, "{}", text.escape_ascii());
        }
    }
}
