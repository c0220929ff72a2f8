//! Heads and faces: a skull in space, painted, lit, turned and projected; with hair, headgear, glasses and masks.
//!
//! Owns how a [`Person`]'s head looks from any side. Knows nothing of bodies, scenes or cameras.

mod face;
pub(super) mod gear;
mod hair;
mod skull;
mod worn;

use std::sync::LazyLock;

use crate::geometry::Rect;
use crate::simulate::person::{Headgear, Person, mix};
use crate::simulate::scene::Canvas;
use crate::simulate::sculpt::{Easel, Figure, Light, Pose, Samples, Surface, v3};
use skull::{ARC, Skull};

/// Where a head is and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadView {
    /// Midway between crown and chin, in pixels.
    pub center: (f32, f32),
    /// From the skull's crown to the chin, in pixels.
    pub height: f32,
    /// To the picture's right, in radians; ±π/2 is a profile.
    pub yaw: f32,
    /// Upwards, in radians.
    pub pitch: f32,
    /// Clockwise, in radians.
    pub roll: f32,
}

/// Where what of somebody is, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The tight box of the face: from the hairline to the chin, from cheek or ear to cheek or ear; of a profile, from the nose to the ear.
    pub face: Rect,
    /// Of the whole head without hair, or of the helmet.
    pub head: Rect,
}

impl Extent {
    /// What is there to be hidden, and whether it is a face: of who looks away, or behind a dark visor, it is the head.
    pub(super) fn shown(&self, person: &Person, yaw: f32) -> (Rect, bool) {
        let face = yaw.abs() <= TURNED_AWAY && !person.hides_face();
        (if face { self.face } else { self.head }, face)
    }
}

/// Beyond this turn of the head no face is left to be seen.
pub(super) const TURNED_AWAY: f32 = 1.80;

/// Expression: changes from picture to picture.
#[derive(Clone, Copy)]
pub(super) struct Mood {
    /// -1 corners down to 1 a broad smile.
    smile: f32,
    /// 0 closed to 1 wide open.
    speak: f32,
    /// 0 shut to 1 open.
    eyes: f32,
    /// Where the pupils look, -1 to 1.
    gaze: (f32, f32),
    /// -1 a frown to 1 raised.
    brows: f32,
}

/// A number in 0..1 that belongs to a cell of a grid.
pub(super) fn hash(x: u32, y: u32, seed: u32) -> f32 {
    let mut h = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    ((h ^ (h >> 15)) >> 8) as f32 / 16_777_216.0
}

/// Cells of [`noise`] before it repeats, and samples a cell.
const CELLS: usize = 32;
const STEPS: usize = 16;

/// [`noise`], worked out once: people are made of it, and a look-up costs a tenth.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let side = CELLS * STEPS;
    let ease = |i: usize| {
        let f = (i % STEPS) as f32 / STEPS as f32;
        f * f * (3.0 - 2.0 * f)
    };
    let at = |x: usize, y: usize| hash((x % CELLS) as u32, (y % CELLS) as u32, 0x5EED);
    (0..side * side)
        .map(|i| {
            let (x, y) = (i % side, i / side);
            let (cx, cy, s, t) = (x / STEPS, y / STEPS, ease(x), ease(y));
            let top = at(cx, cy) * (1.0 - s) + at(cx + 1, cy) * s;
            let low = at(cx, cy + 1) * (1.0 - s) + at(cx + 1, cy + 1) * s;
            ((top * (1.0 - t) + low * t) * 255.0) as u8
        })
        .collect()
});

/// Smooth noise in 0..1, one hill or hollow a unit; each seed looks at another part of it.
pub(super) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    // A cast cuts towards zero; so far from zero that is rounding down.
    const AWAY: f32 = 4_096.0;
    let (sx, sy) = ((seed.wrapping_mul(0x9E37_79B1) >> 8) as usize, (seed.wrapping_mul(0x85EB_CA77) >> 9) as usize);
    let side = CELLS * STEPS;
    let xi = (((x + AWAY) * STEPS as f32) as usize).wrapping_add(sx) & (side - 1);
    let yi = (((y + AWAY) * STEPS as f32) as usize).wrapping_add(sy) & (side - 1);
    f32::from(NOISE[yi * side + xi]) / 255.0
}

impl Mood {
    /// What `person` looks like in this view: the same each time for the same view.
    fn of(person: &Person, view: &HeadView) -> Self {
        let place =
            view.center.0.to_bits() ^ view.center.1.to_bits().rotate_left(9) ^ view.yaw.to_bits().rotate_left(17);
        let moment = person.moment.unwrap_or(place);
        let chance = |i: u32| hash(person.seed as u32, i, moment);
        let smile = chance(1) * 1.5 - 0.5;
        Self {
            smile: if chance(2) < 0.4 { smile * 0.3 } else { smile },
            speak: if smile > 0.6 && chance(3) < 0.6 {
                0.3 + 0.25 * chance(4)
            } else if chance(3) < 0.12 {
                0.2 + 0.7 * chance(4)
            } else {
                0.0
            },
            eyes: if chance(5) < 0.06 { 0.06 } else { 0.75 + 0.3 * chance(6) },
            gaze: ((chance(7) - 0.5) * 1.1, (chance(8) - 0.6) * 0.8),
            brows: (chance(9) - 0.45) * 1.2,
        }
    }
}

