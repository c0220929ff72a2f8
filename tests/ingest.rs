//! `safelight ingest`, as a site runs it.

mod common;

use std::fs;
use std::path::Path;

use common::files_below;
use common::site::{Ended, Site, jpeg, photo, picture};
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
    let run = site.ingest(&["--consume"]);
    assert_eq!((run.code, run.number("consumed"), run.number("unreadable")), (Some(1), 2, 1));
    assert_eq!(files_below(site.photos.path()), [site.photos.path().join("notes.txt")]);
    let opened = site.opened();
    assert!(opened[0].original == photo(0) && opened[1].original == photo(1)[..500]);
    assert_eq!(opened[1].catalogue.status, Status::Unreadable);
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

#[cfg(unix)]
mod interrupted {
    use std::process::{Child, Command, Stdio};
    use std::thread;
    use std::time::Duration;

    use super::*;

    const IMAGES: u32 = 120;

    fn busy_site() -> Site {
        let site = Site::new();
        let picture = jpeg(&picture(1280, 720, 0));
        for number in 0..IMAGES {
            site.put(&format!("{number:03}.jpg"), &[picture.as_slice(), &number.to_le_bytes()].concat());
        }
        site
    }

    fn start(site: &Site, args: &[&str]) -> Child {
        let mut command = site.command();
        command.args(["--jobs", "1"]).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        // Not before it has begun: until then there is nothing to interrupt.
        while !site.custodian.vault().join("journals").is_dir() && child.try_wait().expect("its state").is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        child
    }

    fn signal(child: &Child, name: &str) {
        let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    #[test]
    fn an_interrupt_commits_what_was_taken_and_a_second_run_goes_on() {
        for name in ["-INT", "-TERM"] {
            let site = busy_site();
            let child = start(&site, &[]);
            thread::sleep(Duration::from_millis(60));
            signal(&child, name);
            let run = Ended::of(child.wait_with_output().expect("it ends"));
            run.failed(130, "interrupted", "run the same command again");
            let before = run.number("sealed");
            assert!(before < u64::from(IMAGES), "{run:?}");
            assert_eq!(site.opened().len() as u64, before);
            let rest = site.ingest(&[]);
            assert_eq!((rest.code, rest.number("sealed") + before), (Some(0), u64::from(IMAGES)));
            assert_eq!(rest.number("skipped"), before);
        }
    }

    #[test]
    fn a_kill_while_consuming_loses_nothing_and_doubles_nothing() {
        let site = busy_site();
        for wait in [15, 90, 300] {
            let mut child = start(&site, &["--consume"]);
            thread::sleep(Duration::from_millis(wait));
            // It may have ended already.
            let _ = child.kill();
            child.wait().expect("it ends");
            if site.custodian.vault().join("vault").is_file() {
                let report =
                    safelight::vault::check(&site.custodian.vault(), safelight::vault::Trust::Nobody).expect("checked");
                assert!(report.is_sound(), "after {wait} ms: {:?}", report.faults);
            }
        }
        assert_eq!(site.ingest(&["--consume"]).code, Some(0));
        let names = site.names();
        assert_eq!(names, (0..IMAGES).map(|number| format!("{number:03}.jpg")).collect::<Vec<_>>());
        assert_eq!(files_below(site.photos.path()), [] as [&Path; 0]);
    }
}
