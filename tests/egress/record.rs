//! What goes on record, and when: inputs and outputs, then the prompt, then the entry, then what is given out.

use super::*;

#[test]
fn what_cannot_be_written_is_said_before_the_passphrase_is_asked_for_and_is_not_on_record() {
    let agency = Agency::new();
    assert_eq!(agency.open(1, Some("case 7"), "there.jpg").0, 0);
    std::fs::create_dir_all(agency.at("occupied/inside")).expect("made");
    let before = agency.entries();
    let id = id(2).to_string();
    let open = |to| vec!["open", &id, "--vault", "vault", "--custody", "custody", "-o", to];
    let export = |vault, custody, to| {
        let to_whom = ["--to", "contractor.pub", "--view", "scene", "--purpose", "case 7", "-o", to];
        [&["export", "--vault", vault, "--custody", custody][..], &to_whom].concat()
    };
    let impact =
        |stolen, vault, option, to| vec!["impact", stolen, "--custody", "custody", "--vault", vault, option, to];
    let pack = |to| vec!["custody", "pack", "--custody", "custody", "--site", "South", "-o", to];
    let checkpoint = |to| vec!["audit", "checkpoint", "--custody", "custody", "--renew", "-o", to];
    let refused: Vec<Vec<&str>> = vec![
        open("there.jpg"),
        open("nowhere/2.jpg"),
        vec!["open", &id, "--vault", "mistyped", "--custody", "custody", "-o", "2.jpg"],
        vec!["open", &id, "--vault", "vault", "--custody", "mistyped", "-o", "2.jpg"],
        export("vault", "custody", "occupied"),
        export("vault", "custody", "nowhere/copy"),
        export("mistyped", "custody", "copy"),
        export("vault", "mistyped", "copy"),
        impact("vault", "vault", "--captures", "there.jpg"),
        [impact("vault", "vault", "--captures", "nowhere.csv"), vec!["--report", "nowhere.csv"]].concat(),
        [impact("vault", "vault", "--notify", "./nowhere.csv"), vec!["--report", "nowhere.csv"]].concat(),
        vec![
            "custody",
            "slot",
            "add",
            "--custody",
            "custody",
            "--shares",
            "2/3",
            "-o",
            "nowhere.txt",
            "-o",
            "a.txt",
            "-o",
            "./nowhere.txt",
        ],
        impact("vault", "vault", "--notify", "there.jpg"),
        impact("vault", "mistyped", "--notify", "plates.csv"),
        impact("mistyped", "vault", "--notify", "plates.csv"),
        vec!["search", "--vault", "mistyped", "--custody", "custody"],
        vec!["check", "--deep", "--vault", "mistyped", "--custody", "custody"],
        vec!["expire", "--vault", "mistyped", "--custody", "custody"],
        pack("there.jpg"),
        pack("nowhere/site.pack"),
        checkpoint("there.jpg"),
        vec!["custody", "policy", "--custody", "custody", "--set", "mistyped"],
        vec!["custody", "rotate", "--custody", "mistyped"],
        vec!["custody", "slot", "add", "--custody", "mistyped", "--shares", "2/2", "-o", "a.txt", "-o", "b.txt"],
        vec!["custody", "slot", "add", "--custody", "custody", "--shares", "2/2", "-o", "there.jpg", "-o", "2.jpg"],
        vec!["custody", "slot", "remove", "--custody", "mistyped", &id],
        vec!["audit", "show", "--details", "--custody", "mistyped"],
        vec!["audit", "forget", "--custody", "mistyped", "--before", "2020-01"],
    ];
    for args in refused {
        // Without a passphrase at hand: who gets to the prompt is told so.
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(&args).current_dir(agency.at("")).env_remove("SAFELIGHT_PASSPHRASE");
        let ended = command.stdin(std::process::Stdio::null()).output().expect("safelight runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            ["there.jpg", "nowhere", "mistyped", "occupied"].iter().any(|what| said.contains(what)),
            "{args:?}: {said}"
        );
        let (code, said) = agency.custodian(&args);
        assert_eq!(code, 2, "{args:?}: {said}");
    }
    assert_eq!(agency.entries(), before);
    for made in ["2.jpg", "copy", "plates.csv", "nowhere", "nowhere.csv", "nowhere.txt"] {
        assert!(!agency.at(made).exists(), "{made}");
    }
    assert_eq!(agency.export(BUDGET - 1, "case 7", "copy").0, 0);
}

