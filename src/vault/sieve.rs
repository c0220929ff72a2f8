//! Which captures are sealed already, and in which segment: keyed digests only, so that a copy of the journal tells nothing.
//!
//! A name is no proof. A segment that is gone, cut or expired holds nothing; and whoever is about to delete a photograph asks
//! what its segment is like *now*, which is read back once a run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::header::TRAILER_LEN;
use super::layout::Layout;
use super::whole;
use crate::capture::Circumstances;
use crate::custody::{JournalKey, Month};
use crate::seal::{BucketId, SegmentId, secret_key};

/// A keyed digest of an original file. Random to whoever lacks the site's journal key.
pub(super) type Digest = [u8; 16];

secret_key! {
    struct DigestKey
}

/// What tells one capture from all others: the original's bytes, what a table says of it, and its name.
///
/// A camera that hangs sends one picture for three passages: a file with a row of its own is a capture of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    blake3: [u8; 32],
    /// Encoded; empty when no table says anything.
    circumstances: Vec<u8>,
    name: Vec<u8>,
}

impl Origin {
    /// An original's BLAKE3, what its row says, and its name below the source's folder.
    pub fn new(blake3: [u8; 32], row: &Circumstances, name: &[u8]) -> Self {
        let mut circumstances = Vec::new();
        if *row != Circumstances::default() {
            let time = row.captured_at.map(|time| time.as_millisecond().to_le_bytes());
            let words =
                [&row.site, &row.lane, &row.direction, &row.class].map(|word| word.as_deref().map(str::as_bytes));
            for field in [time.as_ref().map(<[u8; 8]>::as_slice)].into_iter().chain(words) {
                match field {
                    None => circumstances.push(0),
                    Some(bytes) => {
                        circumstances.push(1);
                        circumstances.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                        circumstances.extend_from_slice(bytes);
                    }
                }
            }
        }
        Self { blake3, circumstances, name: name.to_owned() }
    }

    /// The same for all files that would be the same capture.
    pub fn capture(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.blake3).update(&self.circumstances);
        if self.has_row() {
            hasher.update(&self.name);
        }
        *hasher.finalize().as_bytes()
    }

    fn has_row(&self) -> bool {
        !self.circumstances.is_empty()
    }
}

/// Whether a photograph may be deleted, as far as the vault can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It is not sealed, or its segment was not what it should be when it was read back, or its original has expired.
    None,
    /// These bytes are sealed under another name, and no table tells whether that was this capture.
    Copy,
    /// These bytes are sealed, by a version that did not note names and circumstances.
    Unnamed,
    /// It is sealed whole, as what could not be examined.
    Unreadable,
    /// It is sealed, and was examined.
    Examined,
}

/// What a digest is of. Only the first was written by the first versions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The bytes.
    Original,
    /// The bytes, the circumstances and the name.
    File,
    /// The bytes of what could not be examined.
    Unreadable,
}

impl Of {
    /// What tells a capture from others: its bytes, or with a row of its own its file.
    fn capture(origin: &Origin) -> Self {
        if origin.has_row() { Self::File } else { Self::Original }
    }
}

/// What a site has sealed, and what lies in memory to be sealed. Cheap to clone; clones share their content.
#[derive(Clone)]
pub struct Sieve {
    shared: Arc<Shared>,
}

struct Shared {
    key: DigestKey,
    layout: Layout,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// By digest, a place in `holders`; [`PENDING`] while no segment has it.
    known: HashMap<Digest, u32>,
    holders: Vec<Arc<Holder>>,
}

const PENDING: u32 = u32::MAX;

/// A segment and what is known of it.
pub(super) struct Holder {
    pub segment: SegmentId,
    pub trailer: [u8; TRAILER_LEN],
    /// It holds nothing that can be opened: missing, damaged, or expired.
    gone: AtomicBool,
    /// Whether the originals' keys are there still, for all that can be known.
    originals: bool,
    /// Whether its writer noted circumstances and names.
    named: bool,
    /// Whether it was read back and is what was committed; asked for when something is to be deleted.
    proven: OnceLock<bool>,
}

