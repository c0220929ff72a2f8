//! `captures.csv`: when, where and under which rule each image of a folder was taken.
//!
//! Owns that file's columns and its errors. An error names the line and the column, never the cell: cells identify.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::capture::Circumstances;
use crate::files;

/// The name under which a folder's own table is found.
pub const CAPTURES_FILE: &str = "captures.csv";

/// The columns, in the order in which this product writes them.
pub const COLUMNS: [&str; 6] = ["file", "site", "lane", "direction", "timestamp", "class"];

/// Rows by image.
#[derive(Default)]
pub struct Captures {
    rows: HashMap<Box<[u8]>, Row>,
}

/// A year of one site has few lanes and many rows: words are shared.
struct Row {
    captured_at: Option<jiff::Timestamp>,
    site: Option<Arc<str>>,
    lane: Option<Arc<str>>,
    direction: Option<Arc<str>>,
    class: Option<Arc<str>>,
}

/// Why a table cannot be used. A table in doubt stops a run before its first image: circumstances cannot be added later.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CapturesError {
    /// The file cannot be opened.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// The table.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It is not a table of comma-separated values in UTF-8 with as many cells in each row.
    #[error("{} is not well-formed at line {line}", path.display())]
    Malformed {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// The first row lacks the one column that must be there.
    #[error("{} has no column `file`", path.display())]
    NoFileColumn {
        /// The table.
        path: PathBuf,
    },
    /// The first row has a column that nobody would read.
    #[error("{} has a column {column} that is none of {COLUMNS:?}, or is there twice", path.display())]
    Column {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        column: usize,
    },
    /// A cell that should be a time is none.
    #[error("{} has no RFC 3339 time with an offset in `timestamp` at line {line}", path.display())]
    Timestamp {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// A row names no file, or one that an earlier row names.
    #[error("{} names no file, or one for the second time, at line {line}", path.display())]
    File {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

impl Captures {
    /// Reads the table at `path`.
    ///
    /// # Errors
    ///
    /// On the first cell, row or column that is not as it should be.
    pub fn read(path: &Path) -> Result<Self, CapturesError> {
        let file = files::stream(path, files::MAX_TABLE)
            .map_err(|source| CapturesError::Open { path: path.to_owned(), source })?;
        let malformed = |error: csv::Error| CapturesError::Malformed {
            path: path.to_owned(),
            line: error.position().map_or(1, csv::Position::line),
        };
        let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let places = places(table.headers().map_err(malformed)?, path)?;
        let mut words = HashMap::<String, Arc<str>>::new();
        let mut rows = HashMap::new();
        let mut record = csv::StringRecord::new();
        while table.read_record(&mut record).map_err(malformed)? {
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: usize| places[column].and_then(|at| record.get(at)).filter(|cell| !cell.is_empty());
            let mut word = |column| {
                cell(column).map(|cell| match words.get(cell) {
                    Some(known) => Arc::clone(known),
                    None => Arc::clone(words.entry(cell.to_owned()).or_insert(Arc::from(cell))),
                })
            };
            let row = Row {
                site: word(1),
                lane: word(2),
                direction: word(3),
                class: word(5),
                captured_at: match cell(4).map(str::parse) {
                    None => None,
                    Some(Ok(time)) => Some(time),
                    Some(Err(_)) => return Err(CapturesError::Timestamp { path: path.to_owned(), line }),
                },
            };
            let name = cell(0).map(|name| key(Path::new(name)));
            if name.is_none_or(|name| rows.insert(name, row).is_some()) {
                return Err(CapturesError::File { path: path.to_owned(), line });
            }
        }
        Ok(Self { rows })
    }

    /// The retention classes that rows name, each once, in no order.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.rows.values().filter_map(|row| row.class.as_deref()).collect::<HashSet<_>>().into_iter()
    }

    /// The circumstances of the image `name`, a path relative to the folder; empty ones when no row names it.
    pub fn of(&self, name: &Path) -> Circumstances {
        let Some(row) = self.rows.get(&key(name)) else { return Circumstances::default() };
        let owned = |word: &Option<Arc<str>>| word.as_deref().map(str::to_owned);
        Circumstances {
            captured_at: row.captured_at,
            site: owned(&row.site),
            lane: owned(&row.lane),
            direction: owned(&row.direction),
            class: owned(&row.class),
        }
    }
}

/// Where each of [`COLUMNS`] stands in the table's first row.
fn places(head: &csv::StringRecord, path: &Path) -> Result<[Option<usize>; 6], CapturesError> {
    let mut places = [None; 6];
    for (at, name) in head.iter().enumerate() {
        // Spreadsheets put a byte order mark before the first name.
        let name = name.trim_start_matches('\u{feff}');
        let place = COLUMNS.iter().position(|known| known.eq_ignore_ascii_case(name)).map(|column| &mut places[column]);
        match place {
            Some(place @ None) => *place = Some(at),
            Some(Some(_)) | None => return Err(CapturesError::Column { path: path.to_owned(), column: at + 1 }),
        }
    }
    if places[0].is_none() {
        return Err(CapturesError::NoFileColumn { path: path.to_owned() });
    }
    Ok(places)
}

/// A path without its `.` components, as bytes: it need not be UTF-8.
fn key(name: &Path) -> Box<[u8]> {
    let named = |component: &Component| *component != Component::CurDir;
    name.components().filter(named).collect::<PathBuf>().as_os_str().as_encoded_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &str) -> Result<Captures, CapturesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CAPTURES_FILE);
        std::fs::write(&path, table).unwrap();
        Captures::read(&path)
    }

    #[test]
    fn rows_are_joined_by_relative_path() {
        let captures = read(
            "\u{feff}file,Lane,timestamp,class\n\
             lane3/1.jpg, 3 ,2019-05-13T08:00:00Z,visitor\n\
             ./2.jpg,,2019-05-13T08:00:00-05:00,\n",
        )
        .unwrap();
        let first = captures.of(Path::new("lane3/1.jpg"));
        assert_eq!((first.lane.as_deref(), first.class.as_deref(), first.site), (Some("3"), Some("visitor"), None));
        assert_eq!(first.captured_at.unwrap().to_string(), "2019-05-13T08:00:00Z");
        let second = captures.of(Path::new("2.jpg"));
        assert_eq!((second.lane, second.class), (None, None));
        assert_eq!(second.captured_at.unwrap().to_string(), "2019-05-13T13:00:00Z");
        assert_eq!(captures.of(Path::new("3.jpg")), Circumstances::default());
    }

    #[test]
    fn each_fault_is_named_with_its_place_and_without_its_cell() {
        let error = |table| read(table).err().expect("must be refused");
        assert!(matches!(error("site,lane\n"), CapturesError::NoFileColumn { .. }));
        assert!(matches!(error(""), CapturesError::NoFileColumn { .. }));
        assert!(matches!(error("file,plate\n"), CapturesError::Column { column: 2, .. }));
        assert!(matches!(error("file,lane,lane\n"), CapturesError::Column { column: 3, .. }));
        assert!(matches!(error("file,lane\na.jpg,1\nb.jpg\n"), CapturesError::Malformed { line: 3, .. }));
        assert!(matches!(error("file,lane\na.jpg,1\n,2\n"), CapturesError::File { line: 3, .. }));
        assert!(matches!(error("file,lane\na.jpg,1\n./a.jpg,2\n"), CapturesError::File { line: 3, .. }));
        let time = error("file,timestamp\na.jpg,ABC1234\n");
        assert!(matches!(time, CapturesError::Timestamp { line: 2, .. }));
        assert!(!time.to_string().contains("ABC1234"));
    }
}
