//! Words for the operator: the one way to a terminal, numbers and errors in words, and the progress bar.
//!
//! Owns stdout and stderr: clippy refuses them, and `println!`, everywhere else. Whatever is said goes through [`Page`],
//! [`Long`], [`say`] or [`json`], which escape a line as a whole *after* it was put together: no field can be forgotten, whoever
//! wrote it. A field cannot begin a line of its own either.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use super::Context;
use crate::pipeline::{ConsumeError, Note, Progress, Source};
pub use crate::words::{count, grouped};

/// Whether a character steers a terminal, turns the direction of what follows, or is there without being seen.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            // Soft hyphen, joiners and fillers without a shape of their own.
            0xad | 0x34f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x3164 | 0xffa0
            // Zero width, marks and overrides of direction, separators of lines and paragraphs, invisible operators.
            | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            // Variation selectors, byte order mark, annotations, tags.
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
}

/// A text without anything that would steer a terminal or hide on it: such characters are written as Rust writes them.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// A path in words; bytes that are not UTF-8 are shown as replacements.
pub fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

/// JSON on its way to where a terminal may read it: the same values, but nothing of it steers.
struct Safe<W>(W);

impl<W: Write> Write for Safe<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        if json.iter().all(|&byte| byte < 0x7f) {
            return self.0.write(json);
        }
        // Within strings only, of which serde_json writes whole characters. What is below space, it has escaped already.
        let text = str::from_utf8(json).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut safe = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if c >= '\u{7f}' && is_unsafe(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            } else {
                safe.push(c);
            }
        }
        self.0.write_all(safe.as_bytes())?;
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Stdout with a buffer before it: what is long costs a call for each 64 kB, and not for each word of it.
#[derive(Default)]
struct Buffered(Vec<u8>);

impl Buffered {
    const LEN: usize = 64 << 10;
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > Self::LEN {
            self.flush()?;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        to_stdout(&std::mem::take(&mut self.0))
    }
}

/// A value as indented JSON on stdout.
pub fn json(value: &impl serde::Serialize) -> io::Result<()> {
    let mut out = Safe(Buffered::default());
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A value as one line of JSON.
pub fn json_line(value: &impl serde::Serialize) -> io::Result<()> {
    let mut out = Safe(Buffered::default());
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A line or a value of a [`Long`] answer, put together on whichever thread, and escaped.
pub struct Piece(Vec<u8>);

impl Piece {
    /// A line of text.
    pub fn line(text: &str) -> Self {
        Self((escaped(text) + "\n").into_bytes())
    }

    /// A value of the list that [`Long::json`] begins.
    ///
    /// # Errors
    ///
    /// When it is no JSON.
    pub fn json(value: &impl serde::Serialize) -> io::Result<Self> {
        // Within two lists it is indented as it will be within a field's.
        let json = serde_json::to_vec_pretty(&[[value]])?;
        let mut safe = Safe(Vec::with_capacity(json.len()));
        safe.write_all(&json[b"[\n  [\n".len()..json.len() - b"\n  ]\n]".len()])?;
        Ok(Self(safe.0))
    }
}

/// An answer of any length on stdout, of which no more is in memory than a buffer.
pub struct Long {
    out: Buffered,
    json: bool,
    empty: bool,
}

impl Long {
    /// Begins lines.
    pub fn text() -> Self {
        Self { out: Buffered::default(), json: false, empty: true }
    }

    /// Begins indented JSON: the fields of `head`, and then a list under the name `list`.
    ///
    /// # Errors
    ///
    /// When stdout is closed or full.
    pub fn json(head: &impl serde::Serialize, list: &str) -> io::Result<Self> {
        let mut json = Vec::new();
        serde_json::to_writer_pretty(Safe(&mut json), head)?;
        json.truncate(json.len() - b"\n}".len());
        let mut out = Buffered(json);
        write!(out, ",\n  \"{list}\": [")?;
        Ok(Self { out, json: true, empty: true })
    }

    /// Adds a piece.
    ///
    /// # Errors
    ///
    /// When stdout is closed or full.
    pub fn put(&mut self, Piece(piece): &Piece) -> io::Result<()> {
        if self.json {
            self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        }
        self.empty = false;
        self.out.write_all(piece)
    }

    /// Ends the answer, all of which is then out.
    ///
    /// # Errors
    ///
    /// When stdout is closed or full.
    pub fn end(mut self) -> io::Result<()> {
        match (self.json, self.empty) {
            (false, _) => {}
            (true, true) => self.out.write_all(b"]\n}\n")?,
            (true, false) => self.out.write_all(b"\n  ]\n}\n")?,
        }
        self.out.flush()
    }
}

/// Bytes that are meant for a file or another program, as they are: a picture, a script.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush())
}

/// Whether stdout is a terminal.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether stderr is a terminal.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Text for stdout, by `write!` and `writeln!`. Line ends are those at the beginning and at the end of what one call
/// writes; any other, and whatever else would steer the terminal, came with a field and is escaped.
#[derive(Default)]
pub struct Page(());

impl Page {
    /// Writes what `write!` and `writeln!` put together.
    ///
    /// # Errors
    ///
    /// When stdout is closed or full.
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        to_stdout(one_line(&text.to_string()).as_bytes())
    }

    /// A text of several lines that no field could have broken: each is escaped by itself.
    ///
    /// # Errors
    ///
    /// When stdout is closed or full.
    pub fn block(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| writeln!(self, "{line}"))
    }

    /// Wipes the screen and what can be scrolled back to.
    ///
    /// # Errors
    ///
    /// When stdout is closed or full.
    pub fn wipe(&mut self) -> io::Result<()> {
        to_stdout(b"\x1b[H\x1b[2J\x1b[3J")
    }
}

