//! Who opens a vault: the custodian by its keyring, or a recipient by its key file.

use std::path::{Path, PathBuf};

use super::ledger::EgressArgs;
use super::terminal::{count, tell};
use super::trust::PinArgs;
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure, ledger, trust, unlock};
use crate::audit::{Look, PermittedKeys};
use crate::custody::{Keyring, KnownCustodians, OpeningKeys};
use crate::export::{Manifest, ManifestError};
use crate::seal::Capability;
use crate::vault::{OpeningVault, Trust, VaultKind};

/// Arguments of every verb that reads a vault.
#[derive(clap::Args)]
#[group(id = "holder", required = true, multiple = false, args = ["custody", "key"])]
pub(super) struct HolderArgs {
    /// The folder that holds the keyring
    #[arg(long, value_name = "DIR")]
    custody: Option<PathBuf>,
    /// A recipient's private key, for an export
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    pin: PinArgs,
    #[command(flatten)]
    unlock: UnlockArgs,
    #[command(flatten)]
    second: SecondArgs,
}

/// Who opens.
pub(super) struct Holder {
    who: Who,
    /// Whom the holder trusts.
    trust: Trust,
}

enum Who {
    /// The custodian, with the keys for what was asked.
    Custodian(Box<Keyring>, OpeningKeys),
    /// A recipient, who opens its own copy without an entry, and whose copies it has taken before.
    Recipient(PermittedKeys, KnownCustodians),
}

impl Holder {
    /// The keys, which give nothing out by themselves.
    pub fn keys(&self) -> &OpeningKeys {
        match &self.who {
            Who::Custodian(_, keys) => keys,
            Who::Recipient(keys, _) => keys,
        }
    }

    /// The keyring, when the holder is the custodian.
    pub fn keyring(&self) -> Option<&Keyring> {
        match &self.who {
            Who::Custodian(keyring, _) => Some(keyring),
            Who::Recipient(..) => None,
        }
    }

    /// Stops where nothing is left of the day's budget, before anything is looked up; a recipient has none.
    pub fn may_ask(&self, look: Look<'_>, args: &EgressArgs) -> Result<(), Failure> {
        match &self.who {
            Who::Custodian(keyring, _) => ledger::may_ask(keyring, look, args),
            Who::Recipient(..) => Ok(()),
        }
    }

    /// Puts on record what is about to be given out, and gives the keys that it permits; a recipient's need no entry.
    pub fn permitted(self, look: Look<'_>, args: &EgressArgs) -> Result<PermittedKeys, Failure> {
        match self.who {
            Who::Custodian(keyring, keys) => Ok(ledger::permit(&keyring, look, args)?.with(keys)?),
            Who::Recipient(keys, _) => Ok(keys),
        }
    }
}

impl HolderArgs {
    /// Whether it is the custodian who opens.
    pub fn has_keyring(&self) -> bool {
        self.custody.is_some()
    }

    /// What only the custodian's log and second holder give a meaning is refused beside a recipient's key: passed over in
    /// silence it would seem to have been done. (clap drops a `requires` on what another argument excludes.)
    fn check_options(&self, egress: &EgressArgs) -> Result<(), Failure> {
        let given = [
            (egress.over_budget, "--over-budget"),
            (egress.confirm_date.is_some(), "--confirm-date"),
            (self.second.has_options(), "a second holder's secret"),
            (self.unlock.has_slot_options(), "--share or --pkcs11"),
        ];
        match given.into_iter().find(|(given, _)| *given && self.key.is_some()) {
            Some((_, option)) => Err(Failure::usage(
                format!("{option} is the custodian's, and means nothing with a recipient's key"),
                "leave it out; a recipient's copy has no budget, and a sealed key takes --passphrase-file alone",
            )),
            None => Ok(()),
        }
    }

