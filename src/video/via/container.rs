//! Which containers `ffmpeg` is told to read and to write: told and not guessed, so that no file can make it open others.

use std::ffi::OsStr;
use std::path::Path;

use super::ViaError;

/// How the container of a video is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    pub(super) demuxer: &'static str,
    pub(super) muxer: &'static str,
}

impl Container {
    /// Whether a copy may have this name.
    pub fn takes(out: &Path) -> bool {
        muxer(out).is_ok()
    }

    /// What a copy's name may end in.
    pub(super) const ENDINGS: &'static str = "mp4, m4v, mov, mkv, avi, ts, mts, m2ts, flv and 3gp";

    /// The container of a video of this `kind`, as [`Kind::sniff`](crate::frame::Kind::sniff) names it, and of its copy at `out`.
    ///
    /// # Errors
    ///
    /// When it is not known to be read, or no copy be written, safely.
    pub fn of(kind: &str, out: &Path) -> Result<Self, ViaError> {
        let demuxer = demuxer(kind)?;
        let muxer = muxer(out)?;
        Ok(Self { demuxer, muxer })
    }
}

/// What reads a video of this `kind`.
pub(super) fn demuxer(kind: &str) -> Result<&'static str, ViaError> {
    Ok(match kind {
        "MP4 or QuickTime" | "QuickTime" => "mov",
        "Matroska or WebM" => "matroska",
        "AVI" => "avi",
        "MPEG transport stream" => "mpegts",
        "MPEG" => "mpeg",
        "Windows Media" => "asf",
        "Flash" => "flv",
        _ => return Err(ViaError::Container(kind.to_owned())),
    })
}

/// What writes a copy of this name.
fn muxer(out: &Path) -> Result<&'static str, ViaError> {
    let ending = out.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).unwrap_or_default();
    Ok(match ending.as_str() {
        "mp4" | "m4v" => "mp4",
        "mov" | "qt" => "mov",
        "mkv" => "matroska",
        "avi" => "avi",
        "ts" | "mts" | "m2ts" => "mpegts",
        "flv" => "flv",
        "3gp" => "3gp",
        _ => return Err(ViaError::Ending),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_containers_are_read_and_written() {
        assert_eq!(
            Container::of("MP4 or QuickTime", Path::new("a.MP4")).expect("known"),
            Container { demuxer: "mov", muxer: "mp4" }
        );
        assert!(matches!(Container::of("Ogg", Path::new("a.mp4")), Err(ViaError::Container(_))));
        assert!(matches!(Container::of("Windows Media", Path::new("a.wmv")), Err(ViaError::Ending)));
    }
}
