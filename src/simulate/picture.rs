//! One picture from its plan to its file.

use tiny_skia::Color;

use super::barrier;
use super::booth::{HeadSeen, draw_travellers};
use super::camera::encode::{EncodeError, Exif, Format};
use super::camera::{Exposure, Settings};
use super::chance::{Chance, dice};
use super::compose::{self, Legibility, Scene, What};
use super::person::Person;
use super::scene::{Canvas, Illumination, Weather};
use super::truth::{CaptureRow, Region, Taken, Truth, tenths};
use super::world::{Plan, Scenario, Subject, World};
use crate::geometry::{Rect, Size};

/// A finished picture.
pub struct Picture {
    /// The file's bytes.
    pub file: Vec<u8>,
    /// What it shows.
    pub truth: Truth,
    /// Its row of `captures.csv`.
    pub row: CaptureRow,
}

/// Draws picture `index` of `world`.
pub fn draw(world: &World, scenario: Scenario, size: Size, index: u64, seed: u64) -> Result<Picture, EncodeError> {
    let plan = world.plan(index);
    let mut rng = dice(seed, "picture", index);
    let mut canvas = Canvas::new(size.width, size.height)
        .ok_or(EncodeError::TooLarge { width: size.width as usize, height: size.height as usize })?;
    canvas.fill(Color::from_rgba8(120, 124, 128, 255));
    let settings = Settings::random(&mut rng, plan.conditions, size.height as f32 / 720.0);
    let mut scene = match plan.subject {
        Subject::Vehicles => compose::vehicles(world, scenario, &plan, &mut canvas, &mut rng),
        Subject::Travellers => travellers(world, &plan, &mut canvas, &mut rng),
        Subject::Nobody => compose::nobody(&plan, &mut canvas, &mut rng),
    };
    barrier::draw(&mut canvas, seed, index);
    scene.settle(&canvas);
    let exposure = settings.expose(&mut canvas, &scene.glows, &scene.reflectors);
    let taken = plan.taken.to_zoned(jiff::tz::TimeZone::UTC);
    let notes = Exif {
        taken: taken.strftime("%Y:%m:%d %H:%M:%S").to_string(),
        position: rng.odds(0.6).then(|| position(&plan)),
    };
    let format = Format::random(&mut rng, notes, settings.tone.saturation == 0.0);
    let lane = plan.lane.name();
    // As cameras of 2019 named their files: lane, time, running number.
    let path = format!("{lane}/{lane}_{}_{index:06}.{}", taken.strftime("%Y%m%dT%H%M%SZ"), format.extension());
    let truth = judge(&scene, &exposure, &settings, &plan, path.clone());
    let row = CaptureRow {
        file: path,
        site: plan.site,
        direction: plan.lane.direction(),
        lane,
        timestamp: plan.taken.to_string(),
        class: plan.class,
    };
    Ok(Picture { file: format.encode(&exposure)?, truth, row })
}

