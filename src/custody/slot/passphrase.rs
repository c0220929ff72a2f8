//! A slot that a passphrase opens, stretched by Argon2id.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use minicbor::{Decode, Encode};
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::SlotKey;
use crate::seal::random;

/// What a file may ask of this machine to open a slot: 4 GiB for 64 passes. Beyond it the file is hostile.
const MAX_MEMORY_KIB: u32 = 4 << 20;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

/// A passphrase. Wiped on drop; neither printable nor clonable.
///
/// Systems write the same letters in composed or decomposed characters, and editors put marks around a text: composed and
/// without them, it is the same everywhere.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Passphrase {
    composed: String,
    /// What earlier versions took instead, where that differs: as it was typed, and decomposed.
    before: Vec<String>,
}

crate::seal::assert_secret!(Passphrase);

/// A passphrase is too weak to protect keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the passphrase is too easy to guess{}; five random words would do",
    reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default()
)]
pub struct PassphraseError {
    /// Why, where that can be said. It quotes nothing of the passphrase.
    pub reason: Option<String>,
}

impl Passphrase {
    /// The passphrase as typed or as a file holds it. Line ends at its end and a byte order mark before it do not count.
    pub fn new(mut typed: String) -> Self {
        let end = typed.trim_end_matches(['\n', '\r']).len();
        typed[end..].zeroize();
        typed.truncate(end);
        let text = typed.strip_prefix('\u{feff}').unwrap_or(&typed);
        let composed = exactly(text.nfc());
        let mut before = vec![exactly(text.nfd()), typed];
        before.retain_mut(|other| {
            let differs = *other != composed;
            if !differs {
                other.zeroize();
            }
            differs
        });
        before.dedup();
        Self { composed, before }
    }

    /// Refuses what a guesser finds, for a new slot or key of the file at `path`: fewer than some 10¹⁰ guesses, at the price of
    /// Argon2id each, by an estimate that knows common passwords, words, names, dates, keyboard rows and repetitions, and what
    /// the file's folders, the user, the machine and the slot's `label` are called.
    ///
    /// A stolen keyring is guessed at for as long, and by as many machines, as somebody cares to: the estimate's highest class is
    /// asked for.
    ///
    /// # Errors
    ///
    /// When it is that weak.
    pub fn check_strength(&self, path: &Path, label: Option<&str>) -> Result<(), PassphraseError> {
        let known = known_words(path, label);
        let known: Vec<&str> = OWN_WORDS.into_iter().chain(known.iter().map(String::as_str)).collect();
        let estimate = zxcvbn::zxcvbn(&self.composed, &known);
        if estimate.score() >= zxcvbn::Score::Four {
            return Ok(());
        }
        let warning = estimate.feedback().and_then(|feedback| feedback.warning());
        Err(PassphraseError { reason: warning.map(|warning| warning.to_string().trim_end_matches('.').to_owned()) })
    }

    /// Whether both are the same, for the prompt's confirmation.
    pub fn matches(&self, other: &Self) -> bool {
        blake3::hash(self.composed.as_bytes()) == blake3::hash(other.composed.as_bytes())
    }

    /// The passphrase, and then what earlier versions took for it: keyrings made by them open, too.
    fn forms(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.composed).chain(&self.before).map(String::as_str)
    }
}

/// What a guesser tries first on any file of this program.
const OWN_WORDS: [&str; 7] = ["safelight", "custody", "custodian", "keyring", "passphrase", "recipient", "holder"];

/// What a guesser tries first on one: what stands beside it, and who made it.
fn known_words(path: &Path, label: Option<&str>) -> Vec<String> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let above = path.ancestors().find_map(|folder| folder.canonicalize().ok());
    let names = path.iter().chain(above.iter().flat_map(|folder| folder.iter()));
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let who = ["USER", "LOGNAME", "USERNAME", "HOSTNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let machine = std::fs::read_to_string("/etc/hostname").ok();
    let mut words = Vec::new();
    for name in names.chain(who).chain(machine).chain(label.map(str::to_owned)) {
        let parts = name.split(|c: char| !c.is_alphanumeric()).chain([name.trim()]);
        words.extend(parts.filter(|part| part.chars().count() > 2).map(str::to_lowercase));
    }
    words
}

/// Characters in memory of their own that does not grow, so that no copy is left behind.
fn exactly(characters: impl Iterator<Item = char> + Clone) -> String {
    let mut text = String::with_capacity(characters.clone().map(char::len_utf8).sum());
    text.extend(characters);
    text
}

/// What a guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PassphraseCost {
    /// Argon2id's memory in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over it.
    #[n(1)]
    pub passes: u32,
    /// Lanes.
    #[n(2)]
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// RFC 9106's second recommendation (three passes, four lanes, 64 MiB) with four times its memory: a keyring is
    /// opened seldom and guards records for decades.
    fn default() -> Self {
        Self { memory_kib: 256 << 10, passes: 3, lanes: 4 }
    }
}

