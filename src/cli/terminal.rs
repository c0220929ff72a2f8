//! Words for the operator: paths, errors and numbers as a terminal may show them, and the progress bar.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Context;
use crate::pipeline::{ConsumeError, Note, Progress, Source};

/// A path without anything that would steer the terminal; bytes that are not UTF-8 are shown as replacements.
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
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

/// A whole number in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
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

/// `1 image`, `2 images`.
pub fn count(number: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(number), if number == 1 { "" } else { "s" })
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

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self) -> &ProgressBar {
        let bar = self.bar.get_or_init(|| {
            let style = style("{spinner} {human_pos} images  {per_sec}");
            ProgressBar::no_length().with_style(style).with_elapsed(self.start.elapsed())
        });
        let mut length = self.length.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = length.as_ref().and_then(|counting| counting.try_recv().ok()) {
            *length = None;
            bar.set_length(count);
            bar.set_style(style("{bar:32} {human_pos} of {human_len} images  {per_sec}  {eta} left"));
        }
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant template")
}

impl Progress for Voice<'_> {
    fn image(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.context.shows_progress() && self.start.elapsed() >= SHOW_AFTER {
            self.bar().set_position(done);
        }
    }

    fn note(&self, path: &Path, note: &Note) {
        let print = || say_note(self.context, path, note);
        match self.bar.get() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
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

/// A line on stderr. A closed stderr is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1000, 99_960, 123_456_789].map(|n| bytes(n).to_string()),
            ["0 B", "999 B", "1.0 kB", "100 kB", "123 MB"]
        );
        assert_eq!([0, 1, 2].map(|n| count(n, "image")), ["0 images", "1 image", "2 images"]);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(shown(Path::new("a\u{1b}[2Jb\n.jpg")), "a\\u{1b}[2Jb\\n.jpg");
    }
}
