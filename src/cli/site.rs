//! A site with its pack, at the door of its vault.

use std::path::Path;

use super::terminal::{say, shown};
use super::trust::{self, PinArgs};
use super::{Context, Failure};
use crate::custody::{KnownCustodians, KnownSite, SitePack};
use crate::vault::{SealingOptions, SealingVault};

/// A pack that may be used, of a custodian whom this site knows or was told of.
pub(super) struct AtSite {
    pub pack: SitePack,
    known: KnownCustodians,
    site: KnownSite,
}

impl AtSite {
    /// Reads the pack.
    pub(super) fn read(pack: &Path, pin: &PinArgs) -> Result<Self, Failure> {
        let path = pack;
        let pack = SitePack::read(path)?;
        pack.check_usable(jiff::Timestamp::now())?;
        pin.trust(None, Some(&pack))?;
        let known = KnownCustodians::beside_pack(path)?;
        let site = KnownSite::of(&pack);
        if pin.custodian.is_none() {
            trust::check_known(pack.custody(), &known.of_site(&site), "this site's packs so far were")?;
        }
        Ok(Self { pack, known, site })
    }

    /// Opens or makes the vault, and says whose it is.
    pub(super) fn open(
        &mut self,
        vault: &Path,
        sealing: SealingOptions,
        context: &Context,
    ) -> Result<SealingVault, Failure> {
        let opened = SealingVault::open(vault, &self.pack, sealing)?;
        trust::remember(self.pack.custody(), &mut self.known, Some(&self.site), context);
        if !context.quiet {
            say(&format!("sealing for custodian {}", self.pack.custody()));
            if opened.is_new() {
                say(&format!("{} is a new vault", shown(vault)));
            }
        }
        Ok(opened)
    }
}
