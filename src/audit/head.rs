//! What the log was when it was last written: its size, its hash, the time and the keyring's generation, beside the keyring and
//! not among its files.
//!
//! So a log that was removed, moved away or replaced by an older one is noticed at once, an older keyring too, and a clock that
//! leaps as well: the machine counts the seconds since it started, which nobody sets, and a clock that ran faster than these was
//! set. It is sealed under a key of the keyring. Whoever puts back the whole custody folder puts this back too: only a checkpoint
//! kept elsewhere shows that.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::entry::Day;
use super::note::Checkpoint;
use super::spent::Spent;
use super::tree::Hash;
use crate::custody::AuditKey;
use crate::files;
use crate::seal::{CustodyId, SUITE};
use crate::vault::Uptime;

const MAGIC: &[u8; 8] = b"SLHED\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 12;
const CONTEXT: &[u8] = b"safelight v1 audit head\0";

/// The file's name in the custody folder.
pub(super) const FILE_NAME: &str = "log-head";

/// A clock may be set right by so much between two looks.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(15);
/// How far a clock is put back by what is nobody's doing: summer time, a time zone.
const BACK: SignedDuration = SignedDuration::from_hours(24);
/// Beyond so many days without a word, a clock is to be confirmed even where nothing contradicts it.
const SILENCE: SignedDuration = SignedDuration::from_hours(24 * 45);

/// What was last written.
#[derive(Clone, Copy, Encode, Decode)]
#[cbor(map)]
pub(super) struct Head {
    #[n(0)]
    pub size: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub root: Hash,
    /// The last time that nothing contradicted, in milliseconds since 1970 UTC.
    #[n(2)]
    pub time: i64,
    /// Which start of the machine that was.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub boot: Option<[u8; 16]>,
    /// And how many milliseconds after it.
    #[n(4)]
    pub since_boot: i64,
    /// The day on which the log began anew, or this file was lost.
    #[n(5)]
    pub anew: Option<Day>,
    /// The hash of the log that the keyring knew of when it was found gone, which is on record.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub lost: Option<Hash>,
    /// The latest generation of the keyring that is known.
    #[n(7)]
    pub keyring: Option<u64>,
}

/// What became of the file.
pub(super) enum Found {
    /// With what its log's last day has spent, where that is kept.
    Head(Head, Option<Spent>),
    Missing,
    Altered,
}

/// The clock is ahead of all that is known, or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leap {
    /// What the clock says.
    pub now: Timestamp,
    /// The last time that the log knows of.
    pub last: Timestamp,
    /// What the clock should say, by the machine's own count of seconds; `None` where it was started since.
    pub expected: Option<Timestamp>,
}

impl Head {
    pub fn of(checkpoint: Checkpoint, now: Timestamp, uptime: Option<Uptime>, anew: Option<Day>) -> Self {
        let Checkpoint { size, root } = checkpoint;
        let (boot, since_boot) = uptime.map_or((None, 0), |uptime| (Some(uptime.boot), uptime.milliseconds));
        Self { size, root, time: now.as_millisecond(), boot, since_boot, anew, lost: None, keyring: None }
    }

