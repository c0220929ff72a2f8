//! A folder of pictures with their truth.
//!
//! Owns the folder's layout, the order of its lines and the threads that draw. Knows nothing of what is drawn.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::camera::encode::EncodeError;
use super::crops;
use super::picture::{self, Picture};
use super::truth::tenths;
use super::world::{Scenario, World};
use crate::geometry::Size;

/// What to draw.
#[derive(Clone, Debug)]
pub struct Order {
    /// How many pictures.
    pub count: u64,
    /// Decides everything.
    pub seed: u64,
    /// What they are like.
    pub content: Content,
    /// Pixels of each; plates alone come in many sizes.
    pub size: Size,
    /// First day of the six weeks.
    pub start: jiff::civil::Date,
}

/// Whole pictures, or plates alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Whole pictures.
    Pictures(Scenario),
    /// Plates alone with their texts, to train a reader with.
    Plates,
}

/// What was drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Produced {
    /// Pictures.
    pub images: u64,
    /// Plates that are asked for.
    pub plates: u64,
    /// Faces that are asked for.
    pub faces: u64,
    /// Bytes of all pictures.
    pub bytes: u64,
}

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The folder holds something else.
    #[error("{0} is not empty and holds no earlier simulation")]
    Occupied(PathBuf),
    /// A file could not be written or removed.
    #[error("cannot write {path}")]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why it could not.
        source: io::Error,
    },
    /// A picture could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Names a folder as a simulation: `truth.jsonl` stands beside it only once all pictures are there.
const MARK: &str = "simulation.json";
/// The truth.
pub const TRUTH: &str = "truth.jsonl";
/// The manifest.
pub const CAPTURES: &str = "captures.csv";

/// Pictures between two writes of truth and manifest: bounds memory.
const BATCH: u64 = 256;

/// Empties `folder` of an earlier simulation, or makes it; refuses a folder that holds anything else.
pub fn prepare(folder: &Path) -> Result<(), SimulateError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SimulateError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<_>>).map_err(failed(folder))?;
    if entries.is_empty() {
        return Ok(());
    }
    if !folder.join(MARK).is_file() {
        return Err(SimulateError::Occupied(folder.to_owned()));
    }
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let ours = name.starts_with("lane-") || name.starts_with("walk-") || name.starts_with("plates-");
        if ours && path.is_dir() {
            fs::remove_dir_all(&path).map_err(failed(&path))?;
        } else if [TRUTH, CAPTURES].contains(&&*name) {
            fs::remove_file(&path).map_err(failed(&path))?;
        } else if name != MARK {
            return Err(SimulateError::Occupied(folder.to_owned()));
        }
    }
    Ok(())
}

/// Draws `order` into `folder`, which [`prepare`] has readied, on rayon's current pool. `progress` is told after each
/// picture, from any thread.
pub fn produce(order: &Order, folder: &Path, progress: &(dyn Fn() + Sync)) -> Result<Produced, SimulateError> {
    let mut out = Output::begin(order, folder)?;
    let world = match order.content {
        Content::Pictures(scenario) => Some((World::new(order.seed, order.count, scenario, order.start), scenario)),
        Content::Plates => None,
    };
    let mut from = 0;
    while from < order.count {
        let to = (from + BATCH).min(order.count);
        let drawn: Vec<_> = (from..to)
            .into_par_iter()
            .map(|index| {
                let lines = match &world {
                    Some((world, scenario)) => {
                        let picture = picture::draw(world, *scenario, order.size, index, order.seed)?;
                        Lines::of_picture(picture, folder)
                    }
                    None => Lines::of_plate(order.seed, index, folder),
                };
                progress();
                lines
            })
            .collect();
        for lines in drawn {
            out.add(lines?)?;
        }
        from = to;
    }
    out.finish()
}

/// What one picture adds to truth and manifest.
struct Lines {
    truth: String,
    row: Option<super::truth::CaptureRow>,
    plates: u64,
    faces: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct PlateTruth<'a> {
    path: &'a str,
    width: usize,
    height: usize,
    text: &'a str,
    quad: [[f32; 2]; 4],
    regions: [PlateRegion<'a>; 1],
}

#[derive(Serialize)]
struct PlateRegion<'a> {
    kind: &'a str,
    #[serde(rename = "box")]
    bounds: [f32; 4],
    text: &'a str,
}

