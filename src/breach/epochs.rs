//! A thief who holds a site pack *and* has opened a catalogue: how far does the pack's pseudonym key reach?

use std::collections::{BTreeMap, HashMap, HashSet};

use super::evidence::Game;
use super::randomness::poisson_at_least;
use super::score::{Scorer, StoreKind};
use super::truth::Truth;
use crate::custody::SitePack;
use crate::pseudonym::EpochKeys;
use crate::words::count as counted;

pub(super) fn play(kind: StoreKind, truth: &Truth, packs: &[SitePack], scorer: Option<&Scorer<'_>>) -> Game {
    let plates = truth.plates();
    if kind != StoreKind::Other {
        // A hash without a key is the same in every epoch, and so is a plate.
        let n = plates.len() as u64;
        let about = "plates and their hashes are the same for ever".to_owned();
        return Game { won: n, tried: n, chance: 0.0, p: if n > 0 { 0.0 } else { 1.0 }, granted: false, about };
    }
    let (Some(scorer), false) = (scorer, packs.is_empty()) else {
        return Game::idle("needs a site pack, and the custodian to open a catalogue for the game");
    };
    let keys: Vec<&EpochKeys> = packs.iter().map(SitePack::epoch_keys).collect();
    let tried: HashMap<[u8; 16], usize> =
        keys.iter().flat_map(|keys| plates.iter().enumerate().map(|(i, plate)| (keys.plate(plate).0, i))).collect();
    let stolen: HashSet<u32> = keys.iter().map(|keys| keys.epoch()).collect();
    // By epoch: distinct pseudonyms, and those that were cracked.
    let mut epochs: BTreeMap<u32, [HashSet<[u8; 16]>; 2]> = BTreeMap::new();
    for record in scorer.home().into_values() {
        let [all, cracked] = epochs.entry(record.epoch).or_default();
        for best in record.regions.iter().filter(|r| r.kind == 0).filter_map(|r| r.pseudonyms.first()) {
            all.insert(best.value);
            if tried.contains_key(&best.value) {
                cracked.insert(best.value);
            }
        }
    }
    let count = |own: bool| {
        let of = epochs.iter().filter(|(epoch, _)| stolen.contains(epoch) == own);
        of.fold((0, 0), |(cracked, all), (_, [seen, fallen])| (cracked + fallen.len() as u64, all + seen.len() as u64))
    };
    let ((own, own_all), (won, tried)) = (count(true), count(false));
    let about = format!(
        "with an opened catalogue the pack's own epoch falls, {own} of {}; others {won} of {tried}",
        counted(own_all, "pseudonym")
    );
    if tried == 0 {
        return Game::idle(about);
    }
    Game { won, tried, chance: 0.0, p: poisson_at_least(won, 1e-9), granted: false, about }
}
