//! Originals go into a vault while copies are made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::files_below;
use super::common::site::{Ended, Site, photo, tiny_nets};
use safelight::redact::FILL;

/// Names and contents.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let of = |path: PathBuf| (path.strip_prefix(folder).expect("below").to_owned(), fs::read(&path).expect("read"));
    files_below(folder).into_iter().map(of).collect()
}

fn redact(site: &Site, out: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("redact").arg(site.photos.path()).arg("-o").arg(out).arg("--models").arg(tiny_nets()).arg("--json");
    command
        .arg("--vault")
        .arg(site.custodian.vault())
        .arg("--pack")
        .arg(site.custodian.folder.path().join("site.pack"))
        .args(args);
    Ended::of(command.output().expect("the command runs"))
}

#[test]
fn copies_are_the_same_and_originals_come_back_from_the_vault() {
    let site = Site::new();
    for number in 0..4 {
        site.put(&format!("lane {}/{number}.jpg", number % 2), &photo(number));
    }
    site.put("broken.jpg", &photo(9)[..300]);
    let folder = tempfile::tempdir().expect("a folder");
    let [plain, both, again] = ["plain", "both", "again"].map(|name| folder.path().join(name));
    let mut alone = Command::new(env!("CARGO_BIN_EXE_safelight"));
    alone.arg("redact").arg(site.photos.path()).arg("-o").arg(&plain).arg("--models").arg(tiny_nets());
    assert_eq!(alone.output().expect("the command runs").status.code(), Some(1));

    let run = redact(&site, &both, &["--new", "--labels", "jsonl", "-j", "4"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!((run.number("copies"), run.number("sealed"), run.number("failed")), (4, 5, 1), "{run:?}");
    assert!(run.stderr.contains("broken.jpg"), "{run:?}");
    let labels = fs::read_to_string(both.join("labels.jsonl")).expect("labels");
    assert_eq!(labels.lines().count(), 4);
    fs::remove_file(both.join("labels.jsonl")).expect("removed");
    assert!(contents(&plain) == contents(&both), "what is shown does not depend on what is sealed");
    let opened = site.opened();
    assert_eq!(opened.len(), 5);
    for original in opened {
        let name = String::from_utf8(original.name).expect("text");
        assert!(fs::read(site.photos.path().join(&name)).expect("read") == original.original, "{name}");
    }

    // What is sealed already has copies made all the same, and is not sealed again.
    let run = redact(&site, &again, &["--labels", "jsonl", "-j", "1"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!((run.number("copies"), run.number("sealed")), (4, 0), "{run:?}");
    assert!(fs::read_to_string(again.join("labels.jsonl")).expect("labels") == labels);
    fs::remove_file(again.join("labels.jsonl")).expect("removed");
    assert!(contents(&plain) == contents(&again));
}

/// A scene that showed what its copy does not would be one more place to look for it.
#[test]
fn what_is_masked_on_copies_is_masked_on_scenes() {
    let site = Site::new();
    for (number, name) in (0..).zip(["a.jpg", "lane/b.jpg", "c.jpg"]) {
        site.put(name, &photo(number));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mask = folder.path().join("mask.json");
    fs::write(&mask, r#"{"lane/b.jpg": [[0, 0, 16, 16]], "c.jpg": [[0, 0, 16, 16]]}"#).expect("written");
    let run = redact(&site, &folder.path().join("out"), &["--new", "--mask", mask.to_str().expect("text")]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 3), "{run:?}");
    for capture in site.opened() {
        let name = String::from_utf8(capture.name).expect("text");
        let scene = image::load_from_memory(&capture.scene.expect("a scene").file).expect("decodes").to_luma8();
        let corner = (0..256).all(|n| scene.get_pixel(n % 16, n / 16).0 == [FILL]);
        assert_eq!(corner, name != "a.jpg", "{name}");
        assert!(capture.original == fs::read(site.photos.path().join(&name)).expect("read"), "{name}");
    }
}

/// A copy that cannot be written ends the run, and what was sealed by then is in a vault that is whole.
#[test]
fn where_a_copy_cannot_be_written_the_vault_stays_whole() {
    let site = Site::new();
    for number in 0..3 {
        site.put(&format!("{number}.jpg"), &photo(number));
    }
    site.put("x/3.jpg", &photo(3));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("made");
    // In the place of a folder of copies.
    fs::write(out.join("x"), "a file").expect("written");
    let run = redact(&site, &out, &["--new", "--skip-existing", "-j", "1"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("error: ") && run.stderr.contains("3.jpg"), "{run:?}");
    assert!(site.opened().len() >= 3);
}

#[test]
fn a_vault_wants_its_pack_and_files() {
    let site = Site::new();
    let photo = site.put("a.jpg", &photo(0));
    let out = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command
        .arg("redact")
        .arg(&photo)
        .arg("-o")
        .arg("-")
        .arg("--vault")
        .arg(out.path().join("v"))
        .arg("--pack")
        .arg(site.custodian.folder.path().join("site.pack"));
    Ended::of(command.output().expect("the command runs")).failed(2, "--vault", "name the photograph");
    assert!(!out.path().join("v").exists());
}

/// What is shown and what is sealed lie apart.
#[test]
fn copies_and_a_vault_are_not_made_in_each_other() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    let vault = site.custodian.vault();
    for out in [vault.clone(), vault.join("out"), vault.parent().expect("a folder").to_owned()] {
        let run = redact(&site, &out, &["--new", "--skip-existing"]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(!vault.exists());
    }
}
