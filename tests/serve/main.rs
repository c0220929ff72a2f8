//! `safelight serve`, as other people's software uses it.

#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;

mod client;
mod hostile;

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use client::{Answer, Service};
use common::Custodian;
use common::site::{Ended, Site, photo, picture, tiny_nets};
use image::{DynamicImage, ImageFormat};
use safelight::capture::{CaptureId, PlateText, RegionKind};
use serde_json::Value;

fn serve(args: &[&str]) -> Service {
    static NETS: OnceLock<std::path::PathBuf> = OnceLock::new();
    Service::begin(Some(NETS.get_or_init(tiny_nets)), args)
}

fn decoded(file: &[u8]) -> DynamicImage {
    image::load_from_memory(file).expect("a picture")
}

fn has(file: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(file, what).is_some()
}

/// What `safelight redact` makes of a file.
fn redacted(file: &[u8], args: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&from, file).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.arg("redact").arg(&from).arg("-o").arg(&to).arg("--models").arg(tiny_nets()).args(args);
    let ended = Ended::of(command.output().expect("it runs"));
    fs::read(&to).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn a_picture_comes_back_as_redact_makes_it() {
    let service = serve(&[]);
    let mut png = std::io::Cursor::new(Vec::new());
    DynamicImage::from(picture(300, 200, 7)).write_to(&mut png, ImageFormat::Png).expect("written");
    for (file, media_type) in [(photo(1), "image/jpeg"), (png.into_inner(), "image/png")] {
        let answer = service.post("/redact", "", &file);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)));
        assert!(answer.body == redacted(&file, &[]), "not what redact makes");
        let found: Value = serde_json::from_str(answer.header("x-safelight").expect("found")).expect("JSON");
        assert!(found["plates"].as_u64() > Some(0) && found["regions"][0]["kind"] == "plate", "{found}");
        // The same in a form, and with its words.
        let again = service.form("/redact", "", &[("a", Some("a.jpg"), &file)]);
        assert!(again.status == 200 && again.body == answer.body);
        let json = service.post("/redact", "Accept: application/json\r\n", &file).json();
        let picture = data_encoding::BASE64.decode(json["picture"].as_str().expect("text").as_bytes()).expect("base64");
        assert!(picture == answer.body && json["media_type"] == media_type);
    }
}

#[test]
fn options_stand_behind_the_question_mark() {
    let service = serve(&[]);
    let file = photo(2);
    let answer = service.post("/redact?fill=00ff00", "", &file);
    assert!(answer.body == redacted(&file, &["--fill", "00ff00"]));
    let faces = service.post("/redact?only=faces", "", &file);
    assert!(faces.body == redacted(&file, &["--only", "faces"]) && faces.body != answer.body);
    service.post("/redact?onyl=faces", "", &file).refused(400, "unknown option");
    service.post("/redact?except_plate=%20", "", &file).refused(400, "no plate");
    service.form("/redact", "", &[("only", None, b"faces")]).refused(400, "question mark");
}

#[test]
fn many_come_back_in_their_order_each_with_its_own_end() {
    let service = serve(&["--jobs", "2"]);
    let files: Vec<Vec<u8>> = (0..9).map(|n| if n == 4 { b"no picture, PRIVATE".to_vec() } else { photo(n) }).collect();
    let parts: Vec<_> = files.iter().map(|file| ("picture", Some("x.jpg"), file.as_slice())).collect();
    let answer = service.form("/redact", "", &parts);
    assert_eq!(answer.status, 200);
    let parts = answer.parts();
    assert_eq!(parts.len(), files.len());
    for (number, (file, (head, body))) in files.iter().zip(&parts).enumerate() {
        if number == 4 {
            assert!(head.contains("X-Safelight-Status: 422") && !has(body, b"PRIVATE"), "{head}");
        } else {
            assert!(head.contains("X-Safelight-Status: 200") && *body == redacted(file, &[]), "{number}: {head}");
        }
    }
}

