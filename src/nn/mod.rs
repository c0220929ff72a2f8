//! Runs small convolutional nets on one core, fast: exactly the layers that the eyes need.
//!
//! Owns the weight file's format, the kernels and the scratch memory. Knows nothing of plates, faces or images: it turns
//! a plane of luma into tensors.
//!
//! A [`Model`] is parsed and packed once and shared through an `Arc`; each thread has a [`Session`] of its own, which
//! keeps its buffers from image to image. Results do not depend on what ran before.
//!
//! Where the processor multiplies bytes or bfloat16 numbers faster than singles, a model uses that unless it is asked for
//! [`Precision::Single`].

mod bf16;
mod bytes;
mod format;
mod half;
mod kernels;
mod model;
mod plane;
mod session;
mod simd;

#[cfg(test)]
mod reference;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use format::{MAGIC, ModelError};
pub use model::Model;
pub use session::{Output, RunError, Session};
pub use simd::Precision;
