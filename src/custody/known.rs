//! Custodians who are known to a recipient, by a text file beside its private key, or to a site, by one beside its pack: one
//! id a line.
//!
//! Anybody who has a recipient's public key can make a copy for it, and anybody can issue a pack, signed with a key of his
//! own. So the first custodian is remembered, and another one is refused until the holder says that it is right.

use std::path::{Path, PathBuf};

use super::file::{self, FileError};
use crate::seal::CustodyId;

const HEAD: &str = "# Custodians whose exports or site packs were accepted here, one id a line.\n";
/// The file in the folder of a site's packs, which have other names from month to month.
const OF_SITE: &str = "safelight-custodians";

/// The custodians known to the holder of a private key or a site pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCustodians {
    path: PathBuf,
    ids: Vec<CustodyId>,
}

impl KnownCustodians {
    /// Reads what is remembered beside the private key in `key`: nothing, where there is no such file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds anything else: then it is not known who is known.
    pub fn beside_key(key: &Path) -> Result<Self, FileError> {
        let mut path = key.as_os_str().to_owned();
        path.push(".custodians");
        Self::read(path.into())
    }

    /// Reads what is remembered in the folder of a site pack: nothing, where there is no such file.
    ///
    /// # Errors
    ///
    /// As [`Self::beside_key`].
    pub fn beside_pack(pack: &Path) -> Result<Self, FileError> {
        Self::read(pack.with_file_name(OF_SITE))
    }

    fn read(path: PathBuf) -> Result<Self, FileError> {
        let text = match file::read_secret(&path) {
            Ok(text) => text,
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(Self { path, ids: vec![] }),
            Err(error) => return Err(error),
        };
        let malformed = || FileError::on("read", &path)(std::io::Error::other("a line of it is no custodian's id"));
        let text = std::str::from_utf8(&text).map_err(|_| malformed())?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let ids = lines.map(|line| CustodyId::parse(line).ok_or_else(malformed)).collect::<Result<_, _>>()?;
        Ok(Self { path, ids })
    }

    /// The custodians.
    pub fn ids(&self) -> &[CustodyId] {
        &self.ids
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down one more.
    pub fn remember(&mut self, custodian: CustodyId) -> Result<(), FileError> {
        if self.ids.contains(&custodian) {
            return Ok(());
        }
        let first = self.ids.is_empty() && !self.path.exists();
        self.ids.push(custodian);
        let lines: String = self.ids.iter().map(|id| format!("{id}\n")).collect();
        let text = format!("{HEAD}{lines}");
        match first {
            true => file::create_private(&self.path, text.as_bytes()),
            false => file::replace_private(&self.path, text.as_bytes()).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custodians_are_remembered_and_a_damaged_list_is_no_empty_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = dir.path().join("partner.key");
        let mut known = KnownCustodians::beside_key(&key).expect("read");
        assert!(known.ids().is_empty());
        for id in [[1; 16], [2; 16], [1; 16]] {
            known.remember(CustodyId(id)).expect("written");
        }
        let again = KnownCustodians::beside_key(&key).expect("read");
        assert_eq!(again.ids(), [CustodyId([1; 16]), CustodyId([2; 16])]);
        std::fs::write(again.path(), "not an id\n").expect("damaged");
        assert!(KnownCustodians::beside_key(&key).is_err());
    }
}
