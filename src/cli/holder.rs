//! Who opens a vault: the custodian by its keyring, or a recipient by its key file.

use std::path::{Path, PathBuf};

use super::unlock::{SecondArgs, UnlockArgs};
use super::{Context, Failure};
use crate::custody::{Keyring, OpeningKeys, RecipientKeys};
use crate::export::{Manifest, ManifestError};
use crate::seal::Capability;
use crate::vault::{OpeningVault, VaultKind};

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
                Ok(Holder { keys: keyring.opening_keys(capabilities), keyring: Some(keyring) })
            }
            (None, Some(key)) => Ok(Holder { keys: RecipientKeys::read(key)?.into_opening_keys(), keyring: None }),
            (None, None) => Err(Failure::usage("nobody to open the vault was named", "give --custody or --key")),
        }
    }
}

/// Opens a vault for reading; of an export the recipient is told what it is.
pub(super) fn open_vault(folder: &Path, holder: &Holder, context: &Context) -> Result<OpeningVault, Failure> {
    let vault = OpeningVault::open(folder)?;
    let card = *vault.card();
    if card.kind == VaultKind::Export && holder.keyring.is_none() {
        let manifest = Manifest::read(folder, card.vault, card.custodian, &holder.keys)?;
        manifest.check(&vault)?;
        if !context.quiet && !context.json {
            let Manifest { view, purpose, captures, .. } = &manifest;
            let day = manifest.created().strftime("%Y-%m-%d");
            eprintln!("export of {day} by custodian {}", card.custodian.custody());
            eprintln!("view {view}, {captures} captures, purpose: {purpose}");
        }
    }
    Ok(vault)
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
