//! The page at `/`: a person drops a picture and sees it blanked. One file, in which everything is.

use http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::answer::{Body, answer};

const PAGE: &str = include_str!("page.html");

/// What the page may do: its own script and style, pictures that it holds, and questions to where it comes from.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob: data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn response() -> Response<Body> {
    let mut response = answer(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    response
}
