//! Videos by `ffmpeg`, where it is installed.

use super::*;

/// Whether `ffmpeg` is there to be asked; says so where it is not.
fn has_ffmpeg() -> bool {
    let there = ["ffmpeg", "ffprobe"].iter().all(|program| Command::new(program).arg("-version").output().is_ok());
    if !there {
        eprintln!("skipped: ffmpeg is not installed");
    }
    there
}

/// What somebody else's program says of, or makes of, a file.
fn ask(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(["-v", "error"]).args(args).output().expect("it runs");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn told(path: &Path, entries: &str) -> Vec<String> {
    let args = ["-of", "csv=p=0", "-show_entries", entries, path.to_str().expect("text")];
    String::from_utf8(ask("ffprobe", &args)).expect("text").lines().map(str::to_owned).collect()
}

/// A frame of a video as luma.
fn frame_of(path: &Path, number: u32) -> Vec<u8> {
    let select = format!("select=eq(n\\,{number})");
    let args = [
        "-i",
        path.to_str().expect("text"),
        "-vf",
        &select,
        "-frames:v",
        "1",
        "-pix_fmt",
        "yuvj420p",
        "-f",
        "rawvideo",
        "-",
    ];
    let mut planes = ask("ffmpeg", &args);
    planes.truncate(planes.len() * 2 / 3);
    planes
}

impl Desk {
    /// Makes a video of 20 frames by `ffmpeg`, from a film of ours.
    fn video(&self, name: &str, args: &[&str]) -> PathBuf {
        let (source, path) = (self.put("source.avi", &film(&frames(20))), self.path(name));
        let head = ["-y", "-i", source.to_str().expect("text"), "-map", "0:v", "-map", "0:a"];
        let tail = [
            &["-metadata", "title=SECRET", "-metadata:s:a", "handler_name=SECRET", "-metadata:s:v", "language=fra"],
            args,
        ];
        let mut file = std::ffi::OsString::from("file:");
        file.push(&path);
        let mut command = Command::new("ffmpeg");
        let made = command.args(["-v", "error"]).args(head).args(tail.concat()).arg(file).status().expect("it runs");
        assert!(made.success());
        fs::remove_file(source).expect("removed");
        path
    }

    fn via(&self, input: &Path, out: &str) -> (Ended, PathBuf) {
        let out = self.path(out);
        let args = [input.to_str().expect("text"), "-o", out.to_str().expect("text"), "--via", "ffmpeg", "--json"];
        (redact(&args), out)
    }
}

const H264: [&str; 6] = ["-c:v", "libx264", "-crf", "10", "-c:a", "aac"];

#[test]
fn an_mp4_comes_out_blanked_with_sound_rate_and_length() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let input = desk.video("in.mp4", &H264);
    let (run, out) = desk.via(&input, "out.mp4");
    assert_eq!(run.code, Some(0), "{run:?}");
    let copy = fs::read(&out).expect("a copy");
    assert!(memchr::memmem::find(&fs::read(&input).expect("read"), b"SECRET").is_some());
    assert!(memchr::memmem::find(&copy, b"SECRET").is_none(), "titles are not carried over");
    for entries in ["frame=media_type,pts_time", "stream=codec_name,r_frame_rate,sample_rate", "format=duration"] {
        assert_eq!(told(&out, entries), told(&input, entries), "{entries}");
    }
    let sound = |path: &Path| {
        ask("ffmpeg", &["-i", path.to_str().expect("text"), "-map", "0:a", "-c", "copy", "-f", "md5", "-"])
    };
    assert_eq!(sound(&out), sound(&input), "sound is not coded anew");
    let tags = "stream_tags=language,handler_name,creation_time:format_tags=title,creation_time,encoder";
    assert!(!told(&out, tags).join("").contains("fra"), "{:?}", told(&out, tags));
    for number in [0, 7, 19] {
        let (original, copy) = (frame_of(&input, number), frame_of(&out, number));
        let spot = 320 * 72 + 72 + 16 * (number as usize % 4);
        assert!(original[spot] > 200 && copy[spot].abs_diff(128) < 6, "{number}: {} {}", original[spot], copy[spot]);
        let near = original.iter().zip(&copy).filter(|(a, b)| a.abs_diff(**b) < 8).count();
        assert!(near > original.len() * 3 / 4, "{number}: {near} of {}", original.len());
    }
    assert_eq!(files_below(desk.0.path()).len(), 2, "nothing else is left");
}

