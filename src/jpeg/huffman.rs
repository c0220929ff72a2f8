//! Huffman tables: as the file states them, for decoding several bits at a glance, and for encoding.
//!
//! Owns codes. Knows nothing of where in a picture they stand.

use super::bits::BitReader;
use super::{Fault, JpegError};

/// Bits that the fast tables look at. Eleven bits hold nearly every code with its value bits, and both tables of an
/// image's luma AC codes stay well inside the first-level cache.
const LOOK: u32 = 11;

/// How far an end of block advances the coefficient index: beyond any other sum, so that it can be told apart.
pub(super) const END_OF_BLOCK: u32 = 96;

/// What many skipped coefficients may advance at most, see [`AcDecoder::skip`].
const SKIP_MOST: u32 = 32;

/// A table as a DHT segment states it: how many codes of each length, and their symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableSpec {
    /// Codes of 1 to 16 bits.
    pub counts: [u8; 16],
    /// One symbol for each code, shortest codes first.
    pub symbols: Vec<u8>,
}

impl TableSpec {
    /// Reads counts and symbols from the front of `data`; returns what follows, too.
    pub fn parse(data: &[u8]) -> Result<(Self, &[u8]), JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::HuffmanTable);
        let (&counts, rest) = data.split_first_chunk::<16>().ok_or(FAULT)?;
        let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
        if total > 256 {
            return Err(FAULT);
        }
        let (symbols, rest) = rest.split_at_checked(total).ok_or(FAULT)?;
        let spec = Self { counts, symbols: symbols.to_vec() };
        if spec.free_codes() < 0 {
            return Err(FAULT);
        }
        Ok((spec, rest))
    }

    /// Unused codes of 16 bits, the reserved one of all ones included; negative when there are too many codes.
    fn free_codes(&self) -> i64 {
        let used = (1u32..).zip(self.counts).map(|(length, count)| i64::from(count) << (16 - length));
        (1 << 16) - used.sum::<i64>()
    }

    /// Each code as (symbol, code, length), in order.
    fn codes(&self) -> impl Iterator<Item = (u8, u32, u32)> {
        let lengths = (1u32..).zip(self.counts).flat_map(|(length, count)| std::iter::repeat_n(length, count.into()));
        let mut next = (0, 0);
        self.symbols.iter().zip(lengths).map(move |(&symbol, length)| {
            let (code, last) = next;
            let code = code << (length - last);
            next = (code + 1, length);
            (symbol, code, length)
        })
    }

    /// The same table with codes for `symbols` (which it lacks) added behind all others, so that every code that it
    /// has stays as it is; `None` when there is no room.
    pub fn extended(&self, symbols: &[u8]) -> Option<Self> {
        let needed = i64::try_from(symbols.len()).ok()?;
        // Codes grow in value with their length, so only lengths not below the longest one in use can be added to.
        let longest = self.counts.iter().rposition(|&count| count > 0).map_or(1, |index| index + 1);
        let free = self.free_codes();
        let length = (longest..=16).find(|length| (free >> (16 - length)) > needed)?;
        let mut extended = self.clone();
        extended.counts[length - 1] = extended.counts[length - 1].checked_add(u8::try_from(needed).ok()?)?;
        extended.symbols.extend_from_slice(symbols);
        (extended.symbols.len() <= 256).then_some(extended)
    }
}

/// Codes by symbol, for writing.
pub(super) struct Encoder {
    codes: [(u16, u8); 256],
}

impl Encoder {
    /// The codes of `spec`.
    pub fn new(spec: &TableSpec) -> Self {
        let mut codes = [(0, 0); 256];
        for (symbol, code, length) in spec.codes() {
            // Should a table name a symbol twice, the shorter code will do.
            let slot = &mut codes[usize::from(symbol)];
            if slot.1 == 0 {
                *slot = (code as u16, length as u8);
            }
        }
        Self { codes }
    }

