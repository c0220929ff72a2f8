//! Whole attacks on whole stores: the baselines fall, noise does not.

use image::{Rgb, RgbImage};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::capture::{PlateText, RegionKind};
use crate::geometry::Rect;

const COUNT: usize = 12;

/// Photographs with one plate each, and their truth.
fn photographs(folder: &Path) -> Truth {
    let pattern = Pattern::parse("LDD-DD").expect("mask");
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut captures = Vec::new();
    for i in 0..COUNT {
        let path = format!("cam-{i:05}.jpg");
        let tint = rng.random_range(0..200u8);
        let picture = RgbImage::from_fn(160, 96, |x, y| {
            let plate = (40..100).contains(&x) && (50..70).contains(&y);
            if plate && (x / 6) % 2 == 0 { Rgb([10, 10, 30]) } else { Rgb([tint, (x + y) as u8 / 2 + 60, 120]) }
        });
        picture.save(folder.join(&path)).expect("saves");
        captures.push(KnownCapture {
            path,
            captured_at: jiff::Timestamp::from_second(1_556_900_000 + i as i64 * 977).ok(),
            regions: vec![KnownRegion {
                kind: RegionKind::Plate,
                bounds: Rect::new(40.0, 50.0, 60.0, 20.0),
                text: PlateText::canonical(&pattern.draw(&mut rng)),
            }],
        });
    }
    Truth { captures }
}

fn plan(truth: &Truth) -> Plan<'_> {
    Plan { truth: Some(truth), budget: Budget { candidates: 400_000_000 }, ..Plan::default() }
}

fn verdicts(assessment: &Assessment) -> Vec<(Attack, Verdict)> {
    assessment.findings.iter().map(|f| (f.attack, f.verdict)).collect()
}

#[test]
fn the_plain_store_gives_everything_away() {
    let folder = tempfile::tempdir().expect("tempdir");
    let store = tempfile::tempdir().expect("tempdir");
    let truth = photographs(folder.path());
    baselines::plain(folder.path(), &truth, store.path()).expect("builds");
    let got = attack(&[store.path()], &plan(&truth), &|_, _| {}).expect("attacks");
    assert_eq!((got.pictures(), got.plates()), (COUNT as u64, truth.plates().len() as u64));
    for attack in [Attack::Pictures, Attack::Plates, Attack::Moments] {
        assert_eq!(got.finding(attack).map(|f| f.verdict), Some(Verdict::Success), "{attack:?}");
    }
}

#[test]
fn the_naive_store_gives_away_thumbnails_places_and_plates() {
    let folder = tempfile::tempdir().expect("tempdir");
    let store = tempfile::tempdir().expect("tempdir");
    let truth = photographs(folder.path());
    baselines::naive(folder.path(), &truth, store.path()).expect("builds");
    let got = attack(&[store.path()], &plan(&truth), &|_, _| {}).expect("attacks");
    assert_eq!((got.pictures(), got.thumbnails()), (COUNT as u64, COUNT as u64));
    assert_eq!(got.plates(), truth.plates().len() as u64, "all hashes are cracked");
    for attack in [Attack::Metadata, Attack::Text, Attack::PlateDigests, Attack::Dictionary, Attack::Moments] {
        assert_eq!(got.finding(attack).map(|f| f.verdict), Some(Verdict::Success), "{attack:?}");
    }
    assert_eq!(got.finding(Attack::Plates).map(|f| f.verdict), Some(Verdict::Nothing), "plates are hashed");
    let Some(Evidence::Metadata(metadata)) = got.finding(Attack::Metadata).map(|f| &f.evidence) else {
        panic!("no metadata")
    };
    assert_eq!((metadata.positions, metadata.thumbnails), (COUNT as u64, COUNT as u64));
}

#[test]
fn noise_gives_nothing_whatever_is_tried() {
    let folder = tempfile::tempdir().expect("tempdir");
    let store = tempfile::tempdir().expect("tempdir");
    let truth = photographs(folder.path());
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    // More than one window, so that their seams are crossed, and files around the smallest testable size.
    for (i, len) in [10_000_000usize, 70_001, 1_280, 999, 16, 1, 0].into_iter().enumerate() {
        let mut bytes = vec![0; len];
        rng.fill_bytes(&mut bytes);
        std::fs::write(store.path().join(format!("{i}.seg")), bytes).expect("writes");
    }
    let got = attack(&[store.path()], &plan(&truth), &|_, _| {}).expect("attacks");
    assert!(!got.is_breached());
    let without_keys = [Attack::Pseudonyms, Attack::Keys];
    let untried = |a| if without_keys.contains(&a) { Verdict::NotTried } else { Verdict::Nothing };
    assert!(got.findings.iter().all(|f| f.verdict == untried(f.attack)), "{:?}", verdicts(&got));
    assert!(got.findings.iter().all(|f| f.samples.is_empty()));
}

#[test]
fn one_photograph_among_noise_is_found_across_a_seam() {
    let folder = tempfile::tempdir().expect("tempdir");
    let store = tempfile::tempdir().expect("tempdir");
    let truth = photographs(folder.path());
    let photograph = std::fs::read(folder.path().join("cam-00003.jpg")).expect("reads");
    let seam = loot::WINDOW as usize;
    for start in [seam - 1, seam - 2, seam - 700, seam, seam + 5] {
        let mut bytes = vec![0; 2 * seam + 100_000];
        ChaCha8Rng::seed_from_u64(start as u64).fill_bytes(&mut bytes);
        bytes[start..start + photograph.len()].copy_from_slice(&photograph);
        std::fs::write(store.path().join("big.seg"), bytes).expect("writes");
        let budget = Budget { candidates: 0 };
        let got = attack(&[store.path()], &Plan { budget, ..plan(&truth) }, &|_, _| {}).expect("attacks");
        assert_eq!(got.pictures(), 1, "at {start}");
    }
}

#[test]
fn plaintext_under_a_repeating_pad_is_told_from_noise() {
    let store = tempfile::tempdir().expect("tempdir");
    // Electronic-codebook habits: equal blocks give equal blocks.
    let mut bytes = vec![0; 1 << 20];
    ChaCha8Rng::seed_from_u64(9).fill_bytes(&mut bytes);
    let block: [u8; 16] = bytes[..16].try_into().expect("sixteen");
    bytes[512 << 10..(512 << 10) + 16].copy_from_slice(&block);
    std::fs::write(store.path().join("x"), &bytes).expect("writes");
    let got = attack(&[store.path()], &Plan::default(), &|_, _| {}).expect("attacks");
    let randomness = got.finding(Attack::Randomness).expect("tried");
    assert_eq!(randomness.verdict, Verdict::Structure);
    assert!(!got.is_breached());
    assert_eq!(got.finding(Attack::Plates).map(|f| f.verdict), Some(Verdict::NotTried));
}
