//! What needs another engine: detectors from ONNX files, and our engine held against `rten`.
//!
//!     cargo test --features onnx --test onnx
//!
//! All files are written by the tests themselves.

#[path = "../common/mod.rs"]
mod common;
mod detectors;
mod engine;
mod models;
mod proto;
mod slnn;
