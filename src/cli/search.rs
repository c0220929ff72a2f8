//! `safelight search`.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::holder::{HolderArgs, open_vault};
use super::ledger::EgressArgs;
use super::remedies::stdout_failed;
use super::terminal::{Long, Piece, count, say, tell};
use super::{Context, Failure, Outcome, gaps};
use crate::audit::{Details, Look, Verb};
use crate::capture::{CaptureId, Effort, PlateError, PlateText, RegionKind};
use crate::custody::Keyring;
use crate::export::{Manifest, View};
use crate::pseudonym::{Pattern, Pseudonym, TooWide, spellings, within};
use crate::vault::record::Status;
use crate::vault::{Hit, PassedOver, Query, Spellings, pseudonyms_of};

/// Arguments of `search`.
#[derive(clap::Args)]
#[command(after_help = "\
Opens the catalogue and nothing else: neither pictures nor texts, nor names of files, which `open --identity` tells. \
Spellings that a reader confuses (O and 0, B and 8 …) are tried too, and the exact one is listed first. Accents do not \
count, and Cyrillic and Greek letters are the Latin ones that they look like. A recipient has no plate key and searches by \
pseudonym. Under dual control the search for a plate takes both holders: whoever has its keys alone could try all plates \
there are.

The catalogue holds keyed hashes, so that of a pattern every spelling is tried, at most 100 million: five ? at a time, or as \
many characters for a * as that allows, which is said.

What is shown is put on record in the custodian's audit log first, and counts towards the policy's listed_per_day; beyond it \
nothing is shown (exit code 3).")]
pub struct Args {
    /// The vault, or an export
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    #[command(flatten)]
    holder: HolderArgs,
    /// Captures of this plate; ? stands for one character, * for any number
    #[arg(long, value_name = "TEXT")]
    plate: Option<String>,
    /// The exact spelling only
    #[arg(long, requires = "plate")]
    exact: bool,
    /// Plates with up to N characters put in, left out or exchanged, too
    #[arg(long, value_name = "N", requires = "plate", conflicts_with = "exact", value_parser = clap::value_parser!(u8).range(1..=2))]
    fuzzy: Option<u8>,
    /// Captures with this pseudonym, PL-… or FC-…
    #[arg(long, value_name = "PSEUDONYM", conflicts_with = "plate")]
    pseudonym: Option<String>,
    /// Captured at this time or later: 2026-11-01 or 2026-11-01T06:30:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Captured before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// Captured at this site
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    #[command(flatten)]
    egress: EgressArgs,
}

/// A timestamp, or a day, which begins at midnight UTC.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let day: Result<jiff::civil::Date, _> = text.parse();
    day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| "write 2026-11-01 or 2026-11-01T06:30:00Z".to_owned())
}

