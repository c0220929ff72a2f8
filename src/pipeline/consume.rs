//! Deleting a source once it is sealed: only the file that was read, only below the folder that was given, and never through a
//! link.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::source::Stamp;
use crate::vault::Holding;

/// Whether, and which, sources are deleted.
#[derive(Clone, Debug)]
pub struct Consume {
    /// Files that were changed less than this before stay: they may be still on their way.
    pub min_age: Duration,
    /// Delete what could not be examined, too; it is sealed whole.
    pub unreadable: bool,
}

impl Default for Consume {
    fn default() -> Self {
        Self { min_age: Duration::from_secs(60), unreadable: false }
    }
}

/// Why a sealed file was not deleted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// It is no longer the file that was read.
    #[error("it was changed after it was read")]
    Changed,
    /// It may be still on its way.
    #[error("it was changed a moment ago: it stays until it is older")]
    Young,
    /// Of unknown age: it may be still on its way.
    #[error("it was changed at a time that is yet to come: its time or this machine's clock is wrong")]
    Ahead,
    /// A link leads to it, perhaps out of the folder.
    #[error("a symbolic link leads to it")]
    Link,
    /// Its bytes would stay.
    #[error("it has other names (hard links), under which its bytes would stay")]
    OtherNames,
    /// It was not examined.
    #[error("it could not be examined: look at it, or use --consume-unreadable")]
    Unreadable,
    /// Rows that fit nothing may mean it.
    #[error(
        "what is said of it there was not all understood: two tables differ, or no row names it and another row or text may"
    )]
    Unlisted,
    /// Another file's bytes are the same.
    #[error("a file of another name has the same bytes and is sealed: nothing tells whether this is another capture")]
    Copy,
    /// An earlier version sealed it.
    #[error("its bytes were sealed by an earlier version, which did not note under which name")]
    Unnamed,
    /// What was sealed is not there any more.
    #[error(
        "nothing shows that its original can still be opened: its term is over or nearly so, the clock is behind, or it is not \
         held as it was sealed"
    )]
    NotHeld,
    /// Frames of it are sealed.
    #[error("a video: frames of it are sealed, and it stays as it is")]
    Film,
    /// The system refused.
    #[error("it cannot be deleted")]
    Io(#[from] io::Error),
}

impl Consume {
    /// Deletes the file `name` below the folder `base`, when it is still the one that was read.
    pub(super) fn delete(&self, base: &Path, name: &Path, stamp: &Stamp) -> Result<(), ConsumeError> {
        let place = Place::find(base, name)?;
        let metadata = place.file.metadata()?;
        if Stamp::of(&metadata) != *stamp {
            return Err(ConsumeError::Changed);
        }
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
            return Err(ConsumeError::OtherNames);
        }
        place.delete()
    }

    /// Whether what the vault holds and what the file is like let it go.
    pub(super) fn allows(&self, holding: Holding, stamp: &Stamp) -> Result<(), ConsumeError> {
        match stamp.modified().map(|at| SystemTime::now().duration_since(at)) {
            Some(Err(_)) if !self.min_age.is_zero() => return Err(ConsumeError::Ahead),
            Some(Ok(age)) if age >= self.min_age => {}
            _ if self.min_age.is_zero() => {}
            _ => return Err(ConsumeError::Young),
        }
        match holding {
            Holding::Examined => Ok(()),
            Holding::Unreadable if self.unreadable => Ok(()),
            Holding::Unreadable => Err(ConsumeError::Unreadable),
            Holding::Copy => Err(ConsumeError::Copy),
            Holding::Unnamed => Err(ConsumeError::Unnamed),
            Holding::None => Err(ConsumeError::NotHeld),
        }
    }
}

/// A file, open, and the folder that it is in.
struct Place {
    file: File,
    #[cfg(unix)]
    folder: std::os::fd::OwnedFd,
    name: PathBuf,
}

