//! The demo's folder, and each act on it.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::story::Keyed;
use crate::breach::baselines::{self, BaselineError};
use crate::breach::{self, Assessment, Budget, Plan, Scorer, StoreKind, Suite, Target, Truth};
use crate::capture::to_base32;
use crate::cli::breach::failure as breach_failure;
use crate::cli::ingest::source_failure;
use crate::cli::terminal::{Voice, chain, shown};
use crate::cli::{Context, Failure, Stop};
use crate::custody::{Keyring, OpeningKeys, PackRequest, Passphrase, PassphraseCost, Policy, RecipientKeys, SitePack};
use crate::export::{self, Regions, Request, View};
use crate::geometry::Size;
use crate::pipeline::{Ingest, IngestError, Options, Source, Summary, TrainedEyes};
use crate::pseudonym::CanaryKey;
use crate::seal::Capability;
use crate::simulate::produce::{self, Content, Order, Produced};
use crate::simulate::world::Scenario;
use crate::vault::{OpeningVault, Query, SealingOptions, SealingVault, Trust};
use crate::vision::Nets;
use crate::written::{Earlier, Taken, Written};

/// Names a folder as a demo's, so that the next demo may empty it.
const MARK: &str = "safelight-demo";

/// The folder in it with a list of its own.
const PHOTOGRAPHS: &str = "photographs";

/// The stores that the thief carries away.
pub const STORES: [&str; 4] = ["plain", "naive", "vault", "export"];

/// Things that each attack keeps for the report, and captures among which the report's example is chosen.
pub const SAMPLES: usize = 200;

/// Pictures of each store at which the thief's eyes look.
const LOOKS: usize = 40;

/// The first of the simulated six weeks.
const START: jiff::civil::Date = jiff::civil::date(2019, 4, 1);

/// A demo's folder, and the list of what this demo has made in it.
pub struct Stage {
    out: PathBuf,
    written: RefCell<Written>,
}

/// What the custodian and the partner hold. It lives in memory; the passphrase is written down by
/// [`Stage::keep`] only.
pub struct Keys {
    keyring: Keyring,
    passphrase: Zeroizing<String>,
    partner: RecipientKeys,
}

/// File names in the two baselines, in the order of the truth.
pub struct Stores {
    /// In `plain`.
    pub plain: Vec<String>,
    /// In `naive`.
    pub naive: Vec<String>,
}

/// What keeps score of the attacks, which are given none of it.
pub struct Score {
    keys: OpeningKeys,
    canaries: CanaryKey,
    vault: OpeningVault,
}

/// What all attacks have in common.
pub struct Act<'a> {
    /// The truth behind the photographs.
    pub truth: &'a Truth,
    /// File names in the baselines.
    pub stores: &'a Stores,
    /// Keeps score.
    pub score: &'a Score,
    /// The thief's eyes.
    pub nets: &'a Nets,
    /// Millions of hashes to try when cracking.
    pub tries: u64,
}

impl Stage {
    /// Makes the folder, or empties an earlier demo's; refuses one that holds anything else, and keys that were kept, and has
    /// then changed nothing.
    pub fn set(out: &Path) -> Result<Self, Failure> {
        match Earlier::survey(out, MARK, &[(PHOTOGRAPHS, produce::MARK)]) {
            Ok(earlier) => earlier.clear().map_err(|(path, error)| unwritable(&path, &error))?,
            Err(Taken::Io(path, error)) => return Err(unwritable(&path, &error)),
            Err(Taken::Foreign(found)) => {
                let found = found.strip_prefix(out).unwrap_or(&found);
                return Err(Failure::usage(
                    format!("{} holds {}, which no finished demo is known to have made", shown(out), shown(found)),
                    "name a new folder with --out, or remove this one yourself; nothing in it was changed",
                ));
            }
        }
        let head = serde_json::json!({ "demo": 1, "note": "`safelight demo` replaces what is listed here" });
        let written = Written::begin(out, MARK, &head).map_err(|e| unwritable(&out.join(MARK), &e))?;
        Ok(Self { out: out.to_owned(), written: RefCell::new(written) })
    }

