//! Whether a vault is whole: without keys by structure, hashes and journals, with keys down to every record.
//!
//! Without keys it finds whatever happens to a disk or a copy. Somebody who alters a segment *and* its journal on
//! purpose is found with keys, and by the site when it next opens its journal.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::card::VaultKind;
use super::claims::{self, Claims};
use super::head::{Departure, SiteState};
use super::header::TRAILER_LEN;
use super::journal::{self, JournalError};
use super::layout::Layout;
use super::opening::{OpenError, OpeningVault};
use super::reading::{Section, SegmentFile};
use super::record::{CatalogueRecord, IdentityRecord, SceneRecord, Status};
use super::tombstone::TombstoneError;
use super::trust::Trust;
use crate::capture::CaptureId;
use crate::custody::{OpeningKeys, SitePack};
use crate::files;
use crate::redact::{RestoreError, needs_scene, restore};
use crate::seal::{BucketId, Capability, CustodyId, JournalId, KeyId, SectionKey, SegmentId, TombstoneId};

/// What is wrong with a vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A journal says that the segment was committed, and it is not there.
    #[error("segment {segment} is missing")]
    Missing {
        /// The segment.
        segment: SegmentId,
    },
    /// No journal names the segment.
    #[error("segment {segment} is named by no journal")]
    Unjournalled {
        /// The segment.
        segment: SegmentId,
    },
    /// The segment's bytes are not those that its trailer or structure demands.
    #[error("segment {segment} is damaged: its hash does not match")]
    Damaged {
        /// The segment.
        segment: SegmentId,
    },
    /// The segment is whole, but not the one that was committed under this name.
    #[error("segment {segment} is not the one that its journal committed")]
    Replaced {
        /// The segment.
        segment: SegmentId,
    },
    /// The segment cannot be read as one.
    #[error(transparent)]
    Segment(OpenError),
    /// The sections of a segment contradict each other.
    #[error("record {id} of segment {segment} contradicts itself: {what}")]
    Contradiction {
        /// The segment.
        segment: SegmentId,
        /// The capture.
        id: CaptureId,
        /// What does not fit.
        what: &'static str,
    },
    /// A journal cannot be trusted.
    #[error("journal {journal}: {source}")]
    Journal {
        /// The journal.
        journal: JournalId,
        /// What is wrong with it.
        source: JournalError,
    },
    /// A tombstone cannot be trusted, so that nothing is taken for expired on its word.
    #[error("tombstone {id}: {source}")]
    Tombstone {
        /// The tombstone.
        id: TombstoneId,
        /// What is wrong with it.
        source: TombstoneError,
    },
    /// The vault does not hold what its site says that it has sealed into it.
    #[error(transparent)]
    Departed(#[from] Departure),
    /// A journal is of no site that the keyring knows: a later keyring issued its pack, or somebody made it up.
    #[error("journal {journal} is of no site that this keyring knows")]
    UnknownJournal {
        /// The journal.
        journal: JournalId,
    },
    /// No section opens with the keys that were given: nothing is known of what is inside.
    #[error("no section opens with these keys, of {sections}")]
    NothingOpens {
        /// How many there are.
        sections: usize,
    },
    /// Something lies in the vault that does not belong there.
    #[error("{} does not belong into a vault", path.display())]
    Stranger {
        /// The file or folder, relative to the vault.
        path: PathBuf,
    },
}

impl Fault {
    /// Whether it is of a stranger's file under this segment's name.
    pub(super) fn is_of(&self, segment: SegmentId) -> bool {
        match self {
            Self::Segment(OpenError::ForeignSegment { segment: named } | OpenError::Misnamed { named, .. }) => {
                *named == segment
            }
            _ => false,
        }
    }
}

