//! What a character stands for on a plate: a letter of A to Z, a digit, or nothing.
//!
//! Plates are read as Latin letters and digits, whoever wrote them. So accents count for nothing, wide forms are what they
//! are wide forms of, and letters of the Cyrillic and Greek alphabets are what they cannot be told from. Owns that table.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The letters and digits that `c` stands for, most often one; none for a sign between them. `None` when it is a letter or
/// a sign of which nobody can say what a reader would take it for.
pub(super) fn letters(c: char) -> Option<Vec<char>> {
    if c.is_whitespace() || c.is_ascii_punctuation() || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '·' | '•')
    {
        return Some(Vec::new());
    }
    c.nfkd().filter(|&part| !is_combining_mark(part)).map(letter).collect()
}

/// The small Latin letter that a small letter of another alphabet cannot be told from in capitals; else the letter itself.
pub(crate) fn small_look_alike(c: char) -> char {
    let mut upper = c.to_uppercase();
    let (Some(capital), None) = (upper.next(), upper.next()) else { return c };
    let alike = ALIKE.chars().zip(LATIN.chars()).find(|(alike, _)| *alike == capital);
    alike.map_or(c, |(_, latin)| latin.to_ascii_lowercase())
}

fn letter(c: char) -> Option<char> {
    // As it stands on plates: in capitals.
    let mut upper = c.to_uppercase();
    let (Some(c), None) = (upper.next(), upper.next()) else { return None };
    match c {
        'A'..='Z' | '0'..='9' => Some(c),
        'Ø' => Some('O'),
        'Đ' | 'Ð' => Some('D'),
        'Ł' => Some('L'),
        'Ħ' => Some('H'),
        'Ŧ' => Some('T'),
        _ => ALIKE.chars().zip(LATIN.chars()).find_map(|(alike, latin)| (alike == c).then_some(latin)),
    }
}

/// Cyrillic, then Greek, in the order of [`LATIN`].
const ALIKE: &str = "АВЕКМНОРСТУХІЈЅҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";
const LATIN: &str = "ABEKMHOPCTYXIJSYABEZHIKMNOPTYX";

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Option<String> {
        text.chars().map(letters).collect::<Option<Vec<_>>>().map(|all| all.into_iter().flatten().collect())
    }

    #[test]
    fn what_looks_like_a_letter_is_that_letter() {
        assert_eq!(ALIKE.chars().count(), LATIN.chars().count());
        assert!(ALIKE.chars().all(|c| !c.is_ascii()) && LATIN.is_ascii());
        for (written, read) in [
            ("Ä-Ö ü·É ñ", "AOUEN"),
            ("А123ВС 77", "A123BC77"),
            ("сум 12ёї", "CYM12EI"),
            ("ΑΒΕ-1234 ζη", "ABE1234ZH"),
            ("ＡＢ１２", "AB12"),
            ("ŁØđıſ", "LODIS"),
            ("A\u{308}B", "AB"),
            ("— / . _ '", ""),
        ] {
            assert_eq!(folded(written).as_deref(), Some(read), "{written}");
        }
    }

    #[test]
    fn what_looks_like_none_is_named() {
        for unknown in "ЖБДГЩΣΩΛßæÞ京あأ١☃\u{200b}\u{7}".chars() {
            assert_eq!(letters(unknown), None, "{unknown:?}");
        }
    }
}
