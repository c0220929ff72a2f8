//! Who holds which key.
//!
//! | role | file | type | can |
//! |---|---|---|---|
//! | custodian | keyring, behind a passphrase | [`Keyring`] | open, search, issue |
//! | site | site pack | [`SitePack`] | seal and pseudonymise; open nothing, not even its own |
//! | recipient | key pair of its own | [`RecipientKeys`] | open what was exported to it |
//!
//! Owns those files, the policy that says how long what is kept, the issuing of buckets ahead, and their expiry. Knows nothing of
//! segments or images.

mod body;
mod dual;
mod epoch;
mod expiry;
mod file;
mod issue;
mod keyring;
mod known;
mod layout;
mod opening;
mod pack;
mod policy;
mod policy_change;
mod policy_file;
mod purpose;
mod recipient;
mod signing;
mod slot;
mod slots;
mod staged;
mod summary;

pub(crate) use body::LogMark;
pub use epoch::{Epoch, Rotation};
pub use expiry::{Destroyed, DueKey};
pub use file::{FileError, Remains};
pub(crate) use file::{put_private, remove_unfinished};
pub use issue::{PackDraft, PackRequest, check_site_name};
pub(crate) use keyring::AuditKey;
pub use keyring::{Keyring, KeyringError};
pub use known::{KnownCustodians, KnownSite};
pub use opening::OpeningKeys;
pub use pack::{JournalKey, PackError, Schedule, SealingKey, SitePack};
pub use policy::{ClassPolicy, Egress, EpochLength, InvalidTerm, Month, Policy, PurposeBudget, Retention};
pub use policy_change::PolicyChange;
pub use policy_file::PolicyError;
pub(crate) use purpose::fold_of_before;
pub use purpose::{PurposeError, fold_purpose};
pub use recipient::{RecipientError, RecipientFile, RecipientKeys, RecipientPublicKey, SealedRecipient};
pub(crate) use signing::{CardProof, CardSigner, EXPORT_CARDS, SITE_CARDS};
pub use signing::{Signature, VerifyingKey};
pub use slot::{
    Credential, LineFault, Passphrase, PassphraseCost, PassphraseError, Quorum, QuorumError, Share, ShareError,
    ShareVerdict, SlotDraft, SlotKind, SlotRole, SlotSummary, SlotTerms,
};
#[cfg(feature = "pkcs11")]
pub use slot::{Token, TokenError};
pub use slots::{Rehearsal, write_share_file};
pub use staged::Staged;
pub use summary::{EpochSummary, KeyCount, KeyringSummary, SiteSummary};

/// Seconds since 1970 UTC, as key files hold them; what no calendar has counts as 1970.
fn time(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
