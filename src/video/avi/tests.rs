use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::*;
use crate::geometry::Size;

fn video() -> Stream {
    let kind = Kind::Video { codec: FourCc(*b"MJPG"), size: Size::new(320, 240) };
    Stream { kind, rate: 30_000, scale: 1001, start: 0, sample_size: 0 }
}

fn sound() -> Stream {
    // PCM, one channel, 8,000 a second, 16 bits.
    let format = vec![1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x80, 0x3E, 0, 0, 2, 0, 16, 0];
    Stream { kind: Kind::Audio { format }, rate: 8000, scale: 1, start: 3, sample_size: 2 }
}

/// Chunks of two streams: numbers and bytes.
fn written(chunks: &[(usize, Vec<u8>)], most: u64) -> Vec<u8> {
    let mut writer = Writer::with_segments(Cursor::new(Vec::new()), &[video(), sound()], most).expect("begun");
    for (stream, bytes) in chunks {
        writer.chunk(*stream, bytes).expect("written");
    }
    writer.finish().expect("finished").into_inner()
}

fn read(file: &[u8]) -> Result<Reader<Cursor<&[u8]>>, AviError> {
    Reader::open(Cursor::new(file))
}

fn chunks(reader: &Reader<Cursor<&[u8]>>) -> Vec<(usize, Vec<u8>)> {
    let mut file = reader.file().clone();
    reader.chunks().iter().map(|chunk| (chunk.stream(), chunk.read(&mut file).expect("there"))).collect()
}

fn some_chunks() -> Vec<(usize, Vec<u8>)> {
    (0..40).map(|n: usize| (n % 2, vec![n as u8; 7 * n % 50])).collect()
}

/// Where `what` begins in a file.
fn at(file: &[u8], what: &[u8]) -> usize {
    memchr::memmem::find(file, what).expect("there")
}

fn long(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"))
}

#[test]
fn what_was_written_is_read() {
    for most in [1 << 30, 1000, 0] {
        let file = written(&some_chunks(), most);
        let reader = read(&file).expect("an AVI file");
        assert_eq!(reader.streams(), [video(), sound()]);
        assert_eq!(chunks(&reader), some_chunks(), "{most}");
        assert!(!reader.ends_early() && reader.unknown() == 0);
    }
}

#[test]
fn numbers_in_the_headers_are_those_of_the_file() {
    let file = written(&some_chunks(), 1 << 30);
    assert_eq!(long(&file, 4) as usize, file.len() - 8);
    assert_eq!(long(&file, at(&file, b"avih") + 8 + 16), 20, "frames");
    let lengths: Vec<u32> = memchr::memmem::find_iter(&file, b"strh").map(|strh| long(&file, strh + 8 + 32)).collect();
    let bytes: usize = some_chunks().iter().filter(|(stream, _)| *stream == 1).map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(lengths, [20, bytes as u32 / 2], "frames, and samples of two bytes");
    assert!(memchr::memmem::find(&file, b"indx").is_none(), "a short file has the index of AVI 1.0 alone");
}

/// Each entry of each index leads to its chunk.
#[test]
fn indices_lead_to_the_chunks() {
    for most in [1 << 30, 1500] {
        let file = written(&some_chunks(), most);
        let movi = at(&file, b"movi");
        let idx1 = at(&file, b"idx1");
        let entries = file[idx1 + 8..][..long(&file, idx1 + 4) as usize].chunks(16);
        for (entry, (stream, bytes)) in entries.zip(some_chunks()) {
            assert_eq!(entry[..4], if stream == 0 { *b"00dc" } else { *b"01wb" });
            let place = movi + long(entry, 8) as usize;
            assert_eq!((&file[place..place + 4], long(&file, place + 4)), (&entry[..4], bytes.len() as u32));
            assert_eq!(file[place + 8..][..bytes.len()], bytes);
        }
        if most == 1 << 30 {
            continue;
        }
        // OpenDML: from the streams' index of indices to the chunks.
        for (number, indx) in memchr::memmem::find_iter(&file, b"indx").enumerate() {
            let mut found = Vec::new();
            for index in 0..long(&file, indx + 8 + 4) as usize {
                let ix = long(&file, indx + 8 + 24 + 16 * index) as usize;
                assert_eq!(file[ix..ix + 4], [b'i', b'x', b'0', b'0' + number as u8]);
                assert_eq!(long(&file, indx + 8 + 24 + 16 * index + 8), long(&file, ix + 4) + 8);
                let base = long(&file, ix + 8 + 12) as usize;
                for entry in 0..long(&file, ix + 8 + 4) as usize {
                    let entry = ix + 8 + 24 + 8 * entry;
                    let (place, length) = (base + long(&file, entry) as usize, long(&file, entry + 4) as usize);
                    found.push((number, file[place..place + length].to_vec()));
                }
            }
            let expected: Vec<_> = some_chunks().into_iter().filter(|(stream, _)| *stream == number).collect();
            assert_eq!(found, expected);
        }
        assert!(memchr::memmem::find_iter(&file, b"AVIX").count() > 1);
        assert_eq!(long(&file, at(&file, b"dmlh") + 8), 20, "frames of all segments");
    }
}

