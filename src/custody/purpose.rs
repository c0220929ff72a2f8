//! Purposes: what is the same one, however it is spelt.
//!
//! A budget of its own for "case 7" must not be had again as "Case 7", "case-7.", "case7" or "case ７", nor with a Cyrillic "а", a
//! small capital "ᴄ" or a mark on a letter, nor with a sign after it that counts as a letter, nor with a character in it that
//! nobody sees. Letters and digits tell purposes apart as they look (the confusables of Unicode TS 39), and nothing else does.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::skeleton;

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
    /// It holds, beside Latin letters, what looks like one of these and counts as another.
    #[error(
        "the purpose holds {character:?} (U+{:04X}) beside Latin letters, and it can be taken for one of these and for another",
        u32::from(*character)
    )]
    Ambiguous {
        /// Which.
        character: char,
    },
}

/// The form in which purposes are compared: compatibility characters as what they stand for (NFKC), without case, letters and
/// digits only, each as what it looks like (UTS 39), small or as a capital: `i`, `l` and `1` are one, and so are `o` and `0`, `m`
/// and `rn`. Of a purpose without any letter or digit nothing remains: all such are one.
///
/// # Errors
///
/// When it holds a character that is not seen, control characters included, or a word that passes for Latin letters beside such
/// with a letter that is another one as a capital than it looks: "ν" is Greek "n", and looks like "v".
pub fn fold_purpose(text: &str) -> Result<String, PurposeError> {
    if let Some(character) = text.chars().find(|&c| is_invisible(c)) {
        return Err(PurposeError::Invisible { character });
    }
    match ambiguous(text) {
        Some(character) => Err(PurposeError::Ambiguous { character }),
        None => Ok(folded(text)),
    }
}

/// The form of earlier versions, whose tags lie in logs: without what only looks alike.
pub(crate) fn fold_of_before(text: &str) -> String {
    let fold = |text: &str| -> String {
        let plain = cased(text).filter(|&c| c.is_alphanumeric() && !is_combining_mark(c));
        plain.map(small_look_alike).collect()
    };
    (0..5).fold(text.to_owned(), |folded, _| fold(&folded))
}

/// Without case, and taken apart. By upper case, which tells ß from s, to lower case, one character at a time: no letter's case
/// depends on its neighbours'.
fn cased(text: &str) -> impl Iterator<Item = char> {
    let cased = text.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    cased.nfkc().nfd()
}

