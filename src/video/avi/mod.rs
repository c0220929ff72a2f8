//! AVI: RIFF files of AVI 1.0 and of OpenDML, as cameras write them.
//!
//! Owns the container's structure. Knows nothing of what a frame shows.
//!
//! The reader walks the file from its beginning, and believes no index: an index may leave out, repeat or invent frames, and
//! what lies in the file is what somebody may see. The writer makes an index anew. Of a file's other parts (names, dates,
//! places, texts, tables of makers) nothing is carried over.

mod headers;
mod read;
mod write;

pub use headers::{FourCc, Kind, Stream};
pub use read::{AviError, Chunk, Reader};
pub use write::Writer;

/// Most streams in a file: cameras have one or two pictures and a microphone each.
const MAX_STREAMS: usize = 16;

/// Most bytes of the list of headers: each stream takes some hundred bytes, and indices within them some thousands.
const MAX_HEADERS: u64 = 4 << 20;

/// Most chunks in a file: a day of 30 frames a second with as many pieces of sound has five million. This bounds what the
/// list of them takes to 128 MB.
const MAX_CHUNKS: usize = 8_000_000;

/// Longest chunk. Sound may lie in one piece, as long as it is; beyond this an index has no room for it.
const MAX_CHUNK: u32 = 1 << 30;

/// Longest frame that is taken into memory: cameras of 8K write a tenth of it.
pub const MAX_FRAME: u32 = 64 << 20;

#[cfg(test)]
mod tests;