/// Runs `search`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let Args { vault, holder, plate, exact, fuzzy, pseudonym, from, to, site, egress } = args;
    check_range(from, to, "--to")?;
    if plate.is_some() && !holder.has_keyring() {
        return Err(no_plate_key());
    }
    let plate = plate.as_deref().map(|text| Asked::parse(text, exact, fuzzy)).transpose()?;
    let tries = plate.as_ref().map_or(Ok(None), Asked::tries)?;
    let pseudonym = pseudonym.as_deref().map(parse_pseudonym).transpose()?;
    let mut holder = holder.unlock_to_search(&vault, plate.is_some(), &egress)?;
    let (vault, manifest) = open_vault(&vault, &mut holder, context)?;
    if let (Some(manifest), Some((kind, _))) = (&manifest, pseudonym)
        && !manifest.carries(kind)
    {
        return Err(Failure::usage(
            format!("this copy carries no pseudonyms of {}s", kind.name()),
            "ask the custodian for a copy with --regions all",
        ));
    }

    let mut details = Details { vault: Some(vault.card().vault.0), ..Details::default() };
    let note = tries.as_ref().map(|(_, said)| said.clone());
    let range = Some(asked(from, to, site.as_deref(), exact)).filter(|range| !range.is_empty());
    details.query = range.into_iter().chain(note.clone()).collect::<Vec<_>>().join(", ");
    let mut query = Query { shown: pseudonym, from, to, site, ..Query::default() };
    let asked_site = query.site.clone();
    let mut tried = Vec::new();
    if let Some(Asked::Plate(plate)) = &plate {
        let keyring = holder.keyring().ok_or_else(no_plate_key)?;
        tried = spellings(plate);
        tried.truncate(if exact { 1 } else { usize::MAX });
        let epochs = keyring.search_keys()?;
        query.pseudonyms = Some(pseudonyms_of(&tried, &epochs));
        details.pseudonyms.extend(epochs.iter().map(|keys| keys.plate(plate).show(RegionKind::Plate).to_string()));
    }
    details.pseudonyms.extend(pseudonym.map(|(kind, wanted)| wanted.show(kind).to_string()));
    let look = Look { verb: Verb::Search, records: 0.into(), purpose: None, details, over_budget: false };
    holder.may_ask(look.clone(), &egress)?;
    let details = look.details;
    if let Some((spellings, _)) = tries {
        query.spelt = Some((spellings, holder.keyring().ok_or_else(no_plate_key)?.search_keys()?));
    }
    let mut found = query.run(&vault, holder.keys())?;
    let look = Look { verb: Verb::Search, records: found.records(), purpose: None, details, over_budget: false };
    // Told after it is on record only.
    let stranger = asked_site.filter(|_| found.lacks_site()).and_then(|name| unknown_site(&name, holder.keyring()));
    let PassedOver { untimed, unexamined } = found.passed_over();
    // An unexamined capture matters to whoever looks for what it may show.
    let unexamined = if plate.is_some() || pseudonym.is_some() { unexamined } else { 0 };
    let keys = holder.permitted(look, &egress)?;
    let expired = found.expired.len();
    let gaps = std::mem::take(&mut found.gaps);
    // The exact spelling first; within a spelling by time.
    found.nearest_first();

    let by_pseudonym = manifest.as_ref().is_some_and(Manifest::is_by_pseudonym);
    let mut shown = 0;
    if context.json {
        let answer = Answer {
            custodian: vault.card().custodian.custody().to_string(),
            export: manifest.as_ref().map(Export::of),
            tried: note.clone(),
            closed_segments: gaps.closed.len(),
            expired_segments: expired,
            missing: gaps::named(&gaps.missing),
            unknown: gaps::named(&gaps.unknown),
            foreign: gaps::named(&gaps.foreign),
            damaged: gaps::named(&gaps.damaged),
            record_of: if by_pseudonym { "pseudonym" } else { "capture" },
            unknown_site: stranger.is_some(),
            without_time: untimed,
            unexamined,
        };
        let mut out = Long::json(&answer, "hits").map_err(stdout_failed)?;
        let put = |piece: std::io::Result<Piece>| piece.and_then(|piece| out.put(&piece)).map_err(stdout_failed);
        found.each(&keys, |hit| Piece::json(&Row::of(&hit, plate.as_ref(), &tried)), put)?;
        out.end().map_err(stdout_failed)?;
    } else {
        let mut out = Long::text();
        let mut put = |piece: Piece| {
            if shown == 0 {
                out.put(&Piece::line(&columns(["RECORD", "CAPTURED", "SITE", "LANE", "DIR", "FOUND"])))?;
            }
            shown += 1;
            out.put(&piece)
        };
        found.each(
            &keys,
            |hit| Piece::line(&Row::of(&hit, plate.as_ref(), &tried).in_words()),
            |piece| put(piece).map_err(stdout_failed),
        )?;
        out.end().map_err(stdout_failed)?;
    }
    if !context.quiet {
        if !context.json {
            sum_up(shown, manifest.as_ref(), expired);
        }
        note.iter().for_each(|said| tell!("{said}"));
    }
    if let Some(said) = &stranger {
        say(said);
    }
    if untimed > 0 {
        say(&format!("not looked at for want of a time: {}, which may be of that time", count(untimed, "capture")));
    }
    if unexamined > 0 {
        say(&format!(
            "what {} shows nobody knows: it could not be examined when it was sealed",
            count(unexamined, "further capture")
        ));
    }
    let ended = gaps::end([&gaps])?;
    Ok(if stranger.is_some() || untimed + unexamined > 0 { Outcome::SomeFailed } else { ended })
}

