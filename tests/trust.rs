//! Whoever can write to a vault can write its card, and sign with the key on it. Nobody who knows the custodian believes him.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::site::{Ended, Site, photo};
use common::{PASSPHRASE, files_below};
use ed25519_dalek::{Signer, SigningKey};
use safelight::custody::{PackRequest, VerifyingKey};
use safelight::seal::SegmentId;
use safelight::vault::{ExpireError, ExpiringVault, OpenError, OpeningVault, Trust, check};

/// A site whose vault has two segments.
struct Scene {
    site: Site,
}

impl Scene {
    fn new() -> Self {
        let site = Site::new();
        for number in 0..2 {
            site.put(&format!("{number}.jpg"), &photo(number));
            assert_eq!(site.ingest(&[]).code, Some(0));
        }
        assert_eq!(files_below(&site.custodian.vault().join("segments")).len(), 2);
        Self { site }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.site.custodian.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.args(args).current_dir(self.site.custodian.folder.path()).env("SAFELIGHT_PASSPHRASE", PASSPHRASE);
        Ended::of(command.stdin(Stdio::null()).output().expect("the command runs"))
    }

    fn custodian(&self) -> String {
        self.site.custodian.keyring.custody().to_string()
    }

    fn segments(&self) -> Vec<PathBuf> {
        files_below(&self.at("vault/segments"))
    }
}

/// Somebody who can write to the vault and has no key of it.
struct Forger(SigningKey);

impl Forger {
    fn new() -> Self {
        Self(SigningKey::from_bytes(&[66; 32]))
    }

    fn key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Puts his key on the card, as the first format has it: 96 bytes, the last 32 of them a hash of those before.
    fn claims(&self, vault: &Path) {
        let path = vault.join("vault");
        let old = fs::read(&path).expect("a card");
        let mut card = old[..64].to_vec();
        card[8..10].copy_from_slice(&1u16.to_le_bytes());
        card[32..64].copy_from_slice(&self.key().0);
        card.extend_from_slice(blake3::hash(&card).as_bytes());
        fs::write(path, card).expect("written");
    }

    /// Deletes a segment, and signs that it has expired.
    fn buries(&self, vault: &Path, segment: &Path) {
        self.signs_for(vault, segment);
        fs::remove_file(segment).expect("deleted");
    }

    /// Signs that a segment has expired, as docs/vault-format.md says.
    fn signs_for(&self, vault: &Path, segment: &Path) {
        let id = SegmentId::parse(segment.file_name().and_then(|name| name.to_str()).expect("a name")).expect("an id");
        let bytes = fs::read(segment).expect("a segment");
        let mut body = Vec::new();
        let mut cbor = minicbor::Encoder::new(&mut body);
        let trailer = &bytes[bytes.len() - 32..];
        cbor.map(4).and_then(|e| e.u8(0)?.i64(1_700_000_000)?.u8(1)?.array(0)?.u8(2)?.array(1)).expect("encoded");
        cbor.map(3).and_then(|e| e.u8(0)?.bytes(&id.0)?.u8(1)?.bytes(trailer)?.u8(2)?.bool(true)).expect("encoded");
        cbor.u8(3).and_then(|e| e.bytes(&[])).expect("encoded");
        let name = [7; 16];
        let mut tombstone = b"SLTMB\r\n\x1a\x01\x00\x01\x00".to_vec();
        tombstone.extend_from_slice(&(body.len() as u32).to_le_bytes());
        tombstone.extend_from_slice(&fs::read(vault.join("vault")).expect("a card")[16..32]);
        tombstone.extend_from_slice(&name);
        tombstone.extend_from_slice(&body);
        let signed = [b"safelight v1 tombstone\0".as_slice(), blake3::hash(&tombstone).as_bytes()].concat();
        tombstone.extend_from_slice(&self.0.sign(&signed).to_bytes());
        let folder = vault.join("tombstones");
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join(safelight::seal::TombstoneId(name).to_string()), tombstone).expect("written");
    }
}

const FOREIGN: &str = "names custodian";

