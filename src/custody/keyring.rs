//! The custodian's keyring: every private key there is, in one file, behind key slots.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::body::{Body, BucketBody, EpochBody, SiteBody};
use super::dual::OpenLock;
use super::file::{self, FileError};
use super::layout::{self, Parts};
use super::opening::OpeningKeys;
use super::pack::{IssuedBucket, JournalKey, PackContents, PackError, SealingKey, SitePack};
use super::policy::{ClassPolicy, Month, Policy};
use super::policy_file::PolicyError;
use super::signing::{Signature, SigningKey, VerifyingKey};
use super::slot::{
    Credential, GuardedKey, Passphrase, PassphraseCost, PassphraseError, QuorumError, Slot, SlotDraft, SlotRole,
    SlotTerms,
};
use super::slots::unopened;
use crate::pseudonym::{CanaryKey, Domain, EpochKeys, PseudonymRoot};
use crate::seal::{
    BucketId, Capability, CustodyId, JournalId, KeyId, PrivateKey, SlotId, padded_len, random, secret_key,
};

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
    #[error("this keyring has format {found}, and this version reads format 1")]
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
    #[error("identities of this custodian open with two slots only, and the second was not opened")]
    SecondSlotNeeded,
    /// No second slot opens.
    #[error("this opens no second slot of this keyring")]
    WrongSecond,
    /// There is none.
    #[error("this keyring has no second slot")]
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
    #[error("a site pack cannot be valid for {days} days")]
    Term {
        /// The days asked for.
        days: u32,
    },
    /// The site's name is empty or too long.
    #[error("a site's name has 1 to 100 characters")]
    SiteName,
    /// The policy contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The pack cannot be written.
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// An unlocked keyring.
pub struct Keyring {
    path: PathBuf,
    generation: u64,
    pub(super) custody: CustodyId,
    pub(super) slots: Vec<Slot>,
    pub(super) opened_by: Option<SlotId>,
    pub(super) key: GuardedKey,
    pub(super) body: Body,
    /// The identities' lock, when a second slot was opened.
    pub(super) lock: Option<OpenLock>,
}

/// What a new pack is for.
pub struct PackRequest<'a> {
    /// The site's name.
    pub site: &'a str,
    /// For how many days from `now` it may be used.
    pub valid_days: u32,
    /// When it is issued.
    pub now: Timestamp,
}

/// What may be shown of a keyring.
#[derive(Clone, Debug)]
pub struct KeyringSummary {
    /// The custodian.
    pub custody: CustodyId,
    /// When the keyring was made.
    pub created: Timestamp,
    /// The current pseudonym epoch.
    pub epoch: u32,
    /// How long what is kept.
    pub policy: Policy,
    /// Number of private keys by capability, in [`Capability::ALL`]'s order.
    pub keys: [usize; 3],
    /// Expiry months of the buckets with the first and last to fall due, when there are any.
    pub due: Option<(Month, Month)>,
    /// The sites.
    pub sites: Vec<SiteSummary>,
}

