//! Does a length tell which original is in the store?
//!
//! The attacker is shown a thousand photographs' lengths. Half of the photographs are in the store; the lengths of the
//! other half are drawn from the same distribution. It says of each whether it is there, knowing the store's public
//! structure and the tool that made it.

use std::collections::HashSet;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::baselines;
use super::evidence::Game;
use super::loot::Loot;
use super::randomness::fisher;
use super::score::{StoreKind, Target, spread};
use super::truth::Truth;
use crate::seal::{Capability, padded_len, padme, sealed_len};
use crate::vault::Header;
use crate::words::count as counted;

/// Candidates in the store, and as many that are not.
const CANDIDATES: usize = 500;

/// The same where the attacker has to run the other store's tool on each.
const TOOL_CANDIDATES: usize = 60;

/// How far an outsider's length lies from an insider's: a few per cent, so that both have one distribution and no
/// two are equal by construction.
const SPREAD: f64 = 0.04;

/// What a section with one scene has beside the scene: index, CBOR's framing, media type.
const SCENE_FRAME: u64 = 8 + 32 + 40;

pub(super) fn play(target: &Target<'_>, loot: &Loot, truth: &Truth, photographs: &Path, seed: u64) -> Game {
    let length = |i: usize| std::fs::metadata(truth.captures[i].picture(photographs)?).map(|m| m.len()).ok();
    let all: Vec<u64> = (0..truth.captures.len()).filter_map(length).collect();
    if all.len() < 8 {
        return Game::idle("no photographs to compare with");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x512e5);
    let inside: Vec<u64> = match target.kind {
        StoreKind::Naive => {
            let chosen: Vec<usize> = spread(truth.captures.len(), TOOL_CANDIDATES).collect();
            let made = |i: usize| baselines::naive_len(photographs, &truth.captures[i]).ok();
            chosen.into_par_iter().filter_map(made).collect()
        }
        _ => spread(all.len(), CANDIDATES).map(|i| all[i]).collect(),
    };
    let outside = outsiders(&inside, &mut rng);

    let files: HashSet<u64> = loot.files.iter().map(|file| file.len).collect();
    let scenes = scene_lengths(loot);
    let seen = |length: &u64| match scenes.is_empty() {
        true => files.contains(length),
        false => sealed_len(padded_len(length + SCENE_FRAME)).is_some_and(|sealed| scenes.contains(&sealed)),
    };
    let hits = |lengths: &[u64]| lengths.iter().filter(|length| seen(length)).count() as u64;
    let (hits_in, hits_out) = (hits(&inside), hits(&outside));
    let (ins, outs) = (inside.len() as u64, outside.len() as u64);
    let won = (hits_in + outs - hits_out).max(ins - hits_in + hits_out);
    let better = if hits_in * outs >= hits_out * ins { (hits_in, hits_out) } else { (ins - hits_in, outs - hits_out) };
    // Either way round counts, so the probability doubles.
    let p = (2.0 * fisher(better.0, ins, better.1, outs)).min(1.0);
    let about = if scenes.is_empty() {
        format!("exact lengths of {}", counted((inside.len() + outside.len()) as u64, "candidate"))
    } else {
        alone(&all, &outsiders(&all, &mut rng))
    };
    Game { won, tried: ins + outs, chance: 0.5, p, granted: false, about }
}

fn outsiders(inside: &[u64], rng: &mut ChaCha8Rng) -> Vec<u64> {
    let shifted = |length: &u64| {
        // Three uniform throws are bell-shaped enough.
        let bell: f64 = (0..3).map(|_| rng.random_range(-1.0..1.0)).sum();
        (*length as f64 * (1.0 + SPREAD * bell)).round().max(1.0) as u64
    };
    inside.iter().map(shifted).collect()
}

/// Lengths of all scene sections, which any thief can read off the headers.
fn scene_lengths(loot: &Loot) -> HashSet<u64> {
    let scene = |file: &super::loot::StolenFile| {
        let head = file.open().and_then(|mut open| open.read_at(0, Header::MAX_LEN as u64)).ok()?;
        Header::from_bytes(&head).ok()?.entry(Capability::Scene).map(|entry| entry.length)
    };
    let small = loot.files.iter().filter(|file| file.len >= Header::MAX_LEN as u64);
    small.filter_map(scene).collect()
}

/// How a length is padded.
type Rule = fn(u64) -> u64;

/// What lengths would tell if every capture had a segment of its own, by how they are padded: the worst case, which a
/// site comes near when it seals one photograph a minute.
fn alone(inside: &[u64], outside: &[u64]) -> String {
    let rules: [(&str, Rule); 3] = [
        ("unpadded", |length| length + SCENE_FRAME),
        ("Padmé", |length| padme(length + SCENE_FRAME)),
        ("Padmé and 64 KiB", |length| padded_len(length + SCENE_FRAME)),
    ];
    let told = rules.map(|(name, pad)| {
        let present: HashSet<u64> = inside.iter().map(|&length| pad(length)).collect();
        let hits = outside.iter().filter(|&&length| present.contains(&pad(length))).count();
        let right = (inside.len() + outside.len() - hits) as f64 / (inside.len() + outside.len()) as f64;
        // A vault with one capture, and a thousand photographs that it may be.
        let mut thousand: Vec<u64> = spread(inside.len(), 1000).map(|i| pad(inside[i])).collect();
        let candidates = thousand.len();
        thousand.sort_unstable();
        thousand.dedup();
        format!("{name} {:.0} % right, {:.1} % named", right * 100.0, thousand.len() as f64 / candidates as f64 * 100.0)
    });
    format!("were each capture alone in its segment: {}", told.join("; "))
}
