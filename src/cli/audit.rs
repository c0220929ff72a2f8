//! `safelight audit`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::remedies::stdout_failed;
use super::terminal::{Page, count, json, tell};
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, ledger, target};
use crate::audit::{AuditFault, AuditLog, AuditNote, AuditReport, Details, LogKey, Verification, verify};
use crate::custody::Keyring;
use crate::files;

mod show;

/// Arguments of `audit`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Verify the log: every entry, every hash, the signature, and that no day is missing. Needs no passphrase
    #[command(after_help = "\
An earlier checkpoint, kept where nobody who can write here can write, shows that the log was neither cut nor rewritten \
since: `safelight audit checkpoint -o FILE` prints one. An auditor elsewhere verifies a copy of the log with the key that \
`safelight audit key` prints.")]
    Verify {
        #[command(flatten)]
        log: LogArgs,
        /// Hold the log against this earlier checkpoint
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// The log must speak for all but the last N days
        #[arg(long, value_name = "N")]
        max_age: Option<u32>,
    },
    /// Print the newest checkpoint, to be kept elsewhere
    Checkpoint {
        #[command(flatten)]
        log: LogArgs,
        /// Sign until now first: failed unlocks that wait, and days without any entry. Needs the passphrase
        #[arg(long, conflicts_with = "log")]
        renew: bool,
        #[command(flatten)]
        unlock: UnlockArgs,
        /// Write it to FILE, which must not exist; - for stdout, as without
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the public key that the log is verified with
    Key {
        #[command(flatten)]
        log: LogArgs,
    },
    /// Show the entries, and what left on which day. Needs no passphrase, but for --details
    Show(show::Args),
    /// Destroy the keys of the details of past months. The entries stay, verifiable and mute
    #[command(after_help = "\
Months that the policy keeps (details_kept, a year unless it says otherwise) stay, by the time that the log itself has \
reached, whatever this machine's clock says. Where there is a second holder it takes both.")]
    Forget {
        /// The folder that holds the keyring and the log
        #[arg(long, value_name = "DIR")]
        custody: PathBuf,
        #[command(flatten)]
        unlock: UnlockArgs,
        #[command(flatten)]
        second: SecondArgs,
        /// All months before this one: 2026-11
        #[arg(long, value_name = "MONTH", value_parser = month)]
        before: crate::custody::Month,
    },
}

/// Where the log is, and whose it must be.
#[derive(clap::Args)]
struct LogArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The custodian's key, as `safelight audit key` prints it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct PlaceArgs {
    /// The folder that holds the keyring and the log
    #[arg(long, value_name = "DIR")]
    custody: Option<PathBuf>,
    /// A copy of the log alone, which needs --key
    #[arg(long, value_name = "DIR", requires = "key")]
    log: Option<PathBuf>,
}

impl LogArgs {
    /// The log's folder and key.
    fn place(&self) -> Result<(PathBuf, LogKey), Failure> {
        let PlaceArgs { custody, log } = &self.place;
        let folder = match (log, custody) {
            (Some(log), _) => log.clone(),
            (None, Some(custody)) => AuditLog::of(custody).folder().to_owned(),
            (None, None) => return Err(Failure::usage("no log was named", "give --custody or --log")),
        };
        let key = match (&self.key, custody) {
            (Some(path), _) => read_key(path)?,
            (None, Some(custody)) => {
                // The log brings its key along; the keyring's own name says whether it is the right one.
                let custody = Keyring::custody_of(custody)?;
                AuditLog::key_beside(&folder, custody).ok_or_else(|| {
                    Failure::integrity(
                        "the key beside the audit log is missing, or is not this keyring's",
                        "give the custodian's own key with --key",
                    )
                })?
            }
            (None, None) => return Err(Failure::usage("no key was named", "give --key")),
        };
        Ok((folder, key))
    }
}

fn read_key(path: &Path) -> Result<LogKey, Failure> {
    let text = read(path)?;
    std::str::from_utf8(&text).ok().and_then(LogKey::parse).ok_or_else(|| {
        Failure::usage(
            format!("{} holds no log's key", path.display()),
            "name a file with the line that `safelight audit key` prints",
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read(path, files::MAX_NOTE)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display()), "check the path"))
}

fn month(text: &str) -> Result<crate::custody::Month, String> {
    let day: Result<jiff::civil::Date, _> = format!("{text}-01").parse();
    day.map(crate::custody::Month::of).map_err(|_| "write 2026-11".to_owned())
}

/// Runs `audit`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.task {
        Task::Verify { log, since, max_age } => verify_log(&log, since.as_deref(), max_age, context)?,
        Task::Checkpoint { log, renew, unlock, output } => {
            checkpoint(&log, renew.then_some(&unlock), output.as_deref(), context)?;
        }
        Task::Key { log } => {
            let (_, key) = log.place()?;
            writeln!(Page::default(), "{key}").map_err(stdout_failed)?;
        }
        Task::Show(args) => show::run(&args, context)?,
        Task::Forget { custody, unlock, second, before } => {
            let mut keyring = unlock.open(&custody)?;
            second.pass(&mut keyring)?;
            let details =
                Details { query: format!("before {before}"), operator: ledger::operator(), ..Details::default() };
            let months = AuditLog::of(&custody).forget(&keyring, before, details)?;
            if !context.quiet {
                tell!("The details of {} can no longer be read.", count(months as u64, "month"));
                tell!("Copies of {} made before now still hold their keys.", custody.join("audit/keys").display());
            }
        }
    }
    Ok(Outcome::Done)
}

