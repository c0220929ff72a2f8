//! What blanked areas look like, what stays legible by hand, and which words come through.

use std::collections::HashSet;
use std::fs;

use image::{DynamicImage, ImageFormat};

use super::common::site::{photo, picture};
use super::{Desk, areas, decoded, encoded, has, inside, redact};

/// Luma of a copy's first image, and the areas that are blanked on it.
fn copied(desk: &Desk, name: &str, args: &[&str]) -> (DynamicImage, Vec<[u32; 4]>) {
    let _ = fs::remove_dir_all(desk.out());
    let run = desk.run(args);
    assert_eq!(run.code, Some(0), "{run:?}");
    let areas = areas(&desk.photos()).remove(name).expect("it was looked at");
    (decoded(&fs::read(desk.out().join(name)).expect("read")), areas)
}

#[test]
fn a_mosaic_and_a_blur_show_a_few_means_and_leave_the_rest() {
    let desk = Desk::new();
    let picture = picture(320, 192, 0);
    desk.put("a.jpg", &photo(0));
    desk.put("b.png", &encoded(&picture.into(), ImageFormat::Png));
    for name in ["a.jpg", "b.png"] {
        let original = decoded(&fs::read(desk.photos().join(name)).expect("read")).into_rgb8();
        let (solid, _) = copied(&desk, name, &[]);
        for style in ["pixelate", "blur"] {
            let (copy, areas) = copied(&desk, name, &["--style", style]);
            let (copy, solid) = (copy.into_rgb8(), solid.to_rgb8());
            assert!(!areas.is_empty() && copy != solid, "{name} {style}");
            let mut colors = HashSet::new();
            for (x, y, pixel) in copy.enumerate_pixels() {
                if inside(&areas, (x, y)) {
                    colors.insert(pixel.0[0]);
                } else if pixel != original.get_pixel(x, y) {
                    // A decoder smooths chroma across the edge of an area.
                    assert!(
                        (0..5).any(|dx| (0..5)
                            .any(|dy| { inside(&areas, ((x + dx).saturating_sub(2), (y + dy).saturating_sub(2))) })),
                        "{name} {style} at {x}, {y}"
                    );
                }
            }
            // Plates, which the tiny nets see, show one mean each.
            assert!(colors.len() <= 4 * areas.len(), "{name} {style}: {} shades", colors.len());
        }
    }
}

