//! Who looked, when, and how much left: a Merkle log in the custody folder, in the public formats of C2SP.
//!
//! | file below `audit/` | what it is |
//! |---|---|
//! | `checkpoint` | the newest tree's size and hash, signed by the custodian ([tlog-checkpoint]) |
//! | `tile/…` | the tree's hashes and entries ([tlog-tiles]) |
//! | `vkey` | the key that checkpoints are verified with |
//! | `keys` | a key for each month's details, wrapped by the keyring |
//! | `pending` | failed unlocks that nobody could sign yet |
//! | `../log-head` | what the log was when it was last written, sealed by the keyring |
//!
//! An entry is durable before its verb gives anything out: [`AuditLog::record`] gives a [`Permit`], and without one nothing
//! in this crate gives out a record, a picture, an original, a copy or a list. Anybody with the log and its key can
//! verify it ([`verify`]), and with an earlier checkpoint that nothing of that time was changed since.
//!
//! Owns the log's files and what an entry says. Knows nothing of the verbs beyond their names, of vaults or of images.
//!
//! [tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [tlog-tiles]: https://c2sp.org/tlog-tiles

mod egress;
mod entry;
mod head;
mod keys;
mod log;
mod note;
mod pending;
mod permit;
mod reading;
mod records;
mod spent;
mod tiles;
mod tree;
mod verify;
mod who;
mod writer;

pub use egress::{Allowance, Budget};
pub use entry::{Day, Details, Entry, Finding, Id, Verb, Verdict};
pub use head::Leap;
pub use keys::PurposeTag;
pub use log::{AuditError, AuditLog, Look, Recorded, UNSTATED};
pub use note::{Checkpoint, LogKey, NoteError};
pub use permit::{Permit, PermitError, PermittedKeys};
pub use reading::{DetailReader, Recording, Told};
pub use records::Records;
pub use tiles::TileError;
pub use tree::Hash;
pub use verify::{AuditFault, AuditNote, AuditReport, Verification, verify};
