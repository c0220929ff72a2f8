//! The eyes with nets made by hand, whose answers are known.

use std::sync::Arc;

use serde_json::{Value, json};

use super::meta::RefinerMeta;
use super::refiner::Refiner;
use super::testing::{Picture, detector, reader, refiner};
use super::{Detection, Eyes, NetFiles, Nets, NetsError};
use crate::capture::{Region, RegionKind};
use crate::geometry::{PixelRect, Rect, Size};
use crate::nn::testing::{ConvShape, FileBuilder};
use crate::nn::{Model, Session};

fn nets() -> NetFiles<FileBuilder> {
    NetFiles {
        detector: detector(),
        refine_plate: refiner("plate"),
        refine_face: refiner("face"),
        reader: reader(),
        refine_head: None,
    }
}

fn parsed(nets: NetFiles<FileBuilder>) -> Result<Nets, NetsError> {
    let files: Result<_, std::convert::Infallible> = nets.try_map(|net| Ok(net.file()));
    Nets::parse(&files.unwrap_or_else(|never| match never {}))
}

fn eyes() -> Eyes {
    parsed(nets()).expect("made by hand").eyes()
}

fn texts(region: &Region) -> Vec<String> {
    region.reading.iter().flat_map(|r| &r.candidates).map(|c| c.text.expose().to_owned()).collect()
}

/// A dark picture with a bright square of one cell of the grid, `scale` pixels to a grid pixel, at cell (`x`, `y`).
fn spot(size: Size, scale: u32, x: u32, y: u32) -> Picture {
    let mut picture = Picture::flat(size, 0);
    let side = 4 * scale;
    picture.fill(PixelRect::new(x * side, y * side, side, side), 255);
    picture
}

#[test]
fn the_built_in_nets_look_at_anything() {
    let mut eyes = Nets::builtin().eyes();
    for size in [Size::new(1, 1), Size::new(1280, 720), Size::new(40, 2000)] {
        for region in eyes.look(&Picture::gradient(size)) {
            assert!(region.bounds.right() <= size.width as f32 && region.bounds.bottom() <= size.height as f32);
        }
    }
}

#[test]
fn a_spot_is_found_where_it_is() {
    for (size, scale) in
        [(Size::new(1280, 720), 2), (Size::new(640, 384), 1), (Size::new(600, 200), 1), (Size::new(1920, 1080), 2)]
    {
        let picture = spot(size, scale, 11, 7);
        let found = eyes().look(&picture);
        assert!(!found.is_empty(), "{size:?}");
        for region in &found {
            assert_eq!(region.kind, RegionKind::Plate);
            let (cx, cy) = region.bounds.center();
            let side = (4 * scale) as f32;
            assert!((cx - 11.5 * side).abs() <= side && (cy - 7.5 * side).abs() <= side, "{size:?}: ({cx}, {cy})");
        }
        let best = found[0].bounds;
        assert!(found.iter().all(|r| r.score > 0.97));
        assert!((best.w / best.h - 2.0).abs() < 0.01);
    }
}

#[test]
fn a_small_picture_is_enlarged() {
    // At twice the size the spot of 2 × 2 pixels fills a cell.
    let mut picture = Picture::flat(Size::new(320, 240), 0);
    picture.fill(PixelRect::new(40, 20, 2, 2), 255);
    let found = eyes().look(&picture);
    assert_eq!(found.len(), 1);
    let expected = Rect::new(41.0 - 4.0, 21.0 - 2.0, 8.0, 4.0);
    assert!(found[0].bounds.iou(expected) > 0.9, "{:?}", found[0].bounds);
}

#[test]
fn boxes_end_at_the_edge() {
    let picture = spot(Size::new(640, 384), 1, 0, 0);
    let found = eyes().look(&picture);
    assert_eq!(found[0].bounds, Rect::new(0.0, 0.0, 10.0, 6.0));
}

#[test]
fn a_dark_picture_shows_nothing_and_its_padding_neither() {
    for size in [Size::new(1, 1), Size::new(33, 7), Size::new(1280, 720), Size::new(2500, 3), Size::new(3, 2500)] {
        assert!(eyes().look(&Picture::flat(size, 0)).is_empty(), "{size:?}");
    }
}

