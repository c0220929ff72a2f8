//! Whatever arrives: the service goes on, answers others, and leaves nothing behind.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::client::{Answer, form};
use super::common::files_below;
use super::common::site::photo;
use super::{has, serve};

const FORM: &str = "Content-Type: multipart/form-data; boundary=xxBOUNDARYxx\r\n";

#[test]
fn what_is_too_large_is_refused_before_it_is_held() {
    let service = serve(&["--max-bytes", "100000"]);
    let file = vec![7; 100_001];
    service.post("/redact", "", &file).refused(413, "100000");
    // Without a length, and much more of it than anybody would hold.
    let mut stream = service.connect();
    let head = format!("POST /redact HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", service.address);
    stream.write_all(head.as_bytes()).expect("sent");
    let chunk = [b"10000\r\n".as_slice(), &[7; 0x10000], b"\r\n"].concat();
    for _ in 0..2000 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    if let Ok(answer) = Answer::read(&mut stream) {
        answer.refused(413, "100000");
    }
    // Only claimed.
    let head = format!("POST /redact HTTP/1.1\r\nHost: {}\r\nContent-Length: 99999999999999\r\n\r\n", service.address);
    service.ask(head.as_bytes()).refused(413, "100000");
    let many: Vec<_> = (0..3000).map(|_| ("a", Some("a"), &b""[..])).collect();
    assert!([400, 413].contains(&service.post("/redact", FORM, &form(&many)[..99_000]).status));
    assert_eq!(service.post("/redact", "", &photo(1)).status, 200);
}

#[test]
fn who_asks_first_is_told_before_it_sends() {
    let service = serve(&["--max-bytes", "100000"]);
    let mut stream = service.connect();
    let head = format!(
        "POST /redact HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n",
        service.address
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut line = [0; 12];
    stream.read_exact(&mut line).expect("an answer");
    assert_eq!(&line, b"HTTP/1.1 413");
}

#[test]
fn a_request_has_one_host() {
    let service = serve(&[]);
    for other in ["example.com", &service.address.to_string()] {
        let head = format!("GET /health HTTP/1.1\r\nHost: {}\r\nHost: {other}\r\n\r\n", service.address);
        service.ask(head.as_bytes()).refused(400, "Host");
    }
}

#[test]
fn where_all_connections_are_taken_by_who_sends_slowly_others_come_to_theirs() {
    let service = serve(&[]);
    let file = photo(1);
    let request = service.request("/redact", "", &file);
    let slow: Vec<_> = (0..256)
        .map(|_| {
            let mut stream = service.connect();
            stream.write_all(&request[..request.len() / 2]).expect("sent");
            stream
        })
        .collect();
    // A body alone may take sixty seconds.
    let mut stream = service.connect();
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("set");
    stream.write_all(&request).expect("sent");
    assert_eq!(Answer::read(&mut stream).expect("an answer in time").status, 200);
    drop(slow);
}

#[test]
fn a_body_comes_as_it_is() {
    let service = serve(&[]);
    let file = photo(1);
    service.post("/redact", "Content-Encoding: gzip\r\n", &file).refused(415, "Content-Encoding");
    let coded = format!(
        "POST /redact HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        service.address
    );
    service.ask(coded.as_bytes()).refused(501, "chunked");
    assert_eq!(service.post("/redact", "Content-Encoding: identity\r\n", &file).status, 200);
}

#[test]
fn thousands_of_parts_are_refused() {
    let service = serve(&[]);
    let many: Vec<_> = (0..5000).map(|_| ("picture", Some("a"), &b"x"[..])).collect();
    for path in ["/redact", "/v1/plate-reader/", "/blur/"] {
        service.post(path, FORM, &form(&many)).refused(413, "parts");
    }
}

#[test]
fn broken_forms_are_refused() {
    let service = serve(&[]);
    let whole = form(&[("picture", Some("a.jpg"), &photo(1)), ("upload", Some("a.jpg"), &photo(2))]);
    for cut in [0, 1, 20, 80, whole.len() / 2, whole.len() - 30] {
        for path in ["/redact", "/blur/", "/v1/plate-reader/"] {
            let status = service.post(path, FORM, &whole[..cut]).status;
            assert!([400, 422].contains(&status), "{path} of {cut} bytes: {status}");
        }
    }
    for kind in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"] {
        let status = service.post("/redact", &format!("Content-Type: {kind}\r\n"), &whole).status;
        assert!([400, 422].contains(&status), "{kind}: {status}");
    }
}

