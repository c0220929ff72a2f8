//! How far a site has sealed into each vault, kept outside of it: so a vault that was rolled back, cut or exchanged is noticed.
//!
//! A journal proves what it holds, and nothing about what is no longer in it. A site therefore keeps the end of its journal,
//! its *head*, in a small file beside its pack (docs/vault-format.md). It is written after a commit and never before: it may
//! be older than the vault and never newer, so that no crash is taken for a rollback. It names no capture. Beside the heads stands
//! the latest time at which the site has sealed: a clock that falls back is noticed by it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::journal::End;
use super::place::{self, Enclosure};
use crate::custody::{FileError, JournalKey, SitePack, put_private, remove_unfinished};
use crate::files;
use crate::seal::{JournalId, SUITE, SegmentId, VaultId, secret_key};
use crate::words::count;

const MAGIC: &[u8; 8] = b"SLSTT\r\n\x1a";
const VERSION: u16 = 2;
/// Without a time.
const FIRST_VERSION: u16 = 1;
const FIXED_LEN: usize = 32;
const TIME_LEN: usize = 8;
const ENTRY_LEN: usize = 80;
const MAC_LEN: usize = 32;
/// A site seals into a vault or two; a file with more than 10,000 is something else.
const MAX_LEN: u64 = 800_100;

secret_key! {
    struct StateKey
}

/// Where a site's journal in one vault had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The journal's length behind its last durable frame.
    pub len: u64,
    /// The chain's value there.
    pub chain: [u8; 32],
    /// Segments that the journal names up to there.
    pub segments: u64,
    /// The newest of them; zeros when there is none.
    pub newest: SegmentId,
}

/// A vault is not, or no longer, what its site has sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Departure {
    /// What the site sealed last is gone: the vault was rolled back or cut.
    #[error("the vault is behind its site, which has sealed {} more into it, the last of them {newest}", count(*.missing, "segment"))]
    Behind {
        /// How many segments the site knows more of than the vault.
        missing: u64,
        /// The newest segment that the site has sealed.
        newest: SegmentId,
    },
    /// The journal parts from the one that the site has written.
    #[error(
        "the vault's journal parts from the one that its site has written before byte {at}; the site's newest segment is {newest}"
    )]
    Forked {
        /// Where the site's journal had come to.
        at: u64,
        /// The newest segment that the site has sealed.
        newest: SegmentId,
    },
}

/// A site's state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It cannot be read.
    #[error("the site's state {} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is another site's, of a later version, or altered.
    #[error("{} is not this site's state, or was altered", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It would lie in a vault, and be carried away, rolled back or taken for a part of it together with that.
    #[error("the site's state {} lies in a vault", path.display())]
    InVault {
        /// The file.
        path: PathBuf,
    },
    /// It is a link: what it leads to is another's to write.
    #[error("the site's state {} is a symbolic link", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("the site's state cannot be kept: {0}")]
    Write(#[from] FileError),
}

/// What a site's state says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    heads: BTreeMap<VaultId, Head>,
    /// When the site has sealed last; the first version did not note it.
    latest: Option<Timestamp>,
}

impl Known {
    /// What both say. Of two states of one site none is ahead of the vault: whichever came farther counts.
    fn and(mut self, other: Self) -> Self {
        for (vault, head) in other.heads {
            let known = self.heads.entry(vault).or_insert(head);
            *known = if head.len > known.len { head } else { *known };
        }
        self.latest = self.latest.max(other.latest);
        self
    }
}

/// The heads of one site.
pub struct SiteState {
    path: PathBuf,
    journal: JournalId,
    key: StateKey,
    known: Known,
    /// The time that stands in the file is not to be believed any more.
    time_is_set: bool,
}

impl SiteState {
    /// Where the state of a pack's site lies unless somebody says otherwise: beside the pack, under its name and `.state`.
    pub fn beside(pack: &Path) -> PathBuf {
        let mut name = pack.file_name().unwrap_or_default().to_owned();
        name.push(".state");
        pack.with_file_name(name)
    }

