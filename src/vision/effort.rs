//! How much looking an image is worth: which scales and sides of it are looked at.

use super::meta::{CoarseMeta, PerClass, Thresholds};

/// How hard an image is looked at. More finds more, takes longer, and takes more for a plate or a face that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// At the scale of small plates and faces, and at a third of it for what fills the picture.
    Fast,
    /// At half of that scale, too.
    #[default]
    Normal,
    /// Enlarged, too, and mirrored, on both sides and upside down.
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

    /// Its number in records.
    pub const fn code(self) -> u8 {
        match self {
            Self::Fast => 0,
            Self::Normal => 1,
            Self::Thorough => 2,
        }
    }

    /// What [`Self::code`] gave.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.code() == code)
    }

    /// By how much the whole image is reduced for looks beside the usual ones.
    pub(super) fn factors(self, coarse: &CoarseMeta) -> impl Iterator<Item = u32> {
        let second = (self >= Self::Normal).then_some(coarse.second);
        [Some(coarse.factor), second.flatten()].into_iter().flatten()
    }

    /// The probability from which a region is blanked.
    pub(super) fn threshold(self, of: &Thresholds) -> PerClass<f32> {
        let normal = of.normal.unwrap_or(of.redact);
        match self {
            Self::Fast => of.redact,
            Self::Normal => normal,
            Self::Thorough => of.thorough.unwrap_or(normal),
        }
    }
}
