//! A folder of pictures with their truth.
//!
//! Owns the folder's layout, the order of its lines and the threads that draw. Knows nothing of what is drawn.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::camera::encode::EncodeError;
use super::crops;
use super::film::{self, Film, Frame};
use super::picture::{self, Picture};
use super::truth::tenths;
use super::world::{Scenario, World};
use crate::geometry::Size;
use crate::video::avi::Writer;
use crate::written::{Earlier, Taken, Written};

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
    /// One film of one camera.
    Film,
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
    /// The folder holds something that no earlier simulation is known to have written as it is now.
    #[error("{} holds {}, which is not known to be an earlier simulation's", folder.display(), found.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The first such thing in it.
        found: PathBuf,
    },
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

/// Names a folder as a simulation, and lists what was written: `truth.jsonl` stands beside it only once all pictures are there.
pub(crate) const MARK: &str = "simulation.json";
/// The truth.
pub const TRUTH: &str = "truth.jsonl";
/// The manifest.
pub const CAPTURES: &str = "captures.csv";

/// Pictures between two writes of truth and manifest: bounds memory.
const BATCH: u64 = 256;
/// Pictures of the first batch; each is as large as all before it and this, up to [`BATCH`].
const FIRST: u64 = 16;

/// Empties `folder` of an earlier simulation; refuses a folder that holds anything else, and has then changed nothing.
pub fn prepare(folder: &Path) -> Result<(), SimulateError> {
    let failed = |(path, source)| SimulateError::Write { path, source };
    match Earlier::survey(folder, MARK, &[]) {
        Ok(earlier) => earlier.clear().map_err(failed),
        Err(Taken::Io(path, source)) => Err(failed((path, source))),
        Err(Taken::Foreign(found)) => {
            let found = found.strip_prefix(folder).map(Path::to_owned).unwrap_or(found);
            Err(SimulateError::Occupied { folder: folder.to_owned(), found })
        }
    }
}

