//! Every sampling that the standard allows: decoded as a reference decodes it, by whichever way takes it, or refused.
//!
//! `cargo test --lib samplings -- --nocapture` prints the table, with another decoder's outcome beside ours. Where
//! `SAFELIGHT_LIBJPEG` names a program that turns a JPEG file into a PGM file on its output (`djpeg -grayscale`), the third
//! column is its.

use std::collections::BTreeMap;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::coder::{Block, Picture, TableKind};
use super::scans::{PROGRESSIVE, SEPARATE, Writer, codes};
use super::*;
use crate::frame::LumaSource;
use crate::jpeg::huffman::Encoder;

type Sampling = Vec<(u8, u8)>;

/// All factors of `count` components.
fn samplings(count: usize) -> impl Iterator<Item = Sampling> {
    (0..16usize.pow(count as u32))
        .map(move |n| (0..count).map(|c| n >> (4 * c) & 15).map(|f| (1 + (f & 3) as u8, 1 + (f >> 2) as u8)).collect())
}

fn blocks(sampling: &Sampling) -> usize {
    Picture::blocks_per_mcu(sampling)
}

/// A picture with soft slopes, so that decoders that smooth between samples differ little from those that do not.
fn drawn(sampling: &Sampling, number: usize) -> Picture {
    let size = [(17, 9), (33, 41), (8, 8), (50, 7), (1, 31)][number % 5];
    let restart = [0, 1, 0, 2, 3][number / 5 % 5];
    let (across, down) = Picture::mcus_across_and_down(size, sampling);
    let block = |mcu: usize, at: usize| -> Block {
        let mut block = [0; 64];
        block[0] = 30 + ((number + 3 * mcu + 2 * at) % 24) as i16;
        block[1 + (mcu + at + number) % 6] = (at % 3) as i16 - 1;
        block
    };
    let mcus = (0..across * down).map(|mcu| (0..blocks(sampling)).map(|at| block(mcu, at)).collect()).collect();
    let (sampling, behind) = (sampling.clone(), Vec::new());
    Picture { size, sampling, restart, tables: TableKind::All, mcus, padding: true, behind, fill: 0, dirty: false }
}

/// How a file was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Coefficients,
    Samples,
    Refused,
}

fn near(ours: &[u8], theirs: &[u8]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| a.abs_diff(*b) <= 1)
}

/// Decodes `file` in every way that takes it, and holds the outcome against the reference.
fn checked(file: &[u8], what: &dyn std::fmt::Debug) -> Way {
    let reference = reference::decode(file);
    let limits = Limits::default();
    let spliced = match Jpeg::parse(file, &limits, Reduction::Full) {
        Ok(jpeg) => Some(jpeg),
        Err(JpegError::Unsupported(_)) => match sequential(file, &limits) {
            Ok(made) => Some(Jpeg::parse(&made.file, &limits, Reduction::Full).expect("a file of one scan")),
            Err(JpegError::Unsupported(_)) => None,
            Err(error) => panic!("{what:?}: {error}"),
        },
        Err(error) => panic!("{what:?}: {error}"),
    };
    if let Some(jpeg) = &spliced {
        assert!(near(&jpeg.reduced(1).data, &reference[0]), "{what:?}: luma of the coefficients");
        let mean = |plane: &[u8]| plane.iter().map(|v| f64::from(*v)).sum::<f64>() / plane.len() as f64;
        // A block's mean at an edge counts what lies beyond, too.
        assert!((mean(&jpeg.reduced(8).data) - mean(&reference[0])).abs() < 12.0, "{what:?}: luma at an eighth");
    }
    let planes = match Coded::read(file, &limits).and_then(Coded::planes) {
        Ok(planes) => planes,
        Err(JpegError::Unsupported(_)) => {
            assert!(spliced.is_none(), "{what:?}: a scene could not be made from samples");
            return Way::Refused;
        }
        Err(error) => panic!("{what:?}: {error}"),
    };
    let (width, height) = (planes.size.width as usize, planes.size.height as usize);
    assert_eq!(planes.planes.len(), reference.len());
    for (plane, reference) in planes.planes.iter().zip(&reference) {
        let ours: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| plane.row(y)[x / plane.repeat.0])
            .collect();
        assert!(near(&ours, reference), "{what:?}: samples");
    }
    if spliced.is_some() { Way::Coefficients } else { Way::Samples }
}

/// What another decoder makes of the first component: `None` when it refuses, else how far off it is on average.
fn zune(file: &[u8], count: usize, reference: &[u8]) -> Option<f64> {
    let space = [ColorSpace::Luma, ColorSpace::Luma, ColorSpace::YCbCr, ColorSpace::CMYK][count - 1];
    let options = DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(space);
    let file = file.to_vec();
    // It panics on some.
    let decoded =
        std::panic::catch_unwind(|| JpegDecoder::new_with_options(ZCursor::new(&file), options).decode().ok());
    let decoded = decoded.ok().flatten()?;
    (decoded.len() == count * reference.len()).then(|| off(decoded.iter().step_by(count), reference))
}

fn off<'a>(theirs: impl Iterator<Item = &'a u8>, reference: &[u8]) -> f64 {
    theirs.zip(reference).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / reference.len() as f64
}

