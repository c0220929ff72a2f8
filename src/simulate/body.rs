//! Bodies below the head.
