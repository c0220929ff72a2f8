//! Motion JPEG in AVI: frames are taken from their chunks and put back, sound goes through as it is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use super::{Film, FilmError, Filmed, Reel};
use crate::pipeline::lanes::lock;
use crate::video::avi::{Chunk, Kind, MAX_FRAME, Reader, Stream, Writer};

/// A file that is read in two places at once.
#[derive(Clone)]
struct Shared {
    file: Arc<Mutex<File>>,
    at: u64,
}

impl Read for Shared {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut file = lock(&self.file);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(bytes)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
            SeekFrom::End(_) => lock(&self.file).seek(to)?,
        };
        Ok(self.at)
    }
}

/// The frames of a file.
struct Frames<'c> {
    file: Shared,
    chunks: std::slice::Iter<'c, Chunk>,
}

impl Reel for Frames<'_> {
    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.chunks.next().map(|chunk| chunk.read(&mut self.file))
    }
}

/// Copies the film in `file` to `out`, blanked. Gives `out` back, and says what has become of the film.
///
/// # Errors
///
/// When it is no film of Motion JPEG, cannot be read, or its copy not be written; what was written of it by then is no film.
pub fn copy_avi<W: Write + Seek>(file: File, out: W, film: &Film<'_, '_>) -> Result<(W, Filmed), FilmError> {
    let file = Shared { file: Arc::new(Mutex::new(file)), at: 0 };
    let reader = Reader::open(file.clone())?;
    let streams = reader.streams();
    let is_video = |stream: &Stream| matches!(stream.kind, Kind::Video { .. });
    for stream in streams {
        match &stream.kind {
            Kind::Video { codec, .. } if !stream.is_motion_jpeg() => return Err(FilmError::Codec(*codec)),
            _ => {}
        }
    }
    let is_frame = |chunk: &&Chunk| is_video(&streams[chunk.stream()]);
    let frames: Vec<Chunk> = reader.chunks().iter().filter(is_frame).copied().collect();
    if let Some(long) = frames.iter().find(|frame| frame.length() > MAX_FRAME) {
        return Err(FilmError::FrameTooLong(long.length()));
    }
    let size = streams.iter().find_map(|stream| match stream.kind {
        Kind::Video { size, .. } => Some(size),
        _ => None,
    });
    let size = size.filter(|_| !frames.is_empty()).ok_or(FilmError::NoFrames)?;
    // The numbers of those that are carried over.
    let kept: Vec<Option<usize>> = streams
        .iter()
        .scan(0, |next, stream| {
            let kept = is_video(stream) || stream.is_audio();
            *next += usize::from(kept);
            Some(kept.then(|| *next - 1))
        })
        .collect();
    let mut filmed = Filmed {
        left_out: kept.iter().filter(|kept| kept.is_none()).count() as u64 + u64::from(reader.unknown() > 0),
        ends_early: reader.ends_early(),
        ..Filmed::default()
    };

    let reel = || Frames { file: file.clone(), chunks: frames.iter() };
    let mut seen = film.watch(&mut reel())?;
    filmed.count(&seen);
    let rates: Vec<f64> = streams.iter().map(|stream| f64::from(stream.rate) / f64::from(stream.scale)).collect();
    Film::follow(&mut seen, |frame| frames[frame].stream(), &rates, &mut filmed);

    let of_copy: Vec<Stream> =
        streams.iter().zip(&kept).filter(|(_, kept)| kept.is_some()).map(|(stream, _)| stream.clone()).collect();
    let mut writer = Writer::begin(out, &of_copy).map_err(FilmError::Write)?;
    let mut sound = file.clone();
    let mut chunks = reader.chunks().iter();
    // Sound up to the next frame.
    let mut catch_up = |writer: &mut Writer<W>| -> Result<Option<usize>, FilmError> {
        for chunk in chunks.by_ref() {
            let Some(number) = kept[chunk.stream()] else { continue };
            if is_frame(&chunk) {
                return Ok(Some(number));
            }
            let mut piece = chunk.piece(&mut sound).map_err(FilmError::Read)?;
            writer.piece(number, chunk.length(), &mut piece).map_err(FilmError::Write)?;
        }
        Ok(None)
    };
    film.blank(&mut reel(), seen, size, &mut filmed, |_, frame| {
        let number = catch_up(&mut writer)?.ok_or(FilmError::Changed)?;
        writer.chunk(number, &frame).map_err(FilmError::Write)
    })?;
    catch_up(&mut writer)?;
    Ok((writer.finish().map_err(FilmError::Write)?, filmed))
}
