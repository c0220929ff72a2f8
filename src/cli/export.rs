//! `safelight export`.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use super::ledger::EgressArgs;
use super::remedies::stdout_failed;
use super::search::{asked, check_range, time};
use super::terminal::{count, json, say, tell};
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, gaps, ledger, target};
use crate::audit::Look;
use crate::custody::RecipientPublicKey;
use crate::export::{ExportError, ExportPlan, Regions, Request, View};
use crate::seal::KeyId;
use crate::vault::{OpeningVault, Query, Trust};

/// Arguments of `export`.
#[derive(clap::Args)]
#[command(after_help = "\
The copy opens with the recipient's private key alone. It has ids, an order and pseudonyms of its own, so that two \
recipients do not join their copies by these; times are rounded to the hour unless the view is full. Pictures are the same in \
every copy: two recipients of scenes or originals join those by them. A copy of metadata has a record for each pseudonym; \
captures without a plate or a face are not in it, and are counted. The recipient makes its key \
pair with `safelight custody recipient` and opens the copy with `safelight search` and `safelight open --key`.

The fingerprint of the recipient's key is shown before anything is asked or done; --fingerprint compares it for you.

The copy is put on record in the audit log first, and its captures count towards the policy's egress budget; beyond the \
budget no copy is made (exit code 3).")]
pub struct Args {
    /// The vault
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR")]
    custody: PathBuf,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
    /// The recipient's public key
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The fingerprint of that key, as the recipient told you by another way; any other key is refused, exit code 3
    #[arg(long, alias = "recipient-fingerprint", value_name = "ID", value_parser = fingerprint)]
    fingerprint: Option<KeyId>,
    /// What the recipient may open
    #[arg(long)]
    view: ViewArg,
    /// Whose pseudonyms the copy carries
    #[arg(long, default_value = "all")]
    regions: RegionsArg,
    /// Why; it is sealed into the copy and into the audit log
    #[arg(long, value_name = "TEXT", value_parser = ledger::purpose)]
    purpose: String,
    #[command(flatten)]
    egress: EgressArgs,
    /// Only captures of this time or later: 2026-11-01 or 2026-11-01T06:30:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only captures before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Only captures of this site
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// The folder to make; it must not exist or be empty
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum ViewArg {
    /// Times, places and pseudonyms
    Metadata,
    /// And the redacted pictures
    Scene,
    /// And the originals
    Full,
}

impl ViewArg {
    fn view(self) -> View {
        match self {
            Self::Metadata => View::Metadata,
            Self::Scene => View::Scene,
            Self::Full => View::Full,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum RegionsArg {
    /// Plates and faces
    All,
    /// Plates only
    Plates,
    /// Faces only
    Faces,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    captures: u64,
    without_scene: u64,
    expired: u64,
    left_out_damaged: u64,
    /// Captures whose scene or identity is sealed to keys that are elsewhere.
    left_out_closed: u64,
    /// Of metadata, captures on which there is nothing that the copy carries.
    left_out_without_regions: u64,
    left_out_without_time: u64,
    expired_segments: u64,
    missing: Vec<String>,
    unknown: Vec<String>,
    foreign: Vec<String>,
    damaged: Vec<String>,
    /// Segments that these keys do not open.
    closed_segments: usize,
    segments: u64,
    bytes: u64,
    recipient: String,
}

fn fingerprint(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "a fingerprint has 26 characters, as `custody recipient` prints it".to_owned())
}

/// Says for whose key the copy will be, before anything is asked or done: the file may have been exchanged on its way.
fn introduce(to: &RecipientPublicKey, expected: Option<KeyId>, context: &Context) -> Result<(), Failure> {
    let found = to.id();
    match expected {
        Some(expected) if expected != found => Err(Failure::integrity(
            format!("the public key has the fingerprint {found}, and {expected} was expected"),
            "fetch the recipient's .pub file again, and ask for its fingerprint by another way; nothing was copied",
        )),
        Some(_) => Ok(()),
        None => {
            if !context.quiet {
                tell!("for the key {found}: compare it with the recipient's fingerprint by another way");
            }
            Ok(())
        }
    }
}

/// Runs `export`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let to = RecipientPublicKey::read(&args.to)?;
    introduce(&to, args.fingerprint, context)?;
    check_range(args.from, args.until, "--until")?;
    target::may_be_a_vault(&args.output)?;
    ExportPlan::check_target(&args.output)?;
    OpeningVault::open(&args.vault, Trust::Nobody)?;
    let mut keyring = args.unlock.open(&args.custody)?;
    args.second.open_for(&mut keyring, args.view.view().capabilities())?;
    if args.egress.takes_both(&keyring) && !keyring.has_second() {
        args.second.open(&mut keyring)?;
    }
    let vault = OpeningVault::open(&args.vault, Trust::from(&keyring))?;
    let asked = asked(args.from, args.until, args.site.as_deref(), false);
    let request = Request {
        to: &to,
        view: args.view.view(),
        regions: match args.regions {
            RegionsArg::All => Regions::All,
            RegionsArg::Plates => Regions::Plates,
            RegionsArg::Faces => Regions::Faces,
        },
        purpose: &args.purpose,
        query: &Query { from: args.from, to: args.until, site: args.site, ..Query::default() },
        now: Timestamp::now(),
    };
    let asking = in_full(request.look(&vault), &asked);
    ledger::may_ask(&keyring, asking, &args.egress)?;
    let mut plan = ExportPlan::new(&vault, &keyring, &request)?;
    let look = in_full(plan.look(), &asked);
    let permit = ledger::permit(&keyring, look, &args.egress)?;
    let lacking = plan.take_gaps(&permit)?;
    // A copy that is not made for want of captures is an answer, too.
    let totals = plan.write(permit, &args.output).inspect_err(|_| gaps::tell(&lacking))?;
    if context.json {
        let summary = Summary {
            captures: totals.captures,
            without_scene: totals.without_scene,
            expired: totals.expired,
            left_out_damaged: totals.damaged,
            left_out_closed: totals.closed,
            left_out_without_regions: totals.without_regions,
            left_out_without_time: totals.without_time,
            expired_segments: totals.expired_segments,
            missing: gaps::named(&lacking.missing),
            unknown: gaps::named(&lacking.unknown),
            foreign: gaps::named(&lacking.foreign),
            damaged: gaps::named(&lacking.damaged),
            closed_segments: lacking.closed.len(),
            segments: totals.segments,
            bytes: totals.bytes,
            recipient: to.id().to_string(),
        };
        json(&summary).map_err(stdout_failed)?;
    } else if !context.quiet {
        tell!("{} for the key {}", count(totals.captures, "capture"), to.id());
        tell!("{}, {} in {}", count(totals.segments, "segment"), count(totals.bytes, "byte"), args.output.display());
        if totals.expired > 0 {
            tell!("{} left out: their keys have expired", count(totals.expired, "capture"));
        }
        if totals.expired_segments > 0 {
            tell!("{} expired: nobody knows what in them matched", count(totals.expired_segments, "segment"));
        }
        if totals.damaged > 0 {
            tell!("{} left out: damaged", count(totals.damaged, "capture"));
        }
        if totals.closed > 0 {
            tell!("{} left out: their keys are elsewhere", count(totals.closed, "capture"));
        }
        if totals.without_regions > 0 {
            let what = match request.regions {
                Regions::All => "neither a plate nor a face",
                Regions::Plates => "no plate",
                Regions::Faces => "no face",
            };
            let left = count(totals.without_regions, "capture");
            tell!("{left} left out: {what} is on {}", if totals.without_regions == 1 { "it" } else { "them" });
        }
    }
    if totals.without_time > 0 {
        say(&format!(
            "left out for want of a time: {}, which may be of that time",
            count(totals.without_time, "capture")
        ));
    }
    let ended = gaps::end([&lacking])?;
    Ok(if totals.without_time > 0 { Outcome::SomeFailed } else { ended })
}

/// With what was asked for.
fn in_full<'a>(mut look: Look<'a>, asked: &str) -> Look<'a> {
    look.details.query = format!("{} {asked}", look.details.query).trim_end().to_owned();
    look
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let problem = error.to_string();
        match error {
            ExportError::NoPurpose => Self::usage(problem, "say with --purpose why the copy is made"),
            ExportError::NothingWhole { .. } => Self::integrity(
                problem,
                "restore what is damaged from a backup of this vault; `safelight check` names it",
            ),
            ExportError::Nothing { .. } => Self::usage(problem, "widen --from, --until, --site or --regions"),
            ExportError::UnknownSite { .. } => {
                Self::usage(problem, "write its name as it was given to the site's pack")
            }
            ExportError::Purpose(_) => Self::usage(problem, "type it anew: only what can be seen tells purposes apart"),
            ExportError::Open(error) => error.into(),
            ExportError::File(error) => error.into(),
            ExportError::Audit(error) => error.into(),
            ExportError::Permit(error) => error.into(),
            ExportError::Budget => Self::integrity(problem, "wait for the next day (UTC); this refusal is on record"),
        }
    }
}