    /// (code, length) of `symbol`, or `None` when the table lacks it.
    pub fn code(&self, symbol: u8) -> Option<(u32, u32)> {
        let (code, length) = self.codes[usize::from(symbol)];
        (length > 0).then_some((u32::from(code), u32::from(length)))
    }
}

/// The number of bits that the absolute value of `value` takes: a DC symbol.
pub(super) fn category(value: i32) -> u8 {
    (32 - value.unsigned_abs().leading_zeros()) as u8
}

/// The bits that follow a symbol of size `size` for `value`.
pub(super) fn value_bits(value: i32, size: u8) -> u32 {
    let bits = if value < 0 { value - 1 } else { value };
    bits as u32 & ((1 << size) - 1)
}

/// The value that `bits` of a symbol of size `size` (0 to 15) stand for.
#[inline(always)]
pub(super) fn extend(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    // Values whose first bit is 0 are negative: subtract 2^size - 1.
    if bits < (1 << size) >> 1 { bits - (1 << size) + 1 } else { bits }
}

/// The value of `size` (0 to 15) bits that stand behind `length` of 32.
fn value_at(bits: u32, length: u32, size: u32) -> i32 {
    if size == 0 { 0 } else { extend(bits << length >> (32 - size), size) }
}

/// The search that finds any code, long ones included.
struct Canonical {
    /// For each length, the first 16-bit prefix that has a longer code.
    limit: [u32; 17],
    /// For each length, what to add to a code for the index of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Canonical {
    fn new(spec: &TableSpec) -> Self {
        let (mut limit, mut offset) = ([0; 17], [0; 17]);
        let (mut code, mut index) = (0u32, 0i32);
        for (length, count) in (1..).zip(spec.counts) {
            code <<= 1;
            offset[length] = index - code as i32;
            code += u32::from(count);
            index += i32::from(count);
            limit[length] = code << (16 - length);
        }
        Self { limit, offset, symbols: spec.symbols.clone() }
    }

    /// (symbol, length) of the code at the front of 16 bits.
    fn find(&self, bits: u32) -> Option<(u8, u32)> {
        let length = (1..=16usize).find(|&length| bits < self.limit[length])?;
        let index = (bits >> (16 - length)) as i32 + self.offset[length];
        let symbol = self.symbols.get(usize::try_from(index).ok()?)?;
        Some((*symbol, length as u32))
    }
}

/// Decodes symbols alone, for scans in which they mean more than a run and a size.
pub(super) struct SymbolDecoder {
    /// Length in the low byte, symbol above; 0 where the bits do not suffice.
    fast: Box<[u16; 1 << LOOK]>,
    canonical: Canonical,
}

impl SymbolDecoder {
    /// A decoder for the codes of `spec`.
    pub fn new(spec: &TableSpec) -> Self {
        let mut fast = Box::new([0; 1 << LOOK]);
        for (symbol, code, length) in spec.codes().take_while(|(_, _, length)| *length <= LOOK) {
            let first = (code << (LOOK - length)) as usize;
            fast[first..first + (1 << (LOOK - length))].fill(u16::from(symbol) << 8 | length as u16);
        }
        Self { fast, canonical: Canonical::new(spec) }
    }

    /// The next symbol. At least 16 bits must be valid.
    #[inline(always)]
    pub fn decode(&self, reader: &mut BitReader<'_>) -> Result<u8, JpegError> {
        let entry = self.fast[reader.peek(LOOK) as usize];
        if entry != 0 {
            reader.consume(u32::from(entry) & 0xFF);
            return Ok((entry >> 8) as u8);
        }
        let (symbol, length) = self.canonical.find(reader.peek(16)).ok_or(JpegError::Malformed(Fault::Code))?;
        reader.consume(length);
        Ok(symbol)
    }
}

/// Decodes DC differences.
pub(super) struct DcDecoder {
    /// Length in the low byte, difference above; 0 where the bits do not suffice.
    fast: Box<[i32; 1 << LOOK]>,
    canonical: Canonical,
}

