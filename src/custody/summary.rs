//! What may be shown of a keyring: no key, and nothing that a pack's holder does not know.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::body::EpochBody;
use super::epoch::Epoch;
use super::keyring::Keyring;
use super::policy::{Month, Policy};
use crate::seal::{Capability, CustodyId};

/// What may be shown of a keyring.
#[derive(Clone, Debug)]
pub struct KeyringSummary {
    /// The custodian.
    pub custody: CustodyId,
    /// When the keyring was made.
    pub created: Timestamp,
    /// How often its file was written.
    pub generation: u64,
    /// What the custodian has decided.
    pub policy: Policy,
    /// Whether there is a second slot. Without one, what dual control guards stays closed.
    pub second_slot: bool,
    /// All pseudonym epochs, oldest first.
    pub epochs: Vec<EpochSummary>,
    /// Number of private keys by capability, in [`Capability::ALL`]'s order.
    pub keys: [usize; 3],
    /// The private keys, by the month at whose end they are due, the earliest first.
    pub kept: Vec<KeyCount>,
    /// Those that were destroyed, likewise.
    pub destroyed: Vec<KeyCount>,
    /// The sites.
    pub sites: Vec<SiteSummary>,
}

/// What may be shown of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochSummary {
    /// The epoch.
    pub epoch: Epoch,
    /// Whether it is not that of a single site, which was rotated on its own.
    pub of_all: bool,
    /// When its keys were destroyed.
    pub destroyed: Option<Timestamp>,
}

/// Keys of one class and capability that fall due together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCount {
    /// The month at whose end they are due.
    pub expiry: Month,
    /// The retention class.
    pub class: String,
    /// What they open.
    pub capability: Capability,
    /// How many.
    pub keys: usize,
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
    /// The latest pack's pseudonym epoch; 0 when it was issued before that was noted.
    pub epoch: u32,
    /// Whether a rotation came after the latest pack.
    pub superseded: bool,
}

impl Keyring {
    /// What may be shown.
    pub fn summary(&self) -> KeyringSummary {
        let body = &self.body;
        let site = |site: &super::body::SiteBody| SiteSummary {
            name: site.name.clone(),
            packs: site.packs,
            issued: super::time(site.issued),
            until: super::time(site.until),
            epoch: site.pack_epoch,
            superseded: site.pack_rotation < site.rotation.max(body.rotation),
        };
        let epoch = |epoch: &EpochBody| EpochSummary {
            epoch: epoch.shown(),
            of_all: epoch.rotation <= body.rotation,
            destroyed: epoch.destroyed.map(super::time),
        };
        KeyringSummary {
            custody: self.custody(),
            created: super::time(body.created),
            generation: self.generation,
            policy: body.policy.clone(),
            second_slot: self.has_dual_control(),
            epochs: body.epochs.iter().map(epoch).collect(),
            keys: Capability::ALL.map(|c| body.buckets.iter().filter(|b| b.capability == c.tag()).count()),
            kept: counted(body.buckets.iter().map(|b| (b.expiry, b.class.as_str(), b.capability))),
            destroyed: counted(body.expired.iter().map(|e| (e.expiry, e.class.as_str(), e.capability))),
            sites: body.sites.iter().map(site).collect(),
        }
    }
}

fn counted<'a>(keys: impl Iterator<Item = (Month, &'a str, u8)>) -> Vec<KeyCount> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    let shown = |((expiry, class, tag), keys): ((_, &str, _), _)| {
        let capability = Capability::from_tag(tag)?;
        Some(KeyCount { expiry, class: class.to_owned(), capability, keys })
    };
    counts.into_iter().filter_map(shown).collect()
}