/// What is worth knowing and no fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum Note {
    /// An ingest is running: the newest segments may come and go.
    BeingWritten,
    /// The site's state knows nothing of this vault, so that nobody can say whether what was sealed last is there.
    NoState,
    /// A run was interrupted; the next one settles it. Nothing committed is affected.
    Interrupted {
        /// Whose run.
        journal: JournalId,
    },
    /// A segment has expired and is still there, or is there again: an expiry was interrupted, or a copy put back.
    Unremoved {
        /// The segment.
        segment: SegmentId,
    },
    /// A section's key was destroyed when its time was over; only its hash was checked.
    Expired {
        /// The segment.
        segment: SegmentId,
        /// Which section.
        capability: Capability,
    },
    /// No key was given for a section, so that only its hash was checked.
    Unopened {
        /// The segment.
        segment: SegmentId,
        /// Which section.
        capability: Capability,
        /// Its bucket.
        bucket: BucketId,
        /// The key that would open it.
        key: KeyId,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeingWritten => f.write_str("an ingest is writing into this vault now"),
            Self::NoState => f.write_str(
                "the site keeps no state of this vault: whether what it sealed last was cut off cannot be told",
            ),
            Self::Interrupted { journal } => {
                write!(f, "a run of the site with journal {journal} was interrupted; its next ingest goes on")
            }
            Self::Unremoved { segment } => {
                write!(f, "segment {segment} has expired and is still here; `safelight expire` removes it")
            }
            Self::Expired { segment, capability } => {
                write!(f, "the {capability} section of segment {segment} has expired")
            }
            Self::Unopened { segment, capability, bucket, .. } => {
                write!(f, "the {capability} section of segment {segment} was not opened: no key for bucket {bucket}")
            }
        }
    }
}

/// What a check found.
#[derive(Debug)]
pub struct CheckReport {
    /// Whom the card names as the vault's custodian.
    pub custodian: CustodyId,
    /// Whether whoever asked for the check vouches for that. If not, what has expired is the word of whoever wrote the card.
    pub vouched: bool,
    /// Whether the card is signed. Cards of the first format are not, and say nothing that anybody could not write.
    pub signed: bool,
    /// Whether it is a copy for a recipient.
    pub export: bool,
    /// Segments looked at.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Journals read.
    pub journals: u64,
    /// Of these, such as were verified frame by frame with their site's key: what they name, that site has sealed.
    pub verified: Vec<JournalId>,
    /// Segments that were removed because everything in them has expired.
    pub expired: u64,
    /// Captures whose records were opened; 0 without keys.
    pub captures: u64,
    /// Of these, such as could not be examined: they have no scene.
    pub unreadable: u64,
    /// Of these, such as their table places at another site than the one whose pack sealed them: that site, and this one.
    pub other_sites: BTreeMap<(String, Option<String>), u64>,
    /// Sections that were opened; 0 without keys.
    pub opened: u64,
    /// Whatever is wrong, in the order of names.
    pub faults: Vec<Fault>,
    /// Whatever else is worth knowing.
    pub notes: Vec<Note>,
}

