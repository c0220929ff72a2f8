//! `safelight impact`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ledger::EgressArgs;
use super::remedies::stdout_failed;
use super::target::{self, unwritable};
use super::terminal::{Page, bytes, chain, count, grouped, json, shown, tell};
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, gaps, ledger};
use crate::audit::{Details, Look, Records, Verb};
use crate::impact::{self, Affected, Custodian, Held, Impact, ImpactError, Loot, MIN_CELL, Vehicles};
use crate::report;
use crate::seal::Capability;
use crate::vault::{OpeningVault, Trust};

/// Arguments of `impact`.
#[derive(clap::Args)]
#[command(after_help = "\
STOLEN is whatever came to light of the theft: a folder of copied segments, site packs, exports and keys, in any order and \
under any names; or a text that names segments, hashes of their files (BLAKE3 or SHA-256), or captures. Names and hashes \
are looked up in the vault.

Of fewer than ten captures nothing is told but their number, and of no day, site and lane with fewer than ten: such cells \
are one sum. Whoever needs to know which they are asks with --captures or --notify, which count towards the policy's budget.

Counts need catalogue keys only. --notify opens identities and therefore asks for what `open --identity` asks for.")]
pub struct Args {
    /// What was stolen: a folder or a file
    #[arg(value_name = "STOLEN")]
    stolen: PathBuf,
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR")]
    custody: PathBuf,
    /// The vault that was copied from, where names, hashes and cut copies are looked up
    #[arg(long, value_name = "DIR")]
    vault: Option<PathBuf>,
    /// Write the assessment as one HTML page to FILE, which must not exist; it never holds a plate or a picture
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write every capture's id, time, site and lane to FILE, which must not exist
    #[arg(long, value_name = "FILE")]
    captures: Option<PathBuf>,
    /// Write the plates to notify to FILE, which must not exist: plate, probability, captures, first and last seen
    #[arg(long, value_name = "FILE")]
    notify: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
    #[command(flatten)]
    egress: EgressArgs,
}

/// Runs `impact`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    target::must_all_be_new(args.captures.iter().chain(&args.notify).chain(&args.report))?;
    args.stolen.metadata().map_err(|source| ImpactError::Stolen { path: args.stolen.clone(), source })?;
    args.vault.iter().try_for_each(|vault| OpeningVault::open(vault, Trust::Nobody).map(drop))?;
    let mut keyring = args.unlock.open(&args.custody)?;
    let capabilities: &[Capability] =
        if args.notify.is_some() { &[Capability::Catalogue, Capability::Identity] } else { &[Capability::Catalogue] };
    args.second.open_for(&mut keyring, capabilities)?;
    let vault = args.vault.as_deref().map(|vault| OpeningVault::open(vault, Trust::from(&keyring))).transpose()?;
    if args.egress.takes_both(&keyring) && !keyring.has_second() {
        args.second.open(&mut keyring)?;
    }
    let look = |what: &str, records: Records| {
        let vault = vault.as_ref().map(|vault| vault.card().vault.0);
        let details = Details { query: what.to_owned(), vault, ..Details::default() };
        Look { verb: Verb::Impact, records, purpose: Some("notification"), details, over_budget: false }
    };
    let lists = [(&args.captures, "captures"), (&args.notify, "plates to notify")];
    for (_, what) in lists.into_iter().filter(|(path, _)| path.is_some()) {
        ledger::may_ask(&keyring, look(what, 1.into()), &args.egress)?;
    }
    let custodian = Custodian {
        keys: &keyring.opening_keys(capabilities),
        canaries: &keyring.canaries(),
        custody: keyring.custody(),
        vault: vault.as_ref(),
    };
    let loot = Loot::survey(&args.stolen, &custodian)?;
    let bar = progress_bar(context);
    let progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let assessment = impact::assess(&loot, &custodian, &progress)?;
    let notice = args.notify.as_ref().map(|_| impact::notify(&loot, &custodian, &progress)).transpose()?;
    // Before anybody is told anything.
    let permit = |what: &str, records: Records| ledger::permit(&keyring, look(what, records), &args.egress);
    let about = format!("{}: {}", shown(&args.stolen), count(assessment.captures(), "capture"));
    let found = assessment.figures(permit(&about, 0.into())?)?;
    let permits = (
        args.captures.as_ref().map(|_| permit("captures", found.captures.into())).transpose()?,
        notice.as_ref().map(|notice| permit("plates to notify", notice.records())).transpose()?,
    );
    if let (Some(path), Some(permit)) = (&args.captures, permits.0) {
        let mut file = target::private_file(path)?;
        impact::list_captures(&loot, &custodian, permit, &mut file, &progress)?;
        file.flush().map_err(ImpactError::Captures)?;
    }
    let listed = match (&args.notify, notice, permits.1) {
        (Some(path), Some(notice), Some(permit)) => {
            let (closed, listed) = (notice.closed, notice.affected(permit)?);
            write_notice(path, &listed)?;
            Some((listed.len() as u64, closed))
        }
        _ => None,
    };
    bar.finish_and_clear();

    if let Some(path) = &args.report {
        let (page, mut file) = (report::of_impact(&found), target::private_file(path)?);
        file.write_all(page.as_bytes()).and_then(|()| file.flush()).map_err(|error| unwritable(path, &error))?;
    }
    if context.json {
        json(&found).map_err(stdout_failed)?;
    } else {
        print(&mut Page::default(), &found).map_err(stdout_failed)?;
    }
    if let (Some((listed, closed)), false) = (listed, context.quiet) {
        tell!("{} listed for notification", count(listed, "plate"));
        if closed > 0 {
            tell!("{} could not be listed: their identities have expired or are not there", count(closed, "capture"));
        }
    }
    if found.captures == 0 && found.uncounted.closed > 0 {
        return Err(Failure::integrity(
            "nothing of what was taken opens with this keyring",
            "use the keyring of the custodian whose vault was copied, or the recipient's key whose copy it is",
        ));
    }
    match gaps::end([loot.gaps()])? {
        Outcome::Done if found.uncounted.is_nothing() && found.captures > 0 => Ok(Outcome::Done),
        _ => Ok(Outcome::SomeFailed),
    }
}

