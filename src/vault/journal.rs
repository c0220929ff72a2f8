//! A site's journal: which segments it has committed and, as keyed digests, which originals they hold.
//!
//! Append-only. Before a segment gets its name, an *intent* with its digests is made durable; after that, *committed*
//! follows. Whatever a crash leaves, the last intent counts if and only if its segment exists.
//!
//! Every frame ends with a hash that chains it to all before, which anybody can verify, and a MAC over that hash, which
//! needs the site's journal key. The number of digests is padded with random ones, which nothing can tell from real ones.

use std::io::{self, Read};

use crate::custody::JournalKey;
use crate::seal::{JournalId, SUITE, SegmentId, VaultId, padme, random, secret_key};

use super::header::TRAILER_LEN;
use super::sieve::Digest;

const MAGIC: &[u8; 8] = b"SLJRN\r\n\x1a";
const VERSION: u16 = 1;
/// Bytes before the first frame.
pub(super) const HEADER_LEN: usize = 8 + 8 + 16 + 16 + HASH_LEN;
const HASH_LEN: usize = 32;
const FRAME_HEAD_LEN: usize = 8 + 16 + TRAILER_LEN;
const FRAME_TAIL_LEN: usize = HASH_LEN + HASH_LEN;
const DIGEST_LEN: usize = 16;
/// An intent shows at least this many digests, so that a small segment shows nothing.
const MIN_DIGESTS: u64 = 64;
/// An intent holds at most this many captures, of which each has two or three digests.
pub(super) const MAX_CAPTURES: usize = 1 << 15;
/// Above every padded number of digests; a frame that claims more is damaged.
const MAX_DIGESTS: usize = 4 * MAX_CAPTURES;

secret_key! {
    pub(super) struct MacKey
}

impl MacKey {
    pub fn new(key: &JournalKey) -> Self {
        Self::from_bytes(&blake3::derive_key("safelight v1 journal frames", key.expose()))
    }
}

/// What a frame says of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is about to get its name. Its digests follow.
    Intent,
    /// It has its name, durably.
    Committed,
    /// It never got its name: the run was interrupted.
    Withdrawn,
    /// It was found without an intent, and accepted.
    Adopted,
}

impl Deed {
    const fn tag(self) -> u32 {
        match self {
            Self::Intent => 1,
            Self::Committed => 2,
            Self::Withdrawn => 3,
            Self::Adopted => 4,
        }
    }

    fn from_tag(tag: u32) -> Option<Self> {
        let deeds = [Self::Intent, Self::Committed, Self::Withdrawn, Self::Adopted];
        deeds.into_iter().find(|deed| deed.tag() == tag)
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub deed: Deed,
    pub segment: SegmentId,
    pub trailer: [u8; TRAILER_LEN],
    /// Real and filling digests alike.
    pub digests: Vec<Digest>,
}

/// A journal cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It is some other file.
    #[error("it is not a journal")]
    NotAJournal,
    /// It was written by a later version.
    #[error("it has format {found}, and this version reads format 1")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It belongs to another vault or bears another's name.
    #[error("it belongs to another vault or site")]
    Foreign,
    /// A frame before the last is altered.
    #[error("it is damaged at byte {at}")]
    Damaged {
        /// Where the frame begins.
        at: u64,
    },
    /// A frame was written without the site's key.
    #[error("its frame at byte {at} was not written with this site's key")]
    Forged {
        /// Where the frame begins.
        at: u64,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Where the readable part ends.
#[derive(Debug)]
pub(super) struct End {
    /// Its length in bytes; 0 when not even the header is there.
    pub len: u64,
    /// Whether something incomplete follows, as an interrupted append leaves it.
    pub torn: bool,
    /// The chain's last hash.
    pub chain: [u8; HASH_LEN],
    /// The last intent, when nothing says what became of it.
    pub pending: Option<(SegmentId, [u8; TRAILER_LEN])>,
    /// The chain's value at the length that was asked for, if a frame ends there.
    pub marked: Option<[u8; HASH_LEN]>,
    /// The segments that it names.
    pub named: Named,
}

/// Segments that a journal names, but for those that never got their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub count: u64,
    /// The newest of them; zeros when there is none.
    pub newest: SegmentId,
    before: SegmentId,
}

impl Named {
    pub const NONE: Self = Self { count: 0, newest: SegmentId([0; 16]), before: SegmentId([0; 16]) };

    pub fn note(&mut self, frame: &Frame) {
        match frame.deed {
            Deed::Intent | Deed::Adopted => {
                *self = Self { count: self.count + 1, newest: frame.segment, before: self.newest };
            }
            Deed::Withdrawn => *self = Self { count: self.count.saturating_sub(1), newest: self.before, ..*self },
            Deed::Committed => {}
        }
    }
}

impl End {
    /// Of a journal that is not there.
    pub fn none() -> Self {
        Self::at(0, false, [0; HASH_LEN])
    }