impl Place {
    /// Goes from folder to folder, each opened in the one before it, so that nobody leads elsewhere in between.
    #[cfg(unix)]
    fn find(base: &Path, name: &Path) -> Result<Self, ConsumeError> {
        use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
        use rustix::io::Errno;
        let failed = |error: Errno| match error {
            Errno::LOOP | Errno::NOTDIR => ConsumeError::Link,
            error => ConsumeError::Io(error.into()),
        };
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at = openat(CWD, base, folder, Mode::empty()).map_err(|error| ConsumeError::Io(error.into()))?;
        let mut parts: Vec<_> = name.components().collect();
        let Some(last) = parts.pop() else { return Err(ConsumeError::Changed) };
        for part in parts {
            at = openat(&at, part.as_os_str(), folder | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        }
        let last = Path::new(last.as_os_str()).to_owned();
        let stat = statat(&at, &last, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(ConsumeError::Link),
            _ => return Err(ConsumeError::Changed),
        }
        let file = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&at, &last, file, Mode::empty()).map_err(failed)?;
        Ok(Self { file: file.into(), folder: at, name: last })
    }

    #[cfg(unix)]
    fn delete(self) -> Result<(), ConsumeError> {
        let deleted = rustix::fs::unlinkat(&self.folder, &self.name, rustix::fs::AtFlags::empty());
        Ok(deleted.map_err(io::Error::from)?)
    }

    #[cfg(not(unix))]
    fn find(base: &Path, name: &Path) -> Result<Self, ConsumeError> {
        let path = base.join(name);
        let below = name.ancestors().filter(|part| *part != Path::new(""));
        for part in below {
            if std::fs::symlink_metadata(base.join(part))?.is_symlink() {
                return Err(ConsumeError::Link);
            }
        }
        Ok(Self { file: crate::files::open_own(&path)?.0, name: path })
    }

    #[cfg(not(unix))]
    fn delete(self) -> Result<(), ConsumeError> {
        drop(self.file);
        Ok(std::fs::remove_file(self.name)?)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Whatever was put in a file's place since it was read stays, also with its bytes, its time and its name.
    #[test]
    fn only_the_very_file_that_was_read_is_deleted() {
        type Exchange = fn(&Path);
        let exchanges: [(&str, Exchange); 7] = [
            ("written to", |file| fs::write(file, "other bytes than before").unwrap()),
            ("written to with as many bytes", |file| fs::write(file, "BYTES").unwrap()),
            ("touched", |file| {
                fs::File::options().append(true).open(file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap()
            }),
            ("replaced by a copy", |file| {
                let modified = fs::metadata(file).unwrap().modified().unwrap();
                fs::rename(file, file.with_extension("old")).unwrap();
                fs::write(file, "bytes").unwrap();
                fs::File::options().append(true).open(file).unwrap().set_modified(modified).unwrap();
            }),
            ("replaced by a folder", |file| {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            }),
            ("replaced by a link to itself", |file| {
                fs::rename(file, file.with_extension("old")).unwrap();
                symlink(file.with_extension("old"), file).unwrap();
            }),
            ("its folder replaced by a link to it", |file| {
                let (folder, moved) = (file.parent().unwrap(), file.parent().unwrap().with_extension("old"));
                fs::rename(folder, &moved).unwrap();
                symlink(&moved, folder).unwrap();
            }),
        ];
        for (what, exchange) in [("left alone", (|_| ()) as Exchange)].into_iter().chain(exchanges) {
            let base = tempfile::tempdir().unwrap();
            let name = Path::new("lane/a.jpg");
            let file = base.path().join(name);
            fs::create_dir(file.parent().unwrap()).unwrap();
            fs::write(&file, "bytes").unwrap();
            let stamp = Stamp::of(&fs::metadata(&file).unwrap());
            // The system's clock for files goes in steps.
            std::thread::sleep(Duration::from_millis(20));
            exchange(&file);
            let deleted = Consume::default().delete(base.path(), name, &stamp);
            let left = fs::symlink_metadata(&file).is_ok();
            assert_eq!((deleted.is_ok(), left), (what == "left alone", what != "left alone"), "{what}: {deleted:?}");
        }
    }
}
