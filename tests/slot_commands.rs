//! Key slots through the command: shares in files, drills, and two holders.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{CHEAP, Custodian, PASSPHRASE, capture};
use jiff::Timestamp;
use safelight::capture::CaptureId;
use safelight::custody::{
    Egress, Keyring, KeyringError, Passphrase, Policy, RecipientKeys, Share, SlotRole, SlotTerms,
};
use safelight::vault::{SealingOptions, SealingVault};

/// Runs `safelight` in the custodian's folder, with its passphrase; exit code, stdout and stderr.
fn safelight(custodian: &Custodian, args: &[&str]) -> (i32, String, String) {
    run(custodian.folder.path(), Some(PASSPHRASE), args)
}

fn run(folder: &Path, passphrase: Option<&str>, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    for variable in ["SAFELIGHT_PASSPHRASE", "SAFELIGHT_SECOND_PASSPHRASE", "SAFELIGHT_NEW_PASSPHRASE"] {
        command.env_remove(variable);
    }
    if let Some(passphrase) = passphrase {
        command.env("SAFELIGHT_PASSPHRASE", passphrase);
    }
    let output = command.current_dir(folder).args(args).output().expect("safelight runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// A slot of shares, 3 of 5, in the files 1.txt to 4.txt and 5.svg.
fn with_shares() -> (Custodian, Vec<PathBuf>) {
    let custodian = Custodian::new();
    let names = ["1.txt", "2.txt", "3.txt", "4.txt", "5.svg"];
    let mut args = vec!["custody", "slot", "add", "--custody", "custody", "--shares", "3/5", "--label", "board <1>"];
    names.iter().for_each(|name| args.extend(["-o", name]));
    let (code, out, err) = safelight(&custodian, &args);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("shares, 3 of 5"), "{out}");
    assert!(err.contains("all 5 shares lie in one folder"), "{err}");
    let files = names.iter().map(|name| custodian.folder.path().join(name)).collect();
    (custodian, files)
}

#[test]
fn three_holders_open_with_files_and_nobody_without() {
    let (custodian, files) = with_shares();
    let show = ["custody", "show", "--custody", "custody", "--share", "1.txt", "--share", "4.txt", "--share", "2.txt"];
    let (code, out, err) = run(custodian.folder.path(), None, &show);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("North Bridge"));
    let (code, _, err) = run(custodian.folder.path(), None, &show[..8]);
    assert_eq!(code, 3);
    assert!(err.contains("2 of the 3 shares needed are good"), "{err}");

    let page = fs::read_to_string(&files[1]).expect("read");
    assert!(page.contains("share 2 of 5") && page.contains("board <1>") && page.contains('▀'), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 100));
    let drawn = fs::read_to_string(&files[4]).expect("read");
    assert!(drawn.starts_with("<svg") && drawn.contains("board &lt;1>") && drawn.contains("<path"));
    #[cfg(unix)]
    for file in &files {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file).expect("metadata").permissions().mode() & 0o777, 0o600);
    }
    // Nothing is written over, and no slot is added for nothing.
    let slots = Keyring::slots_in(&custodian.custody()).expect("listed").1.len();
    let again = ["custody", "slot", "add", "--custody", "custody", "--shares", "2/2", "-o", "new.txt", "-o", "1.txt"];
    let (code, _, err) = safelight(&custodian, &again);
    assert_eq!(code, 2, "{err}");
    assert!(!custodian.folder.path().join("new.txt").exists());
    let (code, _, err) = safelight(&custodian, &again[..7]);
    assert_eq!(code, 2);
    assert!(err.contains("on a terminal only"), "{err}");
    assert_eq!(Keyring::slots_in(&custodian.custody()).expect("listed").1.len(), slots);
}

