//! The HTTP face of `safelight serve`: pictures come in over APIs that other people's software speaks already, and go out blanked.
//!
//! Owns everything about HTTP: routes, multipart, the shapes of three APIs, limits of size, time and number, metrics, the page for
//! a person, the OpenAPI document. Knows nothing of nets, image formats, keys or vaults: it asks a [`Redactor`].
//!
//! | you have | you want | begin at |
//! |---|---|---|
//! | an address and limits | a socket that listens | [`Server::bind`] |
//! | something that blanks pictures | to serve it until somebody says stop | [`Redactor`], [`Server::run`] |
//!
//! What is deliberately absent: no file is written or read but the socket; nothing is fetched; nothing is logged; no text that
//! came in with a request, or was read on a picture, is in a metric or in an error.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

mod answer;
mod blur;
mod guard;
mod metrics;
mod openapi;
mod page;
mod plates;
mod pool;
mod redact;
mod redactor;
mod request;
mod routes;
mod server;

pub use guard::Token;
pub use redactor::{Candidate, Choice, Done, Kind, Order, Receipt, Redactor, Refusal, Region, Scene, Sealing, Worker};
pub use server::{Health, Limits, Server, Settings, Summary};
