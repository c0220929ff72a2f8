//! The sealing vault: a site's side. It seals and cannot open, not even what it wrote a second ago.
//!
//! The order of writes makes every capture sealed exactly once, wherever the process or the power dies:
//!
//! 1. the segment, under `incoming/`, synced;
//! 2. the journal's intent with its digests, synced;
//! 3. the rename into `segments/`, which is the commit;
//! 4. the folder, synced;
//! 5. the journal's note that it happened, made durable with the next intent.
//!
//! Recovery counts an intent if and only if its segment exists. After any failed write the vault refuses to go on: what
//! is on the disk is then valid, and a new run finds out what that is.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::card::{CARD_LEN, Card, CardError, VaultKind};
use super::header::TRAILER_LEN;
use super::journal::{self, Deed, Frame, JournalError, MAX_CAPTURES, MacKey};
use super::layout::Layout;
use super::lock;
use super::record::CaptureRecord;
use super::segment::{SealedSegment, SegmentDraft};
use super::sieve::{Digest, Sieve};
use super::store::{Disk, Store, StoreFile};
use super::tombstone::Tombstones;
use crate::custody::{PackError, Schedule, SealingKey, SitePack};
use crate::files;
use crate::seal::{Capability, CustodyId, JournalId, SegmentId, VaultId};

/// When a segment is full, and what else a site may choose.
#[derive(Clone, Debug)]
pub struct SealingOptions {
    /// A flush follows when the captures in memory reach this many bytes. 64 MiB: two fsyncs then cost nothing beside the
    /// encryption, and memory stays small.
    pub segment_bytes: u64,
    /// A flush follows when a capture has waited this long and another comes. Five seconds: what a power cut may undo.
    pub flush_after: Duration,
    /// Seal an original again although the journal knows it.
    pub allow_duplicates: bool,
    /// Go on in a vault whose journals do not name all of its segments, as after the loss of a journal. What those hold
    /// may then be sealed twice.
    pub adopt_unjournalled: bool,
}

impl Default for SealingOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            flush_after: Duration::from_secs(5),
            allow_duplicates: false,
            adopt_unjournalled: false,
        }
    }
}

