//! The built command on a disk that fails, between it and the system: for the calls that no seam of ours catches, reading above
//! all, and for the custodian's files.
//!
//! A shim of a hundred lines stands before the calls; see `shim.c`. It is compiled when the tests run, and where there is no
//! C compiler or no Linux, they say so and try nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use safelight::capture::CaptureId;
use safelight::custody::{Keyring, PackRequest, RecipientKeys, SitePack};
use safelight::seal::Capability;
use safelight::vault::{OpenError, OpeningVault, SealingOptions, SealingVault, Trust, check, check_deep};

use crate::common::site::{Ended, Site, photo};
use crate::common::store::{Fate, FatedStore};
use crate::common::{CHEAP, PASSPHRASE, SECRET_NAME, endless, files_below, passphrase};
use crate::{stride, told};

const PHOTOS: u32 = 5;

/// What can fail, and how.
const WRITING: [(&str, &str); 6] =
    [("open", "eio"), ("write", "eio"), ("write", "enospc"), ("write", "short"), ("fsync", "eio"), ("rename", "eio")];
const READING: [(&str, &str); 3] = [("open", "eio"), ("read", "eio"), ("read", "short")];

/// The shim, compiled into a folder of its own.
struct Shim(tempfile::TempDir);

impl Shim {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/campaign/shim.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("shim.so")).arg(source).arg("-ldl");
        let made = cfg!(target_os = "linux") && cc.output().is_ok_and(|output| output.status.success());
        if !made {
            eprintln!("skipped: no C compiler for Linux");
        }
        made.then_some(Self(folder))
    }

    /// Runs `command` with the `at`-th call of a kind on files below `root` failing. Says how it ended and how many calls
    /// of the kind there were.
    fn run(&self, command: &mut Command, root: &Path, (call, how): (&str, &str), at: i64) -> (Ended, i64) {
        let count = self.0.path().join("count");
        _ = fs::remove_file(&count);
        command.env("LD_PRELOAD", self.0.path().join("shim.so")).env("FAULT_ROOT", root).env("FAULT_COUNT", &count);
        command.env("FAULT_CALL", call).env("FAULT_HOW", how).env("FAULT_AT", at.to_string());
        let ended = Ended::of(command.output().expect("the command runs"));
        // No panic, no signal: an exit code that the manual has.
        assert!(matches!(ended.code, Some(0..=3)), "{call} {at} {how}: {ended:?}");
        let calls = fs::read_to_string(count).expect("counted").trim().parse().expect("a number");
        (ended, calls)
    }
}

/// A number that no call has: nothing fails, and calls are counted.
const NEVER: i64 = -2;

fn site() -> Site {
    let site = Site::new();
    for number in 0..PHOTOS {
        site.put(&format!("{number}-{}", String::from_utf8_lossy(SECRET_NAME)), &photo(number));
    }
    site
}

/// As before the first run: without a vault, and without the site's memory of one.
fn begin_anew(site: &Site) {
    _ = fs::remove_dir_all(site.custodian.vault());
    _ = fs::remove_file(site.custodian.folder.path().join("site.pack.state"));
}

fn ingest(site: &Site) -> Command {
    let mut command = site.command();
    // Several segments, in one order.
    // The vault is removed between runs, and the site knows of it.
    command.args(["--commit-bytes", "20000", "--jobs", "1", "--quiet", "--new"]);
    command
}

/// Nothing of the photographs lies in the vault or among temporary files.
fn assert_nothing_plain(site: &Site, context: &str) {
    let vault = site.custodian.vault();
    let sealed = if vault.exists() { files_below(&vault) } else { Vec::new() };
    for path in sealed.into_iter().chain(files_below(site.temporary.path())) {
        let bytes = fs::read(&path).expect("read");
        for needle in [SECRET_NAME, &photo(0)[..20], &photo(0)[600..632]] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{context}: {}", path.display());
        }
    }
}

