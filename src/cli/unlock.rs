//! How a keyring opens: every verb that needs one asks here.
//!
//! A secret comes from a file, the environment, or a prompt. Never from the command line, which every process on the
//! machine can read.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::custody::{Keyring, Passphrase};

use super::{Failure, ledger};

/// The environment variable that may hold the passphrase.
const VARIABLE: &str = "SAFELIGHT_PASSPHRASE";

/// Arguments of every verb that opens a keyring.
#[derive(clap::Args)]
pub(super) struct UnlockArgs {
    /// Read the keyring's passphrase from FILE; otherwise from the environment variable SAFELIGHT_PASSPHRASE, or a prompt
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl UnlockArgs {
    /// Opens the keyring in `folder`.
    pub(super) fn open(&self, folder: &Path) -> Result<Keyring, Failure> {
        let passphrase = match self.given()? {
            Some(passphrase) => passphrase,
            None => prompt("Passphrase of the keyring: ")?,
        };
        Ok(ledger::attempted(folder, Keyring::open(folder, &passphrase))?)
    }

    /// The passphrase of a new keyring: a prompt asks twice.
    pub(super) fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        if let Some(passphrase) = self.given()? {
            return Ok(passphrase);
        }
        let passphrase = prompt("New passphrase for the keyring: ")?;
        if !passphrase.matches(&prompt("The same again: ")?) {
            return Err(Failure::usage("the two passphrases differ", "start again and type the same twice"));
        }
        Ok(passphrase)
    }

    fn given(&self) -> Result<Option<Passphrase>, Failure> {
        if let Some(path) = &self.passphrase_file {
            // Read into memory that is wiped; a passphrase is short, so that a buffer of this size does not grow.
            let mut text = Zeroizing::new(String::with_capacity(4096));
            std::fs::File::open(path)
                .and_then(|file| std::io::Read::read_to_string(&mut std::io::Read::take(file, 4096), &mut text))
                .map_err(|error| {
                    Failure::usage(
                        format!("the passphrase file {} cannot be read: {error}", path.display()),
                        "name a text file that holds the passphrase and nothing else",
                    )
                })?;
            return Ok(Some(Passphrase::new(std::mem::take(&mut *text))));
        }
        match std::env::var(VARIABLE) {
            Ok(text) => Ok(Some(Passphrase::new(text))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Failure::usage(format!("{VARIABLE} is not text"), "use letters, digits and signs only"))
            }
        }
    }
}

fn prompt(question: &str) -> Result<Passphrase, Failure> {
    rpassword::prompt_password(question).map(Passphrase::new).map_err(|error| {
        Failure::usage(
            format!("no passphrase was given and none can be asked for: {error}"),
            format!("give --passphrase-file FILE or set {VARIABLE}"),
        )
    })
}