/// Captures cannot be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The pack is expired or not valid yet.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The vault belongs to another custodian than the pack.
    #[error("this vault belongs to custodian {vault}, and the site pack was issued by {pack}")]
    ForeignPack {
        /// Whose the vault is.
        vault: CustodyId,
        /// Who issued the pack.
        pack: CustodyId,
    },
    /// The folder holds something that is not a vault.
    #[error("{} exists and is not a vault", path.display())]
    NotAVault {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is an export, which nobody adds to.
    #[error("this vault is an export and takes no captures")]
    Export,
    /// The vault's card is unreadable.
    #[error("the vault's card cannot be used: {0}")]
    Card(#[from] CardError),
    /// Another process is writing into the vault.
    #[error("another process is writing into {}", path.display())]
    Locked {
        /// The vault.
        path: PathBuf,
    },
    /// A journal cannot be trusted.
    #[error("journal {journal} cannot be used: {source}")]
    Journal {
        /// Which.
        journal: JournalId,
        /// What is wrong with it.
        source: JournalError,
    },
    /// Segments exist that no journal names: a journal was lost or cut.
    #[error("{count} segments are named by no journal, such as {example}")]
    Unjournalled {
        /// How many.
        count: usize,
        /// One of them.
        example: SegmentId,
    },
    /// The class is not in the custodian's policy.
    #[error("the custodian's policy has no retention class {class:?}")]
    UnknownClass {
        /// The class.
        class: String,
    },
    /// The pack has no key for this class and time.
    #[error("the site pack has no {capability} key for class {class:?} at this time")]
    NoBucket {
        /// The class.
        class: String,
        /// For what.
        capability: Capability,
    },
    /// A file or folder cannot be written. The vault stays valid.
    #[error("cannot {deed} {}: {source}", path.display())]
    Store {
        /// What was to be done.
        deed: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An earlier write failed.
    #[error("an earlier write failed, and this run cannot seal any more")]
    Halted,
}

/// What was sealed in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealTotals {
    /// Segments committed.
    pub segments: u64,
    /// Captures committed.
    pub captures: u64,
    /// Captures that were dropped because the vault has them.
    pub duplicates: u64,
    /// Bytes of the segments.
    pub bytes: u64,
}

/// A vault for writing.
pub struct SealingVault {
    files: Files,
    _lock: File,
    vault: VaultId,
    schedule: Arc<Schedule>,
    journal: JournalWriter,
    sieve: Sieve,
    options: SealingOptions,
    pending: Vec<Pending>,
    totals: SealTotals,
    halted: bool,
}

/// Captures of one class that wait for their segment.
struct Pending {
    keys: Vec<SealingKey>,
    draft: SegmentDraft,
    digests: Vec<Digest>,
    since: Instant,
}

impl SealingVault {
    /// Opens the vault in `folder` for a site, or makes it. Cleans up after an interrupted run.
    pub fn open(folder: &Path, pack: &SitePack, options: SealingOptions) -> Result<Self, SealError> {
        Self::open_on(Box::new(Disk), folder, pack, options)
    }

    /// As [`Self::open`], writing through a store of the caller's choice.
    pub fn open_on(
        store: Box<dyn Store>,
        folder: &Path,
        pack: &SitePack,
        options: SealingOptions,
    ) -> Result<Self, SealError> {
        let files = Files { store, layout: Layout::new(folder) };
        pack.check_usable(files.store.now())?;
        files.create_folder(folder)?;
        let lock = files.lock()?;
        let card = files.card(pack)?;
        files.clear_incoming()?;
        let (sieve, journal) = files.recover(&card, pack, options.adopt_unjournalled)?;
        Ok(Self {
            files,
            _lock: lock,
            vault: card.vault,
            schedule: Arc::clone(pack.schedule()),
            journal,
            sieve,
            options,
            pending: Vec::new(),
            totals: SealTotals::default(),
            halted: false,
        })
    }

    /// Which vault it is.
    pub fn id(&self) -> VaultId {
        self.vault
    }

    /// Whether the original with this BLAKE3 is sealed or about to be.
    pub fn knows(&self, original_blake3: &[u8; 32]) -> bool {
        self.sieve.knows(original_blake3)
    }

    /// A handle with which other threads ask the same.
    pub fn sieve(&self) -> Sieve {
        self.sieve.clone()
    }

    /// Takes a capture. It is durable after the next flush, of which [`Self::commit`] makes sure. A duplicate is counted
    /// and dropped.
    ///
    /// # Errors
    ///
    /// After [`SealError::UnknownClass`] the vault can go on; the capture was not taken.
    pub fn append(&mut self, record: CaptureRecord) -> Result<(), SealError> {
        if self.halted {
            return Err(SealError::Halted);
        }
        let now = self.files.store.now();
        self.schedule.check_usable(now)?;
        let keys = self.keys_for(record.catalogue.class.as_deref(), now)?;
        let digest = self.sieve.digest(&record.identity.blake3);
        if !self.sieve.insert(digest) && !self.options.allow_duplicates {
            self.totals.duplicates += 1;
            return Ok(());
        }
        let same = |pending: &Pending| pending.keys.iter().map(|k| k.bucket).eq(keys.iter().map(|k| k.bucket));
        let at = self.pending.iter().position(same).unwrap_or_else(|| {
            let since = Instant::now();
            self.pending.push(Pending { keys, draft: SegmentDraft::default(), digests: Vec::new(), since });
            self.pending.len() - 1
        });
        let pending = &mut self.pending[at];
        pending.draft.push(&record.catalogue, record.scene.as_ref(), Some(&record.identity));
        pending.digests.push(digest);
        self.flush_due()
    }

    /// Makes everything durable that was appended.
    pub fn commit(&mut self) -> Result<(), SealError> {
        while let Some(pending) = self.pending.pop() {
            self.flush(pending)?;
        }
        if self.halted { Err(SealError::Halted) } else { Ok(()) }
    }

    /// Commits and closes the vault.
    pub fn finish(mut self) -> Result<SealTotals, SealError> {
        self.commit()?;
        self.journal.sync()?;
        Ok(self.totals)
    }

    /// What this run has committed so far.
    pub fn totals(&self) -> SealTotals {
        self.totals
    }

    fn keys_for(&self, class: Option<&str>, now: jiff::Timestamp) -> Result<Vec<SealingKey>, SealError> {
        let class = self
            .schedule
            .class(class)
            .ok_or_else(|| SealError::UnknownClass { class: class.unwrap_or_default().to_owned() })?;
        let key = |capability| {
            let key = self.schedule.sealing_key(class, capability, now);
            key.cloned().ok_or_else(|| SealError::NoBucket { class: class.name.clone(), capability })
        };
        Capability::ALL.into_iter().map(key).collect()
    }

    /// Flushes what is full or has waited too long.
    fn flush_due(&mut self) -> Result<(), SealError> {
        loop {
            let total: u64 = self.pending.iter().map(|pending| pending.draft.plain_len()).sum();
            let due = if total >= self.options.segment_bytes {
                // The largest: it frees the most memory for one segment.
                (0..self.pending.len()).max_by_key(|&at| self.pending[at].draft.plain_len())
            } else {
                self.pending.iter().position(|pending| {
                    pending.since.elapsed() >= self.options.flush_after || pending.draft.captures() >= MAX_CAPTURES
                })
            };
            let Some(at) = due else { return Ok(()) };
            let pending = self.pending.swap_remove(at);
            self.flush(pending)?;
        }
    }

    /// Commits one segment. If that fails the vault is halted: what became of it, the next opening finds out.
    fn flush(&mut self, pending: Pending) -> Result<(), SealError> {
        if self.halted {
            return Err(SealError::Halted);
        }
        self.halted = true;
        let Pending { keys, draft, digests, .. } = pending;
        let sealed = self.files.write_segment(&draft, self.vault, &keys)?;
        drop(draft);
        let SealedSegment { id, trailer, bytes, captures } = sealed;
        let intent = Frame { deed: Deed::Intent, segment: id, trailer, digests: journal::padded(digests) };
        self.journal.append(&intent)?;
        self.journal.sync()?;
        self.files.name_segment(id)?;
        self.journal.append(&Frame::bare(Deed::Committed, id, trailer))?;
        self.totals.segments += 1;
        self.totals.captures += captures as u64;
        self.totals.bytes += bytes;
        self.halted = false;
        Ok(())
    }
}

/// The vault's files, and the words for what goes wrong with them.
struct Files {
    store: Box<dyn Store>,
    layout: Layout,
}

fn failed(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SealError {
    move |source| SealError::Store { deed, path: path.to_owned(), source }
}

impl Files {
    fn create_folder(&self, path: &Path) -> Result<(), SealError> {
        self.store.create_folder(path).map_err(failed("create", path))
    }

    fn sync_folder(&self, path: &Path) -> Result<(), SealError> {
        self.store.sync_folder(path).map_err(failed("sync", path))
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), SealError> {
        let mut file = self.store.create(path).map_err(failed("create", path))?;
        file.write_all(bytes).and_then(|()| file.blank_times()).map_err(failed("write", path))?;
        file.sync().map_err(failed("sync", path))
    }

    /// Takes the vault for this process alone, until the file is closed.
    fn lock(&self) -> Result<File, SealError> {
        let path = self.layout.lock();
        let lock = lock::take(&path).map_err(failed("lock", &path))?;
        lock.ok_or_else(|| SealError::Locked { path: self.layout.root().to_owned() })
    }

    /// Reads the vault's card, or makes a vault of an empty folder.
    fn card(&self, pack: &SitePack) -> Result<Card, SealError> {
        let path = self.layout.card();
        let card = match files::begin(&path, CARD_LEN as u64 + 1) {
            Ok(bytes) => Card::from_bytes(&bytes)?,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return self.create_vault(pack),
            Err(source) => return Err(failed("read", &path)(source)),
        };
        if card.custodian != pack.verifying_key() {
            return Err(SealError::ForeignPack { vault: card.custodian.custody(), pack: pack.custody() });
        }
        if card.kind == VaultKind::Export {
            return Err(SealError::Export);
        }
        // Tools that copy folders leave empty ones out.
        self.create_folders()?;
        // What a process named before it died may not be durable, and is relied on from here.
        self.sync_root()?;
        self.sync_folder(&self.layout.segments())?;
        self.sync_folder(&self.layout.journals())?;
        Ok(card)
    }

    fn create_folders(&self) -> Result<(), SealError> {
        for folder in [self.layout.segments(), self.layout.journals(), self.layout.incoming()] {
            self.create_folder(&folder)?;
        }
        Ok(())
    }

    fn create_vault(&self, pack: &SitePack) -> Result<Card, SealError> {
        let root = self.layout.root();
        // What an interrupted creation leaves is ours; anything else is somebody's, and stays alone.
        let ours = [Layout::LOCK, Layout::INCOMING, Layout::SEGMENTS, Layout::JOURNALS];
        let foreign = names(root)?.iter().any(|name| !ours.contains(&name.as_str()));
        let mut used = false;
        for folder in [self.layout.segments(), self.layout.journals()] {
            used |= folder.exists() && !names(&folder)?.is_empty();
        }
        if foreign || used {
            return Err(SealError::NotAVault { path: root.to_owned() });
        }
        self.create_folders()?;
        self.clear_incoming()?;
        let (vault, custodian) = (VaultId::random(), pack.verifying_key());
        let card = match pack.card_signer() {
            Some(signer) => Card::signed(VaultKind::Site, vault, custodian, signer),
            None => Card::unsigned(VaultKind::Site, vault, custodian),
        };
        let staged = self.layout.incoming().join(Layout::CARD);
        self.write_file(&staged, &card.to_bytes())?;
        let path = self.layout.card();
        self.store.rename(&staged, &path).map_err(failed("create", &path))?;
        self.sync_root()?;
        Ok(card)
    }

    /// Makes durable the names in the vault's folder and its own.
    fn sync_root(&self) -> Result<(), SealError> {
        let root = self.layout.root();
        self.sync_folder(root)?;
        let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.sync_folder(parent)
    }

    /// Removes what an interrupted run left. It is ciphertext only.
    fn clear_incoming(&self) -> Result<(), SealError> {
        let folder = self.layout.incoming();
        for name in names(&folder)? {
            let path = folder.join(name);
            self.store.remove(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Finds out what is sealed and settles what was interrupted.
    fn recover(&self, card: &Card, pack: &SitePack, adopt: bool) -> Result<(Sieve, JournalWriter), SealError> {
        let mut unnamed: std::collections::HashSet<SegmentId> =
            names(&self.layout.segments())?.iter().filter_map(|name| SegmentId::parse(name)).collect();
        let present = unnamed.clone();
        for name in names(&self.layout.journals())? {
            let Some(id) = JournalId::parse(&name).filter(|&id| id != pack.journal()) else { continue };
            self.read_journal(card.vault, id, None, |frame| _ = unnamed.remove(&frame.segment))?;
        }
        // Without them, at worst an expired original is sealed again.
        let expired = Tombstones::read(&self.layout, card).map(|all| all.removed).unwrap_or_default();
        let sieve = Sieve::new(pack.journal_key());
        let key = MacKey::new(pack.journal_key());
        let was_sealed = |segment: &SegmentId| present.contains(segment) || expired.contains_key(segment);
        let end = self.read_journal(card.vault, pack.journal(), Some(&key), |frame| {
            unnamed.remove(&frame.segment);
            if was_sealed(&frame.segment) {
                sieve.extend(&frame.digests);
            }
        })?;
        if let Some(&example) = unnamed.iter().min().filter(|_| !adopt) {
            return Err(SealError::Unjournalled { count: unnamed.len(), example });
        }
        let mut journal = JournalWriter::resume(self, card.vault, pack.journal(), key, &end)?;
        if let Some((segment, trailer)) = end.pending {
            let deed = if was_sealed(&segment) { Deed::Committed } else { Deed::Withdrawn };
            journal.append(&Frame::bare(deed, segment, trailer))?;
        }
        for segment in unnamed {
            let path = self.layout.segment(segment);
            let trailer = trailer_of(&path).map_err(failed("read", &path))?;
            journal.append(&Frame::bare(Deed::Adopted, segment, trailer))?;
        }
        journal.sync()?;
        Ok((sieve, journal))
    }

    /// Reads a journal; an absent one is an empty one.
    fn read_journal(
        &self,
        vault: VaultId,
        journal: JournalId,
        key: Option<&MacKey>,
        visit: impl FnMut(Frame),
    ) -> Result<journal::End, SealError> {
        let unusable = |source| SealError::Journal { journal, source };
        let (file, len) = match files::open(&self.layout.journal(journal)) {
            Ok((file, len)) => (Some(file), len),
            Err(source) if source.kind() == io::ErrorKind::NotFound => (None, 0),
            Err(source) => return Err(unusable(source.into())),
        };
        let reader: Box<dyn io::Read> = match file {
            Some(file) => Box::new(BufReader::with_capacity(1 << 16, file)),
            None => Box::new(io::empty()),
        };
        journal::read(reader, len, vault, journal, key, visit).map_err(unusable)
    }

    /// Writes a segment where nobody takes it for one yet.
    fn write_segment(
        &self,
        draft: &SegmentDraft,
        vault: VaultId,
        keys: &[SealingKey],
    ) -> Result<SealedSegment, SealError> {
        let id = SegmentId::random();
        let path = self.layout.incoming_segment(id);
        let mut file = self.store.create(&path).map_err(failed("create", &path))?;
        let mut buffered = BufWriter::with_capacity(1 << 20, &mut file);
        let sealed = draft
            .seal(id, vault, keys, &mut buffered)
            .and_then(|sealed| buffered.flush().map(|()| sealed))
            .map_err(failed("write", &path))?;
        drop(buffered);
        file.blank_times().map_err(failed("write", &path))?;
        file.sync().map_err(failed("sync", &path))?;
        Ok(sealed)
    }

    /// The commit: from here on it is a segment.
    fn name_segment(&self, id: SegmentId) -> Result<(), SealError> {
        let path = self.layout.segment(id);
        self.store.rename(&self.layout.incoming_segment(id), &path).map_err(failed("create", &path))?;
        self.sync_folder(&self.layout.segments())
    }
}

/// Names in a folder; such as are not UTF-8 are shown with replacements, which no name of ours has.
fn names(folder: &Path) -> Result<Vec<String>, SealError> {
    let read = || -> io::Result<Vec<String>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    read().map_err(failed("read", folder))
}

/// A file's last 32 bytes.
fn trailer_of(path: &Path) -> io::Result<[u8; TRAILER_LEN]> {
    let (mut file, _) = files::open(path)?;
    let mut trailer = [0; TRAILER_LEN];
    file.seek(SeekFrom::End(-(TRAILER_LEN as i64)))?;
    file.read_exact(&mut trailer)?;
    Ok(trailer)
}

/// The site's journal, open at its end.
struct JournalWriter {
    path: PathBuf,
    file: Box<dyn StoreFile>,
    chain: [u8; 32],
    key: MacKey,
}

impl JournalWriter {
    /// Cuts what an interrupted append left, or starts the journal.
    fn resume(
        files: &Files,
        vault: VaultId,
        id: JournalId,
        key: MacKey,
        end: &journal::End,
    ) -> Result<Self, SealError> {
        let path = files.layout.journal(id);
        if end.len == 0 {
            let header = journal::header_bytes(vault, id);
            let staged = files.layout.incoming().join(id.to_string());
            files.write_file(&staged, &header)?;
            files.store.rename(&staged, &path).map_err(failed("create", &path))?;
            files.sync_folder(&files.layout.journals())?;
            let file = files.store.append(&path).map_err(failed("write", &path))?;
            return Ok(Self { path, file, chain: journal::first_chain(&header), key });
        }
        let mut file = files.store.append(&path).map_err(failed("write", &path))?;
        if end.torn {
            file.truncate(end.len).and_then(|()| file.sync()).map_err(failed("write", &path))?;
        }
        Ok(Self { path, file, chain: end.chain, key })
    }

    fn append(&mut self, frame: &Frame) -> Result<(), SealError> {
        let (bytes, next) = frame.to_bytes(&self.chain, &self.key);
        self.file.write_all(&bytes).map_err(failed("write", &self.path))?;
        self.chain = next;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SealError> {
        self.file.blank_times().and_then(|()| self.file.sync()).map_err(failed("sync", &self.path))
    }
}
