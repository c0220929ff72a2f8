//! What must hold of the coefficient path, and of what else reads files, for any bytes at all. Shared by the fuzz targets in `fuzz/` and the test beside
//! this file.

use std::io::Cursor;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use safelight::frame::{Frame, LumaSource};
use safelight::geometry::{PixelRect, Size};
use safelight::jpeg::{Fill, Jpeg, Limits, Reduction, SpliceError, restore, sequential};
use safelight::redact::exif::{self, Keep, Stand};
use safelight::redact::panorama;
use safelight::video::avi::{Kind, Reader, Stream, Writer};
use safelight::video::mjpeg;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Small, so that a header that lies costs no time.
const LIMITS: Limits = Limits { max_pixels: 1 << 20, max_bytes: 1 << 20 };

const REDUCTIONS: [Reduction; 4] = [Reduction::Full, Reduction::Half, Reduction::Quarter, Reduction::Eighth];

/// Parsing ends, without a panic, and finds the same at every reduction; what is made of several scans is one scan.
pub fn parse(file: &[u8]) {
    let parsed = REDUCTIONS.map(|reduction| Jpeg::parse(file, &LIMITS, reduction));
    let outcomes = parsed.each_ref().map(|jpeg| jpeg.as_ref().map(Jpeg::size));
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() == outcomes[0].is_ok()), "{outcomes:?}");
    for jpeg in parsed.iter().flatten() {
        let size = jpeg.size();
        assert_eq!(jpeg.reduced(8).data.len() as u64, jpeg.reduced(8).size.pixels());
        let corner = PixelRect::new(size.width - 1, size.height - 1, 1, 1);
        assert_eq!(jpeg.crop(corner).data.len(), 1);
    }
    if let Ok(made) = sequential(file, &LIMITS) {
        let jpeg = Jpeg::parse(&made.file, &LIMITS, Reduction::Eighth).expect("a file of one scan");
        let again = sequential(&made.file, &LIMITS).expect("a file of one scan");
        assert!(again.file == made.file && again.exif.is_none(), "the same coefficients, without metadata");
        assert!(made.exif.is_none_or(|exif| file.get(exif).is_some()), "EXIF lies in the file");
        for parsed in parsed.iter().flatten() {
            assert_eq!(parsed.size(), jpeg.size());
        }
    }
    let limits = safelight::frame::Limits { max_pixels: 1 << 20, max_decoded_bytes: 1 << 23 };
    let taken = Frame::decode(file, &limits).is_ok();
    // A frame wants to see a marker behind the first one, too.
    assert!(taken || outcomes[0].is_err() || file.get(2) != Some(&0xFF), "what is taken, a frame takes");
}

/// Whatever is taken can be spliced and comes back, or has no codes for it; the scene is one that is taken, too. The first
/// eight bytes say where the areas are.
pub fn splice_and_restore(data: &[u8]) {
    let Some((&places, file)) = data.split_first_chunk::<8>() else { return };
    let Ok(jpeg) = Jpeg::parse(file, &LIMITS, Reduction::Eighth) else { return };
    let areas = [0, 4].map(|at| {
        let [x, y, w, h] = [0, 1, 2, 3].map(|i| u32::from(places[at + i]));
        PixelRect::new(4 * x, 4 * y, w, h)
    });
    let fill = if places[7] & 1 == 0 { Fill::BLACK } else { Fill { y: 128, cb: 128, cr: 128 } };
    let spliced = match jpeg.splice(file, &areas, fill) {
        Ok(spliced) => spliced,
        Err(error) => return assert_eq!(error, SpliceError::NoCode),
    };
    let removed = spliced.removed.expect("what is spliced can be restored");
    assert!(restore(&spliced.scene, &removed).expect("restored") == file);
    let scene = Jpeg::parse(&spliced.scene, &LIMITS, Reduction::Eighth).expect("a scene is a picture");
    assert_eq!(scene.size(), jpeg.size());
    // Somebody else's bytes: an error or some file, and no panic.
    let _ = restore(&spliced.scene, data);
    let _ = restore(data, &removed);
}

/// Whatever a file is, telling and decoding it ends without a panic, and what is taken has all its pixels.
pub fn frame(file: &[u8]) {
    let limits = safelight::frame::Limits { max_pixels: 1 << 20, max_decoded_bytes: 1 << 23 };
    assert!(safelight::frame::Format::sniff(file) == safelight::frame::Format::sniff(&file[..file.len().min(4096)]));
    if let Ok(frame) = Frame::decode(file, &limits) {
        let luma = frame.reduced(1);
        assert!(luma.size == frame.size() && luma.data.len() as u64 == frame.size().pixels());
    }
}

/// What is kept of words, EXIF's or a panorama's, is short, and read again it is the same.
pub fn words(data: &[u8]) {
    let stand = Stand { orientation: 1, size: Size::new(640, 480), turned: false };
    let again = |words: &[u8]| exif::anew(words, Keep::EVERYTHING, stand);
    if let Some(once) = again(data) {
        assert!(once.len() < 60_000 && again(&once).as_ref() == Some(&once));
    }
    if let Some(once) = panorama::anew(data) {
        assert!(once.len() < 2048 && panorama::anew(&once).as_ref() == Some(&once));
    }
}

