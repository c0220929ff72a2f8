//! What a site's journal says when a vault is opened again: what is sealed, and what was interrupted.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;

use super::card::Card;
use super::files::{Files, failed, names, trailer_of};
use super::head::{Head, SiteState};
use super::header::Entry;
use super::journal::{self, Deed, Frame, MacKey, Named};
use super::sealing::{Damage, SealError};
use super::sieve::{Holder, Sieve};
use super::store::StoreFile;
use super::terms::{Term, Terms};
use super::time::SiteTime;
use super::tombstone::Tombstones;
use super::whole;
use crate::custody::SitePack;
use crate::files;
use crate::seal::{Capability, JournalId, SegmentId, VaultId};

impl Files {
    /// Finds out what is sealed and settles what was interrupted.
    pub fn recover(
        &self,
        card: &Card,
        pack: &SitePack,
        adopt: bool,
        state: Option<&SiteState>,
        time: SiteTime,
    ) -> Result<(Sieve, JournalWriter, Vec<Damage>), SealError> {
        let mut unnamed: std::collections::HashSet<SegmentId> =
            names(&self.layout.segments())?.iter().filter_map(|name| SegmentId::parse(name)).collect();
        let present = unnamed.clone();
        for name in names(&self.layout.journals())? {
            let Some(id) = JournalId::parse(&name).filter(|&id| id != pack.journal()) else { continue };
            self.read_journal(card.vault, id, None, None, |frame| _ = unnamed.remove(&frame.segment))?;
        }
        // Without them, at worst what has expired counts as missing.
        let tombstones = Tombstones::read(&self.layout, card).unwrap_or_default();
        let sieve = Sieve::new(pack.journal_key(), self.layout.clone());
        let terms = Terms::new(pack.schedule(), time.now());
        let key = MacKey::new(pack.journal_key());
        let mut damages = BTreeMap::new();
        let mark = state.and_then(|state| state.mark(card.vault));
        let end = self.read_journal(card.vault, pack.journal(), Some(&key), mark, |frame| {
            let Frame { deed, segment, trailer, digests } = frame;
            unnamed.remove(&segment);
            match deed {
                Deed::Intent => {
                    let found = match present.contains(&segment) {
                        true => match whole::glance(&self.layout.segment(segment), card, segment, &trailer) {
                            Ok(Some(header)) => Ok(header),
                            Ok(None) => Err(Damage::Altered(segment)),
                            Err(_) => Err(Damage::Unreadable(segment)),
                        },
                        false => Err(Damage::Missing(segment)),
                    };
                    let closed = |entry: &Entry| tombstones.keys.contains_key(&entry.key);
                    let expired = tombstones.buried.contains_key(&segment)
                        || found.as_ref().is_ok_and(|header| {
                            let catalogue = header.entry(Capability::Catalogue);
                            catalogue.is_some_and(|entry| terms.of(&sieve, entry.bucket, &digests) == Term::Over)
                        });
                    let named = digests.contains(&sieve.mark(segment));
                    let holder = match found {
                        Ok(header) if !expired => {
                            let open = |entry: &Entry| {
                                !closed(entry) && terms.of(&sieve, entry.bucket, &digests) == Term::Runs
                            };
                            // By a clock that is behind, nobody knows what runs still.
                            let originals = time.behind().is_none()
                                && header.entry(Capability::Identity).is_some()
                                && header.entries.iter().all(open);
                            Holder::found(segment, trailer, originals, named)
                        }
                        Ok(_) => Holder::gone(segment, trailer),
                        // It may be whole: its captures are not sealed twice, and nothing is deleted for its sake.
                        Err(damage @ Damage::Unreadable(_)) if !expired => {
                            damages.insert(segment, damage);
                            Holder::found(segment, trailer, false, named)
                        }
                        Err(damage) => {
                            if !expired {
                                damages.insert(segment, damage);
                            }
                            Holder::gone(segment, trailer)
                        }
                    };
                    sieve.settle(holder, &digests);
                }
                // It never got its name.
                Deed::Withdrawn => _ = damages.remove(&segment),
                Deed::Committed | Deed::Adopted => {}
            }
        })?;
        if let Some(state) = state.filter(|_| !adopt) {
            let is_there = |segment| present.contains(&segment) || tombstones.removed.contains_key(&segment);
            state.compare(card.vault, &end, is_there)?;
        }
        if let Some(&example) = unnamed.iter().min().filter(|_| !adopt) {
            return Err(SealError::Unjournalled { count: unnamed.len(), example });
        }
        let mut journal = JournalWriter::resume(self, card.vault, pack.journal(), key, &end)?;
        if let Some((segment, trailer)) = end.pending {
            let sealed = present.contains(&segment) || tombstones.removed.contains_key(&segment);
            if !sealed {
                damages.remove(&segment);
            }
            let deed = if sealed { Deed::Committed } else { Deed::Withdrawn };
            journal.append(&Frame::bare(deed, segment, trailer))?;
        }
        for segment in unnamed {
            let path = self.layout.segment(segment);
            let trailer = trailer_of(&path).map_err(failed("read", &path))?;
            journal.append(&Frame::bare(Deed::Adopted, segment, trailer))?;
        }
        journal.sync()?;
        Ok((sieve, journal, damages.into_values().collect()))
    }

