//! Vehicles: what they are, for good, and how they look from the front or from behind.
//!
//! Owns bodies, lamps, glass and where plates and people sit. Knows nothing of roads or cameras' defects.

mod body;
mod extras;
mod front;
mod motorcycle;
mod rear;
mod truck;

use super::brush::Rgb;
use super::chance::{Chance, dice};
use super::plate::design::Region;
use super::plate::warp::{Quad, lay};
use super::plate::{Carrier, Plate};
use super::scene::Rng;
use super::view::{Easel, Point3};

/// Which end points to the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facing {
    /// It comes towards the camera.
    Front,
    /// It drives away.
    Rear,
}

/// What kind of vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Kind {
    Sedan,
    Hatchback,
    Suv,
    Minivan,
    Pickup,
    Van,
    BoxTruck,
    Semitrailer,
    Motorcycle,
}

/// One vehicle, the same whenever it comes back.
pub struct Vehicle {
    kind: Kind,
    paint: Rgb,
    shape: body::Shape,
    front: front::Face,
    tail: rear::Tail,
    extras: extras::Extras,
    freight: truck::Freight,
    rider: motorcycle::Rider,
    front_plate: Option<Plate>,
    rear_plate: Plate,
    /// How the plate hangs: right, up (metres), turned (radians).
    hang: (f32, f32, f32),
    clean: f32,
}

/// What a drawn vehicle shows.
#[derive(Default)]
pub struct Marks {
    /// Its plate, if one shows.
    pub plate: Option<PlateMark>,
    /// Where heads belong behind the windscreen, with their height in pixels: the driver first.
    pub seats: Vec<Seat>,
    /// Lamps, for the night.
    pub lamps: Vec<Lamp>,
}

/// A plate on the canvas.
pub struct PlateMark {
    /// Corners as read.
    pub quad: Quad,
    /// Letters and digits.
    pub text: String,
    /// Who issued it.
    pub issuer: &'static str,
    /// Height of its letters in pixels.
    pub letters: f32,
}

/// A head's place.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Middle of the head.
    pub center: (f32, f32),
    /// Crown to chin in pixels.
    pub height: f32,
    /// What riders wear, who sit in the open.
    pub coat: Option<[u8; 3]>,
    /// Seen from behind.
    pub away: bool,
}

/// A lamp on the canvas.
#[derive(Clone, Copy, Debug)]
pub struct Lamp {
    /// Its middle.
    pub center: (f32, f32),
    /// Its radius in pixels.
    pub radius: f32,
    /// Its light.
    pub color: Rgb,
}

/// Who sits there, drawn by the caller: in a car while its glass is open. Returns how many of the seats are taken.
pub type DrawSeats<'a> = &'a mut dyn FnMut(&mut super::scene::Canvas, &[Seat]) -> usize;

impl Vehicle {
    /// The vehicle that `seed` stands for; `region` says where its plates come from.
    pub fn from_seed(seed: u64, region: Region) -> Self {
        let mut rng = dice(seed, "vehicle", 0);
        let kind = *rng.weighted(&[
            (Kind::Sedan, 0.30),
            (Kind::Hatchback, 0.15),
            (Kind::Suv, 0.2),
            (Kind::Minivan, 0.07),
            (Kind::Pickup, 0.1),
            (Kind::Van, 0.05),
            (Kind::BoxTruck, 0.04),
            (Kind::Semitrailer, 0.04),
            (Kind::Motorcycle, 0.05),
        ]);
        let paint = paint(&mut rng);
        let carrier = if kind == Kind::Motorcycle { Carrier::Motorcycle } else { Carrier::Car };
        let rear_plate = Plate::random(&mut rng, region, carrier);
        // Some issuers give no front plate, and some drivers leave it off.
        let front_plate = (kind != Kind::Motorcycle && rng.odds(0.86)).then(|| rear_plate.clone());
        Self {
            kind,
            paint,
            shape: body::Shape::random(&mut rng, kind),
            front: front::Face::random(&mut rng, kind),
            tail: rear::Tail::random(&mut rng, kind),
            extras: extras::Extras::random(&mut rng, kind),
            freight: truck::Freight::random(&mut rng),
            rider: motorcycle::Rider::random(&mut rng, seed),
            front_plate,
            rear_plate,
            hang: (
                if rng.odds(0.12) { rng.between(-0.25, 0.25) } else { 0.0 },
                rng.between(-0.03, 0.03),
                if rng.odds(0.3) { rng.bell() * 0.02 } else { rng.bell() * 0.006 },
            ),
            clean: rng.unit(),
        }
    }

