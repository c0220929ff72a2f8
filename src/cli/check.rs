//! `safelight check`.

use std::path::PathBuf;

use serde::Serialize;

use super::remedies::stdout_failed;
use super::terminal::{Page, count, json};
use super::trust::PinArgs;
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, ledger};
use crate::audit::Verb;
use crate::custody::SitePack;
use crate::seal::Capability;
use crate::vault::{CheckReport, Note, OpeningVault, SiteState, Trust, check, check_deep, check_site};

/// Arguments of `check`.
#[derive(clap::Args)]
#[command(after_help = "\
Whose a vault is, its card says, and whoever can write to the vault can write the card. So name whom you trust, by --custody, \
--pack or --custodian: a vault of anybody else is refused (exit code 3), and what has expired is believed on that \
custodian's signature only. Without any of them, the check says whose key the card names and that nobody vouches for it.

Exit codes: 0 all is whole; 1 what could be opened is whole, and some catalogues or scenes did not open; 3 a fault.")]
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
    /// The site pack: its custodian must be the vault's, and the vault hold all that its site has sealed
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// What the site with that pack has sealed, to compare with [default: PACK.state]
    #[arg(long, value_name = "FILE", requires = "pack")]
    state: Option<PathBuf>,
    #[command(flatten)]
    pin: PinArgs,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
}

/// Runs `check`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let pack = args.pack.as_deref().map(SitePack::read).transpose()?;
    let mut report = match &args.custody {
        Some(custody) => {
            OpeningVault::open(&args.vault, Trust::Nobody)?;
            let mut keyring = args.unlock.open(custody)?;
            if keyring.has_dual_control() && args.second.are_given() {
                args.second.open(&mut keyring)?;
            }
            let trust = args.pin.trust(Some(&keyring), pack.as_ref())?;
            ledger::record_act(&keyring, Verb::Check, args.vault.to_string_lossy())?;
            check_deep(&args.vault, trust, &keyring.checking_keys())?
        }
        None => check(&args.vault, args.pin.trust(None, pack.as_ref())?)?,
    };
    if let (Some(pack), Some(path)) = (&pack, &args.pack) {
        let state = args.state.clone().unwrap_or_else(|| SiteState::beside(path));
        check_site(&args.vault, pack, &SiteState::read(&state, pack)?, &mut report)?;
    }
    let mut out = Page::default();
    let printed = if context.json {
        let summary = Summary::of(&report, args.deep);
        json(&summary)
    } else {
        print(&mut out, &report, &args, context)
    };
    printed.map_err(stdout_failed)?;
    if report.is_sound() {
        // Identities may take a second holder. Whose catalogue or scenes do not open is not all this keyring's.
        let foreign = |note: &Note| match note {
            Note::Unopened { capability, .. } => *capability != Capability::Identity,
            _ => false,
        };
        return Ok(if report.notes.iter().any(foreign) { Outcome::SomeFailed } else { Outcome::Done });
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
    custodian: String,
    custodian_vouched: bool,
    card_signed: bool,
    segments: u64,
    bytes: u64,
    journals: u64,
    captures: u64,
    unreadable: u64,
    opened_sections: u64,
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
            custodian: report.custodian.to_string(),
            custodian_vouched: report.vouched,
            card_signed: report.signed,
            segments: report.segments,
            bytes: report.bytes,
            journals: report.journals,
            captures: report.captures,
            unreadable: report.unreadable,
            opened_sections: report.opened,
            expired_segments: report.expired,
            expired_sections: expired(report),
            unopened_sections: unopened(report),
            faults: report.faults.iter().map(ToString::to_string).collect(),
            notes: worth_telling(report).map(ToString::to_string).collect(),
        }
    }
}

fn print(out: &mut Page, report: &CheckReport, args: &Args, context: &Context) -> std::io::Result<()> {
    for fault in &report.faults {
        writeln!(out, "fault: {fault}")?;
    }
    if context.quiet {
        return Ok(());
    }
    for note in worth_telling(report) {
        writeln!(out, "note: {note}")?;
    }
    let custodian = report.custodian;
    if !report.vouched {
        writeln!(
            out,
            "note: the card names custodian {custodian}, and nobody vouches for it: give --custodian or --pack"
        )?;
    }
    if !report.signed {
        writeln!(
            out,
            "note: the card is of the first format, unsigned: that this is a vault of that custodian is its word only"
        )?;
    }
    // Who writes a card can sign what has expired with the key on it.
    let [removed, sections] = match report.vouched {
        true => ["segments have expired and are removed", "sections have expired"],
        false => [
            "segments are gone and said to have expired, by the key that the card names",
            "sections are said to have expired, by the key that the card names",
        ],
    };
    let counted = [
        (report.expired as usize, removed),
        (expired(report), sections),
        (unopened(report), "sections were not opened, because their keys are locked or elsewhere"),
    ];
    for (number, what) in counted.iter().filter(|(number, _)| *number > 0) {
        writeln!(out, "note: {number} {what}")?;
    }
    let CheckReport { segments, bytes, journals, captures, .. } = report;
    writeln!(out, "{}, {}, {}", count(*segments, "segment"), count(*bytes, "byte"), count(*journals, "journal"))?;
    if args.deep {
        writeln!(out, "{} opened", count(*captures, "capture"))?;
    }
    if report.unreadable > 0 {
        writeln!(out, "{} of them could not be examined and lie whole in their identity", report.unreadable)?;
    }
    // Of what was not opened nothing is known but its hash.
    let whole = match (args.deep, unopened(report)) {
        (true, 1..) => "What was opened is whole",
        _ => "The vault is whole",
    };
    match report.is_sound() {
        true if report.vouched => writeln!(out, "{whole}, and it is that of custodian {custodian}.")?,
        true => writeln!(out, "{whole}, if it is that of custodian {custodian}.")?,
        false => {}
    }
    if report.is_sound() && report.journals > 0 && args.pack.is_none() {
        writeln!(
            out,
            "Whether what was sealed last was cut off, or the vault rolled back, only its sites can tell: --pack."
        )?;
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
