//! What in a vault's folder is the vault's: nothing else there is ever removed or written to.
//!
//! Its own are regular files and folders, reached without following links, under names that a vault gives; and only in a
//! folder whose card was read before.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::store::Store;
use super::stray::{FileKind, kind_of_file};
use crate::files;
use crate::seal::{SegmentId, VaultId};

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

/// Of a file that the vault writes, the bytes that say what it is (8, at the start), of which vault (16, from byte 16), and
/// which (16, behind that). A card has its vault's id only, which is its name.
const HEAD: usize = 48;
/// The kinds of which a run has files there until they get their names.
const KINDS: [&[u8; 8]; 4] = [b"SLSEG\r\n\x1a", b"SLJRN\r\n\x1a", b"SLTMB\r\n\x1a", b"SLVLT\r\n\x1a"];

/// Whether the file is what a run of this vault left when it was interrupted, by all that it holds and not by its name alone: it
/// begins as a file of this vault and this name, however early it was cut; or it holds what a power cut leaves of one, which is
/// nothing, or zeros.
fn is_left_behind(path: &Path, vault: VaultId, id: SegmentId) -> io::Result<bool> {
    let head = files::begin(path, HEAD as u64)?;
    // As far as it goes.
    let says = |at: usize, what: &[u8]| {
        let found = head.get(at..).unwrap_or_default();
        what.starts_with(&found[..found.len().min(what.len())])
    };
    let ours = !head.is_empty()
        && KINDS.into_iter().any(|kind| {
            let ids = match kind_of_file(kind) {
                Some(FileKind::Card) => says(16, &id.0),
                _ => says(16, &vault.0) && says(32, &id.0),
            };
            says(0, kind) && ids
        });
    if ours || !head.iter().all(|&byte| byte == 0) {
        return Ok(ours);
    }
    let (mut file, mut piece) = (files::open_own(path)?.0, [0; 1 << 14]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(true),
            read if piece[..read].iter().all(|&byte| byte == 0) => {}
            _ => return Ok(false),
        }
    }
}

/// Removes what interrupted runs left in `incoming`. It is ciphertext only. Whatever else lies there stays, and is the answer.
///
/// # Errors
///
/// The path that could not be removed or read, and why.
pub(super) fn clear_incoming(
    store: &dyn Store,
    layout: &Layout,
    vault: VaultId,
) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let folder = layout.incoming();
    let on = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(on(&folder)(error)),
    };
    let mut strangers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(on(&folder))?;
        let path = entry.path();
        let id = entry.file_name().to_str().filter(|name| is_id(name)).and_then(SegmentId::parse);
        let id = id.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file()));
        // What cannot be read is not known to be the vault's.
        match id.map(|id| is_left_behind(&path, vault, id)) {
            Some(Ok(true)) => store.remove(&path).map_err(on(&path))?,
            _ => strangers.push(path),
        }
    }
    strangers.sort_unstable();
    Ok(strangers)
}
