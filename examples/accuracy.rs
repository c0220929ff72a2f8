//! Measures the eyes on pictures with truth: what they find, cover, leak, read and imagine, and how long they take.
//!
//!     cargo run --release --example accuracy -- ../shared/data/plates-dev/truth-eu.jsonl
//!
//! Pictures lie beside the truth file. Definitions are those of `tools/score.py`: *detected* at IoU ≥ 0.5, *covered*
//! when ≥ 98 % of the truth is blanked, *leaked* when < 50 % is, *read* when the text of a region with IoU ≥ 0.3 is the
//! truth's, *false* when a region touches no truth. Intervals are Wilson's at 95 %. One thread.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use safelight::capture::{PlateText, Region, RegionKind};
use safelight::frame::{Frame, GrayPlane, Limits, LumaSource};
use safelight::geometry::{PixelRect, Rect, Size};
use safelight::redact::redaction_area;
use safelight::vision::{NetFiles, Nets};
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
    /// Cover the boxes without the product's margins.
    #[arg(long)]
    tight: bool,
}

#[derive(Deserialize)]
struct Picture {
    path: String,
    regions: Vec<Truth>,
    #[serde(default)]
    ignore: Vec<[f32; 4]>,
}

#[derive(Deserialize)]
struct Truth {
    kind: String,
    #[serde(rename = "box")]
    bounds: [f32; 4],
    text: Option<String>,
}

fn rect([x, y, w, h]: [f32; 4]) -> Rect {
    Rect::new(x, y, w, h)
}

#[derive(Default)]
struct Tally {
    images: u32,
    truths: u32,
    detected: u32,
    covered: u32,
    leaked: u32,
    readable: u32,
    read: u32,
    imagined: u32,
}

impl Tally {
    fn add(&mut self, kind: RegionKind, picture: &Picture, found: &[Region], blanked: &[Rect]) {
        let found: Vec<&Region> = found.iter().filter(|region| region.kind == kind).collect();
        let truths: Vec<&Truth> = picture.regions.iter().filter(|truth| truth.kind == kind.name()).collect();
        self.images += 1;
        for truth in &truths {
            let bounds = rect(truth.bounds);
            let covered = coverage(bounds, blanked);
            self.truths += 1;
            self.detected += u32::from(found.iter().any(|r| r.bounds.iou(bounds) >= 0.5));
            self.covered += u32::from(covered >= 0.98);
            self.leaked += u32::from(covered < 0.5);
            if let Some(text) = truth.text.as_deref().and_then(PlateText::canonical) {
                self.readable += 1;
                let right = |region: &&&Region| {
                    region.bounds.iou(bounds) >= 0.3
                        && region.reading.as_ref().is_some_and(|reading| reading.candidates[0].text == text)
                };
                self.read += u32::from(found.iter().any(|region| right(&region)));
            }
        }
        let known: Vec<Rect> =
            truths.iter().map(|t| rect(t.bounds)).chain(picture.ignore.iter().map(|b| rect(*b))).collect();
        self.imagined += found.iter().filter(|r| known.iter().all(|k| k.overlap(r.bounds) <= 0.0)).count() as u32;
    }

    fn print(&self, kind: RegionKind) {
        if self.truths + self.imagined == 0 {
            return;
        }
        println!("  {}: {} in {} images", kind.name(), self.truths, self.images);
        for (name, n, of) in [
            ("detected", self.detected, self.truths),
            ("covered", self.covered, self.truths),
            ("leaked", self.leaked, self.truths),
            ("read", self.read, self.readable),
        ] {
            if of > 0 {
                let (low, high) = wilson(n, of);
                let percent = 100.0 * f64::from(n) / f64::from(of);
                println!("    {name:9} {n:5}/{of:<5} {percent:6.1} %   [{:.1}, {:.1}]", 100.0 * low, 100.0 * high);
            }
        }
        println!("    false     {:.2} an image", f64::from(self.imagined) / f64::from(self.images));
    }
}

fn wilson(n: u32, of: u32) -> (f64, f64) {
    let (n, of, z) = (f64::from(n), f64::from(of), 1.96);
    let p = n / of;
    let d = 1.0 + z * z / of;
    let centre = p + z * z / (2.0 * of);
    let spread = z * (p * (1.0 - p) / of + z * z / (4.0 * of * of)).sqrt();
    ((centre - spread) / d, (centre + spread) / d)
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

/// A source that knows how long it was asked.
struct Timed<'f> {
    frame: &'f Frame,
    spent: Cell<Duration>,
}

impl Timed<'_> {
    fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.spent.set(self.spent.get() + start.elapsed());
        result
    }
}

impl LumaSource for Timed<'_> {
    fn size(&self) -> Size {
        self.frame.size()
    }

    fn reduced(&self, denominator: u32) -> Cow<'_, GrayPlane> {
        self.time(|| self.frame.reduced(denominator))
    }

    fn crop(&self, area: PixelRect) -> GrayPlane {
        self.time(|| self.frame.crop(area))
    }
}

fn measure(arguments: &Arguments, nets: &Nets, truth: &Path) -> Result<(), Box<dyn Error>> {
    let folder = match &arguments.images {
        Some(folder) => folder,
        None => truth.parent().ok_or("the truth file has no folder")?,
    };
    let mut eyes = nets.eyes();
    let (mut plates, mut faces) = (Tally::default(), Tally::default());
    let (mut decoding, mut asking, mut looking) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for line in std::fs::read_to_string(truth)?.lines().filter(|line| !line.trim().is_empty()) {
        let picture: Picture = serde_json::from_str(line)?;
        let file = std::fs::read(folder.join(&picture.path))?;
        let start = Instant::now();
        let frame = Frame::decode(&file, &Limits::default())?;
        decoding += start.elapsed();
        let source = Timed { frame: &frame, spent: Cell::default() };
        let start = Instant::now();
        let found = eyes.look(&source);
        looking += start.elapsed() - source.spent.get();
        asking += source.spent.get();
        let blank = |region: &Region| {
            let wide = nets.margins().widen(region.kind, region.bounds);
            redaction_area(wide, &frame).map(PixelRect::rect)
        };
        let blanked: Vec<Rect> = if arguments.tight {
            found.iter().map(|region| region.bounds).collect()
        } else {
            found.iter().filter_map(blank).collect()
        };
        plates.add(RegionKind::Plate, &picture, &found, &blanked);
        faces.add(RegionKind::Face, &picture, &found, &blanked);
    }
    println!("{}", truth.display());
    plates.print(RegionKind::Plate);
    faces.print(RegionKind::Face);
    let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(plates.images.max(1));
    println!("  ms an image: decode {:.2}, luma {:.2}, eyes {:.2}", each(decoding), each(asking), each(looking));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let nets = match &arguments.models {
        Some(folder) => Nets::parse(&NetFiles::NAMES.try_map(|name| std::fs::read(folder.join(name)))?)?,
        None => Nets::builtin(),
    };
    for truth in &arguments.truths {
        measure(&arguments, &nets, truth)?;
    }
    Ok(())
}
