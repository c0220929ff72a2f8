//! Plate Recognizer's Snapshot API: `POST /v1/plate-reader/` with a form's `upload`.
//!
//! In `plate` stands what the operator lets out: a pseudonym, or the text. No vehicle is looked for, and no region told.

use std::sync::Arc;
use std::time::Instant;

use data_encoding::BASE64_MIME_PERMISSIVE;
use http::StatusCode;
use http::header::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::{Answer, Problem, json_answer};
use crate::redact::hundredths;
use crate::redactor::{Kind, Order, Region};
use crate::request::{self, Part, Received};
use crate::routes::Service;

/// Longest words of a request that are given back to whoever sent them.
const LONGEST_WORDS: usize = 255;

pub(crate) async fn respond(service: &Arc<Service>, headers: &HeaderMap, received: Received) -> Answer {
    let began = Instant::now();
    let asked = Asked::read(headers, received).await.map_err(Problem::into_bad_request)?;
    let Asked { picture, file_name, camera, timestamp, _room } = asked;
    let order = Order { file: picture, plates: true, ..Order::default() };
    let made = service.work(order).await.map_err(Problem::into_bad_request)?;
    let mut results: Vec<(f32, Value)> = made.done.regions.iter().filter_map(result).collect();
    // The surest first: many clients look at one.
    results.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let answer = json!({
        "processing_time": (began.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        "results": results.into_iter().map(|(_, result)| result).collect::<Vec<_>>(),
        "filename": file_name,
        "version": 1,
        "camera_id": camera,
        "timestamp": timestamp.unwrap_or_else(|| format!("{:.6}", Timestamp::now())),
    });
    Ok(json_answer(StatusCode::OK, &answer))
}

/// What a request says.
struct Asked {
    picture: bytes::Bytes,
    file_name: String,
    camera: Option<String>,
    timestamp: Option<String>,
    _room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Asked {
    async fn read(headers: &HeaderMap, received: Received) -> Result<Self, Problem> {
        let Received { bytes, room } = received;
        let (mut picture, mut file_name, mut camera, mut timestamp) = (None, None, None, None);
        for part in request::form(headers, bytes).await? {
            match part.name.as_str() {
                "upload" if picture.is_some() => {
                    return Err(Problem::wrong("send one picture, as the form's field upload"));
                }
                "upload" => {
                    file_name = part.file_name.clone().map(shortened);
                    picture = Some(if part.is_file() { part.bytes } else { encoded(&part)? });
                }
                "upload_url" => {
                    return Err(Problem::wrong("this service fetches nothing: send the picture, as upload"));
                }
                "camera_id" => camera = Some(shortened(part.text()?.to_owned())),
                "timestamp" => timestamp = Some(shortened(part.text()?.to_owned())),
                // `regions`, `mmc`, `direction` and `config` ask for what is not looked for, or weigh what is found anyway.
                _ => {}
            }
        }
        let picture = picture.ok_or_else(|| Problem::wrong("send a picture, as the form's field upload"))?;
        Ok(Self {
            picture,
            file_name: file_name.unwrap_or_else(|| "upload".to_owned()),
            camera,
            timestamp,
            _room: room,
        })
    }
}

/// A picture that was sent as text.
fn encoded(part: &Part) -> Result<bytes::Bytes, Problem> {
    let text = part.bytes.trim_ascii();
    // data:image/jpeg;base64,…
    let text = match text.strip_prefix(b"data:") {
        Some(rest) => rest.splitn(2, |byte| *byte == b',').nth(1).unwrap_or_default(),
        None => text,
    };
    let decoded = BASE64_MIME_PERMISSIVE.decode(text);
    decoded.map(Into::into).map_err(|_| Problem::wrong("upload is neither a file nor base64"))
}

fn shortened(mut words: String) -> String {
    let end = (0..=LONGEST_WORDS.min(words.len())).rev().find(|at| words.is_char_boundary(*at));
    words.truncate(end.unwrap_or(0));
    words
}

/// A plate that was read, with how sure that is.
fn result(region: &Region) -> Option<(f32, Value)> {
    let best = region.readings.first().filter(|_| region.kind == Kind::Plate)?;
    let [x, y, w, h] = region.stored;
    let mut value = json!({
        "box": { "xmin": x, "ymin": y, "xmax": x + w, "ymax": y + h },
        "plate": best.plate,
        "region": { "code": "unknown", "score": 0.0 },
        "score": hundredths(best.score),
        "candidates": region.readings.iter().map(|candidate| {
            json!({ "score": hundredths(candidate.score), "plate": candidate.plate })
        }).collect::<Vec<_>>(),
        "dscore": hundredths(region.score),
        "vehicle": { "score": 0.0, "type": "Unknown", "box": { "xmin": 0, "ymin": 0, "xmax": 0, "ymax": 0 } },
    });
    if let Some(pseudonym) = &best.pseudonym {
        value["pseudonym"] = json!(pseudonym);
    }
    Some((best.score, value))
}

/// `GET /info/`, by which clients of the self-hosted service see that it is there.
pub(crate) fn info(service: &Service) -> Value {
    let (pictures, _) = service.metrics.pictures();
    json!({ "version": service.about.version, "total_calls": pictures, "usage": { "calls": pictures } })
}
