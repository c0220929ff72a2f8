//! `safelight ingest`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};

use jiff::civil::Date;
use serde_json::json;

use super::boxes;
use super::eyes::{EyesArgs, threads};
use super::remedies::{confirm, stdout_failed};
use super::site::AtSite;
use super::terminal::{Voice, bytes, chain, count, grouped, json_line, say, shown};
use super::trust::PinArgs;
use super::video::Via;
use super::{Context, Failure, Outcome, Stop, interrupt};
use crate::custody::{ClassPolicy, SitePack};
use crate::pipeline::{
    Boxes, CapturesError, Consume, Ingest, IngestError, Named, Options, Source, SourceError, Summary, TrainedEyes,
    peak_rss_bytes,
};
use crate::seal::Capability;
use crate::vault::{ClockBehind, Damage, Make, SealTotals, SealingOptions, SiteState};

/// Arguments of `ingest`.
#[derive(clap::Args)]
#[command(after_help = "\
Every image is looked at in memory, its plates and faces are replaced by keyed pseudonyms and blanked, and all of it is \
sealed for the custodian before it touches the vault's disk. What cannot be decoded is sealed whole and has no scene; \
files that are neither picture nor text are named and stay where they are. Of a video of Motion JPEG in AVI, and with --via ffmpeg of \
others, a frame for each second (--every) is a capture, named like clip.avi#0025 by its number or clip.mp4#12.480s by its time. Its time is \
that of the video's row in the table and so much later as it is shown; the video itself stays as it is, with --consume, too. An image that the vault holds already is skipped: an interrupted run is resumed by running it again. \
A file with a row of its own in the table is a capture of its own; without a row, a copy under another name is skipped and \
named.

A table of captures in up to three folders above, and one under another name, is not read: that it names photographs here is \
said, and with --consume nothing is done then.

With --consume a photograph is deleted only when the segment that holds it was read back whole, the file is still the one \
that was read, and no link leads to it. Files of several names (hard links), copies and what could not be examined stay. By a clock that is behind what the site knows, everything stays.

Exit codes: 0 all images are sealed; 1 some could not be examined, read or treated, and are named; 2 the command line, a file or \
the configuration is wrong; 3 the site pack or the vault is damaged; 130 interrupted, and what was taken is sealed.")]
pub struct Args {
    /// Folder of photographs, walked with all its folders, or one photograph
    folder: PathBuf,
    /// Vault to add to; it is made when it does not exist, with --consume or after another vault only if --new is given
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    /// The vault may be a new one, although photographs are deleted or this site has sealed into another one
    #[arg(long)]
    new: bool,
    /// Site pack from the custodian
    #[arg(long, value_name = "FILE")]
    pack: PathBuf,
    /// Table with the columns file, site, lane, direction, timestamp, class [default: FOLDER/captures.csv, if there]
    #[arg(long, value_name = "FILE")]
    captures: Option<PathBuf>,
    /// Threads that look at images [default: one for each processor]
    #[arg(long, short, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    /// Delete each photograph after it is sealed and durable
    #[arg(long)]
    consume: bool,
    /// With --consume: photographs changed less than so many seconds ago stay, as they may be on their way still
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "consume")]
    min_age: u64,
    /// With --consume: delete what could not be examined, too; it is sealed whole
    #[arg(long, requires = "consume")]
    consume_unreadable: bool,
    /// Of a video take a frame for each so many seconds as a capture; 0 takes all
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    every: f64,
    /// What reads videos that are no AVI files of Motion JPEG, which need nothing
    #[arg(long, value_enum, value_name = "PROGRAM")]
    via: Option<Via>,
    /// Areas that no scene shows, whatever is found there, as where a camera writes into its pictures: X,Y,WIDTH,HEIGHT in pixels of the
    /// stored picture, or a JSON file [[x, y, width, height], …] for all photographs or {"folder/name.jpg": [[x, y, width, height], …], …}
    /// for some
    #[arg(long, value_name = "BOX|FILE", allow_hyphen_values = true)]
    mask: Vec<String>,
    /// Seal photographs that the vault holds already once more
    #[arg(long)]
    allow_duplicates: bool,
    /// Seal and sync whenever this many bytes have come in; less is lost time in a crash, more is fewer segments
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().commit_bytes)]
    commit_bytes: u64,
    /// Go on in a vault of which a journal was lost, or that is behind what this site has sealed into it; what its segments hold
    /// may be sealed twice
    #[arg(long)]
    adopt: bool,
    /// Where this site keeps how far it has sealed into which vault, so that one that was rolled back or cut is noticed
    /// [default: PACK.state]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Say that today is this date, UTC, where the clock is behind the time at which this site has sealed already
    #[arg(long, value_name = "DATE")]
    confirm_date: Option<Date>,
    #[command(flatten)]
    pin: PinArgs,
    #[command(flatten)]
    eyes: EyesArgs,
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .ok_or_else(|| "give seconds from 0 to 86400".to_owned())
}

