//! Hash functions as a cracker wants them: many short messages, no allocation.
//!
//! Owns the list of unkeyed digests that the lab tries. Nothing here protects anything.

use md5::Digest as _;
use pulp::Simd;

/// An unkeyed hash function that people put plates through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// RFC 1321; New York's taxis, 2014.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// BLAKE3 without a key.
    Blake3,
}

impl Algorithm {
    /// All of them, the ones met most often first.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha256, Self::Sha1, Self::Blake3];

    /// Bytes of an untruncated digest.
    pub const fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
        }
    }

    /// What one digest costs, in MD5s, which are computed many at a time.
    pub const fn cost(self) -> u64 {
        match self {
            Self::Md5 => 1,
            Self::Sha1 | Self::Sha256 | Self::Blake3 => 16,
        }
    }

    /// The name in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Blake3 => "BLAKE3",
        }
    }

    /// The digest of `message` in the first [`size`](Self::size) bytes, zeros after them.
    pub fn digest(self, message: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        match self {
            Self::Md5 => out[..16].copy_from_slice(&md5::Md5::digest(message)),
            Self::Sha1 => out[..20].copy_from_slice(&sha1::Sha1::digest(message)),
            Self::Sha256 => out.copy_from_slice(&sha2::Sha256::digest(message)),
            Self::Blake3 => out.copy_from_slice(blake3::hash(message).as_bytes()),
        }
        out
    }
}

/// Messages hashed side by side: two AVX-512 or four AVX2 registers for each word, enough to hide the latency of MD5's
/// one long chain of dependent additions.
pub const LANES: usize = 32;

/// Words of a message that may differ between lanes: 16 bytes, no plate has more.
pub const MESSAGE_WORDS: usize = 4;

/// One word of each lane.
pub type Words = [u32; LANES];

/// `LANES` MD5 digests at once of messages of one common length ≤ 15 bytes. `message[w][lane]` holds the
/// little-endian words with RFC 1321's 0x80 already appended. Returns the first two words of each digest: 64 bits are
/// enough to look up, and the few that match are hashed again in full.
#[inline(always)]
pub fn md5_lanes<S: Simd>(simd: S, message: &[Words; MESSAGE_WORDS], length: usize) -> [Words; 2] {
    // Loops and no closures: those would be compiled without the set's instructions.
    let mut words: [&[S::u32s]; MESSAGE_WORDS] = [&[]; MESSAGE_WORDS];
    for (words, message) in words.iter_mut().zip(message) {
        *words = S::as_simd_u32s(message).0;
    }
    let mut digests = [[0; LANES]; 2];
    let bits = simd.splat_u32s(length as u32 * 8);
    let registers = words[0].len();
    for register in (0..registers).step_by(2) {
        // Two independent chains in turn; a lone last register is done twice.
        let pair = [register, (register + 1).min(registers - 1)];
        let mut of_pair = [[bits; 2]; MESSAGE_WORDS];
        for (word, words) in of_pair.iter_mut().zip(words) {
            *word = [words[pair[0]], words[pair[1]]];
        }
        let found = md5_pair(simd, of_pair, bits);
        for (at, digest) in pair.into_iter().zip(found) {
            for (words, word) in digests.iter_mut().zip(digest) {
                S::as_mut_simd_u32s(words).0[at] = word;
            }
        }
    }
    digests
}

/// First two words of the digests in two registers.
#[inline(always)]
fn md5_pair<S: Simd>(simd: S, words: [[S::u32s; 2]; MESSAGE_WORDS], bits: S::u32s) -> [[S::u32s; 2]; 2] {
    const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut start = [bits; 4];
    for (start, word) in start.iter_mut().zip(START) {
        *start = simd.splat_u32s(word);
    }
    let mut state = [start; 2];
    // Written out, so that each knows its shift: a rotation is one instruction then, where there is one.
    macro_rules! steps {
        ($($step:literal)*) => { $(step::<S, $step>(simd, &mut state, &words, bits);)* };
    }
    steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    steps!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    let [[a, b, ..], [c, d, ..]] = state;
    let add = S::add_u32s;
    [[add(simd, a, start[0]), add(simd, b, start[1])], [add(simd, c, start[0]), add(simd, d, start[1])]]
}

