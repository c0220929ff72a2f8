//! Which request is whose, and what holds for all of them.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::answer::{Answer, Body, Problem, answer, json_answer};
use crate::guard::Guard;
use crate::metrics::{Metrics, Now};
use crate::pool::{Made, Memory, Pool};
use crate::redactor::{Order, Refusal};
use crate::request::{self, drain};
use crate::server::{Health, Limits};
use crate::{blur, openapi, page, plates, redact};

/// What does not change while a service runs.
pub(crate) struct About {
    pub(crate) version: &'static str,
    pub(crate) keeps: bool,
    pub(crate) health: Arc<Health>,
}

/// One service.
pub(crate) struct Service {
    pub(crate) about: About,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) guard: Guard,
    pub(crate) limits: Limits,
    pub(crate) pool: Pool,
    pub(crate) memory: Memory,
    /// Room for requests that are worked on.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) connections: Arc<Semaphore>,
}

/// A request's place among those that are worked on.
pub(crate) type Room = OwnedSemaphorePermit;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Page,
    Health,
    Metrics,
    OpenApi,
    Redact,
    Blur,
    BlurForm,
    Plates,
    Info,
}

impl Route {
    /// The route of a method and a path, with or without a slash at its end; else the methods that the path has.
    fn of(method: &Method, path: &str) -> Result<Self, Option<&'static str>> {
        let get = [Method::GET, Method::HEAD].contains(method);
        let post = method == Method::POST;
        let (fits, route, methods) = match path.strip_suffix('/').unwrap_or(path) {
            "" => (get, Self::Page, "GET, HEAD"),
            "/health" => (get, Self::Health, "GET, HEAD"),
            "/metrics" => (get, Self::Metrics, "GET, HEAD"),
            "/openapi.json" => (get, Self::OpenApi, "GET, HEAD"),
            "/redact" => (post, Self::Redact, "POST"),
            "/blur" if get => (true, Self::BlurForm, "GET, HEAD, POST"),
            "/blur" => (post, Self::Blur, "GET, HEAD, POST"),
            "/v1/plate-reader" => (post, Self::Plates, "POST"),
            "/info" => (get, Self::Info, "GET, HEAD"),
            _ => return Err(None),
        };
        if fits { Ok(route) } else { Err(Some(methods)) }
    }

    /// As metrics call it.
    const fn name(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
            Self::Redact => "/redact",
            Self::Blur | Self::BlurForm => "/blur/",
            Self::Plates => "/v1/plate-reader/",
            Self::Info => "/info/",
        }
    }

    /// Whether anybody may have it who may ask at all: it holds nothing of any picture.
    const fn is_open(self) -> bool {
        matches!(self, Self::Page | Self::BlurForm | Self::Health | Self::OpenApi)
    }
}

impl Service {
    /// Serves one request. Nothing of it fails: what is wrong is an answer, too.
    pub(crate) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let route = Route::of(request.method(), request.uri().path());
        let mut response = match self.serve(route, request).await {
            Ok(response) => response,
            Err(problem) => {
                let mut response = problem.response();
                if let (Err(Some(methods)), StatusCode::METHOD_NOT_ALLOWED) = (route, problem.status) {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
                }
                if problem.status == StatusCode::UNAUTHORIZED {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        headers
            .entry(CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        self.metrics.request(route.map_or("other", Route::name), response.status());
        response
    }

    async fn serve(self: &Arc<Self>, route: Result<Route, Option<&'static str>>, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let (headers, uri) = (&head.headers, &head.uri);
        let route = route.map_err(|methods| match methods {
            Some(_) => Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked otherwise"),
            None => Problem::new(StatusCode::NOT_FOUND, "there is nothing here; see /openapi.json"),
        });
        let admitted = self
            .guard
            .admits(headers, uri)
            .and_then(|()| request::must_be_plain(headers))
            .and(route)
            .and_then(|route| if route.is_open() { Ok(route) } else { self.guard.knows(headers).map(|()| route) });
        let route = match admitted {
            Ok(route) => route,
            Err(problem) => {
                drain(headers, body, self.limits.body_bytes).await;
                return Err(problem);
            }
        };
        match route {
            Route::Page | Route::BlurForm => return Ok(page::response()),
            Route::Health => {
                let (code, status) = match self.about.health.is_well() {
                    true => (StatusCode::OK, "ok"),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "originals cannot be sealed any more"),
                };
                return Ok(json_answer(code, &json!({ "status": status, "version": self.about.version })));
            }
            Route::Metrics => {
                return Ok(answer(
                    StatusCode::OK,
                    "text/plain; version=0.0.4; charset=utf-8",
                    self.metrics.text(&self.now()),
                ));
            }
            Route::OpenApi => {
                return Ok(answer(StatusCode::OK, "application/json", openapi::document(self.about.version)));
            }
            Route::Info => return Ok(json_answer(StatusCode::OK, &plates::info(self))),
            Route::Redact | Route::Blur | Route::Plates => {}
        }
        let bounds = request::Bounds {
            most: self.limits.body_bytes,
            time: self.limits.receive,
            memory: &self.memory,
            connections: &self.connections,
        };
        let received = request::body(headers, body, &bounds).await?;
        // Only who has sent all of it takes a place: one who sends slowly keeps nobody out.
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Problem::busy("too many requests are under way; try again"))?;
        match route {
            Route::Redact => redact::respond(self, headers, uri, received, room).await,
            Route::Blur => blur::respond(self, headers, uri, received).await,
            _ => plates::respond(self, headers, received).await,
        }
    }

    /// Has one picture worked on, and its original sealed if that was wanted.
    pub(crate) async fn work(&self, order: Order) -> Result<Made, Problem> {
        let seal = order.seal;
        let work = async {
            let mut made = self.pool.work(order).await?;
            if seal {
                let receipt = made.done.sealed.take().ok_or(Refusal::Fault)?;
                made.sealed = Some(receipt.0.await.map_err(|_| Refusal::Fault)??);
                self.metrics.sealed();
            }
            Ok::<_, Refusal>(made)
        };
        match timeout(self.limits.answer, work).await {
            Ok(made) => Ok(made?),
            Err(_) => Err(Problem::busy("the picture took too long; try again")),
        }
    }

    /// Of a batch, how many are worked on at once.
    pub(crate) fn ahead(&self) -> usize {
        2 * self.limits.jobs.get()
    }

    fn now(&self) -> Now {
        Now {
            waiting: self.pool.waiting(),
            under_way: self.limits.requests.saturating_sub(self.room.available_permits()),
            connections: self.limits.connections.saturating_sub(self.connections.available_permits()),
        }
    }
}

impl Limits {
    /// Longest that a connection may be without a byte from its client: as long as one request may take in all.
    pub(crate) fn silence(&self) -> Duration {
        self.receive + self.answer + Duration::from_secs(20)
    }
}
