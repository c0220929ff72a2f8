//! How a keyring opens: every verb that needs one asks here.
//!
//! A secret comes from a file, the environment, or a prompt. Never from the command line, which every process on the
//! machine can read.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::terminal::{say, shown};
use super::{Failure, ledger};
#[cfg(feature = "pkcs11")]
use crate::custody::Token;
use crate::custody::{Credential, Keyring, KeyringError, Passphrase, RecipientFile, RecipientKeys, Share, ShareError};
use crate::files;
use crate::seal::Capability;

/// The environment variable that may hold the passphrase.
const FIRST: Words =
    Words { variable: "SAFELIGHT_PASSPHRASE", prompt: "Passphrase of the keyring: ", option: "--passphrase-file" };

/// A recipient's, in the same places: nobody is both at once.
const RECIPIENT: Words = Words { prompt: "Passphrase of the private key: ", ..FIRST };

/// The environment variable that may hold the second holder's.
const SECOND: Words = Words {
    variable: "SAFELIGHT_SECOND_PASSPHRASE",
    prompt: "Second holder's passphrase: ",
    option: "--second-passphrase-file",
};

/// A new slot's.
const NEW: Words =
    Words { variable: "SAFELIGHT_NEW_PASSPHRASE", prompt: "New passphrase: ", option: "--new-passphrase-file" };

/// A token's.
#[cfg(feature = "pkcs11")]
const PIN: Words = Words { variable: "SAFELIGHT_PIN", prompt: "PIN of the token: ", option: "--pin-file" };

/// That of a new slot's token.
#[cfg(feature = "pkcs11")]
const NEW_PIN: Words =
    Words { variable: "SAFELIGHT_NEW_PIN", prompt: "PIN of the new slot's token: ", option: "--new-pin-file" };

/// How a secret is spoken of.
#[derive(Clone, Copy)]
struct Words {
    variable: &'static str,
    prompt: &'static str,
    option: &'static str,
}

/// Arguments of every verb that opens a keyring.
#[derive(clap::Args)]
pub(super) struct UnlockArgs {
    /// Read the keyring's passphrase from FILE, a regular file or /dev/stdin; otherwise from the environment variable
    /// SAFELIGHT_PASSPHRASE, or a prompt
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Open with shares instead: once for each, a text file or - to type it
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    share: Vec<PathBuf>,
    #[cfg(feature = "pkcs11")]
    #[command(flatten)]
    token: TokenArgs,
}

/// The token that opens a slot.
#[cfg(feature = "pkcs11")]
#[derive(clap::Args)]
struct TokenArgs {
    /// Open with a token, an HSM or a smart card, by its PKCS #11 library
    #[arg(long, value_name = "LIBRARY", conflicts_with_all = ["passphrase_file", "share"])]
    pkcs11: Option<PathBuf>,
    /// The token's label, where the library knows several
    #[arg(long, value_name = "LABEL", requires = "pkcs11")]
    token: Option<String>,
    /// Read the token's PIN from FILE; otherwise from SAFELIGHT_PIN, or a prompt
    #[arg(long, value_name = "FILE", requires = "pkcs11")]
    pin_file: Option<PathBuf>,
}

/// The token that will open a new slot.
#[cfg(feature = "pkcs11")]
#[derive(clap::Args)]
pub(super) struct NewTokenArgs {
    /// Make the slot's key in a token, an HSM or a smart card, by its PKCS #11 library
    #[arg(long, value_name = "LIBRARY", conflicts_with_all = ["new_passphrase_file", "shares"])]
    new_pkcs11: Option<PathBuf>,
    /// That token's label, where the library knows several
    #[arg(long, value_name = "LABEL", requires = "new_pkcs11")]
    new_token: Option<String>,
    /// Read that token's PIN from FILE; otherwise from SAFELIGHT_NEW_PIN, or a prompt
    #[arg(long, value_name = "FILE", requires = "new_pkcs11")]
    new_pin_file: Option<PathBuf>,
}

