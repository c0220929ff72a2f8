//! Whatever a folder may hold and whatever may befall a run: a clear message with a remedy, the right exit code,
//! nothing lost, nothing shown.

mod common;

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

use common::site::{AT_ONCE, Ended, Site, jpeg, photo, picture, tiny_nets};
use common::{Custodian, files_below};
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb};
use jpeg_encoder::{ColorType, Encoder};
use safelight::custody::{Keyring, PackRequest, Policy};
use safelight::vault::record::Status;
use safelight::vault::{SealingOptions, SealingVault, Trust, check_deep};

/// A PNG whose header claims 60,000 × 60,000 pixels.
fn bomb() -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(1, 1).write_to(&mut file, ImageFormat::Png).expect("encoded");
    let mut file = file.into_inner();
    // signature ‖ length ‖ "IHDR" ‖ width ‖ height …
    for side in [16, 20] {
        file[side..side + 4].copy_from_slice(&60_000u32.to_be_bytes());
    }
    let crc = file[12..29].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    file[29..33].copy_from_slice(&(!crc).to_be_bytes());
    file
}

#[test]
fn unreadable_images_are_sealed_whole_and_named() {
    let site = Site::new();
    let good = photo(0);
    let mut files = vec![
        ("bomb.png".to_owned(), bomb()),
        ("letter.jpg".to_owned(), b"Dear traveller, this is a text file.".to_vec()),
        ("nothing.jpg".to_owned(), Vec::new()),
    ];
    for part in 1..20 {
        files.push((format!("cut-{:02}.jpg", 5 * part), good[..good.len() * part / 20].to_vec()));
    }
    // Cut, and made to end as a whole picture does.
    files.push(("ended.jpg".to_owned(), [&good[..good.len() * 3 / 5], &[0x55, 0xFF, 0xD9]].concat()));
    for (name, bytes) in &files {
        site.put(name, bytes);
    }
    site.put("whole.jpg", &good);
    let run = site.ingest(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!((run.number("sealed"), run.number("unreadable")), (files.len() as u64 + 1, files.len() as u64));
    for (name, why) in [
        ("bomb.png", "60000x60000"),
        ("letter.jpg", "not a JPEG"),
        ("nothing.jpg", "empty"),
        ("cut-50.jpg", "ends early"),
        ("ended.jpg", "ends early"),
    ] {
        let said = |line: &str| line.contains(name) && line.contains(why);
        assert!(run.stderr.lines().any(said), "{name}: {}", run.stderr);
    }
    for opened in site.opened() {
        let name = String::from_utf8(opened.name).expect("a name");
        assert!(opened.original == fs::read(site.photos.path().join(&name)).expect("the file"), "{name}");
        let whole = name == "whole.jpg";
        assert_eq!((opened.catalogue.status == Status::Examined, opened.scene.is_some()), (whole, whole), "{name}");
    }
}

#[test]
fn odd_but_sound_images_are_examined() {
    let site = Site::new();
    let deep: ImageBuffer<Rgb<u16>, _> =
        ImageBuffer::from_fn(320, 192, |x, y| Rgb([(x * 200) as u16, (y * 300) as u16, 0]));
    let mut sixteen = Cursor::new(Vec::new());
    DynamicImage::ImageRgb16(deep).write_to(&mut sixteen, ImageFormat::Png).expect("encoded");
    let mut cmyk = Vec::new();
    Encoder::new(&mut cmyk, 90).encode(&[90; 4 * 64 * 64], 64, 64, ColorType::Cmyk).expect("encoded");
    site.put("16-bit.png", sixteen.get_ref());
    site.put("cmyk.jpg", &cmyk);
    site.put("pixel.jpg", &jpeg(&picture(1, 1, 0)));
    site.put("wrong-extension.tiff", &photo(1));
    site.put("without-extension", &photo(2));
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed"), run.number("unreadable")), (Some(0), 5, 0), "{run:?}");
    assert!(site.opened().iter().all(|opened| opened.scene.is_some()));
}

/// Pictures that nobody here decodes, by their first bytes.
const FOREIGN: [(&str, &[u8]); 6] = [
    ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
    ("b.avif", b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1miaf"),
    ("c.jxl", b"\0\0\0\x0CJXL \r\n\x87\n\0\0\0\x14"),
    ("d.gif", b"GIF89a\x40\x01\xC0\0"),
    ("e.CR2", b"II*\0\x10\0\0\0CR\x02\0"),
    ("f", b"\0\0\0\x18ftypheix\0\0\0\0mif1heix"),
];

#[test]
fn every_file_is_accounted_for() {
    let site = Site::new();
    for (name, bytes) in FOREIGN {
        site.put(name, bytes);
    }
    site.put("whole.jpg", &photo(0));
    site.put("without", &photo(1));
    // Left where they are, and named.
    site.put("dashcam.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42");
    site.put("stream", b"RIFF\0\0\0\0AVI LIST");
    site.put("photos.zip", b"PK\x03\x04\x14\0\0\0");
    let letter =
        ["Dear traveller, this is your photograph.\n".repeat(200).as_bytes(), b"\n/9j/4AAQSkZJRgABAQEASABIAAD\n"]
            .concat();
    site.put("letter.eml", &letter);
    site.put(
        "drawing",
        &[0xFF, 0xFE].into_iter().chain(b"<svg/>".iter().flat_map(|byte| [*byte, 0])).collect::<Vec<u8>>(),
    );
    site.put("figure", b"%!PS-Adobe-3.0 EPSF-3.0\n");
    site.put("lane/Thumbs.db", &[b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".as_slice(), &photo(5)].concat());
    // One picture behind another, and the seconds around the moment, which a telephone names.
    site.put("two.jpg", &[photo(2), photo(3)].concat());
    let packet = b"http://ns.adobe.com/xap/1.0/\0<x GCamera:MotionPhoto=\"1\"/>";
    let film = photo(4);
    let film = [&film[..2], &[0xFF, 0xE1, 0, packet.len() as u8 + 2], packet, &film[2..]].concat();
    site.put("with-film.jpg", &[&film[..], b"\0\0\0\x14ftypmp42\0\0\0\0mp42\0\0\0\x09mdat\0"].concat());
    // Nobody is to be seen in these.
    let beside: [(&str, &[u8]); 6] = [
        ("notes.txt", b"line one\nline two\n"),
        ("lane/table.csv", b"item;price\n"),
        ("empty", b""),
        (".DS_Store", b"\0\0\0\x01Bud1\0"),
        ("Thumbs.db", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
        ("._notes.txt", b"\0\x05\x16\x07\0\x02\0\0"),
    ];
    for (name, bytes) in beside {
        site.put(name, bytes);
    }
    let run = site.ingest(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let numbers = ["images", "sealed", "unreadable", "further", "failed", "ignored"].map(|field| run.number(field));
    assert_eq!(numbers, [11, 11, 8, 1, 6, 6], "{run:?}");
    assert!(run.stderr.contains("1 with variants of the picture behind it, which the scene does not show"), "{run:?}");
    for (name, why) in [
        ("a.heic", "a HEIC file"),
        ("b.avif", "an AVIF file"),
        ("c.jxl", "the JPEG XL file ends early"),
        ("d.gif", "the GIF file ends early"),
        ("e.CR2", "a Canon raw (CR2) file"),
        ("/f:", "a HEIC file"),
        ("dashcam.mp4", "a video (MP4 or QuickTime)"),
        ("stream", "a video (AVI)"),
        ("photos.zip", "neither a picture nor text"),
        ("letter.eml", "a picture in base64 (JPEG)"),
        ("drawing", "a drawing (SVG)"),
        ("figure", "a PostScript file"),
        ("Thumbs.db", "Windows' thumbnails"),
        ("two.jpg", "followed by another picture (JPEG)"),
    ] {
        let said = |line: &str| line.contains(name) && line.contains(why);
        assert!(run.stderr.lines().any(said), "{name}: {}", run.stderr);
    }
    for opened in site.opened() {
        let name = String::from_utf8(opened.name).expect("a name");
        assert!(opened.original == fs::read(site.photos.path().join(&name)).expect("the file"), "{name}");
        assert_eq!(opened.scene.is_some(), name.starts_with('w'), "{name}");
    }
    // A second run has nothing to seal, and names again what it does not treat.
    let again = site.ingest(&[]);
    assert_eq!((again.code, again.number("sealed"), again.number("failed")), (Some(1), 0, 6), "{again:?}");
}

/// Neither what a file is called, be it as a simulation's or a system's, nor what it begins with: the content decides.
#[test]
fn no_name_and_no_beginning_excuses_a_file() {
    const NAMES: [&str; 8] = [
        "truth.jsonl",
        "simulation.json",
        "captures.csv",
        ".DS_Store",
        "Thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "._x",
    ];
    let contents: [&[u8]; 5] = [
        b"PK\x03\x04\x14\0\0\0",
        b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n",
        b"SQLite format 3\0\x10\0\x01\x01",
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        b"\0\0\0\x01Bud1\0 and then \xFF\xD8\xFF\xE0 a photograph",
    ];
    let with_table = |site: &Site| {
        let table = site.custodian.folder.path().join("table.csv");
        fs::write(&table, "file,lane\n").expect("a table");
        site.ingest(&["--captures", table.to_str().expect("a path")])
    };
    for content in contents {
        let site = Site::new();
        NAMES.iter().for_each(|name| _ = site.put(name, content));
        let run = with_table(&site);
        assert_eq!((run.code, run.number("failed"), run.number("sealed")), (Some(1), 8, 0), "{run:?}");
        for name in NAMES {
            assert!(run.stderr.lines().any(|line| line.contains(name)), "{name}: {run:?}");
        }
    }
    let site = Site::new();
    for (number, name) in (0..).zip(NAMES) {
        site.put(name, &photo(number));
    }
    let run = with_table(&site);
    assert_eq!((run.code, run.number("sealed"), run.number("failed")), (Some(0), 8, 0), "{run:?}");

    // What this program writes may be anything behind its first bytes, and is named.
    let of = &site.custodian;
    let segments = files_below(&of.vault().join("segments"));
    let journals = files_below(&of.vault().join("journals"));
    let own = [
        segments[0].clone(),
        journals[0].clone(),
        of.vault().join("vault"),
        of.folder.path().join("site.pack"),
        of.custody().join("keyring"),
    ];
    let other = Site::new();
    for (number, path) in (20..).zip(&own) {
        let mut bytes = fs::read(path).expect("a file of ours");
        bytes.truncate(64 * (number as usize - 19));
        bytes.extend_from_slice(&photo(number));
        other.put(&format!("own-{number}.bin"), &bytes);
    }
    let run = other.ingest(&[]);
    assert_eq!((run.code, run.number("failed"), run.number("ignored")), (Some(1), 5, 0), "{run:?}");
    assert_eq!(run.stderr.matches("a file of Safelight's own").count(), 5, "{run:?}");
    let folder = other.photos.path().to_str().expect("a path");
    let copies = other.temporary.path().join("copies");
    for args in [&["inspect", folder][..], &["redact", folder, "-o", copies.to_str().expect("a path")]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).arg("--models").arg(tiny_nets()).stdin(Stdio::null());
        let ended = Ended::of(command.output().expect("the command runs"));
        assert!(ended.code == Some(1) && ended.stderr.contains("a file of Safelight's own"), "{args:?}: {ended:?}");
    }
}

/// A camera's raw file by hand: 80x60 pixels of thumbnail first, the whole picture below it, as JPEG or as it is.
fn dng(compression: u16, photometric: u16, samples: u16, strip: &[u8]) -> Vec<u8> {
    let directory = |entries: &[(u16, u16, u32, u32)]| {
        let mut bytes = (entries.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend([0; 4]);
        bytes
    };
    let page = |width: u32, height: u32, compression: u16, photometric: u16, samples: u16, at: u32, len: u32| {
        vec![
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 1, 8),
            (259, 3, 1, compression.into()),
            (262, 3, 1, photometric.into()),
            (273, 4, 1, at),
            (277, 3, 1, samples.into()),
            (278, 4, 1, height),
            (279, 4, 1, len),
        ]
    };
    let thumbnail = [90; 80 * 60];
    let (small, full) = (8, 8 + thumbnail.len() as u32);
    let below = full + strip.len().next_multiple_of(2) as u32;
    let sub = directory(&page(320, 192, compression, photometric, samples, full, strip.len() as u32));
    let mut main = page(80, 60, 1, 1, 1, small, thumbnail.len() as u32);
    main.insert(0, (254, 4, 1, 1));
    main.extend([(330, 4, 1, below), (50_706, 1, 4, 0x0000_0401)]);
    let first = below + sub.len() as u32;
    let mut file = b"II*\0".to_vec();
    file.extend(first.to_le_bytes());
    file.extend(thumbnail);
    file.extend(strip);
    file.resize(below as usize, 0);
    file.extend(sub);
    file.extend(directory(&main));
    file
}

#[test]
fn a_raw_file_is_not_examined_by_its_thumbnail() {
    let site = Site::new();
    let cells: Vec<u8> = (0..320 * 192).map(|at| (at % 251) as u8).collect();
    let files = [
        ("jpeg.dng", dng(7, 6, 3, &photo(0))),
        ("linear.dng", dng(7, 34_892, 3, &photo(1))),
        ("cells.dng", dng(1, 32_803, 1, &cells)),
        ("gray.dng", dng(1, 1, 1, &cells)),
        // Its content decides, not its name.
        ("renamed.jpg", dng(7, 6, 3, &photo(2))),
    ];
    for (name, bytes) in &files {
        site.put(name, bytes);
    }
    let run = site.ingest(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!((run.number("sealed"), run.number("unreadable")), (5, 5), "{run:?}");
    for (name, _) in &files {
        let said = |line: &str| line.contains(name) && line.contains("raw data");
        assert!(run.stderr.lines().any(said), "{name}: {}", run.stderr);
    }
    assert!(site.opened().iter().all(|opened| opened.scene.is_none() && opened.catalogue.regions.is_empty()));
}

#[test]
fn what_could_not_be_examined_is_counted_by_check_and_named_again() {
    let site = Site::new();
    site.put("letter.jpg", b"Dear traveller, this is a text file.");
    site.put("whole.jpg", &photo(0));
    for run in 0..2 {
        let ended = site.ingest(&[]);
        assert_eq!(ended.code, Some(1), "{run}: {ended:?}");
        assert!(ended.stderr.contains("letter.jpg"), "{run}: {ended:?}");
    }
    let keys = site.custodian.keyring.checking_keys();
    let report = check_deep(&site.custodian.vault(), Trust::Nobody, &keys).expect("checked");
    assert_eq!((report.captures, report.unreadable), (2, 1), "{report:?}");
}

/// A Mac writes one beside each photograph where the file system keeps no attributes.
#[test]
fn what_a_mac_keeps_beside_a_photograph_is_told_from_it() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    site.put("._a.jpg", &[b"\0\x05\x16\x07\0\x02\0\0Mac OS X".as_slice(), &[0; 4000]].concat());
    site.put("._b.jpg", &photo(1));
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed"), run.number("unreadable")), (Some(0), 2, 0), "{run:?}");
    assert!(run.stderr.contains("._a.jpg") && run.stderr.contains("Mac"), "{run:?}");
    assert_eq!(site.names(), ["._b.jpg", "a.jpg"]);
}

#[test]
fn text_beside_images_is_no_failure() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    site.put("readme", b"nothing here");
    site.put("lane/.DS_Store", b"\0\0\0\x01Bud1\0");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("images"), run.number("ignored")), (Some(0), 1, 2), "{run:?}");
}

#[test]
fn a_picture_of_108_megapixels_is_examined() {
    let site = Site::new();
    let (width, height) = (12_000u16, 9_000u16);
    let mut file = Vec::new();
    Encoder::new(&mut file, 50)
        .encode(&vec![40; usize::from(width) * usize::from(height)], width, height, ColorType::Luma)
        .expect("encoded");
    site.put("large.jpg", &file);
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed"), run.number("unreadable")), (Some(0), 1, 0), "{run:?}");
    let opened = site.opened();
    assert_eq!((opened[0].catalogue.width, opened[0].catalogue.height), (12_000, 9_000));
}

#[test]
fn no_images_is_no_error_and_is_said() {
    let site = Site::new();
    site.put("readme.txt", b"nothing here");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("images"), run.number("ignored")), (Some(0), 0, 1));
    assert!(run.stderr.contains("no images in"), "{run:?}");
}