    /// The file beside the log in `folder`.
    pub fn read(folder: &Path, wrap: &AuditKey, custody: CustodyId) -> std::io::Result<Found> {
        let bytes = match files::read(&path_beside(folder), files::MAX_NOTE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let sealed = bytes.split_first_chunk::<HEAD_LEN>().filter(|(head, _)| **head == head_bytes());
        let plain = sealed.and_then(|(head, sealed)| {
            cobblestone::decrypt(&cipher(wrap), &[CONTEXT, &custody.0, head].concat(), sealed).ok()
        });
        let read = |plain: Vec<u8>| {
            let mut decoder = minicbor::Decoder::new(&plain);
            // An earlier version wrote nothing behind the former.
            Some(Found::Head(decoder.decode().ok()?, decoder.decode().ok()))
        };
        Ok(plain.and_then(read).unwrap_or(Found::Altered))
    }

    /// Whether these bytes may be such a file, by their beginning and their length: what anybody can tell without a key.
    pub fn may_be(bytes: &[u8]) -> bool {
        /// Size, hash and time at least.
        const LEAST: u64 = 40;
        let sealed = bytes.split_first_chunk::<HEAD_LEN>().filter(|(head, _)| **head == head_bytes());
        let plain = sealed.and_then(|(_, sealed)| cobblestone::plaintext_size(sealed.len() as u64).ok());
        plain.is_some_and(|plain| plain >= LEAST)
    }

    /// The file's bytes.
    pub fn to_bytes(self, spent: Option<&Spent>, wrap: &AuditKey, custody: CustodyId) -> Vec<u8> {
        let head = head_bytes();
        let mut plain = minicbor::to_vec(self).expect("memory takes every write");
        if let Some(spent) = spent {
            minicbor::encode(spent, &mut plain).expect("memory takes every write");
        }
        let context = [CONTEXT, &custody.0, &head].concat();
        let sealed = cobblestone::encrypt(&cipher(wrap), &context, &plain).expect("a head is no petabyte");
        [head.as_slice(), &sealed].concat()
    }

    /// Whether the clock is further than anything explains.
    pub fn leap(&self, now: Timestamp, uptime: Option<Uptime>) -> Option<Leap> {
        let last = Timestamp::from_millisecond(self.time).unwrap_or(Timestamp::MIN);
        let same = uptime.filter(|uptime| self.boot == Some(uptime.boot) && uptime.milliseconds >= self.since_boot);
        let (expected, bound) = match same {
            Some(uptime) => {
                let since = SignedDuration::from_millis(uptime.milliseconds - self.since_boot);
                let expected = last.checked_add(since).unwrap_or(Timestamp::MAX);
                (Some(expected), expected.checked_add(TOLERANCE))
            }
            None => (None, last.checked_add(SILENCE)),
        };
        let behind = last.checked_sub(BACK).unwrap_or(Timestamp::MIN);
        (now > bound.unwrap_or(Timestamp::MAX) || now < behind).then_some(Leap { now, last, expected })
    }
}

/// Where it is beside the log in `folder`.
pub(super) fn path_beside(folder: &Path) -> std::path::PathBuf {
    folder.parent().unwrap_or(Path::new("")).join(FILE_NAME)
}

fn cipher(wrap: &AuditKey) -> cobblestone::Key256 {
    let key = Zeroizing::new(blake3::derive_key("safelight v1 audit head", wrap.expose()));
    cobblestone::Key256::from_bytes(&key)
}

fn head_bytes() -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    head[..8].copy_from_slice(MAGIC);
    head[8..10].copy_from_slice(&VERSION.to_le_bytes());
    head[10..].copy_from_slice(&SUITE.to_le_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_faster_than_the_machine_leaps_and_one_that_is_put_right_does_not() {
        let start: Timestamp = "2026-11-02T08:00:00Z".parse().expect("a time");
        let minutes = |minutes: i64| start + SignedDuration::from_mins(minutes);
        let up = |boot: u8, minutes: i64| Some(Uptime { boot: [boot; 16], milliseconds: minutes * 60_000 });
        let head = Head::of(Checkpoint { size: 1, root: [0; 32] }, start, up(1, 100), None);
        assert_eq!(head.leap(minutes(60), up(1, 160)), None);
        assert_eq!(head.leap(minutes(70), up(1, 160)), None);
        assert_eq!(head.leap(minutes(-600), up(1, 160)), None);
        let day = 24 * 60;
        let leap = head.leap(minutes(day), up(1, 160)).expect("a leap");
        assert_eq!((leap.last, leap.expected), (start, Some(minutes(60))));
        // After another start the machine cannot tell, for some time.
        assert_eq!(head.leap(minutes(day), up(2, 5)), None);
        assert_eq!(head.leap(minutes(44 * day), None), None);
        assert!(head.leap(minutes(46 * day), None).is_some());
        // Back into a month whose budget is another one.
        assert_eq!(head.leap(minutes(-day), None), None);
        for uptime in [None, up(1, 160), up(2, 5)] {
            let leap = head.leap(minutes(-day - 1), uptime).expect("a leap");
            assert_eq!((leap.now, leap.last), (minutes(-day - 1), start));
        }
    }

    #[test]
    fn any_altered_byte_is_noticed() {
        let (wrap, custody) = (AuditKey::from_bytes(&[7; 32]), CustodyId([3; 16]));
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("audit");
        assert!(matches!(Head::read(&log, &wrap, custody), Ok(Found::Missing)));
        let head = Head::of(Checkpoint { size: 9, root: [4; 32] }, Timestamp::UNIX_EPOCH, None, Some(20_000));
        let bytes = head.to_bytes(None, &wrap, custody);
        let read = |bytes: &[u8]| {
            std::fs::write(path_beside(&log), bytes).expect("written");
            Head::read(&log, &wrap, custody).expect("read")
        };
        let Found::Head(back, None) = read(&bytes) else { panic!("it does not open") };
        assert_eq!((back.size, back.root, back.time, back.anew), (9, [4; 32], 0, Some(20_000)));
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(matches!(read(&altered), Found::Altered), "byte {at}");
            assert!(matches!(read(&bytes[..at]), Found::Altered), "cut at {at}");
        }
    }
}