/// The usual daylight: from above, to one side.
pub(super) fn daylight(person: &Person, view: &HeadView) -> Light {
    let (y, x) = person.moment.map_or((view.center.1.to_bits(), view.center.0.to_bits()), |moment| (moment, 0));
    let side = hash(person.seed as u32, y, x) * 2.0 - 1.0;
    Light { towards: v3(0.75 * side, 0.62, 0.75).unit(), key: 0.62, fill: 0.46 }
}

/// Draws a head without neck or shoulders.
pub fn draw_head(canvas: &mut Canvas, person: &Person, view: &HeadView) -> Extent {
    let mut figure = Figure::default();
    let light = daylight(person, view);
    let extent = add_head(&mut figure, person, view, &light);
    figure.paint(canvas, samples(view.height), &mut Easel::default(), &mut |_, _| {});
    extent
}

/// Draws a head and shoulders.
pub fn draw_bust(canvas: &mut Canvas, person: &Person, view: &HeadView) -> Extent {
    let mut figure = Figure::default();
    let light = daylight(person, view);
    let extent = add_head(&mut figure, person, view, &light);
    super::body::add_bust(&mut figure, person, view, &light);
    figure.paint(canvas, samples(view.height), &mut Easel::default(), &mut |_, _| {});
    extent
}

/// Small heads need more samples to keep their features.
pub(super) fn samples(height: f32) -> Samples {
    if height < 26.0 { Samples::Nine } else { Samples::Four }
}

/// Adds a head to `figure`.
pub(super) fn add_head(figure: &mut Figure, person: &Person, view: &HeadView, light: &Light) -> Extent {
    let skull = Skull::new(person);
    let pose = Pose::new(view.center, view.height, view.yaw, view.pitch, view.roll);
    let fine = view.height.clamp(22.0, 360.0);
    let mood = Mood::of(person, view);
    let mut shell = skull.shell(view.height);
    shade_under_headgear(&mut shell, person);
    let face = face_box(&shell, &skull, &pose);
    let head = Rect::around(shell.points.iter().map(|point| {
        let [x, y, _] = pose.project(*point);
        (x, y)
    }));
    let shell_of_helmet = if matches!(person.headgear, Headgear::Helmet { .. }) { 0.12 * head.w } else { 0.0 };
    let extent = Extent { face, head: head.grown(shell_of_helmet, 0.7 * shell_of_helmet) };
    for uv in &mut shell.uv {
        *uv = [(uv[0] + ARC) * fine, (0.5 - uv[1]) * fine];
    }
    let gloss = 0.09 - 0.04 * person.childlike() + 0.012 * f32::from(person.skin_tone());
    let mesh = shell.mesh(&pose, light, gloss);
    if let Some(texture) = face::paint(person, &skull, &mood, fine) {
        figure.add(mesh, Surface::Painted(texture));
    }
    let wrapped = matches!(
        person.headgear,
        Headgear::Hijab { .. } | Headgear::Hood { .. } | Headgear::Helmet { closed: true, .. }
    );
    if !wrapped {
        let thin_skin = mix(person.skin, [170, 60, 50], 0.16);
        for side in [-1.0, 1.0] {
            figure.add_sheet(skull.ear(side).mesh(&pose, light, gloss * 0.5), Surface::Plain(thin_skin));
        }
    }
    hair::add(figure, person, &skull, &pose, light);
    hair::add_beard(figure, person, &skull, &pose, light);
    worn::add_mask(figure, person, &skull, &pose, light);
    gear::add(figure, person, &skull, &pose, light);
    worn::add_glasses(figure, person, &skull, &pose, light);
    extent
}

/// Brims and hoods keep light from the forehead.
fn shade_under_headgear(shell: &mut super::sculpt::Shell, person: &Person) {
    let (depth, until) = match person.headgear {
        Headgear::Cap { backwards: false, .. } => (0.45, -0.05),
        Headgear::Hat { brim, .. } => (0.3 + brim, -0.15 - brim),
        Headgear::Hood { .. } => (0.3, -0.1),
        Headgear::Helmet { .. } => (0.4, 0.0),
        Headgear::Hijab { .. } | Headgear::Turban { .. } | Headgear::Beanie { .. } => (0.25, 0.15),
        Headgear::None | Headgear::Cap { .. } | Headgear::Band { .. } => return,
    };
    for (open, point) in shell.open.iter_mut().zip(&shell.points) {
        let under = ((point.y - until) / 0.22).clamp(0.0, 1.0);
        *open *= 1.0 - depth * under;
    }
}

