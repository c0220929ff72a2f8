//! The attacks by name, and what each does in a few words.
//!
//! Owns what people read of an attack before its figures. Knows nothing of how one is carried out.

/// An attack on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Carving pictures out of any bytes.
    Pictures,
    /// Cameras' metadata and thumbnails.
    Metadata,
    /// Readable text, JSON and tables.
    Text,
    /// Searching plates that the attacker knows.
    Plates,
    /// Searching file names that the attacker knows.
    FileNames,
    /// Searching moments that the attacker knows.
    Moments,
    /// Searching unkeyed digests of plates that the attacker knows.
    PlateDigests,
    /// Enumerating plates against everything that looks like a hash.
    Dictionary,
    /// Searching the pseudonyms of known plates with the key of a stolen site pack.
    Pseudonyms,
    /// Using the keys that lie in the loot.
    Keys,
    /// Telling the bytes from random ones.
    Randomness,
    /// Telling by its length which original is there.
    Sizes,
    /// Putting files in order of time by names, numbers and times of change.
    Order,
    /// Joining two recipients' copies.
    Linking,
    /// Cracking pseudonyms of other epochs with the key of one.
    Epochs,
    /// Looking at scenes for what was left.
    Residual,
    /// Altering the store unnoticed.
    Tampering,
}

impl Attack {
    /// The name in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pictures => "Carve pictures",
            Self::Metadata => "Read camera metadata",
            Self::Text => "Read text and tables",
            Self::Plates => "Search known plates",
            Self::FileNames => "Search known file names",
            Self::Moments => "Search known times",
            Self::PlateDigests => "Search hashes of known plates",
            Self::Dictionary => "Crack hashed plates",
            Self::Pseudonyms => "Use the stolen site pack",
            Self::Keys => "Use keys that lie there",
            Self::Randomness => "Tell it from noise",
            Self::Sizes => "Recognise originals by length",
            Self::Order => "Put it in order of time",
            Self::Linking => "Join two partners' copies",
            Self::Epochs => "Crack other epochs' pseudonyms",
            Self::Residual => "See plates and faces",
            Self::Tampering => "Alter it unnoticed",
        }
    }

    /// What it does, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Pictures => "JPEG, PNG, WebP, TIFF and BMP anywhere in any file; counted only when they decode",
            Self::Metadata => "when, where and with what, and the thumbnails that cameras leave",
            Self::Text => "readable runs, JSON, tables",
            Self::Plates => "as text, UTF-16, hex and base64, beside decoys that were never there",
            Self::FileNames => "the photographs' names, in the same encodings",
            Self::Moments => "when they were taken, as text and as numbers",
            Self::PlateDigests => "MD5, SHA-1, SHA-256 and BLAKE3 of every plate, whole or cut",
            Self::Dictionary => "every serial that plates may carry, against all that looks like a hash",
            Self::Pseudonyms => "its key turns each known plate into its pseudonym: is one of them anywhere?",
            Self::Keys => {
                "recipients' keys open copies; notes and shares beside a keyring open it, and the vault; a site pack \
                 enumerates its epoch"
            }
            Self::Randomness => {
                "twelve tests after NIST SP 800-22 on each 64 KiB, repetition; Holm's correction for all of them"
            }
            Self::Sizes => {
                "a thousand candidate photographs, half of them there: which? Padded lengths against exact ones"
            }
            Self::Order => "by names, by numbers in them, and by times of change",
            Self::Linking => "by every field of their records and by order, beyond what was granted to both tells",
            Self::Epochs => "an opened catalogue, the key of a stolen site pack, and every plate there is",
            Self::Residual => "our own detector and reader on whatever pictures come out, sharpened too",
            Self::Tampering => "flip, cut, append, swap, replay, remove, splice, mix: does anybody notice?",
        }
    }
}
