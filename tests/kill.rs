//! An ingest killed at any moment: the vault stays whole, and running it again seals every image exactly once.
//!
//! `SAFELIGHT_KILLS=200 cargo test --test kill` kills more often than the default.

#![cfg(unix)]

mod common;

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::Custodian;
use image::{ImageFormat, Rgb, RgbImage};
use safelight::capture::CaptureId;
use safelight::redact::restore;
use safelight::vault::{OpeningVault, Query, Trust, check, check_deep};

const IMAGES: u32 = 24;

/// Small pictures, no two alike, and one that is none.
fn photographs(folder: &Path) -> Vec<[u8; 32]> {
    fs::create_dir_all(folder).expect("made");
    let mut digests = Vec::new();
    for number in 0..IMAGES {
        let picture = RgbImage::from_fn(160, 96, |x, y| {
            let noise = x.wrapping_mul(31).wrapping_add(y.wrapping_mul(17)).wrapping_mul(number + 3);
            Rgb([(x + number) as u8, (noise >> 3) as u8, (y * 2) as u8])
        });
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Jpeg).expect("encoded");
        let mut bytes = file.into_inner();
        if number == 7 {
            bytes.truncate(bytes.len() / 2);
        }
        digests.push(*blake3::hash(&bytes).as_bytes());
        fs::write(folder.join(format!("{number:03}.jpg")), bytes).expect("written");
    }
    digests
}

fn ingest(custodian: &Custodian) -> Command {
    let folder = custodian.folder.path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    // The vault is removed between rounds, and the site knows of it.
    command.args(["ingest", "--new"]).arg(folder.join("photographs"));
    command.arg("--vault").arg(folder.join("vault")).arg("--pack").arg(folder.join("site.pack"));
    // A segment every few images: many moments at which something is half done.
    command.args(["--commit-bytes", "20000", "--jobs", "2", "--quiet"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Each original's digest with the number of times that it is sealed.
fn sealed(custodian: &Custodian) -> HashMap<[u8; 32], u32> {
    let keys = custodian.openly();
    let vault = OpeningVault::open(&custodian.vault(), Trust::Nobody).expect("the vault opens");
    let mut counts = HashMap::new();
    for hit in Query::default().run(&vault, &keys).expect("the catalogue opens").hits(&keys).expect("permitted") {
        let id = CaptureId(hit.record.id);
        let identity = vault.identity_in(hit.segment, id, &keys).expect("the identity opens");
        let scene = vault.scene_in(hit.segment, id, &keys).ok();
        let scene = scene.as_ref().map(|scene| scene.file.as_slice());
        restore(identity.method, scene, &identity.removed, &identity.blake3).expect("the original comes back");
        *counts.entry(identity.blake3).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_kill_at_any_moment_loses_nothing_and_doubles_nothing() {
    let wanted: u32 = std::env::var("SAFELIGHT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let custodian = Custodian::new();
    let digests = photographs(&custodian.folder.path().join("photographs"));
    // How long a whole run takes here and now, so that kills fall into all of it.
    let start = Instant::now();
    assert_eq!(ingest(&custodian).status().expect("started").code(), Some(1), "one image is unreadable");
    let whole = start.elapsed();

    let (mut kills, mut survived, mut rounds) = (0, 0, 0);
    let mut moment = 0x9e37_79b9_u32;
    while kills < wanted {
        fs::remove_dir_all(custodian.vault()).expect("removed");
        rounds += 1;
        loop {
            moment = moment.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let delay = whole.mul_f64(f64::from(moment >> 8) / f64::from(1 << 24) * 1.1);
            let mut child = ingest(&custodian).spawn().expect("started");
            std::thread::sleep(delay);
            child.kill().expect("killed, or ended before");
            let status = child.wait().expect("waited for");
            if custodian.vault().join("vault").exists() {
                let report = check(&custodian.vault(), Trust::Nobody).expect("checked");
                assert!(report.is_sound(), "after kill {kills}: {:?}", report.faults);
            }
            if status.signal().is_none() {
                // 0 when an earlier run has sealed the unreadable one.
                assert!(matches!(status.code(), Some(0 | 1)), "{status}");
                survived += 1;
                break;
            }
            kills += 1;
            assert!(kills < 50 * wanted, "runs never come to their end");
            if kills % 10 == 0 {
                break;
            }
        }
        // Undisturbed, it comes to its end.
        let end = ingest(&custodian).status().expect("started");
        assert!(matches!(end.code(), Some(0 | 1)), "{end}");
        let counts = sealed(&custodian);
        assert_eq!(counts.len(), digests.len(), "every image is sealed");
        assert!(digests.iter().all(|digest| counts.get(digest) == Some(&1)), "each exactly once");
        let keys = custodian.openly();
        assert!(check_deep(&custodian.vault(), Trust::Nobody, &keys).expect("checked").is_sound());
        assert!(start.elapsed() < Duration::from_secs(3600));
    }
    println!("{kills} kills in {rounds} vaults, {survived} runs ended before their kill");
}
