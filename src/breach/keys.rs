//! Keys that lie in the loot, and what they open: a thief would use them, too.
//!
//! Owns finding private keys, keyrings, shares, site packs and what may be a passphrase, and counting what comes of them.
//! Everything is opened by the library's own types; what is tried is written down in nobody's log, as with a thief. So that
//! this is no way around that log, what keys open is counted and looked at, and leaves this module in figures only.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::dictionary::enumerate;
use super::evidence::KeyUse;
use super::loot::{Loot, StolenFile};
use super::pattern::Pattern;
use super::text::HashLike;
use crate::capture::{CaptureId, PlateText};
use crate::custody::{Credential, Keyring, OpeningKeys, Passphrase, RecipientFile, RecipientKeys, Share, SitePack};
use crate::redact;
use crate::seal::{Capability, KeyId};
use crate::vault::record::{CatalogueRecord, IdentityRecord};
use crate::vault::{FileKind, StraySegment};

/// A passphrase is looked for in readable files up to this length.
const MAX_NOTE: u64 = 4 << 10;

/// A share is looked for in readable files up to this length: its page has a drawing, too.
const MAX_PAGE: u64 = 256 << 10;

/// Passphrases tried on each keyring: one costs about a second, on purpose.
const GUESSES: usize = 32;

/// Longer is no keyring, private key or share.
const MAX_KEY_FILE: u64 = 16 << 20;

/// Keys found in the loot, opened as far as they can be.
pub(super) struct LootKeys {
    /// Each recipient's and each opened keyring's private keys.
    keys: Vec<OpeningKeys>,
    /// By the id of the first of them, the recipients' ones.
    recipients: HashMap<KeyId, usize>,
    /// Which of them one holder's secret opened, of a keyring that takes both for plates.
    guarded: HashSet<usize>,
    /// Site packs: signed, unencrypted, and therefore as good as keys in the thief's hand.
    pub packs: Vec<SitePack>,
    found: KeyUse,
}

impl LootKeys {
    /// Looks for keys in `loot`, and tries on each keyring what lies there and may be a passphrase, or shares.
    pub fn find(loot: &Loot) -> Self {
        let mut found = Self {
            keys: Vec::new(),
            recipients: HashMap::new(),
            guarded: HashSet::new(),
            packs: Vec::new(),
            found: KeyUse::default(),
        };
        let of_kind = |kind| loot.files.iter().filter(move |file| file.kind == Some(kind) && file.len <= MAX_KEY_FILE);
        found.packs.extend(of_kind(FileKind::SitePack).filter_map(|file| SitePack::from_bytes(&whole(file)?).ok()));
        found.found.packs = found.packs.len() as u64;
        let private = of_kind(FileKind::PrivateKey).filter_map(|file| RecipientKeys::read_file(file.path()).ok());
        let private: Vec<RecipientFile> = private.collect();
        let keyrings: Vec<&StolenFile> = of_kind(FileKind::Keyring).collect();
        found.found.private_keys = private.len() as u64;
        found.found.keyrings = keyrings.len() as u64;
        let is_sealed = |file: &RecipientFile| matches!(file, RecipientFile::Sealed(_));
        let closed = !keyrings.is_empty() || private.iter().any(is_sealed);
        let passphrases = passphrases(&if closed { notes(loot, MAX_NOTE) } else { Vec::new() });
        let pages = if keyrings.is_empty() { Vec::new() } else { notes(loot, MAX_PAGE) };
        let shares: Vec<Share> = pages.iter().filter_map(|page| share(page)).collect();
        found.found.passphrases = passphrases.len() as u64;
        found.found.shares = shares.len() as u64;
        for file in private {
            let keys = match file {
                RecipientFile::Plain(keys) => Some(keys),
                RecipientFile::Sealed(sealed) => passphrases.iter().take(GUESSES).find_map(|passphrase| {
                    found.found.guesses += 1;
                    sealed.open(passphrase).ok()
                }),
            };
            if let Some(keys) = keys {
                found.recipients.insert(keys.public().id(), found.keys.len());
                found.keys.push(keys.into_opening_keys());
            }
        }
        for keyring in keyrings {
            found.unlock(keyring, &passphrases, &shares);
        }
        found
    }

