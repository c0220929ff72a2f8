//! `captures.csv`: when, where and under which rule each image of a folder was taken.
//!
//! Owns that file's columns, its dialects and its errors. An error names the line and the column, never the cell: cells identify.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::capture::Circumstances;
use crate::files;

/// The name under which a folder's own table is found.
pub const CAPTURES_FILE: &str = "captures.csv";

/// The columns, in the order in which this product writes them.
pub const COLUMNS: [&str; 6] = ["file", "site", "lane", "direction", "timestamp", "class"];

/// The years in which a capture may lie. What is outside them stands for "unknown" in some system, or is a slip.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2100;

/// Rows by image. A year of one site has few lanes and millions of rows: names lie one behind another, and all else that a row
/// says is there once for all rows that say the same.
#[derive(Default)]
pub struct Captures {
    names: String,
    table: Vec<Row>,
    words: Vec<Words>,
    /// Places in `table`, by the name as it is written.
    exact: HashTable<u32>,
    /// The same by the name as other systems write it, marked [`TWICE`] when two rows would be the same.
    folded: HashTable<u32>,
    hasher: RandomState,
}

struct Row {
    /// Where its name ends in `names`, which is where the next one's begins.
    end: u32,
    /// Place in `words`.
    words: u32,
    /// Nanoseconds since 1970 UTC, or [`UNKNOWN`].
    captured_at: i64,
    /// Whether an image of that name was asked for.
    used: bool,
}

const _: () = assert!(size_of::<Row>() <= 24, "a table has millions");

/// Site, lane, direction and class.
type Words = [Option<Arc<str>>; 4];

/// No time: of those in [`YEARS`] none is so early.
const UNKNOWN: i64 = i64::MIN;

