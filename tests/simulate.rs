//! The simulator as its users meet it: a folder, the same whatever drew it.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::snapshot;
use safelight::geometry::Size;
use safelight::simulate::picture;
use safelight::simulate::produce::{self, Content, Order, SimulateError};
use safelight::simulate::world::{Scenario, World};

fn order(content: Content, count: u64) -> Order {
    Order { count, seed: 5, content, size: Size::new(480, 270), start: jiff::civil::date(2019, 4, 1) }
}

fn produce_with(threads: usize, order: &Order, folder: &Path) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    produce::prepare(folder).expect("an empty folder");
    let produced = pool.install(|| produce::produce(order, folder, &|| ())).expect("a simulation");
    assert_eq!(produced.images, order.count);
}

/// Every file below `folder` with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.expect("readable");
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            all.insert(name, fs::read(entry.path()).expect("readable"));
        }
    }
    all
}

#[test]
fn one_thread_and_four_draw_the_same_bytes() {
    let contents_of = [Content::Pictures(Scenario::Mixed), Content::Pictures(Scenario::SixWeeks), Content::Plates];
    for content in contents_of {
        let (one, four) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let order = order(content, 24);
        produce_with(1, &order, one.path());
        produce_with(4, &order, four.path());
        assert!(contents(one.path()) == contents(four.path()), "{content:?} differs");
    }
}

#[test]
fn pictures_may_have_any_shape() {
    for (width, height) in [(64, 64), (97, 601), (1500, 80), (333, 222)] {
        let folder = tempfile::tempdir().expect("a folder");
        let order = Order { size: Size::new(width, height), ..order(Content::Pictures(Scenario::Mixed), 12) };
        produce_with(2, &order, folder.path());
        for (name, bytes) in contents(folder.path()) {
            if name.ends_with("jpg") || name.ends_with("png") {
                let image = image::load_from_memory(&bytes).expect("decodable");
                assert_eq!((image.width(), image.height()), (width, height), "{name}");
            }
        }
    }
}

#[test]
fn truth_and_manifest_name_every_picture_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    produce_with(2, &order(Content::Pictures(Scenario::Mixed), 40), folder.path());
    let truth = fs::read_to_string(folder.path().join(produce::TRUTH)).expect("a truth");
    let mut manifest = csv::Reader::from_path(folder.path().join(produce::CAPTURES)).expect("a manifest");
    assert_eq!(
        manifest.headers().expect("a header").iter().collect::<Vec<_>>(),
        ["file", "site", "lane", "direction", "timestamp", "class"]
    );
    let rows: Vec<csv::StringRecord> = manifest.records().map(|r| r.expect("a row")).collect();
    assert_eq!(truth.lines().count(), rows.len());
    let mut plates = 0;
    for (line, row) in truth.lines().zip(&rows) {
        let line: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        assert_eq!(line["path"], row[0]);
        let name = row[0].to_owned();
        assert!(folder.path().join(&name).is_file());
        assert!(row[4].parse::<jiff::Timestamp>().is_ok(), "RFC 3339: {}", &row[4]);
        for region in line["regions"].as_array().expect("regions") {
            let side = |i: usize| region["box"][i].as_f64().expect("a number");
            assert!(side(0) >= 0.0 && side(1) >= 0.0 && side(0) + side(2) <= 480.1 && side(1) + side(3) <= 270.1);
            if let Some(text) = region["text"].as_str() {
                plates += 1;
                assert!(!name.contains(text), "a file's name must not carry its plate");
            }
        }
    }
    assert!(plates > 3, "{plates} readable plates in 40 pictures");
}

#[test]
fn who_is_seen_from_behind_is_a_head_and_who_looks_here_a_face() {
    let world = World::new(3, 300, Scenario::Mixed, jiff::civil::date(2019, 4, 1));
    let (mut behind, mut riding, mut faces) = (0, 0, 0);
    for index in 0..300 {
        let picture = picture::draw(&world, Scenario::Mixed, Size::new(480, 270), index, 3).expect("drawn");
        for region in &picture.truth.regions {
            let away = region.yaw.is_some_and(|yaw| yaw.abs() > 104);
            match region.kind {
                "face" => {
                    assert!(!away, "{region:?}");
                    faces += 1;
                }
                // Behind a dark visor nobody is seen from the front.
                "head" if picture.truth.scene == "vehicle" => riding += 1,
                "head" => behind += u32::from(away),
                _ => assert!(region.yaw.is_none() && region.quad.is_some(), "{region:?}"),
            }
        }
    }
    assert!(behind > 5 && riding > 0 && faces > 4 * behind, "{behind} behind, {riding} riding, {faces} faces");
}

