//! `safelight redact`.

use std::fs;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::boxes;
use super::eyes::{EyesArgs, threads};
use super::ingest::source_failure;
use super::labels::LabelFormat;
use super::remedies::stdout_failed;
use super::target::{self, apart, unwritable};
use super::terminal::{Voice, chain, say, shown, stdout_is_terminal, to_stdout};
use super::trust::PinArgs;
use super::video;
use super::{Context, Failure, Outcome, Stop, interrupt};
use crate::capture::{Effort, PlateText, RegionKind};
use crate::files;
use crate::frame::{Format, Kind};
use crate::pipeline::{
    Boxes, Choice, Examined, EyesFactory, Look, Options, Progress, Source, SourceError, SourceImage, TrainedEyes,
    inspect, inspect_one,
};
use crate::redact::exif::Keep;
use crate::redact::{Manner, Style, Words};
use crate::seal;
use sealing::Sealing;
use tally::{Made, Tally, Wanted};

mod sealing;
mod tally;

/// Arguments of `redact`.
#[derive(clap::Args)]
#[command(after_help = "\
No key is needed, originals stay as they are, and without --vault nothing is sealed. Copies keep the format, which way up they are and \
the colours of the profile, and nothing else but what --keep names (in JPEG, PNG and WebP): no EXIF, no XMP, no thumbnail, no \
comment. A profile by tables, as of printers, is left out. A JPEG's copy has the original's own \
coefficients outside the blanked areas, but for CMYK, RGB and a few odd ones, which are coded anew; PNG, TIFF, BMP and JPEG XL keep every sample there, and WebP is written lossless. An \
animation's copy has all pictures, and a TIFF file's all pages, each examined; what is found on one picture of an animation is \
blanked on the five before and behind it, too. Gain maps, previews and other variants of a picture are left out.

Of a video every frame is examined. What is found in some frames is blanked in those between, too, and for 0.4 seconds before and \
after. A frame that cannot be examined becomes one colour, and is counted. Sound goes through as it is: voices, too. Names, dates, \
places and subtitles are left out. With --via ffmpeg the pictures are coded anew, as H.264, and what is no container of such gets another: clip.webm.mkv. With --vault, videos are not copied.

What cannot be examined has no copy and is named; other files are not copied. A copy gets its name when it is whole.

