//! What a copy keeps of its original's colour profile: how samples become colours, written anew.
//!
//! Owns which profiles are kept, and that nothing else in one reaches a copy: no text, date, maker or private part, and no curve that
//! would show what the eyes did not see. Knows nothing of formats.
//!
//! Kept are profiles by a matrix and curves (all cameras' and screens') and of grey. Those by tables (printers', some scanners') are
//! not: a table can map any colour to any other.

use moxcms::{ColorProfile, DataColorSpace, LocalizableString, ProfileText, ToneReprCurve, Xyzd};

/// Where a profile says when it was made (ICC.1:2022, 7.2.11), and what stands there: 2000-01-01 00:00:00.
const MADE: std::ops::Range<usize> = 24..36;
const THEN: [u8; 12] = [0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0];

/// Most numbers of a curve that is kept: more than that is no curve of a camera's.
const CURVE: usize = 4096;

/// The profile with nothing in it but its colours; `None` for one that is not kept.
pub(super) fn anew(profile: &[u8]) -> Option<Vec<u8>> {
    let read = ColorProfile::new_from_slice(profile).ok()?;
    let mut new = match read.color_space {
        DataColorSpace::Rgb if read.pcs == DataColorSpace::Xyz => {
            let mut new = ColorProfile::new_srgb();
            (new.red_colorant, new.green_colorant, new.blue_colorant) =
                (read.red_colorant, read.green_colorant, read.blue_colorant);
            if !is_of_light([read.red_colorant, read.green_colorant, read.blue_colorant]) {
                return None;
            }
            new.red_trc = Some(natural(read.red_trc?)?);
            new.green_trc = Some(natural(read.green_trc?)?);
            new.blue_trc = Some(natural(read.blue_trc?)?);
            new
        }
        DataColorSpace::Gray => {
            let mut new = ColorProfile::new_gray_with_gamma(1.0);
            new.gray_trc = Some(natural(read.gray_trc?)?);
            new.pcs = read.pcs;
            new
        }
        _ => return None,
    };
    new.cicp = None;
    (new.media_white_point, new.chromatic_adaptation) = (read.media_white_point, read.chromatic_adaptation);
    let said = LocalizableString::new("en".to_owned(), "US".to_owned(), "Colours of the original".to_owned());
    (new.description, new.copyright) = (Some(ProfileText::Localizable(vec![said])), None);
    let mut written = new.encode().ok()?;
    written.get_mut(MADE)?.copy_from_slice(&THEN);
    Some(written)
}

/// Whether a matrix's colours are like those of lights: together they are white, and green is the brightest, red less, and blue hardly
/// any, as in all colour spaces in use. Any other could make plain what is in one colour alone, or in the difference of two.
fn is_of_light(colorants: [Xyzd; 3]) -> bool {
    /// D50, which profiles are written for.
    const WHITE: [f64; 3] = [0.9642, 1.0, 0.8249];
    let [red, green, blue] = colorants.map(|colour| [colour.x, colour.y, colour.z]);
    let white = (0..3).all(|at| (red[at] + green[at] + blue[at] - WHITE[at]).abs() <= 0.05);
    let weights =
        (0.15..=0.45).contains(&red[1]) && (0.5..=0.85).contains(&green[1]) && (-0.1..=0.2).contains(&blue[1]);
    white && weights && [red, green, blue].iter().flatten().all(|value| (-0.2..=1.2).contains(value))
}

