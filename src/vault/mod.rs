//! A folder that is worthless to a thief.
//!
//! | you are | you want | use |
//! |---|---|---|
//! | a site | captures sealed, each exactly once, whatever happens | [`SealingVault`] |
//! | the custodian, or a recipient | records back | [`OpeningVault`] |
//! | the same | captures of a plate, a time, a place | [`Query`] |
//! | the custodian | that nothing is kept for too long | [`expire`] |
//! | anybody | to know whether it is whole | [`check`] |
//! | the custodian, after a theft | to read a copy of a segment, wherever it lies | [`StraySegment`] |
//! | an exporter | segments of the same format for another key | [`SegmentDraft`] |
//!
//! Two types instead of a flag: a sealing vault has no way to open. Owns segments, journals, tombstones and the order in which they
//! reach the disk; knows nothing of images. The format is docs/vault-format.md, byte for byte.

mod card;
mod check;
mod claims;
mod expire;
mod files;
mod head;
mod header;
mod journal;
mod layout;
mod lock;
mod opening;
mod own;
mod place;
mod query;
mod reading;
pub mod record;
mod recovery;
mod sealing;
mod section;
mod segment;
mod sieve;
mod store;
mod stray;
mod terms;
mod time;
mod tombstone;
mod trust;
mod whole;

pub use card::{Card, CardError, VaultKind};
pub use check::{CheckReport, Fault, Note, check, check_deep, check_journals, check_site};
pub use claims::Gaps;
pub use expire::{ExpireError, Expired, ExpiredVault, ExpiringVault, check_custodians, expire, would_expire};
pub use head::{Departure, SiteState, StateError};
pub use header::{Entry, Header, HeaderError};
pub use journal::JournalError;
pub(crate) use layout::Layout;
pub(crate) use opening::Readable;
pub use opening::{OpenError, OpeningVault, ProbeError, RecordsOf};
pub use place::Enclosure;
pub(crate) use query::Place;
pub use query::{Found, Hit, Match, PassedOver, Query, Spellings, pseudonyms_of};
pub(crate) use reading::HasId;
pub use sealing::{Damage, Make, SealError, SealTotals, SealingOptions, SealingVault};
pub use section::SectionError;
pub use segment::{Drafted, SealedSegment, SegmentDraft};
pub use sieve::{Holding, Origin, Sieve};
pub use store::{Disk, Store, StoreFile, Uptime};
pub use stray::{FileKind, StraySegment, kind_of_file};
pub use time::ClockBehind;
pub use tombstone::TombstoneError;
pub use trust::Trust;