Exit codes: 0 all photographs have copies; 1 some could not be examined, read or treated, and are named; 2 the command line, \
a file or a folder is wrong; 130 interrupted.")]
pub struct Args {
    /// Photographs and videos, or folders of them; - for a photograph from stdin
    #[arg(required = true, value_name = "IN")]
    paths: Vec<PathBuf>,
    /// Folder for the copies, new or empty; for one photograph its copy's name; - for stdout
    #[arg(long, short, value_name = "OUT")]
    out: PathBuf,
    /// Go on in a folder that holds copies: what is there stays, and is named where this run would have made something else
    #[arg(long, conflicts_with = "rename")]
    skip_existing: bool,
    /// Blank plates only, or faces only, and heads with those
    #[arg(long, value_enum, value_name = "KIND")]
    only: Option<Only>,
    /// Leave a plate legible that is read as this, and no other; may be given again
    #[arg(long, value_name = "TEXT")]
    except_plate: Vec<String>,
    /// Leave what lies for the most part in this box: X,Y,WIDTH,HEIGHT in pixels of the stored picture, or a JSON file
    /// [[x, y, width, height], …] for all photographs or {"folder/name.jpg": [[x, y, width, height], …], …} for some
    #[arg(long, value_name = "BOX|FILE", allow_hyphen_values = true)]
    except_box: Vec<String>,
    /// Blank these areas too, given in the same forms
    #[arg(long, value_name = "BOX|FILE", allow_hyphen_values = true)]
    mask: Vec<String>,
    /// Leave what is less sure than this, 0 to 1 [default: all that is found is blanked]
    #[arg(long, value_name = "SCORE", value_parser = score)]
    threshold: Option<f32>,
    /// Colour of blanked areas
    #[arg(long, value_name = "RRGGBB", default_value = "808080", value_parser = color)]
    fill: [u8; 3],
    /// What faces on pictures that do not move become: one colour, or a mosaic or a blur of at most 4 x 4 means (and plates of one);
    /// SECURITY.md says what these tell
    #[arg(long, value_enum, value_name = "STYLE", default_value_t = Appearance::Solid)]
    style: Appearance,
    /// Keep of EXIF and XMP what says this, parted by commas; no copy has a thumbnail, a maker note or a serial number
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    keep: Vec<Kept>,
    /// Give files and folders other names, drawn at random: theirs may carry plates or names
    #[arg(long)]
    rename: bool,
    /// Write beside the copies where what was blanked lies, and never what a plate says
    #[arg(long, value_enum, value_name = "FORMAT")]
    labels: Option<LabelFormat>,
    /// Write a page with every copy small, the least sure first
    #[arg(long, value_name = "FILE.html")]
    contact_sheet: Option<PathBuf>,
    /// Seal the originals for the custodian in this vault, in the same pass
    #[arg(long, value_name = "DIR", requires = "pack")]
    vault: Option<PathBuf>,
    /// Site pack from the custodian, for --vault
    #[arg(long, value_name = "FILE", requires = "vault")]
    pack: Option<PathBuf>,
    /// The vault may be a new one, although this site has sealed into another one
    #[arg(long, requires = "vault")]
    new: bool,
    /// What reads and writes videos that are no AVI files of Motion JPEG, which need nothing
    #[arg(long, value_enum, value_name = "PROGRAM")]
    via: Option<video::Via>,
    /// Threads that look at photographs [default: one for each processor]
    #[arg(long, short, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pin: PinArgs,
    #[command(flatten)]
    eyes: EyesArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Plates,
    Faces,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Appearance {
    Solid,
    Pixelate,
    Blur,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kept {
    /// When it was taken
    Time,
    /// Where
    Gps,
    /// With what: make, model, lens, exposure
    Camera,
    /// How a panorama lies on the sphere, for viewers of JPEGs
    Panorama,
}

fn score(text: &str) -> Result<f32, String> {
    let score: Option<f32> = text.parse().ok();
    score.filter(|score| (0.0..=1.0).contains(score)).ok_or_else(|| "a number from 0 to 1 is wanted".to_owned())
}

fn color(text: &str) -> Result<[u8; 3], String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = if digits.len() == 6 { u32::from_str_radix(digits, 16).ok() } else { None };
    let [_, rgb @ ..] = number.ok_or("six hexadecimal digits are wanted, as in 808080")?.to_be_bytes();
    Ok(rgb)
}

/// What the command line says of it.
fn choice(args: &Args) -> Result<Choice, Failure> {
    let legible = args.except_plate.iter().map(|text| {
        PlateText::canonical(text).ok_or_else(|| {
            Failure::usage(
                "a text given with --except-plate is no plate's",
                "give its letters and digits as they are read",
            )
        })
    });
    let only = args.only.map(|only| match only {
        Only::Plates => RegionKind::Plate,
        Only::Faces => RegionKind::Face,
    });
    let style = match args.style {
        Appearance::Solid => Style::Solid,
        Appearance::Pixelate => Style::Pixelate,
        Appearance::Blur => Style::Blur,
    };
    let keeps = |what| args.keep.contains(&what);
    let exif = Keep { time: keeps(Kept::Time), gps: keeps(Kept::Gps), camera: keeps(Kept::Camera), everything: false };
    let words = Words { exif, panorama: keeps(Kept::Panorama) };
    Ok(Choice {
        only,
        legible: legible.collect::<Result<_, _>>()?,
        threshold: args.threshold.unwrap_or(0.0),
        mask: boxes::read(&args.mask, "--mask")?,
        except: boxes::read(&args.except_box, "--except-box")?,
        style,
        manner: Manner { fill: args.fill, words },
    })
}

/// Runs `redact`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let stop = interrupt::stop_flag()?;
    let choice = choice(&args)?;
    let standard = Path::new("-");
    if args.paths.iter().any(|path| path == standard) || args.out == standard {
        return one(&args, &choice, context);
    }
    let labels = args.labels.and_then(LabelFormat::name).filter(|_| !args.skip_existing);
    let labels = labels.map(|name| if args.out.is_dir() { args.out.join(name) } else { args.out.with_file_name(name) });
    for beside in labels.iter().chain(&args.contact_sheet) {
        // In a folder that is yet to be made, nothing is.
        let is_to_be = beside.starts_with(&args.out) && !args.out.exists();
        if is_to_be { target::must_lie_outside(beside)? } else { target::must_be_new(beside)? }
    }
    let mut targets = targets(&args)?;
    let ffmpeg = args.via.map(|via| via.find(&stop)).transpose()?;
    let nets = args.eyes.nets(Effort::Fast)?;
    let defaults = Options::default();
    let options = Options { workers: args.jobs.unwrap_or(defaults.workers), ..defaults };
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(&nets)) };
    let wanted = Wanted::of(&args);
    let mut tally = Tally::new(&args, &choice);
    let mut sealing = Sealing::begin(&args, targets.iter().map(|(source, _)| source), context)?;
    let into_folder = targets.iter().any(|(_, target)| matches!(target.place, Place::Folder(..)));
    let _held = into_folder.then(|| target::Held::new(&args.out)).transpose()?;
    let job = Job { choice: &choice, wanted, eyes: &eyes, options: &options, stop: &stop, context };
    let desk = video::Desk { choice: &choice, eyes: &eyes, options: &options, stop: &stop, ffmpeg, context };
    let mut ended = Ok(());
    for (source, target) in &mut targets {
        ended = match &mut sealing {
            Some(sealing) => sealing.copy(source, target, &job, &mut tally),
            None => copy(source, target, &job, &mut tally).and_then(|()| {
                tally.films.copy(
                    &desk,
                    |path| source.name(path),
                    |name| target.listed(name),
                    |name| target.of(name),
                    target.may_exist,
                )
            }),
        };
        tally.ignored += source.ignored();
        if source.ignored() > 0 && target.given.is_file() {
            tally.complaints += 1;
            say(&format!("{}: no copy: neither a picture nor a video by its content", shown(&target.given)));
        }
        if ended.is_err() {
            break;
        }
    }
    // What was handed to the vault is made durable, whatever befell a copy.
    let sealed = sealing.map_or(Ok(()), |sealing| sealing.finish());
    let interrupted = stop.load(Ordering::Relaxed);
    if ended.is_ok() && sealed.is_ok() && !interrupted {
        let folder = match &targets[..] {
            [(_, Target { place: Place::File(path), .. })] => path.parent().unwrap_or(Path::new("")),
            _ => args.out.as_path(),
        };
        tally.write(&args, folder)?;
        if args.skip_existing && args.out.is_dir() {
            tally.known.extend(std::mem::take(&mut tally.films.places));
            tally.name_strangers(&args.out);
        }
    }
    tally.report(&args, &choice, context)?;
    ended.and(sealed).map_err(|failure| go_on(failure, &args))?;
    if interrupted {
        return Err(Failure::new(
            Stop::Interrupted,
            format!("interrupted; {} made", tally.copies()),
            if args.rename {
                "run it again into a new folder"
            } else {
                "run the same command again with --skip-existing"
            },
        ));
    }
    Ok(if tally.failures + tally.complaints + tally.films.failures + tally.films.flawed == 0 {
        Outcome::Done
    } else {
        Outcome::SomeFailed
    })
}

