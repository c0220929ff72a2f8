//! `safelight ingest`, as a site runs it.

mod clock;
#[path = "../common/mod.rs"]
mod common;
#[cfg(unix)]
mod interrupted;
mod tables;

use std::fs;
use std::path::Path;

use common::site::{AT_ONCE, Ended, Site, jpeg, photo, picture};
use common::{files_below, snapshot};
use safelight::capture::Effort;
use safelight::custody::{PackRequest, Policy};
use safelight::frame::{Frame, Limits, LumaSource};
use safelight::redact::FILL;
use safelight::vault::record::Status;

#[test]
fn a_folder_is_sealed_and_every_original_comes_back() {
    let site = Site::new();
    for number in 0..9 {
        site.put(&format!("lane-{}/{number}.jpg", number % 3), &photo(number));
    }
    site.put(
        "captures.csv",
        b"file,site,lane,direction,timestamp,class\nlane-0/0.jpg,Nogales,7,in,2019-05-13T08:00:00Z,visitor\n",
    );
    let run = site.ingest(&["--jobs", "2"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        (run.number("images"), run.number("sealed"), run.number("skipped"), run.number("ignored")),
        (9, 9, 0, 0)
    );

    let opened = site.opened();
    assert_eq!(opened.len(), 9);
    for capture in &opened {
        let name = String::from_utf8(capture.name.clone()).expect("a name");
        assert!(capture.original == fs::read(site.photos.path().join(&name)).expect("the photograph"), "{name}");
        assert!(!capture.catalogue.regions.is_empty(), "{name}: the spots are plates");
        let scene = Frame::decode(&capture.scene.as_ref().expect("a scene").file, &Limits::default()).expect("decodes");
        let shown = scene.reduced(1);
        for region in &capture.catalogue.regions {
            let [x, y, w, h] = region.bounds.map(|v| v as usize);
            for (x, y) in [(x, y), (x + w - 1, y + h - 1), (x + w / 2, y + h / 2)] {
                assert_eq!(shown.data[y * 320 + x], FILL, "{name}");
            }
        }
    }
    let first = &opened[0].catalogue;
    assert_eq!(
        (first.site.as_deref(), first.lane.as_deref(), first.class.as_deref()),
        (Some("Nogales"), Some("7"), Some("visitor"))
    );
    assert_eq!(opened[1].catalogue.site.as_deref(), Some("North Bridge"));
}

#[test]
fn the_summary_has_every_field() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    let run = site.ingest(&[]);
    let object: serde_json::Value = serde_json::from_str(&run.stdout).expect("one object");
    for field in
        ["images", "sealed", "skipped", "spliced", "recoded", "unreadable", "regions", "bytes_in", "bytes_sealed"]
    {
        assert!(object[field].is_u64(), "{field}");
    }
    for field in ["seconds", "images_per_second", "images_per_day"] {
        assert!(object[field].is_f64(), "{field}");
    }
    for stage in ["read", "decode", "detect", "read_plates", "pseudonym", "redact", "hand_over", "seal"] {
        assert!(object["stages"][stage].is_f64(), "{stage}");
    }
    assert_eq!(object["peak_rss_bytes"].is_u64(), cfg!(target_os = "linux"));
    assert!(run.stderr.contains("1 image in") && run.stderr.contains("1 sealed"), "{run:?}");
}

#[test]
fn what_is_sealed_is_skipped_and_copies_are_sealed_once() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    site.put("b.jpg", &photo(1));
    site.put("copy/of-a.jpg", &photo(0));
    let first = site.ingest(&[]);
    assert_eq!((first.number("sealed"), first.number("skipped")), (2, 1));
    site.put("c.jpg", &photo(2));
    let second = site.ingest(&[]);
    assert_eq!((second.code, second.number("sealed"), second.number("skipped")), (Some(0), 1, 3));
    assert_eq!(site.names(), ["a.jpg", "b.jpg", "c.jpg"]);
    let again = site.ingest(&["--allow-duplicates"]);
    assert_eq!((again.code, again.number("sealed")), (Some(0), 4));
}

