//! The whole story through the built command: two stores fall, the sealed ones do not, and no key stays behind.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::snapshot;

fn demo(out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["demo", "--json", "--quiet", "-n", "10", "--tries", "60", "--out"]).arg(out).args(more);
    command.output().expect("runs")
}

#[test]
fn two_stores_fall_and_the_sealed_ones_do_not() {
    let folder = tempfile::tempdir().expect("tempdir");
    let out = folder.path().join("demo");
    let first = demo(&out, &["--keep-keys"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(out.join("passphrase").is_file() && out.join("custody").is_dir());

    // Keys that were kept, and what they open, are not removed by a later demo.
    let before = snapshot(&out);
    let refused = demo(&out, &[]);
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds custody"), "{refused:?}");
    assert_eq!(snapshot(&out), before);

    // Once they are gone, an earlier demo's folder is emptied, and without --keep-keys none are left.
    fs::remove_dir_all(out.join("custody")).expect("removed");
    for key in ["passphrase", "partner.key", "partner.pub"] {
        fs::remove_file(out.join(key)).expect("removed");
    }
    let second = demo(&out, &[]);
    assert_eq!(second.status.code(), Some(0), "{}", String::from_utf8_lossy(&second.stderr));

    // Somebody's own file stays, and so does everything else.
    fs::write(out.join("photographs/mine.jpg"), "mine").expect("written");
    let before = snapshot(&out);
    assert_eq!(demo(&out, &[]).status.code(), Some(2));
    assert_eq!(snapshot(&out), before);
    fs::remove_file(out.join("photographs/mine.jpg")).expect("removed");
    assert!(second.stderr.is_empty());
    for key in ["passphrase", "custody", "partner.key"] {
        assert!(!out.join(key).exists(), "{key}");
    }

    let told: serde_json::Value = serde_json::from_slice(&second.stdout).expect("one object");
    assert_eq!(told["breached"], false);
    let figures = |store: usize| {
        let store = &told["stores"][store];
        (
            store["store"].as_str().expect("name"),
            store["breached"].as_bool().expect("verdict"),
            store["pictures"].as_u64().expect("count"),
        )
    };
    assert_eq!(figures(0), ("plain", true, 10));
    assert_eq!(figures(1), ("naive", true, 10));
    assert_eq!(figures(2), ("vault", false, 0));
    assert_eq!(figures(3), ("export", false, 0));
    assert_eq!(told["stores"][1]["thumbnails"], 10);
    // Of the work that there was, all was done, or it says how much.
    for store in [2, 3] {
        assert_eq!(told["stores"][store]["dictionary"]["finished"], true, "{}", told["stores"][store]);
    }
    let hashed = &told["stores"][1]["dictionary"];
    assert!(hashed["finished"] == true || hashed["candidates"].as_u64() < hashed["planned"].as_u64(), "{hashed}");

    // The same thief with the keys beside what they open; afterwards none of them is left.
    let yields = |at: usize, what: &str| told["with_keys"][at]["yields"][what].as_u64().expect("a count");
    assert_eq!(
        (yields(0, "captures"), yields(0, "scenes"), yields(0, "originals"), yields(0, "plates")),
        (10, 10, 0, 0)
    );
    assert_eq!((yields(1, "captures"), yields(1, "originals"), yields(1, "keyrings_opened")), (10, 10, 1));
    assert!(yields(1, "plates") > 2);
    let left = fs::read_dir(out.join("stolen")).expect("listed").map(|entry| entry.expect("entry").file_name());
    let mut left: Vec<String> = left.map(|name| name.to_string_lossy().into_owned()).collect();
    left.sort();
    assert_eq!(left, ["export", "naive", "plain", "vault"]);

    let page = fs::read_to_string(out.join("report.html")).expect("report");
    assert!(page.contains("What is not protected") && !page.contains("<script"));
    assert!(page.contains("And beside their keys?") && page.contains("10 redacted pictures</td>"));
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().expect("tempdir");
    fs::write(folder.path().join("diary.txt"), "mine").expect("writes");
    let refused = demo(folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds diary.txt"));
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
}
