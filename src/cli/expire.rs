//! `safelight expire`.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::remedies::stdout_failed;
use super::terminal::{Page, bytes, count, json, say, shown};
use super::trust::PinArgs;
use super::unlock::UnlockArgs;
use super::{Context, Failure, Outcome, Stop, gaps, ledger};
use crate::audit::{AuditLog, Leap, Verb};
use crate::custody::{DueKey, Keyring, Remains, SitePack};
use crate::seal::Capability;
use crate::vault::{Expired, ExpiredVault, ExpiringVault, OpeningVault, Trust, expire, would_expire};

/// Arguments of `expire`.
#[derive(clap::Args)]
#[command(after_help = "\
A key is due when the month is over in which the term of what it opens ends. Destroying it is the deletion: what it \
opened is noise from then on, in every copy of the vault. The keyring is written under a fresh key, signed tombstones tell \
what expired from what never was, and segments in which nothing can be opened any more are removed. Backups of the keyring \
still hold the keys: the command says which ones must be destroyed.

Give all vaults at once: captures of a vault that comes later are known as expired by their segment only. A site that was \
sent a vault's tombstones removes what they name by --buried --pack: what is removed, is removed on the signature of a \
custodian whom you trust, never on that of whoever the vault's card names.")]
pub struct Args {
    /// A vault; may be given several times
    #[arg(long, value_name = "DIR", required = true)]
    vault: Vec<PathBuf>,
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR", required_unless_present = "buried")]
    custody: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Only keys whose month was over by this day, which is not in the future except with --dry-run [default: now]
    #[arg(long, value_name = "DATE", value_parser = super::search::time)]
    before: Option<Timestamp>,
    /// Say that today is this date, UTC, where the clock is ahead of what the audit log knows or long after its last entry
    #[arg(long, value_name = "DATE", conflicts_with = "buried")]
    confirm_date: Option<Date>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Needs no keyring: remove the segments that tombstones of the trusted custodian name
    #[arg(long, conflicts_with_all = ["custody", "before", "dry_run"])]
    buried: bool,
    /// For --buried: the site pack, whose custodian is trusted
    #[arg(long, value_name = "FILE", requires = "buried")]
    pack: Option<PathBuf>,
    #[command(flatten)]
    pin: PinArgs,
}

/// Runs `expire`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let Some(custody) = &args.custody else { return remove_buried(&args, context) };
    let now = Timestamp::now();
    let before = args.before.unwrap_or(now);
    if before > now && !args.dry_run {
        return Err(Failure::usage(
            format!("{before:.0} is in the future, and no key is destroyed before its month is over"),
            "give a day in the past, or --dry-run to see what will be due by then",
        ));
    }
    args.vault.iter().try_for_each(|folder| OpeningVault::open(folder, Trust::Nobody).map(drop))?;
    let mut keyring = args.unlock.open(custody)?;
    // Who names a day does not rely on the clock for what is due; what is written is dated by it all the same.
    if !args.dry_run {
        check_clock(&keyring, args.confirm_date, now)?;
    }
    let trust = args.pin.trust(Some(&keyring), None)?;
    let mut vaults = Vec::new();
    for folder in &args.vault {
        vaults.push(ExpiringVault::open(folder, trust)?);
    }
    let expired = if args.dry_run {
        would_expire(&keyring, &vaults, before, now)?
    } else {
        // All that expiring reads is read once before it is on record.
        would_expire(&keyring, &vaults, before, now)?;
        keyring.check_writable()?;
        let due = keyring.due(before).len() as u64;
        ledger::record_act_on(
            &keyring,
            args.confirm_date,
            Verb::Expire,
            format!("{} due before {before:.0}", count(due, "key")),
        )?;
        let expired = expire(&mut keyring, &mut vaults, before, now);
        ledger::changed(&keyring);
        expired?
    };
    // Keys that are due go whatever a vault is like; what is wrong with it is said.
    let keys = keyring.opening_keys(&[Capability::Catalogue]);
    let lacking = vaults.iter().map(|vault| vault.gaps(&keys)).collect::<Result<Vec<_>, _>>()?;
    let report = Report::of(&expired, &args);
    let mut out = Page::default();
    let printed = if context.json { json(&report) } else { report.print(&mut out, context) };
    printed.map_err(stdout_failed)?;
    let ended = gaps::end(&lacking)?;
    match expired.destroyed.as_ref().map(|destroyed| destroyed.remains) {
        None | Some(Remains::Nothing) => Ok(ended),
        Some(Remains::OtherNames(names)) => {
            say(&format!(
                "the keyring's file before this one has {} (hard links), and holds these keys still: destroy it",
                count(names, "other name")
            ));
            Ok(Outcome::SomeFailed)
        }
        Some(Remains::Bytes) => {
            say(
                "the keyring's file before this one could not be overwritten: its bytes lie on the disk still, as ciphertext",
            );
            Ok(Outcome::SomeFailed)
        }
    }
}

/// Nobody's clock should shred a keyring by being wrong: a key that was destroyed does not come back.
fn check_clock(keyring: &Keyring, confirmed: Option<Date>, now: Timestamp) -> Result<(), Failure> {
    if confirmed == Some(now.to_zoned(TimeZone::UTC).date()) {
        return Ok(());
    }
    let of_keyring = keyring.clock_leap(now).map(|last| Leap { now, last, expected: None });
    match AuditLog::of(keyring.folder()).leap(keyring)?.or(of_keyring) {
        None => Ok(()),
        Some(leap) => Err(Failure { stop: Stop::Usage, ..ledger::leapt(keyring, leap, "; nothing was destroyed") }),
    }
}

