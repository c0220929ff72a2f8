//! Tampering: each is detected, and named as what it is.

use super::*;

#[test]
fn tampering_an_entry_is_changed() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| *entries[4].last_mut().expect("a byte") ^= 1);
    assert!(matches!(desk.only_fault(), AuditFault::EntryAltered { index: 4 }));
}

#[test]
fn tampering_two_entries_change_places() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| entries.swap(3, 6));
    let faults = desk.verify().faults;
    let places: Vec<_> =
        faults.iter().map(|fault| matches!(fault, AuditFault::EntryAltered { index: 3 | 6 })).collect();
    // And the clock may seem to go back between them, when the hour has changed meanwhile.
    assert!(places.len() >= 2 && places[0] && places[1], "{faults:?}");
}

#[test]
fn tampering_an_entry_is_left_out() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| _ = entries.remove(8));
    let faults = desk.verify().faults;
    assert!(matches!(&faults[0], AuditFault::EntryCount { expected: 9, found: 8, .. }), "{faults:?}");
}

#[test]
fn tampering_an_entry_is_repeated() {
    let desk = Desk::with(9);
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| entries.push(entries[8].clone()));
    let faults = desk.verify().faults;
    assert!(matches!(&faults[0], AuditFault::EntryCount { expected: 9, found: 10, .. }), "{faults:?}");
}

#[test]
fn tampering_an_entry_and_its_hash_are_changed() {
    use sha2::{Digest, Sha256};
    let desk = Desk::with(9);
    let mut leaf = [0; 32];
    edit_bundle(&desk, "tile/entries/000.p/9", |entries| {
        entries[4] = entries[3].clone();
        leaf = Sha256::new().chain_update([0]).chain_update(&entries[4][2..]).finalize().into();
    });
    desk.change("tile/0/000.p/9", |bytes| bytes[4 * 32..5 * 32].copy_from_slice(&leaf));
    assert!(matches!(desk.only_fault(), AuditFault::Root));
    // Nor does a writer sign such a tree.
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::Tile(TileError::Altered { .. }))));
}

#[test]
fn tampering_a_tile_of_hashes_is_changed() {
    let desk = Desk::with(300);
    desk.change("tile/1/000.p/1", |bytes| bytes[5] ^= 1);
    let path = desk.folder().join("tile/1/000.p/1");
    assert!(matches!(desk.only_fault(), AuditFault::TileAltered { path: found } if path.ends_with(&found)));
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::Tile(TileError::Altered { .. }))));
}

#[test]
fn tampering_files_are_missing() {
    for file in ["tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let desk = Desk::with(300);
        fs::remove_file(desk.folder().join(file)).expect("removed");
        let faults = desk.verify().faults;
        let named = |fault: &AuditFault| matches!(fault, AuditFault::Tile(TileError::Missing { path }) if path == Path::new(file));
        assert!(faults.iter().any(named), "{file}: {faults:?}");
    }
}

#[test]
fn tampering_the_checkpoint_is_changed() {
    let desk = Desk::with(9);
    let good = desk.note();
    for (old, new) in [("\n9\n", "\n8\n"), ("\n9\n", "\n09\n"), ("=\n\n", "=\nx\n\n")] {
        let text = String::from_utf8(good.clone()).expect("text").replacen(old, new, 1);
        desk.change("checkpoint", |bytes| *bytes = text.into_bytes());
        let fault = desk.only_fault();
        assert!(matches!(fault, AuditFault::Checkpoint(NoteError::Signature | NoteError::Malformed)), "{fault:?}");
    }
    desk.change("checkpoint", |bytes| *bytes = good.clone());
    assert!(desk.verify().is_sound());
    fs::remove_file(desk.folder().join("checkpoint")).expect("removed");
    assert!(matches!(desk.only_fault(), AuditFault::NoCheckpoint));
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::NoCheckpoint)));
}

#[test]
fn tampering_the_log_is_signed_with_another_key() {
    let desk = Desk::with(9);
    let forger = Desk::with(9);
    desk.restore(forger.copy().path());
    assert!(matches!(desk.only_fault(), AuditFault::Checkpoint(NoteError::Origin)));
    // Under the right name, with the wrong signature.
    let (right, wrong) = (desk.key().origin().to_owned(), forger.key().origin().to_owned());
    desk.change("checkpoint", |bytes| {
        *bytes = String::from_utf8(bytes.clone()).expect("text").replace(&wrong, &right).into_bytes();
    });
    assert!(matches!(desk.only_fault(), AuditFault::Checkpoint(NoteError::Unsigned)));
    assert!(AuditLog::key_beside(&desk.folder(), desk.custodian.keyring.custody()).is_none());
    assert!(desk.try_look(Verb::Open, 1, false).is_err());
}

