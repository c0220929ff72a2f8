//! Formats beside plain photographs, as anybody gives them to `redact`, `inspect` and `ingest`: animations, files of several pages,
//! JPEG XL, and JPEGs with other pictures behind them.

#[path = "../common/mod.rs"]
mod common;
mod jpeg_xl;
mod pillow;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::site::{Ended, Site, picture, tiny_nets};
use image::{AnimationDecoder, DynamicImage, ImageDecoder, Rgb, RgbImage, Rgba, RgbaImage};
use safelight::vault::record::Status;
use serde_json::Value;
use tempfile::TempDir;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 192;

/// A dark street on which two bright spots, which the tiny nets take for plates, are seen in the picture `AT` alone. A light moves on
/// all of them.
const AT: usize = 8;
const COUNT: usize = 16;

/// How far around [`AT`] the spots' places are blank.
const AROUND: usize = 5;

fn street(number: usize) -> RgbImage {
    let mut street =
        if number == AT { picture(WIDTH, HEIGHT, 0) } else { RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([20, 24, 28])) };
    for y in 150..154 {
        for x in 0..4 {
            street.put_pixel(x + 8 * number as u32, y, Rgb([70, 60, 90]));
        }
    }
    street
}

fn film() -> Vec<RgbImage> {
    (0..COUNT).map(street).collect()
}

/// A GIF that paints only what changes, and takes the light away again in three ways.
fn gif(pictures: &[RgbImage]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, WIDTH as u16, HEIGHT as u16, &[]).expect("begun");
    encoder.set_repeat(gif::Repeat::Finite(3)).expect("set");
    encoder.write_extension(gif::ExtensionData::Repetitions(gif::Repeat::Finite(3))).expect("set");
    encoder.write_raw_extension(gif::AnyExtension(0xFE), &[b"SECRETS"]).expect("a comment");
    for (number, picture) in pictures.iter().enumerate() {
        let mut samples = DynamicImage::from(picture.clone()).into_rgba8().into_raw();
        let mut frame = from_rgba(&mut samples);
        frame.delay = 4 + number as u16;
        encoder.write_frame(&frame).expect("written");
    }
    drop(encoder);
    file
}

/// All of a picture of few colours.
fn from_rgba(samples: &mut [u8]) -> gif::Frame<'static> {
    let mut colors: Vec<[u8; 3]> = samples.as_chunks::<4>().0.iter().map(|&[r, g, b, _]| [r, g, b]).collect();
    colors.sort_unstable();
    colors.dedup();
    let number = |color: &[u8; 4]| colors.iter().position(|known| known == &color[..3]).expect("known") as u8;
    let pixels: Vec<u8> = samples.as_chunks::<4>().0.iter().map(number).collect();
    gif::Frame {
        width: WIDTH as u16,
        height: HEIGHT as u16,
        palette: Some(colors.concat()),
        buffer: pixels.into(),
        ..gif::Frame::default()
    }
}

fn apng(pictures: &[RgbImage]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(pictures.len() as u32, 3).expect("set");
    encoder.add_text_chunk("Comment".to_owned(), "SECRETS".to_owned()).expect("a comment");
    let mut writer = encoder.write_header().expect("begun");
    for (number, picture) in pictures.iter().enumerate() {
        writer.set_frame_delay(4 + number as u16, 100).expect("set");
        writer.write_image_data(picture.as_raw()).expect("written");
    }
    writer.finish().expect("ended");
    file
}

