//! Where a file or a folder would come to lie, links resolved: nothing is made in a vault but by the vault, and no vault in a
//! custody folder or in another vault.
//!
//! A vault holds what it names and nothing else, and whoever copies it must not find keys in it.

use std::path::{Component, Path, PathBuf};

use super::layout::Layout;
use super::stray::{FileKind, kind_of_file};
use crate::files;

/// What a path lies in, by what holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enclosure {
    /// A vault, or an export.
    Vault(PathBuf),
    /// A folder with a custodian's keyring.
    Custody(PathBuf),
}

impl Enclosure {
    /// What `path` lies in, or is: of the folders above it the nearest that is a vault or holds a keyring.
    pub fn of(path: &Path) -> Option<Self> {
        resolved(path).ancestors().find_map(|above| {
            // What the disk does not give may be one.
            let is = |name: &str, kind| match files::begin(&above.join(name), 8) {
                Ok(head) => kind_of_file(&head) == Some(kind),
                Err(error) => files::is_broken(&error),
            };
            if is(Layout::CARD, FileKind::Card) {
                return Some(Self::Vault(above.to_owned()));
            }
            is("keyring", FileKind::Keyring).then(|| Self::Custody(above.to_owned()))
        })
    }

    /// The vault that `path` lies in, or is.
    pub fn vault_around(path: &Path) -> Option<PathBuf> {
        // A vault may be in a custody folder, from before that was refused.
        let mut path = path.to_owned();
        loop {
            match Self::of(&path)? {
                Self::Vault(vault) => return Some(vault),
                Self::Custody(folder) => path = folder.parent()?.to_owned(),
            }
        }
    }
}

/// The path from the root on without links and `..`, as far as it exists; what does not exist yet is taken as it is written, and
/// a link to it as what it leads to.
pub(super) fn resolved(path: &Path) -> PathBuf {
    /// Links to links, as many as systems follow.
    const LINKS: u32 = 40;
    resolved_by(path, LINKS)
}

fn resolved_by(path: &Path, links: u32) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = resolved.pop(),
            part => {
                let above = resolved.clone();
                resolved.push(part);
                resolved = match (resolved.canonicalize(), std::fs::read_link(&resolved)) {
                    (Ok(real), _) => real,
                    (Err(_), Ok(target)) if links > 0 => resolved_by(&above.join(target), links - 1),
                    _ => resolved,
                };
            }
        }
    }
    resolved
}
