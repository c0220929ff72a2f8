//! To come.

pub mod record;
