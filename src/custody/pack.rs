//! The site pack: what a lane server needs in order to seal and to pseudonymise, and nothing with which it could open.
//!
//! Layout (docs/vault-format.md): magic ‖ version ‖ suite ‖ length ‖ CBOR ‖ Ed25519 signature of all before.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::epoch::Epoch;
use super::file::{self, FileError};
use super::policy::{ClassPolicy, Month, Policy};
use super::signing::{CardSigner, SITE_CARDS, Signature, SigningKey, VerifyingKey};
use crate::capture::Effort;
use crate::pseudonym::{EpochKeys, FaceKey, PlateKey};
use crate::seal::{BucketId, Capability, CustodyId, JournalId, PublicKey, SUITE, secret_key};

const MAGIC: &[u8; 8] = b"SLPCK\r\n\x1a";
const VERSION: u16 = 1;
const HEAD_LEN: usize = 16;
const SIGNATURE_LEN: usize = 64;
const SIGNATURE_CONTEXT: &str = "safelight v1 site pack";

/// A pack whose clock is behind the custodian's by no more than this is believed: clocks of lane servers drift.
const CLOCK_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

secret_key! {
    /// Keys a site's journal: which originals it has sealed. Not usable to open anything.
    pub struct JournalKey
}

/// A site pack cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is some other file.
    #[error("this is not a site pack")]
    NotAPack,
    /// It was written by a later version.
    #[error("this site pack has format {found}, and this version reads format 1")]
    Version {
        /// The file's format version.
        found: u16,
    },
    /// It is cut or altered: the custodian did not sign these bytes.
    #[error("this site pack was altered or cut: its signature does not hold")]
    Damaged,
    /// The pseudonym epoch that it is for is over, and its time with it.
    #[error("this site pack expired on {until:.0}, with pseudonym epoch {epoch}")]
    EpochOver {
        /// The pack's epoch.
        epoch: u32,
        /// When it ended.
        until: Timestamp,
    },
    /// Its time is over.
    #[error("this site pack expired on {until:.0}")]
    Expired {
        /// When it expired.
        until: Timestamp,
    },
    /// Its time has not begun, or this machine's clock is behind.
    #[error("this site pack is for the time from {from:.0} on, and this machine's clock says {now:.0}")]
    NotYetValid {
        /// When it was issued, or its epoch begins.
        from: Timestamp,
        /// The machine's time.
        now: Timestamp,
    },
}

/// The public half of one bucket, with what the site must know of it.
#[derive(Clone)]
pub struct SealingKey {
    /// What it seals.
    pub capability: Capability,
    /// The bucket.
    pub bucket: BucketId,
    /// The public key.
    pub key: PublicKey,
}

/// What a site holds.
pub struct SitePack {
    verifying: VerifyingKey,
    site: String,
    epoch_keys: EpochKeys,
    journal: JournalId,
    journal_key: JournalKey,
    signer: Option<CardSigner>,
    schedule: Arc<Schedule>,
}

/// The part of a pack that is no secret: which public key seals what, and until when it may.
pub struct Schedule {
    issued: Timestamp,
    until: Timestamp,
    epoch: Epoch,
    policy: Policy,
    buckets: Vec<IssuedBucket>,
}

/// A bucket's public half in a pack.
pub(super) struct IssuedBucket {
    pub class: String,
    pub expiry: Month,
    pub sealing: SealingKey,
}

/// What the custodian puts into a pack.
pub(super) struct PackContents {
    pub site: String,
    pub issued: Timestamp,
    pub until: Timestamp,
    pub epoch: Epoch,
    pub epoch_keys: EpochKeys,
    pub journal: JournalId,
    pub journal_key: JournalKey,
    pub policy: Policy,
    pub buckets: Vec<IssuedBucket>,
}

impl SitePack {
    /// Reads a pack and verifies the signature that it carries. Whether its custodian is the right one, the vault
    /// tells; whether its time is right, [`Self::check_usable`].
    pub fn read(path: &Path) -> Result<Self, PackError> {
        Self::from_bytes(&file::read_secret(path)?)
    }

