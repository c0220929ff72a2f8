//! The custodian's keyring: every private key there is, in one file, behind key slots.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::body::{Body, LogMark};
use super::dual::OpenLock;
use super::file::{self, FileError, Remains};
use super::layout::{self, Parts};
use super::opening::OpeningKeys;
use super::pack::{JournalKey, PackError};
use super::policy::Policy;
use super::policy_file::PolicyError;
use super::signing::{CardSigner, EXPORT_CARDS, Signature, SigningKey, VerifyingKey};
use super::slot::{
    Credential, GuardedKey, Passphrase, PassphraseCost, PassphraseError, QuorumError, Slot, SlotDraft, SlotRole,
    SlotTerms,
};
use super::slots::unopened;
use crate::pseudonym::{CanaryKey, EpochKeys};
use crate::seal::{Capability, CustodyId, JournalId, KeyId, SlotId, padded_len, secret_key};
use crate::words::count;

secret_key! {
    /// Wraps the keys of the audit log's details.
    pub(crate) struct AuditKey
}

/// The keyring's name inside a custody folder.
const FILE_NAME: &str = "keyring";

/// A keyring cannot be made, opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is a keyring already.
    #[error("{} already holds a keyring", path.display())]
    Exists {
        /// The custody folder.
        path: PathBuf,
    },
    /// The file is no keyring.
    #[error("this is not a keyring")]
    NotAKeyring,
    /// It was written by a later version.
    #[error("this keyring has format {found}, and this version reads formats 1 and 2")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// No slot opens with this passphrase.
    #[error("the passphrase opens no slot of this keyring")]
    WrongPassphrase,
    /// The token holds no slot's key.
    #[error("the token opens no slot of this keyring")]
    WrongToken,
    /// There are too few shares of any slot.
    #[error("{good} of the {needed} shares needed are good")]
    TooFewShares {
        /// Good shares of the slot that has most.
        good: usize,
        /// How many it takes.
        needed: u8,
    },
    /// No share is of a slot of this keyring.
    #[error("none of these shares is of this keyring as it is now")]
    ForeignShares,
    /// What was asked takes a second slot.
    #[error("this opens with two slots only, of two holders, and the second was not opened")]
    SecondSlotNeeded,
    /// No second slot opens.
    #[error("this opens no second slot of this keyring")]
    WrongSecond,
    /// There is none.
    #[error("this takes two holders, and the keyring has no second slot")]
    NoSecondSlot,
    /// There is no such slot.
    #[error("this keyring has no slot {slot}")]
    NoSlot {
        /// The slot's id.
        slot: SlotId,
    },
    /// The last slot that opens the keyring cannot go.
    #[error("this is the only slot that opens the keyring")]
    LastSlot,
    /// The last second slot cannot go while the policy asks for dual control.
    #[error("the policy asks for dual control, and this is the only second slot")]
    DualControl,
    /// The shares asked for make no sense.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// It is cut or altered.
    #[error("this keyring is damaged")]
    Damaged,
    /// The passphrase is too weak for a new slot.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The passphrase is another holder's.
    #[error("this passphrase opens a slot of the other kind: one person would be both holders")]
    OtherHolders,
    /// The passphrase cost is out of range, or there is not enough memory for it.
    #[error("the passphrase cannot be stretched at this cost on this machine")]
    Cost,
    /// The keyring key cannot be wrapped for a slot: it is damaged, or of the first version and was never opened since.
    #[error("key slot {slot} cannot take a new keyring key")]
    Slot {
        /// The slot's id.
        slot: SlotId,
    },
    /// The pack's term is empty or beyond the calendar.
    #[error("a site pack cannot be valid for {}", count((*days).into(), "day"))]
    Term {
        /// The days asked for.
        days: u32,
    },
    /// Somebody else has written it since it was opened. To write now would undo that, and bring back or lose keys.
    #[error("the keyring was changed by another command: it has generation {found} instead of {expected}")]
    Changed {
        /// The file's generation.
        found: u64,
        /// The generation that was opened.
        expected: u64,
    },
    /// There is no such epoch.
    #[error("there is no pseudonym epoch {epoch}")]
    UnknownEpoch {
        /// The epoch asked for.
        epoch: u32,
    },
    /// It begins after the pack would end: it was begun by a clock that was ahead.
    #[error("pseudonym epoch {epoch} begins on {} only, after this pack would end: a clock was ahead when it was begun", since.strftime("%Y-%m-%d"))]
    EpochAhead {
        /// The epoch.
        epoch: u32,
        /// When it begins.
        since: Timestamp,
    },
    /// Its keys were destroyed with its last catalogue.
    #[error("the keys of pseudonym epoch {epoch} were destroyed on {}: no catalogue of it can be opened any more", destroyed.strftime("%Y-%m-%d"))]
    EpochExpired {
        /// The epoch asked for.
        epoch: u32,
        /// When.
        destroyed: Timestamp,
    },
    /// The keyring was written without the keys, and what was read back has them, or is another.
    #[error("the keyring that was read back is not the one that was written: keys are not destroyed for certain")]
    NotDestroyed,
    /// There is no epoch after the current one: it has no end.
    #[error("pseudonym epoch {epoch} has no end, so that none follows it")]
    NoNextEpoch {
        /// The current epoch.
        epoch: u32,
    },
    /// No pack was ever issued to a site of that name.
    #[error("there is no site {name:?}")]
    UnknownSite {
        /// The name.
        name: String,
    },
    /// The site's name is empty or too long.
    #[error("a site's name has 1 to 100 characters")]
    SiteName,
    /// The site's name holds what nobody sees.
    #[error("the site's name holds an invisible character, U+{:04X}", u32::from(*character))]
    SiteInvisible {
        /// Which.
        character: char,
    },
    /// The site's name holds, beside Latin letters, what looks like one of these and counts as another.
    #[error(
        "the site's name holds {character:?} beside Latin letters, and it can be taken for one of these and for another"
    )]
    SiteAmbiguous {
        /// Which.
        character: char,
    },
    /// The site's name is another's in another spelling.
    #[error("the site {name:?} cannot be told from the site {known:?}, which is another one")]
    SiteAlike {
        /// The name.
        name: String,
        /// What the other one is called.
        known: String,
    },
    /// The policy contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The pack cannot be written.
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// An unlocked keyring.
pub struct Keyring {
    pub(super) path: PathBuf,
    pub(super) generation: u64,
    pub(super) custody: CustodyId,
    pub(super) slots: Vec<Slot>,
    pub(super) opened_by: Option<SlotId>,
    pub(super) key: GuardedKey,
    pub(super) body: Body,
    /// The identities' lock, when a second slot was opened.
    pub(super) lock: Option<OpenLock>,
    /// Keys of epochs that were drawn since the keyring was opened: packs need them, also where they are locked.
    pub(super) drawn: Vec<EpochKeys>,
    /// The audit log as it was last seen: written with the keyring, which then knows of it.
    pub(super) seen_log: Mutex<Option<LogMark>>,
}

