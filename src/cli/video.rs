//! Videos among what `redact` copies: which are, how a copy gets its name, and what is said of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::target::{self, unwritable};
use super::terminal::{Voice, chain, count, grouped, shown};
use super::{Context, Failure, Stop};
use crate::files;
use crate::frame::Kind;
use crate::pipeline::{Choice, EyesFactory, Film, FilmError, Filmed, Note, Options, SourceFault, copy_avi, copy_via};
use crate::video::via::{Container, Ffmpeg};

/// What reads and writes videos that are no AVI files of Motion JPEG.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Via {
    /// The program of that name, which must be installed
    Ffmpeg,
}

impl Via {
    /// Looks for it.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub(super) fn find(self, stop: &Arc<AtomicBool>) -> Result<Ffmpeg, Failure> {
        let Self::Ffmpeg = self;
        Ffmpeg::find(stop).map_err(|error| {
            if stop.load(Ordering::Relaxed) {
                return Failure::new(Stop::Interrupted, "interrupted; nothing was made", "run it again");
            }
            Failure::usage(
                error.to_string(),
                "install it (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg), or leave out --via",
            )
        })
    }
}

/// What is needed to copy a film.
pub(super) struct Desk<'d, 'e> {
    pub choice: &'d Choice,
    pub eyes: &'e EyesFactory<'e>,
    pub options: &'d Options,
    pub stop: &'d AtomicBool,
    pub ffmpeg: Option<Ffmpeg>,
    pub context: &'d Context,
}

/// A film that was found.
pub(super) struct FilmFile<'f> {
    pub path: &'f Path,
    /// As files of boxes call it.
    pub name: &'f Path,
    /// As [`Kind::sniff`] names it.
    pub kind: &'static str,
}

/// What has become of the films of a run.
#[derive(Default)]
pub(super) struct Films {
    /// Where copies are, or what stands in their places.
    pub places: Vec<PathBuf>,
    /// What they are called in files of boxes.
    pub met: Vec<PathBuf>,
    pub copies: u64,
    /// Without a copy.
    pub failures: u64,
    /// With a copy of which something is to be said.
    pub flawed: u64,
    pub existing: u64,
    frames: u64,
    plates: u64,
    faces: u64,
    followed: u64,
    legible: u64,
    dark: u64,
    /// Met, and not yet copied.
    waiting: Vec<(PathBuf, &'static str)>,
}

/// What has become of one.
pub(super) enum Made {
    Copy(Filmed),
    There,
    None,
    Interrupted,
}

/// What kind of video was met, if it was one.
pub(super) fn kind<T>(result: &Result<T, Note>) -> Option<&'static str> {
    match result {
        Err(Note::Skipped(SourceFault::Video(kind))) => Some(kind),
        _ => None,
    }
}

/// The name of a video's copy that would be called `out`: the same, but where no copy is written in such a file, one behind it.
fn place_of(mut out: PathBuf, kind: &str) -> PathBuf {
    let is_avi = out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("avi"));
    if !(if kind == AVI { is_avi } else { Container::takes(&out) }) {
        out.as_mut_os_string().push(format!(".{}", usual_ending(kind)));
    }
    out
}

/// What a copy's name ends in where that of its original will not do.
fn usual_ending(kind: &str) -> &'static str {
    match kind {
        AVI => "avi",
        "MP4 or QuickTime" => "mp4",
        _ => "mkv",
    }
}

/// Whether a copy's name may be that of the video at `path`, which begins with `head`: a player goes by the name, and so does what
/// writes it. Only Motion JPEG in AVI stays what it is.
pub(super) fn must_fit(out: &Path, path: &Path, head: &[u8]) -> Result<(), Failure> {
    let Kind::Video(kind) = Kind::sniff(head) else { return Ok(()) };
    let ending = match kind {
        AVI => Some(usual_ending(kind).as_ref()),
        _ if Container::takes(out) => return Ok(()),
        _ if Container::takes(path) => path.extension(),
        _ => Some(usual_ending(kind).as_ref()),
    };
    let Some(ending) = ending.filter(|ending| !out.extension().is_some_and(|named| named.eq_ignore_ascii_case(ending)))
    else {
        return Ok(());
    };
    Err(Failure::usage(
        format!("{} would be a video, and a copy of this one ({kind}) cannot have that name", shown(out)),
        format!("name it {}", shown(&out.with_extension(ending))),
    ))
}

/// As [`Kind::sniff`] names it.
const AVI: &str = "AVI";

impl Desk<'_, '_> {
    /// Makes the copy of a video under the name `out`.
    ///
    /// # Errors
    ///
    /// When the copy cannot be written. What is wrong with the video is said, and no error.
    pub(super) fn copy(&self, found: &FilmFile<'_>, out: &Path, may_exist: bool) -> Result<Made, Failure> {
        let voice = Voice::of_frames(self.context);
        let path = found.path;
        let made = self.make(found, out, &voice);
        voice.finish();
        let (staged, filmed) = match made {
            Ok(made) => made,
            // Said once for all.
            Err(_) if self.stop.load(Ordering::Relaxed) => return Ok(Made::Interrupted),
            Err(FilmError::Write(error)) => return Err(unwritable(out, &error)),
            Err(error) => {
                voice.say(path, &format!("no copy: {}", chain(&error)));
                return Ok(Made::None);
            }
        };
        if may_exist && out.symlink_metadata().is_ok() {
            return Ok(match () {
                () if target::is_same(staged.path(), out) => Made::There,
                () if target::is_same(path, out) => {
                    voice.say(path, &format!("no copy: {} is the video itself, not blanked", shown(out)));
                    Made::None
                }
                () => {
                    voice.say(path, &format!("no copy: {} is not what this run makes of it, and stays", shown(out)));
                    Made::None
                }
            });
        }
        staged.persist_noclobber(out).map_err(|error| unwritable(out, &error.error))?;
        remark(&filmed, path, &voice);
        Ok(Made::Copy(filmed))
    }

