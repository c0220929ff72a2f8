//! Known plaintext: is anything that the truth names somewhere in the loot, in any usual encoding?
//!
//! Owns spellings, encodings, decoys and the test against chance. For every kind of secret it also searches decoys of
//! the same shapes that are *not* in the truth: what finds them as often as the real ones is chance.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use data_encoding::{BASE64_NOPAD, HEXLOWER, HEXUPPER};
use jiff::Timestamp;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::BreachError;
use super::digest::Algorithm;
use super::evidence::Known;
use super::pattern::Pattern;
use super::randomness;
use super::truth::Truth;
use crate::capture::{self, PlateText};
use crate::pseudonym::EpochKeys;

/// Secrets of one kind that are searched at most; more are sampled evenly. Keeps the automaton within about 200 MB.
const MAX_SECRETS: usize = 4000;

/// Fewest decoys: enough to see a single find of a single secret stand out at 1 in 500.
const MIN_DECOYS: usize = 500;

/// Shorter patterns stand everywhere by chance and prove nothing.
const MIN_PATTERN: usize = 4;

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    /// Plate text.
    Plate,
    /// Unkeyed digest of a plate text.
    PlateDigest,
    /// A picture's file name.
    FileName,
    /// When a picture was taken.
    Moment,
    /// Pseudonym of a plate under the key of a stolen site pack.
    Pseudonym,
}

/// The encoding in which a secret was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// ASCII, any spelling.
    Ascii,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// Hexadecimal of the ASCII, either case.
    Hex,
    /// Base64 at any of its three alignments.
    Base64,
    /// A 64-bit count of seconds or milliseconds, either byte order.
    Binary,
    /// Crockford's base32, either case.
    Base32,
    /// The raw digest or pseudonym.
    Raw,
}

impl Form {
    /// The name in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Binary => "binary",
            Self::Base32 => "base32",
            Self::Raw => "raw bytes",
        }
    }
}

/// Whose pattern it is.
struct Owner {
    secret: u32,
    form: Form,
    len: u32,
}

struct Secret {
    kind: SecretKind,
    decoy: bool,
    /// As shown in a finding; empty for decoys.
    shown: String,
}

/// All patterns in one automaton, with a count for each that all threads add to.
pub struct Needles {
    automaton: AhoCorasick,
    owners: Vec<Owner>,
    secrets: Vec<Secret>,
    totals: HashMap<SecretKind, usize>,
    in_content: Vec<AtomicU32>,
    in_names: Vec<AtomicU32>,
}

impl Needles {
    /// Compiles everything that `truth` names, with decoys drawn with `seed`; pseudonyms under the `stolen` keys.
    pub fn compile(truth: &Truth, stolen: &[&EpochKeys], seed: u64) -> Result<Self, BreachError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut builder = Builder::default();

        let plates: Vec<String> = truth.plates().iter().map(|p| p.expose().to_owned()).collect();
        let real: HashSet<&str> = plates.iter().map(String::as_str).collect();
        let decoy = |rng: &mut ChaCha8Rng, i: usize| {
            let pattern = Pattern::of(plates.get(i % plates.len().max(1))?)?;
            (0..20).map(|_| pattern.draw(rng)).find(|p| !real.contains(p.as_str()))
        };
        let decoys: Vec<String> = (0..decoys_for(plates.len())).filter_map(|i| decoy(&mut rng, i)).collect();
        builder.add(SecretKind::Plate, &plates, &decoys, String::clone, |p| plate_patterns(p));
        builder.add(SecretKind::PlateDigest, &plates, &decoys, String::clone, |p| digest_patterns(p));
        if !stolen.is_empty() {
            builder.add(SecretKind::Pseudonym, &plates, &decoys, String::clone, |p| pseudonym_patterns(p, stolen));
        }

        let mut names: Vec<String> = truth.captures.iter().map(|c| c.path.clone()).collect();
        names.sort();
        names.dedup();
        let real: HashSet<&str> = names.iter().map(|n| base_name(n)).collect();
        let decoy = |rng: &mut ChaCha8Rng, i: usize| {
            let name = names.get(i % names.len().max(1))?;
            (0..20).map(|_| disguised(base_name(name), rng)).find(|n| !real.contains(n.as_str()))
        };
        let decoys: Vec<String> = (0..decoys_for(names.len())).filter_map(|i| decoy(&mut rng, i)).collect();
        builder.add(SecretKind::FileName, &names, &decoys, String::clone, |n| text_patterns(&name_spellings(n)));