/// Runs `ingest`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let stop = interrupt::stop_flag()?;
    let mut site = AtSite::read(&args.pack, &args.pin)?;
    let mut source = Source::open(&args.folder, args.captures.as_deref()).map_err(source_failure)?;
    check_classes(&source, &site.pack)?;
    source.look_for_tables(args.consume);
    source.take_films(args.every, args.via.map(|via| via.find(&stop)).transpose()?);
    check_tables(&source, &args)?;
    let mask = boxes::read(&args.mask, "--mask")?;
    check_mask(&mask, source.base())?;
    let nets = args.eyes.nets(site.pack.schedule().effort())?;
    let sealing = SealingOptions {
        // The pipeline says when to flush: it must know what is durable before it deletes anything.
        segment_bytes: u64::MAX,
        flush_after: std::time::Duration::MAX,
        allow_duplicates: args.allow_duplicates,
        adopt_unjournalled: args.adopt,
        // A mistyped path must not cost photographs.
        make: match (args.new, args.consume) {
            (true, _) => Make::Always,
            (false, true) => Make::Never,
            (false, false) => Make::First,
        },
        state: Some(args.state.clone().unwrap_or_else(|| SiteState::beside(&args.pack))),
        confirmed: args.confirm_date,
    };
    let mut vault = site.open(&args.vault, sealing, context)?;
    let pack = site.pack;
    let behind = vault.clock_behind();
    if let Some(ClockBehind { clock, latest }) = behind {
        let deleted = if args.consume { "; nothing is deleted until it is right" } else { "" };
        say(&format!(
            "warning: this machine's clock says {clock:.0}, and this site has sealed on {latest:.0}{deleted}: set the clock, or if {}",
            confirm(clock)
        ));
    }
    for stranger in vault.strangers() {
        say(&format!("{} is not known to be the vault's, and stays where it is", shown(stranger)));
    }

    let defaults = Options::default();
    let options = Options {
        workers: args.jobs.unwrap_or(defaults.workers),
        allow_duplicates: args.allow_duplicates,
        consume: args.consume.then(|| Consume {
            min_age: std::time::Duration::from_secs(args.min_age),
            unreadable: args.consume_unreadable,
        }),
        commit_bytes: args.commit_bytes,
        mask,
        effort: Some(nets.effort()),
        ..defaults
    };
    let voice = Voice::new(context, &args.folder);
    let eyes = || -> Box<dyn crate::pipeline::Look> { Box::new(TrainedEyes::new(&nets)) };
    let ingest = Ingest {
        keys: pack.epoch_keys(),
        site: pack.site(),
        eyes: &eyes,
        options: &options,
        progress: &voice,
        stop: &stop,
    };
    let ended = ingest.run(&mut source, &mut vault);
    voice.finish();
    let (totals, new, damages) = (vault.totals(), vault.is_new(), vault.damages());
    let unknown = vault.is_unknown_to_site();
    let (summary, failed) = match ended {
        Ok(summary) => (summary, vault.finish().err()),
        Err(IngestError::Seal { summary, source, .. }) => (*summary, Some(source)),
    };
    for damage in &damages {
        say(&format!("{}; what it held is sealed again where it is met", damage_words(*damage)));
    }
    report(
        &summary,
        &Vaults { totals, new, unknown, behind, damages: &damages },
        (&source, &pack),
        context,
        &args,
        &options.mask,
    )?;
    if let Some(error) = failed {
        let mut failure = Failure::from(error);
        failure.problem = format!("{} ({} sealed before)", failure.problem, count(summary.sealed, "image"));
        return Err(failure);
    }
    if summary.interrupted {
        return Err(Failure::new(
            Stop::Interrupted,
            format!("interrupted; {} sealed and durable", count(summary.sealed, "image")),
            "run the same command again: it skips what is sealed and goes on with the rest",
        ));
    }
    let unread = source.unread_tables().iter().any(|table| table.files.is_some());
    Ok(if summary.all_went_well() && damages.is_empty() && !unread { Outcome::Done } else { Outcome::SomeFailed })
}