#[test]
fn consumed_files_are_gone_and_can_be_restored() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    site.put("cut.jpg", &photo(1)[..500]);
    site.put("notes.txt", b"not an image");
    let run = site.ingest(&[AT_ONCE.as_slice(), &["--consume-unreadable"]].concat());
    assert_eq!((run.code, run.number("consumed"), run.number("unreadable")), (Some(1), 2, 1));
    assert_eq!(files_below(site.photos.path()), [site.photos.path().join("notes.txt")]);
    let opened = site.opened();
    assert!(opened[0].original == photo(0) && opened[1].original == photo(1)[..500]);
    assert_eq!(opened[1].catalogue.status, Status::Unreadable);
}

#[test]
fn a_mask_of_photographs_that_are_not_there_seals_nothing() {
    let site = Site::new();
    site.put("lane/a.jpg", &photo(0));
    let mask = site.custodian.folder.path().join("mask.json");
    let path = mask.to_str().expect("text");
    for name in ["a.jpg", "lane", "lane/../lane/a.jpg", "/lane/a.jpg"] {
        fs::write(&mask, format!(r#"{{"{name}": [[0, 0, 16, 16]]}}"#)).expect("written");
        site.ingest(&["--mask", path]).failed(2, name, "as it lies below the folder");
    }
    assert!(!site.custodian.vault().exists());
    site.ingest(&["--mask", "1,2,3"]).failed(2, "1,2,3", "X,Y,WIDTH,HEIGHT");
    fs::write(&mask, r#"{"lane/a.jpg": [[0, 0, 16, 16]]}"#).expect("written");
    let run = site.ingest(&["--mask", path]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 1), "{run:?}");
    let scene = site.opened().pop().and_then(|capture| capture.scene).expect("a scene");
    let shown = Frame::decode(&scene.file, &Limits::default()).expect("decodes");
    assert!(shown.reduced(1).data[..16].iter().all(|luma| *luma == FILL));
}

#[test]
fn a_mistyped_vault_costs_no_photograph() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    let all = || (snapshot(site.photos.path()), snapshot(site.custodian.folder.path()));
    let before = all();
    let refused = site.ingest(&["--consume", "--min-age", "0"]);
    refused.failed(2, "there is no vault", "--new");
    assert_eq!(all(), before);
    // Without deleting anything it is made, and said.
    let run = site.ingest(&[]);
    assert!(run.code == Some(0) && run.stderr.contains("is a new vault"), "{run:?}");
    let run = site.ingest(&["--consume", "--min-age", "0"]);
    assert_eq!((run.code, run.number("consumed")), (Some(0), 1), "{run:?}");
    assert!(!run.stderr.contains("new vault"), "{run:?}");
}

#[test]
fn somebodys_folder_is_refused_as_a_vault_and_keeps_its_photographs() {
    let site = Site::new();
    site.put("incoming/a.jpg", &photo(0));
    let before = snapshot(site.photos.path());
    let pack = site.custodian.folder.path().join("site.pack");
    for vault in ["", "incoming"] {
        let vault = site.photos.path().join(vault);
        let run = Ended::of(site.command_with(&pack, &vault).args(AT_ONCE).output().expect("runs"));
        run.failed(2, "is not a vault", "an empty or a new folder");
        assert_eq!(snapshot(site.photos.path()), before);
    }
}

/// A name in the vault proves nothing: what is cut, altered or gone is sealed again before its source is deleted.
#[test]
fn what_a_damaged_segment_held_is_sealed_again() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 4] = [
        ("cut to nothing", |segment| fs::write(segment, b"").expect("cut")),
        ("cut by a byte", |segment| {
            let bytes = fs::read(segment).expect("read");
            fs::write(segment, &bytes[..bytes.len() - 1]).expect("cut");
        }),
        ("altered", |segment| {
            let mut bytes = fs::read(segment).expect("read");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(segment, bytes).expect("written");
        }),
        ("missing", |segment| fs::remove_file(segment).expect("removed")),
    ];
    for (what, damage) in damages {
        let site = Site::new();
        for number in 0..3 {
            site.put(&format!("{number}.jpg"), &photo(number));
        }
        assert_eq!(site.ingest(&[]).code, Some(0));
        let segment = files_below(&site.custodian.vault().join("segments")).remove(0);
        damage(&segment);
        let run = site.ingest(&["--consume", "--min-age", "0"]);
        let numbers = ["sealed", "sealed_again", "skipped", "consumed"].map(|field| run.number(field));
        assert_eq!((run.code, numbers), (Some(1), [3, 3, 0, 3]), "{what}: {run:?}");
        let name = segment.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(run.stderr.contains(&name) && run.stdout.contains(&name), "{what}: {run:?}");
        // What was sealed now opens, and the originals come back.
        _ = fs::remove_file(&segment);
        let (vault, keys) = site.open();
        let opened: usize = vault
            .segments()
            .expect("listed")
            .into_iter()
            .map(|segment| vault.catalogue(segment, &keys).expect("the catalogue opens").len())
            .sum();
        assert_eq!(opened, 3, "{what}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_young_linked_or_not_examined_stays() {
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    let site = Site::new();
    let (folder, outside) = (site.photos.path(), site.custodian.folder.path().join("outside"));
    let age = |path: &Path, seconds: i64| {
        let now = SystemTime::now();
        let then = match u64::try_from(seconds) {
            Ok(ago) => now - Duration::from_secs(ago),
            Err(_) => now + Duration::from_secs(seconds.unsigned_abs()),
        };
        fs::File::options().write(true).open(path).and_then(|file| file.set_modified(then)).expect("aged");
    };
    fs::create_dir(&outside).expect("made");
    for (number, name) in ["linked.jpg", "through.jpg", "named-twice.jpg"].into_iter().enumerate() {
        fs::write(outside.join(name), photo(10 + number as u32)).expect("written");
        age(&outside.join(name), 600);
    }
    symlink(outside.join("linked.jpg"), folder.join("link.jpg")).expect("linked");
    fs::create_dir(outside.join("below")).expect("made");
    fs::rename(outside.join("through.jpg"), outside.join("below/through.jpg")).expect("moved");
    symlink(outside.join("below"), folder.join("below")).expect("linked");
    fs::hard_link(outside.join("named-twice.jpg"), folder.join("hard.jpg")).expect("linked");
    age(&site.put("lane/old.jpg", &photo(0)), 90);
    age(&site.put("lane/younger.jpg", &photo(1)), 30);
    age(&site.put("lane/future.jpg", &photo(2)), -3600);
    age(&site.put("lane/cut.jpg", &photo(3)[..500]), 600);
    let mut expected = snapshot(folder);
    expected.remove(Path::new("lane/old.jpg")).expect("it was there");
    let elsewhere = snapshot(&outside);

    let run = site.ingest(&["--consume", "--new"]);
    let numbers = ["sealed", "consumed", "young", "not_consumed"].map(|field| run.number(field));
    assert_eq!((run.code, numbers), (Some(1), [7, 1, 1, 5]), "{run:?}");
    assert_eq!((snapshot(folder), snapshot(&outside)), (expected.clone(), elsewhere.clone()));
    for (name, why) in [
        ("link.jpg", "a symbolic link"),
        ("through.jpg", "a symbolic link"),
        ("hard.jpg", "other names"),
        ("cut.jpg", "could not be examined"),
        ("younger.jpg", "a moment ago"),
        ("future.jpg", "yet to come"),
    ] {
        let named = |line: &str| line.contains(name) && line.contains("not deleted") && line.contains(why);
        assert!(run.stderr.lines().any(named), "{name}: {run:?}");
    }

    // The second run knows as much, and --consume-unreadable takes what could not be examined.
    let again = site.ingest(&["--consume"]);
    assert_eq!((again.code, again.number("skipped"), again.number("consumed")), (Some(1), 6, 0), "{again:?}");
    assert_eq!((snapshot(folder), snapshot(&outside)), (expected, elsewhere));
    let last = site.ingest(&["--consume", "--consume-unreadable", "--min-age", "20"]);
    assert_eq!((last.number("consumed"), last.number("young")), (2, 0), "{last:?}");
    assert!(!folder.join("lane/cut.jpg").exists() && !folder.join("lane/younger.jpg").exists());
}

/// A camera that hangs sends one picture for three passages.
#[test]
fn the_same_bytes_in_other_rows_are_other_captures() {
    let site = Site::new();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        site.put(name, &photo(0));
    }
    let table = "file,lane,timestamp\na.jpg,1,2019-05-13T08:00:00Z\nb.jpg,1,2019-05-13T08:00:09Z\n\
        c.jpg,2,2019-05-13T08:00:00Z\n";
    site.put("captures.csv", table.as_bytes());
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed"), run.number("copies")), (Some(0), 3, 0), "{run:?}");
    let run = site.ingest(&["--consume", "--min-age", "0"]);
    let numbers = ["sealed", "skipped", "consumed"].map(|field| run.number(field));
    assert_eq!((run.code, numbers), (Some(0), [0, 3, 3]), "{run:?}");
    let opened = site.opened();
    let passages: std::collections::BTreeSet<_> =
        opened.iter().map(|capture| (capture.catalogue.captured_at, capture.catalogue.lane.clone())).collect();
    assert_eq!((opened.len(), passages.len()), (3, 3));
    assert!(opened.iter().all(|capture| capture.original == photo(0)));
}