    /// Reads a journal; an absent one is an empty one.
    fn read_journal(
        &self,
        vault: VaultId,
        journal: JournalId,
        key: Option<&MacKey>,
        mark: Option<u64>,
        visit: impl FnMut(Frame),
    ) -> Result<journal::End, SealError> {
        let unusable = |source| SealError::Journal { journal, source };
        let (file, len) = match files::open_own(&self.layout.journal(journal)) {
            Ok((file, len)) => (Some(file), len),
            Err(source) if source.kind() == io::ErrorKind::NotFound => (None, 0),
            Err(source) => return Err(unusable(source.into())),
        };
        let reader: Box<dyn io::Read> = match file {
            Some(file) => Box::new(BufReader::with_capacity(1 << 16, file)),
            None => Box::new(io::empty()),
        };
        journal::read(reader, len, vault, journal, key, mark, visit).map_err(unusable)
    }
}

/// The site's journal, open at its end.
pub(super) struct JournalWriter {
    path: PathBuf,
    file: Box<dyn StoreFile>,
    len: u64,
    chain: [u8; 32],
    named: Named,
    key: MacKey,
}

impl JournalWriter {
    /// Cuts what an interrupted append left, or starts the journal.
    fn resume(
        files: &Files,
        vault: VaultId,
        id: JournalId,
        key: MacKey,
        end: &journal::End,
    ) -> Result<Self, SealError> {
        let path = files.layout.journal(id);
        if end.len == 0 {
            let header = journal::header_bytes(vault, id);
            let mut staged = files.layout.incoming().join(id.to_string());
            // A power cut may have left too little of it to be known: that stays, and is in nobody's way.
            if staged.symlink_metadata().is_ok() {
                staged = files.layout.incoming_segment(SegmentId::random());
            }
            files.write_file(&staged, &header)?;
            files.store.rename(&staged, &path).map_err(failed("create", &path))?;
            files.sync_folder(&files.layout.journals())?;
            let file = files.store.append(&path).map_err(failed("write", &path))?;
            let (len, chain) = (header.len() as u64, journal::first_chain(&header));
            return Ok(Self { path, file, len, chain, named: Named::NONE, key });
        }
        let mut file = files.store.append(&path).map_err(failed("write", &path))?;
        if end.torn {
            file.truncate(end.len).and_then(|()| file.sync()).map_err(failed("write", &path))?;
        }
        let journal::End { len, chain, named, .. } = *end;
        Ok(Self { path, file, len, chain, named, key })
    }

    pub fn append(&mut self, frame: &Frame) -> Result<(), SealError> {
        let (bytes, next) = frame.to_bytes(&self.chain, &self.key);
        self.file.write_all(&bytes).map_err(failed("write", &self.path))?;
        self.len += bytes.len() as u64;
        self.chain = next;
        self.named.note(frame);
        Ok(())
    }

    /// Where it has come to. What was appended is durable after [`Self::sync`].
    pub fn head(&self) -> Head {
        let Self { len, chain, named, .. } = *self;
        Head { len, chain, segments: named.count, newest: named.newest }
    }

    pub fn sync(&mut self) -> Result<(), SealError> {
        self.file.blank_times().and_then(|()| self.file.sync()).map_err(failed("sync", &self.path))
    }
}
