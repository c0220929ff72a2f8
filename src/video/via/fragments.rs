//! Frames with their times out of a stream that `ffmpeg` writes: QuickTime in fragments, each of one frame.
//!
//! Owns as much of ISO/IEC 14496-12 as such a stream has. Of all containers that can be written to a pipe it is the one that gives a
//! frame's time and duration to the tick, and the size and shape of its pixels.

use std::io::{self, Read};

use super::MAX_FRAME;
use crate::geometry::Size;

/// Longest box that is read whole, but for frames: what precedes them has a kilobyte.
const MAX_HEAD: u64 = 1 << 16;

/// What precedes the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Ticks a second.
    pub(super) scale: u32,
    /// Pixels of the first frame.
    pub(super) size: Size,
    /// Width over height of a pixel, where it is told and not one.
    pub(super) aspect: Option<(u32, u32)>,
}

/// A frame, when it is shown, and how long; in ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) shown: u64,
    pub(super) lasts: u32,
    pub(super) bytes: Vec<u8>,
}

/// What reads the stream.
pub(super) struct Fragments<R> {
    from: R,
    pub(super) head: Option<Head>,
    /// When the next frame is shown, and how long.
    next: Option<(u64, u32)>,
}

impl<R: Read> Fragments<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, head: None, next: None }
    }

    /// The next frame; `None` behind the last.
    ///
    /// # Errors
    ///
    /// When the stream breaks off, or is not of that form.
    pub(super) fn next(&mut self) -> io::Result<Option<Fragment>> {
        while let Some((name, length)) = self.begin()? {
            match &name {
                b"moov" => self.head = Some(head(&self.body(length, MAX_HEAD)?).ok_or_else(wrong)?),
                b"moof" => self.next = Some(times(&self.body(length, MAX_HEAD)?).ok_or_else(wrong)?),
                b"mdat" => {
                    let (shown, lasts) = self.next.take().ok_or_else(wrong)?;
                    return Ok(Some(Fragment { shown, lasts, bytes: self.body(length, MAX_FRAME.into())? }));
                }
                // What such a stream may have beside them; anything else is none.
                b"ftyp" | b"styp" | b"free" | b"skip" | b"wide" | b"sidx" | b"mfra" => {
                    let passed = io::copy(&mut self.from.by_ref().take(length), &mut io::sink())?;
                    if passed < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                _ => return Err(wrong()),
            }
        }
        Ok(None)
    }

    /// The name of the next box, and the length of what is in it.
    fn begin(&mut self) -> io::Result<Option<([u8; 4], u64)>> {
        let mut first = [0];
        if self.from.read(&mut first)? == 0 {
            return Ok(None);
        }
        let mut rest = [0; 7];
        self.from.read_exact(&mut rest)?;
        let [a, b, c, name @ ..] = rest;
        let length = u32::from_be_bytes([first[0], a, b, c]).checked_sub(8).ok_or_else(wrong)?;
        Ok(Some((name, length.into())))
    }

    fn body(&mut self, length: u64, most: u64) -> io::Result<Vec<u8>> {
        if length > most {
            return Err(wrong());
        }
        let mut body = Vec::new();
        self.from.by_ref().take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(body) }
    }
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no frame where one was to come")
}

/// What is in the first box of that name.
fn part<'b>(boxes: &'b [u8], wanted: &[u8; 4]) -> Option<&'b [u8]> {
    let mut rest = boxes;
    loop {
        let length = usize::try_from(long(rest, 0)?).ok()?;
        let (whole, behind) = rest.split_at_checked(length).filter(|(whole, _)| whole.len() >= 8)?;
        if whole[4..8] == *wanted {
            return Some(&whole[8..]);
        }
        rest = behind;
    }
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn head(moov: &[u8]) -> Option<Head> {
    let media = part(part(moov, b"trak")?, b"mdia")?;
    let times = part(media, b"mdhd")?;
    let scale = long(times, if *times.first()? == 0 { 12 } else { 20 })?;
    let kinds = part(part(part(media, b"minf")?, b"stbl")?, b"stsd")?;
    let entry = part(kinds.get(8..)?, b"jpeg")?;
    let size = long(entry, 24)?;
    // Behind them, what else is told of the pictures.
    let shape = entry.get(78..).and_then(|more| part(more, b"pasp"));
    let aspect = shape.and_then(|shape| Some((long(shape, 0)?, long(shape, 4)?)));
    let aspect = aspect.filter(|(width, height)| *width > 0 && *height > 0 && width != height);
    (scale > 0).then(|| Head { scale, size: Size::new(size >> 16, size & 0xFFFF), aspect })
}

