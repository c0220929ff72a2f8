//! `safelight simulate`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::remedies::stdout_failed;
use super::terminal::{Page, count, json_line, shown};
use super::{Context, Failure, Outcome, Stop, target};
use crate::geometry::Size;
use crate::simulate::produce::{self, Content, Order, SimulateError};
use crate::simulate::world::Scenario;

/// Arguments of `simulate`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder for the pictures, truth.jsonl and captures.csv; new, empty, or an earlier simulation
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many pictures
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200)]
    count: u64,
    /// Draw one film of N frames instead, clip.avi, with sound: vehicles drive, people walk, and truth.jsonl has a line for each
    /// frame
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), conflicts_with_all = ["count", "plates_only", "scenario"])]
    video: Option<u64>,
    /// Decides everything: the same seed draws the same pictures on any machine
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// What the pictures are like
    #[arg(long, value_enum, default_value_t = ScenarioName::Mixed)]
    scenario: ScenarioName,
    /// Pixels across and down
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = parse_size)]
    size: Size,
    /// First of the six weeks' days
    #[arg(long, value_name = "DATE", default_value = "2019-04-01")]
    start: jiff::civil::Date,
    /// Threads; 0 for one a core
    #[arg(long, value_name = "J", default_value_t = 0)]
    jobs: usize,
    /// Draw plates alone with their texts, to train a reader with
    #[arg(long, hide = true)]
    plates_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScenarioName {
    /// One port, its lanes, six weeks, returning travellers: the proportions of the 2019 breach
    SixWeeks,
    /// Any place, any light, plates from anywhere
    Mixed,
}

fn parse_size(text: &str) -> Result<Size, String> {
    let (w, h) = text.split_once('x').ok_or("write it as WIDTHxHEIGHT, for example 1280x720")?;
    let side = |s: &str| match s.parse::<u32>() {
        Ok(n) if (64..=8192).contains(&n) => Ok(n),
        _ => Err("both sides must be whole numbers from 64 to 8192".to_owned()),
    };
    Ok(Size::new(side(w)?, side(h)?))
}

/// Runs `simulate`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let order = Order {
        count: args.video.unwrap_or(args.count),
        seed: args.seed,
        content: match (args.plates_only, args.scenario) {
            _ if args.video.is_some() => Content::Film,
            (true, _) => Content::Plates,
            (false, ScenarioName::SixWeeks) => Content::Pictures(Scenario::SixWeeks),
            (false, ScenarioName::Mixed) => Content::Pictures(Scenario::Mixed),
        },
        size: args.size,
        start: args.start,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.jobs)
        .build()
        .map_err(|e| Failure::new(Stop::Internal, format!("cannot start threads: {e}"), "use fewer --jobs"))?;
    let bar = if context.shows_progress() { ProgressBar::new(order.count) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("{bar:32} {pos}/{len} pictures  {per_sec}  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    if context.shows_progress() {
        // Nothing flickers up for a run that is over at once.
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    }
    let began = Instant::now();
    target::must_lie_outside(&args.out)?;
    produce::prepare(&args.out).map_err(explain)?;
    let produced = pool.install(|| produce::produce(&order, &args.out, &|| bar.inc(1))).map_err(explain)?;
    bar.finish_and_clear();
    let seconds = began.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    let rate = produced.images as f64 / seconds;
    if context.json {
        json_line(&serde_json::json!({
            "images": produced.images,
            "plates": produced.plates,
            "faces": produced.faces,
            "bytes": produced.bytes,
            "seconds": seconds,
            "images_per_second": rate,
        }))
        .map_err(stdout_failed)?;
    } else if !context.quiet {
        let mut out = Page::default();
        writeln!(
            out,
            "{}, {}, {}, {:.1} MB in {seconds:.1} s: {rate:.1} images/s on {}",
            count(produced.images, "picture"),
            count(produced.plates, "plate"),
            count(produced.faces, "face"),
            produced.bytes as f64 / 1e6,
            count(pool.current_num_threads() as u64, "thread"),
        )
        .and_then(|()| writeln!(out, "{}", shown(&args.out)))
        .map_err(stdout_failed)?;
    }
    Ok(Outcome::Done)
}

fn explain(error: SimulateError) -> Failure {
    match error {
        error @ SimulateError::Occupied { .. } => {
            Failure::usage(error.to_string(), "name a new folder with --out; nothing in this one was changed")
        }
        SimulateError::Write { path, source } => Failure::usage(
            format!("cannot write {}: {source}", path.display()),
            "check that the folder may be written and the disk has room",
        ),
        other => Failure::new(Stop::Internal, other.to_string(), "use a --size of at most 8192x8192"),
    }
}
