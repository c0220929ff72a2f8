//! The product's own nets on drawn people, in pictures of every size, the wrong way up, pale, cut and combed.

use std::sync::OnceLock;

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, imageops};
use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center_no_crop};
use jpeg_encoder::{ColorType, Encoder};

use super::*;
use crate::frame::{Frame, Limits};
use crate::geometry::{Rect, Size};
use crate::redact::{Area, Figure};
use crate::simulate::picture::draw;
use crate::simulate::world::{Scenario, World};
use crate::vision::Found;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

/// A picture with the faces that it shows.
#[derive(Clone)]
struct Drawn {
    luma: GrayImage,
    faces: Vec<Rect>,
}

/// Drawn travellers whose every face is hidden when the picture is looked at by itself.
fn travellers() -> &'static [Drawn] {
    static DRAWN: OnceLock<Vec<Drawn>> = OnceLock::new();
    DRAWN.get_or_init(|| {
        let world = World::new(16, 1000, Scenario::Mixed, jiff::civil::date(2019, 4, 1));
        let size = Size::new(WIDTH, HEIGHT);
        let pictures = (0..).filter_map(|index| {
            let picture = draw(&world, Scenario::Mixed, size, index, 16).unwrap();
            let day = picture.truth.conditions.illumination == "day" && picture.truth.conditions.weather == "clear";
            if picture.truth.scene != "travellers" || !day {
                return None;
            }
            let faces: Vec<Rect> = picture
                .truth
                .regions
                .iter()
                .filter(|region| region.kind == "face")
                .map(|region| Rect::new(region.bounds[0], region.bounds[1], region.bounds[2], region.bounds[3]))
                .collect();
            let luma = image::load_from_memory(&picture.file).unwrap().into_luma8();
            let drawn = Drawn { luma, faces };
            (drawn.faces.len() >= 2 && drawn.hidden(&drawn.jpeg(&[])) == drawn.faces.len()).then_some(drawn)
        });
        pictures.take(6).collect()
    })
}

impl Drawn {
    /// The picture as a file with these APP1 segments.
    fn jpeg(&self, segments: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 90);
        for segment in segments {
            encoder.add_app_segment(1, segment.clone()).unwrap();
        }
        let (width, height) = self.luma.dimensions();
        encoder.encode(self.luma.as_raw(), width as u16, height as u16, ColorType::Luma).unwrap();
        file
    }

    /// How many of its faces are blanked, all but a rim, when `file` is examined, which shows it.
    fn hidden(&self, file: &[u8]) -> usize {
        let areas = blanked(file);
        let covered = |face: &Rect| {
            let inner = face.grown(-0.1 * face.w, -0.1 * face.h);
            let spots = (0..400).map(|at| ((at % 20) as f32 + 0.5, (at / 20) as f32 + 0.5));
            let place = |(x, y): (f32, f32)| (inner.x + x / 20.0 * inner.w, inner.y + y / 20.0 * inner.h);
            let inside = |(x, y): (f32, f32)| {
                areas.iter().flat_map(Area::pieces).any(|piece| piece.contains(x as u32, y as u32))
            };
            spots.map(place).filter(|spot| inside(*spot)).count() >= 380
        };
        self.faces.iter().filter(|face| covered(face)).count()
    }

    fn with(&self, luma: GrayImage, to: impl Fn(Rect) -> Rect) -> Self {
        Self { luma, faces: self.faces.iter().map(|face| to(*face)).collect() }
    }

    /// Turned right by 90°.
    fn turned(&self) -> Self {
        let to = |f: Rect| Rect::new(self.luma.height() as f32 - f.bottom(), f.x, f.h, f.w);
        self.with(imageops::rotate90(&self.luma), to)
    }

    fn toned(&self, tone: impl Fn(u8) -> u8) -> Self {
        let mut luma = self.luma.clone();
        luma.pixels_mut().for_each(|pixel| pixel.0[0] = tone(pixel.0[0]));
        self.with(luma, |face| face)
    }
}

fn blanked(file: &[u8]) -> Vec<Area> {
    static NETS: OnceLock<Nets> = OnceLock::new();
    let frame = Frame::decode(file, &Limits::default()).unwrap();
    let mut eyes = TrainedEyes::new(NETS.get_or_init(Nets::builtin));
    let found = eyes.look(&frame, &mut Stages::default()).found;
    let figure = |oval| if oval { Figure::Oval } else { Figure::Box };
    found.iter().filter_map(|found| Area::new(figure(found.oval), found.wide, &frame)).collect()
}

