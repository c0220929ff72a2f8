//! `safelight audit show`: the entries, and a chart of what left on which day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::LogArgs;
use crate::audit::{AuditError, AuditLog, Day, Details, Entry, Recording, Told, Verb, Verdict};
use crate::capture::CaptureId;
use crate::cli::remedies::stdout_failed;
use crate::cli::terminal::{Page, count, escaped, grouped, json};
use crate::cli::unlock::UnlockArgs;
use crate::cli::{Context, Failure, ledger};
use crate::seal::KeyId;

/// Arguments of `audit show`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    log: LogArgs,
    /// The last N days
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=36_600))]
    days: u32,
    /// Say who looked for what and why, as far as these details are kept. Needs the passphrase
    #[arg(long, conflicts_with = "log")]
    details: bool,
    /// List at most the newest N entries; the chart counts all
    #[arg(long, value_name = "N", default_value_t = 20)]
    entries: usize,
    #[command(flatten)]
    unlock: UnlockArgs,
}

/// Runs `audit show`.
pub(super) fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let (folder, key) = args.log.place()?;
    // The log's own folder lies in a custody folder or stands alone.
    let log = AuditLog::at(&folder);
    let today = Day::try_from(Timestamp::now().as_second().div_euclid(86_400)).unwrap_or(0);
    let first = (today + 1).saturating_sub(args.days);
    let mut reader = None;
    if let (true, Some(custody)) = (args.details, &args.log.place.custody) {
        let keyring = args.unlock.open(custody)?;
        // What cannot be shown is not on record as shown. A log that is yet to begin can.
        match log.entries_since(&key, first) {
            Ok(_) | Err(AuditError::NoLog { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        ledger::record_act(&keyring, Verb::Show, format!("details of {}", count(args.days.into(), "day")))?;
        reader = Some(log.detail_reader(&keyring)?);
    }
    let mut recordings = log.entries_since(&key, first)?;
    recordings.extend(log.waiting()?);
    let days = Days::of(&recordings, first, today);
    let told = |recording: &Recording| reader.as_ref().map(|reader| reader.open(recording));
    let newest = &recordings[recordings.len().saturating_sub(args.entries)..];
    let rows: Vec<Row> = newest.iter().map(|recording| Row::of(recording, told(recording))).collect();

    let mut out = Page::default();
    let printed = if context.json {
        let shown = Shown { log: key.origin(), days: days.rows(), entries: &rows };
        json(&shown)
    } else {
        days.draw(&mut out).and_then(|()| list(&mut out, &rows, recordings.len()))
    };
    printed.map_err(stdout_failed)
}

#[derive(Serialize)]
struct Shown<'a> {
    log: &'a str,
    days: Vec<DayRow>,
    entries: &'a [Row],
}

/// What left on one day.
#[derive(Clone, Copy, Default, Serialize)]
struct DayTotals {
    opened: u64,
    exported: u64,
    refused: u64,
    overridden: u64,
    failed_unlocks: u64,
}

#[derive(Serialize)]
struct DayRow {
    day: String,
    #[serde(flatten)]
    totals: DayTotals,
}

struct Days(BTreeMap<Day, DayTotals>);

/// Columns of the chart's bars: 80, less the date, the weekday and the number.
const BAR: u64 = 46;

impl Days {
    fn of(recordings: &[Recording], first: Day, last: Day) -> Self {
        // Whoever signs a log may claim any number.
        let add = |sum: &mut u64, records: u64| *sum = sum.saturating_add(records);
        let mut days: BTreeMap<Day, DayTotals> = (first..=last).map(|day| (day, DayTotals::default())).collect();
        for Recording { entry, .. } in recordings {
            let totals = days.entry(entry.day()).or_default();
            match (entry.verb, entry.verdict) {
                (Verb::UnlockFailed, _) => totals.failed_unlocks += 1,
                (_, Verdict::Refused) => totals.refused += 1,
                (Verb::Export, _) => add(&mut totals.exported, entry.records),
                (verb, _) if verb.gives_out() => add(&mut totals.opened, entry.records),
                _ => {}
            }
            if entry.verdict == Verdict::Overridden {
                add(&mut totals.overridden, entry.records);
            }
        }
        Self(days)
    }

    fn rows(&self) -> Vec<DayRow> {
        self.0.iter().map(|(&day, &totals)| DayRow { day: date(day, "%Y-%m-%d"), totals }).collect()
    }

    /// A bar for each day, in eighths of a column: exported solid, opened shaded.
    fn draw(&self, out: &mut Page) -> std::io::Result<()> {
        let most = self.0.values().map(|day| day.opened.saturating_add(day.exported)).max().unwrap_or(0).max(1);
        writeln!(out, "Records that left, by day (UTC):  █ exported  ▒ opened\n")?;
        for (&day, totals) in &self.0 {
            let sum = totals.opened.saturating_add(totals.exported);
            let bar = bar(totals.exported, totals.opened, most);
            let number = if sum == 0 { "·".to_owned() } else { grouped(sum) };
            let line = format!("{}  {bar:<width$} {number:>9}", date(day, "%a %Y-%m-%d"), width = BAR as usize);
            writeln!(out, "{line}")?;
            for (count, what) in [
                (totals.refused, "refused"),
                (totals.overridden, "overridden"),
                (totals.failed_unlocks, "failed unlock"),
            ] {
                if count > 0 {
                    writeln!(out, "{:16}! {} {what}{}", "", grouped(count), plural(what, count))?;
                }
            }
        }
        Ok(())
    }
}

fn plural(what: &str, count: u64) -> &'static str {
    if what == "failed unlock" && count != 1 { "s" } else { "" }
}

