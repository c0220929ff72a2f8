//! One writer at a time: the file `lock`, held by whoever seals into a vault or removes from it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::files;

/// For how long a lock that is held is taken for a check's, and not for a writer's.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The vault, held until this is dropped.
pub(super) struct Lock {
    _file: File,
    path: PathBuf,
    /// Whether the file goes with it: this process made it, and has changed nothing yet.
    passing: bool,
}

impl Lock {
    /// Leaves the file where it is from now on.
    pub fn keep(&mut self) {
        self.passing = false;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.passing {
            // While it is held still: whoever waits for it looks whether it has its name.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the vault for this process alone. `None` when another writer has it.
pub(super) fn take(path: &Path) -> io::Result<Option<Lock>> {
    // A check that looks whether a writer is active holds the lock for an instant.
    for _ in 0..ATTEMPTS {
        let (file, passing) = match File::options().create_new(true).append(true).open(path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match files::append_own(path) {
                Ok(file) => (file, false),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            // Its last holder may have taken it away.
            Ok(()) if files::is_named(path, &file).unwrap_or(false) => {
                return Ok(Some(Lock { _file: file, path: path.to_owned(), passing }));
            }
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    Ok(None)
}
