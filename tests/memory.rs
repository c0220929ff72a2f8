//! A thief on the running machine: what a dump of the ingest process's memory holds once the run is over, and in the
//! middle of it of segments that are already closed. Linux only; it reads `/proc/PID/mem` of a stopped process.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use common::Custodian;
use safelight::audit::PermittedKeys;
use safelight::capture::PlateText;
use safelight::seal::Capability;
use safelight::vault::{Header, OpeningVault, Trust, check_deep};
use serde_json::Value;

const IMAGES: usize = 40;

/// Bytes that fill a pipe, so that whoever writes into it waits: the summary of the run comes last.
const PIPE: usize = 64 << 10;

/// A copy of a process's writable memory.
struct Dump(Vec<u8>);

impl Dump {
    /// Stops the process, copies what it can write to, and lets it go on. `None` when the system does not allow it.
    fn take(process: &Child) -> Option<Self> {
        let pid = process.id().to_string();
        let signal = |name: &str| Command::new("kill").args([name, &pid]).status().is_ok_and(|s| s.success());
        if !signal("-STOP") {
            return None;
        }
        let dump = Self::copy(&pid).ok().filter(|bytes| !bytes.is_empty());
        signal("-CONT");
        dump.map(Self)
    }

    fn copy(pid: &str) -> io::Result<Vec<u8>> {
        let mut memory = File::open(format!("/proc/{pid}/mem"))?;
        let mut bytes = Vec::new();
        for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
            let mut fields = line.split_ascii_whitespace();
            let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { continue };
            let Some((from, to)) = range.split_once('-') else { continue };
            let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16)) else { continue };
            // What cannot be written holds the program itself, and files.
            if !rights.starts_with("rw") || line.ends_with("[vvar]") {
                continue;
            }
            let mut part = vec![0; (to - from) as usize];
            memory.seek(SeekFrom::Start(from))?;
            if memory.read_exact(&mut part).is_ok() {
                bytes.extend(part);
            }
        }
        Ok(bytes)
    }

    /// Which of the needles are in it.
    fn holds(&self, needles: &[Vec<u8>]) -> BTreeSet<usize> {
        let search = AhoCorasick::builder().build(needles).expect("a search");
        search.find_overlapping_iter(&self.0).map(|found| found.pattern().as_usize()).collect()
    }
}

/// What the drawn photographs show and are called.
struct Secrets {
    plates: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
    pictures: Vec<Vec<u8>>,
}

fn secrets(folder: &Path) -> Secrets {
    let mut secrets = Secrets { plates: Vec::new(), names: Vec::new(), pictures: Vec::new() };
    for line in fs::read_to_string(folder.join("truth.jsonl")).expect("the truth").lines() {
        let row: Value = serde_json::from_str(line).expect("a line");
        let path = row["path"].as_str().expect("a path");
        let file = fs::read(folder.join(path)).expect("a picture");
        secrets.names.push(Path::new(path).file_stem().expect("a name").as_encoded_bytes().to_vec());
        secrets.pictures.push(file[file.len() / 2..file.len() / 2 + 24].to_vec());
        for plate in row["regions"].as_array().expect("regions").iter().filter_map(|region| region["text"].as_str()) {
            let text = PlateText::canonical(plate).expect("a plate").expose().as_bytes().to_vec();
            // Short ones turn up anywhere.
            if text.len() >= 6 {
                secrets.plates.push(text);
            }
        }
    }
    secrets
}

/// The section keys of all segments that are there, which only the custodian can take out.
fn session_keys(vault: &Path, keys: &PermittedKeys) -> Vec<Vec<u8>> {
    let vault = OpeningVault::open(vault, Trust::Nobody).expect("a vault");
    let mut found = Vec::new();
    for segment in vault.segments().expect("listed") {
        let header = vault.header(segment).expect("a header");
        for entry in &header.entries {
            let info = Header::envelope_info(header.vault, segment, entry.capability, entry.bucket, entry.key);
            let key = entry.envelope.open(keys.key(entry.key).expect("a key"), &info).expect("opened");
            found.push(key.expose().to_vec());
        }
    }
    found
}

