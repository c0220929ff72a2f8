//! `safelight custody slot`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use super::custody::report;
use super::ledger::DateArgs;
use super::remedies::stdout_failed;
use super::share_page::SharePage;
use super::terminal::{Page, count, say, shown, stdout_is_terminal};
#[cfg(feature = "pkcs11")]
use super::unlock::NewTokenArgs;
use super::unlock::{NewPassphraseArgs, SecondArgs, UnlockArgs};
use super::{Context, Failure, target, unlock};
use crate::audit::Verb;
#[cfg(feature = "pkcs11")]
use crate::custody::Token;
use crate::custody::{
    Keyring, PassphraseCost, PurposeError, Quorum, Share, SlotDraft, SlotRole, SlotSummary, SlotTerms, fold_purpose,
    write_share_file,
};
use crate::seal::SlotId;

/// Arguments of `custody slot`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Show the slots; nothing is opened for it
    List {
        /// The folder that holds the keyring
        #[arg(long, value_name = "DIR")]
        custody: PathBuf,
    },
    /// Add a slot: another way to open the keyring, or a second holder for identities
    Add(AddArgs),
    /// Remove a slot, and exchange the key that it guarded
    #[command(after_help = "\
Copies of the keyring made before still open with the removed slot: destroy them, and what they open stays closed. No \
segment is touched.")]
    Remove {
        /// The slot, as `list` shows it
        #[arg(value_name = "SLOT")]
        slot: String,
        #[command(flatten)]
        keyring: KeyringArgs,
    },
}

/// The keyring, and how it opens.
#[derive(clap::Args)]
struct KeyringArgs {
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR")]
    custody: PathBuf,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
    #[command(flatten)]
    date: DateArgs,
}

#[derive(clap::Args)]
#[command(after_help = "\
Shares are printed one at a time, or written each to a file of its own (-o, once for each; .svg gives a page to print, \
anything else text): any M of the N open the slot, fewer tell nothing. Nobody can make them again.

A slot with --as second opens nothing by itself. From the first one on, identities open, and plates are searched, with \
two slots only, of two holders: `open --identity`, `export --view full`, `search --plate`.")]
struct AddArgs {
    #[command(flatten)]
    keyring: KeyringArgs,
    /// What the slot is for
    #[arg(long = "as", value_name = "ROLE", default_value = "first")]
    role: RoleArg,
    /// Whose it is; everybody who has the keyring's file can read it
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: Option<String>,
    #[command(flatten)]
    new: NewPassphraseArgs,
    /// Make shares instead of asking for a passphrase: 3/5 for any 3 of 5
    #[arg(long, value_name = "M/N", value_parser = quorum, conflicts_with = "new_passphrase_file")]
    shares: Option<Quorum>,
    /// Write a share to FILE, which must not exist; once for each share [default: print them, one at a time]
    #[arg(long, short, value_name = "FILE", requires = "shares")]
    output: Vec<PathBuf>,
    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    token: NewTokenArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    /// Opens the keyring
    First,
    /// Opens identities, together with a first one
    Second,
}

fn label(text: &str) -> Result<String, String> {
    if text.chars().count() > 100 {
        return Err("it has more than 100 characters".to_owned());
    }
    // As in purposes: whoever reads the list tells slots apart by what can be seen.
    match fold_purpose(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(PurposeError::Invisible { character }) => {
            Err(format!("it holds an invisible character, U+{:04X}", u32::from(character)))
        }
        Err(PurposeError::Ambiguous { character }) => Err(format!(
            "it holds {character:?} beside Latin letters, and it can be taken for one of these and for another"
        )),
    }
}

fn quorum(text: &str) -> Result<Quorum, String> {
    let numbers = text.split_once(['/', ':']).map(|(m, n)| (m.trim().parse(), n.trim().parse()));
    let Some((Ok(threshold), Ok(count))) = numbers else { return Err("write it as 3/5, for any 3 of 5".to_owned()) };
    Quorum::new(threshold, count).map_err(|error| error.to_string())
}

/// What is shown of a slot.
#[derive(Serialize)]
pub(super) struct ShownSlot {
    slot: String,
    opens: &'static str,
    kind: String,
    label: Option<String>,
    made: Option<Timestamp>,
}

impl ShownSlot {
    pub(super) fn of(slot: &SlotSummary) -> Self {
        Self {
            slot: slot.id.to_string(),
            opens: match slot.role {
                SlotRole::First => "keyring",
                SlotRole::Second => "identities",
            },
            kind: slot.kind.to_string(),
            label: slot.label.clone(),
            made: slot.made,
        }
    }

