//! Shares: a slot's key in *n* parts, any *m* of which give it back and fewer tell nothing (Shamir, 1979).
//!
//! A share is six numbered lines of text, which a person can copy from paper and a camera can read from a QR code.

use std::fmt;

use qrcode::{EcLevel, QrCode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::lines::{self, LineFault};
use crate::seal::{CustodyId, SlotId};

/// Lines of a share.
const LINES: usize = 6;
/// Bytes of a share, as its lines carry them.
const LEN: usize = LINES * lines::BYTES;
/// Bytes of an id that a share carries: 16 of the 26 characters in which ids are shown.
const ID_LEN: usize = 10;
const FORMAT: u8 = 1;
/// What a QR code says before the lines' symbols.
const PREFIX: &str = "SAFELIGHT:";

/// One share of a slot's key. Wiped on drop; neither printable nor clonable by accident.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Share {
    threshold: u8,
    count: u8,
    index: u8,
    custody: [u8; ID_LEN],
    slot: [u8; ID_LEN],
    value: [u8; 32],
}

crate::seal::assert_secret!(Share);

/// A text is no share, or was mistyped. It tells where and never what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// There are no numbered lines in it.
    #[error("this is no share: it has no lines numbered 1 to {LINES}")]
    NotAShare,
    /// A later version wrote it.
    #[error("this share has format {found}, and this version reads format {FORMAT}")]
    Version {
        /// The share's format.
        found: u8,
    },
    /// These lines are wrong, by number.
    #[error("{}", Faults(lines))]
    Mistyped {
        /// Number and fault of each.
        lines: Vec<(u8, LineFault)>,
    },
    /// Each line is sound by itself, and they do not belong together.
    #[error("its lines are not of one share, or several symbols of one line are mistyped")]
    Mixed,
}

/// Line faults in words.
struct Faults<'a>(&'a [(u8, LineFault)]);

impl fmt::Display for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (number, fault)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}line {number} {fault}")?;
        }
        Ok(())
    }
}

impl Share {
    /// A share of a slot's key.
    pub(super) fn new([threshold, count, index]: [u8; 3], custody: CustodyId, slot: SlotId, value: &[u8; 32]) -> Self {
        Self { threshold, count, index, custody: short(&custody.0), slot: short(&slot.0), value: *value }
    }

    /// Which share it is, from 1 on.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// How many shares were made.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// How many of them open the slot.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Whether it is of this custodian.
    pub fn is_of(&self, custody: CustodyId) -> bool {
        self.custody == short(&custody.0)
    }

    /// Whether it is of this slot.
    pub(super) fn is_of_slot(&self, slot: SlotId) -> bool {
        self.slot == short(&slot.0)
    }

    pub(super) fn value(&self) -> &[u8; 32] {
        &self.value
    }

