//! One pass over the loot: every window goes once through carving, metadata, text, known secrets and statistics.
//!
//! Owns the pass, the merging of its parts and the samples taken from them. Order never depends on the threads.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::battery;
use super::carve::{self, Extent, Format};
use super::evidence::{Evidence, Metadata, Pictures, Randomness, SIGNIFICANCE, Sample, Text};
use super::exif::Exif;
use super::known::Needles;
use super::loot::{Loot, OVERLAP, OpenLoot, StolenFile, Window};
use super::plates::{self, Words};
use super::randomness::{self, Tally};
use super::text::{self, HashLike, Written};
use crate::vault::{FileKind, Header};

/// Bytes after a window that are read too, so that a signature at its end is whole.
const AHEAD: u64 = 16;

/// A picture is followed this far before it is decoded as it stands.
const MAX_PICTURE: u64 = 32 << 20;

/// EXIF fits one JPEG segment; other containers rarely hold more.
const MAX_METADATA: u64 = 128 << 10;

/// Bytes for one test of randomness: small enough that one photograph among many ciphertexts shows, large enough that
/// few bytes of a header do not.
const TEST_BLOCK: usize = 64 << 10;

/// 16-byte blocks remembered to find repetitions; 16 MiB of memory.
const MAX_BLOCKS: u64 = 1 << 20;

/// Files up to this length that are not text may be nothing but a column of raw digests.
const MAX_RAW_FILE: u64 = 16 << 10;

/// Raw values taken from all such files together.
const MAX_RAW_VALUES: usize = 1 << 18;

/// Longest readable sample in characters.
const MAX_SAMPLE: usize = 160;

/// Everything ready for the pass.
pub struct Scanner<'a> {
    loot: &'a Loot,
    needles: &'a Needles,
    plates: plates::Reader,
    /// One 16-byte block in this many is remembered, chosen by its content, so that equal blocks meet.
    thinning: u64,
    /// By file, how many bytes at its start and end are a segment's public frame.
    frames: Vec<(u64, u64)>,
}

/// A picture that decodes.
#[derive(Clone, Copy)]
pub struct Carved {
    /// Index into [`Loot::files`].
    pub file: usize,
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    format: Format,
}

/// A test of randomness.
struct Tested {
    file: usize,
    name: &'static str,
    p: f64,
}

/// What one window yields.
#[derive(Default)]
struct Part {
    carved: Vec<Carved>,
    signatures: u64,
    metadata: Metadata,
    places: Vec<String>,
    text: Text,
    runs: Vec<(bool, String)>,
    words: Words,
    hashes: HashSet<HashLike>,
    tested: Vec<Tested>,
    tally: Tally,
    /// 16-byte blocks with the files that hold them.
    blocks: Vec<(u128, usize)>,
}

/// What the pass over all files yields.
pub struct Scan {
    carved: Vec<Carved>,
    signatures: u64,
    bytes: u64,
    /// Figures of the metadata.
    pub metadata: Metadata,
    places: Vec<String>,
    /// Figures of the text.
    pub text: Text,
    runs: Vec<(bool, String)>,
    /// By file.
    words: BTreeMap<usize, Words>,
    /// Values that look like hashes, sorted.
    pub hashes: BTreeSet<HashLike>,
    tested: Vec<Tested>,
    tallies: BTreeMap<usize, Tally>,
    blocks: Vec<(u128, usize)>,
    framing_bytes: u64,
    /// Windows that could not be read.
    pub unreadable: u64,
}

impl<'a> Scanner<'a> {
    /// A scanner over `loot` that searches `needles`.
    pub fn new(loot: &'a Loot, needles: &'a Needles) -> Self {
        let thinning = (loot.bytes() / 16).div_ceil(MAX_BLOCKS).max(1);
        let plates = plates::Reader::default();
        Self { loot, needles, plates, thinning, frames: loot.files.par_iter().map(frame).collect() }
    }

