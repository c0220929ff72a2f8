//! Other videos, whose frames come from `ffmpeg` as JPEGs and go back to it.

use std::io;
use std::path::Path;

use super::{Film, FilmError, Filmed, Reel};
use crate::video::via::{Container, Decoder, Ffmpeg, ViaError};

impl Reel for Decoder {
    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.frame().map(|frame| frame.map(|(_, bytes)| bytes)).transpose()
    }
}

/// Copies the video at `path`, of this `kind` (see [`Kind::sniff`](crate::frame::Kind::sniff)), blanked into the file `staged`,
/// which is there; `name` is the one that it will have.
///
/// # Errors
///
/// When `ffmpeg` cannot read or write it; what was written by then is no video.
pub fn copy_via(
    ffmpeg: &Ffmpeg,
    path: &Path,
    kind: &str,
    (staged, name): (&Path, &Path),
    film: &Film<'_, '_>,
) -> Result<Filmed, FilmError> {
    let container = Container::of(kind, name)?;
    let streams = ffmpeg.streams(container, path)?;
    let mut decoder = ffmpeg.decode(container, path, &streams)?;
    let mut seen = match film.watch(&mut decoder) {
        Ok(seen) => seen,
        // What it says itself says more than a broken pipe.
        Err(FilmError::Read(error)) => return Err(decoder.end().err().map_or(FilmError::Read(error), FilmError::Via)),
        Err(error) => return Err(error),
    };
    let timing = decoder.end()?;
    let mut filmed = Filmed {
        complaint: timing.complaint.clone(),
        left_out: streams.others,
        films_left_out: streams.films,
        ..Filmed::default()
    };
    filmed.count(&seen);
    Film::follow(&mut seen, |_| 0, &[timing.rate()], &mut filmed);
    let mut again = ffmpeg.decode(container, path, &streams)?;
    let mut encoder = ffmpeg.encode(container, path, &streams, &timing, staged)?;
    film.blank(&mut again, seen, timing.size(), &mut filmed, |_, frame| Ok(encoder.frame(&frame)?))?;
    if !matches!(again.frame(), Ok(None)) {
        return Err(FilmError::Changed);
    }
    encoder.finish()?;
    Ok(filmed)
}

impl From<ViaError> for FilmError {
    fn from(error: ViaError) -> Self {
        Self::Via(error)
    }
}
