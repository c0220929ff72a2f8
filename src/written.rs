//! Which files in a folder the program wrote: a list with their digests, by which a later run may replace them, and nothing
//! else.
//!
//! The list is a file in the folder: a first line that says what the folder is, then a line of JSON for each file or folder,
//! written before what it names. What no line names, or has other bytes by now, is somebody's.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;

/// What a file is named until it is whole.
const PART: &str = ".part";

/// The longest list that is read: a hundred bytes for each of twenty million files.
const LONGEST: u64 = 2 << 30;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    File {
        path: String,
        blake3: String,
    },
    /// Being written, under its name and [`PART`].
    Staged {
        staged: String,
    },
    Folder {
        folder: String,
    },
}

/// A folder that is being written, and its list.
pub(crate) struct Written {
    root: PathBuf,
    list: File,
}

impl Written {
    /// Begins a list `name` in the folder `root`, which is made if need be, for what `head` says that it is.
    pub fn begin(root: &Path, name: &str, head: &serde_json::Value) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let mut list = File::options().append(true).create_new(true).open(root.join(name))?;
        list.write_all(format!("{head}\n").as_bytes())?;
        Ok(Self { root: root.to_owned(), list })
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        let line = serde_json::to_string(line)?;
        self.list.write_all(format!("{line}\n").as_bytes())
    }

    /// Makes a folder that is not there.
    pub fn folder(&mut self, path: &str) -> io::Result<()> {
        self.line(&Line::Folder { folder: path.to_owned() })?;
        fs::create_dir(self.root.join(path))
    }

    /// Writes a file that is not there.
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.line(&Line::File { path: path.to_owned(), blake3: blake3::hash(bytes).to_string() })?;
        let staged = self.root.join(format!("{path}{PART}"));
        File::options().write(true).create_new(true).open(&staged)?.write_all(bytes)?;
        self.name(&staged, path)
    }

    /// Begins a file that is written bit by bit and gets its name by [`Self::settle`].
    pub fn stage(&mut self, path: &str) -> io::Result<BufWriter<File>> {
        self.line(&Line::Staged { staged: path.to_owned() })?;
        let staged = self.root.join(format!("{path}{PART}"));
        Ok(BufWriter::new(File::options().write(true).create_new(true).open(staged)?))
    }

    /// Names a file that is whole by now.
    pub fn settle(&mut self, path: &str) -> io::Result<()> {
        let staged = self.root.join(format!("{path}{PART}"));
        let digest = digest(&staged)?;
        self.line(&Line::File { path: path.to_owned(), blake3: digest })?;
        self.name(&staged, path)
    }

    fn name(&self, staged: &Path, path: &str) -> io::Result<()> {
        let path = self.root.join(path);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(staged, path)
    }

    /// Puts a file, or a folder with all that is in it, on the list: this run has just made it where nothing was.
    pub fn adopt(&mut self, path: &str) -> io::Result<()> {
        for entry in walkdir::WalkDir::new(self.root.join(path)).sort_by_file_name() {
            let entry = entry?;
            let inside = entry.path().strip_prefix(&self.root).map_err(io::Error::other)?;
            let inside = inside.to_str().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
            if entry.file_type().is_dir() {
                self.line(&Line::Folder { folder: inside })?;
            } else if entry.file_type().is_file() {
                self.line(&Line::File { blake3: digest(entry.path())?, path: inside })?;
            }
        }
        Ok(())
    }
}

/// Why a folder cannot be taken over.
#[derive(Debug)]
pub(crate) enum Taken {
    /// This is not known to be the program's own.
    Foreign(PathBuf),
    /// This cannot be looked at.
    Io(PathBuf, io::Error),
}

/// What an earlier run left in a folder, all of it proven.
#[derive(Default)]
pub(crate) struct Earlier {
    files: Vec<PathBuf>,
    /// Those inside before those that hold them.
    folders: Vec<PathBuf>,
    lists: Vec<PathBuf>,
}

