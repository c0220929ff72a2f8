//! Custodians who are known to a recipient, by a text file beside its private key, or to sites, by one beside their packs: one
//! id a line, and behind it the site whose packs are that custodian's.
//!
//! Anybody who has a recipient's public key can make a copy for it, and anybody can issue a pack, signed with a key of his
//! own. So the first custodian is remembered, and another one is refused until the holder says that it is right. A site has one
//! custodian: who may send packs for one site may not for all whose packs lie in that folder.

use std::path::{Path, PathBuf};

use super::file::{self, FileError};
use super::pack::SitePack;
use super::purpose::{PurposeError, fold_purpose, folded};
use crate::seal::{CustodyId, JournalId};

const HEAD: &str = "# Custodians whose exports or site packs were accepted here, one id a line, and its site.\n";
/// The file in the folder of a site's packs, which have other names from month to month.
const OF_SITE: &str = "safelight-custodians";

/// The custodians known to the holder of a private key or a site pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCustodians {
    path: PathBuf,
    known: Vec<(CustodyId, Option<KnownSite>)>,
}

/// A site as it is known again: by its name, however that is spelt, or by its journal, which it keeps from pack to pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSite {
    journal: JournalId,
    /// Letters and digits only.
    name: String,
}

impl KnownSite {
    /// The site of a pack.
    pub fn of(pack: &SitePack) -> Self {
        let seen = !matches!(fold_purpose(pack.site()), Err(PurposeError::Invisible { .. }));
        let name = Some(folded(pack.site())).filter(|name| seen && !name.is_empty());
        let name = name.unwrap_or_else(|| blake3::hash(pack.site().as_bytes()).to_hex().to_string());
        Self::known_as(pack.journal(), &name)
    }

    /// Names that earlier versions wrote are of a form that told more letters apart.
    fn known_as(journal: JournalId, name: &str) -> Self {
        Self { journal, name: folded(name) }
    }

    fn is(&self, other: &Self) -> bool {
        self.journal == other.journal || self.name == other.name
    }
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
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, known: vec![] });
            }
            Err(error) => return Err(error),
        };
        let malformed = || FileError::on("read", &path)(std::io::Error::other("a line of it is no custodian's id"));
        let text = std::str::from_utf8(&text).map_err(|_| malformed())?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let known = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let custodian = CustodyId::parse(words.next()?)?;
            let site = match (words.next(), words.next()) {
                (None, None) => None,
                (Some(journal), Some(name)) => Some(KnownSite::known_as(JournalId::parse(journal)?, name)),
                _ => return None,
            };
            Some((custodian, site))
        };
        let known = lines.map(|line| known(line).ok_or_else(malformed)).collect::<Result<_, _>>()?;
        Ok(Self { path, known })
    }

    /// The custodians, each once.
    pub fn ids(&self) -> Vec<CustodyId> {
        self.of(|_| true)
    }

    /// Whose packs a site takes: its custodian's, once that is known; until then, those of all who are known here.
    pub fn of_site(&self, site: &KnownSite) -> Vec<CustodyId> {
        let own = self.of(|known| known.is_some_and(|known| known.is(site)));
        if own.is_empty() { self.ids() } else { own }
    }

    fn of(&self, which: impl Fn(Option<&KnownSite>) -> bool) -> Vec<CustodyId> {
        let mut ids = Vec::new();
        for (id, site) in &self.known {
            if which(site.as_ref()) && !ids.contains(id) {
                ids.push(*id);
            }
        }
        ids
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is written down already: for this site, where one is given.
    pub fn has(&self, custodian: CustodyId, site: Option<&KnownSite>) -> bool {
        let is = |known: &Option<KnownSite>| match (site, known) {
            (None, _) => true,
            (Some(site), Some(known)) => known == site,
            (Some(_), None) => false,
        };
        self.known.iter().any(|(id, known)| *id == custodian && is(known))
    }

    /// Writes down one more; for a site, in place of whoever was that site's.
    pub fn remember(&mut self, custodian: CustodyId, site: Option<&KnownSite>) -> Result<(), FileError> {
        if self.has(custodian, site) {
            return Ok(());
        }
        let first = self.known.is_empty() && !self.path.exists();
        if let Some(site) = site {
            self.known.retain(|(_, known)| known.as_ref().is_none_or(|known| !known.is(site)));
        }
        self.known.push((custodian, site.cloned()));
        let line = |(id, site): &(CustodyId, Option<KnownSite>)| match site {
            None => format!("{id}\n"),
            Some(KnownSite { journal, name }) => format!("{id} {journal} {name}\n"),
        };
        let lines: String = self.known.iter().map(line).collect();
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
            known.remember(CustodyId(id), None).expect("written");
        }
        let again = KnownCustodians::beside_key(&key).expect("read");
        assert_eq!(again.ids(), [CustodyId([1; 16]), CustodyId([2; 16])]);
        for damaged in ["not an id\n", "00000000000000000000000000 half\n"] {
            std::fs::write(again.path(), damaged).expect("damaged");
            assert!(KnownCustodians::beside_key(&key).is_err());
        }
    }

    #[test]
    fn a_site_has_one_custodian_and_lists_without_sites_still_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let pack = dir.path().join("site.pack");
        let [one, two, three] = [1, 2, 3].map(|id| CustodyId([id; 16]));
        let site = |journal: u8, name: &str| KnownSite::known_as(JournalId([journal; 16]), name);
        let (north, south) = (site(1, "north"), site(2, "south"));
        // As earlier versions wrote it.
        std::fs::write(dir.path().join(OF_SITE), format!("# Custodians\n{one}\n{two}\n")).expect("written");
        let mut known = KnownCustodians::beside_pack(&pack).expect("read");
        assert_eq!(known.of_site(&north), [one, two]);
        known.remember(one, Some(&north)).expect("written");
        let mut known = KnownCustodians::beside_pack(&pack).expect("read");
        assert_eq!((known.of_site(&north), known.of_site(&south)), (vec![one], vec![one, two]));
        // By its journal under another name, and by its name with another journal.
        assert_eq!(known.of_site(&site(1, "east")), [one]);
        assert_eq!(known.of_site(&site(9, "north")), [one]);
        known.remember(three, Some(&site(9, "north"))).expect("written");
        let known = KnownCustodians::beside_pack(&pack).expect("read");
        assert_eq!(known.of_site(&north), [three]);
        assert!(known.has(three, Some(&site(9, "north"))) && !known.has(one, Some(&north)));
    }

    #[test]
    fn a_site_is_known_by_the_name_that_an_earlier_version_wrote() {
        let dir = tempfile::tempdir().expect("a folder");
        let (one, journal) = (CustodyId([1; 16]), JournalId([1; 16]));
        let name = super::super::purpose::fold_of_before("Main Mill 10");
        std::fs::write(dir.path().join(OF_SITE), format!("{one} {journal} {name}\n")).expect("written");
        let known = KnownCustodians::beside_pack(&dir.path().join("site.pack")).expect("read");
        let again = KnownSite::known_as(JournalId([2; 16]), &folded("Main Mill 10"));
        let other = KnownSite::known_as(JournalId([2; 16]), &folded("Main Mill 20"));
        let own = |site| known.known.iter().any(|(_, known)| known.as_ref().is_some_and(|known| known.is(site)));
        assert_eq!((own(&again), own(&other)), (true, false));
    }
}