#[test]
fn a_folder_or_table_that_is_not_as_it_should_be_stops_the_run_at_once() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    let elsewhere = site.custodian.folder.path().join("no-such-folder");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("ingest").arg(&elsewhere).arg("--vault").arg(site.custodian.vault());
    command.arg("--pack").arg(site.custodian.folder.path().join("site.pack")).arg("--models").arg(tiny_nets());
    Ended::of(command.output().expect("runs")).failed(2, "cannot be opened", "a folder that exists");

    site.put("captures.csv", b"file,timestamp\na.jpg,yesterday\n");
    site.ingest(&[]).failed(2, "`timestamp` at line 2", "mend the table");
    site.put("captures.csv", b"file,class\na.jpg,diplomat\n");
    site.ingest(&[]).failed(2, "diplomat", "citizen");
    assert!(!site.custodian.vault().join("segments").is_dir() || site.names().is_empty());
}

#[test]
fn a_pack_that_is_expired_foreign_damaged_or_none_is_refused() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    let folder = site.custodian.folder.path();
    let vault = site.custodian.vault();
    let with = |pack: &Path| Ended::of(site.command_with(pack, &vault).output().expect("runs"));

    let old = folder.join("old.pack");
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 60);
    let custody = folder.join("old-custody");
    let mut keyring =
        Keyring::create(&custody, &common::passphrase(), common::CHEAP, Policy::default(), then).expect("a keyring");
    keyring.issue_pack(&PackRequest { site: "S", valid_days: 30, now: then }, &old).expect("a pack");
    with(&old).failed(3, "expired", "ask the custodian");

    let good = folder.join("site.pack");
    let mut bytes = fs::read(&good).expect("the pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = folder.join("damaged.pack");
    fs::write(&damaged, bytes).expect("written");
    with(&damaged).failed(3, "altered or cut", "fetch the pack again");

    with(&tiny_nets().join("reader.slnn")).failed(2, "not a site pack", "custody pack");
    with(&folder.join("missing.pack")).failed(2, "missing.pack", "check the path");

    assert_eq!(with(&good).code, Some(0));
    let other = Custodian::new();
    with(&other.folder.path().join("site.pack")).failed(3, "belongs to custodian", "this vault's custodian");
    assert_eq!(site.names(), ["a.jpg"]);
}

