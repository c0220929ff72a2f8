//! When a camera says that it took a picture.
//!
//! Owns the one thing that is read of a photograph's EXIF for the catalogue. Only a time with its offset from UTC is one:
//! without it, a time may be any of 26 hours'.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use exif::{DateTime, In, Tag, Value};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::captures::is_plausible;

/// EXIF is read from a whole TIFF, of which the reader makes a copy: not from huge ones.
const MOST_TIFF: usize = 32 << 20;

/// `DateTimeOriginal` by its `OffsetTimeOriginal`, of a JPEG, PNG, WebP or TIFF.
pub(super) fn taken(file: &[u8]) -> Option<Timestamp> {
    if file.len() > MOST_TIFF && (file.starts_with(b"II") || file.starts_with(b"MM")) {
        return None;
    }
    // The file may be anybody's, and its capture must outlive whatever its EXIF does.
    let read = || {
        // What can be read counts, as with viewers: widespread writers leave out the end of a directory.
        let mut reader = exif::Reader::new();
        let read = reader.continue_on_error(true).read_from_container(&mut Cursor::new(head(file)));
        read.or_else(|error| error.distill_partial_result(drop))
    };
    let exif = catch_unwind(AssertUnwindSafe(read)).ok()?.ok()?;
    let text = |tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(texts) => texts.first().cloned(),
        _ => None,
    };
    let mut time = DateTime::from_ascii(&text(Tag::DateTimeOriginal)?).ok()?;
    time.parse_offset(&text(Tag::OffsetTimeOriginal)?).ok()?;
    let number = |part: u8| i8::try_from(part).ok();
    let civil = jiff::civil::DateTime::new(
        i16::try_from(time.year).ok()?,
        number(time.month)?,
        number(time.day)?,
        number(time.hour)?,
        number(time.minute)?,
        number(time.second)?,
        0,
    )
    .ok()?;
    let offset = Offset::from_seconds(i32::from(time.offset?) * 60).ok()?;
    offset.to_timestamp(civil).ok().filter(|&time| is_plausible(time))
}

/// What a JPEG has in front of its scan, through which the reader would search for EXIF to the last byte; other files whole.
fn head(file: &[u8]) -> &[u8] {
    let mut at = 2;
    while file.starts_with(&[0xFF, 0xD8])
        && let Some(&[0xFF, marker @ 0xC0..=0xFE, high, low]) = file.get(at..at + 4)
        && !matches!(marker, 0xD0..=0xD9)
    {
        if marker == 0xDA {
            return &file[..at];
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG's beginning with an EXIF block of these texts.
    fn jpeg(time: &str, offset: Option<&str>) -> Vec<u8> {
        let entries = 1 + offset.iter().len() as u16;
        let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".to_vec();
        let mut values = 26 + 2 + 12 * u32::from(entries) + 4;
        tiff.extend(entries.to_be_bytes());
        let texts: Vec<_> = [(0x9003u16, Some(time)), (0x9011, offset)]
            .into_iter()
            .filter_map(|(tag, text)| Some((tag, format!("{}\0", text?))))
            .collect();
        for (tag, text) in &texts {
            tiff.extend(tag.to_be_bytes());
            tiff.extend(2u16.to_be_bytes());
            tiff.extend((text.len() as u32).to_be_bytes());
            tiff.extend(values.to_be_bytes());
            values += text.len() as u32;
        }
        tiff.extend([0; 4]);
        texts.iter().for_each(|(_, text)| tiff.extend(text.as_bytes()));
        let mut file = b"\xff\xd8\xff\xe1".to_vec();
        file.extend((tiff.len() as u16 + 8).to_be_bytes());
        file.extend(b"Exif\0\0");
        file.extend(tiff);
        file.extend(b"\xff\xd9");
        file
    }

    #[test]
    fn the_head_of_a_jpeg_ends_at_its_scan_and_that_of_other_files_nowhere() {
        let mut file = jpeg("2019:05:03 14:22:05", Some("-05:00"));
        let before = file.len() - 2;
        file.splice(before.., *b"\xff\xda\0\x02\x12\x34\xff\xd9");
        assert_eq!(head(&file).len(), before);
        assert!(taken(&file).is_some());
        for strange in
            [&b"\xff\xd8\xff\xff\xff\xda\0\x02"[..], b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\xff\xff", b"II*\0", b""]
        {
            assert_eq!(head(strange), strange);
        }
    }

    #[test]
    fn a_time_counts_with_its_offset_only() {
        let taken = |time, offset| taken(&jpeg(time, offset)).map(|time| time.to_string());
        assert_eq!(taken("2019:05:03 14:22:05", Some("-05:00")).as_deref(), Some("2019-05-03T19:22:05Z"));
        assert_eq!(taken("2019:05:03 14:22:05", Some("+05:45")).as_deref(), Some("2019-05-03T08:37:05Z"));
        assert_eq!(taken("2019:05:03 14:22:05", None), None);
        assert_eq!(taken("2019:05:03 14:22:05", Some("   :  ")), None);
        assert_eq!(taken("0000:00:00 00:00:00", Some("+00:00")), None);
        assert_eq!(taken("0001:01:01 00:00:00", Some("+00:00")), None);
        assert_eq!(taken("2019:02:30 00:00:00", Some("+00:00")), None);
        assert_eq!(taken("    :  :     :  :  ", Some("+00:00")), None);
    }

    /// As `piexif` writes them: nothing stands behind the last entry of a directory but its values.
    #[test]
    fn a_directory_without_its_end_is_read() {
        let whole = jpeg("2019:05:03 14:22:05", Some("-05:00"));
        // SOI, APP1, length, "Exif", 26 bytes to the directory, which has two entries of twelve bytes.
        let end = 2 + 4 + 6 + 26 + 2 + 24;
        let mut file = [&whole[..end], &whole[end + 4..]].concat();
        let length = u16::from_be_bytes([file[4], file[5]]) - 4;
        file[4..6].copy_from_slice(&length.to_be_bytes());
        for entry in [end - 24, end - 12] {
            let at = u32::from_be_bytes(file[entry + 8..entry + 12].try_into().unwrap()) - 4;
            file[entry + 8..entry + 12].copy_from_slice(&at.to_be_bytes());
        }
        assert_eq!(taken(&file).map(|time| time.to_string()).as_deref(), Some("2019-05-03T19:22:05Z"));
        // A field that lies outside is none.
        file[end - 12 + 8] = 0x7F;
        assert_eq!(taken(&file), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(at in 0usize..130, byte in proptest::prelude::any::<u8>(), cut in 0usize..130) {
            let mut file = jpeg("2019:05:03 14:22:05", Some("-05:00"));
            if let Some(changed) = file.get_mut(at) {
                *changed = byte;
            }
            file.truncate(file.len().max(cut) - cut);
            let _ = taken(&file);
        }
    }
}
