//! Detectors from ONNX files, from the file to boxes on a picture and to the command line.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use image::{ExtendedColorType, ImageEncoder, RgbImage, codecs::png::PngEncoder};
use safelight::capture::RegionKind;
use safelight::frame::{Frame, Limits};
use safelight::geometry::Rect;
use safelight::vision::{Detection, OnnxError, OnnxFormat, OnnxModel, OnnxOptions};
use serde_json::Value;

use super::common::site::{Ended, Site, tiny_nets};
use super::models::{self, Layout, SURE};
use super::proto::Side;

const PLATE: Option<RegionKind> = Some(RegionKind::Plate);
const FACE: Option<RegionKind> = Some(RegionKind::Face);

/// A black picture with one white square: the file.
fn spot(width: u32, height: u32, x: u32, y: u32, side: u32) -> Vec<u8> {
    let inside = |at: u32, from: u32| (from..from + side).contains(&at);
    let picture = RgbImage::from_fn(width, height, |px, py| {
        image::Rgb([if inside(px, x) && inside(py, y) { 255 } else { 0 }; 3])
    });
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(picture.as_raw(), width, height, ExtendedColorType::Rgb8)
        .expect("a picture in memory");
    file
}

fn look(model: Vec<u8>, options: OnnxOptions, picture: &[u8]) -> Vec<Detection> {
    let model = Arc::new(OnnxModel::parse(model, options).expect("a model"));
    let frame = Frame::decode(picture, &Limits::default()).expect("a picture");
    model.detector().look(&frame).expect("looked")
}

fn assert_found(found: &[Detection], kind: RegionKind, [x, y, w, h]: [f32; 4]) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, kind);
    assert!(found[0].bounds.iou(Rect::new(x, y, w, h)) > 0.98, "{found:?}");
}

#[test]
fn yunet_finds_its_faces() {
    let found = look(models::yunet(), OnnxOptions::new(OnnxFormat::YuNet), &spot(96, 64, 40, 24, 8));
    assert_found(&found, RegionKind::Face, [32.0, 12.0, 24.0, 32.0]);
    assert!((found[0].score - SURE.sqrt()).abs() < 1e-3);
    // Twice as large a picture, seen at half size.
    let found = look(models::yunet(), OnnxOptions::new(OnnxFormat::YuNet), &spot(192, 128, 80, 48, 16));
    assert_found(&found, RegionKind::Face, [64.0, 24.0, 48.0, 64.0]);
}

#[test]
fn centerface_finds_its_faces_at_any_size() {
    let options = || OnnxOptions::new(OnnxFormat::CenterFace);
    // The box is 12 × 16 pixels of the canvas around the middle of the cell, one pixel to the right and up.
    let found = look(models::centerface(), options(), &spot(640, 384, 44, 28, 4));
    assert_found(&found, RegionKind::Face, [41.0, 21.0, 12.0, 16.0]);
    assert!((found[0].score - SURE).abs() < 1e-3);
    let found = look(models::centerface(), options(), &spot(1280, 720, 88, 56, 8));
    assert_found(&found, RegionKind::Face, [82.0, 42.0, 24.0, 32.0]);
    let found = look(models::centerface(), options(), &spot(720, 1280, 88, 56, 8));
    assert_found(&found, RegionKind::Face, [82.0, 42.0, 24.0, 32.0]);
    // A larger canvas sees smaller things.
    let larger = OnnxOptions { long_side: 1280, ..options() };
    assert_found(
        &look(models::centerface(), larger, &spot(1280, 720, 88, 56, 4)),
        RegionKind::Face,
        [85.0, 49.0, 12.0, 16.0],
    );
}

#[test]
fn yolo_finds_its_classes_in_both_layouts() {
    let options = |classes: [Option<RegionKind>; 2]| OnnxOptions::new(OnnxFormat::Yolo(classes.to_vec()));
    let picture = spot(96, 64, 40, 24, 8);
    for layout in [Layout::Version5, Layout::Version8] {
        let model = || models::yolo(layout);
        let found = look(model(), options([PLATE, FACE]), &picture);
        assert_found(&found, RegionKind::Plate, [28.0, 20.0, 32.0, 16.0]);
        assert!((found[0].score - SURE).abs() < 1e-3);
        assert_found(&look(model(), options([FACE, PLATE]), &picture), RegionKind::Face, [28.0, 20.0, 32.0, 16.0]);
        assert!(look(model(), options([None, FACE]), &picture).is_empty());
        let strict = OnnxOptions { threshold: Some(0.99), ..options([PLATE, FACE]) };
        assert!(look(model(), strict, &picture).is_empty());
    }
}

