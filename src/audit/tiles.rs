//! A tree on disk, read so that every hash is proven to be in it before it is used.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ct_merkle::{ConsistencyProof, RootHash, indices_for_consistency_proof};
use sha2::Sha256;

use super::note::Checkpoint;
use super::tree::{self, Edge, Hash, TileId, WIDTH, merkle};
use crate::files;

/// A tile or bundle of the tree cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The file is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// Which, below the log's folder.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which, below the log's folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what the tree holds at its place.
    #[error("{} does not belong to the signed tree", path.display())]
    Altered {
        /// Which, below the log's folder.
        path: PathBuf,
    },
}

/// A bundle is no longer: each entry has two bytes of length before it.
const MAX_BUNDLE: u64 = WIDTH as u64 * (2 + u16::MAX as u64);

/// Reads a file below the log's folder.
pub(super) fn read(folder: &Path, path: PathBuf, most: u64) -> Result<Vec<u8>, TileError> {
    match files::read(&folder.join(&path), most) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(TileError::Missing { path }),
        Err(source) => Err(TileError::Io { path, source }),
    }
}

/// A tile's hashes as the file has them, which may be anything.
pub(super) fn read_tile(folder: &Path, tile: TileId) -> Result<Vec<Hash>, TileError> {
    let bytes = read(folder, tile.path(), 32 * WIDTH as u64)?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != tile.width || !rest.is_empty() {
        return Err(TileError::Altered { path: tile.path() });
    }
    Ok(hashes.to_vec())
}

/// A bundle's entries as the file has them, which may be anything.
pub(super) fn read_bundle(folder: &Path, tile: TileId) -> Result<Vec<Vec<u8>>, TileError> {
    let bytes = read(folder, tile.bundle_path(), MAX_BUNDLE)?;
    parse_bundle(&bytes).ok_or_else(|| TileError::Altered { path: tile.bundle_path() })
}

pub(super) fn parse_bundle(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Some(entries)
}

/// The bytes of a bundle of entries, none of which is longer than 65535 bytes.
pub(super) fn bundle_bytes(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let len = u16::try_from(entry.len()).expect("an entry is made to be short");
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// A tile's hashes.
type Proven = Rc<[Hash]>;

/// The tree of one checkpoint.
pub(super) struct Tiles<'f> {
    folder: &'f Path,
    checkpoint: Checkpoint,
    edge: Edge,
    /// By level and index.
    proven: RefCell<HashMap<(u8, u64), Proven>>,
}

impl<'f> Tiles<'f> {
    /// Reads the tree's right edge and proves it by the checkpoint.
    pub fn open(folder: &'f Path, checkpoint: Checkpoint) -> Result<Self, TileError> {
        let Checkpoint { size, root } = checkpoint;
        let mut edge = Edge { size, levels: Vec::new() };
        for level in 0..tree::levels(size) {
            let last = TileId::of(size, level, tree::complete(size, level) / WIDTH as u64);
            edge.levels.push(if last.width == 0 { Vec::new() } else { read_tile(folder, last)? });
        }
        if edge.root() != root {
            let last = TileId::of(size, 0, size.saturating_sub(1) / WIDTH as u64);
            return Err(TileError::Altered { path: last.path() });
        }
        Ok(Self { folder, checkpoint, edge, proven: RefCell::default() })
    }

    /// What grows.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// A tile that is proven to be the tree's.
    fn tile(&self, level: u8, index: u64) -> Result<Proven, TileError> {
        let tile = TileId::of(self.checkpoint.size, level, index);
        if let Some(found) = self.proven.borrow().get(&(level, index)) {
            return Ok(Rc::clone(found));
        }
        let hashes: Proven = if tile.is_full() {
            let hashes = read_tile(self.folder, tile)?;
            let above = self.tile(level + 1, index / WIDTH as u64)?;
            if above.get((index % WIDTH as u64) as usize) != Some(&merkle(&hashes)) {
                return Err(TileError::Altered { path: tile.path() });
            }
            hashes.into()
        } else {
            self.edge.levels.get(usize::from(level)).map(Vec::as_slice).unwrap_or_default().into()
        };
        self.proven.borrow_mut().insert((level, index), Rc::clone(&hashes));
        Ok(hashes)
    }

    /// The entries of one bundle, each proven to be the tree's.
    pub fn bundle(&self, index: u64) -> Result<Vec<Vec<u8>>, TileError> {
        let tile = TileId::of(self.checkpoint.size, 0, index);
        if tile.width == 0 {
            return Ok(Vec::new());
        }
        let entries = read_bundle(self.folder, tile)?;
        let hashes = self.tile(0, index)?;
        let same = entries.iter().map(|entry| tree::leaf_hash(entry)).eq(hashes.iter().copied());
        if same { Ok(entries) } else { Err(TileError::Altered { path: tile.bundle_path() }) }
    }

    /// The Merkle tree hash of the leaves from `start` to before `end`, which is a node of the tree.
    fn node(&self, start: u64, end: u64) -> Result<Hash, TileError> {
        let count = end - start;
        if count.is_power_of_two() {
            let height = count.ilog2();
            let level = u8::try_from(height / 8).unwrap_or(u8::MAX);
            let first = tree::complete(start, level);
            let tile = self.tile(level, first / WIDTH as u64)?;
            let at = (first % WIDTH as u64) as usize;
            let hashes = tile.get(at..at + (1 << (height % 8)));
            // The tile is the tree's own, so that it has them.
            return Ok(merkle(hashes.unwrap_or_default()));
        }
        let left = count.next_power_of_two() / 2;
        Ok(merkle(&[self.node(start, start + left)?, self.node(start + left, end)?]))
    }

    /// The hash that the tree had when it had `size` leaves.
    pub fn root_at(&self, size: u64) -> Result<Hash, TileError> {
        if size == 0 { Ok(merkle(&[])) } else { self.node(0, size) }
    }

    /// Whether an earlier checkpoint is of this tree: by a consistency proof, built from the tiles and verified by
    /// another implementation than built them.
    pub fn extends(&self, earlier: Checkpoint) -> Result<bool, TileError> {
        let Checkpoint { size, root } = self.checkpoint;
        if earlier.size == 0 || earlier.size >= size {
            return Ok(earlier.size == 0 && earlier.root == merkle(&[]) || earlier == self.checkpoint);
        }
        let hash_of = |index: u64| {
            // Node 2^k (2j + 1) - 1 covers the 2^k leaves from j 2^k on, as far as there are that many.
            let height = index.trailing_ones();
            let start = ((index + 1) >> (height + 1)) << height;
            self.node(start, size.min(start + (1 << height)))
        };
        let hashes: Vec<Hash> = indices_for_consistency_proof(earlier.size, size - earlier.size)
            .into_iter()
            .map(hash_of)
            .collect::<Result<_, _>>()?;
        let Ok(proof) = ConsistencyProof::<Sha256>::try_from_bytes(hashes.concat()) else { return Ok(false) };
        let [now, then] =
            [(root, size), (earlier.root, earlier.size)].map(|(root, size)| RootHash::new(root.into(), size));
        Ok(now.verify_consistency(&then, &proof).is_ok())
    }
}
