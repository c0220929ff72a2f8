//! Splicing and restoring over files of many kinds.

mod coder;
mod encode;
mod encoders;
mod hostile;
mod reference;
mod samplings;
mod scans;

use proptest::prelude::*;

use super::bits::BitReader;
use super::*;
use crate::geometry::{PixelRect, Size};
pub(crate) use coder::TableKind;
use coder::{Block, Picture, pictures};

/// All coefficients in zigzag order, MCU by MCU, with our own decoder.
fn coefficients(jpeg: &Jpeg) -> Vec<Vec<Block>> {
    let tables = jpeg.decoders.by_component(&jpeg.header);
    let mcu = |start: &scan::McuStart| {
        let mut reader = BitReader::new(&jpeg.entropy.bytes, start.bit as usize);
        let mut predictors = start.dc.map(i32::from);
        let mut blocks = Vec::new();
        for (tables, predictor) in tables.iter().zip(&mut predictors) {
            for _ in 0..tables.blocks.0 * tables.blocks.1 {
                let mut columns = [0; 65];
                tables.decode::<8>(&mut reader, predictor, &mut columns, &scan::Places::new::<8>(1)).unwrap();
                blocks.push(scan::ZIGZAG.map(|place| columns[usize::from(place % 8 * 8 + place / 8)]));
            }
        }
        blocks
    };
    jpeg.index.mcus.iter().map(mcu).collect()
}

fn parse(file: &[u8]) -> Jpeg {
    Jpeg::parse(file, &Limits::default(), Reduction::Half).unwrap()
}

/// Whether MCU `mcu` touches one of `areas`, by the pixels that it covers.
fn hidden(jpeg: &Jpeg, mcu: usize, areas: &[PixelRect]) -> bool {
    let (width, height) = jpeg.header.mcu_pixels();
    let across = jpeg.header.mcus().0;
    let (x, y) = ((mcu % across) as u32 * width, (mcu / across) as u32 * height);
    areas.iter().any(|a| a.x < x + width && a.right() > x && a.y < y + height && a.bottom() > y)
}

/// Splices `areas` out of `file` and checks everything that must hold of the outcome.
fn check_splice(file: &[u8], areas: &[PixelRect], fill: Fill) -> Result<Spliced, SpliceError> {
    let jpeg = parse(file);
    let spliced = jpeg.splice(file, areas, fill)?;
    assert!(restore(&spliced.scene, spliced.removed.as_ref().expect("restorable")).unwrap() == file);

    let scene = parse(&spliced.scene);
    assert_eq!(scene.size(), jpeg.size());
    let (before, after) = (coefficients(&jpeg), coefficients(&scene));
    assert_eq!(before.len(), after.len());
    for (mcu, (before, after)) in before.iter().zip(&after).enumerate() {
        if !hidden(&jpeg, mcu, areas) {
            assert_eq!(before, after, "MCU {mcu} should have stayed");
            continue;
        }
        let mut at = 0;
        for (index, component) in jpeg.header.components.iter().enumerate() {
            let step = f32::from(jpeg.header.steps(index)[0]);
            let sample = f32::from([fill.y, fill.cb, fill.cr][index]);
            for _ in 0..component.blocks.0 * component.blocks.1 {
                let dc = after[at][0];
                assert!((f32::from(dc) * step / 8.0 + 128.0 - sample).abs() <= step / 16.0 + 0.01);
                assert!(after[at][1..].iter().all(|&value| value == 0), "MCU {mcu} should be flat");
                at += 1;
            }
        }
    }
    // What is reported flat is what is flat.
    for (mcu, _) in after.iter().enumerate() {
        assert_eq!(hidden(&jpeg, mcu, &spliced.flat), hidden(&jpeg, mcu, areas));
    }
    assert_eq!(markers(&spliced.scene).iter().filter(|m| matches!(m, 0xE1..=0xEF | 0xFE)).count(), 0);
    assert!(spliced.scene.ends_with(&[0xFF, 0xD9]));
    Ok(spliced)
}

/// Codes of the segments before a file's scan.
fn markers(file: &[u8]) -> Vec<u8> {
    let mut segments = header::Segments::new(file, 2);
    let mut found = Vec::new();
    loop {
        let marker = segments.marker().unwrap();
        segments.body().unwrap();
        found.push(marker);
        if marker == 0xDA {
            return found;
        }
    }
}

fn areas() -> impl Strategy<Value = Vec<PixelRect>> {
    let area = (0u32..75, 0u32..55, 1u32..40, 1u32..30).prop_map(|(x, y, w, h)| PixelRect::new(x, y, w, h));
    prop::collection::vec(area, 0..4)
}

fn fills() -> impl Strategy<Value = Fill> {
    prop_oneof![Just(Fill::BLACK), Just(Fill { y: 128, cb: 128, cr: 128 }), any::<[u8; 3]>().prop_map(Fill::from_rgb),]
}

