//! What to do about what went wrong with keys and vaults: one place that turns the library's errors into problem, remedy
//! and exit code.

use std::io::ErrorKind;

use jiff::Timestamp;

use super::{Failure, Stop};
use crate::custody::{FileError, KeyringError, PackError, PolicyError, RecipientError};
use crate::vault::{ExpireError, OpenError, SealError, StateError};

/// Stdout is closed or full.
pub(super) fn stdout_failed(error: std::io::Error) -> Failure {
    let stop = if error.kind() == ErrorKind::BrokenPipe { Stop::ReaderGone } else { Stop::Usage };
    let remedy = match error.kind() {
        ErrorKind::FileTooLarge => "raise the limit on the length of files (ulimit -f), or send it elsewhere",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room where stdout goes, or send it elsewhere",
        _ => "check where stdout goes",
    };
    Failure::new(stop, format!("cannot write the result: {error}"), remedy)
}

fn file_failure(problem: String, kind: ErrorKind) -> Failure {
    let remedy = match kind {
        ErrorKind::NotFound => "check the path",
        ErrorKind::AlreadyExists => "choose another name, or move the existing file away",
        ErrorKind::PermissionDenied => "check the permissions of the file and of its folder",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only: remount it, or choose another place",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: make room and run the same command again"
        }
        ErrorKind::FileTooLarge => {
            "check which file it is; where one is written, raise the limit on the length of files (ulimit -f)"
        }
        ErrorKind::NotADirectory => "a part of the path is a file: check the path",
        _ => "check the disk and its connection, then run the same command again",
    };
    Failure::usage(problem, remedy)
}

/// What makes a passphrase.
const STRONG: &str =
    "take five words drawn by lot, such as by dice: nothing that was ever said or written, nor a name from here";

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        file_failure(error.to_string(), error.source.kind())
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        let problem = error.to_string();
        match error {
            KeyringError::File(error) => error.into(),
            KeyringError::Pack(error) => error.into(),
            KeyringError::Policy(error) => error.into(),
            KeyringError::Exists { .. } => Self::usage(
                problem,
                "use it, or choose another folder: a keyring that is lost takes every record with it, so it is never \
                 replaced",
            ),
            KeyringError::NotAKeyring => Self::usage(problem, "name the folder that `safelight custody init` made"),
            KeyringError::Version { .. } => Self::usage(problem, "use the version of safelight that wrote it"),
            KeyringError::WrongPassphrase => Self::integrity(
                problem,
                "check the passphrase, its case and the keyboard layout; there is no way around it",
            ),
            KeyringError::Slot { .. } => Self::integrity(problem, "remove that slot, then do it again"),
            KeyringError::WrongToken => {
                Self::integrity(problem, "use the token that was there when the slot was added")
            }
            KeyringError::TooFewShares { .. } | KeyringError::ForeignShares => {
                Self::integrity(problem, "bring more shares; `safelight custody rehearse` tells what each one is worth")
            }
            KeyringError::SecondSlotNeeded => Self::integrity(
                problem,
                "have its holder give --second-passphrase-file, SAFELIGHT_SECOND_PASSPHRASE or --second-share",
            ),
            KeyringError::WrongSecond => {
                Self::integrity(problem, "it takes what another holder has, not the same again")
            }
            KeyringError::NoSecondSlot => {
                Self::usage(problem, "add one: `safelight custody slot add --as second`, by another holder")
            }
            KeyringError::NoSlot { .. } => Self::usage(problem, "`safelight custody slot list` shows them"),
            KeyringError::LastSlot => Self::usage(problem, "add another one first: `safelight custody slot add`"),
            KeyringError::DualControl => {
                Self::usage(problem, "add another second slot first, or change the policy: `safelight custody policy`")
            }
            KeyringError::Quorum(_) => Self::usage(problem, "ask for 3 of 5, for example"),
            KeyringError::Damaged => Self::integrity(problem, "restore the keyring from a backup"),
            KeyringError::OtherHolders => {
                Self::usage(problem, "dual control takes two people: let the other one choose, and tell nobody")
            }
            KeyringError::Passphrase(_) => Self::usage(problem, STRONG),
            KeyringError::Cost => Self::usage(problem, "free some memory: opening a keyring takes 256 MiB"),
            KeyringError::Term { .. } => Self::usage(problem, "ask for 1 to 3660 days"),
            KeyringError::UnknownEpoch { .. } => Self::usage(problem, "see the epochs with `safelight custody show`"),
            KeyringError::EpochAhead { .. } => Self::usage(
                problem,
                "begin one that is now: `safelight custody rotate`, then issue every site a new pack",
            ),
            KeyringError::EpochExpired { .. } => Self::usage(problem, "nothing: it was not to be kept for longer"),
            KeyringError::NoNextEpoch { .. } => {
                Self::usage(problem, "issue a pack without --next; `safelight custody rotate` begins a new epoch")
            }
            KeyringError::UnknownSite { .. } => {
                Self::usage(problem, "see the sites' names with `safelight custody show`")
            }
            KeyringError::Changed { .. } => {
                Self::usage(problem, "wait for the other command to end, then run this one again; nothing was written")
            }
            KeyringError::NotDestroyed => {
                Self::integrity(problem, "see that nothing else writes to the custody folder, then run it again")
            }
            KeyringError::SiteInvisible { .. } | KeyringError::SiteAmbiguous { .. } => {
                Self::usage(problem, "type it anew: only what can be seen tells sites apart")
            }
            KeyringError::SiteAlike { .. } => {
                Self::usage(problem, "write it as that one, or give it a name that reads as another")
            }
            KeyringError::SiteName => Self::usage(problem, "give --site a short name such as a port of entry"),
        }
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        let problem = error.to_string();
        let remedy = match error {
            PolicyError::Syntax { .. } => "`safelight custody policy` prints a policy that you can start from",
            PolicyError::Effort { .. } => "give fast, normal or thorough, or leave it out",
            PolicyError::NoClass => "give it at least one [[class]] with a name and a term for scene",
            PolicyError::TooManyClasses => "put classes with the same terms together",
            PolicyError::Name { .. } => "give 1 to 40 characters, without blanks at the ends",
            PolicyError::Twice { .. } => "give each a name of its own",
            PolicyError::SamePurpose { .. } => "give one of them another name, or leave it out",
            PolicyError::UnknownDefault { .. } => "name one of the classes, best the one with the shortest terms",
            PolicyError::Term { .. } => {
                "write a whole number and a unit, such as \"30 days\", \"6 months\" or \"15 years\""
            }
            PolicyError::Outlives { field: "identity", .. } => {
                "shorten identity or lengthen scene: an original is restored from both"
            }
            PolicyError::Outlives { .. } => "shorten scene or lengthen catalogue: nothing else finds a scene",
            PolicyError::DetailsKept { .. } => "write a whole number and a unit, such as \"1 year\"",
            PolicyError::Epoch { .. } => "write day, week, month or never",
            PolicyError::Budget { .. } => "lower the purpose's records_per_day, or raise that of [egress]",
        };
        Self::usage(problem, remedy)
    }
}

