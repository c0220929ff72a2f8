//! Whom a verb trusts to be a vault's custodian: what is at hand must agree.

use super::terminal::{say, shown};
use super::{Context, Failure};
use crate::custody::{Keyring, KnownCustodians, KnownSite, SitePack};
use crate::seal::CustodyId;
use crate::vault::Trust;

/// Argument of every verb that opens a vault without the keyring.
#[derive(clap::Args)]
pub(super) struct PinArgs {
    /// The custodian's id, as `custody show` prints it and you have it from the custodian; any other is refused, exit code 3
    #[arg(long, value_name = "ID", value_parser = custody_id)]
    pub custodian: Option<CustodyId>,
}

fn custody_id(text: &str) -> Result<CustodyId, String> {
    CustodyId::parse(text).ok_or_else(|| "a custodian's id has 26 characters, as `custody show` prints it".to_owned())
}

impl PinArgs {
    /// Whom to trust: the custodian of the keyring or of the pack, or else the one who was named. All that are there must
    /// be the same.
    pub fn trust(&self, keyring: Option<&Keyring>, pack: Option<&SitePack>) -> Result<Trust, Failure> {
        let keyed = [keyring.map(Trust::from), pack.map(Trust::from)];
        let pinned = self.custodian.map(Trust::Pinned);
        let all: Vec<Trust> = keyed.into_iter().chain([pinned]).flatten().collect();
        let ids: Vec<CustodyId> = all.iter().filter_map(|trust| trust.custody()).collect();
        match ids.split_first() {
            Some((first, others)) => match others.iter().find(|other| *other != first) {
                Some(other) => Err(Failure::integrity(
                    format!("what was given names two custodians: {first} and {other}"),
                    "find out whose the vault is before you go on; give what is that custodian's, and nothing else",
                )),
                None => Ok(all[0]),
            },
            None => Ok(Trust::Nobody),
        }
    }
}

/// Anybody can make a copy for a public key, or issue a pack, and sign it with a key of his own: once somebody is known,
/// others must be named.
pub(super) fn check_known(custodian: CustodyId, known: &[CustodyId], so_far: &str) -> Result<(), Failure> {
    if known.is_empty() || known.contains(&custodian) {
        return Ok(());
    }
    let ids: Vec<String> = known.iter().map(ToString::to_string).collect();
    Err(Failure::integrity(
        format!("this is of custodian {custodian}, and {so_far} of {}", ids.join(", ")),
        format!("ask the custodian for the id by another way; if it is right, say --custodian {custodian}"),
    ))
}

/// Nothing that was asked depends on it: what cannot be remembered is said.
pub(super) fn remember(custodian: CustodyId, known: &mut KnownCustodians, site: Option<&KnownSite>, context: &Context) {
    if known.has(custodian, site) {
        return;
    }
    let first = known.ids().is_empty();
    let said = match known.remember(custodian, site) {
        Ok(()) if first => format!(
            "custodian {custodian} is new here: compare this id with the custodian's by another way; it is remembered in {}, \
             and another custodian will be refused without --custodian",
            shown(known.path())
        ),
        Ok(()) if site.is_some() => {
            format!("custodian {custodian} is remembered for this site in {}", shown(known.path()))
        }
        Ok(()) => format!("custodian {custodian} is remembered in {}", shown(known.path())),
        Err(error) => format!("custodian {custodian} could not be remembered, so say --custodian again: {error}"),
    };
    if !context.quiet {
        say(&said);
    }
}