fn refused(model: Vec<u8>, options: OnnxOptions) -> OnnxError {
    OnnxModel::parse(model, options).err().expect("must be refused")
}

#[test]
fn what_does_not_fit_is_refused_and_says_why() {
    let options = OnnxOptions::new;
    let yolo = |classes: usize| options(OnnxFormat::Yolo(vec![PLATE; classes]));
    assert!(matches!(refused(Vec::new(), yolo(2)), OnnxError::Load(_)));
    assert!(matches!(refused(b"\x89PNG\r\n\x1a\n and more".to_vec(), yolo(2)), OnnxError::Load(_)));
    let cut = models::yunet();
    assert!(matches!(refused(cut[..cut.len() / 2].to_vec(), yolo(2)), OnnxError::Load(_)));

    let error = refused(models::yolo(Layout::Version8), options(OnnxFormat::YuNet));
    assert_eq!(error.to_string(), "a YuNet net has an output \"cls_8\"; this one has: output0");
    let error = refused(models::yolo(Layout::Version8), yolo(3));
    assert!(matches!(&error, OnnxError::OutputShape { found, .. } if *found == [1, 6, 126]), "{error}");
    assert!(error.to_string().contains("7 or 8 numbers for each cell of 96x64 pixels"), "{error}");
    assert!(matches!(
        refused(models::yolo(Layout::Version8), options(OnnxFormat::CenterFace)),
        OnnxError::OutputKind { .. }
    ));
    let sides = || [Side::Fixed(1), Side::Fixed(3), Side::Fixed(64), Side::Fixed(64)];
    assert!(matches!(
        refused(models::nothing(&sides()), options(OnnxFormat::CenterFace)),
        OnnxError::OutputShape { .. }
    ));
    let gray = [Side::Fixed(1), Side::Fixed(1), Side::Fixed(64), Side::Fixed(64)];
    let error = refused(models::nothing(&gray), yolo(2));
    assert_eq!(error.to_string(), "the net's input is [1, 1, 64, 64], not [1, 3, rows, columns]");
    let half_open = [Side::Fixed(1), Side::Fixed(3), Side::Open("rows"), Side::Fixed(64)];
    assert!(matches!(refused(models::nothing(&half_open), yolo(2)), OnnxError::InputShape { .. }));
    assert!(matches!(refused(models::nothing(&[Side::Fixed(4)]), yolo(2)), OnnxError::InputShape { .. }));

    assert!(matches!(refused(Vec::new(), yolo(0)), OnnxError::Option { .. }));
    for threshold in [0.0, 1.0, f32::NAN] {
        assert!(matches!(
            refused(Vec::new(), OnnxOptions { threshold: Some(threshold), ..yolo(1) }),
            OnnxError::Option { .. }
        ));
    }
    assert!(matches!(refused(Vec::new(), OnnxOptions { long_side: 100, ..yolo(1) }), OnnxError::Option { .. }));
    assert!(matches!(refused(Vec::new(), OnnxOptions { nms_iou: -1.0, ..yolo(1) }), OnnxError::Option { .. }));
}

#[test]
fn confidences_that_are_no_numbers_are_an_error_and_no_empty_picture() {
    let white = Frame::decode(&spot(64, 64, 0, 0, 64), &Limits::default()).expect("a picture");
    let model =
        OnnxModel::parse(models::overflowing(), OnnxOptions::new(OnnxFormat::CenterFace)).expect("fine on black");
    assert!(matches!(Arc::new(model).detector().look(&white), Err(OnnxError::NotFinite)));
}