    /// Its six lines, each with its number: what a holder keeps.
    pub fn lines(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(256));
        for (number, line) in self.numbered_lines() {
            text.push(char::from(b'0' + number));
            text.push_str("  ");
            text.push_str(&lines::print(number, &line));
            text.push('\n');
        }
        text
    }

    /// Its QR code: modules from top left, row by row, and how many a row has. Without the white margin of four modules
    /// that readers want.
    pub fn qr_code(&self) -> (Zeroizing<Vec<bool>>, usize) {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + LINES * lines::SYMBOLS + 64));
        text.push_str(PREFIX);
        for (number, line) in self.numbered_lines() {
            text.extend(lines::print(number, &line).chars().filter(|c| *c != ' '));
        }
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).expect("a share fits a QR code");
        let dark = code.to_colors().into_iter().map(|color| color == qrcode::Color::Dark);
        (Zeroizing::new(dark.collect()), code.width())
    }

    fn numbered_lines(&self) -> impl Iterator<Item = (u8, Zeroizing<[u8; lines::BYTES]>)> {
        let bytes = self.to_bytes();
        (0..LINES).map(move |at| {
            let mut line = Zeroizing::new([0; lines::BYTES]);
            line.copy_from_slice(&bytes[at * lines::BYTES..][..lines::BYTES]);
            (at as u8 + 1, line)
        })
    }

    /// Reads a share from a text in which its lines stand, among others, or from what its QR code says.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let mut found: [Option<Result<Zeroizing<[u8; lines::BYTES]>, LineFault>>; LINES] = Default::default();
        for line in text.lines() {
            let line = line.trim();
            if line.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX)) {
                let symbols: Zeroizing<Vec<char>> = Zeroizing::new(line[PREFIX.len()..].chars().collect());
                // A title may begin like that, too.
                if symbols.len() < (LINES - 1) * lines::SYMBOLS || symbols.contains(&' ') {
                    continue;
                }
                for (at, line) in symbols.chunks(lines::SYMBOLS).enumerate().take(LINES) {
                    let line = Zeroizing::new(line.iter().collect::<String>());
                    put(&mut found[at], lines::read(at as u8 + 1, &line));
                }
                continue;
            }
            let mut parts = line.splitn(2, |c: char| c.is_whitespace());
            let (Some(number), Some(symbols)) = (parts.next(), parts.next()) else { continue };
            let number = number.trim_end_matches(['.', ':', ')']).parse::<u8>();
            if let (Ok(number @ 1..=6), true) = (number, lines::looks_like_one(symbols)) {
                put(&mut found[usize::from(number) - 1], lines::read(number, symbols));
            }
        }
        if found.iter().all(Option::is_none) {
            return Err(ShareError::NotAShare);
        }
        let mut bytes = Zeroizing::new([0; LEN]);
        let mut faults = Vec::new();
        for (at, line) in found.iter().enumerate() {
            match line {
                Some(Ok(line)) => bytes[at * lines::BYTES..][..lines::BYTES].copy_from_slice(line.as_slice()),
                Some(Err(fault)) => faults.push((at as u8 + 1, *fault)),
                None => faults.push((at as u8 + 1, LineFault::Missing)),
            }
        }
        if !faults.is_empty() {
            return Err(ShareError::Mistyped { lines: faults });
        }
        Self::from_bytes(&bytes)
    }

    /// Whether a line, without its number, is sound by itself: for asking again while its holder has the paper at hand.
    pub fn check_line(number: u8, symbols: &str) -> Result<(), LineFault> {
        lines::read(number, symbols).map(|_| ())
    }

    fn to_bytes(&self) -> Zeroizing<[u8; LEN]> {
        let mut bytes = Zeroizing::new([0; LEN]);
        bytes[..4].copy_from_slice(&[FORMAT, self.threshold, self.count, self.index]);
        bytes[4..14].copy_from_slice(&self.custody);
        bytes[14..24].copy_from_slice(&self.slot);
        bytes[24..56].copy_from_slice(&self.value);
        let checksum = checksum(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum);
        bytes
    }

    fn from_bytes(bytes: &[u8; LEN]) -> Result<Self, ShareError> {
        if checksum(&bytes[..56]) != bytes[56..] {
            return Err(ShareError::Mixed);
        }
        let [found, threshold, count, index] = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if found != FORMAT {
            return Err(ShareError::Version { found });
        }
        let mut share = Self { threshold, count, index, custody: [0; ID_LEN], slot: [0; ID_LEN], value: [0; 32] };
        share.custody.copy_from_slice(&bytes[4..14]);
        share.slot.copy_from_slice(&bytes[14..24]);
        share.value.copy_from_slice(&bytes[24..56]);
        Ok(share)
    }
}

/// A line that is given twice must be the same.
fn put<T: PartialEq>(place: &mut Option<Result<T, LineFault>>, line: Result<T, LineFault>) {
    *place = match place.take() {
        Some(before) if before != line => Some(Err(LineFault::Twice)),
        _ => Some(line),
    };
}