#[cfg(feature = "pkcs11")]
impl NewTokenArgs {
    /// The token, if one was named.
    pub(super) fn open(&self) -> Result<Option<Token>, Failure> {
        let Some(library) = &self.new_pkcs11 else { return Ok(None) };
        let pin = secret(NEW_PIN, self.new_pin_file.as_deref())?;
        Ok(Some(Token::open(library, self.new_token.as_deref(), pin)?))
    }
}

/// Arguments of verbs that may need a second slot.
#[derive(clap::Args)]
pub(super) struct SecondArgs {
    /// Under dual control: the second holder's passphrase; otherwise SAFELIGHT_SECOND_PASSPHRASE, or a prompt
    #[arg(long, value_name = "FILE")]
    second_passphrase_file: Option<PathBuf>,
    /// Under dual control: a share of the second slot, once for each
    #[arg(long, value_name = "FILE", conflicts_with = "second_passphrase_file")]
    second_share: Vec<PathBuf>,
}

/// Where the passphrase of a new slot comes from.
#[derive(clap::Args)]
pub(super) struct NewPassphraseArgs {
    /// Read the new slot's passphrase from FILE; otherwise from SAFELIGHT_NEW_PASSPHRASE, or a prompt
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

impl NewPassphraseArgs {
    /// A prompt asks twice.
    pub(super) fn obtain(&self) -> Result<Passphrase, Failure> {
        new_passphrase(NEW, self.new_passphrase_file.as_deref())
    }
}

/// What a holder brought. Wiped when dropped.
pub(super) enum Brought {
    /// A passphrase.
    Passphrase(Passphrase),
    /// Shares.
    Shares(Vec<Share>),
    /// A token, logged in.
    #[cfg(feature = "pkcs11")]
    Token(Token),
}

impl Brought {
    pub(super) fn credential(&self) -> Credential<'_> {
        match self {
            Self::Passphrase(passphrase) => passphrase.into(),
            Self::Shares(shares) => shares.as_slice().into(),
            #[cfg(feature = "pkcs11")]
            Self::Token(token) => token.into(),
        }
    }

    /// Whether it is this passphrase.
    pub(super) fn is(&self, other: &Passphrase) -> bool {
        matches!(self, Self::Passphrase(passphrase) if passphrase.matches(other))
    }
}

impl UnlockArgs {
    /// Opens the keyring in `folder`.
    pub(super) fn open(&self, folder: &Path) -> Result<Keyring, Failure> {
        // A mistyped path is noticed before anybody types a secret.
        Keyring::custody_of(folder)?;
        let brought = self.obtain()?;
        open(folder, &brought)
    }

    /// Whether an option names a way into a keyring that no recipient's key has.
    pub(super) fn has_slot_options(&self) -> bool {
        #[cfg(feature = "pkcs11")]
        if self.token.pkcs11.is_some() {
            return true;
        }
        !self.share.is_empty()
    }

    /// The files of shares that were named.
    pub(super) fn share_files(&self) -> &[PathBuf] {
        &self.share
    }

    /// What the holder of a first slot brings.
    pub(super) fn obtain(&self) -> Result<Brought, Failure> {
        #[cfg(feature = "pkcs11")]
        if let Some(library) = &self.token.pkcs11 {
            let pin = secret(PIN, self.token.pin_file.as_deref())?;
            return Ok(Brought::Token(Token::open(library, self.token.token.as_deref(), pin)?));
        }
        if self.share.is_empty() {
            return Ok(Brought::Passphrase(passphrase(FIRST, self.passphrase_file.as_deref())?));
        }
        shares(&self.share).map(Brought::Shares)
    }

    /// The passphrase of a new keyring: a prompt asks twice.
    pub(super) fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        #[cfg(feature = "pkcs11")]
        let others = self.token.pkcs11.is_some() || !self.share.is_empty();
        #[cfg(not(feature = "pkcs11"))]
        let others = !self.share.is_empty();
        if others {
            return Err(Failure::usage(
                "a new keyring begins with a passphrase",
                "then add another slot: `safelight custody slot add`, and remove the passphrase's if you want",
            ));
        }
        new_passphrase(FIRST, self.passphrase_file.as_deref())
    }
}