/// The same of a program that is not ours.
fn libjpeg(file: &[u8], reference: &[u8]) -> Option<Option<f64>> {
    let command = std::env::var("SAFELIGHT_LIBJPEG").ok()?;
    let path = std::env::temp_dir().join(format!("safelight-sampling-{}.jpg", std::process::id()));
    std::fs::write(&path, file).expect("written");
    let mut words = command.split(' ');
    let output = std::process::Command::new(words.next()?).args(words).arg(&path).output().expect("runs");
    std::fs::remove_file(&path).expect("removed");
    let samples = output.stdout.len().checked_sub(reference.len()).map(|head| &output.stdout[head..]);
    let taken = samples.filter(|_| output.status.success() && output.stdout.starts_with(b"P5"));
    Some(taken.map(|samples| off(samples.iter(), reference)))
}

fn word(off: Option<f64>) -> &'static str {
    match off {
        None => "refuses",
        Some(off) if off < 4.0 => "same",
        Some(_) => "garbles",
    }
}

#[test]
fn every_sampling_is_decoded_right_or_refused() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        // Not what the other decoder's breakdowns print.
        if !info.location().is_some_and(|at| at.file().contains("zune")) {
            eprintln!("{info}");
        }
    }));
    let mut tally: BTreeMap<(usize, Way, &str), usize> = BTreeMap::new();
    println!("factors                      ours          zune-jpeg  libjpeg");
    for count in [1, 3, 4] {
        let interleaved = samplings(count).filter(|sampling| sampling.len() == 1 || blocks(sampling) <= 10);
        for (number, sampling) in interleaved.enumerate() {
            let file = drawn(&sampling, number).write();
            let way = checked(&file, &sampling);
            let reference = reference::decode(&file).swap_remove(0);
            let theirs = word(zune(&file, count, &reference));
            *tally.entry((count, way, theirs)).or_default() += 1;
            // The rest are like these: one line for each pair of luma's factors and chroma's.
            if sampling[1..].windows(2).all(|pair| pair[0] == pair[1]) {
                let factors: Vec<String> = sampling.iter().map(|(h, v)| format!("{h}x{v}")).collect();
                let third = libjpeg(&file, &reference).map_or("", word);
                println!("{:28} {:13} {theirs:10} {third}", factors.join(" "), format!("{way:?}"));
            }
            // Refused is only what has samples for parts of pixels.
            let most = Picture::most(&sampling);
            let whole = |&(h, v): &(u8, u8)| most.0.is_multiple_of(h) && most.1.is_multiple_of(v);
            let parts = count > 1 && !sampling.iter().all(whole);
            assert_eq!(way == Way::Refused, parts, "{sampling:?}");
        }
    }
    std::panic::set_hook(hook);
    for ((count, way, theirs), files) in tally {
        println!("{count} components, {way:?}, zune-jpeg: {theirs}: {files}");
    }
}

/// Luma coarser than chroma: another decoder leaves every other line black.
#[test]
fn luma_coarser_than_chroma_is_not_garbled() {
    for chroma in [(2, 1), (1, 2), (2, 2), (4, 1)] {
        let sampling = vec![(1, 1), chroma, (1, 1)];
        let file = drawn(&sampling, 1).write();
        assert_eq!(checked(&file, &sampling), Way::Samples);
        let frame = crate::frame::Frame::decode(&file, &crate::frame::Limits::default()).unwrap();
        assert!(near(&frame.reduced(1).data, &reference::decode(&file)[0]), "{sampling:?}");
    }
}

/// In scans of their own, components may have more blocks than fit one MCU.
#[test]
fn every_sampling_in_separate_scans() {
    for (number, sampling) in samplings(3).enumerate().filter(|(number, _)| number % 3 == 0) {
        let picture = drawn(&sampling, number);
        let file = Writer { picture: &picture, encoder: Encoder::new(&codes()) }.write(&SEPARATE);
        checked(&file, &sampling);
    }
    for (number, sampling) in samplings(4).enumerate().step_by(97) {
        let picture = drawn(&sampling, number);
        let file = Writer { picture: &picture, encoder: Encoder::new(&codes()) }.write(&SEPARATE);
        checked(&file, &sampling);
    }
}

/// Progressive files have the samples of the sequential ones of the same coefficients.
#[test]
fn every_sampling_in_progressive_scans() {
    let limits = Limits::default();
    for (number, sampling) in samplings(3).filter(|sampling| blocks(sampling) <= 10).enumerate() {
        let picture = drawn(&sampling, number);
        let writer = Writer { picture: &picture, encoder: Encoder::new(&codes()) };
        let planes = |scripts: &[super::scans::Script]| {
            Coded::read(&writer.write(scripts), &limits).and_then(Coded::planes).map(|planes| {
                let rows = (0..planes.size.height as usize).flat_map(|y| planes.planes.iter().map(move |p| (p, y)));
                rows.flat_map(|(p, y)| {
                    let shown = (planes.size.width as usize).div_ceil(p.repeat.0);
                    p.row(y)[..shown].to_vec()
                })
                .collect::<Vec<u8>>()
            })
        };
        assert!(planes(&PROGRESSIVE) == planes(&SEPARATE), "{sampling:?}");
    }
}
