//! `safelight search`.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::holder::{HolderArgs, open_vault};
use super::ledger::EgressArgs;
use super::remedies::stdout_failed;
use super::terminal::{Page, count, json, tell};
use super::{Context, Failure, Outcome};
use crate::audit::{Details, Look, Verb};
use crate::capture::{CaptureId, PlateText, RegionKind};
use crate::pseudonym::{EpochKeys, Pseudonym, spellings};
use crate::vault::record::Status;
use crate::vault::{Hit, Query};

/// Arguments of `search`.
#[derive(clap::Args)]
#[command(after_help = "\
Opens the catalogue and nothing else: neither pictures nor texts. Spellings that a reader confuses (O and 0, B and 8 …) \
are tried too, and the exact one is listed first. A recipient has no plate key and searches by pseudonym. \
Under dual control the search for a plate takes both holders: whoever has its keys alone could try all plates there are.

Example: safelight search --vault V --custody C --plate \"ABC 1234\" --from 2026-11-01")]
pub struct Args {
    /// The vault, or an export
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    #[command(flatten)]
    holder: HolderArgs,
    /// Captures of this plate
    #[arg(long, value_name = "TEXT", requires = "custody")]
    plate: Option<String>,
    /// The exact spelling only
    #[arg(long, requires = "plate")]
    exact: bool,
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
    let Args { vault, holder, plate, exact, pseudonym, from, to, site, egress } = args;
    let plate = plate.as_deref().map(parse_plate).transpose()?;
    let pseudonym = pseudonym.as_deref().map(parse_pseudonym).transpose()?;
    let mut holder = holder.unlock_to_search(&vault, plate.is_some(), egress.over_budget)?;
    let vault = open_vault(&vault, &mut holder, context)?;

    let mut details = Details { vault: Some(vault.card().vault.0), ..Details::default() };
    details.query = asked(from, to, site.as_deref(), exact);
    let mut query = Query { shown: pseudonym, from, to, site, ..Query::default() };
    let mut tried = Vec::new();
    if let (Some(plate), Some(keyring)) = (&plate, holder.keyring()) {
        tried = spellings(plate);
        tried.truncate(if exact { 1 } else { usize::MAX });
        let epochs = keyring.search_keys()?;
        query.pseudonyms = Some(pseudonyms_of(&tried, &epochs));
        details.pseudonyms.extend(epochs.iter().map(|keys| keys.plate(plate).show(RegionKind::Plate).to_string()));
    }
    details.pseudonyms.extend(pseudonym.map(|(kind, wanted)| wanted.show(kind).to_string()));
    let found = query.run(&vault, holder.keys())?;
    details.set_records(found.captures().map(|id| id.0));
    let look =
        Look { verb: Verb::Search, records: found.captures().len() as u64, purpose: None, details, over_budget: false };
    let keys = holder.permitted(look, egress.over_budget)?;
    let [closed, expired] = [found.closed.len(), found.expired.len()];
    let mut hits = found.hits(&keys)?;
    // The exact spelling first; within a spelling by time.
    hits.sort_by_key(|hit| hit.matched.map_or(0, |matched| matched.rank));

    let mut out = Page::default();
    let printed = if context.json {
        let answer = Answer {
            closed_segments: closed,
            expired_segments: expired,
            hits: hits.iter().map(|hit| Row::of(hit, &tried)).collect(),
        };
        json(&answer)
    } else {
        print(&mut out, &hits, &tried, [closed, expired], context)
    };
    printed.map_err(stdout_failed)?;
    Ok(Outcome::Done)
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

fn parse_plate(text: &str) -> Result<PlateText, Failure> {
    PlateText::canonical(text)
        .ok_or_else(|| Failure::usage("this is no plate", "give 1 to 16 Latin letters and digits; signs do not count"))
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

/// The pseudonyms of all spellings in all epochs.
fn pseudonyms_of(texts: &[PlateText], epochs: &[EpochKeys]) -> HashMap<u32, HashMap<Pseudonym, usize>> {
    let of_epoch = |keys: &EpochKeys| {
        (keys.epoch(), texts.iter().enumerate().map(|(rank, text)| (keys.plate(text), rank)).collect())
    };
    epochs.iter().map(of_epoch).collect()
}

#[derive(Serialize)]
struct Answer {
    /// Segments that these keys do not open: sealed for another holder.
    closed_segments: usize,
    /// Segments whose time is over.
    expired_segments: usize,
    hits: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    record: String,
    captured_at: Option<String>,
    site: Option<String>,
    lane: Option<String>,
    direction: Option<String>,
    class: Option<String>,
    readable: bool,
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

impl Row {
    fn of(hit: &Hit, tried: &[PlateText]) -> Self {
        let record = &hit.record;
        let region = |region: &crate::vault::record::RegionRecord| {
            let kind = if region.kind == 0 { RegionKind::Plate } else { RegionKind::Face };
            let pseudonyms = region.pseudonyms.iter().map(|p| Pseudonym(p.value).show(kind).to_string()).collect();
            RegionRow { kind: kind.name(), bounds: region.bounds, pseudonyms }
        };
        Self {
            record: CaptureId(record.id).to_string(),
            captured_at: record.captured_at.map(shown_time),
            site: record.site.clone(),
            lane: record.lane.clone(),
            direction: record.direction.clone(),
            class: record.class.clone(),
            readable: record.status == Status::Examined,
            regions: record.regions.iter().map(region).collect(),
            matched: hit.matched.map(|matched| MatchRow {
                exact: matched.rank == 0,
                spelling: tried.get(matched.rank).map(|text| text.expose().to_owned()).unwrap_or_default(),
                probability: f32::from(matched.probability) / 100.0,
                region: matched.region,
            }),
        }
    }
}

fn shown_time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

fn print(
    out: &mut Page,
    hits: &[Hit],
    tried: &[PlateText],
    [closed, expired]: [usize; 2],
    context: &Context,
) -> std::io::Result<()> {
    if !hits.is_empty() {
        writeln!(out, "{:26}  {:20}  {:14}  {:6}  {:3}  FOUND", "RECORD", "CAPTURED", "SITE", "LANE", "DIR")?;
    }
    for hit in hits {
        let row = Row::of(hit, tried);
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
        let found = match &row.matched {
            Some(matched) if matched.exact => format!("read as asked, {:.0} %", matched.probability * 100.0),
            Some(matched) => format!("read as {}, {:.0} %", matched.spelling, matched.probability * 100.0),
            None if !row.readable => "unreadable".to_owned(),
            None => {
                let count = |kind| row.regions.iter().filter(|region| region.kind == kind).count();
                format!("{} plates, {} faces", count("plate"), count("face"))
            }
        };
        writeln!(
            out,
            "{:26}  {:20}  {:14}  {:6}  {:3}  {found}",
            row.record,
            word(&row.captured_at),
            word(&row.site),
            word(&row.lane),
            word(&row.direction)
        )?;
    }
    if !context.quiet {
        tell!("{} captures", hits.len());
        if expired > 0 {
            tell!("{} expired: nobody can search them any more", count(expired as u64, "segment"));
        }
        if closed > 0 {
            tell!("{} not searched: their keys are elsewhere", count(closed as u64, "segment"));
        }
    }
    Ok(())
}
