//! A custodian's audit log, whose clock can be turned and whose files can be tampered with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use safelight::audit::{
    AuditError, AuditFault, AuditLog, AuditReport, Details, LogKey, Look, Recorded, Verb, Verification, verify,
};

use super::store::{Fate, FatedStore};
use super::{CHEAP, Custodian, SECRET_PLATE, endless, files_below};
use safelight::custody::{Egress, Passphrase, Policy, PurposeBudget, SlotRole, SlotTerms};

/// A custodian with a log whose clock can be turned.
pub struct Desk {
    pub custodian: Custodian,
    pub fate: Arc<Fate>,
}

impl Desk {
    pub fn new() -> Self {
        Self { custodian: Custodian::new(), fate: Fate::kind() }
    }

    /// With a policy that lets 150 records a day leave, and 100 for each of some purposes.
    pub fn limited() -> Self {
        let mut desk = Self::with(1);
        let own = |name: &&str| PurposeBudget { name: (*name).to_owned(), records_per_day: 100 };
        let purposes = ["a test", "one", "two", "three"].iter().map(own).collect();
        let egress = Egress { records_per_day: 150, purposes, listed_per_day: Some(5) };
        let policy = Policy { egress: Some(egress), ..endless() };
        desk.custodian.keyring.set_policy(policy, Timestamp::now()).expect("decided");
        desk
    }

    /// A second holder comes, and stays.
    pub fn with_second(mut self) -> Self {
        let keyring = &mut self.custodian.keyring;
        let second = Passphrase::new("the comptroller's own".to_owned());
        let terms = SlotTerms { role: SlotRole::Second, label: None, now: Timestamp::now() };
        let draft = keyring.draft_passphrase_slot(&second, CHEAP, terms).expect("drafted");
        keyring.add_slot(draft).expect("added");
        keyring.unlock_second(&second).expect("opened");
        self
    }

    /// With a log of so many entries.
    pub fn with(entries: u64) -> Self {
        let desk = Self::new();
        for number in 1..entries {
            desk.look(Verb::Open, number);
        }
        desk
    }

    pub fn log(&self) -> AuditLog {
        AuditLog::on(Box::new(FatedStore(Arc::clone(&self.fate))), &self.custodian.custody())
    }

    pub fn folder(&self) -> PathBuf {
        self.log().folder().to_owned()
    }

    pub fn key(&self) -> LogKey {
        LogKey::of(self.custodian.keyring.verifying_key())
    }

    pub fn look(&self, verb: Verb, records: u64) -> Recorded {
        self.try_look(verb, records, false).expect("recorded")
    }

    pub fn try_look(&self, verb: Verb, records: u64, over_budget: bool) -> Result<Recorded, AuditError> {
        let details = Details { query: SECRET_PLATE.to_owned(), ..Details::default() };
        let look = Look { verb, records: records.into(), purpose: Some("a test"), details, over_budget };
        self.log().record(&self.custodian.keyring, &look)
    }

    pub fn fail(&self) {
        self.log().record_failure(&Details { query: "open".to_owned(), ..Details::default() }).expect("written");
    }

    pub fn note(&self) -> Vec<u8> {
        self.log().note().expect("a checkpoint")
    }

    pub fn verify(&self) -> AuditReport {
        self.verify_since(None)
    }

    pub fn verify_since(&self, since: Option<Vec<u8>>) -> AuditReport {
        let against = Verification { since, ..Verification::default() };
        // By the clock on the wall, which the log's may be ahead of.
        verify(&self.folder(), &self.key(), &against, Timestamp::now()).expect("verified")
    }

    /// By a clock that is ahead of every log here.
    pub fn verify_later(&self) -> AuditReport {
        let later = Timestamp::now() + SignedDuration::from_hours(24 * 1000);
        verify(&self.folder(), &self.key(), &Verification::default(), later).expect("verified")
    }

    pub fn only_fault(&self) -> AuditFault {
        only(self.verify())
    }

    pub fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.folder().join(path);
        let mut bytes = fs::read(&path).expect("read");
        change(&mut bytes);
        fs::write(&path, bytes).expect("written");
    }

    /// The custody folder's copy at this moment.
    pub fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        for path in files_below(&self.folder()) {
            let to = copy.path().join("audit").join(path.strip_prefix(self.folder()).expect("below"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs::copy(&path, to).expect("copied");
        }
        fs::copy(self.head(), copy.path().join("log-head")).expect("copied");
        copy
    }

    /// What the custody folder knows of the log.
    pub fn head(&self) -> PathBuf {
        self.custodian.custody().join("log-head")
    }

    /// Puts a copy in place of the log and of what is known of it: the whole custody folder of an earlier time.
    pub fn restore(&self, copy: &Path) {
        self.restore_log(copy);
        fs::copy(copy.join("log-head"), self.head()).expect("copied");
    }

    /// Puts a copy in place of the log alone.
    pub fn restore_log(&self, copy: &Path) {
        fs::remove_dir_all(self.folder()).expect("removed");
        let status = std::process::Command::new("cp").arg("-r").arg(copy.join("audit")).arg(self.folder()).status();
        assert!(status.expect("cp runs").success());
    }
}

/// The one fault of a report.
pub fn only(report: AuditReport) -> AuditFault {
    let mut faults = report.faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}
