//! Opening files that others may have put there: regular files only, and never more of one than its kind may have.
//!
//! Owns how a path becomes bytes. A FIFO or a device is refused and not waited for, and a file that claims to be larger than
//! any of its kind is refused before memory is taken. Knows nothing of what the bytes mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Take};
use std::path::Path;

/// A card, a checkpoint, a key on a line of text.
pub(crate) const MAX_NOTE: u64 = 64 << 10;
/// A policy, a table of the log's keys.
pub(crate) const MAX_SETTINGS: u64 = 4 << 20;
/// A manifest, a tombstone, failed unlocks that wait, a net.
pub(crate) const MAX_LIST: u64 = 256 << 20;
/// A table of captures, a truth, a detector of one's own.
pub(crate) const MAX_TABLE: u64 = 2 << 30;

/// Opens a regular file for reading and tells its length.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    open_with(File::options().read(true), path, true)
}

/// Opens for reading a regular file, or a descriptor that this process was started with, as `/dev/stdin` and a shell's `<(…)` name
/// it: whoever started it has opened that. Whatever else would be waited for is refused.
pub(crate) fn open_given(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    if path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)))
    {
        return File::open(path);
    }
    Ok(open(path)?.0)
}

/// Opens a regular file, made empty if need be, that is held locked and never read. No link is followed: nothing is made
/// elsewhere.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    Ok(open_with(File::options().create(true).append(true), path, false)?.0)
}

/// Opens a regular file of the program's own for reading: no link is followed, so that none of somebody else's is taken for it.
pub(crate) fn open_own(path: &Path) -> io::Result<(File, u64)> {
    open_with(File::options().read(true), path, false)
}

/// The same, for writing at its end.
pub(crate) fn append_own(path: &Path) -> io::Result<File> {
    Ok(open_with(File::options().append(true), path, false)?.0)
}

/// Whether a regular file bears the name, and no link to one.
pub(crate) fn is_file(path: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path)?.is_file())
}

/// Whether a folder bears the name, and no link to one; `None` when nothing does.
pub(crate) fn is_folder(path: &Path) -> io::Result<Option<bool>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.is_dir())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether `path` still names the open `file`.
pub(crate) fn is_named(path: &Path, file: &File) -> io::Result<bool> {
    let named = fs::symlink_metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let open = file.metadata()?;
        Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(named.is_file())
    }
}

fn open_with(options: &mut OpenOptions, path: &Path, follow: bool) -> io::Result<(File, u64)> {
    // Whatever waits for another process to open it does not wait then, and is looked at.
    #[cfg(unix)]
    {
        let mut flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        flags.set(rustix::fs::OFlags::NOFOLLOW, !follow);
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| match is_link(&error, follow) {
        true => io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link, and none is followed here"),
        false => error,
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    Ok((file, metadata.len()))
}

/// Whether it is the disk that failed, and nothing is known of the file.
pub(crate) fn is_broken(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
    #[cfg(not(unix))]
    return error.raw_os_error().is_some_and(|code| code == 1117);
}

/// Whether a file did not open because it is a link and none is followed.
fn is_link(error: &io::Error, follow: bool) -> bool {
    #[cfg(unix)]
    return !follow && error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(unix))]
    {
        let _ = (error, follow);
        false
    }
}

/// A regular file of at most `most` bytes, to be read bit by bit; what is written to it meanwhile is not read beyond them.
pub(crate) fn stream(path: &Path, most: u64) -> io::Result<Take<File>> {
    let (file, len) = open(path)?;
    if len > most {
        return Err(too_large(most));
    }
    Ok(file.take(most))
}

/// All bytes of a regular file, of which there are at most `most`.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = stream(path, most)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same of a file of the program's own: no link is followed.
pub(crate) fn read_own(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, len) = open_own(path)?;
    if len > most {
        return Err(too_large(most));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All text of a regular file, of at most `most` bytes.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    stream(path, most)?.read_to_string(&mut text)?;
    Ok(text)
}

/// The first bytes of a regular file, at most `most` of them.
pub(crate) fn begin(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    /// For the reader to see that there is no more: who wipes the bytes leaves none where they were before.
    const MORE: u64 = 64;
    let (file, len) = open(path)?;
    let mut bytes = Vec::with_capacity((most.min(len) + MORE) as usize);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_large(most: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than the {most} bytes that such a file may have"))
}

/// A new file that only its owner may read: nothing is overwritten, and no link is followed.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_refused_beyond() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, b"0123456789").expect("written");
        assert_eq!(read(&path, 10).expect("read"), b"0123456789");
        assert_eq!(read(&path, 9).expect_err("refused").kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(begin(&path, 3).expect("read"), b"012");
        assert_eq!(read_text(&path, 10).expect("read"), "0123456789");
    }

    /// Were it read first, this would take a terabyte.
    #[test]
    fn a_sparse_file_takes_no_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("made");
        assert_eq!(read(&path, MAX_TABLE).expect_err("refused").kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(begin(&path, 8).expect("read"), [0; 8]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).expect("linked");
        for path in [fifo.as_path(), &link, folder.path(), Path::new("/dev/zero")] {
            assert!(read(path, 10).is_err() && begin(path, 10).is_err() && open(path).is_err(), "{}", path.display());
            assert!(open_lock(path).is_err(), "{}", path.display());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_new_and_no_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link, elsewhere) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("elsewhere"));
        create_private(&path).expect("made");
        assert_eq!(std::fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
        assert!(create_private(&path).is_err());
        symlink(&elsewhere, &link).expect("linked");
        assert!(create_private(&link).is_err() && !elsewhere.exists());
    }
}
