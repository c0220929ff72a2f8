//! `safelight custody`.

mod show;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::ledger::DateArgs;
use super::remedies::stdout_failed;
use super::terminal::{Page, count, json, shown};
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, Outcome, ledger, rehearse, slot, target, unlock};
use crate::audit::Verb;
use crate::custody::{Keyring, PackRequest, PassphraseCost, Policy, RecipientKeys};
use crate::files;
use crate::vault::Enclosure;
use show::{Shown, ShownEpoch};

/// Arguments of `custody`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Make a keyring: every private key of a custodian, behind a passphrase
    #[command(after_help = "\
A passphrase that can be guessed is refused, and so is one made of the names of folders, user or machine: five words drawn by \
lot, such as by dice, do.")]
    Init {
        #[command(flatten)]
        custody: CustodyArgs,
        /// What is kept for how long, and who may look [default: as `custody policy` then prints]
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Print the policy in force, as a file to start from, or put another one in force
    #[command(after_help = "\
Where there is a second holder, a policy that allows, shows or keeps more than the old one in any point takes both. What \
was and what is goes into the audit log.")]
    Policy {
        #[command(flatten)]
        custody: CustodyArgs,
        /// The policy for packs issued from now on; what is sealed keeps its term
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
        #[command(flatten)]
        second: SecondArgs,
        #[command(flatten)]
        date: DateArgs,
    },
    /// Issue a site pack: what a site needs in order to seal, and nothing that opens
    Pack {
        #[command(flatten)]
        custody: CustodyArgs,
        /// The site's name; a site keeps its journal from pack to pack
        #[arg(long, value_name = "NAME")]
        site: String,
        /// The file to write; it must not exist
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// For how many days the site may seal with it, never beyond the pseudonym epoch's end [default: until then, and
        /// 90 where epochs have no end]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
        valid_days: Option<u32>,
        /// Issue it for the epoch after the current one, so that the site has it in time
        #[arg(long)]
        next: bool,
        #[command(flatten)]
        second: SecondArgs,
        #[command(flatten)]
        date: DateArgs,
    },
    /// Begin a new pseudonym epoch with new keys to seal for; nothing that is sealed is touched
    #[command(after_help = "\
Do this when a site pack may have been stolen. Packs that are out are superseded: they work until they expire, because a \
site cannot know, and what they seal can be opened as before, under the old epoch's pseudonyms. So issue the sites new \
packs at once. Search finds plates in all epochs.")]
    Rotate {
        #[command(flatten)]
        custody: CustodyArgs,
        /// This site only
        #[arg(long, value_name = "NAME")]
        site: Option<String>,
        #[command(flatten)]
        second: SecondArgs,
        #[command(flatten)]
        date: DateArgs,
    },
    /// Show what is kept until when and what falls due next, epochs, and sites
    Show {
        #[command(flatten)]
        custody: CustodyArgs,
    },
    /// Show, add and remove the ways in which the keyring opens
    Slot(slot::Args),
    /// Prove that what is at hand opens the keyring, without opening it
    Rehearse(rehearse::Args),
    /// Make a partner's key pair, to which exports are sealed; the partner runs this and gives away the .pub file
    Recipient {
        /// The private file to write, such as partner.key; the public one beside it ends in .pub
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Read the passphrase that seals it from FILE; otherwise from SAFELIGHT_PASSPHRASE, or a prompt
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Leave the private file open: whoever has it can open every export made for it
        #[arg(long, conflicts_with = "passphrase_file")]
        unencrypted: bool,
    },
}

/// The keyring, and how it opens.
#[derive(clap::Args)]
struct CustodyArgs {
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR")]
    custody: PathBuf,
    #[command(flatten)]
    unlock: UnlockArgs,
}

/// For how many days a pack is valid where nothing else ends it.
const USUAL_DAYS: u32 = 90;
/// A pack that ends sooner than this needs the next one at once.
const FEW_DAYS: i64 = 7;

/// Runs `custody`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.task {
        Task::Init { custody, policy } => init(&custody, policy.as_deref(), context)?,
        Task::Policy { custody, set, second, date } => policy(&custody, set.as_deref(), (&second, &date), context)?,
        Task::Pack { custody, site, output, valid_days, next, second, date } => {
            let (days, now) = (valid_days.unwrap_or(USUAL_DAYS), Timestamp::now());
            let request = PackRequest { site: &site, valid_days: days, now };
            pack(&custody, (&second, &date), &request, (next, valid_days), &output, context)?;
        }
        Task::Rotate { custody, site, second, date } => rotate(&custody, site.as_deref(), (&second, &date), context)?,
        Task::Show { custody } => show(&custody, context)?,
        Task::Slot(args) => slot::run(args, context)?,
        Task::Rehearse(args) => rehearse::run(&args, context)?,
        Task::Recipient { output, passphrase_file, unencrypted } => {
            recipient(&output, passphrase_file.as_deref(), unencrypted, context)?;
        }
    }
    Ok(Outcome::Done)
}

