//! What the demo's report tells, and the three lines that matter.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use walkdir::WalkDir;

use super::stage::{SAMPLES, STORES, Stage, Stores};
use crate::breach::{
    self, Algorithm, Assessment, Attack, Evidence, Format, KeyUse, KnownCapture, Sample, Truth, grouped,
};
use crate::capture::RegionKind;
use crate::cli::terminal::{bytes, count};
use crate::geometry::Rect;
use crate::report::{self, Figure, Illustration, Measure, Store, Story};

/// What came of each store.
pub struct Loot {
    /// Photographs named by plate and time.
    pub plain: Assessment,
    /// Blurred photographs and hashed plates.
    pub naive: Assessment,
    /// The vault and the site pack.
    pub vault: Assessment,
    /// The partner's copy.
    pub export: Assessment,
}

/// Everything that the report is made from.
pub struct Robbery<'a> {
    /// The folder.
    pub stage: &'a Stage,
    /// The truth behind the photographs.
    pub truth: &'a Truth,
    /// File names in the baselines.
    pub stores: &'a Stores,
    /// What was found.
    pub loot: Loot,
    /// What came of stores with their keys.
    pub keyed: Vec<Keyed>,
    /// What took how long.
    pub measures: Vec<Measure>,
    /// How many photographs were drawn.
    pub count: u64,
    /// From which seed.
    pub seed: u64,
    /// All of it took this long.
    pub seconds: f64,
}

/// A store stolen together with the keys to it.
pub struct Keyed {
    /// The store.
    pub what: &'static str,
    /// What came of the keys.
    pub used: KeyUse,
}

impl Keyed {
    /// What came of it, in a line.
    pub fn line(&self) -> String {
        format!("{:<21} {}", format!("{}:", self.what), self.yields())
    }

    fn yields(&self) -> String {
        let yields = self.used.yields();
        if yields.is_empty() { "nothing".to_owned() } else { yields }
    }
}

impl Loot {
    fn all(&self) -> [&Assessment; 4] {
        [&self.plain, &self.naive, &self.vault, &self.export]
    }

    /// The three lines that matter.
    pub fn lines(&self) -> [String; 3] {
        let took = |a: &Assessment| match a.took() {
            took if took.is_empty() => "nothing".to_owned(),
            took => took,
        };
        let sealed = match (self.vault.is_breached(), self.export.is_breached()) {
            (false, false) => "nothing".to_owned(),
            _ => format!("BREACHED: vault {}, copy {}", took(&self.vault), took(&self.export)),
        };
        [
            format!("plain folder:         {}", took(&self.plain)),
            format!("blurred and hashed:   {}", took(&self.naive)),
            format!("vault, pack and copy: {sealed}"),
        ]
    }
}

