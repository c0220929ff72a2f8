//! The breach suite on stores whose truth is known: both stores of common practice fall to every attack that applies,
//! and what Safelight makes falls to none.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Custodian, capture, files_below};
use safelight::breach::{
    Assessment, Attack, Budget, Evidence, Game, Plan, Scorer, StoreKind, Suite, Target, Truth, Verdict, baselines,
    results,
};
use safelight::capture::PlateText;
use safelight::custody::RecipientKeys;
use safelight::export::{Regions, Request, View, export};
use safelight::seal::Capability;
use safelight::vault::record::PseudonymRecord;
use safelight::vault::{OpeningVault, Query, SealingOptions, SealingVault, Trust};
use safelight::vision::Nets;

const IMAGES: usize = 44;

fn copy_all(from: &Path, to: &Path) {
    for path in files_below(from) {
        let to = to.join(path.strip_prefix(from).expect("below"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(&path, &to).expect("copied");
    }
}

fn plan(truth: &Truth) -> Plan<'_> {
    let budget = Budget { time: Duration::from_secs(20), candidates: 40_000_000 };
    Plan { truth: Some(truth), budget, ..Plan::default() }
}

fn game(assessment: &Assessment, attack: Attack) -> &Game {
    match assessment.finding(attack).map(|finding| &finding.evidence) {
        Some(Evidence::Game(game)) => game,
        _ => panic!("{attack:?} is no game"),
    }
}

fn verdict(assessment: &Assessment, attack: Attack) -> Verdict {
    assessment.finding(attack).expect("tried").verdict
}

#[test]
fn every_attack_that_applies_breaks_both_baselines_and_none_the_vault() {
    let custodian = Custodian::new();
    let folder = custodian.folder.path();
    let safelight = |arguments: &[&str]| {
        let status = Command::new(env!("CARGO_BIN_EXE_safelight")).current_dir(folder).args(arguments).status();
        assert!(status.expect("started").success(), "{arguments:?}");
    };
    let count = IMAGES.to_string();
    safelight(&["simulate", "--out", "photos", "-n", &count, "--seed", "9", "--scenario", "six-weeks", "--quiet"]);
    safelight(&["ingest", "photos", "--vault", "vault", "--pack", "site.pack", "--commit-bytes", "900000", "--quiet"]);
    let truth = Truth::read(&folder.join("photos/truth.jsonl")).expect("the truth");
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");

    // The thief has the vault with its pack; and, elsewhere, what two partners lost together with their keys: a copy of
    // the plates and a copy of the faces, and the scenes.
    copy_all(&custodian.vault(), &folder.join("stolen/vault"));
    fs::copy(folder.join("site.pack"), folder.join("stolen/site.pack")).expect("copied");
    let views = [(View::Metadata, Regions::Plates), (View::Metadata, Regions::Faces), (View::Scene, Regions::All)];
    for (i, (view, regions)) in views.into_iter().enumerate() {
        let partner = RecipientKeys::generate();
        let request = Request {
            to: &partner.public(),
            view,
            regions,
            purpose: "a test",
            query: &Query::default(),
            now: jiff::Timestamp::now(),
        };
        // Named in the order of making, so that the plates meet the faces.
        let copy = folder.join(format!("partners/{i}"));
        fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
        export(&vault, &custodian.keyring, &request, &copy).expect("exported");
        partner.write(&folder.join(format!("partners/{i}.key"))).expect("written");
    }
    let plain = baselines::plain(&folder.join("photos"), &truth, &folder.join("plain")).expect("built");
    let naive = baselines::naive(&folder.join("photos"), &truth, &folder.join("naive")).expect("built");

    let keys = custodian.keyring.opening_keys(&Capability::ALL);
    let canaries = custodian.keyring.canaries();
    let nets = Nets::builtin();
    let suite = Suite {
        truth: &truth,
        photographs: &folder.join("photos"),
        scorer: Some(Scorer { keys: &keys, canaries: &canaries, vault: &vault }),
        nets: &nets,
        looks: IMAGES,
    };
    let attack = |stolen: &str, kind, names: &[String]| {
        let target = Target { stolen: &folder.join(stolen), kind, names };
        suite.attack(&target, &plan(&truth), &|_, _| {}).expect("attacked")
    };

    for (name, kind, names) in [("plain", StoreKind::Plain, &plain), ("naive", StoreKind::Naive, &naive)] {
        let broken = attack(name, kind, names);
        let games =
            [Attack::Sizes, Attack::Order, Attack::Linking, Attack::Epochs, Attack::Residual, Attack::Tampering];
        for attack in games {
            assert_eq!(verdict(&broken, attack), Verdict::Success, "{name}: {attack:?}: {:?}", game(&broken, attack));
        }
        assert_eq!(verdict(&broken, Attack::Randomness), Verdict::Structure, "{name}");
        assert!(broken.plates() > 0 && broken.pictures() == IMAGES as u64, "{name}");
    }

    let held = attack("stolen", StoreKind::Other, &[]);
    assert!(!held.is_breached());
    for (finding, result) in held.findings.iter().zip(results(&held, &truth)) {
        let tried = finding.verdict != Verdict::NotTried;
        assert!(!tried || finding.verdict == Verdict::Nothing, "{:?}: {}", finding.attack, finding.evidence);
        assert!(result.corrected.is_none_or(|p| p >= 0.01), "{:?}: {}", finding.attack, finding.evidence);
    }
    assert!(game(&held, Attack::Tampering).tried >= 15, "{:?}", game(&held, Attack::Tampering));

    let partners = attack("partners", StoreKind::Other, &[]);
    assert_eq!(verdict(&partners, Attack::Linking), Verdict::Nothing, "{:?}", game(&partners, Attack::Linking));
    assert!(game(&partners, Attack::Linking).tried > 0);
    // The recipient sees scenes, and on them at most what the eyes missed.
    let residual = game(&partners, Attack::Residual);
    assert!(residual.tried > 0 && residual.rate() < 0.2, "{residual:?}");
    assert_ne!(verdict(&partners, Attack::Residual), Verdict::Success);
    assert_eq!(verdict(&partners, Attack::Tampering), Verdict::Nothing, "{:?}", game(&partners, Attack::Tampering));
}

#[test]
fn a_stolen_pseudonym_key_reaches_its_own_epoch_and_no_other() {
    let mut custodian = Custodian::new();
    custodian.keyring.rotate(None, jiff::Timestamp::now()).expect("a second epoch begins");
    let folder = custodian.folder.path();
    let plates: Vec<PlateText> =
        (0..40).filter_map(|n| PlateText::canonical(&format!("KLM{:04}", 1000 + 37 * n))).collect();
    let mut vault =
        SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("the vault opens");
    for (number, epoch) in (0..80).zip([1, 2].into_iter().cycle()) {
        let mut record = capture(number, Some("visitor"));
        let keys = custodian.keyring.epoch_keys(epoch).expect("an epoch's keys");
        record.catalogue.epoch = epoch;
        record.catalogue.regions[0].pseudonyms =
            vec![PseudonymRecord { value: keys.plate(&plates[number as usize / 2]).0, probability: 99 }];
        vault.append(record).expect("a capture is taken");
    }
    vault.finish().expect("the vault closes");

    let lines: String = plates
        .iter()
        .enumerate()
        .map(|(i, plate)| {
            let region = format!(r#"{{"kind":"plate","box":[1,2,30,9],"text":"{}"}}"#, plate.expose());
            format!("{{\"path\":\"{i}.jpg\",\"regions\":[{region}]}}\n")
        })
        .collect();
    fs::write(folder.join("truth.jsonl"), lines).expect("written");
    let truth = Truth::read(&folder.join("truth.jsonl")).expect("the truth");
    let stolen = folder.join("stolen");
    copy_all(&custodian.vault(), &stolen.join("vault"));
    fs::copy(folder.join("site.pack"), stolen.join("site.pack")).expect("copied");

    let keys = custodian.keyring.opening_keys(&Capability::ALL);
    let canaries = custodian.keyring.canaries();
    let home = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");
    let nets = Nets::builtin();
    let suite = Suite {
        truth: &truth,
        photographs: folder,
        scorer: Some(Scorer { keys: &keys, canaries: &canaries, vault: &home }),
        nets: &nets,
        looks: 1,
    };
    let target = Target { stolen: &stolen, kind: StoreKind::Other, names: &[] };
    let got = suite.attack(&target, &plan(&truth), &|_, _| {}).expect("attacked");
    let epochs = game(&got, Attack::Epochs);
    assert_eq!((epochs.won, epochs.tried), (0, 40));
    assert!(epochs.about.contains("40 of 40"), "{}", epochs.about);
    // Sealed as they are, not even the pack's own epoch falls.
    assert_eq!(verdict(&got, Attack::Pseudonyms), Verdict::Nothing);
    assert!(!got.is_breached());
}
