//! Safelight reads folders of vehicle and traveller photographs, replaces plates and faces by keyed
//! pseudonyms, blanks their pixels, and seals every byte before it touches a disk.
//!
//! The modules stand in the order in which an image passes them; dependencies point one way (see ARCHITECTURE.md):
//!
//! | you have | you want | begin at |
//! |---|---|---|
//! | image bytes | pixels within limits, or a clear refusal | [`frame`] |
//! | pixels | plates and faces | [`vision`] |
//! | moving pictures | frames, and what is in them between those in which it was found | [`video`] |
//! | plate text | a pseudonym | [`pseudonym`] |
//! | regions | a scene that shows none of them | [`redact`] |
//! | bytes and a public key | bytes that only the private key opens | [`seal`] |
//! | captures | a folder that is worthless to a thief | [`vault`] |
//! | an institution | keys, and who holds which | [`custody`] |
//! | a folder of photographs | all of the above, in parallel | [`pipeline`] |
//! | a look | an entry that cannot be taken back | [`audit`] |
//! | a partner | a copy under pseudonyms of its own | [`export`] |
//! | doubt | attacks on all of it | [`breach`] |
//! | a theft | what was taken, and whom to tell | [`impact`] |
//! | no photographs | drawn ones, with truth | [`simulate`] |

// Denied, not forbidden: `simd::vnni` has one reasoned exception.
#![deny(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

mod files;
mod words;
mod written;

pub mod capture;
pub mod geometry;

pub mod simd;

pub mod jpeg;

pub mod frame;
pub mod nn;
pub mod vision;

pub mod video;

pub mod pseudonym;
pub mod redact;

pub mod seal;
pub mod vault;

pub mod custody;

pub mod audit;
pub mod pipeline;

pub mod breach;
pub mod export;
pub mod impact;
pub mod report;

pub mod simulate;

mod sheet;

pub mod cli;
