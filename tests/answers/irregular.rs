//! What is no regular file, or one without end, in the place of any file.

use super::*;

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
    let cases: [(PathBuf, &[&[&str]]); 11] = [
        (place.segments().remove(0), &[&check, &search]),
        (journal, &[&check]),
        (tombstone, &[&check]),
        (place.at("vault/vault"), &[&check, &search]),
        (place.at("custody/keyring"), &[&search]),
        (place.at("custody/audit/checkpoint"), &[&["audit", "verify", "--custody", "custody"], &search]),
        (place.at("custody/audit/keys"), &[&search]),
        (place.at("custody/audit/pending"), &[&search]),
        (place.at("custody/log-head"), &[&search]),
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
    for name in ["site.pack", "site.pack.state", "safelight-custodians", "vault/vault", "vault/lock"] {
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
    assert_eq!(place.run(&export("scene", "copy")).code, Some(0));
    RecipientKeys::generate().write(&place.at("partner.key")).expect("written");
    let bundle = files_below(&place.at("custody/audit/tile/entries")).pop().expect("the newest");
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let cases: [(&str, &[&str]); 9] = [
        ("custody/keyring", &["search", "--vault", "vault", "--custody", "custody"]),
        ("vault/vault", &["check", "--vault", "vault"]),
        ("custody/audit/checkpoint", &["audit", "verify", "--custody", "custody"]),
        (bundle.to_str().expect("a name"), &["audit", "verify", "--custody", "custody"]),
        ("custody/log-head", &["search", "--vault", "vault", "--custody", "custody"]),
        (journal.to_str().expect("a name"), &["check", "--vault", "vault"]),
        ("copy/manifest", &["search", "--vault", "copy", "--key", "partner.key"]),
        ("site.pack.state", &["check", "--vault", "vault", "--pack", "site.pack"]),
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

/// What is no regular file is not looked at, and not passed over in silence.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_named_and_counted() {
    let place = Place::new();
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
    fs::create_dir(place.at("photos")).expect("made");
    for path in ["photos/p.jpg", "photos/plain", "alone.jpg", "alone"] {
        fifo(&place.at(path));
    }
    std::os::unix::fs::symlink(place.at("alone"), place.at("linked.jpg")).expect("linked");
    let models = common::site::tiny_nets().to_string_lossy().into_owned();
    for path in ["photos", "alone.jpg", "alone", "linked.jpg", "/dev/zero"] {
        let ingest = ["ingest", path, "--vault", "vault", "--pack", "site.pack", "--models", &models];
        for verb in [&ingest[..], &["inspect", path, "--models", &models]] {
            let ended = place.run(verb);
            assert_eq!(ended.code, Some(1), "{verb:?}: {ended:?}");
            assert!(ended.stderr.contains("not a regular file"), "{verb:?}: {ended:?}");
            let name = if path == "photos" { "plain" } else { path };
            assert!(ended.stderr.contains(name), "{verb:?}: {ended:?}");
        }
    }
    // A link in a segment's place is none of the vault's, for whoever reads as for whoever writes.
    let segment = place.segments().remove(0);
    fs::rename(&segment, place.at("aside")).expect("moved");
    std::os::unix::fs::symlink(place.at("aside"), &segment).expect("linked");
    let check = place.run(&["check", "--vault", "vault"]);
    assert!(check.code == Some(3) && check.stdout.contains("it is a symbolic link"), "{check:?}");
    fs::remove_file(&segment).expect("removed");
    fifo(&segment);
    let impact = place.run(&["impact", "vault", "--custody", "custody"]);
    assert_eq!(impact.code, Some(1), "{impact:?}");
    assert!(impact.stdout.contains("1 link, FIFO or other special file not opened"), "{impact:?}");
}

/// A secret's file, too, is a regular one, or was opened by whoever started the command.
#[cfg(unix)]
#[test]
fn a_fifo_named_as_a_secrets_file_is_not_waited_for() {
    let place = Place::new();
    assert!(Command::new("mkfifo").arg(place.at("fifo")).status().expect("mkfifo runs").success());
    std::os::unix::fs::symlink(place.at("fifo"), place.at("linked")).expect("linked");
    for file in ["fifo", "linked", "/dev/zero", "vault"] {
        for option in ["--passphrase-file", "--share"] {
            let ended = place.run(&[&SEARCH[..], &[option, file]].concat());
            assert!(ended.code == Some(2) && ended.stderr.contains("not a regular file"), "{option} {file}: {ended:?}");
        }
    }
    for descriptor in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        if !Path::new(descriptor).exists() {
            continue;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(SEARCH).args(["--passphrase-file", descriptor]).env_remove("SAFELIGHT_PASSPHRASE");
        let child =
            command.current_dir(place.at(".")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("the command runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, PASSPHRASE.as_bytes()).expect("written");
        drop(stdin);
        let ended = Ended::of(child.wait_with_output().expect("ended"));
        assert_eq!(ended.code, Some(0), "{descriptor}: {ended:?}");
    }
    let mut command = Command::new("bash");
    let line = format!("exec \"$0\" {} --passphrase-file <(printf %s \"$1\")", SEARCH.join(" "));
    command.args(["-c", &line, env!("CARGO_BIN_EXE_safelight"), PASSPHRASE]).current_dir(place.at("."));
    if let Ok(output) = command.stdin(Stdio::null()).output() {
        let ended = Ended::of(output);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}
