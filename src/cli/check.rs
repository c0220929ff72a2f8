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
use crate::vault::{CheckReport, Note, OpeningVault, SiteState, Trust, check, check_deep, check_journals, check_site};

/// Arguments of `check`.
#[derive(clap::Args)]
#[command(after_help = "\
Whose a vault is, its card says, and whoever can write to the vault can write the card. So name whom you trust, by --custody, \
--pack or --custodian: a vault of anybody else is refused (exit code 3), and what has expired is believed on that \
custodian's signature only. What sites have sealed is vouched for by their journals: those of all sites with --custody, that \
of one with its --pack, and none with --custodian. Without any of them, the check says whose key the card names and that \
nobody vouches for it.

Exit codes: 0 all is whole; 1 what could be opened is whole, and some catalogues or scenes did not open; 3 a fault.")]
pub struct Args {
    /// The vault, or an export
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    /// Open every section that the keyring opens, and compare the records
    #[arg(long, requires = "custody")]
    deep: bool,
    /// The folder that holds the keyring: its custodian must be the vault's, and its sites must have written the journals
    #[arg(long, value_name = "DIR")]
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
    let mut sites = Sites::default();
    let mut report = match &args.custody {
        Some(custody) => {
            OpeningVault::open(&args.vault, Trust::Nobody)?;
            let mut keyring = args.unlock.open(custody)?;
            if keyring.has_dual_control() && args.second.are_given() {
                args.second.open(&mut keyring)?;
            }
            let trust = args.pin.trust(Some(&keyring), pack.as_ref())?;
            ledger::record_act(&keyring, Verb::Check, args.vault.to_string_lossy())?;
            let keys = keyring.checking_keys();
            let report = if args.deep { check_deep } else { check_journals }(&args.vault, trust, &keys)?;
            for (journal, name) in keyring.sites() {
                let there = report.verified.contains(&journal);
                if there { &mut sites.verified } else { &mut sites.absent }.push(name.to_owned());
            }
            report
        }
        None => check(&args.vault, args.pin.trust(None, pack.as_ref())?)?,
    };
    if let (Some(pack), Some(path)) = (&pack, &args.pack) {
        let state = args.state.clone().unwrap_or_else(|| SiteState::beside(path));
        let before = report.verified.len();
        check_site(&args.vault, pack, &SiteState::read(&state, pack)?, &mut report)?;
        sites.verified.extend((report.verified.len() > before).then(|| pack.site().to_owned()));
    }
    let mut out = Page::default();
    let printed = if context.json {
        let summary = Summary::of(&report, &sites.verified, args.deep);
        json(&summary)
    } else {
        print(&mut out, &report, &sites, &args, context)
    };
    if report.is_sound() {
        printed.map_err(stdout_failed)?;
        // Identities may take a second holder. Whose catalogue or scenes do not open is not all this keyring's.
        let foreign = |note: &Note| match note {
            Note::Unopened { capability, .. } => *capability != Capability::Identity,
            _ => false,
        };
        return Ok(if report.notes.iter().any(foreign) { Outcome::SomeFailed } else { Outcome::Done });
    }
    // The exit code tells, too, when nobody hears the rest.
    let count = report.faults.len();
    Err(Failure::integrity(
        format!("the vault has {count} {}", if count == 1 { "fault" } else { "faults" }),
        "restore what is named from a backup of this vault, and check again",
    ))
}

/// The custodian's sites, as far as they are known, by their names.
#[derive(Default)]
struct Sites {
    /// Those of which the journals in this vault were verified.
    verified: Vec<String>,
    /// Those of which no journal is in it, or none that could be verified.
    absent: Vec<String>,
}

/// Names in quotes, as far as they are few.
fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    format!("{}{more}", shown.join(", "))
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
    /// The sites of which the journals were verified with their keys: only what these name is vouched for.
    verified_sites: Vec<String>,
    captures: u64,
    unreadable: u64,
    /// Captures of which the table names another site than the one whose pack sealed them.
    other_sites: Vec<OtherSite>,
    opened_sections: u64,
    expired_segments: u64,
    expired_sections: usize,
    unopened_sections: usize,
    faults: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct OtherSite {
    site: String,
    sealed_by: Option<String>,
    captures: u64,
}

