//! Panoramax's blur API, as SGBlur has it: `POST /blur/` with a form's `picture`.
//!
//! The answer is the blanked JPEG with what was found in `x-sgblur`, or, for who takes multipart/form-data, a form of `metadata` and
//! `image`. Whatever is wrong with a request or a picture is status 400.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::answer::{Answer, Problem, answer, boundary};
use crate::pool::Made;
use crate::redact::{MOST_IN_HEADER, hundredths};
use crate::redactor::{Order, Region, Scene};
use crate::request::{self, Received};
use crate::routes::Service;

const FOUND: HeaderName = HeaderName::from_static("x-sgblur");

pub(crate) async fn respond(service: &Arc<Service>, headers: &HeaderMap, uri: &Uri, received: Received) -> Answer {
    let made = work(service, headers, uri, received).await.map_err(Problem::into_bad_request)?;
    let as_form = request::accepts(headers, "multipart/form-data");
    let listed = if as_form { usize::MAX } else { MOST_IN_HEADER };
    let info: Vec<Value> = made.done.regions.iter().take(listed).map(info).collect();
    let id = made.sealed.clone();
    let (picture, media_type) = made.scene.unwrap_or_default();
    if !as_form {
        let found = json!({ "info": info, "salt": id, "model": model(service) }).to_string();
        let mut response = answer(StatusCode::OK, media_type, picture);
        if let Ok(value) = HeaderValue::from_str(&found) {
            response.headers_mut().insert(FOUND, value);
        }
        return Ok(response);
    }
    // Annotations are for what stays visible, as road signs: of that, nothing is looked for.
    let mut metadata = json!({ "annotations": [], "info": info, "model": model(service), "service_name": "safelight" });
    if let Some(id) = id {
        metadata["blurring_id"] = json!(id);
    }
    let boundary = boundary();
    let mut form = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"metadata\"; filename=\"metadata.json\"\r\n\
         Content-Type: application/json\r\n\r\n{metadata}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"picture.jpg\"\r\n\
         Content-Type: {media_type}\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(&picture);
    form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Ok(answer(StatusCode::OK, &format!("multipart/form-data; boundary={boundary}"), form))
}

async fn work(service: &Arc<Service>, headers: &HeaderMap, uri: &Uri, received: Received) -> Result<Made, Problem> {
    let seal = seals(service, uri)?;
    let Received { bytes, room: _room } = received;
    let mut parts = request::form(headers, bytes).await?.into_iter().filter(|part| part.name == "picture");
    let (Some(picture), None) = (parts.next(), parts.next()) else {
        return Err(Problem::wrong("send one picture, as the form's field picture"));
    };
    service.work(Order { file: picture.bytes, scene: Some(Scene::Published), seal, ..Order::default() }).await
}

/// Whether the original is to be kept.
fn seals(service: &Service, uri: &Uri) -> Result<bool, Problem> {
    let query = request::query(uri);
    if query.iter().filter(|(name, _)| name == "keep").count() > 1 {
        return Err(Problem::wrong("keep is given twice"));
    }
    match query.iter().find(|(name, _)| name == "keep").map(|(_, value)| value.as_str()) {
        None | Some("0" | "") => Ok(false),
        Some("1") if service.about.keeps => Ok(true),
        Some("1") => Err(Problem::wrong(
            "keep=1 is for a service that was given a vault and a site pack; this one keeps nothing",
        )),
        Some("2") => {
            Err(Problem::wrong("keep=2 asks for a picture that is not blanked, which this service never gives"))
        }
        Some(_) => Err(Problem::wrong("keep is 0 or 1")),
    }
}

fn info(region: &Region) -> Value {
    json!({ "class": region.kind.name(), "confidence": hundredths(region.score), "xywh": region.seen })
}

fn model(service: &Service) -> Value {
    json!({ "name": "safelight", "version": service.about.version })
}