/// A telephone's video: turned, and with frames at times of their own.
#[test]
fn turned_videos_stand_upright_and_frames_keep_their_times() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let uneven = [&["-vf", "settb=1/1000,setpts=(N*N/4+2*N)/(30*TB)", "-fps_mode", "passthrough"][..], &H264].concat();
    let input = desk.video("uneven.mp4", &uneven);
    let turned = desk.path("turned.mp4");
    let from = input.to_str().expect("text");
    ask("ffmpeg", &["-i", from, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned.to_str().expect("text")]);
    let (run, out) = desk.via(&turned, "out.mp4");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(told(&out, "frame=pts_time"), told(&turned, "frame=pts_time"));
    assert_eq!(told(&out, "format=duration"), told(&turned, "format=duration"));
    assert_eq!(
        told(&out, "stream=width,height:stream_side_data=rotation").first().map(String::as_str),
        Some("192,320")
    );
}

/// What a file says of itself is in no message.
#[test]
fn sound_alone_is_named_as_such() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let whole = desk.video("in.mp4", &H264);
    let sound = desk.path("sound.mp4");
    let args = ["-i", whole.to_str().expect("text"), "-vn", "-c", "copy", "-metadata", "title=SECRET"];
    ask("ffmpeg", &[&args[..], &[sound.to_str().expect("text")]].concat());
    let (run, out) = desk.via(&sound, "out.mp4");
    assert!(run.code == Some(1) && run.stderr.contains("no moving pictures") && !out.exists(), "{run:?}");
    assert!(!run.stderr.contains("SECRET"), "{run:?}");
}

#[test]
fn names_that_look_like_options_or_addresses_are_names() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    fs::create_dir(desk.path("in")).expect("made");
    let names = ["-vf.mkv", "concat:a|b.mkv", "http:..x.mkv", "%03d.mkv"];
    for name in names {
        desk.video(&format!("in/{name}"), &["-c:v", "mpeg4", "-c:a", "pcm_s16le"]);
    }
    let (run, out) = desk.via(&desk.path("in"), "out");
    assert_eq!((run.code, run.number("copies")), (Some(0), names.len() as u64), "{run:?}");
    for name in names {
        assert_eq!(told(&out.join(name), "stream=codec_name"), ["h264", "pcm_s16le"], "{name}");
    }
}

#[test]
fn videos_that_ffmpeg_does_not_decode_are_named_and_leave_nothing() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let whole = fs::read(desk.video("in.mp4", &H264)).expect("read");
    desk.put("many/cut.mp4", &whole[..whole.len() / 2]);
    desk.put("many/wrong.mkv", &[b"\x1A\x45\xDF\xA3".as_slice(), &[7; 5000]].concat());
    desk.put("many/list.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom#EXTM3U\nfile:///etc/passwd\n");
    desk.put("many/film.wmv", b"\x30\x26\xB2\x75\x8E\x66\xCF\x11 and so on");
    let (run, out) = desk.via(&desk.path("many"), "out");
    assert_eq!((run.code, run.number("copies"), run.number("failed")), (Some(1), 0, 4), "{run:?}");
    for name in ["cut.mp4", "wrong.mkv", "list.mp4", "film.wmv"] {
        assert!(run.stderr.lines().any(|line| line.contains(name) && line.contains("no copy")), "{name}: {run:?}");
    }
    assert!(!out.exists() || files_below(&out).is_empty());
}

#[test]
fn without_ffmpeg_it_is_said_what_to_install() {
    let desk = Desk::new();
    let input = desk.put("in.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom");
    let out = desk.path("out.mp4");
    let args = [input.to_str().expect("text"), "-o", out.to_str().expect("text")];
    let run = redact(&args);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("--via ffmpeg"), "{run:?}");
    let missing = command(&[&args[..], &["--via", "ffmpeg"]].concat()).env("PATH", "").output().expect("it runs");
    Ended::of(missing).failed(2, "ffmpeg is not installed", "apt install ffmpeg");
    assert!(!out.exists());
}

/// What `ffmpeg` reads of a video that breaks off is copied, and nobody is told that it is all.
#[test]
fn a_video_that_breaks_off_is_not_said_to_be_whole() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    for (name, args) in [("in.mp4", &[&H264[..], &["-movflags", "+faststart"]].concat()), ("in.mkv", &H264.to_vec())] {
        let input = desk.video(name, args);
        let whole = fs::read(&input).expect("read");
        fs::write(&input, &whole[..whole.len() * 6 / 10]).expect("cut");
        let (run, out) = desk.via(&input, &format!("out-{name}"));
        assert_eq!((run.code, out.exists()), (Some(1), true), "{name}: {run:?}");
        assert!(run.stderr.contains("frames may be missing"), "{name}: {run:?}");
    }
}

