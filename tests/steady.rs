//! What a worker asks of the allocator for one more picture, once it has seen some.

use std::fs;
use std::process::Command;

use allocation_counter::measure;
use safelight::capture::Effort;
use safelight::frame::{Frame, Limits, LumaSource};
use safelight::pipeline::{Look, Stages, TrainedEyes};
use safelight::vision::Nets;
use walkdir::WalkDir;

/// The nets' tensors, windows and tables stay from picture to picture: a look asks for a plane of luma, and small change.
#[test]
fn a_look_keeps_nothing_and_asks_for_little_more_than_its_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_safelight"));
    simulate.args(["simulate", "-n", "6", "--seed", "5", "-q", "--out"]).arg(folder.path());
    assert!(simulate.status().expect("the command runs").success());
    let files = WalkDir::new(folder.path()).sort_by_file_name().into_iter().filter_map(Result::ok);
    let photos = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "jpg"));
    let frames: Vec<Frame> = photos
        .map(|entry| Frame::decode(&fs::read(entry.path()).expect("read"), &Limits::default()).expect("decoded"))
        .collect();
    assert_eq!(frames.len(), 6);
    for (effort, most) in [(Effort::Fast, 3), (Effort::Normal, 8)] {
        let nets = Nets::builtin().with_effort(effort);
        let mut eyes = TrainedEyes::new(&nets);
        let mut look = |frame: &Frame| measure(|| drop(eyes.look(frame, &mut Stages::default())));
        for frame in &frames {
            look(frame);
        }
        for frame in &frames {
            let again = look(frame);
            assert_eq!((again.count_current, again.bytes_current), (0, 0), "{effort:?}: grows with every picture");
            let pixels = frame.size().pixels();
            assert!(again.bytes_total < most * pixels, "{effort:?}: {again:?} for {pixels} pixels");
        }
    }
}
