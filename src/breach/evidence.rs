//! What an attack found, beside what chance would have given it.
//!
//! Owns the figures and the verdict drawn from them. Figures carry no plate text; samples do, and live in memory only.

use super::attack::Attack;
use super::carve::Format;
use super::digest::Algorithm;
use super::known::{Form, SecretKind};
use super::randomness;

/// A find counts when chance gives it less often than this, after division by the attacks that are tried.
pub const SIGNIFICANCE: f64 = 0.01;

/// Attacks tried on a store, for the correction.
const ATTACKS: f64 = 17.0;

/// What an attack achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It needs something that was not given, such as the truth.
    NotTried,
    /// Nothing beyond chance.
    Nothing,
    /// The bytes have a recognisable structure, but no picture, plate, name or time came of it.
    Structure,
    /// A holder of the key sees what the eyes had missed: known, and measured.
    Residual,
    /// Something identifying was obtained.
    Success,
}

impl Verdict {
    /// The word in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotTried => "not tried",
            Self::Nothing => "nothing",
            Self::Structure => "structure only",
            Self::Residual => "residual",
            Self::Success => "SUCCESS",
        }
    }
}

/// Result of one attack on one store.
pub struct Finding {
    /// Which attack.
    pub attack: Attack,
    /// What it achieved.
    pub verdict: Verdict,
    /// The figures behind the verdict.
    pub evidence: Evidence,
    /// A few of the things obtained; identifying.
    pub samples: Vec<Sample>,
}

/// One thing obtained. Identifying, so without `Debug` and never serialised.
pub enum Sample {
    /// Something readable.
    Text(String),
    /// A picture's file, and whether it is a thumbnail from inside another one.
    Picture {
        /// The carved bytes; they decode.
        file: Vec<u8>,
        /// `image/jpeg` and the like.
        format: Format,
        /// It lay inside another picture.
        embedded: bool,
        /// The stolen file it came from.
        from: Vec<u8>,
    },
}

impl Sample {
    /// A readable sample with all but its first and last character hidden, fit for a report that is kept.
    pub fn masked(text: &str) -> String {
        let count = text.chars().count();
        let hide = |(i, c): (usize, char)| if i == 0 || i + 1 == count || !c.is_alphanumeric() { c } else { '•' };
        if count <= 2 { "•".repeat(count) } else { text.chars().enumerate().map(hide).collect() }
    }
}

/// Figures of an attack.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Of [`Attack::Pictures`].
    Pictures(Pictures),
    /// Of [`Attack::Metadata`].
    Metadata(Metadata),
    /// Of [`Attack::Text`].
    Text(Text),
    /// Of the searches for known secrets.
    Known(Known),
    /// Of [`Attack::Dictionary`].
    Dictionary(Dictionary),
    /// Of [`Attack::Keys`].
    Keys(KeyUse),
    /// Of [`Attack::Randomness`].
    Randomness(Randomness),
    /// Of [`Attack::Residual`], where no truth says what there was to see.
    Seen(Seen),
    /// Of the attacks that are a guess repeated many times.
    Game(Game),
}

/// Pictures carved.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Pictures {
    /// Pictures that decode and are not inside another one.
    pub decoded: u64,
    /// Pictures that decode and lie inside another one: thumbnails and previews.
    pub embedded: u64,
    /// Signatures seen, believed or not.
    pub signatures: u64,
    /// Signatures that as many random bytes hold on average.
    pub by_chance: f64,
    /// Decoded pictures by format.
    pub formats: Vec<(Format, u64)>,
}

/// Metadata found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Metadata {
    /// Directories that say when, where or with what.
    pub blocks: u64,
    /// With a time.
    pub times: u64,
    /// With a position on Earth.
    pub positions: u64,
    /// With a thumbnail that decodes.
    pub thumbnails: u64,
}

