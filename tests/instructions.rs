//! Every instruction set that this processor has gives the same answers, bit for bit.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::files_below;
use common::site::{Ended, Site};
use safelight::nn::{Model, Session};
use safelight::simd::{INSTRUCTIONS, Isa};

/// What the program's own nets say of noise, on every processor: the beginning of the outputs' BLAKE3 hash. Other weights change it; another
/// processor must not.
const SAID: &str = "1dedf0dbc5281663";

/// A copy's name and bytes.
type Copied = (PathBuf, Vec<u8>);

fn safelight(instructions: &str, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(args).env(INSTRUCTIONS, instructions);
    Ended::of(command.output().expect("the command runs"))
}

fn said(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn the_program_s_own_nets_say_the_same_and_copies_are_the_same() {
    let site = Site::new();
    let photos = site.photos.path();
    let drawn = safelight("portable", &["simulate", "--out", said(photos), "-n", "6", "--seed", "4"]);
    assert_eq!(drawn.code, Some(0), "{drawn:?}");

    let mut first: Option<(String, Vec<Copied>)> = None;
    for isa in Isa::available() {
        let inspected = safelight(isa.name(), &["inspect", "--format", "jsonl", said(photos)]);
        assert_eq!(inspected.code, Some(0), "{inspected:?}");
        assert!(inspected.stdout.contains("\"text\""), "nothing was read: {inspected:?}");
        let copies = tempfile::tempdir().expect("a folder");
        let out = copies.path().join("copies");
        let redacted = safelight(isa.name(), &["redact", said(photos), "--out", said(&out)]);
        assert_eq!(redacted.code, Some(0), "{redacted:?}");
        let files = files_below(&out).into_iter().map(|path| {
            let bytes = fs::read(&path).expect("a copy");
            (path.strip_prefix(&out).expect("below").to_owned(), bytes)
        });
        let found = (inspected.stdout, files.collect());
        let expected = first.get_or_insert_with(|| found.clone());
        assert_eq!(expected.0, found.0, "{} says otherwise", isa.name());
        assert!(expected.1 == found.1, "{} copies otherwise", isa.name());
    }
}

#[test]
fn the_program_s_own_nets_say_the_same_on_every_machine() {
    let mut hash = blake3::Hasher::new();
    for (name, width, height) in
        [("detector", 320, 192), ("refine-plate", 96, 48), ("refine-face", 64, 64), ("reader", 144, 48)]
    {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name).with_extension("slnn");
        let model = Model::parse(&fs::read(file).expect("the program's own weights")).expect("a net");
        let mut session = Session::new(Arc::new(model));
        // Blocks of noise: each net has something to say of edges.
        let luma: Vec<u8> = (0..width * height)
            .map(|at: usize| (((at / width / 5 * 31 + at % width / 7) * 2_654_435_761) >> 7) as u8)
            .collect();
        session.run(&luma, width, height).expect("it runs");
        let output = session.output(0);
        for number in (0..output.height()).flat_map(|y| output.row(y).flatten()) {
            hash.update(&number.to_bits().to_le_bytes());
        }
    }
    assert_eq!(&hash.finalize().to_hex()[..16], SAID);
}

#[test]
fn instructions_that_are_not_there_are_named() {
    let run = safelight("sse9", &["inspect", "."]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("SAFELIGHT_INSTRUCTIONS is \"sse9\"; this processor has portable"), "{run:?}");
}
