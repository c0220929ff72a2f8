//! One entry: what anybody may read of it, and what only the custodian can.
//!
//! In plain are the hour, the verb, a count, the verdict and a tag of the purpose: enough for an auditor without any key
//! to see when how much left, and that no day is missing. Sealed are the exact time, the purpose's words, who asked, the
//! query and the record ids. The tree commits to the sealed bytes, so that an entry verifies for ever, also when the
//! key of its month is destroyed and nobody can read it any more.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minicbor::{Decode, Encode};

use super::egress::Budget;
use super::keys::{DetailKey, PurposeTag};
use crate::custody::Month;
use crate::seal::{CustodyId, ENC_LEN, Envelope, PublicKey, SectionKey, WRAPPED_LEN, padme};

/// Sealed details are padded to a multiple of this, so that their length tells little.
const DETAIL_GRANULE: u64 = 256;
/// An entry of a bundle has at most 65535 bytes; details stay well below.
const MAX_DETAILS: usize = 32 << 10;

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal;)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Verb {
            $($(#[$doc])* $name,)*
            /// By a later version.
            Unknown(u8),
        }

        impl Verb {
            /// The number that stands for it in an entry.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// What a number stands for.
            pub const fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$name,)*
                    code => Self::Unknown(code),
                }
            }

            /// One word for it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Unknown(_) => "unknown",
                }
            }
        }
    };
}

verbs! {
    /// The log began.
    Begin = 0, "begin";
    /// Captures were searched for.
    Search = 1, "search";
    /// A redacted picture was opened.
    Open = 2, "open";
    /// An original was restored.
    Identity = 3, "identity";
    /// A copy was made for a recipient.
    Export = 4, "export";
    /// Keys that were due were destroyed.
    Expire = 5, "expire";
    /// Bucket keys or the epoch were renewed.
    Rotate = 6, "rotate";
    /// A key slot was added, removed or changed.
    Slot = 7, "slot";
    /// A theft was assessed.
    Impact = 8, "impact";
    /// A site pack was issued.
    Pack = 9, "pack";
    /// A vault was opened to its last record to check it; nothing was given out.
    Check = 10, "check";
    /// Somebody tried to unlock the keyring and could not.
    UnlockFailed = 11, "unlock-failed";
    /// Nothing happened on these days.
    Quiet = 12, "quiet";
    /// The clock went back.
    Clock = 13, "clock";
    /// The log's own files beside the tree were not as they were left.
    Finding = 14, "finding";
    /// Keys of past months' details were destroyed.
    Forget = 15, "forget";
    /// The policy was changed.
    Policy = 16, "policy";
    /// The keyring or the log was shown.
    Show = 17, "show";
}

impl Verb {
    /// Whether what it counts is records that left the vault in the open or for somebody else: what a budget limits.
    pub const fn gives_out(self) -> bool {
        matches!(self.budget(), Some(Budget::Egress))
    }

    /// Whether it writes dates that others go by: of packs, epochs, slots, tombstones, copies.
    pub const fn writes_dates(self) -> bool {
        matches!(self, Self::Pack | Self::Rotate | Self::Policy | Self::Slot | Self::Expire | Self::Export)
    }

    /// The budget that its records count towards.
    pub const fn budget(self) -> Option<Budget> {
        match self {
            Self::Open | Self::Identity | Self::Export | Self::Impact => Some(Budget::Egress),
            Self::Search => Some(Budget::Listing),
            _ => None,
        }
    }
}

/// Whether it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It was, within the budget or without one.
    #[default]
    Done,
    /// It was not: it would have gone beyond the budget.
    Refused,
    /// It was, beyond the budget, by two slots.
    Overridden,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Overridden];

    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Overridden => "overridden",
        }
    }
}

/// What was wrong with the log's files beside the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The file of failed unlocks was gone.
    PendingMissing,
    /// It was altered, or cut within.
    PendingAltered,
    /// It was one of an earlier time.
    PendingReplayed,
    /// The keys of the details were gone or altered: details until then cannot be read.
    KeysLost,
    /// It held failed unlocks of times that a clock which was once wrong does not explain, and that version left them out.
    PendingTimes,
    /// An earlier log, of which the keyring's folder knows, was gone.
    LogGone,
    /// What the keyring's folder knew of the log was altered.
    HeadAltered,
    /// As [`Self::PendingTimes`]; they are on record with the time at which that was found, as many as the entry says.
    PendingDated,
    /// The public key beside the log was gone or altered.
    LogKeyLost,
    /// What the keyring's folder knew of the log was gone.
    HeadMissing,
    /// By a later version.
    Unknown(u8),
}