fn travellers(world: &World, plan: &Plan, canvas: &mut Canvas, rng: &mut super::scene::Rng) -> Scene {
    let mut ids: Vec<u64> = world.members(plan.household).collect();
    // Others wait behind them, or a crowd walks by.
    for _ in 0..*rng.weighted(&[(0, 0.47), (1, 0.23), (2, 0.14), (3, 0.1), (16, 0.06)]) {
        ids.extend(world.members(world.bystander(rng)).next());
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let people: Vec<Person> = ids.iter().map(|&id| Person::from_seed(world.person_seed(id))).collect();
    let heads = draw_travellers(canvas, &people, &plan.conditions, rng);
    let mut scene = Scene::default();
    for ((id, person), seen) in ids.iter().zip(&people).zip(heads) {
        if let Some(HeadSeen { bounds, face, yaw }) = seen {
            scene.head(canvas, (bounds, face), (*id, person.skin_tone()), yaw);
        }
    }
    scene
}

fn position(plan: &Plan) -> super::camera::Position {
    // Nowhere that exists: open sea.
    let shift = plan.site.len() as f64 * 0.01 + f64::from(plan.lane.number) * 0.0001;
    super::camera::Position { latitude: 24.5 + shift, longitude: -95.25 - shift }
}

/// Sorts what was drawn into what is asked for and what is not, by what the exposed picture shows.
pub(super) fn judge(scene: &Scene, exposure: &Exposure, settings: &Settings, plan: &Plan, path: String) -> Truth {
    let (w, h) = (exposure.width as f32, exposure.height as f32);
    let size = Size::new(exposure.width as u32, exposure.height as u32);
    let (mut regions, mut ignore) = (Vec::new(), Vec::new());
    for sight in &scene.sights {
        let moved = |p| settings.moved(p, w, h);
        let bounds = match &sight.what {
            What::Plate { quad, .. } => Rect::around(quad.iter().map(|&p| moved(p))),
            What::Head { .. } => {
                let b = sight.bounds;
                Rect::around([(b.x, b.y), (b.right(), b.y), (b.right(), b.bottom()), (b.x, b.bottom())].map(moved))
            }
        };
        let visible = bounds.clipped(size);
        let inside = if bounds.area() > 0.0 { visible.area() / bounds.area() } else { 0.0 };
        if visible.w < 2.0 || visible.h < 2.0 || sight.hidden > 0.97 {
            continue;
        }
        let legibility = Legibility::judge(sight, bounds, inside, contrast(exposure, visible), settings);
        if !legibility.shown {
            ignore.push(tenths(visible));
            continue;
        }
        regions.push(match &sight.what {
            What::Plate { quad, text, issuer, vehicle, .. } => Region {
                kind: "plate",
                bounds: tenths(visible),
                text: legibility.readable.then(|| text.clone()),
                quad: Some(quad.map(|p| {
                    let (x, y) = moved(p);
                    [(x * 10.0).round() / 10.0, (y * 10.0).round() / 10.0]
                })),
                issuer: Some(issuer),
                vehicle_id: Some(format!("V{vehicle:07}")),
                person_id: None,
                skin_tone: None,
                yaw: None,
            },
            What::Head { person, skin_tone, yaw, face, .. } => Region {
                kind: if *face { "face" } else { "head" },
                bounds: tenths(visible),
                text: None,
                quad: None,
                issuer: None,
                vehicle_id: None,
                person_id: Some(format!("P{person:07}")),
                skin_tone: Some(*skin_tone),
                yaw: Some(yaw.to_degrees().round() as i16),
            },
        });
    }
    Truth {
        path,
        width: size.width,
        height: size.height,
        regions,
        ignore,
        scene: match plan.subject {
            Subject::Vehicles => "vehicle",
            Subject::Travellers => "travellers",
            Subject::Nobody => "empty",
        },
        conditions: Taken {
            illumination: match plan.conditions.illumination {
                Illumination::Day => "day",
                Illumination::Dusk => "dusk",
                Illumination::Night => "night",
                Illumination::Infrared => "infrared",
            },
            weather: match plan.conditions.weather {
                Weather::Clear => "clear",
                Weather::Rain => "rain",
                Weather::Glare => "glare",
            },
            smear: (settings.smear() * 10.0).round() / 10.0,
            noise: (settings.tone.noise * 10.0).round() / 10.0,
        },
    }
}

/// Range of luma in the middle of a box, from the 8th to the 92nd percentile.
pub fn contrast(exposure: &Exposure, bounds: Rect) -> f32 {
    let size = Size::new(exposure.width as u32, exposure.height as u32);
    let Some(area) = bounds.grown(-0.1 * bounds.w, -0.15 * bounds.h).pixels(size) else { return 0.0 };
    let mut counts = [0u32; 256];
    let mut total = 0;
    for y in (area.y..area.bottom()).step_by((area.h / 40).max(1) as usize) {
        for x in (area.x..area.right()).step_by((area.w / 80).max(1) as usize) {
            let p = &exposure.data[(y as usize * exposure.width + x as usize) * 3..][..3];
            let luma = (77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8;
            counts[luma as usize] += 1;
            total += 1;
        }
    }
    let at = |share: f32| {
        let mut left = (share * total as f32) as u32;
        counts
            .iter()
            .position(|&n| {
                n > left || {
                    left -= n;
                    false
                }
            })
            .unwrap_or(255) as f32
    };
    at(0.92) - at(0.08)
}
