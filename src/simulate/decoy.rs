//! What resembles a plate or a face and is none.