impl Finding {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::PendingMissing => 1,
            Self::PendingAltered => 2,
            Self::PendingReplayed => 3,
            Self::KeysLost => 4,
            Self::PendingTimes => 5,
            Self::LogGone => 6,
            Self::HeadAltered => 7,
            Self::PendingDated => 8,
            Self::LogKeyLost => 9,
            Self::HeadMissing => 10,
            Self::Unknown(code) => code,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::PendingMissing,
            2 => Self::PendingAltered,
            3 => Self::PendingReplayed,
            4 => Self::KeysLost,
            5 => Self::PendingTimes,
            6 => Self::LogGone,
            7 => Self::HeadAltered,
            8 => Self::PendingDated,
            9 => Self::LogKeyLost,
            10 => Self::HeadMissing,
            code => Self::Unknown(code),
        }
    }

    /// A sentence without its full stop.
    pub const fn says(self) -> &'static str {
        match self {
            Self::PendingMissing => "the record of failed unlocks was gone",
            Self::PendingAltered => "the record of failed unlocks was altered",
            Self::PendingReplayed => "the record of failed unlocks was one of an earlier time",
            Self::KeysLost => "the keys of the details were gone or altered",
            Self::PendingTimes => "the record of failed unlocks held some of impossible times, which were left out",
            Self::LogGone => "an earlier log was gone",
            Self::HeadAltered => "what the custody folder knew of the log was altered",
            Self::PendingDated => {
                "the record of failed unlocks held some of impossible times, which are on record with the time of this entry"
            }
            Self::LogKeyLost => "the public key beside the log was gone or altered",
            Self::HeadMissing => "what the custody folder knew of the log was gone",
            Self::Unknown(_) => "a finding of a later version",
        }
    }
}

/// A day of the UTC calendar, counted from 1970-01-01.
pub type Day = u32;

/// Hours since 1970-01-01 UTC; times before count as then.
pub(super) fn hour_of(time: Timestamp) -> u32 {
    u32::try_from(time.as_second().div_euclid(3600)).unwrap_or(0)
}

/// The month of a time, of whose key its details are.
pub(super) fn month_of(time: Timestamp) -> Month {
    Month::of(time.to_zoned(TimeZone::UTC).date())
}

/// What anybody can read of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// What was done.
    pub verb: Verb,
    /// When, in whole hours since 1970-01-01 UTC.
    pub hour: u32,
    /// Records found, opened, exported or removed, as the verb has it; failed unlocks of impossible times, of a finding of these.
    pub records: u64,
    /// Whether it was done.
    pub verdict: Verdict,
    /// Equal for equal purposes of one month, and telling nothing else.
    pub purpose: Option<PurposeTag>,
    /// Of which month the key of its details is.
    pub month: Option<Month>,
    /// First and last of the days on which nothing happened.
    pub quiet: Option<(Day, Day)>,
    /// What was found to be wrong.
    pub finding: Option<Finding>,
    /// When the keyring was made, of a log that begins.
    pub keyring_made: Option<Day>,
    /// Whether somebody said that its date is right, where nobody but the clock knew of it.
    pub date_confirmed: bool,
    /// Of a failed unlock whose time cannot be: the hour that its clock said. Its own is the hour at which that was found.
    pub claimed: Option<u32>,
}

impl Entry {
    pub(super) fn new(verb: Verb, hour: u32) -> Self {
        let (records, verdict) = (0, Verdict::Done);
        Self {
            verb,
            hour,
            records,
            verdict,
            purpose: None,
            month: None,
            quiet: None,
            finding: None,
            keyring_made: None,
            date_confirmed: false,
            claimed: None,
        }
    }

    /// The day it happened on.
    pub fn day(&self) -> Day {
        self.hour / 24
    }

