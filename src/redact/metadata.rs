//! A blanked copy of a JPEG gets words of its original's back, and stands upright: for who publishes it.
//!
//! Owns where the segments go and how a copy is turned. Which values are kept: [`super::exif`] and [`super::panorama`]. Works on a
//! finished copy, in which nothing is left that was blanked; of the original it takes words, and no pixel.

use super::exif::{self, Keep, Stand};
use super::{APP1, RedactError, panorama};
use crate::frame::{self, Format, JpegCoding, Orientation, Picture, Pixels, Sampling, Told};
use crate::jpeg::Segment;

/// What a published copy carries of its original.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    /// Of its EXIF.
    pub exif: Keep,
    /// How a panorama lies on the sphere.
    pub panorama: bool,
}

/// Longest body of a segment: its length is told in two bytes, which it includes.
const LONGEST: usize = 65_533;

/// The JPEG `copy`, blanked, of the JPEG `original`: with its pixels upright and the original's `words`. One that stands upright keeps
/// its coefficients; another is decoded, turned, and coded with its own tables.
///
/// # Errors
///
/// When the copy cannot be decoded.
pub fn published(copy: &[u8], original: &[u8], words: Words) -> Result<Vec<u8>, RedactError> {
    let way = Told::of_jpeg(copy).orientation();
    let turned = way != Orientation::Upright;
    let (size, bare) = if turned {
        let picture = upright(frame::jpeg_picture(copy)?, way);
        let profile: Vec<Segment<'_>> = segments(copy).filter(|(marker, _)| *marker == super::APP2).collect();
        (picture.size, super::encode(&picture, &profile)?)
    } else {
        (frame::jpeg_size(copy)?, without_exif(copy))
    };
    let stand = Stand { orientation: Orientation::Upright.number(), size, turned };
    let new: Vec<Vec<u8>> = bodies(original, Format::Jpeg, words, stand).into_iter().flatten().collect();
    Ok(with_segments(&bare, &new))
}

/// The `words` of an original that a JPEG carries which stands as `stand` says: bodies of APP1 segments, of EXIF and of a panorama's
/// packet.
pub(super) fn bodies(original: &[u8], format: Format, words: Words, stand: Stand) -> [Option<Vec<u8>>; 2] {
    let exif = frame::exif(original, format).and_then(|block| exif::anew(block, words.exif, stand));
    let exif = exif.map(|block| [exif::SIGNATURE, &block].concat());
    // What a panorama says of its pixels is said of them as they were stored.
    let wanted = words.panorama && !stand.turned;
    let packet = wanted.then(|| frame::xmp(original, format).and_then(panorama::anew)).flatten();
    let packet = packet.map(|packet| [panorama::SIGNATURE, &packet].concat());
    [exif, packet].map(|body| body.filter(|body| body.len() <= LONGEST))
}

/// Picture and pixels turned as they were seen.
fn upright(picture: Picture, way: Orientation) -> Picture {
    let Picture { size: stored, pixels, coding, .. } = picture;
    let pixels = match pixels {
        Pixels::Gray(samples) => Pixels::Gray(way.turned_samples::<1>(&samples, stored)),
        Pixels::Ycbcr(samples) => Pixels::Ycbcr(way.turned_samples::<3>(&samples, stored)),
        Pixels::Rgb(samples) => Pixels::Rgb(way.turned_samples::<3>(&samples, stored)),
    };
    let size = way.seen_size(stored);
    let coding = coding.map(|coding| if way.swaps_sides() { transposed(&coding) } else { coding });
    Picture { size, unit: (1, 1), pixels, seen: None, layers: Vec::new(), coding, stored: false }
}

/// The coding by which what lay across now stands.
fn transposed(coding: &JpegCoding) -> JpegCoding {
    let turn = |steps: &[u16; 64]| std::array::from_fn(|at| steps[at % 8 * 8 + at / 8]);
    let Sampling { horizontal, vertical } = coding.sampling;
    JpegCoding {
        luma: turn(&coding.luma),
        chroma: turn(&coding.chroma),
        sampling: Sampling { horizontal: vertical, vertical: horizontal },
    }
}

/// Markers and bodies of the application segments of a copy, which has nothing between its segments.
fn segments(copy: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = copy.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (marker, body, next) = segment(rest)?;
        rest = next;
        Some((marker, body))
    })
}

