//! What is written about the product is true of it: the whole help text is one snapshot (`TRYCMD=overwrite cargo test --test help`
//! writes it anew), and every guarantee names a test that there is.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
#[cfg_attr(any(feature = "onnx", feature = "pkcs11"), ignore = "the snapshot is that of the default build")]
fn help_is_as_documented() {
    trycmd::TestCases::new().case("docs/help.md");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    ["tests/", "src/", "crates/", "docs/", "fixtures/"].iter().any(|folder| word.starts_with(folder))
        && !word.contains(' ')
}

/// Whether a word may be the name of a test: all of ours are sentences.
fn is_name(word: &str) -> bool {
    word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The Rust sources that a path names: itself, or all below it.
fn sources(path: &str) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(root().join(path)).into_iter();
    let files = files.map(|entry| entry.unwrap_or_else(|_| panic!("{path} is not there")).into_path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Whether a source has a test of that name, which `cargo test` runs by itself.
fn has_test(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    let before = source[..at].lines().rev().map(str::trim);
    let attributes: Vec<_> =
        before.skip_while(|line| line.is_empty()).take_while(|line| line.starts_with("#[")).collect();
    attributes.contains(&"#[test]") && !attributes.iter().any(|attribute| attribute.starts_with("#[ignore"))
}

#[test]
fn every_guarantee_names_a_test_that_there_is() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    let (_, guarantees) = text.split_once("\n## What is guaranteed\n").expect("guarantees");
    let (guarantees, _) = guarantees.split_once("\n## ").expect("something after them");
    let rows: Vec<_> = guarantees.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 40, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let [guarantee, shown] = cells[..] else { panic!("{} cells: {row}", cells.len()) };
        let (mut files, mut proofs) = (Vec::new(), 0);
        for word in quoted(shown) {
            if is_path(word) {
                files = sources(word).iter().map(|file| fs::read_to_string(file).expect("read")).collect();
                assert!(!files.is_empty(), "{guarantee}: {word} holds no source");
                continue;
            }
            // What the compiler holds for true or refuses is a test, too.
            let found = match word {
                "compile_fail" | "assert_secret!" => files.iter().any(|source| source.contains(word)),
                word if !is_name(word) => continue,
                name => files.iter().any(|source| has_test(source, name)),
            };
            assert!(found, "{guarantee}: no test `{word}` where it is said to be");
            proofs += 1;
        }
        assert!(proofs > 0, "{guarantee}: no test is named");
    }
}

/// Wherever a page names a file of ours.
#[test]
fn files_that_are_named_are_there() {
    for page in ["SECURITY.md", "README.md", "ARCHITECTURE.md", "docs/audit-log.md", "docs/vault-format.md"] {
        let text = fs::read_to_string(root().join(page)).expect(page);
        for path in quoted(&text).filter(|word| is_path(word) && !word.contains(['…', '*', '<'])) {
            assert!(root().join(path).exists(), "{page}: {path}");
        }
    }
}