/// Step number `STEP` of RFC 1321's 64, on both chains.
#[inline(always)]
fn step<S: Simd, const STEP: usize>(
    simd: S,
    state: &mut [[S::u32s; 4]; 2],
    words: &[[S::u32s; 2]; MESSAGE_WORDS],
    bits: S::u32s,
) {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let (add, and, or, xor) = (S::add_u32s, S::and_u32s, S::or_u32s, S::xor_u32s);
    let round = STEP / 16;
    let word = match round {
        0 => STEP,
        1 => 5 * STEP + 1,
        2 => 3 * STEP + 5,
        _ => 7 * STEP,
    } % 16;
    let shift = SHIFTS[round][STEP % 4];
    let (left, right) = (simd.splat_u32s(shift), simd.splat_u32s(32 - shift));
    for (chain, [a, b, c, d]) in state.iter_mut().enumerate() {
        let mixed = match round {
            0 => xor(simd, *d, and(simd, *b, xor(simd, *c, *d))),
            1 => xor(simd, *c, and(simd, *d, xor(simd, *b, *c))),
            2 => xor(simd, *b, xor(simd, *c, *d)),
            _ => xor(simd, *c, or(simd, *b, simd.not_u32s(*d))),
        };
        let mut sum = add(simd, add(simd, *a, mixed), simd.splat_u32s(SINES[STEP]));
        // Words beyond the message are zero, but for its length in bits.
        if word < MESSAGE_WORDS {
            sum = add(simd, sum, words[word][chain]);
        } else if word == 14 {
            sum = add(simd, sum, bits);
        }
        let turned = or(simd, simd.wrapping_dyn_shl_u32s(sum, left), simd.wrapping_dyn_shr_u32s(sum, right));
        (*a, *d, *c, *b) = (*d, *c, *b, add(simd, *b, turned));
    }
}

/// RFC 1321's table: ⌊2³² · |sin(i + 1)|⌋.
static SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_agree_with_the_plain_function() {
        for length in 1..=15usize {
            let texts: Vec<Vec<u8>> =
                (0..LANES).map(|l| (0..length).map(|i| b'A' + ((l * 7 + i) % 26) as u8).collect()).collect();
            let mut message = [[0u32; LANES]; MESSAGE_WORDS];
            for (lane, text) in texts.iter().enumerate() {
                let mut block = [0u8; 16];
                block[..length].copy_from_slice(text);
                block[length] = 0x80;
                for (w, word) in block.chunks_exact(4).enumerate() {
                    message[w][lane] = u32::from_le_bytes(word.try_into().expect("four"));
                }
            }
            struct Job<'a>(&'a [Words; MESSAGE_WORDS], usize);
            impl pulp::WithSimd for Job<'_> {
                type Output = [Words; 2];
                #[inline(always)]
                fn with_simd<S: Simd>(self, simd: S) -> [Words; 2] {
                    md5_lanes(simd, self.0, self.1)
                }
            }
            let [a, b] = crate::simd::run(Job(&message, length));
            assert_eq!(pulp::Scalar.vectorize(Job(&message, length)), [a, b]);
            for (lane, text) in texts.iter().enumerate() {
                let full = Algorithm::Md5.digest(text);
                assert_eq!(full[..4], a[lane].to_le_bytes());
                assert_eq!(full[4..8], b[lane].to_le_bytes());
            }
        }
    }

    #[test]
    fn digests_are_the_published_ones() {
        let hex = |a: Algorithm| data_encoding::HEXLOWER.encode(&a.digest(b"abc")[..a.size()]);
        assert_eq!(hex(Algorithm::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(Algorithm::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex(Algorithm::Sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hex(Algorithm::Blake3), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    }
}