#[test]
fn an_ingest_meets_every_failing_call() {
    let Some(shim) = Shim::new() else { return };
    let site = site();
    let vault = site.custodian.vault();
    let mut faults = 0;
    for fault in WRITING {
        begin_anew(&site);
        let (healthy, calls) = shim.run(&mut ingest(&site), &vault, fault, NEVER);
        assert!(healthy.code == Some(0) && calls > 2, "{fault:?}: {calls} calls, {healthy:?}");
        for at in (0..calls).step_by(stride(4)) {
            let context = format!("{fault:?} of call {at}");
            begin_anew(&site);
            let (ended, _) = shim.run(&mut ingest(&site), &vault, fault, at);
            assert_eq!(ended.code == Some(0), fault.1 == "short", "{context}: {ended:?}");
            assert_nothing_plain(&site, &context);
            match check(&vault, Trust::Nobody) {
                Ok(report) => assert!(report.is_sound(), "{context}: {:?}", report.faults),
                Err(OpenError::NotAVault { .. } | OpenError::Io { .. }) => {}
                Err(error) => panic!("{context}: {error}"),
            }
            // Each photograph once, whatever was sealed before; the originals come back.
            assert_eq!(site.ingest(&["--quiet", "--new"]).code, Some(0), "{context}");
            assert_eq!(site.names().len() as u32, PHOTOS, "{context}");
            faults += 1;
        }
    }
    told("a call of `ingest` failed or fell short", faults);
}

/// Not what is left in the end, but every byte that is written to any file while a site and a custodian work, and every name
/// that a file is made under: temporary files, and such as are deleted again, included.
#[test]
fn whatever_is_written_to_any_file_is_sealed_and_nothing_is_sent() {
    let Some(shim) = Shim::new() else { return };
    let site = site();
    let row = format!("0-{},Nogales Crossing,lane-seven,2019-05-13T08:00:00Z", String::from_utf8_lossy(SECRET_NAME));
    site.put("captures.csv", format!("file,site,lane,timestamp\n{row}\n").as_bytes());
    let folder = site.custodian.folder.path();
    RecipientKeys::generate().public().write(&folder.join("partner.pub")).expect("written");
    let verb = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(words.split(' ')).current_dir(folder).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        command
    };
    let commands = [
        ingest(&site),
        ingest(&site),
        verb("check --deep --vault vault --custody custody"),
        verb("search --vault vault --custody custody --plate ABC1234"),
        verb("export --vault vault --custody custody --to partner.pub --view full --purpose evacuation -o copy"),
        verb("impact vault --vault vault --custody custody"),
        verb("breach vault --tries 1"),
        verb("custody rotate --custody custody"),
        verb("expire --vault vault --custody custody --dry-run"),
    ];
    let written = shim.0.path().join("written");
    for mut command in commands {
        command.env("LD_PRELOAD", shim.0.path().join("shim.so")).env("FAULT_ROOT", "/").env("FAULT_KEEP", &written);
        let ended = Ended::of(command.output().expect("the command runs"));
        assert!(matches!(ended.code, Some(0 | 1)), "{command:?}: {ended:?}");
        let bytes = fs::read(&written).unwrap_or_default();
        // And nothing is sent anywhere.
        let words = [SECRET_NAME, b"Nogales", b"lane-seven", b"2019-05-13", b"ABC1234", b"evacuation", b"socket"];
        let photos = [0, 1].map(|number| photo(number)[600..632].to_vec());
        for needle in words.into_iter().chain(photos.iter().map(Vec::as_slice)) {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{command:?} writes {:?}", String::from_utf8_lossy(needle));
        }
    }
    // It does see what is written, and under which name.
    let bytes = fs::read(&written).expect("kept");
    let card = fs::read(site.custodian.vault().join("vault")).expect("a card");
    for needle in [card.as_slice(), b"/vault/segments/"] {
        assert!(bytes.windows(needle.len()).any(|window| window == needle));
    }
    assert!(bytes.len() > 300_000, "{} bytes", bytes.len());
    // And what is sent, where there is a program at hand that sends.
    let mut talks = Command::new("bash");
    talks.args(["-c", "exec 3<>/dev/udp/127.0.0.1/9"]).env("LD_PRELOAD", shim.0.path().join("shim.so"));
    if talks.env("FAULT_KEEP", &written).output().is_ok_and(|output| output.status.success()) {
        assert!(fs::read(&written).expect("kept").ends_with(b"socket"));
    }
}

