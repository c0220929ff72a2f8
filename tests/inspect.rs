//! `safelight inspect`, as an operator runs it.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::files_below;
use common::site::{Ended, Site, jpeg, photo, picture, tiny_nets};
use serde_json::Value;

fn inspect(args: &[&Path], more: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("inspect").args(args).arg("--models").arg(tiny_nets()).args(more);
    Ended::of(command.output().expect("the command runs"))
}

#[test]
fn json_lines_come_in_order_with_boxes_and_blanked_areas() {
    let site = Site::new();
    for number in 0..6 {
        site.put(&format!("lane/{number}.jpg"), &photo(number));
    }
    let run = inspect(&[site.photos.path()], &["--json", "--jobs", "3"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let paths: Vec<&str> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, [0, 1, 2, 3, 4, 5].map(|number| format!("lane/{number}.jpg")));
    for line in &lines {
        assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(320), Some(192)));
        let (regions, areas) =
            (line["regions"].as_array().expect("regions"), line["redacted"].as_array().expect("areas"));
        assert!(!regions.is_empty() && regions.len() == areas.len());
        let sides =
            |value: &Value| value.as_array().expect("four").iter().filter_map(Value::as_f64).collect::<Vec<_>>();
        for (region, area) in regions.iter().zip(areas) {
            assert_eq!(region["kind"], "plate");
            let (tight, blank) = (sides(&region["box"]), sides(area));
            assert!(blank[0] <= tight[0] && blank[1] <= tight[1]);
            assert!(blank[0] + blank[2] >= tight[0] + tight[2] && blank[1] + blank[3] >= tight[1] + tight[3]);
        }
    }
}

#[test]
fn a_file_given_by_itself_keeps_its_name_and_an_unreadable_one_is_named() {
    let site = Site::new();
    let good = site.put("good.jpg", &photo(0));
    let cut = site.put("cut.jpg", &photo(1)[..300]);
    let run = inspect(&[&good, &cut], &["--format", "jsonl"]);
    assert_eq!(run.code, Some(1));
    let line: Value = serde_json::from_str(&run.stdout).expect("one object");
    assert_eq!(line["path"].as_str(), good.to_str());
    assert!(run.stderr.contains("cut.jpg: cannot be examined: the JPEG file ends early"), "{run:?}");
}

#[test]
fn what_nobody_here_decodes_is_named() {
    let site = Site::new();
    let heic = site.put("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let video = site.put("clip", b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81");
    for (file, said) in
        [(&heic, "a.heic: cannot be examined: a HEIC file"), (&video, "clip: skipped: a video (Matroska")]
    {
        let run = inspect(&[file], &[]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains(said) && !run.stderr.contains("no images"), "{run:?}");
    }
    let text = site.put("notes", b"a text");
    let run = inspect(&[&text], &[]);
    assert!(run.code == Some(0) && run.stderr.contains("no images there"), "{run:?}");
}

#[test]
fn overlays_are_written_only_where_no_ingest_finds_them() {
    let site = Site::new();
    site.put("lane/a.jpg", &photo(0));
    let inside = site.photos.path().join("overlays");
    let arguments = |out: &Path| ["--format", "overlay", "--out", out.to_str().expect("a name")].map(str::to_owned);
    let run = |out: &Path| {
        let arguments = arguments(out);
        inspect(&[site.photos.path()], &arguments.each_ref().map(String::as_str))
    };
    run(&inside).failed(2, "is looked at", "elsewhere");
    assert!(!inside.exists());
    let out = site.temporary.path().join("overlays");
    assert_eq!(run(&out).code, Some(0));
    assert_eq!(files_below(&out), [out.join("lane/a.jpg")]);
    assert!(image::open(out.join("lane/a.jpg")).is_ok());
}