/// How many faces there are in all of `pictures`, and how many of them are hidden when they are stored as `file` makes them.
fn count(pictures: &[Drawn], file: impl Fn(&Drawn) -> Vec<u8>) -> (usize, usize) {
    let all = pictures.iter().map(|drawn| drawn.faces.len()).sum();
    (all, pictures.iter().map(|drawn| drawn.hidden(&file(drawn))).sum())
}

/// One large picture of small ones side by side, `columns` in a row, on a ground that reaches as far as `size`.
fn mosaic(pictures: &[Drawn], columns: u32, size: (u32, u32)) -> Drawn {
    let mut luma = GrayImage::from_pixel(size.0, size.1, Luma([96]));
    let mut faces = Vec::new();
    for (at, drawn) in (0u32..).zip(pictures) {
        let (x, y) = (at % columns * WIDTH, at / columns * HEIGHT);
        imageops::replace(&mut luma, &drawn.luma, x.into(), y.into());
        faces.extend(drawn.faces.iter().map(|face| face.moved(x as f32, y as f32)));
    }
    Drawn { luma, faces }
}

#[test]
fn a_large_picture_hides_what_its_parts_hide() {
    // On both sides of where a picture was once halved once more.
    for size in [(3840, 1440), (4096, 1500), (4100, 1500), (8200, 1500)] {
        let large = mosaic(travellers(), 3, size);
        let (all, hidden) = (large.faces.len(), large.hidden(&large.jpeg(&[])));
        assert!(all >= 12 && hidden == all, "{size:?}: {hidden} of {all}");
    }
}

#[test]
fn a_face_across_the_seam_of_a_panorama_is_hidden() {
    let drawn = mosaic(&travellers()[..2], 2, (2560, 1280));
    let width = drawn.luma.width();
    for face in &drawn.faces {
        // The picture is cut in the middle of the face.
        let cut = face.center().0 as u32;
        let mut luma = drawn.luma.clone();
        for (x, y, pixel) in luma.enumerate_pixels_mut() {
            *pixel = *drawn.luma.get_pixel((x + cut) % width, y);
        }
        let left = Rect::new(0.0, face.y, face.right() - cut as f32, face.h);
        let right = Rect::new(width as f32 - (cut as f32 - face.x), face.y, cut as f32 - face.x, face.h);
        let cut = Drawn { luma, faces: vec![left, right] };
        assert_eq!(cut.hidden(&cut.jpeg(&[])), 2, "cut at {face:?}");
    }
}