#[test]
fn what_cannot_be_examined_is_never_given_back() {
    let service = serve(&[]);
    let whole = photo(3);
    let cut = [&whole[..whole.len() / 2], b"PRIVATE"].concat();
    for file in [&b"PRIVATE and no picture"[..], &cut, b""] {
        let redact = service.post("/redact", "", file);
        redact.refused(422, "cannot be examined");
        let blur = service.form("/blur/", "", &[("picture", Some("a.jpg"), file)]);
        assert_eq!(blur.status, 400);
        let plates = service.form("/v1/plate-reader/", "", &[("upload", Some("a.jpg"), file)]);
        assert_eq!(plates.status, 400);
        for Answer { headers, body, .. } in [redact, blur, plates] {
            assert!(!has(&body, b"PRIVATE") && !format!("{headers:?}").contains("PRIVATE"));
        }
    }
}

/// A photograph with EXIF of which a part is not to be given away, on its side if `orientation` says so.
fn talkative(orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x04".to_vec();
    let mut entry = |tag: u16, code: u16, count: u32, value: [u8; 4]| {
        exif.extend(tag.to_be_bytes());
        exif.extend(code.to_be_bytes());
        exif.extend(count.to_be_bytes());
        exif.extend(value);
    };
    entry(0x010F, 2, 10, 62u32.to_be_bytes());
    entry(0x0112, 3, 1, [0, orientation, 0, 0]);
    entry(0x013B, 2, 4, *b"Jo\0\0");
    entry(0xC634, 7, 9, 72u32.to_be_bytes());
    // The next directory: a thumbnail's, in a real file.
    exif.extend(0u32.to_be_bytes());
    exif.extend(b"Acme Cam\0\0PRIVATE!!\0");
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x xmlns:GPano='http://ns.google.com/photos/1.0/panorama/' \
        GPano:ProjectionType='equirectangular' dc:x='PRIVATE'/>";
    let photo = photo(4);
    let segment = |body: &[u8]| [&[0xFF, 0xE1][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat();
    [&photo[..2], &segment(&exif), &segment(xmp), &photo[2..]].concat()
}

#[test]
fn the_blur_api_answers_as_panoramax_expects() {
    let service = serve(&[]);
    let file = talkative(1);
    for path in ["/blur/", "/blur", "/blur/?keep=0"] {
        let answer = service.form(path, "", &[("picture", Some("p.jpg"), &file)]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/jpeg")), "{path}");
        let found: Value = serde_json::from_str(answer.header("x-sgblur").expect("found")).expect("JSON");
        assert!(found["info"][0]["class"] == "plate" && found["salt"].is_null(), "{found}");
        assert_eq!(found["info"][0]["xywh"].as_array().map(Vec::len), Some(4));
        // Words come through, as far as their standards define them.
        assert!(
            has(&answer.body, b"Acme Cam\0")
                && has(&answer.body, b"GPano:ProjectionType")
                && !has(&answer.body, b"PRIVATE")
        );
        assert!(answer.body.len() > 1000 && decoded(&answer.body).into_rgb8() != decoded(&file).into_rgb8());
    }
    let answer = service.form("/blur/", "Accept: multipart/form-data\r\n", &[("picture", Some("p.jpg"), &file)]);
    assert!(answer.status == 200 && answer.header("x-sgblur").is_none());
    let parts = answer.parts();
    assert!(parts[0].0.contains("name=\"metadata\"") && parts[1].0.contains("name=\"image\""), "{}", parts[0].0);
    let metadata: Value = serde_json::from_slice(&parts[0].1).expect("JSON");
    assert!(metadata["annotations"].as_array().is_some_and(Vec::is_empty) && metadata.get("blurring_id").is_none());
    assert_eq!(image::guess_format(&parts[1].1).ok(), Some(ImageFormat::Jpeg));
}

#[test]
fn the_blur_api_turns_pixels_upright() {
    let service = serve(&[]);
    let (upright, side) = (talkative(1), talkative(6));
    let answer = |file: &[u8]| service.form("/blur/", "", &[("picture", Some("p.jpg"), file)]).body;
    let (upright, side) = (decoded(&answer(&upright)), decoded(&answer(&side)));
    assert_eq!((side.width(), side.height()), (upright.height(), upright.width()));
}

#[test]
fn the_blur_api_refuses_with_400() {
    let service = serve(&[]);
    let file = photo(5);
    let mut png = std::io::Cursor::new(Vec::new());
    decoded(&file).write_to(&mut png, ImageFormat::Png).expect("written");
    let form = |path: &str, name: &str, file: &[u8]| service.form(path, "", &[(name, Some("p.jpg"), file)]);
    form("/blur/", "image", &file).refused(400, "picture");
    form("/blur/", "picture", &png.into_inner()).refused(400, "JPEG");
    form("/blur/?keep=1", "picture", &file).refused(400, "vault");
    form("/blur/?keep=2", "picture", &file).refused(400, "not blanked");
    service.post("/blur/", "Content-Type: image/jpeg\r\n", &file).refused(400, "form");
    service
        .form("/blur/", "", &[("picture", Some("a"), &file), ("picture", Some("b"), &file)])
        .refused(400, "one picture");
}

/// Drawn photographs, and how each of their plates reads best to the trained reader.
fn drawn() -> &'static [(Vec<u8>, Vec<String>)] {
    static DRAWN: OnceLock<Vec<(Vec<u8>, Vec<String>)>> = OnceLock::new();
    DRAWN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let photos = folder.path().join("photos");
        let run = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
            command.args(args).arg(&photos);
            Ended::of(command.output().expect("it runs"))
        };
        run(&["simulate", "-n", "6", "--seed", "5", "--out"]);
        let inspected = run(&["inspect", "--json"]);
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("an object");
            let file = fs::read(photos.join(line["path"].as_str().expect("a path"))).expect("read");
            let texts = line["regions"]
                .as_array()
                .expect("regions")
                .iter()
                .filter_map(|region| region["text"].as_str().map(str::to_owned));
            (file, texts.collect())
        };
        inspected.stdout.lines().map(line).collect()
    })
}