/// Beside the place of one row whose name is, as other systems write it, another row's too. No table has so many rows.
const TWICE: u32 = 1 << 31;

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
    /// There are several, which differ in case only.
    #[error("{} has several tables of that name", folder.display())]
    Several {
        /// The folder.
        folder: PathBuf,
    },
    /// It is written in UTF-16.
    #[error("{} is written in UTF-16, and a table is read in UTF-8 only", path.display())]
    Utf16 {
        /// The table.
        path: PathBuf,
    },
    /// A time is not one at which a photograph is taken.
    #[error("{} has a time outside the years 1900 to 2100, a placeholder perhaps, in `timestamp` at line {line}", path.display())]
    Year {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
    /// It is not a table in UTF-8, separated by commas, semicolons or tabs, with as many cells in each row.
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
    /// A cell holds what is no text: it would stand in lists, and end lines there.
    #[error("{} has a control character in `{}` at line {line}", path.display(), COLUMNS[*column])]
    Control {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// Place in [`COLUMNS`].
        column: usize,
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
        let open = |source| CapturesError::Open { path: path.to_owned(), source };
        let mut file = BufReader::with_capacity(HEAD, files::stream(path, files::MAX_TABLE).map_err(open)?);
        let head = file.fill_buf().map_err(open)?;
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.iter().take(64).any(|&b| b == 0) {
            return Err(CapturesError::Utf16 { path: path.to_owned() });
        }
        let delimiter = delimiter(head);
        let malformed = |error: csv::Error| CapturesError::Malformed {
            path: path.to_owned(),
            line: error.position().map_or(1, |position| line_at(path, position)),
        };
        let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).delimiter(delimiter).from_reader(file);
        let places = places(table.headers().map_err(malformed)?, path)?;
        let mut words = HashMap::<String, Arc<str>>::new();
        let mut known = HashMap::<Words, u32>::new();
        let mut captures = Self::default();
        let mut record = csv::StringRecord::new();
        while table.read_record(&mut record).map_err(malformed)? {
            let line = || record.position().map_or(0, |position| line_at(path, position));
            let cell = |column: usize| places[column].and_then(|at| record.get(at)).filter(|cell| !cell.is_empty());
            let control = |&column: &usize| cell(column).is_some_and(|cell| cell.chars().any(char::is_control));
            if let Some(column) = [1, 2, 3, 5].into_iter().find(control) {
                return Err(CapturesError::Control { path: path.to_owned(), line: line(), column });
            }
            let mut word = |column| {
                cell(column).map(|cell| match words.get(cell) {
                    Some(known) => Arc::clone(known),
                    None => Arc::clone(words.entry(cell.to_owned()).or_insert(Arc::from(cell))),
                })
            };
            let captured_at = match cell(4).map(str::parse::<jiff::Timestamp>) {
                None => UNKNOWN,
                Some(Ok(time)) if is_plausible(time) => i64::try_from(time.as_nanosecond()).unwrap_or(UNKNOWN),
                Some(Ok(_)) => return Err(CapturesError::Year { path: path.to_owned(), line: line() }),
                // Beyond what is a time at all: the last one of some systems' calendars, and one before the first.
                Some(Err(_)) if cell(4).is_some_and(|cell| cell.starts_with("9999-") || cell.starts_with("0000-")) => {
                    return Err(CapturesError::Year { path: path.to_owned(), line: line() });
                }
                Some(Err(_)) => return Err(CapturesError::Timestamp { path: path.to_owned(), line: line() }),
            };
            let words = [word(1), word(2), word(3), word(5)];
            let words = *known.entry(words).or_insert_with_key(|words| {
                captures.words.push(words.clone());
                captures.words.len() as u32 - 1
            });
            let name = cell(0).unwrap_or_default();
            if name.is_empty() || !captures.insert(name, words, captured_at) {
                return Err(CapturesError::File { path: path.to_owned(), line: line() });
            }
        }
        Ok(captures)
    }

    /// Adds a row; false when one of that name is there.
    fn insert(&mut self, name: &str, words: u32, captured_at: i64) -> bool {
        let Self { names, table, exact, folded: by_folded, hasher, .. } = self;
        let at = table.len() as u32;
        let of = |&at: &u32| Path::new(name_in(names, table, at & !TWICE));
        let written = key(Path::new(name));
        let same = |at: &u32| key(of(at)) == written;
        match exact.entry(hasher.hash_one(&*written), same, |at| hasher.hash_one(&*key(of(at)))) {
            Entry::Occupied(_) => return false,
            Entry::Vacant(free) => _ = free.insert(at),
        }
        let written = folded(Path::new(name));
        let same = |at: &u32| folded(of(at)) == written;
        match by_folded.entry(hasher.hash_one(&*written), same, |at| hasher.hash_one(&*folded(of(at)))) {
            Entry::Occupied(mut known) => *known.get_mut() |= TWICE,
            Entry::Vacant(free) => _ = free.insert(at),
        }
        names.push_str(name);
        // A table is no longer than 2 GiB.
        table.push(Row { end: names.len() as u32, words, captured_at, used: false });
        true
    }

    /// The retention classes that rows name, each once, in no order.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.words.iter().filter_map(|[.., class]| class.as_deref()).collect::<HashSet<_>>().into_iter()
    }

    /// The circumstances of the image `name`, a path relative to the table's folder; `None` when no row names it, be it as
    /// it is written or with another system's separators and Unicode form.
    pub fn of(&mut self, name: &Path) -> Option<Circumstances> {
        let at = self.place(name)?;
        let row = &mut self.table[at as usize];
        row.used = true;
        let owned = |word: &Option<Arc<str>>| word.as_deref().map(str::to_owned);
        let [site, lane, direction, class] = self.words[row.words as usize].each_ref().map(owned);
        let time = Some(row.captured_at).filter(|&time| time != UNKNOWN);
        let captured_at = time.and_then(|time| jiff::Timestamp::from_nanosecond(time.into()).ok());
        Some(Circumstances { captured_at, site, lane, direction, class })
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// No image was asked for.
    pub(super) fn forget(&mut self) {
        self.table.iter_mut().for_each(|row| row.used = false);
    }

    /// Whether a row names the image `name`.
    pub(super) fn names(&self, name: &Path) -> bool {
        self.place(name).is_some()
    }

    fn place(&self, name: &Path) -> Option<u32> {
        let written = key(name);
        let same = |&at: &u32| key(Path::new(self.name(at))) == written;
        let exact = self.exact.find(self.hasher.hash_one(&*written), same).copied();
        exact.or_else(|| Some(self.folded_place(name)?).filter(|at| at & TWICE == 0))
    }

    /// The first row of a name as other systems write it, and whether there are more.
    fn folded_place(&self, name: &Path) -> Option<u32> {
        let written = folded(name);
        let same = |&at: &u32| folded(Path::new(self.name(at & !TWICE))) == written;
        self.folded.find(self.hasher.hash_one(&*written), same).copied()
    }

    fn name(&self, at: u32) -> &str {
        name_in(&self.names, &self.table, at)
    }

    /// The names in rows of which no image was asked for, in the table's order; first those that another row names as well, in
    /// other characters, of which the image was asked for.
    pub fn unused(&self) -> [Vec<&str>; 2] {
        let rows = (0..).zip(&self.table).map(|(at, row)| (self.name(at), row.used));
        // Few rows have a namesake.
        let has_namesake = |name: &str| self.folded_place(Path::new(name)).is_some_and(|at| at & TWICE > 0);
        let used: HashSet<_> = rows
            .clone()
            .filter(|&(name, used)| used && has_namesake(name))
            .map(|(name, _)| folded(Path::new(name)))
            .collect();
        let unused = rows.filter(|(_, used)| !used).map(|(name, _)| name);
        let (twice, missing) = unused.partition(|name| !used.is_empty() && used.contains(&folded(Path::new(name))));
        [twice, missing]
    }
}

