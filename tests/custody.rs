//! Keyrings, packs and passphrases as their holders see them.

mod common;

use std::fs;

use common::{CHEAP, Custodian, PASSPHRASE, endless, passphrase};
use jiff::{SignedDuration, Timestamp};
use safelight::custody::{Keyring, KeyringError, PackError, PackRequest, Passphrase, Policy, SitePack};
use safelight::seal::Capability;

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[test]
fn a_keyring_opens_with_its_passphrase_and_holds_what_it_issued() {
    let custodian = Custodian::new();
    let keyring = Keyring::open(&custodian.custody(), &passphrase()).expect("opens");
    assert_eq!(keyring.custody(), custodian.keyring.custody());
    assert_eq!(keyring.opening_keys(&Capability::ALL).len(), custodian.keyring.opening_keys(&Capability::ALL).len());
    let summary = keyring.summary();
    assert_eq!(summary.sites.len(), 1);
    assert_eq!(summary.sites[0].name, "North Bridge");
    assert!(summary.keys.iter().all(|&keys| keys >= 6), "{:?}", summary.keys);
    let wrong = Keyring::open(&custodian.custody(), &Passphrase::new("correct horse".to_owned()));
    assert!(matches!(wrong, Err(KeyringError::WrongPassphrase)));
}

#[test]
fn a_keyring_is_never_overwritten_and_takes_no_weak_passphrase() {
    let custodian = Custodian::new();
    let now = Timestamp::now();
    let again = Keyring::create(&custodian.custody(), &passphrase(), CHEAP, Policy::default(), now);
    assert!(matches!(again, Err(KeyringError::Exists { .. })));
    let other = custodian.folder.path().join("other");
    let weak = Keyring::create(&other, &Passphrase::new("1234567".to_owned()), CHEAP, Policy::default(), now);
    assert!(matches!(weak, Err(KeyringError::Passphrase(_))));
    assert!(!other.exists());
}

#[test]
fn any_altered_byte_of_a_keyring_is_noticed() {
    let custodian = Custodian::new();
    let path = custodian.custody().join("keyring");
    let whole = fs::read(&path).expect("read");
    let tail = whole.len() - 1;
    for at in (0..300).chain([400, 1000, 16_500, tail - 16, tail]) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(&path, altered).expect("written");
        assert!(Keyring::open(&custodian.custody(), &passphrase()).is_err(), "byte {at}");
    }
    for len in [0, 8, 39, 40, 100, 1000, tail] {
        fs::write(&path, &whole[..len]).expect("written");
        assert!(Keyring::open(&custodian.custody(), &passphrase()).is_err(), "cut at {len}");
    }
    fs::write(&path, whole).expect("written");
    assert!(Keyring::open(&custodian.custody(), &passphrase()).is_ok());
}

#[test]
fn the_keyring_key_is_exchanged_without_touching_what_it_guards() {
    let mut custodian = Custodian::new();
    let path = custodian.custody().join("keyring");
    let before = fs::read(&path).expect("read");
    custodian.keyring.rotate_key().expect("rotated");
    let keyring = Keyring::open(&custodian.custody(), &passphrase()).expect("opens with the same passphrase");
    assert_eq!(keyring.opening_keys(&Capability::ALL).len(), custodian.keyring.opening_keys(&Capability::ALL).len());
    assert_eq!(keyring.verifying_key(), custodian.keyring.verifying_key());

    // Slots of the new file do not open the old body, nor the reverse; the old file is as it was.
    let after = fs::read(&path).expect("read");
    let slots_end = 40 + u32::from_le_bytes(after[12..16].try_into().expect("four bytes")) as usize;
    assert_eq!(before[..32], after[..32]);
    fs::write(&path, [&after[..slots_end], &before[slots_end..]].concat()).expect("written");
    assert!(matches!(Keyring::open(&custodian.custody(), &passphrase()), Err(KeyringError::Damaged)));
    fs::write(&path, before).expect("written");
    assert!(Keyring::open(&custodian.custody(), &passphrase()).is_ok());
}

