//! Key slots as their holders see them: shares, second slots, drills, removal.

mod common;

use std::fs;

use common::{CHEAP, Custodian, passphrase};
use jiff::Timestamp;
use safelight::custody::{
    Keyring, KeyringError, PackRequest, Passphrase, Policy, Quorum, RecipientError, RecipientKeys, Share, ShareVerdict,
    SlotKind, SlotRole, SlotTerms,
};
use safelight::seal::{Capability, SlotId};

fn terms(role: SlotRole, label: &str) -> SlotTerms {
    SlotTerms { role, label: Some(label.to_owned()), now: Timestamp::now() }
}

fn text(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

fn add_shares(keyring: &mut Keyring, quorum: (u8, u8), role: SlotRole) -> (SlotId, Vec<Share>) {
    let quorum = Quorum::new(quorum.0, quorum.1).expect("a quorum");
    let (draft, shares) = keyring.draft_shares_slot(quorum, terms(role, "board"));
    (keyring.add_slot(draft).expect("added"), shares)
}

fn add_passphrase(keyring: &mut Keyring, secret: &str, role: SlotRole) -> SlotId {
    let draft = keyring.draft_passphrase_slot(&text(secret), CHEAP, terms(role, "night shift")).expect("drafted");
    keyring.add_slot(draft).expect("added")
}

/// As a holder would bring them: read from text again.
fn brought(shares: &[Share], indices: &[usize]) -> Vec<Share> {
    indices.iter().map(|&at| Share::parse(&shares[at].lines()).expect("a share")).collect()
}

#[test]
fn any_three_of_five_shares_open_the_keyring_and_no_two_do() {
    let mut custodian = Custodian::new();
    let (_, shares) = add_shares(&mut custodian.keyring, (3, 5), SlotRole::First);
    let folder = custodian.custody();
    let keys = custodian.keyring.opening_keys(&Capability::ALL).len();
    let mut opened = 0;
    for a in 0..5 {
        for b in a + 1..5 {
            let two = Keyring::open(&folder, brought(&shares, &[b, a]).as_slice());
            assert!(matches!(two, Err(KeyringError::TooFewShares { good: 2, needed: 3 })));
            for c in b + 1..5 {
                let three = brought(&shares, &[c, a, b]);
                let keyring = Keyring::open(&folder, three.as_slice()).expect("any three open it");
                assert_eq!(keyring.custody(), custodian.keyring.custody());
                assert_eq!(keyring.opening_keys(&Capability::ALL).len(), keys);
                opened += 1;
            }
        }
    }
    assert_eq!(opened, 10);
    assert!(Keyring::open(&folder, &passphrase()).is_ok(), "the passphrase still does");
}

#[test]
fn shares_of_two_splits_do_not_mix_and_are_told_apart() {
    let (mut ours, mut theirs) = (Custodian::new(), Custodian::new());
    let (first, one) = add_shares(&mut ours.keyring, (2, 3), SlotRole::First);
    let (_, two) = add_shares(&mut ours.keyring, (2, 3), SlotRole::First);
    let (_, foreign) = add_shares(&mut theirs.keyring, (2, 3), SlotRole::First);
    let folder = ours.custody();
    let mut mixed = brought(&one, &[0]);
    mixed.extend(brought(&two, &[1]));
    mixed.extend(brought(&foreign, &[2]));
    let refused = Keyring::open(&folder, mixed.as_slice());
    assert!(matches!(refused, Err(KeyringError::TooFewShares { good: 1, needed: 2 })));
    let drill = Keyring::rehearse(&folder, mixed.as_slice()).expect("rehearsed");
    assert!(drill.opens.is_empty());
    let verdicts: Vec<_> = drill.shares.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, [ShareVerdict::Good, ShareVerdict::Good, ShareVerdict::OtherCustodian]);
    assert_eq!(drill.shares[0].1.as_ref().map(|slot| slot.id), Some(first));
    assert!(matches!(Keyring::open(&folder, brought(&foreign, &[0, 1]).as_slice()), Err(KeyringError::ForeignShares)));

    // A removed slot's shares are named as such.
    ours.keyring.remove_slot(first).expect("removed");
    let drill = Keyring::rehearse(&folder, brought(&one, &[0, 1, 2]).as_slice()).expect("rehearsed");
    assert!(drill.opens.is_empty() && drill.shares.iter().all(|(verdict, _)| *verdict == ShareVerdict::OtherSlot));
}