    /// Notes what an act has made.
    fn made(&self, names: &[&str]) -> Result<(), Failure> {
        let mut written = self.written.borrow_mut();
        names.iter().try_for_each(|name| written.adopt(name).map_err(|e| unwritable(&self.at(name), &e)))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    /// Where the thief keeps `store`.
    pub fn stolen(&self, store: &str) -> PathBuf {
        self.at("stolen").join(store)
    }

    /// Draws the photographs.
    pub fn draw(&self, count: u64, seed: u64, bar: &ProgressBar) -> Result<Produced, Failure> {
        let content = Content::Pictures(Scenario::SixWeeks);
        let order = Order { count, seed, content, size: Size::new(1280, 720), start: START };
        let folder = self.at(PHOTOGRAPHS);
        let failed = |error| Failure::usage(chain(&error), "check that the disk has room, then run the demo again");
        produce::prepare(&folder).map_err(failed)?;
        measure(bar, count, "{human_pos} of {human_len}");
        let produced = produce::produce(&order, &folder, &|| bar.inc(1)).map_err(failed)?;
        self.made(&[PHOTOGRAPHS])?;
        Ok(produced)
    }

    /// The truth behind the photographs.
    pub fn truth(&self) -> Result<Truth, Failure> {
        Truth::read(&self.at(PHOTOGRAPHS).join(produce::TRUTH)).map_err(breach_failure)
    }

    /// Makes a keyring behind a random passphrase, a site pack, and a partner's key pair.
    pub fn keys(&self) -> Result<Keys, Failure> {
        let mut bits = Zeroizing::new([0u8; 16]);
        getrandom::fill(bits.as_mut()).map_err(|error| {
            Failure::new(Stop::Internal, format!("the system gives no random bytes: {error}"), "check /dev/urandom")
        })?;
        let passphrase = Zeroizing::new(to_base32(&bits));
        let now = Timestamp::now();
        let typed = Passphrase::new(passphrase.to_string());
        let custody = self.at("custody");
        let mut keyring = Keyring::create(&custody, &typed, PassphraseCost::default(), Policy::default(), now)?;
        keyring.issue_pack(&PackRequest { site: "south-gate", valid_days: 90, now }, &self.at("site.pack"))?;
        self.made(&["site.pack"])?;
        Ok(Keys { keyring, passphrase, partner: RecipientKeys::generate() })
    }

    /// Seals the photographs with nothing but the site pack.
    pub fn ingest(&self, nets: &Nets, context: &Context) -> Result<Summary, Failure> {
        let pack = SitePack::read(&self.at("site.pack"))?;
        let folder = self.at(PHOTOGRAPHS);
        let mut source = Source::open(&folder, None).map_err(source_failure)?;
        let sealing =
            SealingOptions { segment_bytes: u64::MAX, flush_after: Duration::MAX, ..SealingOptions::default() };
        let mut vault = SealingVault::open(&self.at("vault"), &pack, sealing)?;
        let voice = Voice::new(context, &folder);
        let eyes = || -> Box<dyn crate::pipeline::Look> { Box::new(TrainedEyes::new(nets)) };
        let ingest = Ingest {
            keys: pack.epoch_keys(),
            site: pack.site(),
            eyes: &eyes,
            options: &Options { effort: Some(nets.effort()), ..Options::default() },
            progress: &voice,
            stop: &AtomicBool::new(false),
        };
        let summary = ingest.run(&mut source, &mut vault);
        voice.finish();
        let summary = summary.map_err(|IngestError::Seal { source, .. }| Failure::from(source))?;
        vault.finish()?;
        self.made(&["vault"])?;
        Ok(summary)
    }

    /// Makes the partner's copy: redacted pictures under pseudonyms of its own. Returns how many captures it holds.
    pub fn export(&self, keys: &Keys) -> Result<u64, Failure> {
        let vault = OpeningVault::open(&self.at("vault"), Trust::from(&keys.keyring))?;
        let request = Request {
            to: &keys.partner.public(),
            view: View::Scene,
            regions: Regions::All,
            purpose: "Demonstration",
            query: &Query::default(),
            now: Timestamp::now(),
        };
        let captures = export::export(&vault, &keys.keyring, &request, &self.at("export"))?.captures;
        self.made(&["export"])?;
        Ok(captures)
    }

    /// Builds what others build from the same photographs.
    pub fn baselines(&self, truth: &Truth) -> Result<Stores, Failure> {
        let failed = |error: BaselineError| {
            Failure::usage(chain(&error), "check that the disk has room, then run the demo again")
        };
        let photographs = self.at(PHOTOGRAPHS);
        let plain = baselines::plain(&photographs, truth, &self.at("plain")).map_err(failed)?;
        let naive = baselines::naive(&photographs, truth, &self.at("naive")).map_err(failed)?;
        self.made(&["plain", "naive"])?;
        Ok(Stores { plain, naive })
    }

    /// Copies all stores, and the site pack beside the vault.
    pub fn steal(&self) -> Result<(), Failure> {
        let stolen = self.at("stolen");
        for store in STORES {
            let to = if store == "vault" { stolen.join(store).join(store) } else { stolen.join(store) };
            copy(&self.at(store), &to)?;
        }
        let pack = stolen.join("vault").join("site.pack");
        fs::copy(self.at("site.pack"), &pack).map_err(|e| unwritable(&pack, &e))?;
        self.made(&["stolen"])
    }

    /// Writes down the passphrase and the partner's private key. They are on no list: no later demo removes them, nor what
    /// they open.
    pub fn keep(&self, keys: &Keys) -> Result<(), Failure> {
        let path = self.at("passphrase");
        fs::write(&path, format!("{}\n", *keys.passphrase)).map_err(|e| unwritable(&path, &e))?;
        keys.partner.write(&self.at("partner.key"))?;
        keys.partner.public().write(&self.at("partner.pub"))?;
        Ok(())
    }

    /// Throws the keyring away, which this demo has made: without it nobody opens the vault again.
    pub fn forget(&self) -> Result<(), Failure> {
        fs::remove_dir_all(self.at("custody")).map_err(|e| unwritable(&self.at("custody"), &e))
    }

    /// Lets the custodian keep score: the vault is still there, and the keys in memory.
    pub fn score(&self, keys: &Keys) -> Result<Score, Failure> {
        Ok(Score {
            keys: keys.keyring.opening_keys(&Capability::ALL),
            canaries: keys.keyring.canaries(),
            vault: OpeningVault::open(&self.at("vault"), Trust::from(&keys.keyring))?,
        })
    }

    /// Puts the keys beside what they open, as careless holders do, and uses them: the partner's beside its copy, and the
    /// keyring with its passphrase beside the vault.
    pub fn with_keys(&self, keys: &Keys) -> Result<Vec<Keyed>, Failure> {
        let stolen = self.at("stolen");
        // Gone afterwards, whatever happens: nobody can open the vault once the demo is over.
        let scratch = tempfile::tempdir_in(&stolen).map_err(|e| unwritable(&stolen, &e))?;
        let (partner, passphrase) = (scratch.path().join("partner.key"), scratch.path().join("passphrase"));
        keys.partner.write(&partner)?;
        crate::files::create_private(&passphrase)
            .and_then(|mut file| writeln!(file, "{}", *keys.passphrase))
            .map_err(|e| unwritable(&passphrase, &e))?;
        let used = |what, stolen: &[PathBuf]| -> Result<Keyed, Failure> {
            Ok(Keyed { what, used: breach::use_keys(stolen).map_err(breach_failure)? })
        };
        Ok(vec![
            used("copy and its key", &[self.stolen("export"), partner])?,
            used("vault and keyring", &[self.stolen("vault"), self.at("custody"), passphrase])?,
        ])
    }

    /// Tries everything on the stolen copy of `store`.
    pub fn attack(&self, store: &str, act: &Act<'_>, bar: &ProgressBar) -> Result<Assessment, Failure> {
        let budget = Budget { candidates: act.tries.saturating_mul(1_000_000) };
        let plan = Plan { budget, samples: SAMPLES, ..Plan::default() };
        let Score { keys, canaries, vault } = act.score;
        let suite = Suite {
            truth: Some(act.truth),
            photographs: &self.at(PHOTOGRAPHS),
            scorer: Some(Scorer { keys, canaries, vault }),
            nets: act.nets,
            looks: LOOKS,
        };
        let (kind, names): (_, &[String]) = match store {
            "plain" => (StoreKind::Plain, &act.stores.plain),
            "naive" => (StoreKind::Naive, &act.stores.naive),
            _ => (StoreKind::Other, &[]),
        };
        let target = Target { stolen: &[self.stolen(store)], kind, names };
        let begun = std::sync::Once::new();
        let progress = |done, total| {
            begun.call_once(|| measure(bar, total, "{bytes} of {total_bytes}"));
            bar.set_position(done);
        };
        suite.attack(&target, &plan, &progress).map_err(breach_failure)
    }

    /// Writes the report and returns where it is.
    pub fn write_report(&self, page: &str) -> Result<PathBuf, Failure> {
        let path = self.at("report.html");
        fs::write(&path, page).map_err(|e| unwritable(&path, &e))?;
        self.made(&["report.html"])?;
        Ok(path)
    }
}

/// Shows how far a step is, now that it is known how far it goes.
fn measure(bar: &ProgressBar, length: u64, words: &str) {
    let template = format!("{{spinner}} {{msg:30}} {{bar:24}} {words}  {{elapsed}}");
    bar.set_length(length);
    bar.set_style(ProgressStyle::with_template(&template).expect("a constant template"));
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(
        format!("cannot write {}: {error}", shown(path)),
        "check that the folder may be written and the disk has room",
    )
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.map_err(|e| unwritable(from, &e.into()))?;
        let inside = entry.path().strip_prefix(from).unwrap_or(entry.path());
        let target = to.join(inside);
        let copied = if entry.file_type().is_dir() {
            fs::create_dir_all(&target)
        } else {
            fs::copy(entry.path(), &target).map(|_| ())
        };
        copied.map_err(|e| unwritable(&target, &e))?;
    }
    Ok(())
}