/// The name in the row at `at`.
fn name_in<'n>(names: &'n str, table: &[Row], at: u32) -> &'n str {
    let at = at as usize;
    let begin = if at == 0 { 0 } else { table[at - 1].end as usize };
    &names[begin..table[at].end as usize]
}

/// The line, as an editor counts it, in which the record at `position` begins: behind line ends of two characters and empty lines,
/// of which the reader's own count takes none or not all. 0 when the table cannot be read again.
fn line_at(path: &Path, position: &csv::Position) -> u64 {
    let Ok(file) = files::stream(path, files::MAX_TABLE) else { return 0 };
    let (mut line, mut before) = (1, 0);
    for (at, byte) in (0..).zip(BufReader::new(file).bytes()) {
        let Ok(byte) = byte else { return 0 };
        if at >= position.byte() && !matches!(byte, b'\r' | b'\n') {
            break;
        }
        // Of a carriage return and a line feed, the former counts.
        line += u64::from(byte == b'\r' || (byte == b'\n' && before != b'\r'));
        before = byte;
    }
    line
}

/// The files that a table's rows name, whatever else is wrong with it.
pub(super) struct Names(HashSet<Box<str>>);

impl Names {
    /// Reads those in the table at `path` that lie below the folder `below`, relative to the table's.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has no column that names files.
    pub(super) fn read(path: &Path, below: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(HEAD, files::stream(path, files::MAX_TABLE)?);
        let delimiter = delimiter(file.fill_buf()?);
        let mut table =
            csv::ReaderBuilder::new().trim(csv::Trim::All).delimiter(delimiter).flexible(true).from_reader(file);
        let column = table.byte_headers()?.iter().position(is_file_column);
        let column = column.ok_or(io::ErrorKind::InvalidData)?;
        let (below, mut names, mut record) = (folded(below), HashSet::new(), csv::ByteRecord::new());
        while table.read_byte_record(&mut record)? {
            let name = String::from_utf8_lossy(record.get(column).unwrap_or_default());
            let name = folded(Path::new(&*name));
            let rest = name.strip_prefix(&*below);
            // The folder itself names nothing; a photograph that was given is named in full.
            if rest
                .is_some_and(|rest| !name.is_empty() && (rest.is_empty() || below.is_empty() || rest.starts_with('/')))
            {
                names.insert(name.into());
            }
        }
        Ok(Self(names))
    }