impl Holder {
    /// A segment that a journal names, and that is there.
    pub fn found(segment: SegmentId, trailer: [u8; TRAILER_LEN], originals: bool, named: bool) -> Self {
        Self { segment, trailer, gone: AtomicBool::new(false), originals, named, proven: OnceLock::new() }
    }

    /// A segment that a journal names, and that holds nothing any more.
    pub fn gone(segment: SegmentId, trailer: [u8; TRAILER_LEN]) -> Self {
        Self { gone: AtomicBool::new(true), ..Self::found(segment, trailer, false, false) }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Reads it back, once.
    fn is_proven(&self, layout: &Layout) -> bool {
        let proven = *self.proven.get_or_init(|| whole::is_whole(&layout.segment(self.segment), &self.trailer));
        if !proven {
            self.gone.store(true, Ordering::Relaxed);
        }
        proven
    }
}

/// Where a capture is.
enum Place {
    Pending,
    Held(Arc<Holder>),
}

impl Sieve {
    pub(super) fn new(key: &JournalKey, layout: Layout) -> Self {
        let key = DigestKey::from_bytes(&blake3::derive_key("safelight v1 journal digests", key.expose()));
        Self { shared: Arc::new(Shared { key, layout, state: RwLock::default() }) }
    }

    /// Whether the capture is sealed or about to be.
    ///
    /// "About to be" counts so that a duplicate within one run is skipped too; whoever wants to delete a source asks
    /// [`Self::holding`] after [`SealingVault::commit`](super::SealingVault::commit).
    pub fn knows(&self, origin: &Origin) -> bool {
        self.place(origin).is_some()
    }

    /// The same, after reading back the segment that should hold it: for who is about to delete its source.
    pub fn proves(&self, origin: &Origin) -> bool {
        // What was taken out as damaged may be in another segment.
        while let Some(place) = self.place(origin) {
            match place {
                Place::Held(holder) if !holder.is_proven(&self.shared.layout) => {}
                _ => return true,
            }
        }
        false
    }

    /// Whether these bytes are sealed, or about to be, under another name, and no time tells whether that was this capture.
    pub fn is_copy(&self, origin: &Origin) -> bool {
        let named = match self.place(origin) {
            Some(Place::Held(holder)) => holder.named,
            Some(Place::Pending) => true,
            None => false,
        };
        named && !origin.has_row() && self.find(origin, Of::File).is_none()
    }

    /// Whether the capture is sealed, and not merely about to be.
    pub fn is_durable(&self, origin: &Origin) -> bool {
        matches!(self.place(origin), Some(Place::Held(_)))
    }

    /// Whether these bytes are known as what could not be examined.
    pub fn is_unreadable(&self, origin: &Origin) -> bool {
        self.find(origin, Of::Unreadable).is_some()
    }

    /// Whether an earlier segment held the capture, and holds it no more.
    pub fn lost(&self, origin: &Origin) -> bool {
        let digest = self.digest(origin, Of::capture(origin));
        let state = self.shared.state.read().unwrap_or_else(PoisonError::into_inner);
        let holder = state.known.get(&digest).and_then(|&at| state.holders.get(at as usize));
        holder.is_some_and(|holder| holder.is_gone())
    }

    /// Whether these bytes are sealed, or about to be, under other circumstances, and the capture is not. Of what was sealed
    /// with a row and examined, nothing but that row tells.
    pub fn is_in_otherwise(&self, origin: &Origin) -> bool {
        let bytes = || [Of::Original, Of::Unreadable].into_iter().any(|of| self.find(origin, of).is_some());
        !self.knows(origin) && bytes()
    }