/// The application segment that `rest` begins with, and what follows it.
fn segment(rest: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [0xFF, marker @ 0xE0..=0xEF, after @ ..] = rest else { return None };
    let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
    let (body, next) = after.split_at_checked(length)?;
    Some((*marker, body.get(2..)?, next))
}

/// The copy without the tag that says its way up.
fn without_exif(copy: &[u8]) -> Vec<u8> {
    let mut out = copy[..2].to_vec();
    let mut rest = &copy[2..];
    while let Some((marker, body, next)) = segment(rest) {
        if marker != APP1 || !body.starts_with(exif::SIGNATURE) {
            out.extend(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    out.extend(rest);
    out
}

/// The copy with new APP1 segments of these bodies, behind JFIF's own.
fn with_segments(copy: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut at = 2;
    while let Some((0xE0, body, _)) = segment(&copy[at..]) {
        at += 4 + body.len();
    }
    let mut out = Vec::with_capacity(copy.len() + bodies.iter().map(|body| body.len() + 4).sum::<usize>());
    out.extend(&copy[..at]);
    for body in bodies {
        out.extend([0xFF, APP1]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend(body);
    }
    out.extend(&copy[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::jpeg;

    const STORED: Size = Size::new(50, 34);

    /// Grey that rises to the right and faster downwards, and red in one corner.
    fn original(orientation: Orientation) -> Vec<u8> {
        let pixel = |x: u32, y: u32| if x > 32 && y > 16 { [90, 100, 200] } else { [(x + 4 * y) as u8, 128, 128] };
        let samples = (0..STORED.height).flat_map(|y| (0..STORED.width).flat_map(move |x| pixel(x, y))).collect();
        let coding = JpegCoding::of_quality(95, Sampling { horizontal: 2, vertical: 1 });
        let exif = orientation.exif();
        let segments: Vec<Segment<'_>> = exif.iter().map(|exif| (APP1, exif.as_slice())).collect();
        jpeg::encode(STORED, &Pixels::Ycbcr(samples), &coding, &segments)
    }

    fn samples(file: &[u8]) -> (Size, Vec<u8>, Sampling) {
        let Picture { size, pixels: Pixels::Ycbcr(samples), coding: Some(coding), .. } =
            frame::jpeg_picture(file).expect("a JPEG")
        else {
            panic!("colours of a JPEG");
        };
        (size, samples, coding.sampling)
    }

    #[test]
    fn pixels_stand_upright_and_nothing_says_otherwise() {
        for way in [1, 2, 3, 4, 5, 6, 7, 8].map(|n| Orientation::from_number(n).expect("a way up")) {
            let original = original(way);
            let published =
                published(&original, &original, Words { exif: Keep::EVERYTHING, panorama: true }).expect("made");
            assert_eq!(Told::of_jpeg(&published).ways(), [Orientation::Upright], "{way:?}");
            let (size, found, sampling) = samples(&published);
            assert_eq!(size, way.seen_size(STORED));
            let wanted = way.turned_samples::<3>(&samples(&original).1, STORED);
            // Two losses of quality 95, and chroma that is halved along the other side.
            let most = found.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most < Some(40), "{way:?}: {most:?}");
            let mean: f64 =
                found.iter().zip(&wanted).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / found.len() as f64;
            assert!(mean < 1.5, "{way:?}: {mean}");
            let (across, down) = if way.swaps_sides() { (1, 2) } else { (2, 1) };
            assert_eq!(sampling, Sampling { horizontal: across, vertical: down });
        }
    }

    #[test]
    fn an_upright_copy_keeps_its_coefficients() {
        let original = original(Orientation::Upright);
        let published = published(&original, &original, Words::default()).expect("made");
        assert_eq!(published, original);
    }

    #[test]
    fn a_panoramas_packet_comes_through_and_no_other_words() {
        let packet = b"<x xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\" \
            GPano:ProjectionType=\"equirectangular\" dc:creator=\"Jane Roe\"/>";
        let bare = original(Orientation::Upright);
        let with = with_segments(&bare, &[[panorama::SIGNATURE, packet].concat()]);
        let made = published(&bare, &with, Words { exif: Keep::default(), panorama: true }).expect("made");
        assert!(Told::of_jpeg(&made).panorama());
        assert!(memchr::memmem::find(&made, b"Jane").is_none());
        assert_eq!(published(&bare, &with, Words::default()).expect("made"), bare);
    }
}