#[test]
fn tampering_the_end_is_cut_off_with_an_older_checkpoint() {
    let desk = Desk::with(5);
    let old = desk.copy();
    desk.look(Verb::Export, 184_000);
    let kept_elsewhere = desk.note();
    desk.restore(old.path());
    // The copy is a whole log of that time: only who kept a later checkpoint can tell.
    assert!(desk.verify().is_sound());
    let fault = only(desk.verify_since(Some(kept_elsewhere)));
    assert!(matches!(fault, AuditFault::Truncated { size: 5, earlier: 6 }), "{fault:?}");
}

#[test]
fn tampering_the_end_is_cut_off_and_the_file_of_failed_unlocks_is_not() {
    let desk = Desk::with(5);
    let old = desk.copy();
    desk.look(Verb::Export, 184_000);
    fs::copy(desk.folder().join("pending"), old.path().join("audit/pending")).expect("copied");
    desk.restore(old.path());
    assert!(matches!(desk.only_fault(), AuditFault::Truncated { size: 5, earlier: 6 }));
    assert!(matches!(desk.try_look(Verb::Open, 1, false), Err(AuditError::RolledBack { size: 5, once: 6 })));
}

#[test]
fn tampering_history_is_rewritten_by_the_holder_of_the_key() {
    let desk = Desk::with(5);
    let before = desk.copy();
    desk.look(Verb::Export, 184_000);
    desk.look(Verb::Open, 1);
    let kept_elsewhere = desk.note();
    desk.restore(before.path());
    for _ in 0..3 {
        desk.look(Verb::Open, 1);
    }
    assert!(desk.verify().is_sound());
    assert!(matches!(only(desk.verify_since(Some(kept_elsewhere))), AuditFault::Forked { earlier: 7 }));
}

#[test]
fn tampering_the_log_is_removed_and_a_new_one_begins() {
    let desk = Desk::with(5);
    fs::remove_dir_all(desk.folder()).expect("removed");
    desk.fate.turn_clock(days(3));
    desk.look(Verb::Open, 1);
    let faults = desk.verify_later().faults;
    let [AuditFault::LateBeginning { begun, made }] = faults[..] else { panic!("{faults:?}") };
    assert_eq!(begun - made, 3);
}

#[test]
fn tampering_the_file_of_failed_unlocks_is_removed() {
    let desk = Desk::with(5);
    desk.fail();
    fs::remove_file(desk.folder().join("pending")).expect("removed");
    assert!(matches!(desk.only_fault(), AuditFault::Pending { finding: Finding::PendingMissing }));
    // The next unlock signs what it found.
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 5, finding: Finding::PendingMissing }]);
}

#[test]
fn tampering_a_failed_unlock_is_changed_or_taken_out_of_the_middle() {
    let frame = |bytes: &[u8], head: usize| {
        let len = u32::from_le_bytes(*bytes[head..].first_chunk().expect("a length")) as usize;
        4 + len + 32
    };
    for tampering in 0..3 {
        let desk = Desk::with(5);
        let head = fs::read(desk.folder().join("pending")).expect("read").len();
        for _ in 0..3 {
            desk.fail();
        }
        desk.change("pending", |bytes| match tampering {
            0 => bytes[head + 200] ^= 1,
            1 => {
                let first = frame(bytes, head);
                bytes.drain(head + first..head + first + frame(bytes, head + first));
            }
            _ => bytes.truncate(bytes.len() - 7),
        });
        assert!(matches!(desk.only_fault(), AuditFault::Pending { finding: Finding::PendingAltered }), "{tampering}");
        desk.look(Verb::Open, 1);
        let left = [0, 1, 2][tampering];
        let note = AuditNote::Finding { index: 5 + left as u64, finding: Finding::PendingAltered };
        assert_eq!(desk.verify().notes, [note], "{tampering}");
    }
}

#[test]
fn tampering_the_file_of_failed_unlocks_is_an_earlier_one() {
    let desk = Desk::with(5);
    let old = fs::read(desk.folder().join("pending")).expect("read");
    desk.look(Verb::Open, 1);
    desk.look(Verb::Open, 1);
    desk.fail();
    fs::write(desk.folder().join("pending"), old).expect("written");
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 7, finding: Finding::PendingReplayed }]);
}

#[test]
fn tampering_the_head_of_the_file_of_failed_unlocks_is_forged() {
    let desk = Desk::with(5);
    // Another public key, so that the custodian could not read who failed.
    desk.change("pending", |bytes| bytes[100] ^= 1);
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 5, finding: Finding::PendingAltered }]);
}

