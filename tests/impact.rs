//! After a theft: the same figures whatever of it came to light, and nothing said that is not known.

mod common;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::itinerary::Itinerary;
use common::{Custodian, PASSPHRASE, SECRET_PLATE, capture, files_below};
use safelight::audit::{AuditLog, Details, Look, Permit, PermitError, PermittedKeys, Verb};
use safelight::capture::CaptureId;
use safelight::custody::{Keyring, OpeningKeys, RecipientKeys};
use safelight::export::{Regions, Request, View, export};
use safelight::impact::{self, Held, Impact, ImpactError, Loot, MIN_CELL};
use safelight::pseudonym::CanaryKey;
use safelight::seal::Capability;
use safelight::vault::{OpeningVault, Query, SealingOptions, SealingVault, Trust};

const CAPTURES: u64 = 60;

/// The figures, which are on record.
fn assess(stolen: &Path, holder: &impact::Custodian<'_>, keyring: &Keyring) -> Impact {
    let loot = Loot::survey(stolen, holder).expect("surveyed");
    let assessment = impact::assess(&loot, holder, &|_, _| {}).expect("assessed");
    assessment.figures(permit(keyring, 0)).expect("on record")
}

/// An entry for an assessment that lists so many.
fn permit(keyring: &Keyring, records: u64) -> Permit {
    let details = Details { query: "a test".to_owned(), ..Details::default() };
    let look = Look { verb: Verb::Impact, records: records.into(), purpose: None, details, over_budget: false };
    AuditLog::of(keyring.folder()).record(keyring, &look).expect("recorded").permit().expect("within the budget")
}

struct Theft {
    custodian: Custodian,
    vault: OpeningVault,
    keys: OpeningKeys,
    canaries: CanaryKey,
    stolen: PathBuf,
}

impl Theft {
    fn new() -> Self {
        let custodian = Custodian::new();
        let options = SealingOptions { segment_bytes: 20_000, ..SealingOptions::default() };
        let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, options).expect("the vault opens");
        for number in 0..CAPTURES {
            vault.append(capture(number, Some("visitor"))).expect("a capture is taken");
        }
        vault.finish().expect("the vault closes");
        let stolen = custodian.folder.path().join("stolen");
        fs::create_dir(&stolen).expect("a folder");
        Self {
            vault: OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens"),
            keys: custodian.keyring.opening_keys(&[Capability::Catalogue, Capability::Identity]),
            canaries: custodian.keyring.canaries(),
            custodian,
            stolen,
        }
    }

    fn holder(&self, with_vault: bool) -> impact::Custodian<'_> {
        impact::Custodian {
            keys: &self.keys,
            canaries: &self.canaries,
            custody: self.custodian.keyring.custody(),
            vault: with_vault.then_some(&self.vault),
        }
    }

    fn assess(&self, with_vault: bool) -> Impact {
        let holder = self.holder(with_vault);
        assess(&self.stolen, &holder, &self.custodian.keyring)
    }

    fn segments(&self) -> Vec<PathBuf> {
        files_below(&self.custodian.vault().join("segments"))
    }

    fn steal(&self, from: &Path, name: &str) -> PathBuf {
        let to = self.stolen.join(name);
        fs::copy(from, &to).expect("copied");
        to
    }
}

/// `safelight impact`, with more.
fn command(folder: &Path, stolen: &str, more: &[&str]) -> common::site::Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.current_dir(folder).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
    command.args(["impact", stolen, "--custody", "custody", "--vault", "vault"]).args(more);
    common::site::Ended::of(command.output().expect("started"))
}

