//! Rows and words on planes that are drawn here, and spellings.

use proptest::prelude::*;

use super::*;
use crate::capture::{Candidate, PlateText};
use crate::frame::GrayPlane;
use crate::geometry::Size;
use crate::vision::testing::{Picture, with_text};

fn reading(text: &str) -> Reading {
    Reading { candidates: vec![Candidate { text: PlateText::canonical(text).expect("a plate"), probability: 0.9 }] }
}

#[test]
fn words_are_parted_where_they_are_written_apart() {
    for (height, box_behind) in [(18.0, true), (24.0, false), (40.0, true), (70.0, false)] {
        let (picture, area) = with_text("CAM3 AB123CD 12:44", 20, 600, height, box_behind);
        let rows = rows_of(&picture, Effort::Normal);
        let row = rows.iter().find(|row| row.overlap(area) > 0.5 * area.area());
        let row = row.unwrap_or_else(|| panic!("no row of {height} pixels: {rows:?}"));
        let words = words(&picture, *row);
        // The second of three.
        let plate = Rect::new(area.x + 0.3 * area.w, area.y, 0.36 * area.w, area.h);
        assert!(words.iter().any(|word| word.iou(plate) > 0.4), "{height}: {words:?} and not {plate:?}");
    }
}

#[test]
fn letters_that_are_written_far_apart_are_one_word_too() {
    for (text, height) in [("A B C 1 2 3", 28.0), ("K L 4 5 T V", 40.0)] {
        let (picture, area) = with_text(text, 300, 100, height, true);
        let found =
            rows_of(&picture, Effort::Normal).into_iter().flat_map(|row| words(&picture, row)).collect::<Vec<_>>();
        assert!(
            found.iter().any(|word| word.overlap(area) > 0.75 * word.area().max(0.7 * area.area())),
            "{found:?}, {area:?}"
        );
    }
}

#[test]
fn a_plate_that_is_written_in_the_picture_is_found_and_nothing_else() {
    let (picture, area) = with_text("LANE 2 AB123CD", 700, 20, 24.0, true);
    let plates = [reading("XYZ777"), reading("AB123CD")];
    let plates: Vec<&Reading> = plates.iter().collect();
    let says = |text: &'static str| move |word: Rect| (word.overlap(area) > 0.0).then(|| reading(text));
    let written = look(&picture, &plates, &[], Effort::Normal, says("AB123C0"));
    let [(place, which)] = written.spelt[..] else { panic!("{written:?}") };
    let [row] = written.rows[..] else { panic!("{written:?}") };
    assert!(row.overlap(area) > 0.5 * area.area());
    assert_eq!(which, 1);
    assert!(place.overlap(area) > 0.5 * place.area());
    let other = look(&picture, &plates, &[], Effort::Normal, says("20261130"));
    assert!(other.spelt.is_empty() && other.rows == [row]);
    assert!(look(&picture, &plates, &[], Effort::Normal, says("AB1")).rows.is_empty());
    // What is hidden already is not read again, and with the least effort nothing is.
    assert!(look(&picture, &plates, &[area.grown(9.0, 9.0)], Effort::Normal, |_| panic!("read")).rows.is_empty());
    assert!(look(&picture, &plates, &[], Effort::Fast, |_| panic!("read")).rows.is_empty());
    assert!(look(&picture, &[], &[], Effort::Thorough, |_| panic!("read")).rows.is_empty());
}

#[test]
fn a_picture_without_letters_has_none() {
    for picture in [Picture::flat(Size::new(1280, 720), 90), Picture::flat(Size::new(1, 1), 3)] {
        assert!(rows_of(&picture, Effort::Thorough).is_empty());
    }
    for size in [Size::new(1, 3000), Size::new(3000, 1), Size::new(5, 5)] {
        let picture = Picture::gradient(size);
        look(&picture, &[&reading("AB123CD")], &[], Effort::Thorough, |_| None);
    }
}

#[test]
fn a_spelling_is_known_among_other_characters_and_with_a_few_that_differ() {
    for said in ["AB123CD", "CAMAB123CDX", "A8123CD", "ABI23C0", "AB123C", "8AB12CDE"] {
        assert!(is_spelt("AB123CD", said), "{said}");
    }
    for said in ["20261130", "ABCD", "AB1", "", "XY987ZW", "DC321BA"] {
        assert!(!is_spelt("AB123CD", said), "{said}");
    }
    assert!(!is_spelt("AB1", "AB1") && is_spelt("AB12", "AB12") && !is_spelt("AB12", "XB13"));
}

#[test]
fn a_row_of_any_length_is_read_in_pieces_that_cover_it() {
    for width in [400, 2_000, 5_000_000, 200_000_000] {
        let run = Row { x: 7, y: 3, width, height: 40 };
        let pieces: Vec<Row> = pieces(run).collect();
        assert!(pieces[0].x == 7 && pieces.last().is_some_and(|last| last.x + last.width == 7 + width));
        assert!(pieces.windows(2).all(|pair| pair[0].x < pair[1].x && pair[1].x <= pair[0].x + pair[0].width));
    }
}

proptest! {
    #[test]
    fn any_picture_is_searched(width in 1u32..90, height in 1u32..90, seed in any::<u64>()) {
        let data = crate::nn::testing::luma(seed, (width * height) as usize);
        let picture = Picture(GrayPlane { size: Size::new(width, height), data });
        let said = reading("AB123CD");
        for (place, _) in look(&picture, &[&said], &[], Effort::Thorough, |_| Some(reading("AB123CD"))).spelt {
            prop_assert!(place.x >= 0.0 && place.right() <= width as f32 && place.bottom() <= height as f32);
        }
    }

    #[test]
    fn a_row_lies_on_its_plane(width in 1u32..200, height in 1u32..80, seed in any::<u64>()) {
        let data = crate::nn::testing::luma(seed, (width * height) as usize);
        let plane = GrayPlane { size: Size::new(width, height), data };
        for row in rows::find(&plane) {
            prop_assert!(row.x + row.width <= width && row.y + row.height <= height && row.width > 0 && row.height > 0);
        }
    }
}
