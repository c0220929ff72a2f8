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
const AGAIN: usize = 64;

/// Signs in any case of letters.
const WORDS: [(&[u8], &str); 5] = [
    (b"<svg", "a drawing (SVG)"),
    (b":svg", "a drawing (SVG)"),
    (b"data:image/", "a picture in an address (data:)"),
    (b"content-type: image/", "an attached picture"),
    (b"{\\pict", "a picture (RTF)"),
];

/// Pictures' first bytes.
const BYTES: [(&[u8], &str); 5] = [
    (b"\xFF\xD8\xFF\xE0", "a picture (JPEG)"),
    (b"\xFF\xD8\xFF\xE1", "a picture (JPEG)"),
    (b"\xFF\xD8\xFF\xDB", "a picture (JPEG)"),
    (b"\xFF\xD8\xFF\xEE", "a picture (JPEG)"),
    (b"\x89PNG\r\n\x1A\n", "a picture (PNG)"),
];

/// The same in base64, where they begin a run of its characters.
const BASE64: [(&[u8], &str); 14] = [
    (b"/9j/2", "a picture in base64 (JPEG)"),
    (b"/9j/4", "a picture in base64 (JPEG)"),
    (b"/9j/5", "a picture in base64 (JPEG)"),
    (b"/9j/6", "a picture in base64 (JPEG)"),
    (b"/9j/7", "a picture in base64 (JPEG)"),
    (b"/9j/w", "a picture in base64 (JPEG)"),
    (b"/9j/x", "a picture in base64 (JPEG)"),
    (b"/9j//", "a picture in base64 (JPEG)"),
    (b"iVBORw0KGgo", "a picture in base64 (PNG)"),
    (b"R0lGODlh", "a picture in base64 (GIF)"),
    (b"R0lGODdh", "a picture in base64 (GIF)"),
    (b"UklGR", "a picture in base64 (WebP)"),
    (b"SUkqA", "a picture in base64 (TIFF)"),
    (b"TU0AK", "a picture in base64 (TIFF)"),
];

/// By name, the first picture of which the text at `path` has a sign.
pub(super) fn picture_in(path: &Path) -> io::Result<Option<&'static str>> {
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
    let word = WORDS.iter().find(|(sign, _)| memmem::find(&lower, sign).is_some());
    let raw = || BYTES.iter().find(|(sign, _)| memmem::find(bytes, sign).is_some());
    let coded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let begins = |at: usize, sign: &[u8]| {
        let after = bytes[at + sign.len()..].get(..8);
        at.checked_sub(1).is_none_or(|before| !coded(&bytes[before]))
            && after.is_some_and(|after| after.iter().all(coded))
    };
    let base64 = || BASE64.iter().find(|(sign, _)| memmem::find_iter(bytes, sign).any(|at| begins(at, sign)));
    word.or_else(raw).or_else(base64).map(|(_, what)| *what)
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
        let signs: [(&[u8], &str); 9] = [
            (b"<img src=\"DATA:image/jpeg;base64,AAAA\">", "data:"),
            (b"Content-Type: image/jpeg; name=x\r\n", "attached"),
            (b"PHOTO;ENCODING=b:/9j/4AAQSkZJRgABAQEA", "JPEG"),
            (b"\n/9j/2wBDAAgGBgcGBQgHBwcJCQgK", "JPEG"),
            (b"\"iVBORw0KGgoAAAANSUhEUgAA\"", "PNG"),
            (b"\nUklGRiQAAABXRUJQVlA4", "WebP"),
            (b"<SVG xmlns=\"\"/>", "SVG"),
            (b"{\\rtf1 {\\pict\\jpegblip", "RTF"),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF", "JPEG"),
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
        ] {
            assert_eq!(of(text), None, "{}", text.escape_ascii());
        }
    }
}
