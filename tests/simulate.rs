//! The simulator as its users meet it: a folder, the same whatever drew it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safelight::geometry::Size;
use safelight::simulate::produce::{self, Content, Order, SimulateError};
use safelight::simulate::world::Scenario;

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
fn a_folder_is_taken_over_only_from_an_earlier_simulation() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = order(Content::Pictures(Scenario::Mixed), 3);
    produce_with(1, &small, folder.path());
    produce_with(1, &small, folder.path());
    fs::write(folder.path().join("thesis.txt"), "precious").expect("written");
    assert!(matches!(produce::prepare(folder.path()), Err(SimulateError::Occupied(_))));
    let other = tempfile::tempdir().expect("a folder");
    fs::write(other.path().join("truth.jsonl"), "{}").expect("written");
    assert!(matches!(produce::prepare(other.path()), Err(SimulateError::Occupied(_))));
    assert!(other.path().join("truth.jsonl").exists());
}
