//! The stolen folder: which files there are, and their bytes window by window.
//!
//! Owns the walk and bounded reading. Knows nothing of what the bytes may mean.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::BreachError;
use crate::files;
use crate::vault::{FileKind, kind_of_file};

/// Bytes that one task examines. Large enough that seeks and overlaps do not count, small enough that memory stays at
/// a few of these for each thread.
pub const WINDOW: u64 = 4 << 20;

/// Bytes before a window that are read again, so that nothing shorter is cut in two.
pub const OVERLAP: u64 = 4 << 10;

/// What a thief carried away.
pub struct Loot {
    /// Regular files, sorted by name.
    pub files: Vec<StolenFile>,
    /// Entries that could not be walked or are not regular files; symbolic links are not followed.
    pub skipped: u64,
}

/// One stolen file.
pub struct StolenFile {
    path: PathBuf,
    /// Path inside the stolen folder, `/` between its parts, as bytes.
    pub name: Vec<u8>,
    /// Length in bytes when the folder was walked.
    pub len: u64,
    /// When it was last changed, as far as the copy tells.
    pub changed: Option<std::time::SystemTime>,
    /// What it is, when it is one of ours.
    pub kind: Option<FileKind>,
    /// Whether it holds other files, which are not looked into.
    pub archive: bool,
}

/// A part of a file for one task.
#[derive(Clone, Copy)]
pub struct Window {
    /// Index into [`Loot::files`].
    pub file: usize,
    /// Where it begins.
    pub offset: u64,
    /// Its length, ≤ [`WINDOW`].
    pub len: u64,
}

impl Loot {
    /// Walks `roots`, folders or single files: together they are what was carried away. What is reached twice counts
    /// once.
    pub fn survey<P: AsRef<Path>>(roots: &[P]) -> Result<Self, BreachError> {
        let (mut files, mut skipped) = (Vec::new(), 0);
        let mut seen = HashSet::new();
        for root in roots.iter().map(AsRef::as_ref) {
            let unreadable = |source| BreachError::Stolen { path: root.to_owned(), source };
            std::fs::metadata(root).map_err(unreadable)?;
            // Of several, each one's own name tells their files apart.
            let above = root.parent().filter(|_| roots.len() > 1).unwrap_or(root);
            for entry in WalkDir::new(root).follow_root_links(true).sort_by_file_name() {
                let Ok(entry) = entry else {
                    skipped += 1;
                    continue;
                };
                if entry.file_type().is_dir() {
                    continue;
                }
                // The root may itself be a link to a file; nothing below it is followed.
                let metadata =
                    if entry.depth() == 0 { std::fs::metadata(entry.path()).ok() } else { entry.metadata().ok() };
                let Some(metadata) = metadata.filter(std::fs::Metadata::is_file) else {
                    skipped += 1;
                    continue;
                };
                if !seen.insert(entry.path().canonicalize().unwrap_or_else(|_| entry.path().to_owned())) {
                    continue;
                }
                let inside = entry.path().strip_prefix(above).unwrap_or(entry.path());
                let inside = if inside.as_os_str().is_empty() { Path::new(entry.file_name()) } else { inside };
                let head = files::begin(entry.path(), ARCHIVE_HEAD).unwrap_or_default();
                files.push(StolenFile {
                    path: entry.path().to_owned(),
                    name: inside.as_os_str().as_encoded_bytes().to_vec(),
                    len: metadata.len(),
                    changed: metadata.modified().ok(),
                    kind: head.first_chunk::<8>().and_then(|head| kind_of_file(head)),
                    archive: is_archive(&head),
                });
            }
        }
        Ok(Self { files, skipped })
    }

    /// Files that hold other files, which are not looked into.
    pub fn archives(&self) -> u64 {
        self.files.iter().filter(|file| file.archive).count() as u64
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.len).sum()
    }

    /// All files cut into windows; an empty file has none.
    pub fn windows(&self) -> Vec<Window> {
        let cut = |(file, f): (usize, &StolenFile)| {
            let len = f.len;
            (0..len.div_ceil(WINDOW)).map(move |i| Window {
                file,
                offset: i * WINDOW,
                len: WINDOW.min(len - i * WINDOW),
            })
        };
        self.files.iter().enumerate().flat_map(cut).collect()
    }
}

/// As much of a file as tells archives.
const ARCHIVE_HEAD: u64 = 512;

/// Whether a file of this beginning is an archive, or compressed.
fn is_archive(head: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 8] = [
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ\0",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
    ];
    SIGNATURES.iter().any(|signature| head.starts_with(signature)) || head.get(257..262) == Some(b"ustar")
}

impl StolenFile {
    /// Where it lies now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for reading by position.
    pub fn open(&self) -> io::Result<OpenLoot> {
        Ok(OpenLoot { file: files::open(&self.path)?.0, len: self.len })
    }
}

/// An open stolen file.
pub struct OpenLoot {
    file: File,
    len: u64,
}

impl OpenLoot {
    /// Up to `len` bytes from `offset`; fewer at the end of the file.
    pub fn read_at(&mut self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let len = len.min(self.len.saturating_sub(offset));
        let mut bytes = Vec::with_capacity(len as usize);
        self.file.seek(SeekFrom::Start(offset))?;
        (&mut self.file).take(len).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_byte_once() {
        let folder = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir(folder.path().join("sub")).expect("mkdir");
        std::fs::write(folder.path().join("sub/a"), vec![1; (WINDOW + 5) as usize]).expect("write");
        std::fs::write(folder.path().join("empty"), []).expect("write");
        let loot = Loot::survey(&[folder.path()]).expect("survey");
        assert_eq!(loot.files.iter().map(|f| f.name.as_slice()).collect::<Vec<_>>(), [b"empty".as_slice(), b"sub/a"]);
        let spans: Vec<_> = loot.windows().iter().map(|w| (w.file, w.offset, w.len)).collect();
        assert_eq!(spans, [(1, 0, WINDOW), (1, WINDOW, 5)]);
        let mut open = loot.files[1].open().expect("open");
        assert_eq!(open.read_at(WINDOW, 100).expect("read").len(), 5);
    }

    #[test]
    fn a_single_file_is_loot_too() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("one.seg");
        std::fs::write(&path, b"x").expect("write");
        let loot = Loot::survey(&[&path]).expect("survey");
        assert_eq!(loot.files[0].name, b"one.seg");
        assert!(Loot::survey(&[folder.path().join("none")]).is_err());
    }

    #[test]
    fn several_are_one_loot_and_nothing_counts_twice() {
        let folder = tempfile::tempdir().expect("tempdir");
        for name in ["vault/a", "vault/b", "pack"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
            std::fs::write(path, name).expect("write");
        }
        let roots = ["vault", "pack", "vault/a"].map(|name| folder.path().join(name));
        let loot = Loot::survey(&roots).expect("survey");
        let names: Vec<&[u8]> = loot.files.iter().map(|file| file.name.as_slice()).collect();
        assert_eq!(names, [b"vault/a".as_slice(), b"vault/b", b"pack"]);
    }
}
