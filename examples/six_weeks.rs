//! Seals six weeks of one port of entry as catalogues without pictures, and prints what really happened, to compare with
//! `safelight impact`:
//!
//! ```text
//! cargo run --release --example six_weeks -- FOLDER [COUNT] [SEED]
//! safelight impact FOLDER/vault --custody FOLDER/custody --passphrase-file FOLDER/passphrase
//! ```
//!
//! Records, keys, segments and journal are the product's own; only scenes and originals are stand-ins of 128 bytes, so
//! that 184,000 captures need minutes and not hours. A segment holds as many captures as 64 MiB of photographs do.

#[path = "../tests/common/itinerary.rs"]
mod itinerary;

use std::path::PathBuf;

use itinerary::Itinerary;
use safelight::custody::{Keyring, PackRequest, Passphrase, PassphraseCost, Policy};
use safelight::vault::{SealingOptions, SealingVault};

const PASSPHRASE: &str = "correct horse battery staple";

/// Captures between two commits: three classes share what 64 MiB of photographs of 138 kB each are.
const COMMIT: u64 = 480;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder =
        arguments.next().filter(|folder| !folder.starts_with('-')).ok_or("usage: six_weeks FOLDER [COUNT] [SEED]")?;
    let folder = PathBuf::from(folder);
    let count: u64 = arguments.next().map_or(Ok(184_000), |n| n.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(2019), |n| n.parse())?;

    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("passphrase"), PASSPHRASE)?;
    let now = jiff::Timestamp::now();
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let cost = PassphraseCost::default();
    let mut keyring = Keyring::create(&folder.join("custody"), &passphrase, cost, Policy::default(), now)?;
    let request = PackRequest { site: "south-gate", valid_days: 60, now };
    let pack = keyring.issue_pack(&request, &folder.join("site.pack"))?;

    let options =
        SealingOptions { segment_bytes: u64::MAX, flush_after: std::time::Duration::MAX, ..SealingOptions::default() };
    let mut vault = SealingVault::open(&folder.join("vault"), &pack, options)?;
    let mut itinerary = Itinerary::new(seed, count);
    for index in 0..count {
        vault.append(itinerary.capture(index, pack.epoch_keys()))?;
        if index % COMMIT == COMMIT - 1 {
            vault.commit()?;
        }
    }
    let totals = vault.finish()?;
    let reality = itinerary.reality;
    let days: std::collections::BTreeSet<&String> = reality.cells.keys().map(|(day, _)| day).collect();
    println!(
        "{}",
        serde_json::json!({
            "captures": reality.captures,
            "segments": totals.segments,
            "bytes": totals.bytes,
            "days": days.len(),
            "lanes_and_days": reality.cells.len(),
            "vehicles": reality.vehicles.len(),
            "faces": reality.faces,
        })
    );
    Ok(())
}
