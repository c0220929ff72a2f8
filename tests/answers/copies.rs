//! What is said of copies: in records where these are not captures, and with what strangers' files lie beside.

use super::*;

/// A black photograph, on which nothing is found.
pub(crate) fn dark() -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.encode(&[20; 320 * 192 * 3], 320, 192, jpeg_encoder::ColorType::Rgb).expect("encodes");
    file
}

/// Runs `export` to a recipient whose private key is `p.key`.
fn copied(place: &Place, view: &str, to: &str, more: &[&str]) -> Ended {
    if !place.at("p.key").exists() {
        let made = place.run(&["custody", "recipient", "--unencrypted", "-o", "p.key"]);
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    let mut args = vec!["export", "--vault", "vault", "--custody", "custody", "--to", "p.pub", "--view", view];
    args.extend(["--purpose", "test", "-o", to]);
    place.run(&[&args[..], more].concat())
}

fn of_copy<'a>(copy: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["search", "--vault", copy, "--key", "p.key"][..], more].concat()
}

#[test]
fn what_a_copy_of_metadata_leaves_out_is_counted_and_records_are_not_called_captures() {
    let place = Place::new();
    place.site.put("dark.jpg", &dark());
    assert_eq!(place.ingest().code, Some(0));
    let found = place.run(&SEARCH);
    let hits = field(&found, "hits").as_array().expect("hits").clone();
    assert_eq!((hits.len(), field(&found, "record_of")), (3, "capture".into()), "{found:?}");
    let named = |region: &&serde_json::Value| !region["pseudonyms"].as_array().expect("pseudonyms").is_empty();
    let of = |hit: &serde_json::Value| hit["regions"].as_array().expect("regions").iter().filter(named).count();
    let records: usize = hits.iter().map(of).sum();
    assert!(records > 2, "there are more records than captures");

    let copy = copied(&place, "metadata", "copy", &["--json"]);
    assert_eq!(
        (copy.code, copy.number("captures"), copy.number("left_out_without_regions")),
        (Some(0), 2, 1),
        "{copy:?}"
    );
    let words = copied(&place, "metadata", "plates", &["--regions", "plates"]);
    assert_eq!(words.code, Some(0), "{words:?}");
    assert!(words.stderr.contains("1 capture left out: no plate is on it"), "{words:?}");
    let scenes = copied(&place, "scene", "scenes", &["--json"]);
    assert_eq!((scenes.number("captures"), scenes.number("left_out_without_regions")), (3, 0), "{scenes:?}");
    let words = copied(&place, "scene", "more scenes", &[]);
    assert!(!words.stderr.contains("left out"), "{words:?}");

    let json = place.run(&of_copy("copy", &["--json"]));
    assert_eq!((json.code, len(&json, "hits"), field(&json, "record_of")), (Some(0), records, "pseudonym".into()));
    let words = place.run(&of_copy("copy", &[]));
    let said = format!("{records} records, one for each pseudonym");
    assert!(words.stderr.contains(&said) && !words.stderr.contains(&format!("{records} captures")), "{words:?}");
    assert!(words.stderr.contains("2 captures that show a plate or a face"), "{words:?}");
    assert!(!words.stderr.contains("open --identity"), "there is no identity in it: {words:?}");
    let scenes = place.run(&of_copy("scenes", &[]));
    assert!(scenes.stderr.contains("3 captures") && !scenes.stderr.contains("3 records"), "{scenes:?}");
}

#[test]
fn a_segment_of_another_vault_takes_nothing_from_an_answer() {
    let (place, other) = (Place::new(), Place::new());
    assert_eq!(copied(&place, "scene", "copy", &[]).code, Some(0));
    let record =
        field(&place.run(&of_copy("copy", &["--json"])), "hits")[0]["record"].as_str().expect("an id").to_owned();
    let theirs = other.segments().remove(0);
    for folder in ["vault", "copy"] {
        fs::copy(&theirs, place.at(folder).join("segments").join(name_of(&theirs))).expect("copied");
        let search = if folder == "vault" { SEARCH.to_vec() } else { of_copy("copy", &["--json"]) };
        let found = place.run(&search);
        assert_eq!((found.code, len(&found, "hits"), len(&found, "foreign")), (Some(1), 2, 1), "{found:?}");
        for none in ["missing", "damaged", "unknown"] {
            assert_eq!(len(&found, none), 0, "{folder}, {none}: {found:?}");
        }
        let said = format!("foreign: segment {} belongs to another vault", name_of(&theirs));
        assert!(found.stderr.contains(&said) && !found.stderr.contains("missing"), "{found:?}");
    }
    let again = copied(&place, "scene", "again", &["--json"]);
    assert_eq!((again.code, again.number("captures"), len(&again, "foreign")), (Some(1), 2, 1), "{again:?}");
    let open = place.run(&["open", &record, "--vault", "copy", "--key", "p.key", "-o", "scene.jpg"]);
    assert_eq!(open.code, Some(0), "what is foreign takes nothing from this record: {open:?}");

    // What says that it is of this copy and is not listed, or stands in the place of what is, is another matter.
    let own = files_below(&place.at("again/segments")).remove(0);
    let whole = fs::read(&own).expect("read");
    fs::copy(&theirs, &own).expect("copied");
    place.run(&of_copy("again", &[])).failed(3, "is segment", "");
    fs::write(&own, &whole).expect("written");
    assert_eq!(place.run(&of_copy("again", &[])).code, Some(0));
    let (mut invented, name) = (whole, safelight::seal::SegmentId([7; 16]));
    invented[32..48].fill(7);
    fs::write(own.with_file_name(name.to_string()), invented).expect("written");
    place.run(&of_copy("again", &[])).failed(3, "one too many", "ask the custodian");
}

#[test]
fn what_no_journal_names_is_unknown_and_not_missing() {
    let place = Place::new();
    for journal in files_below(&place.at("vault/journals")) {
        fs::remove_file(journal).expect("removed");
    }
    let found = place.run(&SEARCH);
    assert_eq!((found.code, len(&found, "hits"), len(&found, "unknown")), (Some(1), 2, 2), "{found:?}");
    assert_eq!((len(&found, "missing"), len(&found, "foreign")), (0, 0), "{found:?}");
    assert!(found.stderr.contains("unknown here: segment ") && !found.stderr.contains("missing:"), "{found:?}");
}
