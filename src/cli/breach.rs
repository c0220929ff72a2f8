//! `safelight breach`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Context, Failure, Outcome, Stop};
use crate::breach::{self, Assessment, Attack, BreachError, Evidence, Plan, Sample, Truth, Verdict, counted};
use crate::report;

/// Arguments of `breach`.
#[derive(clap::Args)]
pub struct Args {
    /// The stolen folder or file: a vault, an export, photographs, anything
    stolen: PathBuf,
    /// The truth behind the pictures, to search for; a captures.csv beside it is read too
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Seconds that cracking hashes may take
    #[arg(long, value_name = "N", default_value_t = 30)]
    seconds: u64,
    /// Write a report as one HTML file; it never holds a picture
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Show in full what was obtained; without it, all but first and last characters are hidden
    #[arg(long)]
    show_findings: bool,
}

/// Runs `breach`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let truth = args.truth.as_deref().map(Truth::read).transpose().map_err(failure)?;
    let budget = breach::Budget { time: Duration::from_secs(args.seconds), ..Default::default() };
    let plan = Plan { truth: truth.as_ref(), budget, ..Plan::default() };
    let bar = progress_bar(context);
    let assessment = breach::attack(&args.stolen, &plan, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .map_err(failure)?;
    bar.finish_and_clear();

    let mut out = std::io::stdout().lock();
    let printed = if context.json {
        let summary = Summary::of(&assessment);
        serde_json::to_writer_pretty(&mut out, &summary).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else {
        print(&mut out, &assessment, args.show_findings)
    };
    printed.map_err(|e| {
        Failure::new(Stop::Internal, format!("cannot write the result: {e}"), "check where stdout goes")
    })?;
    if let Some(path) = &args.report {
        let command = format!("safelight breach{}", if truth.is_some() { " --truth" } else { "" });
        let page = report::of_folder(assessment, args.show_findings, command).html();
        std::fs::write(path, page).map_err(|e| {
            let problem = format!("cannot write the report {}: {e}", path.display());
            Failure::usage(problem, "name a file in a folder that you may write")
        })?;
    }
    Ok(Outcome::Done)
}

/// What `--json` prints: figures only, never what was obtained.
#[derive(Serialize)]
struct Summary<'a> {
    files: u64,
    bytes: u64,
    skipped: u64,
    seconds: f64,
    breached: bool,
    pictures: u64,
    thumbnails: u64,
    plates: u64,
    attacks: Vec<AttackSummary<'a>>,
}

#[derive(Serialize)]
struct AttackSummary<'a> {
    attack: Attack,
    verdict: Verdict,
    evidence: &'a Evidence,
}

impl<'a> Summary<'a> {
    fn of(assessment: &'a Assessment) -> Self {
        let attacks = assessment.findings.iter();
        Self {
            files: assessment.files,
            bytes: assessment.bytes,
            skipped: assessment.skipped,
            seconds: assessment.seconds,
            breached: assessment.is_breached(),
            pictures: assessment.pictures(),
            thumbnails: assessment.thumbnails(),
            plates: assessment.plates(),
            attacks: attacks
                .map(|f| AttackSummary { attack: f.attack, verdict: f.verdict, evidence: &f.evidence })
                .collect(),
        }
    }
}

fn print(out: &mut impl Write, assessment: &Assessment, show: bool) -> std::io::Result<()> {
    writeln!(
        out,
        "{} of {}, attacked for {:.1} s",
        counted(assessment.files, "file"),
        counted(assessment.bytes, "byte"),
        assessment.seconds
    )?;
    if assessment.skipped > 0 {
        writeln!(out, "{} could not be read and were left out", counted(assessment.skipped, "entry or part"))?;
    }
    for finding in &assessment.findings {
        writeln!(out, "  {:<29} {:<14} {}", finding.attack.name(), finding.verdict.name(), finding.evidence)?;
        for sample in finding.samples.iter().take(3) {
            if let Sample::Text(text) = sample {
                let line = text.lines().next().unwrap_or_default();
                writeln!(
                    out,
                    "  {:<29} {:<14} > {}",
                    "",
                    "",
                    if show { line.to_owned() } else { Sample::masked(line) }
                )?;
            }
        }
    }
    let verdict = if assessment.is_breached() {
        format!(
            "BREACHED: {}, {} and {}",
            counted(assessment.pictures(), "picture"),
            counted(assessment.thumbnails(), "thumbnail"),
            counted(assessment.plates(), "plate")
        )
    } else {
        "Nothing usable was obtained.".to_owned()
    };
    writeln!(out, "{verdict}")
}

/// Bytes examined, on a terminal only.
fn progress_bar(context: &Context) -> ProgressBar {
    if !context.shows_progress() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("attacking {wide_bar} {bytes}/{total_bytes}");
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

/// Problem and remedy for each way in which an attack cannot be carried out.
pub(super) fn failure(error: BreachError) -> Failure {
    let cause = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
    let problem = format!("{error}{cause}");
    match error {
        BreachError::Stolen { .. } => Failure::usage(problem, "name a folder or a file that you may read"),
        BreachError::Truth { .. } => Failure::usage(problem, "name the truth.jsonl that `safelight simulate` wrote"),
        BreachError::TruthLine { .. } => Failure::usage(
            problem,
            "each line is an object with `path` and `regions`, as `safelight simulate` writes it",
        ),
        BreachError::Captures { .. } => {
            Failure::usage(problem, "the file needs a header with `file` and `timestamp`; or move it away")
        }
        _ => Failure::new(Stop::Internal, problem, "search for less: cut the truth into parts"),
    }
}