impl Lines {
    fn of_picture(picture: Picture, folder: &Path) -> Result<Self, SimulateError> {
        write(&folder.join(&picture.truth.path), &picture.file)?;
        let count = |kind| picture.truth.regions.iter().filter(|r| r.kind == kind).count() as u64;
        Ok(Self {
            truth: serde_json::to_string(&picture.truth).map_err(|e| json_failed(folder, e))?,
            plates: count("plate"),
            faces: count("face"),
            bytes: picture.file.len() as u64,
            row: Some(picture.row),
        })
    }

    fn of_plate(seed: u64, index: u64, folder: &Path) -> Result<Self, SimulateError> {
        let Some(crop) = crops::draw(seed, index) else {
            return Ok(Self { truth: String::new(), row: None, plates: 0, faces: 0, bytes: 0 });
        };
        let path = format!("plates-{:03}/{index:07}.jpg", index / 1000);
        let file = crop.encode(seed, index)?;
        write(&folder.join(&path), &file)?;
        let truth = PlateTruth {
            path: &path,
            width: crop.exposure.width,
            height: crop.exposure.height,
            text: &crop.text,
            quad: crop.quad.map(|(x, y)| [x, y].map(|v| (v * 10.0).round() / 10.0)),
            regions: [PlateRegion { kind: "plate", bounds: tenths(crop.bounds), text: &crop.text }],
        };
        let truth = serde_json::to_string(&truth).map_err(|e| json_failed(folder, e))?;
        Ok(Self { truth, row: None, plates: 1, faces: 0, bytes: file.len() as u64 })
    }
}

fn json_failed(folder: &Path, error: serde_json::Error) -> SimulateError {
    SimulateError::Write { path: folder.join(TRUTH), source: error.into() }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SimulateError> {
    fs::write(path, bytes).map_err(|source| SimulateError::Write { path: path.to_owned(), source })
}

struct Output {
    folder: PathBuf,
    truth: BufWriter<File>,
    captures: Option<csv::Writer<BufWriter<File>>>,
    produced: Produced,
}

impl Output {
    fn begin(order: &Order, folder: &Path) -> Result<Self, SimulateError> {
        let create = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map(BufWriter::new).map_err(|source| SimulateError::Write { path, source })
        };
        let about = serde_json::json!({
            "simulation": 1,
            "seed": order.seed,
            "count": order.count,
            "content": format!("{:?}", order.content),
        });
        write(&folder.join(MARK), format!("{about}\n").as_bytes())?;
        let folders: Vec<String> = match order.content {
            Content::Pictures(_) => (1..=6).flat_map(|i| [format!("lane-{i:02}"), format!("walk-{i:02}")]).collect(),
            Content::Plates => (0..=order.count / 1000).map(|i| format!("plates-{i:03}")).collect(),
        };
        for name in folders {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(|source| SimulateError::Write { path, source })?;
        }
        let captures = match order.content {
            Content::Pictures(_) => Some(csv::Writer::from_writer(create(CAPTURES)?)),
            Content::Plates => None,
        };
        Ok(Self { folder: folder.to_owned(), truth: create(TRUTH)?, captures, produced: Produced::default() })
    }

    fn add(&mut self, lines: Lines) -> Result<(), SimulateError> {
        if lines.bytes == 0 {
            return Ok(());
        }
        let at = |name: &str| self.folder.join(name);
        writeln!(self.truth, "{}", lines.truth).map_err(|source| SimulateError::Write { path: at(TRUTH), source })?;
        if let (Some(captures), Some(row)) = (&mut self.captures, &lines.row) {
            captures.serialize(row).map_err(|e| SimulateError::Write { path: at(CAPTURES), source: e.into() })?;
        }
        self.produced.images += 1;
        self.produced.plates += lines.plates;
        self.produced.faces += lines.faces;
        self.produced.bytes += lines.bytes;
        Ok(())
    }

    fn finish(mut self) -> Result<Produced, SimulateError> {
        let at = |name: &str| self.folder.join(name);
        self.truth.flush().map_err(|source| SimulateError::Write { path: at(TRUTH), source })?;
        if let Some(captures) = &mut self.captures {
            captures.flush().map_err(|source| SimulateError::Write { path: at(CAPTURES), source })?;
        }
        // Lanes in which nothing happened.
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            // Fails on a folder that is in use, which is what is wanted.
            let _ = fs::remove_dir(entry.path());
        }
        Ok(self.produced)
    }
}