impl SecondArgs {
    /// Whether an option names one.
    pub(super) fn has_options(&self) -> bool {
        self.second_passphrase_file.is_some() || !self.second_share.is_empty()
    }

    /// Whether something was named for the second slot, so that it should be opened even where nothing asks for it.
    pub(super) fn are_given(&self) -> bool {
        self.has_options() || std::env::var_os(SECOND.variable).is_some()
    }

    /// Opens the second slot, where the capabilities and the keyring ask for it, or where its holder brought something:
    /// two holders may go beyond the policy's budget.
    pub(super) fn open_for(&self, keyring: &mut Keyring, capabilities: &[Capability]) -> Result<(), Failure> {
        match capabilities.contains(&Capability::Identity) {
            true => self.pass(keyring),
            false if keyring.has_dual_control() && self.are_given() => self.open(keyring),
            false => Ok(()),
        }
    }

    /// Opens the second slot where dual control stands in the way, for whatever it guards.
    pub(super) fn pass(&self, keyring: &mut Keyring) -> Result<(), Failure> {
        match keyring.dual_barrier() {
            None => Ok(()),
            Some(KeyringError::SecondSlotNeeded) => self.open(keyring),
            Some(barrier) => Err(barrier.into()),
        }
    }

    /// Opens the second slot.
    pub(super) fn open(&self, keyring: &mut Keyring) -> Result<(), Failure> {
        if !keyring.has_dual_control() {
            return Err(KeyringError::NoSecondSlot.into());
        }
        if !self.are_given() && !std::io::stdin().is_terminal() {
            return Err(KeyringError::SecondSlotNeeded.into());
        }
        let brought = self.obtain()?;
        let folder = keyring.folder().to_owned();
        Ok(ledger::attempted(&folder, keyring.unlock_second(brought.credential()))?)
    }

    /// What the holder of a second slot brings.
    pub(super) fn obtain(&self) -> Result<Brought, Failure> {
        if self.second_share.is_empty() {
            return Ok(Brought::Passphrase(passphrase(SECOND, self.second_passphrase_file.as_deref())?));
        }
        shares(&self.second_share).map(Brought::Shares)
    }
}

/// The passphrase of a recipient's new key: a prompt asks twice.
pub(super) fn recipient_passphrase(file: Option<&Path>) -> Result<Passphrase, Failure> {
    new_passphrase(FIRST, file)
}

/// A recipient's key; one that is sealed takes its passphrase.
pub(super) fn recipient(path: &Path, unlock: &UnlockArgs) -> Result<RecipientKeys, Failure> {
    match RecipientKeys::read_file(path)? {
        RecipientFile::Plain(keys) => Ok(keys),
        RecipientFile::Sealed(sealed) => {
            let passphrase = passphrase(RECIPIENT, unlock.passphrase_file.as_deref())?;
            Ok(sealed.open(&passphrase)?)
        }
    }
}

/// Opens the keyring with what was brought. That no slot opened goes on record.
pub(super) fn open(folder: &Path, with: &Brought) -> Result<Keyring, Failure> {
    Ok(ledger::attempted(folder, Keyring::open(folder, with.credential()))?)
}

/// An existing passphrase.
fn passphrase(words: Words, file: Option<&Path>) -> Result<Passphrase, Failure> {
    Ok(Passphrase::new(std::mem::take(&mut *secret(words, file)?)))
}

/// From the file, the environment, or a prompt; without line ends at its end. A byte order mark is [`Passphrase`]'s to
/// judge: earlier versions took it for a part.
fn secret(words: Words, file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let mut text = match given(words, file)? {
        Some(text) => text,
        None => prompt(words, words.prompt)?,
    };
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    Ok(text)
}

