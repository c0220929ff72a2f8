//! `safelight inspect`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::eyes::{EyesArgs, threads};
use super::ingest::source_failure;
use super::overlay::{Overlay, OverlayError};
use super::remedies::stdout_failed;
use super::terminal::{Page, chain, count, ending, json_line, say, say_note, shown};
use super::{Context, Failure, Outcome, Stop, interrupt, target};
use crate::capture::{Effort, Region, RegionKind};
use crate::frame::LumaSource;
use crate::geometry::Size;
use crate::pipeline::{Examined, Inspected, Look, Looked, Note, Options, Source, SourceImage, TrainedEyes, inspect};
use crate::redact::{Area, covered, pieces};

/// Arguments of `inspect`.
#[derive(clap::Args)]
#[command(after_help = "\
Nothing is sealed and nothing is kept, but what you ask for: the table and the JSON lines show plates in clear, and the \
overlay format writes copies of the photographs that show people and plates. They are for your eyes only; delete them \
when you have looked.

Of an animation, and of a TIFF file of several pages, every picture is looked at: the table adds them up, and the JSON lines have \
those behind the first under \"further\". An overlay shows the first.

Exit codes: 0 all images could be examined; 1 some could not, and are named; 2 the command line is wrong; 130 interrupted.")]
pub struct Args {
    /// Photographs, or folders of them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How to show what was found [default: table, or jsonl with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Folder for the copies of --format overlay: new or empty, and not one of the folders inspected
    #[arg(long, value_name = "DIR", required_if_eq("format", "overlay"))]
    out: Option<PathBuf>,
    /// Threads that look at images [default: one for each processor]
    #[arg(long, short, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    eyes: EyesArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line of text for each image
    Table,
    /// A JSON object for each image
    Jsonl,
    /// A copy of each image with boxes, texts and blanked areas drawn on it
    Overlay,
}

/// What one image's line needs, made on a worker.
struct Shown {
    name: PathBuf,
    size: Size,
    regions: Vec<Region>,
    areas: Vec<Area>,
    /// The pictures behind the first, of a file that holds several.
    further: Vec<Looked>,
    /// How drawing went, where a copy was asked for.
    drawn: Result<(), OverlayError>,
}

/// Runs `inspect`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let stop = interrupt::stop_flag()?;
    if context.json && args.format.is_some_and(|format| format != Format::Jsonl) {
        return Err(Failure::usage(
            "--json is --format jsonl, and another format was given too",
            "leave one of them out",
        ));
    }
    // All of them, before the first is looked at.
    let mut sources = args
        .paths
        .iter()
        .map(|path| Source::open(path, None))
        .collect::<Result<Vec<_>, _>>()
        .map_err(source_failure)?;
    let nets = args.eyes.nets(Effort::Fast)?;
    let defaults = Options::default();
    let options = Options { workers: args.jobs.unwrap_or(defaults.workers), ..defaults };
    let format = args.format.unwrap_or(if context.json { Format::Jsonl } else { Format::Table });
    let overlay = match (format, &args.out) {
        (Format::Overlay, Some(out)) => Some(make_overlay(out, &args.paths)?),
        _ => None,
    };
    if format == Format::Table && !context.quiet {
        print_row(["PATH", "PIXELS", "BLANKED", "FACES", "HEADS", "PLATES"])?;
    }
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(&nets)) };
    let mut tally = Tally { format, context, images: 0, failures: 0 };
    for ((path, source), copies) in args.paths.iter().zip(&mut sources).zip(target::apart(&args.paths)) {
        let show = |image: &SourceImage, examined: Examined<'_>| {
            show(image, examined, path, copies.as_deref(), overlay.as_ref())
        };
        inspect(source, &eyes, &options, &stop, show, |inspected| tally.receive(inspected))?;
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::new(Stop::Interrupted, "interrupted", "run the same command again"));
    }
    if let (Some(_), Some(out), false) = (overlay, &args.out, context.quiet) {
        say(&format!(
            "{} drawn into {}; they show people: delete them when you have looked",
            count(tally.images, "overlay"),
            shown(out)
        ));
    }
    if tally.images == 0 && tally.failures == 0 && !context.quiet {
        say("no images there");
    }
    Ok(if tally.failures == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// A folder for copies that no later ingest will take for photographs.
fn make_overlay(out: &Path, sources: &[PathBuf]) -> Result<Overlay, Failure> {
    target::must_be_elsewhere(out, sources)?;
    target::must_be_empty(out, false)?;
    fs::create_dir_all(out).map_err(|error| {
        Failure::usage(
            format!("{} cannot be made: {error}", shown(out)),
            "give a folder that you may write to with --out",
        )
    })?;
    Ok(Overlay::new(out))
}

fn show(
    image: &SourceImage,
    examined: Examined<'_>,
    given: &Path,
    copies: Option<&Path>,
    overlay: Option<&Overlay>,
) -> Shown {
    let Examined { file, frame, regions, areas, further, .. } = examined;
    // As it was given; and so that each of several folders' images can be told from another's.
    let name = match copies {
        _ if image.path == given => given.to_owned(),
        Some(_) => given.join(&image.name),
        None => image.name.clone(),
    };
    let size = frame.size();
    let drawn = overlay.map_or(Ok(()), |overlay| {
        let copy = match copies {
            None => image.name.clone(),
            Some(copies) if image.path == given => copies.to_owned(),
            Some(copies) => copies.join(&image.name),
        };
        overlay.draw(&copy, &image.path, file, frame, &regions, &areas)
    });
    Shown { name, size, regions, areas, further, drawn }
}

/// The receiving end: prints and counts.
struct Tally<'c> {
    format: Format,
    context: &'c Context,
    images: u64,
    failures: u64,
}