    pub(super) fn slot(&self) -> &str {
        &self.slot
    }

    /// What it opens, in a sentence.
    pub(super) fn opens(&self) -> &'static str {
        if self.opens == "keyring" { "the keyring" } else { "identities, together with a first slot" }
    }

    /// A label is text of somebody who could write to the file.
    pub(super) fn label(&self) -> String {
        self.label.as_deref().map(|label| shown(Path::new(label))).unwrap_or_default()
    }
}

/// Runs `custody slot`.
pub(super) fn run(args: Args, context: &Context) -> Result<(), Failure> {
    match args.task {
        Task::List { custody } => list(&custody, context),
        Task::Add(args) => add(&args, context),
        Task::Remove { slot, keyring } => remove(&slot, &keyring, context),
    }
}

fn list(custody: &Path, context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Listed {
        custody: String,
        slots: Vec<ShownSlot>,
    }
    let (id, slots) = Keyring::slots_in(custody)?;
    let listed = Listed { custody: id.to_string(), slots: slots.iter().map(ShownSlot::of).collect() };
    report(context, &listed, |out| {
        writeln!(out, "custodian  {}\n", listed.custody)?;
        for slot in &listed.slots {
            let made = slot.made.map(|made| made.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
            let line = format!("{}  {made:<10}  {} ({})  {}", slot.slot, slot.kind, slot.opens(), slot.label());
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    })
}

fn add(args: &AddArgs, context: &Context) -> Result<(), Failure> {
    let AddArgs { keyring: KeyringArgs { custody, unlock, second, .. }, role, label, new, shares, output, .. } = args;
    let to_files = !output.is_empty();
    if let Some(quorum) = shares {
        check_destinations(*quorum, output, context)?;
    }
    let role = if *role == RoleArg::Second { SlotRole::Second } else { SlotRole::First };
    Keyring::custody_of(custody)?;
    let brought = unlock.obtain()?;
    let mut keyring = unlock::open(custody, &brought)?;
    if role == SlotRole::Second && keyring.has_dual_control() {
        second.open(&mut keyring)?;
    }
    let terms = SlotTerms { role, label: label.clone(), now: Timestamp::now() };
    #[cfg(feature = "pkcs11")]
    if let Some(token) = args.token.open()? {
        return add_token(keyring, &token, terms, &args.keyring, context);
    }
    let Some(quorum) = shares else {
        let passphrase = new.obtain()?;
        if role == SlotRole::Second && brought.is(&passphrase) {
            return Err(Failure::usage(
                "the second holder's passphrase is the first one's",
                "dual control takes two people: let the second one choose",
            ));
        }
        let draft = keyring.draft_passphrase_slot(&passphrase, PassphraseCost::default(), terms)?;
        return finish(keyring, draft, &[], &args.keyring, context);
    };
    let (draft, shares) = keyring.draft_shares_slot(*quorum, terms.clone());
    let page = |share| SharePage {
        share,
        custody: keyring.custody(),
        slot: draft.id(),
        label: label.as_deref(),
        second: role == SlotRole::Second,
        made: terms.now,
    };
    // Handed out before the slot exists: a slot whose shares were lost on the way would look like a way in.
    if to_files {
        write_shares(&shares, output, page)?;
        warn_of_one_folder(output, context);
    } else {
        print_shares(&shares, page)?;
    }
    let added = finish(keyring, draft, output, &args.keyring, context);
    if added.is_err() {
        // Of no use to anybody: the slot does not exist.
        for path in output {
            let _ = std::fs::remove_file(path);
        }
    }
    added
}

#[cfg(feature = "pkcs11")]
fn add_token(
    keyring: Keyring,
    token: &Token,
    terms: SlotTerms,
    args: &KeyringArgs,
    context: &Context,
) -> Result<(), Failure> {
    if terms.role == SlotRole::Second {
        return Err(Failure::usage(
            "a token cannot be a second slot yet",
            "let the second holder have a passphrase or shares",
        ));
    }
    let draft = keyring.draft_token_slot(token, terms)?;
    let slot = draft.id();
    let added = finish(keyring, draft, &[], args, context);
    if added.is_err() {
        // Of no use to anybody: the slot does not exist.
        let _ = token.forget(slot);
    }
    added
}

fn check_destinations(quorum: Quorum, output: &[PathBuf], context: &Context) -> Result<(), Failure> {
    let shares = usize::from(quorum.count);
    if output.is_empty() {
        if context.json || context.quiet || !stdout_is_terminal() || !std::io::stdin().is_terminal() {
            return Err(Failure::usage(
                "shares are printed on a terminal only, one at a time",
                format!("name {}, each after -o", count(shares as u64, "file")),
            ));
        }
        return Ok(());
    }
    if output.len() != shares {
        return Err(Failure::usage(
            format!("{} named for {}", count(output.len() as u64, "file"), count(shares as u64, "share")),
            "name one file for each share, after -o",
        ));
    }
    target::must_all_be_new(output)
}

fn write_shares<'a>(
    shares: &'a [Share],
    output: &[PathBuf],
    page: impl Fn(&'a Share) -> SharePage<'a>,
) -> Result<(), Failure> {
    for (at, (share, path)) in shares.iter().zip(output).enumerate() {
        let page = page(share);
        let drawn = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
        let text = if drawn { page.svg() } else { page.text() };
        if let Err(error) = write_share_file(path, &text) {
            for path in &output[..at] {
                let _ = std::fs::remove_file(path);
            }
            return Err(error.into());
        }
    }
    Ok(())
}

fn warn_of_one_folder(output: &[PathBuf], context: &Context) {
    let parents: std::collections::HashSet<_> = output.iter().map(|path| path.parent()).collect();
    if parents.len() == 1 && !context.quiet {
        say(&format!(
            "warning: all {} lie in one folder now; give each to its holder, then destroy these files",
            count(output.len() as u64, "share")
        ));
    }
}

/// One share at a time, and the next one when the one before is gone from the screen.
fn print_shares<'a>(shares: &'a [Share], page: impl Fn(&'a Share) -> SharePage<'a>) -> Result<(), Failure> {
    let mut out = Page::default();
    for (at, share) in shares.iter().enumerate() {
        let question = if at + 1 < shares.len() { "Enter for the next share" } else { "Enter when this was the last" };
        out.wipe()
            .and_then(|()| out.block(&page(share).terminal()))
            .and_then(|()| write!(out, "{question}: "))
            .map_err(stdout_failed)?;
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        out.wipe().map_err(stdout_failed)?;
        if !read.is_ok_and(|len| len > 0) {
            return Err(Failure::usage("not all shares were shown", "start again: no slot was added"));
        }
    }
    Ok(())
}

fn finish(
    mut keyring: Keyring,
    draft: SlotDraft,
    output: &[PathBuf],
    args: &KeyringArgs,
    context: &Context,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Added {
        #[serde(flatten)]
        slot: ShownSlot,
        files: Vec<String>,
    }
    let had_dual_control = keyring.has_dual_control();
    args.date.open_second(&mut keyring, &args.second)?;
    let what = format!("add {}", draft.id());
    let (keyring, id) = args.date.write(keyring.stage_slot(draft)?, Verb::Slot, what)?;
    let slot = keyring.slots().find(|slot| slot.id == id).map(|slot| ShownSlot::of(&slot));
    let slot = slot.ok_or_else(|| Failure::integrity("the slot was not added", "add it again"))?;
    let added = Added { slot, files: output.iter().map(|path| shown(path)).collect() };
    report(context, &added, |out| {
        writeln!(out, "Slot {} added: {}; it opens {}.", added.slot.slot, added.slot.kind, added.slot.opens())?;
        if !had_dual_control && keyring.has_dual_control() {
            writeln!(out, "From now on identities open, and plates are searched, with two slots of two holders only.")?;
            writeln!(out, "Backups of the keyring made before open them with one: destroy them.")?;
        }
        writeln!(out, "Back up the keyring, and prove that the slot opens it:")?;
        writeln!(out, "  safelight custody rehearse --custody {}", shown(&args.custody))
    })
}

fn remove(slot: &str, args: &KeyringArgs, context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Removed {
        slot: String,
        left: Vec<ShownSlot>,
    }
    let id = SlotId::parse(slot).ok_or_else(|| {
        Failure::usage("this is no slot's id", "copy all 26 characters that `safelight custody slot list` shows")
    })?;
    let mut keyring = args.unlock.open(&args.custody)?;
    if keyring.slots().any(|slot| slot.id == id && slot.role == SlotRole::Second) {
        args.second.open(&mut keyring)?;
    }
    args.date.open_second(&mut keyring, &args.second)?;
    let (keyring, ()) = args.date.write(keyring.stage_slot_removal(id)?, Verb::Slot, format!("remove {id}"))?;
    let left = keyring.slots().map(|slot| ShownSlot::of(&slot)).collect();
    let removed = Removed { slot: id.to_string(), left };
    report(context, &removed, |out| {
        writeln!(out, "Slot {} is gone, and the keyring has a fresh key.", removed.slot)?;
        writeln!(out, "Copies of the keyring made before still open with it: back up anew, destroy the old ones.")
    })
}