#[test]
fn reading_fails_or_falls_short_and_is_never_taken_for_a_whole() {
    let Some(shim) = Shim::new() else { return };
    let site = site();
    let vault = site.custodian.vault();
    assert_eq!(ingest(&site).output().expect("the command runs").status.code(), Some(0));
    let before = site.names();
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.arg("check").arg("--vault").arg(&vault).arg("--json");
        command
    };
    let whole = Ended::of(check().output().expect("the command runs"));
    let mut faults = 0;
    for fault in READING {
        let (_, calls) = shim.run(&mut check(), &vault, fault, NEVER);
        for at in (0..calls).step_by(stride(4)) {
            let context = format!("check: {fault:?} of call {at}");
            let (ended, _) = shim.run(&mut check(), &vault, fault, at);
            if fault.1 == "short" {
                assert_eq!((ended.code, &ended.stdout), (Some(0), &whole.stdout), "{context}");
            } else if ended.code == Some(0) {
                // The lock is asked for out of courtesy.
                assert!(fault.0 == "open" && ended.stdout == whole.stdout, "{context}: {ended:?}");
            }
            faults += 1;
        }
        // The next ingest reads journals and names: it seals nothing twice and nothing anew.
        let (_, calls) = shim.run(&mut ingest(&site), &vault, fault, NEVER);
        for at in (0..calls).step_by(stride(4)) {
            let context = format!("ingest again: {fault:?} of call {at}");
            let (ended, _) = shim.run(&mut ingest(&site), &vault, fault, at);
            assert!(fault.1 != "short" || ended.code == Some(0), "{context}: {ended:?}");
            assert_eq!(site.names(), before, "{context}");
            faults += 1;
        }
    }
    told("a call of `check` or of a second `ingest` that reads failed or fell short", faults);
}

#[test]
fn the_sources_files_fail_and_are_named() {
    let Some(shim) = Shim::new() else { return };
    let site = site();
    let mut faults = 0;
    for fault in READING {
        let (_, calls) = shim.run(&mut ingest(&site), site.photos.path(), fault, NEVER);
        for at in (0..calls).step_by(stride(3)) {
            let context = format!("{fault:?} of call {at}");
            begin_anew(&site);
            let (ended, _) = shim.run(&mut ingest(&site), site.photos.path(), fault, at);
            let sealed = site.names().len() as u32;
            let (all, failed) = (sealed == PHOTOS, ended.code != Some(0));
            assert!(all || (failed && fault.1 != "short"), "{context}: {sealed} sealed, {ended:?}");
            faults += 1;
        }
    }
    told("a photograph could not be read, or in pieces", faults);
}

#[test]
fn a_keyring_survives_every_failing_call() {
    let Some(shim) = Shim::new() else { return };
    let site = site();
    let (custody, folder) = (site.custodian.custody(), site.custodian.folder.path());
    fs::write(folder.join("passphrase"), PASSPHRASE).expect("written");
    let kept = tempfile::tempdir().expect("a folder");
    let copy = |from: &Path, to: &Path| {
        _ = fs::remove_dir_all(to);
        fs::create_dir_all(to).expect("made");
        for path in files_below(from) {
            fs::copy(&path, to.join(path.strip_prefix(from).expect("below"))).expect("copied");
        }
    };
    copy(&custody, kept.path());
    let pack: PathBuf = folder.join("second.pack");
    // What the site knows beside its pack goes with the pack: the next one has another journal.
    let forget = || {
        _ = fs::remove_file(&pack);
        _ = fs::remove_file(folder.join("second.pack.state"));
    };
    let issue = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(["custody", "pack", "--site", "South Gate", "--quiet", "--custody"]).arg(&custody);
        command.arg("--passphrase-file").arg(folder.join("passphrase")).arg("-o").arg(&pack);
        command
    };
    let mut faults = 0;
    for fault in WRITING.into_iter().chain(READING) {
        copy(kept.path(), &custody);
        forget();
        let (healthy, calls) = shim.run(&mut issue(), folder, fault, NEVER);
        assert_eq!(healthy.code, Some(0), "{fault:?}: {healthy:?}");
        for at in (0..calls).step_by(stride(2)) {
            let context = format!("{fault:?} of call {at}");
            copy(kept.path(), &custody);
            forget();
            let (ended, _) = shim.run(&mut issue(), folder, fault, at);
            assert!(fault.1 != "short" || ended.code == Some(0), "{context}: {ended:?}");
            let keyring = Keyring::open(&custody, &passphrase());
            let keyring = keyring.unwrap_or_else(|error| panic!("{context}: the keyring is lost: {error}"));
            // Whatever pack there is, the keyring opens what a site seals with it.
            if ended.code == Some(0) || pack.exists() {
                SitePack::read(&pack).unwrap_or_else(|error| panic!("{context}: half a pack: {error}"));
                let vault = folder.join("second-vault");
                _ = fs::remove_dir_all(&vault);
                let mut command = site.command_with(&pack, &vault);
                assert_eq!(Ended::of(command.output().expect("the command runs")).code, Some(0), "{context}");
                let keys = keyring.opening_keys(&Capability::ALL);
                let report = check_deep(&vault, Trust::Nobody, &keys).expect("checked");
                assert!(report.is_sound() && report.notes.is_empty(), "{context}: {report:?}");
                assert_eq!(report.captures, u64::from(PHOTOS), "{context}");
            }
            faults += 1;
        }
    }
    told("a call of `custody pack` failed or fell short", faults);
}

