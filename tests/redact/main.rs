//! `safelight redact`, as anybody runs it.

mod beside;
#[path = "../common/mod.rs"]
mod common;
mod looks;
mod sealed;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::site::{Ended, photo, picture, tiny_nets};
use common::{files_below, snapshot};
use image::{DynamicImage, ImageFormat};
use safelight::vault::{SealingOptions, SealingVault};
use serde_json::Value;
use tempfile::TempDir;

/// A folder of photographs, and one for what becomes of them.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(desk.photos()).expect("made");
        desk
    }

    fn photos(&self) -> PathBuf {
        self.folder.path().join("photos")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.photos().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn run(&self, args: &[&str]) -> Ended {
        let (photos, out) = (self.photos(), self.out());
        redact(&[&[photos.to_str().expect("text"), "-o", out.to_str().expect("text")], args].concat())
    }

    fn copies(&self) -> Vec<String> {
        let below = |path: PathBuf| path.strip_prefix(self.out()).expect("below").to_str().expect("text").to_owned();
        files_below(&self.out()).into_iter().map(below).collect()
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("redact").args(args).arg("--models").arg(tiny_nets());
    command
}

fn redact(args: &[&str]) -> Ended {
    Ended::of(command(args).output().expect("the command runs"))
}

/// What `inspect` says is blanked on each image below `folder`.
fn areas(folder: &Path) -> BTreeMap<String, Vec<[u32; 4]>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("inspect").arg(folder).arg("--models").arg(tiny_nets()).arg("--json");
    let run = Ended::of(command.output().expect("the command runs"));
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("an object");
        let areas = serde_json::from_value(line["redacted"].clone()).expect("areas");
        (line["path"].as_str().expect("a path").to_owned(), areas)
    };
    run.stdout.lines().map(line).collect()
}

fn inside(areas: &[[u32; 4]], (px, py): (u32, u32)) -> bool {
    areas.iter().any(|&[x, y, w, h]| (x..x + w).contains(&px) && (y..y + h).contains(&py))
}

fn decoded(file: &[u8]) -> DynamicImage {
    image::load_from_memory(file).expect("a decoder of somebody else's opens it")
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("encodes");
    file.into_inner()
}

