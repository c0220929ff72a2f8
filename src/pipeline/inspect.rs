//! Looks at images and keeps nothing: what an operator wants to see before an ingest.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::Options;
use super::examine::{Examined, EyesFactory, Observer, Unreadable};
use super::examiner::Examiners;
use super::ingest::Note;
use super::lanes::{self, Arrival, Bounds, Budget};
use super::source::{Source, SourceImage};
use super::summary::Stages;

/// One image of the source, or something else that the walk met.
pub struct Inspected<T> {
    /// Where it is.
    pub path: PathBuf,
    /// What was made of it, or why it cannot be shown.
    pub result: Result<T, Note>,
}

/// Examines every image of `source` in parallel, lets `show` make something of each, and hands that to `receive` in the
/// source's order, on the calling thread.
///
/// # Errors
///
/// The first error of `receive`.
pub fn inspect<'e, T: Send, E>(
    source: &mut Source,
    eyes: &'e EyesFactory<'e>,
    options: &Options,
    stop: &AtomicBool,
    show: impl Fn(&SourceImage, Examined<'_>) -> T + Sync,
    mut receive: impl FnMut(Inspected<T>) -> Result<(), E>,
) -> Result<(), E> {
    let budget = Budget::new(options.decoded_bytes);
    let bounds = Bounds { workers: options.workers, window: options.window_bytes };
    let work = |observer: &mut Observer<'e>, _turn, image: SourceImage| {
        let result = image.load(options.max_file_bytes).map_err(Note::NotLoaded).and_then(|loaded| {
            let mut stages = Stages::default();
            observer
                .examine(&loaded.bytes, &options.limits, &budget, &mut stages, |examined, _| Ok(show(&image, examined)))
                .map_err(Note::Unreadable)
        });
        Inspected { path: image.place(), result }
    };
    // A result is small: what it took is given back when it is made.
    let weigh = |_: &Inspected<T>| 0;
    lanes::run(
        source,
        &bounds,
        stop,
        || Observer::new(eyes),
        work,
        weigh,
        |arrival| match arrival {
            Arrival::Idle => Ok(()),
            Arrival::Image(inspected) => receive(inspected),
            Arrival::Fault(path, fault) => receive(Inspected { path, result: Err(Note::Skipped(fault)) }),
        },
    )
}

/// Examines one image `file` that is in memory, and lets `show` make something of it.
///
/// # Errors
///
/// When nothing of it may be shown.
pub fn inspect_one<'e, T>(
    file: &[u8],
    eyes: &'e EyesFactory<'e>,
    options: &'e Options,
    show: impl FnOnce(Examined<'_>) -> T,
) -> Result<T, Unreadable> {
    Examiners::new(eyes, options).examiner().examine(file, show)
}