#[test]
fn a_bright_field_is_covered_to_the_last_and_without_doubles() {
    let found = eyes().look(&Picture::flat(Size::new(640, 384), 255));
    assert!(found.len() > 256);
    for (i, a) in found.iter().enumerate() {
        assert!(found[i + 1..].iter().all(|b| a.bounds.iou(b.bounds) <= 0.5));
    }
    let holds = |b: Rect, x: f32, y: f32| x >= b.x && x <= b.right() && y >= b.y && y <= b.bottom();
    for (x, y) in (4..636).step_by(8).flat_map(|x| (4..380).step_by(8).map(move |y| (x as f32, y as f32))) {
        assert!(found.iter().any(|found| holds(found.bounds, x, y)), "nothing at {x}, {y}");
    }
}

#[test]
fn a_plate_is_read() {
    // The spot's plate covers 16 × 8 grid pixels; its four quarters are dark, bright and bright, dark.
    let picture = spot(Size::new(640, 384), 1, 20, 20);
    let found = eyes().look(&picture);
    assert_eq!(found.len(), 1);
    let read = texts(&found[0]);
    assert_eq!(read[0], "ABA");
    let candidates = &found[0].reading.as_ref().unwrap().candidates;
    assert!(candidates.len() <= 5);
    assert!(candidates.is_sorted_by(|a, b| a.probability >= b.probability));
    assert!(candidates.iter().map(|c| c.probability).sum::<f32>() <= 1.0 + 1e-6);
}

#[test]
fn what_is_unsure_is_hidden_but_not_read() {
    let mut unsure = nets();
    unsure.detector.meta["threshold"]["read"] = json!(0.999);
    let mut eyes = parsed(unsure).unwrap().eyes();
    let found = eyes.look(&spot(Size::new(640, 384), 1, 20, 20));
    assert_eq!(found.len(), 1);
    assert!(found[0].reading.is_none());
}

#[test]
fn a_narrow_plate_is_hidden_but_not_read() {
    let mut nets = nets();
    nets.reader.meta["min_width"] = json!(16.5);
    let found = parsed(nets).unwrap().eyes().look(&spot(Size::new(640, 384), 1, 20, 20));
    assert!(found.len() == 1 && found[0].reading.is_none());
}

#[test]
fn what_fills_the_picture_is_seen_at_a_coarser_scale() {
    let nets = |least: u32| {
        let mut nets = nets();
        nets.detector.meta["coarse"] = json!({"factors": [3], "least": {"plate": least, "face": 8}});
        nets
    };
    // Bright where every cell of a third of the scale is: a plate of 8 × 16 of its pixels around it, twelve cells of the first grid.
    let picture = spot(Size::new(640, 384), 3, 20, 10);
    let widest = |nets| parsed(nets).unwrap().eyes().look(&picture).iter().map(|r| r.bounds.w).fold(0.0, f32::max);
    assert!((widest(nets(8)) - 48.0).abs() < 2.0);
    assert!(widest(nets(9)) < 20.0, "too small for the coarser look");
    assert!(widest(self::nets()) < 20.0);
}

#[test]
fn one_pair_of_eyes_serves_any_order_of_images() {
    let pictures = [
        spot(Size::new(1280, 720), 2, 11, 7),
        spot(Size::new(1920, 1080), 4, 3, 9),
        Picture::flat(Size::new(5, 900), 40),
        spot(Size::new(640, 384), 1, 20, 20),
    ];
    let summary = |eyes: &mut Eyes, picture: &Picture| -> Vec<(Rect, f32, Vec<String>)> {
        eyes.look(picture).iter().map(|r| (r.bounds, r.score, texts(r))).collect()
    };
    let mut veteran = eyes();
    for picture in pictures.iter().chain(pictures.iter().rev()) {
        assert_eq!(summary(&mut veteran, picture), summary(&mut eyes(), picture));
    }
}

#[test]
fn a_refiner_moves_the_edges_and_weighs_in() {
    let mut nets = nets();
    nets.refine_plate = refiner("plate");
    nets.refine_plate.meta["grow"] = json!([0.25, 0.5]);
    // A window of 1.5 times the width: an edge at a quarter of it lies an eighth of the box inside.
    let found = parsed(nets).unwrap().eyes().look(&spot(Size::new(640, 384), 1, 20, 20));
    let expected = Rect::new(80.0 - 6.0 + 2.0, 80.0 - 2.0, 12.0, 8.0);
    assert!(found[0].bounds.iou(expected) > 0.99, "{:?}", found[0].bounds);

    let mut nets = super::tests::nets();
    nets.refine_plate.meta["fuse"] = json!([0.5, 1.0, -1.0]);
    let found = parsed(nets).unwrap().eyes().look(&spot(Size::new(640, 384), 1, 20, 20));
    // The detector's logit of a white cell is 4.
    let expected = 1.0 / (1.0 + (-1.0f32).exp());
    assert!((found[0].score - expected).abs() < 1e-3, "{}", found[0].score);

    let mut nets = super::tests::nets();
    nets.refine_plate.meta["by_size"] = json!(-1.0);
    let found = parsed(nets).unwrap().eyes().look(&spot(Size::new(640, 384), 1, 20, 20));
    // Eight pixels high.
    let expected = 1.0 / (1.0 + (8.0f32.ln() - 4.0).exp());
    assert!((found[0].score - expected).abs() < 1e-3, "{}", found[0].score);

    let mut nets = super::tests::nets();
    nets.refine_plate.meta["fuse"] = json!([1.0, 1.0, -9.0]);
    assert!(parsed(nets).unwrap().eyes().look(&spot(Size::new(640, 384), 1, 20, 20)).is_empty());
}

