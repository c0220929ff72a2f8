//! A file becomes streams and a list of chunks; bytes are read when they are asked for.

use std::io::{self, Read, Seek, SeekFrom};

use thiserror::Error;

use super::headers::{self, FourCc, Stream};
use super::{MAX_CHUNK, MAX_CHUNKS, MAX_HEADERS};
use crate::words::count;

/// Why a file is not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AviError {
    /// It does not begin as an AVI file does.
    #[error("not an AVI file")]
    NotAvi,
    /// It ends before its first frame.
    #[error("the AVI file ends early")]
    Truncated,
    /// It contradicts itself.
    #[error("the AVI file is damaged: {0}")]
    Damaged(&'static str),
    /// More streams than any camera writes.
    #[error("the AVI file has more than {} streams", super::MAX_STREAMS)]
    TooManyStreams,
    /// More chunks than are remembered.
    #[error("the AVI file has more than {MAX_CHUNKS} chunks")]
    TooManyChunks,
    /// A chunk that no index has room for.
    #[error("the AVI file has a chunk of {}", count(u64::from(*.0), "byte"))]
    TooLong(u32),
    /// Two films in one file, of which players show the first.
    #[error("another film follows in the AVI file")]
    Followed,
    /// It cannot be read.
    #[error("cannot be read")]
    Io(#[from] io::Error),
}

/// A piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where its bytes begin.
    at: u64,
    length: u32,
    stream: u8,
}

impl Chunk {
    /// The number of its stream.
    pub fn stream(self) -> usize {
        self.stream.into()
    }

    /// How many bytes it has. A frame of none repeats the one before.
    pub fn length(self) -> u32 {
        self.length
    }

    /// Its bytes, of the file that it was found in.
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more.
    pub fn read<R: Read + Seek>(self, file: &mut R) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length as usize];
        self.piece(file)?.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The same bit by bit.
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more.
    pub fn piece<R: Read + Seek>(self, file: &mut R) -> io::Result<io::Take<&mut R>> {
        file.seek(SeekFrom::Start(self.at))?;
        Ok(Read::by_ref(file).take(self.length.into()))
    }
}

/// An AVI file that was walked through once.
pub struct Reader<R> {
    file: R,
    streams: Vec<Stream>,
    chunks: Vec<Chunk>,
    unknown: u64,
    ends_early: bool,
}

/// A list that is walked: where its content goes on and where it ends.
#[derive(Clone, Copy)]
struct Walk {
    at: u64,
    end: u64,
    /// Whether its end is the file's, because nobody wrote down where it is: the recorder lost power.
    open: bool,
}

/// The head of a chunk.
struct Head {
    name: FourCc,
    /// Where its bytes begin, and how many it claims.
    at: u64,
    length: u32,
}

impl Head {
    fn end(&self) -> u64 {
        self.at + u64::from(self.length)
    }

    /// Where the next one begins.
    fn next(&self) -> u64 {
        self.end() + u64::from(self.length & 1)
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Walks through `file` from its beginning.
    ///
    /// # Errors
    ///
    /// When it is no AVI file, damaged, or beyond what is taken. A file that merely ends early, as a recorder's that lost
    /// power, is taken as far as its chunks are whole: see [`Reader::ends_early`].
    pub fn open(mut file: R) -> Result<Self, AviError> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut reader = Self { file, streams: Vec::new(), chunks: Vec::new(), unknown: 0, ends_early: false };
        let mut at = 0;
        while let Some((head, form)) = reader.riff(at, length)? {
            match (&form.0, at) {
                (b"AVI ", 0) | (b"AVIX", 1..) => {}
                (_, 0) => return Err(AviError::NotAvi),
                (b"AVI ", _) => return Err(AviError::Followed),
                // Whatever it is, players do not show it.
                _ => break,
            }
            let walk = Walk::of(&head, length);
            at = reader.list(Walk { at: head.at + 4, ..walk }, length)?.max(head.at + 4);
            if !walk.open {
                at = head.next();
            }
        }
        if at == 0 {
            return Err(AviError::NotAvi);
        }
        if reader.streams.is_empty() {
            return Err(AviError::Truncated);
        }
        Ok(reader)
    }

    /// The head of a RIFF at `at` and its form; `None` when there is none.
    fn riff(&mut self, at: u64, length: u64) -> Result<Option<(Head, FourCc)>, AviError> {
        let Some(head) = self.head(at, length)?.filter(|head| &head.name.0 == b"RIFF") else { return Ok(None) };
        Ok(self.form(&head, length)?.map(|form| (head, form)))
    }

