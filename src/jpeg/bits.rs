//! Bits: entropy-coded bytes without their stuffing, read and written most significant bit first.
//!
//! Owns byte stuffing, restart markers and bit positions. Knows nothing of Huffman codes or pixels.

use memchr::memchr;

use super::{Fault, JpegError};

/// Zero bytes behind the last bit, so that a reader may always load eight.
const PAD: usize = 8;

/// The marker of an image's end.
const END: u8 = 0xD9;

/// The bytes between two restart markers, as a part of [`Entropy::bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    /// First byte.
    pub start: usize,
    /// First byte behind.
    pub end: usize,
    /// Fill bytes (0xFF) between the last byte and the restart marker.
    pub fill: usize,
}

/// Entropy-coded data without stuffing and markers.
pub(super) struct Entropy {
    /// All intervals in order, then [`PAD`] zero bytes.
    pub bytes: Vec<u8>,
    /// Where each lies.
    pub intervals: Vec<Interval>,
    /// Length of the stuffed data in the file: a marker other than RST begins there, or its fill bytes, or nothing.
    pub stuffed_len: usize,
    /// Whether a marker follows.
    pub marked: bool,
}

impl Entropy {
    /// Takes stuffing and restart markers out of `data` up to the first other marker, behind which `data` may go on, or to its
    /// end where none follows. At most `max_intervals` intervals are accepted.
    pub fn unstuff(data: &[u8], max_intervals: usize) -> Result<Self, JpegError> {
        let mut bytes = Vec::with_capacity(data.len() + PAD);
        let mut intervals = Vec::new();
        let (mut at, mut start) = (0, 0);
        loop {
            let rest = data.get(at..).unwrap_or_default();
            let marker = at + memchr(0xFF, rest).unwrap_or(rest.len());
            bytes.extend_from_slice(&data[at..marker]);
            if data.get(marker + 1) == Some(&0) {
                bytes.push(0xFF);
                at = marker + 2;
                continue;
            }
            let code_at = marker + data[marker..].iter().take_while(|&&byte| byte == 0xFF).count();
            // Whether a scan that runs to the file's end is all there, [`Self::ends_at`] says.
            let marked = code_at < data.len();
            let code = if marked { data[code_at] } else { END };
            if code == 0 {
                // Fill bytes in front of a stuffed 0xFF: decoders do not agree on what that means.
                return Err(JpegError::Malformed(Fault::Stuffing));
            }
            let restart = (0xD0..=0xD7).contains(&code);
            let fill = if restart { code_at - 1 - marker } else { 0 };
            intervals.push(Interval { start, end: bytes.len(), fill });
            if !restart {
                bytes.extend_from_slice(&[0; PAD]);
                return Ok(Self { bytes, intervals, stuffed_len: marker, marked });
            }
            if intervals.len() >= max_intervals || usize::from(code & 7) != (intervals.len() - 1) % 8 {
                return Err(JpegError::Malformed(Fault::Restart));
            }
            start = bytes.len();
            at = code_at + 1;
        }
    }

    /// Whether the data may end with a scan that ends at `bit`. A marker behind it says so; without one, what is left of the
    /// last byte must be the ones that fill it up: a file whose end was never written goes on with zeros, which are codes, too.
    pub fn ends_at(&self, bit: usize) -> bool {
        let end = 8 * (self.bytes.len() - PAD);
        let spare = end.saturating_sub(bit);
        let last = self.bytes.get(bit / 8).copied().unwrap_or(0);
        self.marked || bit <= end && spare < 8 && last.trailing_ones() as usize >= spare
    }

    /// Number of bits between markers.
    pub fn bits(&self) -> usize {
        8 * (self.bytes.len() - PAD)
    }
}

/// Appends `bytes` to `out` with a zero byte behind each 0xFF.
pub(super) fn stuff(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(found) = memchr(0xFF, rest) {
        let (done, left) = rest.split_at(found + 1);
        out.extend_from_slice(done);
        out.push(0);
        rest = left;
    }
    out.extend_from_slice(rest);
}