    /// Reads the state at `path` of the pack's site. Where there is none, one of the same site in the same folder is taken: that
    /// of an earlier pack. Where there is none either, it begins anew, and knows of no vault.
    ///
    /// # Errors
    ///
    /// See [`StateError`].
    pub fn read(path: &Path, pack: &SitePack) -> Result<Self, StateError> {
        let empty = || Self {
            path: path.to_owned(),
            journal: pack.journal(),
            key: state_key(pack.journal_key()),
            known: Known::default(),
            time_is_set: false,
        };
        let mut state = empty();
        match files::read(path, MAX_LEN) {
            Ok(bytes) => {
                let known = state.parse(&bytes);
                state.known = known.ok_or_else(|| StateError::Damaged { path: path.to_owned() })?;
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                state.known = state.earlier().unwrap_or_default();
            }
            Err(source) => return Err(StateError::Io { path: path.to_owned(), source }),
        }
        Ok(state)
    }

    /// What the state of an earlier pack of this site says. What is no such file is passed over.
    fn earlier(&self) -> Option<Known> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
        let states = entries.filter(|path| path.extension().is_some_and(|extension| extension == "state"));
        states.filter_map(|path| self.parse(&files::read(&path, MAX_LEN).ok()?)).reduce(Known::and)
    }

    /// Whether a state may be kept at `path` by who seals into the vault in `root`: it is written over what lies there.
    ///
    /// # Errors
    ///
    /// [`StateError::InVault`], [`StateError::Link`].
    pub(super) fn check_place(path: &Path, root: &Path) -> Result<(), StateError> {
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(StateError::Link { path: path.to_owned() });
        }
        let inside =
            place::resolved(path).starts_with(place::resolved(root)) || Enclosure::vault_around(path).is_some();
        if inside { Err(StateError::InVault { path: path.to_owned() }) } else { Ok(()) }
    }

    /// Whether no vault is known.
    pub fn is_empty(&self) -> bool {
        self.known.heads.is_empty()
    }

    /// Whether anything is known of this vault.
    pub fn knows(&self, vault: VaultId) -> bool {
        self.known.heads.contains_key(&vault)
    }

    /// When the site has sealed last, whatever its clock says now.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.known.latest
    }

    /// Believes a clock from now on that is behind: it was ahead before.
    pub(super) fn set_time(&mut self, clock: Timestamp) {
        (self.known.latest, self.time_is_set) = (Some(clock), true);
    }

    /// Up to where a journal must be read for its chain there to be compared.
    pub(super) fn mark(&self, vault: VaultId) -> Option<u64> {
        self.known.heads.get(&vault).map(|head| head.len)
    }

    /// Whether a vault still holds all that its site has sealed. `end` is where the site's journal ends in it, read with
    /// [`Self::mark`]; `is_there` tells whether a segment is there or was removed by its custodian's word.
    pub(super) fn compare(
        &self,
        vault: VaultId,
        end: &End,
        is_there: impl Fn(SegmentId) -> bool,
    ) -> Result<(), Departure> {
        let Some(head) = self.known.heads.get(&vault) else { return Ok(()) };
        let newest = head.newest;
        if end.len < head.len {
            return Err(Departure::Behind { missing: head.segments.saturating_sub(end.named.count).max(1), newest });
        }
        if end.marked != Some(head.chain) {
            return Err(Departure::Forked { at: head.len, newest });
        }
        // Its intent may be there and say nothing: the segment was named durably before this was written down.
        if head.segments > 0 && end.pending.is_some_and(|pending| pending.0 == newest) && !is_there(newest) {
            return Err(Departure::Behind { missing: 1, newest });
        }
        Ok(())
    }

    /// Keeps where the site has come to in a vault, and when, durably. The time never goes back.
    pub(super) fn keep(&mut self, vault: VaultId, head: Head, now: Timestamp) -> Result<(), StateError> {
        let known = &self.known;
        if known.heads.get(&vault) == Some(&head)
            && known.latest >= Some(now)
            && !self.time_is_set
            && self.path.exists()
        {
            return Ok(());
        }
        // Another process of this site may seal into another vault. What is not a state of this site is never replaced.
        let found = match files::read_own(&self.path, MAX_LEN) {
            Ok(bytes) => Some(self.parse(&bytes).ok_or_else(|| StateError::Damaged { path: self.path.clone() })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(StateError::Io { path: self.path.clone(), source }),
        };
        let over = found.is_some();
        let found = found.unwrap_or_default();
        self.known.heads.extend(found.heads.into_iter().filter(|(other, _)| *other != vault));
        self.known.heads.insert(vault, head);
        let elsewhere = found.latest.filter(|_| !self.time_is_set);
        self.known.latest = self.known.latest.max(elsewhere).max(Some(now));
        put_private(&self.path, &self.to_bytes(), over)?;
        self.time_is_set = false;
        Ok(())
    }

    /// Removes states of this site beside this one that were being written when their writers were killed.
    pub(super) fn clear_strays(&self) {
        let ours = |head: &[u8]| head.starts_with(MAGIC) && head.get(16..FIXED_LEN) == Some(&self.journal.0);
        remove_unfinished(&self.path, FIXED_LEN, ours);
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Known { heads, latest } = &self.known;
        let mut bytes = Vec::with_capacity(FIXED_LEN + TIME_LEN + ENTRY_LEN * heads.len() + MAC_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(heads.len()).expect("a site has few vaults").to_le_bytes());
        bytes.extend_from_slice(&self.journal.0);
        bytes.extend_from_slice(&latest.map_or(i64::MIN, Timestamp::as_millisecond).to_le_bytes());
        for (vault, head) in heads {
            bytes.extend_from_slice(&vault.0);
            bytes.extend_from_slice(&head.len.to_le_bytes());
            bytes.extend_from_slice(&head.segments.to_le_bytes());
            bytes.extend_from_slice(&head.newest.0);
            bytes.extend_from_slice(&head.chain);
        }
        bytes.extend_from_slice(blake3::keyed_hash(self.key.expose(), &bytes).as_bytes());
        bytes
    }

    /// `None` when it is not what this site has written.
    fn parse(&self, bytes: &[u8]) -> Option<Known> {
        let (content, mac) = bytes.split_last_chunk::<MAC_LEN>()?;
        // The comparison of hashes takes the same time wherever they differ.
        if blake3::keyed_hash(self.key.expose(), content) != *mac {
            return None;
        }
        let (fixed, entries) = content.split_first_chunk::<FIXED_LEN>()?;
        let [version, suite] = [8, 10].map(|at| u16::from_le_bytes([fixed[at], fixed[at + 1]]));
        let count = usize::try_from(u32::from_le_bytes(*fixed[12..].first_chunk()?)).ok()?;
        let ours = fixed.starts_with(MAGIC) && suite == SUITE && fixed[16..] == self.journal.0;
        let (latest, entries) = match version {
            VERSION => {
                let (time, entries) = entries.split_first_chunk::<TIME_LEN>()?;
                (Timestamp::from_millisecond(i64::from_le_bytes(*time)).ok(), entries)
            }
            FIRST_VERSION => (None, entries),
            _ => return None,
        };
        let (entries, rest) = entries.as_chunks::<ENTRY_LEN>();
        if !ours || entries.len() != count || !rest.is_empty() {
            return None;
        }
        let head = |entry: &[u8; ENTRY_LEN]| {
            let number = |at: usize| Some(u64::from_le_bytes(*entry[at..].first_chunk()?));
            let head = Head {
                len: number(16)?,
                segments: number(24)?,
                newest: SegmentId(*entry[32..].first_chunk()?),
                chain: *entry[48..].first_chunk()?,
            };
            Some((VaultId(*entry.first_chunk()?), head))
        };
        Some(Known { heads: entries.iter().map(head).collect::<Option<_>>()?, latest })
    }
}