    /// Whether a row names the file `name`, relative to the table's folder.
    pub(super) fn has(&self, name: &Path) -> bool {
        self.0.contains(&*folded(name))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of a table's beginning, as much as tells how it is written.
pub(super) const HEAD: usize = 64 << 10;

/// Whether a text begins as a table of captures does: with the column that names files, and another one.
pub(super) fn begins_table(head: &[u8]) -> bool {
    let wide = head.strip_prefix(b"\xff\xfe").or_else(|| head.strip_prefix(b"\xfe\xff")).unwrap_or(head);
    // Of characters of two bytes, the one that is not zero.
    let mut narrow = Zeroizing::new(Vec::with_capacity(wide.len()));
    narrow.extend(wide.iter().copied().filter(|byte| *byte != 0));
    let between = delimiter(&narrow);
    // By hand: a reader of tables would leave copies of what is none.
    let line = narrow.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let bare = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        let cell = cell.strip_prefix("\u{feff}".as_bytes()).unwrap_or(cell);
        is_file_column(cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell).trim_ascii())
    };
    line.contains(&between) && line.split(|byte| *byte == between).any(bare)
}

/// Whether a column's name says that it names files.
fn is_file_column(name: &[u8]) -> bool {
    name.strip_prefix("\u{feff}".as_bytes()).unwrap_or(name).eq_ignore_ascii_case(COLUMNS[0].as_bytes())
}

/// What separates the cells of the first line: whatever there is most of.
fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |&sign: &u8| line.iter().filter(|&&byte| byte == sign).count();
    // The last of equals is taken: a single column is separated by commas.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// Whether a photograph may have been taken then.
pub(super) fn is_plausible(time: jiff::Timestamp) -> bool {
    YEARS.contains(&time.to_zoned(jiff::tz::TimeZone::UTC).year())
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
fn key(name: &Path) -> Cow<'_, [u8]> {
    let bytes = name.as_os_str().as_encoded_bytes();
    if is_plain(bytes) {
        return Cow::Borrowed(bytes);
    }
    let named = |component: &Component| *component != Component::CurDir;
    Cow::Owned(name.components().filter(named).collect::<PathBuf>().into_os_string().into_encoded_bytes())
}

/// A path as any system would write it: with slashes, in composed characters.
fn folded(name: &Path) -> Cow<'_, str> {
    let text = name.to_string_lossy();
    if text.is_ascii() && is_plain(text.as_bytes()) {
        return text;
    }
    let text: String = text.nfc().map(|c| if c == '\\' { '/' } else { c }).collect();
    let parts = text.split('/').filter(|part| !matches!(*part, "" | "."));
    Cow::Owned(parts.collect::<Vec<_>>().join("/"))
}

