//! Plain words of the field: a capture, where and when it was taken, and what was seen on it.
//!
//! Owns the vocabulary that all stages share. Knows nothing of files, keys or pixels.

mod folding;

pub(crate) use folding::small_look_alike;

use std::fmt;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::geometry::Rect;

/// What a region shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionKind {
    /// A licence plate.
    Plate,
    /// A human face.
    Face,
    /// A human head of which no face is seen: from behind, turned away, under a helmet.
    Head,
}

impl RegionKind {
    /// All of them, in the order of their numbers in every format.
    pub const ALL: [Self; 3] = [Self::Plate, Self::Face, Self::Head];

    /// `plate`, `face` or `head`, as in every output format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Face => "face",
            Self::Head => "head",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The number that stands for it in records.
    pub const fn code(self) -> u8 {
        match self {
            Self::Plate => 0,
            Self::Face => 1,
            Self::Head => 2,
        }
    }

    /// The one of that number; what a later version may have found is a person at most, and no plate.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Plate,
            1 => Self::Face,
            _ => Self::Head,
        }
    }

    /// Whether it is somebody.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Face | Self::Head)
    }
}

/// How hard images are looked at. More finds more, takes longer, and takes more for a plate or a face that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Effort {
    /// At the scale of small plates and faces, and at a third of it for what fills the picture.
    #[n(0)]
    Fast,
    /// At half of that scale, too.
    #[default]
    #[n(1)]
    Normal,
    /// Enlarged, too, and in a mirror, on both sides and upside down.
    #[n(2)]
    Thorough,
}

impl Effort {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Normal, Self::Thorough];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
            Self::Thorough => "thorough",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.name() == name)
    }
}

/// Something that identifies a person or a vehicle, found on an image.
#[derive(Clone)]
pub struct Region {
    /// What it is.
    pub kind: RegionKind,
    /// Where it is, in pixels of the stored image, tight and without margin.
    pub bounds: Rect,
    /// The detector's confidence, 0 to 1.
    pub score: f32,
    /// What a plate says, when it could be read.
    pub reading: Option<Reading>,
}

/// What a plate may say: candidates, most probable first, never empty.
#[derive(Clone)]
pub struct Reading {
    /// Spellings with their probabilities, most probable first.
    pub candidates: Vec<Candidate>,
}

/// One spelling of a plate and its probability.
#[derive(Clone)]
pub struct Candidate {
    /// The spelling.
    pub text: PlateText,
    /// 0 to 1; over all candidates at most 1.
    pub probability: f32,
}

/// Why a text is no plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlateError {
    /// A letter or sign that no plate is read with.
    #[error("{character:?} (U+{:04X}) is no Latin letter or digit, and looks like none", u32::from(*character))]
    Character {
        /// The character.
        character: char,
    },
    /// Nothing is left, or more than any plate has.
    #[error("a plate has 1 to {} letters and digits", PlateText::MAX_LEN)]
    Length,
}

/// Canonical plate text: upper-case letters and digits only, 1 to 16 of them.
///
/// Identifying, so it is wiped on drop and has no `Debug` and no `Display`: whoever shows it must ask by name.
#[derive(Clone, PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
pub struct PlateText(String);

impl PlateText {
    /// No plate in use has more characters.
    pub const MAX_LEN: usize = 16;