/// What suppression would take too long for is refused, and not cut to its best: the rest would stay visible.
#[test]
fn more_candidates_than_can_be_compared_are_an_error_and_not_cut() {
    let white = Frame::decode(&spot(640, 640, 0, 0, 640), &Limits::default()).expect("a picture");
    let options = OnnxOptions::new(OnnxFormat::CenterFace);
    let model = Arc::new(OnnxModel::parse(models::centerface(), options).expect("a model"));
    assert!(matches!(model.detector().look(&white), Err(OnnxError::TooMany { found: 25_600 })));
    let some = Frame::decode(&spot(640, 640, 0, 0, 480), &Limits::default()).expect("a picture");
    assert!(model.detector().look(&some).expect("looked").len() > 1_000);
}

/// Writes `model` among the site's files and runs `inspect` with it.
fn inspect(site: &Site, model: &[u8], more: &[&str]) -> Ended {
    let file = site.temporary.path().join("own.onnx");
    fs::write(&file, model).expect("written");
    inspect_with(site, &file, more)
}

fn inspect_with(site: &Site, model: &Path, more: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("inspect").arg(site.photos.path()).arg("--models").arg(tiny_nets()).args(["--format", "jsonl"]);
    Ended::of(command.arg("--detector").arg(model).args(more).output().expect("the command runs"))
}

/// How many plates and faces `inspect` found.
fn kinds(run: &Ended) -> (usize, usize) {
    assert_eq!(run.code, Some(0), "{run:?}");
    let line: Value = serde_json::from_str(&run.stdout).expect("one object");
    let of = |kind: &str| {
        let regions = line["regions"].as_array().expect("regions");
        regions.iter().filter(|region| region["kind"] == kind).count()
    };
    (of("plate"), of("face"))
}

#[test]
fn what_either_detector_finds_is_blanked() {
    let site = Site::new();
    // The built-in tiny net takes bright squares for plates.
    site.put("a.png", &spot(640, 384, 44, 28, 4));
    let built_in = kinds(&inspect(
        &site,
        &models::centerface(),
        &["--detector-format", "centerface", "--detector-threshold", "0.999"],
    ));
    assert_eq!(built_in, (1, 0));
    let both = inspect(&site, &models::centerface(), &["--detector-format", "centerface", "--jobs", "2"]);
    assert_eq!(kinds(&both), (1, 1));
    // Alone on faces; plates are still the built-in net's.
    let alone = inspect(&site, &models::centerface(), &["--detector-format", "centerface", "--detector-alone"]);
    assert_eq!(kinds(&alone), (1, 1));
    // Alone on plates: what it does not find is not found.
    let yolo = ["--detector-format", "yolo", "--detector-classes", "other,plate", "--detector-alone"];
    assert_eq!(kinds(&inspect(&site, &models::yolo(Layout::Version8), &yolo)), (0, 0));
    assert_eq!(kinds(&inspect(&site, &models::yolo(Layout::Version8), &yolo[..4])), (1, 0));
}

#[test]
fn an_image_on_which_the_net_fails_is_unreadable() {
    let site = Site::new();
    site.put("black.png", &spot(64, 64, 0, 0, 0));
    site.put("white.png", &spot(64, 64, 0, 0, 64));
    let run = inspect(&site, &models::overflowing(), &["--detector-format", "centerface"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    assert!(run.stdout.contains("black.png") && run.stderr.contains("white.png: cannot be examined"), "{run:?}");
}

#[test]
fn a_wrong_command_line_is_explained() {
    let site = Site::new();
    site.put("a.png", &spot(64, 64, 0, 0, 8));
    let model = models::yunet();
    inspect_with(&site, &site.temporary.path().join("nothing.onnx"), &["--detector-format", "yunet"]).failed(
        2,
        "cannot be read",
        "ONNX file",
    );
    inspect(&site, &model, &["--detector-format", "centerface"]).failed(
        2,
        "own.onnx cannot be used",
        "--detector-format",
    );
    inspect(&site, b"no model", &["--detector-format", "yunet"]).failed(2, "not an ONNX model", "--detector-format");
    inspect(&site, &model, &["--detector-format", "yunet", "--detector-threshold", "7"]).failed(
        2,
        "the threshold must be between 0 and 1",
        "",
    );
    inspect(&site, &model, &["--detector-format", "yunet", "--detector-classes", "face"])
        .failed(2, "for yolo", "leave");
    for incomplete in [&[][..], &["--detector-format", "yolo"]] {
        let run = inspect(&site, &model, incomplete);
        assert!(run.code == Some(2) && run.stderr.contains("required"), "{run:?}");
    }
}
