//! Videos of other containers and codecs, by `ffmpeg` where it is installed: frames come from it and go to it through pipes, and
//! lie on no disk on their way.
//!
//! Owns the processes, what they are told, and when each frame is shown. Knows nothing of what a frame shows. Nothing that a
//! file says becomes an argument but numbers; the container is told and not guessed, so that no file can make `ffmpeg` open
//! others; and it may open files and pipes, no network.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use thiserror::Error;

use super::avi::MAX_FRAME;
use crate::geometry::Size;

/// Most frames of a video: three days of 30 a second. A file of a kilobyte can claim any number.
const MAX_FRAMES: usize = 8_000_000;

/// Most that is kept of what `ffmpeg` says.
const MAX_SAID: usize = 2000;

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

/// How the container of a video is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    demuxer: &'static str,
    muxer: &'static str,
}

impl Container {
    /// What a copy's name may end in.
    const ENDINGS: &'static str = "mp4, m4v, mov, mkv, avi, ts, mts, m2ts, flv and 3gp";

    /// The container of a video of this `kind`, as [`Kind::sniff`](crate::frame::Kind::sniff) names it, and of its copy at `out`.
    ///
    /// # Errors
    ///
    /// When it is not known to be read, or no copy be written, safely.
    pub fn of(kind: &str, out: &Path) -> Result<Self, ViaError> {
        let demuxer = match kind {
            "MP4 or QuickTime" | "QuickTime" => "mov",
            "Matroska or WebM" => "matroska",
            "AVI" => "avi",
            "MPEG transport stream" => "mpegts",
            "MPEG" => "mpeg",
            "Windows Media" => "asf",
            "Flash" => "flv",
            _ => return Err(ViaError::Container(kind.to_owned())),
        };
        let ending = out.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).unwrap_or_default();
        let muxer = match ending.as_str() {
            "mp4" | "m4v" => "mp4",
            "mov" | "qt" => "mov",
            "mkv" => "matroska",
            "avi" => "avi",
            "ts" | "mts" | "m2ts" => "mpegts",
            "flv" => "flv",
            "3gp" => "3gp",
            _ => return Err(ViaError::Ending),
        };
        Ok(Self { demuxer, muxer })
    }
}

/// An installed `ffmpeg`.
pub struct Ffmpeg {
    program: PathBuf,
}

/// A running process, which ends with this.
struct Running {
    child: Child,
    said: Option<JoinHandle<Said>>,
}

/// What a process said, and the times that stood among it.
#[derive(Default)]
struct Said {
    errors: String,
    times: Vec<i64>,
    base: Option<(u32, u32)>,
    size: Option<Size>,
    aspect: Option<(u32, u32)>,
    too_many: bool,
}

/// When each frame is shown, and how large they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// In ticks, from the beginning of the file, each later than the one before.
    times: Vec<i64>,
    /// Seconds a tick, as a fraction.
    base: (u32, u32),
    /// Pixels of the first frame, upright.
    pub size: Size,
    /// Width over height of a pixel, where it is told.
    aspect: Option<(u32, u32)>,
}

impl Timing {
    /// Frames a second, over the whole.
    pub fn rate(&self) -> f64 {
        let (first, last) = (self.times.first().copied().unwrap_or(0), self.times.last().copied().unwrap_or(0));
        let seconds = (last - first) as f64 * f64::from(self.base.0) / f64::from(self.base.1);
        (self.times.len() as f64 - 1.0) / seconds
    }

    /// Millionths of a second from the first frame to that one.
    fn micros(&self, frame: usize) -> u64 {
        let ticks = i128::from(self.times[frame] - self.times[0]);
        let (numerator, denominator) = (i128::from(self.base.0), i128::from(self.base.1));
        ((ticks * numerator * 1_000_000 + denominator / 2) / denominator).max(0) as u64
    }
}

