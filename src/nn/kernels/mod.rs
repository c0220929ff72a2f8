//! The arithmetic: one file a kind of layer, each written once over [`pulp::Simd`].
//!
//! Owns loops over cells and channels. Trusts the layouts that the plan made; a wrong one is a panic at a slice, never
//! a wrong read.

pub mod conv;
pub mod depthwise;
pub mod pointwise;