/// What is on record as done was done: of a command that is refused, whatever for, there is no entry of its deed.
#[test]
fn a_refused_change_is_not_on_record_as_done() {
    let mut agency = Agency::with_second();
    let other = Agency::new();
    let keyring = &mut agency.custodian.keyring;
    let now = jiff::Timestamp::now();
    let policy = Policy { epoch: EpochLength::Never, dual_control: true, ..keyring.policy().clone() };
    keyring.set_policy(policy, now).expect("both are there");
    keyring.rotate(None, now).expect("an epoch without end begins");
    let slots: Vec<String> = keyring.slots().map(|slot| slot.id.to_string()).collect();
    let [first, second] = [&slots[0], &slots[1]];
    let nobodys = "0".repeat(26);
    let foreign = other.at("vault").display().to_string();
    let said = agency.run(PASSPHRASE, &["custody", "policy", "--custody", "custody"]).stdout;
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains("= 50\n"), "{said}");
    for (name, text) in [
        ("first", PASSPHRASE.to_owned()),
        ("weak", "12345678".to_owned()),
        ("new", "vexing plover amber quarry tuba".to_owned()),
        ("loose", said.replace("= 50\n", "= 500\n")),
        ("faulty", said.replace("= 50\n", "= fifty\n")),
        ("there", String::new()),
    ] {
        std::fs::write(agency.at(name), text).expect("written");
    }
    let both = ["--second-passphrase-file", "second"];
    let with = |args: &[&'static str]| [args, &both].concat();
    let add = ["custody", "slot", "add", "--new-passphrase-file"];
    let pack = ["custody", "pack", "-o", "south.pack", "--site"];
    let refused: Vec<(Verb, Vec<&str>)> = vec![
        (Verb::Slot, vec!["custody", "slot", "remove", first]),
        (Verb::Slot, vec!["custody", "slot", "remove", &nobodys]),
        (Verb::Slot, vec!["custody", "slot", "remove", "nonsense"]),
        (Verb::Slot, vec!["custody", "slot", "remove", second]),
        (Verb::Slot, [&["custody", "slot", "remove", second][..], &both].concat()),
        (Verb::Slot, [&add[..], &["weak"]].concat()),
        (Verb::Slot, [&add[..], &["second"]].concat()),
        (Verb::Slot, [&add[..], &["mistyped"]].concat()),
        (Verb::Slot, [&add[..], &["new", "--as", "second"]].concat()),
        (Verb::Slot, [&add[..], &["first", "--as", "second"], &both].concat()),
        (Verb::Slot, vec!["custody", "slot", "add", "--shares", "2/2", "-o", "there", "-o", "b.txt"]),
        (Verb::Policy, vec!["custody", "policy", "--set", "faulty"]),
        (Verb::Policy, vec!["custody", "policy", "--set", "loose"]),
        (Verb::Pack, [&pack[..], &["NORTH BRIDGE"]].concat()),
        (Verb::Pack, [&pack[..], &["…"]].concat()),
        (Verb::Pack, [&pack[..], &["South", "--next"]].concat()),
        (Verb::Pack, [&pack[..], &["South", "--next"], &both].concat()),
        (Verb::Rotate, vec!["custody", "rotate", "--site", "South"]),
        (Verb::Rotate, with(&["custody", "rotate", "--site", "South"])),
        (Verb::Expire, vec!["expire", "--vault", &foreign]),
        (Verb::Expire, vec!["expire", "--vault", "vault", "--before", "2999-01-01"]),
        (Verb::Forget, vec!["audit", "forget", "--before", "2020-01"]),
        (Verb::Forget, with(&["audit", "forget", "--before", "2999-01"])),
    ];
    assert_eq!(agency.open(1, Some("case 7"), "first.jpg").0, 0);
    let keyring = || std::fs::read(agency.at("custody/keyring")).expect("read");
    let before = keyring();
    for (verb, args) in refused {
        let of = || agency.entries().iter().filter(|entry| entry.0 == verb).count();
        let entries = of();
        let (code, said) = agency.custodian(&[&args[..], &["--custody", "custody"]].concat());
        assert!([2, 3].contains(&code), "{args:?}: {code} {said}");
        assert_eq!(of(), entries, "{args:?}: {said}");
        assert!(keyring() == before, "{args:?}");
    }
    for made in ["south.pack", "b.txt"] {
        assert!(!agency.at(made).exists(), "{made}");
    }
    // Which has no log, and leaves nothing.
    std::fs::write(agency.at("partner.pub"), "there").expect("written");
    for args in [["-o", "partner.key"], ["-o", "partner.pub"], ["-o", "weak.key"]] {
        let (code, said) =
            agency.custodian(&[&["custody", "recipient", "--passphrase-file", "weak"][..], &args].concat());
        assert!(code == 2 && !agency.at(args[1]).with_extension("key").exists(), "{args:?}: {said}");
    }
}

