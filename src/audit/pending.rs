//! Failed unlocks, which happen when nobody holds the signing key.
//!
//! They wait in a file beside the tree until the next unlock that succeeds signs them into it. Each is sealed to a public
//! key that the last signer left in the file's head, and chained to the one before. The head says after which tree it was
//! left and is authenticated under that month's key, so that neither a forged file nor one of an earlier time is taken.
//! What cannot be noticed: the newest entries cut off at an entry's end, since nothing that a person without keys can
//! write is out of reach of another person without keys.

use std::io::Write;
use std::path::Path;

use super::entry::{Details, Entry, Verb};
use super::keys::DetailKey;
use super::note::Checkpoint;
use super::tiles::{self, TileError};
use super::tree::Hash;
use crate::custody::Month;
use crate::files;
use crate::seal::{CustodyId, PUBLIC_KEY_LEN, PublicKey, SUITE};
use crate::vault::Store;

const MAGIC: &[u8; 8] = b"SLPND\r\n\x1a";
const VERSION: u16 = 1;
const MAC_LEN: usize = 32;
const HEAD_LEN: usize = 40 + PUBLIC_KEY_LEN + MAC_LEN;
const CHAIN_LEN: usize = 32;
/// What is longer was not written by us.
const MAX_ENTRY: usize = 8 << 10;

/// The file's name in the log's folder.
pub(super) const FILE_NAME: &str = "pending";

/// The file as found.
pub(super) struct Pending {
    /// Of the tree after which it was left.
    pub size: u64,
    pub month: Month,
    pub custody: CustodyId,
    /// In order of writing.
    pub entries: Vec<Vec<u8>>,
    /// Whether all of it, to its last byte, is entries in a chain that holds.
    pub whole: bool,
    head: [u8; HEAD_LEN],
    chain: Hash,
}

impl Pending {
    /// The bytes of a file without entries, left after the tree of `checkpoint`.
    pub fn head(checkpoint: Checkpoint, month: Month, key: &DetailKey, custody: CustodyId) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD_LEN);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&SUITE.to_le_bytes());
        head.extend_from_slice(&month.number().to_le_bytes());
        head.extend_from_slice(&checkpoint.size.to_le_bytes());
        head.extend_from_slice(&custody.0);
        head.extend_from_slice(&key.public().to_bytes());
        let mac = key.mac(&[head.as_slice(), &checkpoint.root].concat());
        head.extend_from_slice(&mac);
        head
    }

    /// Reads the file; `None` when its head is none.
    pub fn read(folder: &Path) -> Result<Option<Self>, TileError> {
        Ok(Self::parse(&tiles::read(folder, FILE_NAME.into(), files::MAX_LIST)?))
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
        let [version, suite] = [8, 10].map(|at| u16::from_le_bytes([head[at], head[at + 1]]));
        if !head.starts_with(MAGIC) || version != VERSION || suite != SUITE {
            return None;
        }
        let month = Month::from_number(u32::from_le_bytes(*head[12..].first_chunk()?));
        let size = u64::from_le_bytes(*head[16..].first_chunk()?);
        let custody = CustodyId(*head[24..].first_chunk()?);
        let chain = *blake3::hash(head).as_bytes();
        let mut pending = Self { size, month, custody, entries: Vec::new(), whole: true, head: *head, chain };
        while !rest.is_empty() {
            let Some((entry, after)) = pending.next(rest) else {
                pending.whole = false;
                break;
            };
            pending.chain = link(&pending.chain, entry);
            pending.entries.push(entry.to_vec());
            rest = after;
        }
        Some(pending)
    }

    /// Whether the holder of the month's key left it, after the tree with this root.
    pub fn is_ours(&self, key: &DetailKey, root: &Hash) -> bool {
        let (head, mac) = self.head.split_at(HEAD_LEN - MAC_LEN);
        // Of a secret that whoever compares holds anyway: time tells nothing.
        key.mac(&[head, root].concat()) == mac
    }

    /// Adds a failed unlock.
    pub fn append(&self, store: &dyn Store, folder: &Path, hour: u32, details: &Details) -> Result<(), TileError> {
        let path = || folder.join(FILE_NAME);
        let altered = || TileError::Altered { path: FILE_NAME.into() };
        let to = PublicKey::from_bytes(&self.head[40..40 + PUBLIC_KEY_LEN]).map_err(|_| altered())?;
        let entry = Entry { month: Some(self.month), ..Entry::new(Verb::UnlockFailed, hour) };
        let entry = entry.enveloped(details, &to, self.custody);
        let mut frame = u32::try_from(entry.len()).map_err(|_| altered())?.to_le_bytes().to_vec();
        frame.extend_from_slice(&entry);
        frame.extend_from_slice(&link(&self.chain, &entry));
        let written = store.append(&path()).and_then(|mut file| file.write_all(&frame).and_then(|()| file.sync()));
        written.map_err(|source| TileError::Io { path: FILE_NAME.into(), source })
    }

    /// The entry that `bytes` begin with, when the chain holds, and what is behind it.
    fn next<'b>(&self, bytes: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|&len| len <= MAX_ENTRY)?;
        let (entry, rest) = rest.split_at_checked(len)?;
        let (chain, rest) = rest.split_first_chunk::<CHAIN_LEN>()?;
        (*chain == link(&self.chain, entry)).then_some((entry, rest))
    }
}

fn link(chain: &Hash, entry: &[u8]) -> Hash {
    *blake3::Hasher::new().update(chain).update(entry).finalize().as_bytes()
}