    /// When, to the hour.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_second(i64::from(self.hour) * 3600).unwrap_or(Timestamp::MAX)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let plain = Plain {
            verb: self.verb.code(),
            hour: self.hour,
            records: self.records,
            verdict: self.verdict as u8,
            purpose: self.purpose.map(|tag| tag.0),
            month: self.month,
            quiet: self.quiet,
            finding: self.finding.map(Finding::code),
            keyring_made: self.keyring_made,
            date_confirmed: self.date_confirmed.then_some(true),
            claimed: self.claimed,
        };
        encoded(&plain)
    }

    /// The entry without any details.
    pub(super) fn bare(&self) -> Vec<u8> {
        encoded(&Leaf { plain: self.to_bytes(), sealed: None, enveloped: None })
    }

    /// The entry with details under the key of its month.
    pub(super) fn sealed(&self, details: &Details, key: &DetailKey, custody: CustodyId) -> Vec<u8> {
        let plain = self.to_bytes();
        let sealed = cobblestone::encrypt(&key.cipher(), &context(custody, &plain), &padded(details));
        encoded(&Leaf { plain, sealed: Some(sealed.expect("details are no petabyte")), enveloped: None })
    }

    /// The entry with details for whoever holds the private half of the month's key: for those who hold none.
    pub(super) fn enveloped(&self, details: &Details, to: &PublicKey, custody: CustodyId) -> Vec<u8> {
        let plain = self.to_bytes();
        let (key, context) = (SectionKey::generate(), context(custody, &plain));
        let Envelope { enc, wrapped } = Envelope::seal(&key, to, &context);
        let cipher = cobblestone::Key256::from_bytes(key.expose());
        let body = cobblestone::encrypt(&cipher, &context, &padded(details)).expect("details are no petabyte");
        let enveloped = [enc.as_slice(), &wrapped, &body].concat();
        encoded(&Leaf { plain, sealed: None, enveloped: Some(enveloped) })
    }

    /// Reads a leaf of the tree; `None` when it is no entry.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let leaf: Leaf = minicbor::decode(bytes).ok()?;
        let plain: Plain = minicbor::decode(&leaf.plain).ok()?;
        Some(Self {
            verb: Verb::from_code(plain.verb),
            hour: plain.hour,
            records: plain.records,
            verdict: *Verdict::ALL.get(usize::from(plain.verdict))?,
            purpose: plain.purpose.map(PurposeTag),
            month: plain.month,
            quiet: plain.quiet,
            finding: plain.finding.map(Finding::from_code),
            keyring_made: plain.keyring_made,
            date_confirmed: plain.date_confirmed == Some(true),
            claimed: plain.claimed,
        })
    }
}

/// What only the custodian can read of an entry, while the key of its month is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Details {
    /// The exact time, in milliseconds since 1970-01-01 UTC.
    #[n(0)]
    pub time: i64,
    /// Why, in the asker's words.
    #[n(1)]
    pub purpose: String,
    /// Who, as the machine says: a claim, not a proof.
    #[n(2)]
    pub operator: String,
    /// In which vault.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub vault: Option<[u8; 16]>,
    /// The records' ids, when they are few.
    #[n(4)]
    pub records: Vec<Id>,
    /// BLAKE3 over all records' ids, sorted, when they are many.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub digest: Option<[u8; 32]>,
    /// What was asked: times, sites, options. Never a plate's text: that is in `pseudonyms`.
    #[n(6)]
    pub query: String,
    /// The pseudonyms that were searched for, each as shown.
    #[n(7)]
    pub pseudonyms: Vec<String>,
    /// The key that a copy was sealed to.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub recipient: Option<[u8; 16]>,
    /// How often the keyring had been written.
    #[n(9)]
    pub generation: u64,
    /// The kernel's user id of who asked; filled in, as time and generation are.
    #[n(10)]
    pub user: Option<u32>,
    /// The kernel's login id: who logged in, whatever user that one has become since.
    #[n(11)]
    pub login: Option<u32>,
    /// The date that was confirmed where the clock had leapt.
    #[n(12)]
    pub confirmed: Option<Day>,
    /// What the clock said, in milliseconds since 1970-01-01 UTC, where it had leapt and nobody confirmed it, or where a failed
    /// unlock was of an impossible time. The entry's times are then the last that was known, or those at which that was found.
    #[n(13)]
    pub clock: Option<i64>,
}