#[test]
fn the_snapshot_api_answers_with_pseudonyms_unless_texts_are_wanted() {
    let custodian = Custodian::new();
    let pack = custodian.folder.path().join("site.pack");
    let clear = Service::begin(None, &["--clear-text"]);
    let of_run = Service::begin(None, &[]);
    let of_pack = Service::begin(None, &["--pack", pack.to_str().expect("text")]);
    let mut read = 0;
    for (file, texts) in drawn() {
        let ask = |service: &Service| {
            let fields: [(&str, Option<&str>, &[u8]); 4] = [
                ("regions", None, b"gb"),
                ("camera_id", None, b"gate 1"),
                ("config", None, b"{}"),
                ("upload", Some("car.jpg"), file),
            ];
            let answer = service.form("/v1/plate-reader/", "Authorization: Token anything\r\n", &fields);
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()
        };
        let (clear, of_run, of_pack) = (ask(&clear), ask(&of_run), ask(&of_pack));
        assert_eq!((&clear["camera_id"], &clear["filename"]), (&Value::from("gate 1"), &Value::from("car.jpg")));
        assert!(
            clear["processing_time"].is_f64() && clear["timestamp"].as_str().is_some_and(|time| time.contains('T'))
        );
        let results = clear["results"].as_array().expect("results");
        let mut found: Vec<_> =
            results.iter().map(|result| result["plate"].as_str().expect("text").to_uppercase()).collect();
        let mut wanted = texts.clone();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
        read += found.len();
        for (at, result) in results.iter().enumerate() {
            let text = result["plate"].as_str().expect("text");
            let of_box = ["xmin", "ymin", "xmax", "ymax"].map(|side| result["box"][side].as_u64().expect("a number"));
            assert!(of_box[0] < of_box[2] && of_box[1] < of_box[3] && of_box[2] <= 1280);
            assert_eq!(result["candidates"][0]["plate"].as_str(), Some(text));
            assert!(result["score"].is_f64() && result["dscore"].is_f64() && result["region"]["code"].is_string());
            assert!(result["vehicle"]["box"]["xmin"].is_u64());
            let keys = custodian.pack.epoch_keys();
            let plate = PlateText::canonical(text).expect("a plate");
            let known = keys.plate(&plate).show(RegionKind::Plate).to_string();
            let pseudonym = &of_pack["results"][at];
            assert_eq!(pseudonym["pseudonym"].as_str(), Some(known.as_str()));
            let short = pseudonym["plate"].as_str().expect("text");
            assert!(known.to_lowercase().starts_with(short) && short.len() <= 20 && short.len() >= 19, "{short}");
            let other = &of_run["results"][at];
            assert!(
                other["plate"] != pseudonym["plate"]
                    && other["plate"].as_str().is_some_and(|name| name.starts_with("pl-"))
            );
            for answer in [&of_run, &of_pack] {
                let said = answer.to_string().to_lowercase();
                assert!(!said.contains(&format!("\"{text}\"")), "a text is in {said}");
            }
        }
    }
    assert!(read > 3, "only {read} plates were read");
}