/// The curve, when it is like one of light: it rises everywhere, and is nowhere far from a power of what is stored. Any other could
/// make plain what lies in a few steps.
fn natural(curve: ToneReprCurve) -> Option<ToneReprCurve> {
    /// As a share of the brightness that is perceived: that of L*, of sRGB's and of television's curves is 0.06.
    const FAR: f32 = 0.08;
    /// Of perceived brightness.
    const PERCEIVED: f32 = 1.0 / 2.2;
    if matches!(&curve, ToneReprCurve::Lut(numbers) if numbers.len() > CURVE) {
        return None;
    }
    let evaluator = curve.make_linear_evaluator().ok()?;
    let values: Vec<f32> = (0..=1024).map(|step| evaluator.evaluate_value(step as f32 / 1024.0)).collect();
    let power = values[512].ln() / 0.5f32.ln();
    let near = |(step, value): (usize, &f32)| {
        let expected = (step as f32 / 1024.0).powf(power * PERCEIVED);
        (value.max(0.0).powf(PERCEIVED) - expected).abs() <= FAR
    };
    let rises = values.windows(2).all(|pair| pair[0] <= pair[1] + 1e-5);
    let is_natural = (0.5..=3.5).contains(&power) && rises && values.iter().enumerate().all(near);
    is_natural.then_some(curve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(profile: &ColorProfile) -> Vec<u8> {
        profile.encode().unwrap()
    }

    /// `profile` with `body` under a private tag, and behind the end that it states.
    fn talkative(profile: &[u8], body: &[u8]) -> Vec<u8> {
        let word = |at: usize| u32::from_be_bytes(profile[at..at + 4].try_into().unwrap());
        let (count, entries) = (word(128) as usize, &profile[132..132 + 12 * word(128) as usize]);
        let mut new = [&profile[..128], &(count as u32 + 1).to_be_bytes()].concat();
        for entry in entries.chunks(12) {
            let at = u32::from_be_bytes(entry[4..8].try_into().unwrap()) + 12;
            new.extend([&entry[..4], &at.to_be_bytes(), &entry[8..]].concat());
        }
        let length = profile.len() as u32 + 12;
        new.extend([&b"priv"[..], &length.to_be_bytes(), &(body.len() as u32).to_be_bytes()].concat());
        new.extend([&profile[132 + 12 * count..], body].concat());
        let length = new.len() as u32;
        new[..4].copy_from_slice(&length.to_be_bytes());
        new.extend(body);
        new
    }

    fn usual() -> Vec<ColorProfile> {
        let mut lightness = ColorProfile::new_srgb();
        let of = |step: u32| {
            let l = f64::from(step) / 255.0 * 100.0;
            let y = if l > 8.0 { ((l + 16.0) / 116.0).powi(3) } else { l / 903.3 };
            (y * 65535.0).round() as u16
        };
        let curve = || Some(ToneReprCurve::Lut((0..256).map(of).collect()));
        (lightness.red_trc, lightness.green_trc, lightness.blue_trc) = (curve(), curve(), curve());
        vec![
            ColorProfile::new_srgb(),
            ColorProfile::new_display_p3(),
            ColorProfile::new_adobe_rgb(),
            ColorProfile::new_pro_photo_rgb(),
            ColorProfile::new_gray_with_gamma(2.2),
            lightness,
        ]
    }

    #[test]
    fn of_a_profile_its_colours_come_through_and_nothing_else() {
        for profile in usual() {
            let plain = written(&profile);
            let kept = anew(&plain).expect("kept");
            let body = b"OWNER JOHN DOE \xFF\xD8\xFF\xE0 a thumbnail";
            assert_eq!(anew(&talkative(&plain, body)).as_ref(), Some(&kept), "of any, the same");
            let read = ColorProfile::new_from_slice(&kept).unwrap();
            let original = ColorProfile::new_from_slice(&plain).unwrap();
            let colours = |profile: &ColorProfile| {
                let ColorProfile { red_colorant, green_colorant, blue_colorant, chromatic_adaptation, .. } = profile;
                format!(
                    "{:?} {:?} {red_colorant:?} {green_colorant:?} {blue_colorant:?} {chromatic_adaptation:?} {:?} {:?} {:?} {:?}",
                    profile.color_space,
                    profile.pcs,
                    profile.red_trc,
                    profile.green_trc,
                    profile.blue_trc,
                    profile.gray_trc
                )
            };
            assert_eq!(colours(&read), colours(&original));
        }
    }

    /// A curve that stretches a few steps over all that there is shows what stands in them.
    #[test]
    fn curves_that_make_plain_what_is_faint_are_not_kept() {
        let with = |curve: ToneReprCurve| {
            let mut profile = ColorProfile::new_srgb();
            (profile.red_trc, profile.green_trc) = (Some(curve.clone()), Some(curve.clone()));
            profile.blue_trc = Some(curve);
            anew(&written(&profile))
        };
        let table = |of: &dyn Fn(u32) -> u32| ToneReprCurve::Lut((0..256).map(|at| of(at) as u16).collect());
        assert!(with(table(&|at| at * at)).is_some());
        let low_bits = |at: u32| at % 16 * 4369;
        let step = |at: u32| if at < 120 { 0 } else { 65535 };
        let slope = |at: u32| (at.saturating_sub(100) * 6553).min(65535);
        let falls = |at: u32| 65535 - at * 257;
        for of in [&low_bits as &dyn Fn(u32) -> u32, &step, &slope, &falls] {
            assert!(with(table(of)).is_none());
        }
        assert!(with(ToneReprCurve::Lut(vec![0; 2])).is_none());
        assert!(with(ToneReprCurve::Lut((0..65535).collect())).is_none(), "more numbers than a curve has");
        let mut one = ColorProfile::new_srgb();
        one.blue_trc = Some(table(&step));
        assert!(anew(&written(&one)).is_none(), "in one colour alone");
    }

    #[test]
    fn matrices_that_make_plain_what_is_in_one_colour_are_not_kept() {
        let srgb = ColorProfile::new_srgb();
        let [r, g, b] = [srgb.red_colorant, srgb.green_colorant, srgb.blue_colorant];
        let with = |[red, green, blue]: [Xyzd; 3]| {
            let mut profile = ColorProfile::new_srgb();
            (profile.red_colorant, profile.green_colorant, profile.blue_colorant) = (red, green, blue);
            anew(&written(&profile))
        };
        assert!(with([r, g, b]).is_some());
        let times = |colour: Xyzd, by: f64| Xyzd { x: colour.x * by, y: colour.y * by, z: colour.z * by };
        let white = Xyzd { x: r.x + g.x + b.x, y: r.y + g.y + b.y, z: r.z + g.z + b.z };
        let none = times(white, 0.0);
        for matrix in [
            [none, none, white],
            [times(white, -3.0), times(white, -3.0), times(white, 7.0)],
            [b, g, r],
            [times(r, 2.0), g, b],
            [g, r, b],
        ] {
            assert!(with(matrix).is_none(), "{matrix:?}");
        }
    }

    #[test]
    fn what_is_no_profile_is_not_kept() {
        for bytes in [b"".as_slice(), b"a colour profile", &[7; 4096]] {
            assert_eq!(anew(bytes), None);
        }
        let plain = written(&ColorProfile::new_display_p3());
        for end in 0..plain.len() {
            anew(&plain[..end]);
        }
        // Whatever stands there: an answer.
        for at in 0..plain.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut bytes = plain.clone();
                bytes[at] = value;
                anew(&bytes);
            }
        }
    }
}