/// Names tables that are not read and name photographs that no other row does. What is deleted cannot be given its time, place
/// and class later.
fn check_tables(source: &Source, args: &Args) -> Result<(), Failure> {
    let (mut lost, mut above) = (Vec::new(), false);
    for table in source.unread_tables() {
        let path = shown(&table.path);
        above |= table.is_above();
        match table.files {
            Some(files) => lost.push(format!("{path} names {} of these photographs", grouped(files))),
            None => say(&format!("note: {path} cannot be read: whether it names these photographs is not known")),
        }
    }
    if lost.is_empty() {
        return Ok(());
    }
    let remedy = match (&args.captures, above) {
        (Some(_), _) => "add its rows to the table given with --captures, or leave --captures out",
        (None, true) => {
            "ingest the folder that it lies in; or give a table that names them from this folder on with --captures"
        }
        (None, false) => "name it captures.csv; or give a table that names them from this folder on with --captures",
    };
    if args.consume {
        let problem = format!("{}, and was not read: nothing was sealed or deleted", lost.join("; "));
        return Err(Failure::usage(problem, remedy));
    }
    lost.iter().for_each(|what| say(&format!("{what} and was not read: {remedy}")));
    Ok(())
}

/// A photograph whose name is mistyped would be sealed with a scene that shows what was to be hidden.
fn check_mask(mask: &Boxes, folder: &Path) -> Result<(), Failure> {
    let is_there =
        |name: &Path| name.components().all(|part| matches!(part, Component::Normal(_))) && folder.join(name).is_file();
    let Some(missing) = mask.names().find(|name| !is_there(name)) else { return Ok(()) };
    Err(Failure::usage(
        format!("--mask has boxes for {}, and there is no such photograph in {}", shown(missing), shown(folder)),
        "name each as it lies below the folder; nothing was sealed yet",
    ))
}

/// A class that the custodian does not know would have no key to be sealed for: better known before the first image.
pub(super) fn check_classes(source: &Source, pack: &SitePack) -> Result<(), Failure> {
    let schedule = pack.schedule();
    let Some(unknown) = source.tables().classes().find(|class| schedule.class(Some(class)).is_none()) else {
        return Ok(());
    };
    let known = schedule.classes().collect::<Vec<_>>().join(", ");
    Err(Failure::usage(
        format!("the table of captures names a class {unknown:?} that the custodian's policy does not have"),
        format!("use one of: {known}; or ask the custodian for a pack with that class"),
    ))
}

/// What there is to say of the vault.
struct Vaults<'v> {
    totals: SealTotals,
    new: bool,
    unknown: bool,
    behind: Option<ClockBehind>,
    damages: &'v [Damage],
}

pub(super) fn damage_words(damage: Damage) -> String {
    match damage {
        Damage::Missing(segment) => format!("segment {segment} is missing from the vault"),
        Damage::Unreadable(segment) => {
            format!(
                "segment {segment} of the vault cannot be read now: what it holds counts as sealed, and is not deleted"
            )
        }
        Damage::Altered(segment) => {
            format!("segment {segment} of the vault is not what was sealed: it is cut or altered")
        }
    }
}

