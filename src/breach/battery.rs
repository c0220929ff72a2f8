//! A standard battery against random bits: monobit, block frequency, runs, cumulative sums and serial after NIST
//! SP 800-22, autocorrelation at the distances at which block ciphers and records would repeat, and two tests on bytes.
//!
//! Every test is two-sided or one-sided as published and gives a p-value; whoever runs many corrects for that.

use super::randomness::{Tally, gamma_upper, two_sided};

/// A test's name and its p-value.
pub type Outcome = (&'static str, f64);

/// Tests that [`run`] carries out.
pub const TESTS: usize = 12;

/// Bytes of one block of the block frequency test: 1024 bits.
const FREQUENCY_BLOCK: usize = 128;

/// Distances in bytes at which bits are compared: neighbours, a cipher's block, a cache line, a disk's sector.
const LAGS: [(usize, &str); 4] =
    [(1, "autocorrelation 8"), (16, "autocorrelation 128"), (64, "autocorrelation 512"), (512, "autocorrelation 4096")];

/// All tests on `bytes`; `None` when there are fewer than [`Tally::MIN_BYTES`].
pub fn run(bytes: &[u8], tally: &Tally) -> Option<[Outcome; TESTS]> {
    if (bytes.len() as u64) < Tally::MIN_BYTES {
        return None;
    }
    let (serial_first, serial_second) = serial(bytes);
    let [lag_a, lag_b, lag_c, lag_d] = LAGS.map(|(lag, name)| (name, autocorrelation(bytes, lag)));
    Some([
        ("monobit", monobit(bytes)),
        ("block frequency", block_frequency(bytes)),
        ("runs", runs(bytes)),
        ("cumulative sums", cumulative_sums(bytes)),
        ("serial ∇ψ²", serial_first),
        ("serial ∇²ψ²", serial_second),
        lag_a,
        lag_b,
        lag_c,
        lag_d,
        ("chi-square of bytes", tally.chi_square_p()),
        ("correlation of bytes", tally.correlation_p()),
    ])
}

/// Words of eight bytes and what is left.
fn ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// As many ones as zeros?
fn monobit(bytes: &[u8]) -> f64 {
    let bits = bytes.len() as f64 * 8.0;
    two_sided((2.0 * ones(bytes) as f64 - bits) / bits.sqrt())
}

/// In each kilobit too?
fn block_frequency(bytes: &[u8]) -> f64 {
    let bits = FREQUENCY_BLOCK as f64 * 8.0;
    let blocks = bytes.chunks_exact(FREQUENCY_BLOCK);
    let count = blocks.len() as f64;
    let chi: f64 = blocks.map(|block| (ones(block) as f64 / bits - 0.5).powi(2)).sum::<f64>() * 4.0 * bits;
    gamma_upper(count / 2.0, chi / 2.0)
}

/// Do ones and zeros change as often as they should?
fn runs(bytes: &[u8]) -> f64 {
    let bits = bytes.len() as f64 * 8.0;
    let share = ones(bytes) as f64 / bits;
    // As published: where the monobit test fails this one says nothing of its own.
    if (share - 0.5).abs() >= 2.0 / bits.sqrt() {
        return 1.0;
    }
    let within: u64 = bytes.iter().map(|byte| u64::from(((byte ^ (byte << 1)) & 0xfe).count_ones())).sum();
    let between = bytes.windows(2).filter(|pair| (pair[0] & 1) != (pair[1] >> 7)).count() as u64;
    let runs = (within + between + 1) as f64;
    let expected = 2.0 * bits * share * (1.0 - share);
    two_sided((runs - expected) / (2.0 * bits.sqrt() * share * (1.0 - share)))
}

/// Does the walk of +1 and −1 stray too far?
fn cumulative_sums(bytes: &[u8]) -> f64 {
    let (mut sum, mut furthest) = (0i64, 0i64);
    for &byte in bytes {
        // Within eight steps the walk strays at most eight further: looked at only where that could be a record.
        let step = 2 * i64::from(byte.count_ones()) - 8;
        if sum.abs() + 8 > furthest {
            let mut at = sum;
            for bit in (0..8).rev() {
                at += 2 * i64::from(byte >> bit & 1) - 1;
                furthest = furthest.max(at.abs());
            }
        }
        sum += step;
    }
    let (bits, z) = (bytes.len() as f64 * 8.0, furthest as f64);
    let root = bits.sqrt();
    let phi = |x: f64| 1.0 - 0.5 * if x >= 0.0 { two_sided(x) } else { 2.0 - two_sided(x) };
    let range = |from: f64, to: f64| (from.floor() as i64..=to.floor() as i64).map(|k| k as f64);
    let first: f64 = range((-bits / z + 1.0) / 4.0, (bits / z - 1.0) / 4.0)
        .map(|k| phi((4.0 * k + 1.0) * z / root) - phi((4.0 * k - 1.0) * z / root))
        .sum();
    let second: f64 = range((-bits / z - 3.0) / 4.0, (bits / z - 1.0) / 4.0)
        .map(|k| phi((4.0 * k + 3.0) * z / root) - phi((4.0 * k + 1.0) * z / root))
        .sum();
    (1.0 - first + second).clamp(0.0, 1.0)
}

/// Are all patterns of four overlapping bits equally frequent? Both statistics of the published test.
fn serial(bytes: &[u8]) -> (f64, f64) {
    // One count a byte: its bits behind the last three of the byte before, around the end.
    let mut contexts = [0u32; 2048];
    let mut before = bytes.last().map_or(0, |&last| usize::from(last & 7));
    for &byte in bytes {
        contexts[before << 8 | usize::from(byte)] += 1;
        before = usize::from(byte & 7);
    }
    let mut counts = [0u64; 16];
    for (context, &count) in contexts.iter().enumerate() {
        for shift in 0..8 {
            counts[context >> shift & 15] += u64::from(count);
        }
    }
    let bits = bytes.len() as f64 * 8.0;
    let psi = |patterns: &[u64]| {
        let squares: f64 = patterns.iter().map(|&count| (count as f64).powi(2)).sum();
        squares * patterns.len() as f64 / bits - bits
    };
    // Shorter patterns are sums of longer ones.
    let halved = |patterns: &[u64]| patterns.chunks(2).map(|pair| pair.iter().sum()).collect::<Vec<u64>>();
    let (three, four) = (halved(&counts), psi(&counts));
    let two = halved(&three);
    let (three, two) = (psi(&three), psi(&two));
    (gamma_upper(4.0, (four - three) / 2.0), gamma_upper(2.0, (four - 2.0 * three + two) / 2.0))
}

/// Do bits that lie `lag` bytes apart agree more or less often than they should?
fn autocorrelation(bytes: &[u8], lag: usize) -> f64 {
    let Some(later) = bytes.get(lag..) else { return 1.0 };
    let (a, b) = (later.as_chunks::<8>().0, bytes.as_chunks::<8>().0);
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let differ: u64 = a.iter().zip(b).map(|(a, b)| u64::from((word(a) ^ word(b)).count_ones())).sum();
    let bits = a.len().min(b.len()) as f64 * 64.0;
    two_sided((2.0 * differ as f64 - bits) / bits.max(1.0).sqrt())
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn outcomes(bytes: &[u8]) -> Vec<Outcome> {
        let mut tally = Tally::default();
        tally.add(bytes);
        run(bytes, &tally).expect("long enough").to_vec()
    }

    fn worst(bytes: &[u8]) -> Outcome {
        outcomes(bytes).into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("tests")
    }

    #[test]
    fn p_values_of_random_bytes_are_uniform() {
        let mut rng = ChaCha8Rng::seed_from_u64(17);
        let mut all: Vec<Vec<f64>> = vec![Vec::new(); TESTS];
        for _ in 0..300 {
            let mut bytes = vec![0; 8 << 10];
            rng.fill_bytes(&mut bytes);
            for (values, (_, p)) in all.iter_mut().zip(outcomes(&bytes)) {
                values.push(p);
            }
        }
        for (values, (name, _)) in all.iter_mut().zip(outcomes(&[0x5a; 8 << 10])) {
            values.sort_by(f64::total_cmp);
            // Kolmogorov and Smirnov at about 1 in 10,000; two of the tests are discrete or conditional, and may lie above.
            let low = values.iter().enumerate().map(|(i, p)| (i + 1) as f64 / 300.0 - p).fold(0.0, f64::max);
            assert!(low < 0.13, "{name}: {low}");
        }
    }

    /// The worked examples of SP 800-22 (sections 2.1.8, 2.3.8, 2.13.8): the first hundred binary digits of π.
    #[test]
    fn the_published_examples_come_out() {
        const PI: &str =
            "1100100100001111110110101010001000100001011010001100001000110100110001001100011001100010100010111000";
        let bits: Vec<u8> = PI.bytes().map(|b| b - b'0').collect();
        // A hundred bits are no whole number of bytes: the tests are compared on their first 96 with a naive count.
        let bytes: Vec<u8> = bits.chunks_exact(8).map(|c| c.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
        let bits = &bits[..96];
        let sum: i64 = bits.iter().map(|&b| 2 * i64::from(b) - 1).sum();
        assert!((monobit(&bytes) - two_sided(sum as f64 / 96f64.sqrt())).abs() < 1e-12);
        let changes = bits.windows(2).filter(|w| w[0] != w[1]).count() as f64 + 1.0;
        let share = bits.iter().filter(|&&b| b == 1).count() as f64 / 96.0;
        let z = (changes - 2.0 * 96.0 * share * (1.0 - share)) / (2.0 * 96f64.sqrt() * share * (1.0 - share));
        assert!((runs(&bytes) - two_sided(z)).abs() < 1e-12);
        // 2.13.8: with n = 100 and z = 16, p = 0.219194.
        let mut walk = 0i64;
        let furthest = bits
            .iter()
            .map(|&b| {
                walk += 2 * i64::from(b) - 1;
                walk.abs()
            })
            .max();
        assert_eq!(furthest, Some(16));
        assert!((cumulative_sums(&bytes) - 0.2).abs() < 0.03, "{}", cumulative_sums(&bytes));
    }

    #[test]
    fn each_weakness_is_found_by_a_test_made_for_it() {
        let mut random = vec![0; 64 << 10];
        ChaCha8Rng::seed_from_u64(5).fill_bytes(&mut random);
        assert!(worst(&random).1 > 1e-5, "{:?}", worst(&random));
        let p = |bytes: &[u8], name: &str| {
            outcomes(bytes).into_iter().find(|outcome| outcome.0 == name).expect("a test of that name").1
        };
        let biased: Vec<u8> = random.iter().enumerate().map(|(i, b)| if i % 16 == 0 { b | 1 } else { *b }).collect();
        assert!(p(&biased, "monobit") < 1e-6);
        let repeated: Vec<u8> = random[..512].iter().cycle().take(64 << 10).copied().collect();
        assert!(p(&repeated, "autocorrelation 4096") < 1e-100);
        let sorted: Vec<u8> = random.chunks(2).flat_map(|c| [c[0], c[0]]).collect();
        assert!(p(&sorted, "autocorrelation 8") < 1e-100);
        // Balanced, but never more than two ones in a row.
        let alternating = vec![0b0110_0110u8; 4096];
        assert!(p(&alternating, "serial ∇ψ²") < 1e-100);
        let halves: Vec<u8> = [vec![0xff; 4096], vec![0; 4096]].concat();
        assert!(p(&halves, "block frequency") < 1e-100 && p(&halves, "cumulative sums") < 1e-100);
    }
}