/// When a fragment's frame is shown, and how long.
fn times(moof: &[u8]) -> Option<(u64, u32)> {
    let track = part(moof, b"traf")?;
    let shown = part(track, b"tfdt")?;
    let time = match shown.first()? {
        0 => long(shown, 4)?.into(),
        _ => u64::from(long(shown, 4)?) << 32 | u64::from(long(shown, 8)?),
    };
    let usual = part(track, b"tfhd").and_then(|head| {
        // Which fields there are, in this order: the data's place, the kind, the duration.
        let flags = long(head, 0)?;
        let at = 8 + if flags & 1 != 0 { 8 } else { 0 } + if flags & 2 != 0 { 4 } else { 0 };
        (flags & 8 != 0).then(|| long(head, at)).flatten()
    });
    let run = part(track, b"trun")?;
    let (flags, frames) = (long(run, 0)?, long(run, 4)?);
    let at = 8 + if flags & 1 != 0 { 4 } else { 0 } + if flags & 4 != 0 { 4 } else { 0 };
    let own = (flags & 0x100 != 0).then(|| long(run, at)).flatten();
    // Far from where sums of them would overflow.
    (frames == 1 && time < 1 << 60).then(|| (time, own.or(usual).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat()
    }

    fn longs(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// As `ffmpeg` 5.1 writes it.
    fn stream() -> Vec<u8> {
        let mut entry = vec![0; 78];
        entry[24..28].copy_from_slice(&[5, 0, 2, 208]);
        let kinds = [longs(&[0, 1]), of(b"jpeg", &[entry, of(b"pasp", &longs(&[4, 3]))].concat())].concat();
        let table = of(b"minf", &of(b"stbl", &of(b"stsd", &kinds)));
        let media = of(b"mdia", &[of(b"mdhd", &longs(&[0, 0, 0, 12_800, 0, 0])), of(b"hdlr", b"x"), table].concat());
        let mut stream = [of(b"ftyp", b"qt  "), of(b"moov", &of(b"trak", &media))].concat();
        let own = [
            of(b"tfhd", &longs(&[0x20_0038, 1, 512, 3, 0])),
            of(b"tfdt", &longs(&[0x0100_0000, 1, 5])),
            of(b"trun", &longs(&[0x101, 1, 80, 513])),
        ];
        let usual = [
            of(b"tfhd", &longs(&[0x20_0038, 1, 512, 3, 0])),
            of(b"tfdt", &longs(&[0, 6])),
            of(b"trun", &longs(&[5, 1, 80, 0])),
        ];
        for (track, bytes) in [(own, b"one"), (usual, b"two")] {
            let fragment = [of(b"mfhd", &longs(&[0, 1])), of(b"traf", &track.concat())].concat();
            stream.extend([of(b"moof", &fragment), of(b"mdat", bytes)].concat());
        }
        stream
    }

    #[test]
    fn frames_come_with_their_times() {
        let stream = stream();
        let mut from = Fragments::new(stream.as_slice());
        let mut next = || from.next().expect("a frame");
        let first = Fragment { shown: (1 << 32) + 5, lasts: 513, bytes: b"one".to_vec() };
        assert_eq!(next(), Some(first));
        assert_eq!(next(), Some(Fragment { shown: 6, lasts: 512, bytes: b"two".to_vec() }));
        assert_eq!(next(), None);
        assert_eq!(from.head, Some(Head { scale: 12_800, size: Size::new(1280, 720), aspect: Some((4, 3)) }));
    }

    #[test]
    fn what_breaks_off_is_no_end() {
        let stream = stream();
        for length in 1..stream.len() {
            let mut from = Fragments::new(&stream[..length]);
            let ended = loop {
                match from.next() {
                    Ok(Some(_)) => {}
                    ended => break ended,
                }
            };
            // Between two boxes nothing tells; but whatever gives the stream does.
            let between = ended.is_ok();
            let boxes = [0, 12].contains(&length) || stream[length..].starts_with(&longs(&[stream.len() as u32]));
            assert!(!between || boxes || stream[length + 4..].starts_with(b"m"), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_stream_ends(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut changed = stream();
            for (at, byte) in changes {
                let at = at.index(changed.len());
                changed[at] = byte;
            }
            for bytes in [changed, bytes] {
                let mut from = Fragments::new(bytes.as_slice());
                while let Ok(Some(_)) = from.next() {}
            }
        }
    }
}
