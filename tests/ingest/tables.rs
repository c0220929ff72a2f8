//! Tables of captures that are not read: above what is ingested, under another name; and rows that come late.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::site::{AT_ONCE, Ended, Site, photo, tiny_nets};
use crate::common::{files_below, snapshot};

/// Ingests a folder or a photograph among the site's.
fn ingest(site: &Site, what: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("ingest").arg(site.photos.path().join(what)).arg("--json").args(args);
    command.arg("--vault").arg(site.custodian.vault()).arg("--models").arg(tiny_nets());
    command.arg("--pack").arg(site.custodian.folder.path().join("site.pack"));
    Ended::of(command.env("TMPDIR", site.temporary.path()).stdin(Stdio::null()).output().expect("the command runs"))
}

const ROWS: &[u8] = "file,lane,class\nlane/a.jpg,1,citizen\nlane\\é.jpg,1,citizen\nother.jpg,2,visitor\n".as_bytes();

/// A site with a lane of three photographs, of which the table names two.
fn lane(table: &str, rows: &[u8]) -> Site {
    let site = Site::new();
    for (number, name) in ["a", "e\u{301}", "c"].into_iter().enumerate() {
        site.put(&format!("in/lane/{name}.jpg"), &photo(number as u32));
    }
    site.put(table, rows);
    site
}

#[test]
fn a_table_above_what_is_ingested_is_named_and_nothing_is_deleted() {
    let deeper = String::from_utf8(ROWS.to_vec()).expect("UTF-8").replace("lane", "in/lane");
    // One cell that is wrong does not hide what the others name.
    let wrong = [ROWS, b"x.jpg,1\n"].concat();
    let tables = [
        ("in/captures.csv", ROWS),
        ("captures.csv", deeper.as_bytes()),
        ("in/Captures.CSV", ROWS),
        ("in/captures.csv", &wrong),
    ];
    for (table, rows) in tables {
        let site = lane(table, rows);
        let all = || (snapshot(site.photos.path()), site.custodian.vault().exists());
        let before = all();
        let run = ingest(&site, Path::new("in/lane"), &AT_ONCE);
        run.failed(2, &format!("{table} names 2 of these photographs, and was not read"), "the folder that it lies in");
        let run = ingest(&site, Path::new("in/lane/a.jpg"), &AT_ONCE);
        run.failed(2, &format!("{table} names 1 of these photographs, and was not read"), "--captures");
        assert_eq!(all(), before, "{table}");
        let run = ingest(&site, Path::new("in/lane"), &[]);
        assert_eq!((run.code, run.number("sealed")), (Some(1), 3), "{table}: {run:?}");
        assert!(run.stderr.contains("names 2 of these photographs and was not read: ingest the folder"), "{run:?}");
        assert!(run.stdout.contains("\"names\":2"), "{run:?}");
    }
}

#[test]
fn a_table_beside_a_photograph_is_named_and_one_that_names_it_elsewhere_is_not() {
    let site = lane("in/lane/captures.csv", "file,lane\na.jpg,1\né.jpg,1\n".as_bytes());
    ingest(&site, Path::new("in/lane/a.jpg"), &AT_ONCE).failed(2, "names 1 of these", "the folder that it lies in");
    // It speaks for its folder and what is below.
    let run = ingest(&site, Path::new("in/lane/c.jpg"), &[]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 1), "{run:?}");
    // What is read counts, and what lies above it names nothing more.
    site.put("in/captures.csv", ROWS);
    let run = ingest(&site, Path::new("in/lane"), &[]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 2), "{run:?}");
    let given = site.put("given.csv", b"file,lane\na.jpg,3\n");
    let run = ingest(&site, Path::new("in/lane/a.jpg"), &["--captures", &given.to_string_lossy()]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 1), "{run:?}");
}

