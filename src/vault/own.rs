//! What in a vault's folder is the vault's: nothing else there is ever removed or written to.
//!
//! Its own are regular files and folders, reached without following links, under names that a vault gives; and only in a
//! folder whose card was read before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::store::Store;
use crate::files;
use crate::seal::SegmentId;

/// The first folder of the vault that is a link, or none at all.
pub(super) fn strange_folder(layout: &Layout) -> io::Result<Option<PathBuf>> {
    for folder in [layout.segments(), layout.journals(), layout.tombstones(), layout.incoming()] {
        if files::is_folder(&folder)? == Some(false) {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Whether a file in one of the vault's folders can be the vault's by its name: all ids are written alike.
pub(super) fn is_id(name: &str) -> bool {
    SegmentId::parse(name).is_some_and(|id| id.to_string() == name)
}

/// Removes what interrupted runs left in `incoming`. It is ciphertext only. Whatever else lies there stays.
///
/// # Errors
///
/// The path that could not be removed or read, and why.
pub(super) fn clear_incoming(store: &dyn Store, layout: &Layout) -> Result<(), (PathBuf, io::Error)> {
    let folder = layout.incoming();
    let on = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(on(&folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(on(&folder))?;
        let path = entry.path();
        let named = entry.file_name().to_str().is_some_and(is_id);
        if named && entry.file_type().map_err(on(&path))?.is_file() {
            store.remove(&path).map_err(on(&path))?;
        }
    }
    Ok(())
}
