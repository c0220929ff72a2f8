//! What comes in: bodies within limits, forms, queries.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use crate::answer::Problem;
use crate::pool::Memory;

/// Most parts of a form. A batch of more is several requests.
const MOST_PARTS: usize = 256;
/// Longest text of a form's field: texts are names and settings.
const LONGEST_TEXT: usize = 64 << 10;
/// Time for a request's body while others wait for a connection.
const RECEIVE_AMONG_MANY: Duration = Duration::from_secs(10);
/// How often it is looked whether others wait.
const LOOK: Duration = Duration::from_secs(1);
/// How long the rest of a request that was refused is listened to, so that its client hears why.
const DRAIN: Duration = Duration::from_secs(5);
/// How long it may be quiet.
const QUIET: Duration = Duration::from_millis(500);

/// Whether a body comes as it is: in which codings else, nobody here reads.
pub(crate) fn must_be_plain(headers: &HeaderMap) -> Result<(), Problem> {
    let others = |name, usual: &str| {
        let all = headers.get_all(name).iter();
        let mut codings = all.flat_map(|value| value.to_str().unwrap_or("?").split(',')).map(str::trim);
        codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(usual))
    };
    if others(TRANSFER_ENCODING, "chunked") {
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "a body may be chunked, and in no other transfer coding",
        ));
    }
    if others(CONTENT_ENCODING, "identity") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the body as it is, without Content-Encoding",
        ));
    }
    Ok(())
}

/// A body and the room that it takes.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// What bodies are held to.
pub(crate) struct Bounds<'b> {
    /// Bytes of one.
    pub(crate) most: u64,
    /// For one to arrive, as long as there is a connection for others.
    pub(crate) time: Duration,
    /// For all that are held.
    pub(crate) memory: &'b Memory,
    /// That nobody has.
    pub(crate) connections: &'b Semaphore,
}

impl Bounds<'_> {
    /// Ends when a body that began now takes too long. Who sends slowly may, until all connections are taken: they would keep all
    /// others out.
    async fn too_long(&self) {
        let begun = Instant::now();
        while begun.elapsed() < self.time {
            sleep(LOOK.min(self.time)).await;
            if self.connections.available_permits() == 0 && begun.elapsed() >= RECEIVE_AMONG_MANY {
                return;
            }
        }
    }
}

/// Reads a body within `bounds`.
pub(crate) async fn body(headers: &HeaderMap, mut body: Incoming, bounds: &Bounds<'_>) -> Result<Received, Problem> {
    let Bounds { most, memory, .. } = *bounds;
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a request may have {most} bytes; send fewer or smaller pictures"),
        )
    };
    let claimed = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if claimed.is_some_and(|claimed| claimed > most) {
        drain(headers, body, most).await;
        return Err(too_large());
    }
    // The room is taken as bytes come: who only claims to send much takes none.
    let receive = async {
        let mut bytes = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Problem::wrong("the request ended before its end"))?;
            let Ok(data) = frame.into_data() else { continue };
            if (bytes.len() + data.len()) as u64 > most {
                return Err(too_large());
            }
            // Twice: a form's parts are copied out of it.
            let more = memory
                .try_hold(2 * data.len())
                .ok_or_else(|| Problem::busy("too much is being received; try again"))?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Received { bytes: bytes.freeze(), room })
    };
    let received = {
        let (receive, too_long) = (pin!(receive), pin!(bounds.too_long()));
        match select(receive, too_long).await {
            Either::Left((received, _)) => Some(received),
            Either::Right(_) => None,
        }
    };
    match received {
        Some(Ok(received)) => Ok(received),
        Some(Err(problem)) => {
            drain(headers, body, most).await;
            Err(problem)
        }
        None => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive")),
    }
}

/// Lets a refused request's body pass by, for a while: a client that is still sending would else see a broken connection, and not
/// the answer. One that waits to be told to send hears the answer instead.
pub(crate) async fn drain(headers: &HeaderMap, mut body: Incoming, most: u64) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let pass = async {
        let mut passed = 0;
        // Who waits for the answer before sending more has long to wait.
        while let Ok(Some(Ok(frame))) = timeout(QUIET, body.frame()).await {
            passed += frame.data_ref().map_or(0, |data| data.len() as u64);
            if passed > most {
                return;
            }
        }
    };
    let _ = timeout(DRAIN, pass).await;
}

/// A field of a form.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Part {
    /// Whether it was sent as a file.
    pub(crate) fn is_file(&self) -> bool {
        self.file_name.is_some()
    }

    /// Its text.
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        let text = str::from_utf8(&self.bytes).ok().filter(|text| text.len() <= LONGEST_TEXT);
        text.ok_or_else(|| Problem::wrong("a field of the form is no text"))
    }
}

pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The boundary of a multipart body, if that is what was sent.
pub(crate) fn boundary(headers: &HeaderMap) -> Option<String> {
    multer::parse_boundary(media_type(headers)).ok()
}

/// All fields of a form, in its order.
pub(crate) async fn form(headers: &HeaderMap, bytes: Bytes) -> Result<Vec<Part>, Problem> {
    let boundary = boundary(headers).ok_or_else(|| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send a form: multipart/form-data with a boundary")
    })?;
    let broken = |_| Problem::wrong("the form is broken: its parts cannot be told apart");
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, Infallible>(bytes)]), boundary);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if parts.len() == MOST_PARTS {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a form may have {MOST_PARTS} parts; send several"),
            ));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        parts.push(Part { name, file_name, bytes: field.bytes().await.map_err(broken)? });
    }
    Ok(parts)
}

/// What stands behind the question mark, in order.
pub(crate) fn query(uri: &http::Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Whether a client says that it takes `wanted`.
pub(crate) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    headers.get_all(http::header::ACCEPT).iter().filter_map(|value: &HeaderValue| value.to_str().ok()).any(|accepted| {
        accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
    })
}
