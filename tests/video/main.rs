//! Videos: `safelight redact` of Motion JPEG in AVI, as anybody runs it. The films are written by this file alone.

#[path = "../common/mod.rs"]
mod common;
mod via;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::files_below;
use common::site::{AT_ONCE, Ended, Site, jpeg, picture, tiny_nets};
use safelight::frame::{Frame, Limits, LumaSource};
use serde_json::Value;
use tempfile::TempDir;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("redact").args(args).arg("--models").arg(tiny_nets());
    command
}

fn redact(args: &[&str]) -> Ended {
    Ended::of(command(args).output().expect("the command runs"))
}

/// A folder with films.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    /// Redacts a film of these bytes, and gives back how that went and the copy.
    fn run(&self, film: &[u8], args: &[&str]) -> (Ended, Option<Vec<u8>>) {
        let (input, out) = (self.put("in.avi", film), self.path("out.avi"));
        let _ = fs::remove_file(&out);
        let run =
            redact(&[&[input.to_str().expect("text"), "-o", out.to_str().expect("text"), "--json"], args].concat());
        (run, fs::read(out).ok())
    }
}

fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
    [name, &(body.len() as u32).to_le_bytes(), body, padding].concat()
}

fn list(form: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"LIST", &[form, &parts.concat()].concat())
}

fn longs(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// What is in a film before its frames.
fn headers(size: (u32, u32), codec: &[u8; 4]) -> Vec<u8> {
    let (width, height) = size;
    let mut video = [b"vids".as_slice(), codec].concat();
    video.extend(longs(&[0, 0, 0, 1, 10, 0, 0, 0, 0, 0, 0, 0]));
    let mut bitmap = longs(&[40, width, height, 0x18_0001]);
    bitmap.extend(codec);
    bitmap.extend([0; 20]);
    let mut audio = b"auds\0\0\0\0".to_vec();
    audio.extend(longs(&[0, 0, 0, 1, 8000, 0, 0, 0, 0, 1, 0, 0]));
    let pcm = [1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0];
    let name = chunk(b"strn", b"SECRET camera of John");
    let streams = [
        list(b"strl", &[chunk(b"strh", &video), chunk(b"strf", &bitmap), name]),
        list(b"strl", &[chunk(b"strh", &audio), chunk(b"strf", &pcm)]),
        list(b"strl", &[chunk(b"strh", &[b"txts".as_slice(), &[0; 52]].concat()), chunk(b"strf", b"")]),
    ];
    let main = longs(&[100_000, 0, 0, 0x10, 0, 0, 3, 0, width, height, 0, 0, 0, 0]);
    list(b"hdrl", &[chunk(b"avih", &main), streams.concat()])
}

fn sound(number: usize) -> Vec<u8> {
    (0..800).map(|at| (at * number % 251) as u8).collect()
}

/// A film of these frames at ten a second, with sound, and with everything that a camera writes beside.
fn film_of(frames: &[Vec<u8>], codec: &[u8; 4]) -> Vec<u8> {
    let mut movi = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        movi.push(chunk(b"01wb", &sound(number)));
        movi.push(chunk(b"00dc", frame));
        movi.push(chunk(b"02tx", b"SECRET 48.2 N 16.4 E"));
    }
    let parts = [
        headers((320, 192), codec),
        list(b"INFO", &[chunk(b"ISFT", b"SECRET maker"), chunk(b"ICRD", b"SECRET date")]),
        chunk(b"JUNK", b"SECRET junk"),
        list(b"movi", &movi),
        chunk(b"note", b"SECRET note"),
    ];
    chunk(b"RIFF", &[b"AVI ".as_slice(), &parts.concat()].concat())
}

fn film(frames: &[Vec<u8>]) -> Vec<u8> {
    film_of(frames, b"MJPG")
}

fn frames(count: u32) -> Vec<Vec<u8>> {
    (0..count).map(|number| jpeg(&picture(320, 192, number))).collect()
}

/// Chunks of a film by name, in order: found by going through the list of frames.
fn chunks(film: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut chunks = Vec::new();
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(&film[at..], b"movi") {
        let start = at + found;
        let long = |at: usize| u32::from_le_bytes(film[at..at + 4].try_into().expect("four bytes")) as usize;
        let end = start + long(start - 4);
        at = start + 4;
        while at + 8 <= end {
            let length = long(at + 4);
            chunks.push((film[at..at + 4].try_into().expect("a name"), film[at + 8..at + 8 + length].to_vec()));
            at += 8 + length + length % 2;
        }
    }
    chunks
}