/// An EXIF segment whose orientation is `number`, of this type of TIFF.
fn exif(kind: u8, number: u8) -> Vec<u8> {
    let value = if kind == 4 { [0, 0, 0, number] } else { [0, number, 0, 0] };
    [b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0".as_slice(), &[kind, 0, 0, 0, 1], &value, &[0; 4]].concat()
}

#[test]
fn orientation_hides_everything_however_and_however_wrongly_it_is_told() {
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation=\"8\"/>".to_vec();
    let told: [(&str, Vec<Vec<u8>>); 5] = [
        ("a usual tag", vec![exif(3, 8)]),
        ("a number of 32 bits", vec![exif(4, 8)]),
        ("a packet of XMP", vec![xmp]),
        ("the second of two blocks", vec![exif(3, 1), exif(3, 8)]),
        ("the first of two blocks", vec![exif(3, 8), exif(3, 1)]),
    ];
    let upright = &travellers()[..2];
    let turned: Vec<Drawn> = upright.iter().map(Drawn::turned).collect();
    for (how, segments) in &told {
        for (pictures, truth) in [(upright, "wrong"), (&turned[..], "right")] {
            let (all, hidden) = count(pictures, |drawn| drawn.jpeg(segments));
            assert_eq!(hidden, all, "{how}, which is {truth}");
        }
    }
}

#[test]
fn a_pale_picture_hides_what_one_of_full_range_hides() {
    for (share, dark) in [(0.1, 0.0), (0.1, 110.0), (0.15, 215.0)] {
        let pale: Vec<Drawn> =
            travellers().iter().map(|drawn| drawn.toned(|v| (dark + f32::from(v) * share) as u8)).collect();
        let (all, hidden) = count(&pale, |drawn| drawn.jpeg(&[]));
        assert!(hidden + 1 >= all, "{share} of the range from {dark}: {hidden} of {all}");
    }
}

#[test]
fn a_picture_that_lies_on_its_side_without_saying_so_hides_what_it_hides_upright() {
    let mut turned: Vec<Drawn> = travellers().to_vec();
    for way in [90, 180, 270] {
        turned = turned.iter().map(Drawn::turned).collect();
        let (all, hidden) = count(&turned, |drawn| drawn.jpeg(&[]));
        // Upside down faces are faces, too, and one that is sure stands for the others.
        assert!(hidden + if way == 180 { 3 } else { 1 } >= all, "{way}: {hidden} of {all}");
    }
}

#[test]
fn a_negative_hides_what_its_positive_hides() {
    let negative: Vec<Drawn> = travellers().iter().map(|drawn| drawn.toned(|v| 255 - v)).collect();
    let (all, hidden) = count(&negative, |drawn| drawn.jpeg(&[]));
    assert!(hidden + 2 >= all, "{hidden} of {all}");
}

#[test]
fn a_field_hides_what_its_picture_hides() {
    let fields: Vec<Drawn> = travellers()
        .iter()
        .map(|drawn| {
            let field = GrayImage::from_fn(WIDTH, HEIGHT / 2, |x, y| *drawn.luma.get_pixel(x, 2 * y));
            // As a field of 1280 × 288 is squeezed: a little more than by half.
            drawn.with(imageops::resize(&field, WIDTH, 288, imageops::FilterType::Triangle), |f| {
                Rect::new(f.x, f.y * 0.4, f.w, f.h * 0.4)
            })
        })
        .collect();
    let (all, hidden) = count(&fields, |drawn| drawn.jpeg(&[]));
    assert!(hidden + 1 >= all, "{hidden} of {all}");
}

#[test]
fn an_interlaced_picture_hides_what_both_of_its_moments_show() {
    const MOVED: u32 = 24;
    let combed: Vec<Drawn> = travellers()
        .iter()
        .map(|drawn| {
            let luma = GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
                *drawn.luma.get_pixel(if y % 2 == 1 { (x + MOVED) % WIDTH } else { x }, y)
            });
            let mut both = drawn.with(luma, |face| face);
            both.faces.extend(drawn.faces.iter().map(|f| f.moved(-(MOVED as f32), 0.0)).filter(|f| f.x >= 0.0));
            both
        })
        .collect();
    let (all, hidden) = count(&combed, |drawn| drawn.jpeg(&[]));
    assert!(hidden + 2 >= all, "{hidden} of {all}");
}

/// Something over a picture that is as bright as can be: a bar of 12 rows, or a block at the side.
fn overlaid(x: u32, y: u32) -> bool {
    y < 12 || (x < 17 && (300..490).contains(&y))
}

/// Files of sixteen bits whose camera has ten, where nothing lies over the picture.
fn ten_bits(drawn: &Drawn, over: impl Fn(u32, u32) -> Option<u16>, tone: impl Fn(u8) -> f32) -> Vec<u8> {
    let deep: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| {
        let value = (tone(drawn.luma.get_pixel(x, y).0[0]) * 1023.0) as u16;
        Luma([over(x, y).unwrap_or(value)])
    });
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageLuma16(deep).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// Travellers with those of their faces that what lies over them does not touch.
fn beside(over: impl Fn(u32, u32) -> bool) -> Vec<Drawn> {
    let free = |face: &Rect| {
        let places =
            (0..400).map(|at| (face.x + (at % 20) as f32 / 19.0 * face.w, face.y + (at / 20) as f32 / 19.0 * face.h));
        !places.map(|(x, y)| (x as u32, y as u32)).any(|(x, y)| over(x, y))
    };
    let mut travellers = travellers().to_vec();
    travellers.iter_mut().for_each(|drawn| drawn.faces.retain(free));
    travellers
}

