//! Streams and chunks become a file that is written once from its beginning to its end, and gets its numbers at the end.
//!
//! Up to a gigabyte it is AVI 1.0 with an index at its end. What is longer goes on in further segments, each with an index for
//! each stream, as OpenDML has it, and an index of these in the headers.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::headers::{Kind, Stream};

/// Longest segment. Players of AVI 1.0 read the first one, and positions in it have 32 bits.
const SEGMENT: u64 = 1 << 30;

/// Most segments: room for so many entries is left in each stream's headers.
const MAX_SEGMENTS: usize = 256;

/// A stream's index of indices: what precedes the entries, and each of them.
const SUPER_INDEX: (usize, usize) = (24, 16);

/// Flags of the file: it has an index, streams are interleaved, chunk types can be trusted.
const HAS_INDEX: u32 = 0x10;
const INTERLEAVED: u32 = 0x100;
const TRUST_TYPES: u32 = 0x800;

/// An index's flag of what can be shown without what precedes it.
const KEY_FRAME: u32 = 0x10;

/// An AVI file that is being written.
pub struct Writer<W> {
    out: W,
    /// Where it is being written.
    at: u64,
    tracks: Vec<Track>,
    segment: Segment,
    /// Longest segment.
    most: u64,
    /// Where numbers go that are known at the end.
    totals: Totals,
    /// Frames of the first segment, which players of AVI 1.0 see.
    first: Option<u32>,
}

/// Where numbers go that are known at the end.
#[derive(Default)]
struct Totals {
    frames: u64,
    buffer: u64,
    all_frames: u64,
}

/// What is known of a stream while it is written.
struct Track {
    stream: Stream,
    /// Names its chunks.
    name: [u8; 4],
    chunks: u64,
    bytes: u64,
    longest: u32,
    /// Where its length goes, and the longest chunk's.
    length: u64,
    buffer: u64,
    /// Where room is for its index of indices.
    room: u64,
    /// Indices: where, how long, ticks.
    indices: Vec<(u64, u32, u32)>,
}

/// The segment that is being written.
#[derive(Default)]
struct Segment {
    riff: u64,
    movi: u64,
    entries: Vec<Entry>,
}

struct Entry {
    stream: u8,
    /// Where its chunk begins, from the list's name on.
    at: u32,
    length: u32,
}

impl Track {
    fn new(number: usize, stream: &Stream) -> Self {
        let kind = match stream.kind {
            Kind::Video { .. } => *b"dc",
            _ => *b"wb",
        };
        let digits = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        Self {
            stream: stream.clone(),
            name: [digits[0], digits[1], kind[0], kind[1]],
            chunks: 0,
            bytes: 0,
            longest: 0,
            length: 0,
            buffer: 0,
            room: 0,
            indices: Vec::new(),
        }
    }

    fn is_video(&self) -> bool {
        matches!(self.stream.kind, Kind::Video { .. })
    }

    /// How many ticks so many chunks of so many bytes take.
    fn ticks(&self, chunks: u64, bytes: u64) -> u32 {
        let ticks = match self.stream.sample_size {
            0 => chunks,
            size => bytes / u64::from(size),
        };
        ticks.min(u32::MAX.into()) as u32
    }
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file of these streams, pictures and sound. Pictures are Motion JPEG.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn begin(out: W, streams: &[Stream]) -> io::Result<Self> {
        Self::with_segments(out, streams, SEGMENT)
    }