    fn unlock(&mut self, file: &StolenFile, passphrases: &[Passphrase], shares: &[Share]) {
        // A copy under the name that keyrings have: the loot is evidence, and may have been named otherwise.
        let Ok(scratch) = tempfile::tempdir() else { return };
        if std::fs::copy(file.path(), scratch.path().join("keyring")).is_err() {
            return;
        }
        let mut credentials: Vec<Credential<'_>> = Vec::new();
        if !shares.is_empty() {
            credentials.push(shares.into());
        }
        credentials.extend(passphrases.iter().take(GUESSES).map(Credential::from));
        let mut opened = None;
        for credential in &credentials {
            self.found.guesses += u64::from(matches!(credential, Credential::Passphrase(_)));
            if let Ok(keyring) = Keyring::open(scratch.path(), *credential) {
                opened = Some(keyring);
                break;
            }
        }
        let Some(mut keyring) = opened else { return };
        self.found.keyrings_opened += 1;
        if keyring.has_dual_control() {
            // Whoever keeps one holder's passphrase there may keep the other's there, too.
            let second = credentials.iter().any(|credential| keyring.unlock_second(*credential).is_ok());
            self.found.second_opened += u64::from(second);
            if !second {
                self.guarded.insert(self.keys.len());
            }
        }
        self.keys.push(keyring.opening_keys(&Capability::ALL));
    }

    /// The keys of the recipient for whom the store with that segment was made.
    pub fn of_copy(&self, segment: &StraySegment) -> Option<&OpeningKeys> {
        let id = segment.header().entries.first()?.key;
        self.recipients.get(&id).map(|&at| &self.keys[at])
    }

    /// Opens every segment of the loot that the keys fit, and counts what comes out. `patterns` are what plates may look
    /// like, in the order in which to try them under the packs' keys against opened pseudonyms and `written` values, at
    /// most `candidates` of them for each pack.
    pub fn use_on(
        &self,
        loot: &Loot,
        written: &[HashLike],
        patterns: &[Pattern],
        candidates: u64,
    ) -> (KeyUse, Vec<Opened>) {
        let mut all = Found::default();
        if !self.keys.is_empty() {
            let segments = loot.files.par_iter().enumerate().filter(|(_, file)| file.kind == Some(FileKind::Segment));
            let opened: Vec<Found> = segments.map(|(at, file)| self.open(at, file)).collect();
            opened.into_iter().for_each(|opened| all.add(opened));
        }
        let mut used = KeyUse {
            segments: all.segments,
            captures: all.captures.len() as u64,
            scenes: all.scenes.len() as u64,
            originals: all.originals.len() as u64,
            plates: all.plates.len() as u64,
            guarded: all.guarded.len() as u64,
            ..self.found.clone()
        };
        for pack in &self.packs {
            let keys = pack.epoch_keys();
            let mut targets: HashSet<[u8; 16]> =
                written.iter().filter_map(|value| value.bytes.as_slice().try_into().ok()).collect();
            targets.extend(all.unread.get(&keys.epoch()).into_iter().flatten());
            used.targets += targets.len() as u64;
            let (found, tried, space) = enumerate(keys, &targets, patterns, candidates);
            used.tried += tried;
            used.space += space;
            used.enumerated += found.len() as u64;
        }
        (used, all.pictures.into_values().collect())
    }

    /// The picture of a capture that these keys open, and of an original its file's name; `None` when it has gone meanwhile.
    pub fn picture(&self, loot: &Loot, of: &Opened) -> Option<(Vec<u8>, Vec<u8>)> {
        let segment = StraySegment::open(loot.files.get(of.file)?.path()).ok()?;
        let scene = self.keys.iter().find_map(|keys| segment.scene(keys, of.id).ok()).map(|scene| scene.file);
        if !of.original {
            return Some((scene?, Vec::new()));
        }
        let identity = self.keys.iter().find_map(|keys| segment.identity(keys, of.id).ok())?;
        let IdentityRecord { method, removed, blake3, source_name, .. } = &identity;
        let original = redact::restore(*method, scene.as_deref(), removed, blake3).ok()?;
        Some((original.into_owned(), source_name.clone()))
    }