#[test]
fn a_second_film_beside_the_first_is_named() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let input = desk.video("in.mkv", &[&["-map", "0:v"], &H264[..]].concat());
    let (run, out) = desk.via(&input, "out.mkv");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("1 film beside the first is not in the copy"), "{run:?}");
    assert_eq!(told(&out, "stream=codec_type"), ["video", "audio"]);
    let (run, _) = desk.via(&desk.video("plain.mkv", &H264), "plain-out.mkv");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
}

/// As frames of one file, for every kind of it: whatever begins first, and however few there are.
#[test]
fn sound_stays_where_it_was_and_the_last_frame_as_long() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let (late, early) = (["-af", "asetpts=PTS-0.3/TB"], ["-af", "asetpts=PTS+0.3/TB"]);
    for (name, args) in [("late.ts", &late[..]), ("early.ts", &early), ("late.mkv", &late), ("early.mkv", &early)] {
        let input = desk.video(name, &[&H264[..], args].concat());
        let (run, out) = desk.via(&input, &format!("out-{name}"));
        assert_eq!(run.code, Some(0), "{run:?}");
        let apart = |path: &Path| {
            let times = told(path, "stream=start_time");
            let [video, sound] = [0, 1].map(|at| times[at].trim_matches(',').parse::<f64>().expect("a time"));
            video - sound
        };
        assert!(apart(&input).abs() > 0.1, "{name}");
        assert!((apart(&input) - apart(&out)).abs() < 0.002, "{name}: {} {}", apart(&input), apart(&out));
    }
    for (name, frames) in [("one.mp4", "1"), ("slow.mp4", "4")] {
        let input = desk.video(
            name,
            &[
                "-c:v",
                "libx264",
                "-an",
                "-vf",
                "setpts=20*PTS,fps=0.5",
                "-fps_mode",
                "passthrough",
                "-frames:v",
                frames,
            ],
        );
        let (run, out) = desk.via(&input, &format!("out-{name}"));
        assert_eq!(run.code, Some(0), "{run:?}");
        let entries = "stream=nb_read_frames,duration";
        let counted = |path: &Path| {
            let args = ["-count_frames", "-of", "csv=p=0", "-show_entries", entries, path.to_str().expect("text")];
            String::from_utf8(ask("ffprobe", &args)).expect("text")
        };
        assert_eq!(counted(&out), counted(&input), "{name}");
        assert!(counted(&out).contains(frames), "{name}: {}", counted(&out));
    }
}

/// A camera's own clock is a track beside the pictures, and no frame.
#[test]
fn a_track_of_times_is_no_frame() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let input = desk.video("in.mov", &[&H264[..], &["-timecode", "01:02:03:04"]].concat());
    assert!(told(&input, "stream=codec_tag_string").iter().any(|tag| tag.contains("tmcd")));
    let (run, out) = desk.via(&input, "out.mov");
    assert_eq!((run.code, run.in_videos("frames")), (Some(0), 20), "{run:?}");
    assert_eq!(told(&out, "stream=codec_type"), ["video", "audio"]);
}

#[test]
fn odd_sides_stay_odd() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    let odd = ["-vf", "crop=191:157", "-c:v", "libx264", "-pix_fmt", "yuv444p", "-c:a", "aac"];
    let (run, out) = desk.via(&desk.video("in.mp4", &odd), "out.mp4");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(told(&out, "stream=width,height").first().map(String::as_str), Some("191,157"));
}

#[test]
fn frames_of_other_videos_are_captures_too() {
    if !has_ffmpeg() {
        return;
    }
    let (site, desk) = (Site::new(), Desk::new());
    let video = fs::read(desk.video("in.mp4", &H264)).expect("read");
    let path = site.put("lane/clip.mp4", &video);
    site.put("captures.csv", b"file,lane,timestamp\nlane/clip.mp4,7,2019-05-13T08:00:00Z\n");
    let run = site.ingest(&[]);
    assert_eq!((run.code, run.number("sealed")), (Some(1), 0), "{run:?}");
    assert!(run.stderr.contains("--via ffmpeg"), "{run:?}");
    let via = ["--via", "ffmpeg", "--every", "0.5"];
    let run = site.ingest(&via);
    assert_eq!((run.code, run.number("sealed")), (Some(0), 4), "{run:?}");
    let begun: jiff::Timestamp = "2019-05-13T08:00:00Z".parse().expect("a time");
    for (half, opened) in (0i64..).zip(site.opened()) {
        let name = format!("lane/clip.mp4#{}.{}00s", half / 2, half % 2 * 5);
        assert_eq!(String::from_utf8_lossy(&opened.name), name);
        assert_eq!(opened.catalogue.captured_at, Some(begun.as_millisecond() + 500 * half));
        assert!(opened.scene.is_some());
    }
    let again = site.ingest(&[&via[..], &AT_ONCE].concat());
    assert_eq!((again.number("sealed"), again.number("skipped"), again.number("consumed")), (0, 4, 0), "{again:?}");
    assert!(path.exists() && again.stderr.contains("it stays as it is"), "{again:?}");
    site.put("lane/cut.mkv", &fs::read(desk.video("in.mkv", &H264)).expect("read")[..10_000]);
    let cut = site.ingest(&via);
    assert!(cut.code == Some(1) && cut.stderr.contains("cut.mkv: skipped: a video of which frames"), "{cut:?}");
    assert!(files_below(desk.0.path()).len() == 2, "no frame touched a disk");
}