/// At most [`BAR`] columns; what is there at all is seen.
fn bar(exported: u64, opened: u64, most: u64) -> String {
    let eighths = |count: u64| u128::from(count) * u128::from(BAR) * 8 / u128::from(most);
    let columns = |eighths: u128| usize::try_from(eighths / 8).unwrap_or(0);
    let solid = eighths(exported);
    if opened == 0 {
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][(solid % 8) as usize];
        let bar = "█".repeat(columns(solid)) + part;
        return if bar.is_empty() && exported > 0 { "▏".to_owned() } else { bar };
    }
    let all = columns(eighths(exported.saturating_add(opened))).max(1);
    let solid = columns(solid).min(all);
    "█".repeat(solid) + &"▒".repeat(all - solid)
}

/// One entry.
#[derive(Serialize)]
struct Row {
    /// Its place in the log; none while it waits to be signed.
    index: Option<u64>,
    time: String,
    verb: &'static str,
    verdict: &'static str,
    records: u64,
    /// Somebody said that the date is right, where nobody but the clock knew of it.
    date_confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<DetailsRow>,
}

#[derive(Serialize)]
struct DetailsRow {
    time: String,
    purpose: String,
    operator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_date: Option<String>,
    /// What the clock said where nobody believes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<String>,
    query: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pseudonyms: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
}

impl Row {
    fn of(recording: &Recording, told: Option<Told>) -> Self {
        let entry = &recording.entry;
        let mut row = Self {
            index: recording.index,
            time: entry.time().strftime("%Y-%m-%dT%HZ").to_string(),
            verb: entry.verb.name(),
            verdict: entry.verdict.name(),
            records: entry.records,
            date_confirmed: entry.date_confirmed,
            says: said(entry),
            details: None,
        };
        match told {
            Some(Told::Details(details)) => row.details = Some(DetailsRow::of(*details)),
            Some(Told::Forgotten(month)) => row.says = Some(format!("details of {month} are forgotten")),
            Some(Told::Altered) => row.says = Some("details do not belong to this entry".to_owned()),
            Some(Told::Nothing) | None => {}
        }
        if recording.index.is_none() {
            row.says = Some("not signed yet".to_owned());
        }
        row
    }
}