#[test]
fn a_drill_names_each_share_that_is_not_good() {
    let (custodian, files) = with_shares();
    let (_other, others) = with_shares();
    let folder = custodian.folder.path();
    // One symbol of line 5, group 2, is mistyped.
    let page = fs::read_to_string(&files[1]).expect("read");
    let line = page.lines().find(|line| line.starts_with("5  ")).expect("line 5");
    let at = "5  XXXX XX".len();
    let wrong = if &line[at..=at] == "7" { "8" } else { "7" };
    fs::write(folder.join("mistyped.txt"), page.replace(line, &format!("{}{wrong}{}", &line[..at], &line[at + 1..])))
        .expect("written");
    fs::copy(&others[0], folder.join("foreign.txt")).expect("copied");

    let shares = ["1.txt", "mistyped.txt", "foreign.txt", "3.txt"];
    let mut args = vec!["custody", "rehearse", "--custody", "custody"];
    shares.iter().for_each(|name| args.extend(["--share", name]));
    let (code, out, err) = run(folder, None, &args);
    assert_eq!(code, 3, "{out}{err}");
    assert!(out.contains("1.txt: share 1, good\n"), "{out}");
    assert!(out.contains("mistyped.txt: line 5 is mistyped in group 2, symbol 3\n"), "{out}");
    assert!(out.contains("foreign.txt: share 1, of another custodian's keyring\n"), "{out}");
    assert!(out.contains("2 good, 3 needed"), "{out}");
    assert!(err.contains("would not open"), "{err}");

    args.extend(["--share", "2.txt"]);
    let (code, out, _) = run(folder, None, &args);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("3 good, 3 needed") && out.contains("would open the keyring"), "{out}");

    args.push("--json");
    let (code, out, _) = run(folder, None, &args);
    assert_eq!(code, 0);
    let drill: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(drill["would_open"], true);
    let good: Vec<_> = drill["shares"].as_array().expect("shares").iter().map(|share| &share["good"]).collect();
    assert_eq!(good, [true, false, false, true, true]);

    // Where a share is needed and mistyped, it is named as well.
    let open = ["custody", "show", "--custody", "custody", "--share", "mistyped.txt", "--share", "1.txt"];
    let (code, _, err) = run(folder, None, &open);
    assert_eq!(code, 3);
    assert!(err.contains("mistyped.txt: line 5 is mistyped in group 2, symbol 3"), "{err}");
}

#[test]
fn what_a_drawn_page_says_reads_back() {
    let (custodian, files) = with_shares();
    // The page's lines as somebody would copy them from paper.
    let drawn = fs::read_to_string(&files[4]).expect("read");
    let texts: Vec<&str> = drawn
        .split("<text")
        .skip(1)
        .filter_map(|text| text.split_once('>')?.1.split_once("</text>"))
        .map(|(text, _)| text)
        .collect();
    let typed: String = texts
        .windows(2)
        .filter(|pair| matches!(pair[0], "1" | "2" | "3" | "4" | "5" | "6"))
        .map(|pair| format!("{} {}\n", pair[0], pair[1]))
        .collect();
    let share = Share::parse(&typed).expect("a share");
    assert_eq!((share.index(), share.count(), share.threshold()), (5, 5, 3));
    assert!(share.is_of(custodian.keyring.custody()));
}

/// A custodian with one capture in the vault, and a second slot whose passphrase lies in the file `second`.
fn with_second_holder() -> (Custodian, String) {
    let mut custodian = Custodian::new();
    let mut vault =
        SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("a vault");
    let record = capture(1, None);
    let id = CaptureId(record.catalogue.id).to_string();
    vault.append(record).expect("sealed");
    vault.finish().expect("closed");
    let terms = SlotTerms { role: SlotRole::Second, label: None, now: Timestamp::now() };
    let second = Passphrase::new("the comptroller's own".to_owned());
    let draft = custodian.keyring.draft_passphrase_slot(&second, CHEAP, terms).expect("drafted");
    custodian.keyring.add_slot(draft).expect("added");
    fs::write(custodian.folder.path().join("second"), "the comptroller's own\n").expect("written");
    (custodian, id)
}