/// Readable runs found.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Text {
    /// Runs of at least `MIN_RUN` readable bytes, outside of carved pictures too.
    pub runs: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Runs that as many random bytes hold on average.
    pub by_chance: f64,
    /// JSON values.
    pub json: u64,
    /// Rows of tables.
    pub rows: u64,
    /// Distinct plates that stand in lists, in any encoding.
    pub plates: u64,
}

/// Known secrets searched and found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Known {
    /// What was searched.
    pub kind: SecretKind,
    /// Distinct secrets in the truth.
    pub total: u64,
    /// Distinct secrets searched; fewer than `total` when there were too many.
    pub searched: u64,
    /// Distinct secrets found, in contents or in names of files.
    pub found: u64,
    /// Decoys of the same shapes searched.
    pub decoys: u64,
    /// Decoys found.
    pub decoys_found: u64,
    /// Distinct secrets found in names of files.
    pub in_names: u64,
    /// Finds, repetitions included.
    pub occurrences: u64,
    /// Finds that as many random bytes give on average.
    pub by_chance: f64,
    /// Probability of the finds by chance; 1 when there are none.
    pub p: f64,
    /// Distinct secrets found by encoding.
    pub forms: Vec<(Form, u64)>,
}

/// The dictionary attack's figures.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Dictionary {
    /// Distinct values that look like a hash.
    pub hash_likes: u64,
    /// How many of them were turned into plates.
    pub recovered: u64,
    /// Which hash it was.
    pub algorithm: Option<Algorithm>,
    /// Candidates hashed.
    pub candidates: u64,
    /// Candidates that there are, in all patterns and in every way that the values may have been hashed in.
    pub planned: u64,
    /// Whether nothing was left to try: all values fell, or all candidates were hashed.
    pub finished: bool,
    /// Wall time spent.
    pub seconds: f64,
    /// Candidates hashed a second, all threads together.
    pub per_second: f64,
    /// Serials in all patterns.
    pub space: u64,
    /// Spaces run through to the end.
    pub complete: Vec<String>,
}

/// Keys found in the loot, and what they opened.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct KeyUse {
    /// Recipients' private keys.
    pub private_keys: u64,
    /// Keyrings.
    pub keyrings: u64,
    /// Keyrings that something in the loot opened.
    pub keyrings_opened: u64,
    /// Of these, such as take two holders, and of which the second slot was opened too.
    pub second_opened: u64,
    /// Lines of short files that may be a passphrase.
    pub passphrases: u64,
    /// Passphrases tried, over all keyrings; each costs about a second, so no more than 32 are tried on one.
    pub guesses: u64,
    /// Shares of a keyring's key.
    pub shares: u64,
    /// Site packs.
    pub packs: u64,
    /// Segments opened.
    pub segments: u64,
    /// Captures of which something was opened.
    pub captures: u64,
    /// Redacted pictures opened.
    pub scenes: u64,
    /// Original photographs restored.
    pub originals: u64,
    /// Distinct plates opened as text.
    pub plates: u64,
    /// Pseudonyms that came out without a text, and values that look like one, which a pack's key was tried on.
    pub targets: u64,
    /// Pseudonyms that came out by one holder's secret, of a keyring that takes both for plates. No pack's key is tried on them: this
    /// program finds no plate for one holder, not even in a loot.
    pub guarded: u64,
    /// Plates found by enumeration under a pack's key.
    pub enumerated: u64,
    /// Plates enumerated.
    pub tried: u64,
    /// Plates that there are, in all patterns.
    pub space: u64,
}

impl KeyUse {
    /// Whether there was any key to use.
    pub fn is_idle(&self) -> bool {
        self.private_keys + self.keyrings + self.packs == 0
    }

    /// Captures with a picture.
    pub fn pictures(&self) -> u64 {
        self.scenes.max(self.originals)
    }
}

