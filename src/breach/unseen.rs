//! What nobody here looks into: archives, databases, and pictures of formats that are not decoded, or written as text.
//!
//! Owns how such files are known by their content, and named. That nothing was obtained is said of the others only.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use super::loot::{Loot, StolenFile};
use crate::files;
use crate::frame::Kind;
use crate::pipeline::picture_in;
use crate::words::count;

/// Files of one kind that were not looked into.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unseen {
    /// `archive`, `database`, `document`, `picture`, `text` or `video`.
    pub kind: &'static str,
    /// Which: `SQLite`, `GIF`; of texts, what they hold.
    pub what: String,
    /// How many.
    pub files: u64,
}

/// Databases by what stands where in them.
const DATABASES: [(usize, &[u8], &str); 15] = [
    (0, b"SQLite format 3\0", "SQLite"),
    (4, b"Standard Jet DB", "Access"),
    (4, b"Standard ACE DB", "Access"),
    (0, b"PGDMP", "PostgreSQL"),
    (0, b"PAR1", "Parquet"),
    (0, b"ARROW1", "Arrow"),
    (0, b"FEA1", "Feather"),
    (0, b"Obj\x01", "Avro"),
    (0, b"ORC", "ORC"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"REDIS", "Redis"),
    (16, b"\xde\xc0\xef\xbe", "LMDB"),
    (16, b"\xed\xda\x0c\xed", "bolt"),
    (12, b"\x61\x15\x06\x00", "Berkeley DB"),
    (12, b"\x62\x31\x05\x00", "Berkeley DB"),
];

/// Documents that hold their content in a form of their own.
const DOCUMENTS: [(&[u8], &str); 2] =
    [(b"%PDF", "PDF"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office of before 2007")];

/// What was not looked into. `decoded` are the files, by their places, out of which a picture came.
pub(super) fn of(loot: &Loot, decoded: &HashSet<usize>) -> Vec<Unseen> {
    let named = loot.files.par_iter().enumerate().filter_map(|(at, file)| name(file, decoded.contains(&at)));
    let mut kinds: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for kind in named.collect::<Vec<_>>() {
        *kinds.entry(kind).or_default() += 1;
    }
    kinds.into_iter().map(|((kind, what), files)| Unseen { kind, what, files }).collect()
}

fn name(file: &StolenFile, decoded: bool) -> Option<(&'static str, String)> {
    if file.archive {
        return Some(("archive", String::new()));
    }
    // One that cannot be read is counted as such.
    let head = files::begin(file.path(), Kind::SNIFFED_BYTES as u64).ok().filter(|_| file.kind.is_none())?;
    let begins = |at: usize, sign: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(sign));
    if let Some((.., name)) = DATABASES.iter().find(|(at, sign, _)| begins(*at, sign)) {
        return Some(("database", (*name).to_owned()));
    }
    if let Some((_, name)) = DOCUMENTS.iter().find(|(sign, _)| begins(0, sign)) {
        return Some(("document", (*name).to_owned()));
    }
    // UTF-16 that does not say so.
    let wide = |at: usize| head.len() > 16 && head.iter().take(64).skip(at).step_by(2).all(|byte| *byte == 0);
    match Kind::sniff(&head) {
        Kind::Foreign(name) => Some(("picture", name.to_owned())),
        Kind::Video(name) => Some(("video", name.to_owned())),
        Kind::Image(format) if !decoded => Some(("picture", format!("{format}, not decoded"))),
        Kind::Text => Some(("text", picture_in(file.path()).ok()??.to_owned())),
        Kind::Unknown if wide(0) || wide(1) => Some(("text", picture_in(file.path()).ok()??.to_owned())),
        _ => None,
    }
}

/// `what 1 archive and 2 pictures (GIF) there hold was not looked into`; `None` when all was.
pub(super) fn in_words(unseen: &[Unseen]) -> Option<String> {
    let shown = |Unseen { kind, what, files }: &Unseen| match (*kind, what.as_str()) {
        (_, "") => count(*files, kind),
        ("text", what) => format!("{} with {what}", count(*files, kind)),
        (_, what) => format!("{} ({what})", count(*files, kind)),
    };
    let shown: Vec<String> = unseen.iter().map(shown).collect();
    let (last, before) = shown.split_last()?;
    let list = if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) };
    let holds = if unseen.iter().map(|unseen| unseen.files).sum::<u64>() == 1 { "holds" } else { "hold" };
    Some(format!("what {list} there {holds} was not looked into"))
}