    /// Examines every window; `progress` hears bytes done and bytes in all.
    pub fn run(&self, progress: &(dyn Fn(u64, u64) + Sync)) -> Scan {
        let (total, done) = (self.loot.bytes(), AtomicU64::new(0));
        let parts: Vec<(Window, io::Result<Part>)> = self
            .loot
            .windows()
            .into_par_iter()
            .map(|window| {
                let part = self.examine(window);
                progress(done.fetch_add(window.len, Ordering::Relaxed) + window.len, total);
                (window, part)
            })
            .collect();
        let mut scan = Scan {
            carved: Vec::new(),
            signatures: 0,
            bytes: total,
            metadata: Metadata::default(),
            places: Vec::new(),
            text: Text { by_chance: text::runs_by_chance(total), ..Text::default() },
            runs: Vec::new(),
            words: BTreeMap::new(),
            hashes: BTreeSet::new(),
            tested: Vec::new(),
            tallies: BTreeMap::new(),
            blocks: Vec::new(),
            framing_bytes: self.frames.iter().map(|f| f.0 + f.1).sum(),
            unreadable: 0,
        };
        for (window, part) in parts {
            match part {
                Ok(part) => scan.add(window, part),
                Err(_) => scan.unreadable += 1,
            }
        }
        scan.blocks.sort_unstable();
        scan.text.plates = scan.words.values().flat_map(Words::plates).collect::<HashSet<_>>().len() as u64;
        scan
    }

    fn examine(&self, window: Window) -> io::Result<Part> {
        let stolen = &self.loot.files[window.file];
        let mut file = stolen.open()?;
        let back = OVERLAP.max(self.needles.longest() as u64).min(window.offset);
        let start = window.offset - back;
        let buffer = file.read_at(start, back + window.len + AHEAD)?;
        let back = back as usize;
        let end = buffer.len().min(back + window.len as usize);
        let (seen, fresh) = (&buffer[..end], &buffer[back.min(end)..end]);
        let mut part = Part::default();
        // What readable bytes there say nothing: tables and pixels of pictures.
        let mut unreadable = carve::huffman_tables(&buffer);

        self.needles.search(seen, back);
        for signature in carve::signatures(&buffer).into_iter().filter(|s| (back..end).contains(&s.at)) {
            part.signatures += 1;
            let at = start + signature.at as u64;
            let rest = Rest { buffer: &buffer[signature.at..], at, file_len: stolen.len };
            if let Some(len) = rest.picture(signature.format, &mut file)? {
                let picture = &buffer[signature.at..(signature.at + len as usize).min(buffer.len())];
                let pixels = carve::pixels(signature.format, picture);
                unreadable.extend(pixels.into_iter().map(|r| r.start + signature.at..r.end + signature.at));
                part.carved.push(Carved { file: window.file, offset: at, len, format: signature.format });
            }
            if signature.format == Format::Tiff {
                rest.metadata(&mut file, &mut part)?;
            }
        }
        self.read_text(seen, back, &unreadable, &mut part);
        if stolen.kind.is_none()
            && stolen.len <= MAX_RAW_FILE
            && part.carved.is_empty()
            && part.text.bytes * 2 < stolen.len
        {
            let raw = |w: &[u8]| HashLike { bytes: w.to_vec(), written: Written::Raw };
            part.hashes.extend(fresh.windows(16).map(raw));
        }

        let fresh = self.unframed(window, fresh);
        for block in fresh.chunks(TEST_BLOCK) {
            let mut tally = Tally::default();
            tally.add(block);
            part.tally.merge(&tally);
            let outcomes = battery::run(block, &tally).into_iter().flatten();
            part.tested.extend(outcomes.map(|(name, p)| Tested { file: window.file, name, p }));
        }
        for block in fresh.chunks_exact(16) {
            let value = u128::from_le_bytes(block.try_into().unwrap_or_default());
            // Fibonacci hashing of both halves: choice by content, whatever bytes vary.
            let mixed = (value as u64 ^ (value >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            if mixed.is_multiple_of(self.thinning) {
                part.blocks.push((value, window.file));
            }
        }
        repeated_at_most_twice(&mut part.blocks);
        Ok(part)
    }

    /// The part of a window that is neither a segment's header nor its trailer: sealed, so that it must look random.
    fn unframed<'b>(&self, window: Window, fresh: &'b [u8]) -> &'b [u8] {
        let (head, tail) = self.frames[window.file];
        let end = (self.loot.files[window.file].len - tail).saturating_sub(window.offset).min(fresh.len() as u64);
        let start = head.saturating_sub(window.offset).min(end);
        &fresh[start as usize..end as usize]
    }

