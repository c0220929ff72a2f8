//! RFC 6962 trees: hashing, tile names, and the right edge that grows.
//!
//! The proofs are [`ct_merkle`]'s; here is what it leaves to whoever stores the tree.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// A SHA-256 hash of a leaf, a node or a whole tree.
pub type Hash = [u8; 32];

/// Hashes in a full tile, entries in a full bundle.
pub(super) const WIDTH: usize = 256;

/// The hash of a leaf that holds `entry`.
pub(super) fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The Merkle tree hash over complete subtrees of one height, given by their hashes.
pub(super) fn merkle(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
            node_hash(&merkle(left), &merkle(right))
        }
    }
}

/// How many levels of tiles a tree has.
pub(super) fn levels(size: u64) -> u8 {
    (0..8).find(|&level| complete(size, level) == 0).unwrap_or(8)
}

/// How many complete subtrees of 256^level leaves there are: the number of hashes at that level.
pub(super) fn complete(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// One tile of a tree of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TileId {
    /// 0 holds the leaves' hashes; a hash of the next level stands for a full tile of this.
    pub level: u8,
    /// Its place in the level, from the left.
    pub index: u64,
    /// Number of hashes, 1 to 256.
    pub width: usize,
}

impl TileId {
    /// The tile at `index` as a tree of `size` leaves has it; its width is 0 where there is none.
    pub(super) fn of(size: u64, level: u8, index: u64) -> Self {
        let before = index.saturating_mul(WIDTH as u64);
        let width = complete(size, level).saturating_sub(before).min(WIDTH as u64);
        Self { level, index, width: usize::try_from(width).unwrap_or(WIDTH) }
    }

    /// All of a level, from the left.
    pub(super) fn all(size: u64, level: u8) -> impl Iterator<Item = Self> {
        (0..complete(size, level).div_ceil(WIDTH as u64)).map(move |index| Self::of(size, level, index))
    }

    /// Whether nothing can be added to it.
    pub(super) fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// `tile/0/x001/x234/067`, and `.p/112` where it is not full.
    pub(super) fn path(self) -> PathBuf {
        self.path_below(&self.level.to_string())
    }

    /// The bundle of the entries whose hashes this tile of level 0 holds: `tile/entries/x001/x234/067`.
    pub(super) fn bundle_path(self) -> PathBuf {
        self.path_below("entries")
    }

    /// The folder that holds the narrower versions of a tile or bundle at `path`.
    pub(super) fn partials(path: PathBuf) -> PathBuf {
        path.with_extension("p")
    }

    fn path_below(self, kind: &str) -> PathBuf {
        let mut parts = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            parts.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        let mut path = PathBuf::from("tile").join(kind);
        path.extend(parts.iter().rev());
        if self.is_full() { path } else { Self::partials(path).join(self.width.to_string()) }
    }
}

/// The hashes that are not in a full tile yet, from the leaves up: all that a tree needs in order to grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub size: u64,
    /// Of each level that the tree has.
    pub levels: Vec<Vec<Hash>>,
}

impl Edge {
    pub fn empty() -> Self {
        Self { size: 0, levels: Vec::new() }
    }

    /// The tree's hash.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.levels {
            // Its complete subtrees, from the right: the smallest first.
            let mut end = hashes.len();
            while end > 0 {
                let start = end - (1 << end.trailing_zeros());
                let subtree = merkle(&hashes[start..end]);
                root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
                end = start;
            }
        }
        root.unwrap_or_else(|| merkle(&[]))
    }

    /// Adds a leaf. Gives the tiles that it fills.
    pub fn push(&mut self, leaf: Hash) -> Vec<(TileId, Vec<Hash>)> {
        self.size += 1;
        let mut filled = Vec::new();
        let mut hash = leaf;
        for level in 0..=u8::MAX {
            let at = usize::from(level);
            if self.levels.len() == at {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[at];
            hashes.push(hash);
            if hashes.len() < WIDTH {
                break;
            }
            let full = std::mem::take(hashes);
            hash = merkle(&full);
            let index = complete(self.size, level) / WIDTH as u64 - 1;
            filled.push((TileId { level, index, width: WIDTH }, full));
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    fn entry(number: u64) -> Vec<u8> {
        number.to_le_bytes().to_vec()
    }

    #[test]
    fn names_are_those_of_the_specification() {
        let path = |index, width| TileId { level: 0, index, width }.path().to_string_lossy().into_owned();
        assert_eq!(path(1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(273, 112), "tile/0/273.p/112");
        assert_eq!(path(0, 256), "tile/0/000");
        let bundle = TileId { level: 0, index: 1000, width: 1 }.bundle_path();
        assert_eq!(bundle.to_string_lossy(), "tile/entries/x001/000.p/1");
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
        let count = |level| TileId::all(70_000, level).filter(|tile| tile.is_full()).count();
        assert_eq!((levels(70_000), count(0), count(1), count(2)), (3, 273, 1, 0));
        assert_eq!(TileId::of(70_000, 0, 273).width, 112);
        assert_eq!(TileId::of(70_000, 1, 1).width, 17);
        assert_eq!(TileId::of(70_000, 2, 0).width, 1);
        assert_eq!((levels(256), TileId::of(256, 0, 1).width, TileId::of(256, 1, 0).width), (2, 0, 1));
        assert_eq!(levels(0), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_growing_edge_has_the_root_of_another_implementation(size in 0u64..1500) {
            let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            let mut edge = Edge::empty();
            for number in 0..size {
                tree.push(entry(number));
                edge.push(leaf_hash(&entry(number)));
            }
            let root: Hash = (*tree.root().as_bytes()).into();
            prop_assert_eq!(edge.root(), root);
            prop_assert_eq!(edge.size, size);
        }
    }

    #[test]
    fn a_tile_that_fills_gives_its_hash_to_the_level_above() {
        let mut edge = Edge::empty();
        let mut filled = Vec::new();
        for number in 0..65_536 {
            filled.extend(edge.push(leaf_hash(&entry(number))));
        }
        let tiles: Vec<_> = filled.iter().map(|(tile, _)| (tile.level, tile.index)).collect();
        assert_eq!(tiles.len(), 257);
        assert_eq!(tiles[255..], [(0, 255), (1, 0)]);
        assert_eq!(edge.levels, [vec![], vec![], vec![merkle(&filled[256].1)]]);
    }
}