#[test]
fn a_pack_is_refused_when_altered_early_or_late() {
    let custodian = Custodian::new();
    let path = custodian.folder.path().join("site.pack");
    let bytes = fs::read(&path).expect("read");
    assert!(SitePack::from_bytes(&bytes).is_ok());
    let tail = bytes.len() - 1;
    for at in (0..600).chain([2000, tail - 64, tail - 63, tail]) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(SitePack::from_bytes(&altered).is_err(), "byte {at}");
    }
    for len in [0, 8, 15, 16, 200, tail] {
        assert!(SitePack::from_bytes(&bytes[..len]).is_err(), "cut at {len}");
    }
    let pack = SitePack::read(&path).expect("read");
    let (issued, until) = (pack.schedule().issued(), pack.schedule().until());
    assert!(pack.check_usable(issued).is_ok());
    assert!(matches!(pack.check_usable(until), Err(PackError::Expired { .. })));
    assert!(pack.check_usable(issued - days(1)).is_ok(), "clocks drift");
    assert!(matches!(pack.check_usable(issued - days(2)), Err(PackError::NotYetValid { .. })));
}

#[test]
fn a_pack_has_a_key_for_every_moment_of_its_term() {
    // Made before all of them, so that no epoch is one that a clock began too early.
    let (folder, made) = (tempfile::tempdir().expect("a folder"), "2026-01-01T00:00:00Z".parse().expect("a timestamp"));
    let custody = folder.path().join("custody");
    let mut keyring = Keyring::create(&custody, &passphrase(), CHEAP, endless(), made).expect("made");
    // Terms that end on every kind of day, from the last of a long month to a leap day.
    let starts = ["2026-01-31T23:59:59Z", "2027-11-30T00:00:00Z", "2028-02-29T12:00:00Z", "2026-12-31T00:00:00Z"];
    for (at, start) in starts.into_iter().enumerate() {
        let now: Timestamp = start.parse().expect("a timestamp");
        for valid_days in [1, 31, 400] {
            let to = folder.path().join(format!("{at}-{valid_days}.pack"));
            let request = PackRequest { site: "South Gate", valid_days, now };
            let pack = keyring.issue_pack(&request, &to).expect("issued");
            let mut moment = now - days(1);
            while pack.check_usable(moment).is_ok() {
                for class in pack.schedule().classes().map(str::to_owned).collect::<Vec<_>>() {
                    let class = pack.schedule().class(Some(&class)).expect("a class");
                    for capability in Capability::ALL {
                        let key = pack.schedule().sealing_key(class, capability, moment);
                        assert!(key.is_some(), "{start} + {valid_days}: {} {capability} at {moment}", class.name);
                    }
                }
                moment += days(1) - SignedDuration::from_mins(7);
            }
        }
    }
}

#[test]
fn a_site_keeps_its_journal_and_its_buckets_from_pack_to_pack() {
    let mut custodian = Custodian::new();
    let now = custodian.pack.schedule().issued();
    let to = custodian.folder.path().join("second.pack");
    let keys = custodian.keyring.opening_keys(&Capability::ALL).len();
    let second = custodian.keyring.issue_pack(&PackRequest { site: "North Bridge", valid_days: 30, now }, &to);
    let second = second.expect("issued");
    assert_eq!(second.journal(), custodian.pack.journal());
    assert!(second.journal_key().expose() == custodian.pack.journal_key().expose());
    assert_eq!(custodian.keyring.opening_keys(&Capability::ALL).len(), keys, "no bucket is made twice");

    let to = custodian.folder.path().join("third.pack");
    let other = custodian.keyring.issue_pack(&PackRequest { site: "South Gate", valid_days: 30, now }, &to);
    assert_ne!(other.expect("issued").journal(), second.journal());
}