impl Keyring {
    /// Makes a custody folder with a fresh keyring; it must not hold one.
    pub fn create(
        folder: &Path,
        passphrase: &Passphrase,
        cost: PassphraseCost,
        policy: Policy,
        now: Timestamp,
    ) -> Result<Self, KeyringError> {
        passphrase.check_strength(folder, None)?;
        policy.check()?;
        let path = folder.join(FILE_NAME);
        if path.symlink_metadata().is_ok() {
            return Err(KeyringError::Exists { path: folder.to_owned() });
        }
        let signing = SigningKey::generate();
        let body = Body {
            signing_key: *signing.expose(),
            pseudonym_root: None,
            created: now.as_second(),
            policy,
            epochs: Vec::new(),
            buckets: Vec::new(),
            sites: Vec::new(),
            expired: Vec::new(),
            rotation: 0,
            identity_lock: None,
            canary_key: Some(crate::seal::random()),
            log: None,
        };
        let (custody, key) = (signing.verifying().custody(), GuardedKey::generate());
        let terms = SlotTerms { role: SlotRole::First, label: None, now };
        let mut slot = SlotDraft::with_passphrase(passphrase, cost, custody, terms).ok_or(KeyringError::Cost)?.0;
        slot.guard(&key, custody).expect("a slot just made is sound");
        let (slots, opened_by) = (vec![slot], None);
        let (lock, drawn) = (None, Vec::new());
        let seen_log = Mutex::default();
        let mut keyring = Self { path, custody, generation: 0, slots, opened_by, key, body, lock, drawn, seen_log };
        keyring.begin_epoch(0, now, None, now)?;
        keyring.shorten_epochs(now);
        create_private_folder(folder)?;
        let bytes = keyring.next_bytes();
        file::create_private(&keyring.path, &bytes)?;
        Ok(keyring)
    }