#[cfg(feature = "pkcs11")]
impl From<crate::custody::TokenError> for Failure {
    fn from(error: crate::custody::TokenError) -> Self {
        use crate::custody::TokenError;
        let problem = super::terminal::chain(&error);
        match error {
            TokenError::Module { .. } => Self::usage(problem, "name the library that came with the token, an .so file"),
            TokenError::NoToken { .. } => Self::usage(problem, "plug it in, or name its label after --token"),
            TokenError::Pin(_) => {
                Self::integrity(problem, "check the PIN: tokens lock themselves after a few wrong ones")
            }
            TokenError::Unable(_) => Self::usage(problem, "use another token; its manual lists its mechanisms"),
        }
    }
}

/// How to believe a clock that a site's state is ahead of.
pub(super) fn confirm(clock: Timestamp) -> String {
    format!("the clock is right, and was ahead before, say so: --confirm-date {}", clock.strftime("%Y-%m-%d"))
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        let problem = error.to_string();
        match error {
            PackError::File(error) => error.into(),
            PackError::NotAPack => Self::usage(problem, "name a file that `safelight custody pack` wrote"),
            PackError::Version { .. } => Self::usage(problem, "use the version of safelight that wrote it"),
            PackError::Damaged => {
                Self::integrity(problem, "fetch the pack again from the custodian, over a way that you trust")
            }
            PackError::Expired { .. } => {
                Self::integrity(problem, "ask the custodian for a new one: `safelight custody pack`")
            }
            PackError::EpochOver { .. } => Self::integrity(
                problem,
                "ask the custodian for the pack of the epoch that has begun: `safelight custody pack`",
            ),
            PackError::NotYetValid { .. } => {
                Self::integrity(problem, "use the pack of the current epoch, or set this machine's clock")
            }
        }
    }
}

impl From<RecipientError> for Failure {
    fn from(error: RecipientError) -> Self {
        let problem = error.to_string();
        match error {
            RecipientError::File(error) => error.into(),
            RecipientError::NotAKey { expected: "public" } => {
                Self::usage(problem, "name the .pub file that `safelight custody recipient` wrote")
            }
            RecipientError::NotAKey { .. } => {
                Self::usage(problem, "name the .key file that `safelight custody recipient` wrote")
            }
            RecipientError::Version { .. } => Self::usage(problem, "use the version of safelight that wrote it"),
            RecipientError::Damaged => Self::integrity(problem, "ask its owner for another copy"),
            RecipientError::Sealed => Self::usage(problem, "give its passphrase: --passphrase-file"),
            RecipientError::WrongPassphrase => Self::integrity(problem, "try again: upper and lower case differ"),
            RecipientError::Passphrase(_) => Self::usage(problem, STRONG),
            RecipientError::Cost => Self::usage(problem, "free some memory: it takes 256 MiB"),
        }
    }
}

