//! `safelight custody rehearse`.

use std::path::PathBuf;

use serde::Serialize;

use super::custody::report;
use super::slot::ShownSlot;
use super::terminal::Page;
use super::unlock::{ReadShare, UnlockArgs, read_shares};
use super::{Context, Failure, ledger};
use crate::custody::{Keyring, KeyringError, Rehearsal, Share, ShareVerdict, SlotKind, SlotSummary};

/// Arguments of `custody rehearse`.
#[derive(clap::Args)]
#[command(after_help = "\
Nothing is opened: the slots are tried, and a keyring key that comes out is held against what the sealed keyring commits \
to. Each share is judged by itself, so that a single holder can prove his own. Exit code 3 when what is at hand would \
not open the keyring.")]
pub(super) struct Args {
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR")]
    custody: PathBuf,
    #[command(flatten)]
    unlock: UnlockArgs,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Drill {
    custody: String,
    would_open: bool,
    opens: Vec<ShownSlot>,
    shares: Vec<ShownShare>,
}

#[derive(Serialize)]
struct ShownShare {
    from: String,
    index: Option<u8>,
    good: bool,
    verdict: String,
    slot: Option<String>,
}

/// Runs `custody rehearse`.
pub(super) fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let (rehearsal, shown) = match args.unlock.share_files() {
        [] => {
            let brought = args.unlock.obtain()?;
            (Keyring::rehearse(&args.custody, brought.credential())?, Vec::new())
        }
        files => {
            let (origins, shares) = parted(read_shares(files)?);
            let rehearsal = Keyring::rehearse(&args.custody, shares.as_slice())?;
            let shown = judged(origins, &shares, &rehearsal);
            (rehearsal, shown)
        }
    };
    let opens: Vec<_> = rehearsal.opens.iter().map(ShownSlot::of).collect();
    let drill = Drill { custody: rehearsal.custody.to_string(), would_open: !opens.is_empty(), opens, shares: shown };
    let lacking = lacking(&rehearsal);
    report(context, &drill, |out| print(&drill, &lacking, out))?;
    if drill.would_open {
        return Ok(());
    }
    // Somebody tries what he found: as good as an attempt to open.
    ledger::attempted::<()>(&args.custody, Err(KeyringError::WrongPassphrase)).ok();
    Err(Failure::integrity(
        "what is at hand would not open the keyring",
        "bring another share or passphrase, and rehearse again while there is still time",
    ))
}

/// Where each share came from, with its fault if it has one; and those without.
fn parted(read: Vec<ReadShare>) -> (Vec<(String, Option<String>)>, Vec<Share>) {
    let (mut origins, mut shares) = (Vec::new(), Vec::new());
    for (from, share) in read {
        match share {
            Ok(share) => {
                origins.push((from, None));
                shares.push(share);
            }
            Err(fault) => origins.push((from, Some(fault.to_string()))),
        }
    }
    (origins, shares)
}

fn judged(origins: Vec<(String, Option<String>)>, shares: &[Share], rehearsal: &Rehearsal) -> Vec<ShownShare> {
    let mut sound = shares.iter().zip(&rehearsal.shares);
    let shown = origins.into_iter().map(|(from, fault)| {
        if let Some(fault) = fault {
            return ShownShare { from, index: None, good: false, verdict: fault, slot: None };
        }
        let judged = sound.next();
        let (index, verdict, slot) = match judged {
            Some((share, (verdict, slot))) => (Some(share.index()), Some(*verdict), slot.as_ref()),
            None => (None, None, None),
        };
        ShownShare {
            from,
            index,
            good: verdict == Some(ShareVerdict::Good),
            verdict: verdict.map_or("not tried", words).to_owned(),
            slot: slot.map(|slot| slot.id.to_string()),
        }
    });
    shown.collect()
}

const fn words(verdict: ShareVerdict) -> &'static str {
    match verdict {
        ShareVerdict::Good => "good",
        ShareVerdict::Again => "good, but given before",
        ShareVerdict::Altered => "altered: its checksums fit and it is not as it was made",
        ShareVerdict::OtherSlot => "of a slot that this keyring does not have, perhaps one that was removed",
        ShareVerdict::OtherCustodian => "of another custodian's keyring",
    }
}

/// For each slot of which there are shares: how many are good, and how many it takes.
fn lacking(rehearsal: &Rehearsal) -> Vec<(SlotSummary, usize, u8)> {
    let mut slots: Vec<(SlotSummary, usize, u8)> = Vec::new();
    for slot in
        rehearsal.shares.iter().filter_map(|(verdict, slot)| slot.as_ref().filter(|_| *verdict == ShareVerdict::Good))
    {
        let SlotKind::Shares(quorum) = slot.kind else { continue };
        match slots.iter_mut().find(|(known, ..)| known.id == slot.id) {
            Some((_, good, _)) => *good += 1,
            None => slots.push((slot.clone(), 1, quorum.threshold)),
        }
    }
    slots
}

fn print(drill: &Drill, lacking: &[(SlotSummary, usize, u8)], out: &mut Page) -> std::io::Result<()> {
    writeln!(out, "custodian  {}", drill.custody)?;
    for ShownShare { from, index, verdict, .. } in &drill.shares {
        match index {
            Some(index) => writeln!(out, "{from}: share {index}, {verdict}")?,
            None => writeln!(out, "{from}: {verdict}")?,
        }
    }
    for (slot, good, needed) in lacking {
        writeln!(out, "slot {}: {good} good, {needed} needed", slot.id)?;
    }
    for slot in &drill.opens {
        let label = slot.label();
        let whose = if label.is_empty() { String::new() } else { format!(" ({label})") };
        writeln!(out, "Slot {}{whose} would open {}.", slot.slot(), slot.opens())?;
    }
    Ok(())
}