#[test]
fn tampering_the_clock_is_set_forward_and_back_again() {
    let desk = Desk::with(2);
    desk.fate.turn_clock(days(2));
    desk.look(Verb::Open, 1);
    let faults = desk.verify().faults;
    assert!(faults.iter().any(|fault| matches!(fault, AuditFault::Future { .. })), "{faults:?}");
    desk.fate.turn_clock(SignedDuration::ZERO);
    desk.look(Verb::Open, 1);
    // The writer cannot help saying so.
    let report = desk.verify();
    assert!(report.is_sound(), "{report:?}");
    assert!(matches!(report.notes[..], [AuditNote::ClockBack { .. }]), "{report:?}");
}

/// Whose clock was once ahead is not accused of anything.
#[test]
fn a_clock_that_was_once_ahead_is_told_from_tampering() {
    // A wrong passphrase after the clock was put right, and one before.
    for failing_at in [days(0), days(2)] {
        let desk = Desk::with(2);
        desk.fate.turn_clock(days(2));
        desk.look(Verb::Open, 1);
        desk.fate.turn_clock(failing_at);
        desk.fail();
        desk.fate.turn_clock(SignedDuration::ZERO);
        desk.look(Verb::Open, 1);
        let report = desk.verify();
        assert!(report.is_sound(), "{report:?}");
        assert!(report.notes.iter().all(|note| matches!(note, AuditNote::ClockBack { .. })), "{report:?}");
        let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
        assert!(entries.iter().any(|recording| recording.entry.verb == Verb::UnlockFailed));
    }
    // It can be said on record at once, within a day, too.
    let desk = Desk::with(2);
    desk.fate.turn_clock(SignedDuration::from_hours(5));
    desk.look(Verb::Open, 1);
    desk.fate.turn_clock(SignedDuration::ZERO);
    assert!(desk.verify().faults.iter().all(|fault| matches!(fault, AuditFault::Future { .. })));
    desk.log().renew(&desk.custodian.keyring).expect("renewed");
    let report = desk.verify();
    assert!(report.is_sound() && report.notes.len() == 1, "{report:?}");
    // What no clock explains is told apart.
    let desk = Desk::with(2);
    desk.fate.turn_clock(days(60));
    desk.fail();
    desk.fate.turn_clock(SignedDuration::ZERO);
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 3, finding: Finding::PendingDated }]);
}

/// Who sets the clock, tries passphrases and sets it right again is on record, as often as that was.
#[test]
fn tampering_failed_unlocks_by_a_clock_that_was_set_stay_on_record() {
    let user = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("there"));
    for (ahead, keys_are_lost) in [(60, false), (-400, false), (20_000, false), (60, true)] {
        let desk = Desk::with(2);
        desk.fate.turn_clock(days(ahead));
        let before = Timestamp::now() + days(ahead);
        (0..5).for_each(|_| desk.fail());
        desk.fate.turn_clock(SignedDuration::ZERO);
        if keys_are_lost {
            fs::remove_file(desk.folder().join("keys")).expect("removed");
        }
        let waiting = fs::read(desk.folder().join("pending")).expect("read");
        desk.look(Verb::Search, 0);
        // A writer that dies before it leaves a new file has signed them all the same, and once.
        fs::write(desk.folder().join("pending"), waiting).expect("written");
        desk.look(Verb::Search, 0);
        let report = desk.verify();
        assert!(report.is_sound(), "{ahead}: {report:?}");
        let entries = desk.log().entries_since(&desk.key(), 0).expect("read");
        let reader = desk.log().detail_reader(&desk.custodian.keyring).expect("a reader");
        let failed: Vec<_> = entries.iter().filter(|entry| entry.entry.verb == Verb::UnlockFailed).collect();
        assert_eq!(failed.len(), 5, "{ahead} days");
        for recording in &failed {
            let claimed = recording.entry.claimed.expect("its clock's hour");
            assert!(i64::from(claimed) * 3600 >= before.as_second() - 3600, "{claimed}");
            assert!(recording.entry.time() <= Timestamp::now(), "{ahead} days");
            let Told::Details(details) = reader.open(recording) else { panic!("the details are closed") };
            assert!(details.clock.is_some_and(|clock| clock / 3_600_000 == i64::from(claimed)), "{details:?}");
            // Of whom nobody can say where the keys are lost.
            let told = (details.user, details.query.as_str());
            assert_eq!(told, if keys_are_lost { (None, "") } else { (Some(user), "open") });
        }
        let found = entries.iter().filter(|entry| entry.entry.finding == Some(Finding::PendingDated));
        assert_eq!(found.map(|entry| entry.entry.records).collect::<Vec<_>>(), [5], "{ahead} days");
    }
}