/// A new one: a prompt asks twice.
fn new_passphrase(words: Words, file: Option<&Path>) -> Result<Passphrase, Failure> {
    if let Some(mut text) = given(words, file)? {
        return Ok(Passphrase::new(std::mem::take(&mut *text)));
    }
    let ask = |question| prompt(words, question).map(|mut text| Passphrase::new(std::mem::take(&mut *text)));
    /// So often before it is given up.
    const TRIES: u32 = 3;
    for _ in 0..TRIES {
        let passphrase = ask(NEW.prompt)?;
        if passphrase.matches(&ask("The same again: ")?) {
            return Ok(passphrase);
        }
        say("the two differ");
    }
    Err(Failure::usage("the two passphrases differ", "start again and type the same twice"))
}

fn given(words: Words, file: Option<&Path>) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(path) = file {
        return secret_text(path, "secret", "a text file that holds the secret and nothing else").map(Some);
    }
    match std::env::var(words.variable) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{} is not text", words.variable), "use letters, digits and signs only"))
        }
    }
}

/// A short text file, read into memory that is wiped.
fn secret_text(path: &Path, what: &str, wanted: &str) -> Result<Zeroizing<String>, Failure> {
    /// Larger than any passphrase or share with its drawing, so that the buffer does not grow and leave copies.
    const MOST: usize = 64 << 10;
    let mut text = Zeroizing::new(String::with_capacity(MOST));
    files::open_given(path)
        .and_then(|file| std::io::Read::read_to_string(&mut std::io::Read::take(file, MOST as u64), &mut text))
        .map_err(|error| {
            Failure::usage(format!("the {what} {} cannot be read: {error}", shown(path)), format!("name {wanted}"))
        })?;
    Ok(text)
}

fn prompt(words: Words, question: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| {
        Failure::usage(
            format!("no secret was given and none can be asked for: {error}"),
            format!("give {} FILE or set {}", words.option, words.variable),
        )
    })
}

/// Shares from files, and from prompts where a file is named `-`. All that are mistyped are named.
fn shares(paths: &[PathBuf]) -> Result<Vec<Share>, Failure> {
    let (mut shares, mut faults) = (Vec::new(), Vec::new());
    for (name, share) in read_shares(paths)? {
        match share {
            Ok(share) => shares.push(share),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    if faults.is_empty() {
        return Ok(shares);
    }
    Err(Failure::integrity(faults.join("; "), "compare what is named with the paper, or bring another share"))
}

/// Where a share came from, and the share or what is wrong with it.
pub(super) type ReadShare = (String, Result<Share, ShareError>);

/// Each share, or what is wrong with it.
pub(super) fn read_shares(paths: &[PathBuf]) -> Result<Vec<ReadShare>, Failure> {
    let mut read = Vec::new();
    for path in paths {
        if path != Path::new("-") {
            let text = secret_text(path, "share", "a text file with the share's six numbered lines")?;
            read.push((shown(path), Share::parse(&text)));
            continue;
        }
        let mut text = Zeroizing::new(String::with_capacity(1024));
        for number in 1..=6 {
            let typed = typed_line(read.len() + 1, number)?;
            text.push(char::from(b'0' + number));
            text.push(' ');
            text.push_str(&typed);
            text.push('\n');
        }
        read.push((format!("share {} as typed", read.len() + 1), Share::parse(&text)));
    }
    Ok(read)
}

/// A line of a share, asked for until it is sound: its holder has the paper at hand now.
fn typed_line(share: usize, number: u8) -> Result<Zeroizing<String>, Failure> {
    loop {
        let typed = rpassword::prompt_password(format!("Share {share}, line {number}: "));
        let typed = Zeroizing::new(typed.map_err(|error| {
            Failure::usage(format!("no share can be asked for: {error}"), "name a file after --share")
        })?);
        // With the line's number or without it: one that stands apart is no symbol.
        let digit = char::from(b'0' + number);
        let symbols = typed.trim().strip_prefix(digit).filter(|rest| rest.starts_with(' ')).unwrap_or(&typed);
        match Share::check_line(number, symbols) {
            Ok(()) => return Ok(Zeroizing::new(symbols.to_owned())),
            Err(fault) => say(&format!("line {number} {fault}: type it again")),
        }
    }
}