#[cfg(unix)]
#[test]
fn what_is_no_table_above_keeps_nobody_from_sealing() {
    let site = lane("in/captures.csv", b"\xff\xfef\0i\0l\0e\0");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        site.photos.path().join("captures.csv"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .expect("made");
    let run = ingest(&site, Path::new("in/lane"), &AT_ONCE);
    assert_eq!((run.code, run.number("consumed")), (Some(0), 3), "{run:?}");
    assert!(run.stderr.contains("in/captures.csv cannot be read: whether it names"), "{run:?}");
}

#[test]
fn a_table_under_another_name_is_named() {
    let names = ["table.csv", "captures (1).csv", "captures.csv.bak", "captures .csv", "Captures.csv.txt", "deep/list"];
    for name in names {
        let site = Site::new();
        site.put("a.jpg", &photo(1));
        let rows: &[u8] =
            if name == "deep/list" { b"\xef\xbb\xbfLane;File\n1;../a.jpg\n" } else { b"file,lane\na.jpg,1\n" };
        site.put(name, rows);
        let run = site.ingest(&[]);
        assert_eq!((run.code, run.number("sealed"), run.number("ignored")), (Some(1), 1, 0), "{name}: {run:?}");
        assert!(
            run.stderr.contains("looks like a table of captures and was not read; name it captures.csv"),
            "{run:?}"
        );
        if name != "deep/list" {
            let before = files_below(site.photos.path());
            site.ingest(&AT_ONCE).failed(2, "names 1 of these photographs", "name it captures.csv");
            assert_eq!(files_below(site.photos.path()), before, "{name}");
        }
    }
    let site = Site::new();
    site.put("a.jpg", &photo(1));
    site.put("notes.txt", b"A file, among others\nfile,lane\n");
    let table = site.put("table.csv", b"file,lane\na.jpg,1\n");
    let run = site.ingest(&["--captures", &table.to_string_lossy()]);
    assert_eq!((run.code, run.number("sealed"), run.number("ignored")), (Some(0), 1, 2), "{run:?}");
    fs::remove_file(&table).expect("removed");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("ignored")), (Some(0), 1), "{run:?}");
}

/// Rows that fit nothing may mean the photographs that no row names: these are not deleted, and what rows name is.
#[test]
fn what_rows_may_mean_is_not_deleted() {
    let rows = ["A.JPG", "a.jpeg", "sub/a.jpg", "C:\\cam\\a.jpg", "photos/a.jpg"];
    for row in rows {
        let site = Site::new();
        let [a, b] = [("a.jpg", 1), ("b.jpg", 2)].map(|(name, number)| site.put(name, &photo(number)));
        site.put("captures.csv", format!("file,lane\nb.jpg,2\n{row},1\n").as_bytes());
        let run = site.ingest(&AT_ONCE);
        assert_eq!((run.code, run.number("consumed"), run.number("not_consumed")), (Some(1), 1, 1), "{row}: {run:?}");
        assert!(
            run.stderr.contains("a.jpg: sealed, but not deleted: what is said of it there was not all understood"),
            "{row}: {run:?}"
        );
        assert!(a.exists() && !b.exists(), "{row}");
        // The row of what was deleted names nothing any more; what still has its row goes on.
        let c = site.put("c.jpg", &photo(3));
        site.put("captures.csv", b"file,lane\nb.jpg,2\nc.jpg,1\n");
        let run = site.ingest(&AT_ONCE);
        assert_eq!((run.code, run.number("consumed")), (Some(1), 1), "{row}: {run:?}");
        assert!(a.exists() && !c.exists(), "{row}");
    }
    // Lists that nobody here reads, or that are still to be written; and what lies beside one photograph speaks of that one.
    let others: [(&str, &[u8], u64); 6] = [
        ("list.csv", b"nr;pfad;class\n1;D:\\export\\day\\a.jpg;citizen\n2;B.JPG;citizen\n", 0),
        ("list.txt", b"a.jpg;citizen\nb.jpg;citizen\n", 0),
        ("captures.json", b"[{\"file\":\"a.jpg\"},{\"file\":\"b.jpg\"}]", 0),
        ("captures.csv", b"file,class\n", 0),
        ("captures.xlsx", b"PK\x03\x04\x14\0\0\0", 0),
        ("a.jpg.json", b"{\"name\": \"a.jpg\", \"class\": \"citizen\"}", 1),
    ];
    for (name, list, consumed) in others {
        let site = Site::new();
        site.put("day/a.jpg", &photo(1));
        site.put("day/b.jpg", &photo(2));
        site.put(name, list);
        let run = site.ingest(&AT_ONCE);
        assert_eq!((run.code, run.number("consumed")), (Some(1), consumed), "{name}: {run:?}");
        assert!(site.photos.path().join("day/a.jpg").exists(), "{name}");
    }
    // Two tables that differ, of which the nearest counts; where they agree, they are one.
    for (class, consumed) in [("transit", 1), ("citizen", 2)] {
        let site = Site::new();
        site.put("day/a.jpg", &photo(1));
        site.put("day/b.jpg", &photo(2));
        site.put("captures.csv", b"file,class\nday/a.jpg,citizen\nday/b.jpg,citizen\n");
        site.put("day/captures.csv", format!("file,class\na.jpg,{class}\n").as_bytes());
        let run = site.ingest(&AT_ONCE);
        assert_eq!((run.number("consumed"), run.number("rows_without_file")), (consumed, 0), "{run:?}");
        let said = run.stderr.contains("1 of which two tables say different things, and the nearest counts: day/a.jpg");
        assert_eq!((run.code, said), (Some(i32::from(consumed == 1)), consumed == 1), "{run:?}");
    }
    // A table of one lane only is a whole one.
    let site = Site::new();
    for (name, number) in [("a.jpg", 1), ("b.jpg", 2)] {
        site.put(name, &photo(number));
    }
    site.put("captures.csv", b"file,lane\nb.jpg,2\n");
    let run = site.ingest(&AT_ONCE);
    assert_eq!((run.code, run.number("consumed")), (Some(0), 2), "{run:?}");
}

