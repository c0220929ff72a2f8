//! Files that a verb is to make: looked at before anything else is done, and made for their owner alone.
//!
//! A verb checks its inputs and outputs, then asks for secrets, then goes on record, then gives out: what was going to
//! fail anyway costs neither typing nor budget, and changes nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Failure;
use super::terminal::shown;
use crate::files;
use crate::vault::Enclosure;

/// Whether it would not lie in a vault, links resolved: what lies there is copied with it, and is a stranger in it to every check.
pub(super) fn must_lie_outside(path: &Path) -> Result<(), Failure> {
    match Enclosure::vault_around(path) {
        None => Ok(()),
        Some(vault) => Err(Failure::usage(
            format!("{} lies in the vault {}: nothing is made in there", shown(path), shown(&vault)),
            "name a place outside of every vault and export",
        )),
    }
}

/// The same for a copy, which is a vault: not beside a keyring either, so that nobody copies both.
pub(super) fn may_be_a_vault(path: &Path) -> Result<(), Failure> {
    must_lie_outside(path)?;
    match Enclosure::of(path) {
        None => Ok(()),
        Some(_) => Err(Failure::usage(
            format!("{} lies in a custody folder: who copies that would have the keyring, too", shown(path)),
            "name a place outside of it",
        )),
    }
}

/// Whether a file could be made there: nothing has its name, a link without a target neither, its folder takes files, and is
/// no vault's.
pub(super) fn must_be_new(path: &Path) -> Result<(), Failure> {
    must_lie_outside(path)?;
    let there = match path.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    there.and_then(|()| tempfile::tempfile_in(parent).map(drop)).map_err(|error| unwritable(path, &error))
}

/// The same of several files: each could be made, and no two are one.
pub(super) fn must_all_be_new<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    let mut places = HashSet::new();
    for path in paths {
        must_be_new(path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let place =
            parent.canonicalize().unwrap_or_else(|_| parent.to_owned()).join(path.file_name().unwrap_or_default());
        if !places.insert(place) {
            return Err(Failure::usage(
                format!("{} is named for two outputs", shown(path)),
                "give each a file of its own",
            ));
        }
    }
    Ok(())
}

/// A new file that only its owner may read: it shows what the vault hides.
pub(super) fn private_file(path: &Path) -> Result<BufWriter<File>, Failure> {
    files::create_private(path).map(BufWriter::new).map_err(|error| unwritable(path, &error))
}

/// Writes such a file, durably.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = private_file(path)?;
    let written = file.write_all(bytes).and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_all());
    written.map_err(|error| unwritable(path, &error))
}

/// Problem and remedy.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::AlreadyExists => "choose another name: nothing is overwritten",
        _ => "name a file in a folder that you may write to",
    };
    Failure::usage(format!("{} cannot be written: {error}", shown(path)), remedy)
}