/// What the thief's own eyes saw on pictures of which no truth is known.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Seen {
    /// Pictures that came out.
    pub pictures: u64,
    /// Pictures that were looked at.
    pub looked_at: u64,
    /// Distinct plates read.
    pub plates: u64,
    /// Faces found.
    pub faces: u64,
    /// Whether all of that was seen on redacted pictures that a key opened, whose holder may see them anyway.
    pub granted: bool,
}

/// A guess repeated many times, and how often it was right.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Game {
    /// Right guesses.
    pub won: u64,
    /// Guesses; 0 when the store gives nothing to guess at.
    pub tried: u64,
    /// Right guesses that chance gives on average, as a share of those tried.
    pub chance: f64,
    /// Probability of winning at least as often by chance.
    pub p: f64,
    /// Whether what was won is what the holder of the key may see anyway.
    pub granted: bool,
    /// What was guessed and how, with the figures behind it.
    pub about: String,
}

impl Game {
    /// A game that cannot be played here, and why.
    pub fn idle(about: impl Into<String>) -> Self {
        Self { won: 0, tried: 0, chance: 0.0, p: 1.0, granted: false, about: about.into() }
    }

    /// The share of right guesses; 0 when there were none.
    pub fn rate(&self) -> f64 {
        if self.tried == 0 { 0.0 } else { self.won as f64 / self.tried as f64 }
    }
}

/// An attacker's success beside what chance gives, as shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Rate {
    /// How much of what there was to get was got.
    pub success: f64,
    /// What chance would have got.
    pub chance: f64,
    /// The probability of so much by chance, before correction for the number of attacks.
    pub p: f64,
}

/// Tests against uniform random bytes.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Randomness {
    /// Blocks and files tested.
    pub tests: u64,
    /// Blocks and files that are not random, after Holm's correction.
    pub structured: u64,
    /// Smallest p-value after correction.
    pub p: f64,
    /// Smallest p-value after correction of each test.
    pub by_test: Vec<(&'static str, f64)>,
    /// Bits a byte over all bytes tested.
    pub entropy: f64,
    /// Aligned 16-byte blocks that occur more than once, among those sampled.
    pub repeated_blocks: u64,
    /// Bytes in files too small to test.
    pub untested_bytes: u64,
    /// Bytes of the format's own public parts (headers, trailers, cards, packs, journals), which are left out knowingly.
    pub framing_bytes: u64,
    /// The first two files with structure, by name; empty when nearly all have it.
    pub structured_files: Vec<String>,
    /// Whether there are more than two.
    pub more_files: bool,
}

impl Evidence {
    /// What the figures amount to.
    pub fn verdict(&self) -> Verdict {
        let alpha = SIGNIFICANCE / ATTACKS;
        match self {
            // Decoding is proof: no chance level is left.
            Self::Pictures(p) if p.decoded + p.embedded > 0 => Verdict::Success,
            Self::Metadata(m) if m.blocks > 0 => Verdict::Success,
            Self::Text(t) if t.json + t.rows + t.plates > 0 => Verdict::Success,
            Self::Text(t) if t.runs > 0 && randomness::poisson_at_least(t.runs, t.by_chance) < alpha => {
                Verdict::Structure
            }
            Self::Known(k) if k.searched == 0 => Verdict::NotTried,
            Self::Known(k) if k.found > 0 && k.p < alpha => Verdict::Success,
            // A value of 64 bits or more that is the hash of a plausible plate is no chance find.
            Self::Dictionary(d) if d.recovered > 0 => Verdict::Success,
            Self::Keys(k) if k.is_idle() => Verdict::NotTried,
            Self::Keys(k) if k.captures + k.enumerated > 0 => Verdict::Success,
            Self::Seen(s) if s.plates + s.faces > 0 => {
                if s.granted {
                    Verdict::Residual
                } else {
                    Verdict::Success
                }
            }
            Self::Randomness(r) if r.structured > 0 || r.repeated_blocks > 0 => Verdict::Structure,
            Self::Game(g) if g.tried == 0 => Verdict::NotTried,
            // What never comes by chance is certain, however few were tried.
            Self::Game(g) if g.rate() > g.chance && (g.p < alpha || (g.chance == 0.0 && !g.granted)) => {
                if g.granted {
                    Verdict::Residual
                } else {
                    Verdict::Success
                }
            }
            _ => Verdict::Nothing,
        }
    }
}

