//! Puts a camera before a place, vehicles into it and people behind their windscreens, and notes what shows.
//!
//! Owns where things stand and what of them can be made out. Knows nothing of files.

use std::f32::consts::PI;

use super::camera::{Glow, Reflector, Settings};
use super::chance::{Chance, dice};
use super::head::{HeadView, draw_bust};
use super::person::Person;
use super::plate::warp::{Quad, around};
use super::road::{self, Ground};
use super::scene::{Canvas, Illumination, Rng, Weather};
use super::vehicle::{Facing, Marks, Seat, Vehicle};
use super::view::{Easel, Place, View};
use super::world::{Plan, Scenario, World};
use crate::geometry::Rect;

/// A plate, a face or a head before it is exposed.
pub struct Sight {
    /// Tight box on the canvas.
    pub bounds: Rect,
    /// What it is.
    pub what: What,
    /// The canvas as it was right after it was drawn: what differs in the end has been covered.
    print: Print,
    /// Share that later drawing covered, 0 to 1.
    pub hidden: f32,
}

/// What a sight is.
pub enum What {
    /// A plate.
    Plate {
        /// Its corners.
        quad: Quad,
        /// What it says.
        text: String,
        /// Who issued it.
        issuer: &'static str,
        /// Height of its letters in pixels.
        letters: f32,
        /// The vehicle.
        vehicle: u64,
    },
    /// Somebody's face, or their head where the face does not show.
    Head {
        /// The person.
        person: u64,
        /// Monk scale.
        skin_tone: u8,
        /// Whether the face shows.
        face: bool,
        /// How far it is turned away from the camera to a side, in radians: 0 looks into it.
        yaw: f32,
        /// Behind glass, body or reflections through which it cannot be made out.
        behind_glass: bool,
    },
}

/// A composed canvas.
#[derive(Default)]
pub struct Scene {
    /// Plates, faces and heads, in the order in which they were drawn.
    pub sights: Vec<Sight>,
    /// Lamps.
    pub glows: Vec<Glow>,
    /// Plates, for the night.
    pub reflectors: Vec<Reflector>,
}

/// A few pixels of the canvas, to tell later whether they were painted over.
struct Print(Vec<(usize, [u8; 3])>);

impl Print {
    fn take(canvas: &Canvas, bounds: Rect) -> Self {
        let size = crate::geometry::Size::new(canvas.width(), canvas.height());
        let Some(area) = bounds.pixels(size) else { return Self(Vec::new()) };
        let step = |n: u32| (n / 12).max(1) as usize;
        let mut points = Vec::new();
        for y in (area.y..area.bottom()).step_by(step(area.h)) {
            for x in (area.x..area.right()).step_by(step(area.w)) {
                let at = ((y * size.width + x) * 4) as usize;
                let d = &canvas.data()[at..at + 3];
                points.push((at, [d[0], d[1], d[2]]));
            }
        }
        Self(points)
    }

    /// Share of the points that have another colour now.
    fn changed(&self, canvas: &Canvas) -> f32 {
        let differs =
            |(at, was): &&(usize, [u8; 3])| canvas.data()[*at..at + 3].iter().zip(was).any(|(a, b)| a.abs_diff(*b) > 6);
        self.0.iter().filter(differs).count() as f32 / self.0.len().max(1) as f32
    }
}

impl Print {
    /// How much of the drawing still shows through what was laid over it: the correlation of luma then and now, at most 1.
    fn likeness(&self, canvas: &Canvas) -> f32 {
        let luma = |d: &[u8]| 0.30 * f32::from(d[0]) + 0.59 * f32::from(d[1]) + 0.11 * f32::from(d[2]);
        let pairs = || self.0.iter().map(|(at, was)| (luma(was), luma(&canvas.data()[*at..at + 3])));
        let count = self.0.len().max(1) as f32;
        let (was, is) = pairs().fold((0.0, 0.0), |(a, b), (was, is)| (a + was / count, b + is / count));
        let (mut both, mut then, mut now) = (0.0f32, 0.0f32, 0.0f32);
        for (a, b) in pairs().map(|(a, b)| (a - was, b - is)) {
            both += a * b;
            then += a * a;
            now += b * b;
        }
        both / (then * now).sqrt().max(1e-3)
    }
}

