//! Leaks a frame of films with truth, with and without following what is found from frame to frame.
//!
//!     cargo run --release -- simulate --video 300 --seed 1 --out film-1
//!     cargo run --release --example video_leaks -- film-1 film-2 …
//!
//! A plate or a face leaks where less than half of its box is blanked. Beside what the detector misses by itself, sightings are
//! struck out at random (10 % and 30 % of them), as on frames that are worse than drawn ones.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use safelight::capture::RegionKind;
use safelight::frame::LumaSource;
use safelight::geometry::Rect;
use safelight::pipeline::{Look, Options, TrainedEyes, inspect_one};
use safelight::video::avi::{Kind, Reader};
use safelight::video::mjpeg;
use safelight::video::track::{Sighting, Tracker};
use safelight::vision::Nets;
use serde_json::Value;

/// A frame: its size, what the truth shows on it, and what was found.
struct Frame {
    size: (u32, u32),
    truth: Vec<(RegionKind, Rect)>,
    found: Vec<Sighting>,
}

/// Counted over all frames.
#[derive(Default, Clone, Copy)]
struct Counts {
    frames: u64,
    shown: [u64; 2],
    leaked: [u64; 2],
    blanked: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let nets = Nets::builtin();
    let films = folders.iter().map(|folder| film(folder, &nets)).collect::<Result<Vec<_>, _>>()?;
    println!(
        "| sightings struck out | seconds before and after | leaks a frame | plates leaked | faces leaked | blanked |"
    );
    println!("|--:|--:|--:|--:|--:|--:|");
    for struck in [0.0, 0.1, 0.3] {
        let usual = Tracker::of_rate(25.0);
        let windows = [0, 2, 5, usual.window, 15, 20];
        let mut rows = vec![("none".to_owned(), None)];
        rows.extend(windows.map(|window| {
            let seconds = format!("{:.2}", f64::from(window) / 25.0);
            (seconds, Some(Tracker { window, ..usual }))
        }));
        for (name, tracker) in rows {
            let mut counts = Counts::default();
            for (number, film) in films.iter().enumerate() {
                counts.add(film, struck, tracker, number as u64);
            }
            println!("| {:.0} % | {name} | {}", struck * 100.0, counts.words());
        }
    }
    Ok(())
}

/// Looks at a film.
fn film(folder: &Path, nets: &Nets) -> Result<Vec<Frame>, Box<dyn Error>> {
    let mut truths = HashMap::new();
    for line in fs::read_to_string(folder.join("truth.jsonl"))?.lines() {
        let truth: Value = serde_json::from_str(line)?;
        truths.insert(truth["path"].as_str().unwrap_or_default().to_owned(), truth);
    }
    let mut file = File::open(folder.join("clip.avi"))?;
    let reader = Reader::open(file.try_clone()?)?;
    let is_frame = |stream: usize| matches!(reader.streams()[stream].kind, Kind::Video { .. });
    let chunks: Vec<Vec<u8>> = reader
        .chunks()
        .iter()
        .filter(|chunk| is_frame(chunk.stream()))
        .map(|chunk| chunk.read(&mut file))
        .collect::<Result<_, _>>()?;
    let options = Options::default();
    let looked = chunks.par_iter().enumerate().map(|(number, chunk)| {
        let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(nets)) };
        let picture = mjpeg::fields(chunk).map_err(|error| error.to_string())?[0].file(chunk);
        let (size, found) = inspect_one(&picture, &eyes, &options, |examined| {
            let sighting = |(region, area): (&safelight::capture::Region, &safelight::redact::Area)| {
                Sighting {
                    kind: region.kind,
                    bounds: region.bounds,
                    wide: area.bounds().rect(),
                    // An oval's corners are not counted as blanked where the box is: `covered` looks at the box.
                    oval: false,
                    score: region.score,
                }
            };
            let size = examined.frame.size();
            ((size.width, size.height), examined.regions.iter().zip(&examined.areas).map(sighting).collect())
        })
        .map_err(|error| error.to_string())?;
        let truth = truths.get(&format!("clip.avi#{number:04}")).ok_or("a frame without truth")?;
        Ok::<_, String>(Frame { size, truth: regions(truth), found })
    });
    Ok(looked.collect::<Result<_, _>>()?)
}

fn regions(truth: &Value) -> Vec<(RegionKind, Rect)> {
    let region = |region: &Value| {
        let kind = region["kind"].as_str().and_then(RegionKind::named)?;
        let side = |at: usize| region["box"][at].as_f64().unwrap_or(0.0) as f32;
        // Heads of which no face shows are not counted.
        (kind != RegionKind::Head).then(|| (kind, Rect::new(side(0), side(1), side(2), side(3))))
    };
    truth["regions"].as_array().into_iter().flatten().filter_map(region).collect()
}

impl Counts {
    fn add(&mut self, film: &[Frame], struck: f64, tracker: Option<Tracker>, seed: u64) {
        // Some chance of its own: a multiplicative generator.
        let mut state = 0x9E37_79B9_7F4A_7C15 ^ (seed << 20);
        let mut chance = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31)
        };
        let found: Vec<Vec<Sighting>> =
            film.iter().map(|frame| frame.found.iter().copied().filter(|_| chance() >= struck).collect()).collect();
        let added = tracker.map_or_else(|| vec![Vec::new(); found.len()], |tracker| tracker.added(&found));
        for ((frame, found), added) in film.iter().zip(&found).zip(&added) {
            self.frames += 1;
            let blank: Vec<Rect> = found.iter().chain(added).map(|sighting| sighting.wide).collect();
            let whole = Rect::new(0.0, 0.0, frame.size.0 as f32, frame.size.1 as f32);
            self.blanked += f64::from(covered(whole, &blank, 4.0));
            for (kind, bounds) in &frame.truth {
                let kind = usize::from(*kind == RegionKind::Face);
                self.shown[kind] += 1;
                self.leaked[kind] += u64::from(covered(*bounds, &blank, 1.0) < 0.5);
            }
        }
    }

    fn words(&self) -> String {
        let share = |kind: usize| 100.0 * self.leaked[kind] as f64 / self.shown[kind].max(1) as f64;
        let leaks = (self.leaked[0] + self.leaked[1]) as f64 / self.frames as f64;
        format!(
            "{leaks:.3} | {:.2} % of {} | {:.2} % of {} | {:.2} % |",
            share(0),
            self.shown[0],
            share(1),
            self.shown[1],
            100.0 * self.blanked / self.frames as f64
        )
    }
}

/// The share of `bounds` that lies under the others, by points at this distance.
fn covered(bounds: Rect, others: &[Rect], step: f32) -> f32 {
    let (across, down) = ((bounds.w / step).ceil().max(1.0) as usize, (bounds.h / step).ceil().max(1.0) as usize);
    let mut inside = 0;
    for row in 0..down {
        let y = bounds.y + (row as f32 + 0.5) * bounds.h / down as f32;
        for column in 0..across {
            let x = bounds.x + (column as f32 + 0.5) * bounds.w / across as f32;
            let hit = |r: &Rect| x >= r.x && x < r.right() && y >= r.y && y < r.bottom();
            inside += usize::from(others.iter().any(hit));
        }
    }
    inside as f32 / (across * down) as f32
}