impl DcDecoder {
    /// The largest size of a difference of 8-bit samples' coefficients.
    pub const MAX_SIZE: u8 = 11;

    /// A decoder for the codes of `spec`.
    pub fn new(spec: &TableSpec) -> Self {
        let mut fast = Box::new([0; 1 << LOOK]);
        for (symbol, code, length) in spec.codes() {
            let size = u32::from(symbol);
            if symbol > Self::MAX_SIZE || length + size > LOOK {
                continue;
            }
            let spare = LOOK - length - size;
            for bits in 0..1 << size {
                let first = ((code << size | bits) << spare) as usize;
                fast[first..first + (1 << spare)].fill(extend(bits, size) << 8 | (length + size) as i32);
            }
        }
        Self { fast, canonical: Canonical::new(spec) }
    }

    /// The next difference. At least 32 bits must be valid.
    #[inline(always)]
    pub fn decode(&self, reader: &mut BitReader<'_>) -> Result<i32, JpegError> {
        let entry = self.fast[reader.peek(LOOK) as usize];
        if entry != 0 {
            reader.consume(entry as u32 & 0xFF);
            return Ok(entry >> 8);
        }
        let (difference, length) = self.find(reader.peek(32))?;
        reader.consume(length);
        Ok(difference)
    }

    /// The difference at the front of 32 bits, and its length. Not on the reader itself, which could not stay in registers.
    #[cold]
    fn find(&self, bits: u32) -> Result<(i32, u32), JpegError> {
        let found = self.canonical.find(bits >> 16).filter(|&(symbol, _)| symbol <= Self::MAX_SIZE);
        let (symbol, length) = found.ok_or(JpegError::Malformed(Fault::Code))?;
        let size = u32::from(symbol);
        Ok((value_at(bits, length, size), length + size))
    }
}

/// One decoded AC symbol.
#[derive(Clone, Copy)]
pub(super) struct AcStep {
    /// How far the coefficient index advances: run + 1, 16, or [`END_OF_BLOCK`].
    pub advance: u32,
    /// The coefficient, which lies at the last index that was advanced over.
    pub value: i16,
}

/// One or two AC symbols that were decoded at a glance: the values in bits 0–15 and 16–31, how far each advances in bits
/// 32–39 and 40–47, the bits that the first and that both take in 48–55 and 56–63. Where there is no second, it does not
/// advance and has the first's value, so that it may be written to the same place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct AcPair(u64);

impl AcPair {
    const NONE: Self = Self(0);

    fn new(values: [i16; 2], advances: [u32; 2], lengths: [u32; 2]) -> Self {
        let [a, b] = values.map(|value| u64::from(value as u16));
        let numbers = [advances[0], advances[1], lengths[0], lengths[1]];
        Self(numbers.iter().rev().fold(0, |bits, &number| bits << 8 | u64::from(number)) << 32 | b << 16 | a)
    }

    fn one(AcStep { advance, value }: AcStep) -> Self {
        Self::new([value; 2], [advance, 0], [0; 2])
    }

    /// Without the second.
    #[inline(always)]
    fn first(self) -> Self {
        let value = self.0 & 0xFFFF;
        Self(self.0 & 0x00FF_00FF_0000_0000 | value << 16 | value)
    }

    /// The value of symbol `at`, 0 or 1.
    #[inline(always)]
    pub fn value(self, at: u32) -> i16 {
        (self.0 >> (16 * at)) as i16
    }

    /// How far symbol `at` advances the coefficient index.
    #[inline(always)]
    pub fn advance(self, at: u32) -> u32 {
        (self.0 >> (32 + 8 * at)) as u32 & 0xFF
    }

    #[inline(always)]
    fn length(self, at: u32) -> u32 {
        (self.0 >> (48 + 8 * at)) as u32 & 0xFF
    }
}

