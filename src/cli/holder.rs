//! Who opens a vault: the custodian by its keyring, or a recipient by its key file.

use std::path::{Path, PathBuf};

use super::terminal::shown;
use super::trust::PinArgs;
use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure};
use crate::custody::{Keyring, KnownCustodians, OpeningKeys, RecipientKeys};
use crate::export::{Manifest, ManifestError};
use crate::seal::{Capability, CustodyId};
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

/// What a holder brings.
pub(super) struct Holder {
    /// The keys for what was asked.
    pub keys: OpeningKeys,
    /// The keyring, when the holder is the custodian.
    pub keyring: Option<Keyring>,
    /// Whom the holder trusts.
    trust: Trust,
    /// A recipient's: whose copies it has taken before.
    known: Option<KnownCustodians>,
}

impl HolderArgs {
    /// Takes out the keys of some capabilities, with both holders where these or the verb ask for it. A recipient has one
    /// key for all that it was granted.
    pub fn unlock(&self, capabilities: &[Capability], both: bool) -> Result<Holder, Failure> {
        match (&self.custody, &self.key) {
            (Some(custody), _) => {
                let mut keyring = self.unlock.open(custody)?;
                self.second.open_for(&mut keyring, capabilities)?;
                if both && !keyring.has_second() {
                    self.second.open(&mut keyring)?;
                }
                let trust = self.pin.trust(Some(&keyring), None)?;
                Ok(Holder { keys: keyring.opening_keys(capabilities), keyring: Some(keyring), trust, known: None })
            }
            (None, Some(key)) => Ok(Holder {
                keys: RecipientKeys::read(key)?.into_opening_keys(),
                keyring: None,
                trust: self.pin.trust(None, None)?,
                known: Some(KnownCustodians::beside(key)?),
            }),
            (None, None) => Err(Failure::usage("nobody to open the vault was named", "give --custody or --key")),
        }
    }
}

/// Opens a vault for reading; of an export the recipient is told what it is.
///
/// A recipient who names no custodian is held to those whose copies were taken before; the first is remembered.
pub(super) fn open_vault(folder: &Path, holder: &mut Holder, context: &Context) -> Result<OpeningVault, Failure> {
    let vault = OpeningVault::open(folder, holder.trust)?;
    let card = *vault.card();
    let custodian = card.custodian.custody();
    if let (Trust::Nobody, Some(known)) = (holder.trust, &holder.known) {
        check_known(custodian, known)?;
    }
    if card.kind == VaultKind::Export && holder.keyring.is_none() {
        let manifest = Manifest::read(folder, card.vault, card.custodian, &holder.keys)?;
        manifest.check(&vault)?;
        if !context.quiet && !context.json {
            let Manifest { view, purpose, captures, .. } = &manifest;
            let day = manifest.created().strftime("%Y-%m-%d");
            eprintln!("export of {day} by custodian {custodian}");
            eprintln!("view {view}, {captures} captures, purpose: {purpose}");
        }
        if let Some(known) = &mut holder.known {
            remember(custodian, known, context);
        }
    }
    Ok(vault)
}

/// Anybody can make a copy for a public key, and sign it with a key of his own.
fn check_known(custodian: CustodyId, known: &KnownCustodians) -> Result<(), Failure> {
    if known.ids().is_empty() || known.ids().contains(&custodian) {
        return Ok(());
    }
    let ids: Vec<String> = known.ids().iter().map(ToString::to_string).collect();
    Err(Failure::integrity(
        format!("this is of custodian {custodian}, and your exports so far were of {}", ids.join(", ")),
        format!("ask the custodian for the id by another way; if it is right, say --custodian {custodian}"),
    ))
}

/// Nothing that was asked depends on it: what cannot be remembered is said.
fn remember(custodian: CustodyId, known: &mut KnownCustodians, context: &Context) {
    if known.ids().contains(&custodian) {
        return;
    }
    let first = known.ids().is_empty();
    let said = match known.remember(custodian) {
        Ok(()) if first => format!(
            "first export of custodian {custodian}: compare this id with the custodian's by another way; it is remembered in \
             {}, and another custodian's exports will be refused without --custodian",
            shown(known.path())
        ),
        Ok(()) => format!("custodian {custodian} is remembered in {}", shown(known.path())),
        Err(error) => format!("custodian {custodian} could not be remembered, so say --custodian again: {error}"),
    };
    if !context.quiet {
        eprintln!("{said}");
    }
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
