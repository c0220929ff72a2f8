//! `safelight redact`.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde_json::json;

use super::eyes::EyesArgs;
use super::ingest::source_failure;
use super::remedies::stdout_failed;
use super::target::{self, apart, unwritable};
use super::terminal::{Voice, chain, count, grouped, json, say, shown, to_stdout};
use super::{Context, Failure, Outcome, Stop, interrupt};
use crate::capture::{PlateText, Region, RegionKind};
use crate::geometry::Rect;
use crate::pipeline::{
    Examined, Inspected, Look, Note, Options, Progress, Source, SourceImage, TrainedEyes, inspect, inspect_one,
};
use crate::redact::{self, RedactError, redaction_area};
use crate::seal;

/// Arguments of `redact`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  safelight redact photos -o out              a folder: the same tree and names, blanked
  safelight redact car.jpg -o car-blank.jpg   one photograph
  safelight redact - -o - < in.jpg > out.jpg  from stdin to stdout

No key is needed, nothing is sealed, and originals stay as they are. Copies keep the format, which way up they are and the \
colour profile, and nothing else: no EXIF, no XMP, no thumbnail, no comment. A JPEG's copy has the original's own \
coefficients outside the blanked areas; PNG, TIFF and BMP keep every sample there, and WebP is written lossless. Of a file \
with several pages or pictures the copy has the one that was examined.

What cannot be examined has no copy and is named; other files are not copied. A copy gets its name when it is whole.

Exit codes: 0 all photographs have copies; 1 some could not be examined, read or treated, and are named; 2 the command line, \
a file or a folder is wrong; 130 interrupted.")]
pub struct Args {
    /// Photographs, or folders of them; - for stdin
    #[arg(required = true, value_name = "IN")]
    paths: Vec<PathBuf>,
    /// Folder for the copies, new or empty; for one photograph its copy's name; - for stdout
    #[arg(long, short, value_name = "OUT")]
    out: PathBuf,
    /// Copies that are in OUT already stay, and their photographs are not looked at again
    #[arg(long)]
    skip_existing: bool,
    /// Blank plates only, or faces only
    #[arg(long, value_enum, value_name = "KIND")]
    only: Option<Only>,
    /// Leave a plate legible that is read as this, and no other; may be given again
    #[arg(long, value_name = "TEXT")]
    except_plate: Vec<String>,
    /// Blank these areas in every photograph, too: a JSON file [[x, y, width, height], …] in pixels of the stored picture
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// Colour of blanked areas
    #[arg(long, value_name = "RRGGBB", default_value = "808080", value_parser = color)]
    fill: [u8; 3],
    /// Give files and folders other names, drawn at random: theirs may carry plates or names
    #[arg(long)]
    rename: bool,
    /// Threads that look at photographs [default: one for each processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    eyes: EyesArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Plates,
    Faces,
}

fn color(text: &str) -> Result<[u8; 3], String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = if digits.len() == 6 { u32::from_str_radix(digits, 16).ok() } else { None };
    let [_, rgb @ ..] = number.ok_or("six hexadecimal digits are wanted, as in 808080")?.to_be_bytes();
    Ok(rgb)
}

/// What is blanked, and how.
struct Choice {
    only: Option<RegionKind>,
    legible: Vec<PlateText>,
    mask: Vec<Rect>,
    fill: [u8; 3],
}

/// A copy, and what was blanked on it.
struct Copy {
    bytes: Vec<u8>,
    counts: Counts,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    images: u64,
    plates: u64,
    faces: u64,
    /// Plates that were left legible.
    legible: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.images += other.images;
        self.plates += other.plates;
        self.faces += other.faces;
        self.legible += other.legible;
    }
}

impl Choice {
    fn read(args: &Args) -> Result<Self, Failure> {
        let legible = args.except_plate.iter().map(|text| {
            PlateText::canonical(text).ok_or_else(|| {
                Failure::usage(
                    "a text given with --except-plate is no plate's",
                    "give its letters and digits as they are read",
                )
            })
        });
        let mask = args.mask.as_deref().map(read_mask).transpose()?.unwrap_or_default();
        let only = args.only.map(|only| match only {
            Only::Plates => RegionKind::Plate,
            Only::Faces => RegionKind::Face,
        });
        Ok(Self { only, legible: legible.collect::<Result<_, _>>()?, mask, fill: args.fill })
    }

    /// Whether a plate is one of those that stay. One that might be read otherwise does not.
    fn spares(&self, region: &Region) -> bool {
        let best = region.reading.as_ref().and_then(|reading| reading.candidates.first());
        best.is_some_and(|best| self.legible.iter().any(|text| text.expose() == best.text.expose()))
    }