/// Reads bits. Behind the end it reads zeros: whoever needs to know compares [`BitReader::position`].
#[derive(Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    next: usize,
    /// The next bits, left aligned. Bits beyond `valid` are right too, or zero.
    window: u64,
    valid: u32,
}

impl<'a> BitReader<'a> {
    /// A reader of `bytes` (with [`PAD`] bytes behind the last bit) that begins at `bit`.
    pub fn new(bytes: &'a [u8], bit: usize) -> Self {
        let mut reader = Self { bytes, next: bit / 8, window: 0, valid: 0 };
        reader.refill();
        reader.consume((bit % 8) as u32);
        reader
    }

    /// Makes at least 56 bits valid.
    #[inline(always)]
    pub fn refill(&mut self) {
        if let Some(chunk) = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk::<8>) {
            self.window |= u64::from_be_bytes(*chunk) >> self.valid;
        }
        self.next += ((63 - self.valid) >> 3) as usize;
        self.valid |= 56;
    }

    /// Makes at least 32 bits valid: enough for one code of 16 bits and 16 bits behind it.
    #[inline(always)]
    pub fn ensure(&mut self) {
        if self.valid < 32 {
            self.refill();
        }
    }

    /// The next `count` (1 to 32) bits, which must be valid.
    #[inline(always)]
    pub fn peek(&self, count: u32) -> u32 {
        (self.window >> (64 - count)) as u32
    }

    /// Leaves out `count` valid bits.
    #[inline(always)]
    pub fn consume(&mut self, count: u32) {
        self.window <<= count;
        self.valid -= count;
    }

    /// Position of the next bit.
    #[inline(always)]
    pub fn position(&self) -> usize {
        8 * self.next - self.valid as usize
    }
}