/// What is said when no capture is of the site that was asked for and nobody knows of it: "nothing" would be no answer.
fn unknown_site(name: &str, keyring: Option<&Keyring>) -> Option<String> {
    let Some(keyring) = keyring else { return Some(format!("no capture in this copy is of a site {name:?}")) };
    let known: Vec<String> = keyring.sites().map(|(_, known)| format!("{known:?}")).collect();
    (!keyring.has_site(name)).then(|| format!("no site {name:?} is known to this keyring; known: {}", known.join(", ")))
}

fn no_plate_key() -> Failure {
    Failure::usage(
        "a recipient has no key of plates, and nothing is searched for --plate",
        "search the copy by --pseudonym, --from, --to and --site; the custodian, whose keyring has that key, by --plate",
    )
}

/// Nothing lies in a range that ends before it begins: "nothing" would be no answer.
pub(super) fn check_range(from: Option<Timestamp>, to: Option<Timestamp>, end: &str) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if to <= from => Err(Failure::usage(
            format!("the range ends at {to:.0}, and does not begin before: {from:.0}"),
            format!("give --from a time before that of {end}; a day begins at midnight UTC"),
        )),
        _ => Ok(()),
    }
}

/// A query in the words of its options, without any plate.
pub(super) fn asked(from: Option<Timestamp>, to: Option<Timestamp>, site: Option<&str>, exact: bool) -> String {
    let mut words = Vec::new();
    words.extend(from.map(|from| format!("from {from}")));
    words.extend(to.map(|to| format!("to {to}")));
    words.extend(site.map(|site| format!("site {site:?}")));
    words.extend(exact.then(|| "exact".to_owned()));
    words.join(", ")
}

/// What `--plate` asks for.
enum Asked {
    /// One plate, and what it may have been read as.
    Plate(PlateText),
    /// A plate of which not all is known.
    Pattern(Pattern),
    /// A plate and all that are so many changes away.
    Near(PlateText, u8),
}

/// More are not tried: in each epoch, ten seconds of all processors' time. Five characters of any kind are fewer.
const MOST_TRIED: u64 = 100_000_000;

impl Asked {
    fn parse(text: &str, exact: bool, fuzzy: Option<u8>) -> Result<Self, Failure> {
        match (Pattern::parse(text)?, fuzzy) {
            (Some(_), None) if exact => {
                Err(Failure::usage("a pattern has no exact spelling", "give --exact, or ? and *, not both"))
            }
            (Some(pattern), None) => Ok(Self::Pattern(pattern)),
            (Some(_), Some(_)) => {
                Err(Failure::usage("a pattern cannot be fuzzy", "give --fuzzy, or ? and *, not both"))
            }
            (None, Some(changes)) => Ok(Self::Near(PlateText::asked(text)?, changes)),
            (None, None) => Ok(Self::Plate(PlateText::asked(text)?)),
        }
    }

    /// What is tried where it is more than a plate and its confusions, and how much that is, in words without any plate.
    fn tries(&self) -> Result<Option<(Spellings, String)>, Failure> {
        Ok(match self {
            Self::Plate(_) => None,
            Self::Pattern(pattern) => {
                let candidates = pattern.candidates(MOST_TRIED)?;
                let reach = candidates.reach.map(|most| format!(", a * as up to {}", count(most as u64, "character")));
                let said = format!("pattern of {}{}", count(candidates.count, "spelling"), reach.unwrap_or_default());
                Some((Spellings::Fitting(candidates), said))
            }
            Self::Near(plate, changes) => {
                let near = within(plate, usize::from(*changes), MOST_TRIED)?;
                let said =
                    format!("{} within {}", count(near.len() as u64, "spelling"), count((*changes).into(), "change"));
                Some((Spellings::Listed(near), said))
            }
        })
    }

