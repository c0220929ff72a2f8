//! Draws photographs of vehicles and travellers that never existed, with the truth about them.
//!
//! Owns the world (vehicles and people who come back), everything drawn, the camera, and the truth. Knows nothing of
//! detectors, keys or vaults; used by the command line, tests and benches only.

pub mod scene;

pub mod body;
pub mod booth;
pub mod decoy;
pub mod head;
pub mod person;
mod sculpt;
