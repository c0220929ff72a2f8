//! How much of its range a picture uses, whatever a few of its pixels say.
//!
//! Owns the two rules by which what was laid over a picture is told from it. A caption, a logo or a bar lies far away from all the
//! rest, with next to nothing between ([`body`]). A gradient, a frame or another picture may have any value, but takes the
//! picture's place where it stands, so that next to nothing of it is seen there, and everywhere else all keeps to a small range
//! ([`Tiles`]). In a photograph, what is bright or dark stands among the rest. Knows nothing of colours.

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

/// How finely a picture is divided, across and down.
const TILES: (usize, usize) = (16, 12);

/// Of so many tiles in ten, all must keep to one small range.
const MOST: usize = 7;

/// A tile's piece of a row is the picture's own where so many of its pixels in ten keep to the window.
const OWN: usize = 8;

/// Of the pieces that leave the window, no more than so many in a hundred may be the picture's own. In photographs more are, since
/// what they show reaches from it to beyond; under bars, wedges, frames and other pictures, fewer are.
const MIXED: usize = 12;

/// So many rows of a picture are enough to judge its tiles, or as many as it has.
pub(crate) const ROWS: usize = 48;

/// What a sample of luma is held as.
pub(crate) trait Value: Copy + Ord + Into<u16> {
    const DARKEST: Self;
    const BRIGHTEST: Self;
}

impl Value for u8 {
    const DARKEST: Self = u8::MIN;
    const BRIGHTEST: Self = u8::MAX;
}

impl Value for u16 {
    const DARKEST: Self = u16::MIN;
    const BRIGHTEST: Self = u16::MAX;
}

/// What range a picture keeps to in each place.
pub(crate) struct Tiles<T> {
    /// The least, the second least, the greatest and the second greatest value of each column in the row of tiles that is under
    /// way: one value alone is no range.
    columns: [Vec<T>; 4],
    /// Which row of tiles that is.
    at: usize,
    /// The darkest and the brightest value of each tile.
    darkest: [u16; TILES.0 * TILES.1],
    brightest: [u16; TILES.0 * TILES.1],
}

/// The pieces of a row that are parts of tiles.
fn pieces<T>(row: &[T]) -> impl Iterator<Item = &[T]> {
    (0..TILES.0).map(|column| &row[column * row.len() / TILES.0..(column + 1) * row.len() / TILES.0])
}

impl<T: Value> Tiles<T> {
    pub(crate) fn new() -> Self {
        Self {
            columns: [const { Vec::new() }; 4],
            at: 0,
            // Of what nothing is known, that it is no small range.
            darkest: [0; TILES.0 * TILES.1],
            brightest: [u16::MAX; TILES.0 * TILES.1],
        }
    }

    /// Takes up row `y` of `height`, from top to bottom. Best are [`ROWS`] rows or more; of a narrow picture nothing is learnt.
    pub(crate) fn take(&mut self, row: &[T], y: usize, height: usize) {
        let at = y * TILES.1 / height.max(1);
        if self.at != at || self.columns[0].len() != row.len() {
            self.close();
            self.at = at;
            for (column, none) in self.columns.iter_mut().zip([T::BRIGHTEST, T::BRIGHTEST, T::DARKEST, T::DARKEST]) {
                column.clear();
                column.resize(row.len(), none);
            }
        }
        let [least, second, greatest, next] = &mut self.columns;
        // Two loops of vectors.
        for ((least, second), value) in least.iter_mut().zip(second).zip(row) {
            (*least, *second) = ((*least).min(*value), (*second).min((*least).max(*value)));
        }
        for ((greatest, next), value) in greatest.iter_mut().zip(next).zip(row) {
            (*greatest, *next) = ((*greatest).max(*value), (*next).max((*greatest).min(*value)));
        }
    }

    /// Ends the row of tiles that is under way.
    fn close(&mut self) {
        let [_, second, _, next] = &self.columns;
        let first = self.at * TILES.0;
        for (tile, (second, next)) in (first..).zip(pieces(second).zip(pieces(next))) {
            let darkest = second.iter().fold(T::BRIGHTEST, |least, value| least.min(*value));
            let brightest = next.iter().fold(T::DARKEST, |greatest, value| greatest.max(*value));
            // Not of a single row, nor of none.
            if darkest <= brightest {
                (self.darkest[tile], self.brightest[tile]) = (darkest.into(), brightest.into());
            }
        }
    }