    /// Whether this is the very plate that was asked for.
    fn is(&self, spelling: &str) -> bool {
        matches!(self, Self::Plate(plate) | Self::Near(plate, _) if plate.expose() == spelling)
    }
}

impl From<PlateError> for Failure {
    fn from(error: PlateError) -> Self {
        Self::usage(
            error.to_string(),
            "give 1 to 16 Latin letters and digits, ? for one and * for any number; signs between do not count",
        )
    }
}

impl From<TooWide> for Failure {
    fn from(error: TooWide) -> Self {
        Self::usage(
            format!("the pattern stands for more than the {} that are tried for it", count(error.most, "spelling")),
            "give more of the plate",
        )
    }
}

fn parse_pseudonym(text: &str) -> Result<(RegionKind, Pseudonym), Failure> {
    let (kind, rest) = match text.split_at_checked(3) {
        Some(("PL-" | "pl-", rest)) => (RegionKind::Plate, rest),
        Some(("FC-" | "fc-", rest)) => (RegionKind::Face, rest),
        _ => return Err(Failure::usage("a pseudonym begins with PL- or FC-", "copy it from a search's output")),
    };
    let value = crate::capture::from_base32(rest)
        .ok_or_else(|| Failure::usage("this is no pseudonym", "copy all 29 characters of it"))?;
    Ok((kind, Pseudonym(value)))
}

/// What `--json` prints, and behind it `hits`, a list of [`Row`]s.
#[derive(Serialize)]
struct Answer {
    /// Whose vault it is, or whose copy: as the card says, which was held against the keyring, --custodian, or what is known.
    custodian: String,
    /// Of a copy, what it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<Export>,
    /// What was tried of a pattern, or near a plate: what is beyond it was not searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried: Option<String>,
    /// Segments that these keys do not open: sealed for another holder.
    closed_segments: usize,
    /// Segments whose time is over.
    expired_segments: usize,
    /// What a journal names and is not there.
    missing: Vec<String>,
    /// What is there and no journal names.
    unknown: Vec<String>,
    /// What belongs to another vault.
    foreign: Vec<String>,
    /// What was not searched because it is damaged.
    damaged: Vec<String>,
    /// What a hit stands for: a `capture`, or in a copy of metadata a `pseudonym` of one.
    record_of: &'static str,
    /// Whether neither a site pack nor a capture is of the site that was asked for.
    unknown_site: bool,
    /// Captures that match but for a time that nobody noted.
    without_time: u64,
    /// Captures that could not be examined, where a plate or a pseudonym was asked for.
    unexamined: u64,
}

/// What a recipient's copy is, by its manifest.
#[derive(Serialize)]
struct Export {
    created: String,
    view: String,
    regions: String,
    purpose: String,
    captures: u64,
}

impl Export {
    fn of(manifest: &Manifest) -> Self {
        let Manifest { view, regions, purpose, captures, .. } = manifest;
        Self {
            created: manifest.created().to_string(),
            view: view.clone(),
            regions: regions.clone(),
            purpose: purpose.clone(),
            captures: *captures,
        }
    }
}

#[derive(Serialize)]
struct Row<'h> {
    record: String,
    captured_at: Option<String>,
    site: Option<&'h str>,
    /// The site whose pack sealed it, whatever a table of captures said of the site.
    sealed_by: Option<&'h str>,
    lane: Option<&'h str>,
    direction: Option<&'h str>,
    class: Option<&'h str>,
    readable: bool,
    /// How hard it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    regions: Vec<RegionRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<MatchRow>,
}