#[test]
fn a_recorder_that_lost_power_is_read_as_far_as_it_came() {
    let whole = written(&some_chunks(), 1 << 30);
    let (movi, idx1) = (at(&whole, b"movi"), at(&whole, b"idx1"));
    for number in [0, u32::MAX, 1 << 30] {
        let mut file = whole[..idx1 - 3].to_vec();
        file[4..8].copy_from_slice(&number.to_le_bytes());
        file[movi - 4..movi].copy_from_slice(&number.to_le_bytes());
        for behind in [0, 5, 4096] {
            // Room that the recorder took in advance.
            let file = [file.as_slice(), &vec![0; behind]].concat();
            let reader = read(&file).expect("an AVI file");
            assert!(reader.ends_early());
            assert_eq!(chunks(&reader)[..39], some_chunks()[..39]);
            assert!(reader.chunks().len() == 39 || behind > 0, "what was begun may end in zeros");
        }
    }
    // All frames are there, and the index is missing: nobody needs it.
    let reader = read(&whole[..idx1]).expect("an AVI file");
    assert!(!reader.ends_early());
    assert_eq!(chunks(&reader), some_chunks());
}

#[test]
fn what_is_no_film_or_damaged_says_so() {
    let whole = written(&some_chunks(), 1 << 30);
    let changed = |place: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[place..place + bytes.len()].copy_from_slice(bytes);
        read(&file).err().map(|error| error.to_string())
    };
    let said =
        |error: Option<String>, what: &str| assert!(error.as_ref().is_some_and(|e| e.contains(what)), "{error:?}");
    said(read(b"").err().map(|e| e.to_string()), "not an AVI file");
    said(changed(0, b"RIFX"), "not an AVI file");
    said(changed(8, b"WAVE"), "not an AVI file");
    said(read(&whole[..100]).err().map(|e| e.to_string()), "ends early");
    said(changed(at(&whole, b"hdrl") - 4, &[255, 255, 255, 0]), "ends early");
    said(changed(at(&whole, b"strh") + 4, &[255, 255, 0, 0]), "does not fit");
    said(changed(at(&whole, b"strf"), b"????"), "without a header");
    said(changed(at(&whole, b"auds") + 24, &[0; 4]), "without a rate");
    let chunk = at(&whole, b"movi") + 4 + 8;
    said(changed(chunk, &[7, 0]), "without a name");
    said(changed(chunk + 4, &[255, 255, 255, 0]), "does not fit");
    let twice = [whole.as_slice(), &whole].concat();
    said(read(&twice).err().map(|e| e.to_string()), "another film");
    let behind = [whole.as_slice(), b"a note"].concat();
    assert!(read(&behind).is_ok(), "what no player shows is nobody's frame");
}

#[test]
fn lists_within_the_frames_and_unknown_chunks() {
    let mut file = written(&[], 1 << 30);
    let movi = at(&file, b"movi") + 4;
    let mut inner = b"rec 00dc\x03\0\0\0abc\x0001wb\x02\0\0\0de".to_vec();
    inner.extend(b"00pc\x01\0\0\0x\x0005dc\x01\0\0\0x\0JUNK\x01\0\0\0x\0LIST\x04\0\0\0rec ");
    let mut list = b"LIST".to_vec();
    list.extend((inner.len() as u32).to_le_bytes());
    list.extend(inner);
    let add = list.len() as u32;
    file.splice(movi..movi, list);
    for place in [4, movi - 8] {
        let grown = long(&file, place) + add;
        file[place..place + 4].copy_from_slice(&grown.to_le_bytes());
    }
    let reader = read(&file).expect("an AVI file");
    assert_eq!(chunks(&reader), [(0, b"abc".to_vec()), (1, b"de".to_vec())]);
    assert_eq!(reader.unknown(), 3, "a palette, a stream that is not there, a list in a list");
}

proptest! {
    #[test]
    fn any_chunks_come_back(
        chunks in prop::collection::vec((0usize..2, prop::collection::vec(any::<u8>(), 0..40)), 0..40), most in 0u64..2000,
    ) {
        let file = written(&chunks, most);
        prop_assert_eq!(self::chunks(&read(&file).expect("an AVI file")), chunks);
    }

    #[test]
    fn damage_ends_in_words_and_every_chunk_lies_in_the_file(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in any::<prop::sample::Index>(), most in 0u64..2000,
    ) {
        let mut file = written(&some_chunks(), most);
        for (place, value) in hits {
            let place = place.index(file.len());
            file[place] = value;
        }
        file.truncate(1 + cut.index(file.len()));
        if let Ok(reader) = read(&file) {
            let mut whole = reader.file().clone();
            for chunk in reader.chunks() {
                let mut bytes = Vec::new();
                chunk.piece(&mut whole).expect("there").read_to_end(&mut bytes).expect("there");
                prop_assert_eq!(bytes.len(), chunk.length() as usize);
            }
        }
    }
}