/// Each file beside the tree, gone or not what its name says: anybody is told, and the next writer signs that it was so.
#[test]
fn tampering_a_file_beside_the_tree_is_gone_or_garbled() {
    type Harm = fn(&Path, Vec<u8>);
    let harms: [(&str, Harm); 5] = [
        ("gone", |_, _| ()),
        ("empty", |path, _| fs::write(path, b"").expect("written")),
        ("cut", |path, bytes| fs::write(path, &bytes[..bytes.len() / 2]).expect("written")),
        ("begun otherwise", |path, mut bytes| {
            bytes[0] ^= 1;
            fs::write(path, bytes).expect("written");
        }),
        ("a folder", |path, _| fs::create_dir(path).expect("made")),
    ];
    let files = [
        ("keys", "keys", Finding::KeysLost),
        ("vkey", "vkey", Finding::LogKeyLost),
        ("../log-head", "log-head", Finding::HeadMissing),
        ("pending", "failed unlocks", Finding::PendingMissing),
        ("checkpoint", "checkpoint", Finding::LogGone),
        ("tile/0/000.p/3", "tile/0/000.p/3", Finding::LogGone),
        ("tile/entries/000.p/3", "tile/entries/000.p/3", Finding::LogGone),
    ];
    for ((file, named, finding), (harm, does)) in files.into_iter().flat_map(|file| harms.map(|harm| (file, harm))) {
        let mut desk = Desk::new();
        desk.log().begin(&mut desk.custodian.keyring).expect("begun");
        (0..2).for_each(|_| _ = desk.look(Verb::Open, 1));
        assert!(desk.verify().is_sound());
        let path = desk.folder().join(file);
        let bytes = fs::read(&path).expect("read");
        fs::remove_file(&path).expect("removed");
        does(&path, bytes);
        let faults: Vec<String> = desk.verify().faults.iter().map(ToString::to_string).collect();
        let says = |fault: &String| {
            let of_pending = file == "pending" && fault.contains("pending");
            // Of a hash that was changed in its tile only the entry can be told.
            let of_entry = file == "tile/0/000.p/3" && fault.starts_with("entry 0 ");
            fault.contains(named) || of_pending || of_entry
        };
        assert!(faults.iter().any(says), "{file}, {harm}: {faults:?}");
        if finding == Finding::LogGone || harm == "a folder" {
            assert!(desk.try_look(Verb::Open, 1, false).is_err() || file.starts_with("tile"), "{file}, {harm}");
            continue;
        }
        desk.look(Verb::Pack, 0);
        let report = desk.verify();
        assert!(report.is_sound(), "{file}, {harm}: {report:?}");
        let altered = match finding {
            Finding::HeadMissing => Finding::HeadAltered,
            Finding::PendingMissing => Finding::PendingAltered,
            finding => finding,
        };
        let finding = if harm == "gone" { finding } else { altered };
        let found = |note: &AuditNote| matches!(note, AuditNote::Finding { finding: found, .. } if *found == finding);
        assert!(report.notes.iter().any(found), "{file}, {harm}: {report:?}");
    }
}

/// Outsiders get a copy of the log alone.
#[test]
fn a_copy_of_the_log_alone_may_lack_what_is_the_custodians() {
    let desk = Desk::with(3);
    fs::remove_file(desk.head()).expect("removed");
    for file in ["keys", "vkey", "lock"] {
        fs::remove_file(desk.folder().join(file)).expect("removed");
    }
    let verify = |alone| {
        let against = Verification { alone, ..Verification::default() };
        verify(&desk.folder(), &desk.key(), &against, Timestamp::now()).expect("verified")
    };
    let report = verify(true);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.notes, ["keys", "vkey", "lock"].map(|file| AuditNote::Lacking { file }));
    let faults: Vec<String> = verify(false).faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["keys is missing", "vkey is missing", "../log-head is missing"]);
    // What is there is of its form.
    fs::write(desk.folder().join("keys"), b"something").expect("written");
    assert!(matches!(only(verify(true)), AuditFault::NotOfItsForm { path } if path == Path::new("keys")));
}

#[test]
fn tampering_the_keys_of_the_details_are_lost() {
    let desk = Desk::with(5);
    fs::remove_file(desk.folder().join("keys")).expect("removed");
    desk.look(Verb::Open, 1);
    assert_eq!(desk.verify().notes, [AuditNote::Finding { index: 5, finding: Finding::KeysLost }]);
}
