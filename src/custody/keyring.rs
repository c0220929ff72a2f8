//! The custodian's keyring: every private key there is, in one file, behind key slots.
//!
//! Layout (docs/vault-format.md): magic ‖ version ‖ suite ‖ slots' length ‖ custody id ‖ generation ‖ slots as CBOR ‖
//! the body's CBOR, padded and sealed under the keyring key with all before it as context.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::body::{Body, BucketBody, EpochBody, SiteBody};
use super::file::{self, FileError};
use super::opening::OpeningKeys;
use super::pack::{IssuedBucket, JournalKey, PackContents, PackError, SealingKey, SitePack};
use super::policy::{ClassPolicy, Month, Policy};
use super::policy_file::PolicyError;
use super::signing::{Signature, SigningKey, VerifyingKey};
use super::slot::{Credential, KeyringKey, Passphrase, PassphraseCost, PassphraseError, Slot};
use crate::pseudonym::{CanaryKey, Domain, EpochKeys, PseudonymRoot};
use crate::seal::{
    BucketId, Capability, CustodyId, JournalId, KeyId, PrivateKey, SUITE, SlotId, padded_len, random, secret_key,
};

const MAGIC: &[u8; 8] = b"SLKEY\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 40;

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
    custody: CustodyId,
    generation: u64,
    slots: Vec<Slot>,
    key: KeyringKey,
    body: Body,
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
        };
        let (custody, key) = (signing.verifying().custody(), KeyringKey::generate());
        let slots = vec![Slot::with_passphrase(passphrase, cost, &key, custody).ok_or(KeyringError::Cost)?];
        let mut keyring = Self { path, custody, generation: 0, slots, key, body };
        create_private_folder(folder)?;
        let bytes = keyring.next_bytes();
        file::create_private(&keyring.path, &bytes)?;
        Ok(keyring)
    }

    /// Opens the keyring of a custody folder with whatever one of its slots takes.
    pub fn open<'a>(folder: &Path, with: impl Into<Credential<'a>>) -> Result<Self, KeyringError> {
        let path = folder.join(FILE_NAME);
        let bytes = file::read_secret(&path)?;
        let mut parts = Parts::parse(&bytes)?;
        let (custody, with) = (parts.custody, with.into());
        let key =
            parts.slots.iter_mut().find_map(|slot| slot.open(with, custody)).ok_or(KeyringError::WrongPassphrase)?;
        let cipher = cobblestone::Key256::from_bytes(key.expose());
        let plain =
            cobblestone::decrypt(&cipher, &context(parts.head), parts.sealed).map_err(|_| KeyringError::Damaged)?;
        let plain = Zeroizing::new(plain);
        let body: Body = minicbor::decode(&plain).map_err(|_| KeyringError::Damaged)?;
        if body.epochs.is_empty() || SigningKey::from_bytes(&body.signing_key).verifying().custody() != parts.custody {
            return Err(KeyringError::Damaged);
        }
        let Parts { custody, generation, slots, .. } = parts;
        Ok(Self { path, custody, generation, slots, key, body })
    }

    /// Whose keyring a custody folder holds, without opening it.
    pub fn custody_of(folder: &Path) -> Result<CustodyId, KeyringError> {
        Ok(Parts::parse(&file::read_secret(&folder.join(FILE_NAME))?)?.custody)
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
                    buckets.push(self.bucket(class, capability, expiry, now));
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

    /// Takes out the private keys of some capabilities: search asks for the catalogue's only.
    pub fn opening_keys(&self, capabilities: &[Capability]) -> OpeningKeys {
        let mut keys = OpeningKeys::default();
        for bucket in &self.body.buckets {
            if capabilities.iter().any(|c| c.tag() == bucket.capability) {
                keys.insert(KeyId(bucket.key), PrivateKey::from_bytes(&bucket.private));
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

    /// Exchanges the keyring key for a fresh one, wrapped for every slot, and writes the keyring. Needs no slot's secret.
    /// An older copy of the file still opens as before: whoever wants to be rid of what it holds destroys it.
    pub fn rotate_key(&mut self) -> Result<(), KeyringError> {
        let key = KeyringKey::generate();
        let mut slots = self.slots.clone();
        for slot in &mut slots {
            slot.rewrap(&key, self.custody).ok_or(KeyringError::Slot { slot: SlotId(slot.id) })?;
        }
        (self.key, self.slots) = (key, slots);
        self.save()
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.body.signing_key)
    }

    fn current_epoch(&self) -> u32 {
        self.body.epochs.last().map_or(1, |epoch| epoch.number)
    }

    /// The newest bucket of that class, capability and month; made when there is none.
    fn bucket(&mut self, class: &ClassPolicy, capability: Capability, expiry: Month, now: Timestamp) -> IssuedBucket {
        let found = self.body.buckets.iter().rposition(|bucket| {
            bucket.class == class.name && bucket.capability == capability.tag() && bucket.expiry == expiry
        });
        let at = found.unwrap_or_else(|| {
            let private = PrivateKey::generate();
            self.body.buckets.push(BucketBody {
                bucket: random(),
                key: private.public().id().0,
                class: class.name.clone(),
                expiry,
                capability: capability.tag(),
                private: *private.expose(),
                created: now.as_second(),
            });
            self.body.buckets.len() - 1
        });
        let bucket = &self.body.buckets[at];
        let key = PrivateKey::from_bytes(&bucket.private).public();
        IssuedBucket {
            class: class.name.clone(),
            expiry,
            sealing: SealingKey { capability, bucket: BucketId(bucket.bucket), key },
        }
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

    fn save(&mut self) -> Result<(), KeyringError> {
        let bytes = self.next_bytes();
        Ok(file::replace_private(&self.path, &bytes)?)
    }

    /// The file's next generation.
    fn next_bytes(&mut self) -> Vec<u8> {
        self.generation += 1;
        let mut slots = Vec::new();
        minicbor::encode(&self.slots, &mut slots).expect("memory takes every write");

        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&SUITE.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(slots.len()).expect("slots are small").to_le_bytes());
        bytes.extend_from_slice(&self.custody.0);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&slots);

        let capacity = usize::try_from(padded_len(self.body.capacity() as u64)).expect("a keyring fits into memory");
        let mut plain = Zeroizing::new(Vec::with_capacity(capacity));
        minicbor::encode(&self.body, &mut *plain).expect("memory takes every write");
        let padded = capacity.max(plain.len());
        plain.resize(padded, 0);
        let cipher = cobblestone::Key256::from_bytes(self.key.expose());
        let sealed = cobblestone::encrypt(&cipher, &context(&bytes), &plain).expect("a keyring is no petabyte");
        bytes.extend_from_slice(&sealed);
        bytes
    }
}

/// A keyring file's parts.
struct Parts<'a> {
    custody: CustodyId,
    generation: u64,
    slots: Vec<Slot>,
    head: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, KeyringError> {
        if !bytes.starts_with(MAGIC) {
            return Err(KeyringError::NotAKeyring);
        }
        let head = bytes.first_chunk::<HEAD_LEN>().ok_or(KeyringError::Damaged)?;
        let [found, suite] = [8, 10].map(|at| u16::from_le_bytes([head[at], head[at + 1]]));
        if found != VERSION || suite != SUITE {
            return Err(KeyringError::Version { found });
        }
        let slots_len = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        let slots_end = usize::try_from(slots_len).ok().and_then(|len| len.checked_add(HEAD_LEN));
        let (head_and_slots, sealed) =
            slots_end.and_then(|end| bytes.split_at_checked(end)).ok_or(KeyringError::Damaged)?;
        let (custody, generation) = head[16..].split_first_chunk::<16>().ok_or(KeyringError::Damaged)?;
        let generation = generation.first_chunk::<8>().ok_or(KeyringError::Damaged)?;
        Ok(Self {
            custody: CustodyId(*custody),
            generation: u64::from_le_bytes(*generation),
            slots: minicbor::decode(&head_and_slots[HEAD_LEN..]).map_err(|_| KeyringError::Damaged)?,
            head: head_and_slots,
            sealed,
        })
    }
}

fn context(head: &[u8]) -> Vec<u8> {
    [b"safelight v1 keyring body\0".as_slice(), blake3::hash(head).as_bytes()].concat()
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