impl PassphraseCost {
    /// `None` when the parameters are out of Argon2's range or beyond what a machine should be asked for.
    fn params(self) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        if memory_kib > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            return None;
        }
        Params::new(memory_kib, passes, lanes, Some(32)).ok()
    }
}

/// Parameters of a passphrase slot, or of a recipient's sealed key, CBOR.
#[derive(Encode, Decode)]
#[cbor(map)]
pub struct Parameters {
    #[n(0)]
    cost: PassphraseCost,
    #[cbor(n(1), with = "minicbor::bytes")]
    salt: [u8; 16],
}

impl Parameters {
    /// With a fresh salt.
    pub fn new(cost: PassphraseCost) -> Self {
        Self { cost, salt: random() }
    }

    /// The key of a new slot. `None` when the cost is out of range or there is no memory for it.
    pub fn stretch(&self, passphrase: &Passphrase) -> Option<SlotKey> {
        self.stretch_form(&passphrase.composed)
    }

    /// The keys that the passphrase may have given: the first one, unless the slot was made by an earlier version.
    pub fn stretch_all<'p>(&'p self, passphrase: &'p Passphrase) -> impl Iterator<Item = SlotKey> + 'p {
        passphrase.forms().filter_map(|form| self.stretch_form(form))
    }

    fn stretch_form(&self, form: &str) -> Option<SlotKey> {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.cost.params()?);
        let mut key = Zeroizing::new([0; 32]);
        argon.hash_password_into(form.as_bytes(), &self.salt, key.as_mut_slice()).ok()?;
        Some(SlotKey::from_bytes(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cannot_ask_for_the_whole_machine() {
        let cost = PassphraseCost { memory_kib: u32::MAX, passes: 1, lanes: 1 };
        assert!(cost.params().is_none());
        assert!(PassphraseCost { passes: 1000, ..PassphraseCost::default() }.params().is_none());
        assert!(PassphraseCost::default().params().is_some());
    }

    #[test]
    fn the_default_is_at_least_the_second_recommendation() {
        let cost = PassphraseCost::default();
        assert!(cost.memory_kib >= 64 << 10 && cost.passes >= 3 && cost.lanes >= 4);
    }

    #[test]
    fn a_passphrase_is_the_same_however_it_was_written() {
        let parameters = Parameters::new(PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 });
        let key = |text: &str| *parameters.stretch(&Passphrase::new(text.to_owned())).unwrap().expose();
        let plain = key("Grüße aus der é");
        for written in ["Gru\u{308}\u{df}e aus der e\u{301}", "\u{feff}Grüße aus der é\r\n", "Grüße aus der é\n\n"]
        {
            assert!(key(written) == plain, "{written:?}");
        }
        assert!(key("Grüße aus der é ") != plain && key("grüße aus der é") != plain);
        // An earlier version took the bytes as they were.
        for old in ["Gru\u{308}\u{df}e", "\u{feff}Grüße", "\u{feff}Gru\u{308}\u{df}e"] {
            let made = *parameters.stretch_form(old).unwrap().expose();
            let opens =
                |text: &str| parameters.stretch_all(&Passphrase::new(text.to_owned())).any(|key| *key.expose() == made);
            assert!(opens(old), "{old:?}");
        }
        let made = *parameters.stretch_form("Gru\u{308}\u{df}e").unwrap().expose();
        assert!(parameters.stretch_all(&Passphrase::new("Grüße".to_owned())).any(|key| *key.expose() == made));
    }

    #[test]
    fn what_is_soon_guessed_is_refused_with_a_reason() {
        let place = std::path::Path::new("/srv/lindqvist/tollhouse-north/keyring");
        let check = |text: &str| Passphrase::new(text.to_owned()).check_strength(place, Some("Comptroller's office"));
        for weak in [
            "",
            "1234567",
            "password",
            "password123",
            "Passw0rd!",
            "qwertzuiop",
            "aaaaaaaaaaaaaaaa",
            "20190401",
            "safelight",
            "safelight1",
            "custodian2026",
            // Some 10⁸ guesses.
            "correct horse",
            "mountain bicycle",
            "Xk7mQ29p",
            // What is written beside the keyring, or on its slot.
            "tollhouse north",
            "Rebecca.Lindqvist",
            "comptroller office",
        ] {
            let error = check(weak).expect_err(weak);
            assert!(weak.is_empty() || weak == "password" || !error.to_string().contains(weak), "{error}");
            assert!(error.to_string().ends_with("five random words would do"), "{error}");
        }
        assert!(check("password").expect_err("weak").reason.is_some());
        for good in
            ["correct horse battery staple", "the comptroller's own", "7F4KQ2M9XWZC", "Donaudampfschiff-Heizer 48"]
        {
            check(good).expect(good);
        }
    }
}