fn init(args: &CustodyArgs, policy: Option<&Path>, context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Made {
        custody: String,
    }
    // Read before a passphrase is asked for: a mistake in it should cost no typing.
    let policy = policy.map_or_else(|| Ok(Policy::default()), read_policy)?;
    check_place(&args.custody)?;
    let passphrase = args.unlock.new_passphrase()?;
    let cost = PassphraseCost::default();
    let mut keyring = Keyring::create(&args.custody, &passphrase, cost, policy, Timestamp::now())?;
    ledger::begin(&mut keyring)?;
    let made = Made { custody: keyring.custody().to_string() };
    report(context, &made, |out| {
        writeln!(out, "Keyring of custodian {} made in {}.", made.custody, args.custody.display())?;
        writeln!(out, "Back it up now, apart from the vaults: without it nothing that sites seal can ever be opened.")
    })
}

/// A keyring beside what it opens is stolen together with it, and a log is one custodian's: both are better known before
/// anything is written.
pub(super) fn check_place(folder: &Path) -> Result<(), Failure> {
    if let Some(vault) = Enclosure::vault_around(folder) {
        return Err(Failure::usage(
            format!(
                "{} lies in the vault {}: who copies the vault would have its keyring",
                shown(folder),
                shown(&vault)
            ),
            "choose a folder elsewhere, best on another machine",
        ));
    }
    let of_a_log = ["audit", "log-head"].iter().any(|name| folder.join(name).symlink_metadata().is_ok());
    if of_a_log && folder.join("keyring").symlink_metadata().is_err() {
        return Err(Failure::usage(
            format!("{} holds the audit log of a custodian whose keyring is gone", shown(folder)),
            "put that keyring back, or choose another folder: a log is continued by its own custodian only",
        ));
    }
    Ok(())
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = files::read_text(path, files::MAX_SETTINGS).map_err(|error| {
        Failure::usage(format!("the policy {} cannot be read: {error}", path.display()), "name a text file")
    })?;
    Ok(Policy::from_toml(&text)?)
}

fn policy(
    args: &CustodyArgs,
    set: Option<&Path>,
    (second, date): (&SecondArgs, &DateArgs),
    context: &Context,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Printed {
        policy: String,
    }
    let new = set.map(read_policy).transpose()?;
    let mut keyring = args.unlock.open(&args.custody)?;
    let changed = new.is_some();
    if let Some(policy) = new {
        let changes = keyring.policy().changes(&policy);
        if changes.iter().any(|change| change.loosens) {
            second.pass(&mut keyring)?;
        }
        let said: Vec<String> = changes.iter().map(ToString::to_string).collect();
        date.open_second(&mut keyring, second)?;
        let staged = keyring.stage_policy(policy, Timestamp::now())?;
        (keyring, ()) = date.write(staged, Verb::Policy, said.join("; "))?;
    }
    let printed = Printed { policy: keyring.policy().to_toml() };
    report(context, &printed, |out| match changed {
        true => {
            writeln!(out, "The policy holds for site packs issued from now on: issue every site a new one.")?;
            writeln!(out, "What is sealed already keeps its term.")
        }
        false => out.block(&printed.policy),
    })
}

