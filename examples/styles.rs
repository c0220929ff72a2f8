//! What a mosaic or a blur tells somebody who has other photographs of the same people and vehicles.
//!
//! For each person and vehicle that a simulation shows twice, one photograph is copied in a style and another is the attacker's. The
//! attacker makes the same of all that he has, and takes what is nearest to the copy. Without any telling that succeeds once in as
//! many as there are; a style that tells who somebody is succeeds more often.
//!
//!     safelight simulate --out photos -n 2000
//!     cargo run --release --example styles -- photos

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};
use safelight::frame::{Frame, Limits};
use safelight::geometry::Rect;
use safelight::redact::{Area, Blank, CELLS, Figure, Manner, Style, copy};
use serde::Deserialize;

#[derive(Deserialize)]
struct Picture {
    path: PathBuf,
    regions: Vec<Shown>,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(rename = "box")]
    bounds: [f32; 4],
    person_id: Option<String>,
    vehicle_id: Option<String>,
}

/// One sight of somebody or something.
struct Sight {
    file: PathBuf,
    bounds: Rect,
}

/// What somebody does to a region.
enum Made {
    /// Our own copy, with so many means along the longer side.
    Copy(Style, u32),
    /// A mosaic of so many squares along each side, as other tools make it.
    Mosaic(u32),
    /// Nothing.
    Bare,
}

/// The attacker compares so many pixels along each side.
const SIDE: u32 = 24;

/// Smaller regions tell nothing to begin with.
const LEAST: f32 = 40.0;

impl Made {
    /// The region as the attacker compares it: small, and without regard to how bright the photograph is.
    fn look(&self, sight: &Sight) -> Result<Vec<f32>, Box<dyn Error>> {
        let file = std::fs::read(&sight.file)?;
        let picture = match self {
            Self::Copy(style, cells) => {
                let frame = Frame::decode(&file, &Limits::default())?;
                let area = Area::new(Figure::Box, sight.bounds, &frame).ok_or("outside of the picture")?;
                let blank = Blank { area, style: *style, cells: *cells };
                image::load_from_memory(&copy(frame, &file, &[blank], &Manner::default())?)?.into_rgb8()
            }
            Self::Mosaic(_) | Self::Bare => image::load_from_memory(&file)?.into_rgb8(),
        };
        let Rect { x, y, w, h } = sight.bounds;
        let region = crop_imm(&picture, x.max(0.0) as u32, y.max(0.0) as u32, w as u32, h as u32).to_image();
        let region = match self {
            Self::Mosaic(cells) => resize(&region, *cells, *cells, FilterType::Triangle),
            _ => region,
        };
        Ok(normal(&resize(&region, SIDE, SIDE, FilterType::Triangle)))
    }
}

/// Samples with mean 0 and deviation 1, each channel for itself.
fn normal(region: &RgbImage) -> Vec<f32> {
    let count = (region.width() * region.height()) as f32;
    let mut samples = Vec::with_capacity(3 * count as usize);
    for channel in 0..3 {
        let values: Vec<f32> = region.pixels().map(|pixel| f32::from(pixel.0[channel])).collect();
        let mean = values.iter().sum::<f32>() / count;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt().max(1.0);
        samples.extend(values.iter().map(|value| (value - mean) / deviation));
    }
    samples
}

/// How often the nearest of all others is the right one.
fn attack(pairs: &[[Sight; 2]], made: &Made) -> Result<usize, Box<dyn Error>> {
    let looks = |which: usize| pairs.iter().map(|pair| made.look(&pair[which])).collect::<Result<Vec<_>, _>>();
    let (copies, own) = (looks(0)?, looks(1)?);
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let right = copies.iter().enumerate().filter(|(at, copy)| {
        let nearest = (0..own.len()).min_by(|&a, &b| distance(copy, &own[a]).total_cmp(&distance(copy, &own[b])));
        nearest == Some(*at)
    });
    Ok(right.count())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder of a simulation")?;
    let folder = Path::new(&folder);
    let (mut people, mut vehicles) = (BTreeMap::<String, Vec<Sight>>::new(), BTreeMap::<String, Vec<Sight>>::new());
    for line in std::fs::read_to_string(folder.join("truth.jsonl"))?.lines() {
        let picture: Picture = serde_json::from_str(line)?;
        for Shown { bounds: [x, y, w, h], person_id, vehicle_id } in picture.regions {
            let sight = || Sight { file: folder.join(&picture.path), bounds: Rect::new(x, y, w, h) };
            match (person_id, vehicle_id) {
                (Some(person), _) if w.min(h) >= LEAST => people.entry(person).or_default().push(sight()),
                (None, Some(vehicle)) if w >= LEAST => vehicles.entry(vehicle).or_default().push(sight()),
                _ => {}
            }
        }
    }
    let styles = [
        ("bare", Made::Bare),
        ("mosaic of 16 x 16, as other tools make it", Made::Mosaic(16)),
        ("mosaic of 8 x 8, as other tools make it", Made::Mosaic(8)),
        ("--style pixelate", Made::Copy(Style::Pixelate, CELLS)),
        ("--style blur", Made::Copy(Style::Blur, CELLS)),
        ("one mean, as plates have", Made::Copy(Style::Pixelate, 1)),
        ("--style solid", Made::Copy(Style::Solid, 0)),
    ];
    for (what, seen) in [("faces", people), ("plates", vehicles)] {
        let twice = seen.into_values().filter_map(|mut sights| {
            let (second, first) = (sights.pop()?, sights.pop()?);
            (first.file != second.file).then_some([first, second])
        });
        let pairs: Vec<[Sight; 2]> = twice.collect();
        println!("{what}: {} seen twice; by chance {:.1} %", pairs.len(), 100.0 / pairs.len().max(1) as f64);
        for (name, made) in &styles {
            let right = attack(&pairs, made)?;
            println!("  {name:44} {right:4}  {:5.1} %", 100.0 * right as f64 / pairs.len().max(1) as f64);
        }
    }
    Ok(())
}
