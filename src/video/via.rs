//! Videos of other containers and codecs, by `ffmpeg` where it is installed: frames come from it and go to it through pipes, and
//! lie on no disk on their way.
//!
//! Owns the processes, what they are told, and when each frame is shown. Knows nothing of what a frame shows. Nothing that a
//! file says becomes an argument but numbers; the container is told and not guessed, so that no file can make `ffmpeg` open
//! others; and it may open files and pipes, no network.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thiserror::Error;

pub use self::container::Container;
use self::container::demuxer;
use self::fragments::{Fragment, Fragments, Head};
use super::avi::MAX_FRAME;
use crate::geometry::Size;

mod container;
mod fragments;
mod matroska;

/// Most frames of a video: three days of 30 a second. A file of a kilobyte can claim any number.
const MAX_FRAMES: usize = 8_000_000;

/// Most lines that are kept of what `ffmpeg` says, and most letters of each.
const MAX_SAID: usize = 2;
const MAX_LINE: usize = 300;

/// Why `ffmpeg` did not do it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViaError {
    /// It is not there.
    #[error("ffmpeg is not installed, or not where programs are looked for")]
    Missing,
    /// It could not be started, or the pipe broke.
    #[error("ffmpeg cannot be run")]
    Run(#[source] io::Error),
    /// It ended with an error.
    #[error("ffmpeg says: {0}")]
    Refused(String),
    /// Sound alone, say.
    #[error("it holds no moving pictures")]
    NoPictures,
    /// What it gave is not what was asked for.
    #[error("ffmpeg gave {0}")]
    Answer(&'static str),
    /// More frames than any camera's video has.
    #[error("more than {MAX_FRAMES} frames")]
    TooManyFrames,
    /// A container that it is not given.
    #[error("a video ({0}), which is not given to ffmpeg")]
    Container(String),
    /// A container in which no copy is written.
    #[error("no copy can be written in such a file (known are {})", Container::ENDINGS)]
    Ending,
}

/// An installed `ffmpeg`.
pub struct Ffmpeg {
    program: PathBuf,
    stop: Arc<AtomicBool>,
}

/// A running process, which ends with this, or when somebody wishes to stop: one that hangs would hold up everything else.
struct Running {
    child: Arc<Mutex<Child>>,
    said: Option<JoinHandle<Said>>,
}

/// How often somebody's wish to stop is looked for, and an end that is near.
const LOOK: Duration = Duration::from_millis(20);

/// What a process said.
#[derive(Default)]
struct Said {
    /// The first few.
    errors: Vec<String>,
    /// How many there were beyond them.
    more: u64,
    streams: Streams,
}

/// What a video holds, as `ffmpeg` lists it.
#[derive(Default)]
pub struct Streams {
    pictures: u64,
    /// Films beside the first.
    pub films: u64,
    /// What is neither films nor sound: texts, covers.
    pub others: u64,
    sound: bool,
    /// Of the pictures: matrix, primaries and transfer, where known ones are told.
    colors: Option<[String; 3]>,
}

/// When each frame is shown, and how large they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// In ticks, from the beginning of the file, each later than the one before.
    times: Vec<i64>,
    /// How long the last one is shown, in ticks.
    lasts: u32,
    head: Head,
    /// What `ffmpeg` had to say all the same: frames may be missing.
    pub complaint: Option<String>,
}

impl Timing {
    /// Pixels of the first frame, upright.
    pub fn size(&self) -> Size {
        self.head.size
    }

    /// Frames a second, over the whole; of one frame, one.
    pub fn rate(&self) -> f64 {
        let ticks = self.times[self.times.len() - 1] - self.times[0];
        if ticks > 0 { (self.times.len() - 1) as f64 * f64::from(self.head.scale) / ticks as f64 } else { 1.0 }
    }

    /// Millionths of a second from the first frame to that one.
    fn micros(&self, frame: usize) -> u64 {
        let (ticks, scale) = (i128::from(self.times[frame] - self.times[0]), i128::from(self.head.scale));
        ((ticks * 1_000_000 + scale / 2) / scale).max(0) as u64
    }

