//! What a custodian's verb does before it gives anything out: it goes on record.
//!
//! [`record`] puts on record what is about to be done; a verb whose entry cannot be written stops there. [`attempted`]
//! puts on record that a keyring did not open.

use std::path::Path;

use super::terminal::{chain, count, grouped, say};
use super::{Failure, Stop};
use crate::audit::{Allowance, AuditError, AuditLog, Details, Look, Recorded, TileError, Verb, Verdict};
use crate::custody::{Keyring, KeyringError};

/// The purpose of who states none; a budget may name it.
pub(super) const UNSTATED: &str = "unstated";

/// Arguments of verbs that let records out.
#[derive(clap::Args)]
pub(super) struct EgressArgs {
    /// Go on beyond the policy's budget for today, with a second holder; the audit log says so
    #[arg(long, requires = "custody")]
    pub over_budget: bool,
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

/// Puts a look on record, durably. On an error nothing may be given out.
pub(super) fn record(keyring: &Keyring, look: Look<'_>) -> Result<Recorded, Failure> {
    let mut look = look;
    look.details.operator = operator();
    Ok(AuditLog::of(keyring.folder()).record(keyring, &look)?)
}

/// Puts on record that records are about to leave, and stops where that would go beyond the policy's budget.
/// `overridden` says that a second slot was opened for it.
pub(super) fn record_egress(keyring: &Keyring, look: Look<'_>, overridden: bool) -> Result<(), Failure> {
    let purpose = look.purpose.unwrap_or(UNSTATED);
    let allowance = Allowance::of(keyring.policy(), purpose, overridden);
    let records = look.records;
    let recorded = record(keyring, Look { purpose: Some(purpose), allowance, ..look })?;
    let Some(allowance) = allowance else { return Ok(()) };
    // The tighter of the two limits: the one with less room.
    let total = (allowance.total, recorded.spent_in_total, "for all purposes together".to_owned());
    let own = allowance.purpose.map(|limit| (limit, recorded.spent, format!("for the purpose {purpose:?}")));
    let room = |&(limit, spent, _): &(u64, u64, String)| limit.saturating_sub(spent);
    let (limit, spent, of) = own.into_iter().chain([total]).min_by_key(room).unwrap_or_default();
    match recorded.verdict {
        Verdict::Refused if recorded.began_anew => Err(Failure::integrity(
            "the audit log began anew today, so that nobody knows how many records have left",
            "restore the log, wait for the next day (UTC), or go on with a second holder: --over-budget",
        )),
        Verdict::Refused => {
            let (a_day, more) = (count(limit, "record"), grouped(records));
            Err(Failure::integrity(
                format!(
                    "the policy lets {a_day} a day leave {of}; {} left today, and this would be {more} more",
                    grouped(spent)
                ),
                "take fewer, wait for the next day (UTC), or go on with a second holder: --over-budget; this refusal is on \
                 record",
            ))
        }
        Verdict::Done | Verdict::Overridden => {
            let now = spent.saturating_add(records);
            if now.saturating_mul(5) >= limit.saturating_mul(4) {
                say(&format!(
                    "note: with this, {} of the {} a day have left {of}",
                    grouped(now),
                    count(limit, "record")
                ));
            }
            Ok(())
        }
    }
}

/// Puts on record what gives no records out: a change of keys, a check.
pub(super) fn record_act(keyring: &Keyring, verb: Verb, what: impl Into<String>) -> Result<Recorded, Failure> {
    let details = Details { query: what.into(), ..Details::default() };
    record(keyring, Look { verb, records: 0, purpose: None, details, allowance: None })
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
