//! Whatever pictures come out of a store: what do our own eyes see on them, as they are and sharpened?

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use image::{DynamicImage, GenericImageView};
use rayon::prelude::*;

use super::carve::{self, Format};
use super::evidence::{self, Evidence, Game, Sample};
use super::keys::{LootKeys, Opened};
use super::loot::{Loot, StolenFile};
use super::randomness::fisher;
use super::scan::Carved;
use super::score::{OpenedCopy, Scorer, StoreKind, Target, by_time, spread};
use super::truth::{KnownCapture, Truth};
use crate::capture::{Region, RegionKind};
use crate::frame::{Frame, Limits, Upright};
use crate::geometry::Rect;
use crate::vault::StraySegment;
use crate::vision::{Eyes, Nets};
use crate::words::count as counted;

/// A face is seen when a detection covers this much of both.
const OVERLAP: f32 = 0.35;

/// What is looked for at all: smaller ones tell nobody anything.
const MIN_HEIGHT: f32 = 12.0;

/// One capture's picture as it came out, and what is known to be on it.
struct Exposed<'t> {
    /// A file that decodes.
    picture: Vec<u8>,
    known: &'t KnownCapture,
    /// Width of the photograph, in whose pixels the truth is; `None` when the picture has it still.
    width: Option<u32>,
    /// Whether something was done to it that sharpening may undo.
    blurred: bool,
}

/// Where pictures to look at come from.
pub(super) struct Pictures<'a> {
    /// Carved out of the loot.
    pub carved: Vec<Carved>,
    /// Originals and redacted pictures that keys of the loot open.
    pub opened: Vec<Opened>,
    /// Those keys.
    pub keys: &'a LootKeys,
    /// Copies whose recipients' keys lie in the loot.
    pub copies: &'a [OpenedCopy<'a>],
}

/// Looks at some of the pictures; where a truth says what they show, success is measured by it.
pub(super) fn play(
    target: &Target<'_>,
    loot: &Loot,
    truth: Option<&Truth>,
    from: &Pictures<'_>,
    scorer: Option<&Scorer<'_>>,
    (nets, captures): (&Nets, usize),
) -> (Evidence, Vec<Sample>) {
    let sealed = target.kind == StoreKind::Other;
    let mut exposed = match truth {
        None => Vec::new(),
        Some(truth) if !sealed => pictures(target, loot, truth, captures),
        Some(truth) => {
            let mut exposed = named(loot, &from.carved, truth, captures);
            exposed.extend(originals(loot, from, truth, captures - exposed.len()));
            exposed
        }
    };
    let granted = sealed && exposed.is_empty();
    if let (Some(truth), Some(scorer), true) = (truth, scorer, granted && from.carved.is_empty()) {
        exposed = scenes(from.copies, truth, scorer, captures);
    }
    if exposed.is_empty() {
        return match truth {
            Some(truth) if from.carved.is_empty() && from.opened.is_empty() => {
                let about = "no picture comes out to look at".to_owned();
                let known = spread(truth.captures.len(), captures).map(|i| truth.captures[i].regions.len() as u64);
                let game = Game { won: 0, tried: known.sum(), chance: 0.0, p: 1.0, granted: false, about };
                (Evidence::Game(game), Vec::new())
            }
            _ => seen(loot, from, nets, captures),
        };
    }
    let seen: Vec<Seen> = exposed.par_iter().map_init(|| nets.eyes(), |eyes, exposed| look(eyes, exposed)).collect();
    let mut all = Seen::default();
    seen.iter().for_each(|seen| all.add(seen));
    let (won, tried) = (all.plates_read + all.faces_seen, all.plates + all.faces);
    let p = fisher(won, tried, all.decoys_seen, tried);
    let chance = all.decoys_seen as f64 / tried.max(1) as f64;
    let about = format!(
        "{} of {} read, {} of {} found on {}",
        all.plates_read,
        counted(all.plates, "plate"),
        all.faces_seen,
        counted(all.faces, "face"),
        counted(exposed.len() as u64, "picture")
    );
    (Evidence::Game(Game { won, tried, chance, p, granted, about }), Vec::new())
}

