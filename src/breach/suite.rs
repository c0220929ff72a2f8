//! The attacks that are guesses, played on one store after the others, and the correction over all of them.

use std::path::Path;

use super::evidence::{Attack, Evidence, Finding, Game};
use super::loot::Loot;
use super::randomness::holm;
use super::score::{Scorer, Target, opened_copies, recipients_keys};
use super::truth::Truth;
use super::{Assessment, BreachError, Plan, epochs, linking, order, residual, site_packs, sizes, tampering};
use crate::vision::Nets;

/// What the suite needs beside what every attack needs.
pub struct Suite<'a> {
    /// What is known of the pictures.
    pub truth: &'a Truth,
    /// The folder of the photographs that the truth is about.
    pub photographs: &'a Path,
    /// The custodian's help in keeping score.
    pub scorer: Option<Scorer<'a>>,
    /// The attacker's eyes.
    pub nets: &'a Nets,
    /// How many pictures of each store they look at; some twenty milliseconds each.
    pub looks: usize,
}

impl Suite<'_> {
    /// Everything that [`super::attack`] tries on the store, and then the guesses. `progress` hears bytes examined and
    /// bytes in all.
    ///
    /// # Errors
    ///
    /// See [`BreachError`].
    pub fn attack(
        &self,
        target: &Target<'_>,
        plan: &Plan<'_>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Assessment, BreachError> {
        let started = std::time::Instant::now();
        let mut assessment = super::attack(target.stolen, plan, progress)?;
        let loot = Loot::survey(target.stolen)?;
        let keys = recipients_keys(target.stolen);
        let copies = opened_copies(target.stolen, &keys);
        let scorer = self.scorer.as_ref();
        let packs = site_packs(&loot);
        let games = [
            (Attack::Sizes, sizes::play(target, &loot, self.truth, self.photographs, plan.seed)),
            (Attack::Order, order::play(target, &loot, self.truth, scorer)),
            (Attack::Linking, linking::play(target.kind, &loot, &copies, scorer)),
            (Attack::Epochs, epochs::play(target.kind, self.truth, &packs, scorer)),
            (Attack::Residual, residual::play(target, &loot, self.truth, &copies, scorer, (self.nets, self.looks))),
            (Attack::Tampering, tampering::play(target, scorer, plan.seed)),
        ];
        assessment.findings.extend(games.map(|(attack, game)| finding(attack, game)));
        assessment.seconds = started.elapsed().as_secs_f64();
        Ok(assessment)
    }
}

fn finding(attack: Attack, game: Game) -> Finding {
    let evidence = Evidence::Game(game);
    Finding { attack, verdict: evidence.verdict(), evidence, samples: Vec::new() }
}

/// One attack on one store, with its p-value corrected for all attacks on that store.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AttackResult {
    /// Which attack.
    pub attack: Attack,
    /// What it achieved.
    pub verdict: super::Verdict,
    /// Success beside chance; `None` when it was not tried.
    pub rate: Option<super::Rate>,
    /// The p-value after Holm's correction over the attacks on this store.
    pub corrected: Option<f64>,
}

/// The results of all attacks on a store; `truth` says how much there was to get.
pub fn results(assessment: &Assessment, truth: &Truth) -> Vec<AttackResult> {
    let (pictures, plates) = (truth.captures.len() as u64, truth.plates().len() as u64);
    let rates: Vec<_> = assessment.findings.iter().map(|f| f.evidence.rate(pictures, plates)).collect();
    let corrected = holm(&rates.iter().flatten().map(|rate| rate.p).collect::<Vec<_>>());
    let mut corrected = corrected.into_iter();
    assessment
        .findings
        .iter()
        .zip(rates)
        .map(|(finding, rate)| AttackResult {
            attack: finding.attack,
            verdict: finding.verdict,
            rate,
            corrected: rate.and_then(|_| corrected.next()),
        })
        .collect()
}
