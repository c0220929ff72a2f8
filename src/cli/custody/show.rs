//! `safelight custody show`: what is kept until when, for whom, on eighty columns.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::terminal::{Page, count, escaped};
use crate::custody::{Epoch, EpochSummary, KeyCount, KeyringSummary};
use crate::seal::Capability;

/// So many months ahead are listed; the rest is summed up.
const MONTHS_AHEAD: usize = 6;
/// So many epochs are listed, the latest.
const EPOCHS: usize = 4;

/// What `custody show` shows.
#[derive(Serialize)]
pub(super) struct Shown {
    custody: String,
    created: Timestamp,
    generation: u64,
    /// The current epoch of all sites.
    epoch: Option<u32>,
    epoch_length: &'static str,
    dual_control: bool,
    /// Whether there is a second slot, without which nothing opens that dual control guards.
    second_slot: bool,
    records_per_day: Option<u64>,
    classes: Vec<ShownClass>,
    default_class: String,
    keys: ShownKeys,
    due: Vec<ShownDue>,
    destroyed: usize,
    epochs: Vec<ShownEpoch>,
    /// Of the epochs, those of single sites that were rotated on their own.
    single_epochs: Vec<u32>,
    /// Of the epochs, those whose keys were destroyed: nobody can search for a plate in them any more.
    destroyed_epochs: Vec<u32>,
    sites: Vec<ShownSite>,
    #[serde(skip)]
    now: Timestamp,
}

#[derive(Serialize)]
struct ShownClass {
    name: String,
    catalogue: String,
    scene: String,
    identity: String,
}

#[derive(Serialize)]
struct ShownKeys {
    catalogue: usize,
    scene: usize,
    identity: usize,
}

/// Keys that fall due together.
#[derive(Serialize)]
struct ShownDue {
    month: String,
    /// The first moment at which `expire` destroys them.
    from: Timestamp,
    class: String,
    capability: &'static str,
    keys: usize,
}

/// A pseudonym epoch.
#[derive(Serialize)]
pub(super) struct ShownEpoch {
    pub number: u32,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
}

impl From<Epoch> for ShownEpoch {
    fn from(Epoch { number, since, until }: Epoch) -> Self {
        Self { number, since, until }
    }
}

#[derive(Serialize)]
struct ShownSite {
    name: String,
    packs: u32,
    epoch: u32,
    issued: Timestamp,
    until: Timestamp,
    superseded: bool,
}

impl Shown {
    /// What a summary says at a time.
    pub fn of(summary: &KeyringSummary, now: Timestamp) -> Self {
        let term = |class: &crate::custody::ClassPolicy, capability| class.retention(capability).to_string();
        let classes = summary.policy.classes.iter().map(|class| ShownClass {
            name: class.name.clone(),
            catalogue: term(class, Capability::Catalogue),
            scene: term(class, Capability::Scene),
            identity: term(class, Capability::Identity),
        });
        let due = summary.kept.iter().map(|KeyCount { expiry, class, capability, keys }| ShownDue {
            month: expiry.to_string(),
            from: expiry.end(),
            class: class.clone(),
            capability: capability.name(),
            keys: *keys,
        });
        let sites = summary.sites.iter().map(|site| ShownSite {
            name: site.name.clone(),
            packs: site.packs,
            epoch: site.epoch,
            issued: site.issued,
            until: site.until,
            superseded: site.superseded,
        });
        let [catalogue, scene, identity] = summary.keys;
        let current = |summary: &&EpochSummary| {
            let Epoch { since, until, .. } = summary.epoch;
            summary.of_all && since <= now && until.is_none_or(|until| now < until)
        };
        let gone = summary.epochs.iter().filter(|summary| summary.destroyed.is_some());
        let single = summary.epochs.iter().filter(|summary| !summary.of_all);
        Self {
            custody: summary.custody.to_string(),
            created: summary.created,
            generation: summary.generation,
            epoch: summary.epochs.iter().rfind(current).map(|current| current.epoch.number),
            epoch_length: summary.policy.epoch.name(),
            dual_control: summary.policy.dual_control,
            second_slot: summary.second_slot,
            records_per_day: summary.policy.egress.as_ref().map(|egress| egress.records_per_day),
            classes: classes.collect(),
            default_class: summary.policy.default_class.clone(),
            keys: ShownKeys { catalogue, scene, identity },
            due: due.collect(),
            destroyed: summary.destroyed.iter().map(|count| count.keys).sum(),
            epochs: summary.epochs.iter().map(|summary| summary.epoch.into()).collect(),
            destroyed_epochs: gone.map(|summary| summary.epoch.number).collect(),
            single_epochs: single.map(|summary| summary.epoch.number).collect(),
            sites: sites.collect(),
            now,
        }
    }

    /// The same for people.
    pub fn print(&self, out: &mut Page) -> io::Result<()> {
        writeln!(out, "Custodian {}", self.custody)?;
        writeln!(out, "keyring of {}, generation {}", day(self.created), self.generation)?;
        let ShownKeys { catalogue, scene, identity } = self.keys;
        writeln!(
            out,
            "{catalogue} catalogue, {scene} scene and {identity} identity keys, {} destroyed",
            self.destroyed
        )?;
        self.print_classes(out)?;
        self.print_due(out)?;
        self.print_epochs(out)?;
        self.print_sites(out)
    }