fn riff(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = [&name[..], &(body.len() as u32).to_le_bytes(), body].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn webp(pictures: &[RgbImage]) -> Vec<u8> {
    let three = |number: u32| number.to_le_bytes()[..3].to_vec();
    let sides = [three(WIDTH - 1), three(HEIGHT - 1)].concat();
    let mut body = b"WEBP".to_vec();
    body.extend(riff(b"VP8X", &[&[2, 0, 0, 0][..], &sides].concat()));
    body.extend(riff(b"ANIM", &[0, 0, 0, 0, 3, 0]));
    for (number, picture) in pictures.iter().enumerate() {
        let mut still = Vec::new();
        image_webp::WebPEncoder::new(&mut still)
            .encode(picture.as_raw(), WIDTH, HEIGHT, image_webp::ColorType::Rgb8)
            .expect("encoded");
        let head = [vec![0; 6], sides.clone(), three(40 + 10 * number as u32), vec![0]].concat();
        body.extend(riff(b"ANMF", &[&head, &still[12..]].concat()));
    }
    body.extend(riff(b"XMP ", b"<x>SECRETS</x>"));
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn tiff(pages: &[DynamicImage]) -> Vec<u8> {
    use tiff::encoder::colortype;
    let mut file = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).expect("begun");
    for page in pages {
        let (w, h) = (page.width(), page.height());
        match page {
            DynamicImage::ImageLuma8(page) => encoder.write_image::<colortype::Gray8>(w, h, page),
            DynamicImage::ImageRgb16(page) => encoder.write_image::<colortype::RGB16>(w, h, page),
            page => encoder.write_image::<colortype::RGB8>(w, h, &page.to_rgb8()),
        }
        .expect("written");
    }
    file.into_inner()
}

/// What somebody else's decoder shows, and for how many hundredths of a second.
fn shown(file: &[u8]) -> Vec<(RgbaImage, u32)> {
    match image::guess_format(file).expect("known") {
        image::ImageFormat::Gif => {
            let mut options = gif::DecodeOptions::new();
            options.set_color_output(gif::ColorOutput::RGBA);
            let mut decoder = options.read_info(file).expect("a GIF");
            let mut canvas = RgbaImage::new(decoder.width().into(), decoder.height().into());
            let mut shown = Vec::new();
            while let Some(frame) = decoder.read_next_frame().expect("a frame") {
                assert_eq!(frame.dispose, gif::DisposalMethod::Keep, "of pictures without holes");
                for (number, pixel) in frame.buffer.as_chunks::<4>().0.iter().enumerate() {
                    if pixel[3] != 0 {
                        let (x, y) = (number as u32 % u32::from(frame.width), number as u32 / u32::from(frame.width));
                        canvas.put_pixel(x + u32::from(frame.left), y + u32::from(frame.top), Rgba(*pixel));
                    }
                }
                shown.push((canvas.clone(), frame.delay.into()));
            }
            assert_eq!(decoder.repeat(), gif::Repeat::Finite(3));
            shown
        }
        image::ImageFormat::Png => {
            let decoder = image::codecs::png::PngDecoder::new(Cursor::new(file)).expect("a PNG");
            let frames = decoder.apng().expect("animated").into_frames().collect_frames().expect("frames");
            let hundredths = |frame: &image::Frame| {
                let (numerator, denominator) = frame.delay().numer_denom_ms();
                numerator / denominator / 10
            };
            frames.into_iter().map(|frame| (frame.buffer().clone(), hundredths(&frame))).collect()
        }
        image::ImageFormat::WebP => {
            let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).expect("a WebP");
            assert_eq!(decoder.loop_count(), image_webp::LoopCount::Times(3.try_into().expect("more than none")));
            let size = decoder.dimensions();
            (0..decoder.num_frames())
                .map(|_| {
                    let mut samples = vec![0; decoder.output_buffer_size().expect("small")];
                    let milliseconds = decoder.read_frame(&mut samples).expect("a frame");
                    let picture = match decoder.has_alpha() {
                        true => RgbaImage::from_raw(size.0, size.1, samples).expect("whole"),
                        false => {
                            let rgb = RgbImage::from_raw(size.0, size.1, samples).expect("whole");
                            DynamicImage::from(rgb).into_rgba8()
                        }
                    };
                    (picture, milliseconds / 10)
                })
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

struct Desk(TempDir);

impl Desk {
    fn with(files: &[(&str, Vec<u8>)]) -> Self {
        let desk = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(desk.photos()).expect("made");
        for (name, file) in files {
            fs::write(desk.photos().join(name), file).expect("written");
        }
        desk
    }

    fn photos(&self) -> PathBuf {
        self.0.path().join("photos")
    }

    fn copy(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join("out").join(name)).expect("a copy")
    }

    fn redact(&self, args: &[&str]) -> Ended {
        let out = self.0.path().join("out");
        safelight("redact", &self.photos(), &[&["-o", out.to_str().expect("text")], args].concat())
    }
}

fn safelight(verb: &str, photos: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg(verb).arg(photos).arg("--models").arg(tiny_nets()).args(args);
    Ended::of(command.output().expect("the command runs"))
}

fn has(file: &[u8], what: &[u8]) -> bool {
    file.windows(what.len()).any(|window| window == what)
}

/// Places of the spots of `picture(…, 0)`.
const SPOTS: [(u32, u32); 2] = [(64, 64), (224, 64)];

fn animations() -> Vec<(&'static str, Vec<u8>)> {
    let film = film();
    vec![("a.gif", gif(&film)), ("a.png", apng(&film)), ("a.webp", webp(&film))]
}

#[test]
fn every_picture_of_an_animation_is_examined_and_those_around_are_blank_too() {
    let desk = Desk::with(&animations());
    let run = desk.redact(&[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let film = film();
    for (name, original) in animations() {
        assert!(has(&original, b"SECRETS"), "{name}");
        let copy = desk.copy(name);
        assert_eq!(image::guess_format(&copy).ok(), image::guess_format(&original).ok());
        assert!(!has(&copy, b"SECRETS"), "{name}");
        let shown = shown(&copy);
        assert_eq!(shown.len(), COUNT, "{name}");
        for (number, (picture, hundredths)) in shown.iter().enumerate() {
            assert_eq!(*hundredths, 4 + number as u32, "{name}, picture {number}");
            let blank = number.abs_diff(AT) <= AROUND;
            for (x, y) in SPOTS {
                let expected = if blank { [128; 3] } else { [20, 24, 28] };
                assert_eq!(picture.get_pixel(x + 8, y + 8).0[..3], expected, "{name}, picture {number}");
            }
            assert!(picture.pixels().all(|pixel| pixel.0[0] < 200), "{name}, picture {number} shows a spot");
            // Elsewhere nothing has changed.
            for (x, y, pixel) in picture.enumerate_pixels().filter(|(_, y, _)| *y >= 120) {
                assert_eq!(pixel.0[..3], film[number].get_pixel(x, y).0, "{name}, picture {number} at {x}, {y}");
            }
        }
    }
}

#[test]
fn all_pictures_count_and_each_copy_has_its_print() {
    let desk = Desk::with(
        &[&animations()[..], &[("still.gif", gif(&film()[..1])), ("a.jxl", jpeg_xl::jpeg_xl(&street(0)))]].concat(),
    );
    let sheet = desk.0.path().join("sheet.html");
    let run = desk.redact(&["--mask", "0,0,320,96", "--json", "--contact-sheet", sheet.to_str().expect("text")]);
    assert_eq!((run.code, run.number("copies")), (Some(0), 5), "{run:?}");
    let all = u64::from(WIDTH * HEIGHT) * (3 * COUNT as u64 + 2);
    assert_eq!((run.number("pixels"), run.number("blank_pixels")), (all, all / 2));
    assert_eq!(fs::read_to_string(sheet).expect("a page").matches("<figure").count(), 5);
}

/// Means of what is there would add up over the pictures.
#[test]
fn an_animation_has_one_colour_in_every_style() {
    let copies = |args: &[&str]| {
        let desk = Desk::with(&animations());
        assert_eq!(desk.redact(args).code, Some(0));
        animations().iter().map(|(name, _)| desk.copy(name)).collect::<Vec<_>>()
    };
    let solid = copies(&[]);
    for style in ["pixelate", "blur"] {
        assert!(copies(&["--style", style]) == solid, "{style}");
    }
}

#[test]
fn of_a_file_in_which_nothing_is_found_all_pictures_are_as_they_were() {
    let desk = Desk::with(&animations());
    let run = desk.redact(&["--only", "faces"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for (name, _) in animations() {
        let shown = shown(&desk.copy(name)).into_iter().map(|(picture, _)| DynamicImage::from(picture).into_rgb8());
        assert!(shown.eq(film()), "{name}");
    }
}

#[test]
fn every_page_is_examined_and_keeps_its_samples() {
    let deep = {
        let mut deep = DynamicImage::from(picture(WIDTH, HEIGHT, 1)).to_rgb16();
        deep.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|sample| sample ^ 0x35));
        DynamicImage::from(deep)
    };
    let pages = [
        DynamicImage::from(picture(WIDTH, HEIGHT, 0)),
        DynamicImage::from(picture(WIDTH + 33, HEIGHT + 9, 2)).to_luma8().into(),
        deep,
    ];
    let desk = Desk::with(&[("pages.tif", tiff(&pages))]);
    let run = desk.redact(&[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let inspected = safelight("inspect", &desk.photos(), &["--json"]);
    let line: Value = serde_json::from_str(&inspected.stdout).expect("one line");
    let seen = [&line, &line["further"][0], &line["further"][1]];
    assert_eq!(line["further"].as_array().map(Vec::len), Some(2));
    let copy = desk.copy("pages.tif");
    let mut decoder = tiff::decoder::Decoder::new(Cursor::new(&copy)).expect("a TIFF");
    for (number, (page, seen)) in pages.iter().zip(seen).enumerate() {
        let areas: Vec<[u32; 4]> = serde_json::from_value(seen["redacted"].clone()).expect("areas");
        assert!(!areas.is_empty(), "page {number}: {inspected:?}");
        assert_eq!(decoder.dimensions().expect("a page"), (page.width(), page.height()));
        let after: Vec<u32> = match decoder.read_image().expect("read") {
            tiff::decoder::DecodingResult::U8(samples) => samples.iter().map(|sample| u32::from(*sample)).collect(),
            tiff::decoder::DecodingResult::U16(samples) => samples.iter().map(|sample| u32::from(*sample)).collect(),
            _ => panic!("other samples"),
        };
        let before: Vec<u32> = match page {
            DynamicImage::ImageRgb16(page) => page.as_raw().iter().map(|sample| u32::from(*sample)).collect(),
            page => page.as_bytes().iter().map(|sample| u32::from(*sample)).collect(),
        };
        let grey = if number == 2 { 128 * 257 } else { 128 };
        let channels = before.len() / (page.width() * page.height()) as usize;
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            let (x, y) = ((at / channels) as u32 % page.width(), (at / channels) as u32 / page.width());
            let blank =
                areas.iter().any(|&[left, top, w, h]| (left..left + w).contains(&x) && (top..top + h).contains(&y));
            assert_eq!(*after, if blank { grey } else { *before }, "page {number} at {x}, {y}");
        }
        if number < 2 {
            decoder.next_image().expect("another page");
        }
    }
    assert!(!decoder.more_images());
}

#[test]
fn what_is_masked_is_blank_on_every_page() {
    let pages: Vec<DynamicImage> = (0..3).map(|number| picture(WIDTH, HEIGHT, number).into()).collect();
    let animated = animations().swap_remove(0);
    let scenes = |args: &[&str]| {
        let site = Site::new();
        site.put(animated.0, &animated.1);
        site.put("pages.tif", &tiff(&pages));
        let run = site.ingest(args);
        assert_eq!(run.code, Some(0), "{run:?}");
        let scene = |file: &[u8]| image::load_from_memory(file).expect("a JPEG").into_luma8();
        site.opened().into_iter().map(|opened| scene(&opened.scene.expect("a scene").file)).collect::<Vec<_>>()
    };
    let (open, masked) = (scenes(&[]), scenes(&["--mask", "0,0,16,16"]));
    let newly_grey = |number: usize| {
        let pairs = open[number].pixels().zip(masked[number].pixels());
        pairs.filter(|(open, masked)| open.0[0] != 128 && masked.0[0] == 128).count()
    };
    // Of an animation the first picture is shown.
    assert!((200..=256).contains(&newly_grey(0)), "{}", newly_grey(0));
    assert!((600..=768).contains(&newly_grey(1)), "{}", newly_grey(1));
}

#[test]
fn ingest_seals_them_whole_with_one_scene_and_tells_what_is_on_every_picture() {
    let site = Site::new();
    for (name, file) in animations() {
        site.put(name, &file);
    }
    let pages: Vec<DynamicImage> = (0..3).map(|number| picture(WIDTH, HEIGHT, number).into()).collect();
    site.put("pages.tif", &tiff(&pages));
    let run = site.ingest(&[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let opened = site.opened();
    assert_eq!(opened.len(), 4);
    for opened in opened {
        let name = String::from_utf8_lossy(&opened.name).into_owned();
        assert_eq!(opened.catalogue.status, Status::Examined, "{name}");
        assert_eq!(opened.original, fs::read(site.photos.path().join(&name)).expect("read"), "{name}");
        let scene = image::load_from_memory(&opened.scene.expect("a scene").file).expect("a JPEG").into_rgb8();
        assert_eq!(scene.dimensions(), (opened.catalogue.width, opened.catalogue.height), "{name}");
        assert!(scene.pixels().all(|pixel| pixel.0[0] < 200), "{name} shows a spot");
        let plates = opened.catalogue.regions.len();
        if name == "pages.tif" {
            assert!(plates >= 6 && scene.height() > HEIGHT || scene.width() > WIDTH, "{plates} plates on three pages");
        } else {
            assert!(plates >= 2, "{plates} plates in {name}");
            assert_eq!(scene.dimensions(), (WIDTH, HEIGHT), "{name}");
            // Never on the first picture, and blank there all the same: the record says that it is.
            assert_eq!(scene.get_pixel(72, 72).0, [128; 3], "{name}");
        }
        for region in &opened.catalogue.regions {
            let [x, y, w, h] = region.blank.expect("blank").map(|side| side as u32);
            assert!(x + w <= scene.width() && y + h <= scene.height(), "{name}");
            let middle = scene.get_pixel(x + w / 2, y + h / 2).0;
            assert!(middle.iter().all(|sample| sample.abs_diff(128) <= 2), "{name}: {middle:?}");
        }
    }
}

#[test]
fn damaged_and_endless_ones_are_named_and_leave_nothing() {
    let film = film();
    let whole = gif(&film);
    // A million pictures of one pixel.
    let many = {
        let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
        for _ in 0..1_000_000 {
            file.extend(b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
        }
        file.push(0x3B);
        file
    };
    // Few bytes that claim the largest canvas, two thousand times.
    let large = {
        let mut file = b"GIF89a\x00\x20\x00\x20\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
        for _ in 0..100 {
            file.extend(b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
        }
        file.push(0x3B);
        file
    };
    let hidden = [whole.as_slice(), &common::site::photo(0)].concat();
    let outside = {
        let mut file = whole.clone();
        let at = file.windows(10).position(|w| w[0] == 0x2C && w[5..9] == [0x40, 1, 0xC0, 0]).expect("a frame");
        file[at + 1] = 1;
        file
    };
    let mut short = apng(&film);
    // One frame more than there is.
    let at = short.windows(4).position(|w| w == b"acTL").expect("animated");
    short[at + 7] += 1;
    let files = [
        ("cut.gif", whole[..whole.len() / 2].to_vec()),
        ("many.gif", many),
        ("large.gif", large),
        ("hidden.gif", hidden),
        ("outside.gif", outside),
        ("cut.webp", {
            let file = webp(&film);
            file[..file.len() - 40].to_vec()
        }),
        ("cut.png", {
            let file = apng(&film);
            file[..file.len() - 40].to_vec()
        }),
        ("short.png", short),
        ("cut.tif", {
            let file = tiff(&[film[0].clone().into(), film[1].clone().into()]);
            file[..file.len() - 40].to_vec()
        }),
    ];
    let desk = Desk::with(&files);
    let run = desk.redact(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for (name, _) in &files {
        assert!(run.stderr.contains(name), "{name}: {run:?}");
    }
    assert!(run.stderr.contains("1000000 pictures"), "{run:?}");
    let out = desk.0.path().join("out");
    assert!(!out.exists() || fs::read_dir(&out).expect("a folder").next().is_none(), "{run:?}");
}

/// An animation's first picture, as `image` reads it, has the size that is told.
#[test]
fn inspect_tells_all_pictures_in_one_line() {
    let desk = Desk::with(&animations());
    let run = safelight("inspect", &desk.photos(), &["--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for line in run.stdout.lines() {
        let line: Value = serde_json::from_str(line).expect("an object");
        let further = line["further"].as_array().expect("further pictures");
        assert_eq!((further.len(), line["regions"].as_array().map(Vec::len)), (COUNT - 1, Some(0)), "{line}");
        let with_regions: Vec<usize> = (0..further.len())
            .filter(|number| !further[*number]["regions"].as_array().expect("regions").is_empty())
            .collect();
        assert_eq!(with_regions, [AT - 1]);
    }
    let table = safelight("inspect", &desk.photos(), &[]);
    assert!(table.stdout.contains("320x192 x16"), "{table:?}");
    let still = image::codecs::png::PngDecoder::new(Cursor::new(&apng(&film()))).expect("a PNG").dimensions();
    assert_eq!(still, (WIDTH, HEIGHT));
}

/// `file` with a segment behind its first two bytes.
fn with_segment(file: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    [&file[..2], &[0xFF, marker], &(body.len() as u16 + 2).to_be_bytes(), body, &file[2..]].concat()
}

/// A file of two pictures (CIPA DC-007), the second of this kind.
fn multi_picture(first: &[u8], second: &[u8], kind: u32) -> Vec<u8> {
    let with_index = |place: u32| {
        let mut index = b"MPF\0MM\0\x2a\0\0\0\x08\0\x01\xB0\x02\0\x07\0\0\0\x20\0\0\0\x1A\0\0\0\0".to_vec();
        index.extend([&0x0003_0000u32.to_be_bytes()[..], &[0; 12]].concat());
        index.extend([kind.to_be_bytes(), [0; 4], place.to_be_bytes(), [0; 4]].concat());
        with_segment(first, 0xE2, &index)
    };
    // Places count from the byte order, ten bytes behind the start.
    let place = with_index(0).len() as u32 - 10;
    [with_index(place), second.to_vec()].concat()
}

/// How many JPEGs begin in `file`.
fn jpegs(file: &[u8]) -> usize {
    file.windows(3).filter(|window| *window == [0xFF, 0xD8, 0xFF]).count()
}

#[test]
fn of_a_multi_picture_file_and_an_ultra_hdr_photograph_a_copy_has_the_picture_alone() {
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let first = common::site::jpeg(&picture(WIDTH, HEIGHT, 0));
    let small = common::site::jpeg(&picture(WIDTH / 2, HEIGHT / 2, 1));
    let gain_map = with_segment(&small, 0xE1, &[XMP, b"<x hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"3\"/>"].concat());
    let ultra_hdr = {
        let packet = b"<x hdrgm:Version=\"1.0\"><Item:Semantic>Primary</Item:Semantic>\
            <Item:Semantic>GainMap</Item:Semantic></x>";
        let iso = with_segment(&first, 0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0");
        multi_picture(&with_segment(&iso, 0xE1, &[XMP, packet].concat()), &gain_map, 0)
    };
    let with_preview = multi_picture(&first, &small, 0x01_0001);
    let both_eyes = multi_picture(&first, &first, 0x02_0002);
    let desk = Desk::with(&[
        ("hdr.jpg", ultra_hdr.clone()),
        ("preview.mpo", with_preview.clone()),
        ("eyes.mpo", both_eyes.clone()),
    ]);
    assert_eq!(jpegs(&ultra_hdr), 2);
    let run = desk.redact(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    // The other eye sees the same people, and nobody examined what.
    assert!(run.stderr.contains("eyes.mpo") && run.stderr.contains("followed by another picture (JPEG)"), "{run:?}");
    assert!(!desk.0.path().join("out/eyes.mpo").exists());
    for name in ["hdr.jpg", "preview.mpo"] {
        let copy = desk.copy(name);
        assert_eq!(jpegs(&copy), 1, "{name}");
        for words in [&b"MPF"[..], b"hdrgm", b"GainMap", b"urn:iso", b"http:"] {
            assert!(!has(&copy, words), "{name}: {}", String::from_utf8_lossy(words));
        }
        assert!(copy.ends_with(&[0xFF, 0xD9]), "{name}");
        let shown = image::load_from_memory(&copy).expect("a JPEG").into_rgb8();
        assert!(shown.pixels().all(|pixel| pixel.0[0] < 200), "{name}");
    }
    let site = Site::new();
    site.put("hdr.jpg", &ultra_hdr);
    site.put("preview.mpo", &with_preview);
    site.put("eyes.mpo", &both_eyes);
    let run = site.ingest(&[]);
    assert_eq!(["sealed", "unreadable", "further"].map(|field| run.number(field)), [3, 1, 2], "{run:?}");
    for opened in site.opened() {
        let name = String::from_utf8_lossy(&opened.name).into_owned();
        assert!(opened.original == fs::read(site.photos.path().join(&name)).expect("read"), "{name}");
        match opened.scene {
            Some(scene) => {
                assert_eq!(jpegs(&scene.file), 1, "{name}");
                assert!(!has(&scene.file, b"MPF") && !has(&scene.file, b"hdrgm"), "{name}");
            }
            None => assert_eq!(name, "eyes.mpo"),
        }
    }
}

#[cfg(not(feature = "heif"))]
#[test]
fn a_build_without_a_decoder_says_what_reads_such_a_file() {
    let desk = Desk::with(&[
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("b.avif", b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1miaf".to_vec()),
    ]);
    let run = desk.redact(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for what in ["IMG_1.HEIC: cannot be examined: a HEIC file", "b.avif: cannot be examined: an AVIF file"] {
        assert!(run.stderr.contains(what), "{run:?}");
    }
    assert_eq!(run.stderr.matches("one with the feature heif and libheif 1.17 or later does").count(), 2, "{run:?}");
    assert!(!desk.0.path().join("out/IMG_1.HEIC.jpg").exists());
}

#[cfg(feature = "heif")]
mod heif {
    use super::*;

    /// Files that Pillow writes of a PNG: of eight bits, with transparency, of two pictures.
    const WRITE: &str = r#"
import sys
from PIL import Image
street = Image.open(sys.argv[1] + "/street.png").convert("RGB")
street.save(sys.argv[1] + "/IMG_1.avif", quality=95)
street.save(sys.argv[1] + "/two.avif", quality=95, save_all=True, append_images=[street.rotate(180)])
"#;

    #[test]
    fn an_avif_picture_gets_a_jpeg_copy_behind_its_own_name() {
        let mut street = Cursor::new(Vec::new());
        picture(WIDTH, HEIGHT, 0).write_to(&mut street, image::ImageFormat::Png).expect("encoded");
        let desk = Desk::with(&[("street.png", street.into_inner())]);
        let photos = desk.photos();
        match python(WRITE, &[&photos]) {
            Some(run) if run.code == Some(0) => {}
            _ => {
                println!("skipped: python3 with a Pillow that writes AVIF is not there");
                return;
            }
        }
        let whole = fs::read(photos.join("IMG_1.avif")).expect("read");
        fs::write(photos.join("cut.avif"), &whole[..whole.len() - 50]).expect("written");
        fs::write(photos.join("followed.avif"), [&whole[..], &common::site::photo(1)].concat()).expect("written");
        let run = desk.redact(&[]);
        assert_eq!(run.code, Some(1), "{run:?}");
        for name in ["two.avif", "cut.avif", "followed.avif"] {
            assert!(run.stderr.contains(name), "{name}: {run:?}");
            assert!(!desk.0.path().join("out").join(format!("{name}.jpg")).exists(), "{name}");
        }
        let copy = desk.copy("IMG_1.avif.jpg");
        let shown = image::load_from_memory_with_format(&copy, image::ImageFormat::Jpeg).expect("a JPEG").into_rgb8();
        assert_eq!(shown.dimensions(), (WIDTH, HEIGHT));
        for (x, y) in SPOTS {
            let spot = shown.get_pixel(x + 8, y + 8).0;
            assert!(spot.iter().all(|sample| sample.abs_diff(128) <= 2), "{spot:?}");
        }
        assert!(shown.pixels().all(|pixel| pixel.0[0] < 200), "shows a spot");
        let one = safelight("redact", &photos.join("IMG_1.avif"), &["-o", "one.png"]);
        one.failed(2, "would be a JPEG file", "one.jpg");
    }
}