#[test]
fn a_pack_that_exists_is_not_overwritten_and_senseless_terms_are_refused() {
    let mut custodian = Custodian::new();
    let now = Timestamp::now();
    let existing = custodian.folder.path().join("site.pack");
    let mut issue = |site: &str, valid_days, to: &str| {
        let to = custodian.folder.path().join(to);
        custodian.keyring.issue_pack(&PackRequest { site, valid_days, now }, &to).map(|_| ())
    };
    assert!(matches!(issue("North Bridge", 30, "site.pack"), Err(KeyringError::File(_))));
    assert!(matches!(issue("North Bridge", 0, "a.pack"), Err(KeyringError::Term { days: 0 })));
    assert!(matches!(issue("North Bridge", u32::MAX, "b.pack"), Err(KeyringError::Term { .. })));
    assert!(matches!(issue("", 30, "c.pack"), Err(KeyringError::SiteName)));
    assert!(SitePack::read(&existing).is_ok());
}

#[test]
fn key_files_show_no_secret_and_belong_to_their_owner() {
    let custodian = Custodian::new();
    let keyring = fs::read(custodian.custody().join("keyring")).expect("read");
    let journal_key = custodian.pack.journal_key().expose();
    for secret in [&journal_key[..], PASSPHRASE.as_bytes(), b"North Bridge", b"visitor"] {
        assert!(!keyring.windows(secret.len()).any(|window| window == secret));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode(&custodian.custody()), 0o700);
        assert_eq!(mode(&custodian.custody().join("keyring")), 0o600);
        assert_eq!(mode(&custodian.folder.path().join("site.pack")), 0o600);
    }
}

#[test]
fn two_who_change_a_keyring_do_not_undo_each_other() {
    let custodian = Custodian::new();
    let mut first = Keyring::open(&custodian.custody(), &passphrase()).expect("opens");
    let mut second = Keyring::open(&custodian.custody(), &passphrase()).expect("opens");
    first.rotate(None, Timestamp::now()).expect("rotated");
    assert!(matches!(second.rotate(None, Timestamp::now()), Err(KeyringError::Changed { .. })));
    first.rotate(None, Timestamp::now()).expect("its own writing is no surprise");
    let reopened = Keyring::open(&custodian.custody(), &passphrase()).expect("opens");
    assert_eq!(reopened.generation(), first.generation());
}

fn monthly(folder: &std::path::Path, now: Timestamp) -> Keyring {
    Keyring::create(folder, &passphrase(), CHEAP, Policy::default(), now).expect("a keyring is made")
}