impl CheckReport {
    fn of(vault: &OpeningVault) -> Self {
        Self {
            custodian: vault.card().custodian.custody(),
            vouched: vault.is_vouched(),
            signed: vault.card().is_signed(),
            export: vault.card().kind == VaultKind::Export,
            segments: 0,
            bytes: 0,
            journals: 0,
            verified: Vec::new(),
            expired: 0,
            captures: 0,
            unreadable: 0,
            other_sites: BTreeMap::new(),
            opened: 0,
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Checks a vault without any key.
///
/// # Errors
///
/// When the folder is not a vault or cannot be listed. What is wrong inside is in the report.
pub fn check(folder: &Path, trust: Trust) -> Result<CheckReport, OpenError> {
    examine(folder, trust, None, false)
}

/// Checks a vault without opening anything, and verifies its journals with the keys that the keyring has of its sites.
///
/// # Errors
///
/// As [`check`].
pub fn check_journals(folder: &Path, trust: Trust, keys: &OpeningKeys) -> Result<CheckReport, OpenError> {
    examine(folder, trust, Some(keys), false)
}

/// Checks a vault and opens every section for which `keys` has a key: every chunk, every record, and that the records of
/// a capture fit each other.
///
/// # Errors
///
/// As [`check`].
pub fn check_deep(folder: &Path, trust: Trust, keys: &OpeningKeys) -> Result<CheckReport, OpenError> {
    examine(folder, trust, Some(keys), true)
}

/// Compares a vault with what its site has sealed into it, by the state that the site keeps beside its pack, and adds to `report`
/// what does not fit. The site's journal is verified with its key.
///
/// # Errors
///
/// As [`check`].
pub fn check_site(
    folder: &Path,
    pack: &SitePack,
    state: &SiteState,
    report: &mut CheckReport,
) -> Result<(), OpenError> {
    let vault = OpeningVault::open(folder, Trust::from(pack))?;
    let (layout, id) = (Layout::new(folder), vault.card().vault);
    if !state.knows(id) {
        report.notes.push(Note::NoState);
    }
    let end = match claims::verify(&vault, &layout, pack.journal(), pack.journal_key(), state.mark(id)) {
        Ok(end) => {
            if !report.verified.contains(&pack.journal()) {
                report.verified.push(pack.journal());
            }
            end
        }
        Err(JournalError::Io(error)) if error.kind() == io::ErrorKind::NotFound => journal::End::none(),
        Err(source) => {
            let journal = pack.journal();
            let named = |fault: &Fault| matches!(fault, Fault::Journal { journal: known, .. } if *known == journal);
            if !report.faults.iter().any(named) {
                report.faults.push(Fault::Journal { journal, source });
            }
            return Ok(());
        }
    };
    let tombstones = vault.tombstones()?;
    let is_there = |segment| layout.segment(segment).exists() || tombstones.removed.contains_key(&segment);
    report.faults.extend(state.compare(id, &end, is_there).err().map(Fault::Departed));
    Ok(())
}

fn examine(folder: &Path, trust: Trust, keys: Option<&OpeningKeys>, deep: bool) -> Result<CheckReport, OpenError> {
    let vault = OpeningVault::open(folder, trust)?;
    let layout = Layout::new(folder);
    let mut report = CheckReport::of(&vault);
    // Segments first: whatever has its name by now has its intent in the journals that are read after.
    let segments = vault.segments()?;
    find_strangers(&layout, vault.card().kind, &mut report)?;
    let writer_active = files::open(&layout.lock()).is_ok_and(|(lock, _)| lock.try_lock_shared().is_err());
    if writer_active {
        report.notes.push(Note::BeingWritten);
    }
    let claims = match vault.card().kind {
        VaultKind::Site => Some(read_journals(&vault, &layout, keys, &mut report)?),
        VaultKind::Export => None,
    };
    let present: HashSet<_> = segments.iter().copied().collect();
    // After the journals: a segment that was removed meanwhile had its tombstone before.
    let mut tombstones = vault.tombstones()?;
    report.faults.append(&mut tombstones.faults);
    for segment in tombstones.removed.keys() {
        match present.contains(segment) && layout.segment(*segment).exists() {
            true => report.notes.push(Note::Unremoved { segment: *segment }),
            false => report.expired += 1,
        }
    }
    let missing = claims.iter().flat_map(|claims| claims.missing(&present, &layout, &tombstones));
    report.faults.extend(missing.map(|segment| Fault::Missing { segment }));
    let keys = keys.filter(|_| deep);
    let findings: Vec<Findings> =
        segments.par_iter().map(|&segment| examine_segment(&vault, segment, claims.as_ref(), keys)).collect();
    let expired = |note| match note {
        Note::Unopened { segment, capability, key, .. } if tombstones.keys.contains_key(&key) => {
            Note::Expired { segment, capability }
        }
        note => note,
    };
    for findings in findings {
        report.segments += 1;
        report.bytes += findings.bytes;
        report.captures += findings.captures;
        report.unreadable += findings.unreadable;
        for (sites, captures) in findings.other_sites {
            *report.other_sites.entry(sites).or_default() += captures;
        }
        report.opened += findings.opened;
        report.faults.extend(findings.faults);
        report.notes.extend(findings.notes.into_iter().map(expired));
    }
    let unopened = report.notes.iter().filter(|note| matches!(note, Note::Unopened { .. })).count();
    if keys.is_some() && report.opened == 0 && unopened > 0 {
        report.faults.push(Fault::NothingOpens { sections: unopened });
    }
    Ok(report)
}

/// What the journals claim.
fn read_journals(
    vault: &OpeningVault,
    layout: &Layout,
    keys: Option<&OpeningKeys>,
    report: &mut CheckReport,
) -> Result<Claims, OpenError> {
    let mut claims = Claims::read(vault, layout, keys)?;
    report.journals = claims.journals.len() as u64;
    report.notes.extend(claims.interrupted.drain(..).map(|journal| Note::Interrupted { journal }));
    report.faults.append(&mut claims.faults);
    report.verified.append(&mut claims.verified);
    Ok(claims)
}

#[derive(Default)]
struct Findings {
    bytes: u64,
    captures: u64,
    unreadable: u64,
    other_sites: BTreeMap<(String, Option<String>), u64>,
    opened: u64,
    faults: Vec<Fault>,
    notes: Vec<Note>,
}

fn examine_segment(
    vault: &OpeningVault,
    segment: SegmentId,
    claims: Option<&Claims>,
    keys: Option<&OpeningKeys>,
) -> Findings {
    let mut findings = Findings::default();
    let claim = claims.map(|claims| claims.segments.get(&segment));
    if matches!(claim, Some(None)) {
        findings.faults.push(Fault::Unjournalled { segment });
    }
    let mut file = match vault.segment(segment) {
        Ok(file) => file,
        Err(error) => {
            findings.faults.push(Fault::Segment(error));
            return findings;
        }
    };
    findings.bytes = file.header.file_len();
    match trailer(&mut file, keys.is_some()) {
        Ok((computed, stored)) if computed != stored => findings.faults.push(Fault::Damaged { segment }),
        Ok((computed, _)) => {
            if claim.flatten().is_some_and(|claim| claim.trailer != computed) {
                findings.faults.push(Fault::Replaced { segment });
            }
        }
        Err(source) => {
            let path = segment.to_string().into();
            findings.faults.push(Fault::Segment(OpenError::Io { path, source }));
        }
    }
    if let Some(keys) = keys {
        findings.open(&file, keys);
    }
    findings
}

/// So many bytes of segments are held at once by all threads, between hashing and opening them. Of longer ones each section is read
/// again.
const HELD: u64 = 192 << 20;

/// BLAKE3 of all but the last 32 bytes, and those. What is to be opened after that is held, if it is not too long.
fn trailer(file: &mut SegmentFile, to_open: bool) -> io::Result<([u8; 32], [u8; 32])> {
    let len = file.header.file_len();
    if to_open && len <= HELD / rayon::current_num_threads() as u64 {
        let (bytes, stored) = file.hold()?.split_last_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        return Ok((*blake3::hash(bytes).as_bytes(), *stored));
    }
    let file = &mut file.file;
    file.rewind()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.by_ref().take(len - TRAILER_LEN as u64))?;
    let mut stored = [0; TRAILER_LEN];
    file.read_exact(&mut stored)?;
    Ok((*hasher.finalize().as_bytes(), stored))
}

impl Findings {
    /// Opens what the keys open, and compares the sections with each other.
    fn open(&mut self, file: &SegmentFile, keys: &OpeningKeys) {
        let segment = file.header.segment;
        let mut catalogue: HashMap<CaptureId, CatalogueRecord> = HashMap::new();
        let mut has_catalogue = false;
        let mut scenes = None;
        for entry in &file.header.entries {
            let capability = entry.capability;
            let opened = file.section_key(capability, keys);
            let opened = opened.and_then(|key| Ok((file.section_by(capability, &key)?, key)));
            let (mut section, key) = match opened {
                Ok(opened) => opened,
                Err(OpenError::NoKey { capability, bucket, key, .. }) => {
                    self.notes.push(Note::Unopened { segment, capability, bucket, key });
                    continue;
                }
                Err(error) => {
                    self.faults.push(Fault::Segment(error));
                    continue;
                }
            };
            self.opened += 1;
            has_catalogue |= capability == Capability::Catalogue;
            if capability == Capability::Scene {
                scenes = Scenes::open(file, &key);
            }
            let ids: Vec<_> = section.reader.ids().collect();
            for (at, id) in ids.into_iter().enumerate() {
                let contradiction = match capability {
                    Capability::Catalogue => match section.decode::<CatalogueRecord>(at, id) {
                        Ok(record) => {
                            self.captures += 1;
                            self.unreadable += u64::from(record.status == Status::Unreadable);
                            let CatalogueRecord { site, sealed_by, .. } = &record;
                            if let Some(site) = site.as_ref().filter(|_| sealed_by.is_some() && site != sealed_by) {
                                *self.other_sites.entry((site.clone(), sealed_by.clone())).or_default() += 1;
                            }
                            catalogue.insert(id, record).is_some().then_some("two catalogue records")
                        }
                        Err(error) => {
                            self.faults.push(Fault::Segment(error));
                            continue;
                        }
                    },
                    Capability::Scene => match section.decode::<SceneRecord>(at, id) {
                        Ok(_) => match catalogue.get(&id) {
                            None if has_catalogue => Some("a scene without a catalogue record"),
                            Some(record) if record.status == Status::Unreadable => Some("a scene though unreadable"),
                            _ => None,
                        },
                        Err(error) => {
                            self.faults.push(Fault::Segment(error));
                            continue;
                        }
                    },
                    Capability::Identity => match section.decode::<IdentityRecord>(at, id) {
                        Ok(record) => match catalogue.get(&id) {
                            None if has_catalogue => Some("an identity without a catalogue record"),
                            _ => not_restorable(&record, id, scenes.as_mut()),
                        },
                        Err(error) => {
                            self.faults.push(Fault::Segment(error));
                            continue;
                        }
                    },
                };
                self.faults.extend(contradiction.map(|what| Fault::Contradiction { segment, id, what }));
            }
            if let Err(source) = section.reader.check_padding() {
                self.faults.push(Fault::Segment(OpenError::Section { segment, capability, source }));
            }
        }
    }
}

/// A segment's scenes, from which originals are restored.
struct Scenes {
    section: Section,
    places: HashMap<CaptureId, usize>,
}

impl Scenes {
    /// `None` when this key does not open them.
    fn open(file: &SegmentFile, key: &SectionKey) -> Option<Self> {
        let section = file.section_by(Capability::Scene, key).ok()?;
        let places = section.reader.ids().zip(0..).collect();
        Some(Self { section, places })
    }

    fn scene(&mut self, id: CaptureId) -> Option<SceneRecord> {
        self.section.decode(*self.places.get(&id)?, id).ok()
    }
}

/// What speaks against restoring the original of `record`. Nothing does where the scene that it takes cannot be opened:
/// that is told by itself.
fn not_restorable(record: &IdentityRecord, id: CaptureId, scenes: Option<&mut Scenes>) -> Option<&'static str> {
    let scene = if needs_scene(record.method) { scenes?.scene(id) } else { None };
    let scene = scene.as_ref().map(|scene| scene.file.as_slice());
    match restore(record.method, scene, &record.removed, &record.blake3) {
        // By a later version, which knows the method.
        Ok(_) | Err(RestoreError::UnknownMethod(_)) => None,
        Err(RestoreError::Digest) => Some("the original's hash does not match"),
        Err(RestoreError::NoScene) => Some("an original that needs its scene, and no scene"),
        Err(RestoreError::Spliced(_)) => Some("the original cannot be restored from the scene"),
    }
}

/// Names everything in the folder that no vault has there.
fn find_strangers(layout: &Layout, kind: VaultKind, report: &mut CheckReport) -> Result<(), OpenError> {
    let site = [Layout::CARD, Layout::LOCK, Layout::SEGMENTS, Layout::JOURNALS, Layout::TOMBSTONES, Layout::INCOMING];
    let export = [Layout::CARD, Layout::SEGMENTS, Layout::MANIFEST];
    let top = match kind {
        VaultKind::Site => site.as_slice(),
        VaultKind::Export => &export,
    };
    // A link is the vault's nowhere.
    let is_link = |name: &str| layout.root().join(name).is_symlink();
    for name in names(layout.root())?.into_iter().filter(|name| !top.contains(&name.as_str()) || is_link(name)) {
        report.faults.push(Fault::Stranger { path: name.into() });
    }
    let is_segment = |name: &str| SegmentId::parse(name).is_some_and(|id| id.to_string() == name);
    let folders = [
        (Layout::SEGMENTS, layout.segments()),
        (Layout::JOURNALS, layout.journals()),
        (Layout::TOMBSTONES, layout.tombstones()),
    ];
    for (folder, path) in folders {
        for name in names(&path)?.into_iter().filter(|name| !is_segment(name)) {
            report.faults.push(Fault::Stranger { path: Path::new(folder).join(name) });
        }
    }
    Ok(())
}

/// Sorted names; a folder that is not there has none.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, OpenError> {
    let failed = |source| OpenError::Io { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<io::Result<_>>().map_err(failed)?;
    names.sort_unstable();
    Ok(names)
}
