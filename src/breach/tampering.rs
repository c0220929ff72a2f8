//! Can a store be altered without anybody noticing?
//!
//! Each alteration is made on a scratch copy, undone before the next, and shown to whoever would look: `check` without
//! any key, then whoever opens it. The scratch copy is of ciphertext, or of a baseline's drawn photographs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::evidence::Game;
use super::keys::LootKeys;
use super::loot::Loot;
use super::score::{Scorer, Sealed, StoreKind, Target, sealed_stores};
use crate::custody::OpeningKeys;
use crate::export::Manifest;
use crate::seal::{Capability, SegmentId};
use crate::vault::{Header, OpeningVault, StraySegment, Trust, VaultKind, check, check_deep};
use crate::words::count as counted;

/// Larger stores are not copied for a game.
const MAX_BYTES: u64 = 8 << 30;

/// Trailer: BLAKE3 of all before.
const TRAILER: usize = 32;

type Alteration = fn(&mut Vec<u8>, &Header, &mut ChaCha8Rng);

/// Alterations of one segment's bytes.
const OF_BYTES: [(&str, Alteration); 10] = [
    ("a bit of the header", |bytes, _, rng| flip(bytes, 16..48, rng)),
    ("a bit of an envelope", |bytes, header, rng| {
        let n = header.entries.len();
        flip(bytes, Header::len_with(n) - 1000..Header::len_with(n) - 100, rng);
    }),
    ("a bit of the catalogue", |bytes, header, rng| flip_section(bytes, header, Capability::Catalogue, rng)),
    ("a bit of the scenes", |bytes, header, rng| flip_section(bytes, header, Capability::Scene, rng)),
    ("a bit of the identities", |bytes, header, rng| flip_section(bytes, header, Capability::Identity, rng)),
    ("a bit, and the trailer made to fit", |bytes, header, rng| {
        flip_section(bytes, header, Capability::Catalogue, rng);
        reseal(bytes);
    }),
    ("the last byte cut", |bytes, _, _| bytes.truncate(bytes.len() - 1)),
    ("half of it cut", |bytes, _, _| bytes.truncate(bytes.len() / 2)),
    ("bytes appended", |bytes, _, _| bytes.extend_from_slice(&[0; 64])),
    ("another vault's name, and the trailer made to fit", |bytes, _, rng| {
        flip(bytes, 16..32, rng);
        reseal(bytes);
    }),
];

fn flip(bytes: &mut [u8], range: std::ops::Range<usize>, rng: &mut ChaCha8Rng) {
    if let Some(byte) = bytes.get_mut(rng.random_range(range)) {
        *byte ^= 1 << rng.random_range(0..8);
    }
}

fn flip_section(bytes: &mut [u8], header: &Header, capability: Capability, rng: &mut ChaCha8Rng) {
    // A view that has no such section has others.
    let entry = header.entry(capability).or(header.entries.first());
    if let Some(entry) = entry {
        flip(bytes, entry.offset as usize..(entry.offset + entry.length) as usize, rng);
    }
}

/// Anybody can compute the trailer anew.
fn reseal(bytes: &mut [u8]) {
    let at = bytes.len().saturating_sub(TRAILER);
    let hash = blake3::hash(&bytes[..at]);
    bytes[at..].copy_from_slice(hash.as_bytes());
}

pub(super) fn play(target: &Target<'_>, loot: &Loot, keys: &LootKeys, scorer: Option<&Scorer<'_>>, seed: u64) -> Game {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7a3);
    if target.kind != StoreKind::Other {
        return of_pictures(target, loot, &mut rng);
    }
    let Some(store) = sealed_stores(loot).into_iter().next() else {
        return Game::idle("nothing sealed");
    };
    match of_sealed(&store, keys, scorer, &mut rng) {
        Ok(game) => game,
        Err(error) => Game::idle(format!("no scratch copy can be made: {}", error.kind())),
    }
}