/// Whether a path is nothing but names with slashes between them, as most are.
fn is_plain(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').all(|name| !matches!(name, b"" | b".")) && !path.contains(&b'\\')
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
        let mut captures = read(
            "\u{feff}file,Lane,timestamp,class\n\
             lane3/1.jpg, 3 ,2019-05-13T08:00:00Z,visitor\n\
             ./2.jpg,,2019-05-13T08:00:00-05:00,\n",
        )
        .unwrap();
        let first = captures.of(Path::new("lane3/1.jpg")).unwrap();
        assert_eq!((first.lane.as_deref(), first.class.as_deref(), first.site), (Some("3"), Some("visitor"), None));
        assert_eq!(first.captured_at.unwrap().to_string(), "2019-05-13T08:00:00Z");
        let second = captures.of(Path::new("2.jpg")).unwrap();
        assert_eq!((second.lane, second.class), (None, None));
        assert_eq!(second.captured_at.unwrap().to_string(), "2019-05-13T13:00:00Z");
        assert_eq!(captures.of(Path::new("3.jpg")), None);
        assert_eq!(captures.unused(), [vec![], vec![]] as [Vec<&str>; 2]);
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
        for column in ["site", "lane", "direction", "class"] {
            let table = format!("file,{column}\na.jpg,1\nb.jpg,\"S\u{1b}[31m ABC1234\"\n");
            let control = read(&table).err().expect("must be refused");
            assert!(matches!(control, CapturesError::Control { line: 3, .. }), "{control}");
            assert!(control.to_string().contains(column) && !control.to_string().contains("ABC1234"), "{control}");
        }
        let time = error("file,timestamp\na.jpg,ABC1234\n");
        assert!(matches!(time, CapturesError::Timestamp { line: 2, .. }));
        assert!(!time.to_string().contains("ABC1234"));
        // Lines as an editor counts them, however they end, and whatever stands empty between them.
        for end in ["\n", "\r\n", "\r"] {
            for blank in ["", end] {
                let lines = if blank.is_empty() { 3 } else { 4 };
                let table = |row: &str| format!("file,timestamp{end}a.jpg,2019-01-01T00:00:00Z{end}{blank}{row}{end}");
                let is = |error: CapturesError| match error {
                    CapturesError::Malformed { line, .. }
                    | CapturesError::File { line, .. }
                    | CapturesError::Year { line, .. }
                    | CapturesError::Timestamp { line, .. } => line,
                    other => panic!("{other}"),
                };
                for row in ["b.jpg", "a.jpg,", ",x", "b.jpg,9999-12-31T23:59:59Z", "b.jpg,noon"] {
                    let error = read(&table(row)).err().expect("must be refused");
                    assert_eq!(is(error), lines, "{row:?} behind {:?}", format!("{end}{blank}"));
                }
            }
        }
    }

    #[test]
    fn a_row_for_a_file_that_another_row_named_is_no_missing_file() {
        let mut captures = read("file,lane\nlane a\\1.jpg,1\nlane a/1.jpg,2\nb.jpg,3\n").unwrap();
        assert_eq!(captures.of(Path::new("lane a/1.jpg")).unwrap().lane.as_deref(), Some("2"));
        assert_eq!(captures.unused(), [vec!["lane a\\1.jpg"], vec!["b.jpg"]]);
    }

    #[test]
    fn what_spreadsheets_and_other_systems_write_is_understood() {
        for table in ["file;lane;site\nlane3\\1.jpg;3;A, B\n", "file\tlane\tsite\nlane3\\1.jpg\t3\tA, B\n"] {
            let mut captures = read(table).unwrap();
            let row = captures.of(Path::new("lane3/1.jpg")).unwrap();
            assert_eq!((row.lane.as_deref(), row.site.as_deref()), (Some("3"), Some("A, B")));
        }
        // Composed in the table and decomposed on the disk, and the other way round.
        let mut captures = read("file,lane\nGrün/é.jpg,1\nBlau/e\u{301}.jpg,2\nc.jpg,3\n").unwrap();
        assert_eq!(captures.of(Path::new("Gru\u{308}n/e\u{301}.jpg")).unwrap().lane.as_deref(), Some("1"));
        assert_eq!(captures.of(Path::new("Blau/é.jpg")).unwrap().lane.as_deref(), Some("2"));
        assert_eq!(captures.unused(), [vec![], vec!["c.jpg"]]);
        // Where two rows differ in that only, each stands for the file that is written so.
        let mut captures = read("file,lane\né.jpg,1\ne\u{301}.jpg,2\n").unwrap();
        assert_eq!(captures.of(Path::new("é.jpg")).unwrap().lane.as_deref(), Some("1"));
        assert_eq!(captures.of(Path::new("e\u{301}.jpg")).unwrap().lane.as_deref(), Some("2"));
        assert!(captures.of(Path::new("./x/../é.jpg")).is_none());
        for wide in [b"\xff\xfef\0i\0l\0e\0\n\0".as_slice(), b"\xfe\xff\0f\0i\0l\0e\0\n", b"f\0i\0l\0e\0\n\0"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(CAPTURES_FILE);
            std::fs::write(&path, wide).unwrap();
            assert!(matches!(Captures::read(&path), Err(CapturesError::Utf16 { .. })));
        }
    }

    #[test]
    fn a_placeholder_is_no_time() {
        for time in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1899-12-31T00:00:00Z"] {
            let error = read(&format!("file,timestamp\na.jpg,2019-01-01T00:00:00Z\nb.jpg,{time}\n")).err().unwrap();
            assert!(matches!(error, CapturesError::Year { line: 3, .. }), "{time}: {error}");
        }
    }
}
