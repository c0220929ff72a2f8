//! Frames of a film that are captures of their own: one every so many seconds, with the time at which it was shown.
//!
//! Of Motion JPEG in AVI, frames are JPEG files but for what everybody knows of them, and are taken as they lie there. Of other
//! videos they come from `ffmpeg`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use zeroize::Zeroizing;

use crate::capture::Circumstances;
use crate::files;
use crate::pipeline::source::{Frame, Held, SourceFault, SourceImage};
use crate::video::avi::{AviError, Chunk, Kind, Reader};
use crate::video::via::{Decoder, Ffmpeg, ViaError};

/// The frames to come.
pub(in crate::pipeline) struct Captures {
    path: PathBuf,
    name: PathBuf,
    circumstances: Circumstances,
    unlisted: bool,
    /// Whether none was taken yet.
    begins: bool,
    frames: Frames,
}

enum Frames {
    /// Numbers, times and places, and whether there would be more.
    Avi(std::vec::IntoIter<(usize, SignedDuration, Chunk)>, bool),
    /// What gives them, as long as it does.
    Via(Option<Box<Decoder>>),
}

impl Captures {
    /// The film at `path`, of which one frame is taken for each `every` seconds, or all of them for 0; `None` when its pictures
    /// are no JPEGs.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn open(path: &Path, every: f64) -> Result<Option<Self>, AviError> {
        let reader = Reader::open(files::open(path)?.0)?;
        let mut videos = reader.streams().iter().enumerate().filter(|(_, one)| matches!(one.kind, Kind::Video { .. }));
        let (number, stream) = match (videos.next(), videos.next()) {
            (Some((number, stream)), None) if stream.is_motion_jpeg() => (number, stream),
            _ => return Ok(None),
        };
        let second = |frame: usize| frame as f64 * f64::from(stream.scale) / f64::from(stream.rate);
        let mut last = None;
        let frames: Vec<_> = reader
            .chunks()
            .iter()
            .filter(|chunk| chunk.stream() == number)
            .enumerate()
            // One of no bytes repeats another.
            .filter(|(_, chunk)| chunk.length() > 0)
            .filter(|&(frame, _)| {
                let turn = (every > 0.0).then(|| (second(frame) / every).floor());
                let wanted = turn.is_none() || turn != last;
                last = turn;
                wanted
            })
            .map(|(frame, chunk)| {
                // Of a rate that no camera has, no time.
                let shown = SignedDuration::try_from_secs_f64(second(frame)).unwrap_or_default();
                (frame, shown, *chunk)
            })
            .collect();
        Ok(Some(Self::of(path, Frames::Avi(frames.into_iter(), reader.ends_early()))))
    }

    /// The same of a video of this `kind` (see [`Kind::sniff`](crate::frame::Kind::sniff)).
    ///
    /// # Errors
    ///
    /// When `ffmpeg` is not given such, or cannot be started.
    pub fn via(ffmpeg: &Ffmpeg, kind: &str, path: &Path, every: f64) -> Result<Self, ViaError> {
        Ok(Self::of(path, Frames::Via(Some(Box::new(ffmpeg.sample(kind, path, every)?)))))
    }

    fn of(path: &Path, frames: Frames) -> Self {
        let (name, circumstances) = (PathBuf::new(), Circumstances::default());
        Self { path: path.to_owned(), name, circumstances, unlisted: false, begins: true, frames }
    }

    /// The same under this name, of which this is known.
    pub fn known(self, name: PathBuf, circumstances: Circumstances, unlisted: bool) -> Self {
        Self { name, circumstances, unlisted, ..self }
    }
}

impl Iterator for Captures {
    type Item = Result<SourceImage, (PathBuf, SourceFault)>;

    fn next(&mut self) -> Option<Self::Item> {
        let begins = std::mem::take(&mut self.begins);
        let (label, shown, held) = match &mut self.frames {
            Frames::Avi(frames, ends_early) => match frames.next() {
                Some((number, shown, chunk)) => (format!("{number:04}"), shown, Held::Chunk(chunk)),
                None => return std::mem::take(ends_early).then(|| Err((self.path.clone(), SourceFault::BreaksOff))),
            },
            Frames::Via(decoder) => match decoder.as_mut()?.frame() {
                Ok(Some((shown, bytes))) => {
                    // Which of all frames it is, nobody counts.
                    let label = format!("{:.3}s", shown.as_secs_f64());
                    (label, SignedDuration::try_from(shown).unwrap_or_default(), Held::Bytes(Zeroizing::new(bytes)))
                }
                end => {
                    // What it says itself says more than a broken pipe.
                    let ended = decoder.take().map_or(Ok(None), |decoder| decoder.end().map(|timing| timing.complaint));
                    let ended = match (ended, end) {
                        (Ok(Some(complaint)), _) => Err(ViaError::Refused(complaint)),
                        (Ok(None), Err(error)) => Err(ViaError::Run(error)),
                        (ended, _) => ended,
                    };
                    return ended.err().map(|error| Err((self.path.clone(), SourceFault::Via(error))));
                }
            },
        };
        let begun = self.circumstances.captured_at;
        let captured_at = begun.and_then(|begun| begun.checked_add(shown).ok());
        Some(Ok(SourceImage {
            path: self.path.clone(),
            name: labelled(&self.name, &label),
            circumstances: Circumstances { captured_at, ..self.circumstances.clone() },
            length: held.length(),
            unlisted: self.unlisted,
            frame: Some(Frame { film: self.name.clone(), label, held, begins }),
        }))
    }
}

/// What the frame with this label of a film is called.
pub(in crate::pipeline) fn labelled(film: &Path, label: &str) -> PathBuf {
    let mut name = OsString::from(film);
    name.push(format!("#{label}"));
    name.into()
}
