//! `safelight serve`: the library's examiners behind the HTTP of `safelight-serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use safelight_serve as http;
use serde_json::json;

use super::boxes;
use super::eyes::{EyesArgs, threads};
use super::ingest::damage_words;
use super::keeper::{self, Kept};
use super::remedies::stdout_failed;
use super::site::AtSite;
use super::terminal::{chain, count, json_line, say, shown, to_stdout};
use super::trust::PinArgs;
use super::{Context, Failure, Outcome, interrupt};
use crate::capture::{Effort, PlateText, Region, RegionKind};
use crate::custody::SitePack;
use crate::files;
use crate::frame::{Format, LumaSource, Orientation};
use crate::geometry::{Rect, Size};
use crate::pipeline::{Boxes, Choice, Examined, Examiner, Examiners, Look, Options, TrainedEyes, Unreadable};
use crate::pseudonym::EpochKeys;
use crate::redact::exif::Keep;
use crate::redact::{Manner, RedactError, Words, published};
use crate::vault::{Make, SealError, SealingOptions, SealingVault, SiteState};

/// Arguments of `serve`.
#[derive(clap::Args)]
#[command(after_help = "\
  POST /redact            a picture, or many in a form, blanked in their own formats
  POST /blur/             Panoramax's blur API: API_BLUR_URL=http://127.0.0.1:8080
  POST /v1/plate-reader/  Plate Recognizer's Snapshot API, with pseudonyms for plates
  GET  /                  a page for a person; /health, /metrics and /openapi.json

In answers of the Snapshot API, pseudonyms stand for plates: of the site pack's epoch, or of this run alone where there is no \
pack. They begin as those of a vault, and are short enough for a label.

Nothing is written but what --vault seals, and nothing is fetched or logged. What cannot be examined is answered by an error. There is no TLS: on another address than this \
machine's own, put a proxy with TLS in front, and give --token-file.

Exit codes: 0 it was told to end (Ctrl-C, SIGTERM) and has finished what was under way; 1 after 20 \
seconds, some of that was cut off; 2 the command line, a file or the address is wrong; 3 the site pack is damaged.")]
pub struct Args {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR:PORT", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), value_parser = listen)]
    listen: SocketAddr,
    /// Answer to this name, too, as a proxy may call it; may be given again. Names with a dot need it where there is no token
    #[arg(long, value_name = "NAME", value_parser = host)]
    allow_host: Vec<String>,
    /// File with a token of 20 letters or more: requests must show it, as Authorization: Token … or Bearer …
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Answer with the texts of plates instead of pseudonyms
    #[arg(long)]
    clear_text: bool,
    /// Site pack, of which plates get their pseudonyms
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    /// Vault for originals that a request wants kept: POST /blur/?keep=1 seals them
    #[arg(long, value_name = "DIR", requires = "pack")]
    vault: Option<PathBuf>,
    /// The vault may be a new one, although this site has sealed into another one
    #[arg(long, requires = "vault")]
    new: bool,
    /// Blank this area, too, in every picture, as where a camera writes into it: X,Y,WIDTH,HEIGHT in pixels of the stored picture, or
    /// a JSON file [[x, y, width, height], …]
    #[arg(long, value_name = "BOX|FILE", allow_hyphen_values = true)]
    mask: Vec<String>,
    /// Most bytes of a request
    #[arg(long, value_name = "BYTES", default_value_t = http::Limits::default().body_bytes, value_parser = clap::value_parser!(u64).range(1024..))]
    max_bytes: u64,
    /// Most requests at once; further ones are told to come again (503)
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::new(http::Limits::default().requests).unwrap_or(NonZeroUsize::MIN))]
    max_requests: NonZeroUsize,
    /// Threads that look at pictures [default: one for each processor]
    #[arg(long, short, value_name = "N", value_parser = threads)]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pin: PinArgs,
    #[command(flatten)]
    eyes: EyesArgs,
}

