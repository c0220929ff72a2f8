//! Tables of captures that are not read: above what is ingested, or under another name.
//!
//! Owns how they are found. What they say is not used: somebody chose the folder. But that they are there is said, before a
//! photograph is sealed, or deleted, of which they tell when and where it was taken.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use super::captures::{self, CAPTURES_FILE, Names};
use crate::files;

/// How many folders above the one that is ingested, or that a photograph lies in, are looked at.
const LEVELS: usize = 3;
/// Of a folder's entries, how many are looked at.
const ENTRIES: usize = 1 << 16;

/// A table that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadTable {
    /// Where it is.
    pub path: PathBuf,
    /// How many of the files that are ingested its rows name, and no row that is read does; `None` when it cannot be read.
    pub files: Option<u64>,
}

impl UnreadTable {
    /// Whether it would be read, did it not lie above what is ingested.
    pub fn is_above(&self) -> bool {
        is_captures_file(&self.path)
    }
}

/// A table, and how its rows name what lies below a source's root.
pub(super) struct Candidate {
    pub path: PathBuf,
    /// From the table's folder down to the root, when it lies above.
    down: PathBuf,
    /// From the root down to the table's folder, when it lies below.
    up: PathBuf,
}

impl Candidate {
    /// A table at `path`, in or below `root`.
    pub fn below(root: &Path, path: PathBuf) -> Self {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
        let up = folder.to_owned();
        Self { path, down: PathBuf::new(), up }
    }

    /// The names in its rows that may be files below the root.
    pub fn names(&self) -> Option<Names> {
        Names::read(&self.path, &self.down).ok()
    }

    /// How its rows name the file `relative` to the root; `None` for what it does not speak of.
    pub fn name(&self, relative: &Path) -> Option<PathBuf> {
        relative.strip_prefix(&self.up).ok().map(|rest| self.down.join(rest))
    }
}

/// Tables in the folders above `root`, by the way that was given and by that without links, up to the boundary of the
/// file system or the home folder.
pub(super) fn above(root: &Path) -> Vec<Candidate> {
    let plain = |way: &PathBuf| !way.components().any(|part| part == Component::ParentDir);
    let ways = [std::path::absolute(root).ok().filter(plain), fs::canonicalize(root).ok()];
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let homes = [home.clone(), home.and_then(|home| fs::canonicalize(home).ok())];
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for way in ways.into_iter().flatten() {
        let is_folder = way.is_dir();
        let levels = if is_folder { LEVELS } else { LEVELS + 1 };
        for (level, pair) in way.ancestors().collect::<Vec<_>>().windows(2).take(levels).enumerate() {
            let &[at, folder] = pair else { break };
            let own = level == 0 && !is_folder;
            if !own && (homes.iter().flatten().any(|home| home == at) || device(at) != device(folder)) {
                break;
            }
            let down = way.strip_prefix(folder).unwrap_or(Path::new("")).to_owned();
            for path in tables_in(folder) {
                let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                if seen.insert((real, down.clone())) {
                    found.push(Candidate { path, down: down.clone(), up: PathBuf::new() });
                }
            }
        }
    }
    found
}

fn tables_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(ENTRIES).filter_map(Result::ok);
    let is_list = |path: &Path| path.extension().is_some_and(|name| name.eq_ignore_ascii_case("csv")) && path.is_file();
    let is_table = |path: &PathBuf| is_captures_file(path) || (is_list(path) && looks_like_table(path));
    let mut tables: Vec<_> = entries.map(|entry| entry.path()).filter(is_table).collect();
    let usual = folder.join(CAPTURES_FILE);
    if !tables.contains(&usual) {
        tables.push(usual);
    }
    tables.retain(|path| path.is_file());
    tables
}

/// Whether a table of this name is found by itself.
pub(super) fn is_captures_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(CAPTURES_FILE))
}

/// Whether a text is a table of captures by its name, as copies and mail leave it, or by its first line.
pub(super) fn looks_like_table(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let named = name.starts_with("captures") && name.contains(".csv");
    let head = || files::begin(path, captures::HEAD as u64).map(Zeroizing::new);
    named || head().is_ok_and(|head| captures::begins_table(&head))
}

#[cfg(unix)]
fn device(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| std::os::unix::fs::MetadataExt::dev(&metadata))
}

#[cfg(not(unix))]
fn device(_: &Path) -> Option<u64> {
    None
}
