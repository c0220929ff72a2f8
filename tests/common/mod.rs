//! What several integration tests need: a custodian, a site and captures.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod desk;
pub mod itinerary;
pub mod site;
pub mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safelight::audit::{AuditLog, Details, Look, PermittedKeys, Verb};
use safelight::custody::{EpochLength, Keyring, PackRequest, Passphrase, PassphraseCost, Policy, SitePack};
use safelight::frame::{Frame, Limits};
use safelight::geometry::PixelRect;
use safelight::redact::{Method, redact};
use safelight::seal::Capability;
use safelight::vault::record::{
    CaptureRecord, CatalogueRecord, IdentityRecord, PlateRecord, PseudonymRecord, RegionRecord, SceneRecord, Status,
};
use safelight::vault::{OpeningVault, Trust};
use tempfile::TempDir;

/// Quick to compute; never used for a real keyring.
pub const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
pub const PASSPHRASE: &str = "correct horse battery staple";

/// The default policy without an end of epochs, so that no test depends on the day of the month.
pub fn endless() -> Policy {
    Policy { epoch: EpochLength::Never, ..Policy::default() }
}

/// A custodian with one site, in a folder of their own.
pub struct Custodian {
    pub folder: TempDir,
    pub keyring: Keyring,
    pub pack: SitePack,
}

pub fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned())
}

impl Custodian {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = jiff::Timestamp::now();
        let custody = folder.path().join("custody");
        let mut keyring = Keyring::create(&custody, &passphrase(), CHEAP, endless(), now).expect("a keyring is made");
        let request = PackRequest { site: "North Bridge", valid_days: 30, now };
        let pack = keyring.issue_pack(&request, &folder.path().join("site.pack")).expect("a pack is issued");
        Self { folder, keyring, pack }
    }

    pub fn custody(&self) -> PathBuf {
        self.folder.path().join("custody")
    }

    pub fn vault(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// All keys, with an entry that permits to see everything in the vault.
    pub fn openly(&self) -> PermittedKeys {
        openly(&self.keyring, &self.vault(), &Capability::ALL)
    }
}

/// The keys of some capabilities, with an entry in the log that permits to see everything in the vault in `folder`.
pub fn openly(keyring: &Keyring, folder: &Path, capabilities: &[Capability]) -> PermittedKeys {
    let vault = OpeningVault::open(folder, Trust::Nobody).expect("a vault").card().vault;
    let details = Details { vault: Some(vault.0), ..Details::default() };
    let look =
        Look { verb: Verb::Identity, records: (1 << 40).into(), purpose: Some("a test"), details, over_budget: false };
    let recorded = AuditLog::of(keyring.folder()).record(keyring, &look).expect("recorded");
    recorded.permit().expect("within the budget").with(keyring.opening_keys(capabilities)).expect("its own keys")
}

/// Known plaintext that must never reach a disk.
pub const SECRET_PLATE: &str = "SECRETPLATE7";
pub const SECRET_NAME: &[u8] = b"lane3-secret-file-name.jpg";
pub const SECRET_PIXELS: &[u8] = b"\xff\xd8\xff\xe0 the original's own bytes";

/// A capture whose content follows from `number`.
pub fn capture(number: u64, class: Option<&str>) -> CaptureRecord {
    let original = [SECRET_PIXELS, &number.to_le_bytes(), &vec![number as u8; (number as usize * 37) % 5000]].concat();
    let mut id = [0xc0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let readable = number % 7 != 6;
    CaptureRecord {
        catalogue: CatalogueRecord {
            id,
            status: if readable { Status::Examined } else { Status::Unreadable },
            captured_at: Some(1_700_000_000_000 + number as i64),
            site: Some("North Bridge".to_owned()),
            lane: Some("3".to_owned()),
            direction: None,
            class: class.map(str::to_owned),
            width: 1280,
            height: 720,
            epoch: 1,
            regions: vec![RegionRecord {
                kind: 0,
                bounds: [10, 20, 300, 80],
                score: 97,
                pseudonyms: vec![PseudonymRecord { value: [number as u8; 16], probability: 91 }],
                blank: Some([0, 16, 320, 96]),
            }],
            sealed_by: Some("North Bridge".to_owned()),
            original: None,
            scene: None,
            effort: None,
        },
        scene: readable.then(|| SceneRecord {
            id,
            media_type: "image/jpeg".to_owned(),
            file: [b"a scene without plates ".as_slice(), &number.to_le_bytes()].concat(),
        }),
        identity: IdentityRecord {
            id,
            source_name: SECRET_NAME.to_vec(),
            blake3: *blake3::hash(&original).as_bytes(),
            method: 0,
            removed: original,
            plates: vec![PlateRecord { region: 0, texts: vec![SECRET_PLATE.to_owned()] }],
        },
    }
}

/// The same of a picture, whose scene keeps its bits and from which two areas were removed.
pub fn spliced(number: u64, class: Option<&str>) -> CaptureRecord {
    let original = site::photo(number as u32);
    let frame = Frame::decode(&original, &Limits::default()).expect("a picture");
    let areas = [PixelRect::new(64, 48, 32, 48), PixelRect::new(304, 176, 16, 16)];
    let redaction = redact(frame, &original, &areas).expect("redacted");
    assert_eq!(redaction.method, Method::Spliced);
    let mut record = capture(number, class);
    record.scene.as_mut().expect("a number of a capture with a scene").file = redaction.scene;
    record.identity.method = redaction.method.code();
    record.identity.blake3 = *blake3::hash(&original).as_bytes();
    record.identity.removed = redaction.removed.into_owned();
    record
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("a readable folder"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.into_path())
        .collect()
}

/// All that is below a folder, to be compared: kind, permissions, time and content of each, links not followed.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1) {
        let entry = entry.expect("a readable folder");
        let kind = entry.file_type();
        let metadata = entry.metadata().expect("metadata");
        let what = if kind.is_file() {
            let bytes = std::fs::read(entry.path()).expect("read");
            format!("{} of {:?}: {}", bytes.len(), metadata.modified().expect("a time"), blake3::hash(&bytes))
        } else if kind.is_symlink() {
            format!("link to {}", std::fs::read_link(entry.path()).expect("a link").display())
        } else {
            format!("{kind:?}")
        };
        all.insert(entry.path().strip_prefix(folder).expect("below").to_owned(), what);
    }
    all
}
