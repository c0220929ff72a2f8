//! Where answers go: - is stdout, or refused, and never a file of that name.

use super::*;

#[test]
fn no_file_or_folder_is_named_by_a_dash() {
    let place = Place::new();
    assert_eq!(place.run(&SEARCH).code, Some(0), "now there is a log");
    let note = place.run(&["audit", "checkpoint", "--custody", "custody"]);
    let dash = place.run(&["audit", "checkpoint", "--custody", "custody", "-o", "-"]);
    assert_eq!((dash.code, &dash.stdout), (Some(0), &note.stdout), "{dash:?}");
    assert!(!note.stdout.is_empty() && !dash.stderr.contains("Keep -"), "{dash:?}");
    let photos = place.site.photos.path().to_str().expect("text");
    let new = ["slot", "add", "--custody", "custody", "--shares", "2/2", "-o", "-", "-o", "b.txt"];
    for args in [
        &["custody", "pack", "--custody", "custody", "--site", "South", "-o", "-"][..],
        &["custody", "recipient", "--unencrypted", "-o", "-"],
        &[&["custody"], &new[..]].concat(),
        &export("scene", "-"),
        &["impact", "vault", "--custody", "custody", "--report", "-"],
        &["impact", "vault", "--custody", "custody", "--captures", "-"],
        &["impact", "vault", "--custody", "custody", "--notify", "-"],
        &["breach", "vault", "--report", "-"],
        &["simulate", "--out", "-", "--count", "1"],
        &["demo", "--out", "-", "-n", "1"],
        &["inspect", photos, "--format", "overlay", "--out", "-"],
    ] {
        let run = place.run(args);
        run.failed(2, "- stands for stdout", "name");
        assert!(!place.at("-").exists(), "{args:?}");
    }
}