    /// Writes the pack to a file that must not exist, readable by its owner only.
    pub(super) fn create(path: &Path, contents: PackContents, key: &SigningKey) -> Result<Self, PackError> {
        let signer = CardSigner::issue(key, SITE_CARDS);
        let bytes = signed_bytes(&contents, &signer, key);
        file::create_private(path, &bytes)?;
        Ok(Self::from_contents(contents, key.verifying(), Some(signer)))
    }

    fn from_contents(contents: PackContents, verifying: VerifyingKey, signer: Option<CardSigner>) -> Self {
        let PackContents { site, issued, until, epoch, epoch_keys, journal, journal_key, policy, buckets } = contents;
        let schedule = Arc::new(Schedule { issued, until, epoch, policy, buckets });
        Self { verifying, site, epoch_keys, journal, journal_key, signer, schedule }
    }

    /// The pack that these bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PackError> {
        if !bytes.starts_with(MAGIC) {
            return Err(PackError::NotAPack);
        }
        let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>().ok_or(PackError::Damaged)?;
        let [found, suite] = [8, 10].map(|at| u16::from_le_bytes([head[at], head[at + 1]]));
        if found != VERSION || suite != SUITE {
            return Err(PackError::Version { found });
        }
        let (body, signature) = rest.split_last_chunk::<SIGNATURE_LEN>().ok_or(PackError::Damaged)?;
        let stated = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        if usize::try_from(stated).ok() != Some(body.len()) {
            return Err(PackError::Damaged);
        }
        let body: Body = minicbor::decode(body).map_err(|_| PackError::Damaged)?;
        let signed = &bytes[..bytes.len() - SIGNATURE_LEN];
        let verifying = VerifyingKey(body.verifying);
        if !verifying.verifies(SIGNATURE_CONTEXT, signed, &Signature(*signature)) {
            return Err(PackError::Damaged);
        }
        let contents = body.contents().ok_or(PackError::Damaged)?;
        let signer = body.card_key.as_ref().zip(body.card_certificate);
        let signer = signer.map(|(key, certificate)| CardSigner::from_parts(key, certificate));
        Ok(Self::from_contents(contents, verifying, signer))
    }

    /// Whether the pack may be used now.
    pub fn check_usable(&self, now: Timestamp) -> Result<(), PackError> {
        self.schedule.check_usable(now)
    }

    /// The site's name.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The custodian who issued it.
    pub fn custody(&self) -> CustodyId {
        self.verifying.custody()
    }

    /// The custodian's verifying key, which a vault pins on first use.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.verifying
    }

    /// The pseudonym epoch that it is for: whoever steals it can enumerate plates of that one, and no other.
    pub fn epoch(&self) -> Epoch {
        self.schedule.epoch
    }

    /// That epoch's pseudonym keys.
    pub fn epoch_keys(&self) -> &EpochKeys {
        &self.epoch_keys
    }

    /// The site's journal.
    pub fn journal(&self) -> JournalId {
        self.journal
    }

    /// Signs the card of a vault that the site makes; the first packs have none, and make unsigned cards.
    pub(crate) fn card_signer(&self) -> Option<&CardSigner> {
        self.signer.as_ref()
    }

    /// The key of the site's journal.
    pub fn journal_key(&self) -> &JournalKey {
        &self.journal_key
    }

    /// Which public key seals what, and until when.
    pub fn schedule(&self) -> &Arc<Schedule> {
        &self.schedule
    }
}

impl Schedule {
    /// Whether the pack may be used now.
    pub fn check_usable(&self, now: Timestamp) -> Result<(), PackError> {
        let Self { until, epoch, .. } = *self;
        if now >= until {
            let over = epoch.until.is_some_and(|end| end <= until);
            return Err(if over {
                PackError::EpochOver { epoch: epoch.number, until }
            } else {
                PackError::Expired { until }
            });
        }
        // Of the two, the later: a pack may be issued ahead.
        let from = self.issued.max(epoch.since);
        if now < from - CLOCK_TOLERANCE {
            return Err(PackError::NotYetValid { from, now });
        }
        Ok(())
    }

    /// When it was issued.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// When it expires.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// How hard sites look at least.
    pub fn effort(&self) -> Effort {
        self.policy.effort()
    }

