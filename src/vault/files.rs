//! The files of a vault that a site seals into: how they are made, found and written.
//!
//! A folder is looked at before anything in it is made or touched, so that one that is refused stays as it was.

use std::fs;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::card::{CARD_LEN, Card, VaultKind};
use super::header::TRAILER_LEN;
use super::layout::Layout;
use super::lock::{self, Lock};
use super::own;
use super::place::Enclosure;
use super::sealing::SealError;
use super::segment::{SealedSegment, SegmentDraft};
use super::store::Store;
use crate::custody::{SealingKey, SitePack};
use crate::files;
use crate::seal::{SegmentId, VaultId};

/// No card is longer, nor what is left of one that was being written.
const LONGEST_CARD: u64 = 4096;

/// The vault's files, and the words for what goes wrong with them.
pub(super) struct Files {
    pub store: Box<dyn Store>,
    pub layout: Layout,
}

/// A vault that this process alone may write to.
pub(super) struct Entered {
    pub lock: Lock,
    pub card: Card,
    /// Whether it was made for that.
    pub made: bool,
    /// What lies in `incoming` and is not known to be the vault's.
    pub strangers: Vec<PathBuf>,
}

/// What was made on the way to a vault, to be taken away again if none comes of it.
#[derive(Default)]
pub(super) struct Traces {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Traces {
    /// Takes away what was made. Folders that somebody has put something into stay.
    pub fn remove(self) {
        for file in self.files {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.into_iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

pub(super) fn failed(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SealError {
    move |source| SealError::Store { deed, path: path.to_owned(), source }
}

impl Files {
    /// Makes a folder and those above it, where they are not there, and remembers which.
    fn create_folder(&self, path: &Path, traces: &mut Traces) -> Result<(), SealError> {
        let missing = path.ancestors().take_while(|above| *above != Path::new("") && !above.exists());
        let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        missing.reverse();
        traces.folders.extend(missing);
        self.store.create_folder(path).map_err(failed("create", path))
    }

    pub fn sync_folder(&self, path: &Path) -> Result<(), SealError> {
        self.store.sync_folder(path).map_err(failed("sync", path))
    }

    pub fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), SealError> {
        let mut file = self.store.create(path).map_err(failed("create", path))?;
        file.write_all(bytes).and_then(|()| file.blank_times()).map_err(failed("write", path))?;
        file.sync().map_err(failed("sync", path))
    }

    /// Takes the vault for this process alone and reads its card, or makes a vault where there is nothing else and `make`
    /// says so.
    pub fn enter(&self, pack: &SitePack, make: bool, traces: &mut Traces) -> Result<Entered, SealError> {
        if self.look(pack)?.is_none() && !make {
            return Err(SealError::NoVault { path: self.layout.root().to_owned() });
        }
        self.create_folder(self.layout.root(), traces)?;
        let path = self.layout.lock();
        let lock = lock::take(&path).map_err(failed("lock", &path))?;
        let lock = lock.ok_or_else(|| SealError::Locked { path: self.layout.root().to_owned() })?;
        // Again: another process may have been here meanwhile.
        let found = self.look(pack)?;
        // Tools that copy folders leave empty ones out.
        for folder in [self.layout.segments(), self.layout.journals(), self.layout.incoming()] {
            self.create_folder(&folder, traces)?;
        }
        let card = match found {
            Some(card) => {
                // What a process named before it died may not be durable, and is relied on from here.
                self.sync_root()?;
                self.sync_folder(&self.layout.segments())?;
                self.sync_folder(&self.layout.journals())?;
                card
            }
            None => self.make(pack, traces)?,
        };
        let cleared = own::clear_incoming(&*self.store, &self.layout, card.vault);
        let strangers = cleared.map_err(|(path, error)| failed("remove", &path)(error))?;
        Ok(Entered { lock, card, made: found.is_none(), strangers })
    }

    /// Reads the card of the vault, if there is one, and refuses every folder that is somebody else's. Changes nothing.
    fn look(&self, pack: &SitePack) -> Result<Option<Card>, SealError> {
        let (root, path) = (self.layout.root(), self.layout.card());
        let not_a_vault = || SealError::NotAVault { path: root.to_owned() };
        match fs::metadata(root) {
            Ok(metadata) if !metadata.is_dir() => return Err(not_a_vault()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let inside = Enclosure::of(root).map(|_| SealError::Inside { path: root.to_owned() });
                return inside.map_or(Ok(None), Err);
            }
            Err(error) => return Err(failed("read", root)(error)),
        }
        let card = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("read", &path)(error)),
            Ok(metadata) if !metadata.is_file() => return Err(not_a_vault()),
            Ok(_) => {
                let mut bytes = Vec::new();
                let read = files::open_own(&path).and_then(|(file, _)| file.take(LONGEST_CARD).read_to_end(&mut bytes));
                read.map_err(failed("read", &path))?;
                Some(Card::from_bytes(&bytes)?)
            }
        };
        match &card {
            None if Enclosure::of(root).is_some() => return Err(SealError::Inside { path: root.to_owned() }),
            None if !self.is_room().map_err(failed("read", root))? => return Err(not_a_vault()),
            Some(card) if card.custodian != pack.verifying_key() => {
                return Err(SealError::ForeignPack { vault: card.custodian.custody(), pack: pack.custody() });
            }
            Some(card) if card.kind == VaultKind::Export => return Err(SealError::Export),
            _ => {}
        }
        let strange = own::strange_folder(&self.layout).map_err(failed("read", root))?;
        strange.map_or(Ok(card), |path| Err(SealError::NotOurs { path }))
    }

    /// Whether nothing is in the folder but what an interrupted creation leaves.
    fn is_room(&self) -> io::Result<bool> {
        let empty = |folder: PathBuf| Ok::<_, io::Error>(fs::read_dir(folder)?.next().is_none());
        for entry in fs::read_dir(self.layout.root())? {
            let (entry, name) = entry.map(|entry| (entry.file_type(), entry.file_name()))?;
            let kind = entry?;
            let path = self.layout.root().join(&name);
            let fits = match name.to_str() {
                Some(Layout::LOCK) => kind.is_file() && fs::metadata(path)?.len() == 0,
                Some(Layout::SEGMENTS | Layout::JOURNALS) => kind.is_dir() && empty(path)?,
                Some(Layout::INCOMING) => kind.is_dir() && self.is_staging()?,
                _ => false,
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether nothing is in `incoming` but a card that never got its name.
    fn is_staging(&self) -> io::Result<bool> {
        for entry in fs::read_dir(self.layout.incoming())? {
            let entry = entry?;
            let named = entry.file_name().to_str().is_some_and(|name| own::is_id(name) || name == Layout::CARD);
            let metadata = entry.metadata()?;
            if !(named && metadata.is_file() && metadata.len() <= CARD_LEN as u64) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn make(&self, pack: &SitePack, traces: &mut Traces) -> Result<Card, SealError> {
        let (vault, custodian) = (VaultId::random(), pack.verifying_key());
        let card = match pack.card_signer() {
            Some(signer) => Card::signed(VaultKind::Site, vault, custodian, signer),
            None => Card::unsigned(VaultKind::Site, vault, custodian),
        };
        // Under a name that nothing has: of what lies there nothing is replaced.
        let staged = self.layout.incoming().join(card.vault.to_string());
        traces.files.push(staged.clone());
        self.write_file(&staged, &card.to_bytes())?;
        let path = self.layout.card();
        self.store.rename(&staged, &path).map_err(failed("create", &path))?;
        // It is a vault.
        *traces = Traces::default();
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

    /// Writes a segment where nobody takes it for one yet.
    pub fn write_segment(
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
    pub fn name_segment(&self, id: SegmentId) -> Result<(), SealError> {
        let path = self.layout.segment(id);
        self.store.rename(&self.layout.incoming_segment(id), &path).map_err(failed("create", &path))?;
        self.sync_folder(&self.layout.segments())
    }
}

/// Names in a folder; such as are not UTF-8 are shown with replacements, which no name of ours has.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, SealError> {
    let read = || -> io::Result<Vec<String>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    read().map_err(failed("read", folder))
}

/// A file's last 32 bytes.
pub(super) fn trailer_of(path: &Path) -> io::Result<[u8; TRAILER_LEN]> {
    let (mut file, _) = files::open_own(path)?;
    let mut trailer = [0; TRAILER_LEN];
    file.seek(SeekFrom::End(-(TRAILER_LEN as i64)))?;
    file.read_exact(&mut trailer)?;
    Ok(trailer)
}
