//! What goes back: bodies, errors, parts.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::json;

use crate::redactor::Refusal;

/// A body whose making never fails: what could fail was done before.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// How a request ended.
pub(crate) type Answer = Result<Response<Body>, Problem>;

/// Why a request was not served. What it says holds nothing that came in.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    /// Seconds after which it is worth trying again.
    pub(crate) retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// The request is wrong.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Too much is under way.
    pub(crate) fn busy(detail: &str) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// As the APIs say it whose errors about a picture are all 400.
    pub(crate) fn into_bad_request(self) -> Self {
        match self.status {
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self { status: StatusCode::BAD_REQUEST, ..self }
            }
            _ => self,
        }
    }

    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = json_answer(self.status, &json!({ "detail": self.detail }));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Unreadable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Asked(_) => StatusCode::BAD_REQUEST,
            Refusal::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, refusal.to_string())
    }
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    BodyExt::boxed_unsync(Full::new(bytes.into()))
}

/// A whole answer of `media_type`.
pub(crate) fn answer(status: StatusCode, media_type: &str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = status;
    // Every media type is one of our own.
    if let Ok(value) = HeaderValue::from_str(media_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

pub(crate) fn json_answer(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    answer(status, "application/json", value.to_string())
}

/// What parts a multipart body, which occurs in no part: 128 random bits.
pub(crate) fn boundary() -> String {
    let [a, b] = [(); 2].map(|()| RandomState::new().hash_one(0));
    format!("safelight-{a:016x}{b:016x}")
}
