//! What is hidden of faces and plates of given heights, in pictures from 720p to 108 megapixels, and what a look costs.
//!
//! `cargo bench --bench sizes`. Drawn faces and plates are laid, with what is around them, on a ground without any; what
//! counts is the height in pixels, so each row should be level from left to right.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use image::{GrayImage, imageops};
use jpeg_encoder::{ColorType, Encoder};
use safelight::capture::RegionKind;
use safelight::frame::{Frame, Limits};
use safelight::geometry::{Rect, Size};
use safelight::pipeline::{Look, Stages, TrainedEyes};
use safelight::redact::{Area, Figure};
use safelight::simulate::picture;
use safelight::simulate::world::{Scenario, World};
use safelight::vision::Nets;

const SIZES: [(u32, u32); 10] = [
    (1024, 576),
    (1280, 720),
    (1920, 1080),
    (2048, 1152),
    (2560, 1440),
    (3840, 2160),
    (4100, 2306),
    (5760, 2880),
    (8200, 4612),
    (12_000, 9_000),
];
const HEIGHTS: [(RegionKind, [u32; 5]); 2] =
    [(RegionKind::Face, [12, 16, 24, 40, 72]), (RegionKind::Plate, [6, 9, 12, 18, 36])];

/// Of each kind and height.
const EACH: usize = 20;

/// Sides of the cells into which a picture is divided: the largest of the patches fit.
const CELL: u32 = 288;

/// A drawn face or plate with what is around it, and its box in that.
struct Patch {
    luma: GrayImage,
    bounds: Rect,
}

/// Patches of `kind` that are at least `height` pixels high as they were drawn, scaled to that.
fn patches(drawn: &[(GrayImage, Vec<(RegionKind, Rect)>)], kind: RegionKind, height: u32) -> Vec<Patch> {
    let mut all = Vec::new();
    for (luma, regions) in drawn {
        for (_, region) in regions.iter().filter(|(of, region)| *of == kind && region.h >= height as f32) {
            let factor = height as f32 / region.h;
            let around = region.grown(region.w, region.h);
            let Some(cut) = around.pixels(Size::new(luma.width(), luma.height())) else { continue };
            let (w, h) = ((cut.w as f32 * factor).round() as u32, (cut.h as f32 * factor).round() as u32);
            if w >= CELL || h >= CELL || all.len() == EACH {
                continue;
            }
            let cropped = imageops::crop_imm(luma, cut.x, cut.y, cut.w, cut.h).to_image();
            let luma = imageops::resize(&cropped, w.max(1), h.max(1), imageops::FilterType::Triangle);
            let bounds = region.moved(-(cut.x as f32), -(cut.y as f32)).scaled(factor);
            all.push(Patch { luma, bounds });
        }
    }
    all
}

fn main() {
    // Cargo passes options of its own; with this one it is to be seen whether the bench runs.
    let once = std::env::args().any(|argument| argument == "--test");
    let world = World::new(7, 1000, Scenario::Mixed, jiff::civil::date(2019, 4, 1));
    let drawn: Vec<_> = (0..if once { 12 } else { 120 })
        .map(|index| picture::draw(&world, Scenario::Mixed, Size::new(1280, 720), index, 7).expect("drawn"))
        .filter(|picture| picture.truth.conditions.illumination == "day")
        .map(|picture| {
            let luma = image::load_from_memory(&picture.file).expect("decoded").into_luma8();
            let regions = picture.truth.regions.iter().map(|region| {
                let [x, y, w, h] = region.bounds;
                (RegionKind::named(region.kind).expect("a kind"), Rect::new(x, y, w, h))
            });
            (luma, regions.collect())
        })
        .collect();
    let mut eyes = TrainedEyes::new(&Nets::builtin());
    let mut table: BTreeMap<(&str, u32), Vec<String>> = BTreeMap::new();
    let mut costs = Vec::new();
    for (width, height) in SIZES.into_iter().take(if once { 1 } else { SIZES.len() }) {
        let cells = ((width / CELL) * (height / CELL)) as usize;
        let all: Vec<((RegionKind, u32), Patch)> = HEIGHTS
            .iter()
            .flat_map(|(kind, heights)| heights.iter().map(move |height| (*kind, *height)))
            .flat_map(|which| patches(&drawn, which.0, which.1).into_iter().map(move |patch| (which, patch)))
            .collect();
        let mut hidden: BTreeMap<(&str, u32), (usize, usize)> = BTreeMap::new();
        let mut spent = (Duration::ZERO, 0u32);
        for lot in all.chunks(cells) {
            let mut luma = GrayImage::from_fn(width, height, |x, y| image::Luma([90 + ((x * 7 + y * 13) % 9) as u8]));
            let places: Vec<_> = lot
                .iter()
                .enumerate()
                .map(|(at, (which, patch))| {
                    // Spread over all of the picture.
                    let cell = (at * cells / lot.len()) as u32;
                    let (x, y) = (cell % (width / CELL) * CELL, cell / (width / CELL) * CELL);
                    imageops::replace(&mut luma, &patch.luma, x.into(), y.into());
                    (which, patch.bounds.moved(x as f32, y as f32))
                })
                .collect();
            let mut file = Vec::new();
            Encoder::new(&mut file, 90)
                .encode(luma.as_raw(), width as u16, height as u16, ColorType::Luma)
                .expect("encoded");
            let frame = Frame::decode(&file, &Limits::default()).expect("decoded");
            let start = Instant::now();
            let found = eyes.look(&frame, &mut Stages::default()).found;
            spent = (spent.0 + start.elapsed(), spent.1 + 1);
            let figure = |oval| if oval { Figure::Oval } else { Figure::Box };
            let areas: Vec<Area> =
                found.iter().filter_map(|found| Area::new(figure(found.oval), found.wide, &frame)).collect();
            let hides = |area: &Area, bounds: Rect| {
                area.pieces().iter().map(|piece| piece.rect().overlap(bounds)).sum::<f32>() >= 0.9 * bounds.area()
            };
            for ((kind, height), bounds) in places {
                let count = hidden.entry((kind.name(), *height)).or_default();
                count.0 += usize::from(areas.iter().any(|area| hides(area, bounds)));
                count.1 += 1;
            }
        }
        costs.push(format!("{:.0}", spent.0.as_secs_f64() * 1e3 / f64::from(spent.1.max(1))));
        for (which, (hidden, all)) in hidden {
            table.entry(which).or_default().push(format!("{hidden}/{all}"));
        }
    }
    let row = |name: String, cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
        println!("{name:<12}{}", cells.concat());
    };
    println!("hidden, of drawn faces and plates by their height in pixels:");
    row(String::new(), &SIZES.map(|(width, height)| format!("{width}x{height}")));
    for ((kind, height), cells) in &table {
        row(format!("{kind} {height}"), cells);
    }
    row("ms a look".to_owned(), &costs);
}