    fn open(&self, at: usize, file: &StolenFile) -> Found {
        let mut opened = Found::default();
        let Ok(segment) = StraySegment::open(file.path()) else { return opened };
        let mut records: Vec<(bool, CatalogueRecord)> = Vec::new();
        let mut scenes: HashMap<[u8; 16], Vec<u8>> = HashMap::new();
        let mut known: HashSet<[u8; 16]> = HashSet::new();
        for (at, keys) in self.keys.iter().enumerate() {
            let guarded = self.guarded.contains(&at);
            // Sections that these keys do not open are opened by others, or by none.
            let _ = segment.catalogue(keys, |record| records.push((guarded, record)));
            let _ = segment.scenes(keys, |scene| {
                scenes.insert(scene.id, scene.file);
            });
        }
        for keys in &self.keys {
            let _ = segment.identities(keys, |identity| {
                opened.captures.insert(identity.id);
                if gives_original(&identity, scenes.get(&identity.id)) {
                    opened.originals.insert(identity.id);
                }
                let texts = identity.plates.iter().filter_map(|plate| plate.texts.first());
                opened.plates.extend(texts.filter_map(|text| PlateText::canonical(text)));
                known.insert(identity.id);
            });
        }
        opened.captures.extend(records.iter().map(|(_, record)| record.id).chain(scenes.keys().copied()));
        opened.scenes.extend(scenes.keys());
        opened.segments = u64::from(!opened.captures.is_empty());
        for (guarded, record) in records.iter().filter(|(_, record)| !known.contains(&record.id)) {
            let plates = record.regions.iter().filter(|region| region.kind == 0);
            let best = plates.filter_map(|region| region.pseudonyms.first()).map(|pseudonym| pseudonym.value);
            match guarded {
                true => opened.guarded.extend(best),
                false => opened.unread.entry(record.epoch).or_default().extend(best),
            }
        }
        for &id in opened.scenes.union(&opened.originals) {
            let original = opened.originals.contains(&id);
            opened.pictures.insert(id, Opened { file: at, id: CaptureId(id), original });
        }
        opened
    }
}

/// A picture that keys opened: where it is, to be opened again by whoever looks at it, so that memory holds none that nobody does.
pub(super) struct Opened {
    /// Index of its segment into [`Loot::files`].
    file: usize,
    id: CaptureId,
    /// Whether it is the original, or else the redacted picture.
    pub original: bool,
}

/// What keys opened.
#[derive(Default)]
struct Found {
    segments: u64,
    /// Ids: what was stolen twice counts once.
    captures: HashSet<[u8; 16]>,
    scenes: HashSet<[u8; 16]>,
    originals: HashSet<[u8; 16]>,
    plates: HashSet<PlateText>,
    /// By epoch, pseudonyms of plates whose texts did not come out.
    unread: BTreeMap<u32, HashSet<[u8; 16]>>,
    /// The same where both holders are asked for.
    guarded: HashSet<[u8; 16]>,
    /// Of each capture the original, or else the redacted picture.
    pictures: BTreeMap<[u8; 16], Opened>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.segments += other.segments;
        self.captures.extend(other.captures);
        self.scenes.extend(other.scenes);
        self.originals.extend(other.originals);
        self.plates.extend(other.plates);
        self.guarded.extend(other.guarded);
        for (epoch, values) in other.unread {
            self.unread.entry(epoch).or_default().extend(values);
        }
        for (id, picture) in other.pictures {
            if picture.original || !self.pictures.contains_key(&id) {
                self.pictures.insert(id, picture);
            }
        }
    }
}

