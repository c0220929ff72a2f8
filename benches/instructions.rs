//! Instructions that the hot path executes: the same on every machine, however busy, and so a guard against getting slower
//! unawares.
//!
//! `cargo bench --bench instructions` needs valgrind, and says so where there is none. It prints each count beside the one in
//! `benches/instructions.txt`, which `SAFELIGHT_REGENERATE=1` writes anew; another compiler may count otherwise.
//!
//! Valgrind knows vectors up to AVX2: that path is counted, on processors with wider vectors, too. It computes fused
//! multiply-adds slowly, so nets run on small inputs here, and the pipeline with nets of almost no weights.

mod common;

use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use common::{Site, drawn};
use safelight::geometry::{PixelRect, Size};
use safelight::jpeg::{Fill, Jpeg, Limits, Reduction, restore};
use safelight::nn::{Model, Session};
use safelight::vision::{NetFiles, Nets};

/// Tells this program that it runs under valgrind.
const COUNTED: &str = "--counted";

/// More than this in a hundred is worth a word.
const WORTH_A_WORD: f64 = 3.0;

/// What is counted: a name, and work to be done so many times on the picture in a folder.
type Case = (&'static str, fn(&Path, usize));

const CASES: [Case; 6] = [
    ("jpeg: index and half-size luma, 1280x720", parse),
    ("jpeg: splice two areas", splice),
    ("jpeg: restore", back),
    ("nn: the detector's net, 160x96", detector),
    ("nn: the reader's net, 144x48", reader),
    ("pipeline: an image from file to vault, nets aside", pipeline),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, case, times, folder] = arguments.as_slice()
        && flag == COUNTED
    {
        let (Some((_, work)), Ok(times)) = (CASES.iter().find(|(name, _)| name == case), times.parse()) else {
            return ExitCode::FAILURE;
        };
        work(Path::new(folder), times);
        return ExitCode::SUCCESS;
    }
    // Cargo runs benches without the one argument when it tests all targets, and with both to see whether they run.
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    if !has("--bench") || has("--test") {
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: no instructions are counted");
        return ExitCode::SUCCESS;
    }
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions could not be counted: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts all cases and prints them beside what is known.
fn compare() -> Result<(), Box<dyn Error>> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    let known = std::fs::read_to_string(&kept).unwrap_or_default();
    let known =
        |case: &str| -> Option<f64> { known.lines().find_map(|line| line.strip_prefix(case)?.trim().parse().ok()) };
    let folder = tempfile::tempdir()?;
    let pictures = drawn(Size::new(1280, 720), 1);
    let (_, file) = pictures.first().ok_or("no picture was drawn")?;
    std::fs::write(folder.path().join("picture.jpg"), file)?;
    println!("| what | million instructions | change |\n|---|--:|--:|");
    let (mut lines, mut slower) = (String::new(), Vec::new());
    for (case, _) in CASES {
        // Once and three times: what comes before and after the work falls out.
        let (once, thrice) = (count(case, 1, folder.path())?, count(case, 3, folder.path())?);
        let instructions = thrice.saturating_sub(once) / 2;
        let change = known(case).map(|known| (instructions as f64 / known - 1.0) * 100.0);
        if let Some(change) = change.filter(|change| *change > WORTH_A_WORD) {
            slower.push(format!("{case} by {change:.1} %"));
        }
        let change = change.map_or("new".to_owned(), |change| format!("{change:+.2} %"));
        println!("| {case} | {:.3} | {change} |", instructions as f64 / 1e6);
        lines += &format!("{case}\t{instructions}\n");
    }
    if !slower.is_empty() {
        println!("\nmore instructions than benches/instructions.txt has: {}", slower.join("; "));
    }
    if std::env::var_os("SAFELIGHT_REGENERATE").is_some() {
        std::fs::write(kept, lines)?;
    }
    Ok(())
}

/// Instructions of this program doing `case` so many times.
fn count(case: &str, times: usize, folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    let ended = command.args([COUNTED, case, &times.to_string()]).arg(folder).output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    let collected = said.lines().rev().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.filter(|_| ended.status.success()).ok_or_else(|| format!("{case}: {said}").into())
}

fn picture(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("picture.jpg")).expect("read")
}

fn parsed(file: &[u8]) -> Jpeg {
    Jpeg::parse(file, &Limits::default(), Reduction::Half).expect("parsed")
}

fn areas() -> [PixelRect; 2] {
    [PixelRect::new(240, 480, 128, 48), PixelRect::new(640, 240, 64, 80)]
}

fn parse(folder: &Path, times: usize) {
    let file = picture(folder);
    (0..times).for_each(|_| drop(black_box(parsed(&file))));
}

fn splice(folder: &Path, times: usize) {
    let file = picture(folder);
    let jpeg = parsed(&file);
    (0..times).for_each(|_| drop(black_box(jpeg.splice(&file, &areas(), Fill::BLACK).expect("spliced"))));
}

fn back(folder: &Path, times: usize) {
    let file = picture(folder);
    let spliced = parsed(&file).splice(&file, &areas(), Fill::BLACK).expect("spliced");
    let removed = spliced.removed.expect("restorable");
    (0..times).for_each(|_| assert!(restore(&spliced.scene, &removed).expect("restored").len() == file.len()));
}

fn net(weights: &[u8], width: usize, height: usize, times: usize) {
    let mut session = Session::new(Arc::new(Model::parse(weights).expect("a net")));
    let luma = vec![128; width * height];
    (0..times).for_each(|_| session.run(black_box(&luma), width, height).expect("run"));
}

fn detector(_: &Path, times: usize) {
    net(include_bytes!("../models/detector.slnn"), 160, 96, times);
}

fn reader(_: &Path, times: usize) {
    net(include_bytes!("../models/reader.slnn"), 144, 48, times);
}

/// One worker takes so many images into a vault of its own.
fn pipeline(folder: &Path, times: usize) {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny-nets");
    let names = NetFiles { refine_head: None, ..NetFiles::NAMES };
    let files = names.try_map(|name| std::fs::read(tiny.join(name))).expect("nets of almost no weights");
    let nets = Nets::parse(&files).expect("nets");
    let site = Site::new();
    let album = tempfile::tempdir().expect("a folder");
    for number in 0..times {
        let link: PathBuf = album.path().join(format!("{number}.jpg"));
        std::fs::hard_link(folder.join("picture.jpg"), link).expect("linked");
    }
    let summary = common::ingest(album.path(), &site, &nets, NonZeroUsize::MIN);
    assert_eq!(summary.sealed as usize, times);
}
