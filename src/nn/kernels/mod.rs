//! What a net computes, a row at a time.
//!
//! Safe code throughout: offsets come from layouts that were checked, and a mistake is a panic at a slice, never
//! a wrong read.

pub mod conv;
pub mod finish;
