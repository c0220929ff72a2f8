//! Expiry in a vault: keys that are due are destroyed, tombstones say so, and segments that nobody can open any more go.
//!
//! The order of writes, so that whatever dies in between, nothing is lost that is not due and a second run finishes:
//!
//! 1. the tombstones, signed and durable: from now on what they name counts as expired, and what is missing as removed;
//! 2. the keyring without the keys, under a fresh keyring key: the deletion;
//! 3. the removal of segments that a tombstone names.
//!
//! Only keys that are due are ever named, so a death after the first step leaves due records that can still be opened, and
//! nothing else. Steps 1 and 3 are per vault; a vault that was not there when the keys were destroyed is given later, and
//! gets its tombstones then, without digests of captures that nobody can read any more.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::card::VaultKind;
use super::claims::Gaps;
use super::header::Header;
use super::layout::Layout;
use super::lock::{self, Lock};
use super::opening::{OpenError, OpeningVault};
use super::own;
use super::store::{Disk, Store};
use super::tombstone::{Buried, CaptureDigest, LostKey, SIGNATURE_CONTEXT, Tombstone, Tombstones};
use super::trust::Trust;
use crate::custody::{Destroyed, DueKey, Keyring, KeyringError, OpeningKeys};
use crate::files;
use crate::seal::{Capability, CustodyId, KeyId, SegmentId, TombstoneId};

/// A tombstone is closed when it holds so many digests: 8 MB.
const DIGESTS_PER_TOMBSTONE: usize = 1 << 20;

