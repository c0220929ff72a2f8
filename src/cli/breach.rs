//! `safelight breach`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::ledger::EgressArgs;
use super::remedies::stdout_failed;
use super::target::{must_all_be_new, unwritable};
use super::terminal::{Page, chain, json, shown, stderr_is_terminal};
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, Stop, ledger};
use crate::audit::{Details, Look, Verb};
use crate::breach::{
    self, Assessment, Attack, BreachError, Evidence, Plan, Rate, Sample, Scorer, StoreKind, Suite, Target, Truth,
    Unseen, Verdict, approx, baselines, counted,
};
use crate::custody::Keyring;
use crate::report;
use crate::seal::Capability;
use crate::vault::{OpeningVault, Query, Trust, VaultKind};
use crate::vision::Nets;

/// Arguments of `breach`.
#[derive(clap::Args)]
#[command(after_help = "\
All of STOLEN is one loot, examined together before anything is said of it. Keys that lie in it are used, as a thief \
would: a recipient's key opens its copy; notes that may hold a passphrase, and shares, are tried on a keyring; a keyring \
opens its vault; a site pack's key is tried on pseudonyms that came out. Nothing of it is written in an audit log, and so what \
keys open is counted and never shown: that they open it is the finding. To look at it is `search`, `open` and `impact`.

With --truth, the whole suite is run: besides what any folder can be searched for, guesses by length, order, joining of \
copies, residue and tampering, each beside what chance gives. Without it, what was obtained is counted: there are no \
rates. --baselines builds the two stores of common practice from the same photographs and attacks them too. --custody keeps \
score only: it says which segment or copy a guess was about, and no attack is given a key of it. As a score tells which plates of \
the truth are in the vault, it takes both holders where there are two, is on record, and counts as listing the vault.")]
pub struct Args {
    /// Stolen folders or files, together one loot: a vault, a site pack, exports, photographs, anything
    #[arg(required = true, value_name = "STOLEN")]
    stolen: Vec<PathBuf>,
    /// The truth behind the pictures, to search for; it lies in their folder, and a captures.csv beside it is read too
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Build what others build from the photographs beside the truth into DIR, which must not exist, and attack it too
    #[arg(long, value_name = "DIR", requires = "truth")]
    baselines: Option<PathBuf>,
    /// The folder that holds the keyring, to keep score with
    #[arg(long, value_name = "DIR", requires = "truth")]
    custody: Option<PathBuf>,
    /// The vault that stolen copies were made from; otherwise the first vault among STOLEN
    #[arg(long, value_name = "DIR", requires = "custody")]
    vault: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
    #[command(flatten)]
    egress: EgressArgs,
    /// Millions of hashes to try at most on each store when cracking, in MD5s; other hashes cost 16
    #[arg(long, value_name = "MILLIONS", default_value_t = 4000)]
    tries: u64,
    /// Write a report as one HTML page to FILE, which must not exist; it never holds a picture
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Show in full what was obtained without keys; otherwise all but first and last characters are hidden
    #[arg(long)]
    show_findings: bool,
}

/// Pictures of each store at which the attacker's own eyes look.
const LOOKS: usize = 300;

/// A store with its name and what came of it.
pub(super) struct Attacked {
    name: String,
    assessment: Assessment,
}

/// Runs `breach`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    must_all_be_new(args.report.iter().chain(&args.baselines))?;
    let truth = args.truth.as_deref().map(Truth::read).transpose().map_err(failure)?;
    let attacked = run_suite(&args, truth.as_ref(), context)?;
    let truth = truth.as_ref();

    let mut out = Page::default();
    let printed = if context.json {
        let mut summaries: Vec<Summary<'_>> = attacked.iter().map(|a| Summary::of(a, truth)).collect();
        match (summaries.len(), summaries.pop()) {
            (1, Some(only)) => json(&only),
            (_, last) => {
                summaries.extend(last);
                json(&serde_json::json!({ "stores": summaries }))
            }
        }
    } else {
        attacked
            .iter()
            .try_for_each(|a| print(&mut out, a, attacked.len() > 1, args.show_findings))
            .and_then(|()| if attacked.len() > 1 { print_table(&mut out, &attacked, truth) } else { Ok(()) })
    };
    printed.map_err(stdout_failed)?;
    if let Some(path) = &args.report {
        let command = format!("safelight breach{}", if args.truth.is_some() { " --truth" } else { "" });
        let folders = attacked.into_iter().map(|a| (a.name, a.assessment)).collect();
        let page = report::of_folders(folders, truth, args.show_findings, command).html();
        crate::files::create_private(path)
            .and_then(|mut file| file.write_all(page.as_bytes()))
            .map_err(|error| unwritable(path, &error))?;
    }
    Ok(Outcome::Done)
}

