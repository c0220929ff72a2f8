//! Who somebody is, and what of that shows: skin, age, skull, hair, what is worn.
//!
//! Owns the choice of a person from a seed. Knows nothing of how any of it is drawn.

use rand::{RngExt, SeedableRng};

use crate::simulate::scene::Rng;

/// A colour as red, green and blue.
pub(super) type Rgb = [u8; 3];

/// Somebody who never existed, and always looks the same.
#[derive(Clone)]
pub struct Person {
    pub(super) seed: u64,
    /// What decides the expression and the light on the face; where it is not told, the place on the picture does.
    pub(super) moment: Option<u32>,
    tone: u8,
    pub(super) skin: Rgb,
    /// Years, 4 to 88.
    pub(super) age: f32,
    /// 0 reads as a woman, 1 as a man, and anything between.
    pub(super) build: f32,
    pub(super) features: Features,
    pub(super) hair: Hair,
    pub(super) beard: Beard,
    pub(super) headgear: Headgear,
    pub(super) glasses: Option<Glasses>,
    pub(super) mask: Option<Mask>,
    pub(super) make_up: f32,
    pub(super) outfit: Outfit,
}

/// Proportions of a face, each around 0 and mostly within ±1, or a factor where it says so.
#[derive(Clone)]
pub(super) struct Features {
    /// 1 is a usual width.
    pub width: f32,
    pub jaw: f32,
    pub chin: f32,
    pub cheeks: f32,
    pub nose_width: f32,
    pub nose_length: f32,
    pub nose_height: f32,
    pub bridge: f32,
    pub brow: f32,
    pub eye_size: f32,
    pub eye_gap: f32,
    pub eye_tilt: f32,
    /// 0 a deep crease over the eye, 1 none.
    pub eyelid: f32,
    pub lips: f32,
    pub mouth: f32,
    pub ears: f32,
    pub brow_weight: f32,
    pub iris: Rgb,
    pub freckles: f32,
    /// 0 thin to 1 heavy.
    pub weight: f32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HairStyle {
    Bald,
    Shaved,
    Horseshoe,
    Receding,
    Crop,
    Short,
    SidePart,
    Quiff,
    Curly,
    Afro,
    Bob,
    Fringe,
    Long,
    Waves,
    Tail,
    Bun,
    Locs,
}

#[derive(Clone)]
pub(super) struct Hair {
    pub style: HairStyle,
    pub color: Rgb,
    /// -1 parted at the picture's left, 1 at its right.
    pub parting: f32,
    /// 0.5 to 1.5.
    pub volume: f32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BeardStyle {
    None,
    Stubble,
    Moustache,
    Goatee,
    Short,
    Full,
    Long,
}

#[derive(Clone)]
pub(super) struct Beard {
    pub style: BeardStyle,
    pub color: Rgb,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Headgear {
    None,
    Cap {
        color: Rgb,
        backwards: bool,
    },
    Hat {
        color: Rgb,
        brim: f32,
    },
    Beanie {
        color: Rgb,
    },
    Hijab {
        color: Rgb,
    },
    Turban {
        color: Rgb,
    },
    Hood {
        color: Rgb,
    },
    /// `closed` has a chin bar; a visor may be dark.
    Helmet {
        color: Rgb,
        closed: bool,
        visor: f32,
    },
    Band {
        color: Rgb,
    },
}

#[derive(Clone)]
pub(super) struct Glasses {
    /// 0 clear to 1 black.
    pub tint: f32,
    pub frame: Rgb,
    /// Thickness of the rim, in head heights.
    pub rim: f32,
    /// 0 narrow to 1 wide.
    pub size: f32,
    /// 0 round to 1 square.
    pub square: f32,
}

#[derive(Clone)]
pub(super) struct Mask {
    pub color: Rgb,
    /// Pleats across, rather than a seam down the middle.
    pub pleated: bool,
    /// Whether the nose stays free.
    pub low: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Garment {
    Tee,
    Shirt,
    Suit,
    Hoodie,
    Jacket,
    Coat,
    Vest,
    Robe,
    Stripes,
}

#[derive(Clone)]
pub(super) struct Outfit {
    pub garment: Garment,
    pub main: Rgb,
    pub second: Rgb,
    pub legs: Rgb,
    pub shoes: Rgb,
    pub skirt: bool,
}

/// The ten swatches of the Monk scale.
const MONK: [Rgb; 10] = [
    [246, 237, 228],
    [243, 231, 219],
    [247, 234, 208],
    [234, 218, 186],
    [215, 189, 150],
    [160, 126, 86],
    [130, 92, 67],
    [96, 65, 52],
    [58, 49, 42],
    [41, 36, 32],
];

/// `a` and `b` mixed: all of `a` at 0, all of `b` at 1.
pub(super) fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    std::array::from_fn(|i| (f32::from(a[i]) + (f32::from(b[i]) - f32::from(a[i])) * share).clamp(0.0, 255.0) as u8)
}

/// `color` times `factor`.
pub(super) fn scale(color: Rgb, factor: f32) -> Rgb {
    color.map(|c| (f32::from(c) * factor).clamp(0.0, 255.0) as u8)
}

impl Person {
    /// The person that `seed` stands for.
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::seed_from_u64(seed);
        let r = &mut rng;
        let tone: u8 = r.random_range(1..=10);
        let age = pick_age(r);
        let child = age < 14.0;
        let build: f32 = if r.random_bool(0.5) { r.random_range(0.0..0.3) } else { r.random_range(0.7..1.0) };
        let masculine = build > 0.5;
        let skin = pick_skin(tone, r);
        let hair_color = pick_hair_color(tone, age, r);
        let hair = Hair {
            style: pick_style(masculine, age, tone, r),
            color: hair_color,
            parting: r.random_range(-1.0..1.0),
            volume: r.random_range(0.6..1.4),
        };
        let beard = Beard {
            style: if masculine && age > 18.0 { pick_beard(r) } else { BeardStyle::None },
            color: mix(hair_color, [200, 198, 194], if age > 50.0 { r.random_range(0.0..0.7) } else { 0.0 }),
        };
        let headgear = pick_headgear(masculine, age, r);
        let features = pick_features(tone, build, age, r);
        let glasses = pick_glasses(age, r);
        let mask = r.random_bool(if child { 0.06 } else { 0.13 }).then(|| pick_mask(r));
        let make_up = if !masculine && age > 15.0 && r.random_bool(0.55) { r.random_range(0.2..1.0) } else { 0.0 };
        let outfit = pick_outfit(masculine, &headgear, r);
        let moment = None;
        Self { seed, moment, tone, skin, age, build, features, hair, beard, headgear, glasses, mask, make_up, outfit }
    }