/// Two cameras call their pictures alike.
#[test]
fn overlays_of_several_paths_do_not_get_into_each_others_way() {
    let site = Site::new();
    let folders = ["one/lane", "two/lane"].map(|folder| {
        site.put(&format!("{folder}/a.jpg"), &photo(1 + u32::from(folder == "two/lane")));
        site.photos.path().join(folder)
    });
    let files = ["one/lane/a.jpg", "two/lane/a.jpg"].map(|file| site.photos.path().join(file));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let out = elsewhere.path().join("look");
    let paths = [folders[0].as_path(), &folders[1], &files[0], &files[1]];
    let run = inspect(&paths, &["--format", "overlay", "--out", out.to_str().expect("text")]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found: Vec<_> =
        files_below(&out).iter().map(|file| file.strip_prefix(&out).expect("below").to_owned()).collect();
    assert_eq!(found, ["2-a.jpg", "2-lane/a.jpg", "a.jpg", "lane/a.jpg"].map(Path::new));
    let bytes = |name: &str| std::fs::read(out.join(name)).expect("read");
    assert!(bytes("a.jpg") == bytes("lane/a.jpg") && bytes("2-a.jpg") == bytes("2-lane/a.jpg"));
    assert!(bytes("a.jpg") != bytes("2-a.jpg"));
}

#[test]
fn a_long_path_does_not_break_the_table() {
    let site = Site::new();
    let name = format!("{}/{}/picture-7.jpg", "camera-with-a-long-name".repeat(2), "lane".repeat(9));
    site.put(&name, &photo(1));
    site.put("b.jpg", &photo(2));
    let run = inspect(&[site.photos.path()], &[]);
    let columns: Vec<_> =
        run.stdout.lines().map(|line| line.find("x192").map(|at| line[..at].chars().count())).collect();
    assert_eq!((columns.len(), columns[1]), (3, columns[2]), "{run:?}");
    assert!(run.stdout.contains("/picture-7.jpg") && run.stdout.contains('…'));
}

/// A copy of a picture of another format has a name that another picture may have.
#[test]
fn every_overlay_has_a_name_of_its_own() {
    let site = Site::new();
    let names =
        ["a.png", "a.png.jpg", "a.png.jpg.jpg", "b", "b.jpg", "c", "c.jpg/d.jpg", "e.jpeg", "e.jpeg.jpg", "f/a.png"];
    for (number, name) in (0..).zip(names) {
        site.put(name, &jpeg(&picture(320 + 16 * number, 192, number)));
    }
    let elsewhere = tempfile::tempdir().expect("a folder");
    let out = elsewhere.path().join("look");
    let run = inspect(&[site.photos.path()], &["--format", "overlay", "--out", out.to_str().expect("text")]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = files_below(&out);
    assert_eq!(found.len(), names.len(), "{found:?}");
    let pictures: std::collections::BTreeSet<_> = found.iter().map(|file| std::fs::read(file).expect("read")).collect();
    assert_eq!(pictures.len(), names.len(), "each is another picture");
    for (name, copy) in
        [("a.png", "a.png.jpg"), ("b", "b.jpg"), ("f/a.png", "f/a.png.jpg"), ("c.jpg/d.jpg", "c.jpg/d.jpg")]
    {
        assert!(out.join(copy).is_file(), "{name}: {found:?}");
    }
}

/// Two folders may have files of one name, and every line says whose it is.
#[test]
fn lines_of_several_folders_say_of_which() {
    let site = Site::new();
    site.put("a/x.jpg", &photo(0));
    site.put("b/x.jpg", &photo(1));
    let [a, b] = ["a", "b"].map(|name| site.photos.path().join(name));
    let run = inspect(&[&a, &b], &["--format", "jsonl"]);
    let paths: Vec<String> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object")["path"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(paths, [a, b].map(|folder| folder.join("x.jpg").to_str().expect("text").to_owned()));
    // One format at a time.
    for format in ["table", "overlay"] {
        let out = site.photos.path().join("c");
        let out = out.to_str().expect("text");
        inspect(&[&site.photos.path().join("a")], &["--json", "--format", format, "--out", out]).failed(
            2,
            "another format was given",
            "leave one of them out",
        );
    }
}

/// What the built-in nets say of a folder, with so much effort.
#[test]
fn heads_are_looked_for_where_a_net_knows_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.jpg");
    fs::write(&path, photo(0)).expect("written");
    inspect(&[&path], &["--heads=on"]).failed(2, "--models has none", "refine-head.slnn");
    inspect(&[&path], &["--heads"]).failed(2, "--models has none", "refine-head.slnn");
    for more in [&["--heads=off"][..], &["--effort", "thorough"], &["--effort", "thorough", "--heads=off"]] {
        let run = inspect(&[&path], more);
        assert_eq!(run.code, Some(0), "{more:?}");
        // What thorough leaves out is said, unless it was asked for.
        assert_eq!(run.stderr.contains("no heads are looked for"), !more.contains(&"--heads=off"), "{more:?}: {run:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("inspect").arg(&path).arg("--heads");
    assert_eq!(command.output().expect("the command runs").status.code(), Some(0));
}

fn seen(folder: &Path, effort: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("inspect").arg(folder).args(["--json", "--effort", effort]);
    let run = Ended::of(command.output().expect("the command runs"));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.stdout.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

fn rects(areas: &Value) -> Vec<[f64; 4]> {
    let four = |area: &Value| -> Option<[f64; 4]> {
        area.as_array()?.iter().filter_map(Value::as_f64).collect::<Vec<_>>().try_into().ok()
    };
    areas.as_array().expect("areas").iter().filter_map(four).collect()
}

/// Blanking the plate is for nothing where a corner of the picture says it again.
#[test]
fn what_a_camera_wrote_into_the_picture_is_hidden_where_it_spells_a_plate() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (drawn, written) = (temporary.path().join("drawn"), temporary.path().join("written"));
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_safelight"));
    simulate.arg("simulate").arg("--out").arg(&drawn).args(["-n", "60", "--seed", "11"]);
    assert_eq!(Ended::of(simulate.output().expect("the command runs")).code, Some(0));
    std::fs::create_dir(&written).expect("a folder");

    let font = ab_glyph::FontRef::try_from_slice(dejavu::sans_mono::bold()).expect("a font");
    let mut texts: Vec<(String, [f64; 4])> = Vec::new();
    for line in seen(&drawn, "fast") {
        let regions = line["regions"].as_array().expect("regions");
        let Some(plate) = regions.iter().filter_map(|region| region["text"].as_str()).find(|text| text.len() >= 6)
        else {
            continue;
        };
        let mut picture = image::open(drawn.join(line["path"].as_str().expect("a path"))).expect("a picture").to_rgb8();
        let scale = ab_glyph::PxScale::from(24.0);
        let at = |text: &str| imageproc::drawing::text_size(scale, &font, text).0;
        let (before, said) = ("CAM 3  ", format!("CAM 3  {plate}"));
        let strip = imageproc::rect::Rect::at(0, 0).of_size(at(&said) + 12, 32);
        imageproc::drawing::draw_filled_rect_mut(&mut picture, strip, image::Rgb([0; 3]));
        imageproc::drawing::draw_text_mut(&mut picture, image::Rgb([255; 3]), 6, 2, scale, &font, &said);
        let name = format!("{}.jpg", texts.len());
        picture.save(written.join(&name)).expect("written");
        texts.push((name, [f64::from(6 + at(before)), 4.0, f64::from(at(&said) - at(before)), 20.0]));
    }
    assert!(texts.len() >= 6, "{} plates were read", texts.len());

    let hidden = |effort: &str| {
        let shown = seen(&written, effort);
        let is_hidden = |(name, [x, y, w, h]): &&(String, [f64; 4])| {
            let line = shown.iter().find(|line| line["path"] == name.as_str()).expect("its line");
            let covered = rects(&line["redacted"]).into_iter().map(|[left, top, width, height]| {
                let across = (x + w).min(left + width) - x.max(left);
                across.max(0.0) * ((y + h).min(top + height) - y.max(top)).max(0.0)
            });
            covered.fold(0.0, f64::max) > 0.9 * w * h
        };
        texts.iter().filter(is_hidden).count()
    };
    // One may be misread.
    assert!(hidden("normal") + 1 >= texts.len(), "{} of {}", hidden("normal"), texts.len());
    assert!(hidden("fast") <= texts.len() / 2, "the least effort is not to read what is written");
}
