//! One camera for some seconds: vehicles drive by, people walk, and every frame has its truth.
//!
//! Owns who moves where and when. Knows nothing of files. What stands still is drawn once for all frames; whoever moves looks
//! the same on each of them, so that a detector that misses somebody misses them because of size, blur, turn or cover.

use std::sync::Arc;

use super::body::{self, Stance};
use super::booth::HEAD;
use super::camera::encode::{EncodeError, File, Format, Sampling};
use super::camera::{Exposure, Settings};
use super::chance::{Chance, dice};
use super::compose::{self, Placed, Scene};
use super::head::{self, HeadView};
use super::person::Person;
use super::picture;
use super::plate::design::Region;
use super::road::{self, Ground};
use super::scene::{Canvas, Conditions, Illumination, Rng, Weather};
use super::sculpt::{Easel, Figure, Light, v3};
use super::truth::{CaptureRow, Truth};
use super::vehicle::{Facing, Vehicle};
use super::view::{Place, View};
use super::world::{Lane, Plan, Scenario, Subject, World};
use crate::geometry::Size;
use crate::video::avi::{FourCc, Kind, Stream};

/// The film's name in its folder.
pub const FILE: &str = "clip.avi";

/// Frames a second.
pub const RATE: u32 = 25;

/// Samples of sound a second, 16 bits, one channel.
const SOUND_RATE: u32 = 16_000;

/// Metres before the camera between which vehicles come and go.
const NEAR: f32 = 3.0;
const FAR: f32 = 46.0;

/// A film that can be drawn frame by frame, in any order.
pub struct Film {
    seed: u64,
    size: Size,
    view: View,
    plan: Plan,
    world: World,
    settings: Settings,
    /// What stands still.
    ground: Arc<Canvas>,
    drivers: Vec<Driver>,
    walkers: Vec<Walker>,
    light: Light,
}

/// A finished frame.
pub struct Frame {
    /// A JPEG.
    pub file: Vec<u8>,
    /// What it shows.
    pub truth: Truth,
}

/// A vehicle that drives by.
struct Driver {
    id: u64,
    facing: Facing,
    /// Lane, metres to the right.
    x: f32,
    /// Seconds at which it passes the camera, and metres a second.
    passes: f32,
    speed: f32,
}

/// Somebody who walks by.
struct Walker {
    id: u64,
    /// Metres to the right and away at second 0, and metres a second.
    from: (f32, f32),
    pace: (f32, f32),
    /// How far the head turns to both sides, how often a second, and where in that it begins.
    turn: (f32, f32, f32),
}

impl Film {
    /// The film of `seed`, of so many frames.
    ///
    /// # Errors
    ///
    /// When no canvas has such a size.
    pub fn new(seed: u64, frames: u64, size: Size, start: jiff::civil::Date) -> Result<Self, EncodeError> {
        let too_large = || EncodeError::TooLarge { width: size.width as usize, height: size.height as usize };
        let mut rng = dice(seed, "film", 0);
        let world = World::new(seed, 500, Scenario::Mixed, start);
        let conditions = Conditions {
            illumination: *rng.weighted(&[(Illumination::Day, 0.7), (Illumination::Dusk, 0.3)]),
            weather: Weather::Clear,
        };
        let mut settings = Settings::random(&mut rng, conditions, size.height as f32 / 720.0);
        // A camera that is out of focus for good is another test.
        (settings.lens, settings.motion) = (None, (0.0, 0.0));
        settings.blur = settings.blur.min(0.7);
        let plan = Plan {
            index: 0,
            subject: Subject::Vehicles,
            taken: start.to_zoned(jiff::tz::TimeZone::UTC).map_or(jiff::Timestamp::UNIX_EPOCH, |day| day.timestamp()),
            site: "north-road",
            lane: Lane { number: 1, on_foot: false, inbound: true },
            class: "visitor",
            conditions,
            household: 0,
            region: Region::World,
            is_film: true,
        };
        let view = camera(size, &mut rng);
        let mut ground = Canvas::new(size.width, size.height).ok_or_else(too_large)?;
        road::draw(&mut ground, &view, Ground::Street, conditions, &mut dice(seed, "film ground", 0));
        let seconds = frames as f32 / RATE as f32;
        let light = Light {
            towards: v3(rng.between(-0.8, 0.8), rng.between(0.4, 0.9), rng.between(0.3, 0.8)).unit(),
            key: rng.between(0.45, 0.75),
            fill: rng.between(0.45, 0.6),
        };
        let drivers = drivers(&world, seconds, &mut rng);
        let walkers = walkers(&world, seconds, &mut rng);
        let ground = Arc::new(ground);
        Ok(Self { seed, size, view, plan, world, settings, ground, drivers, walkers, light })
    }

