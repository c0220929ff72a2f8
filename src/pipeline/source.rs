//! A folder becomes a sequence of image files, always in the same order.
//!
//! Owns which files are images: those whose name says so, whatever they hold, and those whose first bytes say so. No other
//! file is passed over in silence but text without pictures and what is known to show nobody. Opens nothing that is not a regular file.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use thiserror::Error;
use walkdir::WalkDir;
use zeroize::Zeroizing;

use super::captures::{CAPTURES_FILE, CapturesError, Names};
use super::doubts::{Doubts, is_closed_table};
use super::film;
use super::tables::{Named, Tables};
use super::texts;
use super::unread::{self, Candidate, UnreadTable};
use crate::capture::Circumstances;
use crate::files;
use crate::frame::{Format, Kind};
use crate::video::avi::{AviError, Chunk, MAX_FRAME};
use crate::video::mjpeg;
use crate::video::via::{Ffmpeg, ViaError};
use crate::words::count;

/// An image file that was found.
pub struct SourceImage {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the folder.
    pub name: PathBuf,
    /// What the folder's table says of it.
    pub circumstances: Circumstances,
    /// Its length when it was found.
    pub length: u64,
    /// Whether no row names it though there are rows that name nothing here, or a text that is no table names it, or two tables
    /// differ: what is said of it was not all understood.
    pub unlisted: bool,
    /// Which frame of the film at `path` it is, where it is one.
    pub(super) frame: Option<Frame>,
}

/// A frame of a film, as a capture.
pub(super) struct Frame {
    /// The film's path below the folder.
    pub(super) film: PathBuf,
    /// What tells it from the film's others.
    pub(super) label: String,
    pub(super) held: Held,
    /// Whether it is the first that was taken of the film.
    pub(super) begins: bool,
}

/// Where a frame's bytes are.
pub(super) enum Held {
    /// In the file.
    Chunk(Chunk),
    /// Here.
    Bytes(Zeroizing<Vec<u8>>),
}