    /// Opens catalogues, and with both holders where the verb asks for it, or where a plate is asked for and the keys of its
    /// pseudonyms take both.
    pub fn unlock_to_search(&self, vault: &Path, for_plate: bool, egress: &EgressArgs) -> Result<Holder, Failure> {
        let mut holder = self.unlock(vault, &[Capability::Catalogue], egress)?;
        match &mut holder.who {
            Who::Custodian(keyring, _) if for_plate => self.second.pass(keyring)?,
            _ => {}
        }
        Ok(holder)
    }

    /// Takes out the keys of some capabilities for a vault, with both holders where these or the verb ask for it. A
    /// recipient has one key for all that it was granted.
    pub fn unlock(&self, vault: &Path, capabilities: &[Capability], egress: &EgressArgs) -> Result<Holder, Failure> {
        self.check_options(egress)?;
        // Before anybody types a secret.
        OpeningVault::open(vault, Trust::Nobody)?;
        match (&self.custody, &self.key) {
            (Some(custody), _) => {
                let mut keyring = self.unlock.open(custody)?;
                self.second.open_for(&mut keyring, capabilities)?;
                if egress.takes_both(&keyring) && !keyring.has_second() {
                    self.second.open(&mut keyring)?;
                }
                let trust = self.pin.trust(Some(&keyring), None)?;
                let keys = keyring.opening_keys(capabilities);
                Ok(Holder { who: Who::Custodian(Box::new(keyring), keys), trust })
            }
            (None, Some(key)) => {
                let keys = PermittedKeys::own_copy(unlock::recipient(key, &self.unlock)?);
                let trust = self.pin.trust(None, None)?;
                Ok(Holder { who: Who::Recipient(keys, KnownCustodians::beside_key(key)?), trust })
            }
            (None, None) => Err(Failure::usage("nobody to open the vault was named", "give --custody or --key")),
        }
    }
}

/// Opens a vault for reading; of an export the recipient is told what it is, and gets its manifest.
///
/// A recipient who names no custodian is held to those whose copies were taken before; the first is remembered.
pub(super) fn open_vault(
    folder: &Path,
    holder: &mut Holder,
    context: &Context,
) -> Result<(OpeningVault, Option<Manifest>), Failure> {
    let vault = OpeningVault::open(folder, holder.trust)?;
    let card = *vault.card();
    let custodian = card.custodian.custody();
    let Who::Recipient(keys, known) = &mut holder.who else { return Ok((vault, None)) };
    if holder.trust == Trust::Nobody {
        trust::check_known(custodian, &known.ids(), "your exports so far were")?;
    }
    let mut about = None;
    if card.kind == VaultKind::Export {
        let manifest = Manifest::read(folder, card.vault, card.custodian, keys)?;
        manifest.check(&vault)?;
        if !context.quiet && !context.json {
            let Manifest { view, regions, purpose, captures, .. } = &manifest;
            let day = manifest.created().strftime("%Y-%m-%d");
            let only = match regions.as_str() {
                _ if !manifest.is_by_pseudonym() => "",
                "plates" => " that show a plate",
                "faces" => " that show a face",
                _ => " that show a plate or a face",
            };
            tell!("export of {day} by custodian {custodian}");
            tell!("view {view}, {}{only}, purpose: {purpose}", count(*captures, "capture"));
        }
        trust::remember(custodian, known, None, context);
        about = Some(manifest);
    }
    Ok((vault, about))
}

impl From<ManifestError> for Failure {
    fn from(error: ManifestError) -> Self {
        let problem = error.to_string();
        match error {
            ManifestError::NoKey { .. } => {
                Self::integrity(problem, "use the private key whose public half was given to the custodian")
            }
            ManifestError::NotAManifest | ManifestError::Version { .. } => {
                Self::usage(problem, "use the version of safelight that wrote it")
            }
            ManifestError::Vault(error) => error.into(),
            ManifestError::Io(_) | ManifestError::Damaged | ManifestError::Incomplete { .. } => {
                Self::integrity(problem, "ask the custodian for the export again")
            }
        }
    }
}