/// Whatever a film is, walking through it ends without a panic, every chunk lies in it, and what is carried over is the same in a
/// film that is written of it. Pictures of a chunk lie in it, one behind the other.
pub fn avi(file: &[u8]) {
    let Ok(reader) = Reader::open(Cursor::new(file)) else { return };
    let mut whole = reader.file().clone();
    let streams = reader.streams();
    let kept = |stream: &Stream| !matches!(stream.kind, Kind::Other(_));
    let mut carried = Vec::new();
    for chunk in reader.chunks() {
        let bytes = chunk.read(&mut whole).expect("it lies in the file");
        assert_eq!(bytes.len(), chunk.length() as usize);
        if let Ok(fields) = mjpeg::fields(&bytes) {
            assert!(fields.len() <= 2 && fields.is_sorted_by_key(|field| field.range.start));
            let pictures: Vec<Vec<u8>> = fields.iter().map(|field| field.file(&bytes)).collect();
            let again = mjpeg::chunk(pictures.clone(), &fields);
            assert_eq!(mjpeg::fields(&again).expect("as many pictures").len(), pictures.len());
        }
        carried.push((chunk.stream(), bytes));
    }
    if !streams.iter().all(kept) || !streams.iter().any(|stream| matches!(stream.kind, Kind::Video { .. })) {
        return;
    }
    let mut writer = Writer::begin(Cursor::new(Vec::new()), streams).expect("begun");
    for (stream, bytes) in &carried {
        writer.chunk(*stream, bytes).expect("written");
    }
    let copy = writer.finish().expect("finished").into_inner();
    let again = Reader::open(Cursor::new(copy.as_slice())).expect("an AVI file");
    assert!(!again.ends_early() && again.streams().len() == streams.len());
    let mut whole = again.file().clone();
    let read: Vec<_> =
        again.chunks().iter().map(|chunk| (chunk.stream(), chunk.read(&mut whole).expect("there"))).collect();
    assert!(read == carried);
}

/// Luma is the pixel decoder's, and its reductions are near the means of that. The bytes become pixels and the way in
/// which they are coded.
pub fn luma(data: &[u8]) {
    let Some((&[width, height, quality, factor, interval], samples)) = data.split_first_chunk::<5>() else { return };
    let (width, height) = (1 + u16::from(width) % 97, 1 + u16::from(height) % 61);
    if samples.is_empty() {
        return;
    }
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2};
    let count = usize::from(width) * usize::from(height) * 3;
    let pixels: Vec<u8> = samples.iter().copied().cycle().take(count).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 1 + quality % 100);
    encoder.set_sampling_factor([F_1_1, F_1_2, F_2_1, F_2_2][usize::from(factor) % 4]);
    encoder.set_restart_interval((interval % 9).into());
    encoder.encode(&pixels, width, height, ColorType::Ycbcr).expect("encoded");

    let jpeg = Jpeg::parse(&file, &LIMITS, Reduction::Half).expect("a usual file");
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let decoded = JpegDecoder::new_with_options(ZCursor::new(&file), options).decode().expect("decoded");
    let full = jpeg.reduced(1);
    let worst = full.data.iter().zip(decoded.chunks_exact(3)).map(|(ours, theirs)| ours.abs_diff(theirs[0])).max();
    // The other decoder rounds twice, in whole numbers.
    assert!(worst <= Some(3), "{worst:?}");
    for reduction in REDUCTIONS {
        let direct = Jpeg::parse(&file, &LIMITS, reduction).expect("a usual file");
        assert!(direct.reduced(1) == full, "{reduction:?}");
        let denominator = reduction.denominator();
        assert_eq!(direct.reduced(denominator).size, jpeg.reduced(denominator).size);
    }
}

/// Whatever a file is, and however many pictures it holds: looking at them and making a copy ends without a panic, and a copy is a
/// file of the same format that can be looked at again.
pub fn copies(file: &[u8]) {
    use safelight::capture::{Region, RegionKind};
    use safelight::frame::{Format, Limits};
    use safelight::geometry::Rect;
    use safelight::pipeline::{Choice, Look, Options, Stages, Unreadable, inspect_one};
    use safelight::vision::{Found, Seen};

    /// Sees a face in the middle of whatever it is shown.
    struct Middle;
    impl Look for Middle {
        fn look(&mut self, frame: &Frame, _stages: &mut Stages) -> Seen {
            let size = frame.size();
            let bounds = Rect::new(size.width as f32 / 3.0, size.height as f32 / 3.0, 4.0, 5.0);
            let region = Region { kind: RegionKind::Face, bounds, score: 0.5, reading: None };
            vec![Found { region, wide: bounds.grown(2.0, 2.0), oval: true }].into()
        }
    }

    let limits = Limits { max_pixels: 1 << 16, max_decoded_bytes: 1 << 22 };
    let options = Options { limits, ..Options::default() };
    let eyes = || -> Box<dyn Look> { Box::new(Middle) };
    let look = |file: &[u8]| {
        inspect_one(file, &eyes, &options, |examined| {
            let pictures = 1 + examined.further.len();
            (pictures, Choice::default().copy("name".as_ref(), examined))
        })
    };
    match look(file) {
        // What a decoder or an encoder breaks down on is a finding: the program goes on, and somebody should know.
        Err(Unreadable::Fault) => panic!("a breakdown"),
        Err(_) | Ok((_, Err(_))) => {}
        Ok((pictures, Ok(copy))) => {
            assert!(Format::sniff(&copy.bytes) == Format::sniff(file), "a copy keeps its format");
            match look(&copy.bytes) {
                Ok((again, _)) => assert_eq!(again, pictures, "as many pictures"),
                // What was transparent may hide colours only where something is blank.
                Err(Unreadable::Decode(_)) => {}
                Err(_) => panic!("a copy that cannot be looked at"),
            }
        }
    }
}