/// Escapes all but line ends at the beginning and at the end.
fn one_line(text: &str) -> String {
    let inner = text.trim_matches('\n');
    if inner.is_empty() {
        return text.to_owned();
    }
    let begin = text.len() - text.trim_start_matches('\n').len();
    format!("{}{}{}", &text[..begin], escaped(inner), &text[begin + inner.len()..])
}

/// An error with all that caused it, on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        // Some errors repeat their cause in their own words.
        if !text.ends_with(&why) {
            let _ = write!(text, ": {why}");
        }
        cause = error.source();
    }
    text
}

/// A number of bytes in the unit that gives it one to three digits before the point.
pub fn bytes(number: u64) -> impl fmt::Display {
    let mut value = number as f64;
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    let decimals = if unit == "B" || value >= 99.95 { 0 } else { 1 };
    format!("{value:.decimals$} {unit}")
}

/// A text in at most so many characters: of what is too long, the end, which tells names apart.
pub fn ending(text: &str, most: usize) -> String {
    match text.chars().count().checked_sub(most).filter(|&over| over > 0) {
        None => text.to_owned(),
        Some(over) => std::iter::once('…').chain(text.chars().skip(over + 1)).collect(),
    }
}

/// A run's voice on the terminal: a line for each thing that the operator should know, and a bar with rate and time
/// left, on a terminal and after a quarter of a second: what is over before needs none.
pub struct Voice<'c> {
    context: &'c Context,
    start: Instant,
    done: AtomicU64,
    bar: OnceLock<ProgressBar>,
    /// How many images there are, once that is counted.
    length: Mutex<Option<Receiver<u64>>>,
}

const SHOW_AFTER: Duration = Duration::from_millis(250);

impl<'c> Voice<'c> {
    /// Speaks of the images under `root`.
    pub fn new(context: &'c Context, root: &Path) -> Self {
        let length = context.shows_progress().then(|| {
            let (send, receive) = mpsc::channel();
            let root = root.to_owned();
            // Ends with the process when the run is over first.
            thread::spawn(move || send.send(Source::count(&root)));
            receive
        });
        let start = Instant::now();
        Self { context, start, done: AtomicU64::new(0), bar: OnceLock::new(), length: Mutex::new(length) }
    }

    /// Speaks of the frames of a film, of which nobody knows how many there are.
    pub fn of_frames(context: &'c Context) -> Self {
        let (start, bar) = (Instant::now(), OnceLock::new());
        if context.shows_progress() {
            let style = style("{spinner} {human_pos} frames  {per_sec}");
            let _ = bar.set(ProgressBar::no_length().with_style(style));
        }
        Self { context, start, done: AtomicU64::new(0), bar, length: Mutex::new(None) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    /// Says something of the image at `path`.
    pub fn say(&self, path: &Path, what: &str) {
        self.aside(|| say(&format!("{}: {what}", shown(path))));
    }

    /// Prints beside the bar.
    fn aside(&self, print: impl FnOnce()) {
        match self.bar.get() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn bar(&self) -> &ProgressBar {
        let bar = self.bar.get_or_init(|| {
            let style = style("{spinner} {human_pos} images  {rate}");
            ProgressBar::no_length().with_style(style).with_elapsed(self.start.elapsed())
        });
        let mut length = self.length.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = length.as_ref().and_then(|counting| counting.try_recv().ok()) {
            *length = None;
            bar.set_length(count);
            bar.set_style(style("{wide_bar} {human_pos} of {human_len} images  {rate}  {rest} left"));
        }
        bar
    }
}

/// Rate and time left are those of the whole run: images come in bursts.
fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        let _ = write!(text, "{:.0}/s", per_second(state));
    };
    let rest = |state: &ProgressState, text: &mut dyn fmt::Write| {
        let left = state.len().unwrap_or(0).saturating_sub(state.pos()) as f64;
        let seconds = (left / per_second(state).max(1e-3)).min(1e7);
        let _ = write!(text, "{:#}", HumanDuration(Duration::from_secs_f64(seconds.ceil())));
    };
    ProgressStyle::with_template(template).expect("a constant template").with_key("rate", rate).with_key("rest", rest)
}

fn per_second(state: &ProgressState) -> f64 {
    state.pos() as f64 / state.elapsed().as_secs_f64().max(1e-3)
}

impl Progress for Voice<'_> {
    fn image(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.context.shows_progress() && self.start.elapsed() >= SHOW_AFTER {
            self.bar().set_position(done);
        }
    }