/// The same failure, of a run that has made copies: by the same command alone it would find its own.
fn go_on(failure: Failure, args: &Args) -> Failure {
    let again = match (args.out.is_dir(), args.rename) {
        (false, _) => return failure,
        (true, true) => "into a new folder",
        (true, false) => "with --skip-existing",
    };
    let remedy = failure.remedy.replace("run it again", &format!("run it again {again}"));
    Failure { remedy, ..failure }
}

/// What is done with each photograph of a run.
struct Job<'j> {
    choice: &'j Choice,
    wanted: Wanted,
    eyes: &'j EyesFactory<'j>,
    options: &'j Options,
    stop: &'j AtomicBool,
    context: &'j Context,
}

/// Makes the copies of all photographs of one input.
fn copy(source: &mut Source, target: &Target, job: &Job<'_>, tally: &mut Tally) -> Result<(), Failure> {
    let voice = Voice::new(job.context, &target.given);
    let make = |image: &SourceImage, examined: Examined<'_>| target.write(image, job.choice, job.wanted, examined);
    let received = inspect(source, job.eyes, job.options, job.stop, make, |inspected| {
        voice.image();
        tally.receive(inspected, &voice)
    });
    voice.finish();
    received
}

/// Stdin, or one file, to stdout or to one file.
fn one(args: &Args, choice: &Choice, context: &Context) -> Result<Outcome, Failure> {
    let [path] = args.paths.as_slice() else {
        return Err(Failure::usage("- stands for one photograph", "give no other path with it"));
    };
    if args.labels.is_some() || args.contact_sheet.is_some() || args.vault.is_some() {
        return Err(Failure::usage(
            "--labels, --contact-sheet and --vault want files, and - is none",
            "name the photograph and its copy",
        ));
    }
    let (from_stdin, to_out) = (path == Path::new("-"), args.out == Path::new("-"));
    if !to_out {
        target::must_be_new(&args.out)?;
    }
    let options = Options::default();
    let name = if from_stdin { "stdin".to_owned() } else { shown(path) };
    // As in a run to a file: what boxes are called there.
    let listed = path.file_name().map_or(path.as_path(), Path::new);
    if let Some(other) = choice.mask.names().chain(choice.except.names()).find(|named| *named != listed) {
        return Err(Failure::usage(
            format!("boxes were given for {}, and there is {name} alone", shown(other)),
            format!("give them without names, as [[x, y, width, height], …], or for \"{}\" only", shown(listed)),
        ));
    }
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if from_stdin {
            io::stdin().lock().take(options.max_file_bytes + 1).read_to_end(&mut bytes)?;
        } else {
            bytes = files::read(path, options.max_file_bytes)?;
        }
        if bytes.len() as u64 > options.max_file_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    };
    let file =
        read().map_err(|error| Failure::usage(format!("{name} cannot be read: {error}"), "give one photograph"))?;
    if let Kind::Video(kind) = Kind::sniff(&file) {
        return Err(Failure::usage(
            format!("{name} is a video ({kind}), and - stands for photographs"),
            "name the video and its copy",
        ));
    }
    if !to_out {
        must_fit(&args.out, &file)?;
    }
    let nets = args.eyes.nets(Effort::Fast)?;
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(&nets)) };
    let made = inspect_one(&file, &eyes, &options, |examined| choice.copy(listed, examined));
    let copy = match made {
        Ok(Ok(copy)) => copy,
        Ok(Err(error)) => return refused(&name, &error),
        Err(error) => return refused(&name, &error),
    };
    if to_out && stdout_is_terminal() {
        return Err(Failure::usage("a picture is no text for a terminal", "redirect stdout, or name a file with -o"));
    }
    if to_out {
        to_stdout(&copy.bytes).map_err(stdout_failed)?;
    } else {
        write_new(&args.out, &copy.bytes).map_err(|error| unwritable(&args.out, &error))?;
        let mut tally = Tally::new(args, choice);
        tally.made(&copy, Format::sniff(&file), Wanted::of(args));
        tally.report(args, choice, context)?;
    }
    Ok(Outcome::Done)
}