/// Rows that say the same are two rows all the same: two passages within a second, or a clock that stands.
#[test]
fn files_with_rows_of_their_own_are_captures_of_their_own() {
    let site = Site::new();
    for name in ["p1.jpg", "p2.jpg"] {
        site.put(name, &photo(0));
    }
    let table = "file,timestamp\np1.jpg,2026-11-02T10:00:00Z\np2.jpg,2026-11-02T10:00:00Z\n";
    site.put("captures.csv", table.as_bytes());
    let run = site.ingest(&AT_ONCE);
    let numbers = ["sealed", "skipped", "copies", "consumed"].map(|field| run.number(field));
    assert_eq!((run.code, numbers), (Some(0), [2, 0, 0, 2]), "{run:?}");
    assert_eq!(site.names(), ["p1.jpg", "p2.jpg"]);
    // A third one that comes later is another capture, too; one that comes again is not.
    site.put("p1.jpg", &photo(0));
    site.put("p3.jpg", &photo(0));
    site.put("captures.csv", format!("{table}p3.jpg,2026-11-02T10:00:00Z\n").as_bytes());
    let run = site.ingest(&["--consume", "--min-age", "0"]);
    let numbers = ["sealed", "skipped", "copies", "consumed"].map(|field| run.number(field));
    assert_eq!((run.code, numbers), (Some(0), [1, 1, 0, 2]), "{run:?}");
    assert_eq!(site.names(), ["p1.jpg", "p2.jpg", "p3.jpg"]);
}

