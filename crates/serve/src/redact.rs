//! `POST /redact`: our own API. One picture as the body or in a form, or many in a form; options behind the question mark.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, Uri};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use crate::answer::{Answer, Body, Problem, answer, boundary, json_answer};
use crate::pool::Made;
use crate::redactor::{Choice, Kind, Order, Region, Scene};
use crate::request::{self, Received};
use crate::routes::{Room, Service};

/// What was found, as JSON.
const FOUND: HeaderName = HeaderName::from_static("x-safelight");

/// Most regions that are listed in a header, which clients read up to some length: 64 KiB in Python.
pub(crate) const MOST_IN_HEADER: usize = 200;

pub(crate) async fn respond(
    service: &Arc<Service>,
    headers: &HeaderMap,
    uri: &Uri,
    received: Received,
    room: Room,
) -> Answer {
    let choice = choice(uri)?;
    let as_json = request::accepts(headers, "application/json");
    let Received { bytes, room: memory } = received;
    let mut pictures = Vec::new();
    if request::boundary(headers).is_some() {
        for part in request::form(headers, bytes).await? {
            if !part.is_file() {
                return Err(Problem::wrong(
                    "a form holds pictures, sent as files; options go behind the question mark",
                ));
            }
            pictures.push(part.bytes);
        }
    } else if request::media_type(headers).starts_with("multipart/") {
        return Err(Problem::wrong("the form has no boundary"));
    } else {
        pictures.push(bytes);
    }
    let order = |file: Bytes| Order {
        file,
        scene: Some(Scene::Copy),
        choice: choice.clone(),
        plates: as_json,
        ..Order::default()
    };
    let mut orders: Vec<Order> = pictures.into_iter().map(order).collect();
    match (orders.pop(), orders.is_empty()) {
        (None, _) => Err(Problem::wrong("the form holds no picture")),
        (Some(order), true) => {
            let made = service.work(order).await?;
            Ok(if as_json { json_answer(StatusCode::OK, &whole(&made)) } else { picture(made) })
        }
        (Some(last), false) => {
            orders.push(last);
            Ok(batch(service, orders, as_json, (room, memory)))
        }
    }
}

/// The answers to many, each as soon as it and those before it are made. `held` is given back when the last is.
fn batch(service: &Arc<Service>, orders: Vec<Order>, as_json: bool, held: impl Send + 'static) -> Response<Body> {
    let boundary = boundary();
    let close = format!("--{boundary}--\r\n");
    let dashes = format!("--{boundary}\r\n");
    let ahead = service.ahead();
    let service = Arc::clone(service);
    let parts = stream::iter(orders)
        .map(move |order| {
            let service = Arc::clone(&service);
            async move { service.work(order).await }
        })
        // More than threads, so that none waits for a client that reads slowly; few, so that little is held.
        .buffered(ahead)
        .flat_map(move |made| {
            let (head, body) = part(made, as_json);
            stream::iter([Bytes::from(format!("{dashes}{head}\r\n")), body, Bytes::from_static(b"\r\n")])
        })
        .chain(stream::once(async move {
            drop(held);
            Bytes::from(close)
        }))
        .map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(parts)));
    if let Ok(value) = HeaderValue::from_str(&format!("multipart/mixed; boundary={boundary}")) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// The head of a part, each line ended, and its body.
fn part(made: Result<Made, Problem>, as_json: bool) -> (String, Bytes) {
    match made {
        Ok(made) if as_json => (
            "Content-Type: application/json\r\nX-Safelight-Status: 200\r\n".to_owned(),
            whole(&made).to_string().into(),
        ),
        Ok(made) => {
            let found = found(&made, MOST_IN_HEADER);
            let (bytes, media_type) = made.scene.unwrap_or_default();
            (format!("Content-Type: {media_type}\r\nX-Safelight-Status: 200\r\nX-Safelight: {found}\r\n"), bytes)
        }
        Err(Problem { status, detail, .. }) => {
            let head = format!("Content-Type: application/json\r\nX-Safelight-Status: {}\r\n", status.as_u16());
            (head, json!({ "detail": detail }).to_string().into())
        }
    }
}