/// Terms of a class in words, and as JSON has them.
fn terms(class: &ClassPolicy) -> (String, [String; 3]) {
    let each = Capability::ALL.map(|capability| class.retention(capability).to_string());
    let words = match &each {
        [catalogue, scene, identity] if catalogue == scene && scene == identity => format!("kept {catalogue}"),
        [catalogue, scene, identity] => format!("catalogue kept {catalogue}, scene {scene}, identity {identity}"),
    };
    (words, each)
}

/// How many captures got which class and its terms: what a table names, or the policy's default.
fn classes<'p>(summary: &Summary, pack: &'p SitePack) -> Vec<(&'p ClassPolicy, u64)> {
    let mut counted: BTreeMap<&str, (&ClassPolicy, u64)> = BTreeMap::new();
    for (name, captures) in &summary.classes {
        if let Some(class) = pack.schedule().class(name.as_deref()) {
            counted.entry(&class.name).or_insert((class, 0)).1 += captures;
        }
    }
    counted.into_values().collect()
}

/// Names those of a kind, as far as they are few.
fn say_named(what: &str, Named { count: number, first }: &Named) {
    if *number > 0 {
        let more = if first.len() as u64 == *number { "" } else { ", …" };
        say(&format!("  {} {what}: {}{more}", grouped(*number), first.join(", ")));
    }
}