#[derive(Serialize)]
struct RegionRow {
    kind: &'static str,
    #[serde(rename = "box")]
    bounds: [i32; 4],
    pseudonyms: Vec<String>,
}

#[derive(Serialize)]
struct MatchRow {
    exact: bool,
    spelling: String,
    probability: f32,
    region: usize,
}

impl<'h> Row<'h> {
    fn of(hit: &'h Hit, asked: Option<&Asked>, tried: &[PlateText]) -> Self {
        let record = &hit.record;
        let region = |region: &crate::vault::record::RegionRecord| {
            let kind = RegionKind::from_code(region.kind);
            let pseudonyms = region.pseudonyms.iter().map(|p| Pseudonym(p.value).show(kind).to_string()).collect();
            RegionRow { kind: kind.name(), bounds: region.bounds, pseudonyms }
        };
        Self {
            record: CaptureId(record.id).to_string(),
            captured_at: record.captured_at.map(shown_time),
            site: record.site.as_deref(),
            sealed_by: record.sealed_by.as_deref(),
            lane: record.lane.as_deref(),
            direction: record.direction.as_deref(),
            class: record.class.as_deref(),
            readable: record.status == Status::Examined,
            effort: record.effort.map(Effort::name),
            regions: record.regions.iter().map(region).collect(),
            matched: hit.matched.map(|matched| {
                let spelling = hit.spelling.as_ref().or_else(|| tried.get(matched.rank));
                MatchRow {
                    exact: spelling.is_some_and(|text| asked.is_some_and(|asked| asked.is(text.expose()))),
                    spelling: spelling.map(|text| text.expose().to_owned()).unwrap_or_default(),
                    probability: f32::from(matched.probability) / 100.0,
                    region: matched.region,
                }
            }),
        }
    }

    /// As a line of a table.
    fn in_words(&self) -> String {
        let found = match &self.matched {
            Some(matched) if matched.exact => format!("read as asked, {:.0} %", matched.probability * 100.0),
            Some(matched) => format!("read as {}, {:.0} %", matched.spelling, matched.probability * 100.0),
            None if !self.readable => "unreadable".to_owned(),
            None => {
                let of = |kind| self.regions.iter().filter(|region| region.kind == kind).count() as u64;
                let kinds = ["plate", "face", "head"].map(|kind| (kind, of(kind)));
                let told = kinds.into_iter().filter(|(kind, found)| *kind != "head" || *found > 0);
                told.map(|(kind, found)| count(found, kind)).collect::<Vec<_>>().join(", ")
            }
        };
        let found = match self.sealed_by.filter(|&sealer| self.site != Some(sealer)) {
            Some(sealer) => format!("{found}; sealed by {sealer}"),
            None => found,
        };
        let words = [self.captured_at.as_deref(), self.site, self.lane, self.direction];
        let [time, site, lane, direction] = words.map(|word| word.unwrap_or("-"));
        columns([&self.record, time, site, lane, direction, &found])
    }
}

/// A line of the table of hits.
fn columns([record, captured, site, lane, direction, found]: [&str; 6]) -> String {
    format!("{record:26}  {captured:20}  {site:14}  {lane:6}  {direction:3}  {found}")
}

fn shown_time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

/// How much it is, and of what, and what nobody can search any more.
fn sum_up(found: u64, manifest: Option<&Manifest>, expired: usize) {
    match manifest.is_some_and(Manifest::is_by_pseudonym) {
        true => tell!(
            "{}, one for each pseudonym: which of them are of one capture is not in the copy",
            count(found, "record")
        ),
        false => tell!("{}", count(found, "capture")),
    }
    let names_files = manifest.is_none_or(|manifest| manifest.view == View::Full.name());
    if found > 0 && names_files {
        tell!("`safelight open --identity` tells the name of the file that a record came from");
    }
    if expired > 0 {
        tell!("{} expired: nobody can search them any more", count(expired as u64, "segment"));
    }
}