/// Writes the list for notification.
fn write_notice(path: &Path, listed: &[Affected]) -> Result<(), Failure> {
    let mut file = target::private_file(path)?;
    let line = |file: &mut BufWriter<File>, affected: &Affected| {
        let [first, last] = affected.span().map(Option::unwrap_or_default);
        let Affected { plate, probability, captures, .. } = affected;
        writeln!(file, "{},{probability},{captures},{first},{last}", plate.expose())
    };
    writeln!(file, "plate,probability,captures,first,last")
        .and_then(|()| listed.iter().try_for_each(|affected| line(&mut file, affected)))
        .and_then(|()| file.flush())
        .map_err(|error| unwritable(path, &error))
}

impl From<ImpactError> for Failure {
    fn from(error: ImpactError) -> Self {
        let problem = chain(&error);
        match error {
            ImpactError::Vault(error) => error.into(),
            ImpactError::Permit(error) => error.into(),
            ImpactError::Stolen { .. } => Self::usage(problem, "name a folder or a file that you may read"),
            ImpactError::NeedsVault { .. } => Self::usage(problem, "give --vault: the vault that was copied"),
            ImpactError::Captures(_) => Self::usage(problem, "name a file in a folder that has room"),
        }
    }
}

/// The assessment in words.
fn print(out: &mut Page, found: &Impact) -> std::io::Result<()> {
    let mut line = |label: &str, value: String| writeln!(out, "{label:<12}{value}");
    let taken = &found.taken;
    line("taken", format!("{} in {}", bytes(taken.bytes), count(taken.files, "file")))?;
    let mut segments = count(taken.segments + taken.by_name, "segment");
    for (number, what) in [(taken.by_name, "known by name"), (taken.cut, "cut"), (taken.repeated, "more than once")] {
        if number > 0 {
            segments += &format!(", {} {what}", grouped(number));
        }
    }
    line("", segments)?;
    let mut captures = count(found.captures, "capture");
    if let Some(unexamined) = found.unexamined.filter(|&unexamined| unexamined > 0) {
        captures += &format!(", {} of them unexamined and whole", grouped(unexamined));
    }
    line("captures", captures)?;
    for (number, what) in [(taken.originals, "original"), (taken.scenes, "scene")] {
        if number > 0 {
            line("", format!("{} of this vault, recognised by the bytes", count(number, what)))?;
        }
    }
    match found.captures {
        // A number, were it zero, would say that nobody is concerned.
        0 => line("vehicles", "not known: no capture was recognised in what was taken".to_owned())?,
        1..MIN_CELL => line(
            "",
            format!(
                "of fewer than {MIN_CELL} nothing else is told; --captures lists them, which counts towards the budget"
            ),
        )?,
        _ => counted(&mut line, found)?,
    }
    for held in &found.held {
        line("key", held_text(held))?;
    }
    if found.openable.iter().any(|&captures| captures > 0) {
        let opened = ["catalogue", "scene", "identity"].into_iter().zip(found.openable);
        let opened: Vec<_> = opened.map(|(part, captures)| count(captures, part)).collect();
        line("OPEN", format!("with these keys: {}", opened.join(", ")))?;
    }
    for trace in &found.traces {
        let ids = count(trace.ids, "id");
        line("canary", format!("{ids} of export {} for the recipient {}…", trace.export, trace.recipient))?;
    }
    let uncounted = &found.uncounted;
    for (number, noun, what) in [
        (uncounted.closed, "segment", "sealed to keys that are expired or somebody else's"),
        (
            uncounted.copies,
            "segment",
            "of copies, sealed to their recipients' keys: not open to this thief, and to nobody else without those; \
             `audit show --details` tells what was exported",
        ),
        (uncounted.cut, "segment", "cut before the end of the catalogue; name the vault with --vault"),
        (uncounted.damaged, "segment", "not to be opened: altered or damaged"),
        (uncounted.irregular, "link, FIFO or other special file", "not opened: bring the files themselves"),
        (uncounted.unknown, "listed entry", "unknown here: names, hashes or ids"),
        (uncounted.hashes, "hash", "of another kind: segments are known by BLAKE3 and SHA-256 of their files"),
        (
            uncounted.pictures,
            "picture",
            "unlike every original and scene of this vault, byte for byte; is it named with --vault?",
        ),
        (uncounted.files, "file", "of some other kind, naming nothing: an archive is counted once it is unpacked"),
        (uncounted.undigested, "capture", "sealed before files could be recognised: these pictures may be theirs"),
        (uncounted.lacking, "part", "of the vault missing or damaged: what was taken may be in there"),
    ] {
        if number > 0 {
            line("uncounted", format!("{} {what}", count(number, noun)))?;
        }
    }
    line("", format!("assessed in {:.1} s", found.seconds))
}

