//! Permits: what an entry in the log allows to be given out, and nothing else does.
//!
//! A [`Permit`] comes out of [`AuditLog::record`](super::AuditLog::record) and from nowhere else. It says what it permits
//! (which verb, how many records or which, of which vault), and is given away by value to whatever gives out something
//! about a person: [`ExportPlan::write`](crate::export::ExportPlan::write), the figures and lists of [`impact`](crate::impact), or
//! [`Permit::with`], whose keys open pictures, originals and records.
//!
//! ```compile_fail
//! // Nobody makes one, and nobody uses one twice.
//! let permit = safelight::audit::Permit {};
//! ```
//! ```compile_fail
//! fn twice(permit: safelight::audit::Permit) -> [safelight::audit::Permit; 2] {
//!     [permit.clone(), permit]
//! }
//! ```
//! ```compile_fail
//! // A keyring's keys alone open no picture.
//! use safelight::{capture::CaptureId, custody::Keyring, seal::Capability, vault::OpeningVault};
//! fn look(keyring: &Keyring, vault: &OpeningVault, id: CaptureId) {
//!     vault.scene(id, &keyring.opening_keys(&Capability::ALL));
//! }
//! ```
//! ```compile_fail
//! // Nor does a plan become a copy.
//! fn write(plan: safelight::export::ExportPlan<'_>, folder: &std::path::Path) {
//!     plan.write(folder);
//! }
//! ```
//!
//! ```compile_fail
//! // What was found is not shown before, nor how much it is.
//! fn found(found: &safelight::vault::Found) {
//!     found.hits;
//! }
//! ```
//! ```compile_fail
//! // And what was assessed is not told.
//! fn told(assessment: safelight::impact::Assessment) -> safelight::impact::Impact {
//!     assessment.found
//! }
//! ```
//!
//! Two who hold no signing key cannot write an entry. A recipient opens its own copy by [`PermittedKeys::own_copy`], which
//! takes a recipient's key pair and therefore opens nothing else; a failed unlock gives nothing out.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Mutex;

use super::entry::Verb;
use super::log::Look;
use crate::capture::CaptureId;
use crate::custody::{Keyring, OpeningKeys, RecipientKeys};
use crate::seal::{Capability, CustodyId, KeyId, PrivateKey, VaultId};
use crate::words::count;

/// What was asked for is not what is on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitError {
    /// The entry is in another custodian's log.
    #[error("the entry is not in the log of the custodian whose keys these are")]
    Custodian,
    /// The entry is about another vault, or names none.
    #[error("the entry in the audit log is not about this vault")]
    Vault,
    /// The entry is of another verb.
    #[error("the entry in the audit log says {}, which does not give this out", verb.name())]
    Verb {
        /// What it says.
        verb: Verb,
    },
    /// The entry speaks of other records.
    #[error("the entry in the audit log names other records")]
    Record,
    /// The entry speaks of fewer records.
    #[error("the entry in the audit log says {}, and this is one more", count(*records, "record"))]
    Count {
        /// What it says.
        records: u64,
    },
}

/// That something may be given out, because it is on record.
#[must_use = "what is on record and not given out counts all the same"]
pub struct Permit {
    custody: CustodyId,
    verb: Verb,
    vault: Option<VaultId>,
    records: u64,
    /// Which, where the entry names them.
    named: Option<HashSet<CaptureId>>,
}

impl Permit {
    /// What an entry that was just signed permits.
    pub(super) fn of(keyring: &Keyring, look: &Look<'_>) -> Self {
        let named = look.records.ids();
        Self {
            custody: keyring.custody(),
            verb: look.verb,
            vault: look.details.vault.map(VaultId),
            records: look.records.count(),
            named: (!named.is_empty()).then(|| named.iter().map(|id| CaptureId(id.0)).collect()),
        }
    }

    /// What may be done.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// With how many records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Of which vault.
    pub fn vault(&self) -> Option<VaultId> {
        self.vault
    }

    /// Keys that open what this permits: pictures for an entry of `open`, originals for one of `identity`, records of
    /// catalogues for one of `search`.
    ///
    /// # Errors
    ///
    /// When the keys are another custodian's.
    pub fn with(self, keys: OpeningKeys) -> Result<PermittedKeys, PermitError> {
        if keys.custody() != Some(self.custody) {
            return Err(PermitError::Custodian);
        }
        let licence = Licence::Recorded { permit: self, given: Mutex::default() };
        Ok(PermittedKeys { keys, licence })
    }

    /// Whether it is for this verb of this custodian, for so many records, and for all of these.
    pub(crate) fn covers(
        &self,
        verb: Verb,
        custody: CustodyId,
        vault: Option<VaultId>,
        records: u64,
        ids: impl IntoIterator<Item = CaptureId>,
    ) -> Result<(), PermitError> {
        if self.custody != custody {
            return Err(PermitError::Custodian);
        }
        if self.verb != verb {
            return Err(PermitError::Verb { verb: self.verb });
        }
        if vault.is_some() && self.vault != vault {
            return Err(PermitError::Vault);
        }
        if records > self.records {
            return Err(PermitError::Count { records: self.records });
        }
        let named = |id| self.named.as_ref().is_none_or(|named| named.contains(&id));
        if ids.into_iter().all(named) { Ok(()) } else { Err(PermitError::Record) }
    }

    fn admit(
        &self,
        given: &mut HashSet<CaptureId>,
        capability: Capability,
        vault: VaultId,
        id: CaptureId,
    ) -> Result<(), PermitError> {
        let allows = match self.verb {
            Verb::Search => capability == Capability::Catalogue,
            Verb::Open => capability != Capability::Identity,
            Verb::Identity => true,
            _ => false,
        };
        if !allows {
            return Err(PermitError::Verb { verb: self.verb });
        }
        if self.vault != Some(vault) {
            return Err(PermitError::Vault);
        }
        if self.named.as_ref().is_some_and(|named| !named.contains(&id)) {
            return Err(PermitError::Record);
        }
        if !given.contains(&id) {
            if given.len() as u64 >= self.records {
                return Err(PermitError::Count { records: self.records });
            }
            given.insert(id);
        }
        Ok(())
    }
}

enum Licence {
    Recorded { permit: Permit, given: Mutex<HashSet<CaptureId>> },
    OwnCopy,
}

/// Keys together with the right to see what they open.
pub struct PermittedKeys {
    keys: OpeningKeys,
    licence: Licence,
}

impl PermittedKeys {
    /// A recipient's: they open what was exported to it, and nothing else.
    pub fn own_copy(keys: RecipientKeys) -> Self {
        Self { keys: keys.into_opening_keys(), licence: Licence::OwnCopy }
    }

    /// A private key itself, for an entry that permits everything of a record.
    pub fn key(&self, id: KeyId) -> Option<&PrivateKey> {
        let whole = match &self.licence {
            Licence::Recorded { permit, .. } => permit.verb == Verb::Identity,
            Licence::OwnCopy => true,
        };
        self.keys.key(id).filter(|_| whole)
    }

    /// Whether this part of this capture may be given out; a record counts once.
    pub(crate) fn admit(&self, capability: Capability, vault: VaultId, id: CaptureId) -> Result<(), PermitError> {
        match &self.licence {
            Licence::OwnCopy => Ok(()),
            Licence::Recorded { permit, given } => {
                let mut given = given.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                permit.admit(&mut given, capability, vault, id)
            }
        }
    }
}

/// For what gives nothing out: counting, planning, checking.
impl Deref for PermittedKeys {
    type Target = OpeningKeys;

    fn deref(&self) -> &OpeningKeys {
        &self.keys
    }
}