fn of(film: &[u8], name: &[u8; 4]) -> Vec<Vec<u8>> {
    chunks(film).into_iter().filter(|(found, _)| found == name).map(|(_, body)| body).collect()
}

fn luma(file: &[u8]) -> Vec<u8> {
    Frame::decode(file, &Limits::default()).expect("a whole picture").reduced(1).data.clone()
}

#[test]
fn a_film_comes_out_blanked_with_its_sound_and_nothing_else() {
    let desk = Desk::new();
    let originals = frames(12);
    let (run, copy) = desk.run(&film(&originals), &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let copy = copy.expect("a copy");
    assert!(memchr::memmem::find(&copy, b"SECRET").is_none(), "names, texts and notes are not carried over");
    assert_eq!(of(&copy, b"01wb"), (0..12).map(sound).collect::<Vec<_>>(), "sound goes through byte for byte");
    let order: Vec<[u8; 4]> = chunks(&copy).into_iter().map(|(name, _)| name).take(4).collect();
    assert_eq!(order, [*b"01wb", *b"00dc", *b"01wb", *b"00dc"]);
    let copies = of(&copy, b"00dc");
    assert_eq!(copies.len(), 12);
    for (number, (original, copy)) in originals.iter().zip(&copies).enumerate() {
        let (original, copy) = (luma(original), luma(copy));
        for spot in 0..2 {
            let (x, y) = (64 + 160 * spot + 16 * (number % 4), 64);
            assert_eq!((original[320 * (y + 8) + x + 8] > 200, copy[320 * (y + 8) + x + 8]), (true, 128), "{number}");
        }
        let same = original.iter().zip(&copy).filter(|(a, b)| a == b).count();
        assert!(same > original.len() * 3 / 4, "{number}: {same} of {}", original.len());
    }
    let summary: Value = serde_json::from_str(&run.stdout).expect("a summary");
    assert_eq!((&summary["copies"], &summary["videos"]["frames"]), (&1.into(), &12.into()), "{summary}");
    assert_eq!(files_below(desk.0.path()).len(), 2, "nothing else is left");
}

/// A frame in which nothing is found is blanked where the frames around it show something.
#[test]
fn a_missed_frame_is_blanked_where_its_neighbours_show_something() {
    let desk = Desk::new();
    let mut originals = frames(9);
    for original in &mut originals {
        *original = jpeg(&picture(320, 192, 0));
    }
    // Too dim for the nets, and still to be seen.
    let mut dim = picture(320, 192, 0);
    dim.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|sample| sample / 4 + 12));
    originals[4] = jpeg(&dim);
    let (run, copy) = desk.run(&film(&originals), &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let copy = luma(&of(&copy.expect("a copy"), b"00dc")[4]);
    assert_eq!(copy[320 * 72 + 72], 128);
    let alone = desk.run(&film(&originals[4..5]), &[]).1.expect("a copy");
    assert_ne!(luma(&of(&alone, b"00dc")[0])[320 * 72 + 72], 128, "by itself, nothing is found on it");
}

#[test]
fn coefficients_outside_of_blanks_are_the_originals() {
    let desk = Desk::new();
    let originals = frames(3);
    let (_, copy) = desk.run(&film(&originals), &["--only", "faces"]);
    for (original, copy) in originals.iter().zip(of(&copy.expect("a copy"), b"00dc")) {
        // Nothing is blanked: the scan's bytes are those of the original.
        let scan = |file: &[u8]| file[memchr::memmem::find(file, &[0xFF, 0xDA]).expect("a scan")..].to_vec();
        assert_eq!(scan(original), scan(&copy));
    }
}