/// Below this likeness a face behind glass can no longer be made out: a pillar, the roof or a reflection is what shows.
const SHOWS_THROUGH: f32 = 0.6;

impl Scene {
    /// Notes the head of a person who stands in the open: its box, and whether that is the face's.
    pub fn head(&mut self, canvas: &Canvas, (bounds, face): (Rect, bool), (person, skin_tone): (u64, u8), yaw: f32) {
        let what = What::Head { person, skin_tone, face, yaw, behind_glass: false };
        self.sights.push(Sight { bounds, what, print: Print::take(canvas, bounds), hidden: 0.0 });
    }

    /// Compares each sight's pixels with what was drawn there.
    pub fn settle(&mut self, canvas: &Canvas) {
        for sight in &mut self.sights {
            sight.hidden = sight.print.changed(canvas);
        }
    }
}

/// A vehicle to be drawn.
pub(super) struct Placed {
    pub(super) vehicle: Vehicle,
    pub(super) id: u64,
    pub(super) place: Place,
    pub(super) facing: Facing,
}

/// Draws vehicles where `plan` says.
pub fn vehicles(world: &World, scenario: Scenario, plan: &Plan, canvas: &mut Canvas, rng: &mut Rng) -> Scene {
    let facing = plan.lane.facing(rng);
    let vehicle = Vehicle::from_seed(world.vehicle_seed(plan.household), plan.region);
    let ground = match scenario {
        Scenario::SixWeeks => Ground::Port,
        Scenario::Mixed => *rng.weighted(&[
            (Ground::Port, 0.4),
            (Ground::Street, 0.25),
            (Ground::CarPark, 0.2),
            (Ground::Highway, 0.15),
        ]),
    };
    let stance = match scenario {
        Scenario::SixWeeks => lane_camera(plan, canvas, rng),
        Scenario::Mixed if rng.odds(0.35) => lane_camera(plan, canvas, rng),
        Scenario::Mixed => any_camera(&vehicle, canvas, rng),
    };
    road::draw(canvas, &stance.view, ground, plan.conditions, rng);
    let mut placed = vec![Placed { vehicle, id: plan.household, place: stance.place, facing }];
    others(world, plan, ground, &stance, facing, rng, &mut placed);
    placed.sort_by(|a, b| b.place.z.total_cmp(&a.place.z));
    let mut scene = Scene::default();
    for one in &placed {
        draw_one(world, plan, one, &stance.view, canvas, rng, &mut scene);
    }
    scene
}

/// An empty place: what stands there must not be taken for plates or faces.
pub fn nobody(plan: &Plan, canvas: &mut Canvas, rng: &mut Rng) -> Scene {
    let stance = lane_camera(plan, canvas, rng);
    let ground = *rng.pick(&[Ground::Port, Ground::Street, Ground::CarPark, Ground::Highway]);
    road::draw(canvas, &stance.view, ground, plan.conditions, rng);
    Scene::default()
}

/// A camera and the main vehicle's place before it.
struct Stance {
    view: View,
    place: Place,
}

/// A lane's camera always hangs in the same place and looks at the same spot.
fn lane_camera(plan: &Plan, canvas: &Canvas, rng: &mut Rng) -> Stance {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let mut mount = dice(u64::from(plan.lane.number), "mount", plan.site.len() as u64);
    let height = mount.between(0.9, 3.4);
    let side = mount.between(-2.2, 2.2);
    let distance = mount.between(4.5, 9.0);
    let across = mount.between(1.7, 4.2);
    let z = distance * rng.between(0.85, 1.25);
    let pitch = ((height - 0.85) / distance).atan() + mount.between(-0.02, 0.02);
    let view = View {
        focal: w * distance / across,
        center: (w / 2.0, h / 2.0),
        position: [side, height, 0.0],
        yaw: -(side / distance).atan() + mount.between(-0.04, 0.04),
        pitch,
        roll: mount.bell() * 0.015,
    };
    Stance { view, place: Place { x: rng.bell() * 0.2, z, heading: rng.bell() * 0.03 } }
}

