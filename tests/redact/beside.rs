//! Labels and contact sheets beside the copies.

use std::fs;

use image::{DynamicImage, ImageFormat};
use serde_json::Value;

use super::common::site::{photo, picture};
use super::{Desk, decoded, encoded, has, talkative};

/// A picture stored on its side, with a tag that says so.
fn turned_png() -> Vec<u8> {
    let stored = encoded(&DynamicImage::from(picture(320, 192, 0)), ImageFormat::Png);
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut sum = flate2::Crc::new();
    sum.update(b"eXIf");
    sum.update(exif);
    let chunk = [&(exif.len() as u32).to_be_bytes()[..], b"eXIf", exif, &sum.sum().to_be_bytes()].concat();
    // Behind the header.
    [&stored[..33], &chunk, &stored[33..]].concat()
}

#[test]
fn labels_are_of_the_copy_as_it_is_stored() {
    let desk = Desk::new();
    desk.put("lane/a.jpg", &photo(0));
    desk.put("b.png", &turned_png());
    desk.put("c.jpg", &talkative(1, 6));
    assert_eq!(desk.run(&["--labels", "jsonl"]).code, Some(0));
    let text = fs::read_to_string(desk.out().join("labels.jsonl")).expect("labels");
    let mut names = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let name = line["path"].as_str().expect("a path");
        names.push(name.to_owned());
        let copy = decoded(&fs::read(desk.out().join(name)).expect("the copy")).into_rgb8();
        assert_eq!(line["width"], copy.width(), "{name}");
        assert_eq!(line["height"], copy.height(), "{name}");
        let regions = line["regions"].as_array().expect("regions");
        assert!(!regions.is_empty(), "{name}");
        for region in regions {
            let [x, y, w, h]: [f64; 4] = serde_json::from_value(region["box"].clone()).expect("a box");
            let middle = ((x + w / 2.0) as u32, (y + h / 2.0) as u32);
            assert_eq!(copy.get_pixel(middle.0, middle.1).0, [128; 3], "{name}: {region} is not blank");
            assert!(region.get("text").is_none());
        }
    }
    assert_eq!(names, ["b.png", "c.jpg", "lane/a.jpg"]);
    // A second run that goes on makes the same labels.
    let run = desk.run(&["--labels", "jsonl", "--skip-existing"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    fs::write(desk.out().join("labels.jsonl"), "mine").expect("written");
    let run = desk.run(&["--labels", "jsonl", "--skip-existing"]);
    assert!(run.code == Some(1) && run.stderr.contains("labels.jsonl is there already"), "{run:?}");
    assert_eq!(fs::read_to_string(desk.out().join("labels.jsonl")).expect("read"), "mine");
}

#[test]
fn labels_of_other_tools_lie_where_these_look() {
    let desk = Desk::new();
    desk.put("lane/a.jpg", &photo(0));
    assert_eq!(desk.run(&["--labels", "yolo"]).code, Some(0));
    assert_eq!(desk.copies(), ["classes.txt", "lane/a.jpg", "lane/a.txt"]);
    let _ = fs::remove_dir_all(desk.out());
    assert_eq!(desk.run(&["--labels", "coco", "--rename"]).code, Some(0));
    let all: Value = serde_json::from_slice(&fs::read(desk.out().join("labels.json")).expect("labels")).expect("JSON");
    let name = all["images"][0]["file_name"].as_str().expect("a name");
    assert!(desk.out().join(name).is_file() && !name.contains("lane"), "{name}");
    // Of two photographs of one stem, one has the text file as YOLO's tools look for it.
    desk.put("lane/a.png", &encoded(&picture(320, 192, 1).into(), ImageFormat::Png));
    let _ = fs::remove_dir_all(desk.out());
    let run = desk.run(&["--labels", "yolo"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(desk.copies(), ["classes.txt", "lane/a.jpg", "lane/a.png", "lane/a.png.txt", "lane/a.txt"]);
}

#[test]
fn a_contact_sheet_shows_copies_and_nothing_else() {
    let desk = Desk::new();
    desk.put("a<b>.jpg", &photo(0));
    desk.put("b.png", &turned_png());
    let sheet = desk.folder.path().join("sheet.html");
    let path = sheet.to_str().expect("text");
    assert_eq!(desk.run(&["--contact-sheet", path]).code, Some(0));
    let page = fs::read(&sheet).expect("a page");
    let text = String::from_utf8(page.clone()).expect("text");
    assert_eq!(text.matches("<figure").count(), 2);
    assert!(has(&page, b"a&lt;b&gt;.jpg") && !has(&page, b"://") && !has(&page, b"<script"));
    // Each picture on it is blank where the copy is, and stands as it is seen.
    for part in text.split("src=\"data:image/jpeg;base64,").skip(1) {
        let file = data_encoding::BASE64.decode(part.split('"').next().expect("data").as_bytes()).expect("base64");
        let print = decoded(&file).into_luma8();
        let blank = print.pixels().filter(|pixel| pixel.0[0].abs_diff(128) < 6).count();
        assert!(blank * 50 > print.pixels().len(), "{blank} pixels are blank");
    }
    assert!(text.contains("width=\"192\" height=\"320\""));
    // Among the copies, too, in a folder that is made for them.
    let _ = fs::remove_dir_all(desk.out());
    let among = desk.out().join("check.html");
    assert_eq!(desk.run(&["--contact-sheet", among.to_str().expect("text")]).code, Some(0));
    assert_eq!(desk.copies(), ["a<b>.jpg", "b.png", "check.html"]);
    // Nothing is overwritten.
    let _ = fs::remove_dir_all(desk.out());
    desk.run(&["--contact-sheet", path]).failed(2, "sheet.html", "overwritten");
    assert!(!desk.out().exists());
}
