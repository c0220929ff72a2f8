//! Does a file look like random bytes? Entropy, chi-square, serial correlation, repeated blocks.
//!
//! Owns the statistics. Knows nothing of formats: whoever wants a header left out passes only the rest.

/// Sums over a run of bytes; runs of one file are added up.
#[derive(Clone)]
pub struct Tally {
    counts: [u64; 256],
    /// Σ x·y over neighbours, each byte centred on 127.5 and doubled so that it stays whole.
    neighbours: i64,
    pairs: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [0; 256], neighbours: 0, pairs: 0 }
    }
}

impl Tally {
    /// Fewer bytes than this expect fewer than five of each value, below which chi-square is not to be trusted.
    pub const MIN_BYTES: u64 = 5 * 256;

    /// Counts `bytes`, and the neighbours among them.
    pub fn add(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.counts[usize::from(b)] += 1;
        }
        let centred = |b: u8| 2 * i64::from(b) - 255;
        self.neighbours += bytes.windows(2).map(|w| centred(w[0]) * centred(w[1])).sum::<i64>();
        self.pairs += bytes.len().saturating_sub(1) as u64;
    }

    /// Adds what another run counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.neighbours += other.neighbours;
        self.pairs += other.pairs;
    }

    /// Bytes counted.
    pub fn bytes(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Shannon entropy of the byte values, bits a byte, 0 to 8.
    pub fn entropy(&self) -> f64 {
        let total = self.bytes() as f64;
        if total == 0.0 {
            return 0.0;
        }
        self.counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 / total).map(|p| -p * p.log2()).sum()
    }

    /// Probability that uniform bytes are at least as uneven: chi-square with 255 degrees of freedom.
    pub fn chi_square_p(&self) -> f64 {
        let expected = self.bytes() as f64 / 256.0;
        let chi: f64 = self.counts.iter().map(|&c| (c as f64 - expected).powi(2) / expected).sum();
        gamma_upper(255.0 / 2.0, chi / 2.0)
    }

    /// Probability that independent uniform bytes correlate with their neighbours at least as much, either way.
    pub fn correlation_p(&self) -> f64 {
        // A centred doubled byte has the variance 4·(256² − 1)/12, and products of neighbours are uncorrelated.
        let variance = 4.0 * (65536.0 - 1.0) / 12.0;
        let z = self.neighbours as f64 / (variance * (self.pairs.max(1) as f64).sqrt());
        two_sided(z)
    }
}

/// Holm's step-down correction: adjusted p-values in the order given.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![1.0; p.len()];
    let mut floor = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        floor = floor.max(((p.len() - rank) as f64 * p[i]).min(1.0));
        adjusted[i] = floor;
    }
    adjusted
}

/// Probability of a Poisson variable with mean `lambda` being ≥ `k`.
pub fn poisson_at_least(k: u64, lambda: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if lambda <= 0.0 {
        return 0.0;
    }
    // P(X ≥ k) = P(k, λ), the regularised lower incomplete gamma function.
    gamma_lower(k as f64, lambda)
}

/// Fisher's exact test, one-sided: probability that, of `hits` + `decoy_hits` found among `total` + `decoys`, at least
/// `hits` fall on the `total` when finding one has nothing to do with being real.
pub fn fisher(hits: u64, total: u64, decoy_hits: u64, decoys: u64) -> f64 {
    let ln_choose =
        |n: u64, k: u64| ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0);
    let found = hits + decoy_hits;
    let all = ln_choose(total + decoys, found);
    (hits..=found.min(total))
        .filter(|h| found - h <= decoys)
        .map(|h| (ln_choose(total, h) + ln_choose(decoys, found - h) - all).exp())
        .sum::<f64>()
        .min(1.0)
}

/// Probability that a normal variable lies at least |`z`| from its mean, either way.
pub fn two_sided(z: f64) -> f64 {
    // erfc(x) = Q(1/2, x²)
    gamma_upper(0.5, z * z / 2.0)
}

/// ln Γ(x) for x > 0: Lanczos' approximation (g = 7, n = 9), about 15 digits.
fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let series = C.iter().enumerate().skip(1).fold(C[0], |sum, (i, c)| sum + c / (x + i as f64));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

/// Regularised upper incomplete gamma function Q(a, x).
pub fn gamma_upper(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if x < a + 1.0 {
        1.0 - gamma_series(a, x)
    } else {
        gamma_fraction(a, x)
    }
}

/// Regularised lower incomplete gamma function P(a, x).
fn gamma_lower(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x < a + 1.0 {
        gamma_series(a, x)
    } else {
        1.0 - gamma_fraction(a, x)
    }
}

/// P(a, x) by its power series, for x < a + 1.
fn gamma_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * 1e-16 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    (sum.ln() + a * x.ln() - x - ln_gamma(a)).exp().min(1.0)
}

/// Q(a, x) by Lentz's continued fraction, for x ≥ a + 1.
fn gamma_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..10_000 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = an * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + an / c;
        c = if c.abs() < TINY { TINY } else { c };
        let factor = d * c;
        h *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (h.ln() + a * x.ln() - x - ln_gamma(a)).exp().min(1.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1e-3)
    }

    #[test]
    fn tails_are_the_tabulated_ones() {
        // Critical values of printed tables: chi-square with 255 degrees of freedom at 5 %, normal at 1.96, and so on.
        assert!((gamma_upper(127.5, 293.2478 / 2.0) - 0.05).abs() < 1e-4);
        assert!((two_sided(1.959_964) - 0.05).abs() < 1e-6);
        assert!(close(poisson_at_least(1, 0.5), 1.0 - (-0.5f64).exp()));
        assert!(close(poisson_at_least(3, 10.0), 1.0 - 61.0 * (-10.0f64).exp()));
        assert!(poisson_at_least(300, 1e-9) < 1e-300);
        assert!(close(fisher(1, 1, 0, 199), 1.0 / 200.0));
        assert!(close(fisher(3, 4, 1, 4), 17.0 / 70.0));
        assert!(close(fisher(0, 10, 5, 10), 1.0));
    }

    #[test]
    fn holm_is_monotone_and_never_below_the_raw_value() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), vec![0.03, 0.06, 0.06]);
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }

    #[test]
    fn random_bytes_pass_and_text_does_not() {
        let mut bytes = vec![0; 1 << 20];
        ChaCha8Rng::seed_from_u64(7).fill_bytes(&mut bytes);
        let mut tally = Tally::default();
        let (head, tail) = bytes.split_at(12_345);
        tally.add(head);
        let mut other = Tally::default();
        other.add(tail);
        tally.merge(&other);
        assert!(tally.entropy() > 7.999);
        assert!(tally.chi_square_p() > 0.01 && tally.correlation_p() > 0.01);

        let mut text = Tally::default();
        text.add(&b"the quick brown fox jumps over the lazy dog ".repeat(100));
        assert!(text.entropy() < 5.0 && text.chi_square_p() < 1e-100);
    }

    #[test]
    fn a_ramp_is_even_but_not_independent() {
        let mut ramp = Tally::default();
        ramp.add(&(0..=255u8).cycle().take(1 << 16).collect::<Vec<_>>());
        assert!(ramp.chi_square_p() > 0.99);
        assert!(ramp.correlation_p() < 1e-100);
    }
}
