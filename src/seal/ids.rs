//! Names of things: random or derived from public keys, none of them secret.

use std::fmt;

use crate::capture::{from_base32, to_base32};

/// What a key opens: three parts of a capture, each under keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// When, where, pseudonyms, boxes: what search needs.
    Catalogue,
    /// The redacted image.
    Scene,
    /// Plate text, removed pixels, metadata: gives back the original.
    Identity,
}

impl Capability {
    /// All three, in the order in which a segment holds them.
    pub const ALL: [Self; 3] = [Self::Catalogue, Self::Scene, Self::Identity];

    /// The byte that stands for it in every format.
    pub const fn tag(self) -> u8 {
        match self {
            Self::Catalogue => 0,
            Self::Scene => 1,
            Self::Identity => 2,
        }
    }

    /// The capability that `tag` stands for.
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.tag() == tag)
    }

    /// `catalogue`, `scene` or `identity`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Scene => "scene",
            Self::Identity => "identity",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Shown and typed as 26 characters of Crockford's base32.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// A fresh random one.
            pub fn random() -> Self {
                Self(super::random())
            }

            /// Reads what `Display` shows, in either case.
            pub fn parse(text: &str) -> Option<Self> {
                from_base32(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id! {
    /// A vault's random name; everything sealed for it is bound to it.
    VaultId
}
id! {
    /// A segment's random name, which is also its file's name.
    SegmentId
}
id! {
    /// A bucket's random name: one retention class, one expiry month, one capability.
    BucketId
}
id! {
    /// A public key's fingerprint.
    KeyId
}
id! {
    /// The fingerprint of a custodian's verifying key: names the custodian.
    CustodyId
}
id! {
    /// A tombstone's random name: what expired in a vault, by the custodian's word.
    TombstoneId
}
id! {
    /// A site's journal, the same in every pack issued to that site.
    JournalId
}
id! {
    /// A key slot's random name.
    SlotId
}