/// Days, lanes, vehicles and faces, of captures that are enough to be told of.
fn counted(line: &mut impl FnMut(&str, String) -> std::io::Result<()>, found: &Impact) -> std::io::Result<()> {
    if let (Some(first), Some(last)) = (&found.first, &found.last) {
        let days = found.days().keys().flatten().count() as u64;
        line("days", format!("{}: {first} to {last}", count(days, "day")))?;
    }
    for ((site, lane), captures) in found.lanes() {
        let name = |word: Option<&str>| word.unwrap_or("-").to_owned();
        line("", format!("{:<20} {:<10} {:>10}", name(site), name(lane), grouped(captures)))?;
    }
    if found.untold > 0 {
        line("", format!("{:<31} {:>10}", "too few of a day, site and lane", grouped(found.untold)))?;
    }
    let untold = || format!("not told: fewer than {MIN_CELL} captures show any");
    match &found.vehicles {
        Some(vehicles) => vehicles_in_words(line, vehicles)?,
        None => line("vehicles", untold())?,
    }
    match &found.faces {
        Some(faces) => line(
            "faces",
            format!(
                "{} at most: {}, {} distinct",
                people(faces.tokens),
                count(faces.appearances, "appearance"),
                grouped(faces.tokens)
            ),
        ),
        None => line("faces", untold()),
    }
}

fn people(number: u64) -> String {
    format!("{} {}", grouped(number), if number == 1 { "person" } else { "people" })
}

fn vehicles_in_words(
    line: &mut impl FnMut(&str, String) -> std::io::Result<()>,
    vehicles: &Vehicles,
) -> std::io::Result<()> {
    line(
        "vehicles",
        format!("{} ({} to {}, 95 %)", grouped(vehicles.estimate), grouped(vehicles.low), grouped(vehicles.high)),
    )?;
    line(
        "",
        format!(
            "{} on {} found; {:.0} are misreadings of others, {:.0} were never read",
            count(vehicles.pseudonyms, "distinct reading"),
            count(vehicles.plates, "plate"),
            vehicles.misread,
            vehicles.never_read
        ),
    )?;
    if vehicles.counted_separately > 1 {
        line("", format!("counted separately in {} or copies", count(vehicles.counted_separately, "epoch")))?;
    }
    Ok(())
}

fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// What a key is worth, in words.
fn held_text(held: &Held) -> String {
    let whose = |ours: &bool| if *ours { "" } else { " of another custodian" };
    match held {
        Held::SitePack { site, ours, epoch, until, with_journal } => format!(
            "site pack of {site}{}: opens nothing; pseudonym epoch {epoch}; can seal false captures until {}{}",
            whose(ours),
            day(until),
            if *with_journal { "; with the journal, tells whether a given original was sealed" } else { "" }
        ),
        Held::Recipient { id, captures } => format!("recipient {id}: opens {} here", count(*captures, "capture")),
        Held::SealedRecipient { id } => {
            format!("recipient {id}: sealed; opens the copies made for it once its passphrase is guessed")
        }
        Held::Keyring { ours, generation } => format!(
            "KEYRING{} of generation {generation}: opens everything once one of its slots is opened",
            whose(ours)
        ),
        Held::Damaged { what } => format!("{what}, damaged"),
    }
}

fn progress_bar(context: &Context) -> ProgressBar {
    if !context.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("reading {wide_bar} {pos} of {len} segments");
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}