fn moment(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

#[test]
fn a_pack_ends_with_its_epoch_and_the_next_one_is_there_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = moment("2026-11-22T12:00:00Z");
    let mut keyring = monthly(&folder.path().join("custody"), now);
    let request = PackRequest { site: "North Bridge", valid_days: 90, now };
    let pack = keyring.issue_pack(&request, &folder.path().join("now.pack")).expect("issued");
    let turn = moment("2026-12-01T00:00:00Z");
    assert_eq!((pack.epoch().number, pack.epoch().until, pack.schedule().until()), (1, Some(turn), turn));
    assert!(matches!(pack.check_usable(turn), Err(PackError::EpochOver { epoch: 1, .. })));

    keyring.issue_next_pack(&request, &folder.path().join("next.pack")).expect("issued");
    let next = SitePack::read(&folder.path().join("next.pack")).expect("read");
    assert_eq!((next.epoch().number, next.epoch().since), (2, turn));
    assert_eq!(next.schedule().until(), moment("2027-01-01T00:00:00Z"));
    assert!(matches!(next.check_usable(turn - days(2)), Err(PackError::NotYetValid { .. })));
    assert!(next.check_usable(turn - SignedDuration::from_hours(23)).is_ok(), "clocks drift");
    // What is issued in December belongs to the same epoch, and January begins another.
    let december = PackRequest { now: moment("2026-12-24T00:00:00Z"), ..request };
    let pack = keyring.issue_pack(&december, &folder.path().join("december.pack")).expect("issued");
    assert_eq!(pack.epoch().number, 2);
    let january = PackRequest { now: moment("2027-01-01T00:00:00Z"), ..request };
    let pack = keyring.issue_pack(&january, &folder.path().join("january.pack")).expect("issued");
    assert_eq!(pack.epoch().number, 3);
    assert_eq!(keyring.epochs().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_stolen_pack_enumerates_plates_of_its_own_epoch_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut keyring = monthly(&folder.path().join("custody"), moment("2026-10-05T00:00:00Z"));
    let plate = safelight::capture::PlateText::canonical("ABC 1234").expect("a plate");
    let mut packs = Vec::new();
    for (at, now) in ["2026-10-05T00:00:00Z", "2026-11-05T00:00:00Z", "2026-12-05T00:00:00Z"].into_iter().enumerate() {
        let request = PackRequest { site: "North Bridge", valid_days: 90, now: moment(now) };
        packs.push(keyring.issue_pack(&request, &folder.path().join(format!("{at}.pack"))).expect("issued"));
    }
    let of_packs: Vec<_> = packs.iter().map(|pack| pack.epoch_keys().plate(&plate)).collect();
    let of_search: Vec<_> =
        keyring.search_keys().expect("nothing is locked").iter().map(|keys| keys.plate(&plate)).collect();
    assert_eq!(of_packs, of_search, "search tries the pseudonyms of all epochs");
    for (stolen, pseudonym) in of_packs.iter().enumerate() {
        assert_eq!(of_search.iter().position(|found| found == pseudonym), Some(stolen));
        assert_eq!(of_search.iter().filter(|found| *found == pseudonym).count(), 1);
    }
}

/// Keys were once derived from a root in the keyring: whoever had copied it had those of all epochs to come.
#[test]
fn a_copied_keyring_has_no_key_of_an_epoch_that_began_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let [custody, copied] = ["custody", "copied"].map(|name| folder.path().join(name));
    let now = moment("2026-11-22T12:00:00Z");
    let mut keyring = monthly(&custody, now);
    fs::create_dir(&copied).expect("made");
    fs::copy(custody.join("keyring"), copied.join("keyring")).expect("copied");
    let mut copy = Keyring::open(&copied, &passphrase()).expect("opens");
    let plate = safelight::capture::PlateText::canonical("ABC 1234").expect("a plate");
    let plates = |keyring: &Keyring, epoch| keyring.epoch_keys(epoch).map(|keys| keys.plate(&plate));
    assert_eq!(plates(&copy, 1).expect("copied"), plates(&keyring, 1).expect("its own"));
    assert!(matches!(plates(&copy, 2), Err(KeyringError::UnknownEpoch { epoch: 2 })));
    // By a rotation and by the calendar, and whatever the copy does likewise.
    for keyring in [&mut keyring, &mut copy] {
        assert_eq!(keyring.rotate(None, now).expect("rotated").epoch.number, 2);
        let request = PackRequest { site: "North", valid_days: 5, now: moment("2026-12-05T00:00:00Z") };
        let to = keyring.folder().join("december.pack");
        assert_eq!(keyring.issue_pack(&request, &to).expect("issued").epoch().number, 3);
    }
    for epoch in [2, 3] {
        assert_ne!(plates(&copy, epoch).expect("the copy's own"), plates(&keyring, epoch).expect("its own"));
    }
    let again = Keyring::open(&custody, &passphrase()).expect("opens");
    assert_eq!(plates(&again, 3).expect("written"), plates(&keyring, 3).expect("its own"));
}

#[test]
fn a_pack_that_ends_before_what_was_asked_says_so_and_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        common::site::Ended::of(command.output().expect("the command runs"))
    };
    drop(Keyring::create(&folder.path().join("keys"), &passphrase(), CHEAP, Policy::default(), Timestamp::now()));
    let pack = ["custody", "pack", "--custody", "keys", "--site", "North", "-o"];
    // An epoch is a month: never ninety days.
    let asked = run(&[&pack[..], &["a.pack", "--valid-days", "90"]].concat());
    for said in ["and not the 90 that were asked for", "Pseudonym epoch 1 ends then", "custody pack --next"] {
        assert!(asked.stdout.contains(said), "{said}: {asked:?}");
    }
    let usual = run(&[&pack[..], &["b.pack"]].concat());
    assert!(!usual.stdout.contains("asked for") && usual.stdout.contains("custody pack --next"), "{usual:?}");
    let json = run(&[&pack[..], &["c.pack", "--json"]].concat());
    let issued: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(issued["ends_with_epoch"], true, "{issued}");
    assert!(issued["valid_days"].as_i64().is_some_and(|days| (0..=31).contains(&days)), "{issued}");
    let day = run(&[&pack[..], &["d.pack", "--valid-days", "1", "--next", "--json"]].concat());
    let issued: serde_json::Value = serde_json::from_str(&day.stdout).expect("JSON");
    assert_eq!((&issued["ends_with_epoch"], &issued["valid_days"]), (&false.into(), &1.into()), "{issued}");
}