proptest! {
    #[test]
    fn what_is_not_hidden_stays(picture in pictures(), areas in areas(), fill in fills()) {
        let file = picture.write();
        prop_assert_eq!(&coefficients(&parse(&file)), &picture.mcus);
        match check_splice(&file, &areas, fill) {
            Ok(_) => {}
            Err(error) => prop_assert!(error == SpliceError::NoCode && picture.tables == TableKind::Full),
        }
    }

    /// Two pictures that differ only under the areas, in metadata and in oddities have one scene: it says nothing of what
    /// was removed.
    #[test]
    fn a_scene_does_not_depend_on_what_was_removed(
        picture in pictures(),
        others in prop::collection::vec(coder::blocks(), 10),
        areas in areas(),
        fill in fills(),
    ) {
        let picture = Picture { tables: TableKind::All, ..picture };
        let file = picture.write();
        let jpeg = parse(&file);
        let mut other = Picture { padding: !picture.padding, fill: 1, behind: vec![0xFF], ..picture.clone() };
        for (mcu, blocks) in other.mcus.iter_mut().enumerate() {
            if hidden(&jpeg, mcu, &areas) {
                let count = blocks.len();
                blocks.clone_from_slice(&others[..count]);
            }
        }
        let other = other.write();
        let scene = jpeg.splice(&file, &areas, fill).unwrap().scene;
        prop_assert!(parse(&other).splice(&other, &areas, fill).unwrap().scene == scene);
    }

    #[test]
    fn means_are_those_of_the_pixels_there(w in 1u32..70, h in 1u32..70, exponent in 1u32..4, seed in 0u8..) {
        use crate::frame::GrayPlane;
        let factor = 1 << exponent;
        let value = |x: u32, y: u32| seed.wrapping_mul(31).wrapping_add((x * 37 + y * 101 + x * y) as u8);
        let data = (0..h).flat_map(|y| (0..w).map(move |x| value(x, y))).collect();
        let plane = GrayPlane { size: Size::new(w, h), data };
        let size = Size::new(w.div_ceil(factor), h.div_ceil(factor));
        let means = luma::means(&plane, size, factor as usize);
        prop_assert_eq!(means.data.len() as u64, size.pixels());
        for (at, mean) in (0..).zip(&means.data) {
            let (left, top) = (at % size.width * factor, at / size.width * factor);
            let area = PixelRect::new(left, top, factor.min(w - left), factor.min(h - top));
            let cells = plane.crop(area).data;
            let sum: u32 = cells.iter().map(|cell| u32::from(*cell)).sum();
            let count = cells.len() as u32;
            prop_assert_eq!(u32::from(*mean), (sum + count / 2) / count);
        }
    }

    #[test]
    fn crops_are_parts_of_the_whole(picture in pictures(), areas in areas()) {
        use crate::frame::LumaSource;
        let file = picture.write();
        let jpeg = parse(&file);
        let whole = jpeg.reduced(1);
        prop_assert_eq!(whole.size, jpeg.size());
        let full = Jpeg::parse(&file, &Limits::default(), Reduction::Full).unwrap();
        prop_assert!(*full.reduced(1) == *whole);
        for area in areas {
            let Some(area) = area.rect().pixels(jpeg.size()) else { continue };
            let crop = jpeg.crop(area);
            let rows = whole.data.chunks(whole.size.width as usize).skip(area.y as usize).take(area.h as usize);
            let expected = rows.flat_map(|row| &row[area.x as usize..area.right() as usize]);
            prop_assert!(crop.size == crate::geometry::Size::new(area.w, area.h));
            prop_assert!(expected.eq(&crop.data));
            prop_assert!(full.crop(area) == crop);
        }
        for (denominator, reduction) in [(2, Reduction::Half), (4, Reduction::Quarter), (8, Reduction::Eighth)] {
            let direct = Jpeg::parse(&file, &Limits::default(), reduction).unwrap();
            let plane = direct.reduced(denominator);
            prop_assert!(matches!(plane, std::borrow::Cow::Borrowed(_)));
            let size = jpeg.size();
            let expected = (size.width.div_ceil(denominator), size.height.div_ceil(denominator));
            prop_assert_eq!((plane.size.width, plane.size.height), expected);
            prop_assert_eq!(plane.data.len() as u64, plane.size.pixels());
            prop_assert_eq!(jpeg.reduced(denominator).size, plane.size);
            prop_assert_eq!(direct.reduced(1).into_owned().data, &whole.data[..]);
        }
    }
}

#[test]
fn another_file_is_not_spliced() {
    let file = encoders::file(64, 48, |_| {});
    let area = [PixelRect::new(5, 5, 20, 20)];
    let jpeg = parse(&file);
    assert_eq!(jpeg.splice(&file[1..], &area, Fill::BLACK).err(), Some(SpliceError::AnotherFile));
    // Of the same length, it is noticed when it is put together again.
    let mut other = file.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    assert!(jpeg.splice(&other, &area, Fill::BLACK).unwrap().removed.is_none());
}