/// What `verify --json` prints.
#[derive(Serialize)]
struct Summary {
    sound: bool,
    entries: u64,
    from: Option<String>,
    to: Option<String>,
    faults: Vec<String>,
    notes: Vec<String>,
    /// Whether entries say that something was gone or altered, or something is not here.
    #[serde(skip)]
    found: bool,
}

fn verify_log(log: &LogArgs, since: Option<&Path>, max_age: Option<u32>, context: &Context) -> Result<(), Failure> {
    let (folder, key) = log.place()?;
    let alone = log.place.log.is_some();
    let against = Verification { since: since.map(read).transpose()?, max_age, alone };
    let report = verify(&folder, &key, &against, Timestamp::now())?;
    let summary = Summary::of(&report);
    let mut out = Page::default();
    let printed = if context.json { json(&summary) } else { summary.print(&mut out, since.is_some(), context) };
    if report.is_sound() {
        return printed.map_err(stdout_failed);
    }
    // The exit code tells, too, when nobody hears the rest.
    let count = report.faults.len();
    if report.faults.iter().all(|fault| matches!(fault, AuditFault::Future { .. })) {
        return Err(Failure::integrity(
            "entries are of times that are yet to come: this machine's clock is behind, or the custodian's was once ahead",
            "compare the clocks; if the custodian's was ahead, let the custodian say so on record: \
             safelight audit checkpoint --renew",
        ));
    }
    Err(Failure::integrity(
        format!("the audit log has {count} {}", if count == 1 { "fault" } else { "faults" }),
        "keep this folder as evidence, and compare it with a backup",
    ))
}

impl Summary {
    fn of(report: &AuditReport) -> Self {
        let shown = |time: Timestamp| time.strftime("%Y-%m-%dT%H:00:00Z").to_string();
        let note = |note: &AuditNote| match note {
            AuditNote::ClockBack { index } => format!("the clock went back before entry {index}, which says so"),
            AuditNote::Finding { index, finding } => format!("entry {index} says that {}", finding.says()),
            AuditNote::DateConfirmed { index, day } => {
                format!(
                    "entry {index} is of {}, a date that somebody confirmed (--confirm-date)",
                    show::date(*day, "%Y-%m-%d")
                )
            }
            AuditNote::Lacking { file } => format!("the file {file} is not here: {}", without(file)),
            AuditNote::Waiting { entries } => {
                format!("waiting for the next unlock to sign: {}", count(*entries as u64, "failed unlock"))
            }
        };
        Self {
            sound: report.is_sound(),
            entries: report.entries,
            from: report.period.map(|(from, _)| shown(from)),
            to: report.period.map(|(_, to)| shown(to)),
            faults: report.faults.iter().map(ToString::to_string).collect(),
            notes: report.notes.iter().map(note).collect(),
            found: report
                .notes
                .iter()
                .any(|note| matches!(note, AuditNote::Finding { .. } | AuditNote::Lacking { .. })),
        }
    }

    fn print(&self, out: &mut Page, since: bool, context: &Context) -> std::io::Result<()> {
        for fault in &self.faults {
            writeln!(out, "fault: {fault}")?;
        }
        if context.quiet {
            return Ok(());
        }
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
        }
        let entries = count(self.entries, "entry");
        if let (Some(from), Some(to)) = (&self.from, &self.to) {
            writeln!(out, "{entries}, from {from} to {to}")?;
        }
        if self.sound {
            let whole =
                if self.found { "What is here is whole, and its notes name what is not" } else { "The log is whole" };
            writeln!(out, "{whole}{}.", if since { "; it continues the earlier checkpoint" } else { "" })?;
            if !since {
                writeln!(out, "Whether its end was cut off only an earlier checkpoint can tell: --since.")?;
            }
        }
        Ok(())
    }
}

/// What is not to be had without a file.
fn without(file: &str) -> &'static str {
    match file {
        "keys" => "it opens nobody's details",
        "vkey" => "the key comes from elsewhere",
        _ => "the next writer makes it",
    }
}

fn checkpoint(
    log: &LogArgs,
    renew: Option<&UnlockArgs>,
    output: Option<&Path>,
    context: &Context,
) -> Result<(), Failure> {
    let output = output.filter(|output| *output != Path::new(target::STDOUT));
    if let Some(output) = output {
        target::must_be_new(output)?;
    }
    if let (Some(unlock), Some(custody)) = (renew, &log.place.custody) {
        let keyring = unlock.open(custody)?;
        AuditLog::of(custody).renew(&keyring)?;
    }
    let (folder, key) = log.place()?;
    let note = files::read(&folder.join("checkpoint"), files::MAX_NOTE).map_err(|error| {
        Failure::usage(format!("there is no checkpoint in {}: {error}", folder.display()), "check the path")
    })?;
    crate::audit::Checkpoint::verify(&note, &key).map_err(crate::audit::AuditError::from)?;
    let Some(output) = output else {
        return Page::default().block(&String::from_utf8_lossy(&note)).map_err(stdout_failed);
    };
    let mut options = fs::OpenOptions::new();
    let written = options.write(true).create_new(true).open(output).and_then(|mut file| file.write_all(&note));
    written.map_err(|error| {
        Failure::usage(format!("{} cannot be written: {error}", output.display()), "name a new file")
    })?;
    if !context.quiet {
        tell!("Keep {} where nobody who can write to the log can write.", output.display());
    }
    Ok(())
}