/// Any camera: hand-held, far, near, from the side, tilted.
fn any_camera(vehicle: &Vehicle, canvas: &Canvas, rng: &mut Rng) -> Stance {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let scale = h / 720.0;
    let plate = vehicle.plate(Facing::Rear).map_or(0.4, |p| p.size().0);
    // From 24 to 300 pixels, each doubling as likely as the next.
    let pixels = (24.0 * (rng.unit() * (300.0f32 / 24.0).ln()).exp() * scale).min(0.45 * w);
    let z = rng.between(3.0, 16.0);
    let focal = (pixels / plate * z).clamp(0.45 * w, 6.0 * w);
    let turn = if rng.odds(0.45) { rng.bell() * 0.38 } else { rng.bell() * 0.07 };
    let turn = turn.clamp(-1.0, 1.0);
    let height = if rng.odds(0.25) { rng.between(2.5, 6.0).min(0.6 * z) } else { rng.between(0.7, 2.0) };
    let aim_y = rng.between(0.4, 1.2);
    // The subject lies somewhere in the picture, not in its middle.
    let (dx, dy) = (rng.bell() * 0.13 * w, rng.bell() * 0.1 * h);
    let x = rng.bell() * 0.8;
    let view = View {
        focal,
        center: (w / 2.0, h / 2.0),
        position: [0.0, height, 0.0],
        yaw: (x / z).atan() - (dx / focal).atan(),
        pitch: ((height - aim_y) / z).atan() - (dy / focal).atan(),
        roll: if rng.odds(0.3) { rng.bell() * 0.05 } else { rng.bell() * 0.01 },
    };
    Stance { view, place: Place { x, z, heading: turn } }
}

/// Queue, neighbours, parked cars.
fn others(
    world: &World,
    plan: &Plan,
    ground: Ground,
    stance: &Stance,
    facing: Facing,
    rng: &mut Rng,
    placed: &mut Vec<Placed>,
) {
    let mut add = |place: Place, facing: Facing, rng: &mut Rng| {
        let id = world.bystander(rng);
        let vehicle = Vehicle::from_seed(world.vehicle_seed(id), plan.region);
        placed.push(Placed { vehicle, id, place, facing });
    };
    let main = stance.place;
    match ground {
        Ground::CarPark => {
            for slot in [-2i32, -1, 1, 2] {
                if rng.odds(0.5) {
                    let side = slot as f32 * rng.between(2.6, 2.9);
                    let (s, c) = main.heading.sin_cos();
                    let place = Place {
                        x: main.x + side * c,
                        z: (main.z - side * s + rng.bell() * 0.3).max(1.5),
                        heading: main.heading + rng.bell() * 0.03,
                    };
                    add(place, if rng.odds(0.7) { facing } else { opposite(facing) }, rng);
                }
            }
        }
        _ => {
            if rng.odds(0.5) {
                let gap = rng.between(6.5, 11.0) + if rng.odds(0.3) { 6.0 } else { 0.0 };
                add(Place { x: main.x + rng.bell() * 0.25, z: main.z + gap, heading: rng.bell() * 0.03 }, facing, rng);
            }
            for lane in [-3.5f32, 3.6, 7.2] {
                if rng.odds(0.4) {
                    let z = (main.z + rng.between(-2.0, 16.0)).max(4.0);
                    let away = if ground == Ground::Port {
                        facing
                    } else if lane < 0.0 {
                        opposite(facing)
                    } else {
                        facing
                    };
                    add(Place { x: lane + rng.bell() * 0.2, z, heading: rng.bell() * 0.03 }, away, rng);
                }
            }
        }
    }
}

fn opposite(facing: Facing) -> Facing {
    match facing {
        Facing::Front => Facing::Rear,
        Facing::Rear => Facing::Front,
    }
}