impl Held {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.length().into(),
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl SourceImage {
    /// Where it is, for whoever is told of it.
    pub(super) fn place(&self) -> PathBuf {
        self.frame.as_ref().map_or_else(|| self.path.clone(), |frame| film::labelled(&self.path, &frame.label))
    }

    /// The path below the folder of the file that it is, or is a frame of.
    pub(super) fn listed(&self) -> &Path {
        self.frame.as_ref().map_or(&self.name, |frame| &frame.film)
    }

    /// Reads it, up to `limit` bytes.
    pub(super) fn load(&self, limit: u64) -> Result<Loaded, LoadError> {
        let Some(Frame { held, .. }) = &self.frame else { return load(&self.path, limit) };
        let (mut file, _) = files::open(&self.path)?;
        let length = held.length();
        let limit = limit.min(MAX_FRAME.into());
        if length > limit {
            return Err(LoadError::TooLong { length, limit });
        }
        let stamp = Stamp::of(&file.metadata()?);
        let chunk = match held {
            Held::Chunk(chunk) => chunk.read(&mut file)?,
            Held::Bytes(bytes) => return Ok(Loaded { bytes: bytes.to_vec(), stamp }),
        };
        // Two fields are no picture, and are kept as they are.
        let bytes = match mjpeg::fields(&chunk).as_deref() {
            Ok([field]) => field.file(&chunk),
            _ => chunk,
        };
        Ok(Loaded { bytes, stamp })
    }
}

/// What a walk meets that is no image and that the operator should hear of.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceFault {
    /// A link back to a folder that is being walked: its images are found without it.
    #[error("a symbolic link to a folder above it: not followed")]
    Loop,
    /// A FIFO, a socket or a device: whoever put it there expects something of it, and nobody knows what is behind it.
    #[error("not a regular file: not opened")]
    NotAFile,
    /// What a Mac keeps beside a photograph and names like it: attributes, and no picture.
    #[error("what a Mac keeps beside a photograph of that name (AppleDouble), and no photograph")]
    AppleDouble,
    /// Moving pictures, which are not treated: the file stays where it is, unsealed.
    #[error("a video ({0}), and no photograph: it stays as it is")]
    Video(&'static str),
    /// Moving pictures whose frames could be taken, by a program that was not asked for.
    #[error("a video ({0}), whose frames are captures with --via ffmpeg only: it stays as it is")]
    WithoutFfmpeg(&'static str),
    /// A film that ought to be Motion JPEG in AVI, and cannot be read.
    #[error("a video (AVI) that cannot be read: it stays as it is")]
    Film(#[source] AviError),
    /// A film of which all whole frames were taken, and that has more.
    #[error("a video that breaks off: its whole frames were looked at, and it stays as it is")]
    BreaksOff,
    /// A film that `ffmpeg` does not read, or not to its end.
    #[error("a video of which frames are missing: it stays as it is")]
    Via(#[source] ViaError),
    /// A letter, a page or a drawing that holds a picture.
    #[error("text that holds {0}: not treated, it stays as it is")]
    PictureInText(&'static str),
    /// What Windows keeps of a folder's photographs, be they deleted or not.
    #[error("Windows' thumbnails of photographs: not treated, they stay as they are")]
    Thumbnails,
    /// It begins like what this program writes, and may hold anything.
    #[error("a file of Safelight's own: not treated, it stays as it is")]
    Own,
    /// A table of captures under another name: nothing of what it says was used.
    #[error("looks like a table of captures and was not read; name it {CAPTURES_FILE}, or with --captures")]
    Table,
    /// Nothing that this program knows, so that nobody knows whether it shows anybody.
    #[error("neither a picture nor text: not treated, it stays as it is")]
    Unknown,
    /// A file or a folder that cannot be looked at.
    #[error("cannot be read")]
    Io(#[source] io::Error),
}

impl SourceFault {
    /// Whether something may have been passed over that shows somebody. A loop holds nothing that could be lost.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::Loop | Self::AppleDouble)
    }
}

/// One step of the walk.
pub(super) enum Found<I = SourceImage> {
    Image(I),
    Fault(PathBuf, SourceFault),
}

/// Why a source cannot be walked at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The folder is not there, or may not be looked at.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// As given.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Its table of captures is unusable.
    #[error(transparent)]
    Captures(#[from] CapturesError),
}

/// Walks a folder, or takes one file, in the order of names. Links are followed, each folder at most once at a time.
pub struct Source {
    root: PathBuf,
    /// The folder below which names are.
    base: PathBuf,
    walk: walkdir::IntoIter,
    tables: Tables,
    /// Files that are not images.
    ignored: u64,
    /// Tables that were read.
    known: Vec<PathBuf>,
    /// Whether all was met that there is.
    ended: bool,
    /// The one table that was given.
    given: Option<PathBuf>,
    /// Tables that are not read, where they were looked for.
    unread: Option<Vec<UnreadTable>>,
    /// What may be about images that no row names, where it was looked for.
    doubts: Doubts,
    /// Of films, a frame for each so many seconds is an image; `None` where films are none of it.
    every: Option<f64>,
    /// What reads other films than Motion JPEG in AVI.
    ffmpeg: Option<Ffmpeg>,
    /// Frames of the film that is being walked through.
    film: Option<film::Captures>,
}

impl Source {
    /// A source of all images under `root`. Circumstances come from the table at `captures`, or else from each
    /// `captures.csv` in `root` and below it.
    ///
    /// # Errors
    ///
    /// When `root` cannot be opened or the table is unusable.
    pub fn open(root: &Path, captures: Option<&Path>) -> Result<Self, SourceError> {
        let given = fs::metadata(root).map_err(|source| SourceError::Open { path: root.to_owned(), source })?;
        let above = || root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let base = if given.is_dir() { root } else { above() };
        let (tables, known) = match captures {
            Some(path) => (Tables::single(path)?, Vec::new()),
            None => Tables::below(root)?,
        };
        let walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
        Ok(Self {
            root: root.to_owned(),
            base: base.to_owned(),
            walk,
            tables,
            ignored: 0,
            known,
            ended: false,
            given: captures.and_then(|path| fs::canonicalize(path).ok()),
            unread: None,
            doubts: Doubts::default(),
            every: None,
            ffmpeg: None,
            film: None,
        })
    }

    /// Takes frames of films for images: one for each so many seconds, or all of them for 0. Without `ffmpeg`, of Motion JPEG in
    /// AVI only.
    pub fn take_films(&mut self, every: f64, ffmpeg: Option<Ffmpeg>) {
        (self.every, self.ffmpeg) = (Some(every), ffmpeg);
    }

    /// The frames of the film at `path`.
    fn open_film(&self, path: &Path, kind: &'static str) -> Result<film::Captures, SourceFault> {
        let Some(every) = self.every else { return Err(SourceFault::Video(kind)) };
        if kind == "AVI"
            && let Some(film) = film::Captures::open(path, every).map_err(SourceFault::Film)?
        {
            return Ok(film);
        }
        let ffmpeg = self.ffmpeg.as_ref().ok_or(SourceFault::WithoutFfmpeg(kind))?;
        film::Captures::via(ffmpeg, kind, path, every).map_err(SourceFault::Via)
    }

    /// Looks for tables of captures that are not read, and names from now on those that it meets under another name. Where images
    /// are to be deleted, looks for all else, too, that may be about one which no row names.
    pub fn look_for_tables(&mut self, deleted: bool) {
        let mut candidates = unread::above(&self.root);
        let others = self.files().map(walkdir::DirEntry::into_path).filter(|path| !is_named_like_an_image(path));
        let others: Vec<PathBuf> = others.filter(|path| !self.known.contains(path) && !self.is_given(path)).collect();
        let texts: Vec<&PathBuf> = others.iter().filter(|path| is_text(path)).collect();
        let below: Vec<&PathBuf> = texts.iter().copied().filter(|path| unread::looks_like_table(path)).collect();
        candidates.extend(below.iter().map(|path| Candidate::below(&self.root, path.to_path_buf())));
        let names: Vec<_> = candidates.iter().map(Candidate::names).collect();
        let mut named = vec![0; candidates.len()];
        if names.iter().flatten().any(|names| !names.is_empty()) {
            for entry in self.files() {
                let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
                let is_named = |(candidate, names): (&Candidate, &Option<Names>)| {
                    names.as_ref().is_some_and(|names| candidate.name(relative).is_some_and(|name| names.has(&name)))
                };
                if self.tables.names(&self.name(entry.path())) {
                    continue;
                }
                for (at, pair) in candidates.iter().zip(&names).enumerate() {
                    named[at] += u64::from(is_named(pair));
                }
            }
        }
        let tables = candidates
            .into_iter()
            .zip(names)
            .zip(named)
            .map(|((candidate, names), named)| UnreadTable { path: candidate.path, files: names.map(|_| named) });
        self.unread = Some(tables.filter(|table| table.files != Some(0)).collect());
        if deleted {
            self.doubts = self.doubts(&others, &texts, &below);
        }
    }

    /// `others` are files below that are no images by their names and no tables that are read, `texts` and tables `below` some of
    /// them.
    fn doubts(&mut self, others: &[PathBuf], texts: &[&PathBuf], below: &[&PathBuf]) -> Doubts {
        let mut doubts = Doubts::default();
        let replaced = |path: &Path| self.is_replaced(path);
        doubts.any = below.iter().any(|path| !replaced(path))
            || others.iter().any(|path| is_closed_table(path) && !replaced(path))
            || self.tables.has_empty();
        texts.iter().filter(|path| !replaced(path)).for_each(|text| doubts.read(text, &self.root));
        if !self.tables.is_empty() {
            let names: Vec<PathBuf> = self.files().map(|entry| self.name(entry.path())).collect();
            doubts.any |= self.tables.strays(names.into_iter()) > 0;
        }
        doubts
    }

    fn is_given(&self, path: &Path) -> bool {
        self.given.as_ref().is_some_and(|given| fs::canonicalize(path).is_ok_and(|path| path == *given))
    }

    /// Tables that name files of this source and are not read, and such that may and cannot be read, once they were looked
    /// for.
    pub fn unread_tables(&self) -> &[UnreadTable] {
        self.unread.as_deref().unwrap_or_default()
    }

    fn files(&self) -> impl Iterator<Item = walkdir::DirEntry> {
        let walk = WalkDir::new(&self.root).follow_links(true).sort_by_file_name().into_iter();
        walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    }

    fn is_unread_table(&self, path: &Path) -> bool {
        !self.known.iter().any(|known| known == path) && unread::looks_like_table(path) && !self.is_given(path)
    }

    /// Whether a table of the usual name is passed over for the one that was given, which names all that it does.
    fn is_replaced(&self, path: &Path) -> bool {
        let wanted = || self.unread_tables().iter().any(|table| table.path == path);
        self.given.is_some() && unread::is_captures_file(path) && !wanted()
    }

    /// By what an image at `path` is called here.
    pub fn name(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(relative) if relative.components().next().is_some() => relative.to_owned(),
            // The root is the image.
            _ => path.file_name().map_or_else(|| path.to_owned(), PathBuf::from),
        }
    }

    /// The folder below which images have their names.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The tables of captures.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Rows of the tables for which no file was met, once all files were: of a run that ended before, nobody knows what it would
    /// have met. First those whose file another row names as well, in other characters.
    pub fn rows_without_file(&self) -> [Named; 2] {
        if self.ended { self.tables.rows_without_file() } else { Default::default() }
    }

    /// Files met so far that are not images, the folder's own tables not counted.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// How many files under `root` are named like images: a cheap first guess for a progress bar.
    pub fn count(root: &Path) -> u64 {
        let walk = WalkDir::new(root).follow_links(true).into_iter().filter_map(Result::ok);
        walk.filter(|entry| entry.file_type().is_file() && is_named_like_an_image(entry.path())).count() as u64
    }

    /// One step of the walk.
    pub(super) fn step(&mut self) -> Option<Found> {
        loop {
            match self.film.as_mut().and_then(Iterator::next) {
                Some(Ok(frame)) => return Some(Found::Image(frame)),
                Some(Err((path, fault))) => return Some(Found::Fault(path, fault)),
                None => {}
            }
            let Some(entry) = self.walk.next() else {
                self.ended = true;
                return None;
            };
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(&self.root).to_owned();
                    let fault = if error.loop_ancestor().is_some() {
                        SourceFault::Loop
                    } else {
                        SourceFault::Io(error.into_io_error().unwrap_or_else(|| io::Error::from(io::ErrorKind::Other)))
                    };
                    return Some(Found::Fault(path, fault));
                }
            };
            let kind = entry.file_type();
            // What was read as a table is one; of others of that name, and of a simulation's files, the content says what they are.
            if kind.is_dir() || self.known.iter().any(|known| known == entry.path()) {
                continue;
            }
            if !kind.is_file() {
                return Some(Found::Fault(entry.into_path(), SourceFault::NotAFile));
            }
            let named = is_named_like_an_image(entry.path());
            let of_simulation = entry.path().parent() == Some(&*self.root);
            // Whatever is named like an image is one, or damaged; but for a film.
            let judged = match named {
                true => video(entry.path()).map(|kind| Ok(Judged::Fault(SourceFault::Video(kind)))),
                false => Some(judge(entry.path(), of_simulation)),
            };
            if let Some(judged) = judged {
                match judged {
                    Ok(Judged::Image) => {}
                    Ok(Judged::OfSimulation) => continue,
                    Ok(Judged::Ignored)
                        if self.unread.is_some()
                            && self.is_unread_table(entry.path())
                            && !self.is_replaced(entry.path()) =>
                    {
                        return Some(Found::Fault(entry.into_path(), SourceFault::Table));
                    }
                    Ok(Judged::Ignored) => {
                        self.ignored += 1;
                        continue;
                    }
                    Ok(Judged::Fault(SourceFault::Video(kind))) => match self.open_film(entry.path(), kind) {
                        Ok(film) => {
                            let name = self.name(entry.path());
                            let (circumstances, unlisted) = self.known(&name);
                            self.film = Some(film.known(name, circumstances, unlisted));
                            continue;
                        }
                        Err(fault) => return Some(Found::Fault(entry.into_path(), fault)),
                    },
                    Ok(Judged::Fault(fault)) => return Some(Found::Fault(entry.into_path(), fault)),
                    Err(error) => return Some(Found::Fault(entry.into_path(), SourceFault::Io(error))),
                }
            }
            if named && is_apple_double(entry.path()) {
                self.ignored += 1;
                return Some(Found::Fault(entry.into_path(), SourceFault::AppleDouble));
            }
            let length = match entry.metadata() {
                Ok(metadata) => metadata.len(),
                Err(error) => {
                    let error = error.into_io_error().unwrap_or_else(|| io::Error::from(io::ErrorKind::Other));
                    return Some(Found::Fault(entry.into_path(), SourceFault::Io(error)));
                }
            };
            let path = entry.into_path();
            let name = self.name(&path);
            let (circumstances, unlisted) = self.known(&name);
            return Some(Found::Image(SourceImage { path, name, circumstances, length, unlisted, frame: None }));
        }
    }

    /// What tables say of what is called so, and whether not all of it was understood.
    fn known(&mut self, name: &Path) -> (Circumstances, bool) {
        let differing = self.tables.differing().count;
        let unlisted = self.doubts.are_about(name) && !self.tables.names(name);
        let circumstances = self.tables.of(name);
        (circumstances, unlisted || self.tables.differing().count > differing)
    }
}

pub(super) fn is_named_like_an_image(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(Format::claims)
}

/// What a file is that is not named like an image.
enum Judged {
    /// A picture. One that nobody here decodes is taken like one that cannot be decoded: whole.
    Image,
    /// Nobody is to be seen in it.
    Ignored,
    /// The list or the truth of a simulation, which is no more than the folder's own table.
    OfSimulation,
    Fault(SourceFault),
}

/// What kind of film it is, if it is one. What cannot be read is none.
fn video(path: &Path) -> Option<&'static str> {
    let head = Zeroizing::new(files::begin(path, Kind::SNIFFED_BYTES as u64).ok()?);
    if let Kind::Video(kind) = Kind::sniff(&head) { Some(kind) } else { None }
}

/// By what it holds: a name alone excuses no file.
fn judge(path: &Path, of_simulation: bool) -> io::Result<Judged> {
    let head = Zeroizing::new(files::begin(path, Kind::SNIFFED_BYTES as u64)?);
    Ok(match Kind::sniff(&head) {
        Kind::Image(_) | Kind::Foreign(_) => Judged::Image,
        Kind::Video(name) => Judged::Fault(SourceFault::Video(name)),
        Kind::Own => Judged::Fault(SourceFault::Own),
        Kind::Unknown if is_thumbnails(path, &head) => match texts::picture_in(path)? {
            Some(_) => Judged::Fault(SourceFault::Thumbnails),
            None => Judged::Ignored,
        },
        Kind::Beside if head.is_empty() => Judged::Ignored,
        Kind::Beside if is_of_a_mac(path, &head) && texts::picture_in(path)?.is_none() => Judged::Ignored,
        Kind::Beside | Kind::Unknown => Judged::Fault(SourceFault::Unknown),
        Kind::Text => match texts::picture_in(path)? {
            Some(what) => Judged::Fault(SourceFault::PictureInText(what)),
            None if of_simulation && is_of_simulation(path, &head) => Judged::OfSimulation,
            None => Judged::Ignored,
        },
    })
}

fn is_text(path: &Path) -> bool {
    let head = files::begin(path, Kind::SNIFFED_BYTES as u64).map(Zeroizing::new);
    head.is_ok_and(|head| matches!(Kind::sniff(&head), Kind::Text))
}

fn is_called(path: &Path, names: &[&str]) -> bool {
    path.file_name().is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// Whether a file is what Windows keeps of a folder (OLE's compound file): small pictures of those that lie there.
fn is_thumbnails(path: &Path, head: &[u8]) -> bool {
    is_called(path, &["Thumbs.db", "ehthumbs.db"]) && head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
}

/// Whether a file is what a Mac keeps of a folder, or beside a file.
fn is_of_a_mac(path: &Path, head: &[u8]) -> bool {
    let beside = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"));
    (is_called(path, &[".DS_Store"]) && head.starts_with(b"\0\0\0\x01Bud1"))
        || (beside && head.starts_with(b"\0\x05\x16\x07"))
}

/// Whether a text is what `simulate` writes under its name: lines of JSON, with its fields.
pub(super) fn is_of_simulation(path: &Path, head: &[u8]) -> bool {
    let says = |what: &[u8]| memchr::memmem::find(head, what).is_some();
    (is_called(path, &["simulation.json"]) && head.starts_with(b"{") && says(b"\"simulation\":1"))
        || (is_called(path, &["truth.jsonl"]) && head.starts_with(b"{\"path\":\"") && says(b"\"regions\":["))
}

/// Whether a file that is named like an image is what a Mac keeps beside one: by its name, and by what it holds.
fn is_apple_double(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"))
        && files::begin(path, 4).is_ok_and(|head| head == *b"\0\x05\x16\x07")
}

/// A file's bytes, and how to tell whether it is still the same file.
pub(super) struct Loaded {
    pub(super) bytes: Vec<u8>,
    pub(super) stamp: Stamp,
}

/// What changes when a file is replaced or written to.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
    /// The system's own time of the last change, which nobody sets.
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt;
                (metadata.dev(), metadata.ino())
            },
            #[cfg(unix)]
            changed: {
                use std::os::unix::fs::MetadataExt;
                (metadata.ctime(), metadata.ctime_nsec())
            },
        }
    }

    /// When the file was last written to, as its folder says.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }
}

/// Why an image file gave no bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Gone, forbidden, or failing.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// It became something else after it was found.
    #[error("no longer a regular file")]
    NotAFile,
    /// More bytes than are taken into memory.
    #[error("{} long; the limit is {limit}", count(*length, "byte"))]
    TooLong {
        /// Of the file.
        length: u64,
        /// [`super::Options::max_file_bytes`].
        limit: u64,
    },
}

/// Reads the file at `path` whole, up to `limit` bytes.
pub(super) fn load(path: &Path, limit: u64) -> Result<Loaded, LoadError> {
    let (mut file, _) = files::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => LoadError::NotAFile,
        _ => LoadError::Io(error),
    })?;
    let metadata = file.metadata()?;
    let length = metadata.len();
    if length > limit {
        return Err(LoadError::TooLong { length, limit });
    }
    let mut bytes = Vec::with_capacity(length as usize + 1);
    // It may grow while it is read: then it is longer than its stamp says and will not be consumed.
    file.by_ref().take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(LoadError::TooLong { length: bytes.len() as u64, limit });
    }
    let stamp = Stamp { length: bytes.len() as u64, ..Stamp::of(&metadata) };
    Ok(Loaded { bytes, stamp })
}