#[test]
fn a_drill_opens_slots_and_not_the_body() {
    let mut custodian = Custodian::new();
    let (slot, shares) = add_shares(&mut custodian.keyring, (2, 3), SlotRole::First);
    let folder = custodian.custody();
    let path = folder.join("keyring");
    let whole = fs::read(&path).expect("read");
    // A damaged body does not disturb a drill: it is not read beyond its commitment.
    let mut damaged = whole.clone();
    *damaged.last_mut().expect("a byte") ^= 1;
    fs::write(&path, &damaged).expect("written");
    let drill = Keyring::rehearse(&folder, brought(&shares, &[2, 0]).as_slice()).expect("rehearsed");
    assert_eq!(drill.opens.iter().map(|slot| slot.id).collect::<Vec<_>>(), [slot]);
    assert_eq!(drill.custody, custodian.keyring.custody());
    assert!(matches!(Keyring::open(&folder, &passphrase()), Err(KeyringError::Damaged)));

    // A keyring key that the body is not sealed under is no keyring key.
    let slots_end = 40 + u32::from_le_bytes(whole[12..16].try_into().expect("four bytes")) as usize;
    let mut exchanged = whole.clone();
    exchanged[slots_end + 30] ^= 1;
    fs::write(&path, &exchanged).expect("written");
    let drill = Keyring::rehearse(&folder, brought(&shares, &[2, 0]).as_slice());
    assert!(matches!(drill, Err(KeyringError::Damaged)));

    fs::write(&path, &whole).expect("written");
    assert!(Keyring::rehearse(&folder, &text("not it at all")).expect("rehearsed").opens.is_empty());
    assert_eq!(Keyring::rehearse(&folder, &passphrase()).expect("rehearsed").opens.len(), 1);
    assert_eq!(fs::read(&path).expect("read"), whole, "a drill writes nothing");
}

#[test]
fn slots_come_and_go_and_the_last_one_stays() {
    let mut custodian = Custodian::new();
    let folder = custodian.custody();
    let keys = custodian.keyring.opening_keys(&Capability::ALL).len();
    let first = custodian.keyring.slots().next().expect("a slot").id;
    assert!(matches!(custodian.keyring.remove_slot(first), Err(KeyringError::LastSlot)));
    assert!(matches!(custodian.keyring.remove_slot(SlotId([1; 16])), Err(KeyringError::NoSlot { .. })));

    let second = add_passphrase(&mut custodian.keyring, "another way in, by night", SlotRole::First);
    let backup = fs::read(folder.join("keyring")).expect("read");
    custodian.keyring.remove_slot(first).expect("removed");
    assert!(matches!(Keyring::open(&folder, &passphrase()), Err(KeyringError::WrongPassphrase)));
    let keyring = Keyring::open(&folder, &text("another way in, by night")).expect("opens");
    assert_eq!(keyring.opening_keys(&Capability::ALL).len(), keys);
    assert_eq!(keyring.opened_by(), Some(second));
    let (custody, slots) = Keyring::slots_in(&folder).expect("listed without a secret");
    assert_eq!((custody, slots.len()), (keyring.custody(), 1));
    assert_eq!((slots[0].id, slots[0].kind, slots[0].role), (second, SlotKind::Passphrase, SlotRole::First));
    assert_eq!(slots[0].label.as_deref(), Some("night shift"));

    // What SECURITY.md says of backups: the old file still opens with the removed slot.
    fs::write(folder.join("keyring"), backup).expect("written");
    assert!(Keyring::open(&folder, &passphrase()).is_ok());
}

