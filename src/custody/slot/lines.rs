//! Lines that people copy by hand: 16 symbols of Crockford's base32 and two check symbols, which find what was mistyped.
//!
//! The check symbols are those of a Reed-Solomon code over the 32 symbols, with the line's number as its first symbol. Any
//! one wrong symbol and any exchange of two neighbours is noticed for certain, and where it stands is known; so is a line
//! in another's place. Anything else passes one line with a probability of 1 in 1,024, and is then left to the checksum
//! over the whole.

use std::fmt;

use zeroize::Zeroizing;

use crate::words::count;

/// Bytes of a line.
pub(super) const BYTES: usize = 10;
/// Symbols of a line, with its check symbols.
pub(super) const SYMBOLS: usize = 18;
/// Symbols in a group, as they are printed.
const GROUP: usize = 4;
/// Symbols that carry bytes.
const DATA: usize = 16;
/// Symbols of a code word: the line's number stands before the others.
const WORD: usize = 1 + SYMBOLS;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What is wrong with a line. It tells where, never what: a line is part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFault {
    /// It is not there.
    Missing,
    /// There are two different lines of that number.
    Twice,
    /// It has this many symbols and not 18.
    Length(usize),
    /// One symbol is wrong: the place's group and place in it, counted from 1.
    Symbol {
        /// Which group of four; the fifth is that of the check symbols.
        group: usize,
        /// Which symbol of it.
        place: usize,
    },
    /// Two neighbouring symbols are exchanged, of which this is the first.
    Exchanged {
        /// Which group of four; the fifth is that of the check symbols.
        group: usize,
        /// Which symbol of it.
        place: usize,
    },
    /// It seems to be the line of another number.
    Misplaced,
    /// Several symbols are wrong.
    Several,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Twice => f.write_str("is there twice, and not the same"),
            Self::Length(symbols) => write!(f, "has {} and not {SYMBOLS}", count(*symbols as u64, "symbol")),
            Self::Symbol { group, place } => write!(f, "is mistyped in group {group}, symbol {place}"),
            Self::Exchanged { group, place } => {
                write!(f, "has two symbols exchanged, from group {group}, symbol {place} on")
            }
            Self::Misplaced => f.write_str("seems to be another line"),
            Self::Several => f.write_str("has several symbols mistyped"),
        }
    }
}

/// A line in groups, with its check symbols.
pub(super) fn print(number: u8, bytes: &[u8; BYTES]) -> Zeroizing<String> {
    let symbols = with_checks(number, bytes);
    let mut text = Zeroizing::new(String::with_capacity(2 * SYMBOLS));
    for (at, &symbol) in symbols.iter().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push(' ');
        }
        text.push(char::from(ALPHABET[usize::from(symbol)]));
    }
    text
}

fn with_checks(number: u8, bytes: &[u8; BYTES]) -> Zeroizing<[u8; SYMBOLS]> {
    let mut symbols = Zeroizing::new([0; SYMBOLS]);
    for (at, five) in bytes.chunks_exact(5).enumerate() {
        let bits = five.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        for place in 0..8 {
            symbols[8 * at + place] = (bits >> (35 - 5 * place)) as u8 & 31;
        }
    }
    let [sum, weighted] = syndromes(number, &symbols);
    let (first, second) = (power(WORD - 2), power(WORD - 1));
    symbols[DATA] = divide(weighted ^ multiply(second, sum), first ^ second);
    symbols[DATA + 1] = symbols[DATA] ^ sum;
    symbols
}

/// Whether a text may be a line, mistyped or not, rather than words.
pub(super) fn looks_like_one(text: &str) -> bool {
    (SYMBOLS - 3..=SYMBOLS + 3).contains(&text.chars().filter(|c| !is_separator(*c)).count())
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == '-'
}