    fn make(&self, found: &FilmFile<'_>, out: &Path, voice: &Voice<'_>) -> Result<(NamedTempFile, Filmed), FilmError> {
        let FilmFile { path, name, kind } = *found;
        let progress = || crate::pipeline::Progress::image(voice);
        let Self { choice, eyes, options, stop, .. } = *self;
        let film = Film { name, eyes, choice, options, stop, progress: &progress };
        if kind != AVI && self.ffmpeg.is_none() {
            return Err(FilmError::Unsupported(kind.to_owned()));
        }
        let (file, _) = files::open(path).map_err(FilmError::Read)?;
        let staged = target::stage(out).map_err(FilmError::Write)?;
        let via = |ffmpeg| copy_via(ffmpeg, path, kind, (staged.path(), out), &film);
        if let (true, Some(ffmpeg)) = (kind != AVI, self.ffmpeg.as_ref()) {
            let filmed = via(ffmpeg)?;
            return Ok((staged, filmed));
        }
        let to = io::BufWriter::with_capacity(1 << 20, staged.reopen().map_err(FilmError::Write)?);
        let filmed = match (copy_avi(file, to, &film), self.ffmpeg.as_ref()) {
            (Err(FilmError::Codec(_)), Some(ffmpeg)) => via(ffmpeg)?,
            (made, _) => made?.1,
        };
        Ok((staged, filmed))
    }
}

/// Says what somebody should know of a copy.
fn remark(filmed: &Filmed, path: &Path, voice: &Voice<'_>) {
    if let Some((number, fault)) = &filmed.first_dark {
        let (dark, frames) = (grouped(filmed.dark), count(filmed.frames, "frame"));
        let what = format!("{dark} of {frames} could not be examined and show one colour; number {number}");
        voice.say(path, &format!("{what}: {}", chain(fault)));
    }
    if filmed.ends_early {
        voice.say(path, &format!("breaks off: the copy ends with the last whole frame, number {}", filmed.frames));
    }
    if let Some(complaint) = &filmed.complaint {
        voice.say(path, &format!("frames may be missing in the copy, for ffmpeg says: {complaint}"));
    }
    if filmed.films_left_out > 0 {
        voice.say(path, &format!("{} beside the first is not in the copy", count(filmed.films_left_out, "film")));
    }
    if filmed.left_out > 0 {
        voice.say(path, "what is neither pictures nor sound in it, such as texts and covers, is not in the copy");
    }
}

impl Films {
    /// Keeps a film in mind until the photographs of its input are done.
    pub(super) fn meet(&mut self, path: PathBuf, kind: &'static str) {
        self.waiting.push((path, kind));
    }

    /// Copies those that were met. `name` says what a file is called in its source, `listed` and `place` what that is called in files of
    /// boxes, and where its copy goes.
    ///
    /// # Errors
    ///
    /// When a copy cannot be written.
    pub(super) fn copy(
        &mut self,
        desk: &Desk<'_, '_>,
        name: impl Fn(&Path) -> PathBuf,
        listed: impl Fn(&Path) -> PathBuf,
        place: impl Fn(&Path) -> PathBuf,
        may_exist: bool,
    ) -> Result<(), Failure> {
        for (path, kind) in std::mem::take(&mut self.waiting) {
            let name = name(&path);
            let (listed, place) = (listed(&name), self.free(place_of(place(&name), kind)));
            let film = FilmFile { path: &path, name: &listed, kind };
            self.places.push(place.clone());
            self.add(desk.copy(&film, &place, may_exist)?);
            self.met.push(listed);
        }
        Ok(())
    }

    /// A name that no other film's copy has: of clip.webm and clip.webm.mkv, both would be called like the latter.
    fn free(&self, place: PathBuf) -> PathBuf {
        let numbered = (2..).map(|number| {
            let stem = place.file_stem().unwrap_or_default().to_string_lossy();
            let ending = place.extension().unwrap_or_default().to_string_lossy();
            place.with_file_name(format!("{stem}-{number}.{ending}"))
        });
        std::iter::once(place.clone()).chain(numbered).find(|name| !self.places.contains(name)).unwrap_or(place)
    }

    fn add(&mut self, made: Made) {
        match made {
            Made::Copy(filmed) => {
                self.copies += 1;
                self.flawed += u64::from(
                    filmed.dark > 0 || filmed.ends_early || filmed.complaint.is_some() || filmed.films_left_out > 0,
                );
                self.frames += filmed.frames;
                self.plates += filmed.plates;
                self.faces += filmed.faces;
                self.followed += filmed.followed;
                self.legible += filmed.legible;
                self.dark += filmed.dark;
            }
            Made::There => self.existing += 1,
            Made::None => self.failures += 1,
            Made::Interrupted => {}
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "copies": self.copies, "frames": self.frames, "plates": self.plates, "faces": self.faces,
            "followed": self.followed, "legible": self.legible, "dark": self.dark,
        })
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn legible(&self) -> u64 {
        self.legible
    }

    /// Rows of what is said at the end, where there was any.
    pub(super) fn rows(&self) -> Vec<(&'static str, String, String)> {
        let Self { copies, frames, plates, faces, followed, .. } = *self;
        if copies == 0 {
            return Vec::new();
        }
        let row = |what, many, note: &str| (what, grouped(many), note.to_owned());
        vec![
            row("videos", copies, "among the copies"),
            row("frames", frames, ""),
            row("plates on frames", plates, ""),
            row("faces on frames", faces, ""),
            row("areas followed", followed, "between and beside frames that show something"),
        ]
    }
}