#[test]
fn identities_take_two_slots_once_there_is_a_second() {
    let mut custodian = Custodian::new();
    let folder = custodian.custody();
    let identity = [Capability::Identity];
    let keys = custodian.keyring.opening_keys(&identity).len();
    assert!(keys > 0 && custodian.keyring.dual_barrier().is_none());
    assert!(matches!(custodian.keyring.unlock_second(&text("comptroller")), Err(KeyringError::NoSecondSlot)));
    let second = add_passphrase(&mut custodian.keyring, "the comptroller's own", SlotRole::Second);

    let mut keyring = Keyring::open(&folder, &passphrase()).expect("opens");
    assert_eq!(keyring.opening_keys(&identity).len(), 0);
    assert!(matches!(keyring.dual_barrier(), Some(KeyringError::SecondSlotNeeded)));
    let others = [Capability::Catalogue, Capability::Scene];
    assert_eq!(keyring.opening_keys(&Capability::ALL).len(), keyring.opening_keys(&others).len());
    // Neither opens for the other, and the first does not count twice.
    assert!(matches!(Keyring::open(&folder, &text("the comptroller's own")), Err(KeyringError::WrongPassphrase)));
    assert!(matches!(keyring.unlock_second(&passphrase()), Err(KeyringError::WrongSecond)));
    assert!(matches!(keyring.remove_slot(second), Err(KeyringError::SecondSlotNeeded)));

    // Packs are issued with one slot; what they add is locked, too.
    let to = custodian.folder.path().join("later.pack");
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(24 * 400);
    keyring.issue_pack(&PackRequest { site: "North Bridge", valid_days: 30, now: later }, &to).expect("issued");
    assert_eq!(keyring.opening_keys(&identity).len(), 0);
    keyring.unlock_second(&text("the comptroller's own")).expect("two holders");
    let unlocked = keyring.opening_keys(&identity).len();
    assert!(unlocked > keys && keyring.dual_barrier().is_none());

    // Another second slot, of shares; then the first of them goes, and its holder is out.
    let (_, shares) = add_shares(&mut keyring, (2, 2), SlotRole::Second);
    keyring.remove_slot(second).expect("removed");
    let mut keyring = Keyring::open(&folder, &passphrase()).expect("opens");
    assert!(matches!(keyring.unlock_second(&text("the comptroller's own")), Err(KeyringError::WrongSecond)));
    keyring.unlock_second(shares.as_slice()).expect("two holders and a board");
    assert_eq!(keyring.opening_keys(&identity).len(), unlocked);

    // Without a second slot the first opens everything again, unless the policy forbids it.
    let last = keyring.slots().find(|slot| slot.role == SlotRole::Second).expect("a second slot").id;
    keyring.set_policy(Policy { dual_control: true, ..Policy::default() }, jiff::Timestamp::now()).expect("decided");
    assert!(matches!(keyring.remove_slot(last), Err(KeyringError::DualControl)));
    keyring.set_policy(Policy::default(), jiff::Timestamp::now()).expect("decided");
    keyring.remove_slot(last).expect("removed");
    assert_eq!(Keyring::open(&folder, &passphrase()).expect("opens").opening_keys(&identity).len(), unlocked);
}

#[test]
fn a_policy_of_dual_control_bars_identities_until_there_is_a_second_slot() {
    let mut custodian = Custodian::new();
    custodian
        .keyring
        .set_policy(Policy { dual_control: true, ..Policy::default() }, jiff::Timestamp::now())
        .expect("decided");
    assert!(matches!(custodian.keyring.dual_barrier(), Some(KeyringError::NoSecondSlot)));
    assert_eq!(custodian.keyring.opening_keys(&[Capability::Identity]).len(), 0);
    add_passphrase(&mut custodian.keyring, "the comptroller's own", SlotRole::Second);
    assert!(custodian.keyring.dual_barrier().is_none(), "both were there when it was added");
}

/// Whatever is made to be opened by words is not made to be opened by such as are soon guessed.
#[test]
fn no_slot_and_no_recipients_key_takes_a_weak_passphrase() {
    let custodian = Custodian::new();
    let before = fs::read(custodian.custody().join("keyring")).expect("read");
    let key = custodian.folder.path().join("partner.key");
    for weak in ["", "password123", "20190401", "correct horse"] {
        for role in [SlotRole::First, SlotRole::Second] {
            let refused = custodian.keyring.draft_passphrase_slot(&text(weak), CHEAP, terms(role, "night shift")).err();
            assert!(matches!(refused, Some(KeyringError::Passphrase(_))), "{weak:?}: {refused:?}");
        }
        let refused = RecipientKeys::generate().write_sealed(&key, &text(weak), CHEAP).err();
        assert!(matches!(refused, Some(RecipientError::Passphrase(_))), "{weak:?}: {refused:?}");
    }
    assert!(!key.exists());
    assert_eq!(fs::read(custodian.custody().join("keyring")).expect("read"), before);
}

/// One who knows both passphrases is both holders, whichever of them came first.
#[test]
fn no_passphrase_opens_a_slot_of_each_kind() {
    let mut custodian = Custodian::new();
    add_passphrase(&mut custodian.keyring, "the night shift's very own", SlotRole::First);
    let refused = |keyring: &Keyring, secret: &str, role| {
        let draft = keyring.draft_passphrase_slot(&text(secret), CHEAP, terms(role, "night shift"));
        matches!(draft, Err(KeyringError::OtherHolders))
    };
    // Also that of a slot which is not the one that is open.
    for first in [common::PASSPHRASE, "the night shift's very own"] {
        assert!(refused(&custodian.keyring, first, SlotRole::Second), "{first}");
        assert!(!refused(&custodian.keyring, first, SlotRole::First), "{first}");
    }
    add_passphrase(&mut custodian.keyring, "the comptroller's own", SlotRole::Second);
    assert!(refused(&custodian.keyring, "the comptroller's own", SlotRole::First));
}