/// Decodes AC coefficients.
pub(super) struct AcDecoder {
    /// Bits 0–4 length, 5 [`AcDecoder::SLOW`], 8–15 advance, 16–31 value. With `SLOW`, the length is that of the code
    /// alone and the value is its size, or all is 0 when the code is longer than [`LOOK`].
    fast: Box<[u32; 1 << LOOK]>,
    /// One or two symbols, see [`AcPair`].
    pairs: Box<[AcPair; 1 << LOOK]>,
    /// Bits 0–4 length, 5–15 advance, of as many symbols as fit; 0 when not even one does.
    skip: Box<[u16; 1 << LOOK]>,
    canonical: Canonical,
}

impl AcDecoder {
    const SLOW: u32 = 1 << 5;

    /// A decoder for the codes of `spec`.
    pub fn new(spec: &TableSpec) -> Self {
        let mut fast = Box::new([Self::SLOW; 1 << LOOK]);
        for (symbol, code, length) in spec.codes() {
            let Some(advance) = advance(symbol) else { continue };
            if length > LOOK {
                break;
            }
            let size = u32::from(symbol & 15);
            let first = (code << (LOOK - length)) as usize;
            if length + size > LOOK {
                let entry = size << 16 | advance << 8 | Self::SLOW | length;
                fast[first..first + (1 << (LOOK - length))].fill(entry);
                continue;
            }
            let spare = LOOK - length - size;
            for bits in 0..1u32 << size {
                let first = first + (bits << spare) as usize;
                let entry = (extend(bits, size) as u32) << 16 | advance << 8 | (length + size);
                fast[first..first + (1 << spare)].fill(entry);
            }
        }
        let (pairs, skip) = (Self::pairs(&fast), Self::skips(&fast));
        Self { fast, pairs, skip, canonical: Canonical::new(spec) }
    }

    /// The first two symbols of each bit pattern.
    fn pairs(fast: &[u32; 1 << LOOK]) -> Box<[AcPair; 1 << LOOK]> {
        let mut pairs = Box::new([AcPair::NONE; 1 << LOOK]);
        let symbol = |entry: u32| ((entry >> 16) as i16, entry >> 8 & 0xFF, entry & 31);
        for (pattern, pair) in pairs.iter_mut().enumerate() {
            let first = fast[pattern];
            if first & Self::SLOW != 0 {
                continue;
            }
            let (value, advance, length) = symbol(first);
            let second = fast[pattern << length & ((1 << LOOK) - 1)];
            let (other, next, more) = symbol(second);
            let fits = advance < END_OF_BLOCK && second & Self::SLOW == 0 && length + more <= LOOK;
            *pair = if fits {
                AcPair::new([value, other], [advance, next], [length, length + more])
            } else {
                AcPair::new([value; 2], [advance, 0], [length; 2])
            };
        }
        pairs
    }

    /// Strings of symbols for each bit pattern, see [`AcDecoder::skip`].
    fn skips(fast: &[u32; 1 << LOOK]) -> Box<[u16; 1 << LOOK]> {
        let mut skip = Box::new([0; 1 << LOOK]);
        for (pattern, slot) in skip.iter_mut().enumerate() {
            let (mut length, mut advance) = (0, 0);
            while advance < END_OF_BLOCK {
                let entry = fast[pattern << length & ((1 << LOOK) - 1)];
                let (step, mut bits) = (entry >> 8 & 0xFF, entry & 31);
                if entry & Self::SLOW != 0 {
                    bits += entry >> 16;
                }
                // The first symbol may end behind the bits looked at, provided its code does not.
                let known = step > 0 && (length == 0 || length + bits <= LOOK);
                if !known || step < END_OF_BLOCK && advance + step > SKIP_MOST {
                    break;
                }
                length += bits;
                advance += step;
            }
            *slot = (advance << 5 | length) as u16;
        }
        skip
    }

    /// The next symbol. At least 32 bits must be valid.
    #[inline(always)]
    pub fn decode(&self, reader: &mut BitReader<'_>) -> Result<AcStep, JpegError> {
        let entry = self.fast[reader.peek(LOOK) as usize];
        if entry & Self::SLOW == 0 {
            reader.consume(entry & 31);
            return Ok(AcStep { advance: entry >> 8 & 0xFF, value: (entry >> 16) as i16 });
        }
        let (step, length) = self.find(reader.peek(32), entry)?;
        reader.consume(length);
        Ok(step)
    }

