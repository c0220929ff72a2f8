//! What a custodian's verb does before it gives anything out: it goes on record.
//!
//! [`permit`] puts on record what is about to be given out, and [`record_act`] what gives nothing out; a verb whose entry
//! cannot be written stops there. [`attempted`] puts on record that a keyring did not open. What a permit is worth is the
//! library's; here are prompts and words.

use std::path::Path;

use jiff::civil::Date;

use super::terminal::{chain, count, grouped, say};
use super::unlock::SecondArgs;
use super::{Failure, Stop};
use crate::audit::{
    AuditError, AuditLog, Budget, Details, Leap, Look, Permit, PermitError, Recorded, TileError, UNSTATED, Verb,
    Verdict,
};
use crate::custody::{Keyring, KeyringError, Staged, fold_purpose};

/// Arguments of verbs that let records out.
#[derive(clap::Args)]
pub(super) struct EgressArgs {
    /// Go on beyond the policy's budget for today, with a second holder; the audit log says so
    #[arg(long)]
    pub over_budget: bool,
    /// Say that today is this date, UTC, where the clock is ahead of what the audit log knows; with a second holder, if
    /// there is one
    #[arg(long, value_name = "DATE")]
    pub confirm_date: Option<Date>,
}

impl EgressArgs {
    /// Whether the second holder is asked for: beyond the budget, or to confirm a date under dual control.
    pub fn takes_both(&self, keyring: &Keyring) -> bool {
        self.over_budget || (self.confirm_date.is_some() && keyring.has_dual_control())
    }
}

/// Arguments of verbs that write dates: of packs, epochs, slots.
#[derive(clap::Args, Default)]
pub(super) struct DateArgs {
    /// Say that today is this date, UTC, where the clock is ahead of what the audit log knows; with the second holder,
    /// where there is one
    #[arg(long, value_name = "DATE")]
    confirm_date: Option<Date>,
}

impl DateArgs {
    /// Opens the second slot where a date is to be confirmed and that takes both.
    pub fn open_second(&self, keyring: &mut Keyring, second: &SecondArgs) -> Result<(), Failure> {
        match self.confirm_date.is_some() && keyring.has_dual_control() && !keyring.has_second() {
            true => second.open(keyring),
            false => Ok(()),
        }
    }

    /// Puts a change of the keyring on record, by a clock that is believed only, and writes it. There is no other way to do
    /// either: what could be refused about it was, before there was an entry that says that it was done.
    pub fn write<T>(&self, staged: Staged<T>, verb: Verb, what: impl Into<String>) -> Result<(Keyring, T), Failure> {
        record_act_on(staged.keyring(), self.confirm_date, verb, what)?;
        let (keyring, told) = staged.write()?;
        changed(&keyring);
        Ok((keyring, told))
    }
}

