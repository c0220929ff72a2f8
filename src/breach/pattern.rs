//! Serial patterns of licence plates: what a thief knows before stealing anything.
//!
//! Owns masks, their spaces and their enumeration. Knows nothing of hashes or files.

use rand::{Rng, RngExt};

/// One position of a serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Slot {
    Letter,
    Digit,
}

impl Slot {
    const fn radix(self) -> u64 {
        match self {
            Self::Letter => 26,
            Self::Digit => 10,
        }
    }

    const fn first(self) -> u8 {
        match self {
            Self::Letter => b'A',
            Self::Digit => b'0',
        }
    }
}

/// A serial pattern such as `LLL-DDDD`: letters, digits, and where the plate shows a gap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    slots: Vec<Slot>,
    /// A gap stands before the slots with these indices.
    gaps: Vec<usize>,
}

impl Pattern {
    /// Longest serial that is enumerated or imitated.
    pub const MAX_LEN: usize = 12;

    /// Reads a mask of `L` (letter), `D` (digit) and `-` (gap); `None` for anything else.
    pub fn parse(mask: &str) -> Option<Self> {
        let (mut slots, mut gaps) = (Vec::new(), Vec::new());
        for c in mask.chars() {
            match c {
                'L' => slots.push(Slot::Letter),
                'D' => slots.push(Slot::Digit),
                '-' => gaps.push(slots.len()),
                _ => return None,
            }
        }
        (1..=Self::MAX_LEN).contains(&slots.len()).then_some(Self { slots, gaps })
    }

    /// The pattern of a canonical plate (upper-case letters and digits); gaps where letters and digits meet.
    pub fn of(plate: &str) -> Option<Self> {
        let mut mask = String::new();
        let mut previous = None;
        for c in plate.chars() {
            let slot = match c {
                'A'..='Z' => 'L',
                '0'..='9' => 'D',
                _ => return None,
            };
            if previous.is_some_and(|p| p != slot) {
                mask.push('-');
            }
            mask.push(slot);
            previous = Some(slot);
        }
        Self::parse(&mask)
    }

    /// How many serials the pattern has.
    pub fn space(&self) -> u64 {
        self.slots.iter().map(|s| s.radix()).product()
    }

    /// A serial drawn uniformly from the pattern.
    pub fn draw(&self, rng: &mut impl Rng) -> String {
        self.slots.iter().map(|slot| (slot.first() + rng.random_range(0..slot.radix()) as u8) as char).collect()
    }

    /// `serial` as the plate shows it, with `gap` at each gap.
    pub fn spaced(&self, serial: &str, gap: char) -> String {
        let mut shown = String::with_capacity(serial.len() + self.gaps.len());
        for (i, c) in serial.chars().enumerate() {
            if i > 0 && self.gaps.contains(&i) {
                shown.push(gap);
            }
            shown.push(c);
        }
        shown
    }

    /// The mask without gaps, such as `LLLDDDD`.
    pub fn mask(&self) -> String {
        self.slots.iter().map(|s| if *s == Slot::Letter { 'L' } else { 'D' }).collect()
    }
}

/// How a serial was written before it was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spelling {
    /// `ABC1234`.
    Upper,
    /// `ABC-1234`.
    Dashed,
    /// `ABC 1234`.
    Spaced,
    /// `abc1234`.
    Lower,
}

impl Spelling {
    /// All of them, the ones met most often first.
    pub const ALL: [Self; 4] = [Self::Upper, Self::Dashed, Self::Spaced, Self::Lower];
}

/// Runs through the serials of a pattern in order, last character fastest, as messages ready to be hashed.
pub struct Odometer {
    message: [u8; 16],
    len: usize,
    /// Position in the message, first and last character; last slot first.
    wheels: Vec<(usize, u8, u8)>,
}

impl Odometer {
    /// An odometer that shows serial number `index` of `pattern`; `None` when the message would not fit one block.
    pub fn at(pattern: &Pattern, spelling: Spelling, mut index: u64) -> Option<Self> {
        let gap = match spelling {
            Spelling::Upper | Spelling::Lower => None,
            Spelling::Dashed => Some(b'-'),
            Spelling::Spaced => Some(b' '),
        };
        let (mut message, mut len, mut wheels) = ([0u8; 16], 0, Vec::with_capacity(pattern.slots.len()));
        for (i, slot) in pattern.slots.iter().enumerate() {
            if let Some(gap) = gap.filter(|_| i > 0 && pattern.gaps.contains(&i)) {
                *message.get_mut(len)? = gap;
                len += 1;
            }
            let lower = *slot == Slot::Letter && spelling == Spelling::Lower;
            let first = if lower { b'a' } else { slot.first() };
            wheels.push((len, first, first + slot.radix() as u8 - 1));
            len += 1;
        }
        // One byte must stay free for the hash's own padding.
        if len >= message.len() {
            return None;
        }
        wheels.reverse();
        for &(at, first, last) in &wheels {
            let radix = u64::from(last - first) + 1;
            message[at] = first + (index % radix) as u8;
            index /= radix;
        }
        Some(Self { message, len, wheels })
    }