fn gives_original(identity: &IdentityRecord, scene: Option<&Vec<u8>>) -> bool {
    redact::restore(identity.method, scene.map(Vec::as_slice), &identity.removed, &identity.blake3).is_ok()
}

fn whole(file: &StolenFile) -> Option<Vec<u8>> {
    file.open().and_then(|mut open| open.read_at(0, file.len)).ok()
}

/// Readable files up to a length, those with one line first and of these the ones that are called after a passphrase.
fn notes(loot: &Loot, most: u64) -> Vec<Zeroizing<String>> {
    let short = loot.files.iter().filter(|file| file.kind.is_none() && (1..=most).contains(&file.len));
    let text = |file: &StolenFile| {
        let text = text(Zeroizing::new(whole(file)?))?;
        let name = String::from_utf8_lossy(&file.name).to_lowercase();
        Some((!name.contains("pass"), text.trim().lines().count(), text))
    };
    let mut notes: Vec<_> = short.filter_map(text).collect();
    notes.sort_by_key(|(other, lines, _)| (*other, *lines));
    notes.into_iter().map(|(_, _, text)| text).collect()
}

/// UTF-8, or UTF-16 as some editors write it.
fn text(bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Zeroizing<Vec<u16>> = Zeroizing::new(pairs.iter().map(|pair| unit(*pair)).collect());
        if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    let text = match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes),
        [_, 0, _, 0, ..] => units(&bytes, u16::from_le_bytes),
        [0, _, 0, _, ..] => units(&bytes, u16::from_be_bytes),
        _ => std::str::from_utf8(&bytes).ok().map(str::to_owned),
    };
    text.map(Zeroizing::new)
}

/// A share as text, or as the page to print, where each line is an element and its number another.
fn share(page: &str) -> Option<Share> {
    if let Ok(share) = Share::parse(page) {
        return Some(share);
    }
    let mut lines = Zeroizing::new(String::with_capacity(page.len()));
    for text in page.split('<').filter_map(|element| element.split_once('>')).map(|(_, text)| text.trim()) {
        if text.is_empty() {
            continue;
        }
        let number = text.len() == 1 && text.as_bytes()[0].is_ascii_digit();
        lines.push_str(text);
        lines.push(if number { ' ' } else { '\n' });
    }
    Share::parse(&lines).ok()
}

/// What may be a passphrase: what stands behind a name for one, each line of a note, and what stands behind any name or in
/// quotes. The likelier first.
fn passphrases(notes: &[Zeroizing<String>]) -> Vec<Passphrase> {
    const NAMES: [&str; 7] = ["pass", "phrase", "secret", "key", "pw", "unlock", "vault"];
    let mut guesses: Vec<(u8, &str)> = Vec::new();
    for line in notes.iter().flat_map(|note| note.trim_start_matches('\u{feff}').lines()) {
        let named = NAMES.iter().any(|name| line.to_lowercase().contains(name));
        let parts = parts(line).map(|part| (if named { 0 } else { 2 }, part));
        guesses.extend([(1, line), (1, line.trim())].into_iter().chain(parts));
    }
    guesses.sort_by_key(|(rank, _)| *rank);
    let mut seen = HashSet::new();
    let fresh =
        guesses.into_iter().filter(|(_, guess)| !guess.is_empty() && seen.insert(blake3::hash(guess.as_bytes())));
    fresh.map(|(_, guess)| Passphrase::new(guess.to_owned())).collect()
}

/// What stands behind a colon or an equals sign, and in quotes.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    let quotes = ['"', '\'', '`'];
    let behind = line.match_indices([':', '=']).map(move |(at, _)| {
        let value = line[at + 1..].trim().trim_end_matches([',', ';']).trim_end();
        value.strip_prefix(quotes).and_then(|value| value.strip_suffix(quotes)).unwrap_or(value)
    });
    let quoted = quotes.into_iter().flat_map(move |quote| line.split(quote).skip(1).step_by(2));
    behind.chain(quoted)
}