/// A purpose that can be told from others.
pub(super) fn purpose(text: &str) -> Result<String, String> {
    match fold_purpose(text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl From<PermitError> for Failure {
    fn from(error: PermitError) -> Self {
        Self::new(Stop::Internal, error.to_string(), "report this: a fault of the program; nothing was given out")
    }
}

/// Passes on what came of an attempt to open a keyring, and puts it on record when no slot opened.
pub(super) fn attempted<T>(custody: &Path, opened: Result<T, KeyringError>) -> Result<T, KeyringError> {
    let unreadable = |error: &KeyringError| {
        matches!(error, KeyringError::File(_) | KeyringError::NotAKeyring | KeyringError::Version { .. })
    };
    if opened.as_ref().is_err_and(|error| !unreadable(error)) {
        // The verb alone: what follows it may be anything.
        let verb = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
        let details = Details { query: verb, operator: operator(), ..Details::default() };
        match AuditLog::of(custody).record_failure(&details) {
            // A keyring older than its log has none until it opens for the first time.
            Ok(()) | Err(AuditError::NoLog { .. }) => {}
            Err(error) => say(&format!("this attempt could not be put on record: {}", chain(&error))),
        }
    }
    opened
}

/// Begins a new keyring's log.
pub(super) fn begin(keyring: &mut Keyring) -> Result<(), Failure> {
    let log = AuditLog::of(keyring.folder());
    Ok(log.begin(keyring)?)
}

/// Puts on record that records are about to be given out, and stops where that would go beyond the policy's budget.
/// Without the permit that comes of it nothing is given out.
pub(super) fn permit(keyring: &Keyring, look: Look<'_>, args: &EgressArgs) -> Result<Permit, Failure> {
    let look = signed(look, args);
    let recorded = AuditLog::of(keyring.folder()).confirming(args.confirm_date).record(keyring, &look)?;
    told(keyring, &look, &recorded)?;
    recorded.permit().ok_or_else(|| Failure::integrity("this was refused", "the refusal is on record"))
}

/// Stops, and puts that on record, where nothing is left of the day's budget: before anything is looked up for what is about
/// to be asked.
pub(super) fn may_ask(keyring: &Keyring, look: Look<'_>, args: &EgressArgs) -> Result<(), Failure> {
    let look = signed(look, args);
    let refused = AuditLog::of(keyring.folder()).confirming(args.confirm_date).refuse_at_once(keyring, &look)?;
    refused.map_or(Ok(()), |refused| told(keyring, &look, &refused))
}

fn signed<'a>(look: Look<'a>, args: &EgressArgs) -> Look<'a> {
    let details = Details { operator: operator(), ..look.details };
    Look { details, over_budget: args.over_budget, ..look }
}

/// The clock is ahead of all that is known, or behind it.
pub(super) fn leapt(keyring: &Keyring, leap: Leap, more: &str) -> Failure {
    let Leap { now, last, expected } = leap;
    let why = match expected {
        _ if now < last => format!("the audit log has entries up to {last:.0}"),
        Some(expected) => format!("by the seconds that the machine counts, it can be {expected:.0} at most"),
        None => format!("the audit log knows of nothing after {last:.0}"),
    };
    let both = if keyring.has_dual_control() { ", with the second holder" } else { "" };
    Failure::integrity(
        format!("this machine's clock says {now:.0}, and {why}"),
        format!("set the clock; or if it is right, say so{both}: --confirm-date {}{more}", now.strftime("%Y-%m-%d")),
    )
}

/// Says what is left of the day's budget, or that nothing is. A refusal names no number that what was asked for decides.
fn told(keyring: &Keyring, look: &Look<'_>, recorded: &Recorded) -> Result<(), Failure> {
    let Recorded { verdict, allowance, spent, spent_in_total, began_anew, leap, .. } = *recorded;
    if let (Verdict::Refused, Some(leap), false) = (verdict, leap, began_anew) {
        return Err(leapt(keyring, leap, "; this refusal is on record"));
    }
    let Some(allowance) = allowance else { return Ok(()) };
    let (may, have) = match allowance.of {
        Budget::Egress => ("leave", "have left"),
        Budget::Listing => ("be listed", "were listed"),
    };
    // The tighter of the two limits: the one with less room.
    let purpose = look.purpose.unwrap_or(UNSTATED);
    let total = (allowance.total, spent_in_total, "for all purposes together".to_owned());
    let own = allowance.purpose.map(|limit| (limit, spent, format!("for the purpose {purpose:?}")));
    let room = |&(limit, spent, _): &(u64, u64, String)| limit.saturating_sub(spent);
    let (limit, spent, of) = own.into_iter().chain([total]).min_by_key(room).unwrap_or_default();
    let further = match keyring.has_dual_control() {
        true => "wait for the next day (UTC), or go on with the second holder: --over-budget",
        false => "wait for the next day (UTC), or put a policy that lets more in force: custody policy --set",
    };
    match verdict {
        Verdict::Refused if began_anew => Err(Failure::integrity(
            "the audit log began anew today, so that nobody knows how many records have left",
            format!("restore the log, or {further}"),
        )),
        Verdict::Refused => {
            let left = limit.saturating_sub(spent);
            let (rest, fewer) = match left {
                0 => ("none of them is left today".to_owned(), ""),
                1 => ("1 of them is left today, and this would be more".to_owned(), "ask for fewer, "),
                left => {
                    (format!("{} of them are left today, and this would be more", grouped(left)), "ask for fewer, ")
                }
            };
            let counts = if left > 0 { ", and counts as one record" } else { "" };
            Err(Failure::integrity(
                format!("the policy lets {} a day {may} {of}; {rest}", count(limit, "record")),
                format!("{fewer}{further}; this refusal is on record{counts}"),
            ))
        }
        Verdict::Done | Verdict::Overridden => {
            let now = spent.saturating_add(recorded.cost);
            if now.saturating_mul(5) >= limit.saturating_mul(4) {
                say(&format!("note: with this, {} of the {} a day {have} {of}", grouped(now), count(limit, "record")));
            }
            Ok(())
        }
    }
}