/// Who lists ids may choose them: a few of them are a question about somebody, which counts like any other.
#[test]
fn of_a_few_captures_nothing_is_told_but_their_number() {
    let theft = Theft::new();
    let folder = theft.custodian.folder.path();
    let list = |numbers: std::ops::Range<u64>| {
        let lines = numbers.map(|number| format!("{}\n", CaptureId(capture(number, None).catalogue.id)));
        fs::write(theft.stolen.join("list.txt"), lines.collect::<String>()).expect("written");
    };
    for few in [1, 3, 9] {
        list(0..few);
        let (words, json) =
            (command(folder, "stolen", &["--report", "few.html"]), command(folder, "stolen", &["--json"]));
        assert_eq!((words.code, json.code), (Some(0), Some(0)), "{words:?}");
        let page = fs::read_to_string(folder.join("few.html")).expect("written");
        fs::remove_file(folder.join("few.html")).expect("removed");
        for said in [&words.stdout, &json.stdout, &page] {
            for secret in ["2023", "North Bridge", "vehicles (", "distinct", "appearance"] {
                assert!(!said.contains(secret), "{few} captures, {secret}: {said}");
            }
        }
        let told: serde_json::Value = serde_json::from_str(&json.stdout).expect("one object");
        assert_eq!((&told["captures"], &told["untold"]), (&few.into(), &few.into()));
        assert_eq!(told["cells"].as_array().map(Vec::len), Some(0));
        for figure in ["unexamined", "first", "last", "vehicles", "faces"] {
            assert!(told[figure].is_null(), "{few} captures, {figure}: {told}");
        }
    }
    // Ten are told of.
    list(0..10);
    let told: serde_json::Value =
        serde_json::from_str(&command(folder, "stolen", &["--json"]).stdout).expect("one object");
    assert_eq!((&told["cells"][0]["captures"], &told["vehicles"]["plates"]), (&10.into(), &10.into()));
    // Which, when and where is what a permit is for.
    list(0..3);
    let listed = command(folder, "stolen", &["--captures", "captures.csv"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert_eq!(fs::read_to_string(folder.join("captures.csv")).expect("written").lines().count(), 4);
}

/// Among enough captures, too: what few of them are like is in no cell and no figure, and follows from none.
#[test]
fn what_is_too_little_is_in_no_figure() {
    let custodian = Custodian::new();
    let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
    for number in 0..45 {
        let mut record = capture(number, Some("visitor"));
        let (lane, day) = match number {
            0..30 => ("3", 0),
            30..39 => ("4", 0),
            39 => ("lane-of-one", 9),
            _ => ("3", 1),
        };
        record.catalogue.lane = Some(lane.to_owned());
        record.catalogue.captured_at = record.catalogue.captured_at.map(|at| at + day * 86_400_000);
        let mut face = record.catalogue.regions[0].clone();
        face.kind = 1;
        // One capture of many people, and eight of one each.
        let faces = if number == 39 { 7 } else { usize::from(number < 8) };
        record.catalogue.regions.extend(std::iter::repeat_n(face, faces));
        vault.append(record).expect("taken");
    }
    vault.finish().expect("closed");
    let keys = custodian.keyring.opening_keys(&[Capability::Catalogue]);
    let (canaries, custody) = (custodian.keyring.canaries(), custodian.keyring.custody());
    let holder = impact::Custodian { keys: &keys, canaries: &canaries, custody, vault: None };
    let found = assess(&custodian.vault(), &holder, &custodian.keyring);
    let cells: Vec<_> = found.cells.iter().map(|cell| (cell.lane.as_deref(), cell.captures)).collect();
    assert_eq!((found.captures, cells, found.untold), (45, vec![(Some("3"), 30)], 15));
    assert_eq!((found.first.as_deref(), found.last.as_deref()), (Some("2023-11-14"), Some("2023-11-14")));
    assert!(found.unexamined.is_none() && found.faces.is_none() && found.vehicles.is_some(), "{found:?}");
    let json = serde_json::to_string(&found).expect("JSON");
    let words = command(custodian.folder.path(), "vault", &[]);
    for said in [&json, &words.stdout, &safelight::report::of_impact(&found)] {
        for secret in ["lane-of-one", "2023-11-15", "2023-11-23"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
    // Without an entry of an assessment of this custodian's nothing is told.
    let loot = Loot::survey(&custodian.vault(), &holder).expect("surveyed");
    let other = Custodian::new();
    let assessment = impact::assess(&loot, &holder, &|_, _| {}).expect("assessed");
    assert!(matches!(assessment.figures(permit(&other.keyring, 0)), Err(PermitError::Custodian)));
}

#[test]
fn a_copied_vault_is_counted_whole_and_once() {
    let theft = Theft::new();
    for (i, path) in theft.segments().iter().enumerate() {
        theft.steal(path, &format!("renamed-{i}.bin"));
    }
    theft.steal(&theft.segments()[0], "again.bin");
    theft.steal(&theft.custodian.folder.path().join("site.pack"), "pack");
    fs::write(theft.stolen.join("diary.txt"), "unrelated words").expect("written");
    let found = theft.assess(false);
    assert_eq!((found.captures, found.taken.repeated, found.taken.others), (CAPTURES, 1, 1));
    // Eight of them could not be examined, which are too few to be told.
    assert_eq!(((0..CAPTURES).filter(|n| n % 7 == 6).count(), found.unexamined), (8, None));
    let vehicles = found.vehicles.expect("enough to be told");
    assert_eq!((vehicles.plates, vehicles.pseudonyms), (CAPTURES, CAPTURES));
    assert_eq!(found.cells.iter().map(|cell| cell.captures).sum::<u64>(), CAPTURES);
    assert_eq!(found.cells[0].day.as_deref(), Some("2023-11-14"));
    assert_eq!(found.openable, [0; 3]);
    assert!(
        matches!(&found.held[..], [Held::SitePack { site, ours: true, with_journal: false, .. }] if site == "North Bridge")
    );
    // Nobody learns a plate from the assessment.
    let json = serde_json::to_string(&found).expect("JSON");
    assert!(!json.contains(SECRET_PLATE) && !safelight::report::of_impact(&found).contains(SECRET_PLATE));
}

/// Of a vault that lies in the loot, its own journal says what is not there, and that is not counted as nobody.
#[test]
fn what_a_stolen_vault_lacks_by_its_own_journal_is_named() {
    let theft = Theft::new();
    let folder = theft.custodian.folder.path();
    for path in files_below(&theft.custodian.vault()) {
        let to = theft.stolen.join("disk").join(path.strip_prefix(theft.custodian.vault()).expect("below"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(path, to).expect("copied");
    }
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.current_dir(folder).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        command.args(["impact", "stolen", "--custody", "custody", "--json"]);
        let ended = common::site::Ended::of(command.output().expect("started"));
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one object");
        (ended, told["captures"].as_u64().expect("a count"))
    };
    let (whole, captures) = run();
    assert_eq!((whole.code, captures), (Some(0), CAPTURES), "{whole:?}");
    let segment = files_below(&theft.stolen.join("disk/segments")).remove(0);
    fs::rename(&segment, folder.join("aside")).expect("moved");
    let (lacking, captures) = run();
    assert!(lacking.code == Some(1) && captures < CAPTURES, "{captures}: {lacking:?}");
    let name = segment.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(lacking.stderr.contains(&format!("missing: segment {name} is missing")), "{lacking:?}");
    // Wherever else in the loot it lies, it is there.
    fs::rename(folder.join("aside"), theft.stolen.join("found.bin")).expect("moved");
    let (whole, captures) = run();
    assert_eq!((whole.code, captures), (Some(0), CAPTURES), "{whole:?}");
}

#[test]
fn names_and_hashes_alone_are_enough_with_the_vault() {
    let theft = Theft::new();
    let segments = theft.segments();
    assert!(segments.len() >= 4);
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let bytes = fs::read(&segments[1]).expect("read");
    let (blake3, sha256) = (blake3::hash(&bytes).to_string(), {
        use sha2::Digest as _;
        data_encoding::HEXUPPER.encode(&sha2::Sha256::digest(fs::read(&segments[2]).expect("read")))
    });
    let list = format!(
        "# exfiltration log\n12:01 /srv/vault/segments/{}\n{blake3}  a.bin\nSHA256 (b) = {sha256}\n{}  c\n",
        name(&segments[0]),
        "ab".repeat(32)
    );
    fs::write(theft.stolen.join("log.txt"), list).expect("written");
    let found = theft.assess(true);
    let keys = theft.custodian.openly();
    let expected: usize = segments[..3]
        .iter()
        .map(|path| {
            let id = safelight::seal::SegmentId::parse(&name(path)).expect("a segment's name");
            theft.vault.captures(id, &keys).expect("opened").len()
        })
        .sum();
    assert_eq!((found.captures, found.taken.by_name), (expected as u64, 3));
    assert_eq!(found.uncounted.unknown, 1);
    let holder = theft.holder(false);
    assert!(matches!(Loot::survey(&theft.stolen, &holder), Err(ImpactError::NeedsVault { .. })));
}

#[test]
fn cut_copies_count_whole_with_the_vault_and_are_confessed_without() {
    let theft = Theft::new();
    let segments = theft.segments();
    let cut = theft.steal(&segments[0], "cut.bin");
    let bytes = fs::read(&cut).expect("read");
    // Behind the catalogue, within it, and within the header.
    for (len, without, with) in [(bytes.len() - 40, true, true), (20_000, false, true), (100, false, false)] {
        fs::write(&cut, &bytes[..len]).expect("written");
        let [alone, looked_up] = [false, true].map(|with_vault| theft.assess(with_vault));
        assert_eq!((alone.captures > 0, alone.uncounted.cut), (without, u64::from(!without)), "{len}");
        assert_eq!(looked_up.captures > 0, with, "{len}");
    }
    // A beginning too short to be read still has its name.
    fs::remove_file(&cut).expect("removed");
    fs::write(theft.stolen.join(segments[0].file_name().expect("a name")), &bytes[..100]).expect("written");
    assert!(theft.assess(true).captures > 0);
}

#[test]
fn a_leaked_copy_names_its_recipient_and_a_stolen_key_what_it_opens() {
    let theft = Theft::new();
    let partner = RecipientKeys::generate();
    let copy = theft.custodian.folder.path().join("copy");
    let request = Request {
        to: &partner.public(),
        view: View::Scene,
        regions: Regions::All,
        purpose: "a test",
        query: &Query::default(),
        now: jiff::Timestamp::now(),
    };
    export(&theft.vault, &theft.custodian.keyring, &request, &copy).expect("exported");
    let recipient = data_encoding::HEXLOWER.encode(&partner.public().id().0[..3]);
    for path in files_below(&copy) {
        theft.steal(&path, &path.file_name().expect("a name").to_string_lossy());
    }
    // Without the recipient's key nobody opens it, the custodian no more than the thief.
    let closed = theft.assess(true);
    assert_eq!((closed.captures, closed.openable), (0, [0; 3]));
    assert!(closed.uncounted.copies > 0 && closed.uncounted.closed == 0 && closed.traces.is_empty());

    partner.write(&theft.stolen.join("partner.key")).expect("written");
    let opened = theft.assess(true);
    assert_eq!((opened.captures, opened.openable), (CAPTURES, [CAPTURES, CAPTURES, 0]));
    assert!(matches!(opened.held[..], [Held::Recipient { captures: CAPTURES, .. }]));
    assert_eq!((opened.traces[0].recipient.as_str(), opened.traces[0].ids), (recipient.as_str(), CAPTURES));

    // What the recipient opened and somebody published: a table of ids.
    let keys = PermittedKeys::own_copy(partner);
    let hits =
        Query::default().run(&OpeningVault::open(&copy, Trust::Nobody).expect("opens"), &keys).expect("searched");
    let hits = hits.hits(&keys).expect("its own");
    let ids: Vec<CaptureId> = hits.iter().map(|hit| CaptureId(hit.record.id)).take(9).collect();
    fs::remove_dir_all(&theft.stolen).expect("removed");
    fs::create_dir(&theft.stolen).expect("a folder");
    let rows: String = ids.iter().map(|id| format!("{id};2023-11-14;PL-XYZ\n")).collect();
    fs::write(theft.stolen.join("dump.csv"), rows).expect("written");
    let leaked = theft.assess(true);
    assert_eq!((leaked.captures, leaked.uncounted.unknown), (9, 0));
    assert_eq!((leaked.traces[0].recipient.as_str(), leaked.traces[0].confirmed), (recipient.as_str(), 9));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 9);
}

/// A copy of metadata parts each capture into records that cannot be joined, and copies overlap: people are told of captures.
#[test]
fn captures_are_counted_once_whatever_holds_them() {
    let custodian = Custodian::new();
    let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("opens");
    for number in 0..20 {
        let mut record = capture(number, Some("visitor"));
        let mut second = record.catalogue.regions[0].clone();
        (second.kind, second.pseudonyms[0].value) = (1, [100 + number as u8; 16]);
        record.catalogue.regions.push(second);
        vault.append(record).expect("taken");
    }
    vault.finish().expect("closed");
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("opens");
    let (folder, partner) = (custodian.folder.path(), RecipientKeys::generate());
    let public = partner.public();
    partner.write(&folder.join("partner.key")).expect("written");
    let mut records = Vec::new();
    for (name, view) in [("metadata", View::Metadata), ("scenes", View::Scene)] {
        let query = Query::default();
        let now = jiff::Timestamp::now();
        let request = Request { to: &public, view, regions: Regions::All, purpose: "a test", query: &query, now };
        export(&vault, &custodian.keyring, &request, &folder.join(name)).expect("exported");
        let copy = OpeningVault::open(&folder.join(name), Trust::Nobody).expect("opens");
        let key = PermittedKeys::own_copy(RecipientKeys::read(&folder.join("partner.key")).expect("read"));
        records.push(Query::default().run(&copy, &key).expect("searched").hits(&key).expect("its own").len());
    }
    assert!(records[0] > 20 && records[1] == 20, "the metadata are parted: {records:?}");
    let keys = custodian.keyring.opening_keys(&[Capability::Catalogue]);
    let (canaries, custody) = (custodian.keyring.canaries(), custodian.keyring.custody());
    let holder = impact::Custodian { keys: &keys, canaries: &canaries, custody, vault: None };
    let assess = |loot: &str| assess(&folder.join(loot), &holder, &custodian.keyring);
    // Without the recipient's key: a copy of ours, and nobody's business to open.
    let closed = assess("metadata");
    assert_eq!((closed.captures, closed.uncounted.closed), (0, 0));
    assert!(closed.uncounted.copies > 0);
    // With it, alone, with another copy, and with the vault: always the same captures.
    for (loot, parts) in
        [("one", &["metadata"][..]), ("two", &["metadata", "scenes"]), ("all", &["metadata", "scenes", "vault"])]
    {
        for (part, at) in parts.iter().zip(["a", "b", "c"]) {
            for path in files_below(&folder.join(part)) {
                let to = folder.join(loot).join(at).join(path.strip_prefix(folder.join(part)).expect("below"));
                fs::create_dir_all(to.parent().expect("a folder")).expect("made");
                fs::copy(&path, to).expect("copied");
            }
        }
        partner.write(&folder.join(loot).join("partner.key")).expect("written");
        let found = assess(loot);
        assert_eq!((found.captures, found.openable[0]), (20, 20), "{loot}");
        assert_eq!(found.cells.iter().map(|cell| cell.captures).sum::<u64>(), 20, "{loot}");
        assert!(found.held.iter().any(|held| matches!(held, Held::Recipient { captures: 20, .. })), "{loot}");
        let lanes = found.cells.iter().filter(|cell| cell.lane.is_some()).map(|cell| cell.captures).sum::<u64>();
        assert_eq!(lanes, if loot == "all" { 20 } else { 0 }, "{loot}: what the vault says comes first");
        assert_eq!(found.uncounted.copies + found.uncounted.closed, 0, "{loot}");
    }
}

/// A partner lost its copy without the key: that is an answer with a gap, and not a wrong keyring. Another custodian's is one.
#[test]
fn a_closed_copy_is_said_to_be_one() {
    let (theft, other) = (Theft::new(), Theft::new());
    let impact = |custody: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.current_dir(theft.custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        command.args(["impact", "copy", "--custody"]).arg(custody);
        common::site::Ended::of(command.output().expect("started"))
    };
    let query = Query::default();
    let request = Request {
        to: &RecipientKeys::generate().public(),
        view: View::Metadata,
        regions: Regions::All,
        purpose: "a test",
        query: &query,
        now: jiff::Timestamp::now(),
    };
    let copy = theft.custodian.folder.path().join("copy");
    export(&theft.vault, &theft.custodian.keyring, &request, &copy).expect("exported");
    let ours = impact(&theft.custodian.custody());
    assert_eq!(ours.code, Some(1), "{ours:?}");
    assert!(ours.stdout.contains("sealed to their recipients' keys") && !ours.stdout.contains("0 to 0"), "{ours:?}");
    let theirs = impact(&other.custodian.custody());
    theirs.failed(3, "nothing of what was taken opens", "keyring");
    assert!(!theirs.stdout.contains("recipients' keys"), "{theirs:?}");
}

/// A zero is said of nothing that was not counted.
#[test]
fn what_is_not_recognised_is_not_counted_as_nobody() {
    let theft = Theft::new();
    let folder = theft.custodian.folder.path();
    let segment = fs::read(&theft.segments()[0]).expect("read");
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    fs::write(folder.join("all.tar"), [&tar[..], &segment].concat()).expect("written");
    fs::write(folder.join("behind.bin"), [&[7; 1000][..], &segment].concat()).expect("written");
    fs::write(folder.join("hello.txt"), "hello\n").expect("written");
    fs::write(folder.join("page.html"), "<img src=\"data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ\">").expect("written");
    fs::create_dir(folder.join("pipes")).expect("made");
    #[cfg(unix)]
    rustix::fs::mknodat(rustix::fs::CWD, folder.join("pipes/fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("made");
    for (loot, uncounted) in [
        ("all.tar", true),
        ("behind.bin", true),
        ("hello.txt", true),
        ("page.html", true),
        ("pipes", cfg!(unix)),
        ("custody/keyring", false),
        ("site.pack", false),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.current_dir(folder).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        let output =
            command.args(["impact", loot, "--custody", "custody", "--vault", "vault"]).output().expect("started");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{loot}: {said}");
        assert!(said.contains("vehicles    not known") && !said.contains("0 to 0"), "{loot}: {said}");
        assert_eq!(said.contains("uncounted"), uncounted, "{loot}: {said}");
    }
}

/// Whoever has only such hashes is told which to make, and nothing of archives.
#[test]
fn hashes_that_no_segment_is_known_by_are_called_that() {
    let theft = Theft::new();
    let folder = theft.custodian.folder.path();
    for (digits, known) in [(32, false), (40, false), (128, false), (64, true)] {
        let line = |number: u32| format!("{:0>digits$}  segments/{number}.bin\n", format!("{number:x}"));
        fs::write(folder.join("sums.txt"), (1..4).map(line).collect::<String>()).expect("written");
        let (words, json) = (command(folder, "sums.txt", &[]), command(folder, "sums.txt", &["--json"]));
        assert_eq!((words.code, json.code), (Some(1), Some(1)), "{words:?}");
        assert!(!words.stdout.contains("archive"), "{digits}: {words:?}");
        assert_eq!(words.stdout.contains("3 hashes of another kind"), !known, "{digits}: {words:?}");
        let told: serde_json::Value = serde_json::from_str(&json.stdout).expect("one object");
        let (hashes, unknown) = if known { (0, 3) } else { (3, 0) };
        assert_eq!(told["uncounted"]["hashes"], hashes, "{json:?}");
        assert_eq!(
            (&told["uncounted"]["unknown"], &told["uncounted"]["files"]),
            (&unknown.into(), &0.into()),
            "{json:?}"
        );
    }
}

#[test]
fn the_command_lists_whom_to_notify() {
    let theft = Theft::new();
    for (i, path) in theft.segments().iter().enumerate() {
        theft.steal(path, &format!("{i}"));
    }
    let folder = theft.custodian.folder.path();
    let output = Command::new(env!("CARGO_BIN_EXE_safelight"))
        .current_dir(folder)
        .env("SAFELIGHT_PASSPHRASE", PASSPHRASE)
        .args(["impact", "stolen", "--custody", "custody", "--json", "--report", "impact.html"])
        .args(["--captures", "captures.csv", "--notify", "notify.csv"])
        .output()
        .expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(told["captures"], CAPTURES);
    assert_eq!(fs::read_to_string(folder.join("captures.csv")).expect("written").lines().count() as u64, CAPTURES + 1);
    let listed = fs::read_to_string(folder.join("notify.csv")).expect("written");
    assert_eq!(
        listed.lines().nth(1),
        Some(format!("{SECRET_PLATE},91,{CAPTURES},2023-11-14T22:13:20Z,2023-11-14T22:13:20.059Z").as_str())
    );
    let page = fs::read_to_string(folder.join("impact.html")).expect("written");
    assert!(page.contains("holds no key to any of them") && !page.contains(SECRET_PLATE) && !page.contains("<script"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(folder.join("notify.csv")).expect("there").permissions().mode() & 0o777, 0o600);
    }
}

/// The whole itinerary in small; `examples/six_weeks.rs` is the same with 184,000 captures.
#[test]
fn six_weeks_are_counted_as_they_happened() {
    let custodian = Custodian::new();
    let options = SealingOptions { segment_bytes: u64::MAX, ..SealingOptions::default() };
    let mut vault = SealingVault::open(&custodian.vault(), &custodian.pack, options).expect("the vault opens");
    let mut itinerary = Itinerary::new(7, 4000);
    for index in 0..4000 {
        vault.append(itinerary.capture(index, custodian.pack.epoch_keys())).expect("a capture is taken");
        if index % 1000 == 999 {
            vault.commit().expect("committed");
        }
    }
    vault.finish().expect("the vault closes");
    let (keys, canaries) = (custodian.keyring.opening_keys(&[Capability::Catalogue]), custodian.keyring.canaries());
    let custody = custodian.keyring.custody();
    let holder = impact::Custodian { keys: &keys, canaries: &canaries, custody, vault: None };
    let loot = Loot::survey(&custodian.vault(), &holder).expect("surveyed");
    let found = assess(&custodian.vault(), &holder, &custodian.keyring);

    let reality = itinerary.reality;
    let faces = found.faces.expect("enough to be told");
    assert_eq!((found.captures, faces.appearances, faces.tokens), (reality.captures, reality.faces, reality.faces));
    // Every cell is exact, or among too few to be told; by a permit all are.
    let cells = found.cells.iter().map(|cell| {
        let word = |word: &Option<String>| word.clone().expect("known");
        ((word(&cell.day), word(&cell.lane)), cell.captures)
    });
    let (small, large): (Vec<_>, Vec<_>) = reality.cells.clone().into_iter().partition(|cell| cell.1 < MIN_CELL);
    assert!(small.len() > 1 && large.len() > small.len(), "{small:?}");
    assert!(cells.eq(large));
    assert_eq!(found.untold, small.iter().map(|cell| cell.1).sum::<u64>());
    let (mut list, entry) = (Vec::new(), permit(&custodian.keyring, found.captures));
    impact::list_captures(&loot, &holder, entry, &mut list, &|_, _| {}).expect("listed");
    let mut listed = BTreeMap::new();
    for line in String::from_utf8(list).expect("text").lines().skip(1) {
        let [_, time, _, lane] = line.split(',').collect::<Vec<_>>().try_into().expect("four columns");
        *listed.entry((time[..10].to_owned(), lane.to_owned())).or_insert(0) += 1;
    }
    assert_eq!(listed, reality.cells);
    let few = impact::list_captures(&loot, &holder, permit(&custodian.keyring, 9), &mut Vec::new(), &|_, _| {});
    assert!(matches!(few, Err(ImpactError::Permit(PermitError::Count { records: 9 }))));
    let (vehicles, truth) = (found.vehicles.expect("enough to be told"), reality.vehicles.len() as u64);
    assert!((vehicles.low..=vehicles.high).contains(&truth), "{truth}: {vehicles:?}");
    // And the interval is narrow enough to be worth something; mere counting is further off.
    assert!(vehicles.high - vehicles.low < truth / 4, "{vehicles:?}");
    assert!(vehicles.estimate.abs_diff(truth) < vehicles.pseudonyms.abs_diff(truth), "{truth}: {vehicles:?}");
}