impl DetailsRow {
    fn of(details: Details) -> Self {
        let time = |time| {
            let time = Timestamp::from_millisecond(time).unwrap_or(Timestamp::UNIX_EPOCH);
            time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        Self {
            time: time(details.time),
            clock: details.clock.map(time),
            purpose: details.purpose,
            operator: details.operator,
            user_id: details.user,
            login_id: details.login,
            confirmed_date: details.confirmed.map(|day| date(day, "%Y-%m-%d")),
            query: details.query,
            pseudonyms: details.pseudonyms,
            records: details.records.iter().map(|id| CaptureId(id.0).to_string()).collect(),
            recipient: details.recipient.map(|key| KeyId(key).to_string()),
        }
    }
}

/// What an entry says beyond its verb.
fn said(entry: &Entry) -> Option<String> {
    match (entry.quiet, entry.finding, entry.keyring_made) {
        (Some((first, last)), ..) if first == last => Some(format!("nothing on {}", date(first, "%Y-%m-%d"))),
        (Some((first, last)), ..) => {
            Some(format!("nothing from {} to {}", date(first, "%Y-%m-%d"), date(last, "%Y-%m-%d")))
        }
        (_, Some(finding), _) => Some(finding.says().to_owned()),
        (.., Some(made)) => Some(format!("keyring made on {}", date(made, "%Y-%m-%d"))),
        _ => entry.claimed.map(|hour| {
            let time = Timestamp::from_second(i64::from(hour) * 3600).unwrap_or(Timestamp::MAX);
            format!("its clock said {}, which cannot be", time.strftime("%Y-%m-%dT%HZ"))
        }),
    }
}

fn list(out: &mut Page, rows: &[Row], all: usize) -> std::io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "\nNo entries.");
    }
    if rows.len() < all {
        writeln!(out, "\nThe newest {} of {}:", rows.len(), count(all as u64, "entry"))?;
    }
    writeln!(out, "\n{:>7}  {:<14}  {:<13}  {:>9}  WHAT", "ENTRY", "TIME", "VERB", "RECORDS")?;
    for row in rows {
        let index = row.index.map_or_else(|| "–".to_owned(), grouped);
        let records = if row.records == 0 { "·".to_owned() } else { grouped(row.records) };
        let mut what = Vec::new();
        what.extend((row.verdict != Verdict::Done.name()).then(|| row.verdict.to_owned()));
        what.extend(row.date_confirmed.then(|| "on a confirmed date".to_owned()));
        what.extend(row.says.clone());
        let line = format!("{index:>7}  {:<14}  {:<13}  {records:>9}  {}", row.time, row.verb, what.join("; "));
        writeln!(out, "{}", line.trim_end())?;
        let Some(details) = &row.details else { continue };
        let mut parts = vec![details.time.clone(), details.operator.clone()];
        parts.extend(details.user_id.map(|id| format!("user {id}")));
        parts.extend(details.login_id.map(|id| format!("login {id}")));
        parts.extend(details.clock.as_ref().map(|clock| format!("clock said {clock}")));
        parts.extend(details.confirmed_date.as_ref().map(|date| format!("confirmed {date}")));
        parts.extend((!details.purpose.is_empty()).then(|| format!("{:?}", details.purpose)));
        parts.extend((!details.query.is_empty()).then(|| details.query.clone()));
        parts.extend(details.pseudonyms.first().cloned());
        parts.extend(details.recipient.as_ref().map(|key| format!("to {key}")));
        parts.extend(details.records.iter().take(3).cloned());
        parts.extend((details.records.len() > 3).then(|| format!("and {} more", details.records.len() - 3)));
        for line in wrapped(&parts) {
            writeln!(out, "{:9}{line}", "")?;
        }
    }
    Ok(())
}

/// Parts in a row, as many as fit beside the indent.
fn wrapped(parts: &[String]) -> Vec<String> {
    const WIDTH: usize = 71;
    let mut lines = vec![String::new()];
    for part in parts {
        let (part, line) = (escaped(part), lines.last_mut().expect("one line"));
        if line.is_empty() {
            line.push_str(&part);
        } else if line.chars().count() + 2 + part.chars().count() <= WIDTH {
            line.push_str(&format!("  {part}"));
        } else {
            lines.push(part);
        }
    }
    lines
}

pub(super) fn date(day: Day, format: &str) -> String {
    let time = Timestamp::from_second(i64::from(day) * 86_400).unwrap_or(Timestamp::MAX);
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_lines_and_none_is_lost() {
        let parts: Vec<String> = (1..40).map(|len| "x".repeat(len)).collect();
        let lines = wrapped(&parts);
        assert!(lines.iter().all(|line| line.len() <= 71));
        assert_eq!(lines.join("  ").split("  ").collect::<Vec<_>>(), parts);
    }

    #[test]
    fn bars_fit_and_what_is_there_is_seen() {
        assert_eq!(bar(0, 0, 1), "");
        assert_eq!(bar(1, 0, 1_000_000), "▏");
        assert_eq!(bar(0, 1, 1_000_000), "▒");
        assert_eq!(bar(1000, 0, 1000).chars().count() as u64, BAR);
        assert_eq!(bar(500, 500, 1000), "█".repeat(23) + &"▒".repeat(23));
        assert_eq!(bar(u64::MAX / 2, u64::MAX / 2, u64::MAX - 1).chars().count() as u64, BAR);
    }
}