fn remove_buried(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let pack = args.pack.as_deref().map(SitePack::read).transpose()?;
    let trust = args.pin.trust(None, pack.as_ref())?;
    if trust == Trust::Nobody {
        return Err(Failure::usage(
            "nobody vouches for the vault's custodian, and nothing is removed on a stranger's word",
            "give the site pack with --pack, or the custodian's id with --custodian",
        ));
    }
    // All are looked at before anything is removed from any.
    let vaults: Result<Vec<_>, _> = args.vault.iter().map(|folder| ExpiringVault::open(folder, trust)).collect();
    let (mut total, mut lacking) = ((0, 0), Vec::new());
    for mut vault in vaults? {
        let (removed, bytes) = vault.remove_buried()?;
        total = (total.0 + removed, total.1 + bytes);
        lacking.push(vault.distrusted()?);
    }
    let (removed, freed) = total;
    if context.json {
        let damaged: Vec<_> = lacking.iter().flat_map(|gaps| gaps::named(&gaps.damaged)).collect();
        let told = serde_json::json!({"segments_removed": removed, "bytes_freed": freed, "damaged": damaged});
        json(&told).map_err(stdout_failed)?;
    } else if !context.quiet {
        writeln!(Page::default(), "{} removed, {}", count(removed, "expired segment"), bytes(freed))
            .map_err(stdout_failed)?;
    }
    gaps::end(&lacking)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    keys: Vec<Key>,
    /// Pseudonym epochs whose keys go with them.
    epochs: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backups: Option<Backups>,
    vaults: Vec<Vault>,
}

#[derive(Serialize)]
struct Key {
    key: String,
    class: String,
    capability: &'static str,
    month: String,
}

/// What holds the destroyed keys still.
#[derive(Serialize)]
struct Backups {
    /// Backups of the keyring of these generations must be destroyed.
    generations: [u64; 2],
    /// The oldest of them was written on that day.
    since: Timestamp,
    /// To be backed up now.
    generation: u64,
    /// Names under which the file before still holds them.
    other_names: u64,
}

#[derive(Serialize)]
struct Vault {
    vault: String,
    segments_removed: u64,
    bytes_freed: u64,
    segments_partly_expired: u64,
    captures_buried: u64,
    segments_damaged: u64,
}

impl Report {
    fn of(expired: &Expired, args: &Args) -> Self {
        let key = |DueKey { key, class, capability, expiry, .. }: &DueKey| Key {
            key: key.to_string(),
            class: class.clone(),
            capability: capability.name(),
            month: expiry.to_string(),
        };
        let vault = |(folder, vault): (&PathBuf, &ExpiredVault)| Vault {
            vault: shown(folder),
            segments_removed: vault.removed,
            bytes_freed: vault.bytes,
            segments_partly_expired: vault.partly,
            captures_buried: vault.captures,
            segments_damaged: vault.damaged,
        };
        Self {
            dry_run: args.dry_run,
            keys: expired.due.iter().map(key).collect(),
            epochs: expired.epochs.clone(),
            backups: expired.destroyed.as_ref().map(|destroyed| Backups {
                generations: [*destroyed.backups.start(), *destroyed.backups.end()],
                since: destroyed.since,
                generation: destroyed.generation,
                other_names: match destroyed.remains {
                    Remains::OtherNames(names) => names,
                    Remains::Nothing | Remains::Bytes => 0,
                },
            }),
            vaults: args.vault.iter().zip(&expired.vaults).map(vault).collect(),
        }
    }

    fn print(&self, out: &mut Page, context: &Context) -> io::Result<()> {
        if context.quiet {
            return Ok(());
        }
        let would = if self.dry_run { "would be " } else { "" };
        if self.keys.is_empty() {
            writeln!(out, "No key is due.")?;
        } else {
            writeln!(out, "{} {would}destroyed:", count(self.keys.len() as u64, "key"))?;
            let mut lines: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
            for Key { class, capability, month, .. } in &self.keys {
                lines.entry((month, class)).or_default().push(capability);
            }
            for ((month, class), mut capabilities) in lines {
                capabilities.dedup();
                writeln!(out, "  {month}  {class}: {}", capabilities.join(", "))?;
            }
        }
        if !self.epochs.is_empty() {
            let numbers: Vec<String> = self.epochs.iter().map(u32::to_string).collect();
            writeln!(
                out,
                "pseudonym keys {would}destroyed of epoch {}: no catalogue of it is left",
                numbers.join(", ")
            )?;
        }
        for Vault {
            vault,
            segments_removed,
            bytes_freed,
            segments_partly_expired,
            captures_buried,
            segments_damaged,
        } in &self.vaults
        {
            writeln!(out, "{vault}:")?;
            let removed = count(*segments_removed, "segment");
            writeln!(out, "  {removed} {would}removed, {}", bytes(*bytes_freed))?;
            let partly = count(*segments_partly_expired, "segment");
            writeln!(out, "  {partly} in which a part has expired and another has not")?;
            if *captures_buried > 0 {
                writeln!(out, "  {} known as expired from now on", count(*captures_buried, "capture"))?;
            }
            if *segments_damaged > 0 {
                let damaged = count(*segments_damaged, "segment");
                writeln!(out, "  {damaged} damaged and left alone: see `safelight check`")?;
            }
        }
        let Some(Backups { generations: [first, last], since, generation, .. }) = &self.backups else { return Ok(()) };
        writeln!(out, "\nThe deletion counts when no backup of the keyring holds these keys any more. Destroy")?;
        writeln!(
            out,
            "every copy of generations {first} to {last}, written from {} until now;",
            since.strftime("%Y-%m-%d")
        )?;
        writeln!(
            out,
            "`custody show` tells a copy's generation. Then back up generation {generation}, which is now in use."
        )
    }
}