fn state_key(key: &JournalKey) -> StateKey {
    StateKey::from_bytes(&blake3::derive_key("safelight v1 site state", key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(folder: &Path) -> SiteState {
        let key = state_key(&JournalKey::from_bytes(&[3; 32]));
        let (journal, known) = (JournalId([1; 16]), Known::default());
        SiteState { path: folder.join("site.pack.state"), journal, key, known, time_is_set: false }
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + day * 86_400).expect("a time")
    }

    const VAULT: VaultId = VaultId([2; 16]);
    const HEAD: Head = Head { len: 1344, chain: [4; 32], segments: 1, newest: SegmentId([5; 16]) };

    fn end(len: u64, marked: Option<[u8; 32]>, pending: bool) -> End {
        let pending = pending.then_some((HEAD.newest, [0; 32]));
        let mut end = End::none();
        (end.len, end.chain, end.pending, end.marked) = (len, [4; 32], pending, marked);
        end.named.count = 1;
        end
    }

    #[test]
    fn a_state_comes_back_and_any_altered_byte_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut state = state(folder.path());
        state.keep(VAULT, HEAD, at(0)).expect("kept");
        state.keep(VaultId([9; 16]), Head { len: 80, segments: 0, ..HEAD }, at(1)).expect("kept");
        let bytes = std::fs::read(&state.path).expect("read");
        assert_eq!(bytes.len(), FIXED_LEN + TIME_LEN + 2 * ENTRY_LEN + MAC_LEN);
        assert_eq!(state.parse(&bytes).as_ref(), Some(&state.known));
        assert_eq!(state.latest(), Some(at(1)));
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(state.parse(&altered).is_none(), "byte {at}");
            assert!(state.parse(&bytes[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn what_another_process_kept_of_another_vault_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut one, mut other) = (state(folder.path()), state(folder.path()));
        one.keep(VAULT, HEAD, at(5)).expect("kept");
        other.keep(VaultId([9; 16]), HEAD, at(3)).expect("kept");
        assert!(other.knows(VAULT));
        assert_eq!(other.latest(), Some(at(5)), "nor does the time go back");
    }

    #[test]
    fn the_time_goes_back_only_when_somebody_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut state = state(folder.path());
        state.keep(VAULT, HEAD, at(9)).expect("kept");
        state.keep(VAULT, HEAD, at(2)).expect("kept");
        let read = |state: &SiteState| state.parse(&std::fs::read(&state.path).expect("read")).expect("a state").latest;
        assert_eq!((state.latest(), read(&state)), (Some(at(9)), Some(at(9))));
        state.set_time(at(2));
        state.keep(VAULT, HEAD, at(2)).expect("kept");
        assert_eq!((state.latest(), read(&state)), (Some(at(2)), Some(at(2))));
        state.keep(VAULT, HEAD, at(3)).expect("kept");
        assert_eq!(read(&state), Some(at(3)), "and goes on from there");
    }

    #[test]
    fn a_state_of_the_first_version_is_read_and_goes_on_with_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut state = state(folder.path());
        state.keep(VAULT, HEAD, at(0)).expect("kept");
        let bytes = std::fs::read(&state.path).expect("read");
        let mut first = [&bytes[..FIXED_LEN], &bytes[FIXED_LEN + TIME_LEN..bytes.len() - MAC_LEN]].concat();
        first[8] = 1;
        first.extend_from_slice(blake3::keyed_hash(state.key.expose(), &first).as_bytes());
        let known = state.parse(&first).expect("it is read");
        assert_eq!((known.heads.get(&VAULT), known.latest), (Some(&HEAD), None));
        std::fs::write(&state.path, &first).expect("written");
        state.known = known;
        state.keep(VAULT, HEAD, at(1)).expect("kept");
        assert_eq!(std::fs::read(&state.path).expect("read")[8], 2);
    }

    #[test]
    fn a_vault_may_be_ahead_and_never_behind_or_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut state = state(folder.path());
        state.keep(VAULT, HEAD, at(0)).expect("kept");
        let (there, gone) = (|_| true, |_| false);
        assert_eq!(state.compare(VAULT, &end(1344, Some([4; 32]), false), there), Ok(()));
        assert_eq!(state.compare(VAULT, &end(9999, Some([4; 32]), false), gone), Ok(()), "ahead, and named since");
        assert_eq!(state.compare(VaultId([8; 16]), &end(80, None, false), gone), Ok(()), "not known");
        let behind = Err(Departure::Behind { missing: 1, newest: HEAD.newest });
        assert_eq!(state.compare(VAULT, &end(1343, None, false), there), behind);
        assert_eq!(state.compare(VAULT, &end(1344, Some([4; 32]), true), gone), behind, "cut at the last intent");
        assert_eq!(state.compare(VAULT, &end(1344, Some([4; 32]), true), there), Ok(()), "a crash after the commit");
        let forked = Err(Departure::Forked { at: 1344, newest: HEAD.newest });
        assert_eq!(state.compare(VAULT, &end(9999, Some([7; 32]), false), there), forked);
        assert_eq!(state.compare(VAULT, &end(9999, None, false), there), forked);
    }
}