    fn copy(&self, examined: Examined<'_>) -> Result<Copy, RedactError> {
        let Examined { file, frame, regions, areas } = examined;
        let mut counts = Counts { images: 1, ..Counts::default() };
        let mut blanked = Vec::with_capacity(areas.len() + self.mask.len());
        for (region, area) in regions.iter().zip(areas) {
            if self.only.is_some_and(|only| only != region.kind) {
                continue;
            }
            if self.spares(region) {
                counts.legible += 1;
                continue;
            }
            match region.kind {
                RegionKind::Plate => counts.plates += 1,
                RegionKind::Face => counts.faces += 1,
            }
            blanked.push(area);
        }
        blanked.extend(self.mask.iter().filter_map(|bounds| redaction_area(*bounds, &frame)));
        Ok(Copy { bytes: redact::copy(frame, file, &blanked, self.fill)?, counts })
    }
}

fn read_mask(path: &Path) -> Result<Vec<Rect>, Failure> {
    let text = crate::files::read_text(path, crate::files::MAX_SETTINGS).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", shown(path)), "give a file that you may read with --mask")
    })?;
    let wrong =
        |why: String| Failure::usage(format!("{}: {why}", shown(path)), "write it as [[x, y, width, height], …]");
    let boxes: Vec<[f32; 4]> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let rects = boxes.into_iter().map(|[x, y, w, h]| {
        let right = [x, y, w, h].iter().all(|side| side.is_finite()) && w > 0.0 && h > 0.0;
        right.then(|| Rect::new(x, y, w, h)).ok_or_else(|| wrong("an area without width or height".to_owned()))
    });
    rects.collect()
}

/// Runs `redact`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let stop = interrupt::stop_flag()?;
    let choice = Choice::read(&args)?;
    let standard = Path::new("-");
    if args.paths.iter().any(|path| path == standard) || args.out == standard {
        return one(&args, &choice, context);
    }
    let mut targets = targets(&args)?;
    let nets = args.eyes.nets()?;
    let defaults = Options::default();
    let options = Options { workers: args.jobs.unwrap_or(defaults.workers), ..defaults };
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(&nets)) };
    let mut tally = Tally::default();
    for (source, target) in &mut targets {
        let voice = Voice::new(context, &target.given);
        let make = |image: &SourceImage, examined: Examined<'_>| target.write(&image.name, &choice, examined);
        let received = inspect(source, &eyes, &options, &stop, make, |inspected| {
            voice.image();
            tally.receive(inspected, &voice)
        });
        voice.finish();
        received?;
        tally.ignored += source.ignored();
        tally.existing += source.passed();
    }
    tally.report(&args, context)?;
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::new(
            Stop::Interrupted,
            format!("interrupted; {} made", count(tally.counts.images, "copy")),
            "run the same command again with --skip-existing",
        ));
    }
    Ok(if tally.failures == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Stdin, or one file, to stdout or to one file.
fn one(args: &Args, choice: &Choice, context: &Context) -> Result<Outcome, Failure> {
    let [path] = args.paths.as_slice() else {
        return Err(Failure::usage("- stands for one photograph", "give no other path with it"));
    };
    let (from_stdin, to_out) = (path == Path::new("-"), args.out == Path::new("-"));
    if !to_out {
        target::must_be_new(&args.out)?;
    }
    let options = Options::default();
    let name = if from_stdin { "stdin".to_owned() } else { shown(path) };
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if from_stdin {
            io::stdin().lock().take(options.max_file_bytes + 1).read_to_end(&mut bytes)?;
        } else {
            bytes = crate::files::read(path, options.max_file_bytes)?;
        }
        if bytes.len() as u64 > options.max_file_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    };
    let file =
        read().map_err(|error| Failure::usage(format!("{name} cannot be read: {error}"), "give one photograph"))?;
    let nets = args.eyes.nets()?;
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(&nets)) };
    let made = inspect_one(&file, &eyes, &options, |examined| choice.copy(examined));
    let copy = match made {
        Ok(Ok(copy)) => copy,
        Ok(Err(error)) => return refused(&name, &error),
        Err(error) => return refused(&name, &error),
    };
    if to_out {
        to_stdout(&copy.bytes).map_err(stdout_failed)?;
    } else {
        write_new(&args.out, &copy.bytes).map_err(|error| unwritable(&args.out, &error))?;
        Tally { counts: copy.counts, ..Tally::default() }.report(args, context)?;
    }
    Ok(Outcome::Done)
}

/// The one photograph has no copy, and nothing was written.
fn refused(name: &str, error: &dyn std::error::Error) -> Result<Outcome, Failure> {
    say(&format!("{name}: {}", chain(error)));
    Ok(Outcome::SomeFailed)
}

/// Where copies of one input go.
#[derive(Clone)]
struct Target {
    /// As given.
    given: PathBuf,
    place: Place,
    /// Random, for new names.
    key: Option<[u8; 32]>,
}

#[derive(Clone)]
enum Place {
    /// Below this folder, each under its own name.
    Folder(PathBuf),
    /// Here.
    File(PathBuf),
}