fn name_of(stolen: &Path) -> String {
    let name = stolen.file_name().map_or_else(|| stolen.to_string_lossy(), |name| name.to_string_lossy());
    name.into_owned()
}

/// A store to attack: its name, where it lies, what it is, and the names of its files where it is a baseline.
type Place = (String, Vec<PathBuf>, StoreKind, Vec<String>);

/// The baselines, when they are asked for.
fn built(args: &Args, truth: Option<&Truth>, photographs: &Path) -> Result<Vec<Place>, Failure> {
    let (Some(folder), Some(truth)) = (&args.baselines, truth) else { return Ok(Vec::new()) };
    let failed = |error| Failure::usage(chain(&error), "check that the disk has room and the pictures can be read");
    let (plain, naive) = (folder.join("plain"), folder.join("naive"));
    let names = [
        baselines::plain(photographs, truth, &plain).map_err(failed)?,
        baselines::naive(photographs, truth, &naive).map_err(failed)?,
    ];
    let [plain_names, naive_names] = names;
    Ok(vec![
        ("plain".to_owned(), vec![plain], StoreKind::Plain, plain_names),
        ("naive".to_owned(), vec![naive], StoreKind::Naive, naive_names),
    ])
}

/// All attacks on all stores, baselines first. All that is stolen is one of them.
fn run_suite(args: &Args, truth: Option<&Truth>, context: &Context) -> Result<Vec<Attacked>, Failure> {
    let photographs = args.truth.as_deref().and_then(Path::parent).filter(|path| !path.as_os_str().is_empty());
    let photographs = photographs.unwrap_or(Path::new("."));
    if let Some(folder) = args.baselines.as_ref().filter(|folder| folder.symlink_metadata().is_ok()) {
        return Err(Failure::usage(format!("{} exists", shown(folder)), "name a folder that does not exist"));
    }
    if let Some(path) = args.stolen.iter().find(|path| path.metadata().is_err()) {
        return Err(Failure::usage(
            format!("{} cannot be read", shown(path)),
            "name folders or files that you may read",
        ));
    }

    let mut keyring = args.custody.as_deref().map(|custody| args.unlock.open(custody)).transpose()?;
    let home = keyring.as_mut().map(|keyring| scored(args, keyring)).transpose()?.flatten();
    let held = keyring.map(|keyring| (keyring.opening_keys(&Capability::ALL), keyring.canaries()));
    let scorer = match (&held, &home) {
        (Some((keys, canaries)), Some(vault)) => Some(Scorer { keys, canaries, vault }),
        _ => None,
    };
    if let (Some(truth), Some(path)) = (truth, &args.truth) {
        truth.must_be_about(path, scorer.as_ref()).map_err(failure)?;
    }
    let mut targets = built(args, truth, photographs)?;
    let names: Vec<String> = args.stolen.iter().map(|stolen| name_of(stolen)).collect();
    targets.push((names.join(" + "), args.stolen.clone(), StoreKind::Other, Vec::new()));
    let nets = Nets::builtin();
    let suite = Suite { truth, photographs, scorer, nets: &nets, looks: LOOKS };
    let budget = breach::Budget { candidates: args.tries.saturating_mul(1_000_000) };
    let plan = Plan { budget, ..Plan::default() };
    let attack = |(name, stolen, kind, names): Place| {
        let bar = progress_bar(context);
        let target = Target { stolen: &stolen, kind, names: &names };
        let assessment = suite.attack(&target, &plan, &shown_on(&bar)).map_err(failure)?;
        bar.finish_and_clear();
        Ok(Attacked { name, assessment })
    };
    targets.into_iter().map(attack).collect()
}