/// What may be shown of a site.
#[derive(Clone, Debug)]
pub struct SiteSummary {
    /// Its name.
    pub name: String,
    /// Packs issued so far.
    pub packs: u32,
    /// When the latest was issued.
    pub issued: Timestamp,
    /// When the latest expires.
    pub until: Timestamp,
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
        passphrase.check_strength()?;
        policy.check()?;
        let path = folder.join(FILE_NAME);
        if path.exists() {
            return Err(KeyringError::Exists { path: folder.to_owned() });
        }
        let signing = SigningKey::generate();
        let body = Body {
            signing_key: *signing.expose(),
            pseudonym_root: *PseudonymRoot::generate().expose(),
            created: now.as_second(),
            policy,
            epochs: vec![EpochBody { number: 1, since: now.as_second() }],
            buckets: Vec::new(),
            sites: Vec::new(),
            identity_lock: None,
        };
        let (custody, key) = (signing.verifying().custody(), GuardedKey::generate());
        let terms = SlotTerms { role: SlotRole::First, label: None, now };
        let mut slot = SlotDraft::with_passphrase(passphrase, cost, custody, terms).ok_or(KeyringError::Cost)?.0;
        slot.guard(&key, custody).expect("a slot just made is sound");
        let (slots, opened_by) = (vec![slot], None);
        let mut keyring = Self { path, custody, generation: 0, slots, opened_by, key, body, lock: None };
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
        let body: Body = minicbor::decode(&plain).map_err(|_| KeyringError::Damaged)?;
        if body.epochs.is_empty() || SigningKey::from_bytes(&body.signing_key).verifying().custody() != custody {
            return Err(KeyringError::Damaged);
        }
        Ok(Self { path, custody, generation, slots, opened_by: Some(opened_by), key, body, lock: None })
    }

    /// Whose keyring a custody folder holds, without opening it.
    pub fn custody_of(folder: &Path) -> Result<CustodyId, KeyringError> {
        Ok(Parts::parse(&read_keyring(folder)?.1)?.custody)
    }

    /// Issues a site pack, with the buckets that the site will need until the pack expires, and writes it to `to`.
    ///
    /// The keyring is written first: no pack exists whose private keys could be lost.
    pub fn issue_pack(&mut self, request: &PackRequest<'_>, to: &Path) -> Result<SitePack, KeyringError> {
        let PackRequest { site, valid_days, now } = *request;
        if site.is_empty() || site.chars().count() > 100 {
            return Err(KeyringError::SiteName);
        }
        let term = SignedDuration::from_hours(24 * i64::from(valid_days));
        let until = now.checked_add(term).map_err(|_| KeyringError::Term { days: valid_days })?;
        if valid_days == 0 || valid_days > 3660 {
            return Err(KeyringError::Term { days: valid_days });
        }
        if to.exists() {
            return Err(FileError::on("create", to)(std::io::Error::new(
                std::io::ErrorKind::AlreadyExists,
                "it exists already",
            ))
            .into());
        }
        let policy = self.body.policy.clone();
        let mut buckets = Vec::new();
        for class in &policy.classes {
            for capability in Capability::ALL {
                for expiry in months_needed(class, capability, now, until) {
                    buckets.push(self.bucket(class, capability, expiry, now)?);
                }
            }
        }
        let at = self.site(site);
        let record = &mut self.body.sites[at];
        (record.issued, record.until) = (now.as_second(), until.as_second());
        record.packs += 1;
        let (journal, journal_key) = (JournalId(record.journal), JournalKey::from_bytes(&record.journal_key));
        self.save()?;
        let epoch_keys = self.epoch_keys(Domain::HOME, self.current_epoch());
        let contents = PackContents {
            site: site.to_owned(),
            issued: now,
            until,
            epoch_keys,
            journal,
            journal_key,
            policy,
            buckets,
        };
        Ok(SitePack::create(to, contents, &self.signing_key())?)
    }

    /// Takes out the private keys of some capabilities: search asks for the catalogue's only. Under dual control those of
    /// identities are among them when a second slot was opened.
    pub fn opening_keys(&self, capabilities: &[Capability]) -> OpeningKeys {
        let mut keys = OpeningKeys::default();
        for bucket in &self.body.buckets {
            let barred = bucket.capability == Capability::Identity.tag() && self.identity_barrier().is_some();
            if !barred
                && capabilities.iter().any(|c| c.tag() == bucket.capability)
                && let Some(private) = bucket.private(self.lock.as_ref(), self.custody)
            {
                keys.insert(KeyId(bucket.key), private);
            }
        }
        keys
    }

    /// Pseudonym keys of a domain and epoch.
    pub fn epoch_keys(&self, domain: Domain, epoch: u32) -> EpochKeys {
        PseudonymRoot::from_bytes(&self.body.pseudonym_root).keys(domain, epoch)
    }

    /// The key that marks the ids of exports, so that a leaked one names the copy that it came from.
    pub fn canaries(&self) -> CanaryKey {
        PseudonymRoot::from_bytes(&self.body.pseudonym_root).canaries()
    }

    /// All epochs so far, oldest first.
    pub fn epochs(&self) -> impl Iterator<Item = u32> {
        self.body.epochs.iter().map(|epoch| epoch.number)
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

    /// What the custodian has decided.
    pub fn policy(&self) -> &Policy {
        &self.body.policy
    }

    /// Decides anew. It holds for packs issued from now on: what is sealed keeps its term, and packs that are out keep
    /// the policy that they carry until they expire.
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), KeyringError> {
        policy.check()?;
        self.body.policy = policy;
        self.save()
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

    /// How often the keyring was written.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When the keyring was made.
    pub fn created(&self) -> Timestamp {
        Timestamp::from_second(self.body.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// What may be shown.
    pub fn summary(&self) -> KeyringSummary {
        let time = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let expiries = || self.body.buckets.iter().map(|bucket| bucket.expiry);
        KeyringSummary {
            custody: self.custody,
            created: time(self.body.created),
            epoch: self.current_epoch(),
            policy: self.body.policy.clone(),
            keys: Capability::ALL.map(|c| self.body.buckets.iter().filter(|b| b.capability == c.tag()).count()),
            due: expiries().min().zip(expiries().max()),
            sites: self
                .body
                .sites
                .iter()
                .map(|site| SiteSummary {
                    name: site.name.clone(),
                    packs: site.packs,
                    issued: time(site.issued),
                    until: time(site.until),
                })
                .collect(),
        }
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.body.signing_key)
    }

    fn current_epoch(&self) -> u32 {
        self.body.epochs.last().map_or(1, |epoch| epoch.number)
    }

    /// The newest bucket of that class, capability and month; made when there is none.
    fn bucket(
        &mut self,
        class: &ClassPolicy,
        capability: Capability,
        expiry: Month,
        now: Timestamp,
    ) -> Result<IssuedBucket, KeyringError> {
        let found = self.body.buckets.iter().rposition(|bucket| {
            bucket.class == class.name && bucket.capability == capability.tag() && bucket.expiry == expiry
        });
        let at = match found {
            Some(at) => at,
            None => {
                let private = PrivateKey::generate();
                let mut bucket = BucketBody {
                    bucket: random(),
                    key: private.public().id().0,
                    class: class.name.clone(),
                    expiry,
                    capability: capability.tag(),
                    private: None,
                    created: now.as_second(),
                    locked: None,
                };
                let lock = self.body.identity_lock.as_ref();
                bucket.keep(&private, lock, self.custody).map_err(|_| KeyringError::Damaged)?;
                self.body.buckets.push(bucket);
                self.body.buckets.len() - 1
            }
        };
        let bucket = &self.body.buckets[at];
        let key = bucket.public().map_err(|_| KeyringError::Damaged)?;
        let sealing = SealingKey { capability, bucket: BucketId(bucket.bucket), key };
        Ok(IssuedBucket { class: class.name.clone(), expiry, sealing })
    }

    /// Where the site stands in the list; a new one is given a journal, which it keeps from pack to pack.
    fn site(&mut self, name: &str) -> usize {
        let found = self.body.sites.iter().position(|site| site.name == name);
        found.unwrap_or_else(|| {
            self.body.sites.push(SiteBody {
                name: name.to_owned(),
                journal: JournalId::random().0,
                journal_key: *JournalKey::generate().expose(),
                issued: 0,
                until: 0,
                packs: 0,
            });
            self.body.sites.len() - 1
        })
    }

    pub(super) fn save(&mut self) -> Result<(), KeyringError> {
        let bytes = self.next_bytes();
        Ok(file::replace_private(&self.path, &bytes)?)
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

/// Every expiry month that a record sealed within the pack's term may get. A day is added at both ends for clocks that
/// are off.
fn months_needed(class: &ClassPolicy, capability: Capability, from: Timestamp, until: Timestamp) -> Vec<Month> {
    let day = SignedDuration::from_hours(24);
    let retention = class.retention(capability);
    let first = retention.expiry(from.checked_sub(day).unwrap_or(from));
    let last = retention.expiry(until.checked_add(day).unwrap_or(until));
    let mut months = vec![first];
    while let Some(&month) = months.last().filter(|&&month| month < last) {
        months.push(month.next());
    }
    months
}

fn create_private_folder(path: &Path) -> Result<(), KeyringError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(path).map_err(FileError::on("create", path))?)
}