#[test]
fn a_rotation_gives_new_keys_and_a_new_epoch_to_all_or_to_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = moment("2026-11-22T12:00:00Z");
    let mut keyring = monthly(&folder.path().join("custody"), now);
    let mut count = 0;
    let mut issue = |keyring: &mut Keyring, site: &str, now| {
        count += 1;
        let to = folder.path().join(format!("{count}.pack"));
        keyring.issue_pack(&PackRequest { site, valid_days: 5, now }, &to).expect("issued")
    };
    let key = |pack: &SitePack| {
        let class = pack.schedule().class(None).expect("a class").clone();
        pack.schedule().sealing_key(&class, Capability::Scene, now + days(1)).expect("a key").bucket
    };
    let (north, south) = (issue(&mut keyring, "North", now), issue(&mut keyring, "South", now));
    assert_eq!(key(&north), key(&south));
    let ahead = folder.path().join("ahead.pack");
    keyring.issue_next_pack(&PackRequest { site: "North", valid_days: 5, now }, &ahead).expect("issued");

    let later = now + days(1);
    assert!(matches!(keyring.rotate(Some("West"), later), Err(KeyringError::UnknownSite { .. })));
    let rotation = keyring.rotate(Some("South"), later).expect("rotated");
    assert_eq!(rotation.superseded, ["South"]);
    assert_eq!((rotation.epoch.number, rotation.epoch.since), (3, later));
    let (north_2, south_2) = (issue(&mut keyring, "North", later), issue(&mut keyring, "South", later));
    assert_eq!((north_2.epoch().number, south_2.epoch().number), (1, 3));
    assert_eq!(key(&north_2), key(&north));
    assert_ne!(key(&south_2), key(&south));
    assert_eq!(south_2.journal(), south.journal(), "it still knows what it has sealed");

    let rotation = keyring.rotate(None, later).expect("rotated");
    assert_eq!(rotation.superseded, ["North", "South"]);
    let (north_3, south_3) = (issue(&mut keyring, "North", later), issue(&mut keyring, "South", later));
    assert_eq!((north_3.epoch(), south_3.epoch().number), (south_3.epoch(), 4));
    assert_eq!(key(&north_3), key(&south_3));
    assert!(![key(&north), key(&south_2)].contains(&key(&north_3)));
    assert!(keyring.summary().sites.iter().all(|site| !site.superseded));
    // The epoch that was issued ahead is none any more.
    let december = moment("2026-12-02T00:00:00Z");
    assert_eq!(issue(&mut keyring, "North", december).epoch().number, 5);

    let reopened = Keyring::open(&folder.path().join("custody"), &passphrase()).expect("opens");
    assert_eq!(reopened.epochs().count(), 5);
}

#[test]
fn another_policy_holds_from_now_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = moment("2026-11-22T12:00:00Z");
    let mut keyring = monthly(&folder.path().join("custody"), now);
    let request = PackRequest { site: "North", valid_days: 90, now };
    keyring.issue_pack(&request, &folder.path().join("a.pack")).expect("issued");
    let daily = Policy { epoch: safelight::custody::EpochLength::Day, ..Policy::default() };
    keyring.set_policy(daily, now).expect("changed");
    let pack = keyring.issue_pack(&request, &folder.path().join("b.pack")).expect("issued");
    assert_eq!(pack.schedule().until(), moment("2026-11-23T00:00:00Z"));
    keyring.set_policy(common::endless(), now).expect("changed");
    let tomorrow = PackRequest { now: now + days(1), ..request };
    let pack = keyring.issue_pack(&tomorrow, &folder.path().join("c.pack")).expect("issued");
    assert_eq!((pack.epoch().number, pack.epoch().until), (2, None));
    assert_eq!(pack.epoch().since, moment("2026-11-23T00:00:00Z"));
    let next = keyring.issue_next_pack(&tomorrow, &folder.path().join("d.pack"));
    assert!(matches!(next, Err(KeyringError::NoNextEpoch { epoch: 2 })));
    let none = Policy { classes: Vec::new(), ..Policy::default() };
    assert!(matches!(keyring.set_policy(none, now), Err(KeyringError::Policy(_))));
}