#[test]
fn data_of_ten_bits_in_sixteen_hide_what_those_of_eight_hide() {
    let pictures = beside(overlaid);
    for caption in [false, true] {
        let over = |x, y| (caption && overlaid(x, y)).then_some(65_535);
        let (all, hidden) = count(&pictures, |drawn| ten_bits(drawn, over, |value| f32::from(value) / 255.0));
        assert!(all >= 6 && hidden == all, "caption: {caption}: {hidden} of {all}");
        // Linear data are dark.
        let linear = |value: u8| (f32::from(value) / 255.0).powf(2.2);
        let (all, hidden) = count(&pictures, |drawn| ten_bits(drawn, over, linear));
        assert!(hidden + all / 4 >= all, "linear, caption: {caption}: {hidden} of {all}");
    }
}

#[test]
fn a_caption_does_not_keep_a_pale_picture_from_being_stretched() {
    for (share, dark) in [(0.1, 0.0), (0.12, 40.0), (0.15, 180.0)] {
        let (all, hidden) = pale_beneath(share, dark, |x, y| overlaid(x, y).then_some(255));
        assert!(hidden + 1 >= all, "{share} of the range from {dark}: {hidden} of {all}");
    }
}

/// Faces, and those of them that are hidden, in pictures that use a `share` of the range from `dark` on, where something lies
/// over other parts of them.
fn pale_beneath(share: f32, dark: f32, over: impl Fn(u32, u32) -> Option<u8>) -> (usize, usize) {
    let mut pale = beside(|x, y| over(x, y).is_some());
    for drawn in &mut pale {
        for (x, y, pixel) in drawn.luma.enumerate_pixels_mut() {
            pixel.0[0] = over(x, y).unwrap_or((dark + f32::from(pixel.0[0]) * share) as u8);
        }
    }
    count(&pale, |drawn| drawn.jpeg(&[]))
}

/// What lies over a picture by share of its width and height, and how bright it is there.
type Over = fn(f32, f32) -> Option<f32>;

const OVER: [(&str, Over); 6] = [
    ("a gradient along a bar", |x, y| (y < 0.15).then_some(x)),
    ("a gradient across a bar", |_, y| (y > 0.85).then_some((y - 0.85) / 0.15)),
    ("a wedge", |x, y| (x + y < 0.5).then_some((x + y) / 0.5)),
    ("a bright frame", |x, y| (x.min(1.0 - x) < 0.05 || y.min(1.0 - y) < 0.09).then_some(1.0)),
    ("a dark frame", |x, y| (x.min(1.0 - x) < 0.05 || y.min(1.0 - y) < 0.09).then_some(0.0)),
    ("stripes beside it", |x, _| (x < 0.2).then_some((x * 50.0).fract())),
];

#[test]
fn what_lies_over_a_pale_picture_does_not_hide_that_it_is_pale() {
    for (what, over) in OVER {
        let over = |x: u32, y: u32| over(x as f32 / WIDTH as f32, y as f32 / HEIGHT as f32);
        let eight = |x, y| over(x, y).map(|value| (value * 255.0) as u8);
        let (all, shown) = pale_beneath(1.0, 0.0, eight);
        assert!(all >= 6);
        for (share, dark) in [(0.1, 0.0), (0.1, 110.0), (0.15, 180.0)] {
            let (_, hidden) = pale_beneath(share, dark, eight);
            assert!(hidden + 1 >= shown, "{what}, {share} of the range from {dark}: {hidden} of {shown}");
        }
        let sixteen = |x, y| over(x, y).map(|value| (value * 65_535.0) as u16);
        let pictures = beside(|x, y| over(x, y).is_some());
        let (_, hidden) = count(&pictures, |drawn| ten_bits(drawn, sixteen, |value| f32::from(value) / 255.0));
        assert!(hidden + 1 >= shown, "{what}, ten bits: {hidden} of {shown}");
    }
}