/// Whether a copy's name may be that of what begins with `head`: a copy has its original's format, and no other's name.
fn must_fit(out: &Path, head: &[u8]) -> Result<(), Failure> {
    let named = out.extension().and_then(|extension| extension.to_str()).filter(|named| Format::claims(named));
    let (Some(format), Some(named)) = (Format::sniff(head), named) else { return Ok(()) };
    let format = format.of_copy();
    let fitting = format.extensions();
    if fitting.iter().any(|extension| extension.eq_ignore_ascii_case(named)) {
        return Ok(());
    }
    Err(Failure::usage(
        format!(
            "{} would be a {format} file: copies keep the format of their original, but for HEIC and AVIF",
            shown(out)
        ),
        format!("name it {}", shown(&out.with_extension(fitting[0]))),
    ))
}

/// The one photograph has no copy, and nothing was written.
fn refused(name: &str, error: &dyn std::error::Error) -> Result<Outcome, Failure> {
    say(&format!("{name}: {}", chain(error)));
    Ok(Outcome::SomeFailed)
}

/// Where copies of one input go.
struct Target {
    /// As given.
    given: PathBuf,
    /// The folder of all copies.
    out: PathBuf,
    place: Place,
    /// Random, for new names.
    key: Option<[u8; 32]>,
    /// Whether copies may be there already.
    may_exist: bool,
}

enum Place {
    /// Below this folder, each under its own name, or the one under this.
    Folder(PathBuf, Option<PathBuf>),
    /// Here.
    File(PathBuf),
}