    /// The next one or two symbols, of which the first advances from coefficient index `k`: the second is left where the
    /// first fills the block. At least 32 bits must be valid.
    #[inline(always)]
    pub fn decode_pair(&self, reader: &mut BitReader<'_>, k: u32) -> Result<AcPair, JpegError> {
        let pair = self.pairs[reader.peek(LOOK) as usize];
        if pair == AcPair::NONE {
            return self.decode(reader).map(AcPair::one);
        }
        // Behind a full block the next one begins, with a code of another table.
        if k + pair.advance(0) >= 64 {
            reader.consume(pair.length(0));
            return Ok(pair.first());
        }
        reader.consume(pair.length(1));
        Ok(pair)
    }

    /// The symbol at the front of 32 bits, of which `entry` is what the fast table says, and its length. Not on the reader
    /// itself, which could not stay in registers.
    #[cold]
    fn find(&self, bits: u32, entry: u32) -> Result<(AcStep, u32), JpegError> {
        const FAULT: JpegError = JpegError::Malformed(Fault::Code);
        let (length, advance, size) = match entry & 31 {
            0 => {
                let (symbol, length) = self.canonical.find(bits >> 16).ok_or(FAULT)?;
                (length, advance(symbol).ok_or(FAULT)?, u32::from(symbol & 15))
            }
            length => (length, entry >> 8 & 0xFF, entry >> 16),
        };
        Ok((AcStep { advance, value: value_at(bits, length, size) as i16 }, length + size))
    }

    /// Passes over symbols from coefficient index `k` (≤ 63), several at once where their bits are few; returns the new
    /// index. At least 32 bits must be valid.
    #[inline(always)]
    pub fn skip(&self, reader: &mut BitReader<'_>, k: u32) -> Result<u32, JpegError> {
        let entry = u32::from(self.skip[reader.peek(LOOK) as usize]);
        let next = k + (entry >> 5);
        // A string of symbols may run over the end of the block and into the next one: then go step by step. It
        // cannot reach END_OF_BLOCK otherwise (63 + SKIP_MOST is below), and with an end of block in it, an index
        // from 64 + END_OF_BLOCK up shows that the block had ended before.
        const _: () = assert!(63 + SKIP_MOST < END_OF_BLOCK);
        let over = next > 64 && next <= END_OF_BLOCK || next >= 64 + END_OF_BLOCK;
        if entry == 0 || over {
            return Ok(k + self.decode(reader)?.advance);
        }
        reader.consume(entry & 31);
        Ok(next)
    }
}