/// Keys that are due go, and nothing else does, whichever call of the keyring's, the log's or the vault's files fails.
#[test]
fn an_expiry_meets_every_failing_call() {
    let Some(shim) = Shim::new() else { return };
    let at = |time: &str| time.parse::<Timestamp>().expect("a time");
    let sealed = at("2024-01-10T12:00:00Z");
    let (folder, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let [folder, kept] = [&folder, &kept].map(tempfile::TempDir::path);
    let mut keyring =
        Keyring::create(&kept.join("custody"), &passphrase(), CHEAP, endless(), sealed).expect("a keyring");
    let request = PackRequest { site: "North Bridge", valid_days: 20, now: sealed };
    let pack = keyring.issue_pack(&request, &kept.join("site.pack")).expect("a pack");
    let fate = Fate::kind();
    fate.turn_clock(sealed.duration_since(Timestamp::now()));
    let store = Box::new(FatedStore(fate));
    let mut vault = SealingVault::open_on(store, &kept.join("vault"), &pack, SealingOptions::default()).expect("opens");
    for number in 0..4 {
        // Transit is due with February, visitors' scenes are not.
        let class = (number % 2 == 1).then_some("visitor");
        vault.append(crate::common::capture(number, class)).expect("taken");
    }
    vault.finish().expect("sealed");
    let anew = || {
        for path in files_below(folder) {
            fs::remove_file(path).expect("removed");
        }
        for path in files_below(kept) {
            let to = folder.join(path.strip_prefix(kept).expect("below"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs::copy(&path, to).expect("copied");
        }
    };
    let expire = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(["expire", "--before", "2024-03-01", "--quiet", "--vault"]).arg(folder.join("vault"));
        // Years after all that the keyring and its log know of.
        command.arg("--confirm-date").arg(Timestamp::now().strftime("%Y-%m-%d").to_string());
        command.arg("--custody").arg(folder.join("custody")).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        command
    };
    let scenes = |keyring: &Keyring| {
        let vault = OpeningVault::open(&folder.join("vault"), Trust::Nobody).expect("the vault opens");
        let keys = crate::common::openly(keyring, &folder.join("vault"), &Capability::ALL);
        let id = |number| CaptureId(crate::common::capture(number, None).catalogue.id);
        (0..4).filter(|&number| vault.scene(id(number), &keys).is_ok()).collect::<Vec<_>>()
    };
    let mut faults = 0;
    for fault in WRITING.into_iter().chain(READING) {
        anew();
        let (healthy, calls) = shim.run(&mut expire(), folder, fault, NEVER);
        assert!(healthy.code == Some(0) && calls > 2, "{fault:?}: {healthy:?}");
        for number in (0..calls).step_by(stride(3)) {
            let context = format!("{fault:?} of call {number}");
            anew();
            let (ended, _) = shim.run(&mut expire(), folder, fault, number);
            assert!(fault.1 != "short" || ended.code == Some(0), "{context}: {ended:?}");
            let keyring = Keyring::open(&folder.join("custody"), &passphrase());
            let keyring = keyring.unwrap_or_else(|error| panic!("{context}: the keyring is lost: {error}"));
            let keys = keyring.opening_keys(&Capability::ALL);
            let report = check_deep(&folder.join("vault"), Trust::Nobody, &keys).expect("checked");
            assert!(report.is_sound(), "{context}: {:?}", report.faults);
            let again = Ended::of(expire().output().expect("the command runs"));
            assert!(matches!(again.code, Some(0 | 1)), "{context}: {again:?}");
            let keyring = Keyring::open(&folder.join("custody"), &passphrase()).expect("opens");
            assert!(keyring.due(at("2024-03-01T00:00:00Z")).is_empty(), "{context}");
            assert_eq!(scenes(&keyring), [1, 3], "{context}");
            faults += 1;
        }
    }
    told("a call of `expire` failed or fell short", faults);
}
