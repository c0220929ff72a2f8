//! A disk that does what disks do on their bad days, behind the vault's own seam.
//!
//! It writes to real files, and keeps account of what is not durable. When the power goes, everything that was not synced
//! may be lost, kept or torn, each piece by itself: a model that is worse than any file system.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safelight::vault::{Disk, Store, StoreFile};

/// What happens at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not done and says so; the next one works again.
    Error(io::ErrorKind),
    /// A write takes half of its bytes and says so, as it may; others are done.
    Short,
    /// The process dies in the middle of it, …
    DeathHalfway,
    /// … or after it. No operation is done any more.
    DeathAfter,
}

/// When which fault happens.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    faults: BTreeMap<usize, Fault>,
    /// Every write is short.
    short: bool,
    /// From which look at the clock on it is how far ahead or behind.
    jump: Option<(usize, SignedDuration)>,
}

impl Plan {
    pub fn at(operation: usize, fault: Fault) -> Self {
        Self { faults: BTreeMap::from([(operation, fault)]), ..Self::default() }
    }

    pub fn all_short() -> Self {
        Self { short: true, ..Self::default() }
    }

    pub fn clock(look: usize, by: SignedDuration) -> Self {
        Self { jump: Some((look, by)), ..Self::default() }
    }
}

/// What the power may take back, in the order in which it was done.
#[derive(Debug)]
enum Loose {
    /// A file's name in its folder.
    Created(PathBuf),
    /// A file's new name in its folder.
    Renamed { from: PathBuf, to: PathBuf },
    /// That a name is gone from its folder: the file may have it again, beside a new one.
    Gone { path: PathBuf, content: Vec<u8> },
    /// A folder.
    Folder(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    operations: usize,
    looks: usize,
    injected: usize,
    dead: bool,
    plan: Plan,
    loose: Vec<Loose>,
    /// Files by their present names: how long they surely are. What is behind that may be anything.
    durable: BTreeMap<PathBuf, u64>,
    /// Files whose sync failed: the system forgets what it could not write, and a later sync does not bring it back.
    forgotten: Vec<PathBuf>,
}

type Hook = Box<dyn FnMut(usize) + Send>;

/// A disk, shared by the store, its files and the test. It outlives processes: see [`FaultyDisk::restart`].
#[derive(Default)]
pub struct FaultyDisk {
    state: Mutex<State>,
    hook: Mutex<Option<Hook>>,
}

impl FaultyDisk {
    pub fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { plan, ..State::default() }), hook: Mutex::default() })
    }

    /// Calls `hook` before every operation.
    pub fn watched(hook: impl FnMut(usize) + Send + 'static) -> Arc<Self> {
        let disk = Self::default();
        *disk.hook.lock().expect("no panic") = Some(Box::new(hook));
        Arc::new(disk)
    }

    pub fn store(self: &Arc<Self>) -> Box<dyn Store> {
        Box::new(FaultyStore(Arc::clone(self)))
    }

    pub fn operations(&self) -> usize {
        self.lock().operations
    }

    pub fn looks(&self) -> usize {
        self.lock().looks
    }

    /// Faults that happened.
    pub fn injected(&self) -> usize {
        self.lock().injected
    }

    /// Another process on the same disk: what was not durable still is not.
    pub fn restart(&self, plan: Plan) {
        let mut state = self.lock();
        (state.plan, state.operations, state.looks, state.dead) = (plan, 0, 0, false);
    }

    /// Cuts the power. `seed` decides what of all that was not synced is lost, kept and torn.
    pub fn cut_power(&self, seed: u64) {
        let mut state = self.lock();
        state.injected += 1;
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        for (path, durable) in std::mem::take(&mut state.durable) {
            let lost = state.forgotten.contains(&path);
            tear(&path, durable, lost, &mut dice).expect("torn");
        }
        state.forgotten.clear();
        for loose in std::mem::take(&mut state.loose).into_iter().rev() {
            // Seed 0 loses all, as the simplest disk does.
            if seed != 0 && dice.random_bool(0.5) {
                continue;
            }
            match loose {
                Loose::Created(path) => _ = fs::remove_file(path),
                Loose::Renamed { from, to } => _ = fs::rename(to, from),
                Loose::Gone { path, content } if !path.exists() => _ = fs::write(path, content),
                Loose::Gone { .. } => {}
                Loose::Folder(path) => _ = fs::remove_dir(path),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics here")
    }

    /// One operation: `full` does it, `half` as much of it as a death in its middle leaves.
    fn operation<T>(
        &self,
        full: impl FnOnce(&mut State) -> io::Result<T>,
        half: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        let number = self.lock().operations;
        if let Some(hook) = self.hook.lock().expect("no panic").as_mut() {
            hook(number);
        }
        let state = &mut *self.lock();
        if state.dead {
            return Err(io::ErrorKind::Other.into());
        }
        state.operations += 1;
        let Some(&fault) = state.plan.faults.get(&number) else { return full(state) };
        if fault == Fault::Short {
            return full(state);
        }
        state.injected += 1;
        state.dead = !matches!(fault, Fault::Error(_));
        match fault {
            Fault::Error(kind) => return Err(kind.into()),
            Fault::DeathHalfway => half(state),
            Fault::DeathAfter => _ = full(state),
            Fault::Short => {}
        }
        Err(io::ErrorKind::Other.into())
    }
}

/// Sectors behind what is durable: each is there, or nothing is, or zeros are.
fn tear(path: &Path, durable: u64, lost: bool, dice: &mut ChaCha8Rng) -> io::Result<()> {
    const SECTOR: u64 = 512;
    let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path) else { return Ok(()) };
    let len = file.metadata()?.len();
    if len <= durable {
        return Ok(());
    }
    let kept = if lost { durable } else { dice.random_range(durable..=len) };
    file.set_len(kept)?;
    let mut at = durable;
    while at < kept {
        let end = (at / SECTOR + 1) * SECTOR;
        if dice.random_bool(0.3) {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&vec![0; (end.min(kept) - at) as usize])?;
        }
        at = end;
    }
    Ok(())
}