/// Containers that hold no H.264 get another one, by their copies' names.
#[test]
fn a_webm_becomes_a_matroska_file() {
    if !has_ffmpeg() {
        return;
    }
    let desk = Desk::new();
    fs::create_dir(desk.path("in")).expect("made");
    let input = desk.video("in/clip.webm", &["-c:v", "libvpx", "-c:a", "libopus", "-deadline", "realtime"]);
    let (run, out) = desk.via(&desk.path("in"), "out");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(told(&out.join("clip.webm.mkv"), "stream=codec_name"), ["h264", "opus"]);
    // Beside one of that name, both have copies.
    desk.video("in/clip.webm.mkv", &H264);
    let (run, out) = desk.via(&desk.path("in"), "both");
    assert_eq!((run.code, run.number("copies")), (Some(0), 2), "{run:?}");
    assert!(out.join("clip.webm.mkv").exists() && out.join("clip.webm-2.mkv").exists());
    let (run, _) = desk.via(&input, "alone.webm");
    run.failed(2, "alone.webm", "alone.mkv");
    let (run, alone) = desk.via(&input, "alone.mkv");
    assert!(run.code == Some(0) && alone.exists(), "{run:?}");
}

/// A program of that name in front of the path, which is a script.
#[cfg(unix)]
fn pretend(desk: &Desk, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let program = desk.put("bin/ffmpeg", script.as_bytes());
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("set");
    format!("{}:{}", desk.path("bin").display(), std::env::var("PATH").unwrap_or_default())
}

#[cfg(unix)]
#[test]
fn what_is_no_film_ends_it_however_much_there_is() {
    let desk = Desk::new();
    let path = pretend(
        &desk,
        "#!/bin/sh\ncase \"$*\" in\n*-version*) exit 0;;\n\
         *'-loglevel info'*) echo 'Stream #0:0: Video: h264, yuv420p, 64x48' >&2; exit 1;;\nesac\nexec yes film\n",
    );
    let (input, out) = (desk.put("in.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom"), desk.path("out.mp4"));
    let args = [input.to_str().expect("text"), "-o", out.to_str().expect("text"), "--via", "ffmpeg"];
    let run = Ended::of(command(&args).env("PATH", path).output().expect("it runs"));
    assert!(run.code == Some(1) && run.stderr.contains("no copy") && !out.exists(), "{run:?}");
}

/// One that hangs is ended with the run, by the first interrupt.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_program_that_hangs() {
    let desk = Desk::new();
    let path = pretend(
        &desk,
        "#!/bin/sh\nif [ \"$1\" = -version ]; then exit 0; fi\nsleep 1000 &\necho $! > \"$PIDS\"\nwait\n",
    );
    let input = desk.put("in.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom");
    let (out, pids) = (desk.path("out.mp4"), desk.path("pids"));
    let mut child =
        command(&[input.to_str().expect("text"), "-o", out.to_str().expect("text"), "--via", "ffmpeg", "--quiet"])
            .env("PATH", path)
            .env("PIDS", &pids)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it runs");
    let hung = loop {
        if let Some(pid) = fs::read_to_string(&pids).ok().filter(|pid| pid.ends_with('\n')) {
            break pid.trim().to_owned();
        }
        assert!(child.try_wait().expect("known").is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let kill = |signal: &str, pid: &str| Command::new("kill").args([signal, pid]).output().expect("it runs").status;
    assert!(kill("-INT", &child.id().to_string()).success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    // What nobody waits for stays as a name until the system has time.
    let is_there = || fs::read_to_string(format!("/proc/{hung}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let since = std::time::Instant::now();
    while is_there() && since.elapsed() < std::time::Duration::from_secs(20) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!is_there(), "it is still there");
    assert!(!out.exists());
}
