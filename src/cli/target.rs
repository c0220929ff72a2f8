//! Files that a verb is to make: looked at before anything else is done, and made for their owner alone.
//!
//! A verb checks its inputs and outputs, then asks for secrets, then goes on record, then gives out: what was going to
//! fail anyway costs neither typing nor budget, and changes nothing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::Failure;
use super::terminal::shown;
use crate::files;
use crate::vault::Enclosure;

/// What stands for stdout, where a verb writes to it.
pub(super) const STDOUT: &str = "-";

/// Whether it would not lie in a vault, links resolved: what lies there is copied with it, and is a stranger in it to every check.
/// Nor is it - of a verb that does not write to stdout.
pub(super) fn must_lie_outside(path: &Path) -> Result<(), Failure> {
    if path == Path::new(STDOUT) {
        return Err(Failure::usage(
            "- stands for stdout, where this does not go",
            "name a file or a folder; ./- is one of that name",
        ));
    }
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

/// How the name of a file begins and ends that is not whole.
pub(super) const HALF: (&str, &str) = (".safelight-", ".part");

/// Begins a file that is not there, in a folder that is made if need be; it gets its name when it is whole.
pub(super) fn stage(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new();
    file.prefix(HALF.0).suffix(HALF.1);
    // For everybody whom the user's own mask lets: a copy is made to be shown.
    #[cfg(unix)]
    file.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    file.tempfile_in(folder)
}

/// The same as [`must_be_new`] of several files: each could be made, and no two are one.
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

/// Whether a path is in a folder or is the folder itself, links resolved; neither needs to be there.
pub(super) fn lies_in(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> {
        let path = std::path::absolute(path).ok()?;
        let there = path.ancestors().find(|ancestor| ancestor.exists())?;
        Some(fs::canonicalize(there).ok()?.join(path.strip_prefix(there).ok()?))
    };
    matches!((real(path), real(folder)), (Some(path), Some(folder)) if path.starts_with(&folder))
}

/// Whether a folder for copies would lie elsewhere than what is looked at, and in no vault.
pub(super) fn must_be_elsewhere(out: &Path, sources: &[PathBuf]) -> Result<(), Failure> {
    // Nothing is made before it is known to be elsewhere; what does not exist yet lies where its nearest folder does.
    let place =
        |path: &Path| std::path::absolute(path).ok()?.ancestors().find_map(|folder| fs::canonicalize(folder).ok());
    let inside = |source: &&PathBuf| matches!((place(out), place(source)), (Some(out), Some(source)) if out.starts_with(&source));
    if let Some(source) = sources.iter().find(inside) {
        if source.is_file() {
            return Err(Failure::usage(
                format!("{} is the photograph itself: nothing is overwritten", shown(source)),
                "give its copy another name",
            ));
        }
        return Err(Failure::usage(
            format!("--out lies in {}, which is looked at: the copies would be taken for photographs", shown(source)),
            "give a folder elsewhere",
        ));
    }
    // Copies are handed on.
    may_be_a_vault(out)
}

/// A folder that one run at a time writes copies into: those of two would lie among each other.
pub(super) struct Held {
    #[expect(dead_code, reason = "as long as it is open, others are kept out")]
    folder: Option<File>,
    /// A folder that was made for this run.
    made: Option<PathBuf>,
}

impl Held {
    /// Makes the folder if need be, and keeps others out.
    pub(super) fn new(out: &Path) -> Result<Self, Failure> {
        let made = !out.exists();
        fs::create_dir_all(out).map_err(|error| unwritable(out, &error))?;
        // Where folders cannot be opened or held, nobody is kept out.
        let folder = File::open(out).ok();
        if let Some(Err(fs::TryLockError::WouldBlock)) = folder.as_ref().map(File::try_lock) {
            return Err(Failure::usage(
                format!("another run writes to {}", shown(out)),
                "wait until it has ended, or give another folder",
            ));
        }
        Ok(Self { folder, made: made.then(|| out.to_owned()) })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It goes only where it is empty.
        if let Some(made) = &self.made {
            let _ = fs::remove_dir(made);
        }
    }
}

/// Whether all folders below one that holds copies are its own: no link leads out of it, and none is a vault or a custodian's.
pub(super) fn must_hold_copies_only(out: &Path) -> Result<(), Failure> {
    let below = WalkDir::new(out).min_depth(1).into_iter().filter_map(Result::ok);
    for entry in below {
        let path = entry.path();
        if entry.file_type().is_dir() {
            may_be_a_vault(path)?;
        } else if entry.path_is_symlink() && path.is_dir() {
            return Err(Failure::usage(
                format!("{} is a link to a folder: copies would go there", shown(path)),
                "give a folder that holds copies only",
            ));
        }
    }
    Ok(())
}

/// Whether a folder is one for copies, or can be made one: what is in use stays as it is, and no run ends half way because of a name
/// in it.
pub(super) fn must_be_empty(out: &Path, may_hold: bool) -> Result<(), Failure> {
    match fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(false) if !may_hold => Err(Failure::usage(
            format!("{} is not empty", shown(out)),
            "give a new or empty folder, for nothing is overwritten; or go on with copies that are there: --skip-existing",
        )),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::usage(
            format!("{} is no folder for copies: {error}", shown(out)),
            "give a new or empty folder: nothing is overwritten",
        )),
        _ => Ok(()),
    }
}

/// Under which name the copies of each path go, so that none of them has another's: none where there is one path only.
pub(super) fn apart(paths: &[PathBuf]) -> Vec<Option<PathBuf>> {
    let mut taken = HashSet::new();
    let mut name = |path: &PathBuf| {
        let own = path.file_name().map_or_else(|| "images".to_owned(), |name| name.to_string_lossy().into_owned());
        let numbered = (2..).map(|number| format!("{number}-{own}"));
        // Some systems do not tell names apart by case.
        let free = std::iter::once(own.clone()).chain(numbered).find(|name| taken.insert(name.to_lowercase()));
        free.map(PathBuf::from)
    };
    if paths.len() == 1 { vec![None] } else { paths.iter().map(&mut name).collect() }
}

/// Whether two files hold the same bytes. What cannot be read is not the same.
pub(super) fn is_same(a: &Path, b: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let ((a, length), (b, other)) = (files::open(a)?, files::open(b)?);
        if length != other {
            return Ok(false);
        }
        let (mut a, mut b) = (BufReader::new(a), BufReader::new(b));
        loop {
            let (here, there) = (a.fill_buf()?, b.fill_buf()?);
            let both = here.len().min(there.len());
            if both == 0 {
                // The one that goes on was written to meanwhile.
                return Ok(here.len() == there.len());
            }
            if here[..both] != there[..both] {
                return Ok(false);
            }
            a.consume(both);
            b.consume(both);
        }
    };
    same().unwrap_or(false)
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
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there, and run it again",
        io::ErrorKind::FileTooLarge => "let files be as long as that (ulimit -f), and run it again",
        io::ErrorKind::NotFound => "make the folder that it is to be in",
        _ => "name a file in a folder that you may write to",
    };
    Failure::usage(format!("{} cannot be written: {error}", shown(path)), remedy)
}