#[test]
fn the_command_takes_a_policy_and_shows_what_it_keeps() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        common::site::Ended::of(command.output().expect("the command runs"))
    };
    fs::write(folder.path().join("bad.toml"), "default_class = \"a\"\n[[class]]\nname = \"a\"\nscene = \"soon\"\n")
        .expect("written");
    run(&["custody", "init", "--custody", "keys", "--policy", "bad.toml"]).failed(2, "scene: \"soon\"", "30 days");
    assert!(!folder.path().join("keys").exists());
    let policy = Policy { dual_control: true, ..Policy::default() }.to_toml();
    fs::write(folder.path().join("good.toml"), &policy).expect("written");
    assert_eq!(run(&["custody", "init", "--custody", "keys", "--policy", "good.toml"]).code, Some(0));
    let printed = run(&["custody", "policy", "--custody", "keys"]);
    assert_eq!((printed.code, printed.stdout.as_str()), (Some(0), policy.as_str()));
    assert_eq!(run(&["custody", "pack", "--custody", "keys", "--site", "North", "-o", "a.pack"]).code, Some(0));
    assert_eq!(
        run(&["custody", "pack", "--custody", "keys", "--site", "North", "-o", "b.pack", "--next"]).code,
        Some(0)
    );
    assert_eq!(run(&["custody", "rotate", "--custody", "keys"]).code, Some(0));
    run(&["custody", "rotate", "--custody", "keys", "--site", "W"]).failed(2, "no site \"W\"", "custody show");
    let shown = run(&["custody", "show", "--custody", "keys"]);
    assert_eq!(shown.code, Some(0));
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80), "{}", shown.stdout);
    for word in ["FALLS DUE", "visitor", "superseded", "current", "no second slot"] {
        assert!(shown.stdout.contains(word), "{word}: {}", shown.stdout);
    }
}

/// A site is named once: what looks like its name, or cannot be seen, begins no other one with a journal of its own.
#[test]
fn a_sites_name_that_cannot_be_told_from_anothers_is_refused() {
    let custodian = Custodian::new();
    let packs = || fs::read_dir(custodian.folder.path()).expect("listed").count();
    let run = |site: &str, to: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(["custody", "pack", "--custody", "custody", "--site", site, "-o", to]);
        command.current_dir(custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        common::site::Ended::of(command.output().expect("the command runs"))
    };
    let before = packs();
    for alike in ["north bridge", "NORTH BRIDGE", "North Bridge ", "NorthBridge", "Ｎorth Bridge", "Nоrth Bridge"] {
        run(alike, "alike.pack").failed(2, "from the site \"North Bridge\"", "as that one");
    }
    for (hidden, code) in [("Nor\u{200b}th", "U+200B"), ("No\u{1b}[31mrth", "U+001B"), ("a\nb", "U+000A")] {
        run(hidden, "hidden.pack").failed(2, code, "what can be seen");
    }
    run(" ", "blank.pack").failed(2, "1 to 100 characters", "short name");
    assert_eq!(packs(), before);
    for (site, to) in [("North Bridge", "again.pack"), ("North Bridge 2", "other.pack")] {
        assert_eq!(run(site, to).code, Some(0), "{site}");
    }
    let keyring = Keyring::open(&custodian.custody(), &passphrase()).expect("opens");
    assert_eq!(keyring.sites().map(|(_, name)| name).collect::<Vec<_>>(), ["North Bridge", "North Bridge 2"]);
}