/// The state is written over the one before it: so it is the site's own file, outside of every vault, or the run is refused.
#[cfg(unix)]
#[test]
fn a_state_that_would_replace_or_lie_in_something_else_is_refused() {
    use std::os::unix::fs::symlink;
    let site = Site::new();
    let folder = site.custodian.folder.path().to_owned();
    site.put("a.jpg", &photo(0));
    let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let refused = |state: &str, code: i32, problem: &str, remedy: &str| {
        let before = (snapshot(&folder), snapshot(site.photos.path()));
        let run = site.ingest(&[AT_ONCE.as_slice(), &["--state", state]].concat());
        run.failed(code, problem, remedy);
        assert_eq!((snapshot(&folder), snapshot(site.photos.path())), before, "{state}");
    };
    symlink(&folder, folder.join("around")).expect("linked");
    for made in [false, true] {
        if made {
            assert_eq!(site.ingest(&[]).code, Some(0));
            let aside = folder.join("kept.state");
            fs::copy(folder.join("site.pack.state"), aside).expect("copied");
            symlink("kept.state", folder.join("linked.state")).expect("linked");
            refused(&at("linked.state"), 2, "is a symbolic link", "--state");
        } else {
            symlink("nowhere", folder.join("dangling")).expect("linked");
            // To where the vault is going to be.
            symlink("vault", folder.join("ahead")).expect("linked");
            symlink("ahead", folder.join("further")).expect("linked");
            fs::create_dir_all(folder.join("some/folder")).expect("made");
        }
        for inside in ["vault", "vault/vault", "vault/journals/x", "vault/segments/x", "vault/x", "some/../vault/vault"]
        {
            refused(&at(inside), 2, "lies in a vault", "--state");
            refused(&at(&format!("around/{inside}")), 2, "lies in a vault", "--state");
        }
        for inside in ["ahead/x", "ahead/vault", "ahead/journals/x", "further/segments/x"] {
            refused(&at(inside), 2, "lies in a vault", "--state");
        }
        refused(&at("dangling"), 2, "is a symbolic link", "--state");
        refused(&at("site.pack"), 3, "is not this site's state", "");
        refused(&site.photos.path().join("a.jpg").to_string_lossy(), 3, "is not this site's state", "");
    }
    let run = site.ingest(&["--consume", "--min-age", "0", "--state", &at("kept.state")]);
    assert_eq!((run.code, run.number("consumed")), (Some(0), 1), "{run:?}");
}

