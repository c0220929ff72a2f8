//! Files that hold keys: small, private, replaced whole or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::files;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// No key file is larger; what is larger is something else.
const MAX_LEN: u64 = 256 << 20;

/// Unix permissions.
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// A key file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {source}", path.display())]
pub struct FileError {
    verb: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: names the file and what was to be done with it.
    pub(crate) fn on<'a>(verb: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self { verb, path: path.to_owned(), source }
    }
}

/// Reads a whole key file into memory that is wiped.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let failed = FileError::on("read", path);
    let (mut file, len) = files::open(path).map_err(&failed)?;
    if len > MAX_LEN {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    // Exactly sized, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(len).unwrap_or(0)]);
    file.read_exact(&mut bytes).map_err(&failed)?;
    Ok(bytes)
}

/// Writes a new file that only its owner may read; fails when it exists.
pub(super) fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    create(path, bytes, PRIVATE)
}

/// Writes a new file that anybody may read; fails when it exists.
pub(super) fn create_public(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    create(path, bytes, PUBLIC)
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    // Through a temporary name: a full disk leaves nothing half written under the real one.
    let staged = stage(path, bytes, mode)?;
    staged.persist_noclobber(path).map_err(|e| FileError::on("create", path)(e.error))?;
    sync_parent(path)
}

/// Replaces a file, whole or not at all.
pub(super) fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let staged = stage(path, bytes, PRIVATE)?;
    staged.persist(path).map_err(|e| FileError::on("replace", path)(e.error))?;
    sync_parent(path)
}

/// Waits until nobody else holds the file, and holds it until the answer is dropped. Whoever waited looks at the path anew:
/// another file may bear its name by then.
pub(super) fn lock(path: &Path) -> Result<File, FileError> {
    let lock = || {
        let (file, _) = files::open(path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(FileError::on("lock", path))
}

/// A file that is about to be replaced, still open.
pub(super) struct Superseded(File);

impl Superseded {
    pub fn hold(path: &Path) -> Result<Self, FileError> {
        File::options().write(true).open(path).map(Self).map_err(FileError::on("write", path))
    }

    /// Overwrites the bytes that no name leads to any more; a copy by another name is somebody's, and stays. What it
    /// cannot do it leaves: nothing rests upon it.
    pub fn overwrite(mut self) {
        let overwrite = |file: &mut File| -> io::Result<()> {
            let metadata = file.metadata()?;
            #[cfg(unix)]
            let named = std::os::unix::fs::MetadataExt::nlink(&metadata) > 0;
            #[cfg(not(unix))]
            let named = true;
            if !named {
                io::copy(&mut io::repeat(0).take(metadata.len()), file)?;
                file.sync_all()?;
            }
            Ok(())
        };
        let _ = overwrite(&mut self.0);
    }
}

/// A synced file beside `path`, which goes away unless it is persisted.
fn stage(path: &Path, bytes: &[u8], mode: u32) -> Result<NamedTempFile, FileError> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let staged = builder.tempfile_in(parent(path)).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    });
    staged.map_err(FileError::on("write", path))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_parent(path: &Path) -> Result<(), FileError> {
    File::open(parent(path)).and_then(|dir| dir.sync_all()).map_err(FileError::on("write", path))
}
