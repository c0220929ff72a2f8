//! Who vouches for a vault: whose word counts about what has expired in it and what may be removed.
//!
//! Whoever can write to a vault can write its card, and with a key of his own on it sign whatever a custodian signs. So no
//! card is believed about its custodian: each who opens a vault says whom *he* trusts, and the card must agree.

use std::fs::File;
use std::io::{self, Read};

use super::card::{CARD_LEN, Card};
use super::layout::Layout;
use super::opening::OpenError;
use crate::custody::{Keyring, SitePack, VerifyingKey};
use crate::files;
use crate::seal::CustodyId;

/// Whom the opener of a vault trusts to be its custodian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The custodian with this key: that of the keyring or the site pack at hand.
    Custodian(VerifyingKey),
    /// The custodian with this id, which whoever opens the vault has from elsewhere.
    Pinned(CustodyId),
    /// Nobody: the card says whose the vault is, and that proves nothing. Enough to look, never to remove.
    Nobody,
}

impl Trust {
    /// Whether anybody vouches for a vault that opens with it.
    pub fn is_somebody(self) -> bool {
        self != Self::Nobody
    }

    /// The custodian who is trusted.
    pub fn custody(self) -> Option<CustodyId> {
        match self {
            Self::Custodian(key) => Some(key.custody()),
            Self::Pinned(id) => Some(id),
            Self::Nobody => None,
        }
    }

    /// Whether the card's custodian is the one who is trusted.
    fn agrees(self, card: &Card) -> Result<(), OpenError> {
        let (agree, trusted) = match self {
            Self::Custodian(key) => (card.custodian == key, key.custody()),
            Self::Pinned(id) => (card.custodian.custody() == id, id),
            Self::Nobody => return Ok(()),
        };
        if agree { Ok(()) } else { Err(OpenError::ForeignCustodian { card: card.custodian.custody(), trusted }) }
    }

    /// Reads a vault's card: the one way in which a card gets out of a folder.
    pub(super) fn card(self, layout: &Layout) -> Result<Card, OpenError> {
        let path = layout.card();
        // A link is nobody's card: whoever seals into the vault refuses it, too.
        let begin = |(file, _): (File, u64)| {
            let mut bytes = Vec::new();
            file.take(CARD_LEN as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
        };
        let bytes = match files::open_own(&path).and_then(begin) {
            Ok(bytes) => bytes,
            Err(source) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(OpenError::NotAVault { path: layout.root().to_owned() });
            }
            Err(source) => return Err(OpenError::Io { path, source }),
        };
        let card = Card::from_bytes(&bytes)?;
        self.agrees(&card)?;
        Ok(card)
    }
}

impl From<&Keyring> for Trust {
    fn from(keyring: &Keyring) -> Self {
        Self::Custodian(keyring.verifying_key())
    }
}

impl From<&SitePack> for Trust {
    fn from(pack: &SitePack) -> Self {
        Self::Custodian(pack.verifying_key())
    }
}
