//! `safelight check`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::remedies::stdout_failed;
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, ledger};
use crate::audit::Verb;
use crate::seal::Capability;
use crate::vault::{CheckReport, Note, check, check_deep};

/// Arguments of `check`.
#[derive(clap::Args)]
pub struct Args {
    /// The vault, or an export
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    /// Open every section that the keyring opens, and compare the records
    #[arg(long, requires = "custody")]
    deep: bool,
    /// The folder that holds the keyring, for --deep
    #[arg(long, value_name = "DIR", requires = "deep")]
    custody: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
}

/// Runs `check`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let report = match &args.custody {
        Some(custody) => {
            let mut keyring = args.unlock.open(custody)?;
            if keyring.has_dual_control() && args.second.are_given() {
                args.second.open(&mut keyring)?;
            }
            ledger::record_act(&keyring, Verb::Check, args.vault.to_string_lossy())?;
            check_deep(&args.vault, &keyring.opening_keys(&Capability::ALL))?
        }
        None => check(&args.vault)?,
    };
    let mut out = std::io::stdout().lock();
    let printed = if context.json {
        let summary = Summary::of(&report, args.deep);
        serde_json::to_writer_pretty(&mut out, &summary).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else {
        print(&mut out, &report, &args, context)
    };
    printed.map_err(stdout_failed)?;
    if report.is_sound() {
        return Ok(Outcome::Done);
    }
    let count = report.faults.len();
    Err(Failure::integrity(
        format!("the vault has {count} {}", if count == 1 { "fault" } else { "faults" }),
        "restore what is named from a backup of this vault, and check again",
    ))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    sound: bool,
    deep: bool,
    segments: u64,
    bytes: u64,
    journals: u64,
    captures: u64,
    expired_segments: u64,
    expired_sections: usize,
    unopened_sections: usize,
    faults: Vec<String>,
    notes: Vec<String>,
}

impl Summary {
    fn of(report: &CheckReport, deep: bool) -> Self {
        Self {
            sound: report.is_sound(),
            deep,
            segments: report.segments,
            bytes: report.bytes,
            journals: report.journals,
            captures: report.captures,
            expired_segments: report.expired,
            expired_sections: expired(report),
            unopened_sections: unopened(report),
            faults: report.faults.iter().map(ToString::to_string).collect(),
            notes: worth_telling(report).map(ToString::to_string).collect(),
        }
    }
}

fn print(out: &mut impl Write, report: &CheckReport, args: &Args, context: &Context) -> std::io::Result<()> {
    for fault in &report.faults {
        writeln!(out, "fault: {fault}")?;
    }
    if context.quiet {
        return Ok(());
    }
    for note in worth_telling(report) {
        writeln!(out, "note: {note}")?;
    }
    let counted = [
        (report.expired as usize, "segments have expired and are removed"),
        (expired(report), "sections have expired"),
        (unopened(report), "sections were not opened, because their keys are locked or elsewhere"),
    ];
    for (number, what) in counted.iter().filter(|(number, _)| *number > 0) {
        writeln!(out, "note: {number} {what}")?;
    }
    let CheckReport { segments, bytes, journals, captures, .. } = report;
    writeln!(out, "{segments} segments, {bytes} bytes, {journals} journals")?;
    if args.deep {
        writeln!(out, "{captures} captures opened")?;
    }
    if report.is_sound() {
        writeln!(out, "The vault is whole.")?;
    }
    Ok(())
}

/// All notes but those of sections, which are counted: there may be thousands.
fn worth_telling(report: &CheckReport) -> impl Iterator<Item = &Note> {
    report.notes.iter().filter(|note| !matches!(note, Note::Unopened { .. } | Note::Expired { .. }))
}

fn unopened(report: &CheckReport) -> usize {
    report.notes.iter().filter(|note| matches!(note, Note::Unopened { .. })).count()
}

fn expired(report: &CheckReport) -> usize {
    report.notes.iter().filter(|note| matches!(note, Note::Expired { .. })).count()
}