    fn print_classes(&self, out: &mut Page) -> io::Result<()> {
        writeln!(out, "\n{:<28}{:<14}{:<14}IDENTITY", "KEPT FOR", "CATALOGUE", "SCENE")?;
        for ShownClass { name, catalogue, scene, identity } in &self.classes {
            let mark = if *name == self.default_class { " *" } else { "" };
            line(out, &format!("{:<28}{catalogue:<14}{scene:<14}{identity}", format!("{}{mark}", cut(name, 25))))?;
        }
        writeln!(out, "* when a capture names no class")?;
        if self.second_slot {
            writeln!(out, "Identities are opened and plates searched with two slots only.")?;
        } else if self.dual_control {
            writeln!(out, "The policy asks for two holders, and there is no second slot. Until there is,")?;
            writeln!(out, "no identity is opened and no plate searched: `custody slot add --as second`.")?;
        }
        match self.records_per_day {
            Some(records) => writeln!(out, "At most {} may be opened or exported a day.", count(records, "record")),
            None => Ok(()),
        }
    }

    fn print_due(&self, out: &mut Page) -> io::Result<()> {
        let mut months: BTreeMap<Timestamp, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for due in &self.due {
            months.entry(due.from).or_default().entry(&due.class).or_default().push(due.capability);
        }
        let (Some(first), Some((last, _))) = (months.keys().next().copied(), months.last_key_value()) else {
            return Ok(());
        };
        writeln!(out, "\n{:<28}WHAT CAN NO LONGER BE OPENED THEN", "FALLS DUE")?;
        for (from, classes) in months.iter().take(MONTHS_AHEAD) {
            let when = format!("{:<12}{:<16}", day(*from), self.away(*from));
            // Classes that lose the same together share a line.
            let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (class, parts) in classes {
                let all = parts.len() == Capability::ALL.len();
                let what = if all { "everything".to_owned() } else { parts.join(", ") };
                lines.entry(what).or_default().push(cut(class, 24));
            }
            for (at, (what, classes)) in lines.iter().enumerate() {
                let whose = cut(&classes.join(", "), 80 - 28 - 4 - what.chars().count());
                line(out, &format!("{:<28}{what} of {whose}", if at == 0 { when.as_str() } else { "" }))?;
            }
        }
        let rest = months.len().saturating_sub(MONTHS_AHEAD);
        if rest > 0 {
            writeln!(out, "{:<28}{rest} later months, the last on {}", "…", day(*last))?;
        }
        if first <= self.now {
            writeln!(out, "`safelight expire` destroys what is due.")?;
        }
        Ok(())
    }

    fn print_epochs(&self, out: &mut Page) -> io::Result<()> {
        writeln!(out, "\n{:<12}{:<16}UNTIL", "EPOCH", "SINCE")?;
        let skipped = self.epochs.len().saturating_sub(EPOCHS);
        if skipped > 0 {
            writeln!(out, "{:<12}{skipped} earlier", "…")?;
        }
        for ShownEpoch { number, since, until } in &self.epochs[skipped..] {
            let state = match until {
                _ if self.destroyed_epochs.contains(number) => "over, keys destroyed",
                Some(until) if until <= since => "never began",
                Some(until) if *until <= self.now => "over",
                _ if *since > self.now => "issued ahead",
                _ if self.single_epochs.contains(number) => "of a single site",
                _ => "current",
            };
            let until = until.map_or_else(|| "-".to_owned(), day);
            writeln!(out, "{number:<12}{:<16}{until:<14}{state}", day(*since))?;
        }
        match self.epoch_length {
            "never" => writeln!(out, "A plate keeps its pseudonym until a rotation."),
            length => writeln!(out, "A plate's pseudonym changes every {length}, and at a rotation."),
        }
    }

    fn print_sites(&self, out: &mut Page) -> io::Result<()> {
        if self.sites.is_empty() {
            return writeln!(out, "\nNo site has a pack yet: `safelight custody pack` issues one.");
        }
        writeln!(out, "\n{:<28}{:<8}{:<8}{:<12}UNTIL", "SITE", "PACKS", "EPOCH", "ISSUED")?;
        for ShownSite { name, packs, epoch, issued, until, superseded } in &self.sites {
            let state = match (*until <= self.now, superseded) {
                (true, _) => "over",
                (false, true) => "superseded",
                (false, false) => "",
            };
            let name = cut(name, 26);
            line(out, &format!("{name:<28}{packs:<8}{epoch:<8}{:<12}{:<12}{state}", day(*issued), day(*until)))?;
        }
        Ok(())
    }

    /// How far away a moment is.
    fn away(&self, at: Timestamp) -> String {
        let days = (at.as_second() - self.now.as_second()).div_euclid(86_400);
        match u64::try_from(days) {
            Err(_) => "due now".to_owned(),
            Ok(0) => "within a day".to_owned(),
            Ok(days @ 1..=60) => format!("in {}", count(days, "day")),
            Ok(days @ 61..=730) => format!("in {}", count(days / 30, "month")),
            Ok(days) => format!("in {}", count(days / 365, "year")),
        }
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// A name in at most so many characters, without anything that would steer the terminal.
fn cut(name: &str, most: usize) -> String {
    let shown = escaped(name);
    if shown.chars().count() <= most {
        return shown;
    }
    shown.chars().take(most - 1).chain(['…']).collect()
}

fn line(out: &mut Page, text: &str) -> io::Result<()> {
    writeln!(out, "{}", text.trim_end())
}