#[test]
fn what_is_no_face_may_be_a_head_where_heads_are_asked_for() {
    let picture = spot(Size::new(640, 384), 1, 60, 40);
    let found = |heads: Option<bool>, face: f32, from: f32| {
        let mut nets = nets();
        nets.detector.meta["classes"] = json!(["face", "plate"]);
        nets.refine_face.meta["fuse"] = json!([1.0, 1.0, face]);
        let mut head = refiner("head");
        head.meta["head"] = json!({"from": from, "threshold": 0.6});
        nets.refine_head = Some(head);
        let nets = parsed(nets).expect("made by hand");
        let nets = if let Some(heads) = heads { nets.with_heads(heads) } else { nets };
        nets.eyes().find(&picture).iter().map(|found| found.kind).collect::<Vec<_>>()
    };
    assert_eq!(found(Some(true), 0.0, 0.0), [RegionKind::Face]);
    assert_eq!(found(Some(true), -6.0, 0.0), [RegionKind::Head]);
    assert_eq!(found(Some(true), -6.0, 0.5), []);
    assert_eq!(found(Some(false), -6.0, 0.0), []);
    assert_eq!(found(None, -6.0, 0.0), []);
}

/// A refiner that takes what is bright on the left for one and what is bright on the right for none, and whose right edge lies nearer
/// to the middle than the left one.
fn lopsided() -> FileBuilder {
    let mut builder = FileBuilder::new();
    builder.normalise = json!({"normalise": "standard", "floor": 4.0});
    let whole =
        ConvShape { kernel: [8, 8], stride: [8, 8], pad: [0; 4], channels: [1, 5], relu: false, keep: Value::Null };
    let weights: Vec<f32> =
        (0..64).flat_map(|at| [if at % 8 < 4 { 0.0625 } else { -0.0625 }, 0.0, 0.0, 0.0, 0.0]).collect();
    builder.conv("x", "edges", &whole, &weights, &[0.0, 0.25, 0.25, 0.625, 0.75]);
    builder.output("edges");
    builder.meta = json!({"kind": "plate", "size": [8, 8], "grow": [0.5, 0.5], "fuse": [0.0, 1.0, 0.0]});
    builder
}

#[test]
fn what_is_in_doubt_is_looked_at_again_and_in_a_mirror() {
    // Bright left of the middle of what is in question.
    let mut picture = Picture::flat(Size::new(64, 64), 0);
    picture.fill(PixelRect::new(0, 0, 32, 64), 255);
    let candidate = Detection { kind: RegionKind::Plate, bounds: Rect::new(24.0, 24.0, 16.0, 16.0), score: 0.5 };
    let refined = |doubt: Value| {
        let mut file = lopsided();
        file.meta["doubt"] = doubt;
        let model = Arc::new(Model::parse(&file.file()).unwrap());
        let meta: RefinerMeta = serde_json::from_value(model.meta().clone()).unwrap();
        Refiner::new(Session::new(model), Arc::new(meta)).refine(&picture, candidate)
    };
    let sure = refined(json!({"from": 0.0, "until": 0.9, "fuse": [0.0, 1.0, 0.0]}));
    assert!(sure.score > 0.95, "{}", sure.score);
    assert_eq!(sure.bounds, Rect::new(24.0, 24.0, 12.0, 16.0));

    // Once the mirror image is heard, too, left and right weigh alike, and the box that moved to the left is narrower on both sides.
    let doubted = refined(json!({"from": 0.0, "until": 1.0, "fuse": [0.0, 1.0, -1.0], "by_size": 0.5}));
    let expected = 1.0 / (1.0 + (1.0 - 0.5 * 9.0f32.ln()).exp());
    assert!((doubted.score - expected).abs() < 1e-3, "{}", doubted.score);
    assert_eq!(doubted.bounds, Rect::new(25.5, 24.0, 9.0, 16.0));
}