fn report(
    summary: &Summary,
    vault: &Vaults<'_>,
    (source, pack): (&Source, &SitePack),
    context: &Context,
    args: &Args,
    mask: &Boxes,
) -> Result<(), Failure> {
    let Vaults { totals, new, unknown, behind, damages } = vault;
    let classes = classes(summary, pack);
    let [twice, rows] = source.rows_without_file();
    let files = source.tables().files_without_row();
    let lettered = boxes::unmasked(&summary.lettering, mask);
    if context.json {
        let object = json!({
            "custodian": pack.custody().to_string(),
            "images": summary.images,
            "sealed": summary.sealed,
            "sealed_again": summary.again,
            "state_begun": unknown,
            "clock_behind": behind.map(|behind| behind.latest.to_string()),
            "other_sites": summary.other_sites,
            "skipped": summary.skipped,
            "copies": summary.copies,
            "known_unreadable": summary.known_unreadable,
            "spliced": summary.spliced,
            "recoded": summary.recoded,
            "unreadable": summary.unreadable,
            "further": summary.further,
            "failed": summary.failed,
            "ignored": summary.ignored,
            "consumed": summary.consumed,
            "not_consumed": summary.not_consumed,
            "young": summary.young,
            "new_vault": new,
            "damaged_segments": damages.iter().map(|damage| damage.segment().to_string()).collect::<Vec<_>>(),
            "regions": summary.regions,
            "classes": classes.iter().map(|(class, captures)| {
                let (_, [catalogue, scene, identity]) = terms(class);
                json!({
                    "class": class.name, "captures": captures,
                    "catalogue": catalogue, "scene": scene, "identity": identity,
                })
            }).collect::<Vec<_>>(),
            "lettering": boxes::unmasked_json(&lettered),
            "without_time": summary.without_time,
            "rows_without_file": rows.count,
            "rows_named_twice": twice.count,
            "files_without_row": files.count,
            "unread_tables": source.unread_tables().iter().map(|table| {
                json!({ "table": table.path.to_string_lossy(), "names": table.files })
            }).collect::<Vec<_>>(),
            "sealed_under_other_circumstances": summary.otherwise.count,
            "seconds": summary.elapsed.as_secs_f64(),
            "images_per_second": summary.images_per_second(),
            "images_per_day": summary.images_per_day(),
            "bytes_in": summary.bytes_in,
            "bytes_sealed": totals.bytes,
            "segments": totals.segments,
            "peak_rss_bytes": peak_rss_bytes(),
            "stages": summary.stages.all().map(|(name, time)| (name, time.as_secs_f64())).into_iter().collect::<BTreeMap<_, _>>(),
            "interrupted": summary.interrupted,
        });
        json_line(&object).map_err(stdout_failed)?;
    }
    if context.quiet {
        return Ok(());
    }
    if *unknown {
        say(
            "note: this site kept no state of the vault, and keeps one from now on: what was cut off before cannot be told",
        );
    }
    for (site, captures) in &summary.other_sites {
        say(&format!(
            "note: {} of site {site:?} by the table, sealed with the pack of another site",
            count(*captures, "capture")
        ));
    }
    if summary.images == 0 {
        if summary.failed > 0 {
            say(&format!("{} could not be read or are not treated, not sealed", grouped(summary.failed)));
        }
        say(&format!("no images in {}: nothing was sealed", shown(&args.folder)));
        return Ok(());
    }
    let seconds = summary.elapsed.as_secs_f64();
    let (rate, day) = (summary.images_per_second(), summary.images_per_day() / 1e6);
    let rate = if rate > 0.0 { format!(": {rate:.1} images/s, {day:.1} million a day") } else { String::new() };
    say(&format!("{} in {seconds:.1} s{rate}", count(summary.images, "image")));
    let mut parts =
        vec![format!("{} sealed", grouped(summary.sealed)), format!("{} blanked", count(summary.regions, "region"))];
    let rare = [
        (summary.recoded, "coded anew from pixels"),
        (summary.again, "sealed again: what held them has expired or is damaged"),
        (summary.skipped, "sealed before, skipped"),
        (summary.unreadable, "unreadable, sealed whole without a scene"),
        (summary.known_unreadable, "unreadable when they were sealed before"),
        (summary.further, "with variants of the picture behind it, which the scene does not show"),
        (summary.failed, "could not be read or are not treated, not sealed"),
        (summary.ignored, "text and the like, not images"),
        (summary.consumed, "deleted from the source"),
        (summary.not_consumed, "not deleted from the source"),
        (summary.young, "too young to be deleted"),
    ];
    if summary.copies > 0 {
        parts.push(format!("{} under another name, skipped", count(summary.copies, "copy")));
    }
    parts.extend(
        rare.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{} {what}", grouped(*number))),
    );
    say(&format!("  {}", parts.join(" · ")));
    for (class, captures) in &classes {
        say(&format!("  {}: class {}, {}", count(*captures, "capture"), class.name, terms(class).0));
    }
    if summary.without_time > 0 {
        say(&format!(
            "  {} without a time: no row has it, nor the camera's EXIF with its offset",
            count(summary.without_time, "capture")
        ));
    }
    boxes::say_unmasked(&lettered);
    say_named("sealed already under other circumstances, and now again", &summary.otherwise);
    say_named("in no row of captures.csv", files);
    say_named("of which two tables say different things, and the nearest counts", source.tables().differing());
    say_named("named twice in captures.csv, of which the row counts that is spelt as the file", &twice);
    say_named("in captures.csv, but not in the folder", &rows);
    let memory = peak_rss_bytes().map(|peak| format!(" · peak memory {}", bytes(peak))).unwrap_or_default();
    say(&format!("  {} in · {} sealed{memory}", bytes(summary.bytes_in), bytes(totals.bytes)));
    let stages =
        summary.stages.all().map(|(name, time)| format!("{} {:.2} s", name.replace('_', " "), time.as_secs_f64()));
    say(&format!("  time by stage, all threads: {}", stages.join(" · ")));
    if summary.consumed > 0 && args.folder.join(crate::pipeline::CAPTURES_FILE).is_file() {
        say("  note: captures.csv is still in the folder; delete it when nothing writes to it any more");
    }
    Ok(())
}

/// What to do about a source that cannot be walked.
pub fn source_failure(error: SourceError) -> Failure {
    let problem = chain(&error);
    match error {
        SourceError::Open { .. } => Failure::usage(problem, "give a folder that exists and that you may read"),
        SourceError::Captures(CapturesError::Open { .. }) => {
            Failure::usage(problem, "give a table that exists with --captures, or none")
        }
        _ => Failure::usage(problem, "mend the table; nothing was sealed yet"),
    }
}
