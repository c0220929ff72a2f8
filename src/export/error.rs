//! Why a copy is not made.

use crate::audit::{AuditError, PermitError};
use crate::custody::{FileError, PurposeError};
use crate::vault::OpenError;

/// An export was not made. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// No purpose was given.
    #[error("an export needs a purpose")]
    NoPurpose,
    /// The purpose cannot be used.
    #[error(transparent)]
    Purpose(#[from] PurposeError),
    /// The vault cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What matches the request is damaged, or may be among what is missing: there is nothing to give.
    #[error("nothing that matches can be given: it is damaged, or in parts of the vault that are missing or damaged")]
    NothingWhole {
        /// Captures that match and are damaged.
        damaged: u64,
        /// What is missing or damaged.
        gaps: usize,
    },
    /// Nothing matches the request.
    #[error("no capture matches{}", untimed(*without_time))]
    Nothing {
        /// Captures that match but for a time that nobody noted, where one was asked for.
        without_time: u64,
    },
    /// No capture and no site pack is of the site that was asked for.
    #[error("no site {name:?} is known to this keyring; known: {}", known.join(", "))]
    UnknownSite {
        /// The name.
        name: String,
        /// The sites that have packs, in quotes.
        known: Vec<String>,
    },
    /// It cannot be put on record.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// It is not what is on record.
    #[error("nothing is given out without an entry: {0}")]
    Permit(#[from] PermitError),
    /// It would go beyond the policy's budget for today.
    #[error("the policy lets no more records leave today")]
    Budget,
}

fn untimed(captures: u64) -> String {
    match captures {
        0 => String::new(),
        n => format!("; of {} that may, nobody noted the time", crate::words::count(n, "capture")),
    }
}
