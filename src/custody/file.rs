//! Files that hold keys: small, private, replaced whole or not at all.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
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

/// Writes a file, whole or not at all: over the one of that name if `over` says so, else where none is.
pub(crate) fn put_private(path: &Path, bytes: &[u8], over: bool) -> Result<(), FileError> {
    if !over {
        return create_private(path, bytes);
    }
    let staged = stage(path, bytes, PRIVATE)?;
    staged.persist(path).map_err(|e| FileError::on("replace", path)(e.error))?;
    sync_parent(path)
}

/// Replaces a file, whole or not at all, and says what became of it: what it replaced, and what an earlier replacement left
/// behind when it was killed, is overwritten. Where a link bears the name, what it leads to is replaced: a link that became
/// a file would leave the old bytes where they were. The caller holds the file locked.
pub(super) fn replace_private(path: &Path, bytes: &[u8]) -> Result<Remains, FileError> {
    let path = &std::fs::canonicalize(path).map_err(FileError::on("replace", path))?;
    let old = Superseded::hold(path)?;
    let staged = stage(path, bytes, PRIVATE)?;
    staged.persist(path).map_err(|e| FileError::on("replace", path)(e.error))?;
    sync_parent(path)?;
    let remains = old.overwrite();
    remove_strays(path, bytes);
    Ok(remains)
}

/// Whether [`replace_private`] could replace it, as far as can be told before.
pub(super) fn check_replaceable(path: &Path) -> Result<(), FileError> {
    let path = &std::fs::canonicalize(path).map_err(FileError::on("replace", path))?;
    Superseded::hold(path)?;
    tempfile::tempfile_in(parent(path)).map(drop).map_err(FileError::on("replace", path))
}

/// Of a keyring, the bytes that say that it is one (8, at the start) and whose (16, from byte 16).
const HEAD: usize = 32;

/// Overwrites and removes unfinished keyrings beside `path`: regular files, reached by no link and having no other name,
/// with a name that only a temporary file of ours has, and that begin as a keyring of the same custodian does.
fn remove_strays(path: &Path, bytes: &[u8]) {
    let Some(own) = bytes.first_chunk::<HEAD>() else { return };
    let Ok(entries) = std::fs::read_dir(parent(path)) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_temporary)) {
        let _ = remove_stray(&entry.path(), own);
    }
}

fn remove_stray(path: &Path, own: &[u8; HEAD]) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let head = files::begin(path, HEAD as u64)?;
    if head.get(..8) != Some(&own[..8]) || head.get(16..) != Some(&own[16..]) {
        return Ok(());
    }
    let mut file = File::options().write(true).open(path)?;
    let metadata = file.metadata()?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) != 1 {
        return Ok(());
    }
    io::copy(&mut io::repeat(0).take(metadata.len()), &mut file)?;
    file.sync_all()?;
    std::fs::remove_file(path)
}

/// Removes unfinished files of ours beside `path`, those that nobody writes any more: such as `ours` knows by their first bytes,
/// of which there must be `head`, and such as were not begun, which their name alone tells. Whatever cannot be looked at stays.
pub(crate) fn remove_unfinished(path: &Path, head: usize, ours: impl Fn(&[u8]) -> bool) {
    let Ok(entries) = std::fs::read_dir(parent(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_temporary(name)) else { continue };
        let path = entry.path();
        let Ok((file, len)) = files::open_own(&path) else { continue };
        let begins = match len {
            // Others begin names with `.tmp`, too.
            0 => name.starts_with(TEMPORARY) && has_one_name(&file),
            _ => files::begin(&path, head as u64).is_ok_and(|found| found.len() == head && ours(&found)),
        };
        // Its writer holds it until it has its name.
        if begins && file.try_lock().is_ok() && files::is_named(&path, &file).unwrap_or(false) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn has_one_name(file: &File) -> bool {
    #[cfg(unix)]
    return file.metadata().is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) == 1);
    #[cfg(not(unix))]
    {
        let _ = file;
        true
    }
}

/// How names of temporary files begin; six letters and digits follow. Earlier versions began them with `.tmp`.
const TEMPORARY: &str = ".safelight-";

fn is_temporary(name: &str) -> bool {
    let rest = name.strip_prefix(TEMPORARY).or_else(|| name.strip_prefix(".tmp"));
    rest.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
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
struct Superseded(File);

/// What became of a file that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// No name leads to it, and its bytes are zero, as was read back.
    Nothing,
    /// It has so many other names (hard links), under which its bytes are as they were: a copy that is somebody's.
    OtherNames(u64),
    /// No name leads to it, but its bytes could not be overwritten.
    Bytes,
}

impl Superseded {
    fn hold(path: &Path) -> Result<Self, FileError> {
        File::options().read(true).write(true).open(path).map(Self).map_err(FileError::on("write", path))
    }

    /// Overwrites the bytes that no name leads to any more, and reads back whether they are gone.
    fn overwrite(mut self) -> Remains {
        self.try_overwrite().unwrap_or(Remains::Bytes)
    }

