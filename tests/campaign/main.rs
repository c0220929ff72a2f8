//! A campaign of faults against everything that a site and a custodian write: nothing is lost, nothing is plain, and `check`
//! tells the truth.
//!
//! Each test prints how many faults it injected (`cargo test --test campaign -- --nocapture`). A sample is tried by default;
//! `SAFELIGHT_CAMPAIGN=full` tries every operation with every fault.

mod command;
#[path = "../common/mod.rs"]
mod common;
mod disk;
mod vault;

/// Every so many-th of what could be tried: 1 in a full campaign.
fn stride(thinned: usize) -> usize {
    if std::env::var_os("SAFELIGHT_CAMPAIGN").is_some_and(|how| how == "full") { 1 } else { thinned }
}

/// Tells how many faults there were, once all of them were survived.
fn told(what: &str, faults: usize) {
    assert!(faults > 0, "{what}: no fault happened");
    println!("faults: {faults} × {what}: none lost, none plain");
}