impl Evidence {
    /// The attacker's success beside chance; `known` is how many pictures and plates there were to get, where a truth
    /// says so. `None` when the attack has no such measure, or was not tried: without a truth there are counts and no
    /// rates.
    pub fn rate(&self, known: Option<(u64, u64)>) -> Option<Rate> {
        // What was certainly obtained has no chance level; of what there was nothing to get of, there is no rate.
        let sure = |got: u64, all: u64| {
            let success = (got as f64 / all as f64).min(1.0);
            (all > 0).then_some(Rate { success, chance: 0.0, p: if got > 0 { 0.0 } else { 1.0 } })
        };
        match (self, known) {
            (Self::Pictures(found), Some((pictures, _))) => sure(found.decoded.max(found.embedded), pictures),
            (Self::Metadata(found), Some((pictures, _))) => sure(found.blocks, pictures),
            (Self::Text(found), Some((_, plates))) => sure((found.rows + found.json).max(found.plates), plates),
            (Self::Dictionary(cracked), Some((_, plates))) => sure(cracked.recovered, plates),
            (Self::Keys(keys), Some((pictures, _))) if !keys.is_idle() => {
                sure(keys.captures.max(keys.enumerated), pictures)
            }
            (Self::Known(known), Some(_)) if known.searched > 0 => Some(Rate {
                success: (known.found as f64 / known.searched as f64).min(1.0),
                chance: known.decoys_found as f64 / known.decoys.max(1) as f64,
                p: known.p,
            }),
            (Self::Randomness(tests), _) if tests.tests > 0 => Some(Rate {
                success: (tests.structured as f64 / tests.tests as f64).min(1.0),
                chance: 0.0,
                p: if tests.repeated_blocks > 0 { 0.0 } else { tests.p },
            }),
            (Self::Game(game), Some(_)) if game.tried > 0 => {
                Some(Rate { success: game.rate(), chance: game.chance, p: game.p })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever attack succeeds: beside the word there is never a rate of nothing, nor a probability of one.
    #[test]
    fn a_success_has_no_rate_or_one_that_says_so() {
        let successes = [
            Evidence::Pictures(Pictures { embedded: 3, ..Pictures::default() }),
            Evidence::Pictures(Pictures { decoded: 1, ..Pictures::default() }),
            Evidence::Metadata(Metadata { blocks: 2, ..Metadata::default() }),
            Evidence::Text(Text { rows: 4, ..Text::default() }),
            Evidence::Text(Text { plates: 3, ..Text::default() }),
            Evidence::Keys(KeyUse { private_keys: 1, captures: 2, ..KeyUse::default() }),
            Evidence::Keys(KeyUse { packs: 1, enumerated: 2, ..KeyUse::default() }),
            Evidence::Seen(Seen { pictures: 1, looked_at: 1, faces: 1, ..Seen::default() }),
        ];
        for evidence in successes {
            assert_eq!(evidence.verdict(), Verdict::Success, "{evidence}");
            for known in [None, Some((0, 0)), Some((500, 500))] {
                let rate = evidence.rate(known);
                assert!(rate.is_none_or(|rate| rate.success > 0.0 && rate.p < 0.01), "{evidence}: {rate:?}");
            }
            assert_eq!(evidence.rate(None), None, "{evidence}: no rate without a truth");
        }
    }

    #[test]
    fn masked_samples_keep_the_ends_only() {
        assert_eq!(Sample::masked("ABC1234"), "A•••••4");
        assert_eq!(Sample::masked("AB"), "••");
        assert_eq!(Sample::masked("ABC-1234"), "A••-•••4");
    }
}