/// The vault against which scores are kept. A score says of plates in a truth, which anybody can write, whether they are in there:
/// it takes what listing the vault and searching for a plate take.
fn scored(args: &Args, keyring: &mut Keyring) -> Result<Option<OpeningVault>, Failure> {
    let Some(vault) = home_vault(args, Trust::from(&*keyring))? else {
        ledger::record_act(keyring, Verb::Check, "breach: to keep score")?;
        return Ok(None);
    };
    args.second.pass(keyring)?;
    if args.egress.takes_both(keyring) && !keyring.has_second() {
        args.second.open(keyring)?;
    }
    let found = Query::default().run(&vault, &keyring.opening_keys(&[Capability::Catalogue]))?;
    let query = "breach: to keep score".to_owned();
    let details = Details { vault: Some(vault.card().vault.0), query, ..Details::default() };
    let look = Look { verb: Verb::Search, records: found.records(), purpose: None, details, over_budget: false };
    // What it permits is the score.
    drop(ledger::permit(keyring, look, &args.egress)?);
    Ok(Some(vault))
}

/// The vault of --vault, or the first among what was stolen.
fn home_vault(args: &Args, trust: Trust) -> Result<Option<OpeningVault>, Failure> {
    if let Some(vault) = &args.vault {
        return Ok(Some(OpeningVault::open(vault, trust)?));
    }
    let vaults = args.stolen.iter().flat_map(|stolen| {
        walkdir::WalkDir::new(stolen).max_depth(2).into_iter().filter_map(Result::ok).map(|e| e.into_path())
    });
    let site =
        |path: PathBuf| OpeningVault::open(&path, trust).ok().filter(|vault| vault.card().kind == VaultKind::Site);
    Ok(vaults.filter_map(site).next())
}

fn shown_on(bar: &ProgressBar) -> impl Fn(u64, u64) + Sync + '_ {
    |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

/// What `--json` prints of a store: figures only, never what was obtained.
#[derive(Serialize)]
struct Summary<'a> {
    store: &'a str,
    files: u64,
    bytes: u64,
    skipped: u64,
    archives: u64,
    not_looked_into: &'a [Unseen],
    seconds: f64,
    breached: bool,
    pictures: u64,
    thumbnails: u64,
    plates: u64,
    records: u64,
    attacks: Vec<AttackSummary<'a>>,
}

#[derive(Serialize)]
struct AttackSummary<'a> {
    attack: Attack,
    verdict: Verdict,
    rate: Option<Rate>,
    corrected_p: Option<f64>,
    evidence: &'a Evidence,
}

impl<'a> Summary<'a> {
    fn of(attacked: &'a Attacked, truth: Option<&Truth>) -> Self {
        let assessment = &attacked.assessment;
        let attacks = assessment.findings.iter().zip(breach::results(assessment, truth));
        Self {
            store: &attacked.name,
            files: assessment.files,
            bytes: assessment.bytes,
            skipped: assessment.skipped,
            archives: assessment.archives,
            not_looked_into: &assessment.unseen,
            seconds: assessment.seconds,
            breached: assessment.is_breached(),
            pictures: assessment.pictures(),
            thumbnails: assessment.thumbnails(),
            plates: assessment.plates(),
            records: assessment.records(),
            attacks: attacks
                .map(|(f, result)| AttackSummary {
                    attack: f.attack,
                    verdict: f.verdict,
                    rate: result.rate,
                    corrected_p: result.corrected,
                    evidence: &f.evidence,
                })
                .collect(),
        }
    }
}