/// The box of what is the face's and faces the viewer. Of the back of a head, the sliver that is left, or nothing.
fn face_box(shell: &super::sculpt::Shell, skull: &Skull, pose: &Pose) -> Rect {
    let top = skull.levels.hairline;
    // Angles up to the ear's front count.
    let reach = 1.48 * skull::RADIUS;
    let normals = shell.normals();
    let points = (shell.points.iter().zip(&shell.uv).zip(&normals))
        .filter(|((p, uv), n)| {
            uv[1] <= top && uv[0].abs() <= reach && p.z > -0.08 && p.y > -0.52 && pose.turn(**n).z > -0.05
        })
        .map(|((p, _), _)| {
            let [x, y, _] = pose.project(*p);
            (x, y)
        });
    Rect::around(points)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::{FRAC_PI_2, FRAC_PI_6, PI};

    use proptest::prelude::*;

    use super::*;

    const BLANK: u8 = 0;

    fn drawn(seed: u64, view: &HeadView) -> (Canvas, Rect) {
        let (canvas, extent) = drawn_head(seed, view);
        (canvas, extent.face)
    }

    fn drawn_head(seed: u64, view: &HeadView) -> (Canvas, Extent) {
        let mut canvas = Canvas::new(200, 200).expect("a size above zero");
        let extent = draw_head(&mut canvas, &Person::from_seed(seed), view);
        (canvas, extent)
    }

    fn share_drawn(canvas: &Canvas, area: Rect) -> f32 {
        let size = crate::geometry::Size::new(canvas.width(), canvas.height());
        let Some(p) = area.pixels(size) else { return 0.0 };
        let covered = (p.y..p.bottom())
            .flat_map(|y| (p.x..p.right()).map(move |x| (x, y)))
            .filter(|&(x, y)| canvas.pixel(x, y).is_some_and(|c| c.alpha() != BLANK))
            .count();
        covered as f32 / (p.w * p.h) as f32
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_face_lies_on_the_drawn_head(
            seed in any::<u64>(),
            height in 24.0f32..120.0,
            yaw in -FRAC_PI_2..FRAC_PI_2,
            pitch in -FRAC_PI_6..FRAC_PI_6,
            roll in -FRAC_PI_6..FRAC_PI_6,
        ) {
            let view = HeadView { center: (100.0, 100.0), height, yaw, pitch, roll };
            let (canvas, face) = drawn(seed, &view);
            let drawn = share_drawn(&canvas, face);
            prop_assert!(drawn > 0.62, "{drawn} of {face:?} is drawn on");
            prop_assert!(face.h > 0.55 * height && face.h < 1.15 * height, "{face:?} at {height}");
            prop_assert!(face.w > 0.25 * height && face.w < 1.0 * height, "{face:?} at {height}");
            // What lies beyond the box's sides is at most hair, ears and hats: the box is not off the face.
            let (cx, cy) = face.center();
            prop_assert!((cx - 100.0).hypot(cy - 100.0) < 0.45 * height, "{face:?}");
        }

        #[test]
        fn the_heads_box_lies_on_it_from_all_sides(
            seed in any::<u64>(),
            height in 24.0f32..120.0,
            yaw in -PI..PI,
            pitch in -FRAC_PI_6..FRAC_PI_6,
            roll in -FRAC_PI_6..FRAC_PI_6,
        ) {
            let view = HeadView { center: (100.0, 100.0), height, yaw, pitch, roll };
            let (canvas, Extent { face, head }) = drawn_head(seed, &view);
            let drawn = share_drawn(&canvas, head);
            prop_assert!(drawn > 0.6, "{drawn} of {head:?} is drawn on");
            prop_assert!(head.h > 0.6 * height && head.h < 1.5 * height, "{head:?} at {height}");
            prop_assert!(head.w.max(head.h) > 0.75 * height, "{head:?} at {height}");
            prop_assert!(yaw.abs() > TURNED_AWAY || head.overlap(face) > 0.8 * face.area(), "{face:?} in {head:?}");
        }

        #[test]
        fn nothing_panics_wherever_a_head_is(
            seed in any::<u64>(),
            x in -300.0f32..500.0,
            y in -300.0f32..500.0,
            height in 0.01f32..300.0,
            yaw in -4.0f32..4.0,
        ) {
            let view = HeadView { center: (x, y), height, yaw, pitch: 0.3, roll: -0.3 };
            let mut canvas = Canvas::new(120, 90).expect("a size above zero");
            let person = Person::from_seed(seed);
            draw_bust(&mut canvas, &person, &view);
        }
    }

    #[test]
    fn the_same_view_of_the_same_person_is_the_same_picture() {
        let view = HeadView { center: (100.0, 100.0), height: 90.0, yaw: 0.4, pitch: 0.1, roll: -0.1 };
        let ((a, first), (b, second)) = (drawn(5, &view), drawn(5, &view));
        assert!(a.data() == b.data());
        assert_eq!(first, second);
    }

    #[test]
    fn a_profile_is_narrower_than_a_front_and_leans_to_where_it_looks() {
        let at = |yaw: f32| {
            let view = HeadView { center: (100.0, 100.0), height: 100.0, yaw, pitch: 0.0, roll: 0.0 };
            drawn(8, &view).1
        };
        let (left, front, right) = (at(-1.57), at(0.0), at(1.57));
        assert!(left.center().0 < front.center().0 - 5.0 && right.center().0 > front.center().0 + 5.0);
        assert!(left.w < front.w && right.w < front.w);
    }
}