impl Earlier {
    /// Looks at all that is in the folder `root`, which has a list `name`, and in folders below it lists of their own,
    /// given as folder and name. A folder that is not there, or empty, holds nothing. Changes nothing.
    pub fn survey(root: &Path, name: &str, inner: &[(&str, &str)]) -> Result<Self, Taken> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| Taken::Io(path, error)
        };
        let first = match fs::read_dir(root) {
            Ok(mut entries) => entries.next().transpose().map_err(failed(root))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(root)(error)),
        };
        let Some(first) = first else { return Ok(Self::default()) };
        let mut listed = Listed::default();
        let list = root.join(name);
        if !listed.read(&list, "").map_err(failed(&list))? {
            return Err(Taken::Foreign(first.path()));
        }
        for (folder, name) in inner {
            let list = root.join(folder).join(name);
            listed.read(&list, &format!("{folder}/")).map_err(failed(&list))?;
        }
        let mut earlier = Self::default();
        for entry in walkdir::WalkDir::new(root).min_depth(1).contents_first(true).sort_by_file_name() {
            let entry = entry.map_err(|error| failed(root)(error.into()))?;
            let (path, kind) = (entry.path().to_owned(), entry.file_type());
            let inside = path.strip_prefix(root).ok().and_then(Path::to_str).unwrap_or_default();
            if kind.is_dir() && listed.folders.contains(inside) {
                earlier.folders.push(path);
            } else if kind.is_file() && listed.lists.contains(&path) {
                earlier.lists.push(path);
            } else if kind.is_file() && listed.holds(inside, &path).map_err(failed(&path))? {
                earlier.files.push(path);
            } else {
                return Err(Taken::Foreign(path));
            }
        }
        Ok(earlier)
    }

    /// Removes it. The lists go last: whatever stops this, the next run knows what is left.
    pub fn clear(self) -> Result<(), (PathBuf, io::Error)> {
        let Self { files, folders, lists } = self;
        let (mut outer, inner): (Vec<_>, Vec<_>) =
            lists.into_iter().partition(|list| !folders.iter().any(|folder| list.parent() == Some(folder)));
        for path in files.into_iter().chain(inner) {
            fs::remove_file(&path).map_err(|error| (path, error))?;
        }
        for path in folders {
            fs::remove_dir(&path).map_err(|error| (path, error))?;
        }
        outer.drain(..).try_for_each(|path| fs::remove_file(&path).map_err(|error| (path, error)))
    }
}

/// What lists say.
#[derive(Default)]
struct Listed {
    files: HashMap<String, HashSet<String>>,
    /// Those of which a part may have been written when the run ended.
    begun: HashSet<String>,
    folders: HashSet<String>,
    lists: HashSet<PathBuf>,
}

impl Listed {
    /// Reads a list whose paths begin with `prefix`; false when there is none.
    fn read(&mut self, list: &Path, prefix: &str) -> io::Result<bool> {
        let file = match files::open_own(list) {
            Ok((file, len)) if len <= LONGEST => file,
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(_) if !files::is_file(list)? => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut lines = BufReader::new(file).lines();
        let head = lines.next().transpose()?.unwrap_or_default();
        if !serde_json::from_str::<serde_json::Value>(&head).is_ok_and(|head| head.is_object()) {
            return Ok(false);
        }
        self.lists.insert(list.to_owned());
        let (mut staged, mut last) = (HashSet::new(), None);
        for line in lines {
            // The last one may have been cut by whatever ended the run.
            match serde_json::from_str(&line?) {
                Ok(Line::File { path, blake3 }) => {
                    let path = format!("{prefix}{path}");
                    // What was staged is whole when its digest is on the list.
                    last = (!staged.remove(&path)).then(|| path.clone());
                    self.files.entry(path).or_default().insert(blake3);
                }
                Ok(Line::Staged { staged: path }) => _ = staged.insert(format!("{prefix}{path}")),
                Ok(Line::Folder { folder }) => _ = self.folders.insert(format!("{prefix}{folder}")),
                Err(_) => {}
            }
        }
        self.begun.extend(staged.into_iter().chain(last));
        if let Some(folder) = prefix.strip_suffix('/') {
            self.folders.insert(folder.to_owned());
        }
        Ok(true)
    }

    /// Whether the file at `path`, named `inside`, is one that was written, or was about to be.
    fn holds(&self, inside: &str, path: &Path) -> io::Result<bool> {
        if let Some(digests) = self.files.get(inside) {
            return Ok(digests.contains(&digest(path)?));
        }
        // A part gets its name by a rename: where the name is there, the part is another's.
        let Some(whole) = inside.strip_suffix(PART).filter(|_| !is_there(&path.with_extension(""))) else {
            return Ok(false);
        };
        let of_list = match self.files.get(whole) {
            Some(digests) => digests.contains(&digest(path)?),
            None => false,
        };
        Ok(of_list || self.begun.contains(whole))
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(files::open_own(path)?.0)?;
    Ok(hasher.finalize().to_string())
}