    /// Pictures and sound.
    pub fn streams(&self) -> [Stream; 2] {
        let video = Kind::Video { codec: FourCc(*b"MJPG"), size: self.size };
        let [r0, r1, r2, r3] = SOUND_RATE.to_le_bytes();
        let [b0, b1, b2, b3] = (2 * SOUND_RATE).to_le_bytes();
        let format = vec![1, 0, 1, 0, r0, r1, r2, r3, b0, b1, b2, b3, 2, 0, 16, 0];
        [
            Stream { kind: video, rate: RATE, scale: 1, start: 0, sample_size: 0 },
            Stream { kind: Kind::Audio { format }, rate: SOUND_RATE, scale: 1, start: 0, sample_size: 2 },
        ]
    }

    /// Its row of `captures.csv`.
    pub fn row(&self) -> CaptureRow {
        CaptureRow {
            file: FILE.to_owned(),
            site: self.plan.site,
            lane: self.plan.lane.name(),
            direction: self.plan.lane.direction(),
            timestamp: self.plan.taken.to_string(),
            class: self.plan.class,
        }
    }

    /// The sound of frame `number`: a hum that goes up and down, in whole numbers, so that it is the same everywhere.
    pub fn sound(&self, number: u64) -> Vec<u8> {
        let a_frame = u64::from(SOUND_RATE / RATE);
        let sample = |at: u64| {
            // Two triangles of about 110 and 165 Hz, louder and softer twice a second.
            let triangle = |period: u64| {
                let phase = at % period;
                (4 * phase.min(period - phase)) as i64 * 4000 / period as i64 - 4000
            };
            let loud = 40 + (at % 8000).min(8000 - at % 8000) as i64 * 60 / 4000;
            ((triangle(145) + triangle(97)) * loud / 100) as i16
        };
        (number * a_frame..(number + 1) * a_frame).flat_map(|at| sample(at).to_le_bytes()).collect()
    }

    /// Draws frame `number`.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded.
    pub fn frame(&self, number: u64) -> Result<Frame, EncodeError> {
        let second = number as f32 / RATE as f32;
        let mut canvas = Canvas::clone(&self.ground);
        let mut scene = Scene::default();
        self.populate(second, &mut canvas, &mut scene);
        scene.settle(&canvas);
        let settings = self.settings_of(number);
        let exposure: Exposure = settings.expose_frame(&mut canvas, &scene.glows, &scene.reflectors, number);
        let path = format!("{FILE}#{number:04}");
        let truth = picture::judge(&scene, &exposure, &settings, &self.plan, path);
        let file = File::Jpeg { quality: 82, sampling: Sampling::Quarter, progressive: false, restart: 0 };
        Ok(Frame { file: Format { file, exif: None }.encode(&exposure)?, truth })
    }

    /// The camera at frame `number`: it shakes now and then, and is blinded now and then, for some frames each.
    fn settings_of(&self, number: u64) -> Settings {
        let mut settings = self.settings.clone();
        let scale = self.size.height as f32 / 720.0;
        let mut rng = dice(self.seed, "film moment", number / 3);
        if rng.odds(0.07) {
            let angle = rng.between(0.0, std::f32::consts::TAU);
            let length = rng.between(2.0, 7.0) * scale;
            settings.motion = (length * angle.cos(), length * angle.sin());
        }
        if rng.odds(0.05) {
            settings.tone.gain *= *rng.pick(&[0.5, 0.65, 1.5, 1.9]);
        }
        settings
    }

