//! Travellers at an inspection booth, in a queue, or walking through a hall or a lane.
//!
//! Owns who stands where, how they are turned, and what of them stays visible. Knows nothing of cameras or files.

mod backdrop;
mod things;

use rand::RngExt;

use crate::geometry::{Rect, Size};
use crate::simulate::body::{self, Stance, Telephone};
use crate::simulate::head::{self, HeadView};
use crate::simulate::person::Person;
use crate::simulate::scene::{Canvas, Conditions, Rng};
use crate::simulate::sculpt::{Easel, Figure, Light, v3};

/// Where the camera stands and what it looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Setting {
    /// Over an officer's shoulder: one person near, the queue behind.
    Counter,
    /// People side by side, looking at the camera.
    Group,
    /// A queue between barriers, near.
    Queue,
    /// A hall or an arcade, seen from above head height.
    Hall,
    /// Outdoors, along a footpath.
    Street,
}

/// One person's place in the picture.
struct Place {
    index: usize,
    view: HeadView,
    stance: Stance,
    far: f32,
}

/// A camera at some height that looks straight ahead.
struct Lens {
    horizon: f32,
    focal: f32,
    /// Metres above the ground.
    high: f32,
}

/// A face or head of which less than this is visible is not to be seen.
const LEAST_VISIBLE: f32 = 0.3;
/// So many people do not stand at a counter.
const CROWD: usize = 10;
/// Metres from crown to chin.
pub(super) const HEAD: f32 = 0.228;

/// A face that shows, or a head of which the face does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadSeen {
    /// The tight box of what is visible of it.
    pub bounds: Rect,
    /// Whether the face shows.
    pub face: bool,
    /// How far it is turned to a side, in radians.
    pub yaw: f32,
}

/// Draws a whole picture of `people` with its surroundings. Returns the face or head of each of them, or `None` where neither is to be seen: hidden by others, outside the picture.
pub fn draw_travellers(
    canvas: &mut Canvas,
    people: &[Person],
    conditions: &Conditions,
    rng: &mut Rng,
) -> Vec<Option<HeadSeen>> {
    let size = Size::new(canvas.width(), canvas.height());
    let (width, height) = (size.width as f32, size.height as f32);
    let setting = match (people.len(), rng.random_range(0..100)) {
        (CROWD.., 0..55) => Setting::Hall,
        (CROWD.., _) => Setting::Street,
        (_, 0..22) => Setting::Counter,
        (0..=1, 22..50) => Setting::Counter,
        (_, 22..48) => Setting::Group,
        (_, 48..66) => Setting::Queue,
        (_, 66..85) => Setting::Hall,
        _ => Setting::Street,
    };
    let lens = Lens {
        horizon: height * rng.random_range(0.28..0.46),
        focal: height * rng.random_range(0.85..1.5),
        high: match setting {
            Setting::Hall | Setting::Street => rng.random_range(1.7..2.9),
            _ => rng.random_range(1.5..1.9),
        },
    };
    let light = Light {
        towards: v3(rng.random_range(-0.85..0.85), rng.random_range(0.35..0.9), rng.random_range(0.25..0.8)).unit(),
        key: rng.random_range(0.4..0.8),
        fill: rng.random_range(0.42..0.64),
    };
    backdrop::draw(canvas, setting, &lens, conditions, rng);
    let mut places: Vec<Place> =
        (0..people.len()).map(|index| place(setting, &lens, people, index, (width, height), rng)).collect();
    places.sort_by(|a, b| b.far.total_cmp(&a.far));

    let (mut stencil, mut easel) = (Stencil::new(size), Easel::default());
    let mut shown = vec![(Rect::new(0.0, 0.0, 0.0, 0.0), false, 0); people.len()];
    for p in &places {
        let person = &people[p.index];
        things::behind(canvas, p.view, person);
        let mut figure = Figure::default();
        let extent = head::add_head(&mut figure, person, &p.view, &light);
        body::add_whole(&mut figure, person, &p.view, &p.stance, &light);
        let id = p.index as u8 + 1;
        figure.paint(canvas, head::samples(p.view.height), &mut easel, &mut |x, y| stencil.mark(x, y, id));
        let (area, face) = extent.shown(person, p.view.yaw);
        shown[p.index] = (area, face, stencil.count(area, id).0);
        if let Some(telephone) = p.stance.telephone {
            stencil.block(things::telephone(canvas, telephone.seen(&p.view, &p.stance), p.view, person, rng));
        }
        let luggage = things::beside(canvas, p.view, person, rng);
        if let Some(area) = luggage {
            stencil.block(area);
        }
    }
    if let Some(area) = things::foreground(canvas, setting, rng) {
        stencil.block(area);
    }
    let mut seen = vec![None; people.len()];
    for p in &places {
        let (area, face, before) = shown[p.index];
        let bounds = visible((area, before), p.index as u8 + 1, &stencil, size);
        seen[p.index] = bounds.map(|bounds| HeadSeen { bounds, face, yaw: p.view.yaw });
    }
    seen
}

