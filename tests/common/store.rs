//! A store that fails at a chosen operation, as a killed process, a dying disk or a power cut does.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use safelight::vault::{Disk, Store, StoreFile, Uptime};

/// What happens at the chosen operation; every later one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It is not done.
    Before,
    /// If it is a write, half of it is done.
    Halfway,
    /// It is done, and nobody learns of it.
    After,
}

/// Shared by the store and its files, and by the test.
pub struct Fate {
    state: Mutex<State>,
    kind: io::ErrorKind,
}

struct State {
    /// Operations so far.
    count: usize,
    /// The operation that fails.
    at: usize,
    blow: Blow,
    struck: bool,
    /// How to take back what is not durable yet, latest last.
    undo: Vec<Undo>,
    clock_ahead: SignedDuration,
    uptime: Option<Uptime>,
}

enum Undo {
    /// A file's bytes beyond this length are not durable.
    Truncate(PathBuf, u64),
    /// The file's name is not durable in its folder.
    Unlink(PathBuf),
    /// The rename is not durable in its folder; what had the name before comes back.
    Rename { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
}

impl Fate {
    /// Strikes at operation number `at`, from 0.
    pub fn strike(at: usize, blow: Blow) -> Arc<Self> {
        Self::with_kind(at, blow, io::ErrorKind::Other)
    }

    pub fn with_kind(at: usize, blow: Blow, kind: io::ErrorKind) -> Arc<Self> {
        let state = State {
            count: 0,
            at,
            blow,
            struck: false,
            undo: Vec::new(),
            clock_ahead: SignedDuration::ZERO,
            uptime: None,
        };
        Arc::new(Self { state: Mutex::new(state), kind })
    }

    /// Never strikes.
    pub fn kind() -> Arc<Self> {
        Self::strike(usize::MAX, Blow::Before)
    }

    pub fn operations(&self) -> usize {
        self.lock().count
    }

    pub fn struck(&self) -> bool {
        self.lock().struck
    }

    pub fn turn_clock(&self, ahead: SignedDuration) {
        self.lock().clock_ahead = ahead;
    }

    /// The machine says that it was started so many minutes ago.
    pub fn run_for(&self, boot: u8, minutes: i64) {
        self.lock().uptime = Some(Uptime { boot: [boot; 16], milliseconds: minutes * 60_000 });
    }

    /// Takes back everything that was not made durable.
    pub fn cut_power(&self) {
        let undo = std::mem::take(&mut self.lock().undo);
        for step in undo.into_iter().rev() {
            match step {
                Undo::Truncate(path, len) => {
                    if let Ok(file) = OpenOptions::new().write(true).open(path) {
                        file.set_len(len).expect("truncated");
                    }
                }
                Undo::Unlink(path) => _ = fs::remove_file(path),
                Undo::Rename { from, to, replaced } => {
                    _ = fs::rename(&to, from);
                    if let Some(bytes) = replaced {
                        fs::write(to, bytes).expect("put back");
                    }
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics here")
    }

    /// Does `full`, or what is left of it when the blow falls.
    fn perform<T>(
        &self,
        full: impl FnOnce(&mut Vec<Undo>) -> io::Result<T>,
        half: impl FnOnce(&mut Vec<Undo>),
    ) -> io::Result<T> {
        let mut state = self.lock();
        if state.struck {
            return Err(self.kind.into());
        }
        let now = state.count;
        state.count += 1;
        if now != state.at {
            return full(&mut state.undo);
        }
        state.struck = true;
        match state.blow {
            Blow::Before => {}
            Blow::Halfway => half(&mut state.undo),
            Blow::After => _ = full(&mut state.undo),
        }
        Err(self.kind.into())
    }
}

/// The disk, under a fate. Syncing only counts: power cuts are simulated, and the machine's own are rare.
pub struct FatedStore(pub Arc<Fate>);

fn nothing(_: &mut Vec<Undo>) {}

impl FatedStore {
    fn file(&self, path: &Path, inner: Box<dyn StoreFile>) -> Box<dyn StoreFile> {
        Box::new(FatedFile { fate: Arc::clone(&self.0), path: path.to_owned(), inner })
    }
}

impl Store for FatedStore {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.0.lock().clock_ahead
    }

    fn uptime(&self) -> Option<Uptime> {
        self.0.lock().uptime
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.0.perform(|_| Disk.create_folder(path), nothing)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let full = |undo: &mut Vec<Undo>| {
            let file = Disk.create(path)?;
            undo.push(Undo::Unlink(path.to_owned()));
            Ok(file)
        };
        self.0.perform(full, nothing).map(|inner| self.file(path, inner))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        self.0.perform(|_| Disk.append(path), nothing).map(|inner| self.file(path, inner))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let full = |undo: &mut Vec<Undo>| {
            let replaced = fs::read(to).ok();
            Disk.rename(from, to)?;
            undo.push(Undo::Rename { from: from.to_owned(), to: to.to_owned(), replaced });
            Ok(())
        };
        self.0.perform(full, nothing)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.perform(|_| Disk.remove(path), nothing)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let full = |undo: &mut Vec<Undo>| {
            let inside = |name: &Path| name.parent() == Some(path);
            // A durable rename makes the file durable under its new name, wherever it was created.
            let settled: Vec<PathBuf> = undo
                .iter()
                .filter_map(|step| match step {
                    Undo::Rename { from, to, .. } if inside(to) => Some(from.clone()),
                    _ => None,
                })
                .collect();
            undo.retain(|step| match step {
                Undo::Unlink(name) => !inside(name) && !settled.contains(name),
                Undo::Rename { to, .. } => !inside(to),
                Undo::Truncate(..) => true,
            });
            Ok(())
        };
        self.0.perform(full, nothing)
    }
}

struct FatedFile {
    fate: Arc<Fate>,
    path: PathBuf,
    inner: Box<dyn StoreFile>,
}

impl FatedFile {
    fn len(path: &Path) -> u64 {
        fs::metadata(path).map_or(0, |metadata| metadata.len())
    }
}

impl Write for FatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { fate, path, inner } = self;
        let inner = std::cell::RefCell::new(inner);
        let put = |undo: &mut Vec<Undo>, bytes: &[u8]| {
            let before = Self::len(path);
            inner.borrow_mut().write_all(bytes)?;
            undo.push(Undo::Truncate(path.clone(), before));
            Ok(bytes.len())
        };
        fate.perform(|undo| put(undo, bytes), |undo| _ = put(undo, &bytes[..bytes.len() / 2]))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StoreFile for FatedFile {
    fn sync(&mut self) -> io::Result<()> {
        let Self { fate, path, .. } = self;
        let full = |undo: &mut Vec<Undo>| {
            undo.retain(|step| !matches!(step, Undo::Truncate(name, _) if name == path));
            Ok(())
        };
        fate.perform(full, nothing)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let Self { fate, inner, .. } = self;
        fate.perform(|_| inner.truncate(len), nothing)
    }

    fn blank_times(&mut self) -> io::Result<()> {
        let Self { fate, inner, .. } = self;
        fate.perform(|_| inner.blank_times(), nothing)
    }
}