impl Target {
    /// Where the copy of the image `name` goes.
    fn of(&self, name: &Path) -> PathBuf {
        let (folder, name) = match &self.place {
            Place::File(path) => return path.clone(),
            Place::Folder(folder, own) => (folder, own.as_deref().unwrap_or(name)),
        };
        let Some(key) = &self.key else { return folder.join(name) };
        let mut path = self.out.clone();
        // With the name of the input, where there are several.
        let below = folder.strip_prefix(&self.out).unwrap_or(Path::new("")).join(name);
        let mut parts = below.components().map(|part| Path::new(part.as_os_str())).peekable();
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

    /// What the image `name` is called in files of boxes: as its copy is below the folder of all copies, before new names.
    fn listed(&self, name: &Path) -> PathBuf {
        match &self.place {
            Place::File(_) => name.to_owned(),
            Place::Folder(folder, own) => {
                folder.strip_prefix(&self.out).unwrap_or(Path::new("")).join(own.as_deref().unwrap_or(name))
            }
        }
    }

    /// The boxes of images that go here, by what those are called in their source.
    fn own(&self, boxes: &Boxes) -> Boxes {
        let (Boxes::ByName(named), Place::Folder(folder, own)) = (boxes, &self.place) else { return boxes.clone() };
        let prefix = folder.strip_prefix(&self.out).unwrap_or(Path::new(""));
        let here = named.iter().filter_map(|(listed, boxes)| {
            let name = listed.strip_prefix(prefix).ok()?;
            let in_source = match own {
                None => name,
                Some(own) => Path::new(self.given.file_name().filter(|_| name == own)?),
            };
            Some((in_source.to_owned(), boxes.clone()))
        });
        Boxes::ByName(here.collect())
    }

    /// Makes and writes the copy of one image.
    fn write(&self, image: &SourceImage, choice: &Choice, wanted: Wanted, examined: Examined<'_>) -> Made {
        let format = examined.frame.format();
        let listed = self.listed(&image.name);
        let copy = match choice.copy(&listed, examined) {
            Ok(copy) => copy,
            Err(error) => return Made::Refused(error),
        };
        let mut path = self.of(&image.name);
        if format.of_copy() != format && matches!(self.place, Place::Folder(..)) {
            // Behind its own name, so that what was IMG_1.HEIC is found, and does not meet an IMG_1.jpg.
            path.as_mut_os_string().push(format!(".{}", format.of_copy().extensions()[0]));
        }
        let below = path.strip_prefix(&self.out).ok().filter(|below| !below.as_os_str().is_empty());
        let below = below.or(path.file_name().map(Path::new)).unwrap_or(&path);
        let done = || Box::new(wanted.done(&copy, format, &listed, &path, below));
        // Which options and which nets made what is there, or whether it was made at all, its bytes alone tell.
        let compared = || match files::read_own(&path, copy.bytes.len() as u64) {
            Ok(there) if there == copy.bytes => Made::There(done()),
            _ if target::is_same(&path, &image.path) => Made::Original(path.clone()),
            _ => Made::Another(path.clone()),
        };
        if self.may_exist && path.symlink_metadata().is_ok() {
            return compared();
        }
        match write_new(&path, &copy.bytes) {
            Ok(()) => Made::Copy(done()),
            // Another run, or something else, came between.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_file() => compared(),
            Err(error) => Made::Unwritten(path, error),
        }
    }
}

/// Writes a file that is not there, which has its name only when it is whole.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = target::stage(path)?;
    file.write_all(bytes)?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

/// Inputs with the places of their copies, all of it checked before the first is looked at.
fn targets(args: &Args) -> Result<Vec<(Source, Target)>, Failure> {
    for path in &args.paths {
        fs::metadata(path).map_err(|source| source_failure(SourceError::Open { path: path.clone(), source }))?;
    }
    target::must_be_elsewhere(&args.out, &args.paths)?;
    let key = args.rename.then(seal::random);
    let named_as_folder = args.out.as_os_str().as_encoded_bytes().ends_with(b"/");
    let alone = match args.paths.as_slice() {
        [path] if path.is_file() && !args.out.is_dir() && !named_as_folder => Some(path),
        _ => None,
    };
    if let Some(path) = alone {
        if !(args.skip_existing && args.out.is_file()) {
            target::must_be_new(&args.out)?;
        }
        // What cannot be read is named later on.
        let head = files::begin(path, Kind::SNIFFED_BYTES as u64).unwrap_or_default();
        must_fit(&args.out, &head)?;
        video::must_fit(&args.out, path, &head)?;
    } else if alone.is_none() {
        target::must_be_empty(&args.out, args.skip_existing)?;
        if args.skip_existing {
            target::must_hold_copies_only(&args.out)?;
        }
    }
    let places = args.paths.iter().zip(apart(&args.paths)).map(|(path, below)| {
        let source = Source::open(path, None).map_err(source_failure)?;
        let place = match (alone, below) {
            (Some(_), _) => Place::File(args.out.clone()),
            (None, Some(below)) if path.is_dir() => Place::Folder(args.out.join(below), None),
            (None, own) => Place::Folder(args.out.clone(), own),
        };
        let (given, out) = (path.clone(), args.out.clone());
        Ok((source, Target { given, out, place, key, may_exist: args.skip_existing }))
    });
    places.collect()
}