    fn at(len: u64, torn: bool, chain: [u8; HASH_LEN]) -> Self {
        Self { len, torn, chain, pending: None, marked: None, named: Named::NONE }
    }
}

/// A new journal's header.
pub(super) fn header_bytes(vault: VaultId, journal: JournalId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&SUITE.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&vault.0);
    bytes.extend_from_slice(&journal.0);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// The chain's value after the header.
pub(super) fn first_chain(header: &[u8]) -> [u8; HASH_LEN] {
    *blake3::hash(header).as_bytes()
}

/// Digests padded with random ones, in an order that tells nothing.
pub(super) fn padded(mut digests: Vec<Digest>) -> Vec<Digest> {
    let padded = padme(digests.len() as u64).max(MIN_DIGESTS);
    digests.resize_with(usize::try_from(padded).expect("a frame fits into memory"), random);
    digests.sort_unstable();
    digests
}

impl Frame {
    /// A frame without digests.
    pub fn bare(deed: Deed, segment: SegmentId, trailer: [u8; TRAILER_LEN]) -> Self {
        Self { deed, segment, trailer, digests: Vec::new() }
    }

    /// The frame as stored, after a chain's value `chain`, and the chain's next value.
    pub fn to_bytes(&self, chain: &[u8; HASH_LEN], key: &MacKey) -> (Vec<u8>, [u8; HASH_LEN]) {
        let len = FRAME_HEAD_LEN + DIGEST_LEN * self.digests.len() + FRAME_TAIL_LEN;
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(&self.deed.tag().to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.digests.len()).expect("bounded by MAX_DIGESTS").to_le_bytes());
        bytes.extend_from_slice(&self.segment.0);
        bytes.extend_from_slice(&self.trailer);
        bytes.extend_from_slice(self.digests.as_flattened());
        let next = chained(chain, &bytes);
        bytes.extend_from_slice(&next);
        bytes.extend_from_slice(blake3::keyed_hash(key.expose(), &next).as_bytes());
        (bytes, next)
    }
}

fn chained(chain: &[u8; HASH_LEN], frame: &[u8]) -> [u8; HASH_LEN] {
    *blake3::Hasher::new().update(chain).update(frame).finalize().as_bytes()
}

/// Reads a journal of `len` bytes, frame by frame. With the site's key every frame's MAC is verified too. `mark` is a length at
/// which the chain's value is asked for.
pub(super) fn read(
    mut journal: impl Read,
    len: u64,
    vault: VaultId,
    id: JournalId,
    key: Option<&MacKey>,
    mark: Option<u64>,
    mut visit: impl FnMut(Frame),
) -> Result<End, JournalError> {
    let torn_header = End::at(0, len > 0, [0; HASH_LEN]);
    if len < HEADER_LEN as u64 {
        return Ok(torn_header);
    }
    let mut header = [0; HEADER_LEN];
    journal.read_exact(&mut header)?;
    if len == HEADER_LEN as u64 && header == [0; HEADER_LEN] {
        return Ok(torn_header);
    }
    check_header(&header, vault, id)?;

    let mut end = End::at(HEADER_LEN as u64, false, first_chain(&header));
    end.marked = (mark == Some(end.len)).then_some(end.chain);
    let mut bytes = Vec::new();
    while end.len < len {
        let left = len - end.len;
        match read_frame(&mut journal, left, &end.chain, &mut bytes)? {
            Next::Frame(frame, next, mac) => {
                if let Some(due) = key.map(|key| blake3::keyed_hash(key.expose(), &next)).filter(|due| *due != mac) {
                    let behind = left - bytes.len() as u64;
                    let last = behind == 0 || (frame.digests.is_empty() && is_unsynced(&mut journal, behind)?);
                    if last && is_begun(&mac, due.as_bytes()) {
                        end.torn = true;
                        return Ok(end);
                    }
                    return Err(JournalError::Forged { at: end.len });
                }
                end.pending = (frame.deed == Deed::Intent).then_some((frame.segment, frame.trailer));
                end.chain = next;
                end.len += bytes.len() as u64;
                if mark == Some(end.len) {
                    end.marked = Some(end.chain);
                }
                end.named.note(&frame);
                visit(frame);
            }
            Next::Torn => {
                end.torn = true;
                return Ok(end);
            }
            Next::Damaged => return Err(JournalError::Damaged { at: end.len }),
        }
    }
    Ok(end)
}