        let moments = truth.moments();
        let decoys = moments.first().zip(moments.last()).map_or_else(Vec::new, |(first, last)| {
            let real: HashSet<i64> = moments.iter().map(|m| m.as_second()).collect();
            // A span of at least a day, so that one lonely moment has decoys too.
            let (from, to) = (first.as_second(), last.as_second().max(first.as_second() + 86_400));
            let draws = (0..decoys_for(moments.len())).map(|_| rng.random_range(from..=to));
            draws.filter(|s| !real.contains(s)).filter_map(|s| Timestamp::from_second(s).ok()).collect()
        });
        builder.add(SecretKind::Moment, &moments, &decoys, Timestamp::to_string, moment_patterns);
        builder.build()
    }

    /// Longest pattern in bytes.
    pub fn longest(&self) -> usize {
        self.automaton.max_pattern_len()
    }

    /// Counts every pattern in `bytes` that ends after `from`.
    pub fn search(&self, bytes: &[u8], from: usize) {
        self.count(bytes, from, &self.in_content);
    }

    /// Counts every pattern in a file's name.
    pub fn search_name(&self, name: &[u8]) {
        self.count(name, 0, &self.in_names);
    }

    fn count(&self, bytes: &[u8], from: usize, counts: &[AtomicU32]) {
        for found in self.automaton.find_overlapping_iter(bytes).filter(|m| m.end() > from) {
            // Counts are only ever added to and read after all threads have joined.
            let _ = counts[found.pattern().as_usize()].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was found of `kind` in `bytes` searched bytes, with up to `samples` of the secrets.
    pub fn result(&self, kind: SecretKind, bytes: u64, samples: usize) -> (Known, Vec<String>) {
        let is_kind = |s: &Secret| s.kind == kind;
        let mut known = Known {
            kind,
            total: self.totals.get(&kind).copied().unwrap_or(0) as u64,
            searched: self.secrets.iter().filter(|s| is_kind(s) && !s.decoy).count() as u64,
            decoys: self.secrets.iter().filter(|s| is_kind(s) && s.decoy).count() as u64,
            found: 0,
            decoys_found: 0,
            in_names: 0,
            occurrences: 0,
            by_chance: 0.0,
            p: 1.0,
            forms: Vec::new(),
        };
        let (mut found, mut in_names) = (HashSet::new(), HashSet::new());
        let mut forms: HashMap<Form, HashSet<u32>> = HashMap::new();
        for (i, owner) in self.owners.iter().enumerate() {
            let secret = &self.secrets[owner.secret as usize];
            if !is_kind(secret) {
                continue;
            }
            if !secret.decoy {
                known.by_chance += bytes as f64 * 256f64.powi(-(owner.len as i32));
            }
            let content = self.in_content[i].load(Ordering::Relaxed);
            let names = self.in_names[i].load(Ordering::Relaxed);
            if content + names == 0 {
                continue;
            }
            found.insert(owner.secret);
            if !secret.decoy {
                known.occurrences += u64::from(content) + u64::from(names);
                forms.entry(owner.form).or_default().insert(owner.secret);
                if names > 0 {
                    in_names.insert(owner.secret);
                }
            }
        }
        let (decoys, mut real): (Vec<u32>, Vec<u32>) = found.into_iter().partition(|&s| self.secrets[s as usize].decoy);
        known.found = real.len() as u64;
        known.decoys_found = decoys.len() as u64;
        known.in_names = in_names.len() as u64;
        known.forms = forms.into_iter().map(|(form, secrets)| (form, secrets.len() as u64)).collect();
        known.forms.sort();
        if known.found > 0 {
            // Against uniform bytes, and, as soon as a decoy was found too, against the decoys: the worse one counts.
            known.p = randomness::poisson_at_least(known.found, known.by_chance);
            if known.decoys_found > 0 {
                let p = randomness::fisher(known.found, known.searched, known.decoys_found, known.decoys);
                known.p = known.p.max(p);
            }
        }
        real.sort_unstable();
        let shown = real.iter().take(samples).map(|&s| self.secrets[s as usize].shown.clone()).collect();
        (known, shown)
    }
}

fn decoys_for(secrets: usize) -> usize {
    if secrets == 0 { 0 } else { secrets.clamp(MIN_DECOYS, MAX_SECRETS) }
}

#[derive(Default)]
struct Builder {
    patterns: Vec<Vec<u8>>,
    owners: Vec<Owner>,
    secrets: Vec<Secret>,
    totals: HashMap<SecretKind, usize>,
    seen: HashSet<Vec<u8>>,
}

impl Builder {
    fn add<T>(
        &mut self,
        kind: SecretKind,
        real: &[T],
        decoys: &[T],
        shown: impl Fn(&T) -> String,
        patterns: impl Fn(&T) -> Vec<(Form, Vec<u8>)>,
    ) {
        self.totals.insert(kind, real.len());
        let step = real.len().div_ceil(MAX_SECRETS).max(1);
        let all = real.iter().step_by(step).map(|s| (s, false)).chain(decoys.iter().map(|s| (s, true)));
        for (value, decoy) in all {
            let secret = self.secrets.len() as u32;
            let before = self.patterns.len();
            for (form, pattern) in patterns(value) {
                // The same bytes twice would be counted for two secrets.
                if pattern.len() >= MIN_PATTERN && self.seen.insert(pattern.clone()) {
                    self.owners.push(Owner { secret, form, len: pattern.len() as u32 });
                    self.patterns.push(pattern);
                }
            }
            if self.patterns.len() > before {
                self.secrets.push(Secret { kind, decoy, shown: if decoy { String::new() } else { shown(value) } });
            }
        }
    }

    fn build(self) -> Result<Needles, BreachError> {
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&self.patterns)
            .map_err(BreachError::Automaton)?;
        let zeros = || self.patterns.iter().map(|_| AtomicU32::new(0)).collect();
        Ok(Needles {
            automaton,
            in_content: zeros(),
            in_names: zeros(),
            owners: self.owners,
            secrets: self.secrets,
            totals: self.totals,
        })
    }
}

