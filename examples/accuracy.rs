//! Measures the eyes on pictures with truth: what they find, cover, leak, read and imagine.
//!
//!     cargo run --release --example accuracy -- ../shared/data/plates-dev/truth-eu.jsonl
//!
//! Pictures lie beside the truth file. They go the way of `safelight inspect`, on one thread. *Detected*: a region of the
//! kind has an IoU of 0.5 or more with the truth; *covered*: 98 % of the truth or more is blanked; *leaked*: less than
//! half of it is; *read*: the text of a plate with an IoU of 0.3 or more is the truth's; *false*: a region touches no
//! truth of its kind and nothing that is to be ignored; faces and heads are of one kind there. A picture that cannot be examined has nothing found and nothing
//! blanked. Each figure is a share in per cent with Wilson's interval at 95 %.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use safelight::capture::{Effort, PlateText, Region, RegionKind};
use safelight::frame::Frame;
use safelight::geometry::Rect;
use safelight::pipeline::{Examined, Look, Options, Source, SourceImage, Stages, TrainedEyes, inspect};
use safelight::redact::pieces;
use safelight::vision::{NetFiles, Nets, PlateRegion};
use serde::Deserialize;

#[derive(Parser)]
struct Arguments {
    /// Truth files, one image a line.
    #[arg(required = true)]
    truths: Vec<PathBuf>,
    /// Folder with other nets, instead of the built-in ones.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Where the pictures are, when not beside the truth.
    #[arg(long)]
    images: Option<PathBuf>,
    /// Whose plates are expected, parted by commas: us, ca, mx, br, ar, uk, eu.
    #[arg(long, value_delimiter = ',', value_parser = plate_region)]
    plates: Vec<PlateRegion>,
    /// How hard to look: fast, normal or thorough.
    #[arg(long, default_value = "normal", value_parser = effort)]
    effort: Effort,
    /// Blank the boxes without the product's margins.
    #[arg(long)]
    tight: bool,
}

fn plate_region(name: &str) -> Result<PlateRegion, String> {
    let known = |region: &PlateRegion| format!("{region:?}").eq_ignore_ascii_case(name);
    PlateRegion::ALL.into_iter().find(known).ok_or_else(|| "no such region".to_owned())
}

fn effort(name: &str) -> Result<Effort, String> {
    Effort::named(name).ok_or_else(|| "fast, normal or thorough is wanted".to_owned())
}

#[derive(Deserialize)]
struct Picture {
    path: String,
    regions: Vec<Truth>,
    #[serde(default)]
    ignore: Vec<[f32; 4]>,
    /// Drawn pictures have them.
    conditions: Option<Conditions>,
}

#[derive(Deserialize)]
struct Conditions {
    illumination: String,
}

#[derive(Deserialize)]
struct Truth {
    kind: String,
    #[serde(rename = "box")]
    bounds: [f32; 4],
    text: Option<String>,
    /// Monk's scale, 1 to 10.
    skin_tone: Option<u8>,
    /// How far a face is turned to a side, in degrees.
    yaw: Option<f32>,
    /// A plate's corners, from the top left one on.
    quad: Option<[[f32; 2]; 4]>,
}

impl Truth {
    fn bounds(&self) -> Rect {
        rect(self.bounds)
    }
}

fn rect([x, y, w, h]: [f32; 4]) -> Rect {
    Rect::new(x, y, w, h)
}

/// What was made of a picture.
#[derive(Default)]
struct Seen {
    regions: Vec<Region>,
    blanked: Vec<Rect>,
}

/// Regions of one kind that have something in common.
#[derive(Clone, Copy, Default)]
struct Tally {
    truths: u32,
    detected: u32,
    covered: u32,
    leaked: u32,
    readable: u32,
    read: u32,
}

impl Tally {
    fn add(&mut self, truth: &Truth, found: &[&Region], blanked: &[Rect]) {
        let covered = coverage(truth.bounds(), blanked);
        let meets = |least: f32| move |region: &&&Region| region.bounds.iou(truth.bounds()) >= least;
        self.truths += 1;
        self.detected += u32::from(found.iter().any(|region| meets(0.5)(&region)));
        self.covered += u32::from(covered >= 0.98);
        self.leaked += u32::from(covered < 0.5);
        if let Some(text) = truth.text.as_deref().and_then(PlateText::canonical) {
            let says = |region: &&&Region| region.reading.as_ref().is_some_and(|read| read.candidates[0].text == text);
            self.readable += 1;
            self.read += u32::from(found.iter().filter(meets(0.3)).any(|region| says(&region)));
        }
    }