fn print(out: &mut Page, attacked: &Attacked, named: bool, show: bool) -> std::io::Result<()> {
    let assessment = &attacked.assessment;
    if named {
        write!(out, "{}: ", attacked.name)?;
    }
    writeln!(
        out,
        "{} of {}, attacked for {:.1} s",
        counted(assessment.files, "file"),
        counted(assessment.bytes, "byte"),
        assessment.seconds
    )?;
    if assessment.skipped > 0 {
        let were = if assessment.skipped == 1 { "was" } else { "were" };
        writeln!(out, "{} could not be read and {were} left out", counted(assessment.skipped, "entry or part"))?;
    }
    for finding in &assessment.findings {
        writeln!(out, "  {:<31} {:<14} {}", finding.attack.name(), finding.verdict.name(), finding.evidence)?;
        for sample in finding.samples.iter().take(3) {
            if let Sample::Text(text) = sample {
                let line = text.lines().next().unwrap_or_default();
                writeln!(
                    out,
                    "  {:<31} {:<14} > {}",
                    "",
                    "",
                    if show { line.to_owned() } else { Sample::masked(line) }
                )?;
            }
        }
    }
    let verdict = match assessment.took() {
        _ if !assessment.is_breached() => "Nothing usable was obtained".to_owned(),
        took if took.is_empty() => "BREACHED: by the attacks marked above".to_owned(),
        took => format!("BREACHED: {took}"),
    };
    // Of what nobody looked into, nothing is said but that.
    let rest = assessment.unseen_in_words().map(|unseen| {
        let packed = assessment.unseen.iter().all(|unseen| unseen.kind == "archive");
        format!(", but {unseen}: {} first", if packed { "unpack" } else { "unpack or convert" })
    });
    let stop = if assessment.is_breached() && rest.is_none() { "" } else { "." };
    writeln!(out, "{verdict}{}{stop}\n", rest.unwrap_or_default())
}

/// Attacks down, stores across: success beside chance, and p after correction.
fn print_table(out: &mut Page, attacked: &[Attacked], truth: Option<&Truth>) -> std::io::Result<()> {
    let results: Vec<_> = attacked.iter().map(|a| breach::results(&a.assessment, truth)).collect();
    write!(out, "{:<31}", "success / chance, p corrected")?;
    for store in attacked {
        write!(out, " {:>24}", store.name.chars().take(24).collect::<String>())?;
    }
    writeln!(out)?;
    let attacks = results.iter().max_by_key(|r| r.len()).map_or(&[][..], |r| r);
    for attack in attacks.iter().map(|result| result.attack) {
        write!(out, "{:<31}", attack.name())?;
        for store in &results {
            let found = store.iter().find(|result| result.attack == attack);
            let shown = match found.and_then(|result| Some((result, result.rate?))) {
                None => "-".to_owned(),
                Some((result, rate)) => {
                    let p = result.corrected.unwrap_or(1.0);
                    let p = if p < 1e-4 { "<10⁻⁴".to_owned() } else { approx(p) };
                    let mark = match result.verdict {
                        Verdict::Success => "!",
                        Verdict::Structure | Verdict::Residual => "~",
                        _ => " ",
                    };
                    format!("{}/{} % p {p} {mark}", percent(rate.success), percent(rate.chance))
                }
            };
            write!(out, " {shown:>24}")?;
        }
        writeln!(out)?;
    }
    writeln!(out, "! success, ~ structure or residue only, - not applicable")
}

/// A share in percent, which is never printed as nothing when it is something.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 { "<0.1".to_owned() } else { format!("{percent:.1}") }
}

/// Bytes examined, on a terminal only.
fn progress_bar(context: &Context) -> ProgressBar {
    if !context.shows_progress() || !stderr_is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("attacking {wide_bar} {bytes}/{total_bytes}");
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

/// Problem and remedy for each way in which an attack cannot be carried out.
pub(super) fn failure(error: BreachError) -> Failure {
    let cause = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
    let problem = format!("{error}{cause}");
    match error {
        BreachError::Stolen { .. } => Failure::usage(problem, "name a folder or a file that you may read"),
        BreachError::Truth { .. } => Failure::usage(problem, "name the truth.jsonl that `safelight simulate` wrote"),
        BreachError::TruthLine { .. } => Failure::usage(
            problem,
            "each line is an object with `path` and `regions`, as `safelight simulate` writes it",
        ),
        BreachError::EmptyTruth { .. } | BreachError::StrangeTruth { .. } => Failure::usage(
            problem,
            "name the truth that lies beside the photographs behind what was stolen; where these are gone, name the \
             keyring with --custody",
        ),
        BreachError::TruthOutside { .. } | BreachError::TruthTable { .. } => Failure::usage(
            problem,
            "a truth and its pictures lie in one folder; nothing outside of it is read, and no link is followed",
        ),
        BreachError::Captures { .. } => {
            Failure::usage(problem, "the file needs a header with `file` and `timestamp`; or move it away")
        }
        _ => Failure::new(Stop::Internal, problem, "search for less: cut the truth into parts"),
    }
}
