//! `safelight custody`.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::remedies::stdout_failed;
use super::unlock::UnlockArgs;
use super::{Context, Failure, Outcome, ledger, rehearse, slot};
use crate::audit::Verb;
use crate::custody::{Keyring, KeyringSummary, PackRequest, PassphraseCost, Policy, RecipientKeys};
use crate::seal::Capability;

/// Arguments of `custody`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Make a keyring: every private key of a custodian, behind a passphrase
    Init {
        #[command(flatten)]
        custody: CustodyArgs,
        /// What is kept for how long, and who may look [default: as `custody policy` then prints]
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Print the policy in force, as a file to start from, or put another one in force
    Policy {
        #[command(flatten)]
        custody: CustodyArgs,
        /// The policy for packs issued from now on; what is sealed keeps its term
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
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
        /// For how many days from now the site may seal with it
        #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
        valid_days: u32,
    },
    /// Show what the keyring holds: policy, keys, sites
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

/// Runs `custody`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.task {
        Task::Init { custody, policy } => init(&custody, policy.as_deref(), context)?,
        Task::Policy { custody, set } => policy(&custody, set.as_deref(), context)?,
        Task::Pack { custody, site, output, valid_days } => pack(&custody, &site, &output, valid_days, context)?,
        Task::Show { custody } => show(&custody, context)?,
        Task::Slot(args) => slot::run(args, context)?,
        Task::Rehearse(args) => rehearse::run(&args, context)?,
        Task::Recipient { output } => recipient(&output, context)?,
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
    let passphrase = args.unlock.new_passphrase()?;
    let cost = PassphraseCost::default();
    let keyring = Keyring::create(&args.custody, &passphrase, cost, policy, Timestamp::now())?;
    ledger::begin(&keyring)?;
    let made = Made { custody: keyring.custody().to_string() };
    report(context, &made, |out| {
        writeln!(out, "Keyring of custodian {} made in {}.", made.custody, args.custody.display())?;
        writeln!(out, "Back it up now, apart from the vaults: without it nothing that sites seal can ever be opened.")
    })
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("the policy {} cannot be read: {error}", path.display()), "name a text file")
    })?;
    Ok(Policy::from_toml(&text)?)
}

fn policy(args: &CustodyArgs, set: Option<&Path>, context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Printed {
        policy: String,
    }
    let new = set.map(read_policy).transpose()?;
    let mut keyring = args.unlock.open(&args.custody)?;
    let changed = new.is_some();
    if let Some(policy) = new {
        ledger::record_act(&keyring, Verb::Policy, "")?;
        keyring.set_policy(policy)?;
    }
    let printed = Printed { policy: keyring.policy().to_toml() };
    report(context, &printed, |out| match changed {
        true => {
            writeln!(out, "The policy holds for site packs issued from now on: issue every site a new one.")?;
            writeln!(out, "What is sealed already keeps its term.")
        }
        false => write!(out, "{}", printed.policy),
    })
}

fn pack(args: &CustodyArgs, site: &str, output: &Path, valid_days: u32, context: &Context) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Issued {
        site: String,
        custody: String,
        issued: Timestamp,
        until: Timestamp,
        epoch: u32,
        classes: Vec<String>,
    }
    let mut keyring = args.unlock.open(&args.custody)?;
    ledger::record_act(&keyring, Verb::Pack, site)?;
    let pack = keyring.issue_pack(&PackRequest { site, valid_days, now: Timestamp::now() }, output)?;
    let schedule = pack.schedule();
    let issued = Issued {
        site: site.to_owned(),
        custody: pack.custody().to_string(),
        issued: schedule.issued(),
        until: schedule.until(),
        epoch: pack.epoch_keys().epoch(),
        classes: schedule.classes().map(str::to_owned).collect(),
    };
    report(context, &issued, |out| {
        writeln!(out, "Site pack for {site:?} written to {}, valid until {:.0}.", output.display(), issued.until)?;
        writeln!(
            out,
            "Classes: {}. Whoever holds it can seal and pseudonymise, and open nothing.",
            issued.classes.join(", ")
        )?;
        writeln!(out, "Back up the keyring again: it holds the keys for what this site will seal.")
    })
}

