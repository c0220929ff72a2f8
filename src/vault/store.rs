//! What a vault wants of the machine: files, folders and the time, and nothing else.
//!
//! All writing goes through [`Store`], so that tests can fail any operation, cut the power after any, and turn the
//! clock back.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::files;

/// Files, folders and the clock, as a vault's writer uses them.
pub trait Store: Send {
    /// The present.
    fn now(&self) -> Timestamp;
    /// For how long the machine has been running, where it tells.
    fn uptime(&self) -> Option<Uptime> {
        None
    }
    /// Makes a folder and those above it; that it exists is no error.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Creates a file, which must not exist, for writing.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>>;
    /// Opens a regular file, reached by no link, for writing at its end.
    fn append(&self, path: &Path) -> io::Result<Box<dyn StoreFile>>;
    /// Gives a file another name in the same file system, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder's names durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// For how long the machine has been running, sleep included: a clock that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// Which start of the machine this is.
    pub boot: [u8; 16],
    /// Since then.
    pub milliseconds: i64,
}

/// A file being written.
pub trait StoreFile: Write + Send {
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes; the next write goes there.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Sets the times that a copy would carry along to a constant.
    fn blank_times(&mut self) -> io::Result<()>;
}

/// The machine's own file system and clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

/// 2000-01-01T00:00:00Z: what every file of a vault says it was last changed at.
const BLANK_TIME: Duration = Duration::from_secs(946_684_800);

impl Store for Disk {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[cfg(target_os = "linux")]
    fn uptime(&self) -> Option<Uptime> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.replace('-', "");
        let boot = data_encoding::HEXLOWER_PERMISSIVE.decode(id.trim().as_bytes()).ok()?.try_into().ok()?;
        // From the kernel itself, which no library loaded before can speak for.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Some(Uptime { boot, milliseconds: time.tv_sec * 1000 + time.tv_nsec / 1_000_000 })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
        builder.create(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
        Ok(Box::new(DiskFile(options.open(path)?)))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        Ok(Box::new(DiskFile(files::append_own(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

struct DiskFile(File);

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl StoreFile for DiskFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn blank_times(&mut self) -> io::Result<()> {
        let time = SystemTime::UNIX_EPOCH + BLANK_TIME;
        self.0.set_times(FileTimes::new().set_accessed(time).set_modified(time))
    }
}