/// Something did not expire. Running it again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpireError {
    /// The vault cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The keyring cannot be written.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The folder is an export: its recipient's key decides over it.
    #[error("this vault is an export and has no terms of its own")]
    Export,
    /// The vault belongs to another custodian.
    #[error("this vault belongs to custodian {vault}, and the keyring to {keyring}")]
    Foreign {
        /// Whose the vault is.
        vault: CustodyId,
        /// Whose the keyring is.
        keyring: CustodyId,
    },
    /// Nobody vouches for the vault's custodian, on whose word segments were to be removed.
    #[error("nobody vouches for custodian {vault} of this vault, and nothing is removed on a stranger's word")]
    Unvouched {
        /// Whom the card names.
        vault: CustodyId,
    },
    /// In the vault's folder, a link or a file has the name of one of its folders.
    #[error("{} is not a folder of this vault", path.display())]
    NotOurs {
        /// What is in its place.
        path: PathBuf,
    },
    /// Another process is writing into the vault.
    #[error("another process is writing into {}", path.display())]
    Locked {
        /// The vault.
        path: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot {deed} {}: {source}", path.display())]
    Store {
        /// What was to be done.
        deed: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What expired, or would.
#[derive(Debug, Default)]
pub struct Expired {
    /// The keys that are due.
    pub due: Vec<DueKey>,
    /// Pseudonym epochs whose keys are due with them.
    pub epochs: Vec<u32>,
    /// What became of them; `None` when none is due, or nothing was to be done.
    pub destroyed: Option<Destroyed>,
    /// What became of each vault, in the order given.
    pub vaults: Vec<ExpiredVault>,
}

/// What expired in one vault, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiredVault {
    /// Segments of which a part can no longer be opened, and another part can.
    pub partly: u64,
    /// Segments removed.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Captures that a tombstone now knows as expired.
    pub captures: u64,
    /// Segments that could not be looked into, and stay as they are.
    pub damaged: u64,
}

/// A vault that is held for expiry: no ingest runs meanwhile.
pub struct ExpiringVault {
    store: Box<dyn Store>,
    layout: Layout,
    vault: OpeningVault,
    tombstones: Tombstones,
    lock: Lock,
}

/// What is yet to be told of a vault.
#[derive(Default)]
struct Plan {
    /// By segment: its keys that no longer open anything, and what a tombstone is to say of it.
    segments: Vec<(SegmentId, Vec<KeyId>, Option<Buried>)>,
    outcome: ExpiredVault,
}

/// Destroys the keys whose month was over at `before`, and does in each vault what follows from it and from what expired
/// earlier.
///
/// # Errors
///
/// See [`ExpireError`]. Nothing is lost that is not due; the next run goes on.
pub fn expire(
    keyring: &mut Keyring,
    vaults: &mut [ExpiringVault],
    before: Timestamp,
    now: Timestamp,
) -> Result<Expired, ExpireError> {
    check_custodians(keyring, vaults)?;
    let mut expired = Expired { due: keyring.due(before), epochs: keyring.due_epochs(before), ..Expired::default() };
    let doomed = doomed(keyring, &expired.due, now);
    let catalogues = keyring.opening_keys(&[Capability::Catalogue]);
    for vault in vaults.iter_mut() {
        expired.vaults.push(vault.announce(&doomed, &catalogues, keyring, now)?);
    }
    expired.destroyed = keyring.destroy_due(before, now)?;
    for vault in vaults.iter_mut() {
        vault.remove_named()?;
    }
    Ok(expired)
}

/// What [`expire`] would do; writes nothing.
pub fn would_expire(
    keyring: &Keyring,
    vaults: &[ExpiringVault],
    before: Timestamp,
    now: Timestamp,
) -> Result<Expired, ExpireError> {
    check_custodians(keyring, vaults)?;
    let mut expired = Expired { due: keyring.due(before), epochs: keyring.due_epochs(before), ..Expired::default() };
    let doomed = doomed(keyring, &expired.due, now);
    for vault in vaults {
        expired.vaults.push(vault.plan(&doomed)?.outcome);
    }
    Ok(expired)
}

/// Whether all of these are vaults of this custodian, to be asked before anything is put on record or changed.
///
/// # Errors
///
/// For the first that is not.
pub fn check_custodians(keyring: &Keyring, vaults: &[ExpiringVault]) -> Result<(), ExpireError> {
    vaults.iter().try_for_each(|vault| vault.check_custodian(keyring))
}

/// Keys that open nothing any more, or will not in a moment, and since when.
fn doomed(keyring: &Keyring, due: &[DueKey], now: Timestamp) -> HashMap<KeyId, Timestamp> {
    keyring.expired().chain(due.iter().map(|due| (due.key, now))).collect()
}

fn failed(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExpireError {
    move |source| ExpireError::Store { deed, path: path.to_owned(), source }
}

impl ExpiringVault {
    /// Takes the vault in `folder`, whose custodian must be the one who is trusted. Cleans up after an interrupted run.
    pub fn open(folder: &Path, trust: Trust) -> Result<Self, ExpireError> {
        Self::open_on(Box::new(Disk), folder, trust)
    }

    /// As [`Self::open`], writing through a store of the caller's choice.
    pub fn open_on(store: Box<dyn Store>, folder: &Path, trust: Trust) -> Result<Self, ExpireError> {
        let vault = OpeningVault::open(folder, trust)?;
        if vault.card().kind == VaultKind::Export {
            return Err(ExpireError::Export);
        }
        let layout = Layout::new(folder);
        if !files::is_file(&layout.card()).unwrap_or(false) {
            return Err(ExpireError::NotOurs { path: layout.card() });
        }
        if let Some(path) = own::strange_folder(&layout).map_err(failed("read", folder))? {
            return Err(ExpireError::NotOurs { path });
        }
        let path = layout.lock();
        let lock = lock::take(&path).map_err(failed("lock", &path))?;
        let lock = lock.ok_or_else(|| ExpireError::Locked { path: folder.to_owned() })?;
        let tombstones = Tombstones::read(&layout, vault.card())?;
        Ok(Self { store, layout, vault, tombstones, lock })
    }

    /// What is missing from the vault, journals that their sites did not write by the custodian's `keys`, segments whose catalogue
    /// these do not open, and tombstones that count for nothing.
    ///
    /// # Errors
    ///
    /// When the vault cannot be listed.
    pub fn gaps(&self, keys: &OpeningKeys) -> Result<Gaps, OpenError> {
        let mut gaps = self.vault.gaps(keys)?;
        gaps.damaged.append(&mut self.distrusted()?.damaged);
        Ok(gaps)
    }

    /// Tombstones that are damaged, or that the custodian did not sign: nothing is removed on their word.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub fn distrusted(&self) -> Result<Gaps, OpenError> {
        Ok(Gaps { damaged: self.vault.tombstones()?.faults, ..Gaps::default() })
    }

    /// Removes the segments that a tombstone of the trusted custodian names, and says how many there were and their bytes.
    /// Needs no private key: a site that was sent the tombstones does the same on the word of its pack.
    ///
    /// # Errors
    ///
    /// See [`ExpireError`]; [`ExpireError::Unvouched`] when nobody is trusted.
    pub fn remove_buried(&mut self) -> Result<(u64, u64), ExpireError> {
        if !self.vault.is_vouched() {
            return Err(ExpireError::Unvouched { vault: self.vault.card().custodian.custody() });
        }
        self.remove_named()
    }

    /// The same, when the custodian is known: a keyring or a trusted key has agreed with the card.
    fn remove_named(&mut self) -> Result<(u64, u64), ExpireError> {
        let (mut removed, mut bytes) = (0, 0);
        for segment in self.vault.segments()? {
            let path = self.layout.segment(segment);
            // A link or a folder of that name is somebody else's.
            if self.tombstones.removed.contains_key(&segment) && files::is_file(&path).unwrap_or(false) {
                self.lock.keep();
                bytes += fs::metadata(&path).map_or(0, |metadata| metadata.len());
                self.store.remove(&path).map_err(failed("remove", &path))?;
                removed += 1;
            }
        }
        if removed > 0 {
            let folder = self.layout.segments();
            self.store.sync_folder(&folder).map_err(failed("sync", &folder))?;
        }
        Ok((removed, bytes))
    }

    fn check_custodian(&self, keyring: &Keyring) -> Result<(), ExpireError> {
        let (vault, keyring) = (self.vault.card().custodian, keyring.verifying_key());
        if vault == keyring {
            return Ok(());
        }
        Err(ExpireError::Foreign { vault: vault.custody(), keyring: keyring.custody() })
    }

    /// Looks at every segment's header: which of its keys are doomed, and what no tombstone says yet.
    fn plan(&self, doomed: &HashMap<KeyId, Timestamp>) -> Result<Plan, ExpireError> {
        let mut plan = Plan::default();
        for segment in self.vault.segments()? {
            // One that is damaged must not keep keys alive.
            let readable = files::is_file(&self.layout.segment(segment)).unwrap_or(false);
            let Some(header) = readable.then(|| self.vault.header(segment).ok()).flatten() else {
                plan.outcome.damaged += 1;
                continue;
            };
            let keys: Vec<KeyId> = header.entries.iter().map(|entry| entry.key).collect();
            let lost: Vec<KeyId> = keys.iter().copied().filter(|key| doomed.contains_key(key)).collect();
            if lost.is_empty() {
                continue;
            }
            let removed = lost.len() == keys.len();
            if removed {
                plan.outcome.removed += 1;
                plan.outcome.bytes += header.file_len();
            } else {
                plan.outcome.partly += 1;
            }
            let buried = self.burial(segment, &header, &lost, removed)?;
            let untold: Vec<KeyId> = lost.into_iter().filter(|key| !self.tombstones.keys.contains_key(key)).collect();
            if !untold.is_empty() || buried.is_some() {
                plan.segments.push((segment, untold, buried));
            }
        }
        Ok(plan)
    }

    /// What a tombstone is to say of a segment; `None` when its catalogue is open, or one says it already.
    fn burial(
        &self,
        segment: SegmentId,
        header: &Header,
        lost: &[KeyId],
        removed: bool,
    ) -> Result<Option<Buried>, ExpireError> {
        let catalogue = header.entry(Capability::Catalogue);
        let closed = catalogue.is_none_or(|entry| lost.contains(&entry.key));
        let told = match removed {
            true => self.tombstones.removed.contains_key(&segment),
            false => self.tombstones.buried.contains_key(&segment),
        };
        if !closed || told {
            return Ok(None);
        }
        Ok(Some(Buried { segment: segment.0, trailer: self.vault.trailer(segment)?, removed }))
    }

    /// Writes the tombstones that are missing.
    fn announce(
        &mut self,
        doomed: &HashMap<KeyId, Timestamp>,
        catalogues: &OpeningKeys,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<ExpiredVault, ExpireError> {
        self.lock.keep();
        // An interrupted ingest's, too: it was never committed.
        let cleared = own::clear_incoming(&*self.store, &self.layout, self.vault.card().vault);
        cleared.map_err(|(path, error)| failed("remove", &path)(error))?;
        let Plan { segments, mut outcome } = self.plan(doomed)?;
        let mut draft = Draft::default();
        for (segment, keys, buried) in segments {
            let lost = keys.into_iter().filter_map(|key| Some((key, *doomed.get(&key)?)));
            draft.keys.extend(lost.map(|(key, at)| LostKey { key: key.0, destroyed: at.as_second() }));
            if let Some(buried) = buried {
                if !self.tombstones.buried.contains_key(&segment) {
                    match draft.bury_captures(&self.vault, segment, catalogues) {
                        Ok(captures) => outcome.captures += captures,
                        Err(_) => outcome.damaged += 1,
                    }
                }
                draft.segments.push(buried);
            }
            if draft.captures.len() >= DIGESTS_PER_TOMBSTONE {
                self.write(std::mem::take(&mut draft), keyring, now)?;
            }
        }
        if !draft.keys.is_empty() || !draft.segments.is_empty() {
            self.write(draft, keyring, now)?;
        }
        Ok(outcome)
    }

    fn write(&mut self, draft: Draft, keyring: &Keyring, now: Timestamp) -> Result<(), ExpireError> {
        let tombstone = draft.finish(now);
        let (id, vault) = (TombstoneId::random(), self.vault.card().vault);
        let bytes = tombstone.to_bytes(vault, id, |message| keyring.sign(SIGNATURE_CONTEXT, message));
        let (folder, staged) = (self.layout.tombstones(), self.layout.incoming().join(id.to_string()));
        for needed in [self.layout.incoming(), folder.clone()] {
            self.store.create_folder(&needed).map_err(failed("create", &needed))?;
        }
        let root = self.layout.root();
        self.store.sync_folder(root).map_err(failed("sync", root))?;
        let mut file = self.store.create(&staged).map_err(failed("create", &staged))?;
        file.write_all(&bytes).and_then(|()| file.blank_times()).map_err(failed("write", &staged))?;
        file.sync().map_err(failed("sync", &staged))?;
        let path = self.layout.tombstone(id);
        self.store.rename(&staged, &path).map_err(failed("create", &path))?;
        self.store.sync_folder(&folder).map_err(failed("sync", &folder))?;
        self.tombstones.add(&tombstone);
        Ok(())
    }
}

/// A tombstone that is being filled.
#[derive(Default)]
struct Draft {
    /// Each once, however many segments share it.
    keys: BTreeSet<LostKey>,
    segments: Vec<Buried>,
    captures: Vec<CaptureDigest>,
}

impl Draft {
    /// Takes down a segment's captures while its catalogue can be read, and says how many; 0 when it no longer can.
    fn bury_captures(
        &mut self,
        vault: &OpeningVault,
        segment: SegmentId,
        catalogues: &OpeningKeys,
    ) -> Result<u64, OpenError> {
        let ids = match vault.read_captures(segment, catalogues) {
            Err(OpenError::NoKey { .. } | OpenError::NoSection { .. }) => return Ok(0),
            ids => ids?,
        };
        self.captures.extend(ids.iter().map(|&id| Tombstone::digest(vault.card().vault, id)));
        Ok(ids.len() as u64)
    }

    fn finish(self, now: Timestamp) -> Tombstone {
        let Self { keys, segments, captures } = self;
        let keys = keys.into_iter().collect();
        Tombstone { made: now.as_second(), keys, segments, captures: Vec::new() }.with_captures(captures)
    }
}