    /// The range of most tiles, where these keep to less than `window` values together. Whether it is the picture's, those rows say
    /// that the tiles were made of.
    pub(crate) fn most(mut self, window: u16) -> Option<Most> {
        self.close();
        let enough = |count: usize| 10 * count >= MOST * self.darkest.len();
        let within = |from: u16| {
            let tiles = self.darkest.iter().zip(&self.brightest);
            let keeps =
                |(dark, bright): (&u16, &u16)| u16::from(*dark >= from) & u16::from(bright.wrapping_sub(from) < window);
            usize::from(tiles.map(keeps).sum::<u16>())
        };
        let small = |(dark, bright): &(&u16, &u16)| *bright - *dark < window;
        // As nearly always.
        if !enough(self.darkest.iter().zip(&self.brightest).filter(small).count()) {
            return None;
        }
        let from = *self.darkest.iter().max_by_key(|from| within(**from))?;
        let kept = |(dark, bright): &(&u16, &u16)| **dark >= from && *bright - from < window;
        let kept = self.darkest.iter().zip(&self.brightest).filter(kept);
        let mut kept: Vec<(u16, u16)> = kept.map(|(dark, bright)| (*dark, *bright)).collect();
        if !enough(kept.len()) {
            return None;
        }
        // A fifth of them may be covered in part, and reach further than the picture does: the shortest range of the others.
        kept.sort_unstable();
        let mut brightest: Vec<u16> = kept.iter().map(|(_, bright)| *bright).collect();
        brightest.sort_unstable();
        let most = kept.len() - kept.len() / 5;
        let mut shortest = (kept[0].0, brightest[most - 1]);
        for (&(_, left_out), &(dark, _)) in kept.iter().zip(&kept[1..=kept.len() - most]) {
            brightest.remove(brightest.partition_point(|bright| *bright < left_out));
            if brightest[most - 1].saturating_sub(dark) < shortest.1 - shortest.0 {
                shortest = (dark, brightest[most - 1]);
            }
        }
        let (dark, bright) = shortest;
        let width = bright.saturating_sub(dark);
        let wider = |by: u16| (dark.saturating_sub(by), bright.saturating_add(by));
        // What those reached that were the picture's own is made up for.
        let (more, all) = (width / 4 + 1, window.saturating_sub(width) / 2);
        // One value alone shows nothing.
        (width > 0).then(|| Most { range: wider(more), window: wider(all.max(more)), beyond: 0, own: 0 })
    }
}

/// The range of most of a picture's tiles, which is the picture's where other values take its place.
pub(crate) struct Most {
    range: (u16, u16),
    /// The window of which it is the middle.
    window: (u16, u16),
    /// Pieces that leave the window, and those of them that are the picture's own.
    beyond: usize,
    own: usize,
}

/// What a piece of a row is, by how many of its pixels keep to the window.
#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Within,
    Own,
    Foreign,
}

impl Most {
    /// Takes up a row of which the tiles were made.
    pub(crate) fn take<T: Value>(&mut self, row: &[T]) {
        let (dark, bright) = self.window;
        let mut kinds = [Piece::Within; TILES.0];
        for (kind, piece) in kinds.iter_mut().zip(pieces(row)) {
            let own =
                piece.iter().map(|value| u32::from((*value).into().wrapping_sub(dark) <= bright - dark)).sum::<u32>();
            let own = own as usize;
            if own < piece.len() {
                *kind = if 10 * own >= OWN * piece.len() { Piece::Own } else { Piece::Foreign };
            }
        }
        // Where something that reaches into the picture from its edge ends, some piece is of both.
        let inner = kinds.iter().position(|kind| *kind != Piece::Foreign).filter(|first| *first > 0);
        let last = kinds.iter().rposition(|kind| *kind != Piece::Foreign).filter(|last| last + 1 < kinds.len());
        for end in [inner, last].into_iter().flatten() {
            if kinds[end] == Piece::Own {
                kinds[end] = Piece::Foreign;
            }
        }
        self.beyond += kinds.iter().filter(|kind| **kind != Piece::Within).count();
        self.own += kinds.iter().filter(|kind| **kind == Piece::Own).count();
    }

