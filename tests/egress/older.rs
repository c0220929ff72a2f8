//! An older copy of the keyring, put back: what was changed since would be undone without a word.

use super::*;

/// Before this there are two captures.
const EARLY: &str = "2023-11-14T22:13:20.002Z";

#[test]
fn an_older_keyring_put_back_is_worked_with_by_no_verb() {
    let agency = Agency::new();
    let keyring = agency.at("custody/keyring");
    let policy = agency.custodian.keyring.policy().to_toml().replace("records_per_day = 50", "records_per_day = 40");
    std::fs::write(agency.at("stricter.toml"), policy).expect("written");
    let changes: [&[&str]; 4] = [
        &["custody", "pack", "--custody", "custody", "--site", "South", "-o", "south.pack"],
        &["custody", "rotate", "--custody", "custody"],
        &["custody", "policy", "--custody", "custody", "--set", "stricter.toml"],
        &["custody", "slot", "add", "--custody", "custody", "--shares", "2/2", "-o", "a.txt", "-o", "b.txt"],
    ];
    for change in changes {
        let older = std::fs::read(&keyring).expect("read");
        let (code, said) = agency.custodian(change);
        assert_eq!(code, 0, "{change:?}: {said}");
        let newest = std::fs::read(&keyring).expect("read");

        // At once, before anything else is on record.
        std::fs::write(&keyring, &older).expect("written");
        let verbs: [&[&str]; 5] = [
            &["search", "--vault", "vault", "--custody", "custody", "--to", EARLY],
            &["check", "--deep", "--vault", "vault", "--custody", "custody"],
            &["expire", "--vault", "vault", "--custody", "custody"],
            &["custody", "pack", "--custody", "custody", "--site", "East", "-o", "east.pack"],
            &["custody", "rotate", "--custody", "custody"],
        ];
        for verb in verbs {
            let (code, said) = agency.custodian(verb);
            assert!(code == 3 && said.contains("an older copy"), "{change:?}, then {verb:?}: {code} {said}");
        }
        let (code, said) = agency.open(1, Some("case 7"), "1.jpg");
        assert!(code == 3 && said.contains("an older copy") && !agency.at("1.jpg").exists(), "{change:?}: {said}");
        assert_eq!(std::fs::read(&keyring).expect("read"), older);
        assert!(!agency.at("east.pack").exists());

        std::fs::write(&keyring, newest).expect("written");
        let (code, said) = agency.custodian(&["search", "--vault", "vault", "--custody", "custody", "--to", EARLY]);
        assert_eq!(code, 0, "{change:?}: {said}");
    }
}

/// Where the newest is lost for good, its log goes with it, and that is on record.
#[test]
fn an_older_keyring_is_worked_with_after_its_log_was_put_away_and_lets_nothing_out_that_day() {
    let agency = Agency::new();
    let pack = |site: &str| {
        let to = format!("{site}.pack");
        let (code, said) = agency.custodian(&["custody", "pack", "--custody", "custody", "--site", site, "-o", &to]);
        assert_eq!(code, 0, "{said}");
    };
    pack("South");
    let older = std::fs::read(agency.at("custody/keyring")).expect("read");
    pack("East");
    std::fs::write(agency.at("custody/keyring"), older).expect("written");
    for name in ["audit", "log-head"] {
        std::fs::rename(agency.at("custody").join(name), agency.at(name)).expect("moved");
    }
    let (code, said) = agency.open(2, Some("case 7"), "2.jpg");
    assert!(code == 3 && said.contains("began anew") && !agency.at("2.jpg").exists(), "{code} {said}");
}

/// Two commands at a time are no older keyring.
#[test]
fn a_command_goes_on_whose_keyring_another_one_changed_meanwhile() {
    let agency = Agency::new();
    let (code, said) =
        agency.custodian(&["custody", "pack", "--custody", "custody", "--site", "South", "-o", "s.pack"]);
    assert_eq!(code, 0, "{said}");
    let log = AuditLog::of(&agency.custodian.custody());
    let look = || Look {
        verb: Verb::Search,
        records: 1.into(),
        purpose: None,
        details: Details::default(),
        over_budget: false,
    };
    // It was opened before the pack was issued.
    let opened = &agency.custodian.keyring;
    assert_eq!(log.record(opened, &look()).expect("recorded").verdict, Verdict::Done);
    // And this is of no use to one who replaces the file under it.
    let generation = opened.generation();
    std::fs::write(agency.at("custody/keyring"), older(&agency)).expect("written");
    match log.record(opened, &look()) {
        Err(AuditError::OlderKeyring { generation: found, once }) => assert!(found == generation && once > found),
        other => panic!("{:?}", other.map(|recorded| recorded.verdict)),
    }
}

/// The file that `agency`'s keyring was opened from.
fn older(agency: &Agency) -> Vec<u8> {
    let now = std::fs::read(agency.at("custody/keyring")).expect("read");
    let mut older = now;
    // The generation is in plain, behind magic, version, suite, length and id.
    older[32..40].copy_from_slice(&agency.custodian.keyring.generation().to_le_bytes());
    older
}
