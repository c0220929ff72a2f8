//! Numbers in whole steps: what a net multiplies.
//!
//! Owns how large bytes and words may be, what a step of them is worth, and rounding. The bounds are the narrowest of any instruction
//! set's, so that all of them multiply the same: seven bits and six with a sign, of which AVX2 adds four products in sixteen bits.

/// The greatest activation kept as a byte; none is negative.
pub const BYTES: f32 = 127.0;

/// The greatest activation kept as a word, by magnitude.
pub const WORDS: f32 = 8191.0;

/// The greatest weight, by magnitude, beside activations that are bytes.
const BYTE_WEIGHTS: f32 = 63.0;

/// Four products of the greatest bytes fit sixteen bits.
const _: () = assert!(4.0 * BYTES * BYTE_WEIGHTS <= i16::MAX as f32);

/// The most products that a sum has: as many of the greatest words as fit a lane, were their weights but one step.
pub const MOST_PRODUCTS: usize = i32::MAX as usize / WORDS as usize;

/// And as many of the greatest bytes.
const _: () = assert!(MOST_PRODUCTS as i64 * BYTES as i64 * BYTE_WEIGHTS as i64 <= i32::MAX as i64);

/// Above it there is no room for a fraction: adding it rounds, ties to even, and leaves the whole number in the lowest bits.
pub const WHOLE: f32 = 12_582_912.0;

/// How a tensor's numbers are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kept {
    /// As bytes from 0 to [`BYTES`], which stands for `peak`.
    Bytes { peak: f32 },
    /// As words up to [`WORDS`] by magnitude, which stands for `peak`.
    Words { peak: f32 },
    /// As they are.
    Singles,
}

impl Kept {
    /// What a step is worth.
    pub fn unit(self) -> f32 {
        match self {
            Self::Bytes { peak } => peak / BYTES,
            Self::Words { peak } => peak / WORDS,
            Self::Singles => 1.0,
        }
    }

    /// The greatest weight beside activations that are kept so, where each sum has `products`.
    pub fn weights(self, products: usize) -> f32 {
        match self {
            Self::Bytes { .. } => BYTE_WEIGHTS,
            _ => ((i32::MAX as usize / (WORDS as usize * products.max(1))) as f32).clamp(1.0, WORDS),
        }
    }
}

/// The smaller, or the greater, as one instruction does it.
#[inline(always)]
fn within(value: f32, least: f32, most: f32) -> f32 {
    let value = if value > least { value } else { least };
    if value < most { value } else { most }
}

/// The nearest whole number, up to [`WORDS`] by magnitude.
#[inline(always)]
pub fn word(value: f32) -> i16 {
    (within(value, -WORDS, WORDS) + WHOLE).to_bits() as i16
}

/// What one step of a channel's weights is worth, when `greatest` is the largest of them by magnitude and has `most` steps.
pub fn weight_unit(greatest: f32, most: f32) -> f32 {
    if greatest > 0.0 { greatest / most } else { 1.0 }
}

/// A weight in steps of `unit`, at most `most` of them.
pub fn weight(value: f32, unit: f32, most: f32) -> i16 {
    (within(value / unit, -most, most) + WHOLE).to_bits() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_ties_to_even_and_saturate() {
        for eighths in -80_000..=80_000 {
            let value = eighths as f32 / 8.0;
            let whole = value.round_ties_even();
            assert_eq!(f32::from(word(value)), whole.clamp(-WORDS, WORDS), "{value}");
            assert_eq!(f32::from(weight(value * 0.5, 0.5, 63.0)), whole.clamp(-63.0, 63.0), "{value}");
        }
        assert_eq!([word(1e30), word(f32::NEG_INFINITY)], [8191, -8191]);
    }

    #[test]
    fn no_sum_of_words_outgrows_its_lane() {
        for products in [1, 2, 36, 48, 1_000, MOST_PRODUCTS] {
            let most = Kept::Words { peak: 1.0 }.weights(products);
            assert!(f64::from(most) * f64::from(WORDS) * products as f64 <= f64::from(i32::MAX), "{products}");
        }
    }
}