fn pack(
    args: &CustodyArgs,
    (second, date): (&SecondArgs, &DateArgs),
    request: &PackRequest<'_>,
    (next, asked_days): (bool, Option<u32>),
    output: &Path,
    context: &Context,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Issued {
        site: String,
        custody: String,
        issued: Timestamp,
        until: Timestamp,
        /// Whole days from when it may be used until it expires.
        valid_days: i64,
        /// Whether it ends with its pseudonym epoch, and not when the days asked for are over.
        ends_with_epoch: bool,
        /// Whether the epoch is this pack's own, because one holder issued it alone.
        own_epoch: bool,
        epoch: ShownEpoch,
        classes: Vec<String>,
    }
    target::must_be_new(output)?;
    let mut keyring = args.unlock.open(&args.custody)?;
    keyring.check_site_name(request.site)?;
    second.open_for(&mut keyring, &[])?;
    date.open_second(&mut keyring, second)?;
    let (keyring, draft) = date.write(keyring.stage_pack(request, next)?, Verb::Pack, request.site)?;
    let pack = draft.write(&keyring, output)?;
    let schedule = pack.schedule();
    let from = schedule.issued().max(pack.epoch().since);
    let issued = Issued {
        site: request.site.to_owned(),
        custody: pack.custody().to_string(),
        issued: schedule.issued(),
        until: schedule.until(),
        valid_days: (schedule.until().as_second() - from.as_second()) / 86_400,
        ends_with_epoch: pack.epoch().until == Some(schedule.until()),
        own_epoch: keyring.has_dual_control() && !keyring.has_second(),
        epoch: pack.epoch().into(),
        classes: schedule.classes().map(str::to_owned).collect(),
    };
    report(context, &issued, |out| {
        let Issued { site, until, valid_days, epoch, classes, .. } = &issued;
        writeln!(out, "Site pack for {site:?} written to {}, valid until {until:.0}:", output.display())?;
        let days = count(u64::try_from(*valid_days).unwrap_or_default(), "day");
        match asked_days {
            Some(asked) if i64::from(asked) > *valid_days && issued.ends_with_epoch => {
                writeln!(out, "for {days}, and not the {asked} that were asked for.")?;
            }
            _ => writeln!(out, "for {days}.")?,
        }
        if issued.ends_with_epoch {
            writeln!(out, "Pseudonym epoch {} ends then, and whoever steals the pack can try plates", epoch.number)?;
            let when = if *valid_days < FEW_DAYS { "now" } else { "by then" };
            writeln!(out, "of that epoch only. The site needs its next pack {when}: `custody pack --next`.")?;
        }
        if issued.own_epoch {
            writeln!(
                out,
                "One holder issued it alone, so epoch {} is its own: plates have pseudonyms there",
                epoch.number
            )?;
            writeln!(out, "that no other site's have. Both holders together issue packs that share an epoch.")?;
        }
        writeln!(
            out,
            "Classes: {}. Whoever holds it can seal and pseudonymise, and open nothing.",
            classes.join(", ")
        )?;
        writeln!(out, "Back up the keyring again: it holds the keys for what this site will seal.")
    })
}

fn rotate(
    args: &CustodyArgs,
    site: Option<&str>,
    (second, date): (&SecondArgs, &DateArgs),
    context: &Context,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Rotated {
        epoch: ShownEpoch,
        superseded: Vec<String>,
    }
    let mut keyring = args.unlock.open(&args.custody)?;
    date.open_second(&mut keyring, second)?;
    let staged = keyring.stage_rotation(site, Timestamp::now())?;
    let (_, rotation) = date.write(staged, Verb::Rotate, site.unwrap_or_default())?;
    let rotated = Rotated { epoch: rotation.epoch.into(), superseded: rotation.superseded };
    report(context, &rotated, |out| {
        let whose = site.map(|site| format!(" for {site:?}")).unwrap_or_default();
        writeln!(out, "Pseudonym epoch {} has begun{whose}, and with it new keys to seal for.", rotated.epoch.number)?;
        if !rotated.superseded.is_empty() {
            writeln!(out, "Superseded, and to be replaced now: the packs of {}.", rotated.superseded.join(", "))?;
            writeln!(out, "They go on working until they expire: a site cannot know. Nothing sealed was touched.")?;
        }
        writeln!(out, "Back up the keyring again.")
    })
}

fn show(args: &CustodyArgs, context: &Context) -> Result<(), Failure> {
    let summary = args.unlock.open(&args.custody)?.summary();
    let shown = Shown::of(&summary, Timestamp::now());
    report(context, &shown, |out| shown.print(out))
}

fn recipient(
    private: &Path,
    passphrase_file: Option<&Path>,
    unencrypted: bool,
    context: &Context,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Made {
        key: String,
        private: String,
        public: String,
    }
    let public = private.with_extension("pub");
    if public == private {
        return Err(Failure::usage(
            "the private file cannot end in .pub: the public one beside it does",
            "name it partner.key, for example",
        ));
    }
    // Before anybody is asked to choose a passphrase.
    target::must_be_new(private)?;
    target::must_be_new(&public)?;
    let keys = RecipientKeys::generate();
    if unencrypted {
        keys.write(private)?;
    } else {
        keys.write_sealed(private, &unlock::recipient_passphrase(passphrase_file)?, PassphraseCost::default())?;
    }
    keys.public().write(&public)?;
    let made = Made {
        key: keys.public().id().to_string(),
        private: private.display().to_string(),
        public: public.display().to_string(),
    };
    report(context, &made, |out| {
        writeln!(
            out,
            "{} is the private key: keep it; it opens every export made for it{}.",
            made.private,
            if unencrypted { "" } else { ", with its passphrase" }
        )?;
        writeln!(
            out,
            "{} is the public key: give it to the custodian, and compare its fingerprint by another way:",
            made.public
        )?;
        writeln!(out, "  {}", made.key)
    })
}

/// One JSON object or text, on stdout.
pub(super) fn report(
    context: &Context,
    object: &impl Serialize,
    text: impl FnOnce(&mut Page) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut out = Page::default();
    let written = if context.json {
        json(object)
    } else if context.quiet {
        Ok(())
    } else {
        text(&mut out)
    };
    written.map_err(stdout_failed)
}
