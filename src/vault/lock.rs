//! One writer at a time: the file `lock`, held by whoever seals into a vault or removes from it.

use crate::files;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// For how long a lock that is held is taken for a check's, and not for a writer's.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the vault for this process alone, until the file is closed. `None` when another writer has it.
pub(super) fn take(path: &Path) -> io::Result<Option<File>> {
    let file = files::open_lock(path)?;
    // A check that looks whether a writer is active holds the lock for an instant.
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    Ok(None)
}
