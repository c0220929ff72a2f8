//! Keyrings, packs and passphrases as their holders see them.

mod common;

use std::fs;

use common::{CHEAP, Custodian, PASSPHRASE, passphrase};
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
    let mut custodian = Custodian::new();
    // Terms that end on every kind of day, from the last of a long month to a leap day.
    let starts = ["2026-01-31T23:59:59Z", "2027-11-30T00:00:00Z", "2028-02-29T12:00:00Z", "2026-12-31T00:00:00Z"];
    for (at, start) in starts.into_iter().enumerate() {
        let now: Timestamp = start.parse().expect("a timestamp");
        for valid_days in [1, 31, 400] {
            let to = custodian.folder.path().join(format!("{at}-{valid_days}.pack"));
            let request = PackRequest { site: "South Gate", valid_days, now };
            let pack = custodian.keyring.issue_pack(&request, &to).expect("issued");
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