fn host(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name { Ok(text.to_owned()) } else { Err("a host's name is wanted, without port and scheme".to_owned()) }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = local.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "an address and a port are wanted, as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// Runs `serve`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let stop = interrupt::stop_flag()?;
    let token = args.token_file.as_deref().map(read_token).transpose()?;
    let mut site = args.pack.as_deref().map(|pack| AtSite::read(pack, &args.pin)).transpose()?;
    let nets = args.eyes.nets(site.as_ref().map_or(Effort::Fast, |site| site.pack.schedule().effort()))?;
    let defaults = Options::default();
    let options = Options {
        workers: args.jobs.unwrap_or(defaults.workers),
        max_file_bytes: args.max_bytes.min(defaults.max_file_bytes),
        effort: Some(nets.effort()),
        mask: boxes::read(&args.mask, "--mask")?,
        ..defaults
    };
    if let Some(name) = options.mask.names().next() {
        return Err(Failure::usage(
            format!("--mask has boxes for {}, and pictures come without names", shown(name)),
            "give boxes for all pictures, as X,Y,WIDTH,HEIGHT or [[x, y, width, height], …]",
        ));
    }
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(&nets)) };
    let limits = http::Limits {
        body_bytes: options.max_file_bytes,
        jobs: options.workers,
        requests: args.max_requests.get(),
        ..http::Limits::default()
    };
    let health = Arc::new(http::Health::default());
    let unprotected = !args.listen.ip().is_loopback() && token.is_none();
    let settings = http::Settings {
        listen: args.listen,
        token,
        names: args.allow_host.clone(),
        health: Arc::clone(&health),
        version: env!("CARGO_PKG_VERSION"),
        keeps: args.vault.is_some(),
        limits,
    };
    let server = http::Server::bind(settings).map_err(|error| {
        Failure::usage(format!("{} cannot be listened on: {error}", args.listen), "give another address with --listen")
    })?;
    let address = server.address();
    // Only who can be asked to keep something makes a vault for it.
    let vault = match (&args.vault, &mut site) {
        (Some(folder), Some(site)) => Some(open_vault(folder, site, &args, context)?),
        _ => None,
    };
    let pack = site.as_ref().map(|site| &site.pack);
    if !args.listen.ip().is_loopback() {
        say(&format!(
            "warning: whoever reaches {address} can ask{}, and there is no TLS: pictures pass in clear",
            if unprotected { " without a token" } else { "" }
        ));
    }
    let names = match (args.clear_text, pack) {
        (true, _) => Names::Texts,
        (false, Some(pack)) => Names::OfPack(pack),
        (false, None) => Names::OfRun(EpochKeys::random(0)),
    };
    if !context.quiet && matches!(names, Names::OfRun(_)) {
        say("note: without --pack, pseudonyms link plates within this run only");
    }
    if context.json {
        json_line(&json!({ "url": format!("http://{address}/") })).map_err(stdout_failed)?;
    } else {
        to_stdout(format!("http://{address}/\n").as_bytes()).map_err(stdout_failed)?;
    }
    let health = &*health;
    let (summary, kept) = thread::scope(|scope| {
        let (keeper, thread) = match pack.zip(vault) {
            Some((pack, vault)) => {
                let (sender, arriving) = mpsc::sync_channel(limits.requests);
                (Some((pack, sender)), Some(scope.spawn(move || keeper::keep(vault, &arriving, health))))
            }
            None => (None, None),
        };
        let desk = Desk { examiners: Examiners::new(&eyes, &options), mask: &options.mask, names, keeper };
        let summary = server.run(&desk, &stop);
        // With the last who could send, the keeper ends.
        drop(desk);
        (summary, thread.map(|thread| thread.join().unwrap_or(Err(SealError::Halted))))
    });
    let http::Summary { requests, pictures, failed, cut } = summary;
    let sealed = kept.transpose()?.map(|totals| totals.captures);
    if context.json {
        json_line(
            &json!({ "requests": requests, "pictures": pictures, "failed": failed, "cut_off": cut, "sealed": sealed }),
        )
        .map_err(stdout_failed)?;
    }
    if !context.quiet {
        say(&format!("{} answered; {}, {failed} not blanked", count(requests, "request"), count(pictures, "picture")));
    }
    if cut > 0 {
        say(&format!("{} cut off: not done within 20 seconds", count(cut, "request")));
    }
    Ok(if cut == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// The vault that originals are sealed into.
fn open_vault(folder: &Path, site: &mut AtSite, args: &Args, context: &Context) -> Result<SealingVault, Failure> {
    let sealing = SealingOptions {
        // The keeper says when to flush: an answer waits for it.
        segment_bytes: u64::MAX,
        flush_after: Duration::MAX,
        // Whoever sends a picture again gets a name of its own for it.
        allow_duplicates: true,
        make: if args.new { Make::Always } else { Make::First },
        state: args.pack.as_deref().map(SiteState::beside),
        ..SealingOptions::default()
    };
    let vault = site.open(folder, sealing, context)?;
    for damage in vault.damages() {
        say(&damage_words(damage));
    }
    Ok(vault)
}

fn read_token(path: &Path) -> Result<http::Token, Failure> {
    let text = files::read_text(path, files::MAX_NOTE).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", shown(path)), "give a file with a token in one line")
    })?;
    http::Token::new(&text).ok_or_else(|| {
        Failure::usage(
            format!("{} holds no token of {} letters or more in one line", shown(path), http::Token::SHORTEST),
            "make one, as with: openssl rand -hex 20",
        )
    })
}