#[test]
fn transparency_hides_nobody_from_the_eyes() {
    /// Luma and how opaque it is, from a place and what is there.
    type Veil = fn(u32, u32, u8) -> [u8; 2];
    let file = |drawn: &Drawn, pixel: Veil| {
        let clear = ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| LumaA(pixel(x, y, drawn.luma.get_pixel(x, y).0[0])));
        let mut file = std::io::Cursor::new(Vec::new());
        DynamicImage::ImageLumaA8(clear).write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    };
    let pictures = &travellers()[..3];
    let pixels: [(&str, Veil); 5] = [
        ("a corner", |x, y, luma| [luma, if x + y < 90 { 0 } else { 255 }]),
        ("everything", |_, _, luma| [luma, 0]),
        ("everything but the last row", |_, y, luma| [luma, if y == HEIGHT - 1 { 255 } else { 0 }]),
        ("a picture in what is white", |_, _, luma| [255, luma]),
        ("its negative in what is white", |_, _, luma| [255, 255 - luma]),
    ];
    for (what, pixel) in pixels {
        let (all, hidden) = count(pictures, |drawn| file(drawn, pixel));
        let most = if what.contains("negative") { 2 } else { 0 };
        assert!(hidden + most >= all, "{what}: {hidden} of {all}");
    }
}

/// However many stand there, each is hidden: no look ends at some number.
#[test]
fn a_crowd_is_hidden_to_the_last() {
    const SIDE: u32 = 80;
    let drawn = &travellers()[0];
    let face = drawn.faces[0];
    let around = face.grown(0.4 * face.w, 0.4 * face.h);
    let [x, y, w, h] = [around.x.max(0.0), around.y.max(0.0), around.w, around.h].map(|side| side as u32);
    let one =
        imageops::resize(&*imageops::crop_imm(&drawn.luma, x, y, w, h), SIDE, SIDE, imageops::FilterType::Triangle);
    let mut luma = GrayImage::new(WIDTH, HEIGHT);
    let mut faces = Vec::new();
    let scale = [SIDE as f32 / w as f32, SIDE as f32 / h as f32];
    for place in 0..WIDTH / SIDE * (HEIGHT / SIDE) {
        let (left, top) = (place % (WIDTH / SIDE) * SIDE, place / (WIDTH / SIDE) * SIDE);
        imageops::replace(&mut luma, &one, i64::from(left), i64::from(top));
        let at = [left as f32 + (face.x - x as f32) * scale[0], top as f32 + (face.y - y as f32) * scale[1]];
        faces.push(Rect::new(at[0], at[1], face.w * scale[0], face.h * scale[1]));
    }
    let crowd = Drawn { luma, faces };
    assert_eq!(crowd.faces.len(), 144);
    let hidden = crowd.hidden(&crowd.jpeg(&[]));
    assert!(hidden >= 140, "{hidden} of 144");
}

/// What the plates of a picture say.
fn read(luma: &GrayImage) -> Vec<String> {
    let drawn = Drawn { luma: luma.clone(), faces: Vec::new() };
    let frame = Frame::decode(&drawn.jpeg(&[]), &Limits::default()).unwrap();
    let found = TrainedEyes::new(&Nets::builtin()).look(&frame, &mut Stages::default()).found;
    let best = |found: &Found| Some(found.region.reading.as_ref()?.candidates.first()?.text.expose().to_owned());
    found.iter().filter_map(best).collect()
}

#[test]
fn plates_that_lean_stand_on_end_or_are_upside_down_are_read() {
    let world = World::new(11, 1000, Scenario::Mixed, jiff::civil::date(2019, 4, 1));
    let pictures = (0..).filter_map(|index| {
        let picture = draw(&world, Scenario::Mixed, Size::new(960, 540), index, 11).unwrap();
        let text = picture.truth.regions.iter().find_map(|region| region.text.clone())?;
        let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let luma = image::load_from_memory(&picture.file).unwrap().into_luma8();
        read(&luma).contains(&text).then_some((luma, text))
    });
    let pictures: Vec<(GrayImage, String)> = pictures.take(12).collect();
    let count = |turned: &dyn Fn(&GrayImage) -> GrayImage| {
        pictures.iter().filter(|(luma, text)| read(&turned(luma)).contains(text)).count()
    };
    let by = |degrees: f32| {
        move |luma: &GrayImage| {
            let ground = Border::Constant(Luma([110]));
            rotate_about_center_no_crop(luma, degrees.to_radians(), Interpolation::Bilinear, ground)
        }
    };
    for (turn, least) in [
        (&by(25.0) as &dyn Fn(&GrayImage) -> GrayImage, 9),
        (&by(-35.0), 9),
        (&|luma| imageops::rotate90(luma), 9),
        (&|luma| imageops::rotate180(luma), 6),
    ] {
        let read = count(turn);
        assert!(read >= least, "{read} of {} are read", pictures.len());
    }
}