#[test]
fn who_sends_slowly_keeps_nobody_out() {
    let service = serve(&["--max-requests", "2"]);
    let file = photo(1);
    let request = service.request("/redact", "", &file);
    // Heads and bodies that never end, and connections that say nothing.
    let slow: Vec<_> = (0..40)
        .map(|n| {
            let mut stream = service.connect();
            // Nothing, a letter that may be any protocol's, part of a head, part of a body.
            let sent = [0, 1, 20, 60][n % 4].max(if n < 4 { 0 } else { n * 20 });
            stream.write_all(&request[..sent.min(request.len() - 1)]).expect("sent");
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(service.post("/redact", "", &file).status, 200);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // Which are ended in time: the head's is 5 seconds.
    thread::sleep(Duration::from_secs(7));
    for (number, mut one) in slow.iter().enumerate().take(4) {
        one.set_read_timeout(Some(Duration::from_secs(3))).expect("set");
        let mut rest = Vec::new();
        let ended = one.read_to_end(&mut rest);
        let still = ended.is_err_and(|error| [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()));
        assert!(!still, "connection {number} is still open");
    }
}

#[test]
fn when_too_much_is_under_way_the_rest_is_told_to_come_again() {
    let service = serve(&["--max-requests", "1", "--jobs", "1"]);
    let pictures: Vec<Vec<u8>> = (0..60).map(photo).collect();
    let parts: Vec<_> = pictures.iter().map(|file| ("a", Some("a"), file.as_slice())).collect();
    let batch = service.request("/redact", FORM, &form(&parts));
    let mut first = service.connect();
    first.write_all(&batch).expect("sent");
    while !service.get("/metrics").text().contains("safelight_requests_under_way 1\n") {
        thread::sleep(Duration::from_millis(1));
    }
    let mut busy = None;
    for _ in 0..200 {
        let answer = service.post("/redact", "", &pictures[0]);
        if answer.status == 503 {
            busy = Some(answer);
            break;
        }
        assert_eq!(answer.status, 200);
    }
    let busy = busy.expect("somebody is told to come again");
    busy.refused(503, "try again");
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert_eq!(service.get("/health").status, 200);
    let all = Answer::read(&mut first).expect("an answer");
    assert_eq!(all.parts().len(), 60);
}

#[test]
fn what_is_under_way_is_finished_when_the_service_ends() {
    let service = serve(&["--jobs", "1"]);
    let pictures: Vec<Vec<u8>> = (0..40).map(photo).collect();
    let parts: Vec<_> = pictures.iter().map(|file| ("a", Some("a"), file.as_slice())).collect();
    let mut stream = service.connect();
    stream.write_all(&service.request("/redact", FORM, &form(&parts))).expect("sent");
    thread::sleep(Duration::from_millis(100));
    let reader = thread::spawn(move || Answer::read(&mut stream).expect("an answer").parts().len());
    let folder = service.folder.path().to_owned();
    assert!(files_below(&folder).is_empty(), "files were written");
    let (said, code) = service.end();
    assert_eq!((said.as_str(), code), ("", Some(0)));
    assert_eq!(reader.join().expect("read"), 40);
}

#[test]
fn who_goes_away_is_not_waited_for() {
    let service = serve(&["--jobs", "1"]);
    let request = service.request("/redact", "", &photo(1));
    for _ in 0..60 {
        let mut stream = service.connect();
        stream.write_all(&request).expect("sent");
        let _ = stream.shutdown(Shutdown::Both);
    }
    assert_eq!(service.post("/redact", "", &photo(2)).status, 200);
}

#[test]
fn no_bytes_end_it_and_nothing_is_left_behind() {
    let service = serve(&[]);
    let file = photo(9);
    let seeds = [
        service.request("/redact", "", &file),
        service.request("/redact?only=plates", FORM, &form(&[("a", Some("a"), &file), ("b", Some("b"), &file)])),
        service.request("/blur/", FORM, &form(&[("picture", Some("a"), &file)])),
        service.request("/v1/plate-reader/", FORM, &form(&[("upload", Some("a"), &file), ("camera_id", None, b"x")])),
    ];
    let changes = (
        0..seeds.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..4), 1..12),
        // Half of them among the first bytes, where it matters most.
        any::<bool>(),
        any::<prop::sample::Index>(),
    );
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    runner
        .run(&changes, |(which, changes, early, cut)| {
            let mut request = seeds[which].clone();
            for (at, byte, how) in changes {
                if request.is_empty() {
                    break;
                }
                let at = at.index(if early { request.len().min(600) } else { request.len() });
                match how {
                    0 => request[at] = byte,
                    1 => request.insert(at, byte),
                    2 => drop(request.remove(at)),
                    _ => request.truncate(cut.index(request.len()).max(1)),
                }
            }
            let mut stream = service.connect();
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
            let _ = stream.write_all(&request);
            let _ = stream.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            prop_assert!(!has(&answer, b"panicked"));
            Ok(())
        })
        .expect("it goes on");
    assert_eq!(service.get("/health").status, 200);
    assert!(service.get("/metrics").text().contains("safelight_pictures_total{outcome=\"fault\"} 0"));
    assert!(files_below(service.folder.path()).is_empty(), "files were left behind");
    let (said, code) = service.end();
    assert_eq!((said.as_str(), code), ("", Some(0)));
}