fn check_header(header: &[u8; HEADER_LEN], vault: VaultId, id: JournalId) -> Result<(), JournalError> {
    if !header.starts_with(MAGIC) {
        return Err(JournalError::NotAJournal);
    }
    let found = u16::from_le_bytes([header[8], header[9]]);
    if found != VERSION {
        return Err(JournalError::Version { found });
    }
    let (content, hash) = header.split_last_chunk::<HASH_LEN>().ok_or(JournalError::NotAJournal)?;
    if blake3::hash(content) != *hash {
        return Err(JournalError::Damaged { at: 0 });
    }
    if *header != *header_bytes(vault, id) { Err(JournalError::Foreign) } else { Ok(()) }
}

enum Next {
    Frame(Frame, [u8; HASH_LEN], [u8; HASH_LEN]),
    /// Incomplete, and the last thing in the file.
    Torn,
    /// Whole in length but altered, or impossible.
    Damaged,
}

/// A frame without digests, and one with as many as can be.
const SHORTEST: u64 = (FRAME_HEAD_LEN + FRAME_TAIL_LEN) as u64;
const LONGEST: u64 = SHORTEST + (DIGEST_LEN * MAX_DIGESTS) as u64;

/// Whether the `left` bytes of the file behind a frame without digests can be what was appended since the last sync: more
/// of the kind, then at most one intent. Of these a power cut may keep any part, the first and the last alike.
fn is_unsynced(journal: &mut impl Read, mut left: u64) -> io::Result<bool> {
    while left >= SHORTEST {
        let mut head = [0; FRAME_HEAD_LEN];
        journal.read_exact(&mut head)?;
        let [tag, count] = [0, 4].map(|at| u32::from_le_bytes(*head[at..].first_chunk().expect("4 of 56 bytes")));
        let claimed = SHORTEST + DIGEST_LEN as u64 * u64::from(count);
        if Deed::from_tag(tag).is_none() || claimed >= left {
            return Ok(left <= LONGEST);
        }
        if count != 0 {
            return Ok(false);
        }
        io::copy(&mut journal.by_ref().take(FRAME_TAIL_LEN as u64), &mut io::sink())?;
        left -= claimed;
    }
    Ok(true)
}

/// Whether the first bytes of `mac` are those of `due` and zeros follow, as where a sector ends that was never written.
fn is_begun(mac: &[u8; HASH_LEN], due: &[u8; HASH_LEN]) -> bool {
    let written = HASH_LEN - mac.iter().rev().take_while(|&&byte| byte == 0).count();
    mac[..written] == due[..written]
}

/// Reads the next frame into `bytes`; `left` bytes of the file are left.
fn read_frame(journal: &mut impl Read, left: u64, chain: &[u8; 32], bytes: &mut Vec<u8>) -> io::Result<Next> {
    if left < SHORTEST {
        return Ok(Next::Torn);
    }
    bytes.clear();
    bytes.resize(FRAME_HEAD_LEN, 0);
    journal.read_exact(bytes)?;
    let [tag, count] = [0, 4].map(|at| u32::from_le_bytes(*bytes[at..].first_chunk().expect("4 of 56 bytes")));
    let claimed = SHORTEST + DIGEST_LEN as u64 * u64::from(count);
    // An append that was cut short, or whose length became durable before its bytes, reaches to the file's end.
    let broken = if left <= LONGEST { Next::Torn } else { Next::Damaged };
    let Some(deed) = Deed::from_tag(tag).filter(|_| claimed <= left) else { return Ok(broken) };
    bytes.resize(usize::try_from(claimed).map_err(|_| io::ErrorKind::InvalidData)?, 0);
    journal.read_exact(&mut bytes[FRAME_HEAD_LEN..])?;
    let (content, tail) = bytes.split_at(bytes.len() - FRAME_TAIL_LEN);
    let (hash, mac) = tail.split_first_chunk::<HASH_LEN>().expect("32 of 64 bytes");
    let mac = mac.first_chunk::<HASH_LEN>().expect("32 of 32 bytes");
    let next = chained(chain, content);
    if next != *hash {
        let torn = claimed == left || (count == 0 && is_unsynced(journal, left - claimed)?);
        return Ok(if torn { Next::Torn } else { Next::Damaged });
    }
    let (segment, rest) = content[8..].split_first_chunk::<16>().expect("a frame's head");
    let (trailer, digests) = rest.split_first_chunk::<TRAILER_LEN>().expect("a frame's head");
    let frame = Frame {
        deed,
        segment: SegmentId(*segment),
        trailer: *trailer,
        digests: digests.as_chunks::<DIGEST_LEN>().0.to_vec(),
    };
    Ok(Next::Frame(frame, next, *mac))
}