impl Tally<'_> {
    fn receive(&mut self, inspected: Inspected<Shown>) -> Result<(), Failure> {
        let Inspected { path, result } = inspected;
        let shown = match result {
            Ok(shown) => shown,
            Err(note) => {
                self.failures += u64::from(!matches!(&note, Note::Skipped(fault) if !fault.is_loss()));
                say_note(self.context, &path, &note);
                return Ok(());
            }
        };
        if let Err(error) = &shown.drawn {
            return Err(Failure::usage(chain(error), "give a folder with room that you may write to with --out"));
        }
        self.images += 1;
        match self.format {
            Format::Table => print_image(&shown),
            Format::Jsonl => print_line(&shown),
            Format::Overlay => Ok(()),
        }
    }
}

fn print_image(seen: &Shown) -> Result<(), Failure> {
    let Shown { name, size, regions, areas, further, .. } = seen;
    let hidden = |areas: &[Area]| covered(&pieces(areas));
    let all = further.iter().map(|looked| (hidden(&looked.areas), looked.size.pixels()));
    let (blank, whole) = all.fold((hidden(areas), size.pixels()), |sums, next| (sums.0 + next.0, sums.1 + next.1));
    let share = blank as f64 / whole as f64 * 100.0;
    let regions: Vec<&Region> = regions.iter().chain(further.iter().flat_map(|looked| &looked.regions)).collect();
    let of = |kind| regions.iter().filter(|region| region.kind == kind).count().to_string();
    let (faces, heads) = (of(RegionKind::Face), of(RegionKind::Head));
    let mut plates: Vec<String> =
        regions.iter().filter(|region| region.kind == RegionKind::Plate).map(|region| plate_words(region)).collect();
    // The same on many pictures is said once.
    let mut said = HashSet::new();
    plates.retain(|plate| further.is_empty() || said.insert(plate.clone()));
    let pixels = match further.len() {
        0 => format!("{}x{}", size.width, size.height),
        more => format!("{}x{} x{}", size.width, size.height, more + 1),
    };
    let plates = if plates.is_empty() { "-".to_owned() } else { plates.join(", ") };
    print_row([&ending(&shown(name), PATH_WIDTH), &pixels, &format!("{share:.1} %"), &faces, &heads, &plates])
}

/// Columns of the table's first: longer paths lose their beginning, and --json has them whole.
const PATH_WIDTH: usize = 46;

fn print_row([path, pixels, blanked, faces, heads, plates]: [&str; 6]) -> Result<(), Failure> {
    writeln!(Page::default(), "{path:<PATH_WIDTH$}  {pixels:>11}  {blanked:>7}  {faces:>5}  {heads:>5}  {plates}")
        .map_err(stdout_failed)
}

/// What a plate says and how sure that is, or that there is one.
pub fn plate_words(region: &Region) -> String {
    let percent = |share: f32| (share * 100.0).round();
    match region.reading.as_ref().and_then(|reading| reading.candidates.first()) {
        Some(best) => format!("{} ({} %)", best.text.expose(), percent(best.probability)),
        None => format!("unread ({} %)", percent(region.score)),
    }
}

/// One image of `--format jsonl`.
#[derive(Serialize)]
struct ImageLine<'s> {
    path: Cow<'s, str>,
    #[serde(flatten)]
    picture: PictureLine<'s>,
    /// The pictures behind the first, of a file that holds several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    further: Vec<PictureLine<'s>>,
}

/// One picture of it.
#[derive(Serialize)]
struct PictureLine<'s> {
    width: u32,
    height: u32,
    regions: Vec<RegionLine<'s>>,
    redacted: Vec<[u32; 4]>,
}

#[derive(Serialize)]
struct RegionLine<'s> {
    kind: &'static str,
    #[serde(rename = "box")]
    bounds: [f64; 4],
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_score: Option<f64>,
}

fn print_line(seen: &Shown) -> Result<(), Failure> {
    let Shown { name, size, regions, areas, further, .. } = seen;
    let line = ImageLine {
        path: name.to_string_lossy(),
        picture: picture_line(*size, regions, areas),
        further: further.iter().map(|looked| picture_line(looked.size, &looked.regions, &looked.areas)).collect(),
    };
    json_line(&line).map_err(stdout_failed)
}

fn picture_line<'s>(size: Size, regions: &'s [Region], areas: &[Area]) -> PictureLine<'s> {
    // Two decimals of a pixel, four of a share: all that there is in them.
    let rounded = |value: f32, unit: f64| (f64::from(value) * unit).round() / unit;
    let regions = regions
        .iter()
        .map(|region| {
            let b = region.bounds;
            let best = region.reading.as_ref().and_then(|reading| reading.candidates.first());
            RegionLine {
                kind: region.kind.name(),
                bounds: [b.x, b.y, b.w, b.h].map(|v| rounded(v, 100.0)),
                score: rounded(region.score, 1e4),
                text: best.map(|best| best.text.expose()),
                text_score: best.map(|best| rounded(best.probability, 1e4)),
            }
        })
        .collect();
    PictureLine {
        width: size.width,
        height: size.height,
        regions,
        redacted: pieces(areas).iter().map(|piece| [piece.x, piece.y, piece.w, piece.h]).collect(),
    }
}