/// A vault that is not where it was is not begun anew: what it holds would be missed by nobody.
#[test]
fn a_vault_that_is_gone_is_noticed_by_its_site() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    assert_eq!(site.ingest(&[]).code, Some(0));
    let (vault, away) = (site.custodian.vault(), site.custodian.folder.path().join("away"));
    fs::rename(&vault, &away).expect("moved");
    for empty in [false, true] {
        if empty {
            fs::create_dir(&vault).expect("made");
        }
        let before = snapshot(site.custodian.folder.path());
        site.ingest(&[]).failed(2, "has sealed into another vault", "--new");
        assert_eq!(snapshot(site.custodian.folder.path()), before);
    }
    // A second vault of the same site is made by who says so, and both are known from then on.
    assert_eq!(site.ingest(&["--new"]).code, Some(0));
    assert_eq!(site.ingest(&[]).code, Some(0));
    let pack = site.custodian.folder.path().join("site.pack");
    let back = Ended::of(site.command_with(&pack, &away).output().expect("runs"));
    assert_eq!((back.code, back.number("skipped")), (Some(0), 1), "{back:?}");
}

#[test]
fn copies_that_no_row_tells_apart_are_named_and_kept() {
    let site = Site::new();
    for name in ["a.jpg", "b.jpg", "lane/a.jpg"] {
        site.put(name, &photo(0));
    }
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed"), run.number("copies")), (Some(0), 1, 2), "{run:?}");
    assert!(run.stderr.contains("b.jpg: not sealed again") && run.stderr.contains("lane/a.jpg: not sealed again"));
    for _ in 0..2 {
        let run = site.ingest(&["--consume", "--min-age", "0"]);
        assert_eq!((run.code, run.number("sealed"), run.number("copies")), (Some(1), 0, 2), "{run:?}");
        assert_eq!(files_below(site.photos.path()).len(), 2, "{run:?}");
    }
    assert_eq!(site.names(), ["a.jpg"]);
}

#[test]
fn one_worker_and_many_seal_the_same() {
    let sites = [1, 4].map(|workers| {
        let site = Site::new();
        for number in 0..12 {
            site.put(&format!("{number:02}.jpg"), &photo(number % 10));
        }
        let run = site.ingest(&["--jobs", &workers.to_string()]);
        assert_eq!((run.code, run.number("sealed"), run.number("skipped")), (Some(0), 10, 2));
        site.opened()
    });
    let [one, many] = sites;
    for (a, b) in one.iter().zip(&many) {
        assert_eq!(a.name, b.name);
        assert!(a.scene.as_ref().map(|s| &s.file) == b.scene.as_ref().map(|s| &s.file));
        // Two custodians: the same boxes, other pseudonyms.
        let boxes =
            |o: &common::site::Opened| o.catalogue.regions.iter().map(|r| (r.kind, r.bounds)).collect::<Vec<_>>();
        assert_eq!(boxes(a), boxes(b));
    }
}

#[test]
fn the_built_in_eyes_run_end_to_end() {
    let site = Site::new();
    site.put("a.jpg", &jpeg(&picture(640, 384, 0)));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("ingest").arg(site.photos.path()).arg("--vault").arg(site.custodian.vault());
    command.arg("--pack").arg(site.custodian.folder.path().join("site.pack")).arg("--json");
    let run = Ended::of(command.output().expect("the command runs"));
    assert_eq!((run.code, run.number("sealed")), (Some(0), 1), "{run:?}");
}