    pub(super) fn with_segments(out: W, streams: &[Stream], most: u64) -> io::Result<Self> {
        let tracks = streams.iter().enumerate().map(|(number, stream)| Track::new(number, stream)).collect();
        let (segment, totals) = (Segment::default(), Totals::default());
        let mut writer = Self { out, at: 0, tracks, segment, most, totals, first: None };
        writer.open_riff(b"AVI ")?;
        writer.headers()?;
        writer.open_movi()?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Writes a number that was left out.
    fn patch(&mut self, at: u64, number: u32) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(at))?;
        self.out.write_all(&number.to_le_bytes())
    }

    /// Begins what gets its length later; says where that goes.
    fn begin_list(&mut self, name: &[u8; 4], form: &[u8]) -> io::Result<u64> {
        self.put(name)?;
        let length = self.at;
        self.put(&[0; 4])?;
        self.put(form)?;
        Ok(length)
    }

    fn end_list(&mut self, length: u64) -> io::Result<()> {
        let (end, long) = (self.at, self.at - length - 4);
        let long = u32::try_from(long).map_err(|_| too_long())?;
        self.patch(length, long)?;
        self.out.seek(SeekFrom::Start(end)).map(drop)
    }

    fn open_riff(&mut self, form: &[u8; 4]) -> io::Result<()> {
        self.segment = Segment { riff: self.begin_list(b"RIFF", form)?, ..Segment::default() };
        Ok(())
    }

    fn open_movi(&mut self) -> io::Result<()> {
        self.segment.movi = self.begin_list(b"LIST", b"movi")?;
        Ok(())
    }

    fn headers(&mut self) -> io::Result<()> {
        let list = self.begin_list(b"LIST", b"hdrl")?;
        let video = self.tracks.iter().find_map(|track| match &track.stream {
            Stream { kind: Kind::Video { size, .. }, rate, scale, .. } => Some((*size, *rate, *scale)),
            _ => None,
        });
        let (size, rate, scale) = video.ok_or(io::ErrorKind::InvalidInput)?;
        let micros = (1_000_000 * u64::from(scale) / u64::from(rate)).min(u32::MAX.into()) as u32;
        let count = self.tracks.len() as u32;
        let at = self.at + 8;
        // Time of a frame, bytes a second, grain, flags, frames, frames before, streams, buffer, size, and four that are 0.
        let flags = HAS_INDEX | INTERLEAVED | TRUST_TYPES;
        let numbers = [micros, 0, 0, flags, 0, 0, count, 0, size.width, size.height, 0, 0, 0, 0];
        self.chunk_of(b"avih", &longs(&numbers))?;
        (self.totals.frames, self.totals.buffer) = (at + 16, at + 28);
        for number in 0..self.tracks.len() {
            self.stream(number)?;
        }
        let odml = self.begin_list(b"LIST", b"odml")?;
        self.totals.all_frames = self.at + 8;
        // All but the number of frames is left for later versions of the format.
        self.chunk_of(b"dmlh", &[0; 248])?;
        self.end_list(odml)?;
        self.end_list(list)
    }

    fn stream(&mut self, number: usize) -> io::Result<()> {
        let list = self.begin_list(b"LIST", b"strl")?;
        let track = &mut self.tracks[number];
        let Stream { kind, rate, scale, start, sample_size } = track.stream.clone();
        let (name, codec, format, frame) = match kind {
            Kind::Video { size, .. } => {
                let pixels = size.width.saturating_mul(size.height).saturating_mul(3);
                let mut format = longs(&[40, size.width, size.height]);
                format.extend([1, 0, 24, 0]);
                format.extend(b"MJPG");
                format.extend(longs(&[pixels, 0, 0, 0, 0]));
                let side = |side: u32| side.min(u16::MAX.into()) as u16;
                (b"vids", *b"MJPG", format, [side(size.width), side(size.height)])
            }
            Kind::Audio { format } => (b"auds", [0; 4], format, [0; 2]),
            Kind::Other(_) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let at = self.at + 8;
        (track.length, track.buffer) = (at + 32, at + 36);
        let mut header = [name.as_slice(), &codec].concat();
        // Flags; priority and language; frames before; scale, rate, start, length, buffer, quality (the usual), bytes a sample.
        header.extend(longs(&[0, 0, 0, scale, rate, start, 0, 0, u32::MAX, sample_size]));
        header.extend([[0, 0], frame].concat().iter().flat_map(|side: &u16| side.to_le_bytes()));
        self.chunk_of(b"strh", &header)?;
        self.chunk_of(b"strf", &format)?;
        self.tracks[number].room = self.at;
        let (head, entry) = SUPER_INDEX;
        self.chunk_of(b"JUNK", &vec![0; head + entry * MAX_SEGMENTS])?;
        self.end_list(list)
    }

    fn chunk_of(&mut self, name: &[u8; 4], bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| too_long())?;
        self.chunk_from(name, length, &mut &*bytes)
    }

    fn chunk_from(&mut self, name: &[u8; 4], length: u32, bytes: &mut impl Read) -> io::Result<()> {
        self.put(name)?;
        self.put(&length.to_le_bytes())?;
        let copied = io::copy(&mut bytes.take(length.into()), &mut self.out)?;
        if copied < u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += copied;
        self.put(&[0][..length as usize & 1])
    }

    /// Appends a chunk to the stream of that number.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn chunk(&mut self, stream: usize, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| too_long())?;
        self.piece(stream, length, &mut &*bytes)
    }

    /// The same of `length` bytes that are read bit by bit.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or there are fewer.
    pub fn piece(&mut self, stream: usize, length: u32, bytes: &mut impl Read) -> io::Result<()> {
        // What each index takes that is still to be written, the chunk's own entries counted.
        let indices = 16 * (2 * self.segment.entries.len() as u64 + 2) + 64 * self.tracks.len() as u64;
        let long = self.at - self.segment.riff + u64::from(length) + indices;
        if long > self.most && !self.segment.entries.is_empty() {
            self.close_segment(false)?;
            self.open_riff(b"AVIX")?;
            self.open_movi()?;
        }
        let at = u32::try_from(self.at - self.segment.movi - 4).map_err(|_| too_long())?;
        self.segment.entries.push(Entry { stream: stream as u8, at, length });
        let track = &mut self.tracks[stream];
        track.chunks += 1;
        track.bytes += u64::from(length);
        track.longest = track.longest.max(length);
        let name = track.name;
        self.chunk_from(&name, length, bytes)
    }

    /// Ends a segment. One that is the only one needs no index but that of AVI 1.0.
    fn close_segment(&mut self, last: bool) -> io::Result<()> {
        let is_first = self.first.is_none();
        if !(is_first && last) {
            for number in 0..self.tracks.len() {
                self.index(number)?;
            }
        }
        self.end_list(self.segment.movi)?;
        if is_first {
            let entries: Vec<u8> = self
                .segment
                .entries
                .iter()
                .flat_map(|entry| {
                    let name = self.tracks[usize::from(entry.stream)].name;
                    [&name[..], &longs(&[KEY_FRAME, entry.at, entry.length])].concat()
                })
                .collect();
            self.chunk_of(b"idx1", &entries)?;
            self.first = Some(self.frames());
        }
        self.end_list(self.segment.riff)
    }

    /// Frames of the first stream of pictures.
    fn frames(&self) -> u32 {
        let frames = self.tracks.iter().find(|track| track.is_video()).map_or(0, |track| track.chunks);
        frames.min(u32::MAX.into()) as u32
    }

    /// Writes a stream's index of this segment.
    fn index(&mut self, number: usize) -> io::Result<()> {
        let track = &self.tracks[number];
        let own = || self.segment.entries.iter().filter(|entry| usize::from(entry.stream) == number);
        // From the chunk's bytes on, and not from its head.
        let entries: Vec<u8> = own().flat_map(|entry| longs(&[entry.at + 8, entry.length])).collect();
        let (count, bytes) = own().fold((0u64, 0u64), |(n, sum), entry| (n + 1, sum + u64::from(entry.length)));
        let base = self.segment.movi + 4;
        // Longs an entry; an index of chunks; entries; whose; from where; 0.
        let mut index = vec![2, 0, 0, 1];
        index.extend(longs(&[count as u32]));
        index.extend(track.name);
        index.extend(base.to_le_bytes());
        index.extend([0; 4]);
        index.extend(entries);
        let (ticks, at) = (track.ticks(count, bytes), self.at);
        let name = [b'i', b'x', track.name[0], track.name[1]];
        self.chunk_of(&name, &index)?;
        let indices = &mut self.tracks[number].indices;
        if indices.len() == MAX_SEGMENTS {
            return Err(too_long());
        }
        indices.push((at, index.len() as u32 + 8, ticks));
        Ok(())
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.close_segment(true)?;
        let longest = self.tracks.iter().map(|track| track.longest).max().unwrap_or(0);
        let (first, all) = (self.first.unwrap_or(0), self.frames());
        let Totals { frames, buffer, all_frames } = self.totals;
        self.patch(frames, first)?;
        self.patch(buffer, longest.saturating_add(8))?;
        self.patch(all_frames, all)?;
        for number in 0..self.tracks.len() {
            let track = &self.tracks[number];
            let (length, buffer, longest) = (track.length, track.buffer, track.longest);
            let ticks = track.ticks(track.chunks, track.bytes);
            self.patch(length, ticks)?;
            self.patch(buffer, longest.saturating_add(8))?;
            self.super_index(number)?;
        }
        self.out.seek(SeekFrom::Start(self.at))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Fills the room that was left in the headers, where there is more than one segment.
    fn super_index(&mut self, number: usize) -> io::Result<()> {
        let Track { indices, name, room, .. } = &self.tracks[number];
        if indices.is_empty() {
            return Ok(());
        }
        let room = *room;
        // Longs an entry; an index of indices; entries; whose; 0.
        let mut index = vec![4, 0, 0, 0];
        index.extend(longs(&[indices.len() as u32]));
        index.extend(name);
        index.extend([0; 12]);
        for &(at, length, ticks) in indices {
            index.extend(at.to_le_bytes());
            index.extend(longs(&[length, ticks]));
        }
        self.out.seek(SeekFrom::Start(room))?;
        self.out.write_all(b"indx")?;
        self.out.seek(SeekFrom::Start(room + 8))?;
        self.out.write_all(&index)
    }
}

fn longs(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "longer than an AVI file can be")
}