    fn try_overwrite(&mut self) -> io::Result<Remains> {
        let Self(file) = self;
        let metadata = file.metadata()?;
        #[cfg(unix)]
        let names = std::os::unix::fs::MetadataExt::nlink(&metadata);
        #[cfg(not(unix))]
        let names = 1;
        if names > 0 {
            return Ok(Remains::OtherNames(names));
        }
        let len = metadata.len();
        file.rewind()?;
        io::copy(&mut io::repeat(0).take(len), file)?;
        file.sync_all()?;
        file.rewind()?;
        let mut left = Zeroizing::new(Vec::new());
        file.take(len + 1).read_to_end(&mut left)?;
        let gone = left.len() as u64 == len && left.iter().all(|&byte| byte == 0);
        Ok(if gone { Remains::Nothing } else { Remains::Bytes })
    }
}

/// A synced file beside `path`, which goes away unless it is persisted.
fn stage(path: &Path, bytes: &[u8], mode: u32) -> Result<NamedTempFile, FileError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).rand_bytes(6);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let hold = || {
        loop {
            let file = builder.tempfile_in(parent(path))?;
            // Held as long as it has no name: by that it is told from what a process that was killed has left.
            let _ = file.as_file().lock();
            // Another may have taken it for that before it was held.
            if files::is_named(file.path(), file.as_file()).unwrap_or(false) {
                return Ok(file);
            }
        }
    };
    let staged = hold().and_then(|mut file| {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kill between making a file and writing it leaves; nothing else that is empty.
    #[cfg(unix)]
    #[test]
    fn what_was_not_begun_is_removed_and_nothing_else_that_is_empty() {
        use std::fs;
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let kept = [
            ".tmpabcdef",
            ".safelight-a1b2",
            ".safelight-a1b2c3.jpg",
            "empty",
            ".safelight-twice1",
            ".safelight-held01",
        ];
        for name in kept.into_iter().chain([".safelight-a1b2c3", ".safelight-Z9y8X7"]) {
            fs::write(at(name), b"").expect("written");
        }
        fs::write(at(".safelight-diary1"), b"a").expect("written");
        fs::hard_link(at(".safelight-twice1"), at("another name")).expect("linked");
        symlink(at("empty"), at(".safelight-links1")).expect("linked");
        fs::create_dir(at(".safelight-folder")).expect("made");
        let held = File::open(at(".safelight-held01")).expect("open");
        held.lock().expect("held");
        put_private(&at("state"), b"a state", false).expect("written");
        remove_unfinished(&at("state"), 4, |head| head == b"a st");
        for name in kept.into_iter().chain(["another name", ".safelight-diary1", ".safelight-folder", "state"]) {
            assert!(at(name).exists(), "{name}");
        }
        assert!(at(".safelight-links1").is_symlink());
        assert!(!at(".safelight-a1b2c3").exists() && !at(".safelight-Z9y8X7").exists());
    }

    /// What is not provably an unfinished keyring of this custodian stays, whatever it is called.
    #[cfg(unix)]
    #[test]
    fn only_unfinished_keyrings_of_ours_are_removed() {
        use std::fs;
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let keyring = |custody: u8, secret: u8| {
            [&b"SLKEY\r\n\x1a\x02\0\x01\0\0\0\0\0"[..], &[custody; 16], &[secret; 90]].concat()
        };
        let path = at("keyring");
        fs::write(&path, keyring(7, 1)).expect("written");
        let kept = [
            (".safelight-a1b2c3", keyring(8, 2)),
            (".safelight-a1b2c4", b"a diary".to_vec()),
            (".tmpabcdef.jpg", keyring(7, 2)),
            (".safelight-a1b2", keyring(7, 2)),
            ("keyring.bak", keyring(7, 2)),
            ("elsewhere", keyring(7, 2)),
        ];
        for (name, bytes) in &kept {
            fs::write(at(name), bytes).expect("written");
        }
        symlink(at("elsewhere"), at(".safelight-links1")).expect("linked");
        fs::write(at(".safelight-twice1"), keyring(7, 2)).expect("written");
        fs::hard_link(at(".safelight-twice1"), at("another name")).expect("linked");
        fs::create_dir(at(".safelight-folder")).expect("made");
        let strays = [".safelight-x9Y8z7", ".tmpQ1w2E3"];
        let mut open = Vec::new();
        for name in strays {
            fs::write(at(name), keyring(7, 3)).expect("written");
            open.push(File::open(at(name)).expect("open"));
        }
        let old = File::open(&path).expect("open");
        replace_private(&path, &keyring(7, 9)).expect("replaced");
        assert_eq!(fs::read(&path).expect("read"), keyring(7, 9));
        for (name, bytes) in kept {
            assert_eq!(fs::read(at(name)).expect("still there"), bytes, "{name}");
        }
        assert_eq!(fs::read(at("another name")).expect("still there"), keyring(7, 2));
        assert!(at(".safelight-folder").is_dir() && at(".safelight-links1").is_symlink());
        assert!(strays.iter().all(|name| !at(name).exists()));
        // What the names led to is overwritten, not only forgotten.
        for mut gone in open.into_iter().chain([old]) {
            let mut bytes = Vec::new();
            gone.read_to_end(&mut bytes).expect("read");
            assert!(!bytes.is_empty() && bytes.iter().all(|&byte| byte == 0));
        }
    }
}