#[test]
fn memory_after_the_run_holds_no_plate_and_no_session_key() {
    let custodian = Custodian::new();
    let folder = custodian.folder.path();
    let pictures = folder.join("pictures");
    let drawn = Command::new(env!("CARGO_BIN_EXE_safelight"))
        .args(["simulate", "-n", &IMAGES.to_string(), "--seed", "5", "--scenario", "six-weeks", "--quiet", "--out"])
        .arg(&pictures)
        .status();
    assert!(drawn.expect("started").success());
    let secrets = secrets(&pictures);
    let keys = custodian.keyring.opening_keys(&Capability::ALL);

    let (mut reader, mut writer) = io::pipe().expect("a pipe");
    writer.write_all(&vec![b'\n'; PIPE]).expect("filled");
    let mut process = Command::new(env!("CARGO_BIN_EXE_safelight"))
        .arg("ingest")
        .arg(&pictures)
        .args(["--json", "--quiet", "--jobs", "2", "--commit-bytes", "1500000", "--vault"])
        .arg(custodian.vault())
        .arg("--pack")
        .arg(folder.join("site.pack"))
        .stdin(Stdio::null())
        .stdout(writer)
        .spawn()
        .expect("started");

    // In the middle: some segments are closed, others are not.
    let segments = custodian.vault().join("segments");
    let committed = || fs::read_dir(&segments).map_or(0, |entries| entries.flatten().count());
    let began = Instant::now();
    while committed() < 2 && began.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let closed = session_keys(&custodian.vault(), &custodian.openly());
    let middle = Dump::take(&process);

    // After the run the summary waits for room in the pipe.
    let summary_waits = || {
        let state = fs::read_to_string(format!("/proc/{}/wchan", process.id())).unwrap_or_default();
        state.contains("pipe")
    };
    let done = |captures: usize| committed() > 0 && captures == IMAGES;
    let sealed = || {
        let report = check_deep(&custodian.vault(), Trust::Nobody, &keys).ok()?;
        Some(report.captures as usize)
    };
    let began = Instant::now();
    while !(summary_waits() || sealed().is_some_and(done)) && began.elapsed() < Duration::from_secs(300) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Long enough to drop what the last capture needed; it cannot end before it is read.
    std::thread::sleep(Duration::from_millis(1500));
    let after = Dump::take(&process);
    let all = session_keys(&custodian.vault(), &custodian.openly());
    let reading = std::thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
    assert!(process.wait().expect("ended").success());
    reading.join().expect("read").expect("read");
    let (Some(middle), Some(after)) = (middle, after) else {
        eprintln!("skipped: this system does not let a parent read its child's memory");
        return;
    };

    assert!(closed.len() >= 6 && all.len() >= closed.len());
    let in_the_middle = middle.holds(&closed);
    assert!(in_the_middle.is_empty(), "{} session keys of closed segments", in_the_middle.len());
    let [keys, plates, names, pictures] =
        [&all, &secrets.plates, &secrets.names, &secrets.pictures].map(|needles| after.holds(needles).len());
    eprintln!(
        "after the run, in {} MB: {keys} of {} session keys, {plates} of {} plates, {names} of {} names, {pictures} of {} \
         pieces of pictures",
        after.0.len() >> 20,
        all.len(),
        secrets.plates.len(),
        secrets.names.len(),
        secrets.pictures.len()
    );
    assert_eq!((keys, plates), (0, 0));
    // The search can find things: the names of the source's files are no secret to this machine and may be left.
    assert!(!Dump(secrets.plates.concat()).holds(&secrets.plates).is_empty());
}

/// A process that opens keys or sees pictures, stopped in the middle: no core of it can be written, and nobody but root can read
/// its memory; where it opens keys, none of it goes to a swap disk where the system allows that.
#[test]
fn a_process_with_keys_or_pictures_leaves_no_copy_of_its_memory() {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;
    /// Somebody: root's own processes look the same whether they can be dumped or not.
    const NOBODY: u32 = 65_534;
    let custodian = Custodian::new();
    let folder = custodian.folder.path();
    let program = folder.join("program");
    fs::copy(env!("CARGO_BIN_EXE_safelight"), &program).expect("copied");
    let options = safelight::vault::SealingOptions::default();
    safelight::vault::SealingVault::open(&custodian.vault(), &custodian.pack, options)
        .and_then(|mut vault| {
            vault.append(common::capture(1, None))?;
            vault.finish()
        })
        .expect("sealed");
    fs::create_dir(folder.join("photos")).expect("made");
    fs::write(folder.join("photos/a.jpg"), common::site::photo(1)).expect("written");
    let is_root = fs::metadata("/proc/self").expect("metadata").uid() == 0;
    if is_root {
        for entry in walkdir::WalkDir::new(folder) {
            chown(entry.expect("listed").path(), Some(NOBODY), Some(NOBODY)).expect("given away");
        }
    }
    let nets = folder.join("nets");
    let copied = Command::new("cp").arg("-r").arg(common::site::tiny_nets()).arg(&nets).status();
    assert!(copied.expect("cp runs").success());
    let opening = ["--vault", "vault", "--custody", "custody", "--json"];
    let verbs: [(&[&str], bool); 4] = [
        (&[&["search"], &opening[..]].concat(), true),
        (&[&["check", "--deep"], &opening[..]].concat(), true),
        (&["ingest", "photos", "--vault", "vault", "--pack", "site.pack", "--models", "nets", "--json"], false),
        (&["inspect", "photos", "--models", "nets", "--format", "jsonl"], false),
    ];
    for (args, opens_keys) in verbs {
        let (_reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(&vec![b'\n'; PIPE]).expect("filled");
        let mut command = Command::new(&program);
        command.args(args).current_dir(folder).env("SAFELIGHT_PASSPHRASE", common::PASSPHRASE);
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut process = command.spawn().expect("started");
        let file = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", process.id())).unwrap_or_default();
        let began = Instant::now();
        while !file("wchan").contains("pipe") && began.elapsed() < Duration::from_secs(if is_root { 30 } else { 10 }) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let line = |text: String, head: &str| {
            text.lines()
                .find(|line| line.starts_with(head))
                .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let core = line(file("limits"), "Max core file size").expect("a limit");
        let locked = line(file("limits"), "Max locked memory").expect("a limit");
        let pages = line(file("status"), "VmLck").unwrap_or_else(|| panic!("{args:?} has ended"));
        let owner = fs::metadata(format!("/proc/{}/mem", process.id())).expect("metadata").uid();
        process.kill().expect("killed");
        process.wait().expect("ended");
        assert_eq!(core[4..6], ["0", "0"], "{args:?}");
        assert_eq!(owner, 0, "{args:?}: what cannot be dumped belongs to root");
        assert!(!opens_keys || (locked[4] == "unlimited") == (pages[1] != "0"), "{args:?}: {locked:?} {pages:?}");
    }
}