/// What is left of a face's box, when enough is.
fn visible((face, before): (Rect, usize), id: u8, stencil: &Stencil, size: Size) -> Option<Rect> {
    let inside = face.clipped(size);
    if inside.area() < LEAST_VISIBLE * face.area() || inside.area() <= 0.0 {
        return None;
    }
    let (after, seen) = stencil.count(face, id);
    let share = after as f32 / before.max(1) as f32;
    if before > 0 && share < LEAST_VISIBLE {
        return None;
    }
    // A face that is partly hidden ends where it is hidden.
    if before > 0 && share < 0.85 { Some(seen.clipped(size)) } else { Some(inside) }
}

fn place(setting: Setting, lens: &Lens, people: &[Person], index: usize, frame: (f32, f32), rng: &mut Rng) -> Place {
    let (width, height) = frame;
    let person = &people[index];
    let count = people.len().max(1) as f32;
    // A child's head is smaller than a grown-up's, its body much more so.
    let head = HEAD * (1.0 - 0.13 * person.childlike()) * rng.random_range(0.96..1.04);
    let tall = person.stature() * head;
    let (mut yaw, pitch, roll) = turn(setting, index, rng);
    let slot = (index as f32 + 0.5) / count;
    let jitter = rng.random_range(-0.5..0.5) / count;
    let (x, far, y) = match setting {
        Setting::Counter if index == 0 => {
            let far = head * lens.focal / (height * rng.random_range(0.22..0.46));
            (rng.random_range(0.32..0.68), far, Some(height * rng.random_range(0.34..0.52)))
        }
        Setting::Counter => {
            let x: f32 =
                if index.is_multiple_of(2) { rng.random_range(0.04..0.36) } else { rng.random_range(0.64..0.96) };
            (x, rng.random_range(2.2..6.0), None)
        }
        Setting::Group => {
            let near = rng.random_range(0.11..0.21) * (4.0 / (count + 1.5)).min(1.25);
            let far = head * lens.focal / (height * near);
            let row = if index.is_multiple_of(2) { 0.46 } else { 0.36 };
            // Shoulder to shoulder, or somewhat apart.
            let apart = (near * height * rng.random_range(1.5..2.1) * count / width).clamp(0.3, 0.86);
            let x = 0.5 + (slot - 0.5) * apart + 0.2 * jitter * apart;
            (x, far, Some(height * (row + rng.random_range(-0.06..0.06))))
        }
        Setting::Queue => (0.06 + 0.88 * slot + 0.6 * jitter, rng.random_range(1.5..4.5), None),
        Setting::Hall => (rng.random_range(0.05..0.95), 2.0 + 9.0 * rng.random_range(0.0f32..1.0).powf(1.4), None),
        Setting::Street => (0.05 + 0.9 * slot + 0.9 * jitter, rng.random_range(3.0..16.0), None),
    };
    let scale = head * lens.focal / (far * head) * head;
    let y = y.unwrap_or(lens.horizon + lens.focal * (lens.high - tall + 0.5 * head) / far);
    // Who is seen from behind walks away.
    if matches!(setting, Setting::Hall | Setting::Street | Setting::Queue) && rng.random_bool(0.3) {
        yaw = std::f32::consts::PI + rng.random_range(-0.7..0.7);
    }
    if yaw > std::f32::consts::PI {
        yaw -= std::f32::consts::TAU;
    }
    let away = yaw.abs() > head::TURNED_AWAY;
    let view = HeadView { center: (x * width, y), height: scale, yaw, pitch, roll };
    let stance = Stance {
        yaw: if away { yaw * 0.97 } else { yaw * rng.random_range(0.3..0.8) },
        stride: match setting {
            Setting::Hall | Setting::Street => rng.random_range(0.0..1.0),
            _ => 0.0,
        },
        phase: rng.random_range(0.0..std::f32::consts::TAU),
        arms: std::array::from_fn(|_| if rng.random_bool(0.25) { rng.random_range(0.3..1.0) } else { 0.05 }),
        telephone: (!away && rng.random_bool(0.06)).then(|| Telephone::random(rng)),
    };
    Place { index, view, stance, far }
}