/// A scratch copy of a sealed store, by links where the file system has them.
struct Scratch {
    folder: tempfile::TempDir,
    trust: Trust,
    segments: Vec<(SegmentId, PathBuf)>,
}

impl Scratch {
    fn of(root: &Path) -> io::Result<Self> {
        // Not beside the loot, which is evidence.
        let folder = tempfile::tempdir()?;
        let mut bytes = 0;
        for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
            let entry = entry?;
            let to = folder.path().join(entry.path().strip_prefix(root).unwrap_or(entry.path()));
            if entry.file_type().is_dir() {
                fs::create_dir_all(&to)?;
            } else {
                bytes += entry.metadata()?.len();
                if bytes > MAX_BYTES {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                fs::hard_link(entry.path(), &to).or_else(|_| fs::copy(entry.path(), &to).map(|_| ()))?;
            }
        }
        let vault = OpeningVault::open(folder.path(), Trust::Nobody).map_err(io::Error::other)?;
        let segments = vault.segments().map_err(io::Error::other)?;
        let segments = segments.into_iter().map(|id| (id, vault.path_of(id))).collect();
        // Whoever holds a key has known whose the store is since before it was stolen.
        let trust = Trust::Custodian(vault.card().custodian);
        Ok(Self { folder, trust, segments })
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Puts `bytes` in the place of a file, shows the store, and puts the file back.
    fn with(&self, path: &Path, bytes: Option<&[u8]>, show: impl FnOnce() -> bool) -> io::Result<bool> {
        let aside = self.root().join("aside");
        let existed = path.exists();
        if existed {
            fs::rename(path, &aside)?;
        }
        if let Some(bytes) = bytes {
            fs::write(path, bytes)?;
        }
        // Not among what is shown.
        let held = self.folder.path().with_extension("aside");
        if existed {
            fs::rename(&aside, &held)?;
        }
        let noticed = show();
        if bytes.is_some() {
            fs::remove_file(path)?;
        }
        if existed {
            fs::rename(&held, path)?;
        }
        Ok(noticed)
    }
}

fn of_sealed(store: &Sealed, keys: &LootKeys, scorer: Option<&Scorer<'_>>, rng: &mut ChaCha8Rng) -> io::Result<Game> {
    let scratch = Scratch::of(&store.root)?;
    let Some((_, example)) = scratch.segments.first() else { return Ok(Game::idle("an empty vault")) };
    let opener = match store.kind {
        VaultKind::Site => scorer.map(|scorer| scorer.keys),
        VaultKind::Export => keys.of_copy(&StraySegment::open(example)?),
    };
    let mut without_key = 0;
    let mut unnoticed = Vec::new();
    let mut tried = 0u64;
    let mut judge = |name: &str, path: &Path, bytes: Option<&[u8]>| -> io::Result<()> {
        let mut keyless = false;
        let noticed = scratch.with(path, bytes, || {
            keyless = check(scratch.root(), Trust::Nobody).map_or(true, |report| !report.is_sound());
            keyless || opener.is_some_and(|keys| opener_notices(&scratch, store.kind, keys))
        })?;
        tried += 1;
        without_key += u64::from(keyless);
        if !noticed {
            unnoticed.push(name.to_owned());
        }
        Ok(())
    };
    let pick = |rng: &mut ChaCha8Rng| rng.random_range(0..scratch.segments.len());
    for (name, alter) in OF_BYTES {
        let (_, path) = &scratch.segments[pick(rng)];
        let mut bytes = fs::read(path)?;
        if let Ok(header) = Header::from_bytes(&bytes) {
            alter(&mut bytes, &header, rng);
            judge(name, path, Some(&bytes))?;
        }
    }
    let first = pick(rng);
    let second = (first + 1) % scratch.segments.len();
    let (one, other) = (&scratch.segments[first].1, &scratch.segments[second].1);
    let (mut bytes, others) = (fs::read(one)?, fs::read(other)?);
    judge("a segment removed", one, None)?;
    if first != second {
        judge("another segment under its name", one, Some(&others))?;
    }
    let replayed = one.with_file_name(SegmentId::random().to_string());
    judge("a segment twice, under a new name", &replayed, Some(&bytes))?;
    if first != second
        && let (Ok(mine), Ok(theirs)) = (Header::from_bytes(&bytes), Header::from_bytes(&others))
        && let (Some(to), Some(from)) = (mine.entries.first(), theirs.entries.first())
    {
        let len = to.length.min(from.length) as usize;
        let (to, from) = (to.offset as usize, from.offset as usize);
        bytes[to..to + len].copy_from_slice(&others[from..from + len]);
        reseal(&mut bytes);
        judge("another segment's catalogue, and the trailer made to fit", one, Some(&bytes))?;
    }
    if store.kind == VaultKind::Site {
        let journals: Vec<PathBuf> =
            fs::read_dir(scratch.root().join("journals"))?.flatten().map(|e| e.path()).collect();
        if let Some(journal) = journals.first() {
            let bytes = fs::read(journal)?;
            let mut flipped = bytes.clone();
            flip(&mut flipped, 0..bytes.len(), rng);
            judge("a bit of the journal", journal, Some(&flipped))?;
            judge("half of the journal", journal, Some(&bytes[..bytes.len() / 2]))?;
            judge("the journal removed", journal, None)?;
        }
    }
    let won = unnoticed.len() as u64;
    let mut about = format!("{without_key} of {} noticed without any key", counted(tried, "alteration"));
    if opener.is_none() && won > 0 {
        // Nobody with a key has looked: what is left is for them to notice, and no success yet.
        about += &format!("; left to the holder of the key: {}", unnoticed.join(", "));
        return Ok(Game { won: 0, tried: without_key, chance: 0.0, p: 1.0, granted: false, about });
    }
    about += if won == 0 { ", all with" } else { "; unnoticed: " };
    about += &unnoticed.join(", ");
    Ok(Game { won, tried, chance: 0.0, p: if won > 0 { 0.0 } else { 1.0 }, granted: false, about })
}

fn opener_notices(scratch: &Scratch, kind: VaultKind, keys: &OpeningKeys) -> bool {
    let (root, trust) = (scratch.root(), scratch.trust);
    let deep = check_deep(root, trust, keys).map_or(true, |report| !report.is_sound());
    let manifest = || {
        let vault = OpeningVault::open(root, trust)?;
        let card = *vault.card();
        Manifest::read(root, card.vault, card.custodian, keys)?.check(&vault)
    };
    deep || (kind == VaultKind::Export && manifest().is_err())
}

/// Nobody can notice anything about a folder of pictures but that one does not decode.
fn of_pictures(target: &Target<'_>, loot: &Loot, rng: &mut ChaCha8Rng) -> Game {
    let Some(name) = target.names.get(rng.random_range(0..target.names.len().max(1))) else {
        return Game::idle("no pictures");
    };
    let file = loot.files.iter().find(|file| file.name.ends_with(name.as_bytes()));
    let Some(bytes) = file.and_then(|file| fs::read(file.path()).ok()) else { return Game::idle("no pictures") };
    let decodes = |bytes: &[u8]| image::load_from_memory(bytes).is_ok();
    let mut flipped = bytes.clone();
    let (from, to) = (bytes.len() / 2, bytes.len() - 2);
    flip(&mut flipped, from..to, rng);
    let unnoticed = [
        ("a bit flipped", decodes(&flipped)),
        ("bytes appended", decodes(&[bytes.as_slice(), &[0; 64]].concat())),
        ("half of one cut", decodes(&bytes[..bytes.len() / 2])),
        // Nothing anywhere says what there should be.
        ("two swapped", true),
        ("one removed", true),
        ("one twice", true),
    ];
    let tried = unnoticed.len() as u64;
    let won: Vec<&str> = unnoticed.into_iter().filter(|u| u.1).map(|u| u.0).collect();
    let about = format!("unnoticed: {}", won.join(", "));
    Game { won: won.len() as u64, tried, chance: 0.0, p: 0.0, granted: false, about }
}