#[test]
fn tables_that_are_left_out_and_frames_that_repeat() {
    let desk = Desk::new();
    let whole = frames(4);
    let mut bare: Vec<Vec<u8>> = whole.iter().map(|file| without_tables(file)).collect();
    bare.insert(2, Vec::new());
    assert!(bare[0].len() + 400 < whole[0].len());
    let (run, copy) = desk.run(&film_of(&bare, b"mjpg"), &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let copies = of(&copy.expect("a copy"), b"00dc");
    assert_eq!(copies.len(), 5);
    assert!(copies[2].is_empty(), "a frame of no bytes repeats the one before");
    assert_eq!(luma(&copies[0])[320 * 72 + 72], 128);
}

fn without_tables(file: &[u8]) -> Vec<u8> {
    let mut bare = file[..2].to_vec();
    let mut at = 2;
    while file[at + 1] != 0xDA {
        let length = 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        if file[at + 1] != 0xC4 {
            bare.extend(&file[at..at + length]);
        }
        at += length;
    }
    [bare.as_slice(), &file[at..]].concat()
}

#[test]
fn two_fields_a_frame_are_both_blanked() {
    let desk = Desk::new();
    let fields = |number| {
        let field = jpeg(&picture(320, 96, number));
        let app = |rows: u8| [&[0xFF, 0xD8, 0xFF, 0xE0, 0, 16], b"AVI1".as_slice(), &[rows], &[0; 9]].concat();
        [app(2).as_slice(), &field[2..], &[0; 5], &app(1), &field[2..]].concat()
    };
    let (run, copy) = desk.run(&film(&[fields(0), fields(1)]), &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for chunk in of(&copy.expect("a copy"), b"00dc") {
        let second = 2 + memchr::memmem::find(&chunk[2..], &[0xFF, 0xD8]).expect("two pictures");
        let rows: Vec<u8> = [0, second].iter().map(|at| chunk[at + 10]).collect();
        assert_eq!(rows, [2, 1], "as the original has them");
        for field in [&chunk[..second], &chunk[second..]] {
            assert_eq!(luma(field)[320 * 72 + 72 + 8], 128);
        }
    }
}

/// What cannot be examined is shown to nobody, and the film goes on.
#[test]
fn a_damaged_frame_is_one_colour_and_named() {
    let desk = Desk::new();
    let mut originals = frames(5);
    originals[3] = originals[3][..400].to_vec();
    originals[1] = b"no picture at all".to_vec();
    let (run, copy) = desk.run(&film(&originals), &["--fill", "ff0000"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("2 of 5 frames") && run.stderr.contains("number 1"), "{run:?}");
    let copies = of(&copy.expect("a copy"), b"00dc");
    assert_eq!(copies.len(), 5);
    for dark in [1, 3] {
        let luma = luma(&copies[dark]);
        assert!(luma.len() == 320 * 192 && luma.iter().all(|&value| value == luma[0]));
    }
}

#[test]
fn a_film_that_breaks_off_is_copied_as_far_as_it_goes() {
    let desk = Desk::new();
    let whole = film(&frames(6));
    let cut = &whole[..whole.len() - 4000];
    let (run, copy) = desk.run(cut, &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("breaks off"), "{run:?}");
    let copies = of(&copy.expect("a copy"), b"00dc");
    assert!((3..6).contains(&copies.len()), "{}", copies.len());
    assert_eq!(luma(&copies[2])[320 * 72 + 72 + 32], 128);
}

#[test]
fn what_is_no_film_of_jpegs_is_named_and_leaves_nothing() {
    let desk = Desk::new();
    let good = frames(2);
    let whole = film(&good);
    let mut damaged = whole.clone();
    let movi = memchr::memmem::find(&damaged, b"movi").expect("there");
    damaged[movi + 4..movi + 8].copy_from_slice(&[1, 2, 3, 4]);
    let no_frames = film(&[]);
    let mut huge = whole.clone();
    let bitmap = memchr::memmem::find(&huge, b"strf").expect("there") + 8;
    huge[bitmap + 4..bitmap + 8].copy_from_slice(&60_000u32.to_le_bytes());
    huge[bitmap + 8..bitmap + 12].copy_from_slice(&60_000u32.to_le_bytes());
    for (name, film, said) in [
        ("codec", film_of(&good, b"H264"), "coded as H264"),
        ("cut", whole[..60].to_vec(), "ends early"),
        ("damaged", damaged, "without a name"),
        ("empty", no_frames, "no frame"),
        ("huge", huge, "60000x60000"),
        ("twice", [whole.as_slice(), &whole].concat(), "another film"),
    ] {
        let (run, copy) = desk.run(&film, &[]);
        assert_eq!((run.code, copy.is_none()), (Some(1), true), "{name}: {run:?}");
        assert!(run.stderr.contains("in.avi") && run.stderr.contains(said), "{name}: {run:?}");
        assert_eq!(files_below(desk.0.path()).len(), 1, "{name}: nothing is left");
    }
}

#[test]
fn folders_may_hold_films_and_photographs() {
    let desk = Desk::new();
    desk.put("in/lane/clip.AVI", &film(&frames(3)));
    desk.put("in/photo.jpg", &jpeg(&picture(320, 192, 0)));
    desk.put("in/other.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom");
    let (input, out) = (desk.path("in"), desk.path("out"));
    let args = [input.to_str().expect("text"), "-o", out.to_str().expect("text"), "--json"];
    let run = redact(&args);
    assert_eq!((run.code, run.number("copies"), run.number("failed")), (Some(1), 2, 1), "{run:?}");
    assert!(run.stderr.contains("other.mp4"), "{run:?}");
    let names = |path: &Path| path.strip_prefix(&out).expect("below").to_str().expect("text").to_owned();
    assert_eq!(files_below(&out).iter().map(|path| names(path)).collect::<Vec<_>>(), ["lane/clip.AVI", "photo.jpg"]);
    let again = redact(&[&args[..], &["--skip-existing"]].concat());
    assert_eq!((again.code, again.number("existing")), (Some(1), 2), "{again:?}");
    fs::write(out.join("lane/clip.AVI"), b"somebody's").expect("written");
    let third = redact(&[&args[..], &["--skip-existing"]].concat());
    assert!(third.stderr.contains("clip.AVI is not what this run makes of it"), "{third:?}");
    assert_eq!(fs::read(out.join("lane/clip.AVI")).expect("read"), b"somebody's");
}

/// Means of what is there would add up over the frames to a picture of it.
#[test]
fn what_moves_has_one_colour_in_every_style() {
    let desk = Desk::new();
    let film = film(&frames(6));
    let solid = desk.run(&film, &[]).1.expect("a copy");
    for style in ["pixelate", "blur"] {
        let (run, copy) = desk.run(&film, &["--style", style]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(copy.as_ref() == Some(&solid), "{style}");
    }
}

/// Films of one name in two inputs are told apart as their copies are.
#[test]
fn a_box_is_of_one_film() {
    let desk = Desk::new();
    let original = film(&frames(3));
    for name in ["p1/x.avi", "p2/x.avi"] {
        desk.put(name, &original);
    }
    let hand = desk.put("hand.json", b"{\"p1/x.avi\": [[0, 0, 320, 192]]}");
    let [one, two, out, hand] = [desk.path("p1"), desk.path("p2"), desk.path("out"), hand];
    let [one, two, to, hand] = [&one, &two, &out, &hand].map(|path| path.to_str().expect("text"));
    let run = redact(&[one, two, "-o", to, "--except-box", hand]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let frames_of = |name: &str| of(&fs::read(out.join(name)).expect("a copy"), b"00dc");
    let (spared, blanked) = (frames_of("p1/x.avi"), frames_of("p2/x.avi"));
    assert!(spared.iter().zip(of(&original, b"00dc")).all(|(copy, frame)| luma(copy) == luma(&frame)));
    assert!(spared.iter().zip(&blanked).all(|(spared, blanked)| spared != blanked));
}

#[test]
fn a_copy_keeps_its_originals_container() {
    let desk = Desk::new();
    let (input, out) = (desk.put("in.avi", &film(&frames(1))), desk.path("out.mp4"));
    redact(&[input.to_str().expect("text"), "-o", out.to_str().expect("text")]).failed(
        2,
        "cannot have that name",
        "out.avi",
    );
}

#[test]
fn one_worker_and_many_make_the_same_copy() {
    let desk = Desk::new();
    let film = film(&frames(20));
    let copies = ["1", "4"].map(|jobs| desk.run(&film, &["--jobs", jobs]).1.expect("a copy"));
    assert!(copies[0] == copies[1]);
}

/// Whenever it is killed, there is a whole copy or none under the name.
#[cfg(unix)]
#[test]
fn a_kill_leaves_no_half_film() {
    let desk = Desk::new();
    let input = desk.put("in.avi", &film(&frames(60)));
    let out = desk.path("out.avi");
    let args = [input.to_str().expect("text"), "-o", out.to_str().expect("text"), "--quiet"];
    let mut ended = Vec::new();
    for milliseconds in [5, 40, 80, 120, 200] {
        let mut child = command(&args).spawn().expect("the command runs");
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().expect("killed");
        child.wait().expect("it ends");
        if let Ok(copy) = fs::read(&out) {
            assert_eq!(of(&copy, b"00dc").len(), 60);
            fs::remove_file(&out).expect("removed");
        }
        ended.push(milliseconds);
    }
    assert_eq!(redact(&args).code, Some(0));
    assert_eq!(of(&fs::read(&out).expect("a copy"), b"00dc").len(), 60);
}

/// Somebody else's player: what `ffprobe` counts is what was there.
#[test]
fn a_stranger_opens_it() {
    if Command::new("ffprobe").arg("-version").output().is_err() {
        eprintln!("skipped: ffprobe is not installed");
        return;
    }
    let desk = Desk::new();
    let (run, _) = desk.run(&film(&frames(10)), &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "json", "-show_entries"])
        .arg("stream=codec_name,r_frame_rate,nb_read_frames,duration,width,height,sample_rate:format=tags")
        .arg(desk.path("out.avi"))
        .output()
        .expect("it runs");
    let probed: Value = serde_json::from_slice(&probe.stdout).expect("an object");
    let [video, audio] = [&probed["streams"][0], &probed["streams"][1]];
    assert_eq!(String::from_utf8_lossy(&probe.stderr), "", "no complaint");
    assert_eq!((&video["codec_name"], &video["r_frame_rate"]), (&"mjpeg".into(), &"10/1".into()), "{probed}");
    assert_eq!((&video["nb_read_frames"], &video["duration"]), (&"10".into(), &"1.000000".into()), "{probed}");
    assert_eq!((&audio["codec_name"], &audio["nb_read_frames"]), (&"pcm_u8".into(), &"10".into()), "{probed}");
    assert!(probed["format"]["tags"].is_null(), "{probed}");
}

#[test]
fn frames_are_captures_with_times_of_their_own() {
    let site = Site::new();
    let originals = frames(25);
    let path = site.put("lane/clip.avi", &film(&originals));
    site.put("captures.csv", b"file,lane,timestamp\nlane/clip.avi,7,2019-05-13T08:00:00Z\n");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 3), "{run:?}");
    let begun: jiff::Timestamp = "2019-05-13T08:00:00Z".parse().expect("a time");
    for (second, opened) in (0i64..).zip(site.opened()) {
        let frame = 10 * second as usize;
        assert_eq!(String::from_utf8_lossy(&opened.name), format!("lane/clip.avi#{frame:04}"));
        assert_eq!(opened.catalogue.captured_at, Some(begun.as_millisecond() + 1000 * second));
        assert_eq!(opened.catalogue.lane.as_deref(), Some("7"));
        assert!(opened.original == originals[frame] && opened.scene.is_some());
    }
    let again = site.ingest(&["--every", "0.5"]);
    assert_eq!((again.number("sealed"), again.number("skipped")), (2, 3), "{again:?}");
    let all = site.ingest(&[&["--every", "0"][..], &AT_ONCE].concat());
    assert_eq!((all.number("sealed"), all.number("consumed")), (20, 0), "{all:?}");
    assert!(path.exists() && all.stderr.contains("it stays as it is"), "{all:?}");
    assert_eq!(site.ingest(&["--every=-1"]).code, Some(2));
}

/// What is no film for captures is named as before, and a frame that cannot be examined is sealed whole.
#[test]
fn films_that_give_no_captures_are_named() {
    let site = Site::new();
    let mut damaged = frames(1);
    damaged.push(b"no picture".to_vec());
    site.put("codec.avi", &film_of(&frames(1), b"H264"));
    site.put("cut.avi", &film(&frames(1))[..50]);
    site.put("part.avi", &film(&damaged));
    let run = site.ingest(&["--every", "0"]);
    assert_eq!((run.code, run.number("sealed")), (Some(1), 2), "{run:?}");
    for said in
        ["codec.avi: skipped: a video (AVI)", "cut.avi: skipped: a video (AVI) that cannot be read", "part.avi#0001"]
    {
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    assert!(site.opened().iter().all(|opened| opened.scene.is_some() == (opened.name == b"part.avi#0000")));
}