/// An id in an entry's details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Id(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

/// More ids than these are told by their digest.
const MAX_IDS: usize = 64;

impl Details {
    /// Tells which records, by their ids, or by the digest of these when they are more than 64.
    pub(super) fn set_records(&mut self, ids: &[Id]) {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        (self.records, self.digest) = if ids.len() > MAX_IDS {
            let mut hasher = blake3::Hasher::new();
            for id in &ids {
                hasher.update(&id.0);
            }
            (Vec::new(), Some(*hasher.finalize().as_bytes()))
        } else {
            (ids, None)
        };
    }
}

/// Details as they come out of an entry.
pub(super) enum Opened {
    /// The entry has none.
    None,
    /// They are not sealed with this key, or were moved here from another entry.
    Closed,
    /// What they say.
    Details(Box<Details>),
}

/// Opens an entry's details with the key of its month.
pub(super) fn open_details(bytes: &[u8], key: &DetailKey, custody: CustodyId) -> Opened {
    let Ok(leaf) = minicbor::decode::<Leaf>(bytes) else { return Opened::Closed };
    let context = context(custody, &leaf.plain);
    let plain = match (&leaf.sealed, &leaf.enveloped) {
        (Some(sealed), _) => cobblestone::decrypt(&key.cipher(), &context, sealed).ok(),
        (None, Some(enveloped)) => open_envelope(enveloped, key, &context),
        (None, None) => return Opened::None,
    };
    plain.and_then(|plain| minicbor::decode(&plain).ok()).map_or(Opened::Closed, |d| Opened::Details(Box::new(d)))
}

fn open_envelope(bytes: &[u8], key: &DetailKey, context: &[u8]) -> Option<Vec<u8>> {
    let (enc, rest) = bytes.split_first_chunk::<ENC_LEN>()?;
    let (wrapped, body) = rest.split_first_chunk::<WRAPPED_LEN>()?;
    let section = Envelope { enc: *enc, wrapped: *wrapped }.open(&key.private(), context).ok()?;
    cobblestone::decrypt(&cobblestone::Key256::from_bytes(section.expose()), context, body).ok()
}

/// Binds details to their log and to the rest of their entry.
fn context(custody: CustodyId, plain: &[u8]) -> Vec<u8> {
    [b"safelight v1 audit entry\0".as_slice(), &custody.0, blake3::hash(plain).as_bytes()].concat()
}

/// Long words are cut: a bundle's entries are short.
fn padded(details: &Details) -> Vec<u8> {
    let mut bytes = encoded(details);
    if bytes.len() > MAX_DETAILS {
        let cut = |text: &str| text.chars().take(1000).collect();
        let Details { purpose, operator, query, .. } = details;
        let (purpose, operator, query) = (cut(purpose), cut(operator), cut(query));
        let short = Details { purpose, operator, query, pseudonyms: Vec::new(), ..details.clone() };
        bytes = encoded(&short);
    }
    let len = padme(bytes.len() as u64).next_multiple_of(DETAIL_GRANULE);
    bytes.resize(usize::try_from(len).expect("an entry fits into memory"), 0);
    bytes
}

fn encoded(value: &impl Encode<()>) -> Vec<u8> {
    minicbor::to_vec(value).expect("memory takes every write")
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Plain {
    #[n(0)]
    verb: u8,
    #[n(1)]
    hour: u32,
    #[n(2)]
    records: u64,
    #[n(3)]
    verdict: u8,
    #[cbor(n(4), with = "minicbor::bytes")]
    purpose: Option<[u8; 8]>,
    #[n(5)]
    month: Option<Month>,
    #[n(6)]
    quiet: Option<(Day, Day)>,
    #[n(7)]
    finding: Option<u8>,
    #[n(8)]
    keyring_made: Option<Day>,
    #[n(9)]
    date_confirmed: Option<bool>,
    #[n(10)]
    claimed: Option<u32>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Leaf {
    #[cbor(n(0), with = "minicbor::bytes")]
    plain: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    sealed: Option<Vec<u8>>,
    #[cbor(n(2), with = "minicbor::bytes")]
    enveloped: Option<Vec<u8>>,
}