impl Robbery<'_> {
    /// Figures for `--json`.
    pub fn summary(&self) -> Value {
        let store = |(name, a): (&str, &Assessment)| {
            let dictionary = a.finding(Attack::Dictionary).map(|finding| &finding.evidence);
            json!({
                "store": name,
                "breached": a.is_breached(),
                "pictures": a.pictures(),
                "thumbnails": a.thumbnails(),
                "plates": a.plates(),
                "records": a.records(),
                "dictionary": if let Some(Evidence::Dictionary(d)) = dictionary { Some(d) } else { None },
                "bytes": a.bytes,
                "seconds": a.seconds,
            })
        };
        STORES.into_iter().zip(self.loot.all()).map(store).collect()
    }

    /// The report.
    pub fn story(self) -> Story {
        let breached = self.loot.vault.is_breached() || self.loot.export.is_breached();
        let headline = if breached {
            "The vault gave something away: see what was taken below".to_owned()
        } else {
            format!(
                "The same {}, stolen four ways: two stores gave up everyone, the sealed ones nobody",
                count(self.count, "photograph")
            )
        };
        let lead = "In 2019 a contractor of a border agency copied photographs of travellers and plates onto its own \
                    network, and a thief copied them from there. Here the same photographs lie in four stores, a thief \
                    has copied each of them whole, and the same attacks have been run on all four."
            .to_owned();
        let seconds = self.seconds;
        let made = vec![
            ("Made with".to_owned(), format!("safelight demo -n {} --seed {}", self.count, self.seed)),
            ("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            (
                "Machine".to_owned(),
                format!(
                    "{}, {}, {seconds:.1} seconds in all",
                    std::env::consts::ARCH,
                    count(std::thread::available_parallelism().map_or(1, usize::from) as u64, "thread")
                ),
            ),
        ];
        let truth = self.truth;
        let example = self.example();
        let (plain, naive) = (self.plain_view(example), self.naive_view(example));
        let (vault, export) = (self.sealed_view("vault"), self.sealed_view("export"));
        let Self { loot, keyed, measures, .. } = self;
        let store = |name: &str, short: &str, what: &str, view: View, assessment| Store {
            name: name.to_owned(),
            short: short.to_owned(),
            what: what.to_owned(),
            figure: view.figure,
            pair: view.pair,
            listing: view.listing,
            results: breach::results(&assessment, Some(truth)),
            assessment,
        };
        let stores = vec![
            store(
                "Plain folder",
                "Plain",
                "Photographs named by plate and time, as they were in 2019. Nothing has to be attacked.",
                plain,
                loot.plain,
            ),
            store(
                "Blurred and hashed",
                "Blurred",
                "Plates and faces blurred, plates replaced by their MD5. The metadata still holds a thumbnail taken before \
                 the blurring, and plates are few enough to try them all.",
                naive,
                loot.naive,
            ),
            store(
                "Safelight vault",
                "Vault",
                "The whole disk of a site, its site pack included. This picture is drawn from the stolen bytes: one byte, \
                 one pixel.",
                vault,
                loot.vault,
            ),
            store(
                "Safelight copy for a partner",
                "Copy",
                "Redacted pictures under the partner's own pseudonyms, sealed to the partner's key, which the thief does \
                 not have.",
                export,
                loot.export,
            ),
        ];
        Story {
            headline,
            lead,
            note: "Every vehicle and person here is drawn. None exists.".to_owned(),
            stores,
            keyed: keyed.iter().map(|keyed| (keyed.what.to_owned(), keyed.yields())).collect(),
            measures,
            limits: report::limits(),
            made,
        }
    }

    /// The capture that shows best what is at stake: a legible plate and a face, both large and well lit.
    fn example(&self) -> Option<usize> {
        const LOOKED_AT: usize = 16;
        let size = |capture: &KnownCapture| {
            let part = |kind, enough: f32| tallest(capture, kind).map_or(0.0, |r| (r.h / enough).min(1.0));
            part(RegionKind::Plate, 40.0) + part(RegionKind::Face, 60.0)
        };
        let sizes = self.truth.captures.iter().take(SAMPLES).map(size).enumerate();
        let mut largest: Vec<(usize, f32)> = sizes.collect();
        largest.sort_by(|a, b| b.1.total_cmp(&a.1));
        let seen = |&(i, size): &(usize, f32)| {
            let capture = self.truth.captures.get(i)?;
            let file = std::fs::read(self.stage.stolen("plain").join(self.stores.plain.get(i)?)).ok()?;
            let picture = image::load_from_memory(&file).ok()?.to_luma8();
            let contrast = |kind| tallest(capture, kind).map_or(0.0, |r| report::contrast(&picture, r) / 50.0);
            Some((i, size + contrast(RegionKind::Plate).min(1.0) + contrast(RegionKind::Face).min(1.5)))
        };
        let looked_at = largest.iter().take(LOOKED_AT).filter_map(seen);
        looked_at.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
    }

    fn plain_view(&self, example: Option<usize>) -> View {
        let folder = self.stage.stolen("plain");
        let names = self.stores.plain.iter().filter(|n| !n.starts_with("NOPLATE")).take(4).cloned();
        let mut view = View { figure: None, pair: Vec::new(), listing: names.collect() };
        let Some((capture, name)) =
            example.and_then(|i| Some((self.truth.captures.get(i)?, self.stores.plain.get(i)?)))
        else {
            return view;
        };
        let Ok(file) = std::fs::read(folder.join(name)) else { return view };
        view.figure = report::photograph(&file)
            .map(|picture| figure(picture, "A vehicle at a border crossing, its plate in full view", name));
        let detail = |kind, alt: &str, caption: &str| {
            let picture = report::detail_of(&file, tallest(capture, kind)?)?;
            Some(figure(picture, alt, caption))
        };
        let details = [
            detail(RegionKind::Plate, "The plate, legible", "the plate, also in the file's name"),
            detail(RegionKind::Face, "The face, recognisable", "and who sat behind it"),
        ];
        // One alone would stand lopsided.
        view.pair = details.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default();
        view
    }

    fn naive_view(&self, example: Option<usize>) -> View {
        let folder = self.stage.stolen("naive");
        let mut view = View { figure: None, pair: Vec::new(), listing: self.cracked() };
        let Some((capture, name)) =
            example.and_then(|i| Some((self.truth.captures.get(i)?, self.stores.naive.get(i)?)))
        else {
            return view;
        };
        let Ok(file) = std::fs::read(folder.join(name)) else { return view };
        view.figure = report::photograph(&file)
            .map(|picture| figure(picture, "The same photograph with its plate and faces blurred", name));
        let region = closest_look(capture);
        let thumbnail = self.loot.naive.finding(Attack::Pictures).and_then(|f| thumbnail_of(&f.samples, name));
        if let Some(details) = region.zip(thumbnail).and_then(|(r, t)| report::closeup(&file, t, r)) {
            view.pair = vec![
                figure(details.blurred, "A blurred detail of the photograph", "what the tool blurred"),
                figure(details.recovered, "The same detail, recognisable", "what it left in the metadata"),
            ];
        }
        view
    }

    /// Hashes with the plates that they were turned into.
    fn cracked(&self) -> Vec<String> {
        let Some(finding) = self.loot.naive.finding(Attack::Dictionary) else { return Vec::new() };
        let plates =
            finding.samples.iter().filter_map(|s| if let Sample::Text(plate) = s { Some(plate) } else { None });
        let line = |plate: &String| {
            let digest = Algorithm::Md5.digest(plate.as_bytes());
            format!("{}… = {plate}", data_encoding::HEXLOWER.encode(&digest[..12]))
        };
        let mut lines: Vec<String> = plates.take(3).map(line).collect();
        if let Evidence::Dictionary(d) = &finding.evidence {
            lines.push(format!("{} of {} in {:.1} s", grouped(d.recovered), grouped(d.hash_likes), d.seconds));
        }
        lines
    }

    fn sealed_view(&self, store: &str) -> View {
        let root = self.stage.stolen(store);
        let files = files_of(&root);
        let bytes_shown = files.iter().max_by_key(|f| f.1).and_then(|(path, len)| {
            let middle = len.saturating_sub(report::visible_bytes()) / 2;
            report::bytes_as_picture(&read_some(path, middle, report::visible_bytes())?)
        });
        let caption = files.iter().max_by_key(|f| f.1).map_or_else(String::new, |(path, _)| inside(&root, path));
        let picture = bytes_shown.map(|picture| {
            let mut figure = figure(picture, "Grey noise without any structure", &caption);
            figure.is_bytes = true;
            figure
        });
        let mut listing: Vec<String> = files
            .iter()
            .take(4)
            .map(|(path, len)| format!("{:>8}  {}", bytes(*len).to_string(), inside(&root, path)))
            .collect();
        if files.len() > 4 {
            listing.push(format!("{:>8}  and {} more", "", grouped(files.len() as u64 - 4)));
        }
        View { figure: picture, pair: Vec::new(), listing }
    }
}

