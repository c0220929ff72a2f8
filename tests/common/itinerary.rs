//! Six weeks of one port of entry without drawing a single picture: who passes when, as `simulate --scenario six-weeks`
//! has it, and what the eyes would make of it, with as many errors as they make. Everything is sealed as `ingest` seals
//! it; only the pixels are missing.

#![allow(dead_code, reason = "tests and an example each use their own part")]

use std::collections::{BTreeMap, HashSet};

use rand::{Rng, RngExt};
use safelight::capture::PlateText;
use safelight::pseudonym::{EpochKeys, spellings};
use safelight::simulate::chance::{Chance, dice};
use safelight::simulate::plate::design::Region;
use safelight::simulate::vehicle::Vehicle;
use safelight::simulate::world::{Scenario, Subject, World};
use safelight::vault::record::{
    CaptureRecord, CatalogueRecord, IdentityRecord, PlateRecord, PseudonymRecord, RegionRecord, SceneRecord, Status,
};

/// What really happened, counted while it is made up.
#[derive(Default)]
pub struct Reality {
    /// Captures.
    pub captures: u64,
    /// Captures by day (UTC) and lane.
    pub cells: BTreeMap<(String, String), u64>,
    /// Vehicles whose plate was found on some capture, read or not.
    pub vehicles: HashSet<u64>,
    /// Faces found.
    pub faces: u64,
}

pub struct Itinerary {
    world: World,
    seed: u64,
    pub reality: Reality,
}

/// How often the eyes find a plate that is there, and how often they take something else for one.
const FOUND: f32 = 0.97;
const FALSE_PLATES: f32 = 0.04;

/// Of the plates found: not read at all.
const UNREAD: f32 = 0.07;

impl Itinerary {
    pub fn new(seed: u64, count: u64) -> Self {
        let world = World::new(seed, count, Scenario::SixWeeks, jiff::civil::date(2019, 4, 1));
        Self { world, seed, reality: Reality::default() }
    }

    /// The capture of picture `index`.
    pub fn capture(&mut self, index: u64, keys: &EpochKeys) -> CaptureRecord {
        let plan = self.world.plan(index);
        let mut rng = dice(self.seed, "itinerary", index);
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let (mut regions, mut plates) = (Vec::new(), Vec::new());
        if plan.subject == Subject::Vehicles {
            let facing = plan.lane.facing(&mut rng);
            let vehicle = Vehicle::from_seed(self.world.vehicle_seed(plan.household), Region::Border);
            let text = vehicle.plate(facing).and_then(|plate| PlateText::canonical(&plate.text()));
            if let Some(text) = text.filter(|_| rng.odds(FOUND)) {
                self.reality.vehicles.insert(plan.household);
                let texts = reading(&text, &mut rng);
                regions.push(plate(&texts, rng.random_range(70..=99), keys));
                if !texts.is_empty() {
                    let texts = texts.into_iter().map(|(text, _)| text.expose().to_owned()).collect();
                    plates.push(PlateRecord { region: 0, texts });
                }
            }
        }
        if rng.odds(FALSE_PLATES) {
            regions.push(plate(&[], rng.random_range(3..=30), keys));
        }
        if plan.subject != Subject::Nobody {
            for _ in self.world.members(plan.household).take(4) {
                let mut crop = [0; 32];
                rng.fill_bytes(&mut crop);
                let token = PseudonymRecord { value: keys.face(&crop).0, probability: 100 };
                self.reality.faces += 1;
                regions.push(RegionRecord {
                    kind: 1,
                    bounds: [500, 300, 60, 80],
                    score: 88,
                    pseudonyms: vec![token],
                    blank: Some([496, 288, 64, 96]),
                });
            }
        }
        let day = plan.taken.strftime("%Y-%m-%d").to_string();
        *self.reality.cells.entry((day, plan.lane.name())).or_default() += 1;
        self.reality.captures += 1;
        let original = id.repeat(8);
        CaptureRecord {
            catalogue: CatalogueRecord {
                id,
                status: Status::Examined,
                captured_at: Some(plan.taken.as_millisecond()),
                site: Some(plan.site.to_owned()),
                lane: Some(plan.lane.name()),
                direction: Some(plan.lane.direction().to_owned()),
                class: Some(plan.class.to_owned()),
                width: 1280,
                height: 720,
                epoch: keys.epoch(),
                regions,
                sealed_by: None,
                original: None,
                scene: None,
                effort: None,
            },
            scene: Some(SceneRecord { id, media_type: "image/jpeg".to_owned(), file: original.clone() }),
            identity: IdentityRecord {
                id,
                source_name: format!("{}/{index:06}.jpg", plan.lane.name()).into_bytes(),
                blake3: *blake3::hash(&original).as_bytes(),
                method: 0,
                removed: original,
                plates,
            },
        }
    }
}

/// What a reader makes of a plate: as unsure as it is right.
fn reading(text: &PlateText, rng: &mut impl Rng) -> Vec<(PlateText, u8)> {
    if rng.random_bool(UNREAD.into()) {
        return Vec::new();
    }
    let best: f64 = match rng.random_range(0..100) {
        0..70 => rng.random_range(0.99..1.0),
        70..90 => rng.random_range(0.6..0.99),
        _ => rng.random_range(0.2..0.6),
    };
    // Like ones first, then anything of the same length.
    let mut others: Vec<PlateText> = spellings(text).into_iter().skip(1).take(6).collect();
    while others.len() < 6 {
        let mut wrong = text.expose().to_owned().into_bytes();
        let at = rng.random_range(0..wrong.len());
        wrong[at] =
            if wrong[at].is_ascii_digit() { rng.random_range(b'0'..=b'9') } else { rng.random_range(b'A'..=b'Z') };
        others.extend(PlateText::canonical(&String::from_utf8_lossy(&wrong)).filter(|other| other != text));
    }
    let mut others = others.into_iter();
    let mut wrong = || others.next().expect("six of them");
    let (first, second, rest) = (best, (1.0 - best) * 0.6, (1.0 - best) * 0.2);
    let truth = rng.random_range(0.0..1.0);
    let mut candidates = if truth < first {
        vec![text.clone(), wrong(), wrong()]
    } else if truth < first + second {
        vec![wrong(), text.clone(), wrong()]
    } else {
        vec![wrong(), wrong(), wrong()]
    };
    let percent = |p: f64| (p * 100.0).round() as u8;
    let probabilities = [percent(first), percent(second), percent(rest)];
    candidates.drain(..).zip(probabilities).filter(|(_, p)| *p > 0).collect()
}

fn plate(texts: &[(PlateText, u8)], score: u8, keys: &EpochKeys) -> RegionRecord {
    let pseudonyms = texts
        .iter()
        .map(|(text, probability)| PseudonymRecord { value: keys.plate(text).0, probability: *probability });
    RegionRecord {
        kind: 0,
        bounds: [600, 500, 120, 40],
        score,
        pseudonyms: pseudonyms.collect(),
        blank: Some([592, 496, 144, 48]),
    }
}