/// Through the command line: who takes the keys of the details away is told of by whoever verifies, until it is on record.
#[test]
fn a_log_without_the_keys_of_its_details_is_not_called_whole() {
    let agency = Agency::new();
    let search = ["search", "--vault", "vault", "--custody", "custody"];
    assert_eq!(agency.custodian(&search).0, 0);
    let verify = |args: &[&str]| {
        let ended = agency.run("", &[&["audit", "verify"], args].concat());
        (ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    let custody = ["--custody", "custody"];
    assert!(matches!(verify(&custody), (Some(0), said) if said.contains("The log is whole")));
    std::fs::write(agency.at("vkey"), agency.run("", &["audit", "key", "--custody", "custody"]).stdout)
        .expect("written");
    let bytes = std::fs::read(agency.at("custody/audit/keys")).expect("read");
    std::fs::write(agency.at("custody/audit/keys"), [7; 200]).expect("written");
    let (code, said) = verify(&custody);
    assert!(code == Some(3) && said.contains("keys is not"), "{said}");
    std::fs::write(agency.at("custody/audit/keys"), bytes).expect("written");
    std::fs::remove_file(agency.at("custody/audit/keys")).expect("removed");
    let (code, said) = verify(&custody);
    assert!(code == Some(3) && said.contains("keys is missing") && !said.contains("whole"), "{said}");
    // Of a copy for outsiders that is no fault, and said.
    let (code, said) = verify(&["--log", "custody/audit", "--key", "vkey"]);
    assert!(code == Some(0) && said.contains("keys is not here") && !said.contains("The log is whole"), "{said}");
    assert_eq!(agency.custodian(&["audit", "show", "--details", "--custody", "custody"]).0, 0);
    let (code, said) = verify(&custody);
    assert!(
        code == Some(0) && said.contains("keys of the details were gone") && !said.contains("The log is whole"),
        "{said}"
    );
    // Whichever verb comes first, and nothing else is said to be altered.
    std::fs::remove_file(agency.at("custody/audit/keys")).expect("removed");
    agency.custodian(&[&search[..], &["--from", "2033-01-01"]].concat());
    let (code, said) = verify(&custody);
    assert!(code == Some(0) && said.matches("keys of the details were gone").count() == 2, "{said}");
    assert!(!said.contains("failed unlocks was"), "{said}");
    // So of the public key, without which nobody knows whose log it is.
    std::fs::remove_file(agency.at("custody/audit/vkey")).expect("removed");
    assert_eq!(verify(&custody).0, Some(3));
    agency.custodian(&[&search[..], &["--from", "2033-01-01"]].concat());
    let (code, said) = verify(&custody);
    assert!(code == Some(0) && said.contains("the public key beside the log was gone"), "{said}");
}

#[test]
fn nothing_is_written_for_which_there_is_no_entry() {
    let agency = Agency::new();
    assert_eq!(agency.open(1, Some("case 7"), "first.jpg").0, 0);
    std::fs::write(agency.at("custody/audit/tile/entries/000.p/2"), [7; 64]).expect("written");
    let base = ["impact", "vault", "--custody", "custody", "--vault", "vault"];
    for (option, to) in [("--captures", "captures.csv"), ("--notify", "plates.csv"), ("--report", "report.html")] {
        let (code, said) = agency.custodian(&[&base[..], &[option, to]].concat());
        assert!(code == 3 && said.contains("audit log"), "{said}");
        assert!(!agency.at(to).exists(), "{to}");
    }
    assert_eq!(agency.export(1, "case 7", "copy").0, 3);
    assert!(!agency.at("copy").exists());
}

/// All that the product does with the custodian's keys: each is an entry of its own kind, and none takes place where no entry can
/// be written.
#[test]
fn every_verb_with_keys_is_an_entry_and_does_nothing_without_one() {
    let agency = Agency::new();
    let record = id(1).to_string();
    let policy = agency.run(PASSPHRASE, &["custody", "policy", "--custody", "custody"]).stdout;
    std::fs::write(agency.at("policy.toml"), String::from_utf8(policy).expect("text").replace("= 500", "= 400"))
        .expect("written");
    let share = ["--shares", "2/2", "-o", "a.txt", "-o", "b.txt"];
    let all: [(Verb, &[&str], &[&str]); 14] = [
        (Verb::Search, &["search", "--vault", "vault"], &[]),
        (Verb::Open, &["open", &record, "--vault", "vault"], &["--purpose", "case 7", "-o", "1.jpg"]),
        (Verb::Identity, &["open", &record, "--identity", "--vault", "vault"], &["--purpose", "case 7", "-o", "2.jpg"]),
        (
            Verb::Export,
            &["export", "--vault", "vault", "--to", "contractor.pub", "--view", "metadata"],
            &["--until", "2023-11-14T22:13:20.010Z", "--purpose", "case 7", "-o", "copy"],
        ),
        (Verb::Impact, &["impact", "vault", "--vault", "vault"], &["--report", "impact.html"]),
        (Verb::Impact, &["impact", "vault", "--vault", "vault"], &["--notify", "plates.csv"]),
        (Verb::Check, &["check", "--deep", "--vault", "vault"], &[]),
        (Verb::Show, &["audit", "show", "--details"], &[]),
        (Verb::Forget, &["audit", "forget", "--before", "2020-01"], &[]),
        (Verb::Policy, &["custody", "policy", "--set", "policy.toml"], &[]),
        (Verb::Pack, &["custody", "pack", "--site", "South"], &["-o", "south.pack"]),
        (Verb::Rotate, &["custody", "rotate"], &[]),
        (Verb::Slot, &["custody", "slot", "add"], &share),
        (Verb::Expire, &["expire", "--vault", "vault"], &[]),
    ];
    let run = |args: &[&str], more: &[&str]| {
        let output = agency.run(PASSPHRASE, &[args, &["--custody", "custody"], more].concat());
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let of = |verb: Verb| agency.entries().iter().filter(|entry| entry.0 == verb).count();
    // The log begins.
    assert_eq!(agency.open(2, Some("case 7"), "first.jpg").0, 0);
    for (verb, args, more) in &all {
        let before = of(*verb);
        let (code, said) = run(args, more);
        assert!(code == Some(0) && of(*verb) > before, "{args:?}: {said}");
    }
    // Every kind of entry but those that the log writes of itself.
    let met: Vec<_> = all.iter().map(|(verb, ..)| *verb).collect();
    let own = [Verb::Begin, Verb::UnlockFailed, Verb::Quiet, Verb::Clock, Verb::Finding];
    for code in 0..=u8::MAX {
        let verb = Verb::from_code(code);
        let known = verb != Verb::Unknown(code);
        assert!(!known || met.contains(&verb) || own.contains(&verb), "{verb:?} is not tried");
    }

    for (.., more) in &all {
        for file in more.iter().filter(|word| word.contains('.') || **word == "copy") {
            let _ = std::fs::remove_file(agency.at(file)).or_else(|_| std::fs::remove_dir_all(agency.at(file)));
        }
    }
    let text = std::fs::read_to_string(agency.at("policy.toml")).expect("read");
    std::fs::write(agency.at("policy.toml"), text.replace("= 400", "= 300")).expect("written");
    std::fs::write(agency.at("custody/audit/checkpoint"), "not a note").expect("written");
    let before = common::snapshot(&agency.at(""));
    for (verb, args, more) in &all {
        let (code, said) = run(args, more);
        assert!(code == Some(3) && said.contains("audit log"), "{verb:?}: {said}");
        assert!(!said.contains(&record) && !said.contains("North Bridge"), "{verb:?} gives out: {said}");
        assert_eq!(common::snapshot(&agency.at("")), before, "{verb:?}");
    }
}

#[test]
fn a_look_that_cannot_be_put_on_record_does_not_take_place() {
    let agency = Agency::new();
    let (code, _) = agency.open(1, Some("case 7"), "first.jpg");
    assert_eq!(code, 0);
    // A log that does not authenticate is not written on.
    let bundle = agency.at("custody/audit/tile/0/000.p/2");
    std::fs::write(&bundle, [7; 64]).expect("written");
    let (code, said) = agency.open(2, Some("case 7"), "second.jpg");
    assert!(code == 3 && said.contains("audit log"), "{said}");
    assert!(!agency.at("second.jpg").exists());
    let search = agency.run(PASSPHRASE, &["search", "--vault", "vault", "--custody", "custody"]);
    assert!(!search.status.success() && search.stdout.is_empty());
}

#[test]
fn a_wrong_passphrase_is_on_record_and_outsiders_verify_a_copy() {
    let agency = Agency::new();
    let (code, _) = agency.open(1, Some("case 7"), "first.jpg");
    assert_eq!(code, 0);
    let failed = agency.run("correct horse battery stable", &["search", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(failed.status.code(), Some(3));
    assert_eq!(agency.today()["failed_unlocks"], 1);
    let (code, _) = agency.custodian(&["audit", "checkpoint", "--custody", "custody", "--renew", "-o", "monday"]);
    assert_eq!(code, 0);
    assert_eq!(agency.entries().last(), Some(&(Verb::UnlockFailed, 0, Verdict::Done)));

    let (code, _) = agency.custodian(&["search", "--vault", "vault", "--custody", "custody"]);
    assert_eq!(code, 0);
    let key = agency.run("", &["audit", "key", "--custody", "custody"]).stdout;
    std::fs::write(agency.at("vkey"), key).expect("written");
    let copied = Command::new("cp").args(["-r", "custody/audit", "copy"]).current_dir(agency.at("")).status();
    assert!(copied.expect("cp runs").success());
    let verify = ["audit", "verify", "--log", "copy", "--key", "vkey", "--since", "monday"];
    let verified = agency.run("", &verify);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    std::fs::write(agency.at("monday"), "not a note").expect("written");
    assert_eq!(agency.run("", &verify).status.code(), Some(3));
}

#[test]
fn after_long_silence_the_date_is_confirmed_before_keys_are_destroyed_or_records_leave() {
    let agency = Agency::new();
    let fate = Fate::kind();
    fate.turn_clock(jiff::SignedDuration::from_hours(-24 * 60));
    let log = AuditLog::on(Box::new(FatedStore(fate)), &agency.custodian.custody());
    let look =
        Look { verb: Verb::Pack, records: 0.into(), purpose: None, details: Details::default(), over_budget: false };
    assert!(log.record(&agency.custodian.keyring, &look).is_ok());

    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (right, wrong) = (today.to_string(), today.yesterday().expect("a day").to_string());
    let expire = ["expire", "--vault", "vault", "--custody", "custody"];
    let before = std::fs::read(agency.at("custody/keyring")).expect("read");
    for more in [&[][..], &["--confirm-date", &wrong]] {
        let (code, said) = agency.custodian(&[&expire[..], more].concat());
        assert!(code == 2 && said.contains("--confirm-date"), "{said}");
        let (code, said) = agency.export_with(1, "case 7", "copy", more);
        assert!(code == 3 && said.contains("--confirm-date"), "{said}");
    }
    assert_eq!(std::fs::read(agency.at("custody/keyring")).expect("read"), before);
    assert_eq!(agency.custodian(&[&expire[..], &["--dry-run"]].concat()).0, 0);
    let (code, said) = agency.custodian(&[&expire[..], &["--confirm-date", &right]].concat());
    assert_eq!(code, 0, "{said}");
    let (code, said) = agency.export_with(1, "case 7", "copy", &[]);
    assert_eq!(code, 0, "{said}");
    // That is told without a passphrase.
    let noted = |task: &str, what: &str| {
        let ended = agency.run("", &["audit", task, "--custody", "custody"]);
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(said.matches(what).count() == 1 && said.contains(what), "{task}: {said}");
    };
    noted("show", "on a confirmed date");
    noted("verify", &format!("is of {right}, a date that somebody confirmed"));
}

/// A clock that is a year ahead for one command: what it would date can be used by nobody when it is put right.
#[test]
fn nothing_is_dated_by_a_clock_that_nobody_confirmed() {
    let agency = Agency::new();
    let fate = Fate::kind();
    fate.turn_clock(jiff::SignedDuration::from_hours(-24 * 395));
    let log = AuditLog::on(Box::new(FatedStore(fate)), &agency.custodian.custody());
    let look =
        Look { verb: Verb::Show, records: 0.into(), purpose: None, details: Details::default(), over_budget: false };
    assert!(log.record(&agency.custodian.keyring, &look).is_ok());
    let then = agency.entries().len();

    let keyring = || std::fs::read(agency.at("custody/keyring")).expect("read");
    std::fs::write(agency.at("policy"), agency.run(PASSPHRASE, &["custody", "policy", "--custody", "custody"]).stdout)
        .expect("written");
    std::fs::write(agency.at("new"), "vexing plover amber quarry tuba").expect("written");
    let before = keyring();
    let verbs: [&[&str]; 6] = [
        &["custody", "rotate", "--custody", "custody"],
        &["custody", "pack", "--custody", "custody", "--site", "South", "-o", "south.pack"],
        &["custody", "pack", "--custody", "custody", "--site", "North Bridge", "--next", "-o", "next.pack"],
        &["custody", "policy", "--custody", "custody", "--set", "policy"],
        &["custody", "slot", "add", "--custody", "custody", "--new-passphrase-file", "new"],
        &["expire", "--vault", "vault", "--custody", "custody", "--before", "2020-01-01"],
    ];
    for verb in verbs {
        let (code, said) = agency.custodian(verb);
        assert!([2, 3].contains(&code) && said.contains("--confirm-date"), "{verb:?}: {code} {said}");
    }
    assert!(keyring() == before && !agency.at("south.pack").exists());
    let (code, said) = agency.custodian(&["audit", "verify", "--custody", "custody"]);
    assert_eq!(code, 0, "{said}");
    let key = LogKey::of(agency.custodian.keyring.verifying_key());
    let entries = AuditLog::of(&agency.custodian.custody()).entries_since(&key, 0).expect("read");
    let year_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 390);
    assert!(entries.len() > then && entries.iter().all(|recording| recording.entry.time() < year_ago));

    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let (code, said) = agency.custodian(&[verbs[0], &["--confirm-date", &today]].concat());
    assert_eq!(code, 0, "{said}");
    for verb in &verbs[1..] {
        let (code, said) = agency.custodian(verb);
        assert!(code == 0 || said.contains("has no end"), "{verb:?}: {said}");
    }
}

/// The log begins with its keyring: there is no first moment at which it can be taken away unnoticed.
#[test]
fn a_new_keyring_knows_of_its_log() {
    let agency = Agency::new();
    let fresh = |args: &[&str]| agency.custodian(&[args, &["--custody", "fresh"]].concat());
    std::fs::write(agency.at("policy"), agency.run(PASSPHRASE, &["custody", "policy", "--custody", "custody"]).stdout)
        .expect("written");
    let (code, said) = fresh(&["custody", "init", "--policy", "policy"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fresh(&["custody", "pack", "--site", "North Bridge", "-o", "fresh.pack"]).0, 0);
    let pack = safelight::custody::SitePack::read(&agency.at("fresh.pack")).expect("a pack");
    let mut vault = SealingVault::open(&agency.at("theirs"), &pack, SealingOptions::default()).expect("opens");
    vault.append(capture(1, None)).expect("taken");
    vault.finish().expect("closed");
    let search = || fresh(&["search", "--vault", "theirs"]);
    assert_eq!(search().0, 0);
    std::fs::remove_dir_all(agency.at("fresh/audit")).expect("removed");
    std::fs::remove_file(agency.at("fresh/log-head")).expect("removed");
    let (code, said) = search();
    assert!(code == 3 && said.contains("began anew"), "{said}");
    let verified = agency.run("", &["audit", "verify", "--custody", "fresh"]);
    let verified = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.contains("an earlier log was gone"), "{verified}");
}
