//! A custodian's audit log, whose clock can be turned and whose files can be tampered with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use safelight::audit::{
    Allowance, AuditError, AuditFault, AuditLog, AuditReport, Details, LogKey, Look, Recorded, Verb, Verification,
    verify,
};

use super::store::{Fate, FatedStore};
use super::{Custodian, SECRET_PLATE, files_below};

/// A custodian with a log whose clock can be turned.
pub struct Desk {
    pub custodian: Custodian,
    pub fate: Arc<Fate>,
}

impl Desk {
    pub fn new() -> Self {
        Self { custodian: Custodian::new(), fate: Fate::kind() }
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
        self.try_look(verb, records, None).expect("recorded")
    }

    pub fn try_look(&self, verb: Verb, records: u64, allowance: Option<Allowance>) -> Result<Recorded, AuditError> {
        let details = Details { query: SECRET_PLATE.to_owned(), ..Details::default() };
        let look = Look { verb, records, purpose: Some("a test"), details, allowance };
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
        let against = Verification { since, max_age: None };
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
        copy
    }

    /// Puts a copy in place of the log.
    pub fn restore(&self, copy: &Path) {
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
