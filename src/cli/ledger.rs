//! What a custodian's verb does before it gives anything out: it goes on record.
//!
//! [`permit`] puts on record what is about to be given out, and [`record_act`] what gives nothing out; a verb whose entry
//! cannot be written stops there. [`attempted`] puts on record that a keyring did not open. What a permit is worth is the
//! library's; here are prompts and words.

use std::path::Path;

use super::terminal::{chain, count, grouped, say};
use super::{Failure, Stop};
use crate::audit::{
    Allowance, AuditError, AuditLog, Budget, Details, Look, Permit, PermitError, Recorded, TileError, UNSTATED, Verb,
    Verdict,
};
use crate::custody::{Keyring, KeyringError};

/// Arguments of verbs that let records out.
#[derive(clap::Args)]
pub(super) struct EgressArgs {
    /// Go on beyond the policy's budget for today, with a second holder; the audit log says so
    #[arg(long, requires = "custody")]
    pub over_budget: bool,
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
pub(super) fn begin(keyring: &Keyring) -> Result<(), Failure> {
    AuditLog::of(keyring.folder()).renew(keyring)?;
    Ok(())
}

/// Puts on record that records are about to be given out, and stops where that would go beyond the policy's budget.
/// `both` says that both holders are there for it. Without the permit that comes of it nothing is given out.
pub(super) fn permit(keyring: &Keyring, look: Look<'_>, both: bool) -> Result<Permit, Failure> {
    let mut look = look;
    look.details.operator = operator();
    look.over_budget = both;
    let recorded = AuditLog::of(keyring.folder()).record(keyring, &look)?;
    let Recorded { verdict, allowance, spent, spent_in_total, began_anew, .. } = recorded;
    if let Some(allowance) = allowance {
        let purpose = look.purpose.unwrap_or(UNSTATED);
        told(allowance, (spent, spent_in_total), (look.records, purpose), verdict, began_anew)?;
    }
    recorded.permit().ok_or_else(|| Failure::integrity("this was refused", "the refusal is on record"))
}

/// Says what is left of the day's budget, or that nothing is.
fn told(
    allowance: Allowance,
    (spent, in_total): (u64, u64),
    (records, purpose): (u64, &str),
    verdict: Verdict,
    began_anew: bool,
) -> Result<(), Failure> {
    let (may, have) = match allowance.of {
        Budget::Egress => ("leave", "left"),
        Budget::Listing => ("be listed", "were listed"),
    };
    // The tighter of the two limits: the one with less room.
    let total = (allowance.total, in_total, "for all purposes together".to_owned());
    let own = allowance.purpose.map(|limit| (limit, spent, format!("for the purpose {purpose:?}")));
    let room = |&(limit, spent, _): &(u64, u64, String)| limit.saturating_sub(spent);
    let (limit, spent, of) = own.into_iter().chain([total]).min_by_key(room).unwrap_or_default();
    match verdict {
        Verdict::Refused if began_anew => Err(Failure::integrity(
            "the audit log began anew today, so that nobody knows how many records have left",
            "restore the log, wait for the next day (UTC), or go on with a second holder: --over-budget",
        )),
        Verdict::Refused => {
            let (a_day, more) = (count(limit, "record"), grouped(records));
            Err(Failure::integrity(
                format!(
                    "the policy lets {a_day} a day {may} {of}; {} {have} today, and this would be {more} more",
                    grouped(spent)
                ),
                "take fewer, wait for the next day (UTC), or go on with a second holder: --over-budget; this refusal is on \
                 record",
            ))
        }
        Verdict::Done | Verdict::Overridden => {
            let now = spent.saturating_add(records);
            if now.saturating_mul(5) >= limit.saturating_mul(4) {
                let have = if have == "left" { "have left" } else { "were listed" };
                say(&format!("note: with this, {} of the {} a day {have} {of}", grouped(now), count(limit, "record")));
            }
            Ok(())
        }
    }
}

/// Puts on record what gives no records out: a change of keys, a check.
pub(super) fn record_act(keyring: &Keyring, verb: Verb, what: impl Into<String>) -> Result<Recorded, Failure> {
    let details = Details { query: what.into(), ..Details::default() };
    record(keyring, Look { verb, records: 0, purpose: None, details, over_budget: false })
}

fn record(keyring: &Keyring, look: Look<'_>) -> Result<Recorded, Failure> {
    let mut look = look;
    look.details.operator = operator();
    Ok(AuditLog::of(keyring.folder()).record(keyring, &look)?)
}

/// Who this is, as far as the machine says.
fn operator() -> String {
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
            AuditError::Elsewhere { .. } => Self::new(Stop::Internal, problem, "report this: a fault of the program"),
            AuditError::NoLog { .. } => {
                Self::usage(problem, "name a custody folder in which the keyring was opened before")
            }
            AuditError::Tile(_)
            | AuditError::Checkpoint(_)
            | AuditError::NoCheckpoint
            | AuditError::RolledBack { .. }
            | AuditError::Entry { .. } => Self::integrity(
                problem,
                "restore the folder `audit` from a backup, or move it away as evidence: a new log then begins, and says so",
            ),
        }
    }
}
