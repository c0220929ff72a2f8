//! How much of its range a picture uses, whatever a few of its pixels say.
//!
//! Owns the rule by which a caption, a logo or a bar that was laid over a picture is told from the picture: it lies far away
//! from all the rest, with next to nothing between. Knows nothing of pixels.

/// A caption or a bar covers no more than one part in this many.
const OVERLAID: u64 = 10;

/// So few pixels, one in this many, are nothing.
const NOTHING: u64 = 500;

/// The darkest and the brightest value of a picture whose values have these `counts`, without what lies beyond a gap of `gap`
/// values; `None` where there are no pixels.
pub(crate) fn body(counts: &[u32], gap: usize) -> Option<(usize, usize)> {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let brightest = end(counts.iter().copied(), gap, total)?;
    let darkest = counts.len() - 1 - end(counts.iter().rev().copied(), gap, total)?;
    Some((darkest, brightest))
}

/// From the value on that all but an overlay reach, the first behind which nothing follows for `gap` values.
fn end(counts: impl Iterator<Item = u32>, gap: usize, total: u64) -> Option<usize> {
    // How many pixels have a value of so much at most.
    let up_to: Vec<u64> = counts
        .scan(0u64, |sum, count| {
            *sum += u64::from(count);
            Some(*sum)
        })
        .collect();
    let last = up_to.len().checked_sub(1)?;
    let most = up_to.iter().position(|pixels| (total - pixels) * OVERLAID <= total)?;
    (most..=last).find(|&value| up_to[last.min(value + gap)] - up_to[value] <= total / NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(parts: &[(std::ops::Range<usize>, u32)]) -> Vec<u32> {
        let mut counts = vec![0; 256];
        parts.iter().for_each(|(values, count)| counts[values.clone()].fill(*count));
        counts
    }

    #[test]
    fn what_is_laid_over_a_picture_is_no_part_of_its_range() {
        let picture = (30..60, 300);
        assert_eq!(body(&counts(std::slice::from_ref(&picture)), 32), Some((30, 59)));
        // White, black, and both, of one value or of a few.
        assert_eq!(body(&counts(&[picture.clone(), (255..256, 400)]), 32), Some((30, 59)));
        assert_eq!(body(&counts(&[(180..220, 300), (0..1, 400), (255..256, 400)]), 32), Some((180, 219)));
        assert_eq!(body(&counts(&[picture.clone(), (240..256, 30)]), 32), Some((30, 59)));
        // Some pixels of its edges.
        assert_eq!(body(&counts(&[picture, (60..255, 1), (255..256, 400)]), 8), Some((30, 59)));
        assert_eq!(body(&[], 32), None);
    }

    #[test]
    fn light_that_fades_is_a_part_of_its_picture() {
        // A dark street with lamps: few bright pixels, at every value.
        let (dark, bright) = body(&counts(&[(0..40, 1000), (40..256, 10)]), 32).unwrap();
        assert!(dark == 0 && bright > 180);
        // A bright sky above a dark ground covers more than a caption does.
        let (dark, bright) = body(&counts(&[(0..40, 1000), (230..250, 600)]), 32).unwrap();
        assert!(dark == 0 && bright == 249);
    }
}