    /// The person in a mood that does not change with where they are on the picture: from frame to frame of a film.
    pub(super) fn in_mood(self, moment: u32) -> Self {
        Self { moment: Some(moment), ..self }
    }

    /// Skin tone on the Monk scale, 1 to 10; uniform over persons.
    pub fn skin_tone(&self) -> u8 {
        self.tone
    }

    /// Whether nothing of the face can be seen: behind the dark visor of a closed helmet.
    pub(super) fn hides_face(&self) -> bool {
        matches!(self.headgear, Headgear::Helmet { closed: true, visor, .. } if visor > 0.5)
    }

    /// The person as they ride, in a coat: most in a helmet, of whatever kind; nobody in a hat that the wind would take.
    pub(super) fn riding(self, coat: Rgb) -> Self {
        let r = &mut Rng::seed_from_u64(self.seed ^ 0x51DE);
        let color = pick_cloth(r);
        let headgear = match r.random_range(0..100) {
            0..72 => {
                Headgear::Helmet { color, closed: r.random_bool(0.55), visor: [0.0, 0.25, 0.8][r.random_range(0..3)] }
            }
            72..80 => Headgear::Cap { color, backwards: true },
            _ => match self.headgear {
                worn @ (Headgear::Hijab { .. } | Headgear::Turban { .. } | Headgear::Beanie { .. }) => worn,
                _ => Headgear::None,
            },
        };
        let outfit = Outfit { garment: Garment::Jacket, main: coat, second: coat, ..self.outfit };
        Self { headgear, outfit, ..self }
    }