#[test]
fn a_folder_is_taken_over_only_from_an_earlier_simulation() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = order(Content::Pictures(Scenario::Mixed), 3);
    produce_with(1, &small, folder.path());
    produce_with(1, &small, folder.path());
    fs::write(folder.path().join("thesis.txt"), "precious").expect("written");
    assert!(matches!(produce::prepare(folder.path()), Err(SimulateError::Occupied { .. })));
    let other = tempfile::tempdir().expect("a folder");
    fs::write(other.path().join("truth.jsonl"), "{}").expect("written");
    assert!(matches!(produce::prepare(other.path()), Err(SimulateError::Occupied { .. })));
    assert!(other.path().join("truth.jsonl").exists());
}

/// Whatever somebody has put into an earlier simulation, or made of it, stays, and so does all the rest.
#[cfg(unix)]
#[test]
fn a_simulation_that_somebody_has_touched_is_refused_and_stays_as_it_was() {
    use std::os::unix::fs::symlink;

    let small = order(Content::Pictures(Scenario::Mixed), 3);
    let lane = |folder: &Path| {
        let picture = walkdir::WalkDir::new(folder)
            .into_iter()
            .flatten()
            .find(|e| e.path().extension().is_some_and(|x| x == "jpg"));
        picture.expect("a picture").path().parent().expect("a lane").to_owned()
    };
    let picture = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(lane(folder)).expect("listed").flatten().map(|entry| entry.path()).collect();
        names.sort();
        names.remove(0)
    };
    type Touch<'t> = (&'static str, &'t dyn Fn(&Path));
    let touches: [Touch; 10] = [
        ("a part of one's own", &|folder| fs::write(folder.join("truth.jsonl.part"), "mine").expect("written")),
        ("a file beside", &|folder| fs::write(folder.join("thesis.txt"), "precious").expect("written")),
        ("a photograph in a lane", &|folder| fs::write(lane(folder).join("mine.jpg"), "mine").expect("written")),
        ("another photograph under a picture's name", &|folder| fs::write(picture(folder), "mine").expect("written")),
        ("notes in the truth", &|folder| {
            let truth = folder.join(produce::TRUTH);
            let text = fs::read_to_string(&truth).expect("read");
            fs::write(truth, text + "mine\n").expect("written");
        }),
        ("a folder in a lane", &|folder| fs::create_dir(lane(folder).join("mine")).expect("made")),
        ("an empty folder", &|folder| fs::create_dir(folder.join("lane-99")).expect("made")),
        ("a link in a lane", &|folder| symlink("/etc/hostname", lane(folder).join("0.jpg")).expect("linked")),
        ("a link for a lane", &|folder| {
            fs::rename(lane(folder), folder.join("../moved")).expect("moved");
            symlink("../moved", folder.join("lane-01")).expect("linked");
        }),
        ("a list that is cut", &|folder| {
            let list = folder.join("simulation.json");
            let text = fs::read_to_string(&list).expect("read");
            fs::write(list, text.lines().next().expect("a line")).expect("written");
        }),
    ];
    for (what, touch) in touches {
        let scene = tempfile::tempdir().expect("a folder");
        let folder = scene.path().join("drawn");
        produce_with(1, &small, &folder);
        touch(&folder);
        let before = snapshot(scene.path());
        let refused = produce::prepare(&folder);
        assert!(matches!(refused, Err(SimulateError::Occupied { .. })), "{what}: {refused:?}");
        assert_eq!(snapshot(scene.path()), before, "{what}");
    }
    // What an interrupted one leaves is its own.
    let scene = tempfile::tempdir().expect("a folder");
    produce_with(1, &small, scene.path());
    let picture = picture(scene.path());
    fs::rename(&picture, picture.with_extension("jpg.part")).expect("moved");
    fs::rename(scene.path().join(produce::TRUTH), scene.path().join("truth.jsonl.part")).expect("moved");
    produce::prepare(scene.path()).expect("an interrupted one");
    assert_eq!(snapshot(scene.path()).len(), 0);
}
