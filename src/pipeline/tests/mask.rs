//! What a fixed camera writes into its pictures: masks, and the word that there is something to mask.

use std::io::Cursor;

use super::*;

fn png(picture: &image::RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn what_is_masked_no_scene_shows_and_the_original_comes_back() {
    let files = [
        ("a.jpg", photo(0)),
        ("b.jpg", photo(1)),
        ("c.png", png(&picture(102, 80))),
        ("small.jpg", jpeg(&picture(40, 30), |_| {})),
    ];
    let folder = folder(&files.each_ref().map(|(name, file)| (*name, file.as_slice())));
    // Where nothing is found, and across what is found.
    let boxes = vec![Rect::new(81.0, 5.0, 10.0, 10.0), Rect::new(40.0, 12.0, 20.0, 4.0)];
    let mut run = Run::new(2);
    run.options.mask = Boxes::Everywhere(boxes.clone());
    let mut sink = FakeSink::default();
    let summary = run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    // Of the small one, nobody knows what was to be hidden.
    assert_eq!((summary.sealed, summary.spliced, summary.unreadable), (4, 2, 1));
    for (record, (name, original)) in sink.committed.iter().zip(&files) {
        let identity = &record.identity;
        let scene = record.scene.as_ref().map(|scene| scene.file.as_slice());
        assert!(restore(identity.method, scene, &identity.removed, &identity.blake3).unwrap() == *original, "{name}");
        assert_eq!(record.catalogue.regions.len(), if scene.is_some() { 2 } else { 0 }, "{name}: a mask is no region");
        let Some(scene) = scene else { continue };
        let shown = luma(scene);
        for (x, y) in [(81, 5), (90, 14), (40, 12), (59, 15)] {
            assert_eq!(shown.data[y * shown.size.width as usize + x], FILL, "{name}");
        }
    }

    run.options.mask = Boxes::ByName([(PathBuf::from("b.jpg"), boxes)].into());
    let mut sink = FakeSink::default();
    run.ingest(folder.path(), &mut sink, &fake_eyes).unwrap();
    let masked = sink.committed.iter().map(|record| luma(&record.scene.as_ref().unwrap().file));
    let masked: Vec<bool> =
        masked.map(|shown| shown.size.width > 81 && shown.data[5 * shown.size.width as usize + 81] == FILL).collect();
    assert_eq!(masked, [false, true, false, false]);
}

#[test]
fn letters_that_many_captures_have_in_one_place_are_told() {
    let files: Vec<(String, Vec<u8>)> =
        (0..9).map(|n| (format!("{n}.jpg"), jpeg(&picture(100, 80), |e| e.set_quality(70 + n)))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let folder = folder(&files);
    let summary = Run::new(3).ingest(folder.path(), &mut FakeSink::default(), &fake_eyes).unwrap();
    let shared = summary.lettering.shared();
    let [Lettered { area, pictures: 9, of: 9, .. }] = shared[..] else { panic!("{shared:?}") };
    assert!(area.rect().overlap(CAPTION) >= CAPTION.area());
}