/// What to do about a vault's folder that is a link.
const NOT_OURS: &str = "put the vault's own folder back in its place: links are not followed inside a vault";

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        let problem = error.to_string();
        match error {
            SealError::Pack(error) => error.into(),
            SealError::Outlived { clock, .. } => Self::integrity(
                problem,
                format!("set the clock, and use the site's newest pack; if {}", confirm(clock)),
            ),
            SealError::ForeignPack { .. } => {
                Self::integrity(problem, "use the pack of this vault's custodian, or another folder for the vault")
            }
            SealError::NotAVault { .. } => Self::usage(problem, "name an empty or a new folder for the vault"),
            SealError::NoVault { .. } => {
                Self::usage(problem, "check the path: nothing was sealed or deleted; --new makes a vault there")
            }
            SealError::Gone { .. } => Self::usage(
                problem,
                "check the path, or put the vault back in its place; --new makes another one there",
            ),
            SealError::Inside { .. } => {
                Self::usage(problem, "choose a folder elsewhere: a vault is copied whole, and keys lie apart from it")
            }
            SealError::NotOurs { .. } => Self::usage(problem, NOT_OURS),
            SealError::Export => Self::usage(problem, "name a vault that sites seal into"),
            SealError::Card(_) => {
                Self::integrity(problem, "restore the file `vault` from a backup of this vault; it never changes")
            }
            SealError::Locked { .. } => Self::usage(problem, "wait for it to end, or use a vault of your own"),
            SealError::Journal { .. } => Self::integrity(
                problem,
                "restore the journal from a backup; or move it away and use --adopt, which may seal originals twice",
            ),
            SealError::Unjournalled { .. } => Self::integrity(
                problem,
                "restore the folder `journals` from a backup; or use --adopt, which may seal originals twice",
            ),
            SealError::UnknownClass { .. } => {
                Self::usage(problem, "correct the class in captures.csv, or ask the custodian for a pack that has it")
            }
            SealError::NoBucket { .. } => Self::integrity(problem, "ask the custodian for a new pack"),
            SealError::Store { source, .. } => file_failure(problem, source.kind()),
            SealError::Departed(_) => Self::integrity(
                problem,
                "put the newest copy of the vault back; or use --adopt to go on: what is gone is sealed again only if its files \
                 are still there",
            ),
            SealError::State(error) => error.into(),
            SealError::Halted => Self::usage(problem, "see the first error, then run the same command again"),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let problem = error.to_string();
        match error {
            StateError::Io { source, .. } => file_failure(problem, source.kind()),
            StateError::Write(_) => Self::usage(
                problem,
                "make the pack's folder writable to whoever ingests, or name another place with --state FILE",
            ),
            StateError::InVault { .. } | StateError::Link { .. } => {
                Self::usage(problem, "name a file beside the pack with --state FILE; nothing was sealed or changed")
            }
            StateError::Damaged { .. } => Self::integrity(
                problem,
                "restore it from a backup; or move it away: it then begins anew, and a vault that was rolled back before is not \
                 noticed",
            ),
        }
    }
}

impl From<ExpireError> for Failure {
    fn from(error: ExpireError) -> Self {
        let problem = error.to_string();
        match error {
            ExpireError::Open(error) => error.into(),
            ExpireError::Keyring(error) => error.into(),
            ExpireError::NotOurs { .. } => Self::usage(problem, NOT_OURS),
            ExpireError::Export => Self::usage(problem, "name the vault that it was made from"),
            ExpireError::Unvouched { .. } => {
                Self::usage(problem, "give the site pack with --pack, or the custodian's id with --custodian")
            }
            ExpireError::Foreign { .. } => Self::integrity(problem, "use the keyring of this vault's custodian"),
            ExpireError::Locked { .. } => Self::usage(problem, "wait for it to end, then run the same command again"),
            ExpireError::Store { source, .. } => file_failure(problem, source.kind()),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let problem = error.to_string();
        match error {
            OpenError::Permit(error) => error.into(),
            OpenError::Io { source, .. } => file_failure(problem, source.kind()),
            OpenError::NotAVault { .. } => Self::usage(problem, "name the folder that holds a file `vault`"),
            OpenError::NoRecord { .. } => Self::usage(
                problem,
                "check the record's id, and that it is of this vault; an unreadable capture has no scene",
            ),
            OpenError::Expired { .. } => Self::usage(problem, "nothing: it was not to be kept for longer"),
            OpenError::NoKey { .. } | OpenError::NothingOpens { .. } => {
                Self::integrity(problem, "use the keyring or key file that it was sealed for")
            }
            OpenError::NoSection { .. } => Self::usage(problem, "the view that was exported does not contain it"),
            OpenError::Card(_) => {
                Self::integrity(problem, "restore the file `vault` from a backup of this vault; it never changes")
            }
            OpenError::ForeignCustodian { .. } => Self::integrity(
                problem,
                "use this vault's own keyring, pack or id; if it was the right one, the vault's file `vault` was exchanged: restore \
                 it from a backup, and check again",
            ),
            OpenError::Header { .. }
            | OpenError::Misnamed { .. }
            | OpenError::ForeignSegment { .. }
            | OpenError::Length { .. }
            | OpenError::Envelope { .. }
            | OpenError::Section { .. }
            | OpenError::Record { .. } => Self::integrity(
                problem,
                "restore the segment from a backup; `safelight check` names every one that is damaged",
            ),
        }
    }
}