/// What the eyes are sure of, on pictures of which nothing is known.
fn seen(loot: &Loot, from: &Pictures<'_>, nets: &Nets, captures: usize) -> (Evidence, Vec<Sample>) {
    /// Less sure finds are blanked by `ingest`, too, and prove nothing here.
    const SURE: f32 = 0.5;
    let carved = from.carved.len();
    // Whatever came out, by whichever attack.
    let bytes = |i: usize| match from.carved.get(i) {
        Some(carved) => {
            loot.files[carved.file].open().and_then(|mut file| file.read_at(carved.offset, carved.len)).ok()
        }
        None => Some(from.keys.picture(loot, &from.opened[i - carved])?.0),
    };
    let pictures = carved + from.opened.len();
    let chosen: Vec<usize> = spread(pictures, captures).collect();
    let look = |eyes: &mut Eyes, i: &usize| {
        let found = bytes(*i).map(|file| regions(eyes, &file)).unwrap_or_default();
        let sure = |region: &&Region| region.score >= SURE;
        let faces = found.iter().filter(sure).filter(|region| region.kind == RegionKind::Face).count() as u64;
        let readings = found.iter().filter_map(|region| region.reading.as_ref()?.candidates.first());
        let plates = readings.filter(|candidate| candidate.probability >= SURE);
        (faces, plates.map(|candidate| candidate.text.expose().to_owned()).collect::<Vec<_>>())
    };
    let looked: Vec<(u64, Vec<String>)> = chosen.par_iter().map_init(|| nets.eyes(), look).collect();
    let faces = looked.iter().map(|(faces, _)| faces).sum();
    // Who has the key to a redacted picture may see what the eyes had missed on it; an original shows all.
    let redacted = |i: usize| i.checked_sub(carved).is_some_and(|i| !from.opened[i].original);
    let mut finds = chosen.iter().zip(&looked).filter(|(_, (faces, plates))| *faces > 0 || !plates.is_empty());
    let granted = finds.all(|(&i, _)| redacted(i)) && !from.opened.is_empty();
    // What keys of the loot opened is counted and never shown: it would be a look without an entry in any log.
    let open = chosen.iter().zip(&looked).filter(|(i, _)| **i < carved);
    let shown: BTreeSet<String> = open.flat_map(|(_, (_, plates))| plates.clone()).collect();
    let plates: BTreeSet<String> = looked.into_iter().flat_map(|(_, plates)| plates).collect();
    let evidence = evidence::Seen {
        pictures: pictures as u64,
        looked_at: chosen.len() as u64,
        plates: plates.len() as u64,
        faces,
        granted,
    };
    (Evidence::Seen(evidence), shown.into_iter().map(Sample::Text).collect())
}

/// Photographs of the truth by the names of their files, where no other has that name.
fn by_name(truth: &Truth) -> HashMap<&str, &KnownCapture> {
    let mut names: HashMap<&str, Option<&KnownCapture>> = HashMap::new();
    for capture in &truth.captures {
        let name = capture.path.rsplit('/').next().unwrap_or_default();
        names.entry(name).and_modify(|known| *known = None).or_insert(Some(capture));
    }
    names.into_iter().filter_map(|(name, capture)| Some((name, capture?))).collect()
}

/// Originals that keys open, and that were sealed under the name of one photograph of the truth.
fn originals<'t>(loot: &Loot, from: &Pictures<'_>, truth: &'t Truth, captures: usize) -> Vec<Exposed<'t>> {
    let names = by_name(truth);
    let originals: Vec<&Opened> = from.opened.iter().filter(|opened| opened.original).collect();
    let exposed = |i: usize| {
        let (picture, name) = from.keys.picture(loot, originals[i])?;
        let name = name.rsplit(|&b| b == b'/').next().unwrap_or_default();
        let known = names.get(std::str::from_utf8(name).ok()?)?;
        Some(Exposed { picture, known, width: None, blurred: false })
    };
    let chosen: Vec<usize> = spread(originals.len(), captures).collect();
    chosen.into_par_iter().filter_map(exposed).collect()
}

/// Carved files that bear the name of one photograph of the truth, whole.
fn named<'t>(loot: &Loot, carved: &[Carved], truth: &'t Truth, captures: usize) -> Vec<Exposed<'t>> {
    let names = by_name(truth);
    let whole = carved.iter().filter(|carved| carved.offset == 0).filter_map(|carved| {
        let file = &loot.files[carved.file];
        Some((file, *names.get(std::str::from_utf8(base_name(file)).ok()?)?))
    });
    let whole: Vec<_> = whole.collect();
    let exposed = |i: usize| {
        let (file, known) = whole[i];
        let picture = file.open().and_then(|mut open| open.read_at(0, file.len)).ok()?;
        Some(Exposed { picture, known, width: None, blurred: false })
    };
    spread(whole.len(), captures).filter_map(exposed).collect()
}

/// The pictures of a baseline; of the naive one, what its metadata still holds.
fn pictures<'t>(target: &Target<'_>, loot: &Loot, truth: &'t Truth, captures: usize) -> Vec<Exposed<'t>> {
    let files: HashMap<&[u8], &StolenFile> = loot.files.iter().map(|file| (base_name(file), file)).collect();
    let exposed = |i: usize| {
        let file = files.get(target.names.get(i)?.as_bytes())?;
        let bytes = file.open().and_then(|mut open| open.read_at(0, file.len)).ok()?;
        let known = &truth.captures[i];
        if target.kind == StoreKind::Plain {
            return Some(Exposed { picture: bytes, known, width: None, blurred: false });
        }
        let inner = carve::signatures(&bytes).into_iter().find(|s| s.format == Format::Jpeg && s.at > 0)?;
        let carve::Extent::Bytes(len) = carve::extent(Format::Jpeg, &bytes[inner.at..]) else { return None };
        let width = image::ImageReader::new(std::io::Cursor::new(&bytes)).with_guessed_format().ok()?;
        let (width, _) = width.into_dimensions().ok()?;
        Some(Exposed { picture: bytes[inner.at..inner.at + len].to_vec(), known, width: Some(width), blurred: true })
    };
    let chosen: Vec<usize> = spread(truth.captures.len(), captures).collect();
    chosen.into_par_iter().filter_map(exposed).collect()
}