impl Summary {
    fn of(report: &CheckReport, sites: &[String], deep: bool) -> Self {
        let other = |((site, sealed_by), captures): (&(String, Option<String>), &u64)| OtherSite {
            site: site.clone(),
            sealed_by: sealed_by.clone(),
            captures: *captures,
        };
        Self {
            sound: report.is_sound(),
            deep,
            custodian: report.custodian.to_string(),
            custodian_vouched: report.vouched,
            card_signed: report.signed,
            segments: report.segments,
            bytes: report.bytes,
            journals: report.journals,
            verified_sites: sites.to_vec(),
            captures: report.captures,
            unreadable: report.unreadable,
            other_sites: report.other_sites.iter().map(other).collect(),
            opened_sections: report.opened,
            expired_segments: report.expired,
            expired_sections: expired(report),
            unopened_sections: unopened(report),
            faults: report.faults.iter().map(ToString::to_string).collect(),
            notes: worth_telling(report).map(ToString::to_string).collect(),
        }
    }
}

fn print(out: &mut Page, report: &CheckReport, sites: &Sites, args: &Args, context: &Context) -> std::io::Result<()> {
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
            "note: the card names custodian {custodian}, and nobody vouches for it: give --custody, --pack or --custodian"
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
        true => ["expired and removed", "expired"],
        false => [
            "gone and said to have expired, by the key that the card names",
            "said to have expired, by the key that the card names",
        ],
    };
    let counted = [
        (report.expired as usize, "segment", removed),
        (expired(report), "section", sections),
        (unopened(report), "section", "not opened: the keys are locked or elsewhere"),
    ];
    for (number, noun, what) in counted.into_iter().filter(|(number, ..)| *number > 0) {
        writeln!(out, "note: {} {what}", count(number as u64, noun))?;
    }
    for ((site, sealed_by), captures) in &report.other_sites {
        let sealer = sealed_by.as_deref().unwrap_or("another site");
        let captures = count(*captures, "capture");
        writeln!(out, "note: {captures} of site {site:?} by the table, sealed with the pack of {sealer:?}")?;
    }
    let CheckReport { segments, bytes, journals, captures, .. } = report;
    writeln!(out, "{}, {}, {}", count(*segments, "segment"), count(*bytes, "byte"), count(*journals, "journal"))?;
    if args.deep {
        writeln!(out, "{} opened", count(*captures, "capture"))?;
    } else if *segments > 0 {
        writeln!(out, "How many could not be examined, is told by check --deep: it takes the keys.")?;
    }
    if report.unreadable > 0 {
        writeln!(out, "{} of them could not be examined and lie whole in their identity", report.unreadable)?;
    }
    if report.is_sound() { print_verdict(out, report, sites, args) } else { Ok(()) }
}

/// What was verified, and what was not: "whole" of the former only.
fn print_verdict(out: &mut Page, report: &CheckReport, sites: &Sites, args: &Args) -> std::io::Result<()> {
    let CheckReport { segments, journals, verified, custodian, vouched, signed, export, .. } = report;
    let unverified = journals.saturating_sub(verified.len() as u64);
    match (vouched, signed) {
        (true, true) => writeln!(out, "The card is that of custodian {custodian}.")?,
        (true, false) => writeln!(out, "The card names custodian {custodian}, unsigned.")?,
        (false, _) => {}
    }
    if *segments == 0 {
        let gone = if report.expired > 0 { ": all that was sealed has expired" } else { "" };
        writeln!(out, "Nothing is in it{gone}.")?;
    }
    if !verified.is_empty() {
        let all = args.deep && unverified == 0 && unopened(report) == 0 && sites.absent.is_empty();
        writeln!(
            out,
            "{} by the {} of {}: every segment that is sealed by it is there, with the hash that it had.",
            if all { "The vault is whole," } else { "Whole" },
            if verified.len() == 1 { "journal" } else { "journals" },
            quoted(&sites.verified)
        )?;
    }
    if args.deep && *segments > 0 {
        let unopened = if unopened(report) > 0 { "; of the rest nothing is known but its hash" } else { "" };
        writeln!(out, "What was opened is whole{unopened}.")?;
    }
    if *export {
        writeln!(out, "Whether all of the copy is there its recipient's key tells: `safelight search --key`.")?;
    } else if unverified > 0 || (verified.is_empty() && *segments > 0) {
        let rest = if verified.is_empty() { "the segments" } else { "what other sites have sealed" };
        writeln!(
            out,
            "No fault was found, and nothing vouches for {rest}: {} not verified. Give --custody, or each site's --pack.",
            count(unverified, "journal")
        )?;
    } else if args.custody.is_none() && *segments > 0 {
        writeln!(
            out,
            "Nothing vouches for what other sites may have sealed into it: give --custody, or their --pack."
        )?;
    }
    if !sites.absent.is_empty() && !export {
        writeln!(
            out,
            "No journal is in it of {}: whether they have sealed into it, their --pack tells.",
            quoted(&sites.absent)
        )?;
    }
    if *journals > 0 && args.pack.is_none() {
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