fn picture(made: Made) -> Response<Body> {
    let found = found(&made, MOST_IN_HEADER).to_string();
    let (bytes, media_type) = made.scene.unwrap_or_default();
    let mut response = answer(StatusCode::OK, media_type, bytes);
    if let Ok(value) = HeaderValue::from_str(&found) {
        response.headers_mut().insert(FOUND, value);
    }
    response
}

/// Everything in one object.
fn whole(made: &Made) -> Value {
    let mut value = found(made, usize::MAX);
    if let Some((bytes, media_type)) = &made.scene {
        value["media_type"] = json!(media_type);
        value["picture"] = json!(BASE64.encode(bytes));
    }
    value
}

/// What was found, the first `most` of it in detail.
fn found(made: &Made, most: usize) -> Value {
    let done = &made.done;
    let of = |kind| done.regions.iter().filter(|region| region.kind == kind).count();
    json!({
        "width": done.size[0],
        "height": done.size[1],
        "plates": of(Kind::Plate),
        "faces": of(Kind::Face),
        "heads": of(Kind::Head),
        "legible": done.legible,
        "regions": done.regions.iter().take(most).map(region).collect::<Vec<_>>(),
    })
}

fn region(region: &Region) -> Value {
    let mut value = json!({ "kind": region.kind.name(), "box": region.seen, "score": hundredths(region.score) });
    if let Some(best) = region.readings.first() {
        value["plate"] = json!(best.plate);
        if let Some(pseudonym) = &best.pseudonym {
            value["pseudonym"] = json!(pseudonym);
        }
    }
    value
}

/// A probability as it is shown.
pub(crate) fn hundredths(score: f32) -> f64 {
    (f64::from(score.clamp(0.0, 1.0)) * 1000.0).round() / 1000.0
}

/// What the query says. One that is not understood is refused: what it was to hide would be shown.
fn choice(uri: &Uri) -> Result<Choice, Problem> {
    let mut choice = Choice::default();
    let twice = |name: &str| Problem::wrong(format!("{name} is given twice"));
    for (name, value) in request::query(uri) {
        match (name.as_str(), value.as_str()) {
            ("only", _) if choice.only.is_some() => return Err(twice("only")),
            ("fill", _) if choice.fill.is_some() => return Err(twice("fill")),
            ("only", "plates") => choice.only = Some(Kind::Plate),
            ("only", "faces") => choice.only = Some(Kind::Face),
            ("only", _) => return Err(Problem::wrong("only is plates or faces")),
            ("fill", color) => {
                let digits = color.strip_prefix('#').unwrap_or(color);
                let hexadecimal = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let number = hexadecimal.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
                let [_, rgb @ ..] =
                    number.ok_or_else(|| Problem::wrong("fill is six hexadecimal digits, as in 808080"))?.to_be_bytes();
                choice.fill = Some(rgb);
            }
            ("except_plate", text) => choice.legible.push(text.to_owned()),
            _ => return Err(Problem::wrong("an unknown option: there are only, fill and except_plate")),
        }
    }
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Choice, Problem> {
        choice(&format!("/redact?{query}").parse().expect("an address"))
    }

    #[test]
    fn options_are_understood_or_refused() {
        let all = asked("only=faces&fill=%23102030&except_plate=AB+1&except_plate=CD2").expect("understood");
        assert_eq!((all.only, all.fill), (Some(Kind::Face), Some([16, 32, 48])));
        assert_eq!(all.legible, ["AB 1", "CD2"]);
        for wrong in [
            "only=plate",
            "only=",
            "fill=12345",
            "fill=%2B12345",
            "fill=red",
            "onyl=faces",
            "x",
            "only=plates&only=faces",
        ] {
            assert_eq!(asked(wrong).expect_err(wrong).status, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