/// What is in it decides what a file is.
#[test]
fn a_photograph_under_a_tables_name_is_one() {
    let site = Site::new();
    site.put("a.jpg", &photo(1));
    site.put("captures.csv", &photo(2));
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 2), "{run:?}");
}

/// A table that was given replaces the folder's own, as far as it names what that does.
#[test]
fn a_table_that_another_one_replaces_is_named_where_it_says_more() {
    let site = Site::new();
    site.put("day/a.jpg", &photo(1));
    site.put("captures.csv", b"file,lane\nday/a.jpg,1\n");
    let other = site.custodian.folder.path().join("other.csv");
    fs::write(&other, "file,lane\nq.jpg,1\n").expect("written");
    let args = ["--captures", other.to_str().expect("text")];
    let before = files_below(site.photos.path());
    site.ingest(&[&args[..], &AT_ONCE].concat()).failed(2, "names 1 of these photographs", "leave --captures out");
    assert_eq!(files_below(site.photos.path()), before);
    let run = site.ingest(&args);
    assert_eq!((run.code, run.number("sealed")), (Some(1), 1), "{run:?}");
    fs::write(&other, "file,lane\nday/a.jpg,2\n").expect("written");
    let run = site.ingest(&args);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 1), "{run:?}");
}

#[test]
fn what_is_sealed_already_under_other_circumstances_is_counted_and_named() {
    let site = Site::new();
    for (number, name) in (0..).zip(["a.jpg", "b.jpg", "c.jpg"]) {
        site.put(name, &photo(number));
    }
    site.put("cut.jpg", &photo(3)[..500]);
    let first = site.ingest(&[]);
    assert_eq!((first.number("sealed"), first.number("sealed_under_other_circumstances")), (4, 0), "{first:?}");
    site.put("captures.csv", b"file,lane\na.jpg,1\nb.jpg,2\nd.jpg,2\ncut.jpg,2\n");
    site.put("d.jpg", &photo(9));
    let second = site.ingest(&[]);
    assert_eq!((second.number("sealed"), second.number("sealed_under_other_circumstances")), (4, 3), "{second:?}");
    let said = "3 sealed already under other circumstances, and now again: a.jpg, b.jpg, cut.jpg";
    assert!(second.stderr.contains(said), "{second:?}");
    let third = site.ingest(&[]);
    assert_eq!((third.number("sealed"), third.number("sealed_under_other_circumstances")), (0, 0), "{third:?}");
    // What could not be examined is known by its bytes under any row.
    site.put("captures.csv", b"file,lane\na.jpg,1\nb.jpg,2\nd.jpg,2\ncut.jpg,3\n");
    let fourth = site.ingest(&[]);
    assert_eq!((fourth.number("sealed"), fourth.number("sealed_under_other_circumstances")), (1, 1), "{fourth:?}");
}