/// Draws a vehicle with who sits in it, and notes what shows.
pub(super) fn draw_one(
    world: &World,
    plan: &Plan,
    one: &Placed,
    view: &View,
    canvas: &mut Canvas,
    rng: &mut Rng,
    scene: &mut Scene,
) {
    let glare = match plan.conditions.weather {
        Weather::Glare => rng.between(0.3, 1.0),
        _ => rng.unit().powi(2) * 0.9,
    };
    let mut heads = Vec::new();
    let members: Vec<u64> = world.members(one.id).take(2).collect();
    let mut draw_seats = |canvas: &mut Canvas, seats: &[Seat]| {
        for (&id, seat) in members.iter().zip(seats) {
            if seat.height < 7.0 {
                continue;
            }
            let person = Person::from_seed(world.person_seed(id));
            let person = if plan.is_film { person.in_mood(0) } else { person };
            let person = match seat.coat {
                Some(coat) => person.riding(coat),
                None => person,
            };
            let mut pose = dice(world.person_seed(id), "pose", plan.index);
            let ahead = one.place.heading.clamp(-0.6, 0.6) + pose.bell() * 0.22;
            let view = HeadView {
                center: seat.center,
                height: seat.height,
                yaw: if seat.away { PI - ahead } else { ahead },
                pitch: pose.bell() * 0.1,
                roll: pose.bell() * 0.06,
            };
            let shown = draw_bust(canvas, &person, &view).shown(&person, view.yaw);
            heads.push((shown, (id, person.skin_tone(), view.yaw), Print::take(canvas, shown.0), seat.coat.is_some()));
        }
        members.len().min(seats.len())
    };
    let mut easel = Easel { canvas, view, place: one.place };
    let Marks { plate, lamps, .. } = one.vehicle.draw(&mut easel, one.facing, rng, glare, &mut draw_seats);
    for ((bounds, face), (person, skin_tone, yaw), bare, open) in heads {
        let print = Print::take(canvas, bounds);
        // What the glass mirrors, a pillar or the roof hides a face as surely as another car.
        let behind_glass = !open && (glare > 0.75 || bare.likeness(canvas) < SHOWS_THROUGH);
        scene.sights.push(Sight {
            bounds,
            what: What::Head { person, skin_tone, face, yaw, behind_glass },
            print,
            hidden: 0.0,
        });
    }
    let retro = rng.between(0.55, 1.5);
    if let Some(mark) = plate {
        let bounds = around(&mark.quad);
        let print = Print::take(canvas, bounds);
        scene.reflectors.push(Reflector { quad: mark.quad, gain: retro });
        scene.sights.push(Sight {
            bounds,
            what: What::Plate {
                quad: mark.quad,
                text: mark.text,
                issuer: mark.issuer,
                letters: mark.letters,
                vehicle: one.id,
            },
            print,
            hidden: 0.0,
        });
    }
    let lit = match plan.conditions.illumination {
        Illumination::Day => rng.odds(0.15),
        Illumination::Infrared => rng.odds(0.7),
        _ => rng.odds(0.92),
    };
    if lit {
        let strength = match (one.facing, plan.conditions.illumination) {
            (Facing::Front, Illumination::Day) => 0.35,
            (Facing::Front, _) => rng.between(0.5, 1.0),
            (Facing::Rear, _) => rng.between(0.25, 0.7),
        };
        for lamp in lamps {
            scene.glows.push(Glow { center: lamp.center, radius: lamp.radius, color: lamp.color, strength });
        }
    }
}

/// How well a plate or a face can be made out on the exposed picture.
pub struct Legibility {
    /// It is asked for at all.
    pub shown: bool,
    /// A plate's text is asked for.
    pub readable: bool,
}

impl Legibility {
    /// Judges `sight`, which lies at `bounds` on the exposed picture; `contrast` is its range of luma there and `inside`
    /// the share of it within the picture.
    pub fn judge(sight: &Sight, bounds: Rect, inside: f32, contrast: f32, settings: &Settings) -> Self {
        let noise = settings.tone.noise;
        match &sight.what {
            What::Plate { letters, .. } => {
                let shown = inside > 0.5
                    && sight.hidden < 0.55
                    && bounds.w >= 16.0
                    && bounds.h >= 6.0
                    && contrast > 14.0 + noise;
                let readable = shown
                    && inside > 0.985
                    && sight.hidden < 0.06
                    && *letters > 9.5
                    && settings.smear() < 0.2 * letters
                    && contrast > 26.0 + 2.2 * noise;
                Self { shown, readable }
            }
            What::Head { behind_glass, .. } => {
                let shown = inside > 0.5
                    && sight.hidden < 0.5
                    && bounds.w >= 12.0
                    && !behind_glass
                    && contrast > 16.0 + noise
                    && settings.smear() < 0.5 * bounds.w;
                Self { shown, readable: false }
            }
        }
    }
}