#[test]
fn what_is_corrected_by_hand_is_corrected() {
    let desk = Desk::new();
    desk.put("lane/a.jpg", &photo(0));
    desk.put("lane/b.jpg", &photo(1));
    let found = areas(&desk.photos());
    assert!(found.values().all(|areas| !areas.is_empty()));
    let hand = desk.folder.path().join("hand.json");
    let hand = hand.to_str().expect("text");
    let number = |args: &[&str], field: &str| {
        let _ = fs::remove_dir_all(desk.out());
        let run = desk.run(&[args, &["--json"]].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        run.number(field)
    };
    let all = number(&[], "plates") + number(&[], "faces");
    let around = "0,0,320,192";
    assert_eq!(number(&["--except-box", around], "legible"), all);
    // By name, of one photograph only.
    fs::write(hand, "{\"lane/a.jpg\": [[0, 0, 320, 192]]}").expect("written");
    let spared = number(&["--except-box", hand], "legible");
    assert!(spared >= 1 && spared < all);
    assert_eq!(number(&["--except-box", hand], "plates") + number(&["--except-box", hand], "faces"), all - spared);
    // A mask has the last word.
    assert_eq!(number(&["--except-box", hand, "--mask", around], "legible"), 0);
    fs::write(hand, "{\"lane/b.jpg\": [[0, 0, 30, 30]]}").expect("written");
    number(&["--mask", hand, "--only", "faces", "--fill", "ff0000"], "copies");
    let red = |name: &str| decoded(&fs::read(desk.out().join(name)).expect("read")).into_rgb8().get_pixel(5, 5).0[0];
    assert!(red("lane/b.jpg") > 250 && red("lane/a.jpg") < 250);
    // Nothing is as sure as that; and what is not blanked is counted, whatever the reason.
    assert_eq!((number(&["--threshold", "1"], "plates"), number(&["--threshold", "1"], "legible")), (0, all));
    assert_eq!(number(&["--only", "faces"], "legible"), number(&[], "plates"));

    // A name that no photograph has would leave something legible that somebody meant to hide.
    fs::write(hand, "{\"lane/c.jpg\": [[0, 0, 30, 30]]}").expect("written");
    let _ = fs::remove_dir_all(desk.out());
    let run = desk.run(&["--mask", hand]);
    assert!(run.code == Some(1) && run.stderr.contains("lane/c.jpg: no such photograph"), "{run:?}");
    let twice = "{\"lane/a.jpg\": [[0, 0, 9, 5]], \"lane/a.jpg\": [[9, 9, 9, 5]]}";
    for wrong in ["{\"a.jpg\": [[0, 0, 0, 5]]}", "{\"a.jpg\": 5}", "{}", twice] {
        fs::write(hand, wrong).expect("written");
        let _ = fs::remove_dir_all(desk.out());
        desk.run(&["--except-box", hand]).failed(2, "hand.json", "[[x, y, width, height]");
    }
    let alone = desk.photos().join("lane/a.jpg");
    for name in ["b.jpg", "lane/a.jpg"] {
        fs::write(hand, format!("{{\"{name}\": [[0, 0, 30, 30]]}}")).expect("written");
        redact(&[alone.to_str().expect("text"), "-o", "-", "--mask", hand]).failed(2, name, "a.jpg");
        redact(&["-", "-o", "-", "--mask", hand]).failed(2, name, "without names");
    }
    desk.run(&["--mask", "0,0,0,5"]).failed(2, "without width", "X,Y,WIDTH,HEIGHT");
    fs::write(hand, "{}").expect("written");
    desk.run(&["--mask", "0,0,5,5", "--mask", hand]).failed(2, "hand.json", "");
}

/// An EXIF block with a maker's name, a serial number, a time and a place, and a packet that says it is a panorama.
fn worded() -> Vec<u8> {
    let photo = photo(0);
    let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    // Maker "Cam", time behind the directory, pointers to the other two.
    let text_at = 8 + 2 + 4 * 12 + 4;
    let photo_at = text_at + 20;
    let gps_at = photo_at + 2 + 12 + 4 + 8;
    tiff.extend(4u16.to_be_bytes());
    tiff.extend(entry(0x010F, 2, 4, *b"Cam\0"));
    tiff.extend(entry(0x0132, 2, 20, (text_at as u32).to_be_bytes()));
    tiff.extend(entry(0x8769, 4, 1, (photo_at as u32).to_be_bytes()));
    tiff.extend(entry(0x8825, 4, 1, (gps_at as u32).to_be_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(b"2026:07:01 12:30:00\0");
    tiff.extend(1u16.to_be_bytes());
    tiff.extend(entry(0xA431, 2, 8, ((photo_at + 18) as u32).to_be_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(b"SERIAL7\0");
    tiff.extend(1u16.to_be_bytes());
    tiff.extend(entry(0x0001, 2, 2, *b"N\0\0\0"));
    tiff.extend([0; 4]);
    let packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description xmlns:GPano=\"http://ns.google.com/photos/1.0/panorama/\" GPano:ProjectionType=\"equirectangular\" GPano:FullPanoWidthPixels=\"320\" secret=\"SECRETS\"/></rdf:RDF></x:xmpmeta>";
    let mut file = vec![0xFF, 0xD8];
    for body in [[b"Exif\0\0".as_slice(), &tiff].concat(), packet.to_vec()] {
        file.extend([0xFF, 0xE1]);
        file.extend((body.len() as u16 + 2).to_be_bytes());
        file.extend(body);
    }
    file.extend(&photo[2..]);
    file
}

#[test]
fn words_come_through_that_were_asked_for_and_no_others() {
    let desk = Desk::new();
    desk.put("a.jpg", &worded());
    let words: [&[u8]; 6] = [b"Cam\0", b"2026:07:01", b"N\0", b"equirectangular", b"SERIAL7", b"SECRETS"];
    let kept = |args: &[&str]| {
        let _ = fs::remove_dir_all(desk.out());
        let run = desk.run(args);
        assert_eq!(run.code, Some(0), "{run:?}");
        let copy = fs::read(desk.out().join("a.jpg")).expect("read");
        decoded(&copy);
        let head = &copy[..copy.windows(2).position(|pair| pair == [0xFF, 0xDB]).expect("tables")];
        words.map(|word| has(head, word))
    };
    assert_eq!(kept(&[]), [false; 6]);
    let time = kept(&["--keep", "time"]);
    assert_eq!((time[0], time[1], time[3], time[4], time[5]), (false, true, false, false, false));
    let camera = kept(&["--keep", "camera"]);
    assert_eq!((camera[0], camera[1], camera[3], camera[4], camera[5]), (true, false, false, false, false));
    let panorama = kept(&["--keep", "panorama"]);
    assert_eq!((panorama[0], panorama[1], panorama[3], panorama[4], panorama[5]), (false, false, true, false, false));
    let all = kept(&["--keep", "time,gps,camera,panorama"]);
    assert_eq!((all[0], all[1], all[2], all[3], all[4], all[5]), (true, true, true, true, false, false));
}

/// Photographs of one name in two inputs are told apart as their copies are; a box meant for one uncovers no other.
#[test]
fn a_box_is_of_one_photograph() {
    let desk = Desk::new();
    let (one, two) = (desk.put("p1/x.jpg", &photo(0)), desk.put("p2/x.jpg", &photo(1)));
    let (one, two) = (one.parent().expect("a folder"), two.parent().expect("a folder"));
    let hand = desk.folder.path().join("hand.json");
    let out = desk.out();
    let run = |boxes: &str| {
        let _ = fs::remove_dir_all(&out);
        fs::write(&hand, boxes).expect("written");
        let [one, two, out, hand] = [one, two, &out, &hand].map(|path| path.to_str().expect("text"));
        super::redact(&[one, two, "-o", out, "--except-box", hand, "--json"])
    };
    let all = "[[0, 0, 320, 192]]";
    let ended = run(&format!("{{\"p1/x.jpg\": {all}}}"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let original = |name: &str| decoded(&fs::read(desk.photos().join(name)).expect("read")).into_rgb8();
    let copy = |name: &str| decoded(&fs::read(desk.out().join(name)).expect("read")).into_rgb8();
    assert!(copy("p1/x.jpg") == original("p1/x.jpg") && copy("p2/x.jpg") != original("p2/x.jpg"));
    let ended = run(&format!("{{\"x.jpg\": {all}}}"));
    assert!(ended.code == Some(1) && ended.stderr.contains("x.jpg: no such photograph"), "{ended:?}");
}

/// Who goes on in a folder in which originals lie would hand them on.
#[test]
fn what_lies_among_copies_is_named() {
    let desk = Desk::new();
    desk.put("a.jpg", &photo(0));
    assert_eq!(desk.run(&[]).code, Some(0));
    assert_eq!(desk.run(&["--skip-existing"]).code, Some(0));
    fs::create_dir(desk.out().join("lane")).expect("made");
    fs::write(desk.out().join("lane/raw.jpg"), photo(1)).expect("written");
    let run = desk.run(&["--skip-existing"]);
    assert!(run.code == Some(1) && run.stderr.contains("raw.jpg is no copy"), "{run:?}");
    assert!(fs::read(desk.out().join("lane/raw.jpg")).expect("read") == photo(1));
}