    /// The retention classes that may be named in `captures.csv`.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.policy.classes.iter().map(|class| class.name.as_str())
    }

    /// The terms of the named class, or of the default class when none is named.
    pub fn class(&self, name: Option<&str>) -> Option<&ClassPolicy> {
        self.policy.class(name)
    }

    /// The month with which the keys of a bucket expire, if it is one of this pack's.
    pub(crate) fn expiry(&self, bucket: BucketId) -> Option<Month> {
        self.buckets.iter().find(|issued| issued.sealing.bucket == bucket).map(|issued| issued.expiry)
    }

    /// The public key for one capability of a class, for records sealed at `sealed`; `None` when the custodian issued
    /// none, which an unexpired pack does not let happen.
    pub fn sealing_key(&self, class: &ClassPolicy, capability: Capability, sealed: Timestamp) -> Option<&SealingKey> {
        let expiry = class.retention(capability).expiry(sealed);
        self.buckets
            .iter()
            .find(|b| b.sealing.capability == capability && b.expiry == expiry && b.class == class.name)
            .map(|b| &b.sealing)
    }
}

#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
struct Body {
    #[cbor(n(0), with = "minicbor::bytes")]
    verifying: [u8; 32],
    #[n(1)]
    site: String,
    /// Seconds since 1970 UTC, as all times here.
    #[n(2)]
    issued: i64,
    #[n(3)]
    until: i64,
    #[n(4)]
    epoch: u32,
    #[cbor(n(5), with = "minicbor::bytes")]
    plate_key: [u8; 32],
    #[cbor(n(6), with = "minicbor::bytes")]
    face_key: [u8; 32],
    #[cbor(n(7), with = "minicbor::bytes")]
    journal: [u8; 16],
    #[cbor(n(8), with = "minicbor::bytes")]
    journal_key: [u8; 32],
    #[n(9)]
    #[zeroize(skip)]
    policy: Policy,
    #[n(10)]
    #[zeroize(skip)]
    buckets: Vec<BucketBody>,
    /// Absent, as in the first packs: since it was issued.
    #[n(11)]
    epoch_since: Option<i64>,
    /// Absent: until a rotation.
    #[n(12)]
    epoch_until: Option<i64>,
    /// The seed of the key that signs cards, and the custodian's signature over its public half.
    #[cbor(n(13), with = "minicbor::bytes")]
    card_key: Option<[u8; 32]>,
    #[cbor(n(14), with = "minicbor::bytes")]
    card_certificate: Option<[u8; 64]>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct BucketBody {
    #[n(0)]
    class: String,
    #[n(1)]
    capability: u8,
    #[n(2)]
    expiry: Month,
    #[cbor(n(3), with = "minicbor::bytes")]
    bucket: [u8; 16],
    #[cbor(n(4), with = "minicbor::bytes")]
    public: Vec<u8>,
}

impl Body {
    fn of(contents: &PackContents, signer: &CardSigner, verifying: VerifyingKey) -> Self {
        let (card_key, card_certificate) = signer.parts();
        let (epoch, plate, face) = contents.epoch_keys.parts();
        Self {
            verifying: verifying.0,
            site: contents.site.clone(),
            issued: contents.issued.as_second(),
            until: contents.until.as_second(),
            epoch,
            plate_key: *plate.expose(),
            face_key: *face.expose(),
            journal: contents.journal.0,
            journal_key: *contents.journal_key.expose(),
            policy: contents.policy.clone(),
            buckets: contents.buckets.iter().map(BucketBody::of).collect(),
            epoch_since: Some(contents.epoch.since.as_second()),
            epoch_until: contents.epoch.until.map(Timestamp::as_second),
            card_key: Some(*card_key),
            card_certificate: Some(card_certificate),
        }
    }