/// What is shown of one store.
struct View {
    figure: Option<Figure>,
    pair: Vec<Figure>,
    listing: Vec<String>,
}

fn figure(picture: Illustration, alt: &str, caption: &str) -> Figure {
    Figure { picture, alt: alt.to_owned(), caption: caption.to_owned(), is_bytes: false }
}

/// The tallest region of a kind.
fn tallest(capture: &KnownCapture, kind: RegionKind) -> Option<Rect> {
    let regions = capture.regions.iter().filter(|r| r.kind == kind).map(|r| r.bounds);
    regions.max_by(|a, b| a.h.total_cmp(&b.h))
}

/// The region whose detail is shown: the largest face, or else the largest plate.
fn closest_look(capture: &KnownCapture) -> Option<Rect> {
    tallest(capture, RegionKind::Face).or_else(|| tallest(capture, RegionKind::Plate))
}

/// The thumbnail carved out of the stolen file `name`.
fn thumbnail_of<'s>(samples: &'s [Sample], name: &str) -> Option<&'s [u8]> {
    samples.iter().find_map(|sample| match sample {
        Sample::Picture { file, format: Format::Jpeg, embedded: true, from } if from == name.as_bytes() => {
            Some(file.as_slice())
        }
        _ => None,
    })
}

/// Files of a folder with their lengths, sorted by name.
fn files_of(root: &Path) -> Vec<(PathBuf, u64)> {
    let entries = WalkDir::new(root).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files = entries.filter(|e| e.file_type().is_file());
    files.filter_map(|e| Some((e.path().to_owned(), e.metadata().ok()?.len()))).collect()
}

fn inside(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

fn read_some(path: &Path, from: u64, len: u64) -> Option<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