/// What stands for plates.
enum Names<'p> {
    Texts,
    OfPack(&'p SitePack),
    OfRun(EpochKeys),
}

/// Characters of a shortened pseudonym behind `pl-`: 80 bits, and no more than the 20 characters that some clients cut labels at.
const SHORT: usize = 16;

impl Names<'_> {
    /// Nothing once the pack has ended: its pseudonyms would be those of another epoch.
    fn check(&self) -> Result<(), http::Refusal> {
        match self {
            Self::OfPack(pack) => {
                pack.check_usable(Timestamp::now()).map_err(|error| http::Refusal::Unavailable(chain(&error)))
            }
            Self::Texts | Self::OfRun(_) => Ok(()),
        }
    }

    fn of(&self, text: &PlateText) -> (String, Option<String>) {
        let (keys, known) = match self {
            // As readers of this API write it.
            Self::Texts => return (text.expose().to_ascii_lowercase(), None),
            Self::OfPack(pack) => (pack.epoch_keys(), true),
            Self::OfRun(keys) => (keys, false),
        };
        let whole = keys.plate(text).show(RegionKind::Plate).to_string();
        let short = whole.chars().take("PL-".len() + SHORT).collect::<String>().to_ascii_lowercase();
        (short, known.then_some(whole))
    }
}

/// Blanks pictures for the service.
struct Desk<'e> {
    examiners: Examiners<'e>,
    mask: &'e Boxes,
    names: Names<'e>,
    /// Where originals are kept: under this pack, by way of this thread.
    keeper: Option<(&'e SitePack, SyncSender<Kept>)>,
}

impl http::Redactor for Desk<'_> {
    fn worker(&self) -> Box<dyn http::Worker + '_> {
        Box::new(Clerk { desk: self, examiner: self.examiners.examiner() })
    }
}

/// One thread of it.
struct Clerk<'d, 'e> {
    desk: &'d Desk<'e>,
    examiner: Examiner<'d, 'e>,
}

