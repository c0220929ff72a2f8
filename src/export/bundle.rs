//! Writing a copy's folder: segments first, then the manifest, then the card, then the folder gets its name.
//!
//! Until then everything lies in a staging folder beside it, as ciphertext, and is removed on failure: a copy exists
//! whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::{ExportError, ExportTotals, Request};
use crate::custody::{FileError, Keyring, SealingKey};
use crate::files;
use crate::seal::{SegmentId, VaultId};
use crate::vault::{Card, Disk, Layout, SealedSegment, SegmentDraft, Store, VaultKind};

/// A copy being written.
pub(super) struct Bundle {
    staging: tempfile::TempDir,
    folder: PathBuf,
    card: Card,
    keys: Vec<SealingKey>,
    segments: Vec<SealedSegment>,
}

impl Bundle {
    /// Whether a copy could be begun that will be `folder`: nothing has the name but an empty folder, a link neither, and its
    /// parent takes files.
    pub fn check_target(folder: &Path) -> Result<(), FileError> {
        Self::stage(folder).map(drop)
    }

    fn stage(folder: &Path) -> Result<tempfile::TempDir, FileError> {
        let failed = FileError::on("read", folder);
        let empty = match files::is_folder(folder).map_err(&failed)? {
            Some(true) => folder.read_dir().map_err(&failed)?.next().is_none(),
            Some(false) => false,
            None => true,
        };
        if !empty {
            return Err(FileError::on("create", folder)(io::ErrorKind::AlreadyExists.into()));
        }
        let parent = match folder.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut staging = tempfile::Builder::new();
        staging.prefix(".safelight-export-").tempdir_in(parent).map_err(FileError::on("create", folder))
    }

    /// Begins a copy that will be `folder`.
    pub fn create(folder: &Path, keyring: &Keyring, keys: Vec<SealingKey>) -> Result<Self, FileError> {
        let staging = Self::stage(folder)?;
        let layout = Layout::new(staging.path());
        Disk.create_folder(&layout.segments()).map_err(FileError::on("create", folder))?;
        let (vault, custodian) = (VaultId::random(), keyring.verifying_key());
        let card = Card::signed(VaultKind::Export, vault, custodian, &keyring.export_signer());
        Ok(Self { staging, folder: folder.to_owned(), card, keys, segments: Vec::new() })
    }

    /// Seals one segment.
    pub fn write(&mut self, draft: &SegmentDraft) -> Result<(), FileError> {
        let id = SegmentId::random();
        let path = Layout::new(self.staging.path()).segment(id);
        let sealed = self.file(&path, |out| draft.seal(id, self.card.vault, &self.keys, out))?;
        self.segments.push(sealed);
        Ok(())
    }

    /// Writes manifest and card and gives the folder its name. Returns segments and bytes.
    pub fn finish(
        self,
        keyring: &Keyring,
        request: &Request<'_>,
        totals: &ExportTotals,
    ) -> Result<(u64, u64), ExportError> {
        let layout = Layout::new(self.staging.path());
        let segments: Vec<_> = self.segments.iter().map(|sealed| (sealed.id, sealed.trailer)).collect();
        let manifest = Manifest::new(request, totals, segments);
        let sealed = manifest.seal(keyring, self.card.vault, &request.to.key);
        self.file(&layout.root().join(Manifest::FILE_NAME), |out| out.write_all(&sealed))?;
        self.file(&layout.card(), |out| out.write_all(&self.card.to_bytes()))?;
        let named = |error| FileError::on("create", &self.folder)(error);
        Disk.sync_folder(&layout.segments()).and_then(|()| Disk.sync_folder(layout.root())).map_err(named)?;
        // A rename replaces an empty folder, and fails on any other.
        Disk.rename(layout.root(), &self.folder).map_err(named)?;
        // The folder has moved: there is nothing left for the guard to remove.
        let _ = self.staging.keep();
        let bytes = self.segments.iter().map(|sealed| sealed.bytes).sum();
        Ok((self.segments.len() as u64, bytes))
    }

    fn file<T>(&self, path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<T, FileError> {
        let attempt = || {
            let mut file = Disk.create(path)?;
            let mut out = BufWriter::with_capacity(1 << 20, &mut file);
            let value = write(&mut out)?;
            out.flush()?;
            drop(out);
            file.blank_times()?;
            file.sync()?;
            Ok(value)
        };
        attempt().map_err(FileError::on("write", &self.folder))
    }
}