    fn read_text(&self, seen: &[u8], from: usize, unreadable: &[Range<usize>], part: &mut Part) {
        let hidden =
            |span: &Range<usize>| unreadable.iter().any(|range| range.start <= span.start && span.end <= range.end);
        for span in text::runs_of(seen, from, plates::MIN_RUN).into_iter().filter(|span| !hidden(span)) {
            self.plates.read(&seen[span], &mut part.words);
        }
        // Wide characters are no runs of readable bytes; what they say is read all the same.
        for run in text::wide_runs(seen, from, plates::MIN_RUN) {
            self.plates.read(&run, &mut part.words);
            part.hashes.extend(text::hash_likes(&run));
            let content = text::classify(&run);
            part.text.json += content.json;
            part.text.rows += content.rows;
            part.keep(&run, content);
        }
        for span in text::runs(seen, from).into_iter().filter(|span| !hidden(span)) {
            let run = &seen[span];
            // The part of a run that an earlier window has counted serves as context for tokens only.
            part.hashes.extend(text::hash_likes(run));
            let content = text::classify(run);
            part.text.runs += 1;
            part.text.bytes += run.len() as u64;
            part.text.json += content.json;
            part.text.rows += content.rows;
            part.keep(run, content);
        }
    }
}

impl Part {
    /// A few of the texts, as samples.
    fn keep(&mut self, run: &[u8], content: text::Content) {
        if self.runs.len() < 4 {
            let shown: String = String::from_utf8_lossy(run).chars().take(MAX_SAMPLE).collect();
            self.runs.push((content.json + content.rows > 0, shown));
        }
    }
}

/// Sorts blocks and keeps of each no more than two, which show that it is repeated: a file of zeros takes no memory.
fn repeated_at_most_twice(blocks: &mut Vec<(u128, usize)>) {
    blocks.sort_unstable();
    let mut last = [None, None];
    blocks.retain(|block| {
        let fits = last != [Some(*block); 2];
        if fits {
            last = [last[1], Some(*block)];
        }
        fits
    });
    blocks.shrink_to_fit();
}

/// Lengths of what is public structure at a file's start and end, known to everybody: a segment's header and trailer, a
/// manifest's head; files of ours that are not sealed at all, such as a site pack, whole.
fn frame(file: &StolenFile) -> (u64, u64) {
    // BLAKE3, see docs/vault-format.md.
    const TRAILER: u64 = 32;
    const MANIFEST_HEAD: u64 = 1212;
    let start = file.open().and_then(|mut f| f.read_at(0, Header::MAX_LEN as u64)).unwrap_or_default();
    match file.kind {
        Some(FileKind::Segment) => {
            let header = Header::from_bytes(&start).ok().filter(|h| h.file_len() == file.len);
            let sealed = header.and_then(|h| h.entries.iter().map(|e| e.offset).min());
            sealed.map_or((0, 0), |offset| (offset, TRAILER))
        }
        Some(FileKind::Manifest) => (MANIFEST_HEAD.min(file.len), 0),
        Some(_) => (file.len, 0),
        None => (0, 0),
    }
}

/// The bytes from a signature on, as many as the buffer has, and the way to more.
struct Rest<'a> {
    buffer: &'a [u8],
    at: u64,
    file_len: u64,
}

