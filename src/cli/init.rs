//! `safelight init`: from nothing to a first sealed folder by five questions.

use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::custody::{check_place, report};
use super::ledger::{self, DateArgs};
use super::terminal::{self, count, shown};
use super::unlock::UnlockArgs;
use super::{Context, Failure, Outcome, target};
use crate::audit::Verb;
use crate::custody::{ClassPolicy, Egress, Keyring, PackRequest, PassphraseCost, Policy, Retention, check_site_name};

/// Arguments of `init`.
#[derive(clap::Args)]
#[command(after_help = "\
What is not given is asked for; where nobody can be asked, it is an error: how long something is kept is nobody's to guess. Makes \
a keyring with a policy in which every class has the same terms, and a pack for the first site. `safelight custody` has all the rest: more sites and classes, \
shares of the key, a second holder.")]
pub struct Args {
    /// The folder to make for the keyring: best on another machine than the vault's
    #[arg(long, value_name = "DIR")]
    custody: Option<PathBuf>,
    /// What the first site is called
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// How long originals and what plates say are kept: 30 days, 6 months, 1 year
    #[arg(long, value_name = "TERM", value_parser = term)]
    originals: Option<Retention>,
    /// How long blanked pictures, times and pseudonyms are kept
    #[arg(long, value_name = "TERM", value_parser = term)]
    scenes: Option<Retention>,
    /// Most records that may be opened or exported on one day: a number, or any
    #[arg(long, value_name = "N", value_parser = Looks::from_str)]
    looks: Option<Looks>,
    /// The pack to write for the site [default: SITE.pack]
    #[arg(long, value_name = "FILE")]
    pack: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
}

fn term(text: &str) -> Result<Retention, String> {
    text.parse().map_err(|error: crate::custody::InvalidTerm| error.to_string())
}

/// Records a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Looks {
    Most(u32),
    Any,
}

impl FromStr for Looks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "any" => Ok(Self::Any),
            number => number.parse().map(Self::Most).map_err(|_| "a whole number is wanted, or any".to_owned()),
        }
    }
}

/// Days that a pack is valid at most: its epoch ends sooner.
const PACK_DAYS: u32 = 90;

/// A pack that ends sooner than this wants its successor almost at once: a first one ends with its month.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The policy's classes: the first is that of captures without one, the others are those that tables of captures usually name. All
/// have the same terms, which are those that were said.
const CLASSES: [&str; 4] = ["all", "citizen", "visitor", "transit"];

/// What was decided.
struct Plan {
    custody: PathBuf,
    site: String,
    originals: Retention,
    scenes: Retention,
    looks: Looks,
    pack: PathBuf,
}

/// Runs `init`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    #[derive(Serialize)]
    struct Made<'m> {
        custodian: String,
        custody: String,
        site: &'m str,
        pack: String,
        pack_until: Timestamp,
        originals: String,
        scenes: String,
        looks_a_day: Option<u32>,
    }
    let plan = Plan::of(&args)?;
    let Plan { custody, site, originals, scenes, looks, pack } = &plan;
    let policy = plan.policy()?;
    check_site_name(site)?;
    check_place(custody)?;
    target::must_be_new(custody)?;
    target::must_be_new(pack)?;
    let passphrase = args.unlock.new_passphrase()?;
    let now = Timestamp::now();
    let mut keyring = Keyring::create(custody, &passphrase, PassphraseCost::default(), policy, now)?;
    ledger::begin(&mut keyring)?;
    let request = PackRequest { site, valid_days: PACK_DAYS, now };
    let (keyring, draft) =
        DateArgs::default().write(keyring.stage_pack(&request, false)?, Verb::Pack, site.as_str())?;
    let issued = draft.write(&keyring, pack)?;
    let made = Made {
        custodian: keyring.custody().to_string(),
        custody: shown(custody),
        site,
        pack: shown(pack),
        pack_until: issued.schedule().until(),
        originals: originals.to_string(),
        scenes: scenes.to_string(),
        looks_a_day: match looks {
            Looks::Most(most) => Some(*most),
            Looks::Any => None,
        },
    };
    let soon = issued.schedule().until().duration_since(now) < SOON;
    report(context, &made, |out| {
        let Made { custodian, custody, pack, pack_until, .. } = &made;
        writeln!(out, "The keyring of custodian {custodian} is in {custody}; the pack of {site:?} is {pack}.")?;
        writeln!(out, "\n  originals and plates' texts  {originals}")?;
        writeln!(out, "  blanked pictures, times      {scenes}")?;
        match looks {
            Looks::Most(most) => {
                writeln!(out, "  looks                        {} a day", count(u64::from(*most), "record"))?
            }
            Looks::Any => writeln!(out, "  looks                        any number a day, each on record")?,
        }
        writeln!(out, "  pack                         until {pack_until:.0}; then `safelight custody pack`")?;
        writeln!(out, "\nTerms are the least: what is due goes at the end of its month, by `safelight expire`.")?;
        writeln!(out, "\nNow:")?;
        writeln!(
            out,
            "  1. Back {custody} up, apart from the vault: without it nothing that is sealed can be opened."
        )?;
        writeln!(out, "  2. Take {pack} to the site, and {custody} away from it.")?;
        writeln!(out, "  3. There: safelight ingest PHOTOS --vault VAULT --pack {pack}")?;
        if soon {
            writeln!(out, "  4. Here, before the pack ends, the site's next one:")?;
            writeln!(out, "     safelight custody pack --custody {custody} --site {site:?} --next -o FILE")?;
        }
        let last = if soon { 5 } else { 4 };
        writeln!(out, "  {last}. Here:  safelight search --vault VAULT --custody {custody} --plate \"ABC 123\"")
    })?;
    Ok(Outcome::Done)
}