    fn row(&self, name: &str) -> String {
        let shares = [
            share(self.detected, self.truths),
            share(self.covered, self.truths),
            share(self.leaked, self.truths),
            share(self.read, self.readable),
        ];
        format!("  {name:<17} {:>6}  {}", self.truths, shares.join("  ").trim_end())
    }
}

/// All regions of a kind, and its groups by name.
#[derive(Default)]
struct Table {
    all: Tally,
    groups: BTreeMap<(u8, String), Tally>,
    imagined: u32,
}

impl Table {
    fn add(&mut self, kind: RegionKind, picture: &Picture, seen: &Seen) {
        let alike = |other: RegionKind| other == kind || (other.is_person() && kind.is_person());
        let of = |truth: &&Truth| RegionKind::named(&truth.kind).is_some_and(alike);
        // A head of which a face was told is found all the same.
        let told = |region: &&Region| if kind == RegionKind::Head { alike(region.kind) } else { region.kind == kind };
        let found: Vec<&Region> = seen.regions.iter().filter(told).collect();
        let known = picture.regions.iter().filter(of).map(Truth::bounds);
        let known: Vec<Rect> = known.chain(picture.ignore.iter().map(|bounds| rect(*bounds))).collect();
        let truths: Vec<&Truth> = picture.regions.iter().filter(|truth| truth.kind == kind.name()).collect();
        for truth in &truths {
            self.all.add(truth, &found, &seen.blanked);
            for group in groups(kind, picture, truth) {
                self.groups.entry(group).or_default().add(truth, &found, &seen.blanked);
            }
        }
        let imagined =
            |region: &&&Region| region.kind == kind && known.iter().all(|known| known.overlap(region.bounds) <= 0.0);
        self.imagined += found.iter().filter(imagined).count() as u32;
    }

    fn print(&self, kind: RegionKind, images: u32) {
        if self.all.truths + self.imagined == 0 {
            return;
        }
        let columns = ["detected", "covered", "leaked", "read"].map(|name| format!("{name:^19}"));
        println!("  {:<17} {:>6}  {}", format!("{}s", kind.name()), "number", columns.join("  ").trim_end());
        println!("{}", self.all.row("all"));
        for ((_, name), tally) in &self.groups {
            println!("{}", tally.row(name));
        }
        println!("  {} false, {:.3} an image\n", self.imagined, f64::from(self.imagined) / f64::from(images));
    }
}

/// The groups that a region belongs to, in the order of printing.
fn groups(kind: RegionKind, picture: &Picture, truth: &Truth) -> Vec<(u8, String)> {
    let width = truth.bounds[2];
    let bounds: &[f32] = match kind {
        RegionKind::Plate => &[24.0, 48.0, 96.0],
        RegionKind::Face | RegionKind::Head => &[16.0, 24.0, 48.0],
    };
    let above = bounds.iter().filter(|bound| width >= **bound).count();
    let size = match above {
        0 => format!("below {} px wide", bounds[0]),
        _ if above == bounds.len() => format!("from {} px", bounds[above - 1]),
        _ => format!("{} to {} px", bounds[above - 1], bounds[above]),
    };
    let mut groups = vec![(above as u8, size)];
    groups.extend(picture.conditions.iter().map(|conditions| (10, conditions.illumination.clone())));
    groups.extend(truth.skin_tone.map(|tone| match tone {
        ..=3 => (20, "skin tone 1 to 3".to_owned()),
        4..=7 => (21, "skin tone 4 to 7".to_owned()),
        8.. => (22, "skin tone 8 to 10".to_owned()),
    }));
    groups.extend(truth.yaw.map(|yaw| match yaw.abs() {
        ..30.0 => (30, "turned by < 30°".to_owned()),
        ..60.0 => (31, "turned by 30-60°".to_owned()),
        _ => (32, "turned by > 60°".to_owned()),
    }));
    groups.extend(truth.quad.map(|[[x, y], [right, up], ..]| match (up - y).atan2(right - x).to_degrees().abs() {
        ..5.0 => (40, "tilted by < 5°".to_owned()),
        ..15.0 => (41, "tilted by 5-15°".to_owned()),
        _ => (42, "tilted by > 15°".to_owned()),
    }));
    groups
}

/// A share in per cent with its interval.
fn share(n: u32, of: u32) -> String {
    if of == 0 {
        return " ".repeat(19);
    }
    let (low, high) = wilson(n, of);
    let percent = 100.0 * f64::from(n) / f64::from(of);
    format!("{percent:>5.1} [{:>4.1}, {:>5.1}]", 100.0 * low, 100.0 * high)
}