fn short(id: &[u8; 16]) -> [u8; ID_LEN] {
    *id.first_chunk().expect("10 of 16 bytes")
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    *blake3::derive_key("safelight v1 share checksum", bytes).first_chunk().expect("4 of 32 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(index: u8, value: [u8; 32]) -> Share {
        Share::new([3, 5, index], CustodyId([7; 16]), SlotId([9; 16]), &value)
    }

    fn same(a: &Share, b: &Share) -> bool {
        a.to_bytes() == b.to_bytes()
    }

    fn error(text: &str) -> Option<ShareError> {
        Share::parse(text).err()
    }

    #[test]
    fn a_share_stands_among_other_text() {
        let share = share(2, *b"thirty-two bytes of share value!");
        let page =
            format!("Safelight: share 2 of 5 of a key\n\n3 of 5\nlabel  AB\n{}\n2 people know.\n", &*share.lines());
        assert!(same(&Share::parse(&page).expect("a share"), &share));
        assert_eq!(error("Share 2 of 5"), Some(ShareError::NotAShare));
        assert_eq!(error(""), Some(ShareError::NotAShare));
    }

    #[test]
    fn a_share_names_what_is_wrong_with_it() {
        let share = share(2, [0xa5; 32]);
        let text = share.lines();
        let lines: Vec<_> = text.lines().collect();
        let mistyped = |lines: Vec<&str>| error(&lines.join("\n"));
        assert_eq!(mistyped(lines[..5].to_vec()), Some(ShareError::Mistyped { lines: vec![(6, LineFault::Missing)] }));
        let wrong = lines[3].replace("4  ", "4  u");
        let mut typed = lines.clone();
        typed[3] = &wrong;
        assert_eq!(mistyped(typed), Some(ShareError::Mistyped { lines: vec![(4, LineFault::Length(19))] }));
        // A whole line of the share of another: sound by itself, and wrong here.
        let other = self::share(3, [0x5a; 32]).lines();
        let mut typed = lines.clone();
        typed[4] = other.lines().nth(4).expect("line 5");
        assert_eq!(mistyped(typed), Some(ShareError::Mixed));
        let shown = ShareError::Mistyped { lines: vec![(4, LineFault::Symbol { group: 2, place: 3 })] }.to_string();
        assert_eq!(shown, "line 4 is mistyped in group 2, symbol 3");
    }

    #[test]
    fn a_later_format_is_named() {
        let mut bytes = share(1, [1; 32]).to_bytes();
        bytes[0] = 2;
        let sum = checksum(&bytes[..56]);
        bytes[56..].copy_from_slice(&sum);
        assert_eq!(Share::from_bytes(&bytes).err(), Some(ShareError::Version { found: 2 }));
    }

    #[test]
    fn its_qr_code_says_its_lines() {
        let share = share(2, [0x3c; 32]);
        let (modules, width) = share.qr_code();
        assert_eq!((width, modules.len()), (37, 37 * 37));
        let said: String = share.lines().lines().flat_map(|line| line[3..].chars()).filter(|c| *c != ' ').collect();
        assert!(same(&Share::parse(&format!("safelight:{said}\n")).expect("a share"), &share));
        assert!(matches!(error(&format!("{PREFIX}{}", &said[1..])), Some(ShareError::Mistyped { .. })));
    }

    proptest! {
        #[test]
        fn any_share_reads_back(value: [u8; 32], index in 1_u8..=255) {
            let share = share(index, value);
            prop_assert!(same(&Share::parse(&share.lines()).expect("a share"), &share));
        }

        #[test]
        fn any_one_wrong_symbol_names_its_line(value: [u8; 32], line in 0_usize..6, at in 3_usize..25, symbol in "[0-9A-Z]") {
            let share = share(4, value);
            let text = share.lines();
            let mut typed: Vec<String> = text.lines().map(str::to_owned).collect();
            prop_assume!(typed[line].as_bytes()[at] != b' ');
            typed[line].replace_range(at..=at, &symbol);
            match Share::parse(&typed.join("\n")) {
                // Crockford's readings of O, I and L are no mistake.
                Ok(read) => prop_assert!(same(&read, &share)),
                Err(error) => {
                    let place = (at - 3) / 5;
                    let fault = LineFault::Symbol { group: place + 1, place: (at - 3) % 5 + 1 };
                    prop_assert_eq!(error, ShareError::Mistyped { lines: vec![(line as u8 + 1, fault)] });
                }
            }
        }

        #[test]
        fn no_text_is_a_panic(text in "(?s).{0,300}") {
            let _ = Share::parse(&text);
            let _ = Share::parse(&format!("1 {text}\nSAFELIGHT:{text}"));
        }
    }
}