fn show(args: &CustodyArgs, context: &Context) -> Result<(), Failure> {
    let summary = args.unlock.open(&args.custody)?.summary();
    let shown = Shown::of(&summary);
    report(context, &shown, |out| shown.print(out))
}

fn recipient(private: &Path, context: &Context) -> Result<(), Failure> {
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
    let keys = RecipientKeys::generate();
    keys.write(private)?;
    keys.public().write(&public)?;
    let made = Made {
        key: keys.public().id().to_string(),
        private: private.display().to_string(),
        public: public.display().to_string(),
    };
    report(context, &made, |out| {
        writeln!(out, "{} is the private key: keep it; it opens every export made for it.", made.private)?;
        writeln!(
            out,
            "{} is the public key: give it to the custodian, and compare its fingerprint by another way:",
            made.public
        )?;
        writeln!(out, "  {}", made.key)
    })
}

/// What `custody show` shows.
#[derive(Serialize)]
struct Shown {
    custody: String,
    created: Timestamp,
    epoch: u32,
    classes: Vec<ShownClass>,
    default_class: String,
    keys: ShownKeys,
    first_due: Option<String>,
    last_due: Option<String>,
    sites: Vec<ShownSite>,
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

#[derive(Serialize)]
struct ShownSite {
    name: String,
    packs: u32,
    issued: Timestamp,
    until: Timestamp,
}

impl Shown {
    fn of(summary: &KeyringSummary) -> Self {
        let classes = summary.policy.classes.iter().map(|class| ShownClass {
            name: class.name.clone(),
            catalogue: class.retention(Capability::Catalogue).to_string(),
            scene: class.retention(Capability::Scene).to_string(),
            identity: class.retention(Capability::Identity).to_string(),
        });
        let sites = summary.sites.iter().map(|site| ShownSite {
            name: site.name.clone(),
            packs: site.packs,
            issued: site.issued,
            until: site.until,
        });
        let [catalogue, scene, identity] = summary.keys;
        Self {
            custody: summary.custody.to_string(),
            created: summary.created,
            epoch: summary.epoch,
            classes: classes.collect(),
            default_class: summary.policy.default_class.clone(),
            keys: ShownKeys { catalogue, scene, identity },
            first_due: summary.due.map(|(first, _)| first.to_string()),
            last_due: summary.due.map(|(_, last)| last.to_string()),
            sites: sites.collect(),
        }
    }

    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "custodian  {}", self.custody)?;
        writeln!(out, "made       {:.0}", self.created)?;
        writeln!(out, "epoch      {}", self.epoch)?;
        let ShownKeys { catalogue, scene, identity } = self.keys;
        writeln!(out, "keys       {catalogue} catalogue, {scene} scene, {identity} identity")?;
        if let (Some(first), Some(last)) = (&self.first_due, &self.last_due) {
            writeln!(out, "due        from the end of {first} to the end of {last}")?;
        }
        writeln!(out, "\n{:<12} {:>12} {:>12} {:>12}", "class", "catalogue", "scene", "identity")?;
        for class in &self.classes {
            let mark = if class.name == self.default_class { " (default)" } else { "" };
            let ShownClass { name, catalogue, scene, identity } = class;
            writeln!(out, "{name:<12} {catalogue:>12} {scene:>12} {identity:>12}{mark}")?;
        }
        if self.sites.is_empty() {
            return writeln!(out, "\nNo site has a pack yet: `safelight custody pack` issues one.");
        }
        writeln!(out, "\n{:<28} {:>5}  {:<20} {:<20}", "site", "packs", "issued", "valid until")?;
        for ShownSite { name, packs, issued, until } in &self.sites {
            writeln!(out, "{name:<28} {packs:>5}  {issued:<20.0} {until:<20.0}")?;
        }
        Ok(())
    }
}

/// One JSON object or text, on stdout.
pub(super) fn report(
    context: &Context,
    object: &impl Serialize,
    text: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = if context.json {
        serde_json::to_writer_pretty(&mut out, object).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else if context.quiet {
        Ok(())
    } else {
        text(&mut out)
    };
    written.map_err(stdout_failed)
}