    fn note(&self, path: &Path, note: &Note) {
        self.aside(|| say_note(self.context, path, note));
    }
}

/// Says on stderr what befell the file or folder at `path`.
pub fn say_note(context: &Context, path: &Path, note: &Note) {
    // Loops and FIFOs are no failures, nor is what stays where it is; everything else is, and is said even to the quiet.
    let harmless = match note {
        Note::Skipped(fault) => !fault.is_loss(),
        Note::Copy | Note::NotConsumed(ConsumeError::Young) => true,
        _ => false,
    };
    if !(harmless && context.quiet) {
        say(&format!("{}: {}", shown(path), chain(note)));
    }
}

/// [`say`] with a format of its own.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::terminal::say(&format!($($text)*)) };
}
pub(super) use tell;

/// A line on stderr. A closed stderr is no reason to stop.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", escaped(line));
}

/// A question on stderr, whose answer is typed behind it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn ask(question: &str) {
    let mut stderr = io::stderr();
    let _ = write!(stderr, "{}", escaped(question)).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(
            [0, 999, 1000, 99_960, 123_456_789].map(|n| bytes(n).to_string()),
            ["0 B", "999 B", "1.0 kB", "100 kB", "123 MB"]
        );
        assert_eq!(["a/bcd", "xa/bcd"].map(|path| ending(path, 5)), ["a/bcd", "…/bcd"]);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(shown(Path::new("a\u{1b}[2Jb\n.jpg")), "a\\u{1b}[2Jb\\n.jpg");
        assert_eq!(escaped("gpj.\u{202e}exe\u{200b}\u{9b}31m"), "gpj.\\u{202e}exe\\u{200b}\\u{9b}31m");
        assert_eq!(escaped("Ä東京 ñ 🚗 é"), "Ä東京 ñ 🚗 é");
    }

    #[test]
    fn a_field_begins_no_line() {
        assert_eq!(one_line("\nA  a\nThe vault is whole.  b\n"), "\nA  a\\nThe vault is whole.  b\n");
        assert_eq!(one_line("\n\n"), "\n\n");
        assert_eq!(one_line("x\r\n"), "x\\r\n");
    }

    #[test]
    fn a_list_of_any_length_is_the_json_that_it_would_be_as_a_field() {
        for hits in [vec![], vec![serde_json::json!({ "a": [1, 2], "b": "\u{9b}\"\n" })], vec![1.into(), "x".into()]] {
            let mut long = Long::json(&serde_json::json!({ "by": "a\u{202e}b" }), "hits").unwrap();
            hits.iter().for_each(|hit| long.put(&Piece::json(hit).unwrap()).unwrap());
            let said = long.out.0.clone();
            let end: &[u8] = if hits.is_empty() { b"]\n}\n" } else { b"\n  ]\n}\n" };
            let mut whole = Vec::new();
            serde_json::to_writer_pretty(Safe(&mut whole), &serde_json::json!({ "by": "a\u{202e}b", "hits": hits }))
                .unwrap();
            assert_eq!(String::from_utf8([&said, end].concat()), String::from_utf8([&whole[..], b"\n"].concat()));
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_unsafe_comes_out_and_json_keeps_its_value(text in ".*", steer in "[\u{80}-\u{9f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{e0001}\x00-\x1f\x7f]+") {
            let text = format!("{text}{steer}{text}");
            proptest::prop_assert!(!escaped(&text).chars().any(is_unsafe));
            let mut json = Vec::new();
            serde_json::to_writer(Safe(&mut json), &text).unwrap();
            let json = String::from_utf8(json).unwrap();
            proptest::prop_assert!(!json.chars().any(is_unsafe));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