    /// What the vault holds of a file, durably, readable by its custodian, and read back in this run.
    pub fn holding(&self, origin: &Origin) -> Holding {
        let held = |place: Option<Place>| match place {
            Some(Place::Held(holder)) => (holder.originals && holder.is_proven(&self.shared.layout)).then_some(holder),
            Some(Place::Pending) | None => None,
        };
        let Some(holder) = held(self.place(origin)) else { return Holding::None };
        let same = held(self.find(origin, Of::File)).is_some();
        match (holder.named, same) {
            (false, _) => Holding::Unnamed,
            (true, false) => Holding::Copy,
            (true, true) if self.is_unreadable(origin) => Holding::Unreadable,
            (true, true) => Holding::Examined,
        }
    }

    /// Takes a capture as about to be sealed, when it is new or `again` says so; then its digests.
    pub(super) fn admit(&self, origin: &Origin, unreadable: bool, again: bool) -> Option<Vec<Digest>> {
        if self.knows(origin) && !again {
            return None;
        }
        let bytes = (!origin.has_row()).then_some(Of::Original);
        let of = [bytes, Some(Of::File), unreadable.then_some(Of::Unreadable)];
        let digests: Vec<Digest> = of.into_iter().flatten().map(|of| self.digest(origin, of)).collect();
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        state.known.extend(digests.iter().map(|&digest| (digest, PENDING)));
        Some(digests)
    }

    /// Notes which segment holds these digests. One that holds something counts more than one that is gone.
    pub(super) fn settle(&self, holder: Holder, digests: &[Digest]) {
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { known, holders } = &mut *state;
        let at = u32::try_from(holders.len()).ok().filter(|&at| at != PENDING).expect("no vault has so many segments");
        let gone = holder.is_gone();
        holders.push(Arc::new(holder));
        for &digest in digests {
            match known.entry(digest) {
                Entry::Vacant(free) => _ = free.insert(at),
                Entry::Occupied(mut taken) if !gone => _ = taken.insert(at),
                Entry::Occupied(_) => {}
            }
        }
    }

    /// Segments that were found damaged when they were read back.
    pub(super) fn disproven(&self) -> Vec<SegmentId> {
        let state = self.shared.state.read().unwrap_or_else(PoisonError::into_inner);
        let disproven = state.holders.iter().filter(|holder| holder.proven.get() == Some(&false));
        disproven.map(|holder| holder.segment).collect()
    }

    /// What stands among a segment's digests to say that its writer noted names and circumstances.
    pub(super) fn mark(&self, segment: SegmentId) -> Digest {
        self.keyed(&[&segment.0, &[4]])
    }

    /// What stands among a segment's digests to say until when its custodian keeps a bucket's key: a bucket's id tells nobody.
    pub(super) fn term(&self, bucket: BucketId, month: Month) -> Digest {
        self.keyed(&[&bucket.0, &[5], &month.number().to_le_bytes()])
    }

    fn place(&self, origin: &Origin) -> Option<Place> {
        let capture = self.find(origin, Of::capture(origin));
        if capture.is_some() || !origin.has_row() {
            return capture;
        }
        // By a version that knew of bytes only.
        self.find(origin, Of::Original).filter(|place| matches!(place, Place::Held(holder) if !holder.named))
    }

    fn find(&self, origin: &Origin, of: Of) -> Option<Place> {
        let digest = self.digest(origin, of);
        // A set of plain bytes stays sound if a thread died holding the lock.
        let state = self.shared.state.read().unwrap_or_else(PoisonError::into_inner);
        match *state.known.get(&digest)? {
            PENDING => Some(Place::Pending),
            at => state.holders.get(at as usize).filter(|holder| !holder.is_gone()).cloned().map(Place::Held),
        }
    }

    fn digest(&self, origin: &Origin, of: Of) -> Digest {
        let Origin { blake3, circumstances, name, .. } = origin;
        match of {
            Of::Original => self.keyed(&[blake3]),
            Of::File => {
                let length = (circumstances.len() as u64).to_le_bytes();
                self.keyed(&[blake3, &[2], &length, circumstances, name])
            }
            Of::Unreadable => self.keyed(&[blake3, &[3]]),
        }
    }

    fn keyed(&self, parts: &[&[u8]]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(self.shared.key.expose());
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes().first_chunk().expect("16 of 32 bytes")
    }
}