/// When, where and under which rule: by tables that other systems and people write.
#[test]
fn tables_are_found_wherever_they_lie_and_what_fits_nothing_is_named() {
    let site = Site::new();
    for (number, name) in ["lane1/a.jpg", "lane2/b.jpg", "lane2/c.jpg", "Tür/d.jpg"].into_iter().enumerate() {
        site.put(name, &photo(number as u32));
    }
    site.put(
        "Captures.CSV",
        "\u{feff}file;lane;class\r\nlane1\\a.jpg;1;transit\r\nTu\u{308}r/d.jpg;4;\r\ngone.jpg;9;\r\n".as_bytes(),
    );
    site.put("lane2/captures.csv", b"file,lane,timestamp\nb.jpg,2,2019-05-13T08:00:00Z\nnever\x1b[2K.jpg,2,\n");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed"), run.number("ignored")), (Some(0), 4, 0), "{run:?}");
    assert_eq!((run.number("rows_without_file"), run.number("files_without_row")), (2, 1));
    assert_eq!(run.number("without_time"), 3);
    let said = |what: &str| run.stderr.lines().any(|line| line.contains(what));
    assert!(said("1 in no row of captures.csv: lane2/c.jpg"), "{run:?}");
    assert!(said("2 in captures.csv, but not in the folder: gone.jpg, lane2/never\\u{1b}[2K.jpg"), "{run:?}");
    assert!(said("class transit, kept 30 days"), "{run:?}");
    assert!(said("3 captures without a time"), "{run:?}");
    let lanes: Vec<_> = site.opened().into_iter().map(|opened| opened.catalogue.lane).collect();
    assert_eq!(lanes, ["4", "1", "2", "-"].map(|lane| (lane != "-").then(|| lane.to_owned())));
}

/// Of a run that ended before it had met all files, nobody knows which rows have none.
#[cfg(unix)]
#[test]
fn rows_are_not_called_without_a_file_by_a_run_that_did_not_get_so_far() {
    use std::fmt::Write;
    let site = Site::new();
    let mut table = "file,lane\n".to_owned();
    for number in 0..300 {
        site.put(&format!("{number:03}.jpg"), &photo(number));
        writeln!(table, "{number:03}.jpg,1").expect("written");
    }
    site.put("captures.csv", table.as_bytes());
    // No file may become longer than 32 KiB: as on a disk that is full.
    let run = site.command_with(&site.custodian.folder.path().join("site.pack"), &site.custodian.vault());
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    let ended = Ended::of(limited.args(["--jobs", "1", "--commit-bytes", "1000"]).output().expect("runs"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.number("rows_without_file"), 0, "{ended:?}");
    assert!(!ended.stderr.contains("not in the folder"), "{ended:?}");
    let whole = site.ingest(&[]);
    assert_eq!((whole.code, whole.number("sealed"), whole.number("rows_without_file")), (Some(0), 300, 0));
}

/// A table in doubt stops a run before its first image: circumstances cannot be added later.
#[cfg(unix)]
#[test]
fn a_table_that_cannot_be_one_stops_the_run_and_does_not_hang() {
    let fifo =
        |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    let folder = |path: &Path| fs::create_dir(path).expect("a folder");
    let dangling = |path: &Path| std::os::unix::fs::symlink("nowhere", path).expect("a link");
    let twice = |path: &Path| {
        for name in ["captures.csv", "CAPTURES.CSV"] {
            fs::write(path.with_file_name(name), "file\n").expect("written");
        }
    };
    let utf16 = |path: &Path| fs::write(path, b"\xff\xfef\0i\0l\0e\0\n\0").expect("written");
    let year = |path: &Path| fs::write(path, "file,timestamp\na.jpg,0001-01-01T00:00:00Z\n").expect("written");
    type Make<'m> = &'m dyn Fn(&Path);
    let cases: [(Make<'_>, &str); 6] = [
        (&fifo, "not a regular file"),
        (&folder, "captures.csv cannot be opened"),
        (&dangling, "captures.csv cannot be opened"),
        (&twice, "several tables"),
        (&utf16, "UTF-16"),
        (&year, "outside the years 1900 to 2100"),
    ];
    for (make, problem) in cases {
        for name in ["captures.csv", "below/captures.csv"] {
            let site = Site::new();
            site.put("below/a.jpg", &photo(1));
            make(&site.photos.path().join(name));
            site.ingest(&[]).failed(2, problem, "table");
            assert!(!site.custodian.vault().exists(), "{problem}");
        }
    }
}

/// The time of a picture without a row is the camera's, if that says how far from UTC it is.
#[test]
fn without_a_row_a_capture_has_its_cameras_time() {
    let site = Site::new();
    let exif = |time: &str, offset: &str| {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0\x02\0".to_vec();
        for (tag, text, at) in [(0x9003u16, time, 56u32), (0x9011, offset, 76)] {
            tiff.extend(
                [
                    &tag.to_le_bytes()[..],
                    &2u16.to_le_bytes(),
                    &(text.len() as u32 + 1).to_le_bytes(),
                    &at.to_le_bytes(),
                ]
                .concat(),
            );
        }
        tiff.extend([0; 4]);
        tiff.extend(format!("{time}\0{offset}\0").bytes());
        let head = [&b"\xff\xe1"[..], &(tiff.len() as u16 + 8).to_be_bytes(), b"Exif\0\0", &tiff].concat();
        let mut file = photo(u32::from(time.as_bytes()[18]));
        file.splice(2..2, head);
        file
    };
    site.put("a.jpg", &exif("2019:05:03 14:22:05", "-05:00"));
    site.put("b.jpg", &exif("2019:05:03 14:22:06", ""));
    site.put("c.jpg", &exif("2019:05:03 14:22:07", "-05:00"));
    site.put("captures.csv", b"file,timestamp\nc.jpg,2020-01-01T00:00:00Z\n");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("without_time")), (Some(0), 1), "{run:?}");
    let time = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_millisecond();
    let times: Vec<_> = site.opened().into_iter().map(|opened| opened.catalogue.captured_at).collect();
    assert_eq!(times, [Some(time("2019-05-03T19:22:05Z")), None, Some(time("2020-01-01T00:00:00Z"))]);
}