#[test]
fn identities_need_a_second_holder() {
    let (custodian, id) = with_second_holder();
    let folder = custodian.folder.path();

    let open = ["open", &id, "--vault", "vault", "--custody", "custody", "-o"];
    let (code, _, err) = safelight(&custodian, &[&open[..], &["scene.jpg"]].concat());
    assert_eq!(code, 0, "the scene takes one: {err}");
    let identity = [&open[..], &["original.jpg", "--identity"]].concat();
    let (code, _, err) = safelight(&custodian, &identity);
    assert_eq!(code, 3);
    assert!(err.contains("two slots only"), "{err}");
    assert!(!folder.join("original.jpg").exists());
    fs::write(folder.join("first"), PASSPHRASE).expect("written");
    let (code, _, err) = safelight(&custodian, &[&identity[..], &["--second-passphrase-file", "first"]].concat());
    assert_eq!(code, 3, "the first does not count twice: {err}");
    let (code, _, err) = safelight(&custodian, &[&identity[..], &["--second-passphrase-file", "second"]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(folder.join("original.jpg").exists());

    let recipient = RecipientKeys::generate();
    recipient.public().write(&folder.join("partner.pub")).expect("written");
    let export = ["export", "--vault", "vault", "--custody", "custody", "--to", "partner.pub", "--purpose", "case 7"];
    let (code, _, err) = safelight(&custodian, &[&export[..], &["--view", "full", "-o", "full"]].concat());
    assert_eq!(code, 3);
    assert!(err.contains("two slots only"), "{err}");
    let (code, _, err) = safelight(&custodian, &[&export[..], &["--view", "scene", "-o", "scene"]].concat());
    assert_eq!(code, 0, "{err}");
    let full = [&export[..], &["--view", "full", "-o", "full", "--second-passphrase-file", "second"]].concat();
    let (code, _, err) = safelight(&custodian, &full);
    assert_eq!(code, 0, "{err}");
}

/// A policy that asks for two holders where there is one: closed, not open, until there are two.
#[test]
fn without_a_second_slot_dual_control_opens_nothing() {
    let mut custodian = Custodian::new();
    let mut vault =
        SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("the vault opens");
    vault.append(capture(1, None)).expect("taken");
    vault.finish().expect("closed");
    let policy = Policy { dual_control: true, ..custodian.keyring.policy().clone() };
    custodian.keyring.set_policy(policy, Timestamp::now()).expect("tightened");
    assert!(matches!(custodian.keyring.search_keys(), Err(KeyringError::NoSecondSlot)));
    let loose = Policy { dual_control: false, ..custodian.keyring.policy().clone() };
    assert!(matches!(custodian.keyring.set_policy(loose, Timestamp::now()), Err(KeyringError::NoSecondSlot)));

    let id = CaptureId(capture(1, None).catalogue.id).to_string();
    let search = ["search", "--vault", "vault", "--custody", "custody"];
    let guarded: [&[&str]; 5] = [
        &[&search[..], &["--plate", "SECRETPLATE7"]].concat(),
        &[&search[..], &["--plate", "SECRET*"]].concat(),
        &["open", &id, "--vault", "vault", "--custody", "custody", "--identity", "-o", "original.jpg"],
        &[&search[..], &["--over-budget"]].concat(),
        &["audit", "forget", "--custody", "custody", "--before", "2020-01"],
    ];
    for args in guarded {
        let (code, out, err) = safelight(&custodian, args);
        assert!([2, 3].contains(&code) && out.is_empty() && err.contains("--as second"), "{args:?}: {code} {err}");
    }
    assert_eq!(safelight(&custodian, &search).0, 0);
    let (_, shown, _) = safelight(&custodian, &["custody", "show", "--custody", "custody"]);
    assert!(shown.contains("no second slot") && !shown.contains("are opened"), "{shown}");

    fs::write(custodian.folder.path().join("second"), "vexing plover amber quarry tuba").expect("written");
    let add = ["custody", "slot", "add", "--as", "second", "--custody", "custody", "--new-passphrase-file", "second"];
    let (code, _, err) = safelight(&custodian, &add);
    assert_eq!(code, 0, "{err}");
    let (_, shown, _) = safelight(&custodian, &["custody", "show", "--custody", "custody"]);
    assert!(shown.contains("are opened and plates searched with two slots only"), "{shown}");
    let both = [guarded[0], &["--second-passphrase-file", "second"]].concat();
    assert_eq!(safelight(&custodian, guarded[0]).0, 3);
    let (code, _, err) = safelight(&custodian, &both);
    assert_eq!(code, 0, "{err}");
}

/// Plates are few: whoever has the keys of their pseudonyms can try them all.
#[test]
fn a_plate_is_searched_by_two_holders_and_everything_else_by_one() {
    let (custodian, _) = with_second_holder();
    let search = ["search", "--vault", "vault", "--custody", "custody"];
    for one in [&[][..], &["--pseudonym", "PL-00000000000000000000000000"], &["--site", "North Bridge"]] {
        let (code, _, err) = safelight(&custodian, &[&search[..], one].concat());
        assert_eq!(code, 0, "{one:?}: {err}");
    }
    let plate = [&search[..], &["--plate", "ABC 1234"]].concat();
    let (code, out, err) = safelight(&custodian, &plate);
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    assert!(err.contains("two slots only"), "{err}");
    let (code, _, err) = safelight(&custodian, &[&plate[..], &["--second-passphrase-file", "second"]].concat());
    assert_eq!(code, 0, "{err}");

    let pack = |name: &str, more: &[&str]| {
        let pack = ["custody", "pack", "--custody", "custody", "--site", name, "-o", name, "--json"];
        let (code, out, err) = safelight(&custodian, &[&pack[..], more].concat());
        assert_eq!(code, 0, "{err}");
        let issued: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        (issued["own_epoch"] == true, issued["epoch"]["number"].as_u64())
    };
    assert_eq!(pack("alone", &[]), (true, Some(2)));
    assert_eq!(pack("also-alone", &[]), (true, Some(3)));
    let both = ["--second-passphrase-file", "second"];
    assert_eq!((pack("one", &both), pack("two", &both)), ((false, Some(3)), (false, Some(3))));
}

#[test]
fn two_holders_go_beyond_the_budget_that_stops_one() {
    let (mut custodian, id) = with_second_holder();
    let nothing = Egress { records_per_day: 0, purposes: Vec::new(), listed_per_day: None };
    custodian
        .keyring
        .set_policy(Policy { egress: Some(nothing), ..Policy::default() }, jiff::Timestamp::now())
        .expect("decided");

    let open = ["open", &id, "--vault", "vault", "--custody", "custody", "-o", "scene.jpg"];
    let (code, _, err) = safelight(&custodian, &open);
    assert_eq!(code, 3);
    assert!(err.contains("second holder"), "{err}");
    // That a second holder is there is not yet their consent: under dual control, one always is.
    let both = [&open[..], &["--second-passphrase-file", "second"]].concat();
    assert_eq!(safelight(&custodian, &both).0, 3);
    let (code, _, err) = safelight(&custodian, &[&both[..], &["--over-budget"]].concat());
    assert_eq!(code, 0, "{err}");
}

#[test]
fn slots_are_listed_and_removed() {
    let (custodian, _) = with_shares();
    let (code, out, _) =
        run(custodian.folder.path(), None, &["custody", "slot", "list", "--custody", "custody", "--json"]);
    assert_eq!(code, 0, "listing takes no secret");
    let listed: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let slots = listed["slots"].as_array().expect("slots");
    assert_eq!(slots.len(), 2);
    assert_eq!(slots[1]["label"], "board <1>");
    for (label, code) in [("bo\nard", "U+000A"), ("bo\u{1b}[2Kard", "U+001B"), ("bo\u{200b}ard", "U+200B")] {
        let add = ["custody", "slot", "add", "--custody", "custody", "--shares", "2/2", "--label", label];
        let (refused, _, err) = safelight(&custodian, &[&add[..], &["-o", "one.txt", "-o", "two.txt"]].concat());
        assert!(refused == 2 && err.contains(code), "{err}");
    }
    let id = slots[1]["slot"].as_str().expect("an id");
    let remove = |id: &str| safelight(&custodian, &["custody", "slot", "remove", id, "--custody", "custody"]);
    assert_eq!(remove(id).0, 0);
    assert_eq!(remove(id).0, 2, "it is gone");
    let (code, _, err) = remove(slots[0]["slot"].as_str().expect("an id"));
    assert_eq!(code, 2);
    assert!(err.contains("only slot"), "{err}");
    assert_eq!(remove("nonsense").0, 2);
}