    /// Seconds a tick, as a fraction, of the longest ticks in which every frame has its time.
    fn longest_ticks(&self) -> (u32, u32) {
        let apart = self.times.windows(2).map(|pair| (pair[1] - pair[0]).unsigned_abs());
        let ticks = apart.chain([u64::from(self.lasts)]).fold(u64::from(self.head.scale), greatest_common_divisor);
        // A divisor of the scale.
        (1, (u64::from(self.head.scale) / ticks) as u32)
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Each frame in a fragment of its own; without the second, the first one would begin at zero.
const FRAGMENTS: &str = "frag_every_frame+frag_discont+empty_moov+default_base_moof";

/// An output that is none.
const NOWHERE: [&str; 3] = ["-f", "null", "-"];

impl Ffmpeg {
    /// Looks for it. What it does ends when `stop` becomes true.
    ///
    /// # Errors
    ///
    /// When it is not installed.
    pub fn find(stop: &Arc<AtomicBool>) -> Result<Self, ViaError> {
        let program = PathBuf::from("ffmpeg");
        let mut command = Command::new(&program);
        Running::start(stop, command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()))?.end()?;
        Ok(Self { program, stop: Arc::clone(stop) })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]);
        command
    }

    /// Reads the file at `path`, given as the input that follows.
    fn input(command: &mut Command, demuxer: &str, path: &Path) -> Result<(), ViaError> {
        let path = std::path::absolute(path).map_err(ViaError::Run)?;
        command.args(["-protocol_whitelist", "file,pipe", "-f", demuxer, "-i"]).arg(file(&path));
        Ok(())
    }

    /// What the video at `path` holds.
    ///
    /// # Errors
    ///
    /// When `ffmpeg` cannot be started, or sees sound or texts alone.
    pub fn streams(&self, container: Container, path: &Path) -> Result<Streams, ViaError> {
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "info"]);
        Self::input(&mut command, container.demuxer, path)?;
        let mut running = Running::start(&self.stop, command.stdin(Stdio::null()).stdout(Stdio::null()))?;
        // Without an output it ends with an error, always.
        let said = running.hear();
        match said.streams {
            // Of what it cannot open, it says why when it is to decode it.
            Streams { pictures: 0, others, sound, .. } if others > 0 || sound => Err(ViaError::NoPictures),
            streams => Ok(streams),
        }
    }

    /// Begins to decode the video at `path`: each frame as a JPEG, upright, in the order in which they are shown.
    ///
    /// # Errors
    ///
    /// When it cannot be started. That it cannot decode the file comes out at its end.
    pub fn decode(&self, container: Container, path: &Path, streams: &Streams) -> Result<Decoder, ViaError> {
        self.frames(container.demuxer, path, None, streams.sound)
    }

    /// The same of a video of this `kind`, for each so many seconds one frame, or all of them for 0.
    ///
    /// # Errors
    ///
    /// When it is not known to be read safely, or `ffmpeg` cannot be started.
    pub fn sample(&self, kind: &str, path: &Path, every: f64) -> Result<Decoder, ViaError> {
        let turn = |time: &str| format!("floor({time}/{every:.6})");
        let select = || format!("select='isnan(prev_selected_t)+gt({},{})'", turn("t"), turn("prev_selected_t"));
        self.frames(demuxer(kind)?, path, (every > 0.0).then(select), false)
    }

    /// Times are from where the first of all streams that are used begins.
    fn frames(
        &self,
        demuxer: &str,
        path: &Path,
        filter: Option<String>,
        with_sound: bool,
    ) -> Result<Decoder, ViaError> {
        let mut command = self.command();
        Self::input(&mut command, demuxer, path)?;
        command.args(["-map", "0:V:0", "-fps_mode", "passthrough"]);
        if let Some(filter) = filter {
            command.arg("-vf").arg(filter);
        }
        command.args(["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-qmin", "1", "-q:v", "1", "-enc_time_base", "-1"]);
        // No track beside that of the pictures: a film's own clock would be one.
        command.args(["-map_metadata", "-1", "-map_metadata:s", "-1", "-write_tmcd", "0"]);
        command.args(["-f", "mov", "-movflags", FRAGMENTS, "-avoid_negative_ts", "disabled", "pipe:1"]);
        if with_sound {
            command.args(["-map", "0:a", "-c", "copy"]).args(NOWHERE);
        }
        let running = Running::start(&self.stop, command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let stdout = lock(&running.child).stdout.take().ok_or(ViaError::Answer("no pipe"))?;
        let frames = Fragments::new(BufReader::with_capacity(1 << 16, stdout));
        Ok(Decoder { running, frames, times: Vec::new(), lasts: 0 })
    }

    /// Begins to encode a copy of the video at `path` into the file `out`, which is there and becomes another: with these
    /// frames and times and the original's sound, and nothing else of it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn encode(
        &self,
        container: Container,
        path: &Path,
        streams: &Streams,
        timing: &Timing,
        out: &Path,
    ) -> Result<Encoder, ViaError> {
        let mut command = self.command();
        let Head { scale, size, aspect } = timing.head;
        // A rate is all that an AVI file tells of times.
        let (ticks, scale) = if container.muxer == "avi" { timing.longest_ticks() } else { (1, scale) };
        let first = timing.times[0] as f64 / f64::from(timing.head.scale);
        command.args(["-y", "-protocol_whitelist", "file,pipe", "-f", "matroska"]);
        command.arg("-itsoffset").arg(format!("{first:.6}")).args(["-i", "pipe:0"]);
        Self::input(&mut command, container.demuxer, path)?;
        command.args([
            "-map", "0:v:0", "-map", "1:a?", "-c:a", "copy", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
        ]);
        // Colours of half the size want even sides.
        let odd = size.width % 2 + size.height % 2 > 0;
        command.args(["-pix_fmt", if odd { "yuv444p" } else { "yuv420p" }, "-fps_mode", "passthrough"]);
        command.arg("-enc_time_base").arg(format!("{ticks}:{scale}"));
        // Behind the last frame there is none that ends it.
        let lasts = u64::from(timing.lasts) * u64::from(scale) / u64::from(timing.head.scale);
        command.arg("-bsf:v").arg(format!("setts=pts=PTS:dts=DTS:duration={}", lasts.max(1)));
        let shape = aspect.map(|(width, height)| format!("setsar={width}/{height}"));
        let colors = streams.colors.as_ref().map(|[matrix, primaries, transfer]| {
            format!("setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}")
        });
        let filters: Vec<String> = shape.into_iter().chain(colors).collect();
        if !filters.is_empty() {
            command.arg("-vf").arg(filters.join(","));
        }
        // No name, date, place, language, chapter, subtitle, nor a program's mark.
        command.args(["-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-sn", "-dn"]);
        command.args(["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]);
        if matches!(container.muxer, "mp4" | "mov" | "3gp") {
            // Frames keep their times to the tick.
            command.args(["-write_tmcd", "0"]);
            command.arg("-video_track_timescale").arg(scale.to_string()).args(["-movflags", "+faststart"]);
        }
        if container.muxer == "avi" {
            command.args(["-bf", "0"]);
        }
        let out = std::path::absolute(out).map_err(ViaError::Run)?;
        command.args(["-f", container.muxer]).arg(file(&out));
        // As when the frames came, all streams count for where the file begins.
        command.args(["-map", "1:V:0", "-c", "copy"]).args(NOWHERE);
        let running = Running::start(&self.stop, command.stdin(Stdio::piped()).stdout(Stdio::null()))?;
        let stdin = lock(&running.child).stdin.take().ok_or(ViaError::Answer("no pipe"))?;
        let mut encoder =
            Encoder { running, stdin: BufWriter::with_capacity(1 << 16, stdin), timing: timing.clone(), next: 0 };
        encoder.put(&matroska::head(size))?;
        Ok(encoder)
    }
}

/// A file's name as `ffmpeg` takes it, whatever stands in it.
fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

impl Running {
    fn start(stop: &Arc<AtomicBool>, command: &mut Command) -> Result<Self, ViaError> {
        // An interrupt of the terminal is for this program, which ends those that it started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ViaError::Missing,
            _ => ViaError::Run(error),
        })?;
        let stderr = child.stderr.take().ok_or(ViaError::Answer("no pipe"))?;
        let said = thread::spawn(move || Said::hear(BufReader::new(stderr)));
        let (child, stop) = (Arc::new(Mutex::new(child)), Arc::clone(stop));
        let watched = Arc::downgrade(&child);
        thread::spawn(move || {
            while let Some(child) = watched.upgrade() {
                if stop.load(Ordering::Relaxed) {
                    kill(&mut lock(&child));
                    return;
                }
                drop(child);
                thread::sleep(LOOK);
            }
        });
        Ok(Self { child, said: Some(said) })
    }

    /// What it says until its end.
    fn hear(&mut self) -> Said {
        self.said.take().and_then(|said| said.join().ok()).unwrap_or_default()
    }

    /// Waits for its end.
    fn end(mut self) -> Result<Said, ViaError> {
        let said = self.hear();
        let status = loop {
            // Whoever watches it waits for nobody.
            if let Some(status) = lock(&self.child).try_wait().map_err(ViaError::Run)? {
                break status;
            }
            thread::sleep(LOOK);
        };
        if status.success() {
            return Ok(said);
        }
        Err(ViaError::Refused(said.complaint().unwrap_or_else(|| "nothing, and ended".to_owned())))
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a process, and those that it has begun: one of them might hold its pipes.
fn kill(child: &mut Child) {
    // One that has ended is not there to be killed, and its number may be another's.
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL);
    let _ = child.kill();
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        kill(&mut child);
        let _ = child.wait();
    }
}