    /// Upper case, letters and digits only, without accents, and what cannot be told from a Latin letter as that letter;
    /// `None` when nothing or too much remains. What is written and what is asked for go the same way.
    pub fn canonical(text: &str) -> Option<Self> {
        let mut canonical = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                // Nearly all there is.
                'A'..='Z' | '0'..='9' => canonical.push(c),
                'a'..='z' => canonical.push(c.to_ascii_uppercase()),
                _ => canonical.extend(folding::letters(c).unwrap_or_default()),
            }
        }
        (1..=Self::MAX_LEN).contains(&canonical.len()).then_some(Self(canonical))
    }

    /// The same of what somebody asks for, where nothing may be passed over.
    ///
    /// # Errors
    ///
    /// On the first character that stands for none of a plate, and when nothing or too much remains.
    pub fn asked(text: &str) -> Result<Self, PlateError> {
        text.chars().try_for_each(|c| Self::letters(c).map(|_| ()))?;
        Self::canonical(text).ok_or(PlateError::Length)
    }

    /// What one character stands for.
    pub(crate) fn letters(c: char) -> Result<impl Iterator<Item = char>, PlateError> {
        folding::letters(c).map(Vec::into_iter).ok_or(PlateError::Character { character: c })
    }

    /// The text itself. It must not reach a log, a file name or an error message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Crockford's base32: no I, L, O or U, read back in either case, with O as 0 and I, L as 1.
static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    spec.translate.from.push_str("abcdefghjkmnpqrstvwxyzoOiIlL");
    spec.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    spec.ignore.push('-');
    // 128 bits are 25.6 symbols: what the last symbol carries beyond them is nothing, or it was mistyped. Two spellings of one
    // fingerprint would look like two.
    spec.check_trailing_bits = true;
    spec.encoding().expect("a constant specification")
});

/// 128 bits as 26 characters of Crockford's base32.
pub fn to_base32(bits: &[u8; 16]) -> String {
    CROCKFORD.encode(bits)
}

/// The 128 bits that `text` spells, or `None`.
pub fn from_base32(text: &str) -> Option<[u8; 16]> {
    CROCKFORD.decode(text.trim().as_bytes()).ok()?.try_into().ok()
}

/// A capture's random name in the vault; shown and typed as Crockford base32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaptureId(pub [u8; 16]);

impl CaptureId {
    /// Reads the id as shown by `Display`, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        from_base32(text).map(Self)
    }
}

impl fmt::Display for CaptureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base32(&self.0))
    }
}

impl fmt::Debug for CaptureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaptureId({self})")
    }
}

/// When, where and under which rule an image was taken: one row of `captures.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circumstances {
    /// When the shutter opened.
    pub captured_at: Option<jiff::Timestamp>,
    /// Port of entry or other place.
    pub site: Option<String>,
    /// Lane or booth.
    pub lane: Option<String>,
    /// `in` or `out`, or what the site calls it.
    pub direction: Option<String>,
    /// Retention class: `citizen`, `visitor`, `transit`, or one of the custodian's own.
    pub class: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plate_text_is_canonical() {
        let text = |s| PlateText::canonical(s).map(|t| t.expose().to_owned());
        assert_eq!(text("abc-12 34"), Some("ABC1234".to_owned()));
        assert_eq!(text(" · "), None);
        assert_eq!(text("12345678901234567"), None);
        assert_eq!(text("В-ÄÖ 12"), Some("BAO12".to_owned()));
        let asked = |s| PlateText::asked(s).map(|t| t.expose().to_owned());
        assert_eq!(asked("Ä 12"), Ok("A12".to_owned()));
        assert_eq!(asked("A Ж 12"), Err(PlateError::Character { character: 'Ж' }));
        assert_eq!(asked("- -"), Err(PlateError::Length));
    }

    #[test]
    fn ids_survive_typing() {
        let id = CaptureId(*b"0123456789abcdef");
        let shown = id.to_string();
        assert_eq!(shown.len(), 26);
        assert_eq!(CaptureId::parse(&shown), Some(id));
        assert_eq!(CaptureId::parse(&shown.to_lowercase().replace('0', "o").replace('1', "l")), Some(id));
        assert_eq!(CaptureId::parse("tooshort"), None);
        // Of the last symbol three bits belong to the id: one of 32 spells them, and the others were mistyped.
        let spelt = |last: char| CaptureId::parse(&format!("{}{last}", &shown[..25]));
        let symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        assert_eq!(symbols.chars().filter(|&last| spelt(last) == Some(id)).collect::<String>(), shown[25..]);
        assert_eq!(symbols.chars().filter(|&last| spelt(last).is_some()).count(), 8);
    }
}
