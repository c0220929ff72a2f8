//! Rows of letters that pictures of one size have in one place: what a camera writes into each of them, or a sign that it always sees.
//!
//! Owns when rows of several pictures are one, and how many make it worth a word. Knows nothing of what they say.

use std::collections::BTreeMap;

use crate::geometry::{PixelRect, Rect, Size};

/// Rows in one place on so many pictures are worth a word, if they are on this share of those that were searched.
const LEAST: u64 = 8;
const SHARE: f64 = 0.5;

/// Places and sizes of pictures that are kept in mind.
const MOST_PLACES: usize = 256;
const MOST_SIZES: usize = 64;

/// Rows of letters by the size of pictures and by place.
#[derive(Clone, Debug, Default)]
pub struct Lettering {
    of_size: BTreeMap<(u32, u32), OfSize>,
}

#[derive(Clone, Debug, Default)]
struct OfSize {
    pictures: u64,
    places: Vec<(Rect, u64)>,
}

/// A place where many pictures have letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lettered {
    /// The pictures' size, as they are stored.
    pub size: Size,
    /// What reaches around the letters of all of them, and a little farther: strokes end beyond their edges.
    pub area: PixelRect,
    /// How many have letters there.
    pub pictures: u64,
    /// How many of this size were searched for letters: those on which a plate was read.
    pub of: u64,
}

impl Lettering {
    /// Adds a picture of this `size` that was searched, with its `rows` of letters.
    pub fn add(&mut self, size: Size, rows: &[Rect]) {
        let key = (size.width, size.height);
        if self.of_size.len() == MOST_SIZES && !self.of_size.contains_key(&key) {
            return;
        }
        let OfSize { pictures, places } = self.of_size.entry(key).or_default();
        *pictures += 1;
        let mut met = vec![false; places.len()];
        for row in rows {
            match places.iter_mut().zip(&mut met).find(|((place, _), _)| is_one(*place, *row)) {
                // Two halves of one row are one.
                Some(((place, count), met)) => {
                    *place = place.union(*row);
                    *count += u64::from(!std::mem::replace(met, true));
                }
                None => {
                    places.push((*row, 1));
                    met.push(true);
                }
            }
        }
        if places.len() > MOST_PLACES {
            places.retain(|(_, count)| *count > 1);
            places.truncate(MOST_PLACES);
        }
    }

    /// Where many pictures have letters, most of them first.
    pub fn shared(&self) -> Vec<Lettered> {
        let of_size = self.of_size.iter().flat_map(|(&(width, height), of_size)| {
            let (size, of) = (Size::new(width, height), of_size.pictures);
            let many = of_size
                .places
                .iter()
                .filter(move |(_, pictures)| *pictures >= LEAST && *pictures as f64 >= SHARE * of as f64);
            many.filter_map(move |&(place, pictures)| {
                Some(Lettered { size, area: place.grown(place.h / 3.0, place.h / 3.0).pixels(size)?, pictures, of })
            })
        });
        let mut shared: Vec<Lettered> = of_size.collect();
        shared.sort_by_key(|lettered| std::cmp::Reverse(lettered.pictures));
        shared
    }
}

/// Whether two rows are about as high, and overlap.
fn is_one(a: Rect, b: Rect) -> bool {
    let (low, high) = (a.h.min(b.h), a.h.max(b.h));
    let shared = a.bottom().min(b.bottom()) - a.y.max(b.y);
    2.0 * low >= high && 2.0 * shared >= low && a.x < b.right() && b.x < a.right()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(640, 360);

    #[test]
    fn what_most_pictures_have_in_one_place_is_told_and_nothing_else() {
        let mut lettering = Lettering::default();
        for n in 0..20u16 {
            let caption = Rect::new(10.0, 330.0, 150.0 + f32::from(n), 20.0);
            let sign = Rect::new(f32::from(n) * 30.0, 40.0, 25.0, 12.0);
            // Its second half, again; in every third picture nothing; something larger across it.
            let again = Rect::new(120.0, 331.0, 50.0, 18.0);
            let rows = [caption, again, sign, Rect::new(0.0, 250.0, 640.0, 100.0)];
            lettering.add(SIZE, if n % 3 == 2 { &rows[2..3] } else { &rows });
            lettering.add(Size::new(320, 240), &rows[..usize::from(n < 5)]);
        }
        let shared = lettering.shared();
        let area = |x, y, w, h| PixelRect::new(x, y, w, h);
        assert_eq!(
            shared,
            [area(3, 323, 183, 34), area(0, 216, 640, 144)].map(|area| Lettered {
                size: SIZE,
                area,
                pictures: 14,
                of: 20
            })
        );
    }

    #[test]
    fn a_few_pictures_are_no_reason_and_many_places_are_forgotten() {
        let mut lettering = Lettering::default();
        let caption = Rect::new(10.0, 330.0, 150.0, 20.0);
        for n in 0..=LEAST / 2 {
            assert!(lettering.shared().is_empty(), "{n}");
            let noise: Vec<Rect> = (0..300u16)
                .map(|k| Rect::new(f32::from(k % 20) * 30.0, n as f32 * 5.0 + f32::from(k / 20) * 20.0, 9.0, 2.0))
                .collect();
            lettering.add(SIZE, &[&noise[..], &[caption]].concat());
            lettering.add(SIZE, &[caption]);
        }
        // On the first, nothing told it from the noise.
        assert_eq!(lettering.shared().first().map(|lettered| lettered.pictures), Some(LEAST + 1));
        for side in 0..200 {
            lettering.add(Size::new(side, 1), &[]);
        }
        assert!(
            lettering.of_size.len() <= MOST_SIZES
                && lettering.of_size.values().all(|of| of.places.len() <= MOST_PLACES)
        );
    }
}