    /// The message shown now.
    pub fn message(&self) -> &[u8] {
        &self.message[..self.len]
    }

    /// The message and the zeros after it.
    pub fn block(&self) -> &[u8; 16] {
        &self.message
    }

    /// What each setting of the last slots adds to [`Odometer::block`], read as a little-endian number, when they show their first
    /// characters now: in order, of as many slots as have at least `least` settings.
    pub fn turns(&self, least: usize) -> Vec<u128> {
        let mut turns = vec![0];
        for &(at, first, last) in &self.wheels {
            if turns.len() >= least {
                break;
            }
            let inner = turns;
            let step = |step: u8| u128::from(step) << (8 * at);
            turns = (0..=last - first).flat_map(|by| inner.iter().map(move |turn| turn + step(by))).collect();
        }
        turns
    }

    /// Shows the next serial; after the last comes the first.
    pub fn advance(&mut self) {
        for &(at, first, last) in &self.wheels {
            if self.message[at] < last {
                self.message[at] += 1;
                return;
            }
            self.message[at] = first;
        }
    }
}

/// Patterns in use in North America and Europe, common ones first: public knowledge, from the authorities' own pages.
pub fn public_patterns() -> Vec<Pattern> {
    const MASKS: [&str; 16] = [
        "LLL-DDDD",   // New York, Texas, Pennsylvania, Ohio, Ontario's older trucks
        "DLLLDDD",    // California
        "LLL-DDD",    // many states and provinces; Sweden, Finland, Hungary
        "LLLL-DDD",   // Ontario, Quebec trailers, Florida's newer serials
        "DDD-LLL",    // Arkansas, Colorado's older, Quebec's older
        "LLDDDD",     // small series, trailers
        "LDD-LLL",    // Michigan's older, Quebec
        "LLL-DDD-L",  // Mexico
        "LL-DDDD",    // Switzerland, German districts
        "LL-DDDDD",   // Denmark, Norway, Switzerland
        "LL-DDD-LL",  // France, Italy
        "DDDD-LLL",   // Spain
        "L-LL-DDDD",  // German one-letter districts
        "LL-DDDD-LL", // Ukraine, Romania-like
        "LLDD-LLL",   // United Kingdom
        "LLL-LDDDD",  // German three-letter districts
    ];
    MASKS.iter().filter_map(|mask| Pattern::parse(mask)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumeration_runs_through_the_space_in_order() {
        let pattern = Pattern::parse("L-D").expect("mask");
        assert_eq!(pattern.space(), 260);
        let mut odometer = Odometer::at(&pattern, Spelling::Dashed, 0).expect("fits");
        assert_eq!(odometer.message(), b"A-0");
        for i in 0..260 {
            let direct = Odometer::at(&pattern, Spelling::Dashed, i).expect("fits");
            assert_eq!(direct.message(), odometer.message());
            odometer.advance();
        }
        assert_eq!(odometer.message(), b"A-0");
        assert_eq!(Odometer::at(&pattern, Spelling::Lower, 259).expect("fits").message(), b"z9");
    }

    #[test]
    fn turns_lead_from_the_first_setting_to_all_others() {
        for (mask, least, count) in [("LLL-DDD", 100, 100), ("LLL-DDD", 101, 1000), ("DD-LL", 100_000, 67_600)] {
            let pattern = Pattern::parse(mask).expect("mask");
            let first = Odometer::at(&pattern, Spelling::Dashed, 0).expect("fits");
            let mut next = Odometer::at(&pattern, Spelling::Dashed, 0).expect("fits");
            let turns = first.turns(least);
            assert_eq!(turns.len(), count, "{mask}");
            for turn in turns {
                assert_eq!((u128::from_le_bytes(*first.block()) + turn).to_le_bytes(), *next.block());
                next.advance();
            }
        }
    }

    #[test]
    fn a_plate_has_the_pattern_it_shows() {
        let pattern = Pattern::of("ABC1234").expect("canonical");
        assert_eq!(pattern, Pattern::parse("LLL-DDDD").expect("mask"));
        assert_eq!(pattern.spaced("ABC1234", ' '), "ABC 1234");
        assert_eq!(Pattern::of("AB 12"), None);
        assert_eq!(public_patterns().len(), 16);
    }
}
