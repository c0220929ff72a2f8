//! The attacks that are guesses, played on one store after the others, and the correction over all of them.

use std::path::Path;

use super::attack::Attack;
use super::evidence::{Evidence, Finding, Sample};
use super::keys::LootKeys;
use super::loot::Loot;
use super::randomness::holm;
use super::score::{Scorer, Target, opened_copies};
use super::truth::Truth;
use super::{Assessment, BreachError, Plan, epochs, linking, order, residual, sizes, tampering};
use crate::vision::Nets;

/// What the suite needs beside what every attack needs.
pub struct Suite<'a> {
    /// What is known of the pictures. Without it there are no guesses to score: the thief's eyes look all the same.
    pub truth: Option<&'a Truth>,
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
        let loot = Loot::survey(target.stolen)?;
        let keys = LootKeys::find(&loot);
        let plan = Plan { truth: self.truth, ..*plan };
        let (mut assessment, carved, opened) = super::examine(&loot, &keys, &plan, progress)?;
        let copies = opened_copies(&loot, &keys);
        let scorer = self.scorer.as_ref();
        if let Some(truth) = self.truth {
            let games = [
                (Attack::Sizes, sizes::play(target, &loot, truth, self.photographs, plan.seed)),
                (Attack::Order, order::play(target, &loot, truth, scorer)),
                (Attack::Linking, linking::play(target.kind, &loot, &copies, scorer)),
                (Attack::Epochs, epochs::play(target.kind, truth, &keys.packs, scorer)),
            ];
            let games = games.map(|(attack, game)| finding(attack, Evidence::Game(game), Vec::new()));
            assessment.findings.extend(games);
        }
        let from = residual::Pictures { carved, opened, keys: &keys, copies: &copies };
        let (seen, mut samples) = residual::play(target, &loot, self.truth, &from, scorer, (self.nets, self.looks));
        samples.truncate(plan.samples);
        assessment.findings.push(finding(Attack::Residual, seen, samples));
        if self.truth.is_some() {
            let game = tampering::play(target, &loot, &keys, scorer, plan.seed);
            assessment.findings.push(finding(Attack::Tampering, Evidence::Game(game), Vec::new()));
        }
        assessment.seconds = started.elapsed().as_secs_f64();
        Ok(assessment)
    }
}

fn finding(attack: Attack, evidence: Evidence, samples: Vec<Sample>) -> Finding {
    Finding { attack, verdict: evidence.verdict(), evidence, samples }
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

/// The results of all attacks on a store; `truth` says how much there was to get, and without it there are no rates.
pub fn results(assessment: &Assessment, truth: Option<&Truth>) -> Vec<AttackResult> {
    let known = truth.map(|truth| (truth.captures.len() as u64, truth.plates().len() as u64));
    let rates: Vec<_> = assessment.findings.iter().map(|f| f.evidence.rate(known)).collect();
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