/// Draws `order` into `folder`, which [`prepare`] has readied, on rayon's current pool. `progress` is told after each
/// picture, from any thread.
pub fn produce(order: &Order, folder: &Path, progress: &(dyn Fn() + Sync)) -> Result<Produced, SimulateError> {
    let world = match order.content {
        Content::Pictures(scenario) => Some((World::new(order.seed, order.count, scenario, order.start), scenario)),
        Content::Plates => None,
        Content::Film => return film(order, folder, progress),
    };
    let mut out = Output::begin(order, folder)?;
    let mut from = 0;
    while from < order.count {
        // The first ones are there soon, for whoever waits for them.
        let to = (from + BATCH.min(from + FIRST)).min(order.count);
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

/// A film with its sound, in one file; its truth has a line for each frame.
fn film(order: &Order, folder: &Path, progress: &(dyn Fn() + Sync)) -> Result<Produced, SimulateError> {
    let failed = |source| SimulateError::Write { path: folder.join(film::FILE), source };
    let film = Film::new(order.seed, order.count, order.size, order.start)?;
    let mut out = Output::begin(order, folder)?;
    let staged = out.written.stage(film::FILE).map_err(failed)?;
    let mut writer = Writer::begin(staged, &film.streams()).map_err(failed)?;
    let mut from = 0;
    while from < order.count {
        let to = (from + BATCH / 4).min(order.count);
        let drawn: Vec<_> = (from..to)
            .into_par_iter()
            .map(|number| {
                let frame = film.frame(number);
                progress();
                frame
            })
            .collect();
        for (number, frame) in (from..to).zip(drawn) {
            let Frame { file, truth } = frame?;
            let sound = film.sound(number);
            writer.chunk(0, &file).and_then(|()| writer.chunk(1, &sound)).map_err(failed)?;
            let count = |kind| truth.regions.iter().filter(|region| region.kind == kind).count() as u64;
            out.produced.images += 1;
            out.produced.plates += count("plate");
            out.produced.faces += count("face");
            let line = serde_json::to_string(&truth).map_err(|error| json_failed(folder, error))?;
            writeln!(out.truth, "{line}").map_err(failed)?;
        }
        from = to;
    }
    let mut staged = writer.finish().map_err(failed)?;
    out.produced.bytes = staged.stream_position().map_err(failed)?;
    staged.flush().map_err(failed)?;
    drop(staged);
    out.written.settle(film::FILE).map_err(failed)?;
    if let Some(captures) = &mut out.captures {
        captures.serialize(film.row()).map_err(|error| failed(error.into()))?;
    }
    out.finish()
}

/// What one picture adds to the folder, to truth and manifest.
struct Lines {
    path: String,
    file: Vec<u8>,
    truth: String,
    row: Option<super::truth::CaptureRow>,
    plates: u64,
    faces: u64,
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
        let count = |kind| picture.truth.regions.iter().filter(|r| r.kind == kind).count() as u64;
        Ok(Self {
            truth: serde_json::to_string(&picture.truth).map_err(|e| json_failed(folder, e))?,
            plates: count("plate"),
            faces: count("face"),
            row: Some(picture.row),
            path: picture.truth.path,
            file: picture.file,
        })
    }

    fn of_plate(seed: u64, index: u64, folder: &Path) -> Result<Self, SimulateError> {
        let Some(crop) = crops::draw(seed, index) else {
            let (path, file, truth) = (String::new(), Vec::new(), String::new());
            return Ok(Self { path, file, truth, row: None, plates: 0, faces: 0 });
        };
        let path = format!("plates-{:03}/{index:07}.jpg", index / 1000);
        let file = crop.encode(seed, index)?;
        let truth = PlateTruth {
            path: &path,
            width: crop.exposure.width,
            height: crop.exposure.height,
            text: &crop.text,
            quad: crop.quad.map(|(x, y)| [x, y].map(|v| (v * 10.0).round() / 10.0)),
            regions: [PlateRegion { kind: "plate", bounds: tenths(crop.bounds), text: &crop.text }],
        };
        let truth = serde_json::to_string(&truth).map_err(|e| json_failed(folder, e))?;
        Ok(Self { path, file, truth, row: None, plates: 1, faces: 0 })
    }
}

fn json_failed(folder: &Path, error: serde_json::Error) -> SimulateError {
    SimulateError::Write { path: folder.join(TRUTH), source: error.into() }
}

struct Output {
    folder: PathBuf,
    written: Written,
    folders: Vec<String>,
    truth: BufWriter<File>,
    captures: Option<csv::Writer<BufWriter<File>>>,
    produced: Produced,
}

impl Output {
    fn begin(order: &Order, folder: &Path) -> Result<Self, SimulateError> {
        let failed = |name: &str| {
            let path = folder.join(name);
            move |source| SimulateError::Write { path, source }
        };
        let about = serde_json::json!({
            "simulation": 1,
            "seed": order.seed,
            "count": order.count,
            "content": format!("{:?}", order.content),
        });
        let mut written = Written::begin(folder, MARK, &about).map_err(failed(MARK))?;
        let folders: Vec<String> = match order.content {
            Content::Pictures(_) => (1..=6).flat_map(|i| [format!("lane-{i:02}"), format!("walk-{i:02}")]).collect(),
            Content::Plates => (0..=order.count / 1000).map(|i| format!("plates-{i:03}")).collect(),
            Content::Film => Vec::new(),
        };
        for name in &folders {
            written.folder(name).map_err(failed(name))?;
        }
        let captures = match order.content {
            Content::Pictures(_) | Content::Film => {
                Some(csv::Writer::from_writer(written.stage(CAPTURES).map_err(failed(CAPTURES))?))
            }
            Content::Plates => None,
        };
        let truth = written.stage(TRUTH).map_err(failed(TRUTH))?;
        Ok(Self { folder: folder.to_owned(), written, folders, truth, captures, produced: Produced::default() })
    }

    fn add(&mut self, lines: Lines) -> Result<(), SimulateError> {
        if lines.file.is_empty() {
            return Ok(());
        }
        let at = |name: &str| self.folder.join(name);
        let path = at(&lines.path);
        self.written.file(&lines.path, &lines.file).map_err(|source| SimulateError::Write { path, source })?;
        writeln!(self.truth, "{}", lines.truth).map_err(|source| SimulateError::Write { path: at(TRUTH), source })?;
        if let (Some(captures), Some(row)) = (&mut self.captures, &lines.row) {
            captures.serialize(row).map_err(|e| SimulateError::Write { path: at(CAPTURES), source: e.into() })?;
        }
        self.produced.images += 1;
        self.produced.plates += lines.plates;
        self.produced.faces += lines.faces;
        self.produced.bytes += lines.file.len() as u64;
        Ok(())
    }

    fn finish(mut self) -> Result<Produced, SimulateError> {
        let failed = |name: &str| {
            let path = self.folder.join(name);
            move |source| SimulateError::Write { path, source }
        };
        if let Some(captures) = &mut self.captures {
            captures.flush().and_then(|()| self.written.settle(CAPTURES)).map_err(failed(CAPTURES))?;
        }
        self.truth.flush().and_then(|()| self.written.settle(TRUTH)).map_err(failed(TRUTH))?;
        // Lanes in which nothing happened.
        for name in &self.folders {
            // Fails on a folder that is in use, which is what is wanted.
            let _ = fs::remove_dir(self.folder.join(name));
        }
        Ok(self.produced)
    }
}