    /// The head of the chunk at `at`, when there is room for one before `end`.
    fn head(&mut self, at: u64, end: u64) -> Result<Option<Head>, AviError> {
        if end.saturating_sub(at) < 8 {
            return Ok(None);
        }
        let mut head = [0; 8];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut head)?;
        let [n0, n1, n2, n3, length @ ..] = head;
        Ok(Some(Head { name: FourCc([n0, n1, n2, n3]), at: at + 8, length: u32::from_le_bytes(length) }))
    }

    /// What kind of list it is.
    fn form(&mut self, head: &Head, end: u64) -> Result<Option<FourCc>, AviError> {
        if end.saturating_sub(head.at) < 4 {
            return Ok(None);
        }
        let mut form = [0; 4];
        self.file.seek(SeekFrom::Start(head.at))?;
        self.file.read_exact(&mut form)?;
        Ok(Some(FourCc(form)))
    }

    /// The parts of a RIFF. Says where it ended.
    fn list(&mut self, mut walk: Walk, length: u64) -> Result<u64, AviError> {
        while let Some(head) = self.head(walk.at, walk.end)? {
            match &head.name.0 {
                b"LIST" => {
                    let Some(form) = self.form(&head, walk.end)? else { break };
                    match &form.0 {
                        b"hdrl" => self.headers(&head, walk.end)?,
                        b"movi" => {
                            let inner = Walk { at: head.at + 4, ..Walk::of(&head, walk.end.min(length)) };
                            let end = self.frames(inner, false)?;
                            if inner.open {
                                self.ends_early = true;
                                walk.at = end;
                                continue;
                            }
                        }
                        _ => {}
                    }
                }
                b"RIFF" if walk.open => break,
                _ if !head.name.is_name() => {
                    // Zeros to the end: room that the recorder took in advance.
                    if walk.open { break } else { return Err(AviError::Damaged("a part without a name")) }
                }
                _ => {}
            }
            walk.at = head.next();
        }
        Ok(walk.at)
    }

    fn headers(&mut self, head: &Head, end: u64) -> Result<(), AviError> {
        if !self.streams.is_empty() {
            return Err(AviError::Damaged("headers twice"));
        }
        if head.length < 4 || head.end() > end {
            return Err(AviError::Truncated);
        }
        if u64::from(head.length) > MAX_HEADERS {
            return Err(AviError::Damaged("headers of megabytes"));
        }
        let mut list = vec![0; head.length as usize - 4];
        self.file.seek(SeekFrom::Start(head.at + 4))?;
        self.file.read_exact(&mut list)?;
        self.streams = headers::streams(&list)?;
        Ok(())
    }

    /// The chunks of a list of frames, and of lists in it. Says where it ended.
    fn frames(&mut self, mut walk: Walk, inner: bool) -> Result<u64, AviError> {
        if self.streams.is_empty() {
            return Err(AviError::Damaged("frames before the headers"));
        }
        while let Some(head) = self.head(walk.at, walk.end)? {
            match &head.name.0 {
                // Where nobody wrote down how long it is, it ends with what follows it.
                b"RIFF" | b"idx1" if walk.open => break,
                _ if !head.name.is_name() => {
                    if walk.open {
                        break;
                    } else {
                        return Err(AviError::Damaged("a chunk without a name"));
                    }
                }
                _ => {}
            }
            if head.end() > walk.end {
                if walk.open {
                    break;
                }
                return Err(AviError::Damaged("a chunk that does not fit its list"));
            }
            match head.name.0 {
                [b'L', b'I', b'S', b'T'] => {
                    let list = self.form(&head, walk.end)?.is_some_and(|form| &form.0 == b"rec ");
                    match list && !inner {
                        true => _ = self.frames(Walk { at: head.at + 4, end: head.end(), open: false }, true)?,
                        false => self.unknown += 1,
                    }
                }
                [high @ b'0'..=b'9', low @ b'0'..=b'9', kind @ ..] => {
                    let stream = 10 * (high - b'0') + (low - b'0');
                    match self.streams.get(usize::from(stream)) {
                        Some(known) if known.takes(kind) => {
                            self.take(Chunk { at: head.at, length: head.length, stream })?
                        }
                        _ => self.unknown += 1,
                    }
                }
                // Room for nothing, and indices, which are made anew.
                [b'J', b'U', b'N', b'K'] | [b'i', b'x', _, _] => {}
                _ => self.unknown += 1,
            }
            walk.at = head.next();
        }
        Ok(walk.at)
    }

    fn take(&mut self, chunk: Chunk) -> Result<(), AviError> {
        if chunk.length > MAX_CHUNK {
            return Err(AviError::TooLong(chunk.length));
        }
        if self.chunks.len() == MAX_CHUNKS {
            return Err(AviError::TooManyChunks);
        }
        self.chunks.push(chunk);
        Ok(())
    }

    /// The file.
    pub fn file(&self) -> &R {
        &self.file
    }

    /// The streams, by their numbers.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Every chunk of pictures or sound, in the order of the file.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// How many chunks there are between the frames that are neither pictures nor sound: texts, palettes, a maker's own.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Whether nobody wrote down where the frames end, or they end before: a recorder lost power, or a copy was cut. All chunks
    /// that are whole are there.
    pub fn ends_early(&self) -> bool {
        self.ends_early
    }
}

impl Walk {
    /// The list of that head, which may not go beyond `most`.
    fn of(head: &Head, most: u64) -> Self {
        // A recorder writes 0, or the largest number, and later the length; without power there is no later.
        let open = matches!(head.length, 0 | u32::MAX) || head.end() > most;
        Self { at: head.at, end: if open { most } else { head.end() }, open }
    }
}