impl Said {
    fn hear(mut from: impl BufRead) -> Self {
        let mut said = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            // A line without an end takes no memory.
            match from.by_ref().take(1 << 12).read_until(b'\n', &mut line) {
                Ok(1..) => said.line(String::from_utf8_lossy(&line).trim()),
                _ => return said,
            }
        }
    }

    fn line(&mut self, line: &str) {
        if line.starts_with("Stream #0:") {
            self.streams.line(line);
        } else if self.errors.len() == MAX_SAID {
            self.more += 1;
        } else if !line.is_empty() {
            // Where in its memory a decoder lies helps nobody.
            let (before, behind) = line.split_once(" @ 0x").map_or((line, ""), |(before, rest)| {
                (before, rest.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()))
            });
            self.errors.push(format!("{before}{behind}").chars().take(MAX_LINE).collect());
        }
    }

    /// In a line, if there is any.
    fn complaint(&self) -> Option<String> {
        let more = if self.more > 0 { format!("; and {} more", self.more) } else { String::new() };
        (!self.errors.is_empty()).then(|| format!("{}{more}", self.errors.join("; ")))
    }
}

/// What copies can be told of colours: what decoders and `ffmpeg` call by the same names.
const MATRICES: &[&str] = &["bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "bt2020c"];
const PRIMARIES: &[&str] = &["bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m", "bt2020", "smpte431", "smpte432"];
const TRANSFERS: &[&str] = &[
    "bt709",
    "smpte170m",
    "smpte240m",
    "linear",
    "iec61966-2-1",
    "bt2020-10",
    "bt2020-12",
    "smpte2084",
    "arib-std-b67",
];

impl Streams {
    /// A line such as `Stream #0:0(und): Video: hevc (Main 10), yuv420p10le(tv, bt2020nc/bt2020/smpte2084), 1280x720`.
    fn line(&mut self, line: &str) {
        let is_film = line.contains(": Video:") && !line.contains("(attached pic)");
        if is_film && self.pictures == 0 {
            self.pictures = 1;
            // One name stands for three that are the same.
            let mut told =
                line.split(['(', ')', ',']).map(|word| match word.trim().split('/').collect::<Vec<_>>()[..] {
                    [all] => [all; 3],
                    [matrix, primaries, transfer] => [matrix, primaries, transfer],
                    _ => [""; 3],
                });
            let known = |[matrix, primaries, transfer]: &[&str; 3]| {
                MATRICES.contains(matrix) && PRIMARIES.contains(primaries) && TRANSFERS.contains(transfer)
            };
            self.colors = told.find(known).map(|names| names.map(str::to_owned));
        } else {
            let is_sound = line.contains(": Audio:");
            self.sound |= is_sound;
            self.films += u64::from(is_film);
            self.others += u64::from(!is_sound && !is_film);
        }
    }
}

/// Frames of a video, as JPEGs.
pub struct Decoder {
    running: Running,
    frames: Fragments<BufReader<ChildStdout>>,
    times: Vec<i64>,
    lasts: u32,
}

impl Decoder {
    /// The next frame, and how long after the beginning of the file it is shown; `None` behind the last.
    ///
    /// # Errors
    ///
    /// When the pipe breaks, or what comes is no frame: [`Decoder::end`] may tell why.
    pub fn frame(&mut self) -> io::Result<Option<(Duration, Vec<u8>)>> {
        let Some(Fragment { shown, lasts, bytes }) = self.frames.next()? else { return Ok(None) };
        if self.times.len() == MAX_FRAMES {
            return Err(io::Error::other(ViaError::TooManyFrames));
        }
        let least = self.times.last().map_or(i64::MIN, |last| last + 1);
        let shown = i64::try_from(shown).unwrap_or(i64::MAX >> 1).max(least);
        self.times.push(shown);
        self.lasts = lasts;
        let scale = self.frames.head.map_or(1, |head| head.scale);
        let micros = i128::from(shown) * 1_000_000 / i128::from(scale);
        Ok(Some((Duration::from_micros(u64::try_from(micros).unwrap_or_default()), bytes)))
    }

    /// When each frame is shown, once all were taken.
    ///
    /// # Errors
    ///
    /// When nothing of the video, or not all that it began, could be decoded.
    pub fn end(self) -> Result<Timing, ViaError> {
        let Self { running, frames, times, lasts } = self;
        let head = frames.head;
        // One that has more to give would wait for ever for somebody to take it.
        drop(frames);
        let said = running.end()?;
        let head = head.filter(|_| !times.is_empty()).ok_or(ViaError::Answer("no frames"))?;
        Ok(Timing { times, lasts, head, complaint: said.complaint() })
    }
}

/// Takes frames and makes a video of them.
pub struct Encoder {
    running: Running,
    stdin: BufWriter<ChildStdin>,
    timing: Timing,
    next: usize,
}

impl Encoder {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ViaError> {
        self.stdin.write_all(bytes).map_err(ViaError::Run)
    }

    /// Appends a frame.
    ///
    /// # Errors
    ///
    /// When `ffmpeg` does not take it: it says why.
    pub fn frame(&mut self, jpeg: &[u8]) -> Result<(), ViaError> {
        if self.next == self.timing.times.len() {
            return Err(ViaError::Answer("more frames than before"));
        }
        let head = matroska::frame_head(self.timing.micros(self.next), jpeg.len());
        self.next += 1;
        let put = self.put(&head).and_then(|()| self.put(jpeg));
        match put {
            // It has ended: why, it has said.
            Err(ViaError::Run(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(ViaError::Refused(self.running.hear().complaint().unwrap_or_default()))
            }
            put => put,
        }
    }

    /// Waits until the video is whole.
    ///
    /// # Errors
    ///
    /// When it could not be made.
    pub fn finish(self) -> Result<(), ViaError> {
        let Self { running, stdin, .. } = self;
        let flushed = stdin.into_inner().map(drop);
        running.end()?;
        flushed.map_err(|error| ViaError::Run(error.into_error()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_from_words() {
        let mut said = Said::default();
        for line in [
            "Stream #0:0[0x1](und): Video: hevc (Main 10) (hvc1 / 0x31), yuv420p10le(tv, bt2020nc/bt2020/smpte2084), 64x48",
            "Stream #0:1: Audio: aac (LC), 44100 Hz, mono",
            "Stream #0:2: Video: mjpeg, yuvj420p(pc, bt709), 90x90 (attached pic)",
            "Stream #0:3: Subtitle: subrip",
            "At least one output file must be specified",
        ] {
            said.line(line);
        }
        assert_eq!((said.streams.pictures, said.streams.films, said.streams.others), (1, 0, 2));
        said.line("Stream #0:4: Video: h264, yuv420p, 64x48");
        assert_eq!((said.streams.films, said.streams.others), (1, 2));
        assert_eq!(said.streams.colors, Some(["bt2020nc", "bt2020", "smpte2084"].map(str::to_owned)));
        assert_eq!(said.complaint().as_deref(), Some("At least one output file must be specified"));
        for _ in 0..3 {
            said.line("[h264 @ 0x55e0ccf5a640] Reference 4 >= 2");
        }
        let all = "At least one output file must be specified; [h264] Reference 4 >= 2; and 2 more";
        assert_eq!(said.complaint().as_deref(), Some(all));
        for (told, colors) in [
            ("yuv420p(tv, bt709, progressive)", Some(["bt709"; 3].map(str::to_owned))),
            ("yuv420p(tv, bt709/unknown/bt709)", None),
            ("yuv420p", None),
        ] {
            let mut streams = Streams::default();
            streams.line(&format!("Stream #0:0: Video: h264, {told}, 64x48"));
            assert_eq!(streams.colors, colors, "{told}");
        }
    }

    fn timing(times: Vec<i64>, scale: u32, lasts: u32) -> Timing {
        Timing { times, lasts, head: Head { scale, size: Size::new(1, 1), aspect: None }, complaint: None }
    }

    #[test]
    fn times_do_not_drift() {
        let times: Vec<i64> = (0..200_000).map(|n| 77 + 1001 * n).collect();
        let timing = timing(times, 30_000, 1001);
        assert_eq!(timing.micros(180_000), 6_006_000_000);
        assert!((timing.rate() - 29.97).abs() < 0.001);
        // Rounded to millionths and back, it is the same tick.
        for frame in (0..200_000).step_by(997) {
            let ticks = (timing.micros(frame) as f64 * 30_000.0 / 1e6).round() as i64;
            assert_eq!(ticks, 1001 * frame as i64);
        }
    }

    #[test]
    fn an_even_rate_is_found() {
        assert_eq!(timing(vec![512, 1024, 2048], 12_800, 512).longest_ticks(), (1, 25));
        assert_eq!(timing(vec![9], 90_000, 3600).longest_ticks(), (1, 25));
        assert_eq!(timing(vec![0, 1], 90_000, 0).longest_ticks(), (1, 90_000));
        assert_eq!(timing(vec![7], 90_000, 0).rate(), 1.0);
    }
}
