//! What the commands answer where a vault has gaps, damage, strangers' files or another's keys: what they have, by name what
//! they have not, and never "nothing" or "whole" of what they could not look at.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::site::{Ended, Site, photo};
use common::{PASSPHRASE, files_below};
use safelight::custody::RecipientKeys;

/// A site's vault with two segments, and whoever runs commands beside it.
struct Place {
    site: Site,
}

impl Place {
    fn new() -> Self {
        let place = Self { site: Site::new() };
        for number in 0..2 {
            place.site.put(&format!("{number}.jpg"), &photo(number));
            let run = place.site.ingest(&[]);
            assert_eq!(run.code, Some(0), "{run:?}");
        }
        let keys = RecipientKeys::generate();
        keys.public().write(&place.at("partner.pub")).expect("written");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.site.custodian.folder.path().join(name)
    }

    fn segments(&self) -> Vec<PathBuf> {
        files_below(&self.at("vault/segments"))
    }

    /// Runs a command in the custodian's folder; it has a minute.
    fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(self.site.custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        command.env_remove("SAFELIGHT_SECOND_PASSPHRASE").stdin(Stdio::null());
        within_a_minute(&mut command)
    }

    fn ingest(&self) -> Ended {
        within_a_minute(&mut self.site.command())
    }
}

fn within_a_minute(command: &mut Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let begun = Instant::now();
    while child.try_wait().expect("waited").is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().expect("killed");
            panic!("it waits for ever: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ended::of(child.wait_with_output().expect("ended"))
}

/// Puts a FIFO where a file is, or was to be; gives the file's bytes.
fn fifo_at(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok();
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
    bytes
}

fn put_back(path: &Path, bytes: Option<Vec<u8>>) {
    fs::remove_file(path).expect("removed");
    bytes.into_iter().for_each(|bytes| fs::write(path, bytes).expect("written"));
}

#[test]
fn a_fifo_in_place_of_any_file_is_said_and_not_waited_for() {
    let place = Place::new();
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let tombstone = place.at("vault/tombstones").join("0".repeat(26));
    fs::create_dir_all(place.at("vault/tombstones")).expect("made");
    let search = ["search", "--vault", "vault", "--custody", "custody"];
    let check = ["check", "--vault", "vault"];
    assert_eq!(place.run(&search).code, Some(0));
    let cases: [(PathBuf, &[&[&str]]); 8] = [
        (place.segments().remove(0), &[&check, &search]),
        (journal, &[&check]),
        (tombstone, &[&check]),
        (place.at("vault/vault"), &[&check, &search]),
        (place.at("custody/keyring"), &[&search]),
        (place.at("custody/audit/checkpoint"), &[&["audit", "verify", "--custody", "custody"], &search]),
        (place.at("policy.toml"), &[&["custody", "policy", "--custody", "custody", "--set", "policy.toml"]]),
        (
            place.at("partner.pub"),
            &[&[
                "export",
                "--vault",
                "vault",
                "--custody",
                "custody",
                "--to",
                "partner.pub",
                "--view",
                "scene",
                "--purpose",
                "test",
                "-o",
                "copy",
            ]],
        ),
    ];
    for (path, commands) in cases {
        let bytes = fifo_at(&path);
        for command in commands {
            let ended = place.run(command);
            assert!(matches!(ended.code, Some(1..=3)), "{}: {ended:?}", path.display());
            assert!([&ended.stdout, &ended.stderr].iter().any(|said| said.contains("regular")), "{ended:?}");
        }
        put_back(&path, bytes);
    }
    for name in ["site.pack", "vault/vault", "vault/lock"] {
        let bytes = fifo_at(&place.at(name));
        let ended = place.ingest();
        assert!(matches!(ended.code, Some(2 | 3)), "{name}: {ended:?}");
        put_back(&place.at(name), bytes);
    }
    assert_eq!(place.ingest().code, Some(0));
}

/// Each of these names a file of three terabytes, none of which is on the disk.
#[test]
fn a_sparse_file_in_place_of_any_file_is_refused_before_it_is_read() {
    let place = Place::new();
    assert_eq!(place.run(&["search", "--vault", "vault", "--custody", "custody"]).code, Some(0));
    let bundle = files_below(&place.at("custody/audit/tile/entries")).remove(0);
    let cases: [(&str, &[&str]); 5] = [
        ("custody/keyring", &["search", "--vault", "vault", "--custody", "custody"]),
        ("vault/vault", &["check", "--vault", "vault"]),
        ("custody/audit/checkpoint", &["audit", "verify", "--custody", "custody"]),
        (bundle.to_str().expect("a name"), &["audit", "verify", "--custody", "custody"]),
        ("policy.toml", &["custody", "policy", "--custody", "custody", "--set", "policy.toml"]),
    ];
    for (name, command) in cases {
        let path = place.at(name);
        let bytes = fs::read(&path).ok();
        assert!(bytes.is_some() || name == "policy.toml", "{name}");
        fs::File::create(&path).and_then(|file| file.set_len(3 << 40)).expect("made");
        let mut command = {
            let mut limited = Command::new("sh");
            // Two gigabytes of address space: who takes memory for it fails.
            limited.args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_safelight")]);
            limited.args(command).current_dir(place.site.custodian.folder.path());
            limited.env("SAFELIGHT_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
            limited
        };
        let ended = within_a_minute(&mut command);
        assert!(matches!(ended.code, Some(2 | 3)), "{name}: {ended:?}");
        put_back(&path, bytes);
    }
}