fn base_name(file: &StolenFile) -> &[u8] {
    file.name.rsplit(|&b| b == b'/').next().unwrap_or_default()
}

/// The scenes of copies whose recipient's key is in the loot.
fn scenes<'t>(copies: &[OpenedCopy<'_>], truth: &'t Truth, scorer: &Scorer<'_>, captures: usize) -> Vec<Exposed<'t>> {
    let (home, times) = (scorer.home(), by_time(truth));
    let mut exposed = Vec::new();
    for copy in copies {
        let wanted: HashMap<[u8; 16], &KnownCapture> = copy
            .records
            .iter()
            .filter_map(|record| {
                let at = home.get(&scorer.origin(record)?)?.captured_at?;
                Some((record.id, &truth.captures[*times.get(&at)?]))
            })
            .collect();
        for path in segments(&copy.root) {
            let Ok(segment) = StraySegment::open(&path) else { continue };
            let _ = segment.scenes(copy.keys, |scene| {
                if exposed.len() < captures
                    && let Some(&known) = wanted.get(&scene.id)
                {
                    exposed.push(Exposed { picture: scene.file, known, width: None, blurred: true });
                }
            });
        }
    }
    exposed
}

fn segments(root: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(root.join("segments")).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[derive(Default)]
struct Seen {
    plates: u64,
    plates_read: u64,
    faces: u64,
    faces_seen: u64,
    /// What would have been seen at the mirror image of each place: chance.
    decoys_seen: u64,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.plates += other.plates;
        self.plates_read += other.plates_read;
        self.faces += other.faces;
        self.faces_seen += other.faces_seen;
        self.decoys_seen += other.decoys_seen;
    }
}

fn look(eyes: &mut Eyes, exposed: &Exposed<'_>) -> Seen {
    let mut seen = Seen::default();
    let Ok(picture) = image::load_from_memory(&exposed.picture) else { return seen };
    let (width, _) = picture.dimensions();
    let scale = exposed.width.map_or(1.0, |full| width as f32 / full as f32);
    let mut found = regions(eyes, &exposed.picture);
    // A naive way back from blur: raise what is left of the high frequencies.
    if exposed.blurred {
        found.extend(sharpened(&picture).map(|file| regions(eyes, &file)).unwrap_or_default());
    }

    let reads: HashSet<&str> =
        found.iter().filter_map(|r| r.reading.as_ref()?.candidates.first()).map(|c| c.text.expose()).collect();
    let at = |bounds: Rect| {
        let hit = |region: &&Region| region.kind == RegionKind::Face && overlap(region.bounds, bounds) >= OVERLAP;
        found.iter().any(|region| hit(&region))
    };
    for region in &exposed.known.regions {
        let bounds = region.bounds.scaled(scale);
        if bounds.h < MIN_HEIGHT * scale.min(1.0) {
            continue;
        }
        match (&region.text, region.kind) {
            (Some(text), RegionKind::Plate) => {
                seen.plates += 1;
                seen.plates_read += u64::from(reads.contains(text.expose()));
            }
            (_, RegionKind::Face) => {
                seen.faces += 1;
                seen.faces_seen += u64::from(at(bounds));
                let mirrored = Rect::new(width as f32 - bounds.right(), bounds.y, bounds.w, bounds.h);
                let clear = exposed.known.regions.iter().all(|r| overlap(r.bounds.scaled(scale), mirrored) < 0.05);
                seen.decoys_seen += u64::from(clear && at(mirrored));
            }
            _ => {}
        }
    }
    seen
}

fn regions(eyes: &mut Eyes, file: &[u8]) -> Vec<Region> {
    let Ok(frame) = Frame::decode(file, &Limits::default()) else { return Vec::new() };
    let upright = Upright::new(&frame);
    let found = eyes.find(&upright);
    found.into_iter().map(|found| eyes.read(&upright, found)).collect()
}

fn sharpened(picture: &DynamicImage) -> Option<Vec<u8>> {
    let luma = picture.to_luma8();
    let soft = DynamicImage::ImageLuma8(luma.clone()).fast_blur(3.0).to_luma8();
    let (width, height) = (u16::try_from(luma.width()).ok()?, u16::try_from(luma.height()).ok()?);
    let raise = |(&sharp, &soft): (&u8, &u8)| (3 * i16::from(sharp) - 2 * i16::from(soft)).clamp(0, 255) as u8;
    let pixels: Vec<u8> = luma.as_raw().iter().zip(soft.as_raw()).map(raise).collect();
    let mut file = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut file, 92);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Luma).ok()?;
    Some(file)
}

/// Intersection over union.
fn overlap(a: Rect, b: Rect) -> f32 {
    let w = (a.right().min(b.right()) - a.x.max(b.x)).max(0.0);
    let h = (a.y + a.h).min(b.y + b.h) - a.y.max(b.y);
    let both = w * h.max(0.0);
    both / (a.area() + b.area() - both).max(1e-6)
}
