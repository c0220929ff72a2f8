//! All tables of captures of a source: which there are, what they say of each image, and what fits nothing.
//!
//! Owns where tables lie: each speaks for its own folder and those below, and the nearest one that names an image counts.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;
use zeroize::Zeroizing;

use super::captures::{CAPTURES_FILE, Captures, CapturesError};
use crate::capture::Circumstances;
use crate::files;
use crate::frame::Kind;

/// The tables of a source.
#[derive(Default)]
pub struct Tables {
    /// With the folder for which each speaks, relative to the source's; deepest last.
    tables: Vec<(PathBuf, Captures)>,
    files: Named,
    differing: Named,
}

/// How many of a kind there are, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// All.
    pub count: u64,
    /// The first few, by name.
    pub first: Vec<String>,
}

impl Named {
    /// How many are named.
    const FEW: usize = 5;

    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < Self::FEW {
            self.first.push(name.to_owned());
        }
    }
}

impl Tables {
    /// One table that was named, for all of the source.
    pub(super) fn single(path: &Path) -> Result<Self, CapturesError> {
        Ok(Self { tables: vec![(PathBuf::new(), Captures::read(path)?)], ..Self::default() })
    }

    /// All tables in and below the folder `root`, whatever the case of their names, with their paths.
    pub(super) fn below(root: &Path) -> Result<(Self, Vec<PathBuf>), CapturesError> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name() {
            // What cannot be walked is named by the walk that looks for images.
            let (path, error) = match entry {
                Ok(entry) => (entry.into_path(), None),
                Err(error) => match error.path().map(Path::to_owned) {
                    Some(path) => (path, error.into_io_error()),
                    None => continue,
                },
            };
            let named = path.file_name().and_then(|name| name.to_str());
            if !named.is_some_and(|name| name.eq_ignore_ascii_case(CAPTURES_FILE)) {
                continue;
            }
            if let Some(source) = error {
                return Err(CapturesError::Open { path, source });
            }
            // A picture or a film under that name is one.
            let head = files::begin(&path, Kind::SNIFFED_BYTES as u64).map(Zeroizing::new);
            if head.is_ok_and(|head| matches!(Kind::sniff(&head), Kind::Image(_) | Kind::Foreign(_) | Kind::Video(_))) {
                continue;
            }
            if let Some(folder) =
                path.parent().filter(|folder| paths.last().and_then(|last| last.parent()) == Some(folder))
            {
                return Err(CapturesError::Several { folder: folder.to_owned() });
            }
            paths.push(path);
        }
        let mut tables = Vec::new();
        for path in &paths {
            let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(Path::new(""));
            tables.push((folder.to_owned(), Captures::read(path)?));
        }
        tables.sort_by_key(|(folder, _)| folder.components().count());
        Ok((Self { tables, ..Self::default() }, paths))
    }

    /// The retention classes that rows name.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().flat_map(|(_, table)| table.classes())
    }

    /// The circumstances of the image `name`, a path relative to the source's folder.
    pub(super) fn of(&mut self, name: &Path) -> Circumstances {
        let below = self.tables.iter_mut().rev();
        let mut found = below.filter_map(|(folder, table)| table.of(name.strip_prefix(folder).ok()?));
        let nearest = found.next();
        // To the last, so that no row counts as one without a file.
        let differs = found.filter(|other| nearest.as_ref() != Some(other)).count() > 0;
        match nearest {
            Some(_) if differs => self.differing.add(&name.to_string_lossy()),
            None if !self.tables.is_empty() => self.files.add(&name.to_string_lossy()),
            _ => {}
        }
        nearest.unwrap_or_default()
    }

    /// Images met so far of which two tables say different things; the nearest one counts.
    pub fn differing(&self) -> &Named {
        &self.differing
    }

    /// Whether a row names the image `name`.
    pub(super) fn names(&self, name: &Path) -> bool {
        let below =
            |(folder, table): &(PathBuf, Captures)| name.strip_prefix(folder).is_ok_and(|name| table.names(name));
        self.tables.iter().any(below)
    }

    /// How many rows name none of the files `names`; none of these counts as met for that.
    pub(super) fn strays(&mut self, names: impl Iterator<Item = PathBuf>) -> u64 {
        names.for_each(|name| drop(self.of(&name)));
        let [_, strays] = self.rows_without_file();
        (self.files, self.differing) = Default::default();
        self.tables.iter_mut().for_each(|(_, table)| table.forget());
        strays.count
    }

    /// Whether one has no rows: they are still to come.
    pub(super) fn has_empty(&self) -> bool {
        self.tables.iter().any(|(_, table)| table.is_empty())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Images met so far that no row names, where there is a table.
    pub fn files_without_row(&self) -> &Named {
        &self.files
    }

    /// Rows of which no image was met so far: first those whose image another row names as well, then those that name none.
    pub(super) fn rows_without_file(&self) -> [Named; 2] {
        let mut rows = [Named::default(), Named::default()];
        for (folder, table) in &self.tables {
            for (rows, names) in rows.iter_mut().zip(table.unused()) {
                names.into_iter().for_each(|name| rows.add(&folder.join(name).to_string_lossy()));
            }
        }
        rows
    }
}