impl Rest<'_> {
    fn is_whole(&self) -> bool {
        self.at + self.buffer.len() as u64 >= self.file_len
    }

    /// Length of the picture that begins here, when it decodes.
    fn picture(&self, format: Format, file: &mut OpenLoot) -> io::Result<Option<u64>> {
        let decoded = |bytes: &[u8]| carve::decode(format, bytes).map(|_| bytes.len() as u64);
        match carve::extent(format, self.buffer) {
            Extent::Not => Ok(None),
            Extent::Bytes(len) if format != Format::Tiff || self.is_whole() => Ok(decoded(&self.buffer[..len])),
            // Nothing more to read: a cut picture may still show most of itself.
            Extent::Beyond if self.is_whole() => Ok(decoded(self.buffer)),
            _ => {
                let more = file.read_at(self.at, MAX_PICTURE)?;
                Ok(match carve::extent(format, &more) {
                    Extent::Not => None,
                    Extent::Bytes(len) => decoded(&more[..len]),
                    Extent::Beyond => decoded(&more),
                })
            }
        }
    }

    fn metadata(&self, file: &mut OpenLoot, part: &mut Part) -> io::Result<()> {
        let block = if self.is_whole() || self.buffer.len() as u64 >= MAX_METADATA {
            self.buffer[..self.buffer.len().min(MAX_METADATA as usize)].to_vec()
        } else {
            file.read_at(self.at, MAX_METADATA)?
        };
        let Some(exif) = Exif::parse(&block) else { return Ok(()) };
        let thumbnail = exif.thumbnail.and_then(|r| block.get(r));
        let thumbnail = thumbnail.is_some_and(|bytes| carve::decode(Format::Jpeg, bytes).is_some());
        if exif.time.is_none() && exif.position.is_none() && exif.camera.is_none() && !thumbnail {
            return Ok(());
        }
        part.metadata.blocks += 1;
        part.metadata.times += u64::from(exif.time.is_some());
        part.metadata.positions += u64::from(exif.position.is_some());
        part.metadata.thumbnails += u64::from(thumbnail);
        let place = exif.position.map(|(north, east)| format!("{north:.4}, {east:.4}"));
        let said: Vec<String> = [exif.time, place, exif.camera].into_iter().flatten().collect();
        if !said.is_empty() {
            part.places.push(said.join(" · "));
        }
        Ok(())
    }
}

impl Scan {
    fn add(&mut self, window: Window, part: Part) {
        self.carved.extend(part.carved);
        self.signatures += part.signatures;
        for (mine, theirs) in [
            (&mut self.metadata.blocks, part.metadata.blocks),
            (&mut self.metadata.times, part.metadata.times),
            (&mut self.metadata.positions, part.metadata.positions),
            (&mut self.metadata.thumbnails, part.metadata.thumbnails),
            (&mut self.text.runs, part.text.runs),
            (&mut self.text.bytes, part.text.bytes),
            (&mut self.text.json, part.text.json),
            (&mut self.text.rows, part.text.rows),
        ] {
            *mine += theirs;
        }
        self.places.extend(part.places);
        self.runs.extend(part.runs);
        self.words.entry(window.file).or_default().merge(part.words);
        let raw = self.hashes.iter().filter(|h| h.written == Written::Raw).count();
        let room = MAX_RAW_VALUES.saturating_sub(raw);
        let (raw, written): (Vec<HashLike>, Vec<HashLike>) =
            part.hashes.into_iter().partition(|h| h.written == Written::Raw);
        self.hashes.extend(written);
        self.hashes.extend(raw.into_iter().take(room));
        self.tested.extend(part.tested);
        self.tallies.entry(window.file).or_default().merge(&part.tally);
        self.blocks.extend(part.blocks);
    }

    /// Carved pictures with whether each lies inside another one of the same file.
    fn nested(&self) -> Vec<(Carved, bool)> {
        let mut carved = self.carved.clone();
        // Of two at one offset the longer is the outer one.
        carved.sort_by_key(|c| (c.file, c.offset, std::cmp::Reverse(c.len)));
        let mut reach = (usize::MAX, 0);
        let nest = |c: Carved| {
            let inside = reach.0 == c.file && c.offset < reach.1;
            let end = c.offset + c.len;
            reach = (c.file, if inside { reach.1.max(end) } else { end });
            (c, inside)
        };
        carved.into_iter().map(nest).collect()
    }

    /// The files out of which a picture came, by their places.
    pub fn decoded(&self) -> HashSet<usize> {
        self.carved.iter().map(|carved| carved.file).collect()
    }

    /// All pictures carved, inner ones too.
    pub fn carved(&self) -> Vec<Carved> {
        self.nested().into_iter().map(|(carved, _)| carved).collect()
    }