    /// What kind of vehicle it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The plate that `facing` shows.
    pub fn plate(&self, facing: Facing) -> Option<&Plate> {
        match facing {
            Facing::Front => self.front_plate.as_ref(),
            Facing::Rear => Some(&self.rear_plate),
        }
    }

    /// Width in metres, mirrors left out.
    pub fn width(&self) -> f32 {
        self.shape.half_width * 2.0
    }

    /// Draws the vehicle. `seats` draws who sits behind the windscreen, between the glass and its reflections; `glare` is
    /// how much the glass mirrors, 0 to 1.
    pub fn draw(&self, easel: &mut Easel, facing: Facing, rng: &mut Rng, glare: f32, seats: DrawSeats) -> Marks {
        let mut marks = Marks::default();
        body::shadow(easel, &self.shape);
        match (self.kind, facing) {
            (Kind::Motorcycle, _) => motorcycle::draw(self, easel, facing, rng, seats, &mut marks),
            (Kind::BoxTruck | Kind::Semitrailer, Facing::Rear) => truck::draw_rear(self, easel, rng, &mut marks),
            (Kind::BoxTruck | Kind::Semitrailer, Facing::Front) => {
                truck::draw_box_behind(self, easel);
                body::draw(self, easel, facing, glare, seats, &mut marks);
                front::draw(self, easel, rng, &mut marks);
            }
            (_, Facing::Front) => {
                body::draw(self, easel, facing, glare, seats, &mut marks);
                front::draw(self, easel, rng, &mut marks);
            }
            (_, Facing::Rear) => {
                body::draw(self, easel, facing, glare, seats, &mut marks);
                rear::draw(self, easel, rng, &mut marks);
            }
        }
        marks
    }

    /// Lays the plate at local point `at`, leaning back by `lean`, and notes it.
    fn hang_plate(&self, easel: &mut Easel, facing: Facing, at: Point3, lean: f32, rng: &mut Rng, marks: &mut Marks) {
        let Some(plate) = self.plate(facing) else { return };
        let (w, h) = plate.size();
        let (right, up, turn) = self.hang;
        let center = [at[0] + right, at[1] + up, at[2]];
        let Some(quad) = easel.panel(center, w, h, turn, lean) else { return };
        let width = (quad[1].0 - quad[0].0).hypot(quad[1].1 - quad[0].1);
        let height = (quad[3].0 - quad[0].0).hypot(quad[3].1 - quad[0].1);
        if !(3.0..=2000.0).contains(&width) {
            return;
        }
        // Drawn somewhat larger than it will lie there, never so small that the letters' strokes vanish.
        let Some(art) = plate.draw((width.max(height * w / h) * 1.25).clamp(72.0, 800.0)) else { return };
        let light = rng.between(0.72, 1.0);
        let lip = if rng.odds(0.35) { rng.between(0.5, 0.9) } else { 1.0 };
        lay(easel.canvas, &art, &quad, (light * lip, light));
        marks.plate = Some(PlateMark {
            quad,
            text: plate.text(),
            issuer: plate.issuer(),
            letters: height * plate.letter_height(),
        });
    }

    /// Notes a lamp at a local point.
    fn lamp(&self, easel: &Easel, at: Point3, radius: f32, color: Rgb, marks: &mut Marks) {
        if let Some(center) = easel.at(at) {
            marks.lamps.push(Lamp { center, radius: radius * easel.scale(at), color });
        }
    }
}

fn paint(rng: &mut Rng) -> Rgb {
    let base = *rng.weighted(&[
        (Rgb(232, 232, 230), 0.24),
        (Rgb(28, 29, 32), 0.2),
        (Rgb(150, 153, 156), 0.16),
        (Rgb(88, 92, 97), 0.12),
        (Rgb(36, 62, 112), 0.08),
        (Rgb(132, 28, 32), 0.08),
        (Rgb(196, 180, 150), 0.04),
        (Rgb(44, 74, 58), 0.03),
        (Rgb(96, 130, 170), 0.03),
        (Rgb(206, 160, 40), 0.02),
        (Rgb(92, 62, 44), 0.02),
    ]);
    let mut near = |v: u8| (f32::from(v) + rng.bell() * 9.0).clamp(8.0, 246.0) as u8;
    Rgb(near(base.0), near(base.1), near(base.2))
}