#[test]
fn removed_bytes_are_few() {
    let file = encoders::file(640, 480, |_| {});
    let spliced = check_splice(&file, &[PixelRect::new(200, 200, 96, 32)], Fill::BLACK).unwrap();
    // An area of 1/100 of the picture, and the head's oddments.
    let removed = spliced.removed.unwrap().len();
    assert!(removed < file.len() / 40, "{removed} of {}", file.len());
    let nothing = check_splice(&file, &[], Fill::BLACK).unwrap();
    assert!(nothing.removed.unwrap().len() < 200);
}

/// A file that public encoders do not write: a picture of a few coefficients, of any sampling and tables, in one scan.
pub(crate) fn drawn(size: (u16, u16), sampling: &[(u8, u8)], restart: usize, tables: TableKind) -> Vec<u8> {
    let (across, down) = Picture::mcus_across_and_down(size, sampling);
    let block = |mcu: usize, block: usize| {
        let mut coefficients = [0; 64];
        coefficients[0] = ((7 * mcu + 13 * block) % 60) as i16 - 30;
        coefficients[1 + (mcu + block) % 20] = (5 * mcu % 23) as i16 - 11;
        coefficients
    };
    let blocks = Picture::blocks_per_mcu(sampling);
    let mcus = (0..across * down).map(|mcu| (0..blocks).map(|at| block(mcu, at)).collect()).collect();
    let (behind, sampling) = (Vec::new(), sampling.to_vec());
    Picture { size, sampling, restart, tables, mcus, padding: false, behind, fill: 0, dirty: false }.write()
}

/// Two files that differ in one MCU alone, and what it covers. `adobe` is the colour transform that Adobe's segment states.
pub(crate) fn drawn_twice(sampling: &[(u8, u8)], adobe: Option<u8>) -> ([Vec<u8>; 2], PixelRect) {
    let most = Picture::most(sampling);
    let unit = (8 * u32::from(most.0), 8 * u32::from(most.1));
    let size = (3 * unit.0 as u16, 3 * unit.1 as u16);
    let files = [20, -25].map(|dc| {
        let block = |mcu: usize| std::array::from_fn(|k| if k == 0 { if mcu == 4 { dc } else { 0 } } else { 0 });
        let mcus = (0..9).map(|mcu| vec![block(mcu); Picture::blocks_per_mcu(sampling)]).collect();
        let (behind, sampling, tables) = (Vec::new(), sampling.to_vec(), TableKind::All);
        let picture =
            Picture { size, sampling, restart: 0, tables, mcus, padding: true, behind, fill: 0, dirty: false };
        let mut file = picture.write();
        if let Some(transform) = adobe {
            // In place of that which four components have anyway.
            if let Some(at) = memchr::memmem::find(&file, b"\xFF\xEE\0\x0EAdobe") {
                file.drain(at..at + 16);
            }
            let segment = [b"\xFF\xEE\0\x0EAdobe\0d\0\0\0\0".as_slice(), &[transform]].concat();
            file.splice(2..2, segment);
        }
        file
    });
    (files, PixelRect::new(unit.0, unit.1, unit.0, unit.1))
}

/// A file of four grey blocks whose DC table has no room for the codes of a flat area.
pub(crate) fn full_tables() -> Vec<u8> {
    // Differences of the sizes 2 and 3 alone; flat blocks need that of size 0.
    let mcus = [2, 6, 9, 12].map(|dc| vec![std::array::from_fn(|k| if k == 0 { dc } else { 0 })]).to_vec();
    let (behind, sampling) = (Vec::new(), vec![(1, 1)]);
    let tables = TableKind::Full;
    Picture { size: (32, 8), sampling, restart: 0, tables, mcus, padding: true, behind, fill: 0, dirty: false }.write()
}

#[test]
fn a_full_table_is_refused() {
    // Differences of the sizes 0 and 1 occur, and their codes leave no room for that of another fill.
    let mut mcus = vec![vec![[0; 64]]; 4];
    mcus[1][0][0] = 1;
    let mut picture = Picture {
        size: (32, 8),
        sampling: vec![(1, 1)],
        restart: 0,
        tables: TableKind::Optimal,
        mcus,
        padding: true,
        behind: Vec::new(),
        fill: 0,
        dirty: false,
    };
    let area = [PixelRect::new(8, 0, 8, 8)];
    check_splice(&picture.write(), &area, Fill::BLACK).unwrap();
    picture.tables = TableKind::Full;
    let file = picture.write();
    assert_eq!(parse(&file).splice(&file, &area, Fill::BLACK).err(), Some(SpliceError::NoCode));
    check_splice(&file, &area, Fill { y: 128, cb: 128, cr: 128 }).unwrap();

    let file = full_tables();
    let grey = Fill { y: 128, cb: 128, cr: 128 };
    assert_eq!(parse(&file).splice(&file, &area, grey).err(), Some(SpliceError::NoCode));
}
