//! Heads and faces.