#[test]
fn two_ingests_at_once_are_one_too_many() {
    let site = Site::new();
    site.put("a.jpg", &photo(0));
    let held =
        SealingVault::open(&site.custodian.vault(), &site.custodian.pack, SealingOptions::default()).expect("opens");
    site.ingest(&[]).failed(2, "another process is writing", "wait");
    held.finish().expect("closes");
    assert_eq!(site.ingest(&[]).code, Some(0));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    fn succeeds(program: &str, args: &[&OsStr]) -> bool {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    }

    #[test]
    fn folders_loops_fifos_and_odd_names() {
        let site = Site::new();
        let photos = site.photos.path();
        site.put("folder.jpg/inside.jpg", &photo(0));
        symlink("..", photos.join("folder.jpg/loop")).expect("a link");
        symlink(photos.join("nowhere.jpg"), photos.join("broken.jpg")).expect("a link");
        fs::write(photos.join(OsStr::from_bytes(b"odd-\xFF\n.jpg")), photo(1)).expect("written");
        assert!(succeeds("mkfifo", &[photos.join("fifo.jpg").as_os_str()]), "mkfifo");
        let run = site.ingest(&[]);
        // The broken link is named like an image that is not there, and what is behind a FIFO nobody knows.
        assert_eq!((run.code, run.number("sealed"), run.number("failed")), (Some(1), 2, 2), "{run:?}");
        for said in ["loop: skipped: a symbolic link", "broken.jpg: skipped", "fifo.jpg: skipped: not a regular file"] {
            assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
        }
        assert_eq!(
            site.opened().iter().map(|o| o.name.as_slice()).collect::<Vec<_>>(),
            [b"folder.jpg/inside.jpg".as_slice(), b"odd-\xFF\n.jpg"]
        );
    }

    #[test]
    fn a_file_that_may_not_be_read_is_named_and_kept() {
        let site = Site::new();
        let secret = site.put("secret.jpg", &photo(0));
        site.put("open.jpg", &photo(1));
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("permissions");
        if fs::File::open(&secret).is_ok() {
            eprintln!("skipped: this user may read everything");
            return;
        }
        let run = site.ingest(&AT_ONCE);
        assert_eq!((run.code, run.number("sealed"), run.number("failed")), (Some(1), 1, 1), "{run:?}");
        assert!(run.stderr.contains("secret.jpg: not sealed"), "{run:?}");
        assert_eq!(files_below(site.photos.path()), [secret]);
    }

    #[test]
    fn a_vault_that_may_not_be_written_is_refused_and_nothing_is_consumed() {
        let site = Site::new();
        let photo = site.put("a.jpg", &photo(0));
        // Nobody may write there, not even root, where it exists.
        let vault = if Path::new("/sys/kernel").is_dir() {
            Path::new("/sys/kernel/vault").to_owned()
        } else {
            let folder = site.custodian.folder.path().join("closed");
            fs::create_dir(&folder).expect("a folder");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("permissions");
            folder.join("vault")
        };
        let pack = site.custodian.folder.path().join("site.pack");
        let run = Ended::of(site.command_with(&pack, &vault).args(AT_ONCE).output().expect("runs"));
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("error: cannot create") && run.stderr.contains("remedy: "), "{run:?}");
        assert!(photo.is_file());
    }

    #[test]
    fn a_full_disk_ends_the_run_and_loses_nothing() {
        let site = Site::new();
        let disk = site.custodian.folder.path().join("disk");
        fs::create_dir(&disk).expect("a folder");
        let mount = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"].map(OsStr::new);
        if !succeeds("mount", &[&mount[..], &[disk.as_os_str()]].concat()) {
            eprintln!("skipped: this user may not mount");
            return;
        }
        /// Unmounts whatever happens.
        struct Mounted<'p>(&'p Path);
        impl Drop for Mounted<'_> {
            fn drop(&mut self) {
                succeeds("umount", &[self.0.as_os_str()]);
            }
        }
        let _mounted = Mounted(&disk);
        let vault = disk.join("vault");
        let pack = site.custodian.folder.path().join("site.pack");
        let noise: Vec<u8> = (0..400_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for number in 0..8 {
            site.put(&format!("{number}.jpg"), &[photo(number), noise.clone()].concat());
        }
        let run = Ended::of(site.command_with(&pack, &vault).args(AT_ONCE).output().expect("runs"));
        run.failed(2, "No space left", "make room");
        assert!(safelight::vault::check(&vault, safelight::vault::Trust::Nobody).expect("checked").is_sound());
        assert_eq!((run.number("sealed"), run.number("consumed")), (0, 0), "{run:?}");
        // What is not in the vault is still in the folder, and a disk with room takes it.
        assert_eq!(files_below(site.photos.path()).len(), 8);
        assert_eq!(site.ingest(&AT_ONCE).code, Some(0));
        assert_eq!(site.opened().len(), 8);
        assert!(files_below(site.photos.path()).is_empty());
    }
}