    /// Opens the keyring of a custody folder with whatever one of its first slots takes.
    pub fn open<'a>(folder: &Path, with: impl Into<Credential<'a>>) -> Result<Self, KeyringError> {
        let (path, bytes) = read_keyring(folder)?;
        let Parts { custody, generation, mut slots, sealed } = Parts::parse(&bytes)?;
        let with = with.into();
        let firsts = slots.iter_mut().filter(|slot| slot.role() == SlotRole::First);
        let opened = firsts.filter_map(|slot| Some((slot.id(), slot.open(with, custody)?))).next();
        let (opened_by, key) = opened.ok_or_else(|| unopened(&slots, with, custody))?;
        let plain = sealed.open(&key).ok_or(KeyringError::Damaged)?;
        let mut body: Body = minicbor::decode(&plain).map_err(|_| KeyringError::Damaged)?;
        body.take_root_apart();
        if body.epochs.is_empty() || SigningKey::from_bytes(&body.signing_key).verifying().custody() != custody {
            return Err(KeyringError::Damaged);
        }
        let (opened_by, drawn, seen_log) = (Some(opened_by), Vec::new(), Mutex::default());
        Ok(Self { path, custody, generation, slots, opened_by, key, body, lock: None, drawn, seen_log })
    }

    /// Whose keyring a custody folder holds, without opening it.
    pub fn custody_of(folder: &Path) -> Result<CustodyId, KeyringError> {
        Ok(Parts::parse(&read_keyring(folder)?.1)?.custody)
    }

    /// Takes out the private keys of some capabilities: search asks for the catalogue's only. Under dual control those of
    /// identities are among them when a second slot was opened.
    pub fn opening_keys(&self, capabilities: &[Capability]) -> OpeningKeys {
        let mut keys = OpeningKeys::of(self.custody);
        for bucket in &self.body.buckets {
            let barred = bucket.capability == Capability::Identity.tag() && self.dual_barrier().is_some();
            if !barred
                && capabilities.iter().any(|c| c.tag() == bucket.capability)
                && let Some(private) = bucket.private(self.lock.as_ref(), self.custody)
            {
                keys.insert(KeyId(bucket.key), private);
            }
        }
        self.body.expired.iter().for_each(|expired| keys.destroyed(KeyId(expired.key)));
        for site in &self.body.sites {
            keys.insert_journal(JournalId(site.journal), JournalKey::from_bytes(&site.journal_key));
        }
        keys
    }

    /// All sites, each by its journal's id and its name.
    pub fn sites(&self) -> impl Iterator<Item = (JournalId, &str)> {
        self.body.sites.iter().map(|site| (JournalId(site.journal), site.name.as_str()))
    }

    /// Whether a pack was ever issued to a site of that very name.
    pub fn has_site(&self, name: &str) -> bool {
        self.sites().any(|(_, known)| known == name)
    }

    /// Everything with which a vault is verified: [`Self::opening_keys`] of all capabilities.
    pub fn checking_keys(&self) -> OpeningKeys {
        self.opening_keys(&Capability::ALL)
    }

    /// The key that marks the ids of exports, so that a leaked one names the copy that it came from.
    pub fn canaries(&self) -> CanaryKey {
        CanaryKey::from_bytes(&self.body.canary_key.unwrap_or_default())
    }

    /// The custodian's id.
    pub fn custody(&self) -> CustodyId {
        self.custody
    }

    /// The custodian's verifying key.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.signing_key().verifying()
    }

    /// Signs for one purpose, such as an export's manifest. `context` names it, without a zero byte.
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        self.signing_key().sign(context, message)
    }

    /// Signs the card of one export.
    pub(crate) fn export_signer(&self) -> CardSigner {
        CardSigner::issue(&self.signing_key(), EXPORT_CARDS)
    }

    /// What the custodian has decided.
    pub fn policy(&self) -> &Policy {
        &self.body.policy
    }

    /// Decides anew. It holds for packs issued from now on: what is sealed keeps its term, and packs that are out keep
    /// the policy that they carry until they expire.
    ///
    /// Under dual control, loosening a limit takes the second holder, too ([`Policy::changes`]).
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) -> Result<(), KeyringError> {
        self.decide(policy, now)?;
        self.save().map(drop)
    }

    /// The same, not written yet.
    pub(super) fn decide(&mut self, policy: Policy, now: Timestamp) -> Result<(), KeyringError> {
        policy.check()?;
        let loosens = self.body.policy.changes(&policy).iter().any(|change| change.loosens);
        if let Some(barrier) = self.dual_barrier().filter(|_| loosens) {
            return Err(barrier);
        }
        self.body.policy = policy;
        self.shorten_epochs(now);
        Ok(())
    }

    /// What the keyring knows of its audit log, since it was last written.
    pub(crate) fn known_log(&self) -> Option<LogMark> {
        self.body.log
    }

    /// Takes note of the log as it is now, to be written when the keyring is.
    pub(crate) fn saw_log(&self, mark: LogMark) {
        *self.seen_log.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(mark);
    }

    /// Writes down what was seen of the log.
    pub(crate) fn remember_log(&mut self) -> Result<(), KeyringError> {
        self.save().map(drop)
    }

    /// Signs the text of a C2SP note: the audit log's checkpoints.
    pub(crate) fn sign_note(&self, text: &str) -> Signature {
        self.signing_key().sign_note(text)
    }

    /// Wraps the audit log's own keys. Derived from what lasts as long as the keyring; those keys are random.
    pub(crate) fn audit_key(&self) -> AuditKey {
        let key = Zeroizing::new(blake3::derive_key("safelight v1 audit keys", &self.body.signing_key));
        AuditKey::from_bytes(&key)
    }

    /// The custody folder.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// How often the keyring was written. A backup with a lower number is older.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation of the file that is there now: another command may have written it since this was opened.
    pub(crate) fn generation_on_disk(&self) -> Result<u64, KeyringError> {
        Ok(Parts::parse(&file::read_secret(&self.path)?)?.generation)
    }

    /// When the keyring was made.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_second(self.body.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.body.signing_key)
    }

    /// Writes the keyring, and says what became of the file before.
    pub(super) fn save(&mut self) -> Result<Remains, KeyringError> {
        self.lock_epochs()?;
        let seen = *self.seen_log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.body.log = seen.or(self.body.log);
        // Two writers wait for each other, and the second one sees that it is late.
        let _held = file::lock(&self.path)?;
        let found = self.generation_on_disk()?;
        if found != self.generation {
            return Err(KeyringError::Changed { found, expected: self.generation });
        }
        let bytes = self.next_bytes();
        Ok(file::replace_private(&self.path, &bytes).inspect_err(|_| self.generation = found)?)
    }

    /// The file's next generation.
    fn next_bytes(&mut self) -> Vec<u8> {
        self.generation += 1;
        let capacity = usize::try_from(padded_len(self.body.capacity() as u64)).expect("a keyring fits into memory");
        let mut plain = Zeroizing::new(Vec::with_capacity(capacity));
        minicbor::encode(&self.body, &mut *plain).expect("memory takes every write");
        let padded = capacity.max(plain.len());
        plain.resize(padded, 0);
        layout::assemble(self.custody, self.generation, &self.slots, &self.key, &plain)
    }
}

/// Where the keyring of a custody folder is, and its bytes.
pub(super) fn read_keyring(folder: &Path) -> Result<(PathBuf, Zeroizing<Vec<u8>>), KeyringError> {
    let path = folder.join(FILE_NAME);
    let bytes = file::read_secret(&path)?;
    Ok((path, bytes))
}

fn create_private_folder(path: &Path) -> Result<(), KeyringError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(path).map_err(FileError::on("create", path))?)
}