/// How far an AC symbol advances; `None` for one that sequential coding does not have.
fn advance(symbol: u8) -> Option<u32> {
    match (symbol >> 4, symbol & 15) {
        (0, 0) => Some(END_OF_BLOCK),
        (15, 0) => Some(16),
        (_, 0) => None,
        (run, _) => Some(u32::from(run) + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::bits::BitWriter;
    use proptest::prelude::*;

    /// A table for the symbols 0 to `lengths.len() - 1`, or `None` when the lengths do not fit.
    fn table(lengths: &[u8]) -> Option<TableSpec> {
        let mut counts = [0u8; 16];
        let mut symbols = Vec::new();
        for length in 1..=16 {
            for (symbol, _) in lengths.iter().enumerate().filter(|&(_, &l)| l == length) {
                counts[usize::from(length) - 1] += 1;
                symbols.push(symbol as u8);
            }
        }
        let spec = TableSpec { counts, symbols };
        (spec.free_codes() >= 1).then_some(spec)
    }

    /// Lengths of a table that leaves at least the reserved code free.
    fn tables(symbols: usize) -> impl Strategy<Value = TableSpec> {
        prop::collection::vec(2u8..=16, 1..symbols).prop_filter_map("codes fit", |lengths| {
            (0..15).find_map(|more| table(&lengths.iter().map(|l| (l + more).min(16)).collect::<Vec<_>>()))
        })
    }

    proptest! {
        #[test]
        fn differences_come_back(spec in tables(12), values in prop::collection::vec(-2047i32..2048, 1..50)) {
            let encoder = Encoder::new(&spec);
            let values: Vec<i32> = values.into_iter().filter(|&v| encoder.code(category(v)).is_some()).collect();
            let mut writer = BitWriter::default();
            for &value in &values {
                let size = category(value);
                let (code, length) = encoder.code(size).unwrap();
                writer.put(code, length);
                writer.put(value_bits(value, size), size.into());
            }
            writer.copy(&[0; 9], 0, 64);
            writer.align(true);
            let decoder = DcDecoder::new(&spec);
            let mut reader = BitReader::new(writer.bytes(), 0);
            for value in values {
                reader.ensure();
                prop_assert_eq!(decoder.decode(&mut reader), Ok(value));
            }
        }

        #[test]
        fn skipping_ends_where_decoding_ends(spec in tables(160), data in prop::collection::vec(any::<u8>(), 100..400)) {
            let decoder = AcDecoder::new(&spec);
            let (mut slow, mut fast) = (BitReader::new(&data, 0), BitReader::new(&data, 0));
            for _ in 0..20 {
                let walked = walk(&mut slow, |reader, k| Ok(k + decoder.decode(reader)?.advance));
                let skipped = walk(&mut fast, |reader, k| decoder.skip(reader, k));
                prop_assert_eq!(&walked, &skipped);
                if walked.is_err() || slow.position() > 8 * data.len() - 64 {
                    break;
                }
                prop_assert_eq!(slow.position(), fast.position());
            }
        }

        #[test]
        fn an_extended_table_keeps_its_codes(spec in tables(12)) {
            let encoder = Encoder::new(&spec);
            let missing: Vec<u8> = (0..12).filter(|&symbol| encoder.code(symbol).is_none()).collect();
            if let Some(extended) = spec.extended(&missing) {
                prop_assert!(extended.free_codes() >= 1);
                let more = Encoder::new(&extended);
                for symbol in 0..12 {
                    let code = more.code(symbol);
                    prop_assert!(code.is_some());
                    prop_assert!(encoder.code(symbol).is_none() || encoder.code(symbol) == code);
                }
                let all: Vec<u8> = extended.counts.iter().chain(&extended.symbols).copied().collect();
                prop_assert_eq!(TableSpec::parse(&all), Ok((extended, &[][..])));
            } else {
                prop_assert!(spec.counts[15] > 0);
            }
        }
    }

    fn walk(
        reader: &mut BitReader<'_>,
        mut step: impl FnMut(&mut BitReader<'_>, u32) -> Result<u32, JpegError>,
    ) -> Result<u32, JpegError> {
        let mut k = 1;
        while k < 64 {
            reader.ensure();
            k = step(reader, k)?;
        }
        // Where an end of block stood does not matter here.
        Ok(if k > END_OF_BLOCK { END_OF_BLOCK } else { k })
    }

    #[test]
    fn too_many_codes_are_refused() {
        let parse = |counts: [u8; 16], symbols: &[u8]| {
            TableSpec::parse(&[&counts[..], symbols].concat()).map(|(spec, _)| spec.symbols.len())
        };
        let mut counts = [0; 16];
        counts[0] = 3;
        assert_eq!(parse(counts, &[1, 2, 3]), Err(JpegError::Malformed(Fault::HuffmanTable)));
        counts[0] = 1;
        assert_eq!(parse(counts, &[]), Err(JpegError::Malformed(Fault::HuffmanTable)));
        assert_eq!(parse(counts, &[7]), Ok(1));
        assert_eq!(parse([0; 16], &[]), Ok(0));
        assert_eq!(parse([255; 16], &[0; 4080]), Err(JpegError::Malformed(Fault::HuffmanTable)));
    }
}
