//! What journals, a keyring and a site's state say of a vault: written anew, cut, rolled back, or not to be opened.

use super::*;

/// A journal as somebody writes it who can write to the vault and has no key: its frames but those that `change` takes out, the
/// chain computed anew, and any MACs.
fn rewritten(journal: &[u8], change: impl Fn(u32, &[u8]) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut bytes = journal[..80].to_vec();
    let mut chain = *blake3::hash(&bytes).as_bytes();
    for ends in frames(journal).windows(2) {
        let frame = &journal[ends[0]..ends[1] - 64];
        let kind = u32::from_le_bytes(*frame.first_chunk().expect("a frame"));
        for frame in change(kind, frame) {
            chain = *blake3::Hasher::new().update(&chain).update(&frame).finalize().as_bytes();
            bytes.extend([frame.as_slice(), &chain, &[0x5a; 32]].concat());
        }
    }
    bytes
}

/// A theft that a journal written anew hides from whoever has no key.
#[test]
fn a_journal_written_anew_is_noticed_by_every_verb_with_the_keyring() {
    let place = Place::new();
    let found = place.run(&SEARCH);
    let hits: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON");
    let records: Vec<&str> =
        hits["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["record"].as_str()).collect();
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let whole = fs::read(&journal).expect("read");
    let (gone, stays) = (place.segments().remove(0), place.segments().remove(1));
    let id = safelight::seal::SegmentId::parse(name_of(&gone)).expect("an id").0;
    fs::remove_file(&gone).expect("removed");
    let left_out = |_: u32, frame: &[u8]| if frame[8..24] == id { vec![] } else { vec![frame.to_vec()] };
    let withdrawn = |kind: u32, frame: &[u8]| match (frame[8..24] == id, kind) {
        (true, 1) => vec![frame.to_vec(), [&[3, 0, 0, 0, 0, 0, 0, 0], &frame[8..56]].concat()],
        (true, _) => vec![],
        (false, _) => vec![frame.to_vec()],
    };
    fs::write(place.at("list.txt"), name_of(&stays)).expect("written");
    let alone = ["check", "--vault", "vault"];
    for (at, forged) in [rewritten(&whole, left_out), rewritten(&whole, withdrawn)].iter().enumerate() {
        fs::write(&journal, forged).expect("written");
        let check = place.run(&alone);
        assert!(check.code == Some(0) && !check.stdout.to_lowercase().contains("whole"), "without a key: {check:?}");
        let id = place.site.custodian.keyring.custody().to_string();
        let check = place.run(&[&alone[..], &["--custodian", &id]].concat());
        assert!(check.code == Some(0) && !check.stdout.to_lowercase().contains("whole"), "with the id: {check:?}");
        assert!(check.stdout.contains("nothing vouches for the segments"), "{check:?}");

        let search = place.run(&SEARCH);
        assert_eq!((len(&search, "hits"), len(&search, "damaged")), (1, 1), "{search:?}");
        let copy = format!("copy{at}");
        let own = ["--vault", "vault", "--custody", "custody"];
        let with = |verb: &[&str]| place.run(&[verb, &own].concat());
        let outputs: Vec<String> = (0..2).map(|number| format!("open{at}{number}")).collect();
        let opened: Vec<Ended> =
            records.iter().zip(&outputs).map(|(record, out)| with(&["open", record, "-o", out])).collect();
        assert_eq!(outputs.iter().filter(|out| place.at(out).exists()).count(), 1, "{opened:?}");
        let opened = opened.into_iter().find(|ended| ended.stderr.contains("damaged: ")).expect("one is there");
        let ended = [
            search,
            opened,
            place.run(&export("scene", &copy)),
            with(&["impact", "list.txt"]),
            with(&["expire", "--dry-run"]),
            with(&["expire"]),
        ];
        for ended in ended {
            assert_eq!(ended.code, Some(3), "{ended:?}");
            assert!(ended.stderr.contains("not written with this site's key"), "{ended:?}");
        }
        assert!(place.at(&copy).exists(), "it gives what it has");
        for more in [&["--custody", "custody"][..], &["--deep", "--custody", "custody"], &["--pack", "site.pack"]] {
            let check = place.run(&[&alone[..], more].concat());
            assert_eq!(check.code, Some(3), "{more:?}: {check:?}");
        }
    }
    fs::write(&journal, whole).expect("written");
    assert_eq!(place.run(&SEARCH).code, Some(1), "the segment is missing now");
}

/// "Whole" is said of what was verified: by which site's journal, and of nothing where nothing is.
#[test]
fn a_check_says_what_it_has_verified_and_what_not() {
    let place = Place::new();
    let mut keyring = Keyring::open(&place.at("custody"), &common::passphrase()).expect("opens");
    let request = PackRequest { site: "South Gate", valid_days: 30, now: jiff::Timestamp::now() };
    let pack = keyring.issue_pack(&request, &place.at("south.pack")).expect("issued");
    let (journals, segments) = (files_below(&place.at("vault/journals")), place.segments());
    let whole = |more: &[&str]| {
        let ended = place.run(&[&["check", "--vault", "vault"], more].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let deep = ["--deep", "--custody", "custody"];
    let before = whole(&deep);
    assert!(before.contains("Whole by the journal of \"North Bridge\": "), "{before}");
    assert!(before.contains("No journal is in it of \"South Gate\"") && !before.contains("check --deep"), "{before}");
    place.site.put("3.jpg", &photo(3));
    let south = Ended::of(place.site.command_with(&place.at("south.pack"), &place.at("vault")).output().expect("runs"));
    assert_eq!(south.code, Some(0), "{south:?}");
    let both = whole(&deep);
    assert!(both.contains("The vault is whole, by the journals of \"North Bridge\", \"South Gate\": "), "{both}");
    for (pack, own) in [("site.pack", "North Bridge"), ("south.pack", "South Gate")] {
        let said = whole(&["--pack", pack]);
        assert!(said.contains(&format!("Whole by the journal of {own:?}: ")), "{said}");
        assert!(said.contains("How many could not be examined, is told by check --deep"), "{said}");
        assert!(said.contains("nothing vouches for what other sites have sealed: 1 journal not verified"), "{said}");
        assert!(!said.contains("The vault is whole"), "{said}");
    }
    // One site's journal forged: the other's pack does not vouch for it.
    let journal = place.at("vault/journals").join(pack.journal().to_string());
    let bytes = fs::read(&journal).expect("read");
    fs::write(&journal, rewritten(&bytes, |_, frame| vec![frame.to_vec()])).expect("written");
    let said = whole(&["--pack", "site.pack"]);
    assert!(said.contains("1 journal not verified") && !said.contains("The vault is whole"), "{said}");
    // All that it sealed is gone, and its journal.
    fs::remove_file(&journal).expect("removed");
    place
        .segments()
        .iter()
        .filter(|path| !segments.contains(path))
        .for_each(|path| fs::remove_file(path).expect("removed"));
    let said = whole(&["--pack", "site.pack"]);
    assert!(
        said.contains("Nothing vouches for what other sites may have sealed") && !said.contains("The vault is whole"),
        "{said}"
    );
    let said = whole(&deep);
    assert!(said.contains("No journal is in it of \"South Gate\"") && !said.contains("The vault is whole"), "{said}");

    // Of nothing nothing is whole.
    assert_eq!(place.run(&export("metadata", "copy")).code, Some(0));
    files_below(&place.at("copy/segments")).iter().for_each(|path| fs::remove_file(path).expect("removed"));
    segments.iter().chain(&journals).for_each(|path| fs::remove_file(path).expect("removed"));
    let id = keyring.custody().to_string();
    for args in [&["--vault", "copy", "--custodian", &id][..], &["--vault", "vault", "--custodian", &id]] {
        let ended = place.run(&[&["check"], args].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("Nothing is in it."), "{ended:?}");
        assert!(!ended.stdout.to_lowercase().contains("whole"), "{ended:?}");
    }
    let said = whole(&deep);
    assert!(said.contains("Nothing is in it.") && !said.to_lowercase().contains("whole"), "{said}");
}

/// Whoever can write to the vault can write a journal that holds together; only the site's key makes one that is the site's.
#[test]
fn a_forged_journal_is_found_with_the_keyring() {
    let place = Place::new();
    let deep = ["check", "--vault", "vault", "--deep", "--custody", "custody"];
    assert_eq!(place.run(&deep).code, Some(0));
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let whole = fs::read(&journal).expect("read");
    // The first frame's MAC: 32 bytes behind its chain.
    let mut forged = whole.clone();
    forged[80 + 56 + 64 * 16 + 32] ^= 1;
    fs::write(&journal, &forged).expect("written");
    assert_eq!(place.run(&["check", "--vault", "vault"]).code, Some(0), "nobody can tell without a key");
    let ended = place.run(&deep);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("not written with this site's key"), "{ended:?}");
    // Under a name of its own, as of a site that there never was.
    fs::remove_file(&journal).expect("removed");
    let id = safelight::seal::JournalId([7; 16]);
    let mut header = whole[..80].to_vec();
    header[32..48].copy_from_slice(&id.0);
    let hash = *blake3::hash(&header[..48]).as_bytes();
    header[48..].copy_from_slice(&hash);
    fs::write(place.at("vault/journals").join(id.to_string()), header).expect("written");
    let ended = place.run(&deep);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("of no site that this keyring knows"), "{ended:?}");
}

/// A keyring from before a rotation: what was sealed since is whole by its hash, and nobody says more of it.
#[test]
fn what_a_deep_check_cannot_open_is_not_called_whole() {
    let place = Place::new();
    let copied = Command::new("cp").args(["-r", "custody", "earlier"]).current_dir(place.at("")).status();
    assert!(copied.expect("cp runs").success());
    let mut keyring = Keyring::open(&place.at("custody"), &common::passphrase()).expect("opens");
    keyring.rotate(None, jiff::Timestamp::now()).expect("rotated");
    let request = PackRequest { site: "North Bridge", valid_days: 30, now: jiff::Timestamp::now() };
    keyring.issue_pack(&request, &place.at("next.pack")).expect("issued");
    place.site.put("3.jpg", &photo(3));
    let next = place.site.command_with(&place.at("next.pack"), &place.at("vault")).output().expect("runs");
    assert_eq!(Ended::of(next).code, Some(0));

    let deep = |custody| place.run(&["check", "--deep", "--vault", "vault", "--custody", custody]);
    let all = deep("custody");
    assert!(all.code == Some(0) && all.stdout.contains("The vault is whole"), "{all:?}");
    let part = deep("earlier");
    assert_eq!(part.code, Some(1), "{part:?}");
    assert!(part.stdout.contains("What was opened is whole") && !part.stdout.contains("vault is whole"), "{part:?}");
    assert!(part.stdout.contains("3 sections not opened"), "{part:?}");
    let json = place.run(&["check", "--deep", "--vault", "vault", "--custody", "earlier", "--json"]);
    let told = ["captures", "opened_sections", "unopened_sections"].map(|name| json.number(name));
    assert_eq!((json.code, told), (Some(1), [2, 6, 3]), "{json:?}");
}

const CHECK: [&str; 5] = ["check", "--vault", "vault", "--pack", "site.pack"];

/// The lengths at which a journal's frames end.
fn frames(journal: &[u8]) -> Vec<usize> {
    let mut ends = vec![80];
    while let Some(head) = journal[*ends.last().expect("one")..].first_chunk::<8>() {
        let digests = u32::from_le_bytes(*head[4..].first_chunk().expect("4 of 8 bytes")) as usize;
        ends.push(ends.last().expect("one") + 56 + 16 * digests + 64);
    }
    ends
}

/// What the vault alone cannot tell: its newest segment is gone, and with it all that its journal says of it.
#[test]
fn a_vault_that_lost_its_end_is_noticed_by_its_site() {
    let place = Place::new();
    let journal = files_below(&place.at("vault/journals")).remove(0);
    let first = fs::read(&journal).expect("read");
    let before: Vec<_> = place.segments();
    place.site.put("3.jpg", &photo(3));
    assert_eq!(place.ingest().code, Some(0));
    let sound = place.run(&CHECK);
    assert_eq!(sound.code, Some(0), "{sound:?}");
    let newest = place.segments().into_iter().find(|path| !before.contains(path)).expect("a third segment");
    let (bytes, whole) = (fs::read(&newest).expect("read"), fs::read(&journal).expect("read"));
    fs::remove_file(&newest).expect("removed");
    // Cut before its intent, and right behind it: as if the last run had died before the segment got its name.
    let ends = frames(&whole);
    assert_eq!(ends.last(), Some(&whole.len()));
    for end in [first.len(), ends[ends.len() - 2]] {
        fs::write(&journal, &whole[..end]).expect("written");
        let alone = place.run(&["check", "--vault", "vault"]);
        assert_eq!(alone.code, Some(0), "the vault alone cannot tell");
        assert!(alone.stdout.contains("--pack"), "and says so: {alone:?}");
        let check = place.run(&CHECK);
        assert_eq!(check.code, Some(3), "{end}: {check:?}");
        assert!(check.stdout.contains(name_of(&newest)), "{check:?}");
        let ingest = place.ingest();
        ingest.failed(3, name_of(&newest), "--adopt");
        assert_eq!(fs::read(&journal).expect("read"), &whole[..end], "nothing was written");
    }
    // Put back, it is as before; and whoever knows goes on without.
    fs::write(&newest, &bytes).expect("written");
    fs::write(&journal, &whole).expect("written");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
    fs::remove_file(&newest).expect("removed");
    fs::write(&journal, &first).expect("written");
    let adopted = place.site.ingest(&["--adopt"]);
    assert_eq!((adopted.code, adopted.number("sealed")), (Some(0), 1), "{adopted:?}");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
}

#[test]
fn a_vault_that_was_rolled_back_or_forked_is_noticed_by_its_site() {
    let place = Place::new();
    let copy = place.at("earlier");
    let clone = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-r").args([from, to]).status().expect("cp runs").success());
    };
    clone(&place.at("vault"), &copy);
    place.site.put("3.jpg", &photo(3));
    assert_eq!(place.ingest().code, Some(0));
    fs::rename(place.at("vault"), place.at("newer")).expect("moved");
    clone(&copy, &place.at("vault"));
    place.ingest().failed(3, "behind", "--adopt");
    // Somebody goes on in the earlier copy without the state: its journal is then another, however long.
    let state = place.at("site.pack.state");
    let kept = fs::read(&state).expect("the state is beside the pack");
    fs::remove_file(&state).expect("removed");
    for number in 4..6 {
        place.site.put(&format!("{number}.jpg"), &photo(number));
        let run = place.site.ingest(&[]);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    fs::write(&state, &kept).expect("written");
    place.ingest().failed(3, "parts from", "--adopt");
    assert_eq!(place.run(&CHECK).code, Some(3));
    // The newer one is whole, and ahead of an older state: no alarm.
    fs::rename(place.at("vault"), place.at("forked")).expect("moved");
    fs::rename(place.at("newer"), place.at("vault")).expect("moved");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
    fs::write(&state, &kept).expect("written");
    assert_eq!((place.run(&CHECK).code, place.ingest().code), (Some(0), Some(0)));
}

#[test]
fn a_state_is_kept_by_its_owner_only_and_its_loss_and_damage_are_said() {
    let place = Place::new();
    let state = place.at("site.pack.state");
    let bytes = fs::read(&state).expect("the state is beside the pack");
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&state).expect("there").permissions()) & 0o777,
        0o600
    );
    let mut altered = bytes.clone();
    altered[40] ^= 1;
    fs::write(&state, altered).expect("written");
    place.ingest().failed(3, "was altered", "backup");
    fs::remove_file(&state).expect("removed");
    let check = place.run(&CHECK);
    assert!(check.code == Some(0) && check.stdout.contains("keeps no state"), "{check:?}");
    let begun = place.site.ingest(&[]);
    assert!(begun.code == Some(0) && field(&begun, "state_begun") == true, "{begun:?}");
    let again = place.site.ingest(&[]);
    assert!(again.code == Some(0) && field(&again, "state_begun") == false, "{again:?}");
    // The next pack of the same site carries on, whatever it is called.
    let mut keyring = Keyring::open(&place.at("custody"), &common::passphrase()).expect("opens");
    let request = PackRequest { site: "North Bridge", valid_days: 30, now: jiff::Timestamp::now() };
    keyring.issue_pack(&request, &place.at("next.pack")).expect("issued");
    let next = Ended::of(place.site.command_with(&place.at("next.pack"), &place.at("vault")).output().expect("runs"));
    assert!(next.code == Some(0) && field(&next, "state_begun") == false, "{next:?}");
    assert!(place.at("next.pack.state").exists());
    // A vault of which nothing is left but its card, and no state.
    for name in ["site.pack.state", "next.pack.state"] {
        fs::remove_file(place.at(name)).expect("removed");
    }
    for folder in ["segments", "journals"] {
        fs::remove_dir_all(place.at("vault").join(folder)).expect("removed");
        fs::create_dir(place.at("vault").join(folder)).expect("made");
    }
    let emptied = place.site.ingest(&[]);
    assert!(emptied.code == Some(0) && field(&emptied, "state_begun") == true, "{emptied:?}");
}

/// A state that was being written when its writer was killed goes with the next run; what only looks like one stays.
#[test]
fn an_unfinished_state_is_removed_by_the_next_run() {
    let place = Place::new();
    let state = fs::read(place.at("site.pack.state")).expect("a state");
    let mut foreign = state.clone();
    foreign[16] ^= 1;
    let cases =
        [(".safelight-7FIx98", &state[..], false), (".safelight-aaaaaa", &foreign, true), ("7FIx98", &state, true)];
    for (name, bytes, _) in cases {
        fs::write(place.at(name), bytes).expect("written");
    }
    assert_eq!(place.ingest().code, Some(0));
    for (name, _, stays) in cases {
        assert_eq!(place.at(name).exists(), stays, "{name}");
    }
}