impl Plan {
    /// What the flags say, and what is answered.
    fn of(args: &Args) -> Result<Self, Failure> {
        let mut questions = Questions { asked: 0 };
        let custody = questions.given_or(
            args.custody.clone(),
            Question {
                flag: "--custody",
                words: "Folder for the keyring, best on a stick or another machine",
                usual: Some("custody"),
            },
            |text| {
                let custody = PathBuf::from(text);
                check_place(&custody)
                    .and_then(|()| target::must_be_new(&custody))
                    .map_err(|failure| failure.problem)?;
                Ok(custody)
            },
        )?;
        let site = questions.given_or(
            args.site.clone(),
            Question { flag: "--site", words: "Name of the place where photographs are taken", usual: Some("site-1") },
            |text| check_site_name(text).map_err(|error| error.to_string()),
        )?;
        let originals = questions.given_or(
            args.originals,
            Question {
                flag: "--originals",
                words: "How long are originals kept (30 days, 6 months, 1 year)",
                usual: None,
            },
            term,
        )?;
        let scenes = questions.given_or(
            args.scenes,
            Question { flag: "--scenes", words: "How long are blanked pictures kept, at least as long", usual: None },
            |text| {
                let scenes = term(text)?;
                policy(originals, scenes, Looks::Any).map(|_| scenes).map_err(|failure| failure.problem)
            },
        )?;
        let looks = questions.given_or(
            args.looks,
            Question {
                flag: "--looks",
                words: "How many records may be opened on one day (a number, or any)",
                usual: Some("50"),
            },
            Looks::from_str,
        )?;
        let pack = args.pack.clone().unwrap_or_else(|| pack_name(&site));
        Ok(Self { custody, site, originals, scenes, looks, pack })
    }

    fn policy(&self) -> Result<Policy, Failure> {
        policy(self.originals, self.scenes, self.looks)
    }
}

/// The policy of such terms.
fn policy(originals: Retention, scenes: Retention, looks: Looks) -> Result<Policy, Failure> {
    let class =
        |name: &str| ClassPolicy { name: name.to_owned(), catalogue: scenes, scene: scenes, identity: originals };
    let egress = match looks {
        Looks::Most(records_per_day) => {
            Some(Egress { records_per_day: records_per_day.into(), purposes: Vec::new(), listed_per_day: None })
        }
        Looks::Any => None,
    };
    let policy = Policy {
        classes: CLASSES.map(class).into(),
        default_class: CLASSES[0].to_owned(),
        egress,
        ..Policy::default()
    };
    policy.check().map_err(|error| {
        Failure::usage(
            format!("these terms do not fit each other: {error}"),
            "keep blanked pictures at least as long as originals",
        )
    })?;
    Ok(policy)
}

/// The pack's usual name: the site's, as far as files may be called so.
fn pack_name(site: &str) -> PathBuf {
    let safe = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: String = site.chars().map(safe).collect();
    // A name that begins with a hyphen looks like an option.
    let name = name.trim_start_matches('-');
    Path::new(if name.is_empty() { "site" } else { name }).with_extension("pack")
}

/// One question.
struct Question {
    flag: &'static str,
    words: &'static str,
    usual: Option<&'static str>,
}

/// Asks on the terminal, one line each.
struct Questions {
    asked: u32,
}

impl Questions {
    /// What was given, or else what is answered, which is asked for until it is right.
    fn given_or<T>(
        &mut self,
        given: Option<T>,
        question: Question,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        self.asked += 1;
        if let Some(given) = given {
            return Ok(given);
        }
        let Question { flag, words, usual } = question;
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(
                format!("{flag} is missing, and there is no terminal to ask on"),
                format!("give {flag}"),
            ));
        }
        loop {
            let usual_words = usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
            terminal::ask(&format!("{} of 5  {words}{usual_words}: ", self.asked));
            let mut line = String::new();
            let read_bytes = io::stdin().lock().read_line(&mut line);
            if !matches!(read_bytes, Ok(1..)) {
                return Err(Failure::usage("the questions were not answered", format!("give {flag}, or answer")));
            }
            let line = match (line.trim(), usual) {
                ("", Some(usual)) => usual,
                (line, _) => line,
            };
            match read(line) {
                Ok(answer) => return Ok(answer),
                Err(why) => terminal::say(&format!("  {why}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_called_as_its_site_as_far_as_files_may() {
        assert_eq!(pack_name("gate 1/north"), Path::new("gate-1-north.pack"));
        assert_eq!(pack_name("Zürich"), Path::new("Zürich.pack"));
        assert_eq!((pack_name("../../evil"), pack_name("--")), ("evil.pack".into(), "site.pack".into()));
    }

    #[test]
    fn looks_are_a_number_or_any() {
        assert_eq!(Looks::from_str(" 50 "), Ok(Looks::Most(50)));
        assert_eq!(Looks::from_str("any"), Ok(Looks::Any));
        assert!(Looks::from_str("-1").is_err() && Looks::from_str("").is_err());
    }
}