fn plate_patterns(plate: &str) -> Vec<(Form, Vec<u8>)> {
    let mut spellings = vec![plate.to_owned(), plate.to_lowercase()];
    if let Some(pattern) = Pattern::of(plate) {
        spellings.extend(['-', ' '].map(|gap| pattern.spaced(plate, gap)));
    }
    text_patterns(&spellings)
}

/// The first 64 bits are enough to recognise a digest, and find truncated ones too.
fn digest_patterns(plate: &str) -> Vec<(Form, Vec<u8>)> {
    let of = |algorithm: Algorithm| {
        let digest = algorithm.digest(plate.as_bytes());
        let head = &digest[..8];
        [
            (Form::Raw, head.to_vec()),
            (Form::Hex, HEXLOWER.encode(head).into_bytes()),
            (Form::Hex, HEXUPPER.encode(head).into_bytes()),
            (Form::Base64, BASE64_NOPAD.encode(head).into_bytes()[..10].to_vec()),
        ]
    };
    Algorithm::ALL.into_iter().flat_map(of).collect()
}

fn pseudonym_patterns(plate: &str, keys: &[&EpochKeys]) -> Vec<(Form, Vec<u8>)> {
    let Some(plate) = PlateText::canonical(plate) else { return Vec::new() };
    let of = |keys: &&EpochKeys| {
        let pseudonym = keys.plate(&plate).0;
        let head = &pseudonym[..8];
        // Twelve characters are the first 60 bits.
        let base32 = capture::to_base32(&pseudonym)[..12].to_owned();
        [
            (Form::Raw, head.to_vec()),
            (Form::Hex, HEXLOWER.encode(head).into_bytes()),
            (Form::Hex, HEXUPPER.encode(head).into_bytes()),
            (Form::Base64, BASE64_NOPAD.encode(head).into_bytes()[..10].to_vec()),
            (Form::Base32, base32.to_lowercase().into_bytes()),
            (Form::Base32, base32.into_bytes()),
        ]
    };
    keys.iter().flat_map(of).collect()
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn name_spellings(path: &str) -> Vec<String> {
    let base = base_name(path);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let mut spellings = vec![base.to_owned()];
    // Short stems are numbers that stand in any table.
    if stem.len() >= 8 {
        spellings.push(stem.to_owned());
    }
    spellings
}

/// A name of the same shape: other digits, and other letters too where digits alone leave little to choose from.
fn disguised(name: &str, rng: &mut impl Rng) -> String {
    let (stem, extension) = name.rsplit_once('.').map_or((name, None), |(stem, e)| (stem, Some(e)));
    let few_digits = stem.bytes().filter(u8::is_ascii_digit).count() < 4;
    let change = |c: char| match c {
        '0'..='9' => rng.random_range(b'0'..=b'9') as char,
        'a'..='z' if few_digits => rng.random_range(b'a'..=b'z') as char,
        'A'..='Z' if few_digits => rng.random_range(b'A'..=b'Z') as char,
        other => other,
    };
    let stem: String = stem.chars().map(change).collect();
    extension.map_or_else(|| stem.clone(), |e| format!("{stem}.{e}"))
}

fn moment_patterns(moment: &Timestamp) -> Vec<(Form, Vec<u8>)> {
    let spelled = |format: &str| moment.strftime(format).to_string();
    let common = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S"].map(spelled);
    let mut patterns = text_patterns(&common);
    let rare = [
        spelled("%Y:%m:%d %H:%M:%S"),
        spelled("%Y%m%d_%H%M%S"),
        spelled("%Y%m%d%H%M%S"),
        moment.as_second().to_string(),
    ];
    patterns.extend(rare.into_iter().map(|t| (Form::Ascii, t.into_bytes())));
    for count in [moment.as_second(), moment.as_millisecond()] {
        patterns.push((Form::Binary, count.to_be_bytes().to_vec()));
        patterns.push((Form::Binary, count.to_le_bytes().to_vec()));
    }
    patterns
}

/// Each spelling in each encoding of text.
fn text_patterns(spellings: &[String]) -> Vec<(Form, Vec<u8>)> {
    let mut patterns = Vec::new();
    for spelling in spellings {
        // Longer than any file name; the overlap of windows relies on it.
        let text: String = spelling.chars().take(255).collect();
        let bytes = text.as_bytes();
        patterns.push((Form::Ascii, bytes.to_vec()));
        patterns.push((Form::Utf16Le, text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        patterns.push((Form::Utf16Be, text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
        patterns.push((Form::Hex, HEXLOWER.encode(bytes).into_bytes()));
        patterns.push((Form::Hex, HEXUPPER.encode(bytes).into_bytes()));
        patterns.extend((0..3).map(|before| (Form::Base64, base64_core(bytes, before))));
    }
    patterns
}

/// The base64 characters that `bytes` alone decide when `before` (mod 3) unknown bytes stand before them.
fn base64_core(bytes: &[u8], before: usize) -> Vec<u8> {
    let mut padded = vec![0; before];
    padded.extend_from_slice(bytes);
    let encoded = BASE64_NOPAD.encode(&padded).into_bytes();
    let (start, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    encoded[start..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::truth::{KnownCapture, KnownRegion};
    use crate::capture::RegionKind;
    use crate::geometry::Rect;
    use crate::pseudonym::{Domain, PseudonymRoot};

    fn truth(plates: &[&str]) -> Truth {
        let capture = |(i, plate): (usize, &&str)| KnownCapture {
            path: format!("lane1/capture-{i:05}.jpg"),
            captured_at: Timestamp::from_second(1_556_900_000 + i as i64 * 61).ok(),
            regions: vec![KnownRegion {
                kind: RegionKind::Plate,
                bounds: Rect::new(0.0, 0.0, 9.0, 9.0),
                text: PlateText::canonical(plate),
            }],
        };
        Truth { captures: plates.iter().enumerate().map(capture).collect() }
    }

    fn noise(len: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; len];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn a_plate_is_found_in_every_encoding() {
        let truth = truth(&["KLM4821", "QRS9003"]);
        let utf16 = |f: fn(u16) -> [u8; 2]| "KLM4821".encode_utf16().flat_map(f).collect::<Vec<u8>>();
        let mut planted: Vec<(Form, Vec<u8>)> = vec![
            (Form::Ascii, b"KLM4821".to_vec()),
            (Form::Ascii, b"klm4821".to_vec()),
            (Form::Ascii, b"KLM-4821".to_vec()),
            (Form::Ascii, b"KLM 4821".to_vec()),
            (Form::Utf16Le, utf16(u16::to_le_bytes)),
            (Form::Utf16Be, utf16(u16::to_be_bytes)),
            (Form::Hex, b"4b4c4d34383231".to_vec()),
            (Form::Hex, b"4B4C4D34383231".to_vec()),
        ];
        for before in ["", "x", "xy"] {
            planted
                .push((Form::Base64, BASE64_NOPAD.encode(format!("{before}KLM4821 and more").as_bytes()).into_bytes()));
        }
        for (form, bytes) in planted {
            let needles = Needles::compile(&truth, &[], 1).expect("compiles");
            let mut haystack = noise(100_000, 2);
            haystack.splice(50_000..50_000, bytes.iter().copied());
            needles.search(&haystack, 0);
            let (known, shown) = needles.result(SecretKind::Plate, haystack.len() as u64, 9);
            assert_eq!((known.found, known.decoys_found), (1, 0), "{form:?}");
            assert!(known.p < 1e-3, "{form:?}: {}", known.p);
            assert!(known.forms.iter().any(|f| f.0 == form), "{form:?} in {:?}", known.forms);
            assert_eq!(shown, ["KLM4821"]);
        }
    }

    #[test]
    fn names_moments_and_digests_are_found() {
        let needles = Needles::compile(&truth(&["KLM4821", "QRS9003"]), &[], 1).expect("compiles");
        let mut haystack = b"capture-00001.jpg taken 2019-05-03T16:13:20Z and ".to_vec();
        haystack.extend(1_556_900_061_000i64.to_be_bytes());
        haystack.extend(HEXLOWER.encode(&Algorithm::Md5.digest(b"QRS9003")[..16]).into_bytes());
        needles.search(&haystack, 0);
        let found = |kind| needles.result(kind, haystack.len() as u64, 9).0.found;
        assert_eq!(found(SecretKind::FileName), 1);
        assert_eq!(found(SecretKind::Moment), 2);
        assert_eq!(found(SecretKind::PlateDigest), 1);
        assert_eq!(found(SecretKind::Plate), 0);
        needles.search_name(b"KLM4821_20190503.jpg");
        assert_eq!(needles.result(SecretKind::Plate, 0, 9).0.in_names, 1);
    }

    #[test]
    fn pseudonyms_are_found_with_the_stolen_key_and_with_no_other() {
        let keys = |seed: u8| PseudonymRoot::from_bytes(&[seed; 32]).keys(Domain::HOME, 3);
        let plate = PlateText::canonical("QRS9003").expect("canonical");
        let pseudonym = keys(1).plate(&plate);
        let shown = pseudonym.show(RegionKind::Plate).to_string();
        for haystack in [pseudonym.0.to_vec(), shown.clone().into_bytes(), shown.to_lowercase().into_bytes()] {
            for (seed, found) in [(1, 1), (2, 0)] {
                let needles = Needles::compile(&truth(&["KLM4821", "QRS9003"]), &[&keys(seed)], 1).expect("compiles");
                needles.search(&haystack, 0);
                assert_eq!(needles.result(SecretKind::Pseudonym, haystack.len() as u64, 9).0.found, found);
            }
        }
    }

    #[test]
    fn short_plates_in_noise_are_told_to_be_chance() {
        // 2,000 plates of four characters: 16 MiB of noise hold some of them by chance alone.
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let pattern = Pattern::parse("LLDD").expect("mask");
        let plates: HashSet<String> = (0..2000).map(|_| pattern.draw(&mut rng)).collect();
        let plates: Vec<&str> = plates.iter().map(String::as_str).collect();
        let needles = Needles::compile(&truth(&plates), &[], 5).expect("compiles");
        let haystack = noise(16 << 20, 6);
        needles.search(&haystack, 0);
        let (known, _) = needles.result(SecretKind::Plate, haystack.len() as u64, 0);
        assert!(known.found > 0, "the test is about chance hits");
        assert!(known.by_chance > 5.0 && known.p > 0.01, "{} expected, {} found", known.by_chance, known.found);
    }

    #[test]
    fn a_match_is_counted_in_one_window_only() {
        let needles = Needles::compile(&truth(&["KLM4821"]), &[], 1).expect("compiles");
        let text = b"....KLM4821....";
        needles.search(&text[..11], 0);
        needles.search(text, 11);
        assert_eq!(needles.result(SecretKind::Plate, 15, 0).0.occurrences, 1);
    }
}