/// Lets the log know that the keyring was changed. What was done stays done where it cannot be told.
pub(super) fn changed(keyring: &Keyring) {
    if let Err(error) = AuditLog::of(keyring.folder()).keep_up(keyring) {
        let why = chain(&error);
        say(&format!("note: an older keyring in the place of this one is noticed from the next entry on only: {why}"));
    }
}

/// Puts on record what gives no records out: a change of keys, a check.
pub(super) fn record_act(keyring: &Keyring, verb: Verb, what: impl Into<String>) -> Result<(), Failure> {
    record_act_on(keyring, None, verb, what)
}

/// The same, on a date that somebody confirmed.
pub(super) fn record_act_on(
    keyring: &Keyring,
    confirmed: Option<Date>,
    verb: Verb,
    what: impl Into<String>,
) -> Result<(), Failure> {
    let details = Details { query: what.into(), operator: operator(), ..Details::default() };
    let look = Look { verb, records: 0.into(), purpose: None, details, over_budget: false };
    let recorded = AuditLog::of(keyring.folder()).confirming(confirmed).record(keyring, &look)?;
    match (recorded.verdict, recorded.leap) {
        (Verdict::Refused, Some(leap)) => Err(leapt(keyring, leap, "; nothing was changed, and this is on record")),
        (Verdict::Refused, None) => Err(Failure::integrity("this was refused", "the refusal is on record")),
        (Verdict::Done | Verdict::Overridden, _) => Ok(()),
    }
}

/// Who this is, as far as the machine says.
pub(super) fn operator() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}@{}", user.as_deref().unwrap_or("?"), host.trim())
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        let problem = chain(&error);
        match error {
            AuditError::Io { source, .. } | AuditError::Tile(TileError::Io { source, .. }) => Self::new(
                Stop::Usage,
                problem,
                match source.kind() {
                    std::io::ErrorKind::StorageFull => "make room: without an entry in the audit log nothing is opened",
                    _ => "make the custody folder writable: without an entry in the audit log nothing is opened",
                },
            ),
            AuditError::Foreign { .. } => {
                Self::usage(problem, "move it away: the log is written into files and folders of its own only")
            }
            AuditError::Purpose(_) => Self::usage(problem, "type it anew: only what can be seen tells purposes apart"),
            AuditError::SecondNeeded => Self::integrity(
                problem,
                "let the second holder open its slot, too: --second-passphrase-file, --second-share",
            ),
            AuditError::Kept { earliest, .. } => {
                Self::usage(problem, format!("forget months before {earliest} at most; see details_kept in the policy"))
            }
            AuditError::OlderKeyring { .. } => Self::integrity(
                problem,
                "put the newest keyring back; where there is none any more, move the folder `audit` and the file `log-head` away as \
                 evidence: a new log then begins, and says so",
            ),
            AuditError::Keyring(error) => (*error).into(),
            AuditError::Elsewhere { .. } => Self::new(Stop::Internal, problem, "report this: a fault of the program"),
            AuditError::NoLog { .. } => {
                Self::usage(problem, "name a custody folder in which the keyring was opened before")
            }
            AuditError::Tile(_)
            | AuditError::Checkpoint(_)
            | AuditError::NoCheckpoint
            | AuditError::RolledBack { .. }
            | AuditError::Rewritten { .. }
            | AuditError::Entry { .. } => Self::integrity(
                problem,
                "restore the folder `audit` from a backup, or move it away as evidence: a new log then begins, and says so",
            ),
        }
    }
}