    /// Figures of the carved pictures, with up to `samples` of the outer and as many of the inner ones.
    pub fn pictures(&self, samples: usize, loot: &Loot) -> (Evidence, Vec<Sample>) {
        let by_chance = Format::ALL.iter().map(|f| f.by_chance(self.bytes)).sum();
        let mut figures = Pictures { signatures: self.signatures, by_chance, ..Pictures::default() };
        let mut formats: BTreeMap<Format, u64> = BTreeMap::new();
        let mut kept = Vec::new();
        for (carved, embedded) in self.nested() {
            let count = if embedded { &mut figures.embedded } else { &mut figures.decoded };
            *count += 1;
            if *count <= samples as u64 {
                let stolen = &loot.files[carved.file];
                if let Ok(file) = stolen.open().and_then(|mut f| f.read_at(carved.offset, carved.len)) {
                    kept.push(Sample::Picture { file, format: carved.format, embedded, from: stolen.name.clone() });
                }
            }
            *formats.entry(carved.format).or_default() += 1;
        }
        figures.formats = formats.into_iter().collect();
        (Evidence::Pictures(figures), kept)
    }

    /// Up to `samples` readable runs, tables and JSON before prose.
    pub fn readable(&self, samples: usize) -> Vec<Sample> {
        let mut runs: Vec<&(bool, String)> = self.runs.iter().collect();
        runs.sort_by_key(|(structured, _)| !structured);
        runs.into_iter().take(samples).map(|(_, text)| Sample::Text(text.clone())).collect()
    }

    /// Up to `samples` of what the metadata says.
    pub fn places(&self, samples: usize) -> Vec<Sample> {
        self.places.iter().take(samples).cloned().map(Sample::Text).collect()
    }

    /// Figures of the tests against random bytes.
    pub fn randomness(&self, loot: &Loot) -> Randomness {
        let mut tested: Vec<Tested> = self.tested.iter().map(|t| Tested { ..*t }).collect();
        let mut all = Tally::default();
        let mut untested_bytes = 0;
        for (&file, tally) in &self.tallies {
            all.merge(tally);
            if tally.bytes() < Tally::MIN_BYTES {
                untested_bytes += tally.bytes();
            } else if tally.bytes() > TEST_BLOCK as u64 {
                let outcomes =
                    [("chi-square of bytes", tally.chi_square_p()), ("correlation of bytes", tally.correlation_p())];
                tested.extend(outcomes.map(|(name, p)| Tested { file, name, p }));
            }
        }
        let adjusted = randomness::holm(&tested.iter().map(|t| t.p).collect::<Vec<_>>());
        let failed: Vec<&Tested> =
            tested.iter().zip(&adjusted).filter(|(_, p)| **p < SIGNIFICANCE).map(|(t, _)| t).collect();
        let mut files: BTreeSet<usize> = failed.iter().map(|t| t.file).collect();
        let repeated: Vec<_> = self.blocks.windows(2).filter(|w| w[0].0 == w[1].0).collect();
        files.extend(repeated.iter().flat_map(|w| [w[0].1, w[1].1]));
        // Where nearly everything has structure, names say nothing.
        let mut worst: BTreeMap<&'static str, f64> = BTreeMap::new();
        for (tested, &p) in tested.iter().zip(&adjusted) {
            let worst = worst.entry(tested.name).or_insert(1.0);
            *worst = worst.min(p);
        }
        let named = if files.len() * 2 > loot.files.len() { BTreeSet::new() } else { files };
        Randomness {
            tests: tested.len() as u64,
            structured: failed.len() as u64,
            p: adjusted.iter().copied().fold(1.0, f64::min),
            by_test: worst.into_iter().collect(),
            entropy: all.entropy(),
            repeated_blocks: repeated.len() as u64,
            untested_bytes,
            framing_bytes: self.framing_bytes,
            structured_files: named
                .iter()
                .take(2)
                .map(|&f| String::from_utf8_lossy(&loot.files[f].name).into_owned())
                .collect(),
            more_files: named.len() > 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_remembers_no_block_more_than_twice() {
        let mut blocks: Vec<(u128, usize)> =
            (0..1 << 18).map(|at| (u128::from(at % 3u32), 7)).chain([(9, 7)]).collect();
        repeated_at_most_twice(&mut blocks);
        assert_eq!(blocks, [(0, 7), (0, 7), (1, 7), (1, 7), (2, 7), (2, 7), (9, 7)]);
        assert!(blocks.capacity() < 64);
    }
}