/// Yaw, pitch and roll of a head.
fn turn(setting: Setting, index: usize, rng: &mut Rng) -> (f32, f32, f32) {
    let spread = |rng: &mut Rng, w: f32| (rng.random_range(-w..w) + rng.random_range(-w..w)) * 0.5;
    let calm = setting == Setting::Group || (setting == Setting::Counter && index == 0);
    let yaw = match rng.random_range(0..100) {
        0..12 if !calm => rng.random_range(1.0f32..1.6) * if rng.random_bool(0.5) { 1.0 } else { -1.0 },
        0..4 => rng.random_range(0.7f32..1.5) * if rng.random_bool(0.5) { 1.0 } else { -1.0 },
        _ if calm => spread(rng, 0.55),
        _ => spread(rng, 1.1),
    };
    let down = if calm { 0.0 } else { -0.08 };
    (yaw, down + spread(rng, 0.45), spread(rng, if calm { 0.35 } else { 0.25 }))
}

/// Who covers what, at half resolution.
struct Stencil {
    width: usize,
    height: usize,
    cells: Vec<u8>,
}

/// In a stencil: covered by a thing.
const THING: u8 = u8::MAX;

impl Stencil {
    fn new(size: Size) -> Self {
        let (width, height) = (size.width.div_ceil(2) as usize, size.height.div_ceil(2) as usize);
        Self { width, height, cells: vec![0; width * height] }
    }

    fn mark(&mut self, x: u32, y: u32, id: u8) {
        if (x | y) & 1 == 0 {
            self.cells[(y / 2) as usize * self.width + (x / 2) as usize] = id;
        }
    }

    fn span(&self, area: Rect) -> Option<crate::geometry::PixelRect> {
        area.scaled(0.5).pixels(Size::new(self.width as u32, self.height as u32))
    }

    fn block(&mut self, area: Rect) {
        if let Some(p) = self.span(area) {
            for y in p.y..p.bottom() {
                let row = y as usize * self.width;
                self.cells[row + p.x as usize..row + p.right() as usize].fill(THING);
            }
        }
    }

    /// How many cells of `area` belong to `id`, and the box around them.
    fn count(&self, area: Rect, id: u8) -> (usize, Rect) {
        let Some(p) = self.span(area) else { return (0, Rect::new(0.0, 0.0, 0.0, 0.0)) };
        let mut count = 0;
        let mut corners = Vec::new();
        for y in p.y..p.bottom() {
            for x in p.x..p.right() {
                if self.cells[y as usize * self.width + x as usize] == id {
                    count += 1;
                    corners.push((x as f32 * 2.0, y as f32 * 2.0));
                    corners.push((x as f32 * 2.0 + 2.0, y as f32 * 2.0 + 2.0));
                }
            }
        }
        (count, Rect::around(corners))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::simulate::scene::{Illumination, Weather};

    const CLEAR_DAY: Conditions = Conditions { illumination: Illumination::Day, weather: Weather::Clear };

    fn scene(seed: u64, size: Size) -> (Canvas, Vec<Option<HeadSeen>>) {
        let mut rng = Rng::seed_from_u64(seed);
        let people: Vec<Person> = (0..rng.random_range(1..=6)).map(|_| Person::from_seed(rng.random())).collect();
        let mut canvas = Canvas::new(size.width, size.height).expect("a size above zero");
        let faces = draw_travellers(&mut canvas, &people, &CLEAR_DAY, &mut rng);
        assert_eq!(faces.len(), people.len());
        (canvas, faces)
    }

    #[test]
    fn the_same_seed_draws_the_same_pixels_and_truth() {
        let size = Size::new(640, 360);
        let ((a, first), (b, second)) = (scene(11, size), scene(11, size));
        assert!(a.data() == b.data());
        assert_eq!(first, second);
    }

    #[test]
    fn faces_lie_inside_the_picture_and_most_people_show_one() {
        let size = Size::new(640, 360);
        let (mut shown, mut all) = (0, 0);
        for seed in 0..24 {
            let (_, faces) = scene(seed, size);
            all += faces.len();
            for HeadSeen { bounds: face, .. } in faces.into_iter().flatten().filter(|seen| seen.face) {
                shown += 1;
                let inside = face.clipped(size);
                assert!(face.area() > 0.0 && (inside.area() - face.area()).abs() < 0.5, "seed {seed}: {face:?}");
            }
        }
        assert!(shown * 10 > all * 6, "{shown} of {all}");
    }

    #[test]
    fn a_canvas_of_any_size_will_do() {
        for (width, height) in [(1, 1), (3, 200), (200, 3), (64, 48)] {
            for seed in 0..6 {
                scene(seed, Size::new(width, height));
            }
        }
    }
}