    /// The darkest and the brightest value; `None` where it is not the picture's.
    pub(crate) fn range(self) -> Option<(u16, u16)> {
        (100 * self.own <= MIXED * self.beyond).then_some(self.range)
    }
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

    /// What a picture of 160 × 96 keeps to whose values are `value`.
    fn kept(value: impl Fn(usize, usize) -> u8) -> Option<(u16, u16)> {
        let rows: Vec<Vec<u8>> = (0..96).step_by(2).map(|y| (0..160).map(|x| value(x, y)).collect()).collect();
        let mut tiles = Tiles::new();
        rows.iter().enumerate().for_each(|(y, row)| tiles.take(row, 2 * y, 96));
        let mut most = tiles.most(64)?;
        rows.iter().for_each(|row| most.take(row));
        most.range()
    }

    /// Twenty values from `dark` on, all of them in each tile.
    fn pale(dark: u8, x: usize, y: usize) -> u8 {
        dark + ((x * 7 + y * 3) % 20) as u8
    }

    #[test]
    fn what_most_of_a_picture_keeps_to_is_its_range_whatever_lies_over_the_rest() {
        for dark in [0, 90, 180] {
            // All twenty, and a quarter on both sides.
            let close = |found: Option<(u16, u16)>| {
                found.is_some_and(|(least, most)| {
                    i32::from(least).abs_diff((i32::from(dark) - 5).max(0)) <= 3
                        && most.abs_diff(u16::from(dark) + 24) <= 3
                })
            };
            let ramp = |x: usize| (x * 255 / 159) as u8;
            assert!(close(kept(|x, y| pale(dark, x, y))));
            assert!(close(kept(|x, y| if y < 15 { ramp(x) } else { pale(dark, x, y) })), "a bar");
            assert!(close(kept(|x, y| if x + y < 60 { ramp(2 * (x + y)) } else { pale(dark, x, y) })), "a wedge");
            assert!(close(kept(|x, y| if x < 80 && y < 48 { ramp(y * 3) } else { pale(dark, x, y) })), "a quarter");
            for solid in [0, 255] {
                let frame = |x: usize, y: usize| x.min(159 - x) < 10 || y.min(95 - y) < 8;
                assert!(close(kept(|x, y| if frame(x, y) { solid } else { pale(dark, x, y) })), "a frame of {solid}");
            }
            // A line of text, or dead pixels, in one row of every tile.
            let (least, most) = kept(|x, y| if y % 8 == 0 { 255 - dark } else { pale(dark, x, y) }).expect("lines");
            assert!(
                least < u16::from(dark) + 4 && most > u16::from(dark) + 15 && most - least < 40,
                "{least} to {most}"
            );
        }
    }

    #[test]
    fn ground_sky_and_what_stands_among_the_rest_are_no_range() {
        let full = |x: usize, y: usize| ((x * 41 + y * 59) % 256) as u8;
        assert_eq!(kept(full), None);
        assert_eq!(kept(|_, _| 90), None);
        // An even sky above, or an even road below.
        assert_eq!(kept(|x, y| if y < 60 { 190 + (y / 16) as u8 } else { full(x, y) }), None);
        assert_eq!(kept(|x, y| if y > 40 { pale(70, x, y) } else { full(x, y) }), None);
        // Half of it pale, and pale in two ways.
        assert_eq!(kept(|x, y| if y < 48 { pale(200, x, y) } else { full(x, y) }), None);
        assert_eq!(kept(|x, y| pale(if y < 48 { 200 } else { 20 }, x, y)), None);
        // Lamps in the night, signs by a road: a fifth of all places, and not all of these.
        let among = |x: usize, y: usize| x / 10 % 5 == 2 && x % 10 < 2 && y % 8 < 4;
        assert_eq!(kept(|x, y| if among(x, y) { full(x, y) } else { pale(10, x, y) }), None);
    }

    #[test]
    fn of_few_pixels_nothing_is_learnt() {
        for (width, height) in [(0, 0), (1, 1), (3, 700), (700, 1)] {
            let mut tiles = Tiles::new();
            (0..height).for_each(|y| tiles.take(&vec![y as u8; width], y, height));
            assert!(tiles.most(64).is_none());
        }
    }
}
