//! `safelight demo`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::eyes::EyesArgs;
use super::remedies::stdout_failed;
use super::terminal::{Page, count, grouped, json_line, say, shown};
use super::{Context, Failure, Outcome, target};
use crate::capture::Effort;
use crate::report::Measure;

mod stage;
mod story;

use stage::{Act, Stage};
use story::{Keyed, Loot, Robbery};

/// Arguments of `demo`.
#[derive(clap::Args)]
#[command(after_help = "\
Draws photographs, seals them, makes a copy for a partner, and lets a thief carry away the vault, the site pack and the \
copy. Beside them stand two stores as people really build them: photographs named by plate and time, and blurred \
photographs with hashed plates. The same attacks run on all four; the report shows what came of it.

Everything in it is drawn: no vehicle and no person in the report exists. The keyring's passphrase is made at random and \
thrown away with the keyring, so that nobody can open the vault afterwards; keep both with --keep-keys to try `search`, \
`open` and `export` on it.")]
pub struct Args {
    /// Folder for all of it; new, empty, or an earlier demo's
    #[arg(long, value_name = "DIR", default_value = "safelight-demo")]
    out: PathBuf,
    /// How many photographs
    #[arg(short = 'n', long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// Decides what is drawn
    #[arg(long, value_name = "S", default_value_t = 2019)]
    seed: u64,
    /// Millions of hashes to try at most on each store when cracking, in MD5s; other hashes cost 16
    #[arg(long, value_name = "MILLIONS", default_value_t = 1500)]
    tries: u64,
    /// Keep the keyring, its passphrase and the partner's private key in the folder
    #[arg(long)]
    keep_keys: bool,
    #[command(flatten)]
    eyes: EyesArgs,
}

/// Runs `demo`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let nets = args.eyes.nets(Effort::Fast)?;
    target::must_lie_outside(&args.out)?;
    let stage = Stage::set(&args.out)?;
    let mut clock = Clock { context, began: Instant::now(), measures: Vec::new() };

    let drawn = clock.step("Draw photographs", |bar| stage.draw(args.count, args.seed, bar), |d| d.images)?;
    clock.say(&format!("  {} and {} on them", count(drawn.plates, "plate"), count(drawn.faces, "face")));
    let truth = stage.truth()?;
    let keys = clock.step("Make a keyring and a site pack", |_| stage.keys(), |_| 0)?;
    let seal = |bar: &ProgressBar| {
        // It has a bar of its own.
        bar.finish_and_clear();
        stage.ingest(&nets, context)
    };
    let sealed = clock.step("Find, blank and seal", seal, |s| s.images)?;
    clock.say(&format!("  {} blanked; {} unreadable", count(sealed.regions, "region"), grouped(sealed.unreadable)));
    clock.step("Make a copy for a partner", |_| stage.export(&keys), |copied| *copied)?;
    let stores = clock.step("Build what others build", |_| stage.baselines(&truth), |_| 0)?;
    clock.step("Steal all four", |_| stage.steal(), |_| 0)?;
    let keyed = clock.step("Use keys stolen with them", |_| stage.with_keys(&keys), |_| 0)?;
    if args.keep_keys {
        stage.keep(&keys)?;
    } else {
        stage.forget()?;
    }
    // In memory only, to say afterwards which guesses were right.
    let score = stage.score(&keys)?;
    drop(keys);

    let act = Act { truth: &truth, stores: &stores, score: &score, nets: &nets, tries: args.tries };
    let (stage, act) = (&stage, &act);
    let attack = |name: &'static str| move |bar: &ProgressBar| stage.attack(name, act, bar);
    let loot = Loot {
        plain: clock.step("Attack the plain folder", attack("plain"), |_| 0)?,
        naive: clock.step("Attack the blurred folder", attack("naive"), |_| 0)?,
        vault: clock.step("Attack the vault", attack("vault"), |_| 0)?,
        export: clock.step("Attack the partner's copy", attack("export"), |_| 0)?,
    };
    let lines: Vec<String> = loot.lines().into_iter().chain(keyed.iter().map(Keyed::line)).collect();
    let breached = loot.vault.is_breached() || loot.export.is_breached();
    let seconds = clock.began.elapsed().as_secs_f64();
    let robbery = Robbery {
        stage,
        truth: &truth,
        stores: &stores,
        loot,
        keyed,
        measures: clock.measures,
        count: args.count,
        seed: args.seed,
        seconds,
    };
    let summary = robbery.summary();
    let with_keys: Vec<_> =
        robbery.keyed.iter().map(|keyed| json!({ "stolen": keyed.what, "yields": keyed.used })).collect();
    let report = stage.write_report(&robbery.story().html())?;

    if context.json {
        let object = json!({
            "report": report.to_string_lossy(),
            "images": args.count,
            "seconds": seconds,
            "breached": breached,
            "stores": summary,
            "with_keys": with_keys,
        });
        json_line(&object).map_err(stdout_failed)?;
    } else if !context.quiet {
        let mut out = Page::default();
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))
            .and_then(|()| writeln!(out, "Report: {}", shown(&report)))
            .map_err(stdout_failed)?;
        if args.keep_keys {
            let folder = shown(&args.out);
            say(&format!("the keyring is in {folder}/custody, its passphrase in {folder}/passphrase"));
        }
    }
    Ok(if breached { Outcome::SomeFailed } else { Outcome::Done })
}

/// Says each step with its time, and remembers the time for the report.
struct Clock<'c> {
    context: &'c Context,
    began: Instant,
    measures: Vec<Measure>,
}

impl Clock<'_> {
    /// Takes one step, which may move its bar; `images` says how many went through it, 0 when that is not what it
    /// works on.
    fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&ProgressBar) -> Result<T, Failure>,
        images: impl FnOnce(&T) -> u64,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let bar = self.bar(name);
        let done = work(&bar);
        bar.finish_and_clear();
        let done = done?;
        let seconds = began.elapsed().as_secs_f64();
        let images = images(&done);
        let rate =
            if images > 0 { format!("  {:.0} images/s", images as f64 / seconds.max(1e-9)) } else { String::new() };
        self.say(&format!("{name:<30} {seconds:>6.2} s{rate}"));
        self.measures.push(Measure { step: name.to_owned(), images, seconds });
        Ok(done)
    }

    /// What is being done and for how long, on a terminal, from the first moment on: some steps take a minute.
    fn bar(&self, name: &str) -> ProgressBar {
        if !self.context.shows_progress() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg:30} {elapsed}").expect("a constant template");
        let bar = ProgressBar::no_length().with_style(style).with_message(name.to_owned());
        bar.tick();
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn say(&self, line: &str) {
        if !self.context.quiet {
            say(line);
        }
    }
}
