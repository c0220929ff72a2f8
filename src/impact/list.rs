//! Plain lists of what was taken: names of segments, hashes of their files, ids of captures, in any table or log.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::capture::{CaptureId, from_base32, to_base32};
use crate::files;
use crate::seal::SegmentId;
use crate::vault::{Gaps, OpenError, OpeningVault};

/// What a list names.
#[derive(Default)]
pub(super) struct List {
    /// 128-bit ids: of segments, of captures, of captures in copies.
    pub ids: HashSet<CaptureId>,
    /// 256-bit hashes.
    pub hashes: HashSet<[u8; 32]>,
    /// Hashes of other lengths, by which nothing is known here: MD5, SHA-1 and their like.
    pub others: u64,
}

impl List {
    /// Reads a list; `None` when the file is no text or names nothing. Hashes of other kinds count where there is nothing else: beside
    /// what is known they are of the same files, or marks of something else.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut reader = BufReader::with_capacity(1 << 16, files::open(path)?.0);
        let head = reader.fill_buf()?;
        let plain = |&&byte: &&u8| byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
        if head.iter().filter(plain).count() * 50 < head.len() * 49 {
            return Ok(None);
        }
        let mut list = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            // A line without end is cut: what it names in its first megabyte must do.
            if (&mut reader).take(1 << 20).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            list.line(&line);
        }
        if !list.ids.is_empty() || !list.hashes.is_empty() {
            list.others = 0;
        }
        Ok((!list.ids.is_empty() || !list.hashes.is_empty() || list.others > 0).then_some(list))
    }

    fn line(&mut self, line: &[u8]) {
        for token in line.split(|byte| !byte.is_ascii_alphanumeric()) {
            match token.len() {
                26 => {
                    let id = std::str::from_utf8(token).ok().and_then(from_base32);
                    // Only what is spelt as ids are shown: words of 26 letters are not.
                    let shown = id.filter(|id| to_base32(id).as_bytes().eq_ignore_ascii_case(token));
                    self.ids.extend(shown.map(CaptureId));
                }
                64 => {
                    let hash = HEXLOWER_PERMISSIVE.decode(token).ok();
                    self.hashes.extend(hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok()));
                }
                // MD5, SHA-1, SHA-224, SHA-384 and SHA-512.
                32 | 40 | 56 | 96 | 128 if token.iter().all(u8::is_ascii_hexdigit) => self.others += 1,
                _ => {}
            }
        }
    }

    pub fn extend(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.hashes.extend(other.hashes);
        self.others += other.others;
    }
}

/// The segments of `vault` whose file has one of these hashes: BLAKE3 or SHA-256 of the whole file, or its trailer; and
/// how many of the hashes were some segment's. A segment that cannot be read is a gap: it may be one of them.
pub(super) fn segments_with(
    hashes: &HashSet<[u8; 32]>,
    vault: &OpeningVault,
    present: &HashSet<SegmentId>,
    gaps: &mut Gaps,
) -> Result<(Vec<SegmentId>, usize), OpenError> {
    if hashes.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let mut segments: Vec<SegmentId> = present.iter().copied().collect();
    segments.sort_unstable();
    let hit = |&segment: &SegmentId| -> Result<(SegmentId, usize), OpenError> {
        if hashes.contains(&vault.trailer(segment)?) {
            return Ok((segment, 1));
        }
        let path = vault.path_of(segment);
        let digests = digests(&path).map_err(|source| OpenError::Io { path, source })?;
        Ok((segment, digests.iter().filter(|digest| hashes.contains(*digest)).count()))
    };
    let read: Vec<_> = segments.par_iter().map(hit).collect();
    let mut hits = Vec::with_capacity(read.len());
    for hit in read {
        match hit {
            Ok(hit) => hits.push(hit),
            Err(error) => gaps.add_damage(error),
        }
    }
    let matched = hits.iter().map(|hit| hit.1).sum();
    Ok((hits.into_iter().filter(|hit| hit.1 > 0).map(|hit| hit.0).collect(), matched))
}

/// BLAKE3 and SHA-256 of a file.
fn digests(path: &Path) -> io::Result<[[u8; 32]; 2]> {
    let (mut file, mut blake3, mut sha256) = (files::open(path)?.0, blake3::Hasher::new(), Sha256::new());
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok([*blake3.finalize().as_bytes(), sha256.finalize().into()]);
        }
        blake3.update(&buffer[..read]);
        sha256.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_logs_and_hash_sums_are_read() {
        let id = CaptureId([0xab; 16]);
        let hash = [0x5c; 32];
        let hex = data_encoding::HEXUPPER.encode(&hash);
        let mut list = List::default();
        list.line(format!("GET /backup/segments/{id} 200 35755968\n").as_bytes());
        list.line(format!("{hex}  ./segments/whatever.bin").as_bytes());
        list.line(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ and other words");
        assert_eq!((list.ids.len(), list.hashes.len()), (1, 1));
        assert!(list.ids.contains(&id) && list.hashes.contains(&hash));
    }
}