    /// Draws who is there, the farthest first.
    fn populate(&self, second: f32, canvas: &mut Canvas, scene: &mut Scene) {
        enum Body<'f> {
            Driver(&'f Driver),
            Walker(&'f Walker),
        }
        let drivers = self.drivers.iter().map(|driver| (driver.z(second), Body::Driver(driver)));
        let drivers = drivers.filter(|(z, _)| (NEAR..FAR).contains(z));
        let walkers = self.walkers.iter().map(|walker| (walker.at(second).1, Body::Walker(walker)));
        let mut bodies: Vec<_> = drivers.chain(walkers.filter(|(z, _)| (2.0..FAR).contains(z))).collect();
        bodies.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (z, body) in bodies {
            match body {
                Body::Driver(&Driver { id, facing, x, .. }) => {
                    let vehicle = Vehicle::from_seed(self.world.vehicle_seed(id), self.plan.region);
                    let place = Place { x, z, heading: 0.0 };
                    let placed = Placed { vehicle, id, place, facing };
                    // The same throws on each frame.
                    let mut rng = dice(self.seed, "film vehicle", id);
                    compose::draw_one(&self.world, &self.plan, &placed, &self.view, canvas, &mut rng, scene);
                }
                Body::Walker(walker) => self.walker(walker, second, canvas, scene),
            }
        }
    }

    fn walker(&self, walker: &Walker, second: f32, canvas: &mut Canvas, scene: &mut Scene) {
        let person = Person::from_seed(self.world.person_seed(walker.id)).in_mood(0);
        let (x, z) = walker.at(second);
        let head = HEAD * (1.0 - 0.13 * person.childlike());
        let tall = person.stature() * head;
        let Some((center, depth)) = self.view.project([x, tall - 0.5 * head, z]) else { return };
        let height = self.view.focal * head / depth;
        if height < 5.0 {
            return;
        }
        // Where the camera sees them go, and where they look.
        let (across, away) = walker.pace;
        let ahead = across.atan2(-away) - (x - self.view.position[0]).atan2(z);
        let (far, often, phase) = walker.turn;
        let yaw = wrapped(ahead + far * (std::f32::consts::TAU * (often * second + phase)).sin());
        let steps = across.hypot(away) * second / 0.75;
        let view = HeadView { center, height, yaw, pitch: -0.05, roll: 0.02 * (steps * std::f32::consts::PI).sin() };
        let stance = Stance {
            yaw: wrapped(ahead),
            stride: 0.75,
            phase: steps * std::f32::consts::PI,
            arms: [0.05, if walker.id.is_multiple_of(3) { 0.6 } else { 0.05 }],
            telephone: None,
        };
        let mut figure = Figure::default();
        let extent = head::add_head(&mut figure, &person, &view, &self.light);
        body::add_whole(&mut figure, &person, &view, &stance, &self.light);
        figure.paint(canvas, head::samples(height), &mut Easel::default(), &mut |_, _| {});
        scene.head(canvas, extent.shown(&person, yaw), (walker.id, person.skin_tone()), yaw);
    }
}

impl Driver {
    /// Metres away of its nearest face.
    fn z(&self, second: f32) -> f32 {
        let gone = (second - self.passes) * self.speed;
        NEAR + if self.facing == Facing::Front { -gone } else { gone }
    }
}

impl Walker {
    fn at(&self, second: f32) -> (f32, f32) {
        (self.from.0 + self.pace.0 * second, self.from.1 + self.pace.1 * second)
    }
}

/// An angle within half a turn to each side.
fn wrapped(angle: f32) -> f32 {
    let whole = std::f32::consts::TAU;
    angle - whole * (angle / whole).round()
}

/// On a pole beside the road, above people's heads.
fn camera(size: Size, rng: &mut Rng) -> View {
    let (w, h) = (size.width as f32, size.height as f32);
    View {
        focal: w * rng.between(1.0, 1.35),
        center: (w / 2.0, h / 2.0),
        position: [rng.between(-0.6, 0.6), rng.between(2.4, 3.2), 0.0],
        yaw: rng.between(-0.05, 0.05),
        pitch: rng.between(0.11, 0.17),
        roll: rng.bell() * 0.008,
    }
}

/// Vehicles in both lanes, one after the other.
fn drivers(world: &World, seconds: f32, rng: &mut Rng) -> Vec<Driver> {
    let mut drivers = Vec::new();
    for (facing, lane) in [(Facing::Front, -1.7f32), (Facing::Rear, 1.9)] {
        let speed = rng.between(6.0, 12.0);
        let cross = (FAR - NEAR) / speed;
        // Who comes has been on the way before; who leaves is there for a while.
        let mut passes = rng.between(0.3, 1.5) - if facing == Facing::Front { 0.0 } else { cross };
        while passes < seconds + cross {
            let id = world.bystander(rng);
            drivers.push(Driver { id, facing, x: lane + rng.bell() * 0.15, passes, speed });
            passes += rng.between(9.0, 26.0) / speed;
        }
    }
    drivers
}

/// People on both pavements, across the road, and towards the camera.
fn walkers(world: &World, seconds: f32, rng: &mut Rng) -> Vec<Walker> {
    let mut walkers = Vec::new();
    let count = 2 + (seconds / 2.5) as u64;
    for _ in 0..count {
        let id = world.members(world.bystander(rng)).next().unwrap_or(0);
        // Somewhere in the middle of their way at some time of the film.
        let (middle, speed) = (rng.between(0.0, seconds), rng.between(0.9, 1.7));
        let ((x, z), (across, away)) = match rng.below(4) {
            0 => {
                let side = if rng.odds(0.5) { 1.0 } else { -1.0 };
                ((0.0, rng.between(5.0, 13.0)), (side * speed, rng.between(-0.2, 0.2)))
            }
            1 => {
                let side = if rng.odds(0.5) { 1.0 } else { -1.0 };
                ((side * rng.between(3.4, 4.6), 9.0), (rng.between(-0.1, 0.1), speed))
            }
            _ => {
                let side = if rng.odds(0.5) { 1.0 } else { -1.0 };
                ((side * rng.between(2.0, 4.2), rng.between(6.0, 10.0)), (rng.between(-0.15, 0.15), -speed))
            }
        };
        let turn = (rng.between(0.2, 0.9), rng.between(0.1, 0.5), rng.unit());
        let from = (x - across * middle, z - away * middle);
        walkers.push(Walker { id, from, pace: (across, away), turn });
    }
    walkers
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: jiff::civil::Date = jiff::civil::date(2019, 4, 1);

    fn film(seed: u64) -> Film {
        Film::new(seed, 50, Size::new(480, 270), START).expect("a film")
    }

    #[test]
    fn any_frame_can_be_drawn_first() {
        let (a, b) = (film(3), film(3));
        let (late, early) = (a.frame(30).expect("drawn"), a.frame(4).expect("drawn"));
        assert!(early.file == b.frame(4).expect("drawn").file && late.file == b.frame(30).expect("drawn").file);
        assert!(early.file != film(4).frame(4).expect("drawn").file);
        assert!(a.sound(7) == b.sound(7) && a.sound(7).len() == 2 * (SOUND_RATE / RATE) as usize);
    }

    #[test]
    fn what_moves_moves_little_from_frame_to_frame_and_stays_who_it_is() {
        let film = Film::new(8, 50, Size::new(960, 540), START).expect("a film");
        let truths: Vec<Truth> = (0..12).map(|number| film.frame(number).expect("drawn").truth).collect();
        let mut followed = 0;
        for pair in truths.windows(2) {
            for region in &pair[0].regions {
                let same = |other: &&super::super::truth::Region| {
                    other.kind == region.kind
                        && other.vehicle_id == region.vehicle_id
                        && other.person_id == region.person_id
                };
                let Some(next) = pair[1].regions.iter().find(same) else { continue };
                let far = (next.bounds[0] - region.bounds[0]).hypot(next.bounds[1] - region.bounds[1]);
                assert!(far < 100.0, "{region:?} {next:?}");
                followed += 1;
            }
        }
        assert!(followed > 10, "{followed}");
    }
}