/// Reads a line; separators are spaces and dashes. O is read as 0, I and L as 1, in either case.
pub(super) fn read(number: u8, text: &str) -> Result<Zeroizing<[u8; BYTES]>, LineFault> {
    let mut symbols = Zeroizing::new([0; SYMBOLS]);
    let (mut len, mut unknown) = (0, Vec::new());
    for c in text.chars().filter(|c| !is_separator(*c)) {
        if let Some(place) = symbols.get_mut(len) {
            match value(c) {
                Some(value) => *place = value,
                None => unknown.push(len),
            }
        }
        len += 1;
    }
    match (len, unknown.as_slice()) {
        (SYMBOLS, []) => {}
        (SYMBOLS, &[at]) => return Err(at_symbol(at)),
        (SYMBOLS, _) => return Err(LineFault::Several),
        _ => return Err(LineFault::Length(len)),
    }
    if let Some(fault) = fault(number, &symbols) {
        return Err(fault);
    }
    let mut bytes = Zeroizing::new([0; BYTES]);
    for (at, eight) in symbols[..DATA].chunks_exact(8).enumerate() {
        let bits = eight.iter().fold(0_u64, |bits, &symbol| bits << 5 | u64::from(symbol));
        bytes[5 * at..5 * at + 5].copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Ok(bytes)
}

fn fault(number: u8, symbols: &[u8; SYMBOLS]) -> Option<LineFault> {
    let [sum, weighted] = syndromes(number, symbols);
    match (sum, weighted) {
        (0, 0) => None,
        (0, _) => {
            let exchanged =
                |&at: &usize| multiply(symbols[at] ^ symbols[at + 1], power(at + 1) ^ power(at + 2)) == weighted;
            let mut places = (0..SYMBOLS - 1).filter(exchanged);
            match (places.next(), places.next()) {
                (Some(at), None) => Some(LineFault::Exchanged { group: at / GROUP + 1, place: at % GROUP + 1 }),
                _ => Some(LineFault::Several),
            }
        }
        (_, 0) => Some(LineFault::Several),
        _ => Some(match (0..WORD).find(|&at| multiply(sum, power(at)) == weighted) {
            Some(0) => LineFault::Misplaced,
            Some(at) => at_symbol(at - 1),
            None => LineFault::Several,
        }),
    }
}

fn at_symbol(at: usize) -> LineFault {
    LineFault::Symbol { group: at / GROUP + 1, place: at % GROUP + 1 }
}

fn value(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().position(|&symbol| char::from(symbol) == c).map(|at| at as u8)
}

/// Sum of the code word's symbols, and sum weighted by their places: both are zero for a sound line.
fn syndromes(number: u8, symbols: &[u8; SYMBOLS]) -> [u8; 2] {
    let word = std::iter::once(&number).chain(symbols).enumerate();
    word.fold([0, 0], |[sum, weighted], (at, &symbol)| [sum ^ symbol, weighted ^ multiply(symbol, power(at))])
}

/// Product in the field of 32 elements, modulo x⁵ + x² + 1.
fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0_u16;
    for bit in 0..5 {
        // By masks, not by branches: what is multiplied is secret.
        product ^= (u16::from(a) << bit) & (u16::from(b) >> bit & 1).wrapping_neg();
    }
    for bit in (5..9).rev() {
        product ^= (0b10_0101 << (bit - 5)) & (product >> bit & 1).wrapping_neg();
    }
    product as u8
}

/// The power of x, which generates all 31 elements but zero.
fn power(exponent: usize) -> u8 {
    (0..exponent).fold(1, |element, _| multiply(element, 2))
}

/// Quotient; an element's inverse is its 30th power.
fn divide(a: u8, b: u8) -> u8 {
    (0..30).fold(a, |product, _| multiply(product, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(line: &str) -> Vec<char> {
        line.chars().filter(|c| *c != ' ').collect()
    }

    fn joined(symbols: &[char]) -> String {
        symbols.iter().collect()
    }

    #[test]
    fn a_line_reads_back_however_it_is_typed() {
        let bytes = *b"\x00\xff0123abc\x10";
        let line = print(3, &bytes);
        assert_eq!(line.len(), SYMBOLS + 4);
        assert_eq!(*read(3, &line).expect("sound"), bytes);
        let typed = line.to_lowercase().replace('0', "o").replace('1', "l").replace(' ', "-");
        assert_eq!(*read(3, &typed).expect("sound"), bytes);
    }

    #[test]
    fn every_wrong_symbol_and_every_exchange_is_named() {
        for bytes in [*b"ten bytes!", [0; 10], [0xff; 10], *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x10\x32"] {
            let right = symbols(&print(5, &bytes));
            for at in 0..SYMBOLS {
                let place = at_symbol(at);
                for wrong in ALPHABET.iter().map(|&symbol| char::from(symbol)).chain(['U', '%', 'é']) {
                    let mut typed = right.clone();
                    typed[at] = wrong;
                    let expected = if wrong == right[at] { None } else { Some(place) };
                    assert_eq!(read(5, &joined(&typed)).err(), expected, "{wrong} at {at}");
                }
                let mut typed = right.clone();
                if at + 1 < SYMBOLS && typed[at] != typed[at + 1] {
                    typed.swap(at, at + 1);
                    let fault = read(5, &joined(&typed)).expect_err("noticed");
                    // Another exchange may explain the same sums: then the line is named, not the place.
                    assert!(
                        fault == LineFault::Several
                            || fault == LineFault::Exchanged { group: at / GROUP + 1, place: at % GROUP + 1 },
                        "{fault:?} at {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_line_in_another_place_or_of_another_length_is_named() {
        let line = print(2, b"ten bytes!");
        assert_eq!(read(4, &line).err(), Some(LineFault::Misplaced));
        assert_eq!(read(2, &line[1..]).err(), Some(LineFault::Length(17)));
        assert_eq!(read(2, &format!("{}X", &*line)).err(), Some(LineFault::Length(19)));
        assert_eq!(read(2, "").err(), Some(LineFault::Length(0)));
    }

    #[test]
    fn the_field_is_a_field() {
        let mut powers: Vec<_> = (0..31).map(power).collect();
        powers.sort_unstable();
        assert_eq!(powers, (1..32).collect::<Vec<_>>());
        for a in 0..32 {
            for b in 1..32 {
                assert_eq!(multiply(divide(a, b), b), a);
            }
        }
    }
}
