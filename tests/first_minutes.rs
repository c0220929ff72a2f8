//! From nothing to a sealed folder, and from there to a partner's folder of pictures, by commands alone.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::site::{Ended, photo, tiny_nets};
use common::{files_below, snapshot};
use serde_json::Value;
use tempfile::TempDir;

const PASSPHRASE: &str = "walnut harbor tulip granite seventeen";

struct Office {
    folder: TempDir,
}

impl Office {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.current_dir(self.folder.path()).args(args).stdin(Stdio::null());
        command.env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        Ended::of(command.output().expect("the command runs"))
    }

    fn init(&self) -> Value {
        let flags =
            ["--custody", "keys", "--site", "gate 1", "--originals", "7 days", "--scenes", "6 months", "--looks", "50"];
        let run = self.run(&[&["init", "--json"], &flags[..]].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str(&run.stdout).expect("a summary")
    }
}

#[test]
fn a_site_is_set_up_with_the_terms_that_were_asked_for() {
    let office = Office::new();
    let made = office.init();
    assert_eq!(
        (&made["originals"], &made["scenes"], &made["looks_a_day"]),
        (&"7 days".into(), &"6 months".into(), &50.into())
    );
    assert_eq!(made["pack"], "gate-1.pack");
    let policy = office.run(&["custody", "policy", "--custody", "keys", "--json"]);
    let policy: Value = serde_json::from_str(&policy.stdout).expect("a policy");
    let policy = policy["policy"].as_str().expect("text");
    for line in [
        "default_class = \"all\"",
        "catalogue = \"6 months\"",
        "scene = \"6 months\"",
        "identity = \"7 days\"",
        "records_per_day = 50",
    ] {
        assert!(policy.contains(line), "{policy}");
    }
    // What is there is not touched.
    let before = snapshot(office.folder.path());
    let again = office.run(&[
        "init",
        "--custody",
        "keys",
        "--site",
        "b",
        "--originals",
        "1 day",
        "--scenes",
        "1 day",
        "--looks",
        "any",
    ]);
    again.failed(2, "keys", "overwritten");
    assert_eq!(snapshot(office.folder.path()), before);
}

#[test]
fn what_is_not_said_is_not_guessed() {
    let all = ["--custody", "k", "--site", "s", "--originals", "1 day", "--scenes", "1 day", "--looks", "any"];
    for missing in 0..5 {
        let office = Office::new();
        let flags = [&all[..2 * missing], &all[2 * missing + 2..]].concat();
        office.run(&[&["init"], &flags[..]].concat()).failed(2, all[2 * missing], all[2 * missing]);
        assert!(files_below(office.folder.path()).is_empty());
    }
    for wrong in [
        ["--originals", "2 days"],
        ["--scenes", "some days"],
        ["--site", " "],
        ["--looks", "few"],
        ["--site", "a\u{200b}b"],
    ] {
        let office = Office::new();
        let mut flags = all.map(str::to_owned);
        let at = all.iter().position(|flag| *flag == wrong[0]).expect("a flag");
        flags[at + 1] = wrong[1].to_owned();
        let run = office.run(&[&["init"], &flags.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
        assert_eq!(run.code, Some(2), "{wrong:?}: {run:?}");
        assert!(files_below(office.folder.path()).is_empty(), "{wrong:?}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
    files_below(folder).into_iter().map(name).collect()
}

#[test]
fn a_partner_gets_a_folder_of_pictures() {
    let office = Office::new();
    office.init();
    for number in 0..3 {
        let path = office.path(&format!("photos/lane/{number}.jpg"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, photo(number)).expect("written");
    }
    let table = "file,site,lane,direction,timestamp,class\n".to_owned()
        + &(0..3).map(|n| format!("lane/{n}.jpg,,L 1,in,2026-11-01T06:3{n}:00Z,\n")).collect::<String>();
    fs::write(office.path("photos/captures.csv"), table).expect("written");
    let nets = tiny_nets();
    let nets = nets.to_str().expect("text");
    let run =
        office.run(&["ingest", "photos", "--vault", "vault", "--pack", "gate-1.pack", "--models", nets, "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(office.run(&["custody", "recipient", "-o", "partner.key", "--unencrypted"]).code, Some(0));
    let export = |view: &str, out: &str| {
        let run = office.run(&[
            "export",
            "--vault",
            "vault",
            "--custody",
            "keys",
            "--to",
            "partner.pub",
            "--view",
            view,
            "--purpose",
            "case 7",
            "-o",
            out,
        ]);
        assert_eq!(run.code, Some(0), "{run:?}");
    };
    export("scene", "scenes");
    export("full", "full");
    let open = |copy: &str, out: &str, more: &[&str]| {
        office.run(&[&["open", "--all", "--vault", copy, "--key", "partner.key", "-o", out, "--json"], more].concat())
    };

    let run = open("scenes", "pictures", &[]);
    assert_eq!((run.code, run.number("written")), (Some(0), 3), "{run:?}");
    let found = names(&office.path("pictures"));
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|name| name.starts_with("2026-11-01T06-00-00Z_") && name.ends_with(".jpg")), "{found:?}");
    for name in &found {
        let picture = image::open(office.path("pictures").join(name)).expect("a decoder of somebody else's opens it");
        assert_eq!((picture.width(), picture.height()), (320, 192));
    }

    // Originals come back byte for byte, under their names.
    let run = open("full", "originals", &["--identity"]);
    assert_eq!((run.code, run.number("written")), (Some(0), 3), "{run:?}");
    assert_eq!(names(&office.path("originals")), ["lane/0.jpg", "lane/1.jpg", "lane/2.jpg"]);
    for number in 0..3 {
        assert!(fs::read(office.path(&format!("originals/lane/{number}.jpg"))).expect("read") == photo(number));
    }

    // What a copy does not grant is said.
    let run = open("scenes", "none", &["--identity"]);
    assert_eq!((run.code, run.number("written"), run.number("without_picture")), (Some(1), 0, 3), "{run:?}");
    assert!(run.stderr.contains("view full"), "{run:?}");
    // What is there stays, and a vault is no copy.
    open("scenes", "pictures", &[]).failed(2, "not empty", "overwritten");
    let vault = office.run(&["open", "--all", "--vault", "vault", "--custody", "keys", "-o", "all"]);
    vault.failed(2, "an export", "export to a key");
    assert!(!office.path("all").exists());
    assert_eq!(office.run(&["open", "--vault", "scenes", "--key", "partner.key", "-o", "x"]).code, Some(2));
}