#[test]
fn a_forged_expiry_is_believed_by_nobody_who_knows_the_custodian() {
    let scene = Scene::new();
    let (vault, custodian, forger) = (scene.at("vault"), scene.custodian(), Forger::new());
    let record = scene.site.opened()[0].catalogue.id;
    let record = safelight::capture::CaptureId(record).to_string();
    assert_eq!(scene.run(&["custody", "recipient", "-o", "partner.key"]).code, Some(0));
    forger.claims(&vault);
    forger.buries(&vault, &scene.segments()[0]);
    let left = scene.segments();

    // With the keyring, the pack, or the id alone.
    let by_keyring: [&[&str]; 7] = [
        &["check", "--deep", "--vault", "vault", "--custody", "custody"],
        &["search", "--vault", "vault", "--custody", "custody"],
        &["open", &record, "--vault", "vault", "--custody", "custody", "-o", "out.jpg"],
        &[
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
            "x",
            "-o",
            "copy",
        ],
        &["impact", "vault", "--custody", "custody", "--vault", "vault"],
        &["expire", "--vault", "vault", "--custody", "custody", "--dry-run"],
        &["expire", "--vault", "vault", "--custody", "custody"],
    ];
    let by_others: [&[&str]; 5] = [
        &["check", "--vault", "vault", "--pack", "site.pack"],
        &["check", "--vault", "vault", "--custodian", &custodian],
        &["search", "--vault", "vault", "--key", "partner.key", "--custodian", &custodian],
        &["expire", "--buried", "--vault", "vault", "--pack", "site.pack"],
        &["expire", "--buried", "--vault", "vault", "--custodian", &custodian],
    ];
    for args in by_keyring.iter().chain(&by_others) {
        let args = *args;
        let ended = scene.run(args);
        ended.failed(3, FOREIGN, "restore it from a backup");
        let named = [&custodian, &forger.key().custody().to_string()];
        assert!(named.iter().all(|id| ended.stderr.contains(id.as_str())), "{args:?}: {ended:?}");
    }
    scene.site.put("2.jpg", &photo(2));
    scene.site.ingest(&[]).failed(3, "belongs to custodian", "");
    let photos = scene.site.photos.path().to_str().expect("text");
    let sealing: [&[&str]; 2] = [
        &["redact", photos, "-o", "copies", "--vault", "vault", "--pack", "site.pack"],
        &["serve", "--listen", "127.0.0.1:0", "--vault", "vault", "--pack", "site.pack"],
    ];
    for args in sealing {
        scene.run(args).failed(3, "belongs to custodian", "");
    }
    assert!(!scene.at("copies").exists());
    // These are all the verbs that take a vault. The breach lab takes one to keep score, and shows nothing of it.
    let help = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/help.md")).expect("the help");
    let mut verb = "";
    for line in help.lines() {
        verb = line.strip_prefix("$ safelight ").map_or(verb, |command| command.trim_end_matches(" --help"));
        let tried = by_keyring.iter().chain(&by_others).any(|args| args[0] == verb);
        assert!(
            !line.trim_start().starts_with("--vault <")
                || tried
                || ["ingest", "redact", "serve", "breach"].contains(&verb),
            "{verb}"
        );
    }
    assert_eq!(scene.segments(), left, "nothing was removed");
    assert!(!scene.at("out.jpg").exists() && !scene.at("copy").exists());

    // With nothing, it is said whose word it is. The forgery is a good one: whoever pins the forger is told that all is well.
    let ended = scene.run(&["check", "--vault", "vault"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let forged = forger.key().custody().to_string();
    for said in
        [&*format!("the card names custodian {forged}, and nobody vouches for it"), "by the key that the card names"]
    {
        assert!(ended.stdout.contains(said), "{ended:?}");
    }
    assert!(!ended.stdout.to_lowercase().contains("whole"), "{ended:?}");
    assert_eq!(scene.run(&["check", "--vault", "vault", "--custodian", &forged]).code, Some(0));
    scene.run(&["expire", "--buried", "--vault", "vault"]).failed(2, "nobody vouches", "--pack");
}

#[test]
fn nothing_is_removed_on_a_tombstone_that_the_custodian_did_not_sign() {
    let scene = Scene::new();
    let (vault, custodian, forger) = (scene.at("vault"), scene.custodian(), Forger::new());
    let card = fs::read(vault.join("vault")).expect("a card");
    let (segment, before) = (scene.segments()[0].clone(), scene.segments());
    for claims in [false, true] {
        if claims {
            forger.claims(&vault);
        }
        forger.signs_for(&vault, &segment);
        for by in [["--pack", "site.pack"], ["--custodian", &custodian]] {
            let _ = scene.run(&["expire", "--buried", "--vault", "vault", by[0], by[1]]);
            assert_eq!(scene.segments(), before, "{by:?}");
        }
        let _ = scene.run(&["expire", "--buried", "--vault", "vault"]);
        let _ = scene.run(&["expire", "--vault", "vault", "--custody", "custody"]);
        let opened = ExpiringVault::open(&vault, Trust::Nobody).expect("looked at");
        assert!(matches!({ opened }.remove_buried(), Err(ExpireError::Unvouched { .. })));
        assert_eq!(scene.segments(), before);
    }
    // The card put right, the forged tombstone is a fault, and what it hides is missing.
    fs::write(vault.join("vault"), card).expect("restored");
    fs::remove_file(&segment).expect("deleted");
    for by in [&[][..], &["--pack", "site.pack"], &["--custodian", &custodian], &["--deep", "--custody", "custody"]] {
        let ended = scene.run(&[&["check", "--vault", "vault"], by].concat());
        assert_eq!(ended.code, Some(3), "{by:?}: {ended:?}");
        assert!(ended.stdout.contains("is missing") && ended.stdout.contains("did not sign it"), "{by:?}: {ended:?}");
    }
}

#[test]
fn a_tombstone_that_counts_for_nothing_is_named_by_whoever_goes_by_tombstones() {
    let scene = Scene::new();
    let (vault, custodian, before) = (scene.at("vault"), scene.custodian(), scene.segments());
    let sound = scene.run(&["expire", "--buried", "--vault", "vault", "--pack", "site.pack"]);
    assert_eq!(sound.code, Some(0), "{sound:?}");
    Forger::new().signs_for(&vault, &before[0]);
    let verbs: [&[&str]; 5] = [
        &["--buried", "--pack", "site.pack"],
        &["--buried", "--pack", "site.pack", "--json"],
        &["--buried", "--custodian", &custodian],
        &["--custody", "custody", "--dry-run"],
        &["--custody", "custody"],
    ];
    for verb in verbs {
        let ended = scene.run(&[&["expire", "--vault", "vault"], verb].concat());
        assert_eq!(ended.code, Some(3), "{verb:?}: {ended:?}");
        assert!(ended.stderr.contains("damaged: tombstone") && ended.stderr.contains("did not sign it"), "{ended:?}");
        assert_eq!(scene.segments(), before, "{verb:?}");
    }
}

#[test]
fn who_trusts_the_right_custodian_opens_and_who_trusts_another_does_not() {
    let scene = Scene::new();
    let (vault, keyring) = (scene.at("vault"), &scene.site.custodian.keyring);
    let stranger = Forger::new().key();
    for trust in [Trust::from(keyring), Trust::from(&scene.site.custodian.pack), Trust::Pinned(keyring.custody())] {
        assert!(OpeningVault::open(&vault, trust).is_ok_and(|vault| vault.is_vouched()));
        assert!(check(&vault, trust).is_ok_and(|report| report.vouched && report.is_sound()));
    }
    assert!(OpeningVault::open(&vault, Trust::Nobody).is_ok_and(|vault| !vault.is_vouched()));
    for trust in [Trust::Custodian(stranger), Trust::Pinned(stranger.custody())] {
        let refused = OpeningVault::open(&vault, trust).err();
        assert!(matches!(refused, Some(OpenError::ForeignCustodian { .. })));
    }
    let custodian = scene.custodian();
    for by in [
        &["--pack", "site.pack"][..],
        &["--custodian", &custodian],
        &["--deep", "--custody", "custody", "--pack", "site.pack"],
    ] {
        let ended = scene.run(&[&["check", "--vault", "vault"], by].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains(&format!("The card is that of custodian {custodian}.")), "{ended:?}");
        // Whole is what was verified, and by what.
        let whole = match by[0] {
            "--pack" => "Whole by the journal of \"North Bridge\": ",
            "--custodian" => "nothing vouches for the segments: 1 journal not verified",
            _ => "The vault is whole, by the journal of \"North Bridge\": ",
        };
        assert!(ended.stdout.contains(whole), "{ended:?}");
        assert_eq!(ended.stdout.to_lowercase().contains("whole"), by[0] != "--custodian", "{ended:?}");
    }
    // What is given must agree with itself.
    let stranger = stranger.custody().to_string();
    let both = ["check", "--vault", "vault", "--pack", "site.pack", "--custodian", &stranger];
    scene.run(&both).failed(3, "names two custodians", "find out");
    assert_eq!(scene.run(&["check", "--vault", "vault", "--custodian", "nonsense"]).code, Some(2));
}

#[test]
fn a_new_vaults_card_is_signed_and_an_older_one_is_said_not_to_be() {
    let scene = Scene::new();
    let report = check(&scene.at("vault"), Trust::from(&scene.site.custodian.pack)).expect("checked");
    assert!(report.signed);
    // The same custodian on a card without a signature: believed by nobody to prove anything.
    let path = scene.at("vault/vault");
    let mut card = fs::read(&path).expect("a card")[..64].to_vec();
    card[8] = 1;
    card.extend_from_slice(blake3::hash(&card).as_bytes());
    fs::write(&path, card).expect("written");
    let ended = scene.run(&["check", "--vault", "vault", "--pack", "site.pack"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("of the first format, unsigned"), "{ended:?}");
}

/// A copy for the partner, made by a custodian, in `folder`.
fn export(scene: &Scene, to: &Path, folder: &str) {
    let to = to.to_str().expect("a path");
    let args = ["export", "--vault", "vault", "--custody", "custody", "--to", to, "--view", "scene", "--purpose", "x"];
    let ended = scene.run(&[&args[..], &["-o", folder]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_recipient_knows_the_custodian_from_the_first_copy_on() {
    let (scene, other) = (Scene::new(), Scene::new());
    assert_eq!(scene.run(&["custody", "recipient", "-o", "partner.key"]).code, Some(0));
    export(&scene, &scene.at("partner.pub"), "copy");
    let foreign = scene.at("foreign");
    export(&other, &scene.at("partner.pub"), foreign.to_str().expect("a path"));
    let (ours, theirs) = (scene.custodian(), other.custodian());

    // Pinned from the start.
    let search = ["search", "--key", "partner.key", "--vault"];
    scene.run(&[&search[..], &["foreign", "--custodian", &ours]].concat()).failed(3, FOREIGN, "restore");
    assert!(!scene.at("partner.key.custodians").exists(), "nothing is remembered of what was refused");
    // Or by the first use, which says so.
    let first = scene.run(&[&search[..], &["copy"]].concat());
    assert!(first.code == Some(0) && first.stderr.contains(&format!("custodian {ours} is new here")), "{first:?}");
    let second = scene.run(&[&search[..], &["copy"]].concat());
    assert!(second.code == Some(0) && !second.stderr.contains("is new here"), "{second:?}");
    for verb in [&search[..], &["open", "00000000000000000000000000", "-o", "out", "--key", "partner.key", "--vault"]] {
        let refused = scene.run(&[verb, &["foreign"]].concat());
        refused.failed(3, "your exports so far were of", &format!("--custodian {theirs}"));
    }
    assert_eq!(scene.run(&[&search[..], &["foreign", "--custodian", &theirs]].concat()).code, Some(0));
    for (copy, custodian) in [("foreign", &theirs), ("copy", &ours)] {
        let ended = scene.run(&[&search[..], &[copy, "--json"]].concat());
        assert_eq!(ended.code, Some(0), "{copy}");
        let answer: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let about = ["view", "purpose", "captures"].map(|what| answer["export"][what].to_string());
        assert_eq!(
            (answer["custodian"].as_str(), about.join(" ")),
            (Some(custodian.as_str()), "\"scene\" \"x\" 2".into())
        );
    }

    // A copy whose card names somebody else is neither's.
    Forger::new().claims(&scene.at("copy"));
    let forged = scene.run(&[&search[..], &["copy"]].concat());
    assert_eq!(forged.code, Some(3), "{forged:?}");
}

#[test]
fn an_export_names_the_recipients_key_before_anything_is_asked() {
    let scene = Scene::new();
    let made = scene.run(&["custody", "recipient", "-o", "partner.key", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made.stdout).expect("JSON");
    let key = made["key"].as_str().expect("a fingerprint");
    let export = [
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
        "x",
    ];
    // Without a passphrase it cannot go on, and has said for whom it would be.
    fs::write(scene.at("wrong"), "not the passphrase\n").expect("written");
    let ended = scene.run(&[&export[..], &["-o", "copy", "--passphrase-file", "wrong"]].concat());
    assert!(ended.code == Some(3) && ended.stderr.starts_with(&format!("for the key {key}")), "{ended:?}");
    let other = "0".repeat(26);
    for option in ["--fingerprint", "--recipient-fingerprint"] {
        let args = [&export[..], &["-o", "copy", "--passphrase-file", "nowhere", option]].concat();
        let ended = scene.run(&[&args[..], &[&other]].concat());
        ended.failed(3, key, "nothing was copied");
    }
    assert!(!scene.at("copy").exists());
    assert_eq!(scene.run(&[&export[..], &["-o", "copy", "--fingerprint", key]].concat()).code, Some(0));
}

#[test]
fn a_site_knows_its_custodian_from_the_first_pack_on() {
    let (scene, other) = (Scene::new(), Scene::new());
    let site = &scene.site;
    site.put("3.jpg", &photo(3));
    let ended = site.ingest(&[]);
    assert!(ended.code == Some(0) && ended.stderr.contains(&scene.custodian()), "{ended:?}");
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(json["custodian"], scene.custodian());

    // Another custodian's pack in its place, or beside it under another name, and a vault that nobody knows.
    for name in ["site.pack", "next.pack"] {
        let pack = scene.at(name);
        let kept = fs::read(&pack).ok();
        fs::copy(other.at("site.pack"), &pack).expect("exchanged");
        let ingest = |more: &[&str]| {
            Ended::of(site.command_with(&pack, &scene.at("elsewhere")).args(more).output().expect("the command runs"))
        };
        let (ours, theirs) = (scene.custodian(), other.custodian());
        ingest(&[]).failed(3, "this site's packs so far were of", &format!("--custodian {theirs}"));
        ingest(&["--custodian", &ours]).failed(3, "names two custodians", "find out");
        assert!(!scene.at("elsewhere").exists(), "a refused pack leaves nothing behind");
        if let Some(kept) = kept {
            fs::write(&pack, kept).expect("put back");
        }
    }
    let pack = scene.at("next.pack");
    let ingest = |more: &[&str]| {
        Ended::of(site.command_with(&pack, &scene.at("elsewhere")).args(more).output().expect("the command runs"))
    };
    assert_eq!(ingest(&["--custodian", &other.custodian()]).code, Some(0));
    assert_eq!(ingest(&[]).code, Some(0), "it is known from now on");
}

#[test]
fn a_known_site_takes_no_other_custodians_packs_though_both_are_known() {
    let (scene, mut other) = (Scene::new(), Scene::new());
    let ingest = |pack: &str, more: &[&str]| {
        let command =
            scene.site.command_with(&scene.at(pack), &scene.at(&format!("vault-of-{pack}"))).args(more).output();
        Ended::of(command.expect("the command runs"))
    };
    let mut issue = |site: &str, name: &str| {
        let request = PackRequest { site, valid_days: 30, now: jiff::Timestamp::now() };
        other.site.custodian.keyring.issue_pack(&request, &scene.at(name)).expect("a pack is issued");
    };
    issue("South", "south.pack");
    issue("North Bridge", "north.pack");
    let theirs = other.custodian();
    ingest("south.pack", &[]).failed(3, "this site's packs so far were of", &theirs);
    assert_eq!(ingest("south.pack", &["--new", "--custodian", &theirs]).code, Some(0));
    assert_eq!(ingest("south.pack", &[]).code, Some(0), "of its own site");
    ingest("north.pack", &["--new"]).failed(3, "this site's packs so far were of", &format!("--custodian {theirs}"));
    assert!(!scene.at("vault-of-north.pack").exists());
    assert_eq!(scene.site.ingest(&[]).code, Some(0), "the site's own is as good as before");
    // Named, it is the site's custodian from then on, and the only one.
    assert_eq!(ingest("north.pack", &["--new", "--custodian", &theirs]).code, Some(0));
    scene.site.ingest(&[]).failed(3, &theirs, &scene.custodian());
}
