//! What was stolen, file by file: known by what it holds, never by its name.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use walkdir::WalkDir;

use super::list::List;
use super::{ImpactError, Uncounted};
use crate::files;
use crate::frame::Kind;
use crate::seal::{Capability, CustodyId, KeyId, SegmentId, VaultId};
use crate::vault::record::{FileDigest, file_digest};
use crate::vault::{Card, FileKind, StraySegment, VaultKind, kind_of_file};

/// A list of names is no longer than this; a longer text is something else.
const MAX_LIST: u64 = 256 << 20;

/// What was stolen, as files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Copies of segments.
    pub segments: u64,
    /// Of these, such as were cut.
    pub cut: u64,
    /// Of these, such as are there more than once.
    pub repeated: u64,
    /// Segments known by name or hash alone.
    pub by_name: u64,
    /// Sites' journals.
    pub journals: u64,
    /// Files that are none of ours.
    pub others: u64,
    /// Of these, such as came out of the vault: originals of captures in it.
    pub originals: u64,
    /// Of these, such as came out of the vault: scenes of captures in it.
    pub scenes: u64,
}

/// A copy of a segment.
pub(super) struct SegmentCopy {
    pub vault: VaultId,
    pub segment: SegmentId,
    pub path: PathBuf,
    /// Whether its catalogue was copied to the end, or is not there on purpose.
    pub countable: bool,
    /// What its catalogue is sealed to.
    pub catalogue_key: Option<KeyId>,
    whole: bool,
}

/// All files of one theft.
#[derive(Default)]
pub(super) struct Inventory {
    pub taken: Taken,
    /// Whole copies before cut ones.
    pub segments: Vec<SegmentCopy>,
    /// Files that hold keys.
    pub keys: Vec<(FileKind, PathBuf)>,
    /// Folders in which a site's vault has its card, each with its custodian.
    pub vaults: Vec<(PathBuf, CustodyId)>,
    /// Copies for recipients, by their cards, each with its custodian.
    pub copies: HashMap<VaultId, CustodyId>,
    pub list: List,
    /// Files that are none of ours by the first bytes of their BLAKE3, and whether they are pictures.
    pub others: HashMap<FileDigest, bool>,
    pub uncounted: Uncounted,
}

enum Item {
    Segment(SegmentCopy),
    /// A segment's beginning, too short to be read.
    Stub,
    Ours(FileKind),
    /// The card of a site's vault.
    Vault(CustodyId),
    /// The card of a copy for a recipient.
    Copy(VaultId, CustodyId),
    List(List),
    Other {
        digest: FileDigest,
        picture: bool,
    },
}

impl Inventory {
    /// Walks `stolen`, a folder or a file.
    pub fn take(stolen: &Path) -> Result<Self, ImpactError> {
        let unreadable = |source| ImpactError::Stolen { path: stolen.to_owned(), source };
        std::fs::metadata(stolen).map_err(unreadable)?;
        let mut inventory = Self::default();
        let mut files = Vec::new();
        for entry in WalkDir::new(stolen).follow_root_links(true).sort_by_file_name() {
            let entry = entry.map_err(|e| unreadable(e.into()))?;
            let is_file = if entry.depth() == 0 { entry.path().is_file() } else { entry.file_type().is_file() };
            if is_file {
                files.push(entry.into_path());
            } else if !entry.path().is_dir() || entry.path_is_symlink() && entry.depth() > 0 {
                inventory.uncounted.irregular += 1;
            }
        }
        let looked_at: Vec<_> = files.par_iter().map(|path| look(path)).collect();
        for (path, item) in files.into_iter().zip(looked_at) {
            let (len, item) = item.map_err(|source| ImpactError::Stolen { path: path.clone(), source })?;
            let taken = &mut inventory.taken;
            taken.files += 1;
            taken.bytes += len;
            match item {
                Item::Segment(copy) => {
                    taken.segments += 1;
                    taken.cut += u64::from(!copy.whole);
                    inventory.segments.push(copy);
                }
                Item::Stub => {
                    taken.cut += 1;
                    // The name is all that there is.
                    let name = path.file_name().and_then(|name| name.to_str()).and_then(SegmentId::parse);
                    match name {
                        Some(id) => _ = inventory.list.ids.insert(crate::capture::CaptureId(id.0)),
                        None => inventory.uncounted.cut += 1,
                    }
                }
                Item::Ours(FileKind::Journal) => taken.journals += 1,
                Item::Ours(kind @ (FileKind::SitePack | FileKind::PrivateKey | FileKind::Keyring)) => {
                    inventory.keys.push((kind, path));
                }
                Item::Ours(_) => {}
                Item::Vault(custodian) => {
                    inventory.vaults.extend(path.parent().map(|root| (root.to_owned(), custodian)))
                }
                Item::Copy(vault, custodian) => _ = inventory.copies.insert(vault, custodian),
                Item::List(list) => inventory.list.extend(list),
                // A vault's lock is empty, and so is nothing that was lost.
                Item::Other { digest, picture } if len > 0 => {
                    taken.others += 1;
                    inventory.others.insert(digest, picture);
                }
                Item::Other { .. } => {}
            }
        }
        inventory.segments.sort_by_key(|copy| (!copy.countable, !copy.whole));
        Ok(inventory)
    }
}

fn look(path: &Path) -> io::Result<(u64, Item)> {
    let (mut file, len) = files::open(path)?;
    let mut head = [0; Kind::SNIFFED_BYTES];
    let mut filled = 0;
    while filled < head.len() {
        match file.read(&mut head[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    let item = match kind_of_file(&head[..filled]) {
        Some(FileKind::Segment) => match StraySegment::open(path) {
            Ok(segment) => Item::Segment(SegmentCopy {
                vault: segment.header().vault,
                segment: segment.header().segment,
                path: path.to_owned(),
                countable: segment.holds(Capability::Catalogue)
                    || segment.header().entry(Capability::Catalogue).is_none(),
                catalogue_key: segment.header().entry(Capability::Catalogue).map(|entry| entry.key),
                whole: segment.is_whole(),
            }),
            Err(_) => Item::Stub,
        },
        Some(FileKind::Card) => match Card::from_bytes(&files::begin(path, Card::MAX_LEN)?) {
            Ok(card) if card.kind == VaultKind::Export => Item::Copy(card.vault, card.custodian.custody()),
            Ok(card) => Item::Vault(card.custodian.custody()),
            _ => Item::Ours(FileKind::Card),
        },
        Some(kind) => Item::Ours(kind),
        None => match if len <= MAX_LIST { List::read(path)? } else { None } {
            Some(list) => Item::List(list),
            None => {
                let digest = blake3::Hasher::new().update_reader(files::open(path)?.0)?.finalize();
                let picture =
                    matches!(Kind::sniff(&head[..filled]), Kind::Image(_) | Kind::Foreign(_) | Kind::Video(_));
                Item::Other { digest: file_digest(digest.as_bytes()), picture }
            }
        },
    };
    Ok((len, item))
}