#[test]
fn a_certain_candidate_is_not_lost_to_arithmetic() {
    // A probability that rounds to 1 has a logit without end, of which a refiner may want to hear nothing.
    let mut file = refiner("plate");
    file.meta["fuse"] = json!([0.0, 1.0, 0.0]);
    let model = Arc::new(Model::parse(&file.file()).unwrap());
    let meta: RefinerMeta = serde_json::from_value(model.meta().clone()).unwrap();
    let candidate = Detection { kind: RegionKind::Plate, bounds: Rect::new(10.0, 10.0, 20.0, 10.0), score: 1.0 };
    let picture = Picture::flat(Size::new(64, 64), 0);
    let refined = Refiner::new(Session::new(model), Arc::new(meta)).refine(&picture, candidate);
    assert_eq!(refined.score, 0.5);
}

fn refused(change: impl FnOnce(&mut Value, &mut Value)) -> NetsError {
    let mut nets = nets();
    change(&mut nets.detector.meta, &mut nets.reader.meta);
    parsed(nets).err().expect("must be refused")
}

#[test]
fn weights_that_contradict_themselves_are_refused() {
    let file = |net: FileBuilder| net.file();
    let (detector, plate, face) = (file(detector()), file(refiner("plate")), file(refiner("face")));
    for (files, damaged) in [
        ([&[][..], &plate, &face], "detector"),
        ([&detector, &[], &face], "refine-plate"),
        ([&detector, &plate, &[]], "refine-face"),
        ([&detector, &plate, &face], "reader"),
    ] {
        let [detector, refine_plate, refine_face] = files;
        let files = NetFiles { detector, refine_plate, refine_face, reader: &[][..], refine_head: None };
        assert!(matches!(Nets::parse(&files), Err(NetsError::Model { net, .. }) if net == damaged));
    }
    let none = Vec::new();
    let exchanged =
        NetFiles { detector: &detector, refine_plate: &face, refine_face: &plate, reader: &none, refine_head: None };
    assert!(matches!(Nets::parse(&exchanged), Err(NetsError::Field { net: "refine-plate", field: "kind" })));
    assert!(matches!(refused(|d, _| d["stride"] = json!("4")), NetsError::Meta { net: "detector", .. }));
    assert!(matches!(refused(|_, r| r["size"] = json!([1])), NetsError::Meta { net: "reader", .. }));
    assert!(matches!(refused(|d, _| d["nms_iou"] = json!(1.5)), NetsError::Field { field: "nms_iou", .. }));
    assert!(matches!(refused(|_, r| r["alphabet"] = json!("a☃")), NetsError::Field { field: "alphabet", .. }));
    assert!(matches!(
        refused(|d, _| d["coarse"] = json!({"factors": [3, 1], "least": {"plate": 1, "face": 1}})),
        NetsError::Field { field: "coarse.factors", .. }
    ));
    let mut heads = nets();
    heads.refine_head = Some(refiner("head"));
    assert!(matches!(parsed(heads).err(), Some(NetsError::Field { net: "refine-head", field: "head" })));
    assert!(matches!(refused(|_, r| r["min_width"] = json!(-1)), NetsError::Field { field: "min_width", .. }));
    assert!(matches!(refused(|_, r| r["size"] = json!([8, 8])), NetsError::Run { net: "reader", .. }));
    assert!(matches!(
        refused(|d, _| d["stride"] = json!(8)),
        NetsError::Output { net: "detector", expected: [8, 12, 6], found: [16, 24, 6] }
    ));
    assert!(matches!(refused(|_, r| r["alphabet"] = json!("ABC")), NetsError::Output { net: "reader", .. }));
}

/// The command line's tests look at pictures through these same nets, from files. `SAFELIGHT_REGENERATE=1` writes them.
#[test]
fn the_tiny_nets_in_fixtures_are_these() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny-nets");
    let names = NetFiles::NAMES;
    for (name, net) in [
        (names.detector, detector()),
        (names.refine_plate, refiner("plate")),
        (names.refine_face, refiner("face")),
        (names.reader, reader()),
    ] {
        let file = net.file();
        let path = folder.join(name);
        if std::env::var_os("SAFELIGHT_REGENERATE").is_some() {
            std::fs::write(&path, &file).expect("the fixtures are writable");
        }
        assert!(std::fs::read(&path).expect("a fixture") == file, "{name} differs: see this test's comment");
    }
}