impl Target {
    /// Where the copy of the image `name` goes.
    fn of(&self, name: &Path) -> PathBuf {
        let folder = match &self.place {
            Place::File(path) => return path.clone(),
            Place::Folder(folder) => folder,
        };
        let Some(key) = &self.key else { return folder.join(name) };
        let mut path = folder.clone();
        let mut parts = name.components().map(|part| Path::new(part.as_os_str())).peekable();
        while let Some(part) = parts.next() {
            // The whole way there: folders of one name in two places get two names.
            let mut digest = blake3::Hasher::new_keyed(key);
            digest.update(path.as_os_str().as_encoded_bytes()).update(b"/").update(part.as_os_str().as_encoded_bytes());
            let mut new = digest.finalize().to_hex().as_str()[..16].to_owned();
            if parts.peek().is_none()
                && let Some(extension) = part.extension()
            {
                new = format!("{new}.{}", extension.to_string_lossy());
            }
            path.push(new);
        }
        path
    }

    /// Makes and writes the copy of one image.
    fn write(&self, name: &Path, choice: &Choice, examined: Examined<'_>) -> Made {
        let copy = match choice.copy(examined) {
            Ok(copy) => copy,
            Err(error) => return Made::Refused(error),
        };
        let path = self.of(name);
        match write_new(&path, &copy.bytes) {
            Ok(()) => Made::Copy(copy.counts),
            Err(error) => Made::Unwritten(path, error),
        }
    }
}

/// What became of one image.
enum Made {
    Copy(Counts),
    Refused(RedactError),
    Unwritten(PathBuf, io::Error),
}

/// Writes a file that is not there, which has its name only when it is whole.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new();
    file.prefix(".safelight-").suffix(".part");
    // For everybody whom the user's own mask lets: a copy is made to be shown.
    #[cfg(unix)]
    file.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut file = file.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

/// Inputs with the places of their copies, all of it checked before the first is looked at.
fn targets(args: &Args) -> Result<Vec<(Source, Target)>, Failure> {
    target::must_be_elsewhere(&args.out, &args.paths)?;
    let key = args.rename.then(seal::random);
    let alone = match args.paths.as_slice() {
        [path] if path.is_file() && !args.out.is_dir() => Some(path),
        _ => None,
    };
    if alone.is_some() && !(args.skip_existing && args.out.is_file()) {
        target::must_be_new(&args.out)?;
    } else if alone.is_none() {
        target::must_be_empty(&args.out, args.skip_existing)?;
    }
    let places = args.paths.iter().zip(apart(&args.paths)).map(|(path, below)| {
        let mut source = Source::open(path, None).map_err(source_failure)?;
        let place = match (alone, below) {
            (Some(_), _) => Place::File(args.out.clone()),
            (None, Some(below)) if path.is_dir() => Place::Folder(args.out.join(below)),
            (None, _) => Place::Folder(args.out.clone()),
        };
        let target = Target { given: path.clone(), place, key };
        if args.skip_existing {
            let target = target.clone();
            source.pass_over(move |name| target.of(name).symlink_metadata().is_ok());
        }
        Ok((source, target))
    });
    places.collect()
}

/// The receiving end: counts and says.
#[derive(Default)]
struct Tally {
    counts: Counts,
    failures: u64,
    ignored: u64,
    existing: u64,
}

impl Tally {
    fn receive(&mut self, inspected: Inspected<Made>, voice: &Voice<'_>) -> Result<(), Failure> {
        let Inspected { path, result } = inspected;
        match result {
            Ok(Made::Copy(counts)) => self.counts.add(counts),
            Ok(Made::Refused(error)) => {
                self.failures += 1;
                voice.note(&path, &Note::Unreadable(error.into()));
            }
            Ok(Made::Unwritten(path, error)) => return Err(unwritable(&path, &error)),
            Err(note) => {
                self.failures += u64::from(!matches!(&note, Note::Skipped(fault) if !fault.is_loss()));
                voice.note(&path, &note);
            }
        }
        Ok(())
    }

    fn report(&self, args: &Args, context: &Context) -> Result<(), Failure> {
        let Self { counts: Counts { images, plates, faces, legible }, failures, ignored, existing } = *self;
        if context.json {
            let object = json!({
                "copies": images, "plates": plates, "faces": faces, "legible": legible,
                "failed": failures, "existing": existing, "ignored": ignored,
            });
            return json(&object).map_err(stdout_failed);
        }
        if context.quiet {
            return Ok(());
        }
        let mut words = vec![
            format!("{} in {}", count(images, "copy"), shown(&args.out)),
            format!("{} and {} blanked", count(plates, "plate"), count(faces, "face")),
        ];
        let more = [
            (legible, "left legible"),
            (existing, "there already"),
            (failures, "without a copy"),
            (ignored, "other files not copied"),
        ];
        words.extend(
            more.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{} {what}", grouped(*number))),
        );
        say(&words.join(" · "));
        Ok(())
    }
}