impl Ffmpeg {
    /// Looks for it.
    ///
    /// # Errors
    ///
    /// When it is not installed.
    pub fn find() -> Result<Self, ViaError> {
        let program = PathBuf::from("ffmpeg");
        let asked = Command::new(&program)
            .arg("-version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match asked {
            Ok(status) if status.success() => Ok(Self { program }),
            _ => Err(ViaError::Missing),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]);
        command
    }

    /// Reads the file at `path`, given as the input that follows.
    fn input(command: &mut Command, container: Container, path: &Path) -> Result<(), ViaError> {
        let path = std::path::absolute(path).map_err(ViaError::Run)?;
        command.args(["-protocol_whitelist", "file,pipe", "-f", container.demuxer, "-i"]).arg(file(&path));
        Ok(())
    }

    /// Begins to decode the video at `path`: each frame as a JPEG, upright, in the order in which they are shown.
    ///
    /// # Errors
    ///
    /// When it cannot be started. That it cannot decode the file comes out at its end.
    pub fn decode(&self, container: Container, path: &Path) -> Result<Decoder, ViaError> {
        let mut command = self.command();
        Self::input(&mut command, container, path)?;
        // Pictures to stdout; and when each is shown to stderr, where lines of that form cannot be mistaken.
        command.args(["-map", "0:V:0", "-fps_mode", "passthrough", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]);
        command.args(["-enc_time_base", "-1", "-qmin", "1", "-q:v", "1", "-f", "mpjpeg", "pipe:1"]);
        command.args(["-map", "0:V:0", "-fps_mode", "passthrough", "-c:v", "rawvideo", "-enc_time_base", "-1"]);
        command.args(["-f", "framecrc", "pipe:2"]);
        let mut running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let stdout = running.child.stdout.take().ok_or(ViaError::Answer("no pipe"))?;
        Ok(Decoder { running, stdout: BufReader::with_capacity(1 << 16, stdout) })
    }

    /// Begins to encode a copy of the video at `path` into the file `out`, which is there and becomes another: with these
    /// frames and times and the original's sound, and nothing else of it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn encode(&self, container: Container, path: &Path, timing: &Timing, out: &Path) -> Result<Encoder, ViaError> {
        let mut command = self.command();
        let (numerator, denominator) = timing.base;
        let first = timing.times[0] as f64 * f64::from(numerator) / f64::from(denominator);
        command.args(["-y", "-protocol_whitelist", "file,pipe", "-f", "matroska"]);
        command.arg("-itsoffset").arg(format!("{first:.6}")).args(["-i", "pipe:0"]);
        Self::input(&mut command, container, path)?;
        command.args([
            "-map", "0:v:0", "-map", "1:a?", "-c:a", "copy", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
        ]);
        command.args(["-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-enc_time_base"]);
        command.arg(format!("{numerator}:{denominator}"));
        if let Some((width, height)) = timing.aspect {
            command.arg("-vf").arg(format!("setsar={width}/{height}"));
        }
        // No name, date, place, language, chapter, subtitle, nor a program's mark.
        command.args(["-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-sn", "-dn"]);
        command.args(["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]);
        if matches!(container.muxer, "mp4" | "mov" | "3gp") {
            // Frames keep their times to the tick.
            command.arg("-video_track_timescale").arg(denominator.to_string()).args(["-movflags", "+faststart"]);
        }
        if container.muxer == "avi" {
            command.args(["-bf", "0"]);
        }
        let out = std::path::absolute(out).map_err(ViaError::Run)?;
        command.args(["-f", container.muxer]).arg(file(&out));
        let mut running = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::null()))?;
        let stdin = running.child.stdin.take().ok_or(ViaError::Answer("no pipe"))?;
        let mut encoder =
            Encoder { running, stdin: BufWriter::with_capacity(1 << 16, stdin), timing: timing.clone(), next: 0 };
        encoder.put(&matroska::head(timing.size))?;
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
    fn start(command: &mut Command) -> Result<Self, ViaError> {
        // An interrupt of the terminal is for this program, which ends those that it started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ViaError::Missing,
            _ => ViaError::Run(error),
        })?;
        let stderr = child.stderr.take().ok_or(ViaError::Answer("no pipe"))?;
        let said = thread::spawn(move || Said::hear(BufReader::new(stderr)));
        Ok(Self { child, said: Some(said) })
    }

    /// Waits for its end.
    fn end(mut self) -> Result<Said, ViaError> {
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let status = self.child.wait().map_err(ViaError::Run)?;
        if status.success() {
            return Ok(said);
        }
        let errors = said.errors.trim();
        Err(ViaError::Refused(if errors.is_empty() { "nothing, and ended".to_owned() } else { errors.to_owned() }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
        let pair = |text: &str, at: char| -> Option<(u32, u32)> {
            let (a, b) = text.trim().split_once(at)?;
            Some((a.parse().ok()?, b.parse().ok()?))
        };
        let told = |text: &str| line.strip_prefix(text).map(str::to_owned);
        if let Some(base) = told("#tb 0:") {
            self.base = pair(&base, '/').filter(|base| base.0 > 0 && base.1 > 0);
        } else if let Some(size) = told("#dimensions 0:") {
            self.size = pair(&size, 'x').map(|(width, height)| Size::new(width, height));
        } else if let Some(aspect) = told("#sar 0:") {
            self.aspect = pair(&aspect, '/').filter(|aspect| aspect.0 > 0 && aspect.1 > 0 && aspect.0 != aspect.1);
        } else if line.starts_with('#') {
        } else if let Some(time) = time_of(line) {
            if self.times.len() == MAX_FRAMES {
                self.too_many = true;
            } else {
                let least = self.times.last().map_or(i64::MIN, |last| last + 1);
                self.times.push(time.max(least));
            }
        } else if self.errors.len() + line.len() < MAX_SAID && !line.is_empty() {
            let _ = write!(self.errors, "{}{line}", if self.errors.is_empty() { "" } else { "; " });
        }
    }
}

/// When a frame is shown: `stream, decoded, shown, lasts, bytes, sum`.
fn time_of(line: &str) -> Option<i64> {
    let mut cells = line.split(',').map(str::trim);
    let (stream, _, shown) = (cells.next()?, cells.next()?, cells.next()?);
    let rest: Vec<_> = cells.collect();
    // Far from where sums of them would overflow.
    let shown = shown.parse::<i64>().ok().filter(|shown| shown.unsigned_abs() < 1 << 60)?;
    (stream == "0" && rest.len() >= 3 && rest[2].starts_with("0x")).then_some(shown)
}

/// Frames of a video, as JPEGs.
pub struct Decoder {
    running: Running,
    stdout: BufReader<ChildStdout>,
}

impl Decoder {
    /// The next frame; `None` behind the last.
    ///
    /// # Errors
    ///
    /// When the pipe breaks, or what comes is no frame.
    pub fn frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        part(&mut self.stdout)
    }

    /// When each frame was shown, once all were taken.
    ///
    /// # Errors
    ///
    /// When the video could not be decoded to its end.
    pub fn end(self, frames: usize) -> Result<Timing, ViaError> {
        let Said { times, base, size, aspect, too_many, .. } = self.running.end()?;
        if too_many {
            return Err(ViaError::TooManyFrames);
        }
        let (base, size) = base.zip(size).ok_or(ViaError::Answer("no frames"))?;
        if times.len() != frames || frames == 0 {
            return Err(ViaError::Answer("other times than frames"));
        }
        Ok(Timing { times, base, size, aspect })
    }
}