fn wilson(n: u32, of: u32) -> (f64, f64) {
    let (n, of, z) = (f64::from(n), f64::from(of), 1.96);
    let p = n / of;
    let d = 1.0 + z * z / of;
    let centre = p + z * z / (2.0 * of);
    let spread = z * (p * (1.0 - p) / of + z * z / (4.0 * of * of)).sqrt();
    ((centre - spread).max(0.0) / d, (centre + spread) / d)
}

/// Share of `bounds` inside the union of `areas`.
fn coverage(bounds: Rect, areas: &[Rect]) -> f32 {
    let mut xs = vec![bounds.x, bounds.right()];
    let mut ys = vec![bounds.y, bounds.bottom()];
    for area in areas {
        xs.extend([area.x, area.right()].map(|x| x.clamp(bounds.x, bounds.right())));
        ys.extend([area.y, area.bottom()].map(|y| y.clamp(bounds.y, bounds.bottom())));
    }
    xs.sort_by(f32::total_cmp);
    ys.sort_by(f32::total_cmp);
    let mut covered = 0.0;
    for x in xs.windows(2) {
        for y in ys.windows(2) {
            let cell = Rect::new(x[0], y[0], x[1] - x[0], y[1] - y[0]);
            let (cx, cy) = cell.center();
            let inside = |a: &Rect| a.x <= cx && cx <= a.right() && a.y <= cy && cy <= a.bottom();
            if areas.iter().any(inside) {
                covered += cell.area();
            }
        }
    }
    if bounds.area() > 0.0 { covered / bounds.area() } else { 0.0 }
}

/// The product's eyes, and the time that they take.
struct Clocked<'c> {
    eyes: TrainedEyes,
    spent: &'c Mutex<Stages>,
}

impl Look for Clocked<'_> {
    fn look(&mut self, frame: &Frame, stages: &mut Stages) -> safelight::vision::Seen {
        let before = *stages;
        let found = self.eyes.look(frame, stages);
        let mut spent = self.spent.lock().expect("one thread");
        spent.detect += stages.detect - before.detect;
        spent.read_plates += stages.read_plates - before.read_plates;
        found
    }
}

/// Looks at one picture as `inspect` does.
fn look(file: &Path, nets: &Nets, spent: &Mutex<Stages>, tight: bool) -> Result<Seen, Box<dyn Error>> {
    let eyes = || -> Box<dyn Look> { Box::new(Clocked { eyes: TrainedEyes::new(nets), spent }) };
    let options = Options { workers: NonZeroUsize::MIN, ..Options::default() };
    let show = |_: &SourceImage, Examined { regions, areas, .. }: Examined<'_>| {
        let blanked = if tight {
            regions.iter().map(|r| r.bounds).collect()
        } else {
            pieces(&areas).iter().map(|a| a.rect()).collect()
        };
        Seen { regions, blanked }
    };
    let mut seen = Seen::default();
    let mut source = Source::open(file, None)?;
    inspect(&mut source, &eyes, &options, &AtomicBool::new(false), show, |inspected| {
        match inspected.result {
            Ok(found) => seen = found,
            Err(_) => eprintln!("{} cannot be examined", inspected.path.display()),
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    Ok(seen)
}

fn measure(arguments: &Arguments, nets: &Nets, truth: &Path) -> Result<(), Box<dyn Error>> {
    let folder = match &arguments.images {
        Some(folder) => folder,
        None => truth.parent().ok_or("the truth file has no folder")?,
    };
    let (mut tables, mut images) = (RegionKind::ALL.map(|kind| (kind, Table::default())), 0);
    let spent = Mutex::new(Stages::default());
    for line in std::fs::read_to_string(truth)?.lines().filter(|line| !line.trim().is_empty()) {
        let picture: Picture = serde_json::from_str(line)?;
        let seen = look(&folder.join(&picture.path), nets, &spent, arguments.tight)?;
        for (kind, table) in &mut tables {
            table.add(*kind, &picture, &seen);
        }
        images += 1;
    }
    let spent = spent.into_inner()?;
    let each = |time: std::time::Duration| time.as_secs_f64() * 1e3 / f64::from(images.max(1));
    println!(
        "{}: {images} images, {:.2} ms each to find and {:.2} ms to read\n",
        truth.display(),
        each(spent.detect),
        each(spent.read_plates)
    );
    for (kind, table) in &tables {
        table.print(*kind, images);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let nets = match &arguments.models {
        Some(folder) => Nets::parse(&NetFiles::NAMES.try_map(|name| std::fs::read(folder.join(name)))?)?,
        None => Nets::builtin(),
    };
    let nets = nets.expecting(&arguments.plates).with_effort(arguments.effort);
    for truth in &arguments.truths {
        measure(&arguments, &nets, truth)?;
    }
    Ok(())
}
