//! Whether a segment is what was committed: by its header and length at a glance, by its trailer when every byte counts.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::card::Card;
use super::header::{FIXED_LEN, Header, TRAILER_LEN};
use crate::files;
use crate::seal::SegmentId;

/// Reads the header of the segment at `path`, if the file is as long as that says, is that segment of that vault, and ends
/// with `trailer`. What lies between is not looked at.
///
/// # Errors
///
/// When the system does not let it be read, which says nothing about what it holds.
pub(super) fn glance(
    path: &Path,
    card: &Card,
    id: SegmentId,
    trailer: &[u8; TRAILER_LEN],
) -> io::Result<Option<Header>> {
    let look = || -> io::Result<Option<Header>> {
        let (mut file, header) = open(path)?;
        let mut found = [0; TRAILER_LEN];
        file.seek(SeekFrom::End(-(TRAILER_LEN as i64)))?;
        file.read_exact(&mut found)?;
        let right = header.vault == card.vault && header.segment == id && found == *trailer;
        Ok(right.then_some(header))
    };
    // A link is told without the system's number.
    let refused = |error: &io::Error| error.raw_os_error().is_some();
    match look() {
        Err(error) if refused(&error) => Err(error),
        found => Ok(found.ok().flatten()),
    }
}

/// Whether the segment at `path` is as long as its header says and all of its bytes are those whose hash is `trailer`.
pub(super) fn is_whole(path: &Path, trailer: &[u8; TRAILER_LEN]) -> bool {
    let look = || -> io::Result<bool> {
        let (mut file, header) = open(path)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file.by_ref().take(header.file_len() - TRAILER_LEN as u64))?;
        let mut found = [0; TRAILER_LEN];
        file.read_exact(&mut found)?;
        Ok(found == *trailer && *hasher.finalize().as_bytes() == *trailer)
    };
    look().unwrap_or(false)
}

/// The file, at its beginning, and its header, when it is as long as that says.
fn open(path: &Path) -> io::Result<(File, Header)> {
    let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let (mut file, len) = files::open_own(path)?;
    let mut bytes = Vec::with_capacity(Header::MAX_LEN);
    file.by_ref().take(FIXED_LEN as u64).read_to_end(&mut bytes)?;
    let rest = Header::len_from(&bytes).map_err(malformed)? - FIXED_LEN;
    file.by_ref().take(rest as u64).read_to_end(&mut bytes)?;
    let header = Header::from_bytes(&bytes).map_err(malformed)?;
    if len != header.file_len() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    file.rewind()?;
    Ok((file, header))
}
