//! The body: any number of bytes under a section key, as C2SP chunked encryption (Cobblestone-256).
//!
//! Chunks of 16 KiB, each authenticated; the key is committed to; any range can be read without the rest.

use std::io::{self, Read, Seek, Write};

use cobblestone::{EncryptWriter, Key256, RandomAccessDecryptor};

use super::SectionKey;

/// Bytes that sealing adds to an empty body: salt, commitment and one tag.
pub const BODY_OVERHEAD: u64 = 24 + 32 + 16;

/// Length of the sealed form of `plain` bytes; `None` beyond 4 PiB.
pub fn sealed_len(plain: u64) -> Option<u64> {
    cobblestone::ciphertext_size(plain)
}

/// Why a body does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The key or the context is not the one it was sealed with, or its first bytes were altered.
    #[error("it was not sealed with this key for this place, or its head was altered")]
    Commitment,
    /// Altered, cut, reordered or extended.
    #[error("it was altered, cut or extended{}", chunk.map_or_else(String::new, |chunk| format!(" (chunk {chunk})")))]
    Altered {
        /// The chunk that failed, when known.
        chunk: Option<u64>,
    },
    /// The plaintext has no such range.
    #[error("it is shorter than its own index says")]
    Range,
    /// The file could not be read.
    #[error("it could not be read")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BodyError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<cobblestone::Error>() {
            Ok(cobblestone::Error::InvalidCommitment) => Self::Commitment,
            Ok(cobblestone::Error::DecryptionFailed { chunk }) => Self::Altered { chunk: Some(chunk) },
            Ok(_) => Self::Altered { chunk: None },
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Range,
            Err(error) => Self::Io(error),
        }
    }
}

/// Seals what is written to it. [`Self::finish`] must be called, or what was written cannot be opened.
pub struct BodyWriter<W: Write>(EncryptWriter<W>);

impl<W: Write> BodyWriter<W> {
    /// Starts a body. `context` is not stored; opening needs the same.
    pub fn new(key: &SectionKey, context: &[u8], inner: W) -> Self {
        Self(EncryptWriter::new(&Key256::from_bytes(key.expose()), context, inner))
    }

    /// Writes the last chunk and gives the inner writer back.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for BodyWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads any range of a body; only the chunks that hold it are opened.
pub struct BodyReader<R: Read + Seek>(RandomAccessDecryptor<R>);

impl<R: Read + Seek> BodyReader<R> {
    /// Opens the body that `inner` is, from its first byte to its last, and authenticates its length.
    pub fn new(key: &SectionKey, context: &[u8], inner: R) -> Result<Self, BodyError> {
        Ok(Self(RandomAccessDecryptor::new(&Key256::from_bytes(key.expose()), context, inner)?))
    }

    /// Length of the plaintext in bytes.
    pub fn plain_len(&self) -> u64 {
        self.0.plaintext_len()
    }

    /// Fills `buffer` from `offset` of the plaintext.
    pub fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), BodyError> {
        Ok(self.0.read_exact_at(buffer, offset)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_was_altered_is_said_in_words() {
        let said = |chunk| BodyError::Altered { chunk }.to_string();
        assert_eq!(said(Some(49)), "it was altered, cut or extended (chunk 49)");
        assert_eq!(said(None), "it was altered, cut or extended");
    }
}
