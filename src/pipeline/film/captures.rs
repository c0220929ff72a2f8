//! Frames of a film that are captures of their own: one every so many seconds, with the time at which it was shown.
//!
//! Knows of Motion JPEG in AVI only, whose frames are JPEG files but for what everybody knows of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use crate::capture::Circumstances;
use crate::files;
use crate::pipeline::source::{Frame, SourceImage};
use crate::video::avi::{AviError, Chunk, Kind, Reader};

/// The frames to come.
pub(in crate::pipeline) struct Captures {
    path: PathBuf,
    name: PathBuf,
    circumstances: Circumstances,
    unlisted: bool,
    /// Numbers, times and places.
    frames: std::vec::IntoIter<(usize, SignedDuration, Chunk)>,
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
        Ok(Some(Self {
            path: path.to_owned(),
            name: PathBuf::new(),
            circumstances: Circumstances::default(),
            unlisted: false,
            frames: frames.into_iter(),
        }))
    }

    /// The same under this name, of which this is known.
    pub fn known(self, name: PathBuf, circumstances: Circumstances, unlisted: bool) -> Self {
        Self { name, circumstances, unlisted, ..self }
    }
}

impl Iterator for Captures {
    type Item = SourceImage;

    fn next(&mut self) -> Option<SourceImage> {
        let (number, shown, chunk) = self.frames.next()?;
        let is_last = self.frames.len() == 0;
        let begun = self.circumstances.captured_at;
        let captured_at = begun.and_then(|begun| begun.checked_add(shown).ok());
        Some(SourceImage {
            path: self.path.clone(),
            name: numbered(&self.name, number),
            circumstances: Circumstances { captured_at, ..self.circumstances.clone() },
            length: chunk.length().into(),
            unlisted: self.unlisted,
            frame: Some(Frame { number, chunk, is_last }),
        })
    }
}

/// What frame `number` of a film is called.
pub(in crate::pipeline) fn numbered(film: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(film);
    name.push(format!("#{number:04}"));
    name.into()
}
