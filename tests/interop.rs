//! A stranger's tool opens our vaults: `tests/interop/reader.py`, in Python on other implementations of the same public
//! building blocks, must see exactly what the opening vault gives.
//!
//! And `tests/interop/audit.py` must verify our audit logs; it needs `cryptography` alone.
//!
//! The reader needs a Python with `tests/interop/requirements.txt` installed: the one named by `SAFELIGHT_INTEROP_PYTHON`, or a
//! virtual environment at `target/interop-venv`. Without one the tests say so and pass.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{CHEAP, Custodian, PASSPHRASE, capture, spliced};
use safelight::audit::{AuditLog, Details, LogKey, Look, PermittedKeys, Verb};
use safelight::capture::{CaptureId, Effort, to_base32};
use safelight::custody::{
    ClassPolicy, Egress, EpochLength, Passphrase, Policy, PurposeBudget, Quorum, RecipientKeys, Retention, SlotRole,
    SlotTerms,
};
use safelight::export::{Regions, Request, View, export};
use safelight::vault::{ExpiringVault, OpeningVault, Query, SealingOptions, SealingVault, Trust, expire};
use serde_json::{Value, json};

fn python() -> Option<PathBuf> {
    python_with("cryptography.cobblestone, blake3")
}

/// A Python that has some modules.
fn python_with(modules: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidate = match std::env::var_os("SAFELIGHT_INTEROP_PYTHON") {
        Some(named) => PathBuf::from(named),
        None => root.join("target/interop-venv/bin/python"),
    };
    let able = Command::new(&candidate)
        .args(["-c", &format!("import {modules}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if !able {
        // Asked for by name and not usable is an error, not a reason to skip.
        assert!(std::env::var_os("SAFELIGHT_INTEROP_PYTHON").is_none(), "{} is not able", candidate.display());
        eprintln!("skipped: no Python with tests/interop/requirements.txt installed");
    }
    able.then_some(candidate)
}

/// Runs the reader; its lines, or what it complained about.
fn read(python: &Path, args: &[&Path]) -> Result<Vec<Value>, String> {
    told(python, "reader.py", args)
}

fn told(python: &Path, script: &str, args: &[&Path]) -> Result<Vec<Value>, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
    // Nothing is left in the sources' folder.
    let output = Command::new(python).arg("-B").arg(script).args(args).output().expect("the reader runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let lines = String::from_utf8(output.stdout).expect("text");
    Ok(lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

/// What the opening vault gives, in the reader's words.
fn ours(vault: &Path, keys: &PermittedKeys) -> Vec<Value> {
    let digest = |bytes: &[u8]| (bytes.len(), blake3::hash(bytes).to_hex().to_string());
    let vault = OpeningVault::open(vault, Trust::Nobody).expect("the vault opens");
    let mut lines = Vec::new();
    for segment in vault.segments().expect("listed") {
        for record in vault.catalogue(segment, keys).expect("the catalogue opens") {
            let id = CaptureId(record.id);
            let regions: Vec<Value> = record
                .regions
                .iter()
                .map(|region| {
                    let pseudonyms: Vec<_> =
                        region.pseudonyms.iter().map(|p| json!([to_base32(&p.value), p.probability])).collect();
                    json!({"kind": region.kind, "bounds": region.bounds, "score": region.score, "pseudonyms": pseudonyms, "blank": region.blank})
                })
                .collect();
            let mut line = json!({
                "id": id.to_string(),
                "segment": segment.to_string(),
                "catalogue": {
                    "status": u8::from(record.status == safelight::vault::record::Status::Unreadable),
                    "captured_at": record.captured_at,
                    "site": record.site,
                    "lane": record.lane,
                    "direction": record.direction,
                    "class": record.class,
                    "width": record.width,
                    "height": record.height,
                    "epoch": record.epoch,
                    "sealed_by": record.sealed_by,
                    "original": record.original.map(|file| data_encoding::HEXLOWER.encode(&*file)),
                    "scene": record.scene.map(|file| data_encoding::HEXLOWER.encode(&*file)),
                    "regions": regions,
                },
            });
            if let Ok(scene) = vault.scene_in(segment, id, keys) {
                let (bytes, hash) = digest(&scene.file);
                line["scene"] = json!({"media_type": scene.media_type, "bytes": bytes, "blake3": hash});
            }
            if let Ok(identity) = vault.identity_in(segment, id, keys) {
                let (bytes, hash) = digest(&identity.removed);
                let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
                let plates: Vec<_> = identity.plates.iter().map(|p| json!([p.region, p.texts])).collect();
                line["identity"] = json!({
                    "bytes": bytes, "blake3": hash, "source_name": hex(&identity.source_name),
                    "original_blake3": hex(&identity.blake3), "method": identity.method, "restored": true,
                    "plates": plates,
                });
            }
            lines.push(line);
        }
    }
    lines
}

fn sealed(custodian: &Custodian) -> PathBuf {
    let folder = custodian.vault();
    let options = SealingOptions { segment_bytes: 30_000, ..SealingOptions::default() };
    let mut vault = SealingVault::open(&folder, &custodian.pack, options).expect("the vault opens");
    for number in 0..25 {
        let class = ["citizen", "visitor"][number as usize % 2];
        let capture = if number % 7 == 3 { spliced(number, Some(class)) } else { capture(number, Some(class)) };
        vault.append(capture).expect("a capture is taken");
    }
    vault.finish().expect("the vault closes");
    folder
}

#[test]
fn python_sees_what_the_opening_vault_gives() {
    let Some(python) = python() else { return };
    let custodian = Custodian::new();
    let vault = sealed(&custodian);
    let passphrase = custodian.folder.path().join("passphrase");
    fs::write(&passphrase, format!("{PASSPHRASE}\n")).expect("written");
    let custody = custodian.custody();
    let args = [&*vault, Path::new("--custody"), &custody, Path::new("--passphrase-file"), &passphrase];
    let theirs = read(&python, &args).expect("the reader opens the vault");
    assert_eq!(theirs.len(), 25);
    assert_eq!(theirs, ours(&vault, &custodian.openly()));
}

#[test]
fn python_opens_a_keyring_by_shares_and_by_two_passphrases() {
    let Some(python) = python() else { return };
    let mut custodian = Custodian::new();
    let vault = sealed(&custodian);
    let folder = custodian.folder.path().to_owned();
    let expected = ours(&vault, &custodian.openly());
    let terms = |role| SlotTerms { role, label: Some("board".to_owned()), now: jiff::Timestamp::now() };
    let quorum = Quorum::new(3, 5).expect("a quorum");
    let (draft, shares) = custodian.keyring.draft_shares_slot(quorum, terms(SlotRole::First));
    custodian.keyring.add_slot(draft).expect("added");
    let files: Vec<_> = shares.iter().map(|share| folder.join(format!("share {}", share.index()))).collect();
    for (share, file) in shares.iter().zip(&files) {
        fs::write(file, format!("A page\n{}\nof text\n", &*share.lines())).expect("written");
    }
    let custody = custodian.custody();
    let option = |name| Path::new(name);
    let by_shares = |files: &[&PathBuf]| {
        let mut args = vec![&*vault, option("--custody"), &custody];
        files.iter().for_each(|file| args.extend([option("--share"), file.as_path()]));
        read(&python, &args)
    };
    assert_eq!(by_shares(&[&files[4], &files[0], &files[2]]).expect("three shares open it"), expected);
    assert!(by_shares(&[&files[4], &files[0]]).expect_err("two do not").contains("too few shares"));

    let second = Passphrase::new("the comptroller's own".to_owned());
    let draft = custodian.keyring.draft_passphrase_slot(&second, common::CHEAP, terms(SlotRole::Second));
    custodian.keyring.add_slot(draft.expect("drafted")).expect("added");
    let [one, two] = [(PASSPHRASE, "one"), ("the comptroller's own", "two")].map(|(text, name)| {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        path
    });
    let first_only = [&*vault, option("--custody"), &custody, option("--passphrase-file"), &one];
    let seen = read(&python, &first_only).expect("the catalogue and the scenes open");
    assert!(seen.len() == expected.len() && seen.iter().all(|capture| capture.get("identity").is_none()));
    let both = [&first_only[..], &[option("--second-passphrase-file"), &two]].concat();
    assert_eq!(read(&python, &both).expect("both open everything"), expected);
}

/// Everything that a policy can say, and what it says by leaving it out.
#[test]
fn python_reads_the_policy() {
    let Some(python) = python() else { return };
    let mut custodian = Custodian::new();
    let passphrase = custodian.folder.path().join("passphrase");
    fs::write(&passphrase, PASSPHRASE).expect("written");
    let custody = custodian.custody();
    let purposes = vec![PurposeBudget { name: "case 7".to_owned(), records_per_day: 3 }];
    let (catalogue, scene, identity) = (Retention::Years(2), Retention::Months(7), Retention::Days(1));
    let class = ClassPolicy { name: "convoy".to_owned(), catalogue, scene, identity };
    let egress = |listed| Some(Egress { records_per_day: 50, purposes: purposes.clone(), listed_per_day: listed });
    let own = Policy {
        classes: vec![class],
        default_class: "convoy".to_owned(),
        epoch: EpochLength::Week,
        dual_control: true,
        egress: egress(Some(7)),
        details_kept: Some(Retention::Months(30)),
        effort: Some(Effort::Thorough),
    };
    let policies = [Policy::default(), Policy { egress: egress(None), ..common::endless() }, own];
    for policy in policies {
        custodian.keyring.set_policy(policy.clone(), jiff::Timestamp::now()).expect("decided");
        let classes: Vec<_> = policy
            .classes
            .iter()
            .map(|c| json!([c.name, c.catalogue.to_string(), c.scene.to_string(), c.identity.to_string()]))
            .collect();
        let limits = policy.egress.as_ref().map(|egress| {
            let purposes: Vec<_> = egress.purposes.iter().map(|p| json!([p.name, p.records_per_day])).collect();
            json!({"records_per_day": egress.records_per_day, "purposes": purposes, "listed_per_day": egress.listed_per_day()})
        });
        let expected = json!({
            "classes": classes,
            "default_class": policy.default_class,
            "epoch": policy.epoch.name(),
            "dual_control": policy.dual_control,
            "egress": limits,
            "details_kept": policy.details_kept.map_or("1 year".to_owned(), |term| term.to_string()),
            "effort": policy.effort().name(),
            "unknown": [],
        });
        let theirs = told(&python, "policy.py", &[&custody, &passphrase]).expect("the reader opens the keyring");
        assert_eq!(theirs, [expected]);
    }
}

#[test]
fn python_sees_what_is_left_after_expiry() {
    let Some(python) = python() else { return };
    let mut custodian = Custodian::new();
    let folder = custodian.vault();
    let mut vault = SealingVault::open(&folder, &custodian.pack, SealingOptions::default()).expect("the vault opens");
    for number in 0..9 {
        vault.append(capture(number, [None, Some("visitor")][number as usize % 2])).expect("a capture is taken");
    }
    vault.finish().expect("the vault closes");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 100);
    let mut vaults = [ExpiringVault::open(&folder, Trust::Nobody).expect("the vault is free")];
    let expired = expire(&mut custodian.keyring, &mut vaults, later, later).expect("expired");
    assert_eq!((expired.vaults[0].removed, expired.vaults[0].partly), (1, 1));

    let passphrase = custodian.folder.path().join("passphrase");
    fs::write(&passphrase, PASSPHRASE).expect("written");
    let custody = custodian.custody();
    let args = [&*folder, Path::new("--custody"), &custody, Path::new("--passphrase-file"), &passphrase];
    let theirs = read(&python, &args).expect("the reader opens the vault");
    assert_eq!(theirs.len(), 4);
    assert!(theirs.iter().all(|line| line.get("identity").is_none()));
    assert_eq!(theirs, ours(&folder, &custodian.openly()));

    let tombstone = common::files_below(&folder.join("tombstones")).remove(0);
    fs::remove_file(tombstone).expect("removed");
    let complaint = read(&python, &args).expect_err("a missing segment is noticed");
    assert!(complaint.contains("missing segments"), "{complaint}");
}

#[test]
fn python_reads_an_export_as_its_recipient() {
    let Some(python) = python() else { return };
    let custodian = Custodian::new();
    let vault = OpeningVault::open(&sealed(&custodian), Trust::Nobody).expect("the vault opens");
    let whole = [View::Metadata, View::Scene, View::Full].map(|view| (view, Regions::All));
    for (view, regions) in whole.into_iter().chain([(View::Metadata, Regions::Plates), (View::Full, Regions::Faces)]) {
        let keys = RecipientKeys::generate();
        let name = format!("{} {regions:?}", view.name());
        let key_file = custodian.folder.path().join(format!("{name}.key"));
        // Sealed in one view: by a passphrase that some systems write in another way.
        let sealing = Passphrase::new("Gr\u{fc}n correct battery staple".to_owned());
        match view {
            View::Scene => keys.write_sealed(&key_file, &sealing, CHEAP).expect("written"),
            _ => keys.write(&key_file).expect("written"),
        }
        let phrase = custodian.folder.path().join("phrase");
        fs::write(&phrase, "\u{feff}Gru\u{308}n correct battery staple\r\n").expect("written");
        let copy = custodian.folder.path().join(&name);
        let request = Request {
            to: &keys.public(),
            view,
            regions,
            purpose: "interoperation",
            query: &Query::default(),
            now: jiff::Timestamp::now(),
        };
        export(&vault, &custodian.keyring, &request, &copy).expect("exported");
        let theirs =
            read(&python, &[&copy, Path::new("--recipient"), &key_file, Path::new("--passphrase-file"), &phrase])
                .expect("the reader opens the copy");
        assert_eq!(theirs.len(), 25);
        assert_eq!(theirs, ours(&copy, &PermittedKeys::own_copy(keys)), "{name}");
    }
}

#[test]
fn python_refuses_a_damaged_segment() {
    let Some(python) = python() else { return };
    let custodian = Custodian::new();
    let vault = sealed(&custodian);
    let passphrase = custodian.folder.path().join("passphrase");
    fs::write(&passphrase, PASSPHRASE).expect("written");
    let custody = custodian.custody();
    let args = [&*vault, Path::new("--custody"), &custody, Path::new("--passphrase-file"), &passphrase];
    let segment = common::files_below(&vault.join("segments")).remove(0);
    let mut bytes = fs::read(&segment).expect("read");
    bytes[5000] ^= 1;
    fs::write(&segment, &bytes).expect("written");
    let complaint = read(&python, &args).expect_err("a damaged segment is refused");
    assert!(complaint.contains("malformed: segment's trailer"), "{complaint}");

    // Somebody who mends the trailer too is found by the chunks' own tags.
    let content = bytes.len() - 32;
    let hash = blake3::hash(&bytes[..content]);
    bytes[content..].copy_from_slice(hash.as_bytes());
    fs::write(&segment, &bytes).expect("written");
    assert!(read(&python, &args).is_err());
}

#[test]
fn python_verifies_an_audit_log() {
    let Some(python) = python_with("cryptography.hazmat.primitives.asymmetric.ed25519") else { return };
    let custodian = Custodian::new();
    let log = AuditLog::of(&custodian.custody());
    let look = |records: u64| Look {
        verb: Verb::Open,
        records: records.into(),
        purpose: None,
        details: Details::default(),
        over_budget: false,
    };
    let (vkey, earlier) = (custodian.folder.path().join("vkey"), custodian.folder.path().join("earlier"));
    fs::write(&vkey, LogKey::of(custodian.keyring.verifying_key()).to_string()).expect("written");
    for records in 0..270 {
        log.record(&custodian.keyring, &look(records)).expect("recorded");
        if records == 100 {
            fs::write(&earlier, log.note().expect("a checkpoint")).expect("written");
        }
    }
    let verify = || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/audit.py");
        Command::new(&python).arg(script).args([log.folder(), &vkey, &earlier]).output().expect("it runs")
    };
    let sound = verify();
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
    assert!(sound.stdout.starts_with(b"271 "), "{}", String::from_utf8_lossy(&sound.stdout));

    let bundle = log.folder().join("tile/entries/000");
    let mut bytes = fs::read(&bundle).expect("read");
    bytes[70] ^= 1;
    fs::write(&bundle, bytes).expect("written");
    let altered = verify();
    assert!(String::from_utf8_lossy(&altered.stderr).contains("do not give the hash that was signed"));
}