    /// How much of a child's proportions the head has: 1 at four years, 0 from sixteen.
    pub(super) fn childlike(&self) -> f32 {
        ((16.0 - self.age) / 12.0).clamp(0.0, 1.0)
    }

    /// How much age shows: 0 until thirty, 1 at eighty.
    pub(super) fn worn(&self) -> f32 {
        ((self.age - 30.0) / 50.0).clamp(0.0, 1.0)
    }

    /// Body height in head heights, from crown to sole.
    pub(super) fn stature(&self) -> f32 {
        7.4 - 2.1 * self.childlike() - 0.2 * self.worn() + 0.3 * (self.build - 0.5)
    }
}

fn pick_age(r: &mut Rng) -> f32 {
    match r.random_range(0..100) {
        0..12 => r.random_range(4.0..14.0),
        12..22 => r.random_range(14.0..22.0),
        22..58 => r.random_range(22.0..42.0),
        58..82 => r.random_range(42.0..62.0),
        _ => r.random_range(62.0..88.0),
    }
}

fn pick_skin(tone: u8, r: &mut Rng) -> Rgb {
    let index = usize::from(tone - 1);
    let towards = if r.random_bool(0.5) { MONK[(index + 1).min(9)] } else { MONK[index.saturating_sub(1)] };
    let swatch = mix(MONK[index], towards, r.random_range(0.0..0.4));
    // The swatches are flat paint. Skin is redder where it is thin, and a camera exposes for it.
    let depth = index as f32 / 9.0;
    let [red, green, blue] = swatch.map(f32::from);
    let warm: f32 = r.random_range(0.0..1.0);
    let lift = 34.0 * depth * depth;
    [
        (red * (1.0 - 0.02 * warm) + lift * 1.35) as u8,
        (green * (0.87 - 0.05 * warm + 0.05 * depth) + lift * 0.85) as u8,
        (blue * (0.80 - 0.09 * warm + 0.09 * depth) + lift * 0.62) as u8,
    ]
}

fn pick_hair_color(tone: u8, age: f32, r: &mut Rng) -> Rgb {
    let natural: Rgb = match r.random_range(0..100) {
        0..6 if tone <= 4 => [214, 182, 128],
        6..22 if tone <= 5 => [176, 136, 86],
        22..30 if tone <= 3 => [150, 74, 40],
        30..55 if tone <= 6 => [92, 62, 42],
        55..58 => [128, 40, 48],
        58..60 => [190, 150, 92],
        _ if tone >= 7 => [24, 20, 18],
        _ => [44, 32, 26],
    };
    let grey = if age > 38.0 { ((age - 38.0) / 40.0 * r.random_range(0.3f32..1.4)).clamp(0.0, 1.0) } else { 0.0 };
    mix(natural, [206, 204, 200], grey)
}

fn pick_style(masculine: bool, age: f32, tone: u8, r: &mut Rng) -> HairStyle {
    use HairStyle::*;
    let styles: &[HairStyle] = match (masculine, age > 45.0, tone >= 7) {
        (true, false, false) => &[Crop, Crop, Short, Short, SidePart, SidePart, Quiff, Curly, Shaved, Fringe, Receding],
        (true, true, false) => {
            &[Crop, Short, SidePart, SidePart, Horseshoe, Horseshoe, Receding, Receding, Bald, Shaved, Curly]
        }
        (true, false, true) => &[Shaved, Shaved, Crop, Crop, Crop, Short, Afro, Locs, Curly, Bald],
        (true, true, true) => &[Shaved, Shaved, Crop, Horseshoe, Bald, Bald, Receding, Short],
        (false, false, false) => &[Long, Long, Waves, Waves, Bob, Fringe, Tail, Tail, Bun, Curly, Short],
        (false, true, false) => &[Bob, Bob, Short, Short, Waves, Curly, Bun, Long, SidePart],
        (false, _, true) => &[Locs, Locs, Afro, Afro, Curly, Bun, Bun, Tail, Bob, Crop, Waves],
    };
    styles[r.random_range(0..styles.len())]
}

fn pick_beard(r: &mut Rng) -> BeardStyle {
    match r.random_range(0..100) {
        0..46 => BeardStyle::None,
        46..62 => BeardStyle::Stubble,
        62..69 => BeardStyle::Moustache,
        69..76 => BeardStyle::Goatee,
        76..88 => BeardStyle::Short,
        88..96 => BeardStyle::Full,
        _ => BeardStyle::Long,
    }
}

fn pick_cloth(r: &mut Rng) -> Rgb {
    const CLOTH: [Rgb; 16] = [
        [28, 30, 36],
        [52, 56, 64],
        [96, 100, 106],
        [186, 188, 190],
        [228, 228, 224],
        [34, 48, 84],
        [58, 88, 140],
        [120, 158, 200],
        [120, 36, 40],
        [178, 58, 52],
        [62, 84, 58],
        [112, 122, 78],
        [190, 170, 130],
        [112, 84, 60],
        [206, 160, 60],
        [126, 92, 140],
    ];
    let base = CLOTH[r.random_range(0..CLOTH.len())];
    scale(base, r.random_range(0.85..1.12))
}

fn pick_headgear(masculine: bool, age: f32, r: &mut Rng) -> Headgear {
    let color = pick_cloth(r);
    match r.random_range(0..100) {
        0..9 => Headgear::Cap { color, backwards: r.random_bool(0.15) },
        9..13 => Headgear::Hat { color, brim: r.random_range(0.1..0.3) },
        13..18 => Headgear::Beanie { color },
        18..26 if !masculine && age > 12.0 => Headgear::Hijab { color },
        26..31 if masculine && age > 12.0 => Headgear::Turban { color },
        31..35 => Headgear::Hood { color },
        35..37 if age > 16.0 => {
            Headgear::Helmet { color, closed: r.random_bool(0.6), visor: [0.0, 0.25, 0.8][r.random_range(0..3)] }
        }
        37..39 if !masculine => Headgear::Band { color },
        _ => Headgear::None,
    }
}

fn pick_features(tone: u8, build: f32, age: f32, r: &mut Rng) -> Features {
    let mut spread = |width: f32| (r.random_range(-1.0f32..1.0) + r.random_range(-1.0f32..1.0)) * 0.5 * width;
    let iris_choice = spread(2.0);
    let mut features = Features {
        width: 1.0 + spread(0.09),
        jaw: spread(1.0) + (build - 0.5) * 0.8,
        chin: spread(1.0) + (build - 0.5) * 0.4,
        cheeks: spread(1.0),
        nose_width: spread(1.2),
        nose_length: spread(1.0),
        nose_height: spread(1.2),
        bridge: spread(1.0),
        brow: spread(0.8) + (build - 0.5) * 1.0,
        eye_size: spread(1.0) - (build - 0.5) * 0.5,
        eye_gap: spread(1.0),
        eye_tilt: spread(1.0),
        eyelid: spread(1.0).abs(),
        lips: spread(1.2) - (build - 0.5) * 0.5,
        mouth: spread(1.0),
        ears: spread(1.0),
        brow_weight: spread(0.8) + (build - 0.5) * 0.8,
        iris: [58, 38, 26],
        freckles: 0.0,
        weight: spread(0.8).abs() + if age > 40.0 { 0.1 } else { 0.0 },
    };
    if tone <= 5 {
        features.iris = match iris_choice {
            c if c < -0.7 => [96, 128, 156],
            c if c < -0.4 => [102, 122, 86],
            c if c < 0.1 => [106, 74, 44],
            _ => features.iris,
        };
    }
    if tone <= 3 && r.random_bool(0.25) {
        features.freckles = r.random_range(0.3..1.0);
    }
    features
}

fn pick_glasses(age: f32, r: &mut Rng) -> Option<Glasses> {
    let share = if age < 14.0 {
        0.12
    } else if age > 50.0 {
        0.42
    } else {
        0.27
    };
    r.random_bool(share).then(|| {
        const FRAMES: [Rgb; 6] =
            [[20, 20, 22], [30, 26, 24], [96, 62, 36], [150, 146, 140], [170, 138, 74], [40, 50, 92]];
        Glasses {
            tint: if r.random_bool(0.3) { r.random_range(0.7..0.97) } else { r.random_range(0.0..0.12) },
            frame: FRAMES[r.random_range(0..FRAMES.len())],
            rim: r.random_range(0.006..0.026),
            size: r.random_range(0.0..1.0),
            square: r.random_range(0.0..1.0),
        }
    })
}

fn pick_mask(r: &mut Rng) -> Mask {
    const MASKS: [Rgb; 7] = [
        [150, 190, 216],
        [168, 204, 222],
        [232, 234, 236],
        [236, 236, 234],
        [34, 34, 38],
        [60, 70, 96],
        [196, 150, 150],
    ];
    let index = r.random_range(0..MASKS.len() + 1);
    let color = MASKS.get(index).copied().unwrap_or_else(|| pick_cloth(r));
    Mask { color, pleated: r.random_bool(0.65), low: r.random_bool(0.08) }
}

fn pick_outfit(masculine: bool, headgear: &Headgear, r: &mut Rng) -> Outfit {
    use Garment::*;
    let garment = match headgear {
        Headgear::Hood { .. } => Hoodie,
        Headgear::Helmet { .. } => Jacket,
        Headgear::Hijab { .. } if r.random_bool(0.5) => Robe,
        _ => [Tee, Tee, Tee, Shirt, Shirt, Suit, Hoodie, Jacket, Jacket, Coat, Vest, Stripes, Robe]
            [r.random_range(0..12)],
    };
    let main = match headgear {
        Headgear::Hood { color } => *color,
        _ => pick_cloth(r),
    };
    let legs = [[38, 44, 62], [44, 46, 52], [60, 76, 110], [28, 28, 32], [150, 134, 104], [104, 100, 92]];
    Outfit {
        garment,
        main,
        second: pick_cloth(r),
        legs: scale(legs[r.random_range(0..legs.len())], r.random_range(0.85..1.2)),
        shoes: [[26, 24, 24], [70, 46, 32], [210, 210, 206], [60, 62, 70]][r.random_range(0..4)],
        skirt: !masculine && r.random_bool(0.2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_skin_tone_has_an_equal_share() {
        let mut counts = [0u32; 10];
        let people = 5_000;
        for seed in 0..people {
            counts[usize::from(Person::from_seed(seed).skin_tone()) - 1] += 1;
        }
        // Five standard deviations of a binomial with p = 0.1.
        let expected = people as f32 / 10.0;
        let slack = 5.0 * (expected * 0.9).sqrt();
        assert!(counts.iter().all(|&n| (n as f32 - expected).abs() < slack), "{counts:?}");
    }

    #[test]
    fn darker_tones_are_drawn_darker() {
        let luma = |p: &Person| 0.3 * f32::from(p.skin[0]) + 0.59 * f32::from(p.skin[1]) + 0.11 * f32::from(p.skin[2]);
        let mut sums = [(0.0, 0.0); 10];
        for seed in 0..2_000 {
            let p = Person::from_seed(seed);
            let s = &mut sums[usize::from(p.skin_tone()) - 1];
            *s = (s.0 + luma(&p), s.1 + 1.0);
        }
        let means = sums.map(|(sum, n)| sum / n);
        assert!(means[2..].windows(2).all(|w| w[0] > w[1]), "{means:?}");
    }

    #[test]
    fn somebody_stays_the_same() {
        let (a, b) = (Person::from_seed(42), Person::from_seed(42));
        assert_eq!((a.skin, a.age, a.hair.style, &a.headgear), (b.skin, b.age, b.hair.style, &b.headgear));
    }
}