    /// `None` when a value is out of its range.
    fn contents(&self) -> Option<PackContents> {
        let buckets = self.buckets.iter().map(BucketBody::issued).collect::<Option<Vec<_>>>()?;
        Some(PackContents {
            site: self.site.clone(),
            issued: Timestamp::from_second(self.issued).ok()?,
            until: Timestamp::from_second(self.until).ok()?,
            epoch: Epoch {
                number: self.epoch,
                since: Timestamp::from_second(self.epoch_since.unwrap_or(self.issued)).ok()?,
                until: self.epoch_until.map(Timestamp::from_second).transpose().ok()?,
            },
            epoch_keys: EpochKeys::new(
                self.epoch,
                PlateKey::from_bytes(&self.plate_key),
                FaceKey::from_bytes(&self.face_key),
            ),
            journal: JournalId(self.journal),
            journal_key: JournalKey::from_bytes(&self.journal_key),
            policy: self.policy.clone(),
            buckets,
        })
    }
}

impl BucketBody {
    fn of(bucket: &IssuedBucket) -> Self {
        Self {
            class: bucket.class.clone(),
            capability: bucket.sealing.capability.tag(),
            expiry: bucket.expiry,
            bucket: bucket.sealing.bucket.0,
            public: bucket.sealing.key.to_bytes(),
        }
    }

    fn issued(&self) -> Option<IssuedBucket> {
        Some(IssuedBucket {
            class: self.class.clone(),
            expiry: self.expiry,
            sealing: SealingKey {
                capability: Capability::from_tag(self.capability)?,
                bucket: BucketId(self.bucket),
                key: PublicKey::from_bytes(&self.public).ok()?,
            },
        })
    }
}

fn signed_bytes(contents: &PackContents, signer: &CardSigner, key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let body = Body::of(contents, signer, key.verifying());
    // Large enough not to grow, which would leave copies of the keys behind.
    let capacity = 4096 + contents.buckets.iter().map(|b| 1400 + b.class.len()).sum::<usize>() + contents.site.len();
    let mut cbor = Zeroizing::new(Vec::with_capacity(capacity));
    minicbor::encode(&body, &mut *cbor).expect("memory takes every write");
    let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD_LEN + cbor.len() + SIGNATURE_LEN));
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&SUITE.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(cbor.len()).expect("a pack is small").to_le_bytes());
    bytes.extend_from_slice(&cbor);
    let signature = key.sign(SIGNATURE_CONTEXT, &bytes);
    bytes.extend_from_slice(&signature.0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::{Keyring, PackRequest, Passphrase, PassphraseCost};

    /// What a site holds, byte for byte: public halves, this epoch's pseudonym keys and its own keys; nothing that opens, nothing
    /// that signs as the custodian, and no other epoch's keys.
    #[test]
    fn a_pack_holds_no_private_key_and_no_other_epochs() {
        let dir = tempfile::tempdir().expect("a folder");
        let now = Timestamp::now();
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = Passphrase::new("correct horse battery staple".to_owned());
        let mut keyring = Keyring::create(dir.path(), &passphrase, cost, Policy::default(), now).expect("made");
        let request = PackRequest { site: "North Bridge", valid_days: 90, now };
        for name in ["first.pack", "second.pack"] {
            keyring.issue_pack(&request, &dir.path().join(name)).expect("issued");
            keyring.rotate(None, now).expect("a second epoch begins");
        }
        let bytes = std::fs::read(dir.path().join("first.pack")).expect("read");
        let holds = |key: &[u8]| bytes.windows(key.len()).any(|window| window == key);
        let body = &keyring.body;
        let epoch = |at: usize| body.epochs[at].keys.expect("not locked");
        assert!(holds(&epoch(0)[..32]) && holds(&epoch(0)[32..]), "the search finds what is there");
        assert!(!holds(&epoch(1)[..32]) && !holds(&epoch(1)[32..]));
        let privates: Vec<_> = body.buckets.iter().map(|bucket| bucket.private.expect("not locked")).collect();
        assert!(privates.len() >= 12 && !privates.iter().any(|private| holds(private)), "{}", privates.len());
        assert!(!holds(&body.signing_key) && !holds(&body.canary_key.expect("its own")));
        let pack = SitePack::read(&dir.path().join("first.pack")).expect("read");
        let public = |bucket: &IssuedBucket| holds(&bucket.sealing.key.to_bytes());
        assert!(!pack.schedule.buckets.is_empty() && pack.schedule.buckets.iter().all(public));
    }
}
