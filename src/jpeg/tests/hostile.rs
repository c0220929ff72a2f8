//! Damaged and lying files: an error or the truth, never a panic, and nothing cut short is taken as whole.

use super::*;

fn refused(file: &[u8]) -> Option<JpegError> {
    Jpeg::parse(file, &Limits::default(), Reduction::Half).err()
}

fn small() -> Vec<u8> {
    encoders::file(40, 33, |encoder| encoder.set_restart_interval(2))
}

/// `file` with the bytes from `offset` within its first segment of `marker` replaced.
fn with(file: &[u8], marker: u8, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = file.windows(2).position(|w| w == [0xFF, marker]).unwrap() + offset;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn cut_at_every_byte() {
    let file = small();
    // Without its end marker the picture is still all there.
    let whole = file.len() - 2;
    for end in 0..whole {
        assert!(refused(&file[..end]).is_some(), "{end} bytes of {} were taken", file.len());
    }
    for end in whole..=file.len() {
        assert!(coefficients(&parse(&file[..end])) == coefficients(&parse(&file)));
        check_splice(&file[..end], &[PixelRect::new(5, 5, 20, 20)], Fill::BLACK).unwrap();
    }
    assert_eq!(refused(&file[..whole - 1]), Some(JpegError::Truncated));
    assert_eq!(refused(&[]), Some(JpegError::Truncated));
}

#[test]
fn a_cut_scan_with_an_end_behind_it() {
    let file = encoders::file(200, 200, |_| {});
    for end in [file.len() / 2, file.len() * 3 / 4, file.len() - 40] {
        let cut = [&file[..end], &[0x55, 0xFF, 0xD9]].concat();
        assert!(refused(&cut).is_some());
    }
}

#[test]
fn sizes_that_lie() {
    let file = small();
    // Height and width stand five bytes behind the marker.
    assert_eq!(refused(&with(&file, 0xC0, 5, &[0, 0])), Some(Unsupported::DeferredHeight.into()));
    assert_eq!(refused(&with(&file, 0xC0, 7, &[0, 0])), Some(JpegError::Malformed(Fault::Frame)));
    assert_eq!(refused(&with(&file, 0xC0, 5, &[0xFF, 0xFF, 0xFF, 0xFF])), Some(JpegError::TooLarge));
    // Within the limits, but more blocks than the file can hold.
    assert_eq!(refused(&with(&file, 0xC0, 5, &[0x40, 0, 0x40, 0])), Some(JpegError::Truncated));
    let larger = Limits { max_pixels: 40 * 32, ..Limits::default() };
    assert_eq!(Jpeg::parse(&file, &larger, Reduction::Half).err(), Some(JpegError::TooLarge));
    let shorter = Limits { max_bytes: file.len() - 1, ..Limits::default() };
    assert_eq!(Jpeg::parse(&file, &shorter, Reduction::Half).err(), Some(JpegError::TooLarge));
}

#[test]
fn segments_that_lie() {
    let file = small();
    assert_eq!(refused(&with(&file, 0xDB, 2, &[0, 0])), Some(JpegError::Malformed(Fault::SegmentLength)));
    assert_eq!(refused(&with(&file, 0xDB, 2, &[0xFF, 0xFF])), Some(JpegError::Truncated));
    assert_eq!(refused(&with(&file, 0xDB, 2, &[0, 9])), Some(JpegError::Malformed(Fault::SegmentLength)));
    assert_eq!(refused(&with(&file, 0xDB, 4, &[0x25])), Some(JpegError::Malformed(Fault::QuantTable)));
    assert_eq!(refused(&with(&file, 0xDB, 5, &[0])), Some(JpegError::Malformed(Fault::QuantTable)));
    assert_eq!(refused(&with(&file, 0xC4, 4, &[0x30])), Some(JpegError::Malformed(Fault::HuffmanTable)));
    assert_eq!(refused(&with(&file, 0xC4, 5, &[9])), Some(JpegError::Malformed(Fault::HuffmanTable)));
    assert_eq!(refused(&with(&file, 0xDD, 4, &[0, 1])), Some(JpegError::Truncated));
    assert_eq!(refused(&with(&file, 0xDD, 4, &[0, 0])), Some(JpegError::Malformed(Fault::Restart)));
    assert_eq!(refused(&with(&file, 0xD1, 1, &[0xD2])), Some(JpegError::Malformed(Fault::Restart)));
    assert_eq!(refused(&with(&file, 0xC0, 4, &[12])), Some(Unsupported::Precision { bits: 12 }.into()));
    assert_eq!(refused(&with(&file, 0xC0, 1, &[0xC9])), Some(Unsupported::Arithmetic.into()));
    assert_eq!(refused(&with(&file, 0xC0, 1, &[0xC3])), Some(Unsupported::Lossless.into()));
    assert_eq!(refused(&with(&file, 0xC0, 1, &[0xC5])), Some(Unsupported::Hierarchical.into()));
    // Chroma with more samples than luma.
    assert_eq!(refused(&with(&file, 0xC0, 11, &[0x11, 0, 1, 0x22])), Some(Unsupported::Sampling.into()));
    assert_eq!(refused(&with(&file, 0xC0, 11, &[0x50])), Some(JpegError::Malformed(Fault::Frame)));
    assert_eq!(refused(&with(&file, 0xDA, 6, &[0x33])), Some(JpegError::Malformed(Fault::Scan)));
    assert_eq!(refused(&with(&file, 0xDA, 5, &[9])), Some(JpegError::Malformed(Fault::Scan)));
    assert_eq!(refused(b"\x89PNG"), Some(JpegError::NotJpeg));
    assert_eq!(refused(&[0xFF, 0xD8, 0xFF, 0xD9]), Some(JpegError::Malformed(Fault::Marker)));
}

#[test]
fn colour_that_is_no_luma() {
    let picture = |adobe: u8| {
        let mut file = small();
        // No JFIF segment, which would contradict.
        let at = file.windows(5).position(|window| window == b"JFIF\0").unwrap();
        file[at] = b'j';
        let segment = [&[0xFF, 0xEE, 0, 14][..], b"Adobe\0d\0\0\0\0", &[adobe]].concat();
        [&file[..2], &segment, &file[2..]].concat()
    };
    assert_eq!(refused(&picture(0)), Some(Unsupported::Colour.into()));
    assert_eq!(refused(&picture(1)), None);
}

/// A grey picture of four blocks that have DC values only.
fn extreme(values: [i16; 4]) -> Vec<u8> {
    let mcus = values.map(|dc| vec![std::array::from_fn(|k| if k == 0 { dc } else { 0 })]).to_vec();
    let (behind, sampling) = (Vec::new(), vec![(1, 1)]);
    let tables = coder::TableKind::Optimal;
    Picture { size: (32, 8), sampling, restart: 0, tables, mcus, padding: true, behind, fill: 0, dirty: false }.write()
}

#[test]
fn values_that_no_sample_has() {
    // From 2047 to black there is no difference that a baseline table could name.
    let file = extreme([0, 2047, 2047, 2047]);
    let area = [PixelRect::new(0, 0, 8, 8)];
    assert_eq!(parse(&file).splice(&file, &area, Fill::BLACK).err(), Some(SpliceError::NoCode));
    check_splice(&file, &area, Fill { y: 128, cb: 128, cr: 128 }).unwrap();
    // The difference of the first has no code, that of the second leads out of range.
    assert_eq!(refused(&extreme([0, 2048, 0, 0])), Some(JpegError::Malformed(Fault::Code)));
    assert_eq!(refused(&extreme([0, 2000, 2048, 2000])), Some(JpegError::Malformed(Fault::Coefficients)));
}

/// Whatever can be parsed can be spliced and restored, or is refused.
fn survives(file: &[u8]) {
    use crate::frame::LumaSource;
    for reduction in [Reduction::Half, Reduction::Eighth] {
        let Ok(jpeg) = Jpeg::parse(file, &Limits::default(), reduction) else { continue };
        jpeg.crop(PixelRect::new(0, 0, jpeg.size().width.min(30), jpeg.size().height.min(30)));
        match jpeg.splice(file, &[PixelRect::new(9, 9, 12, 12)], Fill::BLACK) {
            Ok(spliced) => {
                parse(&spliced.scene);
                assert!(restore(&spliced.scene, &spliced.removed.unwrap()).unwrap() == file);
            }
            Err(error) => assert_eq!(error, SpliceError::NoCode),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn flipped_bits(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6), kind in 0..3) {
        let mut file = match kind {
            0 => small(),
            1 => encoders::file(40, 33, |_| {}),
            _ => encoders::file(40, 33, |encoder| encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1)),
        };
        for (index, bit) in flips {
            let at = index.index(file.len());
            file[at] ^= 1 << bit;
        }
        survives(&file);
    }

    #[test]
    fn tables_and_scans_that_do_not_belong_together(
        picture in pictures(),
        other in pictures(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (file, other) = (picture.write(), other.write());
        let at = cut.index(file.len());
        survives(&[&file[..at], &other[at.min(other.len())..]].concat());
        let scan = |file: &[u8]| file.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap();
        survives(&[&file[..scan(&file)], &other[scan(&other)..]].concat());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        refused(&bytes);
        refused(&[&[0xFF, 0xD8][..], &bytes].concat());
    }

    #[test]
    fn removed_bytes_that_are_damaged(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        scene_flip in any::<prop::sample::Index>(),
    ) {
        let file = small();
        let Spliced { mut scene, removed, .. } =
            parse(&file).splice(&file, &[PixelRect::new(9, 9, 12, 12)], Fill::BLACK).unwrap();
        let mut removed = removed.unwrap();
        prop_assert_ne!(restore(&scene, &removed[..cut.index(removed.len())]).ok(), Some(file.clone()));
        for (index, byte) in flips {
            let at = index.index(removed.len());
            removed[at] = byte;
        }
        // An error or some bytes, bounded by the stated length.
        let _ = restore(&scene, &removed);
        let at = scene_flip.index(scene.len());
        scene[at] ^= 0x10;
        let _ = restore(&scene, &removed);
    }
}