impl http::Worker for Clerk<'_, '_> {
    fn work(&mut self, order: &http::Order) -> Result<http::Done, http::Refusal> {
        let choice = Choice { mask: self.desk.mask.clone(), ..choice(&order.choice)? };
        if order.plates {
            self.desk.names.check()?;
        }
        let (file, names) = (&order.file[..], &self.desk.names);
        if order.scene == Some(http::Scene::Published) && Format::sniff(file) != Some(Format::Jpeg) {
            return Err(http::Refusal::Asked("the picture must be a JPEG".to_owned()));
        }
        let look = |examined: Examined<'_>| {
            let (stored, way) = (examined.frame.size(), examined.frame.orientation());
            let media_type = examined.frame.format().of_copy().media_type();
            let done = |regions: &[Region], scene, legible| http::Done {
                scene,
                size: [way.seen_size(stored).width, way.seen_size(stored).height],
                regions: regions.iter().map(|region| region_of(names, region, (stored, way), order.plates)).collect(),
                legible,
                sealed: None,
            };
            let Some(scene) = order.scene else {
                // Of all pictures of an animation, and of all pages.
                let further = examined.further.into_iter().flat_map(|looked| looked.regions);
                let regions: Vec<Region> = examined.regions.into_iter().chain(further).collect();
                return Ok(done(&regions, None, 0));
            };
            let copied = choice.copy(Path::new(""), examined)?;
            let bytes = match scene {
                http::Scene::Copy => copied.bytes,
                http::Scene::Published => {
                    published(&copied.bytes, file, Words { exif: Keep::EVERYTHING, panorama: true })?
                }
            };
            Ok::<_, RedactError>(done(&copied.blanked, Some((bytes, media_type)), copied.legible))
        };
        if !order.seal {
            return self.examiner.examine(file, look).and_then(|done| Ok(done?)).map_err(|error| refused(&error));
        }
        let gone = || http::Refusal::Unavailable("the vault takes nothing any more".to_owned());
        let (pack, keeper) = self.desk.keeper.as_ref().ok_or_else(gone)?;
        let captured = self.examiner.capture(file, (pack.epoch_keys(), pack.site()), look);
        let (mut done, record) = captured.map_err(|error| refused(&error))?;
        let (sealing, receipt) = http::Sealing::begun();
        keeper.send((record, sealing)).map_err(|_| gone())?;
        done.sealed = Some(receipt);
        Ok(done)
    }
}

fn refused(error: &Unreadable) -> http::Refusal {
    match error {
        Unreadable::Fault => http::Refusal::Fault,
        error => http::Refusal::Unreadable(chain(error)),
    }
}

/// A region as the service shows it.
fn region_of(names: &Names, region: &Region, (stored, way): (Size, Orientation), read: bool) -> http::Region {
    let numbers = |area: Rect, size| area.pixels(size).map_or([0; 4], |area| [area.x, area.y, area.w, area.h]);
    let readings = region.reading.iter().filter(|_| read).flat_map(|reading| &reading.candidates);
    http::Region {
        kind: match region.kind {
            RegionKind::Plate => http::Kind::Plate,
            RegionKind::Face => http::Kind::Face,
            RegionKind::Head => http::Kind::Head,
        },
        seen: numbers(way.box_to_seen(region.bounds, stored), way.seen_size(stored)),
        stored: numbers(region.bounds, stored),
        score: region.score,
        readings: readings
            .map(|candidate| {
                let (plate, pseudonym) = names.of(&candidate.text);
                http::Candidate { plate, pseudonym, score: candidate.probability }
            })
            .collect(),
    }
}

/// What a request says of what is blanked.
fn choice(asked: &http::Choice) -> Result<Choice, http::Refusal> {
    let legible = asked.legible.iter().map(|text| {
        PlateText::canonical(text)
            .ok_or_else(|| http::Refusal::Asked("a text given as except_plate is no plate's".to_owned()))
    });
    let legible = legible.collect::<Result<_, _>>()?;
    let only = asked.only.map(|only| match only {
        http::Kind::Plate => RegionKind::Plate,
        http::Kind::Face => RegionKind::Face,
        http::Kind::Head => RegionKind::Head,
    });
    let standard = Manner::default();
    let manner = Manner { fill: asked.fill.unwrap_or(standard.fill), ..standard };
    Ok(Choice { only, legible, manner, ..Choice::default() })
}
