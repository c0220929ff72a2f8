//! The page as a whole: complete, closed, and deaf to whatever names it is given.

use super::*;
use crate::breach::{self, Assessment, Budget, Plan};

const HOSTILE: &str = "\"><script src=https://evil.example/x.js></script>&'\u{1}";

fn assessment(bytes: &[u8]) -> Assessment {
    let store = tempfile::tempdir().expect("tempdir");
    std::fs::write(store.path().join("x<y>&.bin"), bytes).expect("writes");
    let budget = Budget { candidates: 1000 };
    breach::attack(&[store.path()], &Plan { budget, ..Plan::default() }, &|_, _| {}).expect("attacks")
}

fn figure() -> Figure {
    Figure {
        picture: bytes_as_picture(b"bytes").expect("encodes"),
        alt: HOSTILE.to_owned(),
        caption: HOSTILE.to_owned(),
        is_bytes: true,
    }
}

fn story() -> Story {
    Story {
        headline: HOSTILE.to_owned(),
        lead: HOSTILE.to_owned(),
        note: HOSTILE.to_owned(),
        stores: vec![Store {
            name: HOSTILE.to_owned(),
            short: HOSTILE.to_owned(),
            what: HOSTILE.to_owned(),
            figure: Some(figure()),
            pair: vec![figure(), figure()],
            listing: vec![HOSTILE.to_owned(), HOSTILE.to_owned()],
            assessment: assessment(b"a,b,c\n1,2,3\n4,5,6\n7,8,9\n10,11,12\n"),
            results: Vec::new(),
        }],
        keyed: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        measures: vec![Measure { step: HOSTILE.to_owned(), images: 10, seconds: 0.5 }],
        limits: limits(),
        made: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
    }
}

#[test]
fn whatever_is_named_stays_text() {
    let page = story().html();
    assert!(!page.contains("<script"));
    assert_eq!(page.matches("evil.example").count(), page.matches("&quot;&gt;&lt;script").count());
    assert!(!page.contains('\u{1}'));
}

#[test]
fn every_element_that_opens_closes() {
    let page = story().html();
    for tag in [
        "html", "head", "body", "main", "section", "table", "tbody", "tr", "td", "th", "article", "figure", "ul", "li",
        "dl", "p", "small", "span", "div", "pre",
    ] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let mut story = story();
    story.headline = "A headline".to_owned();
    let page = story.html().replace(&html::Escaped(HOSTILE).to_string(), "");
    for reference in ["http:", "https:", "//", "url(", "@import", "<link", "<script", "<iframe", "javascript:"] {
        assert!(
            !page
                .split("base64,")
                .map(|p| p.split_once('"').map_or(p, |(_, rest)| rest))
                .any(|p| p.contains(reference)),
            "{reference}"
        );
    }
    assert!(page.contains("src=\"data:image/png;base64,"));
    assert!(page.contains("Content-Security-Policy"));
}

#[test]
fn the_verdicts_are_in_words_too() {
    let page = story().html();
    assert!(page.contains(">broken open<") && page.contains(">taken<"));
    assert!(page.contains("What is not protected") && page.contains("How fast it was"));
}

#[test]
fn a_kept_report_masks_what_was_obtained() {
    let folder = |show| {
        let store = assessment(b"plate,time\nKLM4821,12:00\nQRS9003,12:01\nTUV1234,12:02\n");
        of_folders(vec![("stolen".to_owned(), store)], None, show, String::new()).html()
    };
    assert!(!folder(false).contains("KLM4821"));
    assert!(folder(true).contains("KLM4821"));
    assert!(!folder(true).contains("<img"));
}