/// How fast skipping is says nothing about looking.
#[test]
fn a_run_that_only_skips_claims_no_rate() {
    let site = Site::new();
    site.put("a.jpg", &photo(1));
    let first = site.ingest(&[]);
    assert!(first.stderr.contains("million a day"), "{first:?}");
    let again = site.ingest(&[]);
    assert_eq!(
        (again.number("skipped"), u64::from(!again.stdout.contains("\"images_per_day\":0.0"))),
        (1, 0),
        "{again:?}"
    );
    assert!(again.stderr.contains("1 image in") && !again.stderr.contains("a day"), "{again:?}");
}

#[test]
fn a_site_looks_as_hard_as_it_says_and_no_less_than_the_policy_asks() {
    let mut site = Site::new();
    site.put("a.jpg", &photo(0));
    let run = site.ingest(&["--effort", "fast"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    site.put("b.jpg", &photo(1));
    assert_eq!(site.ingest(&[]).code, Some(0));

    let keyring = &mut site.custodian.keyring;
    let policy = Policy { effort: Some(Effort::Thorough), ..keyring.policy().clone() };
    keyring.set_policy(policy, jiff::Timestamp::now()).expect("decided");
    let request = PackRequest { site: "North Bridge", valid_days: 30, now: jiff::Timestamp::now() };
    let pack = site.custodian.folder.path().join("site.pack");
    fs::remove_file(&pack).expect("the old pack");
    keyring.issue_pack(&request, &pack).expect("issued");
    site.put("c.jpg", &photo(2));
    let run = site.ingest(&["--effort", "normal"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("thorough"), "{run:?}");
    let run = site.ingest(&["--heads=off"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("which looks for heads"), "{run:?}");
    assert_eq!(site.ingest(&[]).code, Some(0));

    site.put("d.jpg", b"\xff\xd8\xff\xe0 no picture");
    assert_eq!(site.ingest(&[]).code, Some(1));

    let looked: Vec<_> = site.opened().iter().map(|capture| capture.catalogue.effort).collect();
    assert_eq!(looked, [Some(Effort::Fast), Some(Effort::Normal), Some(Effort::Thorough), None]);
}