/// Writes bits into bytes without stuffing.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits not yet in `bytes`, right aligned; fewer than eight between calls.
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// A writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), pending: 0, count: 0 }
    }

    /// Bits written so far.
    pub fn position(&self) -> usize {
        8 * self.bytes.len() + self.count as usize
    }

    /// Appends the `count` (0 to 32) low bits of `value`; higher bits of it must be zero.
    pub fn put(&mut self, value: u32, count: u32) {
        self.pending = self.pending << count | u64::from(value);
        self.count += count;
        let whole = self.count / 8;
        let left_aligned = self.pending << (64 - self.count).min(63);
        self.bytes.extend_from_slice(&left_aligned.to_be_bytes()[..whole as usize]);
        self.count %= 8;
        self.pending &= (1 << self.count) - 1;
    }

    /// Appends the bits `from..to` of `source`; those that `source` lacks are zeros.
    pub fn copy(&mut self, source: &[u8], from: usize, to: usize) {
        let mut at = from;
        // Whole words: 64 bits of the source, shifted to the writer's position.
        while at + 64 <= to {
            let Some(chunk) = source.get(at / 8..).and_then(<[u8]>::first_chunk::<9>) else { break };
            let [head @ .., last] = *chunk;
            let shift = (at % 8) as u32;
            let word = u64::from_be_bytes(head) << shift | u64::from(last) >> (8 - shift);
            let merged = if self.count == 0 { word } else { self.pending << (64 - self.count) | word >> self.count };
            self.bytes.extend_from_slice(&merged.to_be_bytes());
            self.pending = word & ((1 << self.count) - 1);
            at += 64;
        }
        while at < to {
            let count = (8 - at % 8).min(to - at);
            let byte = source.get(at / 8).copied().unwrap_or(0);
            let bits = u32::from(byte) << (at % 8) & 0xFF;
            self.put(bits >> (8 - count), count as u32);
            at += count;
        }
    }

    /// Fills up the last byte with `bit`s and hands over the bytes written since the last call.
    pub fn align(&mut self, bit: bool) {
        let missing = (8 - self.count) % 8;
        self.put(if bit { (1 << missing) - 1 } else { 0 }, missing);
    }

    /// What was written; the last byte must be full ([`BitWriter::align`]).
    pub fn bytes(&self) -> &[u8] {
        debug_assert_eq!(self.count, 0);
        &self.bytes
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Forgets what was written, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.pending, self.count) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit(bytes: &[u8], at: usize) -> u32 {
        u32::from(bytes[at / 8] >> (7 - at % 8) & 1)
    }

    proptest! {
        #[test]
        fn stuffing_is_undone(data in prop::collection::vec(prop_oneof![Just(0xFFu8), Just(0), any::<u8>()], 0..300)) {
            let mut stuffed = Vec::new();
            stuff(&data, &mut stuffed);
            let length = stuffed.len();
            stuffed.extend_from_slice(&[0xFF, 0xD9]);
            let entropy = Entropy::unstuff(&stuffed, 1).unwrap();
            prop_assert_eq!(&entropy.bytes[..data.len()], &data[..]);
            prop_assert_eq!(entropy.stuffed_len, length);
            prop_assert_eq!(entropy.bits(), 8 * data.len());
        }

        #[test]
        fn bits_are_read_where_they_lie(data in prop::collection::vec(any::<u8>(), 1..60), from in 0usize..100) {
            let mut padded = data.clone();
            padded.extend_from_slice(&[0; PAD]);
            let mut reader = BitReader::new(&padded, from);
            let mut at = from;
            while at < data.len() * 8 {
                reader.ensure();
                prop_assert_eq!(reader.position(), at);
                prop_assert_eq!(reader.peek(1), bit(&data, at));
                let step = 1 + at % 29;
                reader.consume(step as u32);
                at += step;
            }
        }

        #[test]
        fn ranges_are_copied_to_any_position(
            data in prop::collection::vec(any::<u8>(), 1..80),
            ranges in prop::collection::vec((0usize..640, 0usize..640), 1..5),
        ) {
            let mut writer = BitWriter::default();
            let mut expected = Vec::new();
            for (a, b) in ranges {
                let (from, to) = (a.min(b).min(8 * data.len()), a.max(b).min(8 * data.len()));
                writer.copy(&data, from, to);
                expected.extend((from..to).map(|at| bit(&data, at)));
                writer.put(5, 3);
                expected.extend([1, 0, 1]);
                prop_assert_eq!(writer.position(), expected.len());
            }
            writer.align(true);
            let written: Vec<u32> = (0..expected.len()).map(|at| bit(writer.bytes(), at)).collect();
            prop_assert_eq!(written, expected);
        }
    }

    #[test]
    fn restart_markers_come_in_order() {
        let entropy = Entropy::unstuff(&[1, 2, 0xFF, 0xFF, 0xD0, 3, 0xFF, 0xD1, 0xFF, 0xD9], 3).unwrap();
        let intervals = [(0, 2, 1), (2, 3, 0), (3, 3, 0)].map(|(start, end, fill)| Interval { start, end, fill });
        assert_eq!(entropy.intervals, intervals);
        let fault = |data: &[u8], most| Entropy::unstuff(data, most).err();
        assert_eq!(fault(&[1, 0xFF, 0xD1, 2, 0xFF, 0xD9], 9), Some(JpegError::Malformed(Fault::Restart)));
        assert_eq!(fault(&[1, 0xFF, 0xD0, 2, 0xFF, 0xD9], 1), Some(JpegError::Malformed(Fault::Restart)));
        assert_eq!(fault(&[1, 0xFF, 0xFF, 0, 0xFF, 0xD9], 1), Some(JpegError::Malformed(Fault::Stuffing)));
        // Without a marker, the file's end is the scan's.
        for end in [&[1][..], &[1, 0xFF], &[1, 0xFF, 0xFF]] {
            let entropy = Entropy::unstuff(end, 1).unwrap();
            assert_eq!(
                (&entropy.intervals[..], entropy.stuffed_len),
                (&[Interval { start: 0, end: 1, fill: 0 }][..], 1)
            );
            // The bits of 1 that may be left over are its last.
            assert_eq!([0, 6, 7, 8, 9].map(|bit| entropy.ends_at(bit)), [false, false, true, true, false]);
        }
    }
}