struct FaultyStore(Arc<FaultyDisk>);

fn nothing(_: &mut State) {}

fn content(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

impl FaultyStore {
    fn file(&self, path: &Path, inner: Box<dyn StoreFile>) -> Box<dyn StoreFile> {
        Box::new(FaultyFile { disk: Arc::clone(&self.0), path: path.to_owned(), inner })
    }
}

impl Store for FaultyStore {
    fn now(&self) -> Timestamp {
        let mut state = self.0.lock();
        let look = state.looks;
        state.looks += 1;
        match state.plan.jump {
            Some((from, by)) if look >= from => {
                state.injected += usize::from(look == from);
                Timestamp::now() + by
            }
            _ => Timestamp::now(),
        }
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let full = |state: &mut State| {
            if !path.exists() {
                state.loose.push(Loose::Folder(path.to_owned()));
            }
            Disk.create_folder(path)
        };
        self.0.operation(full, nothing)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let full = |state: &mut State| {
            let file = Disk.create(path)?;
            state.loose.push(Loose::Created(path.to_owned()));
            state.durable.insert(path.to_owned(), 0);
            state.forgotten.retain(|forgotten| forgotten != path);
            Ok(file)
        };
        self.0.operation(full, nothing).map(|inner| self.file(path, inner))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        self.0.operation(|_| Disk.append(path), nothing).map(|inner| self.file(path, inner))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let full = |state: &mut State| {
            assert!(!to.exists(), "nothing in a vault is replaced");
            let content = content(from);
            Disk.rename(from, to)?;
            if let Some(durable) = state.durable.remove(from) {
                state.durable.insert(to.to_owned(), durable);
            }
            state.forgotten.iter_mut().filter(|path| *path == from).for_each(|path| *path = to.to_owned());
            // Once the new name is durable the old one may still be there.
            state.loose.push(Loose::Gone { path: from.to_owned(), content });
            state.loose.push(Loose::Renamed { from: from.to_owned(), to: to.to_owned() });
            Ok(())
        };
        self.0.operation(full, nothing)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let full = |state: &mut State| {
            let content = content(path);
            Disk.remove(path)?;
            state.durable.remove(path);
            state.loose.push(Loose::Gone { path: path.to_owned(), content });
            Ok(())
        };
        self.0.operation(full, nothing)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let full = |state: &mut State| {
            let inside = |name: &Path| name.parent() == Some(path);
            // A durable rename makes the file durable under its new name, wherever it was created.
            let renamed = state.loose.iter().filter_map(|loose| match loose {
                Loose::Renamed { from, to } if inside(to) => Some(from.clone()),
                _ => None,
            });
            let renamed: Vec<_> = renamed.collect();
            state.loose.retain(|loose| match loose {
                Loose::Created(name) => !inside(name) && !renamed.contains(name),
                Loose::Renamed { to, .. } => !inside(to),
                Loose::Gone { path, .. } | Loose::Folder(path) => !inside(path),
            });
            Ok(())
        };
        self.0.operation(full, nothing)
    }
}

struct FaultyFile {
    disk: Arc<FaultyDisk>,
    path: PathBuf,
    inner: Box<dyn StoreFile>,
}

impl FaultyFile {
    /// What is written from here on is not durable, what was before it is opened for appending is.
    fn loosen(state: &mut State, path: &Path) -> io::Result<()> {
        if !state.durable.contains_key(path) {
            state.durable.insert(path.to_owned(), fs::metadata(path)?.len());
        }
        Ok(())
    }
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { disk, path, inner } = self;
        let (inner, half) = (std::cell::RefCell::new(inner), &bytes[..bytes.len() / 2]);
        let put = |state: &mut State, bytes: &[u8]| {
            Self::loosen(state, path)?;
            inner.borrow_mut().write_all(bytes).map(|()| bytes.len())
        };
        let full = |state: &mut State| {
            let short = state.plan.short || state.plan.faults.get(&(state.operations - 1)) == Some(&Fault::Short);
            if short && !half.is_empty() {
                state.injected += 1;
                return put(state, half);
            }
            put(state, bytes)
        };
        disk.operation(full, |state| _ = put(state, half))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StoreFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        let path = &self.path;
        let full = |state: &mut State| {
            if !state.forgotten.contains(path) {
                state.durable.remove(path);
            }
            Ok(())
        };
        let result = self.disk.operation(full, nothing);
        let mut state = self.disk.lock();
        if result.is_err() && !state.dead {
            state.forgotten.push(path.clone());
        }
        result
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let Self { disk, path, inner } = self;
        let full = |state: &mut State| {
            Self::loosen(state, path)?;
            // What is cut off may come back or not; both are torn frames, so that not cutting is the worse of the two.
            state.durable.entry(path.clone()).and_modify(|durable| *durable = (*durable).min(len));
            inner.truncate(len)
        };
        disk.operation(full, nothing)
    }

    fn blank_times(&mut self) -> io::Result<()> {
        let Self { disk, inner, .. } = self;
        disk.operation(|_| inner.blank_times(), nothing)
    }
}