/// As [`fold_purpose`], whatever it holds.
pub(super) fn folded(text: &str) -> String {
    let mut folded: String = text.nfkc().map(letters_of_symbol).collect();
    // What comes of it may be composed or folded again, until nothing changes: after three rounds, of all characters that there are.
    for _ in 0..8 {
        let again: String = cased(&folded).filter(|&c| tells(c)).map(letters).collect();
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

/// Small capitals, which have no capitals of their own, and their letters.
const SMALL_CAPITALS: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ";
const THEIR_LETTERS: &str = "abcdefghijklmnopqrstuvwyz";

/// What a letter or digit without case counts as.
fn letters(c: char) -> String {
    match c {
        'i' | '1' => return "l".to_owned(),
        '0' => return "o".to_owned(),
        'm' => return "rn".to_owned(),
        _ if c.is_ascii() => return c.to_string(),
        _ => {}
    }
    if let Some(digit) = decimal(c) {
        return digit.to_string();
    }
    let mut capitals = SMALL_CAPITALS.chars().zip(THEIR_LETTERS.chars());
    if let Some((_, letter)) = capitals.find(|&(capital, _)| capital == c) {
        return letter.to_string();
    }
    let alike = small_look_alike(c);
    if alike != c {
        return alike.to_string();
    }
    let capital: Option<String> = c.to_uppercase().filter(|&capital| capital != c).map(latin).collect();
    if let Some(capital) = capital.filter(|capital| !capital.is_empty()) {
        return capital.to_ascii_lowercase();
    }
    let own = looks(c);
    match own.is_empty() {
        true if is_sign(c) && c.to_uppercase().all(is_sign) => own,
        true => c.to_string(),
        false => own,
    }
}

/// What a symbol counts as that looks like Latin letters: "℮" is an e. Upright lines are none, as "|" is none.
fn letters_of_symbol(c: char) -> String {
    let group = c.general_category_group();
    let symbol = !c.is_ascii() && matches!(group, GeneralCategoryGroup::Symbol | GeneralCategoryGroup::Other);
    let letters = latin(c).filter(|letters| symbol && letters.chars().any(|letter| letter != 'l'));
    letters.unwrap_or_else(|| c.to_string())
}

/// A character beside Latin letters that looks like one of them and counts as another: its capital looks like another, or it is a
/// digit of another value. In a word that passes for Latin: in one of its own alphabet it is what it is there.
fn ambiguous(text: &str) -> Option<char> {
    if !text.nfkc().any(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let told = |c: &char| tells(*c);
    let differs = |&c: &char| {
        let stands_for: String = c.nfkc().collect();
        !stands_for.is_ascii() && latin(c).is_some_and(|look| folded(&look) != folded(&stands_for))
    };
    let passes = |word: &&str| word.chars().filter(told).all(|c| latin(c).is_some());
    // As it is written, as what it stands for, and as that in capitals: some letters look Latin in these alone.
    let plain: String = text.nfkc().collect();
    let capitals = plain.to_uppercase();
    [text, &plain, &capitals].into_iter().find_map(|text| {
        let mut words = text.split(|c: char| !tells(c) && !is_combining_mark(c)).filter(passes);
        words.find_map(|word| word.chars().filter(told).find(differs))
    })
}

/// Whether it tells purposes apart.
fn tells(c: char) -> bool {
    c.is_alphanumeric() && !is_combining_mark(c) && c.general_category() != GeneralCategory::ModifierLetter
}

/// The letters and digits that it looks like.
fn looks(c: char) -> String {
    skeleton(c.encode_utf8(&mut [0; 4])).filter(|&c| tells(c)).collect()
}

/// The same, where they are Latin and nothing else.
fn latin(c: char) -> Option<String> {
    let look: String = skeleton(c.encode_utf8(&mut [0; 4])).filter(|&c| !is_combining_mark(c)).collect();
    (!look.is_empty() && look.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(look)
}

/// Whether it looks like no letter at all, such as "ꞌ", which is one.
fn is_sign(c: char) -> bool {
    !skeleton(c.encode_utf8(&mut [0; 4])).any(char::is_alphanumeric)
}

/// The value of a decimal digit of any script: these stand in rows of ten.
fn decimal(c: char) -> Option<u32> {
    let digit =
        |&code: &u32| char::from_u32(code).is_some_and(|c| c.general_category() == GeneralCategory::DecimalNumber);
    let up_to = (0..=u32::from(c)).rev().take_while(digit).count();
    u32::try_from(up_to).ok()?.checked_sub(1).map(|before| before % 10)
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

    /// Each of these had a budget of its own beside "Case 7", or could have had.
    #[test]
    fn one_purpose_whatever_letters_look_alike() {
        let alike = [
            "ᴄase 7",
            "case 7ʹ",
            "ᴄᴀꜱᴇ 7",
            "cas℮ 7",
            "саѕе 7",
            "𝐜𝐚𝐬𝐞 7",
            "ⅽase 7",
            "caſe 7",
            "çase 7",
            "case 7|",
            "case ꞌ7",
            "case ǃ7",
            "case 7ـ",
            "case 7ˑ",
            "case 7ˈ",
            "cɑsе 7",
            "case ७",
            "case 𝟕",
            "Ꮯase 7",
            "ꮯase 7",
            "CASE 7∣",
            "case 7ꓸ",
            "c⍺se 7",
            "ⲥase 7",
            "ꓚꓮꓢꓰ 7",
            "cåşé 7",
            "ċase 7",
            "¢ase 7",
            "caseʼ 7",
            "𝓬𝓪𝓼𝓮 7",
            "🄲🄰🅂🄴 7",
            "ⓒⓐⓢⓔ ⑦",
        ];
        for spelling in alike {
            assert_eq!(fold_purpose(spelling).as_deref(), Ok("case7"), "{spelling:?}");
        }
        for (one, other) in
            [("CASE I", "case l"), ("case 10", "case lO"), ("corn", "COM"), ("þing", "ping"), ("дело ٧", "дело 7")]
        {
            assert_eq!(fold_purpose(one), fold_purpose(other), "{one:?}");
        }
        for (refused, character) in
            [("νarcotics", 'ν'), ("case ٧", '٧'), ("case ৪", '৪'), ("б ab", 'б'), ("a υ", 'υ'), ("ϲаse 7", 'ϲ')]
        {
            assert_eq!(fold_purpose(refused), Err(PurposeError::Ambiguous { character }), "{refused:?}");
        }
        for (one, other) in
            [("дело 7", "тело 7"), ("案件一", "案件二"), ("قضية ١٠", "قضية ١"), ("υπόθεση AB 7", "υπόθεση AB 8")]
        {
            let [one, other] = [one, other].map(|text| fold_purpose(text).expect(text));
            assert_ne!(one, other);
        }
        for (one, other) in [("гора", "ГОРА"), ("maður", "MAÐUR"), ("νόηση", "ΝΌΗΣΗ")] {
            assert_eq!(fold_purpose(one), fold_purpose(other), "{one:?}");
        }
    }

    /// All that Unicode knows to look like Latin letters and digits, beside such: it is these, or is refused.
    #[test]
    fn nothing_that_passes_for_latin_letters_is_another_purpose() {
        let mut alike = 0;
        for c in ('\0'..=char::MAX).filter(|&c| !c.is_ascii() && !is_invisible(c) && tells(c)) {
            let Some(look) = latin(c) else { continue };
            let stands_for: String = c.nfkc().collect();
            // A wide form is what it is a form of.
            if stands_for.is_ascii() {
                continue;
            }
            alike += 1;
            match fold_purpose(&format!("a{c}b")) {
                Ok(folded) => assert_eq!(Ok(folded), fold_purpose(&format!("a{look}b")), "{c:?} as {look:?}"),
                Err(error) => assert_eq!(error, PurposeError::Ambiguous { character: c }),
            }
        }
        assert!(alike > 900, "{alike}");
    }

    #[test]
    fn the_form_of_earlier_versions_stays() {
        for (text, before) in
            [("Case 7 Straße", "case7strasse"), ("ᴄase 7", "ᴄase7"), ("Audit-mi10", "auditmi10"), ("νan", "nan")]
        {
            assert_eq!(fold_of_before(text), before);
        }
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

    /// "Ᏺ" looks like "h", and "ᏺ" like nothing of Latin.
    #[test]
    fn what_is_ambiguous_in_capitals_is_so_in_small_letters() {
        for text in ["\u{1e145}\u{13fa} p", "\u{1e145}\u{13f2} P"] {
            assert_eq!(fold_purpose(text), Err(PurposeError::Ambiguous { character: '\u{1e145}' }), "{text:?}");
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
