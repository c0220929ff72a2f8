//! Purposes: what is the same one, however it is spelt.
//!
//! A budget of its own for "case 7" must not be had again as "Case 7", "case-7.", "case7" or "case ７", nor with a Cyrillic "а" or a
//! mark on a letter, nor with a character in it that nobody sees. Letters and digits tell purposes apart, and nothing else does.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::capture::small_look_alike;

/// A purpose cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PurposeError {
    /// It holds what nobody sees.
    #[error("the purpose holds an invisible character, U+{:04X}", u32::from(*character))]
    Invisible {
        /// Which.
        character: char,
    },
}

/// The form in which purposes are compared: compatibility characters as what they stand for (NFKC), without case, letters and
/// digits only, and Cyrillic and Greek letters as the Latin ones that they look like on a plate. Of a purpose without any letter
/// or digit nothing remains: all such are one.
///
/// # Errors
///
/// When it holds a character that is not seen, control characters included.
pub fn fold_purpose(text: &str) -> Result<String, PurposeError> {
    if let Some(character) = text.chars().find(|&c| is_invisible(c)) {
        return Err(PurposeError::Invisible { character });
    }
    // By upper case, which tells ß from s, to lower case, one character at a time: no letter's case depends on its
    // neighbours'. What comes of it may be composed or folded again, until nothing changes.
    let fold = |text: &str| -> String {
        let cased = text.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        let plain = cased.nfkc().nfd().filter(|&c| c.is_alphanumeric() && !is_combining_mark(c));
        plain.map(small_look_alike).collect()
    };
    let mut folded = fold(text);
    for _ in 0..4 {
        folded = fold(&folded);
    }
    Ok(folded)
}

/// Control characters, and what Unicode says that is shown as nothing (`Default_Ignorable_Code_Point`), with the blank of
/// Braille, line and paragraph separators and what is private or no character.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xe000..=0xf8ff | 0xfdd0..=0xfdef
            | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..=0x10_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_purpose_however_it_is_spelt() {
        let spellings = [
            "case 7 straße",
            "Case 7 STRASSE",
            "ＣＡＳＥ　７ straße",
            " case\u{a0} 7  Straße ",
            "case ⑦ ſtraße",
            "CASE 7 STRAẞE",
            "case7straße",
            "сase 7 ѕtrаsѕе",
            "cáse 7 STRAṠSE",
            "ca se 7 strasse",
            "case-7: straße.",
            "(case_7/straße)",
            "case #7 — «straße»!",
        ];
        for spelling in spellings {
            assert_eq!(fold_purpose(spelling).as_deref(), Ok("case7strasse"), "{spelling:?}");
        }
        for spelling in ["аudit", "audİt", "au dit", "AUDıT", "ΑUDIT"] {
            assert_eq!(fold_purpose(spelling), fold_purpose("audit"), "{spelling:?}");
        }
        assert_eq!(fold_purpose("ΟΔΟΣ"), fold_purpose("οδος"));
        assert_eq!(fold_purpose("e\u{301}tude"), fold_purpose("ÉTUDE"));
        for (one, other) in [("case 7", "case 8"), ("case 7", "case 7a"), ("case 7", "audit"), ("fraud", "theft")] {
            assert_ne!(fold_purpose(one), fold_purpose(other));
        }
        assert_eq!(fold_purpose("…").as_deref(), Ok(""));
    }

    #[test]
    fn what_nobody_sees_is_refused() {
        for character in
            ['\u{200b}', '\u{ad}', '\u{feff}', '\u{202e}', '\u{2066}', '\u{3164}', '\u{e0041}', '\u{fe0f}', '\n', '\0']
        {
            let text = format!("case{character}7");
            assert_eq!(fold_purpose(&text), Err(PurposeError::Invisible { character }), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,24}") {
            if let Ok(folded) = fold_purpose(&text) {
                prop_assert_eq!(fold_purpose(&folded), Ok(folded.clone()));
                let upper = text.nfkc().collect::<String>().to_uppercase();
                prop_assert_eq!(fold_purpose(&upper), Ok(folded));
            }
        }
    }
}