#[test]
fn what_is_kept_is_in_the_vault_before_it_is_said_to_be() {
    let site = Site::new();
    let (pack, vault) = (site.custodian.folder.path().join("site.pack"), site.custodian.vault());
    let service = serve(&["--pack", pack.to_str().expect("text"), "--vault", vault.to_str().expect("text")]);
    let file = talkative(6);
    let mut ids = Vec::new();
    for n in 0..3 {
        let answer = service.form("/blur/?keep=1", "", &[("picture", Some("p.jpg"), &file)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let found: Value = serde_json::from_str(answer.header("x-sgblur").expect("found")).expect("JSON");
        ids.push(found["salt"].as_str().expect("a name").to_owned());
        let opened = site.opened();
        assert_eq!(opened.len(), n + 1);
        assert!(opened.iter().all(|one| one.original == file));
    }
    let form = "Accept: multipart/form-data\r\n";
    let parts = service.form("/blur/?keep=1", form, &[("picture", Some("p.jpg"), &file)]).parts();
    let metadata: Value = serde_json::from_slice(&parts[0].1).expect("JSON");
    ids.push(metadata["blurring_id"].as_str().expect("a name").to_owned());
    // What is not asked for, or cannot be examined, is not kept.
    assert_eq!(service.form("/blur/", "", &[("picture", Some("p.jpg"), &file)]).status, 200);
    assert_eq!(service.form("/blur/?keep=1", "", &[("picture", Some("p.jpg"), b"nothing")]).status, 400);
    let mut known: Vec<String> = site.opened().iter().map(|one| CaptureId(one.catalogue.id).to_string()).collect();
    known.sort();
    ids.sort();
    assert_eq!(known, ids);
    let (said, code) = service.end();
    assert_eq!((said.as_str(), code), ("", Some(0)));
}

/// Whoever runs it hears why, and whoever watches it sees that; whoever asks hears nothing of this machine.
#[test]
fn what_cannot_be_kept_is_said_where_it_runs_and_counted_as_it_is() {
    let site = Site::new();
    let (pack, vault) = (site.custodian.folder.path().join("site.pack"), site.custodian.vault());
    let service = serve(&["--pack", pack.to_str().expect("text"), "--vault", vault.to_str().expect("text")]);
    let keep = || service.form("/blur/?keep=1", "", &[("picture", Some("p.jpg"), &talkative(6))]);
    assert_eq!((keep().status, service.get("/health").status), (200, 200));
    fs::remove_dir_all(vault.join("incoming")).expect("removed");
    fs::write(vault.join("incoming"), "no folder").expect("written");
    for _ in 0..2 {
        let answer = keep();
        answer.refused(503, "could not be sealed");
        assert!(!answer.text().contains("incoming") && !answer.text().contains("segment"), "{}", answer.text());
    }
    let health = service.get("/health");
    assert_eq!((health.status, health.json()["status"].as_str()), (503, Some("originals cannot be sealed any more")));
    assert!(service.get("/metrics").text().contains("safelight_sealed_total 1\n"));
    assert_eq!(service.form("/blur/", "", &[("picture", Some("p.jpg"), &talkative(6))]).status, 200);
    service.form("/blur/?keep=1&keep=0", "", &[("picture", Some("p.jpg"), &talkative(6))]).refused(400, "twice");
    let (said, code) = service.end();
    assert!(said.starts_with("originals cannot be sealed any more") && code != Some(0), "{said} {code:?}");
}

#[test]
fn pages_of_other_sites_and_names_of_other_machines_may_not_ask() {
    let service = serve(&[]);
    let ask = |headers: &str| service.ask(format!("GET /health HTTP/1.1\r\n{headers}\r\n").as_bytes()).status;
    let address = service.address;
    assert_eq!(ask(&format!("Host: {address}\r\n")), 200);
    assert_eq!(ask(&format!("Host: localhost:{}\r\n", address.port())), 200);
    assert_eq!(ask("Host: attacker.example\r\n"), 421);
    assert_eq!(ask(&format!("Host: localhost:{}@attacker.example\r\n", address.port())), 421);
    let absolute = format!("GET http://attacker.example/metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(service.ask(absolute.as_bytes()).status, 421);
    let known = serve(&["--allow-host", "blur.example"]);
    let head = "GET /health HTTP/1.1\r\nHost: blur.example\r\n\r\n";
    assert_eq!((known.ask(head.as_bytes()).status, service.ask(head.as_bytes()).status), (200, 421));
    assert_eq!(ask(&format!("Host: {address}\r\nOrigin: http://{address}\r\n")), 200);
    assert_eq!(ask(&format!("Host: {address}\r\nOrigin: http://attacker.example\r\n")), 403);
    let answer = service.get("/health");
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
}

#[test]
fn with_a_token_nothing_of_a_picture_is_given_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, "0123456789abcdef0123456789abcdef\n").expect("written");
    let service = serve(&["--token-file", token.to_str().expect("text")]);
    let file = photo(6);
    for path in ["/redact", "/blur/", "/v1/plate-reader/"] {
        let answer = service.post(path, "", &file);
        answer.refused(401, "token");
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!((service.get("/metrics").status, service.get("/info/").status), (401, 401));
    assert_eq!((service.get("/health").status, service.get("/").status), (200, 200));
    for shown in ["Token 0123456789abcdef0123456789abcdef", "Bearer 0123456789abcdef0123456789abcdef"] {
        assert_eq!(service.post("/redact", &format!("Authorization: {shown}\r\n"), &file).status, 200);
    }
    let wrong = "Authorization: Token 0123456789abcdef0123456789abcdeg\r\n";
    assert_eq!(service.post("/redact", wrong, &file).status, 401);
    fs::write(&token, "short\n").expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
    command.args(["serve", "--token-file"]).arg(&token);
    Ended::of(command.output().expect("it runs")).failed(2, "no token", "openssl");
}

#[test]
fn every_path_that_is_documented_is_there() {
    let service = serve(&[]);
    let document = service.get("/openapi.json").json();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 6);
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let answer = match method.as_str() {
                "get" => service.get(path),
                _ => service.post(path, "", b""),
            };
            assert!(![404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
    service.get("/nothing").refused(404, "openapi");
    let answer = service.get("/redact");
    answer.refused(405, "");
    assert_eq!(answer.header("allow"), Some("POST"));
}

#[test]
fn metrics_count_and_name_nothing_that_came_in() {
    let service = serve(&[]);
    service.form("/redact", "", &[("a", Some("PRIVATE.jpg"), &photo(7))]);
    service.post("/redact?except_plate=PRIVATE", "", b"PRIVATE");
    service.get("/PRIVATE");
    let text = service.get("/metrics").text();
    for line in [
        "safelight_requests_total{route=\"/redact\",status=\"200\"} 1",
        "safelight_requests_total{route=\"/redact\",status=\"422\"} 1",
        "safelight_requests_total{route=\"other\",status=\"404\"} 1",
        "safelight_pictures_total{outcome=\"blanked\"} 1",
        "safelight_pictures_total{outcome=\"unreadable\"} 1",
        "safelight_picture_seconds_count 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(!text.contains("PRIVATE"));
    let (said, code) = service.end();
    assert_eq!((said.as_str(), code), ("", Some(0)));
}

#[test]
fn a_second_protocol_needs_no_second_port() {
    use std::io::{Read, Write};
    let service = serve(&[]);
    let mut stream = service.connect();
    // The preface of HTTP/2 and empty settings.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
    let mut head = [0; 9];
    stream.read_exact(&mut head).expect("a frame");
    assert_eq!(head[3], 4, "settings come first");
}