#[test]
fn a_folder_comes_out_with_its_tree_and_names_and_only_areas_differ() {
    let desk = Desk::new();
    for (number, name) in ["a.jpg", "lane 1/b.JPG", "lane 1/deep/c.jpeg", "ü/d.jpg"].iter().enumerate() {
        desk.put(name, &photo(number as u32));
    }
    desk.put("notes.txt", b"not a picture");
    let before = snapshot(&desk.photos());
    let run = desk.run(&[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(snapshot(&desk.photos()), before, "originals stay as they are");
    assert_eq!(desk.copies(), ["a.jpg", "lane 1/b.JPG", "lane 1/deep/c.jpeg", "ü/d.jpg"]);
    for (name, areas) in areas(&desk.photos()) {
        assert!(!areas.is_empty());
        let original = decoded(&fs::read(desk.photos().join(&name)).expect("read")).into_rgb8();
        let copy = decoded(&fs::read(desk.out().join(&name)).expect("read")).into_rgb8();
        assert_eq!(original.dimensions(), copy.dimensions());
        for (x, y, pixel) in copy.enumerate_pixels() {
            if inside(&areas, (x, y)) {
                assert_eq!(pixel.0, [128; 3], "{name} at {x}, {y}");
            } else {
                // Chroma is smoothed across the edge of an area by the decoder.
                let near = inside(&areas, (x + 2, y))
                    || inside(&areas, (x.saturating_sub(2), y))
                    || inside(&areas, (x, y + 2))
                    || inside(&areas, (x, y.saturating_sub(2)));
                assert!(near || pixel == original.get_pixel(x, y), "{name} at {x}, {y}");
            }
        }
    }
}

/// A JPEG with everything that a phone writes into one.
fn talkative(number: u32, orientation: u8) -> Vec<u8> {
    let photo = photo(number);
    let mut exif =
        b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x08\0\0\0\x26\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"SECRETS\0");
    let mut file = vec![0xFF, 0xD8];
    let mut add = |marker: u8, body: &[u8]| {
        file.extend([0xFF, marker]);
        file.extend((body.len() as u16 + 2).to_be_bytes());
        file.extend(body);
    };
    add(0xE1, &exif);
    add(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>SECRETS</x>");
    let profile = profile(b"SECRETS");
    let (first, second) = profile.split_at(profile.len() / 2);
    add(0xE2, &[b"ICC_PROFILE\0\x02\x02", second].concat());
    add(0xE2, &[b"ICC_PROFILE\0\x01\x02", first].concat());
    add(0xED, b"Photoshop 3.0\0SECRETS");
    add(0xFE, b"SECRETS");
    file.extend_from_slice(&photo[2..]);
    file.extend_from_slice(b"SECRETS");
    file
}

/// Wide colours, with something behind them that the profile counts as its own.
fn profile(secret: &[u8]) -> Vec<u8> {
    let profile = moxcms::ColorProfile::new_display_p3().encode().expect("written");
    let mut profile = [&profile, secret].concat();
    let length = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&length);
    profile
}

/// How red the copy's red is, by its profile.
fn red(profile: &[u8]) -> f64 {
    moxcms::ColorProfile::new_from_slice(profile).expect("a profile").red_colorant.x
}

fn has(file: &[u8], what: &[u8]) -> bool {
    file.windows(what.len()).any(|window| window == what)
}

#[test]
fn of_metadata_only_the_way_up_and_the_colours_come_through() {
    let desk = Desk::new();
    desk.put("a.jpg", &talkative(0, 6));
    desk.put("b.jpg", &talkative(1, 1));
    let run = desk.run(&[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for (name, orientation) in [("a.jpg", Some(6)), ("b.jpg", None)] {
        let copy = fs::read(desk.out().join(name)).expect("read");
        assert!(!has(&copy, b"SECRETS"), "{name}");
        let mark = b"ICC_PROFILE\0\x01\x01";
        let at = copy.windows(mark.len()).position(|window| window == mark).expect("a profile in one part");
        assert_eq!(red(&copy[at + mark.len()..]), red(&profile(b"")), "{name}");
        let tag = b"\x01\x12\0\x03\0\0\0\x01\0";
        let at = copy.windows(tag.len()).position(|window| window == tag);
        assert_eq!(at.map(|at| copy[at + tag.len()]), orientation, "{name}");
    }
}

#[test]
fn other_formats_stay_what_they_are_in_all_their_bits() {
    let desk = Desk::new();
    let rgb = DynamicImage::from(picture(320, 192, 3));
    let deep = {
        // All sixteen bits are used.
        let mut deep = rgb.to_rgb16();
        deep.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|sample| sample ^ 0x35));
        DynamicImage::from(deep)
    };
    let files = [
        ("rgb.png", rgb.clone(), ImageFormat::Png),
        ("grey.png", rgb.to_luma8().into(), ImageFormat::Png),
        ("alpha.png", rgb.to_rgba8().into(), ImageFormat::Png),
        ("deep.png", deep.clone(), ImageFormat::Png),
        ("rgb.tif", rgb.clone(), ImageFormat::Tiff),
        ("deep.tiff", deep, ImageFormat::Tiff),
        ("rgb.bmp", rgb.clone(), ImageFormat::Bmp),
        ("rgb.webp", rgb, ImageFormat::WebP),
    ];
    for (name, image, format) in &files {
        desk.put(name, &encoded(image, *format));
    }
    let run = desk.run(&["--fill", "#204060"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let areas = areas(&desk.photos());
    for (name, original, format) in files {
        let file = fs::read(desk.out().join(name)).expect("read");
        assert_eq!(image::guess_format(&file).ok(), Some(format), "{name}");
        let (copy, areas) = (decoded(&file), &areas[name]);
        assert_eq!(copy.color(), original.color(), "{name}");
        assert!(!areas.is_empty(), "{name}");
        let (original, copy) = (original.into_rgba16(), copy.into_rgba16());
        for (x, y, pixel) in copy.enumerate_pixels() {
            let expected = match (inside(areas, (x, y)), name) {
                (false, _) => *original.get_pixel(x, y),
                (true, "grey.png") => image::Rgba([0x3a3a, 0x3a3a, 0x3a3a, 0xffff]),
                (true, _) => image::Rgba([0x2020, 0x4040, 0x6060, 0xffff]),
            };
            assert_eq!(*pixel, expected, "{name} at {x}, {y}");
        }
    }
}

#[test]
fn what_cannot_be_examined_is_named_and_has_no_copy() {
    let desk = Desk::new();
    desk.put("cut.jpg", &photo(0)[..300]);
    desk.put("film.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom");
    desk.put("good.jpg", &photo(1));
    desk.put("new.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let run = desk.run(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for name in ["cut.jpg", "film.mp4", "new.heic"] {
        assert!(run.stderr.contains(name), "{run:?}");
    }
    assert_eq!(desk.copies(), ["good.jpg"]);
}

#[test]
fn nothing_that_is_there_is_overwritten_or_mixed_with() {
    let desk = Desk::new();
    desk.put("a.jpg", &photo(0));
    desk.put("b/c.jpg", &photo(1));
    fs::create_dir(desk.out()).expect("made");
    fs::write(desk.out().join("a.jpg"), b"somebody's").expect("written");
    let before = snapshot(desk.folder.path());
    desk.run(&[]).failed(2, "is not empty", "new or empty folder");
    assert_eq!(snapshot(desk.folder.path()), before);

    let run = desk.run(&["--skip-existing", "--json"]);
    assert_eq!((run.code, run.number("copies"), run.number("failed")), (Some(1), 1, 1), "{run:?}");
    assert!(run.stderr.contains("a.jpg is not what this run makes of it"), "{run:?}");
    assert_eq!(fs::read(desk.out().join("a.jpg")).expect("read"), b"somebody's");
    assert_eq!(desk.copies(), ["a.jpg", "b/c.jpg"]);

    // Copies among the photographs would be taken for photographs.
    let inside = desk.photos().join("out");
    let (photos, out) = (desk.photos(), inside.to_str().expect("text").to_owned());
    redact(&[photos.to_str().expect("text"), "-o", &out]).failed(2, "--out lies in", "elsewhere");
    assert!(!inside.exists());
}

#[test]
fn one_photograph_goes_by_itself_and_through_a_pipe() {
    let desk = Desk::new();
    let (path, file) = (desk.put("a.jpg", &photo(0)), photo(0));
    let (path, out) = (path.to_str().expect("text").to_owned(), desk.folder.path().join("b.jpg"));
    let out = out.to_str().expect("text");
    assert_eq!(redact(&[&path, "-o", out]).code, Some(0));
    let copy = fs::read(out).expect("read");
    assert!(copy != file);
    redact(&[&path, "-o", out]).failed(2, "cannot be written", "nothing is overwritten");

    let piped = |input: &[u8]| {
        let mut child = command(&["-", "-o", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        child.stdin.take().expect("piped").write_all(input).expect("written");
        child.wait_with_output().expect("it ends")
    };
    let whole = piped(&file);
    assert!(whole.status.success() && whole.stdout == copy);
    let cut = piped(&file[..300]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(cut.stdout.is_empty(), "nothing of what was not examined is shown");
}

#[test]
fn the_choice_of_what_is_blanked_is_followed() {
    let desk = Desk::new();
    desk.put("a.jpg", &photo(0));
    let of = |args: &[&str]| {
        let _ = fs::remove_dir_all(desk.out());
        let run = desk.run(&[args, &["--json"]].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        (run.number("plates"), run.number("faces"))
    };
    let (plates, faces) = of(&[]);
    assert!(plates > 0);
    assert_eq!(of(&["--only", "plates"]), (plates, 0));
    assert_eq!(of(&["--only", "faces"]), (0, faces));

    let mask = desk.folder.path().join("mask.json");
    fs::write(&mask, "[[0, 0, 20, 20]]").expect("written");
    of(&["--only", "faces", "--mask", mask.to_str().expect("text"), "--fill", "ff0000"]);
    let copy = decoded(&fs::read(desk.out().join("a.jpg")).expect("read")).into_rgb8();
    let [r, g, b] = copy.get_pixel(10, 10).0;
    assert!(r > 250 && g < 5 && b < 5);
    for wrong in [
        "[[0, 0, 20]]",
        "[[0, 0, 0, 5]]",
        "{}",
        "",
        "[]",
        "[[0.5, 0.5, 0.2, 0.2]]",
        "[[0, 0, 1, 1]]",
        "[[0, 0, 90, 90], [0, 0, 90, 0.9]]",
        "[[-50, 0, 20, 20]]",
        "[[0, -20, 20, 20]]",
    ] {
        fs::write(&mask, wrong).expect("written");
        let _ = fs::remove_dir_all(desk.out());
        desk.run(&["--mask", mask.to_str().expect("text")]).failed(2, "mask.json", "[[x, y, width, height]");
        assert!(!desk.out().exists());
    }
}

/// A profile of megabytes is none that a camera writes; unpacked, it may be a thousand times what it takes in the file.
#[test]
fn a_profile_that_swells_is_not_unpacked() {
    let desk = Desk::new();
    let whole = encoded(&picture(320, 192, 0).into(), ImageFormat::Png);
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(data);
        [&(data.len() as u32).to_be_bytes(), &kind[..], data, &sum.sum().to_be_bytes()].concat()
    };
    let packed = |length: usize| {
        let mut packed = flate2::write::ZlibEncoder::new(b"profile\0\0".to_vec(), flate2::Compression::best());
        packed.write_all(&profile(&vec![7; length])).expect("packed");
        packed.finish().expect("packed")
    };
    // signature ‖ IHDR (13 bytes and 12)
    let with = |chunk: Vec<u8>| [&whole[..33], &chunk, &whole[33..]].concat();
    desk.put("one.png", &with(chunk(b"iCCP", &packed(1 << 20))));
    desk.put("bomb.png", &with(chunk(b"iCCP", &packed(64 << 20))));
    // What is long in the file is long in memory, too, and no more.
    desk.put("text.png", &with(chunk(b"tEXt", &[b"Comment\0".as_slice(), &[b'x'; 9 << 20]].concat())));
    let run = desk.run(&["--json"]);
    assert_eq!((run.code, run.number("copies")), (Some(0), 3), "each is examined: {run:?}");
    for (name, kept) in [("one.png", true), ("bomb.png", false), ("text.png", false)] {
        let copy = fs::read(desk.out().join(name)).expect("read");
        let at = copy.windows(4).position(|window| window == b"iCCP");
        assert_eq!(at.is_some(), kept, "{name}");
    }
}

/// A profile is written anew: whatever else stands in it would be a thumbnail, a name, a number.
#[test]
fn of_a_profile_a_copy_has_the_colours_and_nothing_else() {
    use image::codecs::{png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder};
    use image::{ImageDecoder, ImageEncoder};
    let desk = Desk::new();
    let image = picture(320, 192, 0);
    fn write(mut encoder: impl ImageEncoder, image: &image::RgbImage) {
        encoder.set_icc_profile(profile(b"SECRETS")).expect("a place for it");
        encoder.write_image(image, image.width(), image.height(), image::ExtendedColorType::Rgb8).expect("encodes");
    }
    let (mut png, mut webp, mut tiff) = (Vec::new(), Vec::new(), Cursor::new(Vec::new()));
    write(PngEncoder::new(&mut png), &image);
    write(WebPEncoder::new_lossless(&mut webp), &image);
    write(TiffEncoder::new(&mut tiff), &image);
    for (name, file) in [("a.png", &png), ("a.webp", &webp), ("a.tif", tiff.get_ref()), ("a.jpg", &talkative(0, 1))] {
        desk.put(name, file);
    }
    let run = desk.run(&["--json"]);
    assert_eq!((run.code, run.number("copies")), (Some(0), 4), "{run:?}");
    for name in ["a.png", "a.webp", "a.tif", "a.jpg"] {
        let copy = fs::read(desk.out().join(name)).expect("read");
        let mut decoder =
            image::ImageReader::new(Cursor::new(&copy)).with_guessed_format().expect("known").into_decoder();
        let kept = decoder.as_mut().expect("decodes").icc_profile().expect("read").expect("a profile");
        assert_eq!(red(&kept), red(&profile(b"")), "{name}");
        assert!(!has(&kept, b"SECRETS") && !has(&copy, b"SECRETS"), "{name}");
    }
}

/// Copies go nowhere but below OUT: a link there would lead among somebody's originals, or into a vault.
#[cfg(unix)]
#[test]
fn a_folder_in_use_leads_nowhere_else() {
    let desk = Desk::new();
    desk.put("sub/a.jpg", &photo(0));
    desk.put("b.jpg", &photo(1));
    let elsewhere = desk.folder.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).expect("made");
    fs::create_dir_all(desk.out()).expect("made");
    std::os::unix::fs::symlink("../elsewhere", desk.out().join("sub")).expect("linked");
    let before = snapshot(desk.folder.path());
    desk.run(&["--skip-existing"]).failed(2, "a link to a folder", "a folder that holds copies only");
    assert_eq!(snapshot(desk.folder.path()), before);
    fs::remove_file(desk.out().join("sub")).expect("removed");

    let custodian = common::Custodian::new();
    let vault = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("made");
    vault.finish().expect("closed");
    fs::rename(custodian.vault(), desk.out().join("sub")).expect("moved");
    let before = snapshot(desk.folder.path());
    desk.run(&["--skip-existing"]).failed(2, "lies in the vault", "outside");
    assert_eq!(snapshot(desk.folder.path()), before);
    // Nor beside a keyring.
    let (photos, out) = (desk.photos(), custodian.custody().join("out"));
    redact(&[photos.to_str().expect("text"), "-o", out.to_str().expect("text")]).failed(
        2,
        "lies in a custody folder",
        "outside",
    );
}

/// What was to be hidden is then elsewhere on it: a copy would show it.
#[test]
fn a_photograph_that_a_mask_does_not_touch_is_named_and_has_no_copy() {
    let desk = Desk::new();
    desk.put("a.jpg", &photo(0));
    desk.put("b.png", &encoded(&picture(640, 192, 1).into(), ImageFormat::Png));
    let mask = desk.folder.path().join("mask.json");
    fs::write(&mask, "[[0, 0, 20, 20], [310, 10, 20, 20], [330, 10, 20, 20]]").expect("written");
    let mask = mask.to_str().expect("text");
    let run = desk.run(&["--mask", mask]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("a.jpg") && run.stderr.contains("outside of the picture"), "{run:?}");
    assert_eq!(desk.copies(), ["b.png"]);
    let (alone, out) = (desk.photos().join("a.jpg"), desk.folder.path().join("a.jpg"));
    for out in [out.to_str().expect("text"), "-"] {
        let run = redact(&[alone.to_str().expect("text"), "-o", out, "--mask", mask]);
        assert!(run.code == Some(1) && run.stderr.contains("outside of the picture"), "{run:?}");
        assert!(run.stdout.is_empty() && !desk.folder.path().join(out).exists());
    }
}

/// Who copied originals where the copies go, or began with another tool, is not told that they are blanked.
#[test]
fn an_original_in_the_place_of_its_copy_is_named() {
    let desk = Desk::new();
    desk.put("a.jpg", &photo(0));
    desk.put("b/c.jpg", &photo(1));
    // Nothing is on it, and nothing beside: its copy is the same again.
    desk.put(
        "clean.jpg",
        &encoded(&image::RgbImage::from_pixel(64, 64, image::Rgb([20; 3])).into(), ImageFormat::Jpeg),
    );
    assert_eq!(desk.run(&[]).code, Some(0));
    fs::copy(desk.out().join("clean.jpg"), desk.photos().join("clean.jpg")).expect("copied");
    let whole = desk.run(&["--skip-existing", "--json"]);
    assert_eq!((whole.code, whole.number("copies"), whole.number("existing")), (Some(0), 0, 3), "{whole:?}");

    fs::copy(desk.photos().join("b/c.jpg"), desk.out().join("b/c.jpg")).expect("copied");
    let before = snapshot(desk.folder.path());
    let run = desk.run(&["--skip-existing", "--json"]);
    assert_eq!((run.code, run.number("existing"), run.number("failed")), (Some(1), 2, 1), "{run:?}");
    assert!(run.stderr.contains("c.jpg") && run.stderr.contains("the photograph itself"), "{run:?}");
    assert_eq!(snapshot(desk.folder.path()), before, "nothing is overwritten");
    let (alone, out) = (desk.photos().join("b/c.jpg"), desk.out().join("b/c.jpg"));
    let run = redact(&[alone.to_str().expect("text"), "-o", out.to_str().expect("text"), "--skip-existing"]);
    assert!(run.code == Some(1) && run.stderr.contains("the photograph itself"), "{run:?}");
    assert_eq!(snapshot(desk.folder.path()), before);
}

/// Only what is what this run would have made is a copy that is there already: not half of one, not a link to one, not one
/// made with other options.
#[test]
fn what_is_there_is_its_copy_only_where_it_is_the_same() {
    let desk = Desk::new();
    for (name, number) in [("cut.jpg", 0), ("link.jpg", 1), ("other.jpg", 2), ("whole.jpg", 3)] {
        desk.put(name, &photo(number));
    }
    assert_eq!(desk.run(&["--fill", "ff0000"]).code, Some(0));
    let (of, made) = (|name: &str| desk.out().join(name), |name: &str| fs::read(desk.out().join(name)).expect("read"));
    let red = made("other.jpg");
    for name in desk.copies() {
        fs::remove_file(of(&name)).expect("removed");
    }
    assert_eq!(desk.run(&[]).code, Some(0));
    assert_ne!(made("other.jpg"), red);
    fs::write(of("other.jpg"), red).expect("written");
    let cut = made("cut.jpg");
    fs::write(of("cut.jpg"), &cut[..cut.len() / 2]).expect("written");
    fs::rename(of("link.jpg"), desk.folder.path().join("aside.jpg")).expect("moved");
    #[cfg(unix)]
    std::os::unix::fs::symlink("../aside.jpg", of("link.jpg")).expect("linked");

    let before = snapshot(desk.folder.path());
    let run = desk.run(&["--skip-existing", "--json"]);
    assert_eq!((run.code, run.number("existing"), run.number("failed")), (Some(1), 1, 3), "{run:?}");
    for name in ["cut.jpg", "link.jpg", "other.jpg"] {
        assert!(run.stderr.contains(&format!("{name} is not what this run makes of it")), "{name}: {run:?}");
    }
    assert_eq!(snapshot(desk.folder.path()), before);
    let run = desk.run(&["--skip-existing", "--rename"]);
    assert!(run.code == Some(2) && run.stderr.contains("cannot be used with"), "{run:?}");
}

/// Of equal names each gets a place, before anything is written.
#[test]
fn photographs_of_equal_names_do_not_meet() {
    let desk = Desk::new();
    let given = [desk.put("a/x.jpg", &photo(0)), desk.put("b/x.jpg", &photo(1)), desk.put("c/X.JPG", &photo(2))];
    let out = desk.out();
    let mut args: Vec<&str> = given.iter().map(|path| path.to_str().expect("text")).collect();
    args.extend(["-o", out.to_str().expect("text")]);
    let run = redact(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(desk.copies(), ["2-x.jpg", "3-X.JPG", "x.jpg"]);
    let renamed = desk.folder.path().join("renamed");
    *args.last_mut().expect("a folder") = renamed.to_str().expect("text");
    args.push("--rename");
    assert_eq!(redact(&args).code, Some(0));
    assert_eq!(common::files_below(&renamed).len(), 3);
}

#[test]
fn a_copy_is_named_for_the_format_that_it_has() {
    let desk = Desk::new();
    // By its content: names lie.
    let path = desk.put("a.png", &photo(0));
    let path = path.to_str().expect("text");
    let place = |name: &str| desk.folder.path().join(name).to_str().expect("text").to_owned();
    for name in ["b.png", "b.TIF", "b.heic"] {
        redact(&[path, "-o", &place(name)]).failed(2, name, "jpg");
        let piped = command(&["-", "-o", &place(name)])
            .stdin(fs::File::open(path).expect("opened"))
            .output()
            .expect("the command runs");
        Ended::of(piped).failed(2, name, "jpg");
        assert!(!Path::new(&place(name)).exists());
    }
    for name in ["b.jpg", "b.JPEG", "b", "b.blank"] {
        assert_eq!(redact(&[path, "-o", &place(name)]).code, Some(0), "{name}");
    }
}

#[test]
fn new_names_tell_nothing_and_keep_the_tree() {
    let desk = Desk::new();
    for name in ["ABC-1234/ABC-1234.jpg", "ABC-1234/other.jpg", "XYZ/ABC-1234.jpg"] {
        desk.put(name, &photo(0));
    }
    let run = desk.run(&["--rename"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let copies = desk.copies();
    assert!(!copies.concat().contains("ABC") && !copies.concat().contains("XYZ"), "{copies:?}");
    let folders: std::collections::BTreeSet<_> = copies.iter().filter_map(|copy| copy.split('/').next()).collect();
    assert_eq!((copies.len(), folders.len()), (3, 2));
    assert!(copies.iter().all(|copy| copy.ends_with(".jpg")));
    // Of several inputs, the inputs' names too.
    let several = desk.folder.path().join("several");
    let inputs = ["ABC-1234", "XYZ"].map(|name| desk.photos().join(name).to_str().expect("text").to_owned());
    let run = redact(&[&inputs[0], &inputs[1], "--rename", "-o", several.to_str().expect("text")]);
    let renamed: Vec<_> =
        files_below(&several).iter().map(|path| path.strip_prefix(&several).expect("below").to_owned()).collect();
    assert_eq!((run.code, renamed.len()), (Some(0), 3), "{run:?}");
    for name in &renamed {
        let name = name.to_str().expect("text");
        assert!(!name.contains("ABC") && !name.contains("XYZ") && name.contains('/'), "{name}");
    }
    let _ = fs::remove_dir_all(desk.out());
    assert_eq!(desk.run(&["--rename"]).code, Some(0));
    assert_ne!(desk.copies(), copies, "drawn anew");
}

/// Copies of two runs would lie among each other.
#[test]
fn of_two_runs_into_one_folder_one_is_refused() {
    let desk = Desk::new();
    for number in 0..40 {
        desk.put(&format!("{number}.jpg"), &photo(number));
    }
    let (photos, out) = (desk.photos(), desk.out());
    let args = [photos.to_str().expect("text"), "-o", out.to_str().expect("text"), "--quiet"];
    let runs: Vec<Ended> = std::thread::scope(|scope| {
        let run = |only| scope.spawn(move || redact(&[&args[..], &["--only", only]].concat()));
        let runs = [run("plates"), run("faces"), run("plates"), run("faces")];
        runs.into_iter().map(|run| run.join().expect("it ran")).collect()
    });
    let done = runs.iter().filter(|run| run.code == Some(0)).count();
    assert_eq!((done, desk.copies().len()), (1, 40), "{runs:?}");
    for run in runs.iter().filter(|run| run.code != Some(0)) {
        assert!(run.code == Some(2), "{run:?}");
        assert!(run.stderr.contains("another run writes") || run.stderr.contains("is not empty"), "{run:?}");
    }
}

#[test]
fn one_worker_makes_what_many_make() {
    let desk = Desk::new();
    for number in 0..12 {
        desk.put(&format!("{number}.jpg"), &photo(number));
    }
    desk.put("x.png", &encoded(&picture(200, 100, 1).into(), ImageFormat::Png));
    assert_eq!(desk.run(&["--jobs", "4294967295"]).code, Some(2));
    assert_eq!(desk.run(&["--jobs", "1"]).code, Some(0));
    let made = || -> Vec<(PathBuf, Vec<u8>)> {
        files_below(&desk.out()).into_iter().map(|path| (path.clone(), fs::read(path).expect("read"))).collect()
    };
    let alone = made();
    fs::remove_dir_all(desk.out()).expect("removed");
    assert_eq!(desk.run(&["--jobs", "4"]).code, Some(0));
    assert!(alone.len() == 13 && made() == alone);
}
