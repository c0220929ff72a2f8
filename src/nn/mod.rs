//! Runs small convolutional nets on one core, fast: exactly the layers that the eyes need.
//!
//! Owns the weight file's format, the kernels and the scratch memory. Knows nothing of plates, faces or images: it turns
//! a plane of luma into tensors.
//!
//! A [`Model`] is parsed and packed once and shared through an `Arc`; each thread has a [`Session`] of its own, which
//! keeps its buffers from image to image. Results do not depend on what ran before.
//!
//! Nets multiply whole numbers, bytes and words, whose steps the weight file fixes: every instruction set gives the same
//! answers, bit for bit.

mod format;
mod half;
mod kernels;
mod model;
mod multiply;
mod plane;
mod quantise;
mod session;

#[cfg(test)]
mod reference;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use format::{MAGIC, ModelError};
pub use model::Model;
pub use session::{Output, RunError, Session};