/// A part of a MIME stream: a line of dashes, headers with the length, an empty line, and so many bytes.
fn part(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no frame where one was to come");
    let mut length = None;
    loop {
        let mut line = Vec::new();
        from.by_ref().take(256).read_until(b'\n', &mut line)?;
        let line = std::str::from_utf8(&line).map_err(|_| wrong())?;
        if line.is_empty() {
            return if length.is_none() { Ok(None) } else { Err(wrong()) };
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse::<u32>().ok();
        } else if line.is_empty() && length.is_some() {
            break;
        } else if !(line.is_empty() || line.starts_with("--") || line.starts_with("content-type:")) {
            return Err(wrong());
        }
    }
    let length = length.filter(|length| *length <= MAX_FRAME).ok_or_else(wrong)?;
    let mut frame = vec![0; length as usize];
    from.read_exact(&mut frame)?;
    Ok(Some(frame))
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
                let said = self.running.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
                Err(ViaError::Refused(said.errors))
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

/// As much of Matroska as carries frames with their times through a pipe.
mod matroska {
    use crate::geometry::Size;

    /// An element: name, length, content.
    fn element(name: &[u8], content: &[u8]) -> Vec<u8> {
        [name, &length(content.len()), content].concat()
    }

    fn length(bytes: usize) -> [u8; 8] {
        (bytes as u64 | 1 << 56).to_be_bytes()
    }

    fn number(name: &[u8], number: u64) -> Vec<u8> {
        element(name, &number.to_be_bytes())
    }

    /// What precedes the frames. Times are in millionths of a second.
    pub(super) fn head(size: Size) -> Vec<u8> {
        const NANOSECONDS_A_TICK: u64 = 1000;
        let ebml = [
            number(&[0x42, 0x86], 1),
            number(&[0x42, 0xF7], 1),
            number(&[0x42, 0xF2], 4),
            number(&[0x42, 0xF3], 8),
            element(&[0x42, 0x82], b"matroska"),
            number(&[0x42, 0x87], 4),
            number(&[0x42, 0x85], 2),
        ];
        let info = [
            number(&[0x2A, 0xD7, 0xB1], NANOSECONDS_A_TICK),
            element(&[0x4D, 0x80], b"safelight"),
            element(&[0x57, 0x41], b"safelight"),
        ];
        let pixels = [number(&[0xB0], size.width.into()), number(&[0xBA], size.height.into())].concat();
        let track = [
            number(&[0xD7], 1),
            number(&[0x73, 0xC5], 1),
            number(&[0x83], 1),
            element(&[0x86], b"V_MJPEG"),
            element(&[0xE0], &pixels),
        ];
        [
            element(&[0x1A, 0x45, 0xDF, 0xA3], &ebml.concat()),
            // Of a length that nobody knows yet.
            vec![0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            element(&[0x15, 0x49, 0xA9, 0x66], &info.concat()),
            element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &track.concat())),
        ]
        .concat()
    }

    /// What precedes a frame of so many bytes: a cluster of its own, so that its time is exact.
    pub(super) fn frame_head(micros: u64, bytes: usize) -> Vec<u8> {
        let time = number(&[0xE7], micros);
        // Whose; how long after the cluster; a frame that needs no other.
        let block = [0x81, 0, 0, 0x80];
        let block_head = [&[0xA3][..], &length(block.len() + bytes), &block].concat();
        let whole = time.len() + block_head.len() + bytes;
        [&[0x1F, 0x43, 0xB6, 0x75][..], &length(whole), &time, &block_head].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_told_from_words() {
        let mut said = Said::default();
        for line in [
            "#software: Lavf59.27.100",
            "#tb 0: 1/12800",
            "#dimensions 0: 1280x720",
            "#sar 0: 4/3",
            "0,          0,        512,        1,  1382400, 0x7d39d4d4",
            "0,        512,       1024,        1,  1382400, 0x7d39d4d4, S=1,        8, 0x05ec00be",
            "0,       1024,       1024,        1,  1382400, 0x7d39d4d4",
            "[mov @ 0x1] moov atom not found",
            "1,          0,        512,        1,  1382400, 0x7d39d4d4",
        ] {
            said.line(line);
        }
        assert_eq!((said.times, said.base), (vec![512, 1024, 1025], Some((1, 12_800))));
        assert_eq!((said.size, said.aspect), (Some(Size::new(1280, 720)), Some((4, 3))));
        assert!(said.errors.starts_with("[mov @ 0x1] moov atom not found; 1,"));
    }

    #[test]
    fn times_do_not_drift() {
        let times: Vec<i64> = (0..200_000).map(|n| 77 + 1001 * n).collect();
        let timing = Timing { times, base: (1, 30_000), size: Size::new(1, 1), aspect: None };
        assert_eq!(timing.micros(180_000), 6_006_000_000);
        assert!((timing.rate() - 29.97).abs() < 0.001);
        // Rounded to millionths and back, it is the same tick.
        for frame in (0..200_000).step_by(997) {
            let ticks = (timing.micros(frame) as f64 * 30_000.0 / 1e6).round() as i64;
            assert_eq!(ticks, 1001 * frame as i64);
        }
    }

    #[test]
    fn parts_of_a_stream_are_frames() {
        let stream = b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 3\r\n\r\nabc\r\n--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: 0\r\n\r\n\r\n--ffmpeg\r\n";
        let mut from = stream.as_slice();
        assert_eq!(part(&mut from).expect("a frame"), Some(b"abc".to_vec()));
        assert_eq!(part(&mut from).expect("a frame"), Some(Vec::new()));
        assert_eq!(part(&mut from).expect("the end"), None);
        for wrong in [
            &b"hello\r\n"[..],
            b"Content-length: 5\r\n\r\nabc",
            b"Content-length: 4000000000\r\n\r\n",
            b"Content-length: 5\r\n",
        ] {
            assert!(part(&mut &*wrong).is_err());
        }
    }

    #[test]
    fn only_known_containers_are_read_and_written() {
        assert_eq!(
            Container::of("MP4 or QuickTime", Path::new("a.MP4")).expect("known"),
            Container { demuxer: "mov", muxer: "mp4" }
        );
        assert!(matches!(Container::of("Ogg", Path::new("a.mp4")), Err(ViaError::Container(_))));
        assert!(matches!(Container::of("Windows Media", Path::new("a.wmv")), Err(ViaError::Ending)));
    }

    proptest! {
        #[test]
        fn any_stream_ends(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut from = bytes.as_slice();
            while let Ok(Some(_)) = part(&mut from) {}
            Said::hear(bytes.as_slice());
        }
    }
}
